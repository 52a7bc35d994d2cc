"""From the pool's page to the workbook, opened and checked cell by cell; and the person on it sees their place and who has looked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.core.tx import SYSTEM, transaction
from app.identity import operations as identity
from app.talent import exporting
from app.talent.models import TalentRead
from tests.browser.house import Server, serving
from tests.county import migrated
from tests.factory import Make
from tests.talent.pools import Scene, scene

pytestmark = [pytest.mark.browser, pytest.mark.thorough]
PURPOSE = "Succession planning meeting, 8 December"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Scene]]:
    folder: Path = tmp_path_factory.mktemp("talent")
    database = migrated(folder / "academy.sqlite3")
    with serving(database, folder, files_dir=str(folder / "files")) as server:
        yield server, scene(Make(database))
    database.dispose()


@contextmanager
def signed_in(chromium: Browser, server: Server, who: Any) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", java_script_enabled=False, accept_downloads=True
    )
    context.set_default_timeout(10_000)
    with transaction(server.database, SYSTEM, writes=True) as tx:
        token = identity.sign_in(tx, who.id, "test browser", server.settings)
    context.add_cookies([{"name": "academy", "value": token, "url": server.address}])
    yield context.new_page()
    context.close()


def test_from_the_pool_to_the_workbook_and_who_has_looked(chromium: Browser, served: tuple[Server, Scene], tmp_path: Path) -> None:
    server, there = served
    there.judged(there.listed(there.ann))
    there.listed(there.bob)
    with signed_in(chromium, server, there.psw) as page:
        page.goto(f"{server.address}/talent")
        expect(page.get_by_role("heading", level=1)).to_have_text("Talent")
        page.get_by_role("link", name="Experienced social worker").first.click()
        shown = page.get_by_role("row").filter(has_text="Ann Holt")
        expect(shown).to_contain_text("Ready now")
        page.get_by_role("button", name="Take this list away").or_(page.get_by_text("Take this list away")).first.click()
        expect(page.get_by_text("2 people will leave in a file.")).to_be_visible()
        page.get_by_role("button", name="Take the file").click()
        expect(page.get_by_role("alert")).to_contain_text("what the file is for")
        page.get_by_label("What it is for").fill(PURPOSE)
        page.get_by_label("Excel workbook").check()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Take the file").click()
        taken = tmp_path / coming.value.suggested_filename
        coming.value.save_as(taken)
    _check(taken, server, there)
    with signed_in(chromium, server, there.ann) as page:
        page.goto(f"{server.address}/my-pathway")
        page.get_by_role("link", name="Talent pools").click()
        page.get_by_role("link", name="Experienced social worker").first.click()
        looked = page.get_by_role("table", name="Who looked at your place")
        expect(looked).to_contain_text(PURPOSE)
        expect(looked).to_contain_text("Helen Psw")
        expect(looked).to_contain_text("Took a file (XLSX)")
        page.get_by_role("button", name="Take my agreement back").click()
        expect(page.get_by_role("alert")).to_contain_text("You are not listed")
    with signed_in(chromium, server, there.psw) as page:
        page.goto(f"{server.address}/talent/pools/{there.pool}")
        expect(page.get_by_role("row").filter(has_text="Ann Holt")).to_have_count(0)


def _check(taken: Path, server: Server, there: Scene) -> None:
    """Every cell of the workbook is what the pages showed, and the log has its fingerprint."""
    book = openpyxl.load_workbook(taken)
    today = _today(server)
    rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    judged = ("Growing leader", "Ready now", "No", today)
    about = ("Social worker", "Team one", None, "Social worker", today, today, "Not yet there", 0, 4, None)
    assert rows[0] == list(exporting.HEADS)
    assert [[_day(cell) for cell in row] for row in rows[1:]] == [
        ["Bob Bell", there.bob.employee_number, *about, None, None, None, None],
        ["Ann Holt", there.ann.employee_number, *about, *judged],
    ]
    told = {row[0].value: row[1].value for row in book.worksheets[1].iter_rows()}
    assert told["Purpose"] == PURPOSE and told["As at"] == today.isoformat() and told["Filters"] == "None"
    with transaction(server.database, SYSTEM, writes=False) as tx:
        kept = tx.scalar(select(TalentRead.digest).where(TalentRead.kind == "export"))
    assert kept == hashlib.sha256(taken.read_bytes()).hexdigest()


def _today(server: Server) -> date:
    with transaction(server.database, SYSTEM, writes=False) as tx:
        return tx.today


def _day(cell: Any) -> Any:
    return cell.date() if hasattr(cell, "date") else cell
