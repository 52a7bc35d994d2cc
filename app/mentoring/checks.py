"""What the verbs of learning together ask alike: words that fit, choices that exist, colleagues who are there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Row, or_, select

from app.core.errors import Changed, NotFound
from app.core.forms import Problems
from app.core.text import normal
from app.core.tx import Tx
from app.mentoring.models import NEEDS
from app.people.models import Person


def choice(problems: Problems, field: str, given: str, choices: Collection[str], message: str) -> None:
    """One of a few."""
    if given not in choices:
        problems.add(field, message)


def need(problems: Problems, given: str) -> None:
    """What for, of those on the list."""
    choice(problems, "need", given, NEEDS, "Choose what it is about")


def words(problems: Problems, field: str, given: str, longest: int, label: str) -> str:
    """A tidy line; too long is a problem."""
    said = normal(given)
    if len(said) > longest:
        problems.add(field, f"{label} must be {longest} characters or fewer")
    return said


def past_day(problems: Problems, field: str, day: date | None, tx: Tx, earliest: date) -> None:
    """A day that is there, not to come and not before `earliest`."""
    if day is None:
        problems.add(field, "Enter the day")
    elif day > tx.today:
        problems.add(field, "The day must be today or in the past")
    elif day < earliest:
        problems.add(field, "The day is too long ago")


def here(today: Any) -> Any:
    """SQL for "has not left"."""
    return or_(Person.leaving_on.is_(None), Person.leaving_on >= today)


def colleague(tx: Tx, person_id: int) -> Row[Any]:
    """Somebody of the actor's organisation who has not left, or NotFound: others cannot be looked up here."""
    employer = select(Person.organisation_id).where(Person.id == tx.actor.person_id).scalar_subquery()
    found = tx.one(select(Person.id, Person.name).where(Person.id == person_id, Person.organisation_id == employer, here(tx.today)))
    if found is None:
        raise NotFound("There is no colleague with that reference.", code="person-not-found")
    return found


def unchanged(row: Row[Any], version: int) -> None:
    """Refuse what was decided about something that has changed since."""
    if row.version != version:
        raise Changed("Somebody changed this since you opened it.", way_out="Look at it again and repeat what you wanted.")
