"""Home, my bookings, my team and sessions I deliver, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.bookings import operations
from app.bookings.models import Booking, Session
from app.bookings.policy_models import BookingPolicy
from app.core.calendar import long_date
from app.core.tx import Actor, transaction
from app.people import operations as people
from app.people.models import Absence, Duty
from tests.factory import LONG_AGO, Make, tuesday


def book(make: Make, session: Any, person: Any) -> int:
    actor = Actor("person", person.id, person.name, (("practitioner", None),), organisation_id=person.organisation_id)
    with transaction(make.database, actor, writes=True) as tx:
        return operations.book(tx, session.id, person.id).id


def today(make: Make) -> Any:
    with make.tx(writes=False) as tx:
        return tx.today


# Home --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role", ["", "coordinator", "principal social worker", "HR officer", "board viewer", "setting lead", "administrator"]
)
def test_everyone_has_a_home(make: Make, sign_in: Any, role: str) -> None:
    page = sign_in(make.person("Ann", roles=(role,) if role else ())).get("/")
    assert page.status_code == 200 and "What needs you, and what is next" in page.text
    assert "Nothing is waiting for you." in page.text and "You have nothing booked." in page.text and "will be counted here" in page.text


def test_home_shows_what_is_next_and_how_i_stand(make: Make, sign_in: Any) -> None:
    ann, day = make.person("Ann"), today(make)
    soon, over, kept, renewed = (make.course(name, validity_months=12) for name in ("First aid", "Fire drill", "Ethics", "Data"))
    make.completion(ann.id, soon.id, day - timedelta(days=300), day + timedelta(days=20))
    make.completion(ann.id, over.id, day - timedelta(days=400), day - timedelta(days=1))
    make.completion(ann.id, kept.id, day - timedelta(days=10))
    make.completion(ann.id, renewed.id, day - timedelta(days=500), day - timedelta(days=100))
    make.completion(ann.id, renewed.id, day - timedelta(days=5), day + timedelta(days=360))
    session = make.session(course=make.course("Court skills").id, places=1, room=make.room("Oak Room"))
    full = make.session(course=make.course("Busy").id, places=1, starts=session.starts_at + timedelta(days=7))
    mine = book(make, session, ann)
    book(make, full, make.person("Bob"))
    book(make, full, ann)
    page = sign_in(ann).get("/").text
    assert "3 of 4" in page and "1</span> to renew" in page and "1</span> has lapsed" in page
    assert "Renew First aid" in page and "Renew Fire drill" in page and "Renew Data" not in page and "Renew Ethics" not in page
    assert f'href="/bookings/{mine}"' in page and "Oak Room" in page and "Waiting, 1st of 1" in page
    assert page.index("Court skills") < page.index("Busy")


def test_the_refresher_is_what_renews(make: Make, sign_in: Any) -> None:
    ann, day = make.person("Ann"), today(make)
    refresher = make.course("First aid again")
    course = make.course("First aid", validity_months=12, refresher_id=refresher.id)
    make.completion(ann.id, course.id, day - timedelta(days=400), day - timedelta(days=1))
    assert 'href="/courses/first-aid-again">Renew First aid<' in sign_in(ann).get("/").text


def test_home_counts_what_waits_for_each_role(make: Make, sign_in: Any) -> None:
    manager, coordinator = make.person("Mo"), make.person("Cai", roles=("coordinator",))
    ann, bob = make.person("Ann", manager=manager.id), make.person("Bob")
    asked = make.session(needs_approval=True)
    book(make, asked, ann)
    book(make, asked, bob)  # not one of Mo's
    assert "1 request for a place to approve" in sign_in(manager).get("/").text
    queue = make.session(places=1, min_numbers=1, starts=asked.starts_at - timedelta(days=14))
    with make.tx() as tx:
        tx.insert(BookingPolicy, recorded_at=tx.now, offer_least_minutes=60 * 24 * 365)  # never time enough to offer it
    first = book(make, queue, ann)
    book(make, queue, bob)
    sign_in(ann).post(f"/bookings/{first}/cancel", data={"reason_code": "court"})
    page = sign_in(coordinator).get("/").text
    assert "1 session with a free place and people waiting" in page and "in the next 30 days without a trainer" in page
    assert "to approve" not in page


def test_a_trainer_sees_what_they_deliver(make: Make, sign_in: Any) -> None:
    trainer = make.person("Tess")
    session = make.session(course=make.course("Court skills").id, trainers=(trainer.id,))
    gone = make.session(course=make.course("Old news").id, trainers=(trainer.id,), starts=datetime(2026, 1, 6, 10, tzinfo=UTC))
    make.session(course=make.course("Not hers").id)
    book(make, session, make.person("Ann"))
    browser = sign_in(trainer)
    home = browser.get("/").text
    assert "You deliver this" in home and "Court skills" in home and "Old news" not in home
    page = browser.get("/delivering").text
    assert "1 of 10 places taken" in page and f"/sessions/{session.id}/roster" in page and f"/sessions/{gone.id}/roster" in page
    assert "Not hers" not in page
    assert sign_in(make.person("Ann")).get("/delivering").status_code == 403
    assert "You have no sessions to deliver" in sign_in(make.person("Cai", roles=("coordinator",))).get("/delivering").text


def test_an_assessor_sees_whom_they_assess(make: Make, sign_in: Any) -> None:
    assessor, ann, day = make.person("Asa"), make.person("Ann Reed"), today(make)
    make.person("Eve Stranger")
    make.completion(ann.id, make.course("First aid", validity_months=12).id, day - timedelta(days=300), day + timedelta(days=20))
    with make.tx() as tx:
        people.give_duty(tx, Duty.ASSESSOR, assessor.id, LONG_AGO, person_id=ann.id)
    page = sign_in(assessor).get("/").text
    block = page.partition("People I assess")[2]
    assert "Ann Reed" in block and "First aid counts until" in block and f"/people/{ann.id}/learning" in block
    assert "Eve Stranger" not in page and "People I assess" not in sign_in(ann).get("/").text


def test_a_principal_social_worker_sees_the_share_in_date(make: Make, sign_in: Any) -> None:
    psw, ann, day = make.person("Pia", roles=("principal social worker",)), make.person("Ann"), today(make)
    course = make.course("Safeguarding", kind="safeguarding", validity_months=36, refresher_id=make.course("Again").id)
    make.completion(ann.id, course.id, day - timedelta(days=30), day + timedelta(days=900))
    make.completion(psw.id, course.id, day - timedelta(days=1300), day - timedelta(days=1))
    page = sign_in(psw).get("/").text
    assert "1 of 2</span> people have Safeguarding in date (50%)" in page and 'href="/completions"' in page
    assert "How your people" not in sign_in(ann).get("/").text


def test_the_share_is_of_the_people_in_reach(make: Make, sign_in: Any) -> None:
    """Those of the organisation, whoever employs them, for whom it is held as a whole; those of a team for whom it is held for that."""
    council, partner = make.organisation(), make.organisation("Partner Trust", host=False)
    team = make.unit("Court team")
    whole = make.person("Pia", roles=("principal social worker",), scope=council)
    part = make.person("Pat", roles=("principal social worker",), scope=team)
    lent = make.person("Lee", organisation=partner, team=team)
    elsewhere, day = make.person("Eve", organisation=partner), today(make)
    course = make.course("Safeguarding", kind="safeguarding", validity_months=36, refresher_id=make.course("Again").id)
    for person in (lent, elsewhere, part):
        make.completion(person.id, course.id, day - timedelta(days=30))
    assert "2 of 3</span> people have Safeguarding" in sign_in(whole).get("/").text
    assert "2 of 2</span> people have Safeguarding" in sign_in(part).get("/").text  # and themselves


def test_my_learning_lists_what_i_completed(make: Make, sign_in: Any) -> None:
    ann, day = make.person("Ann"), today(make)
    make.completion(ann.id, make.course("First aid", validity_months=12).id, day - timedelta(days=300), day + timedelta(days=20))
    browser = sign_in(ann)
    assert 'href="/my-learning"' in browser.get("/").text
    page = browser.get("/my-learning").text
    assert "What I have completed" in page and "First aid" in page and "Renew soon" in page
    assert "First aid" not in sign_in(make.person("Bob")).get("/my-learning").text


# My bookings -------------------------------------------------------------------------------------------------------


def test_my_bookings_holds_only_mine(make: Make, sign_in: Any) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    session, full = make.session(course=make.course("Court skills").id), make.session(course=make.course("Busy").id, day=tuesday(3))
    mine = book(make, session, ann)
    his = book(make, session, bob)
    browser = sign_in(ann)
    page = browser.get("/my-bookings").text
    assert f'href="/bookings/{mine}"' in page and f"/bookings/{his}" not in page and "Nothing yet." in page
    browser.post(f"/bookings/{mine}/cancel", data={"reason_code": "court"})
    page = browser.get("/my-bookings").text
    assert "You have no places booked" in page and "Cancelled</strong>" in page
    book(make, full, bob)
    assert "Busy" not in browser.get("/my-bookings").text


def test_long_histories_come_in_pages(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session(places=1)
    with make.tx() as tx:
        for turn in range(1, 31):
            tx.insert(
                Booking,
                session_id=session.id,
                person_id=ann.id,
                turn=turn,
                status="cancelled",
                reason="Leave",
                created_at=tx.now,
                updated_at=tx.now,
            )
    browser = sign_in(ann)
    first, second = browser.get("/my-bookings").text, browser.get("/my-bookings?page=2").text
    assert (first.count("Cancelled</strong>"), second.count("Cancelled</strong>")) == (25, 5) and "Page 1 of 2" in first


# My team -----------------------------------------------------------------------------------------------------------


def test_my_team_is_my_line(make: Make, sign_in: Any) -> None:
    head = make.person("Hana Head")
    manager = make.person("Mo Manager", manager=head.id)
    ann, eve = make.person("Ann Reed", manager=manager.id), make.person("Eve Stranger")
    day = today(make)
    make.completion(ann.id, make.course("First aid").id, day - timedelta(days=300), day + timedelta(days=20))
    session = make.session(course=make.course("Court skills").id, places=1)
    full = make.session(course=make.course("Busy").id, places=1, starts=session.starts_at + timedelta(days=7))
    asked = make.session(
        course=make.course("Costly", cost_pence=3500).id, needs_approval=True, starts=session.starts_at + timedelta(days=14)
    )
    for one in (session, asked):
        book(make, one, ann)
    book(make, full, eve)
    book(make, full, ann)
    browser = sign_in(manager)
    page = browser.get("/my-team").text
    assert "Ann Reed" in page and "Eve Stranger" not in page and "Mo Manager</a></th>" not in page
    assert "1 request to approve" in page and "£35" in page and "Court skills" in page and "and 1 more" in page and "Busy" in page
    assert "First aid" in page and f'href="/courses?for={ann.id}"' in page
    top = sign_in(head)
    direct, whole = top.get("/my-team").text, top.get("/my-team?who=all").text
    assert "1 person" in direct and "Mo Manager" in direct
    assert "2 people" in whole and "Ann Reed" in whole and "1 request to approve" in whole and "to approve" not in direct
    assert sign_in(eve).get("/my-team").status_code == 200 and "Nobody reports to you" in sign_in(eve).get("/my-team").text


def test_a_deputy_sees_the_team_they_stand_in_for(make: Make, sign_in: Any) -> None:
    manager, deputy = make.person("Mo"), make.person("Dee")
    make.person("Ann Reed", manager=manager.id)
    with make.tx() as tx:
        people.give_duty(tx, Duty.DEPUTY, deputy.id, LONG_AGO, person_id=manager.id)
    assert "Ann Reed" in sign_in(deputy).get("/my-team").text


def test_the_lead_of_a_setting_sees_its_staff(make: Make, sign_in: Any) -> None:
    setting = make.organisation("Little Oaks Nursery", host=False)
    lead = make.person("Lee Lead", organisation=setting, roles=("setting lead",), scope=setting)
    make.person("Nia Nursery", organisation=setting)
    make.person("Ann Council")
    page = sign_in(lead).get("/my-team").text
    assert "Nia Nursery" in page and "Ann Council" not in page and "1 person" in page


def test_names_of_any_length_and_kind(make: Make, sign_in: Any) -> None:
    manager = make.person("Mo")
    name = "Maximiliana-Alexandrina O’Shaughnessy-Featherstonehaugh <b>"
    make.person(name, manager=manager.id)
    page = sign_in(manager).get("/my-team").text
    assert "Featherstonehaugh &lt;b&gt;" in page and "<b>" not in page.partition("<main")[2]


# Cost --------------------------------------------------------------------------------------------------------------


def test_queries_stay_few(make: Make, sign_in: Any, count_queries: Any) -> None:
    manager = make.person("Mo", roles=("coordinator", "HR officer", "administrator"))
    staff = [make.person(f"Ann {n}", manager=manager.id) for n in range(6)]
    session = make.session(places=3, trainers=(manager.id,))
    for person in staff:
        book(make, session, person)
    plain, every = sign_in(staff[0]), sign_in(manager)
    plain.get("/")  # which steps there are is asked once a minute, and a person's own next one once in five
    cases = [(plain, "/", 3), (plain, "/my-bookings", 4), (every, "/", 8), (every, "/my-team", 6), (every, "/delivering", 3)]
    for browser, path, most in cases:
        with count_queries() as queries:
            assert browser.get(path).status_code == 200
        asked = [statement for statement in queries.statements if statement != "begin"]
        assert len(asked) <= most, (path, asked)


def test_requests_stand_with_the_manager_above_while_the_manager_is_away(make: Make, sign_in: Any) -> None:
    lee = make.person("Lee")
    mo = make.person("Mo", manager=lee.id)
    ann = make.person("Ann", manager=mo.id)
    session = make.session(course=make.course("Costly", cost_pence=3550).id, needs_approval=True)
    with transaction(make.database, Actor("person", ann.id, ann.name, (("practitioner", None),)), writes=True) as tx:
        operations.book(tx, session.id, ann.id)
    own = sign_in(mo).get("/my-team").text
    assert "1 request to approve" in own and "£35.50" in own and "Answer by 5pm on" in own
    assert "to approve" not in sign_in(lee).get("/my-team").text
    with make.tx() as tx:
        tx.insert(Absence, person_id=mo.id, valid_from=tx.today, valid_to=tx.today + timedelta(days=3), recorded_at=tx.now)
    assert "1 request to approve" in sign_in(lee).get("/my-team").text
    assert "1 request for a place to approve" in sign_in(lee).get("/").text
    page = sign_in(ann).get("/my-bookings").text
    assert "Costly" in page


def test_only_dates_that_can_still_be_booked_are_a_choice(make: Make, sign_in: Any) -> None:
    course, browser = make.course(), sign_in(make.person("Ann"))
    soon = make.session(course=course.id)
    with make.tx() as tx:
        tx.update(Session, soon.id, closes_at=tx.now - timedelta(hours=1))
    page = browser.get(f"/courses/{course.slug}").text
    assert "to choose from" not in page and "Booking has closed" in page
    later = make.session(course=course.id, day=soon.starts_at.date() + timedelta(days=7))
    assert f"1 date to choose from, the next on {long_date(later.starts_at)}" in browser.get(f"/courses/{course.slug}").text
