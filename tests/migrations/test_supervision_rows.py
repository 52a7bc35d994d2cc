"""Supervision that was recorded before learning records took it up: corrections find their first entry, and what is learning counts."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.learning.models import LearningRecord
from app.supervision.models import Supervision
from tests.conftest import migrate
from tests.migrations.test_migrations import bare  # noqa: F401  # fixture
from tests.migrations.test_rows import NOW, Rows

pytestmark = pytest.mark.thorough  # what has been released is not changed any more

DAY = date(2026, 3, 2)


@pytest.fixture
def before(bare: Database) -> Database:  # noqa: F811
    """One supervision corrected twice, one withdrawn, one of a kind that is no learning, one in a group."""
    migrate(bare, "0013")
    with bare.write.connect() as connection, connection.begin():
        rows = Rows(connection)
        host = rows.add("units", kind="organisation", code="westmarch", name="Westmarch County Council", search_text="westmarch", version=1)
        person = rows.add("people", organisation_id=host, first_name="P", last_name="Q", search_text="p")
        held = dict(person_id=person, kind="reflective", minutes=60, source="entry", recorded_at=NOW)
        first = rows.add("supervisions", held_on=DAY, superseded_at=NOW, **held)
        second = rows.add("supervisions", held_on=DAY + timedelta(days=1), superseded_at=NOW, corrected_from=first, **held)
        rows.add("supervisions", held_on=DAY + timedelta(days=2), corrected_from=second, **held | {"minutes": 75})
        rows.add("supervisions", held_on=DAY, superseded_at=NOW, withdrawn="twice", **held)
        rows.add("supervisions", held_on=DAY, **held | {"kind": "case"})
        rows.add("supervisions", held_on=DAY, **held | {"kind": "group_reflective"})
    return bare


def told(database: Database) -> tuple[list[int | None], list[tuple[object, ...]]]:
    with transaction(database, SYSTEM, writes=False) as tx:
        firsts = [row.first_id for row in tx.rows(select(Supervision.first_id).order_by(Supervision.id))]
        table = LearningRecord
        columns = (table.source_key, table.on_date, table.minutes, table.bucket, table.activity, table.source)
        return firsts, [tuple(row) for row in tx.rows(select(*columns).where(table.superseded_at.is_(None)).order_by(table.source_key))]


def test_corrections_know_their_first_and_learning_is_taken_up_once(before: Database) -> None:
    migrate(before)
    firsts, records = told(before)
    assert firsts == [None, 1, 1, None, None, None]
    assert records == [
        (1, DAY + timedelta(days=2), 75, "social", "reflective_supervision", "supervision"),
        (6, DAY, 60, "social", "group_supervision", "supervision"),
    ]
    migrate(before, "0013", down=True)
    migrate(before)
    assert told(before) == (firsts, records)
