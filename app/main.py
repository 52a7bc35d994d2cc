"""The application: routers, error replies, health and readiness."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import perf_counter
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from sqlalchemy import exc
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app import rooms, worker
from app.core.config import ROOT, Settings, settings
from app.core.db import Database, connect
from app.core.errors import Forbidden, NotFound, Refusal, SignInNeeded, TooLarge
from app.core.tx import NOBODY, transaction
from app.core.web import LONG_KB, TOKEN_PATHS, Edge, takes_files, takes_long, url
from app.doors import Page
from app.hr.scim import errors as scim
from app.identity import access
from app.identity.client_log import Calls
from app.identity.limits import Limits

DESCRIPTION = """\
People, catalogue, sessions, bookings and completions of a social work academy.

Ask for an access token at `/oauth/token` (OAuth 2.0 client credentials) and send it as `Authorization: Bearer …`. Lists come in pages
with a cursor. Errors are problem documents (RFC 9457) with a stable `code`. A `POST` with an `Idempotency-Key` can be repeated safely.
"""


LONGEST_PATH = 300  # characters


class Service(FastAPI):
    """FastAPI describes the API. Pages and API operations need none of its layers, so they are answered beside it, under the same edge."""

    edge: Edge
    pages: PageTable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, through the edge."""
        if scope["type"] == "http":
            scope["app"] = self
            await self.edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What stands behind the edge: a page or an operation, or everything else."""
        found = None if scope["path"].startswith("/static/") else self.pages.find(scope["method"], scope["path"])
        if found is None:
            with suppress(Exception):  # FastAPI has answered and logged it by `on_fault`; its own copy would name values
                await super().__call__(scope, receive, send)
            return
        endpoint, scope["path_params"], scope["route"] = found
        request = Request(scope, receive, send)
        started = perf_counter()
        try:
            response = await endpoint(request)
        except Exception as wrong:  # noqa: BLE001 - every refusal and fault becomes a page or a problem document
            response = await answer(request, wrong)
        known = scope["state"]
        if "allowance" in known:  # a client's, whom the door let in or turned away
            response.raw_headers.extend(known["allowance"].headers())
            self.state.calls.add(scope, response.status_code, started)
        await response(scope, receive, send)


class PageTable:
    """Finds a page by method and path: fixed paths in a dictionary, the others by their first word."""

    def __init__(self, routes: list[Route]) -> None:
        self.fixed: dict[str, list[Route]] = {}
        self.patterned: dict[str, list[Route]] = {}
        for route in routes:
            if route.param_convertors:
                self.patterned.setdefault(route.path.split("/")[1], []).append(route)
            else:
                self.fixed.setdefault(route.path, []).append(route)

    def find(self, method: str, path: str) -> tuple[Any, dict[str, Any], Route] | None:
        """(endpoint, path parameters, route), or None where no page has this path."""
        other: Route | None = None
        allowed: set[str] = set()
        for route in self.fixed.get(path, ()):
            if route.methods is None or method in route.methods:
                return route.endpoint, {}, route
            other, allowed = route, allowed | set(route.methods)
        for route in self.patterned.get(path.split("/")[1], ()):
            match = route.path_regex.match(path)
            if match is None:
                continue
            if route.methods is None or method in route.methods:
                if len(path) > LONGEST_PATH:
                    return nothing_here, {}, route  # no key or slug of ours is that long
                values = {name: route.param_convertors[name].convert(value) for name, value in match.groupdict().items()}
                return route.endpoint, values, route
            other, allowed = route, allowed | set(route.methods)
        return None if other is None else (partial(wrong_method, allowed), {}, other)


async def nothing_here(_: Request) -> Response:
    """An address that cannot be one of ours."""
    raise HTTPException(404)


async def wrong_method(allowed: set[str], _: Request) -> Response:
    """There is something at this path, but it does not do that."""
    raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})


async def answer(request: Request, wrong: Exception) -> Response:
    """Whatever went wrong on a page, as a page; in an operation, as a problem document."""
    for kind, handler in HANDLERS.items():
        if isinstance(wrong, kind):
            return await handler(request, wrong)
    return await on_fault(request, wrong)


def create_app(given: Settings | None = None, database: Database | None = None, *, background: bool = False) -> Service:
    """The whole service. `background` also runs the worker in a thread of this process."""
    config = given or settings()
    data = database or connect(config.database_url, pool=2 * config.threads + 1)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = config.threads
        stop = worker.start(data, config) if background else None
        yield
        if stop:
            stop()
        app.state.calls.stop()

    app = Service(
        title="Social Work Academy",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,  # a redirect would be built from whatever Host the request names
    )
    app.state.settings, app.state.database = config, data
    app.state.navigation, app.state.within = rooms.navigation, rooms.within
    app.state.limits = Limits(data, config.client_per_minute)
    app.state.calls = Calls(lambda: app.state.database)
    for router in rooms.api_routers():
        app.include_router(router)
    app.state.executor = ThreadPoolExecutor(config.threads, "page")
    plain = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/brand.css", brand)]
    app.pages = PageTable([*rooms.page_routes(), *plain, *rooms.api_routes(), *rooms.scim_routes()])
    build = ROOT / "app" / "static" / "build"
    app.mount("/static", StaticFiles(directory=build, check_dir=False), name="static")
    for kind, handler in {**HANDLERS, Exception: on_fault}.items():
        app.add_exception_handler(kind, handler)
    app.edge = Edge(app.inside, settings=config)
    rooms.describe(app)
    return app


# Health ------------------------------------------------------------------------------------------------------------


async def healthz(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """The database answers too."""

    def ask() -> None:
        with transaction(request.app.state.database, NOBODY, writes=False) as tx:
            tx.db.exec_driver_sql("SELECT 1 FROM people LIMIT 1")

    try:
        await run_in_threadpool(ask)
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is the same: not ready
        return PlainTextResponse("not ready", 503)
    return PlainTextResponse("ready")


async def brand(request: Request) -> Response:
    """The council's colour; a rule of its own, because the content policy allows no inline style."""
    colour = request.app.state.settings.brand_colour
    css = f":root {{ --govuk-brand-colour: {colour}; }}"
    return Response(css, media_type="text/css", headers={"cache-control": "public, max-age=3600"})


# Errors ------------------------------------------------------------------------------------------------------------


def problem_document(problem: Refusal, request_id: str) -> dict[str, Any]:
    """RFC 9457, with a stable `code` for programs and words for people."""
    document: dict[str, Any] = {
        "type": f"urn:academy:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.message,
        "request_id": request_id,
    }
    if problem.way_out:
        document["way_out"] = problem.way_out
    if problem.errors:
        document["errors"] = problem.errors
    return document


BEARER = {"token-invalid": 'Bearer error="invalid_token"', "insufficient-scope": 'Bearer error="insufficient_scope"'}  # RFC 6750 §3.1


def _problem(request: Request, problem: Refusal) -> Response:
    headers = {"www-authenticate": BEARER.get(problem.code, "Bearer")} if problem.status in (401, 403) else {}
    if problem.status == 503:
        headers["retry-after"] = "10"
    elif problem.status == 429 and "allowance" not in request.scope["state"]:  # that says it by itself
        headers["retry-after"] = "60"
    request.scope["state"]["code"] = problem.code
    if request.url.path.startswith(scim.PREFIX):
        status, said = scim.document(problem)
        return JSONResponse(said, status, headers, media_type=scim.MEDIA_TYPE)
    document = problem_document(problem, request.state.request_id)
    if problem.status == 404:
        document["title"] = "Not found"  # to a program it is no page
    return JSONResponse(document, problem.status, headers, media_type="application/problem+json")


def is_api(request: Request) -> bool:
    """Is this answered with problem documents rather than pages?"""
    return request.url.path.startswith(TOKEN_PATHS)


async def on_refusal(request: Request, problem: Exception) -> Response:
    """A refusal as a page, a problem document or, at the token endpoint, OAuth's own shape."""
    assert isinstance(problem, Refusal)
    if is_api(request):
        if request.url.path.startswith("/oauth/"):  # RFC 6749 §5.2 names its own shape
            body = {"error": problem.code.replace("-", "_"), "error_description": problem.message}
            return JSONResponse(body, 401 if problem.status == 401 else 400, {"cache-control": "no-store"})
        return _problem(request, problem)
    if isinstance(problem, SignInNeeded):
        return RedirectResponse(url("/sign-in", next=request.url.path if request.method == "GET" else None), 303)
    return await run_in_threadpool(error_page, request, problem)


async def on_malformed(request: Request, wrong: Exception) -> Response:
    """The API was sent something that does not fit its contract."""
    assert isinstance(wrong, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in error["loc"][1:]), "message": str(error["msg"]).removeprefix("Value error, ")}
        for error in wrong.errors()
    ]
    broken = any(error["type"] == "json_invalid" for error in wrong.errors())
    problem = Refusal("The request body is not valid JSON." if broken else "The request is not right; see errors.", errors=errors)
    problem.status, problem.code = (400, "malformed-json") if broken else (422, "invalid")
    problem.title = "There is a problem with what was sent"
    return _problem(request, problem)


async def on_http(request: Request, wrong: Exception) -> Response:
    """What the framework refuses by itself: no such path, wrong method, body too large."""
    assert isinstance(wrong, HTTPException)
    problem: Refusal
    if wrong.status_code == 404:
        problem = NotFound("There is nothing at this address.")
    elif wrong.status_code == 413:
        problem = TooLarge("The request is larger than this service accepts.")
        if takes_files(request.url.path):
            most = request.app.state.settings.max_upload_mb
            problem = TooLarge(f"What you sent is larger than {most} MB.", way_out="Go back and send fewer or smaller files at once.")
        elif takes_long(request.scope, dict(request.scope["headers"])):
            most = max(LONG_KB, request.app.state.settings.max_body_kb) // 1024
            problem = TooLarge(f"What you wrote is larger than {most} MB.", way_out="Go back, keep your words elsewhere and shorten them.")
    else:
        problem = Refusal("That is not something this address does." if wrong.status_code == 405 else str(wrong.detail))
        problem.status, problem.code = (
            wrong.status_code,
            {405: "method-not-allowed", 408: "request-timeout"}.get(wrong.status_code, "bad-request"),
        )
    response = _problem(request, problem) if is_api(request) else await run_in_threadpool(error_page, request, problem)
    if wrong.headers:
        response.headers.update(wrong.headers)
    return response


async def on_busy(request: Request, wrong: Exception) -> Response:
    """The database did not answer in time; nothing was changed."""
    problem = Refusal("The service is very busy. Nothing was changed. Try again in a minute.", code="busy")
    problem.status, problem.title = 503, "The service is busy"
    _log_fault(request, wrong)
    if is_api(request):
        return _problem(request, problem)
    return PlainTextResponse(problem.message, 503, {"retry-after": "10"})


async def on_fault(request: Request, wrong: Exception) -> Response:
    """A fault of ours. The person gets a reference; the log has the place, never the values."""
    _log_fault(request, wrong)
    problem = Refusal("Something went wrong on our side, and nothing was changed.", code="internal-error")
    problem.status, problem.title = 500, "Sorry, there is a problem with the service"
    if is_api(request):
        return _problem(request, problem)
    return await run_in_threadpool(error_page, request, problem)


def _log_fault(request: Request, wrong: Exception) -> None:
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(wrong.__traceback__)[-6:]]
    line = {"event": "fault", "id": getattr(request.state, "request_id", ""), "kind": type(wrong).__name__, "at": where}
    sys.stderr.write(json.dumps(line) + "\n")


HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    Refusal: on_refusal,
    RequestValidationError: on_malformed,
    HTTPException: on_http,
    exc.OperationalError: on_busy,
    exc.TimeoutError: on_busy,
}


def error_page(request: Request, problem: Refusal) -> Response:
    """The refusal as a page, with the reader's own navigation when they are signed in."""
    page = Page(request, {})
    try:
        with transaction(request.app.state.database, NOBODY, writes=False) as tx:
            found = access.signed_in(tx, request.cookies.get(access.cookie_name(page.settings), ""), page.settings)
            if found:
                page.actor = found.actor
    except Exception:  # noqa: BLE001 - the page must come even when the database does not
        page.actor = NOBODY
    heading = "You do not have permission to see this page" if isinstance(problem, Forbidden) else problem.title
    return page.render("_layout/error.html", status=problem.status, heading=heading, wrong=problem, reference=request.state.request_id)
