"""Cells as they come in, values as we keep them. Each reader returns a value, None for a blank cell, or raises Wrong."""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from app.hr.files import Cell
from app.hr.mapping import folded
from app.people.details import EARLIEST, EMPLOYEE_NUMBER, LATEST, LONGEST_EMPLOYEE_NUMBER, is_email

SWE_NUMBER = re.compile(r"SW[1-9][0-9]{0,5}")
LIMITS = {"employee_number": LONGEST_EMPLOYEE_NUMBER, "first_name": 100, "last_name": 100, "known_as": 100, "email": 254, "job_title": 150}
LONGEST = 200
"""Characters a cell may hold where LIMITS says nothing else."""

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_BLANK = {"", "-", "--", "n/a", "na", "#n/a", "nil", "none", "null", "not applicable", "tbc", "unknown"}
_NAMES = {"first_name", "last_name", "known_as"}
_CONTRACTS = {
    "permanent": ("permanent", "perm", "permanentcontract", "established", "substantive", "openended"),
    "fixed term": ("fixedterm", "ftc", "fixedtermcontract", "temporary", "temp", "secondment", "seconded"),
    "agency": ("agency", "agencyworker", "agencystaff", "locum", "contractor", "contingentworker"),
    "student": ("student", "studentsocialworker", "placementstudent", "studentonplacement"),
}
_CONTRACT = {word: ours for ours, words in _CONTRACTS.items() for word in words}
_REGISTRATIONS = {
    "registered": ("registered", "active", "current", "yes", "y"),
    "conditions": ("conditions", "registeredwithconditions", "conditionsofpractice", "interimconditions"),
    "suspended": ("suspended", "suspension", "interimsuspension"),
    "removed": ("removed", "struckoff", "lapsed", "voluntarilyremoved", "expired"),
    "not registered": ("notregistered", "unregistered", "no", "n", "notrequired"),
}
_REGISTRATION = {word: ours for ours, words in _REGISTRATIONS.items() for word in words}
_YES, _NO = {"yes", "y", "true", "1", "primary", "main", "x"}, {"no", "n", "false", "0", "secondary", "additional"}


class Wrong(Exception):
    """A cell that cannot be used: what is wrong with it and what to do about it."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.wrong, self.remedy = wrong, remedy


@lru_cache(maxsize=20_000)
def _cleaned(text: str) -> str:
    plain = text.isascii() and text.isprintable()
    text = " ".join(text.split()) if plain else unicodedata.normalize("NFC", " ".join(text.translate(_INVISIBLE).split()))
    if text[:1] == "=" and re.fullmatch(r'="[^"]*"', text):  # how spreadsheets are made to keep leading zeros in CSV
        text = text[2:-1].strip()
    elif len(text) > 1 and text[0] == "'" and (text[1] in "=+-@" or text[1].isdigit()):
        text = text[1:]
    if plain:
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs"):
            raise Wrong(f"The cell holds an invisible character (U+{ord(character):04X}).", "Type the value again by hand.")
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise Wrong("The cell holds a character that was lost when the file was written.", "Save the extract as CSV UTF-8.")
    return text


_INVISIBLE = {ord(c): None for c in "\ufeff\u200b\u200c\u200d\u2060\u00ad"} | {0x00A0: " ", 0x202F: " ", 0x2007: " "}


def text_of(cell: Cell) -> str:
    """Any cell as clean text: trimmed, runs of space made one, whole numbers without ".0". Raises Wrong."""
    if isinstance(cell, str):
        return _cleaned(cell) if cell else ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date | datetime | time) else str(cell)


def text(column: str, cell: Cell) -> str | None:
    """A name, title or other text. Formulas and over-long values are refused."""
    value = text_of(cell)
    if not value or (column not in _NAMES and value.casefold() in _BLANK):
        return None
    if value[0] in "=+@" or (value[0] == "-" and len(value) > 1):
        raise Wrong("The cell looks like a formula, not a value.", "Put the value itself in the cell, without = + - or @ in front.")
    limit = LIMITS.get(column, LONGEST)
    if len(value) > limit:
        raise Wrong(f"The value is {len(value)} characters long; the limit is {limit}.", "Shorten it.")
    if column in _NAMES and not any(c.isalpha() for c in value):
        raise Wrong("A name needs at least one letter.", "Correct the name.")
    return value


def number(cell: Cell) -> str | None:
    """An employee number: capitals, digits and . / - _, leading zeros kept."""
    value = text("employee_number", cell)
    if value is None:
        return None
    if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", value):
        raise Wrong(
            "The number was rounded by a spreadsheet, so its last digits are lost.", "Format the column as text and run the extract again."
        )
    value = re.sub(r"(?<=\d)\.0+$", "", value.replace(" ", "")).upper()
    if not EMPLOYEE_NUMBER.fullmatch(value):
        raise Wrong("An employee number has letters, digits and . / - _ only.", "Correct the number.")
    return value


@lru_cache(maxsize=4_000)
def _email(value: str) -> str:
    if not is_email(value):
        raise Wrong("This is not an e-mail address.", "Give one work e-mail address, such as sam.lee@westmarch.example.")
    return value


def email(cell: Cell) -> str | None:
    """A work e-mail address in small letters."""
    value = text("email", cell)
    return None if value is None else _email(value.lower().removeprefix("mailto:"))


def swe_number(cell: Cell) -> str | None:
    """A Social Work England number in its one form: SW and one to six digits, the first not 0."""
    value = text("swe_number", cell)
    if value is None:
        return None
    value = value.upper().replace(" ", "")
    if not SWE_NUMBER.fullmatch(value):
        raise Wrong(
            "This is not a Social Work England number: SW followed by one to six digits, the first not 0.",
            "Look the person up on the public register and correct the number, or leave the cell empty.",
        )
    return value


def contract(cell: Cell) -> str | None:
    """permanent, fixed term, agency or student."""
    value = text("contract", cell)
    if value is None:
        return None
    if ours := _CONTRACT.get(folded(value)):
        return ours
    raise Wrong(
        "This kind of contract is not known.",
        "Use permanent, fixed term, agency or student, or say in the mapping file which it is (values: contract: …).",
    )


def registration(cell: Cell) -> str | None:
    """registered, conditions, suspended, removed or not registered."""
    value = text("registration_status", cell)
    if value is None:
        return None
    if ours := _REGISTRATION.get(folded(value)):
        return ours
    raise Wrong(
        "This registration status is not known.",
        "Use registered, conditions, suspended, removed or not registered, or say in the mapping file which it is.",
    )


def fte(cell: Cell) -> float | None:
    """Full-time equivalent, over 0 and at most 1, to three decimals."""
    value = text("fte", cell)
    if value is None:
        return None
    percent = value.endswith("%")
    try:
        share = float(value.rstrip("% ")) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise Wrong("Full-time equivalent is a number over 0 and at most 1.", "Use 1 for full time, 0.6 for three days of five.")
    return max(round(share, 3), 0.001)


@lru_cache(maxsize=2_000)
def working_days(value: str) -> str:
    """Working days as seven figures from Monday, 1 for a day worked: "Mon-Fri" → "1111100"."""
    plain = value.casefold().replace("to", "-").replace("–", "-").strip()
    if re.fullmatch(r"[01]{7}", plain):
        days = plain
    elif re.fullmatch(r"[01]{5}", plain):
        days = plain + "00"
    elif re.fullmatch(r"[m.\-_][t.\-_][w.\-_][t.\-_][f.\-_]([s.\-_][s.\-_])?", plain):
        days = "".join("1" if c.isalpha() else "0" for c in plain.ljust(7, "-"))
    else:
        days = _named_days(plain) or ""
    if "1" not in days:
        raise Wrong(
            "These working days are not understood.",
            "Write them as Mon-Fri, as Mon Tue Thu, or as seven figures from Monday: 1111100.",
        )
    return days


def _named_days(plain: str) -> str | None:
    worked = [False] * 7
    for part in re.split(r"[\s,;/&+]+", re.sub(r"\s*-\s*", "-", plain)):
        if not part or part == "and":
            continue
        ends = [[n for n, day in enumerate(_DAYS) if len(end) >= 2 and day.startswith(end.rstrip(".s"))] for end in part.split("-")]
        if len(ends) > 2 or any(len(end) != 1 for end in ends):
            return None
        first, last = ends[0][0], ends[-1][0]
        if first > last:
            return None
        worked[first : last + 1] = [True] * (last + 1 - first)
    return "".join("1" if day else "0" for day in worked)


def year(cell: Cell) -> int | None:
    """A year of qualification, taken from a whole date, too."""
    if isinstance(cell, date):
        return cell.year
    value = text("qualification_year", cell)
    if value is None:
        return None
    if not re.fullmatch(r"(19[4-9]\d|20\d\d)", value):
        raise Wrong("This is not a year.", "Give the year in four figures, such as 2019.")
    return int(value)


def yes_or_no(cell: Cell) -> bool | None:
    """Yes or no."""
    value = text("primary_post", cell)
    if value is None:
        return None
    word = folded(value)
    if word not in _YES and word not in _NO:
        raise Wrong("This is neither yes nor no.", "Write yes or no.")
    return word in _YES


def day(cell: Cell, month_first: bool = False) -> date | None:
    """A date: a spreadsheet's own, ISO, UK (day first), with the month's name, or a spreadsheet's serial number.

    Two-digit years: 00 to 68 are 2000 to 2068, 69 to 99 are 1969 to 1999. A day-first date is never read month first
    to make it fit.
    """
    if isinstance(cell, datetime):
        return _within(cell.date())
    if isinstance(cell, date):
        return _within(cell)
    if isinstance(cell, time | timedelta | bool):
        raise Wrong("This is a time, not a date.", "Give the date, such as 1 Sep 2026.")
    value = text("date", cell)
    return None if value is None else _day(value, month_first)


@lru_cache(maxsize=50_000)
def _day(value: str, month_first: bool) -> date:
    plain = re.sub(r"[T\s]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([ap]m|Z|[+-]\d\d:?\d\d)?$", "", value, flags=re.IGNORECASE)
    if re.fullmatch(r"[1-7]\d{4}(\.\d+)?", plain):
        return _within(date(1899, 12, 30) + timedelta(days=int(float(plain))))
    if found := re.fullmatch(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})", plain):
        return _date(int(found[1]), int(found[2]), int(found[3]), "year, month, day")
    if found := re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})", plain):
        first, second = int(found[1]), int(found[2])
        if month_first:
            return _date(_full_year(found[3]), first, second, "month, day, year, as the mapping file says")
        return _date(_full_year(found[3]), second, first, "day, month, year")
    plain = re.sub(r"^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", "", plain, flags=re.IGNORECASE)
    found = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?[-/. ]*([A-Za-z]{3,9})[-/., ]*(\d{4}|\d{2})", plain)
    if found and (month := _month(found[2])):
        return _date(_full_year(found[3]), month, int(found[1]), "day, month, year")
    raise Wrong("This is not a date.", "Write it as 2026-09-01, 01/09/2026 or 1 Sep 2026.")


def _month(word: str) -> int | None:
    word = "september" if word.lower() == "sept" else word.lower()
    return next((n for n, month in enumerate(_MONTHS, 1) if month.startswith(word)), None)


def _full_year(figures: str) -> int:
    if len(figures) == 4:
        return int(figures)
    return int(figures) + (2000 if int(figures) < 69 else 1900)


def _date(year_: int, month: int, day_: int, order: str) -> date:
    try:
        return _within(date(year_, month, day_))
    except ValueError:
        raise Wrong(f"There is no such date (read as {order}).", "Correct the date; dates with figures only are read day first.") from None


def _within(value: date) -> date:
    if value > LATEST or value < EARLIEST:
        raise Wrong(
            f"A date in {value.year} cannot be right here.",
            "Correct the date; leave the cell empty where there is none, instead of a stand-in.",
        )
    return value


def leaving_day(cell: Cell, month_first: bool = False) -> date | None:
    """A leaving date. Stand-ins for "none", such as 31/12/9999 or 31/12/2099, are read as none."""
    if isinstance(cell, date) and cell > LATEST:
        return None
    if isinstance(cell, str) and re.search(r"(?<!\d)(9999|2999|2099|4712)(?!\d)", cell):
        return None
    return day(cell, month_first)
