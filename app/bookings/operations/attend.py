"""Attendance: who was there for which part. Marks come from a trainer's phone, perhaps late; the last one by time counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from app.bookings import registers
from app.bookings.event_models import Attendance
from app.bookings.models import Booking, Session, Status
from app.core.calendar import clock, long_date
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.policy import Can, operation


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: "present", "partly" or "absent" for a part, noted `at` by the clock of whatever it was noted on."""

    booking: int
    part: int
    mark: str
    at: datetime
    reason: str | None = None  # of an absence only: code of a reason, "": not known; None leaves what was said before


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of marks: written, older than what is there, or of somebody who no longer has a place."""

    kept: int = 0
    overtaken: int = 0
    gone: int = 0


@operation(Can.TAKE_REGISTER)
def mark(tx: Tx, session_id: int, marks: Sequence[Mark]) -> Marked:
    """Write marks; sending the same ones again changes nothing, and an older one never overwrites a newer.

    Refused before a part can be marked (`registers.opens`), for a session that is cancelled, and once its register is finished.
    A clock that runs ahead counts as now, one that runs behind as the moment from which the part could be marked.
    """
    session = open_register(tx, session_id)
    reach = registers.within(tx, session_id)
    here = select(Booking.id, Booking.person_id).where(
        Booking.session_id == session_id, Booking.status == Status.BOOKED.value, Booking.id.in_({each.booking for each in marks})
    )
    people = {row.id: row.person_id for row in tx.rows(here if reach is None else here.where(reach))}
    latest = _latest(tx, session, marks)
    kept, overtaken = write(tx, session_id, people, {key: each for key, each in latest.items() if key[0] in people}, "register")
    return Marked(kept, overtaken, sum(key[0] not in people for key in latest))


def open_register(tx: Tx, session_id: int) -> Row[Any]:
    """The session, locked, if its register can be written; otherwise the refusal."""
    session = tx.get(Session, session_id, lock=True)
    if session.status == "draft":
        raise NotFound("There is no session with that reference.", code="session-not-found")
    if session.status == "cancelled":
        raise Conflict("This session has been cancelled, so it has no register.", code="session-cancelled")
    if session.register_at is not None:
        raise Conflict(
            "This register is finished.", code="register-finished", way_out="To put a mark right, choose Change beside the person’s name."
        )
    return session


def _latest(tx: Tx, session: Row[Any], marks: Sequence[Mark]) -> dict[tuple[int, int], Mark]:
    """The last mark for each booking and part, at a time that can be; refuses what is no mark of this session."""
    parts = {part.id: part for part in registers.parts(tx, session.id)}
    codes = {code for code, _ in registers.reasons(tx)} if any(each.reason for each in marks) else set()
    latest: dict[tuple[int, int], Mark] = {}
    for each in marks:
        part = parts.get(each.part)
        if part is None or each.mark not in registers.MARKS or (each.reason and (each.reason not in codes or each.mark == "present")):
            raise Invalid("That is not a mark of this register.", code="not-a-mark")
        opens = registers.opens(tx, part)
        if tx.now < opens:
            raise Conflict(
                f"This part can be marked from {clock(opens)} on {long_date(opens)}.", code="register-not-open", way_out="Come back then."
            )
        at = min(max(each.at, opens), tx.now)
        before = latest.get((each.booking, each.part))
        if before is None or before.at <= at:
            latest[each.booking, each.part] = Mark(each.booking, each.part, each.mark, at, each.reason)
    return latest


_CHANGE = (
    update(Attendance)
    .where(Attendance.booking_id == bindparam("b_booking"), Attendance.part_id == bindparam("b_part"))
    .values(
        mark=bindparam("b_mark"),
        source=bindparam("b_source"),
        marked_at=bindparam("b_at"),
        marked_by=bindparam("b_by"),
        reason_code=bindparam("b_reason"),
    )
)


def write(
    tx: Tx, session_id: int, people: dict[int, int], marks: dict[tuple[int, int], Mark], source: str, **facts: Any
) -> tuple[int, int]:
    """Insert or overwrite marks (by booking and part) unless what is there is newer; returns how many are kept and overtaken.

    `people`: person by booking. The caller holds the session's lock.
    """
    if not marks:
        return 0, 0
    there = {
        (row.booking_id, row.part_id): row
        for row in tx.rows(select(Attendance.__table__).where(Attendance.booking_id.in_({key[0] for key in marks})))
    }
    new, changed, told, overtaken = [], [], [], 0
    for key, each in marks.items():
        old = there.get(key)
        if old is not None and old.marked_at > each.at:
            overtaken += 1
            continue
        same = old is not None and old.mark == each.mark
        reason = old.reason_code if old is not None and same and each.reason is None else each.reason or None
        row = dict(booking=each.booking, part=each.part, mark=each.mark, source=source, at=each.at, by=tx.actor.person_id, reason=reason)
        if old is None:
            new.append(row)
        elif (old.mark, old.reason_code, old.marked_at) == (each.mark, reason, each.at):
            continue  # sent again
        else:
            changed.append({f"b_{name}": value for name, value in row.items()})
        said = {"session_id": session_id, "part_id": each.part, "mark": each.mark, "source": source, "at": each.at.isoformat()}
        told.append(_entry(tx, people[each.booking], said | facts) | {"subject_id": each.booking})
    names = dict(booking="booking_id", part="part_id", at="marked_at", by="marked_by", reason="reason_code")
    tx.insert_many(Attendance, [{names.get(name, name): value for name, value in row.items()} for row in new])
    if changed:
        tx.db.execute(_CHANGE, changed)
    if told:
        tx.db.execute(insert(Audit), told)
    return len(marks) - overtaken, overtaken


def _entry(tx: Tx, person_id: int, facts: dict[str, Any]) -> dict[str, Any]:
    return entry(tx.actor.kind, tx.actor.id, tx.now, tx.request_id, "booking.marked", "bookings", person_id, None, facts)
