"""Board reports on pages: the list, the paper, its files, its sign-off and what comes after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.calendar import month_and_year
from app.core.errors import Conflict, Invalid, NotFound
from app.core.file_kinds import PDF, XLSX
from app.core.file_pages import disposition
from app.core.listing import PageNumbers
from app.core.text import slug
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.measures import shown
from app.measures.models import MonthClose
from app.policy import Can
from app.reports import access, content, delivery, drawing, operations, signing
from app.reports.kinds import KINDS
from app.reports.models import DRAFT, LINE, SIGNED, BoardFile, BoardReport

pages = Pages()
SAID = {
    "begun": "The draft is there. Write what changed, and why; then it can be signed off.",
    "saved": "It is saved.",
    "gone": "The entry is taken out.",
    "signed": "The report is signed off and stays as it is. Its readers are told.",
    "discarded": "The draft is thrown away.",
    "correcting": "This draft will take the place of the signed report. Put right what is wrong, then sign it off.",
    "scheduled": "The schedule is saved.",
}
_AT = "/board-reports/{report_id:int}"
FORMATS = {"pdf": "PDF", "xlsx": "Excel workbook", "json": "JSON"}
TYPES = {"pdf": PDF.media_type, "xlsx": XLSX.media_type, "json": "application/json"}
ALONE = "default-src 'none'; sandbox"  # a file runs nothing in our name


# The list ----------------------------------------------------------------------------------------------------------


@pages.get("/board-reports", can=Can.READ_BOARD_REPORTS)
def listing(tx: Tx, page: Page) -> Response:
    """Every report that the reader may open, newest month first; writers can begin one."""
    return draw_list(tx, page)


def draw_list(tx: Tx, page: Page) -> Response:
    """The list, and for writers the form to begin a report."""
    mine = access.for_reader(tx)
    numbers = PageNumbers(int(tx.scalar(select(func.count(BoardReport.id)).where(mine))), page.number("page"))
    rows = tx.rows(access.listed().where(mine).limit(numbers.size).offset(numbers.offset))
    places = access.organisations(tx, Can.WRITE_BOARD_REPORTS) if policy.may(tx.actor, Can.WRITE_BOARD_REPORTS) else []
    return page.render(
        "reports/list.html",
        rows=rows,
        kinds=KINDS,
        title=content.title,
        numbers=numbers,
        link=_page_of,
        writes=bool(places),
        months=_months(tx, places[:MOST_PLACES]),
        said=SAID.get(page.query("said"), ""),
        several=len({row.organisation_id for row in rows}) > 1,
    )


MOST_PLACES = 4  # organisations whose months are offered: nobody writes the reports of more


def _page_of(number: int) -> str:
    return url("/board-reports", page=number)


def _months(tx: Tx, places: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Closed months of which a report can be begun, newest first, each with its organisation."""
    offered = [(month, key, name) for key, name in places for month in shown.months(tx, key)[:24]]
    return [
        (f"{key} {month.isoformat()}", f"{month_and_year(month)}, {name}" if len(places) > 1 else month_and_year(month))
        for month, key, name in sorted(offered, key=lambda each: each[0], reverse=True)
    ]


@pages.post("/board-reports", can=Can.WRITE_BOARD_REPORTS, again=draw_list)
def begin(tx: Tx, page: Page) -> Response:
    """A draft of a closed month."""
    place, _, day = forms.text(page.form, "month").partition(" ")
    try:
        organisation, month = int(place), date.fromisoformat(day)
    except ValueError:
        message = "Choose a month whose figures are published"
        raise Invalid(message + ".", code="report-month", errors=[{"field": "month", "message": message}]) from None
    key = operations.begin(tx, organisation, forms.text(page.form, "kind"), month)
    return page.go(f"/board-reports/{key}", said="begun")


# The paper ---------------------------------------------------------------------------------------------------------


@pages.get(_AT, can=Can.READ_BOARD_REPORTS)
def paper(tx: Tx, page: Page, report_id: int) -> Response:
    """A signed report as it was frozen, or a draft with links to where its words are written."""
    row = access.report(tx, Can.READ_BOARD_REPORTS, report_id)
    draft = row.state == DRAFT
    found = content.compose(tx, row) if draft else signing.kept(row)
    html = drawing.page(found, edit=f"/board-reports/{report_id}") if draft else row.page
    links = tx.one(access.listed().where(BoardReport.id == report_id))
    writes = access.writes(tx, row.organisation_id)
    signs = draft and access.has(tx, Can.SIGN_BOARD_REPORTS, row.organisation_id)
    return page.render(
        "reports/paper.html",
        row=row,
        links=links,
        draft=draft,
        title=found["title"],
        paper=drawing.page_of(html),
        missing=[words for _, words in content.wanted(found)] if draft else [],
        writes=writes,
        signs=signs,
        files=[] if draft else _files(tx, row),
        said=SAID.get(page.query("said"), ""),
    )


def _files(tx: Tx, row: Any) -> list[dict[str, Any]]:
    """What can be taken of a signed report: kind, size in bytes, SHA-256."""
    made = tx.rows(select(BoardFile.kind, BoardFile.size, BoardFile.sha256).where(BoardFile.report_id == row.id).order_by(BoardFile.kind))
    known = [(each.kind, each.size, each.sha256) for each in made] + [("json", len(row.content.encode()), row.content_sha256)]
    return [dict(kind=kind, words=FORMATS[kind], size=size, sha256=sha256) for kind, size, sha256 in known]


def _file(tx: Tx, page: Page, report_id: int, kind: str) -> Response:
    """A frozen file, byte for byte as it was at sign-off; who took it is recorded."""
    row = access.report(tx, Can.READ_BOARD_REPORTS, report_id)
    if row.state != SIGNED:
        raise NotFound("There are no files yet: the report is not signed off.", code="file-not-found")
    found = signing.kept(row)
    name = f"{slug(found['title'] + ' ' + found['organisation'])}{'' if row.number == 1 else f'-{row.number}'}.{kind}"
    page.took("board-report.taken", "board_reports", report=report_id, format=kind)
    if kind == "json":
        made = row.content.encode()
    else:
        made = tx.scalar(select(BoardFile.content).where(BoardFile.report_id == report_id, BoardFile.kind == kind))
    headers = {"content-disposition": disposition(name), "cache-control": "private, no-store", "content-security-policy": ALONE}
    return Response(made, media_type=TYPES[kind], headers=headers)


@pages.get(_AT + "/report.pdf", can=Can.READ_BOARD_REPORTS)
def as_pdf(tx: Tx, page: Page, report_id: int) -> Response:
    """The paper as a tagged PDF."""
    return _file(tx, page, report_id, "pdf")


@pages.get(_AT + "/report.xlsx", can=Can.READ_BOARD_REPORTS)
def as_workbook(tx: Tx, page: Page, report_id: int) -> Response:
    """Its figures as a workbook."""
    return _file(tx, page, report_id, "xlsx")


@pages.get(_AT + "/report.json", can=Can.READ_BOARD_REPORTS)
def as_json(tx: Tx, page: Page, report_id: int) -> Response:
    """All that it says, as the canonical text whose SHA-256 stands in the other files."""
    return _file(tx, page, report_id, "json")


# Sign-off ----------------------------------------------------------------------------------------------------------


def draw_sign(tx: Tx, page: Page, report_id: int) -> Response:
    """What will be frozen, what is missing, and who will be told."""
    row = operations.draft(tx, report_id, Can.SIGN_BOARD_REPORTS)
    found = content.compose(tx, row)
    return page.render(
        "reports/sign.html",
        row=row,
        report=found,
        seen=signing.digest_of(found),
        missing=[words for _, words in content.wanted(found)],
        readers=delivery.recipients(tx, row.organisation_id, row.kind),
        written=sum(bool(one["words"]) for one in found["measures"]) + sum(bool(one["words"]) for one in found["themes"]),
        hidden=sum(group["figure"] == shown.HIDDEN for one in found["measures"] for group in one["groups"]),
        unpublished=[one["title"] for one in found["measures"] if not one["published"]],
    )


@pages.get(_AT + "/sign", can=Can.SIGN_BOARD_REPORTS)
def sign_form(tx: Tx, page: Page, report_id: int) -> Response:
    """Before the button."""
    return draw_sign(tx, page, report_id)


def drawn(tx: Tx, page: Page, report_id: int) -> signing.Drawn:
    """Page, PDF and workbook, before anybody else has to wait."""
    return signing.prepare(tx, page.settings, report_id, forms.text(page.form, "seen"))


@pages.post(_AT + "/sign", can=Can.SIGN_BOARD_REPORTS, first=drawn, again=draw_sign)
def sign(tx: Tx, page: Page, report_id: int) -> Response:
    """It is frozen."""
    signing.sign(tx, report_id, page.found)
    return page.go(f"/board-reports/{report_id}", said="signed")


# Afterwards --------------------------------------------------------------------------------------------------------


def draw_correct(tx: Tx, page: Page, report_id: int) -> Response:
    """The form that asks what has to be put right."""
    row = access.report(tx, Can.WRITE_BOARD_REPORTS, report_id)
    if row.state != SIGNED:
        raise Conflict("The report is a draft: change it where it is wrong.", code="report-draft")
    return page.render("reports/correct.html", row=row, title=signing.kept(row)["title"], most=LINE)


@pages.get(_AT + "/correct", can=Can.WRITE_BOARD_REPORTS)
def correct_form(tx: Tx, page: Page, report_id: int) -> Response:
    """Something in a signed report is wrong."""
    return draw_correct(tx, page, report_id)


@pages.post(_AT + "/correct", can=Can.WRITE_BOARD_REPORTS, again=draw_correct)
def correct(tx: Tx, page: Page, report_id: int) -> Response:
    """A draft begins that will take its place."""
    key = operations.correct(tx, report_id, forms.text(page.form, "why"))
    return page.go(f"/board-reports/{key}", said="correcting")


@pages.get(_AT + "/discard", can=Can.WRITE_BOARD_REPORTS)
def discard_form(tx: Tx, page: Page, report_id: int) -> Response:
    """What would be lost."""
    return draw_discard(tx, page, report_id)


def draw_discard(tx: Tx, page: Page, report_id: int) -> Response:
    """The page before a draft is thrown away."""
    row = operations.draft(tx, report_id)
    comments, replies = content.comments(tx, report_id), content.replies(tx, report_id)
    month = tx.get(MonthClose, row.close_id).month_end
    title = content.title(KINDS[row.kind], month)
    return page.render("reports/discard.html", row=row, title=title, comments=len(comments), replies=len(replies))


@pages.post(_AT + "/discard", can=Can.WRITE_BOARD_REPORTS, again=draw_discard)
def discard(tx: Tx, page: Page, report_id: int) -> Response:
    """The draft is gone."""
    operations.discard(tx, report_id)
    return page.go("/board-reports", said="discarded")
