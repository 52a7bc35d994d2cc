"""Pages that join rooms: home, find learning, a course, my bookings, my team, sessions I deliver."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from app import policy
from app.bookings import demand, hand_over, words
from app.bookings import queries as bookings
from app.core.errors import NotFound
from app.core.tx import Tx
from app.desks import catalogue, circles, course_dates, queries
from app.desks.needs import needs
from app.doors import Page, Pages
from app.notifications import feed
from app.pathways.ahead import ahead
from app.policy import Can

pages = Pages()


@pages.get("/")
def home(tx: Tx, page: Page) -> Response:
    """What needs me, and what is next? The same shape for every role."""
    me = tx.actor.person_id or 0
    waiting, standing = needs(tx)
    trains = (policy.Reach.DELIVERED, None) in policy.terms(tx.actor, Can.READ_ROSTER)
    coming = [(row, "delivers") for row in queries.delivering(tx, most=5)] if trains else []
    coming += [(row, row.status) for row in bookings.coming(tx, me, 6)]
    coming.sort(key=lambda pair: pair[0].next_starts)
    return page.render(
        "desks/home.html",
        tags=words.tags(),
        needs=waiting,
        standing=standing,
        coming=coming[:6],
        share=circles.share(tx),
        assessed=circles.assessed(tx),
        step=ahead(tx, me),
        words=words,
        today=tx.today,
    )


@pages.get("/courses", can=Can.READ_CATALOGUE)
def find(tx: Tx, page: Page) -> Response:
    """Find learning."""
    filters = catalogue.Filters.read(page)
    number = max(page.number("page"), 1)
    rows, found = catalogue.search(tx, filters, number)
    last = max(-(-found // catalogue.PAGE), 1)
    return page.render(
        "desks/find.html",
        filters=filters,
        whom=bookings.whom(tx, filters.whom),
        options=catalogue.options(tx),
        choices=catalogue.choices,
        results=catalogue.results,
        courses=rows,
        found=found,
        number=number if number <= last else 1,
        last=last,
        words=words,
    )


@pages.get("/courses/{slug}", can=Can.READ_CATALOGUE)
def one_course(tx: Tx, page: Page, slug: str) -> Response:
    """What a course gives, what it asks for, and its dates."""
    course = catalogue.course(tx, slug)
    whom = bookings.whom(tx, page.query("for"))
    person_id = whom.id if whom else tx.actor.person_id
    dates = course_dates.dates(tx, course.id, person_id) if course.status == "published" else []
    around = catalogue.around(tx, course.id, person_id)
    obstacles = course_dates.obstacles(tx, dates, around["prerequisite"], person_id, you=whom is None)
    wanting = whom is None and course.status == "published" and course_dates.nothing_to_book(course, dates, tx.now)
    return page.render(
        "desks/course.html",
        course=course,
        dates=dates,
        choice=[row for row in dates if row.closes_at is None or row.closes_at > tx.now],
        listed=course_dates.listed(tx, dates, obstacles, whom.id if whom else None),
        around=around,
        whom=whom,
        wanting=wanting,
        asked=demand.since(tx, course.id) if wanting else None,
        told=page.query("told"),
        today=tx.today,
        words=words,
    )


@pages.get("/my-bookings")
def my_bookings(tx: Tx, page: Page) -> Response:
    """What the reader has booked, waits for, and did."""
    me = tx.actor.person_id or 0
    number = max(page.number("page"), 1)
    live = bookings.coming(tx, me)
    past = bookings.past(tx, me, (number - 1) * 25)
    found = past[0].found if past else 0
    return page.render(
        "desks/my_bookings.html",
        tags=words.tags(),
        coming=[row for row in live if row.status != "waiting"],
        waiting=[row for row in live if row.status == "waiting"],
        interests=demand.mine(tx),
        past=past,
        number=number,
        last=max(-(-found // 25), 1),
        words=words,
    )


@pages.get("/my-team", can=Can.BOOK)
def my_team(tx: Tx, page: Page) -> Response:
    """The people the reader answers for, with what they have booked and what is about to lapse; requests first."""
    number = max(page.number("page"), 1)
    whole = page.query("who") == "all"
    people = queries.team(tx, number, whole=whole)
    found = people[0].found if people else 0
    return page.render(
        "desks/my_team.html",
        requests=queries.to_approve(tx, whole=whole),
        members=queries.members(tx, people),
        leads=bookings.leads_line(tx),
        decided=_decided(tx, page.query("decided")),
        to_name=hand_over.to_name(tx),
        banner=hand_over.banner(page),
        whole=whole,
        found=found,
        number=number,
        last=max(-(-found // queries.TEAM_PAGE), 1),
        words=words,
        today=tx.today,
    )


def _decided(tx: Tx, given: str) -> Row[Any] | None:
    """The request that the reader has just decided."""
    if not given.isdecimal() or not given.isascii() or len(given) > 15:
        return None
    try:
        booking = bookings.booking(tx, int(given), Can.BOOK)
    except NotFound:
        return None
    return booking if booking.approval in ("granted", "refused") else None


@pages.get("/delivering", can=Can.READ_ROSTER)
def delivering(tx: Tx, page: Page) -> Response:
    """Sessions the reader delivers, with who is coming a step away."""
    return page.render("desks/delivering.html", coming=queries.delivering(tx), past=queries.delivered(tx), words=words)


@pages.get("/bookings/{booking_id:int}/calendar.ics")
def calendar_file(tx: Tx, page: Page, booking_id: int) -> Response:
    """The booked place as a calendar file: only for the person whose place it is, because it holds the joining link."""
    booking = bookings.booking(tx, booking_id)
    if booking.person_id != tx.actor.person_id or booking.status != "booked":
        raise NotFound("There is no calendar entry for that booking.", code="booking-not-found")
    text = feed.one_booking(tx, booking_id, page.settings)
    headers = {"content-disposition": f'attachment; filename="{booking.slug[:60]}.ics"'}
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)
