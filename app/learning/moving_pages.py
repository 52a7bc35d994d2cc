"""Files of what was learnt before on pages: sent, looked through, applied, taken back. Everybody brings their own CPD."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import sheet_pages, sheets
from app.core.errors import NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking
from app.learning import moving_in, moving_rows
from app.learning.models import LearningActivity
from app.learning.moving_models import FILES, LearningImport
from app.policy import Can

pages = Pages()
HOME = "/learning/import"


def _kind(tx: Tx, kind: str) -> str:
    if kind not in FILES:
        raise NotFound("There is no such import.")
    policy.require(tx, moving_in.CANS[kind])
    return kind


def others(tx: Tx) -> bool:
    """Does the reader bring in other people's learning too?"""
    return bool(policy.terms(tx.actor, Can.IMPORT_LEARNING) - {(policy.Reach.SELF, None)})


def draw_upload(tx: Tx, page: Page, kind: str) -> Response:
    """The form for a file, what it may hold, and the reader's latest ones."""
    _kind(tx, kind)
    columns = (
        LearningImport.id,
        LearningImport.file_name,
        LearningImport.staged_at,
        LearningImport.applied_at,
        LearningImport.taken_back_at,
    )
    mine = select(*columns).where(LearningImport.staged_by == tx.actor.person_id, LearningImport.kind == kind)
    activities: Any = select(LearningActivity.title).order_by(LearningActivity.position)
    return page.render(
        "learning/import.html",
        kind=kind,
        title=FILES[kind],
        others=others(tx),
        completions=policy.may(tx.actor, Can.IMPORT_COMPLETIONS),
        activities=[row.title for row in tx.rows(activities)] if kind == "learning" else [],
        imports=tx.rows(mine.order_by(LearningImport.id.desc()).limit(10)),
        most=moving_rows.MOST_ROWS,
        megabytes=sheets.MOST_BYTES // 1024 // 1024,
    )


@pages.get("/learning/import/{kind}", can=Can.IMPORT_LEARNING)
def upload_form(tx: Tx, page: Page, kind: str) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page, kind)


@pages.get("/learning/import/{kind}/columns.csv", can=Can.IMPORT_LEARNING)
def empty_file(tx: Tx, page: Page, kind: str) -> Response:
    """A file with the headings and nothing else."""
    columns = [name for name in moving_rows.KINDS[_kind(tx, kind)].headings if name != "person" or others(tx)]
    return page.finish(sheet_pages.empty(columns, kind))


def _parsed(tx: Tx, page: Page, kind: str) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    _kind(tx, kind)
    name, content = sheet_pages.chosen(page.form, "Choose the file.")
    return name, moving_rows.parse(kind, content)


@pages.post("/learning/import/{kind}", can=Can.IMPORT_LEARNING, again=draw_upload, first=_parsed, uploads=True)
def upload(tx: Tx, page: Page, kind: str) -> Response:
    """Keep the rows and show what they would bring in."""
    return page.go(f"/learning/imports/{moving_in.stage(tx, kind, *page.found)}")


def draw_plan(tx: Tx, page: Page, import_id: int) -> Response:
    """What the file would bring in, and every cell that is wrong: a dry run, done anew each time the page is opened."""
    kept = moving_in.staged(tx, import_id)
    plan = moving_in.plan(tx, kept.kind, kept.rows) if kept.applied_at is None else None
    people = len({each.row.person_id for each in plan.rows} - {tx.actor.person_id}) if plan else 0
    return page.render(
        "learning/import_plan.html",
        kept=kept,
        plan=plan,
        others=people,
        title=FILES[kept.kind],
        said=page.query("said"),
        activities={row.code: row.title for row in tx.rows(select(LearningActivity.code, LearningActivity.title))},
    )


@pages.get("/learning/imports/{import_id:int}", can=Can.IMPORT_LEARNING)
def plan_page(tx: Tx, page: Page, import_id: int) -> Response:
    """The dry run."""
    return draw_plan(tx, page, import_id)


def draw_apply(tx: Tx, page: Page, import_id: int) -> Response:
    """What will happen, before the button."""
    kept = moving_in.staged(tx, import_id)
    sheet_pages.once(kept)
    plan = moving_in.plan(tx, kept.kind, kept.rows)
    return page.render("learning/import_apply.html", kept=kept, plan=plan, title=FILES[kept.kind], others=others(tx))


@pages.get("/learning/imports/{import_id:int}/apply", can=Can.IMPORT_LEARNING)
def apply_page(tx: Tx, page: Page, import_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, import_id)


@pages.post("/learning/imports/{import_id:int}/apply", can=Can.IMPORT_LEARNING, again=draw_apply)
def apply(tx: Tx, page: Page, import_id: int) -> Response:
    """Bring in all of it, or nothing."""
    moving_in.apply_import(tx, import_id, checking.decided(page.form))
    return page.go(f"/learning/imports/{import_id}", said="applied")


@pages.post("/learning/imports/{import_id:int}/take-back", can=Can.IMPORT_LEARNING, again=draw_plan)
def take_back(tx: Tx, page: Page, import_id: int) -> Response:
    """None of it counts any more."""
    moving_in.take_back(tx, import_id)
    return page.go(f"/learning/imports/{import_id}", said="taken-back")
