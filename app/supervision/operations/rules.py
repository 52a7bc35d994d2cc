"""By which rule somebody's supervision falls due, and when its clock stands still. Programmes call these; no page does.

They ask for no permission of their own: whoever enrols, pauses or extends has been checked there. What was believed before stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks import queries as frameworks
from app.frameworks.models import SupervisionRule
from app.people.models import Person
from app.people.periods import replace_period
from app.supervision.models import SupervisionPause, SupervisionTerm

AGREED: dict[str, tuple[int, int]] = {  # what may be agreed beside the rule, and its least and most
    "minimum_minutes": (1, 600),
    "protected_time_percent": (0, 100),  # of the hours of the contract
    "workload_percent": (1, 100),  # of what a confident colleague carries
    "caseload_most": (0, 200),  # children
    "week_hours": (1, 60),  # a full-time week, where it is not the usual one
}


def set_rule(
    tx: Tx,
    person_id: int,
    rule_id: int,
    from_: date,
    to: date = FOREVER,
    *,
    subject: str | None = None,
    anchor: date | None = None,
    agreed: Mapping[str, int] | None = None,
) -> None:
    """Their supervision follows this rule from a day up to, but not including, another; `anchor` (else `from_`) is day 0 of the rule.

    Enrolling calls it, and so do extending and shortening, with the same `from_` and `anchor` and another `to`: what stood for the same
    `subject` ("enrolment:12") from `from_` on is replaced. Other rules give way in the period. `agreed` is what was promised beside the
    rule (`AGREED`): percent, minutes, children. Conflict for a rule that is not published; Invalid for what cannot be agreed.
    """
    _lock(tx, person_id)
    rule = tx.get(SupervisionRule, rule_id, what="supervision rule")
    if rule.state == "draft":
        raise Conflict("This supervision rule is a draft: publish it first.", code="rule-not-published")
    if to <= from_:
        raise Invalid("The rule would end before it begins.", code="period-empty")
    _check(agreed or {})
    if subject is not None:
        replace_period(tx, SupervisionTerm, {"person_id": person_id, "subject": subject}, from_, FOREVER, None)
    values: dict[str, Any] = dict(rule_id=rule_id, subject=subject, anchor=anchor or from_, agreed=dict(agreed) if agreed else None)
    replace_period(tx, SupervisionTerm, {"person_id": person_id}, from_, to, values)
    facts: dict[str, Any] = dict(
        rule=rule.code, version=rule.version, valid_from=from_.isoformat(), valid_to=to.isoformat(), subject_of=subject
    )
    tx.record("supervision.rule-set", "people", person_id, person_id=person_id, **facts)


def end_rule(tx: Tx, person_id: int, subject: str, on: date) -> None:
    """From this day on the rule of this subject no longer applies: they withdrew, moved away or have finished."""
    _lock(tx, person_id)
    replace_period(tx, SupervisionTerm, {"person_id": person_id, "subject": subject}, on, FOREVER, None)
    tx.record("supervision.rule-ended", "people", person_id, person_id=person_id, valid_to=on.isoformat(), subject_of=subject)


def pause(tx: Tx, person_id: int, from_: date, to: date = FOREVER, *, subject: str | None = None) -> None:
    """The clock stands still from a day up to, but not including, another (FOREVER: nobody knows until when): nothing falls due then, and
    everything later moves by as many days."""
    _lock(tx, person_id)
    if to <= from_:
        raise Invalid("The pause would end before it begins.", code="period-empty")
    replace_period(tx, SupervisionPause, {"person_id": person_id}, from_, to, {"subject": subject})
    facts: dict[str, Any] = dict(valid_from=from_.isoformat(), valid_to=to.isoformat(), subject_of=subject)
    tx.record("supervision.paused", "people", person_id, person_id=person_id, **facts)


def resume(tx: Tx, person_id: int, on: date, *, subject: str | None = None) -> None:
    """The clock runs again from this day; pauses of the same subject that begin later are taken back."""
    _lock(tx, person_id)
    keys: dict[str, Any] = {"person_id": person_id} if subject is None else {"person_id": person_id, "subject": subject}
    replace_period(tx, SupervisionPause, keys, on, FOREVER, None)
    tx.record("supervision.resumed", "people", person_id, person_id=person_id, valid_from=on.isoformat(), subject_of=subject)


def _lock(tx: Tx, person_id: int) -> None:
    tx.get(Person, person_id, lock=True, what="person")


def _check(agreed: Mapping[str, int]) -> None:
    for name, value in agreed.items():
        least, most = AGREED.get(name, (0, -1))
        if not least <= value <= most:
            raise Invalid(f"“{name.replace('_', ' ')}” cannot be agreed as {value!r}.", code="agreed-wrong")


def published(tx: Tx, code: str) -> int | None:
    """The id of the newest published version of a rule, None if there is none."""
    row = frameworks.rule(tx, code)
    return None if row is None else int(row.id)
