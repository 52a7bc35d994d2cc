"""Users: who is recognised, who comes back, what follows and what is refused. Nothing that was refused is answered 200 or half done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.hr.directory_models import ScimUser
from app.people import operations as people
from app.people.models import Membership, Person, Post, Unit
from tests.conftest import Ledger
from tests.factory import LONG_AGO, Make
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import ENTERPRISE, Directory, body, count, token

# What follows --------------------------------------------------------------------------------------------------------


def test_what_hr_has_planned_for_a_later_day_stands(entra: Directory, place: Place) -> None:
    """A directory knows of today. A move that HR has dated is not lost because somebody moves before it."""
    ann = entra.user("ann", employment={"department": "North Team"})
    east = place.make.unit("East Team")
    with place.make.tx() as tx:
        later = tx.today + timedelta(days=30)
        people.set_team(tx, int(ann["id"]), east, later)
    entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "South Team"})
    rows = place.make.rows(
        select(Membership.unit_id, Membership.valid_from).where(Membership.superseded_at.is_(None)).order_by(Membership.valid_from)
    )
    assert [row.unit_id for row in rows][-2:] == [place.teams["South Team"], east]
    assert rows[-1].valid_from == later


def test_a_new_title_leaves_contract_and_hours(entra: Directory, place: Place) -> None:
    ann = place.make.person("Ann Lee", employee_number="7")
    with place.make.tx() as tx:
        people.set_post(tx, ann.id, "Social worker", "fixed term", "0.6", LONG_AGO, working_days="1110000")
    user = entra.user("ann", title="Senior social worker", employment={"employeeNumber": "7"})
    assert user["title"] == "Senior social worker"
    reply = entra.patch(f"/Users/{ann.id}", {"op": "remove", "path": "title"})
    assert "title" not in reply.json()
    with place.make.tx(writes=False) as tx:
        row = tx.rows(
            select(Post.job_title, Post.contract, Post.fte, Post.working_days).where(Post.superseded_at.is_(None)).order_by(Post.valid_from)
        )[-1]
    assert (row.job_title, row.contract, float(row.fte), row.working_days) == ("Not stated", "fixed term", 0.6, "1110000")


def test_put_takes_away_what_it_does_not_name(entra: Directory, place: Place) -> None:
    bob = entra.user("bob")
    ann = entra.user(
        "ann", externalId="x", displayName="A", employment={"department": "North Team", "manager": bob["id"], "employeeNumber": "7"}
    )
    entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "active", "value": False})
    reply = entra.put(f"/Users/{ann['id']}", body())
    assert reply.status_code == 200, reply.text
    said = reply.json()
    assert {"externalId", "displayName", ENTERPRISE} & said.keys() == set()
    assert said["active"] is False, "whoever was disabled is not let in again by silence"
    facts = place.facts(ann["id"])
    assert (facts["team"], facts["manager"], facts["number"]) == (None, None, None)


def test_an_administrators_suspension_is_not_the_directorys_to_lift(entra: Directory, place: Place, make: Make) -> None:
    from app.identity import operations as identity

    ann = make.person("Ann Lee", employee_number="7")
    entra.user("ann", employment={"employeeNumber": "7"})
    with make.tx() as tx:
        identity.suspend(tx, ann.id)
    for active, by in ((False, "both"), (False, "both"), (True, "administrator")):
        assert entra.patch(f"/Users/{ann.id}", {"op": "replace", "path": "active", "value": active}).status_code == 200
        assert place.facts(ann.id)["suspended"] == by


@pytest.mark.parametrize("directory_first", [True, False])
def test_a_directorys_suspension_is_not_the_administrators_to_lift(
    entra: Directory, place: Place, make: Make, sign_in: Callable[[Any], Any], directory_first: bool
) -> None:
    """Whoever of the two was first: it works again once both have said so, and the page says whom it waits for."""
    from app.core.errors import Conflict
    from app.identity import operations as identity

    ann, ada = make.person("Ann Lee", employee_number="7"), make.person("Ada Admin", roles=("administrator",))
    entra.user("ann", employment={"employeeNumber": "7"})
    off, on = ({"op": "replace", "path": "active", "value": value} for value in (False, True))
    if directory_first:
        entra.patch(f"/Users/{ann.id}", off)
    with make.tx() as tx:
        identity.suspend(tx, ann.id)
    if not directory_first:
        entra.patch(f"/Users/{ann.id}", off)
    assert place.facts(ann.id)["suspended"] == "both"
    assert "restoring it here is not enough" in sign_in(ada).get(f"/access/people/{ann.id}").text
    with make.tx() as tx:
        identity.restore(tx, ann.id)
    assert place.facts(ann.id)["suspended"] == "directory"
    assert "once they are enabled there" in sign_in(ada).get(f"/access/people/{ann.id}").text
    with make.tx() as tx, pytest.raises(Conflict):
        identity.restore(tx, ann.id)
    entra.patch(f"/Users/{ann.id}", on)
    assert place.facts(ann.id)["suspended"] is None


def test_changes_are_in_the_trail(entra: Directory, ledger: Ledger) -> None:
    ledger.start()
    ann = entra.user("ann", title="Social worker", employment={"department": "North Team"})
    assert ledger.actions()[:2] == ["person.created", "scim.user-created"]
    assert {"person.post-set", "person.moved-team", "scim.user-changed"} <= set(ledger.actions())
    ledger.start()
    entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "title", "value": "Social worker"})
    assert ledger.actions() == [], "nothing changed, nothing is said"


HOME, OTHER = {"value": "ann@home.example", "type": "home", "primary": True}, {"value": "ann@else.example", "type": "other"}
WORK = {"value": "ann@westmarch.example", "type": "Work", "primary": "False"}


def test_a_private_address_is_not_kept(entra: Directory, place: Place) -> None:
    """Not as the work address either, however it is sent; without another there is none."""
    alone = entra.post("/Users", body("bob", emails=[HOME, OTHER]))
    assert (alone.status_code, "emails" in alone.json(), place.facts(alone.json()["id"])["email"]) == (201, False, None)
    ann = entra.user("ann", emails=[HOME, WORK, OTHER])
    assert ann["emails"] == [{"value": "ann@westmarch.example", "type": "work", "primary": False}]
    for path, value in (
        ("emails", [HOME]),
        ("emails", OTHER),
        (None, {"emails": [HOME, OTHER]}),
        ('emails[type eq "other"].value', "a@b.example"),
    ):
        for op in ("add", "replace"):
            reply = entra.patch(f"/Users/{ann['id']}", {"op": op, "value": value} | ({"path": path} if path else {}))
            assert (reply.status_code, reply.json().get("scimType")) == (400, "invalidValue"), (op, path, reply.text)
    assert place.facts(ann["id"])["email"] == "ann@westmarch.example"
    assert "emails" not in entra.put(f"/Users/{ann['id']}", body(emails=[HOME])).json()
    assert place.facts(ann["id"])["email"] is None, "replaced by a user without a work address"


@pytest.mark.parametrize("type_", ["work", None])
def test_two_primary_addresses_are_refused(entra: Directory, place: Place, type_: str | None) -> None:
    both = [{"value": f"{name}@westmarch.example", "type": type_, "primary": True} for name in ("ann", "lee")]
    one = [{**both[0], "primary": False}, both[1]]
    refused = entra.post("/Users", body(emails=both))
    assert (refused.status_code, refused.json()["scimType"], count(place.make, Person)) == (400, "invalidValue", 0)
    ann = entra.user("ann", emails=one)
    assert ann["emails"][0]["value"] == "lee@westmarch.example"
    for reply in (
        entra.put(f"/Users/{ann['id']}", body(emails=both)),
        entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "emails", "value": both}),
    ):
        assert (reply.status_code, reply.json()["scimType"]) == (400, "invalidValue")


# What is refused -----------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"op": "replace", "path": "title", "value": 5}, 400, "invalidValue"),
    ({"op": "replace", "path": "title", "value": "x" * 300}, 400, "invalidValue"),
    ({"op": "replace", "path": "active", "value": "maybe"}, 400, "invalidValue"),
    ({"op": "replace", "path": "userName", "value": ""}, 400, "mutability"),
    ({"op": "replace", "path": "userName", "value": "BOB@westmarch.example"}, 409, "uniqueness"),
    ({"op": "remove", "path": "userName"}, 400, "mutability"),
    ({"op": "remove", "path": "active"}, 400, "mutability"),
    ({"op": "replace", "path": "id", "value": "12"}, 400, "mutability"),
    ({"op": "replace", "path": "groups", "value": [{"value": "1"}]}, 400, "mutability"),
    ({"op": "replace", "path": "favouriteColour", "value": "blue"}, 400, "invalidPath"),
    ({"op": "replace", "value": {"favouriteColour": "blue"}}, 400, "invalidPath"),
    ({"op": "replace", "path": "emails[", "value": "x"}, 400, "invalidPath"),
    ({"op": "replace", "path": 'emails[type eq "home"].value', "value": "a@b.example"}, 400, "invalidValue"),
    ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "not an address"}, 400, "invalidValue"),
    ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "bob@westmarch.example"}, 409, "uniqueness"),
    ({"op": "replace", "path": "password", "value": "x"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:employeeNumber", "value": "8"}, 409, "uniqueness"),
    ({"op": "replace", "path": f"{ENTERPRISE}:employeeNumber", "value": "=1+1"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:department", "value": "No Such Team"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Twin Team"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:division", "value": "No Such Service"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:organization", "value": "Eastmere Council"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "999999"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "a1b2"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "{self}"}, 400, "invalidValue"),
    ({"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "{below}"}, 400, "invalidValue"),
    ({"op": "remove"}, 400, "noTarget"),
    ({"op": "add", "path": "title"}, 400, "invalidValue"),
    ({"op": "frobnicate", "path": "title", "value": "x"}, 400, "invalidValue"),
    ({"path": "title", "value": "x"}, 400, "invalidValue"),
    ({"op": "replace", "path": 7, "value": "x"}, 400, "invalidPath"),
]


def test_a_change_that_cannot_be_applied_is_refused_whole(entra: Directory, place: Place) -> None:
    """Each together with a change that could be: neither is made."""
    make = place.make
    service = make.unit("Adults", "service")
    for parent in (service, None):
        make.unit("Twin Team", parent=parent)
    entra.user("bob", emails=[{"value": "bob@westmarch.example"}], employment={"employeeNumber": "8"})
    ann = entra.user("ann", employment={"employeeNumber": "7", "department": "North Team"})
    below = entra.user("cat", employment={"manager": ann["id"]})
    before = entra.get(f"/Users/{ann['id']}").json()
    people_named = {"{self}": ann["id"], "{below}": below["id"]}
    for given, status, scim_type in REFUSED:
        operation = {key: people_named.get(str(value), value) for key, value in given.items()}
        reply = entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "displayName", "value": "Changed"}, operation)
        assert (reply.status_code, reply.json().get("scimType")) == (status, scim_type), (operation, reply.text)
        assert reply.json()["status"] == str(status)
        assert reply.json()["detail"]
        assert reply.headers["content-type"] == "application/scim+json"
        assert entra.get(f"/Users/{ann['id']}").json() == before, operation
    told = entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Twin Team"})
    assert "2 parts of the organisation" in told.json()["detail"]
    fine = {"op": "replace", "value": {f"{ENTERPRISE}:department": "twin-team", f"{ENTERPRISE}:division": "Adults"}}
    assert entra.patch(f"/Users/{ann['id']}", fine).status_code == 200, "its division tells them apart"
    with make.tx(writes=False) as tx:
        here = select(Membership.unit_id).where(Membership.person_id == int(ann["id"]), Membership.superseded_at.is_(None))
        unit = tx.get(Unit, tx.rows(here)[-1].unit_id)
    assert unit.parent_id == service


NOBODY: list[dict[str, Any]] = [
    {"userName": None},
    {"userName": 5},
    {"name": {}, "displayName": None},
    {"name": "Ann"},
    {"emails": "ann@westmarch.example"},
    {"emails": [{"value": "ann@"}]},
    {"active": "perhaps"},
    {"favouriteColour": "blue"},
    {"urn:example:custom:2.0:User": {"a": 1}},
    {ENTERPRISE: "x"},
    {ENTERPRISE: {"department": "No Such Team"}},
    {ENTERPRISE: {"manager": {"value": "999999"}}},
    {ENTERPRISE: {"employeeNumber": ["7"]}},
    {ENTERPRISE: {"employeeNumber": "=1+1"}},
    {"externalId": "x" * 3000},
    {"title": "a\x00b"},
]


def test_nobody_is_created_of_what_cannot_be(entra: Directory, place: Place) -> None:
    for wrong in NOBODY:
        reply = entra.post("/Users", {**body(), **wrong})
        assert (reply.status_code, reply.json()["scimType"] in ("invalidValue", "invalidSyntax")) == (400, True), (wrong, reply.text)
    assert count(place.make, Person) == 0


def test_the_address_of_somebody_with_a_role_is_not_the_directorys_to_change(entra: Directory, place: Place) -> None:
    ann = place.make.person("Ann Lee", email="ann@westmarch.example", employee_number="7", roles=("administrator",))
    entra.user("ann", employment={"employeeNumber": "7"})
    reply = entra.patch(f"/Users/{ann.id}", {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "thief@westmarch.example"})
    assert (reply.status_code, reply.json()["scimType"]) == (400, "mutability")
    assert place.facts(ann.id)["email"] == "ann@westmarch.example"


def test_departments_that_are_not_here_are_kept_as_words_if_the_setting_says_so(
    entra: Directory, place: Place, ledger: Ledger, with_settings: Callable[..., None]
) -> None:
    ann = entra.user("ann", employment={"department": "North Team"})
    with_settings(scim_unknown_department="keep")
    reply = entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "No Such Team"})
    assert (reply.status_code, reply.json()[ENTERPRISE]["department"]) == (200, "No Such Team")
    assert place.facts(ann["id"])["team"] == "North Team"
    assert [row.facts["words"] for row in ledger.entries("scim.department-unknown")] == ["No Such Team"]


def test_the_external_id_links_whoever_signs_on_with_it(entra: Directory, place: Place, with_settings: Callable[..., None]) -> None:
    """Where the settings say so it is the identity provider's object id: linked, unlinked, and refused when it is none."""
    from app.identity.models import ExternalIdentity

    tenant = "0d1c7f6e-3c11-4f3a-8a45-2f2b1c7f6e3c"
    issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"
    with_settings(
        oidc_issuer=issuer, oidc_client_id="academy", oidc_client_secret="x", oidc_tenant=tenant, oidc_scim_external_id_is_subject=True
    )
    subjects = select(ExternalIdentity.person_id, ExternalIdentity.subject)
    ann = entra.user("ann", externalId="0A21F0F2-8D2A-4F8E-BF98-7363C4AED4EF")
    assert [tuple(row) for row in place.make.rows(subjects)] == [(int(ann["id"]), "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef")]
    wrong = entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "externalId", "value": "ann"})
    assert (wrong.status_code, wrong.json()["scimType"]) == (400, "invalidValue")
    taken = entra.post("/Users", body("bob", externalId="0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"))
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    off = entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": "active", "value": "False"})
    assert (off.status_code, place.facts(ann["id"])["suspended"]) == (200, "directory")
    assert entra.patch(f"/Users/{ann['id']}", {"op": "remove", "path": "externalId"}).status_code == 200
    assert place.make.rows(subjects) == []


# Versions ------------------------------------------------------------------------------------------------------------


def test_entity_tags(entra: Directory, place: Place) -> None:
    ann = entra.user("ann")
    path = f"/Users/{ann['id']}"
    tag = entra.get(path).headers["etag"]
    assert tag == ann["meta"]["version"]
    assert entra.http.get("/scim/v2" + path, headers={"if-none-match": tag}).status_code == 304
    with place.make.tx() as tx:
        people.set_team(tx, int(ann["id"]), place.teams["South Team"], tx.today)  # by somebody else
    late = {"op": "replace", "path": "title", "value": "X"}
    for reply in (
        entra.patch(path, late, **{"if-match": tag}),
        entra.put(path, body(), **{"if-match": tag}),
        entra.delete(path, **{"if-match": tag}),
    ):
        assert (reply.status_code, reply.json()["status"]) == (412, "412")
    fresh = entra.get(path).headers["etag"]
    assert fresh != tag
    assert entra.patch(path, late, **{"if-match": f'"other", {fresh}'}).status_code == 200
    assert entra.delete(path, **{"if-match": "*"}).status_code == 204


# Whose ---------------------------------------------------------------------------------------------------------------


def test_whose_people(app: Any, database: Database, place: Place, with_settings: Callable[..., None]) -> None:
    """A client without a limit provisions the organisation that the settings name, and nobody's if they name none."""
    anywhere = Directory(app, token(database, None))
    refused = anywhere.get("/Users")
    assert (refused.status_code, "ACADEMY_SCIM_ORGANISATION" in refused.json()["detail"]) == (403, True)
    with_settings(scim_organisation="westmarch-county-council")
    ann = anywhere.user("ann")
    row = place.make.rows(select(ScimUser.organisation_id).where(ScimUser.person_id == int(ann["id"])))[0]
    assert row.organisation_id == place.organisation
