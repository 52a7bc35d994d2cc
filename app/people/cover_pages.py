"""When somebody is away, and who stands in for them: recorded by the person, by those above them, or by HR."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.db import FOREVER
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people import cover, details, operations, queries
from app.policy import Can

pages = Pages()
_SAID = {
    "away": "The absence is recorded.",
    "back": "The absence is ended.",
    "deputy": "The deputy is recorded. They stand in for as long as it lasts.",
    "ended": "The deputy no longer stands in.",
}


@pages.get("/people/{person_id:int}/cover", can=Can.ARRANGE_COVER)
def arrange(tx: Tx, page: Page, person_id: int) -> Response:
    """Absences and deputies now and to come, each with a way to end it, and a form for another."""
    person = policy.person(tx, Can.ARRANGE_COVER, person_id)
    page.saw("record.viewed", person_id)
    return page.render(
        "people/cover.html",
        person=person,
        you=person_id == tx.actor.person_id,
        absences=cover.absences(tx, person_id),
        deputies=cover.deputies(tx, person_id),
        duties=cover.duties(tx, person_id),
        today=tx.today,
        last=timedelta(days=1),
        said=_SAID.get(page.query("said"), ""),
    )


@pages.post("/people/{person_id:int}/absences", can=Can.ARRANGE_COVER, again=arrange)
def record_absence(tx: Tx, page: Page, person_id: int) -> Response:
    """They are away from a day to a day, or until nobody knows when."""
    problems = Problems()
    first, to = _period(page.form, "away", problems)
    problems.raise_any()
    cover.record_absence(tx, person_id, first, to)
    return page.go(f"/people/{person_id}/cover", said="away")


@pages.post("/people/{person_id:int}/absences/{absence_id:int}/end", can=Can.ARRANGE_COVER)
def end_absence(tx: Tx, page: Page, person_id: int, absence_id: int) -> Response:
    """They are back."""
    cover.end_absence(tx, person_id, absence_id)
    return page.go(f"/people/{person_id}/cover", said="back")


@pages.post("/people/{person_id:int}/deputies", can=Can.ARRANGE_COVER, again=arrange)
def name_deputy(tx: Tx, page: Page, person_id: int) -> Response:
    """A colleague stands in from a day to a day."""
    policy.person(tx, Can.ARRANGE_COVER, person_id)
    problems = Problems()
    said = text(page.form, "deputy")[:254]
    deputy = cover.colleague(tx, person_id, said) if said else None
    if not said:
        problems.add("deputy", "Enter the colleague’s e-mail address or employee number")
    elif deputy is None:
        problems.add("deputy", f"Nobody in this organisation has the e-mail address or employee number “{said}”")
    first, to = _period(page.form, "stand", problems)
    problems.raise_any()
    assert deputy is not None
    cover.name_deputy(tx, person_id, deputy, first, to)
    return page.go(f"/people/{person_id}/cover", said="deputy")


@pages.post("/people/{person_id:int}/deputies/{duty_id:int}/end", can=Can.ARRANGE_COVER)
def end_deputy(tx: Tx, page: Page, person_id: int, duty_id: int) -> Response:
    """They no longer stand in."""
    cover.end_deputy(tx, person_id, duty_id)
    return page.go(f"/people/{person_id}/cover", said="ended")


def _period(form: dict[str, Any], name: str, problems: Problems) -> tuple[date, date]:
    """The first day and the day after the last, from the fields "<name>_from" and "<name>_to"; without a last day there is no end."""
    first = forms.day(form, f"{name}_from", "The first day", problems, needed=True)
    last = forms.day(form, f"{name}_to", "The last day", problems)
    for field, day in ((f"{name}_from", first), (f"{name}_to", last)):
        if day is not None and not details.EARLIEST <= day < FOREVER - timedelta(days=1):
            problems.add(field, f"This must be in {details.EARLIEST.year} or later, and before the year 9999")
    if first is not None and last is not None and last < first:
        problems.add(f"{name}_to", "The last day must not be before the first")
    return first or FOREVER, FOREVER if last is None or problems.errors else last + timedelta(days=1)


# Cost centres ------------------------------------------------------------------------------------------------------


@pages.get("/organisation/{unit_id:int}/cost-centre", can=Can.SET_COST_CENTRES)
def cost_centre_form(tx: Tx, page: Page, unit_id: int) -> Response:
    """What this part of the organisation is charged to."""
    unit = queries.cost_centre(tx, unit_id)
    if not page.form:
        page.form = {"cost_centre": unit.cost_centre or "", "version": str(unit.version)}
    return page.render("people/cost_centre.html", unit=unit)


@pages.post("/organisation/{unit_id:int}/cost-centre", can=Can.SET_COST_CENTRES, again=cost_centre_form)
def set_cost_centre(tx: Tx, page: Page, unit_id: int) -> Response:
    """Set it, or leave it to the part above."""
    operations.set_cost_centre(tx, unit_id, text(page.form, "cost_centre"), forms.one_id(page.form, "version"))
    return page.go(f"/organisation/{unit_id}", said="cost-centre")
