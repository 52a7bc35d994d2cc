"""Signing: in order, once, only what was read; who did not sign; corrections afterwards."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app.core.db import FOREVER
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit, Outbox
from app.programmes.chain_check import check_chain
from app.programmes.models import Capacity
from app.programmes.operations import sign
from app.programmes.portfolio_models import Attachment, Document, Entry, Opening
from tests.factory import Make
from tests.programmes.making import Programmes
from tests.programmes.signing import REPORT, Signing, signing, store


@pytest.fixture
def room(make: Make) -> Signing:
    return signing(make)


def entries(room: Signing) -> list[dict[str, Any]]:
    return [json.loads(link.text) for link in room.chain()[1]]


def told(room: Signing, kind: str) -> list[int]:
    return [row.person_id for row in room.make.rows(select(Outbox.person_id).where(Outbox.kind == kind).order_by(Outbox.id))]


def test_three_sign_in_order_and_the_document_is_final(room: Signing, tmp_path: Path) -> None:
    key, there = room.freeze(), room.there
    digest = room.attach("SAA", store(tmp_path), "support plan.txt", b"Mondays at ten.")
    assert room.state(key) == ("signing", "nqsw")
    room.sign(there.nqsw, key)
    assert room.state(key) == ("signing", "assessor")
    room.sign(there.assessor, key, "disagree", "Ninety minutes are too few.")
    room.sign(there.line_manager, key)
    assert room.state(key) == ("final", None)
    made = entries(room)
    assert [(one["signer"]["name"], one["signer"]["capacities"], one["answer"]) for one in made] == [
        (there.nqsw.name, ["Newly qualified social worker"], "agree"),
        (there.assessor.name, ["Assessor"], "disagree"),
        (there.line_manager.name, ["Line manager"], "agree"),
    ]
    assert [(one["label"]) for one in made[0]["items"]] == ["Whose portfolio", "Stage", "What support is agreed?", "What I bring"]
    assert [(one["sha256"], one["size"], one["media_type"]) for one in made[2]["files"]] == [(digest, 15, "text/plain")]
    head, links = room.chain()
    assert check_chain(head, links, {digest: (digest, 15)}) == []
    assert links[1].openings["statement"].value == '"Ninety minutes are too few."'
    assert told(room, "email.sign_asked") == [there.assessor.id, there.line_manager.id]
    assert told(room, "email.signed_receipt") == [there.nqsw.id, there.assessor.id, there.line_manager.id]
    facts = room.make.rows(select(Audit.facts))
    assert not any("minutes" in str(row.facts) for row in facts)


def test_what_changed_since_it_was_read_is_not_signed(room: Signing) -> None:
    key, there = room.freeze(), room.there
    with room.of(there.nqsw) as tx:
        read = sign.to_sign(tx, key).digest
        assert sign.to_sign(tx, key).digest == read
    with room.of() as tx:  # it was given back, changed and sent again
        tx.db.execute(update(Document).where(Document.id == key).values(state="returned"))
    room.freeze(content={"support": "Fortnightly.", "own": "Patience."})
    with pytest.raises(Changed, match="changed since you read it"), room.of(there.nqsw) as tx:
        sign.sign(tx, key, read, "agree")
    assert entries(room) == []
    room.sign(there.nqsw, key)
    assert entries(room)[0]["what"]["revision"] == 2


def test_another_file_beside_it_is_a_change(room: Signing, tmp_path: Path) -> None:
    key = room.freeze()
    with room.of(room.there.nqsw) as tx:
        read = sign.to_sign(tx, key).digest
    room.attach("SAA", store(tmp_path), "more.txt", b"more")
    with pytest.raises(Changed), room.of(room.there.nqsw) as tx:
        sign.sign(tx, key, read, "agree")
    with room.of() as tx:
        tx.db.execute(update(Attachment).values(removed_at=tx.now))
    with room.of(room.there.nqsw) as tx:
        sign.sign(tx, key, read, "agree")


def test_nobody_signs_twice_out_of_turn_or_for_another(room: Signing) -> None:
    key, there = room.freeze(), room.there
    with pytest.raises(Conflict, match="not your turn"):
        room.sign(there.assessor, key)
    room.sign(there.nqsw, key)
    with pytest.raises(Conflict, match="already signed"):
        room.sign(there.nqsw, key)
    with room.of() as tx:  # not even when the turn comes back by mistake
        tx.db.execute(update(Document).where(Document.id == key).values(waiting_for="nqsw"))
    with pytest.raises(Conflict, match="already signed"):
        room.sign(there.nqsw, key)
    stranger = room.make.person("Stan Stranger")
    with pytest.raises(NotFound):
        room.sign(stranger, key)
    with pytest.raises((NotFound, Forbidden)), room.of(stranger, "coordinator") as tx:
        sign.sign(tx, key, "", "agree")


def test_the_database_itself_refuses_a_second_signature(room: Signing) -> None:
    key = room.freeze()
    room.sign(room.there.nqsw, key)
    row = room.make.rows(select(Entry.__table__))[0]._asdict()
    with pytest.raises(Conflict, match="already signed"), room.of() as tx:
        tx.db.execute(insert(Entry), {**row, "id": row["id"] + 1, "sequence": 2, "previous": row["hash"]})


def test_the_database_itself_refuses_anothers_part_and_the_other_side(room: Signing) -> None:
    there, key = room.there, room.freeze()
    room.sign(there.nqsw, key)
    row = room.make.rows(select(Entry.__table__))[0]._asdict()
    panel = room.make.person("Pat Panel")
    with room.of() as tx:
        moderating = Programmes(room.make).involve(tx, there, panel.id, "panel_member", tx.today)
    again = {**row, "id": row["id"] + 1, "sequence": 2, "previous": row["hash"]}
    for wrong in (
        {"involvement_id": there.involvements["assessor"]},  # the assessor's part, by the learner
        {"involvement_id": moderating, "person_id": panel.id},  # a document, by somebody who moderates
        {
            "involvement_id": there.involvements["assessor"],
            "person_id": there.assessor.id,
            "kind": "decision",
        },  # a decision, by the assessor
    ):
        with pytest.raises(Conflict, match="not yours to sign"), room.of() as tx:
            tx.db.execute(insert(Entry), again | wrong)
    with room.of() as tx:
        right = {"involvement_id": there.involvements["assessor"], "person_id": there.assessor.id}
        tx.db.execute(insert(Entry), again | right)


def test_a_moderator_signs_no_document(room: Signing) -> None:
    key = room.freeze()
    panel = room.make.person("Pat Panel")
    with room.of() as tx:
        Programmes(room.make).involve(tx, room.there, panel.id, "panel_member", tx.today)
    with pytest.raises((NotFound, Forbidden)):
        room.sign(panel, key)


def test_who_has_two_capacities_signs_once_for_both(room: Signing) -> None:
    there, key = room.there, room.freeze()
    with room.of() as tx:
        tx.db.execute(update(Capacity).where(Capacity.capacity == "line_manager").values(valid_to=tx.today))
        held = dict(involvement_id=there.involvements["assessor"], enrolment_id=there.id, side="assessing", capacity="line_manager")
        tx.insert(Capacity, **held, valid_from=tx.today, valid_to=FOREVER)
    room.sign(there.nqsw, key)
    room.sign(there.assessor, key)
    assert room.state(key) == ("final", None)
    assert entries(room)[1]["signer"]["capacities"] == ["Assessor", "Line manager"]


def test_disagreeing_takes_a_reason_and_answers_are_known(room: Signing) -> None:
    key = room.freeze()
    with pytest.raises(Invalid, match="why you disagree"):
        room.sign(room.there.nqsw, key, "disagree", "  ")
    with pytest.raises(Invalid, match="whether you agree"):
        room.sign(room.there.nqsw, key, "confirm pass")
    with pytest.raises(Invalid, match="5,000 characters"):
        room.sign(room.there.nqsw, key, "agree", "x" * 5001)


def test_an_assessor_who_agrees_to_a_recommendation_recommends(room: Signing) -> None:
    room.sign_all(room.freeze("FINAL", REPORT))
    assert [one["answer"] for one in entries(room)] == ["agree", "recommend pass", "agree"]


def test_after_ten_working_days_the_coordinator_records_who_did_not_sign(room: Signing) -> None:
    key, there = room.freeze(), room.there
    coordinator = room.make.person("Cora Coordinator")
    room.sign(there.nqsw, key)
    opens = sign.patience_ends(room.now)
    with pytest.raises(Conflict, match="still have time"), room.of(coordinator, "coordinator") as tx:
        sign.decline(tx, key, "assessor", "unable", "Away ill.")
    room.later = timedelta(days=(opens - room.now.date()).days + 1)
    with pytest.raises(Conflict, match="does not wait"), room.of(coordinator, "coordinator") as tx:
        sign.decline(tx, key, "line_manager", "unable", "Away ill.")
    with pytest.raises(Invalid, match="Give the reason"), room.of(coordinator, "coordinator") as tx:
        sign.decline(tx, key, "assessor", "unable", " ")
    with pytest.raises(Forbidden), room.of(there.line_manager, "coordinator") as tx:
        sign.decline(tx, key, "assessor", "unable", "Away ill.")
    with pytest.raises(Forbidden), room.of(there.assessor) as tx:
        sign.decline(tx, key, "assessor", "unable", "I will not.")
    with room.of(coordinator, "coordinator") as tx:
        sign.decline(tx, key, "assessor", "unable", "Away ill.")
    assert room.state(key) == ("signing", "line_manager")
    room.sign(there.line_manager, key)
    assert room.state(key) == ("final", None)
    made = entries(room)[1]
    assert (made["kind"], made["answer"], made["signer"]["name"]) == ("declined", "unable", coordinator.name)
    with room.of() as tx:
        opened = {row.path: row.value for row in tx.rows(select(Opening.path, Opening.value).join(Entry).where(Entry.sequence == 2))}
    assert opened["missing/name"] == f'"{there.assessor.name}"' and opened["statement"] == '"Away ill."'
    head, links = room.chain()
    assert check_chain(head, links) == []


@pytest.mark.parametrize(
    ("since", "opens"),
    [
        (date(2026, 12, 1), date(2026, 12, 15)),
        (date(2026, 12, 18), date(2027, 1, 6)),  # Christmas, Boxing Day (a Monday instead), New Year's Day
        (date(2026, 12, 5), date(2026, 12, 18)),  # a Saturday
    ],
)
def test_ten_working_days(since: date, opens: date) -> None:
    from app.core.calendar import london_day

    assert sign.patience_ends(london_day(since)[0]) == opens


def test_a_correction_is_an_addendum(room: Signing) -> None:
    key, there = room.freeze(), room.there
    room.sign(there.nqsw, key)
    with pytest.raises(Conflict, match="everybody has signed"), room.of(there.nqsw) as tx:
        sign.addendum(tx, key, "It was a Tuesday.")
    room.sign(there.assessor, key)
    room.sign(there.line_manager, key)
    with room.of(there.nqsw) as tx:
        sign.addendum(tx, key, "It was a Tuesday.")
        sign.addendum(tx, key, "And raining.")
    made = entries(room)
    assert [(one["kind"], one["refers_to"]) for one in made[3:]] == [("addendum", 3), ("addendum", 3)]
    assert room.state(key) == ("final", None)
    head, links = room.chain()
    assert check_chain(head, links) == []
    with pytest.raises(NotFound), room.of(room.make.person("Stan Stranger")) as tx:
        sign.addendum(tx, key, "No.")


def test_a_document_that_is_not_being_signed(room: Signing) -> None:
    with pytest.raises(Conflict, match="not waiting to be signed"):
        room.sign(room.there.nqsw, room.there.documents["SAA"])
