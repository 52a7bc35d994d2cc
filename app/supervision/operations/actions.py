"""Actions agreed in supervision: what is to be done by whom, and what became of it. A few words, never about a child or a family."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.guarding.checking import Decision
from app.policy import Can, operation
from app.supervision.action_models import ENDS, WHOSE, WORDS, SupervisionAction
from app.supervision.models import Supervision
from app.supervision.operations import versions
from app.supervision.operations.record import EARLIEST


@operation(Can.RECORD_SUPERVISION)
def agree(
    tx: Tx,
    person_id: int,
    words: str,
    whose: str = "person",
    by_date: date | None = None,
    *,
    agreed_on: date | None = None,
    supervision_id: int | None = None,
    decision: Decision | None = None,
    entry_key: str | None = None,
) -> int:
    """An action was agreed, today or on `agreed_on`, in that supervision if one is named; returns its number among the person's.

    Whoever may record the supervision may write it. Invalid, with the field, for words that are too long, or days in no order; Identifiable
    while nobody has decided about words that may name a family. Sent again under the same `entry_key`, it is the same action.
    """
    policy.person(tx, Can.RECORD_SUPERVISION, person_id, lock=True)
    owner = {"person_id": person_id}
    if (known := versions.sent(tx, SupervisionAction, owner, entry_key)) is not None:
        return known
    agreed_on, first = agreed_on or tx.today, None
    if supervision_id is not None:
        held = tx.one(select(Supervision.__table__).where(Supervision.id == supervision_id, Supervision.person_id == person_id))
        if held is None or held.superseded_at is not None:
            raise Conflict("This supervision has been corrected or withdrawn meanwhile.", code="superseded", way_out="Open the list again.")
        agreed_on, first = held.held_on, held.first_id or held.id
    errors: list[dict[str, str]] = []
    if not EARLIEST <= agreed_on <= tx.today:
        errors.append({"field": "agreed_on", "message": "The date must be today or in the past"})
    words = _checked(tx, words, whose, by_date, agreed_on, errors)
    settled = versions.guarded(tx, SupervisionAction, owner, None, words, decision)
    values: dict[str, Any] = dict(supervision_id=first, agreed_on=agreed_on, whose=whose, by_date=by_date, entry_key=entry_key)
    number = versions.add(tx, SupervisionAction, owner, settled, **values)
    _record(tx, "agreed", person_id, number)
    return number


@operation(Can.RECORD_SUPERVISION)
def reword(
    tx: Tx, person_id: int, number: int, words: str, whose: str, by_date: date | None, decision: Decision | None = None, *, base: int
) -> None:
    """It says something else now. `base` is the id of the row that was before the writer; Changed if another one stands by now."""
    row, owner = _live(tx, person_id, number), {"person_id": person_id}
    words = _checked(tx, words, whose, by_date, row.agreed_on, [])
    settled = versions.guarded(tx, SupervisionAction, owner, number, words, decision)
    if versions.change(tx, SupervisionAction, owner, row, settled, base=base, whose=whose, by_date=by_date):
        _record(tx, "changed", person_id, number)


@operation(Can.RECORD_SUPERVISION)
def close(tx: Tx, person_id: int, number: int, ended: str = "done", on: date | None = None) -> None:
    """It is done, or no longer needed (`ended`, one of `action_models.ENDS`), today or on a day since it was agreed."""
    row, on = _live(tx, person_id, number), on or tx.today
    if ended not in ENDS:
        raise Invalid("Choose what became of it.", errors=[{"field": "ended", "message": "Choose what became of it"}])
    if not row.agreed_on <= on <= tx.today:
        message = "The date must be today or in the past, and not before it was agreed"
        raise Invalid(message + ".", errors=[{"field": "ended_on", "message": message}])
    if versions.change(tx, SupervisionAction, {"person_id": person_id}, row, ended=ended, ended_on=on):
        _record(tx, "closed", person_id, number, ended=ended)


@operation(Can.RECORD_SUPERVISION)
def reopen(tx: Tx, person_id: int, number: int) -> None:
    """It was closed by mistake, or there is more to do."""
    row = _live(tx, person_id, number)
    if versions.change(tx, SupervisionAction, {"person_id": person_id}, row, ended=None, ended_on=None):
        _record(tx, "reopened", person_id, number)


@operation(Can.RECORD_SUPERVISION)
def take_back(tx: Tx, person_id: int, number: int) -> None:
    """It should not have been written: it is on no list any more, and its words are taken out for good, whoever else may have read them."""
    row = _live(tx, person_id, number)
    tx.update(SupervisionAction, row.id, superseded_at=tx.now)
    versions.redact(tx, SupervisionAction, {"person_id": person_id}, number)
    _record(tx, "taken-back", person_id, number)


def _checked(tx: Tx, words: str, whose: str, by_date: date | None, agreed_on: date, errors: list[dict[str, str]]) -> str:
    words = versions.words_of(words, WORDS, "what was agreed", errors)
    if whose not in WHOSE:
        errors.append({"field": "whose", "message": "Choose who does it"})
    versions.day_by(tx, by_date, errors, since=agreed_on)
    versions.refuse(errors)
    return words


def _live(tx: Tx, person_id: int, number: int) -> Row[Any]:
    policy.person(tx, Can.RECORD_SUPERVISION, person_id, lock=True)
    return versions.live(tx, SupervisionAction, {"person_id": person_id}, number)


def _record(tx: Tx, what: str, person_id: int, number: int, **facts: Any) -> None:
    tx.record(f"supervision-action.{what}", "people", person_id, person_id=person_id, number=number, **facts)
