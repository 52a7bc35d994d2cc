"""Planted violations of what must hold of people and teams as a directory has them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from app.core.tx import Tx
from app.hr.directory_models import ScimGroup, ScimUser
from app.people.models import Person, Unit
from tests.plants import plants


def _user(tx: Tx, **values: Any) -> None:
    row = tx.rows(select(Person.id, Person.organisation_id).order_by(Person.id).limit(1))[0]
    user = dict(person_id=row.id, organisation_id=row.organisation_id, user_name="ann", user_name_key="ann", active=True, details={})
    tx.db.execute(insert(ScimUser), {**user, "version": 1, "created_at": tx.now, "updated_at": tx.now, **values})


@plants("directory-of-their-employer")
def _(tx: Tx) -> None:
    host = tx.scalar(select(Unit.id).where(Unit.parent_id.is_(None)))
    group = dict(unit_id=host, organisation_id=host, display_name="Everybody", version=1, created_at=tx.now, updated_at=tx.now)
    tx.db.execute(insert(ScimGroup), group)
    team = tx.scalar(select(Unit.id).where(Unit.parent_id.is_not(None)))
    _user(tx, organisation_id=team)


@plants("gone-from-the-directory")
def _(tx: Tx) -> None:
    _user(tx, deleted_at=tx.now)
