"""Completions: their last day, refreshers that renew, and what settling a session leaves alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ledger import Audit
from app.learning import completing
from app.learning.completing import Learnt
from app.learning.models import Certificate, Completion, Course, LearningRecord
from tests.factory import Make

DAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("on", "months", "last"),
    [
        (date(2026, 1, 31), 12, date(2027, 1, 31)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 8, 31), None, None),
    ],
)
def test_the_last_day_is_inclusive(on: date, months: int | None, last: date | None) -> None:
    assert completing.last_day(on, months) == last


def completions(make: Make) -> list[tuple[int, int, date | None, int | None, bool]]:
    found = make.rows(select(Completion.__table__).order_by(Completion.id))
    return [(row.person_id, row.course_id, row.expires_on, row.by_course_id, row.superseded_at is None) for row in found]


def test_a_refresher_renews_what_it_renews_for_those_who_had_completed_it(make: Make) -> None:
    refresher = make.course("Safeguarding refresher", validity_months=24)
    first = make.course("Safeguarding", validity_months=36, refresher_id=refresher.id)
    other = make.course("Court skills", validity_months=12)
    ann, bob = make.person("Ann"), make.person("Bob")
    make.completion(ann.id, first.id, date(2020, 1, 5), date(2023, 1, 5))  # lapsed, and renewed all the same
    make.completion(ann.id, first.id, date(2022, 1, 5), date(2025, 1, 5))
    make.completion(bob.id, other.id, date(2025, 1, 5))
    with make.tx() as tx:
        made = completing.complete(tx, tx.get(Course, refresher.id), {ann.id: DAY, bob.id: DAY}, "attendance")
    assert set(made) == {ann.id, bob.id}
    assert completions(make)[3:] == [
        (ann.id, refresher.id, date(2028, 3, 10), None, True),
        (bob.id, refresher.id, date(2028, 3, 10), None, True),
        (ann.id, first.id, date(2029, 3, 10), refresher.id, True),
    ]
    assert all(row[4] for row in completions(make)[:3])  # earlier ones stay
    assert len(make.rows(select(Certificate.id))) == 2  # of the refresher, which they attended


def test_settling_twice_changes_nothing(make: Make) -> None:
    course, ann = make.course(validity_months=12), make.person("Ann")
    learnt = [Learnt(booking_id=7, person_id=ann.id, on_date=DAY, minutes=90, full=True)]
    for _ in range(2):
        with make.tx() as tx:
            completing.settle(tx, 3, course.id, learnt, "The register was finished")
    assert len(completions(make)) == 1 and len(make.rows(select(LearningRecord.id))) == 1


def test_a_course_that_attendance_does_not_complete_leaves_only_the_record(make: Make) -> None:
    course, ann = make.course(completes=False, bucket="social"), make.person("Ann")
    with make.tx() as tx:
        completing.settle(tx, 3, course.id, [Learnt(7, ann.id, DAY, 90, full=True)], "The register was finished")
    assert completions(make) == []
    assert [(row.bucket, row.title) for row in make.rows(select(LearningRecord.__table__))] == [("social", course.title)]


def test_a_correction_supersedes_the_renewal_too(make: Make) -> None:
    refresher = make.course("Refresher", validity_months=12)
    first = make.course("First", validity_months=12, refresher_id=refresher.id)
    ann = make.person("Ann")
    make.completion(ann.id, first.id, date(2025, 3, 1), date(2026, 3, 1))
    for full, minutes in ((True, 120), (False, 60), (False, None)):
        with make.tx() as tx:
            completing.settle(tx, 3, refresher.id, [Learnt(7, ann.id, DAY, minutes, full)], "Left at lunch")
    assert [row[4] for row in completions(make)] == [True, False, False]
    records = make.rows(select(LearningRecord.minutes, LearningRecord.superseded_at).order_by(LearningRecord.id))
    assert [(row.minutes, row.superseded_at is None) for row in records] == [(120, False), (60, False)]
    reasons: list[Any] = make.rows(select(Audit.facts).where(Audit.action == "completion.superseded"))
    assert [row.facts["reason"] for row in reasons] == ["Left at lunch"] * 2
