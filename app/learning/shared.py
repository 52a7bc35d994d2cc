"""Learning records for other systems: only while their owner shares them with systems, and of those only the facts, never the words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, exists, or_, select

from app.core.db import ONE
from app.core.ledger import Audit, entry
from app.core.listing import DayOut, Instant, InstantOut, Key, ListQuery, moment
from app.core.tx import Tx
from app.learning.listings import Bucket
from app.learning.models import LearningRecord
from app.learning.record_models import RecordShare, RecordStandard
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can

SYSTEMS = "systems"


class RecordsQuery(ListQuery):
    """Which learning records. Several filters together must all hold."""

    person: Key | None = Field(None, description="Id of the person.")
    bucket: Bucket | None = Field(None, description="70/20/10: what it counts towards.")
    updated_since: Instant | None = Field(None, description="Shared, recorded or corrected at or after this instant.")


class RecordOut(BaseModel):
    """One event of learning, as its owner shares it with other systems."""

    id: int = Field(description="Stays the same when the record is corrected.")
    person_id: int
    on_date: DayOut
    minutes: int
    bucket: Bucket = Field(description="70/20/10: what it counts towards.")
    activity: str | None = Field(description="What sort of learning: a code such as “co_working”; null: not known.")
    title: str
    source: Literal[
        "attendance",
        "e-learning",
        "prior learning",
        "own",
        "supervision",
        "observation",
        "review",
        "mentoring",
        "shadowing",
        "action learning",
        "import",
    ] = Field(description="Where it comes from; “own”: the person wrote it.")
    course_id: int | None
    standards: list[str] = Field(description="Codes of the standards it touched most, as its owner chose them.")
    recorded_at: InstantOut = Field(description="When it was recorded as it is now.")
    shared_at: InstantOut


class RecordsOut(BaseModel):
    """One reply of the list."""

    items: list[RecordOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


_FIRST = RecordShare.first_id


def _shared(tx: Tx) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = (
        select(
            _FIRST.label("id"),
            LearningRecord.person_id,
            LearningRecord.on_date,
            LearningRecord.minutes,
            LearningRecord.bucket,
            LearningRecord.activity,
            LearningRecord.title,
            LearningRecord.source,
            LearningRecord.course_id,
            LearningRecord.recorded_at,
            RecordShare.shared_at,
        )
        .select_from(RecordShare)
        .join(LearningRecord, or_(LearningRecord.id == _FIRST, LearningRecord.first_id == _FIRST))
        .where(RecordShare.audience == SYSTEMS, RecordShare.ended_at.is_(None), LearningRecord.superseded_at.is_(None))
    )
    reach = of_client(tx, Can.READ_LEARNING_RECORDS)
    return found.join(Person, Person.id == LearningRecord.person_id).where(*reach) if reach else found


KEY = _FIRST


def records(tx: Tx, query: RecordsQuery) -> Select[*tuple[Any, ...]]:
    """The records that a client asks for, of people within its reach."""
    found = _shared(tx)
    if query.person is not None:
        found = found.where(LearningRecord.person_id == query.person)
    if query.bucket is not None:
        found = found.where(LearningRecord.bucket == query.bucket)
    since = moment(query.updated_since)
    if since is None:
        return found
    tagged = exists(
        select(ONE).where(
            RecordStandard.first_id == _FIRST, or_(RecordStandard.recorded_at >= since, RecordStandard.superseded_at >= since)
        )
    )
    return found.where(or_(RecordShare.shared_at >= since, LearningRecord.recorded_at >= since, tagged))


def complete(tx: Tx, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same records with their standards: one more statement, however many there are."""
    tags = defaultdict(list)
    asked = select(RecordStandard.first_id, RecordStandard.standard).where(
        RecordStandard.first_id.in_([row["id"] for row in found]), RecordStandard.superseded_at.is_(None)
    )
    for row in tx.rows(asked.order_by(RecordStandard.slot)):
        tags[row.first_id].append(row.standard)
    for item in found:
        item["standards"] = tags[item["id"]]
    return found


def these(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these records that are shared with systems and that the client may have, each as the list gives it."""
    return complete(tx, [dict(row._mapping) for row in tx.rows(_shared(tx).where(_FIRST.in_(keys)))])


def gone(tx: Tx, keys: Sequence[int]) -> list[int]:
    """Which of these, of people within the client's reach, were shared with systems once and are no more, or count no more."""
    if not keys:
        return []
    found = select(LearningRecord.id).where(LearningRecord.id.in_(keys), LearningRecord.id.in_(_once(keys)))
    reach = of_client(tx, Can.READ_LEARNING_RECORDS)
    if reach:
        found = found.join(Person, Person.id == LearningRecord.person_id).where(*reach)
    return [row.id for row in tx.rows(found)]


def _once(keys: Sequence[int]) -> Any:
    return select(_FIRST).where(RecordShare.audience == SYSTEMS, _FIRST.in_(keys))


def was_shared(first_id: Any, at: Any) -> Any:
    """SQL: at this instant other systems could see the record with this first version; what happens before and after is none of theirs."""
    known = (RecordShare.shared_at <= at, or_(RecordShare.ended_at.is_(None), RecordShare.ended_at >= at))
    return exists(select(ONE).where(first_id == _FIRST, RecordShare.audience == SYSTEMS, *known))


def tell(tx: Tx, chains: Mapping[int, int]) -> None:
    """Note in the ledger that records changed where they come from, if systems see them: then they are told. First version → person."""
    if not chains:
        return
    open_ = RecordShare.audience == SYSTEMS, RecordShare.ended_at.is_(None), _FIRST.in_(sorted(chains))
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    rows = [
        entry(*actor, "learning-record.settled", "learning_records", chains[row.first_id], None, {}) | {"subject_id": row.first_id}
        for row in tx.rows(select(_FIRST).where(*open_).order_by(_FIRST))
    ]
    tx.insert_many(Audit, rows)
