"""The API's door: where a client's request enters, gets its Tx, and leaves with everything committed or nothing."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, get_args, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import insert, select
from starlette.responses import Response

from app.core.db import Database
from app.core.errors import Changed, Forbidden, Invalid, Refusal
from app.core.tx import NOBODY, Tx, transaction
from app.identity import access, limits
from app.identity.models import IdempotencyKey


class Reply:
    """An answer with another status or headers than usual."""

    def __init__(self, body: Any, status: int = 200, **headers: str) -> None:
        self.body, self.status, self.headers = body, status, {key.replace("_", "-"): value for key, value in headers.items()}


def api(
    scope: str, *, writes: bool = False, status: int = 200, first: Callable[..., None] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An API endpoint: token → client → Tx → what was sent. With an Idempotency-Key, a repeated request is answered as before.

    The function takes a Tx, then any of: `query` (a model of the query), a model of the body, parameters of the path by name, `request`.
    `first` is called as the function is, but without a Tx: between two transactions, for what may take its time, such as looking a name up.
    FastAPI describes the endpoint from these; `main` hands requests to its `handle`, since all else that FastAPI could do for it costs more
    than the door itself.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        sent = Sent(function)

        def answer(request: Request, body: bytes) -> Response:
            database: Database = request.app.state.database
            key = request.headers.get("idempotency-key") if writes else None
            try:
                if first is not None:
                    with ClientTx(database, request, scope, False) as tx:
                        if key is not None and (before := answered(tx, request, body, key)):
                            return before
                        given = sent.read(request, body)
                    first(**given)
                with ClientTx(database, request, scope, writes) as tx:
                    if key is not None and (before := answered(tx, request, body, key)):
                        return before
                    response = reply_of(function(tx, **sent.read(request, body)), status)
                    if key is not None:
                        remember(tx, request, body, key, response)
                return response if writes else _unless_known(request, response)
            except Refusal as lost:
                # Two requests with one key at once: if the other one won, its answer is ours, whatever stood in the way of a second go.
                if key is None or lost.status in (401, 403):
                    raise
                with ClientTx(database, request, scope, False) as tx:
                    if before := answered(tx, request, body, key):
                        return before
                raise

        async def handle(request: Request) -> Response:
            body = await request.body() if sent.body else b""
            response: Response = await get_running_loop().run_in_executor(request.app.state.executor, answer, request, body)
            return response

        @wraps(function)
        def endpoint(**_: Any) -> Response:
            raise AssertionError("only described by FastAPI, never called")

        made: Any = endpoint
        made.__signature__ = inspect.Signature(sent.parameters, return_annotation=Response)
        made.__annotations__ = {parameter.name: parameter.annotation for parameter in sent.parameters} | {"return": Response}
        del made.__wrapped__
        made.handle, made.door = handle, {"scope": scope, "writes": writes}
        return endpoint

    return wrap


class Sent:
    """What a function wants to know of its request, and how to read it; everything that is wrong is refused together."""

    def __init__(self, function: Callable[..., Any]) -> None:
        hints = get_type_hints(function, include_extras=True)
        self.takes_request = "request" in hints
        self.query: type[BaseModel] | None = None
        self.body: tuple[str, type[BaseModel]] | None = None
        self.path: list[tuple[str, TypeAdapter[Any]]] = []
        self.parameters: list[inspect.Parameter] = []  # for FastAPI's description
        for name, parameter in inspect.signature(function).parameters.items():
            hint: Any = hints.get(name)
            if name in ("tx", "request"):
                continue
            self.parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
            if name == "query":
                self.query = get_args(hint)[0]
            elif isinstance(hint, type) and issubclass(hint, BaseModel):
                self.body = (name, hint)
            else:
                self.path.append((name, TypeAdapter(hint)))

    def read(self, request: Request, body: bytes) -> dict[str, Any]:
        """The function's arguments, or RequestValidationError with every field that is wrong."""
        arguments: dict[str, Any] = {"request": request} if self.takes_request else {}
        errors: list[Any] = []
        for name, adapter in self.path:
            try:
                arguments[name] = adapter.validate_python(request.path_params[name])
            except ValidationError as wrong:
                errors += _located("path", wrong, name)
        if self.query is not None:
            try:
                arguments["query"] = self.query.model_validate(dict(request.query_params))
            except ValidationError as wrong:
                errors += _located("query", wrong)
            errors += _twice(request)
        elif request.scope["query_string"]:
            errors += [
                {"type": "extra_forbidden", "loc": ("query", name[:100]), "msg": "This address takes no such parameter"}
                for name in sorted(request.query_params)[:20]
            ]
        if self.body is not None:
            name, model = self.body
            try:
                arguments[name] = model.model_validate_json(_json(request, body))
            except ValidationError as wrong:
                errors += _located("body", wrong)
        if errors:
            raise RequestValidationError(errors)
        return arguments


def _twice(request: Request) -> list[Any]:
    """A parameter that is there several times: which of them is meant, nobody can know."""
    given = [name for name, _ in request.query_params.multi_items()]
    if len(given) == len(set(given)):
        return []
    words = "Send this parameter once"
    return [{"type": "repeated", "loc": ("query", name[:100]), "msg": words} for name in sorted(set(given))[:20] if given.count(name) > 1]


def _located(place: str, wrong: ValidationError, *name: str) -> list[Any]:
    return [{**error, "loc": (place, *name, *error["loc"])} for error in wrong.errors(include_url=False, include_input=False)]


def _json(request: Request, body: bytes) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body or (kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json"))):
        words = "Send the body as JSON, with Content-Type: application/json"
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": words}])
    return body


class ClientTx(AbstractContextManager[Tx]):
    """A transaction whose actor is the client that the bearer token names, and which has `scope`."""

    def __init__(self, database: Database, request: Request, scope: str, writes: bool) -> None:
        self.inner = transaction(database, NOBODY, writes=writes, request_id=request.state.request_id)
        self.request, self.scope = request, scope

    def __enter__(self) -> Tx:
        limits.admit(self.request)
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


def reply_of(result: Any, status: int) -> Response:
    """What a function returns, as the answer that a client gets: JSON, and an ETag where what is shown has a version."""
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


def _fingerprint(request: Request, body: bytes) -> str:
    return hashlib.sha256(f"{request.method} {request.scope['path']}\n".encode() + body).hexdigest()


def answered(tx: Tx, request: Request, body: bytes, key: str) -> Response | None:
    """What the same request under the same key was answered before; None: it is the first. Invalid for another request under it."""
    if not re.fullmatch(r"[\x20-\x7e]{1,100}", key):
        raise Invalid("Idempotency-Key must be 1 to 100 plain characters.", code="bad-idempotency-key")
    row = tx.one(select(IdempotencyKey.__table__).where(IdempotencyKey.client_id == tx.actor.id, IdempotencyKey.key == key))
    if row is None:
        return None
    if row.request_hash != _fingerprint(request, body):
        raise Invalid("This Idempotency-Key was used for another request.", code="idempotency-key-reused")
    return Response(row.body, row.status, {**json.loads(row.headers), "idempotent-replayed": "true"}, "application/json")


def remember(tx: Tx, request: Request, body: bytes, key: str, response: Response) -> None:
    """Keep an answer under the request's key."""
    kept = {name: response.headers[name] for name in ("etag", "location") if name in response.headers}
    tx.db.execute(
        insert(IdempotencyKey),
        dict(
            client_id=tx.actor.id,
            key=key,
            request_hash=_fingerprint(request, body),
            status=response.status_code,
            body=bytes(response.body).decode(),
            headers=json.dumps(kept),
            created_at=tx.now,
        ),
    )
