"""Reports come by themselves: drafted on their day once the month is closed, with reminders, and told to whom they concern."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.calendar import working_day
from app.core.errors import Changed, Invalid
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, transaction
from app.jobs import TIMETABLE
from app.reports import delivery, operations
from app.reports.delivery import Schedule
from app.reports.models import BoardReport, BoardSchedule
from tests.factory import Make
from tests.reports.test_pages import main, sign
from tests.reports.world import PSW, World

SignIn = Callable[[Any], TestClient]
ALL = tuple(range(1, 13))


@pytest.fixture
def world(make: Make) -> World:
    return World.of(make)


def set_(world: World, *, named: tuple[int, ...] = (), version: int = 0, **more: Any) -> None:
    wanted = Schedule(**{**dict(months=ALL, draft_on=3, remind_on=5, owner_id=world.psw.id, runs=True), **more})
    with world.as_(world.psw, PSW) as tx:
        delivery.set_schedule(tx, world.organisation, "board", wanted, named, version=version)


def nth(world: World, number: int) -> datetime:
    """The morning of that working day of the month after the last closed one, counted here by hand."""
    day, left = world.months[-1], number
    while left:
        day += timedelta(days=1)
        left -= working_day(day)
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def run(world: World, at: datetime) -> None:
    with transaction(world.make.database, SYSTEM, writes=True, now=at) as tx:
        delivery.prepare(tx, at)


def told(world: World) -> list[tuple[str, int, dict[str, Any]]]:
    rows = world.make.rows(select(Outbox.__table__).where(Outbox.kind.like("email.board%")).order_by(Outbox.id))
    return [(row.kind, row.person_id, row.facts) for row in rows]


def reports(world: World) -> list[Any]:
    return world.make.rows(select(BoardReport.__table__).order_by(BoardReport.id))


def test_it_is_drafted_on_its_working_day_once(world: World) -> None:
    set_(world)
    run(world, nth(world, 2))
    assert reports(world) == []
    run(world, nth(world, 3))
    run(world, nth(world, 4))
    (draft,) = reports(world)
    assert (draft.state, draft.created_by, draft.owner_id) == ("draft", None, world.psw.id)
    ((kind, person, facts),) = told(world)
    assert (kind, person, facts["fresh"]) == ("email.board_report_waits", world.psw.id, True)


@pytest.mark.parametrize("more", [{"runs": False}, {"months": (1,)}])
def test_not_where_it_is_off_or_of_another_month(world: World, more: dict[str, Any]) -> None:
    if world.months[-1].month == 1 and "months" in more:
        more = {"months": (2,)}
    set_(world, **more)
    run(world, nth(world, 9))
    assert reports(world) == []


def test_it_waits_for_the_month_to_be_closed(make: Make) -> None:
    world = World.of(make, closed=2)
    set_(world)
    later = world.months[-1] + timedelta(days=45)  # in the month after the next, which is not closed
    day = datetime(later.year, later.month, 20, 9, tzinfo=UTC)
    run(world, day)
    assert reports(world) == []


def test_reminders_name_what_is_missing_and_stop(world: World) -> None:
    set_(world, draft_on=1, remind_on=3)
    for number in range(1, 6):
        run(world, nth(world, number))
    asked = [facts["subjects"] for kind, _, facts in told(world) if not facts.get("fresh")]
    assert asked == [["What changed, and why", "Culture", "Capacity", "Capability"]] * 2  # on the third and the fifth day
    (draft,) = reports(world)
    parts = ("headline", "theme-culture", "theme-capacity", "theme-capability")
    with world.as_(world.psw, PSW) as tx:
        for about in parts:
            operations.comment(tx, draft.id, about, "Words.", None, version=0, subjects=parts)
    run(world, nth(world, 7))
    assert len([facts for _, _, facts in told(world) if not facts.get("fresh")]) == 2


def test_the_board_and_who_is_named_hear_of_it_and_nobody_else(world: World, sign_in: SignIn, make: Make) -> None:
    eve = make.person("Eve Left", roles=("board viewer",), scope=world.organisation, leaving_on=date(2021, 1, 1))
    other = make.organisation("Eastmarch Council", host=False)
    make.person("Otto Elsewhere", organisation=other, roles=("board viewer",), scope=other)
    make.person("Una Everywhere", organisation=other, roles=("board viewer",))
    set_(world, named=(world.hr.id,))
    assert sign(sign_in(world.psw), world.begin()).status_code == 303
    people = [person for kind, person, _ in told(world) if kind == "email.board_report_signed"]
    assert sorted(people) == sorted([world.board.id, world.hr.id]) and eve.id not in people
    assert all(set(facts) == {"title", "link", "corrected"} for kind, _, facts in told(world))


def test_only_who_may_read_reports_is_named_or_owns_one(world: World, make: Make) -> None:
    ann = make.person("Ann")
    for more, field in (
        ({"named": (ann.id,)}, "readers"),
        ({"owner_id": ann.id}, "owner"),
        ({"owner_id": world.board.id}, "owner"),  # who only reads cannot write what is missing
        ({"months": ()}, "months"),
        ({"draft_on": 9}, "remind_on"),
    ):
        with pytest.raises(Invalid) as wrong:
            set_(world, **more)
        assert field in {error["field"] for error in wrong.value.errors}
    set_(world)
    with pytest.raises(Changed):
        set_(world, version=0)
    set_(world, version=1, named=(world.hr.id,))


def test_who_may_not_write_any_more_is_not_reminded(world: World) -> None:
    """An owner who reads only, as they were kept before."""
    set_(world, draft_on=1, remind_on=3)
    with world.make.tx() as tx:
        tx.db.execute(update(BoardSchedule).values(owner_id=world.board.id))
    for number in range(1, 6):
        run(world, nth(world, number))
    assert len(reports(world)) == 1
    assert told(world) == []


def test_the_schedule_on_its_page(world: World, sign_in: SignIn) -> None:
    helen = sign_in(world.psw)
    page = main(helen.get("/board-reports/schedule"))
    owners = page[page.index('name="owner"') :]
    owners = owners[: owners.index("</select>")]
    assert "Helen Ashworth" in owners and "Ruth Calloway" not in owners
    assert "Ruth Calloway" in page and 'name="version" value="0"' in page
    form = {
        "kind": "board",
        "months": ["1", "12"],
        "draft_on": "4",
        "remind_on": "6",
        "runs": "yes",
        "owner": str(world.psw.id),
        "version": "0",
    }
    wrong = main(helen.post("/board-reports/schedule", data={**form, "draft_on": "x"}), 422)
    assert "must be a whole number" in wrong and 'value="6"' in wrong
    assert helen.post("/board-reports/schedule", data={**form, "readers": [str(world.hr.id)]}).status_code == 303
    again = main(helen.get("/board-reports/schedule"))
    assert re.search(r'value="12" checked', again) and "Daniel Mensah" in again and 'name="version" value="1"' in again
    assert helen.post("/board-reports/schedule", data=form).status_code == 412


def test_it_stands_in_the_timetable_after_eight_on_working_days() -> None:
    turn, job = TIMETABLE["board-reports"]
    assert job is delivery.prepare and not isinstance(turn, timedelta)
    assert turn(datetime(2026, 12, 8, 9, tzinfo=UTC)) == datetime(2026, 12, 8, 8, tzinfo=UTC)
    assert turn(datetime(2026, 12, 8, 7, tzinfo=UTC)) is None
    assert turn(datetime(2026, 12, 25, 9, tzinfo=UTC)) is None and turn(datetime(2026, 12, 12, 9, tzinfo=UTC)) is None
