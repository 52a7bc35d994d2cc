"""Signing in and out, first passwords and resets, throttling."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from passlib.context import CryptContext
from sqlalchemy import Row, Select, bindparam, case, delete, insert, or_, select, true, update

from app import policy
from app.core.config import Settings
from app.core.errors import Conflict, Invalid, Refusal, TooMany
from app.core.tx import Actor, Tx
from app.identity import break_glass
from app.identity.access import digest
from app.identity.attempts import key, recent
from app.identity.models import Account, ApiCall, ApiToken, Attempt, IdempotencyKey, Link, ProviderAttempt, RateWindow, SignIn
from app.people.models import Person
from app.policy import Can, operation

# argon2id at OWASP's minimum: 19 MiB, two passes, one lane.
PASSWORDS = CryptContext(schemes=["argon2"], argon2__time_cost=2, argon2__memory_cost=19456, argon2__parallelism=1)
MIN_PASSWORD, MAX_PASSWORD = 12, 200
PER_ACCOUNT, PER_ADDRESS = 5, 50  # failures in the window before further tries are refused
CALLS_KEPT = timedelta(days=30)  # the log of what API clients asked
RESETS_PER_ACCOUNT, RESETS_PER_ADDRESS = 3, 30  # reset links asked for in the window
LINK_LIFE = {"invitation": timedelta(days=14), "reset": timedelta(hours=2)}
# What a password must not be, once its digits and signs are taken away (and nothing at all is left of "1234-5678-9012").
COMMON = frozenset(
    "password passwordpassword passw passwrd welcome welcomewelcome letmein letmeinletmein qwerty qwertyuiop qwertyuiopas qwertyqwerty "
    "iloveyou administrator changeme secret trustno monday summer winter autumn spring football liverpool arsenal "
    "socialwork socialworker academy council childrensservices safeguarding".split()
) | {""}


def throttle(tx: Tx, email: str, address: str) -> None:
    """TooMany after repeated failures for one account or from one address, whether or not the account exists."""
    for kind, value, limit in (("account", email, PER_ACCOUNT), ("address", address, PER_ADDRESS)):
        if recent(tx, kind, value) >= limit:
            raise TooMany(
                "There have been too many wrong attempts. Wait 15 minutes and try again, or reset your password.", code="sign-in-throttled"
            )


def _account(email: str, today: date, passwords: bool = True) -> Select[int, str | None]:
    """The account behind an e-mail address, if its owner may sign in: not suspended, and not gone.

    Where passwords are switched off (`passwords`: the setting) it must be a break-glass account.
    """
    return (
        select(Account.person_id, Account.password_hash)
        .join(Person, Person.id == Account.person_id)
        .where(
            Person.email == email.strip().lower(),
            Account.suspended_at.is_(None),
            or_(Person.leaving_on.is_(None), Person.leaving_on >= today),
            true() if passwords else Account.break_glass.is_(True),
        )
    )


def check_password(tx: Tx, email: str, password: str, *, passwords: bool = True) -> int | None:
    """The id of the person with this e-mail and password, or None; takes as long for an unknown account as for a wrong password."""
    row = tx.one(_account(email, tx.today, passwords))
    if row is None or row.password_hash is None or len(password) > MAX_PASSWORD:
        PASSWORDS.dummy_verify()
        return None
    return int(row.person_id) if PASSWORDS.verify(password, row.password_hash) else None


def account_of(tx: Tx, email: str) -> int | None:
    """The id of the person with this e-mail who may sign in: for demonstration mode, where a persona is enough."""
    row = tx.one(_account(email, tx.today))
    return None if row is None else int(row.person_id)


def email_of(tx: Tx, person_id: int | None) -> str:
    """The address a person signs in with."""
    return str(tx.scalar(select(Person.email).where(Person.id == person_id)) or "")


def failed(tx: Tx, email: str, address: str) -> None:
    """Count a failed sign-in, and note it for the person whose account it was, if there is one."""
    tx.insert_many(Attempt, [dict(key=key("account", email), at=tx.now), dict(key=key("address", address), at=tx.now)])
    person_id = tx.scalar(select(Person.id).where(Person.email == email.strip().lower()))
    tx.record("sign-in.failed", "accounts", person_id, person_id=person_id)


class PasswordsOff(Conflict):
    """Passwords are switched off, and this account is not one of those kept for an emergency."""

    def __init__(self) -> None:
        super().__init__(
            "Passwords are not used here.", code="passwords-off", way_out="Sign in with your council account, from the sign-in page."
        )


def password_used(tx: Tx, person_id: int, settings: Settings) -> bool:
    """Would a password of this person's sign them in?"""
    asked = select(Account.person_id).where(Account.person_id == person_id, Account.break_glass.is_(True))
    return settings.local_passwords or tx.scalar(asked) is not None


def require_password_use(tx: Tx, person_id: int, settings: Settings) -> None:
    """PasswordsOff unless it would."""
    if not password_used(tx, person_id, settings):
        raise PasswordsOff


def sign_in(tx: Tx, person_id: int, agent: str, settings: Settings, provider: Mapping[str, str | None] | None = None) -> str:
    """Start a sign-in and return its token, which only the browser keeps. `provider`: what the identity provider calls it, if it did it."""
    token, email = secrets.token_urlsafe(32), email_of(tx, person_id)
    tx.actor = Actor("person", person_id)
    tx.db.execute(
        insert(SignIn),
        dict(
            token_hash=digest(token),
            person_id=person_id,
            created_at=tx.now,
            last_seen_at=tx.now,
            expires_at=tx.now + timedelta(hours=settings.session_hours),
            agent=agent[:200],
            email=email,
            via="password" if provider is None else "provider",
            **(provider or {}),
        ),
    )
    via = "provider" if provider is not None else "password"
    if provider is None:
        tx.db.execute(delete(Attempt).where(Attempt.key == key("account", email)))
    tx.record("sign-in.made", "people", person_id, person_id=person_id, via=via)
    if provider is None:
        break_glass.note_use(tx, person_id)
    return token


def sign_out(tx: Tx, token: str) -> str | None:
    """End this browser's sign-in; returns the identity provider's token for it, by which it can end there too."""
    this = SignIn.token_hash == digest(token), SignIn.ended_at.is_(None)
    id_token = tx.scalar(select(SignIn.id_token).where(*this))
    tx.db.execute(update(SignIn).where(*this).values(ended_at=tx.now, id_token=None))
    if tx.actor.person_id:
        tx.record("sign-in.ended", "people", tx.actor.person_id, person_id=tx.actor.person_id)
    return None if id_token is None else str(id_token)


def sign_out_everywhere(tx: Tx, person_id: int, *, but: str = "") -> None:
    """End every sign-in of a person: their own wish, a new password, or a suspension. `but` is a token whose sign-in goes on."""
    ended = update(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None), SignIn.token_hash != digest(but))
    tx.db.execute(ended.values(ended_at=tx.now, id_token=None))
    tx.record("sign-in.ended-everywhere", "people", person_id, person_id=person_id)


# Invitations and resets --------------------------------------------------------------------------------------------


@operation(Can.MANAGE_ACCESS)
def invite(tx: Tx, person_id: int) -> None:
    """Let a person sign in: an account without a password, and an e-mail with a link to set one."""
    person = policy.person(tx, Can.MANAGE_ACCESS, person_id)
    if not person.email:
        raise Conflict("This person has no work e-mail, so no invitation can reach them.", code="no-email")
    account = tx.one(select(Account.password_hash).where(Account.person_id == person_id))
    if account is not None and account.password_hash:
        raise Conflict("This person already has a password. They can reset it from the sign-in page.", code="already-has-account")
    if account is None:
        tx.db.execute(insert(Account), dict(person_id=person_id, created_at=tx.now))
    tx.record("account.invited", "people", person_id, person_id=person_id, tell=["email.invitation"])


def ask_for_reset(tx: Tx, email: str, address: str, *, passwords: bool = True) -> None:
    """Send a reset link if there is such an account; do and say the same either way, so that nobody learns who has one."""
    if recent(tx, "reset-address", address) >= RESETS_PER_ADDRESS:
        raise TooMany("Too many people have asked for a link from here. Wait 15 minutes and try again.", code="reset-throttled")
    asked = recent(tx, "reset", email)
    tx.insert_many(Attempt, [dict(key=key("reset", email), at=tx.now), dict(key=key("reset-address", address), at=tx.now)])
    person_id = tx.scalar(_account(email, tx.today, passwords).with_only_columns(Account.person_id))
    if person_id is not None and asked < RESETS_PER_ACCOUNT:
        tx.record("account.reset-asked", "people", person_id, person_id=person_id, tell=["email.password_reset"])


@dataclass(frozen=True, slots=True)
class LinkWanted:
    """A single-use link to be made: for whom, what for, to which address, until when, and about which row (an offer's booking)."""

    person_id: int | None
    purpose: str
    email: str
    expires_at: datetime
    subject_id: int | None = None


def mint_links(tx: Tx, wanted: Sequence[LinkWanted]) -> list[str]:
    """A fresh token for each, in order, in one statement. Only their hashes are kept; called when messages are about to be sent."""
    tokens = [secrets.token_urlsafe(32) for _ in wanted]
    tx.insert_many(Link, [asdict(one) | {"token_hash": digest(new), "created_at": tx.now} for one, new in zip(wanted, tokens, strict=True)])
    return tokens


def mint_link(
    tx: Tx,
    person_id: int | None,
    purpose: str,
    email: str | None = None,
    *,
    subject_id: int | None = None,
    expires_at: datetime | None = None,
) -> str:
    """A fresh single-use token for an e-mail to this address (the person's present one if not said), which works only while it is theirs.

    Called when the message is rendered, so that no secret waits in the outbox.
    """
    until = expires_at or tx.now + LINK_LIFE[purpose]
    return mint_links(tx, [LinkWanted(person_id, purpose, email or email_of(tx, person_id), until, subject_id)])[0]


def end_links(tx: Tx, person_id: int) -> None:
    """No link to set a password that a person was sent works any longer. (Links to offers open no account.)"""
    ended = update(Link).where(Link.person_id == person_id, Link.used_at.is_(None), Link.purpose.in_(tuple(LINK_LIFE)))
    tx.db.execute(ended.values(used_at=tx.now))


class LinkOver(Refusal):
    """The link was used, has run out, or never was one: from outside they look the same."""

    status, code, title = 410, "link-expired", "This link no longer works"


def link(tx: Tx, token: str) -> tuple[int, str]:
    """(person, purpose) of a link to set a password that can still be used, or LinkOver in words."""
    return link_of(tx, digest(token))


def link_of(tx: Tx, token_hash: str) -> tuple[int, str]:
    """The same for a link of which only the hash is known."""
    row = tx.one(
        select(Link.person_id, Link.purpose)
        .join(Account, Account.person_id == Link.person_id)
        .join(Person, Person.id == Link.person_id)
        .where(
            Link.token_hash == token_hash,
            Link.purpose.in_(tuple(LINK_LIFE)),  # an offer's link sets no password
            Link.used_at.is_(None),
            Link.expires_at > tx.now,
            Link.email == Person.email,
            Account.suspended_at.is_(None),
            or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
        )
    )
    if row is None:
        raise LinkOver(
            "It has been used already, or its time has run out.",
            way_out="Ask for a new one: choose “I have forgotten my password” on the sign-in page.",
        )
    return row.person_id, row.purpose


_OFFER_LINK = (
    select(Link.person_id, Link.subject_id, Link.used_at, Link.expires_at, Person.name, Person.organisation_id)
    .join(Person, Person.id == Link.person_id)
    .outerjoin(Account, Account.person_id == Link.person_id)
    .where(Link.token_hash == bindparam("hash"), Link.purpose == "offer", Link.email == Person.email, Account.suspended_at.is_(None))
    .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= bindparam("today")))
)


def offer_link(tx: Tx, token: str) -> Row[Any]:
    """Whose offer a link is and of which booking (`subject_id`), used and run out ones too, so that their page can say what became of it.

    Needs no account: somebody invited may accept before they ever sign in. LinkOver where there is none, or it is not theirs any more.
    """
    row = tx.one(_OFFER_LINK, hash=digest(token), today=tx.today)
    if row is None:
        raise LinkOver(
            "This link is not complete, or it was meant for an address that is not in use any more.",
            way_out="Sign in and open My bookings: places that are offered to you are there.",
        )
    return row


def use_link(tx: Tx, token: str) -> None:
    """The link has done what it was for."""
    tx.db.execute(update(Link).where(Link.token_hash == digest(token), Link.used_at.is_(None)).values(used_at=tx.now))


def check_new_password(password: str, again: str, name: str, email: str | None) -> None:
    """Length matters, composition rules do not; the obvious is refused."""
    problem = ""
    lowered = password.lower()
    if len(password) < MIN_PASSWORD:
        problem = f"Password must be {MIN_PASSWORD} characters or more. Three random words work well."
    elif len(password) > MAX_PASSWORD:
        problem = f"Password must be {MAX_PASSWORD} characters or fewer"
    elif "".join(filter(str.isalpha, lowered)) in COMMON or len(set(lowered)) < 5:
        problem = "Choose a password that is harder to guess"
    elif (email and email.partition("@")[0] in lowered) or name.lower().replace(" ", "") in lowered:
        problem = "Password must not contain your name"
    if problem:
        raise Invalid("Choose another password.", errors=[{"field": "password", "message": problem}])
    if password != again:
        raise Invalid("The two passwords differ.", errors=[{"field": "again", "message": "Both passwords must be the same"}])


def new_password(tx: Tx, token: str, password: str, again: str, settings: Settings) -> str:
    """The hash of a password that may be set with this link. Slow on purpose: call it before the writer's turn."""
    person_id, _purpose = link(tx, token)
    require_password_use(tx, person_id, settings)
    person = tx.get(Person, person_id)
    check_new_password(password, again, person.name, person.email)
    return str(PASSWORDS.hash(password))


def set_password(tx: Tx, token: str, password_hash: str, settings: Settings) -> int:
    """Use a link to set a password; every sign-in and every other link of the person ends. Returns the person."""
    person_id, purpose = link(tx, token)
    require_password_use(tx, person_id, settings)
    used = tx.db.execute(update(Link).where(Link.token_hash == digest(token), Link.used_at.is_(None)).values(used_at=tx.now))
    if used.rowcount != 1:
        raise LinkOver("It has been used already.", way_out="If you set the password yourself, sign in with it.")
    tx.actor = Actor("link", person_id)
    end_links(tx, person_id)
    tx.db.execute(update(Account).where(Account.person_id == person_id).values(password_hash=password_hash, password_set_at=tx.now))
    tx.db.execute(delete(Attempt).where(Attempt.key == key("account", email_of(tx, person_id))))
    sign_out_everywhere(tx, person_id)
    tx.record("account.password-set", "people", person_id, person_id=person_id, purpose=purpose)
    return person_id


def own_new_password(tx: Tx, current: str, password: str, again: str) -> str | None:
    """The hash of a new password for the reader, or None if the present one is wrong. Slow: call it before the writer's turn."""
    person = tx.get(Person, tx.actor.person_id or 0)
    check_new_password(password, again, person.name, person.email)
    right = check_password(tx, person.email or "", current) == person.id
    return str(PASSWORDS.hash(password)) if right else None


def change_own_password(tx: Tx, password_hash: str, token: str, settings: Settings) -> None:
    """The reader's new password; every sign-in but the one with `token` ends, and so do links that could set another."""
    person_id = tx.actor.person_id
    assert person_id is not None
    require_password_use(tx, person_id, settings)
    tx.db.execute(update(Account).where(Account.person_id == person_id).values(password_hash=password_hash, password_set_at=tx.now))
    end_links(tx, person_id)
    sign_out_everywhere(tx, person_id, but=token)
    tx.record("account.password-set", "people", person_id, person_id=person_id, purpose="change")


# Accounts of others ------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_ACCESS)
def suspend(tx: Tx, person_id: int) -> None:
    """Nobody can sign in with this account until it is restored; whoever is signed in is signed out, and links already sent end."""
    policy.person(tx, Can.MANAGE_ACCESS, person_id, lock=True)
    _may_stop(tx, person_id)
    if person_id == tx.actor.person_id:
        raise Conflict("You cannot suspend your own account.", code="own-account", way_out="Ask another administrator.")
    mine = (Account.person_id == person_id, or_(Account.suspended_at.is_(None), Account.suspended_by == "directory"))
    by = case((Account.suspended_at.is_(None), "administrator"), else_="both")  # then the directory's stays when this one is lifted
    if tx.db.execute(update(Account).where(*mine).values(suspended_at=tx.now, suspended_by=by)).rowcount != 1:
        raise Conflict("There is no account, or it is suspended already.", code="not-active")
    end_links(tx, person_id)
    sign_out_everywhere(tx, person_id)
    tx.record("account.suspended", "people", person_id, person_id=person_id)


def _may_stop(tx: Tx, person_id: int) -> None:
    """An administrator of one part does not decide over the account of somebody who has a role beyond it."""
    if policy.outranks(tx, person_id):
        raise Conflict(
            "This person holds a role for more than the part of the organisation that you look after.",
            code="role-beyond-reach",
            way_out="Ask an administrator of the whole organisation.",
        )


@operation(Can.MANAGE_ACCESS)
def restore(tx: Tx, person_id: int) -> None:
    """A suspended account works again, with the password it had; if the directory has suspended it too, not before that ends.

    What the directory alone has suspended only the directory restores.
    """
    policy.person(tx, Can.MANAGE_ACCESS, person_id, lock=True)
    _may_stop(tx, person_id)
    theirs = (Account.person_id == person_id, Account.suspended_at.is_not(None))
    by = tx.scalar(select(Account.suspended_by).where(*theirs))
    if by == "directory":
        raise Conflict(
            "The directory has suspended this account.",
            code="suspended-by-directory",
            way_out="It works again once the person is enabled in the directory.",
        )
    after: dict[str, Any] = {"suspended_by": "directory"} if by == "both" else {"suspended_at": None, "suspended_by": None}
    if tx.db.execute(update(Account).where(*theirs).values(**after)).rowcount != 1:
        raise Conflict("This account is not suspended.", code="not-suspended")
    tx.record("account.restored", "people", person_id, person_id=person_id)


# What has served its time -------------------------------------------------------------------------------------------


def tidy(tx: Tx, now: datetime) -> None:
    """A nightly job: forget what has served its time (attempts, ended sign-ins, used links, old tokens and keys, the log of calls)."""
    tx.db.execute(delete(Attempt).where(Attempt.at < now - timedelta(days=1)))
    tx.db.execute(delete(ApiToken).where(ApiToken.expires_at < now))
    tx.db.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - timedelta(days=7)))
    tx.db.execute(delete(ApiCall).where(ApiCall.at < now - CALLS_KEPT))
    tx.db.execute(delete(RateWindow).where(RateWindow.minute < int(now.timestamp() // 60) - 60))
    tx.db.execute(delete(SignIn).where(SignIn.expires_at < now - timedelta(days=30)))
    tx.db.execute(delete(ProviderAttempt).where(ProviderAttempt.created_at < now - timedelta(days=1)))
    over = or_(SignIn.ended_at.is_not(None), SignIn.expires_at < now)
    tx.db.execute(update(SignIn).where(SignIn.id_token.is_not(None), over).values(id_token=None))
    tx.db.execute(delete(Link).where(Link.expires_at < now - timedelta(days=30)))
