"""What supervision follows from, as it is recorded: terms, where somebody belongs, what was held, and when the clock stood still.

Statements to be narrowed to people; for one person, whom the first page asks about, all of it in one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Date,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    cast,
    exists,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from app.core.db import ONE, AnySelect, Key, UtcDateTime
from app.core.facts import known, recorded
from app.core.ready import Ready
from app.core.tx import Tx
from app.frameworks.models import SupervisionRule
from app.people.models import Absence, Membership, Person, Post, UnitClosure
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision, SupervisionPause, SupervisionTerm, Supervisor

AS_AT: Any = bindparam("as_at", type_=Date)
KNOWN_AT: Any = bindparam("known_at", type_=UtcDateTime)

# The rules of parts of the organisation, in the columns in which `queries` reads terms of people's own: those say nothing of these.
DEFAULTS = (
    select(
        cast(null(), Key).label("person_id"),
        cast(null(), String).label("subject"),
        SupervisionDefault.rule_id,
        SupervisionRule.code,
        SupervisionRule.title,
        SupervisionRule.definition,
        cast(null(), Date).label("anchor"),
        SupervisionDefault.valid_from,
        SupervisionDefault.valid_to,
        cast(null(), SupervisionRule.definition.type).label("agreed"),
        SupervisionDefault.unit_id,
    )
    .join(SupervisionRule, SupervisionRule.id == SupervisionDefault.rule_id)
    .where(known(SupervisionDefault, AS_AT, KNOWN_AT))
)
# Who belongs where: spans in teams below a part that has a rule, spans of employment, and the employer.
BELOW = (
    select(Membership.person_id, UnitClosure.ancestor_id.label("unit_id"), UnitClosure.depth, Membership.valid_from, Membership.valid_to)
    .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
    .where(recorded(Membership, KNOWN_AT))
)
POSTS = (
    select(Post.person_id, Person.organisation_id.label("unit_id"), cast(null(), Key).label("depth"), Post.valid_from, Post.valid_to)
    .join(Person, Person.id == Post.person_id)
    .where(recorded(Post, KNOWN_AT), Post.is_primary)
)

# Terms of people's own
TERMS = (
    select(
        SupervisionTerm.person_id,
        SupervisionTerm.subject,
        SupervisionTerm.rule_id,
        SupervisionRule.code,
        SupervisionRule.title,
        SupervisionRule.definition,
        SupervisionTerm.anchor,
        SupervisionTerm.valid_from,
        SupervisionTerm.valid_to,
        SupervisionTerm.agreed,
        cast(null(), Key).label("unit_id"),
    )
    .join(SupervisionRule, SupervisionRule.id == SupervisionTerm.rule_id)
    .where(recorded(SupervisionTerm, KNOWN_AT))
)


def _stop(table: Any) -> Select[Any]:
    """Spans in which the clock stands still, in the columns of `MEETINGS`; their kind is none."""
    nothing = (cast(null(), String), cast(null(), Key), cast(null(), Boolean), cast(null(), Boolean))
    return select(table.person_id, table.valid_from, table.valid_to, *nothing, table.id).where(recorded(table, KNOWN_AT))


STOPS = (_stop(SupervisionPause), _stop(Absence))
_REGISTERED = exists(select(ONE).where(Supervisor.supervision_id == Supervision.id, Supervisor.registered))
MEETINGS = select(
    Supervision.person_id,
    Supervision.held_on.label("valid_from"),
    Supervision.held_on.label("valid_to"),
    Supervision.kind,
    Supervision.minutes,
    _REGISTERED.label("registered"),
    or_(
        Supervision.recorded_by.is_(None),
        Supervision.recorded_by != Supervision.person_id,
        and_(Supervision.confirmed_at.is_not(None), Supervision.confirmed_at <= KNOWN_AT),
    ).label("confirmed"),
    Supervision.id,
).where(recorded(Supervision, KNOWN_AT), Supervision.held_on >= bindparam("since", type_=Date), Supervision.held_on <= AS_AT)


# Of one person -----------------------------------------------------------------------------------------------------

_PERSON: Any = bindparam("person", type_=Key)
_COLUMNS: dict[str, Any] = {
    "id": Key,
    "person_id": Key,
    "unit_id": Key,
    "depth": Integer,
    "subject": String,
    "rule_id": Key,
    "code": String,
    "title": String,
    "definition": SupervisionRule.definition.type,
    "anchor": Date,
    "agreed": SupervisionRule.definition.type,
    "valid_from": Date,
    "valid_to": Date,
    "kind": String,
    "minutes": Key,
    "registered": Boolean,
    "confirmed": Boolean,
}


def _part(what: str, found: Any) -> AnySelect:
    """One kind of row in the columns of all."""
    have = {column.key: column for column in found.selected_columns}
    columns = (have[name].label(name) if name in have else cast(null(), kind).label(name) for name, kind in _COLUMNS.items())
    part: AnySelect = found.with_only_columns(literal_column(f"'{what}'").label("what"), *columns, maintain_column_froms=True)
    return part


_OF_ONE = Ready(
    union_all(
        _part("term", TERMS.where(SupervisionTerm.person_id == _PERSON)),
        _part("rule", DEFAULTS),
        _part("place", BELOW.where(Membership.person_id == _PERSON)),
        _part("post", POSTS.where(Post.person_id == _PERSON)),
        _part("held", MEETINGS.where(Supervision.person_id == _PERSON)),
        *(_part("still", stop.where(stop.selected_columns[0] == _PERSON)) for stop in STOPS),
    )
)


@dataclass(frozen=True, slots=True)
class OfOne:
    """All that is known of one person's supervision."""

    terms: list[Row[Any]]  # their own, and the rules of parts of the organisation, which have no person
    places: list[Row[Any]]
    clock: list[Row[Any]]  # what was held, by its day, and spans in which the clock stood still, whose kind is none


def alone(whom: Collection[int] | Select[Any]) -> int | None:
    """The only person it is about, if it is one."""
    return None if isinstance(whom, Select) or len(whom) != 1 else next(iter(whom))


def of_one(tx: Tx, person_id: int, as_at: date, known_at: datetime) -> OfOne:
    """What somebody's supervision follows from on `as_at`, as far as was known at `known_at`."""
    rows: Sequence[Row[Any]] = tx.rows(_OF_ONE, person=person_id, as_at=as_at, known_at=known_at, since=date.min)
    terms = [row for row in rows if row.what in ("term", "rule")]
    places = [row for row in rows if row.what in ("place", "post")]
    clock = sorted((row for row in rows if row.what in ("held", "still")), key=lambda row: (row.valid_from, row.id))
    return OfOne(terms, places, clock)
