"""Writing a report: begun on a closed month, with words about it, and begun anew where a signed one has to be put right."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, func, select

from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.text import lines
from app.core.tx import Tx
from app.guarding.checking import Decision, note, settle
from app.learning.drafts import KEY
from app.measures import shown
from app.policy import Can, operation
from app.reports import access
from app.reports.kinds import KINDS
from app.reports.models import DRAFT, FROZEN, LINE, SIGNED, WORDS, BoardComment, BoardReply, BoardReport

OVERTAKEN = "Somebody changed this since you opened it."
WAY_OUT = "What it says now stands above your words. Save again if yours should take its place."


@operation(Can.WRITE_BOARD_REPORTS)
def begin(tx: Tx, organisation_id: int, kind: str, month_end: date, owner_id: int | None = None) -> int:
    """A draft on a closed month; returns its id. Conflict where that month has such a report; NotFound where it is not closed."""
    if kind not in KINDS:
        raise Invalid("Choose a kind of report.", code="report-kind", errors=[{"field": "kind", "message": "Choose a kind of report"}])
    if not access.has(tx, Can.WRITE_BOARD_REPORTS, organisation_id):
        raise NotFound("There is no such organisation, or it is not yours.", code="unit-not-found")
    close = shown.close(tx, organisation_id, month_end)
    there = select(BoardReport.id).where(BoardReport.close_id == close.id, BoardReport.kind == kind)
    if tx.scalar(there.limit(1)) is not None:
        raise Conflict("There is such a report of that month already.", code="report-there", way_out="Open it from the list.")
    return _add(tx, organisation_id, kind, close.id, owner_id or tx.actor.person_id)


def _add(tx: Tx, organisation_id: int, kind: str, close_id: int, owner_id: int | None, **more: Any) -> int:
    values = {
        **dict(organisation_id=organisation_id, kind=kind, close_id=close_id, number=1, state=DRAFT, owner_id=owner_id),
        **dict(created_at=tx.now, created_by=tx.actor.person_id),
        **more,
    }
    return tx.insert_recorded(BoardReport, values, action="board-report.begun", state=DRAFT, kind=kind)


def draft(tx: Tx, report_id: int, can: Can = Can.WRITE_BOARD_REPORTS) -> Row[Any]:
    """The report while it is a draft, locked where something is written, so that nobody signs it meanwhile; Conflict once it is signed."""
    row = access.report(tx, can, report_id, lock=tx.writes)
    if row.state != DRAFT:
        raise Conflict(FROZEN, code="report-signed")
    return row


@operation(Can.WRITE_BOARD_REPORTS)
def comment(tx: Tx, report_id: int, about: str, words: str, decision: Decision | None, *, version: int, subjects: Collection[str]) -> None:
    """What is said about the whole, a theme or a measure; empty takes it out. `version`: of what the writer had before them, 0 for none.

    `subjects`: what can have a commentary. Invalid with the field for words that are too long; Changed if somebody else saved meanwhile.
    """
    draft(tx, report_id)
    if about not in subjects:
        raise NotFound("The report has no such part.", code="part-not-found")
    said = lines(words)
    if len(said) > WORDS:
        refuse([{"field": "words", "message": f"Use at most {WORDS:,} characters"}])
    old = tx.one(select(BoardComment.__table__).where(BoardComment.report_id == report_id, BoardComment.about == about))
    settled = settle(
        tx, {"words": said}, decision, labels={"words": "Commentary"}, subject="board_comments", subject_id=old.id if old else 0
    )
    if (old.words if old else "") == settled["words"]:
        return
    if (old.version if old else 0) != version:
        raise Changed(OVERTAKEN, way_out=WAY_OUT)
    written = dict(words=settled["words"], written_at=tx.now, written_by=tx.actor.person_id)
    if old is None:
        key = tx.insert(BoardComment, report_id=report_id, about=about, version=1, **written)
    else:
        key = old.id
        tx.update(BoardComment, key, version=old.version + 1, **written)
    note(tx, settled, "board_comments", key)
    tx.record("board-report.commented", "board_reports", report_id, about=about)


@operation(Can.WRITE_BOARD_REPORTS)
def reply(
    tx: Tx, report_id: int, number: int | None, said: str, did: str, decision: Decision | None, *, version: int = 0, entry_key: str = ""
) -> int:
    """You said, we did: a new entry (`number` None, sent under `entry_key`), or the words of one change. Returns its number.

    What was sent before under the same key is not added again. Changed if somebody else saved meanwhile.
    """
    draft(tx, report_id)
    given = {"said": lines(said), "did": lines(did)}
    errors = []
    for field, label in (("said", "what people said"), ("did", "what was done")):
        if not given[field]:
            errors.append({"field": field, "message": f"Enter {label}"})
        elif len(given[field]) > LINE:
            errors.append({"field": field, "message": f"Use at most {LINE} characters"})
    refuse(errors)
    if number is None:
        return _new_reply(tx, report_id, given, decision, entry_key)
    old = reply_of(tx, report_id, number)
    settled = settle(tx, given, decision, labels=_LABELS, subject="board_replies", subject_id=old.id)
    if (old.said, old.did) == (settled["said"], settled["did"]):
        return number
    if old.version != version:
        raise Changed(OVERTAKEN, way_out=WAY_OUT)
    written = dict(written_at=tx.now, written_by=tx.actor.person_id)
    tx.update(BoardReply, old.id, said=settled["said"], did=settled["did"], version=old.version + 1, **written)
    note(tx, settled, "board_replies", old.id)
    tx.record("board-report.reply-changed", "board_reports", report_id, number=number)
    return number


_LABELS = {"said": "What people said", "did": "What was done"}


def _new_reply(tx: Tx, report_id: int, given: dict[str, str], decision: Decision | None, entry_key: str) -> int:
    if not KEY.fullmatch(entry_key):
        raise Invalid("Open the page again and repeat what you entered.", code="entry-key")
    of = BoardReply.report_id == report_id
    before = tx.scalar(select(BoardReply.number).where(of, BoardReply.entry_key == entry_key))
    if before is not None:
        return int(before)
    settled = settle(tx, given, decision, labels=_LABELS)
    number = int(tx.scalar(select(func.coalesce(func.max(BoardReply.number), 0)).where(of))) + 1
    written = dict(written_at=tx.now, written_by=tx.actor.person_id)
    key = tx.insert(
        BoardReply, report_id=report_id, number=number, said=settled["said"], did=settled["did"], version=1, entry_key=entry_key, **written
    )
    note(tx, settled, "board_replies", key)
    tx.record("board-report.reply-added", "board_reports", report_id, number=number)
    return number


def reply_of(tx: Tx, report_id: int, number: int) -> Row[Any]:
    """One entry of you said, we did; NotFound where it was taken out or never was."""
    row = tx.one(select(BoardReply.__table__).where(BoardReply.report_id == report_id, BoardReply.number == number))
    if row is None:
        raise NotFound("There is no entry with that number any more.", code="entry-not-found", way_out="Open the report again.")
    return row


@operation(Can.WRITE_BOARD_REPORTS)
def take_out_reply(tx: Tx, report_id: int, number: int) -> None:
    """An entry should not be there."""
    draft(tx, report_id)
    row = reply_of(tx, report_id, number)
    tx.db.execute(delete(BoardReply).where(BoardReply.id == row.id))
    tx.record("board-report.reply-taken-out", "board_reports", report_id, number=number)


@operation(Can.WRITE_BOARD_REPORTS)
def correct(tx: Tx, report_id: int, why: str) -> int:
    """Begin the report that takes the place of a signed one, with its words to go on from; returns its id. Both are kept and linked.

    Figures of a closed month stay: what is put right is what was written. Invalid without a reason; Conflict if one has been begun.
    """
    old = access.report(tx, Can.WRITE_BOARD_REPORTS, report_id, lock=True)
    if old.state != SIGNED:
        raise Conflict("The report is a draft: change it where it is wrong.", code="report-draft")
    reason = " ".join(lines(why).split())
    if not 1 <= len(reason) <= LINE:
        refuse([{"field": "why", "message": f"Say what has to be put right, in at most {LINE} characters"}])
    if tx.scalar(select(BoardReport.id).where(BoardReport.replaces_id == report_id)) is not None:
        raise Conflict("A report that takes its place has been begun already.", code="replaced-already", way_out="Open it from the list.")
    more = dict(number=old.number + 1, replaces_id=old.id, why=reason)
    key = _add(tx, old.organisation_id, old.kind, old.close_id, tx.actor.person_id, **more)
    written = dict(report_id=key, written_at=tx.now, written_by=tx.actor.person_id, version=1)
    for table, names in ((BoardComment, ("about", "words")), (BoardReply, ("number", "said", "did"))):
        rows = tx.rows(select(table.__table__).where(table.report_id == report_id))
        tx.insert_many(table, [{name: getattr(row, name) for name in names} | written for row in rows])
    return key


@operation(Can.WRITE_BOARD_REPORTS)
def discard(tx: Tx, report_id: int) -> None:
    """A draft is thrown away, with all that was written on it. A signed report never is."""
    row = draft(tx, report_id)
    for table in (BoardComment, BoardReply):
        tx.db.execute(delete(table).where(table.report_id == report_id))
    tx.db.execute(delete(BoardReport).where(BoardReport.id == report_id))
    tx.record("board-report.discarded", "board_reports", report_id, kind=row.kind)


def refuse(errors: list[dict[str, str]]) -> None:
    """Raise what is wrong, if anything is."""
    if errors:
        raise Invalid("Check what you entered.", errors=errors)
