"""Learning from elsewhere as pages: asking that it counts, and deciding."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from app.core import forms
from app.core.errors import Invalid
from app.core.forms import Problems
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking
from app.learning import completing, prior
from app.learning.models import Course
from app.policy import Can

pages = Pages()


@pages.get("/my-learning/prior")
def ask_form(tx: Tx, page: Page) -> Response:
    """What the reader did elsewhere, to be counted; and what became of earlier requests. `?course=` names a course by its address."""
    slug = page.query("course")
    chosen = tx.scalar(select(Course.id).where(Course.slug == slug, Course.status == "published")) if slug else None
    return page.render(
        "learning/prior.html",
        courses=[("", "Choose a course"), *prior.offered(tx)],
        chosen=chosen or "",
        mine=prior.mine(tx),
        asked=page.query("asked"),
    )


@pages.post("/my-learning/prior", again=ask_form)
def ask(tx: Tx, page: Page) -> Response:
    """It is with the Academy now."""
    problems = Problems()
    day = forms.day(page.form, "completed_on", "The day on which you completed it", problems)
    problems.raise_any()
    prior.ask(
        tx,
        course_id=forms.one_id(page.form, "course"),
        completed_on=day,
        provider=forms.text(page.form, "provider"),
        evidence=forms.text(page.form, "evidence"),
        guard=checking.decided(page.form),
    )
    return page.go("/my-learning/prior", asked="yes")


@pages.get("/prior-learning", can=Can.DECIDE_PRIOR)
def to_decide(tx: Tx, page: Page) -> Response:
    """Requests in reach: to decide, or decided."""
    decided, asked = page.query("show") == "decided", page.number("page", 1)
    rows = prior.open_requests(tx, decided=decided, skip=(max(asked, 1) - 1) * 25)
    numbers = PageNumbers(rows[0].found if rows else 0, asked)
    return page.render("learning/prior_list.html", rows=rows, decided=decided, numbers=numbers, done=page.query("done"))


@pages.get("/prior-learning/{key:int}", can=Can.DECIDE_PRIOR)
def ask_to_decide(tx: Tx, page: Page, key: int) -> Response:
    """One request, with what accepting it would mean."""
    row = prior.one(tx, key)
    page.saw("learning.viewed", row.person_id)
    return page.render(
        "learning/prior_decide.html",
        row=row,
        until=completing.last_day(row.completed_on, row.validity_months),
        today=tx.today,
        own=row.person_id == tx.actor.person_id,
    )


@pages.post("/prior-learning/{key:int}", can=Can.DECIDE_PRIOR, again=ask_to_decide)
def decide(tx: Tx, page: Page, key: int) -> Response:
    """Accepted or refused; the person is told."""
    prior.one(tx, key)
    decision = forms.text(page.form, "decision")
    if decision not in ("accept", "refuse"):
        raise Invalid("Say what you decide.", errors=[{"field": "decision", "message": "Choose whether it counts"}])
    version = forms.one_id(page.form, "version") or 0
    prior.decide(tx, key, version, accepted=decision == "accept", reason=forms.text(page.form, "reason"))
    return page.go("/prior-learning", done="yes")
