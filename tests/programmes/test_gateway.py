"""Two apprenticeships from the first day to the result, one under the 2022 and one under the 2025 rules; and what keeps one from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.frameworks.models import Ksb
from app.programmes.apprentice_measures import safeguarding
from app.programmes.apprentice_models import Apprenticeship, OtjHours, ProgressReview
from app.programmes.checklist import checklist, checklists
from app.programmes.models import Enrolment
from app.programmes.operations import gateway, hours, judging, reviews
from app.programmes.operations.apprentices import decide_english_maths
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Entry
from seed.portfolio_life import Life
from tests.factory import Make
from tests.programmes.apprentices import Apprentice, apprentice


def at(day: date) -> datetime:
    return datetime.combine(day, time(9), UTC)


def lines(made: Apprentice, day: date) -> dict[str, tuple[str, str]]:
    with made.coordinating(at(day)) as tx:
        return {line.code: (line.state, line.words) for line in checklist(tx, made.id).lines}


def trained(made: Apprentice, day: date, until: date | None) -> None:
    made.make.completion(made.apprentice.id, made.make.course(f"Safeguarding {day}", kind="safeguarding").id, day, until)


def all_the_hours(made: Apprentice, start: date, minutes: int) -> None:
    """Days of six hours from the start on until it is enough, which employer and apprentice wrote and verified one by one elsewhere."""
    days = range(-(-minutes // 360))
    values = dict(enrolment_id=made.id, minutes=360, activity="taught", words="Module", source="own", recorded_at=at(start))
    people = dict(recorded_by=made.apprentice.id, verified_by=made.provider.id, verified_at=at(start))
    with made.make.tx() as tx:
        tx.db.execute(insert(OtjHours), [values | people | dict(on_date=start + timedelta(days=n)) for n in days])


def shown(made: Apprentice, day: date) -> None:
    """Every knowledge, skill and behaviour is claimed with one piece of evidence and confirmed."""
    with made.as_(made.apprentice, now=at(day)) as tx:
        entry = hours.log(tx, made.id, day, 60, "practice", "Led a family meeting")
        standard = tx.scalar(select(Apprenticeship.standard_id).where(Apprenticeship.enrolment_id == made.id))
        ids = [row.id for row in tx.rows(select(Ksb.id).where(Ksb.standard_id == standard))]
        assert gateway.claim(tx, made.id, ids, hours_id=entry) == len(ids) == 5
        assert gateway.claim(tx, made.id, ids, hours_id=entry) == 0
        claims = [row.id for row in gateway.claims(tx, made.id)]
    with made.as_(made.employer, now=at(day)) as tx:
        assert gateway.confirm(tx, made.id, claims) == 5
        with pytest.raises(Invalid):
            gateway.confirm(tx, made.id, claims)
    with made.as_(made.apprentice, now=at(day)) as tx:
        assert {(row.claimed, row.confirmed) for row in gateway.coverage(tx, made.id, standard)} == {(1, 1)}


def signed(made: Apprentice, code: str, day: date) -> None:
    life = Life(made.make.database, at(day))
    assert life.finish(made.id, life.begin(made.id, code)) == "final"


def reviewed(made: Apprentice, day: date) -> None:
    with made.as_(made.provider, now=at(day)) as tx:
        document = reviews.hold(tx, made.id, day)
    assert Life(made.make.database, at(day)).finish(made.id, document) == "final"


@pytest.mark.parametrize(
    ("starts_on", "rule", "first_review", "second_review", "minimum_months"),
    [
        (date(2025, 9, 8), "APP-2025", date(2025, 12, 31), date(2026, 3, 31), 8),
        (date(2024, 9, 9), "APP-2022", date(2024, 12, 2), date(2025, 2, 24), 12),
    ],
)
def test_from_the_first_day_to_the_result(
    make: Make, starts_on: date, rule: str, first_review: date, second_review: date, minimum_months: int
) -> None:
    first = starts_on + timedelta(days=3)
    made = apprentice(make, starts_on, now=at(first))
    found = make.rows(select(Apprenticeship.__table__))[0]
    assert found.rule_code == rule
    # the first weeks: the plan is signed by all three, English and maths are decided
    signed(made, "TP", first)
    with made.as_(made.employer, now=at(first)) as tx:
        decide_english_maths(tx, made.id, "not required", "An adult; the three agreed", adult=True)
    # reviews by the rule
    planned = make.rows(select(ProgressReview.due_on).order_by(ProgressReview.number))
    assert planned[0].due_on == first_review
    reviewed(made, first_review)
    assert (
        make.rows(select(ProgressReview.due_on).where(ProgressReview.held_on.is_(None)).order_by(ProgressReview.number))[0].due_on
        == second_review
    )
    # nothing is ready yet, and the gateway says what is missing
    with pytest.raises(Conflict, match="The off-the-job hours are reached"), made.coordinating(at(second_review)) as tx:
        gateway.pass_gateway(tx, made.id)
    short = lines(made, second_review)
    assert short["minimum_months"][0] == "missing" and short["safeguarding"] == ("missing", "None is recorded")
    assert short["training_plan"][0] == short["reviews"][0] == short["english_maths"][0] == "met"
    # the rest of it
    all_the_hours(made, starts_on, found.planned_minutes)
    end = make.row(Enrolment, made.id).ends_on
    shown(made, end)
    trained(made, first, end + timedelta(days=400))
    signed(made, "GW", end)
    after = end + timedelta(days=7)
    assert {state for state, _ in lines(made, after).values()} == {"met"}
    with pytest.raises(Conflict, match="first"), made.coordinating(at(after)) as tx:
        gateway.assessed(tx, made.id, "pass", after, "Westmarch Awards")
    with made.coordinating(at(after)) as tx:
        gateway.pass_gateway(tx, made.id)
        with pytest.raises(Conflict):
            gateway.pass_gateway(tx, made.id)
    with pytest.raises(Conflict, match="closed"), made.as_(made.apprentice, now=at(after)) as tx:
        hours.log(tx, made.id, after, 60, "study", "Too late")
    # the assessment
    result = after + timedelta(days=30)
    with made.coordinating(at(result)) as tx:
        with pytest.raises(Invalid):
            gateway.assessed(tx, made.id, "brilliant", end, " ")
        decision = gateway.assessed(tx, made.id, "distinction", result, "Westmarch Awards")
    enrolment = make.row(Enrolment, made.id)
    assert (enrolment.status, enrolment.outcome, enrolment.decision_id) == ("completed", "pass", decision)
    kept = make.rows(select(Apprenticeship.__table__))[0]
    assert (kept.assessment, kept.assessed_on, kept.assessed_by) == ("distinction", result, "Westmarch Awards")
    assert "Distinction" in make.row(Decision, decision).reasons
    # three signatures each on plan, review and declaration, and the decision, in one chain
    assert make.rows(select(Entry.kind).order_by(Entry.sequence.desc()))[0].kind == "decision"
    assert len(make.rows(select(Entry.id).where(Entry.kind == "document"))) == 9


NEW = date(2025, 9, 8)


def test_who_may_do_what(make: Make) -> None:
    made = apprentice(make, NEW, now=at(NEW))
    day = date(2025, 12, 1)
    with made.as_(made.apprentice, now=at(day)) as tx:
        entry = hours.log(tx, made.id, day, 60, "practice", "Led a family meeting")
        standard = tx.scalar(select(Apprenticeship.standard_id))
        one = tx.scalar(select(Ksb.id).where(Ksb.standard_id == standard).limit(1))
        gateway.claim(tx, made.id, [one], hours_id=entry)
        wrong: tuple[Any, ...] = (([], entry), ([one, 99999], entry), ([one], 99999), ([one], None))
        for ids, source in wrong:
            with pytest.raises(Invalid):
                gateway.claim(tx, made.id, ids, hours_id=source)
        claims = [row.id for row in gateway.claims(tx, made.id)]
        with pytest.raises(Forbidden):
            gateway.confirm(tx, made.id, claims)
        with pytest.raises(Forbidden):
            gateway.pass_gateway(tx, made.id)
        with pytest.raises(Forbidden):
            reviews.hold(tx, made.id, day)
    with made.as_(made.provider, now=at(day)) as tx, pytest.raises(Forbidden):
        gateway.claim(tx, made.id, [one], hours_id=entry)
    with made.as_(make.person("Odd Other"), now=at(day)) as tx, pytest.raises(NotFound):
        gateway.confirm(tx, made.id, claims)
    with made.coordinating(at(day)) as tx:
        with pytest.raises(Conflict, match="signed here"):
            gateway.confirm_line(tx, made.id, "training_plan", "Seen")
        with pytest.raises(Conflict, match="assessment after the gateway"):
            judging.outcome_without_panel(tx, made.id, "pass", "Because")
        with pytest.raises(Invalid):
            reviews.hold(tx, made.id, day + timedelta(days=1))


def test_what_the_provider_has_signed_is_not_signed_again(make: Make) -> None:
    made = apprentice(make, NEW, now=at(NEW), provider_keeps=True)
    day = date(2026, 8, 1)
    with made.coordinating(at(day)) as tx:
        for code in ("training_plan", "reviews", "gateway"):
            gateway.confirm_line(tx, made.id, code, "Seen in the college’s system on 1 August")
        with pytest.raises(NotFound):
            gateway.confirm_line(tx, made.id, "lunch", "Seen")
        with pytest.raises(Invalid):
            gateway.confirm_line(tx, made.id, "gateway", " ")
    found = lines(made, day)
    assert [found[code][0] for code in ("training_plan", "reviews", "gateway", "minimum_months")] == ["met"] * 4
    assert found["off_the_job"][0] == "missing"


def test_safeguarding_is_by_the_longest_completion(make: Make) -> None:
    made = apprentice(make, NEW, now=at(NEW))
    today = date(2025, 12, 1)
    trained(made, date(2025, 1, 1), date(2025, 11, 30))
    with make.tx() as tx:
        assert safeguarding(tx, [made.apprentice.id], today)[made.apprentice.id].words == "Expired on Sunday 30 November 2025"
    trained(made, date(2025, 2, 1), date(2026, 1, 15))
    with make.tx() as tx:
        found = safeguarding(tx, [made.apprentice.id, made.employer.id], today)
    assert found[made.apprentice.id].ok and found[made.apprentice.id].soon and not found[made.employer.id].ok


def test_a_list_of_checklists_takes_no_more_statements(make: Make) -> None:
    made = apprentice(make, NEW, now=at(NEW))
    with make.tx() as tx:
        assert checklists(tx, []) == {} and len(checklists(tx, [made.id])[made.id].lines) == 8
