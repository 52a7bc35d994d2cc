"""Certificates: one for each completion, checked by anybody who has its number, and nobody else learns anything."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select
from starlette.testclient import TestClient

from app.learning import certificates
from app.learning.models import Certificate
from tests.factory import Make

SignIn = Callable[[Any], TestClient]


def issued(make: Make, person: int, *, title: str = "Court skills", on: date = date(2026, 5, 4), **course: Any) -> Any:
    """A person's certificate for a new course."""
    completion = make.completion(person, make.course(title, **course).id, on, None)
    with make.tx() as tx:
        assert certificates.issue(tx, [completion]) == 1
    return make.rows(select(Certificate.__table__).where(Certificate.completion_id == completion))[0]


def test_one_for_each_completion_however_often_asked(make: Make) -> None:
    person = make.person("Ann")
    row = issued(make, person.id, cpd_minutes=360)
    with make.tx() as tx:
        assert certificates.issue(tx, [row.completion_id]) == 0
    assert re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){2}[2-9A-HJ-NP-Z]{4}", row.code)
    assert row.facts == {
        "name": person.name,
        "course": "Court skills",
        "completed_on": "2026-05-04",
        "expires_on": None,
        "minutes": 360,
        "how": "attendance",
    }


def test_a_course_may_give_none(make: Make) -> None:
    completion = make.completion(make.person("Ann").id, make.course(certificate=False).id, date(2026, 5, 4))
    with make.tx() as tx:
        assert certificates.issue(tx, [completion]) == 0


def test_the_pdf_is_tagged_and_says_what_it_should(make: Make, sign_in: SignIn) -> None:
    person = make.person("Siân")
    row = issued(make, person.id, cpd_minutes=90)
    reply = sign_in(person).get(f"/certificates/{row.id}.pdf")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/pdf")
    assert row.code in reply.headers["content-disposition"]
    reader = PdfReader(io.BytesIO(reply.content))
    root: Any = reader.trailer["/Root"]
    assert len(reader.pages) == 1
    assert bool(root["/MarkInfo"]["/Marked"])
    assert root["/Lang"] == "en-GB"
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    assert reader.metadata is not None and reader.metadata.title == "Certificate of completion: Court skills"
    said = " ".join(reader.pages[0].extract_text().split())
    for words in (person.name, "Court skills", "Completed on Monday 4 May 2026", "1 hour 30 minutes of learning", row.code, "/verify/"):
        assert words in said


def test_a_name_in_letters_we_have_no_typeface_for_still_gets_one(make: Make, sign_in: SignIn) -> None:
    person = make.person("李")
    reply = sign_in(person).get(f"/certificates/{issued(make, person.id).id}.pdf")
    assert reply.content.startswith(b"%PDF")
    root: Any = PdfReader(io.BytesIO(reply.content)).trailer["/Root"]
    assert "/StructTreeRoot" in root  # tagged all the same


def test_anybody_with_the_number_sees_what_it_says_and_no_more(make: Make, visitor: TestClient) -> None:
    person = make.person("Ann")
    row = issued(make, person.id)
    for typed in (row.code, row.code.lower(), row.code.replace("-", ""), row.code.replace("-", " ")):
        sent = visitor.get("/verify", params={"code": typed})
        assert (sent.status_code, sent.headers["location"]) == (303, f"/verify/{row.code}")
    page = visitor.get(f"/verify/{row.code}")
    assert page.status_code == 200
    assert "This certificate is genuine" in page.text
    assert person.name in page.text
    for secret in (person.email, person.employee_number, f"/people/{person.id}"):
        assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"


@pytest.mark.parametrize("code", ["K7QF-2M9X-WT4D", "K7QF", "0000-0000-0000", "x" * 90, "%F0%9F%92%A9"])
def test_a_number_nobody_was_given(visitor: TestClient, code: str) -> None:
    reply = visitor.get(f"/verify/{code}")
    assert reply.status_code == 404
    assert "There is no certificate with this number" in reply.text


def test_what_was_mistyped_stays_in_the_box(visitor: TestClient) -> None:
    reply = visitor.get("/verify", params={"code": "K7QF-2M9"})
    assert reply.status_code == 422
    assert 'value="K7QF-2M9"' in reply.text
    assert "12 letters and digits" in reply.text


def test_run_out_and_withdrawn_are_said(make: Make, visitor: TestClient) -> None:
    person = make.person("Ann")
    course = make.course("First aid")
    completion = make.completion(person.id, course.id, date(2020, 5, 4), date(2023, 5, 4))
    with make.tx() as tx:
        certificates.issue(tx, [completion])
        code = tx.scalar(select(Certificate.code))
    assert "Run out" in visitor.get(f"/verify/{code}").text
    with make.tx() as tx:
        assert certificates.withdraw(tx, [completion], "Went home ill at lunch") == 1
        assert certificates.withdraw(tx, [completion], "Again.") == 0
    page = visitor.get(f"/verify/{code}").text
    assert "This certificate was withdrawn" in page
    assert "Went home" not in page  # why is not for whoever has the number


def test_the_file_is_for_those_who_may_see_completions(make: Make, sign_in: SignIn) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    manager = make.person("Mia")
    row = issued(make, ann.id)
    assert sign_in(ben).get(f"/certificates/{row.id}.pdf").status_code == 404
    assert sign_in(manager).get(f"/certificates/{row.id}.pdf").status_code == 404
    assert sign_in(ann).get(f"/certificates/{row.id + 1}.pdf").status_code == 404
