"""Groups are teams: linked or made, filled and emptied, and never the end of a team."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.people.models import Unit
from tests.conftest import Ledger
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import GROUP, Directory


def test_a_group_of_a_teams_name_is_that_team(entra: Directory, place: Place) -> None:
    ann = entra.user("ann", employment={"department": "North Team"})
    place.make.person("Not in the directory", team=place.teams["North Team"])
    group = entra.group("north  TEAM")
    assert group["id"] == str(place.teams["North Team"])
    assert [member["value"] for member in group["members"]] == [ann["id"]], "a directory sees its own users"
    again = entra.post("/Groups", {"schemas": [GROUP], "displayName": "North Team"})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


def test_a_new_group_is_a_new_team(entra: Directory, place: Place) -> None:
    ann = entra.user("ann", employment={"department": "North Team"})
    group = entra.group("Duty Team", ann["id"])
    unit = place.make.row(Unit, int(group["id"]))
    assert (unit.kind, unit.parent_id, unit.name, unit.code) == ("team", place.organisation, "Duty Team", "duty-team")
    assert place.facts(ann["id"])["team"] == "Duty Team"
    assert entra.user("bob", employment={"department": "Duty Team"})["groups"] == [
        {"value": group["id"], "$ref": group["meta"]["location"], "display": "Duty Team"}
    ]


def test_deleting_a_group_leaves_the_team_and_its_people(entra: Directory, place: Place) -> None:
    ann = entra.user("ann")
    group = entra.group("Duty Team", ann["id"])
    assert entra.delete(f"/Groups/{group['id']}").status_code == 204
    assert entra.get(f"/Groups/{group['id']}").status_code == 404
    assert entra.delete(f"/Groups/{group['id']}").status_code == 404
    assert place.facts(ann["id"])["team"] == "Duty Team"
    assert "groups" not in entra.get(f"/Users/{ann['id']}").json()
    back = entra.group("Duty Team")
    assert back["id"] == group["id"]
    assert [member["value"] for member in back["members"]] == [ann["id"]]


def test_put_and_patch_of_members(entra: Directory, place: Place, ledger: Ledger) -> None:
    ids = [entra.user(name)["id"] for name in ("ann", "bob", "cat", "dan")]
    group = entra.group("Duty Team", *ids[:2])["id"]
    kept = place.make.person("Not in the directory", team=int(group))
    ledger.start()
    reply = entra.put(
        f"/Groups/{group}", {"schemas": [GROUP], "displayName": "Duty Team", "members": [{"value": ids[1]}, {"value": ids[2]}]}
    )
    assert {member["value"] for member in reply.json()["members"]} == set(ids[1:3])
    assert ledger.actions() == ["person.moved-team", "person.moved-team", "scim.group-changed"], "who stays is not touched"
    assert place.facts(kept.id)["team"] == "Duty Team", "whom the directory does not see it does not take out"
    reply = entra.patch(f"/Groups/{group}", {"op": "add", "value": {"members": [{"value": ids[3]}, {"value": ids[3]}]}})
    assert {member["value"] for member in reply.json()["members"]} == set(ids[1:])
    reply = entra.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": [{"value": ids[0]}]})
    assert [member["value"] for member in reply.json()["members"]] == [ids[0]]
    reply = entra.patch(f"/Groups/{group}", {"op": "remove", "path": "members"})
    assert "members" not in reply.json()
    assert place.facts(ids[0])["team"] is None


def test_what_groups_cannot_be(entra: Directory, place: Place) -> None:
    ann = entra.user("ann")
    group = entra.group("Duty Team", ann["id"])
    entra.group("North Team")
    before = entra.get(f"/Groups/{group['id']}").json()
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"op": "add", "path": "members", "value": [{"value": "999999"}]}, 400, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": group["id"] + "x"}]}, 400, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": ann["id"], "$ref": "http://x/Users/999"}]}, 400, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{}]}, 400, "invalidValue"),
        ({"op": "add", "path": "members", "value": 5}, 400, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": "NORTH team"}, 409, "uniqueness"),
        ({"op": "replace", "path": "displayName", "value": "—"}, 400, "invalidValue"),
        ({"op": "remove", "path": "displayName"}, 400, "mutability"),
        ({"op": "replace", "path": "colour", "value": "x"}, 400, "invalidPath"),
    ]
    for operation, status, scim_type in wrong:
        reply = entra.patch(f"/Groups/{group['id']}", {"op": "replace", "path": "externalId", "value": "changed"}, operation)
        assert (reply.status_code, reply.json().get("scimType")) == (status, scim_type), (operation, reply.text)
        assert entra.get(f"/Groups/{group['id']}").json() == before, operation
    for body in (
        {"displayName": ""},
        {"displayName": 5},
        {},
        {"displayName": "X", "members": [{"value": "999999"}]},
        {"displayName": "X", "kind": "y"},
    ):
        assert entra.post("/Groups", {"schemas": [GROUP], **body}).status_code == 400, body
    assert place.make.rows(select(Unit.id).where(Unit.name == "X")) == []
    for name in ("Twin", "Twin"):
        place.make.unit(name)
    assert entra.post("/Groups", {"schemas": [GROUP], "displayName": "Twin"}).status_code == 400


def test_versions_of_a_group_follow_its_members(entra: Directory) -> None:
    ann, group = entra.user("ann"), entra.group("Duty Team")
    path = f"/Groups/{group['id']}"
    tag = entra.get(path).headers["etag"]
    entra.patch(path, {"op": "add", "path": "members", "value": [{"value": ann["id"]}]})
    late = entra.patch(path, {"op": "remove", "path": "members"}, **{"if-match": tag})
    assert late.status_code == 412
    assert entra.get(path, excludedAttributes="members").headers["etag"] == entra.get(path).headers["etag"] != tag
