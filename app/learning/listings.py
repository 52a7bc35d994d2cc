"""Courses and completions as lists for other systems."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, func, or_, select

from app import policy
from app.core.db import matches
from app.core.errors import NotFound
from app.core.listing import DayOut, Instant, InstantOut, Key, ListQuery, Truth, Words, moment
from app.core.text import query_words
from app.core.tx import Tx
from app.learning.models import Completion, Course, CourseStandard, Prerequisite, Provider, Series
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can

Kind = Literal[
    "essentials",
    "masterclass",
    "management development",
    "systemic practice",
    "restorative practice",
    "leadership",
    "safeguarding",
    "digital",
    "e-learning",
    "programme day",
]
Bucket = Literal["experience", "social", "formal"]


class CoursesQuery(ListQuery):
    """Which courses. Several filters together must all hold."""

    kind: Kind | None = None
    provider: Key | None = Field(None, description="Id of the provider.")
    series: Key | None = Field(None, description="Id of the masterclass series.")
    standard: Words | None = Field(None, description="Code of a standard that the course supports.")
    status: Literal["draft", "published", "withdrawn"] | None = Field(
        None, description="Drafts are shown to clients with the scope catalogue:write."
    )
    q: Words | None = Field(None, description="Words that begin words of the title, summary, outcomes, provider or kind.")
    updated_since: Instant | None = Field(None, description="Created or changed at or after this instant.")


class CourseOut(BaseModel):
    """A course of the catalogue."""

    id: int
    slug: str = Field(description="Its part of the address: /courses/{slug}.")
    title: str
    summary: str
    outcomes: list[str] = Field(description="What people will be able to do.")
    kind: Kind
    provider_id: int | None
    provider: str | None
    series_id: int | None
    series: str | None
    bucket: Bucket = Field(description="70/20/10: what it counts towards.")
    cpd_minutes: int
    audience: str
    audience_stages: list[str] = Field(description="Codes of career stages; empty: everyone.")
    requires: list[int] = Field(description="Ids of the courses to complete first.")
    standards: list[str] = Field(description="Codes of the standards it supports.")
    validity_months: int | None = Field(description="How long a completion counts; null: always.")
    refresher_id: int | None = Field(description="The course that renews it.")
    cost_pence: int = Field(description="For each place.")
    materials: str
    needs_approval: bool = Field(description="The rule that its new sessions start with.")
    completes: bool = Field(description="Attending all of a session completes it.")
    certificate: bool = Field(description="Completing it earns a certificate.")
    status: Literal["draft", "published", "withdrawn"]
    created_at: InstantOut
    updated_at: InstantOut
    version: int


class CoursesOut(BaseModel):
    """One reply of the list."""

    items: list[CourseOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def _courses(tx: Tx) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = (
        select(
            Course.id,
            Course.slug,
            Course.title,
            Course.summary,
            Course.outcomes,
            Course.kind,
            Course.provider_id,
            Provider.name.label("provider"),
            Course.series_id,
            Series.title.label("series"),
            Course.bucket,
            Course.cpd_minutes,
            Course.audience,
            Course.audience_stages,
            Course.validity_months,
            Course.refresher_id,
            Course.cost_pence,
            Course.materials,
            Course.needs_approval,
            Course.completes,
            Course.certificate,
            Course.status,
            Course.created_at,
            Course.updated_at,
            Course.version,
        )
        .select_from(Course)
        .outerjoin(Provider, Provider.id == Course.provider_id)
        .outerjoin(Series, Series.id == Course.series_id)
    )
    return found if policy.may(tx.actor, Can.WRITE_CATALOGUE) else found.where(Course.status != "draft")


def courses(tx: Tx, query: CoursesQuery) -> Select[*tuple[Any, ...]]:
    """The courses a client asks for."""
    found = _courses(tx)
    for column, wanted in (
        (Course.kind, query.kind),
        (Course.provider_id, query.provider),
        (Course.series_id, query.series),
        (Course.status, query.status),
    ):
        if wanted is not None:
            found = found.where(column == wanted)
    if query.standard is not None:
        found = found.where(Course.id.in_(select(CourseStandard.course_id).where(CourseStandard.standard == query.standard)))
    if query.q is not None:
        words = query_words(query.q)
        found = found.where(matches(tx.db, "courses", Course.__table__.c.id, words, "english") if words else Course.id < 0)
    if query.updated_since is not None:
        found = found.where(Course.updated_at >= moment(query.updated_since))
    return found


def course(tx: Tx, course_id: int) -> dict[str, Any]:
    """One of them, or NotFound; a draft exists only for those who write the catalogue."""
    row = tx.one(_courses(tx).where(Course.id == course_id))
    if row is None:
        raise NotFound("There is no course with that reference.", code="course-not-found")
    return complete(tx, [dict(row._mapping)])[0]


def these_courses(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these courses that the client may have, each as `course` gives it."""
    return complete(tx, [dict(row._mapping) for row in tx.rows(_courses(tx).where(Course.id.in_(keys)))])


def complete(tx: Tx, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same courses with their prerequisites and standards: two more statements however many there are."""
    keys = [row["id"] for row in found]
    requires, standards = defaultdict(list), defaultdict(list)
    asked = select(Prerequisite.course_id, Prerequisite.requires_id).where(Prerequisite.course_id.in_(keys))
    for row in tx.rows(asked.order_by(Prerequisite.requires_id)):
        requires[row.course_id].append(row.requires_id)
    supported = select(CourseStandard.course_id, CourseStandard.standard).where(CourseStandard.course_id.in_(keys))
    for row in tx.rows(supported.order_by(CourseStandard.standard)):
        standards[row.course_id].append(row.standard)
    for item in found:
        item["outcomes"] = [line for line in item["outcomes"].splitlines() if line]
        item["audience_stages"] = [code for code in item["audience_stages"].split(",") if code]
        item["requires"], item["standards"] = requires[item["id"]], standards[item["id"]]
    return found


# Completions -------------------------------------------------------------------------------------------------------


class CompletionsQuery(ListQuery):
    """Which completions. Several filters together must all hold."""

    person: Key | None = Field(None, description="Id of the person.")
    course: Key | None = Field(None, description="Id of the course.")
    in_date: Truth | None = Field(None, description="true: counts today; false: has expired.")
    updated_since: Instant | None = Field(
        None, description="Recorded or superseded at or after this instant: corrected ones are shown too."
    )


class CompletionOut(BaseModel):
    """Somebody completed a course."""

    id: int
    person_id: int
    course_id: int
    completed_on: DayOut
    expires_on: DayOut | None = Field(description="The last day it counts; null: it does not expire.")
    source: Literal["attendance", "e-learning", "prior learning", "import"]
    session_id: int | None
    by_course_id: int | None = Field(description="The refresher that renewed it; null: they completed the course itself.")
    recorded_at: InstantOut
    superseded_at: InstantOut | None = Field(description="Since when it is known to be wrong; shown with updated_since only.")


class CompletionsOut(BaseModel):
    """One reply of the list."""

    items: list[CompletionOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def _completions(tx: Tx) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = select(
        Completion.id,
        Completion.person_id,
        Completion.course_id,
        Completion.completed_on,
        Completion.expires_on,
        Completion.source,
        Completion.session_id,
        Completion.by_course_id,
        Completion.recorded_at,
        Completion.superseded_at,
    )
    reach = of_client(tx, Can.READ_COMPLETIONS)
    if reach:
        found = found.join(Person, Person.id == Completion.person_id).where(*reach)
    return found


def these_completions(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these completions that count and that the client may have, each as the list gives it."""
    found = _completions(tx).where(Completion.id.in_(keys), Completion.superseded_at.is_(None))
    return [dict(row._mapping) for row in tx.rows(found)]


def gone_completions(tx: Tx, keys: Sequence[int]) -> list[int]:
    """Which of these, of people within the client's reach, have turned out wrong: the list shows them no more."""
    if not keys:
        return []
    found = _completions(tx).where(Completion.id.in_(keys), Completion.superseded_at.is_not(None))
    return [row.id for row in tx.rows(found)]


def completions(tx: Tx, query: CompletionsQuery) -> Select[*tuple[Any, ...]]:
    """The completions a client asks for, of people within its reach."""
    found = _completions(tx)
    if query.person is not None:
        found = found.where(Completion.person_id == query.person)
    if query.course is not None:
        found = found.where(Completion.course_id == query.course)
    if query.in_date is not None:
        lasts = func.coalesce(Completion.expires_on, tx.today) >= tx.today
        found = found.where(lasts if query.in_date else ~lasts)
    since = moment(query.updated_since)
    if since is None:
        return found.where(Completion.superseded_at.is_(None))
    return found.where(or_(Completion.recorded_at >= since, Completion.superseded_at >= since))
