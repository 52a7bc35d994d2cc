"""What a directory says about signing in. It suspends and lifts its own suspension; an administrator's stays until they lift it."""

from __future__ import annotations

from sqlalchemy import delete, exists, insert, select, update

from app import policy
from app.core.db import ONE
from app.core.tx import Tx
from app.identity import operations
from app.identity.models import Account, ExternalIdentity, Link
from app.policy import Can, operation

DIRECTORY, ADMINISTRATOR, BOTH = "directory", "administrator", "both"


@operation(Can.PROVISION)
def set_active(tx: Tx, person_id: int, active: bool) -> None:
    """Whether the directory lets this person sign in. Suspending signs them out and ends links already sent; nobody becomes a leaver.

    Who has no account yet gets a suspended one, so that no invitation lets them in meanwhile; it goes again with the suspension.
    """
    policy.person(tx, Can.PROVISION, person_id, lock=True)
    row = tx.one(select(Account.__table__).where(Account.person_id == person_id))
    if active:
        _lift(tx, person_id)
    elif row is None:
        suspended = dict(person_id=person_id, created_at=tx.now, suspended_at=tx.now, suspended_by=DIRECTORY)
        tx.db.execute(insert(Account), suspended)
        tx.record("account.suspended", "people", person_id, person_id=person_id, by=DIRECTORY)
    elif row.suspended_at is None:
        tx.db.execute(update(Account).where(Account.person_id == person_id).values(suspended_at=tx.now, suspended_by=DIRECTORY))
        operations.end_links(tx, person_id)
        operations.sign_out_everywhere(tx, person_id)
        tx.record("account.suspended", "people", person_id, person_id=person_id, by=DIRECTORY)
    elif row.suspended_by != DIRECTORY:  # an administrator's, beside which the directory's is true once that is lifted
        tx.db.execute(update(Account).where(Account.person_id == person_id).values(suspended_by=BOTH))


def _lift(tx: Tx, person_id: int) -> None:
    beside = (Account.person_id == person_id, Account.suspended_by == BOTH)
    tx.db.execute(update(Account).where(*beside).values(suspended_by=ADMINISTRATOR))
    its_own = (Account.person_id == person_id, Account.suspended_at.is_not(None), Account.suspended_by == DIRECTORY)
    if tx.db.execute(update(Account).where(*its_own).values(suspended_at=None, suspended_by=None)).rowcount == 0:
        return
    invited = exists(select(ONE).where(Link.person_id == person_id))
    linked = exists(select(ONE).where(ExternalIdentity.person_id == person_id))
    tx.db.execute(delete(Account).where(Account.person_id == person_id, Account.password_hash.is_(None), ~invited, ~linked))
    tx.record("account.restored", "people", person_id, person_id=person_id, by=DIRECTORY)
