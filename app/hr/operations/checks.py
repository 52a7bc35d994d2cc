"""What can only be seen by comparing lines with each other and with the people already known: each a statement, each in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, insert, literal, or_, select

from app import policy
from app.core.declared import aliased
from app.core.facts import current
from app.core.tx import Tx
from app.hr.models import ImportProblem, ImportRow
from app.hr.operations.expressions import lines, problem_rows
from app.people.models import Duty, Person, Responsibility
from app.people.operations import EMAIL_NEEDS_ACCESS, EMAIL_WAY_OUT
from app.policy import Can

LOOPS_SHOWN = 50
NAMES_SHOWN = 6


def check(tx: Tx, found: Any) -> None:
    """Write every problem of a staged import whose lines have been matched and their employment worked out."""
    headings = found.headings

    def named(column: str, words: str) -> str:
        return str(headings.get(column, words))

    email, swe = named("email", "E-mail"), named("swe_number", "SWE number")
    number = named("employee_number", "Employee number")
    manager = named("manager_number", named("manager_email", "Manager"))
    for statement in (
        *_several_lines(found.id, headings),
        *_shared(tx, found.id, "email", email, "e-mail address"),
        *_shared(tx, found.id, "swe_number", swe, "Social Work England number"),
        _two_numbers(found.id, number),
        _no_start(found.id, named("start_date", "Start date")),
        *_managers(tx, found.id, manager, found.as_at),
        _addresses_of_roles(tx, found.id, email),
    ):
        tx.db.execute(statement)
    _loops(tx, found.id, manager, found.as_at)


def _several_lines(import_id: int, headings: dict[str, str]) -> Iterable[Any]:
    """Several lines of one person: one primary post, one name, one address; further posts with titles of their own."""
    row, other = ImportRow, aliased(ImportRow)

    def another(*how: Any) -> Any:
        return select(literal(1)).where(other.import_id == import_id, other.person_key == row.person_key, other.id != row.id, *how).exists()

    yield problem_rows(
        import_id, row, headings.get("primary_post", "Primary post"), literal("yes"),
        "Two lines for this person both say that theirs is the primary post.", "Mark one of them as primary.",
        row.primary_post.is_(True), row.person_key.is_not(None), another(other.primary_post.is_(True)),
    )  # fmt: skip
    yield problem_rows(
        import_id, row, headings.get("job_title", "Job title"), row.job_title,
        "Two further posts of this person have the same job title, so they cannot be told apart.", "Give them different titles.",
        row.lead.is_(False), row.job_title.is_not(None), another(other.lead.is_(False), other.job_title == row.job_title),
    )  # fmt: skip
    for column, words in (("last_name", "last name"), ("email", "e-mail address"), ("swe_number", "Social Work England number")):
        mine, theirs = getattr(row, column), getattr(other, column)
        yield problem_rows(
            import_id, row, headings.get(column, words), mine,
            f"Two lines for this person give different values for the {words}.",
            "Correct one of them, or correct the employee number if they are two people.",
            row.lead.is_(False), mine.is_not(None), another(other.lead.is_(True), theirs.is_not(None), theirs != mine),
        )  # fmt: skip


def _shared(tx: Tx, import_id: int, column: str, heading: str, words: str) -> Iterable[Any]:
    """One address or registration number, two people: in the file (a problem on both lines), or with somebody already known."""
    row, other = ImportRow, aliased(ImportRow)
    mine = getattr(row, column)
    yield problem_rows(
        import_id, row, heading, mine, f"Two people in the file have this {words}.",
        "Correct the line that is wrong. If both are one person, give both lines the same employee number.",
        row.person_key.is_not(None), mine.in_(_meaning_several(import_id, mine, row.person_key)),
    )  # fmt: skip
    held = getattr(Person, column)
    gives_up = select(literal(1)).where(
        other.import_id == import_id, other.person_id == Person.id, other.lead.is_(True), getattr(other, column).is_not(None),
        getattr(other, column) != held,
    )  # fmt: skip
    holder = (
        select(
            literal(f"This {words} already belongs to ")
            .concat(
                _known(tx, Person.name.concat(func.coalesce(literal(" (employee number ").concat(Person.employee_number).concat(")"), "")))
            )
            .concat(".")
        )
        .where(held == mine, Person.id != func.coalesce(row.person_id, 0), ~gives_up.exists())
        .correlate(row)
    )
    elsewhere = select(literal(1)).where(held == mine, Person.id != func.coalesce(row.person_id, 0), ~gives_up.exists()).correlate(row)
    yield problem_rows(
        import_id, row, heading, mine, holder.scalar_subquery(),
        "Correct the line. If it is the same person, give the employee number that they are known by.",
        mine.is_not(None), row.lead.is_(True), elsewhere.exists(),
    )  # fmt: skip


def _known(tx: Tx, words: Any) -> Any:
    """Words that say who `Person` is, for the people whom the actor may import; of anybody else only that there is somebody."""
    return case((policy.within_reach(tx, Can.IMPORT_PEOPLE, Person.id), words), else_="somebody else")


def address_of_role(tx: Tx) -> ColumnElement[bool]:
    """The line gives another address to somebody whose roles the actor could not have given."""
    row = ImportRow
    other = select(literal(1)).where(
        Person.id == row.person_id, row.email.is_distinct_from(Person.email), policy.beyond_access(tx, Person.id)
    )
    return and_(row.lead.is_(True), row.email.is_not(None), row.person_id.is_not(None), other.correlate(row).exists())


def _addresses_of_roles(tx: Tx, import_id: int, heading: str) -> Any:
    return problem_rows(
        import_id, ImportRow, heading, ImportRow.email, EMAIL_NEEDS_ACCESS,
        EMAIL_WAY_OUT, address_of_role(tx),
    )  # fmt: skip


def _meaning_several(import_id: int, value: Any, of: Any) -> Any:
    """Values that stand on lines of several different people (or keys): grouped once, whatever the size of the file."""
    several = select(value).where(lines(import_id, value.is_not(None), of.is_not(None)))
    return several.group_by(value).having(func.count(func.distinct(of)) > 1)


def _two_numbers(import_id: int, heading: str) -> Any:
    row = ImportRow
    return problem_rows(
        import_id, row, heading, row.employee_number, "Two lines with different numbers or addresses are one and the same person here.",
        "Give both lines the same employee number.", row.person_id.in_(_meaning_several(import_id, row.person_id, row.person_key)),
    )  # fmt: skip


def _no_start(import_id: int, heading: str) -> Any:
    row = ImportRow
    return problem_rows(
        import_id, row, heading, literal(""), "This person is new here, and nothing says when they start.", "Fill in the start date.",
        row.person_id.is_(None), row.lead.is_(True), row.started_on.is_(None),
    )  # fmt: skip


def _managers(tx: Tx, import_id: int, heading: str, as_at: date) -> Iterable[Any]:
    """A manager must be known, somebody else, and still here."""
    row, theirs = ImportRow, aliased(ImportRow)
    given = func.coalesce(row.manager_number, row.manager_email)
    yield problem_rows(
        import_id, row, heading, given, "Nobody here or in the file has this number or address.",
        "Correct the manager, add their line to the file, or leave the cell empty.",
        row.lead.is_(True), given.is_not(None), row.manager_id.is_(None), row.manager_row.is_(None),
    )  # fmt: skip
    yield problem_rows(
        import_id, row, heading, given, "The person is named as their own manager.", "Name their manager, or leave the cell empty.",
        row.lead.is_(True), or_(row.manager_row == row.id, row.manager_id == row.person_id),
    )  # fmt: skip
    in_file = select(theirs.leaves_on).where(theirs.id == row.manager_row)
    left_out = select(theirs.leaves_on).where(theirs.import_id == import_id, theirs.person_id == row.manager_id, theirs.line == 0)
    held = select(Person.leaving_on).where(Person.id == row.manager_id, row.manager_row.is_(None)).correlate(row)
    leaves = [last_day.scalar_subquery() for last_day in (in_file, left_out, held)]
    name = func.coalesce(
        select(theirs.name).where(theirs.id == row.manager_row).scalar_subquery(),
        select(_known(tx, Person.name)).where(Person.id == row.manager_id).scalar_subquery(),
    )
    gone = case((leaves[1].is_not(None), " is not in this full extract, so they count as having left."), else_=" has left.")
    stays = and_(row.leaves_on.is_(None) | (row.leaves_on >= as_at), row.label.is_(None))
    yield problem_rows(
        import_id, row, heading, given, literal("The manager ").concat(name).concat(gone),
        "Name the manager who took over, or leave the cell empty until there is one. If they are still here, the file lacks their line.",
        row.lead.is_(True), given.is_not(None), stays, or_(*(last_day < as_at for last_day in leaves)),
    )  # fmt: skip


def _loops(tx: Tx, import_id: int, heading: str, as_at: date) -> None:
    """People who would manage each other in a circle. One pass over ids in memory: a person's id, or minus the line's for somebody new."""
    row = ImportRow
    staged = tx.db.execute(
        select(row.id, row.line, row.person_id, row.manager_id, row.manager_row)
        .where(lines(import_id, row.lead.is_(True), row.line > 0))
        .order_by(row.line)
    ).all()
    keys = {line.id: line.person_id or -line.id for line in staged}
    held = (
        select(Responsibility.person_id, Responsibility.holder_id)
        .where(Responsibility.kind == Duty.MANAGER.value, current(Responsibility, as_at))
        .order_by(Responsibility.person_id)
    )
    above = {person: holder for person, holder in tx.db.execute(held) if person is not None}
    in_file: dict[int, int] = {}
    says_nothing = {keys[line.id] for line in staged if line.manager_id is None and line.manager_row is None}
    for line in staged:
        if line.manager_row is not None or line.manager_id is not None:
            above[keys[line.id]] = keys.get(line.manager_row, 0) or line.manager_id
            in_file[keys[line.id]] = line.id
    for key in says_nothing:
        above.pop(key, None)
    loops = [loop for loop in circles(above) if len(loop) > 1 and any(key in in_file for key in loop)][:LOOPS_SHOWN]
    names = _names(tx, loops)
    problems = []
    for loop in loops:
        words = [names[key] for key in loop]
        shown = words[:NAMES_SHOWN] + ([f"{len(words) - NAMES_SHOWN} more"] if len(words) > NAMES_SHOWN else [])
        where = [in_file[key] for key in loop if key in in_file]
        given = func.coalesce(row.manager_number, row.manager_email, "")
        wrong = f"These people would manage each other in a circle: {' → '.join([*shown, words[0]])}."
        common = dict(import_id=import_id, column_name=heading, wrong=wrong, remedy="Correct the manager of one of them.", checked=True)
        cells = tx.db.execute(select(row.line, given).where(row.id.in_(where[:NAMES_SHOWN])))
        problems += [{**common, "line": at, "value": value} for at, value in cells]
    if problems:
        tx.db.execute(insert(ImportProblem), problems)


def circles(above: dict[int, int]) -> list[list[int]]:
    """The circles in a map of everyone's one manager, each once, in the order of the line upwards."""
    state: dict[int, int] = {}
    found = []
    for mark, start in enumerate(above, 1):
        path = []
        key: int | None = start
        while key is not None and key not in state:
            state[key] = mark
            path.append(key)
            key = above.get(key)
        if key is not None and state[key] == mark:
            found.append(path[path.index(key) :])
    return found


def _names(tx: Tx, loops: list[list[int]]) -> dict[int, str]:
    keys = [key for loop in loops for key in loop]
    people = tx.db.execute(select(Person.id, _known(tx, Person.name)).where(Person.id.in_([key for key in keys if key > 0]))).all()
    new = tx.db.execute(select(-ImportRow.id, ImportRow.name).where(ImportRow.id.in_([-key for key in keys if key < 0]))).all()
    return dict(people) | dict(new)
