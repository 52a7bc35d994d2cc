"""Documents and portfolios in words: their state, who has them, since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from app.core.calendar import clock, london, long_date
from app.core.text import plural
from app.programmes import questions as asking
from app.programmes import terms
from app.programmes.models import CAPACITIES
from app.programmes.papers import Paper
from app.programmes.questions import ACCEPTS, Question

KINDS = {  # how a revision came about
    "typing": "Written",
    "merge": "Two versions of an answer put together",
    "contribution": "Given by link",
    "restored": "An earlier version brought back",
    "moved in": "Brought in from paper or another system",
}
CONTRIBUTIONS = {
    "asked": ("Asked", "yellow"),
    "given": ("Given", "green"),
    "declined": ("Cannot take part", "grey"),
    "expired": ("Time ran out", "red"),
    "withdrawn": ("Not needed any more", "grey"),
}
PARTS = {
    "observer": "To observe",
    "other_professional": "Feedback as another professional",
    "family_feedback": "To collect a family’s feedback",
}


def capacity(code: str) -> str:
    """ "nqsw" → "newly qualified social worker", inside a sentence."""
    words = terms.title({}, code)
    return words[:1].lower() + words[1:]


def state(row: Row[Any], *, mine: bool = False) -> tuple[str, str]:
    """The state of a document and the colour of its tag. `mine`: the reader has the turn."""
    if row.state == "draft":
        return ("Not started", "grey") if row.head == 0 else ("Being written", "blue")
    if row.state in ("sent", "returned", "signing"):
        if mine:
            return {"sent": "Your turn", "returned": "Given back to you", "signing": "For you to sign"}[row.state], "yellow"
        said = {"sent": "With the", "returned": "Given back to the", "signing": "To be signed by the"}[row.state]
        return f"{said} {capacity(row.waiting_for)}", "blue"
    if row.state == "on paper":
        return "Complete on paper", "green"
    return "Complete", "green"


def holder(row: Row[Any], people: Sequence[Row[Any]], me: int | None) -> str:
    """Who has the turn, by name: "you", "Asa Sessor", or the capacity where nobody holds it. Empty: nobody waits."""
    if row.waiting_for is None:
        return ""
    found = [(each.id, each.name) for each in people if each.capacity == row.waiting_for]
    if any(key == me for key, _ in found):
        return "you"
    return " and ".join(name for _, name in found) or f"the {capacity(row.waiting_for)}"


def since(waiting_since: datetime | None, today: date) -> str:
    """ "since today", "for 1 day", "for 12 days"."""
    if waiting_since is None:
        return ""
    days = (today - london(waiting_since).date()).days
    return "since today" if days <= 0 else f"for {plural(days, 'day')}"


def saved(at: datetime | None, today: date) -> str:
    """ "Saved 10:42am" on the day itself, with the date afterwards."""
    if at is None:
        return "Nothing written yet"
    local = london(at)
    return f"Saved {clock(local)}" if local.date() == today else f"Saved {long_date(local)}, {clock(local)}"


def next_step(paper: Paper, accepts: bool) -> str:
    """What the main button says: what happens once the reader's part is done. `accepts`: somebody assesses who would accept it."""
    lacking = [question for question in asking.missing(paper.questions, paper.content) if not question.asks(paper.parts)]
    if lacking:
        named = [by for by in lacking[0].by if by in CAPACITIES] or list(lacking[0].by)
        return f"Send to the {capacity(named[0])}"
    if paper.row.signed_by:
        return "Send to be signed"
    if paper.row.waiting_for in ACCEPTS and not paper.completes:
        return "Accept it as complete"
    inside = {by for question in paper.questions for by in question.by if by in CAPACITIES} - asking.LEARNERS
    if inside and accepts and not paper.parts & set(ACCEPTS):
        return "Send to the assessor"
    return "Finish this document"


def shown(question: Question, value: str) -> str:
    """An answer as it is read: dates in words."""
    if question.type == "date" and value and asking.wrong(question, value) is None:
        return long_date(date.fromisoformat(value))
    return value
