"""Who may be named as having supervised somebody on a day: a colleague who worked there then, or who answered for them then.

An assessor, or a manager, may be employed by another organisation: it was their responsibility on the day. Whoever records it reaches the
person by such a responsibility today, and may name themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.people.models import Duty, Person, Responsibility
from app.supervision.models import Supervisor

Asked = tuple[int, date, int]  # who was supervised, the day, who supervised
ELSEWHERE = "Whoever supervised must work for the same organisation, or have been their manager or assessor on that day"
NOT_THEN = "Whoever supervised must have worked here on that day"


def unfit(tx: Tx, asked: Collection[Asked], *, had: int | None = None, recording: bool = True) -> dict[Asked, str]:
    """Which of these cannot have been, and why, in words that name nobody. Three statements, however many.

    `had`: the supervision that is corrected; whoever is named there stays, wherever they work by now. `recording`: the actor writes down
    what they took part in, not what a file says.
    """
    ids = {key for person, _, key in asked for key in (person, key)}
    people = {row.id: row for row in tx.rows(_WORK.where(Person.id.in_(ids)))} if ids else {}
    if tx.actor.kind == "system":  # carries over what others kept of earlier years: somebody may have worked elsewhere then
        return {each: ELSEWHERE for each in asked if each[2] not in people}
    named: set[int | None] = {tx.actor.person_id} if recording else set()
    if had is not None:
        named |= {row.person_id for row in tx.rows(select(Supervisor.person_id).where(Supervisor.supervision_id == had))}
    outside = {each for each in asked if each[2] not in named and not _colleagues(people, each)}
    answered = _answered(tx, outside) if outside else set()
    found = {each: NOT_THEN for each in asked if each[2] in people and not _worked(people[each[2]], each[1])}
    return found | dict.fromkeys(outside - answered, ELSEWHERE) | {each: ELSEWHERE for each in asked if each[2] not in people}


_WORK = select(Person.id, Person.organisation_id, Person.started_on, Person.leaving_on)


def _colleagues(people: Mapping[int, Any], asked: Asked) -> bool:
    one, other = people.get(asked[0]), people.get(asked[2])
    return one is not None and other is not None and one.organisation_id == other.organisation_id


def _worked(person: Any, day: date) -> bool:
    """Were they employed on the day? Whose first or last day nobody knows is believed."""
    return (person.started_on or day) <= day <= (person.leaving_on or day)


def _answered(tx: Tx, asked: Collection[Asked]) -> set[Asked]:
    """Those of `asked` who were the person's manager or assessor on the day, as far as is known now."""
    duties = tx.rows(
        select(Responsibility.person_id, Responsibility.holder_id, Responsibility.valid_from, Responsibility.valid_to).where(
            Responsibility.kind.in_((Duty.MANAGER.value, Duty.ASSESSOR.value)),
            Responsibility.person_id.in_({person for person, _, _ in asked}),
            Responsibility.holder_id.in_({key for _, _, key in asked}),
            Responsibility.superseded_at.is_(None),
        )
    )
    had: dict[tuple[int, int], list[tuple[date, date]]] = defaultdict(list)
    for row in duties:
        had[row.person_id, row.holder_id].append((row.valid_from, row.valid_to))
    return {each for each in asked if any(since <= each[1] < to for since, to in had.get((each[0], each[2]), ()))}
