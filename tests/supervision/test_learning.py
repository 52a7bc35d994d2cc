"""Supervision that is learning stands in the learning record of whoever was supervised, once, through every correction."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.learning.models import LearningRecord
from app.supervision import operations
from app.supervision.operations import New
from tests.factory import Make
from tests.supervision.rules import Team, team

DAY = date(2026, 3, 2)


@pytest.fixture
def us(make: Make) -> Team:
    return team(make)


def learnt(us: Team, person: Any, *, all_of_them: bool = False) -> list[tuple[Any, ...]]:
    table = LearningRecord
    rows = us.make.rows(select(table.__table__).where(table.person_id == person.id, table.source == "supervision").order_by(table.id))
    return [(row.on_date, row.minutes, row.activity, row.bucket) for row in rows if all_of_them or row.superseded_at is None]


def test_reflective_and_group_supervision_are_learning_and_the_rest_is_not(us: Team) -> None:
    new = [New(us.callum.id, DAY, kind, 60, (us.manager.id,)) for kind in ("professional", "reflective", "case", "group_reflective")]
    with us.acting(us.manager) as tx:
        operations.record_many(tx, [*new, New(us.dana.id, DAY, "management_oversight", 60, (us.manager.id,))])
    assert learnt(us, us.callum) == [(DAY, 60, "reflective_supervision", "social"), (DAY, 60, "group_supervision", "social")]
    assert learnt(us, us.dana) == learnt(us, us.manager) == []


def test_a_correction_corrects_the_record_and_keeps_its_chain(us: Team) -> None:
    with us.acting(us.callum) as tx:  # their own entry counts at once, confirmed or not
        key = operations.record(tx, us.callum.id, DAY, "reflective", 60, [us.manager.id])
    for kind, minutes in (("reflective", 75), ("case", 75), ("reflective", 90)):
        with us.acting(us.manager) as tx:
            key = operations.correct(tx, key, DAY + timedelta(days=1), kind, minutes, [us.manager.id])
    assert learnt(us, us.callum) == [(DAY + timedelta(days=1), 90, "reflective_supervision", "social")]
    assert len(learnt(us, us.callum, all_of_them=True)) == 3
    rows = us.make.rows(select(LearningRecord.source_key, LearningRecord.first_id, LearningRecord.id).order_by(LearningRecord.id))
    assert {row.source_key for row in rows} == {1} and [row.first_id for row in rows] == [None, rows[0].id, rows[0].id]


def test_what_never_counted_leaves_the_record(us: Team) -> None:
    with us.acting(us.manager) as tx:
        key = operations.record(tx, us.callum.id, DAY, "reflective", 60, [us.manager.id])
        key = operations.correct(tx, key, DAY, "reflective", 90, [us.manager.id])
    with us.acting(us.manager) as tx:
        operations.withdraw(tx, key, "not_held")
    assert learnt(us, us.callum) == []
