"""Rules as in the reference data, and a team that follows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.tx import Actor, transaction
from app.frameworks.models import SupervisionRule
from tests.factory import Make

ASYE: dict[str, Any] = {
    "reflective_supervisor_registered": True,
    "counts": ["professional", "reflective", "case"],
    "supplementary": ["group_reflective"],
    "report_reflective_separately": True,
    "minutes_effect": "show_only",
    "minimum_minutes": 90,
    "periods": [
        {"from_day": 0, "to_day": 42, "every_days": 7, "label": "weekly"},
        {"from_day": 42, "to_month": 6, "every_days": 14, "label": "fortnightly"},
        {"from_month": 6, "to_month": None, "every_months": 1, "label": "monthly"},
    ],
}
MONTHLY: dict[str, Any] = {"periods": [{"every_months": 1, "label": "at least monthly", "proportionate": True}]}
FOUR_WEEKLY: dict[str, Any] = {"periods": [{"every_days": 28, "label": "four-weekly"}]}


def publish(make: Make, code: str = "SUP-ASYE", definition: dict[str, Any] | None = None) -> int:
    """A published rule; its id."""
    with make.tx() as tx:
        given = dict(code=code, version="1", title="Supervision in the assessed year", state="published")
        return tx.insert(SupervisionRule, definition=definition or ASYE, **given)


@dataclass
class Team:
    """A manager with two newly qualified social workers, an assessor of the first, a coordinator and a stranger."""

    make: Make
    manager: Any
    callum: Any
    dana: Any
    assessor: Any
    coordinator: Any
    stranger: Any
    rule: int

    def acting(self, person: Any) -> Any:
        """A transaction of this person's, with the roles that follow from the data and those they hold."""
        roles = {
            self.manager.id: (("practitioner", None), ("line manager", None)),
            self.assessor.id: (("practitioner", None), ("assessor", None)),
            self.coordinator.id: (("practitioner", None), ("coordinator", None)),
        }.get(person.id, (("practitioner", None),))
        return transaction(self.make.database, Actor("person", person.id, person.name, roles), writes=True)


def team(make: Make) -> Team:
    """With the rule of the assessed year published; nobody follows it yet."""
    registered: dict[str, Any] = dict(registration_status="registered", registered_from=date(2015, 1, 1))
    manager = make.person("Moira Manager", swe_number="SW900101", **registered)
    assessor = make.person("Asa Assessor", swe_number="SW900102", **registered)
    callum, dana = (make.person(name, manager=manager.id) for name in ("Callum Reid", "Dana Cole"))
    make.assessor(assessor.id, callum.id)
    coordinator = make.person("Cora Coordinator", roles=("coordinator",))
    return Team(make, manager, callum, dana, assessor, coordinator, make.person("Stan Stranger"), publish(make))
