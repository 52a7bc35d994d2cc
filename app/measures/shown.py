"""What was published of a month, as the reader may see it: the only door to `measure_cells`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Row, Select, select

from app import policy
from app.core.errors import NotFound
from app.core.tx import Tx
from app.measures.counting import facts
from app.measures.definitions import Measure, MeasureSet, parsed
from app.measures.models import MeasureCell, MeasureSetRow, MonthClose
from app.people.models import Person, Unit
from app.policy import Can, Reach

HIDDEN = "c"  # the symbol of official statistics for a number that is hidden; 0 is a true zero
NONE = "z"  # and for "not applicable": nobody to count


@dataclass(frozen=True, slots=True)
class Cell:
    """A published figure as this reader may see it: `num` and `den` are None where it is hidden from them."""

    measure: str
    breakdown: str
    key: str
    parent: str | None
    level: str
    title: str
    num: int | None
    den: int | None
    den_people: int | None
    hidden: bool  # from this reader


def figure(measure: Measure, cell: Cell) -> str:
    """The figure in the measure's unit as pages and files say it: "85%", "4.2", "12", HIDDEN, or NONE where there is nobody to count."""
    if cell.hidden or cell.num is None:
        return HIDDEN
    worked_out = value(measure, cell.num, cell.den or 0)
    if worked_out is None:
        return NONE
    return f"{worked_out:,}{'%' if measure.unit in ('share', 'rate') else ''}"


def value(measure: Measure, num: int, den: int) -> Decimal | None:
    """In the measure's unit: a share as whole per cent, a rate, average or score with one decimal. None: nothing to divide by."""
    if measure.unit in ("count", "score"):
        places = Decimal(1) if measure.unit == "count" and measure.scale == 1 else Decimal("0.1")
        return (Decimal(num) / measure.scale).quantize(places, ROUND_HALF_UP)
    if not den:
        return None
    if measure.unit == "average":
        return (Decimal(num) / Decimal(den)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return (Decimal(100) * num / Decimal(den)).quantize(Decimal(1) if measure.unit == "share" else Decimal("0.1"), ROUND_HALF_UP)


def organisation(tx: Tx) -> int:
    """Of which organisation the reader sees figures: the one their role is held in, else the host's. Forbidden without a role for it."""
    terms = policy.require(tx, Can.READ_MEASURES)
    units = [unit for reach, unit in terms if reach is Reach.SCOPE]
    if units and (Reach.ALL, None) not in terms:
        return int(tx.scalar(select(Unit.organisation_id).where(Unit.id == min(u for u in units if u is not None))))
    if (Reach.ALL, None) not in terms and tx.actor.person_id is not None:
        return int(tx.scalar(select(Person.organisation_id).where(Person.id == tx.actor.person_id)))
    return int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))


def months(tx: Tx, organisation_id: int) -> list[date]:
    """Month ends of which figures are published, newest first."""
    return [
        row[0]
        for row in tx.rows(
            select(MonthClose.month_end).where(MonthClose.organisation_id == organisation_id).order_by(MonthClose.month_end.desc())
        )
    ]


def close(tx: Tx, organisation_id: int, month_end: date) -> Row[Any]:
    """The publication of a month, or NotFound."""
    row = tx.one(select(MonthClose.__table__).where(MonthClose.organisation_id == organisation_id, MonthClose.month_end == month_end))
    if row is None:
        raise NotFound("The figures of that month are not published.", code="month-not-closed")
    return row


def set_of(tx: Tx, set_id: int) -> MeasureSet:
    """A published measure set."""
    return parsed(tx.get(MeasureSetRow, set_id, what="measure set").content)


def cells(
    tx: Tx, close_id: int, organisation_id: int, *, measures: Collection[str] = (), breakdowns: Collection[str] = (), to_all: bool = False
) -> list[Cell]:
    """Cells of a month by measure, breakdown and place. `to_all`: as everybody may see them, as in the board's report and its files."""
    statement: Select[Any] = select(MeasureCell.__table__).where(MeasureCell.close_id == close_id)
    if measures:
        statement = statement.where(MeasureCell.measure.in_(sorted(measures)))
    if breakdowns:
        statement = statement.where(MeasureCell.breakdown.in_(sorted(breakdowns)))
    rows = tx.rows(statement.order_by(MeasureCell.measure, MeasureCell.breakdown, MeasureCell.position))
    return _as_may_be_seen(tx, rows, organisation_id, to_all=to_all)


def trend(
    tx: Tx, organisation_id: int, measure: str, until: date, *, breakdown: str = "all", key: str = "", most: int = 13, to_all: bool = False
) -> list[tuple[date, Cell]]:
    """A figure month by month up to `until`, oldest first: at most so many of the published months."""
    found = tx.rows(
        select(MeasureCell.__table__, MonthClose.month_end)
        .join(MonthClose, MonthClose.id == MeasureCell.close_id)
        .where(MonthClose.organisation_id == organisation_id, MonthClose.month_end <= until)
        .where(MeasureCell.measure == measure, MeasureCell.breakdown == breakdown, MeasureCell.group_key == key)
        .order_by(MonthClose.month_end.desc())
        .limit(most)
    )
    seen = _as_may_be_seen(tx, found, organisation_id, to_all=to_all)
    return [(row.month_end, cell) for row, cell in reversed(list(zip(found, seen, strict=True)))]


def trends(
    tx: Tx,
    organisation_id: int,
    measures: Collection[str],
    until: date,
    *,
    breakdown: str = "all",
    key: str = "",
    most: int = 13,
    to_all: bool = False,
) -> dict[str, list[tuple[date, Cell]]]:
    """`trend` of several measures together, in one statement; what has no figure in any of those months is not there."""
    latest = (
        select(MonthClose.id)
        .where(MonthClose.organisation_id == organisation_id, MonthClose.month_end <= until)
        .order_by(MonthClose.month_end.desc())
        .limit(most)
    )
    return _by_measure(
        tx,
        select(MeasureCell.__table__, MonthClose.month_end)
        .join(MonthClose, MonthClose.id == MeasureCell.close_id)
        .where(MeasureCell.measure.in_(sorted(measures)), MeasureCell.breakdown == breakdown, MeasureCell.group_key == key)
        .where(MeasureCell.close_id.in_(latest))
        .order_by(MonthClose.month_end),
        organisation_id,
        to_all=to_all,
    )


def history(
    tx: Tx, organisation_id: int, measures: Collection[str], until: date, *, since: date | None = None, to_all: bool = False
) -> dict[str, list[tuple[date, Cell]]]:
    """Every published figure of these measures up to a month, oldest month first, each month's in the order of `cells`."""
    statement = (
        select(MeasureCell.__table__, MonthClose.month_end)
        .join(MonthClose, MonthClose.id == MeasureCell.close_id)
        .where(MonthClose.organisation_id == organisation_id, MonthClose.month_end <= until)
        .where(MeasureCell.measure.in_(sorted(measures)))
        .order_by(MonthClose.month_end, MeasureCell.measure, MeasureCell.breakdown, MeasureCell.position)
    )
    if since is not None:
        statement = statement.where(MonthClose.month_end >= since)
    return _by_measure(tx, statement, organisation_id, to_all=to_all)


def _by_measure(tx: Tx, statement: Select[Any], organisation_id: int, *, to_all: bool) -> dict[str, list[tuple[date, Cell]]]:
    rows = tx.rows(statement)
    found: dict[str, list[tuple[date, Cell]]] = defaultdict(list)
    for row, cell in zip(rows, _as_may_be_seen(tx, rows, organisation_id, to_all=to_all), strict=True):
        found[cell.measure].append((row.month_end, cell))
    return found


def reaches_all(tx: Tx, organisation_id: int, counted_by: str | None = None) -> bool:
    """Does the reader reach everybody of the organisation, so that nothing of people's outcomes need be hidden from them?

    `counted_by`: of what this function counts, whose facts they may have to be allowed to read as well (supervision, caseloads).
    """
    wanted = [Can.READ_MEASURE_PEOPLE, *([facts()[counted_by]] if counted_by in facts() else [])]
    held = [policy.terms(tx.actor, can) for can in wanted]
    return all((Reach.ALL, None) in terms or (Reach.SCOPE, organisation_id) in terms for terms in held)


def _not_theirs(tx: Tx, organisation_id: int) -> frozenset[str]:
    """Codes of measures whose facts a reader who reaches everybody may not read of everybody; as any set of the organisation calls them."""
    if "measures not theirs" not in tx.memo:
        barred = {function for function in facts() if not reaches_all(tx, organisation_id, function)}
        sets = tx.rows(select(MeasureSetRow.content).where(MeasureSetRow.organisation_id == organisation_id)) if barred else ()
        codes = {each["code"] for row in sets for each in row.content["measures"] if each.get("counts") in barred}
        tx.memo["measures not theirs"] = frozenset(codes)
    found: frozenset[str] = tx.memo["measures not theirs"]
    return found


def _as_may_be_seen(tx: Tx, rows: Sequence[Row[Any]], organisation_id: int, *, to_all: bool) -> list[Cell]:
    reached = not to_all and reaches_all(tx, organisation_id)
    barred = _not_theirs(tx, organisation_id) if reached else frozenset()
    found = []
    for row in rows:
        hidden = row.num is None or (row.hidden and not (reached and row.measure not in barred))
        num, den = (None, None) if hidden else (row.num, row.den)
        found.append(
            Cell(
                row.measure,
                row.breakdown,
                row.group_key,
                row.parent_key,
                row.level,
                row.title,
                num,
                den,
                None if hidden else row.den_people,
                hidden,
            )
        )
    return found
