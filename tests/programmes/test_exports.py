"""The portfolio leaves as a bundle that verifies, and the daily head stands over every chain."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select, update

from app.core.config import Settings, SettingsError, load
from app.core.errors import Conflict, NotFound
from app.core.files import store_of
from app.core.ledger import Outbox
from app.programmes.operations import exports, heads
from app.programmes.portfolio_models import DailyHead, Document, Entry, Export
from tests.factory import Make
from tests.programmes.chains import report, unzipped
from tests.programmes.signing import REPORT, Signing, signing


@pytest.fixture
def room(make: Make) -> Signing:
    return signing(make)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(files_dir=tmp_path / "files", demo=True)


def made(room: Signing, settings: Settings, person: Any = None) -> dict[str, bytes]:
    """Ask for it, let the worker make it, and unpack it."""
    with room.of(person or room.there.nqsw) as tx:
        key = exports.ask_export(tx, room.there.id)
    assert exports.make_waiting(room.make.database, settings, room.now) == 1
    with room.of(person or room.there.nqsw) as tx:
        row, enrolment = exports.ready(tx, key)
        assert enrolment.id == room.there.id
    return unzipped(store_of(settings).path(row.digest).read_bytes())


def test_a_signed_portfolio_leaves_and_verifies(room: Signing, settings: Settings) -> None:
    there, store = room.there, store_of(settings)
    signed = room.attach("SAA", store, "support plan.txt", b"Mondays at ten.")
    room.sign_all(room.freeze())
    room.sign_all(room.freeze("FINAL", REPORT))
    unsigned = room.attach("CRL1", store, "poem.txt", b"a poem")
    with room.of() as tx:
        tx.db.execute(update(Document).where(Document.id == there.documents["CRL1"]).values(state="sent"))
        head = heads.daily_head(tx, [])
    members = made(room, settings)
    receipts = [row.facts["hash"] for row in room.make.rows(select(Outbox.facts).where(Outbox.kind == "email.signed_receipt"))]
    assert len(receipts) == 6
    check = report(members, *receipts, room.make.row(DailyHead, head or 0).hash)
    assert check.findings == [] and len(check.entries) == 6
    assert {f"files/{signed}", f"files/{unsigned}"} <= set(members)
    past = json.loads(members["history.json"])["documents"]
    assert {one["code"]: len(one["versions"]) for one in past} == {"CRL1": 0, "SAA": 1, "FINAL": 1}
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(members["portfolio.pdf"])).pages)
    for words in ("Support and assessment agreement", "She listens", "Recommends a pass", there.assessor.name, "support plan.txt"):
        assert words in text
    told = room.make.rows(select(Outbox.person_id).where(Outbox.kind == "email.export_ready"))
    assert [row.person_id for row in told] == [there.nqsw.id]


@pytest.mark.parametrize("name", ["history.json", "unsigned"])
def test_what_is_not_signed_is_still_held_by_the_manifest(room: Signing, settings: Settings, name: str) -> None:
    unsigned = room.attach("CRL1", store_of(settings), "poem.txt", b"a poem")
    with room.of() as tx:
        tx.db.execute(update(Document).where(Document.id == room.there.documents["CRL1"]).values(state="sent"))
    members = made(room, settings)
    at = f"files/{unsigned}" if name == "unsigned" else name
    check = report({**members, at: members[at].replace(b"poem", b"song")})
    assert at in {one["what"] for one in check.findings}


def test_who_may_take_it_away(room: Signing, settings: Settings) -> None:
    there = room.there
    for person, roles in (
        (there.line_manager, ()),
        (room.make.person("Stan Stranger"), ()),
        (room.make.person("Hana HR"), ("HR officer",)),
    ):
        with pytest.raises(NotFound), room.of(person, *roles) as tx:
            exports.ask_export(tx, there.id)
    coordinator = room.make.person("Cora Coordinator")
    with room.of(coordinator, "coordinator") as tx:
        key = exports.ask_export(tx, there.id)
    with pytest.raises(Conflict, match="being made already"), room.of(coordinator, "coordinator") as tx:
        exports.ask_export(tx, there.id)
    exports.make_waiting(room.make.database, settings, room.now)
    with room.of(coordinator, "coordinator") as tx:
        assert exports.ready(tx, key)
    with pytest.raises(NotFound), room.of(there.nqsw) as tx:  # somebody else's
        exports.ready(tx, key)
    with pytest.raises(NotFound), room.of(coordinator) as tx:  # no longer a coordinator
        exports.ready(tx, key)


def test_a_missing_file_is_left_out_and_named_by_the_verifier(room: Signing, settings: Settings) -> None:
    digest = room.attach("SAA", store_of(settings), "plan.txt", b"Mondays at ten.")
    room.sign(room.there.nqsw, room.freeze())
    store_of(settings).path(digest).unlink()
    messages = [one["message"] for one in report(made(room, settings)).findings]
    assert any("the file “File 1” is missing" in one for one in messages)


def test_a_portfolio_that_cannot_be_made_stops_no_other(room: Signing, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    room.sign(room.there.nqsw, room.freeze())
    with room.of(room.there.nqsw) as tx:
        key = exports.ask_export(tx, room.there.id)
    with monkeypatch.context() as broken:
        broken.setattr(exports, "bundle_of", lambda *_: 1 / 0)
        assert exports.make_waiting(room.make.database, settings, room.now) == 0
    assert room.make.row(Export, key).failed
    assert made(room, settings)


def test_the_daily_head_goes_to_the_officers_once_for_what_is_new(room: Signing) -> None:
    officer = room.make.person("Olu Officer", email="olu@westmarch.example")
    with room.of() as tx:
        assert heads.daily_head(tx, ["olu@westmarch.example"]) is None  # nothing is signed yet
    key = room.freeze()
    room.sign(room.there.nqsw, key)
    with room.of() as tx:
        first = heads.daily_head(tx, ["Olu@westmarch.example", "nobody@westmarch.example"])
        assert heads.daily_head(tx, ["olu@westmarch.example"]) is None
    room.sign(room.there.assessor, key)
    with room.of() as tx:
        second = heads.daily_head(tx, [])
    (told,) = room.make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.daily_head"))
    rows = room.make.rows(select(DailyHead.__table__).order_by(DailyHead.id))
    assert told.person_id == officer.id and told.facts["hash"] == rows[0].hash
    assert [(row.id, row.chains, row.entries) for row in rows] == [(first, 1, 1), (second, 1, 2)]
    with room.of() as tx:
        proofs = heads.days_over(tx, rows[0].heads[0][0])
        newest = tx.scalar(select(Entry.hash).order_by(Entry.sequence.desc()).limit(1))
    assert [proof["sequence"] for proof in proofs] == [1, 2] and proofs[1]["hash"] == newest


def test_the_evening_of_the_daily_head() -> None:
    winter = datetime(2026, 12, 8, 19, 0, tzinfo=UTC)
    assert heads.turn(winter) == winter
    assert heads.turn(winter - timedelta(seconds=1)) == winter - timedelta(days=1)
    summer = datetime(2027, 7, 1, 18, 30, tzinfo=UTC)
    assert heads.turn(summer) == datetime(2027, 7, 1, 18, 0, tzinfo=UTC)


def test_the_bundle_is_a_zip_to_be_checked_as_it_is(room: Signing, settings: Settings) -> None:
    assert zipfile.is_zipfile(io.BytesIO(b"")) is False
    members = made(room, settings)
    assert set(members) == {"README.txt", "portfolio.pdf", "chain.json", "openings.json", "history.json", "manifest.json"}
    assert report(members).findings == []


def test_the_worker_makes_the_evening_head_and_what_was_asked_for(room: Signing, settings: Settings) -> None:
    from app import jobs

    officer = room.make.person("Olu Officer", email="olu@westmarch.example")
    mine = settings.model_copy(update={"database_url": room.make.database.url, "head_officers": " Olu@westmarch.example"})
    room.sign(room.there.nqsw, room.freeze())
    with room.of(room.there.nqsw) as tx:
        exports.ask_export(tx, room.there.id)
    assert jobs.look_after_portfolios(room.make.database, settings) == 0  # another database's folder
    assert jobs.look_after_portfolios(room.make.database, mine) == 2
    assert jobs.look_after_portfolios(room.make.database, mine) == 0
    told = room.make.rows(select(Outbox.kind, Outbox.person_id).where(Outbox.kind.in_(("email.daily_head", "email.export_ready"))))
    assert sorted(told) == [("email.daily_head", officer.id), ("email.export_ready", room.there.nqsw.id)]


def test_officers_are_addresses() -> None:
    with pytest.raises(SettingsError, match="HEAD_OFFICERS"):
        load(head_officers="olu@westmarch.example, somebody")
