"""People over REST: a list for synchronising, and changes by the same operations as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core import tx as clockwork
from app.core.tx import clock
from app.identity.models import ApiToken
from app.people import operations
from app.people.models import Registration
from tests.factory import Make

Client = Callable[..., TestClient]
PEOPLE = "/api/v1/people"


def names(reply: Any) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [item["first_name"] for item in reply.json()["items"]]


def test_todays_post_team_manager_and_stage(make: Make, client: Client) -> None:
    team = make.unit("North team")
    boss = make.person("Bo")
    ann = make.person("Ann", team=team, manager=boss.id, stage="SW", swe_number="SW900001")
    item = client("people:read").get(f"{PEOPLE}/{ann.id}").json()
    assert (item["unit"], item["unit_id"], item["manager_id"], item["stage"]) == ("North team", team, boss.id, "SW")
    assert (item["job_title"], item["contract"], item["fte"], item["working_days"]) == ("Social worker", "permanent", 1.0, "1111100")
    assert item["swe_number"] == "SW900001" and "access_needs" not in item and "caseload" not in item


def test_a_list_in_slices_is_whole_and_stays_so_under_writes(make: Make, client: Client) -> None:
    for number in range(7):
        make.person(f"P{number}")
    api = client("people:read")
    first = api.get(PEOPLE, params={"limit": 3}).json()
    make.person("Later")
    second = api.get(PEOPLE, params={"limit": 3, "cursor": first["next"]}).json()
    third = api.get(PEOPLE, params={"limit": 3, "cursor": second["next"]}).json()
    seen = [item["first_name"] for page in (first, second, third) for item in page["items"]]
    assert seen == [f"P{number}" for number in range(7)] + ["Later"] and third["next"] is None


@pytest.mark.parametrize("cursor", ["abc", "!!!", "MQ", "é", "MTIuYWJj", " "])
def test_a_made_up_cursor_is_refused(client: Client, cursor: str) -> None:
    reply = client("people:read").get(PEOPLE, params={"cursor": cursor})
    assert (reply.status_code, reply.json()["code"], reply.json()["errors"][0]["field"]) == (422, "bad-cursor", "cursor")


def test_a_cursor_belongs_to_its_list_and_filters(make: Make, client: Client) -> None:
    for _ in range(3):
        make.session()
        make.person()
    api = client("people:read", "catalogue:read")
    cursor = api.get(PEOPLE, params={"limit": 1}).json()["next"]
    assert api.get(PEOPLE, params={"cursor": cursor, "limit": 2}).status_code == 200  # another length is no other question
    assert api.get(PEOPLE, params={"cursor": cursor, "q": "ann"}).json()["code"] == "bad-cursor"
    assert api.get("/api/v1/sessions", params={"cursor": cursor}).json()["code"] == "bad-cursor"


def test_filters(make: Make, client: Client) -> None:
    north = make.unit("North", "locality")
    team = make.unit("North team", parent=north)
    other = make.organisation("Northmoor Council", host=False)
    ann = make.person("Ann", team=team, swe_number="SW900001", employee_number="77", email="ann.o@westmarch.example")
    make.person("Bob")
    make.person("Nia", organisation=other)
    api = client("people:read")

    def found(**query: Any) -> list[str]:
        return names(api.get(PEOPLE, params=query))

    assert found() == ["Ann", "Bob", "Nia"]
    assert found(unit=north) == found(unit=team) == ["Ann"]
    assert found(unit=ann.organisation_id) == ["Ann"]
    assert found(organisation=other) == ["Nia"]
    assert found(employee_number="77") == found(email="Ann.O@westmarch.example") == found(swe_number="sw 900001") == ["Ann"]
    assert found(q="an") == ["Ann"] and found(q="..") == []
    assert found(q="ann", organisation=other) == []


def test_what_changed_since(make: Make, client: Client) -> None:
    make.unit("Team")
    ann, bob = make.person("Ann"), make.person("Bob")
    team, api = make.unit("North team"), client("people:read")
    since = clock().isoformat()
    assert names(api.get(PEOPLE, params={"updated_since": since})) == []
    with make.tx() as tx:
        operations.set_team(tx, bob.id, team, date(2026, 1, 5))
    assert names(api.get(PEOPLE, params={"updated_since": since})) == ["Bob"]
    assert ann.id < bob.id


def test_a_planned_move_counts_as_a_change_on_its_day(make: Make, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, team, api = make.person("Ann"), make.unit("North team"), client("people:read")
    day = clock().date() + timedelta(days=10)
    with make.tx() as tx:
        operations.set_team(tx, ann.id, team, day)
    since = clock()
    with make.tx() as tx:
        tx.db.execute(update(ApiToken).values(expires_at=clock() + timedelta(days=30)))
    monkeypatch.setattr(clockwork, "clock", lambda: since + timedelta(days=9))
    assert names(api.get(PEOPLE, params={"updated_since": since.isoformat()})) == []
    monkeypatch.setattr(clockwork, "clock", lambda: since + timedelta(days=10))
    assert names(api.get(PEOPLE, params={"updated_since": since.isoformat()})) == ["Ann"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "2001"}, "limit"),
        ({"limit": "1.0"}, "limit"),
        ({"organisation": "abc"}, "organisation"),
        ({"unit": str(2**53)}, "unit"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"updated_since": "1700000000"}, "updated_since"),
        ({"updated_since": "2026-01-01T00:00:00"}, "updated_since"),
        ({"email": "\x00"}, "email"),
        ({"emial": "ann"}, "emial"),
    ],
)
def test_a_wrong_question_is_refused_by_field(client: Client, query: dict[str, str], field: str) -> None:
    reply = client("people:read").get(PEOPLE, params=query)
    assert (reply.status_code, reply.json()["code"], [error["field"] for error in reply.json()["errors"]]) == (422, "invalid", [field])


def test_the_whole_list_is_one_statement(make: Make, client: Client, count_queries: Any) -> None:
    for _ in range(5):
        make.person()
    api = client("people:read", organisation=make.organisation())
    with count_queries() as queries:
        assert len(api.get(PEOPLE, params={"limit": 2000}).json()["items"]) == 5
    assert len([text for text in queries.statements if not text.lower().startswith("begin")]) == 2  # the token, the list


def test_another_organisations_people_do_not_exist(make: Make, client: Client) -> None:
    other = make.organisation("Northmoor Council", host=False)
    team = make.unit("North team")
    ann, nia = make.person("Ann"), make.person("Nia", organisation=other)
    api = client("people:read", "people:write", organisation=other)
    assert names(api.get(PEOPLE)) == ["Nia"] and names(api.get(PEOPLE, params={"organisation": ann.organisation_id})) == []
    assert api.get(f"{PEOPLE}/{ann.id}").json()["code"] == "person-not-found"
    match = {"If-Match": api.get(f"{PEOPLE}/{nia.id}").headers["etag"]}
    assert api.patch(f"{PEOPLE}/{ann.id}", json={"known_as": "A"}, headers={"If-Match": "*"}).status_code == 404
    assert api.patch(f"{PEOPLE}/{nia.id}", json={"unit_id": team}, headers=match).json()["code"] == "unit-not-found"
    assert api.patch(f"{PEOPLE}/{nia.id}", json={"manager_id": ann.id}, headers=match).json()["code"] == "person-not-found"
    new = {"first_name": "Ned", "last_name": "Moor", "organisation_id": ann.organisation_id}
    assert api.post(PEOPLE, json=new).json()["code"] == "organisation-not-found"
    assert api.post(PEOPLE, json=new | {"organisation_id": None}).json()["organisation_id"] == other


def test_somebody_new_with_their_first_post(make: Make, client: Client, ledger: Any) -> None:
    team, boss = make.unit("North team"), make.person("Bo", stage="TM")
    api = client("people:read", "people:write")
    ledger.start()
    new = {
        "organisation_id": boss.organisation_id,
        "first_name": " Zoë ",
        "last_name": "O'Neill",
        "email": "Zoe@westmarch.example",
        "swe_number": "SW900009",
        "started_on": "2026-09-01",
        "effective_from": "2026-09-01",
        "post": {"job_title": "Social worker", "contract": "permanent", "fte": 0.8, "working_days": "1111000"},
        "unit_id": team,
        "manager_id": boss.id,
        "stage": "SW",
    }
    reply = api.post(PEOPLE, json=new)
    made = reply.json()
    assert reply.status_code == 201, reply.text
    assert (made["name"], made["email"], made["fte"], made["unit"]) == ("Zoë O'Neill", "zoe@westmarch.example", 0.8, "North team")
    assert (made["manager_id"], made["stage"], made["started_on"]) == (boss.id, "SW", "2026-09-01")
    assert api.get(reply.headers["location"]).json() == made
    assert ledger.actions()[0] == "person.created" and len(ledger.actions()) == 5
    again = api.post(PEOPLE, json=new)
    assert (again.status_code, again.json()["code"]) == (409, "email-taken" if "email" in again.json()["code"] else "swe-number-taken")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"first_name": "  "}, 422, "first_name"),
        ({"email": "ann"}, 422, "email"),
        ({"swe_number": "SW0"}, 422, "swe_number"),
        ({"stage": "XX"}, 422, "stage"),
        ({"started_on": 20260901}, 422, "started_on"),
        ({"post": {"job_title": "Social worker", "contract": "casual"}}, 422, "post.contract"),
        ({"post": {"job_title": "Social worker", "contract": "permanent", "fte": 0.0}}, 422, "post.fte"),
        ({"effective_from": "9999-12-31"}, 422, "effective_from"),
        ({"role": "administrator"}, 422, "role"),
        ({"first_name": None}, 422, "first_name"),
    ],
)
def test_a_wrong_change_is_refused_by_field(
    make: Make, client: Client, ledger: Any, change: dict[str, Any], status: int, field: str
) -> None:
    ann, api = make.person("Ann", stage="SW"), client("people:write")
    ledger.start()
    reply = api.patch(f"{PEOPLE}/{ann.id}", json=change, headers={"If-Match": "*"})
    assert (reply.status_code, [error["field"] for error in reply.json()["errors"]]) == (status, [field])
    assert ledger.actions() == []


def test_a_change_says_which_version_it_was_made_from(make: Make, client: Client) -> None:
    ann, api = make.person("Ann"), client("people:read", "people:write")
    path = f"{PEOPLE}/{ann.id}"
    tag = api.get(path).headers["etag"]
    assert (api.patch(path, json={"known_as": "Annie"}).status_code, api.patch(path, json={}).json()["code"]) == (
        428,
        "precondition-required",
    )
    first = api.patch(path, json={"known_as": "Annie"}, headers={"If-Match": tag})
    assert (first.status_code, first.json()["known_as"], first.json()["first_name"]) == (200, "Annie", "Ann")
    late = api.patch(path, json={"known_as": "Nan"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "changed-since-read")
    emptied = api.patch(path, json={"known_as": None}, headers={"If-Match": f'"0.aa", {first.headers["etag"]}'})
    assert emptied.json()["known_as"] is None and emptied.headers["etag"] == api.get(path).headers["etag"]


def test_a_circle_of_managers_is_refused(make: Make, client: Client) -> None:
    boss = make.person("Bo")
    ann, api = make.person("Ann", manager=boss.id), client("people:write")
    circle = api.patch(f"{PEOPLE}/{boss.id}", json={"manager_id": ann.id}, headers={"If-Match": "*"})
    assert (circle.status_code, circle.json()["code"]) == (409, "manager-circle")
    freed = api.patch(f"{PEOPLE}/{ann.id}", json={"manager_id": None}, headers={"If-Match": "*"})
    assert freed.json()["manager_id"] is None


def test_an_address_that_opens_more_than_the_client_may_stays(make: Make, client: Client) -> None:
    ann, cai, api = make.person("Ann"), make.person("Cai", roles=("coordinator",)), client("people:write")
    new = {"email": "new.address@westmarch.example"}
    refused = api.patch(f"{PEOPLE}/{cai.id}", json=new, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (409, "email-needs-access")
    assert api.patch(f"{PEOPLE}/{ann.id}", json=new, headers={"If-Match": "*"}).json()["email"] == new["email"]


def test_a_registration_with_its_dates(make: Make, client: Client) -> None:
    ann = make.person("Ann", swe_number="SW900001")
    api = client("people:read", "people:write")
    said = {"registration_status": "registered", "registered_from": "2015-03-02", "registered_until": "2026-11-30"}
    item = api.patch(f"{PEOPLE}/{ann.id}", json=said, headers={"If-Match": api.get(f"{PEOPLE}/{ann.id}").headers["etag"]}).json()
    assert {name: item[name] for name in said} == said
    wrong = api.patch(f"{PEOPLE}/{ann.id}", json={"registered_until": "2014-01-01"}, headers={"If-Match": f'"{item["version"]}"'})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["field"] == "registered_until"
    live = select(Registration.status, Registration.valid_from, Registration.valid_to).where(Registration.superseded_at.is_(None))
    assert [tuple(row) for row in make.rows(live)] == [("registered", date(2015, 3, 2), date(2026, 12, 1))]
