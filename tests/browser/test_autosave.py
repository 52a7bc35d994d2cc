"""A document that saves itself: the connection drops while somebody types, the browser closes, two tabs write. Nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from app.core.tx import SYSTEM, transaction
from app.identity import operations as identity
from app.programmes.operations import contribute
from app.programmes.portfolio_models import Clash, Contribution, Document, Revision
from tests.browser.house import NARROWEST, Server, Window, serving
from tests.county import migrated
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.test_writing import Hands

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@dataclass
class Desk:
    """A server, and a portfolio of its own for each test."""

    server: Server
    there: Enrolled

    @contextmanager
    def context(self, chromium: Browser, who: Any, **options: Any) -> Iterator[BrowserContext]:
        context = chromium.new_context(viewport={"width": 1000, "height": 800}, locale="en-GB", **options)
        context.set_default_timeout(10_000)
        if who is not None:
            with transaction(self.server.database, SYSTEM, writes=True) as tx:
                token = identity.sign_in(tx, who.id, "test browser", self.server.settings)
            context.add_cookies([{"name": "academy", "value": token, "url": self.server.address}])
        yield context
        context.close()

    def open(self, context: BrowserContext, code: str) -> Page:
        page = context.new_page()
        page.goto(f"{self.server.address}/documents/{self.there.documents[code]}")
        return page

    def words(self, code: str, item: str) -> str:
        """What the newest revision says."""
        key = self.there.documents[code]
        with transaction(self.server.database, SYSTEM, writes=False) as tx:
            head = tx.scalar(select(Document.head).where(Document.id == key))
            content = tx.scalar(select(Revision.content).where(Revision.document_id == key, Revision.number == head)) or {}
        return str(content.get(item, ""))

    def rows(self, statement: Any) -> list[Any]:
        with transaction(self.server.database, SYSTEM, writes=False) as tx:
            return list(tx.rows(statement))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("autosave")
    database = migrated(folder / "academy.sqlite3")
    with serving(database, folder) as server:
        yield server
    database.dispose()


@pytest.fixture
def desk(served: Server) -> Desk:
    make = Make(served.database)
    with make.tx(writes=False) as tx:
        make.n = int(tx.scalar(select(Document.id).order_by(Document.id.desc()).limit(1)) or 0) * 10  # names of its own
    nqsw = make.person("Nell Newly", swe_number=None)
    return Desk(served, Programmes(make).enrolment(nqsw=nqsw))


def type_in(page: Page, label: str, words: str) -> None:
    """Type, and go on to the next thing: then it is sent at once."""
    page.get_by_label(label).fill(words)
    page.get_by_label(label).blur()


def saved(page: Page) -> Any:
    return expect(page.locator("[data-saved]"))


def stored(page: Page) -> str:
    return str(page.evaluate("JSON.stringify(localStorage)"))


def test_what_is_typed_without_a_connection_is_kept_and_sent(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as context:
        page = desk.open(context, "CRL1")
        answer = page.get_by_label("What happened?")
        saved(page).to_have_text("Nothing written yet")
        answer.fill("I went to see them")
        saved(page).to_contain_text("Saved ")
        assert desk.words("CRL1", "reflection") == "I went to see them" and stored(page) == "{}"
        context.set_offline(True)
        answer.press_sequentially(" and listened")
        answer.blur()
        saved(page).to_contain_text("no connection. Your words are kept in this browser")
        assert "and listened" in stored(page) and desk.words("CRL1", "reflection") == "I went to see them"
        context.set_offline(False)
        saved(page).to_contain_text("Saved ", timeout=15_000)
        assert desk.words("CRL1", "reflection") == "I went to see them and listened" and stored(page) == "{}"


def test_words_survive_that_the_browser_is_closed(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as context:
        page = desk.open(context, "CRL1")
        type_in(page, "What happened?", "First words")
        saved(page).to_contain_text("Saved ")
        context.set_offline(True)
        page.get_by_label("What happened?").fill("First words, and those that nobody has yet")
        saved(page).to_contain_text("Not saved yet")
        page.close()
        context.set_offline(False)
        page = desk.open(context, "CRL1")
        expect(page.get_by_label("What happened?")).to_have_value("First words, and those that nobody has yet")
        expect(page.get_by_role("status")).to_contain_text("had not been saved. They are back in the document, and saved.")
        assert desk.words("CRL1", "reflection") == "First words, and those that nobody has yet" and stored(page) == "{}"


def test_leaving_the_page_saves_it(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as context:
        page = desk.open(context, "CRL1")
        page.get_by_label("What happened?").fill("Typed and gone within two seconds")
        page.goto(f"{desk.server.address}/help")
        page.wait_for_timeout(500)
        assert desk.words("CRL1", "reflection") == "Typed and gone within two seconds"


def test_two_tabs_on_one_answer_are_shown_both_and_chosen(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as context:
        one, two = desk.open(context, "CRL1"), desk.open(context, "CRL1")
        type_in(one, "What happened?", "The first tab was here")
        saved(one).to_contain_text("Saved ")
        type_in(two, "What happened?", "The second tab was here")
        expect(two.get_by_role("status")).to_contain_text("Two versions of an answer are kept")
        type_in(one, "What happened?", "The first tab was here, and went on")
        saved(one).to_contain_text("Saved ")
        assert desk.words("CRL1", "reflection") == "The first tab was here, and went on"
        assert [row.words for row in desk.rows(select(Clash.words).where(Clash.document_id == desk.there.documents["CRL1"]))] == [
            "The second tab was here"
        ]
        two.get_by_role("link", name="Two versions of an answer are kept. Compare and choose.").click()
        expect(two.locator("ins").first).to_have_text("second")
        two.get_by_label("What is in the box below").check()
        two.get_by_label("Both together").fill("Both tabs were here")
        two.get_by_role("button", name="Save the choice").click()
        expect(two.get_by_text("Your choice is saved.")).to_be_visible()
        assert desk.words("CRL1", "reflection") == "Both tabs were here"


def test_learner_and_assessor_write_at_once_and_it_is_passed_on(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as hers, desk.context(chromium, desk.there.assessor) as his:
        own, agreed = desk.open(hers, "SAA"), desk.open(his, "SAA")
        type_in(own, "What I bring", "Ten years in a nursery")
        type_in(agreed, "What support is agreed?", "Supervision every week")
        saved(own).to_contain_text("Saved ")
        saved(agreed).to_contain_text("Saved ")
        agreed.get_by_label("What support is agreed?").press_sequentially(", and a mentor")
        agreed.get_by_role("button", name="Send to be signed").click()  # within the two seconds
        expect(agreed.get_by_text("Sent to be signed.")).to_be_visible()
        assert desk.words("SAA", "support") == "Supervision every week, and a mentor"
        assert desk.words("SAA", "own") == "Ten years in a nursery"
        type_in(own, "What I bring", "Too late")
        saved(own).to_contain_text("Not saved: It is complete or being signed")
        own.reload()
        expect(own.get_by_text("Words you typed on")).to_be_visible()
        expect(own.get_by_text("Too late")).to_be_visible()
        own.get_by_role("button", name="Discard them").click()
        assert stored(own) == "{}"


def test_signing_out_leaves_no_words_in_the_browser(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw) as context:
        page = desk.open(context, "CRL1")
        page.get_by_label("What happened?").fill("Saved on the way out")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in**")
        assert desk.words("CRL1", "reflection") == "Saved on the way out" and stored(page) == "{}"


def test_without_script_the_form_is_a_form(chromium: Browser, desk: Desk) -> None:
    with desk.context(chromium, desk.there.nqsw, java_script_enabled=False) as context:
        one, two = desk.open(context, "CRL1"), desk.open(context, "CRL1")
        for page, words in ((one, "The first window"), (two, "The second window")):
            page.get_by_label("What happened?").fill(words)
            page.get_by_role("button", name="Save", exact=True).click()
            expect(page.get_by_text("What you wrote is saved.")).to_be_visible()
        expect(two.get_by_role("heading", name="Two versions of an answer")).to_be_visible()
        assert desk.words("CRL1", "reflection") == "The first window"
        two.get_by_role("link", name="Compare and choose").click()
        two.get_by_label("What I wrote").check()
        two.get_by_role("button", name="Save the choice").click()
        two.get_by_role("button", name="Finish this document").click()
        expect(two.get_by_text("This document is complete.")).to_be_visible()
        assert desk.words("CRL1", "reflection") == "The second window"


def test_a_contributor_without_an_account_loses_nothing_either(chromium: Browser, desk: Desk) -> None:
    with Hands(desk.server.database).of(desk.there.nqsw) as tx:
        key = contribute.ask_contributor(tx, desk.there.documents["DO1"], "observer", "Ola Outside", "ola@elsewhere.example")
        row = tx.get(Contribution, key)
        token = identity.mint_link(tx, None, "contribution", row.email, subject_id=key, expires_at=row.expires_at)
    with desk.context(chromium, None) as context:
        page = context.new_page()
        address = f"{desk.server.address}/contributions/{token}"
        page.goto(address)
        context.set_offline(True)
        page.get_by_label("What was seen").fill("Warm, clear and on time")
        page.get_by_label("What was seen").blur()
        saved(page).to_contain_text("no connection")
        page.close()
        context.set_offline(False)
        tab = Window(desk.server, context, context.new_page())
        tab.page.goto(address)
        expect(tab.page.get_by_label("What was seen")).to_have_value("Warm, clear and on time")
        expect(tab.page.get_by_role("status")).to_contain_text("back in the document, and saved")
        assert (tab.barriers(), tab.overflow(NARROWEST), tab.take_complaints()) == ([], [], [])
        tab.page.get_by_role("button", name="Give it").click()
        expect(tab.page.get_by_role("heading", name="Thank you: your part is given")).to_be_visible()
        assert desk.words("DO1", "seen") == "Warm, clear and on time" and stored(tab.page) == "{}"
