"""What a change of an enrolment must say before anybody is asked to agree to it, and whose agreement it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Row, select

from app.core.calendar import add_months, long_date
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.text import normal
from app.core.tx import Tx
from app.people.models import Person
from app.programmes import terms
from app.programmes.models import Capacity, Change, Involvement, Side
from app.programmes.operations.involving import OTHER_SIDE, registered

KINDS = {  # in the words of pages; the order is that of the list to choose from
    "pause": "Pause",
    "extension": "Extension",
    "working_pattern": "Change of working pattern",
    "assessor": "Change of assessor",
    "line_manager": "Change of line manager",
    "transfer": "Transfer to another employer",
    "withdrawal": "Withdrawal",
}
HANDOVERS = ("assessor", "line_manager")
LONGEST = 2000  # characters of words
LONGEST_PAUSE = timedelta(days=3 * 366)


@dataclass(slots=True)
class Proposal:
    """A change as it is proposed, in the making: `details` and `needs` are filled in as it is checked."""

    enrolment: Row[Any]
    definition: terms.Definition
    kind: str
    from_on: date
    to_on: date
    reason_code: str
    words: str | None
    details: dict[str, Any] = field(default_factory=dict)


def wrong(name: str, message: str, code: str = "invalid") -> Invalid:
    """A refusal beside one field."""
    return Invalid(message + ".", errors=[{"field": name, "message": message}], code=code)


def check(tx: Tx, proposal: Proposal) -> None:
    """Refuse what cannot be agreed to at all; complete the details."""
    if proposal.kind not in KINDS:
        raise wrong("kind", "Choose what is to change")
    proposal.words = normal(proposal.words or "")[:LONGEST] or None
    if proposal.from_on < proposal.enrolment.starts_on:
        raise wrong("from_on", f"The day must not be before the start on {long_date(proposal.enrolment.starts_on)}")
    if proposal.from_on > tx.today + LONGEST_PAUSE or (proposal.kind not in ("pause", "withdrawal") and proposal.from_on < tx.today):
        raise wrong("from_on", "The day must be today or later" if proposal.from_on < tx.today else "The day is too far away")
    _CHECKS[proposal.kind](tx, proposal)


def _pause(tx: Tx, asked: Proposal) -> None:
    never = dict(terms.not_for(asked.definition))
    if asked.reason_code in never:
        raise Conflict(
            f"The programme is not paused for this: {never[asked.reason_code]}.",
            code="pause-not-for",
            way_out="Concerns are met with support and an action plan, and the council’s own procedure, outside the portfolio.",
        )
    _reason(asked, "pause")
    if asked.to_on <= asked.from_on:
        raise wrong("to_on", "The day of return must be after the first day of the pause")
    if asked.to_on < FOREVER and asked.to_on - asked.from_on > LONGEST_PAUSE:
        raise wrong("to_on", "A pause lasts at most three years")
    clash = tx.scalar(
        select(Change.id).where(
            Change.enrolment_id == asked.enrolment.id,
            Change.kind == "pause",
            Change.state == "agreed",
            Change.from_on < asked.to_on,
            Change.to_on > asked.from_on,
        )
    )
    if clash is not None:
        raise Conflict("There is already a pause in that period.", code="periods-overlap", way_out="Say when they come back from it first.")


def _reason(asked: Proposal, kind: str) -> None:
    offered = terms.reasons(asked.definition, kind)
    if offered and asked.reason_code not in dict(offered):
        raise wrong("reason", "Choose a reason")


def _extension(_tx: Tx, asked: Proposal) -> None:
    wanted = _day(asked.details.get("ends_on"))
    if not asked.words:
        raise wrong("words", "Say why more time is needed")
    if wanted is None or wanted <= asked.enrolment.ends_on:
        raise wrong("ends_on", f"The new last day must be after {long_date(asked.enrolment.ends_on)}")
    asked.details = {"ends_on": wanted.isoformat()}


def latest_end(tx: Tx, enrolment: Row[Any], definition: terms.Definition) -> date | None:
    """The last day to which an enrolment can be extended: the maximum from the start, without the days of its pauses. None: no limit."""
    months = terms.maximum_months(definition)
    if months is None:
        return None
    pauses = select(Change.from_on, Change.to_on).where(
        Change.enrolment_id == enrolment.id, Change.kind == "pause", Change.state == "agreed", Change.to_on < FOREVER
    )
    paused = sum(((row.to_on - row.from_on) for row in tx.rows(pauses)), timedelta(0))
    return add_months(enrolment.starts_on, months) + paused


def _within_maximum(tx: Tx, asked: Proposal) -> None:
    _extension(tx, asked)
    latest = latest_end(tx, asked.enrolment, asked.definition)
    if latest is not None and date.fromisoformat(asked.details["ends_on"]) > latest:
        months = terms.maximum_months(asked.definition)
        raise wrong("ends_on", f"The programme takes at most {months} months without its pauses: until {long_date(latest)}", "too-long")


def _pattern(_tx: Tx, asked: Proposal) -> None:
    try:
        fte = Decimal(str(asked.details.get("fte")))
    except InvalidOperation:
        fte = Decimal(0)
    if not fte.is_finite() or not 0 < fte <= Decimal("1.5"):
        raise wrong("fte", "The working pattern must be more than 0 and at most 1.5 of full time")
    if fte == asked.enrolment.fte:
        raise wrong("fte", "This is their working pattern already")
    asked.details = {"fte": str(fte.quantize(Decimal("0.001")).normalize())}


def _hand_over(tx: Tx, asked: Proposal) -> None:
    """Who takes over: registered where the part asks for it, not on another side, and not the learner."""
    person_id = asked.details.get("person_id")
    person = tx.one(select(Person.__table__).where(Person.id == person_id)) if isinstance(person_id, int) else None
    if person is None or (person.leaving_on is not None and person.leaving_on < asked.from_on):
        raise wrong("person", "Enter the e-mail address or employee number of somebody who works here then")
    if person.id == asked.enrolment.person_id:
        raise wrong("person", "Nobody assesses or manages themselves", "own-assessor")
    side = tx.scalar(
        select(Involvement.side).where(Involvement.enrolment_id == asked.enrolment.id, Involvement.person_id == person.id).limit(1)
    )
    if side not in (None, Side.ASSESSING):
        raise Conflict(OTHER_SIDE, code="already-involved")
    if terms.registered(asked.definition, asked.kind) and not registered(person, asked.from_on):
        raise wrong("person", f"{person.name} is not known to be registered with Social Work England", "not-registered")
    if person.id == holder(tx, asked.enrolment.id, asked.kind, tx.today):
        raise wrong("person", f"{person.name} has this part already")
    asked.details = {"person_id": person.id, "name": person.name}


def _transfer(_tx: Tx, asked: Proposal) -> None:
    employer = normal(str(asked.details.get("employer") or ""))[:200]
    if not employer:
        raise wrong("employer", "Enter the name of the new employer")
    asked.details = {"employer": employer}


def _withdrawal(_tx: Tx, asked: Proposal) -> None:
    _reason(asked, "withdrawal")


_CHECKS: Mapping[str, Callable[[Tx, Proposal], None]] = {
    "pause": _pause,
    "extension": _within_maximum,
    "working_pattern": _pattern,
    "assessor": _hand_over,
    "line_manager": _hand_over,
    "transfer": _transfer,
    "withdrawal": _withdrawal,
}


# Whose agreement ---------------------------------------------------------------------------------------------------


def holder(tx: Tx, enrolment_id: int, capacity: str, on: date) -> int | None:
    """Who has a capacity on a day; the first of several."""
    found = tx.scalar(
        select(Involvement.person_id)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .where(Involvement.enrolment_id == enrolment_id, Capacity.capacity == capacity, Capacity.valid_from <= on, Capacity.valid_to > on)
        .order_by(Capacity.valid_from)
        .limit(1)
    )
    return None if found is None else int(found)


def holders(tx: Tx, enrolment_id: int, on: date) -> dict[str, int]:
    """Who has which capacity on a day."""
    rows = tx.rows(
        select(Capacity.capacity, Involvement.person_id)
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .where(Capacity.enrolment_id == enrolment_id, Capacity.valid_from <= on, Capacity.valid_to > on)
        .order_by(Capacity.valid_from.desc())
    )
    return {row.capacity: row.person_id for row in rows}


def offered(definition: terms.Definition) -> list[tuple[str, str]]:
    """The kinds of change that this version of a programme knows, as (code, words)."""
    named = {role["code"] for role in definition.get("roles", ())}
    known = {
        "pause": "pause" in definition and definition["pause"],
        "extension": definition.get("extension"),
        "transfer": definition.get("transfer"),
        "assessor": not named or "assessor" in named,
        "line_manager": not named or "line_manager" in named,
    }
    return [(kind, words) for kind, words in KINDS.items() if known.get(kind, True)]


def needs(tx: Tx, asked: Proposal) -> list[str]:
    """The capacities that must agree. One that nobody has is left out, and the Academy agrees instead.

    The version says who agrees to a pause, an extension, a transfer and a withdrawal. Ours: a new working pattern moves the plan as an
    extension does, so the same agree; a handover takes the learner, who hands over, who takes over, and the Academy.
    """
    learner = terms.learner(asked.definition)
    if asked.kind in HANDOVERS:
        wanted = [learner, asked.kind, "incoming", "coordinator"]
    elif asked.kind == "working_pattern":
        found = terms.agreed_by(asked.definition, "extension") or terms.agreed_by(asked.definition, "pause")
        wanted = list(found or (learner, "coordinator"))
    else:
        named = terms.agreed_by(asked.definition, asked.kind)
        if named is None and asked.kind != "withdrawal":
            raise Conflict(f"This programme has no change of this kind: {KINDS[asked.kind].lower()}.", code="change-not-offered")
        wanted = list(named or (learner, "coordinator"))
    there = holders(tx, asked.enrolment.id, tx.today)
    there[learner] = asked.enrolment.person_id
    missing = [capacity for capacity in wanted if capacity not in there and capacity not in ("coordinator", "incoming")]
    if missing and "coordinator" not in wanted:
        wanted.append("coordinator")
    return list(dict.fromkeys(capacity for capacity in wanted if capacity not in missing))


def _day(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
