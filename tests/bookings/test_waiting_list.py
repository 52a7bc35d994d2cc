"""The waiting list moves: classes, offers, answers, lapses, overriding the order, workers at once and work left by a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import jobs
from app.bookings import operations, priority
from app.bookings.models import Booking, PassOn, Session, Status
from app.bookings.operations import offers, queue
from app.bookings.operations.places import set_capacity
from app.bookings.policy_models import PriorityRule
from app.core.calendar import london
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit
from app.core.tx import SYSTEM, Tx, transaction
from app.core.tx import clock as now
from app.people.models import Group, GroupMember
from tests.factory import Make
from tests.queues import acting, full, give_up, join, only_bookings, states


@pytest.fixture(autouse=True)
def _clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    only_bookings(monkeypatch)


# Classes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_rules(make: Make) -> None:
    """The council has none of its own, and has switched off those that came with the service."""
    with make.tx() as tx:
        tx.db.execute(update(PriorityRule).values(active=False))


def rule(make: Make, rank: int, kind: str, because: str, **values: Any) -> None:
    with make.tx() as tx:
        tx.insert(PriorityRule, priority=rank, title=because, because=because, kind=kind, **values)


def klass(make: Make, person: Any, course: int) -> tuple[int, str | None]:
    with make.tx(writes=False) as tx:
        return priority.of(tx, person.id, course)


def test_the_shipped_rules(make: Make) -> None:
    ann, bob, course = make.person("Ann", stage="NQSW"), make.person("Bob"), make.course(kind="safeguarding").id
    make.completion(bob.id, course, date(2023, 1, 1), date(2026, 1, 1))
    assert klass(make, ann, course) == (2, "you are in your assessed and supported year")
    assert klass(make, bob, course) == (1, "what you completed before runs out soon, or has run out")


@pytest.mark.usefixtures("no_rules")
def test_no_rule_no_difference(make: Make) -> None:
    assert klass(make, make.person("Ann"), make.course().id) == (5, None)


@pytest.mark.usefixtures("no_rules")
def test_by_stage_and_kind_of_course(make: Make) -> None:
    ann, bob = make.person("Ann", stage="NQSW"), make.person("Bob", stage="SW")
    masterclass, other = make.course().id, make.course(kind="workshop").id
    rule(make, 2, "stage", "you are in your first year", stages="NQSW,EXP", course_kinds="masterclass,induction")
    assert klass(make, ann, masterclass) == (2, "you are in your first year")
    assert klass(make, ann, other) == klass(make, bob, masterclass) == (5, None)
    rule(make, 8, "stage", "others need it more", stages="SW")
    assert klass(make, bob, masterclass) == (8, "others need it more")
    rule(make, 1, "stage", "not any more", stages="SW", active=False)
    assert klass(make, bob, masterclass)[0] == 8


@pytest.mark.usefixtures("no_rules")
def test_by_group_on_the_day(make: Make) -> None:
    ann, was, course = make.person("Ann"), make.person("Bob"), make.course().id
    with make.tx() as tx:
        group = tx.insert(Group, code="asye-1", name="ASYE 1", kind="cohort")
        tx.insert(GroupMember, group_id=group, person_id=ann.id, valid_from=tx.today, recorded_at=tx.now)
        tx.insert(GroupMember, group_id=group, person_id=was.id, valid_from=date(2020, 1, 1), valid_to=tx.today, recorded_at=tx.now)
    rule(make, 3, "group", "your programme asks for it", group_id=group)
    assert klass(make, ann, course) == (3, "your programme asks for it") and klass(make, was, course)[0] == 5


@pytest.mark.usefixtures("no_rules")
def test_by_what_runs_out(make: Make) -> None:
    today = london(now()).date()
    refresher = make.course("Refresher").id
    course = make.course("Safeguarding", refresher_id=refresher, validity_months=36).id
    rule(make, 1, "expiry", "your certificate runs out soon", days=60)
    soon, later, lapsed, renewed, never, for_ever = (make.person(name) for name in ("Soon", "Later", "Lapsed", "Renewed", "Never", "Ever"))
    make.completion(soon.id, course, today - timedelta(days=1000), today + timedelta(days=60))
    make.completion(later.id, course, today - timedelta(days=1000), today + timedelta(days=61))
    make.completion(lapsed.id, course, today - timedelta(days=2000), today - timedelta(days=900))
    make.completion(renewed.id, course, today - timedelta(days=1000), today + timedelta(days=5))
    make.completion(renewed.id, refresher, today - timedelta(days=5), today + timedelta(days=1000))
    make.completion(for_ever.id, refresher, today - timedelta(days=2000), today - timedelta(days=900))
    make.completion(for_ever.id, course, today - timedelta(days=800))
    found = {person.name.split()[0]: klass(make, person, refresher)[0] for person in (soon, later, lapsed, renewed, never, for_ever)}
    assert found == {"Soon": 1, "Later": 5, "Lapsed": 1, "Renewed": 5, "Never": 5, "Ever": 5}
    assert klass(make, soon, course)[0] == 1 and klass(make, soon, make.course().id)[0] == 5


@pytest.mark.usefixtures("no_rules")
def test_the_best_class_counts_is_fixed_at_joining_and_goes_first(make: Make, ledger: Any) -> None:
    rule(make, 4, "stage", "your programme asks for it", stages="NQSW")
    rule(make, 2, "stage", "you must by law", stages="NQSW")
    session, holder, (_bob,), (his,) = full(make, "Bob")
    ann = make.person("Ann", stage="NQSW")
    hers = join(make, session, ann)
    assert (hers.priority, hers.priority_because) == (2, "you must by law")
    row = make.row(Booking, hers.id)
    assert (row.priority, row.priority_because, make.row(Booking, his).priority) == (2, "you must by law", 5)
    assert ledger.entries("booking.made")[-1].facts == {"session_id": session.id, "priority": 2, "because": "you must by law"}
    with make.tx() as tx:
        tx.db.execute(update(PriorityRule).values(active=False))
    give_up(make, holder)
    assert states(make, hers.id, his) == ["offered", "waiting"]


def test_whoever_gets_a_seat_is_not_asked(make: Make, count_queries: Any) -> None:
    session, ann = make.session(places=1), make.person("Ann")
    with count_queries() as queries:
        join(make, session, ann)
    assert not [statement for statement in queries.statements if "priority_rules" in statement]
    bob = make.person("Bob")
    with count_queries() as queries:
        join(make, session, bob)
    assert len([statement for statement in queries.statements if "priority_rules" in statement]) == 1


# Offers ------------------------------------------------------------------------------------------------------------


def test_declining_passes_on_at_once(make: Make, ledger: Any) -> None:
    _, holder, people, keys = full(make, "Ann", "Bob", "Cat")
    give_up(make, holder)
    with acting(make, people[0]) as tx:
        operations.decline(tx, keys[0])
    assert states(make, *keys) == ["declined", "offered", "waiting"]
    give_up(make, keys[1])  # cancelling an offered place passes it on as well
    assert states(make, *keys) == ["declined", "cancelled", "offered"]
    with acting(make, people[2]) as tx:
        assert operations.accept(tx, keys[2]) is Status.BOOKED
    assert [entry.facts["was"] for entry in ledger.entries("booking.offered")] == ["waiting"] * 3


def test_answers_after_the_answer(make: Make) -> None:
    _, holder, (ann, bob), (hers, his) = full(make, "Ann", "Bob")
    with pytest.raises(Conflict) as early, acting(make, ann) as tx:
        operations.accept(tx, hers)
    assert early.value.code == "offer-over"
    give_up(make, holder)
    with pytest.raises(NotFound), acting(make, bob) as tx:
        operations.accept(tx, hers)
    with acting(make, ann) as tx:
        operations.accept(tx, hers)
    for again in (operations.accept, operations.decline):
        with pytest.raises(Conflict, match="decided already"), acting(make, ann) as tx:
            again(tx, hers)
    assert states(make, hers, his) == ["booked", "waiting"]


def test_an_offer_that_is_over_cannot_be_accepted_although_the_worker_has_not_come_by(make: Make) -> None:
    _, holder, (ann,), (hers,) = full(make, "Ann")
    give_up(make, holder)
    with make.tx() as tx:
        tx.update(Booking, hers, offer_ends_at=tx.now)
    with pytest.raises(Conflict, match="gone to the next person"), acting(make, ann) as tx:
        operations.accept(tx, hers)
    assert offers.lapse_due(make.database) == 1
    with pytest.raises(Conflict, match="gone to the next person"), acting(make, ann) as tx:
        operations.accept(tx, hers)


def test_an_offer_with_a_clash_waits_for_the_person(make: Make) -> None:
    session, holder, (ann,), (hers,) = full(make, "Ann")
    other = make.session(starts=session.starts_at, places=3)
    elsewhere = join(make, other, ann)
    give_up(make, holder)
    with pytest.raises(Conflict, match="another booking at that time") as clash, acting(make, ann) as tx:
        operations.accept(tx, hers)
    assert clash.value.code == "clash"
    give_up(make, elsewhere.id)
    with acting(make, ann) as tx:
        assert operations.accept(tx, hers) is Status.BOOKED


def test_accepting_before_the_manager_has_decided_is_a_request(make: Make) -> None:
    manager = make.person("Mo")
    session = make.session(places=1, needs_approval=True)
    ann, bob = make.person("Ann", manager=manager.id), make.person("Bob", manager=manager.id)
    mine, his = join(make, session, ann), join(make, session, bob)
    with acting(make, manager, "line manager") as tx:
        operations.decide(tx, mine.id, False, "Not this month")
    assert states(make, his.id) == ["offered"]
    with acting(make, bob) as tx:
        assert operations.accept(tx, his.id) is Status.REQUESTED
    with acting(make, manager, "line manager") as tx:
        operations.decide(tx, his.id, True)
    assert states(make, his.id) == ["booked"]


def test_more_places_are_offered_in_order(make: Make) -> None:
    session, _, _, keys = full(make, "Ann", "Bob", "Cat")
    with make.tx() as tx:
        set_capacity(tx, session.id, 3)
    assert states(make, *keys) == ["offered", "offered", "waiting"]
    assert [make.row(Booking, key).place for key in keys] == [2, 3, None]


def test_one_lapse_in_a_smaller_session_closes_its_place(make: Make) -> None:
    session, holder, _, keys = full(make, "Ann", "Bob")
    with make.tx() as tx:
        set_capacity(tx, session.id, 2)
    assert states(make, *keys) == ["offered", "waiting"]
    with make.tx() as tx:
        set_capacity(tx, session.id, 1)
        tx.update(Booking, keys[0], offer_ends_at=tx.now)
    assert offers.lapse_due(make.database) == 1
    assert states(make, holder, *keys) == ["booked", "expired", "waiting"]


def test_a_session_that_moves_shortens_its_offers(make: Make) -> None:
    session, holder, _, keys = full(make, "Ann")
    give_up(make, holder)
    with make.tx() as tx:
        tx.update(Session, session.id, closes_at=tx.now + timedelta(hours=1))
        offers.keep_within(tx, session.id)
    row = make.row(Booking, keys[0])
    assert row.status == "offered" and row.offer_ends_at == make.row(Session, session.id).closes_at


# Overriding the order ----------------------------------------------------------------------------------------------


def test_a_coordinator_gives_a_place_out_of_turn(make: Make, ledger: Any) -> None:
    soon = now() + timedelta(minutes=100)
    session, holder, people, keys = full(make, "Ann", "Bob", starts=soon)
    cai = make.person("Cai", roles=("coordinator",))
    with pytest.raises(Conflict, match="No place is free"), acting(make, cai, "coordinator") as tx:
        operations.give_to(tx, keys[1], "Needed in court")
    give_up(make, holder)
    with pytest.raises(Invalid), acting(make, cai, "coordinator") as tx:
        operations.give_to(tx, keys[1], " ")
    with pytest.raises(Forbidden), acting(make, people[1]) as tx:
        operations.give_to(tx, keys[1], "I would like to")
    with acting(make, cai, "coordinator") as tx:
        operations.give_to(tx, keys[1], "Needed in court")
    assert states(make, *keys) == ["waiting", "booked"]
    facts = ledger.entries("booking.given")[0].facts
    assert facts["override"] is True and facts["reason"] == "Needed in court" and facts["was"] == "waiting"
    assert ledger.outbox()[-1] == "email.booking_given"
    with pytest.raises(Conflict) as gone, acting(make, cai, "coordinator") as tx:
        operations.give_to(tx, keys[1], "Needed in court")
    assert gone.value.code == "not-waiting"
    with pytest.raises(Conflict, match="No place is free"), acting(make, cai, "coordinator") as tx:
        operations.give_next(tx, session.id)


def test_a_coordinator_changes_a_class(make: Make, ledger: Any) -> None:
    _, holder, people, keys = full(make, "Ann", "Bob")
    cai = make.person("Cai", roles=("coordinator",))
    for wrong, reason in ((0, "A reason"), (10, "A reason"), (1, "")):
        with pytest.raises(Invalid), acting(make, cai, "coordinator") as tx:
            operations.change_priority(tx, keys[1], wrong, reason)
    with pytest.raises(Forbidden), acting(make, people[1]) as tx:
        operations.change_priority(tx, keys[1], 1, "Me first")
    with acting(make, cai, "coordinator") as tx:
        operations.change_priority(tx, keys[1], 1, "The court ordered it")
    with pytest.raises(Conflict, match="already"), acting(make, cai, "coordinator") as tx:
        operations.change_priority(tx, keys[1], 1, "The court ordered it")
    assert make.row(Booking, keys[1]).priority_because == "The court ordered it"
    (entry,) = ledger.entries("booking.priority-changed")
    assert entry.state is None and entry.facts == {"was": 5, "priority": 1, "reason": "The court ordered it"}
    give_up(make, holder)
    assert states(make, *keys) == ["waiting", "offered"]
    with pytest.raises(Conflict), acting(make, cai, "coordinator") as tx:
        operations.change_priority(tx, keys[1], 5, "Changed my mind")


def test_a_place_is_not_given_to_somebody_who_is_elsewhere_then(make: Make) -> None:
    soon = now() + timedelta(minutes=100)
    session, holder, (ann,), (hers,) = full(make, "Ann", starts=soon)
    join(make, make.session(starts=soon, places=3), ann)
    give_up(make, holder)
    with pytest.raises(Conflict, match="another booking at that time"), make.tx() as tx:
        operations.give_next(tx, session.id)
    with pytest.raises(Conflict, match="another booking at that time"), make.tx() as tx:
        operations.give_to(tx, hers, "Needed in court")


# Crashes and races -------------------------------------------------------------------------------------------------


def left(make: Make) -> int:
    return len(make.rows(select(PassOn.id).where(PassOn.done_at.is_(None))))


def stopped(monkeypatch: pytest.MonkeyPatch, wrong: type[BaseException] = RuntimeError) -> None:
    """From here on, whatever should follow a commit does not."""

    def stop(*_: Any) -> int:
        raise wrong

    monkeypatch.setattr(queue, "pass_on_now", stop)


def test_work_left_by_a_crash_is_picked_up(make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, holder, _, keys = full(make, "Ann", "Bob")
    with monkeypatch.context() as broken:
        stopped(broken)
        give_up(make, holder)  # succeeds all the same
        assert states(make, holder, *keys) == ["cancelled", "waiting", "waiting"] and left(make) == 1
        assert jobs.run_clocks(make.database) == 0 and left(make) == 1  # a look that goes wrong leaves it for the next
    assert "afterwards-fault" in (said := capsys.readouterr().err) and "clock-fault" in said and "RuntimeError" in said
    assert jobs.run_clocks(make.database) == 1
    assert states(make, *keys) == ["offered", "waiting"] and left(make) == 0
    assert jobs.run_clocks(make.database) == 0


def test_one_session_that_goes_wrong_holds_up_no_other(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = full(make, "Ann"), full(make, "Bob")
    with monkeypatch.context() as broken:
        stopped(broken)
        for _, holder, _, _ in (first, second):
            give_up(make, holder)
    proper = queue.pass_on

    def sometimes(tx: Tx, session_id: int) -> int:
        if session_id == first[0].id:
            raise ZeroDivisionError
        return proper(tx, session_id)

    with monkeypatch.context() as broken:
        broken.setattr(queue, "pass_on", sometimes)
        assert jobs.run_clocks(make.database) == 1
    assert states(make, first[3][0], second[3][0]) == ["waiting", "offered"]


def in_threads(work: Callable[[], object], how_many: int) -> None:
    start = threading.Barrier(how_many)

    def run() -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=run) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_workers_at_once_offer_each_place_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    session, _, _, keys = full(make, *(f"P{n}" for n in range(12)))
    with monkeypatch.context() as broken:
        stopped(broken)
        with make.tx() as tx:
            set_capacity(tx, session.id, 6)
    in_threads(lambda: jobs.run_clocks(make.database), 4)
    assert states(make, *keys) == ["offered"] * 5 + ["waiting"] * 7
    assert len(make.rows(select(Audit.id).where(Audit.action == "booking.offered"))) == 5
    assert sorted(make.row(Booking, key).place for key in keys[:5]) == [2, 3, 4, 5, 6]


def test_accepting_and_lapsing_at_once_leave_one_of_them(make: Make) -> None:
    for n in range(3):
        _, holder, (ann, _bob), (hers, his) = full(make, f"Ann{n}", f"Bob{n}")
        give_up(make, holder)
        moment = now() + timedelta(milliseconds=30)
        with make.tx() as tx:
            tx.update(Booking, hers, offer_ends_at=moment)

        def answer(moment: datetime = moment, ann: Any = ann, hers: int = hers) -> None:
            while now() < moment:
                try:
                    with acting(make, ann) as tx:
                        operations.accept(tx, hers)
                except Conflict:
                    return

        in_threads(answer, 2)
        offers.lapse_due(make.database)
        assert states(make, hers, his) in (["booked", "waiting"], ["expired", "offered"])


def test_a_session_that_is_over_or_called_off_is_left_alone(make: Make) -> None:
    session, holder, _, keys = full(make, "Ann")
    with transaction(make.database, SYSTEM, writes=True) as tx:
        tx.update(Session, session.id, starts_at=tx.now - timedelta(minutes=5))
        tx.update(Booking, holder, place=None, status="cancelled")
        tx.insert(PassOn, session_id=session.id, asked_at=tx.now)
    assert jobs.run_clocks(make.database) == 0
    assert states(make, *keys) == ["waiting"] and left(make) == 0
