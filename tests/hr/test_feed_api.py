"""The feed, extracts, the organisation tree and bulk over HTTP: what a client sends, gets and is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.db import Database
from app.hr.change_models import Change
from app.hr.models import Import
from app.learning.models import Certificate, Completion, LearningRecord
from app.people.models import Person
from tests.factory import Make
from tests.hr.numbering import number_all
from tests.hr.test_imports import person as line

Client = Callable[..., TestClient]
CHANGES = "/api/v1/changes"
READS = ("changes:read", "people:read", "catalogue:read", "bookings:read", "completions:read", "organisation:read")


def csv_of(*lines: dict[str, Any]) -> bytes:
    return "\n".join([",".join(lines[0]), *(",".join(str(cell) for cell in one.values()) for one in lines)]).encode()


def sent(client: TestClient, body: bytes, extract: str = "partial", key: str | None = None, **more: Any) -> Any:
    headers = {"idempotency-key": key} if key else {}
    return client.post(
        "/api/v1/imports", files={"file": ("extract.csv", body, "text/csv")}, data={"extract": extract, **more}, headers=headers
    )


# The feed ----------------------------------------------------------------------------------------------------------


def test_data_is_what_get_answers(make: Make, client: Client, database: Database) -> None:
    api = client(*READS, "bookings:write", "catalogue:write")
    ann, team = make.person("Ann"), make.unit("North team")
    course = api.post("/api/v1/courses", json={"title": "Court skills", "kind": "masterclass"}).json()
    booking = api.post("/api/v1/bookings", json={"person_id": ann.id, "session_id": make.session().id}).json()
    number_all(database)
    answer = api.get(CHANGES).json()
    assert answer["more"] is False and answer["last"] == answer["items"][-1]["number"]
    found = {(item["resource"], item["resource_id"]): item for item in answer["items"]}
    for key in (
        ("people", ann.id),
        ("units", team),
        ("courses", course["id"]),
        ("bookings", booking["id"]),
        ("sessions", booking["session_id"]),
    ):
        item = found[key]
        assert item["data"] == api.get(f"/api/v1/{key[0]}/{key[1]}").json() and item["deleted"] is False
        assert (
            item["id"] == f"change-{item['number']}"
            and item["event"] == f"{key[0][:-1].replace('people', 'person').replace('peopl', 'person')}.changed"
        )


def test_each_resource_once_and_pages_that_meet(make: Make, client: Client, database: Database) -> None:
    api, ann = client(*READS, "people:write"), make.person("Ann")
    for n in range(5):
        api.patch(f"/api/v1/people/{ann.id}", json={"known_as": f"A{n}"}, headers={"if-match": "*"})
        number_all(database)
    for n in range(6):
        make.person(f"P{n}")
    number_all(database)
    since, seen = 0, []
    while True:
        answer = api.get(CHANGES, params={"since": since, "limit": 2, "resource": "people"}).json()
        seen += [item["resource_id"] for item in answer["items"]]
        since = answer["last"]
        if not answer["more"]:
            break
    assert sorted(seen) == sorted(set(seen)) and len(seen) == 7 and ann.id in seen
    assert api.get(CHANGES, params={"since": since}).json() == {"items": [], "last": since, "more": False}
    assert api.get(CHANGES, params={"since": "now"}).json() == {"items": [], "last": since, "more": False}


def test_a_number_that_was_never_given(client: Client) -> None:
    """As after a backup was restored: a copy that went on from there would miss what comes until then."""
    reply = client(*READS).get(CHANGES, params={"since": 10})
    assert reply.status_code == 422 and reply.json()["code"] == "since-unknown"


def test_it_moves_on_where_nothing_is_for_a_client(make: Make, client: Client, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long stretch of other people's changes is passed in pieces, each of which says where to go on."""
    monkeypatch.setattr("app.hr.feed_api.WINDOW", 3)
    api = client("changes:read", "catalogue:read")
    for n in range(4):
        make.person(f"P{n}")
    number_all(database)
    top = make.rows(select(func.max(Change.number)))[0][0]
    since, asked = 0, 0
    while True:
        answer = api.get(CHANGES, params={"since": since}).json()
        assert answer["items"] == [] and answer["last"] > since
        since, asked = answer["last"], asked + 1
        if not answer["more"]:
            break
    assert since == top and asked == -(-top // 3)


@pytest.mark.parametrize(
    "query",
    ["since=-1", "since=x", "since=NOW", "since=1.0", "since=99999999999999999999", "limit=0", "limit=1001", "resource=rooms", "sinc=1"],
)
def test_odd_questions_are_refused(client: Client, query: str) -> None:
    assert client(*READS).get(f"{CHANGES}?{query}").status_code == 422


def test_without_the_scope(client: Client, make: Make) -> None:
    assert client("people:read").get(CHANGES).status_code == 403
    reply = client("changes:read", "people:read").get(f"{CHANGES}?resource=bookings")
    assert reply.status_code == 403 and reply.json()["code"] == "insufficient-scope"


# The organisation --------------------------------------------------------------------------------------------------


def test_the_tree_and_the_stages(make: Make, client: Client) -> None:
    council = make.organisation()
    service = make.unit("Children", "service")
    team = make.unit("North team", parent=service)
    make.person("Ann", stage="SW")
    other = make.organisation("Eastmarch", host=False)
    api = client("organisation:read")
    ids: Callable[..., list[int]] = lambda query="": [unit["id"] for unit in api.get(f"/api/v1/units{query}").json()["items"]]  # noqa: E731
    assert ids() == [council, service, team, other] and ids(f"?under={service}") == [service, team]
    assert ids("?kind=team") == [team] and ids(f"?organisation={other}") == [other] and ids("?open=false") == []
    assert ids("?updated_since=2100-01-01T00:00:00Z") == [] and len(ids("?updated_since=2020-01-01T00:00:00Z")) == 4
    assert api.get(f"/api/v1/units/{team}").json()["parent_id"] == service
    limited = client("organisation:read", organisation=other)
    assert [unit["id"] for unit in limited.get("/api/v1/units").json()["items"]] == [other]
    assert limited.get(f"/api/v1/units/{team}").status_code == 404
    stages = api.get("/api/v1/stages").json()["items"]
    assert [stage["code"] for stage in stages] == ["NQSW", "SW", "EXP", "TM"]


# Extracts ----------------------------------------------------------------------------------------------------------


def test_an_extract_is_looked_at_and_applied(make: Make, client: Client) -> None:
    make.organisation(), make.unit("Meadow"), make.person("Boss", stage="SW", employee_number="900")
    api = client("people:import")
    body = csv_of(line("1", "Ann"), line("2", "Bo"))
    made = sent(api, body, key="nightly-1")
    assert made.status_code == 201 and made.json()["state"] == "staged", made.text
    preview = made.json()
    assert preview["counts"] | {"joiner": 2, "rows": 2, "problems": 0} == preview["counts"]
    assert make.rows(select(Person.id).where(Person.employee_number == "1")) == []
    again = sent(api, body, key="nightly-1")
    assert again.json() == preview and again.headers["idempotent-replayed"] == "true"
    assert sent(api, csv_of(line("3")), key="nightly-1").json()["code"] == "idempotency-key-reused"
    here = made.headers["location"]
    applied = api.post(f"{here}/apply").json()
    assert applied["state"] == "applied" and len(make.rows(select(Person.id))) == 3
    assert api.post(f"{here}/apply").json()["code"] == "import-closed"
    assert api.get(here).json() == applied and api.get("/api/v1/imports?state=applied").json()["items"] == [applied]
    same = sent(api, body).json()
    assert same["counts"]["same"] == 2
    assert api.post(f"/api/v1/imports/{same['id']}/discard").json()["state"] == "discarded"
    assert len(make.rows(select(Import.id))) == 2


def test_what_is_wrong_with_an_extract(make: Make, client: Client) -> None:
    make.organisation(), make.unit("Meadow")
    api = client("people:import")
    made = sent(api, csv_of(line("1", Team="Nowhere"), line("2", FTE="much"))).json()
    assert made["counts"]["problems"] >= 2
    problems = api.get(f"/api/v1/imports/{made['id']}/problems").json()["items"]
    assert {problem["column"] for problem in problems} >= {"Team", "FTE"} and all(problem["remedy"] for problem in problems)
    assert api.post(f"/api/v1/imports/{made['id']}/apply").json()["code"] == "import-has-problems"
    for files, data in (
        ({}, {"extract": "full"}),
        ({"file": ("x.csv", b"", "text/csv")}, {"extract": "full"}),
        ({"file": ("x.csv", csv_of(line("1")), "text/csv")}, {"extract": "all"}),
        ({"file": ("x.csv", csv_of(line("1")), "text/csv")}, {"extract": "full", "as_at": "2999-01-01"}),
        ({"file": ("x.csv", csv_of(line("1")), "text/csv")}, {"extract": "full", "more": "1"}),
        ({"file": ("x.csv", csv_of(line("1")), "text/csv"), "mapping": ("m.yaml", b"headings: [", "text/yaml")}, {"extract": "full"}),
        ({"file": ("x.xlsx", b"PK\x03\x04nonsense", "text/csv")}, {"extract": "full"}),
    ):
        assert api.post("/api/v1/imports", files=files, data=data).status_code in (400, 422), data
    assert client("people:read").post("/api/v1/imports", files={"file": b"x" * 3_000_000}, data={"extract": "full"}).status_code == 403
    states = {row.state for row in make.rows(select(Import.state).where(Import.id > made["id"]))}
    assert states <= {"discarded"}  # nothing is left half read


def test_an_organisations_client_sends_its_own(make: Make, client: Client) -> None:
    council, other = make.organisation(), make.organisation("Eastmarch", host=False)
    make.unit("Meadow", parent=other), make.person("Boss", stage="SW")
    api = client("people:import", organisation=other)
    made = sent(api, csv_of(line("1", "Ann"))).json()
    assert made["organisation_id"] == other and made["counts"]["joiner"] == 1
    assert api.post(f"/api/v1/imports/{made['id']}/apply").status_code == 200
    assert [row.organisation_id for row in make.rows(select(Person.organisation_id).where(Person.employee_number == "1"))] == [other]
    theirs = sent(client("people:import"), csv_of(line("7", Organisation="Westmarch County Council"))).json()
    assert theirs["organisation_id"] in (council, None)
    for verb in ("apply", "compare", "discard"):
        assert api.post(f"/api/v1/imports/{theirs['id']}/{verb}").status_code == 404
    hidden = sent(api, csv_of(line("8", Organisation="Westmarch County Council"))).json()  # all of it refused, and still its own
    assert hidden["counts"]["problems"] > 0 and api.get(f"/api/v1/imports/{hidden['id']}").status_code == 200


# Bulk --------------------------------------------------------------------------------------------------------------


def test_many_people_at_once(make: Make, client: Client, count_queries: Any) -> None:
    make.unit("Meadow"), make.person("Boss", stage="SW", employee_number="BOSS")
    api = client("people:import")
    items = [
        dict(
            employee_number=f"N{n}",
            first_name="New",
            last_name=f"Starter{n}",
            unit="Meadow",
            stage="SW",
            manager_number="BOSS",
            job_title="Social worker",
            started_on="2026-01-05",
        )
        for n in range(1000)
    ]
    with count_queries() as queries:
        reply = api.post("/api/v1/people/bulk", json={"items": items}, headers={"idempotency-key": "b1"})
    assert reply.status_code == 200, reply.text
    assert {item["became"] for item in reply.json()["items"]} == {"joiner"} and len(queries) < 160
    assert [item["employee_number"] for item in reply.json()["items"][:2]] == ["N0", "N1"]
    assert (
        api.post("/api/v1/people/bulk", json={"items": items}, headers={"idempotency-key": "b1"}).headers["idempotent-replayed"] == "true"
    )
    items[3]["last_name"] = "Newname"
    again = {item["employee_number"]: item for item in api.post("/api/v1/people/bulk", json={"items": items[:10]}).json()["items"]}
    assert again["N3"]["became"] == "changed" and again["N4"]["became"] == "same" and again["N4"]["id"] == reply.json()["items"][4]["id"]


def test_all_of_them_or_none(make: Make, client: Client) -> None:
    make.person("Boss", employee_number="BOSS")
    api = client("people:import")
    good = dict(employee_number="N1", first_name="New", last_name="Starter", started_on="2026-01-05")
    for wrong, field in (
        (dict(good, employee_number="N2", unit="Nowhere"), "items.1.unit"),
        (dict(good, employee_number="N2", manager_number="BOSS"), "items.0.manager_number"),
        (dict(good, employee_number="n1"), "items.1.employee_number"),
        (dict(good, employee_number="N2", stage="??"), "items.1.stage"),
        (dict(good, employee_number="N2", email="no address"), "items.1.email"),
    ):
        reply = api.post("/api/v1/people/bulk", json={"items": [good, wrong]})
        assert reply.status_code == 422 and field in [error["field"].removeprefix("body.") for error in reply.json()["errors"]], reply.text
    assert make.rows(select(func.count()).select_from(Person))[0][0] == 1 and make.rows(select(Import.id)) == []
    assert api.post("/api/v1/people/bulk", json={"items": []}).status_code == 422
    assert api.post("/api/v1/people/bulk", json={"items": [dict(good, employee_number=f"N{n}") for n in range(1001)]}).status_code == 422
    assert api.post("/api/v1/people/bulk", content=b"x" * 5_000_000, headers={"content-type": "application/json"}).status_code == 413
    assert api.post("/api/v1/people/bulk", json={"items": [dict(good, employee_number=f"N{n}") for n in range(60)]}).status_code == 200
    cleared = [dict(good, leaving_on="2030-01-01")], [dict(good, leaving_on=None)]
    for items, day in zip(cleared, (date(2030, 1, 1), None), strict=True):
        reply = api.post("/api/v1/people/bulk", json={"items": items})
        assert reply.status_code == 200, reply.text
        assert make.rows(select(Person.leaving_on).where(Person.employee_number == "N1"))[0][0] == day


def test_many_results_at_once(make: Make, client: Client, count_queries: Any) -> None:
    people, courses = [make.person(f"P{n}", account=False).id for n in range(60)], [make.course(certificate=True).id for _ in range(3)]
    renews = make.course(refresher_id=courses[0], validity_months=12)
    make.completion(people[0], renews.id, date(2025, 1, 6))
    today = date.today()  # noqa: DTZ011  # a day of London's, near enough
    items = [
        dict(person_id=person, course_id=course, completed_on=str(today - timedelta(days=3))) for person in people for course in courses
    ]
    items += [dict(items[0], completed_on=str(today - timedelta(days=9))), items[1]]
    api = client("completions:write")
    with count_queries() as queries:
        reply = api.post("/api/v1/completions/bulk", json={"items": items})
    assert reply.status_code == 200, reply.text
    made = reply.json()["items"]
    assert all(item["new"] for item in made) and made[-1]["id"] == made[1]["id"] and len({item["id"] for item in made}) == 181
    assert len(queries) < 60
    count: Callable[[Any], int] = lambda table: make.rows(select(func.count()).select_from(table))[0][0]  # noqa: E731
    assert count(Completion) == 181 + 2 + 1 and count(LearningRecord) == 181 and count(Certificate) == 181
    again = api.post("/api/v1/completions/bulk", json={"items": items}).json()["items"]
    assert [item["id"] for item in again] == [item["id"] for item in made] and not any(item["new"] for item in again)
    wrong = [items[0], dict(items[0], course_id=9999), dict(items[0], completed_on="2999-01-01")]
    errors = api.post("/api/v1/completions/bulk", json={"items": wrong}).json()["errors"]
    assert [error["field"] for error in errors] == ["items.1.course_id", "items.2.completed_on"]
    stranger = api.post("/api/v1/completions/bulk", json={"items": [items[0], dict(items[0], person_id=9999)]})
    assert stranger.status_code == 404 and stranger.json()["errors"][0]["field"] == "items.1.person_id"


def test_the_same_extract_again_is_known_unread(make: Make, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nobody has changed anybody: then it is read and compared like any other."""
    make.organisation(), make.unit("Meadow"), make.person("Boss", stage="SW", employee_number="900")
    api, people_api = client("people:import"), client("people:write", "people:read")
    body = csv_of(line("1", "Ann"), line("2", "Bo"))
    first = sent(api, body).json()
    assert api.post(f"/api/v1/imports/{first['id']}/apply").json()["state"] == "applied"
    read = sent(api, body + b"\n").json()["counts"]  # not the same file
    api.post(f"/api/v1/imports/{first['id'] + 1}/apply")

    def never(*_: Any) -> Any:
        raise AssertionError("it was read")

    with monkeypatch.context() as patched:
        patched.setattr("app.hr.imports.read", never)
        again = sent(api, body + b"\n").json()
        assert again["state"] == "staged" and again["counts"] == read and read["same"] == 2
        assert api.post(f"/api/v1/imports/{again['id']}/apply").json()["state"] == "applied"
        assert sent(api, body + b"\n", extract="full").status_code == 500  # that is another question
    ann = make.rows(select(Person.id).where(Person.employee_number == "1"))[0][0]
    people_api.patch(f"/api/v1/people/{ann}", json={"known_as": "Other", "stage": "NQSW"}, headers={"if-match": "*"})
    assert sent(api, body + b"\n").json()["counts"]["changed"] == 1
