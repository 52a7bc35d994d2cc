from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

from tests.browser.house import Server, launch, serving
from tests.county import Filled, Template, seeded


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for a test process. Without any, these tests are left out, and say so."""
    expect.set_options(timeout=15_000)  # a busy machine draws slowly, and is not wrong
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error as wrong:
            if os.environ.get("ACADEMY_REQUIRE_BROWSER") == "1":
                raise
            pytest.skip(f"no browser here, so pages were not opened in one: {wrong.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(templates: Callable[[str, Filled], Template], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a copy of the demonstration county, for all of a file's tests."""
    with templates("sqlite", seeded).copy() as database, serving(database, tmp_path_factory.mktemp("server")) as found:
        yield found
