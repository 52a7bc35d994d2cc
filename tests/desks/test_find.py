"""Find learning and the page of a course, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert

from app.bookings import operations
from app.core.calendar import long_date
from app.core.tx import Actor, transaction
from app.frameworks.models import Standard, StandardsSet
from app.learning.models import Curriculum, CurriculumCourse, Provider
from tests.factory import Make, tuesday


def book(make: Make, session: Any, person: Any) -> int:
    actor = Actor("person", person.id, person.name, (("practitioner", None),), organisation_id=person.organisation_id)
    with transaction(make.database, actor, writes=True) as tx:
        return operations.book(tx, session.id, person.id).id


def titles(page: Any) -> list[str]:
    """The titles of the results, in order."""
    import re

    return re.findall(r'app-result__title"><a class="govuk-link" href="[^"]+">([^<]+)</a>', page.text)


def test_words_find_courses_and_say_what_is_left(make: Make, sign_in: Any) -> None:
    near = make.course("Relationship based practice", cpd_minutes=210)
    make.course("Court skills", summary="Giving evidence about relationships.")
    make.course("Secret plans", status="draft")
    make.course("Relationships long ago", status="withdrawn")
    session = make.session(course=near.id, places=4)
    book(make, session, make.person("Bob"))
    browser = sign_in(make.person("Ann"))
    assert titles(browser.get("/courses")) == ["Relationship based practice", "Court skills"]  # with a date first
    page = browser.get("/courses?q=relationships")
    assert "2 courses for “relationships”" in page.text and "3 places left" in page.text and "3 hours 30 minutes" in page.text
    assert titles(browser.get("/courses?q=Court ski")) == ["Court skills"]
    nothing = browser.get("/courses?q=zebra")
    assert titles(nothing) == [] and "0 courses" in nothing.text and "See every course" in nothing.text
    assert "0 courses" in browser.get("/courses?q=%22%28%27").text


def test_places_left_in_words(make: Make, sign_in: Any) -> None:
    browser = sign_in(make.person("Ann"))
    one = make.session(course=make.course("One").id, places=1)
    assert "1 place left" in browser.get("/courses").text
    book(make, one, make.person("Bob"))
    assert "Full – join the waiting list" in browser.get("/courses").text
    book(make, one, make.person("Cat"))
    assert "Full – 1 waiting" in browser.get("/courses").text


def test_filters_narrow_by_what_the_next_date_offers(make: Make, sign_in: Any) -> None:
    with make.tx() as tx:
        provider = tx.insert(Provider, name="University of Eastmere")
        standards = tx.insert(StandardsSet, code="X", version="1", title="A set")
        tx.db.execute(insert(Standard), dict(code="X-1", set_id=standards, number=1, title="Kindness"))
    room = make.course("In a room", provider_id=provider, kind="leadership")
    online = make.course("On a screen", standards=("X-1",))
    make.course("Without a date")
    soon, later = make.session(course=room.id, places=1), make.session(course=online.id, link="https://x.example", day=tuesday(3))
    browser = sign_in(make.person("Ann"))
    month = soon.starts_at.strftime("%Y-%m")
    assert titles(browser.get("/courses?kind=leadership")) == ["In a room"]
    assert titles(browser.get(f"/courses?provider={provider}")) == ["In a room"]
    assert titles(browser.get("/courses?standard=X-1")) == ["On a screen"]
    assert titles(browser.get("/courses?online=yes")) == ["On a screen"]
    assert titles(browser.get("/courses?place=Aldermoor")) == ["In a room"]
    assert titles(browser.get(f"/courses?month={month}")) == ["In a room"]
    assert titles(browser.get(f"/courses?month={tuesday(3):%Y-%m}")) == ["On a screen"]
    assert titles(browser.get("/courses?free=yes")) == ["In a room", "On a screen"]
    book(make, soon, make.person("Bob"))
    assert titles(browser.get("/courses?free=yes")) == ["On a screen"]
    book(make, later, make.person("Cat"))
    kept = browser.get(f"/courses?q=room&kind=leadership&place=Aldermoor&month={month}")
    assert '<option value="leadership" selected>' in kept.text and 'value="room"' in kept.text and "Clear search and filters" in kept.text
    for odd in (
        "kind=nonsense",
        "provider=x",
        "provider=999",
        "month=2026-13",
        "month=99",
        "standard=%00",
        "page=99",
        "page=x",
        "place=Nowhere",
    ):
        assert browser.get(f"/courses?{odd}").status_code == 200, odd


def test_twenty_five_a_page(make: Make, sign_in: Any) -> None:
    for n in range(27):
        make.course(f"Course number {n:02}")
    browser = sign_in(make.person("Ann"))
    first, second = browser.get("/courses?q=number"), browser.get("/courses?q=number&page=2")
    assert (len(titles(first)), titles(second)) == (25, ["Course number 25", "Course number 26"])
    assert (
        'href="/courses?q=number&amp;page=2"' in first.text and "Page 2 of 2" in second.text and 'href="/courses?q=number"' in second.text
    )
    assert len(titles(browser.get("/courses?page=9"))) == 25


def test_a_course_says_what_it_asks_and_how_i_stand(make: Make, sign_in: Any) -> None:
    ann = make.person("Ann")
    done, lapsed, missing = (make.course(name) for name in ("Done first", "Long ago", "Not yet"))
    course = make.course("Big course", requires=(done.id, lapsed.id, missing.id), outcomes="Listen\nDecide", audience="Social workers")
    with make.tx() as tx:
        curriculum = tx.insert(Curriculum, title="Essentials", rule="any", needed=3)
        tx.db.execute(insert(CurriculumCourse), dict(curriculum_id=curriculum, course_id=course.id, position=1))
    make.completion(ann.id, done.id, date(2026, 1, 5))
    make.completion(ann.id, lapsed.id, date(2020, 1, 6), date(2021, 1, 5))
    page = sign_in(ann).get("/courses/big-course")
    assert (
        "<li>Listen</li><li>Decide</li>" in page.text
        and "Social workers" in page.text
        and "Essentials" in page.text
        and "any 3" in page.text
    )
    assert (
        page.text.index("Done</strong>")
        and "Lapsed</strong>" in page.text
        and "5 January 2021" in page.text
        and "Still to do</strong>" in page.text
    )
    assert "There are no dates yet" in page.text
    stranger = sign_in(make.person("Bob")).get("/courses/big-course")
    assert "Done</strong>" not in stranger.text


def test_each_date_has_one_button(make: Make, sign_in: Any) -> None:
    ann, course = make.person("Ann"), make.course("Court skills")
    mine = make.session(course=course.id)
    full = make.session(course=course.id, places=1, day=tuesday(3))
    shut = make.session(course=course.id, day=tuesday(4), closes_at=datetime(2026, 1, 1, tzinfo=UTC))
    later = make.session(course=course.id, day=tuesday(5), opens_at=datetime.combine(tuesday(4), time(9), UTC))
    none = make.session(course=course.id, day=tuesday(6), places=1, waiting_limit=0)
    ask = make.session(course=course.id, day=tuesday(7), needs_approval=True)
    make.session(course=course.id, starts=datetime(2026, 1, 6, 10, tzinfo=UTC))  # over
    make.session(course=course.id, day=tuesday(8), status="cancelled")
    bob = make.person("Bob")
    book(make, full, bob)
    book(make, none, bob)
    booking = book(make, mine, ann)
    page = sign_in(ann).get("/courses/court-skills").text
    assert page.count('class="app-result app-result--action"') == 6
    assert f'href="/bookings/{booking}">You have a place' in page and f"/sessions/{mine.id}/book" not in page
    assert f'href="/sessions/{full.id}/book"' in page and "Join the waiting list" in page and f"/sessions/{shut.id}/book" not in page
    assert "Booking has closed" in page and f"/sessions/{later.id}/book" not in page and f"Booking opens {long_date(tuesday(4))}" in page
    assert "Full – no waiting list" in page and f"/sessions/{none.id}/book" not in page
    assert f'href="/sessions/{ask.id}/book"' in page and "Ask for a place" in page and "Your manager approves" in page


def test_a_date_says_why_not_instead_of_a_button(make: Make, sign_in: Any, count_queries: Any) -> None:
    ann, course, team = make.person("Ann"), make.course("Court skills"), make.unit("Aldermoor 1")
    clash = make.session(course=course.id)
    staged = make.session(course=course.id, day=tuesday(3), audience_stages="asye,student")
    theirs = make.session(course=course.id, day=tuesday(4), audience_unit_id=team)
    free = make.session(course=course.id, day=tuesday(5))
    book(make, make.session(course=make.course("Ethics").id, starts=clash.starts_at + timedelta(hours=1)), ann)
    browser = sign_in(ann)
    with count_queries() as counted:
        page = browser.get("/courses/court-skills").text
    assert len(counted) <= 8
    assert "You have another booking at that time: Ethics" in page and "This session is for: " in page
    assert "only for people in Aldermoor 1." in page
    for other in (clash, staged, theirs):
        assert f"/sessions/{other.id}/book" not in page
    assert f"/sessions/{free.id}/book" in page
    member = make.person("Bob", team=team)
    assert f"/sessions/{theirs.id}/book" in sign_in(member).get("/courses/court-skills").text


def test_drafts_and_unknown_courses_are_not_found(make: Make, sign_in: Any) -> None:
    make.course("Secret plans", status="draft")
    make.course("Old course", status="withdrawn")
    ann, coordinator = sign_in(make.person("Ann")), sign_in(make.person("Cai", roles=("coordinator",)))
    assert ann.get("/courses/secret-plans").status_code == 404 and coordinator.get("/courses/secret-plans").status_code == 200
    assert ann.get("/courses/never-was").status_code == 404
    assert "no longer offered" in ann.get("/courses/old-course").text


def test_looking_on_behalf_of_a_report(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    ann, eve, course = make.person("Ann Reed", manager=manager.id), make.person("Eve"), make.course("Court skills")
    session = make.session(course=course.id)
    browser = sign_in(manager)
    assert "Find learning for Ann Reed" in browser.get(f"/courses?for={ann.id}").text
    page = browser.get(f"/courses/court-skills?for={ann.id}")
    assert f"/sessions/{session.id}/book?person={ann.id}" in page.text
    book(make, session, ann)
    assert "Has a place" in browser.get(f"/courses/court-skills?for={ann.id}").text
    for bad in (eve.id, 99999, "x"):
        assert browser.get(f"/courses?for={bad}").status_code == 404 and browser.get(f"/courses/court-skills?for={bad}").status_code == 404


def test_what_people_write_is_never_markup(make: Make, sign_in: Any) -> None:
    make.course("<b>Bold</b> & brave", summary="<script>alert(1)</script>", outcomes="<i>x</i>")
    browser = sign_in(make.person("Ann"))
    for page in (browser.get("/courses"), browser.get("/courses?q=%3Cscript%3E"), browser.get("/courses/b-bold-b-brave")):
        assert page.status_code == 200 and "<script>alert" not in page.text and "<b>Bold" not in page.text and "<i>x" not in page.text


def test_queries_stay_few(make: Make, sign_in: Any, count_queries: Any) -> None:
    for n in range(8):
        course = make.course(f"Course {n}", requires=())
        make.session(course=course.id)
        make.session(course=course.id, day=tuesday(3) + timedelta(days=n))
    browser = sign_in(make.person("Ann"))
    for path, most in {"/courses": 3, "/courses?q=course&free=yes&kind=masterclass": 3, "/courses/course-1": 4}.items():
        with count_queries() as queries:
            assert browser.get(path).status_code == 200
        asked = [statement for statement in queries.statements if statement != "begin"]
        assert len(asked) <= most, (path, asked)
