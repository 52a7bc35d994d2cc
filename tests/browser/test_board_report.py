"""The board's report in a browser: written and signed off without script, read on a phone and on paper, its files the same to the byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from app.core.tx import SYSTEM, transaction
from app.identity import operations as identity
from tests.browser.house import DESKTOP, NARROWEST, Server, Window, serving
from tests.county import migrated
from tests.factory import Make
from tests.reports.world import World

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, World]]:
    folder: Path = tmp_path_factory.mktemp("reports")
    database = migrated(folder / "academy.sqlite3")
    world = World.of(Make(database), closed=3)
    with serving(database, folder) as server:
        yield server, world
    database.dispose()


@contextmanager
def as_(chromium: Browser, server: Server, who: Any, **options: Any) -> Iterator[Window]:
    context = chromium.new_context(locale="en-GB", accept_downloads=True, **options)
    context.set_default_timeout(15_000)
    with transaction(server.database, SYSTEM, writes=True) as tx:
        token = identity.sign_in(tx, who.id, "test browser", server.settings)
    context.add_cookies([{"name": "academy", "value": token, "url": server.address}])
    yield Window(server, context, context.new_page())
    context.close()


def test_from_a_draft_to_what_the_board_reads(chromium: Browser, served: tuple[Server, World]) -> None:
    server, world = served
    with as_(chromium, server, world.psw, java_script_enabled=False) as tab:
        page = tab.page
        tab.open("/board-reports")
        page.get_by_role("button", name="Begin a draft").click()
        page.get_by_role("link", name="Write the commentary what changed, and why").click()
        page.get_by_label("Commentary").fill("Two people joined.\nBoth were planned.")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="Add what people said and what was done").click()
        page.get_by_label("What people said").fill("Too many forms")
        page.get_by_label("What was done").fill("Two fewer")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Check and sign off").click()
        expect(page.get_by_role("heading", name="Who is told")).to_be_visible()
        expect(page.get_by_text("Ruth Calloway")).to_be_visible()
        page.get_by_role("button", name="Sign off the report").click()
        expect(page.get_by_text("The report is signed off and stays as it is.")).to_be_visible()
    with as_(chromium, server, world.board) as tab:
        page = tab.page
        for width in (DESKTOP, NARROWEST):
            tab.open("/board-reports", width=width)
            page.get_by_role("link", name="Workforce report").first.click()
            expect(page.get_by_text("Both were planned.")).to_be_visible()
            expect(page.get_by_role("img", name="Headcount: ")).to_be_visible()  # the chart says what it shows, and its table is there
            expect(page.get_by_role("table", name="Headcount, month by month")).to_be_attached()
            assert tab.barriers() == [] and tab.complaints == []
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        page.emulate_media(media="print")
        expect(page.get_by_role("heading", name="Workforce report")).to_be_visible()
        expect(page.get_by_role("link", name="Download the PDF")).to_be_hidden()
        page.emulate_media(media="screen")
        shown = page.locator("main").inner_text()
        for name, kind in (("PDF", "pdf"), ("Excel workbook", "xlsx"), ("JSON", "json")):
            with page.expect_download() as coming:
                page.get_by_role("link", name=name, exact=True).click()
            made = Path(coming.value.path()).read_bytes()
            assert coming.value.suggested_filename.endswith(f".{kind}") and hashlib.sha256(made).hexdigest() in shown.replace("\n", "")
