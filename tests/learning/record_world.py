"""Learning records for the matrices and the tour: a private one with a file, and one that is shared in every way there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from app.core.files import File
from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.learning.record_models import AUDIENCES, RecordFile, RecordShare, Reflection
from tests.programmes.portfolio_world import EMPTY, LETTER_DIGEST
from tests.visit import Finder

PRIVATE = "What the corridor of the court taught me about waiting"
SHARED = "A first visit with a colleague"


def _record(tx: Tx, person_id: int, title: str, key: str, ago: int) -> int:
    own = dict(source="own", activity="court_work", bucket="experience", minutes=95, entry_key=key * 32, recorded_at=tx.now)
    return tx.insert(LearningRecord, person_id=person_id, on_date=tx.today - timedelta(days=ago), title=title, **own)


def rows(tx: Tx, person_id: int, digest: str = EMPTY) -> dict[str, Any]:
    """A private record with a reflection and a file, and a shared one; `digest` is a file's that has a row."""
    private, shared = _record(tx, person_id, PRIVATE, "a", 3), _record(tx, person_id, SHARED, "b", 9)
    for key, words in ((private, PRIVATE), (shared, "To let them speak first.")):
        tx.insert(Reflection, first_id=key, did="I waited with them.", learnt=words, impact="I come earlier.", recorded_at=tx.now)
    file = tx.insert(RecordFile, first_id=private, digest=digest, name="certificate.txt", added_at=tx.now)
    tx.insert_many(RecordShare, [dict(first_id=shared, audience=audience, shared_at=tx.now) for audience in AUDIENCES])
    return {"first_id": private, "file_id": file, "shared_record": shared}


def world(tx: Tx, person_id: int) -> dict[str, Any]:
    """The same, with a row for the file where none is there yet; nothing lies in the folder."""
    if tx.scalar(select(File.digest).where(File.digest == EMPTY)) is None:
        tx.db.execute(insert(File), dict(digest=EMPTY, size=1, media_type="text/plain", scanned="not scanned", stored_at=tx.now))
    return rows(tx, person_id)


def arrange(tx: Tx, person_id: int) -> None:
    """For the tour, whose folder of files holds a letter."""
    if tx.scalar(select(File.digest).where(File.digest == LETTER_DIGEST)) is not None:
        rows(tx, person_id, LETTER_DIGEST)


def own(finder: Finder) -> dict[str, Any]:
    """The practitioner's private record, and its file."""
    return _named(finder, PRIVATE)


def shared(finder: Finder) -> dict[str, Any]:
    """The one they share."""
    return _named(finder, SHARED)


def sharer(finder: Finder) -> dict[str, Any]:
    """Who that is."""
    return {"person_id": finder.person("practitioner")}


def _named(finder: Finder, title: str) -> dict[str, Any]:
    key = finder.tx.scalar(select(LearningRecord.id).where(LearningRecord.title == title))
    assert key is not None, "the tour has not been arranged"
    file = finder.tx.scalar(select(RecordFile.id).where(RecordFile.first_id == key))
    return {"first_id": key, "file_id": file or 0}
