"""Claiming the grant: who can be claimed for, the extract, and extracts made before."""

from __future__ import annotations

from starlette.responses import Response

from app.core import forms
from app.core.errors import NotFound
from app.core.forms import text
from app.core.tables_out import TYPES, table_bytes
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes.cohort_pages import as_file
from app.programmes.operations import claims

pages = Pages()


@pages.get("/cohorts/claims", can=Can.CLAIM_GRANTS)
def preview(tx: Tx, page: Page) -> Response:
    """For whom a part can be claimed now, before anything is claimed."""
    kind = text(page.form, "kind") or page.query("kind", "registration")
    kind = kind if kind in claims.PARTS else "registration"
    rows = claims.claimable(tx, kind)
    if rows:
        page.took("grant.viewed", "claims", kind=kind, rows=len(rows))
    return page.render(
        "programmes/cohorts/claims.html",
        kind=kind,
        parts=claims.PARTS,
        rows=rows,
        total=sum(each.pence for each in rows),
        batches=claims.batches(tx),
        chosen=forms.ids(page.form, "enrolments") if page.form else None,
    )


@pages.post("/cohorts/claims", can=Can.CLAIM_GRANTS, again=preview)
def claim(tx: Tx, page: Page) -> Response:
    """The part is claimed for those chosen; the extract can be taken."""
    key = claims.make_batch(tx, text(page.form, "kind"), forms.ids(page.form, "enrolments"))
    return page.go(f"/cohorts/claims/{key}", said="made")


@pages.get("/cohorts/claims/{batch_id:int}", can=Can.CLAIM_GRANTS)
def show(tx: Tx, page: Page, batch_id: int) -> Response:
    """One extract and who is in it."""
    batch, rows = claims.batch(tx, batch_id)
    page.took("grant.viewed", "claim_batches", batch=batch_id, rows=len(rows))
    said = "The part is claimed for these people, and will not be offered again. Take the file." if page.query("said") == "made" else ""
    total = sum(row.pence for row in rows)
    return page.render("programmes/cohorts/claim.html", batch=batch, rows=rows, parts=claims.PARTS, total=total, said=said)


@pages.get("/cohorts/claims/{batch_id:int}/extract.{file_type}", can=Can.CLAIM_GRANTS)
def extract(tx: Tx, page: Page, batch_id: int, file_type: str) -> Response:
    """The extract as a file, as often as it is needed."""
    if file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    batch, rows = claims.batch(tx, batch_id)
    page.took("grant.exported", "claim_batches", batch=batch_id, rows=len(rows), format=file_type)
    title = f"Grant claim {batch_id} {batch.kind}"
    return as_file(file_type, title, table_bytes(file_type, title, claims.HEADS, map(claims.as_cells, rows)), tx)
