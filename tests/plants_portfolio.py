"""Planted violations of what must hold of documents and contributions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.programmes.portfolio_models import Contribution, Document
from tests.plants import plants


def document(tx: Tx) -> Any:
    """A document of the county's."""
    row = tx.one(select(Document.__table__).order_by(Document.id.desc()).limit(1))
    assert row is not None
    return row


@plants("documents-show-their-newest")
def _(tx: Tx) -> None:
    row = document(tx)
    tx.update(Document, row.id, head=row.head + 1)


@plants("finished-documents-are-sealed")
def _(tx: Tx) -> None:
    tx.update(Document, document(tx).id, state="final", frozen=7, waiting_for=None, waiting_since=None)


@plants("contributions-leave-their-words")
def _(tx: Tx) -> None:
    row = document(tx)
    asked = dict(document_id=row.id, enrolment_id=row.enrolment_id, name="Ola Outside", email="ola@elsewhere.example", part="observer")
    times = dict(asked_at=tx.now, expires_at=tx.now + timedelta(days=9), given_at=tx.now)
    tx.insert(Contribution, **asked, state="given", draft={}, **times)
