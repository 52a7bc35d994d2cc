"""Every figure of a report is what a slow count of the raw rows gives, at random month ends of random histories, or it is hidden."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.measures import sets
from app.measures.closing import close_month
from app.measures.definitions import Measure, MeasureSet, parsed
from app.reports import content, operations
from app.reports.models import BoardReport
from tests.factory import Make
from tests.measures import oracle
from tests.measures.counted import measures
from tests.measures.histories import History, begin

HISTORIES = int(os.environ.get("ACADEMY_REPORTS", "6"))
MONTHS = 3  # closed one after another, each as far as was recorded by another instant


def chosen(small: str | None) -> MeasureSet:
    """Every counted measure of the county, as it is defined, or all with the same rule for small numbers."""
    every = [measure for area in ("learning", "practice", "workforce") for measure in measures(area)]
    listed = [{**measure.model_dump(), **({"small": small} if small else {}), "grows": False} for measure in every if slow(measure)]
    head = dict(code="every-measure", version=1, title="All", strategy="All", runs_from="2015-01-01", runs_until=None, publishes_on=None)
    answers = [dict(each, answers=["All of it"] if n == 0 else [], themes=each["themes"]) for n, each in enumerate(listed)]
    theme = answers[0]["themes"][0]
    return parsed({**head, "constants": {"working-days-a-year": 253}, "success_measures": {theme: ["All of it"]}, "measures": answers})


def slow(measure: Measure) -> Any:
    """How it is counted slowly; None of what rests on imported figures."""
    try:
        return oracle.slow(measure.counts or "")
    except KeyError:
        return None


def month_of(chance: random.Random, history: History) -> date:
    day = chance.choice(history.days)
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def next_end(day: date) -> date:
    return ((day + timedelta(days=1)).replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def closed(database: Database, organisation: int, found: MeasureSet, first: date, chance: random.Random) -> list[tuple[date, datetime]]:
    """Months that were closed one after another: (month end, as far as was known)."""
    at = datetime.combine(first, time(6), UTC) + timedelta(days=3)
    with transaction(database, SYSTEM, writes=True, now=at) as tx:
        sets.publish(tx, organisation, found)
    done = []
    month = first
    for _ in range(MONTHS):
        at = datetime.combine(month, time(6), UTC) + timedelta(days=chance.choice((1, 3, 12)))
        with transaction(database, SYSTEM, writes=True, now=at) as tx:
            close_month(tx, organisation, month)
        done.append((month, at))
        month = next_end(month)
    return done


def said(measure: Measure, num: int, den: int) -> str:
    """The figure as a reader expects it, worked out here once more."""

    def rounded(number: Decimal, places: str) -> Decimal:
        return number.quantize(Decimal(places), ROUND_HALF_UP)

    if measure.unit in ("count", "score"):
        whole = measure.unit == "count" and measure.scale == 1
        return f"{rounded(Decimal(num) / measure.scale, '1' if whole else '0.1'):,}"
    if den == 0:
        return "z"
    if measure.unit == "average":
        return f"{rounded(Decimal(num) / den, '0.1'):,}"
    return f"{rounded(Decimal(100 * num) / den, '1' if measure.unit == 'share' else '0.1'):,}%"


def agree(one: Any, measure: Measure, sums: oracle.Figures, breakdown: str, key: str, known: str) -> bool:
    """Is a figure of the report the slow one? False where it is hidden."""
    if one["figure"] == "c":
        assert measure.small != "none" and one["num"] is None and one["den"] is None and one["of"] == "", known
        return False
    num, den = sums.get((breakdown, key), (0, 0))
    assert (one["num"], one["figure"]) == (num, said(measure, num, den)), (known, measure.code, breakdown, key)
    if measure.denominator is not None:
        assert one["den"] == den, (known, measure.code, breakdown, key)
    return True


@pytest.mark.thorough
@pytest.mark.parametrize("small", ["none", None])
def test_every_figure_is_what_a_slow_count_says(make: Make, database: Database, small: str | None) -> None:
    begin(make)
    found = chosen(small)
    shown = hidden = 0
    codes: set[str] = set()
    for seed in range(1, HISTORIES + 1):
        chance = random.Random(seed)
        history = History(seed)
        history.write(database)
        organisation = history.organisations[0]
        months = closed(database, organisation, found, month_of(chance, history), chance)
        raw = oracle.load(database)
        with transaction(database, SYSTEM, writes=True) as tx:
            key = operations.begin(tx, organisation, "board", months[-1][0])
            report = content.compose(tx, tx.get(BoardReport, key))
        last = max(row.close_id for row in raw.measure_cells)
        places: dict[str, list[tuple[str, str]]] = {}
        for row in sorted(
            (r for r in raw.measure_cells if r.close_id == last and r.breakdown != "all"), key=lambda r: (r.breakdown, r.position)
        ):
            places.setdefault(row.measure, []).append((row.breakdown, row.group_key))
        assert [one["code"] for one in report["measures"]] == [each.code for each in found.measures]
        for one in report["measures"]:
            measure = found.measure(one["code"])
            assert measure is not None
            count = slow(measure)
            sums = [count(raw, organisation, as_at, known_at) for as_at, known_at in months]
            known = f"history {seed}, {months}"
            figures = [(one, sums[-1], "all", "")]
            assert [month["month"] for month in one["trend"]] == [as_at.isoformat() for as_at, _ in months]
            figures += [(month, each, "all", "") for month, each in zip(one["trend"], sums, strict=True)]
            assert len(one["groups"]) == len(places.get(measure.code, []))
            figures += [(group, sums[-1], *place) for group, place in zip(one["groups"], places.get(measure.code, []), strict=True)]
            for figure, each, breakdown, place in figures:
                was_shown = agree(figure, measure, each, breakdown, place, known)
                shown, hidden = shown + was_shown, hidden + (not was_shown)
                codes |= {measure.code} if was_shown and figure["num"] else set()
            told = {place for place in sums[-1] if sums[-1][place] != (0, 0) and place[0] != "all"}
            assert told <= set(places.get(measure.code, [])), (known, measure.code)  # no group of the slow count is left out
    assert len(found.measures) >= 20
    assert shown > (300 if small == "none" else 60) * HISTORIES
    assert (hidden == 0) == (small == "none")
    if small == "none":
        assert len(codes) > 15, codes  # not only zeros were compared
