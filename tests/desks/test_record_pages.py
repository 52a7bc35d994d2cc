"""Records as pages: added by form, kept as a draft by script, guarded, shared, and shown with what they counted towards."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.guarding.models import REASONS, GuardDecision
from app.learning.models import LearningRecord
from app.learning.record_models import RecordDraft, RecordFile, Reflection
from app.people.models import Person
from tests.factory import Make

KEY = "0123456789abcdef" * 2
DAY = {"on_date": "2", "on_date-month": "3", "on_date-year": "2026"}
TYPED: dict[str, Any] = {"entry_key": KEY, "activity": "co_working", **DAY, "hours": "1", "minutes": "30"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


@pytest.fixture
def ann(make: Make) -> Any:
    return make.person("Ann", manager=make.person("Mo").id)


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, name
    return found[1]


def test_three_answers_are_a_record(sign_in: Any, make: Make, ann: Any, count_queries: Any) -> None:
    browser = sign_in(ann)
    form = browser.get("/my-learning/records/new").text
    assert re.fullmatch("[0-9a-f]{32}", hidden(form, "entry_key"))
    sent = browser.post("/my-learning/records/new", data=TYPED)
    assert sent.status_code == 303
    assert browser.post("/my-learning/records/new", data=TYPED).headers["location"] == sent.headers["location"]
    with count_queries() as queries:
        page = browser.get(sent.headers["location"]).text
    assert len(queries) <= 12
    assert "Co-working" in page and "1 hour 30 minutes" in page and "Monday 2 March 2026" in page
    assert "Experience in your 70/20/10 profile" in page
    listed = browser.get("/my-learning").text
    assert listed.count("Co-working</a></h3>") == 1 and "Own entry: Co-working" in listed
    assert [row.minutes for row in make.rows(select(LearningRecord.minutes))] == [90]


def test_what_is_missing_stands_beside_what_was_typed(sign_in: Any, ann: Any) -> None:
    browser = sign_in(ann)
    for wrong, said in (
        ({"activity": ""}, "Choose what sort of learning it was"),
        ({"hours": "", "minutes": ""}, "Enter how long it took"),
        ({"hours": "-1"}, "must not be less than nothing"),
        ({"on_date-year": "2999"}, "today or in the past"),
        ({"on_date": ["1", "2"]}, "must include a day"),
        ({"standards": ["x", "y"]}, "Choose standards from the list"),
    ):
        reply = browser.post("/my-learning/records/new", data=TYPED | {"learnt": "Kept words"} | wrong)
        assert reply.status_code == 422 and said in reply.text and "Kept words" in reply.text, wrong
        assert hidden(reply.text, "entry_key") == KEY


def test_a_photo_hangs_on_it_and_goes_again(sign_in: Any, make: Make, ann: Any) -> None:
    browser = sign_in(ann)
    sent = browser.post("/my-learning/records/new", data=TYPED, files={"file": ("certificate.png", PNG, "image/png")})
    page = browser.get(sent.headers["location"]).text
    address = re.search(r'href="(/learning-records/\d+/files/\d+)"', page)
    assert address is not None and "certificate.png" in page
    assert browser.get(address[1]).content == PNG
    evil = {"file": ("a.exe", b"MZ" + b"\0" * 99, "image/png")}
    program = browser.post("/my-learning/records/new", data=TYPED | {"entry_key": "b" * 32}, files=evil)
    assert program.status_code == 422 and len(make.rows(select(LearningRecord.id))) == 1
    assert sign_in(make.person("Ben")).get(address[1]).status_code == 404
    assert browser.post(f"{address[1]}/remove").status_code == 303
    assert browser.get(address[1]).status_code == 404 and len(make.rows(select(RecordFile.removed_at))) == 1


def test_the_guard_asks_and_what_is_decided_is_recorded(sign_in: Any, make: Make, ann: Any) -> None:
    browser = sign_in(ann)
    typed = TYPED | {"learnt": "Her NHS number is 943 476 5919, and she lives at 12 Mill Lane, Aldermoor."}
    asked = browser.post("/my-learning/records/new", data=typed)
    assert asked.status_code == 422 and "This may identify a child or a family" in asked.text
    assert make.rows(select(LearningRecord.id)) == []
    decided = typed | {"guard": "redact", "guard-seen": hidden(asked.text, "guard-seen")}
    sent = browser.post("/my-learning/records/new", data=decided)
    assert sent.status_code == 303
    (words,) = make.rows(select(Reflection.learnt))
    assert "943 476 5919" not in words.learnt and "NHS number" in words.learnt
    (decision,) = make.rows(select(GuardDecision.__table__))
    assert (decision.decision, decision.subject, decision.person_id) == ("redacted", "learning_records", ann.id)
    assert "9434765919" not in str(decision).replace(" ", "")


def test_words_and_files_are_asked_about_at_once_and_answered_once(sign_in: Any, make: Make, ann: Any) -> None:
    browser = sign_in(ann)
    typed = TYPED | {"learnt": "Her NHS number is 943 476 5919.", "guard-files": "1"}
    letter = {"file": ("letter.txt", b"Dear panel, his NHS number is 401 023 2137.", "text/plain")}
    asked = browser.post("/my-learning/records/new", data=typed, files=letter)
    assert asked.status_code == 422 and "943 476 5919" in asked.text and "401 023 2137" in asked.text
    decided = typed | {"guard": "keep", "guard-because": next(iter(REASONS)), "guard-seen": hidden(asked.text, "guard-seen")}
    assert browser.post("/my-learning/records/new", data=decided, files=letter).status_code == 303
    assert [row.decision for row in make.rows(select(GuardDecision.decision))] == ["kept", "kept"]


def test_a_draft_is_kept_as_one_types_and_gone_on_with(sign_in: Any, make: Make, ann: Any) -> None:
    browser, json = sign_in(ann), {"accept": "application/json"}
    kept = browser.post("/my-learning/drafts", data={"entry_key": KEY, "title": "Half a wo", "learnt": "x" * 9000}, headers=json)
    assert kept.json()["saved"].startswith("Draft saved at ")
    refused = browser.post("/my-learning/drafts", data={"entry_key": "no", "title": "Half"}, headers=json)
    assert refused.status_code == 422 and refused.json()["code"] == "entry-key"
    assert "You have 1 draft" in browser.get("/my-learning").text
    form = browser.get(f"/my-learning/records/new?draft={KEY}").text
    assert 'value="Half a wo"' in form and hidden(form, "entry_key") == KEY
    assert sign_in(make.person("Ben")).get(f"/my-learning/records/new?draft={KEY}").status_code == 404
    assert browser.post("/my-learning/drafts", data=TYPED).headers["location"] == "/my-learning?said=draft"  # the button, without script
    assert browser.post("/my-learning/drafts/discard", data={"entry_key": KEY}).status_code == 303
    assert make.rows(select(RecordDraft.draft_key)) == []


def test_what_is_shared_is_seen_by_the_manager_and_the_rest_is_not(sign_in: Any, make: Make, ann: Any, ledger: Any) -> None:
    browser = sign_in(ann)
    shared = browser.post("/my-learning/records/new", data=TYPED | {"title": "Shared visit", "audiences": ["manager"]}).headers["location"]
    private = {"entry_key": "c" * 32, "title": "Private visit", "learnt": "What nobody else reads"}
    private_at = browser.post("/my-learning/records/new", data=TYPED | private).headers["location"].partition("?")[0]
    reader = sign_in(make.rows(select(Person.__table__).where(Person.first_name == "Mo"))[0])
    ledger.start()
    page = reader.get(f"/people/{ann.id}/learning-records").text
    assert "Shared visit" in page and "Private visit" not in page and "1 record" in page
    assert "What nobody else reads" not in page and reader.get(private_at).status_code == 404
    seen = reader.get(shared).text
    assert "Shared visit" in seen and "Who may see it" not in seen and "History of this record" not in seen
    assert {entry.person_id for entry in ledger.entries("learning-record.viewed")} == {ann.id}
    for address in (f"/people/{ann.id}", f"/people/{ann.id}/learning", "/my-team", "/"):
        assert "Private visit" not in reader.get(address).text, address
    assert browser.post(f"{shared.partition('?')[0]}/share", data={}).status_code == 303
    assert reader.get(shared).status_code == 404 and "Nothing is shared" in reader.get(f"/people/{ann.id}/learning-records").text
    assert "learning that you share" in browser.get("/my-details").text


def test_changed_and_taken_away_with_history(sign_in: Any, ann: Any) -> None:
    browser = sign_in(ann)
    at = browser.post("/my-learning/records/new", data=TYPED | {"did": "We went together."}).headers["location"].partition("?")[0]
    form = browser.get(f"{at}/edit").text
    change = TYPED | {"title": "A visit", "base": hidden(form, "base"), "did": "We went together, twice."}
    assert browser.post(f"{at}/edit", data=change).headers["location"] == f"{at}?said=changed"
    again = browser.post(f"{at}/edit", data=change | {"did": "Third words"})
    assert again.status_code == 412 and "Third words" in again.text
    history = browser.get(f"{at}/history").text
    assert "We went together." in history and "We went together, twice." in history and "Recorded. Co-working" in history
    assert "experience in your 70/20/10 profile" in browser.get(f"{at}/take-away").text
    assert browser.post(f"{at}/take-away").status_code == 303
    assert "counts no more" in browser.get(at).text and "A visit" in browser.get("/my-learning/gone").text
    assert "A visit</a></h3>" not in browser.get("/my-learning").text
    assert browser.get(f"{at}/edit").status_code == 409
