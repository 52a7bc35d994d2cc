"""Settings' training: figures against rows counted by hand, the order, visits and what is refused, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.bookings.models import Booking
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit
from app.core.tx import Actor, transaction
from app.guarding.checking import Identifiable
from app.measures import settings, settings_visits
from app.measures.settings import Asked
from app.measures.settings_models import SettingVisit
from app.people.models import Person, Unit
from tests.factory import Make
from tests.pathways.steps import load

Enter = Callable[[Any], TestClient]
YEAR = timedelta(days=365)
REQUIRED = """\
pathway_steps:
  - code: REQ-SAFEGUARDING
    title: Safeguarding
    kind: mandatory
    summary: Everybody.
    source: The council's own.
    applies: {settings: true}
    groups:
      - title: Safeguarding
        requirements:
          - {kind: course, course: safeguarding}
  - code: REQ-COUNCIL
    title: The council's own
    kind: mandatory
    summary: Not for settings.
    source: The council's own.
    applies: {host_only: true}
    groups:
      - title: Something else
        requirements:
          - {kind: course, course: something-else}
"""


@dataclass
class World:
    make: Make
    course: int
    units: dict[str, int]
    people: dict[str, Any]
    coordinator: Any

    def as_(self, person: Any = None, role: str = "coordinator", unit: int | None = None, *, writes: bool = True) -> Any:
        person = person or self.coordinator
        roles = (("practitioner", None), (role, unit))
        return transaction(self.make.database, Actor("person", person.id, person.name, roles), writes=writes)

    def listed(self, **asked: Any) -> list[settings.Setting]:
        with self.as_(writes=False) as tx:
            return settings.listed(tx, Asked(**asked))

    def one(self, name: str) -> settings.Setting:
        with self.as_(writes=False) as tx:
            return settings.one(tx, self.units[name])


def booked(make: Make, session: Any, person: int, status: str, turn: int) -> None:
    with make.tx() as tx:
        values = dict(session_id=session.id, person_id=person, booked_by=person, status=status, turn=turn)
        tx.insert(Booking, **values, place=turn, created_at=tx.now, updated_at=tx.now)


@pytest.fixture
def world(make: Make) -> World:
    """Three settings: one in which everything happens, one that is quiet, one of nobody."""
    make.organisation()
    coordinator = make.person("Cai Nowak", roles=("coordinator",))
    names = ("Busy", "Quiet", "Empty")
    units = {name: make.organisation(f"{name} Nursery", host=False) for name in names}
    course = make.course("Safeguarding", kind="safeguarding").id
    other = make.course("Something else").id
    load(make, REQUIRED, publish=True)
    with make.tx(writes=False) as tx:
        today = tx.today
    people = {name: make.person(f"{name} One", organisation=units["Busy"]) for name in ("Indate", "Soon", "Past", "Never")}
    people["Gone"] = make.person("Gone One", organisation=units["Busy"], leaving_on=today - timedelta(days=1))
    people["Lead"] = make.person("Lead Two", organisation=units["Quiet"], roles=("setting lead",), scope=units["Quiet"])
    make.completion(people["Indate"].id, course, today - timedelta(days=20), today + YEAR)
    make.completion(people["Soon"].id, course, today - timedelta(days=700), today + timedelta(days=30))
    make.completion(people["Past"].id, course, today - timedelta(days=800), today - timedelta(days=1))
    make.completion(people["Never"].id, other, today, None)
    make.completion(people["Gone"].id, course, today, today + YEAR)
    make.completion(people["Lead"].id, course, today - timedelta(days=420), today + timedelta(days=300))
    ahead, past = make.session(course=course), make.session(course=course, day=today - timedelta(days=100))
    long_ago, elsewhere = make.session(course=course, day=today - timedelta(days=500)), make.session(course=other)
    booked(make, ahead, people["Never"].id, "booked", 1)
    booked(make, elsewhere, people["Never"].id, "booked", 1)
    booked(make, past, people["Past"].id, "did not attend", 1)
    booked(make, long_ago, people["Past"].id, "did not attend", 1)
    return World(make, course, units, people, coordinator)


def test_every_figure_of_a_setting(world: World, sign_in: Enter) -> None:
    sign_in(world.people["Indate"])
    with world.make.tx(writes=False) as tx:
        today = tx.today
    busy, quiet, empty = (world.one(name) for name in ("Busy", "Quiet", "Empty"))
    assert (busy.people, busy.in_date, busy.lapsing, busy.lapsed, busy.never) == (4, 1, 1, 1, 1), "who has left is not counted"
    assert (busy.booked, busy.missed, busy.leads) == (1, 1, 0), "of this training, ahead, and of twelve months"
    assert (busy.attended_on, busy.signed_in_on) == (today - timedelta(days=20), today)
    assert (quiet.people, quiet.in_date, quiet.leads, quiet.signed_in_on) == (1, 1, 1, None)
    assert (empty.people, empty.never, empty.attended_on) == (0, 0, None)


def test_the_order_and_what_can_be_asked_for(world: World) -> None:
    assert [each.name for each in world.listed()] == ["Empty Nursery", "Quiet Nursery", "Busy Nursery"]
    assert [each.name for each in world.listed(quiet=12)] == ["Empty Nursery", "Quiet Nursery"]
    assert [each.name for each in world.listed(quiet=24)] == ["Empty Nursery"]
    with world.as_() as tx:
        settings_visits.say_kind(tx, world.units["Quiet"], "early years")
        settings_visits.record(tx, world.units["Busy"], tx.today, "", "Went well.")
    assert [each.name for each in world.listed(kind="early years")] == ["Quiet Nursery"]
    assert len(world.listed(kind=settings.UNKNOWN)) == 2
    assert "Busy Nursery" not in {each.name for each in world.listed(never=True)}
    with world.make.tx() as tx:
        tx.db.execute(update(Unit).where(Unit.id == world.units["Empty"]).values(closed_on=tx.today))
    assert "Empty Nursery" not in {each.name for each in world.listed()}


def test_a_visit_planned_held_and_taken_back(world: World) -> None:
    here = world.units["Quiet"]
    with world.as_() as tx:
        today = tx.today
        plan = settings_visits.plan(tx, here, today + timedelta(days=3), "", "To talk.")
    assert world.one("Quiet").planned_on == today + timedelta(days=3)
    with pytest.raises(Conflict, match="planned already"), world.as_() as tx:
        settings_visits.plan(tx, here, today + timedelta(days=9))
    colleague = world.make.person("Dana")
    with world.as_() as tx:
        held = settings_visits.record(tx, here, today, colleague.email.upper(), "They book next week.")
    found = world.one("Quiet")
    assert (found.visited_on, found.planned_on) == (today, None), "the visit stands for the plan"
    with pytest.raises(Conflict, match="recorded about this already"), world.as_() as tx:
        settings_visits.answer(tx, plan, "Too late.")
    with world.as_() as tx:
        settings_visits.answer(tx, held, "It was another nursery.")
    assert world.one("Quiet").visited_on is None
    with world.as_(writes=False) as tx:
        rows = settings.history(tx, here)
    assert [(row.kind, bool(row.stands), row.went) for row in rows] == [
        ("taken back", True, None),
        ("held", False, colleague.name),
        ("planned", False, "Cai Nowak"),
    ]
    assert [row.action for row in world.make.rows(select(Audit.action).where(Audit.action.startswith("setting.")).order_by(Audit.id))] == [
        "setting.visit-planned",
        "setting.visit-held",
        "setting.visit-taken-back",
    ]


def test_what_is_refused_of_a_visit(world: World) -> None:
    here = world.units["Quiet"]
    with world.make.tx(writes=False) as tx:
        tomorrow, yesterday = tx.today + timedelta(days=1), tx.today - timedelta(days=1)
        host = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))

    def refused(day: date, who: str = "", words: str = "Words", unit: int = here) -> list[str]:
        with pytest.raises(Invalid) as found, world.as_() as tx:
            settings_visits.record(tx, unit, day, who, words)
        return [error["field"] for error in found.value.errors]

    assert (
        refused(tomorrow) == ["on_date"] and refused(yesterday, words=" ") == ["words"] and refused(yesterday, words="x" * 601) == ["words"]
    )
    assert refused(date(1, 1, 1)) == ["on_date"] and refused(date(1999, 12, 31)) == ["on_date"]
    assert refused(yesterday, who="nobody@nowhere.example") == ["who"]
    assert refused(yesterday, who=world.people["Lead"].email) == ["who"], "who works at a setting is not sent by the host"
    with pytest.raises(Invalid), world.as_() as tx:
        settings_visits.plan(tx, here, yesterday)
    with pytest.raises(NotFound), world.as_() as tx:
        settings_visits.record(tx, host, yesterday, "", "The host is no setting.")
    with pytest.raises(Identifiable), world.as_() as tx:
        settings_visits.record(tx, here, yesterday, "", "Talked about a child, date of birth 03/04/2015.")
    assert world.make.rows(select(SettingVisit.id)) == []
    with world.as_() as tx:
        settings_visits.record(tx, here, date(2000, 1, 1), "", "Long ago.")


def test_what_was_recorded_stays(world: World) -> None:
    with world.as_() as tx:
        key = settings_visits.record(tx, world.units["Quiet"], tx.today, "", "Went well.")
    for change in (SettingVisit.__table__.update().values(words="Did not."), SettingVisit.__table__.delete()):
        with pytest.raises((Conflict, DBAPIError)), world.make.tx() as tx:
            tx.db.execute(change)
    with world.make.tx() as tx:
        tx.db.execute(update(SettingVisit).where(SettingVisit.id == key).values(words="[Redacted]"))
    for twice in (False, True):
        values = dict(organisation_id=world.units["Quiet"], kind="taken back", words="", answers_id=key)
        if twice:
            with pytest.raises(Conflict, match="Look again"), world.make.tx() as tx:
                tx.insert(SettingVisit, **values, on_date=tx.today, recorded_at=tx.now)
        else:
            with world.make.tx() as tx:
                tx.insert(SettingVisit, **values, on_date=tx.today, recorded_at=tx.now)


def test_on_pages_and_in_files(world: World, sign_in: Enter) -> None:
    browser = sign_in(world.coordinator)
    page = browser.get("/settings-training")
    assert page.status_code == 200 and page.text.index("Empty Nursery") < page.text.index("Busy Nursery")
    assert "2 of 4" in page.text and "Nobody known" in page.text
    lines = browser.get("/settings-training/table.csv").text.splitlines()
    busy = next(line for line in lines if line.startswith("Busy"))
    assert busy.startswith("Busy Nursery,Not known,4,1,1,1,1,1,1,") and browser.get("/settings-training/table.xlsx").content[:2] == b"PK"
    here = world.units["Quiet"]
    wrong = browser.post(f"/settings-training/{here}/visits/new", data={"on_date": "1", "words": "Kept as typed"})
    assert wrong.status_code == 422 and "Kept as typed" in wrong.text
    with world.make.tx(writes=False) as tx:
        today = tx.today
    day = {
        "on_date": str(today.day),
        "on_date-month": str(today.month),
        "on_date-year": str(today.year),
        "words": "Went well.",
        "entry_key": "k1",
    }
    assert browser.post(f"/settings-training/{here}/visits/new", data=day).status_code == 303
    assert browser.post(f"/settings-training/{here}/visits/new", data=day).status_code == 409, "sent twice"
    key = world.make.rows(select(SettingVisit.id))[0].id
    for path in (f"{here}/visits/new", f"{here}/kind", f"visits/{key}/answer"):
        empty = browser.post(f"/settings-training/{path}", data={"unknown": ""})
        assert empty.status_code == 422 and 'role="alert"' in empty.text, path
    shown = browser.get(f"/settings-training/{here}").text
    assert "Went well." in shown and "Lead Two" in shown
    assert len(world.make.rows(select(Audit.id).where(Audit.action == "settings-training.exported"))) == 2


def test_a_name_that_never_ends_and_no_setting_at_all(world: World, sign_in: Enter) -> None:
    browser = sign_in(world.coordinator)
    long = "Llanfairpwllgwyngyll" * 12
    with world.make.tx() as tx:
        tx.db.execute(update(Unit).where(Unit.id == world.units["Quiet"]).values(name=f"=1+1 {long}"))
    assert long in browser.get("/settings-training").text
    assert "\n'=1+1" in browser.get("/settings-training/table.csv").text, "no formula"
    with world.make.tx() as tx:
        tx.db.execute(update(Unit).where(Unit.host.is_(False)).values(closed_on=tx.today))
    assert "No other organisation is known yet" in browser.get("/settings-training").text
    assert browser.get(f"/settings-training/{world.units['Quiet']}").status_code == 404


def test_names_are_for_those_who_reach_the_people(world: World, sign_in: Enter) -> None:
    with world.make.tx(writes=False) as tx:
        host = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
    psw = sign_in(world.make.person("Pat", roles=("principal social worker",), scope=host))
    shown = psw.get(f"/settings-training/{world.units['Quiet']}").text
    assert "Lead Two" not in shown and "1 person here whom your role does not show by name" in shown


def test_who_may_not_see_it(world: World, sign_in: Enter) -> None:
    for role in ("HR officer", "board viewer", "administrator", "setting lead"):
        assert sign_in(world.make.person(role, roles=(role,))).get("/settings-training").status_code == 403, role
    theirs = world.make.person("Theirs", organisation=world.units["Busy"])
    with pytest.raises(Forbidden, match="host"), world.as_(theirs, "coordinator", world.units["Busy"]) as tx:
        settings.listed(tx, Asked())
    with pytest.raises(Forbidden, match="host"), world.as_(theirs, "coordinator", world.units["Busy"]) as tx:
        settings_visits.record(tx, world.units["Quiet"], tx.today, "", "Words")


def test_two_thousand_settings_are_one_statement(make: Make, count_queries: Any) -> None:
    make.organisation()
    with make.tx() as tx:
        common = dict(parent_id=None, kind="organisation", search_text="", host=False, version=1)
        ids = [tx.insert(Unit, **common, organisation_id=None, code=f"S{n}", name=f"Setting {n}") for n in range(2000)]
        tx.db.execute(update(Unit).where(Unit.id.in_(ids)).values(organisation_id=Unit.id))
        values = dict(first_name="P", last_name="Q", name="P Q", sort_name="q, p", search_text="p q", version=1)
        tx.insert_many(
            Person, [dict(organisation_id=unit, **values, created_at=tx.now, updated_at=tx.now) for unit in ids for _ in range(3)]
        )
    with count_queries() as queries, make.tx(writes=False) as tx:
        assert len(settings.listed(tx, Asked())) == 2000
    assert len(queries) < 8
