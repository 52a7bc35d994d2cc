"""On a phone: a reflection with a photographed certificate in well under a minute, though the connection goes away once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import select

from app.core.tx import SYSTEM, transaction
from app.identity import operations as identity
from app.learning.models import LearningRecord
from app.learning.record_models import RecordDraft, RecordFile, Reflection
from tests.browser.house import NARROWEST, PHONE, Server, Window, serving
from tests.county import migrated
from tests.factory import Make

pytestmark = [pytest.mark.browser, pytest.mark.thorough]
PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
CERTIFICATE: Any = {"name": "certificate.png", "mimeType": "image/png", "buffer": PHOTO}
MINUTE = 60  # seconds


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("records")
    database = migrated(folder / "academy.sqlite3")
    with serving(database, folder, files_dir=str(folder / "files")) as server:
        yield server
    database.dispose()


@contextmanager
def phone(chromium: Browser, server: Server, who: Any, width: int = PHONE, **options: Any) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": width, "height": 740}, locale="en-GB", has_touch=True, **options)
    context.set_default_timeout(10_000)
    with transaction(server.database, SYSTEM, writes=True) as tx:
        token = identity.sign_in(tx, who.id, "test phone", server.settings)
    context.add_cookies([{"name": "academy", "value": token, "url": server.address}])
    yield context
    context.close()


def rows(server: Server, statement: Any) -> list[Any]:
    with transaction(server.database, SYSTEM, writes=False) as tx:
        return list(tx.rows(statement))


def test_a_reflection_with_a_photo_though_the_connection_is_lost(chromium: Browser, served: Server) -> None:
    ann = Make(served.database).person("Ann Field")
    with phone(chromium, served, ann) as context:
        tab = Window(served, context, context.new_page())
        page = tab.page
        began = time.monotonic()
        page.goto(f"{served.address}/my-learning")
        page.get_by_role("button", name="Add to your learning").click()
        page.get_by_label("What did you do?").select_option(label="Co-working")
        page.get_by_label("Hours").fill("2")
        page.get_by_text("Add a reflection, a file or who may see it").click()
        page.get_by_label("What I learnt").fill("To ask what worries them before I say what worries me.")
        page.get_by_label("A file that shows it").set_input_files([CERTIFICATE])
        context.set_offline(True)
        page.get_by_role("button", name="Add it").click()
        state = page.locator("[data-saved]")
        expect(state).to_contain_text("No connection. Your words are kept in this browser")
        assert rows(served, select(LearningRecord.id)) == []
        assert (tab.barriers(), tab.overflow(NARROWEST)) == ([], [])
        context.set_offline(False)
        page.wait_for_url("**/learning-records/*?said=added", timeout=20_000)  # by itself
        assert time.monotonic() - began < MINUTE
        expect(page.get_by_role("heading", name="Co-working")).to_be_visible()
        expect(page.get_by_role("link", name="certificate.png")).to_be_visible()
        expect(page.get_by_text("To ask what worries them")).to_be_visible()
        assert (tab.barriers(), tab.overflow(NARROWEST)) == ([], [])
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"
    (record,) = rows(served, select(LearningRecord.__table__).where(LearningRecord.person_id == ann.id))
    assert (record.minutes, record.superseded_at) == (120, None)
    assert [row.name for row in rows(served, select(RecordFile.name))] == ["certificate.png"]
    assert rows(served, select(RecordDraft.draft_key)) == []


def test_words_survive_a_closed_browser_and_what_is_wrong_leaves_the_photo_chosen(chromium: Browser, served: Server) -> None:
    ben = Make(served.database).person("Ben Field", employee_number="E-BEN", email="ben.field@westmarch.example")
    with phone(chromium, served, ben, NARROWEST) as context:
        page = context.new_page()
        page.goto(f"{served.address}/my-learning/records/new")
        context.set_offline(True)
        page.get_by_label("In a few words").fill("On the train home")
        page.get_by_text("Add a reflection, a file or who may see it").click()
        page.get_by_label("What I learnt").fill("Nobody has these words yet")
        expect(page.locator("[data-saved]")).to_contain_text("No connection", timeout=15_000)
        page.close()
        context.set_offline(False)
        page = context.new_page()
        page.goto(f"{served.address}/my-learning/records/new")
        expect(page.get_by_label("What I learnt")).to_have_value("Nobody has these words yet")
        expect(page.locator("[data-saved]")).to_contain_text("Draft saved at")
        assert [row.words["title"] for row in rows(served, select(RecordDraft.words))] == ["On the train home"]
        photo: Any = {"name": "photo.png", "mimeType": "image/png", "buffer": PHOTO}
        page.get_by_label("A file that shows it").set_input_files([photo])
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose what sort of learning it was")
        page.get_by_label("What did you do?").select_option(label="Reading or research")
        page.get_by_label("Minutes").fill("20")
        page.get_by_role("button", name="Add it").click()
        page.wait_for_url("**/learning-records/*?said=added")
        expect(page.get_by_role("link", name="photo.png")).to_be_visible()
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"
    said = [row.learnt for row in rows(served, select(Reflection.learnt))]
    assert said.count("Nobody has these words yet") == 1


def test_without_script_it_is_a_form(chromium: Browser, served: Server) -> None:
    cai = Make(served.database).person("Cai Field", employee_number="E-CAI", email="cai.field@westmarch.example")
    with phone(chromium, served, cai, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served.address}/my-learning/records/new")
        page.get_by_label("What did you do?").select_option(label="Briefing")
        page.get_by_role("button", name="Keep as a draft").click()
        expect(page.get_by_text("Your draft is kept. Only you can see it.")).to_be_visible()
        page.get_by_role("link", name="Something without a title").click()
        page.get_by_label("Minutes").fill("30")
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_text("It is in your learning record.")).to_be_visible()
