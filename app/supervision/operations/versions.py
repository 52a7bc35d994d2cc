"""Numbered entries of which every change is a new row: actions, objectives, lines of a plan. One of each number is live."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, func, select, update

from app.core.db import FOREVER
from app.core.errors import Changed, Invalid, NotFound
from app.core.frozen import MARK
from app.core.text import normal
from app.core.tx import Tx
from app.guarding.checking import Decision, Settled, note, settle
from app.learning.drafts import KEY

_NOT_COPIED = ("id", "entry_key", "recorded_by", "recorded_at", "superseded_at")


def guarded(tx: Tx, table: Any, owner: dict[str, int], number: int | None, words: str, decision: Decision | None) -> Settled:
    """Words as they may be kept, once the guard has looked at them; `number`: of the entry they are for, None for a new one."""
    about = table.__tablename__
    return settle(tx, {"words": words}, decision, subject=about, subject_id=_first(tx, table, owner, number) if number else 0)


def sent(tx: Tx, table: Any, owner: dict[str, int], entry_key: str | None) -> int | None:
    """The number of what this owner's browser has sent under the key before, None if nothing; `entry_key` as `learning.drafts.KEY`.

    The owner's person is locked, so that of two at once the second finds what the first wrote.
    """
    if entry_key is None:
        return None
    if not KEY.fullmatch(entry_key):
        raise Invalid("Open the page again and repeat what you entered.", code="entry-key")
    found = tx.scalar(select(table.number).where(*_of(table, owner), table.entry_key == entry_key))
    return None if found is None else int(found)


def add(tx: Tx, table: Any, owner: dict[str, int], settled: Settled, **values: Any) -> int:
    """A new entry of this owner (`{"person_id": 3}`); returns its number. The owner's person is locked, so two at once take turns."""
    number = int(tx.scalar(select(func.coalesce(func.max(table.number), 0)).where(*_of(table, owner))) or 0) + 1
    written = dict(recorded_by=tx.actor.person_id, recorded_at=tx.now)
    key = tx.insert(table, **owner, number=number, words=settled["words"], **values, **written)
    note(tx, settled, table.__tablename__, key)
    return number


def _of(table: Any, owner: dict[str, int]) -> list[Any]:
    return [getattr(table, key) == value for key, value in owner.items()]


def _first(tx: Tx, table: Any, owner: dict[str, int], number: int) -> int:
    """The key of an entry's first row, under which the guard remembers what was decided about its words."""
    return int(tx.scalar(select(func.min(table.id)).where(*_of(table, owner), table.number == number)) or 0)


def live(tx: Tx, table: Any, owner: dict[str, int], number: int) -> Row[Any]:
    """The entry as it stands; NotFound where it was taken back or never was."""
    row = tx.one(select(table.__table__).where(*_of(table, owner), table.number == number, table.superseded_at.is_(None)))
    if row is None:
        raise NotFound("There is no entry with that number any more.", code="entry-not-found", way_out="Open the list again.")
    return row


def change(
    tx: Tx, table: Any, owner: dict[str, int], row: Row[Any], settled: Settled | None = None, *, base: int | None = None, **values: Any
) -> bool:
    """A new row takes the place of a live one, unless nothing is different; was there something?

    `base`: the id of the row that the writer had before them; Changed if another one is live by now.
    """
    if settled is not None:
        values["words"] = settled["words"]
        note(tx, settled, table.__tablename__, _first(tx, table, owner, row.number))
    old = {key: value for key, value in row._mapping.items() if key not in _NOT_COPIED}
    if all(old[key] == value for key, value in values.items()):
        return False
    if base is not None and base != row.id:
        raise Changed(
            "Somebody changed this since you opened it.",
            way_out="What it says now stands above your words. Save again if yours should take its place.",
        )
    tx.update(table, row.id, superseded_at=tx.now)
    tx.insert(table, **{**old, **values}, recorded_by=tx.actor.person_id, recorded_at=tx.now)
    return True


def redact(tx: Tx, table: Any, owner: dict[str, int], number: int) -> None:
    """The words of an entry, as they stand and as they stood before, give way to a mark, for good."""
    tx.db.execute(update(table).where(*_of(table, owner), table.number == number).values(words=MARK))


def words_of(text: str, most: int, what: str, errors: list[dict[str, str]]) -> str:
    """Somebody's words on one line; `errors` gets what is wrong with them."""
    found = normal(text)
    if not found:
        errors.append({"field": "words", "message": f"Say {what}"})
    elif len(found) > most:
        errors.append({"field": "words", "message": f"Use at most {most} characters"})
    elif "\x00" in text:
        errors.append({"field": "words", "message": "Use letters, numbers and signs only"})
    return found


def day_by(tx: Tx, by_date: date | None, errors: list[dict[str, str]], *, since: date | None = None) -> None:
    """A day by which something is to be done: within ten years, and not before it was agreed."""
    if by_date is not None and not (since or date(2000, 1, 1)) <= by_date < min(FOREVER, tx.today.replace(day=1, year=tx.today.year + 10)):
        errors.append({"field": "by_date", "message": "The day must come after it was agreed, and within ten years"})


def refuse(errors: list[dict[str, str]]) -> None:
    """Raise what is wrong, if anything is."""
    if errors:
        raise Invalid(errors[0]["message"] + "." if len(errors) == 1 else "Check what you entered.", errors=errors)
