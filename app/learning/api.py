"""REST: the catalogue and completions, by the same operations as the pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from app.apidoor import Reply, api, if_match
from app.core.listing import HAS_WORD, NO_NUL, BodyKey, Closed, Day, Key, Whole, keyset
from app.core.tx import Tx
from app.core.web import BULK
from app.learning import listings, operations, results, shared
from app.learning.listings import Bucket, CompletionOut, CompletionsOut, CompletionsQuery, CourseOut, CoursesOut, CoursesQuery, Kind
from app.learning.models import Completion, Course
from app.learning.shared import RecordsOut, RecordsQuery

router = APIRouter(prefix="/api/v1")

Title = Annotated[str, Field(min_length=3, max_length=150, pattern=HAS_WORD)]
Code = Annotated[str, Field(min_length=1, max_length=40, pattern=NO_NUL)]


class CoursePatch(Closed):
    """What to change; what is left out stays. Send null to empty what may be empty."""

    title: Title = Field(default_factory=str)
    kind: Kind = Field(default_factory=lambda: "masterclass")
    summary: str = Field(default_factory=str, max_length=1000, pattern=NO_NUL)
    outcomes: list[Annotated[str, Field(max_length=500, pattern=NO_NUL)]] = Field(
        default_factory=list, max_length=20, description="What people will be able to do."
    )
    provider_id: BodyKey | None = None
    series_id: BodyKey | None = None
    bucket: Bucket = Field(default_factory=lambda: "formal", description="70/20/10: what it counts towards.")
    cpd_minutes: Whole = Field(default_factory=int, ge=0, le=60_000)
    audience: str = Field(default_factory=str, max_length=500, pattern=NO_NUL, description="Who it is for, in words.")
    audience_stages: list[Code] = Field(default_factory=list, max_length=20, description="Codes of career stages; empty: everyone.")
    requires: list[BodyKey] = Field(default_factory=list, max_length=20, description="Ids of the courses to complete first.")
    standards: list[Code] = Field(default_factory=list, max_length=5, description="Codes of the standards it supports.")
    validity_months: Whole | None = Field(None, ge=1, le=240, description="How long a completion counts; null: always.")
    refresher_id: BodyKey | None = Field(None, description="The course that renews it.")
    cost_pence: Whole = Field(default_factory=int, ge=0, le=10_000_000, description="For each place.")
    materials: str = Field(default_factory=str, max_length=3000, pattern=NO_NUL)
    needs_approval: bool = Field(default_factory=bool, strict=True, description="The rule that its new sessions start with.")
    completes: bool = Field(default_factory=bool, strict=True, description="Attending all of a session completes it; true if left out.")
    certificate: bool = Field(default_factory=bool, strict=True, description="Completing it earns a certificate; true if left out.")


class NewCourse(CoursePatch):
    """A new course: a draft until it is published."""

    title: Title
    kind: Kind


def _values(new: CoursePatch) -> dict[str, Any]:
    values = new.model_dump(exclude_unset=True)
    if "outcomes" in values:
        values["outcomes"] = "\n".join(" ".join(line.split()) for line in values["outcomes"])
    return values


@router.get("/courses", response_model=CoursesOut, summary="List courses", operation_id="list_courses", tags=["Catalogue"])
@api("catalogue:read")
def courses(tx: Tx, query: Annotated[CoursesQuery, Query()]) -> dict[str, Any]:
    """Courses in the order of their ids, withdrawn ones too."""
    items, following = keyset(tx, "courses", query, listings.courses(tx, query), Course.id)
    return {"items": listings.complete(tx, items), "next": following}


@router.get("/courses/{course_id}", response_model=CourseOut, summary="Read a course", operation_id="get_course", tags=["Catalogue"])
@api("catalogue:read")
def course(tx: Tx, course_id: Key) -> dict[str, Any]:
    """One course. The ETag is what `PATCH` asks for in `If-Match`."""
    return listings.course(tx, course_id)


@router.post(
    "/courses", status_code=201, response_model=CourseOut, summary="Add a course", operation_id="create_course", tags=["Catalogue"]
)
@api("catalogue:write", writes=True, status=201)
def create(tx: Tx, new: NewCourse) -> Reply:
    """A new course, as a draft."""
    course_id = operations.create_course(tx, **_values(new))
    return Reply(listings.course(tx, course_id), 201, location=f"/api/v1/courses/{course_id}")


@router.patch("/courses/{course_id}", response_model=CourseOut, summary="Change a course", operation_id="change_course", tags=["Catalogue"])
@api("catalogue:write", writes=True)
def change(tx: Tx, course_id: Key, new: CoursePatch, request: Request) -> dict[str, Any]:
    """Change a course. Send the ETag you read as `If-Match`."""
    version = listings.course(tx, course_id)["version"]
    if_match(request, version)
    operations.change_course(tx, course_id, version, **_values(new))
    return listings.course(tx, course_id)


@router.post(
    "/courses/{course_id}/publish", response_model=CourseOut, summary="Publish a course", operation_id="publish_course", tags=["Catalogue"]
)
@api("catalogue:write", writes=True)
def publish(tx: Tx, course_id: Key) -> dict[str, Any]:
    """Show it in the catalogue. It needs a summary and outcomes."""
    listings.course(tx, course_id)
    operations.publish_course(tx, course_id)
    return listings.course(tx, course_id)


@router.get(
    "/completions", response_model=CompletionsOut, summary="List completions", operation_id="list_completions", tags=["Completions"]
)
@api("completions:read")
def completions(tx: Tx, query: Annotated[CompletionsQuery, Query()]) -> dict[str, Any]:
    """Who completed what and until when it counts, in the order in which it was recorded."""
    items, following = keyset(tx, "completions", query, listings.completions(tx, query), Completion.id)
    return {"items": items, "next": following}


@router.get(
    "/learning-records",
    response_model=RecordsOut,
    summary="List learning records",
    operation_id="list_learning_records",
    tags=["Learning records"],
)
@api("learning-records:read")
def learning_records(tx: Tx, query: Annotated[RecordsQuery, Query()]) -> dict[str, Any]:
    """What people share of their learning with other systems: what, when and how long, never what they wrote about it. A record is
    private until its owner shares it, and goes from here when they stop."""
    items, following = keyset(tx, "learning-records", query, shared.records(tx, query), shared.KEY)
    return {"items": shared.complete(tx, items), "next": following}


class NewCompletion(Closed):
    """Somebody has completed a course as e-learning."""

    person_id: BodyKey
    course_id: BodyKey
    completed_on: Day = Field(description="A day in London, today or in the past.")
    minutes: Whole | None = Field(None, ge=0, le=60_000, description="How long they spent; null: what the course counts as.")


@router.post(
    "/completions",
    status_code=201,
    response_model=CompletionOut,
    summary="Report a result of e-learning",
    operation_id="create_completion",
    tags=["Completions"],
    responses={200: {"model": CompletionOut, "description": "It was reported before; nothing has changed."}},
)
@api("completions:write", writes=True, status=201)
def report(tx: Tx, new: NewCompletion) -> Reply:
    """A completion with its last day and a learning record; where the course is a refresher, what it renews is renewed. The same person,
    course and day reported again is answered with the completion that is there (200)."""
    row, fresh = results.record_result(tx, new.person_id, new.course_id, new.completed_on, new.minutes)
    body = {name: getattr(row, name) for name in CompletionOut.model_fields}
    if not fresh:
        return Reply(body, 200)
    return Reply(body, 201, location=f"/api/v1/completions?person={row.person_id}&course={row.course_id}")


class ManyCompletions(Closed):
    """Results of e-learning, up to 1,000 at once."""

    items: list[NewCompletion] = Field(min_length=1, max_length=1000)


class CompletionMade(BaseModel):
    """What one item has become."""

    id: int = Field(description="The completion's.")
    new: bool = Field(description="false: it was reported before, and nothing has changed.")


class ManyMade(BaseModel):
    """The completions, in the order of the items."""

    items: list[CompletionMade]


BULK.add("/api/v1/completions/bulk")


@router.post(
    "/completions/bulk",
    response_model=ManyMade,
    summary="Report many results of e-learning",
    operation_id="create_completions",
    tags=["Completions"],
)
@api("completions:write", writes=True)
def report_many(tx: Tx, many: ManyCompletions) -> dict[str, Any]:
    """As for one, all of them or none: `errors` names each item that is wrong."""
    made = results.record_results(
        tx, [results.Result(item.person_id, item.course_id, item.completed_on, item.minutes) for item in many.items]
    )
    return {"items": [{"id": key, "new": new} for key, new in made]}
