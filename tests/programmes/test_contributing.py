"""Parts written by somebody without an account: one link, one page, nothing else to be seen, and the draft theirs until given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.tx import NOBODY, clock, transaction
from app.identity import operations as identity
from app.identity.operations import LinkOver
from app.people.models import RoleHeld
from app.programmes import merging, papers
from app.programmes.operations import contribute, documents
from app.programmes.portfolio_models import Contribution, Document, Revision
from tests.conftest import Ledger
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.test_writing import Hands, _save, hands

__all__ = ["hands"]
ADDRESS = "ola@elsewhere.example"


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def ask(hands: Hands, there: Enrolled, document: str = "DO1", part: str = "observer") -> tuple[int, str]:
    """(contribution, token): asked by the learner, and the link as its e-mail brings it."""
    with hands.of(there.nqsw) as tx:
        if document == "DO1":
            _save(tx, there.documents["DO1"], {"context": "a first visit"}, {}, "a")
        key = contribute.ask_contributor(tx, there.documents[document], part, " Ola  Outside ", ADDRESS.upper(), "Please be frank.")
        row = tx.get(Contribution, key)
        return key, identity.mint_link(tx, None, "contribution", row.email, subject_id=key, expires_at=row.expires_at)


def had(**content: str) -> dict[str, str]:
    return merging.fingerprints(content, ("seen", "context", "view", "feedback"))


def test_a_part_is_given_once_and_the_link_is_spent(hands: Hands, there: Enrolled, make: Make, ledger: Ledger) -> None:
    key, token = ask(hands, there)
    (queued,) = make.rows(select(Outbox.kind, Outbox.person_id, Outbox.subject, Outbox.subject_id, Outbox.facts))
    assert tuple(queued) == ("email.contribution_asked", None, "contributions", key, {})
    with hands.of(there.nqsw) as tx:
        documents.send(tx, there.documents["DO1"])
    with transaction(hands.database, NOBODY, writes=True) as tx:
        asked = contribute.asked_by_link(tx, token)
        assert [question.code for question in asked.questions] == ["seen"] and asked.learner == there.nqsw.name
        assert (asked.row.name, asked.asker, asked.row.words) == ("Ola Outside", there.nqsw.name, "Please be frank.")
        contribute.save_draft(tx, token, {"seen": "warm", "view": "not mine"}, "tab", had=had(), turn=1)
    assert make.row(Document, there.documents["DO1"]).head == 1  # nobody else sees a draft
    with transaction(hands.database, NOBODY, writes=True) as tx:
        with pytest.raises(Invalid) as refused:
            contribute.give(tx, token, {"seen": ""}, "12", had=had(seen="warm"))
        assert [error["field"] for error in refused.value.errors] == ["a-seen", "registration_number"]
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.give(tx, token, {"seen": "warm and clear"}, "sw 123456", had=had(seen="warm"))
    row = make.row(Document, there.documents["DO1"])
    assert (row.head, row.state, row.waiting_for) == (2, "sent", "assessor")
    (revision,) = make.rows(select(Revision.__table__).where(Revision.number == 2))
    assert (revision.content["seen"], revision.contribution_id, revision.author_id) == ("warm and clear", key, None)
    given = make.row(Contribution, key)
    assert (given.state, given.registration_number, given.draft) == ("given", "SW123456", {})
    assert "email.contribution_given" in ledger.outbox()
    with transaction(hands.database, NOBODY, writes=True) as tx:
        assert not contribute.asked_by_link(tx, token).open(tx.now)
        with pytest.raises(Conflict, match="given your part already"):
            contribute.give(tx, token, {"seen": "more"}, had=had())
    assert not any("warm" in str(entry.facts) for entry in ledger.entries("contribution.given") + ledger.entries("document.saved"))


def test_two_windows_of_a_draft_lose_nothing(hands: Hands, there: Enrolled) -> None:
    _, token = ask(hands, there)
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.save_draft(tx, token, {"seen": "one"}, "a", had=had(), turn=1)
        contribute.save_draft(tx, token, {"seen": "one and more"}, "a", had=had(), turn=2)  # the first reply was lost
        joined = contribute.save_draft(tx, token, {"seen": "two"}, "b", had=had(), turn=1)
        assert joined.joined == ("seen",) and joined.content["seen"] == "one and more\n\n[From another window]\ntwo"
        assert contribute.save_draft(tx, token, {"seen": "old"}, "a", had=had(), turn=1).content == joined.content


def test_time_runs_out_and_asking_again_brings_the_draft_back(hands: Hands, there: Enrolled, make: Make) -> None:
    key, token = ask(hands, there)
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.save_draft(tx, token, {"seen": "half"}, "a", had=had(), turn=1)
    with make.tx() as tx:
        tx.update(Contribution, key, expires_at=tx.now - timedelta(minutes=1))
    with transaction(hands.database, NOBODY, writes=True) as tx, pytest.raises(Conflict, match="time to answer"):
        contribute.save_draft(tx, token, {"seen": "late"}, "a", had=had(seen="half"), turn=2)
    assert contribute.expire_due(hands.database) == 1 and contribute.expire_due(hands.database) == 0
    with hands.of(there.nqsw) as tx:
        contribute.ask_again(tx, there.documents["DO1"], key)
        row = tx.get(Contribution, key)
        newer = identity.mint_link(tx, None, "contribution", row.email, subject_id=key, expires_at=row.expires_at)
    with transaction(hands.database, NOBODY, writes=True) as tx:
        assert contribute.asked_by_link(tx, newer).draft == {"seen": "half"}
        with pytest.raises(LinkOver):
            contribute.asked_by_link(tx, token)


def test_declining_and_withdrawing_end_the_link(hands: Hands, there: Enrolled, make: Make, ledger: Ledger) -> None:
    key, token = ask(hands, there)
    with transaction(hands.database, NOBODY, writes=True) as tx:
        contribute.decline(tx, token, "I know her privately.")
    assert make.row(Contribution, key).state == "declined" and "email.contribution_declined" in ledger.outbox()
    again, other = ask(hands, there)
    with hands.of(there.assessor) as tx:
        contribute.withdraw_ask(tx, there.documents["DO1"], again)
    with transaction(hands.database, NOBODY, writes=False) as tx:
        assert not contribute.asked_by_link(tx, other).open(tx.now)
    with hands.of(there.assessor) as tx:
        with pytest.raises(NotFound):
            contribute.withdraw_ask(tx, there.documents["SAA"], again)
        with pytest.raises(Conflict):
            contribute.ask_again(tx, there.documents["DO1"], again)


def test_who_can_be_asked_for_what(hands: Hands, there: Enrolled, make: Make) -> None:
    panel = make.person("Pan Ell")
    with make.tx() as tx:
        Programmes(make).involve(tx, there, panel.id, "panel_member", tx.today)
    for document, part, email, refusal in (
        ("DO1", "other_professional", "a@b.example", Invalid),
        ("DO1", "observer", "not an address", Invalid),
        ("DO1", "observer", there.nqsw.email, Invalid),
        ("DO1", "observer", panel.email, Conflict),
        ("SAA", "observer", "a@b.example", Conflict),
    ):
        with pytest.raises(refusal), hands.of(there.nqsw) as tx:
            contribute.ask_contributor(tx, there.documents[document], part, "Somebody", email)
    with hands.of(there.nqsw) as tx:
        contribute.ask_contributor(tx, there.documents["DO1"], "observer", "Ola", ADDRESS)
        with pytest.raises(Conflict, match="asked already"):
            contribute.ask_contributor(tx, there.documents["DO1"], "observer", "Ola", ADDRESS)


def test_an_assessor_may_be_the_observer(hands: Hands, there: Enrolled) -> None:
    with hands.of(there.nqsw) as tx:
        contribute.ask_contributor(tx, there.documents["DO1"], "observer", "x", there.assessor.email)
    with hands.of(there.assessor) as tx:
        assert papers.read(tx, there.documents["DO1"]).writes == {"seen", "view"}


def test_feedback_from_a_family_is_collected_or_entered(hands: Hands, there: Enrolled, make: Make) -> None:
    _, token = ask(hands, there, "FB2", "family_feedback")
    with hands.of(there.nqsw) as tx:
        _save(tx, there.documents["FB2"], {"feedback": "She listens."}, {}, "a")
    with transaction(hands.database, NOBODY, writes=True) as tx:
        assert contribute.asked_by_link(tx, token).context == ()
        contribute.give(tx, token, {"feedback": "He explains things."}, had=had())
    with hands.of(there.nqsw) as tx:
        paper = papers.read(tx, there.documents["FB2"])
        assert paper.content["feedback"] == "She listens.\n\n[From Ola Outside]\nHe explains things."
        assert documents.send(tx, there.documents["FB2"]) == "final"
    assert clock() is not None and make.row(Document, there.documents["FB2"]).frozen == 2


def test_the_academy_asks_on_somebodys_behalf_and_takes_it_back(make: Make, sign_in: Any, there: Enrolled) -> None:
    """Also while the document is a draft, of which they read nothing; whoever takes no part and looks after nobody cannot."""
    key = there.documents["DO1"]
    cora = make.person("Cora Coordinator", roles=("coordinator",))
    academy, base = sign_in(cora), f"/documents/{key}"
    assert f'href="{base}/ask"' in academy.get(base).text and "A draft is for those who write in it alone" in academy.get(base).text
    form = {"part": "observer", "name": "Ola Outside", "email": ADDRESS, "words": ""}
    assert academy.post(f"{base}/ask", data=form, follow_redirects=False).status_code == 303
    (asked,) = make.rows(select(Contribution.id, Contribution.asked_by, Contribution.state))
    assert (asked.asked_by, asked.state) == (cora.id, "asked")
    assert "Asked by Cora Coordinator" in academy.get(base).text and "Ola Outside" in sign_in(there.nqsw).get(base).text
    assert academy.post(f"{base}/asked/{asked.id}/again", follow_redirects=False).status_code == 303
    elsewhere = sign_in(make.person("Odd Other"))
    team = make.unit("Elsewhere")
    partial = make.person("Part Coordinator", roles=())
    with make.tx() as tx:
        tx.insert(RoleHeld, person_id=partial.id, role="coordinator", unit_id=team, valid_from=tx.today, recorded_at=tx.now)
    for outsider in (elsewhere, sign_in(partial)):
        assert outsider.get(f"{base}/ask").status_code == 404
        assert outsider.post(f"{base}/ask", data=form).status_code == 404
        assert outsider.post(f"{base}/asked/{asked.id}/withdraw").status_code == 404
    assert academy.post(f"{base}/asked/{asked.id}/withdraw", follow_redirects=False).status_code == 303
    assert make.row(Contribution, asked.id).state == "withdrawn"
    assert academy.post(f"{base}/save", data={"a-context": "not theirs"}).status_code == 404
