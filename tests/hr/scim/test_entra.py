"""The bodies in `bodies/`, in the shape that Microsoft documents for Entra's provisioning: each gives the state that was meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import ENTERPRISE, Directory, recorded


def test_a_new_user(entra: Directory, place: Place) -> None:
    """As Entra begins: nobody has this name, so they are created; then they are found by either of their names."""
    asked = 'userName eq "Priya.Shah@westmarch.example"'
    assert entra.get("/Users", filter=asked).json()["totalResults"] == 0
    reply = entra.post("/Users", recorded("create_user"))
    assert reply.status_code == 201, reply.text
    said = reply.json()
    assert said["userName"] == "Priya.Shah@westmarch.example"
    assert said["externalId"] == "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"
    assert "addresses" not in said
    assert "preferredLanguage" not in said
    assert reply.headers["location"] == said["meta"]["location"]
    facts = place.facts(said["id"])
    assert facts | {"suspended": None} == {
        "name": "Priya Shah",
        "email": "priya.shah@westmarch.example",
        "number": "100451",
        "team": "North Team",
        "title": "Social worker",
        "manager": None,
        "suspended": None,
        "leaving": None,
    }
    for how in (
        asked,
        'externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"',
        'emails[type eq "work"].value eq "PRIYA.shah@westmarch.example"',
    ):
        found = entra.get("/Users", filter=how).json()
        assert [one["id"] for one in found["Resources"]] == [said["id"]], how


def test_names_are_read_from_the_display_name_where_nothing_else_tells_them(entra: Directory, place: Place) -> None:
    reply = entra.post("/Users", recorded("create_user_without_name"))
    assert reply.status_code == 201, reply.text
    assert reply.json()["name"] == {"familyName": "Archer", "givenName": "Tom"}
    assert reply.json()["active"] is True


def changed(entra: Directory, place: Place, body: str, **names: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Priya after this patch: as she is told, and as she is."""
    user = entra.post("/Users", recorded("create_user")).json()
    reply = entra.patch(f"/Users/{user['id']}", recorded(body, **names))
    assert reply.status_code == 200, reply.text
    return reply.json(), place.facts(user["id"])


def test_attributes(entra: Directory, place: Place) -> None:
    said, facts = changed(entra, place, "patch_attribute")
    assert facts["title"] == said["title"] == "Senior social worker"
    assert facts["name"] == "Priya Shah-Lee"
    assert said["displayName"] == "Shah-Lee, Priya"
    assert facts["team"] == "North Team", "what is not named stays"


def test_paths_with_the_schema_in_front(entra: Directory, place: Place) -> None:
    said, facts = changed(entra, place, "patch_urn_path")
    assert (facts["team"], facts["number"], facts["name"]) == ("South Team", "100999", "Pria Shah")
    assert said[ENTERPRISE] == {"employeeNumber": "100999", "department": "South Team"}


def test_no_path_and_dotted_keys(entra: Directory, place: Place) -> None:
    said, facts = changed(entra, place, "patch_no_path")
    assert (facts["team"], facts["number"], facts["name"]) == ("South Team", "100777", "Pria Shah")
    assert facts["email"] == "pria@westmarch.example"
    assert said["displayName"] == "Pria S"


def test_filters_in_paths_for_values_that_do_not_exist_yet(entra: Directory, place: Place) -> None:
    user = entra.post("/Users", recorded("create_user_without_name")).json()
    reply = entra.patch(f"/Users/{user['id']}", recorded("patch_filtered_paths"))
    assert reply.status_code == 200, reply.text
    assert reply.json()["emails"] == [{"value": "tom.archer@westmarch.example", "type": "work", "primary": True}]
    assert "roles" not in reply.json()
    reply = entra.patch(f"/Users/{user['id']}", recorded("patch_primary_email"))
    assert reply.status_code == 200, reply.text
    assert place.facts(user["id"])["email"] == "t.archer@westmarch.example"


def test_single_values_in_lists(entra: Directory, place: Place) -> None:
    said, facts = changed(entra, place, "patch_wrapped_value")
    assert said["active"] is False
    assert facts["title"] == "Team manager"


@pytest.mark.parametrize("body", ["disable", "disable_no_path"])
def test_disabled_and_enabled_again(entra: Directory, place: Place, body: str) -> None:
    """Nobody becomes a leaver: sign-in is suspended, and works again."""
    ann = place.make.person("Ann Lee", team=place.teams["North Team"], email="ann@westmarch.example", employee_number="7")
    user = entra.user("ann", employment={"employeeNumber": "7"})
    assert user["id"] == str(ann.id)
    reply = entra.patch(f"/Users/{ann.id}", recorded(body))
    assert (reply.status_code, reply.json()["active"]) == (200, False)
    facts = place.facts(ann.id)
    assert (facts["suspended"], facts["leaving"], facts["team"]) == ("directory", None, "North Team")
    reply = entra.patch(f"/Users/{ann.id}", recorded("enable"))
    assert (reply.status_code, reply.json()["active"]) == (200, True)
    assert place.facts(ann.id)["suspended"] is None


@pytest.mark.parametrize("body", ["manager_as_text", "manager_as_object", "manager_as_list", "manager_value_path"])
def test_the_manager_in_every_shape(entra: Directory, place: Place, body: str) -> None:
    bob = entra.user("bob")
    said, facts = changed(entra, place, body, manager=bob["id"])
    assert facts["manager"] == int(bob["id"])
    assert said[ENTERPRISE]["manager"] == {"value": bob["id"], "$ref": bob["meta"]["location"]}


@pytest.mark.parametrize("body", ["manager_removed", "manager_emptied"])
def test_no_manager_any_more(entra: Directory, place: Place, body: str) -> None:
    bob = entra.user("bob")
    ann = entra.user("ann", employment={"manager": bob["id"]})
    assert place.facts(ann["id"])["manager"] == int(bob["id"])
    reply = entra.patch(f"/Users/{ann['id']}", recorded(body))
    assert reply.status_code == 200, reply.text
    assert "manager" not in reply.json().get(ENTERPRISE, {})
    assert place.facts(ann["id"])["manager"] is None


def test_group_membership(entra: Directory, place: Place) -> None:
    ann, bob = entra.user("ann", employment={"department": "North Team"}), entra.user("bob")
    reply = entra.post("/Groups", recorded("create_group"))
    assert reply.status_code == 201, reply.text
    group = reply.json()["id"]
    found = entra.get("/Groups", filter='displayName eq "duty team"', excludedAttributes="members").json()
    assert [(one["id"], "members" in one) for one in found["Resources"]] == [(group, False)]
    reply = entra.patch(f"/Groups/{group}", recorded("group_add_members", first=ann["id"], second=bob["id"]))
    assert reply.status_code == 200, reply.text
    assert {place.facts(one["id"])["team"] for one in (ann, bob)} == {"Duty Team"}
    assert entra.get(f"/Users/{ann['id']}").json()["groups"][0]["display"] == "Duty Team"
    assert entra.get("/Groups", filter=f'id eq "{group}" and members eq "{ann["id"]}"').json()["totalResults"] == 1

    reply = entra.patch(f"/Groups/{group}", recorded("group_remove_member", first=ann["id"]))
    assert [member["value"] for member in reply.json()["members"]] == [bob["id"]], "one is taken out, not all"
    assert place.facts(ann["id"])["team"] is None
    reply = entra.patch(f"/Groups/{group}", recorded("group_remove_member_by_filter", second=bob["id"]))
    assert "members" not in reply.json()
    assert place.facts(bob["id"])["team"] is None

    reply = entra.patch(f"/Groups/{group}", recorded("group_rename"))
    assert (reply.status_code, reply.json()["displayName"]) == (200, "Duty and Assessment Team")
