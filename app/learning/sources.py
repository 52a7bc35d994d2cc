"""Learning records that other rooms bring: supervisions held, observations signed, meetings of mentors, imported rows.

Whoever owns the fact says what somebody's learning from it is now; here is made sure that exactly one live record says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, select, update

from app.core.tx import Tx
from app.learning import shared
from app.learning.models import LearningActivity, LearningRecord
from app.learning.record_models import MOST_STANDARDS, RecordStandard

AT_ONCE = 500  # keys in one statement, so that it does not grow with what is brought


@dataclass(frozen=True, slots=True)
class Learning:
    """What one fact comes to for one person. `activity` is a code of `learning_activities`, which says the bucket."""

    on_date: date
    minutes: int
    activity: str
    title: str  # never a case, never a family
    standards: tuple[str, ...] = ()  # codes, three at most


Key = tuple[int, int]  # (source_key, person_id)


def settle(tx: Tx, source: str, wanted: Mapping[Key, Learning | None]) -> None:
    """Make the live records of these keys say what is wanted; None: nothing any more. What already does is left alone.

    `source` is one of `models.SOURCES`; a key's first part stays the same when the fact is corrected (the first row of its chain). What
    changed is superseded by a record of the same chain, and what comes back goes on with its chain, so that a reflection stays with
    it. Keys that are not named are not touched. A few statements for each five hundred. KeyError for an activity that nobody has defined.
    """
    keys = sorted(wanted)
    for start in range(0, len(keys), AT_ONCE):
        _settle(tx, source, {key: wanted[key] for key in keys[start : start + AT_ONCE]})


def _settle(tx: Tx, source: str, wanted: Mapping[Key, Learning | None]) -> None:
    live = {(row.source_key, row.person_id): row for row in _rows(tx, source, wanted, live=True)}
    wrong = [row.id for key, row in live.items() if not _says(row, wanted[key])]
    if wrong:
        tx.db.execute(update(LearningRecord).where(LearningRecord.id.in_(wrong)).values(superseded_at=tx.now))
        shared.tell(tx, {row.first_id or row.id: row.person_id for row in live.values() if row.id in wrong})
    fresh = {key: each for key, each in wanted.items() if each is not None and (key not in live or live[key].id in wrong)}
    if not fresh:
        return
    chains = {(row.source_key, row.person_id): row.first_id or row.id for row in _rows(tx, source, fresh, live=False)}
    shared.tell(tx, {first: key[1] for key, first in chains.items() if key not in live})
    buckets = _buckets(tx)
    rows = [
        dict(
            person_id=key[1],
            on_date=each.on_date,
            minutes=each.minutes,
            bucket=buckets[each.activity],
            title=each.title,
            source=source,
            activity=each.activity,
            source_key=key[0],
            first_id=chains.get(key),
            recorded_at=tx.now,
        )
        for key, each in fresh.items()
    ]
    tx.insert_many(LearningRecord, rows)
    _tag(tx, source, {key: each.standards for key, each in fresh.items() if key not in chains and each.standards})


def _says(row: Row[Any], wanted: Learning | None) -> bool:
    return wanted is not None and (row.on_date, row.minutes, row.activity, row.title) == (
        wanted.on_date,
        wanted.minutes,
        wanted.activity,
        wanted.title,
    )


def _rows(tx: Tx, source: str, wanted: Mapping[Key, Learning | None], *, live: bool) -> Sequence[Row[Any]]:
    """The records of these keys, live or superseded."""
    columns = ("id", "first_id", "source_key", "person_id", "on_date", "minutes", "activity", "title")
    rows = tx.rows(
        select(*(LearningRecord.__table__.c[name] for name in columns)).where(
            LearningRecord.source == source,
            LearningRecord.source_key.in_(sorted({key for key, _ in wanted})),
            LearningRecord.superseded_at.is_(None) if live else LearningRecord.superseded_at.is_not(None),
        )
    )
    return [row for row in rows if (row.source_key, row.person_id) in wanted]


def _buckets(tx: Tx) -> dict[str, str]:
    if "learning buckets" not in tx.memo:
        found = tx.rows(select(LearningActivity.code, LearningActivity.bucket))
        tx.memo["learning buckets"] = {row.code: row.bucket for row in found}
    buckets: dict[str, str] = tx.memo["learning buckets"]
    return buckets


def _tag(tx: Tx, source: str, standards: Mapping[Key, tuple[str, ...]]) -> None:
    """Give new records the standards they touched; from then on they are their owner's."""
    if not standards:
        return
    made = _rows(tx, source, dict.fromkeys(standards), live=True)
    tx.insert_many(
        RecordStandard,
        [
            dict(first_id=row.id, standard=code, slot=slot, recorded_at=tx.now)
            for row in made
            for slot, code in enumerate(dict.fromkeys(standards[row.source_key, row.person_id]), 1)
            if slot <= MOST_STANDARDS
        ],
    )
