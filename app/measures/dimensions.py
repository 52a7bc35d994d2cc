"""Who worked here on a day, and where they stood then: part of the organisation, career stage, contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, select

from app.core.calendar import add_months
from app.core.db import AnySelect
from app.core.facts import known
from app.people.models import Membership, Person, Post, Stage

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is asked about: what was true on `as_at`, as far as had been recorded at the instant `known_at`."""

    as_at: date
    known_at: datetime

    @property
    def year_ago(self) -> date:
        """The day before the twelve months that end on `as_at`."""
        return month_end(add_months(self.as_at, -12)) if is_month_end(self.as_at) else add_months(self.as_at, -12)


def month_end(day: date) -> date:
    """The last day of the month of this day."""
    return add_months(day.replace(day=1), 1) - DAY


def month_before(day: date) -> date:
    """The last day of the month before. Of today: of the newest month that is over, for on its own last day a month is not."""
    return day.replace(day=1) - DAY


def is_month_end(day: date) -> bool:
    """Is it the last day of its month?"""
    return month_end(day) == day


def employed(organisation_id: int, moment: Moment) -> AnySelect:
    """Ids (`person_id`) of those with a primary post at the organisation on the day, each once; agency workers and students included."""
    return (
        select(Post.person_id)
        .join(Person, Person.id == Post.person_id)
        .where(Person.organisation_id == organisation_id, Post.is_primary, known(Post, moment.as_at, moment.known_at))
    )


def standing(organisation_id: int, moment: Moment) -> AnySelect:
    """Everybody of `employed` with `unit_id`, `stage` and `contract` as of the day; NULL where nothing is recorded."""
    on = (moment.as_at, moment.known_at)
    return (
        select(Post.person_id, Membership.unit_id, Stage.stage, Post.contract)
        .join(Person, Person.id == Post.person_id)
        .outerjoin(Membership, and_(Membership.person_id == Post.person_id, known(Membership, *on)))
        .outerjoin(Stage, and_(Stage.person_id == Post.person_id, known(Stage, *on)))
        .where(Person.organisation_id == organisation_id, Post.is_primary, known(Post, *on))
    )
