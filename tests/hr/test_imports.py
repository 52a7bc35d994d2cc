from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import FOREVER, Database
from app.core.errors import Conflict, Invalid
from app.core.facts import current
from app.core.tx import SYSTEM, Tx, transaction
from app.hr import imports, operations
from app.hr.mapping import Mapping, load_mapping
from app.hr.models import Import, ImportProblem, ImportRow
from app.people import operations as people
from app.people.details import person_values
from app.people.models import CareerStage, Membership, Person, Post, Responsibility, RoleHeld, Stage, Unit
from tests.factory import Make
from tests.hr.extracts import write_csv

AS_AT = date(2026, 11, 2)
FULL = Mapping(full=True)


def person(number: str, first: str = "", last: str = "", **more: Any) -> dict[str, Any]:
    """A line of an extract, all columns filled."""
    first, last = first or f"First{number}", last or f"Last{number}"
    return {
        "Employee number": number, "First name": first, "Last name": last, "Email": f"{first}.{last}@westmarch.example".lower(),
        "SWE number": "", "Job title": "Social worker", "Stage": "SW", "Contract": "permanent", "FTE": "1", "Working days": "Mon-Fri",
        "Team": "Meadow", "Manager number": "", "Start date": "2020-01-06", "Leaving date": "", **more,
    }  # fmt: skip


@dataclass
class Office:
    """An HR office: sends extracts and looks at what came of them."""

    database: Database
    folder: Path

    def turn(self) -> AbstractContextManager[Tx]:
        return transaction(self.database, SYSTEM, writes=True)

    def stage(
        self, lines: list[dict[str, Any]], mapping: Mapping | None = None, as_at: date = AS_AT, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        path = write_csv(self.folder / "extract.csv", lines, **options)
        return imports.stage(self.turn, path, mapping or Mapping(), file_name=path.name, as_at=as_at)

    def send(
        self, lines: list[dict[str, Any]], mapping: Mapping | None = None, as_at: date = AS_AT, confirmed: int | None = None
    ) -> dict[str, int]:
        """Stage and apply; returns the labels that were not empty. Those who leave by a date in the file are confirmed as they are."""
        import_id, counts = self.stage(lines, mapping, as_at)
        by_date = counts.get("leaver") if not counts.get("left out") else None
        with self.turn() as tx:
            operations.apply(tx, import_id, confirmed_leavers=by_date if confirmed is None else confirmed)
        return labels(counts)

    def rows(self, statement: Any) -> list[Any]:
        with transaction(self.database, SYSTEM, writes=False) as tx:
            return list(tx.rows(statement))

    def problems(self, import_id: int) -> list[tuple[int, str, str]]:
        found = self.rows(
            select(ImportProblem.line, ImportProblem.column_name, ImportProblem.wrong).where(ImportProblem.import_id == import_id)
        )
        return sorted((row.line, row.column_name, row.wrong) for row in found)

    def held(self, table: Any, number: str, day: date = AS_AT, **which: Any) -> Any:
        """The row of a dated table that is true of somebody on a day."""
        conditions = [getattr(table, key) == value for key, value in which.items()]
        found = self.rows(
            select(table.__table__)
            .join(Person, Person.id == table.person_id)
            .where(Person.employee_number == number, current(table, day), *conditions)
        )
        assert len(found) <= 1
        return found[0] if found else None

    def team(self, number: str, day: date = AS_AT) -> str | None:
        row = self.held(Membership, number, day)
        return None if row is None else self.rows(select(Unit.name).where(Unit.id == row.unit_id))[0].name

    def manager(self, number: str, day: date = AS_AT) -> str | None:
        row = self.held(Responsibility, number, day, kind="manager")
        return None if row is None else self.rows(select(Person.employee_number).where(Person.id == row.holder_id))[0].employee_number

    def person(self, number: str) -> Any:
        return self.rows(select(Person.__table__).where(Person.employee_number == number))[0]


def labels(counts: dict[str, Any]) -> dict[str, int]:
    return {
        label: counts[label]
        for label in ("joiner", "mover", "leaver", "rejoiner", "changed", "same", "passed over", "problems")
        if counts[label]
    }


@pytest.fixture
def office(database: Database, make: Make, tmp_path: Path) -> Office:
    """A council with two teams and two career stages."""
    council = make.organisation()
    with make.tx() as tx:
        service = people.create_unit(tx, "service", "Family help", "FH", council)
        for name, code in (("Meadow", "T1"), ("Harbour", "T2"), ("Orchard", "T3")):
            people.create_unit(tx, "team", name, code, service)
        tx.insert_many(
            CareerStage,
            [
                dict(code=code, title=title, rank=30, stage_group="practitioner")
                for code, title in (("NQSW", "Newly qualified"), ("SW", "Social worker"))
            ],
        )
    return Office(database, tmp_path)


def test_joiners_get_everything_that_the_file_says(office: Office) -> None:
    boss = person("1", "Ida", "Boss", **{"Job title": "Team manager"})
    said = {
        "SWE number": "sw900001", "Manager number": "1", "FTE": "0.6", "Working days": "MTW--", "Start date": "7/9/26",
        "Stage": "Newly qualified", "Known as": "Zo", "Email": "Zoe@westmarch.example",
    }  # fmt: skip
    new = person("2", "Zoë", "O’Neill", **said)
    assert office.send([new, boss]) == {"joiner": 2}
    zoe = office.person("2")
    assert (zoe.name, zoe.email, zoe.swe_number) == ("Zo O’Neill", "zoe@westmarch.example", "SW900001")
    assert zoe.sort_name == person_values({"first_name": "Zoë", "last_name": "O’Neill", "known_as": "Zo"})["sort_name"]
    assert (zoe.started_on, zoe.leaving_on, zoe.version) == (date(2026, 9, 7), None, 1)
    assert "sw900001" in zoe.search_text and "neill" in zoe.search_text
    post = office.held(Post, "2")
    assert (float(post.fte), post.working_days, post.is_primary, post.valid_from, post.valid_to) == (
        0.6,
        "1110000",
        True,
        date(2026, 9, 7),
        FOREVER,
    )
    assert (office.team("2"), office.manager("2"), office.held(Stage, "2").stage) == ("Meadow", "1", "NQSW")
    assert office.manager("1") is None


def test_applying_the_same_file_again_changes_nothing(office: Office, ledger: Any) -> None:
    lines = [person(str(n), **{"Manager number": "1" if n > 1 else ""}) for n in range(1, 8)]
    lines.append(person("7", **{"Job title": "Practice educator", "FTE": "0.2", "Primary post": "no"}))
    assert office.send(lines, FULL) == {"joiner": 7}
    before = everything(office)
    ledger.start()
    assert office.send(lines, FULL) == {"same": 7}
    assert everything(office) == before
    assert ledger.actions() == ["import.applied"]


def everything(office: Office) -> list[list[tuple[Any, ...]]]:
    tables = (Person, Post, Membership, Stage, Responsibility, RoleHeld, Unit)
    return [[tuple(row) for row in office.rows(select(table.__table__).order_by(table.id))] for table in tables]


def test_a_dry_run_says_what_applying_then_does(office: Office, ledger: Any) -> None:
    office.send([person(str(n)) for n in range(1, 6)])
    lines = [
        person("1"),
        person("2", Team="Harbour"),
        person("3", **{"Last name": "Newname"}),
        person("4", **{"Leaving date": "30/11/2026"}),
        person("6"),
    ]
    _, counts = office.stage(lines, FULL)
    assert labels(counts) == {"joiner": 1, "mover": 1, "leaver": 2, "changed": 1, "same": 1}
    ledger.start()
    office.send(lines, FULL, confirmed=2)
    done = [action for action in ledger.actions() if not action.startswith("departure.")]
    assert sorted(done) == sorted(["person.joined", "person.moved", "person.changed", "person.left", "person.left", "import.applied"])


def test_a_move_keeps_history(office: Office) -> None:
    office.send([person("1")])
    assert office.send([person("1", Team="T2")], as_at=AS_AT + timedelta(7)) == {"mover": 1}
    assert [office.team("1", day) for day in (AS_AT, AS_AT + timedelta(6), AS_AT + timedelta(7))] == ["Meadow", "Meadow", "Harbour"]
    superseded = office.rows(select(Membership.__table__).where(Membership.superseded_at.is_not(None)))
    assert [(row.valid_to) for row in superseded] == [FOREVER]


def test_a_move_on_a_future_date_leaves_the_team_until_the_day_before(office: Office) -> None:
    office.send([person("1")])
    future = AS_AT + timedelta(30)
    line = person("1", **{"Team": "Harbour", "Team from": future.isoformat()})
    assert office.send([line]) == {"mover": 1}
    assert (office.team("1", future - timedelta(1)), office.team("1", future)) == ("Meadow", "Harbour")
    assert office.send([line]) == {"same": 1}
    assert office.send([person("1")]) == {"same": 1}  # the planned move stays while the file names the present team
    assert office.team("1", future) == "Harbour"


def test_changed_surname_and_address_on_the_same_number_is_the_same_person(office: Office) -> None:
    office.send([person("1", "Ann", "Old")])
    key = office.person("1").id
    assert office.send([person("1", "Ann", "New")]) == {"changed": 1}
    changed = office.person("1")
    assert (changed.id, changed.name, changed.email, changed.version) == (key, "Ann New", "ann.new@westmarch.example", 2)
    assert "new" in changed.search_text.split() and "old" not in changed.search_text.split()


def test_agency_workers_without_a_number_are_known_by_registration_or_address(office: Office) -> None:
    agency = {"Employee number": "", "Contract": "agency"}
    lines = [person("x", "Ann", "Agency", **agency, **{"SWE number": "SW900001"}) | agency, person("y", "Bob", "Agency") | agency]
    assert office.send(lines) == {"joiner": 2}
    assert office.send(lines) == {"same": 2}
    assert office.send([lines[0] | {"Email": "other@westmarch.example"}]) == {"changed": 1}
    taken_on = lines[0] | {"Employee number": "77", "Contract": "permanent", "Email": "other@westmarch.example"}
    assert office.send([taken_on]) == {"changed": 1}
    assert len(office.rows(select(Person.id))) == 2
    assert office.held(Post, "77").contract == "permanent"


def test_two_lines_for_one_person_are_two_posts(office: Office) -> None:
    lines = [
        person("1", **{"Job title": "Practice educator", "FTE": "0.4", "Primary post": "No"}),
        person("1", **{"FTE": "0.6", "Primary post": "Yes"}),
    ]
    assert office.send(lines) == {"joiner": 1}
    assert office.held(Post, "1", is_primary=True).job_title == "Social worker"
    assert office.held(Post, "1", is_primary=False).job_title == "Practice educator"
    assert office.send(lines) == {"same": 1}
    day = AS_AT + timedelta(10)
    assert office.send([lines[1]], as_at=day) == {"changed": 1}
    assert office.held(Post, "1", day, is_primary=False) is None
    assert office.held(Post, "1", day - timedelta(1), is_primary=False) is not None
    assert office.send([lines[0] | {"Primary post": "yes"}, lines[1] | {"Primary post": "no"}], as_at=day) == {"changed": 1}
    assert office.held(Post, "1", day, is_primary=True).job_title == "Practice educator"


def test_leavers_by_date_and_their_return(office: Office) -> None:
    office.send([person("1")])
    key = office.person("1").id
    with office.turn() as tx:
        tx.insert(
            RoleHeld, person_id=key, role="coordinator", unit_id=None, valid_from=date(2020, 1, 6), valid_to=FOREVER, recorded_at=tx.now
        )
    leaving = person("1", **{"Leaving date": "2026-11-30"})
    assert office.send([leaving]) == {"leaver": 1}
    assert office.person("1").leaving_on == date(2026, 11, 30)
    for table in (Membership, Post, Stage, RoleHeld):
        assert office.held(table, "1", date(2026, 11, 30)) is not None
        assert office.held(table, "1", date(2026, 12, 1)) is None
    assert office.send([leaving]) == {"same": 1}
    again = person("1", "First1", "Married", **{"Start date": "2027-03-01", "Team": "Harbour"})
    assert office.send([again], as_at=date(2027, 3, 8)) == {"rejoiner": 1}
    back = office.person("1")
    assert (back.id, back.leaving_on, back.started_on, back.last_name) == (key, None, date(2027, 3, 1), "Married")
    assert [office.team("1", day) for day in (date(2026, 11, 30), date(2027, 2, 28), date(2027, 3, 1))] == ["Meadow", None, "Harbour"]
    assert office.held(RoleHeld, "1", date(2027, 3, 8)) is None
    assert office.send([again], as_at=date(2027, 3, 8)) == {"same": 1}


def test_a_leaving_date_withdrawn_lets_everything_go_on(office: Office) -> None:
    office.send([person("1", **{"Leaving date": "2026-11-30"})])
    assert office.team("1", date(2026, 12, 1)) is None
    assert office.send([person("1")]) == {"changed": 1}
    assert (office.person("1").leaving_on, office.team("1", date(2027, 1, 1))) == (None, "Meadow")


def test_leavers_by_omission_only_in_a_full_extract_and_only_confirmed(office: Office) -> None:
    office.send([person(str(n)) for n in range(1, 11)])
    rest = [person(str(n)) for n in range(5, 11)]
    assert office.send(rest) == {"same": 6}
    with pytest.raises(Invalid, match="4 people of 10 would leave"):
        office.send(rest, FULL)
    with pytest.raises(Invalid):
        office.send(rest, FULL, confirmed=2)
    assert office.send(rest, FULL, confirmed=4) == {"leaver": 4, "same": 6}
    assert office.person("1").leaving_on == AS_AT - timedelta(1)
    assert office.team("1") is None
    assert office.send(rest, FULL) == {"same": 6}
    assert office.send([person("1"), *rest], FULL) == {"rejoiner": 1, "same": 6}
    assert office.team("1", AS_AT - timedelta(1)) == office.team("1") == "Meadow"


def test_a_manager_whom_a_full_extract_leaves_out_has_left(office: Office) -> None:
    office.send([person("1", "Ida", "Boss"), person("2", **{"Manager number": "1"})])
    import_id, _ = office.stage([person("2", **{"Manager number": "1"})], FULL)
    assert office.problems(import_id) == [
        (2, "Manager number", "The manager Ida Boss is not in this full extract, so they count as having left.")
    ]


def test_few_leavers_by_omission_need_no_confirmation(office: Office) -> None:
    office.send([person(str(n)) for n in range(60)])
    assert office.send([person(str(n)) for n in range(1, 60)], FULL) == {"leaver": 1, "same": 59}


def test_people_of_other_organisations_are_not_left_out(office: Office, make: Make) -> None:
    elsewhere = make.organisation("Eastmoor Council", host=False)
    make.person("Eve", organisation=elsewhere)
    assert office.send([person("1")], FULL) == {"joiner": 1}


def test_somebody_who_left_before_and_was_never_here_is_passed_over(office: Office) -> None:
    assert office.send([person("1"), person("2", **{"Leaving date": "2026-10-01"})]) == {"joiner": 1, "passed over": 1}
    assert len(office.rows(select(Person.id))) == 1


PROBLEMS: list[tuple[str, list[dict[str, Any]], list[tuple[int, str, str]]]] = [
    ("manager unknown", [person("1", **{"Manager number": "99"})], [(2, "Manager number", "Nobody here")]),
    ("own manager", [person("1", **{"Manager number": "1"})], [(2, "Manager number", "their own manager")]),
    (
        "manager left in the file",
        [person("1", **{"Manager number": "2"}), person("2", "Ida", "Gone", **{"Leaving date": "2026-10-01"})],
        [(2, "Manager number", "The manager Ida Gone has left")],
    ),
    ("manager left earlier", [person("1", **{"Manager number": "900"})], [(2, "Manager number", "The manager Old Boss has left")]),
    (
        "manager loop",
        [
            person("1", "A", "One", **{"Manager number": "2"}),
            person("2", "B", "Two", **{"Manager number": "3"}),
            person("3", "C", "Three", **{"Manager number": "1"}),
        ],
        [(line, "Manager number", "A One → B Two → C Three → A One") for line in (2, 3, 4)],
    ),
    (
        "one address, two people",
        [person("1", Email="x@westmarch.example"), person("2", Email="X@westmarch.example")],
        [(2, "Email", "Two people in the file"), (3, "Email", "Two people in the file")],
    ),
    (
        "one registration, two people",
        [person("1", **{"SWE number": "SW900001"}), person("2", **{"SWE number": "SW900001"})],
        [(2, "SWE number", "Two people in the file"), (3, "SWE number", "Two people in the file")],
    ),
    (
        "an address held by somebody else",
        [person("1", Email="deputy@westmarch.example")],
        [(2, "Email", "already belongs to Dee Puty (employee number 901)")],
    ),
    ("bad registration number", [person("1", **{"SWE number": "SW012"})], [(2, "SWE number", "not a Social Work England number")]),
    ("no such team", [person("1", Team="Nowhere")], [(2, "Team", "There is no team")]),
    ("no such stage", [person("1", Stage="Wizard")], [(2, "Stage", "no career stage")]),
    ("no start", [person("1", **{"Start date": ""})], [(2, "Start date", "nothing says when they start")]),
    (
        "two primary posts",
        [person("1", **{"Primary post": "yes"}), person("1", **{"Primary post": "yes", "Job title": "Other"})],
        [(2, "Primary post", "both say"), (3, "Primary post", "both say")],
    ),
    (
        "two surnames for one number",
        [person("1", "A", "One"), person("1", "A", "Two", Email="")],
        [(3, "Last name", "different values for the last name")],
    ),
    (
        "further posts alike",
        [person("1"), person("1", **{"Job title": "Extra"}), person("1", **{"Job title": "Extra"})],
        [(3, "Job title", "cannot be told apart"), (4, "Job title", "cannot be told apart")],
    ),
    ("other organisation", [person("1", Organisation="Nowhere Council")], [(2, "Organisation", "no organisation")]),
]


@pytest.mark.parametrize(("lines", "expected"), [case[1:] for case in PROBLEMS], ids=[case[0] for case in PROBLEMS])
def test_every_problem_names_its_line_and_column_and_nothing_is_applied(
    office: Office, make: Make, lines: list[dict[str, Any]], expected: list[tuple[int, str, str]]
) -> None:
    make.person("Old Boss", employee_number="900", email="boss@westmarch.example", leaving_on=date(2026, 6, 30))
    make.person("Dee Puty", employee_number="901", email="deputy@westmarch.example")
    before = everything(office)
    import_id, counts = office.stage([*lines, person("50")])
    found = office.problems(import_id)
    assert [(line, column) for line, column, _ in found] == [(line, column) for line, column, _ in expected]
    assert all(words in wrong for (_, _, wrong), (_, _, words) in zip(found, expected, strict=True)), found
    assert counts["problems"] == len(expected)
    with office.turn() as tx, pytest.raises(Conflict, match="whole or not at all"):
        operations.apply(tx, import_id)
    assert everything(office) == before


def test_two_people_may_swap_addresses(office: Office) -> None:
    office.send([person("1", Email="a@westmarch.example"), person("2", Email="b@westmarch.example")])
    assert office.send([person("1", Email="b@westmarch.example"), person("2", Email="a@westmarch.example")]) == {"changed": 2}
    assert (office.person("1").email, office.person("2").email) == ("b@westmarch.example", "a@westmarch.example")


def test_a_column_that_is_not_there_and_a_blank_cell_change_nothing(office: Office) -> None:
    office.send([person("1"), person("2", **{"Manager number": "1", "FTE": "0.5"})])
    short = {
        "Employee number": "2",
        "First name": "First2",
        "Last name": "Last2",
        "Start date": "",
        "Job title": "Senior social worker",
        "FTE": "",
    }
    assert office.send([short]) == {"changed": 1}
    post = office.held(Post, "2")
    assert (post.job_title, float(post.fte), office.manager("2"), office.person("2").email) == (
        "Senior social worker", 0.5, "1", "first2.last2@westmarch.example",
    )  # fmt: skip
    assert office.send([person("2", **{"Job title": "Senior social worker", "FTE": "0.5"})]) == {"changed": 1}
    assert office.manager("2") is None  # the file has the column, and nobody in it


def test_units_are_created_only_when_the_mapping_says_so(office: Office) -> None:
    lines = [
        person("1", Service="Court work", Locality="North", Team="Rivers"),
        person("2", Service="Court work", Team="Meadow"),
    ]
    mapping = load_mapping("create_units: true")
    assert office.send(lines, mapping) == {"joiner": 2}
    assert (office.team("1"), office.team("2")) == ("Rivers", "Meadow")
    parents = {row.name: row.parent_id for row in office.rows(select(Unit.id, Unit.name, Unit.parent_id))}
    assert {"Court work", "North", "Rivers"} <= set(parents)
    assert office.send(lines, mapping) == {"same": 2}


def test_a_preview_goes_out_of_date_when_people_change(office: Office) -> None:
    office.send([person("1")])
    import_id, _ = office.stage([person("1", Team="Harbour")])
    with office.turn() as tx:
        people.change_person(tx, office.person("1").id, last_name="Meanwhile")
    with office.turn() as tx, pytest.raises(Conflict, match="since this preview"):
        operations.apply(tx, import_id)
    with office.turn() as tx:
        assert labels(operations.label(tx, import_id)) == {"mover": 1}
    with office.turn() as tx:
        operations.apply(tx, import_id)
    assert office.person("1").last_name == "Last1"


def test_a_failure_half_way_leaves_no_trace(office: Office, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    office.send([person("1")])
    before = everything(office)
    import_id, _ = office.stage([person("1", Team="Harbour"), person("2")])
    ledger.start()

    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("app.hr.operations.applying._trail", broken)
    with pytest.raises(RuntimeError), office.turn() as tx:
        operations.apply(tx, import_id)
    assert (everything(office), ledger.actions()) == (before, [])
    assert office.rows(select(Import.state).where(Import.id == import_id))[0].state == "staged"


def test_an_import_is_applied_once_and_discarded_ones_keep_no_rows(office: Office) -> None:
    first, _ = office.stage([person("1")])
    second, _ = office.stage([person("1")])
    with office.turn() as tx:
        operations.apply(tx, first)
    with office.turn() as tx, pytest.raises(Conflict):
        operations.apply(tx, first)
    with office.turn() as tx:
        operations.discard(tx, second)
    assert office.rows(select(ImportRow.id).where(ImportRow.import_id == second)) == []
    with office.turn() as tx, pytest.raises(Conflict):
        operations.discard(tx, first)


def test_of_two_imports_applied_at_once_one_is_told_to_look_again(office: Office) -> None:
    office.send([person(str(n)) for n in range(40)])
    both = [office.stage([person(str(n), Team=team) for n in range(40)])[0] for team in ("Harbour", "Orchard")]

    def send(import_id: int) -> str:
        try:
            with office.turn() as tx:
                operations.apply(tx, import_id)
        except Conflict as refused:
            return refused.code
        return "applied"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, both)) == ["applied", "import-out-of-date"]
    assert len({office.team(str(n)) for n in range(40)}) == 1


def test_a_file_refused_while_it_is_read_leaves_no_rows(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.hr.extract.MAX_ROWS", 2)
    with pytest.raises(Invalid, match="more than 2 rows"):
        office.stage([person(str(n)) for n in range(4)])
    assert office.rows(select(ImportRow.id)) == []
