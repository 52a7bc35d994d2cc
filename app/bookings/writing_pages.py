"""Writing to everyone on a session: the words, how many it goes to, then the button."""

from __future__ import annotations

from starlette.responses import Response

from app import policy
from app.bookings import queries
from app.bookings.operations import writing
from app.core import forms
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
FIELDS = ("subject", "body", "whom")


def draw(tx: Tx, page: Page, session_id: int) -> Response:
    """The form with what was typed, and what was written before."""
    numbers = writing.how_many(tx, session_id)
    session = queries.session(tx, session_id)
    if not page.form:
        page.form = {"whom": "seated" if numbers["seated"] or not numbers["waiting"] else "waiting"}
    return page.render(
        "bookings/write.html",
        session=session,
        numbers=numbers,
        whom=writing.WHOM,
        limits=(writing.SUBJECT[1], writing.BODY[1]),
        written=writing.written(tx, session_id),
        sent=page.number("sent", 0),
        manages=policy.may(tx.actor, Can.MANAGE_SESSIONS),
    )


@pages.get("/sessions/{session_id:int}/write", can=Can.WRITE_TO_SESSION)
def write_form(tx: Tx, page: Page, session_id: int) -> Response:
    """Subject, words and to whom."""
    return draw(tx, page, session_id)


@pages.post("/sessions/{session_id:int}/write", can=Can.WRITE_TO_SESSION, again=draw)
def write(tx: Tx, page: Page, session_id: int) -> Response:
    """First the words as they will be sent and to how many; with the second button they are sent."""
    subject, body, whom = (forms.text(page.form, name) for name in FIELDS)
    if forms.text(page.form, "then") == "send":
        sent = writing.write_to_session(tx, session_id, subject, body, whom)
        return page.go(f"/sessions/{session_id}/write", sent=sent)
    numbers = writing.how_many(tx, session_id)
    if forms.text(page.form, "then") == "change":
        return draw(tx, page, session_id)
    subject, body = writing.checked(subject, body, whom)
    return page.render(
        "bookings/write_check.html",
        session=queries.session(tx, session_id),
        subject=subject,
        body=body,
        chosen=whom,
        whom=writing.WHOM,
        number=numbers[whom],
        writer=tx.actor.name,
    )
