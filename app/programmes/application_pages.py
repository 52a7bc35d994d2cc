"""Calls for applications and the applications themselves: applying, the manager's word, scoring, deciding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Any

from sqlalchemy import Row, func, or_, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.calendar import from_london
from app.core.errors import NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.models import ProgrammeVersion
from app.guarding import checking
from app.people.models import Person
from app.policy import Can, may, reaches
from app.programmes.apprentice_models import Application, Call, Score
from app.programmes.models import Cohort
from app.programmes.operations import applications
from app.programmes.operations.applications import NewCall, takes

pages = Pages()
WORDS_AN_ANSWER, MOST_POINTS = 300, 5  # where a line of the form says nothing else
LONGEST_LIST = 200
STATES = {  # an application's state as its reader sees it
    "draft": ("Draft", "grey"),
    "submitted": ("With the manager", "blue"),
    "supported": ("Supported", "turquoise"),
    "not supported": ("Not supported", "yellow"),
    "shortlisted": ("Shortlisted", "blue"),
    "not shortlisted": ("Not shortlisted", "grey"),
    "offered": ("Place offered", "green"),
    "declined": ("Declined", "grey"),
    "withdrawn": ("Withdrawn", "grey"),
}
DONE = {
    "created": "The call is a draft. Read it once more, then open it.",
    "opened": "People can apply now.",
    "kept": "Your draft is kept. It is not submitted yet.",
    "submitted": "Your application is submitted. Your manager is asked to support it next.",
    "withdrawn": "Your application is withdrawn.",
    "supported": "Your answer is with those who select.",
    "scored": "Your scores are saved. You can change them until it is decided.",
    "decided": "The decision is recorded.",
}


@pages.get("/programme-calls", can=Can.APPLY)
def find(tx: Tx, page: Page) -> Response:
    """What can be applied for, and the reader's own applications."""
    selects = may(tx.actor, Can.SELECT_APPLICANTS)
    mine = select(Application.state).where(Application.call_id == Call.id, Application.person_id == tx.actor.person_id).scalar_subquery()
    statement = select(Call.__table__, ProgrammeVersion.title.label("programme"), mine.label("mine")).join(
        ProgrammeVersion, ProgrammeVersion.id == Call.version_id
    )
    if not selects:
        statement = statement.where(Call.state != "draft", or_(Call.closes_at > tx.now, mine.is_not(None)))
    rows = tx.rows(statement.order_by(Call.closes_at.desc(), Call.id).limit(LONGEST_LIST))
    return page.render("programmes/calls/list.html", rows=rows, selects=selects, states=STATES, now=tx.now, takes=takes, done=_done(page))


def _done(page: Page) -> str:
    return DONE.get(page.query("done"), "")


@pages.get("/programme-calls/new", can=Can.SELECT_APPLICANTS)
def new_form(tx: Tx, page: Page) -> Response:
    """What it is for, until when, and how it selects."""
    published = (
        select(ProgrammeVersion.id, ProgrammeVersion.title, ProgrammeVersion.version, ProgrammeVersion.definition)
        .where(ProgrammeVersion.state == "published")
        .order_by(ProgrammeVersion.title)
    )
    rows = tx.rows(published)
    versions = [(str(row.id), f"{row.title}, {row.version}") for row in rows if row.definition.get("selection")]
    cohorts = tx.rows(select(Cohort.id, Cohort.title).where(Cohort.closed_on.is_(None)).order_by(Cohort.title))
    return page.render(
        "programmes/calls/new.html",
        versions=[("", "Choose"), *versions],
        cohorts=[("", "None yet"), *((str(row.id), row.title) for row in cohorts)],
        words=WORDS_AN_ANSWER,
        points=MOST_POINTS,
    )


@pages.post("/programme-calls/new", can=Can.SELECT_APPLICANTS, again=new_form)
def create(tx: Tx, page: Page) -> Response:
    """A draft, to be read once more."""
    problems = Problems()
    closes = forms.day(page.form, "closes", "The closing day", problems, needed=True)
    places = forms.number(page.form, "places", "Places", problems)
    version = forms.one_id(page.form, "version")
    if version is None:
        problems.add("version", "Choose a programme")
    problems.raise_any()
    assert closes is not None and version is not None
    key = applications.create_call(
        tx,
        NewCall(
            version,
            forms.text(page.form, "title"),
            forms.text(page.form, "about"),
            places or 0,
            from_london(closes, time(23, 59)),
            _lines(forms.text(page.form, "questions"), WORDS_AN_ANSWER),
            _lines(forms.text(page.form, "criteria"), MOST_POINTS),
            forms.one_id(page.form, "cohort"),
        ),
    )
    return page.go(f"/programme-calls/{key}", done="created")


def _lines(text: str, otherwise: int) -> list[tuple[str, int]]:
    """One a line, with a number in brackets at its end or without: "Why you? (250)"."""
    found = []
    for line in text.splitlines():
        words, _, number = line.strip().rpartition("(")
        if words and number.rstrip(") ").isdecimal():
            found.append((words.strip(), int(number.rstrip(") ")[:6])))
        elif line.strip():
            found.append((line.strip(), otherwise))
    return found


@pages.get("/programme-calls/{call_id:int}", can=Can.APPLY)
def show(tx: Tx, page: Page, call_id: int) -> Response:
    """What is asked; the reader's own application; for those who select, everybody's in their reach."""
    call = _call(tx, call_id)
    selects = may(tx.actor, Can.SELECT_APPLICANTS)
    mine = tx.one(select(Application.__table__).where(Application.call_id == call_id, Application.person_id == tx.actor.person_id))
    return page.render(
        "programmes/calls/call.html",
        call=call,
        mine=mine,
        selects=selects,
        rows=_applicants(tx, call_id) if selects else [],
        takes=takes(call, tx.now),
        states=STATES,
        done=_done(page),
    )


def _call(tx: Tx, call_id: int) -> Row[Any]:
    statement = (
        select(Call.__table__, ProgrammeVersion.title.label("programme"), Cohort.title.label("cohort"))
        .join(ProgrammeVersion, ProgrammeVersion.id == Call.version_id)
        .outerjoin(Cohort, Cohort.id == Call.cohort_id)
        .where(Call.id == call_id)
    )
    row = tx.one(statement)
    if row is None or (row.state == "draft" and not may(tx.actor, Can.SELECT_APPLICANTS)):
        raise NotFound("There is no call with that reference.", code="call-not-found")
    return row


def _applicants(tx: Tx, call_id: int) -> Sequence[Row[Any]]:
    scored = select(func.count()).select_from(Score).where(Score.application_id == Application.id).scalar_subquery()
    return tx.rows(
        select(Application.id, Application.state, Application.submitted_at, Person.name, scored.label("scored"))
        .join(Person, Person.id == Application.person_id)
        .where(
            Application.call_id == call_id,
            Application.state.not_in(("draft", "withdrawn")),
            policy.within_reach(tx, Can.SELECT_APPLICANTS, Application.person_id),
        )
        .order_by(Person.sort_name, Application.id)
        .limit(LONGEST_LIST)
    )


@pages.post("/programme-calls/{call_id:int}/open", can=Can.SELECT_APPLICANTS, again=show)
def open_call(tx: Tx, page: Page, call_id: int) -> Response:
    """People can apply."""
    applications.open_call(tx, call_id, forms.one_id(page.form, "version") or 0)
    return page.go(f"/programme-calls/{call_id}", done="opened")


@pages.get("/programme-calls/{call_id:int}/apply", can=Can.APPLY)
def apply_form(tx: Tx, page: Page, call_id: int) -> Response:
    """The questions, with what was written so far."""
    call = _call(tx, call_id)
    mine = tx.one(select(Application.__table__).where(Application.call_id == call_id, Application.person_id == tx.actor.person_id))
    return page.render(
        "programmes/calls/apply.html",
        call=call,
        answers=mine.answers if mine else {},
        open=takes(call, tx.now) and (mine is None or mine.state in ("draft", "withdrawn")),
    )


@pages.post("/programme-calls/{call_id:int}/apply", can=Can.APPLY, again=apply_form)
def apply(tx: Tx, page: Page, call_id: int) -> Response:
    """Kept as a draft, or submitted."""
    submit = forms.text(page.form, "do") != "keep"
    answers = {question["code"]: forms.text(page.form, question["code"]) for question in _call(tx, call_id).questions}
    applications.write(tx, call_id, answers, submit=submit, guard=checking.decided(page.form))
    return page.go(f"/programme-calls/{call_id}", done="submitted" if submit else "kept")


# One application ---------------------------------------------------------------------------------------------------


@pages.get("/applications/{application_id:int}", can=Can.APPLY)
def one(tx: Tx, page: Page, application_id: int) -> Response:
    """What somebody wrote, what their manager said, and for those who select, scores and decision."""
    row = tx.one(
        select(Application.__table__, Person.name, Call.title, Call.questions, Call.criteria)
        .join(Person, Person.id == Application.person_id)
        .join(Call, Call.id == Application.call_id)
        .where(Application.id == application_id)
    )
    own = row is not None and row.person_id == tx.actor.person_id
    manages = row is not None and not own and _reached(tx, Can.SUPPORT_APPLICATIONS, row)
    selects = row is not None and not own and _reached(tx, Can.SELECT_APPLICANTS, row)
    if row is None or not (own or manages or selects):
        raise NotFound("There is no application with that reference, or it is not yours to see.", code="application-not-found")
    page.saw("application.viewed", row.person_id)
    scores = tx.rows(
        select(Score.__table__, Person.name)
        .join(Person, Person.id == Score.person_id)
        .where(Score.application_id == application_id)
        .order_by(Person.sort_name)
    )
    return page.render(
        "programmes/calls/application.html",
        row=row,
        own=own,
        supports=manages and row.state == "submitted",
        selects=selects,
        judges=selects and row.state in ("supported", "not supported", "shortlisted"),
        scores=scores if selects else [],
        mine=next((each.scores for each in scores if each.person_id == tx.actor.person_id), {}),
        states=STATES,
        done=_done(page),
    )


def _reached(tx: Tx, can: Can, row: Row[Any]) -> bool:
    """Is the applicant in reach for this? A draft and what was taken back are nobody's but theirs."""
    return row.state not in ("draft", "withdrawn") and may(tx.actor, can) and reaches(tx, can, row.person_id)


@pages.post("/applications/{application_id:int}/support", can=Can.SUPPORT_APPLICATIONS, again=one)
def support(tx: Tx, page: Page, application_id: int) -> Response:
    """The manager's word."""
    said = {"yes": True, "no": False}.get(forms.text(page.form, "supports"))
    applications.support(tx, application_id, said, forms.text(page.form, "words"))
    return page.go(f"/applications/{application_id}", done="supported")


@pages.post("/applications/{application_id:int}/score", can=Can.SELECT_APPLICANTS, again=one)
def score(tx: Tx, page: Page, application_id: int) -> Response:
    """One selector's points."""
    problems = Problems()
    call = tx.one(select(Call.criteria).join(Application, Application.call_id == Call.id).where(Application.id == application_id))
    points: dict[str, int] = {}
    for each in call.criteria if call else ():
        given = forms.number(page.form, each["code"], each["title"], problems)
        points |= {} if given is None else {each["code"]: given}
    problems.raise_any()
    applications.score(tx, application_id, points, forms.text(page.form, "remark"))
    return page.go(f"/applications/{application_id}", done="scored")


@pages.post("/applications/{application_id:int}/decide", can=Can.SELECT_APPLICANTS, again=one)
def decide(tx: Tx, page: Page, application_id: int) -> Response:
    """Shortlisted, offered or declined, with reasons."""
    applications.decide(
        tx, application_id, forms.text(page.form, "kind"), forms.text(page.form, "reasons"), forms.text(page.form, "feedback")
    )
    return page.go(f"/applications/{application_id}", done="decided")


@pages.post("/applications/{application_id:int}/withdraw", can=Can.APPLY, again=one)
def withdraw(tx: Tx, page: Page, application_id: int) -> Response:
    """Taken back by whoever wrote it."""
    applications.withdraw(tx, application_id)
    return page.go("/programme-calls", done="withdrawn")
