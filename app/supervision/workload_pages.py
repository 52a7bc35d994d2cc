"""Protected time and caseload on pages: for the person, those above them, their assessor and the coordinator."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.supervision import operations, queries, words
from app.supervision.models import PROTECTED, SOURCES, Caseload, ProtectedTime
from app.supervision.pages import beyond, said

pages = Pages()
SHOWN = 40  # entries of each sort


@pages.get("/people/{person_id:int}/workload", can=Can.READ_WORKLOAD)
def workload(tx: Tx, page: Page, person_id: int) -> Response:
    """What was promised and what was had, each entry, and a form for another of both sorts."""
    person = policy.person(tx, Can.READ_WORKLOAD, person_id)
    page.saw("workload.viewed", person_id)
    time = select(ProtectedTime.__table__).where(ProtectedTime.person_id == person_id, ProtectedTime.superseded_at.is_(None))
    counts = select(Caseload.__table__).where(Caseload.person_id == person_id, Caseload.superseded_at.is_(None))
    if not page.form:
        page.form = forms.day_fields("on_date", tx.today) | forms.day_fields("counted_on", tx.today)
    return page.render(
        "supervision/workload.html",
        person=person,
        you=person_id == tx.actor.person_id,
        actual=queries.promised_actual(tx, [person_id], ended=True).get(person_id),
        time=tx.rows(time.order_by(ProtectedTime.on_date.desc(), ProtectedTime.id.desc()).limit(SHOWN)),
        counts=tx.rows(counts.order_by(Caseload.on_date.desc(), Caseload.id.desc()).limit(SHOWN)),
        records=policy.reaches(tx, Can.RECORD_WORKLOAD, person_id),
        protected=PROTECTED,
        sources=SOURCES,
        words=words,
        said=said(page),
        others=beyond(tx),
    )


@pages.post("/people/{person_id:int}/protected-time", can=Can.RECORD_WORKLOAD, again=workload)
def protected_time(tx: Tx, page: Page, person_id: int) -> Response:
    """Time was kept free."""
    policy.person(tx, Can.RECORD_WORKLOAD, person_id)
    problems = Problems()
    on_date = forms.day(page.form, "on_date", "The date", problems, needed=True)
    minutes = forms.number(page.form, "minutes", "Minutes", problems)
    if minutes is None and not any(error["field"] == "minutes" for error in problems.errors):
        problems.add("minutes", "Enter how many minutes it was")
    what = text(page.form, "what")
    if what not in PROTECTED:
        problems.add("what", "Choose what the time was for")
    problems.raise_any()
    assert on_date is not None and minutes is not None
    operations.record_protected_time(tx, person_id, on_date, minutes, what)
    return page.go(f"/people/{person_id}/workload", said="time")


@pages.post("/people/{person_id:int}/caseloads", can=Can.RECORD_WORKLOAD, again=workload)
def caseload(tx: Tx, page: Page, person_id: int) -> Response:
    """So many children on a day."""
    policy.person(tx, Can.RECORD_WORKLOAD, person_id)
    problems = Problems()
    on_date = forms.day(page.form, "counted_on", "The date", problems, needed=True)
    children = forms.number(page.form, "children", "The number of children", problems)
    if children is None and not any(error["field"] == "children" for error in problems.errors):
        problems.add("children", "Enter how many children were allocated")
    percent = forms.number(page.form, "percent", "The percentage", problems)
    problems.raise_any()
    assert on_date is not None and children is not None
    operations.record_caseload(tx, person_id, on_date, children, percent)
    return page.go(f"/people/{person_id}/workload", said="caseload")


@pages.post("/protected-time/{entry_id:int}/withdraw", can=Can.RECORD_WORKLOAD)
def withdraw_time(tx: Tx, page: Page, entry_id: int) -> Response:
    """It should not have been recorded."""
    operations.withdraw_protected_time(tx, entry_id)
    return page.go(f"/people/{tx.get(ProtectedTime, entry_id).person_id}/workload", said="entry")


@pages.post("/caseloads/{entry_id:int}/withdraw", can=Can.RECORD_WORKLOAD)
def withdraw_count(tx: Tx, page: Page, entry_id: int) -> Response:
    """It should not have been recorded."""
    operations.withdraw_caseload(tx, entry_id)
    return page.go(f"/people/{tx.get(Caseload, entry_id).person_id}/workload", said="entry")
