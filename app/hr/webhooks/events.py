"""The kinds of event that a subscription may name, in words."""

from __future__ import annotations

from collections.abc import Iterable

from app.hr.events import EVENTS, removed

TEST = "webhook.test"
_THINGS = {
    "people": "somebody’s work details",
    "units": "an organisation, service or team",
    "courses": "a course",
    "sessions": "a session: its dates, places or state",
    "bookings": "a booking, or how many wait before it",
    "completions": "a completion",
    "cohorts": "a cohort",
    "enrolments": "an enrolment on a programme, or its outcome",
    "supervisions": "a supervision that was held",
}


def types() -> dict[str, tuple[str, str]]:
    """Each event that can be subscribed to → (the resource in its address, what it says in words)."""
    found: dict[str, tuple[str, str]] = {}
    for resource, event in EVENTS.items():
        thing = _THINGS.get(resource, f"one of {resource.replace('-', ' ')}")
        found[event] = (resource, f"There is something new about {thing}")
        found[removed(event)] = (resource, f"Gone, or not to be seen by this client any more: {thing}")
    return found


def resources(events: Iterable[str]) -> set[str]:
    """The resources whose changes may come as one of these events. Whether something is gone shows only when it is told."""
    known = types()
    return {known[event][0] for event in events if event in known}
