"""Booking complete: offers, reservations, quotas, policy, registers, evaluation, certificates, inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, add_to_end, append_only, no_overlap, reword

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LIVE = "status NOT IN ('cancelled', 'declined', 'expired')"
OLD_HOLDS = "status IN ('requested', 'offered', 'booked', 'attended', 'partly attended', 'did not attend', 'excused')"
HOLDS = OLD_HOLDS.replace("IN (", "IN ('reserved', ")
OLD_STATUS = (
    "status IN ('requested', 'waiting', 'offered', 'booked', 'cancelled', 'declined', 'expired', 'attended', 'partly attended', "
    "'did not attend', 'excused')"
)
STATUS = OLD_STATUS.replace("IN (", "IN ('reserved', ")
BOOKING_CHECKS = {
    "named": "person_id IS NOT NULL OR status IN ('reserved', 'cancelled', 'expired')",
    "offer": "status <> 'offered' OR offer_ends_at IS NOT NULL",
    "reserved": "status <> 'reserved' OR (name_by IS NOT NULL AND person_id IS NULL)",
}
BOOKING_KEYS = {"passed_from": ("bookings", "id"), "reason_code": ("cancel_reasons", "code")}
QUEUES = {
    "approvals": ("approval_due_at", "approval = 'pending'"),
    "offers": ("offer_ends_at", "status = 'offered'"),
    "reserved": ("name_by", "status = 'reserved'"),
}


def upgrade() -> None:
    op.create_table(
        "cancel_reasons",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("excuses", sa.Boolean(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_cancel_reasons")),
    )
    op.create_table(
        "quotas",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=True),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("places", KEY, nullable=False),
        sa.Column("release_on", sa.Date(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(group_id IS NULL) <> (unit_id IS NULL)", name=op.f("ck_quotas_one_holder")),
        sa.CheckConstraint("places > 0", name=op.f("ck_quotas_places")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_quotas_group_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_quotas_session_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_quotas_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotas")),
    )
    op.create_index(
        "ix_quotas_release",
        "quotas",
        ["release_on"],
        unique=False,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_index(op.f("ix_quotas_session_id"), "quotas", ["session_id"], unique=False)
    _bookings()
    _other_columns()
    _policy_tables()
    _session_tables()
    _learning_tables()
    _people_tables()
    _shipped()
    _pass_on()


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _bookings() -> None:
    for name in ("priority_because", "reason_code"):
        op.add_column("bookings", sa.Column(name, sa.String(), nullable=True))
    for name in ("approval_due_at", "offer_ends_at", "name_by"):
        op.add_column("bookings", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("bookings", sa.Column("passed_from", KEY, nullable=True))
    # What was offered or asked before has no clock yet: both are given a week.
    week = "now() + interval '7 days'" if _postgresql() else "datetime('now', '+7 days') || '.000000'"
    op.execute(sa.text(f"UPDATE bookings SET approval_due_at = {week} WHERE approval = 'pending'"))
    op.execute(sa.text(f"UPDATE bookings SET offer_ends_at = {week} WHERE status = 'offered'"))
    if _postgresql():
        op.alter_column("bookings", "person_id", nullable=True)
        for name in ("seat", "status"):
            op.drop_constraint(f"ck_bookings_{name}", "bookings", type_="check")
        for name, words in {"seat": f"(place IS NOT NULL) = ({HOLDS})", "status": STATUS, **BOOKING_CHECKS}.items():
            op.create_check_constraint(op.f(f"ck_bookings_{name}"), "bookings", words)
        for column, (table, key) in BOOKING_KEYS.items():
            op.create_foreign_key(f"fk_bookings_{column}", "bookings", table, [column], [key])
    else:
        reword(
            "bookings",
            ("person_id INTEGER NOT NULL", "person_id INTEGER"),
            (f"({OLD_HOLDS})", f"({HOLDS})"),
            (f"({OLD_STATUS})", f"({STATUS})"),
        )
        for name, words in BOOKING_CHECKS.items():
            add_to_end("bookings", f"CONSTRAINT ck_bookings_{name} CHECK ({words})")
        for column, (table, key) in BOOKING_KEYS.items():
            add_to_end("bookings", f"CONSTRAINT fk_bookings_{column} FOREIGN KEY({column}) REFERENCES {table} ({key})")
    _turn_index(live=True)
    for name, (column, where) in QUEUES.items():
        op.create_index(f"ix_bookings_{name}", "bookings", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _turn_index(*, live: bool) -> None:
    """Whoever takes over a place keeps its turn, so that only live bookings have turns of their own."""
    op.drop_index("uq_bookings_turn", "bookings")
    where = sa.text(LIVE) if live else None
    op.create_index("uq_bookings_turn", "bookings", ["session_id", "turn"], unique=True, sqlite_where=where, postgresql_where=where)


def _other_columns() -> None:
    op.add_column("courses", sa.Column("approver", sa.String(), server_default="manager", nullable=False))
    op.add_column("courses", sa.Column("approval_days", KEY, nullable=True))
    for name in ("completes", "certificate", "pass_while_waiting"):
        op.add_column("courses", sa.Column(name, sa.Boolean(), server_default=sa.true(), nullable=False))
    _check("courses", "approver", "approver IN ('manager', 'coordinator')")
    _check("courses", "approval_days", "approval_days IS NULL OR approval_days > 0")
    op.add_column("sessions", sa.Column("has_quotas", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in ("runs_at", "register_at"):
        op.add_column("sessions", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("places", sa.Column("quota_id", KEY, nullable=True))
    op.add_column("completions", sa.Column("by_course_id", KEY, nullable=True))
    op.add_column("units", sa.Column("cost_centre", sa.String(), nullable=True))
    op.add_column("links", sa.Column("subject_id", KEY, nullable=True))
    _purposes("'invitation', 'reset'", "'invitation', 'reset', 'offer'")
    op.add_column("outbox", sa.Column("how", sa.String(), server_default="email", nullable=False))
    op.add_column("outbox", sa.Column("digest_id", KEY, nullable=True))
    op.add_column("outbox", sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_outbox_person", "outbox", ["person_id", "created_at"])
    for table, column, target in KEYS:
        if _postgresql():
            op.create_foreign_key(f"fk_{table}_{column}", table, target, [column], ["id"])
        else:
            add_to_end(table, f"CONSTRAINT fk_{table}_{column} FOREIGN KEY({column}) REFERENCES {target} (id)")


KEYS = (("places", "quota_id", "quotas"), ("completions", "by_course_id", "courses"), ("outbox", "digest_id", "outbox"))


def _check(table: str, name: str, words: str) -> None:
    if _postgresql():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, words)
    else:
        add_to_end(table, f"CONSTRAINT ck_{table}_{name} CHECK ({words})")


def _purposes(old: str, new: str) -> None:
    if _postgresql():
        op.drop_constraint("ck_links_purpose", "links", type_="check")
        op.create_check_constraint(op.f("ck_links_purpose"), "links", f"purpose IN ({new})")
    else:
        reword("links", (f"purpose IN ({old})", f"purpose IN ({new})"))


def _policy_tables() -> None:
    op.create_table(
        "booking_policies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", KEY, nullable=True),
        sa.Column("day_starts", KEY, nullable=False),
        sa.Column("day_ends", KEY, nullable=False),
        sa.Column("offer_minutes", KEY, nullable=False),
        sa.Column("offer_least_minutes", KEY, nullable=False),
        sa.Column("offer_most_days", KEY, nullable=False),
        sa.Column("cut_off_minutes", KEY, nullable=False),
        sa.Column("approval_days", KEY, nullable=False),
        sa.Column("chase_days", KEY, nullable=False),
        sa.Column("reservation_days", KEY, nullable=False),
        sa.Column("reminder_days", sa.String(), nullable=False),
        sa.Column("impact_weeks", KEY, nullable=False),
        sa.Column("check_in_before", KEY, nullable=False),
        sa.Column("check_in_seconds", KEY, nullable=False),
        sa.Column("late_days", KEY, nullable=False),
        sa.Column("late_charge", sa.String(), nullable=False),
        sa.Column("late_pence", KEY, nullable=False),
        sa.Column("absent_charge", sa.String(), nullable=False),
        sa.Column("absent_pence", KEY, nullable=False),
        sa.Column("appeal_days", KEY, nullable=False),
        sa.Column("suppress_below", KEY, nullable=False),
        sa.CheckConstraint(
            "late_charge IN ('none', 'cost', 'fixed') AND absent_charge IN ('none', 'cost', 'fixed')",
            name=op.f("ck_booking_policies_charges"),
        ),
        sa.CheckConstraint("0 <= day_starts AND day_starts < day_ends AND day_ends <= 1440", name=op.f("ck_booking_policies_day")),
        sa.CheckConstraint(
            "approval_days > 0 AND chase_days > 0 AND reservation_days > 0 AND late_days >= 0 AND appeal_days > 0",
            name=op.f("ck_booking_policies_days"),
        ),
        sa.CheckConstraint("check_in_before >= 0 AND check_in_seconds BETWEEN 20 AND 600", name=op.f("ck_booking_policies_check_in")),
        sa.CheckConstraint("impact_weeks > 0 AND suppress_below > 0", name=op.f("ck_booking_policies_evaluation")),
        sa.CheckConstraint("late_pence >= 0 AND absent_pence >= 0", name=op.f("ck_booking_policies_pence")),
        sa.CheckConstraint(
            "offer_minutes > 0 AND offer_least_minutes >= 0 AND offer_most_days > 0 AND cut_off_minutes >= 0",
            name=op.f("ck_booking_policies_offer"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["people.id"], name=op.f("fk_booking_policies_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_policies")),
    )
    op.create_table(
        "priority_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("priority", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("stages", sa.String(), nullable=False),
        sa.Column("group_id", KEY, nullable=True),
        sa.Column("days", KEY, nullable=True),
        sa.Column("course_kinds", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint(
            "(kind = 'group') = (group_id IS NOT NULL) AND (kind = 'expiry') = (days IS NOT NULL)",
            name=op.f("ck_priority_rules_parameters"),
        ),
        sa.CheckConstraint("kind IN ('stage', 'group', 'expiry')", name=op.f("ck_priority_rules_kind")),
        sa.CheckConstraint("priority BETWEEN 1 AND 9 AND priority <> 5", name=op.f("ck_priority_rules_priority")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_priority_rules_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_priority_rules")),
    )
    op.create_table(
        "journals",
        sa.Column("id", KEY, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", KEY, nullable=True),
        sa.Column("charges", KEY, nullable=False),
        sa.Column("pence", KEY, nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_journals_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journals")),
    )
    op.create_table(
        "consequences",
        sa.Column("id", KEY, nullable=False),
        sa.Column("booking_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("policy_id", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("pence", KEY, nullable=False),
        sa.Column("cost_centre", sa.String(), nullable=True),
        sa.Column("appeal_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("appeal", sa.String(), nullable=True),
        sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("journal_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("journal_id IS NULL OR state IN ('stands', 'upheld')", name=op.f("ck_consequences_journal")),
        sa.CheckConstraint("kind IN ('late', 'absent')", name=op.f("ck_consequences_kind")),
        sa.CheckConstraint("state IN ('stands', 'excused', 'appealed', 'upheld', 'overturned')", name=op.f("ck_consequences_state")),
        sa.CheckConstraint(
            "state NOT IN ('appealed', 'upheld', 'overturned') OR appealed_at IS NOT NULL", name=op.f("ck_consequences_appealed")
        ),
        sa.CheckConstraint("pence >= 0", name=op.f("ck_consequences_pence")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_consequences_booking_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_consequences_decided_by")),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name=op.f("fk_consequences_journal_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_consequences_person_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["booking_policies.id"], name=op.f("fk_consequences_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consequences")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_consequences_booking_id")),
    )
    op.create_index(op.f("ix_consequences_journal_id"), "consequences", ["journal_id"], unique=False)
    op.create_index(
        "ix_consequences_open",
        "consequences",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("journal_id IS NULL"),
        postgresql_where=sa.text("journal_id IS NULL"),
    )
    op.create_index(op.f("ix_consequences_person_id"), "consequences", ["person_id"], unique=False)
    append_only("booking_policies")


def _session_tables() -> None:
    op.create_table(
        "interests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_interests_course_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_interests_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interests")),
    )
    op.create_index(op.f("ix_interests_person_id"), "interests", ["person_id"], unique=False)
    op.create_index(
        "uq_interests",
        "interests",
        ["course_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "pass_ons",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_pass_ons_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pass_ons")),
    )
    op.create_index(
        "ix_pass_ons_open",
        "pass_ons",
        ["session_id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "session_messages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("sent_by", KEY, nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("people", KEY, nullable=False),
        sa.ForeignKeyConstraint(["sent_by"], ["people.id"], name=op.f("fk_session_messages_sent_by")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_session_messages_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_messages")),
    )
    op.create_index(op.f("ix_session_messages_session_id"), "session_messages", ["session_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notices")),
    )
    op.create_table(
        "check_ins",
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(["opened_by"], ["people.id"], name=op.f("fk_check_ins_opened_by")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_check_ins_session_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_check_ins")),
    )
    op.create_table(
        "attendances",
        sa.Column("booking_id", KEY, nullable=False),
        sa.Column("part_id", KEY, nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by", KEY, nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.CheckConstraint("mark IN ('present', 'partly', 'absent')", name=op.f("ck_attendances_mark")),
        sa.CheckConstraint("reason_code IS NULL OR mark <> 'present'", name=op.f("ck_attendances_reason")),
        sa.CheckConstraint("source IN ('register', 'check-in')", name=op.f("ck_attendances_source")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_attendances_booking_id")),
        sa.ForeignKeyConstraint(["marked_by"], ["people.id"], name=op.f("fk_attendances_marked_by")),
        sa.ForeignKeyConstraint(["reason_code"], ["cancel_reasons.code"], name=op.f("fk_attendances_reason_code")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_attendances_part_id")),
        sa.PrimaryKeyConstraint("booking_id", "part_id", name=op.f("pk_attendances")),
    )
    op.create_index(op.f("ix_attendances_part_id"), "attendances", ["part_id"], unique=False)
    op.create_table(
        "evaluation_asks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("booking_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('after', 'impact')", name=op.f("ck_evaluation_asks_kind")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_evaluation_asks_booking_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_evaluation_asks_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_asks")),
    )
    op.create_index(op.f("ix_evaluation_asks_person_id"), "evaluation_asks", ["person_id"], unique=False)
    op.create_index("uq_evaluation_asks", "evaluation_asks", ["booking_id", "kind"], unique=True)
    op.create_table(
        "evaluation_answers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("useful", KEY, nullable=False),
        sa.Column("confidence_before", KEY, nullable=True),
        sa.Column("confidence_after", KEY, nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('after', 'impact')", name=op.f("ck_evaluation_answers_kind")),
        sa.CheckConstraint("confidence_after IS NULL OR confidence_after BETWEEN 1 AND 5", name=op.f("ck_evaluation_answers_after")),
        sa.CheckConstraint("confidence_before IS NULL OR confidence_before BETWEEN 1 AND 5", name=op.f("ck_evaluation_answers_before")),
        sa.CheckConstraint("useful BETWEEN 1 AND 5", name=op.f("ck_evaluation_answers_useful")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_evaluation_answers_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_answers")),
    )
    op.create_index(op.f("ix_evaluation_answers_session_id"), "evaluation_answers", ["session_id"], unique=False)


def _learning_tables() -> None:
    op.create_table(
        "learning_records",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("minutes", KEY, nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("course_id", KEY, nullable=True),
        sa.Column("session_id", KEY, nullable=True),
        sa.Column("booking_id", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("bucket IN ('experience', 'social', 'formal')", name=op.f("ck_learning_records_bucket")),
        sa.CheckConstraint("source IN ('attendance', 'e-learning', 'prior learning')", name=op.f("ck_learning_records_source")),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_learning_records_minutes")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_learning_records_course_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_learning_records_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learning_records")),
    )
    op.create_index(op.f("ix_learning_records_course_id"), "learning_records", ["course_id"], unique=False)
    op.create_index("ix_learning_records_person", "learning_records", ["person_id", "on_date"], unique=False)
    op.create_index(
        "uq_learning_records_booking",
        "learning_records",
        ["booking_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "certificates",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("completion_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("facts", JSON_TYPE, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_because", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["completion_id"], ["completions.id"], name=op.f("fk_certificates_completion_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_certificates_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("code", name=op.f("uq_certificates_code")),
        sa.UniqueConstraint("completion_id", name=op.f("uq_certificates_completion_id")),
    )
    op.create_index(op.f("ix_certificates_person_id"), "certificates", ["person_id"], unique=False)
    op.create_table(
        "prior_learning",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("completion_id", KEY, nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(state = 'accepted') = (completion_id IS NOT NULL)", name=op.f("ck_prior_learning_accepted")),
        sa.CheckConstraint("state IN ('asked', 'accepted', 'refused')", name=op.f("ck_prior_learning_state")),
        sa.ForeignKeyConstraint(["completion_id"], ["completions.id"], name=op.f("fk_prior_learning_completion_id")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_prior_learning_course_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_prior_learning_decided_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_prior_learning_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prior_learning")),
    )
    op.create_index(op.f("ix_prior_learning_person_id"), "prior_learning", ["person_id"], unique=False)
    op.create_index(
        "uq_prior_learning_asked",
        "prior_learning",
        ["person_id", "course_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )


def _people_tables() -> None:
    op.create_table(
        "absences",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_absences_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_absences_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_index(op.f("ix_absences_person_id"), "absences", ["person_id"], unique=False)
    op.create_table(
        "preferences",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.CheckConstraint("how IN ('email', 'digest', 'inbox')", name=op.f("ck_preferences_how")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_preferences_person_id")),
        sa.PrimaryKeyConstraint("person_id", "topic", name=op.f("pk_preferences")),
    )
    op.create_table(
        "feeds",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_feeds_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_feeds")),
    )
    op.create_index(
        "uq_feeds_person",
        "feeds",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    no_overlap("absences", "person_id", "valid_from", "valid_to", "superseded_at IS NULL", name="ex_absences")


def _pass_on() -> None:
    """Places that were given up before waited for a coordinator to give them; now the worker offers them to whoever waits."""
    now = "now()" if _postgresql() else "datetime('now') || '.000000'"
    waited_for = "FROM bookings b JOIN sessions s ON s.id = b.session_id WHERE b.status = 'waiting' AND s.status = 'published'"
    op.execute(sa.text(f"INSERT INTO pass_ons (session_id, asked_at) SELECT DISTINCT b.session_id, {now} {waited_for}"))


def _shipped() -> None:
    """What the service ships with; the council changes it on its pages."""
    reasons = sa.table("cancel_reasons", *(sa.column(name) for name in ("code", "title", "excuses", "position", "active")))
    op.bulk_insert(
        reasons,
        [dict(code=code, title=title, excuses=excuses, position=n, active=True) for n, (code, title, excuses) in enumerate(REASONS, 1)],
    )
    columns = ("priority", "title", "because", "kind", "stages", "days", "course_kinds", "active", "version")
    rules = sa.table("priority_rules", *(sa.column(name) for name in columns))
    op.bulk_insert(rules, [dict(zip(columns, rule, strict=True)) for rule in RULES])


REASONS = (
    ("child-protection", "Urgent child protection work", True),
    ("court", "Court", True),
    ("unwell", "Unwell, or caring for somebody who is", True),
    ("bereavement", "Bereavement", True),
    ("workload", "Workload", False),
    ("leave", "Leave or another commitment", False),
    ("travel", "Could not get there", False),
    ("not-needed", "No longer needed", False),
    ("other", "Something else", False),
)
RULES = (
    (1, "Statutory need", "what you completed before runs out soon, or has run out", "expiry", "", 90, "safeguarding", True, 1),
    (2, "Newly qualified", "you are in your assessed and supported year", "stage", "NQSW", None, "", True, 1),
)
NEW_TABLES = (
    "feeds",
    "preferences",
    "absences",
    "prior_learning",
    "certificates",
    "learning_records",
    "evaluation_answers",
    "evaluation_asks",
    "attendances",
    "check_ins",
    "notices",
    "session_messages",
    "pass_ons",
    "interests",
    "consequences",
    "journals",
    "priority_rules",
    "booking_policies",
)


def downgrade() -> None:
    """Reserved places, offers and links that only this version knows must be gone before, or the older constraints refuse."""
    for table in NEW_TABLES:
        op.drop_table(table)
    if _postgresql():
        op.execute(sa.text("DROP FUNCTION booking_policies_append_only()"))
    for table, column, target in KEYS:
        if _postgresql():
            op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
        else:
            reword(table, (f", \n\tCONSTRAINT fk_{table}_{column} FOREIGN KEY({column}) REFERENCES {target} (id)", ""))
    op.drop_index("ix_outbox_person", "outbox")
    for name in ("read_at", "digest_id", "how"):
        op.drop_column("outbox", name)
    _purposes("'invitation', 'reset', 'offer'", "'invitation', 'reset'")
    op.drop_column("links", "subject_id")
    op.drop_column("units", "cost_centre")
    op.drop_column("completions", "by_course_id")
    op.drop_column("places", "quota_id")
    for name in ("register_at", "runs_at", "has_quotas"):
        op.drop_column("sessions", name)
    _uncheck("courses", "approver", "approver IN ('manager', 'coordinator')")
    _uncheck("courses", "approval_days", "approval_days IS NULL OR approval_days > 0")
    for name in ("pass_while_waiting", "certificate", "completes", "approval_days", "approver"):
        op.drop_column("courses", name)
    _bookings_before()
    op.drop_table("quotas")
    op.drop_table("cancel_reasons")


def _uncheck(table: str, name: str, words: str) -> None:
    if _postgresql():
        op.drop_constraint(f"ck_{table}_{name}", table, type_="check")
    else:
        reword(table, (f", \n\tCONSTRAINT ck_{table}_{name} CHECK ({words})", ""))


def _bookings_before() -> None:
    for name in QUEUES:
        op.drop_index(f"ix_bookings_{name}", "bookings")
    _turn_index(live=False)
    for name, words in BOOKING_CHECKS.items():
        _uncheck("bookings", name, words)
    for column, (table, key) in BOOKING_KEYS.items():
        if _postgresql():
            op.drop_constraint(f"fk_bookings_{column}", "bookings", type_="foreignkey")
        else:
            reword("bookings", (f", \n\tCONSTRAINT fk_bookings_{column} FOREIGN KEY({column}) REFERENCES {table} ({key})", ""))
    if _postgresql():
        for name, words in {"seat": f"(place IS NOT NULL) = ({OLD_HOLDS})", "status": OLD_STATUS}.items():
            op.drop_constraint(f"ck_bookings_{name}", "bookings", type_="check")
            op.create_check_constraint(op.f(f"ck_bookings_{name}"), "bookings", words)
        op.alter_column("bookings", "person_id", nullable=False)
    else:
        reword(
            "bookings",
            (f"({HOLDS})", f"({OLD_HOLDS})"),
            (f"({STATUS})", f"({OLD_STATUS})"),
            ("person_id INTEGER", "person_id INTEGER NOT NULL"),
        )
    for name in ("passed_from", "name_by", "offer_ends_at", "approval_due_at", "reason_code", "priority_because"):
        op.drop_column("bookings", name)
