"""Supervision in words."""

from __future__ import annotations

from app.core.calendar import long_date
from app.core.text import plural
from app.supervision.held import Held


def spent(minutes: int) -> str:
    """Minutes in words: "1 hour 30 minutes", "45 minutes", "12 hours"."""
    hours, rest = divmod(minutes, 60)
    parts = ([plural(hours, "hour")] if hours else []) + ([plural(rest, "minute")] if rest or not hours else [])
    return " ".join(parts)


def state(held: Held) -> tuple[str, str]:
    """How somebody's supervision stands: words, and the tag's colour."""
    if held.overdue_since is not None:
        return f"Overdue by {plural(held.days_overdue, 'day')}", "red"
    if held.as_at >= held.term.valid_to:
        return "Finished", "grey"
    if held.paused:
        return "Paused", "grey"
    if held.next_due is None:
        return "Nothing due", "grey"
    days = (held.next_due - held.as_at).days
    if days == 0:
        return "Due today", "yellow"
    return (f"Due in {plural(days, 'day')}", "yellow") if days <= 2 else ("Up to date", "green")


def next_one(held: Held) -> str:
    """When the next one is due, as a sentence; for somebody overdue, since when."""
    if held.overdue_since is not None:
        return f"Supervision has been overdue since {long_date(held.overdue_since)}."
    if held.as_at >= held.term.valid_to:
        return "This rule no longer applies."
    if held.paused:
        return "The clock stands still while they are away or the programme is paused: nothing falls due."
    if held.next_due is None:
        return "Nothing is due for now."
    return f"The next one is due by {long_date(held.next_due)}."
