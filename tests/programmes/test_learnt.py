"""Observations and reviews of a programme stand in the learner's record by themselves: once, on their day, and nobody else's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import insert, select, update

from app.learning.models import LearningRecord
from app.programmes.operations import documents, reviews
from app.programmes.portfolio_models import Document, Revision
from seed.portfolio_life import Life
from tests.factory import Make
from tests.programmes.apprentices import apprentice
from tests.programmes.signing import REPORT, signing


def records(make: Make) -> list[Any]:
    return make.rows(select(LearningRecord.__table__).order_by(LearningRecord.id))


def test_an_observation_counts_when_the_assessor_has_given_their_view(make: Make) -> None:
    room = signing(make)
    key = room.there.documents["DO1"]
    with room.of() as tx:
        content = {"context": "A first visit", "seen": "Warm and clear", "view": "It shows standard 4."}
        written = dict(document_id=key, number=1, base=0, content=content, standards=[], sealed=False)
        tx.db.execute(insert(Revision), {**written, "kind": "typing", "sitting": "t", "saved_at": tx.now})
        tx.db.execute(update(Document).where(Document.id == key).values(state="sent", head=1, waiting_for="assessor", waiting_since=tx.now))
    assert records(make) == []
    with room.of(room.there.assessor) as tx:
        assert documents.send(tx, key) == "final"
        today = tx.today
    (row,) = records(make)
    assert (row.person_id, row.source, row.activity, row.bucket) == (room.there.nqsw.id, "observation", "observation_feedback", "social")
    assert (row.title, row.on_date, row.minutes, row.source_key) == ("Direct observation 1", today, 0, key)


def test_a_review_counts_when_all_have_signed(make: Make) -> None:
    room = signing(make)
    key = room.freeze("FINAL", REPORT)
    people = room.there.nqsw, room.there.assessor, room.there.line_manager
    for person in people:
        assert records(make) == []
        room.sign(person, key)
    (row,) = records(make)
    assert (row.person_id, row.source, row.activity, row.title) == (people[0].id, "review", "programme_review", "Final assessment report")


def test_a_progress_review_counts_once_though_its_document_follows(make: Make) -> None:
    day, start = date(2026, 2, 3), date(2025, 11, 3)
    moment = datetime.combine(day, time(12), UTC)
    made = apprentice(make, start, now=moment)
    with made.as_(made.provider, now=moment) as tx:
        document = reviews.hold(tx, made.id, day)
    (row,) = records(make)
    assert (row.person_id, row.source, row.on_date, row.source_key) == (made.apprentice.id, "review", day, document)
    assert Life(make.database, moment).finish(made.id, document) == "final"
    live = [row for row in records(make) if row.superseded_at is None]
    assert [(row.source_key, row.person_id, row.source) for row in live] == [(document, made.apprentice.id, "review")]
