"""Bookings and sessions over REST: the same operations as the pages, with stable codes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.bookings.models import Booking
from app.core.tx import clock
from tests.factory import Make

Client = Callable[..., TestClient]


def test_a_booking_then_the_waiting_list(make: Make, client: Client, ledger: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    api = client("bookings:write", "bookings:read")
    ledger.start()
    first = api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id})
    second = api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": bob.id})
    assert (first.status_code, first.json()["status"], first.json()["place"]) == (201, "booked", 1)
    assert (second.status_code, second.json()["status"], second.json()["place"]) == (201, "waiting", None)
    assert ledger.actions() == ["booking.made"] * 2
    assert first.headers["location"] == f"/api/v1/bookings/{first.json()['id']}"
    read = api.get(first.headers["location"])
    assert read.json() == first.json() and read.headers["etag"] == first.headers["etag"]


def test_the_hot_path_asks_no_more_than_it_must(make: Make, client: Client, count_queries: Any) -> None:
    ann, session, api = make.person("Ann"), make.session(), client("bookings:write")
    with count_queries() as queries:
        assert api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id}).status_code == 201
    assert len([text for text in queries.statements if not text.lower().startswith("begin")]) <= 7, queries.statements


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"session_id": 1}, 422, "invalid", "person_id"),
        ({"session_id": 1, "person_id": "1"}, 422, "invalid", "person_id"),
        ({"session_id": 1, "person_id": 1.5}, 422, "invalid", "person_id"),
        ({"session_id": "x", "person_id": 1}, 422, "invalid", "session_id"),
        ({"session_id": 0, "person_id": 1}, 422, "invalid", "session_id"),
        ({"session_id": 2**53, "person_id": 1}, 422, "invalid", "session_id"),
        ({"session_id": 1, "person_id": 1, "priority": 1}, 422, "invalid", "priority"),
        ([1, 2], 422, "invalid", ""),
        ({"session_id": 999, "person_id": 1}, 404, "session-not-found", None),
        ({"session_id": 1, "person_id": 999}, 404, "person-not-found", None),
    ],
)
def test_a_wrong_body_is_refused_and_leaves_no_trace(
    make: Make, client: Client, ledger: Any, body: Any, status: int, code: str, field: str | None
) -> None:
    make.person("Ann")
    make.session()
    ledger.start()
    api = client("bookings:write")
    ledger.start()
    reply = api.post("/api/v1/bookings", json=body)
    problem = reply.json()
    assert (reply.status_code, problem["code"], reply.headers["content-type"]) == (status, code, "application/problem+json")
    assert field is None or [error["field"] for error in problem["errors"]] == [field]
    assert ledger.actions() == [] and ledger.outbox() == []


def test_a_refusal_says_why_and_the_way_out(make: Make, client: Client) -> None:
    ann, session, api = make.person("Ann"), make.session(), client("bookings:write")
    body = {"session_id": session.id, "person_id": ann.id}
    api.post("/api/v1/bookings", json=body)
    again = api.post("/api/v1/bookings", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "already-booked")
    assert again.json()["way_out"] and again.json()["request_id"] == again.headers["x-request-id"]


def test_cancelling_needs_a_reason_and_happens_once(make: Make, client: Client) -> None:
    ann, session, api = make.person("Ann"), make.session(), client("bookings:write")
    made = api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id}).json()
    path = f"/api/v1/bookings/{made['id']}/cancel"
    assert api.post(path, json={}).status_code == 422
    done = api.post(path, json={"reason": "Court hearing"})
    assert (done.status_code, done.json()["status"], done.json()["reason"], done.json()["place"]) == (
        200,
        "cancelled",
        "Court hearing",
        None,
    )
    assert api.post(path, json={"reason": "Court hearing"}).json()["code"] == "booking-over"
    assert api.post("/api/v1/bookings/999/cancel", json={"reason": "Court hearing"}).json()["code"] == "booking-not-found"


def test_a_repeated_key_is_answered_as_before(make: Make, client: Client, ledger: Any) -> None:
    ann, bob, session, api = make.person("Ann"), make.person("Bob"), make.session(), client("bookings:write")
    ledger.start()
    body, key = {"session_id": session.id, "person_id": ann.id}, {"Idempotency-Key": "a-1"}
    first, again = (api.post("/api/v1/bookings", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert again.headers["location"] == first.headers["location"] and again.headers["etag"] == first.headers["etag"]
    other = api.post("/api/v1/bookings", json=body | {"person_id": bob.id}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert api.post("/api/v1/bookings", json=body, headers={"Idempotency-Key": "x" * 101}).json()["code"] == "bad-idempotency-key"
    assert (
        client("bookings:write").post("/api/v1/bookings", json=body, headers=key).json()["code"] == "already-booked"
    )  # another client's key
    assert ledger.actions().count("booking.made") == 1


def test_one_key_in_two_hands_at_once_books_once(make: Make, client: Client) -> None:
    ann, session, api = make.person("Ann"), make.session(), client("bookings:write", "bookings:read")
    replies: list[Any] = []
    ready = threading.Barrier(4)

    def go() -> None:
        ready.wait()
        body = {"session_id": session.id, "person_id": ann.id}
        replies.append(api.post("/api/v1/bookings", json=body, headers={"Idempotency-Key": "both"}))

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [201] * 4
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(api.get("/api/v1/bookings").json()["items"]) == 1


def test_bookings_by_session_person_status_and_change(make: Make, client: Client) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    one, two = make.session(places=1), make.session(day=clock().date() + timedelta(days=70))
    api = client("bookings:write", "bookings:read")
    for person, session in ((ann, one), (bob, one), (ann, two)):
        assert api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": person.id}).status_code == 201

    def found(**query: Any) -> list[tuple[int, int]]:
        reply = api.get("/api/v1/bookings", params=query)
        assert reply.status_code == 200, reply.text
        return [(item["person_id"], item["session_id"]) for item in reply.json()["items"]]

    assert found(session=one.id) == [(ann.id, one.id), (bob.id, one.id)]
    assert found(person=ann.id) == [(ann.id, one.id), (ann.id, two.id)]
    assert found(status="waiting") == [(bob.id, one.id)]
    assert found(updated_since="2100-01-01T00:00:00Z") == []
    assert len(found(updated_since="2020-01-01T00:00:00+01:00")) == 3
    assert len(found(updated_since="0001-01-01T00:00:00+14:00")) == 3


def test_another_organisations_people_do_not_exist(make: Make, client: Client) -> None:
    other = make.organisation("Northmoor Council", host=False)
    ann, nia, session = make.person("Ann"), make.person("Nia", organisation=other), make.session()
    api = client("bookings:write", "bookings:read", organisation=other)
    everything = client("bookings:write", "bookings:read")
    hers = everything.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id}).json()
    assert api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id}).json()["code"] == "person-not-found"
    assert api.get(f"/api/v1/bookings/{hers['id']}").status_code == 404
    assert api.post(f"/api/v1/bookings/{hers['id']}/cancel", json={"reason": "Not mine"}).status_code == 404
    assert api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": nia.id}).status_code == 201
    assert [item["person_id"] for item in api.get("/api/v1/bookings").json()["items"]] == [nia.id]


def test_sessions_with_places_parts_and_days(make: Make, client: Client) -> None:
    course, ann = make.course("Court skills"), make.person("Ann")
    trainer = make.person("Tia")
    one = make.session(course=course.id, places=1, trainers=(trainer.id,))
    two = make.session(day=one.starts_at.date() + timedelta(days=14), link="https://meet.example/1")
    make.session(status="draft")
    api = client("catalogue:read", "bookings:write")

    def found(**query: Any) -> list[int]:
        reply = api.get("/api/v1/sessions", params=query)
        assert reply.status_code == 200, reply.text
        return [item["id"] for item in reply.json()["items"]]

    assert found() == [one.id, two.id]
    assert len(client("catalogue:write", "catalogue:read").get("/api/v1/sessions").json()["items"]) == 3
    assert found(course=course.id) == [one.id] and found(has_places="true") == [one.id, two.id]
    assert found(**{"from": str(one.starts_at.date()), "to": str(one.starts_at.date())}) == [one.id]
    assert found(**{"from": "0001-01-01", "to": "9999-12-31"}) == [one.id, two.id]
    api.post("/api/v1/bookings", json={"session_id": one.id, "person_id": ann.id})
    assert found(has_places="false") == [one.id]
    item = api.get(f"/api/v1/sessions/{one.id}").json()
    assert (item["course"], item["places_left"], item["waiting"], item["parts"][0]["trainer_ids"]) == ("Court skills", 0, 0, [trainer.id])
    hidden = api.get(f"/api/v1/sessions/{two.id}").json()["parts"][0]
    assert hidden["link"] is None and hidden["room"] is None
    assert api.get("/api/v1/sessions/999").json()["code"] == "session-not-found"


def test_an_unchanged_session_is_not_sent_again(make: Make, client: Client) -> None:
    ann, session = make.person("Ann"), make.session()
    api = client("catalogue:read", "bookings:write")
    first = api.get(f"/api/v1/sessions/{session.id}")
    known = {"If-None-Match": first.headers["etag"]}
    again = api.get(f"/api/v1/sessions/{session.id}", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": ann.id})
    changed = api.get(f"/api/v1/sessions/{session.id}", headers=known)
    assert changed.status_code == 200 and changed.json()["places_left"] == first.json()["places_left"] - 1


def planned(make: Make, **changes: Any) -> dict[str, Any]:
    """What creates a session of one part, ten days ahead."""
    day = (clock() + timedelta(days=10)).date().isoformat()
    part = {"starts_at": f"{day}T09:30:00Z", "ends_at": f"{day}T12:30:00Z", "room_id": make.room(capacity=12)}
    return {"course_id": make.course().id, "parts": [part], "capacity": 12, **changes}


def test_a_session_from_draft_to_cancelled(make: Make, client: Client, ledger: Any) -> None:
    tia, ann = make.person("Tia"), make.person("Ann")
    api, reader = client("catalogue:write", "catalogue:read"), client("catalogue:read", "bookings:write")
    new = planned(make)
    new["parts"][0] |= {"trainer_ids": [tia.id], "link": "https://meet.example/abc"}
    ledger.start()
    reply = api.post("/api/v1/sessions", json=new)
    made, path = reply.json(), reply.headers["location"]
    assert (reply.status_code, made["status"], made["places_left"], made["parts"][0]["trainer_ids"]) == (201, "draft", 12, [tia.id])
    assert made["parts"][0]["link"] and reader.get(path).status_code == 404
    assert api.post(f"{path}/publish").json()["status"] == "published"
    booked = reader.post("/api/v1/bookings", json={"session_id": made["id"], "person_id": ann.id})
    assert booked.status_code == 201
    tag = api.get(path).headers["etag"]
    reader.post(f"/api/v1/bookings/{booked.json()['id']}/cancel", json={"reason": "Changed my mind"})
    moved = api.patch(path, json={"capacity": 6}, headers={"If-Match": tag})  # a booking in between is not a change to the session
    assert (moved.status_code, moved.json()["capacity"], moved.json()["places_left"]) == (200, 6, 6)
    assert api.patch(path, json={"capacity": 5}, headers={"If-Match": tag}).json()["code"] == "changed-since-read"
    assert api.patch(path, json={"capacity": 5}).json()["code"] == "precondition-required"
    off = api.post(f"{path}/cancel", json={"reason": "The trainer is ill"})
    assert (off.status_code, off.json()["status"], off.json()["cancel_reason"]) == (200, "cancelled", "The trainer is ill")
    assert api.post(f"{path}/publish").json()["code"] == "session-cancelled"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"course_id": 999}, 404, "not-found"),
        ({"capacity": 13}, 422, "room-not-fit"),
        ({"capacity": "12"}, 422, "invalid"),
        ({"parts": []}, 422, "invalid"),
        ({"parts": [{"starts_at": "2027-03-02T09:00:00", "ends_at": "2027-03-02T10:00:00Z", "room_id": 1}]}, 422, "invalid"),
        ({"parts": [{"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": "2027-03-02T10:00:00Z", "room_id": 1}]}, 422, "invalid"),
        ({"parts": [{"starts_at": "2027-03-02T11:00:00Z", "ends_at": "2027-03-02T10:00:00Z", "room_id": 1}]}, 422, "invalid"),
        ({"closes_at": "2199-01-01T00:00:00Z"}, 422, "invalid"),
        ({"audience_unit_id": 999}, 422, "invalid"),
        ({"status": "published"}, 422, "invalid"),
    ],
)
def test_a_wrong_session_is_refused(make: Make, client: Client, ledger: Any, change: dict[str, Any], status: int, code: str) -> None:
    new, api = planned(make) | change, client("catalogue:write")
    ledger.start()
    reply = api.post("/api/v1/sessions", json=new)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert ledger.actions() == []


def test_a_room_is_not_used_twice(make: Make, client: Client) -> None:
    new, api = planned(make), client("catalogue:write")
    assert api.post("/api/v1/sessions", json=new).status_code == 201
    again = api.post("/api/v1/sessions", json=new)
    assert (again.status_code, again.json()["code"], again.json()["errors"][0]["field"]) == (409, "room-taken", "parts.0.room_id")


# Offers ------------------------------------------------------------------------------------------------------------


def test_who_joins_a_queue_is_told_what_reading_it_would_say(make: Make, client: Client) -> None:
    """Whatever class they are of, and whoever waits for another session."""
    people = [make.person(f"P{n}", stage="NQSW" if n in (3, 5) else None) for n in range(7)]
    session = make.session(places=1)
    other, api = make.session(places=1, starts=session.starts_at + timedelta(days=7)), client("bookings:write", "bookings:read")
    positions = []
    for person in people:
        api.post("/api/v1/bookings", json={"session_id": other.id, "person_id": person.id})
        told = api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": person.id}).json()
        assert told == api.get(f"/api/v1/bookings/{told['id']}").json()
        positions.append(told["waiting_position"])
    assert positions == [None, 1, 2, 1, 4, 2, 6]


def test_place_in_the_queue_and_answers_to_an_offer(make: Make, client: Client, ledger: Any) -> None:
    ann, bob, nia = make.person("Ann"), make.person("Bob"), make.person("Nia", stage="NQSW")
    session, api = make.session(places=1), client("bookings:write", "bookings:read")
    held, his, hers = (
        api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": person.id}).json() for person in (ann, bob, nia)
    )
    assert (held["waiting_position"], his["waiting_position"], hers["waiting_position"]) == (None, 1, 1)  # each as they joined
    assert (hers["priority"], hers["priority_because"]) == (2, "you are in your assessed and supported year")
    listed = api.get("/api/v1/bookings", params={"session": session.id}).json()["items"]
    assert [(row["waiting_position"], row["offer_ends_at"]) for row in listed] == [(None, None), (2, None), (1, None)]
    assert api.post(f"/api/v1/bookings/{hers['id']}/accept").json()["code"] == "offer-over"
    api.post(f"/api/v1/bookings/{held['id']}/cancel", json={"reason": "Called to court"})
    offer = api.get(f"/api/v1/bookings/{hers['id']}").json()
    assert offer["status"] == "offered" and offer["offer_ends_at"].endswith("Z") and offer["waiting_position"] is None
    declined = api.post(f"/api/v1/bookings/{hers['id']}/decline")
    assert declined.status_code == 200 and declined.json()["status"] == "declined"
    accepted = api.post(f"/api/v1/bookings/{his['id']}/accept", headers={"Idempotency-Key": "yes"})
    assert (accepted.status_code, accepted.json()["status"], accepted.json()["offer_ends_at"]) == (200, "booked", None)
    again = api.post(f"/api/v1/bookings/{his['id']}/accept", headers={"Idempotency-Key": "yes"})
    assert again.status_code == 200 and again.headers["idempotent-replayed"] == "true"
    over = api.post(f"/api/v1/bookings/{his['id']}/decline")
    assert (over.status_code, over.json()["code"]) == (409, "offer-over")
    assert ledger.actions()[-3:] == ["booking.offer-declined", "booking.offered", "booking.accepted"]


def test_only_the_organisations_own_offers(make: Make, client: Client) -> None:
    elsewhere = make.organisation("Northmoor Council", host=False)
    session = make.session(places=1)
    api = client("bookings:write")
    held, waits = (
        api.post("/api/v1/bookings", json={"session_id": session.id, "person_id": make.person(name).id}).json()["id"]
        for name in ("Ann", "Bob")
    )
    api.post(f"/api/v1/bookings/{held}/cancel", json={"reason": "Called to court"})
    stranger = client("bookings:write", organisation=elsewhere)
    for answer in ("accept", "decline"):
        assert stranger.post(f"/api/v1/bookings/{waits}/{answer}").status_code == 404
        assert client("bookings:read").post(f"/api/v1/bookings/{waits}/{answer}").status_code == 403


def test_a_reserved_place_has_nobody_yet(make: Make, client: Client) -> None:
    session = make.session(places=1)
    with make.tx() as tx:
        values = dict(turn=1, approval="not needed", status="reserved", place=1, name_by=tx.now, created_at=tx.now, updated_at=tx.now)
        key = tx.insert(Booking, session_id=session.id, **values)
    api = client("bookings:read")
    assert api.get(f"/api/v1/bookings/{key}").json()["person_id"] is None
    assert len(api.get("/api/v1/bookings", params={"status": "reserved"}).json()["items"]) == 1
