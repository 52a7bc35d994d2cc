"""What people offer to colleagues and ask for: put on the list, changed, taken off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from app.core.errors import Conflict, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.mentoring import checks
from app.mentoring.models import KINDS, SHOWN_TO, SIDES, Notice
from app.policy import Can, operation

LONGEST = 500
LABELS = {"words": "In your words"}
MOST_OPEN = 12  # of one person: the list is for finding somebody, not for filling


@operation(Can.LEARN_TOGETHER)
def put_up(
    tx: Tx,
    *,
    side: str,
    kind: str,
    need: str,
    words: str = "",
    most: int | None = None,
    shown_to: str = "colleagues",
    guard: Decision | None = None,
) -> int:
    """Offer something to colleagues, or ask for it; returns the notice. `most`: of an offer, with how many people at once."""
    values = _checked(side=side, kind=kind, need=need, words=words, most=most, shown_to=shown_to)
    up = select(func.count()).where(Notice.person_id == tx.actor.person_id, Notice.closed_at.is_(None))
    if tx.scalar(up) >= MOST_OPEN:
        raise Conflict(f"You have {MOST_OPEN} things on the list already.", code="notices-full", way_out="Take one of them off first.")
    settled = checking.settle(tx, {"words": values["words"]}, guard, labels=LABELS)
    key = tx.insert(Notice, **{**values, **settled.fields}, person_id=tx.actor.person_id, opened_at=tx.now)
    checking.note(tx, settled, "together_notices", key)
    tx.record("notice.opened", "together_notices", key, person_id=tx.actor.person_id, side=side, kind=kind, need=need)
    return key


@operation(Can.LEARN_TOGETHER)
def change(
    tx: Tx,
    notice_id: int,
    version: int,
    *,
    need: str,
    words: str = "",
    most: int | None = None,
    shown_to: str = "colleagues",
    guard: Decision | None = None,
) -> None:
    """Say it differently. Whether it is an offer and of which kind stays."""
    row = _own(tx, notice_id)
    values = _checked(side=row.side, kind=row.kind, need=need, words=words, most=most, shown_to=shown_to)
    checks.unchanged(row, version)
    settled = checking.settle(tx, {"words": values["words"]}, guard, labels=LABELS, subject="together_notices", subject_id=row.id)
    values |= settled.fields
    checking.note(tx, settled, "together_notices", row.id)
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    if changed:
        tx.update(Notice, row.id, **values, version=version + 1)
        tx.record("notice.changed", "together_notices", row.id, person_id=row.person_id, fields=changed)


@operation(Can.LEARN_TOGETHER)
def take_off(tx: Tx, notice_id: int) -> None:
    """Nobody new finds it any more; pairs that came from it go on."""
    row = _own(tx, notice_id)
    tx.update(Notice, row.id, closed_at=tx.now, version=row.version + 1)
    tx.record("notice.closed", "together_notices", row.id, person_id=row.person_id)


def own(tx: Tx, notice_id: int) -> Row[Any]:
    """The actor's own notice that is still up, or NotFound."""
    return _own(tx, notice_id)


def _own(tx: Tx, notice_id: int) -> Row[Any]:
    row = tx.get(Notice, notice_id, lock=tx.writes, what="notice")
    if row.person_id != tx.actor.person_id:
        raise NotFound("There is no notice with that reference, or it is not yours.", code="notice-not-found")
    if row.closed_at is not None:
        raise Conflict("This has been taken off the list already.", code="notice-closed")
    return row


def _checked(*, side: str, kind: str, need: str, words: str, most: int | None, shown_to: str) -> dict[str, Any]:
    problems = Problems()
    checks.choice(problems, "side", side, SIDES, "Choose whether you offer it or ask for it")
    checks.choice(problems, "kind", kind, KINDS, "Choose mentoring, coaching or shadowing")
    checks.need(problems, need)
    said = checks.words(problems, "words", words, LONGEST, "What you write")
    if side == "offer":
        most = 1 if most is None else most
        if not 1 <= most <= 10:
            problems.add("most", "Enter how many people at once, from 1 to 10")
        shown_to = "colleagues"  # an offer that nobody sees is none
    else:
        most = None
        checks.choice(problems, "shown_to", shown_to, SHOWN_TO, "Choose who sees it")
    problems.raise_any()
    return dict(side=side, kind=kind, need=need, words=said, most=most, shown_to=shown_to)
