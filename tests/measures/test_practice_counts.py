"""What is counted of reviews, supervision and caseloads, against a slow count of the same rows, and where its edges are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.core.db import Database
from app.measures.shown import value
from app.people import operations as people
from app.people.models import Absence, Post
from app.supervision.models import Caseload
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent
from tests.factory import Make
from tests.measures.test_learning_counts import agree, count, one

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_every_figure_of_practice_is_what_a_slow_count_of_the_rows_says(make: Make, database: Database) -> None:
    agree(make, database, "practice")


def holds(make: Make, person: int, children: int, on: date) -> None:
    """A count of children."""
    with make.tx() as tx:
        tx.insert(Caseload, person_id=person, on_date=on, children=children, source="case_system", recorded_at=tx.now)


def test_an_average_caseload_is_children_by_full_time_posts(make: Make) -> None:
    ann, ben, cal = (make.person(name) for name in ("Ann", "Ben", "Cal"))
    with make.tx() as tx:
        people.set_post(tx, ann.id, "Social worker", "permanent", 0.6, date(2021, 1, 1))
        tx.insert(
            Post,
            person_id=ann.id,
            job_title="Trainer",
            contract="permanent",
            fte=Decimal("0.145"),
            is_primary=False,
            valid_from=date(2021, 1, 1),
            recorded_at=LONG_AGO,
        )
    holds(make, ann.id, 15, date(2026, 3, 10))
    holds(make, ben.id, 19, date(2026, 1, 1))
    holds(make, ben.id, 18, date(2026, 3, 1))  # the newest counts
    holds(make, cal.id, 0, date(2026, 3, 1))  # holds none
    found = count(make, "caseload-average", date(2026, 3, 31))["all", ""]
    assert found == (3300, 175)  # 33 children; 0.745 of full time, which is 0.75 in hundredths, and 1
    assert value(one("caseload-average"), *found) == Decimal("18.9")
    assert count(make, "caseload-18", date(2026, 3, 31))["all", ""] == (2, 2)
    assert count(make, "caseload-18", date(2026, 2, 28))["all", ""] == (0, 1)
    assert count(make, "caseload-22", date(2026, 2, 28))["all", ""] == (1, 1)
    assert count(make, "caseload-22", date(2026, 7, 31)) == {}  # counts from before May are too old


def test_a_review_is_due_from_whoever_is_neither_new_nor_away_for_long(make: Make) -> None:
    """A year's reviews are counted from the day by which they are to be complete."""
    everybody: dict[str, Any] = dict(started_on=date(2020, 1, 1))
    done, _due, away, back = (make.person(name, **everybody) for name in ("Done", "Due", "Away", "Back"))
    _new, keen = (make.person(name, started_on=date(2026, 2, 1)) for name in ("New", "Keen"))
    ours = make.organisation()
    with make.tx() as tx:
        dates = dict(starts_on=date(2025, 4, 1), ends_on=date(2026, 3, 31), objectives_by=date(2025, 5, 31), mid_year_by=date(2025, 10, 31))
        more = dict(complete_by=date(2026, 4, 30), new_days=90, away_days=28, organisation_id=ours)
        cycle = tx.insert(PdrCycle, title="2025 to 2026", **dates, **more)
        for person in (done, keen, away):
            review = tx.insert(Pdr, person_id=person.id, cycle_id=cycle)
            tx.insert(PdrEvent, pdr_id=review, kind="complete", on_date=date(2026, 3, 20), recorded_at=LONG_AGO)
        for person, since in ((away, date(2026, 3, 1)), (back, date(2026, 4, 10))):
            tx.insert(Absence, person_id=person.id, valid_from=since, valid_to=date(2026, 9, 1), recorded_at=LONG_AGO)
    assert count(make, "pdr-complete", date(2026, 4, 29)) == {}  # the year is not over
    assert count(make, "pdr-complete", date(2026, 4, 30))["all", ""] == (2, 4)  # done and keen, of these, due and back
    assert count(make, "pdr-complete", date(2026, 5, 7))["all", ""] == (2, 4)
    assert count(make, "pdr-complete", date(2026, 5, 8))["all", ""] == (2, 3)  # back is away for 28 days
    assert count(make, "pdr-meeting", date(2026, 4, 30))["all", ""] == (2, 4)
    assert count(make, "pdr-meeting", date(2026, 3, 19))["all", ""] == (0, 4)  # mid-year reviews, which nobody held; nobody is away yet
