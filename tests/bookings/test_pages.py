"""Booking on pages: check, confirm, see what came of it, cancel; refusal beside success, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update

from app.bookings import operations
from app.bookings.models import Booking, Part, Session
from app.core.calendar import long_date
from app.core.tx import Actor, clock, transaction
from tests.factory import Make


def book(make: Make, session: Any, person: Any) -> int:
    """Arrange a booking, by the person themselves."""
    actor = Actor("person", person.id, person.name, (("practitioner", None),), organisation_id=person.organisation_id)
    with transaction(make.database, actor, writes=True) as tx:
        return operations.book(tx, session.id, person.id).id


def test_booking_a_place(make: Make, sign_in: Any, ledger: Any) -> None:
    ann, session = make.person("Ann", email="ann@westmarch.example"), make.session(course=make.course("Court skills").id)
    browser = sign_in(ann)
    ledger.start()
    page = browser.get(f"/sessions/{session.id}/book")
    assert page.status_code == 200 and "Check before you book" in page.text and "Court skills" in page.text and ledger.actions() == []
    reply = browser.post(f"/sessions/{session.id}/book", data={"person": ann.id})
    assert reply.status_code == 303
    done = browser.get(reply.headers["location"])
    assert "You have a place" in done.text and "ann@westmarch.example" in done.text and "Add to your calendar" in done.text
    assert 'href="/my-bookings" aria-current="true"' in done.text and "See the session" in done.text
    assert "You booked a place" in done.text
    assert ledger.actions() == ["booking.made"] and ledger.outbox() == ["email.booking_made"]
    assert "You have a place" in browser.get("/courses/court-skills").text


def test_booking_twice_says_so_and_links_to_the_booking(make: Make, sign_in: Any, ledger: Any) -> None:
    ann, session = make.person("Ann"), make.session()
    mine = book(make, session, ann)
    browser = sign_in(ann)
    ledger.start()
    page = browser.get(f"/sessions/{session.id}/book")
    assert "You already have a booking" in page.text and f"/bookings/{mine}" in page.text and "Book this place" not in page.text
    again = browser.post(f"/sessions/{session.id}/book", data={"person": ann.id})
    assert again.status_code == 409 and 'role="alert"' in again.text and "already have a place" in again.text
    assert ledger.actions() == []


def test_a_full_session_puts_you_on_the_waiting_list(make: Make, sign_in: Any) -> None:
    session = make.session(places=1)
    for name in ("Bob", "Cat", "Dan"):
        book(make, session, make.person(name))
    ann = make.person("Ann")
    browser = sign_in(ann)
    assert "You would be 3rd of 3" in browser.get(f"/sessions/{session.id}/book").text
    page = browser.get(f"/sessions/{session.id}")
    assert "Full – 2 waiting" in page.text and "Join the waiting list" in page.text
    done = browser.get(browser.post(f"/sessions/{session.id}/book", data={}).headers["location"])
    assert (
        "You are 3rd of 3 on the waiting list." in done.text
        and "Those with statutory need come first" in done.text
        and "Add to your calendar" not in done.text
    )
    assert "You are 3rd of 3" in browser.get(f"/sessions/{session.id}").text
    assert "You are 3rd of 3" in browser.get("/my-bookings").text
    assert (
        browser.get(f"/bookings/{make.rows(select(Booking.id).where(Booking.person_id == ann.id))[0].id}/calendar.ics").status_code == 404
    )


def test_a_clash_is_named_with_its_way_out(make: Make, sign_in: Any) -> None:
    ann = make.person("Ann")
    held = make.session(course=make.course("Court skills").id)
    other = make.session(starts=held.starts_at + timedelta(hours=1))
    book(make, held, ann)
    browser = sign_in(ann)
    for page in (browser.get(f"/sessions/{other.id}"), browser.get(f"/sessions/{other.id}/book")):
        assert "another booking at that time: Court skills" in page.text and "Cancel it or choose another date" in page.text
        assert "Book this place" not in page.text
    assert browser.post(f"/sessions/{other.id}/book", data={"person": ann.id}).status_code == 409


def test_a_missing_prerequisite_links_to_the_course_that_helps(make: Make, sign_in: Any) -> None:
    ann, first = make.person("Ann"), make.course("First things")
    session = make.session(course=make.course("Second things", requires=(first.id,)).id)
    browser = sign_in(ann)
    page = browser.get(f"/sessions/{session.id}")
    assert "You need to complete First things first." in page.text and 'href="/courses/first-things"' in page.text
    make.completion(ann.id, first.id, date(2026, 1, 5))
    assert "Book a place" in browser.get(f"/sessions/{session.id}").text


def test_a_prerequisite_that_lapses_before_the_day_points_to_its_refresher(make: Make, sign_in: Any) -> None:
    ann, again = make.person("Ann"), make.course("First aid again")
    first = make.course("First aid", validity_months=12, refresher_id=again.id)
    course = make.course("Second things", requires=(first.id,))
    session = make.session(course=course.id)
    day = session.starts_at.date()
    make.completion(ann.id, first.id, date(2026, 1, 5), day - timedelta(days=1))
    browser = sign_in(ann)
    for path in ("/courses/second-things", f"/sessions/{session.id}", f"/sessions/{session.id}/book"):
        page = browser.get(path).text
        assert f"Yours lapses on {long_date(day - timedelta(days=1))}, before this session." in page, path
        assert 'href="/courses/first-aid-again">Book the refresher first</a>' in page and "Book a place" not in page
    make.completion(ann.id, first.id, date(2026, 2, 5), day)
    assert "Book a place" in browser.get("/courses/second-things").text


def test_whoever_it_is_for_is_carried_along(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    ann, eve = make.person("Ann Reed", manager=manager.id), make.person("Eve")
    session = make.session(course=make.course("Court skills").id)
    book(make, session, manager)
    browser = sign_in(manager)
    course = browser.get(f"/courses/court-skills?for={ann.id}").text
    assert f'href="/sessions/{session.id}?for={ann.id}"' in course and "You are booking for <strong>Ann Reed</strong>" in course
    page = browser.get(f"/sessions/{session.id}?for={ann.id}").text
    assert "You are booking for <strong>Ann Reed</strong>" in page and f"/sessions/{session.id}/book?person={ann.id}" in page
    assert f'href="/courses/court-skills?for={ann.id}"' in page and "Your place" not in page
    check = browser.get(f"/sessions/{session.id}/book?person={ann.id}").text
    assert "You are booking for <strong>Ann Reed</strong>" in check and f'href="/sessions/{session.id}?for={ann.id}">Not now' in check
    assert browser.get(f"/sessions/{session.id}?for={eve.id}").status_code == 404
    assert "You are booking for" not in browser.get(f"/sessions/{session.id}?for={manager.id}").text


def test_access_needs_are_changed_on_the_way(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session()
    browser = sign_in(ann)
    change = f"/my-details/change?back=/sessions/{session.id}/book"
    assert f'href="{change}"' in browser.get(f"/sessions/{session.id}/book").text
    assert "Back to the booking" in browser.get(change).text
    needs = {"known_as": "", "access_needs": "A hearing loop"}
    assert browser.post(change, data=needs).headers["location"] == f"/sessions/{session.id}/book"
    for elsewhere in ("//evil.example", "https://evil.example", "/people"):
        assert browser.post(f"/my-details/change?back={elsewhere}", data=needs).headers["location"] == "/my-details?said=details"


def test_a_day_off_warns_and_does_not_stop(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann", working_days="1011100"), make.session()  # a Tuesday
    browser = sign_in(ann)
    page = browser.get(f"/sessions/{session.id}/book")
    assert "you do not work on Tuesday" in page.text and "You can still book" in page.text and "Book this place" in page.text
    assert browser.post(f"/sessions/{session.id}/book", data={"person": ann.id}).status_code == 303


def test_only_your_own_people_can_be_booked(make: Make, sign_in: Any, ledger: Any) -> None:
    manager = make.person("Mo")
    ann, eve, session = make.person("Ann Reed", manager=manager.id), make.person("Eve Stranger"), make.session()
    browser = sign_in(manager)
    who = browser.get(f"/sessions/{session.id}/book?who=")
    assert "Ann Reed" in who.text and "Eve Stranger" not in who.text
    assert "Nobody you can book for" in browser.get(f"/sessions/{session.id}/book?who=stranger").text
    check = browser.get(f"/sessions/{session.id}/book?person={ann.id}")
    assert "Book this place for Ann Reed" in check.text
    ledger.start()
    for bad in (eve.id, 999_999, "x", "9" * 14):
        assert browser.get(f"/sessions/{session.id}/book?person={bad}").status_code == 404
        assert browser.post(f"/sessions/{session.id}/book", data={"person": bad}).status_code == 404
    assert ledger.actions() == []
    reply = browser.post(f"/sessions/{session.id}/book", data={"person": ann.id})
    assert "Ann Reed has a place" in browser.get(reply.headers["location"]).text
    plain = sign_in(ann).get(f"/sessions/{session.id}/book?who=mo")
    assert "Who is it for?" not in plain.text


def test_a_coordinator_finds_anyone_by_number(make: Make, sign_in: Any) -> None:
    coordinator, ann, session = make.person("Cai", roles=("coordinator",)), make.person("Ann Reed", employee_number="E777"), make.session()
    browser = sign_in(coordinator)
    assert "Ann Reed" in browser.get(f"/sessions/{session.id}/book?who=e777").text
    assert "Type a name" in browser.get(f"/sessions/{session.id}/book?who=").text
    assert browser.post(f"/sessions/{session.id}/book", data={"person": ann.id}).status_code == 303


def test_other_peoples_bookings_are_nowhere(make: Make, sign_in: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session()
    his = book(make, session, bob)
    browser = sign_in(ann)
    for path in ("", "/cancel", "/decide", "/calendar.ics"):
        assert browser.get(f"/bookings/{his}{path}").status_code == 404
    assert browser.post(f"/bookings/{his}/cancel", data={"reason_code": "leave"}).status_code == 404
    assert browser.post(f"/bookings/{his}/decide", data={"decision": "approve"}).status_code == 404
    assert browser.get("/bookings/999999").status_code == 404
    assert make.row(Booking, his).status == "booked"


def test_looking_at_somebodys_booking_leaves_a_trail(make: Make, sign_in: Any, ledger: Any) -> None:
    manager = make.person("Mo")
    ann, session = make.person("Ann", manager=manager.id), make.session()
    hers = book(make, session, ann)
    assert sign_in(ann).get(f"/bookings/{hers}").status_code == 200 and ledger.entries("booking.viewed") == []
    assert sign_in(manager).get(f"/bookings/{hers}").status_code == 200
    [seen] = ledger.entries("booking.viewed")
    assert (seen.actor_id, seen.person_id) == (manager.id, ann.id)


def test_cancelling_asks_why_and_keeps_what_was_typed(make: Make, sign_in: Any, ledger: Any) -> None:
    ann, session = make.person("Ann"), make.session()
    mine = book(make, session, ann)
    browser = sign_in(ann)
    assert "Cancel the place" in browser.get(f"/bookings/{mine}/cancel").text
    ledger.start()
    refused = browser.post(f"/bookings/{mine}/cancel", data={"reason_code": "other", "reason": "x" * 501})
    assert refused.status_code == 422 and "x" * 501 in refused.text and 'href="#reason"' in refused.text and ledger.actions() == []
    assert browser.post(f"/bookings/{mine}/cancel", data={"reason_code": "court", "reason": "a hearing"}).status_code == 303
    page = browser.get(f"/bookings/{mine}")
    assert "This booking was cancelled: “Court: a hearing”" in page.text and "You cancelled the booking" in page.text
    assert ledger.actions() == ["booking.cancelled"]
    again = browser.post(f"/bookings/{mine}/cancel", data={"reason_code": "court", "reason": "a hearing"})
    assert again.status_code == 409 and "It has already ended" in again.text


def test_late_cancelling_is_said_before_the_button(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session()
    mine = book(make, session, ann)
    with make.tx() as tx:
        tx.update(Session, session.id, cancel_by=tx.now - timedelta(days=1))
    browser = sign_in(ann)
    asking = browser.get(f"/bookings/{mine}/cancel").text
    assert "late cancellation" in asking and "There is no charge." in asking and "Excuses it" in asking
    assert "counting as late was" in browser.get(f"/bookings/{mine}").text and "still tell us" in browser.get(f"/bookings/{mine}").text
    done = browser.get(browser.post(f"/bookings/{mine}/cancel", data={"reason_code": "court"}).headers["location"]).text
    assert (
        "it goes from your calendar" in done
        and "It counts as a late cancellation." in done
        and "You are excused. Nothing is charged." in done
    )


def test_a_request_is_approved_or_refused_by_the_manager(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    team = make.unit("Aldermoor 1")
    ann, ben = (make.person(name, manager=manager.id, team=team) for name in ("Ann Reed", "Ben Shaw"))
    session = make.session(course=make.course("Costly", cost_pence=3550).id, needs_approval=True)
    asked = [book(make, session, person) for person in (ann, ben)]
    own = sign_in(ann).get(f"/bookings/{asked[0]}")
    assert f"held while {manager.name} decides" in own.text and "Approve or refuse" not in own.text
    browser = sign_in(manager)
    page = browser.get(f"/bookings/{asked[0]}/decide")
    assert "£35.50" in page.text and "Ben Shaw: Costly" in page.text
    nothing = browser.post(f"/bookings/{asked[0]}/decide", data={"reason": "Maybe"})
    assert nothing.status_code == 422 and 'href="#decision"' in nothing.text and "Maybe" in nothing.text
    done = browser.post(f"/bookings/{asked[0]}/decide", data={"decision": "approve"})
    assert done.status_code == 303 and "You approved Ann Reed’s place on Costly, " in browser.get(done.headers["location"]).text
    no_reason = browser.post(f"/bookings/{asked[1]}/decide", data={"decision": "refuse"})
    assert no_reason.status_code == 422 and 'value="refuse" checked' in no_reason.text and "Say why you refuse" in no_reason.text
    assert browser.post(f"/bookings/{asked[1]}/decide", data={"decision": "refuse", "reason": "Duty week"}).status_code == 303
    assert [make.row(Booking, key).status for key in asked] == ["booked", "declined"]
    assert "not approved: “Duty week”" in sign_in(ben).get(f"/bookings/{asked[1]}").text
    assert "has been decided" in browser.get(f"/bookings/{asked[0]}/decide").text


def test_nobody_approves_their_own_request(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session(needs_approval=True)
    mine = book(make, session, ann)
    browser = sign_in(ann)
    assert "Somebody else decides your request" in browser.get(f"/bookings/{mine}/decide").text
    assert browser.post(f"/bookings/{mine}/decide", data={"decision": "approve"}).status_code == 403
    assert make.row(Booking, mine).status == "requested"


LINK = "https://meet.westmarch.example/secret-room"


def test_the_joining_link_is_for_those_with_a_place(make: Make, sign_in: Any) -> None:
    trainer = make.person("Tess")
    session = make.session(places=1, link=LINK, trainers=(trainer.id,))
    ann, bob, eve = make.person("Ann"), make.person("Bob"), make.person("Eve")
    hers, his = book(make, session, ann), book(make, session, bob)
    browser = sign_in(ann)
    for path in (f"/sessions/{session.id}", f"/bookings/{hers}", "/my-bookings", "/"):
        assert LINK in browser.get(path).text, path
    file = browser.get(f"/bookings/{hers}/calendar.ics").text.replace("\r\n ", "")
    assert LINK in file and "METHOD:PUBLISH" in file and "ATTENDEE" not in file
    assert LINK in sign_in(trainer).get(f"/sessions/{session.id}").text
    waiting = sign_in(bob)
    for path in (f"/sessions/{session.id}", f"/bookings/{his}", "/my-bookings", f"/sessions/{session.id}/book", "/"):
        assert LINK not in waiting.get(path).text, path
    for path in (f"/sessions/{session.id}", f"/sessions/{session.id}/book"):
        assert LINK not in sign_in(eve).get(path).text
    browser.post(f"/bookings/{hers}/cancel", data={"reason_code": "court"})
    assert LINK not in browser.get(f"/bookings/{hers}").text


def test_nobody_is_sent_to_a_session_that_is_over(make: Make, sign_in: Any) -> None:
    trainer, ann, eve = make.person("Tess"), make.person("Ann"), make.person("Eve")
    session = make.session(link=LINK, trainers=(trainer.id,))
    hers = book(make, session, ann)
    with make.tx() as tx:
        for table in (Session, Part):
            tx.db.execute(update(table).values(starts_at=tx.now - timedelta(hours=3), ends_at=tx.now - timedelta(minutes=1)))
    for who, path in (
        (ann, f"/sessions/{session.id}"),
        (ann, f"/bookings/{hers}"),
        (trainer, f"/sessions/{session.id}"),
        (eve, f"/sessions/{session.id}"),
    ):
        page = sign_in(who).get(path).text
        assert "Online" in page and LINK not in page and "joining link" not in page, (who.name, path)


def test_requested_places_do_not_show_the_link(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session(link=LINK, needs_approval=True)
    mine = book(make, session, ann)
    assert LINK not in sign_in(ann).get(f"/bookings/{mine}").text + sign_in(ann).get("/my-bookings").text


def test_drafts_are_for_coordinators(make: Make, sign_in: Any) -> None:
    session = make.session(status="draft")
    assert sign_in(make.person("Ann")).get(f"/sessions/{session.id}").status_code == 404
    assert sign_in(make.person("Ann")).get(f"/sessions/{session.id}/book").status_code == 404
    assert sign_in(make.person("Cai", roles=("coordinator",))).get(f"/sessions/{session.id}").status_code == 200


def test_a_cancelled_session_says_so(make: Make, sign_in: Any) -> None:
    session = make.session(status="cancelled", cancel_reason="The trainer is ill.")
    page = sign_in(make.person("Ann")).get(f"/sessions/{session.id}")
    assert "has been cancelled" in page.text and "The trainer is ill." in page.text and "Book a place" not in page.text


# Roster ------------------------------------------------------------------------------------------------------------


def test_the_roster_is_for_those_who_run_the_session(make: Make, sign_in: Any) -> None:
    trainer, other = make.person("Tess"), make.person("Olu")
    session = make.session(places=1, trainers=(trainer.id,))
    make.session(trainers=(other.id,))
    ann, bob = make.person("Ann Reed", access_needs="Hearing loop"), make.person("Bob Shaw")
    book(make, session, ann)
    book(make, session, bob)
    page = sign_in(trainer).get(f"/sessions/{session.id}/roster")
    assert page.status_code == 200 and "Ann Reed" in page.text and "Bob Shaw" in page.text and "1 of 1 places taken" in page.text
    assert "Hearing loop" not in sign_in(trainer).get(f"/sessions/{session.id}/roster?needs=show").text
    assert sign_in(other).get(f"/sessions/{session.id}/roster").status_code == 404
    assert sign_in(ann).get(f"/sessions/{session.id}/roster").status_code == 403
    assert sign_in(trainer).post(f"/sessions/{session.id}/give").status_code == 403


def test_access_needs_are_shown_on_asking_and_that_is_recorded(make: Make, sign_in: Any, ledger: Any) -> None:
    coordinator, ann, session = make.person("Cai", roles=("coordinator",)), make.person("Ann", access_needs="Hearing loop"), make.session()
    book(make, session, ann)
    browser = sign_in(coordinator)
    assert "Hearing loop" not in browser.get(f"/sessions/{session.id}/roster").text
    assert ledger.entries("access_needs.viewed") == []
    assert "Hearing loop" in browser.get(f"/sessions/{session.id}/roster?needs=show").text
    assert [row.person_id for row in ledger.entries("access_needs.viewed")] == [ann.id]


def test_a_roster_shows_only_those_in_reach(make: Make, sign_in: Any) -> None:
    elsewhere = make.organisation("Eastmere Council", host=False)
    psw = make.person("Pia", roles=("principal social worker",), scope=make.organisation())
    session = make.session()
    book(make, session, make.person("Ann Reed"))
    book(make, session, make.person("Zed Far", organisation=elsewhere))
    page = sign_in(psw).get(f"/sessions/{session.id}/roster")
    assert "Ann Reed" in page.text and "Zed Far" not in page.text and "1 other person" in page.text


def test_a_free_place_without_time_to_offer_it_goes_to_the_head_of_the_list(make: Make, sign_in: Any) -> None:
    soon = clock() + timedelta(minutes=100)  # past the cut-off: nobody could be asked any more
    coordinator, session = make.person("Cai", roles=("coordinator",)), make.session(places=1, starts=soon)
    ann, bob, cat = (make.person(name) for name in ("Ann", "Bob", "Cat"))
    hers = book(make, session, ann)
    his, last = book(make, session, bob), book(make, session, cat)
    browser = sign_in(coordinator)
    assert "Give the free place" not in browser.get(f"/sessions/{session.id}/roster").text
    refused = browser.post(f"/sessions/{session.id}/give")
    assert refused.status_code == 409 and "No place is free" in refused.text
    sign_in(ann).post(f"/bookings/{hers}/cancel", data={"reason_code": "court"})
    assert f"Give the free place to {bob.name}" in browser.get(f"/sessions/{session.id}/roster").text
    given = browser.post(f"/sessions/{session.id}/give")
    assert given.status_code == 303 and "next person on the waiting list" in browser.get(given.headers["location"]).text
    assert [make.row(Booking, key).status for key in (his, last)] == ["booked", "waiting"]


def test_an_empty_roster(make: Make, sign_in: Any) -> None:
    session = make.session()
    assert "Nobody has a place yet" in sign_in(make.person("Cai", roles=("coordinator",))).get(f"/sessions/{session.id}/roster").text


# Cost --------------------------------------------------------------------------------------------------------------


def test_queries_stay_few(make: Make, sign_in: Any, count_queries: Any) -> None:
    coordinator, session = make.person("Cai", roles=("coordinator",)), make.session(places=3)
    mine = [book(make, session, make.person(f"Ann {n}")) for n in range(5)]
    browser = sign_in(coordinator)
    most = {f"/sessions/{session.id}": 7, f"/sessions/{session.id}/book": 8, f"/bookings/{mine[0]}": 8, f"/sessions/{session.id}/roster": 5}
    for path, limit in most.items():
        browser.get(path)
        with count_queries() as queries:
            assert browser.get(path).status_code == 200
        asked = [statement for statement in queries.statements if statement != "begin"]
        assert len(asked) <= limit, (path, asked)
