"""Planted violations of what must hold of the workforce census."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import insert, select

from app.census.models import CensusDocument, CensusGuide, CensusPerson, CensusReturn, CensusUpload
from app.core.tx import Tx
from app.people.models import Person, Unit
from tests.plants import plants


def a_return(tx: Tx, **values: Any) -> int:
    """A return of somebody's council, right but for `values`: a draft of nobody."""
    guide = tx.insert(CensusGuide, year=2022, version=1, title="The census", content={}, loaded_at=tx.now)
    organisation = tx.scalar(select(Person.organisation_id).order_by(Person.id).limit(1))
    given: dict[str, Any] = dict(organisation_id=organisation, year=2025, version=1, guide_id=guide, state="draft", errors=1, people=0)
    given |= dict(reference_day=date(2025, 9, 30), queries=0, authority={}, summary={}, totals={})
    given |= dict(filled_at=tx.now, created_at=tx.now, touched_at=tx.now)
    return tx.insert(CensusReturn, **given | values)


def _sent(tx: Tx, digest: str) -> int:
    return a_return(tx, state="submitted", submitted_at=tx.now, digest=digest, errors=0)


@plants("census-erased-is-gone")
def _(tx: Tx) -> None:
    upload = dict(return_id=a_return(tx, erased_at=tx.now), file_name="hr.csv", rows=[], lines=1, staged_at=tx.now)
    tx.insert(CensusUpload, **upload, staged_by=tx.scalar(select(Person.id).limit(1)))


@plants("census-sent-as-kept")
def _(tx: Tx) -> None:
    tx.db.execute(insert(CensusDocument), dict(return_id=_sent(tx, "a" * 64), kind="xml", digest="b" * 64, content=b"<Message/>"))


@plants("census-of-its-own-people")
def _(tx: Tx) -> None:
    row = tx.get(CensusReturn, a_return(tx))
    other = tx.insert(Person, **_somebody(tx, row.organisation_id))
    tx.insert(CensusPerson, return_id=row.id, number=1, person_id=other, ours={}, theirs={})


def _somebody(tx: Tx, not_of: int) -> dict[str, Any]:
    """Somebody of another organisation: in a world of one council, of one of its units."""
    elsewhere = tx.scalar(select(Unit.id).where(Unit.id != not_of).order_by(Unit.id).limit(1))
    names = dict(first_name="Odd", last_name="Vale", name="Odd Vale", sort_name="vale, odd", search_text="odd vale")
    return dict(organisation_id=elsewhere, created_at=tx.now, updated_at=tx.now, **names)


@plants("census-files-emptied")
def _(tx: Tx) -> None:
    upload = dict(return_id=a_return(tx), file_name="hr.csv", rows=[{"line": 2, "cells": {}}], lines=1, staged_at=tx.now)
    tx.insert(CensusUpload, **upload, staged_by=tx.scalar(select(Person.id).limit(1)), applied_at=tx.now, changed=1)


@plants("census-counts-its-errors")
def _(tx: Tx) -> None:
    a_return(tx, errors=0, state="checked")
