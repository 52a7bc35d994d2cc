"""Messages about programmes arrive: to the right address, about the right row, with a link that works and not a word of the portfolio."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.core.config import ROOT, Settings
from app.core.ledger import Outbox, message
from app.core.tx import clock
from app.notifications import delivery
from app.notifications.programme_kinds import FACTS
from app.programmes.apprentice_models import Application, Call
from app.programmes.models import Change
from app.programmes.operations import contribute
from app.programmes.panel_models import PanelCase, Sitting
from app.programmes.portfolio_models import Comment, Contribution, Entry, Export, Revision
from tests.factory import Make
from tests.mailbox import Inbox
from tests.notifications.test_delivery import acting, outbox, plain
from tests.programmes.making import Enrolled, Programmes

SECRET = "Marmalade"  # stands in everything that was written; in no message
LISTS = {"own": False, "subjects": ["Nell Newly, Beginning: Friday 4 December 2026"], "link": "/assessing"}


def everything(make: Make, there: Enrolled) -> list[dict[str, Any]]:
    """One message of each kind, as the operations queue them."""
    with make.tx() as tx:
        its = dict(enrolment_id=there.id)
        document = there.documents["CRL1"]
        written = dict(document_id=document, number=1, base=0, content={"reflection": SECRET}, standards=[], sitting="a", saved_at=tx.now)
        tx.db.execute(insert(Revision), written | dict(kind="typing", sealed=False, begun_at=tx.now, author_id=there.nqsw.id))
        tx.insert(Comment, document_id=document, revision=1, person_id=there.assessor.id, words=SECRET, at=tx.now)
        change = tx.insert(
            Change, **its, kind="pause", from_on=tx.today, reason_code="illness", words=SECRET, details={}, needs=[], proposed_at=tx.now
        )
        asked = dict(document_id=document, **its, name="Ola Outside", email="ola@elsewhere.example", part="observer", words=SECRET)
        asked |= dict(draft={"seen": SECRET}, asked_by=there.nqsw.id, asked_at=tx.now, expires_at=tx.now + timedelta(days=21))
        contribution = tx.insert(Contribution, **asked)
        sitting = tx.insert(Sitting, title="December panel", starts_at=tx.now + timedelta(days=9), place="Room 4", created_at=tx.now)
        case = tx.insert(PanelCase, **its, sitting_id=sitting, recommended="pass", listed_at=tx.now, listed_head="")
        export = tx.insert(Export, **its, asked_by=there.nqsw.id, asked_at=tx.now)
        hashes = dict(hash="4f" * 32, previous="5e" * 32, canonical="{}", answer="agree", signed_at=tx.now)
        entry = tx.insert(Entry, **its, sequence=1, kind="stage", **hashes)
        call = dict(title="Aspiring managers", about=SECRET, places=2, closes_at=tx.now, questions=[], criteria=[], created_at=tx.now)
        call_id = tx.insert(Call, version_id=there.version_id, **call)
        application = tx.insert(Application, call_id=call_id, person_id=there.nqsw.id, answers={"why": SECRET}, manager_words=SECRET)
        rows: dict[str, tuple[int, dict[str, Any]]] = {
            "enrolments": (there.id, {"kind": "pause", "reason": "pause", "outcome": "pass"}),
            "documents": (document, {}),
            "contributions": (contribution, {}),
            "panel_cases": (case, {}),
            "chain_entries": (entry, {"hash": "4f" * 32, "sequence": 1, "reference": "T1", "title": "Critical reflection"}),
            "portfolio_exports": (export, {}),
            "applications": (application, {}),
            "cohorts": (there.cohort_id, {"portfolios": 1}),
            "daily_heads": (1, {"hash": "4f" * 32, "chains": 1, "entries": 1, "made_at": tx.now.isoformat()}),
            "people": (there.assessor.id, LISTS),
        }
        assert change
        told = []
        for kind in FACTS:
            subject = subject_of(kind)
            key, facts = rows[subject]
            told.append(
                message(f"email.{kind}", tx.now, subject, None if kind == "contribution_asked" else there.assessor.id, facts)
                | {"subject_id": key}
            )
        return told


def subject_of(kind: str) -> str:
    """What a message of this kind is about."""
    starts = {"contribution": "contributions", "document_": "documents", "change": "enrolments", "sign_asked": "documents"}
    whole = {
        "documents_waiting": "people",
        "stage_due": "people",
        "stage_overdue": "people",
        "review_due": "people",
        "safeguarding_due": "people",
        "training_required": "people",
        "signed_receipt": "chain_entries",
        "papers_ready": "panel_cases",
        "panel_decided": "panel_cases",
        "sample_ready": "cohorts",
        "daily_head": "daily_heads",
        "export_ready": "portfolio_exports",
        "support_asked": "applications",
        "application_decided": "applications",
    }
    return whole.get(kind) or next((subject for start, subject in starts.items() if kind.startswith(start)), "enrolments")


def test_every_kind_arrives_and_says_no_word_of_the_portfolio(make: Make, inbox: Inbox, mail: Settings) -> None:
    there = Programmes(make).enrolment()
    told = everything(make, there)
    with make.tx() as tx:
        tx.insert_many(Outbox, told)
    with make.tx() as tx:  # each about its own thing, so that none waits for another
        tx.db.execute(update(Outbox).where(Outbox.kind == "email.document_commented").values(how="digest"))
    for _ in range(len(told)):
        delivery.deliver_due(make.database, mail)
    assert [(row.kind, row.error) for row in outbox(make) if row.parked_at is not None] == []
    assert [row.kind for row in outbox(make) if row.sent_at is None and row.how == "email"] == []
    sent = {str(email["Subject"]): plain(email) for email in inbox.taken}
    assert len(inbox.taken) == len(FACTS) - 1
    assert not any(SECRET in text for text in sent.values()) and not any(SECRET in str(row.facts) for row in outbox(make))
    receipt = next(text for title, text in sent.items() if title.startswith("Receipt"))
    assert "4f" * 32 in receipt and "Portfolio: T1" in receipt and "Entry: 1" in receipt and "verify.py" in receipt
    assert any("Nell Newly" in text and "Pause" in title for title, text in sent.items())
    panel = next(text for title, text in sent.items() if "December panel" in title)
    assert "/panels/cases/" in panel


def test_somebody_outside_is_written_to_with_a_link_that_opens_their_page(make: Make, inbox: Inbox, mail: Settings, visitor: Any) -> None:
    there = Programmes(make).enrolment()
    with acting(make, there.assessor) as tx:
        key = contribute.ask_contributor(tx, there.documents["DO1"], "observer", "Ola Outside", "ola@elsewhere.example", SECRET)
    delivery.deliver_due(make.database, mail)
    (email,) = [one for one in inbox.taken if one["To"] == "ola@elsewhere.example"]
    text = plain(email)
    assert "Hello Ola Outside" in text and f"{there.assessor.name} asks you for a direct observation" in text and SECRET not in text
    (link,) = re.findall(r"http://academy\.test(/contributions/\S+)", text)
    page = visitor.get(link)
    assert page.status_code == 200 and there.nqsw.name in page.text
    assert link.rpartition("/")[2] not in str([row.facts for row in outbox(make)]), "no secret waits in the outbox"
    assert make.row(Contribution, key).state == "asked"


def test_what_was_taken_back_before_it_left_brings_no_link(make: Make, inbox: Inbox, mail: Settings) -> None:
    there = Programmes(make).enrolment()
    with acting(make, there.assessor) as tx:
        key = contribute.ask_contributor(tx, there.documents["DO1"], "observer", "Ola Outside", "ola@elsewhere.example")
        tx.update(Contribution, key, state="withdrawn")
    delivery.deliver_due(make.database, mail)
    (email,) = [one for one in inbox.taken if one["To"] == "ola@elsewhere.example"]
    assert "not needed any more" in plain(email) and "/contributions/" not in plain(email)


def test_comments_wait_for_the_summary_until_somebody_chooses(make: Make, inbox: Inbox, mail: Settings) -> None:
    there = Programmes(make).enrolment()
    with make.tx() as tx:
        told = message("email.document_commented", clock(), "documents", there.assessor.id, {})
        tx.insert(Outbox, **told, subject_id=there.documents["CRL1"])
    delivery.deliver_due(make.database, mail)
    assert inbox.taken == [] and make.rows(select(Outbox.how))[0].how == "digest"


def test_every_message_of_programmes_is_queued_by_somebody() -> None:
    code = "".join(path.read_text() for room in ("programmes", "supervision", "pathways") for path in (ROOT / "app" / room).rglob("*.py"))
    unused = {kind for kind in FACTS if f'"email.{kind}"' not in code}
    assert unused <= {
        "support_asked",
        "application_decided",
        "stage_due",
        "stage_overdue",
        "documents_waiting",
        "change_waiting",
    }
