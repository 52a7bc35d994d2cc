"""What the details of a person may be, the same on pages, over REST and in extracts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.hr import values
from app.hr.values import Wrong
from app.people import details
from app.people.models import Person
from tests.factory import Make

GOOD = ("ann@westmarch.example", "a.b-c_d+e@x1.gov.uk", "o'neill@sub.westmarch.example", "1@a-b.example", "a@b.xn--p1ai")
BAD = (
    "ann", "@westmarch.example", "ann@", "ann@westmarch", "ann@@westmarch.example", "a b@westmarch.example", ".ann@westmarch.example",
    "ann.@westmarch.example", "a..n@westmarch.example", "team:ann@westmarch.example", "team:ann@westmarch.example;",
    "ann(work)@westmarch.example", "ann@westmarch.example(x)", "<ann@westmarch.example>", "ann,bob@westmarch.example",
    '"ann"@westmarch.example', "an\u200bn@westmarch.example", "ann\u00ad@westmarch.example", "ånn@westmarch.example",
    "ann\x1b@westmarch.example", "ann\\@westmarch.example", "ann@-westmarch.example", "ann@westmarch-.example",
    "ann@westmarch..example", "ann@westmarch.example.", "ann@[192.0.2.1]", "ann@192.0.2.1", "ann@westmarch.example\n",
    "x" * 65 + "@westmarch.example", "a@" + "b" * 250 + ".example",
)  # fmt: skip


@pytest.mark.parametrize("email", GOOD)
def test_a_plain_address_is_taken(email: str) -> None:
    assert details.is_email(email) and details.email_address(email.upper()) == email and values.email(email) == email


@pytest.mark.parametrize("email", BAD)
def test_anything_else_is_refused(email: str) -> None:
    assert not details.is_email(email)


def test_everywhere_the_same_is_refused(client: Any, sign_in: Any, make: Make) -> None:
    ann, api, hal = make.person("Ann"), client("people:write"), sign_in(make.person("Hal", roles=("HR officer",)))
    for email in ("team:ann@westmarch.example;", "an\u200bn@westmarch.example", "ann,bob@westmarch.example"):
        reply = api.patch(f"/api/v1/people/{ann.id}", json={"email": email}, headers={"if-match": "*"})
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "email")
        form = {"first_name": "Ann", "last_name": "Ames", "email": email, "version": str(ann.version)}
        page = hal.post(f"/people/{ann.id}/edit", data=form)
        assert page.status_code == 422 and "Enter an e-mail address like" in page.text
        if "\u200b" not in email:  # reading an extract drops what cannot be seen, in every cell
            with pytest.raises(values.Wrong):
                values.email(email)


POST = {"job_title": "Social worker", "contract": "permanent"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"started_on": "2026-03-01", "leaving_on": "2026-02-28"}, "leaving_on"),
        ({"leaving_on": "2019-12-31"}, "leaving_on"),  # before the start that is held
        ({"started_on": "1939-12-31"}, "started_on"),
        ({"started_on": "2099-01-01"}, "started_on"),
        ({"leaving_on": "9999-12-31"}, "leaving_on"),
        ({"leaving_on": "0001-01-01"}, "leaving_on"),
        ({"effective_from": "1939-12-31", "post": POST}, "effective_from"),
        ({"post": {**POST, "working_days": "0000000"}}, "post.working_days"),
        ({"post": {**POST, "working_days": "11111000"}}, "post.working_days"),
    ],
)
def test_dates_and_days_that_cannot_be(client: Any, make: Make, body: dict[str, Any], field: str) -> None:
    ann = make.person("Ann", started_on=date(2020, 1, 1))
    reply = client("people:write").patch(f"/api/v1/people/{ann.id}", json=body, headers={"if-match": "*"})
    assert reply.status_code == 422 and reply.json()["errors"][0]["field"] == field, reply.text
    assert make.row(Person, ann.id).version == ann.version


NO_NUMBERS = ("=1+1", "+1", "-1", "@1", "1;2", "E\u0301", "٣", "<b>", "E" * 41)


def test_employee_numbers_have_one_rule(client: Any, make: Make) -> None:
    """New and changed, over the API as in HR's extracts; directories, pages and bulk changes come by the same operations."""
    ann, api = make.person("Ann"), client("people:write", "people:read")
    for number in NO_NUMBERS:
        new = {"organisation_id": make.organisation(), "first_name": "Bea", "last_name": "Bee", "employee_number": number}
        for reply in (
            api.post("/api/v1/people", json=new),
            api.patch(f"/api/v1/people/{ann.id}", json={"employee_number": number}, headers={"if-match": "*"}),
        ):
            assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "employee_number"), (number, reply.text)
        with pytest.raises(Wrong):
            values.number(number)
    good = api.patch(f"/api/v1/people/{ann.id}", json={"employee_number": " A-7 /b_1.x "}, headers={"if-match": "*"})
    assert good.json()["employee_number"] == "A-7/b_1.x"
    assert make.row(Person, ann.id).version == ann.version + 1


def test_what_is_held_already_may_stay(client: Any, make: Make) -> None:
    """A rule is for what is sent: a number and a day from before it do not stop other changes, nor being sent again as they are."""
    ann = make.person("Ann")
    with make.tx() as tx:
        tx.update(Person, ann.id, employee_number="=1+1", leaving_on=date(2099, 12, 31))
    for body in ({"known_as": "Annie"}, {"employee_number": "=1+1", "first_name": "Anna"}, {"started_on": "2020-01-01"}):
        reply = client("people:write").patch(f"/api/v1/people/{ann.id}", json=body, headers={"if-match": "*"})
        assert reply.status_code == 200, reply.text
    row = make.row(Person, ann.id)
    assert (row.first_name, row.known_as, row.employee_number, row.leaving_on) == ("Anna", "Annie", "=1+1", date(2099, 12, 31))


def test_nothing_that_turns_text_round_stays_in_names(client: Any, make: Make) -> None:
    tricks = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    body = {"organisation_id": make.organisation(), "first_name": f"A{tricks}nn", "last_name": f"{tricks}Lee", "known_as": f"An{tricks}"}
    reply = client("people:write").post("/api/v1/people", json=body).json()
    assert (reply["first_name"], reply["last_name"], reply["known_as"], reply["name"]) == ("Ann", "Lee", "An", "An Lee")


def test_controls_do_not_stay_in_names(client: Any, make: Make) -> None:
    ann = make.person("Ann")
    body = {
        "first_name": "A\x1b[31mn",
        "known_as": "An\u202enie",
        "employee_number": "E\x077",
        "post": {**POST, "job_title": "Social\x1b worker"},
    }
    reply = client("people:write").patch(f"/api/v1/people/{ann.id}", json=body, headers={"if-match": "*"}).json()
    assert (reply["first_name"], reply["known_as"], reply["employee_number"]) == ("A[31mn", "Annie", "E7")
    assert reply["job_title"] == "Social worker"


def test_a_parameter_sent_twice_is_refused(client: Any) -> None:
    reply = client("people:read").get("/api/v1/people?limit=1&limit=2")
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "limit")
