"""Telling, taking back and objecting: each by people for themselves, never for anybody else.

The ledger says that somebody looked after their equality information, and neither what it was nor whether they told, took back or
objected: it is read by others.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert

from app.core.errors import Conflict, Forbidden, Invalid
from app.core.tx import Tx
from app.equality import queries
from app.equality.models import Answer, Objection
from app.people.models import Person
from app.policy import Can, operation


@operation(Can.GIVE_EQUALITY)
def give(tx: Tx, answers: Mapping[str, str]) -> None:
    """These are the actor's answers from now on: option by characteristic; what is missing or blank is not told, and kept no longer.

    Invalid for what cannot be chosen; Conflict while the actor objects to monitoring.
    """
    me = _me(tx)
    given = {code: option for code, option in answers.items() if option}
    asked = {question.code: question for question in queries.questions(tx)}
    wrong = [
        {"field": code, "message": f"{asked[code].title if code in asked else 'An answer'}: choose one of the answers shown"}
        for code, option in given.items()
        if code not in asked or option not in dict(asked[code].options)
    ]
    if wrong:
        raise Invalid("Some answers need another look.", errors=wrong)
    if queries.own(tx).objects_since is not None:
        raise Conflict("You object to monitoring, so nothing is kept.", code="objected", way_out="Withdraw your objection first.")
    tx.db.execute(delete(Answer).where(Answer.person_id == me))
    if given:
        rows = [dict(person_id=me, characteristic=code, option=option, given_on=tx.today) for code, option in sorted(given.items())]
        tx.db.execute(insert(Answer), rows)
    _recorded(tx, me)


@operation(Can.GIVE_EQUALITY)
def withdraw(tx: Tx) -> None:
    """Delete all that the actor told. Figures that were published stay: nobody can be made out in them."""
    me = _me(tx)
    tx.db.execute(delete(Answer).where(Answer.person_id == me))
    _recorded(tx, me)


@operation(Can.GIVE_EQUALITY)
def object_to_monitoring(tx: Tx) -> None:
    """The actor objects: what they told is deleted, and nothing can be told until they say otherwise. To object twice changes nothing."""
    me = _me(tx)
    tx.db.execute(delete(Answer).where(Answer.person_id == me))
    if queries.own(tx).objects_since is None:
        tx.db.execute(insert(Objection), dict(person_id=me, since=tx.now))
    _recorded(tx, me)


@operation(Can.GIVE_EQUALITY)
def withdraw_objection(tx: Tx) -> None:
    """The actor objects no longer; nothing is held until they tell it."""
    me = _me(tx)
    tx.db.execute(delete(Objection).where(Objection.person_id == me))
    _recorded(tx, me)


def _me(tx: Tx) -> int:
    """The actor, whose row is held: of two windows one comes after the other."""
    if tx.actor.kind != "person" or tx.actor.person_id is None:
        raise Forbidden("Only people themselves give equality information.")
    return int(tx.get(Person, tx.actor.person_id, lock=True).id)


def _recorded(tx: Tx, me: int) -> None:
    tx.record("equality.kept", "equality_answers", None, person_id=me)
