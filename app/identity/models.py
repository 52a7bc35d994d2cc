"""Accounts, sign-ins, failed attempts, single-use links, API clients and their tokens. Only hashes of secrets are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, false, text

from app.core.db import Base, Key, Model
from app.core.declared import Mapped, mapped_column

MAPS = text("ended_at IS NULL")
EVERYWHERE = text("ended_at IS NULL AND unit_id IS NULL")


class Account(Base):
    """Lets a person sign in. Without a password hash they have been invited but have not set one."""

    __tablename__ = "accounts"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    password_hash: Mapped[str | None]  # argon2id
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    password_set_at: Mapped[datetime | None]
    suspended_by: Mapped[str | None]  # administrator · directory · both: each lifts only its own suspension
    break_glass: Mapped[bool] = mapped_column(default=False, server_default=false())  # its password works where passwords are switched off
    __table_args__ = (CheckConstraint("suspended_by IN ('administrator', 'directory', 'both')", name="suspended_by"),)


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
    via: Mapped[str] = mapped_column(default="password", server_default="password")  # password · provider
    provider_session: Mapped[str | None] = mapped_column(index=True)  # the provider's `sid`, by which it signs people out here too
    id_token: Mapped[str | None]  # of the provider, which asks for it at signing out; goes when the sign-in ends


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
    secret_made_at: Mapped[datetime | None]  # NULL: with the client
    old_secret_hash: Mapped[str | None]  # the secret before, good until `old_secret_until`
    old_secret_until: Mapped[datetime | None]
    per_minute: Mapped[int | None]  # requests a minute; NULL: the service's setting
    contact: Mapped[str | None]  # who looks after the system at the other end
    last_used_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("(old_secret_hash IS NULL) = (old_secret_until IS NULL)", name="old_secret"),
        CheckConstraint("per_minute > 0", name="per_minute"),
    )


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


class ApiCall(Model):
    """One request of a client, in its log. No address or value is kept: only which route, how it went, and how long it took."""

    __tablename__ = "api_calls"
    client_id: Mapped[int] = mapped_column(ForeignKey("api_clients.id"))
    at: Mapped[datetime]
    method: Mapped[str]
    route: Mapped[str]  # "/api/v1/people/{person_id}"
    status: Mapped[int]
    code: Mapped[str | None]  # of the problem
    milliseconds: Mapped[int]
    request_id: Mapped[str | None]
    __table_args__ = (Index("ix_api_calls_client", "client_id", "at"), Index("ix_api_calls_at", "at"))


class RateWindow(Base):
    """How many requests of a client's minute have been handed out to server processes."""

    __tablename__ = "rate_windows"
    client_id: Mapped[int] = mapped_column(ForeignKey("api_clients.id"), primary_key=True)
    minute: Mapped[int] = mapped_column(primary_key=True)  # since 1970
    used: Mapped[int]
    __table_args__ = (CheckConstraint("used >= 0", name="used"),)


class ExternalIdentity(Model):
    """Who somebody is at the council's identity provider: by its object id, never by e-mail."""

    __tablename__ = "external_identities"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    issuer: Mapped[str]
    tenant: Mapped[str]  # "" where the provider has none
    subject: Mapped[str]  # Entra's `oid`, else `sub`
    how: Mapped[str]  # directory: SCIM said so · link: the person proved both · administrator
    linked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    linked_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_external_identities_subject", "issuer", "tenant", "subject", unique=True),
        Index("uq_external_identities_person", "person_id", "issuer", unique=True),
        CheckConstraint("how IN ('directory', 'link', 'administrator')", name="how"),
    )


class ProviderAttempt(Base):
    """A sign-in that has been sent to the identity provider and is to come back once. The browser's cookie holds the other half."""

    __tablename__ = "provider_attempts"
    state_hash: Mapped[str] = mapped_column(primary_key=True)  # SHA-256
    cookie_hash: Mapped[str]  # SHA-256 of what the same browser must send
    nonce: Mapped[str]
    verifier: Mapped[str]  # PKCE
    onward: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who wants their identity linked; NULL: a sign-in
    link_hash: Mapped[str | None]  # of the invitation that they follow; NULL: they are signed in
    created_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class RoleMapping(Model):
    """A value of the provider's roles claim that gives a role here, for a node of the organisation tree (NULL: everywhere)."""

    __tablename__ = "role_mappings"
    claim: Mapped[str]
    role: Mapped[str]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_role_mappings", "claim", "role", "unit_id", unique=True, sqlite_where=MAPS, postgresql_where=MAPS),
        Index("uq_role_mappings_everywhere", "claim", "role", unique=True, sqlite_where=EVERYWHERE, postgresql_where=EVERYWHERE),
    )
