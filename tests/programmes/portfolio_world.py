"""Rows of a portfolio for the matrices: what a document's addresses name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from app.core.files import File
from app.core.tx import Tx
from app.identity.access import digest
from app.identity.models import Link
from app.programmes.portfolio_models import Attachment, Clash, Contribution, Document, Revision
from tests.programmes.making import Enrolled

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
