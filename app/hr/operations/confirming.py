"""What HR says of training records: this one is in our system as you told it, or it is not and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select, update

from app.core.errors import Invalid, NotFound
from app.core.listing import BIGGEST_ID
from app.core.tx import Tx
from app.hr import training
from app.hr.change_models import TrainingConfirmation
from app.learning.models import Completion
from app.pathways.models import Progression
from app.people.models import Person
from app.policy import Can, operation
from app.programmes.models import Enrolment

_PIECE = 400  # keys in one statement


@dataclass(frozen=True, slots=True)
class Answer:
    """HR's answer about one record. `place` is where it stands in what was sent, for the words of an error."""

    place: str
    record: int  # its number
    mark: str | None  # of what HR has taken over; None: as it stands now
    state: str  # confirmed · refused
    reason: str | None = None
    reference: str | None = None


@operation(Can.CONFIRM_TRAINING_RECORDS)
def confirm(tx: Tx, answers: Sequence[Answer]) -> dict[str, int]:
    """Keep all these answers, or none; each replaces what HR said of the record before. Returns how many of each were new.

    An answer that says what is known already changes nothing, so the same batch may be sent again. A mark other than the record's own
    is kept too: it confirms what HR was told then, and the record shows as changed since. One that no record of its kind can have is
    refused.
    """
    theirs = _records(tx, [answer.record for answer in answers])
    _check(answers, theirs)
    held = _held(tx, theirs)
    new: list[dict[str, Any]] = []
    for answer in answers:
        kind, key, person_id, now = theirs[answer.record]
        said = dict(state=answer.state, reason=answer.reason, reference=answer.reference, fingerprint=answer.mark or now)
        if held.get((kind, key)) == said:
            continue
        new.append(said | dict(kind=kind, record_id=key, person_id=person_id, at=tx.now, client_id=None, by_person=None))
    by = {"client_id": tx.actor.id} if tx.actor.kind == "client" else {"by_person": tx.actor.person_id}
    _supersede(tx, [(row["kind"], row["record_id"]) for row in new])
    tx.insert_many(TrainingConfirmation, [row | by for row in new])
    counts = {state: sum(row["state"] == state for row in new) for state in ("confirmed", "refused")}
    counts["unchanged"] = len(answers) - len(new)
    if new:
        tx.record("training-records.answered", "training_confirmations", None, **counts)
    return counts


def _check(answers: Sequence[Answer], theirs: dict[int, Any]) -> None:
    seen: set[int] = set()
    unknown = [answer for answer in answers if answer.record not in theirs]
    if unknown:
        words = "There is no such training record, or it is not one of your people's"
        lines = [{"field": f"{answer.place}.id", "message": words} for answer in unknown[:100]]
        raise NotFound("Nothing was kept: some of these records are not there.", code="record-not-found", errors=lines)
    errors = []
    for answer in answers:
        if answer.record in seen:
            errors.append({"field": f"{answer.place}.id", "message": "This record is answered twice here"})
        if answer.mark and not training.MARK_FORMS[theirs[answer.record][0]].fullmatch(answer.mark):
            errors.append({"field": f"{answer.place}.mark", "message": "Send the mark as it was read with this record"})
        if answer.state == "refused" and not answer.reason:
            errors.append({"field": f"{answer.place}.reason", "message": "Say why it was refused"})
        if answer.state == "confirmed" and answer.reason:
            errors.append({"field": f"{answer.place}.reason", "message": "Only a refusal has a reason"})
        seen.add(answer.record)
    if errors:
        raise Invalid("Nothing was kept: some answers are not right.", code="answers-wrong", errors=errors[:100])


def _records(tx: Tx, numbers: Sequence[int]) -> dict[int, tuple[str, int, int, str]]:
    """Number → kind, the row's id, whose, and the mark it has now; of records in reach."""
    found: dict[int, tuple[str, int, int, str]] = {}
    whose = training.reach(tx, Can.CONFIRM_TRAINING_RECORDS)
    wanted = sorted({number for number in numbers if 0 < number <= BIGGEST_ID})
    for start in range(0, len(wanted), _PIECE):
        piece = wanted[start : start + _PIECE]
        keys = training.keys_of(piece)
        tables: tuple[training.Table, ...] = (Completion, Enrolment, Progression)
        for table, row in zip(tables, training.KINDS, strict=True):
            if not keys[table]:
                continue
            statement = training.marks(table, keys[table], whose)
            found |= {each.number: (row, each.id, each.person_id, each.mark) for each in tx.rows(statement)}
    return found


def _held(tx: Tx, theirs: dict[int, tuple[str, int, int, str]]) -> dict[tuple[str, int], dict[str, Any]]:
    """What HR said of these records so far. The people are locked first, so that two batches take turns."""
    answer = TrainingConfirmation
    people = sorted({person for _, _, person, _ in theirs.values()})
    for start in range(0, len(people), _PIECE):
        tx.rows(select(Person.id).where(Person.id.in_(people[start : start + _PIECE])).order_by(Person.id).with_for_update(key_share=True))
    held: dict[tuple[str, int], dict[str, Any]] = {}
    for where in _pieces([(kind, key) for kind, key, _, _ in theirs.values()]):
        columns = (answer.kind, answer.record_id, answer.state, answer.reason, answer.reference, answer.fingerprint)
        for row in tx.rows(select(*columns).where(answer.superseded_at.is_(None), where)):
            held[(row.kind, row.record_id)] = dict(state=row.state, reason=row.reason, reference=row.reference, fingerprint=row.fingerprint)
    return held


def _supersede(tx: Tx, keys: Sequence[tuple[str, int]]) -> None:
    answer = TrainingConfirmation
    for where in _pieces(keys):
        tx.db.execute(update(answer).where(answer.superseded_at.is_(None), where).values(superseded_at=tx.now))


def _pieces(keys: Sequence[tuple[str, int]]) -> Any:
    answer = TrainingConfirmation
    for start in range(0, len(keys), _PIECE):
        piece = keys[start : start + _PIECE]
        parts = [
            and_(answer.kind == kind, answer.record_id.in_([key for one, key in piece if one == kind]))
            for kind in training.KINDS
            if any(one == kind for one, _ in piece)
        ]
        yield or_(*parts)
