"""A person signs on by a real identity provider in a real browser, and out again at both places; the content policy stands in no way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.config import load
from app.core.db import connect
from app.identity import external
from tests.browser.house import Server, Window, serving
from tests.factory import Make
from tests.identity.sso.providers import SECRET, TENANT, RealProvider, real_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    with real_provider() as found:
        yield found


@pytest.fixture(scope="module")
def signing(provider: RealProvider, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with single sign-on, and Ann, whom the provider knows."""
    folder = tmp_path_factory.mktemp("signing")
    shutil.copy(sqlite_template, folder / "academy.sqlite3")
    database = connect(f"sqlite:///{folder}/academy.sqlite3", pool=2)
    oidc = dict(issuer=provider.issuer, client_id="academy", client_secret=SECRET, tenant=TENANT)
    given = {f"oidc_{name}": value for name, value in oidc.items()}
    make = Make(database)
    ann = make.person("Ann Field", roles=("administrator",))
    with make.tx() as tx:
        external.link(tx, load(**given), ann.id, provider.account("ann", name="Ann Field"), "administrator")
    with serving(database, folder, demo="0", **given) as server:
        provider.tell(
            "client",
            redirect_uris=[f"{server.address}/auth/callback"],
            post_logout_redirect_uris=[f"{server.address}/sign-in"],
            backchannel_logout_uri=f"{server.address}/oauth/back-channel-logout",
        )
        yield server
    database.dispose()


def sign_on(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/sign-in?next=/my-details")
    page.get_by_role("button", name="Sign in with your council account").click()
    page.get_by_placeholder("Enter any login").fill("ann")
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    expect(page.get_by_role("heading", name="My details", level=1)).to_be_visible()


@pytest.mark.thorough
def test_in_and_out(chromium: Browser, signing: Server, provider: RealProvider) -> None:
    context = chromium.new_context()
    page = context.new_page()
    window = Window(signing, context, page)
    window.open("/sign-in")
    assert window.barriers() == [] and window.overflow() == []
    sign_on(page, signing)
    expect(page.get_by_text("with my council account")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    assert page.url.startswith(f"{signing.address}/sign-in")
    page.goto(f"{signing.address}/my-details")
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()

    sign_on(page, signing)  # and asked for the password again, so it was signed out at the provider too
    page.goto(f"{provider.issuer}/session/end")  # signing out at the provider alone: it tells the service behind the browser's back
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_load_state()
    page.goto(f"{signing.address}/my-details")
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    assert [said for said in window.complaints if signing.address in said or "console" in said] == []
    context.close()
