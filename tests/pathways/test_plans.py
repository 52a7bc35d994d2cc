"""How PostgreSQL goes about a thousand people: never through everything that is done once more for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, select, text

from app.core.db import Database
from app.pathways import progress
from app.people.models import Person
from tests.factory import Make
from tests.pathways import crowd

PEOPLE, ASKED, VERSION = 1_500, 1_000, 6


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def read(plan: dict[str, Any]) -> int:
    """Rows that went through the joins of a plan: of a nested loop every pair, kept or not."""
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
        if "Join" in node["Node Type"] or "Loop" in node["Node Type"]
    )


def test_a_thousand_people_are_not_compared_with_a_thousand_people(make: Make, database: Database) -> None:
    if database.sqlite:
        return
    crowd.fill(database, PEOPLE)
    with database.write.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    plans: list[dict[str, Any]] = []

    def explained(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "done" in statement and "EXPLAIN" not in statement:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters)
            plans.append(cursor.fetchone()[0][0]["Plan"])

    with make.tx(writes=False) as tx:
        engine = tx.db.engine
        event.listen(engine, "before_cursor_execute", explained)
        try:
            found = progress.steps(tx, select(Person.id).where(Person.id <= ASKED), [VERSION], crowd.TODAY)
        finally:
            event.remove(engine, "before_cursor_execute", explained)
    assert len(found) == ASKED and len(plans) == 1
    assert 0 < read(plans[0]) < ASKED * ASKED / 2, read(plans[0])


def test_what_is_read_of_every_pair_is_noticed() -> None:
    pairs = {"Node Type": "Nested Loop", "Actual Rows": ASKED, "Rows Removed by Join Filter": ASKED * (ASKED - 1), "Actual Loops": 1}
    assert read({"Node Type": "Sort", "Plans": [pairs]}) == ASKED * ASKED


@pytest.mark.parametrize("people", [1, 30])
def test_the_same_is_said_of_few_people_alone_as_among_others(make: Make, database: Database, people: int) -> None:
    crowd.fill(database, 60)
    with make.tx(writes=False) as tx:
        alone = progress.steps(tx, select(Person.id).where(Person.id <= people), [VERSION], crowd.TODAY)
        together = progress.steps(tx, select(Person.id), [VERSION], crowd.TODAY)
    assert alone == together[:people] and len(together) == 60
