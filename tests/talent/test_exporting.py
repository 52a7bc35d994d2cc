"""What leaves in a file: only who agrees, every cell as it was written in every program, the same bytes again, and who took it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import load_workbook
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.calendar import london
from app.people.models import Person, Post
from app.policy import Can
from app.talent import entering, exporting, listed
from app.talent.listed import Asked
from app.talent.models import TalentRead, TalentReadOf
from tests.factory import Make
from tests.talent.pools import Scene, scene

SignIn = Callable[[Any], TestClient]
PURPOSE = "Succession planning meeting"
NASTY = {  # as a name could be written, and as it leaves in a file
    "=1+1": "=1+1",
    "+44 20": "+44 20",
    "-2+3": "-2+3",
    "@SUM(A1)": "@SUM(A1)",
    "\tTab first": "Tab first",
    "Two\r\nlines": "Two lines",
    "Right\u202eto left": "Rightto left",
    "_x0041_ a code": "_ x0041_ a code",
    "’Quoted” & <b>": "’Quoted” & <b>",
    "Zoë Łuczak 王": "Zoë Łuczak 王",
    "=cmd|' /C calc'!A0": "=cmd|' /C calc'!A0",
    "1e5": "1e5",
    "00123": "00123",
    "TRUE": "TRUE",
    "12/08/2026": "12/08/2026",
}


@pytest.fixture
def there(make: Make) -> Scene:
    return scene(make)


def crowd(there: Scene) -> None:
    """Somebody on the list for each of these names; in sorted order of their ids."""
    people = [there.make.person(f"N{n} Name", account=False) for n in range(len(NASTY))]
    with there.make.tx() as tx:
        for person, name in zip(people, NASTY, strict=True):
            tx.db.execute(update(Person).where(Person.id == person.id).values(name=name, sort_name=f"{person.id:06}"))
            tx.db.execute(update(Post).where(Post.person_id == person.id).values(job_title=name))
    for person in people:
        there.listed(person)


def taken(there: Scene, kind: str, **asked: Any) -> bytes:
    with there.keeper(writes=False) as tx:
        from app.talent import operations

        pool = operations.pool(tx, Can.READ_TALENT, there.pool)
        made = exporting.take(tx, pool, Asked(tx.today, tx.now, **asked), kind, PURPOSE)
        body = b"".join(made.chunks())
        assert hashlib.sha256(body).hexdigest() == made.digest and not made.path.exists()
        return body


def in_libreoffice(folder: Path, body: bytes) -> list[list[str]]:
    """The first sheet as LibreOffice reads it, every formula worked out if there were one."""
    (folder / "list.xlsx").write_bytes(body)
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to"]
    command += [
        "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1",
        "--outdir",
        str(folder),
        str(folder / "list.xlsx"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (made,) = folder.glob("list*.csv")
    return list(csv.reader(io.StringIO(made.read_text(encoding="utf-8"))))


@pytest.mark.thorough
def test_every_cell_is_the_same_text_in_three_programs(there: Scene, tmp_path: Path) -> None:
    crowd(there)
    body = taken(there, "xlsx")
    expected = list(NASTY.values())
    book = openpyxl.load_workbook(io.BytesIO(body))
    rows = list(book.worksheets[0].iter_rows())
    assert [cell.value for cell in rows[0]] == list(exporting.HEADS)
    assert [row[0].value for row in rows[1:]] == expected and [row[2].value for row in rows[1:]] == expected
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "d", "inlineStr"}, "no formula"
    calamine = load_workbook(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in calamine[1:]] == expected and [row[2] for row in calamine[1:]] == expected
    if there.make.database.sqlite and shutil.which("soffice"):
        office = in_libreoffice(tmp_path, body)
        assert [row[0] for row in office[1:]] == expected and [row[2] for row in office[1:]] == expected


def test_csv_and_json_run_nothing_and_say_the_same(there: Scene) -> None:
    crowd(there)
    rows = list(csv.reader(io.StringIO(taken(there, "csv").decode("utf-8-sig"))))
    assert rows[0] == list(exporting.HEADS)
    assert [row[0].removeprefix("'") for row in rows[1:]] == list(NASTY.values())
    assert not [row for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")]
    said = json.loads(taken(there, "json"))
    assert [person["name"] for person in said["people"]] == list(NASTY.values()) and said["purpose"] == PURPOSE
    assert not {"ethnicity", "sex", "disability", "religion", "reasons"} & set(said["people"][0])


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
def test_the_same_question_has_the_same_bytes(there: Scene, sign_in: SignIn, kind: str) -> None:
    key = there.listed()
    there.judged(key)
    psw = sign_in(there.psw)
    with there.keeper(writes=False) as tx:
        known = tx.now
    address = f"/talent/pools/{there.pool}/export"
    form, query = {"purpose": PURPOSE, "type": kind}, {"known_at": known.isoformat()}
    first = psw.post(address, params=query, data=form)
    there.listed(there.bob)
    there.judged(key, horizon_id=there.labels["far"])
    again = psw.post(address, params=query, data=form)
    assert first.status_code == 200 and first.content == again.content, "what was recorded later changes no answer about before"
    assert first.content != psw.post(address, data=form).content


def test_a_purpose_is_asked_and_kept_and_the_person_sees_it(there: Scene, sign_in: SignIn) -> None:
    there.listed()
    psw, ann = sign_in(there.psw), sign_in(there.ann)
    address = f"/talent/pools/{there.pool}/export"
    shown = psw.get(address).text
    assert "1 person will leave" in shown and "Employee number" in shown
    for wrong in ({}, {"purpose": "x", "type": "csv"}, {"purpose": PURPOSE, "type": "exe"}):
        assert psw.post(address, data=wrong).status_code == 422
    assert there.make.rows(select(TalentRead.id)) == []
    sent = psw.post(address, data={"purpose": PURPOSE, "type": "csv"})
    assert sent.headers["content-disposition"].endswith('.csv"') and "Ann Holt" in sent.text
    (kept,) = there.make.rows(select(TalentRead.__table__))
    assert (kept.kind, kept.reader_id, kept.purpose, kept.people, kept.file_type) == ("export", there.psw.id, PURPOSE, 1, "csv")
    assert kept.digest == hashlib.sha256(sent.content).hexdigest() == sent.headers["x-content-sha256"]
    assert PURPOSE in ann.get("/my-talent-pools/1").text and PURPOSE in psw.get("/talent/reads").text


def test_whoever_looks_is_written_down_with_of_whom(there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    psw = sign_in(there.psw)
    psw.get(f"/talent/pools/{there.pool}")
    psw.get(f"/talent/entries/{key}")
    rows = there.make.rows(select(TalentRead.kind, TalentReadOf.person_id).join(TalentReadOf, TalentReadOf.read_id == TalentRead.id))
    assert [tuple(row) for row in rows] == [("view", there.ann.id), ("card", there.ann.id)]


def test_whoever_takes_their_word_back_is_in_no_file_of_earlier(there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    psw = sign_in(there.psw)
    with there.keeper(writes=False) as tx:
        known = tx.now
    form, query = {"purpose": PURPOSE, "type": "json"}, {"known_at": known.isoformat()}
    address = f"/talent/pools/{there.pool}/export"
    assert len(psw.post(address, params=query, data=form).json()["people"]) == 1
    with there.own(there.ann) as tx:
        entering.say(tx, key, agrees=False)
    assert psw.post(address, params=query, data=form).json()["people"] == []


def test_a_file_does_not_leave_when_somebody_has_just_withdrawn(there: Scene, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    key = there.listed()
    real = exporting.take

    def slow(*given: Any) -> Any:
        made = real(*given)
        with there.own(there.ann) as tx:
            entering.say(tx, key, agrees=False)
        slow.made = made  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(exporting, "take", slow)
    reply = sign_in(there.psw).post(f"/talent/pools/{there.pool}/export", data={"purpose": PURPOSE, "type": "csv"})
    assert reply.status_code == 409 and "Ann Holt" not in reply.text
    assert not slow.made.path.exists() and there.make.rows(select(TalentRead.id)) == []  # type: ignore[attr-defined]


def test_the_api_gives_lists_with_a_purpose_and_is_in_the_log(there: Scene, client: Callable[..., TestClient], sign_in: SignIn) -> None:
    there.judged(there.listed())
    api = client("talent:read", organisation=there.council)
    (pool,) = api.get("/api/v1/talent/pools").json()["items"]
    assert (pool["title"], pool["depth"], pool["posts"], pool["step"]) == ("Experienced social worker", 1, 3, "SW-EXP")
    address = f"/api/v1/talent/pools/{there.pool}/entries"
    assert api.get(address).status_code == 422, "without a purpose nothing is read"
    (one,) = api.get(address, params={"purpose": PURPOSE}).json()["items"]
    assert (one["person_id"], one["readiness"], one["horizon"]) == (there.ann.id, "missing", "Ready now")
    assert not {"reasons", "view", "name"} & set(one)
    assert "(a system)" in sign_in(there.ann).get("/my-talent-pools/1").text
    yesterday = (london(there.make.row(Person, there.ann.id).created_at).date() - timedelta(days=1)).isoformat()
    assert api.get(address, params={"purpose": PURPOSE, "as_at": yesterday}).json()["items"] == []
    elsewhere = client("talent:read", organisation=there.make.organisation("Northmoor Council", host=False))
    assert elsewhere.get("/api/v1/talent/pools").json()["items"] == []
    assert elsewhere.get(address, params={"purpose": PURPOSE}).status_code == 404


def test_a_longer_list_asks_the_database_no_more(there: Scene, count_queries: Callable[[], Any]) -> None:
    asked = []
    for name in ("Ann", "Bea", "Cal", "Dee"):
        there.judged(there.listed(there.make.person(name, account=False)))
        with count_queries() as queries:
            taken(there, "xlsx")
        asked.append(len(queries))
    assert len(set(asked)) == 1, asked


@pytest.mark.parametrize("sort", ["name", "ready"])
def test_a_file_is_the_same_in_parts_as_in_one_piece(there: Scene, sort: str) -> None:
    for name in ("Ann", "Bea", "Cal"):
        there.listed(there.make.person(name, account=False))
    whole = taken(there, "csv", sort=sort)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listed, "PART", 2)
        assert taken(there, "csv", sort=sort) == whole
