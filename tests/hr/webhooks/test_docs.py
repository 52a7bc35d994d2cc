"""The receivers in docs/webhooks.md work: they take what we sign, once, and refuse what somebody else sends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.config import ROOT
from app.core.tx import clock
from app.hr.webhooks import noting, operations, sending, signing
from tests.crash.house import free_port

GUIDE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
BODY = json.dumps(
    {"type": "person.changed", "timestamp": "2026-12-08T09:30:00Z", "data": {"resource": "people", "resource_id": 1, "data": None}}
)


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(params=["python", "js"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """One of the guide's receivers, running: its address and its secret."""
    secret, port = signing.new_secret(), free_port()
    name = {"python": "receiver.py", "js": "receiver.mjs"}[request.param]
    (tmp_path / name).write_text(block(request.param))
    if request.param == "js":
        (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    program = sys.executable if request.param == "python" else shutil.which("node")
    assert program
    running = subprocess.Popen(
        [program, name], cwd=tmp_path, env={**os.environ, "SECRET": secret, "PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/"
    deadline = time.monotonic() + 20
    while sending.post(url, {}, b"{}", {"127.0.0.1"}).status != 400:  # unsigned
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.05)
    yield url, secret
    running.kill()
    running.wait()


def test_the_guides_receivers(receiver: tuple[str, str]) -> None:
    url, secret = receiver
    for body, signed_with, status in (
        (BODY, [secret], 204),
        (BODY, [secret], 204),  # again, with the same id
        (BODY, [signing.new_secret(), secret], 204),  # while the secret is replaced
        (BODY, [signing.new_secret()], 400),
        (BODY + " ", [secret], 204),
    ):
        headers = signing.headers(signed_with, "msg_1_7", clock(), body.encode())
        assert sending.post(url, headers, body.encode(), {"127.0.0.1"}).status == status
    headers = signing.headers([secret], "msg_1_8", clock(), BODY.encode())
    assert sending.post(url, headers, BODY.replace("person", "parson").encode(), {"127.0.0.1"}).status == 400


def test_it_tells_every_code_and_the_schedule() -> None:
    for code in set(re.findall(r'code="([a-z-]+)"', Path(operations.__file__).read_text())):
        assert f"`{code}`" in GUIDE
    assert noting.DELAYS[:3] == (5, 300, 1800) and [seconds // 3600 for seconds in noting.DELAYS[3:]] == [2, 5, 10, 14, 20, 24]
    assert "5 seconds, 5 minutes, half an hour, 2, 5, 10, 14, 20 and 24 hours" in GUIDE and "ten\nattempts" in GUIDE
    assert f"at most {operations.MOST} subscriptions" in GUIDE
