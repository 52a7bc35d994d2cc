"""Links for people without an account: what they were asked to contribute to a portfolio."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, select, update

from app.core.tx import Tx
from app.identity.access import digest
from app.identity.models import Link
from app.identity.operations import LinkOver

_CONTRIBUTION_LINK = select(Link.subject_id, Link.email, Link.used_at, Link.expires_at).where(
    Link.token_hash == bindparam("hash"), Link.purpose == "contribution"
)


def contribution_link(tx: Tx, token: str) -> Row[Any]:
    """Which contribution a link is for, by somebody without an account; used and run out ones too, so that their page can say so."""
    row = tx.one(_CONTRIBUTION_LINK, hash=digest(token))
    if row is None:
        raise LinkOver("This link is not complete.", way_out="Open it once more from the e-mail, or ask whoever sent it for a new one.")
    return row


def use_links_of(tx: Tx, purpose: str, subject_id: int) -> None:
    """Every link to this has done what it was for."""
    spent = update(Link).where(Link.purpose == purpose, Link.subject_id == subject_id, Link.used_at.is_(None))
    tx.db.execute(spent.values(used_at=tx.now))
