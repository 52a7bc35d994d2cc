"""The rule that a part of the organisation follows where no programme says otherwise: the council's own, as data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from app import policy
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.frameworks.models import SupervisionRule
from app.people.models import Unit
from app.people.periods import replace_period
from app.policy import Can, operation
from app.supervision.action_models import SupervisionDefault

FEWEST_DAYS = 28  # of a window; what a part's rule may ask for at most, as `queries.LATELY` takes for granted


@operation(Can.MANAGE_FRAMEWORKS)
def set_standing(tx: Tx, unit_id: int, rule_id: int | None, from_: date) -> None:
    """From a day on, everybody in this part of the organisation without a programme's rule follows this one; None: none of its own.

    The day may be past: supervision is due by it from then on, never before. NotFound for a part out of reach, Conflict for a rule that is
    not published, or asks for more than one supervision in four weeks.
    """
    unit = tx.get(Unit, unit_id, lock=True, what="part of the organisation")
    if not policy.covers(tx, Can.MANAGE_FRAMEWORKS, unit.id):
        raise NotFound("There is no such part of the organisation, or it is not yours.", code="unit-not-found")
    if not date(2000, 1, 1) <= from_ < FOREVER:
        message = "The day must be in the year 2000 or later"
        raise Invalid(message + ".", errors=[{"field": "from", "message": message}])
    values: dict[str, Any] | None = None
    facts: dict[str, Any] = dict(valid_from=from_.isoformat())
    if rule_id is not None:
        rule = tx.get(SupervisionRule, rule_id, what="supervision rule")
        if rule.state != "published":
            raise Conflict("Only a published rule can apply.", code="rule-not-published")
        if _shortest(rule.definition) < FEWEST_DAYS:
            raise Conflict(
                "This rule asks for supervision more often than every four weeks: it is a programme’s, not everybody’s.",
                code="rule-too-short",
                way_out="Choose a rule that is monthly or four-weekly.",
            )
        values = dict(rule_id=rule.id, recorded_by=tx.actor.person_id)
        facts |= dict(rule=rule.code, version=rule.version)
    replace_period(tx, SupervisionDefault, {"unit_id": unit.id}, from_, FOREVER, values)
    tx.record("supervision.standing-rule", "units", unit.id, **facts)


def _shortest(definition: Mapping[str, Any]) -> int:
    """How many days the shortest window of a rule has, a month taken as its shortest."""
    return min(
        FEWEST_DAYS * int(each["every_months"]) if each.get("every_months") else int(each["every_days"]) for each in definition["periods"]
    )


def standing(tx: Tx) -> list[Any]:
    """The rules that apply today and those to come, by part of the organisation: unit, rule, since, until."""
    return list(
        tx.rows(
            select(
                Unit.id,
                Unit.name,
                Unit.kind,
                SupervisionRule.id.label("rule_id"),
                SupervisionRule.title,
                SupervisionRule.version,
                SupervisionDefault.valid_from,
                SupervisionDefault.valid_to,
            )
            .join(SupervisionDefault, SupervisionDefault.unit_id == Unit.id)
            .join(SupervisionRule, SupervisionRule.id == SupervisionDefault.rule_id)
            .where(SupervisionDefault.superseded_at.is_(None), SupervisionDefault.valid_to > tx.today)
            .order_by(Unit.name, Unit.id, SupervisionDefault.valid_from)
        )
    )
