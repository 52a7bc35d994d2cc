"""Learning together: offered, asked, agreed by both, logged once, counted for everybody who was there, corrected and ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Outbox
from app.guarding.checking import Decision, Identifiable
from app.hr.directory_models import Departure
from app.hr.operations import leaving_effects
from app.mentoring import queries
from app.mentoring.models import LearningSet, Meeting, MeetingPerson, Notice, Pairing, SetMember
from app.mentoring.operations import leaving, meetings, notices, pairing, sets
from app.people.models import Person
from tests.factory import Make
from tests.mentoring.world import Circle, circle


@pytest.fixture
def us(make: Make) -> Circle:
    return circle(make)


def told(us: Circle, kind: str) -> list[int]:
    """Who has been told of something, in order."""
    return [row.person_id for row in us.make.rows(select(Outbox.person_id).where(Outbox.kind == kind).order_by(Outbox.id))]


def test_an_offer_is_found_asked_for_agreed_and_a_meeting_counts_for_both(us: Circle) -> None:
    offer = us.offer(us.mia, words="Ten years of court work", most=1)
    with us.acting(us.ned) as tx:
        [seen] = queries.board(tx, need="court", kind="mentoring", side="offer")
        assert (seen.id, seen.name, seen.team, seen.taken) == (offer, "Mia Grey", "Court team", 0)
        assert queries.board(tx, need="care") == []
        pair = pairing.answer_notice(tx, offer, aim="My first final hearing")
        with pytest.raises(Conflict, match="not both agreed"):
            meetings.record(tx, tx.today, 60, pairing_id=pair)
    assert told(us, "email.together_asked") == [us.mia.id]
    us.agree(us.mia, pair)
    assert told(us, "email.together_answered") == [us.ned.id]
    us.met(us.ned, minutes=75, pairing_id=pair)
    today = us.make.row(Pairing, pair).since
    assert us.records() == [
        (us.mia.id, today, 75, "social", "Mentoring a colleague: Court work and evidence", "mentoring"),
        (us.ned.id, today, 75, "social", "Mentoring: Court work and evidence", "mentoring"),
    ]
    with us.acting(us.pam) as tx:
        with pytest.raises(Conflict, match="as many people as they can"):
            pairing.answer_notice(tx, offer)
        [full] = queries.board(tx)
        assert full.taken == full.most == 1


@pytest.mark.parametrize(("kind", "source", "bucket"), [("coaching", "mentoring", "social"), ("shadowing", "shadowing", "experience")])
def test_each_kind_counts_in_its_bucket(us: Circle, kind: str, source: str, bucket: str) -> None:
    us.met(us.mia, minutes=240, pairing_id=us.pair(kind=kind))
    assert {record[3] for record in us.records()} == {bucket} and {record[5] for record in us.records()} == {source}


def test_a_meeting_is_logged_once_corrected_with_history_and_taken_back(us: Circle) -> None:
    with us.acting(us.ned) as tx:
        since = tx.today - timedelta(days=20)
    pair = us.pair(since=since)
    key = us.met(us.ned, 3, pairing_id=pair)
    with pytest.raises(Conflict, match="logged already"):
        us.met(us.mia, 3, pairing_id=pair)
    with us.acting(us.mia) as tx:
        second = meetings.correct(tx, key, tx.today - timedelta(days=4), 90)
        assert meetings.correct(tx, second, tx.today - timedelta(days=4), 90) == second  # nothing changed
    assert {record[1:3] for record in us.records()} == {(us.make.row(Meeting, second).held_on, 90)} and len(us.records()) == 2
    with us.acting(us.ned) as tx:
        with pytest.raises(Conflict, match="corrected or withdrawn"):
            meetings.withdraw(tx, key, "twice")
        third = meetings.correct(tx, second, tx.today - timedelta(days=4), 45)
        assert tx.get(Meeting, third).first_id == key
        meetings.withdraw(tx, third, "not_held")
    assert us.records() == [] and len(us.records(live=False)) == 6
    us.met(us.ned, 3, pairing_id=pair)  # that day is free again
    assert len(us.records()) == 2


@pytest.mark.parametrize(
    ("days_ago", "minutes", "field"),
    [(-1, 60, "held_on"), (2, 60, "held_on"), (0, 0, "minutes"), (0, 601, "minutes"), (0, None, "minutes")],
)
def test_what_cannot_be_is_refused_beside_its_field(us: Circle, days_ago: int, minutes: Any, field: str) -> None:
    pair = us.pair()
    with pytest.raises(Invalid) as refused:
        us.met(us.ned, days_ago, minutes, pairing_id=pair)
    assert [error["field"] for error in refused.value.errors] == [field] and us.records() == []


def test_only_the_two_see_answer_and_log(us: Circle) -> None:
    with us.acting(us.ned) as tx:
        pair = pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=us.mia.id, aim="Confidence in court")
        with pytest.raises(Conflict, match="nothing for you to answer"):
            pairing.answer(tx, pair, 1, accepted=True)
    for person, roles in ((us.pam, ()), (us.cora, ("coordinator",)), (us.odd, ())):
        with us.acting(person, *roles) as tx:
            for verb in (
                lambda tx=tx: pairing.answer(tx, pair, 1, accepted=True),
                lambda tx=tx: pairing.take_back(tx, pair),
                lambda tx=tx: pairing.end(tx, pair, 1, "finished"),
                lambda tx=tx: meetings.record(tx, tx.today, 60, pairing_id=pair),
            ):
                with pytest.raises(NotFound):
                    verb()
    us.agree(us.mia, pair)
    key = us.met(us.mia, pairing_id=pair)
    with us.acting(us.pam) as tx, pytest.raises(NotFound, match="no meeting"):
        meetings.correct(tx, key, tx.today, 90)


def test_another_councils_people_are_not_there(us: Circle) -> None:
    offer, key = us.offer(us.mia), us.set_of(us.mia, us.ned)
    with us.acting(us.odd) as tx:
        assert queries.board(tx) == []
        with pytest.raises(NotFound):
            pairing.answer_notice(tx, offer)
        with pytest.raises(NotFound):
            pairing.ask(tx, kind="mentoring", need="court", role="giver", other=us.ned.id)
        with pytest.raises(NotFound):
            sets.join(tx, key)


def test_what_only_the_academy_sees_is_not_on_the_list(us: Circle) -> None:
    with us.acting(us.ned) as tx:
        ask = notices.put_up(tx, side="ask", kind="coaching", need="confidence", shown_to="academy")
    with us.acting(us.mia) as tx:
        assert queries.board(tx) == []
        with pytest.raises(NotFound):
            pairing.answer_notice(tx, ask)
        with pytest.raises(Forbidden):
            queries.asked_for(tx)
    with us.acting(us.cora, "coordinator") as tx:
        assert [row.id for row in queries.asked_for(tx)] == [ask]
        [line] = queries.demand(tx)
        assert (line.kind, line.need, line.asks, line.offers, line.room) == ("coaching", "confidence", 1, 0, 0)


def test_the_academy_brings_two_together_and_both_have_to_agree(us: Circle) -> None:
    with us.acting(us.ned) as tx:
        ask = notices.put_up(tx, side="ask", kind="mentoring", need="court")
        with pytest.raises(Forbidden):
            pairing.bring_together(tx, kind="mentoring", need="court", giver=us.mia.id, receiver=us.ned.id)
    with us.acting(us.cora, "coordinator") as tx:
        pair = pairing.bring_together(tx, kind="mentoring", need="court", giver=us.mia.id, receiver=us.ned.id, notice_id=ask)
    with pytest.raises(Conflict, match="paired up"), us.acting(us.cora, "coordinator") as tx:
        pairing.bring_together(tx, kind="mentoring", need="court", giver=us.mia.id, receiver=us.ned.id)
    assert set(told(us, "email.together_asked")) == {us.mia.id, us.ned.id}
    us.agree(us.ned, pair)
    assert us.make.row(Pairing, pair).state == "asked" and us.make.row(Notice, ask).closed_at is None
    with pytest.raises(Conflict), us.acting(us.ned) as tx:
        pairing.answer(tx, pair, 2, accepted=True)
    us.agree(us.mia, pair)
    assert us.make.row(Pairing, pair).state == "active" and us.make.row(Notice, ask).closed_at is not None
    with us.acting(us.cora, "coordinator") as tx:
        [row] = queries.pairs_in_reach(tx, "active")
        assert (row.giver, row.receiver, row.meetings) == ("Mia Grey", "Ned Ash", 0)


def test_declined_taken_back_and_ended(us: Circle) -> None:
    with us.acting(us.ned) as tx:
        first = pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=us.mia.id)
    us.agree(us.mia, first, accepted=False)
    with us.acting(us.ned) as tx:
        second = pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=us.mia.id)
        pairing.take_back(tx, second)
    with us.acting(us.mia) as tx, pytest.raises(Conflict):
        pairing.answer(tx, second, 2, accepted=True)
    third = us.pair()
    key = us.met(us.ned, pairing_id=third)
    with us.acting(us.mia) as tx:
        with pytest.raises(Changed):
            pairing.end(tx, third, 1, "finished")
        with pytest.raises(Invalid):
            pairing.end(tx, third, 2, "left")
        pairing.end(tx, third, 2, "finished")
        with pytest.raises(Conflict):
            pairing.end(tx, third, 3, "finished")
        meetings.correct(tx, key, tx.today, 30)  # what was logged can still be put right
    assert told(us, "email.together_ended") == [us.ned.id]
    assert {record[2] for record in us.records()} == {30}


def test_a_set_has_room_for_so_many_and_a_meeting_counts_for_those_who_were_there(us: Circle) -> None:
    with us.acting(us.mia) as tx:
        key = sets.start(tx, title="Court group", need="court", most=3)
        with pytest.raises(NotFound):
            sets.add(tx, key, us.odd.id)
    for person in (us.ned, us.pam):
        with us.acting(person) as tx:
            sets.join(tx, key)
    with us.acting(us.kit) as tx:
        with pytest.raises(Conflict, match="full"):
            sets.join(tx, key)
        with pytest.raises(Forbidden):
            meetings.record(tx, tx.today, 60, set_id=key, people=[us.kit.id, us.ned.id])
    with us.acting(us.ned) as tx:
        with pytest.raises(Invalid, match="at least two"):
            meetings.record(tx, tx.today, 60, set_id=key, people=[us.ned.id])
        with pytest.raises(Forbidden, match="you were at"):
            meetings.record(tx, tx.today, 60, set_id=key, people=[us.mia.id, us.pam.id])
        with pytest.raises(Invalid, match="belonged to the set"):
            meetings.record(tx, tx.today, 60, set_id=key, people=[us.ned.id, us.kit.id])
        meeting = meetings.record(tx, tx.today, 120, set_id=key, people=[us.mia.id, us.ned.id])
    assert [(record[0], record[2:]) for record in us.records()] == [
        (person.id, (120, "social", "Action learning: Court group", "action learning")) for person in (us.mia, us.ned)
    ]
    with us.acting(us.pam) as tx, pytest.raises(NotFound, match="not at it"):
        meetings.withdraw(tx, meeting, "not_held")
    with us.acting(us.mia) as tx:
        meetings.correct(tx, meeting, tx.today, 120, [us.ned.id, us.pam.id])
    assert [record[0] for record in us.records()] == [us.ned.id, us.pam.id]
    there = us.make.rows(select(MeetingPerson.person_id).where(MeetingPerson.meeting_id == meeting))
    assert sorted(row.person_id for row in there) == [us.mia.id, us.ned.id]  # what was logged first stays readable


def test_a_set_is_left_handed_over_and_ended(us: Circle) -> None:
    key = us.set_of(us.mia, us.ned, us.pam)
    assert set(told(us, "email.together_added")) == {us.ned.id, us.pam.id}
    with us.acting(us.mia) as tx:
        with pytest.raises(Conflict, match="facilitate"):
            sets.leave(tx, key)
        with pytest.raises(Conflict, match="do not belong"):
            sets.hand_over(tx, key, 1, us.kit.id)
        with pytest.raises(Invalid, match="from 3 to 12"):
            sets.change(tx, key, 1, title="Court group", need="court", most=2)
        sets.hand_over(tx, key, 1, us.ned.id)
    with us.acting(us.mia) as tx:
        sets.leave(tx, key)
        with pytest.raises(Conflict):
            sets.leave(tx, key)
        with pytest.raises(Forbidden):
            sets.end(tx, key)
        sets.join(tx, key)
    with us.acting(us.ned) as tx:
        sets.end(tx, key)
        with pytest.raises(Conflict, match="does not meet"):
            sets.join(tx, key)
    assert set(told(us, "email.together_set_ended")) == {us.mia.id, us.pam.id}
    assert us.make.rows(select(SetMember.id).where(SetMember.left_on.is_(None))) == []


def test_words_about_a_family_are_held_up_until_somebody_decides(us: Circle) -> None:
    words = "Ring me on 07700 900123 about it"
    with pytest.raises(Identifiable) as found:
        us.offer(us.mia, words=words)
    assert us.make.rows(select(Notice.id)) == []
    seen = frozenset(found.value.found.marks)
    us.offer(us.mia, words=words, guard=Decision(take_out=True, seen=seen))
    [row] = us.make.rows(select(Notice.words))
    assert "07700" not in row.words and "removed" in row.words
    with us.acting(us.ned) as tx, pytest.raises(Identifiable):
        pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=us.mia.id, aim=words)


def test_the_list_takes_each_thing_once_and_not_too_many(us: Circle) -> None:
    us.offer(us.mia)
    with pytest.raises(Conflict, match="on the list already"):
        us.offer(us.mia)
    with us.acting(us.mia) as tx, pytest.raises(Invalid) as refused:
        notices.put_up(tx, side="swap", kind="teaching", need="gossip", words="x" * 501, most=11)
    assert {error["field"] for error in refused.value.errors} == {"side", "kind", "need", "words"}
    for need in (
        "care",
        "assessment",
        "direct_work",
        "early_help",
        "first_years",
        "supervising",
        "career",
        "confidence",
        "returning",
        "other",
    ):
        us.offer(us.mia, need=need)
    us.offer(us.mia, kind="coaching")
    with pytest.raises(Conflict, match="12 things"):
        us.offer(us.mia, kind="shadowing")


def test_who_has_left_is_in_nothing_any_more(us: Circle) -> None:
    active, offer = us.pair(), us.offer(us.mia, kind="coaching")
    us.met(us.ned, pairing_id=active)
    with us.acting(us.pam) as tx:
        asked = pairing.answer_notice(tx, offer)
    led, joined = us.set_of(us.mia, us.ned, us.pam), us.set_of(us.kit, us.mia, title="Other group")
    alone = us.set_of(us.mia, title="Only me")
    with us.make.tx() as tx:
        last = tx.today - timedelta(days=1)
        tx.update(Person, us.mia.id, leaving_on=last)
        departure = tx.insert(Departure, person_id=us.mia.id, last_day=last, state="due", source="page", asked_at=tx.now)
        leaving_effects.finish(tx, [departure])
        leaving.part(tx, [us.mia.id])  # again: nothing more
    assert [us.make.row(Pairing, key).state for key in (active, asked)] == ["ended", "withdrawn"]
    assert us.make.row(Notice, offer).closed_at is not None
    assert us.make.row(LearningSet, led).facilitator_id == us.ned.id and us.make.row(LearningSet, alone).ended_on is not None
    assert us.make.row(LearningSet, joined).ended_on is None
    assert len(us.records()) == 2  # what was logged stays
    assert sorted(told(us, "email.together_ended")) == [us.ned.id, us.pam.id]
