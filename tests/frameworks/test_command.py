"""`python -m app load-frameworks`: what it says, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.frameworks import command
from app.frameworks.models import ProgrammeVersion, SupervisionRule
from seed.frameworks import reference_files
from tests.factory import Make
from tests.frameworks.drafts import ASYE, altered

VERSIONS = select(func.count()).select_from(ProgrammeVersion)


def test_a_dry_run_says_what_would_be_and_changes_nothing(database: Database, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(database, reference_files(), dry_run=True) == 0
    said = capsys.readouterr().out
    assert "added: programme ASYE-CF 2026-04\n" in said and "added: apprenticeship rules APP-2025\n" in said
    assert said.endswith("This was a dry run: nothing was changed.\n")
    assert make.rows(VERSIONS)[0][0] == 0


def test_files_are_loaded_as_drafts_then_published(database: Database, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(database, reference_files()) == 0
    assert "Drafts count for nobody until they are published" in capsys.readouterr().out
    assert {row.state for row in make.rows(select(ProgrammeVersion.state))} == {"draft"}
    assert command.run(database, reference_files(), publish=True) == 0
    said = capsys.readouterr().out
    assert "already there: programme ECDP 2027-provisional\n" in said and "published: 14\n" in said
    for table in (ProgrammeVersion, SupervisionRule):
        assert {row.state for row in make.rows(select(table.state))} == {"published"}


def test_a_wrong_file_is_refused_with_every_line(
    database: Database, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "asye.yaml"
    wrong.write_text(altered(ASYE, ("nominal_months: 12", "nominal_months: none"), ("kind: agreement", "kind: contract")))
    assert command.run(database, [*reference_files(), wrong], publish=True) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"asye.yaml, line {ASYE[: ASYE.index('nominal_months')].count(chr(10)) + 1}, programme › nominal_months: ")
    assert said[-1] == "Nothing was loaded: 2 problems."
    assert make.rows(VERSIONS)[0][0] == 0
    alone = [path for path in reference_files() if path.name == "asye_cf.yaml"]
    assert command.run(database, alone) == 1
    assert "There is no standards set PQS-PRACTITIONER 2018 here." in capsys.readouterr().err
