"""Sessions with a waiting list, for tests of what happens to it."""

from __future__ import annotations

from typing import Any

import pytest

from app import jobs
from app.bookings import operations
from app.bookings.models import Booking
from app.core.tx import Actor, transaction
from tests.factory import Make


def only_bookings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks at the clocks of bookings alone: what else it does at each look has no say in who gets a place."""
    clocks = tuple(clock for clock in jobs.CLOCKS if clock.__module__.startswith("app.bookings."))
    assert len(clocks) == 5
    monkeypatch.setattr(jobs, "CLOCKS", clocks)


def acting(make: Make, person: Any, *roles: str) -> Any:
    """A transaction in which this person acts."""
    held = (("practitioner", None), *((role, None) for role in roles))
    return transaction(make.database, Actor("person", person.id, person.name, held, organisation_id=person.organisation_id), writes=True)


def join(make: Make, session: Any, person: Any) -> Any:
    """Somebody books for themselves: a place or a turn."""
    with acting(make, person) as tx:
        return operations.book(tx, session.id, person.id)


def full(make: Make, *names: str, **values: Any) -> tuple[Any, int, list[Any], list[int]]:
    """A session with one place that somebody holds, and these people waiting: (session, the holder's booking, people, their bookings)."""
    session = make.session(places=1, **values)
    holder = join(make, session, make.person("Holder"))
    people = [make.person(name) for name in names]
    return session, holder.id, people, [join(make, session, person).id for person in people]


def give_up(make: Make, booking: int) -> None:
    """The place or turn is given up."""
    with make.tx() as tx:
        operations.cancel(tx, booking, "Court hearing")


def states(make: Make, *keys: int) -> list[str]:
    """What each of these bookings is now."""
    return [make.row(Booking, key).status for key in keys]
