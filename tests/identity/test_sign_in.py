"""Signing in and out through the door, as a browser does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import tx as core_tx
from app.core.config import Settings, load
from app.identity import attempts, operations
from app.identity.models import Attempt, SignIn
from seed.personas import PERSONAS
from tests.factory import Make

PASSWORD = "three small otters"


@pytest.fixture
def ann(make: Make) -> Any:
    person = make.person("Ann Field", email="ann.field@westmarch.example")
    make.password(person.id, PASSWORD)
    return person


def enter(browser: Any, email: str = "ann.field@westmarch.example", password: str = PASSWORD, **more: str) -> Any:
    return browser.post("/sign-in", data={"email": email, "password": password, **more})


def test_the_form_and_the_right_password(visitor: Any, ann: Any, ledger: Any) -> None:
    form = visitor.get("/sign-in")
    assert form.status_code == 200 and "Sign in as" not in form.text
    ledger.start()
    reply = enter(visitor, " Ann.Field@Westmarch.example ", next="/my-details")
    assert (reply.status_code, reply.headers["location"]) == (303, "/my-details")
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("academy=") and "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert "Max-Age" not in cookie and "Secure" not in cookie  # plain http here; https is tested below
    assert ledger.actions() == ["sign-in.made"]
    assert visitor.get("/sign-in").headers["location"] == "/"


def test_one_message_whatever_is_wrong(visitor: Any, ann: Any, make: Make, ledger: Any) -> None:
    invited = make.person("Ivy Dale", email="ivy.dale@westmarch.example")
    ledger.start()
    replies = [enter(visitor, email, "not the password") for email in (ann.email, invited.email, "nobody@westmarch.example")]
    assert [reply.status_code for reply in replies] == [422] * 3
    texts = {
        reply.text.replace(email, "…") for reply, email in zip(replies, (ann.email, invited.email, "nobody@westmarch.example"), strict=True)
    }
    assert len(texts) == 1 and "is not right" in texts.pop()
    assert all("set-cookie" not in reply.headers for reply in replies)
    assert ledger.actions() == ["sign-in.failed"] * 3


def test_nothing_typed_is_said_beside_the_fields(visitor: Any, ledger: Any) -> None:
    reply = visitor.post("/sign-in", data={"email": "", "password": ""})
    assert reply.status_code == 422 and "Enter your e-mail address" in reply.text and "Enter your password" in reply.text
    odd = visitor.post("/sign-in", data={"email": ["a@b.example", "c@d.example"], "password": "x"})
    assert odd.status_code == 422
    assert ledger.actions() == []


def test_the_password_is_never_sent_back(visitor: Any, ann: Any) -> None:
    assert "a wrong password 1" not in enter(visitor, password="a wrong password 1").text


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/a\r\nb",
        "evil",
        "",
    ],
)
def test_onward_stays_here(visitor: Any, ann: Any, onward: str) -> None:
    assert enter(visitor, next=onward).headers["location"] == "/"
    assert visitor.get("/sign-in", params={"next": onward}).headers["location"] == "/"


def test_onward_is_not_a_way_round_signing_in(visitor: Any, ann: Any) -> None:
    assert enter(visitor, next="/sign-out").headers["location"] == "/"
    assert visitor.get("/sign-in", params={"next": "/courses"}).headers["location"] == "/courses"


def test_signing_in_makes_a_new_token_and_ends_the_old_one(visitor: Any, ann: Any, make: Make) -> None:
    visitor.cookies.set("academy", "a" * 43)  # planted by somebody else
    enter(visitor)
    first = visitor.cookies.get("academy", domain="testserver.local")
    enter(visitor)
    second = visitor.cookies.get("academy", domain="testserver.local")
    assert len({first, second, "a" * 43}) == 3
    rows = make.rows(select(SignIn.ended_at).order_by(SignIn.created_at))
    assert [row.ended_at is None for row in rows] == [False, True]


def test_throttled_by_account(visitor: Any, ann: Any, ledger: Any, monkeypatch: Any) -> None:
    for _ in range(operations.PER_ACCOUNT):
        assert enter(visitor, password="wrong wrong wrong").status_code == 422
    ledger.start()
    refused = enter(visitor)  # even with the right password now
    assert refused.status_code == 429 and "Wait 15 minutes" in refused.text and 'role="alert"' in refused.text
    assert ledger.actions() == []
    later = datetime.now(UTC) + timedelta(minutes=15, seconds=1)
    monkeypatch.setattr(core_tx, "clock", lambda: later)
    assert enter(visitor).status_code == 303


def test_throttled_the_same_for_accounts_that_do_not_exist(visitor: Any) -> None:
    for _ in range(operations.PER_ACCOUNT):
        enter(visitor, "nobody@westmarch.example")
    assert enter(visitor, "nobody@westmarch.example").status_code == 429
    assert enter(visitor, "somebody@westmarch.example").status_code == 422


def test_throttled_by_address(visitor: Any, ann: Any, make: Make, monkeypatch: Any) -> None:
    monkeypatch.setattr(operations, "PER_ADDRESS", 3)
    for n in range(3):
        enter(visitor, f"n{n}@westmarch.example")
    assert enter(visitor).status_code == 429


def test_attempts_name_nobody(visitor: Any, make: Make) -> None:
    enter(visitor, "nobody@westmarch.example")
    keys = [row.key for row in make.rows(select(Attempt.key))]
    assert len(keys) == 2 and all(len(key) == 64 for key in keys)


def test_success_forgets_the_failures(visitor: Any, ann: Any, make: Make) -> None:
    for _ in range(operations.PER_ACCOUNT - 1):
        enter(visitor, password="wrong wrong wrong")
    assert enter(visitor).status_code == 303
    assert (
        make.rows(select(func.count().label("n")).select_from(Attempt).where(Attempt.key == attempts.key("account", ann.email)))[0].n == 0
    )


def test_signing_out(visitor: Any, ann: Any, make: Make, ledger: Any) -> None:
    enter(visitor)
    token = visitor.cookies.get("academy")
    ledger.start()
    reply = visitor.post("/sign-out")
    assert reply.headers["location"] == "/sign-in?said=signed-out" and "Max-Age=0" in reply.headers["set-cookie"]
    assert "You have signed out" in visitor.get("/sign-in?said=signed-out").text
    assert ledger.actions() == ["sign-in.ended"]
    visitor.cookies.set("academy", token)  # a copy of the cookie is worth nothing now
    assert visitor.post("/sign-out/everywhere").headers["location"].startswith("/sign-in")
    assert visitor.post("/sign-out").status_code == 303  # twice does no harm
    assert visitor.get("/sign-out").status_code == 405


def test_signing_out_everywhere(sign_in: Any, ann: Any) -> None:
    here, there = sign_in(ann), sign_in(ann)
    assert here.post("/sign-out/everywhere").status_code == 303
    assert there.post("/sign-out/everywhere").headers["location"].startswith("/sign-in")


# Personas ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def demonstration(app: Any, test_settings: Settings) -> Any:
    app.state.settings = load(**{**test_settings.model_dump(), "demo": True})
    yield
    app.state.settings = test_settings


def test_personas_are_listed_and_one_press_signs_in(visitor: Any, make: Make, demonstration: Any) -> None:
    persona = PERSONAS[0]
    make.person(persona.name, email=persona.email)
    page = unescape(visitor.get("/sign-in").text)
    assert all(persona.name in page and persona.try_this in page for persona in PERSONAS)
    reply = visitor.post("/sign-in", data={"persona": persona.key, "next": "/courses"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/courses")
    missing = visitor.post("/sign-in", data={"persona": PERSONAS[1].key})
    assert missing.status_code == 409 and "Load the demonstration county" in missing.text
    assert visitor.post("/sign-in", data={"persona": "nobody"}).status_code == 409


def test_no_personas_outside_demonstration_mode(visitor: Any, make: Make) -> None:
    persona = PERSONAS[0]
    make.person(persona.name, email=persona.email)
    assert persona.name not in visitor.get("/sign-in").text
    reply = visitor.post("/sign-in", data={"persona": persona.key})
    assert reply.status_code == 422 and "set-cookie" not in reply.headers
