"""A pair on its page: answered, ended; and meetings, of pairs and of sets alike, logged in under a minute on a phone."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.errors import Invalid
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.mentoring import queries, words
from app.mentoring.models import ENDED, NEEDS, STATES, WITHDRAWN, Meeting
from app.mentoring.operations import meetings, pairing
from app.mentoring.operations.meetings import Circle
from app.mentoring.operations.pairing import LEAVING
from app.policy import Can

pages = Pages()
HOME = "/learning-together"


# A pair ------------------------------------------------------------------------------------------------------------


def draw_pair(tx: Tx, page: Page, pairing_id: int) -> Response:
    """Who, what for, how it stands, and when they met."""
    pairing.of_mine(tx, pairing_id)
    row: Any = queries.pair(tx, pairing_id)
    me = tx.actor.person_id or 0
    return page.render(
        "mentoring/pair.html",
        row=row,
        me=me,
        turn=words.my_turn(row, me),
        met=queries.meetings(tx, Meeting.pairing_id == pairing_id),
        need=NEEDS[row.need],
        states=STATES,
        ended=ENDED,
        said=words.SAID.get(page.query("said"), ""),
        words=words,
    )


@pages.get("/learning-together/pairs/{pairing_id:int}", can=Can.LEARN_TOGETHER)
def pair(tx: Tx, page: Page, pairing_id: int) -> Response:
    """One of the reader's pairs."""
    return draw_pair(tx, page, pairing_id)


@pages.post("/learning-together/pairs/{pairing_id:int}/answer", can=Can.LEARN_TOGETHER, again=draw_pair)
def answer(tx: Tx, page: Page, pairing_id: int) -> Response:
    """Agreed, or declined."""
    pairing.of_mine(tx, pairing_id)
    given = text(page.form, "answer")
    if given not in ("agree", "decline"):
        wrong = "Choose whether you agree"
        raise Invalid(wrong + ".", errors=[{"field": "answer", "message": wrong}])
    pairing.answer(tx, pairing_id, forms.one_id(page.form, "version") or 0, accepted=given == "agree")
    return page.go(f"{HOME}/pairs/{pairing_id}", said="agreed" if given == "agree" else "declined")


@pages.post("/learning-together/pairs/{pairing_id:int}/take-back", can=Can.LEARN_TOGETHER)
def take_back(tx: Tx, page: Page, pairing_id: int) -> Response:
    """Whoever asked no longer does."""
    pairing.take_back(tx, pairing_id)
    return page.go(f"{HOME}/overview" if text(page.form, "from") == "overview" else HOME, said="taken-back")


def draw_end(tx: Tx, page: Page, pairing_id: int) -> Response:
    """Why it ends."""
    pairing.of_mine(tx, pairing_id)
    row: Any = queries.pair(tx, pairing_id)
    choices = [(code, said) for code, said in ENDED.items() if code != LEAVING]
    return page.render("mentoring/end.html", row=row, me=tx.actor.person_id or 0, ended=choices, words=words)


@pages.get("/learning-together/pairs/{pairing_id:int}/end", can=Can.LEARN_TOGETHER)
def end_form(tx: Tx, page: Page, pairing_id: int) -> Response:
    """A page of its own."""
    return draw_end(tx, page, pairing_id)


@pages.post("/learning-together/pairs/{pairing_id:int}/end", can=Can.LEARN_TOGETHER, again=draw_end)
def end(tx: Tx, page: Page, pairing_id: int) -> Response:
    """They stop meeting."""
    pairing.end(tx, pairing_id, forms.one_id(page.form, "version") or 0, text(page.form, "why"))
    return page.go(f"{HOME}/pairs/{pairing_id}", said="ended")


# Meetings ----------------------------------------------------------------------------------------------------------


def _meeting_form(tx: Tx, page: Page, with_whom: Circle, row: Any = None) -> Response:
    """The form of a meeting: the day, how long, and of a set who was there."""
    me = tx.actor.person_id or 0
    if with_whom.pairing_id:
        found: Any = queries.pair(tx, with_whom.pairing_id)
        title, back, choices = words.pair_title(found, me), f"{HOME}/pairs/{with_whom.pairing_id}", []
    else:
        its: Any = queries.one_set(tx, with_whom.set_id or 0)
        title, back = its.title, f"{HOME}/sets/{with_whom.set_id}"
        choices = [(each.person_id, "You" if each.person_id == me else each.name) for each in queries.members_of(tx, its.id)]
    if row is not None and with_whom.set_id:
        known = {key for key, _ in choices}
        was = queries.was_there(tx, row.id)
        missing = [key for key in was if key not in known]
        choices += [(each.person_id, each.name) for each in queries.people_of(tx, missing)] if missing else []
    return page.render(
        "mentoring/meeting.html",
        title=title,
        back=back,
        choices=choices,
        ticked=forms.many(page.form, "people"),
        row=row,
        withdrawn=WITHDRAWN,
    )


def draw_new(tx: Tx, page: Page, pairing_id: int | None = None, set_id: int | None = None) -> Response:
    """Filled in with today, and how long the last one took: usually only the day has to be looked at."""
    with_whom = meetings.circle(tx, pairing_id=pairing_id, set_id=set_id)
    if not page.form:
        of = Meeting.pairing_id == pairing_id if pairing_id else Meeting.set_id == set_id
        last = queries.meetings(tx, of)[:1]
        page.form = {**forms.day_fields("held_on", tx.today), "minutes": str(last[0].minutes) if last else "60"}
        if set_id:
            page.form["people"] = [str(each.person_id) for each in queries.members_of(tx, set_id)]
    return _meeting_form(tx, page, with_whom)


def _typed(page: Page) -> tuple[date | None, int | None, list[int]]:
    problems = Problems()
    held_on = forms.day(page.form, "held_on", "The day", problems, needed=True)
    minutes = forms.number(page.form, "minutes", "Minutes", problems)
    problems.raise_any()
    return held_on, minutes, forms.ids(page.form, "people")


@pages.get("/learning-together/pairs/{pairing_id:int}/meetings/new", can=Can.LEARN_TOGETHER)
def new_of_pair(tx: Tx, page: Page, pairing_id: int) -> Response:
    """Log a meeting of a pair."""
    return draw_new(tx, page, pairing_id=pairing_id)


@pages.post("/learning-together/pairs/{pairing_id:int}/meetings/new", can=Can.LEARN_TOGETHER, again=draw_new)
def log_of_pair(tx: Tx, page: Page, pairing_id: int) -> Response:
    """They met."""
    meetings.circle(tx, pairing_id=pairing_id)
    held_on, minutes, _ = _typed(page)
    meetings.record(tx, held_on, minutes, pairing_id=pairing_id)
    return page.go(f"{HOME}/pairs/{pairing_id}", said="logged")


@pages.get("/learning-together/sets/{set_id:int}/meetings/new", can=Can.LEARN_TOGETHER)
def new_of_set(tx: Tx, page: Page, set_id: int) -> Response:
    """Log a meeting of a set."""
    return draw_new(tx, page, set_id=set_id)


@pages.post("/learning-together/sets/{set_id:int}/meetings/new", can=Can.LEARN_TOGETHER, again=draw_new)
def log_of_set(tx: Tx, page: Page, set_id: int) -> Response:
    """They met."""
    meetings.circle(tx, set_id=set_id)
    held_on, minutes, people = _typed(page)
    meetings.record(tx, held_on, minutes, set_id=set_id, people=people)
    return page.go(f"{HOME}/sets/{set_id}", said="logged")


def draw_correct(tx: Tx, page: Page, meeting_id: int) -> Response:
    """The form with what was logged, and a way to say that it does not count."""
    row, with_whom = meetings.of_mine(tx, meeting_id)
    if not page.form or "held_on" not in page.form:
        was = [str(key) for key in queries.was_there(tx, meeting_id)]
        page.form = {**page.form, **forms.day_fields("held_on", row.held_on), "minutes": str(row.minutes), "people": was}
    return _meeting_form(tx, page, with_whom, row)


@pages.get("/learning-together/meetings/{meeting_id:int}", can=Can.LEARN_TOGETHER)
def correct_form(tx: Tx, page: Page, meeting_id: int) -> Response:
    """Something was logged wrongly."""
    return draw_correct(tx, page, meeting_id)


@pages.post("/learning-together/meetings/{meeting_id:int}", can=Can.LEARN_TOGETHER, again=draw_correct)
def correct(tx: Tx, page: Page, meeting_id: int) -> Response:
    """A new entry takes its place."""
    _, with_whom = meetings.of_mine(tx, meeting_id)
    held_on, minutes, people = _typed(page)
    meetings.correct(tx, meeting_id, held_on, minutes, people)
    return page.go(_back(with_whom), said="corrected")


@pages.post("/learning-together/meetings/{meeting_id:int}/withdraw", can=Can.LEARN_TOGETHER, again=draw_correct)
def withdraw(tx: Tx, page: Page, meeting_id: int) -> Response:
    """It should not have been logged."""
    _, with_whom = meetings.of_mine(tx, meeting_id)
    meetings.withdraw(tx, meeting_id, text(page.form, "why"))
    return page.go(_back(with_whom), said="withdrawn")


def _back(with_whom: Circle) -> str:
    return f"{HOME}/pairs/{with_whom.pairing_id}" if with_whom.pairing_id else f"{HOME}/sets/{with_whom.set_id}"
