"""Pause, extension, withdrawal, transfer, working pattern, handover: proposed, agreed by all who must agree, and then in effect.

Whoever changes one enrolment takes turns on its row, so of two who agree at once the second sees what the first said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.db import FOREVER, is_postgresql
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.text import normal
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.policy import Can, operation
from app.programmes import terms
from app.programmes.access import Part, part, visible
from app.programmes.models import Agreement, Change, Enrolment
from app.programmes.operations.applying import put_into_effect
from app.programmes.operations.chaining import add_entry
from app.programmes.proposals import HANDOVERS, KINDS, LONGEST, Proposal, check, holders, needs, wrong

OVER = ("completed", "withdrawn", "transferred")
MAY_ASK = ("assessor", "line_manager", "employer", "provider", "mentor")  # besides the learner and the Academy
DECLARATION = "I have read this change and what it does to the plan."


@operation(Can.READ_ENROLMENT)
def propose_change(
    tx: Tx,
    enrolment_id: int,
    kind: str,
    from_on: date,
    to_on: date = FOREVER,
    reason_code: str = "",
    words: str | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """Propose a change of an enrolment; returns its id.

    `from_on`: the first day it holds for; `to_on`: of a pause, the day of return (FOREVER: not known yet). `details` by kind: extension
    {"ends_on": date}, working_pattern {"fte": "0.6"}, assessor and line_manager {"person_id": 7}, transfer {"employer": "…"}. Whoever
    proposes has agreed in every part they have; if nobody else must agree, it is in effect at once.
    """
    mine = part(tx, Can.READ_ENROLMENT, enrolment_id, lock=True)
    definition = definition_of(tx, mine.enrolment)
    _may_ask(tx, mine, definition, kind)
    return propose(tx, mine, definition, kind, from_on, to_on, reason_code, words, details)


def propose(
    tx: Tx,
    mine: Part,
    definition: terms.Definition,
    kind: str,
    from_on: date,
    to_on: date = FOREVER,
    reason_code: str = "",
    words: str | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """The same, for somebody of whom the caller has seen that they may: `mine` is the locked enrolment."""
    enrolment_id = mine.enrolment.id
    if mine.enrolment.status in OVER:
        raise Conflict("This programme is over for them: there is nothing to change.", code="enrolment-over")
    proposal = Proposal(mine.enrolment, definition, kind, from_on, to_on, reason_code, words, dict(details or {}))
    check(tx, proposal)
    wanted = needs(tx, proposal)
    change_id = tx.insert(
        Change,
        enrolment_id=enrolment_id,
        kind=kind,
        from_on=from_on,
        to_on=to_on if kind == "pause" else FOREVER,
        reason_code=reason_code if kind in ("pause", "withdrawal") else kind,
        words=proposal.words,
        details=proposal.details,
        needs=wanted,
        proposed_by=tx.actor.person_id,
        proposed_at=tx.now,
    )
    tx.record("change.proposed", "enrolment_changes", change_id, person_id=mine.enrolment.person_id, state=kind)
    change = tx.get(Change, change_id)
    given = _said(tx, mine, change, wanted, agreed=True, words=None)
    waiting = [capacity for capacity in wanted if capacity not in given]
    if waiting:
        _ask(tx, mine.enrolment, change, waiting)
    else:
        _settle(tx, mine, change, "agreed")
    return change_id


def definition_of(tx: Tx, enrolment: Row[Any]) -> terms.Definition:
    """What the version that it is pinned to says."""
    found: terms.Definition = tx.scalar(select(ProgrammeVersion.definition).where(ProgrammeVersion.id == enrolment.version_id))
    return found


def runs(tx: Tx, enrolment: Row[Any]) -> bool:
    """Does the actor run this enrolment for the Academy? Nobody does so for themselves."""
    return enrolment.person_id != tx.actor.person_id and policy.reaches(tx, Can.MANAGE_ENROLMENTS, enrolment.person_id)


def may_ask(tx: Tx, mine: Part, definition: terms.Definition, kind: str) -> bool:
    """May the actor propose such a change? The learner proposes anything but who assesses and manages them."""
    if runs(tx, mine.enrolment) or mine.has(*MAY_ASK):
        return True
    return kind not in HANDOVERS and mine.has(terms.learner(definition))


def _may_ask(tx: Tx, mine: Part, definition: terms.Definition, kind: str) -> None:
    if not may_ask(tx, mine, definition, kind):
        raise Forbidden("Only those who take part in this programme and the Academy can propose this.", code="not-yours-to-propose")


# Agreeing ----------------------------------------------------------------------------------------------------------


def seen(tx: Tx, change_id: int, *, lock: bool = False) -> tuple[Row[Any], Part]:
    """A change and the actor's part in its enrolment. Whoever is asked to take over sees this change and no more."""
    row = tx.one(select(Change.__table__).where(Change.id == change_id))
    if row is None:
        raise NotFound("There is no change with that reference, or it is not yours to see.", code="change-not-found")
    if row.kind in HANDOVERS and tx.actor.person_id is not None and row.details.get("person_id") == tx.actor.person_id:
        statement = select(Enrolment.__table__).where(Enrolment.id == row.enrolment_id)
        enrolment = tx.one(statement.with_for_update(key_share=True) if lock and is_postgresql(tx.db) else statement)
        assert enrolment is not None
        mine = Part(enrolment, None, None, ())
        if tx.scalar(select(Enrolment.id).where(Enrolment.id == row.enrolment_id, visible(tx, Can.READ_ENROLMENT))) is not None:
            mine = part(tx, Can.READ_ENROLMENT, row.enrolment_id)
    else:
        mine = part(tx, Can.READ_ENROLMENT, row.enrolment_id, lock=lock)
    return (tx.get(Change, change_id) if lock else row), mine


def to_answer(tx: Tx, mine: Part, change: Row[Any]) -> list[str]:
    """The capacities in which the actor has still to say whether they agree."""
    if change.state != "proposed":
        return []
    said = {row.capacity for row in tx.rows(select(Agreement.capacity).where(Agreement.change_id == change.id))}
    return [capacity for capacity in _own(tx, mine, change) if capacity not in said]


def _own(tx: Tx, mine: Part, change: Row[Any]) -> list[str]:
    """Of the capacities that must agree, the actor's."""
    me, own = tx.actor.person_id, set(mine.capacities)
    if change.kind in HANDOVERS and me is not None and change.details.get("person_id") == me:
        own.add("incoming")
    if runs(tx, mine.enrolment):
        own.add("coordinator")
    return [capacity for capacity in change.needs if capacity in own]


def require_own(tx: Tx, change_id: int) -> None:
    """Forbidden for whoever may see a change and has no part in which to agree to it."""
    change, mine = seen(tx, change_id)
    if not _own(tx, mine, change):
        raise Forbidden("Your agreement is not needed for this change.", code="not-yours-to-agree")


@operation(Can.READ_ENROLMENT)
def agree(tx: Tx, change_id: int, agreed: bool, words: str | None = None) -> str:
    """Say whether one agrees, in every capacity one has; returns the state of the change. One refusal settles it."""
    change, mine = seen(tx, change_id, lock=True)
    _open(change)
    if not _own(tx, mine, change):
        raise Forbidden("Your agreement is not needed for this change.", code="not-yours-to-agree")
    waiting = to_answer(tx, mine, change)
    if not waiting:
        raise Conflict("You have already agreed to this.", code="already-agreed")
    tidy = normal(words or "")[:LONGEST] or None
    if not agreed and not tidy:
        raise wrong("words", "Say why you do not agree")
    _said(tx, mine, change, waiting, agreed=agreed, words=tidy)
    return _count(tx, mine, change, agreed)


def _count(tx: Tx, mine: Part, change: Row[Any], agreed: bool) -> str:
    if not agreed:
        return _settle(tx, mine, change, "refused")
    said = {row.capacity for row in tx.rows(select(Agreement.capacity).where(Agreement.change_id == change.id, Agreement.agreed))}
    return _settle(tx, mine, change, "agreed") if said >= set(change.needs) else "proposed"


@operation(Can.MANAGE_ENROLMENTS)
def agree_for(tx: Tx, change_id: int, capacity: str, words: str) -> str:
    """The Academy writes down what somebody said who cannot answer here: on long sick leave, or of another organisation.

    `words` say how and when; the row names who wrote it down. The Academy's own agreement is given with `agree`.
    """
    change, mine = seen(tx, change_id, lock=True)
    _open(change)
    if not runs(tx, mine.enrolment) or capacity == "coordinator" or capacity not in change.needs:
        raise Forbidden("You cannot write this agreement down.", code="not-yours-to-agree")
    said = {row.capacity for row in tx.rows(select(Agreement.capacity).where(Agreement.change_id == change.id))}
    if capacity in said:
        raise Conflict("They have already agreed to this.", code="already-agreed")
    tidy = normal(words)[:LONGEST]
    if not tidy:
        raise wrong("words", "Say how and when they agreed")
    _write(tx, mine, change, [capacity], True, tidy)
    return _count(tx, mine, change, True)


def _open(change: Row[Any]) -> None:
    if change.state != "proposed":
        raise Conflict(f"This change is {change.state} already.", code="change-settled")


def _said(tx: Tx, mine: Part, change: Row[Any], waiting: Iterable[str], *, agreed: bool, words: str | None) -> list[str]:
    """Write what the actor said in their own capacities among `waiting`; returns these."""
    own = [capacity for capacity in _own(tx, mine, change) if capacity in set(waiting)]
    if own:
        _write(tx, mine, change, own, agreed, words)
    return own


def _write(tx: Tx, mine: Part, change: Row[Any], capacities: Sequence[str], agreed: bool, words: str | None) -> None:
    """One row for each capacity, and one link of the chain."""
    tx.insert_many(
        Agreement,
        [
            dict(change_id=change.id, capacity=capacity, person_id=tx.actor.person_id, agreed=agreed, words=words, at=tx.now)
            for capacity in capacities
        ],
    )
    add_entry(
        tx,
        mine.enrolment,
        "agreement",
        what=("change", KINDS[change.kind], 1),
        answer="agree" if agreed else "disagree",
        person_id=tx.actor.person_id,
        items=_items(change, capacities),
        declaration=DECLARATION,
        statement=words,
        capacities=_signed_as(tx, mine, change, capacities),
        change_id=change.id,
        involvement_id=mine.involvement_id,
    )
    tx.record(
        "change.answered",
        "enrolment_changes",
        change.id,
        person_id=mine.enrolment.person_id,
        state="agreed" if agreed else "refused",
        capacities=list(capacities),
    )


def _signed_as(tx: Tx, mine: Part, change: Row[Any], capacities: Sequence[str]) -> list[str]:
    """In which capacities the actor signs: what they write down for somebody else they sign for the Academy."""
    own = set(_own(tx, mine, change))
    named = [change.kind if capacity == "incoming" else capacity for capacity in capacities if capacity in own]
    return named or ["coordinator"]


def _items(change: Row[Any], capacities: Sequence[str]) -> list[tuple[str, str, Any]]:
    """What was agreed to, as it is frozen."""
    found: list[tuple[str, str, Any]] = [
        ("kind", "What changes", KINDS[change.kind]),
        ("from", "From", change.from_on.isoformat()),
        ("to", "Until", "" if change.to_on == FOREVER else change.to_on.isoformat()),
        ("reason", "Reason", change.reason_code),
        ("words", "In words", change.words or ""),
        ("for", "Agreed as", ", ".join(terms.TITLES.get(each, each) for each in capacities)),
    ]
    return [*found, *((f"details.{name}", name.replace("_", " ").capitalize(), str(value)) for name, value in change.details.items())]


def _ask(tx: Tx, enrolment: Row[Any], change: Row[Any], waiting: Sequence[str]) -> None:
    """Tell those who must agree. The Academy's coordinators see it on their first page."""
    there = holders(tx, enrolment.id, tx.today)
    if "incoming" in waiting:
        there["incoming"] = change.details["person_id"]
    for person_id in dict.fromkeys(there[capacity] for capacity in waiting if capacity in there):
        tx.record("change.asked", "enrolments", enrolment.id, person_id=person_id, tell=["email.change_asked"], kind=change.kind)


def _settle(tx: Tx, mine: Part, change: Row[Any], state: str) -> str:
    tx.update(Change, change.id, state=state, settled_at=tx.now)
    if state == "agreed":
        put_into_effect(tx, mine, change)
    told = {mine.enrolment.person_id, change.proposed_by, *holders(tx, mine.enrolment.id, tx.today).values()} - {None}
    if change.kind in HANDOVERS:
        told.add(change.details["person_id"])
    for person_id in sorted(told):
        tx.record(
            "change.settled",
            "enrolments",
            mine.enrolment.id,
            person_id=person_id,
            state=state,
            tell=["email.change_settled"],
            kind=change.kind,
        )
    return state


@operation(Can.READ_ENROLMENT)
def cancel_change(tx: Tx, change_id: int) -> None:
    """Take a proposal back: whoever proposed it, or the Academy."""
    change, mine = seen(tx, change_id, lock=True)
    _open(change)
    if change.proposed_by != tx.actor.person_id and not runs(tx, mine.enrolment):
        raise Forbidden("Only whoever proposed it and the Academy can take it back.", code="not-yours-to-cancel")
    _settle(tx, mine, change, "cancelled")
