"""What a course has to be, field by field: what was given, tidied, or every problem with it in words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal, select

from app.core.db import Key, is_postgresql
from app.core.errors import Conflict, Invalid
from app.core.forms import Problems
from app.core.text import normal
from app.core.tx import Tx
from app.frameworks.models import Standard
from app.learning.models import Bucket, Course, CourseKind, Prerequisite, Provider, Series
from app.people.models import CareerStage

MOST_STANDARDS = 5  # few, never a tick-list
TEXTS = {"title": 150, "summary": 1000, "outcomes": 3000, "audience": 500, "materials": 3000}  # longest, in characters
NUMBERS = {"cpd_minutes": (0, 60_000), "cost_pence": (0, 10_000_000), "validity_months": (1, 240), "approval_days": (1, 60)}
LABELS = {
    "title": "Title",
    "summary": "Summary",
    "outcomes": "Learning outcomes",
    "audience": "Who it is for",
    "materials": "Materials",
    "cpd_minutes": "CPD time",
    "cost_pence": "Cost",
    "validity_months": "Months it stays in date",
    "approval_days": "Working days to answer in",
}
COLUMNS = (
    *TEXTS,
    *NUMBERS,
    "kind",
    "bucket",
    "provider_id",
    "series_id",
    "refresher_id",
    "audience_stages",
    "needs_approval",
    "approver",
    "completes",
    "certificate",
)


def paragraphs(text: str) -> str:
    """Several lines, each tidied; blank ones left out."""
    return "\n".join(line for line in map(normal, text.splitlines()) if line)


def course_values(tx: Tx, given: dict[str, Any]) -> dict[str, Any]:
    """The columns of a course as they will be stored, from all its values; Invalid with every field that is wrong."""
    problems = Problems()
    values = {key: given[key] for key in COLUMNS if key in given}
    for name, longest in TEXTS.items():
        if name in values:
            values[name] = (paragraphs if name in ("outcomes", "materials") else normal)(values[name] or "")
            if len(values[name]) > longest:
                problems.add(name, f"{LABELS[name]} must be {longest:,} characters or fewer")
    if len(values.get("title", "")) < 3:
        problems.add("title", "Enter a title")
    for name, (least, most) in NUMBERS.items():
        number = values.get(name)
        if number is not None and not least <= number <= most:
            problems.add(name, f"{LABELS[name]} must be between {least:,} and {most:,}")
    if values.get("kind") not in {kind.value for kind in CourseKind}:
        problems.add("kind", "Choose the kind of course from the list")
    if values.get("bucket", Bucket.FORMAL) not in {bucket.value for bucket in Bucket}:
        problems.add("bucket", "Choose what it counts towards from the list")
    if values.get("approver", "manager") not in ("manager", "coordinator"):
        problems.add("approver", "Choose who approves")
    _known(tx, values, problems)
    if values.get("refresher_id") is not None and values.get("validity_months") is None:
        problems.add("validity_months", "Enter how many months it stays in date, since a refresher renews it")
    _stages(tx, values, problems)
    problems.raise_any()
    return values


def _known(tx: Tx, values: dict[str, Any], problems: Problems) -> None:
    """What the course points at must be there."""
    named: tuple[tuple[str, Any, str], ...] = (
        ("provider_id", Provider, "Choose the provider from the list"),
        ("series_id", Series, "Choose the series from the list"),
        ("refresher_id", Course, "Choose the refresher from the list"),
    )
    for name, table, message in named:
        if values.get(name) is not None and tx.scalar(select(table.id).where(table.id == values[name])) is None:
            problems.add(name, message)


def _stages(tx: Tx, values: dict[str, Any], problems: Problems) -> None:
    """Codes of career stages, as a list or separated by commas; stored in the order of rank, so that equal sets are equal."""
    given = values.get("audience_stages")
    if given is None:
        return
    codes = [code.strip() for code in (given.split(",") if isinstance(given, str) else given) if code.strip()]
    known = list(
        tx.db.execute(select(CareerStage.code).where(CareerStage.code.in_(codes)).order_by(CareerStage.rank, CareerStage.code)).scalars()
    )
    if set(codes) - set(known):
        problems.add("audience_stages", "Choose career stages from the list")
    values["audience_stages"] = ",".join(known)


def standards(tx: Tx, codes: list[str]) -> list[str]:
    """The standards a course supports: at most five, all of them known."""
    codes = list(dict.fromkeys(codes))
    if len(codes) > MOST_STANDARDS:
        raise _wrong("standards", f"Choose at most {MOST_STANDARDS} standards: the ones it supports most")
    known = set(tx.db.execute(select(Standard.code).where(Standard.code.in_(codes))).scalars()) if codes else set()
    if set(codes) - known:
        raise _wrong("standards", "Choose standards from the list")
    return codes


def prerequisites(tx: Tx, course_id: int | None, requires: list[int]) -> list[int]:
    """The courses that one asks for first. Refuses a course that, directly or by way of others, asks for this one first."""
    requires = list(dict.fromkeys(requires))
    if not requires:
        return requires
    if is_postgresql(tx.db):  # two halves of a circle must not be drawn at the same moment
        tx.db.exec_driver_sql("LOCK TABLE prerequisites IN SHARE ROW EXCLUSIVE MODE")
    titles = {row.id: row.title for row in tx.rows(select(Course.id, Course.title).where(Course.id.in_(requires)))}
    if len(titles) < len(requires):
        raise _wrong("requires", "Choose courses from the list")
    if course_id is None:
        return requires
    if course_id in requires:
        raise _wrong("requires", "A course cannot ask for itself first")
    above = select(literal(course_id, Key).label("id")).cte("above", recursive=True)
    above = above.union(select(Prerequisite.course_id).join(above, Prerequisite.requires_id == above.c.id))
    circle = tx.db.execute(select(above.c.id).where(above.c.id.in_(requires)).order_by(above.c.id)).scalars().first()
    if circle is not None:
        message = f"{titles[circle]} already asks for this course first, so this course cannot ask for it"
        raise Conflict(message + ".", code="prerequisite-circle", errors=[{"field": "requires", "message": message}])
    return requires


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": field, "message": message}])
