"""The register as pages: taking it, finishing it, putting it right, adding somebody, and the sheet for paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from starlette.responses import JSONResponse, Response

from app.bookings import registers, words
from app.bookings.operations import attend, register, walk_in
from app.bookings.operations.attend import Mark
from app.core import forms
from app.core.errors import Conflict, Invalid
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
MOST_SENT = 500  # marks in one sending of a phone
FINISH = {"absent": "They did not come", "present": "They were there"}


def _part(tx: Tx, page: Page, parts: Sequence[Row[Any]]) -> Row[Any]:
    """The part that the address names by its number; else the one going on or next, else the last."""
    asked = page.number("part", 0) or forms.one_id(page.form, "number") or 0
    if 1 <= asked <= len(parts):
        return parts[asked - 1]
    return next((part for part in parts if part.ends_at > tx.now), parts[-1])


@pages.get("/sessions/{session_id:int}/register", can=Can.TAKE_REGISTER)
def take(tx: Tx, page: Page, session_id: int) -> Response:
    """Everybody with a place, with a mark for one part. Names alone are working information and leave no trail."""
    session, parts = registers.session(tx, session_id), registers.parts(tx, session_id)
    part = _part(tx, page, parts)
    asked = page.number("page", 1)
    people = registers.people(tx, session_id, part.id, skip=(max(asked, 1) - 1) * registers.PAGE)
    found = people[0].found if people else 0
    numbers = PageNumbers(found, asked, registers.PAGE)
    marked = registers.marked(tx, session_id)
    context: dict[str, Any] = dict(
        session=session,
        parts=parts,
        part=part,
        number=list(parts).index(part) + 1,
        opens=registers.opens(tx, part),
        people=people,
        numbers=numbers,
        found=found,
        marked=marked,
        words=words,
        now=tx.now,
    )
    imported = bool(people) and all(row.status != "booked" for row in people)
    if session.register_at is not None or session.status == "cancelled" or imported:
        return page.render("bookings/register_done.html", saved=page.query("saved"), **context)
    return page.render(
        "bookings/register.html",
        marks=registers.MARKS,
        reasons=registers.reasons(tx),
        shown=" ".join(f"{row.id}:{row.mark}:{row.reason_code or ''}" for row in people if row.mark),
        saved=page.query("saved") == "yes",
        added=page.query("added") == "yes",
        **context,
    )


@pages.post("/sessions/{session_id:int}/register", can=Can.TAKE_REGISTER, again=take)
def save(tx: Tx, page: Page, session_id: int) -> Response:
    """A whole form, from a browser without the script. What was not changed on it is not sent: another phone may have marked it since."""
    parts = registers.parts(tx, session_id)
    registers.session(tx, session_id)
    part = _part(tx, page, parts)
    before = dict(line.partition(":")[::2] for line in forms.text(page.form, "shown").split())
    marks = []
    for name in page.form:
        key = name.removeprefix("m-")
        if name == key or not key.isdecimal() or len(key) > 15:
            continue
        said, reason = forms.text(page.form, name), forms.text(page.form, f"r-{key}")
        if before.get(key) != f"{said}:{reason if said == 'absent' else ''}":
            marks.append(Mark(int(key), part.id, said, tx.now, reason if said == "absent" else None))
    attend.mark(tx, session_id, marks)
    return page.go(f"/sessions/{session_id}/register", part=list(parts).index(part) + 1, page=forms.one_id(page.form, "page"), saved="yes")


def _refused(tx: Tx, page: Page, session_id: int) -> Response:  # noqa: ARG001
    """To the script: why marks were not taken."""
    assert page.problem is not None
    return page.finish(JSONResponse({"code": page.problem.code, "message": page.problem.message}, page.problem.status))


@pages.post("/sessions/{session_id:int}/register/marks", can=Can.TAKE_REGISTER, again=_refused)
def send(tx: Tx, page: Page, session_id: int) -> Response:
    """Marks that a phone has kept, as a JSON list of [booking, part, mark, milliseconds since 1970, reason]; answers in JSON."""
    made = attend.mark(tx, session_id, _sent(forms.text(page.form, "marks")))
    return page.finish(JSONResponse({"kept": made.kept, "overtaken": made.overtaken, "gone": made.gone}))


def _sent(text: str) -> list[Mark]:
    """Marks as the script sends them, or Invalid."""
    wrong = Invalid("These are not marks of a register.", code="not-a-mark")
    try:
        rows = json.loads(text or "[]")
        if not isinstance(rows, list) or len(rows) > MOST_SENT:
            raise wrong
        return [_one(row) for row in rows]
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        raise wrong from None


def _one(row: Any) -> Mark:
    booking, part, said, at, reason = row
    known = isinstance(booking, int) and isinstance(part, int) and isinstance(said, str) and isinstance(at, int | float)
    if not known or not (reason is None or isinstance(reason, str)) or not 0 < booking < 2**53 or not 0 < part < 2**53:
        raise ValueError
    return Mark(booking, part, said, datetime.fromtimestamp(at / 1000, UTC), reason)


# Finishing ---------------------------------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}/register/finish", can=Can.TAKE_REGISTER)
def ask_to_finish(tx: Tx, page: Page, session_id: int) -> Response:
    """What finishing means, and what people without a mark count as."""
    session, parts = registers.session(tx, session_id), registers.parts(tx, session_id)
    people = registers.people(tx, session_id, parts[0].id, most=None)
    lacking = registers.unmarked(tx, session_id)
    return page.render(
        "bookings/register_finish.html",
        session=session,
        people=people,
        lacking=[row for row in people if row.id in lacking],
        over=session.ends_at <= tx.now,
        choices=FINISH.items(),
    )


@pages.post("/sessions/{session_id:int}/register/finish", can=Can.TAKE_REGISTER, again=ask_to_finish)
def finish(tx: Tx, page: Page, session_id: int) -> Response:
    """The register is finished; people are told."""
    rest = forms.text(page.form, "rest")
    over = registers.session(tx, session_id).ends_at <= tx.now  # before that the operation refuses, whatever was chosen
    if not rest and over and registers.unmarked(tx, session_id):
        message = "Choose whether people without a mark were there"
        raise Invalid(f"{message}.", errors=[{"field": "rest", "message": message}])
    register.finish_register(tx, session_id, rest=rest or "absent")
    return page.go(f"/sessions/{session_id}/register", saved="finished")


@pages.get("/sessions/{session_id:int}/register/{booking_id:int}", can=Can.TAKE_REGISTER)
def ask_to_put_right(tx: Tx, page: Page, session_id: int, booking_id: int) -> Response:
    """One person's marks on a finished register."""
    session, line = registers.session(tx, session_id), registers.one(tx, session_id, booking_id)
    return page.render(
        "bookings/register_change.html",
        session=session,
        line=line,
        parts=registers.parts(tx, session_id),
        noted=registers.marks_of(tx, booking_id),
        marks=registers.MARKS,
        reasons=registers.reasons(tx),
        words=words,
    )


@pages.post("/sessions/{session_id:int}/register/{booking_id:int}", can=Can.TAKE_REGISTER, again=ask_to_put_right)
def put_right(tx: Tx, page: Page, session_id: int, booking_id: int) -> Response:
    """The marks are changed, and what follows from them."""
    registers.session(tx, session_id)
    parts = registers.parts(tx, session_id)
    register.put_right(tx, session_id, booking_id, _changed(page.form, parts), forms.text(page.form, "reason"))
    return page.go(f"/sessions/{session_id}/register", saved="changed")


def _changed(form: Mapping[str, Any], parts: Any) -> dict[int, tuple[str, str | None]]:
    typed = dict(form)
    found = {part.id: (forms.text(typed, f"m-{part.id}"), forms.text(typed, f"r-{part.id}")) for part in parts}
    return {part: (said, why if said != "present" else None) for part, (said, why) in found.items()}


# Somebody who turned up, and paper -----------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}/register/add", can=Can.TAKE_REGISTER)
def ask_to_add(tx: Tx, page: Page, session_id: int) -> Response:
    """Somebody turned up without a place."""
    session = registers.session(tx, session_id)
    registers.within(tx, session_id)
    return page.render("bookings/register_add.html", session=session)


@pages.post("/sessions/{session_id:int}/register/add", can=Can.TAKE_REGISTER, again=ask_to_add)
def add(tx: Tx, page: Page, session_id: int) -> Response:
    """They get a free place, if one is."""
    registers.session(tx, session_id)
    typed = forms.text(page.form, "who")
    if not typed:
        message = "Enter their work e-mail or employee number"
        raise Invalid(f"{message}.", errors=[{"field": "who", "message": message}])
    walk_in.walk_in(tx, session_id, walk_in.named(tx, session_id, typed))
    return page.go(f"/sessions/{session_id}/register", added="yes")


@pages.get("/sessions/{session_id:int}/sheet", can=Can.TAKE_REGISTER)
def sheet(tx: Tx, page: Page, session_id: int) -> Response:
    """The register for paper: a line for each person, a box for each part."""
    session, parts = registers.session(tx, session_id), registers.parts(tx, session_id)
    if session.status == "cancelled":
        raise Conflict("This session has been cancelled, so it has no register.", code="session-cancelled")
    people = registers.people(tx, session_id, parts[0].id, most=None)
    return page.render("bookings/sheet.html", session=session, parts=parts, people=people, words=words)
