"""Pages of signing: what is shown is what is signed; absences, corrections, the chain, exports, redaction, the public page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.config import ROOT, Settings
from app.programmes.operations import exports, heads
from app.programmes.portfolio_models import DailyHead, Document, Entry, Export, Opening
from tests.factory import Make
from tests.programmes.chains import report, unzipped
from tests.programmes.signing import REPORT, Signing, signing

SignIn = Callable[..., TestClient]


@pytest.fixture
def room(make: Make) -> Signing:
    return signing(make)


def read(page: str) -> str:
    found = re.search(r'name="read" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_a_document_is_read_and_signed_and_the_next_one_has_the_turn(room: Signing, sign_in: SignIn) -> None:
    key, there = room.freeze("FINAL", REPORT), room.there
    nell = sign_in(there.nqsw)
    page = nell.get(f"/documents/{key}/sign").text
    for words in ("She listens; the Hart family said so.", "You sign as newly qualified social worker", "I have read this document"):
        assert words in page
    wrong = nell.post(f"/documents/{key}/sign", data={"read": read(page), "answer": "disagree", "statement": ""})
    assert wrong.status_code == 422 and "Say why you disagree" in wrong.text
    done = nell.post(f"/documents/{key}/sign", data={"read": read(page), "answer": "agree"}, follow_redirects=True)
    assert "You have signed." in done.text and "1 of 3 signed" in done.text
    assert nell.get(f"/documents/{key}/sign").status_code == 409
    asa = sign_in(there.assessor)
    page = asa.get(f"/documents/{key}/sign").text
    assert "you recommend the outcome" in page and "Nell Newly: agrees" in page
    changed = asa.post(f"/documents/{key}/sign", data={"read": "0" * 64, "answer": "agree"})
    assert changed.status_code == 412 and "changed since you read it" in changed.text
    assert asa.post(f"/documents/{key}/sign", data={"read": read(page), "answer": "agree"}).status_code in (200, 303)
    assert room.state(key) == ("signing", "line_manager")


def test_who_has_no_part_in_it_sees_nothing(room: Signing, sign_in: SignIn) -> None:
    key = room.freeze()
    stranger = sign_in(room.make.person("Stan Stranger"))
    for path in (f"/documents/{key}/sign", f"/documents/{key}/signatures", f"/portfolios/{room.there.id}/signatures"):
        assert stranger.get(path).status_code == 404
    assert stranger.post(f"/documents/{key}/sign", data={"read": "0" * 64, "answer": "agree"}).status_code == 404
    assert stranger.post(f"/portfolios/{room.there.id}/export").status_code == 404
    assert stranger.get(f"/portfolios/{room.there.id}/redact").status_code == 403


def test_the_coordinator_records_who_did_not_sign_when_their_time_is_over(room: Signing, sign_in: SignIn) -> None:
    key = room.freeze()
    cora = sign_in(room.make.person("Cora Coordinator", roles=("coordinator",)))
    assert "that can be recorded here from" in cora.get(f"/documents/{key}/signatures").text
    with room.of() as tx:
        tx.db.execute(update(Document).where(Document.id == key).values(waiting_since=tx.now - timedelta(days=40)))
    assert "Record that they did not sign" in cora.get(f"/documents/{key}/signatures").text
    sent = {"capacity": "nqsw", "how": "unable", "reason": ""}
    assert cora.post(f"/documents/{key}/not-signed", data=sent).status_code == 422
    done = cora.post(f"/documents/{key}/not-signed", data={**sent, "reason": "Away ill."}, follow_redirects=True)
    assert "The next signatory has been told" in done.text and "Unable to sign" in done.text
    assert room.state(key) == ("signing", "assessor")


def test_a_correction_stands_beside_what_is_signed(room: Signing, sign_in: SignIn) -> None:
    key = room.freeze()
    room.sign_all(key)
    lina = sign_in(room.there.line_manager)
    assert lina.post(f"/documents/{key}/addendum", data={"words": " "}).status_code == 422
    done = lina.post(f"/documents/{key}/addendum", data={"words": "A Tuesday."}, follow_redirects=True)
    assert "Your correction is part of the portfolio" in done.text and "Correction" in done.text


def test_the_chain_holds_or_says_what_does_not(room: Signing, sign_in: SignIn, count_queries: Any) -> None:
    room.sign_all(room.freeze())
    nell = sign_in(room.there.nqsw)
    path = f"/portfolios/{room.there.id}/signatures"
    with count_queries() as queries:
        page = nell.get(path)
    assert "3 entries, each joined to the one before" in page.text and len(queries) <= 12
    assert "support" not in page.text.replace("Support and assessment agreement", "")
    with room.of() as tx:
        tx.db.execute(update(Opening).where(Opening.path == "main/own").values(salt=None, value=None, redacted_at=tx.now))
    page = nell.get(path)
    assert "not as it was signed" in page.text and "no redaction accounts for it" in page.text


def test_the_portfolio_is_asked_for_made_and_fetched(room: Signing, sign_in: SignIn, test_settings: Settings) -> None:
    room.sign_all(room.freeze())
    nell = sign_in(room.there.nqsw)
    path = f"/portfolios/{room.there.id}"
    asked = nell.post(f"{path}/export", follow_redirects=True)
    assert "It is being made" in asked.text and "Being made since" in asked.text
    assert nell.post(f"{path}/export").status_code == 409
    (row,) = room.make.rows(select(Export.id))
    assert nell.get(f"/portfolio-exports/{row.id}").status_code == 404
    exports.make_waiting(room.make.database, test_settings, room.now)
    fetched = nell.get(f"/portfolio-exports/{row.id}")
    assert fetched.status_code == 200 and "portfolio-T" in fetched.headers["content-disposition"]
    assert report(unzipped(fetched.content)).findings == []
    assert sign_in(room.there.assessor).get(f"/portfolio-exports/{row.id}").status_code == 404


def test_redaction_on_the_page(room: Signing, sign_in: SignIn) -> None:
    room.sign_all(room.freeze())
    cora = sign_in(room.make.person("Cora Coordinator", roles=("coordinator",)))
    path = f"/portfolios/{room.there.id}"
    page = cora.get(f"{path}/redact").text
    assert page.count('value="1:main/own"') == 1 and 'value="2:main/own"' not in page
    assert cora.post(f"{path}/redact", data={"what": "1:main/own"}).status_code == 422
    assert cora.post(f"{path}/redact", data={"reason": "family", "what": "nonsense"}).status_code == 422
    done = cora.post(f"{path}/redact", data={"reason": "family", "what": ["1:main/own"]}, follow_redirects=True)
    assert "Redacted. The chain says so" in done.text and "Names a child or a family" in done.text and "Holds" in done.text
    assert "Patience." not in cora.get(f"{path}/redact").text


def test_anybody_can_look_a_fingerprint_up_and_take_the_script(room: Signing, visitor: TestClient) -> None:
    room.sign_all(room.freeze())
    with room.of() as tx:
        heads.daily_head(tx, [])
        newest = tx.scalar(select(Entry.hash).order_by(Entry.sequence.desc()).limit(1))
        day = tx.scalar(select(DailyHead.hash))
    found = visitor.get("/verify-portfolio", params={"fingerprint": newest[:32].upper() + " " + newest[32:]}).text
    assert "entry 3 of 3 in portfolio T" in found and room.there.nqsw.name not in found
    assert "daily head of" in visitor.get("/verify-portfolio", params={"fingerprint": day}).text
    assert "not known here" in visitor.get("/verify-portfolio", params={"fingerprint": "0" * 64}).text
    assert "64 characters: 0 to 9" in visitor.get("/verify-portfolio", params={"fingerprint": "abc"}).text
    script = visitor.get("/verify-portfolio/verify.py")
    assert script.content == (ROOT / "docs" / "verify.py").read_bytes() and "verify.py" in script.headers["content-disposition"]
