"""Portfolios in flight: send the file, see line by line what it would do, then all of it or nothing."""

from __future__ import annotations

from sqlalchemy import select
from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.core import sheet_pages
from app.core.files import store_of
from app.core.sheets import SheetRefused
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes import moving_in_file
from app.programmes.moving_in_file import HEADINGS, Sent
from app.programmes.operations import moving_in
from app.programmes.portfolio_models import PortfolioImport

pages = Pages()
COLUMNS = (
    ("Person", "Employee number or Social Work England number; on every line", True),
    ("Cohort", "Its name; on the first line of each person", True),
    ("Start date", "Like 8/12/2025, day first; on the first line of each person", True),
    ("Assessor", "Employee number or work e-mail address", False),
    ("Line manager", "Employee number or work e-mail address", False),
    ("Stage", "The code of a stage that is done", False),
    ("Held on", "The day of its review", False),
    ("Document", "The code of a document that is complete on paper", False),
    ("File", "Its name in the ZIP: PDF or Word", False),
    ("Signed by", "Who signed the paper as what on which day: assessor: Ann Example, 1/3/2026; nqsw: Bea Example, 2/3/2026", False),
)


@pages.get("/cohorts/import", can=Can.MANAGE_ENROLMENTS)
def upload_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent, what it holds, and the reader's latest ones."""
    mine = select(PortfolioImport.id, PortfolioImport.name, PortfolioImport.made_at, PortfolioImport.applied_at)
    rows = tx.rows(mine.where(PortfolioImport.made_by == tx.actor.person_id).order_by(PortfolioImport.id.desc()).limit(10))
    return page.render("programmes/moving_in/upload.html", imports=rows, columns=COLUMNS, most=moving_in_file.MOST_ROWS)


@pages.get("/cohorts/import/columns.csv", can=Can.MANAGE_ENROLMENTS)
def empty_file(tx: Tx, page: Page) -> Response:
    """A table with the headings and nothing else."""
    del tx
    return page.finish(sheet_pages.empty(HEADINGS, "portfolios"))


def _read(tx: Tx, page: Page) -> Sent:
    """Take in the files before the writer's turn is taken."""
    del tx
    upload = page.form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise SheetRefused("Choose the file with the portfolios.")
    return moving_in_file.read(upload.file, upload.filename, store_of(page.settings))


@pages.post("/cohorts/import", can=Can.MANAGE_ENROLMENTS, again=upload_form, first=_read, uploads=True)
def upload(tx: Tx, page: Page) -> Response:
    """Keep it and show what it would do."""
    return page.go(f"/cohorts/import/{moving_in.stage(tx, page.found)}")


@pages.get("/cohorts/import/{import_id:int}", can=Can.MANAGE_ENROLMENTS)
def plan_page(tx: Tx, page: Page, import_id: int) -> Response:
    """A dry run, done anew each time the page is opened."""
    kept = moving_in.staged(tx, import_id)
    plan = moving_in.planned(tx, kept) if kept.applied_at is None else None
    return page.render("programmes/moving_in/plan.html", kept=kept, plan=plan, done=page.query("done"))


@pages.get("/cohorts/import/{import_id:int}/apply", can=Can.MANAGE_ENROLMENTS)
def apply_form(tx: Tx, page: Page, import_id: int) -> Response:
    """What will happen, before the button."""
    kept = moving_in.staged(tx, import_id)
    sheet_pages.once(kept)
    return page.render("programmes/moving_in/apply.html", kept=kept, plan=moving_in.planned(tx, kept))


@pages.post("/cohorts/import/{import_id:int}/apply", can=Can.MANAGE_ENROLMENTS, again=apply_form)
def apply(tx: Tx, page: Page, import_id: int) -> Response:
    """All of it, or nothing."""
    made = moving_in.apply_import(tx, import_id)
    return page.go(f"/cohorts/import/{import_id}", done=f"{made.fresh_people}.{made.fresh_papers}")
