"""Pairing up: asked, answered by the other (by both, where the Academy brings them together), ended. Each step is told to the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from app import policy
from app.core.errors import Conflict, Invalid, NotFound
from app.core.forms import Problems
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.mentoring import checks
from app.mentoring.models import ENDED, KINDS, Notice, Pairing
from app.policy import Can, operation

LONGEST = 300
EARLIEST = timedelta(days=2 * 366)  # so long ago pairs of before the service may have begun
ROLES = ("receiver", "giver")  # what whoever asks would be
LEAVING = "left"  # said by the service, when somebody has left


@operation(Can.LEARN_TOGETHER)
def answer_notice(tx: Tx, notice_id: int, *, aim: str = "", since: date | None = None, guard: Decision | None = None) -> int:
    """Ask whoever put this up to pair up: of an offer to receive, of what is asked for to give; returns the pairing."""
    notice = visible(tx, notice_id)
    if notice.person_id == tx.actor.person_id:
        raise Conflict("This is your own: others answer it.", code="own-notice")
    if notice.side == "offer" and _taken(tx, notice.id) >= notice.most:
        raise Conflict("They meet with as many people as they can at the moment.", code="offer-full", way_out="Look for somebody else.")
    role = "receiver" if notice.side == "offer" else "giver"
    wish = _Wish(notice.kind, notice.need, role, notice.person_id, notice.id)
    return _ask(tx, wish, aim, since, guard)


@operation(Can.LEARN_TOGETHER)
def ask(
    tx: Tx,
    *,
    kind: str,
    need: str,
    role: str,
    other: int | None,
    aim: str = "",
    since: date | None = None,
    guard: Decision | None = None,
) -> int:
    """Ask a colleague by name. `role`: what the actor would be, "receiver" (they mentor me, I shadow them) or "giver"."""
    problems = Problems()
    checks.choice(problems, "kind", kind, KINDS, "Choose mentoring, coaching or shadowing")
    checks.need(problems, need)
    checks.choice(problems, "role", role, ROLES, "Choose which of you learns")
    if other is None:
        problems.add("other", "Nobody in your organisation has this e-mail address or employee number")
    elif other == tx.actor.person_id:
        problems.add("other", "Choose somebody else than yourself")
    problems.raise_any()
    assert other is not None
    checks.colleague(tx, other)
    return _ask(tx, _Wish(kind, need, role, other), aim, since, guard)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What whoever asks wants to be (`role`) to whom."""

    kind: str
    need: str
    role: str
    other: int
    notice_id: int | None = None


def _ask(tx: Tx, wish: _Wish, aim: str, since: date | None, guard: Decision | None) -> int:
    problems, me = Problems(), tx.actor.person_id
    said = checks.words(problems, "aim", aim, LONGEST, "What you hope for")
    if since is not None:
        checks.past_day(problems, "since", since, tx, tx.today - EARLIEST)
    problems.raise_any()
    settled = checking.settle(tx, {"aim": said}, guard, labels={"aim": "What you hope for"})
    giver, receiver = (wish.other, me) if wish.role == "receiver" else (me, wish.other)
    agreed = {f"{wish.role}_agreed_at": tx.now}
    who = dict(kind=wish.kind, need=wish.need, giver_id=giver, receiver_id=receiver, notice_id=wish.notice_id)
    key = tx.insert(Pairing, **who, **settled.fields, since=since or tx.today, state="asked", asked_by=me, asked_at=tx.now, **agreed)
    checking.note(tx, settled, "pairings", key)
    tx.record("pairing.asked", "pairings", key, person_id=me, kind=wish.kind, need=wish.need)
    tell(tx, "email.together_asked", key, wish.other)
    return key


@operation(Can.PAIR_PEOPLE)
def bring_together(tx: Tx, *, kind: str, need: str, giver: int, receiver: int, notice_id: int | None = None) -> int:
    """The Academy suggests a pair of two people in reach; both are asked, and both have to agree. Returns the pairing."""
    problems = Problems()
    checks.choice(problems, "kind", kind, KINDS, "Choose mentoring, coaching or shadowing")
    checks.need(problems, need)
    if giver == receiver:
        problems.add("receiver", "Choose two different people")
    problems.raise_any()
    for person_id in sorted({giver, receiver}):
        person = policy.person(tx, Can.PAIR_PEOPLE, person_id)
        if person.leaving_on is not None and person.leaving_on < tx.today:
            raise Conflict(f"{person.name} has left.", code="person-left")
    me = tx.actor.person_id
    agreed = {f"{role}_agreed_at": tx.now for role, key in (("giver", giver), ("receiver", receiver)) if key == me}
    values = dict(kind=kind, need=need, giver_id=giver, receiver_id=receiver, notice_id=notice_id, aim="", since=tx.today)
    key = tx.insert(Pairing, **values, state="asked", asked_by=me, asked_at=tx.now, **agreed)
    tx.record("pairing.suggested", "pairings", key, person_id=receiver, kind=kind, need=need)
    for person_id in {giver, receiver} - {me}:
        tell(tx, "email.together_asked", key, person_id)
    return key


@operation(Can.LEARN_TOGETHER)
def answer(tx: Tx, pairing_id: int, version: int, *, accepted: bool) -> None:
    """Agree or decline. With the agreement of both they are a pair; what one of them had asked for comes off the list."""
    row = of_mine(tx, pairing_id)
    mine = "giver" if row.giver_id == tx.actor.person_id else "receiver"
    if row.state != "asked" or getattr(row, f"{mine}_agreed_at") is not None:
        raise Conflict("There is nothing for you to answer here any more.", code="already-answered")
    checks.unchanged(row, version)
    theirs = row.receiver_agreed_at if mine == "giver" else row.giver_agreed_at
    values: dict[str, Any] = dict(version=row.version + 1)
    if accepted:
        values |= {f"{mine}_agreed_at": tx.now} | (dict(state="active", answered_at=tx.now) if theirs else {})
    else:
        values |= dict(state="declined", answered_at=tx.now)
    tx.update(Pairing, row.id, **values)
    state = values.get("state", "asked")
    tx.record("pairing.agreed" if accepted else "pairing.declined", "pairings", row.id, person_id=tx.actor.person_id, state=state)
    if state == "active":
        _found(tx, row)
    if state in ("active", "declined"):
        for person_id in {row.giver_id, row.receiver_id, row.asked_by} - {tx.actor.person_id}:
            tell(tx, "email.together_answered", row.id, person_id, state=state)


def _found(tx: Tx, row: Row[Any]) -> None:
    """What was asked for has been found."""
    notice = tx.get(Notice, row.notice_id, lock=True) if row.notice_id else None
    if notice is not None and notice.side == "ask" and notice.closed_at is None:
        tx.update(Notice, notice.id, closed_at=tx.now, version=notice.version + 1)
        tx.record("notice.closed", "together_notices", notice.id, person_id=notice.person_id)


@operation(Can.LEARN_TOGETHER)
def take_back(tx: Tx, pairing_id: int) -> None:
    """Whoever asked no longer does, before there was an answer. (A coordinator takes back what they suggested.)"""
    row = tx.get(Pairing, pairing_id, lock=True, what="pairing")
    if row.asked_by != tx.actor.person_id:
        raise not_there()
    if row.state != "asked":
        raise Conflict("This has been answered meanwhile.", code="already-answered")
    tx.update(Pairing, row.id, state="withdrawn", answered_at=tx.now, version=row.version + 1)
    tx.record("pairing.withdrawn", "pairings", row.id, person_id=tx.actor.person_id, state="withdrawn")


@operation(Can.LEARN_TOGETHER)
def end(tx: Tx, pairing_id: int, version: int, why: str) -> None:
    """They stop meeting, says one of the two; what they have logged stays. `why` is one of `models.ENDED`."""
    row = of_mine(tx, pairing_id)
    if row.state != "active":
        raise Conflict("You are not meeting any more.", code="pairing-ended")
    if why not in ENDED or why == LEAVING:
        wrong = "Choose why it ends"
        raise Invalid(wrong + ".", errors=[{"field": "why", "message": wrong}])
    checks.unchanged(row, version)
    tx.update(Pairing, row.id, state="ended", ended_on=tx.today, ended_why=why, version=row.version + 1)
    tx.record("pairing.ended", "pairings", row.id, person_id=tx.actor.person_id, state="ended", reason=why)
    tell(tx, "email.together_ended", row.id, row.receiver_id if row.giver_id == tx.actor.person_id else row.giver_id)


# Which -------------------------------------------------------------------------------------------------------------


def visible(tx: Tx, notice_id: int) -> Row[Any]:
    """A notice that is up and that the actor may see: their own, or a colleague's for colleagues; NotFound otherwise."""
    row = tx.get(Notice, notice_id, what="notice")
    if row.person_id == tx.actor.person_id and row.closed_at is None:
        return row
    if row.closed_at is not None or row.shown_to != "colleagues":
        raise NotFound("There is no notice with that reference, or it has been taken off.", code="notice-not-found")
    checks.colleague(tx, row.person_id)
    return row


def of_mine(tx: Tx, pairing_id: int) -> Row[Any]:
    """A pairing that the actor is one of, locked where this writes; NotFound otherwise."""
    row = tx.get(Pairing, pairing_id, lock=tx.writes, what="pairing")
    if tx.actor.person_id not in (row.giver_id, row.receiver_id):
        raise not_there()
    return row


def not_there() -> NotFound:
    """The refusal for a pairing that does not exist or is none of the actor's: the two look the same."""
    return NotFound("There is no pairing with that reference, or it is not yours.", code="pairing-not-found")


def _taken(tx: Tx, notice_id: int) -> int:
    return int(tx.scalar(select(func.count()).where(Pairing.notice_id == notice_id, Pairing.state == "active")) or 0)


def tell(tx: Tx, kind: str, pairing_id: int, person_id: int, **facts: Any) -> None:
    """Queue one message about a pairing; the worker adds who it is with."""
    tx.insert(Outbox, **message(kind, tx.now, "pairings", person_id, facts), subject_id=pairing_id)
