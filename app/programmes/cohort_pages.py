"""Cohorts: the list, a new one, the board with its files, and enrolling somebody."""

from __future__ import annotations

import re
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Row, or_, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import Invalid, NotFound
from app.core.forms import Problems, text
from app.core.listing import PageNumbers
from app.core.tables_out import TYPES, table_bytes
from app.core.text import slug
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.frameworks.models import ProgrammeVersion
from app.people.models import Person
from app.policy import Can
from app.programmes import board, terms
from app.programmes.eligibility import CONFIRMABLE
from app.programmes.models import Side
from app.programmes.operations import cohorts, enrol
from app.programmes.operations.outlook import look

pages = Pages()
SAID = {
    "created": "The cohort is there. Enrol its people next.",
    "changed": "The cohort’s name is changed.",
    "closed": "The cohort is closed.",
    "enrolled": "They are enrolled, and have been told.",
}
NAMED = ("assessor", "line_manager", "mentor", "employer", "provider")  # parts that are named at enrolment, where the version knows them


@pages.get("/cohorts", can=Can.READ_ENROLMENT)
def find(tx: Tx, page: Page) -> Response:
    """Cohorts that are running; closed ones on asking."""
    closed = page.query("closed") == "yes"
    return page.render(
        "programmes/cohorts/list.html", rows=board.cohorts(tx, closed=closed), closed=closed, said=SAID.get(page.query("said"), "")
    )


@pages.get("/cohorts/new", can=Can.MANAGE_ENROLMENTS)
def new_form(tx: Tx, page: Page) -> Response:
    """On which version, when, and for which part of the organisation."""
    versions = tx.rows(
        select(ProgrammeVersion.id, ProgrammeVersion.title, ProgrammeVersion.version, ProgrammeVersion.provisional)
        .where(ProgrammeVersion.state == "published")
        .order_by(ProgrammeVersion.title, ProgrammeVersion.published_at.desc())
    )
    offered = [(row.id, f"{row.title}, version {row.version}{' (provisional)' if row.provisional else ''}") for row in versions]
    return page.render(
        "programmes/cohorts/new.html", versions=[("", "Choose"), *offered], units=[("", "The whole council"), *cohorts.units(tx)]
    )


@pages.post("/cohorts/new", can=Can.MANAGE_ENROLMENTS, again=new_form)
def create(tx: Tx, page: Page) -> Response:
    """The cohort is there."""
    problems = Problems()
    version_id = forms.one_id(page.form, "version")
    if version_id is None:
        problems.add("version", "Choose a programme")
    if not text(page.form, "title"):
        problems.add("title", "Enter a name for the cohort")
    starts_on = forms.day(page.form, "starts_on", "The first day", problems, needed=True)
    problems.raise_any()
    assert version_id is not None and starts_on is not None
    key = cohorts.create_cohort(tx, version_id, text(page.form, "title"), starts_on, forms.one_id(page.form, "unit"))
    return page.go(f"/cohorts/{key}", said="created")


@pages.get("/cohorts/{cohort_id:int}/change", can=Can.MANAGE_ENROLMENTS)
def change_form(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Its name, and closing it."""
    row = cohorts.mine(tx, Can.MANAGE_ENROLMENTS, cohort_id)
    return page.render("programmes/cohorts/change.html", cohort=row)


@pages.post("/cohorts/{cohort_id:int}/change", can=Can.MANAGE_ENROLMENTS, again=change_form)
def change(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Another name."""
    cohorts.change_cohort(tx, cohort_id, title=text(page.form, "title"), read_version=forms.one_id(page.form, "version") or 0)
    return page.go(f"/cohorts/{cohort_id}", said="changed")


@pages.post("/cohorts/{cohort_id:int}/close", can=Can.MANAGE_ENROLMENTS, again=change_form)
def close(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Nobody joins it any more."""
    cohorts.close_cohort(tx, cohort_id)
    return page.go("/cohorts", said="closed")


# The board ---------------------------------------------------------------------------------------------------------


def _asked(page: Page) -> board.Asked:
    show, sort, waiting = page.query("show"), page.query("sort", "due"), page.query("waiting")
    return board.Asked(
        show if show in board.SHOW else "",
        waiting if re.fullmatch(r"[a-z_]{1,40}", waiting) else "",
        sort if sort in board.SORTS else "due",
    )


def _address(cohort_id: int, asked: board.Asked, tail: str = "", **more: Any) -> str:
    given = {name: value for name, value in asdict(asked).items() if value and (name, value) != ("sort", "due")}
    return url(f"/cohorts/{cohort_id}{tail}", **given, **more)


@pages.get("/cohorts/{cohort_id:int}", can=Can.READ_ENROLMENT)
def show(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Who is where, what falls due, who is holding it up; 25 a page."""
    cohort, asked = board.cohort(tx, cohort_id), _asked(page)
    everybody = board.everybody(tx, cohort)
    chosen = board.chosen(everybody, asked, tx.today)
    numbers = PageNumbers(len(chosen), page.number("page"))
    rows = chosen[numbers.offset : numbers.offset + numbers.size]
    if rows:
        page.took("board.viewed", "cohorts", cohort=cohort_id, rows=len(rows), page=numbers.number)
    return page.render(
        "programmes/cohorts/board.html",
        cohort=cohort,
        asked=asked,
        counts=board.counts(everybody, tx.today),
        rows=rows,
        names=board.people(tx, [row.id for row in rows]),
        numbers=numbers,
        today=tx.today,
        overdue=board.overdue,
        holder=lambda capacity: board.holder_words(cohort.definition, capacity),
        statuses=board.STATUSES,
        shows=list(board.SHOW.items()),
        sorts=list(board.SORTS.items()),
        address=lambda **given: _address(cohort_id, board.Asked(**given)),
        file=lambda kind: _address(cohort_id, asked, f"/people.{kind}"),
        link=lambda number: _address(cohort_id, asked, page=number),
        said=SAID.get(page.query("said"), ""),
    )


@pages.get("/cohorts/{cohort_id:int}/people.{file_type}", can=Can.READ_ENROLMENT)
def export(tx: Tx, page: Page, cohort_id: int, file_type: str) -> Response:
    """The board as a file, all of it that is asked for. Who took it is in the audit trail before it leaves."""
    if file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    cohort, asked = board.cohort(tx, cohort_id), _asked(page)
    rows = board.chosen(board.everybody(tx, cohort), asked, tx.today)
    names = board.people(tx, [row.id for row in rows])
    cells = (board.as_cells(row, tx.today, cohort.definition, names) for row in rows)
    page.took("board.exported", "cohorts", cohort=cohort_id, rows=len(rows), format=file_type)
    return as_file(file_type, cohort.title, table_bytes(file_type, cohort.title, board.HEADS, cells), tx)


def as_file(kind: str, title: str, body: bytes, tx: Tx) -> Response:
    """A file to save, named after what it holds and today."""
    name = f"{slug(title)}-{tx.today.isoformat()}.{kind}"
    return Response(body, media_type=TYPES[kind], headers={"content-disposition": f'attachment; filename="{name}"'})


# Enrolling ---------------------------------------------------------------------------------------------------------


def found(tx: Tx, can: Can, said: str) -> Row[Any] | None:
    """Somebody in reach, by the whole of their e-mail address, employee number or Social Work England number."""
    given = said.strip()[:254]
    if not given:
        return None
    called = or_(Person.email == given.lower(), Person.employee_number == given, Person.swe_number == given.upper().replace(" ", ""))
    rows = tx.rows(select(Person.id, Person.name).where(called, policy.within_reach(tx, can, Person.id)).limit(2))
    return rows[0] if len(rows) == 1 else None


def _fte(given: str, problems: Problems) -> Decimal | None:
    """0.6, or 60%."""
    if not given:
        return None
    try:
        value = Decimal(given.removesuffix("%").strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        problems.add("fte", "The working pattern must be a part of full time, like 0.6")
        return None
    return value / 100 if given.endswith("%") else value


@pages.get("/cohorts/{cohort_id:int}/enrol", can=Can.MANAGE_ENROLMENTS)
def enrol_form(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Who; then whether they may, whether the grant can be claimed, and what would be due when, before anything is done."""
    cohort = cohorts.mine(tx, Can.MANAGE_ENROLMENTS, cohort_id)
    seen = board.cohort(tx, cohort_id)
    if seen.definition.get("apprenticeship"):
        return page.go("/apprenticeships/new", cohort=str(cohort_id))
    if not page.form:
        page.form = {name: page.query(name) for name in ("who", "starts_on", "starts_on-month", "starts_on-year", "fte")}
        if not page.form["starts_on"]:
            page.form |= forms.day_fields("starts_on", cohort.starts_on)
    said, problems = text(page.form, "who"), Problems()
    starts_on, fte = forms.day(page.form, "starts_on", "The first day", problems), _fte(text(page.form, "fte"), problems)
    person = found(tx, Can.MANAGE_ENROLMENTS, said)
    if said and person is None:
        problems.add("who", f"Nobody you look after has the e-mail address or number “{said}”")
    outlook = None
    if person is not None and starts_on is not None and not problems.errors:
        outlook = look(tx, cohort, person.id, starts_on, fte)
        page.saw("enrolment.considered", person.id)
    if page.problem is None and problems.errors:
        page.problem = Invalid(problems.errors[0]["message"] + ".", errors=problems.errors)
    named = [(name, terms.title(seen.definition, name)) for name in NAMED if name in terms.capacities(seen.definition, Side.ASSESSING)]
    return page.render(
        "programmes/cohorts/enrol.html",
        cohort=seen,
        outlook=outlook,
        named=named,
        confirmable=CONFIRMABLE,
        stage_boxes=[(key, title) for key, title, _ in outlook.stages] if outlook else [],
        chosen=forms.many(page.form, "done"),
    )


@pages.post("/cohorts/{cohort_id:int}/enrol", can=Can.MANAGE_ENROLMENTS, again=enrol_form)
def enrol_one(tx: Tx, page: Page, cohort_id: int) -> Response:
    """They are on the programme."""
    problems = Problems()
    person = found(tx, Can.MANAGE_ENROLMENTS, text(page.form, "who"))
    if person is None:
        problems.add("who", "Enter the e-mail address or number of somebody you look after")
    starts_on, fte = forms.day(page.form, "starts_on", "The first day", problems, needed=True), _fte(text(page.form, "fte"), problems)
    people = {}
    for name in NAMED:
        if said := text(page.form, name):
            somebody = found(tx, Can.READ_PERSON, said)
            if somebody is None:
                problems.add(name, f"Nobody you look after has the e-mail address or number “{said}”")
            else:
                people[name] = somebody.id
    problems.raise_any()
    assert person is not None and starts_on is not None
    key = enrol.enrol(
        tx,
        cohort_id,
        person.id,
        starts_on,
        people,
        fte,
        confirmed=[code for code in CONFIRMABLE if text(page.form, f"confirm_{code}")],
        funded_before=bool(text(page.form, "funded_before")),
        transferred_from=text(page.form, "transferred_from") or None,
        done=forms.ids(page.form, "done"),
    )
    return page.go(f"/enrolments/{key}", said="enrolled")
