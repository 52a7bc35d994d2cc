"""Whoever has left mentors nobody any more: their pairs end, their notices come off, they belong to no set. What was logged stays.

A set that they facilitated passes to whoever has belonged to it longest, or ends with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select, update

from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.mentoring.models import LearningSet, Notice, Pairing, SetMember
from app.mentoring.operations.pairing import LEAVING, tell
from app.people.models import Person


def part(tx: Tx, people: Sequence[int]) -> None:
    """End what these people, who have left, were in. The other of each pair is told. Safe to repeat; a few statements for all."""
    theirs = or_(Pairing.giver_id.in_(people), Pairing.receiver_id.in_(people))
    columns = (Pairing.id, Pairing.giver_id, Pairing.receiver_id, Pairing.state)
    found = tx.rows(select(*columns).where(theirs, Pairing.state.in_(("asked", "active"))).order_by(Pairing.id).with_for_update())
    active = [row.id for row in found if row.state == "active"]
    asked = [row.id for row in found if row.state == "asked"]
    over = dict(state="ended", ended_on=tx.today, ended_why=LEAVING, version=Pairing.version + 1)
    gone = dict(state="withdrawn", answered_at=tx.now, version=Pairing.version + 1)
    for keys, values in ((active, over), (asked, gone)):
        if keys:
            tx.db.execute(update(Pairing).where(Pairing.id.in_(keys)).values(**values))
            tx.record_all("pairing.ended" if keys is active else "pairing.withdrawn", "pairings", keys, reason=LEAVING)
    left = set(people)
    for row in found:
        for person_id in {row.giver_id, row.receiver_id} - left:
            tell(tx, "email.together_ended", row.id, person_id)
    up = (Notice.person_id.in_(people), Notice.closed_at.is_(None))
    tx.db.execute(update(Notice).where(*up).values(closed_at=tx.now, version=Notice.version + 1))
    member = (SetMember.person_id.in_(people), SetMember.left_on.is_(None))
    last_day = select(Person.leaving_on).where(Person.id == SetMember.person_id).scalar_subquery()
    tx.db.execute(update(SetMember).where(*member, SetMember.joined_on <= last_day).values(left_on=last_day))
    tx.db.execute(update(SetMember).where(*member).values(left_on=SetMember.joined_on))
    _pass_on(tx, people)


def _pass_on(tx: Tx, people: Sequence[int]) -> None:
    theirs = (LearningSet.facilitator_id.in_(people), LearningSet.ended_on.is_(None))
    keys = [row.id for row in tx.rows(select(LearningSet.id).where(*theirs).order_by(LearningSet.id).with_for_update())]
    if not keys:
        return
    stays = select(SetMember.person_id).where(SetMember.set_id == LearningSet.id, SetMember.left_on.is_(None))
    oldest = stays.order_by(SetMember.joined_on, SetMember.id).limit(1)
    some, more = LearningSet.id.in_(keys), dict(version=LearningSet.version + 1)
    tx.db.execute(update(LearningSet).where(some, ~stays.exists()).values(ended_on=tx.today, **more))
    tx.db.execute(update(LearningSet).where(some, stays.exists()).values(facilitator_id=oldest.scalar_subquery(), **more))
    tx.record_all("learning-set.passed-on", "learning_sets", keys, reason=LEAVING)
    new = tx.rows(select(LearningSet.id, LearningSet.facilitator_id).where(some, LearningSet.ended_on.is_(None)))
    told = [message("email.together_added", tx.now, "learning_sets", row.facilitator_id, {}) | {"subject_id": row.id} for row in new]
    tx.insert_many(Outbox, told)
