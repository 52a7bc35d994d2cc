"""What was held, promised and counted, for one person or many at once: a fixed number of statements however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Date, Float, Row, Select, String, and_, bindparam, cast, exists, null, or_, select, type_coerce, union_all
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import ONE, Key
from app.core.facts import current, recorded
from app.core.tx import Tx
from app.people.models import Duty, Person, Responsibility
from app.people.models import Post as PostRow
from app.supervision import standing
from app.supervision.due import Span, Window, merged
from app.supervision.held import (
    COUNTS,
    Count,
    Held,
    Meeting,
    Post,
    PromisedActual,
    Protected,
    Term,
    Workload,
    compare,
    promised_minutes,
    windows_of,
)
from app.supervision.models import Caseload, ProtectedTime, Supervision, SupervisionTerm, Supervisor
from app.supervision.sources import AS_AT, DEFAULTS, KNOWN_AT, MEETINGS, STOPS, TERMS, OfOne, alone, of_one

Whom = Collection[int] | Select[Any]  # people by id, or a select of their ids
AT_ONCE = 2000  # people in one statement, so that it does not grow with the council


# Terms -------------------------------------------------------------------------------------------------------------


def _joined(rows: Iterable[Row[Any]]) -> list[tuple[Term, list[Span]]]:
    """Rows of one rule, day 0 and subject as one term, with the holes between them, in which it did not apply."""
    pieces: dict[Any, list[Row[Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.person_id, row.valid_from)):
        pieces[row.person_id, row.subject, row.rule_id, row.anchor].append(row)
    found = []
    for piece in pieces.values():
        first, last = piece[0], piece[-1]
        holes = [(one.valid_to, other.valid_from) for one, other in pairwise(piece)]
        same = (first.person_id, first.subject, first.rule_id, first.code, first.title, first.definition, first.anchor)
        term = Term(*same, first.valid_from, last.valid_to, last.agreed or {})
        found.append((term, [hole for hole in holes if hole[0] < hole[1]]))
    return found


def terms_of(
    tx: Tx, whom: Whom, as_at: date, known_at: datetime, *, ended: bool = False, one: OfOne | None = None
) -> list[tuple[Term, list[Span]]]:
    """The term that each person is in on `as_at`, by a rule of their own or else by that of where they belong; with `ended` also the latest
    one that is over, for those who are in none. `one`: what is known of them already, if `whom` is one person."""
    latest: dict[int, tuple[Term, list[Span]]] = {}
    over: dict[int, tuple[Term, list[Span]]] = {}
    own: dict[int, list[Span]] = defaultdict(list)
    if one is not None:
        rows: Sequence[Row[Any]] = one.terms
    else:
        rows = tx.rows(TERMS.where(SupervisionTerm.person_id.in_(whom)).union_all(DEFAULTS), known_at=known_at, as_at=as_at)
    rules = {row.unit_id: row for row in rows if row.person_id is None}
    for term, holes in _joined(row for row in rows if row.person_id is not None):
        edges = [term.valid_from, *(edge for hole in holes for edge in hole), term.valid_to]
        spans = list(zip(edges[::2], edges[1::2], strict=True))
        own[term.person_id] += spans
        kept = latest if any(first <= as_at < last for first, last in spans) else over
        if (kept is latest or term.valid_to <= as_at) and (term.person_id not in kept or kept[term.person_id][0].valid_to < term.valid_to):
            kept[term.person_id] = (term, holes)
    others = whom if isinstance(whom, Select) else [key for key in whom if key not in latest]
    if not isinstance(others, list) or others:
        theirs = standing.terms(tx, others, as_at, known_at, own, rules, one.places if one else None)
        latest |= {term.person_id: (term, []) for term in theirs}
    if ended:
        latest = over | latest
    return list(latest.values())


def terms_for(tx: Tx, subjects: Collection[str], as_at: date, known_at: datetime) -> list[tuple[Term, list[Span]]]:
    """The terms of these subjects that have begun by `as_at`, current or over; the latest of each subject."""
    found = _joined(tx.rows(TERMS.where(SupervisionTerm.subject.in_(subjects)), known_at=known_at))
    latest = {term.subject: (term, holes) for term, holes in sorted(found, key=lambda each: each[0].valid_to) if term.valid_from <= as_at}
    return list(latest.values())


# Supervision -------------------------------------------------------------------------------------------------------


def _clock(people: Collection[int]) -> Any:
    """What was held, and when the clock stood still."""
    parts: tuple[Any, ...] = (MEETINGS, *STOPS)
    return union_all(*(part.where(part.selected_columns[0].in_(people)) for part in parts)).order_by("person_id", "valid_from", "id")


def _compared(tx: Tx, found: list[tuple[Term, list[Span]]], as_at: date, known_at: datetime) -> list[tuple[Held, list[Span]]]:
    """Each term compared with what was held, and when its clock stood still: one statement for each piece."""
    return [each for start in range(0, len(found), AT_ONCE) for each in _compare(tx, found[start : start + AT_ONCE], as_at, known_at)]


def _compare(
    tx: Tx, found: list[tuple[Term, list[Span]]], as_at: date, known_at: datetime, one: OfOne | None = None
) -> list[tuple[Held, list[Span]]]:
    people = sorted({term.person_id for term, _ in found})
    since = min(term.valid_from for term, _ in found)
    stops: dict[int, list[Span]] = defaultdict(list)
    meetings: dict[int, list[Meeting]] = defaultdict(list)
    for row in one.clock if one else tx.rows(_clock(people), since=since, as_at=as_at, known_at=known_at):
        if row.kind is None:
            stops[row.person_id].append((row.valid_from, row.valid_to))
        elif row.valid_from >= since:
            held = Meeting(row.person_id, row.valid_from, row.kind, row.minutes, bool(row.registered), bool(row.confirmed))
            meetings[row.person_id].append(held)
    answer, drawn = [], dict[Any, list[Window]]()
    for term, holes in found:
        still = merged([*stops[term.person_id], *holes])
        same = (term.rule_id, term.anchor, term.valid_from, term.valid_to, tuple(still))
        if same not in drawn:
            drawn[same] = windows_of(term, still, as_at)
        answer.append((compare(term, still, meetings[term.person_id], as_at, drawn[same]), still))
    return answer


def held_against_due(
    tx: Tx, whom: Whom, as_at: date | None = None, known_at: datetime | None = None, *, ended: bool = False
) -> dict[int, Held]:
    """By person: what was held against what was due, for everybody of `whom` who is in a term on `as_at` (today where it is left out).

    Three statements up to AT_ONCE of them, and one for one. Whoever calls has narrowed `whom` to those the reader may see.
    """
    as_at, known_at = as_at or tx.today, known_at or tx.now
    if (person_id := alone(whom)) is not None:
        one = of_one(tx, person_id, as_at, known_at)
        found = terms_of(tx, whom, as_at, known_at, ended=ended, one=one)
        return {held.term.person_id: held for held, _ in (_compare(tx, found, as_at, known_at, one) if found else ())}
    found = terms_of(tx, whom, as_at, known_at, ended=ended)
    return {held.term.person_id: held for held, _ in _compared(tx, found, as_at, known_at)}


def in_pieces(tx: Tx, whom: Select[Any], as_at: date | None = None) -> Iterator[dict[int, Held]]:
    """The same for very many, a piece at a time: whoever only counts need not hold all of them."""
    ids = sorted(row[0] for row in tx.rows(whom))
    for start in range(0, len(ids), AT_ONCE):
        yield held_against_due(tx, ids[start : start + AT_ONCE], as_at)


# Promised against actual -------------------------------------------------------------------------------------------

_POSTS = select(
    PostRow.person_id, PostRow.valid_from, PostRow.valid_to, type_coerce(PostRow.fte, Float).label("fte"), PostRow.working_days
).where(recorded(PostRow, KNOWN_AT), PostRow.is_primary)
_TIME = select(
    ProtectedTime.person_id,
    ProtectedTime.on_date,
    ProtectedTime.minutes,
    cast(null(), Key).label("children"),
    cast(null(), Key).label("percent"),
    cast(null(), String).label("source"),
).where(recorded(ProtectedTime, KNOWN_AT), ProtectedTime.on_date >= bindparam("since", type_=Date), ProtectedTime.on_date <= AS_AT)
_COUNTS = select(Caseload.person_id, Caseload.on_date, cast(null(), Key), Caseload.children, Caseload.percent, Caseload.source).where(
    recorded(Caseload, KNOWN_AT), Caseload.on_date >= bindparam("since", type_=Date), Caseload.on_date <= AS_AT
)


def promised_actual(
    tx: Tx, whom: Whom, as_at: date | None = None, known_at: datetime | None = None, *, ended: bool = False
) -> dict[int, PromisedActual]:
    """By person: supervision, protected time and workload of the term they are in, promised against actual. Six statements
    up to AT_ONCE of them.

    Protected time and caseloads are for the person, those above them, their assessor and the coordinator (`Can.READ_WORKLOAD`): whoever
    calls has narrowed `whom` to them.
    """
    as_at, known_at = as_at or tx.today, known_at or tx.now
    found = _both(tx, terms_of(tx, whom, as_at, known_at, ended=ended), as_at, known_at)
    return {each.held.term.person_id: each for each in found}


def promised_actual_for(
    tx: Tx, subjects: Collection[str], as_at: date | None = None, known_at: datetime | None = None
) -> dict[str, PromisedActual]:
    """By subject ("enrolment:12"): the same for the terms of these subjects that have begun, current or over."""
    as_at, known_at = as_at or tx.today, known_at or tx.now
    found = _both(tx, terms_for(tx, subjects, as_at, known_at), as_at, known_at)
    return {str(each.held.term.subject): each for each in found}


def _both(tx: Tx, found: list[tuple[Term, list[Span]]], as_at: date, known_at: datetime) -> list[PromisedActual]:
    compared = _compared(tx, found, as_at, known_at)
    if not compared:
        return []
    people = sorted({term.person_id for term, _ in found})
    since = min(term.valid_from for term, _ in found)
    posts: dict[int, list[Post]] = defaultdict(list)
    promised = sorted(term.person_id for term, _ in found if term.agreed.get("protected_time_percent") is not None)
    for row in tx.rows(_POSTS.where(PostRow.person_id.in_(promised)), known_at=known_at) if promised else ():
        posts[row.person_id].append(Post(row.valid_from, row.valid_to, row.fte, row.working_days))
    logged: dict[int, list[tuple[date, int]]] = defaultdict(list)
    counts: dict[int, list[Count]] = defaultdict(list)
    both: Any = union_all(_TIME.where(ProtectedTime.person_id.in_(people)), _COUNTS.where(Caseload.person_id.in_(people)))
    for row in tx.rows(both.order_by("person_id", "on_date"), since=since, as_at=as_at, known_at=known_at):
        if row.children is None:
            logged[row.person_id].append((row.on_date, row.minutes))
        else:
            counts[row.person_id].append(Count(row.on_date, row.children, row.percent, row.source))
    answer = []
    for held, stops in compared:
        term = held.term
        minutes = sum(spent for day, spent in logged[term.person_id] if term.valid_from <= day < term.valid_to)
        protected = Protected(
            term.agreed.get("protected_time_percent"), promised_minutes(term, posts[term.person_id], stops, as_at), minutes
        )
        mine = tuple(count for count in counts[term.person_id] if term.valid_from <= count.on_date < term.valid_to)
        answer.append(PromisedActual(held, protected, Workload(term.agreed.get("workload_percent"), mine)))
    return answer


# Lists -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One supervision as pages show it, with the names of those who supervised."""

    id: int
    person_id: int
    name: str
    held_on: date
    kind: str
    minutes: int
    place: str | None
    source: str
    confirmed: bool
    supervisors: tuple[tuple[int, str, bool], ...]  # id, name, whether they were registered


_LINES = (
    select(
        Supervision.id,
        Supervision.person_id,
        Person.name,
        Supervision.held_on,
        Supervision.kind,
        Supervision.minutes,
        Supervision.place,
        Supervision.source,
        Supervision.recorded_by,
        Supervision.confirmed_at,
    )
    .join(Person, Person.id == Supervision.person_id)
    .where(Supervision.superseded_at.is_(None))
    .order_by(Supervision.held_on.desc(), Supervision.id.desc())
)


def lines(tx: Tx, *where: Any, most: int = 60) -> list[Line]:
    """Live supervisions, newest first, with who supervised: two statements."""
    rows = tx.rows(_LINES.where(*where).limit(most))
    if not rows:
        return []
    by: dict[int, list[tuple[int, str, bool]]] = defaultdict(list)
    named = (
        select(Supervisor.supervision_id, Supervisor.person_id, Person.name, Supervisor.registered)
        .join(Person, Person.id == Supervisor.person_id)
        .where(Supervisor.supervision_id.in_([row.id for row in rows]))
        .order_by(Person.sort_name)
    )
    for one in tx.rows(named):
        by[one.supervision_id].append((one.person_id, one.name, bool(one.registered)))
    return [
        Line(
            *(row.id, row.person_id, row.name, row.held_on, row.kind, row.minutes, row.place, row.source),
            row.recorded_by is None or row.recorded_by != row.person_id or row.confirmed_at is not None,
            tuple(by[row.id]),
        )
        for row in rows
    ]


_LATELY = (
    select(Supervisor.person_id)
    .where(Supervisor.supervised_id == bindparam("person"), Supervisor.live)
    .order_by(Supervisor.held_on.desc())
    .limit(12)
)
_ANSWERS = select(Responsibility.holder_id).where(
    Responsibility.person_id == bindparam("person"),
    Responsibility.kind.in_((Duty.MANAGER.value, Duty.ASSESSOR.value)),
    current(Responsibility, bindparam("today", type_=Date)),
)
# Who may have supervised :person on :today: who manages and assesses them, and who supervised them lately.
LIKELY = (
    select(Person.id, Person.name)
    .where(or_(Person.id.in_(_ANSWERS), Person.id.in_(select(_LATELY.subquery().c.person_id))))
    .order_by(Person.sort_name, Person.id)
    .limit(8)
)

# For the first page ------------------------------------------------------------------------------------------------

_ME: Any = bindparam("me", type_=Key)
_TODAY: Any = bindparam("today", type_=Date)
_THEIRS = select(Responsibility.person_id).where(
    Responsibility.holder_id == _ME,
    Responsibility.kind.in_((Duty.MANAGER.value, Duty.ASSESSOR.value)),
    Responsibility.person_id.is_not(None),
    current(Responsibility, _TODAY),
)
TO_CONFIRM = (  # of the supervision that :me gave
    Supervisor.person_id == _ME,
    Supervisor.live,
    Supervision.recorded_by == Supervision.person_id,
    Supervision.confirmed_at.is_(None),
    Supervision.superseded_at.is_(None),
)


def followed(today: Any) -> ColumnElement[bool]:
    """Whoever (`Person.id`) follows a rule on a day, a programme's or that of where they belong; may be true of a few who left."""
    return or_(exists(standing.anywhere(today)), _own(Person.id, today))


def _own(person: ColumnElement[int], today: Any) -> ColumnElement[bool]:
    return exists(select(ONE).where(SupervisionTerm.person_id == person, current(SupervisionTerm, today)))


# The reader and those they manage or assess, as far as supervision may be overdue: on the first page whoever follows a part's rule and was
# supervised since `:lately` is not looked at any closer. Such a rule has windows of four weeks or more, so that nothing can be overdue.
LATELY = timedelta(days=27)
_us = union_all(select(cast(_ME, Key).label("id")), _THEIRS).subquery("us")  # somebody both managed and assessed stands in it twice
_lately = exists(
    select(ONE).where(
        Supervision.person_id == _us.c.id,
        Supervision.superseded_at.is_(None),
        Supervision.kind.in_(COUNTS),
        Supervision.held_on >= bindparam("lately", type_=Date),
    )
)
FOLLOWED = select(_us.c.id).where(or_(_own(_us.c.id, _TODAY), and_(exists(standing.anywhere(_TODAY)), ~_lately)))


def overdue(tx: Tx, people: Collection[int]) -> tuple[date | None, int]:
    """Since when the reader's own supervision is overdue, and of how many of these others it is. Few statements, none for nobody."""
    late = {key: held.overdue_since for key, held in held_against_due(tx, people).items() if held.overdue_since} if people else {}
    own = late.pop(tx.actor.person_id or 0, None)
    return own, len(late)


UNCONFIRMED = and_(
    Supervision.superseded_at.is_(None), Supervision.recorded_by == Supervision.person_id, Supervision.confirmed_at.is_(None)
)


def by_me(tx: Tx) -> ColumnElement[bool]:
    """Supervision that the actor gave: whoever supervised may see and confirm it, wherever they stand today."""
    return exists(select(ONE).where(Supervisor.supervision_id == Supervision.id, Supervisor.person_id == tx.actor.person_id))
