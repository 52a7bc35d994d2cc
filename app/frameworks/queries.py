"""What other rooms ask of frameworks. Nothing here changes anything; whoever may enrol may also read all of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, bindparam, or_, select

from app.core.errors import NotFound
from app.core.tx import Tx
from app.frameworks.models import (
    ApprenticeshipRule,
    ApprenticeshipStandard,
    DocumentTemplate,
    Ksb,
    ProgrammeStage,
    ProgrammeVersion,
    Standard,
    StandardsSet,
    SupervisionRule,
)

V, S, T = ProgrammeVersion.__table__.c, ProgrammeStage.__table__.c, DocumentTemplate.__table__.c

_VERSION = select(ProgrammeVersion.__table__).where(V.id == bindparam("version"))
_STAGES = select(ProgrammeStage.__table__).where(S.version_id == bindparam("version")).order_by(S.number)
_TEMPLATES = (
    select(DocumentTemplate.__table__, S.code.label("stage"), S.number.label("stage_number"))
    .join(ProgrammeStage, S.id == T.stage_id)
    .where(T.version_id == bindparam("version"))
    .order_by(S.number, T.number)
)
_LATEST = (
    select(ProgrammeVersion.__table__)
    .where(
        V.programme_code == bindparam("programme"),
        V.state == "published",
        or_(V.starts_from.is_(None), V.starts_from <= bindparam("start")),
        or_(V.starts_to.is_(None), V.starts_to >= bindparam("start")),
    )
    .order_by(V.starts_from.is_(None), V.starts_from.desc(), V.published_at.desc(), V.id.desc())
    .limit(1)
)
_RULE = (
    select(SupervisionRule.__table__)
    .where(SupervisionRule.code == bindparam("code"), SupervisionRule.state == "published")
    .order_by(SupervisionRule.id.desc())
    .limit(1)
)
_RULES_AT = (
    select(ApprenticeshipRule.__table__)
    .where(
        or_(ApprenticeshipRule.starts_from.is_(None), ApprenticeshipRule.starts_from <= bindparam("start")),
        or_(ApprenticeshipRule.starts_to.is_(None), ApprenticeshipRule.starts_to >= bindparam("start")),
    )
    .order_by(ApprenticeshipRule.starts_from.is_(None), ApprenticeshipRule.starts_from.desc())
    .limit(1)
)
_STANDARD = (
    select(ApprenticeshipStandard.__table__)
    .where(ApprenticeshipStandard.code == bindparam("code"))
    .order_by(ApprenticeshipStandard.id.desc())
    .limit(1)
)
_KSBS = select(Ksb.__table__).where(Ksb.standard_id == bindparam("standard")).order_by(Ksb.number)
_SET = select(StandardsSet.__table__).where(StandardsSet.id == bindparam("standards_set"))
_ITEMS = select(Standard.__table__).where(Standard.set_id == bindparam("standards_set")).order_by(Standard.number)


def version(tx: Tx, version_id: int) -> Row[Any]:
    """One version of a programme, its whole definition included; NotFound if there is none."""
    row = tx.one(_VERSION, version=version_id)
    if row is None:
        raise NotFound("There is no version of a programme with that reference.", code="version-not-found")
    return row


def stages(tx: Tx, version_id: int) -> Sequence[Row[Any]]:
    """The stages of a version in their order."""
    return tx.rows(_STAGES, version=version_id)


def templates(tx: Tx, version_id: int) -> Sequence[Row[Any]]:
    """The documents of a version with `stage` (its code) and `stage_number`, in the order of the stages and in each."""
    return tx.rows(_TEMPLATES, version=version_id)


def latest_published(tx: Tx, programme_code: str, start: date) -> Row[Any] | None:
    """The version that an enrolment starting on this day goes on: of those published for the day the one that begins last."""
    return tx.one(_LATEST, programme=programme_code, start=start)


def rule(tx: Tx, code: str) -> Row[Any] | None:
    """The newest published version of a supervision rule; an enrolment keeps the id that it began with."""
    return tx.one(_RULE, code=code)


def apprenticeship_rule(tx: Tx, start: date) -> Row[Any] | None:
    """The funding rules of an apprenticeship that starts on this day."""
    return tx.one(_RULES_AT, start=start)


def apprenticeship_standard(tx: Tx, code: str) -> Row[Any] | None:
    """The newest version of an occupational standard; an enrolment keeps the id that it began with."""
    return tx.one(_STANDARD, code=code)


def ksbs(tx: Tx, standard_id: int) -> Sequence[Row[Any]]:
    """The knowledge, skills and behaviours of one version of a standard."""
    return tx.rows(_KSBS, standard=standard_id)


def standards_set(tx: Tx, set_id: int) -> Row[Any] | None:
    """One version of a standards set."""
    return tx.one(_SET, standards_set=set_id)


def standard_set_items(tx: Tx, set_id: int) -> Sequence[Row[Any]]:
    """The standards of one version of a set, by number."""
    return tx.rows(_ITEMS, standards_set=set_id)
