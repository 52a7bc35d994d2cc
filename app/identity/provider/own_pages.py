"""My council account: somebody who signed in with their password links who they are at the identity provider."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from app.core.errors import Conflict, Invalid
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.identity import external, operations
from app.identity.pages import client_address
from app.identity.provider.attempts import Wish
from app.identity.provider.metadata import Metadata
from app.identity.provider.pages import known, send

pages = Pages()


@pages.get("/my-details/council-account")
def form(tx: Tx, page: Page) -> Response:
    """Whether the reader is linked, and how to become so."""
    return _page(tx, page)


def _page(tx: Tx, page: Page, onward: str = "") -> Response:
    present = external.of(tx, page.settings, tx.actor.person_id or 0) if page.settings.sso else None
    return page.render("identity/council_account.html", present=present, onward=onward)


async def _known(request: Request, given: dict[str, Any]) -> Metadata | None:
    return await known(request, given) if request.app.state.settings.sso else None


def _check(tx: Tx, page: Page) -> bool:
    """Is it their password? Whoever only found the browser open must not link theirs for good. Slow: before the writer's turn."""
    if page.outside is None:
        raise Conflict("Single sign-on is not set up here.", code="no-single-sign-on", way_out="Go on signing in with your password.")
    problems = Problems()
    if not text(page.form, "current"):
        problems.add("current", "Enter your present password")
    problems.raise_any()
    email = operations.email_of(tx, tx.actor.person_id)
    operations.throttle(tx, email, client_address(page))
    passwords = page.settings.local_passwords
    return operations.check_password(tx, email, text(page.form, "current"), passwords=passwords) == tx.actor.person_id


@pages.post("/my-details/council-account", again=form, first=_check, outside=_known)
def begin(tx: Tx, page: Page) -> Response:
    """Their password is right: the way to the provider, which asks them afresh. A link, as everywhere that leads there."""
    email = operations.email_of(tx, tx.actor.person_id)
    operations.throttle(tx, email, client_address(page))  # again, in turn
    if not page.found:
        operations.failed(tx, email, client_address(page))
        wrong = "Your present password is not right"
        page.problem = Invalid(wrong, code="wrong-password", errors=[{"field": "current", "message": wrong}])
        return _page(tx, page)
    return _page(tx, page, send(tx, page, Wish("/my-details", tx.actor.person_id)))
