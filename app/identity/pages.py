"""Signing in and out, setting a password, and the pages that everyone may read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.core.web import read
from app.doors import Page, Pages
from app.identity import access, operations
from app.identity.provider.pages import known_at_sign_out, sign_out_there

pages = Pages()

EMERGENCY = "/sign-in/emergency"
_SAID = {
    "signed-out": "You have signed out.",
    "everywhere": "You have signed out on every device.",
    "password-set": "Your password is set. Sign in with it now.",
}


class SignInForm(BaseModel):
    """E-mail and password."""

    email: str = Field(title="your e-mail address", max_length=254)
    password: str = Field(title="your password", max_length=1000)


class EmailForm(BaseModel):
    """The address a reset link is asked for."""

    email: str = Field(title="your e-mail address", max_length=254, pattern=r"^\s*[^@\s]+@[^@\s]+\s*$")


class PasswordForm(BaseModel):
    """A new password, typed twice."""

    password: str = Field(title="a password", max_length=1000)
    again: str = Field(title="the password again", max_length=1000)


def client_address(page: Page) -> str:
    """Where the request came from, for throttling."""
    client = page.request.client
    return access.client_address(
        client.host if client else "unknown", page.request.headers.get("x-forwarded-for", ""), page.settings.trusted_proxies
    )


def token_of(page: Page) -> str:
    """The token in the reader's cookie."""
    return page.request.cookies.get(access.cookie_name(page.settings), "")


# Signing in and out ------------------------------------------------------------------------------------------------


@pages.get("/sign-in", can=None, public=True)
def sign_in_form(_tx: Tx, page: Page) -> Response:
    """The ways to sign in; in demonstration mode, the personas above them. Somebody who is signed in goes on to where they were going."""
    onward = access.local_path(page.form.get("next") or page.query("next"))
    if page.actor.person_id and page.problem is None:
        return page.go(onward)
    personas: tuple[Any, ...] = ()
    if page.settings.demo:
        from seed.personas import PERSONAS

        personas = PERSONAS
    said = page.query("said") or page.query("state")  # the latter when the identity provider sends people back from signing out
    emergency = page.path == EMERGENCY or bool(page.form.get("emergency"))
    return page.render("identity/sign_in.html", personas=personas, onward=onward, said=_SAID.get(said, ""), emergency=emergency)


@pages.get(EMERGENCY, can=None, public=True)
def emergency_form(tx: Tx, page: Page) -> Response:
    """The form for break-glass accounts, where passwords are otherwise switched off. No page leads here; the documentation does."""
    return sign_in_form(tx, page)


def _who(tx: Tx, page: Page) -> int | None:
    """Who the form says this is: slow, because passwords are checked slowly; so it runs before the writer's turn."""
    if page.settings.demo and (key := page.form.get("persona")):
        return _persona(tx, str(key))
    form = read(SignInForm, page.form)
    operations.throttle(tx, form.email, client_address(page))
    return operations.check_password(tx, form.email, form.password, passwords=page.settings.local_passwords)


def _persona(tx: Tx, key: str) -> int:
    from seed.personas import PERSONAS

    email = next((persona.email for persona in PERSONAS if persona.key == key), "")
    person_id = operations.account_of(tx, email)
    if person_id is None:
        raise Conflict("This persona is not in the database.", code="no-persona", way_out="Load the demonstration county, then try again.")
    return person_id


@pages.post("/sign-in", can=None, public=True, first=_who, again=sign_in_form)
def sign_in(tx: Tx, page: Page) -> Response:
    """A new sign-in with a new token, or one message that does not tell whether the account exists."""
    asked_for_persona = page.settings.demo and bool(page.form.get("persona"))
    if not asked_for_persona:
        operations.throttle(
            tx, str(page.form["email"]), client_address(page)
        )  # again, in turn: many guesses at once get no further than few
    if page.found is None:
        operations.failed(tx, str(page.form["email"]), client_address(page))
        wrong = "The e-mail address or the password is not right. Check both and try again."
        page.problem = Invalid("You could not be signed in.", code="sign-in-failed", errors=[{"field": "email", "message": wrong}])
        return sign_in_form(tx, page)
    if page.actor.person_id:
        operations.sign_out(tx, token_of(page))
    token = operations.sign_in(tx, page.found, page.request.headers.get("user-agent", ""), page.settings)
    page.set_cookie(access.cookie_name(page.settings), token, **access.cookie_options(page.settings))
    return page.go(access.local_path(page.form.get("next")))


@pages.post("/sign-out", can=None, public=True, outside=known_at_sign_out)
def sign_out(tx: Tx, page: Page) -> Response:
    """End this browser's sign-in and forget its cookie; then at the identity provider, if that is who signed them in."""
    there = sign_out_there(page, operations.sign_out(tx, token_of(page))) if page.actor.person_id else ""
    here = _signed_out(page, "signed-out")
    return page.leave(there) if there else here


@pages.post("/sign-out/everywhere")
def sign_out_everywhere(tx: Tx, page: Page) -> Response:
    """End every sign-in of the reader's, this one too."""
    assert page.actor.person_id is not None
    operations.sign_out_everywhere(tx, page.actor.person_id)
    return _signed_out(page, "everywhere")


def _signed_out(page: Page, said: str) -> Response:
    page.set_cookie(access.cookie_name(page.settings), "", max_age=0, **access.cookie_options(page.settings))
    return page.go("/sign-in", said=said)


# Passwords ---------------------------------------------------------------------------------------------------------


@pages.get("/password/forgotten", can=None, public=True)
def forgotten_form(_tx: Tx, page: Page) -> Response:
    """Ask for a link."""
    passwords = page.settings.local_passwords or bool(page.query("emergency") or page.form.get("emergency"))
    return page.render("identity/forgotten.html", asked=page.query("asked") == "1", passwords=passwords)


@pages.post("/password/forgotten", can=None, public=True, again=forgotten_form)
def forgotten(tx: Tx, page: Page) -> Response:
    """The same answer whether or not there is such an account."""
    if not page.settings.local_passwords and not page.form.get("emergency"):
        raise operations.PasswordsOff
    email = read(EmailForm, page.form).email
    operations.ask_for_reset(tx, email, client_address(page), passwords=page.settings.local_passwords)
    return page.go("/password/forgotten", asked=1, emergency=page.form.get("emergency"))


@pages.get("/password/set/{token}", can=None, public=True)
def set_password_form(tx: Tx, page: Page, token: str) -> Response:
    """Choose a password. Opening the link changes nothing, so that mail scanners which follow links do not use it up."""
    person_id, purpose = operations.link(tx, token)
    return page.render(
        "identity/set_password.html",
        email=operations.email_of(tx, person_id),
        purpose=purpose,
        least=operations.MIN_PASSWORD,
        passwords=operations.password_used(tx, person_id, page.settings),
        sign_on=f"/password/set/{token}/sign-on" if page.settings.sso and purpose == "invitation" else "",
    )


def _new_password(tx: Tx, page: Page, token: str) -> str:
    form = read(PasswordForm, page.form)
    return operations.new_password(tx, token, form.password, form.again, page.settings)


@pages.post("/password/set/{token}", can=None, public=True, first=_new_password, again=set_password_form)
def set_password(tx: Tx, page: Page, token: str) -> Response:
    """The link is used up, and the person signs in with what they chose."""
    operations.set_password(tx, token, page.found, page.settings)
    return page.go("/sign-in", said="password-set")


# What everyone may read --------------------------------------------------------------------------------------------


@pages.get("/privacy", can=None, public=True)
def privacy(_tx: Tx, page: Page) -> Response:
    """What is held about people, and their rights."""
    return page.render("identity/privacy.html")


@pages.get("/accessibility", can=None, public=True)
def accessibility(_tx: Tx, page: Page) -> Response:
    """The accessibility statement."""
    return page.render("identity/accessibility.html")


@pages.get("/help", can=None, public=True)
def get_help(_tx: Tx, page: Page) -> Response:
    """Who to ask."""
    return page.render("identity/help.html")
