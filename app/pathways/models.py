"""Steps of a career and mandatory training: versions with requirements, endorsements, progressions. Who meets what is never stored.

A published version stays as it was: the database refuses to change what people were told (docs/decisions/0024).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from app.core.db import FOREVER, Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.frozen import of_a_draft, refuse
from app.core.ledger import Json
from app.core.tx import meaning

PARAMETERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # kind of requirement → (the columns it must have, those it may have); product §6
    "course": (("course_id",), ()),  # completed and in date
    "curriculum": (("curriculum_id", "rule"), ("needed",)),  # all or any `needed` of its courses, as they were at publication
    "programme": (("programme_code",), ()),  # passed
    "standard": (("standard", "times"), ("level", "months")),  # evidenced so often
    "records": ((), ("minutes", "times", "bucket", "activity", "months")),  # so much learning of a sort
    "months_in_stage": (("stage", "months"), ()),
    "registration": ((), ()),  # in good standing
    "pdr": (("months",), ()),  # completed within so many months
    "supervision": ((), ()),  # by the rule that holds for the person
    "endorsement": (("role",), ()),
}
COLUMNS = (
    *("course_id", "curriculum_id", "programme_code", "standard", "times", "level"),
    *("minutes", "bucket", "activity", "months", "stage", "role", "rule", "needed"),
)
MECHANISMS = ("automatic", "appraisal", "statement_of_learning", "panel", "application")
LIVE = "superseded_at IS NULL"


def _parameters() -> str:
    """The text of a CHECK that a requirement has the columns of its kind and no others."""
    kinds = []
    for kind, (needs, may) in PARAMETERS.items():
        said = [f"{name} IS NOT NULL" for name in needs] + [f"{name} IS NULL" for name in COLUMNS if name not in (*needs, *may)]
        kinds.append(f"(kind = '{kind}' AND {' AND '.join(said)})")
    return " OR ".join(kinds)


def _listed(words: Any) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Step(Model):
    """A step between career stages, or a set of mandatory training. What it asks for stands in its versions."""

    __tablename__ = "pathway_steps"
    code: Mapped[str] = mapped_column(unique=True)  # NQSW-SW
    title: Mapped[str]
    kind: Mapped[str]
    to_stage: Mapped[str | None] = mapped_column(ForeignKey("career_stages.code"))  # where a progression leads
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("kind IN ('progression', 'mandatory')", name="kind"),
        CheckConstraint("(kind = 'progression') = (to_stage IS NOT NULL)", name="to_stage"),
    )


class StepVersion(Model):
    """What a step asks for from one day on. Of the published ones the newest by `in_force_from` counts (app.pathways.versions)."""

    __tablename__ = "step_versions"
    step_id: Mapped[int] = mapped_column(ForeignKey("pathway_steps.id"))
    number: Mapped[int]
    title: Mapped[str]  # what the step is called; `pathway_steps.title` is that of the newest published version
    state: Mapped[str] = mapped_column(default="draft")  # draft · published · withdrawn
    rule: Mapped[str] = mapped_column(default="all")  # of its groups, and of requirements without a group: all of them, or any `needed`
    needed: Mapped[int | None]
    applies: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # whom it is for; see app.pathways.versions.Applies
    summary: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")  # where it is from, in words
    verified: Mapped[str] = mapped_column(default="false")  # true · partial · false: seen in a published source
    in_force_from: Mapped[date | None]  # its first day
    in_force_to: Mapped[date | None]  # its last day; NULL: until another takes its place
    published_at: Mapped[datetime | None]
    published_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL on a published one: the service's own command line
    withdrawn_at: Mapped[datetime | None]
    withdrawn_on: Mapped[date | None]  # the first day on which it is no longer in force
    version: Mapped[int] = mapped_column(default=1)  # counts the changes of a draft
    __table_args__ = (
        UniqueConstraint("step_id", "number", name="uq_step_versions_number"),
        CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name="state"),
        CheckConstraint("rule IN ('all', 'any')", name="rule"),
        CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name="needed"),
        CheckConstraint("needed IS NULL OR needed > 0", name="count"),
        CheckConstraint("verified IN ('true', 'partial', 'false')", name="verified"),
        CheckConstraint("(state = 'draft') = (published_at IS NULL)", name="published"),
        CheckConstraint("state = 'draft' OR in_force_from IS NOT NULL", name="in_force"),
        CheckConstraint("in_force_from IS NULL OR in_force_to IS NULL OR in_force_from <= in_force_to", name="period"),
        CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND (state = 'withdrawn') = (withdrawn_on IS NOT NULL)", name="withdrawn"
        ),
        Index(
            "uq_step_versions_draft", "step_id", unique=True, sqlite_where=text("state = 'draft'"), postgresql_where=text("state = 'draft'")
        ),
    )


class RequirementGroup(Model):
    """Requirements of a version that belong together: all of them, or any `needed`."""

    __tablename__ = "requirement_groups"
    version_id: Mapped[int] = mapped_column(ForeignKey("step_versions.id"))
    number: Mapped[int]
    title: Mapped[str]
    rule: Mapped[str] = mapped_column(default="all")
    needed: Mapped[int | None]
    __table_args__ = (
        UniqueConstraint("version_id", "number", name="uq_requirement_groups_number"),
        UniqueConstraint("id", "version_id", name="uq_requirement_groups_version"),
        CheckConstraint("rule IN ('all', 'any')", name="rule"),
        CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name="needed"),
        CheckConstraint("needed IS NULL OR needed > 0", name="count"),
    )


class Requirement(Model):
    """One thing that a version asks for. Which columns its kind has stands in PARAMETERS, and the database keeps to it."""

    __tablename__ = "requirements"
    version_id: Mapped[int] = mapped_column(ForeignKey("step_versions.id"))
    group_id: Mapped[int | None]  # NULL: it stands beside the groups
    number: Mapped[int]  # its place in the version
    kind: Mapped[str]
    title: Mapped[str]
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"), index=True)
    curriculum_id: Mapped[int | None] = mapped_column(ForeignKey("curricula.id"))
    programme_code: Mapped[str | None] = mapped_column(ForeignKey("programmes.code"))
    standard: Mapped[str | None] = mapped_column(ForeignKey("standards.code"))
    times: Mapped[int | None]
    level: Mapped[str | None]
    minutes: Mapped[int | None]
    bucket: Mapped[str | None]
    activity: Mapped[str | None] = mapped_column(ForeignKey("learning_activities.code"))
    months: Mapped[int | None]
    stage: Mapped[str | None] = mapped_column(ForeignKey("career_stages.code"))
    role: Mapped[str | None]
    rule: Mapped[str | None]  # of a curriculum, as it was when this version was published
    needed: Mapped[int | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["group_id", "version_id"], ["requirement_groups.id", "requirement_groups.version_id"], name="fk_requirements_group"
        ),
        UniqueConstraint("version_id", "number", name="uq_requirements_number"),
        UniqueConstraint("id", "version_id", name="uq_requirements_version"),
        CheckConstraint(_parameters(), name="parameters"),
        CheckConstraint("kind <> 'records' OR minutes IS NOT NULL OR times IS NOT NULL", name="amount"),
        CheckConstraint("kind <> 'records' OR bucket IS NULL OR activity IS NULL", name="sort"),
        CheckConstraint("bucket IS NULL OR bucket IN ('experience', 'social', 'formal')", name="bucket"),
        CheckConstraint("level IS NULL OR level IN ('recorded', 'signed')", name="level"),  # signed: in a portfolio, by an assessor
        CheckConstraint("times > 0 AND minutes > 0 AND months > 0 AND needed > 0", name="positive"),  # of those that there are
        CheckConstraint("rule IS NULL OR (rule IN ('all', 'any') AND (rule = 'any') = (needed IS NOT NULL))", name="rule"),
        Index("ix_requirements_group", "group_id"),
    )


class RequirementCourse(Base):
    """A course of the curriculum that a requirement asks for, copied: who met it then does not change when the curriculum does."""

    __tablename__ = "requirement_courses"
    requirement_id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True, index=True)
    version_id: Mapped[int] = mapped_column(index=True)
    __table_args__ = (
        ForeignKeyConstraint(
            ["requirement_id", "version_id"], ["requirements.id", "requirements.version_id"], name="fk_requirement_courses_requirement"
        ),
    )


class Endorsement(Model):
    """Somebody with a role says that a person is ready for a step. Withdrawn or corrected: superseded."""

    __tablename__ = "endorsements"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("pathway_steps.id"), index=True)
    role: Mapped[str]
    endorsed_by: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    words: Mapped[str | None]
    on_date: Mapped[date]
    valid_to: Mapped[date] = mapped_column(default=FOREVER)  # the first day on which it no longer counts
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("on_date < valid_to", name="period"),
        CheckConstraint("person_id <> endorsed_by", name="not_oneself"),
        Index("ix_endorsements_person", "person_id", "step_id", "role"),
        Index(
            "uq_endorsements_once",
            *("person_id", "step_id", "role", "endorsed_by", "on_date"),
            unique=True,
            sqlite_where=text(LIVE),
            postgresql_where=text(LIVE),
        ),
    )


class EndorsementAsk(Model):
    """Somebody is asked to endorse a person for a step, and gives it, declines, or is no longer asked."""

    __tablename__ = "endorsement_asks"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("pathway_steps.id"))
    role: Mapped[str]
    asked_of: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]
    words: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="asked")
    reply: Mapped[str | None]
    endorsement_id: Mapped[int | None] = mapped_column(ForeignKey("endorsements.id"))
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'given', 'declined', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'asked') = (settled_at IS NULL)", name="settled"),
        CheckConstraint("(state = 'given') = (endorsement_id IS NOT NULL)", name="given"),
        CheckConstraint("person_id <> asked_of", name="not_oneself"),
        Index(
            "uq_endorsement_asks_open",
            *("person_id", "step_id", "role", "asked_of"),
            unique=True,
            sqlite_where=text("state = 'asked'"),
            postgresql_where=text("state = 'asked'"),
        ),
    )


class Progression(Model):
    """Somebody moved from one stage to another, or to another grade of the same. A correction supersedes."""

    __tablename__ = "progressions"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    on_date: Mapped[date]
    from_stage: Mapped[str | None] = mapped_column(ForeignKey("career_stages.code"))  # NULL: none was known
    to_stage: Mapped[str] = mapped_column(ForeignKey("career_stages.code"))
    mechanism: Mapped[str]
    kind: Mapped[str]  # promotion: the stage's rank rises (product §13)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("pathway_steps.id"))  # that they took, where it was one
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the system
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    corrected_from: Mapped[int | None] = mapped_column(ForeignKey("progressions.id"))
    __table_args__ = (
        CheckConstraint(f"mechanism IN ({_listed(MECHANISMS)})", name="mechanism"),
        CheckConstraint("kind IN ('promotion', 'sideways', 'regrade')", name="kind"),
        Index("uq_progressions_once", "person_id", "on_date", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("ix_progressions_day", "on_date", "person_id"),
        Index("uq_progressions_corrected", "corrected_from", unique=True),
    )


class StepAim(Model):
    """A step that somebody looks towards; nobody else's business unless they say so."""

    __tablename__ = "step_aims"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("pathway_steps.id"))
    set_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_step_aims_open",
            *("person_id", "step_id"),
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


def frozen_when(columns: list[str]) -> dict[str, str]:
    """When a version may not be changed or deleted, by verb: a published one may be withdrawn, and nothing else."""
    may = ("state", "withdrawn_at", "withdrawn_on")
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns if name not in may)
    withdrawn = f" AND NOT (OLD.state = 'published' AND NEW.state = 'withdrawn' AND {same})"
    return {"UPDATE": f"OLD.state <> 'draft'{withdrawn}", "DELETE": "OLD.state <> 'draft'"}


for _verb, _when in frozen_when([column.name for column in StepVersion.__table__.columns]).items():
    refuse(StepVersion.__table__, _verb, f"step_versions_frozen_{_verb.lower()}", _when)
for _part in (RequirementGroup, Requirement, RequirementCourse):
    of_a_draft(_part.__table__, StepVersion.__table__, "version_id")

_FROZEN = "This version is published and stays as it is. Make a new one."
for _table in ("step_versions", "requirement_groups", "requirements", "requirement_courses"):
    for _verb in ("insert", "update", "delete"):
        meaning(f"{_table}_frozen_{_verb}", message=_FROZEN, code="frozen")
for _name, _list, _message, _code in (
    ("uq_pathway_steps_code", "pathway_steps.code", "Another step has this code.", "step-code-taken"),
    ("uq_step_versions_draft", "step_versions.step_id", "There is already a draft of this step.", "draft-exists"),
    (
        "uq_endorsements_once",
        "endorsements.person_id, endorsements.step_id, endorsements.role, endorsements.endorsed_by, endorsements.on_date",
        "You have already endorsed this.",
        "already-endorsed",
    ),
    (
        "uq_endorsement_asks_open",
        "endorsement_asks.person_id, endorsement_asks.step_id, endorsement_asks.role, endorsement_asks.asked_of",
        "They have already been asked and have not answered yet.",
        "already-asked",
    ),
    (
        "uq_progressions_once",
        "progressions.person_id, progressions.on_date",
        "A progression of that day is recorded already: correct it instead.",
        "progression-twice",
    ),
    ("uq_progressions_corrected", "progressions.corrected_from", "Somebody has just corrected this.", "already-corrected"),
):
    meaning(_name, _list, message=_message, code=_code)
