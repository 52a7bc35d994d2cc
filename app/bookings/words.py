"""What pages say about places and bookings, in the same words everywhere."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from app.core.calendar import clock, long_date, when
from app.core.text import ordinal, plural

# What a booking is called once it is over or done, by status; live ones say more than a word.
STATUS_TAGS = {
    "booked": ("Booked", "green"),
    "waiting": ("Waiting list", "yellow"),
    "requested": ("Waiting for approval", "blue"),
    "offered": ("Place offered", "blue"),
    "cancelled": ("Cancelled", "grey"),
    "declined": ("Not approved", "red"),
    "expired": ("Expired", "grey"),
    "attended": ("Attended", "green"),
    "partly attended": ("Partly attended", "turquoise"),
    "did not attend": ("Did not attend", "red"),
    "excused": ("Excused", "grey"),
}


def places(session: Any) -> str:
    """What is left, in words. `session` needs capacity, held, waiting and waiting_limit. A free seat is nobody's while someone waits."""
    left = session.capacity - session.held
    if session.waiting:
        return f"Full – {session.waiting} waiting"
    if left > 0:
        return f"{plural(left, 'place')} left"
    return "Full – no waiting list" if session.waiting_limit == 0 else "Full – join the waiting list"


def span(session: Any) -> str:
    """When a session is, from its first part to its last, in words; `session` needs starts_at, ends_at and parts (how many)."""
    said = when(session.starts_at, session.ends_at)
    return f"{said} ({session.parts} parts)" if session.parts > 1 else said


def next_part(session: Any) -> str:
    """When the next part of a session is; `session` needs next_starts, next_ends and parts (how many in all)."""
    said = when(session.next_starts, session.next_ends)
    return f"{said} (one of {session.parts} parts)" if session.parts > 1 else said


@lru_cache(maxsize=512)
def length(minutes: int) -> str:
    """How long something takes: "45 minutes", "3 hours", "1 hour 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    said = [plural(hours, "hour")] if hours else []
    if rest or not hours:
        said.append(plural(rest, "minute"))
    return " ".join(said)


def months(number: int) -> str:
    """How long something counts: "3 years", "18 months"."""
    return plural(number, "month") if number % 12 else plural(number // 12, "year")


def pounds(pence: int) -> str:
    """An amount: "£35", "£12.50"."""
    return f"£{pence // 100:,}" if pence % 100 == 0 else f"£{pence / 100:,.2f}"


def queue_place(ahead: int, waiting: int) -> str:
    """Where somebody stands: "4th of 11"."""
    return f"{ordinal(ahead + 1)} of {waiting:,}"


def action(session: Any, now: datetime) -> tuple[str, str]:
    """(the words on the button, or why there is none) for a session whose row says who holds what; one of the two is empty."""
    if session.starts_at <= now:
        return "", "Already started"
    if session.opens_at is not None and now < session.opens_at:
        return "", f"Booking opens {long_date(session.opens_at)}"
    if session.closes_at is not None and now >= session.closes_at:
        return "", "Booking has closed"
    if session.capacity > session.held and not session.waiting:
        return ("Ask for a place" if session.needs_approval else "Book a place"), ""
    if session.waiting_limit is not None and session.waiting >= session.waiting_limit:
        return "", "No more places"
    return "Join the waiting list", ""


def instant(at: datetime) -> str:
    """An instant in words: "Thursday 3 December 2026 at 4pm"."""
    return f"{long_date(at)} at {clock(at)}"


# The history of a booking, by action of its audit rows.
HISTORY = {
    "booking.made": "Booked",
    "booking.cancelled": "Cancelled",
    "booking.approved": "Approved",
    "booking.refused": "Not approved",
    "booking.given": "Given a place from the waiting list",
    "booking.moved": "Told of a new date or room",
    "session.cancelled": "The session was cancelled",
}


def happened(action_name: str, state: str | None) -> str:
    """One line of a booking's history. Making a booking is said by what came of it."""
    if action_name == "booking.made":
        return {"waiting": "Joined the waiting list", "requested": "Asked for a place"}.get(state or "", "Booked a place")
    return HISTORY.get(action_name, action_name.partition(".")[2].replace("_", " ").replace("-", " ").capitalize())
