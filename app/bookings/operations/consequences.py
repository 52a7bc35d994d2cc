"""What follows from giving a place up late or not coming, under the council's policy of the day (product §2).

As shipped nothing is charged, and urgent child protection work or court excuses on the person's word. What follows is kept in any case,
with the policy it followed from, so that a later change of policy changes nothing that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from app.bookings.clocks import after_working_days, before_working_days
from app.bookings.models import Booking, Session, Status
from app.bookings.operations.reasons import Why
from app.bookings.policy_models import Consequence
from app.bookings.terms import policy as figures
from app.core.ledger import Audit, Outbox, entry, message
from app.core.tx import Tx
from app.learning.models import Course
from app.people.queries import cost_centre_of

PUT_RIGHT = "The register was put right"  # the decision on what the register no longer says


def late_from(session: Row[Any], late_days: int) -> datetime:
    """From when giving up a place of a session is late: after its own deadline, else within the council's working days before it."""
    if session.cancel_by is not None:
        return session.cancel_by  # type: ignore[no-any-return]
    return before_working_days(session.starts_at, late_days) if late_days else session.starts_at


def is_late(tx: Tx, booking: Row[Any], session: Row[Any]) -> bool:
    """Would giving up this booking now be late? Only a place that is theirs can be given up late: no request, turn or offer."""
    return booking.status == Status.BOOKED.value and tx.now > late_from(session, figures(tx).late_days)


def charge(rule: str, pence: int, cost_pence: int) -> int:
    """What a rule of the policy charges, in pence: nothing, the course's cost, or a fixed amount."""
    return {"none": 0, "cost": cost_pence, "fixed": pence}[rule]


_CENTRE = select(cost_centre_of(bindparam("person"), bindparam("today")))


def late(tx: Tx, booking: Row[Any], course_id: int, why: Why) -> int:
    """What follows from this late cancellation; returns its id. An excusing reason is taken on the person's word."""
    terms = figures(tx)
    cost = tx.scalar(select(Course.cost_pence).where(Course.id == course_id))
    values = dict(
        booking_id=booking.id,
        person_id=booking.person_id,
        policy_id=terms.id,
        kind="late",
        state="excused" if why.excuses else "stands",
        pence=0 if why.excuses else charge(terms.late_charge, terms.late_pence, cost),
        cost_centre=tx.scalar(_CENTRE, person=booking.person_id, today=tx.today),
        appeal_by=after_working_days(tx.now, terms.appeal_days, terms),
        created_at=tx.now,
        version=1,
    )
    facts = dict(booking_id=booking.id, kind="late", pence=values["pence"], state_of_it=values["state"])
    return tx.insert_recorded(Consequence, values, action="consequence.made", person_id=booking.person_id, **facts)


# Not coming --------------------------------------------------------------------------------------------------------


def absent(tx: Tx, session_id: int) -> int:
    """The register of a session is finished, or was put right: what follows from not having come. Returns how many it is new for.

    Set-based. Everybody who did not attend and has nothing against them yet is told what follows (`email.missed`). What followed from
    an absence that the register no longer says is taken back, unless it has gone to the finance system, and comes back if the register
    says so again.
    The caller holds the session's lock.
    """
    _take_back(tx, session_id)
    rows = tx.rows(
        select(
            Booking.id,
            Booking.person_id,
            Course.cost_pence,
            Consequence.id.label("consequence_id"),
            cost_centre_of(Booking.person_id, tx.today).label("cost_centre"),
        )
        .join(Session, Session.id == Booking.session_id)
        .join(Course, Course.id == Session.course_id)
        .outerjoin(Consequence, Consequence.booking_id == Booking.id)
        .where(
            Booking.session_id == session_id,
            Booking.status == Status.DID_NOT_ATTEND.value,
            (Consequence.id.is_(None)) | ((Consequence.state == "excused") & (Consequence.decision == PUT_RIGHT)),
        )
        .order_by(Booking.id)
    )
    _bring_back(tx, [row for row in rows if row.consequence_id is not None])
    return _begin(tx, [row for row in rows if row.consequence_id is None])


def _begin(tx: Tx, rows: Sequence[Row[Any]]) -> int:
    if not rows:
        return 0
    terms = figures(tx)
    appeal_by = after_working_days(tx.now, terms.appeal_days, terms)
    tx.insert_many(
        Consequence,
        [
            dict(
                booking_id=row.id,
                person_id=row.person_id,
                policy_id=terms.id,
                kind="absent",
                state="stands",
                pence=charge(terms.absent_charge, terms.absent_pence, row.cost_pence),
                cost_centre=row.cost_centre,
                appeal_by=appeal_by,
                created_at=tx.now,
            )
            for row in rows
        ],
    )
    made = tx.rows(
        select(Consequence.id, Consequence.booking_id, Consequence.person_id, Consequence.pence)
        .where(Consequence.booking_id.in_([row.id for row in rows]))
        .order_by(Consequence.id)
    )
    _record(tx, "consequence.made", made, kind="absent", state_of_it="stands")
    _tell(tx, made, appeal_by)
    return len(made)


def _tell(tx: Tx, rows: Sequence[Row[Any]], appeal_by: datetime) -> None:
    """Each is told what follows and until when they may object."""
    facts = {"appeal_by": appeal_by.isoformat()}
    messages = [
        message("email.missed", tx.now, "bookings", row.person_id, facts | {"pence": row.pence}) | {"subject_id": row.booking_id}
        for row in rows
    ]
    tx.db.execute(insert(Outbox), messages)


def _take_back(tx: Tx, session_id: int) -> None:
    """What followed from an absence that is none any more is excused."""
    rows = tx.rows(
        select(Consequence.id, Consequence.booking_id, Consequence.person_id, Consequence.pence)
        .join(Booking, Booking.id == Consequence.booking_id)
        .where(
            Booking.session_id == session_id,
            Booking.status != Status.DID_NOT_ATTEND.value,
            Consequence.kind == "absent",
            Consequence.state.in_(("stands", "appealed", "upheld")),
            Consequence.journal_id.is_(None),
        )
        .order_by(Consequence.id)
    )
    _set(tx, rows, "excused", PUT_RIGHT)
    _record(tx, "consequence.excused", rows, decision=PUT_RIGHT)


def _bring_back(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    """It stands again, with as much time to object as the first time."""
    if not rows:
        return
    terms = figures(tx)
    appeal_by = after_working_days(tx.now, terms.appeal_days, terms)
    found = tx.rows(
        select(Consequence.id, Consequence.booking_id, Consequence.person_id, Consequence.pence)
        .where(Consequence.id.in_([row.consequence_id for row in rows]))
        .order_by(Consequence.id)
    )
    _set(tx, found, "stands", None)
    tx.db.execute(update(Consequence).where(Consequence.id.in_([row.id for row in found])).values(appeal_by=appeal_by))
    _record(tx, "consequence.made", found, kind="absent", state_of_it="stands", decision=PUT_RIGHT)
    _tell(tx, found, appeal_by)


def _set(tx: Tx, rows: Sequence[Row[Any]], state: str, decision: str | None) -> None:
    if rows:
        changed = update(Consequence).where(Consequence.id.in_([row.id for row in rows]))
        decided = tx.now if decision else None
        tx.db.execute(changed.values(state=state, decision=decision, decided_at=decided, version=Consequence.version + 1))


def _record(tx: Tx, action: str, rows: Sequence[Row[Any]], **facts: Any) -> None:
    """One audit row for each."""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    audits = [
        entry(*actor, action, "consequences", row.person_id, None, {"booking_id": row.booking_id, "pence": row.pence, **facts})
        | {"subject_id": row.id}
        for row in rows
    ]
    if audits:
        tx.db.execute(insert(Audit), audits)
