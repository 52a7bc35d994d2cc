"""Pages of the census: its years, how far a return is, its messages and totals, submitting it, and taking it away. See also file_pages."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from starlette.responses import Response

from app.census import access, guide, operations, views
from app.census.extract import CSV, TYPES
from app.census.models import SUBMITTED, CensusDocument
from app.core import forms
from app.core.errors import Conflict, NotFound
from app.core.forms import Problems
from app.core.listing import PageNumbers, csv_bytes, safe
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
HOME = "/census"
_ONE = HOME + "/{return_id:int}"
OFFERED = 3  # years that can be begun
SAID = {
    "filled": "What the Academy knows is filled in again.",
    "authority": "The authority’s figures are saved.",
    "applied": "The file is taken in.",
    "submitted": "The return is submitted and frozen.",
    "correction": "A correction is begun, with everything that was submitted.",
    "settings": "The settings are saved. They hold from the next time that a return is filled in.",
}


def _years(tx: Tx) -> list[int]:
    """Collection years that have ended, the latest first."""
    latest = tx.today.year - (tx.today.month < 10 and (tx.today.month, tx.today.day) < (9, 30))
    return [latest - n for n in range(OFFERED)]


def draw_home(tx: Tx, page: Page) -> Response:
    """Returns by year, and the form that begins one."""
    organisations = access.organisations(tx)
    found = views.returns(tx, [row.id for row in organisations])
    years = _years(tx)
    busy = {(row.organisation_id, row.year) for row in found if row.state == SUBMITTED or row.erased_at is None}
    default = next((year for year in years if any((row.id, year) not in busy for row in organisations)), years[0])
    return page.render(
        "census/years.html",
        organisations=organisations,
        returns=found,
        named={row.id: row.name for row in organisations},
        offered=[(year, str(year)) for year in years],
        choices=[("", "Choose an organisation"), *((row.id, row.name) for row in organisations)],
        default=default,
        states=views.STATES,
        said=SAID.get(page.query("said"), ""),
    )


@pages.get(HOME, can=Can.TAKE_CENSUS)
def home(tx: Tx, page: Page) -> Response:
    """The years."""
    return draw_home(tx, page)


@pages.post(HOME, can=Can.TAKE_CENSUS, again=draw_home)
def begin(tx: Tx, page: Page) -> Response:
    """Begin a return: fill in what the Academy knows."""
    mine = [row.id for row in access.organisations(tx)]
    chosen = forms.one_id(page.form, "organisation")
    problems = Problems()
    year = forms.number(page.form, "year", "The year", problems)
    if year is None:
        problems.add("year", "Choose a year")
    if chosen is None and (len(mine) != 1 or forms.text(page.form, "organisation")):
        problems.add("organisation", "Choose an organisation")
    problems.raise_any()
    assert year is not None
    return page.go(f"{HOME}/{operations.begin(tx, chosen or mine[0], year)}")


def draw_return(tx: Tx, page: Page, return_id: int) -> Response:
    """How far a return is: what is filled by whom, what is missing, and messages by kind."""
    row = access.the_return(tx, return_id)
    goes_by = guide.of(tx, row.guide_id)
    counts = views.counts(tx, return_id)
    said = access.settings(tx, row.organisation_id)
    return page.render(
        "census/return.html",
        row=row,
        guide=goes_by,
        state=views.STATES[row.state],
        filled=views.filled(goes_by, row),
        errors={each.item: each.number for each in counts if each.kind == "error"},
        queries={each.item: each.number for each in counts if each.kind == "query"},
        authority=[(item, row.authority.get(item.code, "")) for item in goes_by.authority_items],
        files=operations.waiting_files(tx, return_id),
        number=said.authority if said is not None else None,
        keep_days=access.keep_days(said),
        said=SAID.get(page.query("said"), ""),
    )


@pages.get(_ONE, can=Can.TAKE_CENSUS)
def show(tx: Tx, page: Page, return_id: int) -> Response:
    """One return."""
    return draw_return(tx, page, return_id)


@pages.post(_ONE + "/fill", can=Can.TAKE_CENSUS, again=draw_return)
def fill(tx: Tx, page: Page, return_id: int) -> Response:
    """Take up what the Academy knows now."""
    operations.fill(tx, return_id)
    return page.go(f"{HOME}/{return_id}", said="filled")


@pages.post(_ONE + "/correct", can=Can.TAKE_CENSUS, again=draw_return)
def correct(tx: Tx, page: Page, return_id: int) -> Response:
    """Begin the next version."""
    return page.go(f"{HOME}/{operations.correct(tx, return_id)}", said="correction")


def draw_authority(tx: Tx, page: Page, return_id: int) -> Response:
    """Vacancies and who covers them."""
    row = access.the_return(tx, return_id, change=True)
    return page.render("census/authority.html", row=row, items=guide.of(tx, row.guide_id).authority_items)


@pages.get(_ONE + "/authority", can=Can.TAKE_CENSUS)
def authority(tx: Tx, page: Page, return_id: int) -> Response:
    """The form."""
    return draw_authority(tx, page, return_id)


@pages.post(_ONE + "/authority", can=Can.TAKE_CENSUS, again=draw_authority)
def give_authority(tx: Tx, page: Page, return_id: int) -> Response:
    """Save it."""
    row = access.the_return(tx, return_id)
    items = guide.of(tx, row.guide_id).authority_items
    operations.give_authority(tx, return_id, {item.code: forms.text(page.form, item.code) for item in items})
    return page.go(f"{HOME}/{return_id}", said="authority")


# Messages ------------------------------------------------------------------------------------------------------------


def _asked(page: Page, goes_by: guide.Guide) -> views.Asked:
    kind, item = page.query("kind"), page.query("item")
    known = item in goes_by.known or item in goes_by.of_authority
    return views.Asked(kind if kind in views.KINDS else "", item if known else "")


@pages.get(_ONE + "/messages", can=Can.TAKE_CENSUS)
def messages(tx: Tx, page: Page, return_id: int) -> Response:
    """What to correct and to look at, 25 a page."""
    row = access.not_erased(access.the_return(tx, return_id))
    goes_by = guide.of(tx, row.guide_id)
    asked = _asked(page, goes_by)
    counts = views.counts(tx, return_id)
    chosen = [each for each in counts if asked.kind in ("", each.kind) and asked.item in ("", each.item)]
    numbers = PageNumbers(sum(each.number for each in chosen), page.number("page"))
    found = views.messages(tx, return_id, asked, offset=numbers.offset, limit=numbers.size) if numbers.total else []
    if found:
        page.took("census.messages-viewed", "census_returns", return_id=return_id, rows=len(found), page=numbers.number)
    query = {"kind": asked.kind or None, "item": asked.item or None}
    with_some = {each.item for each in counts}
    items = [item for item in (*goes_by.items, *goes_by.authority_items) if item.code in with_some]
    return page.render(
        "census/messages.html",
        row=row,
        asked=asked,
        kinds=views.KINDS,
        items=items,
        numbers=numbers,
        found=[(each, views.who(each), views.item_of(goes_by, each.item), *views.words(goes_by, each)) for each in found],
        file=url(f"{HOME}/{return_id}/messages.csv", **query),
        link=lambda number: url(f"{HOME}/{return_id}/messages", **query, page=number),
    )


@pages.get(_ONE + "/messages.csv", can=Can.TAKE_CENSUS)
def take_messages(tx: Tx, page: Page, return_id: int) -> Response:
    """The same messages as a file."""
    row = access.not_erased(access.the_return(tx, return_id))
    goes_by = guide.of(tx, row.guide_id)
    asked = _asked(page, goes_by)
    found = views.messages(tx, return_id, asked)
    page.took("census.messages-exported", "census_returns", return_id=return_id, rows=len(found))
    lines = []
    for each in found:
        item = views.item_of(goes_by, each.item)
        cells = (each.employee_number or "", each.kind, each.item, item.title, each.value, *views.words(goes_by, each))
        lines.append([str(each.number or ""), *(safe(cell) for cell in cells)])
    heads = ["Person", "Employee number", "Kind", "Item", "Item in words", "Value", "What is wrong", "What to do"]
    return _file(page, csv_bytes(heads, lines), f"census-{row.year}-messages.csv", TYPES[CSV])


def _file(page: Page, body: bytes, name: str, media_type: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return page.finish(Response(body, 200, headers, media_type))


# Totals, the extract, submitting -------------------------------------------------------------------------------------


@pages.get(_ONE + "/totals", can=Can.TAKE_CENSUS)
def totals(tx: Tx, page: Page, return_id: int) -> Response:
    """The published figures of the return, and of the year before."""
    row = access.the_return(tx, return_id)
    goes_by = guide.of(tx, row.guide_id)
    before = views.year_before(tx, row)
    return page.render(
        "census/totals.html",
        row=row,
        state=views.STATES[row.state],
        guide=goes_by,
        figures=views.figures(goes_by, row),
        before=views.figures(guide.of(tx, before.guide_id), before) if before is not None else [],
        roles=views.by_role(goes_by, row.totals),
        sums=row.totals,
    )


@pages.get(_ONE + "/extract.{file_type}", can=Can.TAKE_CENSUS)
def take(tx: Tx, page: Page, return_id: int, file_type: str) -> Response:
    """The return as a file: of a submitted one the very bytes that were frozen, of another as it is now."""
    if file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    row = access.not_erased(access.the_return(tx, return_id))
    name = f"CSWW-{row.year}-v{row.version}" + ("" if row.state == SUBMITTED else "-draft")
    if row.state == SUBMITTED:
        kept = tx.one(
            select(CensusDocument.content, CensusDocument.digest).where(
                CensusDocument.return_id == return_id, CensusDocument.kind == file_type
            )
        )
        if kept is None or hashlib.sha256(kept.content).hexdigest() != kept.digest:
            raise Conflict("What was submitted is missing or damaged here. Ask the administrator to restore it.", code="file-damaged")
        body = bytes(kept.content)
    else:
        body = operations.documents(tx, row, tx.now)[file_type]
    digest = hashlib.sha256(body).hexdigest()
    page.took("census.exported", "census_returns", return_id=return_id, format=file_type, people=row.people, state=row.state, digest=digest)
    return _file(page, body, f"{name}.{file_type}", TYPES[file_type])


def draw_submit(tx: Tx, page: Page, return_id: int) -> Response:
    """What will be frozen, before the button."""
    row = access.the_return(tx, return_id, change=True)
    goes_by = guide.of(tx, row.guide_id)
    said = access.settings(tx, row.organisation_id)
    return page.render(
        "census/submit.html",
        row=row,
        guide=goes_by,
        figures=views.figures(goes_by, row),
        number=said.authority if said is not None else None,
        keep_days=access.keep_days(said),
    )


@pages.get(_ONE + "/submit", can=Can.TAKE_CENSUS)
def submit_form(tx: Tx, page: Page, return_id: int) -> Response:
    """A page of its own."""
    return draw_submit(tx, page, return_id)


@pages.post(_ONE + "/submit", can=Can.TAKE_CENSUS, again=draw_submit)
def submit(tx: Tx, page: Page, return_id: int) -> Response:
    """Freeze it."""
    operations.submit(tx, return_id, looked_at_queries=forms.text(page.form, "queries") == "yes")
    return page.go(f"{HOME}/{return_id}", said="submitted")
