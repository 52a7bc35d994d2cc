"""Lawful redaction: content goes everywhere, everything else still verifies, and the chain says what was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.config import Settings, load
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.files import File, store_of
from app.programmes import chain_tables
from app.programmes.operations import exports, redact
from app.programmes.portfolio_models import Attachment, Entry, Export, Opening, Revision
from tests.factory import Make
from tests.programmes.chains import report, unzipped
from tests.programmes.signing import REPORT, Signing, signing

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
