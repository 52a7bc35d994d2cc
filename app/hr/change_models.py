"""What other systems are told: numbered changes, webhooks with their deliveries, and which training records HR has confirmed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Key, Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json


class Change(Base):
    """One change that other systems are told of. Numbers are given after the commit, by one writer at a time, in the order of telling.

    What a row looks like now is read when it is told; here stands only that it changed. Whoever has read up to a number has missed nothing.
    """

    __tablename__ = "changes"
    number: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.id"))  # with `resource` and `resource_id`: what it follows from
    at: Mapped[datetime]
    event: Mapped[str]  # "booking.changed"
    resource: Mapped[str]  # "bookings": as in the address of the REST interface
    resource_id: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # whom it concerns; webhooks are in order for each person
    __table_args__ = (
        Index("uq_changes_audit", "audit_id", "resource", "resource_id", unique=True),
        Index("ix_changes_resource", "resource", "resource_id", "number"),
        CheckConstraint("number > 0", name="number"),
    )


class FeedMark(Base):
    """Up to where a reader of the ledger has come: an audit row's id on SQLite, a transaction's on PostgreSQL; or a change's number."""

    __tablename__ = "feed_marks"
    name: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[int]
    moved_at: Mapped[datetime]


class Subscription(Model):
    """Where a client wants changes sent, and which. Signed to the Standard Webhooks specification."""

    __tablename__ = "subscriptions"
    client_id: Mapped[int] = mapped_column(ForeignKey("api_clients.id"), index=True)  # its scopes and organisation say what is told
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(Json)  # empty: all that the client may read
    state: Mapped[str] = mapped_column(default="on")
    why: Mapped[str | None]  # it is paused or off
    secret: Mapped[str]  # "whsec_…": signing needs the secret itself, not a hash of it
    old_secret: Mapped[str | None]  # signs too until `old_secret_until`
    old_secret_until: Mapped[datetime | None]
    since: Mapped[int]  # the change's number from which it is told, exclusive
    reached: Mapped[int]  # the change's number up to which deliveries have been made out
    quiet_until: Mapped[datetime | None]  # nothing is sent before: the receiver asked for a pause, or did not answer
    failing_since: Mapped[datetime | None]  # since when nothing was taken; NULL: the last attempt was
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the client itself
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]  # by its client, which sees it no more
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("state IN ('on', 'paused', 'off')", name="state"),  # off: 410, or by hand; for good
        CheckConstraint("deleted_at IS NULL OR state = 'off'", name="deleted"),
        CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old_secret"),
        CheckConstraint("reached >= since", name="reached"),
    )


DUE = text("state = 'due'")


class Delivery(Model):
    """One message for one subscription. Its `message_id` stays the same however often it is sent."""

    __tablename__ = "webhook_deliveries"
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscriptions.id"))
    number: Mapped[int | None] = mapped_column(ForeignKey("changes.number"))  # NULL: a test
    message_id: Mapped[str]
    event: Mapped[str]
    lane: Mapped[str]  # "people/12": those for one person wait for one another; of what is nobody's, those for one record
    state: Mapped[str] = mapped_column(default="due")
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    last_status: Mapped[int | None]  # HTTP
    last_error: Mapped[str | None]
    __table_args__ = (
        Index("uq_webhook_deliveries_message", "subscription_id", "message_id", unique=True),
        Index("ix_webhook_deliveries_due", "subscription_id", "due_at", "id", sqlite_where=DUE, postgresql_where=DUE),
        Index("ix_webhook_deliveries_lane", "subscription_id", "lane", "id", sqlite_where=DUE, postgresql_where=DUE),
        Index("ix_webhook_deliveries_ended", "ended_at"),
        Index("ix_webhook_deliveries_subscription", "subscription_id", "id"),
        Index("ix_webhook_deliveries_state", "subscription_id", "state", "ended_at"),
        CheckConstraint("state IN ('due', 'sent', 'parked', 'dropped')", name="state"),
        CheckConstraint("(state = 'due') = (ended_at IS NULL)", name="ended"),
    )


class DeliveryTry(Model):
    """One attempt at a delivery: when, how long it took, and what was answered (the first few hundred characters)."""

    __tablename__ = "webhook_tries"
    delivery_id: Mapped[int] = mapped_column(ForeignKey("webhook_deliveries.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    milliseconds: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None]
    answer: Mapped[str | None]


class TrainingConfirmation(Model):
    """What HR said of a training record: that it is in their system as it was told, or why it is not. The newest counts."""

    __tablename__ = "training_confirmations"
    kind: Mapped[str]  # completion · programme · progression
    record_id: Mapped[int]  # completions.id, enrolments.id or progressions.id
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    fingerprint: Mapped[str]  # the mark of what was told: a record that has another by now has changed since
    state: Mapped[str]
    reason: Mapped[str | None]
    reference: Mapped[str | None]  # HR's own
    client_id: Mapped[int | None] = mapped_column(ForeignKey("api_clients.id"))
    by_person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # by file, on the page
    at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("kind IN ('completion', 'programme', 'progression')", name="kind"),
        CheckConstraint("state IN ('confirmed', 'refused')", name="state"),
        CheckConstraint("(state = 'refused') = (reason IS NOT NULL)", name="reason"),
        Index(
            "uq_training_confirmations",
            "kind",
            "record_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_training_confirmations_person", "person_id"),
    )
