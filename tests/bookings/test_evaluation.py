"""Evaluation: each is asked once, answers carry no name, and nothing tells what a few people said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.bookings import evaluations, operations
from app.bookings.event_models import EvaluationAnswer, EvaluationAsk
from app.bookings.models import Booking, Session
from app.bookings.operations import evaluate
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Actor, transaction
from app.people.models import Person
from tests.factory import Make

SignIn = Callable[[Any], TestClient]


def attended(make: Make, people: list[Any], *, course: int | None = None, days_ago: int = 1) -> Any:
    """A session that these people attended, with its register finished."""
    session = make.session(places=max(len(people), 1), course=course or make.course().id)
    with make.tx() as tx:
        for person in people:
            operations.book(tx, session.id, person.id)
        over = tx.now - timedelta(days=days_ago)
        tx.update(Session, session.id, starts_at=over - timedelta(hours=3), ends_at=over, register_at=over)
        tx.db.execute(update(Booking).where(Booking.session_id == session.id).values(status="attended"))
    return make.row(Session, session.id)


def ask(make: Make, now: datetime | None = None) -> None:
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        evaluate.ask_due(tx, tx.now)


def reply(make: Make, session: int, scores: list[int], *, kind: str = "after", comment: str = "", gain: int | None = None) -> None:
    """Each person on a session who has not answered yet gives one of these scores."""
    asks = make.rows(
        select(EvaluationAsk.booking_id, EvaluationAsk.person_id)
        .join(Booking, Booking.id == EvaluationAsk.booking_id)
        .where(Booking.session_id == session, EvaluationAsk.kind == kind, EvaluationAsk.answered_at.is_(None))
        .order_by(EvaluationAsk.id)
    )
    for row, score in zip(asks, scores, strict=False):
        actor = Actor("person", row.person_id, "", (("practitioner", None),))
        with transaction(make.database, actor, writes=True) as tx:
            before = None if gain is None else 2
            evaluate.answer(
                tx, row.booking_id, kind, useful=score, before=before, after=None if gain is None else 2 + gain, comment=comment
            )


def test_everybody_who_attended_is_asked_once(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    session = attended(make, [ann, ben])
    with make.tx() as tx:
        tx.db.execute(update(Booking).where(Booking.person_id == ben.id).values(status="did not attend"))
    ask(make)
    ask(make)
    told = make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.evaluation_asked"))
    assert [(row.person_id, row.facts) for row in told] == [(ann.id, {"evaluation_kind": "after"})]
    ask(make, datetime.now(UTC) + timedelta(weeks=9))
    kinds = make.rows(select(EvaluationAsk.kind, EvaluationAsk.person_id).order_by(EvaluationAsk.id))
    assert [(row.kind, row.person_id) for row in kinds] == [("after", ann.id), ("impact", ann.id)]
    assert make.row(Session, session.id).register_at is not None


def test_whoever_has_left_is_not_asked(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    attended(make, [ann, ben])
    with make.tx() as tx:
        tx.update(Person, ben.id, leaving_on=tx.today - timedelta(days=1))
    ask(make)
    assert [row.person_id for row in make.rows(select(EvaluationAsk.person_id))] == [ann.id]


def test_nobody_is_asked_before_the_register_is_finished_or_about_long_ago(make: Make) -> None:
    one, two = attended(make, [make.person("Ann")]), attended(make, [make.person("Ben")], days_ago=400)
    with make.tx() as tx:
        tx.update(Session, one.id, register_at=None)
    ask(make)
    assert make.rows(select(EvaluationAsk.id)) == []
    assert two.register_at is not None


def test_an_answer_is_kept_without_a_name_and_once(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    session = attended(make, [ann])
    ask(make)
    booking = make.rows(select(Booking.id))[0].id
    me = Actor("person", ann.id, ann.name, (("practitioner", None),))
    with transaction(make.database, me, writes=True) as tx:
        evaluate.answer(tx, booking, "after", useful=4, before=2, after=4, comment=" Clear. ")
    row = make.rows(select(EvaluationAnswer.__table__))[0]._mapping
    assert {name: row[name] for name in ("session_id", "kind", "useful", "confidence_before", "confidence_after", "comment")} == {
        "session_id": session.id, "kind": "after", "useful": 4, "confidence_before": 2, "confidence_after": 4, "comment": "Clear.",
    }  # fmt: skip
    assert not {"person_id", "booking_id"} & set(EvaluationAnswer.__table__.c.keys())
    with pytest.raises(Conflict), transaction(make.database, me, writes=True) as tx:
        evaluate.answer(tx, booking, "after", useful=5)
    other = Actor("person", ben.id, ben.name, (("practitioner", None),))
    with pytest.raises(NotFound), transaction(make.database, other, writes=True) as tx:
        evaluate.answer(tx, booking, "after", useful=5)
    assert len(make.rows(select(EvaluationAnswer.id))) == 1


@pytest.mark.parametrize("wrong", [{"useful": None}, {"useful": 6}, {"useful": 3, "before": 0}, {"useful": 3, "comment": "x" * 2001}])
def test_a_wrong_answer_keeps_nothing(make: Make, wrong: dict[str, Any]) -> None:
    ann = make.person("Ann")
    attended(make, [ann])
    ask(make)
    booking = make.rows(select(Booking.id))[0].id
    me = Actor("person", ann.id, ann.name, (("practitioner", None),))
    with pytest.raises(Invalid), transaction(make.database, me, writes=True) as tx:
        evaluate.answer(tx, booking, "after", **wrong)
    assert make.rows(select(EvaluationAnswer.id)) == []
    assert make.rows(select(EvaluationAsk.answered_at))[0].answered_at is None


def test_results_hide_what_a_few_said_and_what_would_give_it_away(make: Make) -> None:
    course = make.course("Court skills").id
    few = attended(make, [make.person(f"Few {n}") for n in range(3)], course=course)
    many = attended(make, [make.person(f"Many {n}") for n in range(8)], course=course, days_ago=2)
    more = attended(make, [make.person(f"More {n}") for n in range(12)], course=course, days_ago=3)
    ask(make)
    reply(make, few.id, [1, 5, 5], comment="Only we three were there.", gain=1)
    reply(make, many.id, [5] * 8, gain=1)
    reply(make, more.id, [5] * 12, gain=2)
    with make.tx(writes=False) as tx:
        found = evaluations.results(tx, course, "after")
    by_session = {line.session_id: line for line in found.sessions}
    assert by_session[few.id].answered is None
    assert by_session[few.id].mean is by_session[few.id].gain is None
    assert [line.answered for line in found.sessions].count(None) > 1 or found.whole.answered is None  # else 23 less 12 and 8 would be 3
    assert found.whole.mean is None  # one of the scores behind it is hidden
    assert (few.id, many.id, more.id) == tuple(line.session_id for line in found.sessions)


def test_what_lies_further_back_is_one_line(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluations, "SHOWN", 2)
    course = make.course().id
    held = [attended(make, [make.person(f"P{n}.{days}") for n in range(6)], course=course, days_ago=days) for days in (9, 5, 1)]
    ask(make)
    for session in held:
        reply(make, session.id, [4] * 6)
    with make.tx() as tx:
        found = evaluations.results(tx, course, "after")
    assert [(line.session_id, line.asked, line.answered, line.mean) for line in found.sessions] == [(held[2].id, 6, 6, 4), (0, 12, 12, 4)]
    assert (found.whole.asked, found.whole.answered, found.whole.scores[4]) == (18, 18, 18)


def test_lines_join_the_earlier_ones_several_at_once() -> None:
    apart = [evaluations._apart(sessions) for sessions in range(100)]
    assert max(apart) == evaluations.SHOWN and min(apart[12:]) == 6
    earlier = [sessions - own for sessions, own in enumerate(apart)]
    assert {after - before for before, after in pairwise(earlier)} == {0, 6}


def test_comments_wait_until_there_are_enough(make: Make) -> None:
    course = make.course("Court skills").id
    session = attended(make, [make.person(f"P {n}") for n in range(6)], course=course)
    ask(make)
    reply(make, session.id, [4] * 4, comment="Zeal.")
    with make.tx(writes=False) as tx:
        assert evaluations.results(tx, course, "after").comments == []
    reply(make, session.id, [4], comment="About right.")
    with make.tx(writes=False) as tx:
        found = evaluations.results(tx, course, "after")
    assert found.comments == ["About right.", "Zeal.", "Zeal.", "Zeal.", "Zeal."]
    assert found.whole.mean == 4.0


def test_the_page_asks_thanks_and_keeps_what_was_typed(make: Make, sign_in: SignIn) -> None:
    ann = make.person("Ann")
    attended(make, [ann])
    ask(make)
    path = f"/bookings/{make.rows(select(Booking.id))[0].id}/evaluation/after"
    browser = sign_in(ann)
    assert "What was it worth?" in browser.get(path).text
    again = browser.post(path, data={"comment": "Very clear"})
    assert again.status_code == 422
    assert "Very clear" in again.text
    assert "Choose an answer" in again.text
    assert browser.post(path, data={"useful": "5", "comment": "Very clear"}).status_code == 303
    assert "Thank you for your answer" in browser.get(path).text
    assert sign_in(make.person("Ben")).get(path).status_code == 404
    assert browser.get(path.replace("after", "other")).status_code == 404


def test_results_are_for_those_who_run_the_offer(make: Make, sign_in: SignIn) -> None:
    ann = make.person("Ann")
    course = make.course("Court skills").id
    attended(make, [ann], course=course)
    path = f"/manage/courses/{course}/evaluation"
    assert sign_in(ann).get(path).status_code == 403
    page = sign_in(make.person("Cora", roles=("coordinator",))).get(path)
    assert page.status_code == 200
    assert "Nobody has been asked yet" in page.text
