"""Apprentices for tests: the shipped rules and standards with the demonstration's figures, and one person on a short standard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.core.config import ROOT
from app.core.tx import Actor, transaction
from app.frameworks import operations as frameworks
from app.frameworks.models import ProgrammeVersion
from app.programmes.operations.apprentices import enrol_apprentice
from app.programmes.operations.cohorts import create_cohort
from seed.frameworks import FIGURES, prepared
from tests.factory import Make

REFERENCE = ROOT / "seed" / "reference"
PUBLISHED = datetime.fromisoformat("2022-06-01T09:00:00+00:00")


def load_rules(make: Make, *programmes: str, figures: bool = True) -> None:
    """The funding rules, the standards, and these programmes, published long ago."""
    files: list[Path] = [REFERENCE / "apprenticeships.yaml", *(REFERENCE / "programmes" / f"{name}.yaml" for name in programmes)]
    with make.tx() as tx:
        frameworks.publish_loaded(tx, frameworks.load(tx, prepared([*files, *([FIGURES] if figures else [])])))


@dataclass
class Apprentice:
    """One apprenticeship and who is who in it."""

    make: Make
    id: int
    cohort: int
    apprentice: Any
    employer: Any
    provider: Any
    coordinator: Any

    def as_(self, who: Any, role: str | None = None, now: datetime | None = None) -> Any:
        """A transaction of somebody with the practitioner's and one given role."""
        roles: tuple[tuple[str, int | None], ...] = (("practitioner", None), *([(role, None)] if role else []))
        return transaction(self.make.database, Actor("person", who.id, who.name, roles), writes=True, now=now)

    def coordinating(self, now: datetime | None = None) -> Any:
        """A transaction of the coordinator's."""
        return self.as_(self.coordinator, "coordinator", now)


def cohort_of(make: Make, code: str, starts_on: date) -> int:
    """A cohort of an apprenticeship programme."""
    with make.tx() as tx:
        version = tx.scalar(select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == code))
        return create_cohort(tx, int(version), f"{code} {starts_on}", starts_on)


def apprentice(make: Make, starts_on: date, *, programme: str = "st0868", now: datetime | None = None, **more: Any) -> Apprentice:
    """Somebody on an apprenticeship, by default early intervention practitioner (18 months), with employer, tutor and coordinator."""
    load_rules(make, f"app_{programme}")
    people = [make.person(name) for name in ("Ada Prentice", "Emil Ployer", "Petra Vider")]
    coordinator = make.person("Cora Dinator", roles=("coordinator",))
    cohort = cohort_of(make, f"APP-{programme.upper()}", starts_on)
    made = Apprentice(make, 0, cohort, people[0], people[1], people[2], coordinator)
    given: dict[str, Any] = {"provider": "Westmarch College", "weekly_hours": Decimal(37), **more}
    with made.coordinating(now) as tx:
        named = {"employer": people[1].id, "provider": people[2].id}
        made.id = enrol_apprentice(tx, made.cohort, people[0].id, starts_on, named, **given)
    return made
