"""Search, person and organisation as pages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.core.tx import clock
from app.people import operations as people
from app.people import search
from tests.factory import LONG_AGO, Make


@pytest.fixture
def officer(make: Make) -> Any:
    return make.person("Hal Officer", roles=("HR officer",))


def test_the_search_page_from_nothing_to_somebody(sign_in: Any, make: Make, officer: Any, count_queries: Any) -> None:
    make.person("Ann Field", team=make.unit("Fostering"), stage="SW")
    browser = sign_in(officer)
    assert "Type part of a name or a number" in browser.get("/people").text
    assert "Type at least 2 letters" in browser.get("/people?q=a").text
    assert "Nobody found" in browser.get("/people?q=nobody").text
    with count_queries() as queries:
        page = browser.get("/people?q=field").text
    assert "1 person" in page and "Ann Field" in page and "Fostering" in page and "Current" in page
    assert len(queries) <= 5


def test_a_development_review_is_linked_for_whoever_may_read_it(sign_in: Any, make: Make, officer: Any) -> None:
    manager = make.person("Moira Manager")
    ann = make.person("Ann Field", manager=manager.id)
    link = f'href="/people/{ann.id}/pdr"'
    assert link in sign_in(manager).get(f"/people/{ann.id}").text
    own = sign_in(ann).get(f"/people/{ann.id}").text
    assert "Development review</a>" in own and link not in own
    hidden = sign_in(officer).get(f"/people/{ann.id}")
    assert hidden.status_code == 200 and "Development review</a>" not in hidden.text


def test_too_many_are_not_shown(sign_in: Any, make: Make, officer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        make.person(f"Ann{n} Field")
    monkeypatch.setattr(search, "MOST", 3)
    search._search.cache_clear()
    try:
        page = sign_in(officer).get("/people?q=field").text
    finally:
        search._search.cache_clear()
    assert "More than 3 people match" in page and "Ann0" not in page


def test_pages_keep_the_question(sign_in: Any, make: Make, officer: Any) -> None:
    unit = make.unit("Fostering")
    for n in range(26):
        make.person(f"Ann{n} Field", team=unit, account=False)
    page = sign_in(officer).get("/people", params={"q": "field", "unit": unit}).text
    assert f"/people?q=field&amp;unit={unit}&amp;page=2" in page and "in Fostering" in page


@pytest.mark.parametrize(
    "query", ["q=%00", "unit=x", "unit=99999999999", "stage=%27", "page=-1", "page=999999", "q=" + "x" * 500, "left=2"]
)
def test_odd_questions_are_answered(sign_in: Any, officer: Any, query: str) -> None:
    assert sign_in(officer).get(f"/people?{query}").status_code == 200


def test_a_small_reach_can_be_leafed_through(sign_in: Any, make: Make, officer: Any) -> None:
    assessor, boss = make.person("Ash Assessor"), make.person("Bea Boss")
    learner, report = make.person("Lin Learner"), make.person("Rae Report", manager=boss.id)
    make.assessor(assessor.id, learner.id)
    page = sign_in(assessor).get("/people").text
    assert "1 person you can see" in page and "Lin Learner" in page and "Rae Report" not in page
    page = sign_in(boss).get("/people").text
    assert "1 person you can see" in page and "Rae Report" in page
    assert "Lin Learner" not in sign_in(officer).get("/people").text
    assert report.name == "Rae Report"


def test_practitioners_do_not_search(sign_in: Any, make: Make) -> None:
    reply = sign_in(make.person("Ann")).get("/people?q=field")
    assert reply.status_code == 403 and "My details" in reply.text


def test_a_person_today_before_and_to_come(sign_in: Any, make: Make, officer: Any, count_queries: Any) -> None:
    old, new = make.unit("Fostering"), make.unit("Adoption")
    boss = make.person("Bea Boss")
    ann = make.person(
        "Ann Field",
        team=old,
        manager=boss.id,
        stage="SW",
        swe_number="SW900001",
        registration_status="registered",
        registered_from=date(2020, 1, 1),
    )
    assessor = make.person("Ash Assessor")
    make.assessor(assessor.id, ann.id)
    today = clock().date()
    with make.tx() as tx:
        people.set_team(tx, ann.id, new, today + timedelta(days=10))
        people.set_post(tx, ann.id, "Senior Practitioner", "permanent", 0.6, today - timedelta(days=3))
    browser = sign_in(officer)
    with count_queries() as queries:
        page = browser.get(f"/people/{ann.id}").text
    assert len([statement for statement in queries.statements if "INSERT" not in statement]) <= 8
    top, planned = page.split('<h2 class="govuk-heading-m">Planned</h2>')
    for held in (
        "Senior Practitioner, permanent, 0.6 full-time equivalent",
        "Fostering",
        "Bea Boss",
        "Ash Assessor",
        "Social worker",
        "SW900001",
        "Registered",
    ):
        assert held in top, held
    assert "Adoption" not in top and "Adoption" in planned
    assert "Social worker, permanent" in planned.split("History")[1]  # the post before
    assert "Manages" in browser.get(f"/people/{boss.id}").text and "1 person" in browser.get(f"/people/{boss.id}").text


def test_out_of_reach_is_not_there(sign_in: Any, make: Make, ledger: Any) -> None:
    boss, stranger = make.person("Bo"), make.person("Stu Stranger")
    report = make.person("Rae", manager=boss.id)
    browser = sign_in(boss)
    ledger.start()
    assert browser.get(f"/people/{report.id}").status_code == 200
    for key in (stranger.id, 999, 2**60):
        reply = browser.get(f"/people/{key}")
        assert reply.status_code == 404 and "Stranger" not in reply.text
    assert ledger.actions() == ["record.viewed"]


def test_only_what_one_may_do_is_offered(sign_in: Any, make: Make, officer: Any) -> None:
    ann = make.person("Ann")
    for role, offered, kept in (
        ("HR officer", "/change/post", "/access/people"),
        ("administrator", "/access/people", "/change/post"),
        ("coordinator", "/courses?for=", "/change/post"),
        ("principal social worker", "record", "/change/post"),
    ):
        page = sign_in(make.person("Somebody", roles=(role,))).get(f"/people/{ann.id}").text
        assert offered in page or offered == "record"
        assert kept not in page


# Organisation ------------------------------------------------------------------------------------------------------


def test_head_counts_from_the_top_down(sign_in: Any, make: Make, officer: Any, count_queries: Any) -> None:
    service = make.unit("Safeguarding", "service")
    team, other = make.unit("Court", parent=service), make.unit("Duty", parent=service)
    for n in range(3):
        make.person(f"Ann{n}", team=team)
    make.person("Bea", team=other)
    mover = make.person("Moved", team=team)
    with make.tx() as tx:
        people.set_team(tx, mover.id, other, LONG_AGO + timedelta(days=9))
    browser = sign_in(officer)
    with count_queries() as queries:
        page = browser.get(f"/organisation/{service}").text
    assert len(queries) <= 5
    assert "5 people today" in page and "Court" in page and "Duty" in page and f"/people?unit={service}" in page
    assert "3 people today" in browser.get(f"/organisation/{team}").text
    assert "Westmarch County Council" in browser.get("/organisation").text
    assert browser.get("/organisation/999").status_code == 404


def test_people_of_a_setting_see_their_own_organisation_only(sign_in: Any, make: Make) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    host, team = make.organisation(), make.unit("Fostering")
    browser = sign_in(make.person("Lo", organisation=nursery))
    page = browser.get("/organisation").text
    assert "Little Bears Nursery" in page and "Fostering" not in page
    assert browser.get(f"/organisation/{nursery}").status_code == 200
    assert [browser.get(f"/organisation/{unit}").status_code for unit in (host, team)] == [404, 404]
    assert "/people?unit" not in browser.get(f"/organisation/{nursery}").text
