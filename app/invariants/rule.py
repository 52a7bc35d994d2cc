"""What a rule is, and the pieces of SQL that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from app.bookings.models import Status


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that does not hold: its name, what is wrong in words, and the first ids of the rows that break it."""

    rule: str
    detail: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """`says` is what must hold; `sql` selects, as its first column, the ids of the rows of `of` that break it.

    It may ask for `:now`, `:today`, `:lately` (an hour ago), `:yesterday` and `:ahead` (so far on that there is working time before).
    """

    name: str
    says: str
    of: str
    sql: str | Callable[[Connection], str]


def listed(words: tuple[str, ...]) -> str:
    """Words as SQL: `'a', 'b'`."""
    return ", ".join(f"'{word}'" for word in words)


# From each state of a booking, where it may go next. A waiting turn that is approved stays waiting, an offer offered.
SEEN = ("attended", "partly attended", "did not attend", "excused")
MOVES: dict[str, tuple[str, ...]] = {
    "reserved": ("requested", "booked", "cancelled", "expired"),
    "requested": ("booked", "cancelled", "declined", "expired"),
    "waiting": ("waiting", "offered", "requested", "booked", "cancelled", "declined", "expired"),
    "offered": ("offered", "booked", "requested", "cancelled", "declined", "expired"),
    "booked": ("cancelled", *SEEN),
    **{state: tuple(other for other in SEEN if other != state) for state in SEEN},
    **dict.fromkeys(("cancelled", "declined", "expired"), ()),
}
assert set(MOVES) == {status.value for status in Status}  # each has its line

# How a history begins: made, loaded in bulk, taken over from a colleague, reserved for somebody, or moved from a session called off.
BEGINNINGS: dict[str, tuple[str, ...]] = {
    "booking.made": ("requested", "waiting", "booked"),
    "booking.received": ("requested", "booked"),
    "booking.reserved": ("reserved",),
    "booking.moved-waiting": ("waiting",),
    "booking.imported": tuple(status.value for status in Status),
}
