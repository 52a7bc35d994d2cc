"""Documents and what may name a family: warned of beside the words, asked about when they are handed on, and never held up before."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.ledger import Audit
from app.core.tx import NOBODY, transaction
from app.guarding import checking, operations
from app.guarding.checking import Decision, Identifiable
from app.guarding.models import GuardDecision
from app.policy import Can
from app.programmes import papers
from app.programmes.operations import comments, contribute, documents, guarded, write
from app.programmes.portfolio_models import Clash, Comment, Document, Revision
from tests.factory import Make
from tests.pages.test_states import check
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.signing import signing
from tests.programmes.test_contributing import ask, had
from tests.programmes.test_writing import Hands, _save, hands

__all__ = ["hands"]
SignIn = Callable[[Any], TestClient]
NUMBER = "07700 900123"
WORDS = f"I rang {NUMBER} and then went to see her."
ASKS = {"accept": "application/json"}


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def decisions(make: Make) -> list[tuple[Any, ...]]:
    columns = (GuardDecision.subject, GuardDecision.decision, GuardDecision.reason, GuardDecision.kinds)
    return [tuple(row) for row in make.rows(select(*columns).order_by(GuardDecision.id))]


def seen(error: Identifiable, *, take_out: bool = False, reason: str = "") -> Decision:
    return Decision(take_out, reason, frozenset(error.found.marks))


def test_saving_is_never_held_up_and_the_warning_stands_beside_the_words(sign_in: SignIn, there: Enrolled) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    given = hidden(nell.get(address).text)
    told = nell.post(f"{address}/save", data=given | {"a-reflection": WORDS, "turn": "1"}, headers=ASKS)
    assert told.status_code == 200 and told.json()["number"] == 1
    assert told.json()["guard"] == {"reflection": [["phone number", "I rang ", NUMBER, " and then went to see her."]]}
    page = nell.get(address).text
    assert "This may identify a child or a family." in page and f"<mark>{NUMBER}</mark>" in page and 'name="guard"' not in page
    told = nell.post(f"{address}/save", data=hidden(page) | {"a-reflection": "I rang her.", "turn": "2"}, headers=ASKS)
    assert told.json()["guard"] == {} and "<mark>" not in nell.get(address).text


def test_sending_asks_and_taking_out_leaves_nothing_behind(sign_in: SignIn, there: Enrolled, make: Make, hands: Hands) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": f"Draft. {WORDS}"}, {}, "first")
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": f"Another. {WORDS}"}, {}, "second")  # a clash, which keeps the words too
    with hands.of(there.nqsw) as tx:
        clash = tx.scalar(select(Clash.id).where(Clash.document_id == key))
        write.settle_clash(tx, key, clash, None, "")
    nell, address = sign_in(there.nqsw), f"/documents/{key}"
    form = hidden(nell.get(address).text) | {"a-reflection": WORDS}
    asked = nell.post(f"{address}/send", data=form)
    assert asked.status_code == 422 and 'id="guard"' in asked.text and f"<mark>{NUMBER}</mark>" in asked.text
    assert WORDS in asked.text and make.row(Document, key).state == "draft"  # what was typed is still there
    form |= hidden(asked.text)
    assert nell.post(f"{address}/send", data=form | {"guard": "keep"}).status_code == 422  # because of what?
    assert nell.post(f"{address}/send", data=form | {"guard": "keep", "guard-because": "made up"}).status_code == 422
    more = form | {"a-reflection": WORDS + " Her postcode is M99 6BX.", "guard": "redact"}
    assert nell.post(f"{address}/send", data=more).status_code == 422  # the postcode was never shown
    sent = nell.post(f"{address}/send", data=form | {"guard": "redact"})
    assert sent.headers["location"] == f"{address}?said=final"
    stored = [*make.rows(select(Revision.content)), *make.rows(select(Clash.words)), *make.rows(select(Audit.facts))]
    assert NUMBER not in json.dumps([tuple(map(str, row)) for row in stored])
    assert "I rang [phone number removed] and then" in nell.get(address).text
    assert decisions(make) == [("documents", "redacted", None, {"phone": 1})]
    assert NUMBER not in nell.get(f"{address}/history").text


def test_a_name_is_taken_out_as_a_word_and_as_drafts_wrote_it(hands: Hands, there: Enrolled, make: Make) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        operations.add_names(tx, "Hart")
        _save(tx, key, {"reflection": "HART'S plan, the Harts, and the Hartley Centre."}, {}, "a")
    with hands.of(there.nqsw) as tx:
        _save(
            tx,
            key,
            {"reflection": "Mrs Hart at the Hartley Centre."},
            {"reflection": "HART'S plan, the Harts, and the Hartley Centre."},
            "b",
        )
    with hands.of(there.nqsw) as tx, pytest.raises(Identifiable) as asked:
        documents.send(tx, key)
    with hands.of(there.nqsw) as tx:
        documents.send(tx, key, seen(asked.value, take_out=True))
    rows = make.rows(select(Revision.content).where(Revision.document_id == key).order_by(Revision.number))
    first, second = (row.content["reflection"] for row in rows)
    assert first == "[name removed] plan, the [name removed], and the Hartley Centre."
    assert second == "Mrs [name removed] at the Hartley Centre."


def test_what_was_kept_is_not_asked_again_but_what_came_after_is(hands: Hands, there: Enrolled, make: Make) -> None:
    key = there.documents["SAA"]
    with hands.of(there.assessor) as tx:
        _save(tx, key, {"support": WORDS}, {}, "a")
    with hands.of(there.assessor) as tx, pytest.raises(Identifiable) as asked:
        documents.send(tx, key)
    assert NUMBER not in str(asked.value) + str(asked.value.errors)
    assert asked.value.errors[0]["field"] == "a-support"
    with hands.of(there.assessor) as tx:
        documents.send(tx, key, seen(asked.value, reason="no-family"))
    assert decisions(make) == [("documents", "kept", "no-family", {"phone": 1})]
    with hands.of(there.nqsw) as tx:  # whoever signs is not asked what has been decided
        documents.give_back(tx, key, "Say more.")
    with hands.of(there.assessor) as tx:
        _save(tx, key, {"support": WORDS + " Write to nan@mail.example."}, {"support": WORDS}, "b")
        assert [
            one.kind for one in guarded.warnings(tx, key, _questions(tx, key), {"support": WORDS + " nan@mail.example"})["support"]
        ] == ["email"]
    with hands.of(there.assessor) as tx, pytest.raises(Identifiable) as asked:
        documents.send(tx, key)
    assert asked.value.found.kinds == {"email": 1}
    with hands.of(there.assessor) as tx:  # what was signed or frozen stays; a new revision goes without
        assert documents.send(tx, key, seen(asked.value, take_out=True)) == "signing"
    head = make.row(Document, key).head
    (now,) = make.rows(select(Revision.content).where(Revision.document_id == key, Revision.number == head))
    assert now.content["support"] == WORDS + " Write to [e-mail address removed]."


def _questions(tx: Any, key: int) -> Any:
    return papers.paper(tx, Can.READ_PORTFOLIO, key).questions


def test_signing_asks_about_what_nobody_has_decided(make: Make, sign_in: SignIn) -> None:
    stage = signing(make)
    key = stage.freeze(content={"support": WORDS, "own": "Patience."})
    with pytest.raises(Identifiable) as asked:
        stage.sign(stage.there.nqsw, key)
    assert asked.value.found.kinds == {"phone": 1}
    nell, address = sign_in(stage.there.nqsw), f"/documents/{key}/sign"
    form = hidden(nell.get(address).text) | {"answer": "agree"}
    page = nell.post(address, data=form)
    assert page.status_code == 422 and f"<mark>{NUMBER}</mark>" in page.text and 'value="redact"' not in page.text
    form |= hidden(page.text)
    assert "cannot be changed while it is signed" in nell.post(address, data=form | {"guard": "redact"}).text
    assert nell.post(address, data=form | {"guard": "keep", "guard-because": "needed"}).status_code == 303
    stage.sign(stage.there.assessor, key)  # decided about: not asked again
    with pytest.raises(Identifiable) as asked:
        stage.sign(stage.there.line_manager, key, "disagree", "Ask nan@mail.example.")
    assert [one.field for one in asked.value.found.fields] == ["statement"]


def test_somebody_outside_is_asked_too(hands: Hands, there: Enrolled, make: Make, visitor: TestClient) -> None:
    _, token = ask(hands, there, "FB2", "family_feedback")
    address = f"/contributions/{token}"
    form = hidden(visitor.get(address).text) | {"a-feedback": WORDS, "what": "give"}
    told = visitor.post(f"{address}/save", data=form | {"turn": "1"}, headers=ASKS).json()
    assert told["guard"]["feedback"][0][2] == NUMBER
    page = visitor.post(address, data=form)
    assert page.status_code == 422 and 'id="guard"' in page.text
    with transaction(hands.database, NOBODY, writes=True) as tx, pytest.raises(Identifiable) as asked:
        contribute.give(tx, token, {"feedback": WORDS}, had=had())
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.give(tx, token, {"feedback": WORDS}, had=had(), guard=seen(asked.value, take_out=True))
    assert "[phone number removed]" in str(make.rows(select(Revision.content)))
    assert NUMBER not in str(make.rows(select(Revision.content)))
    assert decisions(make) == [("documents", "redacted", None, {"phone": 1})]


def test_comments_and_what_is_given_back(hands: Hands, there: Enrolled, make: Make, sign_in: SignIn) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "Words."}, {}, "a")
        operations.add_names(tx, "Okafor")
    nell, address = sign_in(there.nqsw), f"/documents/{key}"
    page = nell.post(f"{address}/comments", data={"said": "Is this too much about the Okafors?", "item": ""})
    assert page.status_code == 422 and page.text.count('id="guard"') == 1 and "a name on your list" in page.text.lower()
    form = {"said": "Is this too much about the Okafors?", "item": "", "guard": "redact", "guard-seen": hidden(page.text)["guard-seen"]}
    assert nell.post(f"{address}/comments", data=form).status_code == 303
    assert [row.words for row in make.rows(select(Comment.words))] == ["Is this too much about the [name removed]?"]
    with hands.of(there.nqsw) as tx, pytest.raises(Identifiable):
        comments.comment(tx, key, None, "About the Okafors")
    stage = there.documents["SAA"]
    with hands.of(there.assessor) as tx:
        _save(tx, stage, {"support": "weekly"}, {}, "a")
        documents.send(tx, stage)
    with hands.of(there.nqsw) as tx, pytest.raises(Identifiable):
        documents.give_back(tx, stage, f"Call {NUMBER} first.")
    assert checking.decided({"guard": "perhaps"}) is None


def test_corrections_asking_declining_and_prior_learning(make: Make, sign_in: SignIn, visitor: TestClient, hands: Hands) -> None:
    stage = signing(make)
    key = stage.freeze()
    stage.sign_all(key)
    nell = sign_in(stage.there.nqsw)
    page = nell.post(f"/documents/{key}/addendum", data={"words": f"Her number is {NUMBER}."})
    assert page.status_code == 422 and 'id="guard"' in page.text
    given = {"words": f"Her number is {NUMBER}.", "guard": "redact", "guard-seen": hidden(page.text)["guard-seen"]}
    assert nell.post(f"/documents/{key}/addendum", data=given).status_code == 303
    form = {"part": "observer", "name": "Ola Outside", "email": "ola@elsewhere.example", "words": f"Ring {NUMBER} first."}
    page = nell.post(f"/documents/{stage.there.documents['DO1']}/ask", data=form)
    assert page.status_code == 422 and 'id="guard"' in page.text
    _, token = ask(hands, stage.there, "FB2", "family_feedback")
    page = visitor.post(f"/contributions/{token}", data={"what": "decline", "reply": f"Ask {NUMBER}."})
    assert page.status_code == 422 and page.text.count('id="guard"') == 1
    course = make.course().id
    form = {"course": str(course), "completed_on": "1", "completed_on-month": "9", "completed_on-year": "2025", "provider": "A college"}
    page = nell.post("/my-learning/prior", data=form | {"evidence": f"Certificate 77, and mum rang on {NUMBER}."})
    assert page.status_code == 422 and 'id="guard"' in page.text and "<mark>" in page.text
    assert [(row[0], row[1]) for row in decisions(make)] == [("documents", "redacted")]


def test_every_page_that_asks_is_sound(make: Make, sign_in: SignIn, tmp_path: Path) -> None:
    """Valid, every message leads to its field, every field has its label: document, comment, file, signature, one's list."""
    stage = signing(make)
    nell, address = sign_in(stage.there.nqsw), f"/documents/{stage.there.documents['CRL1']}"
    form = hidden(nell.get(address).text) | {"a-reflection": WORDS}
    nell.post(f"{address}/save", data=form)
    box = {"guard-files": "1"}
    key = stage.freeze(content={"support": WORDS, "own": "Patience."})
    signs = f"/documents/{key}/sign"
    asked = nell.post(signs, data=hidden(nell.get(signs).text) | {"answer": "disagree", "statement": f"Call {NUMBER}."}).text
    pages = {
        "warned": nell.get(address).text,
        "asked": nell.post(f"{address}/send", data=form | {"guard": "keep"}).text,
        "comment": nell.post(f"{address}/comments", data={"said": WORDS}).text,
        "file": nell.post(f"{address}/files", data=box, files={"file": ("a <b>.txt", WORDS.encode())}).text,
        "signing": asked,
        "names": nell.post("/my-details/names", data={"names": "<i>\n1"}).text,
    }
    assert all('id="guard"' in pages[name] for name in ("asked", "comment", "file", "signing"))
    assert check(make.database, tmp_path, pages) == []
