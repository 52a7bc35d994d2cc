"""What nobody decent sends: it is refused in words, by something that goes on living."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.config import ROOT, SettingsError, load
from tests.factory import Make


@pytest.mark.parametrize("origin", ["http://[", "null", "https://elsewhere.example", "http://testserver.elsewhere.example"])
def test_a_post_from_elsewhere_is_refused(visitor: TestClient, origin: str) -> None:
    refused = visitor.post("/sign-out", headers={"origin": origin})
    assert refused.status_code == 403 and "another site" in refused.text
    assert "content-security-policy" in refused.headers and "x-request-id" in refused.headers


@pytest.mark.parametrize(
    "path", ["/sessions/" + "9" * 5000, "/people/" + "9" * 400, "/courses/" + "a" * 5000, "/bookings/99999999999999999"]
)
def test_an_address_that_cannot_be_ours_is_not_found(make: Make, sign_in: Callable[[Any], TestClient], path: str) -> None:
    reply = sign_in(make.person("Ann")).get(path)
    assert reply.status_code == 404 and "x-request-id" in reply.headers


def test_no_redirect_is_built_from_the_host_that_a_request_names(client: Callable[..., TestClient]) -> None:
    reply = client("people:read").get("/api/v1/people/", headers={"host": "evil.example"}, follow_redirects=False)
    assert reply.status_code == 404 and "location" not in reply.headers


def test_large_bodies_are_for_those_who_may_upload(make: Make, visitor: TestClient, sign_in: Callable[[Any], TestClient]) -> None:
    """A file of a megabyte: refused by size where no file belongs, by permission where one does, before it is read."""
    file = {"file": ("x.csv", b"x" * 1_000_000)}
    assert visitor.post("/sign-in", files=file).status_code == 413
    assert visitor.post("/api/v1/people", files=file).status_code == 413
    assert visitor.post("/hr/imports/new", files=file).status_code == 303  # to the sign-in page
    assert sign_in(make.person("Ann")).post("/hr/imports/new", files=file).status_code == 403


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("smtp_url", "smtp://u:pw@"),
        ("smtp_url", "http://mail"),
        ("mail_from", "x"),
        ("mail_from", "a@b.example, c@d.example"),
        ("brand_colour", "red"),
    ],
)
def test_a_wrong_setting_stops_the_service_and_is_named(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"ACADEMY_{setting.upper()}"):
        load(**{setting: value})


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("sqlite:///{tmp}/empty.sqlite3", ["check-invariants"]),
        ("sqlite:///{tmp}/empty.sqlite3", ["client", "create", "--name", "HR", "--scope", "people:read"]),
        ("sqlite:///{tmp}/notes.txt", ["check-invariants"]),
        ("postgresql://127.0.0.1:1/none", ["migrate"]),
        ("sqlite:///{tmp}/empty.sqlite3", ["serve", "--port", "99999"]),
        ("sqlite:///{tmp}/empty.sqlite3", ["serve", "--processes", "0"]),
    ],
)
def test_a_command_that_cannot_run_says_why_and_exits_with_two(tmp_path: Path, url: str, arguments: list[str]) -> None:
    (tmp_path / "notes.txt").write_text("not a database\n" * 200)
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={"ACADEMY_DATABASE_URL": url.format(tmp=tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.strip()
