"""Pathway steps with versions and requirements; endorsements and progressions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, of_a_draft, refuse, reword

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PARAMETERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # kind of requirement: the columns it must have, those it may have
    "course": (("course_id",), ()),
    "curriculum": (("curriculum_id", "rule"), ("needed",)),
    "programme": (("programme_code",), ()),
    "standard": (("standard", "times"), ("level", "months")),
    "records": ((), ("minutes", "times", "bucket", "activity", "months")),
    "months_in_stage": (("stage", "months"), ()),
    "registration": ((), ()),
    "pdr": (("months",), ()),
    "supervision": ((), ()),
    "endorsement": (("role",), ()),
}
COLUMNS = (
    *("course_id", "curriculum_id", "programme_code", "standard", "times", "level"),
    *("minutes", "bucket", "activity", "months", "stage", "role", "rule", "needed"),
)
VERSION = (
    *("id", "step_id", "number", "title", "state", "rule", "needed", "applies", "summary", "source", "verified"),
    *("in_force_from", "in_force_to", "published_at", "published_by", "withdrawn_at", "withdrawn_on", "version"),
)
OLD_KINDS = "kind IN ('completion', 'programme')"
KINDS = "kind IN ('completion', 'programme', 'progression')"  # of training records that HR answers for
PARTS = ("requirement_groups", "requirements", "requirement_courses")  # of a draft
TABLES = (
    *("step_aims", "progressions", "endorsement_asks", "endorsements"),
    *("requirement_courses", "requirements", "requirement_groups", "step_versions", "pathway_steps"),
)


def upgrade() -> None:
    _steps()
    _people()
    columns = ["person_id", "course_id", "completed_on", "expires_on"]
    op.create_index("ix_completions_live", "completions", columns, **_where("superseded_at IS NULL"))
    may = ("state", "withdrawn_at", "withdrawn_on")
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in VERSION if name not in may)
    withdrawn = f" AND NOT (OLD.state = 'published' AND NEW.state = 'withdrawn' AND {same})"
    refuse("step_versions", "UPDATE", "step_versions_frozen_update", f"OLD.state <> 'draft'{withdrawn}")
    refuse("step_versions", "DELETE", "step_versions_frozen_delete", "OLD.state <> 'draft'")
    for table in PARTS:
        of_a_draft(table, "step_versions", "version_id")
    _answered(OLD_KINDS, KINDS)


def _answered(old: str, new: str) -> None:
    """Of which kinds training records can be that HR answers for."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_training_confirmations_kind", "training_confirmations", type_="check")
        op.create_check_constraint(op.f("ck_training_confirmations_kind"), "training_confirmations", new)
    else:
        reword("training_confirmations", (old, new))


def _where(words: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}


def _parameters() -> str:
    kinds = []
    for kind, (needs, may) in PARAMETERS.items():
        said = [f"{name} IS NOT NULL" for name in needs] + [f"{name} IS NULL" for name in COLUMNS if name not in (*needs, *may)]
        kinds.append(f"(kind = '{kind}' AND {' AND '.join(said)})")
    return " OR ".join(kinds)


def _steps() -> None:
    op.create_table(
        "pathway_steps",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("to_stage", sa.String(), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(kind = 'progression') = (to_stage IS NOT NULL)", name=op.f("ck_pathway_steps_to_stage")),
        sa.CheckConstraint("kind IN ('progression', 'mandatory')", name=op.f("ck_pathway_steps_kind")),
        sa.ForeignKeyConstraint(["to_stage"], ["career_stages.code"], name=op.f("fk_pathway_steps_to_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pathway_steps")),
        sa.UniqueConstraint("code", name=op.f("uq_pathway_steps_code")),
    )
    op.create_table(
        "step_versions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("step_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("needed", KEY, nullable=True),
        sa.Column("applies", JSON_TYPE, nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("verified", sa.String(), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=True),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", KEY, nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name=op.f("ck_step_versions_needed")),
        sa.CheckConstraint("(state = 'draft') = (published_at IS NULL)", name=op.f("ck_step_versions_published")),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND (state = 'withdrawn') = (withdrawn_on IS NOT NULL)",
            name=op.f("ck_step_versions_withdrawn"),
        ),
        sa.CheckConstraint("rule IN ('all', 'any')", name=op.f("ck_step_versions_rule")),
        sa.CheckConstraint("state = 'draft' OR in_force_from IS NOT NULL", name=op.f("ck_step_versions_in_force")),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_step_versions_state")),
        sa.CheckConstraint("verified IN ('true', 'partial', 'false')", name=op.f("ck_step_versions_verified")),
        sa.CheckConstraint(
            "in_force_from IS NULL OR in_force_to IS NULL OR in_force_from <= in_force_to", name=op.f("ck_step_versions_period")
        ),
        sa.CheckConstraint("needed IS NULL OR needed > 0", name=op.f("ck_step_versions_count")),
        sa.ForeignKeyConstraint(["published_by"], ["people.id"], name=op.f("fk_step_versions_published_by")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_step_versions_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_versions")),
        sa.UniqueConstraint("step_id", "number", name="uq_step_versions_number"),
    )
    op.create_index("uq_step_versions_draft", "step_versions", ["step_id"], unique=True, **_where("state = 'draft'"))
    op.create_table(
        "requirement_groups",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("needed", KEY, nullable=True),
        sa.CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name=op.f("ck_requirement_groups_needed")),
        sa.CheckConstraint("rule IN ('all', 'any')", name=op.f("ck_requirement_groups_rule")),
        sa.CheckConstraint("needed IS NULL OR needed > 0", name=op.f("ck_requirement_groups_count")),
        sa.ForeignKeyConstraint(["version_id"], ["step_versions.id"], name=op.f("fk_requirement_groups_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement_groups")),
        sa.UniqueConstraint("id", "version_id", name="uq_requirement_groups_version"),
        sa.UniqueConstraint("version_id", "number", name="uq_requirement_groups_number"),
    )
    op.create_table(
        "requirements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=True),
        sa.Column("number", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("course_id", KEY, nullable=True),
        sa.Column("curriculum_id", KEY, nullable=True),
        sa.Column("programme_code", sa.String(), nullable=True),
        sa.Column("standard", sa.String(), nullable=True),
        sa.Column("times", KEY, nullable=True),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("minutes", KEY, nullable=True),
        sa.Column("bucket", sa.String(), nullable=True),
        sa.Column("activity", sa.String(), nullable=True),
        sa.Column("months", KEY, nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("needed", KEY, nullable=True),
        sa.CheckConstraint(_parameters(), name=op.f("ck_requirements_parameters")),
        sa.CheckConstraint("level IS NULL OR level IN ('recorded', 'signed')", name=op.f("ck_requirements_level")),
        sa.CheckConstraint("bucket IS NULL OR bucket IN ('experience', 'social', 'formal')", name=op.f("ck_requirements_bucket")),
        sa.CheckConstraint("kind <> 'records' OR bucket IS NULL OR activity IS NULL", name=op.f("ck_requirements_sort")),
        sa.CheckConstraint("kind <> 'records' OR minutes IS NOT NULL OR times IS NOT NULL", name=op.f("ck_requirements_amount")),
        sa.CheckConstraint(
            "rule IS NULL OR (rule IN ('all', 'any') AND (rule = 'any') = (needed IS NOT NULL))", name=op.f("ck_requirements_rule")
        ),
        sa.CheckConstraint("times > 0 AND minutes > 0 AND months > 0 AND needed > 0", name=op.f("ck_requirements_positive")),
        sa.ForeignKeyConstraint(["activity"], ["learning_activities.code"], name=op.f("fk_requirements_activity")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_requirements_course_id")),
        sa.ForeignKeyConstraint(["curriculum_id"], ["curricula.id"], name=op.f("fk_requirements_curriculum_id")),
        sa.ForeignKeyConstraint(
            ["group_id", "version_id"], ["requirement_groups.id", "requirement_groups.version_id"], name="fk_requirements_group"
        ),
        sa.ForeignKeyConstraint(["programme_code"], ["programmes.code"], name=op.f("fk_requirements_programme_code")),
        sa.ForeignKeyConstraint(["stage"], ["career_stages.code"], name=op.f("fk_requirements_stage")),
        sa.ForeignKeyConstraint(["standard"], ["standards.code"], name=op.f("fk_requirements_standard")),
        sa.ForeignKeyConstraint(["version_id"], ["step_versions.id"], name=op.f("fk_requirements_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirements")),
        sa.UniqueConstraint("id", "version_id", name="uq_requirements_version"),
        sa.UniqueConstraint("version_id", "number", name="uq_requirements_number"),
    )
    op.create_index(op.f("ix_requirements_course_id"), "requirements", ["course_id"], unique=False)
    op.create_index("ix_requirements_group", "requirements", ["group_id"], unique=False)
    op.create_table(
        "requirement_courses",
        sa.Column("requirement_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_requirement_courses_course_id")),
        sa.ForeignKeyConstraint(
            ["requirement_id", "version_id"], ["requirements.id", "requirements.version_id"], name="fk_requirement_courses_requirement"
        ),
        sa.PrimaryKeyConstraint("requirement_id", "course_id", name=op.f("pk_requirement_courses")),
    )
    op.create_index(op.f("ix_requirement_courses_course_id"), "requirement_courses", ["course_id"], unique=False)
    op.create_index(op.f("ix_requirement_courses_version_id"), "requirement_courses", ["version_id"], unique=False)


def _people() -> None:
    op.create_table(
        "endorsements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("step_id", KEY, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("endorsed_by", KEY, nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("on_date < valid_to", name=op.f("ck_endorsements_period")),
        sa.CheckConstraint("person_id <> endorsed_by", name=op.f("ck_endorsements_not_oneself")),
        sa.ForeignKeyConstraint(["endorsed_by"], ["people.id"], name=op.f("fk_endorsements_endorsed_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_endorsements_person_id")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_endorsements_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endorsements")),
    )
    op.create_index(op.f("ix_endorsements_endorsed_by"), "endorsements", ["endorsed_by"], unique=False)
    op.create_index("ix_endorsements_person", "endorsements", ["person_id", "step_id", "role"], unique=False)
    op.create_index(op.f("ix_endorsements_step_id"), "endorsements", ["step_id"], unique=False)
    op.create_index(
        "uq_endorsements_once",
        "endorsements",
        ["person_id", "step_id", "role", "endorsed_by", "on_date"],
        unique=True,
        **_where("superseded_at IS NULL"),
    )
    op.create_table(
        "endorsement_asks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("step_id", KEY, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("asked_of", KEY, nullable=False),
        sa.Column("asked_by", KEY, nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("endorsement_id", KEY, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'asked') = (settled_at IS NULL)", name=op.f("ck_endorsement_asks_settled")),
        sa.CheckConstraint("(state = 'given') = (endorsement_id IS NOT NULL)", name=op.f("ck_endorsement_asks_given")),
        sa.CheckConstraint("state IN ('asked', 'given', 'declined', 'withdrawn')", name=op.f("ck_endorsement_asks_state")),
        sa.CheckConstraint("person_id <> asked_of", name=op.f("ck_endorsement_asks_not_oneself")),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name=op.f("fk_endorsement_asks_asked_by")),
        sa.ForeignKeyConstraint(["asked_of"], ["people.id"], name=op.f("fk_endorsement_asks_asked_of")),
        sa.ForeignKeyConstraint(["endorsement_id"], ["endorsements.id"], name=op.f("fk_endorsement_asks_endorsement_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_endorsement_asks_person_id")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_endorsement_asks_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endorsement_asks")),
    )
    op.create_index(op.f("ix_endorsement_asks_asked_of"), "endorsement_asks", ["asked_of"], unique=False)
    op.create_index(op.f("ix_endorsement_asks_person_id"), "endorsement_asks", ["person_id"], unique=False)
    op.create_index(
        "uq_endorsement_asks_open",
        "endorsement_asks",
        ["person_id", "step_id", "role", "asked_of"],
        unique=True,
        **_where("state = 'asked'"),
    )
    op.create_table(
        "progressions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("from_stage", sa.String(), nullable=True),
        sa.Column("to_stage", sa.String(), nullable=False),
        sa.Column("mechanism", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("step_id", KEY, nullable=True),
        sa.Column("recorded_by", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("corrected_from", KEY, nullable=True),
        sa.CheckConstraint("kind IN ('promotion', 'sideways', 'regrade')", name=op.f("ck_progressions_kind")),
        sa.CheckConstraint(
            "mechanism IN ('automatic', 'appraisal', 'statement_of_learning', 'panel', 'application')",
            name=op.f("ck_progressions_mechanism"),
        ),
        sa.ForeignKeyConstraint(["corrected_from"], ["progressions.id"], name=op.f("fk_progressions_corrected_from")),
        sa.ForeignKeyConstraint(["from_stage"], ["career_stages.code"], name=op.f("fk_progressions_from_stage")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_progressions_person_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["people.id"], name=op.f("fk_progressions_recorded_by")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_progressions_step_id")),
        sa.ForeignKeyConstraint(["to_stage"], ["career_stages.code"], name=op.f("fk_progressions_to_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progressions")),
    )
    op.create_index("ix_progressions_day", "progressions", ["on_date", "person_id"], unique=False)
    op.create_index("uq_progressions_corrected", "progressions", ["corrected_from"], unique=True)
    op.create_index("uq_progressions_once", "progressions", ["person_id", "on_date"], unique=True, **_where("superseded_at IS NULL"))
    op.create_table(
        "step_aims",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("step_id", KEY, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_step_aims_person_id")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_step_aims_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_aims")),
    )
    op.create_index("uq_step_aims_open", "step_aims", ["person_id", "step_id"], unique=True, **_where("ended_at IS NULL"))


def downgrade() -> None:
    op.drop_index("ix_completions_live", table_name="completions")
    """What HR said of progressions goes with them."""
    op.execute("DELETE FROM training_confirmations WHERE kind = 'progression'")
    _answered(KINDS, OLD_KINDS)
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for name in ("step_versions_frozen_update", "step_versions_frozen_delete"):
            op.execute(sa.text(f"DROP FUNCTION {name}()"))
        for table in PARTS:
            for verb in ("insert", "update", "delete"):
                op.execute(sa.text(f"DROP FUNCTION {table}_frozen_{verb}()"))
