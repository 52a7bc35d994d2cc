"""Supervision on pages: one's own, a person's, and recording it in under a minute on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people import cover
from app.people.models import Person
from app.policy import Can
from app.supervision import action_queries, operations, queries, words
from app.supervision.models import KINDS, PLACES, WITHDRAWN, Supervision
from app.supervision.operations import supervising
from app.supervision.queries import Line

pages = Pages()
_SAID = {
    "recorded": "The supervision is recorded.",
    "own": "Recorded. It counts now, and whoever supervised you is asked to confirm it.",
    "corrected": "The entry is corrected.",
    "withdrawn": "The entry no longer counts.",
    "confirmed": "Confirmed.",
    "time": "The protected time is recorded.",
    "caseload": "The caseload is recorded.",
    "entry": "The entry no longer counts.",
    "agreed": "The action is written down.",
    "changed": "The action is changed.",
    "done": "The action is done.",
    "dropped": "The action is closed: no longer needed.",
    "reopen": "The action is open again.",
    "take-back": "The action and its words are gone.",
}
LATELY = timedelta(days=366)  # actions agreed so long ago are counted where their words are not shown
SHOWN = 60  # entries of one person: five years of monthly supervision, one of a newly qualified social worker's
_SPAN = "held_on"


def said(page: Page) -> str:
    """What has just been done, in words."""
    return _SAID.get(page.query("said"), "")


@pages.get("/supervision")
def mine(tx: Tx, page: Page) -> Response:
    """What is due next, what was held, and what others ask the reader to confirm."""
    me = tx.actor.person_id or 0
    asked = queries.lines(tx, queries.UNCONFIRMED, queries.by_me(tx), Supervision.person_id != me)
    return _draw(tx, page, tx.get(Person, me), asked)


@pages.get("/people/{person_id:int}/supervision", can=Can.READ_SUPERVISION)
def of_person(tx: Tx, page: Page, person_id: int) -> Response:
    """The same about somebody in the reader's reach."""
    person = policy.person(tx, Can.READ_SUPERVISION, person_id)
    page.saw("supervision.viewed", person_id)
    return _draw(tx, page, person, [])


def _draw(tx: Tx, page: Page, person: Any, asked: Sequence[Line]) -> Response:
    person_id: int = person.id
    full = policy.reaches(tx, Can.READ_WORKLOAD, person_id)
    held = actual = None
    if full:
        actual = queries.promised_actual(tx, [person_id], ended=True).get(person_id)
        held = actual.held if actual else None
    else:
        held = queries.held_against_due(tx, [person_id], ended=True).get(person_id)
    records = policy.reaches(tx, Can.RECORD_SUPERVISION, person_id)
    return page.render(
        "supervision/person.html",
        person=person,
        you=person_id == tx.actor.person_id,
        held=held,
        actual=actual,
        lines=queries.lines(tx, Supervision.person_id == person_id, most=SHOWN),
        asked=asked,
        records=records,
        actions=action_queries.actions(tx, person_id) if records else [],
        counted=None if records else action_queries.counts(tx, [person_id], tx.today - LATELY).get(person_id),
        workload=full,
        reviews=person_id != tx.actor.person_id and policy.reaches(tx, Can.READ_PDR, person_id),
        kinds=KINDS,
        places=PLACES,
        words=words,
        said=said(page),
        shown=SHOWN,
        others=beyond(tx),
        today=tx.today,
    )


def beyond(tx: Tx) -> dict[str, bool]:
    """Which of the pages about others the reader has: their people, teams, several at once, a file, rules."""
    reads = policy.terms(tx.actor, Can.READ_SUPERVISION) - {(policy.Reach.SELF, None)}
    records = policy.terms(tx.actor, Can.RECORD_SUPERVISION) - {(policy.Reach.SELF, None)}
    wide = any(reach in (policy.Reach.SCOPE, policy.Reach.ALL) for reach, _ in reads)
    may = {"file": Can.IMPORT_SUPERVISION, "rules": Can.MANAGE_FRAMEWORKS}
    return dict(team=bool(reads), teams=wide, several=bool(records), **{name: policy.may(tx.actor, can) for name, can in may.items()})


# Recording ---------------------------------------------------------------------------------------------------------


def draw_new(tx: Tx, page: Page, person_id: int) -> Response:
    """The form, filled in as far as the last time and the rule let guess: usually only the date has to be looked at."""
    person = policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    choices = _choices(tx, person_id)
    if not page.form:
        page.form = _guessed(tx, person_id, choices)
    return _form(page, person, choices, tx.actor.person_id)


def _form(page: Page, person: Any, choices: Sequence[tuple[int, str]], me: int | None, line: Line | None = None) -> Response:
    return page.render(
        "supervision/record.html",
        person=person,
        you=person.id == me,
        choices=[(key, "You" if key == me else name) for key, name in choices],
        ticked=forms.many(page.form, "supervisor"),
        kinds=KINDS,
        places=PLACES,
        line=line,
        withdrawn=WITHDRAWN,
        ticked_why=page.value("why"),
    )


def _choices(tx: Tx, person_id: int) -> list[tuple[int, str]]:
    """Who may have supervised: the reader, those who answer for the person today, and who did lately. One statement."""
    rows = tx.rows(queries.LIKELY, person=person_id, today=tx.today)
    found = {row.id: row.name for row in rows}
    if tx.actor.person_id not in (None, person_id):
        found = {tx.actor.person_id: tx.actor.name} | found
    return [(int(key), name) for key, name in found.items() if key]


def _guessed(tx: Tx, person_id: int, choices: Sequence[tuple[int, str]]) -> dict[str, Any]:
    last = queries.lines(tx, Supervision.person_id == person_id, most=1)
    guessed: dict[str, Any] = {**forms.day_fields(_SPAN, tx.today), "place": "in_person", "minutes": ""}
    if last:
        guessed |= {"kind": last[0].kind, "minutes": str(last[0].minutes), "place": last[0].place or "in_person"}
    if tx.actor.person_id != person_id:
        guessed["supervisor"] = [str(tx.actor.person_id)]
    elif last:
        guessed["supervisor"] = [str(key) for key, _, _ in last[0].supervisors]
    elif len(choices) == 1:
        guessed["supervisor"] = [str(choices[0][0])]
    return guessed


@pages.get("/people/{person_id:int}/supervision/new", can=Can.RECORD_SUPERVISION)
def new(tx: Tx, page: Page, person_id: int) -> Response:
    """Record one."""
    return draw_new(tx, page, person_id)


@pages.post("/people/{person_id:int}/supervision/new", can=Can.RECORD_SUPERVISION, again=draw_new)
def record(tx: Tx, page: Page, person_id: int) -> Response:
    """It took place."""
    policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    held_on, kind, minutes, place, supervisors = _typed(tx, page, person_id)
    operations.record(tx, person_id, held_on, kind, minutes, supervisors, place)
    own = person_id == tx.actor.person_id
    return page.go("/supervision" if own else f"/people/{person_id}/supervision", said="own" if own else "recorded")


def _typed(tx: Tx, page: Page, person_id: int) -> tuple[date, str, int, str | None, list[int]]:
    problems = Problems()
    held_on = forms.day(page.form, _SPAN, "The date", problems, needed=True)
    kind = text(page.form, "kind")
    if kind not in KINDS:
        problems.add("kind", "Choose what kind of supervision it was")
    minutes = forms.number(page.form, "minutes", "Minutes", problems)
    if minutes is None and not any(error["field"] == "minutes" for error in problems.errors):
        problems.add("minutes", "Enter how many minutes it took")
    supervisors = forms.ids(page.form, "supervisor")
    other = text(page.form, "other")[:254]
    found = cover.colleague(tx, person_id, other) if other else None
    if other and found is None:
        problems.add("other", f"Nobody in this organisation has the e-mail address or employee number “{other}”")
    elif found is not None and found not in supervisors:
        supervisors.append(found)
        asked = (person_id, held_on or tx.today, found)
        if why := supervising.unfit(tx, [asked]).get(asked):
            problems.add("other", why)  # beside what was typed
    if not supervisors and not other:
        problems.add("supervisor" if _choices(tx, person_id) else "other", "Choose who supervised")
    problems.raise_any()
    assert held_on is not None and minutes is not None
    return held_on, kind, minutes, text(page.form, "place") or None, supervisors


# Correcting --------------------------------------------------------------------------------------------------------


def draw_correct(tx: Tx, page: Page, supervision_id: int) -> Response:
    """The form with what was entered, and a way to say that it does not count."""
    line, person = _line(tx, supervision_id)
    if not page.form:
        page.form = {
            **forms.day_fields(_SPAN, line.held_on),
            "kind": line.kind,
            "minutes": str(line.minutes),
            "place": line.place or "",
            "supervisor": [str(key) for key, _, _ in line.supervisors],
        }
    choices = dict(_choices(tx, person.id)) | {key: name for key, name, _ in line.supervisors}
    if person.id != tx.actor.person_id:
        page.saw("supervision.viewed", person.id)
    return _form(page, person, list(choices.items()), tx.actor.person_id, line)


def _line(tx: Tx, supervision_id: int) -> tuple[Line, Any]:
    found = queries.lines(tx, Supervision.id == supervision_id)
    row = found[0] if found else None
    if row is None or not policy.reaches(tx, Can.RECORD_SUPERVISION, row.person_id):
        raise operations.not_there()
    return row, tx.one(select(Person.id, Person.name).where(Person.id == row.person_id))


@pages.get("/supervision/{supervision_id:int}/correct", can=Can.RECORD_SUPERVISION)
def correct_form(tx: Tx, page: Page, supervision_id: int) -> Response:
    """Something was entered wrongly."""
    return draw_correct(tx, page, supervision_id)


@pages.post("/supervision/{supervision_id:int}/correct", can=Can.RECORD_SUPERVISION, again=draw_correct)
def correct(tx: Tx, page: Page, supervision_id: int) -> Response:
    """A new entry takes its place."""
    line, _ = _line(tx, supervision_id)
    held_on, kind, minutes, place, supervisors = _typed(tx, page, line.person_id)
    operations.correct(tx, supervision_id, held_on, kind, minutes, supervisors, place)
    return _back(tx, page, line.person_id, "corrected")


@pages.post("/supervision/{supervision_id:int}/withdraw", can=Can.RECORD_SUPERVISION, again=draw_correct)
def withdraw(tx: Tx, page: Page, supervision_id: int) -> Response:
    """It should not have been recorded."""
    line, _ = _line(tx, supervision_id)
    operations.withdraw(tx, supervision_id, text(page.form, "why"))
    return _back(tx, page, line.person_id, "withdrawn")


@pages.post("/supervision/{supervision_id:int}/confirm", can=Can.RECORD_SUPERVISION)
def confirm(tx: Tx, page: Page, supervision_id: int) -> Response:
    """Whoever supervised says that the entry is right."""
    operations.confirm(tx, supervision_id)
    person_id = tx.get(Supervision, supervision_id).person_id
    if text(page.form, "from") == "person" and policy.reaches(tx, Can.READ_SUPERVISION, person_id):
        return page.go(f"/people/{person_id}/supervision", said="confirmed")
    return page.go("/supervision", said="confirmed")


def _back(tx: Tx, page: Page, person_id: int, done: str) -> Response:
    return page.go("/supervision" if person_id == tx.actor.person_id else f"/people/{person_id}/supervision", said=done)
