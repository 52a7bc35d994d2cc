"""Lawful redaction: content goes everywhere, everything else still verifies, and the chain says what was done."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from app.core.config import Settings, load
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.files import File, store_of
from app.core.frozen import MARK
from app.programmes import chain_tables
from app.programmes.models import Agreement, Change, Plan
from app.programmes.operations import changes, exports, redact
from app.programmes.operations.judging import Verdict
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Attachment, Entry, Export, Opening, Revision
from tests.factory import Make
from tests.programmes.asye import asye
from tests.programmes.chains import report, unzipped
from tests.programmes.making import Programmes
from tests.programmes.signing import REPORT, Signing, signing
from tests.programmes.test_panels import Room

NAMED = "The Hart family"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(files_dir=tmp_path / "files", demo=True)


@pytest.fixture
def room(make: Make, settings: Settings) -> Signing:
    """A report that names a family, with a picture, signed by three; one of them says more beside it."""
    room = signing(make)
    room.attach("FINAL", store_of(settings), "the-harts.txt", b"a drawing")
    key = room.freeze("FINAL", {**REPORT, "summary": f"{NAMED} said so."})
    room.sign(room.there.nqsw, key)
    room.sign(room.there.assessor, key, "agree", f"{NAMED} were kind.")
    room.sign(room.there.line_manager, key)
    return room


def officer(room: Signing) -> object:
    return room.make.person("Cora Coordinator")


def everything(room: Signing) -> str:
    """All that the tables say in words."""
    found = [*room.make.rows(select(Opening.value)), *room.make.rows(select(Revision.content)), *room.make.rows(select(Attachment.name))]
    return str(found)


def test_words_and_files_go_everywhere_and_the_rest_verifies(room: Signing, settings: Settings) -> None:
    with room.of(room.there.nqsw) as tx:
        asked = exports.ask_export(tx, room.there.id)
    exports.make_waiting(room.make.database, settings, room.now)
    with room.of(officer(room), "coordinator") as tx:
        redact.redact(tx, room.there.id, [(1, "main/summary"), (2, "files/1"), (2, "statement")], "family")
    assert NAMED not in everything(room) and "the-harts" not in everything(room)
    assert "main/recommendation" not in {one["path"] for one in gone(room)}
    assert {(one["sequence"], one["path"]) for one in gone(room)} == {
        *((n, "main/summary") for n in (1, 2, 3)),
        *((n, "files/1") for n in (1, 2, 3)),
        (2, "statement"),
    }
    assert room.make.rows(select(File.digest)) == []
    old = room.make.row(Export, asked)
    assert (old.digest, old.failed) == (None, "redacted")
    with room.of() as tx:
        assert [*chain_tables.altered(tx), *chain_tables.signed_otherwise(tx)] == []
    with room.of(room.there.nqsw) as tx:
        key = exports.ask_export(tx, room.there.id)
    exports.make_waiting(room.make.database, settings, room.now)
    digest = room.make.row(Export, key).digest
    members = unzipped(store_of(settings).path(digest).read_bytes())
    check = report(members, json.loads(members["chain.json"])["entries"][0]["hash"])
    assert check.findings == [] and len(check.redacted) == 7
    assert {one["reason"] for one in check.redacted} == {"Names a child or a family"}
    assert not any(NAMED.encode() in data for data in members.values())


def gone(room: Signing) -> list[dict[str, object]]:
    (row,) = room.make.rows(select(Entry.canonical).where(Entry.kind == "redaction"))
    found: list[dict[str, object]] = json.loads(row.canonical)["redacts"]
    return found


def verified(room: Signing, settings: Settings) -> list[dict[str, str]]:
    """What an export of today says is redacted, once everything else in it holds and the tables agree."""
    with room.of() as tx:
        assert [*chain_tables.altered(tx), *chain_tables.signed_otherwise(tx)] == []
    with room.of(room.there.nqsw) as tx:
        key = exports.ask_export(tx, room.there.id)
    exports.make_waiting(room.make.database, settings, room.now)
    digest = room.make.row(Export, key).digest
    members = unzipped(store_of(settings).path(digest).read_bytes())
    assert not any(NAMED.encode() in data for data in members.values())
    check = report(members, json.loads(members["chain.json"])["entries"][0]["hash"])
    assert check.findings == []
    return list(check.redacted)


def test_words_of_a_panels_decision(make: Make, settings: Settings) -> None:
    programmes = Programmes(make)
    room = Signing(make, programmes.enrolment())
    programmes.finished(room.there)
    panel = [make.person(name, roles=("panel member",)) for name in ("Cora Chair", "Finn First", "Sena Second")]
    case = Room(make, programmes, room.there, make.person("Coco Ordinator", roles=("coordinator",)), *panel)
    case.arrange()
    case.list()
    case.read()
    decision = case.decide(Verdict("not_confirmed", f"{NAMED} is named.", "Not yet.", f"{NAMED}: say no names."))
    room.later = timedelta(days=21)
    cora = officer(room)
    with pytest.raises(Conflict, match="own words"), room.of(cora, "coordinator") as tx:
        redact.redact(tx, room.there.id, [(1, "outcome")], "family")
    with room.of(cora, "coordinator") as tx:
        redact.redact(tx, room.there.id, [(1, "reasons"), (1, "to_assessor")], "family")
    kept = make.row(Decision, decision)
    assert (kept.reasons, kept.to_learner, kept.to_assessor, kept.kind) == (MARK, "Not yet.", MARK, "not_confirmed")
    assert {one["path"] for one in verified(room, settings)} == {"reasons", "to_assessor"}
    for values in ({"kind": "return"}, {"reasons": "Something else"}, {"to_learner": None}):
        with pytest.raises(Conflict, match="stays as it was written"), room.of() as tx:
            tx.update(Decision, decision, **values)
    with pytest.raises(Conflict, match="stays as it was written"), room.of() as tx:
        tx.db.execute(delete(Decision))


def test_words_of_a_change_and_of_who_agreed(make: Make, settings: Settings, sign_in: Any) -> None:
    programmes = Programmes(make)
    room = Signing(make, programmes.enrolment(cohort=programmes.cohort(asye(make), "Changes")))
    there, cora = room.there, make.person("Cora Coordinator", roles=("coordinator",))
    with room.of(there.nqsw) as tx:
        more = {"ends_on": tx.today + timedelta(days=400)}
        change = changes.propose_change(tx, there.id, "extension", tx.today, words=f"{NAMED} went to court.", details=more)
    for person, said in ((there.assessor, f"{NAMED}: yes."), (there.line_manager, "Yes.")):
        with room.of(person) as tx:
            changes.agree(tx, change, True, said)
    with room.of(cora, "coordinator") as tx:
        changes.agree(tx, change, True, "Agreed.")
    browser = sign_in(cora)
    page = browser.get(f"/portfolios/{there.id}/redact").text
    assert page.count("went to court") == 1, "the same words beside four agreements are offered once"
    done = browser.post(f"/portfolios/{there.id}/redact", data={"reason": "family", "what": ["1:words", "2:statement"]})
    assert done.status_code in (200, 303)
    assert {make.row(Change, change).words, *[row.words for row in make.rows(select(Plan.words).where(Plan.change_id == change))]} == {MARK}
    answers = {row.person_id: row.words for row in make.rows(select(Agreement.person_id, Agreement.words))}
    assert answers == {there.nqsw.id: None, there.assessor.id: MARK, there.line_manager.id: "Yes.", cora.id: "Agreed."}
    assert NAMED not in everything(room) and NAMED not in browser.get(f"/changes/{change}").text
    wanted: set[tuple[object, object]] = {*((n, "words") for n in (1, 2, 3, 4)), (2, "statement")}
    assert {(one["sequence"], one["path"]) for one in verified(room, settings)} == wanted


def test_what_another_portfolio_shows_is_kept(room: Signing, settings: Settings) -> None:
    digest = room.attach("SAA", store_of(settings), "drawing.txt", b"a drawing")
    with room.of(officer(room), "coordinator") as tx:
        redact.redact(tx, room.there.id, [(1, "files/1")], "family")
    assert [row.digest for row in room.make.rows(select(File.digest))] == [digest]
    with room.of() as tx:
        assert list(chain_tables.altered(tx)) == []


def test_who_and_why(room: Signing) -> None:
    cora, there = officer(room), room.there
    with pytest.raises(Invalid, match="Choose the reason"), room.of(cora, "coordinator") as tx:
        redact.redact(tx, there.id, [(1, "main/summary")], "embarrassing")
    with pytest.raises(Invalid, match="what is to go"), room.of(cora, "coordinator") as tx:
        redact.redact(tx, there.id, [], "family")
    with pytest.raises(NotFound), room.of(cora, "coordinator") as tx:
        redact.redact(tx, there.id, [(9, "main/summary")], "family")
    for person, roles in ((there.assessor, ()), (there.assessor, ("coordinator",)), (there.nqsw, ())):
        with pytest.raises(Forbidden), room.of(person, *roles) as tx:
            redact.redact(tx, there.id, [(1, "main/summary")], "family")
    with room.of(cora, "coordinator") as tx:
        redact.redact(tx, there.id, [(1, "main/summary")], "erasure")
    with pytest.raises(Conflict, match="already"), room.of(cora, "coordinator") as tx:
        redact.redact(tx, there.id, [(2, "main/summary")], "erasure")
    with pytest.raises(NotFound), room.of(cora, "coordinator") as tx:  # a redaction holds no words itself
        redact.redact(tx, there.id, [(4, "statement")], "erasure")
