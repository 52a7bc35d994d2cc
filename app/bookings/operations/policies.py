"""The council's figures for booking, its classes in queues, and its reasons for cancelling: changed as data, nothing lost.

Figures are never overwritten: each change is a new row, and the newest is in force. Rules and reasons are switched off, not deleted, since
bookings name them; what they were before is in the audit trail.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import func, select

from app.bookings.operations.reasons import OTHER
from app.bookings.policy_models import BookingPolicy, CancelReason, PriorityRule
from app.bookings.terms import FIELDS
from app.bookings.terms import policy as figures
from app.core.db import is_postgresql
from app.core.errors import Changed, Conflict, NotFound
from app.core.forms import Problems
from app.core.text import normal, slug
from app.core.tx import Tx
from app.learning.models import CourseKind
from app.people.models import CareerStage, Group
from app.policy import Can, operation

# Least and most of each figure, in the unit of its column.
LIMITS: dict[str, tuple[int, int]] = {
    "day_starts": (0, 1439),
    "day_ends": (1, 1440),
    "offer_minutes": (60, 60 * 8 * 20),
    "offer_least_minutes": (0, 60 * 8),
    "offer_most_days": (1, 60),
    "cut_off_minutes": (0, 60 * 24 * 14),
    "approval_days": (1, 60),
    "chase_days": (1, 60),
    "reservation_days": (1, 120),
    "impact_weeks": (1, 52),
    "check_in_before": (0, 240),
    "check_in_seconds": (20, 600),
    "late_days": (0, 60),
    "late_pence": (0, 1_000_000),
    "absent_pence": (0, 1_000_000),
    "appeal_days": (1, 60),
    "suppress_below": (1, 100),
    "programme_chase_days": (1, 60),
    "programme_long_days": (1, 365),
}
CHARGES = ("none", "cost", "fixed")
CLASSES = (1, 2, 3, 4, 6, 7, 8, 9)  # 5 is the usual class
RULE_KINDS = ("stage", "group", "expiry")


@operation(Can.MANAGE_SESSIONS)
def set_policy(tx: Tx, *, read_id: int | None, **values: Any) -> int | None:
    """Put figures in force from now on; those left out stay. Returns the new row's id, None where nothing differs.

    `read_id` is the policy that the figures were read from (None: as shipped); Changed if another has come into force since.
    """
    strange = set(values) - set(FIELDS) - {"id"}
    if strange:
        raise TypeError(f"a booking policy has no {', '.join(sorted(strange))}")
    if is_postgresql(tx.db):  # two changes at once: the second sees the first
        tx.db.exec_driver_sql("LOCK TABLE booking_policies IN SHARE ROW EXCLUSIVE MODE")
    old = figures(tx)
    if old.id != read_id:
        raise Changed("Somebody changed the figures since you opened them.", way_out="Look at them again and repeat your change.")
    new = {name: getattr(old, name) for name in FIELDS if name != "id"} | values
    _check(new)
    changed = {name: [getattr(old, name), value] for name, value in new.items() if getattr(old, name) != value}
    if not changed:
        return None
    policy_id = tx.insert(BookingPolicy, recorded_at=tx.now, recorded_by=tx.actor.person_id, **new)
    tx.memo.pop("booking policy", None)
    tx.record("policy.changed", "booking_policies", policy_id, changed=changed)
    return policy_id


def _check(new: dict[str, Any]) -> None:
    problems = Problems()
    for name, (least, most) in LIMITS.items():
        if new[name] is None or not least <= new[name] <= most:
            problems.add(name, f"This must be between {least:,} and {most:,}")
    if not problems.errors and new["day_starts"] >= new["day_ends"]:
        problems.add("day_ends", "The working day must end after it starts")
    for name in ("late_charge", "absent_charge"):
        if new[name] not in CHARGES:
            problems.add(name, "Choose what is charged")
        elif new[name] == "fixed" and not new[name.replace("charge", "pence")]:
            problems.add(name.replace("charge", "pence"), "Enter the amount that is charged")
    days = str(new["reminder_days"]).replace(" ", "")
    found = re.fullmatch(r"(\d{1,2})(,\d{1,2}){0,4}", days) if days else None
    if days and (found is None or any(not 1 <= int(day) <= 60 for day in days.split(","))):
        problems.add("reminder_days", "Enter days from 1 to 60 with commas between them, like 7, 1; at most five")
    else:
        new["reminder_days"] = ",".join(str(day) for day in sorted({int(day) for day in days.split(",")}, reverse=True)) if days else ""
    problems.raise_any()


# Classes in queues -------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_SESSIONS)
def save_rule(tx: Tx, rule_id: int | None, version: int | None = None, **values: Any) -> int:
    """A new rule (no id) or a changed one; returns its id. It counts for whoever joins a queue from now on, not for those who wait.

    `values`: priority, title, because, kind, stages (list of codes), group_id, days, course_kinds (list), active.
    """
    row = _rule(tx, values)
    if rule_id is None:
        rule_id = tx.insert(PriorityRule, **row)
        tx.record("priority-rule.created", "priority_rules", rule_id, **row)
        return rule_id
    old = tx.get(PriorityRule, rule_id, lock=True, what="rule")
    if version is not None and old.version != version:
        raise Changed("Somebody changed this rule since you opened it.", way_out="Look at it again and repeat your change.")
    changed = {name: [getattr(old, name), value] for name, value in row.items() if getattr(old, name) != value}
    if changed:
        tx.update(PriorityRule, rule_id, **row, version=old.version + 1)
        tx.record("priority-rule.changed", "priority_rules", rule_id, changed=changed)
    return rule_id


def _rule(tx: Tx, given: dict[str, Any]) -> dict[str, Any]:
    """The columns of a rule, or Invalid with every field that is wrong; what its kind does not ask for is empty."""
    problems = Problems()
    kind = given.get("kind")
    title, because = normal(given.get("title") or ""), normal(given.get("because") or "")
    if given.get("priority") not in CLASSES:
        problems.add("priority", "Choose the class")
    if not 3 <= len(title) <= 80:
        problems.add("title", "Enter a name, up to 80 characters")
    if not 3 <= len(because) <= 200:
        problems.add("because", "Say to the person why, in up to 200 characters")
    if kind not in RULE_KINDS:
        problems.add("kind", "Choose whom it is for")
    stages, kinds = list(given.get("stages") or ()), list(given.get("course_kinds") or ())
    known = tx.db.execute(select(CareerStage.code).where(CareerStage.code.in_(stages)).order_by(CareerStage.rank)).scalars().all()
    if kind == "stage" and (not stages or set(stages) - set(known)):
        problems.add("stages", "Choose the career stages")
    if kind == "group" and tx.scalar(select(Group.id).where(Group.id == (given.get("group_id") or 0))) is None:
        problems.add("group_id", "Choose the group")
    days = given.get("days")
    if kind == "expiry" and (days is None or not 0 <= days <= 366):
        problems.add("days", "Enter days from 0 to 366")
    if set(kinds) - {one.value for one in CourseKind}:
        problems.add("course_kinds", "Choose kinds of course from the list")
    problems.raise_any()
    return dict(
        priority=given["priority"],
        title=title,
        because=because,
        kind=kind,
        stages=",".join(known) if kind == "stage" else "",
        group_id=given["group_id"] if kind == "group" else None,
        days=days if kind == "expiry" else None,
        course_kinds=",".join(one.value for one in CourseKind if one.value in kinds),
        active=bool(given.get("active", True)),
    )


# Reasons for cancelling --------------------------------------------------------------------------------------------


@operation(Can.MANAGE_SESSIONS)
def save_reason(tx: Tx, code: str | None, *, title: str, excuses: bool, active: bool = True) -> str:
    """A new reason (no code) or a changed one; returns its code. "Something else" cannot be switched off: not every reason is on a list."""
    title = normal(title)
    problems = Problems()
    if not 3 <= len(title) <= 80:
        problems.add("title", "Enter the reason, up to 80 characters")
    clash = select(CancelReason.code).where(func.lower(CancelReason.title) == title.lower(), CancelReason.code != (code or ""))
    if not problems.errors and tx.scalar(clash) is not None:
        problems.add("title", "There is already a reason with these words")
    problems.raise_any()
    if code is None:
        position = tx.scalar(select(func.coalesce(func.max(CancelReason.position), 0))) + 1
        code = _free_code(tx, title)
        tx.insert_many(CancelReason, [dict(code=code, title=title, excuses=excuses, position=position, active=active)])
        tx.record("cancel-reason.created", "cancel_reasons", None, code=code, title=title, excuses=excuses)
        return code
    old = tx.one(select(CancelReason.__table__).where(CancelReason.code == code))
    if old is None:
        raise NotFound("There is no reason with that reference.", code="reason-not-found")
    if code == OTHER and not active:
        raise Conflict("“Something else” has to stay: not every reason is on the list.", code="reason-needed")
    new = dict(title=title, excuses=excuses, active=active)
    changed = {name: [getattr(old, name), value] for name, value in new.items() if getattr(old, name) != value}
    if changed:
        tx.db.execute(CancelReason.__table__.update().where(CancelReason.code == code).values(**new))
        tx.record("cancel-reason.changed", "cancel_reasons", None, code=code, changed=changed)
    return code


def _free_code(tx: Tx, title: str) -> str:
    """The title as a code that no other reason has."""
    made = slug(title)[:40] or "reason"
    taken = set(tx.db.execute(select(CancelReason.code)).scalars())
    number = 1
    while (code := made if number == 1 else f"{made}-{number}") in taken:
        number += 1
    return code
