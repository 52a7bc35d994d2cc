"""Recording supervision: who may, what is refused, and that nothing recorded is ever overwritten."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from app.core.errors import Conflict, Invalid, NotFound, Refusal
from app.core.tx import Actor, transaction
from app.people import operations as people
from app.people.models import Duty, Person
from app.supervision import operations
from app.supervision.models import Caseload, ProtectedTime, Supervision, Supervisor
from app.supervision.operations import New, supervising
from tests.conftest import Ledger
from tests.factory import Make
from tests.supervision.rules import Team, team


@pytest.fixture
def us(make: Make) -> Team:
    return team(make)


def day(tx: Any, ago: int = 1) -> date:
    return tx.today - timedelta(days=ago)  # type: ignore[no-any-return]


def test_a_manager_records_and_it_is_confirmed_by_that(us: Team, ledger: Ledger) -> None:
    ledger.start()
    with us.acting(us.manager) as tx:
        key = operations.record(tx, us.callum.id, day(tx), "reflective", 90, [us.manager.id], "in_person")
    row = us.make.row(Supervision, key)
    assert (row.person_id, row.kind, row.minutes, row.recorded_by, row.superseded_at) == (
        us.callum.id,
        "reflective",
        90,
        us.manager.id,
        None,
    )
    [by] = us.make.rows(select(Supervisor.__table__))
    assert (by.person_id, by.registered, by.supervised_id, by.held_on, by.live) == (us.manager.id, True, us.callum.id, row.held_on, True)
    assert ledger.actions() == ["supervision.recorded"]


def test_registration_is_that_of_the_day(us: Team) -> None:
    late = us.make.person("Lee Late", swe_number="SW900109", registration_status="registered", registered_from=date(2026, 1, 1))
    with us.acting(us.manager) as tx:
        operations.record(tx, us.callum.id, date(2025, 12, 31), "reflective", 60, [late.id])
        operations.record(tx, us.callum.id, date(2026, 1, 1), "reflective", 60, [late.id])
        operations.record(tx, us.callum.id, date(2026, 1, 2), "reflective", 60, [us.dana.id])
    rows = us.make.rows(select(Supervisor.registered).order_by(Supervisor.held_on))
    assert [row.registered for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("who", "may"), [("manager", True), ("assessor", True), ("callum", True), ("coordinator", False), ("stranger", False)]
)
def test_who_may_record(us: Team, who: str, may: bool) -> None:
    def attempt() -> None:
        with us.acting(getattr(us, who)) as tx:
            operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])

    if may:
        attempt()
    else:
        with pytest.raises(NotFound):
            attempt()


def test_several_are_recorded_together_or_not_at_all(us: Team) -> None:
    new = [New(person.id, date(2026, 1, 5), "case", 60, (us.assessor.id,)) for person in (us.callum, us.dana)]
    with pytest.raises(NotFound), us.acting(us.assessor) as tx:
        operations.record_many(tx, new)  # the assessor has nothing to do with Dana
    assert us.make.rows(select(Supervision.id)) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"held_on": date(2190, 1, 1)}, "held_on"),
        ({"held_on": date(1999, 12, 31)}, "held_on"),
        ({"kind": "chat"}, "kind"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 601}, "minutes"),
        ({"place": "the pub"}, "place"),
        ({"supervisor_ids": []}, "supervisor"),
        ({"supervisor_ids": ["me"]}, "supervisor"),
        ({"supervisor_ids": [987654]}, "supervisor"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(us: Team, change: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"held_on": date(2026, 1, 5), "kind": "case", "minutes": 60, "supervisor_ids": [us.manager.id], **change}
    given["supervisor_ids"] = [us.callum.id if key == "me" else key for key in given["supervisor_ids"]]
    with pytest.raises(Invalid) as refused, us.acting(us.manager) as tx:
        operations.record(tx, us.callum.id, **given)
    assert [error["field"] for error in refused.value.errors] == [field]


def refused(us: Team, by: Any, supervisor: Any, held_on: date) -> list[str]:
    """What is said to somebody who names this supervisor of Callum on that day; empty: it is recorded."""
    try:
        with us.acting(by) as tx:
            operations.record(tx, us.callum.id, held_on, "case", 60, [supervisor.id])
    except Invalid as problem:
        return [f"{error['field']}: {error['message']}" for error in problem.errors]
    return []


def test_only_a_colleague_of_that_day_may_be_named(us: Team) -> None:
    """A made-up supervisor would count otherwise; an unknown one is refused in the same words, which name nobody."""
    partner = us.make.organisation("Partner Council", host=False)
    outsider = us.make.person("Olga Outsider", organisation=partner)
    gone = us.make.person("Gus Gone", started_on=date(2024, 1, 1), leaving_on=date(2026, 1, 31))
    elsewhere = refused(us, us.callum, outsider, date(2026, 2, 2))
    assert elsewhere == ["supervisor: " + supervising.ELSEWHERE]
    assert refused(us, us.manager, outsider, date(2026, 2, 2)) == elsewhere
    for day_of in (date(2026, 2, 1), date(2023, 12, 31)):
        assert refused(us, us.callum, gone, day_of) == ["supervisor: " + supervising.NOT_THEN]
    assert us.make.rows(select(Supervision.id)) == []
    assert refused(us, us.callum, gone, date(2026, 1, 31)) == [] and refused(us, us.callum, us.stranger, date(2026, 1, 30)) == []


def test_an_assessor_of_another_organisation_supervises_while_it_is_theirs(us: Team) -> None:
    partner = us.make.organisation("Partner Council", host=False)
    outside = us.make.person("Olga Outside", organisation=partner)
    with us.make.tx() as tx:
        people.give_duty(tx, Duty.ASSESSOR, outside.id, date(2026, 1, 1), date(2026, 2, 1), person_id=us.callum.id)
    for held_on, said in (
        (date(2025, 12, 31), ["supervisor: " + supervising.ELSEWHERE]),
        (date(2026, 1, 1), []),
        (date(2026, 1, 31), []),
        (date(2026, 2, 1), ["supervisor: " + supervising.ELSEWHERE]),
    ):
        assert refused(us, us.callum, outside, held_on) == said
    with us.make.tx() as tx:  # who moved since stays in what is corrected, and may not be added anew
        tx.update(Person, us.stranger.id, organisation_id=partner)
        [key] = [row.id for row in us.make.rows(select(Supervision.id).where(Supervision.held_on == date(2026, 1, 1)))]
    with us.acting(us.manager) as tx:
        live = operations.correct(tx, key, date(2026, 3, 1), "case", 60, [outside.id])
    with pytest.raises(Invalid), us.acting(us.manager) as tx:
        operations.correct(tx, live, date(2026, 3, 1), "case", 60, [outside.id, us.stranger.id])


def test_among_several_the_line_is_told_that_its_day_is_wrong(us: Team) -> None:
    with us.make.tx() as tx:
        tx.update(Person, us.manager.id, started_on=date(2026, 1, 5))
    days = ((1, date(2026, 1, 5)), (2, date(2026, 1, 4)))
    new = [New(us.dana.id, on, "case", 60, (us.manager.id,), suffix=f"-{n}") for n, on in days]
    with pytest.raises(Invalid) as problem, us.acting(us.manager) as tx:
        operations.record_many(tx, new)
    assert problem.value.errors == [{"field": "held_on-2", "message": supervising.NOT_THEN}]


def test_the_same_supervision_is_recorded_once(us: Team) -> None:
    with us.acting(us.manager) as tx:
        operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])
        operations.record(tx, us.callum.id, day(tx), "reflective", 60, [us.manager.id])
    with pytest.raises(Conflict, match="recorded already"), us.acting(us.callum) as tx:
        operations.record(tx, us.callum.id, day(tx), "case", 45, [us.manager.id])
    with pytest.raises(Invalid, match="entered twice"), us.acting(us.manager) as tx:
        operations.record_many(tx, [New(us.dana.id, day(tx), "case", 60, (us.manager.id,))] * 2)
    [one] = us.make.rows(select(Supervisor.__table__).where(Supervisor.kind == "case"))
    with us.make.tx() as tx:
        values = dict(person_id=one.supervised_id, held_on=one.held_on, kind="case", minutes=5, source="entry", recorded_at=tx.now)
        key = tx.insert(Supervision, **values)
    with pytest.raises(Conflict, match="recorded already"), us.make.tx() as tx:  # the database has the last word
        tx.insert(Supervisor, **(one._asdict() | {"supervision_id": key}))


def test_two_who_record_the_same_at_once_leave_one_entry(us: Team) -> None:
    """Both look before either has written; whoever comes second is told so."""
    told: list[str] = []
    ready = threading.Barrier(2)

    def attempt(who: Any) -> None:
        ready.wait()
        try:
            with us.acting(who) as tx:
                operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])
            told.append("recorded")
        except Conflict as refused:
            told.append(refused.code)

    threads = [threading.Thread(target=attempt, args=(who,)) for who in (us.manager, us.callum)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["recorded", "supervision-twice"] and len(us.make.rows(select(Supervision.id))) == 1


def test_who_was_supervised_records_and_a_supervisor_confirms(us: Team) -> None:
    with us.acting(us.callum) as tx:
        key = operations.record(tx, us.callum.id, day(tx), "group_reflective", 60, [us.stranger.id])
    with pytest.raises(Conflict, match="yourself"), us.acting(us.callum) as tx:
        operations.confirm(tx, key)
    with pytest.raises(NotFound), us.acting(us.dana) as tx:
        operations.confirm(tx, key)
    for _ in range(2):  # a second time changes nothing
        with us.acting(us.stranger) as tx:
            operations.confirm(tx, key)
    assert us.make.row(Supervision, key).confirmed_by == us.stranger.id
    with pytest.raises(NotFound), us.acting(us.stranger) as tx:  # who gave it confirms it; changing it is for those who may record
        operations.withdraw(tx, key, "not_held")


def test_a_correction_supersedes_and_the_old_entry_stays_readable(us: Team, ledger: Ledger) -> None:
    with us.acting(us.manager) as tx:
        key = operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])
    with us.acting(us.assessor) as tx:
        new = operations.correct(tx, key, day(tx, 2), "reflective", 90, [us.assessor.id], "online")
    old, fresh = us.make.row(Supervision, key), us.make.row(Supervision, new)
    assert (old.minutes, old.superseded_at) == (60, fresh.recorded_at)
    assert (fresh.minutes, fresh.corrected_from, fresh.superseded_at) == (90, key, None)
    live = us.make.rows(select(Supervisor.supervision_id).where(Supervisor.live))
    assert [row.supervision_id for row in live] == [new]
    with pytest.raises(Conflict, match="corrected or withdrawn"), us.acting(us.manager) as tx:
        operations.correct(tx, key, day(tx), "case", 30, [us.manager.id])
    assert "supervision.corrected" in ledger.actions()


def test_what_never_took_place_is_withdrawn_with_a_reason_and_can_be_entered_again(us: Team) -> None:
    with us.acting(us.manager) as tx:
        key = operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])
    with pytest.raises(Invalid), us.acting(us.manager) as tx:
        operations.withdraw(tx, key, "because")
    with us.acting(us.manager) as tx:
        operations.withdraw(tx, key, "not_held")
        operations.record(tx, us.callum.id, day(tx), "case", 45, [us.manager.id])
    assert us.make.row(Supervision, key).withdrawn == "not_held"


def test_the_database_refuses_to_change_or_lose_what_was_recorded(us: Team) -> None:
    with us.acting(us.manager) as tx:
        operations.record(tx, us.callum.id, day(tx), "case", 60, [us.manager.id])
        operations.record_protected_time(tx, us.callum.id, day(tx), 60, "study")
        operations.record_caseload(tx, us.callum.id, day(tx), 12, 80)
    for table, values in (
        (Supervision, {"minutes": 90}),
        (Supervision, {"held_on": date(2026, 1, 1)}),
        (ProtectedTime, {"minutes": 90}),
        (Caseload, {"children": 1}),
    ):
        with pytest.raises(Conflict, match="stays as it is"), us.make.tx() as tx:
            tx.db.execute(update(table).values(**values))
    for table in (Supervision, ProtectedTime, Caseload):
        with pytest.raises(Conflict), us.make.tx() as tx:
            tx.db.execute(delete(table))


# Protected time and caseloads --------------------------------------------------------------------------------------


def test_protected_time_is_logged_corrected_and_withdrawn(us: Team) -> None:
    with us.acting(us.callum) as tx:
        key = operations.record_protected_time(tx, us.callum.id, day(tx), 120, "study")
    with pytest.raises(Conflict, match="recorded already"), us.acting(us.callum) as tx:
        operations.record_protected_time(tx, us.callum.id, day(tx), 60, "study")
    with us.acting(us.manager) as tx:
        new = operations.correct_protected_time(tx, key, day(tx), 90, "writing")
    with us.acting(us.callum) as tx:
        operations.withdraw_protected_time(tx, new)
    with pytest.raises(Conflict), us.acting(us.callum) as tx:
        operations.withdraw_protected_time(tx, new)
    rows = us.make.rows(select(ProtectedTime.minutes, ProtectedTime.superseded_at).order_by(ProtectedTime.id))
    assert [row.minutes for row in rows] == [120, 90] and all(row.superseded_at for row in rows)


def test_a_second_count_of_the_day_takes_the_place_of_the_first(us: Team) -> None:
    with us.acting(us.callum) as tx:
        first = operations.record_caseload(tx, us.callum.id, day(tx), 14)
    with us.acting(us.coordinator) as tx:
        second = operations.record_caseload(tx, us.callum.id, day(tx), 12, 85)
    rows = {row.id: row for row in us.make.rows(select(Caseload.__table__))}
    assert (rows[first].source, rows[second].source, rows[second].corrected_from) == ("own", "manager", first)
    assert rows[first].superseded_at is not None and rows[second].superseded_at is None


@pytest.mark.parametrize(
    ("verb", "values", "field"),
    [
        ("record_protected_time", (date(2190, 1, 1), 60, "study"), "on_date"),
        ("record_protected_time", (date(2026, 1, 5), 0, "study"), "minutes"),
        ("record_protected_time", (date(2026, 1, 5), 60, "a nap"), "what"),
        ("record_caseload", (date(1999, 1, 5), 12), "on_date"),
        ("record_caseload", (date(2026, 1, 5), 201), "children"),
        ("record_caseload", (date(2026, 1, 5), 12, 301), "percent"),
        ("record_caseload", (date(2026, 1, 5), 12, None, "hearsay"), "source"),
    ],
)
def test_workload_that_cannot_be_is_refused(us: Team, verb: str, values: tuple[Any, ...], field: str) -> None:
    with pytest.raises(Invalid) as refused, us.acting(us.callum) as tx:
        getattr(operations, verb)(tx, us.callum.id, *values)
    assert [error["field"] for error in refused.value.errors] == [field]


def test_workload_is_closed_to_colleagues_and_to_the_principal_social_worker(us: Team) -> None:
    psw = us.make.person("Petra", roles=("principal social worker",))
    for who, roles in ((us.dana, ("practitioner",)), (psw, ("practitioner", "principal social worker"))):
        actor = Actor("person", who.id, who.name, tuple((role, None) for role in roles))
        with pytest.raises(Refusal), transaction(us.make.database, actor, writes=True) as tx:
            operations.record_caseload(tx, us.callum.id, day(tx), 12)
