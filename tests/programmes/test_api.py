"""Programmes for other systems: status and outcomes by organisation, a feed that misses nothing, and not a word that somebody wrote."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from app.core.tx import SYSTEM, clock, transaction
from app.programmes.models import Agreement, Change, Enrolment, Fed
from app.programmes.operations import feed
from app.programmes.panel_models import Decision, PanelCase, Sitting
from app.programmes.portfolio_models import Comment, Contribution, Document, Revision
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes

Client = Callable[..., TestClient]
SECRET = "Marmalade"


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def numbered(make: Make) -> int:
    with transaction(make.database, SYSTEM, writes=True) as tx:
        return feed.number(tx)


def test_enrolments_by_their_filters(make: Make, there: Enrolled, client: Client) -> None:
    other = Programmes(make).enrolment(
        nqsw=make.person("Pat Paused", swe_number="SW900303"), cohort=Programmes(make).cohort(title="March cohort"), status="paused"
    )
    api = client("programmes:read")

    def ids(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"/api/v1/enrolments?{query}").json()["items"]]

    assert ids("") == [there.id, other.id] and ids("status=paused") == [other.id]
    assert ids(f"cohort={there.cohort_id}") == [there.id] and ids(f"person={other.nqsw.id}") == [other.id] and ids("outcome=pass") == []
    first = api.get("/api/v1/enrolments?limit=1").json()
    assert [item["id"] for item in api.get(f"/api/v1/enrolments?limit=1&cursor={first['next']}").json()["items"]] == [other.id]
    past = (clock() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    to_come = (clock() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert ids(f"updated_since={past}") == [there.id, other.id] and ids(f"updated_since={to_come}") == []
    assert api.get("/api/v1/enrolments?status=lost").status_code == 422 and api.get("/api/v1/enrolments?statuss=paused").status_code == 422
    cohorts = api.get("/api/v1/cohorts").json()["items"]
    assert [item["title"] for item in cohorts] == ["September cohort", "March cohort"] and cohorts[0]["programme"] == "MINI"
    assert (
        api.get("/api/v1/cohorts?programme=ELSE").json()["items"] == [] and len(api.get("/api/v1/cohorts?open=true").json()["items"]) == 2
    )


def test_one_enrolment_with_its_stages_and_an_etag(make: Make, there: Enrolled, client: Client) -> None:
    with make.tx() as tx:
        tx.update(Enrolment, there.id, eligible=[{"code": "registered", "ok": True, "words": SECRET}])
    api = client("programmes:read")
    reply = api.get(f"/api/v1/enrolments/{there.id}")
    body = reply.json()
    assert [(stage["code"], stage["state"]) for stage in body["stages"]] == [
        ("ST-1", "open"),
        ("ST-2", "not started"),
        ("PANEL", "not started"),
    ]
    assert body["stages"][0]["due_on"] and body["eligibility"] == [{"code": "registered", "ok": True}] and body["fte"] == 1.0
    tag = reply.headers["etag"]
    assert api.get(f"/api/v1/enrolments/{there.id}", headers={"if-none-match": tag}).status_code == 304
    with make.tx() as tx:
        tx.update(Enrolment, there.id, status="paused", version=2)
    assert api.get(f"/api/v1/enrolments/{there.id}", headers={"if-none-match": tag}).json()["status"] == "paused"
    assert api.get("/api/v1/enrolments/999999").status_code == 404


def test_a_client_of_one_organisation_sees_its_own_people_only(make: Make, there: Enrolled, client: Client) -> None:
    numbered(make)
    api = client("programmes:read", organisation=make.organisation("Northmoor Council", host=False))
    assert api.get("/api/v1/enrolments").json()["items"] == [] and api.get("/api/v1/cohorts").json()["items"] == []
    assert api.get("/api/v1/enrolments/changes").json() == {"items": [], "last": 0, "more": False}
    assert api.get(f"/api/v1/enrolments/{there.id}").status_code == 404
    own = client("programmes:read", organisation=make.organisation())
    assert [len(own.get(f"/api/v1/{path}").json()["items"]) for path in ("enrolments", "cohorts", "enrolments/changes")] == [1, 1, 1]
    assert client("people:read", "completions:read").get("/api/v1/enrolments").status_code == 403


def test_no_word_that_anybody_wrote_leaves_here(make: Make, there: Enrolled, client: Client) -> None:
    """The marker stands in every column of text that people fill: documents, comments, contributions, statements, reasons, agreements."""
    with make.tx() as tx:
        its, document = dict(enrolment_id=there.id), there.documents["CRL1"]
        said = dict(document_id=document, number=1, base=0, content={"reflection": SECRET}, standards=[SECRET], sitting="a", kind="typing")
        tx.db.execute(insert(Revision), said | dict(saved_at=tx.now, begun_at=tx.now, sealed=False, author_id=there.nqsw.id))
        tx.update(Document, document, head=1)
        tx.insert(Comment, document_id=document, revision=1, person_id=there.assessor.id, words=SECRET, at=tx.now)
        asked = dict(document_id=document, **its, name=SECRET, email="m@example.org", part="observer", words=SECRET, reply=SECRET)
        tx.insert(Contribution, **asked, draft={"seen": SECRET}, asked_at=tx.now, expires_at=tx.now)
        change = tx.insert(
            Change,
            **its,
            kind="pause",
            from_on=tx.today,
            reason_code=SECRET,
            words=SECRET,
            details={"x": SECRET},
            needs=[],
            proposed_at=tx.now,
        )
        agreed = dict(change_id=change, capacity="nqsw", person_id=there.nqsw.id, agreed=True, words=SECRET, at=tx.now)
        tx.db.execute(insert(Agreement), agreed)
        sitting = tx.insert(Sitting, title=SECRET, starts_at=tx.now, place=SECRET, created_at=tx.now)
        case = tx.insert(
            PanelCase,
            **its,
            sitting_id=sitting,
            recommended="pass",
            listed_at=tx.now,
            listed_head="",
            state="decided",
            programme_feedback=SECRET,
        )
        words = dict(reasons=SECRET, to_learner=SECRET, to_assessor=SECRET)
        given = dict(case_id=case, kind="confirm", outcome="pass", decided_at=tx.now, checklist=[{"words": SECRET}])
        decision = tx.insert(Decision, **its, **words, **given)
        reasons = [{"code": "qualified", "ok": False, "words": SECRET}]
        tx.update(Enrolment, there.id, status="completed", outcome="pass", decision_id=decision, eligible=reasons, grant_reasons=reasons)
        tx.update(Enrolment, there.id, transferred_from=SECRET)
        tx.record("enrolment.completed", "enrolments", there.id, person_id=there.nqsw.id, state="pass")
    numbered(make)
    api = client("programmes:read")
    paths = (
        "cohorts",
        "enrolments",
        "enrolments?outcome=pass",
        f"enrolments/{there.id}",
        "enrolments/changes",
        "enrolments/changes?since=0",
    )
    replies = [api.get(f"/api/v1/{path}") for path in paths]
    assert [reply.status_code for reply in replies] == [200] * len(paths)
    assert not any(SECRET in reply.text for reply in replies)
    assert replies[2].json()["items"][0]["outcome"] == "pass" and replies[2].json()["items"][0]["decided_at"]
    assert replies[3].json()["grant"] == [{"code": "qualified", "ok": False}]


# The feed ----------------------------------------------------------------------------------------------------------


def test_the_feed_brings_each_change_once_and_in_order(make: Make, there: Enrolled, client: Client) -> None:
    other = Programmes(make).enrolment(nqsw=make.person("Pat Other", swe_number="SW900303"))
    api = client("programmes:read")
    assert (numbered(make), numbered(make)) == (2, 0)
    first = api.get("/api/v1/enrolments/changes?limit=1").json()
    assert (first["items"][0]["enrolment_id"], first["last"], first["more"]) == (there.id, 1, True)
    rest = api.get("/api/v1/enrolments/changes?since=1").json()
    assert ([item["enrolment_id"] for item in rest["items"]], rest["last"], rest["more"]) == ([other.id], 2, False)
    with make.tx() as tx:
        tx.update(Enrolment, there.id, status="paused")
    assert numbered(make) == 1
    (item,) = api.get("/api/v1/enrolments/changes?since=2").json()["items"]
    assert (item["sequence"], item["enrolment_id"], item["status"]) == (3, there.id, "paused")
    assert [row["sequence"] for row in api.get("/api/v1/enrolments/changes").json()["items"]] == [2, 3]  # it has moved to the end
    assert (
        api.get("/api/v1/enrolments/changes?since=-1").status_code == 422
        and api.get("/api/v1/enrolments/changes?cursor=x").status_code == 422
    )


def test_writers_at_the_same_time_lose_no_reader_a_change(make: Make) -> None:
    """Transactions that begin in one order and end in another, two numbering jobs, and a reader, who ends with what is there."""
    programmes = Programmes(make)
    ids = [programmes.enrolment(nqsw=make.person(f"Nell {n}", swe_number=f"SW9005{n:02}")).id for n in range(6)]
    seen: dict[int, str] = {}
    last, over = 0, threading.Event()
    faults: list[BaseException] = []

    def look() -> None:
        nonlocal last
        with transaction(make.database, SYSTEM, writes=False) as tx:
            rows = tx.rows(
                select(Fed.number, Fed.enrolment_id, Enrolment.status)
                .join(Enrolment, Enrolment.id == Fed.enrolment_id)
                .where(Fed.number > last)
                .order_by(Fed.number)
            )
        for row in rows:
            seen[row.enrolment_id], last = row.status, row.number

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            with transaction(make.database, SYSTEM, writes=True) as tx:
                tx.db.execute(
                    update(Enrolment).where(Enrolment.id == chance.choice(ids)).values(status=chance.choice(("paused", "in_progress")))
                )
                over.wait(chance.random() / 100)

    def work() -> None:
        while not over.is_set():
            numbered(make)

    def guarded(what: Callable[..., None], *args: int) -> None:
        try:
            what(*args)
        except BaseException as wrong:  # noqa: BLE001 - shown below
            faults.append(wrong)

    writers = [threading.Thread(target=guarded, args=(write, seed)) for seed in range(3)]
    workers = [threading.Thread(target=guarded, args=(work,)) for _ in range(2)]
    for thread in (*writers, *workers):
        thread.start()
    while any(thread.is_alive() for thread in writers):
        look()
    over.set()
    for thread in (*writers, *workers):
        thread.join()
    numbered(make)
    look()
    assert faults == []
    assert seen == {row.id: row.status for row in make.rows(select(Enrolment.id, Enrolment.status))}
    numbers = [row.number for row in make.rows(select(Fed.number))]
    assert len(set(numbers)) == len(numbers) == 6
