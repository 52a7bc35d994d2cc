"""Pages of administrators: how single sign-on stands, which claims give which roles, and whose identity is whose."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app import policy
from app.core.errors import Conflict
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.identity import access_pages, external
from app.identity.models import Account, ExternalIdentity, SignIn
from app.identity.provider import roles
from app.people.models import Person
from app.policy import Can, Role

pages = Pages()

_SAID = {
    "mapped": "The mapping is added. It takes effect for people the next time they sign in with their council account.",
    "unmapped": "The mapping has ended, and so have the roles that it alone gave.",
}


# The whole ---------------------------------------------------------------------------------------------------------


@pages.get("/access/single-sign-on", can=Can.MANAGE_ACCESS)
def overview(tx: Tx, page: Page) -> Response:
    """How people sign in, who may in an emergency, and what their claims give them."""
    roles.require_whole(tx)
    return page.render(
        "identity/single_sign_on.html",
        mappings=roles.mappings(tx),
        roles=_roles(page),
        linked=tx.scalar(_linked(page)),
        accounts=tx.scalar(select(func.count()).select_from(Account)),
        emergency=_emergency(tx),
        said=_SAID.get(page.query("said"), ""),
    )


def _roles(page: Page) -> list[tuple[str, str]]:
    """The roles that a claim may give."""
    return [one for one in access_pages.ROLES if one[0] != Role.ADMINISTRATOR or page.settings.oidc_administrators_by_claim]


def _linked(page: Page) -> Any:
    here = ExternalIdentity.issuer == page.settings.oidc_issuer, ExternalIdentity.tenant == page.settings.oidc_tenant
    return select(func.count()).select_from(ExternalIdentity).where(*here)


def _emergency(tx: Tx) -> list[Row[Any]]:
    """The break-glass accounts, with the last time a password signed one in."""
    by_password = SignIn.person_id == Account.person_id, SignIn.via == "password"
    last = select(func.max(SignIn.created_at)).where(*by_password).correlate(Account).scalar_subquery()
    listed = select(Person.id, Person.name, last.label("last")).join(Account, Account.person_id == Person.id)
    return list(tx.rows(listed.where(Account.break_glass.is_(True)).order_by(Person.sort_name, Person.id)))


@pages.post("/access/single-sign-on", can=Can.MANAGE_ACCESS, again=overview)
def add_mapping(tx: Tx, page: Page) -> Response:
    """One more value that gives a role."""
    roles.require_whole(tx)
    problems = Problems()
    claim, role = text(page.form, "claim"), text(page.form, "role")
    if not 1 <= len(claim) <= roles.LONGEST_CLAIM:
        problems.add("claim", f"Enter the value as the provider sends it, up to {roles.LONGEST_CLAIM} characters")
    if role not in dict(_roles(page)):
        problems.add("role", "Choose a role")
    unit = access_pages.unit_meant(tx, text(page.form, "unit"), problems, everywhere=text(page.form, "everywhere") == "yes")
    problems.raise_any()
    roles.add(tx, page.settings, claim, role, unit)
    return page.go("/access/single-sign-on", said="mapped")


@pages.get("/access/single-sign-on/{mapping_id:int}/end", can=Can.MANAGE_ACCESS)
def end_form(tx: Tx, page: Page, mapping_id: int) -> Response:
    """What ending a mapping does, before the button."""
    roles.require_whole(tx)
    row = roles.mapping(tx, mapping_id)
    effects = [
        f"The value {row.claim} no longer gives the role {row.role} for {row.unit or 'everywhere'}.",
        "People who hold it by this mapping alone lose it at once. Roles given by hand stay.",
        "That they held it until now stays on record.",
    ]
    return page.render(
        "identity/confirm.html",
        name=row.claim,
        heading="End this mapping?",
        effects=effects,
        button="End the mapping",
        back="/access/single-sign-on",
        back_to="Single sign-on",
    )


@pages.post("/access/single-sign-on/{mapping_id:int}/end", can=Can.MANAGE_ACCESS, again=end_form)
def end_mapping(tx: Tx, page: Page, mapping_id: int) -> Response:
    """It ends now."""
    roles.end(tx, mapping_id)
    return page.go("/access/single-sign-on", said="unmapped")


# One person's identity ---------------------------------------------------------------------------------------------


@pages.get("/access/people/{person_id:int}/identity", can=Can.MANAGE_ACCESS)
def identity_form(tx: Tx, page: Page, person_id: int) -> Response:
    """The object id to enter, or the identity that is linked and what unlinking it does."""
    person = policy.person(tx, Can.MANAGE_ACCESS, person_id)
    present = external.of(tx, page.settings, person_id)
    return page.render("identity/identity.html", person=person, present=present, how=HOW, mine=person_id == tx.actor.person_id)


HOW = {
    "directory": "The directory said so (SCIM)",
    "link": "They linked it themselves",
    "administrator": "An administrator linked it",
}


@pages.post("/access/people/{person_id:int}/identity", can=Can.MANAGE_ACCESS, again=identity_form)
def link_identity(tx: Tx, page: Page, person_id: int) -> Response:
    """Whoever the provider calls this signs in as this person."""
    if not page.settings.sso:
        raise Conflict("Single sign-on is not set up here.", code="no-single-sign-on", way_out="Whoever runs the service sets it up.")
    external.link_by_hand(tx, page.settings, person_id, text(page.form, "subject"))
    return page.go(f"/access/people/{person_id}", said="linked")


@pages.post("/access/people/{person_id:int}/identity/unlink", can=Can.MANAGE_ACCESS, again=identity_form)
def unlink_identity(tx: Tx, page: Page, person_id: int) -> Response:
    """It signs nobody in any more."""
    external.unlink_by_hand(tx, page.settings, person_id)
    return page.go(f"/access/people/{person_id}", said="unlinked")
