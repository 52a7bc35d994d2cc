"""The coordinator's desk, sessions and rooms, through the door."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings.models import Booking, Part, PartTrainer, Room, Session
from app.bookings.policy_models import BookingPolicy
from app.core.calendar import clock, london
from tests.bookings.test_sessions import book
from tests.factory import Make, tuesday

DAY = date.today() + timedelta(days=40)  # noqa: DTZ011


@pytest.fixture
def browser(make: Make, sign_in: Any) -> Any:
    return sign_in(make.person("Cai", roles=("coordinator",)))


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def part(n: int, room: Any = "", day: date = DAY, **values: str) -> dict[str, str]:
    fields = {
        "day": str(day.day),
        "day-month": str(day.month),
        "day-year": str(day.year),
        "starts": "9:30am",
        "ends": "16:00",
        "room": str(room),
    }
    return {f"parts.{n}.{name}": value for name, value in {**fields, "link": "", "trainers": "", **values}.items()}


def form(course: Any, *parts: dict[str, str], **values: str) -> dict[str, str]:
    made = {"course": str(course.id), "parts": str(len(parts)), "capacity": "12", "min_numbers": "", "waiting_limit": "", **values}
    for each in parts:
        made |= each
    return made


# The desk ----------------------------------------------------------------------------------------------------------


def test_the_desk_shows_fill_in_few_queries(make: Make, browser: Any, count_queries: Any) -> None:
    empty, full = make.session(min_numbers=5), make.session(places=1)
    for name in ("Ann", "Bob"):
        book(make, full.id, make.person(name))
    make.session(status="draft")
    make.session(status="cancelled")
    make.session(day=date(2024, 5, 1))
    with count_queries() as queries:
        page = browser.get("/manage")
    assert len(queries) <= 7
    text = words(page)
    assert "3 sessions" in text and "1 of 1 (100%)" in text and "0 of 10 (0%)" in text
    assert "Needs 5" in text and "Full" in text and "Draft" in text and "Cancelled" not in text.split("State")[-1]
    assert f"/manage/sessions/{empty.id}" in page.text


def test_the_desk_filters_and_sorts(make: Make, browser: Any) -> None:
    first, second = make.session(places=1, day=tuesday(3)), make.session(day=tuesday(4))
    book(make, first.id, make.person("Ann"))
    assert first.reference in browser.get(f"/manage?month={tuesday(3):%Y-%m}").text
    assert second.reference not in browser.get(f"/manage?month={tuesday(3):%Y-%m}").text
    assert "1 session" in words(browser.get(f"/manage?course={second.course_id}"))
    assert "1 session" in words(browser.get("/manage?status=full"))
    by_fill = browser.get("/manage?sort=fill").text
    assert by_fill.index(second.reference) < by_fill.index(first.reference)
    past = datetime.now(UTC) - timedelta(days=1)
    thin = make.session(min_numbers=5, day=date.today() + timedelta(days=9), decide_by=past)  # noqa: DTZ011
    found = browser.get("/manage?status=thin")
    for status in ("thin", "overdue", "untaught"):
        found = browser.get(f"/manage?status={status}")
        assert thin.reference in found.text and "1 session" in words(found)
    book(make, thin.id, make.person("Bea"))
    assert thin.reference in browser.get("/manage?status=low").text and first.reference not in browser.get("/manage?status=low").text
    assert "Decision overdue" in found.text and "No session fits" in words(browser.get("/manage?status=give"))
    assert "No session fits" in words(browser.get("/manage?status=cancelled"))
    for nonsense in ("month=2027-13", "course=x", "status=x", "sort=x", "page=99"):
        assert "3 sessions" in words(browser.get(f"/manage?{nonsense}"))


def test_an_empty_desk_says_what_to_do(browser: Any) -> None:
    assert "import a file of sessions" in words(browser.get("/manage"))


def test_only_for_coordinators(make: Make, sign_in: Any) -> None:
    session = make.session()
    ann = sign_in(make.person("Ann"))
    base = f"/manage/sessions/{session.id}"
    for path in ("/manage", "/manage/sessions/new", base, f"{base}/change", f"{base}/cancel", "/manage/rooms", "/manage/rooms/new"):
        assert ann.get(path).status_code == 403, path
    for path in ("/manage/sessions/new", f"{base}/change", f"{base}/publish", f"{base}/copy", f"{base}/cancel", "/manage/rooms/new"):
        assert ann.post(path, data={"reason": "Because"}).status_code == 403, path
    assert make.row(Session, session.id).status == "published"


# Making one --------------------------------------------------------------------------------------------------------


def test_no_course_chosen_is_said(make: Make, browser: Any) -> None:
    make.course("Court skills")
    page = browser.get("/manage/sessions/new?course=")
    assert page.status_code == 422 and "There is a problem" in page.text and 'href="#course">Choose a course' in page.text
    assert "Choose a course" not in browser.get("/manage/sessions/new").text


def test_a_session_from_form_to_published(make: Make, browser: Any) -> None:
    course, room, tess = make.course("Court skills"), make.room("Oak Room", capacity=12), make.person("Tess")
    assert "Court skills" in browser.get("/manage/sessions/new").text
    assert "Oak Room" in browser.get(f"/manage/sessions/new?course={course.id}").text
    later = DAY + timedelta(days=7)
    data = form(
        course,
        part(1, link="https://meet.westmarch.example/1", day=later),
        part(2, room, trainers=f"{tess.email.upper()}; {tess.email}"),
        min_numbers="6",
        **{"cancel_by": str(DAY.day), "cancel_by-month": str(DAY.month), "cancel_by-year": str(DAY.year)},
    )
    made = browser.post("/manage/sessions/new", data=data)
    assert made.status_code == 303, words(made)
    session = make.rows(select(Session.__table__))[0]
    assert (session.status, session.capacity, session.min_numbers) == ("draft", 12, 6)
    assert london(session.starts_at).date() == DAY and clock(session.starts_at) == "9:30am"
    assert session.cancel_by == session.starts_at  # the last day is the day itself: until it starts
    assert [row.person_id for row in make.rows(select(PartTrainer.person_id))] == [tess.id]
    page = browser.get(made.headers["location"])
    assert "Oak Room" in page.text and tess.name in page.text and "Publish" in page.text
    published = browser.post(f"/manage/sessions/{session.id}/publish", data={"version": str(session.version)})
    assert published.status_code == 303
    assert "People can book" in words(browser.get(published.headers["location"]))


def test_another_part_keeps_what_was_typed(make: Make, browser: Any) -> None:
    course = make.course()
    data = form(course, part(1, starts="half nine"), capacity="x")
    page = browser.post("/manage/sessions/new", data={**data, "add": "part"})
    assert page.status_code == 200 and 'value="half nine"' in page.text and 'value="x"' in page.text
    assert 'name="parts.2.starts"' in page.text and "There is a problem" not in page.text
    data |= {"parts": "2", **part(2, starts="1pm")}
    page = browser.post("/manage/sessions/new", data={**data, "remove": "1"})
    assert 'value="1pm"' in page.text and "half nine" not in page.text and 'name="parts.2.starts"' not in page.text
    assert make.rows(select(Session.id)) == []


def test_mistakes_are_linked_to_their_fields(make: Make, browser: Any) -> None:
    course = make.course()
    data = form(course, part(1, starts="", ends="25:00", trainers="nobody@westmarch.example"), capacity="")
    data["parts.1.day"] = ""
    page = browser.post("/manage/sessions/new", data=data)
    assert page.status_code == 422
    for field in ("parts.1.day", "parts.1.starts", "parts.1.ends", "parts.1.trainers", "capacity"):
        assert f'href="#{field}"' in page.text and f'id="{field}"' in page.text
    assert "Nobody on record here has the e-mail address nobody@westmarch.example" in page.text
    hidden_hour = browser.post("/manage/sessions/new", data=form(course, part(1, day=date(2027, 3, 28), starts="1:30am", ends="3am")))
    assert "does not exist" in hidden_hour.text


def test_a_clash_is_shown_beside_the_right_part(make: Make, browser: Any) -> None:
    room = make.room("Oak Room")
    taken = make.session(room=room, day=DAY)
    later = DAY + timedelta(days=7)
    page = browser.post("/manage/sessions/new", data=form(make.course(), part(1, make.room(), day=later), part(2, room)))
    assert page.status_code == 409 and f"Oak Room is already in use then: {taken.reference}" in words(page)
    assert 'href="#parts.2.room"' in page.text and "Part 2: Oak Room" in words(page)  # the order of typing stays
    assert page.text.index(f'value="{later.day}"') < page.text.index('id="parts.2.day"')


def test_everything_that_is_wrong_is_said_at_once(make: Make, browser: Any) -> None:
    small = make.room("Elm Room", capacity=4)
    late = {"decide_by": "1", "decide_by-month": "1", "decide_by-year": str(DAY.year + 5)}
    page = browser.post("/manage/sessions/new", data=form(make.course(), part(1, small), min_numbers="50", **late))
    assert page.status_code == 422 or page.status_code == 409
    for field in ("parts.1.room", "min_numbers", "decide_by"):
        assert f'href="#{field}"' in page.text


# Changing one ------------------------------------------------------------------------------------------------------


def test_an_unchanged_form_changes_nothing(make: Make, browser: Any, ledger: Any) -> None:
    tess = make.person("Tess")
    session = make.session(trainers=(tess.id,), day=DAY, waiting_limit=3)
    page = browser.get(f"/manage/sessions/{session.id}/change")
    data = dict(
        re.findall(
            r'<input class="govuk-input[^"]*" id="[^"]*" name="([^"]*)" type="text" (?:inputmode="[a-z]*" )?value="([^"]*)"', page.text
        )
    )
    data |= dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    room = make.rows(select(Part.room_id))[0].room_id
    data |= {"parts.1.room": str(room)}
    assert data["parts.1.trainers"] == tess.email and data["waiting_limit"] == "3"
    ledger.start()
    assert browser.post(f"/manage/sessions/{session.id}/change", data=data).status_code == 303
    assert make.row(Session, session.id).version == session.version
    assert "session.changed" not in ledger.actions()


def test_moving_tells_and_an_old_form_is_refused(make: Make, browser: Any, ledger: Any) -> None:
    session = make.session(day=DAY)
    book(make, session.id, make.person("Ann"))
    room = make.rows(select(Part.room_id))[0].room_id
    data = form(session, part(1, room, starts="10am"), capacity="5", version="1")
    assert "everyone who has a place" in words(browser.get(f"/manage/sessions/{session.id}/change"))
    check = browser.post(f"/manage/sessions/{session.id}/change", data=data)
    assert check.status_code == 200 and "1 person will be told of this change" in words(check)
    assert "10am to 4pm" in words(check) and "email.session_changed" not in ledger.outbox()
    assert make.row(Session, session.id).version == 1
    data = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', check.text))
    back = browser.post(f"/manage/sessions/{session.id}/change", data={**data, "back": "yes"})
    assert 'value="10am"' in back.text and "email.session_changed" not in ledger.outbox()
    saved = browser.post(f"/manage/sessions/{session.id}/change", data={**data, "checked": "yes"})
    assert saved.status_code == 303 and "email.session_changed" in ledger.outbox()
    assert "1 person is being e-mailed" in words(browser.get(saved.headers["location"]))
    page = browser.post(f"/manage/sessions/{session.id}/change", data={**data, "capacity": "6"})
    assert page.status_code == 412 and 'value="6"' in page.text and "as it is now" in words(page)


def test_copying_to_another_day(make: Make, browser: Any) -> None:
    session = make.session(day=DAY)
    day = DAY + timedelta(days=14)
    data = {"day": str(day.day), "day-month": str(day.month), "day-year": str(day.year)}
    copied = browser.post(f"/manage/sessions/{session.id}/copy", data=data)
    assert copied.status_code == 303 and "This is the copy" in words(browser.get(copied.headers["location"]))
    sunday = date(2030, 12, 1)
    data_sunday = {"day": "1", "day-month": "12", "day-year": "2030"}
    off = browser.post(f"/manage/sessions/{session.id}/copy", data=data_sunday)
    assert sunday.weekday() == 6 and "Sunday 1 December 2030 is a weekend" in words(browser.get(off.headers["location"]))
    assert browser.post(f"/manage/sessions/{session.id}/copy", data={**data, "day": ""}).status_code == 422
    refused = browser.post(f"/manage/sessions/{session.id}/copy", data=data)
    assert refused.status_code == 409 and 'href="#day"' in refused.text and "already in use then" in refused.text


def test_the_past_is_refused_where_it_stands(make: Make, browser: Any) -> None:
    session = make.session(day=date(2024, 5, 1), status="draft")
    page = browser.post(f"/manage/sessions/{session.id}/publish", data={"version": "1"})
    assert page.status_code == 422 and 'href="#parts.1.day"' in page.text and 'id="parts.1.day"' in page.text


def test_cancelling_shows_who_is_affected_first(make: Make, browser: Any) -> None:
    session = make.session(places=1)
    ann, bob = make.person("Ann Rowe"), make.person("Bob Lane")
    for person in (ann, bob):
        book(make, session.id, person)
    page = browser.get(f"/manage/sessions/{session.id}/cancel")
    assert "1 person with a place and 1 waiting" in words(page) and "Ann Rowe" in page.text and "Bob Lane" in page.text
    assert browser.post(f"/manage/sessions/{session.id}/cancel", data={"reason": ""}).status_code == 422
    done = browser.post(f"/manage/sessions/{session.id}/cancel", data={"reason": "The trainer is ill", "version": str(session.version)})
    assert done.status_code == 303
    assert "The trainer is ill" in browser.get(done.headers["location"]).text
    assert {row.status for row in make.rows(select(Booking.status))} == {"cancelled"}
    assert browser.get(f"/manage/sessions/{session.id}/cancel").status_code == 409
    kept = words(browser.get(f"/manage/sessions/{session.id}"))
    assert "2 bookings ended with the session" in kept and "Ann Rowe" in kept and "Waiting list" in kept
    assert "Cancelling is late" not in kept


def test_a_limited_coordinator_sees_only_their_own_people(make: Make, sign_in: Any) -> None:
    other = make.organisation("Norbury Council", host=False)
    session = make.session()
    ann, eve = make.person("Ann Rowe"), make.person("Eve Stone", organisation=other)
    for person in (ann, eve):
        book(make, session.id, person)
    page = sign_in(make.person("Cai", roles=("coordinator",), scope=make.organisation())).get(f"/manage/sessions/{session.id}/cancel")
    assert "Ann Rowe" in page.text and "Eve Stone" not in page.text and "1 other person" in words(page)


def test_free_places_that_cannot_be_offered_and_a_waiting_list_point_to_the_roster(make: Make, browser: Any) -> None:
    session = make.session(places=1)
    for name in ("Ann", "Bob"):
        book(make, session.id, make.person(name))
    room = make.rows(select(Part.room_id))[0].room_id
    data = form(session, part(1, room, day=london(session.starts_at).date(), ends="12:30pm"), capacity="1", version="1")
    with make.tx() as tx:
        tx.update(Room, room, capacity=30)
        tx.insert(BookingPolicy, recorded_at=tx.now, offer_least_minutes=60 * 24 * 365)
    assert browser.post(f"/manage/sessions/{session.id}/change", data={**data, "capacity": "3"}).status_code == 303
    assert "2 places are free and 1 person is waiting" in words(browser.get(f"/manage/sessions/{session.id}"))


# Rooms -------------------------------------------------------------------------------------------------------------


def test_rooms(make: Make, browser: Any) -> None:
    data = {"name": "Oak Room", "place": "Aldermoor", "capacity": "12", "access_notes": "Step-free"}
    assert browser.post("/manage/rooms/new", data=data).status_code == 303
    assert "Step-free" in browser.get("/manage/rooms?done=saved").text
    page = browser.post("/manage/rooms/new", data={**data, "capacity": "many"})
    assert page.status_code == 422 and 'value="many"' in page.text
    key = make.rows(select(Room.id))[0].id
    assert 'value="12"' in browser.get(f"/manage/rooms/{key}").text
    assert browser.post(f"/manage/rooms/{key}", data={**data, "capacity": "14", "closed": "yes"}).status_code == 303
    room = make.row(Room, key)
    assert room.closed and room.capacity == 14
    assert browser.get("/manage/rooms/999").status_code == 404
