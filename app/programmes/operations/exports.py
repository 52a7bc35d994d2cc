"""A portfolio leaves the service: asked for by somebody who may have it, made by the worker, fetched when it is ready."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import Row, select

from app.core import files
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.core.file_kinds import BUNDLE
from app.core.tx import SYSTEM, Tx, transaction
from app.people.models import Person
from app.policy import Can, may, operation
from app.programmes.access import Part, part
from app.programmes.bundle import Bundle
from app.programmes.chain_check import shown_files
from app.programmes.models import Enrolment, Side
from app.programmes.operations.heads import days_over
from app.programmes.portfolio_models import Export
from app.programmes.portfolio_pdf import portfolio_pdf
from app.programmes.reading import chain_of, history, reading

READY = "email.export_ready"
WAITING = select(Export.__table__).where(Export.made_at.is_(None), Export.failed.is_(None)).order_by(Export.id).limit(1)


def takes(tx: Tx, given: Part) -> bool:
    """May the actor take this portfolio away? The learner, whoever assesses today, a coordinator."""
    return given.side is Side.LEARNER or given.has("assessor") or (given.side is None and may(tx.actor, Can.MANAGE_ENROLMENTS))


def may_export(tx: Tx, enrolment_id: int) -> Row[Any]:
    """The enrolment, for those who may take the portfolio away; NotFound for all others."""
    given = part(tx, Can.READ_PORTFOLIO, enrolment_id)
    if not takes(tx, given):
        raise NotFound("This portfolio is not yours to take away.", code="enrolment-not-found")
    return given.enrolment


@operation(Can.READ_PORTFOLIO)
def ask_export(tx: Tx, enrolment_id: int) -> int:
    """Ask for the portfolio as a bundle; returns the id of what will be made. Conflict while one that they asked for is being made."""
    enrolment = may_export(tx, enrolment_id)
    mine = (Export.enrolment_id == enrolment_id) & (Export.asked_by == tx.actor.person_id)
    if tx.scalar(select(Export.id).where(mine, Export.made_at.is_(None), Export.failed.is_(None))):
        raise Conflict("It is being made already. You will be told when it is ready.", code="export-waiting")
    return tx.insert_recorded(
        Export,
        dict(enrolment_id=enrolment_id, asked_by=tx.actor.person_id, asked_at=tx.now),
        action="portfolio.export-asked",
        person_id=enrolment.person_id,
    )


def mine(tx: Tx, enrolment_id: int) -> list[Row[Any]]:
    """What the actor asked for of this portfolio, newest first."""
    asked = (Export.enrolment_id == enrolment_id) & (Export.asked_by == tx.actor.person_id)
    return list(tx.rows(select(Export.__table__).where(asked).order_by(Export.id.desc()).limit(10)))


def ready(tx: Tx, export_id: int) -> tuple[Row[Any], Row[Any]]:
    """What was made and its enrolment, for whoever asked for it and may still have it; NotFound otherwise."""
    row = tx.one(select(Export.__table__).where(Export.id == export_id, Export.asked_by == tx.actor.person_id))
    if row is None or row.digest is None:
        raise NotFound("There is no such export, it is not ready, or it is not yours.", code="export-not-found")
    return row, may_export(tx, row.enrolment_id)


def make_waiting(database: Database, settings: Settings, now: datetime) -> int:
    """Make every bundle that was asked for; returns how many. One that cannot be made is marked so and stops no other."""
    made = 0
    while True:
        with transaction(database, SYSTEM, writes=False, now=now, snapshot=True) as tx:
            row = tx.one(WAITING)
            bundle = _bundle(tx, row, settings) if row is not None else None
        if row is None:
            return made
        try:
            if bundle is None:
                raise ValueError("the portfolio could not be read")
            received = files.make(files.store_of(settings), BUNDLE, bundle.name, bundle.write)
            with transaction(database, SYSTEM, writes=True, now=now) as tx:
                tx.update(Export, row.id, made_at=tx.now, digest=files.keep(tx, received))
                _tell(tx, row)
            made += 1
        except Exception as wrong:  # noqa: BLE001 - whatever is wrong with one, the others are made
            sys.stderr.write(json.dumps({"event": "export-fault", "export": row.id, "kind": type(wrong).__name__}) + "\n")
            with transaction(database, SYSTEM, writes=True, now=now) as tx:
                tx.update(Export, row.id, failed=type(wrong).__name__)


def _tell(tx: Tx, row: Row[Any]) -> None:
    person = tx.scalar(select(Enrolment.person_id).where(Enrolment.id == row.enrolment_id))
    tx.record("portfolio.exported", "portfolio_exports", row.id, person_id=person, tell=[READY], to=row.asked_by)


def _bundle(tx: Tx, row: Row[Any], settings: Settings) -> Bundle | None:
    """Everything of one portfolio as it is at this moment. None if it cannot be read."""
    try:
        return bundle_of(tx, row.enrolment_id, row.asked_by, settings)
    except Exception as wrong:  # noqa: BLE001 - a chain that somebody tampered with must not stop the worker
        sys.stderr.write(json.dumps({"event": "export-fault", "export": row.id, "kind": type(wrong).__name__}) + "\n")
        return None


def bundle_of(tx: Tx, enrolment_id: int, asked_by: int, settings: Settings) -> Bundle:
    """The bundle of an enrolment, its document to read included."""
    enrolment = tx.get(Enrolment, enrolment_id)
    made = chain_of(tx, enrolment)
    by = str(tx.scalar(select(Person.name).where(Person.id == asked_by)) or "")
    house = dict(council=settings.council_name, service=settings.service_name, colour=settings.brand_colour)
    past = history(tx, enrolment_id)
    store = files.store_of(settings)
    wanted = shown_files(made.links) | {one["sha256"] for document in past["documents"] for one in document["files"]}
    return Bundle(
        reference=enrolment.reference,
        made_at=tx.now,
        head=made.head,
        links=made.links,
        files={digest: _opener(store, digest) for digest in sorted(wanted) if store.path(digest).exists()},
        reading=portfolio_pdf(reading(tx, enrolment_id, made, by, **house)),
        days=days_over(tx, enrolment.reference),
        history=past,
    )


def _opener(store: files.Store, digest: str) -> Any:
    def opened() -> BinaryIO:
        return store.path(digest).open("rb")

    return opened
