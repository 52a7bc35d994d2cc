"""The register on a trainer's phone: a bad connection, no script, a narrow screen; and the code that the room is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from app.bookings import operations
from app.bookings.event_models import Attendance
from app.bookings.models import Booking, Part, Session
from app.bookings.operations import check_in
from app.core.db import Database
from app.core.tx import SYSTEM, clock, transaction
from app.identity import operations as identity
from app.people import operations as people_room
from app.people.models import Duty
from tests.browser.house import NARROWEST, Server, Window, serving
from tests.county import migrated
from tests.factory import Make

pytestmark = pytest.mark.browser
NAMES = ("Bola Ade", "Anneliese Featherstonehaugh-Cholmondeley", "Farah Khan", "Carys Pugh")


@dataclass
class Class:
    """A session that is going on now, in a county of its own."""

    server: Server
    trainer: Any
    people: list[Any]
    session_id: int = 0

    @property
    def register(self) -> str:
        return f"/sessions/{self.session_id}/register"

    @contextmanager
    def window(self, chromium: Browser, who: Any, **options: Any) -> Iterator[Window]:
        context: BrowserContext = chromium.new_context(viewport={"width": NARROWEST, "height": 640}, **options)
        with transaction(self.server.database, SYSTEM, writes=True) as tx:
            token = identity.sign_in(tx, who.id, "test browser", self.server.settings)
        context.add_cookies([{"name": "academy", "value": token, "url": self.server.address}])
        yield Window(self.server, context, context.new_page())
        context.close()

    def marks(self) -> dict[str, str]:
        with transaction(self.server.database, SYSTEM, writes=False) as tx:
            found = select(Booking.person_id, Attendance.mark).join(Booking, Booking.id == Attendance.booking_id)
            names = {person.id: person.name for person in self.people}
            return {names[row.person_id]: row.mark for row in tx.rows(found.where(Booking.session_id == self.session_id))}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    folder = tmp_path_factory.mktemp("register")
    database: Database = migrated(folder / "academy.sqlite3")
    make = Make(database)
    trainer, people = make.person("Tess Trainer"), [make.person(name) for name in NAMES]
    with serving(database, folder) as server:
        yield Class(server, trainer, people)
    database.dispose()


@pytest.fixture
def here(county: Class) -> Class:
    """A new session with everybody on it, which began ten minutes ago."""
    make = Make(county.server.database)
    make.n = int(clock().timestamp() * 10) % 10**9  # names of its own
    session = make.session(places=6, trainers=())
    for person in county.people:
        with make.tx() as tx:
            operations.book(tx, session.id, person.id)
    with make.tx() as tx:
        times = dict(starts_at=tx.now - timedelta(minutes=10), ends_at=tx.now + timedelta(hours=3))
        tx.update(Session, session.id, **times)
        tx.update(Part, tx.scalar(select(Part.id).where(Part.session_id == session.id)), **times)
        people_room.give_duty(tx, Duty.TRAINER, county.trainer.id, tx.today, subject=f"session:{session.id}")
    return Class(county.server, county.trainer, county.people, session.id)


def mark(page: Page, name: str, words: str) -> None:
    page.get_by_role("group", name=name).get_by_role("radio", name=words).check()


def kept(page: Page) -> int:
    return int(page.evaluate("Object.keys(localStorage).length"))


@pytest.mark.thorough
def test_marks_made_without_a_connection_are_kept_and_sent(chromium: Browser, here: Class) -> None:
    with here.window(chromium, here.trainer) as tab:
        page, state = tab.page, tab.page.get_by_role("status")
        tab.open(here.register, width=NARROWEST)
        mark(page, "Farah Khan", "Attended")
        expect(state).to_have_text("All saved")
        assert here.marks() == {"Farah Khan": "present"} and kept(page) == 0
        tab.context.set_offline(True)
        mark(page, "Bola Ade", "Attended")
        mark(page, "Carys Pugh", "Absent")
        page.get_by_role("group", name="Carys Pugh").get_by_label("Why absent").select_option("Court")
        mark(page, "Farah Khan", "Part of it")
        expect(state).to_have_text("3 not yet sent")
        stored = page.evaluate("JSON.stringify(localStorage)")
        assert here.marks() == {"Farah Khan": "present"} and not any(name.split()[0] in stored for name in NAMES)
        page.get_by_role("button", name="Finish the register").click()  # not before they are sent
        assert page.url.endswith("/register")
        tab.context.set_offline(False)
        expect(state).to_have_text("All saved", timeout=20_000)
        assert here.marks() == {"Farah Khan": "partly", "Bola Ade": "present", "Carys Pugh": "absent"} and kept(page) == 0
        tab.take_complaints()  # of the connection that was not there


@pytest.mark.thorough
def test_a_mark_that_is_lost_as_the_connection_returns_is_sent_at_once(chromium: Browser, here: Class) -> None:
    """The browser says that it is connected again while a mark is still on its way, and then that mark is lost."""
    with here.window(chromium, here.trainer) as tab:
        page, state = tab.page, tab.page.get_by_role("status")
        tab.open(here.register, width=NARROWEST)
        held: list[Route] = []
        page.route("**/marks", lambda route: held.append(route), times=1)
        mark(page, "Farah Khan", "Attended")
        expect(state).to_have_text("1 not yet sent")
        page.evaluate("dispatchEvent(new Event('online'))")
        held[0].abort()
        expect(state).to_have_text("All saved", timeout=5_000)  # it would try again by itself after ten seconds
        assert here.marks() == {"Farah Khan": "present"}


def test_finishing_waits_for_what_is_on_its_way(chromium: Browser, here: Class) -> None:
    with here.window(chromium, here.trainer) as tab:
        tab.open(here.register, width=NARROWEST)
        held: list[Route] = []
        tab.page.route("**/register/marks", lambda route: route.continue_() if held else held.append(route))
        with tab.page.expect_request("**/register/marks"):
            mark(tab.page, "Bola Ade", "Attended")
        mark(tab.page, "Carys Pugh", "Absent")  # while the first is on its way
        tab.page.get_by_role("button", name="Finish the register").click()
        assert here.marks() == {} and tab.page.url.endswith("/register")
        held[0].continue_()
        tab.page.wait_for_url("**/register/finish")
        assert here.marks() == {"Bola Ade": "present", "Carys Pugh": "absent"}


@pytest.mark.thorough
def test_marks_survive_that_the_page_is_closed(chromium: Browser, here: Class) -> None:
    with here.window(chromium, here.trainer) as tab:
        tab.open(here.register, width=NARROWEST)
        tab.context.set_offline(True)
        mark(tab.page, "Bola Ade", "Part of it")
        expect(tab.page.get_by_role("status")).to_have_text("1 not yet sent")
        tab.page.close()
        tab.context.set_offline(False)
        page = tab.context.new_page()
        page.goto(here.server.address + here.register)
        expect(page.get_by_role("status")).to_have_text("All saved")
        expect(page.get_by_role("group", name="Bola Ade").get_by_role("radio", name="Part of it")).to_be_checked()
        assert here.marks() == {"Bola Ade": "partly"} and kept(page) == 0


def test_without_script_the_form_is_a_form(chromium: Browser, here: Class) -> None:
    with here.window(chromium, here.trainer, java_script_enabled=False) as tab:
        tab.open(here.register, width=NARROWEST)
        mark(tab.page, "Anneliese Featherstonehaugh-Cholmondeley", "Attended")
        tab.page.get_by_role("button", name="Save marks").click()
        expect(tab.page.get_by_text("Your marks are saved.")).to_be_visible()
        assert here.marks() == {"Anneliese Featherstonehaugh-Cholmondeley": "present"}


@pytest.mark.thorough
def test_the_pages_are_clean_and_fit_a_narrow_phone(chromium: Browser, here: Class) -> None:
    with here.window(chromium, here.trainer) as tab:
        tab.open(here.register, width=NARROWEST)
        for name, words in zip(NAMES, ("Attended", "Part of it", "Absent", "Attended"), strict=True):
            mark(tab.page, name, words)
        expect(tab.page.get_by_role("status")).to_have_text("All saved")
        with transaction(here.server.database, SYSTEM, writes=True) as tx:
            check_in.open_check_in(tx, here.session_id)
        base = f"/sessions/{here.session_id}"
        for path in (here.register, f"{here.register}/finish", f"{here.register}/add", f"{base}/sheet", f"{base}/code", "/check-in"):
            assert tab.open(path, width=NARROWEST) == 200
            assert (path, tab.barriers(), tab.overflow(), tab.take_complaints()) == (path, [], [], [])
        tab.open(here.register, width=NARROWEST)
        heights = tab.page.evaluate(
            "[...document.querySelectorAll('.app-register__label')].map(label => label.getBoundingClientRect().height)"
        )
        assert min(heights) >= 44
        tab.open(f"{here.register}/finish")
        tab.page.get_by_role("button", name="Finish the register").click()
        expect(tab.page.get_by_text("The register is finished.")).to_be_visible()
        assert tab.barriers() == [] and tab.overflow() == []
        tab.page.get_by_role("link", name="Change Carys Pugh").click()
        assert tab.barriers() == [] and tab.overflow() == []


@pytest.mark.thorough
def test_the_code_counts_down_and_is_fetched_anew(chromium: Browser, here: Class) -> None:
    with transaction(here.server.database, SYSTEM, writes=True) as tx:
        check_in.open_check_in(tx, here.session_id)
    with here.window(chromium, here.trainer) as tab:
        page, asked = tab.page, []
        page.clock.install()
        tab.open(f"/sessions/{here.session_id}/code")
        page.on("request", lambda request: asked.append(request.url))
        page.clock.fast_forward(61_000)
        expect(page.locator("[data-seconds]")).to_contain_text("It changes in")
        assert [url for url in asked if url.endswith("/code")] == [f"{here.server.address}/sessions/{here.session_id}/code"]
        digits = page.locator(".app-big-code").inner_text()
    with here.window(chromium, here.people[0]) as tab:
        tab.open("/check-in", width=NARROWEST)
        tab.page.get_by_label("Code").fill("".join(letter for letter in digits if letter.isdigit()))
        tab.page.get_by_role("button", name="Check in").click()
        expect(tab.page.get_by_role("heading", name="You are checked in")).to_be_visible()
    assert here.marks() == {here.people[0].name: "present"}
