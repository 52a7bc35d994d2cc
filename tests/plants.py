"""A county with something of everything, and for each of the auditor's rules a way to break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, text, update

from app.bookings import operations
from app.bookings.event_models import Attendance, EvaluationAnswer, EvaluationAsk
from app.bookings.models import Booking, Part, PartTrainer, Place, Quota, Session
from app.bookings.operations import attend, offers, register
from app.bookings.operations.attend import Mark
from app.bookings.operations.passing import pass_on_to
from app.bookings.operations.quotas import Keep, set_quotas
from app.bookings.operations.reservations import reserve
from app.bookings.policy_models import Consequence, Journal
from app.core.db import FOREVER, is_postgresql
from app.core.ledger import Audit, Outbox
from app.core.ready import doubt
from app.core.tx import Actor, Tx, transaction
from app.identity import operations as identity
from app.identity.models import Link
from app.learning.models import Completion, Course, LearningRecord, PriorLearning
from app.people.models import Duty, Group, GroupMember, Membership, Person, Post, Responsibility, Stage, Unit, UnitClosure
from tests.factory import LONG_AGO, Make

COORDINATOR = (("practitioner", None), ("coordinator", None), ("line manager", None))


def acting(make: Make, person: Any) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, COORDINATOR), writes=True)


def county(make: Make) -> Make:
    """Something of everything, nearly all of it done through the operations."""
    from tests import plants_chains  # it plants here, too

    service = make.unit("Safeguarding", "service")
    team, other = make.unit("Assessment", parent=service), make.unit("Court", parent=service)
    cai = make.person("Cai Cole", roles=("coordinator",))
    manager = make.person("Mo", team=team, manager=cai.id, stage="TM")
    people_ = [
        make.person(f"P{n}", team=team if n % 2 else other, manager=manager.id, stage="SW", swe_number=f"SW90000{n}") for n in range(8)
    ]
    full = make.session(places=2, trainers=(manager.id,))
    asks = make.session(places=3, needs_approval=True, day=datetime.now(UTC).date() + timedelta(days=60))
    later = datetime.now(UTC).date() + timedelta(days=50)
    off = make.session(places=3, day=later)
    with acting(make, cai) as tx:
        full_ids = [operations.book(tx, full.id, person.id).id for person in people_[:7]]
        called_off = operations.book(tx, off.id, people_[7].id)
        operations.cancel(tx, full_ids[0], "Court hearing")
        operations.cancel(tx, full_ids[3], "No longer needed")
    asked = []
    for person in people_[:4]:
        with transaction(make.database, Actor("person", person.id, person.name, COORDINATOR[:1]), writes=True) as tx:
            asked.append(operations.book(tx, asks.id, person.id).id)
    with acting(make, cai) as tx:
        offers.accept(tx, full_ids[2])
        operations.cancel(tx, full_ids[1], "On leave")  # offered to the fifth
        operations.decide(tx, asked[0], True)
        operations.decide(tx, asked[1], False, "Not this term")
        operations.decide(tx, asked[3], True)
        operations.cancel(tx, called_off.id, "On leave")
    offers_and_kept_places(make, cai, people_)
    a_register(make, cai, people_)
    plants_chains.a_portfolio(make)
    return make


def offers_and_kept_places(make: Make, cai: Any, people_: list[Any]) -> None:
    """An offer that is open with its link, one that lapsed, a place passed on, one reserved, and two kept for a group."""
    session = make.session(places=2, day=datetime.now(UTC).date() + timedelta(days=70))
    with make.tx() as tx:
        group = tx.insert(Group, code="september", name="September cohort", kind="cohort")
        fact = dict(valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)
        tx.insert_many(GroupMember, [dict(group_id=group, person_id=person.id, **fact) for person in people_[:2]])
    with acting(make, cai) as tx:
        held = [operations.book(tx, session.id, person.id).id for person in people_[:4]]
    with acting(make, cai) as tx:
        pass_on_to(tx, held[0], people_[5].id)
        operations.cancel(tx, held[1], "Court hearing")
    with make.tx() as tx:
        identity.mint_link(tx, people_[2].id, "offer", people_[2].email, subject_id=held[2], expires_at=tx.now + timedelta(days=2))
    some = make.session(places=4, day=datetime.now(UTC).date() + timedelta(days=80))
    with acting(make, cai) as tx:
        set_quotas(tx, some.id, [Keep(2, tx.today + timedelta(days=30), group_id=group)])
        operations.book(tx, some.id, people_[0].id)
        reserve(tx, some.id, 1)


def a_register(make: Make, cai: Any, people_: list[Any]) -> None:
    """A session that has taken place: two were there, one for half of it, one was not; and what followed from all that."""
    course = make.course(validity_months=12).id
    session = make.session(course=course, places=4, starts=datetime.now(UTC) + timedelta(days=3), link="https://meet.westmarch.example/r")
    with acting(make, cai) as tx:
        ids = [operations.book(tx, session.id, person.id).id for person in people_[:4]]
    with make.tx() as tx:
        earlier = tx.now - timedelta(days=1)
        times = dict(starts_at=earlier, ends_at=earlier + timedelta(hours=3))
        tx.update(Session, session.id, **times)
        tx.db.execute(update(Part).where(Part.session_id == session.id).values(**times))
        part = tx.scalar(select(Part.id).where(Part.session_id == session.id))
        marks = zip(ids, ("present", "present", "partly", "absent"), strict=True)
        attend.mark(tx, session.id, [Mark(booking, part, mark, tx.now) for booking, mark in marks])
        register.finish_register(tx, session.id)
    with make.tx() as tx:
        asked = dict(person_id=people_[0].id, kind="after", asked_at=tx.now)
        tx.insert(EvaluationAsk, booking_id=ids[0], answered_at=tx.now, **asked)
        tx.insert(EvaluationAnswer, session_id=session.id, kind="after", answered_on=tx.today, useful=5)
        completion = tx.scalar(select(Completion.id).where(Completion.person_id == people_[1].id))
        prior = dict(course_id=course, completed_on=tx.today, provider="Elsewhere", evidence="A certificate", asked_at=tx.now)
        tx.insert(PriorLearning, person_id=people_[1].id, state="accepted", completion_id=completion, **prior)
        journal = tx.insert(Journal, made_at=tx.now, charges=1, pence=0)
        tx.db.execute(update(Consequence).values(journal_id=journal))


# Planting ----------------------------------------------------------------------------------------------------------


class _Undo(Exception):
    """Leaves the transaction, so that nothing planted stays."""


@contextmanager
def unguarded_tx(make: Make) -> Iterator[Tx]:
    """A transaction in which everything can be broken, and after which nothing is."""
    with suppress(_Undo), make.tx() as tx:
        unguarded(tx)
        yield tx
        if not is_postgresql(tx.db):
            tx.db.execute(text("PRAGMA ignore_check_constraints = OFF"))  # this one belongs to the connection
        raise _Undo


def unguarded(tx: Tx) -> None:
    """No constraint, trigger or unique index stands in the way any longer, until this transaction is rolled back."""
    if is_postgresql(tx.db):
        tx.db.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers, no foreign keys
        checks = (
            "SELECT conrelid::regclass AS tab, conname AS name FROM pg_constraint "
            "WHERE contype IN ('c', 'x', 'u') AND conrelid > 0 AND connamespace = 'public'::regnamespace"
        )
        for row in tx.rows(text(checks)):
            tx.db.execute(text(f"ALTER TABLE {row.tab} DROP CONSTRAINT {row.name} CASCADE"))
        unique = (
            "SELECT indexrelid::regclass AS name FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indisunique AND NOT indisprimary"
        )
        for row in tx.rows(text(unique + " AND c.relnamespace = 'public'::regnamespace")):
            tx.db.execute(text(f"DROP INDEX {row.name}"))
        doubt(tx.db)
        return
    tx.db.execute(text("PRAGMA defer_foreign_keys = ON"))
    tx.db.execute(text("PRAGMA ignore_check_constraints = ON"))
    for row in tx.rows(text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE '%_fts_%'")):
        tx.db.execute(text(f"DROP TRIGGER {row.name}"))
    for row in tx.rows(text("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'")):
        tx.db.execute(text(f"DROP INDEX {row.name}"))


PLANTS: dict[str, Callable[[Tx], None]] = {}


def plants(rule: str) -> Callable[[Callable[[Tx], None]], Callable[[Tx], None]]:
    def keep(plant: Callable[[Tx], None]) -> Callable[[Tx], None]:
        PLANTS[rule] = plant
        return plant

    return keep


def first(tx: Tx, status: str) -> Any:
    found = tx.one(select(Booking.__table__).where(Booking.status == status).order_by(Booking.id).limit(1))
    assert found is not None, f"the county has no booking that is {status}"
    return found


def copy(tx: Tx, row: Any, **changes: Any) -> None:
    values = {**row._mapping, **changes}
    del values["id"]
    tx.db.execute(insert(Booking), values)


def history(tx: Tx, booking_id: int, state: str | None, action: str = "booking.meddled", **changes: Any) -> None:
    entry = dict(at=tx.now, actor_kind="system", action=action, subject="bookings", subject_id=booking_id, state=state, facts={})
    tx.db.execute(insert(Audit), {**entry, **changes})


@plants("no-overbooking")
def _(tx: Tx) -> None:
    row = first(tx, "booked")
    for n in range(9):
        copy(tx, row, person_id=1, place=row.place, turn=100 + n)


@plants("one-booking-a-place")
def _(tx: Tx) -> None:
    copy(tx, first(tx, "booked"), person_id=1, turn=100)


@plants("places-match-capacity")
def _(tx: Tx) -> None:
    tx.db.execute(update(Session).where(Session.id == 1).values(capacity=7))


@plants("one-live-booking-each")
def _(tx: Tx) -> None:
    copy(tx, first(tx, "waiting"), turn=100)


@plants("a-seat-when-the-state-holds-one")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "booked").id, place=None)


@plants("approval-fits-the-state")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "requested").id, approval="granted")


@plants("turns-are-unique")
def _(tx: Tx) -> None:
    tx.db.execute(update(Booking).where(Booking.session_id == 1, Booking.turn == 4).values(turn=5))


@plants("turns-follow-acceptance")
def _(tx: Tx) -> None:
    tx.db.execute(update(Booking).where(Booking.session_id == 1, Booking.turn == 5).values(turn=9))
    tx.db.execute(update(Session).where(Session.id == 1).values(next_turn=11))


@plants("nobody-overtaken")
def _(tx: Tx) -> None:
    last = tx.one(select(Booking.__table__).where(Booking.status == "waiting").order_by(Booking.turn.desc()).limit(1))
    assert last is not None
    tx.update(Booking, last.id, status="booked", place=1)
    history(tx, last.id, "booked")


@plants("no-seat-overlooked")
def _(tx: Tx) -> None:
    tx.db.execute(insert(Place), [dict(session_id=1, number=number, closing=False) for number in range(50, 60)])
    tx.db.execute(update(Session).where(Session.id == 1).values(capacity=12))


@plants("history-exists")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Audit).where(Audit.subject == "bookings", Audit.subject_id == first(tx, "booked").id))


@plants("history-allows-each-move")
def _(tx: Tx) -> None:
    row = first(tx, "cancelled")
    history(tx, row.id, "attended")


@plants("history-ends-in-the-state")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "booked").id, status="attended")


@plants("told-once")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Outbox).where(Outbox.subject_id == first(tx, "booked").id, Outbox.subject == "bookings"))


@plants("no-message-without-its-cause")
def _(tx: Tx) -> None:
    row = first(tx, "booked")
    at = tx.now + timedelta(seconds=1)
    facts: dict[str, Any] = dict(kind="email.booking_made", person_id=row.person_id, subject="bookings", facts={}, attempts=0)
    tx.db.execute(insert(Outbox), dict(subject_id=row.id, created_at=at, due_at=at, **facts))


@plants("sent-or-set-aside")
def _(tx: Tx) -> None:
    tx.db.execute(update(Outbox).where(Outbox.id == 1).values(sent_at=tx.now, parked_at=tx.now))


@plants("times-match-parts")
def _(tx: Tx) -> None:
    row = tx.get(Session, 1)
    tx.update(Session, 1, ends_at=row.ends_at + timedelta(minutes=1))


@plants("parts-hold-rooms-while-they-take-place")
def _(tx: Tx) -> None:
    tx.update(Part, 2, live=False)


def again(tx: Tx, table: Any, **changes: Any) -> None:
    """The table's first period once more, beside itself."""
    row = tx.one(select(table.__table__).where(table.superseded_at.is_(None)).limit(1))
    assert row is not None
    values = {**row._mapping, **changes}
    del values["id"]
    tx.db.execute(insert(table), values)


@plants("primary-posts-apart")
def _(tx: Tx) -> None:
    again(tx, Post, job_title="Also")


@plants("memberships-apart")
def _(tx: Tx) -> None:
    again(tx, Membership)


@plants("stages-apart")
def _(tx: Tx) -> None:
    again(tx, Stage)


@plants("managers-apart")
def _(tx: Tx) -> None:
    row = tx.one(select(Responsibility.__table__).where(Responsibility.kind == "manager").limit(1))
    assert row is not None
    tx.db.execute(insert(Responsibility), {name: value for name, value in row._mapping.items() if name != "id"})


@plants("no-management-circle")
def _(tx: Tx) -> None:
    cai = tx.scalar(select(Person.id).where(Person.name == "Cai Cole"))
    lowest = tx.scalar(select(Person.id).where(Person.first_name == "P3"))
    tx.insert(Responsibility, kind=Duty.MANAGER, holder_id=lowest, person_id=cai, valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)


@plants("rooms-apart")
def _(tx: Tx) -> None:
    one, two = tx.get(Part, 1), tx.get(Part, 2)
    tx.update(Part, two.id, room_id=one.room_id, starts_at=one.starts_at, ends_at=one.ends_at)


@plants("trainers-apart")
def _(tx: Tx) -> None:
    row = tx.get(PartTrainer, 1)
    tx.db.execute(insert(PartTrainer), {name: value for name, value in row._mapping.items() if name != "id"})


@plants("tree-is-complete")
def _(tx: Tx) -> None:
    tx.db.execute(delete(UnitClosure).where(UnitClosure.depth == 2))


@plants("registration-number-form")
def _(tx: Tx) -> None:
    tx.db.execute(update(Person).where(Person.swe_number == "SW900003").values(swe_number="SW12X4"))


@plants("findable")
def _(tx: Tx) -> None:
    tx.update(Course, 1, search_text="")


@plants("no-orphans")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Unit).where(Unit.name == "Court"))


@plants("somebody-is-named")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "reserved").id, booked_by=None)


@plants("passed-on-with-its-turn")
def _(tx: Tx) -> None:
    tx.db.execute(update(Booking).where(Booking.passed_from.is_not(None)).values(priority=1))


@plants("kept-places-add-up")
def _(tx: Tx) -> None:
    tx.db.execute(update(Quota).values(released_at=tx.now))


@plants("kept-places-go-to-their-people")
def _(tx: Tx) -> None:
    tx.db.execute(delete(GroupMember))


@plants("offers-have-an-end")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "offered").id, offer_ends_at=None)


@plants("requests-have-an-end")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "requested").id, approval_due_at=None)


@plants("nothing-outlives-its-time")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "offered").id, offer_ends_at=tx.now - timedelta(hours=2))


@plants("no-place-for-those-who-left")
def _(tx: Tx) -> None:
    tx.update(Person, first(tx, "booked").person_id, leaving_on=tx.today - timedelta(days=3))


@plants("offer-links-open-their-own-offer")
def _(tx: Tx) -> None:
    tx.db.execute(update(Link).values(subject_id=first(tx, "cancelled").id))


@plants("attendance-fits-the-state")
def _(tx: Tx) -> None:
    tx.db.execute(update(Attendance).where(Attendance.mark == "partly").values(mark="absent"))


@plants("finished-registers-name-everybody")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "attended").id, status="booked")


@plants("learning-follows-attendance")
def _(tx: Tx) -> None:
    tx.db.execute(delete(LearningRecord).where(LearningRecord.booking_id == first(tx, "attended").id))


@plants("completions-follow-attendance")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "attended").id, status="partly attended")


@plants("certificates-show-a-completion")
def _(tx: Tx) -> None:
    tx.db.execute(update(Completion).values(superseded_at=tx.now))


@plants("accepted-learning-completes")
def _(tx: Tx) -> None:
    tx.db.execute(update(PriorLearning).values(course_id=1))


@plants("answers-were-asked-for")
def _(tx: Tx) -> None:
    session = tx.scalar(select(EvaluationAnswer.session_id))
    tx.insert(EvaluationAnswer, session_id=session, kind="after", answered_on=tx.today, useful=1)


@plants("consequences-have-their-cause")
def _(tx: Tx) -> None:
    tx.db.execute(update(Consequence).values(person_id=1))


@plants("journals-add-up")
def _(tx: Tx) -> None:
    tx.db.execute(update(Journal).values(pence=100))
