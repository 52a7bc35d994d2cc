"""One person of a pool, for those who keep it: evidence first, judgement second, their own view beside it; judging, and what is agreed."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.learning.models import Course
from app.pathways import views as pathways
from app.pathways import words
from app.pathways.versions import in_force
from app.people.models import Person
from app.policy import Can
from app.supervision import entry_forms
from app.supervision.operations.versions import live
from app.talent import acting, entering, judging, listed, operations, reads, views
from app.talent.entering import NO_ENTRY
from app.talent.judging import Judgement
from app.talent.models import LEFT, WORDS, TalentAction

pages = Pages()
SAID = {
    "proposed": "The judgement is proposed. Somebody else has to moderate it before it counts.",
    "action": "The action is saved.",
    "done": "That is done.",
    "not-done": "It is open again.",
}


def evidence(tx: Tx, pool: Any, person_id: int, on: date) -> Any:
    """How far somebody is with the pool's step, requirement by requirement; None where there is no step to measure by."""
    if pool.step_code is None or all(found.step_id != pool.step_id for found in in_force(tx, on)):
        return None
    return pathways.one(tx, person_id, pool.step_code, on)


def _listed(tx: Tx, entry_id: int) -> tuple[Row[Any], Row[Any]]:
    """The entry and its line of the list; NotFound for whoever is on no list of the reader's."""
    entry = entering.on_the_list(tx, Can.READ_TALENT, entry_id)
    row = listed.one(tx, entry, listed.Asked(tx.today))
    if row is None:
        raise NotFound(NO_ENTRY, code="entry-not-found")
    return entry, row


def _seen(tx: Tx, page: Page, entry: Row[Any]) -> None:
    """That the card was opened is written down, for the person and for those who answer for the pool."""
    seen = reads.Seen(entry.pool_id, "card", tx.today, tx.now, {})
    page.later.append(lambda writing: _keep(writing, seen, entry.person_id))
    page.saw("talent.viewed", entry.person_id)


def _keep(tx: Tx, seen: reads.Seen, person_id: int) -> None:
    reads.keep(tx, seen, [person_id])


@pages.get("/talent/entries/{entry_id:int}", can=Can.READ_TALENT)
def card(tx: Tx, page: Page, entry_id: int) -> Response:
    """Somebody's card."""
    entry, row = _listed(tx, entry_id)
    _seen(tx, page, entry)
    pool, place = views.pool_of(tx, entry), views.place(tx, entry_id)
    manages = policy.may(tx.actor, Can.MANAGE_TALENT) and policy.reaches(tx, Can.MANAGE_TALENT, entry.person_id)
    you = entry.person_id == tx.actor.person_id
    return page.render(
        "talent/card.html",
        entry=entry,
        row=row,
        pool=pool,
        place=place,
        you=you,
        evidence=evidence(tx, pool, entry.person_id, tx.today),
        whose=pathways.reader(tx, entry.person_id),
        words=words,
        manages=manages,
        judges=not you and (place.proposed is None or place.proposed.proposed_by == tx.actor.person_id),
        moderates=manages and not you and place.proposed is not None and place.proposed.proposed_by != tx.actor.person_id,
        today=tx.today,
        said=SAID.get(page.query("said"), ""),
    )


# Judging -----------------------------------------------------------------------------------------------------------


def draw_judge(tx: Tx, page: Page, entry_id: int) -> Response:
    """The form; what one proposed oneself and nobody has moderated stands in it."""
    entry = judging.judgeable(tx, entry_id)
    _seen(tx, page, entry)
    pool, place = views.pool_of(tx, entry), views.place(tx, entry_id)
    before = place.proposed
    if not page.form and before is not None and before.proposed_by == tx.actor.person_id:
        said = dict(potential=str(before.potential_id or ""), horizon=str(before.horizon_id), reasons=before.reasons)
        page.form = {**said, "specialist": "yes" if before.specialist else ""}
    labels = operations.labels(tx, pool.organisation_id)
    keeper = policy.may(tx.actor, Can.READ_TALENT) and policy.reaches(tx, Can.READ_TALENT, entry.person_id)
    return page.render(
        "talent/judge.html",
        entry=entry,
        pool=pool,
        person=tx.get(Person, entry.person_id),
        labels=labels,
        evidence=evidence(tx, pool, entry.person_id, tx.today) if policy.reaches(tx, Can.READ_PATHWAY, entry.person_id) else None,
        whose=pathways.reader(tx, entry.person_id),
        words=words,
        back=f"/talent/entries/{entry_id}" if keeper else "/talent/nominations",
        today=tx.today,
        most=WORDS,
    )


@pages.get("/talent/entries/{entry_id:int}/judge", can=Can.NOMINATE)
def judge_form(tx: Tx, page: Page, entry_id: int) -> Response:
    """What one sees in somebody, and why."""
    return draw_judge(tx, page, entry_id)


@pages.post("/talent/entries/{entry_id:int}/judge", can=Can.NOMINATE, again=draw_judge)
def judge(tx: Tx, page: Page, entry_id: int) -> Response:
    """It waits to be moderated."""
    horizon, potential = forms.one_id(page.form, "horizon"), forms.one_id(page.form, "potential")
    wanted = Judgement(horizon, potential, text(page.form, "specialist") == "yes", text(page.form, "reasons"))
    judging.propose(tx, entry_id, wanted, decided(page.form))
    entry = entering.entry_of(tx, Can.NOMINATE, entry_id)
    keeper = policy.may(tx.actor, Can.READ_TALENT) and policy.reaches(tx, Can.READ_TALENT, entry.person_id)
    return page.go(f"/talent/entries/{entry_id}" if keeper else "/talent/nominations", said="proposed")


def draw_moderate(tx: Tx, page: Page, judgement_id: int) -> Response:
    """What was proposed, beside the evidence and the person's own view."""
    found = judging.to_moderate(tx, judgement_id)
    entry, row = _listed(tx, found.entry_id)
    _seen(tx, page, entry)
    pool, place = views.pool_of(tx, entry), views.place(tx, entry.id)
    return page.render(
        "talent/moderate.html",
        entry=entry,
        row=row,
        pool=pool,
        place=place,
        proposed=place.proposed,
        own=found.proposed_by == tx.actor.person_id,
        evidence=evidence(tx, pool, entry.person_id, tx.today),
        whose=pathways.reader(tx, entry.person_id),
        words=words,
        today=tx.today,
        most=WORDS,
    )


@pages.get("/talent/judgements/{judgement_id:int}", can=Can.MANAGE_TALENT)
def moderate_form(tx: Tx, page: Page, judgement_id: int) -> Response:
    """Confirm it, or send it back."""
    return draw_moderate(tx, page, judgement_id)


@pages.post("/talent/judgements/{judgement_id:int}", can=Can.MANAGE_TALENT, again=draw_moderate)
def moderate(tx: Tx, page: Page, judgement_id: int) -> Response:
    """It is settled."""
    judging.to_moderate(tx, judgement_id)
    problems, answer = Problems(), text(page.form, "answer")
    if answer not in ("confirm", "return"):
        problems.add("answer", "Choose whether you confirm it")
    problems.raise_any()
    judging.moderate(tx, judgement_id, confirms=answer == "confirm", words=text(page.form, "words"), decision=decided(page.form))
    return page.go("/talent", said="moderated")


# Actions -----------------------------------------------------------------------------------------------------------


def _action(tx: Tx, page: Page, entry_id: int, row: Any = None) -> Response:
    entry, line = _listed(tx, entry_id)
    _seen(tx, page, entry)
    pool = views.pool_of(tx, entry)
    found = tx.rows(select(Course.id, Course.title).where(Course.status == "published").order_by(Course.title))
    return page.render(
        "talent/action.html",
        entry=entry,
        line=line,
        pool=pool,
        row=row,
        doers=acting.doers(tx, entry),
        courses=[("", "No course"), *((each.id, each.title) for each in found)],
        most=acting.WORDS,
        **entry_forms.carried(page, row),
    )


def draw_action(tx: Tx, page: Page, entry_id: int) -> Response:
    """The form for a new one."""
    entering.on_the_list(tx, Can.MANAGE_TALENT, entry_id)
    return _action(tx, page, entry_id)


@pages.get("/talent/entries/{entry_id:int}/actions/new", can=Can.MANAGE_TALENT)
def new_action(tx: Tx, page: Page, entry_id: int) -> Response:
    """Something is agreed."""
    return draw_action(tx, page, entry_id)


def _typed(page: Page) -> tuple[str, int | None, date | None, int | None]:
    problems = Problems()
    by_date = forms.day(page.form, "by_date", "The day", problems, needed=True)
    problems.raise_any()
    return text(page.form, "words"), forms.one_id(page.form, "who"), by_date, forms.one_id(page.form, "course")


@pages.post("/talent/entries/{entry_id:int}/actions/new", can=Can.MANAGE_TALENT, again=draw_action)
def add_action(tx: Tx, page: Page, entry_id: int) -> Response:
    """It is written down."""
    entering.on_the_list(tx, Can.MANAGE_TALENT, entry_id)
    said, who, by_date, course = _typed(page)
    key = entry_forms.key(page)
    acting.add(tx, entry_id, said, who, by_date, course_id=course, decision=decided(page.form), entry_key=key)
    return page.go(f"/talent/entries/{entry_id}", said="action")


def draw_change_action(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """The form with what it says."""
    entering.on_the_list(tx, Can.MANAGE_TALENT, entry_id)
    row = live(tx, TalentAction, {"entry_id": entry_id}, number)
    if not page.form:
        said = dict(words=row.words, who=str(row.who_id), course=str(row.course_id or ""))
        page.form = {**said, **forms.day_fields("by_date", row.by_date)}
    return _action(tx, page, entry_id, row)


@pages.get("/talent/entries/{entry_id:int}/actions/{number:int}", can=Can.MANAGE_TALENT)
def one_action(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """Change it."""
    return draw_change_action(tx, page, entry_id, number)


@pages.post("/talent/entries/{entry_id:int}/actions/{number:int}", can=Can.MANAGE_TALENT, again=draw_change_action)
def change_action(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """It says it now."""
    entering.on_the_list(tx, Can.MANAGE_TALENT, entry_id)
    said, who, by_date, course = _typed(page)
    base, decision = entry_forms.base(page), decided(page.form)
    acting.change(tx, entry_id, number, said, who, by_date, course_id=course, decision=decision, base=base)
    return page.go(f"/talent/entries/{entry_id}", said="action")


@pages.post("/talent/entries/{entry_id:int}/actions/{number:int}/done", can=Can.MANAGE_TALENT)
def action_done(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """It was done."""
    acting.settle(tx, entry_id, number, done=True)
    return page.go(f"/talent/entries/{entry_id}", said="done")


@pages.post("/talent/entries/{entry_id:int}/actions/{number:int}/not-done", can=Can.MANAGE_TALENT)
def action_not_done(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """After all not."""
    acting.settle(tx, entry_id, number, done=False)
    return page.go(f"/talent/entries/{entry_id}", said="not-done")


# Leaving, asking again ---------------------------------------------------------------------------------------------


def draw_leave(tx: Tx, page: Page, entry_id: int) -> Response:
    """Why somebody leaves the pool, before they do; also of whoever has not answered, or does not agree to be listed."""
    entry = entering.inside(tx, Can.MANAGE_TALENT, entry_id)
    _seen(tx, page, entry)
    why = [(key, said) for key, said in LEFT.items() if key != "closed"]
    pool, person, listed_ = views.pool_of(tx, entry), tx.get(Person, entry.person_id), bool(entering.word(tx, entry_id))
    return page.render("talent/leave.html", entry=entry, pool=pool, person=person, listed=listed_, why=why)


@pages.get("/talent/entries/{entry_id:int}/leave", can=Can.MANAGE_TALENT)
def leave_form(tx: Tx, page: Page, entry_id: int) -> Response:
    """The form."""
    return draw_leave(tx, page, entry_id)


@pages.post("/talent/entries/{entry_id:int}/leave", can=Can.MANAGE_TALENT, again=draw_leave)
def leave(tx: Tx, page: Page, entry_id: int) -> Response:
    """They are no longer in it."""
    pool_id = entering.inside(tx, Can.MANAGE_TALENT, entry_id).pool_id
    entering.take_out(tx, entry_id, text(page.form, "why"))
    return page.go(f"/talent/pools/{pool_id}", said="left")


@pages.post("/talent/entries/{entry_id:int}/ask", can=Can.MANAGE_TALENT)
def ask(tx: Tx, page: Page, entry_id: int) -> Response:
    """Whoever has not answered is asked once more."""
    entry = entering.entry_of(tx, Can.MANAGE_TALENT, entry_id)
    entering.ask_again(tx, entry_id)
    return page.go(f"/talent/pools/{entry.pool_id}", said="asked")
