"""Documents: who writes what and when, tabs that are put together, clashes, turns, giving back, freezing, files, copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from app.core.db import Database
from app.core.errors import Changed, Conflict, Invalid, NotFound, Refusal
from app.core.files import Store, receive
from app.core.tx import NOBODY, Actor, Tx, clock, transaction
from app.identity import operations as identity
from app.policy import Can
from app.programmes import merging, papers
from app.programmes.models import Enrolment, StageRecord
from app.programmes.operations import comments, contribute, documents, write
from app.programmes.portfolio_models import Clash, Contribution, Document, Revision
from tests.conftest import Ledger
from tests.factory import Make
from tests.programmes import making
from tests.programmes.making import Enrolled, Programmes


@dataclass
class Hands:
    """`with hands.of(person) as tx`: a transaction in which that person acts; `later` moves the clock."""

    database: Database
    later: timedelta = timedelta()

    @contextmanager
    def of(self, person: Any, *roles: str) -> Iterator[Tx]:
        held = tuple((role, None) for role in ("practitioner", *roles))
        actor = Actor("person", person.id, person.name, held)
        with transaction(self.database, actor, writes=True, now=clock() + self.later) as tx:
            yield tx


@pytest.fixture
def hands(database: Database) -> Hands:
    return Hands(database)


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def test_one_tab_is_one_revision_for_ten_minutes(hands: Hands, there: Enrolled, make: Make) -> None:
    key = there.documents["CRL1"]
    for minutes, words, number in ((0, "I", 1), (9, "I saw", 1), (11, "I saw a family", 2)):
        hands.later = timedelta(minutes=minutes)
        with hands.of(there.nqsw) as tx:
            saved = write.save(
                tx, key, 0, {"reflection": words}, None, "tab-a", had={"reflection": _print("I" * bool(minutes))}, turn=minutes + 1
            )
            assert (saved.number, saved.clashes) == (number, {})
    rows = make.rows(select(Revision.number, Revision.content).where(Revision.document_id == key).order_by(Revision.number))
    assert [(row.number, row.content["reflection"]) for row in rows] == [(1, "I saw"), (2, "I saw a family")]


def _print(words: str) -> str:
    return merging.fingerprint(words)


def _save(tx: Tx, key: int, answers: dict[str, str], had: dict[str, str], sitting: str, turn: int = 0) -> write.Saved:
    """As a page does: with the fingerprints of what it was given."""
    base = int(tx.scalar(select(Document.head).where(Document.id == key)))
    given = {code: _print(had.get(code, "")) for code in ("context", "seen", "view", "reflection", "support", "own", "feedback")}
    return write.save(tx, key, base, answers, None, sitting, had=given, turn=turn)


def test_two_tabs_on_different_answers_are_put_together(hands: Hands, there: Enrolled) -> None:
    key = there.documents["SAA"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"own": "what I bring"}, {}, "learner")
    with hands.of(there.assessor) as tx:
        saved = _save(tx, key, {"support": "weekly talks", "own": "not mine to write"}, {}, "assessor")
        assert saved.content == {"own": "what I bring", "support": "weekly talks"} and saved.number == 2


def test_two_tabs_on_one_answer_clash_and_nothing_is_lost(hands: Hands, there: Enrolled, make: Make) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "first tab"}, {}, "a")
    with hands.of(there.nqsw) as tx:
        saved = _save(tx, key, {"reflection": "second tab"}, {}, "b")
        assert saved.content == {"reflection": "first tab"} and set(saved.clashes) == {"reflection"}
    with hands.of(there.nqsw) as tx:  # both type on: the first goes on, the second adds to what waits
        assert _save(tx, key, {"reflection": "first tab, more"}, {"reflection": "first tab"}, "a").clashes == {}
        assert _save(tx, key, {"reflection": "second tab, more"}, {}, "b").clashes == saved.clashes
        assert set(_save(tx, key, {"reflection": "third tab"}, {}, "c").clashes.values()) != set(saved.clashes.values())
    words = [row.words for row in make.rows(select(Clash.words).order_by(Clash.id))]
    assert words == ["second tab, more", "third tab"]
    with hands.of(there.nqsw) as tx, pytest.raises(Conflict, match="two places"):
        documents.send(tx, key)
    with hands.of(there.nqsw) as tx, pytest.raises(Changed):
        write.settle_clash(tx, key, saved.clashes["reflection"], "all three", _print("first tab"))
    with hands.of(there.nqsw) as tx:
        write.settle_clash(tx, key, saved.clashes["reflection"], "both", _print("first tab, more"))
        (other,) = papers.clashes(tx, key)
        write.settle_clash(tx, key, other.id, None, "")
        assert papers.paper(tx, Can.READ_PORTFOLIO, key).content == {"reflection": "both"}


def test_words_whose_arrival_the_tab_was_never_told_of_are_no_clash(hands: Hands, there: Enrolled) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "sent, and the reply was lost"}, {}, "a", turn=1)
    with hands.of(there.nqsw) as tx:
        saved = _save(tx, key, {"reflection": "sent, and the reply was lost, so I typed on"}, {}, "a", turn=3)
        assert saved.clashes == {} and saved.content["reflection"].endswith("typed on")
    with hands.of(there.nqsw) as tx:  # and what was sent in between arrives last
        assert _save(tx, key, {"reflection": "old"}, {}, "a", turn=2).content["reflection"].endswith("typed on")


def test_a_revision_alone_serves_programs(hands: Hands, there: Enrolled) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        assert write.save(tx, key, 0, {"reflection": "one"}, [], "x").number == 1
        assert write.save(tx, key, 1, {"reflection": "two"}, [], "y").number == 2
        assert write.save(tx, key, 1, {"reflection": "three"}, [], "z").clashes


def test_long_answers_are_refused_and_everything_else_is_tidied(hands: Hands, there: Enrolled) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        with pytest.raises(Invalid) as refused:
            _save(tx, key, {"reflection": "x" * 20_001}, {}, "a")
        assert refused.value.errors[0]["field"] == "a-reflection"
        assert _save(tx, key, {"reflection": " a\r\nb \r\n"}, {}, "a").content == {"reflection": "a\nb"}


def test_sending_goes_from_hand_to_hand_and_is_signed_or_complete(hands: Hands, there: Enrolled, make: Make, ledger: Ledger) -> None:
    key = there.documents["SAA"]
    with hands.of(there.assessor) as tx:
        with pytest.raises(Invalid) as refused:
            documents.send(tx, key)
        assert refused.value.errors == [{"field": "a-support", "message": "Answer this question: What support is agreed?"}]
        _save(tx, key, {"support": "weekly talks"}, {}, "a")
        assert documents.send(tx, key) == "signing"
    row = make.row(Document, key)
    assert (row.state, row.frozen, row.waiting_for) == ("signing", 1, "nqsw") and row.waiting_since is not None
    assert ledger.outbox() == ["email.sign_asked"]
    with hands.of(there.assessor) as tx, pytest.raises(Conflict):
        _save(tx, key, {"support": "changed"}, {"support": "weekly talks"}, "a")
    with hands.of(there.assessor) as tx, pytest.raises(DatabaseError):  # the database itself keeps what is sealed
        tx.db.execute(update(Revision).where(Revision.document_id == key).values(content={}))
    with hands.of(there.nqsw) as tx:
        with pytest.raises(Invalid):
            documents.give_back(tx, key, " ")
        assert documents.give_back(tx, key, "It says nothing of my caseload.") == "assessor"
    assert make.row(Document, key).frozen is None and ledger.outbox()[-1] == "email.document_returned"
    with hands.of(there.assessor) as tx:
        assert _save(tx, key, {"support": "weekly talks, 14 children"}, {"support": "weekly talks"}, "a").number == 2
        assert [row.words for row in papers.comments(tx, key)] == ["It says nothing of my caseload."]
    with hands.of(there.nqsw) as tx:
        _save(tx, there.documents["CRL1"], {"reflection": "words"}, {}, "r")
        assert documents.send(tx, there.documents["CRL1"]) == "final"


def test_the_first_words_begin_the_stage_and_the_programme(hands: Hands, make: Make) -> None:
    there = Programmes(make).enrolment(status="registered")
    with hands.of(there.nqsw) as tx:
        _save(tx, there.documents["DO1"], {"context": "a visit"}, {}, "a")
    assert make.row(Enrolment, there.id).status == "in_progress"
    (stage,) = make.rows(select(StageRecord.state).where(StageRecord.stage_id == there.stages["ST-2"]))
    assert stage.state == "open"


def test_what_is_complete_without_signatures_can_be_given_back_by_who_assesses(hands: Hands, there: Enrolled) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "short"}, {}, "a")
        documents.send(tx, key)
        with pytest.raises(Conflict):
            documents.give_back(tx, key, "mine again")
    with hands.of(there.assessor) as tx:
        assert documents.give_back(tx, key, "Say more.") == "nqsw"
    with hands.of(there.nqsw) as tx:
        assert _save(tx, key, {"reflection": "long"}, {"reflection": "short"}, "b").number == 2
        assert write.restore(tx, key, 1) == 3
        assert papers.paper(tx, Can.READ_PORTFOLIO, key).content == {"reflection": "short"}
        with pytest.raises(Conflict):
            write.restore(tx, key, 1)


def test_a_draft_is_its_writers_alone(hands: Hands, there: Enrolled, make: Make) -> None:
    key, coordinator = there.documents["CRL1"], make.person("Cora", roles=("coordinator",))
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "half a thought"}, {}, "a")
    for reader, roles in ((there.assessor, ()), (there.line_manager, ()), (coordinator, ("coordinator",))):
        with hands.of(reader, *roles) as tx, pytest.raises(NotFound):
            papers.read(tx, key)
    with hands.of(there.nqsw) as tx:
        documents.send(tx, key)
    for reader, roles in ((there.assessor, ()), (there.line_manager, ()), (coordinator, ("coordinator",))):
        with hands.of(reader, *roles) as tx:
            assert papers.read(tx, key).content
    with hands.of(coordinator, "coordinator") as tx, pytest.raises(NotFound):
        comments.comment(tx, key, None, "from outside")


def test_an_observation_waits_for_whoever_is_asked(hands: Hands, there: Enrolled, make: Make, ledger: Ledger) -> None:
    key, observer = there.documents["DO1"], make.person("Olu Server")
    with hands.of(observer) as tx, pytest.raises(NotFound):
        papers.read(tx, key)
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"context": "a first visit"}, {}, "a")
        with pytest.raises(Conflict, match="nobody has been asked") as refused:
            documents.send(tx, key)
        assert refused.value.way_out == "Ask somebody for their part first."
        contribute.ask_contributor(tx, key, "observer", "Olu Server", observer.email)
        assert documents.send(tx, key) == "sent"
    assert make.row(Document, key).waiting_for == "observer"
    with hands.of(observer) as tx:
        paper = papers.read(tx, key)
        assert paper.writes == {"seen"} and not paper.takes_back
        with pytest.raises(NotFound):
            papers.read(tx, there.documents["SAA"])
        assert [each.row.code for each in papers.listed(tx, paper.part)] == ["DO1"]
        _save(tx, key, {"seen": "warm and clear", "context": "not mine"}, {}, "o")
        assert documents.send(tx, key) == "sent"
    assert make.row(Document, key).waiting_for == "assessor" and "email.contribution_given" in ledger.outbox()
    with hands.of(there.assessor) as tx:
        _save(tx, key, {"view": "meets it"}, {}, "v")
        assert documents.send(tx, key) == "final"
    assert [row.state for row in make.rows(select(Contribution.state))] == ["given"]


def test_nobody_waits_for_ever_for_somebody_outside(hands: Hands, there: Enrolled, make: Make) -> None:
    key = there.documents["DO1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"context": "a first visit"}, {}, "a")
        contribute.ask_contributor(tx, key, "observer", "Ola Outside", "ola@elsewhere.example")
        documents.send(tx, key)
        assert documents.give_back(tx, key, "") == "nqsw"
    assert (make.row(Document, key).state, make.row(Document, key).waiting_for) == ("returned", "nqsw")


def test_copies_are_numbered_and_only_where_they_are_wanted(hands: Hands, there: Enrolled) -> None:
    with hands.of(there.nqsw) as tx:
        template = papers.paper(tx, Can.READ_PORTFOLIO, there.documents["FB2"]).row.template_id
        for number in (2, 3):
            key = documents.add_document(tx, there.id, template)
            assert papers.paper(tx, Can.READ_PORTFOLIO, key).title == f"Feedback from people supported {number}"
        with pytest.raises(Conflict):
            documents.add_document(tx, there.id, papers.paper(tx, Can.READ_PORTFOLIO, there.documents["SAA"]).row.template_id)
        with pytest.raises(NotFound):
            documents.add_document(tx, there.id, 99_999)


def test_files_belong_to_a_document_while_it_is_written(hands: Hands, there: Enrolled, tmp_path: Path) -> None:
    key = there.documents["CRL1"]
    took = receive(Store(tmp_path, 1000), BytesIO(b"A letter.\n"), "letter.txt")
    with hands.of(there.nqsw) as tx:
        (file,) = documents.attach(tx, key, [took])
        assert documents.attachment(tx, key, file).name == "letter.txt"
        with pytest.raises(NotFound):
            documents.attachment(tx, there.documents["SAA"], file)
    with hands.of(there.assessor) as tx, pytest.raises(NotFound):
        documents.attachment(tx, key, file)  # still a draft
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "see the letter"}, {}, "a")
        documents.send(tx, key)
    with hands.of(there.assessor) as tx:
        assert documents.attachment(tx, key, file).name == "letter.txt"
    for person in (there.nqsw, there.assessor):
        with hands.of(person) as tx, pytest.raises(Conflict):
            documents.detach(tx, key, file)


def test_comments_are_between_the_two_sides(hands: Hands, there: Enrolled, ledger: Ledger) -> None:
    key = there.documents["CRL1"]
    with hands.of(there.nqsw) as tx:
        _save(tx, key, {"reflection": "words"}, {}, "a")
        documents.send(tx, key)
    with hands.of(there.assessor) as tx:
        said = comments.comment(tx, key, "reflection", "What did you feel?")
        with pytest.raises(Invalid):
            comments.comment(tx, key, "no such question", "x")
    with hands.of(there.nqsw) as tx:
        comments.settle(tx, key, said)
        assert papers.comments(tx, key)[0].settled_at is not None
    assert ledger.outbox() == ["email.document_commented"]
    facts = [str(row.facts) for action in ("document.commented", "document.saved") for row in ledger.entries(action)]
    assert facts and not any("feel" in one or "words" in one for one in facts)  # no reflective words in the trail


def _refused(hands: Hands, person: Any, what: Callable[[Tx], Any], *roles: str) -> bool:
    try:
        with hands.of(person, *roles) as tx:
            what(tx)
    except Refusal as refusal:
        return refusal.status in (403, 404, 409)
    return False


def test_nobody_acts_in_a_portfolio_that_is_not_theirs(hands: Hands, there: Enrolled, make: Make) -> None:
    """Strangers, those whose part has ended and the moderating side change nothing; coordinators only ask others."""
    other = Programmes(make).enrolment(nqsw=make.person("Otto Other"))
    before = make.person("Bea Before")
    panel, coordinator = make.person("Pan Ell", roles=("panel",)), make.person("Cora", roles=("coordinator",))
    programmes, key = Programmes(make), there.documents["SAA"]
    with make.tx() as tx:
        programmes.involve(tx, there, before.id, "observer", tx.today - timedelta(days=20), tx.today)
        programmes.involve(tx, there, panel.id, "panel_member", tx.today - timedelta(days=20))
    verbs: list[Callable[[Tx], Any]] = [
        lambda tx: write.save(tx, key, 0, {"support": "x", "own": "x"}, [], "s"),
        lambda tx: write.restore(tx, key, 1),
        lambda tx: write.settle_clash(tx, key, 1, None, ""),
        lambda tx: documents.send(tx, key),
        lambda tx: documents.give_back(tx, key, "x"),
        lambda tx: documents.add_document(tx, there.id, 1),
        lambda tx: documents.attach(tx, key, []),
        lambda tx: documents.detach(tx, key, 1),
        lambda tx: comments.comment(tx, key, None, "x"),
        lambda tx: comments.settle(tx, key, 1),
        lambda tx: contribute.ask_contributor(tx, there.documents["DO1"], "observer", "N", "n@x.example"),
        lambda tx: contribute.withdraw_ask(tx, there.documents["DO1"], 1),
        lambda tx: contribute.ask_again(tx, there.documents["DO1"], 1),
    ]
    for who, roles in ((other.nqsw, ()), (other.assessor, ()), (before, ()), (panel, ("panel",)), (coordinator, ("coordinator",))):
        allowed = [number for number, verb in enumerate(verbs) if not _refused(hands, who, verb, *roles)]
        # The Academy asks on somebody's behalf, and takes that back; it writes nothing.
        assert (who.name, allowed) == (who.name, [10, 11] if who is coordinator else [])


def test_two_who_save_at_the_same_moment_take_turns(hands: Hands, there: Enrolled, make: Make) -> None:
    """Eight tabs at once, each from an empty page: one has the answer, seven keep their words as another version."""
    key, ready = there.documents["CRL1"], Barrier(8)

    def tab(number: int) -> int:
        ready.wait(20)
        with hands.of(there.nqsw) as tx:
            return len(_save(tx, key, {"reflection": f"tab {number}"}, {}, f"tab-{number}").clashes)

    with ThreadPoolExecutor(8) as pool:
        clashed = list(pool.map(tab, range(8)))
    assert sorted(clashed) == [0] + [1] * 7
    (stands,) = make.rows(select(Revision.content).where(Revision.document_id == key))
    kept = [row.words for row in make.rows(select(Clash.words).where(Clash.document_id == key))]
    assert sorted([stands.content["reflection"], *kept]) == [f"tab {number}" for number in range(8)]


# After somebody else ------------------------------------------------------------------------------------------------

OBSERVED = {
    "sections": [
        {"code": "context", "title": "Context", "items": [making.item("context", "Context", ["nqsw"])]},
        {"code": "observer", "title": "Observer", "items": [making.item("seen", "What was seen", ["observer"])]},
        {"code": "own", "title": "Your own view", "after": ["observer"], "items": [making.item("own", "How it went", ["nqsw"])]},
    ]
}


def test_ones_own_view_is_written_after_the_observer(hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the form says so: not in a draft, not by an old page, not by bringing back; and then it is the learner's turn."""
    changed = [{**each, "form": OBSERVED, "by": ["nqsw", "observer"]} if each["code"] == "DO1" else each for each in making.DOCUMENTS]
    monkeypatch.setattr(making, "DOCUMENTS", tuple(changed))
    there = Programmes(make).enrolment()
    key = there.documents["DO1"]
    with hands.of(there.nqsw) as tx:
        assert papers.paper(tx, Can.WRITE_PORTFOLIO, key).writes == {"context"}
        _save(tx, key, {"context": "A visit", "own": "It went well"}, {}, "a")
        assert papers.paper(tx, Can.WRITE_PORTFOLIO, key).content == {"context": "A visit"}
        asked = contribute.ask_contributor(tx, key, "observer", "Ola Outside", "ola@elsewhere.example")
        expires = tx.now + timedelta(days=20)
        token = identity.mint_link(tx, None, "contribution", "ola@elsewhere.example", subject_id=asked, expires_at=expires)
        documents.send(tx, key)
    assert make.row(Document, key).waiting_for == "observer"
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.give(tx, token, {"seen": "Warm and clear"}, had={"seen": _print("")})
    assert make.row(Document, key).waiting_for == "nqsw"
    with hands.of(there.nqsw) as tx:
        assert papers.paper(tx, Can.WRITE_PORTFOLIO, key).writes == {"context", "own"}
        _save(tx, key, {"own": "It went well"}, {"own": ""}, "b")
        assert papers.paper(tx, Can.WRITE_PORTFOLIO, key).content["own"] == "It went well"
