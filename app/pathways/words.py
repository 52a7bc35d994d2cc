"""Requirements and steps in words, for pages and for requirements whose file gives them no title."""

from __future__ import annotations

from collections.abc import Callable
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
    "line manager": "their line manager",
    "assessor": "their assessor",
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
    level = f" at the level “{said['level']}”" if said.get("level") else ""
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
