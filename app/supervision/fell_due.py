"""What fell due lately, of everybody: how many turns of supervision were over, and in how many of them one was held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, union_all

from app.core.db import FOREVER
from app.core.tx import Tx
from app.supervision.due import Span, Window, merged
from app.supervision.held import Meeting, Term, compare, windows_of
from app.supervision.queries import AT_ONCE, terms_of
from app.supervision.sources import MEETINGS, STOPS


def fell_due(tx: Tx, whom: Select[Any], since: date, as_at: date, known_at: datetime) -> list[tuple[int, int, int]]:
    """(person, turns with supervision that counts, turns) of those whose last day came after `since` and by the end of `as_at`.

    By the rule that each follows on `as_at`, as `queries.held_against_due` has it, which goes through everything since the rule began:
    this looks at these turns only. Whoever had none is left out.
    """
    ids = sorted(row[0] for row in tx.rows(whom))
    found = []
    drawn: dict[Any, list[Window]] = {}
    for start in range(0, len(ids), AT_ONCE):
        terms = terms_of(tx, ids[start : start + AT_ONCE], as_at, known_at)
        stops = _stops(tx, terms, known_at)
        mine = [(term, stops[term.person_id], _turns(drawn, term, stops[term.person_id], since, as_at)) for term, _ in terms]
        mine = [each for each in mine if each[2]]
        meetings = _meetings(tx, mine, as_at, known_at)
        for term, still, turns in mine:
            held = compare(term, still, meetings[term.person_id], as_at, turns).turns
            found.append((term.person_id, sum(bool(turn.held_on) for turn in held), len(held)))
    return found


def _stops(tx: Tx, terms: Sequence[tuple[Term, list[Span]]], known_at: datetime) -> dict[int, list[Span]]:
    """When each one's clock stood still, in order and apart: pauses, absences, and the holes of their own term."""
    people = [term.person_id for term, _ in terms]
    found: dict[int, list[Span]] = defaultdict(list)
    for term, holes in terms:
        found[term.person_id] += holes
    if people:
        for row in _rows(tx, STOPS, people, known_at=known_at):
            found[row.person_id].append((row.valid_from, row.valid_to))
    return defaultdict(list, {key: merged(spans) for key, spans in found.items()})


def _turns(drawn: dict[Any, list[Window]], term: Term, still: list[Span], since: date, as_at: date) -> list[Window]:
    """The windows that are asked about. Who shares rule, days and stops shares them."""
    same = (term.rule_id, term.anchor, term.valid_from, term.valid_to, tuple(still))
    if same not in drawn:
        drawn[same] = [each for each in windows_of(term, still, as_at) if each.ends < FOREVER and since < each.due_on <= as_at]
    return drawn[same]


def _meetings(tx: Tx, mine: Sequence[tuple[Term, list[Span], list[Window]]], as_at: date, known_at: datetime) -> dict[int, list[Meeting]]:
    found: dict[int, list[Meeting]] = defaultdict(list)
    if mine:
        first = min(turns[0].starts for _, _, turns in mine)
        for row in _rows(tx, (MEETINGS,), [term.person_id for term, _, _ in mine], since=first, as_at=as_at, known_at=known_at):
            one = Meeting(row.person_id, row.valid_from, row.kind, row.minutes, bool(row.registered), bool(row.confirmed))
            found[row.person_id].append(one)
    return found


def _rows(tx: Tx, parts: tuple[Any, ...], people: Sequence[int], **given: Any) -> Sequence[Row[Any]]:
    asked = [part.where(part.selected_columns[0].in_(people)) for part in parts]
    return tx.rows(union_all(*asked) if len(asked) > 1 else asked[0], **given)
