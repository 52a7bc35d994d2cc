"""What a programme's documents come to in the learner's record: feedback on an observation, and a review that was held.

How long either took is not asked for in the documents, so that these records count by number, not by hours.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from app.core.tx import Tx
from app.learning import sources
from app.learning.models import LearningRecord
from app.learning.record_models import MOST_STANDARDS
from app.learning.sources import Learning
from app.programmes.papers import Paper
from app.programmes.questions import wrong

SOURCES = {"observation": ("observation", "observation_feedback"), "review": ("review", "programme_review")}


def settle_document(tx: Tx, paper: Paper) -> None:
    """A document has become complete. If it is of an observation or a review, its learner's record has it from now on, once.

    The day is the one that the document names; without one, the day on which it was first complete.
    """
    if paper.row.kind not in SOURCES:
        return
    source, activity = SOURCES[paper.row.kind]
    on = _named(tx, paper) or _known(tx, source, paper) or tx.today
    learning = Learning(on, 0, activity, paper.title, tuple(paper.standards[:MOST_STANDARDS]))
    sources.settle(tx, source, {(paper.id, paper.learner_id): learning})


def settle_review(tx: Tx, document_id: int, person_id: int, held_on: date, title: str) -> None:
    """A progress review was held: the learner's record has it before its document is written and signed, and once."""
    sources.settle(tx, "review", {(document_id, person_id): Learning(held_on, 0, "programme_review", title)})


def _named(tx: Tx, paper: Paper) -> date | None:
    """The first day that the document asks for, if it is a day and not one to come."""
    question = next((one for one in paper.questions if one.type == "date"), None)
    said = str(paper.content.get(question.code, "")) if question is not None else ""
    if question is None or not said or wrong(question, said) is not None:
        return None
    on = date.fromisoformat(said)
    return on if on <= tx.today else None


def _known(tx: Tx, source: str, paper: Paper) -> date | None:
    live = select(LearningRecord.on_date).where(
        LearningRecord.source == source,
        LearningRecord.source_key == paper.id,
        LearningRecord.person_id == paper.learner_id,
        LearningRecord.superseded_at.is_(None),
    )
    found: date | None = tx.scalar(live)
    return found
