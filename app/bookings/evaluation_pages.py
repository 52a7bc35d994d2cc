"""Telling the Academy what a session was worth, and what everybody said about a course."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.bookings import evaluations
from app.bookings.operations import evaluate
from app.core import forms
from app.core.errors import NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import Course
from app.policy import Can

pages = Pages()
ASKS = {
    "after": {"useful": "How useful was it for your practice?", "answers": ("Not at all", "A little", "Fairly", "Very", "Extremely")},
    "impact": {
        "useful": "How much has it changed what you do?",
        "answers": ("Not at all", "A little", "Somewhat", "A good deal", "Very much"),
    },
}
CONFIDENCE = ("Not confident", "Slightly confident", "Fairly confident", "Confident", "Very confident")


def draw(tx: Tx, page: Page, booking_id: int, kind: str) -> Response:
    """The questions, as asked or as answered so far."""
    if kind not in ASKS:
        raise NotFound("There is no such question.")
    row = evaluate.asked(tx, booking_id, kind)
    about = tx.one(evaluations.ABOUT, session=row.session_id)
    return page.render("bookings/evaluate.html", ask=row, about=about, kind=kind, words=ASKS[kind], confidence=CONFIDENCE)


@pages.get("/bookings/{booking_id:int}/evaluation/{kind}")
def questions(tx: Tx, page: Page, booking_id: int, kind: str) -> Response:
    """Three short questions."""
    return draw(tx, page, booking_id, kind)


@pages.post("/bookings/{booking_id:int}/evaluation/{kind}", again=draw)
def answer(tx: Tx, page: Page, booking_id: int, kind: str) -> Response:
    """Keep the answer, without the name of whoever gave it."""
    if kind not in ASKS:
        raise NotFound("There is no such question.")
    given: dict[str, Any] = {name: forms.one_id(page.form, name) for name in ("useful", "before", "after")}
    evaluate.answer(tx, booking_id, kind, **given, comment=forms.text(page.form, "comment"))
    return page.go(f"/bookings/{booking_id}/evaluation/{kind}")


@pages.get("/manage/courses/{course_id:int}/evaluation", can=Can.WRITE_CATALOGUE)
def results(tx: Tx, page: Page, course_id: int) -> Response:
    """What people said, by session; small numbers are not shown."""
    course = tx.one(select(Course.id, Course.title).where(Course.id == course_id))
    if course is None:
        raise NotFound("There is no course with that reference.")
    found = {kind: evaluations.results(tx, course_id, kind) for kind in ASKS}
    return page.render("bookings/manage/evaluation.html", course=course, found=found, asks=ASKS)
