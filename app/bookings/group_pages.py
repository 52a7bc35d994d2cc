"""Book several people on one session: choose them, see what would become of each, confirm."""

from __future__ import annotations

import re

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.bookings import queries, words
from app.bookings.models import Session
from app.bookings.operations import group
from app.core import forms
from app.core.errors import Forbidden
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people.models import Person
from app.policy import Can

pages = Pages()


@pages.get("/sessions/{session_id:int}/group", can=Can.BOOK)
def choose(tx: Tx, page: Page, session_id: int) -> Response:
    """One's own people, or anybody in reach by name; those already ticked stay ticked from one search to the next."""
    if not queries.may_book_others(tx):
        raise Forbidden("Only managers and the Academy can book for several people.", code="cannot-book-others")
    session = queries.session(tx, session_id)
    asked = page.query("who") or forms.text(page.form, "who")
    given = page.request.query_params.getlist("people") or forms.many(page.form, "people")
    chosen = [int(key) for key in given if re.fullmatch(r"\d{1,15}", key)][: group.MOST]
    found = queries.candidates(tx, asked)
    reach = policy.within_reach(tx, Can.BOOK, Person.id)
    ticked = tx.rows(select(Person.id, Person.name).where(Person.id.in_(chosen), reach).order_by(Person.sort_name)) if chosen else []
    return page.render(
        "bookings/group.html",
        session=session,
        asked=asked,
        ticked=ticked,
        found=[row for row in found if row.id not in {one.id for one in ticked}],
        most=group.MOST,
        words=words,
    )


@pages.post("/sessions/{session_id:int}/group", can=Can.BOOK, again=choose)
def book(tx: Tx, page: Page, session_id: int) -> Response:
    """First only what would become of each; once confirmed, what became of them."""
    session = queries.session(tx, session_id)
    people = forms.ids(page.form, "people")
    done = forms.text(page.form, "confirmed") == "yes"
    lines = group.book_group(tx, session_id, people) if done else group.preview(tx, tx.get(Session, session_id), people)
    return page.render(
        "bookings/group_check.html",
        session=session,
        meetings=queries.meetings(tx, session_id),
        lines=lines,
        booked=[line for line in lines if line.status is not None],
        done=done,
        words=words,
    )
