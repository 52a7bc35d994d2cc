"""What the details of a person may be, and their one form: names, e-mail addresses, numbers, dates. Pages, API and HR extracts ask here."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any

from app.core.errors import Invalid
from app.core.text import normal, search_words
from app.people.models import RegisterStatus

SWE_NUMBER = re.compile(r"^SW[1-9][0-9]{0,5}$")
# A plain address: no quotes, comments, groups or invisible characters, since mail programs do not agree on what those mean.
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL_PATTERN = rf"^{_WORD}(\.{_WORD})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])$"
LONGEST_EMAIL, LONGEST_LOCAL = 254, 64  # characters in all, and before the @
EMPLOYEE_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]*")  # nothing that a spreadsheet would run, and nothing invisible
LONGEST_EMPLOYEE_NUMBER = 40
DAYS = ("started_on", "leaving_on", "registered_from", "registered_until")
EARLIEST, LATEST = date(1940, 1, 1), date(2098, 12, 31)  # nobody at work today began before; later days are stand-ins for none


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


def employee_number(given: str | None) -> str | None:
    """An employee number without spaces, or Invalid. None and blank stay None. HR's extracts have the same rule, and put it in capitals."""
    number = "".join(normal(given or "").split())
    if not number:
        return None
    if len(number) > LONGEST_EMPLOYEE_NUMBER:
        problem = f"An employee number has {LONGEST_EMPLOYEE_NUMBER} characters or fewer"
    elif not EMPLOYEE_NUMBER.fullmatch(number):
        problem = "An employee number has letters, digits and . / - _ only, and begins with a letter or digit"
    else:
        return number
    raise Invalid(f"{problem}.", errors=[{"field": "employee_number", "message": problem}], code="bad-employee-number")


def person_values(values: dict[str, Any], sent: Collection[str] | None = None) -> dict[str, Any]:
    """Normalised columns of a person with those derived from them: shown name, order of lists, search text.

    `sent`: the columns that are said anew (None: all); what is held already need not fulfil a rule that came later.
    """
    new = values.keys() if sent is None else sent
    first, last = normal(values["first_name"]), normal(values["last_name"])
    blank = [field for field, given in (("first_name", first), ("last_name", last)) if not given]
    if blank:
        raise Invalid("A name is missing.", errors=[{"field": field, "message": f"Enter a {field.replace('_', ' ')}"} for field in blank])
    known = normal(values.get("known_as") or "") or None
    email = email_address(values.get("email"))
    number = swe_number(values.get("swe_number"))
    held = values.get("employee_number")
    employee = employee_number(held) if "employee_number" in new else normal(held or "") or None
    _check_plausible({field: values.get(field) for field in DAYS if field in new})
    check_employment(values.get("started_on"), values.get("leaving_on"))
    check_registration(values.get("registration_status"), values.get("registered_from"), values.get("registered_until"))
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
    """The last day is not before the first."""
    if started is not None and leaving is not None and leaving < started:
        message = f"The last day must not be before the first, {started:%d/%m/%Y}"
        raise Invalid("These dates cannot be right.", errors=[{"field": "leaving_on", "message": message}])


def check_registration(status: str | None, since: date | None, until: date | None) -> None:
    """The status is one that the register has; the last day of a registration is not before its first."""
    if status is not None and status not in {each.value for each in RegisterStatus}:
        message = f"Status must be one of: {', '.join(RegisterStatus)}"
        raise Invalid(f"{message}.", errors=[{"field": "registration_status", "message": message}], code="bad-registration-status")
    if since is not None and until is not None and until < since:
        message = f"The last day of the registration must not be before the first, {since:%d/%m/%Y}"
        raise Invalid("These dates cannot be right.", errors=[{"field": "registered_until", "message": message}])


def _check_plausible(days: dict[str, date | None]) -> None:
    """Days of an employment or a registration are within living memory and what can be planned, as in HR's extracts."""
    problems = [
        {"field": field, "message": f"This must be {EARLIEST:%d/%m/%Y} or later, and {LATEST:%d/%m/%Y} or earlier"}
        for field, day in days.items()
        if day is not None and not EARLIEST <= day <= LATEST
    ]
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
