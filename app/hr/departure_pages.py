"""Pages of leavers: HR confirms, drops and restores; whoever may, settles what was flagged."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any

from starlette.responses import Response

from app import policy
from app.bookings import desk
from app.core import forms
from app.core.errors import Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.hr import departures, values
from app.hr.operations import leaving
from app.policy import Can

pages = Pages()


def _left_behind(tx: Tx) -> desk.Line:
    number = departures.number_flagged(tx, Can.MANAGE_ENROLMENTS) if policy.may(tx.actor, Can.MANAGE_ENROLMENTS) else 0
    return desk.Line(number, "thing that leavers left behind", "things that leavers left behind", "/manage/leavers")


desk.FURTHER.append(_left_behind)


@pages.get("/hr/leavers", can=Can.CONFIRM_LEAVERS)
def leavers_page(tx: Tx, page: Page) -> Response:
    """Who waits to be confirmed, who leaves soon, who has left lately, and what is flagged."""
    return page.render(
        "hr/departures.html",
        waiting=departures.waiting(tx),
        total=departures.number_waiting(tx),
        held=departures.held(tx),
        due=departures.due(tx),
        lately=departures.lately(tx),
        flags=departures.number_flagged(tx, Can.CONFIRM_LEAVERS),
        chosen={int(each) for each in forms.many(page.form, "departure") if each.isdigit()},
        sources=departures.SOURCES,
        states=departures.STATES,
        most=departures.MOST,
        day=departures.day_in_words,
    )


def _chosen(page: Page) -> list[int]:
    return [int(each) for each in forms.many(page.form, "departure") if each.isdigit() and len(each) < 16]


@pages.post("/hr/leavers/confirm", can=Can.CONFIRM_LEAVERS, again=leavers_page)
def confirm(tx: Tx, page: Page) -> Response:
    """Those who were chosen, or everybody of a run, leave."""
    run = forms.one_id(page.form, "run")
    chosen = departures.of_run(tx, run) if run is not None else _chosen(page)
    days = {key: day for key in chosen if (day := _day(page, f"last_day_{key}")) is not None}
    number = leaving.confirm(tx, chosen, days)
    return page.go("/hr/leavers", confirmed=number)


def _day(page: Page, name: str) -> date | None:
    """A date as somebody types it, None for none."""
    try:
        return values.day(str(page.form.get(name) or ""))
    except values.Wrong as problem:
        message = "Last day must be a real date, like 30 November 2026"
        raise Invalid("Check what you entered.", errors=[{"field": name, "message": message}]) from problem


@pages.post("/hr/leavers/drop", can=Can.CONFIRM_LEAVERS, again=leavers_page)
def drop(tx: Tx, page: Page) -> Response:
    """Those who were chosen stay."""
    number = leaving.drop(tx, _chosen(page), forms.text(page.form, "reason"))
    return page.go("/hr/leavers", dropped=number)


@pages.get("/hr/leavers/flags", can=Can.CONFIRM_LEAVERS)
def flags_page(tx: Tx, page: Page) -> Response:
    """What leavers of HR's people left behind, and nobody has seen to."""
    return _flags(tx, page, Can.CONFIRM_LEAVERS, "/hr/leavers")


@pages.get("/manage/leavers", can=Can.MANAGE_ENROLMENTS)
def desk_page(tx: Tx, page: Page) -> Response:
    """The same for coordinators."""
    return _flags(tx, page, Can.MANAGE_ENROLMENTS, "/manage")


def _flags(tx: Tx, page: Page, can: Can, back: str) -> Response:
    lines = departures.flags(tx, can)
    people = [(key, list(theirs)) for key, theirs in groupby(lines, key=lambda line: (line.departure_id, line.person))]
    return page.render(
        "hr/departure_flags.html",
        people=people,
        total=departures.number_flagged(tx, can) if len(lines) == departures.MOST else len(lines),
        shown=len(lines),
        headings=departures.HEADINGS,
        back=back,
        links=can is Can.MANAGE_ENROLMENTS,
    )


@pages.post("/manage/leavers/settle", can=Can.MANAGE_ENROLMENTS, again=desk_page)
def settle_at_desk(tx: Tx, page: Page) -> Response:
    """A coordinator has seen to it."""
    leaving.settle(tx, forms.one_id(page.form, "effect") or 0)
    return page.go("/manage/leavers", settled="yes")


@pages.post("/hr/leavers/flags", can=Can.CONFIRM_LEAVERS, again=flags_page)
def settle(tx: Tx, page: Page) -> Response:
    """HR has seen to it; on to where it was seen."""
    departure_id = leaving.settle(tx, forms.one_id(page.form, "effect") or 0)
    return page.go(f"/hr/leavers/{departure_id}" if page.form.get("from") == "departure" else "/hr/leavers/flags", settled="yes")


@pages.get("/hr/leavers/{departure_id:int}", can=Can.CONFIRM_LEAVERS)
def leaver_page(tx: Tx, page: Page, departure_id: int) -> Response:
    """What followed from one departure, line by line, and restoring it."""
    found = departures.departure(tx, departure_id)
    lines = departures.lines(tx, departure_id)
    page.saw("departure.viewed", found.person_id)
    kinds: list[tuple[str, list[Any]]] = [
        (departures.HEADINGS.get(kind, kind), list(theirs)) for kind, theirs in groupby(lines, key=lambda line: line.kind)
    ]
    return page.render(
        "hr/departure.html",
        found=found,
        kinds=kinds,
        open_=[line for line in lines if line.open],
        lost=[line for line in lines if line.not_undone],
        state=departures.STATES[found.state],
        sources=departures.SOURCES,
        day=departures.day_in_words,
    )


@pages.post("/hr/leavers/{departure_id:int}/restore", can=Can.CONFIRM_LEAVERS, again=leaver_page)
def restore(tx: Tx, page: Page, departure_id: int) -> Response:
    """They have not left after all; the page says what could not be taken back."""
    leaving.restore(tx, departure_id, forms.text(page.form, "reason"))
    return page.go(f"/hr/leavers/{departure_id}", restored="yes")
