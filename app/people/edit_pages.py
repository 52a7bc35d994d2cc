"""Pages with which HR records people: a new person, undated details, and dated ones from a day on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.db import FOREVER
from app.core.errors import Invalid, NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people import details, operations, queries, search
from app.people.models import Contract
from app.policy import Can

pages = Pages()

CONTRACTS = [(contract.value, contract.value.capitalize()) for contract in Contract]
DAYS = [(str(n), name) for n, name in enumerate("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())]
NAMES = ("first_name", "last_name", "known_as", "email", "employee_number", "swe_number")
LONGEST = {"first_name": 80, "last_name": 80, "known_as": 80, "email": 254, "employee_number": 40, "swe_number": 20, "job_title": 120}
WHAT = {"team": "team", "manager": "line manager", "stage": "career stage", "post": "post"}


# A new person ------------------------------------------------------------------------------------------------------


@pages.get("/people/new", can=Can.WRITE_PERSON)
def new_form(tx: Tx, page: Page) -> Response:
    """The form for somebody who is not recorded yet."""
    if page.form:
        days = forms.many(page.form, "days")
    else:
        page.form = {"contract": Contract.PERMANENT.value, "fte": "1"}
        days = ["0", "1", "2", "3", "4"]
    return page.render("people/new.html", contracts=CONTRACTS, stages=[("", "Not recorded"), *queries.stages(tx)], days=DAYS, chosen=days)


@pages.post("/people/new", can=Can.WRITE_PERSON, again=new_form)
def create(tx: Tx, page: Page) -> Response:
    """Record them with their team, post, manager and stage from the day they start."""
    problems = Problems()
    values = _names(page.form, problems)
    starts = _first_day(page.form, "starts", "Start date", problems)
    unit = _unit(tx, page.form, problems)
    manager = _manager(tx, page.form, problems, needed=False)
    post = _post(page.form, problems)
    stage = _stage(tx, page.form, problems, needed=False)
    if unit is not None and not policy.covers(tx, Can.WRITE_PERSON, unit.organisation_id):
        problems.add("unit", "Your account cannot add people to this organisation. Ask its HR office")
    problems.raise_any()
    assert starts is not None and unit is not None
    person_id = operations.create_person(tx, unit.organisation_id, **values, started_on=starts)
    operations.set_team(tx, person_id, unit.id, starts)
    operations.set_post(tx, person_id, from_=starts, **post)
    if manager is not None:
        operations.set_manager(tx, person_id, manager, starts)
    if stage:
        operations.set_stage(tx, person_id, stage, starts)
    return page.go(f"/people/{person_id}", said="created")


# Undated details ---------------------------------------------------------------------------------------------------


@pages.get("/people/{person_id:int}/edit", can=Can.WRITE_PERSON)
def edit_form(tx: Tx, page: Page, person_id: int) -> Response:
    """Names, e-mail address and numbers."""
    person = policy.person(tx, Can.WRITE_PERSON, person_id)
    if not page.form:
        page.form = {name: getattr(person, name) or "" for name in NAMES} | {"version": str(person.version)}
        page.form |= forms.day_fields("leaving", person.leaving_on)
        page.saw("record.viewed", person_id)
    return page.render("people/edit.html", person=person)


@pages.post("/people/{person_id:int}/edit", can=Can.WRITE_PERSON, again=edit_form)
def edit(tx: Tx, page: Page, person_id: int) -> Response:
    """Change them, unless somebody else did in the meantime."""
    person = policy.person(tx, Can.WRITE_PERSON, person_id)
    problems = Problems()
    values = _names(page.form, problems)
    leaving = forms.day(page.form, "leaving", "Last day", problems)
    if leaving is not None and leaving < (person.started_on or details.EARLIEST):
        problems.add("leaving", "The last day must not be before the day they started")
    version = forms.number(page.form, "version", "Version", problems)
    problems.raise_any()
    operations.change_person(tx, person_id, read_version=version, **values, leaving_on=leaving)
    return page.go(f"/people/{person_id}", said="changed")


# Dated details -----------------------------------------------------------------------------------------------------


@pages.get("/people/{person_id:int}/change/{what}", can=Can.WRITE_PERSON)
def change_form(tx: Tx, page: Page, person_id: int, what: str) -> Response:
    """A new team, manager, stage or post from a date."""
    if what not in WHAT:
        raise NotFound("There is nothing at this address.")
    record = queries.record(tx, person_id, Can.WRITE_PERSON)
    now = record.now(what)
    days = forms.many(page.form, "days")
    if not page.form:
        page.form = {**forms.day_fields("from", tx.today)}
        if what == "post" and now is not None:
            page.form |= {"job_title": now.words, "contract": now.contract, "fte": f"{now.fte:g}"}
            days = [str(n) for n, works in enumerate(now.working_days) if works == "1"]
        page.saw("record.viewed", person_id)
    return page.render(
        "people/change.html",
        record=record,
        person=record.person,
        what=what,
        noun=WHAT[what],
        now=now,
        contracts=CONTRACTS,
        stages=queries.stages(tx),
        days=DAYS,
        chosen=days,
    )


@pages.post("/people/{person_id:int}/change/{what}", can=Can.WRITE_PERSON, again=change_form)
def change(tx: Tx, page: Page, person_id: int, what: str) -> Response:
    """Record it from that day on; what was believed for then is superseded, not lost."""
    if what not in WHAT:
        raise NotFound("There is nothing at this address.")
    policy.person(tx, Can.WRITE_PERSON, person_id)
    problems = Problems()
    from_ = _first_day(page.form, "from", "The date it starts", problems)
    work: Callable[[date], None] = _CHANGES[what](tx, page.form, problems, person_id)
    problems.raise_any()
    assert from_ is not None
    work(from_)
    return page.go(f"/people/{person_id}", said=what)


def _change_team(tx: Tx, form: dict[str, Any], problems: Problems, person_id: int) -> Callable[[date], None]:
    unit = _unit(tx, form, problems)
    return lambda from_: operations.set_team(tx, person_id, unit.id, from_)


def _change_manager(tx: Tx, form: dict[str, Any], problems: Problems, person_id: int) -> Callable[[date], None]:
    nobody = text(form, "nobody") == "1"
    manager = None if nobody else _manager(tx, form, problems, needed=True)
    return lambda from_: operations.set_manager(tx, person_id, manager, from_)


def _change_stage(tx: Tx, form: dict[str, Any], problems: Problems, person_id: int) -> Callable[[date], None]:
    stage = _stage(tx, form, problems, needed=True)
    return lambda from_: operations.set_stage(tx, person_id, stage, from_)


def _change_post(_tx: Tx, form: dict[str, Any], problems: Problems, person_id: int) -> Callable[[date], None]:
    post = _post(form, problems)
    return lambda from_: operations.set_post(_tx, person_id, from_=from_, **post)


_CHANGES = {"team": _change_team, "manager": _change_manager, "stage": _change_stage, "post": _change_post}


# Reading the forms -------------------------------------------------------------------------------------------------


def _first_day(form: dict[str, Any], name: str, label: str, problems: Problems) -> date | None:
    day = forms.day(form, name, label, problems, needed=True)
    if day is not None and not details.EARLIEST <= day < FOREVER:
        problems.add(name, f"{label} must be in {details.EARLIEST.year} or later, and before the year 9999")
    return day


def _names(form: dict[str, Any], problems: Problems) -> dict[str, str]:
    values = {name: text(form, name) for name in NAMES}
    for name, label in (("first_name", "first name"), ("last_name", "last name")):
        if not values[name]:
            problems.add(name, f"Enter a {label}")
    for name, value in values.items():
        if len(value) > LONGEST[name]:
            problems.add(name, f"This must be {LONGEST[name]} characters or fewer")
    for name, check in (("swe_number", details.swe_number), ("email", details.email_address)):
        try:
            check(values[name])
        except Invalid as wrong:
            problems.errors += wrong.errors
    return values


def _unit(tx: Tx, form: dict[str, Any], problems: Problems) -> Any:
    """The team that was meant by its name or code."""
    said = text(form, "unit")[:120]
    if not said:
        problems.add("unit", "Enter the team’s name or code")
        return None
    found = queries.units_called(tx, said, Can.WRITE_PERSON)
    if len(found) == 1:
        return found[0]
    if not found:
        problems.add("unit", f"There is no team called “{said}”")
    else:
        names = ", ".join(f"{row.name} ({row.code})" for row in found)
        problems.add("unit", f"Several teams match. Enter one name or code of: {names}")
    return None


def _manager(tx: Tx, form: dict[str, Any], problems: Problems, *, needed: bool) -> int | None:
    """The manager who was meant by name, e-mail address or employee number."""
    said = text(form, "manager")[:120]
    if not said:
        if needed:
            problems.add("manager", "Enter the manager’s name, e-mail address or employee number")
        return None
    found = search.search(tx, search.Asked(said)) if search.Asked(said).anything else search.Found([], 0)
    exact = [row for row in found.rows if said.lower() in ((row.email or ""), (row.employee_number or "").lower(), row.name.lower())]
    rows = exact if len(exact) == 1 else found.rows
    if len(rows) == 1:
        return int(rows[0].id)
    if not rows:
        problems.add(
            "manager", f"Nobody called “{said}” was found" if found.total == 0 else "Too many people match. Enter an e-mail address"
        )
    else:
        names = ", ".join(f"{row.name} ({row.email or row.employee_number})" for row in rows[:5])
        problems.add("manager", f"Several people match. Enter the e-mail address of one of: {names}")
    return None


def _stage(tx: Tx, form: dict[str, Any], problems: Problems, *, needed: bool) -> str:
    stage = text(form, "stage")
    if stage and stage not in {code for code, _ in queries.stages(tx)}:
        problems.add("stage", "Choose a career stage from the list")
    if needed and not stage:
        problems.add("stage", "Choose a career stage")
    return stage


def _post(form: dict[str, Any], problems: Problems) -> dict[str, Any]:
    title, contract = text(form, "job_title"), text(form, "contract")
    if not title:
        problems.add("job_title", "Enter a job title")
    elif len(title) > LONGEST["job_title"]:
        problems.add("job_title", f"Job title must be {LONGEST['job_title']} characters or fewer")
    if contract not in {value for value, _ in CONTRACTS}:
        problems.add("contract", "Choose a contract from the list")
    try:
        fte = Decimal(text(form, "fte") or "1")
        if not (Decimal("0.001") <= fte <= Decimal("1.5")):
            raise InvalidOperation
    except InvalidOperation:
        fte = Decimal(1)
        problems.add("fte", "Full-time equivalent must be a number from 0.001 to 1.5, like 0.8")
    days = set(forms.many(form, "days"))
    mask = "".join("1" if value in days else "0" for value, _ in DAYS)
    if "1" not in mask:
        problems.add("days", "Choose the days they work")
    return {"job_title": title, "contract": contract, "fte": fte.quantize(Decimal("0.001")), "working_days": mask}
