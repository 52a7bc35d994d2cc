"""Pages of apprenticeships over HTTP: enrolling, an hour logged and verified, a claim confirmed, a review, a provider's file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.forms import Problems
from app.frameworks.models import Ksb
from app.programmes.apprentice_models import Apprenticeship, KsbEvidence, OtjHours, ProgressReview
from app.programmes.hours_pages import _minutes
from tests.factory import Make
from tests.pages.reading import Reading
from tests.programmes.apprentices import apprentice, cohort_of, load_rules

SignIn = Callable[[Any], TestClient]
NEW = date(2025, 9, 8)


def day(name: str, value: date) -> dict[str, str]:
    return {name: str(value.day), f"{name}-month": str(value.month), f"{name}-year": str(value.year)}


@pytest.mark.parametrize(
    ("said", "minutes"),
    [("1.5", 90), ("1,5", 90), ("1:30", 90), ("1h 30", 90), ("45 min", 45), ("2 hours", 120), ("7", 420)],
)
def test_how_long_it_was(said: str, minutes: int) -> None:
    assert _minutes({"time": said}, Problems()) == minutes


def test_words_are_no_time() -> None:
    problems = Problems()
    assert _minutes({"time": "all day"}, problems) == 0 and problems.errors[0]["field"] == "time"


def test_enrolled_on_a_page(make: Make, sign_in: SignIn) -> None:
    load_rules(make, "app_st0088")
    cohort = cohort_of(make, "APP-ST0088", NEW)
    person, tutor, coordinator = make.person("Ada Prentice"), make.person("Petra Vider"), make.person("Cora", roles=("coordinator",))
    browser = sign_in(coordinator)
    asked = browser.get(f"/cohorts/{cohort}/enrol", follow_redirects=False)
    assert asked.headers["location"] == f"/apprenticeships/new?cohort={cohort}"
    assert "Residential" in browser.get(asked.headers["location"]).text
    form = {"cohort": str(cohort), "who": person.email, "provider": tutor.email, "college": "Westmarch College", "weekly_hours": "37"}
    short = browser.post("/apprenticeships/new", data=form | day("starts_on", NEW), follow_redirects=False)
    assert short.status_code == 422 and "Choose one of: Residential, Community" in short.text
    done = browser.post("/apprenticeships/new", data=form | day("starts_on", NEW) | {"option": "Community"}, follow_redirects=False)
    assert done.status_code == 303
    shown = browser.get(done.headers["location"]).text
    assert "560 hours" in shown and "Community" not in shown and "community" in shown
    assert make.rows(select(Apprenticeship.rule_code))[0].rule_code == "APP-2025"


def send(browser: TestClient, path: str, **more: Any) -> Any:
    """Send a form and follow where it leads."""
    return browser.post(path, **more, follow_redirects=True)


def test_an_hour_from_the_phone_to_the_gateway(make: Make, sign_in: SignIn) -> None:
    made = apprentice(make, NEW)
    base = f"/apprenticeships/{made.id}"
    with make.tx() as tx:
        today = tx.today - timedelta(days=2)
        standard = tx.scalar(select(Apprenticeship.standard_id))
        ksb = tx.scalar(select(Ksb.id).where(Ksb.standard_id == standard).limit(1))
    learner, tutor, coordinator = sign_in(made.apprentice), sign_in(made.provider), sign_in(made.coordinator)
    assert "Log training" in learner.get(base).text
    logged = {"time": "1:30", "activity": "study", "words": "Read about attachment", **day("on_date", today)}
    assert "counts when somebody else has verified it" in send(learner, f"{base}/hours", data=logged).text
    entry = make.rows(select(OtjHours.id))[0].id
    send(learner, f"{base}/ksbs", data={"source": f"h{entry}", "ksb": str(ksb)})
    claim = make.rows(select(KsbEvidence.id))[0].id
    waiting = tutor.get(f"{base}/hours").text
    assert "To verify" in waiting and "Read about attachment" in waiting
    assert "They are verified." in send(tutor, f"{base}/hours/verify", data={"entry": str(entry)}).text
    assert "1 of 5 are shown and confirmed" in send(tutor, f"{base}/ksbs/confirm", data={"claim": str(claim)}).text
    assert "Its record" in send(tutor, f"{base}/review", data=day("held_on", today)).text
    decided = {"decision": "not required", "adult": "yes", "reason": "The three agreed"}
    assert "The decision is recorded." in send(tutor, f"{base}/english-maths", data=decided).text
    assert make.rows(select(ProgressReview.held_on).where(ProgressReview.held_on.is_not(None)))[0].held_on == today
    refused = send(coordinator, f"{base}/gateway", data={"act": "pass"})
    assert refused.status_code == 409 and "The off-the-job hours are reached (1 hour 30 minutes verified of 480 hours)" in refused.text
    corrected = logged | {"time": "2", "act": "correct"}
    assert "waits to be verified again" in send(learner, f"{base}/hours/{entry}", data=corrected).text
    listed = coordinator.get("/apprenticeships").text
    assert "Ada Prentice" in listed and "1 of 1 need attention" in listed


def test_a_file_is_checked_before_it_is_taken(make: Make, sign_in: SignIn) -> None:
    made = apprentice(make, NEW, provider_keeps=True)
    browser = sign_in(made.coordinator)
    content = f"person,what,date,minutes,activity,words\n{made.apprentice.email},hours,10/11/2025,360,taught,Module\n".encode()
    checked = send(browser, "/apprenticeships/import", files={"file": ("hours.csv", content)}, data={"unknown": ""})
    assert "can be taken in: 1 entry of hours" in checked.text and make.rows(select(OtjHours.id)) == []
    taken = send(browser, "/apprenticeships/import", files={"file": ("hours.csv", content)}, data={"now": "yes"})
    assert "The file is taken in." in taken.text and len(make.rows(select(OtjHours.id))) == 1
    wrong = send(browser, "/apprenticeships/import", files={"file": ("hours.csv", content.replace(b"360", b"none"))}, data={"now": "yes"})
    assert "Line 2: The time must be" in wrong.text
    confirmed = {"act": "line", "line": "training_plan", "words": "Signed there on 9 September"}
    assert "recorded as shown by the provider" in send(browser, f"/apprenticeships/{made.id}/gateway", data=confirmed).text


def test_an_apprentice_finds_their_hours_from_their_programme(make: Make, sign_in: SignIn) -> None:
    made = apprentice(make, NEW)
    for path in (f"/portfolios/{made.id}", f"/enrolments/{made.id}"):
        assert f'href="/apprenticeships/{made.id}"' in sign_in(made.apprentice).get(path).text
    assert sign_in(make.person("Odd Other")).get(f"/apprenticeships/{made.id}").status_code == 404


def test_an_apprentice_sends_nothing(make: Make, sign_in: SignIn) -> None:
    """What is missing is said beside the fields."""
    made = apprentice(make, NEW)
    learner = sign_in(made.apprentice)
    for path, missing in (("hours", ("on_date", "time")), ("ksbs", ("source",))):
        reply = send(learner, f"/apprenticeships/{made.id}/{path}", data={"unknown": ""})
        assert reply.status_code == 422
        assert all(f'href="#{name}"' in reply.text and f'id="{name}-error"' in reply.text for name in missing)
        assert Reading(reply.text).faults() == []
