"""REST: training records for HR's system, and what HR says of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.apidoor import api
from app.core.listing import NO_NUL, BodyKey, Closed, Key
from app.core.tx import Tx
from app.hr import training
from app.hr.operations.confirming import Answer, confirm
from app.hr.training import RecordOut, RecordsOut, RecordsQuery, ReportOut

router = APIRouter(prefix="/api/v1", tags=["Training records"])
MOST_ANSWERS = 1000
Short = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]


class NewAnswer(Closed):
    """HR's answer about one training record."""

    id: BodyKey
    mark: Annotated[str, Field(min_length=1, max_length=60, pattern=NO_NUL)] = Field(
        description="As it was read with the record: what HR has taken over."
    )
    state: Literal["confirmed", "refused"]
    reason: Short | None = Field(None, description="Why it was refused; only then.")
    reference: Short | None = Field(None, description="HR's own number for it, if it has one.")


class NewAnswers(Closed):
    """Several answers, kept together or not at all."""

    answers: list[NewAnswer] = Field(min_length=1, max_length=MOST_ANSWERS)


class AnswersOut(BaseModel):
    """What became of the answers."""

    confirmed: int
    refused: int
    unchanged: int = Field(description="Said before, and so nothing new.")


@router.get("/training-records", response_model=RecordsOut, summary="List training records", operation_id="list_training_records")
@api("training-records:read")
def records(tx: Tx, query: Annotated[RecordsQuery, Query()]) -> dict[str, Any]:
    """Completions and programme outcomes as HR keeps them, in the order of their numbers, with what HR has said of each."""
    items, following = training.listed(tx, query)
    return {"items": items, "next": following}


@router.get(
    "/training-records/report", response_model=ReportOut, summary="Reconciliation in figures", operation_id="get_training_records_report"
)
@api("training-records:read")
def report(tx: Tx) -> dict[str, Any]:
    """How many training records HR has confirmed, refused, not answered yet, or has to look at again."""
    return dict(training.report(tx))


@router.get("/training-records/{number}", response_model=RecordOut, summary="Read a training record", operation_id="get_training_record")
@api("training-records:read")
def record(tx: Tx, number: Key) -> dict[str, Any]:
    """One training record. One that was withdrawn before HR had taken it over is gone (404)."""
    return training.one(tx, number)


@router.post(
    "/training-records/answers", response_model=AnswersOut, summary="Confirm training records", operation_id="answer_training_records"
)
@api("training-records:write", writes=True)
def answers(tx: Tx, new: NewAnswers) -> dict[str, Any]:
    """What HR's system has taken over, and what it refuses. All of it is kept or none; the same batch may be sent again."""
    said = [
        Answer(f"answers.{place}", each.id, each.mark, each.state, each.reason, each.reference) for place, each in enumerate(new.answers)
    ]
    return dict(confirm(tx, said))
