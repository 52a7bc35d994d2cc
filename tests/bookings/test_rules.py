"""Each reason why somebody cannot book, in its words and with its way out; and what is only worth knowing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.bookings import operations, rules
from app.bookings.models import Session
from app.core.calendar import bank_holidays, from_london
from app.core.errors import Conflict
from app.core.tx import Actor, transaction
from tests.factory import NEXT_YEAR, Make, tuesday


def reasons(make: Make, session: Any, person: Any, *, you: bool = True) -> list[rules.Reason]:
    """Everything the page says about this person and this session."""
    with make.tx(writes=False) as tx:
        row = tx.get(Session, session.id)
        return list(rules.reasons(tx, row, person.id, rules.facts(tx, row, person.id), you=you, tell=True))


def codes(make: Make, session: Any, person: Any) -> list[str]:
    return [reason.code for reason in reasons(make, session, person)]


def book(make: Make, session: Any, person: Any) -> int:
    actor = Actor("person", person.id, person.name, (("practitioner", None),), organisation_id=person.organisation_id)
    with transaction(make.database, actor, writes=True) as tx:
        return operations.book(tx, session.id, person.id).id


def change(make: Make, session: Any, **values: Any) -> None:
    with make.tx() as tx:
        tx.update(
            Session, session.id, **{name: tx.now + value if isinstance(value, timedelta) else value for name, value in values.items()}
        )


def test_nothing_stands_in_the_way(make: Make) -> None:
    assert reasons(make, make.session(), make.person("Ann")) == []


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"status": "cancelled"}, "session-cancelled", "has been cancelled"),
        ({"status": "draft"}, "session-not-published", "not open for booking"),
        ({"starts_at": timedelta(minutes=-1)}, "session-started", "already started"),
        ({"opens_at": timedelta(days=2)}, "window-not-open", "Booking opens on"),
        ({"closes_at": timedelta(minutes=-1)}, "window-closed", "Booking closed at"),
    ],
)
def test_when_a_session_is_not_open(make: Make, values: dict[str, Any], code: str, words: str) -> None:
    ann, session = make.person("Ann"), make.session()
    change(make, session, **values)
    [reason] = reasons(make, session, ann)
    assert (reason.code, reason.blocks) == (code, True) and words in reason.message and reason.way_out


def test_the_window_includes_its_opening_and_not_its_closing(make: Make) -> None:
    ann, session = make.person("Ann"), make.session()
    change(make, session, opens_at=timedelta(), closes_at=timedelta(minutes=5))
    assert codes(make, session, ann) == []


def test_one_live_booking_a_session(make: Make) -> None:
    ann, session = make.person("Ann"), make.session()
    mine = book(make, session, ann)
    assert codes(make, session, ann) == ["already-booked"]
    assert "They already have" in reasons(make, session, ann, you=False)[0].message
    with make.tx() as tx:
        operations.cancel(tx, mine, "Court hearing")
    assert codes(make, session, ann) == []


def test_a_held_seat_clashes_and_a_waiting_place_does_not(make: Make) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    held = make.session(places=1)
    beside = make.session(starts=held.starts_at + timedelta(hours=2))
    after = make.session(starts=held.ends_at)  # begins when the other ends
    book(make, held, ann)
    book(make, held, bob)  # waits
    assert codes(make, beside, ann) == ["clash"] and codes(make, after, ann) == [] and codes(make, beside, bob) == []


def test_a_prerequisite_must_be_in_date_on_the_day(make: Make) -> None:
    ann, first = make.person("Ann"), make.course("First things")
    session = make.session(course=make.course("Second things", requires=(first.id,)).id)
    day = session.starts_at.date()
    assert codes(make, session, ann) == ["prerequisite-missing"]
    make.completion(ann.id, first.id, date(2025, 1, 6), day - timedelta(days=1))
    assert codes(make, session, ann) == ["prerequisite-missing"]
    make.completion(ann.id, first.id, date(2025, 2, 6), day)  # its last day is the day itself
    assert codes(make, session, ann) == []


def test_an_audience_of_stages_or_of_a_unit(make: Make) -> None:
    locality = make.unit("Aldermoor", "locality")
    team, other = make.unit("Aldermoor 1", parent=locality), make.unit("Dunmere 1")
    new, old = make.person("Ann", stage="NQSW", team=team), make.person("Bob", stage="EXP", team=other)
    for_new, for_unit = make.session(audience_stages="NQSW,SW"), make.session(audience_unit_id=locality)
    assert codes(make, for_new, new) == [] and codes(make, for_new, old) == ["wrong-audience"]
    assert "Newly qualified social worker, Social worker" in reasons(make, for_new, old)[0].message
    assert codes(make, for_unit, new) == [] and codes(make, for_unit, old) == ["wrong-audience"]
    assert "people in Aldermoor" in reasons(make, for_unit, old)[0].message


def test_a_waiting_list_can_be_full_or_missing(make: Make) -> None:
    ann = make.person("Ann")
    none, one = make.session(places=1, waiting_limit=0), make.session(places=1, waiting_limit=1, day=tuesday(3))
    for session in (none, one):
        book(make, session, make.person("Bob"))
    assert codes(make, none, ann) == ["waiting-list-full"] and "has no waiting list" in reasons(make, none, ann)[0].message
    assert codes(make, one, ann) == []
    book(make, one, make.person("Cat"))
    assert codes(make, one, ann) == ["waiting-list-full"] and "waiting list is full too" in reasons(make, one, ann)[0].message


def test_approval_is_told_and_does_not_block(make: Make) -> None:
    ann, session = make.person("Ann"), make.session(needs_approval=True)
    [reason] = reasons(make, session, ann)
    assert (reason.code, reason.blocks) == ("approval-needed", False) and reason.message.startswith("Your manager")
    assert reasons(make, session, ann, you=False)[0].message.startswith("Their manager")


def test_days_off_and_bank_holidays_warn(make: Make) -> None:
    from datetime import time

    ann, part = make.person("Ann"), make.person("Pat", working_days="1011100")
    usual = make.session()
    assert codes(make, usual, ann) == [] and codes(make, usual, part) == ["non-working-day"]
    holiday = max(bank_holidays(NEXT_YEAR))
    session = make.session(starts=from_london(holiday, time(9, 30)))
    [reason] = reasons(make, session, ann)
    assert (reason.code, reason.blocks) == ("non-working-day", False) and reason.way_out == "You can still book."


def test_every_reason_is_told_at_once_and_the_first_refuses(make: Make) -> None:
    ann, first = make.person("Ann", working_days="1011100"), make.course("First things")
    held = make.session()
    book(make, held, ann)
    session = make.session(
        course=make.course("Second things", requires=(first.id,)).id, starts=held.starts_at, needs_approval=True, audience_stages="NQSW"
    )
    assert codes(make, session, ann) == ["clash", "prerequisite-missing", "wrong-audience", "approval-needed", "non-working-day"]
    with pytest.raises(Conflict, match="another booking at that time") as refusal:
        book(make, session, ann)
    assert refusal.value.code == "clash"
