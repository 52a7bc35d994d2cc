"""Programmes as lists for other systems: who is on what, how far, with which outcome. Never a word that somebody wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import Select, exists, func, select

from app.core.db import ONE
from app.core.errors import NotFound
from app.core.ledger import Audit
from app.core.listing import BIGGEST_ID, MOST, Closed, DayOut, Instant, InstantOut, Key, ListQuery, Truth, moment
from app.core.tx import Tx
from app.frameworks.models import ProgrammeStage, ProgrammeVersion
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can
from app.programmes.models import Cohort, Enrolment, Fed, Plan, PlanLine, StageRecord
from app.programmes.panel_models import Decision

Status = Literal["registered", "in_progress", "paused", "awaiting_panel", "completed", "withdrawn", "transferred"]
Outcome = Literal["pass", "fail"]


def _digits(value: Any) -> Any:
    """A query says numbers in digits only."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


Place = Annotated[int, Field(ge=0, le=BIGGEST_ID), BeforeValidator(_digits)]


class CohortsQuery(ListQuery):
    """Which cohorts."""

    programme: str | None = Field(None, min_length=1, max_length=60, pattern=r"^[\w.-]+$", description="Code of the programme: `ASYE-CF`.")
    open: Truth | None = Field(None, description="true: those that people still join; false: closed ones.")
    updated_since: Instant | None = Field(None, description="Created, renamed or closed at or after this instant.")


class CohortOut(BaseModel):
    """Those who begin one version of a programme together."""

    id: int
    title: str
    programme: str = Field(description="Code of the programme.")
    programme_version: str
    provisional: bool = Field(description="The version was published before its national text was settled.")
    unit_id: int | None = Field(description="The part of the organisation it is for; null: the council.")
    starts_on: DayOut
    closed_on: DayOut | None
    version: int


class CohortsOut(BaseModel):
    """One reply of the list."""

    items: list[CohortOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class EnrolmentsQuery(ListQuery):
    """Which enrolments. Several filters together must all hold."""

    cohort: Key | None = Field(None, description="Id of the cohort.")
    person: Key | None = Field(None, description="Id of the person.")
    status: Status | None = None
    outcome: Outcome | None = Field(None, description="Those with this confirmed outcome.")
    updated_since: Instant | None = Field(None, description="Something about them was recorded at or after this instant.")


class EnrolmentOut(BaseModel):
    """One person on one version of a programme. Everything but pass and fail is status."""

    id: int
    reference: str = Field(description="What signatures and exports call it.")
    person_id: int
    cohort_id: int
    programme: str
    programme_version: str
    starts_on: DayOut
    ends_on: DayOut = Field(description="Planned, by the plan in force.")
    plan_number: int = Field(description="The plan in force; every change of dates makes a new one.")
    fte: float
    status: Status
    outcome: Outcome | None
    decided_at: InstantOut | None = Field(description="When the outcome was confirmed.")
    grant_ok: bool
    moved_in: bool = Field(description="Begun on paper or in another system, and brought in.")
    version: int


class EnrolmentsOut(BaseModel):
    """One reply of the list."""

    items: list[EnrolmentOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class StageOut(BaseModel):
    """How far an enrolment is with one stage."""

    code: str
    title: str
    due_on: DayOut | None
    state: Literal["not started", "open", "complete", "not needed"]
    held_on: DayOut | None = Field(description="The day of its review.")
    completed_at: InstantOut | None
    on_paper: bool = Field(description="Completed and signed before it came into this system.")


class FlagOut(BaseModel):
    """Something that was checked when they were enrolled."""

    code: str
    ok: bool


class EnrolmentWhole(EnrolmentOut):
    """One enrolment with its stages and what was checked."""

    stages: list[StageOut]
    eligibility: list[FlagOut]
    grant: list[FlagOut]


class ChangesQuery(Closed):
    """Where to go on in the feed."""

    limit: Annotated[Key, Field(le=MOST)] = Field(100, description="Items in one reply.")
    since: Place = Field(0, description="`last` of the reply before; 0 or left out: from the beginning.")


class ChangeOut(BaseModel):
    """An enrolment that has changed, as it stands now."""

    sequence: int
    enrolment_id: int
    person_id: int
    reference: str
    status: Status
    outcome: Outcome | None
    changed_at: InstantOut = Field(description="When the change was found, a few minutes at most after it was made.")


class ChangesOut(BaseModel):
    """One reply of the feed."""

    items: list[ChangeOut]
    last: int = Field(description="Send this as `since` next time.")
    more: bool = Field(description="There is more already; ask again at once.")


# Statements --------------------------------------------------------------------------------------------------------

_COHORTS = select(
    Cohort.id,
    Cohort.title,
    ProgrammeVersion.programme_code.label("programme"),
    ProgrammeVersion.version.label("programme_version"),
    ProgrammeVersion.provisional,
    Cohort.unit_id,
    Cohort.starts_on,
    Cohort.closed_on,
    Cohort.version,
).join(ProgrammeVersion, ProgrammeVersion.id == Cohort.version_id)


def _cohorts(tx: Tx) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = _COHORTS
    mine = of_client(tx, Can.READ_ENROLMENT)
    if not mine:
        return found
    theirs = select(ONE).select_from(Enrolment).join(Person, Person.id == Enrolment.person_id)
    return found.where(exists(theirs.where(Enrolment.cohort_id == Cohort.id, *mine)))


def these_cohorts(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these cohorts that the client may have, each as the list gives it."""
    return [dict(row._mapping) for row in tx.rows(_cohorts(tx).where(Cohort.id.in_(keys)))]


def cohorts(tx: Tx, query: CohortsQuery) -> Select[*tuple[Any, ...]]:
    """The cohorts that a client asks for; for one limited to an organisation those with somebody of it."""
    found = _cohorts(tx)
    if query.programme is not None:
        found = found.where(ProgrammeVersion.programme_code == query.programme)
    if query.open is not None:
        found = found.where(Cohort.closed_on.is_(None) if query.open else Cohort.closed_on.is_not(None))
    since = moment(query.updated_since)
    if since is not None:
        its = (Audit.subject == "cohorts", Audit.subject_id == Cohort.id, Audit.action.startswith("cohort."), Audit.at >= since)
        found = found.where(exists(select(ONE).select_from(Audit).where(*its)))
    return found


_ENROLMENTS = (
    select(Enrolment.id, Enrolment.reference, Enrolment.person_id, Enrolment.cohort_id)
    .add_columns(ProgrammeVersion.programme_code.label("programme"), ProgrammeVersion.version.label("programme_version"))
    .add_columns(Enrolment.starts_on, Enrolment.ends_on, Enrolment.plan_number, Enrolment.fte, Enrolment.status, Enrolment.outcome)
    .add_columns(Decision.decided_at, Enrolment.grant_ok, Enrolment.moved_in, Enrolment.version)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .join(Person, Person.id == Enrolment.person_id)
    .outerjoin(Decision, Decision.id == Enrolment.decision_id)
)


def enrolments(tx: Tx, query: EnrolmentsQuery) -> Select[*tuple[Any, ...]]:
    """The enrolments that a client asks for."""
    found: Select[*tuple[Any, ...]] = _ENROLMENTS.where(*of_client(tx, Can.READ_ENROLMENT))
    for column, wanted in (
        (Enrolment.cohort_id, query.cohort),
        (Enrolment.person_id, query.person),
        (Enrolment.status, query.status),
        (Enrolment.outcome, query.outcome),
    ):
        if wanted is not None:
            found = found.where(column == wanted)
    since = moment(query.updated_since)
    if since is not None:
        its = (Audit.subject == "enrolments", Audit.subject_id == Enrolment.id, Audit.at >= since)
        found = found.where((Enrolment.created_at >= since) | exists(select(ONE).select_from(Audit).where(*its)))
    return found


def one(tx: Tx, enrolment_id: int) -> dict[str, Any]:
    """An enrolment with its stages and flags; NotFound for one that this client may not have."""
    found = these_enrolments(tx, [enrolment_id])
    if not found:
        raise NotFound("There is no enrolment with that reference, or it is not one of your people's.", code="enrolment-not-found")
    return found[0]


def these_enrolments(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these enrolments that the client may have, with their stages and flags: two statements however many there are."""
    whole = _ENROLMENTS.add_columns(Enrolment.eligible, Enrolment.grant_reasons)
    rows = tx.rows(whole.where(Enrolment.id.in_(keys), *of_client(tx, Can.READ_ENROLMENT)))
    stages: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in tx.rows(_stages([row.id for row in rows])) if rows else ():
        stage = dict(each._mapping)
        stages[stage.pop("enrolment_id")].append(stage)
    found = []
    for row in rows:
        item = dict(row._mapping)
        eligible, grant = item.pop("eligible"), item.pop("grant_reasons")
        found.append(plain(item) | {"stages": stages[row.id], "eligibility": _flags(eligible), "grant": _flags(grant)})
    return found


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """Numbers of exact width as JSON numbers."""
    return item | {"fte": float(item["fte"])}


def _flags(checked: Any) -> list[dict[str, Any]]:
    """Codes and truth only: the words beside them are for people."""
    return [{"code": str(each["code"]), "ok": bool(each["ok"])} for each in checked or ()]


def _stages(keys: Sequence[int]) -> Select[*tuple[Any, ...]]:
    return (
        select(Enrolment.id.label("enrolment_id"), ProgrammeStage.code, ProgrammeStage.title, PlanLine.due_on)
        .add_columns(func.coalesce(StageRecord.state, "not started").label("state"), StageRecord.held_on, StageRecord.completed_at)
        .add_columns(func.coalesce(StageRecord.on_paper, False).label("on_paper"))
        .join(ProgrammeStage, ProgrammeStage.version_id == Enrolment.version_id)
        .outerjoin(StageRecord, (StageRecord.stage_id == ProgrammeStage.id) & (StageRecord.enrolment_id == Enrolment.id))
        .outerjoin(Plan, (Plan.enrolment_id == Enrolment.id) & (Plan.number == Enrolment.plan_number))
        .outerjoin(PlanLine, (PlanLine.stage_id == ProgrammeStage.id) & (PlanLine.plan_id == Plan.id))
        .where(Enrolment.id.in_(keys))
        .order_by(Enrolment.id, ProgrammeStage.number)
    )


def changes(tx: Tx, query: ChangesQuery) -> dict[str, Any]:
    """What follows `since` in the feed, in its order."""
    rows = tx.rows(
        select(Fed.number.label("sequence"), Fed.enrolment_id, Enrolment.person_id, Enrolment.reference, Enrolment.status)
        .add_columns(Enrolment.outcome, Fed.changed_at)
        .join(Enrolment, Enrolment.id == Fed.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Fed.number > query.since, *of_client(tx, Can.READ_ENROLMENT))
        .order_by(Fed.number)
        .limit(query.limit + 1)
    )
    items = [dict(row._mapping) for row in rows[: query.limit]]
    return {"items": items, "last": items[-1]["sequence"] if items else query.since, "more": len(rows) > query.limit}
