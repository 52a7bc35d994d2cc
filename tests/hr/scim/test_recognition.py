"""Who is recognised of those a directory creates, and who is somebody else: nobody gets a second history or another's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.hr.directory_models import Departure
from app.people.models import Person
from tests.factory import LONG_AGO
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import ENTERPRISE, Directory, body, count

NUMBERED = {"emails": [{"value": "ann@westmarch.example"}], ENTERPRISE: {"employeeNumber": "7"}}


@pytest.mark.parametrize(
    ("here", "sent"),
    [
        ({"employee_number": "7", "email": "old@westmarch.example"}, {ENTERPRISE: {"employeeNumber": "7"}}),
        ({"email": "ann@westmarch.example"}, {"emails": [{"value": "Ann@westmarch.example", "type": "work"}]}),
        ({"email": "ann@westmarch.example", "employee_number": None}, NUMBERED),
    ],
)
def test_somebody_from_hrs_extract_is_linked(entra: Directory, place: Place, here: dict[str, Any], sent: dict[str, Any]) -> None:
    ann = place.make.person("Ann Lee", team=place.teams["North Team"], **here)
    reply = entra.post("/Users", body(**sent))
    assert (reply.status_code, reply.json()["id"]) == (201, str(ann.id)), reply.text
    assert count(place.make, Person) == 1
    facts = place.facts(ann.id)
    assert facts["team"] == "North Team", "what the directory does not say stays"
    assert reply.json()[ENTERPRISE]["department"] == "North Team", "and is told"


def test_an_address_of_somebody_with_another_number_finds_nobody(entra: Directory, place: Place) -> None:
    place.make.person("Ann Lee", email="ann@westmarch.example", employee_number="6")
    reply = entra.post("/Users", body(emails=[{"value": "ann@westmarch.example"}], **{ENTERPRISE: {"employeeNumber": "7"}}))
    assert (reply.status_code, reply.json()["scimType"]) == (409, "uniqueness")
    assert count(place.make, Person) == 1


def test_somebody_of_another_organisation_is_never_taken_over(entra: Directory, place: Place) -> None:
    partner = place.make.organisation("Eastmere Council", host=False)
    place.make.person("Ann Lee", organisation=partner, email="ann@westmarch.example", employee_number="7")
    reply = entra.post("/Users", body(emails=[{"value": "ann@westmarch.example"}]))
    assert (reply.status_code, reply.json()["scimType"]) == (409, "uniqueness")
    fresh = entra.post("/Users", body(**{ENTERPRISE: {"employeeNumber": "7"}}))
    assert fresh.status_code == 201, "numbers are each organisation's own"


def test_deleted_and_created_again_is_the_same_person(entra: Directory, place: Place) -> None:
    """Their team and everything else is theirs again, and nobody is asked any more whether they leave."""
    ann = entra.user("ann", title="Social worker", externalId="x1", employment={"employeeNumber": "7", "department": "North Team"})
    assert entra.delete(f"/Users/{ann['id']}").status_code == 204
    assert entra.get(f"/Users/{ann['id']}").status_code == 404
    facts = place.facts(ann["id"])
    assert (facts["suspended"], facts["team"], facts["leaving"]) == ("directory", "North Team", None), (
        "whether they leave a person confirms"
    )
    assert [row.state for row in place.make.rows(select(Departure.state))] == ["waiting"]
    for again in (body("other", externalId="x1"), body("other"), body("third", **{ENTERPRISE: {"employeeNumber": "7"}})):
        reply = entra.post("/Users", again)
        assert (reply.status_code, reply.json()["id"]) == (201, ann["id"]), again
        assert place.facts(ann["id"])["suspended"] is None
        assert "waiting" not in {row.state for row in place.make.rows(select(Departure.state))}
        assert entra.delete(f"/Users/{ann['id']}").status_code == 204
    assert count(place.make, Person) == 1


def numbered(number: str | None = None, mail: str | None = None, /, **values: Any) -> dict[str, Any]:
    """Ann with a number and an address, each if given."""
    emails = {"emails": [{"value": f"{mail}@westmarch.example", "type": "work"}]} if mail else {}
    return body(**emails, **({ENTERPRISE: {"employeeNumber": number}} if number else {}), **values)


SAME: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (numbered("1", "one", externalId="x"), "1", numbered("2", "two", externalId="x")),
    (numbered("1", "one", externalId="x"), "1", numbered(None, "two", externalId="x", userName="other")),
    (numbered("1", "one", externalId="x"), "2", numbered("1", "one", externalId="x")),
    (numbered("1", "one"), "2", numbered("1", "one")),  # by userName and address
    (numbered("1"), "1", numbered(None, "one")),  # by userName and nothing that says otherwise
    (numbered("1", "one"), "1", numbered("1", "two", userName="other", externalId="y")),
]


@pytest.mark.parametrize(("first", "meanwhile", "again"), SAME)
def test_who_comes_again_changed_is_recognised(
    entra: Directory, place: Place, first: dict[str, Any], meanwhile: str, again: dict[str, Any]
) -> None:
    """What is sent anew is true of them from now on, and nobody is asked any more whether they leave."""
    ann = entra.post("/Users", first).json()
    assert (
        entra.patch(f"/Users/{ann['id']}", {"op": "replace", "path": f"{ENTERPRISE}:employeeNumber", "value": meanwhile}).status_code == 200
    )
    entra.delete(f"/Users/{ann['id']}")
    reply = entra.post("/Users", again)
    assert (reply.status_code, reply.json().get("id")) == (201, ann["id"]), reply.text
    facts, sent = place.facts(ann["id"]), again.get(ENTERPRISE, {}).get("employeeNumber")
    assert (facts["number"], facts["suspended"]) == (sent or meanwhile, None)
    assert facts["email"] == (again.get("emails") or first["emails"])[0]["value"]
    assert [row.state for row in place.make.rows(select(Departure.state))] == ["dropped"]
    assert count(place.make, Person) == 1


def test_an_external_id_of_one_and_a_number_or_address_of_another(entra: Directory, place: Place) -> None:
    """A conflict that only somebody who knows them can settle; nothing is kept of it."""
    place.make.person("Bob Hall", employee_number="8", email="bob@westmarch.example")
    ann = entra.post("/Users", numbered("7", "ann", externalId="x")).json()
    entra.delete(f"/Users/{ann['id']}")
    for again, what in (
        (numbered("8", "ann", externalId="x"), "employee number"),
        (numbered("7", "bob", externalId="x"), "e-mail address"),
        (numbered(None, "bob", externalId="x"), "e-mail address"),
    ):
        reply = entra.post("/Users", again)
        assert (reply.status_code, reply.json()["scimType"], what in reply.json()["detail"]) == (409, "uniqueness", True), reply.text
    assert [row.state for row in place.make.rows(select(Departure.state))] == ["waiting"]
    facts = place.facts(ann["id"])
    assert (facts["number"], facts["email"], facts["suspended"]) == ("7", "ann@westmarch.example", "directory")


def test_the_address_of_somebody_with_a_role_does_not_change_by_an_external_id(entra: Directory, place: Place) -> None:
    ann = place.make.person("Ann Lee", email="ann@westmarch.example", employee_number="7", roles=("administrator",))
    entra.post("/Users", numbered("7", "ann", externalId="x"))
    entra.delete(f"/Users/{ann.id}")
    reply = entra.post("/Users", numbered("9", "thief", externalId="x"))
    assert (reply.status_code, reply.json()["scimType"]) == (400, "mutability")
    assert (place.facts(ann.id)["email"], place.facts(ann.id)["number"]) == ("ann@westmarch.example", "7")


def test_a_user_name_with_another_number_is_somebody_else(entra: Directory, place: Place) -> None:
    ann = entra.post("/Users", numbered("7", "ann")).json()
    entra.delete(f"/Users/{ann['id']}")
    for other in (numbered("8"), numbered("9", "other", userName="ann@westmarch.example", externalId="new")):
        reply = entra.post("/Users", other)
        assert (reply.status_code, reply.json()["id"] == ann["id"]) == (201, False)
        entra.delete(f"/Users/{reply.json()['id']}")


def test_a_user_name_that_was_given_to_somebody_else_is_somebody_else(entra: Directory, place: Place) -> None:
    ann = entra.user("ann", emails=[{"value": "ann.lee@westmarch.example", "type": "work"}])
    entra.delete(f"/Users/{ann['id']}")
    other = entra.post("/Users", body(emails=[{"value": "ann.other@westmarch.example", "type": "work"}]))
    assert other.status_code == 201
    assert other.json()["id"] != ann["id"]


def test_a_leaver_who_comes_back_is_employed_again(entra: Directory, place: Place) -> None:
    with place.make.tx() as tx:
        gone = tx.today - timedelta(days=400)
    ann = place.make.person("Ann Lee", employee_number="7", leaving_on=gone, started_on=LONG_AGO)
    assert entra.post("/Users", body(**{ENTERPRISE: {"employeeNumber": "7"}})).status_code == 201
    row = place.make.row(Person, ann.id)
    assert row.leaving_on is None
    assert row.started_on > gone
