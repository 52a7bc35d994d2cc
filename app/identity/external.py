"""Who somebody is at the council's identity provider. Known by issuer, tenant and object id; an e-mail address links nobody.

There are three ways to become linked: the directory says so (SCIM, if the settings let it), the person proves both (signed in here or
holding their invitation, and signed on there), or an administrator enters the object id.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, or_, select, update

from app import policy
from app.core.config import Settings, settings
from app.core.db import ONE
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx, meaning
from app.identity.models import Account, ExternalIdentity, SignIn
from app.people.models import Person, RoleHeld, Unit
from app.policy import Can, operation

TAKEN = "That identity is already linked to somebody else here."
meaning(
    "uq_external_identities_subject",
    "external_identities.issuer, external_identities.tenant, external_identities.subject",
    message=TAKEN,
    code="identity-taken",
)
meaning(
    "uq_external_identities_person",
    "external_identities.person_id, external_identities.issuer",
    message="This person has just been linked to another identity.",
    code="identity-linked",
)

_SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")  # OpenID Connect Core §2: at most 255 ASCII characters


def subject(config: Settings, given: str) -> str:
    """An object id (or `sub`) as it is kept, or Invalid. Object ids are GUIDs, and compare in small letters."""
    given = given.strip()
    if config.oidc_subject_claim == "sub":
        if _SUBJECT.fullmatch(given):
            return given
        words = "Enter the subject (sub) exactly as the identity provider shows it"
    else:
        try:
            if len(given) == 36:
                return str(UUID(given))
        except ValueError:
            pass
        words = "Enter the object id, like 3f2b8c1e-5a70-4f0d-9c52-1f6a2d7e4b90"
    raise Invalid("That is not an object id.", code="not-a-subject", errors=[{"field": "subject", "message": words}])


def of(tx: Tx, config: Settings, person_id: int) -> Row[Any] | None:
    """Somebody's identity at the provider that the settings name."""
    return tx.one(
        select(ExternalIdentity.__table__).where(
            ExternalIdentity.person_id == person_id,
            ExternalIdentity.issuer == config.oidc_issuer,
            ExternalIdentity.tenant == config.oidc_tenant,
        )
    )


def link(tx: Tx, config: Settings, person_id: int, subject: str, how: str) -> None:
    """From now on whoever the provider calls `subject` is this person. An account is made where there is none; Conflict if it is taken."""
    issuer, tenant = config.oidc_issuer, config.oidc_tenant
    holder = tx.scalar(
        select(ExternalIdentity.person_id).where(
            ExternalIdentity.issuer == issuer, ExternalIdentity.tenant == tenant, ExternalIdentity.subject == subject
        )
    )
    if holder is not None and holder != person_id:
        raise Conflict(TAKEN, code="identity-taken", way_out="An administrator can unlink it there first.")
    if holder == person_id:
        return
    unlink(tx, config, person_id)
    if tx.scalar(select(ONE).select_from(Account).where(Account.person_id == person_id)) is None:
        tx.db.execute(insert(Account), dict(person_id=person_id, created_at=tx.now))
    by = tx.actor.person_id
    values = dict(person_id=person_id, issuer=issuer, tenant=tenant, subject=subject, how=how, linked_by=by, linked_at=tx.now)
    tx.insert(ExternalIdentity, **values)
    tx.record("identity.linked", "people", person_id, person_id=person_id, how=how)


def unlink(tx: Tx, config: Settings, person_id: int) -> bool:
    """The person's identity at this provider no longer signs them in, and what it signed in is over. Was there one?"""
    found = delete(ExternalIdentity).where(ExternalIdentity.person_id == person_id, ExternalIdentity.issuer == config.oidc_issuer)
    if tx.db.execute(found).rowcount == 0:
        return False
    end_sign_ins(tx, person_id)
    tx.record("identity.unlinked", "people", person_id, person_id=person_id)
    return True


def end_sign_ins(tx: Tx, person_id: int) -> None:
    """Every sign-in of theirs that came from the provider ends."""
    theirs = SignIn.person_id == person_id, SignIn.via == "provider", SignIn.ended_at.is_(None)
    tx.db.execute(update(SignIn).where(*theirs).values(ended_at=tx.now, id_token=None))


# The directory -----------------------------------------------------------------------------------------------------


def directory_says(tx: Tx, person_id: int, external_id: str | None, config: Settings | None = None) -> None:
    """SCIM has set or taken away a user's externalId: where the settings say that it is the provider's object id, link or unlink.

    Call it before `directory.set_active`, because linking makes the account that is suspended there. It does nothing while the settings do
    not say so, nor for a client that keeps a partner's people: the provider is the host's, and its ids are not theirs to give. A directory
    does not link whoever holds a role given by hand, nor moves them to another identity: its token would be worth an administrator's
    password. That is recorded; they link their own, or an administrator does.
    Raises Invalid for what is no object id, and Conflict for one that is somebody else's: nothing of the request may then stay.
    """
    config = config or settings()
    if not config.sso or not config.oidc_scim_external_id_is_subject or not _host_directory(tx):
        return
    present = of(tx, config, person_id)
    if external_id is None or not external_id.strip():
        if present is not None and present.how == "directory":
            unlink(tx, config, person_id)
        return
    try:
        wanted = subject(config, external_id)
    except Invalid:
        raise Invalid(
            "externalId must be the object id: this service is set to sign people in by it (ACADEMY_OIDC_SCIM_EXTERNAL_ID_IS_SUBJECT).",
            code="external-id-not-subject",
            errors=[{"field": "externalId", "message": "Map it to objectId"}],
        ) from None
    if present is not None and present.subject == wanted:
        return
    if _has_role(tx, person_id):
        tx.record("identity.not-linked", "people", person_id, person_id=person_id, why="role")
        return
    link(tx, config, person_id, wanted, "directory")


def _has_role(tx: Tx, person_id: int) -> bool:
    """Does somebody hold a role that was given by hand, today or from a day to come?"""
    given = RoleHeld.person_id == person_id, RoleHeld.mapped.is_(False), RoleHeld.superseded_at.is_(None), RoleHeld.valid_to > tx.today
    return tx.scalar(select(ONE).select_from(RoleHeld).where(*given).limit(1)) is not None


def _host_directory(tx: Tx) -> bool:
    """Does the actor keep the host organisation's people, or everybody's?"""
    only = tx.actor.organisation_id if tx.actor.kind == "client" else None
    return only is None or tx.scalar(select(ONE).select_from(Unit).where(Unit.id == only, Unit.host.is_(True))) is not None


# Administrators ----------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_ACCESS)
def link_by_hand(tx: Tx, config: Settings, person_id: int, given: str) -> None:
    """An administrator says which object id is this person's."""
    _may_decide(tx, person_id)
    wanted = subject(config, given)
    if of(tx, config, person_id) is not None:
        raise Conflict("This person is linked already.", code="identity-linked", way_out="Unlink the identity they have first.")
    link(tx, config, person_id, wanted, "administrator")


@operation(Can.MANAGE_ACCESS)
def unlink_by_hand(tx: Tx, config: Settings, person_id: int) -> None:
    """An administrator takes the identity away; whom it signed in is signed out."""
    _may_decide(tx, person_id)
    if not unlink(tx, config, person_id):
        raise NotFound("This person is not linked to an identity.", code="identity-not-linked")


def _may_decide(tx: Tx, person_id: int) -> None:
    """Whoever links an identity decides who signs in as somebody: never as oneself, nor as somebody with a role beyond one's own reach."""
    policy.person(tx, Can.MANAGE_ACCESS, person_id, lock=True)
    if person_id == tx.actor.person_id:
        raise Conflict("You cannot do this for your own account.", code="own-account", way_out="Ask another administrator.")
    if policy.outranks(tx, person_id):
        raise Conflict(
            "This person holds a role for more than the part of the organisation that you look after.",
            code="role-beyond-reach",
            way_out="Ask an administrator of the whole organisation.",
        )


# Signing in --------------------------------------------------------------------------------------------------------

_WHO = (
    select(
        Person.id,
        Account.suspended_at,
        Account.person_id.label("account"),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= bindparam("today")).label("here"),
    )
    .select_from(ExternalIdentity)
    .join(Person, Person.id == ExternalIdentity.person_id)
    .outerjoin(Account, Account.person_id == Person.id)
    .where(
        ExternalIdentity.issuer == bindparam("issuer"),
        ExternalIdentity.tenant == bindparam("tenant"),
        ExternalIdentity.subject == bindparam("subject"),
    )
)


def who(tx: Tx, config: Settings, subject: str) -> Row[Any] | None:
    """The person whom the provider calls `subject`, and whether they may sign in today."""
    return tx.one(_WHO, issuer=config.oidc_issuer, tenant=config.oidc_tenant, subject=subject, today=tx.today)
