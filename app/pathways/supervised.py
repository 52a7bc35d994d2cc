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
from datetime import date
from typing import Any

from sqlalchemy import CTE, Date, Integer, Select, String, and_, case, func, literal, literal_column, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER
from app.core.expressions import days_after, days_between, months_after, months_between
from app.core.tx import Tx
from app.frameworks.models import SupervisionRule
from app.pathways.evidence import When, asked
from app.people.models import Absence, Membership, Person, Post, UnitClosure
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision, SupervisionPause, SupervisionTerm

_FURTHEST = 1_000_000  # the employer of somebody without a team stands above every part
_FOREVER: ColumnElement[date] = literal(FOREVER, Date())


def supervised(tx: Tx, pairs: CTE, when: When) -> Select[Any]:
    """The evidence for requirements of the kind "supervision", as app.pathways.evidence gives it of the others."""
    periods, counting = _rules(tx)
    need = asked(pairs, "supervision").cte("supervision_asked")
    person = select(need.c.person_id).distinct().cte("supervised")
    on = _periods_on(_ruled(person, when), periods, when)
    newest = (
        select(on.c.person_id, func.max(Supervision.held_on).label("held_on"))
        .join(counting, counting.c.rule_id == on.c.rule_id)
        .join(Supervision, and_(Supervision.person_id == on.c.person_id, Supervision.kind == counting.c.kind))
        .where(when.live(Supervision), Supervision.held_on <= when.day, Supervision.held_on >= on.c.lower)
        .group_by(on.c.person_id)
        .subquery("newest")
    )
    since = func.coalesce(newest.c.held_on, on.c.lower, type_=Date())
    ends = (
        select(on.c.person_id, since.label("since"), _end(on, newest.c.held_on).label("ends"))
        .select_from(on)
        .outerjoin(newest, newest.c.person_id == on.c.person_id)
        .cte("supervised_until")
    )
    lasts = days_after(ends.c.ends, _still(ends, when))
    return select(need.c.requirement_id, need.c.person_id, ends.c.since.label("met_on"), lasts.label("lasts")).join(
        ends, ends.c.person_id == need.c.person_id
    )


def _rules(tx: Tx) -> tuple[Any, Any]:
    """The rules as two small tables: their periods with from, to and how often, and the kinds that count."""
    periods: list[tuple[int, ...]] = [(0,) * 8]  # neither table may be empty
    counting = [(0, "")]
    for rule in tx.rows(select(SupervisionRule.id, SupervisionRule.definition).where(SupervisionRule.state != "draft")):
        for period in rule.definition["periods"]:
            edges = [int(period.get(f"{side}_{unit}") or 0) for side in ("from", "to") for unit in ("month", "day")]
            often = [int(period.get(f"every_{unit}") or 0) for unit in ("months", "days")]
            ends = any(period.get(f"to_{unit}") is not None for unit in ("month", "day"))
            periods.append((rule.id, *edges, int(ends), *often))
        counting += [(rule.id, kind) for kind in rule.definition["counts"]]
    numbers = ("from_months", "from_days", "to_months", "to_days", "ends", "every_months", "every_days")
    return _table("rule_periods", ("rule_id", *numbers), periods), _table("rule_kinds", ("rule_id", "kind"), counting)


def _table(name: str, columns: tuple[str, ...], rows: Iterable[tuple[int | str, ...]]) -> CTE:
    """A few rows as a table; they are part of the statement's text, which stays the same as long as the rules do."""
    said = [[literal(value, String) if isinstance(value, str) else literal_column(str(value), Integer) for value in row] for row in rows]
    return union_all(*(select(*(value.label(named) for value, named in zip(row, columns, strict=True))) for row in said)).cte(name)


def _ruled(person: CTE, when: When) -> Any:
    """(person_id, rule_id, begins) of whoever has a rule on the date."""

    def then(table: Any) -> ColumnElement[bool]:
        return and_(table.valid_from <= when.day, when.day < table.valid_to, when.live(table))

    own = (
        select(person.c.person_id, literal(-1).label("depth"), SupervisionTerm.rule_id, SupervisionTerm.anchor.label("begins"))
        .join(SupervisionTerm, SupervisionTerm.person_id == person.c.person_id)
        .where(then(SupervisionTerm))
    )
    first = (
        select(Post.person_id, func.min(Post.valid_from).label("first"))
        .where(Post.is_primary, when.live(Post), Post.valid_from <= when.day, Post.person_id.in_(select(person.c.person_id)))
        .group_by(Post.person_id)
        .subquery()
    )
    begins = case((first.c.first > SupervisionDefault.valid_from, first.c.first), else_=SupervisionDefault.valid_from)
    team = (
        select(person.c.person_id, UnitClosure.depth, SupervisionDefault.rule_id, begins)
        .join(first, first.c.person_id == person.c.person_id)
        .join(Membership, and_(Membership.person_id == person.c.person_id, then(Membership)))
        .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
        .join(SupervisionDefault, and_(SupervisionDefault.unit_id == UnitClosure.ancestor_id, then(SupervisionDefault)))
    )
    employer = (
        select(person.c.person_id, literal(_FURTHEST), SupervisionDefault.rule_id, begins)
        .join(first, first.c.person_id == person.c.person_id)
        .join(Person, Person.id == person.c.person_id)
        .join(SupervisionDefault, and_(SupervisionDefault.unit_id == Person.organisation_id, then(SupervisionDefault)))
    )
    all_ = union_all(own, team, employer).subquery()
    near = func.row_number().over(partition_by=all_.c.person_id, order_by=all_.c.depth).label("near")
    ranked = select(all_.c.person_id, all_.c.rule_id, all_.c.begins, near).subquery()
    return select(ranked).where(ranked.c.near == 1).subquery("ruled")


def _periods_on(ruled: Any, periods: Any, when: When) -> Any:
    """(person_id, rule_id, lower, every_months, every_days): the period of the rule that the date is in, from its first day."""

    def edge(side: str) -> ColumnElement[date]:
        return days_after(months_after(ruled.c.begins, periods.c[f"{side}_months"]), periods.c[f"{side}_days"])

    upper = case((periods.c.ends == 1, edge("to")), else_=_FOREVER)
    return (
        select(ruled.c.person_id, ruled.c.rule_id, edge("from").label("lower"), periods.c.every_months, periods.c.every_days)
        .join(periods, periods.c.rule_id == ruled.c.rule_id)
        .where(edge("from") <= when.day, when.day < upper)
        .cte("rule_on")
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
