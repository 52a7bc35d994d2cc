"""People by course: what counts, until when, for whom; the page and the file say the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient

from app import doors
from app.core.tx import clock
from app.learning import matrix
from app.learning.models import Completion, Curriculum, CurriculumCourse
from app.people.models import Person
from tests.factory import Make

SignIn = Callable[[Any], TestClient]


def table(reply: Any) -> list[list[str]]:
    assert reply.status_code == 200, reply.text
    assert reply.content.startswith(b"\xef\xbb\xbf") and reply.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig"))))


def test_each_cell_says_until_when_it_counts(make: Make, sign_in: SignIn) -> None:
    team = make.unit("North team")
    cai = make.person("Cai Coord", roles=("coordinator",))
    ann, bob = make.person("Ann Able", team=team, employee_number="77"), make.person("Bob Baker")
    safe, court, once = (
        make.course("Safeguarding", validity_months=36),
        make.course("Court skills", validity_months=12),
        make.course("Induction"),
    )
    today = clock().date()

    def day(days: int) -> Any:
        return today + timedelta(days=days)

    make.completion(ann.id, safe.id, day(-1500), day(-400))
    make.completion(ann.id, safe.id, day(-100), day(900))  # the latest counts
    make.completion(ann.id, court.id, day(-360), day(5))
    make.completion(bob.id, court.id, day(-800), day(-1))
    make.completion(bob.id, once.id, day(-30))
    wrong = make.completion(bob.id, safe.id, day(-3), day(700))
    with make.tx() as tx:
        tx.update(Completion, wrong, superseded_at=tx.now)
    browser = sign_in(cai)
    got = table(browser.get("/completions.csv", params={"course": [safe.id, court.id, once.id]}))
    assert got[0] == ["Name", "Employee number", "Job title", "Team", "Court skills", "Induction", "Safeguarding"]
    assert got[1] == ["Ann Able", "77", "Social worker", "North team", f"lapses {day(5)}", "", f"in date to {day(900)}"]
    assert got[2][0] == "Bob Baker" and got[2][4:] == [f"lapsed {day(-1)}", f"completed {day(-30)}", ""]
    page = browser.get("/completions", params={"course": [safe.id, court.id, once.id]}).text
    for words in ("Lapses soon", "In date", "Lapsed", "Completed", "Not done", "North team", f"course={safe.id}&amp;course={court.id}"):
        assert words in page
    assert table(browser.get("/completions.csv"))[0][4:] == ["Court skills", "Safeguarding"]  # those to renew


def test_a_curriculum_in_its_own_order(make: Make, sign_in: SignIn) -> None:
    zoo, alpha = make.course("Zoonoses"), make.course("Alphabet")
    with make.tx() as tx:
        key = tx.insert(Curriculum, title="Essentials", rule="all")
        rows = [dict(curriculum_id=key, course_id=course.id, position=number) for number, course in enumerate((zoo, alpha))]
        tx.insert_many(CurriculumCourse, rows)
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    assert table(browser.get("/completions.csv", params={"curriculum": key}))[0][4:] == ["Zoonoses", "Alphabet"]
    assert browser.get("/completions", params={"curriculum": 99}).status_code == 404
    make.completion(make.person("Ann").id, zoo.id, clock().date())
    page = browser.get("/completions").text  # opens with the essentials, and says how many have done them
    assert page.index("Zoonoses</th>") < page.index("Alphabet</th>") and "Completed: 1 of 2 (50%)" in page
    assert "No course here has to be renewed" in browser.get("/completions", params={"curriculum": "none"}).text


def test_reach_stands_in_the_query(make: Make, sign_in: SignIn) -> None:
    north, south = make.unit("North", "locality"), make.unit("South", "locality")
    make.course("Safeguarding", validity_months=36)
    boss = make.person("Bo Boss", team=north)
    ann = make.person("Ann Able", team=north, manager=boss.id)
    make.person("Sam South", team=south)
    left = make.person("Len Left", team=north, manager=boss.id, leaving_on=clock().date() - timedelta(days=1))
    psw = make.person("Pia Psw", team=south, roles=("principal social worker",), scope=north)
    names = [line[0] for line in table(sign_in(boss).get("/completions.csv"))[1:]]
    assert names == ["Ann Able"] and left.name not in names
    assert [line[0] for line in table(sign_in(psw).get("/completions.csv"))[1:]] == ["Ann Able", "Bo Boss"]
    everyone = sign_in(make.person("Cai Coord", roles=("coordinator",)))
    assert [line[0] for line in table(everyone.get("/completions.csv", params={"unit": south}))[1:]] == ["Pia Psw", "Sam South"]
    assert sign_in(ann).get("/completions").status_code == sign_in(ann).get("/completions.csv").status_code == 403


def test_cells_that_look_like_formulas_stay_text(make: Make, sign_in: SignIn) -> None:
    course = make.course("=SUM(A1)", validity_months=12)
    ann = make.person("@ann +1")
    with make.tx() as tx:
        tx.update(Person, ann.id, employee_number="-77")  # from before such numbers were refused
    got = table(sign_in(make.person("Cai", roles=("coordinator",))).get("/completions.csv", params={"course": course.id}))
    assert got[0][4] == "'=SUM(A1)" and got[1][:2] == ["'@ann +1", "'-77"]


def test_who_took_what_is_in_the_trail_before_it_leaves(make: Make, sign_in: SignIn, ledger: Any) -> None:
    cai, ann = make.person("Cai", roles=("coordinator",)), make.person("Ann")
    course = make.course("Safeguarding", validity_months=36)
    browser = sign_in(cai)
    ledger.start()
    table(browser.get("/completions.csv", params={"course": course.id}))
    browser.get("/completions")
    sign_in(ann).get("/completions.csv")  # refused: nothing left
    assert [action for action in ledger.actions() if action.startswith("completions")] == ["completions.exported", "completions.viewed"]
    entry = ledger.entries("completions.exported")[0]
    assert (entry.actor_id, entry.facts) == (cai.id, {"rows": 2, "courses": 1, "course": [course.id]})


def test_nothing_leaves_that_cannot_be_written_down(make: Make, sign_in: SignIn, monkeypatch: Any) -> None:
    make.course("Safeguarding", validity_months=36)
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    browser = TestClient(browser.app, cookies=browser.cookies, raise_server_exceptions=False)

    def fails(*_: Any) -> None:
        raise RuntimeError("no room for the trail")

    monkeypatch.setattr(doors, "_afterwards", fails)
    assert browser.get("/completions.csv").status_code == 500


def test_a_file_is_not_endless(make: Make, sign_in: SignIn, ledger: Any, monkeypatch: Any) -> None:
    cai = make.person("Cai", roles=("coordinator",), team=make.unit("North team"))
    make.person("Ann")
    browser = sign_in(cai)
    monkeypatch.setattr(matrix, "MOST_PEOPLE", 1)
    ledger.start()
    refused = browser.get("/completions.csv")
    assert refused.status_code == 409 and "holds at most 1 people" in refused.text and ledger.actions() == []


def test_nothing_to_show_says_what_to_do(make: Make, sign_in: SignIn) -> None:
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    assert "No course here has to be renewed" in browser.get("/completions").text
    assert table(browser.get("/completions.csv")) == [
        ["Name", "Employee number", "Job title", "Team"],
        ["Cai Test1", "E00001", "Social worker", ""],
    ]
    unit = make.unit("Empty", "locality")
    make.course("Safeguarding", validity_months=36)
    assert "nobody you may see" in browser.get("/completions", params={"unit": unit}).text
    assert browser.get("/completions", params={"unit": "abc", "course": "x", "curriculum": "-1", "page": "99"}).status_code == 200


def test_pages_of_25_and_few_questions(make: Make, sign_in: SignIn, count_queries: Any) -> None:
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    make.course("Safeguarding", validity_months=36)
    for number in range(26):
        make.person(f"Ann A{number:02}", account=False)
    browser.get("/completions")
    with count_queries() as queries:
        first = browser.get("/completions").text
    assert "27 people, 1 course" in first and "Page 1 of 2" in first and "Cai" not in first.partition("<table")[2]
    assert len([text for text in queries.statements if not text.lower().startswith(("begin", "insert"))]) <= 8, queries.statements
    with count_queries() as queries:
        browser.get("/completions.csv")
    assert len([text for text in queries.statements if not text.lower().startswith(("begin", "insert"))]) <= 4, queries.statements
