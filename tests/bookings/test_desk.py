"""The coordinator's desk: every number stands for what the list behind it shows, in few queries; on both databases."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.bookings import operations
from app.bookings.event_models import Interest
from app.bookings.models import Booking, Session
from app.bookings.policy_models import Consequence
from app.learning.models import PriorLearning
from app.people.models import Person
from tests.factory import Make

NOW = datetime.now(UTC)


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


@pytest.fixture
def cai(make: Make, sign_in: Any) -> Any:
    return sign_in(make.person("Cai", roles=("coordinator",)))


def book(make: Make, session: Any, *people: Any) -> list[int]:
    with make.tx() as tx:
        return [operations.book(tx, session.id, person.id).id for person in people]


def over(make: Make, **values: Any) -> Any:
    """A session that ended yesterday, with somebody on it."""
    person, session = make.person("Olu"), make.session(starts=NOW + timedelta(days=9), **values)
    book(make, session, person)
    with make.tx() as tx:
        tx.update(Session, session.id, starts_at=NOW - timedelta(days=1, hours=4), ends_at=NOW - timedelta(days=1))
    return session


def test_an_empty_desk_is_at_rest(cai: Any) -> None:
    page = words(cai.get("/manage"))
    assert "Coordinator’s desk" in page and "Nothing is waiting for you" in page and "Too few people so far" not in page
    for path, said in (("approvals", "Every request has been answered"), ("registers", "Every register is finished")):
        assert said in words(cai.get(f"/manage/{path}"))


def test_everything_that_waits_is_a_line_with_a_link(make: Make, cai: Any, count_queries: Any) -> None:
    manager, course = make.person("Mo Hale"), make.course("Court skills")
    ann, bob = make.person("Ann Lee", manager=manager.id), make.person("Bob Orr")
    over(make, course=make.course("Old ground").id, trainers=(make.person("Tess Moor").id,))
    thin = make.session(min_numbers=5, starts=NOW + timedelta(days=12), decide_by=NOW - timedelta(days=1))
    asked = make.session(course=make.course("Leading teams").id, needs_approval=True, starts=NOW + timedelta(days=50))
    stuck = book(make, asked, ann)[0]
    given = make.session(places=1, starts=NOW + timedelta(days=51))
    first, _ = book(make, given, ann, bob)
    make.session(course=make.course("Known date").id, starts=NOW + timedelta(days=70))
    with make.tx() as tx:
        tx.update(Booking, stuck, created_at=NOW - timedelta(days=20))
        tx.db.execute(update(Booking).where(Booking.id == first).values(status="cancelled", place=None))
        tx.insert(Interest, course_id=course.id, person_id=bob.id, since=NOW)
        tx.insert(
            Consequence,
            booking_id=first,
            person_id=ann.id,
            kind="late",
            state="appealed",
            appeal="Court",
            appealed_at=NOW,
            appeal_by=NOW + timedelta(days=5),
            created_at=NOW,
        )
        values = dict(provider="A partner", evidence="A certificate", completed_on=date(2026, 5, 1))
        tx.insert(PriorLearning, person_id=bob.id, course_id=course.id, state="asked", asked_at=NOW, **values)
    with count_queries() as queries:
        page = cai.get("/manage")
    assert len(queries) <= 8
    said = words(page)
    for line, link in (
        ("1 session is past the day to decide", "/manage?status=overdue"),
        ("1 session has a free place while people wait", "/manage?status=give"),
        ("1 request for approval is stuck", "/manage/approvals"),
        ("1 register is not finished", "/manage/registers"),
        ("1 appeal is open", ""),
        ("1 request to count learning from elsewhere", "/prior-learning"),
        ("1 session in the next 30 days has no trainer", "/manage?status=untaught"),
        ("1 course people ask for has no place", "/manage/demand"),
    ):
        assert line in said and f'href="{link}' in page.text, line
        if link:
            assert cai.get(link).status_code == 200
    assert "0 of the 5 it needs" in said and "Overdue" in said and f"/manage/sessions/{thin.id}" in page.text
    assert "1 with people waiting: 1 person" in said
    approvals = words(cai.get("/manage/approvals"))
    assert "Ann Lee" in approvals and "Leading teams" in approvals and "Mo Hale" in approvals
    registers = words(cai.get("/manage/registers"))
    assert "Old ground" in registers and "Tess Moor" in registers and "1 person" in registers


def test_a_decision_that_was_taken_waits_no_longer(make: Make, cai: Any) -> None:
    session = make.session(min_numbers=5, starts=NOW + timedelta(days=12), decide_by=NOW - timedelta(days=1))
    assert "past the day to decide" in words(cai.get("/manage"))
    with make.tx() as tx:
        tx.update(Session, session.id, runs_at=NOW)
    page = words(cai.get("/manage"))
    assert "past the day to decide" not in page and "Needs 5" not in page
    assert "No session fits" in words(cai.get("/manage?status=thin"))


def test_a_trainer_who_leaves_leaves_the_session_untaught(make: Make, cai: Any) -> None:
    tess = make.person("Tess")
    session = make.session(starts=NOW + timedelta(days=12), trainers=(tess.id,))
    assert "no trainer" not in words(cai.get("/manage"))
    with make.tx() as tx:
        tx.update(Person, tess.id, leaving_on=tx.today - timedelta(days=1))
    assert "1 session in the next 30 days has no trainer" in words(cai.get("/manage"))
    assert session.reference in cai.get("/manage?status=untaught").text


def test_a_filtered_desk_is_only_the_list(make: Make, cai: Any, count_queries: Any) -> None:
    make.session()
    with count_queries() as queries:
        page = words(cai.get("/manage?status=published"))
    assert len(queries) <= 4 and "Sessions to come" in page and "Waiting for you" not in page and "1 session" in page


def test_a_coordinator_of_a_part_counts_requests_they_can_answer(make: Make, sign_in: Any) -> None:
    team = make.unit("Team one")
    asked = make.session(needs_approval=True)
    mine, other = book(make, asked, make.person("Ann", team=team), make.person("Bob"))
    with make.tx() as tx:
        for key in (mine, other):
            tx.update(Booking, key, created_at=NOW - timedelta(days=20))
    page = words(sign_in(make.person("Cai", roles=("coordinator",), scope=team)).get("/manage"))
    assert "1 request for approval is stuck" in page


def test_only_for_coordinators(make: Make, sign_in: Any) -> None:
    ann = sign_in(make.person("Ann"))
    for path in ("/manage", "/manage/approvals", "/manage/registers", "/manage/demand"):
        assert ann.get(path).status_code == 403
