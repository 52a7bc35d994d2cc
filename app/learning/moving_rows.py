"""Files of what was learnt before: which columns they have, and what each cell means."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select

from app import policy
from app.core.sheets import Columns, Problem, as_date, named_rows
from app.core.text import normal, tidy
from app.core.tx import Tx
from app.learning.models import Course, LearningActivity
from app.learning.records import LONGEST_PEER, LONGEST_TIME, LONGEST_TITLE, LONGEST_WORDS, Words
from app.learning.results import EARLIEST
from app.people.models import Person
from app.policy import Can

MOST_ROWS = 1000
_PERSON = ("employee number", "e-mail", "email", "work e-mail", "work email", "swe number", "social work england number", "worker")
_MINUTES = ("duration", "length")
COMPLETIONS = Columns(
    {
        "person": _PERSON,
        "course": ("course title", "title"),
        "completed on": ("completed", "date", "completion date", "date completed"),
        "minutes": _MINUTES,
    },
    ("person", "course", "completed on"),
    empty="Add a row for each completion.",
)
LEARNING = Columns(
    {
        "person": _PERSON,
        "date": ("on", "day"),
        "title": ("what", "description", "what it was"),
        "activity": ("type", "type of activity", "kind"),
        "minutes": _MINUTES,
        "hours": (),
        "what i did": ("did", "relevance", "description and relevance"),
        "what i learnt": ("learnt", "learning", "what i learned"),
        "impact": ("difference", "the difference it makes", "impact on practice"),
        "talked over with": ("peer", "peer discussion", "peer reflection"),
        "talked over on": ("peer discussion on", "date of peer discussion"),
    },
    ("date", "title", "activity"),
    empty="Add a row for each piece of learning.",
    longest=LONGEST_WORDS + 1,
)
KINDS = {"completions": COMPLETIONS, "learning": LEARNING}
NO_WORDS = Words()
OWN_WORDS = {"what i did": "did", "what i learnt": "learnt", "impact": "impact", "talked over with": "peer_with"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line that can be read: whose learning, when, what, and how long. Of a completion `course_id`, of other learning `activity`."""

    line: int
    person_id: int
    person: str
    on_date: date
    title: str
    minutes: int | None
    course_id: int | None = None
    activity: str | None = None
    words: Words = NO_WORDS


@dataclass(slots=True)
class Read:
    """All of a file that can be read, and every cell that cannot."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse(kind: str, content: bytes) -> list[dict[str, Any]]:
    """The rows of a file as {"line", "cells"}; SheetRefused when it is no such table."""
    return named_rows(content, MOST_ROWS, KINDS[kind])


def read(tx: Tx, kind: str, lines: Sequence[Mapping[str, Any]]) -> Read:
    """What the lines say: people and courses are looked up once for all of them, and only people in the actor's reach are found."""
    return _Reader(tx, kind, lines).read()


class _Reader:
    """Reads line by line; what is wrong with a cell is noted, and the line left out."""

    def __init__(self, tx: Tx, kind: str, lines: Sequence[Mapping[str, Any]]) -> None:
        self.tx, self.kind, self.lines = tx, kind, lines
        self.me = tx.actor.person_id
        self.made = Read()
        self.wrong: list[tuple[str, str, str]] = []
        self.cells: Mapping[str, str] = {}
        self.people = self._people(Can.IMPORT_COMPLETIONS if kind == "completions" else Can.IMPORT_LEARNING)
        self.named = self._courses() if kind == "completions" else self._activities()

    def read(self) -> Read:
        which: Callable[[int], Row | None] = self._completion if self.kind == "completions" else self._learning
        for line in self.lines:
            self.cells, self.wrong = line["cells"], []
            row = which(line["line"])
            self.made.problems += [Problem(line["line"], column, self.cells.get(column, ""), *said) for column, *said in self.wrong]
            if row is not None and not self.wrong:
                self.made.rows.append(row)
        self._repeated()
        self.made.problems.sort(key=lambda problem: problem.line)
        return self.made

    # What can be named ---------------------------------------------------------------------------------------------

    def _people(self, can: Can) -> dict[str, list[tuple[int, str]]]:
        """People in reach by work e-mail address, employee number or registration number."""
        said = {line["cells"].get("person", "").strip().lower() for line in self.lines} - {""}
        named = or_(Person.email.in_(said), func.lower(Person.employee_number).in_(said), func.lower(Person.swe_number).in_(said))
        within = policy.within_reach(self.tx, can, Person.id)
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        columns = (Person.id, Person.name, Person.email, Person.employee_number, Person.swe_number)
        for person in self.tx.rows(select(*columns).where(or_(named, Person.id == self.me), within)):
            names = {(name or "").lower() for name in (person.email, person.employee_number, person.swe_number)}
            for name in names & said:
                found[name].append((person.id, person.name))
            if person.id == self.me and self.kind == "learning" and not said:
                found[""] = [(person.id, person.name)]  # a file without people is the reader's own
        return found

    def _courses(self) -> dict[str, list[tuple[int, str]]]:
        """Courses by title and by the last part of their address; drafts have been completed by nobody."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in self.tx.rows(select(Course.id, Course.title, Course.slug).where(Course.status != "draft")):
            for name in {row.title.lower(), row.slug}:
                found[name].append((row.id, row.title))
        return found

    def _activities(self) -> dict[str, list[tuple[int, str]]]:
        """Codes of activities by code and by title."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.titles = []
        for row in self.tx.rows(select(LearningActivity.code, LearningActivity.title).order_by(LearningActivity.position)):
            self.titles.append(row.title)
            for name in {row.code, row.code.replace("_", " "), row.title.lower()}:
                found[name].append((0, row.code))
        return found

    # Cells ---------------------------------------------------------------------------------------------------------

    def _said(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def _person(self) -> tuple[int, str]:
        said = self._said("person").lower()
        found = self.people.get(said, [])
        if len(found) == 1:
            return found[0]
        if not said:
            self.wrong.append(("person", "There is nobody", "Give a work e-mail address, an employee number or a registration number"))
        elif found:
            self.wrong.append(("person", "Several people have this employee number", "Give their work e-mail address"))
        else:
            self.wrong.append(("person", "Nobody you look after is called this", "Give a work e-mail address or an employee number"))
        return 0, ""

    def _day(self, column: str) -> date:
        day = as_date(self._said(column))
        if day is None or not EARLIEST <= day <= self.tx.today:
            trouble = (
                "This is not a date" if day is None else "This day is still to come" if day > self.tx.today else "This is too long ago"
            )
            self.wrong.append((column, trouble, "Give the day like 8/12/2026, day first, or 2026-12-08"))
        return day or EARLIEST

    def _minutes(self) -> int | None:
        """Minutes, or hours as 1.5 or 1:30; None where neither is given."""
        minutes, hours = self._said("minutes"), self._said("hours")
        if minutes and hours:
            self.wrong.append(("hours", "There are minutes and hours", "Leave one of the two empty"))
            return None
        if not minutes and not hours:
            return None
        found = re.fullmatch(r"(\d{1,5})", minutes)
        total = int(found[1]) if found else None
        if hours:
            clock, decimal = re.fullmatch(r"(\d{1,4}):([0-5]\d)", hours), re.fullmatch(r"\d{1,4}(?:\.\d{1,2})?", hours)
            total = int(clock[1]) * 60 + int(clock[2]) if clock else round(float(hours) * 60) if decimal else None
        if total is None or total > LONGEST_TIME:
            column = "minutes" if minutes else "hours"
            remedy = "Give a whole number of minutes" if minutes else "Give hours like 1.5 or 1:30"
            self.wrong.append((column, f"This is no number of {column}", remedy))
        return total

    # Lines ---------------------------------------------------------------------------------------------------------

    def _completion(self, line: int) -> Row | None:
        person_id, person = self._person()
        if person_id and person_id == self.me:
            self.wrong.append(("person", "This is yourself", "Somebody else has to import what you completed"))
        day, minutes = self._day("completed on"), self._minutes()
        course = self.named.get(self._said("course").lower(), [])
        if len(course) != 1:
            trouble = "Several courses have this title" if course else "There is no course with this title"
            remedy = (
                "Give the last part of the course’s address" if course else "Copy the title from the catalogue, or make the course first"
            )
            self.wrong.append(("course", trouble, remedy))
            return None
        return Row(line, person_id, person, day, course[0][1], minutes, course_id=course[0][0])

    def _learning(self, line: int) -> Row | None:
        person_id, person = self._person()
        day, minutes, title = self._day("date"), self._minutes(), normal(self._said("title"))
        if minutes is None and not any(column in ("minutes", "hours") for column, *_ in self.wrong):
            self.wrong.append(("minutes", "There is no time", "Give minutes, or hours in a column of their own"))
        if not 2 <= len(title) <= LONGEST_TITLE:
            self.wrong.append(("title", _wrong_title(title), f"Give 2 to {LONGEST_TITLE} characters"))
        activity = self.named.get(self._said("activity").lower(), [])
        if not activity:
            self.wrong.append(("activity", "This kind of learning is not known", "Use one of: " + ", ".join(self.titles)))
        words = self._words(own=person_id == self.me)
        if self.wrong:
            return None
        return Row(line, person_id, person, day, title, minutes, activity=activity[0][1], words=words)

    def _words(self, *, own: bool) -> Words:
        """A reflection: only of one's own learning, for nobody else has to do with it."""
        said = {name: tidy(self._said(column)) for column, name in OWN_WORDS.items()}
        for column, name in OWN_WORDS.items():
            most = LONGEST_PEER if name == "peer_with" else LONGEST_WORDS
            if said[name] and not own:
                self.wrong.append((column, "What somebody thinks about their learning is theirs", "Leave it out: they bring it themselves"))
            elif len(said[name]) > most:
                self.wrong.append((column, "This is too long", f"Shorten it to {most:,} characters"))
        peer_on = None
        if self._said("talked over on"):
            peer_on = self._day("talked over on")
            if not said["peer_with"]:
                self.wrong.append(("talked over with", "There is a day and nobody", "Say with whom, in words like “a colleague”"))
        return Words(**said, peer_on=peer_on)

    def _repeated(self) -> None:
        """Two lines that say the same are one too many."""
        seen: dict[Any, int] = {}
        for row in self.made.rows:
            key = (row.person_id, row.on_date, row.course_id or row.title.lower())
            if key in seen:
                column = "completed on" if row.course_id else "date"
                said = f"Line {seen[key]} is about the same"
                self.made.problems.append(Problem(row.line, column, row.on_date.isoformat(), said, "Delete one of the two lines"))
            seen.setdefault(key, row.line)


def _wrong_title(title: str) -> str:
    if not title:
        return "There is no title"
    return "The title is too long" if len(title) > LONGEST_TITLE else "The title is too short"
