"""The pages of the council's rules, of charges and journals, and of saying what happened. On both databases."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import operations
from app.bookings.manage_policy import ALL, said
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import consequences, policies
from app.bookings.policy_models import BookingPolicy, CancelReason, Consequence, PriorityRule
from app.bookings.terms import Policy
from app.people import operations as people
from tests.factory import Make


@pytest.fixture
def browser(make: Make, sign_in: Any) -> Any:
    return sign_in(make.person("Cai", roles=("coordinator",)))


def figures(page: str) -> dict[str, str]:
    """The form of the figures as it was sent to the browser."""
    found = dict(re.findall(r'name="(\w+)" type="(?:text|hidden)"[^>]* value="([^"]*)"', page))
    found |= dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    found |= dict(re.findall(r'name="(\w+)" type="radio" value="(\w+)" checked', page))
    return found


# Rules of booking --------------------------------------------------------------------------------------------------


def test_the_figures_stand_in_words_and_are_changed_on_a_form(make: Make, browser: Any) -> None:
    page = browser.get("/manage/policy").text
    assert (
        "16 hours" in page
        and "2 hours before the start" in page
        and "5 working days" in page
        and "Nothing yet: everything is as the service ships it." in page
    )
    form = figures(browser.get("/manage/policy/figures").text)
    assert set(ALL) <= set(form) and form["day_starts"] == "09:00" and form["read_id"] == ""
    assert browser.post("/manage/policy/figures", data=form).headers["location"] == "/manage/policy?done=same"
    wrong = browser.post("/manage/policy/figures", data=form | {"approval_days": "many", "late_pence": "lots"})
    assert wrong.status_code == 422 and "many" in wrong.text and "must be an amount in pounds" in wrong.text
    changed = form | {"approval_days": "7", "late_charge": "fixed", "late_pence": "12.50", "day_ends": "5:30pm"}
    assert browser.post("/manage/policy/figures", data=changed).headers["location"] == "/manage/policy?done=policy"
    page = browser.get("/manage/policy").text
    assert "7 working days (was 5 working days)" in page and "£12.50" in page and "5:30pm (was 5pm)" in page and "Cai" in page
    stale = browser.post("/manage/policy/figures", data=changed | {"approval_days": "9"})
    assert stale.status_code == 412 and "Somebody changed the figures" in stale.text
    assert [row.approval_days for row in make.rows(select(BookingPolicy.approval_days))] == [7]


def test_figures_are_said_as_people_say_them() -> None:
    shipped = Policy()
    assert said(ALL["appeal_days"], 1) == "1 working day" and said(ALL["appeal_days"], shipped.appeal_days) == "10 working days"
    assert said(ALL["day_ends"], 1440) == "midnight" and said(ALL["reminder_days"], "") == "never"
    assert said(ALL["reminder_days"], "7,1") == "7 and 1 days before"


def test_rules_are_added_changed_and_switched_off(make: Make, browser: Any) -> None:
    assert "Statutory need" in browser.get("/manage/policy").text  # as shipped
    rule = {"title": "Soon out", "because": "yours runs out soon", "priority": "3", "kind": "expiry", "days": "30", "active": "yes"}
    wrong = browser.post("/manage/policy/rules/new", data=rule | {"days": ""})
    assert wrong.status_code == 422 and "Enter days from 0 to 366" in wrong.text and "Soon out" in wrong.text
    assert browser.post("/manage/policy/rules/new", data=rule | {"course_kinds": ["digital", "leadership"]}).status_code == 303
    [row] = make.rows(select(PriorityRule.__table__).where(PriorityRule.title == "Soon out"))
    assert row.course_kinds == "leadership,digital"
    assert "runs out within 30 days" in browser.get("/manage/policy").text
    form = browser.get(f"/manage/policy/rules/{row.id}").text
    assert 'value="Soon out"' in form
    off = {name: value for name, value in rule.items() if name != "active"} | {"version": "1"}
    assert browser.post(f"/manage/policy/rules/{row.id}", data=off).status_code == 303
    page = browser.get("/manage/policy").text
    assert "Switched off" in page and "Active: no (was yes)" in page
    assert browser.get("/manage/policy/rules/99999").status_code == 404


def test_reasons_are_added_and_changed(make: Make, browser: Any, sign_in: Any) -> None:
    assert browser.post("/manage/policy/reasons/new", data={"title": "Jury service", "excuses": "yes"}).status_code == 303
    assert browser.post("/manage/policy/reasons/new", data={"title": "jury SERVICE"}).status_code == 422
    gone = browser.post("/manage/policy/reasons/leave", data={"title": "Leave"})
    assert gone.status_code == 303
    assert browser.post("/manage/policy/reasons/other", data={"title": "Something else"}).status_code == 409
    assert browser.get("/manage/policy/reasons/nonsense").status_code == 404
    ann, session = make.person("Ann"), make.session()
    with make.tx() as tx:
        booking = operations.book(tx, session.id, ann.id).id
        assert tx.scalar(select(CancelReason.active).where(CancelReason.code == "leave")) is False
    asked = sign_in(ann).get(f"/bookings/{booking}/cancel").text
    assert "Jury service" in asked and "Leave" not in asked.split("Why?")[1].split("In your own words")[0]


# Charges, appeals, journals ----------------------------------------------------------------------------------------


@pytest.fixture
def absent(make: Make) -> Any:
    """Ann and Bob did not come to a session that costs £35; their team has a cost centre."""
    team = make.unit("East team")
    people_ = [make.person(name, team=team) for name in ("Ann", "Bob")]
    session = make.session(course=make.course("Court skills", cost_pence=3500).id)
    with make.tx() as tx:
        people.set_cost_centre(tx, team, "CC-7")
        policies.set_policy(tx, read_id=None, absent_charge="cost")
        bookings = [operations.book(tx, session.id, person.id).id for person in people_]
        for booking in bookings:
            tx.update(Booking, booking, status=Status.DID_NOT_ATTEND.value)
        tx.update(Session, session.id, starts_at=tx.now - timedelta(days=1), ends_at=tx.now - timedelta(hours=20))
        consequences.absent(tx, session.id)
    return dict(zip(("ann", "bob"), zip(people_, bookings, strict=True), strict=True))


def test_somebody_says_why_and_is_excused(make: Make, sign_in: Any, absent: Any) -> None:
    ann, booking = absent["ann"]
    browser = sign_in(ann)
    page = browser.get(f"/bookings/{booking}").text
    assert "£35 is to be charged" in page and "(CC-7)" in page and f"/bookings/{booking}/answer" in page
    assert "Urgent child protection work (excuses)" in browser.get(f"/bookings/{booking}/answer").text
    nothing = browser.post(f"/bookings/{booking}/answer", data={"what": "reason"})
    assert nothing.status_code == 422 and "Choose a reason" in nothing.text
    done = browser.post(f"/bookings/{booking}/answer", data={"what": "reason", "reason_code": "child-protection"})
    page = browser.get(done.headers["location"]).text
    assert "You are excused. Nothing is charged." in page and "You gave a reason that excuses" in page
    _, his = absent["bob"]
    assert browser.get(f"/bookings/{his}/answer").status_code == 404
    assert sign_in(make.person("Eve")).post(f"/bookings/{his}/answer", data={"what": "appeal", "appeal": "x" * 20}).status_code == 404


def test_an_appeal_is_sent_listed_and_decided(make: Make, sign_in: Any, browser: Any, absent: Any) -> None:
    bob, booking = absent["bob"]
    his = sign_in(bob)
    short = his.post(f"/bookings/{booking}/answer", data={"what": "appeal", "appeal": "No"})
    assert short.status_code == 422 and 'href="#appeal"' in short.text
    his.post(f"/bookings/{booking}/answer", data={"what": "appeal", "appeal": "The train did not run."})
    assert "the Academy decides" in his.get(f"/bookings/{booking}").text
    page = browser.get("/manage/charges").text
    assert "Bob" in page and "£35" in page and "Appeal to decide" in page
    [row] = make.rows(select(Consequence.id).where(Consequence.booking_id == booking))
    one = browser.get(f"/manage/charges/{row.id}").text
    assert "“The train did not run.”" in one
    assert browser.post(f"/manage/charges/{row.id}", data={"reason": "x" * 10}).status_code == 422
    assert browser.post(f"/manage/charges/{row.id}", data={"decision": "overturned", "reason": "The line was closed."}).status_code == 303
    page = his.get(f"/bookings/{booking}").text
    assert "nothing follows" in page and "“The line was closed.”" in page
    assert his.get("/manage/charges").status_code == 403 and his.get(f"/manage/charges/{row.id}").status_code == 403


def test_the_journal_is_made_once_and_downloaded_again(make: Make, sign_in: Any, browser: Any, absent: Any, ledger: Any) -> None:
    assert "no charge is due" in browser.get("/manage/journals").text
    with make.tx() as tx:
        for _, booking in absent.values():
            key = tx.scalar(select(Consequence.id).where(Consequence.booking_id == booking))
            tx.update(Consequence, key, appeal_by=tx.now - timedelta(days=1))
    page = browser.get("/manage/journals").text
    assert "CC-7" in page and "£70" in page and "Make the journal of 2 charges" in page
    assert browser.post("/manage/journals", data={"count": "1", "pence": "3500"}).status_code == 412
    made = browser.post("/manage/journals", data={"count": "2", "pence": "7000"})
    where = made.headers["location"].split("?")[0]
    assert "The journal is made." in browser.get(made.headers["location"]).text
    for _ in range(2):
        file = browser.get(f"{where}/journal.csv")
        assert file.headers["content-type"].startswith("text/csv") and file.text.count("CC-7,35.00,Did not attend") == 2
    assert browser.post("/manage/journals", data={"count": "2", "pence": "7000"}).status_code == 409
    assert len(ledger.entries("journal.exported")) == 2 and len(ledger.entries("journal.made")) == 1
    assert sign_in(absent["ann"][0]).get(f"{where}/journal.csv").status_code == 403
    assert "£35 is charged" in sign_in(absent["ann"][0]).get(f"/bookings/{absent['ann'][1]}").text
