"""Pages about pathways: my own, every step there is, one step looked ahead to, and those of people in reach."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import Invalid, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.pathways import aiming, endorsing, progress, progressing, views, words
from app.pathways.definitions import VERSIONS
from app.pathways.models import Step, StepVersion
from app.pathways.versions import NO_STEP, Version, in_force, is_code
from app.people.models import CareerStage
from app.policy import Can

pages = Pages()
SAID = {
    "asked": "You have asked for an endorsement. They are told, and you will be when they have answered.",
    "taken-back": "You no longer ask for it.",
    "aimed": "You look towards this step. It is marked on your list of steps; nobody else sees it.",
    "no-aim": "You no longer look towards this step.",
    "endorsed": "Your endorsement is given, and they have been told.",
    "declined": "Your answer is given, and they have been told.",
    "withdrawn": "Your endorsement is withdrawn.",
    "recorded": "The progression is recorded, and their career stage with it.",
    "corrected": "The progression is corrected, and their career stage with it.",
    "taken-out": "The progression is taken out, and their career stage is what it was before.",
}
FAR = 20  # years from now that can be asked about, either way


def day_asked(tx: Tx, page: Page) -> date:
    """The day that the reader asks about, today unless they typed one; what cannot be a day is said on the page, which then shows today."""
    typed = {name: page.query(name) for name in ("on", "on-month", "on-year")}
    if not any(typed.values()):
        return tx.today
    page.form, problems = typed, Problems()
    found = forms.day(typed, "on", "The day", problems)
    if found is not None and abs(found.year - tx.today.year) > FAR:
        problems.add("on", f"The day must be within {FAR} years from now")
    if problems.errors:
        page.problem = Invalid(problems.errors[0]["message"] + ".", errors=problems.errors)
        return tx.today
    return found or tx.today


# Whole pathways ------------------------------------------------------------------------------------------------------


def _pathway(tx: Tx, page: Page, person_id: int, name: str, *, you: bool) -> Response:
    as_at = day_asked(tx, page)
    found = views.pathway(tx, person_id, as_at)
    stage, progressions = progressing.of_person(tx, person_id, as_at)
    return page.render(
        "pathways/mine.html",
        you=you,
        person_id=person_id,
        name=name,
        stage=stage,
        ahead=[view for view in found if view.version.kind == "progression"],
        mandatory=[view for view in found if view.version.kind == "mandatory"],
        progressions=progressions,
        may_record=policy.reaches(tx, Can.RECORD_PROGRESSION, person_id),
        may_endorse=policy.may(tx.actor, Can.ENDORSE) and (you or policy.reaches(tx, Can.ENDORSE, person_id)),
        whose=views.reader(tx, person_id),
        as_at=as_at,
        today=tx.today,
        words=words,
        said=SAID.get(page.query("said"), ""),
    )


@pages.get("/my-pathway")
def mine(tx: Tx, page: Page) -> Response:
    """Where I am, the next step as a task list, the training I must have."""
    return _pathway(tx, page, tx.actor.person_id or 0, tx.actor.name, you=True)


@pages.get("/people/{person_id:int}/pathway", can=Can.READ_PATHWAY)
def theirs(tx: Tx, page: Page, person_id: int) -> Response:
    """The same of somebody in reach; opening it is written to their trail."""
    row = policy.person(tx, Can.READ_PATHWAY, person_id)
    page.saw("pathway.viewed", person_id)
    return _pathway(tx, page, person_id, row.name, you=person_id == tx.actor.person_id)


# Steps ---------------------------------------------------------------------------------------------------------------


@pages.get("/pathways", can=Can.READ_CATALOGUE)
def everything(tx: Tx, page: Page) -> Response:
    """Every step in force, by where it leads, with how far the reader is."""
    versions = [version.id for version in in_force(tx, tx.today)]
    rows = tx.rows(VERSIONS.where(StepVersion.id.in_(versions)).order_by(CareerStage.rank, Step.to_stage, StepVersion.title))
    titles = stage_titles(tx)
    me = progress.person(tx.actor.person_id or 0)
    how = {each.version_id: each for each in progress.steps(tx, me, versions, tx.today)}
    groups: dict[str, list[Any]] = {}
    for row in rows:
        shown = dict(row._mapping) | {"whom": words.applies({**row.applies, "host_only": False, "contracts": []}, titles)}
        heading = f"To {row.to_title[:1].lower()}{row.to_title[1:]}" if row.to_title else "Training that everybody it is for must have"
        groups.setdefault(heading, []).append((shown, how.get(row.id)))
    return page.render("pathways/steps.html", groups=list(groups.items()), aims=aiming.mine(tx), done=("", ""))


def stage_titles(tx: Tx) -> dict[str, str]:
    """Titles of the career stages by code."""
    return {row.code: row.title for row in tx.rows(select(CareerStage.code, CareerStage.title))}


def version_of(tx: Tx, code: str, as_at: date) -> Version:
    """The version of a step that is in force on the day, or NotFound."""
    found = next((version for version in in_force(tx, as_at) if version.code == code), None) if is_code(code) else None
    if found is None:
        raise NotFound(NO_STEP, code="step-not-found")
    return found


def _step(tx: Tx, page: Page, code: str, person_id: int, name: str, *, you: bool) -> Response:
    as_at = day_asked(tx, page)
    view = views.one(tx, person_id, code, as_at)
    roles = {line.row.role for line in view.lines if line.row.kind == "endorsement"}
    return page.render(
        "pathways/step.html",
        you=you,
        person_id=person_id,
        name=name,
        view=view,
        endorsements=endorsing.of_step(tx, person_id, view.version.step_id),
        lacking=[line for line in view.lines if line.row.kind == "endorsement" and not line.holds],
        whose=views.reader(tx, person_id),
        aimed=you and bool(view.version.aimed),
        may_endorse=not you and bool(endorsing.endorsing_roles(tx, person_id, roles)),
        stages=stage_titles(tx) if you else None,
        as_at=as_at,
        today=tx.today,
        words=words,
        said=SAID.get(page.query("said"), ""),
    )


@pages.get("/pathways/{step}", can=Can.READ_CATALOGUE)
def one_step(tx: Tx, page: Page, step: str) -> Response:
    """Looking ahead: what I would need for it."""
    return _step(tx, page, step, tx.actor.person_id or 0, tx.actor.name, you=True)


@pages.get("/people/{person_id:int}/pathway/{step}", can=Can.READ_PATHWAY)
def one_step_of(tx: Tx, page: Page, person_id: int, step: str) -> Response:
    """How far somebody in reach is with any step."""
    row = policy.person(tx, Can.READ_PATHWAY, person_id)
    page.saw("pathway.viewed", person_id)
    return _step(tx, page, step, person_id, row.name, you=person_id == tx.actor.person_id)


@pages.post("/pathways/{step}/aim", can=Can.READ_PATHWAY)
def aim(tx: Tx, page: Page, step: str) -> Response:
    """I look towards it, or no longer do."""
    wanted = forms.text(page.form, "aim") != "no"
    aiming.aim(tx, version_of(tx, step, tx.today).step_id, wanted=wanted)
    return page.go(f"/pathways/{step}", said="aimed" if wanted else "no-aim")


# Asking for an endorsement -------------------------------------------------------------------------------------------


def draw_ask(tx: Tx, page: Page, step: str) -> Response:
    """Whom one can ask, and what they should know."""
    version = version_of(tx, step, tx.today)
    people: list[Row[Any]] = endorsing.can_be_asked(tx, tx.actor.person_id or 0, version.step_id)
    waiting = [row for row in endorsing.open_requests(tx, tx.actor.person_id or 0) if row.step_id == version.step_id]
    asked = {(row.asked_of, row.role) for row in waiting}
    free = [row for row in people if (row.id, row.role) not in asked]
    offered = [(f"{row.id} {row.role}", f"{row.name}, as {words.ROLES[row.role]}") for row in free]
    roles = endorsing.asked_roles(tx, version.step_id)
    return page.render("pathways/ask.html", step=version, offered=offered, waiting=waiting, roles=roles, words=words)


@pages.get("/pathways/{step}/ask", can=Can.READ_PATHWAY)
def ask_form(tx: Tx, page: Page, step: str) -> Response:
    """The form."""
    return draw_ask(tx, page, step)


@pages.post("/pathways/{step}/ask", can=Can.READ_PATHWAY, again=draw_ask)
def ask(tx: Tx, page: Page, step: str) -> Response:
    """They are told."""
    chosen, _, role = forms.text(page.form, "of").partition(" ")
    if not re.fullmatch(r"\d{1,15}", chosen):
        raise Invalid("Choose whom you ask.", errors=[{"field": "of", "message": "Choose whom you ask"}])
    endorsing.ask(tx, version_of(tx, step, tx.today).step_id, role, int(chosen), forms.text(page.form, "words"), guard=decided(page.form))
    return page.go(f"/pathways/{step}", said="asked")


@pages.post("/endorsement-requests/{ask_id:int}/take-back", can=Can.READ_PATHWAY)
def take_back(tx: Tx, page: Page, ask_id: int) -> Response:
    """I no longer ask."""
    code = endorsing.take_back(tx, ask_id)
    return page.go(f"/pathways/{code}", said="taken-back")
