"""Dates as people write them in the middle of a sentence."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = re.compile(r"\d+")


def read_date(said: str) -> date | None:
    """ "12/03/2015", "3rd of May 2012", "May 3, 2012", "2015-03-12" as a date; a year of two digits is the latest such. None: no date."""
    lower = said.lower()
    numbers = [int(each) for each in _NUMBERS.findall(lower)]
    month = next((n for n, name in enumerate(_MONTHS, 1) if name in lower), 0)
    try:
        if month:
            day, year = numbers
            return date(_year(year), month, day)
        first, second, third = numbers
        return date(first, second, third) if first > 999 else date(_year(third), second, first)
    except ValueError:
        return None


def _year(given: int) -> int:
    return given if given > 99 else 2000 + given if given < 50 else 1900 + given
