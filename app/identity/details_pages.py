"""My details: what HR holds, what I can change, where I am signed in, and who has looked at my record."""

from __future__ import annotations

import re

from starlette.responses import Response

from app.core import forms
from app.core.errors import Invalid
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.identity import access, operations, queries
from app.identity.pages import client_address, token_of
from app.people import operations as people
from app.people import queries as people_queries

pages = Pages()

LONGEST_NEEDS = 1000
_SAID = {
    "details": "Your details are saved.",
    "linked": "Your council account is linked. You can sign in with it from now on.",
    "password": "Your password is changed. You are signed out on every other device.",
}


@pages.get("/my-details")
def my_details(tx: Tx, page: Page) -> Response:
    """Everything the service holds about the reader's work, and what they can do about it."""
    me = tx.actor.person_id or 0
    record = people_queries.record(tx, me)
    return page.render(
        "identity/my_details.html",
        record=record,
        person=record.person,
        roles=queries.own_roles(tx),
        sign_ins=queries.sign_ins(tx, page.settings),
        here=access.digest(token_of(page)),
        browser=queries.browser,
        views=queries.views(tx),
        seen=queries.WHAT_WAS_SEEN,
        most=queries.VIEWS,
        passwords=operations.password_used(tx, me, page.settings),
        said=_SAID.get(page.query("said"), ""),
    )


@pages.get("/my-details/change")
def change_form(tx: Tx, page: Page) -> Response:
    """What everybody may change about themselves."""
    person = people_queries.record(tx, tx.actor.person_id or 0).person
    if not page.form:
        page.form = {"known_as": person.known_as or "", "access_needs": person.access_needs or ""}
    return page.render("identity/change_details.html", person=person, back=_back(page))


@pages.post("/my-details/change", again=change_form)
def change(tx: Tx, page: Page) -> Response:
    """Save them."""
    known_as, needs = text(page.form, "known_as"), text(page.form, "access_needs")
    problems = Problems()
    if len(known_as) > 80:
        problems.add("known_as", "The name you go by must be 80 characters or fewer")
    if len(needs) > LONGEST_NEEDS:
        problems.add("access_needs", f"Access needs must be {LONGEST_NEEDS:,} characters or fewer. You typed {len(needs):,}")
    problems.raise_any()
    people.change_own_details(tx, known_as=known_as, access_needs=needs)
    back = _back(page)
    return page.go(back) if back else page.go("/my-details", said="details")


def _back(page: Page) -> str:
    """The booking that the reader came from, to return to it; nowhere else."""
    asked = page.query("back")
    return asked if re.fullmatch(r"/sessions/\d{1,15}/book", asked) else ""


@pages.get("/my-details/password")
def password_form(tx: Tx, page: Page) -> Response:
    """The present password, and a new one twice."""
    operations.require_password_use(tx, tx.actor.person_id or 0, page.settings)
    return page.render("identity/change_password.html", least=operations.MIN_PASSWORD)


def _check(tx: Tx, page: Page) -> str | None:
    """The new password's hash; None if the present password is wrong. Slow, so it runs before the writer's turn."""
    current, new, again = (forms.text(page.form, name) for name in ("current", "password", "again"))
    problems = Problems()
    if not current:
        problems.add("current", "Enter your present password")
    if not new:
        problems.add("password", "Enter a new password")
    problems.raise_any()
    operations.require_password_use(tx, tx.actor.person_id or 0, page.settings)
    operations.throttle(tx, operations.email_of(tx, tx.actor.person_id or 0), client_address(page))
    return operations.own_new_password(tx, current, new, again)


@pages.post("/my-details/password", again=password_form, first=_check)
def change_password(tx: Tx, page: Page) -> Response:
    """Every other sign-in ends; this one goes on."""
    # Asked again, in turn: many guesses at once get no further than few.
    operations.throttle(tx, operations.email_of(tx, tx.actor.person_id or 0), client_address(page))
    if page.found is None:
        operations.failed(tx, operations.email_of(tx, tx.actor.person_id or 0), client_address(page))
        wrong = "Your present password is not right"
        page.problem = Invalid(wrong, code="wrong-password", errors=[{"field": "current", "message": wrong}])
        return password_form(tx, page)
    operations.change_own_password(tx, page.found, token_of(page), page.settings)
    return page.go("/my-details", said="password")
