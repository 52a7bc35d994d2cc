"""What was held and what was promised: dates, kinds and minutes, never what was said. A correction supersedes; nothing is overwritten."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from app.core.db import Base, Model, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.facts import Fact
from app.core.frozen import refuse
from app.core.ledger import Json
from app.core.tx import meaning

KINDS = {  # what a supervision is for; the words as pages show them
    "professional": "Professional supervision",
    "reflective": "Reflective supervision",
    "case": "Case supervision",
    "group_reflective": "Group reflective supervision",
    "management_oversight": "Management oversight",
}
LEARNING = {"reflective": "reflective_supervision", "group_reflective": "group_supervision"}  # kinds that are learning → activities
PLACES = {"in_person": "In person", "online": "Online", "telephone": "By telephone"}
WITHDRAWN = {"not_held": "It did not take place", "twice": "It was entered twice", "wrong_person": "It was entered for the wrong person"}
PROTECTED = {
    "study": "Reading or study",
    "writing": "Writing for the portfolio",
    "shadowing": "Shadowing or visiting",
    "training": "Training",
    "reflection": "Reflection or peer discussion",
}
SOURCES = {"own": "Own count", "manager": "Manager or Academy", "case_system": "Case system"}
LIVE = "superseded_at IS NULL"


def _listed(words: dict[str, str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Supervision(Model):
    """Somebody was supervised on a day for some minutes. Whoever was supervised may record it; then a supervisor confirms it."""

    __tablename__ = "supervisions"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    held_on: Mapped[date]
    kind: Mapped[str]
    minutes: Mapped[int]
    place: Mapped[str | None]  # a choice; there is no room for words about anybody
    source: Mapped[str] = mapped_column(default="entry")
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the system
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]  # corrected (another row names it) or withdrawn
    corrected_from: Mapped[int | None] = mapped_column(ForeignKey("supervisions.id"))
    first_id: Mapped[int | None] = mapped_column(ForeignKey("supervisions.id"), index=True)  # the first of its corrections; NULL: itself
    withdrawn: Mapped[str | None]  # why it never counted; only with superseded_at
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    confirmed_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(f"kind IN ({_listed(KINDS)})", name="kind"),
        CheckConstraint("minutes >= 1 AND minutes <= 600", name="minutes"),
        CheckConstraint(f"place IS NULL OR place IN ({_listed(PLACES)})", name="place"),
        CheckConstraint("source IN ('entry', 'import')", name="source"),
        CheckConstraint(
            f"withdrawn IS NULL OR (superseded_at IS NOT NULL AND withdrawn IN ({_listed(WITHDRAWN)}))",
            name="withdrawn",
        ),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> person_id", name="not_oneself"),
        UniqueConstraint("id", "person_id", "held_on", "kind", name="uq_supervisions_copied"),
        Index("ix_supervisions_person", "person_id", "held_on"),
        Index("uq_supervisions_corrected", "corrected_from", unique=True),
    )


class Supervisor(Base):
    """Who supervised. The day, the kind and the person are copied, so that the database itself refuses the same supervision twice."""

    __tablename__ = "supervisors"
    supervision_id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    registered: Mapped[bool]  # with Social Work England on that day, as known when it was recorded
    supervised_id: Mapped[int]
    held_on: Mapped[date]
    kind: Mapped[str]
    live: Mapped[bool] = mapped_column(default=True)  # while the supervision is not superseded
    __table_args__ = (
        ForeignKeyConstraint(
            ["supervision_id", "supervised_id", "held_on", "kind"],
            ["supervisions.id", "supervisions.person_id", "supervisions.held_on", "supervisions.kind"],
            name="fk_supervisors_supervision",
        ),
        CheckConstraint("person_id <> supervised_id", name="not_oneself"),
        Index(
            "uq_supervisors_once",
            "supervised_id",
            "held_on",
            "kind",
            "person_id",
            unique=True,
            sqlite_where=text("live"),
            postgresql_where=text("live"),
        ),
        Index("ix_supervisors_person", "person_id", "held_on"),
    )


class SupervisionTerm(Fact, Model):
    """By which rule somebody's supervision falls due in a period; `anchor` is day 0 of the rule. One at a time."""

    __tablename__ = "supervision_terms"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("supervision_rules.id"))
    subject: Mapped[str | None] = mapped_column(index=True)  # for what: "enrolment:12"
    anchor: Mapped[date]
    agreed: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what was promised beside or instead of the rule: see terms.AGREED
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class SupervisionPause(Fact, Model):
    """The clock of somebody's supervision stands still: a programme is paused. Absences do the same by themselves."""

    __tablename__ = "supervision_pauses"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    subject: Mapped[str | None]
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class ProtectedTime(Model):
    """Time of a working day that was kept free for learning."""

    __tablename__ = "protected_time"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    on_date: Mapped[date]
    minutes: Mapped[int]
    what: Mapped[str]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    corrected_from: Mapped[int | None] = mapped_column(ForeignKey("protected_time.id"))
    __table_args__ = (
        CheckConstraint("minutes >= 1 AND minutes <= 600", name="minutes"),
        CheckConstraint(f"what IN ({_listed(PROTECTED)})", name="what"),
        Index("ix_protected_time_person", "person_id", "on_date"),
        Index("uq_protected_time_once", "person_id", "on_date", "what", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
    )


class Caseload(Model):
    """How many children were allocated to somebody on a day: a count, no names."""

    __tablename__ = "caseloads"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    on_date: Mapped[date]
    children: Mapped[int]
    percent: Mapped[int | None]  # of what a confident colleague in the second or third year carries, as the manager judges it
    source: Mapped[str]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    corrected_from: Mapped[int | None] = mapped_column(ForeignKey("caseloads.id"))
    __table_args__ = (
        CheckConstraint("children >= 0 AND children <= 200", name="children"),
        CheckConstraint("percent IS NULL OR (percent >= 0 AND percent <= 300)", name="percent"),
        CheckConstraint(f"source IN ({_listed(SOURCES)})", name="source"),
        Index("ix_caseloads_person", "person_id", "on_date"),
        Index("uq_caseloads_once", "person_id", "on_date", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
    )


class SupervisionImport(Model):
    """A file of dates that was checked and may be applied. Its rows are kept as they were sent; they are checked anew each time."""

    __tablename__ = "supervision_imports"
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"person": "…"}}
    staged_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    staged_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


no_overlap(SupervisionTerm.__table__, "person_id", "valid_from", "valid_to", LIVE, name="ex_supervision_terms")
no_overlap(SupervisionPause.__table__, "person_id", "valid_from", "valid_to", LIVE, name="ex_supervision_pauses")


def _changed(*columns: str) -> str:
    return "NOT (" + " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns) + ")"


# What was recorded stays: a row can be superseded once and confirmed once, and is never taken out.
_STANDS = {
    Supervision.__table__: (
        "person_id",
        "held_on",
        "kind",
        "minutes",
        "place",
        "source",
        "recorded_by",
        "recorded_at",
        "corrected_from",
        "first_id",
    ),
    ProtectedTime.__table__: ("person_id", "on_date", "minutes", "what", "recorded_by", "recorded_at", "corrected_from"),
    Caseload.__table__: ("person_id", "on_date", "children", "percent", "source", "recorded_by", "recorded_at", "corrected_from"),
}
_ONCE = "OLD.confirmed_at IS NOT NULL AND " + _changed("confirmed_at", "confirmed_by")
for _table, _columns in _STANDS.items():
    _confirmed = f" OR ({_ONCE})" if _table.name == "supervisions" else ""
    refuse(_table, "UPDATE", f"{_table.name}_stand", f"OLD.superseded_at IS NOT NULL OR {_changed(*_columns)}{_confirmed}")
    refuse(_table, "DELETE", f"{_table.name}_stay", "OLD.id IS NOT NULL")
    for _name in (f"{_table.name}_stand", f"{_table.name}_stay"):
        meaning(_name, message="What was recorded stays as it is: correct it by a new entry.", code="recorded-stays")

meaning(
    "uq_supervisors_once",
    "supervisors.supervised_id, supervisors.held_on, supervisors.kind, supervisors.person_id",
    message="This supervision is recorded already: the same day, kind and supervisor.",
    code="supervision-twice",
)
meaning("uq_supervisions_corrected", "supervisions.corrected_from", message="Somebody has just corrected this.", code="already-corrected")
meaning(
    "uq_protected_time_once",
    "protected_time.person_id, protected_time.on_date, protected_time.what",
    message="Protected time of this sort is recorded already for that day: correct it instead.",
    code="protected-time-twice",
)
meaning(
    "uq_caseloads_once",
    "caseloads.person_id, caseloads.on_date",
    message="A caseload is recorded already for that day: correct it instead.",
    code="caseload-twice",
)
meaning("ex_supervision_terms", message="Another supervision rule applies to them in that period.", code="periods-overlap")
meaning("ex_supervision_pauses", message="Their supervision is already paused in that period.", code="periods-overlap")
