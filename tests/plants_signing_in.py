"""Planted violations of what must hold of accounts and identities."""

from __future__ import annotations

from sqlalchemy import delete, select

from app.core.config import load
from app.core.tx import Tx
from app.identity import external, operations
from app.identity.models import Account, ExternalIdentity
from app.people.models import Person
from tests.identity.sso.test_settings import ENTRA
from tests.plants import plants


def linked(tx: Tx) -> int:
    """Somebody without a sign-in of theirs yet, linked to an identity."""
    person = tx.scalar(select(Person.id).order_by(Person.id.desc()))
    external.link(tx, load(**ENTRA), person, "planted", "administrator")
    return int(person)


@plants("identity-with-account")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Account).where(Account.person_id == linked(tx)))


@plants("signed-in-by-an-identity")
def _(tx: Tx) -> None:
    person, actor = linked(tx), tx.actor
    operations.sign_in(tx, person, "", load(**ENTRA), {"provider_session": None, "id_token": None})
    tx.actor = actor
    tx.db.execute(delete(ExternalIdentity).where(ExternalIdentity.person_id == person))
