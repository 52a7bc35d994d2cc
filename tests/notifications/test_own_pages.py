"""One's own messages on pages: the inbox, how one wants to be told, and the private calendar."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from app import jobs
from app.bookings import operations
from app.bookings.models import PartTrainer
from app.core.config import Settings
from app.core.db import Database
from app.core.ledger import Audit, Outbox
from app.core.schedule import JobRun
from app.core.tx import Actor, transaction
from app.identity.models import Account
from app.notifications import delivery, preferences
from app.notifications import inbox as own_inbox
from app.notifications.kinds import AT_FIRST, TOPICS
from app.notifications.models import Feed, Preference
from tests.factory import Make, tuesday
from tests.mailbox import Inbox
from tests.notifications.test_delivery import book, plain


def queue(make: Make, person: Any, kind: str, subject: str, key: int | None, number: int = 1, **facts: Any) -> None:
    with make.tx() as tx:
        row = dict(kind=kind, person_id=person.id, subject=subject, subject_id=key, facts=facts, due_at=tx.now, attempts=0)
        tx.db.execute(insert(Outbox), [{**row, "created_at": tx.now + timedelta(seconds=n)} for n in range(number)])


def choose(make: Make, person: Any, **how: str) -> None:
    with transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None),)), writes=True) as tx:
        preferences.choose(tx, {topic: how.get(topic, "email") for topic in TOPICS})


def outbox(make: Make, kind: str) -> list[Any]:
    return make.rows(select(Outbox.__table__).where(Outbox.kind == f"email.{kind}").order_by(Outbox.id))


# The inbox ---------------------------------------------------------------------------------------------------------


def test_an_empty_inbox(make: Make, sign_in: Any) -> None:
    page = sign_in(make.person("Ann")).get("/inbox")
    assert page.status_code == 200 and "You have no messages" in page.text


def test_a_message_is_read_as_it_was_sent_and_then_counts_as_read(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann Ames"), make.session(course=make.course("Court skills").id, link="https://meet.westmarch.example/x")
    booked = book(make, ann, session)
    browser = sign_in(ann)
    listed = browser.get("/inbox").text
    assert "Booked: Court skills" in listed and "Not read" in listed and "1 message, 1 not read here" in listed
    (row,) = outbox(make, "booking_made")
    page = browser.get(f"/inbox/{row.id}")
    assert page.status_code == 200 and "You have a place on Court skills" in page.text
    assert f'<a class="govuk-link" href="http://testserver/bookings/{booked.id}">See or cancel your booking</a>' in page.text
    assert '<a class="govuk-link" href="https://meet.westmarch.example/x">Join online</a>' in page.text
    assert outbox(make, "booking_made")[0].read_at is not None
    assert "Not read" not in browser.get("/inbox").text


def test_the_joining_link_leaves_the_inbox_with_the_place(make: Make, sign_in: Any) -> None:
    ann, tess = make.person("Ann"), make.person("Tess")
    session = make.session(link="https://meet.westmarch.example/x", trainers=(tess.id,))
    booked = book(make, ann, session)
    queue(make, ann, "email.session_runs", "sessions", session.id)
    queue(make, tess, "email.trainer_session_set", "sessions", session.id)
    browsers = {person.id: sign_in(person) for person in (ann, tess)}

    def links() -> list[bool]:
        rows = make.rows(select(Outbox.id, Outbox.person_id).order_by(Outbox.id).limit(3))
        return ["meet.westmarch" in browsers[row.person_id].get(f"/inbox/{row.id}").text for row in rows]

    assert links() == [True, True, True]
    with transaction(make.database, Actor("person", ann.id, "Ann", (("practitioner", None),)), writes=True) as tx:
        operations.cancel(tx, booked.id, "Court hearing")
    with make.tx() as tx:
        tx.db.execute(delete(PartTrainer))
    assert links() == [False, False, False]


def test_nobody_reads_anothers(make: Make, sign_in: Any) -> None:
    ann, bob = make.person("Ann"), make.person("Bob", roles=("administrator",))
    book(make, ann, make.session())
    (row,) = outbox(make, "booking_made")
    assert sign_in(bob).get(f"/inbox/{row.id}").status_code == 404
    assert "Booked" not in sign_in(bob).get("/inbox").text
    assert outbox(make, "booking_made")[0].read_at is None


def test_links_that_work_once_are_never_in_it(make: Make, sign_in: Any, inbox: Inbox, mail: Settings) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    first, second = book(make, ann, session), book(make, bob, session)
    with transaction(make.database, Actor("person", ann.id, "Ann", (("practitioner", None),)), writes=True) as tx:
        operations.cancel(tx, first.id, "Court hearing")
    with make.tx() as tx:
        tx.record("account.reset-asked", "people", bob.id, person_id=bob.id, tell=["email.password_reset"])
    while delivery.deliver_due(make.database, mail):
        pass
    sent = " ".join(plain(email) for email in inbox.taken)
    assert len(re.findall(r"/offers/[\w-]{40}", sent)) == len(re.findall(r"/password/set/[\w-]{40}", sent)) == 1
    browser = sign_in(bob)
    for kind, points_to in (("booking_offered", f"/bookings/{second.id}"), ("password_reset", "/my-details/password")):
        page = browser.get(f"/inbox/{outbox(make, kind)[0].id}").text
        assert f'href="http://testserver{points_to}"' in page and "/offers/" not in page and "/password/set/" not in page
    assert "Link to set a new password" in browser.get("/inbox").text


def test_twenty_five_a_page_in_few_queries(make: Make, sign_in: Any, count_queries: Callable[[], Any]) -> None:
    ann, trainer = make.person("Ann"), make.person("Tess")
    sessions = [make.session(day=tuesday(month)) for month in range(4, 9)]
    for session in sessions:
        booked = book(make, ann, session)
        queue(make, ann, "email.reminder", "bookings", booked.id, 4, days=7)
        queue(make, ann, "email.trainer_session_set", "sessions", session.id)
    queue(make, ann, "email.digest", "people", ann.id)
    queue(make, trainer, "email.reminder", "bookings", 1)
    browser = sign_in(ann)
    with count_queries() as queries:
        first = browser.get("/inbox").text
    assert first.count("/inbox/") == 25 + 1 and len(queries) <= 12, len(queries)
    assert "30 messages" in first and "Page 1 of 2" in first
    assert browser.get("/inbox?page=2").text.count('<li class="app-agenda__item">') == 5
    assert "no more messages" in browser.get("/inbox?page=9").text


def test_all_read_at_once(make: Make, sign_in: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session()
    book(make, ann, session)
    book(make, bob, session)
    browser = sign_in(ann)
    assert browser.post("/inbox/read").headers["location"] == "/inbox?said=read"
    assert [row.read_at is not None for row in outbox(make, "booking_made")] == [True, False]


def test_a_message_that_can_no_longer_be_written_says_so(make: Make, sign_in: Any) -> None:
    ann = make.person("Ann")
    queue(make, ann, "email.session_changed", "sessions", 999)
    browser = sign_in(ann)
    assert "Session changed" in browser.get("/inbox").text
    assert "cannot be shown any more" in browser.get(f"/inbox/{outbox(make, 'session_changed')[0].id}").text


def test_home_says_what_waits_only_in_the_inbox(make: Make, sign_in: Any) -> None:
    ann = make.person("Ann")
    book(make, ann, make.session())
    browser = sign_in(ann)
    assert "to read" not in browser.get("/").text, "what was e-mailed has been told"
    with make.tx() as tx:
        tx.db.execute(update(Outbox).values(how="inbox", sent_at=tx.now))
    assert '<a class="govuk-link app-agenda__what" href="/inbox"><strong>1 message to read</strong>' in browser.get("/").text
    browser.get(f"/inbox/{outbox(make, 'booking_made')[0].id}")
    assert "to read" not in browser.get("/").text


# How one is told ---------------------------------------------------------------------------------------------------


def test_choosing(make: Make, sign_in: Any) -> None:
    ann = make.person("Ann")
    browser = sign_in(ann)
    page = browser.get("/preferences").text
    assert page.count('value="email" checked') == len(TOPICS) - len(AT_FIRST) and "Always by e-mail, at once" in page
    sent = dict.fromkeys(TOPICS, "email") | AT_FIRST | {"bookings": "digest", "reminders": "inbox"}
    assert browser.post("/preferences", data=sent).headers["location"] == "/preferences?said=saved"
    assert {(row.topic, row.how) for row in make.rows(select(Preference.__table__))} >= {("bookings", "digest"), ("reminders", "inbox")}
    page = browser.get("/preferences").text
    assert 'name="bookings" type="radio" value="digest" checked' in page
    (entry,) = make.rows(select(Audit.__table__).where(Audit.action == "preferences.changed"))
    assert entry.facts["chosen"] == {"bookings": "digest", "reminders": "inbox"}
    again = browser.post("/preferences", data={**sent, "bookings": "pigeon"})
    assert again.status_code == 422 and "Choose one of the three" in again.text


def test_only_in_the_inbox(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session()
    choose(make, ann, bookings="inbox")
    booked = book(make, ann, session)
    delivery.deliver_due(make.database, mail)
    (row,) = outbox(make, "booking_made")
    assert inbox.taken == [] and (row.how, row.attempts, row.locked_until) == ("inbox", 0, None) and row.sent_at is not None
    with transaction(make.database, Actor("person", ann.id, "Ann", (("practitioner", None),)), writes=True) as tx:
        assert own_inbox.unread(tx) == 1
        operations.cancel(tx, booked.id, "Court hearing")
    while delivery.deliver_due(make.database, mail):
        pass
    assert [str(email["Subject"])[:10] for email in inbox.taken] == ["Cancelled:"], "what ends a place is always e-mailed"


def digest(make: Make) -> None:
    with make.tx() as tx:
        preferences.write_digests(tx, tx.now)


def test_one_summary_of_what_waits_and_none_when_nothing_does(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, bob = make.person("Ann Ames"), make.person("Bob")
    choose(make, ann, bookings="digest")
    choose(make, bob, bookings="digest")
    one = make.session(course=make.course("Court skills").id)
    two = make.session(course=make.course("Life story work").id, day=tuesday(6))
    book(make, ann, one)
    book(make, ann, two)
    while delivery.deliver_due(make.database, mail):
        pass
    assert inbox.taken == [] and delivery.deliver_due(make.database, mail) == 0
    digest(make)
    digest(make)
    assert delivery.deliver_due(make.database, mail) == 1 and delivery.deliver_due(make.database, mail) == 0
    (summary,) = inbox.taken
    assert summary["To"] == ann.email and summary["Subject"] == "2 messages from Social Work Academy"
    assert "Booked: Court skills" in plain(summary) and "Booked: Life story work" in plain(summary)
    (queued,) = outbox(make, "digest")
    assert [row.digest_id for row in outbox(make, "booking_made")] == [queued.id, queued.id]


def test_what_was_overtaken_or_read_is_not_told_again(make: Make, sign_in: Any, inbox: Inbox, mail: Settings) -> None:
    ann = make.person("Ann")
    choose(make, ann, bookings="digest")
    one, two = book(make, ann, make.session()), book(make, ann, make.session(day=tuesday(6)))
    delivery.deliver_due(make.database, mail)
    with transaction(make.database, Actor("person", ann.id, "Ann", (("practitioner", None),)), writes=True) as tx:
        operations.cancel(tx, one.id, "Court hearing")
    assert delivery.deliver_due(make.database, mail) == 1, "a message that waits for the summary holds up no other"
    sign_in(ann).get(f"/inbox/{outbox(make, 'booking_made')[1].id}")
    digest(make)
    assert outbox(make, "digest") == [] and two
    assert [row.how for row in outbox(make, "booking_made")] == ["inbox", "inbox"]


def test_the_worker_writes_it_once_a_day(make: Make) -> None:
    """However often it looks, and whichever of several workers."""
    ann = make.person("Ann")
    queue(make, ann, "email.booking_made", "bookings", 1)
    with make.tx() as tx:
        tx.db.execute(update(Outbox).values(how="digest", due_at=preferences.NEVER))
    before, after = datetime(2027, 6, 9, 6, 59, tzinfo=UTC), datetime(2027, 6, 9, 7, 0, tzinfo=UTC)
    jobs.run_due(make.database, before)
    assert outbox(make, "digest") == []
    threads = [threading.Thread(target=jobs.run_due, args=(make.database, after)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outbox(make, "digest")) == 1
    assert len(make.rows(select(JobRun.id).where(JobRun.name == "daily-summaries", JobRun.due_at == after))) == 1
    queue(make, ann, "email.booking_made", "bookings", 2)
    with make.tx() as tx:
        tx.db.execute(update(Outbox).where(Outbox.sent_at.is_(None), Outbox.kind != "email.digest").values(how="digest"))
    jobs.run_due(make.database, after + timedelta(hours=9))
    assert len(outbox(make, "digest")) == 1, "what comes later waits for the next day"
    jobs.run_due(make.database, after + timedelta(days=1))
    assert len(outbox(make, "digest")) == 2


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2027-06-09T06:59:59+00:00", None),
        ("2027-06-09T07:00:00+00:00", "2027-06-09T07:00:00+00:00"),
        ("2027-12-01T15:00:00+00:00", "2027-12-01T08:00:00+00:00"),
        ("2027-06-12T10:00:00+00:00", None),  # a Saturday
        ("2027-12-27T10:00:00+00:00", None),  # a bank holiday
    ],
)
def test_the_summary_is_due_at_eight_on_working_days(moment: str, due: str | None) -> None:
    found = preferences.digest_turn(datetime.fromisoformat(moment))
    assert found == (datetime.fromisoformat(due) if due else None)


# The private calendar ----------------------------------------------------------------------------------------------


def address(browser: Any) -> str:
    page = browser.post("/preferences/calendar")
    assert page.status_code == 200
    found = re.search(r"http://testserver(/calendar/[\w-]{40,}\.ics)", page.text)
    assert found
    return found[1]


def test_a_private_address_is_shown_once_and_only_its_hash_is_kept(make: Make, sign_in: Any, visitor: Any) -> None:
    browser = sign_in(make.person("Ann"))
    where = address(browser)
    token = where.removeprefix("/calendar/").removesuffix(".ics")
    assert token not in str(make.rows(select(Feed.__table__))) + str(make.rows(select(Audit.__table__)))
    assert token not in browser.get("/preferences").text and "You have had an address since" in browser.get("/preferences").text
    assert visitor.get(where).status_code == 200
    replaced = address(browser)
    assert visitor.get(where).status_code == 404 and visitor.get(replaced).status_code == 200
    browser.post("/preferences/calendar/end")
    assert visitor.get(replaced).status_code == 404 and visitor.get("/calendar/x.ics").status_code == 404


def test_it_holds_the_owners_own_sessions_and_answers_a_tag(make: Make, sign_in: Any, visitor: Any, count_queries: Any) -> None:
    ann, bob, tess = make.person("Ann Ames"), make.person("Bob Brand"), make.person("Tess Tate")
    session = make.session(course=make.course("Court skills").id, trainers=(tess.id,), link="https://meet.westmarch.example/x")
    booked = book(make, ann, session)
    book(make, bob, session)
    book(make, bob, make.session(course=make.course("Other").id, day=tuesday(6)))
    where = address(sign_in(ann))
    with count_queries() as queries:
        reply = visitor.get(where)
    assert len(queries) <= 4 and reply.headers["content-type"] == "text/calendar; charset=utf-8"
    text = reply.text.replace("\r\n ", "")
    assert text.count("BEGIN:VEVENT") == 1 and f"UID:booking-{booked.id}-" in text and "meet.westmarch.example" in text
    for others in ("Bob", "Tess", "Ann", "Other", "@westmarch"):
        assert others not in text, others
    assert visitor.get(where, headers={"if-none-match": reply.headers["etag"]}).status_code == 304
    assert visitor.get(where, headers={"if-none-match": '"other", W/' + reply.headers["etag"]}).status_code == 304
    with transaction(make.database, Actor("person", ann.id, "Ann", (("practitioner", None),)), writes=True) as tx:
        operations.cancel(tx, booked.id, "Court hearing")
    changed = visitor.get(where, headers={"if-none-match": reply.headers["etag"]})
    assert changed.status_code == 200 and "BEGIN:VEVENT" not in changed.text
    delivering = visitor.get(address(sign_in(tess))).text.replace("\r\n ", "")
    assert "SUMMARY:Delivering: Court skills" in delivering and f"UID:session-{session.id}-trainer-{tess.id}-" in delivering


def test_it_ends_with_the_account(make: Make, sign_in: Any, visitor: Any, database: Database) -> None:
    ann = make.person("Ann")
    where = address(sign_in(ann))
    with make.tx() as tx:
        tx.db.execute(Account.__table__.update().values(suspended_at=tx.now))
    assert visitor.get(where).status_code == 404
