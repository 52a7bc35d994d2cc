"""Measures over REST: published figures only, small numbers hidden from every client, each month and part as it was published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.factory import Make
from tests.measures.published import THREE, World

Client = Callable[..., TestClient]
LIST = "/api/v1/measures"


def asked(client: TestClient, path: str, status: int = 200) -> Any:
    reply = client.get(path)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_measures_of_the_newest_month_in_the_order_of_the_set(make: Make, client: Client) -> None:
    World.of(make)
    found = asked(client("measures:read"), LIST)
    assert (found["as_at"], found["months"], found["next"]) == (str(THREE[2]), [str(month) for month in reversed(THREE)], None)
    assert [(item["code"], item["figure"], item["symbol"], item["target_met"]) for item in found["items"]] == [
        ("seen", 85, None, True),
        ("seen-by-row", 85, None, None),
        ("staff", 1286, None, None),
        ("formal-cases", None, "c", None),
        ("survey", None, None, None),
        ("caseload", None, "z", None),
    ]
    assert found["items"][4]["imported"]


def test_another_month_a_theme_and_pages(make: Make, client: Client) -> None:
    World.of(make)
    mine = client("measures:read")
    earlier = asked(mine, f"{LIST}?as_at={THREE[0]}&theme=culture")
    assert [(item["code"], item["figure"]) for item in earlier["items"]] == [("staff", 1286), ("survey", 34)]
    first = asked(mine, f"{LIST}?limit=4")
    second = asked(mine, f"{LIST}?limit=4&cursor={first['next']}")
    assert [item["code"] for item in first["items"] + second["items"]] == [
        "seen",
        "seen-by-row",
        "staff",
        "formal-cases",
        "survey",
        "caseload",
    ]
    assert second["next"] is None
    assert asked(mine, f"{LIST}?theme=culture&cursor={first['next']}", 422)["code"] == "bad-cursor"
    assert asked(mine, f"{LIST}?as_at=2020-02-29", 404)["code"] == "month-not-closed"
    asked(mine, f"{LIST}?month=newest", 422)


def test_a_measure_has_its_groups_and_months_with_small_ones_hidden(make: Make, client: Client) -> None:
    one = World.of(make)
    found = asked(client("measures:read"), f"{LIST}/seen")
    groups = {group["title"]: (group["breakdown"], group["figure"], group["numerator"], group["symbol"]) for group in found["groups"]}
    assert groups == {
        "Assessment": ("tree", 85, 85, None),
        "North team": ("tree", None, None, "c"),
        "South team": ("tree", None, None, "c"),
        "Social worker": ("stage", 85, 85, None),
    }
    assert [group["part_of"] for group in found["groups"] if group["title"] == "North team"] == [str(one.units["service"])]
    assert [(month["as_at"], month["figure"]) for month in found["trend"]] == list(zip(map(str, THREE), (70, 82, 85), strict=True))
    assert {group["breakdown"] for group in asked(client("measures:read"), f"{LIST}/seen?breakdown=stage")["groups"]} == {"stage"}
    assert asked(client("measures:read"), f"{LIST}/nothing", 404)["code"] == "measure-not-found"


def test_a_client_of_another_organisation_has_none_of_it(make: Make, client: Client) -> None:
    one = World.of(make)
    elsewhere = make.organisation("Northmoor Council", host=False)
    assert asked(client("measures:read", organisation=elsewhere), LIST, 404)["code"] == "month-not-closed"
    assert asked(client("measures:read", organisation=one.council), LIST)["as_at"] == str(THREE[2])


def test_without_the_scope_nothing(make: Make, client: Client) -> None:
    World.of(make)
    for path in (LIST, f"{LIST}/seen"):
        assert asked(client("people:read"), path, 403)["code"] == "insufficient-scope"


def test_no_name_leaves(make: Make, client: Client) -> None:
    one = World.of(make)
    reply = client("measures:read").get(f"{LIST}/seen").text + client("measures:read").get(LIST).text
    assert not [name for name in one.people if f"{name} " in reply]
