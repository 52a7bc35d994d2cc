"""Who waits for me: the same few questions for forty people, the oldest and the overdue first, and absent colleagues covered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tx import Actor, transaction
from app.people import operations as people
from app.people.models import Absence, Duty, Person
from app.programmes import desk_queries
from app.programmes.models import Change
from app.programmes.portfolio_models import Contribution, Document
from tests.factory import Make
from tests.programmes.asye import asye
from tests.programmes.crowd import cohort_of
from tests.programmes.making import Enrolled, Programmes


def wait(make: Make, document: int, capacity: str, days: int, state: str = "sent", **more: Any) -> None:
    """It has waited so many days for this capacity."""
    with make.tx() as tx:
        tx.update(Document, document, state=state, waiting_for=capacity, waiting_since=tx.now - timedelta(days=days), **more)


def lists(make: Make, person: Any) -> list[desk_queries.List]:
    roles = (("practitioner", None), ("assessor", None))
    with transaction(make.database, Actor("person", person.id, person.name, roles), writes=False) as tx:
        return desk_queries.desk(tx)


def away(make: Make, person: Any, deputy: Any, days: int = 14) -> None:
    """They are away from yesterday, and a colleague stands in."""
    with make.tx() as tx:
        since = tx.today - timedelta(days=1)
        period = dict(valid_from=since, valid_to=since + timedelta(days=days))
        tx.insert(Absence, person_id=person.id, **period, recorded_at=tx.now)
        people.give_duty(tx, Duty.DEPUTY, deputy.id, since, person_id=person.id)


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def test_forty_people_take_few_questions(make: Make, sign_in: Any, count_queries: Any) -> None:
    """Fifteen at most, the sign-in included."""
    with make.tx(writes=False) as tx:
        today = tx.today
    cohort_of(make, 40, today=today)
    assessor = make.rows(select(Person.__table__).where(Person.name == "Asa Sessor"))[0]
    browser = sign_in(assessor)
    with count_queries() as queries:
        answer = browser.get("/assessing")
    assert answer.status_code == 200 and answer.text.count('href="/portfolios/') == 40
    assert "14 documents wait" in " ".join(answer.text.replace("<", " <").split()) or "14</span> documents wait" in answer.text
    assert "2 more documents" in answer.text
    assert len(queries) <= 15, queries.statements


def test_what_waits_for_whom_and_what_to_do(make: Make, sign_in: Any, there: Enrolled) -> None:
    wait(make, there.documents["SAA"], "assessor", 12)
    wait(make, there.documents["CRL1"], "assessor", 3)
    wait(make, there.documents["FB2"], "nqsw", 30)
    (own,) = lists(make, there.assessor)
    assert [(one.title, one.todo) for one in own.waiting] == [
        ("Support and assessment agreement", "Give your part"),
        ("Critical reflection", "Accept"),
    ]
    assert own.waiting[0].long and not own.waiting[1].long
    assert own.learners[0].late == 30 and own.late == 1 and own.learners[0].stage == "Beginning"
    text = sign_in(there.assessor).get("/assessing").text
    assert f'href="/portfolios/{there.id}"' in text and "30 days late" in text and "Nothing recorded" in text
    assert lists(make, there.line_manager)[0].waiting == []
    assert [each.enrolment_id for each in lists(make, there.line_manager)[0].learners] == [there.id]


def test_overdue_stands_first_and_a_pause_is_never_late(make: Make, there: Enrolled) -> None:
    programmes = Programmes(make)
    with make.tx(writes=False) as tx:
        later = tx.today - timedelta(days=10)
    fresh = programmes.enrolment(nqsw=make.person("Fay Fresh", swe_number="SW900302"), assessor=there.assessor, starts_on=later)
    paused = programmes.enrolment(nqsw=make.person("Pat Paused", swe_number="SW900303"), assessor=there.assessor, status="paused")
    over = programmes.enrolment(nqsw=make.person("Ola Over", swe_number="SW900304"), assessor=there.assessor, status="withdrawn")
    (own,) = lists(make, there.assessor)
    assert [each.enrolment_id for each in own.learners] == [there.id, fresh.id, paused.id]
    assert [each.late for each in own.learners] == [30, 0, 0] and over.id not in {each.enrolment_id for each in own.learners}


def test_an_observer_sees_only_what_they_were_asked_for(make: Make, there: Enrolled) -> None:
    ola = make.person("Ola Observer")
    with make.tx() as tx:
        Programmes(make).involve(tx, there, ola.id, "observer", tx.today - timedelta(days=5))
    assert lists(make, ola)[0].learners == []
    wait(make, there.documents["DO1"], "observer", 1)
    assert lists(make, ola)[0].learners == []  # somebody else was asked for it
    with make.tx() as tx:
        asked = dict(document_id=there.documents["DO1"], enrolment_id=there.id, name="Ola", email="ola@westmarch.example", part="observer")
        tx.insert(Contribution, **asked, person_id=ola.id, asked_at=tx.now, expires_at=tx.now + timedelta(days=21))
    assert [one.title for one in lists(make, ola)[0].waiting] == ["Direct observation 1"]


def test_a_deputy_sees_the_absent_colleagues_list_and_opens_nothing_new(make: Make, sign_in: Any, there: Enrolled) -> None:
    dee = make.person("Dee Deputy")
    wait(make, there.documents["SAA"], "assessor", 12)
    assert len(lists(make, dee)) == 1
    away(make, there.assessor, dee)
    own, covered = lists(make, dee)
    assert own.learners == [] and covered.name == there.assessor.name and covered.back_on is not None
    assert [one.opens for one in covered.waiting] == [False] and not covered.learners[0].opens
    browser = sign_in(dee)
    text = browser.get("/assessing").text
    assert f"Covering for {there.assessor.name}" in text and there.nqsw.name in text
    assert "/portfolios/" not in text and "/documents/" not in text
    for path in (f"/portfolios/{there.id}", f"/documents/{there.documents['SAA']}"):
        assert browser.get(path).status_code == 404


def test_named_for_a_period_they_see_the_list_while_the_colleague_is_here(make: Make, sign_in: Any, there: Enrolled) -> None:
    """An assessor who manages nobody names a deputy on their own page; only a standing deputy sees nothing while they are here."""
    dee, standing = make.person("Dee Deputy"), make.person("Stan Ding")
    with make.tx() as tx:
        people.give_duty(tx, Duty.DEPUTY, standing.id, tx.today, person_id=there.assessor.id)
        first, last = tx.today, tx.today + timedelta(days=6)
    browser, path = sign_in(there.assessor), f"/people/{there.assessor.id}"
    assert "sign nothing in your name" in browser.get(f"{path}/cover").text
    form = {"deputy": dee.email}
    for name, day in (("stand_from", first), ("stand_to", last)):
        form |= {name: str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}
    assert browser.post(f"{path}/deputies", data=form, follow_redirects=False).status_code == 303
    assert [one.name for one in lists(make, dee)] == ["", there.assessor.name] and len(lists(make, standing)) == 1
    text = sign_in(dee).get("/assessing").text
    assert f"You stand in for {there.assessor.name} until" in text and "Ask to take over" in text and "Who waits for me" in text


def test_a_deputy_asks_to_take_over_and_signs_nothing_before(make: Make, sign_in: Any) -> None:
    programmes = Programmes(make)
    there = programmes.enrolment(cohort=programmes.cohort(asye(make), "Covered"))
    dee = make.person("Dee Deputy", swe_number="SW900388", registration_status="registered")
    odd, coordinator = make.person("Odd Other"), make.person("Cora", roles=("coordinator",))
    wait(make, there.documents["SAA"], "assessor", 12)
    take_over = f"/assessing/covered/{there.id}"
    assert sign_in(dee).post(take_over).status_code == 404
    away(make, there.assessor, dee)
    assert sign_in(odd).post(take_over).status_code == 404
    asked = sign_in(dee).post(take_over, follow_redirects=False)
    assert asked.status_code == 303
    change = asked.headers["location"].partition("?")[0]
    assert sign_in(dee).get(change).status_code == 200 and sign_in(dee).get(f"/documents/{there.documents['SAA']}").status_code == 404
    assert sign_in(dee).post(take_over).status_code == 409  # one waits already
    assert sign_in(there.nqsw).post(change, data={"answer": "agree"}, follow_redirects=False).status_code == 303
    academy = sign_in(coordinator)
    academy.post(change, data={"answer": "agree"})
    assert sign_in(dee).get(f"/documents/{there.documents['SAA']}").status_code == 404
    academy.post(f"{change}/for", data={"capacity": "assessor", "how": "Said so on the telephone"})
    assert sign_in(dee).get(f"/documents/{there.documents['SAA']}").status_code == 200
    assert sign_in(there.assessor).get(f"/documents/{there.documents['SAA']}").status_code == 404


def test_who_stands_in_and_takes_part_may_open(make: Make, there: Enrolled) -> None:
    wait(make, there.documents["SAA"], "assessor", 2)
    away(make, there.assessor, there.line_manager)
    own, covered = lists(make, there.line_manager)
    assert own.waiting == [] and [one.opens for one in covered.waiting] == [True]


def test_changes_to_agree_to_stand_on_it(make: Make, sign_in: Any, there: Enrolled) -> None:
    with make.tx() as tx:
        asked = dict(enrolment_id=there.id, kind="pause", from_on=tx.today, reason_code="x", details={}, needs=["assessor"])
        key = tx.insert(Change, **asked, proposed_at=tx.now)
    assert f'href="/changes/{key}">Pause: {there.nqsw.name}' in sign_in(there.assessor).get("/assessing").text


def test_nothing_to_do(make: Make, sign_in: Any) -> None:
    answer = sign_in(make.person("Nobody Much")).get("/assessing")
    assert answer.status_code == 200 and "Nobody waits for you" in answer.text


def test_working_days_pass_over_weekends_and_bank_holidays() -> None:
    friday = datetime(2026, 12, 18, 23, 30, tzinfo=UTC)
    count = {n: desk_queries.working_days(friday, (friday + timedelta(days=n)).date()) for n in (0, 1, 3, 7, 10)}
    assert count == {0: 0, 1: 0, 3: 1, 7: 4, 10: 4}  # Friday 25 and Monday 28 December are bank holidays
