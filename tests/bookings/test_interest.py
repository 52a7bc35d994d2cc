"""Tell me when there is a date: asking, being told once a day, leaving the list, and what the coordinator sees; on both databases."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.bookings import operations
from app.bookings.event_models import Interest
from app.bookings.models import Session
from app.bookings.operations import interest, reservations, sessions
from app.core.errors import NotFound, Refusal
from app.core.ledger import Outbox
from app.core.tx import NOBODY, SYSTEM, Actor, Tx, transaction
from app.people.models import Person
from tests.factory import Make


def actor(person: Any, *roles: str) -> Actor:
    held = [("practitioner", None), *((role, None) for role in roles)]
    return Actor("person", person.id, person.name, tuple(held), organisation_id=person.organisation_id)


def as_(make: Make, person: Any, *roles: str) -> Any:
    return transaction(make.database, actor(person, *roles), writes=True)


def ask(make: Make, person: Any, course: Any) -> int:
    with as_(make, person) as tx:
        return interest.register_interest(tx, course.id)


def publish(make: Make, course: Any, **values: Any) -> Any:
    session = make.session(course=course.id, status="draft", **values)
    with as_(make, make.person("Cai"), "coordinator") as tx:
        sessions.publish_session(tx, session.id)
    return session


def told(make: Make) -> list[int]:
    wanted = select(Outbox.person_id).where(Outbox.kind == "email.dates_added").order_by(Outbox.id)
    return [row.person_id for row in make.rows(wanted)]


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


# The list ----------------------------------------------------------------------------------------------------------


def test_asking_twice_is_asking_once(make: Make, ledger: Any) -> None:
    ann, course = make.person("Ann"), make.course()
    ledger.start()
    assert ask(make, ann, course) == ask(make, ann, course)
    assert ledger.actions() == ["interest.registered"]
    with as_(make, ann) as tx:
        interest.withdraw_interest(tx, course.id)
    with pytest.raises(NotFound), as_(make, ann) as tx:
        interest.withdraw_interest(tx, course.id)
    assert ask(make, ann, course) and len(make.rows(select(Interest.id))) == 2


def test_what_cannot_be_asked_for(make: Make) -> None:
    ann = make.person("Ann")

    def refusal(course_id: int, who: Actor) -> str:
        with pytest.raises(Refusal) as problem, transaction(make.database, who, writes=True) as tx:
            interest.register_interest(tx, course_id)
        return problem.value.code

    me = actor(ann)
    assert refusal(make.course(status="draft").id, me) == refusal(9999, me) == "course-not-found"
    assert refusal(make.course(status="withdrawn").id, me) == "course-withdrawn"
    assert refusal(make.course(kind="e-learning").id, me) == "no-dates-needed"
    open_course = make.course().id
    assert refusal(open_course, SYSTEM) == "not-a-person"
    assert refusal(open_course, NOBODY) == "forbidden"


def test_publishing_tells_everybody_once_a_day(make: Make) -> None:
    course, other = make.course(), make.course()
    ann, bob, gone, eve = (make.person(name) for name in ("Ann", "Bob", "Gus", "Eve"))
    for person in (bob, ann, gone):
        ask(make, person, course)
    ask(make, eve, other)
    with make.tx() as tx:
        tx.update(Person, gone.id, leaving_on=tx.today + timedelta(days=1))
    first = publish(make, course)
    assert told(make) == [bob.id, ann.id]
    assert (
        make.rows(select(Outbox.subject, Outbox.subject_id, Outbox.facts).where(Outbox.kind == "email.dates_added"))
        == [("courses", course.id, {})] * 2
    )
    publish(make, course, starts=first.starts_at + timedelta(days=7))
    assert told(make) == [bob.id, ann.id]  # the same day: nothing more
    with make.tx() as tx:
        tx.db.execute(update(Interest).values(told_at=tx.now - timedelta(days=1)))
    publish(make, course, starts=first.starts_at + timedelta(days=14))
    assert told(make) == [bob.id, ann.id] * 2


def test_only_those_are_told_whom_it_is_for(make: Make) -> None:
    course, team = make.course(), make.unit("Team one")
    inside, newly, both = make.person("Ida", team=team), make.person("Nev", stage="NQSW"), make.person("Bo", team=team, stage="NQSW")
    for person in (inside, newly, both):
        ask(make, person, course)
    publish(make, course, audience_stages="NQSW,EXP", audience_unit_id=team)
    assert told(make) == [both.id]
    publish(make, course, audience_stages="NQSW", day=date.today() + timedelta(days=50))  # noqa: DTZ011
    assert told(make) == [both.id, newly.id]


def test_booking_the_course_ends_it(make: Make, ledger: Any) -> None:
    course, manager = make.course(), make.person("Mo")
    ann, bea = make.person("Ann"), make.person("Bea", manager=manager.id)
    session, another = make.session(course=course.id), make.session(course=course.id, day=date.today() + timedelta(days=60))  # noqa: DTZ011
    unrelated = make.session(day=date.today() + timedelta(days=70))  # noqa: DTZ011
    for person in (ann, bea):
        ask(make, person, course)
    with as_(make, ann) as tx:
        operations.book(tx, unrelated.id, ann.id)
    assert len(make.rows(select(Interest.id).where(Interest.ended_at.is_(None)))) == 2
    with as_(make, ann) as tx:
        operations.book(tx, session.id, ann.id)
    assert [row.person_id for row in make.rows(select(Interest.person_id).where(Interest.ended_at.is_(None)))] == [bea.id]
    with as_(make, manager, "line manager") as tx:
        place = reservations.reserve(tx, another.id, 1)[0]
    with as_(make, manager, "line manager") as tx:
        reservations.name(tx, place, bea.id)
    assert make.rows(select(Interest.id).where(Interest.ended_at.is_(None))) == []
    assert ledger.actions().count("interest.met") == 2


# On pages ----------------------------------------------------------------------------------------------------------


def test_a_course_without_a_free_date_offers_to_tell(make: Make, sign_in: Any, count_queries: Any) -> None:
    ann, course = make.person("Ann"), make.course("Court skills")
    browser = sign_in(ann)
    assert "Tell me when there is a date" in browser.get("/courses/court-skills").text
    asked = browser.post("/courses/court-skills/interest")
    assert asked.headers["location"] == "/courses/court-skills?told=yes"
    with count_queries() as queries:
        page = browser.get(asked.headers["location"])
    assert len(queries) <= 8 and "You are on the list" in page.text and "I no longer want to know" in page.text
    assert "Court skills" in words(browser.get("/my-bookings")).partition("Courses you want a date for")[2]
    gone = browser.post("/courses/court-skills/interest/withdraw")
    assert "You are off the list" in browser.get(gone.headers["location"]).text
    assert "want a date for" not in browser.get("/my-bookings").text
    assert browser.post("/courses/court-skills/interest/withdraw").status_code == 404
    full, bob = make.session(course=course.id, places=1), make.person("Bob")
    with make.tx() as tx:
        operations.book(tx, full.id, bob.id)
    assert "Tell me when there is another date" in browser.get("/courses/court-skills").text
    make.session(course=course.id, starts=full.starts_at + timedelta(days=7))
    assert "Tell me when" not in browser.get("/courses/court-skills").text
    assert browser.post("/courses/nonsense/interest").status_code == 404


def test_demand_is_counted_for_the_coordinator(make: Make, sign_in: Any) -> None:
    wanted, dated = make.course("Court skills"), make.course("First aid")
    for name in ("Ann Lee", "Bob Orr"):
        ask(make, make.person(name), wanted)
    ask(make, make.person("Eve"), dated)
    make.session(course=dated.id)
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    page = words(browser.get("/manage/demand"))
    assert "1 course " in page and "Court skills" in page and "2 people" in page and "First aid" not in page
    listed = words(browser.get(f"/manage/courses/{wanted.id}/demand"))
    assert "2 people want to be told" in listed and listed.index("Ann Lee") < listed.index("Bob Orr") and "Not yet" in listed
    assert f"/manage/courses/{wanted.id}/demand" in browser.get(f"/manage/courses/{wanted.id}").text
    assert sign_in(make.person("Dee")).get("/manage/demand").status_code == 403
    assert "Nobody you may see" in words(browser.get(f"/manage/courses/{make.course().id}/demand"))


def test_a_coordinator_of_a_part_counts_their_own_people(make: Make, sign_in: Any) -> None:
    course, team = make.course("Court skills"), make.unit("Team one")
    ask(make, make.person("Ann", team=team), course)
    ask(make, make.person("Bob"), course)
    page = words(sign_in(make.person("Cai", roles=("coordinator",), scope=team)).get("/manage/demand"))
    assert "1 person" in page


def test_however_many_are_told_in_few_statements(make: Make, count_queries: Any) -> None:
    course, first = make.course(), make.person("Ann")
    several = [make.person(f"P{n}", account=False).id for n in range(3)]
    with make.tx() as tx:
        tx.insert_many(Interest, [dict(course_id=course.id, person_id=key, since=tx.now) for key in (first.id, *several)])
    session = make.session(course=course.id, status="draft")
    coordinator = make.person("Cai")

    def doing(tx: Tx) -> int:
        with count_queries() as queries:
            assert interest.tell_interested(tx, tx.get(Session, session.id)) == 4
        return len(queries)

    with as_(make, coordinator, "coordinator") as tx:
        assert doing(tx) <= 4
    assert len(told(make)) == 4
