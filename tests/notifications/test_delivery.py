"""Delivery: every message arrives, in order, with the right facts; what cannot be sent waits or is set aside with the reason."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.bookings import operations
from app.bookings.models import Booking, Room
from app.bookings.operations import offers, passing
from app.bookings.operations.sessions import cancel_session, change_session
from app.bookings.operations.timetable import PartNew
from app.core.config import ROOT, Settings
from app.core.db import Database
from app.core.ledger import Audit, Outbox
from app.core.tx import Actor, clock, transaction
from app.identity import operations as identity
from app.identity.models import Link
from app.notifications import delivery
from app.notifications.facts import compose
from app.people.models import Person
from tests.factory import Make
from tests.mailbox import Inbox


def acting(make: Make, person: Any, *roles: tuple[str, int | None]) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None), *roles)), writes=True)


def book(make: Make, person: Any, session: Any, by: Any = None) -> Any:
    with acting(make, by or person, *((("coordinator", None),) if by else ())) as tx:
        return operations.book(tx, session.id, person.id)


def plain(email: EmailMessage) -> str:
    part = email.get_body(("plain",))
    assert part is not None
    return re.sub(r"\s+", " ", str(part.get_content()))


def outbox(make: Make) -> list[Any]:
    return make.rows(select(Outbox.__table__).order_by(Outbox.id))


def pass_time(make: Make, by: timedelta = timedelta(days=2)) -> None:
    """As if so much time had gone by: back-offs and leases are over."""
    with make.tx() as tx:
        for row in tx.rows(select(Outbox.id, Outbox.due_at, Outbox.locked_until)):
            tx.update(Outbox, row.id, due_at=row.due_at - by, locked_until=row.locked_until - by if row.locked_until else None)


def test_a_confirmation_with_everything_in_it(make: Make, inbox: Inbox, mail: Settings) -> None:
    room = make.room("Oak Room")
    with make.tx() as tx:
        tx.update(Room, room, address="1 Mill Lane, Aldermoor", access_notes="Step-free from the car park.")
    ann, cai = make.person("Ann Ames"), make.person("Cai Cole", roles=("coordinator",))
    session = make.session(course=make.course("Motivational interviewing").id, room=room)
    booked = book(make, ann, session, by=cai)

    assert delivery.deliver_due(make.database, mail) == 1
    (email,) = inbox.taken
    (row,) = outbox(make)
    assert email["To"] == ann.email and email["Message-ID"] == f"<outbox-{row.id}@academy.test>"
    assert "Cai Cole has booked a place for you on Motivational interviewing" in plain(email)
    assert "Oak Room, 1 Mill Lane, Aldermoor" in plain(email) and "Step-free" in plain(email)
    assert f"http://academy.test/bookings/{booked.id}" in plain(email)
    assert any(part.get_content_type() == "text/calendar" for part in email.walk())
    assert row.sent_at is not None and row.locked_until is None and row.attempts == 1
    assert delivery.deliver_due(make.database, mail) == 0


def test_the_joining_link_reaches_only_the_booked(make: Make, inbox: Inbox, mail: Settings) -> None:
    session = make.session(places=1, link="https://meet.westmarch.example/x")
    for name in ("Ann", "Bob"):
        book(make, make.person(name), session)
    delivery.deliver_due(make.database, mail)
    booked, waiting = (email.as_string() for email in inbox.taken)
    assert "meet.westmarch.example" in plain(inbox.taken[0])
    assert booked and "meet.westmarch.example" not in waiting


def test_the_queue_place_is_the_one_at_joining(make: Make, inbox: Inbox, mail: Settings) -> None:
    session = make.session(places=1)
    people = [make.person(name) for name in ("Ann", "Bob", "Cai", "Dee")]
    bookings = [book(make, person, session) for person in people[:3]]
    with acting(make, people[1]) as tx:
        operations.cancel(tx, bookings[1].id, "No longer needed")
    book(make, people[3], session)
    while delivery.deliver_due(make.database, mail):
        pass
    said = {str(email["To"]): plain(email) for email in inbox.taken if "joined as" in plain(email)}
    assert "joined as 1st of 1" in said[people[1].email]
    assert "joined as 2nd of 2" in said[people[2].email]
    assert "joined as 2nd of 2" in said[people[3].email]  # Bob had left by then


def test_booked_and_cancelled_before_either_was_sent(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    booked = book(make, ann, session)
    with acting(make, ann) as tx:
        operations.cancel(tx, booked.id, "Court hearing")
    assert delivery.deliver_due(make.database, mail) == 1, "the cancellation waits for the confirmation"
    assert delivery.deliver_due(make.database, mail) == 1
    assert [row.kind for row in outbox(make)] == ["email.booking_made", "email.booking_cancelled"]
    assert inbox.ids == [f"<outbox-{row.id}@academy.test>" for row in outbox(make)]
    assert "Court hearing" in plain(inbox.taken[1])


def test_a_cancellation_never_overtakes_a_confirmation_that_is_being_retried(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    booked = book(make, ann, session)
    inbox.answers[ann.email] = "451 Try later"
    delivery.deliver_due(make.database, mail)
    with acting(make, ann) as tx:
        operations.cancel(tx, booked.id, "Court hearing")
    inbox.answers.clear()
    assert delivery.deliver_due(make.database, mail) == 0
    pass_time(make)
    assert [delivery.deliver_due(make.database, mail) for _ in range(3)] == [1, 1, 0]
    assert inbox.ids == [f"<outbox-{row.id}@academy.test>" for row in outbox(make)]


def test_the_manager_is_asked_and_a_refusal_says_so(make: Make, inbox: Inbox, mail: Settings) -> None:
    manager = make.person("Mo Mason")
    ann, bob = make.person("Ann Ames", manager=manager.id), make.person("Bob")
    session = make.session(course=make.course("Costly", cost_pence=15000).id, needs_approval=True)
    asked = book(make, ann, session)
    book(make, bob, session)  # has no manager: nobody is asked
    with acting(make, manager, ("line manager", None)) as tx:
        operations.decide(tx, asked.id, False, "Duty week")
    while delivery.deliver_due(make.database, mail):
        pass
    [asking] = [email for email in inbox.taken if email["To"] == manager.email]
    assert "Ann Ames asks for a place: Costly, " in plain(asking) and "£150" in plain(asking)
    assert f"Approve or refuse: http://academy.test/bookings/{asked.id}/decide" in plain(asking)
    refusal = [email for email in inbox.taken if email["To"] == ann.email][-1]
    assert str(refusal["Subject"]).startswith("Not approved: Costly")
    assert "Mo Mason did not approve your request" in plain(refusal) and "Reason: Duty week" in plain(refusal)
    assert not list(refusal.iter_attachments())


def test_a_given_place_names_who_gave_it(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    cai = make.person("Cai Cole", roles=("coordinator",))
    first = book(make, ann, session)
    second = book(make, bob, session)
    with acting(make, cai, ("coordinator", None)) as tx:
        operations.cancel(tx, first.id, "Asked us to by telephone")
    with acting(make, cai, ("coordinator", None)) as tx:
        tx.record("booking.given", "bookings", second.id, person_id=bob.id, state="booked", tell=["email.booking_given"])
    while delivery.deliver_due(make.database, mail):
        pass
    given = next(email for email in inbox.taken if email["To"] == bob.email and "has given you" in plain(email))
    assert "Cai Cole" in plain(given)
    cancelled = [email for email in inbox.taken if email["To"] == ann.email][-1]
    assert "Cai Cole" in plain(cancelled)


def test_another_systems_doing_is_not_said_to_be_the_readers(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    booked = book(make, ann, session)
    with transaction(make.database, Actor("client", 1, scopes=frozenset({"bookings:write"})), writes=True) as tx:
        operations.cancel(tx, booked.id, "Left the council")
    while delivery.deliver_due(make.database, mail):
        pass
    assert "The Academy cancelled your place" in plain(inbox.taken[1])


def test_a_session_that_moves_and_is_then_called_off(make: Make, inbox: Inbox, mail: Settings) -> None:
    """Both, as the operations queue them, to whoever is booked, asks or waits; only the booked have it in their calendars."""
    ann, bob, cai = make.person("Ann"), make.person("Bob"), make.person("Cai Cole", roles=("coordinator",))
    session = make.session(places=1, room=make.room("Oak Room"))
    for person in (ann, bob):
        book(make, person, session)
    elm = make.room("Elm Room")
    with acting(make, cai, ("coordinator", None)) as tx:
        change_session(tx, session.id, session.version, [PartNew(session.starts_at, session.ends_at, elm)])
    with acting(make, cai, ("coordinator", None)) as tx:
        cancel_session(tx, session.id, "The trainer is ill")
    while delivery.deliver_due(make.database, mail):
        pass
    assert [row.error for row in outbox(make)] == [None] * 6
    for person, in_calendar in ((ann, True), (bob, False)):
        made, changed, off = (email for email in inbox.taken if email["To"] == person.email)
        assert "The room is now Elm Room" in plain(changed) and "The trainer is ill" in plain(off)
        methods = [re.findall(r"METHOD:(\w+)", calendar(email)) for email in (made, changed, off)]
        assert methods == ([["REQUEST"], ["REQUEST"], ["CANCEL"]] if in_calendar else [[], [], []])
        if in_calendar:
            sequences = [int(re.findall(r"SEQUENCE:(\d+)", calendar(email))[0]) for email in (made, changed, off)]
            assert sequences == sorted(sequences) and sequences[2] > sequences[1]
            assert len({re.findall(r"UID:(\S+)", calendar(email))[0] for email in (made, changed, off)}) == 1


def calendar(email: EmailMessage) -> str:
    return next((str(part.get_content()) for part in email.walk() if part.get_content_type() == "text/calendar"), "")


def test_a_request_names_the_manager_who_decides(make: Make, inbox: Inbox, mail: Settings) -> None:
    manager = make.person("Mo Moss")
    ann, session = make.person("Ann", manager=manager.id), make.session(needs_approval=True)
    book(make, ann, session)
    delivery.deliver_due(make.database, mail)
    assert "Mo Moss" in plain(inbox.taken[0])


def test_refused_for_now_is_tried_again_and_parked_in_the_end(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    book(make, ann, session)
    inbox.answers[ann.email] = f"450 {ann.email} mailbox busy"
    for attempt in range(1, delivery.MAX_ATTEMPTS + 1):
        before = clock()
        assert delivery.deliver_due(make.database, mail) == 1
        (row,) = outbox(make)
        assert row.attempts == attempt and row.sent_at is None and row.locked_until is None
        if attempt < delivery.MAX_ATTEMPTS:
            minutes = delivery.DELAYS[min(attempt, 5) - 1]
            assert 0.79 * minutes < (row.due_at - before).total_seconds() / 60 < 1.25 * minutes
            assert row.parked_at is None and delivery.deliver_due(make.database, mail) == 0
            pass_time(make)
    (row,) = outbox(make)
    assert row.parked_at is not None and "mailbox busy" in row.error and ann.email not in row.error
    pass_time(make)
    assert delivery.deliver_due(make.database, mail) == 0


def test_refused_for_good_is_parked_and_lets_the_next_one_pass(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session()
    booked = book(make, ann, session)
    book(make, bob, session)
    inbox.answers[ann.email] = f"550 No such user {ann.email}"
    assert delivery.deliver_due(make.database, mail) == 2
    refused, sent = outbox(make)
    assert refused.parked_at is not None and "No such user" in refused.error and "@" not in refused.error
    assert sent.sent_at is not None and [email["To"] for email in inbox.taken] == [bob.email]
    inbox.answers.clear()
    with acting(make, ann) as tx:
        operations.cancel(tx, booked.id, "Court hearing")
    assert delivery.deliver_due(make.database, mail) == 1 and inbox.taken[-1]["To"] == ann.email


def test_nobody_to_send_it_to(make: Make, inbox: Inbox, mail: Settings) -> None:
    agency, session = make.person("Agnes", email=None), make.session()
    book(make, agency, session)
    delivery.deliver_due(make.database, mail)
    (row,) = outbox(make)
    assert row.parked_at is not None and row.error == "The person has no e-mail address." and inbox.taken == []


def test_missing_facts_are_parked_with_the_name_of_the_fact(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    with make.tx() as tx:
        tx.record("session.changed", "sessions", session.id, person_id=ann.id, tell=["email.session_changed", "email.unheard_of"])
    while delivery.deliver_due(make.database, mail):
        pass
    changed, unheard = outbox(make)
    assert "session_changed: the fact" in changed.error and changed.parked_at is not None
    assert "no message of the kind" in unheard.error and unheard.parked_at is not None


def test_a_message_about_a_session_finds_the_readers_booking(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session(course=make.course("Life story work").id)
    booked = book(make, ann, session)
    with make.tx() as tx:
        facts: dict[str, Any] = {"changes": ["The room is now Elm Room."]}
        tx.record("session.changed", "sessions", session.id, person_id=ann.id, tell=["email.session_changed"], **facts)
    while delivery.deliver_due(make.database, mail):
        pass
    assert "The room is now Elm Room." in plain(inbox.taken[1]) and f"/bookings/{booked.id}" in plain(inbox.taken[1])


def test_a_single_use_link_is_made_at_the_last_moment_and_kept_nowhere(make: Make, inbox: Inbox, mail: Settings) -> None:
    bob, admin = make.person("Bob", account=False), make.person("Ada Ash", roles=("administrator",))
    with acting(make, admin, ("administrator", None)) as tx:
        identity.invite(tx, bob.id)
    delivery.deliver_due(make.database, mail)
    with make.tx() as tx:
        assert identity.link(tx, _token(inbox.taken[0])) == (bob.id, "invitation")
        tx.record("account.reset-asked", "people", bob.id, person_id=bob.id, tell=["email.password_reset"])
    delivery.deliver_due(make.database, mail)
    tokens = [_token(email) for email in inbox.taken]
    assert len(set(tokens)) == 2 and "Ada Ash" in plain(inbox.taken[0])
    with make.tx(writes=False) as tx:
        assert identity.link(tx, tokens[1]) == (bob.id, "reset")
        kept = str(tx.rows(select(Outbox.__table__))) + str(tx.rows(select(Audit.__table__)))
    assert not any(token in kept for token in tokens)


def _token(email: EmailMessage) -> str:
    found = re.search(r"http://academy\.test/password/set/([\w-]+)", plain(email))
    assert found
    return found[1]


def test_an_offer_carries_a_link_for_its_booking_until_it_ends(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    first, second = book(make, ann, session), book(make, bob, session)
    with acting(make, ann) as tx:
        operations.cancel(tx, first.id, "Court hearing")
    while delivery.deliver_due(make.database, mail):
        pass
    offered = next(email for email in inbox.taken if str(email["Subject"]).startswith("A place for you until"))
    token = re.search(r"http://academy\.test/offers/([\w-]{40,})", plain(offered))
    assert token and offered["To"] == bob.email
    (link,) = make.rows(select(Link.__table__))
    booking = make.row(Booking, second.id)
    assert (link.purpose, link.subject_id, link.person_id, link.email) == ("offer", second.id, bob.id, bob.email)
    assert link.expires_at == booking.offer_ends_at and token[1] not in str(make.rows(select(Outbox.__table__)))
    with make.tx() as tx, pytest.raises(identity.LinkOver):
        identity.link(tx, token[1])  # it sets no password


def test_an_offer_answered_before_it_is_sent_has_no_link(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    first, second = book(make, ann, session), book(make, bob, session)
    with acting(make, ann) as tx:
        operations.cancel(tx, first.id, "Court hearing")
    with acting(make, bob) as tx:
        offers.accept(tx, second.id)
    while delivery.deliver_due(make.database, mail):
        pass
    offered = next(email for email in inbox.taken if str(email["Subject"]).startswith("A place for you until"))
    assert f"Accept or decline: http://academy.test/bookings/{second.id}" in plain(offered) and make.rows(select(Link.token_hash)) == []


def test_what_is_asked_afterwards_points_to_its_questions(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    booked = book(make, ann, session)
    with make.tx() as tx:
        tx.record("evaluation.asked", "bookings", booked.id, person_id=ann.id, tell=["email.evaluation_asked"], evaluation_kind="impact")
    while delivery.deliver_due(make.database, mail):
        pass
    assert f"Answer the questions: http://academy.test/bookings/{booked.id}/evaluation/impact" in plain(inbox.taken[-1])


def test_a_place_passed_on_names_both(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann Ames"), make.person("Bob Brand"), make.session()
    given = book(make, ann, session)
    with acting(make, ann) as tx:
        passing.pass_on_to(tx, given.id, bob.id)
    while delivery.deliver_due(make.database, mail):
        pass
    to = {
        str(email["To"]): email
        for email in inbox.taken
        if "pass" in str(email["Subject"]).lower() or "have a place" in str(email["Subject"])
    }
    assert "Bob Brand now has the place" in plain(to[ann.email]) and "METHOD:CANCEL" in calendar(to[ann.email])
    assert "Ann Ames has passed you a place" in plain(to[bob.email]) and "METHOD:REQUEST" in calendar(to[bob.email])


def test_one_connection_carries_the_batch(make: Make, inbox: Inbox, mail: Settings) -> None:
    session = make.session(places=30)
    for n in range(12):
        book(make, make.person(f"P{n}"), session)
    assert delivery.deliver_due(make.database, mail) == 12
    assert len(inbox.peers) == 1
    assert len(set(inbox.ids)) == 12


def test_an_unreachable_server_is_asked_once(make: Make, mail: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make.session()
    for n in range(3):
        book(make, make.person(f"P{n}"), session)
    nowhere = mail.model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    assert delivery.deliver_due(make.database, nowhere) == 3
    rows = outbox(make)
    assert all(row.sent_at is None and row.parked_at is None and row.due_at > clock() and "mail server" in row.error for row in rows)


def test_told_to_stop_it_gives_the_rest_back(make: Make, inbox: Inbox, mail: Settings) -> None:
    session, stop = make.session(), threading.Event()
    for n in range(3):
        book(make, make.person(f"P{n}"), session)
    stop.set()
    delivery.deliver_due(make.database, mail, stop)
    assert [(row.attempts, row.locked_until) for row in outbox(make)] == [(0, None)] * 3 and inbox.taken == []
    assert delivery.deliver_due(make.database, mail) == 3


def test_a_message_that_kills_workers_is_set_aside(make: Make, inbox: Inbox, mail: Settings) -> None:
    book(make, make.person("Ann"), make.session())
    with make.tx() as tx:
        tx.db.execute(update(Outbox).values(attempts=delivery.MAX_ATTEMPTS, locked_until=tx.now - timedelta(seconds=1)))
    delivery.deliver_due(make.database, mail)
    (row,) = outbox(make)
    assert row.parked_at is not None and inbox.taken == []


def test_as_many_queries_for_thirty_messages_as_for_three(make: Make, count_queries: Callable[[], Any]) -> None:
    session = make.session(places=2, needs_approval=True)
    for n in range(3):
        book(make, make.person(f"P{n}"), session)

    def asked() -> int:
        with make.tx(writes=False) as tx, count_queries() as queries:
            compose(tx, tx.rows(select(Outbox.__table__)))
        return len(queries)

    few = asked()
    for n in range(27):
        book(make, make.person(f"Q{n}"), session)
    assert asked() == few <= 7


# Real processes ----------------------------------------------------------------------------------------------------


def worker(database: Database, inbox: Inbox) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "ACADEMY_DATABASE_URL": database.url,
        "ACADEMY_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
        "ACADEMY_BASE_URL": "http://academy.test",
        "ACADEMY_LOG_LEVEL": "error",
    }
    return subprocess.Popen([sys.executable, "-m", "app", "worker"], cwd=ROOT, env=environment, start_new_session=True)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def unsent(make: Make) -> int:
    return int(make.rows(select(func.count()).select_from(Outbox).where(Outbox.sent_at.is_(None)))[0][0])


@pytest.mark.thorough
def test_two_workers_and_one_is_killed_while_sending(make: Make, inbox: Inbox) -> None:
    number = 120  # more than two batches, so that both workers have something to do
    session = make.session(places=number)
    with make.tx() as tx:
        people = tx.rows(select(Person.organisation_id))
        assert not people
    organisation = make.organisation()
    with make.tx() as tx:
        now = tx.now
        tx.insert_many(
            Person,
            [
                dict(
                    organisation_id=organisation, first_name="P", last_name=f"{n}", name=f"P {n}", sort_name=f"{n}, p",
                    email=f"p.{n}@westmarch.example", search_text=f"p {n}", created_at=now, updated_at=now,
                )
                for n in range(number)
            ],
        )  # fmt: skip
        for row in tx.rows(select(Person.id)):
            operations.book(tx, session.id, row.id)

    inbox.slow = 0.01
    killed, kept = worker(make.database, inbox), worker(make.database, inbox)
    try:
        until(lambda: len(inbox.taken) >= 25)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        until(lambda: unsent(make) <= delivery.BATCH and len(inbox.taken) >= number - delivery.BATCH)
        time.sleep(0.3)
        pass_time(make)  # the dead worker's lease ends
        until(lambda: unsent(make) == 0)
        kept.send_signal(signal.SIGTERM)
        assert kept.wait(timeout=5) == 0, "told to stop, a worker stops at once and in peace"
    finally:
        for process in (killed, kept):
            if process.poll() is None:
                process.kill()
                process.wait()
    rows = outbox(make)
    assert set(inbox.ids) == {f"<outbox-{row.id}@academy.test>" for row in rows}, "every message arrived, and nothing else"
    assert len(inbox.ids) - len(set(inbox.ids)) <= delivery.NOTE_EVERY, "only what the killed worker had not noted came twice"
    to = {str(email["Message-ID"]): str(email["To"]) for email in inbox.taken}
    assert max(Counter(to.values()).values()) == 1, "a second copy has the Message-ID of the first"
    assert make.rows(select(func.count()).select_from(Outbox).where(Outbox.parked_at.is_not(None)))[0][0] == 0
