"""Pages of what HR gives for the census: its file, looked through and applied; and what the council says once for all years."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.census import access, guide, operations, rows
from app.census.filling import OUTSIDE, number_of
from app.census.models import CensusPerson
from app.census.pages import HOME
from app.core import forms, sheet_pages, sheets
from app.core.forms import Problems
from app.core.listing import csv_bytes, safe
from app.core.text import normal
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people.models import CareerStage, Person
from app.policy import Can

pages = Pages()
_FILE, _ONE = HOME + "/{return_id:int}/file", HOME + "/files/{file_id:int}"
SHOWN = 300  # problems on a page
STAGE = "stage-"  # a field for each career stage


def draw_upload(tx: Tx, page: Page, return_id: int) -> Response:
    """The form for a file, and what it may hold."""
    row = access.the_return(tx, return_id, change=True)
    goes_by = guide.of(tx, row.guide_id)
    return page.render(
        "census/file.html",
        row=row,
        items=[item for item in goes_by.items if item.code != rows.FIXED],
        most=rows.MOST_ROWS,
        megabytes=sheets.MOST_BYTES // 1024 // 1024,
    )


@pages.get(_FILE, can=Can.TAKE_CENSUS)
def upload_form(tx: Tx, page: Page, return_id: int) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page, return_id)


@pages.get(HOME + "/{return_id:int}/template.csv", can=Can.TAKE_CENSUS)
def template(tx: Tx, page: Page, return_id: int) -> Response:
    """A file with a line for each person of the return, by employee number, and a heading for each item that HR gives."""
    row = access.not_erased(access.the_return(tx, return_id))
    goes_by = guide.of(tx, row.guide_id)
    named = select(Person.employee_number, Person.swe_number).join(CensusPerson, CensusPerson.person_id == Person.id)
    found = tx.rows(named.where(CensusPerson.return_id == return_id).order_by(CensusPerson.number))
    items = [item.code for item in goes_by.items if item.from_ != "academy"]
    page.took("census.template-exported", "census_returns", return_id=return_id, people=len(found))
    lines = [[safe(each.employee_number or number_of(each.swe_number or "", goes_by)), *("" for _ in items)] for each in found]
    headers = {"content-disposition": f'attachment; filename="census-{row.year}-template.csv"'}
    return page.finish(Response(csv_bytes([rows.PERSON, *items], lines), 200, headers, "text/csv; charset=utf-8"))


def _admit(tx: Tx, page: Page, return_id: int) -> None:
    del page
    access.the_return(tx, return_id, change=True)


def _parsed(tx: Tx, page: Page, return_id: int) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    row = access.the_return(tx, return_id, change=True)
    name, content = sheet_pages.chosen(page.form, "Choose the file.")
    return name, rows.parse(guide.of(tx, row.guide_id), content)


@pages.post(_FILE, can=Can.TAKE_CENSUS, again=draw_upload, first=_parsed, uploads=True, admit=_admit)
def upload(tx: Tx, page: Page, return_id: int) -> Response:
    """Keep the rows and show what they would change."""
    return page.go(f"{HOME}/files/{operations.stage(tx, return_id, *page.found)}")


def draw_plan(tx: Tx, page: Page, file_id: int, template_name: str = "census/file_plan.html") -> Response:
    """What the file would change, in numbers, and every cell that is wrong: a dry run, done anew each time the page is opened."""
    kept, row = access.the_upload(tx, file_id)
    goes_by = guide.of(tx, row.guide_id)
    open_ = kept.applied_at is None and kept.rows and row.erased_at is None
    plan = rows.plan(tx, goes_by, row.id, kept.rows) if open_ else None
    if plan is not None and plan.problems:
        page.took("census-file.problems-viewed", "census_uploads", file_id=file_id, rows=len(plan.problems))
    return page.render(
        template_name,
        kept=kept,
        row=row,
        plan=plan,
        shown=SHOWN,
        given=[(goes_by.known[code].title, plan.given[code], plan.taken[code]) for code in sorted(plan.given | plan.taken)] if plan else [],
        taken=plan.taken.total() if plan else 0,
    )


@pages.get(_ONE, can=Can.TAKE_CENSUS)
def plan_page(tx: Tx, page: Page, file_id: int) -> Response:
    """The dry run."""
    return draw_plan(tx, page, file_id)


def draw_apply(tx: Tx, page: Page, file_id: int) -> Response:
    """What will happen, before the button."""
    kept, _ = access.the_upload(tx, file_id)
    sheet_pages.once(kept)
    return draw_plan(tx, page, file_id, "census/file_apply.html")


@pages.get(_ONE + "/apply", can=Can.TAKE_CENSUS)
def apply_page(tx: Tx, page: Page, file_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, file_id)


@pages.post(_ONE + "/apply", can=Can.TAKE_CENSUS, again=draw_apply)
def apply(tx: Tx, page: Page, file_id: int) -> Response:
    """Take in all of it, or nothing."""
    _, row = access.the_upload(tx, file_id)
    operations.apply(tx, file_id)
    return page.go(f"{HOME}/{row.id}", said="applied")


# Settings ------------------------------------------------------------------------------------------------------------


def draw_settings(tx: Tx, page: Page, organisation_id: int) -> Response:
    """The council's number, its roles, and how long personal data is kept."""
    access.require_reach(tx, organisation_id)
    _, goes_by = guide.in_force(tx, tx.today.year)
    said = access.settings(tx, organisation_id)
    roles = access.roles(said, goes_by)
    stages = tx.rows(select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank, CareerStage.code))
    choices = goes_by.known["OrgRole"].choices
    return page.render(
        "census/settings.html",
        organisation_id=organisation_id,
        number=(said.authority or "") if said is not None else "",
        keep=access.keep_days(said),
        version=page.value("version") or (said.version if said is not None else 0),  # what was read when the form was opened
        stages=[(row.code, row.title, roles.stages.get(row.code, OUTSIDE)) for row in stages],
        choices=[(OUTSIDE, "Not in the census"), *((code, f"{code}: {words}") for code, words in choices.items())],
        titles="\n".join(f"{title}: {role or 0}" for title, role in sorted(roles.titles.items())),
    )


def _titles(typed: str, problems: Problems) -> dict[str, str]:
    """Job title → role, a line for each; a title may be said once."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(typed.splitlines(), 1):
        said, _, role = line.rpartition(":")
        title = normal(said).lower()
        if not normal(line):
            continue
        if title in lines:
            problems.add("titles", f"Lines {lines[title]} and {number} are about the same job title. Delete one of them")
        lines.setdefault(title, number)
        found[title] = OUTSIDE if role.strip() == "0" else role.strip() or "?"
    return found


@pages.get(HOME + "/settings/{organisation_id:int}", can=Can.TAKE_CENSUS)
def settings(tx: Tx, page: Page, organisation_id: int) -> Response:
    """The form."""
    return draw_settings(tx, page, organisation_id)


@pages.post(HOME + "/settings/{organisation_id:int}", can=Can.TAKE_CENSUS, again=draw_settings)
def save_settings(tx: Tx, page: Page, organisation_id: int) -> Response:
    """Save them. A job title is given with a role on a line of its own; 0 leaves it out of the census."""
    problems = Problems()
    keep = forms.number(page.form, "keep", "The number of days", problems)
    if keep is None:
        problems.add("keep", "Enter for how many days personal data is kept")
    titles = _titles(forms.text(page.form, "titles"), problems)
    version = forms.number(page.form, "version", "The version", problems)
    stages = {name.removeprefix(STAGE): str(value) for name, value in page.form.items() if name.startswith(STAGE)}
    problems.raise_any()
    operations.say(
        tx,
        organisation_id,
        authority=forms.text(page.form, "authority"),
        stages=stages,
        titles=titles,
        keep=keep or 0,
        version=version or 0,
    )
    return page.go(HOME, said="settings")
