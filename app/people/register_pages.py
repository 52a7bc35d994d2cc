"""Pages for those who watch registrations: dates that are near, and a file of the register to check people against."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.core import sheet_pages
from app.core.listing import PageNumbers
from app.core.sheets import MOST_BYTES
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.people import register
from app.people.models import IN_GOOD_STANDING, RegisterStatus
from app.people.register_models import RegisterCheck
from app.policy import Can

pages = Pages()
SOON = timedelta(days=60)


@pages.get("/registrations", can=Can.CHECK_REGISTER)
def watched(tx: Tx, page: Page) -> Response:
    """Whose registration needs a look, as far as is recorded here."""
    numbers = PageNumbers(0, page.number("page"))
    rows = tx.rows(register.watched(tx, tx.today + SOON).offset((numbers.asked - 1) * numbers.size).limit(numbers.size))
    page.took("registrations.viewed", "people", rows=len(rows))
    return page.render(
        "people/registrations.html",
        rows=rows,
        numbers=PageNumbers(rows[0].total if rows else 0, page.number("page")),
        link=lambda n: url("/registrations", page=n),
        good=IN_GOOD_STANDING,
        today=tx.today,
        soon=tx.today + SOON,
    )


def draw_upload(tx: Tx, page: Page) -> Response:
    """The form for a file, and the reader's latest ones."""
    columns = (RegisterCheck.id, RegisterCheck.file_name, RegisterCheck.sent_at, RegisterCheck.applied_at)
    mine = select(*columns).where(RegisterCheck.sent_by == tx.actor.person_id).order_by(RegisterCheck.id.desc()).limit(10)
    return page.render(
        "people/register_upload.html",
        files=tx.rows(mine),
        most=register.MOST_ROWS,
        megabytes=MOST_BYTES // 1024 // 1024,
        statuses=[each.value for each in RegisterStatus],
    )


@pages.get("/registrations/check", can=Can.CHECK_REGISTER)
def upload_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page)


@pages.get("/registrations/check/columns.csv", can=Can.CHECK_REGISTER)
def empty_file(tx: Tx, page: Page) -> Response:
    """A file with the headings and nothing else."""
    del tx
    return page.finish(sheet_pages.empty(register.HEADINGS, "register"))


def _parsed(tx: Tx, page: Page) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file with the registrations.")
    return name, register.parse(content)


@pages.post("/registrations/check", can=Can.CHECK_REGISTER, again=draw_upload, first=_parsed, uploads=True)
def upload(tx: Tx, page: Page) -> Response:
    """Keep the rows and show what differs."""
    return page.go(f"/registrations/check/{register.keep(tx, *page.found)}")


@pages.get("/registrations/check/{check_id:int}", can=Can.CHECK_REGISTER)
def compared(tx: Tx, page: Page, check_id: int) -> Response:
    """What the register says against what is held here: a dry run, done anew each time the page is opened."""
    kept = register.kept(tx, check_id)
    plan = register.plan(tx, kept.rows) if kept.applied_at is None else None
    return page.render("people/register_plan.html", kept=kept, plan=plan)


def draw_apply(tx: Tx, page: Page, check_id: int) -> Response:
    """What will happen, before the button."""
    kept = register.kept(tx, check_id)
    sheet_pages.once(kept, "file-applied")
    return page.render("people/register_apply.html", kept=kept, plan=register.plan(tx, kept.rows))


@pages.get("/registrations/check/{check_id:int}/apply", can=Can.CHECK_REGISTER)
def apply_page(tx: Tx, page: Page, check_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, check_id)


@pages.post("/registrations/check/{check_id:int}/apply", can=Can.CHECK_REGISTER, again=draw_apply)
def apply(tx: Tx, page: Page, check_id: int) -> Response:
    """Take over all of it, or nothing."""
    register.apply(tx, check_id)
    return page.go(f"/registrations/check/{check_id}")
