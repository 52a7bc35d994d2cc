"""Which registration year a day is in, and what the regulator asks in it: the rules are data, see seed/reference/renewal.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, select

from app.core.tx import Tx
from app.learning.renewal_models import RenewalRule

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Year:
    """A registration year with its rule. Renewing closes at the end of `ends`."""

    starts: date
    ends: date
    opens: date  # the first day on which one can renew for the next year
    rule: Row[Any]

    @property
    def joiners_from(self) -> date | None:
        """Whoever joined the register on this day or after it has the joiners' rule this year."""
        return _on(self.rule.joiners_from, self) if self.rule.joiners_from else None

    def days_left(self, today: date) -> int:
        """Days from today to the last one."""
        return (self.ends - today).days


def _on(month_day: str, year: Year) -> date:
    return _within(month_day, year.starts)


def _within(month_day: str, starts: date) -> date:
    """The day of this month and day in the year that begins on `starts`."""
    month, day = (int(part) for part in month_day.split("-"))
    found = date(starts.year, month, day)
    return found if found >= starts else date(starts.year + 1, month, day)


def _years(rules: Sequence[Row[Any]], day: date) -> Year:
    rule = next((each for each in reversed(rules) if each.first_year <= day), rules[0])
    begins = rule.first_year
    starts = begins.replace(year=day.year)
    starts = starts if starts <= day else begins.replace(year=day.year - 1)
    later = min((each.first_year for each in rules if each.first_year > starts), default=None)
    ends = begins.replace(year=starts.year + 1) - _DAY
    ends = ends if later is None else min(ends, later - _DAY)
    return Year(starts, ends, _within(rule.opens, starts), rule)


def year_of(tx: Tx, day: date) -> Year:
    """The registration year of a day."""
    if "renewal rules" not in tx.memo:
        tx.memo["renewal rules"] = tx.rows(select(RenewalRule.__table__).order_by(RenewalRule.first_year))
    return _years(tx.memo["renewal rules"], day)


def years(tx: Tx, most: int = 4) -> list[Year]:
    """This registration year and those before it, newest first."""
    found = [year_of(tx, tx.today)]
    while len(found) < most:
        found.append(year_of(tx, found[-1].starts - _DAY))
    return found
