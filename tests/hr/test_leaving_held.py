"""Leavers who wait because they are too many: a last day that is brought forward, and word that somebody stays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.core.ledger import Audit
from app.core.tx import Actor, clock, transaction
from app.hr import departures, operations
from app.hr.directory_models import Departure, LeaverRun
from app.hr.mapping import Mapping
from app.hr.operations import leaving, leaving_clock
from app.people import operations as people
from app.people.models import Person
from tests.factory import Make
from tests.hr.leavers import departure, officer
from tests.hr.test_imports import Office, office, person

__all__ = ["office"]
FULL = Mapping(full=True)
CLIENT = Actor("client", 7, "HR", scopes=frozenset({"people:import", "people:write"}))


def everybody(number: int = 10, **last_days: date) -> list[dict[str, Any]]:
    """The lines of a full extract; `n1=` is the last day of number 1."""
    days = {name.removeprefix("n"): day.isoformat() for name, day in last_days.items()}
    return [person(str(n), **{"Leaving date": days.get(str(n), "")}) for n in range(1, number + 1)]


def applied(office: Office, lines: list[dict[str, Any]], as_at: date, mapping: Mapping = FULL) -> dict[str, Any]:
    """Staged by a system and applied by a program; returns the counts."""
    import_id, _ = office.stage(lines, mapping, as_at)
    with transaction(office.database, CLIENT, writes=True) as tx:
        return operations.apply(tx, import_id)


def states(make: Make, who: Any) -> list[tuple[str, date | None]]:
    rows = make.rows(select(Departure.state, Departure.last_day).where(Departure.person_id == who.id).order_by(Departure.id))
    return [(row.state, row.last_day) for row in rows]


def healthy(make: Make) -> None:
    with make.tx(writes=False) as tx:
        assert [found.rule for found in invariants.check(tx)] == []


@pytest.fixture
def held(office: Office, make: Make) -> Any:
    """Ten people, of whom number 1 has an agreed last day; a program's extract leaves out 1 and 7 to 10."""
    today = clock().date()
    planned = today + timedelta(days=12)
    office.send(everybody(), as_at=today - timedelta(days=9))
    office.send(everybody(n1=planned), as_at=today - timedelta(days=5))
    assert states(make, office.person("1")) == [("due", planned)]
    applied(office, everybody()[1:6], today)
    return planned


def test_an_agreed_last_day_is_not_brought_forward_before_somebody_has_said_so(office: Office, make: Make, held: date) -> None:
    one, yesterday = office.person("1"), clock().date() - timedelta(days=1)
    assert one.leaving_on == held and office.team("1", held) == "Meadow"
    assert states(make, one) == [("due", held), ("waiting", yesterday)]
    with officer(make, writes=False) as tx:
        waits = departures.waiting(tx)
        assert [row.number for row in departures.held(tx)] == [5]
    assert {(row.planned_day, row.source) for row in waits if row.person_id == one.id} == {(held, "import")}
    assert leaving_clock.register_unknown(make.database) == 0 and leaving_clock.take_effect_due(make.database) == 0
    healthy(make)
    with officer(make) as tx:
        leaving.confirm(tx, [departure(make, one).id])
    assert states(make, one) == [("dropped", held), ("done", yesterday)]
    assert (departure(make, one).source, office.person("1").leaving_on, office.team("1", clock().date())) == ("import", yesterday, None)
    healthy(make)
    with officer(make) as tx:
        leaving.restore(tx, departure(make, one).id, "Never agreed")
    assert (office.person("1").leaving_on, office.team("1", held)) == (held, "Meadow")
    assert office.team("1", held + timedelta(days=1)) is None
    assert states(make, one)[-2:] == [("restored", yesterday), ("due", held)]
    healthy(make)


def test_dropping_an_earlier_last_day_leaves_the_agreed_one(office: Office, make: Make, held: date) -> None:
    one = office.person("1")
    with officer(make) as tx:
        leaving.drop(tx, [departure(make, one).id], "The extract was cut short")
    assert [state for state, _ in states(make, one)] == ["due", "dropped"] and office.person("1").leaving_on == held
    healthy(make)


def test_word_of_another_last_day_ends_what_waits(office: Office, make: Make, held: date) -> None:
    one = office.person("1")
    with transaction(make.database, CLIENT, writes=True) as tx:
        people.change_person(tx, one.id, leaving_on=held + timedelta(days=3))
    assert leaving_clock.register_unknown(make.database) == 1
    assert states(make, one) == [("due", held + timedelta(days=3)), ("dropped", clock().date() - timedelta(days=1))]
    healthy(make)


def test_an_agreed_last_day_that_a_program_brings_forward_comes_back_when_restored(office: Office, make: Make) -> None:
    """One by itself is too few to wait."""
    today = clock().date()
    planned, earlier = today + timedelta(days=12), today + timedelta(days=2)
    office.send(everybody(n1=planned), as_at=today - timedelta(days=5))
    office.send(everybody(n1=earlier), as_at=today)
    one = office.person("1")
    row = departure(make, one)
    assert (row.state, row.last_day, row.planned_day, row.source) == ("due", earlier, planned, "import")
    with officer(make) as tx:
        leaving.restore(tx, row.id, "Never agreed")
    assert office.person("1").leaving_on == planned and departure(make, one).state == "due"
    healthy(make)


# They stay ---------------------------------------------------------------------------------------------------------


def test_an_extract_that_names_them_without_a_last_day_ends_what_waits(office: Office, make: Make, held: date) -> None:
    today = clock().date()
    applied(office, everybody(8, n1=held), today - timedelta(days=1))  # of an earlier day: it says nothing about today
    assert [departure(make, office.person(str(n))).state for n in (7, 8)] == ["waiting"] * 2
    silent = {heading: value for heading, value in person("7", **{"Known as": "Sev"}).items() if heading != "Leaving date"}
    applied(office, [silent], today, Mapping())  # says nothing of last days
    assert departure(make, office.person("7")).state == "waiting"
    applied(office, [person("7")], today, Mapping())
    assert departure(make, office.person("7")).state == "dropped"
    applied(office, everybody(9, n1=held), today)
    gone = departure(make, office.person("8"))
    assert gone.state == "dropped" and gone.reason.startswith("The HR extract as at ") and "names them as employed" in gone.reason
    assert make.rows(select(Audit.id).where(Audit.action == "departure.dropped", Audit.person_id == office.person("8").id))
    (run,) = make.rows(select(LeaverRun.__table__).where(LeaverRun.state == "held"))
    with officer(make) as tx:
        ids = departures.of_run(tx, run.id)
        leaving.confirm(tx, ids)
    assert departure(make, office.person("10")).state == "done" and office.person("8").leaving_on is None
    healthy(make)


def test_a_client_that_says_there_is_no_last_day_ends_what_waits(office: Office, make: Make, held: date) -> None:
    one, seven, eight = (office.person(n) for n in ("1", "7", "8"))
    with officer(make) as tx:  # a page sends its empty field with every change
        people.change_person(tx, eight.id, known_as="Ada", leaving_on=None)
    with transaction(make.database, CLIENT, writes=True) as tx:
        people.change_person(tx, seven.id, leaving_on=None)
        people.change_person(tx, one.id, leaving_on=None)
    leaving_clock.register_unknown(make.database)
    assert (departure(make, seven).state, departure(make, eight).state) == ("dropped", "waiting")
    assert departure(make, seven).reason == "Another system says that they have no last day"
    assert [state for state, _ in states(make, one)] == ["dropped", "dropped"]
    assert office.person("1").leaving_on is None
    healthy(make)


def test_hr_answers_what_a_directory_asked_with_the_extract_of_a_later_day(office: Office, make: Make) -> None:
    today = clock().date()
    office.send(everybody(), as_at=today - timedelta(days=9))
    one = office.person("1")
    with make.tx() as tx:
        leaving.ask(tx, one.id, "scim", "scim:3:day")
    applied(office, everybody(), today)
    assert departure(make, one).state == "waiting"
    import_id, _ = office.stage(everybody(), FULL, today + timedelta(days=1))
    with make.tx() as tx:
        operations.apply(tx, import_id)
    assert departure(make, one).state == "dropped" and make.row(Person, one.id).leaving_on is None
    healthy(make)
