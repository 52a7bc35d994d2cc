"""Three-way progress reviews of apprenticeships: held, written in a document that all three sign, and the next one planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app.core.calendar import long_date
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.policy import Can, operation
from app.programmes.apprentice_models import ProgressReview
from app.programmes.operations.apprentices import TUTORS, looked_after
from app.programmes.operations.learnt import settle_review
from app.programmes.operations.progress import plan_reviews
from app.programmes.portfolio_models import Document

_TEMPLATE = "PR"  # what the programmes call the record of a progress review


@operation(Can.READ_ENROLMENT)
def hold(tx: Tx, enrolment_id: int, held_on: date) -> int:
    """The next progress review was held; returns the document in which it is recorded, which all three sign. The one after it is planned.

    By employer, provider or the Academy. Conflict where the provider's system is the record: reviews come from there, signed.
    """
    mine, row = looked_after(tx, enrolment_id, *TUTORS)
    if row.provider_keeps:
        raise Conflict(
            f"{row.provider} keeps the reviews of this apprenticeship in its own system, and they come from there.",
            code="provider-keeps",
            way_out="Record it there. Nothing has to be signed twice.",
        )
    if row.gateway_at is not None:
        raise Conflict("The gateway is passed: there are no more progress reviews.", code="gateway-passed")
    review = take(tx, enrolment_id, mine.enrolment, held_on)
    document_id = _document(tx, mine.enrolment)
    tx.update(ProgressReview, review.id, held_on=held_on, document_id=document_id)
    tx.record("apprenticeship.reviewed", "progress_reviews", review.id, person_id=mine.enrolment.person_id, held_on=held_on.isoformat())
    settle_review(tx, document_id, mine.enrolment.person_id, held_on, "Progress review")
    plan_reviews(tx, enrolment_id)
    return document_id


def take(tx: Tx, enrolment_id: int, enrolment: Row[Any], held_on: date) -> Row[Any]:
    """The row of the review that was held on a day: the one that is due next, or one more where none is planned."""
    last = last_held(tx, enrolment_id)
    first = last.held_on if last else enrolment.starts_on
    if not first <= held_on <= tx.today:
        message = f"The day must be from {long_date(first)} to today"
        raise Invalid(message + ".", errors=[{"field": "held_on", "message": message}])
    due = tx.one(
        select(ProgressReview.__table__)
        .where(ProgressReview.enrolment_id == enrolment_id, ProgressReview.held_on.is_(None))
        .order_by(ProgressReview.number)
        .limit(1)
    )
    if due is not None:
        return due
    key = tx.insert(ProgressReview, enrolment_id=enrolment_id, number=(last.number if last else 0) + 1, due_on=held_on)
    return tx.get(ProgressReview, key)


def last_held(tx: Tx, enrolment_id: int) -> Row[Any] | None:
    """The last review that took place."""
    return tx.one(
        select(ProgressReview.__table__)
        .where(ProgressReview.enrolment_id == enrolment_id, ProgressReview.held_on.is_not(None))
        .order_by(ProgressReview.number.desc())
        .limit(1)
    )


def _document(tx: Tx, enrolment: Row[Any]) -> int:
    """One more copy of the record of a review: the next after those that are there."""
    template = tx.one(
        select(DocumentTemplate.id, func.max(Document.number).label("newest"))
        .outerjoin(Document, (Document.template_id == DocumentTemplate.id) & (Document.enrolment_id == enrolment.id))
        .where(DocumentTemplate.version_id == enrolment.version_id, DocumentTemplate.code == _TEMPLATE)
        .group_by(DocumentTemplate.id)
    )
    if template is None:
        raise Conflict("This programme has no record of a progress review.", code="template-not-found")
    return tx.insert_recorded(
        Document,
        dict(
            enrolment_id=enrolment.id,
            template_id=template.id,
            number=(template.newest or 0) + 1,
            state="draft",
            head=0,
            changed_at=tx.now,
        ),
        action="document.added",
        person_id=enrolment.person_id,
        state="draft",
    )


def of(tx: Tx, enrolment_id: int) -> Sequence[Row[Any]]:
    """Every review, held or planned, in order, with the state of its document."""
    return tx.rows(
        select(ProgressReview.__table__, Document.state.label("document_state"), Document.waiting_for)
        .outerjoin(Document, Document.id == ProgressReview.document_id)
        .where(ProgressReview.enrolment_id == enrolment_id)
        .order_by(ProgressReview.number)
    )
