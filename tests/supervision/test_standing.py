"""The council's own rule: everybody without a programme follows the one of where they belong, then and now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.frameworks.models import SupervisionRule
from app.people import operations as people
from app.people.models import Membership, Person, Post
from app.supervision import operations
from app.supervision.held import Held
from app.supervision.operations.standing import set_standing, standing
from app.supervision.queries import held_against_due, in_pieces
from tests.factory import Make
from tests.supervision.rules import FOUR_WEEKLY, MONTHLY, Team, publish, team

BEGAN = date(2026, 1, 5)
DAYS = timedelta(days=1)


@pytest.fixture
def us(make: Make) -> Team:
    """Everybody has had a post since 2020; the council's monthly rule began on 5 January 2026."""
    made = team(make)
    monthly, host = publish(make, "SUP-STANDARD", MONTHLY), make.organisation()
    with make.tx() as tx:
        set_standing(tx, host, monthly, BEGAN)
    return made


def held(us: Team, person: Any, day: date, **options: Any) -> Held | None:
    with us.make.tx(writes=False) as tx:
        return held_against_due(tx, [person.id], day, **options).get(person.id)


def hold(us: Team, person: Any, *days: date) -> None:
    with us.make.tx() as tx:
        for day in days:
            operations.record(tx, person.id, day, "professional", 60, [us.manager.id])


def test_everybody_follows_it_from_its_first_day(us: Team) -> None:
    hold(us, us.dana, date(2026, 1, 20), date(2026, 3, 6))
    now = held(us, us.dana, date(2026, 4, 6))
    assert now is not None and (now.term.code, now.term.valid_from, now.term.valid_to) == ("SUP-STANDARD", BEGAN, FOREVER)
    assert (now.due, now.met, now.overdue_since) == (3, 2, None)
    late = held(us, us.dana, date(2026, 5, 5))
    assert late is not None and late.overdue_since == date(2026, 5, 4)
    assert held(us, us.dana, BEGAN - DAYS) is None


def test_a_programme_comes_first_and_the_council_takes_over(us: Team) -> None:
    with us.make.tx() as tx:
        operations.set_rule(tx, us.callum.id, us.rule, date(2026, 2, 2), date(2026, 3, 2), subject="enrolment:1")
    codes = {day: found.term.code for day in (1, 27, 28, 55, 56, 90) if (found := held(us, us.callum, BEGAN + day * DAYS))}
    assert codes == {1: "SUP-STANDARD", 27: "SUP-STANDARD", 28: "SUP-ASYE", 55: "SUP-ASYE", 56: "SUP-STANDARD", 90: "SUP-STANDARD"}
    before, after = held(us, us.callum, BEGAN + 20 * DAYS), held(us, us.callum, BEGAN + 90 * DAYS)
    assert before is not None and before.term.valid_to == date(2026, 2, 2)
    assert after is not None and (after.term.valid_from, after.term.anchor) == (date(2026, 3, 2), date(2026, 3, 2))


def test_the_nearest_part_counts_and_moving_into_it_begins_anew(us: Team) -> None:
    make, moved = us.make, date(2026, 4, 1)
    service = make.unit("Adolescent Service", "service")
    crew = make.unit("Edge of Care", parent=service)
    weekly = publish(make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    with make.tx() as tx:
        set_standing(tx, service, weekly, BEGAN)
        people.set_team(tx, us.dana.id, crew, moved)
    before, after = held(us, us.dana, moved - DAYS), held(us, us.dana, moved + 40 * DAYS)
    assert before is not None and before.term.code == "SUP-STANDARD"
    assert after is not None and (after.term.code, after.term.valid_from) == ("SUP-FOUR-WEEKLY", moved)
    assert after.overdue_since == moved + 27 * DAYS
    other = make.unit("Duty Team")
    with make.tx() as tx:
        people.set_team(tx, us.dana.id, other, date(2026, 6, 1))
    back = held(us, us.dana, date(2026, 6, 10))
    assert back is not None and (back.term.code, back.term.valid_from) == ("SUP-STANDARD", date(2026, 6, 1))


def test_whoever_joins_leaves_or_has_no_post_is_counted_for_their_time_only(us: Team) -> None:
    host = us.make.organisation()
    with us.make.tx() as tx:
        joined, outside = (people.create_person(tx, host, first_name=name, last_name="Starter") for name in ("New", "Olive"))
        people.set_post(tx, joined, "Social worker", "permanent", 1, date(2026, 3, 2))
        people.set_post(tx, joined, "Senior social worker", "permanent", 1, date(2026, 3, 16))
        asked = {day: held_against_due(tx, [joined, outside], day) for day in (date(2026, 3, 1), date(2026, 4, 1))}
    assert asked[date(2026, 3, 1)] == {} and list(asked[date(2026, 4, 1)]) == [joined]
    found = asked[date(2026, 4, 1)][joined]
    assert found.term.valid_from == date(2026, 3, 2) and found.due == 0


def test_what_was_known_stays_known(us: Team) -> None:
    yearly = publish(us.make, "SUP-OTHER", {"periods": [{"every_months": 3, "label": "quarterly"}]})
    then, host = datetime.now(UTC), us.make.organisation()
    with transaction(us.make.database, SYSTEM, writes=True, now=then + timedelta(hours=1)) as tx:
        set_standing(tx, host, yearly, BEGAN)
    day = date(2026, 4, 6)
    past, now = held(us, us.dana, day, known_at=then), held(us, us.dana, day, known_at=then + timedelta(hours=2))
    assert past is not None and now is not None and (past.term.code, now.term.code) == ("SUP-STANDARD", "SUP-OTHER")


def test_taking_the_rule_away_leaves_programmes_alone(us: Team) -> None:
    host = us.make.organisation()
    with us.make.tx() as tx:
        operations.set_rule(tx, us.callum.id, us.rule, BEGAN, subject="enrolment:1")
        set_standing(tx, host, None, date(2026, 2, 1))
    day = date(2026, 3, 1)
    assert held(us, us.dana, day) is None and held(us, us.callum, day) is not None
    ended = held(us, us.dana, date(2026, 1, 20))
    assert ended is not None and ended.term.valid_to == date(2026, 2, 1)


def _as(us: Team, *roles: tuple[str, int | None]) -> Any:
    return transaction(us.make.database, Actor("person", us.coordinator.id, "Cora", (("practitioner", None), *roles)), writes=True)


def test_only_published_rules_by_whoever_looks_after_that_part(us: Team) -> None:
    host, partner = us.make.organisation(), us.make.organisation("Partner Council", host=False)
    usual = publish(us.make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    with us.make.tx() as tx:
        draft = tx.insert(SupervisionRule, code="DRAFT", version="1", title="Draft", state="draft", definition=MONTHLY)
    with pytest.raises(Conflict), _as(us, ("coordinator", None)) as tx:
        set_standing(tx, host, draft, BEGAN)
    with pytest.raises(NotFound), _as(us, ("principal social worker", host)) as tx:
        set_standing(tx, partner, usual, BEGAN)
    with pytest.raises(Forbidden), _as(us) as tx:
        set_standing(tx, host, usual, BEGAN)
    with pytest.raises(Conflict, match="more often than every four weeks"), _as(us, ("coordinator", None)) as tx:
        set_standing(tx, host, us.rule, BEGAN)  # the assessed year's, with its weeks
    with _as(us, ("principal social worker", host)) as tx:
        set_standing(tx, host, usual, date(2027, 1, 1))
        assert [(row.title, row.valid_from) for row in standing(tx) if row.id == host][-1][1] == date(2027, 1, 1)


def _crowd(tx: Tx, host: int, many: int) -> Any:
    wanted = [
        dict(first_name="P", last_name=str(n), name=f"P {n}", sort_name=f"{n}, p", organisation_id=host, search_text="p")
        | dict(created_at=tx.now, updated_at=tx.now, version=1)
        for n in range(many)
    ]
    tx.insert_many(Person, wanted)
    return select(Person.id).where(Person.first_name == "P")


def test_very_many_are_asked_a_thousand_at_a_time(us: Team, count_queries: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.supervision.queries.AT_ONCE", 20)
    unit, host = us.make.unit("Crowd Team"), us.make.organisation()
    with us.make.tx() as tx:
        crowd = _crowd(tx, host, 45)
        ids = [row.id for row in tx.rows(crowd)]
        since: dict[str, Any] = dict(valid_from=BEGAN, valid_to=FOREVER, recorded_at=tx.now)
        tx.insert_many(Membership, [dict(person_id=key, unit_id=unit, **since) for key in ids])
        post = dict(job_title="Social worker", contract="permanent", fte=1, working_days="1111100", is_primary=True, **since)
        tx.insert_many(Post, [dict(person_id=key, **post) for key in ids])
    with us.make.tx(writes=False) as tx, count_queries() as queries:
        sizes = [len(piece) for piece in in_pieces(tx, crowd)]
    assert sizes == [20, 20, 5] and len(queries) <= 1 + 3 * 4
