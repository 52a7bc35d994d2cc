"""A document's form as questions: who answers which, what is missing, and whose turn it is. Pure functions over a template's row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.text import ordinal
from app.programmes.models import CAPACITIES, Side

LONGEST, LONGEST_SHORT = 20_000, 500  # characters of an answer: some eight pages; some lines
MOST_STANDARDS = 4  # of one document: few tags, because ticking boxes is not judging
LEARNERS = frozenset(name for name, side in CAPACITIES.items() if side is Side.LEARNER)
ASKED = frozenset({"observer", "other_professional"})  # they see and write the one document that they were asked for
ACCEPTS = ("assessor", "mentor", "provider", "employer", "line_manager")  # who accepts what nobody signs: the first of these there is
CONTEXT = "context"  # the section of an observation that its observer reads beforehand


@dataclass(frozen=True, slots=True)
class Question:
    """One item of a form. `by`: the capacities that answer it; `after`: whose answers must be there before it is written."""

    code: str
    label: str
    guidance: str
    type: str
    choices: tuple[str, ...]
    by: tuple[str, ...]
    required: bool
    section: str
    after: tuple[str, ...] = ()

    def asks(self, capacities: Collection[str]) -> bool:
        """Does somebody with these capacities answer it?"""
        return any(one in capacities for one in self.by)


@dataclass(frozen=True, slots=True)
class Section:
    """Questions that belong together."""

    code: str
    title: str
    guidance: str
    questions: tuple[Question, ...]


def sections(form: Mapping[str, Any], completed_by: Sequence[str]) -> tuple[Section, ...]:
    """The form of a template. Questions that name nobody are for whoever completes the document."""
    found = []
    for section in form.get("sections", ()):
        asked = tuple(
            Question(
                item["code"],
                item["label"],
                item.get("guidance", ""),
                item.get("type", "text"),
                tuple(item.get("choices", ())) if item.get("type") != "yes_no" else ("Yes", "No"),
                tuple(item.get("by") or completed_by),
                item.get("required", True),
                section["code"],
                tuple(section.get("after", ())),
            )
            for item in section["items"]
        )
        found.append(Section(section["code"], section["title"], section.get("guidance", ""), asked))
    return tuple(found)


def questions(parts: Iterable[Section]) -> tuple[Question, ...]:
    """All of them, in the order of the form."""
    return tuple(question for section in parts for question in section.questions)


def acting(capacities: Iterable[str], asked: Sequence[Question], *, invited: bool) -> frozenset[str]:
    """In which parts of this document somebody with these capacities acts. `invited`: they were asked for this very document.

    What is for somebody outside, such as whoever collects feedback from a family, the learner and whoever was asked may enter.
    """
    held = {one for one in capacities if invited or one not in ASKED}
    if held & (LEARNERS | ASKED):
        held |= {one for question in asked for one in question.by if one not in CAPACITIES}
    return frozenset(held)


def outside(part: str, asked: Sequence[Question], kind: str) -> frozenset[str]:
    """In which parts a contributor by link acts: their own, and for feedback from a family whatever the form calls its collector."""
    if part != "family_feedback":
        return frozenset({part})
    named = {one for question in asked for one in question.by if one not in CAPACITIES}
    everybody = {one for question in asked for one in question.by} if kind == "family_feedback" and not named else set()
    return frozenset({part} | named | everybody)


def missing(asked: Sequence[Question], content: Mapping[str, str]) -> list[Question]:
    """Questions that must be answered and are not, in the order of the form."""
    return [question for question in asked if question.required and not content.get(question.code)]


def too_early(question: Question, asked: Sequence[Question], content: Mapping[str, str]) -> bool:
    """Does the form say that this is written when others have given their parts that stand before it, and they have not yet?"""
    if not question.after:
        return False
    before = asked[: asked.index(question)]
    return any(other.asks(question.after) for other in missing(before, content))


def mine_first(lacking: Sequence[Question], parts: Collection[str]) -> list[Question]:
    """Of what is missing, what is mine before it can be anybody else's turn: the form's order is the order of turns."""
    found = []
    for question in lacking:
        if not question.asks(parts):
            break
        found.append(question)
    return found


def wrong(question: Question, words: str) -> str | None:
    """What is wrong with an answer, in words; None if nothing is. Drafts may hold anything: this is asked when a document is sent."""
    if not words:
        return None
    if question.type in ("choice", "yes_no") and words not in question.choices:
        return f"Choose one of the answers: {question.label}"
    if question.type == "date" and not _is_date(words):
        return f"Enter a real date: {question.label}"
    if question.type == "number" and not re.fullmatch(r"-?\d{1,9}(\.\d{1,4})?", words):
        return f"Enter a number: {question.label}"
    return None


def _is_date(words: str) -> bool:
    try:
        return 2000 <= date.fromisoformat(words).year <= 2100
    except ValueError:
        return False


def too_long(question: Question, words: str) -> str | None:
    """A refusal in words if an answer cannot be kept as it is."""
    most = LONGEST if question.type == "text" else LONGEST_SHORT
    return f"{question.label}: this must be {most:,} characters or fewer" if len(words) > most else None


def title(template_title: str, number: int, *, repeatable: bool) -> str:
    """A document as pages call it: "Feedback from people supported 2", "Direct observation 3, 2nd"."""
    if not repeatable:
        return template_title
    if template_title[-1:].isdigit():
        return template_title if number == 1 else f"{template_title}, {ordinal(number)}"
    return f"{template_title} {number}"
