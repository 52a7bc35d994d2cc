"""Doors: where a request or a job enters, gets its Tx, and leaves with everything committed or nothing.

A door is a decorator. The wrapped function takes a Tx first and runs, transaction included, in one hop to a worker thread; the commit
is done before the reply leaves. A page's GET and every API read get a transaction that cannot write.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial, wraps
from typing import Any, get_type_hints

from fastapi import Request
from pydantic_core import to_json
from sqlalchemy import insert, select
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app import policy
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Changed, Forbidden, Invalid, NotFound, Refusal, SignInNeeded
from app.core.tx import NOBODY, SYSTEM, Actor, Tx, transaction
from app.core.web import environment, url
from app.identity import access
from app.identity.models import IdempotencyKey
from app.policy import Can

SEEN_EVERY = timedelta(minutes=5)


class Page:
    """One page request: what was asked and typed, who asks, and how to answer."""

    def __init__(self, request: Request, form: dict[str, Any]) -> None:
        self.request = request
        self.form = form  # what was typed, by field; a field sent several times is a list
        self.problem: Refusal | None = None  # set when a form is shown again
        self.actor: Actor = NOBODY
        self.settings: Settings = request.app.state.settings
        self.viewed: list[tuple[str, int]] = []  # other people's records shown, written to the audit trail after the read
        self.taken: list[tuple[str, str, dict[str, Any]]] = []  # lists and files of personal records, likewise
        self.found: Any = None  # what `first` found
        self._cookies: list[tuple[str, str, dict[str, Any]]] = []

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default).replace("\x00", "").strip()[:200]

    def number(self, name: str, default: int = 1) -> int:
        given = self.query(name)
        return int(given) if re.fullmatch(r"\d{1,6}", given) else default

    def turn(self) -> AbstractContextManager[Tx]:
        """A short write transaction of the reader's own, for a `first` whose work would hold the writer too long in one piece."""
        state = self.request.app.state
        return transaction(state.database, self.actor, writes=True, request_id=self.request.state.request_id)

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def navigation(self) -> tuple[tuple[str, str], ...]:
        return self.request.app.state.navigation(self.actor.roles)  # type: ignore[no-any-return]

    def can(self, what: str) -> bool:
        """For templates: may the reader do this at all? `what` is the name of a permission."""
        return policy.may(self.actor, Can[what])

    def value(self, name: str, default: Any = "") -> Any:
        """What to show in a field: what was typed, else what is stored."""
        return self.form.get(name, default) if self.form else default

    def error(self, name: str) -> str | None:
        """The message beside a field, if it is the one that is wrong."""
        if self.problem is None:
            return None
        return next((error["message"] for error in self.problem.errors if error["field"] == name), None)

    def saw(self, kind: str, person_id: int) -> None:
        """Another person's record was shown: it will be in the trail of who has looked."""
        if person_id != self.actor.person_id:
            self.viewed.append((kind, person_id))

    def took(self, action: str, subject: str, **facts: Any) -> None:
        """A list or a file of personal records leaves: one row in the trail says who took it, what they asked for and how much it was."""
        self.taken.append((action, subject, {name: value for name, value in facts.items() if value is not None}))

    def set_cookie(self, name: str, value: str, **options: Any) -> None:
        self._cookies.append((name, value, options))

    def render(self, template: str, *, status: int = 200, **context: Any) -> Response:
        if self.problem is not None and status == 200:
            status = self.problem.status
        body = (
            environment()
            .get_template(template)
            .render(page=self, settings=self.settings, actor=self.actor, problem=self.problem, **context)
        )
        return self.finish(HTMLResponse(body, status))

    def go(self, path: str, **query: Any) -> Response:
        """On to another page after a change."""
        return self.finish(RedirectResponse(url(path, **query), 303))

    def finish(self, response: Response) -> Response:
        for name, value, options in self._cookies:
            response.set_cookie(name, value, **options)
        return response


PageFunction = Callable[..., Response]


class Pages:
    """The pages of one room. `can` is checked before the function runs; `public=True` needs no signing in."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def get(self, path: str, *, can: Can | None = Can.READ_OWN_PAGE, public: bool = False) -> Callable[[PageFunction], PageFunction]:
        return self._add(path, "GET", can, public)

    def post(
        self,
        path: str,
        *,
        can: Can | None = Can.READ_OWN_PAGE,
        public: bool = False,
        again: PageFunction | None = None,
        first: Callable[..., Any] | None = None,
    ) -> Callable[[PageFunction], PageFunction]:
        """`again` draws the form once more after a refusal, with what was typed, in a fresh read transaction.

        `first` runs before the writer's turn is taken, in a read transaction, for slow work such as hashing a password or parsing a
        file; what it returns is `page.found`.
        """
        return self._add(path, "POST", can, public, again, first)

    def _add(
        self,
        path: str,
        method: str,
        can: Can | None,
        public: bool,
        again: PageFunction | None = None,
        first: Callable[..., Any] | None = None,
    ) -> Callable[[PageFunction], PageFunction]:
        def wrap(function: PageFunction) -> PageFunction:
            handle = _post if method == "POST" else _get

            async def endpoint(request: Request) -> Response:
                form = await read_form(request) if method == "POST" else {}
                work = partial(handle, request, form, function, None if public else can, public, again, first)
                try:
                    response: Response = await get_running_loop().run_in_executor(request.app.state.executor, work)
                finally:
                    await request.close()  # and with it the files that were uploaded
                return response

            route = Route(path, endpoint, methods=[method], name=f"{function.__module__}.{function.__name__}")
            route.door = {"can": None if public else can, "public": public}  # type: ignore[attr-defined]
            self.routes.append(route)
            return function

        return wrap


async def read_form(request: Request) -> dict[str, Any]:
    """Fields by name; several values of one name as a list; uploads as they are. Refuses absurd numbers of fields."""
    sent = await request.form(max_files=2, max_fields=400)
    form: dict[str, Any] = {}
    for key in sent:
        values = [value if isinstance(value, UploadFile) else value.replace("\x00", "").strip() for value in sent.getlist(key)]
        form[key] = values if len(values) > 1 else values[0]
    return form


def _get(request: Request, form: dict[str, Any], function: PageFunction, can: Can | None, public: bool, *_: Any) -> Response:
    page = Page(request, form)
    database: Database = request.app.state.database
    with transaction(database, NOBODY, writes=False, request_id=request.state.request_id) as tx:
        seen = _enter(tx, page, can, public)
        response = function(tx, page, **request.path_params)
    _afterwards(database, page, tx, seen)
    return response


def _post(
    request: Request,
    form: dict[str, Any],
    function: PageFunction,
    can: Can | None,
    public: bool,
    again: PageFunction | None,
    first: Callable[..., Any] | None,
) -> Response:
    page = Page(request, form)
    database: Database = request.app.state.database
    try:
        if first is not None:
            with transaction(database, NOBODY, writes=False, request_id=request.state.request_id) as tx:
                _enter(tx, page, can, public)
                page.found = first(tx, page, **request.path_params)
        with transaction(database, NOBODY, writes=True, request_id=request.state.request_id) as tx:
            _enter(tx, page, can, public)
            return function(tx, page, **request.path_params)
    except Refusal as problem:
        if again is None or problem.status in (401, 403, 404):
            raise
        page.problem = problem
    page._cookies.clear()
    with transaction(database, page.actor, writes=False, request_id=request.state.request_id) as tx:
        return again(tx, page, **request.path_params)


def _enter(tx: Tx, page: Page, can: Can | None, public: bool) -> Any:
    """Who is this? One query finds the sign-in, the person and everything their permissions follow from."""
    found = access.signed_in(tx, page.request.cookies.get(access.cookie_name(page.settings), ""), page.settings)
    if any(isinstance(value, int) and value >= 2**53 for value in page.request.path_params.values()):
        raise NotFound("There is nothing at this address.")  # larger than any key of ours
    if found is not None:
        page.actor = tx.actor = found.actor
    elif not public:
        raise SignInNeeded("Sign in to see this page.")
    if can is not None:
        policy.require(tx, can)
    return found


def _afterwards(database: Database, page: Page, tx: Tx, seen: Any) -> None:
    """After a read: note who looked at whose record, and now and then that the person is still there."""
    stale = seen is not None and tx.now - seen.last_seen_at > SEEN_EVERY
    if not page.viewed and not page.taken and not stale:
        return
    with transaction(database, page.actor, writes=True, request_id=tx.request_id) as writing:
        for kind, person_id in page.viewed:
            writing.record(kind, "people", person_id, person_id=person_id)
        for action, subject, facts in page.taken:
            writing.record(action, subject, None, **facts)
        if stale:
            access.touch(writing, seen.token_hash)


# API ---------------------------------------------------------------------------------------------------------------


class Reply:
    """An answer with another status or headers than usual."""

    def __init__(self, body: Any, status: int = 200, **headers: str) -> None:
        self.body, self.status, self.headers = body, status, {key.replace("_", "-"): value for key, value in headers.items()}


def api(scope: str, *, writes: bool = False, status: int = 200) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An API endpoint: token → client → Tx. With an Idempotency-Key, a repeated request is answered as before and changes nothing."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints.get(name, parameter.annotation))
            for name, parameter in inspect.signature(function).parameters.items()
            if name not in ("tx", "request")
        ]
        takes_request, takes_query = "request" in hints, "query" in hints

        @wraps(function)
        def endpoint(**arguments: Any) -> Response:
            request: Request = arguments.pop("request_")
            if takes_request:
                arguments["request"] = request
            if not takes_query and request.scope["query_string"]:
                _no_query(request)
            state = request.app.state
            key = request.headers.get("idempotency-key") if writes else None
            try:
                with ClientTx(state.database, request, scope, writes) as tx:
                    if key is not None and (before := _answered(tx, request, key)):
                        return before
                    result = function(tx, **arguments)
                    response = _reply(result, status)
                    if key is not None:
                        _remember(tx, request, key, response)
                return response if writes else _unless_known(request, response)
            except Refusal as lost:
                # Two requests with one key at once: if the other one won, its answer is ours, whatever stood in the way of a second go.
                if key is None or lost.status in (401, 403):
                    raise
                with ClientTx(state.database, request, scope, False) as tx:
                    if before := _answered(tx, request, key):
                        return before
                raise

        made: Any = endpoint
        request_parameter = inspect.Parameter("request_", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        made.__signature__ = inspect.Signature([*keyword_only, request_parameter], return_annotation=Response)
        made.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, request_parameter]} | {"return": Response}
        del made.__wrapped__  # FastAPI must see the signature above, not the one below
        made.door = {"scope": scope, "writes": writes}
        return endpoint

    return wrap


class ClientTx(AbstractContextManager[Tx]):
    """A transaction whose actor is the client that the bearer token names, and which has `scope`."""

    def __init__(self, database: Database, request: Request, scope: str, writes: bool) -> None:
        self.inner = transaction(database, NOBODY, writes=writes, request_id=request.state.request_id)
        self.request, self.scope = request, scope

    def __enter__(self) -> Tx:
        tx = self.inner.__enter__()
        try:
            tx.actor = access.client(tx, self.request.headers.get("authorization", ""))
            if self.scope not in tx.actor.scopes:
                raise Forbidden(f"This client does not have the scope {self.scope}.", code="insufficient-scope")
        except BaseException as problem:
            self.inner.__exit__(type(problem), problem, problem.__traceback__)
            raise
        return tx

    def __exit__(self, *wrong: Any) -> bool | None:
        return self.inner.__exit__(*wrong)


def _reply(result: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    if not isinstance(result, Reply):
        result = Reply(result, status)
    headers = dict(result.headers)
    body = b"" if result.body is None else to_json(result.body)
    if isinstance(result.body, dict) and "version" in result.body:
        headers["etag"] = etag(result.body["version"], body)
        headers["cache-control"] = "private, no-cache"  # may be kept, must be asked about
    return Response(body, result.status, headers, "application/json" if body else None)


def etag(version: int, body: bytes) -> str:
    """The record's version, for If-Match, and a digest of all that is shown of it, for If-None-Match: a session's tag changes with every
    booking, yet a client may still change its room."""
    return f'"{version}.{hashlib.blake2b(body, digest_size=6).hexdigest()}"'


def _tags(given: str) -> list[str]:
    return [tag.strip() for tag in given.split(",")]


def if_match(request: Request, version: int) -> None:
    """A change must say which version it was made from."""
    given = request.headers.get("if-match")
    if given is None:
        problem = Invalid("Send If-Match with the ETag you read, so that nobody's change is lost.", code="precondition-required")
        problem.status = 428
        raise problem
    if f'"{version}' not in [tag.partition(".")[0].rstrip('"') for tag in _tags(given)] and given != "*":
        raise Changed("This has changed since you read it. Read it again and repeat the change.")


def _unless_known(request: Request, response: Response) -> Response:
    """304 when the client already has exactly this."""
    known, tag = request.headers.get("if-none-match"), response.headers.get("etag")
    if known is None or tag is None or (known.strip() != "*" and tag not in [given.removeprefix("W/") for given in _tags(known)]):
        return response
    return Response(status_code=304, headers={"etag": tag, "cache-control": response.headers["cache-control"]})


def _no_query(request: Request) -> None:
    names = sorted(set(request.query_params))
    if names:
        errors = [{"field": name[:100], "message": "This address takes no such parameter"} for name in names[:20]]
        raise Invalid("The request is not right; see errors.", errors=errors)


def _fingerprint(request: Request) -> str:
    body: bytes = getattr(request, "_body", b"")
    return hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()


def _answered(tx: Tx, request: Request, key: str) -> Response | None:
    if not re.fullmatch(r"[\x20-\x7e]{1,100}", key):
        raise Invalid("Idempotency-Key must be 1 to 100 plain characters.", code="bad-idempotency-key")
    row = tx.one(select(IdempotencyKey.__table__).where(IdempotencyKey.client_id == tx.actor.id, IdempotencyKey.key == key))
    if row is None:
        return None
    if row.request_hash != _fingerprint(request):
        raise Invalid("This Idempotency-Key was used for another request.", code="idempotency-key-reused")
    return Response(row.body, row.status, {**json.loads(row.headers), "idempotent-replayed": "true"}, "application/json")


def _remember(tx: Tx, request: Request, key: str, response: Response) -> None:
    kept = {name: response.headers[name] for name in ("etag", "location") if name in response.headers}
    tx.db.execute(
        insert(IdempotencyKey),
        dict(
            client_id=tx.actor.id,
            key=key,
            request_hash=_fingerprint(request),
            status=response.status_code,
            body=bytes(response.body).decode(),
            headers=json.dumps(kept),
            created_at=tx.now,
        ),
    )


# Jobs --------------------------------------------------------------------------------------------------------------


def job(database: Database, *, writes: bool = True, snapshot: bool = False) -> AbstractContextManager[Tx]:
    """A transaction for work nobody asked for: the actor is the system."""
    return transaction(database, SYSTEM, writes=writes, snapshot=snapshot)
