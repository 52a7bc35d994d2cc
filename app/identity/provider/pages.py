"""Signing on: to the provider, back from it, with an invitation, and the provider's own word that somebody has signed out."""

from __future__ import annotations

import json
import sys
from asyncio import get_running_loop
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy import Row, select, update
from starlette.responses import JSONResponse, Response

from app.core.config import Settings
from app.core.errors import Invalid, NotFound
from app.core.tx import NOBODY, Tx, clock, transaction
from app.doors import Page, Pages
from app.identity import access, operations
from app.identity.models import ExternalIdentity, SignIn
from app.identity.provider import attempts, entering, tokens
from app.identity.provider.attempts import Wish
from app.identity.provider.entering import Arrival, Refused
from app.identity.provider.metadata import CodeRefused, Metadata, Provider, ProviderDown, provider
from app.identity.provider.words import page_of

pages = Pages()

LONGEST = 4096  # characters of a code, and of a token that signs somebody out
LONGEST_HINT = 6000  # of an ID token sent along in an address


# Asking the provider, before there is a transaction ----------------------------------------------------------------


def _on(request: Request) -> Provider:
    """The provider, or NotFound: without one these addresses do not exist."""
    if not request.app.state.settings.sso:
        raise NotFound("There is nothing at this address.", code="no-single-sign-on")
    return provider(request)


async def known(request: Request, _form: dict[str, Any]) -> Metadata:
    """Where the provider's pages are; ProviderDown says what else can be done."""
    try:
        return await _on(request).metadata()
    except ProviderDown as down:
        raise _noted(request, down) from None


async def known_at_sign_out(request: Request, _form: dict[str, Any]) -> Metadata | None:
    """The same, or None: signing out here never waits for whether the provider answers."""
    if not request.app.state.settings.sso:
        return None
    try:
        return await provider(request).metadata()
    except ProviderDown as down:
        _noted(request, down)
        return None


def _noted(request: Request, down: ProviderDown) -> ProviderDown:
    """One line in the log for whoever looks after the service, and a way out for the reader."""
    settings: Settings = request.app.state.settings
    line = dict(event="provider-down", id=request.state.request_id, why=down.why)
    sys.stderr.write(json.dumps(line) + "\n")
    if settings.local_passwords:
        down.way_out = "Wait a minute and try again, or sign in with your e-mail address and password. " + down.way_out.partition(". ")[2]
    return down


async def _in_thread(request: Request, work: Callable[[], Any]) -> Any:
    return await get_running_loop().run_in_executor(request.app.state.executor, work)


def _address(page: Page) -> str:
    client = page.request.client
    forwarded = page.request.headers.get("x-forwarded-for", "")
    return access.client_address(client.host if client else "unknown", forwarded, page.settings.trusted_proxies)


# To the provider ---------------------------------------------------------------------------------------------------


def send(tx: Tx, page: Page, wish: Wish) -> str:
    """The provider's address to go to; the browser keeps the other half of the attempt."""
    attempts.throttle(tx, "sign-on", _address(page), attempts.BEGUN)
    name = attempts.cookie_name(page.settings)
    address, half = attempts.begin(tx, page.settings, page.outside, wish, page.request.cookies.get(name, ""))
    page.set_cookie(name, half, **attempts.cookie_options(page.settings))
    return address


@pages.get("/auth/sign-in", can=None, public=True, outside=known, writes=True)
def sign_in(tx: Tx, page: Page) -> Response:
    """Off to the provider. A link, not a form: browsers hold a form's redirects, the provider's own too, to our content policy."""
    return page.leave(send(tx, page, Wish(access.local_path(page.query("next")))))


@pages.get("/password/set/{token}/sign-on", can=None, public=True, outside=known, writes=True)
def follow_invitation(tx: Tx, page: Page, token: str) -> Response:
    """Whoever holds an invitation signs on at the provider instead of choosing a password, and is linked."""
    person_id, purpose = operations.link(tx, token)
    if purpose != "invitation":
        raise NotFound("There is nothing at this address.")
    return page.leave(send(tx, page, Wish("/", person_id, access.digest(token))))


# Back from it ------------------------------------------------------------------------------------------------------


async def come_back(request: Request, _form: dict[str, Any]) -> Arrival | Refused:
    """Use up the attempt, exchange the code and check the token: each step in its own place, none inside another's transaction."""
    asked = _on(request)
    settings = asked.config
    given = request.query_params
    half = request.cookies.get(attempts.cookie_name(settings), "")
    attempt, why = await _in_thread(request, partial(_take, request, given.get("state", ""), half))
    if attempt is None:
        return Refused(why)
    if given.get("iss", settings.oidc_issuer) != settings.oidc_issuer:  # RFC 9207
        return Refused("wrong-issuer")
    code = given.get("code", "")
    if "error" in given or not 1 <= len(code) <= LONGEST:
        return Refused("cancelled" if given.get("error") in ("access_denied", "login_required") else "provider-refused")
    try:
        raw = await asked.exchange(code, attempt.verifier)
        identity = await _checked(request, asked, lambda keys: tokens.id_token(settings, raw, keys, attempt.nonce, clock()))
    except CodeRefused:
        return Refused("code-refused")
    except tokens.TokenRefused as refused:
        return Refused(refused.why)
    except ProviderDown as down:
        raise _noted(request, down) from None
    return Arrival(attempt, identity, raw)


def _take(request: Request, state: str, half: str) -> tuple[Row[Any] | None, str]:
    with transaction(request.app.state.database, NOBODY, writes=True, request_id=request.state.request_id) as tx:
        return attempts.take(tx, state[:200], half[:200])


async def _checked(request: Request, asked: Provider, check: Callable[[dict[str, Any]], Any]) -> Any:
    """What `check` makes of a token with the provider's keys; with those it has now, if it names one that is not known."""
    try:
        return await _in_thread(request, partial(check, await asked.keys()))
    except tokens.UnknownKey:
        return await _in_thread(request, partial(check, await asked.keys(anew=True)))


@pages.get("/auth/callback", can=None, public=True, outside=come_back, writes=True)
def callback(tx: Tx, page: Page) -> Response:
    """The attempt proves that this browser began it; the token proves who it is."""
    came: Arrival | Refused = page.outside
    reader, agent = page.actor, page.request.headers.get("user-agent", "")
    done = came if isinstance(came, Refused) else entering.arrive(tx, page.settings, came, reader, agent)
    if isinstance(done, Refused):
        attempts.throttle(tx, "sign-on-refused", _address(page), attempts.REFUSED)
        tx.record("sign-in.refused", "accounts", done.person_id, person_id=done.person_id, why=done.why)
        status, words = page_of(done.why)
        return page.render("identity/sign_on_refused.html", status=status, words=words, linking=reader.person_id is not None)
    if done.token:
        if reader.person_id:
            tx.actor = reader
            operations.sign_out(tx, page.request.cookies.get(access.cookie_name(page.settings), ""))
        page.set_cookie(access.cookie_name(page.settings), done.token, **access.cookie_options(page.settings))
    return page.go(done.onward)


# Signing out -------------------------------------------------------------------------------------------------------


def sign_out_there(page: Page, id_token: str | None) -> str:
    """The provider's address that ends its own session too (OpenID Connect RP-Initiated Logout); empty where there is none to end."""
    metadata: Metadata | None = page.outside
    if metadata is None or id_token is None or not metadata.end_session_endpoint:
        return ""
    said = {
        "client_id": page.settings.oidc_client_id,
        "post_logout_redirect_uri": f"{page.settings.base_url}/sign-in",
        "state": "signed-out",
    }
    if len(id_token) <= LONGEST_HINT:
        said["id_token_hint"] = id_token
    return metadata.end_session_endpoint + ("&" if "?" in metadata.end_session_endpoint else "?") + urlencode(said)


@dataclass(frozen=True, slots=True)
class Over:
    """Whom the provider has signed out: by its session, or everywhere."""

    session: str | None
    subject: str | None


async def told(request: Request, form: dict[str, Any]) -> Over:
    """Is it the provider that says so? Refused in OAuth's own shape."""
    asked = _on(request)
    raw = form.get("logout_token")
    if not isinstance(raw, str) or not 1 <= len(raw) <= LONGEST:
        raise Invalid("A logout_token is needed.", code="invalid_request")
    try:
        return Over(*await _checked(request, asked, lambda keys: tokens.logout_token(asked.config, raw, keys, clock())))
    except tokens.TokenRefused as refused:
        raise Invalid(f"The logout_token is refused: {refused.why}.", code="invalid_request") from None
    except ProviderDown as down:
        raise _noted(request, down) from None


@pages.post("/oauth/back-channel-logout", can=None, public=True, outside=told)
def back_channel(tx: Tx, page: Page) -> Response:
    """End what the provider says is over (OpenID Connect Back-Channel Logout). Said twice, it ends nothing more."""
    over: Over = page.outside
    config = page.settings
    theirs = select(ExternalIdentity.person_id).where(
        ExternalIdentity.issuer == config.oidc_issuer,
        ExternalIdentity.tenant == config.oidc_tenant,
        ExternalIdentity.subject == over.subject,
    )
    found = SignIn.provider_session == over.session if over.session is not None else SignIn.person_id.in_(theirs)
    open_ = SignIn.via == "provider", SignIn.ended_at.is_(None), found
    people = {row.person_id for row in tx.rows(select(SignIn.person_id).where(*open_))}
    tx.db.execute(update(SignIn).where(*open_).values(ended_at=tx.now, id_token=None))
    for person_id in people:  # one, unless the provider uses a session's name twice
        tx.record("sign-in.ended-by-provider", "people", person_id, person_id=person_id)
    return page.finish(JSONResponse({}, headers={"cache-control": "no-store"}))
