"""What pages say about places and bookings, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from app.core.calendar import clock, london, long_date, time_range, when
from app.core.text import duration, ordinal, plural
from app.core.web import fragment

length = duration  # for templates, which reach all their words through here

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


@lru_cache(maxsize=1)
def tags() -> dict[str, Markup]:
    """The tag of every status, drawn once."""
    return {status: fragment("_ui/ui.html", "tag", *said) for status, said in STATUS_TAGS.items()}


def left(session: Any) -> int:
    """How many places the reader could have. `session` needs capacity, held, waiting and, where some are kept for others, for_reader."""
    for_reader: int | None = getattr(session, "for_reader", None)
    if for_reader is not None:
        return for_reader
    return 0 if session.waiting else max(session.capacity - session.held, 0)  # a free seat is nobody's while someone waits


def places(session: Any) -> str:
    """What is left for the reader, in words. `session` needs what `left` does, and waiting_limit."""
    if number := left(session):
        return f"{plural(number, 'place')} left"
    if session.waiting:
        return f"Full – {session.waiting} waiting"
    if session.held < session.capacity and getattr(session, "for_reader", None) is not None:
        return "The places left are kept for others" + (" – join the waiting list" if session.waiting_limit != 0 else "")
    return "Full – no waiting list" if session.waiting_limit == 0 else "Full – join the waiting list"


def kept(quota: Any) -> str:
    """For whom places are kept, in words; nothing once all of them are taken. `quota` needs places, held, name and release_on."""
    free = quota.places - quota.held
    return f"{plural(free, 'place')} kept for {quota.name} until {long_date(quota.release_on)}" if free > 0 else ""


def span(session: Any) -> str:
    """When a session is, in words: "2 parts: Tuesday 5 January and Tuesday 12 January 2027, 9:30am to 4pm".

    `session` needs starts_at, ends_at and parts (how many), and for several first_ends and last_starts.
    """
    if session.parts == 1:
        return when(session.starts_at, session.ends_at)
    return f"{session.parts} parts: {_over(session.starts_at, session.first_ends, session.last_starts, session.ends_at, session.parts)}"


@lru_cache(maxsize=2048)
def _over(starts: datetime, first_ends: datetime, last_starts: datetime, ends: datetime, parts: int) -> str:
    """Several parts by the first and the last of them: the days with one range of times where both have the same."""
    joined = "and" if parts == 2 else "to"
    same = time_range(starts, first_ends) == time_range(last_starts, ends)
    first, last = london(starts).date(), london(last_starts).date()
    if first == last or not same:
        return f"{when(starts, first_ends)} {joined} {when(last_starts, ends)}"
    said = long_date(first)
    if first.year == last.year:
        said = said.removesuffix(f" {first.year}")
    return f"{said} {joined} {long_date(last)}, {time_range(starts, first_ends)}"


def next_part(session: Any) -> str:
    """When the next part of a session is; `session` needs next_starts, next_ends and parts (how many in all)."""
    said = when(session.next_starts, session.next_ends)
    return f"{said} (one of {session.parts} parts)" if session.parts > 1 else said


def months(number: int) -> str:
    """How long something counts: "3 years", "18 months"."""
    return plural(number, "month") if number % 12 else plural(number // 12, "year")


def pounds(pence: int) -> str:
    """An amount: "£35", "£12.50"."""
    return f"£{pence // 100:,}" if pence % 100 == 0 else f"£{pence / 100:,.2f}"


def queue_place(ahead: int, waiting: int) -> str:
    """Where somebody stands: "4th of 11"."""
    return f"{ordinal(ahead + 1)} of {waiting:,}"


QUEUE_ORDER = "Those with statutory need come first, then by when they asked."


def queue_because(booking: Any, *, you: bool) -> str:
    """Why somebody stands where they do, beyond when they asked; empty in the usual class. `booking` needs priority, priority_because."""
    if not booking.priority_because:
        return ""
    before = "before" if booking.priority < 5 else "after"
    return f"{'You come' if you else 'They come'} {before} others for this reason: {booking.priority_because}."


def offer_open(booking: Any, now: datetime) -> bool:
    """Can an offered place still be accepted? `booking` needs status, offer_ends_at and starts_at."""
    return bool(booking.status == "offered" and booking.offer_ends_at > now and booking.starts_at > now)


def action(session: Any, now: datetime) -> tuple[str, str]:
    """(the words on the button, or why there is none) for a session whose row says who holds what; one of the two is empty."""
    if session.starts_at <= now:
        return "", "Already started"
    if session.opens_at is not None and now < session.opens_at:
        return "", f"Booking opens {long_date(session.opens_at)}"
    if session.closes_at is not None and now >= session.closes_at:
        return "", "Booking has closed"
    if left(session):
        return ("Ask for a place" if session.needs_approval else "Book a place"), ""
    if session.waiting_limit is not None and session.waiting >= session.waiting_limit:
        return "", "No more places"
    return "Join the waiting list", ""


def instant(at: datetime) -> str:
    """An instant in words: "Thursday 3 December 2026 at 4pm"."""
    return f"{long_date(at)} at {clock(at)}"


def approvers(asked: Sequence[Any], reader: int | None) -> str:
    """Who answers a request, to begin or go on a sentence: "you", "Mo Lane or Dee Fell, who stands in for Mo Lane", "the Academy"."""
    if any(one.id == reader for one in asked):
        return "you"
    said = [f"{one.name}, who stands in for {one.stands_in_for}," if one.stands_in_for else one.name for one in asked]
    return " or ".join(said) or "the Academy"


# The history of a booking, by action of its audit rows: what whoever did it has done.
HISTORY = {
    "booking.cancelled": "cancelled the booking",
    "booking.approved": "approved the place",
    "booking.refused": "did not approve the request",
    "booking.given": "gave the free place from the waiting list",
    "booking.offered": "offered {name} the free place",
    "booking.accepted": "accepted the place",
    "booking.offer-declined": "declined the place",
    "booking.offer-lapsed": "had no answer in time, so the place passed on",
    "booking.priority-changed": "changed the class on the waiting list",
    "booking.moved": "moved the booking to another date or room",
    "booking.session-cancelled": "cancelled the session",
    "booking.reserved": "reserved a place for somebody to be named",
    "booking.named": "named {name} for it",
    "booking.reservation-expired": "freed the place, because nobody was named in time",
    "booking.passed": "passed the place to a colleague",
    "booking.received": "passed a place to {name}",
    "booking.moved-waiting": "cancelled another date and put {name} on this list",
    "booking.approval-expired": "ended the request, which nobody had answered",
    "booking.reason-given": "gave a reason",
    "booking.restored": "gave the booking back: {name} had not left after all",
    "departure.approval": "passed the request on, because the manager left",
    "departure.approval-taken-back": "passed the request back: the manager had not left after all",
    "booking.marked": "marked {name} on the register",
    "booking.not-attended": "recorded that {name} did not attend",
    "booking.excused": "recorded that {name} {was} excused",
}


def happened(action_name: str, state: str | None, *, name: str = "", own: bool = True) -> str:
    """What a line of a booking's history says after who did it: "You" "booked a place".

    `name` is the person whose booking it is, as the reader knows them ("you" for the reader); `own`: they did it themselves.
    """
    if action_name == "booking.made":
        said = {"waiting": "joined the waiting list", "requested": "asked for a place"}.get(state or "", "booked a place")
        if own:
            return said
        return f"put {name} on the waiting list" if state == "waiting" else f"{said} for {name}"
    if action_name == "booking.attended":
        return f"recorded that {name} {'attended part of it' if state == 'partly attended' else 'attended'}"
    if action_name == "booking.excused" and own:
        return "gave a reason that excuses"
    if action_name == "booking.marked" and own:
        return "checked in"
    if action_name in HISTORY:
        return HISTORY[action_name].format(name=name, was="were" if name == "you" else "was")
    return f"noted: {action_name.partition('.')[2].replace('_', ' ').replace('-', ' ')}"
