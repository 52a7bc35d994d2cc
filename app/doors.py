"""Doors: where a request or a job enters, gets its Tx, and leaves with everything committed or nothing. The API's is in `apidoor`.

A door is a decorator. The wrapped function takes a Tx first and runs, transaction included, in one hop to a worker thread; the commit
is done before the reply leaves. A page's GET and every API read get a transaction that cannot write.
"""

from __future__ import annotations

import re
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

from fastapi import Request
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, compile_path

from app import policy
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import NotFound, Refusal, SignInNeeded
from app.core.tx import NOBODY, Actor, Tx, transaction
from app.core.web import LONG, UPLOADS, environment, fragment, url
from app.identity import access
from app.policy import Can

SEEN_EVERY = timedelta(minutes=5)
MOST_FILES = 10  # in one form


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
        self.outside: Any = getattr(request.state, "outside", None)  # what the world outside answered
        self.later: list[Callable[[Tx], None]] = []  # what a read leaves behind, such as "seen", written after it
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
        return self.request.scope["path"]  # type: ignore[no-any-return]

    def menu(self, inside: str = "") -> Markup:
        """The menu with the entry marked that the reader is at or in; `inside` names it where the address does not."""
        entries: tuple[tuple[str, str], ...] = self.request.app.state.navigation(self.actor.roles)
        here = self.path
        inside = inside or self.request.app.state.within(here)
        marks = ("page" if to == here else "true" if to == inside or (to != "/" and here.startswith(to + "/")) else "" for _, to in entries)
        return _menu(entries, tuple(marks))

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

    def leave(self, address: str) -> Response:
        """On to another service, at an address that the settings or it itself gave us, never one that was typed."""
        return self.finish(RedirectResponse(address, 303))

    def finish(self, response: Response) -> Response:
        for name, value, options in self._cookies:
            response.set_cookie(name, value, **options)
        return response


@lru_cache(maxsize=512)
def _menu(entries: tuple[tuple[str, str], ...], marks: tuple[str, ...]) -> Markup:
    """Drawn once for each set of roles and place in the service."""
    return fragment("_layout/_menu.html", "menu", [(words, to, mark) for (words, to), mark in zip(entries, marks, strict=True)])


PageFunction = Callable[..., Response]
Outside = Callable[[Request, dict[str, Any]], Awaitable[Any]]


class Pages:
    """The pages of one room. `can` is checked before the function runs; `public=True` needs no signing in."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def get(
        self,
        path: str,
        *,
        can: Can | None = Can.READ_OWN_PAGE,
        public: bool = False,
        outside: Outside | None = None,
        writes: bool = False,
    ) -> Callable[[PageFunction], PageFunction]:
        """`writes` is for pages that another site sends people back to and that may change something: they prove by themselves that the
        reader meant it."""
        return self._add(path, "GET", can, public, outside=outside, writes=writes)

    def post(
        self,
        path: str,
        *,
        can: Can | None = Can.READ_OWN_PAGE,
        public: bool = False,
        again: PageFunction | None = None,
        first: Callable[..., Any] | None = None,
        uploads: bool = False,
        long: bool = False,
        admit: Callable[..., object] | None = None,
        outside: Outside | None = None,
    ) -> Callable[[PageFunction], PageFunction]:
        """`again` draws the form once more after a refusal, with what was typed, in a fresh read transaction.

        `first` runs before the writer's turn is taken, in a read transaction, for slow work such as hashing a password or parsing a
        file; what it returns is `page.found`. `uploads`: the page takes files, whose bytes are read only from those who may send them:
        those with `can`, whom `admit` (called like the page, in a read transaction, before there is a form) does not refuse. A public page
        that takes files needs one: what its link allows. `long`: the form holds a whole document and may be longer than others; what is
        longer is read on the same terms as files. `outside` asks another service, before there is any transaction and without
        holding a thread; what it returns is `page.outside`.
        """
        if uploads or long:
            if public and admit is None:
                raise ValueError(f"{path} takes files from anybody: say with admit whose")
            (UPLOADS if uploads else LONG)[path] = compile_path(path)[0]
        return self._add(path, "POST", can, public, again, first, uploads, admit, outside, long=long)

    def _add(
        self,
        path: str,
        method: str,
        can: Can | None,
        public: bool,
        again: PageFunction | None = None,
        first: Callable[..., Any] | None = None,
        uploads: bool = False,
        admit: Callable[..., object] | None = None,
        outside: Outside | None = None,
        writes: bool = False,
        long: bool = False,
    ) -> Callable[[PageFunction], PageFunction]:
        def wrap(function: PageFunction) -> PageFunction:
            handle = _post if method == "POST" or writes else _get

            async def endpoint(request: Request) -> Response:
                if uploads or (long and _is_long(request)):
                    await get_running_loop().run_in_executor(request.app.state.executor, partial(_admit, request, can, public, admit))
                form = await read_form(request, files=MOST_FILES if uploads else 2) if method == "POST" else {}
                if outside is not None:
                    request.state.outside = await outside(request, form)
                work = partial(handle, request, form, function, None if public else can, public, again, first)
                try:
                    response: Response = await get_running_loop().run_in_executor(request.app.state.executor, work)
                finally:
                    await request.close()  # and with it the files that were uploaded
                return response

            route = Route(path, endpoint, methods=[method], name=f"{function.__module__}.{function.__name__}")
            route.door = {"can": None if public else can, "public": public, "again": again}  # type: ignore[attr-defined]
            self.routes.append(route)
            return function

        return wrap


async def read_form(request: Request, *, files: int = 2) -> dict[str, Any]:
    """Fields by name; several values of one name as a list; uploads as they are, on the disk where they are large.

    Refuses absurd numbers of fields.
    """
    sent = await request.form(max_files=files, max_fields=400)
    form: dict[str, Any] = {}
    for key in sent:
        values = [value if isinstance(value, UploadFile) else value.replace("\x00", "").strip() for value in sent.getlist(key)]
        form[key] = values if len(values) > 1 else values[0]
    return form


def _is_long(request: Request) -> bool:
    """Is it longer than other forms, or does not say how long it is?"""
    length = request.headers.get("content-length", "")
    return not length.isdigit() or int(length) > request.app.state.settings.max_body_kb * 1024


def _admit(request: Request, can: Can | None, public: bool, admit: Callable[..., object] | None) -> None:
    """Refuse whoever may not send files here, before a byte of them is read."""
    page = Page(request, {})
    with transaction(request.app.state.database, NOBODY, writes=False, request_id=request.state.request_id) as tx:
        _enter(tx, page, None if public else can, public)
        if admit is not None:
            admit(tx, page, **request.path_params)


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
            response = function(tx, page, **request.path_params)
    except Refusal as problem:
        if again is None or problem.status in (401, 403, 404):
            raise
        page.problem = problem
    else:
        _afterwards(database, page, tx, None)
        return response
    for forgotten in (page._cookies, page.viewed, page.taken, page.later):  # what the refused work left is undone with it
        forgotten.clear()
    with transaction(database, page.actor, writes=False, request_id=request.state.request_id) as tx:
        response = again(tx, page, **request.path_params)
    _afterwards(database, page, tx, None)  # the form shows what it showed before
    return response


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
    """After a read: what it leaves behind, who looked at whose record, and now and then that the person is still there."""
    stale = seen is not None and tx.now - seen.last_seen_at > SEEN_EVERY
    if not page.viewed and not page.taken and not page.later and not stale:
        return
    with transaction(database, page.actor, writes=True, request_id=tx.request_id) as writing:
        for kind, person_id in page.viewed:
            writing.record(kind, "people", person_id, person_id=person_id)
        for action, subject, facts in page.taken:
            writing.record(action, subject, None, **facts)
        for write in page.later:
            write(writing)
        if stale:
            access.touch(writing, seen.token_hash)
