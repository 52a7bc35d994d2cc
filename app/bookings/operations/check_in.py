"""Self check-in: a code that changes all the time is shown in the room, and whoever has a place types it in while it is good."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select

from app.bookings import registers
from app.bookings.event_models import Attendance, CheckIn
from app.bookings.models import Booking, Part, Session, Status
from app.bookings.operations.attend import Mark, open_register, write
from app.bookings.terms import policy as figures
from app.core.calendar import clock, long_date
from app.core.errors import Conflict, TooMany
from app.core.tx import Tx
from app.identity.models import Attempt
from app.learning.models import Course
from app.people.models import Person
from app.policy import Can, operation

WINDOW = timedelta(minutes=15)
TRIES = 10  # wrong codes of one person in the window before further tries are refused


@operation(Can.TAKE_REGISTER)
def open_check_in(tx: Tx, session_id: int) -> None:
    """Let people check themselves in to this session, with codes made from a new secret. Nothing happens where it is open already."""
    registers.within(tx, session_id)
    session = open_register(tx, session_id)
    if session.ends_at <= tx.now:
        raise Conflict("This session is over, so nobody can check in.", code="session-over", way_out="Mark people on the register.")
    if tx.scalar(select(CheckIn.session_id).where(CheckIn.session_id == session_id)) is not None:
        return
    values = dict(session_id=session_id, secret=secrets.token_hex(32), opened_at=tx.now, opened_by=tx.actor.person_id)
    tx.db.execute(insert(CheckIn), values)
    tx.record("session.check-in-opened", "sessions", session_id)


@operation(Can.TAKE_REGISTER)
def close_check_in(tx: Tx, session_id: int) -> None:
    """No code of this session is good any more; marks made with them stay."""
    registers.within(tx, session_id)
    tx.get(Session, session_id, lock=True)
    if tx.db.execute(delete(CheckIn).where(CheckIn.session_id == session_id)).rowcount:
        tx.record("session.check-in-closed", "sessions", session_id)


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a part that is good now, and for how many seconds it is still shown."""

    digits: str
    seconds: int


def code_now(tx: Tx, secret: str, part_id: int) -> Code:
    """What the room is shown now."""
    lasts = figures(tx).check_in_seconds
    moment = int(tx.now.timestamp())
    return Code(digits(secret, part_id, moment // lasts), lasts - moment % lasts)


def digits(secret: str, part_id: int, window: int) -> str:
    """Six digits that follow from the session's secret, the part, and the window of time (how many have passed since 1970)."""
    found = hmac.new(bytes.fromhex(secret), f"{part_id}:{window}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(found[:8], 'big') % 1_000_000:06}"


_MINE = (
    select(
        Booking.id.label("booking_id"),
        Booking.session_id,
        Part.id.label("part_id"),
        Part.starts_at,
        Part.ends_at,
        CheckIn.secret,
        Course.title,
        Attendance.mark,
        Attendance.source,
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .join(CheckIn, CheckIn.session_id == Booking.session_id)
    .join(Part, Part.session_id == Booking.session_id)
    .outerjoin(Attendance, (Attendance.booking_id == Booking.id) & (Attendance.part_id == Part.id))
    .where(
        Booking.person_id == bindparam("person"),
        Booking.status == Status.BOOKED.value,
        Session.status == "published",
        Session.register_at.is_(None),
        Part.starts_at < bindparam("until", type_=Part.__table__.c.starts_at.type),
        Part.ends_at > bindparam("since", type_=Part.__table__.c.ends_at.type),
    )
    .order_by(Part.starts_at, Part.id)
)


def open_to(tx: Tx, session_id: int | None = None) -> Sequence[Row[Any]]:
    """Parts around now, of sessions that let people check in and on which the actor has a place."""
    statement = _MINE if session_id is None else _MINE.where(Booking.session_id == session_id)
    day = timedelta(days=1)
    return tx.rows(statement, person=tx.actor.person_id, since=tx.now - day, until=tx.now + day)


@operation(Can.READ_OWN_PAGE)
def check_in(tx: Tx, typed: str, session_id: int | None = None) -> Row[Any] | None:
    """Mark the actor as present for the part whose code they typed; None for a wrong code, which is counted.

    Only with a place on the session, from some minutes before the part until it ends, with the code shown now or just before. What the
    trainer has marked stays. Refused with TooMany after too many wrong codes, whatever is typed.
    """
    tx.get(Person, tx.actor.person_id or 0, lock=True)  # many guesses at once get no further than few
    throttle(tx)
    around = open_to(tx, session_id)
    now = [part for part in around if registers.opens(tx, part) <= tx.now < part.ends_at]
    if not now:
        raise _not_now(tx, around)
    lasts, moment = figures(tx).check_in_seconds, int(tx.now.timestamp())
    given = "".join(letter for letter in typed if letter.isdigit() and letter.isascii())
    for part in now:
        good = [digits(part.secret, part.part_id, moment // lasts - back) for back in (0, 1)]
        if any(hmac.compare_digest(given, each) for each in good):
            return _present(tx, part)
    tx.db.execute(insert(Attempt), dict(key=_key(tx), at=tx.now))
    return None


def _present(tx: Tx, part: Row[Any]) -> Row[Any]:
    """Write the mark, under the session's lock and after a second look."""
    open_register(tx, part.session_id)
    booking = tx.get(Booking, part.booking_id)
    marked = tx.one(select(Attendance.mark, Attendance.source).where(_of(part)))
    if booking.status != Status.BOOKED.value:
        raise Conflict("You no longer have a place on this session.", code="no-place", way_out="Tell your trainer.")
    if marked is not None and marked.source == "register":
        if marked.mark == "present":
            return part
        words = registers.MARKS[marked.mark].lower()
        raise Conflict(f"The register already has you as: {words}.", code="already-marked", way_out="Tell your trainer that you are here.")
    if marked is None:
        key = (part.booking_id, part.part_id)
        write(tx, part.session_id, {part.booking_id: booking.person_id}, {key: Mark(*key, "present", tx.now)}, "check-in")
    return part


def _of(part: Row[Any]) -> Any:
    return (Attendance.booking_id == part.booking_id) & (Attendance.part_id == part.part_id)


def _not_now(tx: Tx, around: Sequence[Row[Any]]) -> Conflict:
    """Too early, too late, or not on the list."""
    later = next((part for part in around if registers.opens(tx, part) > tx.now), None)
    if later is not None:
        opens = registers.opens(tx, later)
        words = f"You can check in to {later.title} from {clock(opens)} on {long_date(opens)}."
        return Conflict(words, code="check-in-early", way_out="Come back then.")
    if around:
        return Conflict("It is over, so you cannot check in any more.", code="check-in-late", way_out="Tell your trainer.")
    return Conflict(
        "There is no session that you can check in to now.",
        code="check-in-closed",
        way_out="If you are at one, tell your trainer: you may not have a place on it, or check-in is not open.",
    )


def throttle(tx: Tx) -> None:
    """TooMany after repeated wrong codes of one person."""
    counted = select(func.count()).select_from(Attempt).where(Attempt.key == _key(tx), Attempt.at > tx.now - WINDOW)
    if tx.scalar(counted) >= TRIES:
        raise TooMany("There have been too many wrong codes. Wait 15 minutes, or ask your trainer to mark you.", code="check-in-throttled")


def _key(tx: Tx) -> str:
    return hashlib.sha256(f"check-in:{tx.actor.person_id}".encode()).hexdigest()
