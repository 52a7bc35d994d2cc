"""Who delivers a session is told, like those who come; a part keeps its identity whatever happens to the others."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.bookings.models import Part, Session
from app.bookings.operations import sessions
from app.bookings.operations.timetable import PartNew, same
from app.core.ledger import Outbox
from tests.bookings.test_sessions import DAY, at, book, coordinating, create, part
from tests.factory import Make


def told(make: Make, person: Any) -> list[Any]:
    rows = make.rows(select(Outbox.kind, Outbox.facts, Outbox.subject).where(Outbox.person_id == person.id).order_by(Outbox.id))
    return [(row.kind.removeprefix("email."), row.facts) for row in rows]


def change(make: Make, session: Any, *parts: PartNew) -> None:
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, make.row(Session, session.id).version, list(parts))


def ids(make: Make, session: Any) -> dict[Any, int]:
    """Ids of parts by when they start."""
    return {row.starts_at: row.id for row in make.rows(select(Part.id, Part.starts_at).where(Part.session_id == session.id))}


def test_a_trainer_is_told_when_it_is_published_moves_and_is_called_off(make: Make) -> None:
    tess, room = make.person("Tess"), make.room("Oak Room")
    session = create(make, part(room, trainers=(tess.id,)))
    assert told(make, tess) == []
    with coordinating(make) as tx:
        sessions.publish_session(tx, session.id)
    change(make, session, part(room, 10, 15, trainers=(tess.id,)))
    with coordinating(make) as tx:
        sessions.cancel_session(tx, session.id, "Too few people")
    (set_up, _), (changed, what), (off, why) = told(make, tess)
    assert (set_up, changed, off) == ("trainer_session_set", "trainer_session_changed", "trainer_session_cancelled")
    assert what["changes"] == ["It now starts at 10am (was 9:30am) and ends at 3pm (was 4pm)."] and what["before"][0]["room"] == "Oak Room"
    assert (why["whole"], why["called_off"], why["reason"]) == (True, True, "Too few people")
    assert [one["id"] for one in why["off"]] == list(ids(make, session).values())
    assert make.row(Session, session.id).sequence == 2


def test_one_trainer_takes_over_from_another(make: Make) -> None:
    tess, tom, room = make.person("Tess"), make.person("Tom"), make.room()
    session = create(make, part(room, trainers=(tess.id,)), publish=True)
    change(make, session, part(room, trainers=(tom.id,)))
    assert [kind for kind, _ in told(make, tess)] == ["trainer_session_set", "trainer_session_cancelled"]
    assert [kind for kind, _ in told(make, tom)] == ["trainer_session_set"]
    whole = told(make, tess)[1][1]
    assert whole["whole"] and not whole["called_off"]


def test_a_trainer_hears_only_of_their_own_parts(make: Make) -> None:
    tess, tom, room = make.person("Tess"), make.person("Tom"), make.room()
    session = create(make, part(room, 9, 11, trainers=(tess.id,)), part(room, 12, 14, trainers=(tom.id,)), publish=True)
    change(make, session, part(room, 9, 11, trainers=(tess.id,)), part(room, 13, 15, trainers=(tom.id,)))
    assert [kind for kind, _ in told(make, tess)] == ["trainer_session_set"]
    assert [kind for kind, _ in told(make, tom)] == ["trainer_session_set", "trainer_session_changed"]
    change(make, session, part(room, 9, 11, trainers=(tess.id, tom.id)))
    kind, facts = told(make, tom)[-1]
    assert kind == "trainer_session_cancelled" and not facts["whole"] and len(facts["off"]) == 1


def test_dropping_the_second_of_three_drops_that_one(make: Make) -> None:
    room = make.room()
    session = create(make, part(room, 9, 10), part(room, 11, 12), part(room, 13, 14), publish=True, capacity=1)
    before = ids(make, session)
    booked, waits = make.person("Ann"), make.person("Bob")
    book(make, session.id, booked)
    assert book(make, session.id, waits).status == "waiting"
    with coordinating(make) as tx:
        sessions.change_session(tx, session.id, session.version, [part(room, 9, 10), part(room, 13, 14)])
    assert ids(make, session) == {starts: key for starts, key in before.items() if starts != at(11)}
    (kind, facts) = told(make, booked)[-1]
    assert kind == "parts_cancelled" and [one["id"] for one in facts["off"]] == [before[at(11)]]
    assert "session_changed" not in [kind for kind, _ in told(make, booked)], "one message says it all"
    kind, facts = told(make, waits)[-1]
    assert kind == "session_changed" and facts["changes"][0].startswith("This part no longer takes place: ")


@pytest.mark.parametrize(
    ("before", "after", "was"),
    [
        ([9, 11, 13], [9, 13], [0, 2]),
        ([9, 11, 13], [9, 11, 13, 15], [0, 1, 2, None]),
        ([9, 11], [11, 14], [1, 0]),
        ([9], [10], [0]),
        ([], [9], [None]),
        ([9, 11], [8], [0]),
    ],
)
def test_which_part_is_which(before: list[int], after: list[int], was: list[int | None]) -> None:
    def made(hours: list[int]) -> list[PartNew]:
        return [PartNew(at(hour, DAY), at(hour + 1, DAY), 1) for hour in hours]

    assert same(made(before), made(after)) == was


def test_the_preview_pairs_the_same_parts(make: Make) -> None:
    room = make.room()
    session = create(make, part(room, 9, 10), part(room, 11, 12), part(room, 13, 14), publish=True)
    book(make, session.id, make.person("Ann"))
    with coordinating(make) as tx:
        move = sessions.preview_change(tx, session.id, make.row(Session, session.id).version, [part(room, 9, 10), part(room, 13, 14)], 10)
    assert move is not None and len(move.parts) == 1
    old, new = move.parts[0]
    assert old is not None and "11am" in old["words"] and new is None
