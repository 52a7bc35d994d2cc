"""How far an enrolment is: a stage is complete when every document it asks for is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, select, update

from app.core.db import ONE
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage
from app.programmes.models import Enrolment, StageRecord
from app.programmes.portfolio_models import Document

COMPLETE = ("final", "on paper")


def settle_stages(tx: Tx, enrolment_id: int) -> list[int]:
    """Close every stage whose required documents are all complete; returns their ids. The caller has locked the enrolment.

    Of a document that may be written several times, one that is complete is enough here: how many are needed in all, the checklist says.
    The panel and the gateway are closed by what is decided there.
    """
    there = exists(
        select(ONE).where(Document.enrolment_id == enrolment_id, Document.template_id == DocumentTemplate.id, Document.state.in_(COMPLETE))
    )
    required: Any = (DocumentTemplate.stage_id == ProgrammeStage.id, DocumentTemplate.required)
    done = (
        select(ProgrammeStage.id)
        .join(StageRecord, StageRecord.stage_id == ProgrammeStage.id)
        .where(
            StageRecord.enrolment_id == enrolment_id,
            StageRecord.state.in_(("not started", "open")),
            ProgrammeStage.kind == "stage",
            exists(select(ONE).select_from(DocumentTemplate).where(*required)),
            ~exists(select(ONE).select_from(DocumentTemplate).where(*required, ~there)),
        )
        .order_by(ProgrammeStage.number)
    )
    found = [row.id for row in tx.rows(done)]
    if found:
        stages = (StageRecord.enrolment_id == enrolment_id) & StageRecord.stage_id.in_(found)
        tx.db.execute(update(StageRecord).where(stages).values(state="complete", completed_at=tx.now))
        person_id = tx.scalar(select(Enrolment.person_id).where(Enrolment.id == enrolment_id))
        for stage_id in found:
            tx.record("stage.completed", "enrolments", enrolment_id, person_id=person_id, state="complete", stage=stage_id)
    return found
