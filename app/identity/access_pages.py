"""Pages of administrators: who holds which role, and whose account may sign in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.calendar import long_date
from app.core.db import FOREVER
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.identity import operations, queries
from app.people import operations as people
from app.people import queries as people_queries
from app.policy import Can, Role

pages = Pages()

ROLES = [(role.value, role.value[:1].upper() + role.value[1:]) for role in policy.GIVEN]
WHAT_ROLES_DO = {
    Role.COORDINATOR.value: "Runs courses, sessions and lists, and books for people.",
    Role.PSW.value: "Sees people’s work details, bookings and completions.",
    Role.HR.value: "Records people, imports HR extracts and sees completions.",
    Role.BOARD.value: "Sees figures, never people.",
    Role.SETTING_LEAD.value: "Books for the staff of their own setting and sees them.",
    Role.PANEL.value: "Reads and judges the portfolios listed for the panels they sit on, no others.",
    Role.MODERATOR.value: "Reads the sample of portfolios shown to them, and says what they think.",
    Role.ADMINISTRATOR.value: "Gives access, looks after API clients and messages.",
}
_SAID = {
    "given": "The role is given.",
    "ended": "The role has ended.",
    "invited": "An invitation is on its way to their work e-mail address.",
    "suspended": "The account is suspended, and they are signed out everywhere.",
    "restored": "The account works again, unless the directory has suspended it too.",
    "linked": "Their council account is linked. They can sign in with it.",
    "unlinked": "The council account is no longer linked.",
}


def _last_day(valid_to: date) -> date:
    """Periods end before `valid_to`; people say the last day."""
    return valid_to - timedelta(days=1)


# Roles -------------------------------------------------------------------------------------------------------------


@pages.get("/access", can=Can.MANAGE_ACCESS)
def access(tx: Tx, page: Page) -> Response:
    """Everybody in reach who holds a role."""
    role, number = page.query("role"), max(page.number("page"), 1)
    rows, total = queries.holders(tx, role, number)
    return page.render(
        "identity/access.html",
        rows=rows,
        total=total,
        number=number,
        last=max(1, -(-total // queries.PAGE)),
        role=role,
        roles=ROLES,
        today=tx.today,
        forever=FOREVER,
        last_day=_last_day,
        everywhere=queries.units(tx, Can.MANAGE_ACCESS) is None,
        link=lambda to: url("/access", role=role, page=to if to > 1 else None),
    )


@pages.get("/access/people/{person_id:int}", can=Can.MANAGE_ACCESS)
def one_person(tx: Tx, page: Page, person_id: int) -> Response:
    """Somebody's account and roles, and what can be done about them."""
    person = policy.person(tx, Can.MANAGE_ACCESS, person_id)
    if not page.form:
        page.form = forms.day_fields("from", tx.today)
        page.saw("access.viewed", person_id)
    held = queries.roles_of(tx, person_id)
    said = page.query("said")
    return page.render(
        "identity/access_person.html",
        person=person,
        account=queries.account(tx, person_id),
        held=held,
        roles=ROLES,
        what=WHAT_ROLES_DO,
        everywhere=queries.units(tx, Can.MANAGE_ACCESS) is None,
        today=tx.today,
        forever=FOREVER,
        last_day=_last_day,
        said=_given(tx, person.name, held, page.number("role", 0)) if said == "given" else _SAID.get(said, ""),
    )


@pages.post("/access/people/{person_id:int}/roles", can=Can.MANAGE_ACCESS, again=one_person)
def give_role(tx: Tx, page: Page, person_id: int) -> Response:
    """A role for a part of the organisation and a period."""
    policy.person(tx, Can.MANAGE_ACCESS, person_id)
    problems = Problems()
    role = text(page.form, "role")
    if role not in dict(ROLES):
        problems.add("role", "Choose a role")
    unit = unit_meant(tx, text(page.form, "unit"), problems, everywhere=text(page.form, "everywhere") == "yes")
    from_ = forms.day(page.form, "from", "The day it starts", problems, needed=True)
    last = forms.day(page.form, "until", "The last day", problems)
    if from_ and last and last < from_:
        problems.add("until", "The last day must not be before the day it starts")
    problems.raise_any()
    assert from_ is not None
    given = people.give_role(tx, person_id, role, unit, from_, last + timedelta(days=1) if last else FOREVER)
    return page.go(f"/access/people/{person_id}", said="given", role=given)


def _given(tx: Tx, name: str, held: Sequence[Row[Any]], role_id: int) -> str:
    """Who has been given what, where and from when."""
    row = next((row for row in held if row.id == role_id), None)
    if row is None:
        return _SAID["given"]
    since = "today" if row.valid_from == tx.today else long_date(row.valid_from)
    return f"{name} is {row.role} {'for ' + row.unit if row.unit else 'everywhere'} from {since}."


def unit_meant(tx: Tx, said: str, problems: Problems, *, everywhere: bool) -> int | None:
    """The part of the organisation that was meant; everywhere has to be chosen, by those who may give that."""
    if everywhere:
        if said:
            problems.add("everywhere", "Choose everywhere, or name a part of the organisation, but not both")
        elif queries.units(tx, Can.MANAGE_ACCESS) is not None:
            problems.add("unit", "Enter a part of your own organisation")
        return None
    if not said:
        own = queries.units(tx, Can.MANAGE_ACCESS) is not None
        problems.add("unit", "Enter a part of your own organisation" if own else "Enter a part of the organisation, or choose everywhere")
        return None
    found = people_queries.units_called(tx, said[:120], Can.MANAGE_ACCESS)
    if len(found) == 1:
        return int(found[0].id)
    names = ", ".join(f"{row.name} ({row.code})" for row in found)
    problems.add("unit", f"Several parts match. Enter one name or code of: {names}" if found else f"There is nothing called “{said[:120]}”")
    return None


# Acts that are confirmed on a page of their own --------------------------------------------------------------------


@pages.get("/access/roles/{role_id:int}/end", can=Can.MANAGE_ACCESS)
def end_role_form(tx: Tx, page: Page, role_id: int) -> Response:
    """What ending a role does, before the button."""
    row = queries.role(tx, role_id)
    where = row.unit or "everywhere"
    return _confirm(
        page,
        row.person_id,
        row.name,
        f"End the role {row.role}?",
        [f"{row.name} stops being {row.role} for {where} at once.", "That they held it until now stays on record."],
        "End this role",
    )


@pages.post("/access/roles/{role_id:int}/end", can=Can.MANAGE_ACCESS, again=end_role_form)
def end_role(tx: Tx, page: Page, role_id: int) -> Response:
    """The role ends today."""
    row = queries.role(tx, role_id)
    people.end_role(tx, role_id)
    return page.go(f"/access/people/{row.person_id}", said="ended")


@pages.get("/access/people/{person_id:int}/suspend", can=Can.MANAGE_ACCESS)
def suspend_form(tx: Tx, page: Page, person_id: int) -> Response:
    """What suspending an account does, before the button."""
    person = policy.person(tx, Can.MANAGE_ACCESS, person_id)
    effects = [
        f"{person.name} is signed out everywhere at once and cannot sign in.",
        "Their bookings, records and roles stay as they are.",
        "You can restore the account at any time.",
    ]
    return _confirm(page, person_id, person.name, "Suspend this account?", effects, "Suspend the account")


@pages.post("/access/people/{person_id:int}/suspend", can=Can.MANAGE_ACCESS, again=suspend_form)
def suspend(tx: Tx, page: Page, person_id: int) -> Response:
    """Nobody can sign in with it until it is restored."""
    operations.suspend(tx, person_id)
    return page.go(f"/access/people/{person_id}", said="suspended")


def _confirm(page: Page, person_id: int, name: str, heading: str, effects: list[str], button: str) -> Response:
    back = f"/access/people/{person_id}"
    return page.render("identity/confirm.html", name=name, heading=heading, effects=effects, button=button, back=back, back_to=name)


@pages.post("/access/people/{person_id:int}/restore", can=Can.MANAGE_ACCESS, again=one_person)
def restore(tx: Tx, page: Page, person_id: int) -> Response:
    """A suspended account works again."""
    operations.restore(tx, person_id)
    return page.go(f"/access/people/{person_id}", said="restored")


@pages.post("/access/people/{person_id:int}/invite", can=Can.MANAGE_ACCESS, again=one_person)
def invite(tx: Tx, page: Page, person_id: int) -> Response:
    """An account, and an e-mail with a link to set its first password."""
    operations.invite(tx, person_id)
    return page.go(f"/access/people/{person_id}", said="invited")
