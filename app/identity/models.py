"""Accounts, sign-ins, failed attempts, single-use links, API clients and their tokens. Only hashes of secrets are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Key, Model


class Account(Base):
    """Lets a person sign in. Without a password hash they have been invited but have not set one."""

    __tablename__ = "accounts"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    password_hash: Mapped[str | None]  # argon2id
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    password_set_at: Mapped[datetime | None]


class SignIn(Base):
    """A signed-in browser. The cookie holds a random token; the row its SHA-256, so that a copy of the table signs nobody in."""

    __tablename__ = "sign_ins"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # whatever happens
    ended_at: Mapped[datetime | None]
    agent: Mapped[str]  # what the browser calls itself, shown to its owner
    email: Mapped[str | None]  # the address signed in with: once it is no longer the person's, the sign-in is over


class Attempt(Model):
    """A failed sign-in, counted by account and by address. `key` is a SHA-256, so the table names nobody."""

    __tablename__ = "attempts"
    key: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("ix_attempts_key", "key", "at"),)


class Link(Base):
    """A single-use link sent by e-mail, such as an invitation to set the first password."""

    __tablename__ = "links"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]  # invitation · reset · offer · contribution
    subject_id: Mapped[int | None] = mapped_column(Key)  # offer: the booking; contribution: which
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # NULL: somebody without an account
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    email: Mapped[str | None]  # the address it was sent to: it works only while that is the person's
    __table_args__ = (
        CheckConstraint("purpose IN ('invitation', 'reset', 'offer', 'contribution')", name="purpose"),
        CheckConstraint("(person_id IS NULL) = (purpose = 'contribution')", name="holder"),
    )


class ApiClient(Model):
    """A system that uses the REST API with its own id and secret (OAuth 2.0 client credentials)."""

    __tablename__ = "api_clients"
    client_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    secret_hash: Mapped[str]
    scopes: Mapped[str]  # separated by spaces
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # sees only this organisation's people
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ApiToken(Base):
    """An access token, kept as its SHA-256."""

    __tablename__ = "api_tokens"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("api_clients.id"), index=True)
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """What a client's request with this key was answered, so that a repeat gets the same answer and changes nothing."""

    __tablename__ = "idempotency_keys"
    client_id: Mapped[int] = mapped_column(ForeignKey("api_clients.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]  # SHA-256 of method, path and body
    status: Mapped[int]
    body: Mapped[str]
    headers: Mapped[str]  # JSON
    created_at: Mapped[datetime] = mapped_column(index=True)
