"""Which reports somebody may open. Whoever only reads them knows of no drafts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, and_, false, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.tx import Tx
from app.measures.models import MonthClose
from app.people.models import Person, Unit
from app.policy import Can, Reach
from app.reports.models import DRAFT, SIGNED, BoardReport

_SIGNER = aliased(Person)
_NEWER = aliased(BoardReport)
_LARGE = ("content", "page")  # not read where many are listed


def report(tx: Tx, can: Can, report_id: int, *, lock: bool = False) -> Row[Any]:
    """The whole report, or NotFound: out of reach, or a draft for somebody who may not write it."""
    policy.require(tx, can)
    row = tx.one(select(BoardReport.__table__).where(BoardReport.id == report_id))
    if row is not None and lock:
        row = tx.get(BoardReport, report_id, lock=True)
    if row is None or not has(tx, can, row.organisation_id) or (row.state == DRAFT and not writes(tx, row.organisation_id)):
        raise NotFound("There is no such report, or it is not for you.", code="report-not-found")
    return row


def writes(tx: Tx, organisation_id: int) -> bool:
    """May the actor write reports of this organisation?"""
    return has(tx, Can.WRITE_BOARD_REPORTS, organisation_id)


def has(tx: Tx, can: Can, organisation_id: int) -> bool:
    """Has the actor `can` for this organisation? No question to the database: a role is held for the organisation itself, or everywhere."""
    terms = policy.terms(tx.actor, can)
    return (Reach.ALL, None) in terms or (Reach.SCOPE, organisation_id) in terms


def within(tx: Tx, can: Can, column: Any) -> ColumnElement[bool]:
    """SQL for "of an organisation for which the actor has `can`"; `column` holds an organisation's id."""
    terms = policy.terms(tx.actor, can)
    if (Reach.ALL, None) in terms:
        return true()
    nodes = [node for reach, node in terms if reach is Reach.SCOPE]
    return column.in_(nodes) if nodes else false()


def listed() -> Select[Any]:
    """Reports with their month, who signed them and which signed one took their place; newest month first."""
    columns = [column for column in BoardReport.__table__.c if column.name not in _LARGE]
    return (
        select(
            *columns,
            MonthClose.month_end,
            Unit.name.label("organisation"),
            _SIGNER.name.label("signer"),
            _NEWER.id.label("newer_id"),
            _NEWER.state.label("newer_state"),
        )
        .join(MonthClose, MonthClose.id == BoardReport.close_id)
        .join(Unit, Unit.id == BoardReport.organisation_id)
        .outerjoin(_SIGNER, _SIGNER.id == BoardReport.signed_by)
        .outerjoin(_NEWER, _NEWER.replaces_id == BoardReport.id)
        .order_by(MonthClose.month_end.desc(), BoardReport.organisation_id, BoardReport.kind, BoardReport.number.desc())
    )


def for_reader(tx: Tx) -> ColumnElement[bool]:
    """SQL for "the reader may open it": signed, or a draft of an organisation whose reports they write."""
    own = BoardReport.organisation_id
    signed = and_(BoardReport.state == SIGNED, within(tx, Can.READ_BOARD_REPORTS, own))
    return or_(signed, within(tx, Can.WRITE_BOARD_REPORTS, own))


def organisations(tx: Tx, can: Can) -> list[tuple[int, str]]:
    """For which organisations the actor has `can`: (id, name), the host first."""
    asked = select(Unit.id, Unit.name).where(Unit.kind == "organisation", Unit.closed_on.is_(None), within(tx, can, Unit.id))
    return [(row.id, row.name) for row in tx.rows(asked.order_by(Unit.host.desc(), Unit.name))]
