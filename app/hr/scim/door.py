"""The directory's door: a bearer token with the scope `scim`, one transaction for each request, SCIM's own errors.

What answers stands in modules that import scim2_models, so they are imported when a directory first asks: not every service has one.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

from fastapi import Request
from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from app.apidoor import ClientTx
from app.core.config import Settings
from app.core.errors import Forbidden
from app.core.tx import Tx
from app.core.web import BULK
from app.hr.scim.errors import ScimRefusal
from app.people.models import Unit

SCOPE = "scim"
ROOT = "/scim/v2"
JSON = ("application/scim+json", "application/json")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a directory: in which transaction, for which organisation, and what was sent."""

    tx: Tx
    organisation_id: int
    config: Settings
    query: dict[str, str]
    headers: Any
    path: dict[str, str]
    body: bytes

    @property
    def base(self) -> str:
        """The address of this SCIM service."""
        return self.config.base_url + ROOT

    def instead(self, **other: Any) -> Call:
        """The same with something else in it: how an operation of a bulk request becomes a call."""
        return replace(self, **other)


Answer = Callable[[Call], Response]


def _routes() -> list[Route]:
    BULK.add(ROOT + "/Bulk")
    made = []
    for method, path, module, name, writes in WAYS:
        route = Route(ROOT + path, partial(_endpoint, module, name, writes), methods=[method], name=f"scim.{name}")
        route.door = {"scope": SCOPE, "writes": writes}  # type: ignore[attr-defined]
        made.append(route)
    return made


WAYS: tuple[tuple[str, str, str, str, bool], ...] = (  # method, path, who answers, and whether it writes
    ("GET", "/ServiceProviderConfig", "discovery", "service", False),
    ("GET", "/ResourceTypes", "discovery", "resource_types", False),
    ("GET", "/ResourceTypes/{key}", "discovery", "resource_type", False),
    ("GET", "/Schemas", "discovery", "schemas", False),
    ("GET", "/Schemas/{key}", "discovery", "schema", False),
    ("GET", "/Users", "answering", "list_users", False),
    ("POST", "/Users", "answering", "create_user", True),
    ("POST", "/Users/.search", "answering", "search_users", False),
    ("GET", "/Users/{key}", "answering", "show_user", False),
    ("PUT", "/Users/{key}", "answering", "replace_user", True),
    ("PATCH", "/Users/{key}", "answering", "patch_user", True),
    ("DELETE", "/Users/{key}", "answering", "delete_user", True),
    ("GET", "/Groups", "answering", "list_groups", False),
    ("POST", "/Groups", "answering", "create_group", True),
    ("POST", "/Groups/.search", "answering", "search_groups", False),
    ("GET", "/Groups/{key}", "answering", "show_group", False),
    ("PUT", "/Groups/{key}", "answering", "replace_group", True),
    ("PATCH", "/Groups/{key}", "answering", "patch_group", True),
    ("DELETE", "/Groups/{key}", "answering", "delete_group", True),
    ("POST", "/.search", "answering", "search_all", False),
    ("POST", "/Bulk", "bulk", "bulk", True),
)


async def _endpoint(module: str, name: str, writes: bool, request: Request) -> Response:
    body = await request.body() if request.method in ("POST", "PUT", "PATCH") else b""
    kind = request.headers.get("content-type", "application/scim+json").partition(";")[0].strip().lower()
    if body and kind not in JSON:
        raise ScimRefusal("Send the body as application/scim+json.", "", 415)
    work = partial(_answer, module, name, writes, request, body)
    response: Response = await get_running_loop().run_in_executor(request.app.state.executor, work)
    return response


def _answer(module: str, name: str, writes: bool, request: Request, body: bytes) -> Response:
    answer: Any = getattr(import_module(f"app.hr.scim.{module}"), name)
    if module == "bulk":
        return answer(partial(enter, request), body)  # type: ignore[no-any-return]  # a transaction for each of its operations
    with enter(request, writes, body) as call:
        return answer(call)  # type: ignore[no-any-return]


class enter:  # noqa: N801 - used as a function: `with enter(request, True, body) as call`
    """A transaction whose actor is the client that the token names, for the organisation whose people it provisions."""

    def __init__(self, request: Request, writes: bool, body: bytes = b"") -> None:
        self.request, self.body = request, body
        self.inner = ClientTx(request.app.state.database, request, SCOPE, writes)

    def __enter__(self) -> Call:
        tx = self.inner.__enter__()
        config: Settings = self.request.app.state.settings
        try:
            organisation_id = _organisation(tx, config)
        except BaseException as problem:
            self.inner.__exit__(type(problem), problem, problem.__traceback__)
            raise
        request = self.request
        return Call(tx, organisation_id, config, dict(request.query_params), request.headers, dict(request.path_params), self.body)

    def __exit__(self, *wrong: Any) -> bool | None:
        return self.inner.__exit__(*wrong)


def _organisation(tx: Tx, config: Settings) -> int:
    """Whose people: those of the organisation the client is limited to, else of the one that the settings name."""
    if tx.actor.organisation_id is not None:
        return tx.actor.organisation_id
    named = select(Unit.id).where(Unit.code == config.scim_organisation, Unit.parent_id.is_(None))
    found = tx.scalar(named) if config.scim_organisation else None
    if found is None:
        words = (
            "This client is not limited to an organisation, and ACADEMY_SCIM_ORGANISATION names none: nobody knows whose people these are."
        )
        raise Forbidden(words, code="scim-organisation-needed")
    tx.actor = replace(tx.actor, organisation_id=int(found))
    return int(found)


routes = _routes()
