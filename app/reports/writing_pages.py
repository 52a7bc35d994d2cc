"""Pages on which a report is written: commentary, what people said and what was done, and when reports come by themselves."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.calendar import MONTHS
from app.core.errors import Changed, NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.policy import Can
from app.reports import access, content, delivery, operations
from app.reports.kinds import KINDS
from app.reports.models import LINE, WORDS

pages = Pages()
_AT = "/board-reports/{report_id:int}"


# Commentary --------------------------------------------------------------------------------------------------------


def draw_comment(tx: Tx, page: Page, report_id: int, about: str) -> Response:
    """The form with what stands, and beside it what the figures say."""
    row = operations.draft(tx, report_id)
    found = content.compose(tx, row)
    subjects = content.subjects(found)
    if about not in subjects:
        raise NotFound("The report has no such part.", code="part-not-found")
    there = content.comments(tx, report_id).get(about)
    overtaken = isinstance(page.problem, Changed)
    version = (there.version if there else 0) if overtaken or not page.form else forms.one_id(page.form, "version") or 0
    return page.render(
        "reports/comment.html",
        row=row,
        report=found,
        about=about,
        subject=subjects[about],
        measure=next((one for one in found["measures"] if f"measure-{one['code']}" == about), None),
        there=there,
        version=version,
        meanwhile=there if overtaken else None,
        most=WORDS,
    )


@pages.get(_AT + "/comments/{about}", can=Can.WRITE_BOARD_REPORTS)
def comment_form(tx: Tx, page: Page, report_id: int, about: str) -> Response:
    """Write about the whole, a theme or a measure."""
    return draw_comment(tx, page, report_id, about)


@pages.post(_AT + "/comments/{about}", can=Can.WRITE_BOARD_REPORTS, again=draw_comment)
def comment(tx: Tx, page: Page, report_id: int, about: str) -> Response:
    """It is saved."""
    subjects = content.subjects(content.compose(tx, operations.draft(tx, report_id)))
    version = forms.one_id(page.form, "version") or 0
    operations.comment(tx, report_id, about, text(page.form, "words"), decided(page.form), version=version, subjects=subjects)
    return page.go(f"/board-reports/{report_id}", said="saved")


# You said, we did --------------------------------------------------------------------------------------------------


def draw_new_reply(tx: Tx, page: Page, report_id: int) -> Response:
    """The form for a new entry."""
    return _reply_form(tx, page, report_id, None)


def draw_reply(tx: Tx, page: Page, report_id: int, number: int) -> Response:
    """The form with what an entry says."""
    return _reply_form(tx, page, report_id, number)


def _reply_form(tx: Tx, page: Page, report_id: int, number: int | None) -> Response:
    row = operations.draft(tx, report_id)
    there = None if number is None else operations.reply_of(tx, report_id, number)
    overtaken = isinstance(page.problem, Changed)
    version: Any = None
    if there is not None:
        version = there.version if overtaken or not page.form else forms.one_id(page.form, "version") or 0
    return page.render(
        "reports/reply.html",
        row=row,
        there=there,
        version=version,
        entry_key=page.value("entry_key") or secrets.token_hex(16),
        meanwhile=there if overtaken else None,
        most=LINE,
    )


@pages.get(_AT + "/replies/new", can=Can.WRITE_BOARD_REPORTS)
def new_reply(tx: Tx, page: Page, report_id: int) -> Response:
    """What people said, and what was done."""
    return draw_new_reply(tx, page, report_id)


@pages.post(_AT + "/replies/new", can=Can.WRITE_BOARD_REPORTS, again=draw_new_reply)
def add_reply(tx: Tx, page: Page, report_id: int) -> Response:
    """It is added."""
    given = (text(page.form, "said"), text(page.form, "did"), decided(page.form))
    operations.reply(tx, report_id, None, *given, entry_key=text(page.form, "entry_key"))
    return page.go(f"/board-reports/{report_id}", said="saved")


@pages.get(_AT + "/replies/{number:int}", can=Can.WRITE_BOARD_REPORTS)
def reply_form(tx: Tx, page: Page, report_id: int, number: int) -> Response:
    """Change an entry."""
    return draw_reply(tx, page, report_id, number)


@pages.post(_AT + "/replies/{number:int}", can=Can.WRITE_BOARD_REPORTS, again=draw_reply)
def change_reply(tx: Tx, page: Page, report_id: int, number: int) -> Response:
    """It is changed."""
    given = (text(page.form, "said"), text(page.form, "did"), decided(page.form))
    operations.reply(tx, report_id, number, *given, version=forms.one_id(page.form, "version") or 0)
    return page.go(f"/board-reports/{report_id}", said="saved")


@pages.post(_AT + "/replies/{number:int}/take-out", can=Can.WRITE_BOARD_REPORTS)
def take_out_reply(tx: Tx, page: Page, report_id: int, number: int) -> Response:
    """It should not be there."""
    operations.take_out_reply(tx, report_id, number)
    return page.go(f"/board-reports/{report_id}", said="gone")


# When reports come by themselves -----------------------------------------------------------------------------------


def draw_schedule(tx: Tx, page: Page) -> Response:
    """For each kind: when it is drafted, who owns it, and who is told besides the board's viewers."""
    organisation = _organisation(tx)
    kind = page.form.get("kind") if page.form else page.query("kind")
    kind = kind if kind in KINDS else "board"
    there = delivery.schedule_of(tx, organisation, kind)
    people, writers = delivery.could_read(tx, organisation), delivery.could_write(tx, organisation)
    named = [str(row.id) for row in delivery.readers(tx, there.id)] if there else []
    if not page.form:
        months = there.months.split() if there else [str(month) for month in KINDS[kind].months]
        page.form = {
            "months": months,
            "draft_on": str(there.draft_on if there else delivery.DRAFT_ON),
            "remind_on": str(there.remind_on if there else delivery.REMIND_ON),
            "owner": str(there.owner_id or "") if there else "",
            "runs": "yes" if there and there.runs else "",
            "readers": named,
            "version": str(there.version if there else 0),
        }
    return page.render(
        "reports/schedule.html",
        kind=kind,
        kinds=KINDS,
        months=[(str(n), name) for n, name in enumerate(MONTHS, 1)],
        chosen_months=forms.many(page.form, "months"),
        chosen_readers=forms.many(page.form, "readers"),
        people=[(str(row.id), row.name) for row in people],
        writers=[(str(row.id), row.name) for row in writers],
        told=delivery.recipients(tx, organisation, kind),
    )


def _organisation(tx: Tx) -> int:
    """The organisation whose reports the reader writes; of several the first."""
    places = access.organisations(tx, Can.WRITE_BOARD_REPORTS)
    if not places:
        raise NotFound("You write the reports of no organisation.", code="unit-not-found")
    return places[0][0]


@pages.get("/board-reports/schedule", can=Can.WRITE_BOARD_REPORTS)
def schedule(tx: Tx, page: Page) -> Response:
    """When reports come by themselves, and who is told."""
    return draw_schedule(tx, page)


@pages.post("/board-reports/schedule", can=Can.WRITE_BOARD_REPORTS, again=draw_schedule)
def set_schedule(tx: Tx, page: Page) -> Response:
    """It is set."""
    problems = Problems()
    days = {name: forms.number(page.form, name, "The working day", problems) for name in ("draft_on", "remind_on")}
    for name, number in days.items():
        if number is None and not any(error["field"] == name for error in problems.errors):
            problems.add(name, "Enter a working day of the month, from 1 to 20")
    problems.raise_any()
    wanted = delivery.Schedule(
        months=tuple(forms.ids(page.form, "months")),
        draft_on=days["draft_on"] or 0,
        remind_on=days["remind_on"] or 0,
        owner_id=forms.one_id(page.form, "owner"),
        runs=text(page.form, "runs") == "yes",
    )
    named = forms.ids(page.form, "readers")
    organisation = _organisation(tx)
    version = forms.one_id(page.form, "version") or 0
    delivery.set_schedule(tx, organisation, text(page.form, "kind"), wanted, named, version=version)
    return page.go("/board-reports", said="scheduled")
