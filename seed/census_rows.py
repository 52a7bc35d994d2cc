"""The census in the demonstration county: last year's return submitted, this year's begun, HR's part given for most."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select, update

from app.census import checking, guide, operations
from app.census.filling import Year
from app.census.guide import Guide
from app.census.models import CensusPerson, CensusReturn
from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.people.models import Unit

GUIDES = ROOT / "seed" / "reference" / "census"
AUTHORITY = "999"  # no council's
GIVEN = 0.94  # share of people of whom HR has given its part of the open return
SCHOOLS = ("Northern School of Social Work", "Riverside University", "Institute for Family Practice", "Hillfoot Metropolitan University")
ETHNIC = ("WBRI",) * 16 + ("WOTH", "WIRI", "BAFR", "BAFR", "BCRB", "AIND", "APKN", "ABAN", "MWBC", "MOTH", "REFU", "NOBT")


def take(database: Database, seed: int, moment: datetime) -> int:
    """Load the guides, and make the returns of the two latest years that have ended; returns how many people the open one has.

    The earlier one was submitted in the November after its year, as far as was known then.
    """
    last = moment.year - (moment.date() < date(moment.year, 9, 30))
    with transaction(database, SYSTEM, writes=True, now=datetime(last - 1, 11, 20, 15, tzinfo=UTC)) as tx:
        for path in sorted(GUIDES.glob("*.yaml")):
            guide.load(tx, path.name, path.read_bytes())
        host = tx.scalar(select(Unit.id).where(Unit.host))
        operations.say(tx, host, authority=AUTHORITY, stages={}, titles={}, keep=400, version=0)
        return_id = _begin(tx, host, last - 1, seed, share=1.0)
        _settle(tx, return_id)
        operations.submit(tx, return_id, looked_at_queries=True)
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        return_id = _begin(tx, host, last, seed, share=GIVEN)
        return int(tx.scalar(select(CensusReturn.people).where(CensusReturn.id == return_id)) or 0)


def _begin(tx: Tx, organisation_id: int, year: int, seed: int, *, share: float) -> int:
    return_id = operations.begin(tx, organisation_id, year)
    operations.give_authority(tx, return_id, _authority(tx, return_id))
    _give(tx, return_id, random.Random(f"census {seed} {year}"), share)
    return return_id


def _authority(tx: Tx, return_id: int) -> dict[str, str]:
    """Vacancies of a size that goes with the agency workers there are."""
    agency = float(tx.get(CensusReturn, return_id).totals["agency_fte"])
    return {
        "NumberOfVacancies": f"{agency * 1.15:.1f}",
        "NoAgencyFTE": f"{agency * 0.9:.1f}",
        "NoAgencyHeadcount": str(round(agency * 0.95)),
    }


def _give(tx: Tx, return_id: int, chance: random.Random, share: float) -> None:
    """HR's part, as a file would have brought it."""
    row = tx.get(CensusReturn, return_id)
    goes_by = guide.of(tx, row.guide_id)
    year = Year.ending(row.reference_day, row.filled_at)
    table: Any = CensusPerson.__table__
    for person in tx.rows(select(table.c.id, table.c.ours).where(table.c.return_id == return_id).order_by(table.c.number)):
        theirs = _theirs(chance, year, person.ours) if chance.random() < share else {}
        tx.db.execute(update(table).where(table.c.id == person.id).values(theirs=_needed(goes_by, year, person.ours, theirs)))
    operations.fill(tx, return_id)


def _needed(goes_by: Guide, year: Year, ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    """Only what the collection asks of such a person."""
    test = checking.asking(goes_by, year)
    values = checking.merged(ours, theirs)
    starter = values["AgencyWorker"] == "0" and values["RoleStartDate"] >= year.first.isoformat()
    asked = {code for code in theirs if (needed := goes_by.known[code].needed) is not None and test(needed, values)}
    return {code: value for code, value in theirs.items() if code in asked or (starter and code == "StartOrigin")}


def _theirs(chance: random.Random, year: Year, ours: dict[str, str]) -> dict[str, str]:
    agency = ours["AgencyWorker"] == "1"
    born = date(year.reference.year - chance.randint(23, 63), chance.randint(1, 12), chance.randint(1, 28))
    given = {
        "PersonBirthDate": born.isoformat(),
        "GenderCurrent": chance.choices(("2", "1", "0"), (80, 19, 1))[0],
        "Ethnicity": chance.choice(ETHNIC),
        "QualInst": chance.choice(SCHOOLS),
        "QualLevel": ours.get("QualLevel") or chance.choice(("1", "2", "2", "3")),
        "StepUpGrad": ours.get("StepUpGrad", "0"),
        "FrontlineGrad": ours.get("FrontlineGrad", "0"),
        "StartOrigin": chance.choice(("1", "2", "2", "4", "6", "9")),
        "LeaverDestination": chance.choice(("1", "1", "3", "4", "6", "8")),
        "ReasonLeave": chance.choice(("1", "1", "1", "5", "7", "9")),
        "WorkingDaysLost": str(chance.choice((0, 0, 0, 1, 2, 3, 5, 8, 13, 40))),
        "ContractWeeks": str(chance.randint(4, 52)),
        "ReasonAbsence": chance.choice(("SIC", "SIC", "MAT", "OTH")),
    }
    if ours["OrgRole"] == "5" and "Cases30" not in ours and not agency:
        given["Cases30"] = str(chance.randint(9, 24))
    elif ours["OrgRole"] == "5" and "Cases30" not in ours:
        given["Cases30"] = str(chance.randint(12, 28))
    return given


def _settle(tx: Tx, return_id: int) -> None:
    """Whatever is left wrong in a year long ago was put right then: somebody employed for more than one full post counts as one."""
    table: Any = CensusPerson.__table__
    row = tx.get(CensusReturn, return_id)
    goes_by = guide.of(tx, row.guide_id)
    year = Year.ending(row.reference_day, row.filled_at)
    people = tx.rows(select(table.c.id, table.c.number, table.c.ours, table.c.theirs).where(table.c.return_id == return_id))
    values = [(each.number, checking.merged(each.ours, each.theirs)) for each in people]
    wrong: dict[int, dict[str, str]] = {}
    for message in checking.check(goes_by, year, values, row.authority):
        if message.kind == checking.ERROR and message.item in ("FTE", "FTE30"):
            wrong.setdefault(message.number, {})[message.item] = "1"
    for each in people:
        if each.number in wrong:
            tx.db.execute(update(table).where(table.c.id == each.id).values(theirs={**each.theirs, **wrong[each.number]}))
