"""Answering an offer by its link without signing in, and signed in; departing from the order; on both databases."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.bookings import operations
from app.bookings.models import Booking, Session
from app.bookings.operations import offers
from app.core.calendar import deadline
from app.core.config import load
from app.core.tx import clock
from app.identity import operations as identity
from app.identity.models import Account, Link
from app.people.models import Person
from app.worker import tick
from tests.factory import Make
from tests.mailbox import mail_server
from tests.queues import full, give_up, join, states


def offered(make: Make, name: str = "Ann", **values: Any) -> tuple[Any, int, str]:
    """Somebody with an offered place: (person, booking, the token in their e-mail)."""
    _, holder, (person,), (booking,) = full(make, name, **values)
    give_up(make, holder)
    return person, booking, link(make, person, booking)


def link(make: Make, person: Any, booking: int) -> str:
    row = make.row(Booking, booking)
    with make.tx() as tx:
        return identity.mint_link(tx, person.id, "offer", person.email, subject_id=booking, expires_at=row.offer_ends_at)


def test_opening_the_link_changes_nothing(make: Make, visitor: TestClient, ledger: Any) -> None:
    _, booking, token = offered(make)
    before = make.row(Booking, booking)
    ledger.start()
    page = visitor.get(f"/offers/{token}")
    assert page.status_code == 200 and "A place is held for you" in page.text and deadline(before.offer_ends_at) in page.text
    assert 'value="accept"' in page.text and 'value="decline"' in page.text
    for _ in range(2):
        assert visitor.head(f"/offers/{token}").status_code == 200
    assert make.row(Booking, booking) == before and ledger.actions() == []
    assert make.rows(select(Link.used_at))[0].used_at is None
    assert page.headers["cache-control"] == "no-store"


def test_accepting_without_signing_in(make: Make, visitor: TestClient, ledger: Any) -> None:
    person, booking, token = offered(make)
    ledger.start()
    reply = visitor.post(f"/offers/{token}", data={"decision": "accept"})
    assert reply.status_code == 303 and states(make, booking) == ["booked"]
    done = visitor.get(reply.headers["location"])
    assert "You have a place" in done.text and "confirmation" in done.text and 'value="accept"' not in done.text
    (entry,) = ledger.entries("booking.accepted")
    assert (entry.actor_kind, entry.actor_id, entry.person_id) == ("link", person.id, person.id)
    assert ledger.actions() == ["booking.accepted"] and ledger.outbox()[-1] == "email.booking_made"
    # Deciding twice says what was decided, and changes nothing.
    again = visitor.post(f"/offers/{token}", data={"decision": "decline"})
    assert again.status_code == 303 and states(make, booking) == ["booked"]
    assert "You have a place" in visitor.get(again.headers["location"]).text
    assert ledger.actions() == ["booking.accepted"]


def test_declining_without_signing_in(make: Make, visitor: TestClient, ledger: Any) -> None:
    _, holder, (ann, _), (hers, his) = full(make, "Ann", "Bob")
    give_up(make, holder)
    token = link(make, ann, hers)
    assert visitor.post(f"/offers/{token}", data={"decision": "decline"}).status_code == 303
    assert states(make, hers, his) == ["declined", "offered"]  # it passed on at once
    page = visitor.get(f"/offers/{token}")
    assert page.status_code == 200 and "You have declined the place" in page.text and "See other dates" in page.text
    assert visitor.post(f"/offers/{token}", data={"decision": "accept"}).status_code == 303
    assert states(make, hers) == ["declined"]


def test_somebody_without_an_account_may_accept(make: Make, visitor: TestClient) -> None:
    session = make.session(places=1)
    holder, guest = join(make, session, make.person("Holder")), make.person("Guest", account=False)
    waiting = join(make, session, guest)
    give_up(make, holder.id)
    token = link(make, guest, waiting.id)
    assert visitor.post(f"/offers/{token}", data={"decision": "accept"}).status_code == 303
    assert states(make, waiting.id) == ["booked"] and make.rows(select(Account).where(Account.person_id == guest.id)) == []


def test_the_link_is_good_for_nothing_else(make: Make, visitor: TestClient) -> None:
    ann, _, token = offered(make)
    assert visitor.get(f"/password/set/{token}").status_code == 410
    assert visitor.get("/my-bookings").status_code == 303  # nobody is signed in by it
    with make.tx() as tx:
        reset = identity.mint_link(tx, ann.id, "reset")
    for other in (reset, "x" * 43, token[:-1]):
        page = visitor.get(f"/offers/{other}")
        assert page.status_code == 410 and "no longer works" in page.text and "My bookings" in page.text
        assert visitor.post(f"/offers/{other}", data={"decision": "accept"}).status_code == 410


def test_a_link_ends_with_its_address_account_and_time(make: Make, visitor: TestClient) -> None:
    ann, booking, token = offered(make)
    with make.tx() as tx:
        tx.update(Booking, booking, offer_ends_at=tx.now)
    page = visitor.get(f"/offers/{token}")
    assert page.status_code == 200 and "The time to answer is over" in page.text and "/my-bookings" in page.text
    late = visitor.post(f"/offers/{token}", data={"decision": "accept"})
    assert late.status_code == 409 and "There is a problem" in late.text and states(make, booking) == ["offered"]
    with make.tx() as tx:
        tx.update(Person, ann.id, email="new.address@westmarch.example")
    assert visitor.get(f"/offers/{token}").status_code == 410
    bob, _, his = offered(make, "Bob")
    with make.tx() as tx:
        tx.db.execute(Account.__table__.update().where(Account.person_id == bob.id).values(suspended_at=tx.now))
    assert visitor.get(f"/offers/{his}").status_code == 410


def test_a_new_password_leaves_offers_open(make: Make, visitor: TestClient) -> None:
    ann, _, token = offered(make)
    with make.tx() as tx:
        reset = identity.mint_link(tx, ann.id, "reset")
    with make.tx() as tx:
        identity.set_password(tx, reset, "not-a-real-hash", load())
    assert visitor.get(f"/offers/{token}").status_code == 200


def test_neither_button_and_a_clash(make: Make, visitor: TestClient) -> None:
    session, holder, (ann,), (hers,) = full(make, "Ann")
    join(make, make.session(starts=session.starts_at, places=3), ann)
    give_up(make, holder)
    token = link(make, ann, hers)
    nothing = visitor.post(f"/offers/{token}", data={})
    assert nothing.status_code == 422 and "Choose whether to accept this place" in nothing.text
    clash = visitor.post(f"/offers/{token}", data={"decision": "accept"})
    assert clash.status_code == 409 and "You have another booking at that time" in clash.text and 'value="decline"' in clash.text
    assert visitor.post(f"/offers/{token}", data={"decision": "decline"}).status_code == 303


@pytest.mark.parametrize(
    ("status", "words"), [("cancelled", "has been cancelled"), ("expired", "The time to answer is over"), ("declined", "was not approved")]
)
def test_what_became_of_it_otherwise(make: Make, visitor: TestClient, status: str, words: str) -> None:
    manager = make.person("Mo")
    session = make.session(places=1, needs_approval=True)
    holder = join(make, session, make.person("Holder"))
    ann = make.person("Ann", manager=manager.id)
    hers = join(make, session, ann)
    give_up(make, holder.id)
    token = link(make, ann, hers.id)
    page = visitor.get(f"/offers/{token}")
    assert "Your manager still has to approve it" in page.text
    with make.tx() as tx:
        if status == "cancelled":
            operations.cancel(tx, hers.id, "Something else")
        elif status == "declined":
            operations.decide(tx, hers.id, False, "Not this month")
        else:
            tx.update(Booking, hers.id, offer_ends_at=tx.now)
    if status == "expired":
        assert offers.lapse_due(make.database) == 1
    assert words in visitor.get(f"/offers/{token}").text


def test_accepting_a_request_says_that_the_manager_decides(make: Make, visitor: TestClient) -> None:
    session = make.session(places=1, needs_approval=True)
    holder, ann = join(make, session, make.person("Holder")), make.person("Ann", manager=make.person("Mo").id)
    hers = join(make, session, ann)
    give_up(make, holder.id)
    token = link(make, ann, hers.id)
    visitor.post(f"/offers/{token}", data={"decision": "accept"})
    page = visitor.get(f"/offers/{token}")
    assert states(make, hers.id) == ["requested"]
    assert "You have accepted the place" in page.text and "while your manager decides" in page.text


# Signed in ---------------------------------------------------------------------------------------------------------


def test_answering_signed_in(make: Make, sign_in: Any) -> None:
    ann, booking, _ = offered(make)
    browser, until = sign_in(ann), deadline(make.row(Booking, booking).offer_ends_at)
    for path in ("/", "/my-bookings", f"/bookings/{booking}", f"/sessions/{make.row(Booking, booking).session_id}"):
        assert until in browser.get(path).text, path
    assert sign_in(make.person("Eve")).post(f"/bookings/{booking}/accept").status_code == 404
    reply = browser.post(f"/bookings/{booking}/accept")
    assert reply.status_code == 303 and states(make, booking) == ["booked"]
    done = browser.get(reply.headers["location"]).text
    assert "You have a place" in done and "You accepted the place" in done and "The Academy offered you the free place" in done
    again = browser.post(f"/bookings/{booking}/decline")
    assert again.status_code == 409 and "decided already" in again.text
    bob, his, _ = offered(make, "Bob")
    browser = sign_in(bob)
    assert browser.post(f"/bookings/{his}/decline").status_code == 303
    assert "You declined the place that was offered" in browser.get(f"/bookings/{his}").text
    assert "Declined" in browser.get("/my-bookings").text


def test_a_manager_answers_for_one_of_their_people(make: Make, sign_in: Any) -> None:
    mo = make.person("Mo")
    session = make.session(places=1)
    holder, ann = join(make, session, make.person("Holder")), make.person("Ann", manager=mo.id)
    hers = join(make, session, ann)
    give_up(make, holder.id)
    browser = sign_in(mo)
    assert f"Accept the place for {ann.name}" in browser.get(f"/bookings/{hers.id}").text
    assert browser.post(f"/bookings/{hers.id}/accept").status_code == 303 and states(make, hers.id) == ["booked"]


def test_own_place_and_why(make: Make, sign_in: Any) -> None:
    session, _, _, _ = full(make, "Ann", "Bob")
    nqsw = make.person("Nia", stage="NQSW")
    hers = join(make, session, nqsw)
    browser = sign_in(nqsw)
    for path in (f"/bookings/{hers.id}", f"/sessions/{session.id}", "/my-bookings", "/"):
        text = browser.get(path).text
        assert "1st of 3" in text and "Those with statutory need come first, then by when they asked." in text, path
        assert "You come before others for this reason: you are in your assessed and supported year." in text, path


# The order ---------------------------------------------------------------------------------------------------------


def test_the_roster_shows_the_order_and_why(make: Make, sign_in: Any) -> None:
    session, holder, _, _ = full(make, "Ann", "Bob")
    join(make, session, make.person("Nia", stage="NQSW"))
    give_up(make, holder)
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    page = browser.get(f"/sessions/{session.id}/roster").text
    assert "Place offered" in page and "until " in page and "Change order" in page
    join(make, session, make.person("Noa", stage="NQSW"))
    page = browser.get(f"/sessions/{session.id}/roster").text
    assert "Class 2 (“you are in your assessed and supported year”), asked" in page and "Class 5, asked" in page
    assert page.index("Noa") < page.index("Bob")


def test_departing_from_the_order(make: Make, sign_in: Any, ledger: Any) -> None:
    session, holder, people, keys = full(make, "Ann", "Bob")
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    page = browser.get(f"/bookings/{keys[1]}/order")
    assert page.status_code == 200 and "2nd of 2" in page.text and "Newly qualified" in page.text and "Give the place" not in page.text
    wrong = browser.post(f"/bookings/{keys[1]}/order", data={"priority": "1", "reason": ""})
    assert wrong.status_code == 422 and "Enter a reason" in wrong.text and 'href="#reason"' in wrong.text
    assert browser.post(f"/bookings/{keys[1]}/order", data={"priority": "x", "reason": "Because"}).status_code == 422
    reply = browser.post(f"/bookings/{keys[1]}/order", data={"priority": "1", "reason": "The court ordered it"})
    assert reply.status_code == 303 and "The order of the waiting list has changed" in browser.get(reply.headers["location"]).text
    assert "for this reason: The court ordered it." in sign_in(people[1]).get(f"/bookings/{keys[1]}").text
    with make.tx() as tx:
        tx.update(Session, session.id, closes_at=clock() - timedelta(hours=1))  # too late to offer anything
    give_up(make, holder)
    page = browser.get(f"/bookings/{keys[0]}/order")
    assert f"Give the place to {people[0].name}" in page.text
    assert 'href="#why"' in browser.post(f"/bookings/{keys[0]}/give", data={"why": ""}).text
    reply = browser.post(f"/bookings/{keys[0]}/give", data={"why": "The others cannot come"})
    assert reply.status_code == 303 and "the person you chose" in browser.get(reply.headers["location"]).text
    assert states(make, *keys) == ["booked", "waiting"] and ledger.entries("booking.given")[0].facts["override"] is True
    over = browser.get(f"/bookings/{keys[0]}/order")
    assert over.status_code == 409 and "not waiting any more" in over.text
    assert sign_in(people[1]).get(f"/bookings/{keys[1]}/order").status_code == 403


# From end to end ---------------------------------------------------------------------------------------------------


def test_from_a_freed_place_through_the_mail_server_to_an_answer(make: Make, visitor: TestClient) -> None:
    _, holder, _, keys = full(make, "Ann", "Bob")
    with mail_server() as inbox:
        settings = load(base_url="http://testserver", smtp_url=f"smtp://127.0.0.1:{inbox.port}", log_level="error")
        tick(make.database, settings)
        inbox.taken.clear()
        give_up(make, holder)
        tick(make.database, settings)
        (mail,) = (mail for mail in inbox.taken if str(mail["To"]).startswith("ann"))
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        found = re.search(r"http://testserver(/offers/[\w-]+)", text)
        assert found and deadline(make.row(Booking, keys[0]).offer_ends_at) in text
        assert visitor.get(found[1]).status_code == 200
        with make.tx() as tx:
            tx.update(Booking, keys[0], offer_ends_at=tx.now)  # nobody answers
        inbox.taken.clear()
        tick(make.database, settings)
        told = {str(mail["To"]).partition(".")[0]: mail for mail in inbox.taken}
        assert sorted(told) == ["ann", "bob"] and states(make, *keys) == ["expired", "offered"]
        assert "The time to answer is over" in visitor.get(found[1]).text
        text = told["bob"].get_body(("plain",)).get_content()  # type: ignore[union-attr]
        found = re.search(r"http://testserver(/offers/[\w-]+)", text)
        assert found and visitor.post(found[1], data={"decision": "accept"}).status_code == 303
    assert states(make, *keys) == ["expired", "booked"]
