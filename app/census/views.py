"""What the pages of the census say: messages in words, how far a return is, and the published figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Row, func, select

from app.census import totals
from app.census.checking import AUTHORITY, ERROR, FORM, NEEDED, QUERY
from app.census.guide import Guide, Item
from app.census.models import CHECKED, DRAFT, SUBMITTED, CensusMessage, CensusPerson, CensusReturn
from app.census.rows import what_to_give
from app.core.tx import Tx
from app.people.models import Person

STATES = {DRAFT: ("Draft", "grey"), CHECKED: ("Checked: no errors", "blue"), SUBMITTED: ("Submitted", "green")}
KINDS = {ERROR: "Errors", QUERY: "Queries"}


def item_of(guide: Guide, code: str) -> Item:
    """An item about people or about the authority."""
    return guide.known.get(code) or guide.of_authority[code]


def words(guide: Guide, row: Row[Any]) -> tuple[str, str]:
    """(what is wrong, what to do) of a message."""
    item = item_of(guide, row.item)
    if row.rule == NEEDED:
        if row.number == AUTHORITY:
            return "It is missing", "Give it on the page of the authority’s figures"
        if item.by_academy:
            return "It is missing", "Correct the person’s details here and fill in again, or give it in your file"
        return "It is missing", "Give it in your file"
    if row.rule == FORM:
        said, remedy = what_to_give(item)
        return said, remedy
    rule = guide.ruled[row.rule]
    return rule.said, rule.remedy.removesuffix(".")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which messages: of a kind, about an item; empty for all."""

    kind: str = ""
    item: str = ""


def messages(tx: Tx, return_id: int, asked: Asked, *, offset: int = 0, limit: int | None = None) -> Sequence[Row[Any]]:
    """Messages with the person's employee number, by number of the return."""
    columns = (CensusMessage.number, CensusMessage.kind, CensusMessage.rule, CensusMessage.item, CensusMessage.value)
    statement = (
        select(*columns, Person.employee_number, Person.swe_number)
        .outerjoin(CensusPerson, (CensusPerson.return_id == CensusMessage.return_id) & (CensusPerson.number == CensusMessage.number))
        .outerjoin(Person, Person.id == CensusPerson.person_id)
        .where(CensusMessage.return_id == return_id)
        .order_by(CensusMessage.position)
    )
    if asked.kind:
        statement = statement.where(CensusMessage.kind == asked.kind)
    if asked.item:
        statement = statement.where(CensusMessage.item == asked.item)
    if limit is not None:
        statement = statement.offset(offset).limit(limit)
    return tx.rows(statement)


def counts(tx: Tx, return_id: int) -> list[Row[Any]]:
    """How many messages of each kind there are about each item."""
    by = (CensusMessage.kind, CensusMessage.item)
    return list(tx.rows(select(*by, func.count().label("number")).where(CensusMessage.return_id == return_id).group_by(*by)))


def who(row: Row[Any]) -> str:
    """By what a message names a person: the number in the return, and the employee number, or else the registration number."""
    if row.number == AUTHORITY:
        return "The authority"
    known = row.employee_number or row.swe_number
    return f"Person {row.number}" + (f" ({known})" if known else "")


@dataclass(frozen=True, slots=True)
class Filled:
    """How far one item is: of how many people it is needed, of how many it is missing, and who gave how many."""

    item: Item
    needed: int
    missing: int
    academy: int
    hr: int


def filled(guide: Guide, row: Row[Any]) -> list[Filled]:
    """Every item, those with most missing first within the Academy's and HR's."""
    found = [Filled(item, **row.summary[item.code]) for item in guide.items if item.code in row.summary]
    return sorted(found, key=lambda each: (each.item.from_ == "hr", -each.missing))


# Totals --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure with what it is made of."""

    title: str
    formula: str
    numerator: str
    denominator: str
    shown: str


_FIGURES: dict[str, tuple[str, str, str, str, bool]] = {  # name → title, formula, unit of the numerator, of the denominator, share
    "turnover": ("Turnover", "Leavers in the year as a share of those in post", "FTE who left", "FTE in post", True),
    "agency": ("Agency rate", "Agency workers as a share of agency workers and those in post", "agency FTE", "FTE together", True),
    "vacancy": ("Vacancy rate", "Vacancies as a share of vacancies and those in post", "vacant FTE", "FTE together", True),
    "covered": ("Vacancies covered", "Agency workers covering vacancies as a share of vacancies", "covering FTE", "vacant FTE", True),
    "caseload": ("Caseload", "Cases for each full-time holder of any, agency workers included", "cases", "FTE of holders", False),
    "absence": ("Absence rate", "Working days lost as a share of a year’s working days", "days lost", "working days", True),
}


def figures(guide: Guide, row: Row[Any]) -> list[Figure]:
    """The published figures as the page shows them."""
    found = totals.rates(guide, row.totals)
    made = []
    for name, (title, formula, above, below, share) in _FIGURES.items():
        if name not in found:
            made.append(Figure(title, formula, "", "", "Not known yet"))
            continue
        num, den = found[name]
        if not den:
            made.append(Figure(title, formula, f"{_plain(num)} {above}", f"{_plain(den)} {below}", "Nobody to count it of"))
            continue
        value = (100 * num / den if share else num / den).quantize(Decimal("0.1"), ROUND_HALF_UP)
        made.append(Figure(title, formula, f"{_plain(num)} {above}", f"{_plain(den)} {below}", f"{value}%" if share else f"{value}"))
    return made


def _plain(value: Decimal) -> str:
    text = f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def by_role(guide: Guide, sums: Mapping[str, str]) -> list[tuple[str, int]]:
    """People in post, agency workers included, by role."""
    return [(words, int(sums.get(f"role_{code}", 0))) for code, words in guide.known["OrgRole"].choices.items()]


# Returns -------------------------------------------------------------------------------------------------------------

LISTED = (
    "id", "organisation_id", "year", "version", "state", "people", "errors", "queries", "submitted_at", "touched_at", "erased_at", "digest",
)  # fmt: skip


def returns(tx: Tx, organisations: Sequence[int]) -> Sequence[Row[Any]]:
    """Returns of these organisations, newest first."""
    columns = [CensusReturn.__table__.c[name] for name in LISTED]
    mine = select(*columns).where(CensusReturn.organisation_id.in_(organisations))
    return tx.rows(mine.order_by(CensusReturn.year.desc(), CensusReturn.version.desc(), CensusReturn.id.desc()).limit(100))


def year_before(tx: Tx, row: Row[Any]) -> Row[Any] | None:
    """The latest return of the same council for the year before, with its totals; None: there is none."""
    return tx.one(
        select(CensusReturn.totals, CensusReturn.guide_id)
        .where(CensusReturn.organisation_id == row.organisation_id, CensusReturn.year == row.year - 1)
        .order_by((CensusReturn.state == SUBMITTED).desc(), CensusReturn.version.desc())
        .limit(1)
    )
