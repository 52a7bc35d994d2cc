"""A portfolio from the first words to the panel's decision, in a real browser, with axe on every page that somebody meets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.tx import SYSTEM, Actor, clock, transaction
from app.identity import operations as identity
from app.programmes.models import Enrolment
from app.programmes.operations import judging, panels
from app.programmes.operations.panels import Members
from app.programmes.portfolio_models import Document
from tests.browser.house import Server, Window, serving, window
from tests.county import migrated
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.test_panels import YES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("story")
    database = migrated(folder / "academy.sqlite3")
    with serving(database, folder) as server:
        yield server
    database.dispose()


@dataclass
class Walk:
    """One window through which one after the other looks."""

    tab: Window
    met: dict[str, list[str]] = field(default_factory=dict)  # by page and state: what axe found

    @property
    def page(self) -> Page:
        return self.tab.page

    def enter(self, who: Any, address: str) -> None:
        server = self.tab.server
        with transaction(server.database, SYSTEM, writes=True) as tx:
            token = identity.sign_in(tx, who.id, "test browser", server.settings)
        self.tab.context.clear_cookies()
        self.tab.context.add_cookies([{"name": "academy", "value": token, "url": server.address}])
        self.tab.open(address)
        self.look(address)

    def look(self, where: str) -> None:
        """Axe, on a page that it has not seen in this state."""
        expect(self.page.locator("h1")).to_be_visible()
        state = self.page.locator("main .govuk-tag").first
        stands = f"{self.page.title()}, {state.inner_text() if state.count() else ''}"
        if stands not in self.met:
            self.met[stands] = [f"{where}: {one}" for one in self.tab.barriers()]

    def press(self, words: str) -> None:
        """Press it, or follow it, and look at where it leads."""
        pressed = self.page.locator("a, button").filter(visible=True, has_text=words).first
        with self.page.expect_navigation(wait_until="load"):
            pressed.click()
        self.look(words)


def arranged(make: Make) -> tuple[Enrolled, dict[str, Any], int]:
    """A portfolio in which only the agreement is left to write, and a panel that sits today."""
    programmes = Programmes(make)
    there = programmes.enrolment()
    programmes.finished(there)
    with make.tx() as tx:
        tx.update(Document, there.documents["SAA"], state="draft", frozen=None)
    cast = {name: make.person(f"{name.title()} Panel", roles=("panel member",)) for name in ("chair", "first", "second")}
    cast["coordinator"] = make.person("Coco Ordinator", roles=("coordinator",))
    at = clock() - timedelta(days=3)
    people = tuple(cast[name].id for name in ("chair", "first", "second"))
    with transaction(make.database, acting(cast["coordinator"], "coordinator"), writes=True, now=at) as tx:
        sitting = panels.create_sitting(tx, "Winter panel", at + timedelta(days=3), "Room 4", Members(people, people[0]))
    return there, cast, sitting


def acting(person: Any, role: str) -> Actor:
    return Actor("person", person.id, person.name, (("practitioner", None), (role, None)))


def test_from_the_first_words_to_the_decision(served: Server, chromium: Browser) -> None:
    make = Make(served.database)
    there, cast, sitting = arranged(make)
    agreement = f"/documents/{there.documents['SAA']}"
    with window(chromium, served) as tab:
        walk = Walk(tab)
        page = walk.page
        walk.enter(there.nqsw, "/my-programme")
        walk.press("Support and assessment agreement")
        page.get_by_label("What I bring").fill("Patience.")
        walk.press("Send to the assessor")

        walk.enter(there.assessor, f"/portfolios/{there.id}")
        walk.press("Support and assessment agreement")
        page.get_by_text("Give it back or comment").click()
        page.get_by_label("Comment on").select_option(label="What I bring")
        page.get_by_label("Your comment").fill("Say where it shows.")
        walk.press("Add the comment")
        page.get_by_text("Give it back or comment").click()
        page.get_by_label("Give it back to the").select_option(label="newly qualified social worker")
        page.get_by_label("What is to be changed").fill("One example, please.")
        with page.expect_navigation(wait_until="load"):
            page.get_by_role("button", name="Give it back", exact=True).click()

        walk.enter(there.nqsw, agreement)
        expect(page.get_by_text("Say where it shows.")).to_be_visible()
        page.get_by_label("What I bring").fill("Patience: I wait for the answer.")
        walk.press("Send to the assessor")
        walk.enter(there.assessor, agreement)
        page.get_by_label("What support is agreed?").fill("Weekly supervision of 90 minutes.")
        walk.press("Send to be signed")
        for who in (there.nqsw, there.assessor, there.line_manager):
            walk.enter(who, agreement)
            walk.press("Read and sign")
            expect(page.get_by_text("Patience: I wait for the answer.")).to_be_visible()
            page.get_by_label("I agree").check()
            with page.expect_navigation(wait_until="load"):
                page.get_by_role("button", name="Sign", exact=True).click()
            expect(page.get_by_text("You have signed.")).to_be_visible()
        walk.look("signatures")

        with transaction(served.database, acting(cast["coordinator"], "coordinator"), writes=True) as tx:
            case = panels.list_case(tx, sitting, there.id, [cast["first"].id, cast["second"].id])
        with transaction(served.database, acting(cast["second"], "panel member"), writes=True) as tx:
            judging.judge(tx, case, YES)
        walk.enter(cast["first"], "/panels")
        walk.enter(cast["first"], f"/panels/cases/{case}")
        walk.press("I looked: nobody can be recognised")
        for group in page.get_by_role("radiogroup").all() or page.locator("fieldset").all():
            group.get_by_label("Yes", exact=True).check()
        walk.press("Save my judgement")
        walk.enter(cast["chair"], f"/panels/cases/{case}")
        walk.press("Record the panel’s decision")
        page.get_by_role("radio", name=re.compile("^Confirm: ")).check()
        page.get_by_label("Reasons").fill("All five criteria are met.")
        walk.press("Sign and save the decision")
        expect(page.get_by_text("Confirmed: pass").first).to_be_visible()
        walk.enter(there.nqsw, "/my-programme")
        expect(page.get_by_text("Outcome: pass.")).to_be_visible()
        walk.press("Signatures and export")
        assert make.row(Enrolment, there.id).outcome == "pass"
        assert {where: found for where, found in walk.met.items() if found} == {}
        assert tab.take_complaints() == []
