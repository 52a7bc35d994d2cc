"""`serve --processes N`: a process that dies is replaced, whoever was started again too, and the signal to stop reaches all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from app.core.config import ROOT
from app.sharing import Tally


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _until(true: Callable[[], bool], words: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, words
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).status == 200)
    except OSError:
        return False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[psutil.Process, int]]:
    with _serving(tmp_path, "--no-worker") as started:
        yield started


@contextlib.contextmanager
def _serving(tmp_path: Path, *options: str) -> Iterator[tuple[psutil.Process, int]]:
    port = _port()
    environment = {**os.environ, "ACADEMY_DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3", "ACADEMY_LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--processes", "2", *options]
    running = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), "the service did not start")
        process = psutil.Process(running.pid)
        _until(lambda: any("supervisor" in word for word in process.cmdline()), "the parent did not become small")
        yield process, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.mark.thorough
def test_whoever_dies_is_replaced_and_all_stop_together(service: tuple[psutil.Process, int]) -> None:
    process, port = service
    first = {child.pid for child in process.children()}
    assert len(first) == 2
    os.kill(min(first), signal.SIGKILL)
    _until(lambda: len({child.pid for child in process.children()} - first) == 1, "nobody came in its place")
    replaced = ({child.pid for child in process.children()} - first).pop()
    os.kill(max(first), signal.SIGKILL)
    _until(lambda: len({child.pid for child in process.children()} - first) == 2, "nobody came in the second's place")
    _until(lambda: _answers(port), "those in their place do not answer")  # on the same socket
    os.kill(replaced, signal.SIGKILL)
    _until(lambda: replaced not in {child.pid for child in process.children()}, "the dead one was not taken away")
    _until(lambda: len(process.children()) == 2, "nobody came in the third's place")
    _until(lambda: _answers(port), "after three deaths nobody answers")
    children = process.children()
    process.terminate()
    _until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), "somebody went on")
    _until(lambda: process.status() == "zombie", "the supervisor went on")


@pytest.mark.thorough
def test_background_work_has_a_process_of_its_own_that_is_replaced_too(tmp_path: Path) -> None:
    def listens(child: psutil.Process) -> bool:
        return any(each.status == "LISTEN" for each in child.net_connections("tcp"))

    with _serving(tmp_path) as (process, port):
        first = process.children()
        workers = [child for child in first if not listens(child)]
        assert (len(first), len(workers)) == (3, 1)
        workers[0].kill()
        _until(lambda: len(set(process.children()) - set(first)) == 1, "nobody came in the worker's place")
        replaced = (set(process.children()) - set(first)).pop()
        _until(lambda: "worker" in replaced.cmdline(), "what came is no worker")
        assert _answers(port)
        process.terminate()
        _until(lambda: process.status() == "zombie", "somebody went on")


@pytest.mark.thorough
def test_the_supervisor_holds_nothing_of_the_service(service: tuple[psutil.Process, int]) -> None:
    process, _port = service
    assert process.memory_info().rss < 25e6


def _connections(port: int, child: psutil.Process) -> int:
    return sum(each.status == "ESTABLISHED" and each.laddr.port == port for each in child.net_connections("tcp"))


@pytest.mark.thorough
def test_connections_are_shared_out(service: tuple[psutil.Process, int]) -> None:
    process, port = service
    children = process.children()
    kept: list[socket.socket] = []

    def each_has_one() -> bool:
        kept.append(socket.create_connection(("127.0.0.1", port)))
        time.sleep(0.05)
        return all(_connections(port, child) for child in children)

    try:
        _until(each_has_one, "one takes everything")
        for _ in range(12):
            kept.append(socket.create_connection(("127.0.0.1", port)))
            time.sleep(0.05)
        _until(lambda: sum(_connections(port, child) for child in children) == len(kept), "somebody waits")
        few, many = sorted(_connections(port, child) for child in children)
        assert many - few <= 4, f"{many} and {few}"  # 0 or 1 on a quiet machine
    finally:
        for each in kept:
            each.close()
    _until(lambda: not any(_connections(port, child) for child in children), "a connection was not given up")
    assert _answers(port)


def test_whoever_is_ahead_waits_for_the_others() -> None:
    tally = Tally.of(3)
    same = Tally(tally.descriptor)  # as another process sees it
    assert not tally.ahead(0)
    tally.add(0, 1)
    assert same.ahead(0)
    assert not same.ahead(1)
    same.set(1, 1)
    same.set(2, 1)
    assert not tally.ahead(0)
    tally.set(0, 40)
    tally.set(1, 35)
    tally.set(2, 35)
    assert not tally.ahead(0), "of many, an eighth is not worth a wait"
    tally.add(0, 1)
    assert tally.ahead(0)
    os.close(tally.descriptor)
