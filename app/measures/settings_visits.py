"""Visiting a setting: planned, held, called off, and taken back where it was recorded by mistake. Nothing recorded is changed."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, insert, or_, select, update

from app.core.errors import Conflict, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.measures.settings import settings_are, standing_visits
from app.measures.settings_models import KINDS, WORDS, SettingKind, SettingVisit
from app.people.models import Person, Unit
from app.policy import Can, operation, require_for_host

FIRST_YEAR = 2000  # before it nobody visited: the year was mistyped
LABELS = {"words": "In your words"}


@operation(Can.READ_SETTINGS_TRAINING)
def plan(
    tx: Tx,
    organisation_id: int,
    on_date: date,
    who: str = "",
    words: str = "",
    *,
    guard: Decision | None = None,
    entry_key: str | None = None,
) -> int:
    """Somebody means to visit a setting on a day. Conflict while another plan is open. `who`: see `_who`; `words`: what for."""
    _setting(tx, organisation_id)
    problems = Problems()
    if on_date < tx.today:
        problems.add("on_date", "The day of a plan must be today or later")
    by = _who(tx, who, problems)
    _words(words, problems, needed=False)
    problems.raise_any()
    open_ = select(SettingVisit.id).where(
        SettingVisit.organisation_id == organisation_id, SettingVisit.kind == "planned", standing_visits()
    )
    if tx.scalar(open_.limit(1)) is not None:
        raise Conflict("A visit is planned already.", code="visit-planned", way_out="Record it, or call it off, first.")
    return _write(tx, organisation_id, "planned", on_date, by, words, None, guard, entry_key)


@operation(Can.READ_SETTINGS_TRAINING)
def record(
    tx: Tx, organisation_id: int, on_date: date, who: str, words: str, *, guard: Decision | None = None, entry_key: str | None = None
) -> int:
    """Somebody visited a setting; an open plan is answered by it. `words`: what came of it.

    Invalid for a day that has not come, or is before 2000.
    """
    _setting(tx, organisation_id)
    problems = Problems()
    if on_date > tx.today:
        problems.add("on_date", "The day of a visit must be today or in the past")
    elif on_date.year < FIRST_YEAR:
        problems.add("on_date", f"The day of a visit must be in {FIRST_YEAR} or later")
    by = _who(tx, who, problems)
    _words(words, problems, needed=True)
    problems.raise_any()
    open_ = tx.scalar(
        select(SettingVisit.id)
        .where(SettingVisit.organisation_id == organisation_id, SettingVisit.kind == "planned", standing_visits())
        .limit(1)
    )
    return _write(tx, organisation_id, "held", on_date, by, words, open_, guard, entry_key)


@operation(Can.READ_SETTINGS_TRAINING)
def answer(tx: Tx, visit_id: int, words: str, *, guard: Decision | None = None) -> int:
    """Call an open plan off, or take a visit back that was recorded by mistake, and say why. Conflict where either was done already."""
    row = _standing(tx, visit_id)
    problems = Problems()
    _words(words, problems, needed=True)
    problems.raise_any()
    kind = "called off" if row.kind == "planned" else "taken back"
    return _write(tx, row.organisation_id, kind, tx.today, None, words, row.id, guard, None)


@operation(Can.READ_SETTINGS_TRAINING)
def say_kind(tx: Tx, organisation_id: int, kind: str) -> None:
    """What kind of setting it is. Invalid for a kind that there is not; to say the same again changes nothing."""
    _setting(tx, organisation_id)
    problems = Problems()
    if kind not in KINDS:
        problems.add("kind", "Choose what kind of setting it is")
    problems.raise_any()
    before = tx.scalar(select(SettingKind.kind).where(SettingKind.organisation_id == organisation_id))
    if before == kind:
        return
    values = dict(kind=kind, set_by=tx.actor.person_id, set_at=tx.now)
    if before is None:
        tx.db.execute(insert(SettingKind), dict(organisation_id=organisation_id, **values))
    else:
        tx.db.execute(update(SettingKind).where(SettingKind.organisation_id == organisation_id).values(**values))
    tx.record("setting.kind-said", "units", organisation_id, kind=kind)


def _setting(tx: Tx, organisation_id: int) -> None:
    """The setting, whose row is held so that of two who write at once one comes after the other. NotFound; Forbidden but for the host's."""
    require_for_host(tx, Can.READ_SETTINGS_TRAINING)
    if tx.scalar(select(Unit.id).where(settings_are(organisation_id))) is None:
        raise NotFound("There is no setting with that reference.", code="setting-not-found")
    tx.get(Unit, organisation_id, lock=True)


def _standing(tx: Tx, visit_id: int) -> Row[Any]:
    row = tx.one(select(SettingVisit.__table__).where(SettingVisit.id == visit_id, SettingVisit.kind.in_(("planned", "held"))))
    if row is None:
        raise NotFound("There is no visit with that reference.", code="visit-not-found")
    _setting(tx, row.organisation_id)
    if tx.scalar(select(SettingVisit.id).where(SettingVisit.answers_id == visit_id)) is not None:
        raise Conflict("Something was recorded about this already.", code="visit-answered", way_out="Look again.")
    return row


def _who(tx: Tx, said: str, problems: Problems) -> int | None:
    """Who goes: nobody named is the actor; else a colleague of the host by the whole of their e-mail address or employee number."""
    given = said.strip()[:254]
    if not given:
        return tx.actor.person_id
    host = select(Unit.id).where(Unit.host.is_(True))
    found = tx.rows(
        select(Person.id)
        .where(Person.organisation_id.in_(host), or_(Person.email == given.lower(), Person.employee_number == given))
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
        .limit(2)
    )
    if len(found) != 1:
        problems.add("who", "Enter the e-mail address or employee number of a colleague, or leave it empty if it is you")
        return None
    return int(found[0].id)


def _words(words: str, problems: Problems, *, needed: bool) -> None:
    if needed and not words.strip():
        problems.add("words", "Say what came of it")
    if len(words) > WORDS:
        problems.add("words", f"Use {WORDS} characters or fewer")


def _write(
    tx: Tx,
    organisation_id: int,
    kind: str,
    on_date: date,
    by: int | None,
    words: str,
    answers_id: int | None,
    guard: Decision | None,
    entry_key: str | None,
) -> int:
    settled = checking.settle(tx, {"words": words.strip()}, guard, labels=LABELS)
    values: dict[str, Any] = dict(
        organisation_id=organisation_id, kind=kind, on_date=on_date, by_person_id=by, words=settled["words"][:WORDS]
    )
    key = tx.insert(SettingVisit, **values, answers_id=answers_id, entry_key=entry_key, recorded_by=tx.actor.person_id, recorded_at=tx.now)
    checking.note(tx, settled, "setting_visits", key)
    tx.record(f"setting.visit-{kind.replace(' ', '-')}", "setting_visits", key, organisation=organisation_id, on_date=on_date.isoformat())
    return int(key)
