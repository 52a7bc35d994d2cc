"""Clients that mean no good, or know no better: each gets the documented refusal, quickly, and nothing is changed."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.hr.directory_models import ScimUser
from app.hr.scim.door import WAYS
from app.identity.models import ApiClient
from app.people.models import Person
from app.policy import SCOPES
from tests.factory import Make
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import BULK, CORE, ENTERPRISE, GROUP, PATCH, ROOT, Directory, token

QUICK = 2.0  # seconds, on a machine that does other things too; what is refused here takes milliseconds

# Every way into SCIM, with something right to send. A new way without a row fails.
BODIES: dict[tuple[str, str], Any] = {
    ("GET", "/ServiceProviderConfig"): None,
    ("GET", "/ResourceTypes"): None,
    ("GET", "/ResourceTypes/{key}"): None,
    ("GET", "/Schemas"): None,
    ("GET", "/Schemas/{key}"): None,
    ("GET", "/Users"): None,
    ("POST", "/Users"): {"schemas": [CORE], "userName": "new", "displayName": "New User"},
    ("POST", "/Users/.search"): {},
    ("GET", "/Users/{key}"): None,
    ("PUT", "/Users/{key}"): {"schemas": [CORE], "userName": "ann", "displayName": "Ann Lee"},
    ("PATCH", "/Users/{key}"): {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "X"}]},
    ("DELETE", "/Users/{key}"): None,
    ("GET", "/Groups"): None,
    ("POST", "/Groups"): {"schemas": [GROUP], "displayName": "New Team"},
    ("POST", "/Groups/.search"): {},
    ("GET", "/Groups/{key}"): None,
    ("PUT", "/Groups/{key}"): {"schemas": [GROUP], "displayName": "Duty Team"},
    ("PATCH", "/Groups/{key}"): {"schemas": [PATCH], "Operations": [{"op": "remove", "path": "members"}]},
    ("DELETE", "/Groups/{key}"): None,
    ("POST", "/.search"): {},
    ("POST", "/Bulk"): {"schemas": [BULK], "Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": {}}]},
}
ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # no database is asked about nonsense
ABOUT_SOMEBODY = {"/Users/{key}", "/Groups/{key}"}


def ways(place: Place, user: str, group: str) -> list[tuple[str, str, Any, str]]:
    """(method, address, body, path) of each."""
    keys = {"/Users/{key}": user, "/Groups/{key}": group, "/ResourceTypes/{key}": "User", "/Schemas/{key}": CORE}
    return [(method, ROOT + path.replace("{key}", keys.get(path, "")), body, path) for (method, path), body in BODIES.items()]


def test_every_way_is_looked_at() -> None:
    assert {(method, path) for method, path, *_ in WAYS} == BODIES.keys()


def test_who_may(app: Any, database: Database, place: Place, make: Make) -> None:
    """No token, a wrong one, every other scope, a disabled client: refused at every way. The directory itself: never 401, 403 or 5xx."""
    entra = Directory(app, token(database, place.organisation))
    user, group = entra.user("ann")["id"], entra.group("Duty Team")["id"]
    other_scopes = [scope for scope in SCOPES if scope not in ("scim", "catalogue:write")]  # a limited client cannot have the latter
    disabled = token(database, place.organisation)
    with make.tx() as tx:
        key = tx.scalar(select(func.max(ApiClient.id)))
        tx.update(ApiClient, key, disabled_at=tx.now)
    strangers = {
        "Bearer " + token(database, place.organisation, *other_scopes): 403,
        "Bearer " + disabled: 401,
        "Bearer " + "x" * 40: 401,
        "Basic abc": 401,
        "": 401,
    }
    for authorization, status in strangers.items():
        for method, address, body, path in ways(place, user, group):
            content = None if body is None else json.dumps(body)
            headers = {"authorization": authorization, "content-type": "application/scim+json"}
            reply = entra.http.request(method, address, content=content, headers=headers)
            assert (reply.status_code, reply.json()["status"]) == (status, str(status)), (method, path, authorization[:10])
            assert reply.headers["www-authenticate"].startswith("Bearer")
    assert make.rows(select(func.count()).select_from(ScimUser))[0][0] == 1
    for method, address, body, path in sorted(ways(place, user, group), key=lambda way: way[0] == "DELETE"):
        reply = entra.http.request(method, address, content=None if body is None else json.dumps(body))
        assert reply.status_code in (200, 201, 204), (method, path, reply.text)


def test_another_organisations_ids_are_nobodys(app: Any, database: Database, place: Place, make: Make) -> None:
    entra = Directory(app, token(database, place.organisation))
    user, group = entra.user("ann", employment={"department": "North Team"})["id"], entra.group("North Team")["id"]
    elsewhere = make.organisation("Eastmere Council", host=False)
    other = Directory(app, token(database, elsewhere))
    own, team = other.user("bob")["id"], other.group("Their Team")["id"]
    before = place.facts(user)
    for method, address, body, path in ways(place, user, group):
        if path in ABOUT_SOMEBODY:
            reply = other.http.request(method, address, content=None if body is None else json.dumps(body))
            assert (reply.status_code, reply.json()["status"]) == (404, "404"), (method, path)
    for reply in (
        other.patch(f"/Users/{own}", {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": user}),
        other.patch(f"/Users/{own}", {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "North Team"}),
        other.patch(f"/Groups/{team}", {"op": "add", "path": "members", "value": [{"value": user}]}),
    ):
        assert (reply.status_code, reply.json()["scimType"]) == (400, "invalidValue")
    assert other.get("/Users").json()["totalResults"] == 1
    assert other.get("/Users", filter=f'id eq "{user}"').json()["totalResults"] == 0
    assert other.get("/Groups", filter='displayName eq "North Team"').json()["totalResults"] == 0
    assert other.post("/.search", {}).json()["totalResults"] == 2
    assert place.facts(user) == before


DEEP = "[" * 5000 + "]" * 5000
FILTERS = {
    "thousands of terms": " or ".join(f'userName eq "u{n}"' for n in range(5000)),
    "hundreds of terms": " or ".join(f'title eq "{n}"' for n in range(300)),
    "terms without spaces": "or".join("(title pr)" for _ in range(300)),
    "deep": "(" * 3000 + "title pr" + ")" * 3000,
    "deep nots": "not (" * 90 + "title pr" + ")" * 90,
    "unfinished": 'userName eq "',
    "nothing": "   ",
    "no operator": "userName",
    "unknown attribute": 'shoeSize eq "9"',
    "wrong type": 'active gt "x"',
    "control": 'userName eq "\u0001"',
    "quote": "userName eq 'ann'",
    "sql": 'userName eq "x"; DROP TABLE people',
    "brackets": "emails[" * 200,
}


@ON_ONE
def test_filters_that_nobody_means(entra: Directory) -> None:
    for name, text in FILTERS.items():
        for kind in ("Users", "Groups"):
            began = time.perf_counter()
            reply = entra.post(f"/{kind}/.search", {"filter": text}) if len(text) > 1000 else entra.get(f"/{kind}", filter=text)
            assert reply.status_code == 400, (name, reply.status_code)
            assert reply.json().get("scimType") in ("invalidFilter", "invalidValue"), (name, reply.text)
            assert time.perf_counter() - began < QUICK, name


BODIES_OF_NOTHING: list[tuple[Any, int]] = [
    ("", 400),
    ("{", 400),
    ("[]", 400),
    ("null", 400),
    ('"x"', 400),
    ("{} {}", 400),
    (DEEP, 400),
    ('{"schemas":' + DEEP + "}", 400),
    ('{"a":' * 60 + "1" + "}" * 60, 400),
    ('{"userName":"' + "x" * 5000 + '"}', 400),
    ('{"userName":"\\u0000"}', 400),
    ('{"userName":"\\ud800","displayName":"A B"}', 400),
    ('{"userName":NaN}', 400),
    (json.dumps({"userName": "a", "emails": [{"value": str(n)} for n in range(40_000)]}), 413),
    ("x" * 300_000, 413),
    (b"\xff\xfe{}", 400),
]


@ON_ONE
def test_bodies_that_nobody_means(entra: Directory) -> None:
    ways_in = (("POST", "/Users"), ("POST", "/Groups"), ("POST", "/.search"))
    for place, (content, status) in enumerate(BODIES_OF_NOTHING):
        for method, path in ways_in:
            began = time.perf_counter()
            reply = entra.http.request(method, ROOT + path, content=content)
            assert reply.status_code == status, (place, path, reply.text[:200])
            assert reply.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
            assert time.perf_counter() - began < QUICK, place


@ON_ONE
def test_wrong_kinds_addresses_and_methods(entra: Directory, place: Place) -> None:
    ann = entra.user("ann")
    wrong: list[tuple[str, str, dict[str, str], int]] = [
        ("POST", "/Users", {"content-type": "text/xml"}, 415),
        ("POST", f"/Users/{ann['id']}", {}, 405),
        ("DELETE", "/Users", {}, 405),
        ("POST", "/Schemas", {}, 405),
        ("GET", "/Nothing", {}, 404),
        ("GET", "/Users/0", {}, 404),
        ("GET", "/Users/-1", {}, 404),
        ("GET", "/Users/" + "9" * 40, {}, 404),
        ("GET", "/Users/" + "9" * 400, {}, 404),
        ("GET", "/Users/1%27%20OR%201=1", {}, 404),
        ("GET", "/Users/%00", {}, 404),
        ("GET", "/Me", {}, 404),
    ]
    for method, path, headers, status in wrong:
        reply = entra.http.request(method, ROOT + path, content="{}" if method == "POST" else None, headers=headers)
        assert reply.status_code == status, (method, path, reply.text)
        assert reply.json()["status"] == str(status)
        assert reply.headers["content-type"] == "application/scim+json"


@ON_ONE
def test_patches_that_nobody_means(entra: Directory, place: Place) -> None:
    ann = entra.user("ann")
    path = f"{ROOT}/Users/{ann['id']}"
    operations: list[Any] = [
        None, 5, {}, [], [5], [[]], [{}], [{"op": "add"}] * 600, [{"op": ["add"]}], [{"op": "add", "path": "a" * 3000, "value": 1}],
        [{"op": "add", "path": "emails[" * 300, "value": 1}], [{"op": "add", "path": 'emails[not (type eq "x")].value', "value": "x"}],
        [{"op": "add", "path": "name.givenName.more", "value": "x"}], [{"op": "add", "path": "schemas", "value": "x"}],
        [{"op": "add", "value": [1]}], [{"op": "add", "value": "x"}], [{"op": "add", "path": "title", "valeu": "x"}],
        [{"op": "replace", "path": "name", "value": "Ann"}], [{"op": "replace", "path": "name", "value": {"givenName": {"a": 1}}}],
        [{"op": "replace", "path": "emails", "value": [5]}],
        [{"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": {"a": 1}}}],
        [{"op": "replace", "path": f"{ENTERPRISE}:manager", "value": [{"value": "1"}, {"value": "2"}]}],
        [{"op": "replace", "path": ENTERPRISE, "value": 5}],
    ]  # fmt: skip
    for given in operations:
        began = time.perf_counter()
        reply = entra.http.patch(path, content=json.dumps({"schemas": [PATCH], "Operations": given}))
        assert reply.status_code == 400, (given if len(str(given)) < 300 else "", reply.text)
        assert time.perf_counter() - began < QUICK
    assert (
        entra.http.patch(path, content=json.dumps({"schemas": ["x"], "Operations": [{"op": "remove", "path": "title"}]})).status_code == 400
    )
    assert entra.get(f"/Users/{ann['id']}").json() == ann


@pytest.mark.parametrize("what", ["names", "numbers", "revived", "groups"])
def test_two_clients_at_once(app: Any, database: Database, place: Place, make: Make, what: str) -> None:
    """The same user (or team) created twice at the same moment: one 201, one 409, and one person."""
    directories = [Directory(app, token(database, place.organisation)) for _ in range(2)]
    bodies: list[dict[str, Any]] = [{"schemas": [CORE], "userName": "ann", "displayName": "Ann Lee"} for _ in range(2)]
    if what == "numbers":
        bodies = [{**body, "userName": f"ann{n}", ENTERPRISE: {"employeeNumber": "7"}} for n, body in enumerate(bodies)]
    if what == "revived":
        gone = directories[0].post("/Users", bodies[0]).json()
        directories[0].delete(f"/Users/{gone['id']}")
    if what == "groups":
        bodies = [{"schemas": [GROUP], "displayName": "Duty Team"} for _ in range(2)]
    path = "/Groups" if what == "groups" else "/Users"
    people = make.rows(select(func.count()).select_from(Person))[0][0]
    gate = threading.Barrier(2)
    replies: list[Any] = [None, None]

    def create(n: int) -> None:
        gate.wait()
        replies[n] = directories[n].post(path, bodies[n])

    threads = [threading.Thread(target=create, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status_code for reply in replies) == [201, 409], [reply.text for reply in replies]
    lost = next(reply for reply in replies if reply.status_code == 409)
    assert lost.json()["scimType"] == "uniqueness"
    created = {"names": 1, "numbers": 1, "revived": 0, "groups": 0}[what]
    assert make.rows(select(func.count()).select_from(Person))[0][0] == people + created


def test_more_than_the_clients_limit(app: Any, database: Database, place: Place, make: Make) -> None:
    """SCIM counts against the same limit as the REST interface, and says so in its own shape."""
    entra = Directory(app, token(database, place.organisation))
    with make.tx() as tx:
        tx.update(ApiClient, int(tx.scalar(select(func.max(ApiClient.id)))), per_minute=3)
    replies = [entra.get("/Users") for _ in range(12)]
    last = next(reply for reply in reversed(replies) if reply.status_code == 429)
    assert {reply.status_code for reply in replies} == {200, 429}
    assert (last.json()["status"], last.headers["content-type"]) == ("429", "application/scim+json")
    assert 0 < int(last.headers["retry-after"]) <= 60
    assert replies[0].headers["ratelimit-limit"] == "3"
