"""Lists: filters, order, pages, attributes; and that a page costs a handful of questions however long it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from app.core.db import FOREVER
from app.core.text import search_words
from app.hr.directory_models import ScimUser
from app.hr.scim.users import name_key
from app.people.models import Membership, Person
from tests.factory import LONG_AGO, Make
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import ENTERPRISE, Directory

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def many(make: Make, organisation: int, number: int, team: int) -> None:
    """So many users, all of one team, inserted at once."""
    with make.tx() as tx:
        first = 10_000
        people, users, teams = [], [], []
        for n in range(first, first + number):
            name = f"Person{n} Lee"
            known = dict(first_name=f"Person{n}", last_name="Lee", name=name, sort_name=f"lee, person{n}", search_text=search_words(name))
            people.append(dict(id=n, organisation_id=organisation, created_at=tx.now, updated_at=tx.now, version=1, **known))
            user = dict(person_id=n, organisation_id=organisation, user_name=f"U{n}", user_name_key=name_key(f"U{n}"), active=True)
            users.append(user | dict(details={}, version=1, created_at=tx.now, updated_at=tx.now))
            teams.append(dict(person_id=n, unit_id=team, valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now))
        tx.db.execute(insert(Person), people)
        tx.db.execute(insert(ScimUser), users)
        tx.db.execute(insert(Membership), teams)


@pytest.fixture
def known(entra: Directory, place: Place) -> dict[str, str]:
    """Names → ids of a few users."""
    boss = entra.user("boss", title="Team manager", displayName="Boss, The")
    rest: dict[str, dict[str, Any]] = {
        "ann": dict(title="Social worker", employment={"department": "North Team", "employeeNumber": "1", "manager": boss["id"]}),
        "bob": dict(title="Social Worker", active=False, employment={"department": "South Team", "employeeNumber": "2"}),
        "émile": dict(externalId="E-4", emails=[{"value": "emile@westmarch.example", "type": "work"}]),
    }
    return {"boss": boss["id"], **{name: entra.user(name, **values)["id"] for name, values in rest.items()}}


FILTERS: list[tuple[str, set[str]]] = [
    ('userName eq "ANN@westmarch.example"', {"ann"}),
    ('userName eq "ÉMILE@westmarch.example"', {"émile"}),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ann@westmarch.example"', {"ann"}),
    ('USERNAME EQ "ann@westmarch.example"', {"ann"}),
    ('externalId eq "E-4"', {"émile"}),
    ('externalId eq "e-4"', set()),
    ('emails.value eq "EMILE@westmarch.example"', {"émile"}),
    ('emails[type eq "work" and value sw "emile"]', {"émile"}),
    ('emails[type eq "work"].value eq "emile@westmarch.example"', {"émile"}),
    ("emails pr", {"émile"}),
    ('title eq "social worker"', {"ann", "bob"}),
    ('title sw "Social" and active eq true', {"ann"}),
    ('active eq "False"', {"bob"}),
    ("active eq false", {"bob"}),
    ('title eq "Social worker" or userName eq "boss@westmarch.example"', {"ann", "bob", "boss"}),
    ('not (title co "worker") and displayName pr', {"boss"}),
    (f'{ENTERPRISE}:employeeNumber eq "2"', {"bob"}),
    (f'{ENTERPRISE}:department eq "north team"', {"ann"}),
    (f"{ENTERPRISE}:manager.value pr", {"ann"}),
    ('name.familyName eq "Lee" and (title pr and not (active eq false))', {"ann", "boss"}),
    ('userName ne "ann@westmarch.example"', {"bob", "boss", "émile"}),
    ('userName gt "bob"', {"bob", "boss", "émile"}),
    ('meta.lastModified gt "2020-01-01T00:00:00Z"', {"ann", "bob", "boss", "émile"}),
    ('meta.lastModified gt "2199-01-01T00:00:00Z"', set()),
    ('userName eq "nobody"', set()),
    ('id eq "99999999999999999999"', set()),
]


def test_filters(entra: Directory, known: dict[str, str]) -> None:
    names = {key: name for name, key in known.items()}
    for text, expected in FILTERS:
        reply = entra.get("/Users", filter=text)
        assert reply.status_code == 200, (text, reply.text)
        said = reply.json()
        assert {names[one["id"]] for one in said["Resources"]} == expected, text
        assert said["totalResults"] == len(expected)
        searched = entra.post("/Users/.search", {"schemas": [SEARCH], "filter": text})
        assert [one["id"] for one in searched.json()["Resources"]] == [one["id"] for one in said["Resources"]], text


def test_order_and_pages(entra: Directory, known: dict[str, str]) -> None:
    names = {key: name for name, key in known.items()}

    def page(**asked: Any) -> list[str]:
        return [names[one["id"]] for one in entra.get("/Users", **asked).json()["Resources"]]

    assert page(sortBy="userName") == ["ann", "bob", "boss", "émile"]
    assert page(sortBy="userName", sortOrder="descending") == ["émile", "boss", "bob", "ann"]
    assert page(sortBy="title")[-1] == "émile", "who has none comes last"
    assert page(sortBy="userName", startIndex=2, count=2) == ["bob", "boss"]
    assert page(startIndex=2, count=1) == ["ann"], "in the order of ids unless another is asked for"
    assert page(startIndex=-5, count=1) == ["boss"]
    assert page(startIndex=10**30) == []
    said = entra.get("/Users", count=0).json()
    assert (said["totalResults"], said["Resources"]) == (4, [])
    assert entra.get("/Users", startIndex="two").json()["scimType"] == "invalidValue"


def test_both_kinds_at_the_root(entra: Directory, known: dict[str, str]) -> None:
    group = entra.group("North Team")["id"]
    everything = entra.post("/.search", {"schemas": [SEARCH]}).json()
    assert [one["id"] for one in everything["Resources"]] == [*known.values(), group]
    assert everything["Resources"][-1]["members"][0]["value"] == known["ann"]
    part = entra.post("/.search", {"startIndex": 4, "count": 2, "attributes": ["displayName"]}).json()
    assert [one["id"] for one in part["Resources"]] == [known["émile"], group]
    found = entra.post("/.search", {"filter": 'displayName eq "north team" or userName eq "ann@westmarch.example"'}).json()
    assert [one["meta"]["resourceType"] for one in found["Resources"]] == ["User", "Group"]
    by_member = entra.post("/.search", {"filter": f'members.value eq "{known["ann"]}"'}).json()
    assert [one["id"] for one in by_member["Resources"]] == [group]


def test_attributes_that_are_asked_for_and_left_out(entra: Directory, known: dict[str, str]) -> None:
    one = entra.get(f"/Users/{known['ann']}", attributes=f"userName,{ENTERPRISE}:department").json()
    assert set(one) == {"schemas", "id", "userName", ENTERPRISE}
    assert one[ENTERPRISE] == {"department": "North Team"}
    rest = entra.get("/Users", excludedAttributes="name,meta").json()["Resources"]
    assert all("name" not in each and "meta" not in each and "userName" in each for each in rest)
    both = entra.get("/Users", attributes="userName", excludedAttributes="title")
    assert both.status_code == 400
    new = entra.http.post(
        "/scim/v2/Groups?attributes=displayName",
        json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "New Team"},
    )
    assert set(new.json()) == {"schemas", "id", "displayName"}


def test_a_page_costs_the_same_however_long_it_is(entra: Directory, place: Place, make: Make, count_queries: Callable[[], Any]) -> None:
    entra.group("North Team")
    entra.get("/Users")

    def questions(path: str, **asked: Any) -> int:
        with count_queries() as queries:
            reply = entra.get(path, **asked)
        assert reply.status_code == 200, reply.text
        return len(queries)

    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/Users", {"count": 100}),
        ("/Users", {"filter": 'name.familyName eq "Lee"', "count": 100}),
        ("/Groups", {}),
        ("/Groups", {"excludedAttributes": "members"}),
    )
    few = [questions(path, **values) for path, values in asked]
    many(make, place.organisation, 150, place.teams["North Team"])
    assert [questions(path, **values) for path, values in asked] == few
    assert max(few) <= 5
    said = entra.get("/Users", count=100).json()
    assert (said["totalResults"], said["itemsPerPage"]) == (150, 100)
    assert len(entra.get("/Groups").json()["Resources"][0]["members"]) == 150


def test_too_many_to_be_judged_is_said(entra: Directory, place: Place, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.hr.scim import filters

    many(make, place.organisation, 30, place.teams["North Team"])
    monkeypatch.setattr(filters, "MOST_JUDGED", 20)
    reply = entra.get("/Users", filter='name.familyName eq "Lee"')
    assert (reply.status_code, reply.json()["scimType"]) == (400, "tooMany")
    assert entra.get("/Users", filter='userName eq "u10003"').json()["totalResults"] == 1, "what is looked up costs nothing"


def test_what_is_told_is_what_is_kept(entra: Directory, place: Place) -> None:
    """Discovery names each attribute that a resource has, and no other."""
    schemas = {one["id"]: one for one in entra.get("/Schemas").json()["Resources"]}
    told = {attribute["name"]: attribute for attribute in schemas["urn:ietf:params:scim:schemas:core:2.0:User"]["attributes"]}
    assert set(told) == {"userName", "name", "displayName", "title", "active", "emails", "groups"}
    assert told["groups"]["mutability"] == "readOnly"
    assert (told["userName"]["uniqueness"], told["userName"]["required"], told["userName"]["caseExact"]) == ("server", True, False)
    employment = {attribute["name"]: attribute for attribute in schemas[ENTERPRISE]["attributes"]}
    assert set(employment) == {"employeeNumber", "organization", "division", "department", "manager"}
    assert employment["department"]["canonicalValues"][1:] == ["North Team", "South Team"]
    config = entra.get("/ServiceProviderConfig").json()
    assert {name: config[name]["supported"] for name in ("patch", "bulk", "filter", "sort", "etag", "changePassword")} == {
        **dict.fromkeys(("patch", "bulk", "filter", "sort", "etag"), True),
        "changePassword": False,
    }
    assert entra.get("/Schemas", filter='id eq "x"').status_code == 403
    assert entra.get("/ResourceTypes/Group").json()["endpoint"] == "/Groups"
    assert entra.get("/ResourceTypes/Device").status_code == 404
