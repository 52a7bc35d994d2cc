"""Entering, agreeing, judging and acting: who may, what stays, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Outbox
from app.notifications.facts import compose
from app.policy import Can
from app.talent import acting, entering, judging, listed, operations, views
from app.talent.listed import Asked
from app.talent.models import TalentAction, TalentAgreement, TalentEntry, TalentJudgement, TalentNomination
from tests.conftest import Ledger
from tests.factory import Make
from tests.talent.pools import WHY, Scene, scene


@pytest.fixture
def there(make: Make) -> Scene:
    return scene(make)


def names(there: Scene, **asked: Any) -> list[str]:
    """Who is on the list, as the principal social worker sees it."""
    with there.keeper(writes=False) as tx:
        pool, what = operations.pool(tx, Can.READ_TALENT, there.pool), Asked(asked.pop("as_at", tx.today), **asked)
        return [line.row.name for line in listed.everybody(tx, pool, what, listed.version_of(tx, pool, what))]


def test_only_who_agrees_is_listed_and_taking_it_back_works_at_once(there: Scene, ledger: Ledger) -> None:
    with there.manages() as tx:
        key = entering.nominate(tx, there.pool, there.ann.id, WHY)
    assert ledger.outbox() == ["email.talent_nominated"] and names(there) == []
    with there.own(there.ann) as tx:
        entering.say(tx, key, agrees=True)
    assert names(there) == ["Ann Holt"]
    with there.own(there.ann) as tx:
        before = tx.now
        entering.say(tx, key, agrees=False)
    assert names(there) == []
    assert names(there, known_at=before - timedelta(milliseconds=1)) == [], "nor in an answer about when they still agreed"
    assert [row.agrees for row in there.make.rows(select(TalentAgreement.agrees).order_by(TalentAgreement.id))] == [True, False]
    with there.own(there.ann) as tx:
        entering.say(tx, key, agrees=True)
        entering.say(tx, key, agrees=True)
    assert len(there.make.rows(select(TalentAgreement.id))) == 3, "saying the same twice is one word"
    assert names(there) == ["Ann Holt"]


def test_nobody_decides_for_another(there: Scene) -> None:
    key = there.listed()
    for person in (there.bob, there.manager, there.psw):
        with there.own(person) as tx, pytest.raises(NotFound):
            entering.say(tx, key, agrees=False)
        with there.own(person) as tx, pytest.raises(NotFound):
            entering.write_view(tx, key, "Not mine to write")
    with there.own(there.ann) as tx, pytest.raises(Forbidden):
        judging.propose(tx, key, there.thought())


def test_who_may_nominate_whom(there: Scene) -> None:
    with there.manages() as tx, pytest.raises(NotFound):
        entering.nominate(tx, there.pool, there.bob.id, WHY)  # not one of theirs
    with there.keeper() as tx, pytest.raises(Conflict) as own:
        entering.nominate(tx, there.pool, there.psw.id, WHY)
    assert own.value.code == "own-nomination"
    with there.manages() as tx, pytest.raises(Invalid):
        entering.nominate(tx, there.pool, there.ann.id, "  ")
    with there.manages() as tx:
        entering.nominate(tx, there.pool, there.ann.id, WHY)
    with pytest.raises(Conflict) as twice, there.manages() as tx:
        entering.nominate(tx, there.pool, there.ann.id, WHY)
    assert twice.value.code == "already-nominated"
    with there.keeper() as tx:
        entering.nominate(tx, there.pool, there.ann.id, WHY)
    assert len(there.make.rows(select(TalentEntry.id))) == 1 and len(there.make.rows(select(TalentNomination.id))) == 2


def test_another_organisation_is_not_there(there: Scene, make: Make) -> None:
    neighbour = make.organisation("Northmoor Council", host=False)
    nora = make.person("Nora North", organisation=neighbour)
    with there.own(nora) as tx, pytest.raises(NotFound):
        entering.put_forward(tx, there.pool, WHY)
    theirs = make.person("Their Psw", organisation=neighbour)
    from tests.talent.pools import as_

    with as_(make, theirs, "principal social worker", scope=neighbour, writes=False) as tx:
        assert list(views.pools(tx, Can.READ_TALENT)) == []
        with pytest.raises(NotFound):
            operations.pool(tx, Can.READ_TALENT, there.pool)


def test_a_judgement_takes_two_and_the_old_one_stays(there: Scene, ledger: Ledger) -> None:
    key = there.listed()
    with there.keeper() as tx:
        first = judging.propose(tx, key, there.thought())
    with there.keeper() as tx, pytest.raises(Conflict) as own:
        judging.moderate(tx, first, confirms=True, words="Yes")
    assert own.value.code == "own-judgement"
    assert "email.talent_judged" not in ledger.outbox()
    with there.keeper(there.second) as tx:
        judging.moderate(tx, first, confirms=True, words="Seen too")
    assert ledger.outbox()[-1] == "email.talent_judged"
    with there.keeper(there.second) as tx, pytest.raises(Conflict):
        judging.moderate(tx, first, confirms=False, words="After all not")
    with there.keeper(there.second) as tx:
        later = judging.propose(tx, key, there.thought(horizon_id=there.labels["near"]))
    with there.keeper() as tx:
        judging.moderate(tx, later, confirms=True, words="Yes")
    rows = there.make.rows(select(TalentJudgement.state, TalentJudgement.superseded_at).order_by(TalentJudgement.id))
    assert [(row.state, row.superseded_at is None) for row in rows] == [("confirmed", False), ("confirmed", True)]


def test_what_is_sent_back_does_not_count(there: Scene) -> None:
    key = there.listed()
    with there.keeper() as tx:
        first = judging.propose(tx, key, there.thought())
    with there.keeper(there.second) as tx, pytest.raises(Invalid):
        judging.moderate(tx, first, confirms=False, words=" ")
    with there.keeper(there.second) as tx:
        judging.moderate(tx, first, confirms=False, words="Too early: no example of leading.")
    with there.keeper(writes=False) as tx:
        assert views.place(tx, key).judgement is None
    with there.keeper() as tx:
        judging.propose(tx, key, there.thought(horizon_id=there.labels["far"]))


@pytest.mark.parametrize("wrong", [{"horizon_id": None}, {"potential_id": None}, {"horizon_id": 999}, {"reasons": ""}])
def test_a_judgement_needs_its_parts(there: Scene, wrong: dict[str, Any]) -> None:
    key = there.listed()
    with there.keeper() as tx, pytest.raises(Invalid):
        judging.propose(tx, key, there.thought(**wrong))


def test_a_specialist_needs_no_label(there: Scene) -> None:
    key = there.listed()
    there.judged(key, potential_id=None, specialist=True)
    with there.keeper(writes=False) as tx:
        judged = views.place(tx, key).judgement
        assert judged is not None and judged.specialist and judged.potential is None


def test_a_manager_judges_whom_they_nominated_and_nobody_else(there: Scene) -> None:
    key = there.listed()  # nominated by somebody else
    with there.manages() as tx, pytest.raises(NotFound):
        judging.propose(tx, key, there.thought())
    with there.manages() as tx:
        entering.nominate(tx, there.pool, there.ann.id, WHY)
    with there.manages() as tx:
        judging.propose(tx, key, there.thought())
    with there.own(there.ann) as tx:
        entering.say(tx, key, agrees=False)
    with there.manages() as tx, pytest.raises(Conflict) as gone:
        judging.propose(tx, key, there.thought())
    assert gone.value.code == "not-agreed"


@pytest.mark.parametrize(
    "wrong",
    [
        update(TalentJudgement).values(reasons="Something else"),
        update(TalentJudgement).values(moderated_by=None, state="proposed", moderated_on=None, moderated_at=None, moderation=None),
        update(TalentJudgement).values(state="returned"),
        delete(TalentJudgement),
        update(TalentNomination).values(reasons="Something else"),
        delete(TalentAgreement),
        update(TalentAgreement).values(agrees=False),
        update(TalentEntry).values(person_id=1),
    ],
)
def test_the_database_keeps_what_was_said(there: Scene, wrong: Any) -> None:
    there.judged(there.listed())
    with pytest.raises(Conflict) as kept, there.make.tx() as tx:
        tx.db.execute(wrong)
    assert kept.value.code == "recorded-stays"


def test_the_database_refuses_a_judgement_by_one_alone(there: Scene) -> None:
    key = there.listed()
    with there.make.tx() as tx:
        about = dict(entry_id=key, person_id=there.ann.id, horizon_id=there.labels["now"], specialist=True, reasons=WHY, state="confirmed")
        by = dict(proposed_on=tx.today, recorded_at=tx.now, moderated_on=tx.today, moderated_at=tx.now, moderation="Yes")
        for proposed, moderated in ((there.psw.id, there.psw.id), (there.psw.id, there.ann.id), (there.ann.id, there.psw.id)):
            with pytest.raises(IntegrityError), tx.db.begin_nested():
                tx.insert(TalentJudgement, **about, **by, proposed_by=proposed, moderated_by=moderated)


def test_actions_are_changed_by_new_rows_and_reminded_once(there: Scene, ledger: Ledger) -> None:
    key = there.listed()
    with there.keeper() as tx:
        number = acting.add(tx, key, "Shadow a panel", there.manager.id, tx.today + timedelta(days=3), entry_key="a" * 32)
        assert acting.add(tx, key, "Shadow a panel", there.manager.id, tx.today, entry_key="a" * 32) == number
    with there.keeper() as tx, pytest.raises(Invalid):
        acting.add(tx, key, "Something", there.bob.id, tx.today)  # neither the person, nor their manager, nor whoever asks
    for _ in range(2):
        with there.make.tx() as tx:
            acting.remind(tx, tx.now)
    assert ledger.outbox().count("email.talent_action_due") == 1
    with there.own(there.bob) as tx, pytest.raises(NotFound):
        acting.settle_own(tx, key, number, done=True)
    with there.own(there.manager) as tx:
        acting.settle_own(tx, key, number, done=True)
    rows = there.make.rows(select(TalentAction.done_on, TalentAction.superseded_at).order_by(TalentAction.id))
    assert [(row.done_on is None, row.superseded_at is None) for row in rows] == [(True, False), (False, True)]


def test_asking_again_waits_two_weeks(there: Scene) -> None:
    with there.keeper() as tx:
        key = entering.nominate(tx, there.pool, there.ann.id, WHY)
    with there.keeper() as tx, pytest.raises(Conflict) as soon:
        entering.ask_again(tx, key)
    assert soon.value.code == "asked-lately"


def test_depth_cover_and_flow(there: Scene, make: Make) -> None:
    ann, bob = there.listed(), there.listed(there.bob)
    there.judged(ann)
    with there.keeper(writes=False) as tx:
        pools = views.pools(tx, Can.READ_TALENT)
        how = listed.health(tx, pools, Asked(tx.today))[there.pool]
    assert (how.depth, how.ready_now, how.came, how.went) == (2, 0, 2, 0), "judged ready now, but the evidence is missing"
    _has_all(there, make)
    with there.keeper() as tx:
        assert listed.health(tx, pools, Asked(tx.today))[there.pool].ready_now == 1
        entering.take_out(tx, bob, "appointed")
        how = listed.health(tx, pools, Asked(tx.today))[there.pool]
    assert (how.depth, how.ready_now, how.came, how.went) == (1, 1, 2, 1)
    assert names(there, ready="met") == ["Ann Holt"] and names(there, ready="missing") == [] and names(there, horizon=0) == []


def _has_all(there: Scene, make: Make) -> None:
    """Ann meets all that the step asks for."""
    from app.core.db import FOREVER
    from app.learning.models import Course
    from app.pathways.models import Endorsement, Step
    from app.people.models import Registration

    with make.tx() as tx:
        since = tx.today - timedelta(days=30)
        step = tx.scalar(select(Step.id))
        given = dict(role="line manager", endorsed_by=there.manager.id, on_date=since, valid_to=FOREVER, recorded_at=tx.now)
        tx.insert(Endorsement, person_id=there.ann.id, step_id=step, **given)
        tx.insert(Registration, person_id=there.ann.id, status="registered", valid_from=since, valid_to=FOREVER, recorded_at=tx.now)
        course = tx.scalar(select(Course.id))
    make.completion(there.ann.id, course, since, since + timedelta(days=365))


def test_closing_a_pool_lets_everybody_go(there: Scene) -> None:
    there.listed()
    with there.keeper() as tx:
        assert operations.close_pool(tx, there.pool) == 1
    assert names(there) == []
    with there.keeper() as tx, pytest.raises(Conflict):
        entering.nominate(tx, there.pool, there.bob.id, WHY)


def test_messages_lead_to_the_place_and_say_no_reasons(there: Scene) -> None:
    key = there.listed()
    there.judged(key)
    with there.keeper() as tx:
        acting.add(tx, key, "Shadow a panel", there.manager.id, tx.today)
    with there.make.tx() as tx:
        acting.remind(tx, tx.now)
    with there.make.tx(writes=False) as tx:
        rows = tx.rows(select(Outbox.__table__).order_by(Outbox.id))
        said = {row.kind.removeprefix("email."): facts for row, facts in zip(rows, compose(tx, rows).values(), strict=True)}
    assert {kind: facts["link"] for kind, facts in said.items()} == {
        "talent_nominated": f"/my-talent-pools/{key}",
        "talent_judged": f"/my-talent-pools/{key}",
        "talent_action_due": "/my-talent-pools",
    }
    assert all(facts["pool"] == "Experienced social worker" and WHY not in str(facts) for facts in said.values())
