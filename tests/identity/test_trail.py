"""The audit trail as a page."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest

from app.identity import trail
from tests.factory import Make


@pytest.fixture
def admin(make: Make) -> Any:
    return make.person("Ada Admin", roles=("administrator",))


def test_who_did_what_about_whom(sign_in: Any, make: Make, admin: Any, ledger: Any) -> None:
    ann, browser = make.person("Ann Field"), sign_in(admin)
    browser.post(f"/access/people/{ann.id}/suspend")
    page = browser.get("/access/trail", params={"kind": "account"}).text
    assert "Account suspended" in page and "Ada Admin" in page and "Ann Field" in page
    assert "Signed in" not in page and "Signed in" in browser.get("/access/trail").text
    ledger.start()
    of_ann = browser.get("/access/trail", params={"about": ann.id}).text
    assert "Signed out everywhere" in of_ann and "Person created" in of_ann
    assert ledger.actions() == ["trail.viewed"]


def test_page_by_page_to_the_beginning(sign_in: Any, make: Make, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "PAGE", 4)
    monkeypatch.setattr(trail, "WINDOW", 6)
    for n in range(5):
        make.person(f"Ann{n}")
    browser = sign_in(admin)
    for kind, times in (("", 1), ("person", 6), ("client", 0)):
        address, seen, steps = f"/access/trail?kind={kind}", 0, 0
        while address and steps < 20:
            page = unescape(browser.get(address).text)
            seen += page.count("Person created") if kind else page.count("Signed in")
            address = page.rpartition('" rel="next">')[0].rpartition('href="')[2]
            steps += 1
        assert (seen, steps < 20) == (times, True), kind


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=" + "9" * 30, "kind=%27", "kind=%25", "before=1"])
def test_odd_questions_are_answered(sign_in: Any, admin: Any, query: str) -> None:
    assert sign_in(admin).get(f"/access/trail?{query}").status_code == 200


def test_an_administrator_of_one_organisation_sees_its_people_only(sign_in: Any, make: Make) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = make.person("Lo Local", organisation=nursery, roles=("administrator",), scope=nursery)
    stranger = make.person("Stu Stranger")
    browser = sign_in(local)
    page = browser.get("/access/trail").text
    assert "Lo Local" in page and "Stu Stranger" not in page
    assert browser.get("/access/trail", params={"about": stranger.id}).status_code == 404
    assert sign_in(stranger).get("/access/trail").status_code == 403
