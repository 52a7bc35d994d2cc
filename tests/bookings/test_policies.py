"""The council's figures, classes and reasons as data: checked, kept with their history. On both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import priority
from app.bookings.operations import policies
from app.bookings.policy_models import BookingPolicy, CancelReason, PriorityRule
from app.bookings.terms import policy
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, transaction
from tests.factory import Make

COORDINATOR = (("practitioner", None), ("coordinator", None))


def acting(make: Make, person: Any, roles: Any = COORDINATOR) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, roles), writes=True)


def test_figures_are_added_never_overwritten(make: Make, ledger: Any) -> None:
    cai = make.person("Cai")
    with acting(make, cai) as tx:
        assert policies.set_policy(tx, read_id=None) is None  # nothing differs
        first = policies.set_policy(tx, read_id=None, approval_days=7, reminder_days="1, 14,7")
        assert (policy(tx).id, policy(tx).approval_days, policy(tx).reminder_days) == (first, 7, "14,7,1")
    with pytest.raises(Changed), acting(make, cai) as tx:
        policies.set_policy(tx, read_id=None, approval_days=9)
    with acting(make, cai) as tx:
        policies.set_policy(tx, read_id=first, late_charge="fixed", late_pence=500)
        assert policy(tx).approval_days == 7
    assert [row.approval_days for row in make.rows(select(BookingPolicy.__table__).order_by(BookingPolicy.id))] == [7, 7]
    assert ledger.entries("policy.changed")[0].facts["changed"] == {"approval_days": [5, 7], "reminder_days": ["7,1", "14,7,1"]}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"approval_days": 0}, "approval_days"),
        ({"approval_days": None}, "approval_days"),
        ({"offer_minutes": 10**9}, "offer_minutes"),
        ({"day_starts": 1000, "day_ends": 900}, "day_ends"),
        ({"late_charge": "a goat"}, "late_charge"),
        ({"late_charge": "fixed"}, "late_pence"),
        ({"reminder_days": "soon"}, "reminder_days"),
        ({"reminder_days": "90"}, "reminder_days"),
        ({"check_in_seconds": 5}, "check_in_seconds"),
    ],
)
def test_impossible_figures_are_refused_beside_their_field(make: Make, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as wrong, acting(make, make.person("Cai")) as tx:
        policies.set_policy(tx, read_id=None, **values)
    assert [error["field"] for error in wrong.value.errors] == [field]
    assert make.rows(select(BookingPolicy.id)) == []


def test_only_those_who_manage_sessions_set_the_councils_figures(make: Make) -> None:
    with pytest.raises(Forbidden), acting(make, make.person("Ann"), (("practitioner", None), ("line manager", None))) as tx:
        policies.set_policy(tx, read_id=None, approval_days=7)


def test_a_rule_gives_a_class_until_it_is_switched_off(make: Make, ledger: Any) -> None:
    cai, ann, course = make.person("Cai"), make.person("Ann", stage="NQSW"), make.course()
    with make.tx() as tx:
        tx.db.execute(PriorityRule.__table__.delete())
    rule: dict[str, Any] = dict(
        priority=3, title="First years", because="you are in your first year", kind="stage", stages=["NQSW"], course_kinds=[]
    )
    with acting(make, cai) as tx:
        key = policies.save_rule(tx, None, **rule)
        assert priority.of(tx, ann.id, course.id) == (3, "you are in your first year")
        policies.save_rule(tx, key, 1, **{**rule, "active": False})
        assert priority.of(tx, ann.id, course.id) == (5, None)
    with pytest.raises(Changed), acting(make, cai) as tx:
        policies.save_rule(tx, key, 1, **rule)
    assert ledger.entries("priority-rule.changed")[0].facts["changed"] == {"active": [True, False]}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"priority": 5}, "priority"),
        ({"title": ""}, "title"),
        ({"because": "x" * 201}, "because"),
        ({"kind": "stage", "stages": []}, "stages"),
        ({"kind": "stage", "stages": ["NOBODY"]}, "stages"),
        ({"kind": "group", "group_id": 999}, "group_id"),
        ({"kind": "expiry", "days": None}, "days"),
        ({"kind": "luck"}, "kind"),
        ({"course_kinds": ["dancing"]}, "course_kinds"),
    ],
)
def test_impossible_rules_are_refused_beside_their_field(make: Make, values: dict[str, Any], field: str) -> None:
    rule: dict[str, Any] = dict(priority=2, title="Soon out of date", because="yours runs out soon", kind="expiry", days=30)
    with pytest.raises(Invalid) as wrong, acting(make, make.person("Cai")) as tx:
        policies.save_rule(tx, None, **{**rule, **values})
    assert [error["field"] for error in wrong.value.errors] == [field]


def test_reasons_are_added_renamed_and_switched_off(make: Make) -> None:
    cai = make.person("Cai")
    with acting(make, cai) as tx:
        code = policies.save_reason(tx, None, title="Jury service", excuses=True)
        assert code == "jury-service"
        policies.save_reason(tx, code, title="On a jury", excuses=True)
        policies.save_reason(tx, "leave", title="Leave", excuses=False, active=False)
        with pytest.raises(Conflict, match="has to stay"):
            policies.save_reason(tx, "other", title="Something else", excuses=False, active=False)
        with pytest.raises(Invalid, match="already a reason"):
            policies.save_reason(tx, None, title="on a JURY", excuses=False)
        with pytest.raises(NotFound):
            policies.save_reason(tx, "nonsense", title="Nonsense", excuses=False)
    rows = {row.code: row for row in make.rows(select(CancelReason.__table__))}
    assert (rows["jury-service"].title, rows["jury-service"].excuses, rows["leave"].active) == ("On a jury", True, False)
    assert rows["jury-service"].position == max(row.position for row in rows.values())
