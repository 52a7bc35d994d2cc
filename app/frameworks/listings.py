"""What the pages about frameworks list: every version with its state, sets, rules; and definitions to compare."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app.core.tx import Tx
from app.frameworks import queries
from app.frameworks.models import (
    ApprenticeshipRule,
    ApprenticeshipStandard,
    Ksb,
    Programme,
    ProgrammeVersion,
    Standard,
    StandardsSet,
    SupervisionRule,
)

_VERSIONS = (
    select(
        ProgrammeVersion.id,
        ProgrammeVersion.programme_code,
        ProgrammeVersion.version,
        ProgrammeVersion.title,
        ProgrammeVersion.state,
        ProgrammeVersion.provisional,
        ProgrammeVersion.starts_from,
        ProgrammeVersion.starts_to,
        ProgrammeVersion.nominal_months,
        ProgrammeVersion.verified,
        ProgrammeVersion.definition["kind"].as_string().label("kind"),
        StandardsSet.code.label("standards_code"),
        StandardsSet.version.label("standards_version"),
    )
    .outerjoin(StandardsSet, StandardsSet.id == ProgrammeVersion.standards_set_id)
    .order_by(ProgrammeVersion.title, ProgrammeVersion.programme_code, ProgrammeVersion.id.desc())
)
_SETS = (
    select(StandardsSet.__table__, func.count(Standard.code).label("items"))
    .outerjoin(Standard, Standard.set_id == StandardsSet.id)
    .group_by(*StandardsSet.__table__.c)
    .order_by(StandardsSet.title, StandardsSet.version.desc())
)
_RULES = select(SupervisionRule.__table__).order_by(SupervisionRule.title, SupervisionRule.id.desc())
_OCCUPATIONS = (
    select(ApprenticeshipStandard.__table__, func.count(Ksb.id).label("ksbs"))
    .outerjoin(Ksb, Ksb.standard_id == ApprenticeshipStandard.id)
    .group_by(*ApprenticeshipStandard.__table__.c)
    .order_by(ApprenticeshipStandard.title, ApprenticeshipStandard.id.desc())
)
_FUNDING = select(ApprenticeshipRule.__table__).order_by(ApprenticeshipRule.starts_from.desc(), ApprenticeshipRule.code.desc())


def versions(tx: Tx, programme_code: str | None = None) -> Sequence[Row[Any]]:
    """Every version of every programme, or of one, by title, the newest of each first."""
    return tx.rows(_VERSIONS if programme_code is None else _VERSIONS.where(ProgrammeVersion.programme_code == programme_code))


def sets(tx: Tx) -> Sequence[Row[Any]]:
    """Every version of every standards set with how many standards it has."""
    return tx.rows(_SETS)


def rules(tx: Tx) -> Sequence[Row[Any]]:
    """Every version of every supervision rule."""
    return tx.rows(_RULES)


def occupations(tx: Tx) -> Sequence[Row[Any]]:
    """Every version of every apprenticeship standard; `ksbs` is how many knowledge, skills and behaviours it lists. Newest first."""
    return tx.rows(_OCCUPATIONS)


def funding(tx: Tx) -> list[Row[Any]]:
    """The apprenticeship rules, those of the latest starts first."""
    return sorted(tx.rows(_FUNDING), key=lambda row: row.starts_from or date.min, reverse=True)


def set_as_definition(tx: Tx, row: Row[Any]) -> dict[str, Any]:
    """A standards set to be compared: its standards go by number, because each version has codes of its own."""
    items = [
        dict(code=f"standard {item.number}", title=item.title, verified=item.verified) for item in queries.standard_set_items(tx, row.id)
    ]
    span = {name: value.isoformat() if value else None for name, value in (("from", row.in_force_from), ("to", row.in_force_to))}
    return dict(title=row.title, in_force_from=span["from"], in_force_to=span["to"], items=items)


def programme(tx: Tx, code: str) -> Row[Any] | None:
    """A programme by its code."""
    return tx.one(select(Programme.__table__).where(Programme.code == code))
