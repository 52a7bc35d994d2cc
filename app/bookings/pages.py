"""One session, booking it, one booking, and the roster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from app import policy
from app.bookings import approvals, charges, kept, operations, queries, rosters, rules, words
from app.bookings.operations import consequences
from app.bookings.terms import policy as figures
from app.core.errors import Invalid, NotFound
from app.core.text import plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
FOLLOWED = ("cancelled", "did not attend", "excused")  # states after which there may be a charge
SEES_LINK = ("booked", "attended", "partly attended")  # whose joining link it is; those who still wait do not have it


# A session ---------------------------------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}", can=Can.READ_CATALOGUE)
def one_session(tx: Tx, page: Page, session_id: int) -> Response:
    """When, where, with whom, and whether the reader can book it: the reasons why not come before any button."""
    whom = queries.whom(tx, page.query("for"))
    person_id = whom.id if whom else tx.actor.person_id or 0
    session = queries.session(tx, session_id, person_id)
    mine = queries.live(tx, session_id, person_id)
    delivers = queries.delivers(tx, session_id)
    manages = policy.may(tx.actor, Can.MANAGE_SESSIONS)
    blocked, notes = _reasons(tx, session, person_id, you=whom is None) if mine is None else ([], [])
    label, closed = words.action(session, tx.now)
    return page.render(
        "bookings/session.html",
        session=session,
        whom=whom,
        you=whom is None,
        now=tx.now,
        quotas=kept.of_rows(tx, [session]).get(session_id, []),
        meetings=queries.meetings(tx, session_id),
        mine=mine,
        shows_link=_shows_link(
            tx, session.ends_at, delivers or manages or (mine is not None and whom is None and mine.status in SEES_LINK)
        ),
        blocked=blocked,
        notes=notes,
        label=label,
        closed=closed,
        words=words,
        for_others=queries.may_book_others(tx) and session.starts_at > tx.now and session.status == "published",
        roster=delivers or _widely(tx, Can.READ_ROSTER),
        register=session.status == "published" and (delivers or _widely(tx, Can.TAKE_REGISTER)),
    )


def _shows_link(tx: Tx, ends_at: datetime, theirs: bool) -> bool | None:
    """Is the joining link for the reader? None once the session is over: it is for nobody, and nobody is told who would see it."""
    return theirs if ends_at >= tx.now else None


def _reasons(tx: Tx, session: Row[Any], person_id: int, *, you: bool) -> tuple[list[rules.Reason], list[rules.Reason]]:
    """What refuses, and what is only worth knowing."""
    found = rules.facts(tx, session, person_id)
    every = list(rules.reasons(tx, session, person_id, found, you=you, tell=True))
    return [reason for reason in every if reason.blocks], [reason for reason in every if not reason.blocks]


# Booking -----------------------------------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}/book", can=Can.BOOK)
def check(tx: Tx, page: Page, session_id: int) -> Response:
    """Check answers before confirming; `?who=` finds somebody else to book for, `?person=` is the one chosen."""
    session = queries.session(tx, session_id, _named(page))
    others = queries.may_book_others(tx)
    if others and "who" in page.request.query_params and not page.form:
        asked = page.query("who")
        people = queries.candidates(tx, asked)
        return page.render("bookings/who.html", session=session, asked=asked, people=people)
    person = policy.person(tx, Can.BOOK, _whom(page))
    you = person.id == tx.actor.person_id
    mine = queries.live(tx, session_id, person.id)
    blocked, notes = _reasons(tx, session, person.id, you=you)
    label, _ = words.action(session, tx.now)
    approve = _asked(tx, session, person.id)
    if approve is None and label == "Ask for a place":
        label = "Book a place"  # whoever could approve it has approved it by booking
    return page.render(
        "bookings/book.html",
        session=session,
        meetings=queries.meetings(tx, session_id),
        person=person,
        whom=None if you else person,
        you=you,
        now=tx.now,
        asked=approve,
        late_from=consequences.late_from(session, session.late_days),
        mine=mine,
        others=others,
        needs=person.access_needs if policy.reaches(tx, Can.READ_ACCESS_NEEDS, person.id) else None,
        sees_needs=policy.reaches(tx, Can.READ_ACCESS_NEEDS, person.id),
        blocked=blocked,
        notes=notes,
        label=label,
        words=words,
    )


def _asked(tx: Tx, session: Row[Any], person_id: int) -> list[approvals.Approver] | None:
    """Who will answer the request, an empty list for the Academy; None where nobody has to."""
    if not session.needs_approval:
        return None
    rule = approvals.rule(tx, session.course_id)
    return None if approvals.may_decide(tx, person_id, rule) else approvals.asked(tx, person_id, rule.approver)


@pages.post("/sessions/{session_id:int}/book", can=Can.BOOK, again=check)
def book(tx: Tx, page: Page, session_id: int) -> Response:
    """Confirmed: a place, a request or a turn; the booking's own page says which."""
    made = operations.book(tx, session_id, _whom(page))
    return page.go(f"/bookings/{made.id}", made="yes")


def _named(page: Page) -> int | None:
    """The person chosen, as far as the address says one."""
    given = page.query("person")
    return int(given) if given.isdecimal() and given.isascii() and len(given) <= 15 else None


def _whom(page: Page) -> int:
    """The person chosen, in the form or the address; the reader when nobody is."""
    given = page.form.get("person") or page.query("person")
    if not given:
        return page.actor.person_id or 0
    if not isinstance(given, str) or not given.isdecimal() or not given.isascii() or len(given) > 15:
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    return int(given)


# One booking -------------------------------------------------------------------------------------------------------


@pages.get("/bookings/{booking_id:int}")
def one_booking(tx: Tx, page: Page, booking_id: int) -> Response:
    """What became of a booking, what happens next, and how it came about."""
    booking = queries.booking(tx, booking_id)
    page.saw("booking.viewed", booking.person_id)
    you = booking.person_id == tx.actor.person_id
    history = queries.history(tx, booking_id)
    return page.render(
        "bookings/booking.html",
        booking=booking,
        you=you,
        made=page.query("made") == "yes",
        asked=approvals.asked(tx, booking.person_id, booking.approver) if _pending(booking) else [],
        late_from=consequences.late_from(booking, booking.late_days) if booking.status == "booked" else None,
        charge=charges.of(tx, booking_id) if booking.status in FOLLOWED else None,
        answered=page.query("answered"),
        decided=booking if page.query("decided") == "yes" and booking.approval in ("granted", "refused") else None,
        ended=_ended(history) if booking.status == "cancelled" else None,
        action=next((row.action for row in reversed(history) if row.state is not None), ""),
        open=words.offer_open(booking, tx.now),
        answerable=you or policy.reaches(tx, Can.BOOK, booking.person_id),
        meetings=queries.meetings(tx, booking.session_id),
        shows_link=_shows_link(tx, booking.ends_at, you and booking.status in SEES_LINK),
        history=[_line(tx, row, booking) for row in history],
        now=tx.now,
        cancellable=_cancellable(tx, booking) and policy.reaches(tx, Can.CANCEL_BOOKING, booking.person_id),
        decidable=_decidable(tx, booking),
        words=words,
    )


def _line(tx: Tx, row: Row[Any], booking: Row[Any]) -> dict[str, Any]:
    """One line of the history: who (to begin a sentence) did what."""
    person = row.actor_kind in ("person", "link")
    who = "You" if person and row.actor_id == tx.actor.person_id else row.actor
    if who is None:
        who = "Another system" if row.actor_kind == "client" else "The Academy"
    name = "you" if booking.person_id == tx.actor.person_id else booking.name
    what = words.happened(row.action, row.state, name=name, own=person and row.actor_id == booking.person_id)
    return dict(at=row.at, what=what, who=who, reason=(row.facts or {}).get("reason", ""))


def _ended(history: Sequence[Row[Any]]) -> dict[str, Any] | None:
    """How somebody gave the booking up: `was` its state before, `late` whether it counts so; None where the session was cancelled."""
    last = next((row for row in reversed(history) if row.state == "cancelled"), None)
    if last is None or last.action != "booking.cancelled":
        return None
    facts = last.facts or {}
    return dict(was=facts.get("was", "booked"), late=bool(facts.get("late")))


def _pending(booking: Row[Any]) -> bool:
    return booking.approval == "pending" and booking.status in ("requested", "waiting", "offered")


def _decidable(tx: Tx, booking: Row[Any]) -> bool:
    """May the reader answer this request now?"""
    rule = approvals.Rule(booking.approver, None)
    return _pending(booking) and approvals.may_decide(tx, booking.person_id, rule) and policy.reaches(tx, Can.BOOK, booking.person_id)


def _cancellable(tx: Tx, booking: Row[Any]) -> bool:
    return booking.status in ("requested", "waiting", "offered", "booked") and booking.starts_at > tx.now


@pages.get("/bookings/{booking_id:int}/cancel", can=Can.CANCEL_BOOKING)
def ask_to_cancel(tx: Tx, page: Page, booking_id: int) -> Response:
    """What cancelling means, and why it is done."""
    booking = queries.booking(tx, booking_id, Can.CANCEL_BOOKING)
    page.saw("booking.viewed", booking.person_id)
    return page.render(
        "bookings/cancel.html",
        booking=booking,
        you=booking.person_id == tx.actor.person_id,
        cancellable=_cancellable(tx, booking),
        late=consequences.is_late(tx, booking, booking),
        late_from=consequences.late_from(booking, booking.late_days),
        pence=consequences.charge(figures(tx).late_charge, figures(tx).late_pence, booking.cost_pence),
        reasons=charges.cancel_reasons(tx),
        words=words,
    )


@pages.post("/bookings/{booking_id:int}/cancel", can=Can.CANCEL_BOOKING, again=ask_to_cancel)
def cancel(tx: Tx, page: Page, booking_id: int) -> Response:
    """The place or turn is given up."""
    if not _text(page, "reason_code"):
        raise Invalid("Say why.", errors=[{"field": "reason_code", "message": "Choose a reason"}])
    operations.cancel(tx, booking_id, _text(page, "reason"), _text(page, "reason_code"))
    return page.go(f"/bookings/{booking_id}")  # which says what happens next


@pages.get("/bookings/{booking_id:int}/decide", can=Can.BOOK)
def ask_to_decide(tx: Tx, page: Page, booking_id: int) -> Response:
    """A request, with its cost and the cover in sight."""
    booking = queries.booking(tx, booking_id, Can.BOOK)
    page.saw("booking.viewed", booking.person_id)
    return page.render(
        "bookings/decide.html",
        booking=booking,
        meetings=queries.meetings(tx, booking.session_id),
        away=queries.away(tx, booking),
        decidable=_decidable(tx, booking),
        words=words,
    )


@pages.post("/bookings/{booking_id:int}/decide", can=Can.BOOK, again=ask_to_decide)
def decide(tx: Tx, page: Page, booking_id: int) -> Response:
    """The request is approved or refused."""
    queries.booking(tx, booking_id, Can.BOOK)
    decision = page.form.get("decision")
    if decision not in ("approve", "refuse"):
        raise Invalid("Say what you decide.", errors=[{"field": "decision", "message": "Choose whether to approve this place"}])
    operations.decide(tx, booking_id, decision == "approve", _text(page, "reason"))
    if queries.leads_line(tx):
        return page.go("/my-team", decided=booking_id)  # where the next request waits
    return page.go(f"/bookings/{booking_id}", decided="yes")


def _text(page: Page, name: str) -> str:
    given = page.form.get(name, "")
    return given if isinstance(given, str) else ""


# The roster --------------------------------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}/roster", can=Can.READ_ROSTER)
def roster(tx: Tx, page: Page, session_id: int) -> Response:
    """Who is on a session. Names alone are working information and leave no trail; access needs, shown only on asking, do."""
    session = queries.session(tx, session_id)
    everyone = rosters.roster(tx, session_id)
    reserved = rosters.reserved(tx, session_id) if session.held + session.waiting > len(everyone) else []
    waiting = sorted((row for row in everyone if row.status == "waiting"), key=lambda row: (row.priority, row.turn))
    seated = [row for row in everyone if row.status != "waiting"]
    shows_needs = page.query("needs") == "show" and policy.may(tx.actor, Can.READ_ACCESS_NEEDS)
    may_see_needs = _widely(tx, Can.READ_ACCESS_NEEDS)
    needs = rosters.access_needs(tx, session_id, everyone, whole=shows_needs) if shows_needs or may_see_needs else []
    for row in needs if shows_needs else ():
        page.saw("access_needs.viewed", row.id)
    classes, today = len({row.priority for row in waiting}) > 1, tx.today
    return page.render(
        "bookings/roster.html",
        session=session,
        meetings=queries.meetings(tx, session_id),
        seated=seated,
        waiting=waiting,
        reserved=reserved,
        unseen=session.held + session.waiting - len(everyone) - sum(row.places for row in reserved),
        seated_lines=[rosters.seated_line(row, today) for row in seated],
        waiting_lines=[rosters.waiting_line(number, row, today, classes=classes) for number, row in enumerate(waiting, 1)],
        needs=needs,
        shows_needs=shows_needs,
        may_see_needs=may_see_needs,
        manages=policy.may(tx.actor, Can.MANAGE_SESSIONS),
        writes=policy.may(tx.actor, Can.WRITE_TO_SESSION),
        opens_bookings=_widely(tx, Can.READ_BOOKINGS),
        free=session.capacity > session.held and session.starts_at > tx.now and session.status == "published",
        given=page.query("given"),
        words=words,
        plural=plural,
    )


def _widely(tx: Tx, can: Can) -> bool:
    """Does `can` reach a part of the organisation, or all of it?"""
    return any(reach in (policy.Reach.SCOPE, policy.Reach.ALL) for reach, _ in policy.terms(tx.actor, can))


@pages.post("/sessions/{session_id:int}/give", can=Can.MANAGE_SESSIONS, again=roster)
def give(tx: Tx, page: Page, session_id: int) -> Response:
    """The free place goes to whoever is next."""
    operations.give_next(tx, session_id)
    return page.go(f"/sessions/{session_id}/roster", given="yes")
