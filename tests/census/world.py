"""Returns of the census in the worlds of the tests, of the matrices and of the tour."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.census import guide, operations
from app.census.guide import Guide
from app.census.models import CensusGuide, CensusMessage, CensusPerson, CensusReturn
from app.core.config import ROOT
from app.core.db import FOREVER
from app.core.tx import Actor, Tx, transaction
from app.people.models import Absence, CareerStage, Person, Post, Stage
from tests.factory import LONG_AGO, Make

FILE = ROOT / "seed" / "reference" / "census" / "2022.yaml"
YEAR, REFERENCE, JULY = 2025, date(2025, 9, 30), date(2025, 7, 1)
HR = {  # what HR gives of an employee who is in post
    "PersonBirthDate": "1984-12-08", "GenderCurrent": "2", "Ethnicity": "WBRI", "QualInst": "A university", "QualLevel": "2",
    "StepUpGrad": "0", "FrontlineGrad": "0", "WorkingDaysLost": "3",
}  # fmt: skip


def load_guide(tx: Tx) -> Guide:
    """The guide that ships."""
    guide.load(tx, FILE.name, FILE.read_bytes())
    return guide.in_force(tx, YEAR)[1]


class Census:
    """A council with an HR officer, and people whose jobs a test says in full."""

    def __init__(self, make: Make, name: str = "Westmarch County Council", *, host: bool = True) -> None:
        self.make, self.council = make, make.organisation(name, host=host)
        self.hana = make.person("Hana Cole", organisation=self.council, roles=("HR officer",), scope=self.council)
        self.n = 0
        with make.tx() as tx:
            self.guide = load_guide(tx)
            if not tx.scalar(select(CareerStage.code).where(CareerStage.code == "SUPPORT")):
                stages = [("SUPPORT", 10), ("NQSW", 30), ("SW", 40), ("EXP", 50), ("SENIOR", 60), ("TM", 80), ("HOS", 100)]
                known = {row.code for row in tx.rows(select(CareerStage.code))}
                rows = [dict(code=code, title=code, rank=rank, stage_group="practitioner") for code, rank in stages if code not in known]
                tx.insert_many(CareerStage, rows)

    def acting(self, person: Any = None, *, writes: bool = True) -> Any:
        """As the HR officer, or somebody with that role of the council."""
        who = person or self.hana
        roles: tuple[tuple[str, int | None], ...] = (("practitioner", None), ("HR officer", self.council))
        return transaction(self.make.database, Actor("person", who.id, who.name, roles, organisation_id=self.council), writes=writes)

    def worker(
        self,
        name: str,
        *posts: tuple[date, date, str, str, str],
        stages: tuple[tuple[date, date, str], ...] = ((LONG_AGO, FOREVER, "SW"),),
        swe: bool = True,
        **values: Any,
    ) -> Any:
        """Somebody with these posts (from, to before, title, contract, FTE) and stages; by default a social worker since long ago."""
        self.n += 1
        number = f"SW{self.council}{self.n:03}" if swe else None
        person = self.make.person(name, organisation=self.council, account=False, swe_number=number, **values)
        with self.make.tx() as tx:
            given = posts or ((LONG_AGO, FOREVER, "Social worker", "permanent", "1"),)
            tx.db.execute(Post.__table__.delete().where(Post.person_id == person.id))
            long_ago = tx.now.replace(year=2020)
            for n, (since, until, title, contract, fte) in enumerate(given):
                post = dict(person_id=person.id, job_title=title, contract=contract, fte=Decimal(fte), is_primary=n == 0)
                tx.insert(Post, **post, valid_from=since, valid_to=until, recorded_at=long_ago)
            for since, until, stage in stages:
                tx.insert(Stage, person_id=person.id, stage=stage, valid_from=since, valid_to=until, recorded_at=long_ago)
            return tx.get(Person, person.id)

    def begin(self, year: int = YEAR) -> int:
        with self.acting() as tx:
            return operations.begin(tx, self.council, year)

    def people(self, return_id: int) -> dict[int, Any]:
        """Rows of a return by person."""
        rows = self.make.rows(select(CensusPerson.__table__).where(CensusPerson.return_id == return_id))
        return {row.person_id: row for row in rows}

    def row(self, return_id: int) -> Any:
        return self.make.row(CensusReturn, return_id)

    def give(self, return_id: int, *lines: dict[str, str]) -> int:
        """A file with these lines, applied; for how many people it said something new."""
        with self.acting() as tx:
            key = operations.stage(tx, return_id, "hr.csv", [{"line": n, "cells": cells} for n, cells in enumerate(lines, 2)])
        with self.acting() as tx:
            return operations.apply(tx, key)

    def complete(self, return_id: int) -> None:
        """Give everything that is missing, so that the return has no errors."""
        lines = []
        for person_id, row in self.people(return_id).items():
            person = self.make.row(Person, person_id)
            cells = HR | {"person": person.swe_number}
            if row.ours["AgencyWorker"] == "1":
                cells = {"person": person.swe_number, "QualInst": "A university", "ContractWeeks": "20"}
            if "RoleEndDate" in row.ours:
                cells |= {"LeaverDestination": "1", "ReasonLeave": "1"}
            elif row.ours["OrgRole"] == "5":
                cells |= {"Cases30": row.ours.get("Cases30", "14")}
            if row.ours.get("Absat30Sept") == "1":
                cells |= {"ReasonAbsence": "SIC"}
            if row.ours["AgencyWorker"] == "0" and row.ours["RoleStartDate"] > "2024-09-30":
                cells |= {"StartOrigin": "2"}
            lines.append(cells)
        self.give(return_id, *lines)
        with self.acting() as tx:
            given = {"NumberOfVacancies": "10.5", "NoAgencyFTE": "4", "NoAgencyHeadcount": "5"}
            operations.give_authority(tx, return_id, given)

    def say(self, **values: Any) -> None:
        """The council's settings."""
        given: dict[str, Any] = dict(authority="999", stages={}, titles={}, keep=400, version=0) | values
        with self.acting() as tx:
            operations.say(tx, self.council, **given)


def peopled(make: Make) -> Census:
    """An employee, an agency worker, somebody who left in the year and somebody who came in it."""
    made = Census(make)
    made.ann = made.worker("Ann Vale")  # type: ignore[attr-defined]
    made.worker("Agency Worker", (LONG_AGO, FOREVER, "Social worker", "agency", "0.5"))
    made.worker("Left InJuly", (LONG_AGO, JULY, "Social worker", "permanent", "0.6"))
    made.worker("Came InMay", (date(2025, 5, 1), FOREVER, "Social worker", "permanent", "1"))
    made.worker("A Manager", stages=((LONG_AGO, FOREVER, "TM"),))
    away = made.worker("Away Today")
    with make.tx() as tx:
        recorded = tx.now.replace(year=2025, month=9, day=1)
        tx.insert(Absence, person_id=away.id, valid_from=date(2025, 8, 1), valid_to=FOREVER, recorded_at=recorded)
    return made


def ready(census: Census) -> int:
    """A return without errors."""
    census.say()
    return_id = census.begin()
    census.complete(return_id)
    row = census.row(return_id)
    assert (row.state, row.errors) == ("checked", 0), census.make.rows(select(CensusMessage.__table__))
    return return_id


def submitted(census: Census) -> int:
    return_id = ready(census)
    with census.acting() as tx:
        operations.submit(tx, return_id, looked_at_queries=True)
    return return_id


# For the matrices and the tour ---------------------------------------------------------------------------------------

_ONE, _FILE = "/census/{return_id:int}", "/census/files/{file_id:int}"
OTHERS = {  # path parameter → name in the matrices' world
    **{f"{way} {_FILE}{tail}": {"file_id": "census_file"} for way in ("GET", "POST") for tail in ("", "/apply")},
    f"GET {_ONE}/extract.{{file_type}}": {"file_type": "csv_type"},
    f"POST {_ONE}/correct": {"return_id": "submitted_return"},
}
FORMS = {"POST /census": {"year": str(YEAR - 1)}}


def world(tx: Tx, organisation_id: int, officer: int) -> dict[str, Any]:
    """For the matrices: an open return, a submitted one, and a file that was checked, of one council."""
    load_guide(tx)
    before, tx.actor = tx.actor, Actor("person", officer, "", (("HR officer", organisation_id),), organisation_id=organisation_id)
    operations.say(tx, organisation_id, authority="999", stages={}, titles={}, keep=400, version=0)
    open_return = operations.begin(tx, organisation_id, YEAR)
    file = operations.stage(tx, open_return, "hr.csv", [{"line": 2, "cells": {"person": "nobody"}}])
    tx.actor = before
    values: dict[str, Any] = dict(
        organisation_id=organisation_id, year=YEAR - 2, version=1, state="submitted", people=0, errors=0, queries=0
    )
    values |= dict(guide_id=tx.scalar(select(CensusGuide.id)), reference_day=date(YEAR - 2, 9, 30), digest="0" * 64, submitted_at=tx.now)
    empty: dict[str, Any] = dict(authority={}, summary={}, totals={}, created_at=tx.now, touched_at=tx.now, filled_at=tx.now)
    submitted = tx.insert(CensusReturn, **values, **empty)
    return {"return_id": open_return, "census_file": file, "submitted_return": submitted, "csv_type": "csv"}


def arrange(tx: Tx, officer: int) -> None:
    """For the tour: a file with mistakes, and one that can be applied."""
    before, tx.actor = tx.actor, Actor("person", officer, "", (("HR officer", None),))
    row = tx.one(select(CensusReturn.id).where(CensusReturn.state != "submitted").order_by(CensusReturn.id.desc()).limit(1))
    assert row is not None
    number = tx.scalar(
        select(Person.swe_number).join(CensusPerson, CensusPerson.person_id == Person.id).where(CensusPerson.return_id == row.id).limit(1)
    )
    wrong = {"person": "nobody", "PersonBirthDate": "31/2/1980", "Ethnicity": "XXXX", "WorkingDaysLost": "many"}
    good = {"person": number, "WorkingDaysLost": "2.5"}
    for name, cells in (("census with mistakes.csv", wrong), ("census.csv", good)):
        operations.stage(tx, row.id, name, [{"line": 2, "cells": cells}])
    tx.actor = before


def stops(stop: Any) -> list[Any]:
    """Where the tour goes: the county's returns, and what `arrange` has sent."""
    sent, open_ = (lambda _: {"return_id": 1}), (lambda _: {"return_id": 2})
    found = [stop("/census", "hr"), stop("/census/settings/{organisation_id:int}", "hr", lambda _: {"organisation_id": 1})]
    found += [stop(_ONE, "hr", each) for each in (open_, sent)]
    found += [
        stop(f"{_ONE}/messages", "hr", open_, query=query) for query in ("", "kind=error&item=Ethnicity", "item=ContractWeeks&page=2")
    ]
    found += [stop(f"{_ONE}/{tail}", "hr", open_) for tail in ("authority", "file", "submit", "totals")]
    found += [stop(f"{_ONE}/totals", "hr", sent)]
    found += [stop(f"{_ONE}/{tail}", "hr", open_, file="text/csv") for tail in ("messages.csv", "template.csv")]
    found.append(stop(f"{_ONE}/extract.{{file_type}}", "hr", lambda _: {"return_id": 1, "file_type": "xml"}, file="application/xml"))
    found += [stop(_FILE, "hr", lambda _, key=key: {"file_id": key}) for key in (1, 2)]
    return [*found, stop(f"{_FILE}/apply", "hr", lambda _: {"file_id": 2})]
