"""Board reports on pages: begun, written on, signed off by the right person, read as it was frozen, put right by another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.ledger import Outbox
from app.reports.models import BoardComment, BoardReply, BoardReport
from tests.conftest import Ledger
from tests.factory import Make
from tests.reports.world import PSW, World

SignIn = Callable[[Any], TestClient]
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def world(make: Make) -> World:
    return World.of(make)


def main(reply: Any, status: int = 200) -> str:
    assert reply.status_code == status, reply.text[:2000]
    found = str(reply.text)
    return found[found.index("<main") : found.index("</main>")]


def seen(html: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', html)
    assert found
    return found[1]


def sign(browser: TestClient, report: int) -> Any:
    form = main(browser.get(f"/board-reports/{report}/sign"))
    return browser.post(f"/board-reports/{report}/sign", data={"seen": seen(form)})


def test_a_report_is_begun_written_on_and_signed_off(world: World, sign_in: SignIn, ledger: Ledger) -> None:
    helen = sign_in(world.psw)
    assert "There is no report yet" in main(helen.get("/board-reports"))
    month = f"{world.organisation} {world.months[-1].isoformat()}"
    sent = helen.post("/board-reports", data={"kind": "board", "month": month})
    assert sent.status_code == 303, sent.text
    at = sent.headers["location"].partition("?")[0]
    draft = main(helen.get(at))
    assert "No commentary yet on: What changed, and why; Culture; Capacity; Capability" in draft and "Draft" in draft
    assert "12 people." in draft and "5 or more" in draft  # nine, and the three who write and read
    for about, words in (
        ("headline", "We hired.\n\nTwo came."),
        ("theme-culture", "Calm."),
        ("measure-headcount", "All posts are <b>filled</b>."),
    ):
        saved = helen.post(f"{at}/comments/{about}", data={"words": words, "version": "0"})
        assert saved.status_code == 303, saved.text
    helen.post(f"{at}/replies/new", data={"said": "Too many forms", "did": "Two fewer", "entry_key": KEY})
    draft = main(helen.get(at))
    for words in ("We hired.", "Two came.", "Calm.", "All posts are &lt;b&gt;filled&lt;/b&gt;.", "Too many forms", "Two fewer"):
        assert words in draft
    form = main(helen.get(f"{at}/sign"))
    assert "no commentary on Capacity; Capability" in form and world.board.name in form
    ledger.start()
    assert sign(helen, int(at.rpartition("/")[2])).headers["location"] == f"{at}?said=signed"
    assert "board-report.signed" in ledger.actions()
    told = [row for row in world.make.rows(select(Outbox.__table__)) if row.kind == "email.board_report_signed"]
    assert [row.person_id for row in told] == [world.board.id]
    assert not re.search(r"\d+ (?:people|of)|%", str(told[0].facts))
    signed = main(helen.get(at))
    assert "Signed off by Helen Ashworth, Social worker" in signed and "We hired." in signed and "/comments/" not in signed
    assert "No commentary was given." in signed


def test_the_board_reads_signed_reports_and_knows_of_no_drafts(world: World, sign_in: SignIn, make: Make) -> None:
    report = world.begin()
    ruth, helen = sign_in(world.board), sign_in(world.psw)
    assert "No report has been signed off yet" in main(ruth.get("/board-reports"))
    for path in ("", "/sign", "/comments/headline", "/report.pdf", "/discard"):
        assert ruth.get(f"/board-reports/{report}{path}").status_code in (403, 404), path
    assert ruth.get(f"/board-reports/{report}").status_code == 404
    sign(helen, report)
    assert "Signed off" in main(ruth.get("/board-reports")) and "Begin a report" not in main(ruth.get("/board-reports"))
    read = main(ruth.get(f"/board-reports/{report}"))
    assert "12 people." in read and "/correct" not in read
    assert ruth.get(f"/board-reports/{report}/report.pdf").content.startswith(b"%PDF")
    other = make.organisation("Eastmarch Council", host=False)
    for person in (make.person("Ann"), make.person("Eve", organisation=other, roles=(PSW,), scope=other)):
        assert sign_in(person).get(f"/board-reports/{report}").status_code in (403, 404)


def test_hr_writes_and_does_not_sign(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    daniel = sign_in(world.hr)
    assert daniel.post(f"/board-reports/{report}/comments/headline", data={"words": "More came.", "version": "0"}).status_code == 303
    page = main(daniel.get(f"/board-reports/{report}"))
    assert "The principal social worker signs it off." in page
    assert daniel.get(f"/board-reports/{report}/sign").status_code == 403
    assert daniel.post(f"/board-reports/{report}/sign", data={"seen": "0" * 64}).status_code == 403


def test_what_was_typed_is_never_lost_when_two_write_at_once(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen, daniel = sign_in(world.psw), sign_in(world.hr)
    at = f"/board-reports/{report}/comments/headline"
    assert helen.post(at, data={"words": "Mine.", "version": "0"}).status_code == 303
    again = daniel.post(at, data={"words": "Theirs, typed for an hour.", "version": "0"})
    page = main(again, 412)
    assert "It says now:" in page and "Mine." in page and "Theirs, typed for an hour." in page and 'name="version" value="1"' in page
    assert daniel.post(at, data={"words": "Theirs, typed for an hour.", "version": "1"}).status_code == 303
    assert [row.words for row in world.make.rows(select(BoardComment.__table__))] == ["Theirs, typed for an hour."]
    long = helen.post(at, data={"words": "x" * 4001, "version": "2"})
    assert "Use at most 4,000 characters" in main(long, 422) and "x" * 4001 in long.text
    for wrong in ("measure-nothing", "theme-nothing", "x"):
        assert helen.get(f"/board-reports/{report}/comments/{wrong}").status_code == 404


def test_the_guard_asks_about_words_that_may_name_somebody(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen = sign_in(world.psw)
    at = f"/board-reports/{report}/comments/headline"
    asked = helen.post(at, data={"words": "The family at 14 Acacia Road, AL9 7QQ, moved.", "version": "0"})
    assert "This may identify a child or a family" in main(asked, 422) and world.make.rows(select(BoardComment.id)) == []
    marks = re.search(r'name="guard-seen" value="([^"]*)"', asked.text)
    assert marks
    kept = {"words": "The family at 14 Acacia Road, AL9 7QQ, moved.", "version": "0", "guard": "redact", "guard-seen": marks[1]}
    assert helen.post(at, data=kept).status_code == 303
    assert "AL9 7QQ" not in world.make.rows(select(BoardComment.words))[0].words


def test_you_said_we_did_is_added_once_changed_and_taken_out(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen = sign_in(world.psw)
    at = f"/board-reports/{report}/replies"
    form = {"said": "Too many forms", "did": "Two fewer", "entry_key": KEY}
    for _ in range(2):
        assert helen.post(f"{at}/new", data=form).status_code == 303
    assert len(world.make.rows(select(BoardReply.id))) == 1
    empty = main(helen.post(f"{at}/new", data={"said": "", "did": "Something", "entry_key": KEY}), 422)
    assert "Enter what people said" in empty and "Something" in empty
    assert helen.post(f"{at}/1", data={"said": "Forms", "did": "One form", "version": "1"}).status_code == 303
    assert "It says now: Forms" in main(helen.post(f"{at}/1", data={"said": "Late", "did": "Late", "version": "1"}), 412)
    assert helen.post(f"{at}/1/take-out").status_code == 303
    assert world.make.rows(select(BoardReply.id)) == [] and helen.get(f"{at}/1").status_code == 404


def test_it_is_signed_only_as_it_was_seen(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen, daniel = sign_in(world.psw), sign_in(world.hr)
    before = seen(main(helen.get(f"/board-reports/{report}/sign")))
    daniel.post(f"/board-reports/{report}/comments/headline", data={"words": "Slipped in.", "version": "0"})
    again = main(helen.post(f"/board-reports/{report}/sign", data={"seen": before}), 412)
    assert "changed since you read it" in again and "Slipped in." in again and seen(again) != before
    assert world.make.row(BoardReport, report).state == "draft"
    assert helen.post(f"/board-reports/{report}/sign", data={"seen": seen(again)}).status_code == 303
    twice = helen.post(f"/board-reports/{report}/sign", data={"seen": seen(again)})
    assert twice.status_code == 409 and "new report that takes its place" in twice.text


def test_files_say_their_fingerprint_and_who_took_them_is_kept(world: World, sign_in: SignIn, ledger: Ledger) -> None:
    report = world.begin()
    helen, ruth = sign_in(world.psw), sign_in(world.board)
    sign(helen, report)
    page = main(ruth.get(f"/board-reports/{report}"))
    ledger.start()
    for kind in ("pdf", "xlsx", "json"):
        reply = ruth.get(f"/board-reports/{report}/report.{kind}")
        assert hashlib.sha256(reply.content).hexdigest() in page
        assert f".{kind}" in reply.headers["content-disposition"] and "workforce-report" in reply.headers["content-disposition"]
    taken = ledger.entries("board-report.taken")
    assert [(row.actor_id, row.facts) for row in taken] == [
        (world.board.id, {"report": report, "format": kind}) for kind in ("pdf", "xlsx", "json")
    ]


def test_a_correction_takes_the_place_and_both_are_kept_and_linked(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen = sign_in(world.psw)
    helen.post(f"/board-reports/{report}/comments/headline", data={"words": "Thre came.", "version": "0"})
    assert helen.get(f"/board-reports/{report}/correct").status_code == 409
    sign(helen, report)
    before = helen.get(f"/board-reports/{report}/report.pdf").content
    assert "Say what has to be put right" in main(helen.post(f"/board-reports/{report}/correct", data={"why": " "}), 422)
    sent = helen.post(f"/board-reports/{report}/correct", data={"why": "A typing error"})
    new = int(sent.headers["location"].partition("?")[0].rpartition("/")[2])
    assert "A typing error" in main(helen.get(f"/board-reports/{new}")) and "Thre came." in main(helen.get(f"/board-reports/{new}"))
    assert helen.post(f"/board-reports/{report}/correct", data={"why": "Again"}).status_code == 409
    helen.post(f"/board-reports/{new}/comments/headline", data={"words": "Three came.", "version": "1"})
    sign(helen, new)
    old, read = main(helen.get(f"/board-reports/{report}")), main(helen.get(f"/board-reports/{new}"))
    assert "Replaced" in old and f"/board-reports/{new}" in old and "Thre came." in old
    assert "takes the place of an earlier one: A typing error" in read and f"/board-reports/{report}" in read and "Three came." in read
    assert helen.get(f"/board-reports/{report}/report.pdf").content == before


def test_a_draft_can_be_thrown_away_and_begun_anew_a_signed_report_cannot(world: World, sign_in: SignIn) -> None:
    report = world.begin()
    helen = sign_in(world.psw)
    month = f"{world.organisation} {world.months[-1].isoformat()}"
    twice = helen.post("/board-reports", data={"kind": "board", "month": month})
    assert "There is such a report of that month already" in main(twice, 409)
    for wrong in ("", "x", f"{world.organisation} 2026-02-30"):
        assert "Choose a month whose figures are published" in main(
            helen.post("/board-reports", data={"kind": "board", "month": wrong}), 422
        )
    helen.post(f"/board-reports/{report}/comments/headline", data={"words": "Words.", "version": "0"})
    assert "1 commentary" in main(helen.get(f"/board-reports/{report}/discard"))
    assert helen.post(f"/board-reports/{report}/discard").status_code == 303
    assert helen.get(f"/board-reports/{report}").status_code == 404 and world.make.rows(select(BoardComment.id)) == []
    anew = world.begin()
    sign(helen, anew)
    assert helen.post(f"/board-reports/{anew}/discard").status_code == 409


@pytest.mark.parametrize("kind", ["review", "improvement"])
def test_other_kinds_have_parts_of_their_own(world: World, sign_in: SignIn, kind: str) -> None:
    report = world.begin(kind=kind)
    helen = sign_in(world.psw)
    page = main(helen.get(f"/board-reports/{report}"))
    if kind == "review":
        assert "Health check surveys" in page and "success measures" in page
    else:
        assert "What needs attention" in page and 'id="measure-headcount"' not in page  # it meets its target
        assert helen.get(f"/board-reports/{report}/comments/measure-headcount").status_code == 404
    assert sign(helen, report).status_code == 303
    assert helen.get(f"/board-reports/{report}/report.pdf").content.startswith(b"%PDF")


def test_pages_ask_little(world: World, sign_in: SignIn, count_queries: Callable[[], Any]) -> None:
    report = world.begin()
    helen = sign_in(world.psw)
    for path in ("", f"/{report}", f"/{report}/sign", f"/{report}/comments/headline", "/schedule"):
        helen.get(f"/board-reports{path}")
        with count_queries() as queries:
            assert helen.get(f"/board-reports{path}").status_code == 200
        assert len(queries) <= 12, (path, len(queries))
