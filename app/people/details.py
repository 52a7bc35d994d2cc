"""What the details of a person may be, and their one form: names, e-mail addresses, numbers, dates. Pages, API and HR extracts ask here."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from app.core.errors import Invalid
from app.core.text import normal, search_words

SWE_NUMBER = re.compile(r"^SW[1-9][0-9]{0,5}$")
# A plain address: no quotes, comments, groups or invisible characters, since mail programs do not agree on what those mean.
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL_PATTERN = rf"^{_WORD}(\.{_WORD})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])$"
LONGEST_EMAIL, LONGEST_LOCAL = 254, 64  # characters in all, and before the @
EARLIEST = date(1940, 1, 1)  # nobody at work today began before


def swe_number(given: str | None) -> str | None:
    """The canonical form of a Social Work England number ("sw 1234" → "SW1234"), or Invalid. None and blank stay None."""
    if not given or not given.strip():
        return None
    canonical = re.sub(r"\s+", "", given).upper()
    if not SWE_NUMBER.match(canonical):
        raise Invalid(
            "Social Work England number must be SW and up to 6 digits, like SW123456.",
            errors=[{"field": "swe_number", "message": "Social Work England number must be SW and up to 6 digits, like SW123456"}],
            code="bad-swe-number",
        )
    return canonical


def is_email(given: str) -> bool:
    """Is this one plain e-mail address? Pages, API and HR extracts all ask here."""
    local = given.partition("@")[0]
    return len(given) <= LONGEST_EMAIL and len(local) <= LONGEST_LOCAL and re.fullmatch(EMAIL_PATTERN, given) is not None


def email_address(given: str | None) -> str | None:
    """A work e-mail address in lower case, or Invalid. None and blank stay None."""
    email = (given or "").strip().lower() or None
    if email and not is_email(email):
        raise Invalid(
            "E-mail address is not right.", errors=[{"field": "email", "message": "Enter an e-mail address like name@example.gov.uk"}]
        )
    return email


def person_values(values: dict[str, Any]) -> dict[str, Any]:
    """Normalised columns of a person with those derived from them: shown name, order of lists, search text."""
    first, last = normal(values["first_name"]), normal(values["last_name"])
    blank = [field for field, given in (("first_name", first), ("last_name", last)) if not given]
    if blank:
        raise Invalid("A name is missing.", errors=[{"field": field, "message": f"Enter a {field.replace('_', ' ')}"} for field in blank])
    known = normal(values.get("known_as") or "") or None
    email = email_address(values.get("email"))
    number = swe_number(values.get("swe_number"))
    employee = normal(values.get("employee_number") or "") or None
    check_employment(values.get("started_on"), values.get("leaving_on"))
    return {
        **values,
        "first_name": first,
        "last_name": last,
        "known_as": known,
        "name": f"{known or first} {last}",
        "sort_name": search_words(last) + ", " + search_words(known or first),
        "email": email,
        "swe_number": number,
        "employee_number": employee,
        "search_text": search_words(first, last, known or "", email or "", number or "", employee or ""),
    }


def check_employment(started: date | None, leaving: date | None) -> None:
    """The last day is not before the first, and neither is before living memory."""
    problems = [
        {"field": field, "message": f"This must be {EARLIEST:%d/%m/%Y} or later"}
        for field, day in (("started_on", started), ("leaving_on", leaving))
        if day is not None and day < EARLIEST
    ]
    if started is not None and leaving is not None and leaving < started:
        problems.append({"field": "leaving_on", "message": f"The last day must not be before the first, {started:%d/%m/%Y}"})
    if problems:
        raise Invalid("These dates cannot be right.", errors=problems)


def check_begins(from_: date) -> None:
    """A dated fact begins in living memory."""
    if from_ < EARLIEST:
        message = f"This must be {EARLIEST:%d/%m/%Y} or later"
        raise Invalid("This date cannot be right.", errors=[{"field": "effective_from", "message": message}])


def check_working_days(mask: str) -> None:
    """Seven digits, Monday first, 1 where they work, which is on some day."""
    if not re.fullmatch("[01]*1[01]*", mask) or len(mask) != 7:
        raise Invalid("They must work on some day.", errors=[{"field": "working_days", "message": "Choose the days they work"}])
