"""What home says needs the reader now: each thing with until when and where, gone once it is done; on both databases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from app.bookings import operations
from app.bookings.event_models import EvaluationAsk
from app.bookings.models import Booking, Session
from app.bookings.operations import reservations
from app.bookings.policy_models import Consequence
from app.core.tx import Actor, transaction
from app.mentoring.operations import pairing
from tests.factory import Make

NOW = datetime.now(UTC)


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def book(make: Make, session: Any, person: Any) -> int:
    actor = Actor("person", person.id, person.name, (("practitioner", None),), organisation_id=person.organisation_id)
    with transaction(make.database, actor, writes=True) as tx:
        return operations.book(tx, session.id, person.id).id


def test_an_offer_says_until_when(make: Make, sign_in: Any) -> None:
    ann, session = make.person("Ann"), make.session(course=make.course("Court skills").id)
    held = book(make, session, ann)
    with make.tx() as tx:
        tx.db.execute(update(Booking).values(status="offered", offer_ends_at=datetime(2100, 3, 5, 16, tzinfo=UTC)))
    page = sign_in(ann).get("/").text
    assert f'href="/bookings/{held}"' in page
    assert "A place is held for you: Court skills" in page and "Accept or decline by 4pm on Friday 5 March 2100" in page
    with make.tx() as tx:
        tx.db.execute(update(Booking).values(offer_ends_at=NOW - timedelta(minutes=1)))
    assert "held for you" not in sign_in(ann).get("/").text


def test_reserved_places_wait_for_names(make: Make, sign_in: Any) -> None:
    manager, session = make.person("Mo"), make.session(course=make.course("Court skills").id)
    make.person("Ann", manager=manager.id)
    actor = Actor("person", manager.id, manager.name, (("practitioner", None), ("line manager", None)))
    with transaction(make.database, actor, writes=True) as tx:
        first, _ = reservations.reserve(tx, session.id, 2)
    browser = sign_in(manager)
    page = browser.get("/").text
    assert "Say who comes: 2 places on Court skills" in page and f'href="/bookings/{first}/name"' in page and "By " in page
    assert browser.get(f"/bookings/{first}/name").status_code == 200


def test_requests_say_when_the_first_runs_out(make: Make, sign_in: Any) -> None:
    manager, session = make.person("Mo"), make.session(needs_approval=True)
    for name in ("Ann", "Bob"):
        book(make, session, make.person(name, manager=manager.id))
    page = words(sign_in(manager).get("/"))
    assert "2 requests for places to approve" in page and "The first runs out at 5pm on" in page


def test_a_trainer_has_registers_to_finish(make: Make, sign_in: Any) -> None:
    tess, ann = make.person("Tess"), make.person("Ann")
    sessions = [make.session(course=make.course(f"Day {n}").id, trainers=(tess.id,), starts=NOW + timedelta(days=9 + n)) for n in range(5)]
    for session in sessions:
        book(make, session, ann)
    with make.tx() as tx:
        for n, session in enumerate(sessions):
            starts = NOW - timedelta(days=n, hours=2)
            tx.update(Session, session.id, starts_at=starts, ends_at=starts + timedelta(hours=3))
        tx.update(Session, sessions[0].id, register_at=NOW)
    page = words(sign_in(tess).get("/"))
    assert "Day 0" not in page.partition("Coming up")[0]
    assert all(f"Register to finish: Day {n}" in page for n in (2, 3, 4)) and "1 more register to finish" in page
    assert "Register to finish" not in words(sign_in(ann).get("/"))


def test_questions_and_charges_wait_for_whom_they_are_about(make: Make, sign_in: Any) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    booking = book(make, make.session(course=make.course("Court skills").id), ann)
    with make.tx() as tx:
        for kind in ("after", "impact"):
            tx.insert(EvaluationAsk, booking_id=booking, person_id=ann.id, kind=kind, asked_at=NOW - timedelta(days=2))
        values = dict(kind="late", state="stands", appeal_by=NOW + timedelta(days=3), created_at=NOW)
        tx.insert(Consequence, booking_id=booking, person_id=ann.id, **values)
    page = sign_in(ann).get("/").text
    for said, link in (
        ("Three quick questions about Court skills", "evaluation/after"),
        ("Has it changed what you do? Court skills", "evaluation/impact"),
        ("You can give a reason or appeal: Court skills", "answer"),
    ):
        assert said in page and f'href="/bookings/{booking}/{link}"' in page
        assert sign_in(ann).get(f"/bookings/{booking}/{link}").status_code == 200
    assert "Nothing is waiting for you." in sign_in(bob).get("/").text
    with make.tx() as tx:
        tx.db.execute(update(EvaluationAsk).values(answered_at=NOW))
        tx.db.execute(update(Consequence).values(state="excused"))
    assert "Nothing is waiting for you." in sign_in(ann).get("/").text


def test_whoever_is_asked_to_learn_together_is_told_at_home(make: Make, sign_in: Any) -> None:
    ann, ben = make.person("Ann"), make.person("Ben Ash")
    with transaction(make.database, Actor("person", ben.id, ben.name, (("practitioner", None),)), writes=True) as tx:
        key = pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=ann.id)
    page = sign_in(ann).get("/").text
    assert "Ben Ash asks you to learn together" in page and f'href="/learning-together/pairs/{key}"' in page
    assert "asks you to learn" not in sign_in(ben).get("/").text
    with transaction(make.database, Actor("person", ann.id, ann.name, (("practitioner", None),)), writes=True) as tx:
        pairing.answer(tx, key, 1, accepted=True)
    assert "asks you to learn" not in sign_in(ann).get("/").text
