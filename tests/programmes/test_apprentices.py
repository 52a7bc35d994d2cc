"""Who can be put on an apprenticeship, under which rules, and what that leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.frameworks import operations as frameworks
from app.programmes.apprentice_models import Apprenticeship, ProgressReview
from app.programmes.models import Enrolment
from app.programmes.operations import applying, changes
from app.programmes.operations.apprentices import decide_english_maths, enrol_apprentice
from seed.frameworks import prepared
from tests.factory import Make
from tests.programmes.apprentices import REFERENCE, Apprentice, apprentice, cohort_of, load_rules

NEW, OLD = date(2025, 9, 8), date(2024, 9, 9)
THEN = datetime(2025, 10, 1, 9, tzinfo=UTC)


def row(made: Apprentice) -> Any:
    return made.make.rows(select(Apprenticeship.__table__).where(Apprenticeship.enrolment_id == made.id))[0]


def reviews(made: Apprentice) -> list[date]:
    return [each.due_on for each in made.make.rows(select(ProgressReview.due_on).order_by(ProgressReview.number))]


def test_a_start_under_the_2025_rules(make: Make) -> None:
    made = apprentice(make, NEW, now=THEN, weekly_hours=Decimal("18.5"), prior_hours=30, prior_reason="A year as a family worker")
    found = row(made)
    assert (found.rule_code, found.planned_minutes, found.prior_minutes) == ("APP-2025", 450 * 60, 30 * 60)
    assert make.row(Enrolment, made.id).ends_on == date(2027, 3, 8)  # not stretched for part-time work
    assert reviews(made)[:2] == [date(2025, 12, 31), date(2026, 3, 31)] and len(reviews(made)) == 5


def test_a_start_under_the_2022_rules(make: Make) -> None:
    made = apprentice(make, OLD, now=datetime(2024, 10, 1, 9, tzinfo=UTC))
    found, enrolment = row(made), make.row(Enrolment, made.id)
    weeks = (enrolment.ends_on - OLD).days / 7
    assert found.rule_code == "APP-2022" and found.planned_minutes == pytest.approx(weeks * (1 - 5.6 / 52) * 360, abs=1)
    assert reviews(made)[0] == OLD + timedelta(weeks=12)


def test_nobody_starts_while_the_hours_are_not_entered(make: Make) -> None:
    load_rules(make, "app_st0868", figures=False)
    key = cohort_of(make, "APP-ST0868", NEW)
    somebody = make.person("Ada Prentice")
    with pytest.raises(Conflict, match="have not been entered"), make.tx() as tx:
        enrol_apprentice(tx, key, somebody.id, NEW, provider="College")
    earlier = cohort_of(make, "APP-ST0868", OLD)
    with make.tx() as tx:  # the older rules do not rest on that figure
        assert enrol_apprentice(tx, earlier, somebody.id, OLD, provider="College", moved_in=True)


def test_what_is_given_is_checked(make: Make) -> None:
    load_rules(make, "app_st0088")
    key = cohort_of(make, "APP-ST0088", NEW)
    somebody = make.person("Ada Prentice")
    wrong: tuple[dict[str, Any], ...] = (
        {"provider": " "},
        {"weekly_hours": Decimal(0)},
        {"prior_hours": 20},
        {"option": None},
        {"option": "Elsewhere"},
    )
    for more in wrong:
        with pytest.raises(Invalid), make.tx() as tx:
            enrol_apprentice(tx, key, somebody.id, NEW, **{"provider": "College", "option": "Residential", **more})
    with pytest.raises(Conflict, match="187 hours must be left"), make.tx() as tx:
        enrol_apprentice(tx, key, somebody.id, NEW, provider="College", option="Residential", prior_hours=400, prior_reason="Much")
    with pytest.raises(NotFound), make.tx() as tx:
        enrol_apprentice(tx, 999, somebody.id, NEW, provider="College")
    assert make.rows(select(Enrolment.id)) == []


def test_a_break_plans_the_reviews_anew(make: Make) -> None:
    made = apprentice(make, NEW, now=THEN)
    with made.coordinating(THEN) as tx:
        change = changes.propose_change(tx, made.id, "pause", date(2025, 11, 1), date(2026, 2, 1), "personal", "Family", {})
    for who in (made.apprentice, made.employer, made.provider):
        with made.as_(who, now=THEN) as tx:
            changes.agree(tx, change, True, "")
    assert reviews(made)[0] == date(2026, 3, 31)
    with made.coordinating(datetime(2025, 12, 1, 9, tzinfo=UTC)) as tx:
        applying.resume(tx, made.id, date(2025, 12, 2))
    assert reviews(made)[0] == date(2026, 1, 31)


def test_english_and_maths(make: Make) -> None:
    made = apprentice(make, NEW, now=THEN)
    with made.as_(made.provider, now=THEN) as tx:
        with pytest.raises(Conflict, match="19 or over"):
            decide_english_maths(tx, made.id, "not required", "They do not want to", adult=False)
        with pytest.raises(Invalid):
            decide_english_maths(tx, made.id, "not required", " ", adult=True)
        with pytest.raises(Invalid):
            decide_english_maths(tx, made.id, "perhaps", "Because", adult=True)
        decide_english_maths(tx, made.id, "not required", "24 years old; the three agreed", adult=True)
    found = row(made)
    assert (found.english_maths, found.english_maths_by) == ("not required", made.provider.id)
    with pytest.raises(Forbidden), made.as_(made.apprentice, now=THEN) as tx:
        decide_english_maths(tx, made.id, "met", "I say so", adult=True)
    with pytest.raises(NotFound), made.as_(make.person("Odd Other"), now=THEN) as tx:
        decide_english_maths(tx, made.id, "met", "I say so", adult=True)


def test_a_regulated_standard_needs_english_and_maths(make: Make) -> None:
    with make.tx() as tx:
        frameworks.publish_loaded(tx, frameworks.load(tx, prepared([REFERENCE / "standards.yaml"])))
    made = apprentice(make, NEW, programme="st0510", now=THEN)
    with pytest.raises(Conflict, match="registration"), made.coordinating(THEN) as tx:
        decide_english_maths(tx, made.id, "not required", "An adult", adult=True)
