"""What an extract may hold that nobody meant: told in words about a line or the file, and nobody else's people named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.errors import Invalid
from app.hr import command
from app.hr.mapping import load_mapping
from app.hr.models import Import, ImportProblem
from app.hr.operations import staging
from app.hr.problems import MappingRefused
from app.people.details import person_values
from app.people.models import Person
from tests.factory import Make
from tests.hr.extracts import as_csv, write_csv
from tests.hr.test_imports import Office, office, person
from tests.hr.test_pages import follow, upload

__all__ = ["office"]


def test_people_out_of_reach_are_not_named(office: Office, make: Make, sign_in: Callable[[Any], TestClient]) -> None:
    make.person("Joan Pemble", employee_number="777", email="joan@westmarch.example")
    elsewhere = make.organisation("Eastmoor Council", host=False)
    make.person("Cal Ender", organisation=elsewhere, employee_number="E8", email="cal@eastmoor.example")
    eve = make.person("Eve", organisation=elsewhere, roles=("HR officer",), scope=elsewhere)
    lines = [
        person("E1", Email="joan@westmarch.example", Team="", Organisation="Eastmoor Council"),
        person("E2", Email="cal@eastmoor.example", Team="", Organisation="Eastmoor Council"),
    ]
    browser = sign_in(eve)
    path, preview = follow(browser, upload(browser, as_csv(lines)))
    shown = preview + browser.get(f"{path}?show=problems").text + browser.get(f"{path}/problems.csv").text
    assert "already belongs to somebody else." in shown
    assert "Pemble" not in shown and "777" not in shown
    assert "already belongs to Cal" in shown and "(employee number E8)" in shown


@pytest.mark.parametrize("name", ["", "x" * 101, "…", "-", "\u202e"])
def test_a_bad_name_is_a_problem_of_its_line(office: Office, name: str) -> None:
    import_id, counts = office.stage([person("1"), person("2") | {"First name": name}])
    found = office.rows(select(ImportProblem.line, ImportProblem.column_name, ImportProblem.remedy))
    assert {(problem.line, problem.column_name) for problem in found} == {(3, "First name")}
    assert all(problem.remedy for problem in found)
    assert counts["rows"] == 2 and counts["invalid"] == 1
    assert office.rows(select(Import.id, Import.state)) == [(import_id, "staged")]


def test_what_only_the_people_room_refuses_is_a_problem_of_its_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(values: dict[str, Any]) -> dict[str, Any]:
        if values["last_name"] == "Odd":
            raise Invalid("No.", errors=[{"field": "last_name", "message": "Enter a last name"}])
        return person_values(values)

    monkeypatch.setattr(staging, "person_values", strict)
    _, counts = office.stage([person("1"), person("2", "Ann", "Odd")])
    (found,) = office.rows(select(ImportProblem.__table__))
    assert (found.line, found.column_name, found.value, found.wrong) == (3, "Last name", "Odd", "Enter a last name.")
    assert found.remedy == "Correct the value in the file." and counts["invalid"] == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 3_000, "- " * 100_000 + "a"])
def test_a_mapping_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(MappingRefused, match="too deeply"):
        load_mapping(text)


def test_a_mapping_that_is_too_long_is_refused(tmp_path: Path) -> None:
    text = "ignore: [" + "x, " * 100_000 + "x]"
    with pytest.raises(MappingRefused, match="larger than 256 KB"):
        load_mapping(text)
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(MappingRefused, match="larger than 256 KB"):
        load_mapping(tmp_path / "m.yaml")


def test_a_deep_mapping_on_the_page(office: Office, make: Make, sign_in: Callable[[Any], TestClient]) -> None:
    browser = sign_in(make.person("Hana", roles=("HR officer",), scope=make.organisation()))
    reply = upload(browser, as_csv([person("1")]), mapping="[" * 100_000)
    assert reply.status_code == 422 and "too deeply" in reply.text


def test_a_folder_or_a_file_that_may_not_be_read(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.run(office.database, tmp_path) == 2
    assert "is a folder" in capsys.readouterr().err
    assert command.run(office.database, write_csv(tmp_path / "e.csv", [person("1")]), mapping=tmp_path) == 2
    assert "cannot be read" in capsys.readouterr().err
    path = write_csv(tmp_path / "people.csv", [person("1")])

    def closed(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    assert command.run(office.database, path) == 2
    assert "people.csv cannot be read: Permission denied" in capsys.readouterr().err
    assert office.rows(select(Person.id)) == []
