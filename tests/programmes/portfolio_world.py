"""Rows of a portfolio for the matrices and the tour: what a document's addresses name."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from app.core.files import File
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.identity.access import digest
from app.identity.models import Link
from app.programmes.models import Enrolment
from app.programmes.portfolio_models import Attachment, Clash, Contribution, Document, Revision
from tests.programmes.making import Enrolled
from tests.visit import Finder

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing: no such file lies in any folder


def rows(tx: Tx, enrolled: Enrolled, token: str) -> dict[str, Any]:
    """A revision, a file and a clash of the learner's in the agreement; an observer asked by a link with this token."""
    document, observed = enrolled.documents["SAA"], enrolled.documents["DO1"]
    written: dict[str, Any] = dict(
        base=0, standards=[], author_id=enrolled.nqsw.id, kind="typing", sitting="", saved_at=tx.now, sealed=False
    )
    tx.db.execute(insert(Revision), written | dict(document_id=document, number=1, content={"own": "what I bring"}))
    tx.update(Document, document, head=1)
    if tx.scalar(select(File.digest).where(File.digest == EMPTY)) is None:
        tx.db.execute(insert(File), dict(digest=EMPTY, size=1, media_type="text/plain", scanned="not scanned", stored_at=tx.now))
    attached = dict(document_id=document, digest=EMPTY, name="letter.txt", added_by=enrolled.nqsw.id, added_at=tx.now)
    clashing = dict(document_id=document, person_id=enrolled.nqsw.id, item="own", words="more", base=0, against=1, sitting="", at=tx.now)
    address, until = "ola@elsewhere.example", tx.now + timedelta(days=9)
    asked = dict(document_id=observed, enrolment_id=enrolled.id, name="Ola Outside", email=address, part="observer", draft={})
    contribution = tx.insert(Contribution, **asked, asked_by=enrolled.nqsw.id, asked_at=tx.now, expires_at=until)
    link = dict(token_hash=digest(token), purpose="contribution", subject_id=contribution, email=address)
    tx.db.execute(insert(Link), link | dict(created_at=tx.now, expires_at=until))
    return {
        "attachment_id": tx.insert(Attachment, **attached),
        "clash_id": tx.insert(Clash, **clashing),
        "contribution_id": contribution,
        "contribution_token": token,
        "observed_document": observed,
        "copied_template": tx.scalar(select(Document.template_id).where(Document.id == enrolled.documents["FB2"])),
    }


# The tour --------------------------------------------------------------------------------------------------------------

LETTER = b"Thank you for coming. We felt listened to.\n"
LETTER_DIGEST = hashlib.sha256(LETTER).hexdigest()
TOKEN = "tour-contribution-0123456789-0123456789-0123456789"
COPY = 9  # the number of the document that the tour looks at


def store(folder: Path) -> Path:
    """A folder of files that holds the letter."""
    (folder / LETTER_DIGEST[:2]).mkdir()
    (folder / LETTER_DIGEST[:2] / LETTER_DIGEST).write_bytes(LETTER)
    return folder


def arrange(tx: Tx, learner: int) -> None:
    """One more feedback from a family in their portfolio: two versions, a file, two versions of one answer, a collector who was asked."""
    enrolment = tx.one(select(Enrolment.__table__).where(Enrolment.person_id == learner).order_by(Enrolment.id.desc()))
    if enrolment is None:
        return  # a county without programmes
    kind = DocumentTemplate.kind == "family_feedback"
    template = tx.one(select(DocumentTemplate.__table__).where(DocumentTemplate.version_id == enrolment.version_id, kind))
    assert template is not None
    answers = [item["code"] for section in template.form["sections"] for item in section["items"] if item.get("type", "text") == "text"]
    document = tx.insert(Document, enrolment_id=enrolment.id, template_id=template.id, number=COPY, head=2, changed_at=tx.now)
    for number, words in ((1, "She came when she said."), (2, "She always came when she said.")):
        written: dict[str, Any] = dict(document_id=document, number=number, base=number - 1, content={answers[0]: words}, standards=[])
        tx.db.execute(insert(Revision), written | dict(author_id=learner, kind="typing", sitting="", saved_at=tx.now, sealed=False))
    tx.db.execute(
        insert(File), dict(digest=LETTER_DIGEST, size=len(LETTER), media_type="text/plain", scanned="not scanned", stored_at=tx.now)
    )
    tx.insert(Attachment, document_id=document, digest=LETTER_DIGEST, name="letter.txt", added_by=learner, added_at=tx.now)
    clash = dict(document_id=document, person_id=learner, item=answers[0], words="She came, mostly.", base=1, against=2, sitting="")
    tx.insert(Clash, **clash, at=tx.now)
    until, address = tx.now + timedelta(days=9), "ola@elsewhere.example"
    asked = dict(document_id=document, enrolment_id=enrolment.id, name="Ola Outside", email=address, part="family_feedback", draft={})
    contribution = tx.insert(Contribution, **asked, asked_by=learner, asked_at=tx.now, expires_at=until)
    link = dict(token_hash=digest(TOKEN), purpose="contribution", subject_id=contribution, email=address)
    tx.db.execute(insert(Link), link | dict(created_at=tx.now, expires_at=until))


def own(finder: Finder) -> dict[str, Any]:
    """Where that is."""
    document = finder.tx.scalar(select(Document.id).where(Document.number == COPY))
    assert document is not None, "the tour has not been arranged"
    clash = finder.tx.scalar(select(Clash.id).where(Clash.document_id == document))
    file = finder.tx.scalar(select(Attachment.id).where(Attachment.document_id == document))
    return {"document_id": document, "clash_id": clash, "attachment_id": file}


# The matrices ----------------------------------------------------------------------------------------------------------

_DOCUMENT = "/documents/{document_id:int}"
OTHERS: dict[str, dict[str, str]] = {  # as tests/policy/routes.py has them
    **{f"{method} {_DOCUMENT}/ask": {"document_id": "observed_document"} for method in ("GET", "POST")},
    **{f"POST {_DOCUMENT}/asked/{{contribution_id:int}}/{what}": {"document_id": "observed_document"} for what in ("again", "withdraw")},
    **{
        f"{way} /contributions/{{token}}{tail}": {"token": "contribution_token"}
        for way, tail in (("GET", ""), ("POST", ""), ("POST", "/save"))
    },
}
FORMS: dict[str, Any] = {
    f"POST {_DOCUMENT}/history": {"number": "1"},
    "POST /portfolios/{enrolment_id:int}/add": lambda ids: {"template_id": ids["copied_template"]},
    "POST /contributions/{token}": {"what": "decline"},
}
