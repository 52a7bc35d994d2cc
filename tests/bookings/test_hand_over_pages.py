"""Reserving, naming, passing on, booking several, keeping places and deciding, through the door."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings.models import Booking, Quota, Session
from app.bookings.operations.quotas import Keep
from app.core.calendar import london
from app.people import operations as people
from tests.bookings.test_quotas import cohort, keep, until
from tests.bookings.test_reservations import book, reserve
from tests.factory import Make


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def last(make: Make) -> Any:
    return make.rows(select(Booking.__table__).order_by(Booking.id.desc()).limit(1))[0]


def day_fields(prefix: str, day: Any) -> dict[str, str]:
    return {prefix: str(day.day), f"{prefix}-month": str(day.month), f"{prefix}-year": str(day.year)}


@pytest.fixture
def coordinator(make: Make, sign_in: Any) -> Any:
    return sign_in(make.person("Cai", roles=("coordinator",)))


def test_a_manager_reserves_and_names(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    ann, session = make.person("Ann", manager=manager.id), make.session(places=3)
    browser = sign_in(manager)
    assert "Reserve places, name people later" in words(browser.get(f"/sessions/{session.id}"))
    assert "3 places are free" in words(browser.get(f"/sessions/{session.id}/reserve"))
    wrong = browser.post(f"/sessions/{session.id}/reserve", data={"number": "4"})
    assert wrong.status_code == 422 and "Only 3 places are free" in words(wrong)
    done = browser.post(f"/sessions/{session.id}/reserve", data={"number": "2"})
    assert done.headers["location"] == "/my-team?reserved=2"
    team = words(browser.get("/my-team?reserved=2"))
    assert "2 places are reserved." in team and "2 reserved places to name" in team and "Name somebody by" in team
    place = last(make).id
    page = browser.get(f"/bookings/{place}/name")
    assert ann.name in words(page) and "Give the place back" in words(page)
    assert browser.post(f"/bookings/{place}/name").status_code == 422
    named = browser.post(f"/bookings/{place}/name", data={"person": str(ann.id)})
    assert named.headers["location"] == f"/bookings/{place}?made=yes"
    assert "has a place" in words(browser.get(named.headers["location"])) and "named" in words(browser.get(f"/bookings/{place}"))
    assert (
        "no longer reserved" in words(browser.get(f"/bookings/{place}/name")) or browser.get(f"/bookings/{place}/name").status_code == 404
    )
    again = browser.post(f"/bookings/{place - 1}/name", data={"person": str(ann.id)})
    assert again.status_code == 409 and "already have a place" in words(again)
    assert browser.post(f"/bookings/{place - 1}/give-back").headers["location"] == "/my-team?returned=yes"
    assert sign_in(ann).get(f"/sessions/{session.id}/reserve").status_code == 403
    assert sign_in(ann).get(f"/bookings/{place - 1}/name").status_code == 404


def test_no_places_can_be_reserved_while_people_wait(make: Make, sign_in: Any) -> None:
    manager, session = make.person("Mo"), make.session(places=1)
    make.person("Team", manager=manager.id)
    for name in ("Ann", "Bob"):
        book(make, make.person(name), session)
    assert "1 person waits for this session" in words(sign_in(manager).get(f"/sessions/{session.id}/reserve"))


def test_a_place_is_passed_to_a_colleague_or_an_address(make: Make, sign_in: Any) -> None:
    team = make.unit("Rowan")
    ann, bob, eve = make.person("Ann", team=team), make.person("Bob", team=team), make.person("Eve")
    session = make.session()
    mine = book(make, ann, session)
    browser = sign_in(ann)
    assert "Pass this place to a colleague" in words(browser.get(f"/bookings/{mine.id}"))
    page = words(browser.get(f"/bookings/{mine.id}/pass"))
    assert bob.name in page and eve.name not in page
    refused = [browser.post(f"/bookings/{mine.id}/pass", data={"email": each}) for each in ("nobody@westmarch.example", ann.email)]
    assert [each.status_code for each in refused] == [409, 409]
    assert words(refused[0]).replace("nobody@westmarch.example", "") == words(refused[1]).replace(ann.email, "")
    assert browser.post(f"/bookings/{mine.id}/pass").status_code == 422
    assert browser.post(f"/bookings/{mine.id}/pass", data={"person": bob.id, "email": eve.email}).status_code == 422
    done = browser.post(f"/bookings/{mine.id}/pass", data={"email": eve.email.upper()})
    assert done.status_code == 303 and "Passed on to a colleague" in words(browser.get(done.headers["location"]))
    assert "You have a place" in words(sign_in(eve).get(f"/sessions/{session.id}")) or last(make).person_id == eve.id
    assert "Only a booked place" in words(browser.get(f"/bookings/{mine.id}/pass"))
    theirs = last(make).id
    assert sign_in(bob).get(f"/bookings/{theirs}/pass").status_code == 404


def test_several_are_booked_in_one_go(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    people = [make.person(f"P{n}", manager=manager.id) for n in range(3)]
    session = make.session(places=2)
    book(make, people[0], session)
    browser = sign_in(manager)
    choose = browser.get(f"/sessions/{session.id}/group?people={people[1].id}")
    assert "Chosen" in words(choose) and people[2].name in words(choose)
    assert browser.post(f"/sessions/{session.id}/group").status_code == 422
    ticked = {"people": [str(person.id) for person in people]}
    check = browser.post(f"/sessions/{session.id}/group", data=ticked)
    assert "Check before you book" in words(check) and "already have a place" in words(check) and "Waiting list" in words(check)
    assert last(make).person_id == people[0].id  # nothing is booked yet
    done = browser.post(f"/sessions/{session.id}/group", data=ticked | {"confirmed": "yes"})
    assert "2 people are booked or waiting" in words(done) and last(make).person_id == people[2].id
    assert sign_in(people[0]).get(f"/sessions/{session.id}/group").status_code == 403


def test_places_are_kept_and_released(make: Make, coordinator: Any) -> None:
    group, unit, session = cohort(make), make.unit("Rowan"), make.session(places=4)
    where = f"/manage/sessions/{session.id}"
    assert "Keep places for a group" in words(coordinator.get(where))
    day = until(make)
    typed = {"version": "1", "quotas.2.holder": f"g{group}", "quotas.2.places": "2", **day_fields("quotas.2.release_on", day)}
    wrong = coordinator.post(f"{where}/quotas", data=typed | {"quotas.2.places": "9"})
    assert wrong.status_code == 422 and 'href="#quotas.2.places"' in wrong.text
    assert coordinator.post(f"{where}/quotas", data=typed | {"quotas.2.holder": "", "quotas.1.places": "x"}).status_code == 422
    assert coordinator.post(f"{where}/quotas", data=typed).headers["location"] == f"{where}?done=kept"
    assert "2 places for ASYE cohort until" in words(coordinator.get(where))
    form = coordinator.get(f"{where}/quotas")
    assert "ASYE cohort, 0 of 2 taken" in words(form) and f'value="g{group}" selected' in form.text
    assert coordinator.post(f"{where}/quotas", data=typed).status_code == 412  # made of an older version
    more = typed | {"version": "2", "quotas.3.holder": f"u{unit}", "quotas.3.places": "1", **day_fields("quotas.3.release_on", day)}
    assert coordinator.post(f"{where}/quotas", data=more).status_code == 303
    first = make.rows(select(Quota.id).order_by(Quota.id))[0].id
    assert coordinator.post(f"{where}/quotas/{first}/release").headers["location"] == f"{where}?done=released"
    assert "ASYE" not in words(coordinator.get(where)).partition("Kept for groups")[2]
    again = coordinator.post(f"{where}/quotas/{first}/release")
    assert again.status_code == 409 and "These places have been released already" in words(again)


def test_a_session_in_doubt_is_decided(make: Make, coordinator: Any) -> None:
    session = make.session(places=10, min_numbers=5)
    with make.tx() as tx:
        tx.update(Session, session.id, decide_by=tx.now - timedelta(days=1))
    where = f"/manage/sessions/{session.id}"
    page = words(coordinator.get(where))
    assert "Does it go ahead?" in page and "it needs 5" in page and "The decision was due by" in page
    assert coordinator.post(f"{where}/goes-ahead", data={"version": "1"}).headers["location"] == f"{where}?done=runs"
    assert "that it goes ahead" in words(coordinator.get(where))
    assert coordinator.post(f"{where}/goes-ahead").status_code == 409


def test_cancelling_offers_another_date(make: Make, coordinator: Any) -> None:
    manager, ann, session = make.person("Mo"), make.person("Ann"), make.session()
    other = make.session(course=session.course_id, day=london(session.starts_at).date() + timedelta(days=7))
    book(make, ann, session)
    reserve(make, manager, session)
    page = coordinator.get(f"/manage/sessions/{session.id}/cancel")
    assert "Offer another date instead?" in words(page) and "10 places free, 0 waiting" in words(page)
    assert "1 place is reserved" in words(page)
    wrong = coordinator.post(f"/manage/sessions/{session.id}/cancel", data={"reason": "Trainer unwell", "instead": session.id})
    assert wrong.status_code == 422 and 'href="#instead"' in wrong.text
    done = coordinator.post(f"/manage/sessions/{session.id}/cancel", data={"reason": "Trainer unwell", "instead": other.id})
    assert done.status_code == 303
    assert (last(make).session_id, last(make).person_id, last(make).status) == (other.id, ann.id, "offered")


def test_who_leaves_no_longer_delivers(make: Make, coordinator: Any) -> None:
    with make.tx(writes=False) as tx:
        starts = tx.now.replace(microsecond=0) + timedelta(days=10)
    trainer = make.person("Tia")
    session = make.session(starts=starts, trainers=(trainer.id,))
    assert session.reference not in words(coordinator.get("/manage?status=untaught"))
    with make.tx() as tx:
        people.change_person(tx, trainer.id, leaving_on=london(starts).date() - timedelta(days=1))
    assert session.reference in words(coordinator.get("/manage?status=untaught"))


def test_kept_for_nobody_else(make: Make, sign_in: Any) -> None:
    session = make.session(places=1)
    keep(make, session, Keep(1, until(make), group_id=cohort(make)))
    assert "The places left are kept for others" in words(sign_in(make.person("Ann")).get(f"/sessions/{session.id}"))


def test_the_roster_counts_reserved_places_apart(make: Make, coordinator: Any) -> None:
    session = make.session(places=4)
    book(make, make.person("Ann"), session)
    plain = words(coordinator.get(f"/sessions/{session.id}/roster"))
    reserve(make, make.person("Mo"), session, 2)
    page = words(coordinator.get(f"/sessions/{session.id}/roster"))
    assert "2 places are reserved for people to be named by" in page and "not shown" not in page
    assert "reserved" not in plain
