"""Training records as HR keeps them: completions, programme outcomes and progressions, and whether HR has taken each of them over.

One number for all kinds: a completion's is twice its id, an outcome's twice the enrolment's id and one more, a progression's its id
above all of these. So they have one order and one cursor. What HR confirms is a *mark*, the dates and the outcome it was told in one
short text: a record that changed since has another, and waits again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Row, Select, String, and_, case, cast, false, func, literal, null, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.calendar import london
from app.core.db import UtcDateTime
from app.core.errors import NotFound
from app.core.listing import BIGGEST_ID, DayOut, Instant, InstantOut, Key, ListQuery, after, cursor, moment
from app.core.tx import Tx
from app.frameworks.models import Programme, ProgrammeVersion
from app.hr.change_models import TrainingConfirmation as Said
from app.learning.models import Completion, Course, Provider
from app.pathways.models import Progression
from app.people.listings import of_client
from app.people.models import CareerStage, Person
from app.policy import Can
from app.programmes.models import Enrolment
from app.programmes.panel_models import Decision

State = Literal["waiting", "confirmed", "refused", "changed"]
STATES: dict[str, str] = {
    "changed": "Changed since HR took them over",
    "refused": "Refused by HR",
    "waiting": "Waiting for HR",
    "confirmed": "In HR’s system",
}
ORDER: tuple[State, ...] = ("changed", "refused", "waiting", "confirmed")  # what needs somebody comes first; in STATES, too
KINDS = ("completion", "programme", "progression")
ABOVE = 2**51  # the number of a progression is its id and this
MARK_FORMS = {
    "completion": re.compile(r"\d{4}-\d{2}-\d{2} (\d{4}-\d{2}-\d{2}|-)( withdrawn)?", re.ASCII),
    "programme": re.compile(r"(pass|fail) \d{1,19}", re.ASCII),
    "progression": re.compile(r"\d{4}-\d{2}-\d{2} [A-Z0-9-]{1,40} (promotion|sideways|regrade)( withdrawn)?", re.ASCII),
}
"""What any mark of this kind looks like, today's or one of before."""


class RecordsQuery(ListQuery):
    """Which training records. Several filters together must all hold."""

    person: Key | None = Field(None, description="Id of the person.")
    kind: Literal["completion", "programme", "progression"] | None = None
    state: State | None = Field(None, description="What HR has said of it; `waiting`: nothing yet; `changed`: it has changed since.")
    updated_since: Instant | None = Field(None, description="Recorded, corrected or decided at or after this instant.")


class RecordOut(BaseModel):
    """A completion, the outcome of a programme, or a progression to another career stage, as HR keeps it."""

    id: int
    kind: Literal["completion", "programme", "progression"]
    person_id: int
    employee_number: str | None
    code: str = Field(description="The course's part of its address, or the code of the programme or of the career stage.")
    title: str
    provider: str | None
    completed_on: DayOut
    expires_on: DayOut | None = Field(description="The last day it counts; null: it does not expire.")
    outcome: Literal["completed", "pass", "fail", "promotion", "sideways", "regrade", "withdrawn"] = Field(
        description="withdrawn: it turned out wrong after HR had taken it over: take it out there, and confirm that."
    )
    minutes: int | None = Field(description="Of learning; null: not counted.")
    withdrawn: bool = Field(description="The outcome is withdrawn.")
    recorded_at: InstantOut
    mark: str = Field(description="Stands for what is said here. Send it back with the confirmation.")
    state: State
    reason: str | None = Field(description="Why HR refused it.")
    reference: str | None = Field(description="HR's own, as it was sent.")
    said_at: InstantOut | None = Field(description="When HR confirmed or refused it.")


class RecordsOut(BaseModel):
    """One reply of the list."""

    items: list[RecordOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class ReportOut(BaseModel):
    """How many training records there are, by what HR has said of them."""

    waiting: int
    changed: int
    refused: int
    confirmed: int
    total: int


# Statements --------------------------------------------------------------------------------------------------------

_COMPLETION_MARK: ColumnElement[str] = (
    cast(Completion.completed_on, String)
    + " "
    + func.coalesce(cast(Completion.expires_on, String), "-")
    + case((Completion.superseded_at.is_(None), ""), else_=" withdrawn")
)
_PROGRAMME_MARK: ColumnElement[Any] = func.coalesce(Enrolment.outcome, "") + " " + cast(Enrolment.decision_id, String)
_PROGRESSION_MARK: ColumnElement[str] = (
    cast(Progression.on_date, String)
    + " "
    + Progression.to_stage
    + " "
    + Progression.kind
    + case((Progression.superseded_at.is_(None), ""), else_=" withdrawn")
)
_MARKS: dict[Any, ColumnElement[str]] = {Completion: _COMPLETION_MARK, Enrolment: _PROGRAMME_MARK, Progression: _PROGRESSION_MARK}
Table = type[Completion] | type[Enrolment] | type[Progression]
_TITLE = func.coalesce(ProgrammeVersion.title, Programme.title)


def mark_of(table: Table) -> ColumnElement[str]:
    """The mark of a row of this table, as SQL."""
    return _MARKS[table]


def _state(mark: ColumnElement[str]) -> ColumnElement[str]:
    return case((Said.id.is_(None), "waiting"), (Said.fingerprint != mark, "changed"), else_=Said.state)


def _answer(kind: str, key: Any) -> ColumnElement[bool]:
    return and_(Said.kind == kind, Said.record_id == key, Said.superseded_at.is_(None))


def _completions() -> Select[*tuple[Any, ...]]:
    """Those that stand, and of those that do not only what HR has taken over."""
    stands = or_(Completion.superseded_at.is_(None), Said.state == "confirmed")
    found: Select[*tuple[Any, ...]] = (
        select(
            (Completion.id * 2).label("id"),
            literal("completion").label("kind"),
            Completion.person_id,
            Person.employee_number,
            Person.name,
            Course.slug.label("code"),
            Course.title,
            Provider.name.label("provider"),
            Completion.completed_on.label("completed_on"),
            Completion.expires_on.label("expires_on"),
            case((Completion.superseded_at.is_(None), "completed"), else_="withdrawn").label("outcome"),
            Course.cpd_minutes.label("minutes"),
            Completion.superseded_at.is_not(None).label("withdrawn"),
            func.coalesce(Completion.superseded_at, Completion.recorded_at, type_=UtcDateTime()).label("recorded_at"),
            _COMPLETION_MARK.label("mark"),
            _state(_COMPLETION_MARK).label("state"),
            *_SAID,
        )
        .join(Person, Person.id == Completion.person_id)
        .join(Course, Course.id == Completion.course_id)
        .outerjoin(Provider, Provider.id == Course.provider_id)
        .outerjoin(Said, _answer("completion", Completion.id))
        .where(stands)
    )
    return found


def _programmes() -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = (
        select(
            (Enrolment.id * 2 + 1).label("id"),
            literal("programme").label("kind"),
            Enrolment.person_id,
            Person.employee_number,
            Person.name,
            ProgrammeVersion.programme_code.label("code"),
            _TITLE.label("title"),
            cast(null(), String).label("provider"),
            cast(null(), Completion.completed_on.type).label("completed_on"),  # the day in London of `recorded_at`
            cast(null(), Completion.expires_on.type).label("expires_on"),
            Enrolment.outcome.label("outcome"),
            cast(null(), Course.cpd_minutes.type).label("minutes"),
            false().label("withdrawn"),
            Decision.decided_at.label("recorded_at"),
            _PROGRAMME_MARK.label("mark"),
            _state(_PROGRAMME_MARK).label("state"),
            *_SAID,
        )
        .join(Decision, Decision.id == Enrolment.decision_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .join(Programme, Programme.code == ProgrammeVersion.programme_code)
        .join(Person, Person.id == Enrolment.person_id)
        .outerjoin(Said, _answer("programme", Enrolment.id))
        .where(Enrolment.outcome.is_not(None))
    )
    return found


def _progressions() -> Select[*tuple[Any, ...]]:
    """Those that stand, and of those that do not only what HR has taken over."""
    found: Select[*tuple[Any, ...]] = (
        select(
            (cast(Progression.id, BigInteger) + ABOVE).label("id"),
            literal("progression").label("kind"),
            Progression.person_id,
            Person.employee_number,
            Person.name,
            Progression.to_stage.label("code"),
            CareerStage.title,
            cast(null(), String).label("provider"),
            Progression.on_date.label("completed_on"),
            cast(null(), Completion.expires_on.type).label("expires_on"),
            case((Progression.superseded_at.is_(None), Progression.kind), else_="withdrawn").label("outcome"),
            cast(null(), Course.cpd_minutes.type).label("minutes"),
            Progression.superseded_at.is_not(None).label("withdrawn"),
            func.coalesce(Progression.superseded_at, Progression.recorded_at, type_=UtcDateTime()).label("recorded_at"),
            _PROGRESSION_MARK.label("mark"),
            _state(_PROGRESSION_MARK).label("state"),
            *_SAID,
        )
        .join(Person, Person.id == Progression.person_id)
        .join(CareerStage, CareerStage.code == Progression.to_stage)
        .outerjoin(Said, _answer("progression", Progression.id))
        .where(or_(Progression.superseded_at.is_(None), Said.state == "confirmed"))
    )
    return found


_SAID = (Said.reason, Said.reference, Said.at.label("said_at"))


def reach(tx: Tx, can: Can = Can.READ_TRAINING_RECORDS) -> list[ColumnElement[bool]]:
    """Whose records the actor may have: a client by employer, a person by their part of the organisation."""
    if tx.actor.kind == "client":
        return of_client(tx, can)
    return [policy.within_reach(tx, can, Person.id)]


def _parts(tx: Tx, query: RecordsQuery, start: int, can: Can) -> list[Select[*tuple[Any, ...]]]:
    """For each kind that is asked for, what follows number `start`, by its own index."""
    whose, since, parts = reach(tx, can), moment(query.updated_since), []
    kinds: tuple[tuple[Table, Any, int, tuple[Any, ...]], ...] = (
        (Completion, _completions, start // 2, (Completion.recorded_at, Completion.superseded_at)),
        (Enrolment, _programmes, (start - 1) // 2, (Decision.decided_at,)),
        (Progression, _progressions, start - ABOVE, (Progression.recorded_at, Progression.superseded_at)),
    )
    for kind, (table, made, begins, changed) in zip(KINDS, kinds, strict=True):
        if query.kind not in (None, kind):
            continue
        wanted = [table.id > begins, *whose]
        if query.person is not None:
            wanted.append(table.person_id == query.person)
        if query.state is not None:
            wanted.append(_state(mark_of(table)) == query.state)
        if since is not None:
            wanted.append(or_(*(instant >= since for instant in changed)))
        parts.append(made().where(*wanted).order_by(table.id))
    return parts


def slice_after(tx: Tx, query: RecordsQuery, start: int, most: int, can: Can = Can.READ_TRAINING_RECORDS) -> list[Row[Any]]:
    """At most so many records after number `start`, in the order of their numbers."""
    parts = [select(part.limit(most).subquery()) for part in _parts(tx, query, start, can)]
    both = union_all(*parts).subquery()
    return list(tx.rows(select(both).order_by(both.c.id).limit(most)))


def listed(tx: Tx, query: RecordsQuery) -> tuple[list[dict[str, Any]], str | None]:
    """One reply of the API's list, and the cursor of the next."""
    rows = slice_after(tx, query, after("training-records", query), query.limit + 1)
    items = [told(row) for row in rows[: query.limit]]
    return items, cursor("training-records", query, items[-1]["id"]) if len(rows) > query.limit else None


def by_number(tx: Tx, numbers: Collection[int]) -> dict[int, dict[str, Any]]:
    """These records by number, as far as they exist and the actor may have them; one statement for each kind."""
    found: dict[int, dict[str, Any]] = {}
    ids = keys_of(numbers)
    whole = ((Completion, _completions), (Enrolment, _programmes), (Progression, _progressions))
    for keys, statement, column in ((ids[table], made, table.id) for table, made in whole):
        if keys:
            for row in tx.rows(statement().where(column.in_(keys), *reach(tx))):
                found[row.id] = told(row)
    return found


def these(tx: Tx, numbers: Collection[int]) -> list[dict[str, Any]]:
    """These records as the list shows them."""
    return list(by_number(tx, numbers).values())


def gone(tx: Tx, numbers: Collection[int]) -> list[int]:
    """Which of these, of people within the client's reach, were withdrawn before HR had taken them over: the list shows them no more."""
    ids, missing = keys_of(numbers), []
    for table in (Completion, Progression):
        if ids[table]:
            found = select(_number(table)).join(Person, Person.id == table.person_id)
            over = found.where(table.id.in_(ids[table]), table.superseded_at.is_not(None), *reach(tx))
            missing += [int(row.number) for row in tx.rows(over)]
    return missing


def keys_of(numbers: Collection[int]) -> dict[Table, list[int]]:
    """The rows behind these numbers, by their table."""
    found: dict[Table, list[int]] = {Completion: [], Enrolment: [], Progression: []}
    for number in numbers:
        if number > ABOVE:
            found[Progression].append(number - ABOVE)
        else:
            found[Enrolment if number % 2 else Completion].append(number // 2)
    return found


def _number(table: Table) -> ColumnElement[int]:
    number = cast(table.id, BigInteger)
    return (number + ABOVE if table is Progression else number * 2 + (table is Enrolment) * 1).label("number")


def marks(table: Table, keys: Collection[int], whose: list[ColumnElement[bool]]) -> Select[int, int, int, str]:
    """Number, id, person and present mark of those of these rows that are training records of somebody in reach."""
    found = {Completion: _completions, Enrolment: _programmes, Progression: _progressions}[table]()
    columns = (_number(table), table.id, table.person_id, mark_of(table).label("mark"))
    return found.with_only_columns(*columns, maintain_column_froms=True).where(table.id.in_(keys), *whose)


def one(tx: Tx, number: int) -> dict[str, Any]:
    """One record, or NotFound."""
    found = by_number(tx, [number]) if number < BIGGEST_ID else {}
    if number not in found:
        raise NotFound("There is no training record with that reference, or it is not one of your people's.", code="record-not-found")
    return found[number]


def told(row: Row[Any]) -> dict[str, Any]:
    """A record as the API says it."""
    item = {key: value for key, value in row._mapping.items() if key != "name"}
    return item | {"completed_on": day_of(row), "withdrawn": bool(row.withdrawn)}


def day_of(row: Row[Any]) -> date:
    """When it was completed; an outcome on the day in London on which it was decided."""
    return row.completed_on or london(row.recorded_at).date()


def report(tx: Tx, can: Can = Can.READ_TRAINING_RECORDS) -> dict[str, int]:
    """How many records there are in each state, and in all: one statement."""
    everything = RecordsQuery(limit=1)
    parts = [part.order_by(None).with_only_columns(part.selected_columns.state) for part in _parts(tx, everything, 0, can)]
    both = union_all(*parts).subquery()
    counts = {row.state: row.number for row in tx.rows(select(both.c.state, func.count().label("number")).group_by(both.c.state))}
    return {state: counts.get(state, 0) for state in STATES} | {"total": sum(counts.values())}
