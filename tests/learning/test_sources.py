"""Records that other rooms bring: one live record each, in one chain, however often it is settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict
from app.frameworks.models import Standard, StandardsSet
from app.learning import sources
from app.learning.models import LearningRecord
from app.learning.record_models import RecordStandard, Reflection
from app.learning.sources import Learning
from tests.factory import Make

DAY = date(2026, 3, 10)
MET = Learning(DAY, 60, "mentoring", "Mentoring")


def settle(make: Make, wanted: dict[tuple[int, int], Learning | None], source: str = "mentoring") -> None:
    with make.tx() as tx:
        sources.settle(tx, source, wanted)


def records(make: Make) -> list[Any]:
    return make.rows(select(LearningRecord.__table__).order_by(LearningRecord.id))


def test_one_record_each_and_the_same_again_changes_nothing(make: Make) -> None:
    ann, ben = make.person("Ann").id, make.person("Ben").id
    settle(make, {(7, ann): MET, (7, ben): MET, (8, ben): Learning(DAY, 30, "shadowing", "Shadowing")})
    settle(make, {(7, ann): MET, (7, ben): MET})
    settle(make, {(7, ann): MET}, "action learning")  # another source with the same number is another fact
    found = [(row.source_key, row.person_id, row.bucket, row.minutes, row.source) for row in records(make)]
    assert sorted(found, key=str) == sorted(
        [
            (7, ann, "social", 60, "mentoring"),
            (7, ben, "social", 60, "mentoring"),
            (8, ben, "experience", 30, "mentoring"),
            (7, ann, "social", 60, "action learning"),
        ],
        key=str,
    )
    assert {row.superseded_at for row in records(make)} == {None}


def test_what_changed_or_went_or_came_back_stays_one_chain(make: Make) -> None:
    ann, ben = make.person("Ann").id, make.person("Ben").id
    settle(make, {(7, ann): MET, (7, ben): MET})
    settle(make, {(7, ann): Learning(DAY, 90, "mentoring", "Mentoring")})
    settle(make, {(7, ann): None})
    settle(make, {(7, ann): None})
    settle(make, {(7, ann): MET})
    chain = [row for row in records(make) if row.person_id == ann]
    assert [(row.minutes, row.first_id, row.superseded_at is None) for row in chain] == [
        (60, None, False),
        (90, chain[0].id, False),
        (60, chain[0].id, True),
    ]
    assert [row.superseded_at for row in records(make) if row.person_id == ben] == [None]


def test_standards_are_given_once_and_then_their_owners(make: Make) -> None:
    ann = make.person("Ann").id
    with make.tx() as tx:
        key = tx.insert(StandardsSet, code="S", version="1", title="S")
        tx.db.execute(insert(Standard), [dict(code=f"S-{n}", set_id=key, number=n, title=f"S{n}") for n in range(5)])
    settle(make, {(1, ann): Learning(DAY, 60, "observation_feedback", "Observation", ("S-1", "S-1", "S-2", "S-3", "S-4"))}, "observation")
    settle(make, {(1, ann): Learning(DAY, 45, "observation_feedback", "Observation", ("S-0",))}, "observation")
    tags = make.rows(select(RecordStandard.standard, RecordStandard.slot).order_by(RecordStandard.slot))
    assert [tuple(row) for row in tags] == [("S-1", 1), ("S-2", 2), ("S-3", 3)]


def test_many_are_a_few_statements_each_and_the_plan_uses_the_indexes(make: Make, count_queries: Callable[[], Any]) -> None:
    ann = make.person("Ann").id
    wanted: dict[tuple[int, int], Learning | None] = {(n, ann): MET for n in range(1001)}
    with count_queries() as queries:
        settle(make, wanted, "import")
    assert len(queries) <= 12 and len(records(make)) == 1001
    with pytest.raises(KeyError):
        settle(make, {(5000, ann): Learning(DAY, 1, "unheard of", "X")})
    if make.database.sqlite:
        with make.tx(writes=False) as tx:
            for ended, name in (("NULL", "uq_learning_records_source"), ("NOT NULL", "ix_learning_records_source_before")):
                asked = f"SELECT id FROM learning_records WHERE source = 'x' AND source_key IN (1, 2) AND superseded_at IS {ended}"
                assert name in str(tx.rows(text(f"EXPLAIN QUERY PLAN {asked}")))


def test_the_database_itself_keeps_one_live_record_and_one_live_reflection(make: Make) -> None:
    ann = make.person("Ann").id
    settle(make, {(7, ann): MET})
    row = records(make)[0]
    again = {key: value for key, value in row._mapping.items() if key != "id"}
    with pytest.raises(Conflict), make.tx() as tx:
        tx.insert(LearningRecord, **again)
    with make.tx() as tx:
        tx.insert(Reflection, first_id=row.id, learnt="Much", recorded_at=tx.now)
    with pytest.raises(Conflict), make.tx() as tx:
        tx.insert(Reflection, first_id=row.id, learnt="More", recorded_at=tx.now)
    for wrong in ("source = 'hearsay'", "first_id = id", "source = 'own', activity = NULL"):
        with pytest.raises(IntegrityError), make.database.write.connect() as connection, connection.begin():
            connection.execute(text(f"UPDATE learning_records SET {wrong}"))
