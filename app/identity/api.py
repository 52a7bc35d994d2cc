"""The token endpoint: OAuth 2.0 client credentials (RFC 6749 §4.4). Its errors have the shape that RFC 6749 §5.2 prescribes."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Refusal, TooMany
from app.core.tx import NOBODY, transaction
from app.identity import access, clients, sandbox

router = APIRouter(tags=["Access"])
LONGEST_SCOPE = 500  # characters; every scope there is takes less

FORM = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "const": "client_credentials"},
        "scope": {"type": "string", "description": "Scopes separated by spaces; all the client has if left out."},
        "client_id": {"type": "string", "description": "With the secret, instead of HTTP Basic."},
        "client_secret": {"type": "string"},
    },
    "required": ["grant_type"],
}
TOKEN = {
    "type": "object",
    "properties": {
        "access_token": {"type": "string"},
        "token_type": {"type": "string", "const": "Bearer"},
        "expires_in": {"type": "integer", "description": "Seconds."},
        "scope": {"type": "string"},
    },
    "required": ["access_token", "token_type", "expires_in", "scope"],
}
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    "required": ["error", "error_description"],
}
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class _Refused(Exception):
    """An error of RFC 6749."""

    def __init__(self, error: str, words: str, status: int = 400, **headers: str) -> None:
        super().__init__(words)
        self.reply = JSONResponse(
            {"error": error, "error_description": words}, status, NO_STORE | {k.replace("_", "-"): v for k, v in headers.items()}
        )


def _described(status: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {status: {"description": words, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/oauth/token",
    summary="Get an access token",
    operation_id="create_token",
    response_model=None,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": FORM}}},
        "responses": _described("200", "The token", TOKEN)
        | _described("400", "The request is not right", ERROR)
        | _described("401", "Client id or secret is wrong", ERROR)
        | _described("429", "Too many wrong secrets for this client id", ERROR),
        "security": [],
    },
)
async def token(request: Request) -> Response:
    """OAuth 2.0 client credentials, by HTTP Basic or in the form."""
    try:
        form = _form(request, await request.body())
        client_id, secret, basic = _credentials(request, form)
        if form.get("grant_type") != "client_credentials":
            missing = "grant_type" not in form
            raise _Refused("invalid_request" if missing else "unsupported_grant_type", "grant_type must be client_credentials.")
        if len(form.get("scope", "")) > LONGEST_SCOPE:
            raise _Refused("invalid_scope", f"scope must be {LONGEST_SCOPE} characters or fewer.")
        return await run_in_threadpool(_give, request, client_id, secret, form.get("scope", "").split(), basic)
    except _Refused as refused:
        return refused.reply


def _form(request: Request, body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise _Refused("invalid_request", "Send a form: Content-Type: application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=False, max_num_fields=20, errors="strict")
    except ValueError:
        raise _Refused("invalid_request", "The form could not be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Refused("invalid_request", "A parameter is sent twice.")
    return form


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str, bool]:
    """Client id, secret, and whether they came by HTTP Basic. Sending them both ways is refused, as RFC 6749 says."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    in_form = "client_id" in form or "client_secret" in form
    if kind:
        if kind.lower() != "basic" or in_form:
            raise _Refused("invalid_request", "Send the client's id and secret either by HTTP Basic or in the form.")
        try:
            client_id, colon, secret = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
        except ValueError:
            client_id = colon = secret = ""
        if not colon:
            raise _Refused("invalid_client", "The Authorization header is not HTTP Basic.", 401, www_authenticate='Basic realm="academy"')
        return unquote_plus(client_id), unquote_plus(secret), True
    if "client_id" not in form or "client_secret" not in form:
        raise _Refused("invalid_client", "Send client_id and client_secret.", 401, www_authenticate='Basic realm="academy"')
    return form["client_id"], form["client_secret"], False


def _give(request: Request, client_id: str, secret: str, scopes: list[str], basic: bool) -> Response:
    database: Database = request.app.state.database
    settings: Settings = request.app.state.settings
    peer = request.client.host if request.client else ""
    address = access.client_address(peer, request.headers.get("x-forwarded-for", ""), settings.trusted_proxies)
    public = client_id == sandbox.CLIENT_ID and not settings.demo  # its secret is everybody's: of no use on a service in earnest
    if public or "\x00" in client_id:  # no id of ours, and no text that PostgreSQL can look for
        raise _Refused("invalid_client", "The client id or secret is wrong.", 401, www_authenticate='Basic realm="academy"')
    try:
        with transaction(database, NOBODY, writes=True, request_id=request.state.request_id) as tx:
            clients.throttle_client(tx, client_id, address)
            made, given = clients.token(tx, client_id, secret, scopes, settings.token_minutes)
    except TooMany as refused:
        raise _Refused("too_many_requests", refused.message, 429, retry_after="900") from None
    except Refusal as refused:
        if refused.status != 401:
            raise _Refused("invalid_scope", refused.message) from None
        with transaction(database, NOBODY, writes=True, request_id=request.state.request_id) as tx:
            clients.client_failed(tx, client_id, address)
        headers = {"www_authenticate": 'Basic realm="academy"'} if basic else {}
        raise _Refused("invalid_client", refused.message, 401, **headers) from None
    body = {"access_token": made, "token_type": "Bearer", "expires_in": settings.token_minutes * 60, "scope": " ".join(given)}
    return JSONResponse(body, headers=NO_STORE)
