"""Reading learning records: one's own with all their history, and those that somebody else shares with the reader.

A record is private. Others see it while its owner shares it with what they are to them today: whoever assesses them, their management
line, a coordinator. Who that is, policy says each time somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, or_, select

from app import policy
from app.core.calendar import long_date
from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.text import duration
from app.core.tx import Tx
from app.frameworks.models import Standard, StandardsSet
from app.learning.models import LearningActivity, LearningRecord
from app.learning.record_models import RecordFile, RecordShare, RecordStandard, Reflection
from app.people.models import Person
from app.policy import Can, Role

AUDIENCE_OF = {Role.ASSESSOR: "assessor", Role.MANAGER: "manager", Role.COORDINATOR: "coordinator"}
AUDIENCES = {
    "assessor": "Whoever assesses me",
    "manager": "My manager, and theirs",
    "coordinator": "The Academy’s coordinators",
    "systems": "Other systems of the council: what, when and how long, not what I wrote",
}
BUCKETS = {"experience": "Experience", "social": "With others", "formal": "Taught"}
SOURCES = {
    "attendance": "Attended",
    "e-learning": "E-learning",
    "prior learning": "From elsewhere",
    "own": "Own entry",
    "supervision": "Supervision",
    "observation": "Observation",
    "review": "Programme review",
    "mentoring": "Mentoring or coaching",
    "shadowing": "Shadowing",
    "action learning": "Action-learning set",
    "import": "Brought in",
}
WORDS = (
    ("did", "What I did"),
    ("learnt", "What I learnt"),
    ("impact", "The difference it makes"),
    ("peer_with", "Talked over with"),
)


def took(minutes: int) -> str:
    """How long it was, in words; some records count by number only."""
    return duration(minutes) if minutes else "time not recorded"


FIRST = func.coalesce(LearningRecord.first_id, LearningRecord.id)  # the first record of its chain


@dataclass(frozen=True, slots=True)
class Seen:
    """A record for one reader. `gone`: it counts no more, and only its owner still sees it, as it was last."""

    row: Row[Any]  # its newest version
    name: str  # whose
    mine: bool
    audiences: tuple[str, ...]  # whom the owner shares it with

    @property
    def first_id(self) -> int:
        return int(self.row.first_id or self.row.id)

    @property
    def gone(self) -> bool:
        return self.row.superseded_at is not None


# Who may see -------------------------------------------------------------------------------------------------------


def audiences(tx: Tx, person_id: int) -> set[str]:
    """What the actor is to somebody today, in the words of a share; empty: nothing of theirs is for the actor."""
    named = (AUDIENCE_OF.get(Role(each), "") for each in policy.roles_reaching(tx, Can.READ_LEARNING_RECORDS, person_id))
    return {audience for audience in named if audience}


_CHAIN = (
    select(LearningRecord.__table__, Person.name, LearningActivity.title.label("activity_title"))
    .join(Person, Person.id == LearningRecord.person_id)
    .outerjoin(LearningActivity, LearningActivity.code == LearningRecord.activity)
    .where(or_(LearningRecord.id == bindparam("first"), LearningRecord.first_id == bindparam("first")))
    .order_by(LearningRecord.id)
)
_SHARES = select(RecordShare.audience).where(RecordShare.first_id == bindparam("first"), RecordShare.ended_at.is_(None))


def one(tx: Tx, first_id: int) -> Seen:
    """A record by its first version, for its owner or whom they share it with; NotFound for everybody else, as if there were none."""
    policy.require(tx, Can.READ_LEARNING_RECORDS)
    chain = tx.rows(_CHAIN, first=first_id)
    if not chain or chain[0].first_id is not None:
        raise _nothing()
    row, owner = chain[-1], chain[0].person_id
    shared = tuple(sorted(share.audience for share in tx.rows(_SHARES, first=first_id)))
    mine = owner == tx.actor.person_id
    if not mine and (row.superseded_at is not None or not set(shared) & audiences(tx, owner)):
        raise _nothing()
    return Seen(row, row.name, mine, shared)


def _nothing() -> NotFound:
    return NotFound("There is no learning record with that reference, or it is not shared with you.", code="record-not-found")


_SHARED = (
    select(
        LearningRecord.__table__,
        FIRST.label("first"),
        LearningActivity.title.label("activity_title"),
        Reflection.id.is_not(None).label("reflected"),
        func.count().over().label("found"),
    )
    .outerjoin(LearningActivity, LearningActivity.code == LearningRecord.activity)
    .outerjoin(Reflection, and_(Reflection.first_id == FIRST, Reflection.superseded_at.is_(None)))
    .where(
        LearningRecord.person_id == bindparam("person"),
        LearningRecord.superseded_at.is_(None),
        select(RecordShare.id)
        .where(RecordShare.first_id == FIRST, RecordShare.audience.in_(bindparam("as", expanding=True)), RecordShare.ended_at.is_(None))
        .exists(),
    )
    .order_by(LearningRecord.on_date.desc(), LearningRecord.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)


def shared_by(tx: Tx, person_id: int, skip: int, most: int) -> Sequence[Row[Any]]:
    """What somebody shares with the actor, newest first; `found` counts it all. The caller has asked whether they are in reach."""
    known = sorted(audiences(tx, person_id))
    return tx.rows(_SHARED, person=person_id, skip=skip, most=most, **{"as": known}) if known else []


_LATER = aliased(LearningRecord)
_GONE = (
    select(
        LearningRecord.__table__, FIRST.label("first"), LearningActivity.title.label("activity_title"), func.count().over().label("found")
    )
    .outerjoin(LearningActivity, LearningActivity.code == LearningRecord.activity)
    .where(
        LearningRecord.person_id == bindparam("person"),
        LearningRecord.superseded_at.is_not(None),
        ~exists(
            select(ONE).where(
                _LATER.person_id == LearningRecord.person_id,
                func.coalesce(_LATER.first_id, _LATER.id) == FIRST,
                or_(_LATER.superseded_at.is_(None), _LATER.id > LearningRecord.id),
            )
        ),
    )
    .order_by(LearningRecord.superseded_at.desc(), LearningRecord.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)


def gone(tx: Tx, skip: int, most: int) -> Sequence[Row[Any]]:
    """The actor's records that count no more, each as it was last, the latest to go first; `found` counts them all."""
    return tx.rows(_GONE, person=tx.actor.person_id, skip=skip, most=most)


# What hangs on it --------------------------------------------------------------------------------------------------

_FILES = (
    select(RecordFile.__table__).where(RecordFile.first_id == bindparam("first"), RecordFile.removed_at.is_(None)).order_by(RecordFile.id)
)
_TAGS = (
    select(Standard.code, Standard.number, Standard.title, StandardsSet.title.label("of"))
    .join(RecordStandard, RecordStandard.standard == Standard.code)
    .join(StandardsSet, StandardsSet.id == Standard.set_id)
    .where(RecordStandard.first_id == bindparam("first"), RecordStandard.superseded_at.is_(None))
    .order_by(RecordStandard.slot)
)
_STANDARDS = (
    select(Standard.code, Standard.number, Standard.title, StandardsSet.title.label("of"))
    .join(StandardsSet, StandardsSet.id == Standard.set_id)
    .where(
        or_(StandardsSet.in_force_to.is_(None), StandardsSet.in_force_to > bindparam("today")),
        or_(StandardsSet.in_force_from.is_(None), StandardsSet.in_force_from <= bindparam("today")),
    )
    .order_by(StandardsSet.title, StandardsSet.id, Standard.number)
)


def files(tx: Tx, first_id: int) -> Sequence[Row[Any]]:
    """The files that belong to it."""
    return tx.rows(_FILES, first=first_id)


def file(tx: Tx, first_id: int, file_id: int) -> Row[Any]:
    """One of them, for whoever may see the record; NotFound for everybody else, and for one that was taken away."""
    one(tx, first_id)
    row = next((row for row in files(tx, first_id) if row.id == file_id), None)
    if row is None:
        raise NotFound("There is no such file here any more.", code="file-not-found")
    return row


def tags(tx: Tx, first_id: int) -> Sequence[Row[Any]]:
    """The standards it touched, with the set each belongs to."""
    return tx.rows(_TAGS, first=first_id)


def standards(tx: Tx) -> Sequence[Row[Any]]:
    """Every standard in force, by set."""
    return tx.rows(_STANDARDS, today=tx.today)


def activities(tx: Tx) -> Sequence[Row[Any]]:
    """Every sort of learning, in the order of lists."""
    return tx.rows(select(LearningActivity.__table__).order_by(LearningActivity.position))


# History -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that became of a record: when, in words, and the words that stood there since (label, text)."""

    at: datetime
    what: str
    words: tuple[tuple[str, str], ...] = ()


def history(tx: Tx, first_id: int) -> list[Happened]:
    """Every version of a record and of what hangs on it, newest first. For its owner; the caller has asked."""
    found = [*_facts(tx.rows(_CHAIN, first=first_id)), *_thoughts(tx, first_id), *_labels(tx, first_id), *_doors(tx, first_id)]
    return sorted(found, key=lambda each: each.at, reverse=True)


def _facts(chain: Sequence[Row[Any]]) -> list[Happened]:
    found, before = [], None
    for row in chain:
        facts = f"{row.title}: {row.activity_title or BUCKETS[row.bucket]}, {long_date(row.on_date)}, {took(row.minutes)}"
        again = before is not None and before.superseded_at != row.recorded_at
        found.append(Happened(row.recorded_at, f"{'Recorded' if before is None else 'Counts again' if again else 'Changed'}. {facts}"))
        before = row
    following = [row.recorded_at for row in chain[1:]]
    ended = [row.superseded_at for row in chain if row.superseded_at is not None and row.superseded_at not in following]
    return found + [Happened(at, "Counts no more") for at in ended]


def _thoughts(tx: Tx, first_id: int) -> list[Happened]:
    rows = tx.rows(select(Reflection.__table__).where(Reflection.first_id == first_id).order_by(Reflection.id))
    found = []
    for n, row in enumerate(rows):
        said = tuple((label, getattr(row, name)) for name, label in WORDS if getattr(row, name))
        if row.peer_on is not None:
            said += (("Talked over on", long_date(row.peer_on)),)
        found.append(Happened(row.recorded_at, "Reflection changed" if n else "Reflection written", said))
    begun = {row.recorded_at for row in rows}
    taken = [row.superseded_at for row in rows if row.superseded_at is not None and row.superseded_at not in begun]
    return found + [Happened(at, "Reflection taken away") for at in taken]


def _labels(tx: Tx, first_id: int) -> list[Happened]:
    """Standards and files: each that came, each that went."""
    found = []
    tagged = select(RecordStandard.recorded_at, RecordStandard.superseded_at, Standard.title).join(
        Standard, Standard.code == RecordStandard.standard
    )
    for row in tx.rows(tagged.where(RecordStandard.first_id == first_id).order_by(RecordStandard.id)):
        found.append(Happened(row.recorded_at, f"Standard chosen: {row.title}"))
        if row.superseded_at is not None:
            found.append(Happened(row.superseded_at, f"Standard taken away: {row.title}"))
    for row in tx.rows(select(RecordFile.__table__).where(RecordFile.first_id == first_id).order_by(RecordFile.id)):
        found.append(Happened(row.added_at, f"File added: {row.name}"))
        if row.removed_at is not None:
            found.append(Happened(row.removed_at, f"File taken away: {row.name}"))
    return found


def _doors(tx: Tx, first_id: int) -> list[Happened]:
    """Who could see it, from when and until when."""
    found = []
    for row in tx.rows(select(RecordShare.__table__).where(RecordShare.first_id == first_id).order_by(RecordShare.id)):
        whom = AUDIENCES[row.audience].partition(":")[0].lower()
        found.append(Happened(row.shared_at, f"Shared with {whom}"))
        if row.ended_at is not None:
            found.append(Happened(row.ended_at, f"No longer shared with {whom}"))
    return found
