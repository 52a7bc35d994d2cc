"""The figures that are published of the census, from a return's own rows, by the published formulas.

turnover = FTE of leavers in the year / FTE in post; agency rate = agency FTE / (agency FTE + FTE in post);
vacancy rate = vacancies / (vacancies + FTE in post); caseload = cases / FTE of those who hold any, agency workers included;
absence = working days lost / (FTE in post × working days of a year); covered = agency workers covering vacancies / vacancies.
In post and leavers are employees; everything is as at the reference day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from app.census.checking import Values, number_of
from app.census.filling import amount
from app.census.guide import Guide

NOTHING = Decimal(0)


def totals(guide: Guide, people: Iterable[Values], authority: Values) -> dict[str, str]:
    """Sums as text, exactly: "in_post_fte", "in_post", "agency_fte", "agency", "leavers_fte", "leavers", "cases", "holders_fte",
    "holders", "days_lost", "vacancies", "covering_fte", "covering", and "role_1" and so on: people in post by role."""
    sums: dict[str, Decimal] = dict.fromkeys(
        ("in_post_fte", "in_post", "agency_fte", "agency", "leavers_fte", "leavers", "cases", "holders_fte", "holders", "days_lost"),
        NOTHING,
    )
    roles = dict.fromkeys((f"role_{code}" for code in guide.known["OrgRole"].choices), NOTHING)
    for values in people:
        _add(sums, roles, values)
    known = {"vacancies": "NumberOfVacancies", "covering_fte": "NoAgencyFTE", "covering": "NoAgencyHeadcount"}
    ours = {name: _number(authority, code) for name, code in known.items() if authority.get(code)}
    return {name: amount(value) for name, value in {**sums, **roles, **ours}.items()}


def _number(values: Values, code: str) -> Decimal:
    return number_of(values.get(code, "")) or NOTHING


def _add(sums: dict[str, Decimal], roles: dict[str, Decimal], values: Values) -> None:
    agency, left = values.get("AgencyWorker") == "1", bool(values.get("RoleEndDate"))
    if not agency:
        sums["days_lost"] += _number(values, "WorkingDaysLost")
    if left:
        if not agency:
            sums["leavers_fte"] += _number(values, "FTE")
            sums["leavers"] += 1
        return
    who = "agency" if agency else "in_post"
    fte, cases = _number(values, "FTE30"), _number(values, "Cases30")
    sums[f"{who}_fte"] += fte
    sums[who] += 1
    if f"role_{values.get('OrgRole')}" in roles:
        roles[f"role_{values['OrgRole']}"] += 1
    if cases > 0:
        sums["cases"] += cases
        sums["holders_fte"] += fte
        sums["holders"] += 1


def rates(guide: Guide, sums: Mapping[str, str]) -> dict[str, tuple[Decimal, Decimal]]:
    """Numerator and denominator of each published figure, by name. A denominator of nothing stays nothing; what is unknown is left out."""
    at = {name: Decimal(value) for name, value in sums.items()}
    if not at:
        return {}
    post = at["in_post_fte"]
    found = {
        "turnover": (at["leavers_fte"], post),
        "agency": (at["agency_fte"], at["agency_fte"] + post),
        "caseload": (at["cases"], at["holders_fte"]),
        "absence": (at["days_lost"], post * guide.working_days),
    }
    if "vacancies" in at:
        found["vacancy"] = at["vacancies"], at["vacancies"] + post
        if "covering_fte" in at:
            found["covered"] = at["covering_fte"], at["vacancies"]
    return found
