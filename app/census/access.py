"""Whose census somebody may take: that of a whole organisation within their reach. Everything here is read through this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.census.filling import Roles
from app.census.guide import Guide
from app.census.models import KEEP_DAYS, SUBMITTED, CensusReturn, CensusSettings, CensusUpload
from app.core.errors import Conflict, NotFound
from app.core.tx import Tx
from app.people.models import Unit
from app.policy import Can, Reach

_UNKNOWN = "There is no such return, or it is another organisation’s."


def organisations(tx: Tx) -> Sequence[Row[Any]]:
    """Organisations whose census the actor takes, the host first: rows of `id` and `name`."""
    terms = policy.require(tx, Can.TAKE_CENSUS)
    statement = select(Unit.id, Unit.name).where(Unit.kind == "organisation").order_by(Unit.host.desc(), Unit.name)
    if (Reach.ALL, None) not in terms:
        statement = statement.where(Unit.id.in_([unit for reach, unit in terms if reach is Reach.SCOPE]))
    return tx.rows(statement)


def require_reach(tx: Tx, organisation_id: int) -> None:
    """NotFound unless the actor takes the census of the whole organisation."""
    terms = policy.require(tx, Can.TAKE_CENSUS)
    if (Reach.ALL, None) not in terms and (Reach.SCOPE, organisation_id) not in terms:
        raise NotFound(_UNKNOWN)


def the_return(tx: Tx, return_id: int, *, lock: bool = False, change: bool = False) -> Row[Any]:
    """A return within reach, or NotFound. `change`: Conflict where it is submitted or erased."""
    row = tx.get(CensusReturn, return_id, lock=lock, what="return")
    require_reach(tx, row.organisation_id)
    if change and row.state == SUBMITTED:
        raise Conflict("This return is submitted, so it stays as it is.", code="census-submitted", way_out="Begin a correction.")
    if change and row.erased_at is not None:
        raise Conflict("The personal data of this return has been deleted.", code="census-erased", way_out="Begin a new return.")
    return row


def not_erased(row: Row[Any]) -> Row[Any]:
    """The return, or Conflict where nothing of its people is kept any more."""
    if row.erased_at is not None:
        raise Conflict("The personal data of this return has been deleted; its totals are kept.", code="census-erased")
    return row


def the_upload(tx: Tx, upload_id: int, *, lock: bool = False) -> tuple[Row[Any], Row[Any]]:
    """(upload, return): a file that the actor sent, or NotFound."""
    upload = tx.get(CensusUpload, upload_id, lock=lock, what="file")
    found = the_return(tx, upload.return_id, lock=lock)
    if upload.staged_by != tx.actor.person_id:
        raise NotFound("There is no file with that reference, or somebody else sent it.")
    return upload, found


def settings(tx: Tx, organisation_id: int) -> Row[Any] | None:
    """What the council says about its census; None: nothing yet."""
    return tx.one(select(CensusSettings.__table__).where(CensusSettings.organisation_id == organisation_id))


def roles(said: Row[Any] | None, guide: Guide) -> Roles:
    """The council's roles over the guide's."""
    stages = {**guide.roles, **(said.roles if said is not None else {})}
    return Roles(stages, said.titles if said is not None else {})


def keep_days(said: Row[Any] | None) -> int:
    """How long personal data is kept after a return was submitted, in days."""
    return int(said.keep_days) if said is not None else KEEP_DAYS
