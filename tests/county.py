"""Databases to copy: filled once for each kind of database, by one test process for all, then copied in a moment for every use.

`demo_county` is the demonstration county with its personas; other tests fill templates of their own with `templates`.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pickle
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from starlette.testclient import TestClient

from app import cli
from app.core.config import Settings, load
from app.core.db import Database, connect
from app.core.tx import SYSTEM, transaction
from app.identity import access
from app.identity import operations as identity
from app.identity.limits import Limits
from app.main import create_app
from seed import county
from seed.personas import persona
from tests.client import Browser
from tests.programmes import portfolio_world
from tests.visit import Finder

KINDS = ("sqlite", "postgresql")
Filled = Callable[[Database], Any]
POOL = 6
_numbers = itertools.count(1)


def careless(database: Database) -> Database:
    """The same database, on SQLite without waiting for the disk: nothing in a test has to survive a power cut."""
    if database.sqlite:
        for engine in (database.write, database.read):  # whichever is closed last writes what the other has left to be written
            listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous=off"))
    return database


@dataclass
class Template:
    """A filled database nobody writes to, and what filling it returned."""

    kind: str
    address: str
    known: Any
    room: str  # where copies go: a folder, or the server's address

    @contextmanager
    def copy(self) -> Iterator[Database]:
        """A database of one's own with the same rows; gone afterwards."""
        name = f"copy_{os.getpid()}_{next(_numbers)}"
        url = f"sqlite:///{self._path(name)}" if self.kind == "sqlite" else on_server(self.room, name)
        self._make(name)
        database = careless(connect(url, pool=POOL))
        try:
            yield database
        finally:
            database.dispose()
            self._remove(name)

    def refresh(self, copy: Database) -> None:
        """Its rows are the template's again. What was compiled for it stays, which takes longer than the copying."""
        copy.dispose()
        name = Path(make_url(copy.url).database or "").stem
        self._remove(name)
        self._make(name)

    def _path(self, name: str) -> Path:
        return Path(self.room) / f"{name}.sqlite3"

    def _make(self, name: str) -> None:
        if self.kind == "sqlite":
            shutil.copy(self.address, self._path(name))
        else:
            _say(self.room, f"CREATE DATABASE {name} TEMPLATE {self.address}")

    def _remove(self, name: str) -> None:
        if self.kind == "sqlite":
            for suffix in ("", "-wal", "-shm", ".writer"):
                Path(f"{self._path(name)}{suffix}").unlink(missing_ok=True)
        else:
            _say(self.room, f"DROP DATABASE {name} WITH (FORCE)")


def on_server(server: str, name: str) -> str:
    """The address of a database on the server at this address."""
    head, _, tail = server.partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{tail}" if tail else "")


def _say(server: str, statement: str) -> None:
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(statement))


@pytest.fixture(scope="session")
def templates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Filled], Template]]:
    """`templates(kind, fill)` → the template that `fill` has filled, made by whichever test process asks first, for all of them."""
    made: dict[tuple[str, Filled], tuple[Template, int]] = {}
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all processes of this run

    def template(kind: str, fill: Filled) -> Template:
        if (kind, fill) not in made:
            kept = shared / f"template-{kind}-{fill.__module__}.{fill.__qualname__}"
            with _turn(kept):
                lock = os.open(kept, os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(lock, fcntl.LOCK_SH)  # while anybody holds it, it stays
                written = kept.read_bytes()
                found = pickle.loads(written) if written else _fill(kind, fill, request, shared)  # noqa: S301 - our own
                if not written:
                    kept.write_bytes(pickle.dumps(found))
            made[kind, fill] = found, lock
        return made[kind, fill][0]

    yield template
    for (kind, fill), (found, lock) in made.items():
        kept = shared / f"template-{kind}-{fill.__module__}.{fill.__qualname__}"
        with _turn(kept), suppress(BlockingIOError, OperationalError):  # somebody needs it still; or the server, our own, is gone with it
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kept.write_bytes(b"")  # whoever asks after this makes it anew
            if found.kind == "postgresql":
                _say(found.room, f"DROP DATABASE {found.address} WITH (FORCE)")
        os.close(lock)


@contextmanager
def _turn(kept: Path) -> Iterator[None]:
    """One process at a time looks for a template, makes it or takes it away. A file of its own: the other is held by all who use it."""
    turn = os.open(f"{kept}.turn", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


def _fill(kind: str, fill: Filled, request: pytest.FixtureRequest, shared: Path) -> Template:
    name = f"template_{os.getpid()}_{next(_numbers)}"
    if kind == "sqlite":
        room = str(shared / name)
        Path(room).mkdir()
        address = f"{room}/template.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), address)
        url = f"sqlite:///{address}"
    else:
        room, address = request.getfixturevalue("postgres_server"), name
        _say(room, f"CREATE DATABASE {name}")
        url = on_server(room, name)
        cli.migrate(Namespace(), load(database_url=url))
    database = careless(connect(url, pool=POOL))
    known = fill(database)
    if kind == "sqlite":
        with database.write.connect() as connection:
            connection.connection.execute("pragma wal_checkpoint(truncate)")
    database.dispose()
    return Template(kind, address, known, room)


def migrated(path: Path) -> Database:
    """A new, empty SQLite database at this path, for what runs outside of tests."""
    url = f"sqlite:///{path}"
    cli.migrate(Namespace(), load(database_url=url))
    return connect(url, pool=POOL)


def seeded(database: Database) -> None:
    """The demonstration county, and the few things that only somebody's work brings (an HR import under way, a link in an e-mail)."""
    from tests.tour import arrange

    county.load(database, months=4)  # each month takes half a second
    arrange(database)


# The county behind its doors ----------------------------------------------------------------------------------------


@dataclass
class County:
    """A copy of the demonstration county and the service over it."""

    kind: str
    app: FastAPI
    database: Database
    settings: Settings

    def sign_in(self, key: str | None) -> TestClient:
        """A browser in which the persona with this key has signed in; without a key, nobody has. Redirects are not followed."""
        browser = Browser(self.app)
        if key is not None:
            browser.cookies.set(access.cookie_name(self.settings), sign_in(self.database, key, self.settings))
        return browser

    @contextmanager
    def look(self) -> Iterator[Finder]:
        """Questions to the database, for what stands where."""
        with transaction(self.database, SYSTEM, writes=False) as tx:
            yield Finder(tx)


def sign_in(database: Database, key: str, settings: Settings) -> str:
    """A fresh sign-in of a persona; returns the cookie's value."""
    with transaction(database, SYSTEM, writes=True) as tx:
        person = identity.account_of(tx, persona(key).email)
        assert person is not None, f"{persona(key).name} has no account"
        return identity.sign_in(tx, person, "test browser", settings)


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Demonstration mode, as `make run` has it."""
    files = portfolio_world.store(tmp_path_factory.mktemp("files"))
    mail = tmp_path_factory.mktemp("mail")
    return load(demo=True, base_url="http://testserver", mail_dir=mail, files_dir=files, log_level="error")


@pytest.fixture(scope="session")
def demo_app(demo_settings: Settings, sqlite_template: Path) -> FastAPI:
    return create_app(demo_settings, connect(f"sqlite:///{sqlite_template}", pool=1))


@pytest.fixture(scope="session")
def open_county(
    templates: Callable[[str, Filled], Template], demo_app: FastAPI, demo_settings: Settings
) -> Callable[[str], AbstractContextManager[County]]:
    """`with open_county("sqlite") as county:` a copy of the county, for as long as the block lasts. Only the newest answers."""

    @contextmanager
    def opened(kind: str) -> Iterator[County]:
        with templates(kind, seeded).copy() as database:
            before, demo_app.state.database = demo_app.state.database, database
            demo_app.state.limits = Limits(database, demo_settings.client_per_minute)
            yield County(kind, demo_app, database, demo_settings)
            demo_app.state.database = before

    return opened


@pytest.fixture(scope="module", params=KINDS)
def demo_county(request: pytest.FixtureRequest, open_county: Callable[[str], AbstractContextManager[County]]) -> Iterator[County]:
    """The county on either kind of database, one copy for all of a file's tests: for reading."""
    with open_county(request.param) as found:
        yield found
