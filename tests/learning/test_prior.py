"""Learning from elsewhere, and results of e-learning: success beside refusal, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.calendar import add_months
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.tx import Actor, transaction
from app.learning import prior
from app.learning.models import Certificate, Completion, LearningRecord, PriorLearning
from tests.factory import Make

SignIn = Callable[[Any], TestClient]


def acting(make: Make, person: Any, *roles: tuple[str, int | None]) -> Any:
    actor = Actor("person", person.id, person.name, (("practitioner", None), *roles), organisation_id=person.organisation_id)
    return transaction(make.database, actor, writes=True)


def asked(make: Make, person: Any, course: Any, days_ago: int = 100) -> int:
    with acting(make, person) as tx:
        day = tx.today - timedelta(days=days_ago)
        return prior.ask(tx, course_id=course.id, completed_on=day, provider="Northmoor Council", evidence="Certificate 1234, two days")


def test_what_is_accepted_counts_from_the_day_it_was_done(make: Make, ledger: Any) -> None:
    ann, cai, course = make.person("Ann"), make.person("Cai"), make.course("Court skills", validity_months=12, cpd_minutes=180)
    key = asked(make, ann, course)
    ledger.start()
    with acting(make, cai, ("coordinator", None)) as tx:
        prior.decide(tx, key, 1, accepted=True, reason="")
    row = make.row(PriorLearning, key)
    completion = make.row(Completion, row.completion_id)
    assert (row.state, row.decided_by, completion.source, completion.completed_on) == (
        "accepted",
        cai.id,
        "prior learning",
        row.completed_on,
    )
    assert completion.expires_on == add_months(row.completed_on, 12)
    assert [(each.minutes, each.source) for each in make.rows(select(LearningRecord.__table__))] == [(180, "prior learning")]
    assert make.rows(select(Certificate.completion_id)) == [(completion.id,)]
    assert {"completion.recorded", "prior-learning.accepted"} <= set(ledger.actions())
    assert "email.prior_learning_decided" in ledger.outbox()
    assert make.rows(select(Outbox.facts).where(Outbox.person_id == ann.id))[-1].facts == {"state": "accepted", "decision": None}
    with pytest.raises(Conflict) as again, acting(make, cai, ("coordinator", None)) as tx:
        prior.decide(tx, key, 2, accepted=True, reason="")
    assert again.value.code == "already-decided"


def test_a_refusal_says_why_and_leaves_no_completion(make: Make) -> None:
    ann, cai, course = make.person("Ann"), make.person("Cai"), make.course()
    key = asked(make, ann, course)
    with pytest.raises(Invalid, match="Say why"), acting(make, cai, ("coordinator", None)) as tx:
        prior.decide(tx, key, 1, accepted=False, reason=" ")
    with pytest.raises(Changed), acting(make, cai, ("coordinator", None)) as tx:
        prior.decide(tx, key, 2, accepted=False, reason="It covered something else")
    with acting(make, cai, ("coordinator", None)) as tx:
        prior.decide(tx, key, 1, accepted=False, reason="It covered something else")
    assert make.row(PriorLearning, key).decision == "It covered something else"
    assert make.rows(select(Completion.id)) == []
    asked(make, ann, course)  # may be asked again


def test_who_decides(make: Make) -> None:
    council, other = make.organisation(), make.organisation("Northmoor Council", host=False)
    ann, odette, cai = make.person("Ann"), make.person("Odette", organisation=other), make.person("Cai")
    course = make.course()
    mine, theirs, own = asked(make, ann, course), asked(make, odette, course), asked(make, cai, course)
    scope = ("coordinator", council)
    with acting(make, cai, scope) as tx:
        assert [row.name for row in prior.open_requests(tx)] == [ann.name, cai.name]
        with pytest.raises(Forbidden):
            prior.decide(tx, own, 1, accepted=True, reason="")
        with pytest.raises(NotFound):
            prior.decide(tx, theirs, 1, accepted=True, reason="")
    with pytest.raises(Forbidden), acting(make, ann, ("line manager", None)) as tx:
        prior.decide(tx, mine, 1, accepted=True, reason="")


def test_a_request_is_asked_once_and_whole(make: Make) -> None:
    ann, course = make.person("Ann"), make.course()
    asked(make, ann, course)
    with pytest.raises(Conflict) as twice:
        asked(make, ann, course)
    assert twice.value.code == "already-asked"
    with pytest.raises(Invalid) as wrong, acting(make, ann) as tx:
        prior.ask(tx, course_id=999, completed_on=tx.today + timedelta(days=1), provider="", evidence="short")
    assert [error["field"] for error in wrong.value.errors] == ["course", "completed_on", "provider", "evidence"]
    with pytest.raises(Invalid, match="not more than 10 years"):
        asked(make, ann, make.course(), days_ago=4000)


def test_asking_and_deciding_in_a_browser(make: Make, sign_in: SignIn) -> None:
    ann, cai, course = make.person("Ann"), make.person("Cai", roles=("coordinator",)), make.course("Court skills")
    person, coordinator = sign_in(ann), sign_in(cai)
    form = person.get(f"/my-learning/prior?course={course.slug}").text
    assert f'<option value="{course.id}" selected>Court skills' in form
    empty = person.post("/my-learning/prior", data={})
    assert empty.status_code == 422 and "Enter the day on which you completed it" in empty.text
    typed = {"course": str(course.id), "completed_on": "3", "completed_on-month": "3", "completed_on-year": "2025"}
    sent = person.post("/my-learning/prior", data=typed | {"provider": "A university", "evidence": "Two days, certificate 77"})
    assert sent.headers["location"] == "/my-learning/prior?asked=yes"
    assert "With the Academy" in person.get("/my-learning/prior").text
    assert person.get("/prior-learning").status_code == 403
    assert "Court skills" in coordinator.get("/prior-learning").text
    one = coordinator.get("/prior-learning/1").text
    assert "Two days, certificate 77" in one
    assert coordinator.post("/prior-learning/1", data={"version": "1"}).status_code == 422
    assert coordinator.post("/prior-learning/1", data={"version": "1", "decision": "accept"}).status_code == 303
    assert "It counts" in coordinator.get("/prior-learning/1").text and "Counts" in coordinator.get("/prior-learning?show=decided").text
    assert "Counts" in person.get("/my-learning/prior").text


# Results of e-learning ---------------------------------------------------------------------------------------------


def test_a_result_reported_twice_is_one_completion(make: Make, client: Any) -> None:
    ann, course = make.person("Ann"), make.course(validity_months=24, cpd_minutes=30, kind="e-learning")
    system = client("completions:write")
    body = {"person_id": ann.id, "course_id": course.id, "completed_on": "2026-03-03", "minutes": 45}
    first, again = system.post("/api/v1/completions", json=body), system.post("/api/v1/completions", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() and first.json()["expires_on"] == "2028-03-03" and first.json()["source"] == "e-learning"
    assert [row.minutes for row in make.rows(select(LearningRecord.minutes))] == [45]
    other = system.post("/api/v1/completions", json=body | {"completed_on": "2026-03-04", "minutes": None})
    assert other.status_code == 201 and len(make.rows(select(Completion.id))) == 2
    reader = client("completions:read")
    assert reader.get(first.headers["location"]).json()["items"][0]["id"] == first.json()["id"]


def test_a_result_for_nobody_or_of_tomorrow_is_refused(make: Make, client: Any) -> None:
    ann, course, draft = make.person("Ann"), make.course(), make.course(status="draft")
    other = make.organisation("Northmoor Council", host=False)
    body = {"person_id": ann.id, "course_id": course.id, "completed_on": "2026-03-03"}
    system = client("completions:write")
    for change, status in (
        ({"person_id": 999}, 404),
        ({"course_id": draft.id}, 404),
        ({"completed_on": "2199-01-01"}, 422),
        ({"minutes": -1}, 422),
    ):
        assert system.post("/api/v1/completions", json=body | change).status_code == status
    assert client("completions:read").post("/api/v1/completions", json=body).status_code == 403
    assert client("completions:write", organisation=other).post("/api/v1/completions", json=body).status_code == 404
    assert make.rows(select(Completion.id)) == []
