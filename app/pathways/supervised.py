"""Is somebody's supervision up to date? Everybody at once, from the rules that app.supervision goes through window by window.

The whole comparison of what was held with what was due is app.supervision.held's. Here it is asked of a hundred thousand people on one
date, so it is defined by the newest meeting alone (docs/pathways.md):

- The rule is the one of their own programme on the date, counted from its day 0; else that of the nearest part of the organisation above
  them, counted from its first day or from the start of their first post, whichever is later. Without a rule nothing can be said: no row.
- The rule's period on the date is cut into windows from its first day on. A meeting of a kind that counts lasts until the last day of the
  window after the one it was held in. Before the first meeting of a period, everything is in order until the last day of its first window.
- Each day of absence or of a pause since then, up to the date, moves the end by a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import CTE, Date, Integer, Row, Select, and_, case, func, literal, literal_column, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER, AnySelect
from app.core.expressions import days_after, days_between, months_after, months_between
from app.frameworks.models import SupervisionRule
from app.pathways.evidence import When, asked, worked_out
from app.people.models import Absence, Membership, Person, Post, UnitClosure
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision, SupervisionPause, SupervisionTerm

_FURTHEST = 1_000_000  # the employer of somebody without a team stands above every part
_FOREVER: ColumnElement[date] = literal(FOREVER, Date())


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of supervision, as far as the statement says them: the periods with from, to and how often; the rules by what counts."""

    periods: tuple[tuple[int, ...], ...]
    counting: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...]


def supervised(rules: Rules, pairs: CTE, when: When) -> Select[Any]:
    """The evidence for requirements of the kind "supervision", as app.pathways.evidence gives it of the others.

    What is looked up of a person stands in subqueries of their own row: each is a step into an index, however many people there are and
    whatever the planner takes their number for.
    """
    periods = _table("rule_periods", ("rule_id", *_NUMBERS), rules.periods)
    on = _periods_on(_ruled(pairs, when), periods, when)
    held = (
        select(func.max(Supervision.held_on))
        .where(Supervision.person_id == on.c.person_id, Supervision.held_on >= on.c.lower, Supervision.held_on <= when.day)
        .where(when.live(Supervision), or_(*(and_(on.c.rule_id.in_(ids), Supervision.kind.in_(kinds)) for kinds, ids in rules.counting)))
        .scalar_subquery()
    )
    # Worked out first, or PostgreSQL looks for the meeting again wherever its date is named below.
    newest = worked_out("newest", select(on, held.label("held_on")))
    since = func.coalesce(newest.c.held_on, newest.c.lower, type_=Date())
    ended = _end(newest, newest.c.held_on).label("ends")
    ends = worked_out("ends", select(newest.c.requirement_id, newest.c.person_id, since.label("since"), ended))
    lasts = days_after(ends.c.ends, _still(ends, when))
    return select(ends.c.requirement_id, ends.c.person_id, ends.c.since.label("met_on"), lasts.label("lasts"))


_NUMBERS = ("from_months", "from_days", "to_months", "to_days", "ends", "every_months", "every_days")
PUBLISHED: AnySelect = select(SupervisionRule.id, SupervisionRule.definition).where(SupervisionRule.state != "draft")


def rules_of(published: Iterable[Row[Any]]) -> Rules:
    """The rules that there are: rows of PUBLISHED."""
    periods: list[tuple[int, ...]] = [(0,) * 8]  # it may not be empty
    counting: dict[tuple[str, ...], list[int]] = {(): [0]}
    for rule in sorted(published, key=lambda row: row.id):
        for period in rule.definition["periods"]:
            edges = [int(period.get(f"{side}_{unit}") or 0) for side in ("from", "to") for unit in ("month", "day")]
            often = [int(period.get(f"every_{unit}") or 0) for unit in ("months", "days")]
            ends = any(period.get(f"to_{unit}") is not None for unit in ("month", "day"))
            periods.append((rule.id, *edges, int(ends), *often))
        counting.setdefault(tuple(sorted(rule.definition["counts"])), []).append(rule.id)
    return Rules(tuple(periods), tuple((kinds, tuple(ids)) for kinds, ids in counting.items()))


def _table(name: str, columns: tuple[str, ...], rows: Iterable[tuple[int, ...]]) -> CTE:
    """A few rows as a table; they are part of the statement's text, which stays the same as long as the rules do."""
    said = [[literal_column(str(value), Integer).label(named) for value, named in zip(row, columns, strict=True)] for row in rows]
    return union_all(*(select(*row) for row in said)).cte(name)


def _ruled(pairs: CTE, when: When) -> Any:
    """(requirement_id, person_id, rule_id, begins) of whoever has a rule on the date."""

    def then(table: Any) -> ColumnElement[bool]:
        return and_(table.valid_from <= when.day, when.day < table.valid_to, when.live(table))

    person = asked(pairs, "supervision").cte("supervised")
    own = (
        select(person, literal(-1).label("depth"), SupervisionTerm.rule_id, SupervisionTerm.anchor.label("begins"))
        .join(SupervisionTerm, SupervisionTerm.person_id == person.c.person_id)
        .where(then(SupervisionTerm))
    )
    posts = (Post.is_primary, when.live(Post), Post.valid_from <= when.day, Post.person_id == person.c.person_id)
    first = select(func.min(Post.valid_from)).where(*posts).scalar_subquery()
    begun = select(person, first.label("first")).cte("begun")
    begins = case((begun.c.first > SupervisionDefault.valid_from, begun.c.first), else_=SupervisionDefault.valid_from)
    team = (
        select(begun.c.requirement_id, begun.c.person_id, UnitClosure.depth, SupervisionDefault.rule_id, begins)
        .join(Membership, and_(Membership.person_id == begun.c.person_id, then(Membership)))
        .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
        .join(SupervisionDefault, and_(SupervisionDefault.unit_id == UnitClosure.ancestor_id, then(SupervisionDefault)))
        .where(begun.c.first.is_not(None))
    )
    employer = (
        select(begun.c.requirement_id, begun.c.person_id, literal(_FURTHEST), SupervisionDefault.rule_id, begins)
        .join(Person, Person.id == begun.c.person_id)
        .join(SupervisionDefault, and_(SupervisionDefault.unit_id == Person.organisation_id, then(SupervisionDefault)))
        .where(begun.c.first.is_not(None))
    )
    all_ = union_all(own, team, employer).subquery()
    near = func.row_number().over(partition_by=(all_.c.requirement_id, all_.c.person_id), order_by=all_.c.depth).label("near")
    ranked = select(all_.c.requirement_id, all_.c.person_id, all_.c.rule_id, all_.c.begins, near).subquery()
    return select(ranked).where(ranked.c.near == 1).subquery("ruled")


def _periods_on(ruled: Any, periods: Any, when: When) -> Any:
    """(requirement_id, person_id, rule_id, lower, every_months, every_days): the rule's period on the date, from its first day."""

    def edge(side: str) -> ColumnElement[date]:
        return days_after(months_after(ruled.c.begins, periods.c[f"{side}_months"]), periods.c[f"{side}_days"])

    upper = case((periods.c.ends == 1, edge("to")), else_=_FOREVER)
    return (
        select(
            ruled.c.requirement_id,
            ruled.c.person_id,
            ruled.c.rule_id,
            edge("from").label("lower"),
            periods.c.every_months,
            periods.c.every_days,
        )
        .join(periods, periods.c.rule_id == ruled.c.rule_id)
        .where(edge("from") <= when.day, when.day < upper)
        .subquery()
    )


def _end(on: Any, held_on: Any) -> ColumnElement[date]:
    """The last day of the window after the one of a meeting; without a meeting, of the first one."""
    whole = months_between(on.c.lower, held_on)
    months = whole - case((months_after(on.c.lower, whole) > held_on, 1), else_=0)
    return case(
        (and_(held_on.is_(None), on.c.every_months > 0), days_after(months_after(on.c.lower, on.c.every_months), -1)),
        (held_on.is_(None), days_after(on.c.lower, on.c.every_days - 1)),
        (
            on.c.every_months > 0,
            days_after(months_after(on.c.lower, (months // func.nullif(on.c.every_months, 0, type_=Integer) + 2) * on.c.every_months), -1),
        ),
        else_=days_after(
            on.c.lower,
            (days_between(on.c.lower, held_on) // func.nullif(on.c.every_days, 0, type_=Integer) + 2) * on.c.every_days - 1,
        ),
    )


def _still(ends: Any, when: When) -> ColumnElement[int]:
    """Days after `since`, up to the date, on which they were absent or their supervision was paused; a day of both is one day."""
    until = days_after(when.day, 1)

    def later(one: Any, other: Any) -> ColumnElement[Any]:
        return case((one > other, one), else_=other)

    def days(starts: Any, ends_: Any, where: Any) -> ColumnElement[int]:
        return func.coalesce(select(func.sum(days_between(starts, ends_))).where(where, starts < ends_).scalar_subquery(), 0)

    def within(table: Any) -> tuple[Any, Any]:
        return later(table.valid_from, days_after(ends.c.since, 1)), case((table.valid_to < until, table.valid_to), else_=until)

    spans = {table: within(table) for table in (Absence, SupervisionPause)}
    each = [days(*span, and_(table.person_id == ends.c.person_id, when.live(table))) for table, span in spans.items()]
    (starts, stops), (other_starts, other_stops) = spans.values()
    both = days(
        later(starts, other_starts),
        case((stops < other_stops, stops), else_=other_stops),
        and_(
            Absence.person_id == ends.c.person_id,
            SupervisionPause.person_id == ends.c.person_id,
            when.live(Absence),
            when.live(SupervisionPause),
        ),
    )
    return sum(each[1:], each[0]) - both
