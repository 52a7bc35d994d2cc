"""What was learnt before, from files: planned with every bad cell named, brought in all together or not at all, and taken back again.

A file sent twice changes nothing. Of CPD, a line that says otherwise than the last file did corrects the record, whose history stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from app import policy
from app.core.db import is_postgresql
from app.core.errors import Conflict, NotFound
from app.core.sheets import Problem
from app.core.tx import Tx, meaning
from app.guarding import checking, finding
from app.guarding.checking import Decision, Found
from app.learning import completing, moving_rows, shared, sources
from app.learning.models import Completion, Course, LearningRecord
from app.learning.moving_models import ImportedLearning, LearningImport
from app.learning.moving_rows import NO_WORDS, Row
from app.learning.record_models import Reflection
from app.learning.sources import Learning
from app.people.models import Person
from app.policy import Can, operation

SOURCE = "import"
CANS = {"completions": Can.IMPORT_COMPLETIONS, "learning": Can.IMPORT_LEARNING}
KEPT = timedelta(days=30)  # for so long a file that nobody applied keeps its rows
NEW, KNOWN, CHANGED = "new", "known", "changed"
NOTHING_FOUND = Found()
BECAUSE = "It was imported by mistake"

meaning(
    "uq_imported_learning_once",
    "imported_learning.person_id, imported_learning.on_date, imported_learning.title_key",
    message="Somebody has just imported the same. Look at the file again.",
    code="imported-meanwhile",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A line that can be brought in, and whether it is new, known already, or says otherwise than the last file. `key`: its row, if any."""

    row: Row
    state: str
    key: int | None = None


@dataclass(slots=True)
class Plan:
    """What a file would do."""

    rows: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    found: Found = NOTHING_FOUND  # what in its words may identify a child or family

    def count(self, state: str) -> int:
        """How many lines are "new", "known" or "changed"."""
        return sum(planned.state == state for planned in self.rows)

    @property
    def to_do(self) -> int:
        """How many lines would be brought in."""
        return len(self.rows) - self.count(KNOWN)


# Planning ----------------------------------------------------------------------------------------------------------


def plan(tx: Tx, kind: str, lines: Sequence[Mapping[str, Any]]) -> Plan:
    """What the lines would bring in, what is there already, and everything that is wrong. Writes nothing: a dry run."""
    policy.require(tx, CANS[kind])
    read = moving_rows.read(tx, kind, lines)
    if kind == "completions":
        return Plan(_completions(tx, read.rows), read.problems)
    fields, labels = _words(read.rows)
    found = checking.check(tx, tx.actor.person_id, fields, labels=labels)
    return Plan(_learning(tx, read.rows, found), read.problems, found)


def _completions(tx: Tx, rows: Sequence[Row]) -> list[Planned]:
    same = select(Completion.person_id, Completion.course_id, Completion.completed_on).where(
        Completion.person_id.in_(sorted({row.person_id for row in rows})), Completion.superseded_at.is_(None)
    )
    known = {tuple(row) for row in tx.rows(same)}
    return [Planned(row, KNOWN if (row.person_id, row.course_id, row.on_date) in known else NEW) for row in rows]


def _learning(tx: Tx, rows: Sequence[Row], found: Found) -> list[Planned]:
    columns = ("id", "person_id", "on_date", "title_key", "activity", "minutes", "live")
    people = sorted({row.person_id for row in rows})
    there = tx.rows(select(*(ImportedLearning.__table__.c[name] for name in columns)).where(ImportedLearning.person_id.in_(people)))
    known = {(row.person_id, row.on_date, row.title_key): row for row in there}
    redacted = {one.field: one.findings for one in found.fields}
    made = []
    for row in rows:
        last = known.get((row.person_id, row.on_date, key_of(row.title)))
        if last is None and (findings := redacted.get(_field(row, "title"))):
            last = known.get((row.person_id, row.on_date, key_of(finding.redact(row.title, findings))))
        if last is None:
            made.append(Planned(row, NEW))
        else:
            same = (last.activity, last.minutes) == (row.activity, row.minutes)
            made.append(Planned(row, (KNOWN if same else CHANGED) if last.live else NEW, last.id))
    return made


def key_of(title: str) -> str:
    """By what two titles are the same: their words, however they are written."""
    return " ".join(title.casefold().split())


def _field(row: Row, name: str) -> str:
    return f"line-{row.line}-{name}"


_SAID = {"title": "the title", "did": "what you did", "learnt": "what you learnt", "impact": "the difference", "peer_with": "with whom"}


def _words(rows: Sequence[Row]) -> tuple[dict[str, str], dict[str, str]]:
    """All words of a file by field, and the fields' names, for the guard."""
    fields, labels = {}, {}
    for row in rows:
        said = {"title": row.title} | {name: getattr(row.words, name) for name in ("did", "learnt", "impact", "peer_with")}
        for name, words in said.items():
            if words:
                fields[_field(row, name)] = words
                labels[_field(row, name)] = f"Line {row.line}, {_SAID[name]}"
    return fields, labels


# Files -------------------------------------------------------------------------------------------------------------


@operation(Can.IMPORT_LEARNING)
def stage(tx: Tx, kind: str, file_name: str, rows: list[dict[str, Any]]) -> int:
    """Keep the rows of a file until somebody applies them; returns the import. What nobody has applied for a month is emptied."""
    policy.require(tx, CANS[kind])
    old = (LearningImport.applied_at.is_(None), LearningImport.staged_at < tx.now - KEPT)
    tx.db.execute(update(LearningImport).where(*old).values(rows=[]))
    values = dict(kind=kind, file_name=file_name[:200], rows=rows, staged_by=tx.actor.person_id, staged_at=tx.now)
    import_id = tx.insert(LearningImport, **values)
    tx.record("learning-import.checked", "learning_imports", import_id, rows=len(rows), kind=kind)
    return import_id


def staged(tx: Tx, import_id: int, *, lock: bool = False) -> Any:
    """A file that the actor sent, or NotFound: it names people whom others may not look up."""
    kept = tx.get(LearningImport, import_id, lock=lock, what="import")
    if kept.staged_by != tx.actor.person_id or not policy.may(tx.actor, CANS[kept.kind]):
        raise NotFound("There is no import with that reference, or somebody else sent it.", code="import-not-found")
    return kept


@operation(Can.IMPORT_LEARNING)
def apply_import(tx: Tx, import_id: int, decision: Decision | None = None) -> int:
    """Bring in everything of a kept file that is not there yet; returns how many lines. One problem, and nothing is done.

    `decision`: about words that may identify a child or family. The file's own rows are emptied: what they said is on the records now.
    """
    kept = staged(tx, import_id, lock=True)
    if kept.applied_at is not None:
        raise Conflict("This file has already been applied.", code="import-applied")
    policy.require(tx, CANS[kept.kind])
    _lock(tx, moving_rows.read(tx, kept.kind, kept.rows).rows)
    planned = plan(tx, kept.kind, kept.rows)  # asked now that nobody else writes for these people
    if not planned.rows and not planned.problems:
        raise Conflict("The rows of this file are not kept any more.", code="import-emptied", way_out="Send the file again.")
    if planned.problems:
        first = planned.problems[0]
        raise Conflict(
            f"Line {first.line}, {first.column}: {first.wrong}.",
            code="import-has-problems",
            way_out="Look at all the problems, correct the file and send it again. Nothing was brought in.",
        )
    made = _complete(tx, planned) if kept.kind == "completions" else _learn(tx, import_id, planned, decision)
    tx.update(LearningImport, import_id, applied_at=tx.now, rows=[], made=made)
    numbers: dict[str, Any] = {name: planned.count(name) for name in (NEW, CHANGED, KNOWN)}
    tx.record("learning-import.applied", "learning_imports", import_id, kind=kept.kind, **numbers)
    return planned.to_do


def _lock(tx: Tx, rows: Sequence[Row]) -> None:
    """People are locked by id, so that two files about the same people take turns."""
    if is_postgresql(tx.db):
        people = sorted({row.person_id for row in rows})
        tx.rows(select(Person.id).where(Person.id.in_(people)).order_by(Person.id).with_for_update(key_share=True))


def _complete(tx: Tx, planned: Plan) -> dict[str, Any]:
    """New completions, course by course, refreshers last so that they renew what came with them; and the learning of each."""
    fresh = [each.row for each in planned.rows if each.state == NEW]
    courses = {row.id: row for row in tx.rows(select(Course.__table__).where(Course.id.in_({row.course_id for row in fresh})))}
    renews = {row[0] for row in tx.rows(select(Course.refresher_id).where(Course.refresher_id.in_(list(courses))))}
    turns: dict[tuple[bool, int, int], dict[int, Any]] = defaultdict(dict)
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for row in sorted(fresh, key=lambda row: row.on_date):
        course_id = row.course_id or 0
        turn = seen[row.person_id, course_id]
        seen[row.person_id, course_id] += 1
        turns[course_id in renews, turn, course_id][row.person_id] = row.on_date
    last = select(Completion.id).order_by(Completion.id.desc()).limit(1)
    mark = tx.scalar(last) or 0
    for (_, _, course_id), people in sorted(turns.items()):
        completing.complete(tx, courses[course_id], people, SOURCE, certify=False)
    mine = (Completion.id > mark, Completion.source == SOURCE, Completion.recorded_at == tx.now)
    in_hand = Completion.person_id.in_(sorted({row.person_id for row in fresh}))
    completions = [row.id for row in tx.rows(select(Completion.id).where(*mine, in_hand).order_by(Completion.id))]
    records = [
        completing.record(tx, courses[row.course_id], row.person_id, row.on_date, minutes, SOURCE)
        for row in fresh
        if (minutes := courses[row.course_id].cpd_minutes if row.minutes is None else row.minutes)
    ]
    written = insert(LearningRecord).returning(LearningRecord.id)
    ids = sorted(int(key) for key in tx.db.execute(written, records).scalars()) if records else []
    return {"completions": completions, "records": ids, "new": len(fresh), "known": planned.count(KNOWN)}


def _learn(tx: Tx, import_id: int, planned: Plan, decision: Decision | None) -> dict[str, Any]:
    """New and corrected learning; reflections come with what is new, and are their owner's from then on."""
    todo = [each for each in planned.rows if each.state != KNOWN]
    fields, labels = _words([each.row for each in todo])
    settled = checking.settle(tx, fields, decision, labels=labels)
    fresh = [each.row for each in todo if each.state == NEW]

    def said(row: Row, name: str) -> str:
        return settled.fields.get(_field(row, name), "")

    first = [each.row for each in todo if each.key is None]
    rows = [
        dict(
            person_id=row.person_id,
            on_date=row.on_date,
            title=said(row, "title"),
            title_key=key_of(said(row, "title")),
            activity=row.activity,
            minutes=row.minutes,
            import_id=import_id,
        )
        for row in first
    ]
    made = insert(ImportedLearning).returning(ImportedLearning.id, sort_by_parameter_order=True)
    keys = [int(key) for key in tx.db.execute(made, rows).scalars()] if rows else []
    again = [dict(its_key=each.key, activity=each.row.activity, minutes=each.row.minutes) for each in todo if each.key is not None]
    if again:
        its = update(ImportedLearning.__table__).where(ImportedLearning.__table__.c.id == bindparam("its_key"))
        tx.db.execute(its.values(import_id=import_id, live=True), again)
    of = {each.row.line: each.key for each in todo} | dict(zip((row.line for row in first), keys, strict=True))
    wanted = {
        (of[each.row.line] or 0, each.row.person_id): Learning(
            each.row.on_date, each.row.minutes or 0, each.row.activity or "", said(each.row, "title")
        )
        for each in todo
    }
    sources.settle(tx, SOURCE, wanted)
    _reflect(tx, {of[row.line] or 0: row for row in fresh if row.words != NO_WORDS}, said)
    checking.note(tx, settled, "learning_imports", import_id)
    return {"new": len(fresh), "changed": len(todo) - len(fresh), "known": planned.count(KNOWN)}


def _reflect(tx: Tx, rows: Mapping[int, Row], said: Any) -> None:
    """The reflections of new records; what somebody has written there meanwhile stays."""
    if not rows:
        return
    live = (LearningRecord.source == SOURCE, LearningRecord.source_key.in_(list(rows)), LearningRecord.superseded_at.is_(None))
    chain = func.coalesce(LearningRecord.first_id, LearningRecord.id)
    written = select(Reflection.id).where(Reflection.first_id == chain, Reflection.superseded_at.is_(None)).exists()
    found = tx.rows(select(chain.label("first_id"), LearningRecord.source_key).where(*live, ~written))
    names = ("did", "learnt", "impact", "peer_with")
    reflections = [
        dict(first_id=one.first_id, recorded_at=tx.now, peer_on=rows[one.source_key].words.peer_on)
        | {name: said(rows[one.source_key], name) for name in names}
        for one in found
    ]
    tx.insert_many(Reflection, reflections)


@operation(Can.IMPORT_LEARNING)
def take_back(tx: Tx, import_id: int) -> int:
    """What a file brought in was a mistake: none of it counts any more, and its history stays; returns how many entries.

    What a later file has corrected belongs to that one. Reflections that people have written meanwhile stay in the history too.
    """
    kept = staged(tx, import_id, lock=True)
    if kept.applied_at is None or kept.taken_back_at is not None:
        raise Conflict("There is nothing to take back.", code="import-not-applied")
    if kept.kind == "completions":
        number = _uncomplete(tx, kept.made or {})
    else:
        mine = (ImportedLearning.import_id == import_id, ImportedLearning.live)
        rows = tx.rows(select(ImportedLearning.id, ImportedLearning.person_id).where(*mine))
        sources.settle(tx, SOURCE, {(row.id, row.person_id): None for row in rows})
        tx.db.execute(update(ImportedLearning).where(*mine).values(live=False))
        number = len(rows)
    tx.update(LearningImport, import_id, taken_back_at=tx.now)
    tx.record("learning-import.taken-back", "learning_imports", import_id, entries=number)
    return number


def _uncomplete(tx: Tx, made: Mapping[str, Any]) -> int:
    live = (Completion.id.in_(made.get("completions", ())), Completion.superseded_at.is_(None))
    rows = tx.rows(select(Completion.id, Completion.person_id).where(*live).order_by(Completion.id))
    completing.supersede(tx, rows, BECAUSE)
    records = (LearningRecord.id.in_(made.get("records", ())), LearningRecord.superseded_at.is_(None))
    shared.tell(tx, {row.id: row.person_id for row in tx.rows(select(LearningRecord.id, LearningRecord.person_id).where(*records))})
    tx.db.execute(update(LearningRecord).where(*records).values(superseded_at=tx.now))
    return len(rows)
