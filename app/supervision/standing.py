"""Terms of those whose programme says nothing: they follow the rule of the part of the organisation they belong to.

The council's rule is data (`supervision_defaults`), a rule for a part of the tree in a period. The nearest part above somebody's team
counts; whoever has no team follows their organisation's. Nothing is stored a person: who joins, moves or leaves follows or no longer does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select, union_all

from app.core.db import ONE
from app.core.facts import current
from app.core.tx import Tx
from app.people.models import Membership, Post, UnitClosure
from app.supervision.action_models import SupervisionDefault
from app.supervision.due import Span, merged
from app.supervision.held import Term
from app.supervision.sources import BELOW, POSTS


def anywhere(today: Any) -> Select[Any]:
    """Has any part of the organisation a rule of its own on a day?"""
    return select(ONE).select_from(SupervisionDefault).where(current(SupervisionDefault, today))


def terms(
    tx: Tx,
    whom: Collection[int] | Select[Any],
    as_at: date,
    known_at: datetime,
    own: Mapping[int, Sequence[Span]],
    rules: Mapping[int, Row[Any]],
    places: Sequence[Row[Any]] | None = None,
) -> list[Term]:
    """The terms that people are in on `as_at` by the rule of where they belong; nobody's while a programme's rule stands.

    `own`: each person's spans under rules of their own. They begin anew when one of these ends, and when they come under another part's
    rule. `rules`: those of parts on the date, rows of DEFAULTS by their part. One statement, none where there is no rule or the caller
    knows the `places` already (rows of BELOW and POSTS).
    """
    if not rules:
        return []
    below: dict[int, list[Row[Any]]] = defaultdict(list)
    posts: dict[int, list[Row[Any]]] = defaultdict(list)
    if places is None:
        under = BELOW.where(UnitClosure.ancestor_id.in_(sorted(rules)), Membership.person_id.in_(whom))
        places = tx.rows(union_all(under, POSTS.where(Post.person_id.in_(whom))), known_at=known_at)
    for row in places:
        if row.depth is None:
            posts[row.person_id].append(row)
        elif row.unit_id in rules:
            below[row.person_id].append(row)
    found = []
    for person_id, held in posts.items():
        employed = _around(merged((row.valid_from, row.valid_to) for row in held), as_at)
        unit_id, since = _nearest(below[person_id], held[0].unit_id, as_at)
        rule = rules.get(unit_id)
        if employed is None or rule is None:
            continue
        begins, ends = max(employed[0], since, rule.valid_from), min(employed[1], rule.valid_to)
        mine = own.get(person_id, ())
        if any(first <= as_at < last for first, last in mine):
            continue
        begins = max([begins, *(last for _, last in mine if last <= as_at)])
        ends = min([ends, *(first for first, _ in mine if first > as_at)])
        found.append(Term(person_id, None, rule.rule_id, rule.code, rule.title, rule.definition, begins, begins, ends, {}))
    return found


def _around(spans: Iterable[Span], day: date) -> Span | None:
    return next((span for span in spans if span[0] <= day < span[1]), None)


def _nearest(rows: Sequence[Row[Any]], employer: int, as_at: date) -> tuple[int, date]:
    """The part whose rule counts on a day, and since when it has at the earliest. Between two teams the employer's counts."""
    nearest: dict[Span, Row[Any]] = {}
    for row in rows:
        span = (row.valid_from, row.valid_to)
        if span not in nearest or row.depth < nearest[span].depth:
            nearest[span] = row
    here = next((row.unit_id for row in nearest.values() if row.valid_from <= as_at < row.valid_to), employer)
    if here == employer:
        return here, max((row.valid_to for row in nearest.values() if row.unit_id != here and row.valid_to <= as_at), default=date.min)
    since = _around(merged(span for span, row in nearest.items() if row.unit_id == here), as_at)
    return here, since[0] if since else date.min
