"""The edge of the web: one pure ASGI layer for every request, template rendering, and reading forms into models in plain words."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from app.core import calendar, file_kinds, text
from app.core.config import ROOT, Settings
from app.core.errors import Invalid

HEADERS = [
    (
        b"content-security-policy",
        (
            b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
            b"form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
TOKEN_PATHS = ("/api/", "/oauth/", "/scim/")  # authenticated by token, never by cookie
UPLOADS: dict[str, re.Pattern[str]] = {}  # pages that take files; they add themselves, and all else keeps to the small limit
LONG: dict[str, re.Pattern[str]] = {}  # forms that hold a whole document; they add themselves
LONG_KB = 2048  # the largest body of those, in kilobytes: some 60 pages, each letter of another alphabet taking six bytes and more
BULK: set[str] = set()  # addresses that take many items at once; they add themselves
BULK_KB = 4096  # the largest body of those, in kilobytes
LONGEST_QUERY = 8192  # characters
SLOWEST = 32 * 1024  # bytes a second, at which even a slow line brings its files
SAFE = ("GET", "HEAD", "OPTIONS")


def _headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """The security headers. Signing out goes on to the identity provider, and browsers hold a form's redirects to `form-action` too."""
    parts = urlsplit(settings.oidc_issuer)
    if not parts.netloc:
        return HEADERS
    own = b"form-action 'self'"
    return [(name, value.replace(own, own + f" {parts.scheme}://{parts.netloc}".encode())) for name, value in HEADERS]


class Edge:
    """Request id, same-origin check, body limit, security headers and one structured log line. Logs hold the route, never the query."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.headers = [*_headers(settings), *([HSTS] if settings.secure else [])]
        self.debug = settings.log_level in ("debug", "info")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given: dict[bytes, bytes] = dict(scope["headers"])
        request_id = f"{random.getrandbits(64):016x}"
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        path: str = scope["path"]
        status = 500
        private = not path.startswith("/static/")

        async def reply(event: dict[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
                headers = list(event["headers"]) + self.headers + [(b"x-request-id", request_id.encode())]
                if private and not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                elif not private and status == 200 and scope["query_string"].startswith(b"v="):
                    headers.append((b"cache-control", b"public, max-age=31536000, immutable"))
                event = {**event, "headers": headers}
            await send(event)

        files = scope["method"] == "POST" and given.get(b"content-type", b"").startswith(b"multipart/") and takes_files(path)
        long = takes_long(scope, given)
        small = max(self.settings.max_body_kb, BULK_KB if path in BULK else LONG_KB if long else 0)
        limit = self.settings.max_upload_mb * 1024 * 1024 if files else small * 1024
        refusal = _refusal(scope, given, limit, at_once=not (files or long))
        try:
            if refusal:
                await _plain(reply, path, request_id, *refusal)
                return
            patience = self.settings.request_seconds
            await self.app(scope, _counted(receive, limit, int(given.get(b"content-length") or 0), patience), reply)
        finally:
            if self.debug and private:
                line = dict(event="request", id=request_id, method=scope["method"], route=_route(scope), status=status)
                line["ms"] = round((time.perf_counter() - started) * 1000, 1)
                sys.stderr.write(json.dumps(line) + "\n")


def takes_files(path: str) -> bool:
    """Is there a page at this address that takes files?"""
    return path in UPLOADS or any(pattern.match(path) for pattern in UPLOADS.values())


def takes_long(scope: Any, given: dict[bytes, bytes]) -> bool:
    """Is this a form that may hold a whole document? What is larger than other forms of it is read only from those who write there."""
    if scope["method"] != "POST" or not given.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        return False
    return any(pattern.match(scope["path"]) for pattern in LONG.values())


def _counted(receive: Any, limit: int, declared: int, patience: int) -> Any:
    """Nothing is read of a body that says it is too large, and no more than the limit of one that says nothing or lies.

    All of it must come within `patience` seconds, and a second more for each SLOWEST bytes that were announced.
    """
    seen = declared if declared > limit else 0
    ends = 0.0  # by the loop's clock
    more = True

    async def counted() -> Any:
        nonlocal seen, ends, more
        if seen > limit:
            raise HTTPException(413, "The request is larger than this service accepts.")
        if not more:
            return await receive()  # to hear that the other side has gone
        ends = ends or asyncio.get_running_loop().time() + patience + declared / SLOWEST
        try:
            async with asyncio.timeout_at(ends):
                event = await receive()
        except TimeoutError:
            raise HTTPException(408, "The request took too long to arrive.", {"connection": "close"}) from None
        seen += len(event.get("body", b""))
        more = bool(event.get("more_body", False))
        if seen > limit:
            raise HTTPException(413, "The request is larger than this service accepts.")
        return event

    return counted


def _route(scope: Any) -> str:
    """The route's pattern, or nothing: a path may hold what somebody typed."""
    route = scope.get("route")
    return getattr(route, "path", "") or ("(api)" if scope["path"].startswith("/api/") else "(page)")


def _refusal(scope: Any, given: dict[bytes, bytes], limit: int, *, at_once: bool) -> tuple[int, str, str] | None:
    """`at_once`: a body that says it is too large is refused here. Where files belong a page says it, to those who may send any."""
    method, path = scope["method"], scope["path"]
    if len(scope["query_string"]) > LONGEST_QUERY:
        code = "uri-too-long"
        return 414, code, f"The part of the address after the question mark must be {LONGEST_QUERY:,} characters or fewer."
    length = given.get(b"content-length", b"")
    if length and (not length.isdigit() or (at_once and int(length) > limit)):
        return 413, "too-large", "The request is larger than this service accepts."
    if method in SAFE or path.startswith(TOKEN_PATHS):
        return None
    site, origin = given.get(b"sec-fetch-site"), given.get(b"origin")
    if site is not None:
        same = site in (b"same-origin", b"none")
    else:
        same = origin is None or _host_of(origin) == given.get(b"host", b"").decode("latin-1")
    return None if same else (403, "cross-site", "This request came from another site, so it was not carried out.")


def _host_of(origin: bytes) -> str | None:
    try:
        return urlsplit(origin.decode("latin-1")).netloc
    except ValueError:  # no browser sends such a thing
        return None


async def _plain(send: Any, path: str, request_id: str, status: int, code: str, words: str) -> None:
    if path.startswith("/scim/"):  # RFC 7644 §3.12 names its own shape
        shape = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": words}
        body, kind = json.dumps(shape).encode(), b"application/scim+json"
    elif path.startswith(TOKEN_PATHS):
        said = {"title": "Request refused", "status": status, "code": code, "detail": words, "request_id": request_id}
        body = json.dumps({"type": f"urn:academy:problem:{code}", **said}).encode()
        kind = b"application/problem+json"
    else:
        body, kind = words.encode(), b"text/plain; charset=utf-8"
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


# Templates ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja with our templates and GOV.UK's macros; undefined names are errors."""
    made = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(ROOT / "app" / "templates"), PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        undefined=StrictUndefined,
        cache_size=-1,
    )
    made.filters |= {
        "long_date": calendar.long_date,
        "clock": calendar.clock,
        "deadline": calendar.deadline,
        "last_day": calendar.last_day,
        "when": lambda row: calendar.when(row.starts_at, row.ends_at),
        "london": calendar.london,
        "plural": text.plural,
        "duration": text.duration,
    }
    made.globals.update(url=url, asset=asset, lines=lines, file_words=file_kinds.IN_WORDS, file_accept=file_kinds.ACCEPT)
    return made


def fragment(template: str, name: str, *given: Any) -> Markup:
    """A macro of a template, drawn for these arguments. For parts of pages that are remembered by what they show."""
    drawn: Markup = getattr(environment().get_template(template).module, name)(*given)
    return drawn


_BETWEEN = "\x1f"
_AS_IT_IS = int, Markup


def lines(line: str, rows: Sequence[Sequence[Any]]) -> Markup:
    """`line`, HTML with a %s for each cell, once for each row; %.0s leaves a cell out. For long tables of hot pages.

    Every cell is escaped, as in a template, but all texts in one go: a template's own loop takes five times as long.
    """
    cells = [cell for row in rows for cell in row]
    texts = [cell for cell in cells if type(cell) is str]
    escaped: Sequence[str] = str(escape(_BETWEEN.join(texts))).split(_BETWEEN)
    if len(escaped) != len(texts):  # the character between them stands in one of them
        escaped = [escape(text) for text in texts]
    each = iter(escaped)
    ready = [next(each) if type(cell) is str else cell if type(cell) in _AS_IT_IS else escape(cell) for cell in cells]
    filled = str(line) * len(rows) % tuple(ready)
    return Markup(filled)  # noqa: S704 - a template's own line, and cells that are escaped


@lru_cache(maxsize=32)
def asset(name: str) -> str:
    """The address of a built file, with its fingerprint, so that browsers may keep it for ever."""
    manifest = ROOT / "app" / "static" / "build" / "manifest.json"
    prints: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    return f"/static/{name}?v={prints[name]}" if name in prints else f"/static/{name}"


def url(path: str, **query: Any) -> str:
    """A local address with its query; empty values are left out."""
    kept = {key: value for key, value in query.items() if not (value is None or value is False or value == "")}  # 0 says something
    return f"{path}?{urlencode(kept, doseq=True)}" if kept else path


# Forms -------------------------------------------------------------------------------------------------------------

M = TypeVar("M", bound=BaseModel)
_WORDS = {
    "missing": "Enter {label}",
    "string_too_short": "Enter {label}",
    "string_too_long": "{Label} must be {max_length} characters or fewer",
    "int_parsing": "{Label} must be a whole number",
    "int_type": "{Label} must be a whole number",
    "int_from_float": "{Label} must be a whole number",
    "decimal_parsing": "{Label} must be a number",
    "float_parsing": "{Label} must be a number",
    "greater_than_equal": "{Label} must be {ge} or more",
    "greater_than": "{Label} must be more than {gt}",
    "less_than_equal": "{Label} must be {le} or less",
    "date_from_datetime_parsing": "{Label} must be a real date, like 8 12 2026",
    "date_parsing": "{Label} must be a real date, like 8 12 2026",
    "time_parsing": "{Label} must be a time, like 9:30am or 13:30",
    "enum": "Choose {label} from the list",
    "literal_error": "Choose {label} from the list",
    "string_pattern_mismatch": "{Label} is not in the right format",
}


def read(model: type[M], form: dict[str, Any]) -> M:
    """A form as its model, or Invalid with an error in words for each field. Blank fields count as not given."""
    given = {key: value for key, value in form.items() if value != ""}
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        errors = []
        for error in wrong.errors():
            name = str(error["loc"][0]) if error["loc"] else ""
            field = model.model_fields.get(name)
            label = (field.title if field and field.title else name.replace("_", " ")) or "this"
            context: dict[str, Any] = {"label": label, **error.get("ctx", {})}
            context["Label"] = re.sub(r"^(A|An|The) ", "", context["label"][:1].upper() + context["label"][1:])
            context["Label"] = context["Label"][:1].upper() + context["Label"][1:]
            words = _WORDS.get(error["type"])
            said = words.format_map(context) if words else str(error["msg"]).removeprefix("Value error, ")
            errors.append({"field": name, "message": said})
        raise Invalid("Check what you entered.", errors=errors) from None
