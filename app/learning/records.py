"""Verbs about one's own learning: write a record, reflect on any of one's records, add what shows it, and say who may see it.

People write their own records; those that attendance, supervision and the like bring are changed only by what brings them, but they too can
be reflected on. Nothing is overwritten: versions stay, and hang on the first record of a chain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, or_, select, update

from app.core import files
from app.core.db import Base
from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.files import Received
from app.core.forms import Problems
from app.core.text import normal, tidy
from app.core.tx import Tx, meaning
from app.frameworks.models import Standard
from app.guarding import checking
from app.guarding.checking import Decision, Settled
from app.learning import drafts
from app.learning.models import LearningActivity, LearningRecord
from app.learning.record_models import AUDIENCES, MOST_STANDARDS, RecordFile, RecordShare, RecordStandard, Reflection
from app.learning.results import EARLIEST
from app.policy import Can, operation

LONGEST_TITLE, LONGEST_PEER, LONGEST_WORDS = 150, 300, 10_000  # characters
LONGEST_TIME = 60_000  # minutes: a secondment, not a career
MOST_FILES = 10  # of one record
OWN, SUBJECT = "own", "learning_records"
LABELS = {
    "title": "What it was",
    "did": "What you did",
    "learnt": "What you learnt",
    "impact": "The difference it makes",
    "peer_with": "Whom you talked it over with",
}


meaning(
    "uq_learning_records_entry",
    "learning_records.person_id, learning_records.entry_key",
    message="This record has just been saved.",
    code="record-saved",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An own record: when, how long (minutes), what sort of learning, and its title (empty: what sort it was)."""

    on_date: date
    minutes: int
    activity: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A reflection in the regulator's fields; all empty: there is none."""

    did: str = ""
    learnt: str = ""
    impact: str = ""
    peer_with: str = ""
    peer_on: date | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What a form adds to a record besides its facts."""

    words: Words = Words()
    standards: tuple[str, ...] = ()
    files: tuple[Received, ...] = ()
    decision: Decision | None = None  # about words that may identify a child or family
    files_settled: Settled | None = None  # the same about the files: what `guarding.uploads` found and was decided


# Writing -----------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_LEARNING_RECORDS)
def add(tx: Tx, entry_key: str, entry: Entry, added: Added = Added(), audiences: Collection[str] = ()) -> int:
    """A new record of the actor's own; returns it. `entry_key` is what their browser made up for it: sent again, it is the same record."""
    person_id = tx.actor.person_id
    if not drafts.KEY.fullmatch(entry_key):
        raise Invalid("Open the page again and repeat what you entered.", code="entry-key")
    known = tx.scalar(select(LearningRecord.id).where(LearningRecord.person_id == person_id, LearningRecord.entry_key == entry_key))
    if known is not None:
        return int(known)
    problems = Problems()
    facts, words = _entry(tx, entry, problems), _words(tx, added.words, problems)
    standards = _standards(tx, added.standards, problems)
    _audiences(audiences, problems)
    problems.raise_any()
    settled, values, words = _guarded(tx, facts, words, added.decision, 0)
    values = (values or {}) | dict(person_id=person_id, source=OWN, entry_key=entry_key, recorded_at=tx.now)
    first_id = tx.insert_recorded(LearningRecord, values, action="learning-record.added", person_id=person_id)
    _note(tx, first_id, settled, added)
    if words != Words():
        tx.insert(Reflection, first_id=first_id, recorded_at=tx.now, **_columns(words))
    _tag(tx, first_id, standards)
    _attach(tx, first_id, added.files)
    tx.insert_many(RecordShare, [dict(first_id=first_id, audience=name, shared_at=tx.now) for name in sorted(set(audiences))])
    drafts.drop(tx, entry_key)
    return first_id


@operation(Can.WRITE_LEARNING_RECORDS)
def change(tx: Tx, first_id: int, base: str, entry: Entry | None, added: Added, entry_key: str = "") -> None:
    """Change one's record: its facts (None: they stay; only an own record's can be changed), its reflection and standards; add files.

    `base` is `mark` of what the writer had before them: Changed if it is otherwise by now. What is the same already is no change.
    """
    live = mine(tx, first_id, lock=True)
    problems = Problems()
    if entry is not None and live.source != OWN:
        raise Conflict("This record comes from what happened, and is corrected there.", code="record-not-own")
    values = _entry(tx, entry, problems) if entry is not None else None
    words, standards = _words(tx, added.words, problems), _standards(tx, added.standards, problems)
    problems.raise_any()
    settled, values, words = _guarded(tx, values, words, added.decision, first_id)
    had = reflection(tx, first_id)
    facts = values is not None and any(getattr(live, name) != value for name, value in values.items())
    thought = _columns(words) != (_columns(had) if had is not None else _columns(Words()))
    tagged = set(standards) != set(tags(tx, first_id))
    if (facts or thought or tagged) and base != mark(tx, live):
        raise Changed(
            "You have changed this record somewhere else since you opened it.", way_out="Open it again in another tab to compare the two."
        )
    if values is not None and facts:
        tx.update(LearningRecord, live.id, superseded_at=tx.now)
        kept = dict(person_id=live.person_id, source=OWN, first_id=first_id, recorded_at=tx.now)
        tx.insert(LearningRecord, **values, **kept)
    if thought:
        _end(tx, Reflection, first_id)
        if words != Words():
            tx.insert(Reflection, first_id=first_id, recorded_at=tx.now, **_columns(words))
    if tagged:
        _end(tx, RecordStandard, first_id)
        _tag(tx, first_id, standards)
    attached = _attach(tx, first_id, added.files)
    _note(tx, first_id, settled, added)
    if facts or thought or tagged or attached:
        tx.record("learning-record.changed", SUBJECT, first_id, person_id=live.person_id)
    drafts.drop(tx, entry_key)


@operation(Can.WRITE_LEARNING_RECORDS)
def take_away(tx: Tx, first_id: int) -> None:
    """An own record counts no more and nobody else sees it; it stays in its owner's history."""
    live = mine(tx, first_id, lock=True)
    if live.source != OWN:
        raise Conflict("This record comes from what happened, and is corrected there.", code="record-not-own")
    tx.update(LearningRecord, live.id, superseded_at=tx.now)
    tx.record("learning-record.taken-away", SUBJECT, first_id, person_id=live.person_id)


@operation(Can.WRITE_LEARNING_RECORDS)
def share(tx: Tx, first_id: int, audiences: Collection[str]) -> None:
    """These, and nobody else, may see the record from now on; none: it is private again."""
    live = mine(tx, first_id, lock=True)
    problems = Problems()
    _audiences(audiences, problems)
    problems.raise_any()
    had = set(shared_with(tx, first_id))
    ended, begun = had - set(audiences), set(audiences) - had
    if ended:
        open_ = (RecordShare.first_id == first_id, RecordShare.audience.in_(sorted(ended)), RecordShare.ended_at.is_(None))
        tx.db.execute(update(RecordShare).where(*open_).values(ended_at=tx.now))
    tx.insert_many(RecordShare, [dict(first_id=first_id, audience=name, shared_at=tx.now) for name in sorted(begun)])
    if ended or begun:
        tx.record("learning-record.shared", SUBJECT, first_id, person_id=live.person_id, audiences=sorted(audiences))


@operation(Can.WRITE_LEARNING_RECORDS)
def remove_file(tx: Tx, first_id: int, file_id: int) -> None:
    """A file belongs to the record no more."""
    live = mine(tx, first_id, lock=True)
    row = tx.one(
        select(RecordFile.__table__).where(RecordFile.id == file_id, RecordFile.first_id == first_id, RecordFile.removed_at.is_(None))
    )
    if row is None:
        raise NotFound("There is no such file here any more.", code="file-not-found")
    tx.update(RecordFile, file_id, removed_at=tx.now)
    tx.record("learning-record.file-removed", SUBJECT, first_id, person_id=live.person_id, digest=row.digest)


# What stands -------------------------------------------------------------------------------------------------------


def mine(tx: Tx, first_id: int, *, lock: bool = False) -> Row[Any]:
    """The live record of one of the actor's own chains. NotFound for anybody else's, Conflict when it counts no more."""
    first = tx.get(LearningRecord, first_id, lock=lock, what="learning record")
    if first.first_id is not None or first.person_id != tx.actor.person_id:
        raise NotFound("There is no learning record with that reference.", code="record-not-found")
    live = select(LearningRecord.__table__).where(
        or_(LearningRecord.id == first_id, LearningRecord.first_id == first_id), LearningRecord.superseded_at.is_(None)
    )
    row = tx.one(live)
    if row is None:
        raise Conflict("This record counts no more, so it can only be read.", code="record-gone")
    return row


def reflection(tx: Tx, first_id: int) -> Row[Any] | None:
    """What its owner has written about it."""
    return tx.one(select(Reflection.__table__).where(Reflection.first_id == first_id, Reflection.superseded_at.is_(None)))


def tags(tx: Tx, first_id: int) -> list[str]:
    """The codes of the standards it touched, in the order in which they were chosen."""
    chosen = select(RecordStandard.standard).where(RecordStandard.first_id == first_id, RecordStandard.superseded_at.is_(None))
    return [row.standard for row in tx.rows(chosen.order_by(RecordStandard.slot))]


def shared_with(tx: Tx, first_id: int) -> list[str]:
    """Whom its owner lets see it."""
    return [
        row.audience
        for row in tx.rows(
            select(RecordShare.audience)
            .where(RecordShare.first_id == first_id, RecordShare.ended_at.is_(None))
            .order_by(RecordShare.audience)
        )
    ]


def mark(tx: Tx, live: Row[Any]) -> str:
    """Which version of everything a form was drawn from."""
    first_id = live.first_id or live.id
    had = reflection(tx, first_id)
    return " ".join([str(live.id), str(had.id if had is not None else 0), *tags(tx, first_id)])


# Parts -------------------------------------------------------------------------------------------------------------


def _columns(words: Any) -> dict[str, Any]:
    """The columns of a reflection, from `Words` or from a row."""
    return {name: getattr(words, name) for name in Words.__slots__}


def _end(tx: Tx, table: Any, first_id: int) -> None:
    live: type[Base] = table
    tx.db.execute(update(live).where(table.first_id == first_id, table.superseded_at.is_(None)).values(superseded_at=tx.now))


def _tag(tx: Tx, first_id: int, standards: Sequence[str]) -> None:
    rows = [dict(first_id=first_id, standard=code, slot=slot, recorded_at=tx.now) for slot, code in enumerate(standards, 1)]
    tx.insert_many(RecordStandard, rows)


def _attach(tx: Tx, first_id: int, received: Sequence[Received]) -> int:
    """Add files; returns how many are new. The same content is attached once."""
    if not received:
        return 0
    there = {
        row.digest for row in tx.rows(select(RecordFile.digest).where(RecordFile.first_id == first_id, RecordFile.removed_at.is_(None)))
    }
    fresh = {files.keep(tx, each): each.name for each in received}
    fresh = {digest: name for digest, name in fresh.items() if digest not in there}
    if len(there) + len(fresh) > MOST_FILES:
        message = f"A record holds at most {MOST_FILES} files"
        raise Invalid(message + ".", errors=[{"field": "file", "message": message}])
    tx.insert_many(RecordFile, [dict(first_id=first_id, digest=digest, name=name, added_at=tx.now) for digest, name in fresh.items()])
    return len(fresh)


def _entry(tx: Tx, entry: Entry, problems: Problems) -> dict[str, Any]:
    activity = tx.one(select(LearningActivity.__table__).where(LearningActivity.code == entry.activity))
    title = normal(entry.title) or (activity.title if activity else "")
    if activity is None:
        problems.add("activity", "Choose what sort of learning it was")
    if len(title) > LONGEST_TITLE:
        problems.add("title", f"What it was must be {LONGEST_TITLE} characters or fewer")
    if not EARLIEST <= entry.on_date <= tx.today:
        problems.add("on_date", "The day must be today or in the past, and not before 2000")
    if not 1 <= entry.minutes <= LONGEST_TIME:
        problems.add("hours", f"The time must be from 1 minute to {LONGEST_TIME // 60:,} hours")
    return dict(
        on_date=entry.on_date,
        minutes=entry.minutes,
        activity=entry.activity,
        bucket=activity.bucket if activity else "",
        title=title,
    )


def _words(tx: Tx, words: Words, problems: Problems) -> Words:
    found = Words(tidy(words.did), tidy(words.learnt), tidy(words.impact), normal(words.peer_with), words.peer_on)
    for name in ("did", "learnt", "impact"):
        if len(getattr(found, name)) > LONGEST_WORDS:
            problems.add(name, f"{LABELS[name]} must be {LONGEST_WORDS:,} characters or fewer")
    if len(found.peer_with) > LONGEST_PEER:
        problems.add("peer_with", f"Whom you talked it over with must be {LONGEST_PEER} characters or fewer")
    if found.peer_on is not None and not found.peer_with:
        problems.add("peer_with", "Say whom you talked it over with on that day")
    if found.peer_on is not None and not EARLIEST <= found.peer_on <= tx.today:
        problems.add("peer_on", "The day on which you talked it over must be today or in the past")
    return found


def _guarded(
    tx: Tx, values: dict[str, Any] | None, words: Words, decision: Decision | None, first_id: int
) -> tuple[Settled, dict[str, Any] | None, Words]:
    """What was written as it may be kept; Identifiable while nobody has decided about what may name a child or family in it."""
    said = {name: getattr(words, name) for name in LABELS if name != "title"}
    said |= {"title": values["title"]} if values is not None else {}
    settled = checking.settle(tx, said, decision, labels=LABELS, subject=SUBJECT, subject_id=first_id)
    if values is not None:
        values = values | {"title": settled["title"]}
    return settled, values, Words(settled["did"], settled["learnt"], settled["impact"], settled["peer_with"], words.peer_on)


def _note(tx: Tx, first_id: int, settled: Settled, added: Added) -> None:
    for each in (settled, added.files_settled):
        if each is not None:
            checking.note(tx, each, SUBJECT, first_id)


def _standards(tx: Tx, codes: Sequence[str], problems: Problems) -> list[str]:
    chosen = list(dict.fromkeys(code for code in codes if code))
    if len(chosen) > MOST_STANDARDS:
        problems.add("standards", f"Choose at most {MOST_STANDARDS} standards: those it touched most")
    elif chosen and len(tx.rows(select(Standard.code).where(Standard.code.in_(chosen)))) < len(chosen):
        problems.add("standards", "Choose standards from the list")
    return chosen


def _audiences(audiences: Collection[str], problems: Problems) -> None:
    if set(audiences) - set(AUDIENCES):
        problems.add("audiences", "Choose from the list who may see it")
