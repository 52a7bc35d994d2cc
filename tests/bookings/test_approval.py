"""Approval: who is asked, until when, who stands in, what happens when nobody answers. On both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import jobs
from app.bookings import approvals, operations
from app.bookings.models import Booking, Part, Status
from app.bookings.operations import approval, offers, queue, sessions
from app.bookings.operations.timetable import PartNew
from app.bookings.policy_models import BookingPolicy
from app.core.config import Settings
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Actor, transaction
from app.notifications import delivery
from app.people.models import Absence, Duty, Responsibility
from tests.factory import Make

LONG_AGO = date(2020, 1, 1)
MONDAY = datetime(2027, 2, 1, 10, tzinfo=UTC)  # a Monday without bank holidays around it, 10am in London
SESSION = datetime(2027, 3, 9, 9, 30, tzinfo=UTC)
ROLES = {"manager": ("line manager", None), "coordinator": ("coordinator", None)}


def acting(make: Make, person: Any, *roles: str, now: datetime = MONDAY) -> Any:
    held = (("practitioner", None), *(ROLES[role] for role in roles))
    return transaction(make.database, Actor("person", person.id, person.name, held), writes=True, now=now)


def system(make: Make, now: datetime, *, writes: bool = True) -> Any:
    return transaction(make.database, SYSTEM, writes=writes, now=now)


def away(make: Make, person: Any, from_: date = LONG_AGO, to: date = FOREVER) -> None:
    with make.tx() as tx:
        tx.insert(Absence, person_id=person.id, valid_from=from_, valid_to=to, recorded_at=tx.now)


def stands_in(make: Make, deputy: Any, manager: Any) -> None:
    with make.tx() as tx:
        values = dict(kind=Duty.DEPUTY.value, holder_id=deputy.id, person_id=manager.id, valid_from=LONG_AGO, valid_to=FOREVER)
        tx.insert(Responsibility, **values, recorded_at=tx.now)


def told(make: Make, kind: str) -> list[int]:
    return [row.person_id for row in make.rows(select(Outbox.person_id).where(Outbox.kind == kind).order_by(Outbox.id))]


def asked(make: Make, person: Any, session: Any, now: datetime = MONDAY) -> int:
    with acting(make, person, now=now) as tx:
        return operations.book(tx, session.id, person.id).id


@pytest.fixture
def house(make: Make) -> Any:
    """Ann, her manager Mo, Mo's manager Lee, the coordinator Cai, and a session that needs approval."""

    class House:
        lee = make.person("Lee")
        mo = make.person("Mo", manager=lee.id)
        ann = make.person("Ann", manager=mo.id)
        bob = make.person("Bob", manager=mo.id)
        cai = make.person("Cai", roles=("coordinator",))
        course = make.course("Court skills", needs_approval=True, cost_pence=3500)
        session = make.session(course=course.id, places=1, starts=SESSION, needs_approval=True)

    return House


def test_the_manager_is_asked_until_the_end_of_the_fifth_working_day(make: Make, house: Any) -> None:
    booking = make.row(Booking, asked(make, house.ann, house.session))
    assert (booking.status, booking.approval) == ("requested", "pending")
    assert booking.approval_due_at == datetime(2027, 2, 8, 17, tzinfo=UTC)
    assert told(make, "email.approval_asked") == [house.mo.id]


def test_the_course_may_give_less_time_and_the_cut_off_ends_it_in_any_case(make: Make, house: Any) -> None:
    short = make.course("Short", approval_days=2)
    session = make.session(course=short.id, starts=SESSION, needs_approval=True)
    assert make.row(Booking, asked(make, house.ann, session)).approval_due_at == datetime(2027, 2, 3, 17, tzinfo=UTC)
    soon = make.session(course=short.id, starts=datetime(2027, 2, 2, 9, 30, tzinfo=UTC), needs_approval=True)
    assert make.row(Booking, asked(make, house.ann, soon)).approval_due_at == datetime(2027, 2, 2, 7, 30, tzinfo=UTC)
    with pytest.raises(Conflict, match="too late to ask") as late:
        asked(make, house.bob, soon, now=datetime(2027, 2, 2, 8, tzinfo=UTC))
    assert late.value.code == "too-late-for-approval"
    with acting(make, house.mo, "manager", now=datetime(2027, 2, 2, 8, tzinfo=UTC)) as tx:
        assert operations.book(tx, soon.id, house.bob.id).status is Status.BOOKED


def test_a_session_moved_forward_takes_its_requests_with_it(make: Make, house: Any) -> None:
    booking_id = asked(make, house.ann, house.session)
    with acting(make, house.cai, "coordinator") as tx:
        earlier = datetime(2027, 2, 5, 9, 30, tzinfo=UTC)
        room = tx.scalar(select(Part.room_id))
        part = PartNew(earlier, earlier + timedelta(hours=3), room)
        sessions.change_session(tx, house.session.id, 1, [part], 1)
    assert make.row(Booking, booking_id).approval_due_at == datetime(2027, 2, 5, 7, 30, tzinfo=UTC)


def test_whoever_could_approve_has_approved_by_booking(make: Make, house: Any, ledger: Any) -> None:
    for booker, role, learner in ((house.mo, "manager", house.ann), (house.lee, "manager", house.bob)):
        with acting(make, booker, role) as tx:
            made = operations.book(tx, house.session.id, learner.id)
        row = make.row(Booking, made.id)
        assert (row.approval, row.approval_due_at) == ("granted", None)
    assert told(make, "email.approval_asked") == []
    assert ledger.entries("booking.made")[0].facts["approval"] == "granted"


def test_nobody_approves_their_own_request_by_booking_it(make: Make, house: Any) -> None:
    with acting(make, house.cai, "coordinator") as tx:
        assert operations.book(tx, house.session.id, house.cai.id).approval == "pending"
    assert told(make, "email.approval_asked") == []  # the one coordinator there is has asked
    with acting(make, house.mo, "manager") as tx:
        assert operations.book(tx, house.session.id, house.mo.id).approval == "pending"
    assert told(make, "email.approval_asked") == [house.lee.id]


def test_a_deputy_is_asked_as_well_and_alone_while_the_manager_is_away(make: Make, house: Any) -> None:
    dee = make.person("Dee")
    stands_in(make, dee, house.mo)
    asked(make, house.ann, house.session)
    assert told(make, "email.approval_asked") == [house.mo.id, dee.id]
    away(make, house.mo)
    asked(make, house.bob, house.session)
    assert told(make, "email.approval_asked") == [house.mo.id, dee.id, dee.id]
    with system(make, MONDAY, writes=False) as tx:
        assert approvals.asked(tx, house.ann.id, "manager") == [approvals.Approver(dee.id, "Dee " + dee.last_name, house.mo.name)]


def test_when_all_are_away_it_goes_up_the_line_and_at_last_to_the_coordinators(make: Make, house: Any) -> None:
    dee = make.person("Dee")
    stands_in(make, dee, house.mo)
    for person in (house.mo, dee):
        away(make, person)
    asked(make, house.ann, house.session)
    assert told(make, "email.approval_asked") == [house.lee.id]
    away(make, house.lee)
    asked(make, house.bob, house.session)
    assert told(make, "email.approval_asked") == [house.lee.id, house.cai.id]
    asked(make, make.person("Eve"), house.session)  # who has no manager
    assert told(make, "email.approval_asked") == [house.lee.id, house.cai.id, house.cai.id]


def test_a_learner_who_deputises_for_their_manager_is_not_asked(make: Make, house: Any) -> None:
    stands_in(make, house.ann, house.mo)
    away(make, house.mo)
    asked(make, house.ann, house.session)
    assert told(make, "email.approval_asked") == [house.lee.id]


def test_where_coordinators_approve_managers_do_not(make: Make, house: Any) -> None:
    course = make.course("Abroad", approver="coordinator")
    session = make.session(course=course.id, starts=SESSION, needs_approval=True)
    booking_id = asked(make, house.ann, session)
    assert told(make, "email.approval_asked") == [house.cai.id]
    with pytest.raises(Forbidden, match="approved by the Academy"), acting(make, house.mo, "manager") as tx:
        operations.decide(tx, booking_id, True)
    with acting(make, house.mo, "manager") as tx:
        assert operations.book(tx, session.id, house.bob.id).approval == "pending"
    with acting(make, house.cai, "coordinator") as tx:
        operations.decide(tx, booking_id, True)
    assert make.row(Booking, booking_id).status == "booked"


# By the clock ------------------------------------------------------------------------------------------------------


def test_an_unanswered_request_is_chased_once_with_whoever_stands_in_now(make: Make, house: Any) -> None:
    booking_id = asked(make, house.ann, house.session)
    dee = make.person("Dee")
    stands_in(make, dee, house.mo)
    away(make, house.mo)
    for at in (datetime(2027, 2, 3, 16, 59, tzinfo=UTC), datetime(2027, 2, 3, 17, tzinfo=UTC), datetime(2027, 2, 4, 9, tzinfo=UTC)):
        with system(make, at) as tx:
            approval.chase(tx, at)
        expected = [] if at.hour == 16 else [dee.id]
        assert told(make, "email.approval_chased") == expected
    assert make.row(Booking, booking_id).status == "requested"


def test_what_is_answered_is_not_chased(make: Make, house: Any) -> None:
    booking_id = asked(make, house.ann, house.session)
    with acting(make, house.mo, "manager") as tx:
        operations.decide(tx, booking_id, True)
    with system(make, MONDAY + timedelta(days=4)) as tx:
        approval.chase(tx, tx.now)
    assert told(make, "email.approval_chased") == []


def test_a_request_nobody_answers_expires_and_its_place_passes_on(make: Make, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked(make, house.ann, house.session)
    second = asked(make, house.bob, house.session, now=MONDAY + timedelta(days=2))
    assert make.row(Booking, second).status == "waiting"
    assert make.row(Booking, second).approval == "pending"
    clock = {"now": datetime(2027, 2, 8, 16, 59, tzinfo=UTC)}
    monkeypatch.setattr("app.core.tx.clock", lambda: clock["now"])
    assert approval.expire_due(make.database) == 0
    clock["now"] = datetime(2027, 2, 8, 17, tzinfo=UTC)
    with pytest.raises(Conflict, match="time to answer this request is over"), acting(make, house.mo, "manager", now=clock["now"]) as tx:
        operations.decide(tx, first, True)
    assert approval.expire_due(make.database) == 1
    gone = make.row(Booking, first)
    assert (gone.status, gone.approval, gone.place, gone.approval_due_at) == ("expired", "expired", None, None)
    assert told(make, "email.approval_expired") == [house.ann.id]
    offered = make.row(Booking, second)
    assert (offered.status, offered.approval, offered.place) == ("offered", "pending", 1)
    with acting(make, house.bob, now=clock["now"]) as tx:
        assert offers.accept(tx, second) is Status.REQUESTED
    clock["now"] = datetime(2027, 2, 10, 17, tzinfo=UTC)
    assert approval.expire_due(make.database) == 1
    assert make.row(Booking, second).status == "expired"
    assert queue.pass_on_due(make.database) == 0


def test_one_request_that_goes_wrong_holds_up_no_other(make: Make, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asked(make, house.ann, house.session), asked(make, house.bob, house.session)
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 2, 9, 9, tzinfo=UTC))
    proper = approval.expire

    def sometimes(tx: Any, booking_id: int) -> bool:
        if booking_id == first:
            raise ZeroDivisionError
        return proper(tx, booking_id)

    monkeypatch.setattr(approval, "expire", sometimes)
    assert approval.expire_due(make.database) == 1
    assert [make.row(Booking, key).status for key in (first, second)] == ["requested", "expired"]


def test_a_turn_whose_request_expires_leaves_the_list_and_frees_nothing(make: Make, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(make, house.mo, "manager") as tx:
        operations.book(tx, house.session.id, house.ann.id)
    waiting = asked(make, house.bob, house.session)
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 2, 9, 9, tzinfo=UTC))
    assert approval.expire_due(make.database) == 1
    assert make.row(Booking, waiting).status == "expired"
    assert told(make, "email.booking_offered") == []


def test_a_turn_approved_while_waiting_is_booked_when_the_offer_is_accepted(make: Make, house: Any) -> None:
    with acting(make, house.mo, "manager") as tx:
        held = operations.book(tx, house.session.id, house.ann.id).id
    waiting = asked(make, house.bob, house.session)
    with acting(make, house.mo, "manager") as tx:
        operations.decide(tx, waiting, True)
    assert make.row(Booking, waiting).status == "waiting"
    with acting(make, house.ann) as tx:
        operations.cancel(tx, held, "Leave")
    with acting(make, house.bob) as tx:
        assert offers.accept(tx, waiting) is Status.BOOKED


# What a coordinator sees -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "seen"),
    [
        (datetime(2027, 2, 3, 16, 59, tzinfo=UTC), False),
        (datetime(2027, 2, 3, 17, tzinfo=UTC), True),  # unanswered for two working days
        (datetime(2027, 2, 6, 12, tzinfo=UTC), True),
    ],
)
def test_requests_are_stuck_once_they_were_chased(make: Make, house: Any, now: datetime, seen: bool) -> None:
    booking_id = asked(make, house.ann, house.session)
    with acting(make, house.cai, "coordinator", now=now) as tx:
        assert [row.id for row in approvals.stuck(tx)] == ([booking_id] if seen else [])


def test_requests_are_stuck_when_they_run_out_within_a_working_day(make: Make, house: Any) -> None:
    soon = make.session(course=house.course.id, starts=datetime(2027, 2, 2, 9, 30, tzinfo=UTC), needs_approval=True)
    booking_id = asked(make, house.ann, soon)
    with acting(make, house.cai, "coordinator") as tx:
        assert [row.id for row in approvals.stuck(tx)] == [booking_id]


def test_booking_without_approval_costs_no_further_query(make: Make, house: Any, count_queries: Any) -> None:
    plain = make.session(course=house.course.id, starts=SESSION + timedelta(days=7))
    with count_queries() as without, acting(make, house.mo, "manager") as tx:
        operations.book(tx, plain.id, house.mo.id)
    assert not any("approver" in statement or "booking_policies" in statement for statement in without.statements)


def test_the_council_sets_the_days(make: Make, house: Any) -> None:
    with make.tx() as tx:
        tx.insert(BookingPolicy, recorded_at=tx.now, approval_days=1)
    assert make.row(Booking, asked(make, house.ann, house.session)).approval_due_at == datetime(2027, 2, 2, 17, tzinfo=UTC)


# On pages ----------------------------------------------------------------------------------------------------------


def test_who_is_asked_and_until_when_stands_on_the_page(make: Make, sign_in: Any) -> None:
    mo, dee = make.person("Mo"), make.person("Dee")
    ann = make.person("Ann", manager=mo.id)
    stands_in(make, dee, mo)
    session = make.session(course=make.course("Court skills", cost_pence=3500).id, needs_approval=True)
    browser = sign_in(ann)
    asking = browser.get(f"/sessions/{session.id}/book").text
    assert f"{mo.name} or {dee.name}, who stands in for {mo.name}, decides" in asking and "Ask for this place" in asking
    made = browser.post(f"/sessions/{session.id}/book").headers["location"]
    page = browser.get(made).text
    assert f"{dee.name}, who stands in for {mo.name}, decides." in page and "The answer is due by 5pm on" in page
    path = made.partition("?")[0]
    for manager in (mo, dee):
        decide = sign_in(manager).get(f"{path}/decide").text
        assert "Answer by" in decide and "£35 for the place" in decide and "Approve a place for" in decide
    assert sign_in(dee).post(f"{path}/decide", data={"decision": "approve"}).status_code == 303
    assert f"{dee.name} approved the place" in browser.get(path).text


def test_a_manager_books_without_asking(make: Make, sign_in: Any) -> None:
    mo = make.person("Mo")
    ann = make.person("Ann", manager=mo.id)
    session = make.session(needs_approval=True)
    page = sign_in(mo).get(f"/sessions/{session.id}/book?person={ann.id}").text
    assert "Not needed: you could approve it yourself" in page and "Book this place for" in page


def test_the_academys_requests_are_not_the_managers(make: Make, sign_in: Any) -> None:
    mo = make.person("Mo")
    ann = make.person("Ann", manager=mo.id)
    session = make.session(course=make.course("Abroad", approver="coordinator").id, needs_approval=True)
    browser = sign_in(ann)
    page = browser.get(browser.post(f"/sessions/{session.id}/book").headers["location"]).text
    assert "held while the Academy decides" in page
    manager = sign_in(mo)
    assert "to approve" not in manager.get("/my-team").text
    booking = make.rows(select(Booking.id))[0].id
    assert "The Academy decides this request" in manager.get(f"/bookings/{booking}/decide").text
    refused = manager.post(f"/bookings/{booking}/decide", data={"decision": "approve"})
    assert refused.status_code == 403 and "approved by the Academy" in refused.text


def test_a_course_says_who_approves_and_in_how_many_days(make: Make, sign_in: Any) -> None:
    course = make.course("Abroad", needs_approval=True)
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    form = {"title": "Abroad", "kind": "masterclass", "summary": "What it is about.", "outcomes": "Do it well", "bucket": "formal"}
    form |= {"version": "1", "needs_approval": "yes", "approver": "coordinator"}
    wrong = browser.post(f"/manage/courses/{course.id}", data=form | {"approval_days": "0"})
    assert wrong.status_code == 422 and "Working days to answer in must be between 1 and 60" in wrong.text
    assert browser.post(f"/manage/courses/{course.id}", data=form | {"approval_days": "3"}).status_code == 303
    page = browser.get(f"/manage/courses/{course.id}").text
    assert 'value="coordinator" checked' in page and 'value="3"' in page


def test_what_approval_says_to_whom_can_be_sent(
    make: Make, house: Any, monkeypatch: pytest.MonkeyPatch, test_settings: Settings, tmp_path: Path
) -> None:
    asked(make, house.ann, house.session)
    chased = datetime(2027, 2, 4, 9, tzinfo=UTC)
    with system(make, chased) as tx:
        approval.chase(tx, chased)
    now = {"now": chased}
    monkeypatch.setattr("app.core.tx.clock", lambda: now["now"])
    to_files = test_settings.model_copy(update={"mail_dir": tmp_path})
    while delivery.deliver_due(make.database, to_files):
        pass
    now["now"] = datetime(2027, 2, 8, 17, tzinfo=UTC)
    approval.expire_due(make.database)
    while delivery.deliver_due(make.database, to_files):
        pass
    rows = make.rows(select(Outbox.kind, Outbox.sent_at, Outbox.error).order_by(Outbox.id))
    kinds = ["email.booking_requested", "email.approval_asked", "email.approval_chased", "email.approval_expired"]
    assert [(row.kind, row.sent_at is not None, row.error) for row in rows] == [(kind, True, None) for kind in kinds]
    said = "\n".join(path.read_text(errors="replace") for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert "/decide" in said and "5pm on Monday 8 February" in said.replace("=\n", "").replace("\n", " ")


def test_the_worker_chases_and_expires(make: Make, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    booking_id = asked(make, house.ann, house.session)
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 2, 4, 9, tzinfo=UTC))
    jobs.run_due(make.database, datetime(2027, 2, 4, 9, tzinfo=UTC))
    assert told(make, "email.approval_chased") == [house.mo.id]
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 2, 8, 17, tzinfo=UTC))
    jobs.run_clocks(make.database)
    assert make.row(Booking, booking_id).status == "expired"
