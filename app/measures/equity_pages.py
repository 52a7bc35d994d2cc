"""Pages of equity: what was published of learning and progression by group, its files, and publishing a quarter."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app.core.errors import NotFound
from app.core.tables_out import TYPES, Cell, table_bytes
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.equality.figures import HIDDEN
from app.equality.measured import Publication, Table
from app.measures import equity
from app.measures.equity import Compared
from app.policy import Can
from app.programmes.cohort_pages import as_file

pages = Pages()
PATH = "/measures/equity"
HEADS = ("What", "Characteristic", "Group", "Step", "People", "Of", "Times as likely as the largest group shown")
LEFT_OUT = "z"  # the symbol of official statistics for "not applicable"


@pages.get(PATH, can=Can.READ_MEASURES)
def show(tx: Tx, page: Page) -> Response:
    """One part of a publication: the newest, or the one asked for."""
    listed = equity.publications(tx)
    found = next((each for each in listed if each.as_at.isoformat() == page.query("day")), listed[0] if listed else None)
    asked = page.query("part")
    table = _table(found, asked) if found else None
    return page.render(
        "measures/equity.html",
        listed=listed,
        found=found,
        table=table,
        about=equity.about(table.code) if table else None,
        missing=equity.about(asked) if table and asked == equity.POOLS != table.code else None,
        groups=_groups(table) if table else [],
        compared_steps=_steps_compared(table) if table else None,
        said="The figures are published. They stay as they are." if page.query("said") == "published" else "",
        part=lambda code: url(PATH, day=found.as_at.isoformat() if found and found is not listed[0] else None, part=code),
        file=lambda kind: url(f"{PATH}/table.{kind}", day=found.as_at.isoformat() if found else None),
    )


def _table(found: Publication, code: str) -> Table:
    return next((table for table in found.parts if table.code == code), found.parts[0])


def _steps_compared(table: Table) -> tuple[int, int] | None:
    """Of which step the last one that is shown, and that anybody got to, is a share: of those due, not of those in post, where that step
    is shown."""
    shown = [step for step, total in enumerate(table.totals) if total]
    if len(shown) < 2:
        return None
    of = 1 if table.code in ("progression", "reviews") and 1 in shown[:-1] else 0
    return of, shown[-1]


def _groups(table: Table) -> list[tuple[str, list[Compared]]]:
    """Each characteristic with its lines, compared."""
    steps = _steps_compared(table)
    return [
        (title, equity.compared(lines, *steps) if steps else [Compared(line, None, False) for line in lines])
        for title, lines in table.characteristics
    ]


@pages.get(PATH + "/table.{file_type}", can=Can.READ_MEASURES)
def take(tx: Tx, page: Page, file_type: str) -> Response:
    """The whole publication as a file: a row for each group and step."""
    listed = equity.publications(tx)
    found = next((each for each in listed if page.query("day") in ("", each.as_at.isoformat())), None)
    if found is None or file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    page.took("equity.exported", "equality_measured", key=found.key, format=file_type)
    title = f"Equity of learning and progression {found.as_at.isoformat()}"
    rows = [row for table in found.parts for row in _rows(table)]
    return as_file(file_type, title, table_bytes(file_type, title, HEADS, rows), tx)


def _rows(table: Table) -> list[list[Cell]]:
    """Of everybody, then of each group; a step that is left out has no row."""
    shown = [step for step, total in enumerate(table.totals) if total is not None]
    steps = _steps_compared(table)
    base = table.totals[0]
    rows: list[list[Cell]] = [
        [table.title, "Everybody", "All", table.steps[step], _number(table.totals[step]), _number(base), LEFT_OUT] for step in shown
    ]
    for title, lines in _groups(table):
        for each in lines:
            for step in shown:
                ratio: Cell = LEFT_OUT
                if steps and step == steps[1]:
                    ratio = HIDDEN if each.line.hidden else LEFT_OUT if each.ratio is None else str(each.ratio)
                counts = each.line.counts
                rows.append([table.title, title, each.line.title, table.steps[step], _number(counts[step]), _number(counts[0]), ratio])
    return rows


def _number(count: int | None) -> Cell:
    return HIDDEN if count is None else count


# Publishing --------------------------------------------------------------------------------------------------------


@pages.get(PATH + "/publish", can=Can.READ_EQUITY)
def preview(tx: Tx, page: Page) -> Response:
    """What a publication of the newest quarter would hold, by totals."""
    organisation_id = equity.publisher_of(tx)
    day = equity.quarter_end(tx.today)
    taken = any(each.as_at == day for each in equity.publications(tx))
    ahead = None if taken else equity.ahead(tx, organisation_id, day)
    return page.render(
        "measures/equity_publish.html",
        day=day,
        taken=taken,
        ahead=ahead,
        below=equity.below(tx),
        optional=equity.POOLS,
    )


@pages.post(PATH + "/publish", can=Can.READ_EQUITY, again=preview)
def publish(tx: Tx, page: Page) -> Response:
    """Count once."""
    equity.publish(tx, _day(page.form), pools=page.form.get(equity.POOLS) == "yes")
    return page.go(PATH, said="published")


def _day(form: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(str(form.get("day", "")))
    except ValueError:
        raise NotFound("There is no such quarter.", code="quarter-not-found") from None
