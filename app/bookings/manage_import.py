"""The coordinator's pages for sessions from a file: send it, see what it would make and what is wrong, apply all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app.bookings.models import Session, SessionImport
from app.bookings.operations import import_rows, session_import
from app.core import sheet_pages
from app.core.ledger import Audit
from app.core.sheets import MOST_BYTES
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import Course
from app.policy import Can

pages = Pages()


def draw_upload(tx: Tx, page: Page) -> Response:
    """The form for a file, and the latest ones."""
    columns = (SessionImport.id, SessionImport.file_name, SessionImport.staged_at, SessionImport.applied_at)
    return page.render(
        "bookings/manage/import.html",
        imports=tx.rows(select(*columns).order_by(SessionImport.id.desc()).limit(10)),
        columns=import_rows.HEADINGS,
        needed=import_rows.NEEDED,
        most=session_import.MOST_ROWS,
        megabytes=MOST_BYTES // 1024 // 1024,
    )


@pages.get("/manage/sessions/import", can=Can.MANAGE_SESSIONS)
def upload_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page)


@pages.get("/manage/sessions/import/columns.csv", can=Can.MANAGE_SESSIONS)
def empty_file(tx: Tx, page: Page) -> Response:
    """A file with the headings and nothing else."""
    del tx
    return page.finish(sheet_pages.empty(import_rows.HEADINGS, "sessions"))


def _parsed(tx: Tx, page: Page) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file with the sessions.")
    return name, session_import.parse(content)


@pages.post("/manage/sessions/import", can=Can.MANAGE_SESSIONS, again=draw_upload, first=_parsed, uploads=True)
def upload(tx: Tx, page: Page) -> Response:
    """Keep the rows and show what they would make."""
    return page.go(f"/manage/sessions/import/{session_import.stage(tx, *page.found)}")


def draw_plan(tx: Tx, page: Page, import_id: int) -> Response:
    """What the file would make, and every cell that is wrong: a dry run, done anew each time the page is opened."""
    kept = tx.get(SessionImport, import_id, what="import")
    plan = session_import.plan(tx, kept.rows) if kept.applied_at is None else None
    made = _made(tx, import_id) if plan is None else []
    return page.render("bookings/manage/import_plan.html", kept=kept, plan=plan, made=page.number("made", 0), sessions=made)


def _made(tx: Tx, import_id: int) -> Sequence[Row[Any]]:
    """The sessions that a file made, as they are now: the trail knows which they were."""
    applied = select(Audit.facts).where(
        Audit.subject == "session_imports", Audit.subject_id == import_id, Audit.action == "session-import.applied"
    )
    facts = tx.scalar(applied)
    columns = (Session.id, Session.reference, Session.status, Session.starts_at, Session.place, Course.title)
    statement = select(*columns).join(Course, Course.id == Session.course_id).where(Session.id.in_(facts["sessions"] if facts else ()))
    return tx.rows(statement.order_by(Session.starts_at, Session.id))


@pages.get("/manage/sessions/import/{import_id:int}", can=Can.MANAGE_SESSIONS)
def plan_page(tx: Tx, page: Page, import_id: int) -> Response:
    """The dry run."""
    return draw_plan(tx, page, import_id)


def draw_apply(tx: Tx, page: Page, import_id: int) -> Response:
    """What will happen, before the button."""
    kept = tx.get(SessionImport, import_id, what="import")
    sheet_pages.once(kept)
    return page.render("bookings/manage/import_apply.html", kept=kept, plan=session_import.plan(tx, kept.rows))


@pages.get("/manage/sessions/import/{import_id:int}/apply", can=Can.MANAGE_SESSIONS)
def apply_page(tx: Tx, page: Page, import_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, import_id)


@pages.post("/manage/sessions/import/{import_id:int}/apply", can=Can.MANAGE_SESSIONS, again=draw_apply)
def apply(tx: Tx, page: Page, import_id: int) -> Response:
    """Create all of the sessions, or none."""
    made = session_import.apply_import(tx, import_id, publish=page.form.get("publish") == "yes")
    return page.go(f"/manage/sessions/import/{import_id}", made=len(made))
