"""The worker: due jobs once each, messages, faults waited out, and stopping at a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app import jobs, worker
from app.bookings import operations
from app.core.config import ROOT, Settings, load
from app.core.db import Database
from app.core.ledger import Outbox
from app.core.mail import build
from app.core.schedule import JobRun
from app.core.tx import Tx, clock
from app.notifications import delivery
from tests.factory import Make

DAY = timedelta(days=1)


@pytest.fixture
def mail(tmp_path: Path) -> Settings:
    return load(mail_dir=tmp_path / "mail", smtp_url="", log_level="info")


def timetable(monkeypatch: pytest.MonkeyPatch, **functions: jobs.Job) -> None:
    monkeypatch.setattr(jobs, "TIMETABLE", {name: (DAY, function) for name, function in functions.items()})


def runs(make: Make) -> list[tuple[str, str | None]]:
    return [(row.name, row.outcome) for row in make.rows(select(JobRun.name, JobRun.outcome).order_by(JobRun.name))]


def test_a_job_runs_once_for_its_turn(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[datetime] = []
    timetable(monkeypatch, count=lambda _tx, now: seen.append(now))
    assert [jobs.run_due(make.database) for _ in range(3)] == [1, 0, 0]
    assert jobs.run_due(make.database, clock() + DAY) == 1 and len(seen) == 2
    assert runs(make) == [("count", "done")] * 2


def test_workers_at_once_share_the_turns(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def slowly(tx: Tx, now: datetime) -> None:
        time.sleep(0.05)
        seen.append("ran")

    timetable(monkeypatch, slow=slowly)
    threads = [threading.Thread(target=jobs.run_due, args=(make.database,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs(make) == [("slow", "done")] and len(seen) >= 1


def test_a_failing_job_leaves_no_trace_but_its_failure_and_stops_nobody_else(
    make: Make, mail: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(tx: Tx, now: datetime) -> None:
        tx.record("half-done", "people", None)
        raise ZeroDivisionError("with somebody's name in it")

    timetable(monkeypatch, breaks=fails, works=lambda _tx, _now: None)
    monkeypatch.setattr(jobs, "CLOCKS", ())  # what they number and pass on is counted, too
    book(make)
    assert worker.tick(make.database, mail) == 2  # one job and one message
    assert runs(make) == [("breaks", "failed: ZeroDivisionError"), ("works", "done")]
    said = capsys.readouterr().err
    assert '"job": "breaks"' in said and "somebody" not in said
    assert jobs.run_due(make.database) == 0, "it waits for its next turn"


def test_a_database_that_does_not_answer_leaves_the_turn_free(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(tx: Tx, now: datetime) -> None:
        raise OperationalError("select 1", {}, Exception("busy"))

    timetable(monkeypatch, busy=busy)
    with pytest.raises(OperationalError):
        jobs.run_due(make.database)
    assert runs(make) == []


def book(make: Make) -> None:
    session = make.session()
    person = make.person("Ann")
    with make.tx() as tx:
        operations.book(tx, session.id, person.id)


def test_a_tick_sends_everything_that_is_due(make: Make, mail: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    session = make.session(places=100)
    people = [make.person(f"P{n}", account=False).id for n in range(3)]
    with make.tx() as tx:
        bookings = [operations.book(tx, session.id, person) for person in people]
        operations.cancel(tx, bookings[0].id, "Court hearing")
    worker.tick(make.database, mail)
    assert all(row.sent_at for row in make.rows(select(Outbox.sent_at)))
    assert len(list(mail.mail_dir.glob("*.eml"))) == 4
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["sent"] for line in lines if line["event"] == "delivery"] == [3, 1], "counts only, and the cancellation after the rest"
    assert "westmarch" not in str(lines)


def test_it_never_dies(make: Make, mail: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(worker, "PAUSE", 0.01)
    calls: list[int] = []

    def look(*_: Any) -> int:
        calls.append(1)
        if len(calls) < 4:
            raise ValueError("with somebody's name in it")
        return 0

    monkeypatch.setattr(worker, "look", look)
    stop = worker.start(make.database, mail)
    until(lambda: len(calls) > 5)
    stop()
    said = capsys.readouterr().err
    assert said.count("worker-fault") == 3 and "somebody" not in said


def test_stopping_is_heard_between_two_messages(make: Make, mail: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    session, stop = make.session(), threading.Event()
    for n in range(5):
        person = make.person(f"P{n}", account=False).id
        with make.tx() as tx:
            operations.book(tx, session.id, person)
    monkeypatch.setattr(delivery, "build", telling(stop, build))
    worker.run(make.database, mail, stop)
    rows = make.rows(select(Outbox.__table__).order_by(Outbox.id))
    assert [row.sent_at is not None for row in rows] == [True, False, False, False, False]
    assert [row.attempts for row in rows] == [1, 0, 0, 0, 0] and not any(row.locked_until for row in rows)


def telling(stop: threading.Event, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any) -> Any:
        stop.set()
        return function(*arguments)

    return wrapped


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@pytest.mark.thorough
def test_the_process_stops_at_once(make: Make, tmp_path: Path) -> None:
    database: Database = make.database
    environment = {**os.environ, "ACADEMY_DATABASE_URL": database.url, "ACADEMY_MAIL_DIR": str(tmp_path), "ACADEMY_LOG_LEVEL": "info"}
    process = subprocess.Popen([sys.executable, "-m", "app", "worker"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: bool(runs(make)))  # it is at work
        book(make)
        until(lambda: all(row.sent_at for row in make.rows(select(Outbox.sent_at))))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=5)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert json.loads(said.splitlines()[-1]) == {"event": "delivery", "sent": 1, "later": 0, "parked": 0, "given_back": 0}
