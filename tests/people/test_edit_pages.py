"""HR records people: a new one, undated details, and dated ones from a day on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tx import clock
from app.people import operations
from app.people.models import Membership, Person, Post, Responsibility, Stage
from tests.factory import NEXT_YEAR, Make

FIRST = f"{NEXT_YEAR}-03-01"
NEW = {
    "first_name": "Nia",
    "last_name": "Newcomer",
    "known_as": "",
    "email": "Nia.Newcomer@westmarch.example",
    "employee_number": "W50001",
    "swe_number": "sw 900555",
    "starts": "1",
    "starts-month": "3",
    "starts-year": str(NEXT_YEAR),
    "unit": "fostering",
    "manager": "",
    "job_title": "Social Worker",
    "contract": "agency",
    "fte": "0.6",
    "days": ["0", "2", "4"],
    "stage": "",
}


@pytest.fixture
def browser(sign_in: Any, make: Make) -> Any:
    make.unit("Fostering")
    make.person("Bea Boss", email="bea.boss@westmarch.example", employee_number="W1", stage="SW")
    return sign_in(make.person("Hal Officer", roles=("HR officer",)))


def by_name(make: Make, name: str) -> Any:
    return make.rows(select(Person.__table__).where(Person.name == name))[0]


def days(name: str, offset: int) -> dict[str, str]:
    day = clock().date() + timedelta(days=offset)
    return {name: str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def test_a_new_person(browser: Any, make: Make, ledger: Any) -> None:
    assert browser.get("/people/new").status_code == 200
    ledger.start()
    reply = browser.post("/people/new", data={**NEW, "manager": "bea.boss@westmarch.example", "stage": "SW"})
    person = by_name(make, "Nia Newcomer")
    assert reply.headers["location"] == f"/people/{person.id}?said=created"
    assert (person.email, person.swe_number, person.started_on.isoformat()) == ("nia.newcomer@westmarch.example", "SW900555", FIRST)
    post = make.rows(select(Post.__table__).where(Post.person_id == person.id))[0]
    assert (post.contract, float(post.fte), post.working_days, post.valid_from.isoformat()) == ("agency", 0.6, "1010100", FIRST)
    for table in (Membership, Stage, Responsibility):
        assert len(make.rows(select(table.id).where(table.person_id == person.id))) == 1
    page = browser.get(f"/people/{person.id}").text
    assert "Starts soon" in page and "Fostering" in page
    assert ledger.actions()[:5] == ["person.created", "person.moved-team", "person.post-set", "person.manager-set", "person.stage-set"]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"first_name": ""}, "Enter a first name"),
        ({"last_name": " "}, "Enter a last name"),
        ({"email": "nia"}, "Enter an e-mail address like"),
        ({"email": "bea.boss@westmarch.example"}, "Someone already has this e-mail address"),
        ({"employee_number": "W1"}, "already has this employee number"),
        ({"swe_number": "12"}, "must be SW and up to 6 digits"),
        ({"starts": ""}, "must include a day"),
        ({"unit": ""}, "Enter the team’s name or code"),
        ({"unit": "Nowhere"}, "There is no team called"),
        ({"manager": "Nobody"}, "Nobody called “Nobody” was found"),
        ({"job_title": ""}, "Enter a job title"),
        ({"contract": "forever"}, "Choose a contract"),
        ({"fte": "2"}, "Full-time equivalent must be"),
        ({"fte": "NaN"}, "Full-time equivalent must be"),
        ({"days": []}, "Choose the days"),
        ({"stage": "KING"}, "Choose a career stage"),
        ({"first_name": "x" * 81}, "80 characters or fewer"),
    ],
)
def test_what_is_wrong_with_a_new_person(browser: Any, make: Make, ledger: Any, form: dict[str, Any], says: str) -> None:
    ledger.start()
    reply = browser.post("/people/new", data={**NEW, **form})
    assert reply.status_code in (409, 422) and says in reply.text
    assert form.get("last_name", "Newcomer") == " " or 'value="Newcomer"' in reply.text  # what was typed is still there
    assert ledger.actions() == []


def test_several_of_a_name_are_told_apart(browser: Any, make: Make) -> None:
    make.unit("Court North")
    make.unit("Court South")
    make.person("Sam Same", email="sam.one@westmarch.example")
    make.person("Sam Same", email="sam.two@westmarch.example")
    reply = browser.post("/people/new", data={**NEW, "unit": "court", "manager": "sam same"})
    assert "Several teams match" in reply.text and "Court South" in reply.text
    assert "Several people match" in reply.text and "sam.two@westmarch.example" in reply.text


def test_changing_names_and_numbers(browser: Any, make: Make, ledger: Any) -> None:
    boss = by_name(make, "Bea Boss")
    form = browser.get(f"/people/{boss.id}/edit")
    assert 'value="bea.boss@westmarch.example"' in form.text
    ledger.start()
    data = {
        "first_name": "Bea",
        "last_name": "Married",
        "email": "bea.married@westmarch.example",
        "employee_number": "W1",
        "version": str(boss.version),
    }
    assert browser.post(f"/people/{boss.id}/edit", data={**data, **days("leaving", 30)}).status_code == 303
    changed = by_name(make, "Bea Married")
    assert changed.leaving_on == clock().date() + timedelta(days=30) and changed.sort_name.startswith("married")
    assert ledger.entries("person.changed")[-1].facts == {"fields": ["email", "last_name", "leaving_on"]}  # which, never what
    stale = browser.post(f"/people/{boss.id}/edit", data={**data, "last_name": "Other"})
    assert stale.status_code == 412 and "Somebody else changed" in stale.text
    assert "Bea Married" in browser.get("/people?q=married").text


def test_a_planned_move_and_a_correction(browser: Any, make: Make) -> None:
    boss = by_name(make, "Bea Boss")
    make.unit("Adoption")
    assert browser.post(f"/people/{boss.id}/change/team", data={"unit": "Fostering", **days("from", -10)}).status_code == 303
    assert browser.post(f"/people/{boss.id}/change/team", data={"unit": "Adoption", **days("from", 10)}).status_code == 303
    page = browser.get(f"/people/{boss.id}").text
    assert "Planned" in page and "Adoption" in page
    spans = make.rows(select(Membership.__table__).where(Membership.person_id == boss.id, Membership.superseded_at.is_(None)))
    assert sorted((row.valid_to - row.valid_from).days > 1000 for row in spans) == [False, True]


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("manager", {"manager": "W2"}),
        ("manager", {"nobody": "1"}),
        ("stage", {"stage": "SW"}),
        ("post", {"job_title": "Panel Adviser", "contract": "permanent", "fte": "1", "days": ["0", "1"]}),
    ],
)
def test_other_changes_from_a_date(browser: Any, make: Make, what: str, form: dict[str, Any]) -> None:
    make.person("Mia Manager", employee_number="W2")
    boss = by_name(make, "Bea Boss")
    assert browser.get(f"/people/{boss.id}/change/{what}").status_code == 200
    reply = browser.post(f"/people/{boss.id}/change/{what}", data={**form, **days("from", 0)})
    assert reply.headers["location"] == f"/people/{boss.id}?said={what}"
    wrong = browser.post(f"/people/{boss.id}/change/{what}", data={**days("from", 0), "fte": "x"})
    assert wrong.status_code == 422 and "There is a problem" in wrong.text


def test_a_circle_of_managers_is_refused(browser: Any, make: Make) -> None:
    boss = by_name(make, "Bea Boss")
    make.person("Rae Report", manager=boss.id, employee_number="W3")
    reply = browser.post(f"/people/{boss.id}/change/manager", data={"manager": "W3", **days("from", 0)})
    assert reply.status_code == 409 and "circle of managers" in reply.text


def test_beyond_ones_reach(sign_in: Any, make: Make) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    make.unit("Fostering")
    stranger = make.person("Stu Stranger")
    browser = sign_in(make.person("Lo", organisation=nursery, roles=("HR officer",), scope=nursery))
    colleague = make.person("Cy Colleague", organisation=nursery)
    for path in (f"/people/{stranger.id}/edit", f"/people/{stranger.id}/change/team"):
        assert browser.get(path).status_code == 404 and browser.post(path, data={}).status_code == 404
    assert browser.post(f"/people/{colleague.id}/change/team", data={"unit": "Fostering", **days("from", 0)}).status_code in (404, 422)
    assert browser.post("/people/new", data=NEW).status_code in (404, 422)
    assert browser.get(f"/people/{colleague.id}/change/nothing").status_code == 404
    assert sign_in(stranger).get(f"/people/{stranger.id}/edit").status_code == 403


# Whose address is whose --------------------------------------------------------------------------------------------


def test_hr_cannot_take_over_somebody_who_holds_a_role(browser: Any, sign_in: Any, client: Any, make: Make, ledger: Any) -> None:
    ada = make.person("Ada Admin", roles=("administrator",))
    form = {"first_name": "Ada", "last_name": "Admin", "email": "hal.officer+1@westmarch.example"}
    form |= {"known_as": "", "employee_number": ada.employee_number, "swe_number": "", "version": str(ada.version)}
    ledger.start()
    reply = browser.post(f"/people/{ada.id}/edit", data=form)
    assert reply.status_code == 409 and "could sign in as them" in reply.text
    api = client("people:write")
    refused = api.patch(f"/api/v1/people/{ada.id}", json={"email": "else@westmarch.example"}, headers={"if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (409, "email-needs-access")
    assert make.row(Person, ada.id).email == ada.email and "person.changed" not in ledger.actions()
    assert browser.post(f"/people/{ada.id}/edit", data=form | {"email": ada.email, "known_as": "Addie"}).status_code == 303
    both = sign_in(make.person("Bo Both", roles=("HR officer", "administrator")))
    assert both.post(f"/people/{ada.id}/edit", data=form | {"version": str(make.row(Person, ada.id).version)}).status_code == 303


def test_a_role_to_come_counts_and_one_beyond_the_scope_too(sign_in: Any, make: Make) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = sign_in(make.person("Lo Local", organisation=nursery, roles=("HR officer", "administrator"), scope=nursery))
    wide = make.person("Wyn Wide", organisation=nursery, roles=("coordinator",))
    near = make.person("Ned Near", organisation=nursery, roles=("setting lead",), scope=nursery)

    def change(person: Any) -> int:
        form = {"first_name": "A", "last_name": "B", "email": f"changed.{person.id}@westmarch.example", "version": str(person.version)}
        return int(local.post(f"/people/{person.id}/edit", data=form).status_code)

    assert (change(wide), change(near)) == (409, 303)
    later = make.person("Lee Later", organisation=nursery)
    with make.tx() as tx:
        operations.give_role(tx, later.id, "administrator", None, tx.today + timedelta(days=1))
    assert change(later) == 409


# Parts of the organisation out of reach ----------------------------------------------------------------------------


def test_only_parts_in_reach_are_offered_and_others_keep_the_form(sign_in: Any, make: Make) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    make.unit("Duty team"), make.unit("Toddlers", parent=nursery)
    local = sign_in(make.person("Lo Local", organisation=nursery, roles=("HR officer", "administrator"), scope=nursery))
    ned = make.person("Ned Near", organisation=nursery)
    team = {"unit": "Duty team", **days("from", 0)}
    for path, data in ((f"/people/{ned.id}/change/team", team), ("/people/new", {**NEW, "unit": "Duty"})):
        reply = local.post(path, data=data)
        assert reply.status_code == 422 and "There is no team called" in reply.text and f'value="{data["unit"]}"' in reply.text
        assert "Duty team (" not in reply.text
    reply = local.post(f"/access/people/{ned.id}/roles", data={"role": "setting lead", "unit": "Duty", **days("from", 0)})
    assert reply.status_code == 422 and "There is nothing called" in reply.text and "Duty team (" not in reply.text
    assert local.post(f"/people/{ned.id}/change/team", data={**team, "unit": "Toddlers"}).status_code == 303


def test_hr_of_a_team_adds_nobody_to_the_organisation_and_hears_so(sign_in: Any, make: Make) -> None:
    team = make.unit("Duty team")
    local = sign_in(make.person("Tess Team", team=team, roles=("HR officer",), scope=team))
    reply = local.post("/people/new", data={**NEW, "unit": "Duty team"})
    assert reply.status_code == 422 and "cannot add people to this organisation" in reply.text and 'value="Nia"' in reply.text


def test_days_that_cannot_be(browser: Any, make: Make) -> None:
    ann = make.person("Ann", started_on=clock().date())
    form = {"first_name": "Ann", "last_name": "Ames", "version": str(ann.version), **days("leaving", -1)}
    reply = browser.post(f"/people/{ann.id}/edit", data=form)
    assert reply.status_code == 422 and "must not be before the day they started" in reply.text
    reply = browser.post(f"/people/{ann.id}/change/team", data={"unit": "fostering", "from": "1", "from-month": "1", "from-year": "1890"})
    assert reply.status_code == 422 and "1940 or later" in reply.text
