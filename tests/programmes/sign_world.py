"""Rows of sign-off for the matrices and the tour: a report that waits for its first signature, something signed, an export."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.programmes.models import Enrolment
from app.programmes.operations.chaining import add_entry
from app.programmes.portfolio_models import Document, Export, Revision
from tests.programmes.making import Enrolled
from tests.programmes.portfolio_world import EMPTY, LETTER_DIGEST
from tests.visit import Finder

COPY = 8  # the number of the document that the tour signs


def rows(tx: Tx, enrolled: Enrolled) -> dict[str, Any]:
    """For the matrices, after those of `portfolio_world`."""
    key = enrolled.documents["FINAL"]
    _freeze(tx, key, enrolled.nqsw.id, {"summary": "She listens.", "recommendation": "pass"})
    add_entry(
        tx,
        tx.get(Enrolment, enrolled.id, lock=True),
        "paper",
        what=("SAA", "Support and assessment agreement", 1),
        answer="recorded",
        items=[("note/words", "Note", "Signed on paper in September.")],
        person_id=enrolled.nqsw.id,
        capacities=("nqsw",),
    )
    made = dict(enrolment_id=enrolled.id, asked_by=enrolled.nqsw.id, asked_at=tx.now, made_at=tx.now, digest=EMPTY)
    return {"signing_document": key, "export_id": tx.insert(Export, **made)}


def _freeze(tx: Tx, document_id: int, author: int, content: dict[str, str]) -> None:
    written: dict[str, Any] = dict(document_id=document_id, number=1, base=0, content=content, standards=[], author_id=author)
    tx.db.execute(insert(Revision), written | dict(kind="typing", sitting="", saved_at=tx.now, sealed=True))
    turn = dict(state="signing", head=1, frozen=1, waiting_for="nqsw", waiting_since=tx.now)
    tx.db.execute(update(Document).where(Document.id == document_id).values(**turn))


# The tour --------------------------------------------------------------------------------------------------------------


def arrange(tx: Tx, learner: int) -> None:
    """A review of theirs that waits for their signature, and an export that they asked for. After that of `portfolio_world`."""
    enrolment = tx.one(select(Enrolment.__table__).where(Enrolment.person_id == learner).order_by(Enrolment.id.desc()))
    if enrolment is None:
        return  # a county without programmes
    templates = tx.rows(select(DocumentTemplate.__table__).where(DocumentTemplate.version_id == enrolment.version_id))
    template = next(row for row in templates if row.signed_by and row.signed_by[0] == "nqsw")
    document = tx.insert(Document, enrolment_id=enrolment.id, template_id=template.id, number=COPY, changed_at=tx.now)
    questions = [item for section in template.form["sections"] for item in section["items"]]
    _freeze(tx, document, learner, {item["code"]: (item.get("choices") or ["As we agreed in supervision."])[0] for item in questions})
    tx.insert(Export, enrolment_id=enrolment.id, asked_by=learner, asked_at=tx.now, made_at=tx.now, digest=LETTER_DIGEST)


def signing(finder: Finder) -> dict[str, Any]:
    """The document that waits for the new social worker's signature."""
    return {"document_id": finder.tx.scalar(select(Document.id).where(Document.number == COPY))}


def export(finder: Finder) -> dict[str, Any]:
    """The export that they asked for."""
    return {"export_id": finder.tx.scalar(select(Export.id).where(Export.digest == LETTER_DIGEST))}


# The matrices ----------------------------------------------------------------------------------------------------------

_DOCUMENT, _PORTFOLIO = "/documents/{document_id:int}", "/portfolios/{enrolment_id:int}"
OTHERS: dict[str, dict[str, str]] = {  # as tests/policy/routes.py has them
    f"{method} {_DOCUMENT}/{what}": {"document_id": "signing_document"}
    for method, what in (("GET", "sign"), ("POST", "sign"), ("GET", "signatures"), ("POST", "not-signed"), ("POST", "addendum"))
}
FORMS: dict[str, Any] = {
    f"POST {_DOCUMENT}/sign": {"read": "0" * 64, "answer": "agree"},
    f"POST {_DOCUMENT}/not-signed": {"capacity": "nqsw", "how": "unable", "reason": "Away"},
    f"POST {_DOCUMENT}/addendum": {"words": "A Tuesday"},
    f"POST {_PORTFOLIO}/redact": {"reason": "family", "what": "1:note/words"},
}
