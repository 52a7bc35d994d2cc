"""Pages of HR imports: upload an extract, look at what it would change, apply it or not, see what was done."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.core.calendar import month_name
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.hr import operations, queries, values
from app.hr.imports import stage
from app.hr.left_behind import left_behind
from app.hr.mapping import Mapping, load_mapping
from app.hr.models import Label
from app.hr.problems import ExtractRefused, MappingRefused
from app.policy import Can

pages = Pages()
PER_PAGE = 25
_ORDER = ("leaver", "mover", "joiner", "rejoiner", "changed", "passed over", "same")
"""The order in which a preview opens: what most needs a look comes first."""


@pages.get("/hr/imports", can=Can.IMPORT_PEOPLE)
def imports_page(tx: Tx, page: Page) -> Response:
    """All imports, newest first."""
    number = max(page.number("page"), 1)
    statement = queries.imports(tx)
    open_ = queries.waiting(tx)
    total = tx.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    found = tx.rows(statement.offset((number - 1) * PER_PAGE).limit(PER_PAGE))
    return page.render(
        "hr/imports.html",
        imports=found,
        total=total,
        number=number,
        pages=_pages(total),
        day=queries.day_in_words,
        state=queries.state_of,
        open_=open_,
    )


@pages.get("/hr/imports/new", can=Can.IMPORT_PEOPLE)
def upload_form(tx: Tx, page: Page) -> Response:
    """The form for an extract."""
    return page.render("hr/upload.html", today=tx.today, limit=page.settings.max_upload_mb, day=_typed_day)


def _typed_day(day: date) -> str:
    """A date as somebody would type it: "8 December 2026"."""
    return f"{day.day} {month_name(day.month)} {day.year}"


def _stage(tx: Tx, page: Page) -> int:
    """Read and stage the upload in short transactions of its own, so that nobody waits while a long file is read."""
    upload = page.form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise ExtractRefused("Choose the file with the extract.")
    as_at = _as_at(str(page.form.get("as_at") or ""), tx.today)
    if page.form.get("extract") not in ("full", "partial"):
        raise Invalid(
            "Check what you entered.", errors=[{"field": "extract", "message": "Say whether the extract names everybody employed"}]
        )
    rules = replace(_rules(page.form.get("mapping")), full=page.form["extract"] == "full")
    with tempfile.TemporaryDirectory(prefix="academy-import-") as folder:
        path = Path(folder) / "extract"
        with path.open("wb") as target:
            shutil.copyfileobj(upload.file, target)
        import_id, _ = stage(page.turn, path, rules, file_name=Path(upload.filename).name, as_at=as_at)
    return import_id


def _rules(upload: Any) -> Mapping:
    if not isinstance(upload, UploadFile) or not upload.filename:
        return Mapping()
    try:
        return load_mapping(upload.file.read(300_000).decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise MappingRefused("The mapping file is not text in UTF-8. Save it again as plain text.") from problem


def _as_at(given: str, today: date) -> date:
    """The day that the extract describes: today unless said otherwise, and never in the future."""
    message = "Date of the extract must be a real date that is not in the future, like 2 November 2026"
    try:
        day = values.day(given) or today
    except values.Wrong:
        day = date.max
    if day > today:
        raise Invalid("Check what you entered.", errors=[{"field": "as_at", "message": message}])
    return day


@pages.post("/hr/imports/new", can=Can.IMPORT_PEOPLE, first=_stage, again=upload_form, uploads=True)
def upload(_tx: Tx, page: Page) -> Response:
    """On to the preview of what was staged."""
    return page.go(f"/hr/imports/{page.found}")


@pages.get("/hr/imports/{key:int}", can=Can.IMPORT_PEOPLE)
def import_page(tx: Tx, page: Page, key: int) -> Response:
    """The preview of a staged import, or the receipt of an applied one: figures first, then people by label, or problems."""
    found = queries.find(tx, key)
    counts = found.counts
    show = page.query("show")
    if show not in (*_ORDER, "problems"):
        show = "problems" if counts.get("problems") else next((label for label in _ORDER if counts.get(label)), "same")
    number = max(page.number("page"), 1)
    total = counts.get(show, 0)
    offset = (number - 1) * PER_PAGE
    open_ = found.state in ("staged", "applied")
    return page.render(
        "hr/import.html",
        found=found,
        counts=counts,
        show=show,
        one=queries.ONE,
        labels=[(label.value, queries.HEADINGS[label.value]) for label in Label if label.value in queries.HEADINGS],
        rows=queries.rows(tx, found, show, offset=offset) if open_ and show != "problems" else [],
        problems=tx.rows(queries.problems(key).offset(offset).limit(PER_PAGE)) if show == "problems" else [],
        behind=left_behind(tx, key) if found.state == "applied" and counts.get("leaver") else None,
        changes=queries.changes(counts),
        before=queries.applied_before(tx, found) if found.state == "staged" else None,
        number=number,
        pages=_pages(total),
        state=queries.state_of,
        total=total,
        day=queries.day_in_words,
    )


@pages.get("/hr/imports/{key:int}/problems.csv", can=Can.IMPORT_PEOPLE)
def problems_file(tx: Tx, page: Page, key: int) -> Response:
    """All problems as a file for whoever corrects the extract."""
    queries.find(tx, key)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Line", "Column", "Value", "What is wrong", "What to do"])
    writer.writerows([_safe(cell) for cell in row] for row in tx.rows(queries.problems(key)))
    headers = {"content-disposition": f'attachment; filename="import-{key}-problems.csv"'}
    return page.finish(Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers))


def _safe(cell: Any) -> Any:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


@pages.get("/hr/imports/{key:int}/apply", can=Can.IMPORT_PEOPLE)
def apply_form(tx: Tx, page: Page, key: int) -> Response:
    """What applying does to whom, before the button."""
    found = queries.find(tx, key)
    if found.state != "staged":
        raise Conflict("This import has been applied or discarded already.", code="import-closed")
    leavers = queries.rows(tx, found, "leaver", limit=10)
    return page.render(
        "hr/apply.html",
        found=found,
        counts=found.counts,
        leavers=leavers,
        behind=left_behind(tx, key) if leavers else None,
        changes=queries.changes(found.counts),
        day=queries.day_in_words,
    )


@pages.post("/hr/imports/{key:int}/apply", can=Can.IMPORT_PEOPLE, again=apply_form)
def apply(tx: Tx, page: Page, key: int) -> Response:
    """Apply the preview; its page becomes the receipt."""
    confirmed = str(page.form.get("confirm_leavers") or "")
    operations.apply(tx, key, confirmed_leavers=int(confirmed) if confirmed.isdigit() and len(confirmed) < 8 else None)
    return page.go(f"/hr/imports/{key}", done="applied")


@pages.post("/hr/imports/{key:int}/compare", can=Can.IMPORT_PEOPLE)
def compare(tx: Tx, page: Page, key: int) -> Response:
    """Compare again with the people as they are now."""
    operations.label(tx, key)
    return page.go(f"/hr/imports/{key}", done="compared")


@pages.post("/hr/imports/{key:int}/discard", can=Can.IMPORT_PEOPLE)
def discard(tx: Tx, page: Page, key: int) -> Response:
    """Forget a preview."""
    operations.discard(tx, key)
    return page.go("/hr/imports", done="discarded")


def _pages(total: int) -> int:
    return max(1, -(-total // PER_PAGE))
