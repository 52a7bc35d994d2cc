"""What is counted of the workforce, against a slow count of the same rows, and where its edges are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import Integer, cast, insert, true, update

from app.core.db import FOREVER, Database
from app.measures import figures, inputs, sets, shown
from app.measures.counting import workforce
from app.measures.definitions import parsed
from app.measures.dimensions import Moment, month_end
from app.measures.input_models import MeasureInput
from app.measures.models import MeasureSetRow
from app.people.models import CareerStage, Membership, Post, Registration, Stage
from tests.factory import Make
from tests.measures import oracle
from tests.measures.counted import FOLDER, both, measures
from tests.measures.histories import History, begin
from tests.measures.oracle_workforce import imported
from tests.measures.test_learning_counts import HISTORIES, QUESTIONS

NEVER = datetime(2200, 1, 1, tzinfo=UTC)
EARLY = datetime(2020, 1, 1, tzinfo=UTC)
CONTRACTS = ("permanent", "permanent", "permanent", "fixed term", "agency", "student")
GIVEN = ("vacancies", "agency-covering", "days-lost")


def measure_set(**changed: Any) -> dict[str, Any]:
    """A set of what the county imports, running for ever."""
    imported = [each for each in yaml.safe_load((FOLDER / "imported.yaml").read_text())["measures"] if each["code"] in GIVEN]
    head = dict(code="test", version=1, title="T", strategy="T", runs_from="2021-01-01", runs_until=None, success_measures={})
    return {**head, "constants": {"working-days-a-year": 253}, "measures": imported, **changed}


class Workforce(History):
    """A history with every contract, short breaks between posts, a measure set, and what others gave month by month, with corrections."""

    def __post_init__(self) -> None:
        super().__post_init__()
        chance = self.chance
        for model, row in self.rows:
            if model is Post and row.get("is_primary", True):
                row["contract"] = chance.choice(CONTRACTS)
                later = row["valid_from"] + timedelta(days=chance.choice((0, 0, 3, 6, 7, 8)))
                row["valid_from"] = later if later < row["valid_to"] else row["valid_from"]
            if model is Registration and chance.random() < 0.6:
                row["status"] = "registered"
        for organisation in self.organisations:
            key = next(self.next)
            dates = dict(runs_from=date(2021, 1, 1), runs_until=None, published_at=EARLY)
            content = parsed(measure_set()).model_dump(mode="json", exclude_defaults=True)
            self.rows.append(
                (MeasureSetRow, dict(id=key, organisation_id=organisation, code="test", version=1, title="T", content=content, **dates))
            )
            self._given(organisation)

    def _given(self, organisation: int) -> None:
        """The whole, the parts, or both; the parts of the first organisation's tree lie in each other, and only one is given at a time."""
        chance = self.chance
        parts = [self.unit[4], self.unit[3]] if organisation == self.organisations[0] else [self.unit[5]]
        month = date(2021, 1, 31)
        while month < date(2027, 8, 1):
            for code in GIVEN:
                if chance.random() < (0.01 if code == "days-lost" else 0.1):
                    continue
                part = chance.choice(parts)
                kinds = [(None,), (part,), (None, part)] if code != "days-lost" else [(None,)]
                for unit in chance.choice(kinds):
                    least = 500 if unit is None else 0
                    for fact in self.versions_of(month, lambda least=least: dict(num=least + chance.randrange(400))):
                        said = dict(organisation_id=organisation, measure=code, month_end=month, unit_id=unit, num=fact["num"], source="S")
                        times = dict(recorded_at=fact["recorded_at"], superseded_at=fact["superseded_at"])
                        self.rows.append((MeasureInput, {**said, **times}))
            month = month_end(month + timedelta(days=1))


Shown = dict[str, set[str]]


def disagreements(make: Make, database: Database, seeds: int, seen: Shown) -> Iterator[Any]:
    """Where the quick count is not the slow one, history by history; `seen` gathers what they show of each measure."""
    begin(make)
    with make.tx() as tx:  # one of the stages is outside social work
        tx.db.execute(update(CareerStage).where(CareerStage.code == "EXP").values(stage_group="support"))
    for seed in range(1, seeds + 1):
        history = Workforce(seed)
        history.write(database)
        raw = oracle.load(database)
        with make.tx(writes=False) as tx:
            for _ in range(QUESTIONS):
                as_at, known_at = history.moment()
                for organisation in history.organisations:
                    for measure in measures("workforce"):
                        quick, slow = both(tx, raw, measure, organisation, as_at, known_at)
                        if quick != slow:
                            yield seed, measure.code, organisation, as_at, known_at, quick, slow
                        num, den = slow[0].get(("all", ""), (0, 0))
                        seen.setdefault(measure.code, set()).update({"some"} if num else set(), {"not all"} if num != den else set())


@pytest.mark.thorough
def test_every_figure_of_the_workforce_is_what_a_slow_count_of_the_rows_says(make: Make, database: Database) -> None:
    seen: Shown = {}
    assert next(disagreements(make, database, HISTORIES, seen), None) is None
    plain = {measure.code for measure in measures("workforce") if measure.denominator is None}
    for measure in measures("workforce"):
        assert seen[measure.code] >= ({"some"} if measure.code in plain else {"some", "not all"}), measure.code


FAULTS: dict[str, tuple[str, Any, set[str]]] = {
    "any break ends service": ("BREAK", 1, {"stability-one-year"}),
    "no break ends service": ("BREAK", 400, {"stability-one-year"}),
    "fixed-term people are no staff": ("STAFF", ("permanent",), {"fte-everybody", "turnover-headcount"}),
    "a suspended social worker is none": ("ON_REGISTER", ("registered", "conditions"), {"turnover-census"}),
    "support workers are social workers": ("OUTSIDE", (), {"fte-in-post", "vacancy-rate"}),
    "what was recorded later is known before": ("recorded", lambda *_: true(), {"turnover-census", "stability-one-year"}),
    "hours are not rounded": ("thousandths", lambda column: cast(column * 1000, Integer) - 4, {"fte-everybody"}),
}


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_count_is_found(make: Make, database: Database, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if not database.sqlite:
        return
    name, value, measures_hit = FAULTS[fault]
    monkeypatch.setattr(workforce, name, value)
    unseen = set(measures_hit)
    for each in disagreements(make, database, 12, {}):  # as many histories as it takes, and no more
        unseen.discard(each[1])
        if not unseen:
            return
    assert unseen == set()


# Edges, by hand ------------------------------------------------------------------------------------------------------

YEAR_END = date(2025, 9, 30)


class Office:
    """One organisation with two teams, and people put into it row by row."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self.organisation = make.organisation()
        self.north, self.south = make.unit("North"), make.unit("South")
        with make.tx() as tx:
            stages = (("SUP", 10, "support"), ("SW", 40, "practitioner"), ("TM", 80, "manager"))
            tx.insert_many(CareerStage, [dict(code=code, title=code, rank=rank, stage_group=group) for code, rank, group in stages])

    def person(self, *posts: tuple[Any, ...], stage: str = "SW", status: str = "registered", **more: Any) -> int:
        """Posts are (from, to, contract, fte[, primary]); the rest holds from long ago."""
        key = int(self.make.person(account=False).id)
        with self.make.tx() as tx:
            tx.db.execute(update(Post).where(Post.person_id == key).values(superseded_at=EARLY, recorded_at=EARLY))
            span = dict(person_id=key, valid_from=date(2015, 1, 1), valid_to=FOREVER, recorded_at=EARLY)
            for begins, ends, contract, fte, *primary in posts:
                job = dict(job_title="J", contract=contract, fte=fte, is_primary=primary != [False], valid_from=begins, valid_to=ends)
                tx.insert(Post, person_id=key, recorded_at=EARLY, **job)
            for turn, (unit, begins) in enumerate(more.get("teams", [(self.north, date(2015, 1, 1))])):
                following = [*more.get("teams", [None])[turn + 1 :], (None, FOREVER)]
                tx.insert(Membership, **{**span, "unit_id": unit, "valid_from": begins, "valid_to": following[0][1]})
            tx.insert(Stage, stage=stage, **span)
            tx.insert(Registration, status=status, **span)
        return key

    def figure(self, code: str, as_at: date = YEAR_END, known_at: datetime = NEVER) -> dict[str, tuple[int, int]]:
        """Numerator and denominator for all, and by the teams' keys where not nothing."""
        measure = next(each for each in measures("workforce") if each.code == code)
        with self.make.tx(writes=False) as tx:
            found = figures.count(tx, measure, self.organisation, Moment(as_at, known_at))
        names = {"": "all", str(self.north): "north", str(self.south): "south"}
        found_ = {names[each.key]: (each.num, each.den) for each in found if each.breakdown in ("all", "tree") and each.key in names}
        return {key: value for key, value in found_.items() if value != (0, 0)}


LONG = date(2016, 4, 1)


def test_whoever_is_back_on_the_day_has_not_left_and_a_leaver_stands_where_they_last_were(make: Make) -> None:
    office = Office(make)
    office.person((LONG, FOREVER, "permanent", 1))
    office.person((LONG, date(2025, 1, 1), "permanent", 1), (date(2025, 6, 1), FOREVER, "permanent", 0.5))  # left and came back
    office.person((LONG, date(2025, 3, 1), "permanent", 0.8), teams=[(office.north, LONG), (office.south, date(2025, 2, 1))])
    office.person((LONG, date(2024, 10, 1), "permanent", 1))  # their last day was that of the year before
    office.person((LONG, date(2024, 9, 30), "permanent", 1))  # gone before the year began
    office.person((LONG, date(2025, 10, 1), "permanent", 1))  # here on the day, which is their last
    office.person((LONG, date(2025, 5, 1), "permanent", 1), (date(2025, 12, 1), FOREVER, "permanent", 1))  # comes back later
    office.person((LONG, date(2025, 5, 1), "fixed term", 1), (date(2025, 5, 1), FOREVER, "permanent", 1))  # another contract
    left = {"all": (80 + 100 + 100, 350), "north": (200, 350), "south": (80, 0)}
    assert office.figure("turnover-census") == left
    assert office.figure("turnover-census", date(2025, 12, 31))["all"] == (80 + 100, 350)


def test_to_go_on_as_an_agency_worker_is_to_leave_the_staff(make: Make) -> None:
    office = Office(make)
    office.person((LONG, date(2025, 3, 1), "permanent", 1), (date(2025, 3, 1), FOREVER, "agency", 1))
    office.person((LONG, FOREVER, "permanent", 0.6), (LONG, FOREVER, "agency", 0.4, False))  # one person by the main post, hours of both
    office.person((LONG, FOREVER, "student", 1))
    assert office.figure("turnover-census")["all"] == (100, 100)
    assert office.figure("agency-rate")["all"] == (100, 200)
    assert office.figure("agency-share")["all"] == (1, 2)
    assert office.figure("headcount")["all"] == (3, 3)


def test_who_is_a_social_worker(make: Make) -> None:
    office = Office(make)
    for status in ("registered", "conditions", "suspended", "removed", "not registered"):
        office.person((LONG, FOREVER, "permanent", 1), status=status)
    office.person((LONG, FOREVER, "permanent", 1), stage="SUP")
    assert office.figure("social-work-headcount")["all"] == (3, 3)
    assert office.figure("fte-everybody")["all"] == (600, 600)


@pytest.mark.parametrize(("gap", "stays"), [(0, 1), (2, 1), (6, 1), (7, 0), (60, 0)])
def test_a_break_of_a_week_ends_service(make: Make, gap: int, stays: int) -> None:
    office = Office(make)
    again = date(2025, 8, 30) + timedelta(days=gap)
    office.person((LONG, date(2025, 8, 30), "fixed term", 1), (again, FOREVER, "permanent", 1))
    as_at = date(2025, 10, 31) if gap == 60 else YEAR_END
    assert office.figure("stability-one-year", as_at)["all"] == (stays, 1)


@pytest.mark.parametrize(("begins", "one", "two"), [(date(2024, 9, 30), 1, 0), (date(2024, 10, 1), 0, 0), (date(2023, 9, 30), 1, 1)])
def test_a_year_of_service_is_full_on_its_day(make: Make, begins: date, one: int, two: int) -> None:
    office = Office(make)
    office.person((begins, FOREVER, "permanent", 1))
    assert office.figure("stability-one-year")["all"] == (one, 1)
    assert office.figure("stability-two-years")["all"] == (two, 1)


def test_a_move_that_is_still_to_come_has_not_happened_and_a_late_correction_is_not_known_before(make: Make) -> None:
    office = Office(make)
    moves = [(office.north, LONG), (office.south, date(2025, 10, 1))]
    who = office.person((LONG, FOREVER, "permanent", 1), teams=moves)
    assert office.figure("headcount") == {"all": (1, 1), "north": (1, 1)}
    assert office.figure("headcount", date(2025, 10, 1)) == {"all": (1, 1), "south": (1, 1)}
    late = datetime(2025, 11, 5, 9, tzinfo=UTC)
    with make.tx() as tx:  # in November it is learnt that they had left in September
        tx.db.execute(update(Post).where(Post.person_id == who, Post.superseded_at.is_(None)).values(superseded_at=late))
        said = dict(person_id=who, job_title="J", contract="permanent", fte=1, valid_from=LONG, valid_to=date(2025, 9, 15))
        tx.db.execute(insert(Post), dict(said, recorded_at=late))
    assert office.figure("turnover-census", YEAR_END, late - timedelta(seconds=1)) == {"all": (0, 100), "north": (0, 100)}
    assert office.figure("turnover-census", YEAR_END, late) == {"all": (100, 0), "north": (100, 0)}


def test_average_headcount_is_of_twelve_month_ends_each_in_the_team_of_then(make: Make) -> None:
    office = Office(make)
    office.person((date(2025, 4, 1), FOREVER, "permanent", 1), teams=[(office.north, LONG), (office.south, date(2025, 7, 1))])
    office.person((LONG, date(2025, 1, 31), "permanent", 1))  # gone by the last day of January: at three month ends
    average = office.figure("turnover-headcount")
    assert average == {"all": (100, 25 + 25 + 25), "north": (100, 25 + 25), "south": (0, 25)}


def test_the_shares_in_words(make: Make) -> None:
    """2.7 of 34.0 full-time equivalents is 7.9%."""
    measure = next(each for each in measures("workforce") if each.code == "turnover-census")
    assert str(shown.value(measure, 270, 3400)) == "7.9"


def test_no_vacancy_rate_is_made_up_where_nobody_gave_vacancies(make: Make) -> None:
    office = Office(make)
    office.person((LONG, FOREVER, "permanent", 1))
    with make.tx() as tx:
        sets.publish(tx, office.organisation, measure_set())
    assert office.figure("vacancy-rate") == {}
    said = dict(organisation_id=office.organisation, measure="vacancies", source="S", recorded_at=EARLY)
    with make.tx() as tx:
        tx.insert(MeasureInput, month_end=date(2025, 8, 31), unit_id=None, num=100, **said)
    assert office.figure("vacancy-rate") == {}  # of another month
    with make.tx() as tx:
        tx.insert(MeasureInput, month_end=YEAR_END, unit_id=office.north, num=50, **said)
        tx.insert(MeasureInput, month_end=YEAR_END, unit_id=None, num=80, **said)
    assert office.figure("vacancy-rate") == {"all": (80, 180), "north": (50, 150)}
    assert office.figure("vacancies-agency-covered") == {}
    assert office.figure("absence-rate") == {}


def test_imported_figures_stand_as_a_slow_reading_of_the_rows_has_them(make: Make, database: Database) -> None:
    begin(make)
    seen: dict[str, int] = {"nothing": 0, "whole": 0, "parts": 0, "rest": 0}
    for seed in range(1, HISTORIES + 1):
        history = Workforce(seed)
        history.write(database)
        raw = oracle.load(database)
        listed = [each for each in parsed(measure_set()).measures if each.code in GIVEN]
        with make.tx(writes=False) as tx:
            for _ in range(3 * QUESTIONS):
                as_at, known_at = history.moment()
                for organisation in history.organisations:
                    for measure in listed:
                        asked = measure.model_copy(update={"every": history.chance.choice((1, 3, 12)), "breakdowns": ("tree",)})
                        found = inputs.figures(tx, asked, organisation, Moment(as_at, known_at))
                        quick = {(each.breakdown, each.key): each.num for each in found}
                        slow = imported(raw, organisation, asked.code, asked.every, as_at, known_at)
                        assert quick == slow, (seed, asked.code, asked.every, organisation, as_at, known_at)
                        kind = "nothing" if not slow else "whole" if len(slow) == 1 else "rest" if ("tree", "none") in slow else "parts"
                        seen[kind] += 1
    assert all(seen.values()), seen
