"""What people write of their learning: reflections, sharing, drafts; records that other rooms settle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, add_to_end, reword

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ACTIVITIES = {  # by bucket; which bucket an activity belongs to is our reading, for the model names none
    "experience": {
        "complex_casework": "Complex casework",
        "co_working": "Co-working",
        "shadowing": "Shadowing somebody",
        "acting_up": "Acting up",
        "secondment": "Secondment",
        "project": "Project",
        "practice_audit": "Practice audit",
        "court_work": "Court work",
        "practice_educating": "Practice educating",
        "other_experience": "Something else while working",
    },
    "social": {
        "reflective_supervision": "Reflective supervision",
        "group_supervision": "Group supervision",
        "peer_reflection": "Reflecting with a colleague",
        "coaching": "Coaching",
        "mentoring": "Mentoring",
        "action_learning_set": "Action-learning set",
        "observation_feedback": "Feedback on an observation",
        "programme_review": "Review of a programme",
        "community_of_practice": "Community of practice",
        "other_social": "Something else with other people",
    },
    "formal": {
        "masterclass": "Masterclass",
        "course": "Course",
        "e_learning": "E-learning",
        "conference": "Conference",
        "university_module": "University module",
        "briefing": "Briefing",
        "reading": "Reading or research",
        "other_formal": "Something else that was taught",
    },
}
OLD_SOURCES = "source IN ('attendance', 'e-learning', 'prior learning')"
SOURCES = (
    "source IN ('attendance', 'e-learning', 'prior learning', 'own', 'supervision', 'observation', 'review', 'mentoring', 'shadowing', "
    "'action learning', 'import')"
)
CHECKS = {"activity": "source <> 'own' OR activity IS NOT NULL", "first": "first_id <> id"}
KEYS = {"activity": ("learning_activities", "code"), "first_id": ("learning_records", "id")}
UNIQUE = {
    "uq_learning_records_source": (("source_key", "source", "person_id"), "source_key IS NOT NULL AND superseded_at IS NULL"),
    "uq_learning_records_chain": (("first_id",), "first_id IS NOT NULL AND superseded_at IS NULL"),
    "uq_learning_records_entry": (("person_id", "entry_key"), "entry_key IS NOT NULL"),
}
BEFORE = {
    "ix_learning_records_booking_before": ("booking_id",),
    "ix_learning_records_source_before": ("source_key", "source"),
}
TABLES = ("learning_drafts", "learning_shares", "learning_files", "learning_standards", "learning_reflections")


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _partial(name: str, table: str, columns: tuple[str, ...], where: str, *, unique: bool = True) -> None:
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    _activities()
    _records()
    _hanging_on()


def _activities() -> None:
    table = op.create_table(
        "learning_activities",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.CheckConstraint("bucket IN ('experience', 'social', 'formal')", name=op.f("ck_learning_activities_bucket")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_learning_activities")),
        sa.UniqueConstraint("title", name=op.f("uq_learning_activities_title")),
    )
    rows = [(code, bucket, title) for bucket, titles in ACTIVITIES.items() for code, title in titles.items()]
    op.bulk_insert(table, [dict(code=code, bucket=bucket, title=title, position=n) for n, (code, bucket, title) in enumerate(rows, 1)])


def _records() -> None:
    op.add_column("learning_records", sa.Column("activity", sa.String(), nullable=True))
    op.add_column("learning_records", sa.Column("source_key", KEY, nullable=True))
    op.add_column("learning_records", sa.Column("entry_key", sa.String(), nullable=True))
    op.add_column("learning_records", sa.Column("first_id", KEY, nullable=True))
    op.execute(
        "UPDATE learning_records SET activity = (SELECT CASE kind WHEN 'masterclass' THEN 'masterclass' WHEN 'e-learning' THEN 'e_learning' "
        "ELSE 'course' END FROM courses WHERE courses.id = learning_records.course_id) WHERE course_id IS NOT NULL"
    )
    op.execute(  # a booking's corrected records were a chain all along
        "UPDATE learning_records SET first_id = (SELECT min(other.id) FROM learning_records AS other "
        "WHERE other.booking_id = learning_records.booking_id) WHERE booking_id IS NOT NULL AND EXISTS "
        "(SELECT 1 FROM learning_records AS other WHERE other.booking_id = learning_records.booking_id AND other.id < learning_records.id)"
    )
    if _postgresql():
        op.drop_constraint("ck_learning_records_source", "learning_records", type_="check")
        op.create_check_constraint(op.f("ck_learning_records_source"), "learning_records", SOURCES)
    else:
        reword("learning_records", (OLD_SOURCES, SOURCES))
    for name, words in CHECKS.items():
        if _postgresql():
            op.create_check_constraint(op.f(f"ck_learning_records_{name}"), "learning_records", words)
        else:
            add_to_end("learning_records", f"CONSTRAINT ck_learning_records_{name} CHECK ({words})")
    for column, (table, key) in KEYS.items():
        name = f"fk_learning_records_{column}"
        if _postgresql():
            op.create_foreign_key(op.f(name), "learning_records", table, [column], [key])
        else:
            add_to_end("learning_records", f"CONSTRAINT {name} FOREIGN KEY({column}) REFERENCES {table} ({key})")
    op.create_index(op.f("ix_learning_records_first_id"), "learning_records", ["first_id"], unique=False)
    for name, (columns, where) in UNIQUE.items():
        _partial(name, "learning_records", columns, where)
    for name, columns in BEFORE.items():
        _partial(name, "learning_records", columns, "superseded_at IS NOT NULL", unique=False)


def _first(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", KEY, nullable=False),
        sa.Column("first_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["first_id"], ["learning_records.id"], name=op.f(f"fk_{table}_first_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _known(starts: str, ends: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column(starts, sa.DateTime(timezone=True), nullable=False),
        sa.Column(ends, sa.DateTime(timezone=True), nullable=True),
    ]


def _hanging_on() -> None:
    words = [sa.Column(name, sa.String(), nullable=False) for name in ("did", "learnt", "impact", "peer_with")]
    op.create_table(
        "learning_reflections",
        *_first("learning_reflections"),
        *words,
        sa.Column("peer_on", sa.Date(), nullable=True),
        *_known("recorded_at", "superseded_at"),
        sa.CheckConstraint("did <> '' OR learnt <> '' OR impact <> '' OR peer_with <> ''", name=op.f("ck_learning_reflections_words")),
        sa.CheckConstraint("peer_on IS NULL OR peer_with <> ''", name=op.f("ck_learning_reflections_peer")),
    )
    op.create_table(
        "learning_standards",
        *_first("learning_standards"),
        sa.Column("standard", sa.String(), nullable=False),
        sa.Column("slot", KEY, nullable=False),
        *_known("recorded_at", "superseded_at"),
        sa.CheckConstraint("slot BETWEEN 1 AND 3", name=op.f("ck_learning_standards_few")),
        sa.ForeignKeyConstraint(["standard"], ["standards.code"], name=op.f("fk_learning_standards_standard")),
    )
    op.create_index(op.f("ix_learning_standards_standard"), "learning_standards", ["standard"], unique=False)
    op.create_table(
        "learning_files",
        *_first("learning_files"),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        *_known("added_at", "removed_at"),
        sa.ForeignKeyConstraint(["digest"], ["files.digest"], name=op.f("fk_learning_files_digest")),
    )
    op.create_index(op.f("ix_learning_files_digest"), "learning_files", ["digest"], unique=False)
    op.create_table(
        "learning_shares",
        *_first("learning_shares"),
        sa.Column("audience", sa.String(), nullable=False),
        *_known("shared_at", "ended_at"),
        sa.CheckConstraint("audience IN ('assessor', 'manager', 'coordinator', 'systems')", name=op.f("ck_learning_shares_audience")),
    )
    for table in ("learning_reflections", "learning_standards", "learning_files", "learning_shares"):
        op.create_index(op.f(f"ix_{table}_first_id"), table, ["first_id"], unique=False)
    _partial("uq_learning_reflections_live", "learning_reflections", ("first_id",), "superseded_at IS NULL")
    _partial("uq_learning_standards_slot", "learning_standards", ("first_id", "slot"), "superseded_at IS NULL")
    _partial("uq_learning_standards_live", "learning_standards", ("first_id", "standard"), "superseded_at IS NULL")
    _partial("uq_learning_files_live", "learning_files", ("first_id", "digest"), "removed_at IS NULL")
    _partial("uq_learning_shares_live", "learning_shares", ("first_id", "audience"), "ended_at IS NULL")
    op.create_table(
        "learning_drafts",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("draft_key", sa.String(), nullable=False),
        sa.Column("words", JSON_TYPE, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(draft_key) BETWEEN 16 AND 64", name=op.f("ck_learning_drafts_key")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_learning_drafts_person_id")),
        sa.PrimaryKeyConstraint("person_id", "draft_key", name=op.f("pk_learning_drafts")),
    )
    op.create_index(op.f("ix_learning_drafts_changed_at"), "learning_drafts", ["changed_at"], unique=False)


def downgrade() -> None:
    """Records of sources that only this version knows must be gone before, or the older constraint refuses."""
    for table in TABLES:
        op.drop_table(table)
    for name in (*BEFORE, *UNIQUE, "ix_learning_records_first_id"):
        op.drop_index(name, "learning_records")
    for column, (table, key) in KEYS.items():
        name = f"fk_learning_records_{column}"
        if _postgresql():
            op.drop_constraint(name, "learning_records", type_="foreignkey")
        else:
            reword("learning_records", (f", \n\tCONSTRAINT {name} FOREIGN KEY({column}) REFERENCES {table} ({key})", ""))
    for name, words in CHECKS.items():
        if _postgresql():
            op.drop_constraint(f"ck_learning_records_{name}", "learning_records", type_="check")
        else:
            reword("learning_records", (f", \n\tCONSTRAINT ck_learning_records_{name} CHECK ({words})", ""))
    if _postgresql():
        op.drop_constraint("ck_learning_records_source", "learning_records", type_="check")
        op.create_check_constraint(op.f("ck_learning_records_source"), "learning_records", OLD_SOURCES)
    else:
        reword("learning_records", (SOURCES, OLD_SOURCES))
    for name in ("first_id", "entry_key", "source_key", "activity"):
        op.drop_column("learning_records", name)
    op.drop_table("learning_activities")
