"""What keeps sign-ins safe at the edge: expiry, cookies, other sites, headers, sizes, and logs that name nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core import tx as core_tx
from app.core.config import Settings, load
from app.identity import access
from app.identity.models import SignIn
from app.main import create_app
from tests.factory import Make

HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-request-id",
)
SECRET = "three small otters"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`clock(minutes)` moves the service's time on from now."""
    start = datetime.now(UTC)

    def move(minutes: float) -> None:
        monkeypatch.setattr(core_tx, "clock", lambda: start + timedelta(minutes=minutes))

    return move


# Expiry ------------------------------------------------------------------------------------------------------------


def test_an_idle_sign_in_ends(sign_in: Any, make: Make, clock: Any, test_settings: Settings) -> None:
    browser = sign_in(make.person("Ann"))
    clock(test_settings.idle_minutes - 1)
    assert browser.get("/my-details").status_code == 200  # and starts the idle clock again
    clock(2 * test_settings.idle_minutes - 2)
    assert browser.get("/my-details").status_code == 200
    clock(3 * test_settings.idle_minutes - 1)
    assert browser.get("/my-details").headers["location"].startswith("/sign-in")


def test_the_idle_clock_is_written_seldom(sign_in: Any, make: Make, clock: Any) -> None:
    browser = sign_in(make.person("Ann"))
    before = make.rows(select(SignIn.last_seen_at))
    clock(4)
    browser.get("/help")
    assert make.rows(select(SignIn.last_seen_at)) == before
    clock(6)
    browser.get("/help")
    assert make.rows(select(SignIn.last_seen_at)) > before


def test_a_busy_sign_in_ends_too(sign_in: Any, make: Make, clock: Any, test_settings: Settings) -> None:
    browser = sign_in(make.person("Ann"))
    end = test_settings.session_hours * 60
    for minutes in range(30, end, 30):
        clock(minutes)
        assert browser.get("/help").status_code == 200
    clock(end - 1)
    assert browser.get("/my-details").status_code == 200
    clock(end + 1)
    assert browser.get("/my-details").status_code == 303


def test_suspending_signs_out_at_once_and_restoring_lets_in(sign_in: Any, make: Make, ledger: Any) -> None:
    ann, admin = make.person("Ann"), make.person("Admin", roles=("administrator",))
    hers, his = sign_in(ann), sign_in(admin)
    assert hers.get("/my-details").status_code == 200
    ledger.start()
    assert his.post(f"/access/people/{ann.id}/suspend").status_code == 303
    assert ledger.actions() == ["sign-in.ended-everywhere", "account.suspended"]
    assert hers.get("/my-details").status_code == 303
    assert his.post(f"/access/people/{ann.id}/restore").status_code == 303
    assert hers.get("/my-details").status_code == 303  # that sign-in is over for good
    assert sign_in(ann).get("/my-details").status_code == 200


# Cookies and other sites -------------------------------------------------------------------------------------------


@pytest.fixture
def https(database: Any, make: Make, tmp_path: Any) -> Iterator[TestClient]:
    """The service as it runs in earnest."""
    settings = load(
        base_url="https://academy.westmarch.example", smtp_url="smtp://mail.westmarch.example:25", mail_dir=tmp_path, log_level="error"
    )
    with TestClient(create_app(settings, database), base_url="https://academy.westmarch.example", follow_redirects=False) as browser:
        yield browser


def test_cookies_over_https(https: TestClient, make: Make) -> None:
    make.password(make.person("Ann", email="ann@westmarch.example").id, SECRET)
    reply = https.post("/sign-in", data={"email": "ann@westmarch.example", "password": SECRET})
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-academy=")
    assert all(flag in cookie for flag in ("; HttpOnly", "; SameSite=lax", "; Secure", "; Path=/")) and "Domain" not in cookie
    assert reply.headers["strict-transport-security"].startswith("max-age=31536000")
    ended = https.post("/sign-out").headers["set-cookie"]
    assert ended.startswith("__Host-academy=") and "; Secure" in ended and "Max-Age=0" in ended


@pytest.mark.parametrize(
    ("headers", "carried_out"),
    [
        ({}, True),  # an old browser, or no browser at all: it holds no cookie that another site could use
        ({"origin": "http://testserver"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://testserver.evil.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, False),
    ],
)
def test_a_post_from_another_site_is_not_carried_out(sign_in: Any, make: Make, headers: dict[str, str], carried_out: bool) -> None:
    browser = sign_in(make.person("Ann"))
    reply = browser.post("/sign-out", headers=headers)
    assert reply.status_code == (303 if carried_out else 403)
    assert (browser.get("/my-details").status_code == 200) is not carried_out


# Headers -----------------------------------------------------------------------------------------------------------


def test_security_headers_on_every_kind_of_reply(visitor: Any, sign_in: Any, make: Make) -> None:
    practitioner = sign_in(make.person("Ann"))
    replies = {
        200: visitor.get("/help"),
        303: visitor.get("/my-details"),
        403: practitioner.get("/access"),
        404: visitor.get("/no-such-page"),
        405: visitor.get("/sign-out"),
        410: visitor.get("/password/set/used"),
        413: visitor.post("/sign-in", content=b"x" * 300_000, headers={"content-type": "application/x-www-form-urlencoded"}),
        422: visitor.post("/sign-in", data={}),
    }
    extra = [visitor.get("/static/app.css"), visitor.get("/static/none.css"), visitor.get("/brand.css"), visitor.get("/healthz")]
    extra += [
        visitor.get("/api/v1/people"),
        visitor.get("/api/v1/none"),
        visitor.post("/sign-out", headers={"origin": "http://evil.example"}),
    ]
    assert {status: reply.status_code for status, reply in replies.items()} == {status: status for status in replies}
    for reply in [*replies.values(), *extra]:
        assert [name for name in HEADERS if name not in reply.headers] == [], reply.url
        assert "unsafe" not in reply.headers["content-security-policy"] and "script-src 'self'" in reply.headers["content-security-policy"]
    for reply in replies.values():
        assert reply.headers["cache-control"] == "no-store", reply.url


def test_a_fault_of_ours_says_little_and_has_the_headers(app: Any, make: Make, monkeypatch: Any, capsys: Any) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("Ann Field, SW900001")

    monkeypatch.setattr(access, "signed_in", broken)
    reply = TestClient(app, raise_server_exceptions=False).get("/help")
    assert reply.status_code == 500 and "nothing was changed" in reply.text and "Ann Field" not in reply.text
    assert [name for name in HEADERS if name not in reply.headers] == []
    assert reply.headers["x-request-id"] in reply.text
    logged = capsys.readouterr().err
    assert "ValueError" in logged and "Ann Field" not in logged and "SW900001" not in logged


def test_pages_hold_no_inline_script_or_style(visitor: Any, sign_in: Any, make: Make) -> None:
    browser = sign_in(make.person("Ann", roles=("administrator", "HR officer")))
    for page in (visitor.get("/sign-in"), browser.get("/my-details"), browser.get("/access"), browser.get("/people/new")):
        assert " style=" not in page.text and "<style" not in page.text and "onclick=" not in page.text
        assert page.text.count("<script") == page.text.count('<script type="module" src=')


# Sizes and oddities ------------------------------------------------------------------------------------------------


def test_huge_bodies_are_refused_however_they_are_sent(visitor: Any) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 10_000

    assert visitor.post("/sign-in", content=b"x" * 300_000, headers=form).status_code == 413
    assert visitor.post("/sign-in", content=pieces(), headers=form).status_code == 413  # no length said beforehand
    assert visitor.post("/sign-in", data={f"f{n}": "x" for n in range(500)}).status_code == 400


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b@westmarch.example", "é" * 300, "'; DROP TABLE people --", "<script>alert(1)</script>", "\ud7ff￾"]
)
def test_odd_text_is_only_wrong(visitor: Any, text: str) -> None:
    reply = visitor.post("/sign-in", data={"email": text, "password": text})
    assert reply.status_code == 422 and "<script>alert" not in reply.text
    assert visitor.post("/password/forgotten", data={"email": text}).status_code in (303, 422)
    assert visitor.get("/sign-in", params={"next": text}).status_code == 200


def test_a_file_where_text_belongs_is_only_wrong(visitor: Any) -> None:
    reply = visitor.post("/sign-in", files={"email": ("a.txt", b"ann"), "password": ("b.txt", b"x")})
    assert reply.status_code == 422


# Logs --------------------------------------------------------------------------------------------------------------


def test_logs_name_nobody(database: Any, make: Make, tmp_path: Any, capsys: Any) -> None:
    person = make.person("Zebedee Quill", email="zebedee.quill@westmarch.example", swe_number="SW900123", roles=("administrator",))
    make.password(person.id, SECRET)
    app = create_app(load(base_url="http://testserver", mail_dir=tmp_path, log_level="debug"), database)
    with TestClient(app, follow_redirects=False, headers={"user-agent": "Quillfox"}) as browser:
        browser.post("/sign-in", data={"email": person.email, "password": "wrong wrong"})
        browser.post("/sign-in", data={"email": person.email, "password": SECRET})
        token = browser.cookies.get("academy")
        browser.get("/people", params={"q": "Zebedee SW900123"})
        browser.get(f"/people/{person.id}")
        browser.get("/zebedee-quill")
        browser.get("/password/set/zebedee-quill-secret")
        browser.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "zebedee", "client_secret": "quill"})
    logged = capsys.readouterr()
    lines = [json.loads(line) for line in logged.err.splitlines()]
    assert len(lines) >= 7 and all(line["id"] for line in lines)
    for secret in ("zebedee", "quill", "sw900123", SECRET, str(token).lower()):
        assert secret not in logged.err.lower() + logged.out.lower(), secret


# Where a request comes from ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "expected"),
    [
        ("192.0.2.7", "", 0, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", 0, "192.0.2.7"),  # nobody in front is trusted, so anybody may have written it
        ("10.0.0.1", "203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", 1, "203.0.113.9"),  # the left one was sent along by the visitor
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", 2, "203.0.113.9"),
        ("10.0.0.1", " , ", 1, "10.0.0.1"),
        ("2001:db8:1:2:aaaa::1", "", 0, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", 0, "192.0.2.7"),
        ("testclient", "", 0, "testclient"),
        ("10.0.0.1", "x" * 500, 1, "x" * 64),
    ],
)
def test_the_address_behind_a_request(peer: str, forwarded: str, proxies: int, expected: str) -> None:
    assert access.client_address(peer, forwarded, proxies) == expected
