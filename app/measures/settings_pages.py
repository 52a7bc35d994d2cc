"""Pages of settings' training: all settings with how they take up safeguarding training, one setting, and visits to it."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.calendar import add_months
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.listing import PageNumbers
from app.core.tables_out import TYPES, table_bytes
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.measures import settings, settings_visits
from app.measures.settings import QUIET, UNKNOWN, Asked
from app.measures.settings_models import KINDS, WORDS
from app.policy import Can
from app.programmes.cohort_pages import as_file

pages = Pages()
PATH = "/settings-training"
ONE = PATH + "/{setting_id:int}"
SAID = {
    "planned": "The visit is planned.",
    "held": "The visit is recorded.",
    "answered": "That is recorded.",
    "kind": "The kind of setting is saved.",
}
STATES = {
    "met": ("In date", "green"),
    "lapsing": ("Lapses soon", "yellow"),
    "lapsed": ("Lapsed", "red"),
    "missing": ("Never had it", "grey"),
}


def _asked(page: Page) -> Asked:
    kind = page.query("kind")
    quiet = page.number("quiet", 0)
    return Asked(kind if kind in (*KINDS, UNKNOWN) else "", quiet if quiet in QUIET else 0, page.query("visits") == "never")


def _query(asked: Asked) -> dict[str, Any]:
    """The address again."""
    return {"kind": asked.kind or None, "quiet": asked.quiet or None, "visits": "never" if asked.never else None}


@pages.get(PATH, can=Can.READ_SETTINGS_TRAINING)
def show(tx: Tx, page: Page) -> Response:
    """Settings in the order in which one would look at them, 25 a page."""
    asked = _asked(page)
    found = settings.listed(tx, asked)
    numbers = PageNumbers(len(found), page.number("page"))
    query = _query(asked)
    return page.render(
        "measures/settings.html",
        asked=asked,
        found=found,
        rows=found[numbers.offset : numbers.offset + numbers.size],
        numbers=numbers,
        quiet_since=add_months(tx.today, -12),
        sets=settings.versions(tx),
        kinds=KINDS,
        unknown=UNKNOWN,
        months=QUIET,
        file=lambda kind: url(f"{PATH}/table.{kind}", **query),
        link=lambda number: url(PATH, **query, page=number),
    )


@pages.get(PATH + "/table.{file_type}", can=Can.READ_SETTINGS_TRAINING)
def take(tx: Tx, page: Page, file_type: str) -> Response:
    """The same settings as a file, all of them. Who took it is in the audit trail before the file leaves."""
    if file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    asked = _asked(page)
    found = settings.listed(tx, asked)
    page.took("settings-training.exported", "units", rows=len(found), format=file_type, **_query(asked))
    title = f"Safeguarding training of settings as at {tx.today.isoformat()}"
    return as_file(file_type, title, table_bytes(file_type, title, settings.HEADS, [each.cells for each in found]), tx)


# One setting -------------------------------------------------------------------------------------------------------


@pages.get(ONE, can=Can.READ_SETTINGS_TRAINING)
def one(tx: Tx, page: Page, setting_id: int) -> Response:
    """A setting: its figures, its people for who may see them, and what was recorded of visits."""
    found = settings.one(tx, setting_id)
    people = settings.people(tx, setting_id) if policy.may(tx.actor, Can.READ_REQUIRED) else []
    if people:
        page.took("settings-training.viewed", "units", setting=setting_id, rows=len(people))
    history = settings.history(tx, setting_id)
    return page.render(
        "measures/setting.html",
        setting=found,
        people=people,
        states=STATES,
        sets=settings.versions(tx),
        history=history,
        plan=next((row for row in history if row.kind == "planned" and row.stands), None),
        kinds=KINDS,
        said=SAID.get(page.query("said"), ""),
        quiet_since=add_months(tx.today, -12),
    )


def draw_visit(tx: Tx, page: Page, setting_id: int) -> Response:
    """The form for a visit that was, or with `?plan=yes` in the address for one that is to be."""
    found = settings.one(tx, setting_id)
    plan = (text(page.form, "plan") if page.form else page.query("plan")) == "yes"
    if not page.form and not plan:
        page.form = forms.day_fields("on_date", tx.today)
    return page.render(
        "measures/setting_visit.html",
        setting=found,
        plan=plan,
        words=WORDS,
        entry_key=page.value("entry_key") or secrets.token_hex(16),
    )


@pages.get(ONE + "/visits/new", can=Can.READ_SETTINGS_TRAINING)
def new_visit(tx: Tx, page: Page, setting_id: int) -> Response:
    """Somebody was there, or means to go."""
    return draw_visit(tx, page, setting_id)


@pages.post(ONE + "/visits/new", can=Can.READ_SETTINGS_TRAINING, again=draw_visit)
def save_visit(tx: Tx, page: Page, setting_id: int) -> Response:
    """It is written down."""
    settings.one(tx, setting_id)
    problems = Problems()
    on_date = forms.day(page.form, "on_date", "The date", problems, needed=True)
    problems.raise_any()
    assert on_date is not None
    plan = text(page.form, "plan") == "yes"
    write = settings_visits.plan if plan else settings_visits.record
    who, words, key = text(page.form, "who"), text(page.form, "words"), text(page.form, "entry_key")[:64] or None
    write(tx, setting_id, on_date, who, words, guard=decided(page.form), entry_key=key)
    return page.go(f"{PATH}/{setting_id}", said="planned" if plan else "held")


def draw_answer(tx: Tx, page: Page, visit_id: int) -> Response:
    """The form for why a plan is called off or a visit taken back."""
    row, found = _visit(tx, visit_id)
    return page.render("measures/setting_answer.html", setting=found, row=row, words=WORDS)


def _visit(tx: Tx, visit_id: int) -> tuple[Any, settings.Setting]:
    policy.require_for_host(tx, Can.READ_SETTINGS_TRAINING)
    row = settings.visit(tx, visit_id)
    return row, settings.one(tx, row.organisation_id)


@pages.get(PATH + "/visits/{visit_id:int}/answer", can=Can.READ_SETTINGS_TRAINING)
def answer_form(tx: Tx, page: Page, visit_id: int) -> Response:
    """It will not take place, or it never did."""
    return draw_answer(tx, page, visit_id)


@pages.post(PATH + "/visits/{visit_id:int}/answer", can=Can.READ_SETTINGS_TRAINING, again=draw_answer)
def answer(tx: Tx, page: Page, visit_id: int) -> Response:
    """It is recorded."""
    row, _ = _visit(tx, visit_id)
    settings_visits.answer(tx, visit_id, text(page.form, "words"), guard=decided(page.form))
    return page.go(f"{PATH}/{row.organisation_id}", said="answered")


@pages.post(ONE + "/kind", can=Can.READ_SETTINGS_TRAINING, again=one)
def say_kind(tx: Tx, page: Page, setting_id: int) -> Response:
    """What kind of setting it is."""
    settings_visits.say_kind(tx, setting_id, text(page.form, "kind"))
    return page.go(f"{PATH}/{setting_id}", said="kind")
