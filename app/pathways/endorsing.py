"""Endorsements: somebody who answers for a person says that they are ready for a step. Asked for, given, declined, withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, Row, and_, cast, exists, func, literal, null, or_, select, union_all, update

from app import policy
from app.core.db import FOREVER, ONE, UtcDateTime
from app.core.declared import aliased
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision, Settled
from app.pathways import words
from app.pathways.models import Endorsement, EndorsementAsk, Requirement, Step, StepVersion
from app.people.models import Duty, Person, Responsibility, RoleHeld, UnitClosure
from app.people.models import Membership as Member
from app.policy import Can, operation

MOST_WORDS = 500
DUTIES = {"line manager": Duty.MANAGER.value, "assessor": Duty.ASSESSOR.value}  # roles that follow from the data; the others are held


def asked_roles(tx: Tx, step_id: int) -> list[str]:
    """Whose endorsement the step asks for now: of its version in force, or of one that will be."""
    version = StepVersion.__table__
    last = or_(version.c.in_force_to.is_(None), version.c.in_force_to >= tx.today)
    found = (
        select(Requirement.role)
        .join(version, version.c.id == Requirement.version_id)
        .where(version.c.step_id == step_id, version.c.state == "published", last, Requirement.kind == "endorsement")
        .distinct()
    )
    held = {row.role for row in tx.rows(found)}
    return [one for one in words.ROLES if one in held]


def can_be_asked(tx: Tx, person_id: int, step_id: int) -> list[Row[Any]]:
    """(role, id, name) of everybody who could endorse this person for this step, as what; the person themselves left out."""
    today, chosen = tx.today, []
    for role in asked_roles(tx, step_id):
        kind = DUTIES.get(role)
        if kind is not None:
            duty = Responsibility
            chosen.append(
                select(literal(role).label("role"), duty.holder_id.label("id")).where(
                    duty.person_id == person_id, duty.kind == kind, current(duty, today)
                )
            )
        else:
            held, member, employed = RoleHeld, aliased(Member), aliased(Person)
            around = select(UnitClosure.ancestor_id).join(member, member.unit_id == UnitClosure.descendant_id)
            around = around.where(member.person_id == person_id, current(member, today))
            council = select(employed.organisation_id).where(employed.id == person_id)
            chosen.append(
                select(literal(role).label("role"), held.person_id.label("id")).where(
                    held.role == role,
                    current(held, today),
                    or_(held.unit_id.is_(None), held.unit_id.in_(around), held.unit_id.in_(council)),
                )
            )
    if not chosen:
        return []
    everybody = union_all(*chosen).subquery()
    named = select(everybody.c.role, Person.id, Person.name).join(Person, Person.id == everybody.c.id).distinct()
    there = and_(Person.id != person_id, or_(Person.leaving_on.is_(None), Person.leaving_on >= today))
    return list(tx.rows(named.where(there).order_by(everybody.c.role, Person.name, Person.id)))


def _step(tx: Tx, step_id: int, role: str) -> Row[Any]:
    step = tx.get(Step, step_id, what="step")
    if role not in asked_roles(tx, step_id):
        raise Conflict(f"“{step.title}” does not ask for the word of {words.ROLES.get(role, role)}.", code="not-asked-for")
    return step


def _said(given: str, field: str = "words") -> str | None:
    said = " ".join(given.split())
    if len(said) > MOST_WORDS:
        message = f"Use {MOST_WORDS} characters or fewer"
        raise Invalid(message + ".", errors=[{"field": field, "message": message}])
    return said or None


def _settled(tx: Tx, given: str, guard: Decision | None) -> Settled:
    """Words about somebody's work, which must not name a child or a family."""
    return checking.settle(tx, {"words": _said(given) or ""}, guard, labels={"words": "Your words"})


# Asking --------------------------------------------------------------------------------------------------------------


@operation(Can.READ_PATHWAY)
def ask(tx: Tx, step_id: int, role: str, asked_of: int, said: str = "", *, guard: Decision | None = None) -> int:
    """The actor asks somebody to endorse them for a step; they are told. Conflict while an earlier request to them is open.

    `guard`: what the writer decided about words that may name a child or a family; without it they are refused (Identifiable).
    """
    me = tx.actor.person_id
    if me is None:
        raise Forbidden("Only a person can ask for an endorsement.")
    step = _step(tx, step_id, role)
    if (role, asked_of) not in {(row.role, row.id) for row in can_be_asked(tx, me, step_id)}:
        message = "Choose somebody from the list"
        raise Invalid(message + ".", errors=[{"field": "of", "message": message}])
    settled = _settled(tx, said, guard)
    text = settled["words"] or None
    values = dict(person_id=me, step_id=step_id, role=role, asked_of=asked_of, asked_by=me, asked_at=tx.now, words=text, state="asked")
    key = tx.insert(EndorsementAsk, **values)
    checking.note(tx, settled, "endorsement_asks", key)
    tx.record(
        "endorsement.asked",
        "endorsement_asks",
        key,
        person_id=me,
        tell=("email.endorsement_asked",),
        to=asked_of,
        step=step.title,
        ask_id=key,
    )
    return key


@operation(Can.READ_PATHWAY)
def take_back(tx: Tx, ask_id: int) -> str:
    """The actor no longer asks; returns the step's code."""
    row = _open(tx, ask_id, EndorsementAsk.person_id == tx.actor.person_id)
    tx.update(EndorsementAsk, ask_id, state="withdrawn", settled_at=tx.now)
    tx.record("endorsement.no-longer-asked", "endorsement_asks", ask_id, person_id=row.person_id)
    return str(tx.get(Step, row.step_id).code)


@operation(Can.ENDORSE)
def decline(tx: Tx, ask_id: int, reply: str, *, guard: Decision | None = None) -> None:
    """Whoever was asked says no, and why; the person is told."""
    row = _open(tx, ask_id, EndorsementAsk.asked_of == tx.actor.person_id)
    settled = _settled(tx, reply, guard)
    said = settled["words"]
    if not said:
        raise Invalid(
            "Say why, so that they know what to do.", errors=[{"field": "words", "message": "Say why, so that they know what to do"}]
        )
    tx.update(EndorsementAsk, ask_id, state="declined", settled_at=tx.now, reply=said)
    checking.note(tx, settled, "endorsement_asks", ask_id)
    step = tx.get(Step, row.step_id)
    tx.record(
        "endorsement.declined",
        "endorsement_asks",
        ask_id,
        person_id=row.person_id,
        tell=("email.endorsement_answered",),
        step=step.title,
        code=step.code,
        given=False,
    )


def _open(tx: Tx, ask_id: int, mine: Any) -> Row[Any]:
    """The request, locked, while nobody has answered it."""
    whole = select(EndorsementAsk.__table__)
    found = tx.one(whole.where(EndorsementAsk.id == ask_id, mine).with_for_update())
    if found is None:
        raise NotFound("There is no such request, or it is not yours.", code="request-not-found")
    row = tx.get(EndorsementAsk, ask_id)
    if row.state != "asked":
        raise Conflict("This request is settled already.", code="request-settled")
    return row


# Giving --------------------------------------------------------------------------------------------------------------


def endorsing_roles(tx: Tx, person_id: int, asked: Collection[str]) -> list[str]:
    """As what the actor may endorse this person, of the roles that a step asks for."""
    if person_id == tx.actor.person_id or not asked or not policy.may(tx.actor, Can.ENDORSE):
        return []
    reaching = policy.roles_reaching(tx, Can.ENDORSE, person_id)
    return [one for one in words.ROLES if one in asked and one in reaching]


@operation(Can.ENDORSE)
def give(
    tx: Tx, person_id: int, step_id: int, role: str, said: str = "", *, valid_to: date = FOREVER, guard: Decision | None = None
) -> int:
    """The actor endorses this person for a step, as what they are to them (`role`), from today until `valid_to`.

    Their open requests to the actor are answered with it, and they are told. Forbidden to oneself and in a role that does not reach them.
    """
    policy.person(tx, Can.ENDORSE, person_id, lock=True)
    if person_id == tx.actor.person_id:
        raise Forbidden("Nobody endorses themselves.", way_out="Ask somebody who answers for your work.")
    step = _step(tx, step_id, role)
    if role not in policy.roles_reaching(tx, Can.ENDORSE, person_id):
        raise Forbidden(f"You cannot endorse them as {words.ROLES[role]}.", way_out="Ask whoever can.")
    live = _live(person_id, step_id, role, tx.today)
    if tx.one(live.where(Endorsement.endorsed_by == tx.actor.person_id)) is not None:
        raise Conflict("You have already endorsed this.", code="already-endorsed")
    settled = _settled(tx, said, guard)
    key = tx.insert(
        Endorsement,
        person_id=person_id,
        step_id=step_id,
        role=role,
        endorsed_by=tx.actor.person_id,
        words=settled["words"] or None,
        on_date=tx.today,
        valid_to=valid_to,
        recorded_at=tx.now,
    )
    tx.db.execute(
        update(EndorsementAsk)
        .where(
            EndorsementAsk.person_id == person_id,
            EndorsementAsk.step_id == step_id,
            EndorsementAsk.role == role,
            EndorsementAsk.asked_of == tx.actor.person_id,
            EndorsementAsk.state == "asked",
        )
        .values(state="given", settled_at=tx.now, endorsement_id=key)
    )
    checking.note(tx, settled, "endorsements", key)
    tx.record(
        "endorsement.given",
        "endorsements",
        key,
        person_id=person_id,
        tell=("email.endorsement_answered",),
        step=step.title,
        code=step.code,
        given=True,
    )
    return key


def _live(person_id: int, step_id: int, role: str, today: date) -> Any:
    return select(Endorsement.__table__).where(
        Endorsement.person_id == person_id,
        Endorsement.step_id == step_id,
        Endorsement.role == role,
        Endorsement.superseded_at.is_(None),
        Endorsement.on_date <= today,
        Endorsement.valid_to > today,
    )


@operation(Can.ENDORSE)
def withdraw(tx: Tx, endorsement_id: int, reason: str) -> None:
    """From today on it no longer counts; that it counted until then stays known. One given today is as if it had not been given.

    By whoever gave it. The reason goes into the trail.
    """
    given = tx.one(select(Endorsement.person_id).where(Endorsement.id == endorsement_id, Endorsement.endorsed_by == tx.actor.person_id))
    if given is None:
        raise NotFound("There is no such endorsement, or it is not yours.", code="endorsement-not-found")
    tx.rows(select(Person.id).where(Person.id == given.person_id).with_for_update(key_share=True))
    row = tx.get(Endorsement, endorsement_id)
    if row.superseded_at is not None or row.valid_to <= tx.today:
        raise Conflict("This endorsement is withdrawn already.", code="endorsement-withdrawn")
    said = _said(reason, "reason")
    if said is None:
        raise Invalid("Say why it is withdrawn.", errors=[{"field": "reason", "message": "Say why it is withdrawn"}])
    tx.update(Endorsement, endorsement_id, superseded_at=tx.now)
    if row.on_date < tx.today:
        kept = {name: value for name, value in row._mapping.items() if name not in ("id", "valid_to", "recorded_at")}
        tx.insert(Endorsement, **kept, valid_to=tx.today, recorded_at=tx.now)
    tx.record("endorsement.withdrawn", "endorsements", endorsement_id, person_id=row.person_id, reason=said)


# Reading -------------------------------------------------------------------------------------------------------------


def waiting_for(tx: Tx) -> Sequence[Row[Any]]:
    """Requests that the actor has not answered yet, the oldest first."""
    return tx.rows(
        select(EndorsementAsk.__table__, Person.name, Step.code, Step.title)
        .join(Person, Person.id == EndorsementAsk.person_id)
        .join(Step, Step.id == EndorsementAsk.step_id)
        .where(EndorsementAsk.asked_of == tx.actor.person_id, EndorsementAsk.state == "asked")
        .order_by(EndorsementAsk.asked_at, EndorsementAsk.id)
    )


def open_requests(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """(id, step_id, role, asked_of, name, asked_at) of whom this person has asked and who has not answered, the oldest first."""
    ask = EndorsementAsk
    return tx.rows(
        select(ask.id, ask.step_id, ask.role, ask.asked_of, Person.name, ask.asked_at)
        .join(Person, Person.id == ask.asked_of)
        .where(ask.person_id == person_id, ask.state == "asked")
        .order_by(ask.asked_at, ask.id)
    )


def given_by(tx: Tx) -> Sequence[Row[Any]]:
    """What the actor gave and has not withdrawn, of people who are still here, the newest first."""
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    return tx.rows(
        select(Endorsement.__table__, Person.name, Step.code, Step.title)
        .join(Person, Person.id == Endorsement.person_id)
        .join(Step, Step.id == Endorsement.step_id)
        .where(Endorsement.endorsed_by == tx.actor.person_id, Endorsement.superseded_at.is_(None), Endorsement.valid_to > tx.today, here)
        .order_by(Endorsement.on_date.desc(), Endorsement.id.desc())
        .limit(100)
    )


def of_step(tx: Tx, person_id: int, step_id: int) -> Sequence[Row[Any]]:
    """What there is of endorsements of a person for a step: those that count today (`state` "given"), requests that are open ("asked"),
    and of each role the newest if it was declined. `name` is who gave it or was asked."""
    by, later, ask = aliased(Person), aliased(EndorsementAsk), EndorsementAsk
    given = (
        select(
            *(Endorsement.id, by.name, Endorsement.role, literal("given").label("state"), Endorsement.words, Endorsement.endorsed_by),
            *(Endorsement.on_date, Endorsement.recorded_at.label("at"), Endorsement.endorsed_by.label("asked_of")),
        )
        .join(by, by.id == Endorsement.endorsed_by)
        .where(
            Endorsement.person_id == person_id,
            Endorsement.step_id == step_id,
            Endorsement.superseded_at.is_(None),
            Endorsement.valid_to > tx.today,
        )
    )
    same = (later.person_id == ask.person_id, later.step_id == ask.step_id, later.role == ask.role, later.id > ask.id)
    newer = exists(select(ONE).where(*same))
    asks = (
        select(
            *(ask.id, by.name, ask.role, ask.state, func.coalesce(ask.reply, ask.words), cast(null(), Integer).label("endorsed_by")),
            *(cast(null(), Date), func.coalesce(ask.settled_at, ask.asked_at, type_=UtcDateTime()), ask.asked_of),
        )
        .join(by, by.id == ask.asked_of)
        .where(ask.person_id == person_id, ask.step_id == step_id)
        .where(or_(ask.state == "asked", and_(ask.state == "declined", ~newer)))
    )
    both = union_all(given, asks).subquery()
    return tx.rows(select(both).order_by(both.c.at, both.c.id))
