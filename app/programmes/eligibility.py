"""Who may take part in a programme, and for whom its grant can be claimed: every check with its reason in words.

The rules are the version's (`eligibility` and `grant` of its definition). What the service cannot see for itself, such as what an agency
agreed with the council, somebody from the Academy confirms; that is kept with the enrolment.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from app.core.calendar import long_date
from app.people.models import Contract
from app.programmes.operations.involving import registered
from app.programmes.terms import Definition

CONFIRMABLE = {
    "role": "Their role lets them show that they meet the standards.",
    "agency": "Their agency and the council have agreed who does what.",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `ask`: somebody from the Academy may confirm what the service cannot see."""

    code: str
    ok: bool
    words: str
    ask: bool = False

    def kept(self) -> dict[str, Any]:
        """As it is kept with the enrolment."""
        return {"code": self.code, "ok": self.ok, "words": self.words}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be enrolled, as known for their first day."""

    person: Row[Any]  # of people
    job_title: str | None
    contract: str | None
    starts_on: date
    funded_before: bool = False  # the grant for this programme was claimed for them, here or elsewhere


def to_take_part(candidate: Candidate, definition: Definition, confirmed: Collection[str] = ()) -> list[Check]:
    """What it takes to be enrolled. Nobody is enrolled while one of these does not hold."""
    rules = definition.get("eligibility") or {}
    found = [_registration(candidate, rules.get("registered", "not_needed"))]
    if rules.get("statutory_role"):
        found.append(_role(candidate, "role" in confirmed))
    if candidate.contract == Contract.AGENCY:
        found.append(_agency(rules.get("agency", "allowed"), "agency" in confirmed))
    return found


def _registration(candidate: Candidate, rule: str) -> Check:
    person = candidate.person
    if rule == "not_needed":
        return Check("registration", True, "Registration with Social Work England is not needed.")
    if registered(person, candidate.starts_on):
        return Check("registration", True, f"Registered with Social Work England: {person.swe_number}.")
    if rule == "by_completion":
        return Check("registration", True, "Not registered with Social Work England yet. This is needed by the end of the programme.")
    if not person.swe_number:
        return Check("registration", False, "No Social Work England number is known. Only registered social workers can take part.")
    if person.registered_from is not None and person.registered_from > candidate.starts_on:
        return Check("registration", False, f"Their registration begins on {long_date(person.registered_from)}, after the start.")
    if person.registered_until is not None and person.registered_until < candidate.starts_on:
        return Check("registration", False, f"Their registration ends on {long_date(person.registered_until)}, before the start.")
    return Check("registration", False, f"Their registration with Social Work England is “{person.registration_status}”.")


def _role(candidate: Candidate, confirmed: bool) -> Check:
    job = candidate.job_title
    if job and candidate.contract != Contract.STUDENT and "social worker" in job.lower():
        return Check("role", True, f"In a social work role: {job}.")
    if confirmed:
        return Check("role", True, f"The Academy confirmed: {CONFIRMABLE['role']}")
    said = f"Their post is “{job}”" if job else "No post is known for them on the first day"
    return Check("role", False, f"{said}. Somebody from the Academy must confirm that it lets them meet the standards.", ask=True)


def _agency(rule: str, confirmed: bool) -> Check:
    if rule == "not_allowed":
        return Check("agency", False, "Agency workers cannot take part in this programme.")
    if rule in ("allowed", "without_grant"):
        return Check("agency", True, "An agency worker: they can take part.")
    if confirmed:
        return Check("agency", True, f"The Academy confirmed: {CONFIRMABLE['agency']}")
    words = "An agency worker. Somebody from the Academy must confirm that the agency and the council have agreed who does what."
    return Check("agency", False, words, ask=True)


def for_grant(candidate: Candidate, definition: Definition) -> list[Check]:
    """What it takes to claim the grant; whoever does not meet it may take part all the same. Empty: the programme brings no grant."""
    grant = definition.get("grant")
    if not grant:
        return []
    rules = definition.get("eligibility") or {}
    found = [
        Check("registration", registered(candidate.person, candidate.starts_on), "Registered with Social Work England on the first day.")
    ]
    if not found[0].ok:
        found = [Check("registration", False, "Not registered with Social Work England on the first day.")]
    if rules.get("max_years_for_grant"):
        found.append(_years(candidate, int(rules["max_years_for_grant"])))
    if candidate.contract == Contract.AGENCY and rules.get("agency") == "without_grant":
        found.append(Check("agency", False, "No grant is paid for agency workers."))
    if rules.get("funded_before") == "without_grant":
        words = "The grant was claimed for them before." if candidate.funded_before else "The grant was not claimed for them before."
        found.append(Check("funded", not candidate.funded_before, words))
    if grant.get("funded_until"):
        found.append(_funded(candidate.starts_on, _date(grant["funded_until"])))
    return found


def _years(candidate: Candidate, most: int) -> Check:
    """Only the calendar year of qualifying is known; in the year in which the limit falls, the grant can still be claimed."""
    year = candidate.person.qualified_in
    if year is None:
        return Check("years", False, f"The year they qualified is not known. The grant is for up to {most} years after it.")
    since = max(0, candidate.starts_on.year - year)
    if since <= most:
        return Check("years", True, f"Qualified in {year}: within {most} years of the start.")
    return Check(
        "years", False, f"Qualified in {year}, {since} years before the start. The grant is for up to {most} years after qualifying."
    )


def _funded(starts_on: date, until: date) -> Check:
    if starts_on <= until:
        return Check("funding", True, f"The grant is paid for starts until {long_date(until)}.")
    return Check("funding", False, f"The grant ends on {long_date(until)}, before the start.")


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
