"""Reading what people type into forms: dates in three fields, times of day, amounts, ticked boxes; all that is wrong at once."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any

from app.core.calendar import MONTHS, clock
from app.core.errors import Invalid

_TIME = re.compile(r"^(\d{1,2})(?:[:.h]?(\d{2}))?\s*([ap])?\.?\s*(?:m\.?)?$")
_WORDS = {"midday": time(12), "noon": time(12), "midnight": time(0)}
_PARTS = ("day", "month", "year")


class Problems:
    """Collects what is wrong, so that a form can show all of it at once."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def add(self, field: str, message: str) -> None:
        """Note one mistake, to be shown beside `field`."""
        self.errors.append({"field": field, "message": message})

    def raise_any(self) -> None:
        """Refuse if anything was found."""
        if self.errors:
            message = self.errors[0]["message"] + "." if len(self.errors) == 1 else "Check what you entered."
            raise Invalid(message, errors=self.errors)


def text(form: dict[str, Any], name: str) -> str:
    """What was typed in one field; a field that came several times or as a file counts as empty."""
    given = form.get(name, "")
    return given.replace("\0", "").strip() if isinstance(given, str) else ""


def many(form: dict[str, Any], name: str) -> list[str]:
    """The values of ticked boxes, none to several."""
    given = form.get(name) or []
    return [value for value in (given if isinstance(given, list) else [given]) if isinstance(value, str) and value]


def ids(form: dict[str, Any], name: str) -> list[int]:
    """The values of ticked boxes that are keys of rows; anything else is left out."""
    return [int(value) for value in many(form, name) if re.fullmatch(r"\d{1,15}", value)]


def one_id(form: dict[str, Any], name: str) -> int | None:
    """The key of the row that was chosen from a list, None if none was."""
    given = text(form, name)
    return int(given) if re.fullmatch(r"\d{1,15}", given) else None


def number(form: dict[str, Any], name: str, label: str, problems: Problems) -> int | None:
    """A whole number, None if nothing was typed."""
    given = text(form, name).replace(",", "")
    if not given:
        return None
    if not re.fullmatch(r"-?\d{1,9}", given):
        problems.add(name, f"{label} must be a whole number")
        return None
    return int(given)


def pence(form: dict[str, Any], name: str, label: str, problems: Problems) -> int:
    """An amount of money typed in pounds ("£12.50", "12"), in pence; nothing typed is nothing to pay."""
    given = text(form, name).lstrip("£").replace(",", "").strip()
    if not given:
        return 0
    found = re.fullmatch(r"(\d{1,7})(?:\.(\d{1,2}))?", given)
    if found is None:
        problems.add(name, f"{label} must be an amount in pounds, like 12 or 12.50")
        return 0
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def day(form: dict[str, Any], name: str, label: str, problems: Problems, *, needed: bool = False) -> date | None:
    """A date typed as day, month and year (`name`, `name-month`, `name-year`); months by number or name. None if nothing was typed."""
    typed = dict(zip(_PARTS, (text(form, name), text(form, f"{name}-month"), text(form, f"{name}-year")), strict=True))
    missing = [part for part in _PARTS if not typed[part]]
    if len(missing) == len(_PARTS):
        if needed:
            problems.add(name, f"Enter {label[:1].lower()}{label[1:]}")
        return None
    if missing:
        problems.add(name, f"{label} must include a {' and a '.join(missing)}")
        return None
    try:
        return date(int(typed["year"]), _month(typed["month"]), int(typed["day"]))
    except (ValueError, OverflowError):
        problems.add(name, f"{label} must be a real date, like 8 12 2026")
        return None


def _month(given: str) -> int:
    if given.isdigit():
        return int(given)
    matching = [n for n, month in enumerate(MONTHS, 1) if len(given) >= 3 and month.lower().startswith(given.lower())]
    return matching[0] if matching else 0


def day_fields(name: str, value: date | None) -> dict[str, str]:
    """A date as its three fields."""
    parts = (value.day, value.month, value.year) if value else ("", "", "")
    return dict(zip((name, f"{name}-month", f"{name}-year"), map(str, parts), strict=True))


def time_of_day(given: str) -> time | None:
    """A time as people type it: "9:30am", "9.30 am", "13:30", "1330", "4pm", "midday". None if it is not a time; a bare "9" is not."""
    said = given.strip().lower()
    if said in _WORDS:
        return _WORDS[said]
    found = _TIME.match(said)
    if found is None or (found[2] is None and found[3] is None):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "p" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def clock_time(form: dict[str, Any], name: str, label: str, problems: Problems) -> time | None:
    """A time of day that is needed."""
    given = text(form, name)
    if not given:
        problems.add(name, f"Enter {label[:1].lower()}{label[1:]}")
        return None
    found = time_of_day(given)
    if found is None:
        problems.add(name, f"{label} must be a time, like {clock(time(9, 30))} or 13:30")
    return found
