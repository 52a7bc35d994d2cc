"""Off-the-job hours and what they show: logging on a phone, verifying, counting what was attended; knowledge, skills and behaviours."""

from __future__ import annotations

import re

from sqlalchemy import select
from starlette.responses import Response

from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.models import DocumentTemplate
from app.policy import Can
from app.programmes.apprentice_pages import one
from app.programmes.apprenticeship import HOUR
from app.programmes.apprenticeship import hours as said_hours
from app.programmes.operations import gateway, hours
from app.programmes.operations.apprentices import TUTORS
from app.programmes.portfolio_models import Document

pages = Pages()
FIRST = 20  # entries shown before somebody asks for all
SAID = {
    "logged": "It is logged. It counts when somebody else has verified it.",
    "verified": "They are verified.",
    "refused": "It does not count; the apprentice sees why.",
    "counted": "The session is counted.",
    "corrected": "It is corrected, and waits to be verified again.",
    "claimed": "It is recorded, and waits to be confirmed.",
    "confirmed": "They are confirmed.",
}


@pages.get("/apprenticeships/{enrolment_id:int}/hours", can=Can.READ_PORTFOLIO)
def show(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Log an hour, count a session, verify; and everything that stands."""
    mine, shown = one(tx, enrolment_id, Can.READ_PORTFOLIO)
    if not page.form:
        page.form = forms.day_fields("on_date", tx.today)
    rows = hours.entries(tx, enrolment_id)
    open_ = not shown.row.provider_keeps and shown.row.gateway_at is None and mine.enrolment.status not in ("completed", "withdrawn")
    tutor, learner = mine.has(*TUTORS), mine.has("apprentice")
    page.saw("enrolment.viewed", mine.enrolment.person_id)
    return page.render(
        "programmes/apprentices/hours.html",
        enrolment=mine.enrolment,
        shown=shown,
        rows=rows if page.query("all") == "yes" else rows[:FIRST],
        entries=len(rows),
        waiting=[row for row in rows if row.verified_at is None and row.refused is None and row.follows],
        proposals=hours.proposals(tx, mine.enrolment) if open_ and (tutor or learner) else [],
        activities=hours.ACTIVITIES,
        hours=said_hours,
        tutor=tutor and open_,
        learner=learner and open_,
        me=tx.actor.person_id,
        said=SAID.get(page.query("said"), ""),
    )


def _minutes(form: dict[str, str], problems: Problems) -> int:
    """ "1.5", "1:30", "90 min" and "1h 30" as minutes; a plain number means hours."""
    given = text(form, "time").lower().replace(" ", "").replace(",", ".")
    if found := re.fullmatch(r"(\d{1,2})(?::|h)(\d{1,2})(?:m|min)?", given):
        return int(found[1]) * HOUR + int(found[2])
    if found := re.fullmatch(r"(\d{1,3})(?:m|min|minutes)", given):
        return int(found[1])
    if found := re.fullmatch(r"(\d{1,2}(?:\.\d{1,2})?)(?:h|hours?)?", given):
        return round(float(found[1]) * HOUR)
    problems.add("time", "Enter how long it was, like 1.5, 1:30 or 45 min")
    return 0


@pages.post("/apprenticeships/{enrolment_id:int}/hours", can=Can.WRITE_PORTFOLIO, again=show)
def log(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """One more entry of the apprentice's."""
    problems, form = Problems(), page.form
    on, minutes = forms.day(form, "on_date", "The day", problems, needed=True), _minutes(form, problems)
    problems.raise_any()
    assert on is not None
    hours.log(tx, enrolment_id, on, minutes, text(form, "activity"), text(form, "words"))
    return page.go(f"/apprenticeships/{enrolment_id}/hours", said="logged")


@pages.post("/apprenticeships/{enrolment_id:int}/hours/verify", can=Can.WRITE_PORTFOLIO, again=show)
def verify(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """What was ticked took place."""
    hours.verify(tx, enrolment_id, forms.ids(page.form, "entry"))
    return page.go(f"/apprenticeships/{enrolment_id}/hours", said="verified")


@pages.post("/apprenticeships/{enrolment_id:int}/hours/count", can=Can.WRITE_PORTFOLIO, again=show)
def count(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """A session that they attended counts."""
    hours.count_session(tx, enrolment_id, forms.one_id(page.form, "booking") or 0)
    return page.go(f"/apprenticeships/{enrolment_id}/hours", said="counted")


@pages.get("/apprenticeships/{enrolment_id:int}/hours/{hours_id:int}", can=Can.READ_PORTFOLIO)
def entry(tx: Tx, page: Page, enrolment_id: int, hours_id: int) -> Response:
    """One entry: the apprentice puts it right, employer or provider say why it does not count."""
    mine, shown = one(tx, enrolment_id, Can.READ_PORTFOLIO)
    row = next((each for each in hours.entries(tx, enrolment_id) if each.id == hours_id), None)
    if row is None:
        raise NotFound("There is no such entry any more.", code="hours-not-found")
    if not page.form:
        hour, rest = divmod(row.minutes, HOUR)
        page.form = {"time": f"{hour}:{rest:02}", "activity": row.activity, "words": row.words, **forms.day_fields("on_date", row.on_date)}
    return page.render(
        "programmes/apprentices/entry.html",
        enrolment=mine.enrolment,
        shown=shown,
        row=row,
        activities=hours.ACTIVITIES,
        hours=said_hours,
        tutor=mine.has(*TUTORS) and row.recorded_by != tx.actor.person_id,
        own=row.recorded_by == tx.actor.person_id and row.source == "own",
    )


@pages.post("/apprenticeships/{enrolment_id:int}/hours/{hours_id:int}", can=Can.WRITE_PORTFOLIO, again=entry)
def change(tx: Tx, page: Page, enrolment_id: int, hours_id: int) -> Response:
    """It is corrected; or it does not count, with the reason."""
    problems, form = Problems(), page.form
    if text(form, "act") != "correct":
        hours.refuse(tx, enrolment_id, hours_id, text(form, "why"))
        return page.go(f"/apprenticeships/{enrolment_id}/hours", said="refused")
    on, minutes = forms.day(form, "on_date", "The day", problems, needed=True), _minutes(form, problems)
    problems.raise_any()
    assert on is not None
    hours.correct(tx, enrolment_id, hours_id, on, minutes, text(form, "activity"), text(form, "words"))
    return page.go(f"/apprenticeships/{enrolment_id}/hours", said="corrected")


# Knowledge, skills and behaviours ------------------------------------------------------------------------------------


@pages.get("/apprenticeships/{enrolment_id:int}/ksbs", can=Can.READ_PORTFOLIO)
def ksbs(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Each with how often it is shown and confirmed; what waits to be confirmed; and one more piece of evidence."""
    mine, shown = one(tx, enrolment_id, Can.READ_PORTFOLIO)
    rows, claims = gateway.coverage(tx, enrolment_id, shown.row.standard_id), gateway.claims(tx, enrolment_id)
    documents = tx.rows(
        select(Document.id, Document.number, DocumentTemplate.title)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .where(Document.enrolment_id == enrolment_id, DocumentTemplate.kind.in_(("form", "observation", "review")))
        .order_by(DocumentTemplate.number, Document.number)
    )
    titles = {row.id: f"{row.title} {row.number}" for row in documents}
    logged = [
        (f"h{row.id}", f"{row.on_date:%d/%m/%Y} {row.words[:60]}") for row in hours.entries(tx, enrolment_id, most=60) if not row.refused
    ]
    running = mine.enrolment.status not in ("completed", "withdrawn", "transferred")
    page.saw("enrolment.viewed", mine.enrolment.person_id)
    return page.render(
        "programmes/apprentices/ksbs.html",
        enrolment=mine.enrolment,
        shown=shown,
        rows=rows,
        kinds=gateway.KINDS,
        covered=sum(1 for row in rows if row.confirmed),
        waiting=[row for row in claims if row.confirmed_at is None],
        titles=titles,
        sources=[("", "Choose"), *((f"d{key}", title) for key, title in titles.items()), *logged],
        learner=mine.has("apprentice") and running,
        tutor=mine.has(*TUTORS) and running,
        said=SAID.get(page.query("said"), ""),
    )


@pages.post("/apprenticeships/{enrolment_id:int}/ksbs", can=Can.WRITE_PORTFOLIO, again=ksbs)
def claim(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """A document or training shows some of them."""
    given = re.fullmatch(r"([dh])(\d{1,15})", text(page.form, "source"))
    problems = Problems()
    if given is None:
        problems.add("source", "Choose the document or the training that shows it")
    problems.raise_any()
    source = {"document_id" if given[1] == "d" else "hours_id": int(given[2])} if given else {}
    gateway.claim(tx, enrolment_id, forms.ids(page.form, "ksb"), **source)
    return page.go(f"/apprenticeships/{enrolment_id}/ksbs", said="claimed")


@pages.post("/apprenticeships/{enrolment_id:int}/ksbs/confirm", can=Can.WRITE_PORTFOLIO, again=ksbs)
def confirm(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Those that were ticked are shown."""
    gateway.confirm(tx, enrolment_id, forms.ids(page.form, "claim"))
    return page.go(f"/apprenticeships/{enrolment_id}/ksbs", said="confirmed")
