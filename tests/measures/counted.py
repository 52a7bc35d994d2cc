"""The quick count of a measure beside the slow one."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any

import yaml

from app.core.config import ROOT
from app.core.tx import Tx
from app.measures import figures
from app.measures.definitions import Measure
from app.measures.dimensions import Moment
from tests.measures import oracle

FOLDER = ROOT / "seed" / "reference" / "measures"


@cache
def measures(area: str) -> tuple[Measure, ...]:
    """The measures of one of the county's files that are counted, each with every breakdown."""
    listed = yaml.safe_load((FOLDER / f"{area}.yaml").read_text())["measures"]
    every = {"breakdowns": ("tree", "stage", "contract")}
    return tuple(Measure.model_validate({**each, **every}) for each in listed if each.get("counts"))


Sums = dict[tuple[str, str], tuple[int, int]]


def both(tx: Tx, raw: oracle.Raw, measure: Measure, organisation_id: int, as_at: date, known_at: datetime) -> tuple[Any, Any]:
    """((figures, people) counted quickly, the same counted slowly); groups of nobody are left out of both."""
    assert measure.counts is not None
    found = figures.count(tx, measure, organisation_id, Moment(as_at, known_at))
    quick = {(each.breakdown, each.key): (each.num, each.den) for each in found}
    assert len(quick) == len(found), "two groups have one key"
    slow = oracle.slow(measure.counts)(raw, organisation_id, as_at, known_at)
    people = oracle.people(measure.counts, raw, organisation_id, as_at, known_at)
    told = (found[0].num_people or 0, found[0].den_people or 0)
    return (_some(quick), told), (_some(slow), people)


def _some(sums: Sums) -> Sums:
    return {key: value for key, value in sums.items() if value != (0, 0)}
