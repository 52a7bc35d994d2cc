"""What people are asked, and what the reader answered. Nobody's answers but the reader's own can be asked for here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from app.core.tx import Tx
from app.equality.models import Answer, Characteristic, Objection, Option


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked, with its answers as (code, words)."""

    code: str
    title: str
    words: str
    hint: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Own:
    """What the reader told: option by characteristic, when last, and since when they object."""

    answers: dict[str, str]
    given_on: date | None
    objects_since: datetime | None


_QUESTIONS = (
    select(Characteristic.__table__, Option.code.label("option"), Option.title.label("words"))
    .join(Option, Option.characteristic == Characteristic.code)
    .order_by(Characteristic.position, Option.position)
)


def questions(tx: Tx) -> list[Question]:
    """Everything that is asked, in order."""
    found: dict[str, Question] = {}
    for row in tx.rows(_QUESTIONS):
        before = found.get(row.code)
        options = (*(before.options if before else ()), (row.option, row.words))
        found[row.code] = Question(row.code, row.title, row.question, row.hint, options)
    return list(found.values())


def own(tx: Tx) -> Own:
    """The reader's own answers."""
    me = tx.actor.person_id
    rows = tx.rows(select(Answer.characteristic, Answer.option, Answer.given_on).where(Answer.person_id == me))
    since = tx.scalar(select(Objection.since).where(Objection.person_id == me))
    return Own({row.characteristic: row.option for row in rows}, max((row.given_on for row in rows), default=None), since)
