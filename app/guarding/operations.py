"""Somebody's own list of names they must not write. It can be added to, checked against and emptied; it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, delete, func, select

from app.core import config
from app.core.errors import Conflict, Invalid
from app.core.text import plural
from app.core.tx import Tx
from app.guarding import keys
from app.guarding.models import GuardName
from app.guarding.names import MOST_WORDS, ORDINARY, digest, folded
from app.people.models import Person
from app.policy import Can, operation

MOST_NAMES = 100  # on one list
LONGEST = 80  # characters of one name


@dataclass(frozen=True, slots=True)
class Held:
    """What there is to say about a list: how many names, since when, and how many were kept under a key that is gone."""

    names: int
    latest: datetime | None
    lost: int


_HELD = select(
    func.coalesce(func.sum(case((GuardName.key == bindparam("key"), 1), else_=0)), 0).label("names"),
    func.count().label("all"),
    func.max(GuardName.added_at).label("latest"),
).where(GuardName.person_id == bindparam("person"))


def held(tx: Tx) -> Held:
    """About the actor's own list."""
    row = tx.rows(_HELD, key=keys.which(keys.secret()), person=tx.actor.person_id)[0]
    return Held(int(row.names), row.latest, int(row.all) - int(row.names))


@operation(Can.READ_OWN_PAGE)
def add_names(tx: Tx, typed: str) -> int:
    """Add names, one to a line, to the actor's own list; returns how many are new to it. Invalid for what is no name or too much."""
    _require_key()
    person_id = tx.actor.person_id or 0
    tx.get(Person, person_id, lock=True)
    names = [" ".join(line.split()) for line in typed.splitlines() if line.strip()]
    wrong = _wrong(names)
    if wrong:
        raise Invalid(f"{wrong}.", errors=[{"field": "names", "message": wrong}])
    secret, rows = keys.secret(), {}
    for name in names:
        words = folded(name)
        said = " ".join(words)
        ordinary = said in ORDINARY
        rows[digest(secret, f"name {person_id}", said)] = {"words": len(words), "ordinary": ordinary}
    known = {row.digest for row in tx.rows(select(GuardName.digest).where(GuardName.person_id == person_id))}
    new = {one: values for one, values in rows.items() if one not in known}
    if len(known) + len(new) > MOST_NAMES:
        said = f"A list holds at most {MOST_NAMES} names: remove those you do not need any more"
        raise Invalid(f"{said}.", errors=[{"field": "names", "message": said}])
    common = dict(person_id=person_id, key=keys.which(secret), added_at=tx.now)
    tx.insert_many(GuardName, [{"digest": one, **values, **common} for one, values in new.items()])
    if new:
        tx.record("guard.names-added", "guard_names", None, person_id=person_id, names=len(new))
    return len(new)


def _wrong(names: list[str]) -> str:
    """What is wrong with what was typed, without repeating it."""
    if not names:
        return "Enter a name"
    if len(names) > MOST_NAMES:
        return f"Enter at most {MOST_NAMES} names"
    for number, name in enumerate(names, 1):
        words = folded(name)
        if not words or len("".join(words)) < 2 or len(name) > LONGEST:
            return f"Line {number} must be a name of 2 to {LONGEST} letters"
        if len(words) > MOST_WORDS:
            return f"Line {number} must be one name of at most {MOST_WORDS} words: one name to a line"
    return ""


@operation(Can.READ_OWN_PAGE)
def remove_name(tx: Tx, typed: str) -> None:
    """Take one name off the actor's own list. It has to be typed, because nobody can read the list. Invalid if it is not on it."""
    person_id, said = tx.actor.person_id or 0, " ".join(folded(typed))
    mark = digest(keys.secret(), f"name {person_id}", said)
    gone = tx.db.execute(delete(GuardName).where(GuardName.person_id == person_id, GuardName.digest == mark)).rowcount
    if not gone:
        wrong = "That name is not on your list, as you typed it" if said else "Enter the name to remove"
        raise Invalid(f"{wrong}.", errors=[{"field": "name", "message": wrong}])
    tx.record("guard.names-removed", "guard_names", None, person_id=person_id, names=1)


@operation(Can.READ_OWN_PAGE)
def forget_names(tx: Tx) -> int:
    """Empty the actor's own list; returns how many names were on it."""
    person_id = tx.actor.person_id or 0
    gone = int(tx.db.execute(delete(GuardName).where(GuardName.person_id == person_id)).rowcount)
    if gone:
        tx.record("guard.names-removed", "guard_names", None, person_id=person_id, names=gone)
    return gone


KEPT_AFTER = timedelta(days=90)  # somebody's last day: long enough for a mistake to be taken back


def forget_leavers(tx: Tx, _now: datetime) -> None:
    """Lists of people who left some time ago go: nobody writes under them any more. The worker's, once a day."""
    left = select(Person.id).where(Person.leaving_on < tx.today - KEPT_AFTER)
    gone = tx.db.execute(delete(GuardName).where(GuardName.person_id.in_(left))).rowcount
    if gone:
        tx.record("guard.names-removed", "guard_names", None, names=int(gone))


def _require_key() -> None:
    if not keys.usable(config.settings()):
        raise Conflict(
            "Names cannot be kept here yet: the council has not set the key that keeps them from everybody.",
            code="guard-key-missing",
            way_out="Tell the Academy. Everything else that may identify a family is looked for all the same.",
        )


def in_words(count: int) -> str:
    """ "3 names"."""
    return plural(count, "name")
