"""From draft to published, from published to withdrawn; a draft can be thrown away. Nothing else ever changes a version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, func, select

from app.core.errors import Changed, Conflict, Invalid
from app.core.tx import Tx
from app.frameworks.operations import Loaded
from app.pathways import words
from app.pathways.models import Step, StepVersion
from app.pathways.operations.loading import empty
from app.pathways.versions import copy_curricula
from app.policy import Can, operation, require_for_host


@operation(Can.MANAGE_FRAMEWORKS)
def publish(tx: Tx, version_id: int, from_: date | None = None, *, read: int | None = None) -> None:
    """From a day on (`from_`, else the draft's own first day, else today) this version says what the step asks for.

    Not from a day in the past where another version held then: people were told what that one says. Conflict if it is no draft; Invalid
    for such a day. The curricula it names are copied into it as they are now. `read`: which state of the draft (`StepVersion.version`) was
    seen by whoever publishes; Changed if it has been replaced since. None: it was loaded in the same transaction.
    """
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = _draft(tx, version_id)
    if read is not None and row.version != read:
        raise Changed("Somebody replaced this draft since you opened it.", way_out="Look at it as it is now, and publish that.")
    starts = from_ or row.in_force_from or tx.today
    held = tx.scalar(select(func.count()).select_from(StepVersion).where(StepVersion.step_id == row.step_id, StepVersion.state != "draft"))
    if starts < tx.today and held:
        message = "It can be in force from today at the earliest: another version held before"
        raise Invalid(message + ".", errors=[{"field": "from", "message": message}])
    if row.in_force_to is not None and row.in_force_to < starts:
        message = "It would be out of force before it comes into force"
        raise Invalid(message + ".", errors=[{"field": "from", "message": message}])
    copy_curricula(tx, version_id)
    tx.update(StepVersion, version_id, state="published", in_force_from=starts, published_at=tx.now, published_by=tx.actor.person_id)
    tx.record("step.published", "step_versions", version_id, step=row.step_id, number=row.number, in_force_from=starts.isoformat())
    _name(tx, row.step_id)


@operation(Can.MANAGE_FRAMEWORKS)
def withdraw(tx: Tx, version_id: int, reason: str) -> None:
    """From today on this version no longer counts, and the step asks for nothing until another is published. It cannot be undone."""
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = tx.get(StepVersion, version_id, lock=True, what="version of a step")
    if row.state != "published":
        message = f"Only a published version can be withdrawn, and this one is {words.STATES[row.state].lower()}."
        raise Conflict(message, code="version-not-published")
    said = reason.strip()
    if not said or len(said) > 500:
        raise Invalid("Say why it is withdrawn.", errors=[{"field": "reason", "message": "Say why, in up to 500 characters"}])
    tx.update(StepVersion, version_id, state="withdrawn", withdrawn_at=tx.now, withdrawn_on=tx.today)
    tx.record("step.withdrawn", "step_versions", version_id, step=row.step_id, number=row.number, reason=said)
    _name(tx, row.step_id)


@operation(Can.MANAGE_FRAMEWORKS)
def discard(tx: Tx, version_id: int) -> None:
    """Throw a draft away with all that it asks for; and the step, if it has no other version."""
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    row = _draft(tx, version_id)
    empty(tx, version_id)
    tx.db.execute(delete(StepVersion).where(StepVersion.id == version_id))
    if not tx.scalar(select(func.count()).select_from(StepVersion).where(StepVersion.step_id == row.step_id)):
        tx.db.execute(delete(Step).where(Step.id == row.step_id))
    tx.record("step.discarded", "step_versions", version_id, step=row.step_id, number=row.number)


def publish_loaded(tx: Tx, loaded: Sequence[Loaded]) -> int:
    """Publish the drafts among what was loaded; returns how many those were."""
    keys = [each.key for each in loaded]
    drafts = tx.rows(select(StepVersion.id).where(StepVersion.id.in_(keys), StepVersion.state == "draft").order_by(StepVersion.id))
    for row in drafts:
        publish(tx, row.id)
    return len(drafts)


def _name(tx: Tx, step_id: int) -> None:
    """The step is called what its newest published version calls it."""
    published = (StepVersion.step_id == step_id, StepVersion.state == "published")
    title = tx.scalar(select(StepVersion.title).where(*published).order_by(StepVersion.number.desc()).limit(1))
    step = tx.get(Step, step_id)
    if title is not None and title != step.title:
        tx.update(Step, step_id, title=title, version=step.version + 1)
        tx.record("step.renamed", "pathway_steps", step_id, code=step.code, title=title, was=step.title)


def _draft(tx: Tx, version_id: int) -> Row[Any]:
    row = tx.get(StepVersion, version_id, lock=True, what="version of a step")
    if row.state != "draft":
        message = f"This is possible for a draft only, and this version is {words.STATES[row.state].lower()}."
        raise Conflict(message, code="version-not-draft")
    return row
