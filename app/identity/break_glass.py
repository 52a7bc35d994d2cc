"""Accounts for an emergency: their passwords work even where passwords are off, because the identity provider may be the emergency.

They are made and unmade on the server's command line only, so that nobody who is merely signed in can keep a back door open. Every use is
on record and told to the administrators.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update

from app.core import ledger
from app.core.errors import Conflict, NotFound
from app.core.facts import current
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.identity.models import Account
from app.people.models import Person, RoleHeld
from app.policy import Role


def mark(tx: Tx, email: str, on: bool) -> tuple[str, bool]:
    """Make this person's account one for an emergency, or an ordinary one again; returns their name, and whether they have a password.

    An account is made where there is none. NotFound for an address that is nobody's, Conflict where nothing would change.
    """
    person = tx.one(select(Person.id, Person.name).where(Person.email == email.strip().lower()))
    if person is None:
        raise NotFound("Nobody here has that e-mail address.", code="person-not-found")
    account = tx.one(select(Account.break_glass, Account.password_hash).where(Account.person_id == person.id))
    if (account.break_glass if account else False) == on:
        raise Conflict("It is one already." if on else "It is not one.", code="nothing-to-change")
    if account is None:
        tx.db.execute(insert(Account), dict(person_id=person.id, created_at=tx.now, break_glass=True))
    else:
        tx.db.execute(update(Account).where(Account.person_id == person.id).values(break_glass=on))
    tx.record("account.break-glass-set" if on else "account.break-glass-ended", "people", person.id, person_id=person.id)
    return str(person.name), bool(account and account.password_hash)


def note_use(tx: Tx, person_id: int) -> None:
    """A password has just signed this person in: if the account is one for an emergency, say so to every administrator of the whole."""
    asked = select(Person.name).join(Account, Account.person_id == Person.id)
    name = tx.scalar(asked.where(Person.id == person_id, Account.break_glass.is_(True)))
    if name is None:
        return
    tx.record("sign-in.break-glass", "people", person_id, person_id=person_id)
    whole = RoleHeld.role == Role.ADMINISTRATOR, RoleHeld.unit_id.is_(None), current(RoleHeld, tx.today)
    administrators = tx.rows(select(RoleHeld.person_id).where(*whole).distinct())
    facts = {"who": name, "at": tx.now.isoformat(), "link": f"/access/people/{person_id}"}
    told = [ledger.message("email.break_glass_used", tx.now, "people", row.person_id, facts) for row in administrators]
    tx.insert_many(Outbox, [one | {"subject_id": person_id} for one in told])


def command(tx: Tx, email: str, off: bool, base_url: str) -> str:
    """What `account break-glass` did, in words for whoever typed it."""
    name, has_password = mark(tx, email, not off)
    if off:
        return f"The account of {name} is an ordinary one again."
    page = f"{base_url}/sign-in/emergency"
    if has_password:
        return f"The password of {name} works at {page} even where passwords are switched off. Every use is told to the administrators."
    return f"{name} has no password yet: choose “I have forgotten my password” at {page}, and a link is sent to {email.strip().lower()}."
