"""REST: many people in one request, for systems that know them by their employee numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.apidoor import api
from app.core.listing import HAS_WORD, NO_NUL, BodyKey, Closed, Day
from app.core.tx import Tx
from app.core.web import BULK
from app.hr import bulk
from app.hr.bulk import MOST
from app.people import details

router = APIRouter(prefix="/api/v1", tags=["People"])
BULK.add("/api/v1/people/bulk")

Number = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]*$")]
Name = Annotated[str, Field(max_length=100, pattern=HAS_WORD)]
Text = Annotated[str, Field(max_length=150, pattern=NO_NUL)]


class PersonItem(Closed):
    """Somebody as HR knows them. What is left out or null stays as it is; of `leaving_on` and `manager_number` null clears it."""

    employee_number: Number = Field(description="By this they are known within the organisation.")
    first_name: Name
    last_name: Name
    known_as: Text | None = None
    email: Annotated[str, Field(max_length=details.LONGEST_EMAIL, pattern=details.EMAIL_PATTERN)] | None = None
    swe_number: Annotated[str, Field(pattern="^SW[1-9][0-9]{0,5}$")] | None = None
    registration_status: Literal["registered", "conditions", "suspended", "removed", "not registered"] | None = None
    started_on: Day | None = None
    leaving_on: Day | None = Field(None, description="Last day of employment. Named by all items of a request or by none.")
    job_title: Text | None = None
    contract: Literal["permanent", "fixed term", "agency", "student"] | None = None
    fte: float | None = Field(None, ge=0.001, le=1.5, strict=True)
    working_days: str | None = Field(None, min_length=7, max_length=7, pattern="^[01]*1[01]*$", description="Monday first; 1 means works.")
    practice_area: Text | None = None
    post_from: Day | None = Field(None, description="First day of the post; today if left out.")
    unit: Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)] | None = Field(None, description="Code or name of the team.")
    unit_from: Day | None = Field(None, description="First day in the team; today if left out.")
    stage: Text | None = Field(None, description="Code of their career stage.")
    manager_number: Number | None = Field(
        None, description="Employee number of their line manager. Named by all items of a request or by none."
    )


class ManyPeople(Closed):
    """Up to 1,000 people of one organisation."""

    organisation_id: BodyKey | None = Field(None, description="Whose people; left out: the client's organisation, else the council.")
    items: list[PersonItem] = Field(min_length=1, max_length=MOST)


class PersonPut(BaseModel):
    """What one item has become."""

    employee_number: str
    id: int | None = Field(description="The person's; null for somebody not known here who had left already.")
    became: Literal["joiner", "mover", "leaver", "rejoiner", "changed", "same", "passed over"]


class ManyPut(BaseModel):
    """What the items have become, in their order."""

    import_id: int = Field(description="Under this the change is on record, among HR's imports.")
    items: list[PersonPut]


@router.post("/people/bulk", response_model=ManyPut, summary="Add or change many people", operation_id="put_people")
@api("people:import", writes=True)
def put(tx: Tx, many: ManyPeople) -> dict[str, Any]:
    """Each is added, or changed where their employee number is known; nobody is taken away. All of them or none: `errors` names each item
    that is wrong."""
    fields = [item.model_dump(exclude_unset=True) for item in many.items]
    import_id, became = bulk.put(tx, fields, many.organisation_id)
    return {"import_id": import_id, "items": became}
