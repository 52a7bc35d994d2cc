"""The whole way in a browser: a full course, waiting, approval, an offer by e-mail, the register on a phone, the certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from app.bookings import operations
from app.bookings.models import Booking, Part, Session
from app.core.config import load
from app.core.tx import SYSTEM, Actor, transaction
from app.learning.models import Certificate
from app.notifications.delivery import deliver_due
from seed.personas import persona
from tests.browser.house import DESKTOP, PHONE, Server, Window, window
from tests.factory import Make
from tests.visit import Finder

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture
def tab(chromium: Browser, server: Server) -> Iterator[Window]:
    with window(chromium, server) as found:
        yield found
        assert found.take_complaints() == []


def arrive(tab: Window, who: str | None, address: str, words: str, *, width: int = DESKTOP) -> Page:
    """Open a page as somebody; it says what it is, and nothing on it is in anybody's way."""
    tab.sign_in(who)
    assert tab.open(address, width=width) == 200
    return arrived(tab, words)


def arrived(tab: Window, words: str) -> Page:
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text(words)
    assert tab.barriers() == []
    return tab.page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def full_course(server: Server) -> tuple[Any, Any, int]:
    """A course with one place, which a colleague of the practitioner's has: the course, the session, and the colleague's booking."""
    make = Make(server.database)
    with transaction(server.database, SYSTEM, writes=False) as tx:
        finder = Finder(tx)
        manager, trainer, practitioner = (finder.person(key) for key in ("manager", "trainer", "practitioner"))
        colleague = next(person for person in finder.reports() if person != practitioner)
    course = make.course("Giving evidence with confidence", cpd_minutes=180)
    starts = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=41)
    session = make.session(course=course.id, places=1, starts=starts, trainers=(trainer,), needs_approval=True)
    actor = Actor("person", manager, persona("manager").name, (("practitioner", None), ("line manager", None)), organisation_id=1)
    with transaction(server.database, actor, writes=True) as tx:
        return course, session, operations.book(tx, session.id, colleague).id


def letter(server: Server, folder: Path, *about: str) -> str:
    """Send what is due, and read the message whose subject says all this."""
    settings = load(demo=True, base_url=server.address, mail_dir=folder)
    while deliver_due(server.database, settings):
        pass
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.rglob("*.eml")]
    one = next(message for message in found if all(said in str(message["Subject"]) for said in about))
    body = one.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_from_a_full_course_to_a_verified_certificate(tab: Window, server: Server, tmp_path: Path) -> None:
    course, session, held = full_course(server)

    # She waits, and her manager approves meanwhile
    page = arrive(tab, "practitioner", f"/courses/{course.slug}", course.title)
    page.get_by_role("button", name=re.compile("^Join the waiting list")).click()
    arrived(tab, "Check before you book")
    press(page, "Join the waiting list")
    arrived(tab, "You are on the waiting list")
    expect(page.locator("main")).to_contain_text("1st of 1")
    waiting = page.url.rpartition("/")[2].partition("?")[0]
    page = arrive(tab, "manager", "/my-team", "My team")
    page.locator(f"a[href='/bookings/{waiting}/decide']").first.click()
    arrived(tab, f"Approve a place for {persona('practitioner').name}?")
    page.get_by_label("Approve", exact=True).check()
    press(page, "Save decision")
    arrived(tab, "My team")

    # The place becomes free and is held for her; she accepts from the e-mail, without signing in
    page = arrive(tab, "coordinator", f"/bookings/{held}/cancel", "Cancel")
    page.get_by_label("Court", exact=True).check()
    press(page, "Cancel the place")
    page.wait_for_url(f"**/bookings/{held}**")
    words = letter(server, tmp_path, "A place for you until", course.title)
    link = re.search(rf"{server.address}(/offers/\S+)", words)
    assert link is not None, words
    page = arrive(tab, "practitioner", "/", "What needs you")
    expect(page.locator("main")).to_contain_text(f"A place is held for you: {course.title}")
    arrive(tab, None, link[1], "A place is held for you")
    page = arrive(tab, None, link[1], "A place is held for you", width=PHONE)  # looking changes nothing
    press(page, "Accept the place")
    arrived(tab, "You have a place")
    assert letter(server, tmp_path, "Booked:", course.title)

    # The day comes; the trainer takes the register on a phone
    now = datetime.now(UTC)
    with transaction(server.database, SYSTEM, writes=True) as tx:
        times = dict(starts_at=now - timedelta(hours=3), ends_at=now - timedelta(minutes=1))
        tx.db.execute(update(Part).where(Part.session_id == session.id).values(**times))
        tx.db.execute(update(Session).where(Session.id == session.id).values(**times))
    page = arrive(tab, "trainer", "/", "What needs you", width=PHONE)
    page.get_by_role("link", name=f"Register to finish: {course.title}").click()
    arrived(tab, "Register")
    page.get_by_label("Attended", exact=True).check()
    expect(page.locator("[data-marked]")).to_have_text("1")
    page.get_by_role("button", name="Finish the register").click()
    arrived(tab, "Finish the register")
    press(page, "Finish the register")
    arrived(tab, "Register")

    # It counts as learning, with a certificate that anybody can check
    page = arrive(tab, "practitioner", "/my-learning", "My learning")
    certificate = page.get_by_role("link", name=re.compile(f"Certificate.*{course.title}"))
    pdf = page.request.get(server.address + str(certificate.first.get_attribute("href")))
    assert pdf.ok and pdf.body().startswith(b"%PDF")
    with transaction(server.database, SYSTEM, writes=False) as tx:
        person = Finder(tx).person("practitioner")
        code = str(tx.scalar(select(Certificate.code).where(Certificate.person_id == person).order_by(Certificate.id.desc())))
        assert tx.scalar(select(Booking.status).where(Booking.session_id == session.id, Booking.person_id == person)) == "attended"
    page = arrive(tab, None, "/verify", "Check a certificate")
    page.get_by_label("Certificate number").fill(code)
    press(page, "Check")
    arrived(tab, "genuine")
    expect(page.locator("main")).to_contain_text(persona("practitioner").name)
    expect(page.locator("main")).to_contain_text(course.title)
