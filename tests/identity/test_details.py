"""My details: what is held, what one may change, where one is signed in, who has looked."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.identity import queries
from app.people.models import Person
from tests.factory import Make


@pytest.fixture
def ann(make: Make) -> Any:
    boss = make.person("Bea Boss")
    team = make.unit("Child Protection")
    return make.person("Ann Field", team=team, manager=boss.id, stage="SW", swe_number="SW900001", started_on=date(2020, 1, 1))


def test_everything_held_about_me(sign_in: Any, ann: Any, count_queries: Any) -> None:
    browser = sign_in(ann)
    browser.get("/my-details")
    with count_queries() as queries_made:
        page = browser.get("/my-details").text
    assert len(queries_made) <= 8
    for held in (
        "Ann Field",
        "Social worker, permanent",
        "Child Protection",
        "Bea Boss",
        "SW900001",
        "Westmarch County Council",
        "Ask HR to change",
    ):
        assert held in page
    assert "Nobody has opened your record yet" in page and "(this one)" in page


def test_changing_what_is_mine_to_change(sign_in: Any, ann: Any, make: Make, ledger: Any) -> None:
    browser = sign_in(ann)
    ledger.start()
    form = browser.get("/my-details/change")
    assert 'name="known_as"' in form.text
    reply = browser.post(
        "/my-details/change", data={"known_as": "Annie", "access_needs": " A hearing\nloop ", "swe_number": "SW1", "email": "x@y.example"}
    )
    assert reply.headers["location"] == "/my-details?said=details"
    page = browser.get("/my-details").text
    assert "Annie" in page and "A hearing loop" in page and "SW900001" in page
    assert ledger.actions() == ["person.changed-own-details"]
    assert "hearing" not in str(ledger.entries("person.changed-own-details"))
    assert browser.post("/my-details/change", data={"known_as": "x" * 81, "access_needs": "y" * 1001}).status_code == 422
    kept = browser.post("/my-details/change", data={"known_as": "Zoë", "access_needs": "y" * 1001}).text
    assert 'value="Zoë"' in kept


def test_who_has_looked_at_my_record(sign_in: Any, ann: Any, make: Make, ledger: Any) -> None:
    officer = make.person("Hal Officer", roles=("HR officer",))
    ledger.start()
    assert sign_in(officer).get(f"/people/{ann.id}").status_code == 200
    hers = sign_in(ann)
    hers.get(f"/people/{ann.id}")  # one's own look is nobody's business
    assert [entry.person_id for entry in ledger.entries("record.viewed")] == [ann.id]
    assert "Hal Officer" in hers.get("/my-details").text
    assert "Hal Officer" not in sign_in(officer).get("/my-details").text.split("Who has looked")[1]


def test_nobody_elses_needs_are_shown(sign_in: Any, ann: Any, make: Make) -> None:
    with make.tx() as tx:
        tx.update(Person, ann.id, access_needs="A quiet room")
    for role in ("HR officer", "administrator", "principal social worker", "coordinator"):
        assert "A quiet room" not in sign_in(make.person("Other", roles=(role,))).get(f"/people/{ann.id}").text


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("<script>alert(1)</script>", "scriptalert1/script"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_in_words(agent: str, words: str) -> None:
    assert queries.browser(agent) == words
