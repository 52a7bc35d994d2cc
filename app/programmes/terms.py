"""What the version of a programme says about enrolments: who may take part, who must agree to what, how long it may take.

Everything is read from the definition (app.frameworks.schema) of the version to which the enrolment is pinned: no rule stands in code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from app.programmes.models import CAPACITIES, Side

Definition = Mapping[str, Any]
PRO_RATA, AS_FULL_TIME = "pro rata", "as full time"
TITLES = {  # where a version gives no title of its own
    "nqsw": "Newly qualified social worker",
    "apprentice": "Apprentice",
    "participant": "Participant",
    "assessor": "Assessor",
    "line_manager": "Line manager",
    "observer": "Observer",
    "other_professional": "Other professional",
    "employer": "Employer",
    "provider": "Training provider",
    "mentor": "Mentor",
    "chair": "Chair of the panel",
    "panel_member": "Panel member",
    "external_moderator": "External moderator",
    "coordinator": "Academy coordinator",
    "incoming": "Whoever takes over",
}


def capacities(definition: Definition, side: Side) -> list[str]:
    """The capacities of one side that this version knows, in its order; those of every programme if it names none."""
    named = [role["code"] for role in definition.get("roles", ()) if CAPACITIES.get(role["code"]) is side]
    return named or [name for name, at in CAPACITIES.items() if at is side]


def learner(definition: Definition) -> str:
    """The capacity in which somebody learns on this programme."""
    return capacities(definition, Side.LEARNER)[0]


def title(definition: Definition, capacity: str) -> str:
    """A capacity in the version's words: "Newly qualified social worker"."""
    named = {role["code"]: role["title"] for role in definition.get("roles", ())}
    return str(named.get(capacity) or TITLES.get(capacity) or capacity.replace("_", " ").capitalize())


def registered(definition: Definition, capacity: str) -> bool:
    """Must whoever has this capacity be registered with Social Work England?"""
    return any(role["code"] == capacity and role.get("registered") for role in definition.get("roles", ()))


def part_time(definition: Definition) -> str:
    """How months pass for somebody who works part time: "pro rata" or "as full time". A local choice; there is no national rule."""
    return str(definition.get("part_time") or PRO_RATA)


def maximum_months(definition: Definition) -> int | None:
    """The longest the programme may take, pauses not counted; None: no limit is set."""
    found = (definition.get("extension") or {}).get("maximum_months")
    return int(found) if found else None


def slowest(definition: Definition, nominal_months: int) -> Fraction:
    """The least speed of the clock: at it the programme takes as long as it may."""
    longest = maximum_months(definition)
    return Fraction(min(nominal_months, longest), longest) if longest else Fraction(0)


def reasons(definition: Definition, kind: str) -> list[tuple[str, str]]:
    """The reasons to choose from for a kind of change, as (code, title); empty: a reason in words is enough."""
    return [(each["code"], each["title"]) for each in (definition.get(kind) or {}).get("reasons", ())]


def not_for(definition: Definition) -> list[tuple[str, str]]:
    """For what the clock never stands still, as (code, title)."""
    return [(each["code"], each["title"]) for each in (definition.get("pause") or {}).get("not_for", ())]


def agreed_by(definition: Definition, kind: str) -> Sequence[str] | None:
    """Whose agreement a pause, an extension, a transfer or a withdrawal takes; None: this programme has no such change."""
    found = definition.get(kind)
    return tuple(found["agreed_by"]) if found else None
