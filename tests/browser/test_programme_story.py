"""Three whole stories in a real browser, with axe on every page that somebody meets: from the first words to a pass; a pause, another
assessor and an extension; a panel that returns, then does not confirm. Over HTTP, by a clock: `tests/programmes/test_stories.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from app.core.tx import SYSTEM, Actor, clock, transaction
from app.identity import operations as identity
from app.programmes.models import Change, Enrolment
from app.programmes.operations import judging, panels
from app.programmes.operations.panels import Members
from app.programmes.portfolio_models import Document
from tests.browser.house import Server, Window, serving, window
from tests.county import migrated
from tests.factory import Make
from tests.programmes.asye import asye
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.test_panels import YES

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("story")
    database = migrated(folder / "academy.sqlite3")
    with serving(database, folder) as server:
        yield server
    database.dispose()


@pytest.fixture(scope="module")
def make(served: Server) -> Make:
    """One for all stories, so that nobody gets another's number."""
    return Make(served.database)


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

    def choose(self, *labels: str) -> None:
        """Tick or choose each of these."""
        for label in labels:
            self.page.get_by_label(label, exact=True).first.check()

    def day(self, legend: str, day: date) -> None:
        """Fill in a date."""
        group = self.page.get_by_role("group", name=legend)
        for label, number in (("Day", day.day), ("Month", day.month), ("Year", day.year)):
            group.get_by_label(label, exact=True).fill(str(number))

    def clean(self) -> None:
        """Nothing was in anybody's way on any page, and no script complained."""
        assert {where: found for where, found in self.met.items() if found} == {}
        assert self.tab.take_complaints() == []

    def press(self, words: str) -> None:
        """Press it, or follow it, and look at where it leads."""
        pressed = self.page.locator("a, button").filter(visible=True, has_text=words).first
        with self.page.expect_navigation(wait_until="load"):
            pressed.click()
        self.look(words)


def arranged(make: Make, *to_write: str, **more: Any) -> tuple[Enrolled, dict[str, Any], int]:
    """A portfolio in which only these documents are left to write, and a panel that sits today."""
    programmes = Programmes(make)
    there = programmes.enrolment(**more)
    programmes.finished(there)
    with make.tx() as tx:
        for code in to_write:
            tx.update(Document, there.documents[code], state="draft", frozen=None)
    cast = {name: make.person(f"{name.title()} Panel", roles=("panel member",)) for name in ("chair", "first", "second")}
    cast["coordinator"] = make.person("Coco Ordinator", roles=("coordinator",))
    return there, cast, sits(make, cast, "Winter panel")


def sits(make: Make, cast: dict[str, Any], title: str) -> int:
    """A sitting of this cast's panel, arranged three days ago for today."""
    at = clock() - timedelta(days=3)
    people = tuple(cast[name].id for name in ("chair", "first", "second"))
    with transaction(make.database, acting(cast["coordinator"], "coordinator"), writes=True, now=at) as tx:
        return panels.create_sitting(tx, title, at + timedelta(days=3), "Room 4", Members(people, people[0]))


def acting(person: Any, role: str) -> Actor:
    return Actor("person", person.id, person.name, (("practitioner", None), (role, None)))


def signed_by_all(walk: Walk, there: Enrolled, address: str, words: str) -> None:
    """Learner, assessor and line manager read these words and sign."""
    for who in (there.nqsw, there.assessor, there.line_manager):
        walk.enter(who, address)
        walk.press("Read and sign")
        expect(walk.page.get_by_text(words).first).to_be_visible()
        walk.choose("I agree")
        with walk.page.expect_navigation(wait_until="load"):
            walk.page.get_by_role("button", name="Sign", exact=True).click()
        expect(walk.page.get_by_text("You have signed.")).to_be_visible()


def listed(make: Make, cast: dict[str, Any], sitting: int, there: Enrolled, *judged: str) -> int:
    """The case before a sitting, with what these readers judged already."""
    with transaction(make.database, acting(cast["coordinator"], "coordinator"), writes=True) as tx:
        case = panels.list_case(tx, sitting, there.id, [cast["first"].id, cast["second"].id])
    if len(judged) == 2:  # else somebody checks it on the page
        with transaction(make.database, acting(cast["first"], "panel member"), writes=True) as tx:
            panels.check_anonymised(tx, case)
    for name in judged:
        with transaction(make.database, acting(cast[name], "panel member"), writes=True) as tx:
            judging.judge(tx, case, YES)
    return case


def test_from_the_first_words_to_the_decision(served: Server, make: Make, chromium: Browser) -> None:
    there, cast, sitting = arranged(make, "SAA")
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
        signed_by_all(walk, there, agreement, "Patience: I wait for the answer.")
        walk.look("signatures")

        case = listed(make, cast, sitting, there, "second")
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
        walk.clean()


def agreed(walk: Walk, address: str, *people: Any) -> None:
    """Each of them finds the change where it waits and agrees."""
    for who in people:
        walk.enter(who, address)
        walk.press("Read and answer")
        walk.choose("I agree")
        walk.press("Give your answer")


def test_a_pause_another_assessor_and_an_extension(served: Server, make: Make, chromium: Browser) -> None:
    programmes = Programmes(make)
    cohort = programmes.cohort(asye(make), "Cohort of changes")
    who: dict[str, Any] = dict(nqsw=make.person("Pia Paused", swe_number="SW900311"), assessor=make.person("Asa Before"))
    there = programmes.enrolment(**who, line_manager=make.person("Lin Manager"), cohort=cohort)
    programmes.finished(there)
    newcomer = make.person("Neo Newcomer", swe_number="SW900312", registration_status="registered")
    coordinator = make.person("Cleo Ordinator", roles=("coordinator",))
    address, today = f"/enrolments/{there.id}", clock().date()
    with window(chromium, served) as tab:
        walk = Walk(tab)
        page = walk.page
        walk.enter(there.nqsw, address)
        walk.press("Propose a change")
        walk.choose("Pause")
        walk.press("Continue")
        walk.choose("Bereavement")
        walk.day("First day of the pause", today - timedelta(days=7))
        page.get_by_label("In words").fill("My mother died.")
        walk.press("Propose it")
        agreed(walk, address, there.line_manager, there.assessor)
        walk.enter(there.nqsw, address)
        expect(page.get_by_text("Waits for: ").first).to_be_visible()
        expect(page.get_by_role("columnheader", name="Plan 2")).to_have_count(0)  # three of four agree: nothing moves yet
        agreed(walk, address, coordinator)
        walk.enter(coordinator, address)
        expect(page.get_by_text("The clock stands still.")).to_be_visible()
        walk.press("Say when they come back")
        walk.day("First day back", today)
        walk.press("End the pause")
        expect(page.get_by_role("columnheader", name="Plan 3, in force")).to_be_visible()
        expect(page.get_by_text("moved").first).to_be_visible()

        walk.press("Propose a change")
        walk.choose("Change of assessor")
        walk.press("Continue")
        page.get_by_label("Who takes over").fill(newcomer.email)
        walk.day("From", today)
        walk.press("Propose it")
        agreed(walk, address, there.nqsw, there.assessor)
        walk.enter(newcomer, f"/changes/{make.rows(select(func.max(Change.id)))[0][0]}")
        walk.choose("I agree")
        walk.press("Give your answer")
        walk.enter(newcomer, "/assessing")
        walk.press("Pia Paused")
        expect(page.get_by_role("heading", name="Portfolio")).to_be_visible()
        walk.enter(newcomer, address)
        expect(page.get_by_text("Asa Before, until")).to_be_visible()
        walk.enter(there.assessor, "/assessing")
        expect(page.get_by_text("Pia Paused")).to_have_count(0)
        assert tab.open(f"/portfolios/{there.id}") == 404

        walk.enter(newcomer, address)
        walk.press("Propose a change")
        walk.choose("Extension")
        walk.press("Continue")
        walk.day("New last day", today + timedelta(days=400))
        walk.day("Later from", today + timedelta(days=1))
        page.get_by_label("Why more time is needed").fill("Evidence of court work is still to come.")
        walk.press("Propose it")
        agreed(walk, address, there.nqsw, there.line_manager, coordinator)
        walk.enter(there.nqsw, address)
        expect(page.get_by_role("columnheader", name="Plan 4, in force")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Plan 1")).to_be_visible()  # every plan stays to be seen
        assert timedelta(days=400) <= make.row(Enrolment, there.id).ends_on - today < timedelta(days=406)  # or the next working day
        walk.clean()


def test_a_panel_returns_and_then_does_not_confirm(served: Server, make: Make, chromium: Browser) -> None:
    people: dict[str, Any] = dict(nqsw=make.person("Rhea Turned", swe_number="SW900313"), assessor=make.person("Ari Sessor"))
    there, cast, sitting = arranged(make, **people, line_manager=make.person("Lou Manager"))
    case = listed(make, cast, sitting, there, "first", "second")
    report = f"/documents/{there.documents['FINAL']}"
    with window(chromium, served) as tab:
        walk = Walk(tab)
        page = walk.page
        walk.enter(cast["chair"], f"/panels/cases/{case}")
        walk.press("Record the panel’s decision")
        page.get_by_role("radio", name=re.compile("^Return it: ")).check()
        page.get_by_label("Reasons").fill("The observation is not weighed.")
        page.get_by_label("Feedback to Rhea Turned").fill("Weigh the observation.")
        walk.press("Sign and save the decision")
        expect(page.get_by_text("Choose at least one document").first).to_be_visible()
        walk.choose("Final assessment report")
        walk.press("Sign and save the decision")
        expect(page.get_by_text("Returned on")).to_be_visible()
        walk.enter(there.nqsw, "/my-programme")
        expect(page.get_by_text("In progress").first).to_be_visible()

        walk.enter(there.assessor, "/assessing")
        walk.press("Final assessment report")
        page.get_by_label("Summary").fill("Ready: the observation shows that risk is named plainly.")
        walk.press("Send to be signed")
        signed_by_all(walk, there, report, "risk is named plainly")

        again = listed(make, cast, sits(make, cast, "Spring panel"), there, "first", "second")
        walk.enter(cast["chair"], f"/panels/cases/{again}")
        walk.press("Record the panel’s decision")
        page.get_by_role("radio", name=re.compile("^Do not confirm: ")).check()
        page.get_by_label("Reasons").fill("The evidence does not carry the recommendation.")
        walk.press("Sign and save the decision")
        expect(page.get_by_text("Not confirmed").first).to_be_visible()
        walk.enter(there.nqsw, "/my-programme")
        expect(page.get_by_text("Outcome")).to_have_count(0)
        after = make.row(Enrolment, there.id)
        assert (after.status, after.outcome) == ("awaiting_panel", None)
        walk.clean()
