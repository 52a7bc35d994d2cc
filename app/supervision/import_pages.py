"""The coordinator's pages for dates of supervision from a file: send it, see what it would record, apply all of it or nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.core import sheet_pages
from app.core.sheets import MOST_BYTES
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.supervision.models import KINDS, PLACES, SupervisionImport
from app.supervision.operations import importing
from app.supervision.pages import beyond

pages = Pages()


def draw_upload(tx: Tx, page: Page) -> Response:
    """The form for a file, and the reader's latest ones."""
    columns = (SupervisionImport.id, SupervisionImport.file_name, SupervisionImport.staged_at, SupervisionImport.applied_at)
    mine = select(*columns).where(SupervisionImport.staged_by == tx.actor.person_id)
    return page.render(
        "supervision/import.html",
        imports=tx.rows(mine.order_by(SupervisionImport.id.desc()).limit(10)),
        kinds=KINDS,
        places=PLACES,
        most=importing.MOST_ROWS,
        megabytes=MOST_BYTES // 1024 // 1024,
        others=beyond(tx),
    )


@pages.get("/supervision/import", can=Can.IMPORT_SUPERVISION)
def upload_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page)


@pages.get("/supervision/import/columns.csv", can=Can.IMPORT_SUPERVISION)
def empty_file(tx: Tx, page: Page) -> Response:
    """A file with the headings and nothing else."""
    del tx
    return page.finish(sheet_pages.empty(importing.HEADINGS, "supervision"))


def _parsed(tx: Tx, page: Page) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file with the dates.")
    return name, importing.parse(content)


@pages.post("/supervision/import", can=Can.IMPORT_SUPERVISION, again=draw_upload, first=_parsed, uploads=True)
def upload(tx: Tx, page: Page) -> Response:
    """Keep the rows and show what they would record."""
    return page.go(f"/supervision/import/{importing.stage(tx, *page.found)}")


@pages.get("/supervision/import/{import_id:int}", can=Can.IMPORT_SUPERVISION)
def plan_page(tx: Tx, page: Page, import_id: int) -> Response:
    """What the file would record, and every cell that is wrong: a dry run, done anew each time the page is opened."""
    kept = importing.staged(tx, import_id)
    plan = importing.plan(tx, kept.rows) if kept.applied_at is None else None
    return page.render("supervision/import_plan.html", kept=kept, plan=plan, kinds=KINDS, recorded=page.query("recorded"))


def draw_apply(tx: Tx, page: Page, import_id: int) -> Response:
    """What will happen, before the button."""
    kept = importing.staged(tx, import_id)
    sheet_pages.once(kept)
    return page.render("supervision/import_apply.html", kept=kept, plan=importing.plan(tx, kept.rows))


@pages.get("/supervision/import/{import_id:int}/apply", can=Can.IMPORT_SUPERVISION)
def apply_page(tx: Tx, page: Page, import_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, import_id)


@pages.post("/supervision/import/{import_id:int}/apply", can=Can.IMPORT_SUPERVISION, again=draw_apply)
def apply(tx: Tx, page: Page, import_id: int) -> Response:
    """Record all of it, or nothing."""
    return page.go(f"/supervision/import/{import_id}", recorded=str(importing.apply_import(tx, import_id)))
