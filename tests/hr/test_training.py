"""Training records for HR: what is told, what HR says of it, and what a correction afterwards does."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from app.core.tx import Actor, clock
from app.hr import feed
from app.hr.change_models import Change, TrainingConfirmation
from app.learning.models import Completion
from app.people.models import Person
from app.programmes.models import Enrolment
from app.programmes.panel_models import Decision
from tests.factory import Make
from tests.hr.numbering import number_all
from tests.programmes.making import Programmes

Client = Callable[..., TestClient]
PATH = "/api/v1/training-records"
ANSWERS, REPORT = f"{PATH}/answers", f"{PATH}/report"
DAY = date(2026, 5, 1)


@pytest.fixture
def hr(client: Client, make: Make) -> TestClient:
    """HR's system, limited to the council."""
    return client("training-records:read", "training-records:write", organisation=make.organisation())


def records(api: TestClient, **query: Any) -> list[dict[str, Any]]:
    reply = api.get(PATH, params=query)
    assert reply.status_code == 200, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


def answer(record: dict[str, Any], state: str = "confirmed", **more: Any) -> dict[str, Any]:
    return {"id": record["id"], "mark": record["mark"], "state": state, **more}


def outcome(make: Make, person: Any = None) -> int:
    """A confirmed pass, decided half an hour before midnight in summer: the next day in London. Returns the enrolment."""
    one = Programmes(make).enrolment()
    with make.tx() as tx:
        decided = clock().replace(year=clock().year - 1, month=6, day=30, hour=23, minute=30)
        key = tx.insert(
            Decision, enrolment_id=one.id, kind="confirm", outcome="pass", reasons="Sound practice", checklist=[], decided_at=decided
        )
        tx.update(Enrolment, one.id, status="completed", outcome="pass", decision_id=key)
    return one.id


def test_what_is_told_and_confirmed(make: Make, hr: TestClient, ledger: Any) -> None:
    ann, course = make.person("Ann"), make.course("Court skills", validity_months=36, cpd_minutes=180)
    key = make.completion(ann.id, course.id, DAY, DAY + timedelta(days=1095))
    (told,) = records(hr)
    assert told["id"] == 2 * key and told["mark"] == "2026-05-01 2029-04-30"
    assert (told["kind"], told["outcome"], told["minutes"], told["title"]) == ("completion", "completed", 180, "Court skills")
    assert (told["employee_number"], told["state"], told["withdrawn"]) == (ann.employee_number, "waiting", False)
    assert hr.get(f"{PATH}/{told['id']}").json() == told
    assert hr.get(REPORT).json() == {"waiting": 1, "changed": 0, "refused": 0, "confirmed": 0, "total": 1}
    ledger.start()
    reply = hr.post(ANSWERS, json={"answers": [answer(told, reference="HR-77")]})
    assert reply.json() == {"confirmed": 1, "refused": 0, "unchanged": 0}
    again = hr.post(ANSWERS, json={"answers": [answer(told, reference="HR-77")]})
    assert again.json() == {"confirmed": 0, "refused": 0, "unchanged": 1}
    assert ledger.actions() == ["training-records.answered"]
    (told,) = records(hr, state="confirmed")
    assert (told["reference"], told["state"]) == ("HR-77", "confirmed")
    assert records(hr, state="waiting") == [] and hr.get(REPORT).json()["confirmed"] == 1


def test_a_correction_waits_again_and_is_taken_out(make: Make, hr: TestClient) -> None:
    ann, course = make.person("Ann"), make.course()
    key = make.completion(ann.id, course.id, DAY)
    untold = make.completion(make.person("Bob").id, course.id, DAY)
    told = hr.get(f"{PATH}/{2 * key}").json()
    hr.post(ANSWERS, json={"answers": [answer(told)]})
    with make.tx() as tx:
        tx.db.execute(update(Completion).values(superseded_at=tx.now))
    (left,) = records(hr)  # what HR never took over is not told any more
    assert left["id"] == told["id"] and left["withdrawn"] and left["state"] == "changed" and left["mark"].endswith(" withdrawn")
    assert (told["outcome"], left["outcome"]) == ("completed", "withdrawn")  # who looks at the outcome alone is not misled
    assert hr.get(f"{PATH}/{2 * untold}").json()["code"] == "record-not-found"
    assert hr.post(ANSWERS, json={"answers": [answer(told)]}).json()["unchanged"] == 1  # what was known of the old mark
    assert records(hr, state="changed") == [left]
    hr.post(ANSWERS, json={"answers": [answer(left)]})
    assert records(hr, state="changed") == [] and records(hr)[0]["state"] == "confirmed"


def test_the_feed_tells_of_them(make: Make, client: Client) -> None:
    api = client("training-records:read", "training-records:write", "changes:read", "completions:write", organisation=make.organisation())
    ann, course = make.person("Ann"), make.course(kind="e-learning")
    sent = {"person_id": ann.id, "course_id": course.id, "completed_on": DAY.isoformat()}
    key = api.post("/api/v1/completions", json=sent).json()["id"]
    number_all(make.database)
    with make.tx() as tx:
        rows = tx.rows(select(Change.__table__).where(Change.resource == "training-records"))
    assert [row.resource_id for row in rows] == [2 * key]
    reader = Actor("client", 1, scopes=frozenset({"training-records:read"}), organisation_id=make.organisation())
    for superseded in (False, True):
        with make.tx() as tx:
            if superseded:
                tx.db.execute(update(Completion).values(superseded_at=tx.now))
            tx.actor = reader
            (item,) = feed.told(tx, rows).values()
        assert (item["event"], item["deleted"]) == ("training-record.removed" if superseded else "training-record.changed", superseded)
        assert superseded or item["data"]["mark"] == "2026-05-01 -"


def test_an_outcome_is_told_on_its_day_in_london(make: Make, hr: TestClient) -> None:
    key = outcome(make)
    (told,) = records(hr, kind="programme")
    assert (told["id"], told["outcome"], told["minutes"], told["expires_on"]) == (2 * key + 1, "pass", None, None)
    assert told["completed_on"].endswith("-07-01") and told["mark"].startswith("pass ")
    assert "Sound practice" not in hr.get(PATH).text  # reasons are not HR's
    refused = hr.post(ANSWERS, json={"answers": [answer(told, "refused", reason="No such employee")]})
    assert refused.json()["refused"] == 1
    assert records(hr, state="refused")[0]["reason"] == "No such employee"


def test_an_older_mark_is_taken_and_one_of_the_other_kind_is_not(make: Make, hr: TestClient) -> None:
    completion = make.completion(make.person("Ann").id, make.course().id, DAY, DAY + timedelta(days=30))
    programme = outcome(make)
    older = [(2 * completion, "2026-05-01 -"), (2 * programme + 1, "fail 1")]
    said = [{"id": number, "mark": mark, "state": "confirmed"} for number, mark in older]
    assert hr.post(ANSWERS, json={"answers": said}).json()["confirmed"] == 2
    assert hr.get(REPORT).json()["changed"] == 2  # HR has what it was told then
    said[1]["mark"] = "2026-05-01 -"
    reply = hr.post(ANSWERS, json={"answers": said})
    assert (reply.status_code, [error["field"] for error in reply.json()["errors"]]) == (422, ["answers.1.mark"])


def test_both_kinds_in_one_order(make: Make, hr: TestClient) -> None:
    course = make.course()
    for name in ("Ann", "Bob", "Cat", "Dan"):
        make.completion(make.person(name).id, course.id, DAY)
    outcome(make)
    whole = records(hr)
    assert [item["id"] for item in whole] == sorted(item["id"] for item in whole) and len(whole) == 5
    pieces, cursor = [], None
    while True:
        reply = hr.get(PATH, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        pieces += reply["items"]
        cursor = reply["next"]
        if cursor is None:
            break
    assert pieces == whole
    assert records(hr, person=whole[0]["person_id"]) == [item for item in whole if item["person_id"] == whole[0]["person_id"]]
    assert len(records(hr, updated_since=(clock() - timedelta(hours=1)).isoformat())) == 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": 2**40}, "answers.1.id"),
        ({"state": "refused"}, "answers.1.reason"),
        ({"reason": "Only refusals have one"}, "answers.1.reason"),
        ({"same": True}, "answers.1.id"),
        ({"mark": "wrong"}, "answers.1.mark"),
        ({"mark": "pass 1"}, "answers.1.mark"),  # of the other kind
        ({"mark": "2026-05-01 - "}, "answers.1.mark"),
    ],
)
def test_wrong_answers_are_refused_together(make: Make, hr: TestClient, ledger: Any, change: dict[str, Any], field: str) -> None:
    course = make.course()
    for name in ("Ann", "Bob"):
        make.completion(make.person(name).id, course.id, DAY)
    first, second = records(hr)
    bad = answer(first) if "same" in change else answer(second) | change
    ledger.start()
    reply = hr.post(ANSWERS, json={"answers": [answer(first), bad]})
    assert (reply.status_code, reply.json()["code"]) == ((404, "record-not-found") if "id" in change else (422, "answers-wrong"))
    assert [error["field"] for error in reply.json()["errors"]] == [field]
    assert hr.get(REPORT).json()["waiting"] == 2 and ledger.actions() == []


def test_another_organisations_records_are_out_of_reach(make: Make, client: Client, sign_in: Any) -> None:
    course, elsewhere = make.course(), make.organisation("Northmoor Council", host=False)
    key = make.completion(make.person("Ann").id, course.id, DAY)
    theirs = client("training-records:read", "training-records:write", organisation=elsewhere)
    assert theirs.get(PATH).json()["items"] == [] and theirs.get(f"{PATH}/{2 * key}").status_code == 404
    assert theirs.get(REPORT).json()["total"] == 0
    wanted = {"answers": [{"id": 2 * key, "mark": "2026-05-01 -", "state": "confirmed"}]}
    assert theirs.post(ANSWERS, json=wanted).json()["code"] == "record-not-found"
    reader = client("training-records:read")
    assert reader.post(ANSWERS, json=wanted).status_code == 403
    officer = sign_in(make.person("Olu", roles=("HR officer",), scope=elsewhere, organisation=elsewhere))
    assert "Ann" not in officer.get("/hr/training-records.csv").text


def test_two_systems_answer_at_once(make: Make, hr: TestClient) -> None:
    course = make.course()
    for number in range(20):
        make.completion(make.person(f"Ann{number}").id, course.id, DAY)
    batch = [answer(item) for item in records(hr)]
    replies: list[Any] = []

    def send(order: int) -> None:
        replies.append(hr.post(ANSWERS, json={"answers": batch[::order]}))

    threads = [threading.Thread(target=send, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} <= {200, 409}
    assert sum(reply.json().get("confirmed", 0) for reply in replies if reply.status_code == 200) == 20
    live = select(func.count()).select_from(TrainingConfirmation).where(TrainingConfirmation.superseded_at.is_(None))
    assert make.rows(live)[0][0] == 20


@pytest.fixture
def officer(make: Make, sign_in: Callable[[Any], TestClient]) -> TestClient:
    return sign_in(make.person("Hana", roles=("HR officer",), scope=make.organisation()))


def test_by_file_there_and_back(make: Make, officer: TestClient, ledger: Any) -> None:
    course = make.course("=Court skills")
    for name in ("Ann", "Bob", "Cat"):
        make.completion(make.person(name).id, course.id, DAY)
    assert "HR’s system has 0 of 3 records" in officer.get("/hr/training-records").text
    ledger.start()
    taken = officer.get("/hr/training-records.csv?state=waiting")
    assert ledger.actions() == ["training-records.exported"]
    lines = list(csv.DictReader(io.StringIO(taken.content.decode("utf-8-sig"))))
    assert [line["Title"] for line in lines] == ["'=Court skills"] * 3
    wrong = officer.post(
        "/hr/training-records", files={"file": ("answers.csv", as_file([lines[0] | {"Answer": "yes", "Mark": "01/05/2026"}]))}
    )
    assert wrong.status_code == 422 and "Line 2: Send the mark as it was read with this record" in wrong.text
    lines[0]["Answer"], lines[0]["Reference"] = "yes", "HR-1"
    lines[1]["Answer"], lines[1]["Reason"] = "refused", "Left in April"
    done = officer.post("/hr/training-records", files={"file": ("answers.csv", as_file(lines))})
    assert done.headers["location"] == "/hr/training-records?confirmed=1&refused=1&same=1"
    page = officer.get(done.headers["location"]).text
    assert "1 record confirmed, 1 record refused" in page and "Left in April" in page
    book = openpyxl.load_workbook(io.BytesIO(officer.get("/hr/training-records.xlsx").content))
    answers = [row[13] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    assert answers == ["confirmed", "refused", ""]


def test_a_withdrawn_record_is_no_completion_in_the_file(make: Make, officer: TestClient) -> None:
    make.completion(make.person("Ann").id, make.course().id, DAY)
    lines = list(csv.DictReader(io.StringIO(officer.get("/hr/training-records.csv").content.decode("utf-8-sig"))))
    lines[0]["Answer"] = "confirmed"
    officer.post("/hr/training-records", files={"file": ("answers.csv", as_file(lines))})
    with make.tx() as tx:
        tx.db.execute(update(Completion).values(superseded_at=tx.now))
    assert "Withdrawn: take it out" in officer.get("/hr/training-records").text
    taken = officer.get("/hr/training-records.csv?state=changed").content.decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(taken))
    assert (line["Outcome"], line["Withdrawn"], line["Answer"]) == ("withdrawn", "yes", "")


def as_file(lines: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


@pytest.mark.parametrize("path", ["/hr/training-records", "/hr/training-records.csv", "/hr/training-records.xlsx"])
@pytest.mark.parametrize("state", ["junk", "", "Waiting"])
def test_a_state_that_is_none_is_refused_and_never_means_everything(
    make: Make, officer: TestClient, ledger: Any, path: str, state: str
) -> None:
    make.completion(make.person("Ann").id, make.course().id, DAY)
    ledger.start()
    reply = officer.get(path, params={"state": state})
    assert reply.status_code == 404 and "The states are changed, refused, waiting, confirmed" in reply.text
    assert "Ann" not in reply.text and ledger.actions() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b"Name,Answer\nAnn,yes\n", "these are missing: record"),
        (b"Record,Answer\n2,\n", "No line has an answer"),
        (b"Record,Answer\n999998,yes\n", "Line 2: There is no such training record"),
        (b"Record,Answer,Reason\n\n2,perhaps,\n2,no,\n", "Line 3: Answer must be"),
        (b"Record,Answer\n" + b"x,yes\n" * 30, "And 10 more"),
        (b"\x00\x01\x02", "This is not a CSV file"),
    ],
)
def test_a_file_that_is_wrong_keeps_nothing(make: Make, officer: TestClient, content: bytes, words: str) -> None:
    make.completion(make.person("Ann").id, make.course().id, DAY)
    reply = officer.post("/hr/training-records", files={"file": ("answers.csv", content)})
    assert reply.status_code == 422 and words in reply.text
    assert make.rows(select(TrainingConfirmation.id)) == []


def test_the_page_asks_as_little_for_many(make: Make, officer: TestClient, count_queries: Callable[[], Any]) -> None:
    course = make.course()
    with make.tx() as tx:
        like = tx.rows(select(Person.__table__).limit(1))[0]._asdict()
        people = [like | dict(id=5000 + n, employee_number=f"X{n}", email=None, swe_number=None) for n in range(300)]
        tx.insert_many(Person, people)
        tx.insert_many(
            Completion,
            [dict(person_id=row["id"], course_id=course.id, completed_on=DAY, source="import", recorded_at=tx.now) for row in people],
        )
    with count_queries() as queries:
        page = officer.get("/hr/training-records")
    assert page.status_code == 200 and "Next 25" in page.text
    assert len(queries) <= 8
    following = page.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Back to the first" in officer.get(following).text
