"""REST: people. Reads are lists for synchronising; writes call the same operations as the pages and the HR import."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field

from app import policy
from app.apidoor import Reply, api, if_match
from app.core.db import FOREVER
from app.core.errors import Invalid
from app.core.listing import HAS_WORD, NO_NUL, BodyKey, Closed, Day, Key, keyset
from app.core.tx import Tx
from app.people import details, listings, operations
from app.people.listings import PeopleOut, PeopleQuery, PersonOut
from app.people.models import Person
from app.policy import Can

router = APIRouter(prefix="/api/v1", tags=["People"])

Name = Annotated[str, Field(max_length=100, pattern=HAS_WORD)]
Text = Annotated[str, Field(max_length=200, pattern=NO_NUL)]
Email = Annotated[str, Field(max_length=details.LONGEST_EMAIL, pattern=details.EMAIL_PATTERN)]
SweNumber = Annotated[str, Field(pattern="^SW[1-9][0-9]{0,5}$")]


def _begins(value: date) -> date:
    if not details.EARLIEST <= value < FOREVER:
        raise ValueError("must be between 1940-01-01 and 9999-12-30")
    return value


FirstDay = Annotated[Day, AfterValidator(_begins)]


class NewPost(Closed):
    """A job from a date."""

    job_title: Name
    contract: Literal["permanent", "fixed term", "agency", "student"]
    fte: float = Field(1.0, ge=0.001, le=1.5, strict=True, description="Full-time equivalent.")
    working_days: str = Field("1111100", min_length=7, max_length=7, pattern="^[01]*1[01]*$", description="Monday first; 1 means works.")


class PersonDated(Closed):
    """What is true from a date; left out, it stays as it is."""

    effective_from: FirstDay | None = Field(
        None, description="First day of the post, team, manager and stage sent here; today if left out."
    )
    post: NewPost | None = Field(None, description="Their primary post.")
    unit_id: BodyKey | None = Field(None, description="The team, or other unit, that they belong to.")
    manager_id: BodyKey | None = Field(None, description="Their line manager.")
    stage: Name | None = Field(None, description="Code of their career stage.")


class PersonPatch(PersonDated):
    """What to change; what is left out stays. Send null to empty a detail that may be empty."""

    first_name: Name = Field(default_factory=str)
    last_name: Name = Field(default_factory=str)
    known_as: Text | None = None
    employee_number: Text | None = None
    email: Email | None = None
    swe_number: SweNumber | None = None
    registration_status: Literal["registered", "conditions", "suspended", "removed", "not registered"] | None = None
    registered_from: Day | None = None
    registered_until: Day | None = None
    started_on: Day | None = None
    leaving_on: Day | None = None


class NewPerson(PersonPatch):
    """Somebody new. Without `organisation_id` they join the client's own organisation."""

    organisation_id: BodyKey | None = Field(None, description="Needed from a client that is not limited to one organisation.")
    first_name: Name
    last_name: Name


@router.get("/people", response_model=PeopleOut, summary="List people", operation_id="list_people")
@api("people:read")
def people(tx: Tx, query: Annotated[PeopleQuery, Query()]) -> dict[str, Any]:
    """People in the order of their ids, with today's post, team, manager and stage. Those who have left stay in the list."""
    items, following = keyset(tx, "people", query, listings.people(tx, query), Person.id)
    return {"items": items, "next": following}


@router.get("/people/{person_id}", response_model=PersonOut, summary="Read a person", operation_id="get_person")
@api("people:read")
def person(tx: Tx, person_id: Key) -> dict[str, Any]:
    """One person. The ETag is what `PATCH` asks for in `If-Match`."""
    return listings.person(tx, person_id)


@router.post("/people", status_code=201, response_model=PersonOut, summary="Add a person", operation_id="create_person")
@api("people:write", writes=True, status=201)
def create(tx: Tx, new: NewPerson) -> Reply:
    """A new person, with their first post, team, manager and stage if they are sent."""
    organisation = new.organisation_id or tx.actor.organisation_id
    if organisation is None:
        raise Invalid(
            "Say which organisation.",
            errors=[{"field": "organisation_id", "message": "Needed, as this client serves several organisations"}],
        )
    person_id = operations.create_person(tx, organisation, **_details(new))
    _dated(tx, person_id, new)
    return Reply(listings.person(tx, person_id), 201, location=f"/api/v1/people/{person_id}")


@router.patch("/people/{person_id}", response_model=PersonOut, summary="Change a person", operation_id="change_person")
@api("people:write", writes=True)
def change(tx: Tx, person_id: Key, new: PersonPatch, request: Request) -> dict[str, Any]:
    """Change details, or what is true from a date. Send the ETag you read as `If-Match`."""
    before = policy.person(tx, Can.WRITE_PERSON, person_id, lock=True)
    if_match(request, before.version)
    details = _details(new)
    if details:
        operations.change_person(tx, person_id, **details)
    _dated(tx, person_id, new)
    return listings.person(tx, person_id)


_UNDATED = set(PersonPatch.model_fields) - set(PersonDated.model_fields)


def _details(new: PersonPatch) -> dict[str, Any]:
    return new.model_dump(include=_UNDATED, exclude_unset=True)


def _dated(tx: Tx, person_id: int, new: PersonDated) -> None:
    """Post, team, manager and stage, each from its first day."""
    first: date = new.effective_from or tx.today
    if new.post is not None:
        post = new.post
        operations.set_post(tx, person_id, post.job_title, post.contract, post.fte, first, working_days=post.working_days)
    if new.unit_id is not None:
        operations.set_team(tx, person_id, new.unit_id, first)
    if "manager_id" in new.model_fields_set:
        operations.set_manager(tx, person_id, new.manager_id, first)
    if new.stage is not None:
        operations.set_stage(tx, person_id, new.stage, first)
