"""Verbs about renewal: ticking what is done with the regulator, taking it back, and loading the rules."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import select

from app.core.calendar import long_date
from app.core.errors import Conflict, Invalid, NotFound
from app.core.listing import Closed
from app.core.text import search_words, tidy
from app.core.tx import Tx
from app.learning import renewal
from app.learning.renewal_models import STEPS, RenewalRule, RenewalTick
from app.learning.renewal_rules import year_of
from app.policy import Can, operation

LONGEST = 200  # characters of a piece's title
MOST = 20  # pieces of CPD that somebody can tick in a year


@operation(Can.RENEW)
def tick(tx: Tx, step: str, done_on: date | None = None, *, first_id: int | None = None, words: str = "", with_peer: bool = False) -> int:
    """The actor says that this is done with the regulator: the form, the fee, or a piece of CPD.

    A piece is one of their own learning records (`first_id`), or one that is not kept here, by a title of their own (`words`). It counts
    for the registration year that runs today. Conflict for somebody without a registration, and before renewal opens for form and fee.
    """
    assert tx.actor.person_id is not None
    year = year_of(tx, tx.today)
    if renewal.mine(tx, year) is None:
        raise Conflict(
            "There is no registration to renew.",
            code="not-registered",
            way_out="If you are registered, ask HR to add your registration number.",
        )
    day = done_on or tx.today
    _right(tx, year.starts, step, day, tidy(words), first_id)
    if step != "cpd" and tx.today < year.opens:
        raise Conflict(f"Renewal opens on {long_date(year.opens)}.", code="renewal-not-open")
    if first_id is not None:
        renewal.piece(tx, first_id)
    if step == "cpd" and sum(row.step == "cpd" for row in renewal.ticked(tx, year)) >= MOST:
        raise Conflict(f"You have ticked {MOST} pieces, which is more than the regulator asks for.", code="enough-pieces")
    tick_id = tx.insert(
        RenewalTick,
        person_id=tx.actor.person_id,
        year=year.starts,
        step=step,
        first_id=first_id if step == "cpd" else None,
        words=tidy(words) if step == "cpd" and first_id is None else None,
        with_peer=with_peer and step == "cpd",
        done_on=day,
        recorded_at=tx.now,
    )
    tx.record("renewal.ticked", "renewal_ticks", tick_id, person_id=tx.actor.person_id, step=step)
    return tick_id


def _right(tx: Tx, since: date, step: str, day: date, words: str, first_id: int | None) -> None:
    errors = []
    if step not in STEPS:
        errors.append({"field": "words", "message": "Say what is done: the form, the fee or a piece of CPD"})
    if not since <= day <= tx.today:
        errors.append({"field": "done_on", "message": f"The day must be from {long_date(since)} to today"})
    if step == "cpd" and first_id is None and not search_words(words):
        errors.append({"field": "words", "message": "Enter what the piece is called"})
    if len(words) > LONGEST:
        errors.append({"field": "words", "message": f"The title must be {LONGEST} characters or fewer"})
    if errors:
        raise Invalid(errors[0]["message"] + ".", errors=errors)


@operation(Can.RENEW)
def untick(tx: Tx, tick_id: int) -> None:
    """Take one of one's own ticks back: it was not done after all. That it was ticked stays on record."""
    row = tx.one(select(RenewalTick.__table__).where(RenewalTick.id == tick_id, RenewalTick.person_id == tx.actor.person_id))
    if row is None:
        raise NotFound("There is no such tick of yours.", code="tick-not-found")
    if row.superseded_at is not None:
        raise Conflict("You have taken this back already.", code="already-taken-back")
    tx.update(RenewalTick, tick_id, superseded_at=tx.now)
    tx.record("renewal.unticked", "renewal_ticks", tick_id, person_id=tx.actor.person_id, step=row.step)


# Rules ---------------------------------------------------------------------------------------------------------------

MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$")]
Words = Annotated[str, Field(min_length=1, max_length=1000)]


class Joiners(Closed):
    """What those are told who joined the register after renewal opened: from this month and day on."""

    model_config = ConfigDict(populate_by_name=True)
    from_: MonthDay = Field(alias="from")
    words: Words


class Rule(Closed):
    """One rule of a file; the columns of `RenewalRule`."""

    first_year: date
    opens: MonthDay
    items: int = Field(ge=0, le=20)
    with_peer: int = Field(ge=0, le=20)
    fee_pence: int | None = Field(None, gt=0)
    joiners: Joiners | None = None
    reminders: list[Annotated[int, Field(gt=0, lt=365)]]
    source: Words
    verified: bool

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.with_peer > self.items:
            raise ValueError("there cannot be more pieces with peer reflection than pieces")
        if (self.first_year.month, self.first_year.day) == (2, 29):
            raise ValueError("a registration year cannot begin on 29 February")
        return self


class RuleFile(Closed):
    """A file of rules, such as seed/reference/renewal.yaml."""

    renewal_rules: list[Rule] = Field(min_length=1)


def load_rules(tx: Tx, given: Any) -> list[date]:
    """Add the rules of a file; returns the first years of those that are new or changed.

    Invalid for a file of another form, and for a rule that says something else of a year that has begun: what was asked of people stays.
    """
    try:
        listed = RuleFile.model_validate(given).renewal_rules
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{where or 'The file'}: {first['msg']}.") from wrong
    known = {row.first_year: row for row in tx.rows(select(RenewalRule.__table__))}
    loaded = []
    for rule in listed:
        row = rule.model_dump(exclude={"joiners"})
        row |= dict(joiners_from=rule.joiners.from_ if rule.joiners else None, joiners_words=rule.joiners.words if rule.joiners else None)
        old = known.get(rule.first_year)
        if old is not None and all(getattr(old, name) == value for name, value in row.items()):
            continue
        if rule.first_year <= tx.today:
            raise Invalid(f"The year from {long_date(rule.first_year)} has begun, so its rule can no longer change.")
        if old is None:
            rule_id = tx.insert(RenewalRule, **row)
        else:
            rule_id = old.id
            tx.update(RenewalRule, rule_id, **row)
        tx.record("renewal-rule.loaded", "renewal_rules", rule_id, first_year=rule.first_year.isoformat())
        loaded.append(rule.first_year)
    return loaded
