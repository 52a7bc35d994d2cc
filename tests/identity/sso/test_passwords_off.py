"""Where passwords are switched off: nothing that was done with one works, except for accounts that are kept for an emergency."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.config import ROOT
from app.core.errors import Conflict, NotFound
from app.core.ledger import Outbox
from app.identity import break_glass, operations
from app.identity.models import Account, SignIn
from tests.factory import Make
from tests.identity.sso.providers import RealProvider

PASSWORD = "three random words"
EMERGENCY = "/sign-in/emergency"


@pytest.fixture
def off(enter: Any) -> TestClient:
    """A browser at the service with passwords off."""
    browser: TestClient = enter(local_passwords=False).here
    return browser


def emergency(make: Make, name: str, *, password: bool = True) -> Any:
    person = make.person(name)
    if password:
        make.password(person.id, PASSWORD)
    with make.tx() as tx:
        break_glass.mark(tx, person.email, True)
    return person


def signs_in(browser: TestClient, person: Any, **more: str) -> int:
    return browser.post("/sign-in", data={"email": person.email, "password": PASSWORD, **more}).status_code


def test_nobody_signs_in_with_a_password(off: TestClient, make: Make) -> None:
    ann = make.person("Ann Field")
    make.password(ann.id, PASSWORD)
    page = off.get("/sign-in").text
    assert "Sign in with your council account" in page and "/auth/sign-in" in page and "Password" not in page
    assert signs_in(off, ann) == 422
    assert signs_in(off, ann, emergency="1") == 422, "the emergency page is no way round it"
    assert "Passwords are not used here" in off.get("/password/forgotten").text
    assert off.post("/password/forgotten", data={"email": ann.email}).status_code == 409
    assert off.post("/password/forgotten", data={"email": ann.email, "emergency": "1"}).status_code == 303, "and tells nobody who has one"
    with make.tx(writes=False) as tx:
        assert tx.scalar(select(Outbox.id)) is None


def test_links_set_no_password_and_lead_to_signing_on(off: TestClient, make: Make) -> None:
    ann = make.person("Ann Field")
    with make.tx() as tx:
        invitation, reset = (operations.mint_link(tx, ann.id, purpose) for purpose in ("invitation", "reset"))
    page = off.get(f"/password/set/{invitation}").text
    assert f"/password/set/{invitation}/sign-on" in page and "<form method" not in page.partition("<main")[2]
    assert "Passwords are not used here" in off.get(f"/password/set/{reset}").text
    form = {"password": "quite another word", "again": "quite another word"}
    for token in (invitation, reset):
        assert off.post(f"/password/set/{token}", data=form).status_code == 409
    assert make.rows(select(Account.password_hash))[0].password_hash is None


def test_whoever_was_in_by_password_is_out_and_by_the_provider_stays(enter: Any, make: Make, real: RealProvider, link: Any) -> None:
    ann, max_, inside, by_password, rescuer = make.person("Ann"), emergency(make, "Max Key"), enter(), enter().here, enter().here
    make.password(ann.id, PASSWORD)
    link(inside.here.app.state.settings, ann, real.account("ann"))
    assert inside.sign_on("ann").status_code == 303
    assert signs_in(by_password, ann) == signs_in(rescuer, max_) == 303
    browsers = (inside.here, by_password, rescuer)
    assert [browser.get("/my-details").status_code for browser in browsers] == [200, 200, 200]
    enter(local_passwords=False)
    assert [browser.get("/my-details").status_code for browser in browsers] == [200, 303, 200]
    assert inside.here.get("/my-details/password").status_code == 409
    assert "/my-details/password" not in inside.here.get("/my-details").text
    form = {"current": PASSWORD, "password": "quite another word", "again": "quite another word"}
    assert inside.here.post("/my-details/password", data=form).status_code == 409
    assert inside.here.post("/my-details/council-account", data={"current": PASSWORD}).status_code == 422


def test_an_emergency_account_works_and_every_use_is_told(off: TestClient, make: Make, ledger: Any) -> None:
    ada = make.person("Ada", roles=("administrator",))
    make.person("Ida", roles=("administrator",), scope=make.unit("Fostering"))
    max_ = emergency(make, "Max Key")
    ledger.start()
    page = off.get(EMERGENCY).text
    assert "Emergency sign-in" in page and 'name="password"' in page
    wrong = off.post("/sign-in", data={"email": max_.email, "password": "wrong", "emergency": "1"})
    assert wrong.status_code == 422 and 'name="password"' in wrong.text, "the form is shown again"
    assert signs_in(off, max_, emergency="1") == 303
    assert off.get("/my-details").status_code == 200 and "/my-details/password" in off.get("/my-details").text
    assert ledger.actions() == ["sign-in.failed", "sign-in.made", "sign-in.break-glass"]
    told = make.rows(select(Outbox.kind, Outbox.person_id))
    assert [(row.kind, row.person_id) for row in told] == [("email.break_glass_used", ada.id)], "administrators of the whole"
    assert make.rows(select(SignIn.via))[0].via == "password"


def test_an_emergency_account_gets_its_first_password_by_a_link(off: TestClient, make: Make) -> None:
    max_ = emergency(make, "Max Key", password=False)
    assert "Send me a link" in off.get("/password/forgotten?emergency=1").text
    assert off.post("/password/forgotten", data={"email": max_.email, "emergency": "1"}).status_code == 303
    assert [row.kind for row in make.rows(select(Outbox.kind))] == ["email.password_reset"]
    with make.tx() as tx:
        token = operations.mint_link(tx, max_.id, "reset")
    assert off.post(f"/password/set/{token}", data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert signs_in(off, max_, emergency="1") == 303


def test_the_administrators_page_shows_them(off: TestClient, make: Make) -> None:
    max_ = emergency(make, "Max Key")
    ada = make.person("Ada", roles=("administrator",))
    make.password(ada.id, PASSWORD)
    with make.tx() as tx:
        break_glass.mark(tx, ada.email, True)
    assert signs_in(off, ada) == 303
    page = off.get("/access/single-sign-on").text
    assert "Max Key" in page and "Password last used" in page and "except the accounts for an emergency" in page
    assert "For an emergency" in off.get(f"/access/people/{max_.id}").text


def test_marking_says_what_it_did(make: Make, ledger: Any) -> None:
    ann = make.person("Ann Field", account=False)
    ledger.start()
    with make.tx() as tx:
        assert "has no password yet" in break_glass.command(tx, f" {ann.email.upper()} ", False, "https://academy.westmarch.example")
    with make.tx() as tx, pytest.raises(Conflict):
        break_glass.mark(tx, ann.email, True)
    with make.tx() as tx, pytest.raises(NotFound):
        break_glass.mark(tx, "nobody@westmarch.example", True)
    with make.tx() as tx:
        assert "ordinary one again" in break_glass.command(tx, ann.email, True, "https://academy.westmarch.example")
    assert ledger.actions() == ["account.break-glass-set", "account.break-glass-ended"]


@pytest.mark.thorough
def test_the_command_line(make: Make) -> None:
    if not make.database.sqlite:
        return  # the command is the same on both
    ann = make.person("Ann Field")
    environment = {**os.environ, "ACADEMY_DATABASE_URL": make.database.url}

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "app", "account", "break-glass", *words], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    code, said = run(ann.email)
    assert code == 0 and "/sign-in/emergency" in said
    assert run("nobody@westmarch.example") == (2, "Nobody here has that e-mail address.\n")
    assert make.rows(select(Account.break_glass))[0].break_glass
