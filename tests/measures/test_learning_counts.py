"""What is counted of learning and careers, against a slow count of the same rows, and where its edges are."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import false, func, select

from app.bookings.models import Booking, Session
from app.core.config import ROOT
from app.core.db import Database
from app.measures import figures
from app.measures.counting import enrolled, learning, practice
from app.measures.definitions import Measure
from app.measures.dimensions import Moment
from app.pathways.models import Progression
from app.people import operations as people
from app.people.models import Post
from app.programmes.models import Plan
from tests.conftest import THOROUGH
from tests.factory import Make
from tests.measures import oracle
from tests.measures.counted import both, measures
from tests.measures.histories import NEVER, History, begin

HISTORIES = int(os.environ.get("ACADEMY_MEASURES", "0")) or (6 if THOROUGH else 2)
QUESTIONS = 12


def agree(make: Make, database: Database, area: str) -> None:
    """Every figure of every measure of an area is the slow one's, on random days as far as was known at random instants."""
    begin(make)
    shown: dict[str, set[str]] = {measure.code: set() for measure in measures(area)}
    for seed in range(1, HISTORIES + 1):
        history = History(seed)
        history.write(database)
        raw = oracle.load(database)
        with make.tx(writes=False) as tx:
            for _ in range(QUESTIONS):
                as_at, known_at = history.moment()
                for organisation in history.organisations:
                    for measure in measures(area):
                        quick, slow = both(tx, raw, measure, organisation, as_at, known_at)
                        assert quick == slow, (seed, measure.code, organisation, as_at, known_at)
                        num, den = slow[0].get(("all", ""), (0, 0))
                        shown[measure.code] |= {"some" if num else "none"} if den else {"nobody"}
                        shown[measure.code] |= {"not all"} if num < den else set()
    for code, kinds in shown.items():  # the histories show everything there is
        assert kinds >= ({"some"} if code == "caseload-average" else {"some", "not all"}), (code, kinds)


@pytest.mark.thorough
def test_every_figure_of_learning_is_what_a_slow_count_of_the_rows_says(make: Make, database: Database) -> None:
    agree(make, database, "learning")


# Faults that the comparison must find --------------------------------------------------------------------------------


def _as_now(table: Any, known_at: datetime) -> Any:
    return table.superseded_at.is_(None)


def _states_of_today(moment: Moment) -> Any:
    its = select(Booking.person_id, Booking.status.label("state")).join(Session, Session.id == Booking.session_id)
    return its.where(*learning._ended(moment)).subquery("held")


def _everybody(organisation_id: int, moment: Moment) -> Any:
    return select(Post.person_id).where(Post.is_primary).distinct()


def _never(*_: Any) -> Any:
    return false()


def _newest_plans(_: Moment) -> Any:
    newest = select(Plan.enrolment_id, func.max(Plan.ends_on).label("ends_on")).group_by(Plan.enrolment_id)
    return newest.subquery("plan_in_force")


FAULTS: list[tuple[str, ModuleType, str, Any]] = [
    ("progression", learning, "recorded", _as_now),
    ("progression", learning, "_within", lambda day, moment: day <= moment.as_at),
    ("sessions-completed", learning, "_held", _states_of_today),
    ("sessions-completed", learning, "DUE", (*learning.DUE, "excused")),
    ("sessions-completed", learning, "employed", _everybody),
    ("learning-take-up", learning, "CAME", ("attended",)),
    ("programmes-completed", enrolled, "standing_still", _never),
    ("programmes-completed", enrolled, "plans", _newest_plans),
    ("asye-under-18", enrolled, "gone", _never),
    ("pdr-complete", practice, "recorded", _as_now),
    ("pdr-complete", practice, "known", _never),
    ("caseload-22", practice, "recorded", _as_now),
    ("caseload-18", practice, "_lately", lambda as_at: date(as_at.year - 1, 1, 1)),
    ("supervision-held", practice, "_lately", lambda as_at: date(as_at.year - 1, 1, 1)),
    ("asye-under-18", practice, "EARLY_CAREER", "leadership"),
]


@pytest.mark.thorough
def test_the_comparison_finds_faults(make: Make, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(make)
    histories = [History(seed) for seed in (2, 3, 4)]
    for history in histories:
        history.write(database)
    raw = oracle.load(database)
    listed = {measure.code: measure for area in ("learning", "practice") for measure in measures(area)}
    moments = [(each.organisations[0], *each.moment()) for _ in range(60) for each in histories]
    with make.tx(writes=False) as tx:
        for code, module, name, fault in FAULTS:
            with monkeypatch.context() as planted:
                planted.setattr(module, name, fault)
                found = (both(tx, raw, listed[code], *moment) for moment in moments)
                assert any(quick != slow for quick, slow in found), f"nobody noticed {code}: {name}"


# Plain cases ---------------------------------------------------------------------------------------------------------


def one(code: str) -> Measure:
    """A measure by its code."""
    return next(measure for area in ("learning", "practice") for measure in measures(area) if measure.code == code)


def count(make: Make, code: str, day: date, known_at: datetime = NEVER) -> dict[tuple[str, str], tuple[int, int]]:
    """Its figures on a day, without groups of nobody."""
    with make.tx(writes=False) as tx:
        found = figures.count(tx, one(code), make.organisation(), Moment(day, known_at))
    return {(each.breakdown, each.key): (each.num, each.den) for each in found if each.den}


def test_a_promotion_counts_where_somebody_stood_when_the_year_began_and_once_it_is_known(make: Make) -> None:
    here, there = make.unit("Here"), make.unit("There")
    ann = make.person("Ann", team=here, stage="SW")
    make.person("Ben", team=there, stage="SW")
    with make.tx() as tx:
        people.set_team(tx, ann.id, there, date(2026, 2, 1))
        moved = dict(from_stage="SW", to_stage="EXP", mechanism="panel", kind="promotion")
        tx.insert(Progression, person_id=ann.id, on_date=date(2026, 3, 1), recorded_at=datetime(2026, 3, 9, tzinfo=UTC), **moved)
        tx.db.execute(Post.__table__.update().values(recorded_at=datetime(2020, 1, 1, tzinfo=UTC)))
    found = count(make, "promotion", date(2026, 3, 31))
    assert (found["all", ""], found["tree", str(here)], found["tree", str(there)]) == ((1, 2), (1, 1), (0, 1))
    assert count(make, "promotion", date(2026, 3, 31), datetime(2026, 3, 8, tzinfo=UTC))["all", ""] == (0, 2)
    assert count(make, "promotion", date(2027, 2, 28))["all", ""] == (1, 2)  # from 1 March 2026 on
    assert count(make, "promotion", date(2027, 3, 1))["all", ""] == (0, 2)  # from 2 March 2026 on


def test_a_change_of_job_is_a_progression_and_no_promotion(make: Make) -> None:
    ann = make.person("Ann", stage="SW")
    with make.tx() as tx:
        people.set_post(tx, ann.id, "Senior practitioner", "permanent", 1, date(2026, 3, 1))
    assert count(make, "promotion", date(2026, 3, 31))["all", ""] == (0, 1)
    assert count(make, "progression", date(2026, 3, 31))["all", ""] == (1, 1)


def test_without_anybody_nothing_is_counted(make: Make) -> None:
    make.organisation()
    for area in ("learning", "practice"):
        for measure in measures(area):
            assert count(make, measure.code, date(2026, 3, 31)) == {}


def test_the_guide_says_what_each_of_them_counts() -> None:
    guide = (ROOT / "docs" / "measures-defined.md").read_text()
    for area in ("learning", "practice"):
        for measure in measures(area):
            assert f"`{measure.code}`" in guide, measure.code
