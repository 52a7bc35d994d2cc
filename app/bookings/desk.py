"""What the coordinator's desk asks: how full the sessions to come are, and how much of what waits for somebody's decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, literal_column, or_, select

from app import policy
from app.bookings import approvals, demand, registers
from app.bookings.models import Part, PartTrainer, Session
from app.bookings.policy_models import Consequence
from app.bookings.queries import held, waiting
from app.core.calendar import london_day
from app.core.tx import Tx
from app.learning.models import Course, PriorLearning
from app.people.models import Person
from app.policy import Can

SOON = timedelta(days=30)  # sessions further off can still fill by themselves, and find somebody to deliver them
_ASKED: Any = literal_column("prior_learning.state = 'asked'")
_APPEALED: Any = literal_column("consequences.state = 'appealed'")


def fill(tx: Tx) -> Select[*tuple[Any, ...]]:
    """Every session that is not over, with how many places are taken and how many people wait."""
    columns = (Session.id, Session.reference, Session.course_id, Session.starts_at, Session.ends_at, Session.place, Session.online)
    more = (Session.capacity, Session.min_numbers, Session.decide_by, Session.runs_at, Session.status, Course.title)
    statement = select(*columns, *more, held().label("held"), waiting().label("waiting")).join(Course, Course.id == Session.course_id)
    return statement.where(Session.ends_at > tx.now)


def live(tx: Tx, found: Any) -> Any:
    """Published and still to start; `found` is `fill` as a subquery, here and below."""
    return and_(found.c.status == "published", found.c.starts_at > tx.now)


def short(tx: Tx, found: Any) -> Any:
    """Below its minimum, and nobody has decided yet that it goes ahead all the same."""
    return and_(live(tx, found), found.c.held < found.c.min_numbers, found.c.runs_at.is_(None))


def thin(tx: Tx, found: Any) -> Any:
    """Short, and in the next 30 days."""
    return and_(short(tx, found), found.c.starts_at < tx.now + SOON)


def overdue(tx: Tx, found: Any) -> Any:
    """Short, and the day to decide whether it goes ahead is past."""
    return and_(short(tx, found), found.c.decide_by < tx.now)


def give(tx: Tx, found: Any) -> Any:
    """A place is free while people wait: there was too little time to offer it, or it is kept for a group that they are not in."""
    return and_(live(tx, found), found.c.held < found.c.capacity, found.c.waiting > 0)


def low(tx: Tx, found: Any) -> Any:
    """Less than half full."""
    return and_(live(tx, found), found.c.held * 2 < found.c.capacity)


def untaught(tx: Tx, found: Any) -> Any:
    """In the next 30 days, and nobody delivers it who will still work here on the day."""
    here = or_(Person.leaving_on.is_(None), func.date(Part.starts_at) <= Person.leaving_on)
    taught = (
        select(Part.session_id)
        .join(PartTrainer, PartTrainer.part_id == Part.id)
        .join(Person, Person.id == PartTrainer.person_id)
        .where(Part.session_id == found.c.id, here)
    )
    return and_(live(tx, found), found.c.starts_at < tx.now + SOON, ~taught.correlate(found).exists())


def month(given: str) -> tuple[date, date]:
    """The first day of a month ("2026-12") and of the next."""
    year, number = int(given[:4]), int(given[5:])
    return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that waits: how many, in words, and where to see to it."""

    count: int
    one: str
    many: str
    link: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.count:,} {self.one if self.count == 1 else self.many}"


@dataclass(frozen=True, slots=True)
class Glance:
    """The desk at a glance: `needs` what waits for a decision, `figures` the numbers of this month and of what is to come."""

    needs: list[Line]
    figures: Row[Any]


def _number(statement: Any) -> Any:
    return select(func.count()).select_from(statement.subquery()).scalar_subquery()


FURTHER: list[Callable[[Tx], Line]] = []
"""What rooms above add to what waits for a decision: each a function that counts."""


def glance(tx: Tx) -> Glance:
    """Every number of the desk, in one statement beside the council's figures."""
    found = fill(tx).subquery()
    first = tx.today.replace(day=1)
    month_ends = london_day(month(f"{first:%Y-%m}")[1])[0]
    this_month = and_(live(tx, found), found.c.starts_at < month_ends)
    asked = select(PriorLearning.id).where(_ASKED, policy.within_reach(tx, Can.DECIDE_PRIOR, PriorLearning.person_id))
    appealed = select(Consequence.id).where(_APPEALED, policy.within_reach(tx, Can.DECIDE_APPEALS, Consequence.person_id))
    lists = demand.lists(tx)

    def count(condition: Any) -> Any:
        return func.count(case((condition, 1)))

    row = tx.one(
        select(
            count(this_month).label("month"),
            count(and_(this_month, found.c.held >= found.c.capacity)).label("month_full"),
            count(and_(this_month, low(tx, found))).label("month_low"),
            count(live(tx, found)).label("published"),
            count(found.c.status == "draft").label("drafts"),
            count(and_(live(tx, found), found.c.waiting > 0)).label("waiting"),
            func.coalesce(func.sum(case((live(tx, found), found.c.waiting))), 0).label("people_waiting"),
            count(thin(tx, found)).label("thin"),
            count(overdue(tx, found)).label("overdue"),
            count(give(tx, found)).label("give"),
            count(untaught(tx, found)).label("untaught"),
            _number(approvals.stuck_requests(tx)).label("stuck"),
            _number(registers.NOT_TAKEN).label("registers"),
            _number(asked).label("prior"),
            _number(appealed).label("appeals"),
            select(func.count()).select_from(lists).scalar_subquery().label("demand"),
            select(func.coalesce(func.sum(lists.c.people), 0)).select_from(lists).scalar_subquery().label("people_asking"),
        ).select_from(found),
        now=tx.now,
        ended=tx.now,
        today=tx.today,
    )
    assert row is not None
    further = [line(tx) for line in FURTHER]
    return Glance([line for line in [*_lines(row), *further] if line.count], row)


def _lines(row: Row[Any]) -> list[Line]:
    asking = f"{row.people_asking:,} {'person asks' if row.people_asking == 1 else 'people ask'}"
    return [
        Line(row.overdue, "session is past the day to decide", "sessions are past the day to decide", "/manage?status=overdue"),
        Line(
            row.give,
            "session has a free place while people wait",
            "sessions have free places while people wait",
            "/manage?status=give",
            "Too little time to offer them, or kept for a group",
        ),
        Line(row.stuck, "request for approval is stuck", "requests for approval are stuck", "/manage/approvals"),
        Line(row.registers, "register is not finished", "registers are not finished", "/manage/registers"),
        Line(row.appeals, "appeal is open", "appeals are open", "/manage/charges"),
        Line(row.prior, "request to count learning from elsewhere", "requests to count learning from elsewhere", "/prior-learning"),
        Line(
            row.untaught,
            "session in the next 30 days has no trainer",
            "sessions in the next 30 days have no trainer",
            "/manage?status=untaught",
            "None named, or they have left",
        ),
        Line(
            row.demand,
            "course people ask for has no place to book",
            "courses people ask for have no place to book",
            "/manage/demand",
            asking,
        ),
    ]


def undecided(tx: Tx, most: int = 6) -> Sequence[Row[Any]]:
    """Sessions of the next 30 days with too few people, the soonest decision first."""
    found = fill(tx).subquery()
    ordered = select(found).where(thin(tx, found)).order_by(func.coalesce(found.c.decide_by, found.c.starts_at), found.c.id)
    return tx.rows(ordered.limit(most))
