"""Pages for those who endorse: what is asked of them, giving it, saying not yet, withdrawing it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.pathways import endorsing, views, words
from app.pathways.models import Endorsement, Step
from app.pathways.pages import SAID, version_of
from app.people.models import Person
from app.policy import Can

pages = Pages()


@pages.get("/endorsements", can=Can.ENDORSE)
def asked_of_me(tx: Tx, page: Page) -> Response:
    """What is asked of the reader, and what they gave."""
    return page.render(
        "pathways/endorsements.html",
        waiting=endorsing.waiting_for(tx),
        given=endorsing.given_by(tx),
        words=words,
        said=SAID.get(page.query("said"), ""),
    )


def draw_endorse(tx: Tx, page: Page, person_id: int, step: str) -> Response:
    """How far they are, and the answer."""
    row = policy.person(tx, Can.ENDORSE, person_id)
    view = views.one(tx, person_id, step, tx.today)
    roles = endorsing.endorsing_roles(tx, person_id, {line.row.role for line in view.lines if line.row.kind == "endorsement"})
    if not roles:
        raise Forbidden(f"This step does not ask for your endorsement of {row.name}.", way_out="Ask whoever it names.")
    page.saw("pathway.viewed", person_id)
    asked = endorsing.waiting_for(tx)
    return page.render(
        "pathways/endorse.html",
        person_id=person_id,
        name=row.name,
        view=view,
        roles=[(role, words.ROLES[role]) for role in roles],
        ask=next((each for each in asked if (each.person_id, each.step_id) == (person_id, view.version.step_id)), None),
        words=words,
        whose=views.reader(tx, person_id),
        today=tx.today,
    )


@pages.get("/people/{person_id:int}/pathway/{step}/endorse", can=Can.ENDORSE)
def endorse_form(tx: Tx, page: Page, person_id: int, step: str) -> Response:
    """A page of its own."""
    return draw_endorse(tx, page, person_id, step)


@pages.post("/people/{person_id:int}/pathway/{step}/endorse", can=Can.ENDORSE, again=draw_endorse)
def endorse(tx: Tx, page: Page, person_id: int, step: str) -> Response:
    """Yes, or not yet and why."""
    version = version_of(tx, step, tx.today)
    answer, said = forms.text(page.form, "answer"), forms.text(page.form, "words")
    if answer == "yes":
        endorsing.give(tx, person_id, version.step_id, forms.text(page.form, "as"), said, guard=decided(page.form))
        return page.go("/endorsements", said="endorsed")
    policy.person(tx, Can.ENDORSE, person_id)
    asked = [each for each in endorsing.waiting_for(tx) if (each.person_id, each.step_id) == (person_id, version.step_id)]
    if answer != "no" or not asked:
        raise Invalid("Choose your answer.", errors=[{"field": "answer", "message": "Choose your answer"}])
    for each in asked:
        endorsing.decline(tx, each.id, said, guard=decided(page.form))
    return page.go("/endorsements", said="declined")


def _own(tx: Tx, endorsement_id: int) -> Row[Any]:
    row = tx.one(
        select(Endorsement.__table__, Person.name, Step.title)
        .join(Person, Person.id == Endorsement.person_id)
        .join(Step, Step.id == Endorsement.step_id)
        .where(Endorsement.id == endorsement_id, Endorsement.endorsed_by == tx.actor.person_id)
    )
    if row is None:
        raise NotFound("There is no such endorsement, or it is not yours.", code="endorsement-not-found")
    return row


def draw_withdraw(tx: Tx, page: Page, endorsement_id: int) -> Response:
    """What it means, and why."""
    return page.render("pathways/withdraw_endorsement.html", row=_own(tx, endorsement_id))


@pages.get("/endorsements/{endorsement_id:int}/withdraw", can=Can.ENDORSE)
def withdraw_form(tx: Tx, page: Page, endorsement_id: int) -> Response:
    """A page of its own."""
    return draw_withdraw(tx, page, endorsement_id)


@pages.post("/endorsements/{endorsement_id:int}/withdraw", can=Can.ENDORSE, again=draw_withdraw)
def withdraw(tx: Tx, page: Page, endorsement_id: int) -> Response:
    """From today it no longer counts."""
    endorsing.withdraw(tx, endorsement_id, forms.text(page.form, "reason"))
    return page.go("/endorsements", said="withdrawn")
