"""The register: marks that come late, finishing it, putting it right, walk-ins; success beside refusal, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.bookings import operations, registers
from app.bookings.event_models import Attendance, Interest
from app.bookings.models import Booking, Part, Session
from app.bookings.operations import attend, register, timetable, walk_in
from app.bookings.operations.attend import Mark, Marked
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Actor, transaction
from app.learning import prior
from app.learning.models import Certificate, Completion, LearningRecord
from app.notifications import facts, messages
from tests.factory import Make

DAY = timedelta(days=1)


@dataclass
class Room:
    """A session of two parts a week apart, its trainer, a coordinator, and three people with a place."""

    make: Make
    session: Any
    parts: Sequence[Any]
    trainer: Any
    coordinator: Any
    people: list[Any]
    bookings: list[int]

    def acting(self, who: Any, at: datetime, *roles: str) -> Any:
        held = (("practitioner", None), *((role, None) for role in roles))
        actor = Actor("person", who.id, who.name, held, organisation_id=who.organisation_id)
        return transaction(self.make.database, actor, writes=True, now=at)

    def training(self, at: datetime) -> Any:
        return self.acting(self.trainer, at, "trainer")

    def running(self, at: datetime) -> Any:
        return self.acting(self.coordinator, at, "coordinator")

    def mark(self, at: datetime, *marks: tuple[int, int, str], noted: datetime | None = None, reason: str | None = None) -> Marked:
        with self.training(at) as tx:
            return attend.mark(
                tx, self.session.id, [Mark(self.bookings[who], self.parts[part].id, said, noted or at, reason) for who, part, said in marks]
            )

    def marks(self) -> dict[tuple[int, int], str]:
        found = self.make.rows(select(Attendance.__table__))
        parts = [part.id for part in self.parts]
        return {(self.bookings.index(row.booking_id), parts.index(row.part_id)): row.mark for row in found}

    def states(self) -> list[str]:
        return [self.make.row(Booking, booking).status for booking in self.bookings]

    @property
    def during(self) -> datetime:
        return self.parts[0].starts_at + timedelta(minutes=5)  # type: ignore[no-any-return]

    @property
    def after(self) -> datetime:
        return self.parts[-1].ends_at + timedelta(minutes=5)  # type: ignore[no-any-return]


def room(make: Make, *, people: int = 3, places: int = 5, parts: int = 2, **course: Any) -> Room:
    trainer, coordinator = make.person("Tess"), make.person("Cai", roles=("coordinator",))
    made = make.course(cpd_minutes=course.pop("cpd_minutes", 240), **course)
    session = make.session(course=made.id, places=places, hours=3, trainers=(trainer.id,))
    if parts == 2:
        with make.tx() as tx:
            starts, ends = session.starts_at + 7 * DAY, session.ends_at + 7 * DAY
            tx.insert(Part, session_id=session.id, starts_at=starts, ends_at=ends, link="https://meet.westmarch.example/two")
            tx.update(Session, session.id, ends_at=ends)
    named = [make.person(f"Person{n}") for n in range(people)]
    bookings = []
    for person in named:
        with make.tx() as tx:
            bookings.append(operations.book(tx, session.id, person.id).id)
    with make.tx(writes=False) as tx:
        found = registers.parts(tx, session.id)
    return Room(make, make.row(Session, session.id), found, trainer, coordinator, named, bookings)


# Marks -------------------------------------------------------------------------------------------------------------


def test_marks_are_kept_and_sending_them_again_changes_nothing(make: Make, ledger: Any) -> None:
    here = room(make)
    ledger.start()
    assert here.mark(here.during, (0, 0, "present"), (1, 0, "absent")) == Marked(kept=2)
    assert here.mark(here.during, (0, 0, "present"), (1, 0, "absent")) == Marked(kept=2)
    assert here.marks() == {(0, 0): "present", (1, 0): "absent"}
    assert ledger.actions() == ["booking.marked"] * 2


def test_the_last_mark_by_time_wins_however_late_it_arrives(make: Make) -> None:
    here = room(make)
    noted = here.during
    here.mark(noted + timedelta(minutes=10), (0, 0, "present"))
    late = here.mark(noted + timedelta(hours=1), (0, 0, "absent"), (1, 0, "partly"), noted=noted)
    assert late == Marked(kept=1, overtaken=1)
    assert here.marks() == {(0, 0): "present", (1, 0): "partly"}
    here.mark(noted + timedelta(hours=1), (1, 0, "present"), noted=noted + timedelta(minutes=1))
    assert here.marks()[1, 0] == "present"


def test_of_several_marks_sent_together_the_last_counts(make: Make) -> None:
    here = room(make)
    at = here.during
    with here.training(at + timedelta(minutes=9)) as tx:
        sent = [
            Mark(here.bookings[0], here.parts[0].id, "present", at + timedelta(minutes=2)),
            Mark(here.bookings[0], here.parts[0].id, "absent", at + timedelta(minutes=1)),
        ]
        attend.mark(tx, here.session.id, sent)
    assert here.marks() == {(0, 0): "present"}


def test_a_phone_whose_clock_is_wrong_cannot_hold_the_register(make: Make) -> None:
    here = room(make)
    here.mark(here.during, (0, 0, "absent"), noted=here.during + 400 * DAY)
    here.mark(here.during + timedelta(minutes=1), (0, 0, "present"))
    here.mark(here.during, (1, 0, "present"), noted=here.during - 4000 * DAY)
    assert here.marks() == {(0, 0): "present", (1, 0): "present"}


def test_a_part_can_be_marked_from_half_an_hour_before_it_starts(make: Make) -> None:
    here = room(make)
    early = here.parts[0].starts_at - timedelta(minutes=30)
    with pytest.raises(Conflict) as refusal:
        here.mark(early - timedelta(seconds=1), (0, 0, "present"))
    assert refusal.value.code == "register-not-open"
    here.mark(early, (0, 0, "present"))
    with pytest.raises(Conflict, match="can be marked from 9am"):
        here.mark(here.during, (0, 1, "present"))


def test_somebody_who_cancelled_meanwhile_does_not_stop_the_others(make: Make) -> None:
    here = room(make)
    with make.tx() as tx:
        tx.update(Booking, here.bookings[0], status="cancelled", place=None)
    assert here.mark(here.during, (0, 0, "present"), (1, 0, "present")) == Marked(kept=1, gone=1)
    other = room(make)
    with here.training(here.during) as tx:
        stray = attend.mark(tx, here.session.id, [Mark(other.bookings[0], here.parts[0].id, "present", here.during)])
    assert stray == Marked(gone=1)


@pytest.mark.parametrize("mark", ["here", ""])
def test_a_mark_that_is_none_is_refused(make: Make, mark: str) -> None:
    here = room(make)
    with pytest.raises(Invalid):
        here.mark(here.during, (0, 0, mark))
    with pytest.raises(Invalid):
        here.mark(here.during, (0, 0, "absent"), reason="no-such-reason")
    with pytest.raises(Invalid):
        here.mark(here.during, (0, 0, "present"), reason="court")


def test_only_its_trainer_and_coordinators_take_a_register(make: Make) -> None:
    here, other = room(make), make.person("Theo")
    make.session(trainers=(other.id,))
    sent = [Mark(here.bookings[0], here.parts[0].id, "present", here.during)]
    for who, role, refused in (
        (other, "trainer", NotFound),
        (here.people[0], "practitioner", Forbidden),
        (other, "line manager", Forbidden),
    ):
        with pytest.raises(refused), here.acting(who, here.during, role) as tx:
            attend.mark(tx, here.session.id, sent)
    with here.running(here.during) as tx:
        assert attend.mark(tx, here.session.id, sent) == Marked(kept=1)


# Finishing ---------------------------------------------------------------------------------------------------------


def finished(here: Room) -> dict[str, int]:
    """Person 0 was there for all of it, 1 for the first part, 2 for none, in court."""
    here.mark(here.during, (0, 0, "present"), (1, 0, "present"), (2, 0, "absent"))
    here.mark(here.after, (0, 1, "present"), (1, 1, "absent"), (2, 1, "absent"))
    with here.training(here.after) as tx:
        return register.finish_register(tx, here.session.id)


def test_states_records_and_completions_follow_from_the_marks(make: Make, ledger: Any) -> None:
    here = room(make, validity_months=12)
    ledger.start()
    assert finished(here) == {"attended": 1, "partly attended": 1, "did not attend": 1, "excused": 0}
    assert here.states() == ["attended", "partly attended", "did not attend"]
    assert make.row(Session, here.session.id).register_at == here.after
    records = make.rows(select(LearningRecord.__table__).order_by(LearningRecord.person_id))
    assert [(row.person_id, row.minutes, row.on_date) for row in records] == [
        (here.people[0].id, 240, here.parts[1].starts_at.date()),
        (here.people[1].id, 120, here.parts[0].starts_at.date()),
    ]
    completion = make.rows(select(Completion.__table__))
    assert [(row.person_id, row.source, row.session_id) for row in completion] == [(here.people[0].id, "attendance", here.session.id)]
    assert completion[0].expires_on == completion[0].completed_on.replace(year=completion[0].completed_on.year + 1)
    assert make.rows(select(Certificate.completion_id)) == [(completion[0].id,)]
    told = [kind for kind in ledger.outbox() if kind in ("email.attended", "email.missed")]
    assert sorted(told) == ["email.attended", "email.attended", "email.missed"]
    assert ledger.outbox().count("email.certificate") == 1
    assert sorted(entry.state for entry in ledger.entries("booking.attended")) == ["attended", "partly attended"]
    with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
        assert [found.detail for found in invariants.check(tx)] == []


def test_a_part_of_a_part_counts_half_and_real_time_where_the_course_says_nothing(make: Make) -> None:
    here = room(make, parts=1, cpd_minutes=0)
    here.mark(here.during, (0, 0, "partly"), (1, 0, "present"), (2, 0, "absent"))
    with here.training(here.during) as tx:  # everybody is marked: no need to wait for the end
        register.finish_register(tx, here.session.id)
    found = make.rows(select(LearningRecord.minutes).order_by(LearningRecord.person_id))
    assert [row.minutes for row in found] == [90, 180]
    assert here.states() == ["partly attended", "attended", "did not attend"]


def test_an_absence_for_a_good_reason_is_excused(make: Make, ledger: Any) -> None:
    here = room(make, parts=1)
    here.mark(here.during, (0, 0, "absent"), reason="court")
    here.mark(here.during, (1, 0, "absent"), reason="workload")
    here.mark(here.during + timedelta(minutes=1), (0, 0, "absent"))  # the same again says nothing about the reason
    with here.training(here.after) as tx:
        register.finish_register(tx, here.session.id, rest="present")
    assert here.states() == ["excused", "did not attend", "attended"]
    assert "email.attended" in ledger.outbox()


def test_a_register_is_finished_once_after_the_end_or_when_all_are_marked(make: Make) -> None:
    here = room(make)
    here.mark(here.during, (0, 0, "present"))
    with pytest.raises(Conflict, match="3 people have no mark") as refusal, here.training(here.during) as tx:
        register.finish_register(tx, here.session.id)
    assert refusal.value.code == "register-incomplete"
    with pytest.raises(Invalid), here.training(here.after) as tx:
        register.finish_register(tx, here.session.id, rest="perhaps")
    with here.training(here.after) as tx:
        register.finish_register(tx, here.session.id)
    assert here.states() == ["partly attended", "did not attend", "did not attend"]
    with pytest.raises(Conflict) as again, here.training(here.after) as tx:
        register.finish_register(tx, here.session.id)
    assert again.value.code == "register-finished"
    with pytest.raises(Conflict, match="register is finished"):
        here.mark(here.after, (0, 0, "present"))


def test_a_coordinator_says_nothing_of_people_out_of_their_reach(make: Make) -> None:
    here = room(make, parts=1, people=1)
    neighbour = make.person("Odette", organisation=make.organisation("Northmoor Council", host=False))
    with make.tx() as tx:
        operations.book(tx, here.session.id, neighbour.id)
    scope = ("coordinator", make.organisation())
    actor = Actor("person", here.coordinator.id, "Cai", (scope,), organisation_id=scope[1])
    with transaction(make.database, actor, writes=True, now=here.after) as tx:
        assert [row.name for row in registers.people(tx, here.session.id, here.parts[0].id)] == [here.people[0].name]
        with pytest.raises(Conflict, match="outside your part of the organisation"):
            register.finish_register(tx, here.session.id)


def test_sessions_whose_register_nobody_finished(make: Make) -> None:
    here = room(make)
    with here.running(here.during) as tx:
        assert registers.not_taken(tx) == []
    with here.running(here.after) as tx:
        assert [(row.id, row.booked) for row in registers.not_taken(tx)] == [(here.session.id, 3)]
    finished(here)
    with here.running(here.after) as tx:
        assert registers.not_taken(tx) == []


def test_marks_of_a_part_that_is_moved_or_dropped_go_with_it(make: Make) -> None:
    here = room(make)
    early = here.parts[0].starts_at - timedelta(minutes=10)
    here.mark(early, (0, 0, "present"), (1, 0, "absent"))
    with make.tx() as tx:
        parts = timetable.read(tx, here.session.id)
        timetable.write(tx, here.session.id, parts[1:])
    assert make.rows(select(Attendance.booking_id)) == []


# Putting it right --------------------------------------------------------------------------------------------------


def test_putting_it_right_moves_the_state_and_supersedes_what_followed(make: Make, ledger: Any) -> None:
    here = room(make)
    finished(here)
    first, second = (part.id for part in here.parts)
    ledger.start()
    with here.training(here.after + DAY) as tx:
        register.put_right(tx, here.session.id, here.bookings[0], {second: ("absent", "unwell")}, "Went home ill at lunch")
    with here.training(here.after + DAY) as tx:
        register.put_right(tx, here.session.id, here.bookings[1], {second: ("present", None)}, "Signed the paper sheet")
    with here.training(here.after + DAY) as tx:
        register.put_right(tx, here.session.id, here.bookings[2], {first: ("absent", "court")}, "Was in court")
    assert here.states() == ["partly attended", "attended", "excused"]
    live = make.rows(select(Completion.person_id).where(Completion.superseded_at.is_(None)))
    assert [row.person_id for row in live] == [here.people[1].id]
    assert len(make.rows(select(Completion.id))) == 2
    minutes = make.rows(select(LearningRecord.person_id, LearningRecord.minutes).where(LearningRecord.superseded_at.is_(None)))
    assert sorted(map(tuple, minutes)) == sorted([(here.people[0].id, 120), (here.people[1].id, 240)])
    withdrawn = make.rows(select(Certificate.withdrawn_because).where(Certificate.withdrawn_at.is_not(None)))
    assert [row.withdrawn_because for row in withdrawn] == ["Went home ill at lunch"]
    states = [(entry.state, entry.facts["reason"]) for entry in ledger.entries("booking.attended")[-2:]]
    assert states == [("partly attended", "Went home ill at lunch"), ("attended", "Signed the paper sheet")]
    with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
        assert [found.detail for found in invariants.check(tx)] == []


def test_an_excuse_by_mistake_is_taken_back(make: Make) -> None:
    here = room(make)
    finished(here)
    parts = [part.id for part in here.parts]
    for why, state in (("court", "excused"), ("", "did not attend")):
        with here.training(here.after + DAY) as tx:
            marks = dict.fromkeys(parts, ("absent", why))
            assert register.put_right(tx, here.session.id, here.bookings[2], marks, "Taken for somebody else") == state
        with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
            assert [found.detail for found in invariants.check(tx)] == []


def test_putting_it_right_needs_a_reason_and_a_finished_register(make: Make) -> None:
    here = room(make)
    marks = {here.parts[0].id: ("present", None)}
    with pytest.raises(Conflict) as early, here.training(here.during) as tx:
        register.put_right(tx, here.session.id, here.bookings[0], marks, "Came late")
    assert early.value.code == "register-open"
    finished(here)
    with pytest.raises(Invalid), here.training(here.after) as tx:
        register.put_right(tx, here.session.id, here.bookings[0], marks, " ")
    with pytest.raises(Invalid), here.training(here.after) as tx:
        register.put_right(tx, here.session.id, here.bookings[0], {99_999: ("present", None)}, "Came late")
    with pytest.raises(NotFound), here.training(here.after) as tx:
        register.put_right(tx, here.session.id, 99_999, marks, "Came late")


# Walk-ins ----------------------------------------------------------------------------------------------------------


def test_somebody_who_turned_up_gets_a_free_place(make: Make, ledger: Any) -> None:
    here, late = room(make, places=4), make.person("Wes")
    with make.tx() as tx:
        wish = tx.insert(Interest, course_id=here.session.course_id, person_id=late.id, since=tx.now)
    door = here.parts[0].starts_at - timedelta(minutes=10)
    with here.training(door) as tx:
        booking = walk_in.walk_in(tx, here.session.id, walk_in.named(tx, here.session.id, late.email.upper()))
    assert make.row(Booking, booking).status == "booked"
    assert make.row(Interest, wish).ended_at is not None  # they are told of dates no more
    assert here.make.row(Session, here.session.id).next_turn == 5
    another = make.person("Una")
    with pytest.raises(Conflict) as full, here.running(here.during) as tx:
        walk_in.walk_in(tx, here.session.id, another.id)
    assert full.value.code == "no-place-free"
    with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
        assert [found.detail for found in invariants.check(tx)] == []


def test_after_the_start_only_a_coordinator_adds_people(make: Make) -> None:
    here, late, early = room(make), make.person("Wes"), make.person("Ula")
    with pytest.raises(Forbidden), here.training(here.during) as tx:
        walk_in.walk_in(tx, here.session.id, late.id)
    with here.running(here.during) as tx:
        walk_in.walk_in(tx, here.session.id, walk_in.named(tx, here.session.id, late.employee_number))
    with pytest.raises(Conflict) as twice, here.running(here.during) as tx:
        walk_in.walk_in(tx, here.session.id, late.id)
    assert twice.value.code == "already-booked"
    with pytest.raises(Conflict), here.running(here.parts[0].starts_at - DAY) as tx:
        walk_in.walk_in(tx, here.session.id, early.id)
    with pytest.raises(NotFound), here.running(here.during) as tx:
        walk_in.named(tx, here.session.id, "nobody@westmarch.example")


def test_nobody_at_the_door_overtakes_the_waiting_list(make: Make) -> None:
    here, waiting, late = room(make, places=3), make.person("Ida"), make.person("Wes")
    with make.tx() as tx:
        operations.book(tx, here.session.id, waiting.id)
    with make.tx() as tx:
        tx.update(Booking, here.bookings[0], status="cancelled", place=None)
    with pytest.raises(Conflict) as refusal, here.running(here.during) as tx:
        walk_in.walk_in(tx, here.session.id, late.id)
    assert refusal.value.code == "no-place-free"


def test_everybody_can_be_written_to_about_it(make: Make, test_settings: Any) -> None:
    here = room(make, validity_months=12)
    finished(here)
    with here.acting(here.people[2], here.after) as tx:
        prior.ask(tx, course_id=here.session.course_id, completed_on=tx.today, provider="A university", evidence="Certificate 7 of 2025")
    with here.running(here.after) as tx:
        prior.decide(tx, 1, 1, accepted=False, reason="It covered something else")
    with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
        rows = tx.rows(select(Outbox.__table__).where(Outbox.kind != "email.booking_made").order_by(Outbox.id))
        told = facts.compose(tx, rows)
        written = [messages.render(row.kind, told[row.id], test_settings, message_id=row.id, now=tx.now) for row in rows]
    assert sorted(row.kind for row in rows) == [
        "email.attended",
        "email.attended",
        "email.certificate",
        "email.missed",
        "email.prior_learning_decided",
    ]
    assert all(message.subject for message in written)


# At the same moment --------------------------------------------------------------------------------------------------


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each of these came to, begun at once: its answer or its refusal."""
    gate, found = threading.Barrier(len(works)), list[Any]([None] * len(works))

    def run(n: int, work: Callable[[], Any]) -> None:
        gate.wait()
        try:
            found[n] = work()
        except Refusal as refusal:
            found[n] = refusal

    threads = [threading.Thread(target=run, args=(n, work)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_two_phones_and_two_who_finish_leave_one_truth(make: Make) -> None:
    here = room(make, parts=1, people=4)

    def finish() -> Any:
        with here.training(here.after) as tx:
            return register.finish_register(tx, here.session.id)

    everybody = [(n, 0, "present") for n in range(4)]
    first, second = together(
        lambda: here.mark(here.during, *everybody),
        lambda: here.mark(here.during + timedelta(minutes=1), *((n, 0, "absent") for n in range(4))),
    )
    assert {type(first), type(second)} == {Marked} and set(here.marks().values()) == {"absent"}  # the later one, whichever came first
    here.mark(here.during + timedelta(minutes=2), *everybody)
    ends = together(finish, finish, lambda: here.mark(here.after, (0, 0, "absent")))
    assert sum(isinstance(each, dict) for each in ends[:2]) == 1
    assert {each.code for each in ends if isinstance(each, Refusal)} == {"register-finished"}
    completed = make.rows(select(Completion.person_id))
    assert len(completed) == here.states().count("attended") >= 3
    with transaction(make.database, SYSTEM, writes=False, now=here.after) as tx:
        assert [found.detail for found in invariants.check(tx)] == []
