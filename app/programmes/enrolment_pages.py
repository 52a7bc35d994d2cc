"""One enrolment: facts, plan, people, changes; proposing a change, agreeing to it, coming back from a pause, naming people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes import board, enrolments, terms
from app.programmes.access import Part, part
from app.programmes.cohort_pages import found
from app.programmes.enrolments import Shown
from app.programmes.models import Side
from app.programmes.operations import applying, changes, enrol
from app.programmes.proposals import HANDOVERS, KINDS, latest_end, offered

pages = Pages()
SAID = {
    "enrolled": "They are enrolled, and have been told.",
    "proposed": "It is proposed. Those who must agree have been told.",
    "agreed": "Everybody has agreed: it holds, and the plan is counted anew.",
    "said": "Your answer is recorded.",
    "refused": "It is refused. Everybody who takes part has been told.",
    "cancelled": "It is taken back.",
    "resumed": "The pause ends on that day. What is still to come has new dates.",
    "named": "They take part from today.",
}
READERS = (Side.LEARNER, Side.ASSESSING)  # of the portfolio, besides the Academy


@pages.get("/enrolments/{enrolment_id:int}", can=Can.READ_ENROLMENT)
def show(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """How far it is, when what is due, who takes part, what was changed, and who must act."""
    mine = part(tx, Can.READ_ENROLMENT, enrolment_id)
    facts, runs = enrolments.facts(tx, enrolment_id), changes.runs(tx, mine.enrolment)
    plans = enrolments.plans(tx, enrolment_id, mine.enrolment.version_id)
    shown = enrolments.changes(tx, enrolment_id, facts.definition)
    page.saw("enrolment.viewed", mine.enrolment.person_id)
    now = next((stage for stage in plans.stages if stage.state not in ("complete", "not needed")), None)
    return page.render(
        "programmes/enrolment/show.html",
        enrolment=mine.enrolment,
        facts=facts,
        plans=plans,
        now=now,
        now_due=plans.due.get((mine.enrolment.plan_number, now.id)) if now else None,
        people=enrolments.people(tx, enrolment_id),
        changes=shown,
        mine=[each for each in shown if each.row.state == "proposed" and set(each.waits) & _own(mine, runs, each)],
        runs=runs,
        close=enrolments.close(mine, runs),
        reads=runs or (mine.side in READERS and bool(mine.capacities)),
        may_ask=mine.enrolment.status not in changes.OVER and changes.may_ask(tx, mine, facts.definition, "pause"),
        outdated=enrolments.outdated_agreement(tx, enrolment_id, facts.definition),
        title=lambda capacity: terms.title(facts.definition, capacity),
        statuses=board.STATUSES,
        stages=enrolments.STAGES,
        states=enrolments.STATES,
        reasons=enrolments.REASONS,
        today=tx.today,
        forever=FOREVER,
        said=SAID.get(page.query("said"), ""),
    )


def _own(mine: Part, runs: bool, each: Shown) -> set[str]:
    own = set(mine.capacities) | ({"coordinator"} if runs else set())
    return own & set(each.row.needs)


# A change ----------------------------------------------------------------------------------------------------------


@pages.get("/enrolments/{enrolment_id:int}/change", can=Can.READ_ENROLMENT)
def change_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """What is to change; then what that needs to say."""
    mine = part(tx, Can.READ_ENROLMENT, enrolment_id)
    facts = enrolments.facts(tx, enrolment_id)
    kind = text(page.form, "kind") or page.query("kind")
    kinds = [each for each in offered(facts.definition) if changes.may_ask(tx, mine, facts.definition, each[0])]
    if not kinds:
        raise Forbidden("Only those who take part in this programme and the Academy can propose a change.")
    if mine.enrolment.status in changes.OVER:
        raise Conflict("This programme is over for them: there is nothing to change.", code="enrolment-over")
    if kind not in dict(kinds):
        return page.render("programmes/enrolment/kinds.html", enrolment=mine.enrolment, facts=facts, kinds=kinds)
    return page.render(
        "programmes/enrolment/change.html",
        enrolment=mine.enrolment,
        facts=facts,
        kind=kind,
        words=KINDS[kind],
        reasons=terms.reasons(facts.definition, kind),
        not_for=terms.not_for(facts.definition) if kind == "pause" else [],
        latest=latest_end(tx, mine.enrolment, facts.definition) if kind == "extension" else None,
        names=[terms.title(facts.definition, each) for each in terms.agreed_by(facts.definition, kind) or ()],
        handover=kind in HANDOVERS,
    )


@pages.post("/enrolments/{enrolment_id:int}/change", can=Can.READ_ENROLMENT, again=change_form)
def propose(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """It is proposed, and agreed by whoever proposes it."""
    problems, kind = Problems(), text(page.form, "kind")
    if kind not in KINDS:
        problems.add("kind", "Choose what is to change")
        problems.raise_any()
    from_on = forms.day(page.form, "from_on", "The day", problems, needed=True)
    to_on = forms.day(page.form, "to_on", "The day of return", problems) if kind == "pause" else None
    details = _DETAILS.get(kind, _nothing)(tx, page.form, problems)
    problems.raise_any()
    assert from_on is not None
    key = changes.propose_change(
        tx, enrolment_id, kind, from_on, to_on or FOREVER, text(page.form, "reason"), text(page.form, "words"), details
    )
    state = changes.seen(tx, key)[0].state
    return page.go(f"/enrolments/{enrolment_id}", said="agreed" if state == "agreed" else "proposed")


def _nothing(_tx: Tx, _form: dict[str, Any], _problems: Problems) -> dict[str, Any]:
    return {}


def _new_end(_tx: Tx, form: dict[str, Any], problems: Problems) -> dict[str, Any]:
    return {"ends_on": forms.day(form, "ends_on", "The new last day", problems, needed=True)}


def _pattern(_tx: Tx, form: dict[str, Any], _problems: Problems) -> dict[str, Any]:
    return {"fte": text(form, "fte")}


def _successor(tx: Tx, form: dict[str, Any], problems: Problems) -> dict[str, Any]:
    somebody = found(tx, Can.READ_PERSON, text(form, "person"))
    if somebody is None:
        problems.add("person", "Enter the e-mail address or number of somebody whose work details you may see")
    return {"person_id": somebody.id if somebody else None}


def _employer(_tx: Tx, form: dict[str, Any], _problems: Problems) -> dict[str, Any]:
    return {"employer": text(form, "employer")}


_DETAILS: dict[str, Callable[[Tx, dict[str, Any], Problems], dict[str, Any]]] = {
    "extension": _new_end,
    "working_pattern": _pattern,
    "assessor": _successor,
    "line_manager": _successor,
    "transfer": _employer,
}


# Agreeing ----------------------------------------------------------------------------------------------------------


@pages.get("/changes/{change_id:int}", can=Can.READ_ENROLMENT)
def change(tx: Tx, page: Page, change_id: int) -> Response:
    """What is proposed, who has agreed, and for those who have not, how they answer."""
    row, mine = changes.seen(tx, change_id)
    facts, runs = enrolments.facts(tx, row.enrolment_id), changes.runs(tx, mine.enrolment)
    shown = enrolments.changes(tx, row.enrolment_id, facts.definition, change_id)[0]
    to_answer = changes.to_answer(tx, mine, row)
    asked_for = [each for each in shown.waits if each not in to_answer and each != "coordinator"] if runs else []
    page.saw("enrolment.viewed", mine.enrolment.person_id)
    return page.render(
        "programmes/enrolment/answer.html",
        enrolment=mine.enrolment,
        facts=facts,
        change=shown,
        to_answer=to_answer,
        asked_for=[(each, _title(facts, row, each)) for each in asked_for],
        title=lambda capacity: _title(facts, row, capacity),
        may_cancel=row.state == "proposed" and (row.proposed_by == tx.actor.person_id or runs),
        close=enrolments.close(mine, runs) or bool(to_answer),
        inside=mine.involvement_id is not None or runs,
        states=enrolments.STATES,
        said=SAID.get(page.query("said"), ""),
    )


def _title(facts: Any, row: Any, capacity: str) -> str:
    if capacity == "incoming":
        return f"{row.details['name']}, who takes over"
    return terms.title(facts.definition, capacity)


@pages.post("/changes/{change_id:int}", can=Can.READ_ENROLMENT, again=change)
def answer(tx: Tx, page: Page, change_id: int) -> Response:
    """Agree, or not, in every part one has."""
    changes.require_own(tx, change_id)
    problems, given = Problems(), text(page.form, "answer")
    if given not in ("agree", "disagree"):
        problems.add("answer", "Choose whether you agree")
    problems.raise_any()
    state = changes.agree(tx, change_id, given == "agree", text(page.form, "words"))
    return page.go(f"/changes/{change_id}", said="said" if state == "proposed" else state)


@pages.post("/changes/{change_id:int}/for", can=Can.MANAGE_ENROLMENTS, again=change)
def answer_for(tx: Tx, page: Page, change_id: int) -> Response:
    """Write down what somebody said who cannot answer here."""
    problems = Problems()
    if not text(page.form, "capacity"):
        problems.add("capacity", "Choose whose agreement you write down")
    problems.raise_any()
    state = changes.agree_for(tx, change_id, text(page.form, "capacity"), text(page.form, "how"))
    return page.go(f"/changes/{change_id}", said="said" if state == "proposed" else state)


@pages.post("/changes/{change_id:int}/cancel", can=Can.READ_ENROLMENT, again=change)
def cancel(tx: Tx, page: Page, change_id: int) -> Response:
    """Take it back."""
    changes.cancel_change(tx, change_id)
    return page.go(f"/changes/{change_id}", said="cancelled")


# For the Academy ---------------------------------------------------------------------------------------------------


@pages.get("/enrolments/{enrolment_id:int}/resume", can=Can.MANAGE_ENROLMENTS)
def resume_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """When they come back."""
    mine = part(tx, Can.MANAGE_ENROLMENTS, enrolment_id)
    return page.render("programmes/enrolment/resume.html", enrolment=mine.enrolment, facts=enrolments.facts(tx, enrolment_id))


@pages.post("/enrolments/{enrolment_id:int}/resume", can=Can.MANAGE_ENROLMENTS, again=resume_form)
def resume(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """The pause ends on a day."""
    problems = Problems()
    on = forms.day(page.form, "on", "The day of return", problems, needed=True)
    problems.raise_any()
    assert on is not None
    applying.resume(tx, enrolment_id, on)
    return page.go(f"/enrolments/{enrolment_id}", said="resumed")


@pages.get("/enrolments/{enrolment_id:int}/people", can=Can.MANAGE_ENROLMENTS)
def people_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Name somebody for a part that nobody has."""
    mine = part(tx, Can.MANAGE_ENROLMENTS, enrolment_id)
    facts = enrolments.facts(tx, enrolment_id)
    held = {row.capacity for row in enrolments.people(tx, enrolment_id) if not row.over}
    free = [name for name in terms.capacities(facts.definition, Side.ASSESSING) if name not in held or name == "observer"]
    parts = [("", "Choose"), *((name, terms.title(facts.definition, name)) for name in free)]
    return page.render("programmes/enrolment/people.html", enrolment=mine.enrolment, facts=facts, parts=parts)


@pages.post("/enrolments/{enrolment_id:int}/people", can=Can.MANAGE_ENROLMENTS, again=people_form)
def name_somebody(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """They take part from today."""
    problems, capacity = Problems(), text(page.form, "capacity")
    if not capacity:
        problems.add("capacity", "Choose a part")
    somebody = found(tx, Can.READ_PERSON, text(page.form, "who"))
    if somebody is None:
        problems.add("who", "Enter the e-mail address or number of somebody whose work details you may see")
    problems.raise_any()
    assert somebody is not None
    enrol.name_person(tx, enrolment_id, somebody.id, capacity)
    return page.go(f"/enrolments/{enrolment_id}", said="named")
