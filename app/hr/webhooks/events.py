"""The kinds of event that a subscription may name, in words."""

from __future__ import annotations

from collections.abc import Iterable

from app.hr.events import EVENTS, removed

TEST = "webhook.test"
THINGS = {
    "people": "somebody’s work details",
    "units": "an organisation, service or team",
    "courses": "a course",
    "sessions": "a session, its dates, places or state",
    "bookings": "a booking, or its place on the waiting list",
    "completions": "a completion",
    "cohorts": "a cohort",
    "enrolments": "an enrolment on a programme, or its outcome",
    "supervisions": "a supervision that was held",
    "progressions": "somebody’s move to another career stage",
    "learning-records": "a learning record that its owner shares with other systems",
    "training-records": "a training record, as HR keeps them",
}


def types() -> dict[str, tuple[str, str]]:
    """Each event that can be subscribed to → (the resource in its address, what it says in words)."""
    found: dict[str, tuple[str, str]] = {}
    for resource, event in EVENTS.items():
        thing = THINGS[resource]
        found[event] = (resource, f"New or changed: {thing}")
        found[removed(event)] = (resource, f"Gone, or no longer for this client to see: {thing}")
    return found


def resources(events: Iterable[str]) -> set[str]:
    """The resources whose changes may come as one of these events. Whether something is gone shows only when it is told."""
    known = types()
    return {known[event][0] for event in events if event in known}
