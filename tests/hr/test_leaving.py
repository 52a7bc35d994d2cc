"""Leaving: at once and on its day, held when too many, confirmed once, and taken back whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import invariants
from app.bookings.models import Booking, Part, PartTrainer, Place
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit
from app.core.tx import Actor, clock, transaction
from app.hr import operations
from app.hr.directory_models import Departure, DepartureEffect, LeaverRun
from app.hr.mapping import Mapping
from app.hr.operations import leaving, leaving_clock, leaving_effects
from app.identity import operations as identity
from app.identity.models import Link, SignIn
from app.people import operations as people
from app.people.models import Duty, Membership, Person, Responsibility, RoleHeld
from tests.bookings.test_operations import acting
from tests.bookings.test_reservations import book
from tests.factory import LONG_AGO, Make
from tests.hr.leavers import departure, effects, everything, kinds, live, officer, says
from tests.hr.test_imports import Office, office, person

__all__ = ["office"]
FULL = Mapping(full=True)
ALL_KINDS = {
    "place": 4, "fact": 5, "role": 1, "duty": 3, "group": 1, "reports": 2, "delivery": 1, "assessment": 1, "enrolment": 1, "panel": 1,
    "client": 1,
}  # fmt: skip


def healthy(make: Make) -> None:
    with make.tx(writes=False) as tx:
        assert [found.rule for found in invariants.check(tx)] == []


def manager_of(make: Make, who: Any, day: date) -> int | None:
    theirs = (Responsibility.person_id == who.id, Responsibility.kind == "manager", Responsibility.superseded_at.is_(None))
    rows = make.rows(select(Responsibility.holder_id).where(*theirs, Responsibility.valid_from <= day, Responsibility.valid_to > day))
    return rows[0].holder_id if rows else None


# What follows ------------------------------------------------------------------------------------------------------


def test_what_follows_is_done_at_once_the_rest_on_the_day_and_all_of_it_can_be_taken_back(make: Make, ledger: Any) -> None:
    """One of every kind of thing, before and after."""
    all_ = everything(make)
    lea, today = all_.lea, clock().date()
    with make.tx() as tx:
        settings: Any = type("Settings", (), {"session_hours": 12})()
        identity.sign_in(tx, lea.id, "browser", settings)
        identity.mint_link(tx, lea.id, "reset")
    says(make, today + timedelta(days=7), lea)
    assert kinds(make, lea) == ALL_KINDS and departure(make, lea).state == "due"
    ends = today + timedelta(days=8)
    assert [manager_of(make, all_.ann, day) for day in (ends - timedelta(1), ends)] == [lea.id, all_.top.id]
    assert {row.to_id for row in effects(make, lea) if row.kind == "reports"} == {all_.top.id}
    flagged = {row.kind for row in effects(make, lea) if row.flagged}
    assert flagged == {"delivery", "assessment", "enrolment", "panel", "client"}
    assert ledger.outbox().count("email.leavers_flagged") == 1  # one for the coordinator, however much there is
    ledger.start()
    assert says(make, today + timedelta(days=7), lea) == [] and ledger.actions() == []

    with make.tx() as tx:  # the day comes
        for table, day in ((Person, "leaving_on"), (Departure, "last_day")):
            column = table.__table__.c[day]
            tx.db.execute(update(table).where(column.is_not(None)).values({day: today - timedelta(days=1)}))
    assert leaving_clock.take_effect_due(make.database) == 1 and leaving_clock.take_effect_due(make.database) == 0
    assert departure(make, lea).state == "done"
    assert kinds(make, lea).get("account") == 1 and kinds(make, lea)["place"] == 4
    assert make.rows(select(SignIn.ended_at).where(SignIn.person_id == lea.id))[0].ended_at is not None
    assert make.rows(select(Link.used_at).where(Link.person_id == lea.id, Link.purpose == "reset"))[0].used_at is not None


def test_somebody_who_has_left_is_restored_whole(make: Make) -> None:
    all_ = everything(make)
    officer(make)
    before = live(make)
    yesterday = clock().date() - timedelta(days=1)
    says(make, yesterday, all_.lea)
    assert kinds(make, all_.lea) == ALL_KINDS | {"account": 1, "approval": 1}
    assert departure(make, all_.lea).state == "done"
    (approval,) = (row for row in effects(make, all_.lea) if row.kind == "approval")
    assert (approval.subject_id, approval.to_id, approval.flagged) == (all_.request.id, all_.top.id, False)
    gone = live(make)
    assert gone != before and {row[4] for row in gone["bookings"] if row[2] == all_.lea.id} == {"cancelled"}
    healthy(make)
    with officer(make) as tx:
        leaving.restore(tx, departure(make, all_.lea).id, "She had been mixed up with somebody else")
    assert live(make) == before
    assert [(row.kind, row.not_undone) for row in effects(make, all_.lea) if row.undone_at is None] == []
    row = departure(make, all_.lea)
    assert (row.state, row.reason) == ("restored", "She had been mixed up with somebody else")
    healthy(make)
    with officer(make) as tx, pytest.raises(Conflict):
        leaving.restore(tx, row.id, "Again")


def test_what_cannot_be_taken_back_says_why(make: Make) -> None:
    lea, boss, ann, bob = make.person("Lea", roles=("coordinator",)), make.person("Mo"), make.person("Ann"), make.person("Bob")
    report = make.person("Rex", manager=lea.id)
    first = make.session(places=1)
    second = make.session(places=1, day=first.starts_at.date() + timedelta(days=7), waiting_limit=0)
    mine, other = book(make, lea, first), book(make, lea, second)
    book(make, ann, first)
    says(make, clock().date() - timedelta(days=1), lea)  # Ann is offered the place
    book(make, bob, second)
    with make.tx() as tx:
        people.set_manager(tx, report.id, boss.id, tx.today)
        people.change_person(tx, lea.id, email="somebody.else@westmarch.example")
    with officer(make) as tx:
        leaving.restore(tx, departure(make, lea).id, "A mistake")
    said = {row.kind: row.not_undone for row in effects(make, lea) if row.not_undone}
    places = {row.subject_id: row.not_undone for row in effects(make, lea) if row.kind == "place"}
    assert "they wait again, in the turn they had" in places[mine.id] and "no waiting list" in places[other.id]
    assert "e-mail address has changed" in said["role"] and "Something else" in said["reports"]
    row = make.row(Booking, mine.id)
    assert (row.status, row.turn) == ("waiting", 1)
    assert (
        make.rows(select(RoleHeld.id).where(RoleHeld.person_id == lea.id, RoleHeld.valid_to == FOREVER, RoleHeld.superseded_at.is_(None)))
        == []
    )
    assert manager_of(make, report, clock().date()) == boss.id
    healthy(make)


def test_reports_pass_to_the_deputy_or_the_nearest_above_who_stays_never_in_a_circle(make: Make) -> None:
    top, middle, lea = make.person("Top"), make.person("Middle"), make.person("Lea")
    deputy, ann = make.person("Dee", manager=lea.id), make.person("Ann", manager=lea.id)
    alone = make.person("Zoe", manager=make.person("Nobody Above").id)
    with make.tx() as tx:
        people.set_manager(tx, middle.id, top.id, LONG_AGO)
        people.set_manager(tx, lea.id, middle.id, LONG_AGO)
        people.give_duty(tx, Duty.DEPUTY, deputy.id, LONG_AGO, person_id=lea.id)
        people.give_duty(tx, Duty.DEPUTY, ann.id, LONG_AGO, person_id=middle.id)
    (above,) = make.rows(select(Person.__table__).where(Person.name == "Nobody Above"))
    yesterday, today = clock().date() - timedelta(days=1), clock().date()
    says(make, yesterday, middle, lea, above)
    assert manager_of(make, ann, today) == deputy.id and manager_of(make, deputy, today) == top.id
    assert manager_of(make, alone, today) is None
    (flag,) = (row for row in effects(make, above) if row.kind == "reports")
    assert (flag.flagged, flag.to_id) == (True, None)
    healthy(make)


def test_a_flag_goes_when_the_thing_is_somebody_elses_or_somebody_says_so(make: Make, ledger: Any) -> None:
    lea, ann, cai = make.person("Lea"), make.person("Ann"), make.person("Cai", roles=("coordinator",))
    make.session(trainers=(lea.id,))
    kept = make.session(day=clock().date() + timedelta(days=60), trainers=(lea.id,))
    says(make, clock().date() + timedelta(days=2), lea)
    with make.tx() as tx:
        others = select(Part.id).where(Part.session_id != kept.id)
        tx.db.execute(update(PartTrainer).where(PartTrainer.part_id.in_(others)).values(person_id=ann.id))
        leaving_clock.look_again(tx, tx.now)
        leaving_clock.look_again(tx, tx.now)
    flags = [row for row in effects(make, lea) if row.flagged]
    assert sorted((row.subject_id == kept.id, row.settled_at is None) for row in flags) == [(False, False), (True, True)]
    key = next(row.id for row in flags if row.subject_id == kept.id)
    elsewhere = make.person("Eve", organisation=make.organisation("Eastmoor Council", host=False))
    with acting(make, ann) as tx, pytest.raises(Forbidden):
        leaving.settle(tx, key)
    with acting(make, elsewhere, ("HR officer", elsewhere.organisation_id)) as tx, pytest.raises(NotFound):
        leaving.settle(tx, key)
    with acting(make, cai, ("coordinator", None)) as tx:
        leaving.settle(tx, key)
        leaving.settle(tx, key)
    assert ledger.actions().count("departure.flag-settled") == 1


# Moved, withdrawn, back --------------------------------------------------------------------------------------------


def test_a_last_day_that_is_moved_or_withdrawn_before_it_is_over(make: Make) -> None:
    lea = make.person("Lea", roles=("coordinator",), team=make.unit("Meadow"))
    sessions = [make.session(day=clock().date() + timedelta(days=days)) for days in (30, 60)]
    held = [book(make, lea, each) for each in sessions]
    before = live(make)
    says(make, clock().date() + timedelta(days=10), lea)
    assert [make.row(Booking, each.id).status for each in held] == ["cancelled", "cancelled"]
    says(make, clock().date() + timedelta(days=40), lea)
    assert [make.row(Booking, each.id).status for each in held] == ["booked", "cancelled"]
    ends = {row.valid_to for row in make.rows(select(Membership.valid_to).where(Membership.superseded_at.is_(None)))}
    assert ends == {clock().date() + timedelta(days=41)}
    says(make, None, lea)
    assert live(make) == before and departure(make, lea).state == "dropped"
    healthy(make)


def test_a_last_day_on_a_page_or_by_a_client_is_found_within_a_look(make: Make) -> None:
    lea, ann, *others = (make.person(name) for name in ("Lea", "Ann", "Bob", "Cai", "Dan"))
    client = Actor("client", 3, "HR", scopes=frozenset({"people:write"}))
    with officer(make) as tx:
        people.change_person(tx, lea.id, leaving_on=clock().date() + timedelta(days=3))
    with transaction(make.database, client, writes=True) as tx:
        for each in (ann, *others):
            people.change_person(tx, each.id, leaving_on=clock().date() + timedelta(days=3))
    assert leaving_clock.register_unknown(make.database) == 5 and leaving_clock.register_unknown(make.database) == 0
    assert (departure(make, lea).source, departure(make, lea).state) == ("page", "due")
    assert (departure(make, ann).source, departure(make, ann).state) == ("api", "waiting")  # four of six are more than 2%
    assert make.row(Person, ann.id).leaving_on is None
    with transaction(make.database, client, writes=True) as tx:  # the nightly sync says it again
        people.change_person(tx, ann.id, leaving_on=clock().date() + timedelta(days=5))
    assert leaving_clock.register_unknown(make.database) == 1
    row = departure(make, ann)
    assert (row.state, row.last_day, make.row(Person, ann.id).leaving_on) == ("waiting", clock().date() + timedelta(days=5), None)


def test_a_re_joiner_gets_their_history_back(office: Office, make: Make) -> None:
    today = clock().date()
    office.send([person("1"), person("2")], as_at=today - timedelta(days=90))
    one = office.person("1")
    course = make.course()
    make.completion(one.id, course.id, today - timedelta(days=80))
    gone = person("1", **{"Leaving date": (today - timedelta(days=30)).isoformat()})
    office.send([gone, person("2")], as_at=today - timedelta(days=20))
    assert departure(make, one).state == "done"
    again = person("1", **{"Start date": today.isoformat()})
    assert office.send([again, person("2")], as_at=today) == {"rejoiner": 1, "same": 1}
    back = office.person("1")
    assert (back.id, back.leaving_on) == (one.id, None) and office.team("1", today) == "Meadow"
    assert len(make.rows(select(Audit.id).where(Audit.action == "departure.done"))) == 1
    with make.tx() as tx:
        people.give_role(tx, one.id, "coordinator", None, today)
        identity.invite(tx, one.id)
        tx.actor = Actor("person", one.id)
    with officer(make) as tx, pytest.raises(Conflict):
        leaving.restore(tx, departure(make, one).id, "They are back")
    says(make, today + timedelta(days=3), back)
    assert departure(make, one).state == "due"
    healthy(make)


# Too many ----------------------------------------------------------------------------------------------------------


def crowd(make: Make, number: int) -> list[Any]:
    """So many people of the council, quickly."""
    organisation = make.organisation()
    with make.tx() as tx:
        for n in range(number):
            people.create_person(tx, organisation, first_name="P", last_name=f"N{n:04}", employee_number=f"C{n:05}")
    return make.rows(select(Person.__table__).where(Person.organisation_id == organisation).order_by(Person.id))


def test_exactly_two_in_a_hundred_leave_one_more_waits_with_all_of_them(make: Make) -> None:
    persons = crowd(make, 200)
    soon = clock().date() + timedelta(days=5)
    says(make, soon, *persons[:4], source="api", run="api:3:day")
    assert [departure(make, each).state for each in persons[:4]] == ["due"] * 4
    says(make, soon, persons[4], source="api", run="api:3:day")
    assert [departure(make, each).state for each in persons[:5]] == ["waiting"] * 5
    assert [make.row(Person, each.id).leaving_on for each in persons[:5]] == [None] * 5
    (run,) = make.rows(select(LeaverRun.__table__))
    assert (run.employed, run.state) == (200, "held")
    ids = [departure(make, each).id for each in persons[:5]]
    with officer(make) as tx:
        leaving.confirm(tx, ids[:4])
    assert make.rows(select(LeaverRun.state))[0].state == "held"
    with officer(make) as tx, pytest.raises(Invalid):
        leaving.drop(tx, ids[4:], "  ")
    with officer(make) as tx:
        leaving.drop(tx, ids[4:], "Sent by mistake")
    assert make.rows(select(LeaverRun.state))[0].state == "confirmed"
    assert [(departure(make, each).state, make.row(Person, each.id).leaving_on) for each in persons[2:5]] == [
        ("due", soon),
        ("due", soon),
        ("dropped", None),
    ]
    says(make, soon, persons[5], source="api", run="api:3:day")  # more of the same run wait again; who was confirmed stays so
    assert [departure(make, each).state for each in (*persons[:2], persons[5])] == ["due", "due", "waiting"]
    assert make.rows(select(LeaverRun.state))[0].state == "held"
    told = select(Audit.id).where(Audit.subject_id == persons[0].id, Audit.action == "person.changed", Audit.subject == "people")
    assert len(make.rows(told)) == 3  # set, taken down, confirmed: other systems hear of each
    healthy(make)


def test_a_program_that_imports_too_many_leavers_leaves_them_waiting(office: Office, make: Make) -> None:
    today = clock().date()
    lines = [person(str(n)) for n in range(1, 11)]
    office.send(lines, as_at=today - timedelta(days=9))
    lines[0] |= {"Leaving date": (today + timedelta(days=9)).isoformat(), "Last name": "Newname"}
    _, few = office.stage(lines[:8], FULL, as_at=today)
    assert few["leaver"] == 3 and not few["confirm"]
    import_id, counts = office.stage(lines[:7], FULL, as_at=today)
    assert counts["confirm"] and counts["leaver"] == 4
    client = Actor("client", 7, "HR", scopes=frozenset({"people:import"}))
    with transaction(make.database, client, writes=True) as tx:
        done = operations.apply(tx, import_id)
    assert (done["leaver"], done["waiting"], done["changed"]) == (0, 4, counts["changed"])
    gone = [office.person("1"), office.person("10")]
    assert [(row.leaving_on, departure(make, row).state) for row in gone] == [(None, "waiting")] * 2
    assert gone[0].last_name == "Newname" and office.team("10", today) == "Meadow"
    with officer(make) as tx:
        assert leaving.confirm(tx, [departure(make, row).id for row in gone]) == 2
    assert office.person("1").leaving_on == today + timedelta(days=9)
    assert (office.team("10", today), departure(make, gone[1]).state) == (None, "done")
    healthy(make)


def test_an_import_that_a_person_applies_asks_once_and_is_not_held(office: Office, make: Make) -> None:
    today = clock().date()
    lines = [person(str(n)) for n in range(1, 11)]
    office.send(lines, as_at=today - timedelta(days=9))
    for line in lines[:4]:
        line |= {"Leaving date": (today + timedelta(days=9)).isoformat()}
    import_id, _ = office.stage(lines, FULL, as_at=today)
    with office.turn() as tx, pytest.raises(Invalid, match=r"4 people of 10 would leave\. Confirm"):
        operations.apply(tx, import_id)
    with office.turn() as tx:
        operations.apply(tx, import_id, confirmed_leavers=4)
    assert departure(make, office.person("1")).state == "due"
    assert [(row.state) for row in make.rows(select(LeaverRun.state))] == ["confirmed"]
    before = live(make)
    assert office.send(lines, FULL, as_at=today) == {"same": 10}
    assert live(make) == before and len(make.rows(select(Departure.id))) == 4


def test_a_directory_that_deletes_somebody_asks(make: Make) -> None:
    lea = make.person("Lea", team=make.unit("Meadow"))
    with make.tx() as tx:
        key = leaving.ask(tx, lea.id, "scim", "scim:3:day")
        assert leaving.ask(tx, lea.id, "scim", "scim:3:day") == key
    assert (departure(make, lea).state, departure(make, lea).last_day) == ("waiting", None)
    with officer(make) as tx, pytest.raises(Invalid, match="last day of Lea"):
        leaving.confirm(tx, [key])
    yesterday = clock().date() - timedelta(days=1)
    with officer(make) as tx:
        leaving.confirm(tx, [key], {key: yesterday})
    assert (departure(make, lea).state, make.row(Person, lea.id).leaving_on) == ("done", yesterday)


# At once, half-way, hostile ----------------------------------------------------------------------------------------


def test_two_who_confirm_at_once_do_it_once(make: Make) -> None:
    lea = make.person("Lea", manager=make.person("Mo").id)
    make.person("Rex", manager=lea.id)
    book(make, lea, make.session())
    with make.tx() as tx:
        key = leaving.ask(tx, lea.id)
    officer(make)

    def confirm(_: int) -> str:
        try:
            with officer(make) as tx:
                leaving.confirm(tx, [key], {key: tx.today - timedelta(days=1)})
            return "done"
        except Conflict as refused:
            return str(refused.code)

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(confirm, range(4)))
    assert said == ["departure-decided"] * 3 + ["done"]
    assert {kind: number for kind, number in kinds(make, lea).items() if kind in ("place", "reports")} == {"place": 1, "reports": 1}
    healthy(make)


def test_a_crash_half_way_leaves_nothing_done(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    all_ = everything(make)
    before = live(make)

    def crash(*_: Any) -> None:
        raise RuntimeError("the process died")

    with monkeypatch.context() as patch:
        patch.setattr(leaving_effects, "_access", crash)
        with pytest.raises(RuntimeError):
            says(make, clock().date() - timedelta(days=1), all_.lea)
    assert live(make) == before and make.rows(select(DepartureEffect.id)) == []


def test_another_organisations_hr_finds_nothing_and_others_may_not(make: Make) -> None:
    lea, ann = make.person("Lea"), make.person("Ann")
    elsewhere = make.organisation("Eastmoor Council", host=False)
    with make.tx() as tx:
        key = leaving.ask(tx, lea.id)
    with officer(make, elsewhere) as tx, pytest.raises(NotFound):
        leaving.confirm(tx, [key], {key: tx.today})
    with officer(make, elsewhere) as tx, pytest.raises(NotFound):
        leaving.drop(tx, [key], "No")
    with officer(make, elsewhere) as tx, pytest.raises(NotFound):
        leaving.restore(tx, key, "No")
    with acting(make, ann) as tx, pytest.raises(Forbidden):
        leaving.confirm(tx, [key])
    hers = ("HR officer", lea.organisation_id)
    with acting(make, lea, hers) as tx, pytest.raises(Conflict, match="your own leaving"):
        leaving.drop(tx, [key], "I stay")
    with acting(make, lea, hers) as tx, pytest.raises(Conflict, match="your own leaving"):
        leaving.restore(tx, key, "I stay")
    assert departure(make, lea).state == "waiting"


def test_five_hundred_at_once_take_no_more_statements_than_one(make: Make, count_queries: Any) -> None:
    persons = crowd(make, 200)
    yesterday = clock().date() - timedelta(days=1)
    with make.tx() as tx:
        tx.db.execute(update(Person).values(leaving_on=yesterday))
    with make.tx() as tx, count_queries() as few:
        leaving.register(tx, [persons[0].id], "page")
    with make.tx() as tx, count_queries() as many:
        leaving.register(tx, [each.id for each in persons[1:]], "page")
    assert len(many) <= len(few) + 2
    assert {departure(make, persons[n]).state for n in (0, 1, 199)} == {"done"}


def test_what_was_recorded_for_a_day_is_told_on_that_day_once(make: Make, ledger: Any) -> None:
    team, other = make.unit("Meadow"), make.unit("Harbour")
    ann, bob, lea = (make.person(name, team=team) for name in ("Ann", "Bob", "Lea"))
    now = clock()
    day = now.date() + timedelta(days=3)
    with make.tx() as tx:
        leaving_clock.tell_of_the_day(tx, now)
        people.set_team(tx, ann.id, other, day)
        people.set_manager(tx, bob.id, ann.id, day - timedelta(days=1))
    says(make, day - timedelta(days=1), lea)
    ledger.start()
    later = now + timedelta(days=3)
    for _ in range(2):
        with transaction(make.database, Actor(), writes=True, now=later) as tx:
            leaving_clock.tell_of_the_day(tx, later)
    told = [(row.person_id, row.facts["day"]) for row in ledger.entries("person.took-effect")]
    assert sorted(told) == sorted([(bob.id, (day - timedelta(days=1)).isoformat()), (ann.id, day.isoformat()), (lea.id, day.isoformat())])
    assert leaving_clock.turn(later) <= later


def test_a_place_kept_closed_goes_with_its_leaver_and_another_is_given_back(make: Make) -> None:
    lea, session = make.person("Lea"), make.session(places=2)
    mine = book(make, lea, session)
    with make.tx() as tx:
        tx.db.execute(update(Place).where(Place.session_id == session.id, Place.number == mine.place).values(closing=True))
    says(make, clock().date() - timedelta(days=1), lea)
    with officer(make) as tx:
        leaving.restore(tx, departure(make, lea).id, "A mistake")
    row = make.row(Booking, mine.id)
    assert row.status == "booked" and row.place != mine.place
