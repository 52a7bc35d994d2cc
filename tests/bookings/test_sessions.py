"""Creating, changing, publishing, copying and cancelling sessions: success beside refusal, on both databases."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.bookings import operations
from app.bookings.models import Booking, Part, PartTrainer, Place, Room, Session
from app.bookings.operations import sessions
from app.bookings.operations.rooms import save_room
from app.bookings.operations.timetable import PartNew
from app.core.calendar import from_london, london
from app.core.errors import Changed, Conflict, Forbidden, Invalid, Refusal
from app.core.ledger import Outbox
from app.core.tx import Actor, transaction
from app.learning.models import Course
from app.people.models import Responsibility
from tests.factory import Make, tuesday

DAY = date.today() + timedelta(days=40)  # noqa: DTZ011


def at(hour: float, day: date = DAY) -> datetime:
    return from_london(day, time(int(hour), round(hour % 1 * 60)))


def part(
    room: int | None, starts: float = 9.5, ends: float = 16, *, day: date = DAY, trainers: tuple[int, ...] = (), link: str | None = None
) -> PartNew:
    return PartNew(at(starts, day), at(ends, day), room, link, trainers)


def coordinator(make: Make) -> Actor:
    person = make.person("Cai")
    return Actor("person", person.id, person.name, (("practitioner", None), ("coordinator", None)))


def coordinating(make: Make) -> Any:
    return transaction(make.database, coordinator(make), writes=True)


def create(make: Make, *parts: PartNew, capacity: int = 10, publish: bool = False, course: int | None = None, **settings: Any) -> Any:
    course = course or make.course().id
    with coordinating(make) as tx:
        key = sessions.create_session(tx, course, list(parts), capacity, **settings)
        if publish:
            sessions.publish_session(tx, key)
    return make.row(Session, key)


def refused(make: Make, how: type[Refusal], verb: Any, *args: Any, **values: Any) -> Refusal:
    with pytest.raises(how) as problem, coordinating(make) as tx:
        verb(tx, *args, **values)
    return problem.value


def fields(problem: Refusal) -> list[str]:
    return [error["field"] for error in problem.errors]


def book(make: Make, session: int, person: Any) -> Any:
    with transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None),)), writes=True) as tx:
        return operations.book(tx, session, person.id)


def places(make: Make, session: int) -> list[tuple[int, bool]]:
    return [tuple(row) for row in make.rows(select(Place.number, Place.closing).where(Place.session_id == session).order_by(Place.number))]


# Creating ----------------------------------------------------------------------------------------------------------


def test_a_session_of_two_parts(make: Make, ledger: Any) -> None:
    room, trainer = make.room(capacity=12), make.person("Tess")
    ledger.start()
    second = part(None, 10, 12, day=DAY + timedelta(days=7), link="https://meet.westmarch.example/1")
    session = create(make, second, part(room, trainers=(trainer.id,)), capacity=12, min_numbers=6)
    assert session.reference == f"S{1000 + session.id}" and session.status == "draft"
    assert (session.starts_at, session.ends_at) == (at(9.5), at(12, DAY + timedelta(days=7)))
    assert (session.place, session.online) == ("Aldermoor", False)
    assert [row.room_id for row in make.rows(select(Part.room_id).order_by(Part.starts_at))] == [room, None]
    assert len(places(make, session.id)) == 12
    assert "session.created" in ledger.actions()


def test_online_only_says_so(make: Make) -> None:
    session = create(make, part(None, link="https://meet.westmarch.example/1"))
    assert (session.place, session.online) == ("Online", True)


def test_approval_and_audience_come_from_the_course(make: Make) -> None:
    make.person("Nia", stage="NQSW")
    course = make.course(needs_approval=True, audience_stages="NQSW").id
    assert create(make, part(make.room()), course=course).needs_approval
    other = create(make, part(make.room()), course=course, needs_approval=False, audience_stages="")
    assert (other.needs_approval, other.audience_stages) == (False, "")


def test_the_trainer_s_role_follows(make: Make) -> None:
    tess, tom = make.person("Tess"), make.person("Tom")
    session = create(make, part(make.room(), trainers=(tess.id,)))
    held = select(Responsibility.holder_id).where(Responsibility.subject == f"session:{session.id}", Responsibility.superseded_at.is_(None))
    assert [row.holder_id for row in make.rows(held)] == [tess.id]
    moved = [part(make.room(), trainers=(tom.id,))]
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, 1, moved)
    assert [row.holder_id for row in make.rows(held)] == [tom.id]


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "parts"),
        ([part(None)], "parts.1.room"),
        ([part(None, 12, 10, link="https://x.example")], "parts.1.ends"),
        ([part(None, 6, 21, link="https://x.example")], "parts.1.ends"),
        ([part(None, 9, 11, link="https://x.example"), part(None, 10, 12, link="https://x.example")], "parts.2.starts"),
        ([part(None, link="javascript:alert(1)")], "parts.1.link"),
        ([part(999)], "parts.1.room"),
        ([part(None, link="https://x.example", trainers=(999,))], "parts.1.trainers"),
    ],
)
def test_impossible_parts_are_refused(make: Make, parts: list[PartNew], field: str) -> None:
    course = make.course().id
    assert fields(refused(make, Invalid, sessions.create_session, course, parts, 5)) == [field]
    assert make.rows(select(Session.id)) == []


def test_settings_are_checked_against_each_other(make: Make) -> None:
    start = at(9.5)
    problem = refused(
        make,
        Invalid,
        sessions.create_session,
        make.course().id,
        [part(make.room())],
        5,
        min_numbers=6,
        waiting_limit=-1,
        decide_by=start + timedelta(hours=1),
        opens_at=start,
        closes_at=start,
        cancel_by=start + timedelta(days=1),
        audience_unit_id=99,
        audience_stages="NOBODY",
    )
    assert set(fields(problem)) == {
        "min_numbers",
        "waiting_limit",
        "decide_by",
        "opens_at",
        "cancel_by",
        "audience_unit_id",
        "audience_stages",
    }
    assert fields(refused(make, Invalid, sessions.create_session, make.course().id, [part(make.room())], 0)) == ["capacity"]


def test_a_room_too_small_or_closed(make: Make) -> None:
    small, course = make.room("Elm Room", capacity=8), make.course().id
    problem = refused(make, Invalid, sessions.create_session, course, [part(small)], 9)
    assert "Elm Room holds 8 people, fewer than the 9 places" in problem.message
    with make.tx() as tx:
        tx.update(Room, small, closed=True)
    assert "closed" in refused(make, Invalid, sessions.create_session, course, [part(small)], 5).message


def test_a_withdrawn_course_gets_no_sessions(make: Make) -> None:
    course = make.course(status="withdrawn").id
    assert refused(make, Conflict, sessions.create_session, course, [part(make.room())], 5).code == "course-withdrawn"


# Clashes -----------------------------------------------------------------------------------------------------------


def test_a_room_in_use_is_named_with_what_is_there(make: Make) -> None:
    room = make.room("Oak Room")
    first = create(make, part(room), course=make.course("Court skills").id)
    problem = refused(make, Conflict, sessions.create_session, make.course().id, [part(room, 15, 17)], 5)
    assert problem.code == "room-taken" and fields(problem) == ["parts.1.room"]
    assert f"Oak Room is already in use then: {first.reference}, Court skills" in problem.message
    create(make, part(room, 16, 17))  # one after the other is fine


def test_a_trainer_delivers_one_thing_at_a_time(make: Make) -> None:
    tess = make.person("Tess Vale")
    create(make, part(make.room(), trainers=(tess.id,)))
    problem = refused(make, Conflict, sessions.create_session, make.course().id, [part(make.room(), 12, 13, trainers=(tess.id,))], 5)
    assert problem.code == "trainer-taken" and "Tess Vale is already delivering then" in problem.message


def test_the_database_has_the_last_word(make: Make) -> None:
    room = make.room()
    first, second = create(make, part(room)), create(make, part(make.room()))
    with pytest.raises(Conflict) as problem, make.tx() as tx:
        tx.db.execute(update(Part).where(Part.session_id == second.id).values(room_id=room))
    assert problem.value.code == "room-taken"
    assert make.rows(select(Part.session_id).where(Part.room_id == room)) == [(first.id,)]


def test_threads_race_for_one_room(make: Make) -> None:
    room, courses = make.room(capacity=20), [make.course().id for _ in range(8)]
    actor, outcomes = coordinator(make), []

    def go(course: int) -> None:
        try:
            with transaction(make.database, actor, writes=True) as tx:
                sessions.create_session(tx, course, [part(room)], 5)
            outcomes.append("created")
        except Refusal as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=go, args=(course,)) for course in courses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created"] + ["room-taken"] * 7
    assert len(make.rows(select(Session.id))) == 1


# Publishing --------------------------------------------------------------------------------------------------------


def test_publishing_opens_it_once(make: Make) -> None:
    session = create(make, part(make.room()), publish=True)
    assert session.status == "published"
    assert refused(make, Conflict, sessions.publish_session, session.id).code == "session-published"
    assert book(make, session.id, make.person("Ann")).status == "booked"


def test_the_past_cannot_be_published(make: Make) -> None:
    session = create(make, part(make.room(), day=date(2024, 5, 1)))
    problem = refused(make, Invalid, sessions.publish_session, session.id)
    assert problem.code == "in-the-past" and fields(problem) == ["parts.1.day"]
    live = create(make, part(make.room()), publish=True)
    moved = [part(make.room(), day=date(2024, 5, 1))]
    assert refused(make, Invalid, sessions.change_session, live.id, live.version, moved).code == "in-the-past"


def test_a_mistyped_year_is_no_date(make: Make) -> None:
    problem = refused(make, Invalid, sessions.create_session, make.course().id, [part(make.room(), day=date(2206, 5, 1))], 10)
    assert fields(problem) == ["parts.1.day"]
    two = create(make, part(make.room()), part(make.room(), day=date(2027, 5, 2)))
    for day in (date(2206, 5, 1), date(9999, 12, 31)):
        assert isinstance(refused(make, Invalid, sessions.copy_session, two.id, day), Invalid)


def test_a_session_needs_a_published_course(make: Make) -> None:
    session = create(make, part(make.room()), course=make.course(status="draft").id)
    assert refused(make, Conflict, sessions.publish_session, session.id).code == "course-not-published"


def test_a_course_with_a_session_to_come_is_not_withdrawn(make: Make) -> None:
    course = make.course().id
    session = create(make, part(make.room()), course=course, publish=True)
    assert refused(make, Conflict, sessions.withdraw_course, course).code == "course-has-sessions"
    with coordinating(make) as tx:
        sessions.cancel_session(tx, session.id, "Too few people")
        sessions.withdraw_course(tx, course)
    assert make.row(Course, course).status == "withdrawn"


# Changing ----------------------------------------------------------------------------------------------------------


def test_raising_capacity_adds_places(make: Make) -> None:
    session = create(make, part(make.room(capacity=20)), capacity=2, publish=True)
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, session.version, capacity=4)
    assert places(make, session.id) == [(1, False), (2, False), (3, False), (4, False)]
    small = make.room(capacity=4)
    session = create(make, part(small), capacity=4)
    assert fields(refused(make, Invalid, sessions.change_session, session.id, 1, capacity=5)) == ["parts.1.room"]


def test_lowering_capacity_unseats_nobody(make: Make) -> None:
    session = create(make, part(make.room()), capacity=4, publish=True)
    booked = [book(make, session.id, make.person(f"P{n}")) for n in range(3)]
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, session.version, capacity=1)
    assert places(make, session.id) == [(1, False), (2, True), (3, True)]  # the free one went at once
    assert book(make, session.id, make.person("Late")).status == "waiting"
    with coordinating(make) as tx:
        operations.cancel(tx, booked[2].id, "Not needed any more")
    assert places(make, session.id) == [(1, False), (2, True)]
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, session.version + 1, capacity=3)
    assert places(make, session.id) == [(1, False), (2, False), (3, False)]
    held = make.rows(select(Booking.place).where(Booking.status == "booked").order_by(Booking.place))
    assert [row.place for row in held] == [1, 2]


def test_a_move_is_told_to_everyone_with_a_live_booking(make: Make, count_queries: Any) -> None:
    oak, elm = make.room("Oak Room"), make.room("Elm Room")
    session = create(make, part(oak), capacity=1, publish=True)
    for name in ("Ann", "Bob"):
        book(make, session.id, make.person(name))
    gone = book(make, session.id, make.person("Gone"))
    with coordinating(make) as tx:
        operations.cancel(tx, gone.id, "Cannot come")
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, session.version, [part(elm, 10, 15)])
    row = make.row(Session, session.id)
    assert (row.sequence, row.starts_at) == (1, at(10))
    told = make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.session_changed").order_by(Outbox.id))
    assert [each.facts["status"] for each in told] == ["booked", "waiting"]
    assert told[0].facts["changes"][1] == "The room is now Elm Room."
    assert told[0].facts["changes"][0] == "It now starts at 10am (was 9:30am) and ends at 3pm (was 4pm)."
    assert told[0].facts["before"][0]["room"] == "Oak Room" and told[0].facts["sequence"] == 1


def test_a_draft_and_a_change_of_trainer_tell_no_learner(make: Make, ledger: Any) -> None:
    room, tess = make.room(), make.person("Tess")
    draft = create(make, part(room))
    live = create(make, part(make.room()), publish=True)
    book(make, live.id, make.person("Ann"))
    parts = [
        PartNew(row.starts_at, row.ends_at, row.room_id, None, (tess.id,))
        for row in make.rows(select(Part.__table__).where(Part.session_id == live.id))
    ]
    with coordinating(make) as tx:
        sessions.change_session(tx, draft.id, 1, [part(room, 10, 12)])
        sessions.change_session(tx, live.id, live.version, parts)
    assert [row.person_id for row in make.rows(select(PartTrainer.person_id))] == [tess.id]
    assert "email.session_changed" not in ledger.outbox() and ledger.outbox()[-1] == "email.trainer_session_set"


def test_two_parts_can_change_rooms(make: Make) -> None:
    a, b = make.room(), make.room()
    session = create(make, part(a, 9, 11), part(b, 11, 13))
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, 1, [part(b, 9, 11), part(a, 11, 13)])
        sessions.change_session(tx, session.id, 2, [part(a, 9, 13)])
    assert [(row.room_id, row.live) for row in make.rows(select(Part.room_id, Part.live))] == [(a, True)]


def test_old_versions_and_ended_sessions_are_not_changed(make: Make) -> None:
    session = create(make, part(make.room()), publish=True)
    refused(make, Changed, sessions.change_session, session.id, 1, capacity=3)
    with coordinating(make) as tx:
        sessions.cancel_session(tx, session.id, "Too few people")
    assert refused(make, Conflict, sessions.change_session, session.id, 3, capacity=3).code == "session-cancelled"
    over = make.session(day=date(2024, 5, 1))
    assert refused(make, Conflict, sessions.change_session, over.id, 1, capacity=3).code == "session-over"


# Copying -----------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_the_hours_through_a_change_of_clocks(make: Make) -> None:
    room = make.room()
    june, december = tuesday(6), tuesday(12)
    first = create(
        make,
        part(room, day=june),
        part(room, 10, 12, day=june + timedelta(days=7)),
        cancel_by=at(17, june - timedelta(days=7)),
        publish=True,
    )
    with coordinating(make) as tx:
        key = sessions.copy_session(tx, first.id, december)
    copy = make.row(Session, key)
    assert copy.status == "draft" and copy.capacity == first.capacity
    assert london(copy.starts_at).isoformat() == f"{december}T09:30:00+00:00"
    assert london(copy.ends_at).isoformat() == f"{december + timedelta(days=7)}T12:00:00+00:00"
    assert london(copy.cancel_by).isoformat() == f"{december - timedelta(days=7)}T17:00:00+00:00"
    assert refused(make, Conflict, sessions.copy_session, first.id, june).code == "room-taken"


def test_an_hour_that_does_not_exist(make: Make) -> None:
    first = create(make, part(make.room(), 1.5, 3))
    assert fields(refused(make, Invalid, sessions.copy_session, first.id, date(2027, 3, 28))) == ["day"]


# Cancelling --------------------------------------------------------------------------------------------------------


def test_cancelling_ends_every_booking_and_frees_everything(make: Make, ledger: Any) -> None:
    room, tess = make.room(), make.person("Tess")
    session = create(make, part(room, trainers=(tess.id,)), capacity=1, publish=True)
    people = [make.person(name) for name in ("Ann", "Bob")]
    for person in people:
        book(make, session.id, person)
    ledger.start()
    with coordinating(make) as tx:
        assert sessions.cancel_session(tx, session.id, "The trainer is ill") == 2
    row = make.row(Session, session.id)
    assert (row.status, row.cancel_reason, row.sequence) == ("cancelled", "The trainer is ill", 1)
    ended = make.rows(select(Booking.status, Booking.place, Booking.reason, Booking.version, Booking.sequence))
    assert ended == [("cancelled", None, "The trainer is ill", 2, 1)] * 2
    entries = ledger.entries("booking.session-cancelled")
    assert [(entry.person_id, entry.state, entry.facts["was"]) for entry in entries] == [
        (people[0].id, "cancelled", "booked"),
        (people[1].id, "cancelled", "waiting"),
    ]
    told = make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.session_cancelled").order_by(Outbox.id))
    assert [(each.person_id, each.facts["was"]) for each in told] == [(people[0].id, "booked"), (people[1].id, "waiting")]
    assert [row.live for row in make.rows(select(Part.live).union_all(select(PartTrainer.live)))] == [False, False]
    create(make, part(room, trainers=(tess.id,)))  # both are free again
    assert refused(make, Conflict, sessions.cancel_session, session.id, "Again").code == "session-cancelled"


def test_cancelling_wants_a_reason_and_a_session_to_come(make: Make) -> None:
    session = create(make, part(make.room()), publish=True)
    assert fields(refused(make, Invalid, sessions.cancel_session, session.id, " ")) == ["reason"]
    over = make.session(day=date(2024, 5, 1))
    assert refused(make, Conflict, sessions.cancel_session, over.id, "Too late").code == "session-started"
    assert make.row(Session, session.id).status == "published"


def test_cancelling_takes_as_many_statements_for_many_as_for_one(make: Make, count_queries: Any) -> None:
    few, many = create(make, part(make.room()), publish=True), create(make, part(make.room()), publish=True)
    book(make, few.id, make.person("P"))
    for n in range(4):
        book(make, many.id, make.person(f"P{n}"))
    actor, counts = coordinator(make), []
    for session in (few, many):
        with count_queries() as queries, transaction(make.database, actor, writes=True) as tx:
            sessions.cancel_session(tx, session.id, "Too few people")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_practitioner_manages_nothing(make: Make, ledger: Any) -> None:
    ann, session = make.person("Ann"), make.session()
    ledger.start()
    actor = Actor("person", ann.id, "", (("practitioner", None),))
    with pytest.raises(Forbidden), transaction(make.database, actor, writes=True) as tx:
        sessions.publish_session(tx, session.id)
    with pytest.raises(Forbidden), transaction(make.database, actor, writes=True) as tx:
        sessions.cancel_session(tx, session.id, "Because")
    assert ledger.actions() == []


# Rooms -------------------------------------------------------------------------------------------------------------


def test_a_room_is_kept_tidy(make: Make) -> None:
    with coordinating(make) as tx:
        key = save_room(tx, None, name=" Oak  Room ", place="Aldermoor", capacity=12, access_notes="Step-free")
        save_room(tx, key, name="Oak Room", place="Aldermoor", capacity=14)
    assert (make.row(Room, key).name, make.row(Room, key).capacity) == ("Oak Room", 14)
    assert set(fields(refused(make, Invalid, save_room, None, name="Oak Room", place="", capacity=0))) == {"name", "place", "capacity"}


def test_a_room_in_use_is_neither_closed_nor_shrunk_below_its_sessions(make: Make) -> None:
    room = make.room("Oak Room", capacity=12)
    session = create(make, part(room), capacity=10)
    shrunk = refused(make, Conflict, save_room, room, name="Oak Room", place="Aldermoor", capacity=9)
    assert shrunk.code == "room-too-small" and session.reference in shrunk.message
    assert refused(make, Conflict, save_room, room, name="Oak Room", place="Aldermoor", capacity=12, closed=True).code == "room-in-use"
    with coordinating(make) as tx:
        sessions.cancel_session(tx, session.id, "Too few people")
        save_room(tx, room, name="Oak Room", place="Aldermoor", capacity=9, closed=True)
    assert make.row(Room, room).closed
