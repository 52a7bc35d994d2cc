"""Definitions in words, for pages."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.core.calendar import long_date
from app.core.text import plural

KINDS = {
    "early_career": "First years in practice",
    "apprenticeship": "Apprenticeships",
    "leadership": "Leadership",
    "development": "Development",
    "return_to_practice": "Return to practice",
    "induction": "Induction",
}
VERIFIED = {
    "true": "Seen in a published source",
    "partial": "Seen in part in a published source",
    "false": "Not seen in a published source",
}
DOCUMENT_KINDS = {
    "form": "Form",
    "observation": "Direct observation",
    "professional_feedback": "Feedback from professionals",
    "family_feedback": "Feedback from people supported",
    "review": "Review",
    "agreement": "Agreement",
    "self_assessment": "Self-assessment",
    "plan": "Plan",
    "upload": "Uploaded document",
}
ITEM_TYPES = {
    "text": "Text",
    "short": "One line",
    "date": "Date",
    "choice": "One of a few answers",
    "yes_no": "Yes or no",
    "number": "Number",
}
MEASURES = {
    "supervision": "supervision as often as required",
    "workload": "workload as agreed",
    "protected_time": "protected time used",
    "off_the_job": "off-the-job hours",
    "ksbs": "knowledge, skills and behaviours covered",
    "english_maths": "English and maths decided",
    "safeguarding": "safeguarding training in date",
    "minimum_months": "shortest length reached",
}
SUPERVISION = {
    "professional": "professional",
    "reflective": "reflective",
    "case": "case",
    "group_reflective": "group reflective",
    "management_oversight": "management oversight",
    "conference_chair": "conference chair",
}
_AGENCY = {
    "allowed": "Agency workers may take part.",
    "by_agreement": "Agency workers may take part if the agency and the council agree.",
    "without_grant": "Agency workers may take part, and no grant can be claimed for them.",
    "not_allowed": "Agency workers cannot take part.",
}
_REGISTERED = {
    "required": "Registered with Social Work England.",
    "not_needed": "Registration with Social Work England is not needed.",
    "by_completion": "Registered with Social Work England by the end.",
}
_DECIDES = {"confirm": "confirms", "return": "returns it", "not_confirmed": "does not confirm"}


def starts(first: date | None, last: date | None) -> str:
    """Which start dates something is for."""
    if first and last:
        return f"From {long_date(first)} to {long_date(last)}"
    if first:
        return f"From {long_date(first)}"
    return f"Until {long_date(last)}" if last else "Any date"


def roles(definition: dict[str, Any]) -> dict[str, str]:
    """Titles of a programme's roles by their code."""
    return {role["code"]: role["title"] for role in definition["roles"]}


def named(codes: list[str], titles: dict[str, str]) -> str:
    """Roles by their titles, joined: "Assessor, line manager"."""
    said = [titles.get(code, code) for code in codes]
    return ", ".join([*said[:1], *(_lower(words) for words in said[1:])])


def _lower(words: str) -> str:
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def eligibility(definition: dict[str, Any]) -> list[str]:
    """Who may take part, a sentence each."""
    held = definition["eligibility"]
    said = [_REGISTERED[held["registered"]]]
    if held["statutory_role"]:
        said.append("In a statutory child and family role.")
    if held["max_years_for_grant"]:
        said.append(
            f"For the grant, qualified no more than {plural(held['max_years_for_grant'], 'year')} ago; others may take part without it."
        )
    if held["funded_before"] == "without_grant":
        said.append("No grant for anybody for whom one was paid before; they may take part without it.")
    return [*said, _AGENCY[held["agency"]], *held["notes"]]


def grant(definition: dict[str, Any]) -> str:
    """What can be claimed, in one sentence; empty if nothing."""
    held = definition["grant"]
    if not held:
        return ""
    parts = f"£{held['at_registration_gbp']:,} at registration and £{held['at_completion_gbp']:,} at completion"
    until = f", until {long_date(date.fromisoformat(held['funded_until']))}" if held["funded_until"] else ""
    return f"£{held['total_gbp']:,} for each person: {parts}{until}. {held['note']}".strip()


def outcome(definition: dict[str, Any]) -> str:
    """Who recommends and who confirms which outcomes."""
    titles = roles(definition)
    said = " or ".join(definition["outcomes"])
    parts = [said[:1].upper() + said[1:]]
    if definition["recommended_by"]:
        parts.append(f"recommended by the {_lower(titles[definition['recommended_by']])}")
    if definition["confirmed_by"]:
        whom = "panel" if definition["confirmed_by"] == "panel_member" else _lower(titles[definition["confirmed_by"]])
        parts.append(f"confirmed by the {whom}")
    return ", ".join(parts)


def panel(definition: dict[str, Any]) -> str:
    """How the panel decides."""
    held = definition["panel"]
    decides = [_DECIDES[each] for each in held["decides"]]
    said = f"It {', '.join(decides[:-1])} or {decides[-1]}" if len(decides) > 1 else f"It {decides[0]}"
    reading = f". Members have {plural(held['reading_days'], 'working day')} to read" if held["reading_days"] else ""
    sample = held["external_sample_percent"]
    return f"{said}{reading}.{f' {sample}% of portfolios go to external moderation.' if sample else ''}"


def minimums(definition: dict[str, Any]) -> list[str]:
    """The fewest pieces of evidence, a line each."""
    held = definition["minimum_evidence"]
    lines = (
        ("direct_observations", "direct observation", ""),
        ("feedback_from_people_supported", "piece of feedback from people supported", "pieces of feedback from people supported"),
        ("feedback_from_professionals", "piece of feedback from professionals", "pieces of feedback from professionals"),
        ("self_assessments", "self-assessment", ""),
    )
    return [plural(held[name], one, many or f"{one}s") for name, one, many in lines if held[name]]


def checklist(definition: dict[str, Any], documents: dict[str, str]) -> list[tuple[str, str]]:
    """(line, when it is met) for each line of the checklist."""
    titles = roles(definition)
    lines = []
    for line in definition["checklist"]:
        met = []
        if line["signed"]:
            met.append(f"signed: {', '.join(documents[code] for code in line['signed'])}")
        if line["complete"]:
            met.append(f"complete: {', '.join(documents[code] for code in line['complete'])}")
        if line["kind"]:
            met.append(f"at least {line['at_least']}: {DOCUMENT_KINDS[line['kind']].lower()}")
        if line["measure"]:
            met.append(f"counted by the service: {MEASURES[line['measure']]}")
        if line["confirmed_by"]:
            met.append(f"said by: {titles[line['confirmed_by']]}")
        lines.append((line["title"], "; ".join(met)))
    return lines


def changes(definition: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, who must agree and for what) for pause, extension, transfer and withdrawal."""
    titles = roles(definition)
    said = []
    for name, words in (("pause", "Pause"), ("extension", "Extension"), ("transfer", "Transfer"), ("withdrawal", "Withdrawal")):
        held = definition[name]
        if held is None:
            continue
        parts = [f"Agreed by: {named(held['agreed_by'], titles)}."]
        if held.get("reasons"):
            parts.append(f"For: {'; '.join(reason['title'] for reason in held['reasons'])}.")
        if held.get("not_for"):
            parts.append(f"Not for: {'; '.join(reason['title'] for reason in held['not_for'])}.")
        if held.get("maximum_months"):
            parts.append(f"At most {plural(held['maximum_months'], 'month')} in all.")
        said.append((words, " ".join(parts)))
    change = definition["assessor_change"]
    if change:
        said.append(("Change of assessor", f"{change['document']} is looked at again and signed by: {named(change['signed_by'], titles)}."))
    return said


def periods(definition: dict[str, Any]) -> list[str]:
    """How often supervision is due, a line for each period."""
    return [f"{_from(period)}: {period['label']}" for period in definition["periods"]]


def _from(period: dict[str, Any]) -> str:
    first = f"day {period['from_day'] + 1}" if period["from_day"] is not None else ""
    first = first or (f"month {period['from_month'] + 1}" if period["from_month"] is not None else "the start")
    last = f"day {period['to_day']}" if period["to_day"] else f"month {period['to_month']}" if period["to_month"] else "the end"
    return f"From {first} to {last}"


def reviews(definition: dict[str, Any]) -> str:
    """How often the three meet under these apprenticeship rules."""
    held = definition["progress_review"]
    often = f"Every {plural(held['every_months'], 'month')}" if held["every_months"] else f"Every {plural(held['every_weeks'], 'week')}"
    basis = ", counted to the end of that calendar month" if held["every_months"] else ""
    signed = ", signed by all" if held["signed"] else ""
    other = f". Another interval with {held['alternative_if']}" if held["alternative_if"] else ""
    return f"{often}{basis}{signed}{other}."
