"""Requirements and steps in words, for pages and for requirements whose file gives them no title."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.calendar import long_date
from app.core.text import plural

STATES = {"draft": "Draft", "published": "Published", "withdrawn": "Withdrawn"}
STATUSES = {
    "met": ("Met", "green"),
    "lapsing": ("About to lapse", "yellow"),
    "lapsed": ("Lapsed", "red"),
    "missing": ("Not met yet", "grey"),
}
"""What a requirement can be for somebody: words and colour of its tag."""
MECHANISMS = {
    "automatic": "Automatic, on passing a programme",
    "appraisal": "Appraisal",
    "statement_of_learning": "Statement of learning",
    "panel": "Panel",
    "application": "Application for a vacancy",
}
KINDS = {"promotion": "Promotion", "sideways": "Sideways move", "regrade": "Regrade"}
ROLES = {
    "line manager": "the line manager",
    "assessor": "the assessor",
    "coordinator": "the Academy",
    "principal social worker": "the principal social worker",
}
BUCKETS = {"experience": "learning by experience", "social": "learning with others", "formal": "formal learning"}
VERIFIED = {
    "true": "Seen in a published source",
    "partial": "Seen in part in a published source",
    "false": "The council’s own: no published source was seen",
}


def hours(minutes: int) -> str:
    """ "10 hours", "1 hour 30 minutes", "45 minutes"."""
    whole, rest = divmod(minutes, 60)
    return " ".join(part for part in (plural(whole, "hour") if whole else "", plural(rest, "minute") if rest or not whole else "") if part)


def asked(said: dict[str, Any]) -> str:
    """A requirement in words. `said` has its kind and parameters as a file says them, with the title if it was given one."""
    if said.get("title"):
        return str(said["title"])
    return _ASKED[said["kind"]](said)


def _within(said: dict[str, Any]) -> str:
    return f" within {plural(said['months'], 'month')}" if said.get("months") else ""


def _records(said: dict[str, Any]) -> str:
    sort = (
        (said.get("activity_title") or said.get("activity") or BUCKETS.get(said.get("bucket") or "", "learning")).lower().replace("_", " ")
    )
    amounts = [hours(said["minutes"])] if said.get("minutes") else []
    amounts += [plural(said["times"], "record")] if said.get("times") else []
    return f"{sort[:1].upper()}{sort[1:]}: {' and '.join(amounts)}{_within(said)}"


def _standard(said: dict[str, Any]) -> str:
    name = said.get("standard_title") or said["standard"]
    level = " in signed documents" if said.get("level") else ""
    return f"{name}: evidenced {'once' if said['times'] == 1 else plural(said['times'], 'time')}{level}{_within(said)}"


_ASKED: dict[str, Callable[[dict[str, Any]], str]] = {
    "course": lambda said: str(said.get("course_title") or said["course"]),
    "curriculum": lambda said: f"{said['curriculum']}, complete and in date",
    "programme": lambda said: f"{said.get('programme_title') or said['programme']} passed",
    "standard": _standard,
    "records": _records,
    "months_in_stage": lambda said: f"{plural(said['months'], 'month')} as {(said.get('stage_title') or said['stage']).lower()}",
    "registration": lambda _: "Registered with Social Work England, in good standing",
    "pdr": lambda said: f"Development review completed within {plural(said['months'], 'month')}",
    "supervision": lambda _: "Supervision up to date",
    "endorsement": lambda said: f"Endorsed by {ROLES[said['role']]}",
}


def rule(of: Any) -> str:
    """ "All of these", "Any 2 of these"."""
    return "All of these" if of.rule == "all" else f"Any {of.needed} of these"


def in_force(version: Any, today: date) -> str:
    """From when to when a version counts."""
    starts, ends = version.in_force_from, version.in_force_to
    if version.state == "draft":
        return "Not yet"
    if version.state == "withdrawn" and version.withdrawn_on:
        return f"Withdrawn from {long_date(version.withdrawn_on)}"
    if starts > today:
        return f"From {long_date(starts)}"
    return f"Since {long_date(starts)}" + (f", until {long_date(ends)}" if ends else "")


def applies(held: dict[str, Any], stages: dict[str, str]) -> str:
    """Whom a step is for, in a sentence; `stages`: titles by code."""
    said = [", ".join(stages.get(code, code) for code in held["stages"])] if held.get("stages") else []
    said += [" or ".join(held["contracts"])] if held.get("contracts") else []
    said += [" or ".join(held["roles"])] if held.get("roles") else []
    said += ["the council’s own staff only"] if held.get("host_only") else []
    said += ["settings’ staff too"] if held.get("settings") else []
    return "; ".join(said) or "Everybody"


# How a requirement stands ----------------------------------------------------------------------------------------------

_MET = {
    "course": "Completed on",
    "curriculum": "Complete since",
    "programme": "Passed on",
    "standard": "Evidenced, last on",
    "records": "Reached, last entry on",
    "months_in_stage": "Reached on",
    "registration": "Registered since",
    "pdr": "Completed on",
    "supervision": "Last held on",
    "endorsement": "Endorsed on",
}


def standing(line: Any, today: date) -> str:
    """What shows that a requirement is met and until when; or what is lacking and how much there is."""
    if line.holds:
        said = f"{_MET[line.row.kind]} {long_date(line.met_on)}" if line.met_on else "Met"
        return said + (f"; counts until {long_date(line.expires_on)}" if line.expires_on else "")
    if line.status == "lapsed" and line.expires_on:
        return f"Counted until {long_date(line.expires_on)}"
    if line.row.kind == "months_in_stage" and line.met_on and line.met_on > today:
        return f"Reached on {long_date(line.met_on)}"
    if line.inside:
        return f"{line.inside - len(line.lacking)} of {plural(line.inside, 'course')} in date"
    return _lacking(line)


def _lacking(line: Any) -> str:
    if line.so_far is None:
        return ""
    records, minutes = line.so_far
    said = [f"{hours(minutes)} of {hours(line.row.minutes)}"] if line.row.minutes else []
    said += [f"{records} of {plural(line.row.times, 'record')}"] if line.row.times else []
    return f"So far {' and '.join(said)}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads another person's pathway, and what they may open about that person."""

    person_id: int  # whose pathway it is
    books: bool  # may they book for the person?
    supervision: bool  # may they see when the person was supervised?


def course(slug: str, reader: Reader | None = None) -> str:
    """The address of a course; for somebody else, where the reader may book for them."""
    return f"/courses/{slug}" + (f"?for={reader.person_id}" if reader is not None and reader.books else "")


def mend(line: Any, reader: Reader | None = None) -> tuple[str, str] | None:
    """(words, address) of where an unmet or lapsing requirement can be seen to, if it can; for the person, or for a `reader` of theirs."""
    if line.row.kind == "course":
        return "See the course" if reader is not None and not reader.books else "Find a date", course(line.row.slug, reader)
    if reader is None:
        return _OWN.get(line.row.kind)
    sees = line.row.kind == "supervision" and reader.supervision
    return ("See supervision", f"/people/{reader.person_id}/supervision") if sees else None


_OWN = {
    "programme": ("My programme", "/my-programme"),
    "standard": ("Add a record", "/my-learning/records/new"),
    "records": ("Add a record", "/my-learning/records/new"),
    "registration": ("My details", "/my-details"),
    "supervision": ("My supervision", "/supervision"),
    "pdr": ("My development review", "/pdr"),
}
