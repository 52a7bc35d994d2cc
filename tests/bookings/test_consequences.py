"""Late cancellation and not coming: reasons, what follows under the policy of the day, appeals, the journal. On both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.bookings import charges, operations
from app.bookings.models import Booking, Status
from app.bookings.operations import appeals, consequences, journals, policies
from app.bookings.policy_models import BookingPolicy, Consequence, Journal
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Actor, transaction
from app.people import operations as people
from app.people.models import Unit
from tests.factory import Make

START = datetime(2027, 3, 9, 9, 30, tzinfo=UTC)  # a Tuesday
EARLY = datetime(2027, 3, 4, 12, tzinfo=UTC)  # the Thursday before
LATE = datetime(2027, 3, 5, 12, tzinfo=UTC)  # the Friday: within two working days
AFTER = START + timedelta(days=1)
COORDINATOR = ("coordinator", None)


def acting(make: Make, person: Any, *roles: tuple[str, int | None], now: datetime = LATE) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None), *roles)), writes=True, now=now)


@pytest.fixture
def house(make: Make) -> Any:
    """Ann with a place on a course that costs £35, her team with a cost centre above it, and the coordinator Cai."""

    class House:
        service = make.unit("Safeguarding", "service")
        team = make.unit("East team", parent=service)
        ann = make.person("Ann", team=team)
        bob = make.person("Bob", team=team)
        cai = make.person("Cai", roles=("coordinator",))
        course = make.course("Court skills", cost_pence=3500)
        session = make.session(course=course.id, places=5, starts=START)

    with make.tx() as tx:
        people.set_cost_centre(tx, House.service, "CC-700")
    return House


def charged(make: Make, house: Any, **values: Any) -> None:
    with acting(make, house.cai, COORDINATOR, now=EARLY) as tx:
        policies.set_policy(tx, read_id=tx.scalar(select(BookingPolicy.id).order_by(BookingPolicy.id.desc())), **values)


def booked(make: Make, house: Any, person: Any) -> int:
    with acting(make, person, now=EARLY - timedelta(days=30)) as tx:
        return operations.book(tx, house.session.id, person.id).id


def followed(make: Make, booking_id: int) -> Any:
    rows = make.rows(select(Consequence.__table__).where(Consequence.booking_id == booking_id))
    assert len(rows) <= 1
    return rows[0] if rows else None


def stayed_away(make: Make, house: Any, *bookings: int, now: datetime = AFTER) -> int:
    """The register of the session says that these did not come, and is finished."""
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        tx.db.execute(update(Booking).where(Booking.id.in_(bookings)).values(status=Status.DID_NOT_ATTEND.value))
        return consequences.absent(tx, house.session.id)


# Reasons -----------------------------------------------------------------------------------------------------------


def test_a_reason_is_one_of_the_councils_or_in_words(make: Make, house: Any) -> None:
    booking_id = booked(make, house, house.ann)
    for code, words, field in (
        (None, "", "reason"),
        ("other", "", "reason"),
        ("nonsense", "x", "reason_code"),
        ("court", "x" * 501, "reason"),
    ):
        with pytest.raises(Invalid) as wrong, acting(make, house.ann, now=EARLY) as tx:
            operations.cancel(tx, booking_id, words, code)
        assert wrong.value.errors[0]["field"] == field
    with acting(make, house.ann, now=EARLY) as tx:
        operations.cancel(tx, booking_id, "the hearing was moved", "court")
    row = make.row(Booking, booking_id)
    assert (row.status, row.reason, row.reason_code) == ("cancelled", "Court: the hearing was moved", "court")
    assert followed(make, booking_id) is None  # in good time


# Late cancellation -------------------------------------------------------------------------------------------------


def test_as_shipped_a_late_cancellation_stands_and_costs_nothing(make: Make, house: Any) -> None:
    booking_id = booked(make, house, house.ann)
    with acting(make, house.ann) as tx:
        operations.cancel(tx, booking_id, reason_code="workload")
    found = followed(make, booking_id)
    assert (found.kind, found.state, found.pence, found.policy_id, found.cost_centre) == ("late", "stands", 0, None, "CC-700")
    assert found.appeal_by == datetime(2027, 3, 19, 17, tzinfo=UTC)  # ten working days


@pytest.mark.parametrize("code", ["child-protection", "court"])
def test_child_protection_work_and_court_excuse_on_the_persons_word(make: Make, house: Any, code: str) -> None:
    charged(make, house, late_charge="cost")
    booking_id = booked(make, house, house.ann)
    with acting(make, house.ann) as tx:
        operations.cancel(tx, booking_id, reason_code=code)
    found = followed(make, booking_id)
    assert (found.state, found.pence) == ("excused", 0)


@pytest.mark.parametrize(("figures", "pence"), [({"late_charge": "cost"}, 3500), ({"late_charge": "fixed", "late_pence": 2000}, 2000)])
def test_the_policy_of_the_day_says_what_is_charged(make: Make, house: Any, figures: Any, pence: int) -> None:
    charged(make, house, **figures)
    first, second = booked(make, house, house.ann), booked(make, house, house.bob)
    with acting(make, house.ann) as tx:
        operations.cancel(tx, first, "Too much on", None)
    charged(make, house, late_charge="none")
    with acting(make, house.bob) as tx:
        operations.cancel(tx, second, reason_code="workload")
    assert followed(make, first).pence == pence
    assert followed(make, second).pence == 0
    assert followed(make, first).policy_id != followed(make, second).policy_id


def test_the_sessions_own_deadline_comes_before_the_councils(make: Make, house: Any) -> None:
    own = make.session(course=house.course.id, starts=START + timedelta(days=7), cancel_by=EARLY - timedelta(days=1))
    with acting(make, house.ann, now=EARLY - timedelta(days=30)) as tx:
        booking_id = operations.book(tx, own.id, house.ann.id).id
    with acting(make, house.ann, now=EARLY) as tx:
        operations.cancel(tx, booking_id, reason_code="leave")
    assert followed(make, booking_id).kind == "late"


def test_a_turn_or_a_request_is_never_given_up_late(make: Make, house: Any) -> None:
    approval = make.session(course=house.course.id, starts=START + timedelta(days=1), needs_approval=True)
    with acting(make, house.ann, now=LATE) as tx:
        asked = operations.book(tx, approval.id, house.ann.id).id
    with acting(make, house.ann, now=LATE + timedelta(days=2)) as tx:
        operations.cancel(tx, asked, reason_code="leave")
    assert followed(make, asked) is None


# Not coming --------------------------------------------------------------------------------------------------------


def test_those_who_did_not_come_are_told_what_follows_once(make: Make, house: Any) -> None:
    charged(make, house, absent_charge="cost")
    ann, bob = booked(make, house, house.ann), booked(make, house, house.bob)
    assert stayed_away(make, house, ann, bob) == 2
    assert stayed_away(make, house, ann, bob) == 0
    found = followed(make, ann)
    assert (found.kind, found.state, found.pence, found.cost_centre) == ("absent", "stands", 3500, "CC-700")
    told = make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.missed").order_by(Outbox.id))
    assert [row.person_id for row in told] == [house.ann.id, house.bob.id]
    assert told[0].facts["pence"] == 3500


def test_a_register_put_right_takes_back_what_followed(make: Make, house: Any) -> None:
    ann = booked(make, house, house.ann)
    stayed_away(make, house, ann)
    with transaction(make.database, SYSTEM, writes=True, now=AFTER) as tx:
        tx.update(Booking, ann, status=Status.ATTENDED.value)
        consequences.absent(tx, house.session.id)
    assert (followed(make, ann).state, followed(make, ann).decision) == ("excused", consequences.PUT_RIGHT)
    stayed_away(make, house, ann, now=AFTER + timedelta(days=40))
    again = followed(make, ann)
    assert (again.state, again.decision) == ("stands", None) and again.appeal_by > AFTER + timedelta(days=45)
    assert len(make.rows(select(Outbox.id).where(Outbox.kind == "email.missed"))) == 2


def test_an_excusing_reason_given_afterwards_excuses(make: Make, house: Any, ledger: Any) -> None:
    charged(make, house, absent_charge="cost")
    ann, bob = booked(make, house, house.ann), booked(make, house, house.bob)
    stayed_away(make, house, ann, bob)
    with acting(make, house.ann, now=AFTER) as tx:
        assert appeals.give_reason(tx, ann, "workload") is False
    assert make.row(Booking, ann).status == "did not attend"
    with acting(make, house.ann, now=AFTER) as tx:
        assert appeals.give_reason(tx, ann, "child-protection") is True
    assert make.row(Booking, ann).status == "excused"
    assert (followed(make, ann).state, followed(make, ann).pence) == ("excused", 0)
    assert ledger.entries("booking.excused")[0].state == "excused"
    with pytest.raises(NotFound), acting(make, house.ann, now=AFTER) as tx:  # nobody speaks for somebody else
        appeals.give_reason(tx, bob, "court")
    with pytest.raises(NotFound), acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        appeals.give_reason(tx, bob, "court")
    with pytest.raises(Conflict, match="time to say something"), acting(make, house.bob, now=AFTER + timedelta(days=30)) as tx:
        appeals.give_reason(tx, bob, "court")


# Appeals -----------------------------------------------------------------------------------------------------------


def test_an_appeal_is_decided_by_somebody_else_with_a_reason(make: Make, house: Any) -> None:
    charged(make, house, absent_charge="cost")
    ann, cais = booked(make, house, house.ann), booked(make, house, house.cai)
    stayed_away(make, house, ann, cais)
    with pytest.raises(Invalid), acting(make, house.ann, now=AFTER) as tx:
        appeals.appeal(tx, ann, "No")
    for who, booking in ((house.ann, ann), (house.cai, cais)):
        with acting(make, who, now=AFTER) as tx:
            appeals.appeal(tx, booking, "The train did not run that morning.")
    with pytest.raises(Conflict), acting(make, house.ann, now=AFTER) as tx:
        appeals.appeal(tx, ann, "The train did not run that morning.")
    with acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        assert [row.booking_id for row in charges.appeals(tx)] == [ann, cais]
    with pytest.raises(Forbidden, match="your own appeal"), acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        appeals.decide_appeal(tx, followed(make, cais).id, False, "I say so")
    with pytest.raises(Forbidden), acting(make, house.bob, now=AFTER) as tx:
        appeals.decide_appeal(tx, followed(make, ann).id, False, "A friend")
    with pytest.raises(Invalid), acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        appeals.decide_appeal(tx, followed(make, ann).id, False, "")
    with acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        appeals.decide_appeal(tx, followed(make, ann).id, False, "The line was closed.")
    found = followed(make, ann)
    assert (found.state, found.decided_by, found.decision) == ("overturned", house.cai.id, "The line was closed.")
    told = make.rows(select(Outbox.__table__).where(Outbox.kind == "email.charge_decided"))
    assert [(row.person_id, row.subject_id, row.facts["state"]) for row in told] == [(house.ann.id, ann, "overturned")]
    with pytest.raises(Conflict), acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        appeals.decide_appeal(tx, found.id, True, "Changed my mind")


def test_a_coordinator_of_another_council_decides_nothing_here(make: Make, house: Any) -> None:
    ann = booked(make, house, house.ann)
    stayed_away(make, house, ann)
    with acting(make, house.ann, now=AFTER) as tx:
        appeals.appeal(tx, ann, "The train did not run that morning.")
    elsewhere = make.organisation("Northmoor Council", host=False)
    with acting(make, house.cai, ("coordinator", elsewhere), now=AFTER) as tx:
        assert list(charges.appeals(tx)) == []
        with pytest.raises(NotFound):
            appeals.decide_appeal(tx, followed(make, ann).id, False, "Not mine")


# The journal -------------------------------------------------------------------------------------------------------


def test_the_journal_takes_each_charge_once(make: Make, house: Any) -> None:
    charged(make, house, absent_charge="cost", late_charge="fixed", late_pence=1050)
    eves = make.person("Eve")
    ann, bob, eve = (booked(make, house, who) for who in (house.ann, house.bob, eves))
    with acting(make, eves) as tx:
        operations.cancel(tx, eve, reason_code="leave")
    stayed_away(make, house, ann, bob)
    with acting(make, house.bob, now=AFTER) as tx:
        appeals.appeal(tx, bob, "The train did not run that morning.")
    later = AFTER + timedelta(days=30)
    with acting(make, house.cai, COORDINATOR, now=AFTER) as tx:
        assert list(charges.due(tx).rows) == []  # there is still time to appeal
    with acting(make, house.cai, COORDINATOR, now=later) as tx:
        due = charges.due(tx)
        assert [row.booking_id for row in due.rows] == [ann] and due.by_centre == [("CC-700", 1, 3500)]
        assert [row.booking_id for row in due.without] == [eve]  # nobody's cost centre
        appeals.decide_appeal(tx, followed(make, bob).id, True, "There was a bus.")
    council = make.organisation()
    with make.tx() as tx:
        people.set_cost_centre(tx, council, "=CC+100")
    with pytest.raises(Changed), acting(make, house.cai, COORDINATOR, now=later) as tx:
        journals.make_journal(tx, 1, 3500)
    with acting(make, house.cai, COORDINATOR, now=later) as tx:
        journal_id = journals.make_journal(tx, 3, 8050)
    assert make.row(Journal, journal_id).pence == 8050
    with acting(make, house.cai, COORDINATOR, now=later) as tx:
        with pytest.raises(Conflict, match="nothing to take"):
            journals.make_journal(tx, 0, 0)
        text = charges.as_csv(*charges.journal(tx, journal_id)).decode("utf-8-sig")
    lines = text.splitlines()
    assert len(lines) == 4 and lines[0].startswith("Journal,Journal date,Charge,Cost centre,Amount")
    assert "'=CC+100" in text and ",=CC" not in text and "10.50" in text
    assert house.ann.name not in text
    with pytest.raises(Forbidden), acting(make, house.bob, now=later) as tx:
        charges.journal(tx, journal_id)


def test_what_stands_in_a_journal_cannot_be_changed_afterwards(make: Make, house: Any) -> None:
    charged(make, house, absent_charge="cost")
    ann = booked(make, house, house.ann)
    stayed_away(make, house, ann)
    with acting(make, house.cai, COORDINATOR, now=AFTER + timedelta(days=30)) as tx:
        journals.make_journal(tx, 1, 3500)
    with transaction(make.database, SYSTEM, writes=True, now=AFTER) as tx:
        tx.update(Booking, ann, status=Status.ATTENDED.value)
        consequences.absent(tx, house.session.id)
    assert followed(make, ann).state == "stands"


def test_several_make_the_journal_at_once_and_one_of_them_takes_it(make: Make, house: Any) -> None:
    charged(make, house, absent_charge="cost")
    stayed_away(make, house, booked(make, house, house.ann), booked(make, house, house.bob))
    later = AFTER + timedelta(days=30)
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def go() -> None:
        together.wait()
        try:
            with acting(make, house.cai, COORDINATOR, now=later) as tx:
                journals.make_journal(tx, 2, 7000)
            outcomes.append("made")
        except (Changed, Conflict):
            outcomes.append("refused")

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]
    assert [row.charges for row in make.rows(select(Journal.charges))] == [2]


def test_a_full_room_costs_no_more_questions_than_a_small_one(make: Make, house: Any, count_queries: Any) -> None:
    def finish(number: int) -> int:
        session = make.session(course=house.course.id, places=number, starts=START + timedelta(days=number))
        learners = [make.person(f"P{n}", team=house.team) for n in range(number)]
        with transaction(make.database, SYSTEM, writes=True, now=EARLY) as tx:
            bookings = [operations.book(tx, session.id, person.id).id for person in learners]
            tx.db.execute(update(Booking).where(Booking.id.in_(bookings)).values(status=Status.DID_NOT_ATTEND.value))
        with count_queries() as queries, transaction(make.database, SYSTEM, writes=True, now=AFTER + timedelta(days=60)) as tx:
            assert consequences.absent(tx, session.id) == number
        return len(queries)

    assert finish(2) == finish(20)


def test_a_cost_centre_is_the_nearest_above(make: Make, house: Any) -> None:
    with make.tx() as tx:
        people.set_cost_centre(tx, house.team, "  CC-710 ")
        assert tx.get(Unit, house.team).cost_centre == "CC-710"
    first = booked(make, house, house.ann)
    with acting(make, house.ann) as tx:
        operations.cancel(tx, first, reason_code="leave")
    assert followed(make, first).cost_centre == "CC-710"
    with pytest.raises(Invalid), make.tx() as tx:
        people.set_cost_centre(tx, house.team, "x" * 41)
    with pytest.raises(Forbidden), acting(make, house.ann) as tx:
        people.set_cost_centre(tx, house.team, "MINE")
