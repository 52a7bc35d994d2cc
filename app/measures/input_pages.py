"""Figures from elsewhere on pages: what has been given and what is missing, files sent, looked through and applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import case, func, select
from starlette.responses import Response

from app.core import sheet_pages, sheets
from app.core.calendar import month_and_year
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.sheets import NOT_SHOWN, Problem
from app.core.tables_out import TYPES, table_bytes
from app.core.tx import Tx
from app.doors import Page, Pages
from app.measures import input_files, input_rows, inputs, sets, shown
from app.measures.definitions import Measure, MeasureSet
from app.measures.dimensions import month_before, month_end
from app.measures.input_models import MeasureImport, MeasureInput
from app.people.models import Person, Unit
from app.policy import Can

pages = Pages()
PATH = "/measure-inputs"
MONTHS = 12  # looked at for what is missing
MOST_SHOWN = 200  # lines of a file on its page
AMOUNTS = ("Numerator", "Denominator")
OFTEN = {1: "Every month", 3: "Every quarter", 12: "Every year"}


@dataclass(slots=True)
class Given:
    """One imported measure: its newest figure, and the months of the last year that lack one."""

    measure: Measure
    month: date | None = None
    figure: str = ""
    missing: list[date] = field(default_factory=list)
    for_: list[str] = field(default_factory=list)  # titles of the measures that cannot be counted without it


def _organisation(tx: Tx) -> tuple[int, str]:
    """The organisation whose figures the reader brings in."""
    rows = sets.managed(tx)
    if not rows:
        raise Forbidden("You bring in figures for no organisation.")
    return rows[0].id, rows[0].name


def _set(tx: Tx, organisation_id: int) -> MeasureSet | None:
    try:
        return sets.in_force(tx, organisation_id, month_before(tx.today))[1]
    except Conflict:
        return None


def amount(measure: Measure, number: int | None) -> str:
    """ "1,234" or "31.6": a number as it was given."""
    exact = Decimal(number or 0) / measure.scale
    return f"{exact.normalize():,f}"


def said(measure: Measure, num: int | None, den: int | None) -> str:
    """A figure in words: "31.6", "41 of 48 (85%)"."""
    if num is None:
        return "No figure"
    if measure.denominator is None:
        return amount(measure, num)
    worked_out = shown.value(measure, num, den or 0)
    per = "%" if measure.unit in ("share", "rate") else ""
    return f"{amount(measure, num)} of {amount(measure, den)} ({shown.NONE if worked_out is None else f'{worked_out:,}{per}'})"


# What there is -----------------------------------------------------------------------------------------------------


def _given(tx: Tx, organisation_id: int, measures: MeasureSet) -> list[Given]:
    listed = inputs.imported(measures)
    last = month_before(tx.today)
    whole = case((MeasureInput.unit_id.is_(None), 1), else_=0).label("whole")
    sums = (func.sum(MeasureInput.num).label("num"), func.sum(MeasureInput.den).label("den"))
    statement = select(MeasureInput.measure, MeasureInput.month_end, whole, *sums).where(MeasureInput.organisation_id == organisation_id)
    statement = statement.where(MeasureInput.superseded_at.is_(None), MeasureInput.month_end > inputs.before(last, 2 * MONTHS))
    months: dict[str, dict[date, Any]] = defaultdict(dict)
    for row in tx.rows(statement.group_by(MeasureInput.measure, MeasureInput.month_end, whole).order_by(whole)):
        months[row.measure][row.month_end] = row  # the line of the whole comes last, and counts
    rests: dict[str, list[str]] = defaultdict(list)
    for measure in measures.measures:
        for code in inputs.RESTS_ON.get(measure.counts or "", ()):
            rests[code].append(measure.title)
    found = []
    for measure in listed:
        theirs = months[measure.code]
        newest = max((month for month in theirs if month <= last), default=None)
        line = Given(measure, newest, for_=rests[measure.code], missing=_missing(measure, sorted(theirs), last, measures.runs_from))
        if newest is not None:
            line.figure = shown.HIDDEN if measure.sensitive else said(measure, theirs[newest].num, theirs[newest].den)
        found.append(line)
    return found


def _missing(measure: Measure, given: Sequence[date], last: date, begins: date) -> list[date]:
    """The months of the last year, newest first, of which no figure stands."""
    months = [inputs.before(last, n) for n in range(MONTHS)]
    return [month for month in months if month >= begins and not any(inputs.before(month, measure.every) < each <= month for each in given)]


@pages.get(PATH, can=Can.MANAGE_MEASURES)
def overview(tx: Tx, page: Page) -> Response:
    """Every measure that is imported: since when there is a figure, and for which months there is none."""
    organisation_id, name = _organisation(tx)
    measures = _set(tx, organisation_id)
    files = select(MeasureImport.id, MeasureImport.file_name, MeasureImport.staged_at, MeasureImport.applied_at, MeasureImport.made)
    files = files.where(MeasureImport.organisation_id == organisation_id).order_by(MeasureImport.id.desc()).limit(10)
    last = month_before(tx.today)
    found = _given(tx, organisation_id, measures) if measures else []
    return page.render(
        "measures/inputs.html",
        organisation=name,
        lines=found,
        lacking=[line for line in found if line.missing[:1] == [last]],
        files=tx.rows(files),
        last=last,
        often=OFTEN,
        months=[inputs.before(last, n) for n in range(MONTHS + 1)],
        month_words=month_and_year,
        named=input_files.month_words,
        total=MONTHS,
    )


@pages.get(PATH + "/of/{code}", can=Can.MANAGE_MEASURES)
def history(tx: Tx, page: Page, code: str) -> Response:
    """Everything that was ever given of a measure, corrections included."""
    organisation_id, _ = _organisation(tx)
    measures = _set(tx, organisation_id)
    measure = measures.measure(code) if measures else None
    if measure is None or measure.counts is not None:
        raise NotFound("There is no imported measure with that code.", code="measure-not-found")
    statement = (
        select(MeasureInput.__table__, Unit.name.label("part"), MeasureImport.file_name)
        .outerjoin(Unit, Unit.id == MeasureInput.unit_id)
        .outerjoin(MeasureImport, MeasureImport.id == MeasureInput.import_id)
        .where(MeasureInput.organisation_id == organisation_id, MeasureInput.measure == code)
        .order_by(MeasureInput.month_end.desc(), Unit.name.is_not(None), Unit.name, MeasureInput.id.desc())
    )
    after = max(page.number("after", 0), 0)
    rows = tx.rows(statement.offset(after).limit(51))
    return page.render(
        "measures/input_of.html",
        measure=measure,
        rows=rows[:50],
        following=after + 50 if len(rows) > 50 else None,
        after=after,
        words=lambda row: shown.HIDDEN if measure.sensitive else said(measure, row.num, row.den),
        secret=measure.sensitive,
        month_words=month_and_year,
        often=OFTEN,
    )


# Files -------------------------------------------------------------------------------------------------------------


@pages.get(PATH + "/empty.{kind}", can=Can.MANAGE_MEASURES)
def empty_file(tx: Tx, page: Page, kind: str) -> Response:
    """A file with the headings, and a line for each figure of a month: CSV or an Excel workbook."""
    organisation_id, _ = _organisation(tx)
    measures = _set(tx, organisation_id)
    if kind not in TYPES or measures is None:
        raise NotFound("There is no such file.")
    try:
        month = month_end(date.fromisoformat(page.query("month")))
    except ValueError:
        month = month_before(tx.today)
    lines = input_files.empty_rows(tx, organisation_id, measures, month)
    body = table_bytes(kind, f"Figures {month_and_year(month)}", input_rows.HEADS, lines)
    headers = {"content-disposition": f'attachment; filename="figures-{month:%Y-%m}.{kind}"'}
    return page.finish(Response(body, 200, headers, TYPES[kind]))


def draw_upload(tx: Tx, page: Page) -> Response:
    """The form for a file, and what it may hold."""
    _, name = _organisation(tx)
    return page.render("measures/input_new.html", organisation=name, most=input_rows.MOST_ROWS, megabytes=sheets.MOST_BYTES // 1024 // 1024)


@pages.get(PATH + "/new", can=Can.MANAGE_MEASURES)
def upload_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_upload(tx, page)


def _parsed(tx: Tx, page: Page) -> tuple[str, list[dict[str, Any]]]:
    """Read the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file with the figures.")
    return name, input_rows.parse(content)


@pages.post(PATH + "/new", can=Can.MANAGE_MEASURES, again=draw_upload, first=_parsed, uploads=True)
def upload(tx: Tx, page: Page) -> Response:
    """Keep the rows and show what they would change."""
    organisation_id, _ = _organisation(tx)
    return page.go(f"{PATH}/files/{input_files.stage(tx, organisation_id, *page.found)}")


def _shown(tx: Tx, kept: Any, planned: input_files.Planned) -> dict[str, Any]:
    """A line of a file as its page shows it."""
    row = planned.row
    secret = row.measure.sensitive  # only who sent it sees it before it is published
    mine = not secret or kept.staged_by == tx.actor.person_id
    was = None if planned.was is None or secret else said(row.measure, *planned.was)
    figure = "Withdrawn" if row.num is None else said(row.measure, row.num, row.den) if mine else shown.HIDDEN
    month = month_and_year(row.month)
    values = dict(line=row.line, title=row.measure.title, month=month, part=row.part, source=row.source)
    return dict(**values, figure=figure, was=was, state=planned.state, secret=secret)


def _problems(tx: Tx, kept: Any, plan: input_files.Plan) -> list[Problem]:
    """What is wrong, as the reader may see it: numbers that somebody else sent are not shown, because they may be sensitive."""
    if kept.staged_by == tx.actor.person_id:
        return plan.problems
    return [replace(each, value=NOT_SHOWN) if each.column in AMOUNTS and each.value else each for each in plan.problems]


@pages.get(PATH + "/files/{import_id:int}", can=Can.MANAGE_MEASURES)
def file_page(tx: Tx, page: Page, import_id: int) -> Response:
    """The dry run, done anew each time the page is opened; of a file that is applied the receipt."""
    kept = input_files.staged(tx, import_id)
    plan = input_files.plan(tx, kept.organisation_id, kept.rows) if kept.applied_at is None else None
    lines = sorted(plan.rows if plan else [], key=lambda each: (each.state == input_files.KNOWN, each.row.line))
    return page.render(
        "measures/input_file.html",
        kept=kept,
        plan=plan,
        problems=_problems(tx, kept, plan) if plan else [],
        lines=[_shown(tx, kept, each) for each in lines[:MOST_SHOWN]],
        most=MOST_SHOWN,
        by=tx.scalar(select(Person.name).where(Person.id == kept.applied_by)) if kept.applied_by else None,
        published=input_files.month_words(plan.published) if plan else "",
        applied=page.query("said") == "applied",
    )


def draw_apply(tx: Tx, page: Page, import_id: int) -> Response:
    """What will happen, before the button."""
    kept = input_files.staged(tx, import_id)
    sheet_pages.once(kept)
    plan = input_files.plan(tx, kept.organisation_id, kept.rows)
    months = sorted({each.row.month for each in plan.rows if each.state != input_files.KNOWN})
    return page.render(
        "measures/input_apply.html",
        kept=kept,
        plan=plan,
        months=input_files.month_words(months),
        published=input_files.month_words(plan.published),
    )


@pages.get(PATH + "/files/{import_id:int}/apply", can=Can.MANAGE_MEASURES)
def apply_page(tx: Tx, page: Page, import_id: int) -> Response:
    """A page of its own."""
    return draw_apply(tx, page, import_id)


@pages.post(PATH + "/files/{import_id:int}/apply", can=Can.MANAGE_MEASURES, again=draw_apply)
def apply(tx: Tx, page: Page, import_id: int) -> Response:
    """Bring in all of it, or nothing."""
    input_files.apply(tx, import_id)
    return page.go(f"{PATH}/files/{import_id}", said="applied")
