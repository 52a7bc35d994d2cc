"""Monday's messages: once a week, to whoever it concerns, in one message each; and the list for other systems."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.ledger import Outbox
from app.core.tx import SYSTEM, transaction
from app.people import cover
from app.supervision import operations
from app.supervision.operations import overdue
from tests.factory import Make
from tests.supervision.rules import Team, team

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
BEFORE = MONDAY - timedelta(hours=1)  # what is recorded later is not known on Monday


@pytest.fixture
def us(make: Make) -> Team:
    made = team(make)
    with transaction(make.database, SYSTEM, writes=True, now=BEFORE) as tx:
        for person in (made.callum, made.dana):
            operations.set_rule(tx, person.id, made.rule, date(2026, 2, 2))
    return made


def tell(us: Team) -> list[Any]:
    with transaction(us.make.database, SYSTEM, writes=True, now=MONDAY) as tx:
        overdue.tell_overdue(tx, MONDAY)
    told = select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.supervision_due", Outbox.created_at == MONDAY)
    return us.make.rows(told.order_by(Outbox.id))


def test_each_is_told_once_and_those_above_get_one_message_with_everybody(us: Team) -> None:
    with transaction(us.make.database, SYSTEM, writes=True, now=BEFORE) as tx:
        operations.record(tx, us.dana.id, date(2026, 2, 4), "case", 90, [us.manager.id])
    told = {row.person_id: row.facts for row in tell(us)}
    assert set(told) == {us.callum.id, us.dana.id, us.manager.id, us.assessor.id}
    assert told[us.callum.id] == {"own": True, "subjects": ["since Sunday 8 February 2026"], "link": "/supervision"}
    both = ["Callum Reid, since Sunday 8 February 2026", "Dana Cole, since Sunday 15 February 2026"]
    assert told[us.manager.id] == {"own": False, "subjects": both, "link": "/supervision/team"}
    assert told[us.assessor.id]["subjects"] == both[:1]


def test_whoever_is_away_or_up_to_date_is_left_in_peace(us: Team) -> None:
    with transaction(us.make.database, SYSTEM, writes=True, now=BEFORE) as tx:
        cover.record_absence(tx, us.dana.id, date(2026, 2, 20), date(2026, 3, 20))
        for day in (4, 11, 18, 25):
            operations.record(tx, us.callum.id, date(2026, 2, day), "case", 90, [us.manager.id])
    assert tell(us) == []


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 3, 2, 7, 59, tzinfo=UTC), None),
        (datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)),
        (datetime(2026, 3, 4, 7, 59, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)),
        (datetime(2026, 3, 4, 8, tzinfo=UTC), None),
        (datetime(2026, 7, 6, 7, 30, tzinfo=UTC), datetime(2026, 7, 6, 7, tzinfo=UTC)),  # summer time
    ],
)
def test_it_is_told_on_monday_morning(now: datetime, due: datetime | None) -> None:
    assert overdue.turn(now) == due


# The list for other systems ----------------------------------------------------------------------------------------


def test_other_systems_read_dates_kinds_and_minutes_and_nothing_else(us: Team, client: Callable[..., TestClient]) -> None:
    with us.make.tx() as tx:
        keys = [
            operations.record(tx, us.callum.id, date(2026, 2, day), kind, 90, [us.manager.id])
            for day, kind in ((4, "case"), (5, "reflective"), (11, "case"))
        ]
    api = client("supervision:read")
    first = api.get("/api/v1/supervisions?limit=2").json()
    assert [item["id"] for item in first["items"]] == keys[:2]
    assert set(first["items"][0]) == {"id", "person_id", "held_on", "kind", "minutes", "recorded_at", "superseded_at"}
    rest = api.get(f"/api/v1/supervisions?limit=2&cursor={first['next']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (keys[2:], None)

    def ids(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"/api/v1/supervisions?{query}").json()["items"]]

    assert ids("kind=reflective") == keys[1:2] and ids("held_since=2026-02-05") == keys[1:] and ids(f"person={us.dana.id}") == []
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    with us.acting(us.manager) as tx:
        operations.withdraw(tx, keys[0], "not_held")
    assert ids("") == keys[1:] and ids(f"updated_since={since}") == keys
    assert api.get("/api/v1/supervisions?kind=chat").status_code == 422


def test_a_client_of_one_organisation_reads_its_own_people_only(us: Team, client: Callable[..., TestClient]) -> None:
    with us.make.tx() as tx:
        operations.record(tx, us.callum.id, date(2026, 2, 4), "case", 90, [us.manager.id])
    neighbour = us.make.organisation("Northmoor Council", host=False)
    assert client("supervision:read", organisation=neighbour).get("/api/v1/supervisions").json()["items"] == []
    assert len(client("supervision:read", organisation=us.make.organisation()).get("/api/v1/supervisions").json()["items"]) == 1
    assert client("people:read").get("/api/v1/supervisions").status_code == 403
