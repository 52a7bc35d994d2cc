"""Portfolios and documents over HTTP: what each sees, what the script is told, and that nobody reads outside their part."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.files import store_of
from app.identity import operations as identity
from app.programmes.models import Enrolment
from app.programmes.operations import comments, contribute, documents
from app.programmes.portfolio_models import Contribution, Document
from tests.conftest import Ledger
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.portfolio_world import rows
from tests.programmes.test_writing import Hands, _save, hands

__all__ = ["hands"]
SignIn = Callable[[Any], TestClient]
SECRET = "I was frightened at the door"


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def hidden(page: str) -> dict[str, str]:
    """What the form brings back."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: value.replace("&#34;", '"') for name, value in found}


def test_my_programme_says_where_i_am(sign_in: SignIn, there: Enrolled, make: Make, hands: Hands, count_queries: Callable[[], Any]) -> None:
    with hands.of(there.nqsw) as tx:
        _save(tx, there.documents["CRL1"], {"reflection": SECRET}, {}, "a")
        documents.send(tx, there.documents["CRL1"])
    nell = sign_in(there.nqsw)
    with count_queries() as queries:
        page = nell.get("/my-programme").text
    assert len(queries) <= 12, queries.statements
    for words in (
        "Beginning: 1 of 2 documents complete",
        "Today",
        "Asa Sessor",
        "Lina Manager",
        "Not arranged yet",
        "<strong>0 of 1</strong>",
    ):
        assert words in page, words
    assert SECRET not in page
    assert "You are not on a programme" in sign_in(there.assessor).get("/my-programme").text
    asa = sign_in(there.assessor)
    with count_queries() as queries:
        page = asa.get(f"/portfolios/{there.id}").text
    assert len(queries) <= 12 and "Portfolio" in page and "Nell Newly" in page
    added = nell.post(f"/portfolios/{there.id}/add", data={"template_id": _template(make, there, "FB2")})
    assert nell.get(added.headers["location"]).text.count("Feedback from people supported 2") >= 2


def _template(make: Make, there: Enrolled, code: str) -> str:
    return str(make.row(Document, there.documents[code]).template_id)


def test_a_document_in_a_browser_without_script(sign_in: SignIn, there: Enrolled, count_queries: Callable[[], Any]) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    given = hidden(nell.get(address).text)
    assert given["base"] == "0" and len(given["sitting"]) == 16 and set(json.loads(given["had"])) == {"reflection", "standards"}
    empty = nell.post(f"{address}/send", data=given)
    assert empty.status_code == 422 and 'href="#a-reflection"' in empty.text and 'id="a-reflection"' in empty.text
    reply = nell.post(f"{address}/save", data=given | {"a-reflection": f"{SECRET}\r\nand went in"})
    assert reply.headers["location"] == f"{address}?said=saved"
    with count_queries() as queries:
        page = nell.get(address).text
    assert len(queries) <= 12, queries.statements
    assert f"{SECRET}\nand went in</textarea>" in page and "Saved " in page
    sent = nell.post(f"{address}/send", data=hidden(page) | {"a-reflection": f"{SECRET} and went in again"})
    assert sent.headers["location"] == f"{address}?said=final"
    page = nell.get(f"{address}?said=final").text
    assert "went in again" in page and "<textarea" not in page.partition("Comment")[0]
    assert "Struck through" in nell.get(f"{address}/history").text


def test_what_the_script_is_told(sign_in: SignIn, there: Enrolled) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    first, second = (hidden(nell.get(address).text) for _ in range(2))
    asks = {"accept": "application/json"}
    told = nell.post(f"{address}/save", data=first | {"a-reflection": "one ", "turn": "1"}, headers=asks).json()
    assert (told["number"], told["other"], told["clashes"]) == (1, {}, {}) and told["saved"].startswith("Saved ")
    told = nell.post(f"{address}/save", data=second | {"a-reflection": "two", "turn": "1"}, headers=asks).json()
    assert told["other"] == {"reflection": "one"} and set(told["clashes"]) == {"reflection"}
    page = nell.get(address).text
    assert "Two versions of an answer" in page
    choice = nell.get(f"{address}/clashes/{told['clashes']['reflection']}").text
    assert "<ins" in choice and "What stands now" in choice
    long = nell.post(f"{address}/save", data=first | {"a-reflection": "x" * 20_001}, headers=asks)
    assert long.status_code == 422 and "20,000 characters" in long.json()["errors"][0]["message"]
    over = sign_in(there.assessor).post(f"/documents/{there.documents['DO1']}/save", data={"a-seen": "x"}, headers=asks)
    assert over.status_code == 200 and over.json()["number"] == 0  # not the observer: nothing of it is kept
    assert nell.post(f"{address}/save", data={"had": "no json", "sitting": "?", "turn": "x"}).status_code == 303


def test_files_come_in_and_go_out(sign_in: SignIn, there: Enrolled, hands: Hands, test_settings: Any) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    taken = nell.post(f"{address}/files", files={"file": ("my letter.txt", b"Thank you.\n", "text/html")})
    assert taken.status_code == 303, taken.text
    page = nell.get(address).text
    link = re.search(rf'href="({address}/files/\d+)">my letter.txt', page)
    assert link is not None
    got = nell.get(link[1])
    assert got.content == b"Thank you.\n" and got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-type"].startswith("text/plain") and store_of(test_settings).folder.exists()
    assert nell.post(f"{address}/files", files={"file": ("run.exe", b"MZ\x90\x00", "text/plain")}).status_code == 422
    assert sign_in(there.assessor).get(link[1]).status_code == 404  # a draft
    assert nell.post(f"{link[1]}/remove").status_code == 303 and nell.get(link[1]).status_code == 404


def test_nobody_reads_outside_their_part(sign_in: SignIn, there: Enrolled, make: Make, hands: Hands) -> None:
    """Every address of a document, for everybody who is not, not yet, or not any more, to read it."""
    programmes, key = Programmes(make), there.documents["SAA"]
    other = programmes.enrolment(nqsw=make.person("Otto Other"), assessor=make.person("Ola Other"))
    before, after, observer = make.person("Bea Before"), make.person("Al After"), make.person("Olu Server")
    panel, chief = make.person("Pan Ell", roles=("panel member",)), make.person("Psy Wu", roles=("principal social worker",))
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"own": SECRET}, {}, "a")
    with make.tx() as tx:
        found = rows(tx, other, "x" * 40)
        programmes.involve(tx, there, before.id, "mentor", tx.today - timedelta(days=9), tx.today)
        programmes.involve(tx, there, after.id, "mentor", tx.today + timedelta(days=9))
        programmes.involve(tx, there, observer.id, "observer", tx.today)
        programmes.involve(tx, there, panel.id, "panel_member", tx.today)
    addresses = [f"/documents/{key}{tail}" for tail in ("", "/history", "/ask", "/clashes/1", "/files/1")] + [f"/portfolios/{there.id}"]
    outsiders = (other.nqsw, other.assessor, before, after, make.person("Nobody At All"), chief)
    replies = {(who.name, address): sign_in(who).get(address).status_code for who in outsiders for address in addresses}
    assert set(replies.values()) <= {403, 404}, {where: status for where, status in replies.items() if status not in (403, 404)}
    olu = sign_in(observer)  # involved, but asked for another document, or none
    assert [olu.get(address).status_code for address in addresses] == [404, 404, 404, 404, 404, 200]
    assert "SAA" not in olu.get(addresses[-1]).text and "Support and assessment agreement" not in olu.get(addresses[-1]).text
    for reader in (panel, there.line_manager):  # the document is there; its words are a draft's, of which one is a writer or not
        page = sign_in(reader).get(addresses[0])
        assert page.status_code == 200 and SECRET not in page.text
        assert sign_in(reader).get(addresses[1]).status_code == 404
    nell = sign_in(there.nqsw)  # ids of another portfolio under one's own document
    assert nell.get(f"/documents/{key}/files/{found['attachment_id']}").status_code == 404
    assert nell.get(f"/documents/{key}/clashes/{found['clash_id']}").status_code == 404
    assert nell.post(f"/documents/{key}/asked/{found['contribution_id']}/again").status_code == 404


def test_the_panel_reads_what_is_complete_and_nothing_of_how_it_came_about(
    sign_in: SignIn, there: Enrolled, make: Make, hands: Hands
) -> None:
    panel, key = make.person("Pan Ell", roles=("panel member",)), there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": SECRET}, {}, "a")
        documents.send(tx, key)
    with hands.of(there.assessor) as tx:
        comments.comment(tx, key, None, "Between us")
    with make.tx() as tx:
        Programmes(make).involve(tx, there, panel.id, "panel_member", tx.today)
    page = sign_in(panel).get(f"/documents/{key}").text
    assert SECRET in page and "Between us" not in page and "Add the comment" not in page
    assert sign_in(panel).get(f"/documents/{key}/history").status_code == 404
    assert "Between us" in sign_in(there.nqsw).get(f"/documents/{key}").text


def test_a_link_opens_one_page_and_shows_nobody_elses_words(
    visitor: TestClient, there: Enrolled, make: Make, hands: Hands, ledger: Ledger
) -> None:
    with hands.of(there.nqsw) as tx:
        _save(tx, there.documents["DO1"], {"context": SECRET}, {}, "a")
        key = contribute.ask_contributor(tx, there.documents["DO1"], "observer", "Ola Outside", "ola@elsewhere.example", "Be frank.")
        row = tx.get(Contribution, key)
        token = identity.mint_link(tx, None, "contribution", row.email, subject_id=key, expires_at=row.expires_at)
    address = f"/contributions/{token}"
    page = visitor.get(address).text
    assert "Be frank." in page and "Nell Newly" in page and "no names of children" in page
    assert SECRET not in page and "Assessor" not in page  # the small programme's observation has no section for its observer to read
    asks = {"accept": "application/json"}
    told = visitor.post(f"{address}/save", data=hidden(page) | {"a-seen": "Warm", "turn": "1"}, headers=asks).json()
    assert told["other"] == {} and "Warm</textarea>" in visitor.get(address).text
    assert visitor.post(address, data={"what": "give", "a-seen": "", "had": json.dumps(told["had"])}).status_code == 422
    given = visitor.post(address, data={"what": "give", "a-seen": "Warm, clear", "had": json.dumps(told["had"])})
    assert given.status_code == 303 and "your part is given" in visitor.get(address).text
    assert visitor.post(address, data={"what": "give", "a-seen": "More"}).status_code == 409
    assert visitor.get("/contributions/nothing").status_code == 410
    assert not any(token in str(entry.facts) for entry in ledger.entries("contribution.given"))


def test_home_says_what_waits_for_me(sign_in: SignIn, there: Enrolled, make: Make, hands: Hands) -> None:
    with hands.of(there.assessor) as tx:
        _save(tx, there.documents["SAA"], {"support": "weekly talks"}, {}, "a")
        documents.send(tx, there.documents["SAA"])
    line = "For you to sign: Support and assessment agreement"
    assert line in sign_in(there.nqsw).get("/").text
    assert line not in sign_in(there.assessor).get("/").text
    with hands.of(there.nqsw) as tx:
        documents.give_back(tx, there.documents["SAA"], "Please say more.")
    assert "Given back to you: Support and assessment agreement of Nell Newly" in sign_in(there.assessor).get("/").text
    with make.tx() as tx:
        tx.update(Enrolment, there.id, status="withdrawn")
    assert "Given back to you" not in sign_in(there.assessor).get("/").text


def test_home_leads_to_my_programme(sign_in: SignIn, there: Enrolled) -> None:
    assert '<a class="govuk-link" href="/my-programme">My programme: Small programme</a>' in sign_in(there.nqsw).get("/").text
    assert "/my-programme" not in sign_in(there.assessor).get("/").text


def long_report(words: str, tokens: dict[str, str]) -> dict[str, str]:
    return tokens | {"a-reflection": words}


def test_a_long_report_without_script(sign_in: SignIn, there: Enrolled, make: Make, visitor: TestClient) -> None:
    """Twenty thousand letters, each of six bytes when they are sent, and as much in what the form brings back."""
    key = there.documents["CRL1"]
    nell, address = sign_in(there.nqsw), f"/documents/{key}/save"
    words = "é" * 20_000
    tokens = hidden(nell.get(f"/documents/{key}").text)
    padded = {f"a-old{n}": "é" * 20_000 for n in range(4)}  # what the page would bring of other answers
    kept = nell.post(address, data=long_report(words, tokens) | padded, follow_redirects=False)
    assert kept.status_code == 303 and words in nell.get(f"/documents/{key}").text
    too_long = nell.post(address, data=tokens | {"a-reflection": "x" * 2_200_000})
    assert too_long.status_code == 413 and "larger than 2 MB" in too_long.text and words in nell.get(f"/documents/{key}").text


def test_what_is_long_is_read_only_from_whoever_writes_there(sign_in: SignIn, there: Enrolled, make: Make, visitor: TestClient) -> None:
    address = f"/documents/{there.documents['CRL1']}/save"
    form = {"content-type": "application/x-www-form-urlencoded"}

    def unsaid() -> Any:
        """A body that says nothing about its size."""
        for _ in range(40):
            yield b"a-reflection=" + b"x" * 65_536

    large = {"a-reflection": "x" * 1_000_000}
    assert visitor.post(address, data=large, follow_redirects=False).status_code == 303
    assert sign_in(make.person("Odd Other")).post(address, data=large).status_code == 404
    assert sign_in(there.assessor).post(address, data=large).status_code == 409  # a draft is its writer's
    assert sign_in(there.nqsw).post(address, content=unsaid(), headers=form).status_code == 413
    assert sign_in(there.nqsw).post("/preferences", data=large).status_code == 413  # no other form is longer
    files = {"file": ("a.txt", b"x" * 1_000_000)}
    assert sign_in(there.nqsw).post(address, files=files).status_code == 413  # nor this one with files
