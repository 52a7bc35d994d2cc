"""Places kept for a group or a team until a date: who gets which place, and what happens when they are released."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import operations, rules
from app.bookings.models import Booking, PassOn, Place, Quota, Session, Status
from app.bookings.operations import queue, quotas, sessions, timetable
from app.bookings.operations.quotas import Keep
from app.core.calendar import london
from app.core.db import FOREVER
from app.core.errors import Changed, Conflict, Forbidden, Invalid
from app.core.tx import transaction
from app.learning.models import Course
from app.people import operations as people
from app.people.models import Group, GroupMember
from tests.bookings.test_operations import acting
from tests.factory import LONG_AGO, Make


def cohort(make: Make, *people: Any, name: str = "ASYE cohort") -> int:
    with make.tx() as tx:
        group = tx.insert(Group, code=f"g{make._next()}", name=name, kind="cohort")
        tx.insert_many(
            GroupMember,
            [dict(group_id=group, person_id=person.id, valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now) for person in people],
        )
        return group


def until(make: Make, days: int = 10) -> date:
    with make.tx(writes=False) as tx:
        return tx.today + timedelta(days=days)


def keep(make: Make, session: Any, *wanted: Keep) -> None:
    with make.tx() as tx:
        quotas.set_quotas(tx, session.id, wanted)


def book(make: Make, person: Any, session: Any) -> Any:
    with acting(make, person) as tx:
        return operations.book(tx, session.id, person.id)


def marks(make: Make, session: Any) -> list[int | None]:
    return [row.quota_id for row in make.rows(select(Place.quota_id).where(Place.session_id == session.id).order_by(Place.number))]


def test_kept_places_go_only_to_those_they_are_kept_for(make: Make) -> None:
    nina, ann, bob = make.person("Nina"), make.person("Ann"), make.person("Bob")
    group, session = cohort(make, nina), make.session(places=2)
    keep(make, session, Keep(1, until(make), group_id=group))
    assert book(make, ann, session).status is Status.BOOKED
    assert book(make, bob, session).status is Status.WAITING  # a place is free, but not for Bob
    with make.tx(writes=False) as tx:
        row = tx.get(Session, session.id)
        assert row.has_quotas and rules.facts(tx, row, nina.id).place is not None
    assert book(make, nina, session).status is Status.BOOKED  # nobody is overtaken: Bob could not have had it


def test_a_unit_counts_with_all_below_it(make: Make) -> None:
    service = make.unit("Children", "service")
    team = make.unit("Rowan team", parent=service)
    inside, outside, session = make.person("Ida", team=team), make.person("Olu"), make.session(places=1)
    keep(make, session, Keep(1, until(make), unit_id=service))
    assert book(make, outside, session).status is Status.WAITING
    assert book(make, inside, session).status is Status.BOOKED


def test_a_kept_place_that_is_freed_goes_to_the_first_of_its_people(make: Make) -> None:
    nina, noor, bob = make.person("Nina"), make.person("Noor"), make.person("Bob")
    group, session = cohort(make, nina, noor), make.session(places=1)
    keep(make, session, Keep(1, until(make), group_id=group))
    mine = book(make, nina, session)
    waiting, second = book(make, bob, session), book(make, noor, session)
    with acting(make, nina) as tx:
        operations.cancel(tx, mine.id, "Court hearing")
    assert make.row(Booking, second.id).status == "offered" and make.row(Booking, waiting.id).status == "waiting"


def test_released_on_its_day_the_place_is_offered_to_whoever_is_next(make: Make, ledger: Any) -> None:
    nina, bob = make.person("Nina"), make.person("Bob")
    group, session = cohort(make, nina), make.session(places=1)
    keep(make, session, Keep(1, until(make), group_id=group))
    waiting = book(make, bob, session)
    assert quotas.release_due(make.database) == 0
    with make.tx() as tx:
        tx.update(Quota, make.rows(select(Quota.id))[0].id, release_on=tx.today)
    ledger.start()
    assert quotas.release_due(make.database) == 1
    assert quotas.release_due(make.database) == 0
    assert make.row(Booking, waiting.id).status == "offered"
    assert not make.row(Session, session.id).has_quotas and marks(make, session) == [None]
    assert ledger.actions() == ["session.quota-released", "booking.offered"]


def test_released_by_hand_once(make: Make) -> None:
    group, session = cohort(make), make.session(places=3)
    other = cohort(make, name="Apprentices")
    keep(make, session, Keep(1, until(make), group_id=group), Keep(1, until(make), group_id=other))
    first = make.rows(select(Quota.id).order_by(Quota.id))[0].id
    with make.tx() as tx:
        quotas.release(tx, session.id, first)
    assert make.row(Session, session.id).has_quotas and marks(make, session).count(None) == 2
    with pytest.raises(Conflict, match="released already"), make.tx() as tx:
        quotas.release(tx, session.id, first)


def test_nobody_is_unseated_and_holders_who_belong_count(make: Make) -> None:
    nina, ann = make.person("Nina"), make.person("Ann")
    group, session = cohort(make, nina), make.session(places=2)
    held = [book(make, nina, session), book(make, ann, session)]
    with pytest.raises(Invalid, match="Only 1 place can be kept for ASYE cohort"):
        keep(make, session, Keep(2, until(make), group_id=group))
    assert not make.row(Session, session.id).has_quotas  # nothing of it stands
    keep(make, session, Keep(1, until(make), group_id=group))
    places = [row.place for row in make.rows(select(Booking.place).order_by(Booking.id))]
    assert places == [held[0].place, held[1].place]
    assert marks(make, session)[(held[0].place or 0) - 1] is not None


def test_a_place_that_somebody_waits_for_is_not_kept_for_others(make: Make) -> None:
    """It is too late to offer the place by itself; it is still not given past whoever waits."""
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    mine = book(make, ann, session)
    book(make, bob, session)
    with make.tx() as tx:
        tx.update(Session, session.id, closes_at=tx.now)  # past its cut-off: nothing can be offered
        operations.cancel(tx, mine.id, "Court hearing")
    with pytest.raises(Invalid, match="somebody waits for them"):
        keep(make, session, Keep(1, until(make), group_id=cohort(make)))


def test_fewer_places_kept_lets_free_ones_go_first(make: Make) -> None:
    nina = make.person("Nina")
    group, session = cohort(make, nina), make.session(places=3)
    keep(make, session, Keep(3, until(make), group_id=group))
    mine = book(make, nina, session)
    keep(make, session, Keep(1, until(make), group_id=group))
    kept = make.rows(select(Place.number).where(Place.quota_id.is_not(None)))
    assert [row.number for row in kept] == [mine.place]
    keep(make, session)
    assert not make.row(Session, session.id).has_quotas and marks(make, session) == [None] * 3
    assert [row.released_at is not None for row in make.rows(select(Quota.released_at))] == [True]


def test_capacity_is_not_lowered_below_what_is_kept(make: Make) -> None:
    ann = make.person("Ann")
    group, session = cohort(make), make.session(places=3)
    keep(make, session, Keep(2, until(make), group_id=group))
    book(make, ann, session)
    with pytest.raises(Invalid, match="2 places of this session are kept"), make.tx() as tx:
        sessions.change_session(tx, session.id, 2, capacity=1)
    with make.tx() as tx:
        sessions.change_session(tx, session.id, 2, capacity=2)  # Ann's place closes, the kept ones stay
    closing = make.rows(select(Place.closing, Place.quota_id).order_by(Place.number))
    assert [(row.closing, row.quota_id is not None) for row in closing] == [(False, True), (False, True), (True, False)]


@pytest.mark.parametrize(
    ("places", "days", "field"),
    [(0, 5, "quotas.1.places"), (4, 5, "quotas.1.places"), (1, 0, "quotas.1.release_on"), (1, 90, "quotas.1.release_on")],
)
def test_what_cannot_be_is_refused_beside_its_field(make: Make, places: int, days: int, field: str) -> None:
    group, session = cohort(make), make.session(places=3)
    with pytest.raises(Invalid) as refusal:
        keep(make, session, Keep(places, until(make, days), group_id=group))
    assert refusal.value.errors[0]["field"] == field


def test_who_may_and_who_was_first(make: Make) -> None:
    group, session, ann = cohort(make), make.session(), make.person("Ann")
    with pytest.raises(Invalid, match="already on the list"):
        keep(make, session, *[Keep(1, until(make), group_id=group)] * 2)
    with pytest.raises(Invalid, match="Choose a group"):
        keep(make, session, Keep(1, until(make), group_id=group + 99))
    with pytest.raises(Changed), make.tx() as tx:
        quotas.set_quotas(tx, session.id, [], version=9)
    with pytest.raises(Forbidden), acting(make, ann) as tx:
        quotas.set_quotas(tx, session.id, [])
    with transaction(make.database, tx.actor, writes=False) as reading:
        assert quotas.kept_places(reading, session.id) == 0


def test_everybody_sees_what_is_left_for_them(make: Make, sign_in: Any, client: Any) -> None:
    nina, ann = make.person("Nina"), make.person("Ann")
    group, session = cohort(make, nina), make.session(places=3)
    slug = make.row(Course, session.course_id).slug
    keep(make, session, Keep(2, until(make), group_id=group))

    def said(person: Any, words: str) -> list[bool]:
        browser = sign_in(person)
        pages = [f"/sessions/{session.id}", f"/sessions/{session.id}/book", f"/courses/{slug}", "/courses"]
        return [words in browser.get(address).text for address in pages]

    assert said(nina, "3 places left") == [True] * 4
    assert said(ann, "1 place left") == [True] * 4
    assert said(ann, "2 places kept for ASYE cohort until") == [True, False, True, False]
    eve = make.person("Eve")
    book(make, eve, session)
    assert said(ann, "The places left are kept for others – join the waiting list") == [True] * 4
    assert said(nina, "2 places left") == [True] * 4
    free = [f'href="/courses/{slug}"' in sign_in(person).get("/courses?free=yes").text for person in (nina, ann)]
    assert free == [True, False]
    assert client("catalogue:read").get(f"/api/v1/sessions/{session.id}").json()["places_left"] == 0
    book(make, make.person("Olu"), session)
    assert said(nina, "2 places left") == [True] * 4  # hers still, although somebody else waits


def test_a_course_without_quotas_asks_nothing_more(make: Make, sign_in: Any, count_queries: Any) -> None:
    ann, group = make.person("Ann"), cohort(make)
    plain, kept = make.session(), make.session()
    keep(make, kept, Keep(2, until(make), group_id=group))
    counts = []
    for session in (plain, kept):
        browser, slug = sign_in(ann), make.row(Course, session.course_id).slug
        browser.get(f"/courses/{slug}")
        with count_queries() as queries:
            browser.get(f"/courses/{slug}")
        counts.append(len(queries))
    assert counts[1] - counts[0] == 2


def test_a_session_that_moves_keeps_nothing_beyond_its_start(make: Make) -> None:
    group, session = cohort(make), make.session()
    keep(make, session, Keep(1, london(session.starts_at).date(), group_id=group))
    with make.tx() as tx:
        part = timetable.read(tx, session.id)[0]
        earlier = replace(part, starts_at=part.starts_at - timedelta(days=7), ends_at=part.ends_at - timedelta(days=7))
        sessions.change_session(tx, session.id, 2, [earlier])
    assert make.rows(select(Quota.release_on))[0].release_on == london(earlier.starts_at).date()


def test_whoever_joins_the_group_while_waiting_gets_a_kept_place(make: Make) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    group, session = cohort(make), make.session(places=1)
    keep(make, session, Keep(1, until(make), group_id=group))
    turns = [book(make, each, session) for each in (ann, bob)]
    with make.tx() as tx:
        people.join_group(tx, group, bob.id, LONG_AGO)
        quotas.look_again(tx, tx.now)
        quotas.look_again(tx, tx.now)  # once is enough
    assert len(make.rows(select(PassOn.id).where(PassOn.done_at.is_(None)))) == 1
    assert queue.pass_on_due(make.database) == 1
    assert [make.row(Booking, each.id).status for each in turns] == ["waiting", "offered"]
