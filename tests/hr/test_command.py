from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.hr import command
from app.hr.models import ImportRow
from app.people.models import Person
from tests.hr.extracts import write_csv
from tests.hr.test_imports import AS_AT, Office, office, person

__all__ = ["office"]


def run(office: Office, lines: list[dict[str, str]], tmp_path: Path, mapping: str = "", **options: object) -> int:
    path = write_csv(tmp_path / "people.csv", lines)
    rules = None
    if mapping:
        rules = tmp_path / "map.yaml"
        rules.write_text(mapping)
    return command.run(office.database, path, mapping=rules, as_at=AS_AT, **options)  # type: ignore[arg-type]


def test_a_dry_run_prints_the_preview_and_keeps_nothing(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(office, [person("1"), person("2")], tmp_path, dry_run=True) == 0
    said = capsys.readouterr().out
    assert "Joiners:       2" in said
    assert "First1 Last1 (1, line 2): Starts on Monday 6 January 2020; Team: Meadow, from Monday 6 January 2020" in said
    assert "Dry run: nothing was changed." in said
    assert office.rows(select(Person.id)) == []
    assert office.rows(select(ImportRow.id)) == []


def test_applying_from_the_command_line(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(office, [person("1")], tmp_path) == 0
    assert "Applied." in capsys.readouterr().out
    assert run(office, [person("1")], tmp_path) == 0
    assert "Unchanged:       1" in capsys.readouterr().out


def test_problems_are_printed_with_line_column_value_and_remedy(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(office, [person("1"), person("2", **{"SWE number": "SW0"})], tmp_path) == 2
    said = capsys.readouterr().out
    assert "line 3, SWE number: “SW0”. This is not a Social Work England number" in said
    assert "Nothing was applied: 1 problem on 1 line" in said
    assert office.rows(select(Person.id)) == []


def test_leavers_by_omission_are_confirmed_by_number(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    office.send([person(str(n)) for n in range(10)], as_at=AS_AT - timedelta(7))
    rest = [person(str(n)) for n in range(4, 10)]
    assert run(office, rest, tmp_path, "extract: full") == 2
    assert "--confirm-leavers 4" in capsys.readouterr().err
    assert run(office, rest, tmp_path, "extract: full", dry_run=True) == 0
    assert "add --confirm-leavers 4" in capsys.readouterr().out
    assert run(office, rest, tmp_path, "extract: full", confirm_leavers=4) == 0


def test_a_file_or_mapping_that_is_refused(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(office, [person("1")], tmp_path, "nonsense: 1") == 2
    assert "nonsense" in capsys.readouterr().err
    assert command.run(office.database, tmp_path / "missing.csv") == 2
    assert "cannot be opened" in capsys.readouterr().err
    assert run(office, [{"a": "b"}], tmp_path) == 2
