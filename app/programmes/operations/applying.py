"""What follows from an agreed change: the plan, the status, who does what, and the clock of supervision.

What is agreed for a day to come takes effect on that day: `apply_due` runs every hour.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select, update

from app.core.calendar import long_date
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.policy import Can, operation
from app.programmes.access import Part, part
from app.programmes.models import Capacity, Change, Enrolment, Involvement, Side, StageRecord
from app.programmes.operations.involving import end_capacity, involve
from app.programmes.operations.plans import clock_now, pattern_on, replan
from app.programmes.panel_models import PanelCase
from app.programmes.proposals import holder
from app.supervision.operations import rules as supervision

OVER = ("completed", "withdrawn", "transferred")


def subject(enrolment_id: int) -> str:
    """What supervision rules and pauses of an enrolment are filed under."""
    return f"enrolment:{enrolment_id}"


def put_into_effect(tx: Tx, mine: Part, change: Row[Any]) -> None:
    """Everything that an agreed change brings, at once or on its day. The enrolment's row is locked."""
    if change.kind == "pause":
        supervision.pause(tx, mine.enrolment.person_id, change.from_on, change.to_on, subject=subject(mine.enrolment.id))
        replan(tx, mine, "pause", _pause_words(change), change_id=change.id)
    elif change.kind == "extension":
        _extend(tx, mine, change)
    elif change.kind == "working_pattern":
        fte = Decimal(change.details["fte"])
        before = pattern_on(tx, mine.enrolment, change.from_on, but=change.id)
        tx.update(Change, change.id, details={**change.details, "before": str(before.normalize())})
        words = f"From {long_date(change.from_on)} {float(fte):g} of full time instead of {float(before):g}"
        replan(tx, mine, "working pattern", words, change_id=change.id, fte=fte)
    elif change.kind in ("assessor", "line_manager"):
        _hand_over(tx, mine.enrolment, change)
    _today(tx, mine.enrolment.id)


def _pause_words(change: Row[Any]) -> str:
    if change.to_on == FOREVER:
        return f"Paused from {long_date(change.from_on)}. What was due after it is counted anew when they come back."
    return f"Paused from {long_date(change.from_on)} until {long_date(change.to_on)}"


def _extend(tx: Tx, mine: Part, change: Row[Any]) -> None:
    """So many more days that the programme ends on the day agreed, whatever moved the plan since it was proposed.

    Stages due before the extension begins stay; the end itself always moves.
    """
    wanted = date.fromisoformat(change.details["ends_on"])
    version = tx.get(ProgrammeVersion, mine.enrolment.version_id, what="programme version")
    counted = clock_now(tx, mine.enrolment, version, but=change.id).after(version.nominal_months)
    days = (wanted - counted).days
    if days <= 0:
        raise Conflict("The programme lasts until then already.", code="extension-empty", way_out="Cancel this change.")
    tx.update(Change, change.id, details={**change.details, "days": days}, from_on=min(change.from_on, counted))
    replan(tx, mine, "extension", change.words, change_id=change.id)


def _hand_over(tx: Tx, enrolment: Row[Any], change: Row[Any]) -> None:
    """Who leaves has the part until the day, who comes from the day on; never in the past, where signatures rest on who had which part."""
    on = max(change.from_on, tx.today)
    outgoing = holder(tx, enrolment.id, change.kind, tx.today) or holder(tx, enrolment.id, change.kind, on)
    if outgoing is not None:
        end_capacity(tx, enrolment.id, outgoing, change.kind, on)
    involve(tx, enrolment.id, change.details["person_id"], change.kind, on)


# Status by the day --------------------------------------------------------------------------------------------------


def _today(tx: Tx, enrolment_id: int) -> None:
    """Bring the status to what is agreed for today."""
    row = tx.get(Enrolment, enrolment_id, what="enrolment")
    if row.status in OVER:
        return
    leaving = tx.one(
        select(Change.__table__)
        .where(
            Change.enrolment_id == enrolment_id,
            Change.state == "agreed",
            Change.kind.in_(("withdrawal", "transfer")),
            Change.from_on <= tx.today,
        )
        .limit(1)
    )
    if leaving is not None:
        _leave(tx, row, leaving)
        return
    paused = tx.scalar(
        select(Change.id).where(
            Change.enrolment_id == enrolment_id,
            Change.state == "agreed",
            Change.kind == "pause",
            Change.from_on <= tx.today,
            Change.to_on > tx.today,
        )
    )
    if paused is not None and row.status not in ("paused", "awaiting_panel"):  # before a panel there is nothing left to stand still
        _set(tx, row, "paused")
    elif paused is None and row.status == "paused":
        _set(tx, row, _status_without_pause(tx, enrolment_id))


def _set(tx: Tx, row: Row[Any], status: str) -> None:
    tx.db.execute(update(Enrolment).where(Enrolment.id == row.id).values(status=status, version=Enrolment.version + 1))
    tx.record("enrolment.status", "enrolments", row.id, person_id=row.person_id, state=status)


def _status_without_pause(tx: Tx, enrolment_id: int) -> str:
    """As far as the work was: under way, or not begun."""
    begun = (
        select(func.count()).select_from(StageRecord).where(StageRecord.enrolment_id == enrolment_id, StageRecord.state != "not started")
    )
    return "in_progress" if tx.scalar(begun) else "registered"


def _leave(tx: Tx, row: Row[Any], change: Row[Any]) -> None:
    """Withdrawn or transferred: all parts but the learner's end, it is before no panel, and supervision follows no rule of this programme.

    The learner keeps reading what is theirs. Documents stay as they were left: desks show those of running enrolments only.
    """
    on = change.from_on
    _set(tx, row, "withdrawn" if change.kind == "withdrawal" else "transferred")
    held = tx.rows(
        select(Involvement.person_id, Capacity.capacity)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .where(Involvement.enrolment_id == row.id, Involvement.side != Side.LEARNER.value, Capacity.valid_to > max(on, tx.today))
    )
    for each in held:
        end_capacity(tx, row.id, each.person_id, each.capacity, max(on, tx.today))
    tx.db.execute(update(PanelCase).where(PanelCase.enrolment_id == row.id, PanelCase.state == "listed").values(state="withdrawn"))
    tx.db.execute(
        update(Change).where(Change.enrolment_id == row.id, Change.state == "proposed").values(state="cancelled", settled_at=tx.now)
    )
    supervision.end_rule(tx, row.person_id, subject(row.id), on)


@operation(Can.MANAGE_ENROLMENTS)
def resume(tx: Tx, enrolment_id: int, on: date) -> None:
    """They are back from a day on, sooner or later than the pause says; what is still to come is counted anew."""
    mine = part(tx, Can.MANAGE_ENROLMENTS, enrolment_id, lock=True)
    pause = tx.one(
        select(Change.__table__)
        .where(Change.enrolment_id == enrolment_id, Change.state == "agreed", Change.kind == "pause", Change.to_on >= tx.today)
        .order_by(Change.from_on)
        .limit(1)
    )
    if pause is None or mine.enrolment.status in OVER:
        raise Conflict("There is no pause to end.", code="not-paused")
    if on <= pause.from_on:
        message = f"The day of return must be after {long_date(pause.from_on)}, the first day of the pause"
        raise Invalid(message + ".", errors=[{"field": "on", "message": message}])
    tx.update(Change, pause.id, to_on=on)
    _stop_supervision(tx, mine.enrolment, pause.from_on)
    replan(tx, mine, "resume", f"Paused from {long_date(pause.from_on)}, back on {long_date(on)}", change_id=pause.id)
    _today(tx, enrolment_id)


def _stop_supervision(tx: Tx, enrolment: Row[Any], since: date) -> None:
    """The clock of supervision stands still in the pauses that are agreed from a day on, and in no others."""
    supervision.resume(tx, enrolment.person_id, since, subject=subject(enrolment.id))
    pauses = select(Change.from_on, Change.to_on).where(
        Change.enrolment_id == enrolment.id, Change.state == "agreed", Change.kind == "pause", Change.from_on >= since
    )
    for row in tx.rows(pauses):
        supervision.pause(tx, enrolment.person_id, row.from_on, row.to_on, subject=subject(enrolment.id))


def apply_due(tx: Tx, _now: datetime) -> None:
    """Every status that is not what was agreed for today: pauses that begin and end, withdrawals and transfers whose day has come."""
    begun = (Change.state == "agreed", Change.from_on <= tx.today)
    due = (
        select(Enrolment.id)
        .join(Change, Change.enrolment_id == Enrolment.id)
        .where(*begun, Enrolment.status.not_in(OVER))
        .where(
            (Change.kind.in_(("withdrawal", "transfer")))
            | ((Change.kind == "pause") & (Change.to_on > tx.today) & Enrolment.status.not_in(("paused", "awaiting_panel")))
            | ((Change.kind == "pause") & (Change.to_on <= tx.today) & (Enrolment.status == "paused"))
        )
        .distinct()
        .order_by(Enrolment.id)
    )
    for row in tx.rows(due):
        part(tx, Can.MANAGE_ENROLMENTS, row.id, lock=True)
        _today(tx, row.id)
