"""Apprenticeships: who is on one, one in numbers, and reviews, English and maths, the gateway; hours are in hours_pages."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.core import forms, sheet_pages
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.models import ProgrammeVersion
from app.frameworks.queries import apprenticeship_standard
from app.policy import Can
from app.programmes import apprentice_queries as queries
from app.programmes import terms
from app.programmes.access import Part, part
from app.programmes.apprentice_queries import Shown
from app.programmes.apprenticeship import hours as said_hours
from app.programmes.checklist import checklist
from app.programmes.cohort_pages import found
from app.programmes.models import Cohort
from app.programmes.operations import apprentices, changes, cohorts, gateway, provider_file, reviews
from app.programmes.operations.apprentices import TUTORS
from app.programmes.operations.hours import ACTIVITIES

pages = Pages()
SAID = {
    "begun": "They are on the apprenticeship, and have been told.",
    "held": "The review is recorded. Write its record now; all three sign it.",
    "decided": "The decision is recorded.",
    "confirmed": "It is recorded as shown by the provider.",
    "passed": "The gateway is passed.",
    "assessed": "The result is recorded, and the apprenticeship is over.",
    "taken": "The file is taken in.",
}
NAMED = ("employer", "provider", "mentor")


def one(tx: Tx, enrolment_id: int, can: Can = Can.READ_ENROLMENT) -> tuple[Part, Shown]:
    """The actor's part and the numbers; NotFound for outsiders and for other programmes."""
    mine, shown = part(tx, can, enrolment_id), queries.shown(tx, enrolment_id)
    if shown is None:
        raise _no_apprenticeship()
    return mine, shown


def _no_apprenticeship() -> NotFound:
    return NotFound("This programme is not an apprenticeship.", code="no-apprenticeship")


@pages.get("/apprenticeships", can=Can.READ_ENROLMENT)
def find(tx: Tx, page: Page) -> Response:
    """Who is on an apprenticeship: hours, next review and safeguarding training, what needs attention first."""
    over = page.query("over") == "yes"
    return page.render(
        "programmes/apprentices/list.html",
        rows=queries.listed(tx, over=over),
        over=over,
        hours=said_hours,
        said=SAID.get(page.query("said"), ""),
    )


@pages.get("/apprenticeships/{enrolment_id:int}", can=Can.READ_ENROLMENT)
def show(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Hours against the plan, reviews, what is decided, and what is next."""
    mine, shown = one(tx, enrolment_id)
    page.saw("enrolment.viewed", mine.enrolment.person_id)
    return page.render(
        "programmes/apprentices/show.html",
        enrolment=mine.enrolment,
        shown=shown,
        reviews=reviews.of(tx, enrolment_id),
        hours=said_hours,
        tutor=mine.has(*TUTORS),
        learner=mine.has("apprentice"),
        runs=changes.runs(tx, mine.enrolment),
        inside=bool(mine.capacities),
        results=gateway.RESULTS,
        said=SAID.get(page.query("said"), ""),
    )


# Enrolling -----------------------------------------------------------------------------------------------------------


@pages.get("/apprenticeships/new", can=Can.MANAGE_ENROLMENTS)
def new_form(tx: Tx, page: Page) -> Response:
    """Into which cohort, who, when, with which provider; the rules follow from the start date."""
    rows = tx.rows(
        select(Cohort.id, Cohort.title, Cohort.starts_on, ProgrammeVersion.definition)
        .join(ProgrammeVersion, ProgrammeVersion.id == Cohort.version_id)
        .where(Cohort.closed_on.is_(None))
        .order_by(Cohort.starts_on.desc(), Cohort.id)
    )
    offered = [row for row in rows if row.definition.get("apprenticeship")]
    chosen = forms.one_id(page.form, "cohort") or forms.one_id({"cohort": page.query("cohort")}, "cohort")
    if not page.form:
        day = next((row.starts_on for row in offered if row.id == chosen), None)
        page.form = {"cohort": str(chosen or ""), "weekly_hours": "37", **forms.day_fields("starts_on", day)}
    code = next((row.definition["apprenticeship"]["standard"] for row in offered if row.id == chosen), None)
    standard = apprenticeship_standard(tx, code) if code else None
    return page.render(
        "programmes/apprentices/new.html",
        cohorts=[("", "Choose"), *((row.id, row.title) for row in offered)],
        options=[("", "Choose"), *((each, each) for each in standard.options)] if standard and standard.options else [],
        named=[(name, terms.TITLES[name]) for name in NAMED],
    )


@pages.post("/apprenticeships/new", can=Can.MANAGE_ENROLMENTS, again=new_form)
def enrol(tx: Tx, page: Page) -> Response:
    """They are on it."""
    problems, form = Problems(), page.form
    cohort_id = forms.one_id(form, "cohort")
    if cohort_id is None:
        problems.add("cohort", "Choose the cohort")
    person = found(tx, Can.MANAGE_ENROLMENTS, text(form, "who"))
    if person is None:
        problems.add("who", "Enter the e-mail address or number of somebody you look after")
    starts_on = forms.day(form, "starts_on", "The first day", problems, needed=True)
    weekly = _weekly(text(form, "weekly_hours"), problems)
    prior = forms.number(form, "prior_hours", "The hours taken off", problems)
    people = {}
    for name in NAMED:
        somebody = found(tx, Can.READ_PERSON, text(form, name))
        if somebody is not None:
            people[name] = somebody.id
        elif text(form, name):
            problems.add(name, "Nobody you look after has this e-mail address or number")
    problems.raise_any()
    assert cohort_id is not None and person is not None and starts_on is not None
    cohorts.mine(tx, Can.MANAGE_ENROLMENTS, cohort_id)
    key = apprentices.enrol_apprentice(
        tx,
        cohort_id,
        person.id,
        starts_on,
        people,
        provider=text(form, "college"),
        weekly_hours=weekly,
        prior_hours=prior or 0,
        prior_reason=text(form, "prior_reason"),
        option=text(form, "option") or None,
        provider_keeps=bool(text(form, "provider_keeps")),
    )
    return page.go(f"/apprenticeships/{key}", said="begun")


def _weekly(given: str, problems: Problems) -> Decimal:
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or not 1 <= value <= 60:
        problems.add("weekly_hours", "The hours a week must be a number from 1 to 60, like 37 or 18.5")
    return value


# From the provider's system ------------------------------------------------------------------------------------------


@pages.get("/apprenticeships/import", can=Can.MANAGE_ENROLMENTS)
def import_form(tx: Tx, page: Page) -> Response:
    """Where the provider's file is sent."""
    del tx
    return page.render("programmes/apprentices/import.html", plan=None, activities=ACTIVITIES, results=gateway.RESULTS)


def _parsed(tx: Tx, page: Page) -> list[tuple[int, dict[str, str]]]:
    """Read the file before the writer's turn is taken."""
    del tx
    return provider_file.parse(sheet_pages.chosen(page.form, "Choose the file from the provider’s system.")[1])


@pages.post("/apprenticeships/import", can=Can.MANAGE_ENROLMENTS, again=import_form, first=_parsed, uploads=True)
def take_in(tx: Tx, page: Page) -> Response:
    """Say what the file would bring; or take it in, all of it or nothing."""
    planned = provider_file.plan(tx, page.found)
    if planned.problems or not text(page.form, "now"):
        return page.render("programmes/apprentices/import.html", plan=planned, activities=ACTIVITIES, results=gateway.RESULTS)
    provider_file.take_in(tx, page.found)
    return page.go("/apprenticeships", said="taken")


# Reviews, English and maths ------------------------------------------------------------------------------------------


@pages.get("/apprenticeships/{enrolment_id:int}/review", can=Can.READ_ENROLMENT)
def review_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """When the three met."""
    mine, shown = one(tx, enrolment_id)
    return page.render("programmes/apprentices/review.html", enrolment=mine.enrolment, shown=shown)


@pages.post("/apprenticeships/{enrolment_id:int}/review", can=Can.READ_ENROLMENT, again=review_form)
def hold(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """It took place; its record is begun."""
    problems = Problems()
    on = forms.day(page.form, "held_on", "The day of the review", problems, needed=True)
    problems.raise_any()
    assert on is not None
    reviews.hold(tx, enrolment_id, on)
    return page.go(f"/apprenticeships/{enrolment_id}", said="held")


@pages.get("/apprenticeships/{enrolment_id:int}/english-maths", can=Can.READ_ENROLMENT)
def english_maths_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """What is decided about English and maths."""
    mine, shown = one(tx, enrolment_id)
    return page.render("programmes/apprentices/english_maths.html", enrolment=mine.enrolment, shown=shown)


@pages.post("/apprenticeships/{enrolment_id:int}/english-maths", can=Can.READ_ENROLMENT, again=english_maths_form)
def decide(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """It is decided, with the reason."""
    form = page.form
    apprentices.decide_english_maths(tx, enrolment_id, text(form, "decision"), text(form, "reason"), adult=bool(text(form, "adult")))
    return page.go(f"/apprenticeships/{enrolment_id}", said="decided")


# The gateway ---------------------------------------------------------------------------------------------------------


@pages.get("/apprenticeships/{enrolment_id:int}/gateway", can=Can.READ_ENROLMENT)
def gateway_page(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Everything that must hold, what is missing, and afterwards the result."""
    mine, row = part(tx, Can.READ_ENROLMENT, enrolment_id), queries.facts(tx, enrolment_id)
    if row is None:
        raise _no_apprenticeship()
    lines = checklist(tx, enrolment_id)
    return page.render(
        "programmes/apprentices/gateway.html",
        enrolment=mine.enrolment,
        row=row,
        lines=lines,
        runs=changes.runs(tx, mine.enrolment) and mine.enrolment.status not in apprentices.OVER,
        to_confirm=[("", "Choose"), *((line.code, line.title) for line in lines.missing)],
        results=[("", "Choose"), *gateway.RESULTS.items()],
        results_said=gateway.RESULTS,
        said=SAID.get(page.query("said"), ""),
    )


@pages.post("/apprenticeships/{enrolment_id:int}/gateway", can=Can.MANAGE_ENROLMENTS, again=gateway_page)
def pass_or_say(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Pass the gateway, record the result, or say where the provider's record shows a line."""
    form, act = page.form, text(page.form, "act")
    done = {"result": _result, "line": _line}.get(act, _pass)(tx, form, enrolment_id)
    return page.go(f"/apprenticeships/{enrolment_id}/gateway", said=done)


def _pass(tx: Tx, form: dict[str, Any], enrolment_id: int) -> str:
    del form
    gateway.pass_gateway(tx, enrolment_id)
    return "passed"


def _line(tx: Tx, form: dict[str, Any], enrolment_id: int) -> str:
    gateway.confirm_line(tx, enrolment_id, text(form, "line"), text(form, "words"))
    return "confirmed"


def _result(tx: Tx, form: dict[str, Any], enrolment_id: int) -> str:
    problems = Problems()
    on = forms.day(form, "on", "The day of the result", problems, needed=True)
    problems.raise_any()
    assert on is not None
    gateway.assessed(tx, enrolment_id, text(form, "result"), on, text(form, "organisation"))
    return "assessed"
