"""Self check-in as pages: the code for the room's screen, and the field to type it in."""

from __future__ import annotations

from starlette.responses import Response

from app.bookings import registers
from app.bookings.operations import check_in
from app.core import forms
from app.core.errors import Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()


@pages.get("/sessions/{session_id:int}/code", can=Can.TAKE_REGISTER)
def code(tx: Tx, page: Page, session_id: int) -> Response:
    """The code that is good now, large enough for a room; it changes while it is shown."""
    session = registers.session(tx, session_id)
    registers.within(tx, session_id)
    part = next((part for part in registers.parts(tx, session_id) if part.ends_at > tx.now), None)
    opens = registers.opens(tx, part) if part is not None else None
    shows = session.secret is not None and part is not None and opens is not None and opens <= tx.now and session.register_at is None
    return page.render(
        "bookings/code.html",
        session=session,
        part=part,
        opens=opens,
        open=session.secret is not None,
        code=check_in.code_now(tx, session.secret, part.id) if shows and part is not None else None,
    )


@pages.post("/sessions/{session_id:int}/code", can=Can.TAKE_REGISTER, again=code)
def switch(tx: Tx, page: Page, session_id: int) -> Response:
    """Self check-in is opened or closed."""
    registers.session(tx, session_id)
    if forms.text(page.form, "do") == "close":
        check_in.close_check_in(tx, session_id)
    else:
        check_in.open_check_in(tx, session_id)
    return page.go(f"/sessions/{session_id}/code")


@pages.get("/check-in")
def ask(tx: Tx, page: Page, session_id: int | None = None) -> Response:
    """Type the code that the room shows."""
    around = check_in.open_to(tx, session_id)
    done = page.number("done", 0)
    return page.render(
        "bookings/check_in.html",
        around=[part for part in around if registers.opens(tx, part) <= tx.now < part.ends_at],
        done=next((part for part in around if part.part_id == done and part.mark == "present"), None),
        action=f"/sessions/{session_id}/check-in" if session_id else "/check-in",
    )


@pages.post("/check-in", again=ask)
def enter(tx: Tx, page: Page, session_id: int | None = None) -> Response:
    """They are marked as present; a wrong code is counted and asked for again."""
    typed = forms.text(page.form, "code")
    if not typed:
        raise Invalid("Enter the code.", errors=[{"field": "code", "message": "Enter the 6 digits that the room shows"}])
    part = check_in.check_in(tx, typed, session_id)
    if part is None:
        words = "This is not the code that the room shows now. It changes every minute or so: look again"
        page.problem = Invalid(f"{words}.", code="wrong-code", errors=[{"field": "code", "message": words}])
        return ask(tx, page, session_id)
    return page.go(f"/sessions/{session_id}/check-in" if session_id else "/check-in", done=part.part_id)


@pages.get("/sessions/{session_id:int}/check-in")
def ask_here(tx: Tx, page: Page, session_id: int) -> Response:
    """The same for one session, as its link in a message leads to it."""
    return ask(tx, page, session_id)


@pages.post("/sessions/{session_id:int}/check-in", again=ask_here)
def enter_here(tx: Tx, page: Page, session_id: int) -> Response:
    """The same for one session."""
    return enter(tx, page, session_id)
