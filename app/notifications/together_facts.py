"""Facts of messages about learning together, read for a whole batch: who it is with and what for, never what somebody hopes for."""

from __future__ import annotations

from sqlalchemy import select

from app.core.declared import aliased
from app.core.tx import Tx
from app.mentoring.models import KINDS, NEEDS, LearningSet, Pairing
from app.notifications.by_subject import Facts, Rows, by_subject
from app.people.models import Person

_DOES = {
    ("giver", "mentoring"): "you would mentor them",
    ("giver", "coaching"): "you would coach them",
    ("giver", "shadowing"): "they would shadow you",
    ("receiver", "mentoring"): "they would mentor you",
    ("receiver", "coaching"): "they would coach you",
    ("receiver", "shadowing"): "you would shadow them",
}
_GIVER, _RECEIVER, _ASKER = aliased(Person), aliased(Person), aliased(Person)
_PAIRS = (
    select(
        *(Pairing.id, Pairing.kind, Pairing.need, Pairing.giver_id, Pairing.receiver_id, Pairing.asked_by),
        _GIVER.name.label("giver"),
        _RECEIVER.name.label("receiver"),
        _ASKER.name.label("asker"),
    )
    .join(_GIVER, _GIVER.id == Pairing.giver_id)
    .join(_RECEIVER, _RECEIVER.id == Pairing.receiver_id)
    .join(_ASKER, _ASKER.id == Pairing.asked_by)
)


def _of_pairs(tx: Tx, rows: Rows) -> dict[int, Facts]:
    pairs = {one.id: one for one in tx.rows(_PAIRS.where(Pairing.id.in_({row.subject_id for row in rows})))}
    found = {}
    for row in rows:
        one = pairs.get(row.subject_id)
        if one is None:
            continue
        facts: Facts = {"kind": KINDS[one.kind], "need": NEEDS[one.need], "link": f"/learning-together/pairs/{one.id}"}
        if row.person_id not in (one.giver_id, one.receiver_id):
            facts |= {"other": f"{one.giver} and {one.receiver}", "own": False, "link": "/learning-together/overview"}
        else:
            role = "giver" if row.person_id == one.giver_id else "receiver"
            facts |= {"other": one.receiver if role == "giver" else one.giver, "does": _DOES[role, one.kind], "own": True}
            facts["by"] = None if one.asked_by in (one.giver_id, one.receiver_id) else one.asker
        found[row.id] = facts
    return found


def _of_sets(tx: Tx, rows: Rows) -> dict[int, Facts]:
    columns = (LearningSet.id, LearningSet.title, LearningSet.facilitator_id, Person.name.label("facilitator"))
    statement = select(*columns).join(Person, Person.id == LearningSet.facilitator_id)
    sets = {one.id: one for one in tx.rows(statement.where(LearningSet.id.in_({row.subject_id for row in rows})))}
    found = {}
    for row in rows:
        if (one := sets.get(row.subject_id)) is not None:
            facts = {"title": one.title, "facilitator": one.facilitator, "link": f"/learning-together/sets/{one.id}"}
            found[row.id] = facts | {"leads": one.facilitator_id == row.person_id}
    return found


def further(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """By outbox id, for those messages that are about learning together."""
    return by_subject(tx, rows, {"pairings": _of_pairs, "learning_sets": _of_sets})
