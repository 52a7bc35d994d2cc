"""The register is finished: states, learning records and completions follow from its marks; and it can be put right afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, case, delete, exists, func, insert, literal, select, update

from app.bookings import registers
from app.bookings.event_models import Attendance, CheckIn
from app.bookings.models import Booking, Part, Session, Status
from app.bookings.operations import consequences
from app.bookings.operations.attend import Mark, open_register, write
from app.bookings.policy_models import CancelReason
from app.core.calendar import london
from app.core.db import ONE
from app.core.errors import Conflict, Invalid
from app.core.ledger import Audit, Outbox, entry, message
from app.core.text import normal, plural
from app.core.tx import Tx
from app.learning import completing
from app.learning.completing import Learnt
from app.learning.models import Certificate, Completion, Course
from app.people.models import Person
from app.policy import Can, operation

ACTIONS = {
    Status.ATTENDED: "booking.attended",
    Status.PARTLY_ATTENDED: "booking.attended",
    Status.DID_NOT_ATTEND: "booking.not-attended",
    Status.EXCUSED: "booking.excused",
}
TOLD = {Status.ATTENDED: "email.attended", Status.PARTLY_ATTENDED: "email.attended"}  # what follows from an absence tells of it itself
_MARKS = Attendance.booking_id == Booking.id


def _count(*marks: str) -> Any:
    return select(func.count()).select_from(Attendance).where(_MARKS, Attendance.mark.in_(marks)).scalar_subquery()


_PARTS = select(func.count()).select_from(Part).where(Part.session_id == Booking.session_id).scalar_subquery()
_EXCUSED = exists(
    select(ONE)
    .select_from(Attendance)
    .join(CancelReason, CancelReason.code == Attendance.reason_code)
    .where(_MARKS, Attendance.mark == "absent", CancelReason.excuses)
)
# Present for every part; there for none of it, excused on the word of whoever took the register (or on one's own, since) or not; else
# part of it. What only the register excused is excused no longer once the register takes it back.
_STATE = case(
    (_count("present") == _PARTS, Status.ATTENDED.value),
    (_count("present", "partly") > 0, Status.PARTLY_ATTENDED.value),
    (_EXCUSED | ((Booking.status == Status.EXCUSED.value) & Booking.reason_code.is_not(None)), Status.EXCUSED.value),
    else_=Status.DID_NOT_ATTEND.value,
)


@operation(Can.TAKE_REGISTER)
def finish_register(tx: Tx, session_id: int, *, rest: str = "absent") -> dict[str, int]:
    """Every booked place becomes attended, partly attended, did not attend or excused; returns how many of each.

    Once the last part is over, or as soon as everybody is marked for every part. `rest` ("absent" or "present") is what people
    without a mark count as; somebody who may not see everybody cannot say that of those out of their reach, and is refused.
    """
    session = open_register(tx, session_id)
    reach = registers.within(tx, session_id)
    unmarked = registers.unmarked(tx, session_id)
    if unmarked and session.ends_at > tx.now:
        raise Conflict(
            f"{plural(len(unmarked), 'person has', 'people have')} no mark yet, and the session is not over.",
            code="register-incomplete",
            way_out="Mark everybody, or finish the register after the session.",
        )
    if reach is not None and (unseen := registers.unmarked(tx, session_id, beyond=reach)):
        raise Conflict(
            f"{plural(len(unseen), 'person', 'people')} outside your part of the organisation {'has' if len(unseen) == 1 else 'have'} "
            "no mark yet.",
            code="register-incomplete",
            way_out="Ask the trainer to mark them.",
        )
    if unmarked:
        _mark_rest(tx, session_id, rest)
    moved = _move(tx, session_id, Status.BOOKED)
    _record(tx, moved, {row.id: Status.BOOKED.value for row in moved})
    tx.update(Session, session_id, register_at=tx.now)
    tx.db.execute(delete(CheckIn).where(CheckIn.session_id == session_id))
    numbers = {status.value: sum(row.status == status.value for row in moved) for status in ACTIONS}
    tx.record("session.register-finished", "sessions", session_id, numbers=numbers, unmarked=len(unmarked), rest=rest)
    _settle(tx, session, [row.id for row in moved], "The register was finished")
    _hand_out(tx, moved)
    consequences.absent(tx, session_id)
    return numbers


def _mark_rest(tx: Tx, session_id: int, rest: str) -> None:
    """What people without a mark count as, for each part that lacks one: one statement."""
    if rest not in ("absent", "present"):
        raise Invalid(
            "Say whether people without a mark were there.", errors=[{"field": "rest", "message": "Choose whether they were there"}]
        )
    columns = ("booking_id", "part_id", "mark", "source", "marked_at", "marked_by")
    lacking = (
        select(
            Booking.id,
            Part.id,
            literal(rest),
            literal("register"),
            literal(tx.now, Attendance.__table__.c.marked_at.type),
            literal(tx.actor.person_id, Attendance.__table__.c.marked_by.type),
        )
        .join(Part, Part.session_id == Booking.session_id)
        .where(
            Booking.session_id == session_id,
            Booking.status == Status.BOOKED.value,
            ~exists(select(ONE).select_from(Attendance).where(_MARKS, Attendance.part_id == Part.id)),
        )
    )
    tx.db.execute(insert(Attendance).from_select(columns, lacking, include_defaults=False))


def _move(tx: Tx, session_id: int, *before: Status, booking_id: int | None = None) -> list[Row[Any]]:
    """Each booking in one of these states takes the state that its marks say; one statement. Returns those, with the new state."""
    which = update(Booking).where(Booking.session_id == session_id, Booking.status.in_([status.value for status in before]))
    if booking_id is not None:
        which = which.where(Booking.id == booking_id)
    values: dict[str, Any] = dict(status=_STATE, updated_at=tx.now, version=Booking.version + 1)
    return list(tx.db.execute(which.values(**values).returning(Booking.id, Booking.person_id, Booking.status)))


def _record(tx: Tx, moved: Sequence[Row[Any]], was: Mapping[int, str], **facts: Any) -> None:
    """The history of each booking that moved, and its message: two statements."""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    audits, messages = [], []
    for row in moved:
        status = Status(row.status)
        said = {"was": was[row.id], **facts}
        audits.append(entry(*actor, ACTIONS[status], "bookings", row.person_id, status.value, said) | {"subject_id": row.id})
        if status in TOLD:
            messages.append(message(TOLD[status], tx.now, "bookings", row.person_id, facts) | {"subject_id": row.id})
    if audits:
        tx.db.execute(insert(Audit), audits)
    if messages:
        tx.db.execute(insert(Outbox), messages)


def _settle(tx: Tx, session: Row[Any], bookings: Sequence[int], because: str) -> None:
    """Learning records and completions for these bookings, from their marks."""
    counts_as = tx.scalar(select(Course.cpd_minutes).where(Course.id == session.course_id))
    parts = registers.parts(tx, session.id)
    rows = tx.rows(
        select(Booking.id, Booking.person_id, Booking.status, Attendance.part_id, Attendance.mark)
        .outerjoin(Attendance, _MARKS)
        .where(Booking.id.in_(bookings))
        .order_by(Booking.id)
    )
    marks: dict[tuple[int, int, str], dict[int, str]] = defaultdict(dict)
    for row in rows:
        marks[row.id, row.person_id, row.status][row.part_id] = row.mark
    learnt = [_learnt(*key, noted, parts, counts_as) for key, noted in marks.items()]
    completing.settle(tx, session.id, session.course_id, learnt, because)


def _hand_out(tx: Tx, moved: Sequence[Row[Any]]) -> None:
    """Tell whoever has just earned a certificate where it is."""
    earned = tx.rows(
        select(Booking.id, Booking.person_id, Certificate.id.label("certificate_id"))
        .join(Completion, and_(Completion.session_id == Booking.session_id, Completion.person_id == Booking.person_id))
        .join(Certificate, Certificate.completion_id == Completion.id)
        .where(Booking.id.in_([row.id for row in moved]), Completion.superseded_at.is_(None), Certificate.issued_at == tx.now)
        .order_by(Booking.id)
    )
    told = [
        message("email.certificate", tx.now, "bookings", row.person_id, {"path": f"/certificates/{row.certificate_id}.pdf"})
        | {"subject_id": row.id}
        for row in earned
    ]
    if told:
        tx.db.execute(insert(Outbox), told)


WEIGHT = {"present": 2, "partly": 1}  # halves of a part


def _learnt(booking_id: int, person_id: int, status: str, noted: dict[int, str], parts: Sequence[Row[Any]], counts_as: int) -> Learnt:
    """The share of the session that somebody was there for, of the minutes that the course counts as (or, where it says none, that it
    took). Part of a part counts as half of it: nobody noted more exactly when they came and went."""
    lasted = [int((part.ends_at - part.starts_at).total_seconds()) for part in parts]
    there = sum(seconds * WEIGHT.get(noted.get(part.id, ""), 0) for seconds, part in zip(lasted, parts, strict=True))
    attended = [part for part in parts if noted.get(part.id) in WEIGHT]
    last = attended[-1] if attended else parts[-1]
    total = counts_as or sum(lasted) // 60
    minutes = round(total * there / (2 * sum(lasted))) if attended else None
    return Learnt(booking_id, person_id, london(last.starts_at).date(), minutes, status == Status.ATTENDED.value)


@operation(Can.TAKE_REGISTER)
def put_right(tx: Tx, session_id: int, booking_id: int, marks: Mapping[int, tuple[str, str | None]], reason: str) -> Status:
    """Change somebody's marks (part → mark and code of a reason) on a finished register; returns the state that follows.

    Their learning record and completion follow, earlier ones are superseded. The reason is kept in the history.
    """
    reason = normal(reason)
    if not 3 <= len(reason) <= 500:
        raise Invalid("Say why.", errors=[{"field": "reason", "message": "Enter why you change it, up to 500 characters"}])
    line = registers.one(tx, session_id, booking_id)
    tx.get(Person, line.person_id, lock=True)
    session = tx.get(Session, session_id, lock=True)
    booking = tx.get(Booking, booking_id, lock=True)
    if booking.status not in [status.value for status in registers.SEEN]:
        raise Conflict("This register is not finished yet: mark it as usual.", code="register-open")
    parts, codes = {part.id for part in registers.parts(tx, session_id)}, {code for code, _ in registers.reasons(tx)}
    if set(marks) - parts or any(value not in registers.MARKS or (why and why not in codes) for value, why in marks.values()):
        raise Invalid("Choose attended, part of it or absent for each part.", code="not-a-mark")
    new = {
        (booking_id, part): Mark(booking_id, part, value, tx.now, why if value != "present" else None)
        for part, (value, why) in marks.items()
    }
    write(tx, session_id, {booking_id: booking.person_id}, new, "register", reason=reason)
    moved = _move(tx, session_id, *registers.SEEN, booking_id=booking_id)
    status = Status(moved[0].status)
    if status.value != booking.status:
        _record(tx, moved, {booking_id: booking.status}, reason=reason)
    _settle(tx, session, [booking_id], reason)
    if status.value != booking.status:
        _hand_out(tx, moved)
    consequences.absent(tx, session_id)
    return status
