"""A month is published once, in its turn, by one of those who try, whole or not at all; and nothing changes it afterwards."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DatabaseError

from app import jobs
from app.core.db import connect
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import SYSTEM, Actor, transaction
from app.measures import clock, closing, lines, sets
from app.measures.definitions import parsed
from app.measures.models import MeasureCell, MonthClose
from app.people.models import Membership, Person, Post, Stage
from tests.crash.hands import at_once, doing
from tests.factory import LONG_AGO, Make
from tests.measures.published import ODD
from tests.measures.test_sets import MEASURE, PSW, a_set

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 30), date(2026, 12, 31), date(2027, 1, 31)
LATER = datetime(2027, 2, 3, 12, tzinfo=UTC)
SEEN = MEASURE | dict(
    code="seen",
    title="People seen",
    sentence="{numerator} of {denominator}",
    unit="share",
    denominator="Everybody",
    small="outcomes",
    counts=ODD,
    answers=[],
    breakdowns=["tree", "stage", "contract"],
)
ASKED = SEEN | dict(code="asked", title="People asked", counts=None, breakdowns=[])


@pytest.fixture
def council(make: Make) -> Make:
    """Forty people in three teams, known for years, of whom some have a number that ends in 1; and a measure set."""
    here = make.organisation()
    teams = [make.unit(f"Team {n}") for n in range(3)]
    for n in range(40):
        make.person(f"P{n}", team=teams[n % 3], stage=("SW", "NQSW")[n % 2], account=False)
    with make.tx() as tx:
        for table in (Post, Membership, Stage):
            tx.db.execute(update(table).values(recorded_at=datetime(2020, 1, 1, tzinfo=UTC)))
        sets.publish(tx, here, a_set(runs_until=None, measures=[MEASURE, SEEN, SEEN | dict(code="secret", small="sensitive"), ASKED]))
    return make


def close(make: Make, month: date, now: datetime = LATER) -> int:
    here = make.organisation()
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        return closing.close_month(tx, here, month)


def cells(make: Make) -> list[tuple[Any, ...]]:
    """Every byte of what is published."""
    kept = select(MonthClose.__table__, MeasureCell.__table__).join(MeasureCell, MeasureCell.close_id == MonthClose.id)
    return [tuple(row) for row in make.rows(kept.order_by(MonthClose.id, MeasureCell.measure, MeasureCell.breakdown, MeasureCell.position))]


def code_of(make: Make, month: date, now: datetime = LATER) -> str:
    with pytest.raises((Conflict, Invalid)) as caught:
        close(make, month, now)
    return caught.value.code


def test_what_is_published_is_what_was_so(council: Make) -> None:
    key = close(council, DECEMBER)
    whole = {row.measure: row for row in council.rows(select(MeasureCell.__table__).where(MeasureCell.breakdown == "all"))}
    assert (whole["headcount"].num, whole["seen"].num, whole["seen"].den) == (40, 4, 40)
    assert whole["seen"].hidden and not whole["headcount"].hidden
    assert "asked" not in whole, "what nobody gave is missing, not zero"
    row = council.row(MonthClose, key)
    assert (row.month_end, row.known_at, row.closed_at, row.closed_by, row.below) == (DECEMBER, LATER, LATER, None, 6)


def test_of_what_is_sensitive_no_hidden_number_is_stored(council: Make) -> None:
    close(council, DECEMBER)
    rows = council.rows(select(MeasureCell.__table__).where(MeasureCell.measure == "secret"))
    assert rows and all((row.num, row.den, row.num_people, row.den_people) == (None,) * 4 for row in rows if row.hidden)
    assert any(row.hidden for row in rows)
    assert all(row.num is not None for row in council.rows(select(MeasureCell.__table__).where(MeasureCell.measure == "seen")))


def test_only_in_its_turn(council: Make) -> None:
    assert code_of(council, date(2026, 12, 30)) == "not-a-month-end"
    assert code_of(council, DECEMBER, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == "month-not-over"
    assert code_of(council, date(2020, 1, 31)) == "no-measure-set"
    close(council, NOVEMBER)
    assert code_of(council, NOVEMBER) == "month-closed"
    assert code_of(council, JANUARY) == "month-out-of-turn"
    assert code_of(council, date(2026, 10, 31)) == "month-closed"
    close(council, DECEMBER)
    assert [row.month_end for row in council.rows(select(MonthClose.month_end).order_by(MonthClose.id))] == [NOVEMBER, DECEMBER]


def test_the_database_too_refuses_a_month_twice_and_changes(council: Make) -> None:
    close(council, DECEMBER)
    with council.tx(writes=False) as tx:
        row = dict(tx.one(select(MonthClose.__table__))._mapping)  # type: ignore[union-attr]
    with pytest.raises(Conflict) as caught, council.tx() as tx:
        tx.insert(MonthClose, **{name: value for name, value in row.items() if name != "id"})
    assert caught.value.code == "month-closed"
    for sql in (
        "UPDATE measure_cells SET num = 7",
        "DELETE FROM measure_cells",
        "UPDATE measure_closes SET below = 9",
        "DELETE FROM measure_closes",
    ):
        with pytest.raises((DatabaseError, Conflict)), council.tx() as tx:
            tx.db.execute(text(sql))


@pytest.mark.parametrize("months", [(DECEMBER, DECEMBER, DECEMBER), (NOVEMBER, DECEMBER)])
def test_of_those_who_close_at_once_one_wins(council: Make, months: tuple[date, ...]) -> None:
    here = council.organisation()
    came = at_once(*(doing(council.database, closing.close_month, here, month, now=LATER) for month in months for _ in "ab"))
    assert "done" in came and not [each for each in came if each.startswith("fault")], came
    closed = [row.month_end for row in council.rows(select(MonthClose.month_end).order_by(MonthClose.id))]
    assert len(closed) == came.count("done") == len(set(closed)) and closed == sorted(closed)
    found = council.rows(select(MeasureCell.close_id, func.count().label("n")).group_by(MeasureCell.close_id))
    assert len({row.n for row in found}) == 1 and len(found) == len(closed)


def _killed(url: str, organisation: int) -> None:
    """Dies when most of the figures are written."""
    written = lines.hidden

    def dying(measure: Any, *args: Any, **more: Any) -> Any:
        if measure.code == "secret":
            os.kill(os.getpid(), signal.SIGKILL)
        return written(measure, *args, **more)

    lines.hidden = dying
    with transaction(connect(url, pool=1), SYSTEM, writes=True, now=LATER) as tx:
        closing.close_month(tx, organisation, DECEMBER)


@pytest.mark.thorough
def test_whoever_is_killed_in_the_middle_leaves_nothing(council: Make) -> None:
    url, here = council.database.url, council.organisation()
    dying = multiprocessing.get_context("spawn").Process(target=_killed, args=(url, here))
    dying.start()
    dying.join(60)
    assert dying.exitcode == -signal.SIGKILL
    assert cells(council) == [] and council.rows(select(MonthClose.id)) == []
    close(council, DECEMBER)
    assert cells(council)


def test_nothing_that_is_written_later_changes_a_month(council: Make) -> None:
    """A thousand changes of every fact that was counted, corrections of the past included; what is closed after them is different."""
    close(council, NOVEMBER)
    before = cells(council)
    chance = random.Random(7)
    people = [row.id for row in council.rows(select(Person.id).order_by(Person.id))]
    teams = [row.unit_id for row in council.rows(select(Membership.unit_id).distinct())]
    with transaction(council.database, SYSTEM, writes=True, now=LATER) as tx:
        for _ in range(1000):
            who = chance.choice(people)
            what = chance.choice(("team", "stage", "leaves", "number"))
            if what == "team":
                tx.db.execute(update(Membership).where(Membership.person_id == who).values(unit_id=chance.choice(teams)))
            elif what == "stage":
                tx.db.execute(update(Stage).where(Stage.person_id == who).values(stage=chance.choice(("SW", "NQSW", "TM"))))
            elif what == "leaves":
                day = LONG_AGO + timedelta(days=chance.randrange(1, 3000))
                tx.db.execute(update(Post).where(Post.person_id == who, Post.valid_from < day).values(valid_to=day))
            else:
                tx.db.execute(update(Person).where(Person.id == who).values(employee_number=f"X{who}-{chance.randrange(10**6)}1"))
    here = council.organisation()
    with council.tx() as tx:
        sets.publish(tx, here, a_set(version=2, runs_until=None, below=12, measures=[MEASURE]))
    assert cells(council) == before
    close(council, DECEMBER)
    after = cells(council)
    assert after[: len(before)] == before and len(after) > len(before)
    (now,) = council.rows(
        select(MeasureCell.num).where(MeasureCell.breakdown == "all", MeasureCell.measure == "headcount", MeasureCell.close_id == 2)
    )
    assert now.num < 40, "the changes are seen by what is counted after them"


def test_each_month_keeps_the_set_it_was_counted_with(council: Make) -> None:
    here = council.organisation()
    close(council, NOVEMBER)
    with council.tx() as tx:
        sets.publish(tx, here, a_set(version=2, runs_until=None, below=12, measures=[MEASURE]))
    close(council, DECEMBER)
    rows = council.rows(select(MonthClose.set_id, MonthClose.below).order_by(MonthClose.id))
    assert [tuple(row) for row in rows] == [(1, 6), (2, 12)]


def test_only_who_manages_the_measures_of_the_organisation(council: Make) -> None:
    here, there = council.organisation(), council.organisation("Eastmarch", host=False)
    who = council.person().id
    for scope in (there, None):
        with transaction(council.database, Actor("person", who, roles=((PSW, there),)), writes=True, now=LATER) as tx:
            with pytest.raises((NotFound, Conflict)) as caught:
                closing.close_month(tx, here if scope else there, DECEMBER)
            assert caught.value.code in ("not-found", "no-measure-set")


# By itself -------------------------------------------------------------------------------------------------------------


def test_the_working_day_is_counted_without_weekends_and_bank_holidays() -> None:
    ten, first, never = (parsed(a_set(publishes_on=each)) for each in (10, 1, None))
    assert clock.due_at(ten, date(2026, 11, 30)) == datetime(2026, 12, 14, 6, tzinfo=UTC)
    assert clock.due_at(first, date(2026, 12, 31)) == datetime(2027, 1, 4, 6, tzinfo=UTC)  # New Year's Day is a Friday
    assert clock.due_at(first, date(2026, 7, 31)) == datetime(2026, 8, 3, 5, tzinfo=UTC)  # six in the morning of summer
    assert clock.due_at(never, DECEMBER) is None


def test_a_month_closes_by_itself_on_its_day_and_once(council: Make) -> None:
    day = clock.due_at(parsed(SET_10), DECEMBER)
    assert day is not None
    run = dict(jobs.TIMETABLE)["close-months"][1]

    def at(now: datetime) -> list[date]:
        with transaction(council.database, SYSTEM, writes=True, now=now) as tx:
            run(tx, now)
        return [row.month_end for row in council.rows(select(MonthClose.month_end).order_by(MonthClose.id))]

    assert at(day - timedelta(minutes=1)) == []
    assert at(day) == [DECEMBER]
    assert at(day + timedelta(days=1)) == [DECEMBER]
    assert at(day + timedelta(days=40)) == [DECEMBER, JANUARY]


SET_10 = a_set(publishes_on=10)


# Pages -----------------------------------------------------------------------------------------------------------------


def test_a_month_is_published_on_its_page(council: Make, sign_in: Any) -> None:
    browser = sign_in(council.person("Petra", roles=(PSW,), scope=council.organisation()))
    page = browser.get("/measure-months")
    assert page.status_code == 200 and "No month is published yet" in page.text
    here = council.organisation()
    with council.tx(writes=False) as tx:
        month = clock.next_month(tx, here)
    asked = browser.get("/measure-months/close")
    assert asked.status_code == 200 and "1 measure would be missing" in asked.text and "People asked" in asked.text
    assert browser.post("/measure-months/close", data={"month": month.isoformat()}).status_code == 303
    assert "of which" in browser.get("/measure-months").text
    again = browser.post("/measure-months/close", data={"month": month.isoformat()})
    assert again.status_code == 409 and "published already" in again.text
    assert browser.post("/measure-months/close", data={"month": "soon"}).status_code == 422
