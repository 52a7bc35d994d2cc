"""Off-the-job training: logged by the apprentice, counted from what they attended, verified by employer or provider.

An entry is never changed: a correction supersedes it. What is refused stays to be seen with its reason and does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, or_, select, update

from app.core.calendar import long_date
from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.people.models import Person
from app.policy import Can, operation
from app.programmes.access import Part
from app.programmes.apprentice_models import OtjHours
from app.programmes.apprenticeship import Forecast, forecast
from app.programmes.due import Span
from app.programmes.operations.apprentices import TUTORS, looked_after
from app.programmes.operations.progress import pauses

ACTIVITIES = {  # what off-the-job training may be; working towards English and maths is not among it
    "taught": "Taught session, at work or with the provider",
    "online": "Online learning",
    "shadowing": "Shadowing somebody",
    "mentoring": "Mentoring or coaching",
    "practice": "Practising a new skill away from the usual work",
    "study": "Study, research or writing an assignment",
    "visit": "Visit or learning event",
    "other": "Something else",
}
LONGEST = 500  # characters
MOST_A_DAY = 960  # minutes
MOST_AT_ONCE = 200


_REGISTERED = aliased(LearningRecord)


def follows() -> ColumnElement[bool]:
    """SQL: the entry counts no session, or one of which the register still says that they were there on that day, and so long."""
    there = select(ONE).where(
        _REGISTERED.booking_id == OtjHours.booking_id,
        _REGISTERED.superseded_at.is_(None),
        _REGISTERED.on_date == OtjHours.on_date,
        _REGISTERED.minutes >= OtjHours.minutes,
    )
    return or_(OtjHours.booking_id.is_(None), exists(there))


def counts() -> ColumnElement[bool]:
    """SQL: the entry stands, is not refused, and says what the register says."""
    return and_(OtjHours.superseded_at.is_(None), OtjHours.refused.is_(None), follows())


def check(enrolment: Row[Any], today: date, on_date: date, minutes: int, activity: str, words: str) -> list[dict[str, str]]:
    """What is wrong with an entry, for a form or a line of a file; empty: nothing."""
    wrong = []
    if not enrolment.starts_on <= on_date <= today:
        wrong.append(("on_date", f"The day must be from {long_date(enrolment.starts_on)} to today"))
    if not 1 <= minutes <= MOST_A_DAY:
        wrong.append(("minutes", "The time must be from 1 minute to 16 hours"))
    if activity not in ACTIVITIES:
        wrong.append(("activity", "Choose what it was"))
    if not words.strip() or len(words) > LONGEST:
        wrong.append(("words", f"Say in a few words what you learnt, at most {LONGEST} characters"))
    return [{"field": field, "message": message} for field, message in wrong]


def _open(tx: Tx, enrolment_id: int, *capacities: str) -> tuple[Part, Row[Any]]:
    """The apprenticeship, while hours can be written in it."""
    mine, row = looked_after(tx, enrolment_id, *capacities, runs=False)
    if row.provider_keeps:
        raise Conflict(
            f"{row.provider} keeps the hours of this apprenticeship in its own system, and they come from there.",
            code="provider-keeps",
            way_out="Enter them there. Nothing has to be entered twice.",
        )
    if row.gateway_at is not None:
        raise Conflict("The gateway is passed: the hours are closed.", code="gateway-passed")
    return mine, row


@operation(Can.WRITE_PORTFOLIO)
def log(tx: Tx, enrolment_id: int, on_date: date, minutes: int, activity: str, words: str) -> int:
    """The apprentice writes down training of one day; returns the entry's id. It counts when somebody else has verified it."""
    mine, _ = _open(tx, enrolment_id, "apprentice")
    return _add(tx, mine.enrolment, on_date, minutes, activity, words)


def _add(tx: Tx, enrolment: Row[Any], on_date: date, minutes: int, activity: str, words: str, replaces: int | None = None) -> int:
    wrong = check(enrolment, tx.today, on_date, minutes, activity, words)
    if wrong:
        raise Invalid("This cannot be logged yet.", errors=wrong)
    if any(begins <= on_date < back for begins, back in pauses(tx, [enrolment.id])[enrolment.id]):
        raise Conflict("That day is in a break in learning, so that nothing counts on it.", code="in-a-break")
    there = select(func.coalesce(func.sum(OtjHours.minutes), 0)).where(
        OtjHours.enrolment_id == enrolment.id, OtjHours.on_date == on_date, counts(), OtjHours.id != (replaces or 0)
    )
    if int(tx.scalar(there)) + minutes > MOST_A_DAY:
        raise Conflict("That would be more than 16 hours on one day.", code="too-many-hours")
    return tx.insert_recorded(
        OtjHours,
        dict(
            enrolment_id=enrolment.id,
            on_date=on_date,
            minutes=minutes,
            activity=activity,
            words=words.strip(),
            source="own",
            recorded_by=tx.actor.person_id,
            recorded_at=tx.now,
        ),
        action="hours.logged",
        person_id=enrolment.person_id,
        on=on_date.isoformat(),
        minutes=minutes,
    )


def _entry(tx: Tx, enrolment_id: int, hours_id: int) -> Row[Any]:
    row = tx.one(
        select(OtjHours.__table__).where(OtjHours.id == hours_id, OtjHours.enrolment_id == enrolment_id, OtjHours.superseded_at.is_(None))
    )
    if row is None:
        raise NotFound("There is no such entry any more.", code="hours-not-found")
    return row


@operation(Can.WRITE_PORTFOLIO)
def correct(tx: Tx, enrolment_id: int, hours_id: int, on_date: date, minutes: int, activity: str, words: str) -> int:
    """The apprentice puts an entry of their own right; returns the new one, which has to be verified again. The old one is kept."""
    mine, _ = _open(tx, enrolment_id, "apprentice")
    row = _entry(tx, enrolment_id, hours_id)
    if row.source != "own" or row.recorded_by != tx.actor.person_id:
        raise Conflict("Only what you logged yourself can be corrected here.", code="not-your-entry")
    tx.update(OtjHours, hours_id, superseded_at=tx.now)
    return _add(tx, mine.enrolment, on_date, minutes, activity, words, hours_id)


@operation(Can.WRITE_PORTFOLIO)
def verify(tx: Tx, enrolment_id: int, hours_ids: Collection[int]) -> int:
    """Employer, provider or mentor have seen that these took place and are off-the-job; returns how many. Nobody verifies their own."""
    mine, _ = _open(tx, enrolment_id, *TUTORS)
    if len(hours_ids) > MOST_AT_ONCE:
        raise Invalid(f"Choose at most {MOST_AT_ONCE} entries at once.")
    done = tx.db.execute(
        update(OtjHours)
        .where(
            OtjHours.id.in_(hours_ids),
            OtjHours.enrolment_id == enrolment_id,
            OtjHours.verified_at.is_(None),
            OtjHours.recorded_by.is_distinct_from(tx.actor.person_id),
            counts(),
        )
        .values(verified_by=tx.actor.person_id, verified_at=tx.now)
    ).rowcount
    if not done:
        message = "Choose what you have seen"
        raise Invalid(message + ".", errors=[{"field": "entry", "message": message}])
    tx.record("hours.verified", "enrolments", enrolment_id, person_id=mine.enrolment.person_id, entries=done)
    return int(done)


@operation(Can.WRITE_PORTFOLIO)
def refuse(tx: Tx, enrolment_id: int, hours_id: int, why: str) -> None:
    """An entry does not count, with the reason, which the apprentice reads. They can correct it."""
    mine, _ = _open(tx, enrolment_id, *TUTORS)
    row = _entry(tx, enrolment_id, hours_id)
    if row.recorded_by == tx.actor.person_id and row.source == "own":
        raise Forbidden("Nobody decides about their own hours.", code="own-hours")
    if not why.strip() or len(why) > LONGEST:
        message = f"Say why it does not count, in at most {LONGEST} characters"
        raise Invalid(message + ".", errors=[{"field": "why", "message": message}])
    if row.refused is not None:
        raise Conflict("This does not count already.", code="already-refused")
    tx.update(OtjHours, hours_id, refused=why.strip(), verified_by=None, verified_at=None)
    tx.record("hours.refused", "otj_hours", hours_id, person_id=mine.enrolment.person_id)


# What they attended --------------------------------------------------------------------------------------------------


def proposals(tx: Tx, enrolment: Row[Any]) -> Sequence[Row[Any]]:
    """Sessions that the apprentice attended since the start and that are not counted: booking_id, on_date, minutes, title."""
    counted = select(OtjHours.booking_id).where(
        OtjHours.enrolment_id == enrolment.id,
        OtjHours.superseded_at.is_(None),
        OtjHours.booking_id.is_not(None),
        or_(OtjHours.refused.is_not(None), follows()),
    )
    return tx.rows(
        select(LearningRecord.booking_id, LearningRecord.on_date, LearningRecord.minutes, LearningRecord.title)
        .where(
            LearningRecord.person_id == enrolment.person_id,
            LearningRecord.source == "attendance",
            LearningRecord.superseded_at.is_(None),
            LearningRecord.minutes > 0,
            LearningRecord.on_date >= enrolment.starts_on,
            LearningRecord.booking_id.not_in(counted),
        )
        .order_by(LearningRecord.on_date.desc(), LearningRecord.id)
        .limit(50)
    )


@operation(Can.WRITE_PORTFOLIO)
def count_session(tx: Tx, enrolment_id: int, booking_id: int) -> int:
    """Count a session that the register says they attended, once; returns the entry's id. Nothing is typed again.

    The apprentice proposes it, and somebody else verifies that it is part of the training. Employer or provider do both at once.
    """
    mine, _ = _open(tx, enrolment_id, "apprentice", *TUTORS)
    found = next((row for row in proposals(tx, mine.enrolment) if row.booking_id == booking_id), None)
    if found is None:
        raise Conflict("This session is counted already, or the register does not say that they were there.", code="counted")
    tutor = mine.has(*TUTORS)
    before = (OtjHours.enrolment_id == enrolment_id, OtjHours.booking_id == booking_id, OtjHours.superseded_at.is_(None))
    tx.db.execute(update(OtjHours).where(*before).values(superseded_at=tx.now))  # as the register had it then
    return tx.insert_recorded(
        OtjHours,
        dict(
            enrolment_id=enrolment_id,
            on_date=found.on_date,
            minutes=min(found.minutes, MOST_A_DAY),
            activity="taught",
            words=found.title[:LONGEST],
            source="attendance",
            booking_id=booking_id,
            recorded_by=tx.actor.person_id,
            recorded_at=tx.now,
            verified_by=tx.actor.person_id if tutor else None,
            verified_at=tx.now if tutor else None,
        ),
        action="hours.counted",
        person_id=mine.enrolment.person_id,
        on=found.on_date.isoformat(),
        minutes=found.minutes,
    )


# Where it leads ------------------------------------------------------------------------------------------------------


def entries(tx: Tx, enrolment_id: int, *, most: int = 400) -> Sequence[Row[Any]]:
    """Every entry that stands, the newest day first, with who verified it."""
    return tx.rows(
        select(OtjHours.__table__, Person.name.label("verifier"), follows().label("follows"))
        .outerjoin(Person, Person.id == OtjHours.verified_by)
        .where(OtjHours.enrolment_id == enrolment_id, OtjHours.superseded_at.is_(None))
        .order_by(OtjHours.on_date.desc(), OtjHours.id.desc())
        .limit(most)
    )


def forecasts(tx: Tx, rows: Sequence[Row[Any]], breaks: Mapping[int, list[Span]] | None = None) -> dict[int, Forecast]:
    """How far the hours of these apprenticeships are, by enrolment id, in two statements.

    `rows` have enrolment_id, planned_minutes, starts_on and ends_on; `breaks`: in learning, if they are known already. Whoever calls has
    narrowed them to what may be seen.
    """
    ids = [row.enrolment_id for row in rows]
    if not ids:
        return {}
    verified = func.sum(case((OtjHours.verified_at.is_not(None), OtjHours.minutes), else_=0))
    sums = select(OtjHours.enrolment_id, func.sum(OtjHours.minutes).label("logged"), verified.label("verified"))
    had = {row.enrolment_id: row for row in tx.rows(sums.where(OtjHours.enrolment_id.in_(ids), counts()).group_by(OtjHours.enrolment_id))}
    breaks, found = pauses(tx, ids) if breaks is None else breaks, {}
    for row in rows:
        logged, seen = (int(had[row.enrolment_id].logged), int(had[row.enrolment_id].verified)) if row.enrolment_id in had else (0, 0)
        found[row.enrolment_id] = forecast(
            row.planned_minutes, logged, seen, row.starts_on, row.ends_on, tx.today + timedelta(days=1), breaks[row.enrolment_id]
        )
    return found
