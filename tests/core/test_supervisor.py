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
    port = _port()
    environment = {**os.environ, "ACADEMY_DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3", "ACADEMY_LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--processes", "2", "--no-worker"]
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


def test_the_supervisor_holds_nothing_of_the_service(service: tuple[psutil.Process, int]) -> None:
    process, _port = service
    assert process.memory_info().rss < 25e6
