"""Planted violations of what must hold of versioned programmes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete

from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, Programme, ProgrammeStage, ProgrammeVersion
from tests.plants import plants


def _version(tx: Tx, **definition: Any) -> int:
    """A published version with one stage and one document, put there directly."""
    tx.db.execute(Programme.__table__.insert(), dict(code="PLANTED", title="Planted", former_names=[]))
    held = {"code": "PLANTED", "title": "Planted", "version": "1", "stages": [{"code": "ONE"}]} | definition
    key = tx.insert(
        ProgrammeVersion,
        programme_code="PLANTED",
        version="1",
        title="Planted",
        state="published",
        nominal_months=1,
        definition=held,
        digest="",
        created_at=tx.now,
        published_at=tx.now,
    )
    stage = tx.insert(ProgrammeStage, version_id=key, code="ONE", number=1, title="One", due_month=1)
    tx.insert(DocumentTemplate, version_id=key, stage_id=stage, code="DOC", number=1, title="A document", kind="form")
    return key


@plants("frameworks-as-defined")
def _(tx: Tx) -> None:
    _version(tx, stages=[{"code": "ONE"}, {"code": "TWO"}])


@plants("frameworks-are-whole")
def _(tx: Tx) -> None:
    tx.db.execute(delete(ProgrammeStage).where(ProgrammeStage.version_id == _version(tx)))
