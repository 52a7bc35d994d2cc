"""Administrators: giving and ending roles, inviting, suspending, API clients; and never more than they have themselves."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tx import clock
from app.identity.models import Account, ApiClient
from app.people.models import RoleHeld, Unit
from tests.factory import Make

FROM = {"from": "1", "from-month": "11", "from-year": "2026"}


@pytest.fixture
def admin(make: Make) -> Any:
    return make.person("Ada Admin", roles=("administrator",))


def give(browser: Any, person: Any, role: str = "coordinator", unit: str = "", **more: str) -> Any:
    return browser.post(
        f"/access/people/{person.id}/roles", data={"role": role, "unit": unit, "everywhere": "" if unit else "yes", **FROM, **more}
    )


def test_giving_and_ending_a_role(sign_in: Any, make: Make, admin: Any, ledger: Any) -> None:
    ann, browser = make.person("Ann Field"), sign_in(admin)
    make.unit("Fostering", "service")
    ledger.start()
    assert give(browser, ann, unit="fostering").headers["location"].startswith(f"/access/people/{ann.id}?said=given")
    page = browser.get(f"/access/people/{ann.id}").text
    assert "Coordinator" in page and "Fostering" in page and "No end" in page
    assert "Ann Field" in browser.get("/access", params={"role": "coordinator"}).text
    assert "Ann Field" not in browser.get("/access", params={"role": "HR officer"}).text
    role = make.rows(select(RoleHeld.id).where(RoleHeld.person_id == ann.id))[0].id
    assert "stops being coordinator for Fostering" in browser.get(f"/access/roles/{role}/end").text
    assert browser.post(f"/access/roles/{role}/end").status_code == 303
    again = browser.post(f"/access/roles/{role}/end")
    assert again.status_code in (404, 409)
    assert [action for action in ledger.actions() if action.startswith("role.")] == ["role.given", "role.ended"]


def test_a_role_to_come_and_with_an_end(sign_in: Any, make: Make, admin: Any) -> None:
    ann, browser = make.person("Ann"), sign_in(admin)
    later = clock().date() + timedelta(days=10)
    dates = {"from": str(later.day), "from-month": str(later.month), "from-year": str(later.year)}
    until = {"until": str(later.day), "until-month": str(later.month), "until-year": str(later.year)}
    assert (
        browser.post(f"/access/people/{ann.id}/roles", data={"role": "board viewer", "everywhere": "yes", **dates, **until}).status_code
        == 303
    )
    row = make.rows(select(RoleHeld.__table__).where(RoleHeld.person_id == ann.id))[0]
    assert (row.valid_from, row.valid_to) == (later, later + timedelta(days=1))  # the last day counts
    assert "Planned" in browser.get(f"/access/people/{ann.id}").text
    assert sign_in(ann).get("/access").status_code == 403


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"role": "line manager"}, "Choose a role"),
        ({"role": ""}, "Choose a role"),
        ({"unit": "Nowhere"}, "There is nothing called"),
        ({}, "or choose everywhere"),
        ({"unit": "Nowhere", "everywhere": "yes"}, "but not both"),
        ({"from": "31", "from-month": "2"}, "must be a real date"),
        ({"from": "", "from-month": "", "from-year": ""}, "Enter the day it starts"),
        ({"until": "1", "until-month": "10", "until-year": "2026"}, "must not be before"),
    ],
)
def test_refusals_say_what_is_wrong(sign_in: Any, make: Make, admin: Any, ledger: Any, form: dict[str, str], says: str) -> None:
    ann, browser = make.person("Ann"), sign_in(admin)
    ledger.start()
    reply = browser.post(f"/access/people/{ann.id}/roles", data={"role": "coordinator", "unit": "", **FROM, **form})
    assert reply.status_code == 422 and says in reply.text
    assert ledger.actions() == []


def test_nobody_gives_themselves_a_role_or_ends_their_own_administration(sign_in: Any, make: Make, admin: Any) -> None:
    browser = sign_in(admin)
    assert give(browser, admin, "HR officer").status_code == 409
    own = make.rows(select(RoleHeld.id).where(RoleHeld.person_id == admin.id))[0].id
    assert browser.post(f"/access/roles/{own}/end").status_code == 409
    assert browser.post(f"/access/people/{admin.id}/suspend").status_code == 409


def test_an_administrator_of_one_organisation_cannot_reach_beyond_it(sign_in: Any, make: Make, ledger: Any) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = make.person("Lo Local", organisation=nursery, roles=("administrator",), scope=nursery)
    colleague = make.person("Cy Colleague", organisation=nursery)
    stranger = make.person("Stu Stranger", roles=("coordinator",))
    wide = make.person("Wyn Wide", organisation=nursery, roles=("coordinator",))  # everywhere, though of their organisation
    browser = sign_in(local)
    ledger.start()
    assert give(browser, colleague, "setting lead", "Little Bears Nursery").status_code == 303
    assert give(browser, colleague, "administrator", "").status_code == 422  # everywhere
    assert give(browser, colleague, "administrator", "Westmarch County Council").status_code == 422
    assert give(browser, stranger, "setting lead", "Little Bears Nursery").status_code == 404
    assert browser.get(f"/access/people/{stranger.id}").status_code == 404
    for what in ("invite", "suspend", "restore"):
        assert browser.post(f"/access/people/{stranger.id}/{what}").status_code == 404
    beyond, foreign = (make.rows(select(RoleHeld.id).where(RoleHeld.person_id == person.id))[0].id for person in (wide, stranger))
    assert browser.post(f"/access/roles/{beyond}/end").status_code == 409
    assert browser.post(f"/access/roles/{foreign}/end").status_code == 404
    assert "Everybody’s people" not in browser.get("/access/clients/new").text
    for organisation in ("", "everybody", str(make.organisation())):
        form = {"name": "All", "scope": "people:read", "organisation": organisation}
        assert browser.post("/access/clients/new", data=form).status_code == 422
    assert "Stu Stranger" not in browser.get("/access").text
    assert [action for action in ledger.actions() if not action.endswith("viewed")] == ["role.given"]


def test_inviting(sign_in: Any, make: Make, admin: Any, ledger: Any) -> None:
    browser = sign_in(admin)
    new, nameless = make.person("New", account=False), make.person("No Mail", account=False, email=None)
    ledger.start()
    assert "No account" in browser.get(f"/access/people/{new.id}").text
    assert browser.post(f"/access/people/{new.id}/invite").status_code == 303
    assert browser.post(f"/access/people/{new.id}/invite").status_code == 303  # again: another link
    assert ledger.outbox() == ["email.invitation"] * 2
    assert "They have not set a password yet" in browser.get(f"/access/people/{new.id}").text
    reply = browser.post(f"/access/people/{nameless.id}/invite")
    assert reply.status_code == 409 and "no work e-mail" in reply.text
    make.password(new.id, "three small otters")
    assert browser.post(f"/access/people/{new.id}/invite").status_code == 409
    assert ">Active<" in browser.get(f"/access/people/{new.id}").text


def test_suspending_twice_is_refused(sign_in: Any, make: Make, admin: Any) -> None:
    ann, browser = make.person("Ann"), sign_in(admin)
    assert browser.post(f"/access/people/{ann.id}/restore").status_code == 409
    assert "signed out everywhere" in browser.get(f"/access/people/{ann.id}/suspend").text
    assert [browser.post(f"/access/people/{ann.id}/suspend").status_code for _ in range(2)] == [303, 409]
    assert ">Suspended<" in browser.get(f"/access/people/{ann.id}").text
    assert make.rows(select(Account.suspended_at).where(Account.person_id == ann.id))[0].suspended_at is not None


def test_looking_at_somebodys_access_is_in_their_trail(sign_in: Any, make: Make, admin: Any, ledger: Any) -> None:
    ann = make.person("Ann")
    sign_in(admin).get(f"/access/people/{ann.id}")
    assert [entry.person_id for entry in ledger.entries("access.viewed")] == [ann.id]


# API clients -------------------------------------------------------------------------------------------------------


def test_a_client_from_its_secret_to_its_end(sign_in: Any, visitor: Any, make: Make, admin: Any, ledger: Any) -> None:
    browser = sign_in(admin)
    ledger.start()
    said = {"name": "Payroll", "scope": ["people:read", "bookings:read"], "organisation": "everybody"}
    made = browser.post("/access/clients/new", data=said)
    assert made.status_code == 200 and "shown this once" in made.text and made.headers["cache-control"] == "no-store"
    client_id, secret = re.findall(r'<span class="app-code">([^<]+)</span></dd>', made.text)
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = visitor.post("/oauth/token", data=form).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert visitor.get("/api/v1/people", headers=headers).status_code == 200
    listed = browser.get("/access/clients").text
    assert "Payroll" in listed and secret not in listed
    key = make.rows(select(ApiClient.id))[0].id
    assert client_id in browser.get(f"/access/clients/{key}").text
    assert [browser.post(f"/access/clients/{key}/disable").status_code for _ in range(2)] == [303, 409]
    assert visitor.get("/api/v1/people", headers=headers).status_code == 401
    assert visitor.post("/oauth/token", data=form).status_code == 401
    assert [action for action in ledger.actions() if action in ("client.created", "client.disabled")] == [
        "client.created",
        "client.disabled",
    ]
    assert browser.get("/access/clients/999").status_code == 404


@pytest.mark.parametrize("form", [{"name": ""}, {"name": "x" * 81}, {"scope": []}, {"scope": ["everything"]}])
def test_a_client_needs_a_name_and_scopes(sign_in: Any, make: Make, admin: Any, form: dict[str, Any]) -> None:
    reply = sign_in(admin).post(
        "/access/clients/new", data={"name": "Payroll", "scope": ["people:read"], "organisation": "everybody", **form}
    )
    assert reply.status_code == 422 and "There is a problem" in reply.text
    assert make.rows(select(ApiClient.id)) == []


def test_only_an_organisation_of_the_list_is_one_and_everybodys_has_to_be_chosen(sign_in: Any, make: Make, admin: Any) -> None:
    """What is left out, mistyped or made up must not end in a client that sees everybody."""
    browser, own = sign_in(admin), str(make.organisation())
    closed = make.organisation("Closed Nursery", host=False)
    team = make.unit("Court team")
    with make.tx() as tx:
        tx.update(Unit, closed, closed_on=tx.today)
    said = {"name": "Payroll", "scope": ["people:read"]}
    assert browser.post("/access/clients/new", data=said | {"organisation": own}).status_code == 200
    key = make.rows(select(ApiClient.id))[0].id
    wrong = ["", " ", "0", "-1", "abc", "HVC", "None", "Everybody", "999999", "12345678901234567890", f"{own}.0", f"0{own}"]
    wrong += [str(closed), str(team)]
    for form in (said, *(said | {"organisation": one} for one in wrong), said | {"organisation": [own, "everybody"]}):
        for page in ("/access/clients/new", f"/access/clients/{key}/edit"):
            reply = browser.post(page, data=form)
            assert reply.status_code == 422 and "Choose whose people it may see" in reply.text, (page, form)
    (only,) = make.rows(select(ApiClient.organisation_id))
    assert only.organisation_id == int(own)
    assert f'<option value="{own}" selected>' in browser.get(f"/access/clients/{key}/edit").text
    assert browser.post(f"/access/clients/{key}/edit", data=said | {"organisation": "everybody"}).status_code == 303
    assert make.rows(select(ApiClient.organisation_id))[0].organisation_id is None
    assert '<option value="everybody" selected>' in browser.get(f"/access/clients/{key}/edit").text


def test_pages_ask_few_questions(sign_in: Any, make: Make, admin: Any, count_queries: Any) -> None:
    browser = sign_in(admin)
    for n in range(30):
        make.person(f"Holder{n}", roles=("board viewer",))
    ann = make.person("Ann")
    for path in ("/access", f"/access/people/{ann.id}", "/access/clients"):
        browser.get(path)
        with count_queries() as queries:
            assert browser.get(path).status_code == 200
        assert len([statement for statement in queries.statements if "INSERT" not in statement]) <= 8
    assert "Page 1 of 2" in browser.get("/access").text


def test_an_administrator_of_one_organisation_does_not_stop_those_with_wider_roles(sign_in: Any, make: Make, ledger: Any) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = sign_in(make.person("Lo Local", organisation=nursery, roles=("administrator",), scope=nursery))
    wide = make.person("Wyn Wide", organisation=nursery, roles=("administrator",))
    near = make.person("Ned Near", organisation=nursery, roles=("setting lead",), scope=nursery)
    ledger.start()
    for what in ("suspend", "restore"):
        reply = local.post(f"/access/people/{wide.id}/{what}")
        assert reply.status_code == 409 and "Ask an administrator of the whole organisation" in reply.text
    assert "account.suspended" not in ledger.actions()
    assert local.post(f"/access/people/{near.id}/suspend").status_code == 303


def test_coordinators_are_of_the_host_organisation(sign_in: Any, make: Make, admin: Any) -> None:
    make.organisation("Little Bears Nursery", host=False)
    ann, browser = make.person("Ann"), sign_in(admin)
    make.unit("Fostering", "service")
    reply = give(browser, ann, unit="Little Bears Nursery")
    assert reply.status_code == 422 and "belongs to the host organisation" in reply.text and 'value="Little Bears Nursery"' in reply.text
    assert give(browser, ann, unit="fostering").status_code == 303
