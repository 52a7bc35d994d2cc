"""Why somebody gives up a place or did not come: one of the council's reasons, words of their own, or both."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.bookings.policy_models import CancelReason
from app.core.errors import Invalid
from app.core.text import normal
from app.core.tx import Tx

OTHER = "other"  # "Something else": only with words
SHORTEST, LONGEST = 3, 500  # characters of a reason in words


@dataclass(frozen=True, slots=True)
class Why:
    """A reason as it is kept: its code (None: in words only), what people read, and whether it excuses."""

    code: str | None
    words: str
    excuses: bool


def given(tx: Tx, code: str | None, words: str, *, field: str = "reason") -> Why:
    """The reason that was meant, or Invalid beside `reason_code` or `field`. An excusing reason is taken on the person's word."""
    words = normal(words)
    if len(words) > LONGEST:
        raise _wrong(field, f"Your reason must be {LONGEST} characters or fewer")
    if not code:
        if len(words) < SHORTEST:
            raise _wrong(field, f"Enter a reason, up to {LONGEST} characters")
        return Why(None, words, excuses=False)
    row = tx.one(select(CancelReason.title, CancelReason.excuses).where(CancelReason.code == code, CancelReason.active))
    if row is None:
        raise _wrong("reason_code", "Choose a reason from the list")
    if code == OTHER:
        if len(words) < SHORTEST:
            raise _wrong(field, f"Say in your own words why, up to {LONGEST} characters")
        return Why(code, words, row.excuses)
    return Why(code, f"{row.title}: {words}"[:LONGEST] if words else row.title, row.excuses)


def _wrong(field: str, message: str) -> Invalid:
    return Invalid("Say why.", errors=[{"field": field, "message": message}])
