"""Labelling: a handful of statements compare all staged lines with what is known and say what each would change.

For every person, one line leads (the primary post's). Four facts about them are stated by the file, each from a date:
team, stage, manager, primary post. A statement changes nothing when a held period already says the same, reaching back at
least to that date and on to today. Periods planned for later then stay; otherwise all that was held from that date on is
superseded. Where employment ends (or ends no longer), periods that ran to its old end run to its new one.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, false, func, insert, literal, not_, or_, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER
from app.core.declared import aliased
from app.core.errors import Conflict
from app.core.ledger import Audit
from app.core.tx import Tx
from app.hr.models import Import, ImportProblem, ImportRow, Label
from app.hr.operations import checks, matching
from app.hr.operations.expressions import covers, day, differs, end_after, fresh_statistics, later, lines
from app.hr.operations.leaving_runs import too_many
from app.hr.queries import find
from app.people.details import person_values
from app.people.models import Duty, Membership, Person, Post, Responsibility, Stage
from app.policy import Can, operation

WATCHED = ("people", "units", "unit", "imports")
"""What the ledger's rows are about when they make a preview out of date."""

NAMED = ("first_name", "last_name", "known_as", "email", "swe_number", "employee_number")
DETAILS = (*NAMED, "registration_status", "entry_route", "qualified_in", "started_on")
POST = ("job_title", "contract", "fte", "working_days", "practice_area")


@operation(Can.IMPORT_PEOPLE)
def label(tx: Tx, import_id: int) -> dict[str, Any]:
    """Compare a staged import with what is known now; returns the counts of the preview. Can be done again at any time."""
    found = find(tx, import_id, lock=True)
    if found.state != "staged":
        raise Conflict("This import has been applied or discarded already.", code="import-closed")
    mark = newest_change(tx)
    fresh_statistics(tx, ImportRow, Person, Membership, Stage, Responsibility, Post)
    _forget(tx, import_id)
    matching.match(tx, import_id, found.as_at)
    _employment(tx, import_id, found)
    if found.full_extract:
        _left_out(tx, import_id, found.as_at)
    matching.find_managers(tx, import_id)
    _compare(tx, import_id, found)
    _further_posts(tx, import_id, found.as_at)
    checks.check(tx, found)
    _say(tx, import_id, found.as_at)
    _texts(tx, import_id)
    counts = _count(tx, found)
    tx.update(Import, import_id, counts=counts, ledger_mark=mark)
    return counts


def newest_change(tx: Tx) -> int:
    """The newest audit row: what is recorded after it may make the preview out of date."""
    return int(tx.scalar(select(func.max(Audit.id))) or 0)


def _forget(tx: Tx, import_id: int) -> None:
    """What an earlier comparison found goes; what the file says stays."""
    tx.db.execute(delete(ImportProblem).where(ImportProblem.import_id == import_id, ImportProblem.checked.is_(True)))
    tx.db.execute(delete(ImportRow).where(ImportRow.import_id == import_id, ImportRow.line == 0))
    nothing = dict.fromkeys(("label", "person_id", "manager_id", "manager_row", "leaves_on", "old_end", "new_end", "since"))
    changes = ("person_changed", "unit_changed", "stage_changed", "manager_changed", "post_changed", "further_changed")
    stale = lines(import_id, or_(ImportRow.label.is_not(None), ImportRow.person_id.is_not(None)))
    tx.db.execute(update(ImportRow).where(stale).values(**nothing, extends=True, **dict.fromkeys(changes, False)))


def _employment(tx: Tx, import_id: int, found: Any) -> None:
    """When each person's employment began and ends, before and after this file, and from when its statements apply."""
    row, today = ImportRow, day(found.as_at)
    cleared = true() if "leaving_date" in found.headings else false()
    back = and_(Person.leaving_on.is_not(None), Person.leaving_on < today)
    leaves_on = case((row.leaving_on.is_not(None), row.leaving_on), (or_(back, cleared), None), else_=Person.leaving_on)
    returns = and_(back, or_(leaves_on.is_(None), leaves_on >= today), row.started_on.is_not(None), row.started_on > Person.leaving_on)
    started = func.coalesce(row.started_on, Person.started_on, today)
    since = case((returns, row.started_on), else_=later(today, started))
    known = dict(
        leaves_on=leaves_on,
        old_end=end_after(Person.leaving_on),
        new_end=end_after(leaves_on),
        extends=not_(returns),
        since=since,
        unit_since=later(func.coalesce(row.team_from, since), started),
        post_since=later(func.coalesce(row.post_from, since), started),
    )
    tx.db.execute(update(row).where(lines(import_id), row.person_id.is_not(None), Person.id == row.person_id).values(known))
    start = func.coalesce(row.started_on, today)
    new = dict(
        leaves_on=row.leaving_on,
        old_end=day(FOREVER),
        new_end=end_after(row.leaving_on),
        extends=True,
        since=start,
        unit_since=later(func.coalesce(row.team_from, start), start),
        post_since=later(func.coalesce(row.post_from, start), start),
    )
    tx.db.execute(update(row).where(lines(import_id, row.person_id.is_(None))).values(new))


def _left_out(tx: Tx, import_id: int, as_at: date) -> None:
    """Leavers by omission: people employed by the file's organisations whom it does not name. Each gets a row with line 0."""
    named = select(ImportRow.person_id).where(lines(import_id, ImportRow.person_id.is_not(None)))
    last_day = date.fromordinal(as_at.toordinal() - 1)
    gone = select(
        literal(import_id), literal(0), true(), Person.id, Person.organisation_id, Person.name, Person.sort_name, literal(""),
        day(last_day), day(last_day), end_after(Person.leaving_on), day(as_at), true(), day(as_at), day(as_at), day(as_at), true(),
    ).where(employed(import_id, as_at), Person.id.not_in(named))  # fmt: skip
    columns = [
        "import_id", "line", "lead", "person_id", "organisation_id", "name", "sort_name", "search_text", "leaving_on", "leaves_on",
        "old_end", "new_end", "extends", "since", "unit_since", "post_since", "person_changed",
    ]  # fmt: skip
    tx.db.execute(insert(ImportRow).from_select(columns, gone, include_defaults=True))


def employed(import_id: int, as_at: date) -> ColumnElement[bool]:
    """People of the organisations that the file names who were employed before its day and still are."""
    organisations = select(ImportRow.organisation_id).where(lines(import_id, ImportRow.organisation_id.is_not(None)))
    return and_(
        Person.organisation_id.in_(organisations),
        or_(Person.started_on.is_(None), Person.started_on < as_at),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= as_at),
    )


def _compare(tx: Tx, import_id: int, found: Any) -> None:
    """Which of a person's facts the file changes. For somebody new every statement is a change."""
    row, as_at = ImportRow, found.as_at
    unit, stage, duty, post = aliased(Membership), aliased(Stage), aliased(Responsibility), aliased(Post)

    def held(table: Any, since: Any, *what: ColumnElement[bool]) -> ColumnElement[bool]:
        return (
            select(literal(1)).select_from(table).where(table.person_id == row.person_id, covers(table, row, since, as_at), *what).exists()
        )

    managed = "manager_number" in found.headings or "manager_email" in found.headings
    a_manager = or_(row.manager_id.is_not(None), row.manager_row.is_not(None))
    has_manager = held(duty, row.since, duty.kind == Duty.MANAGER.value)
    right_manager = held(duty, row.since, duty.kind == Duty.MANAGER.value, duty.holder_id == row.manager_id)
    manager = case((a_manager, not_(right_manager)), else_=has_manager) if managed else false()
    says_post = or_(*(getattr(row, column).is_not(None) for column in POST))
    same_post = [getattr(post, column).is_not_distinct_from(func.coalesce(getattr(row, column), getattr(post, column))) for column in POST]
    any_post = or_(row.job_title.is_not(None), held(post, row.post_since, post.is_primary.is_(True)))
    flags = dict(
        unit_changed=and_(
            or_(row.new_unit.is_not(None), row.unit_id.is_not(None)),
            row.unit_since < row.new_end,
            not_(held(unit, row.unit_since, unit.unit_id == row.unit_id)),
        ),
        stage_changed=and_(row.stage.is_not(None), row.since < row.new_end, not_(held(stage, row.since, stage.stage == row.stage))),
        manager_changed=and_(row.since < row.new_end, manager),
        post_changed=and_(
            says_post, any_post, row.post_since < row.new_end, not_(held(post, row.post_since, post.is_primary.is_(True), *same_post))
        ),
    )
    from_file = lines(import_id, row.lead.is_(True), row.line > 0)
    tx.db.execute(update(row).where(from_file).values(flags))
    details = or_(*(differs(getattr(row, column), getattr(Person, column)) for column in DETAILS))
    changed = or_(details, row.leaves_on.is_distinct_from(Person.leaving_on))
    tx.db.execute(update(row).where(from_file, Person.id == row.person_id, changed).values(person_changed=True))


def _further_posts(tx: Tx, import_id: int, as_at: date) -> None:
    """Posts beside the primary one, known by their job title: new or changed ones, and those that the file no longer names."""
    row, post, mine, lead = ImportRow, aliased(Post), aliased(ImportRow), aliased(ImportRow)
    further = lines(import_id, row.lead.is_(False), row.job_title.is_not(None))
    whole = (
        select(lead.new_end).where(lead.import_id == import_id, lead.person_key == row.person_key, lead.lead.is_(True)).scalar_subquery()
    )
    tx.db.execute(update(row).where(further).values(new_end=case((row.new_end < whole, row.new_end), else_=whole)))
    same = [getattr(post, column).is_not_distinct_from(func.coalesce(getattr(row, column), getattr(post, column))) for column in POST]
    theirs = and_(post.person_id == row.person_id, post.is_primary.is_(False), post.superseded_at.is_(None))
    still = and_(theirs, post.valid_from <= row.post_since, post.valid_to > row.post_since, post.valid_to == row.new_end, *same)
    beyond = and_(theirs, post.job_title == row.job_title, post.valid_to > row.new_end)
    changes = case(
        (row.post_since < row.new_end, not_(select(literal(1)).where(still).exists())), else_=select(literal(1)).where(beyond).exists()
    )
    tx.db.execute(update(row).where(further, changes).values(post_changed=True))
    named = select(literal(1)).where(
        mine.import_id == import_id, mine.person_id == post.person_id, mine.lead.is_(False), mine.job_title == post.job_title
    )
    dropped = select(literal(1)).where(theirs, post.valid_to > as_at, not_(named.exists())).exists()
    begins = select(literal(1)).where(
        mine.import_id == import_id, mine.person_key == row.person_key, mine.lead.is_(False), mine.post_changed.is_(True)
    )
    leads = lines(import_id, row.lead.is_(True), row.line > 0, row.person_key.is_not(None))
    tx.db.execute(update(row).where(leads, or_(dropped, begins.exists())).values(further_changed=True))


def _say(tx: Tx, import_id: int, as_at: date) -> None:
    """The label of each line; further lines of a person carry the label of the one that leads."""
    row, lead = ImportRow, aliased(ImportRow)
    back = and_(Person.leaving_on.is_not(None), Person.leaving_on < as_at, or_(row.leaves_on.is_(None), row.leaves_on >= as_at))
    anything = or_(row.person_changed, row.stage_changed, row.manager_changed, row.post_changed, row.further_changed)
    said = case(
        (back, Label.REJOINER.value),
        (and_(row.leaves_on.is_not(None), row.leaves_on.is_distinct_from(Person.leaving_on)), Label.LEAVER.value),
        (row.unit_changed, Label.MOVER.value),
        (anything, Label.CHANGED.value),
        else_=Label.SAME.value,
    )
    tx.db.execute(update(row).where(lines(import_id, row.lead.is_(True)), Person.id == row.person_id).values(label=said))
    new = case((and_(row.leaves_on.is_not(None), row.leaves_on < as_at), Label.PASSED_OVER.value), else_=Label.JOINER.value)
    tx.db.execute(update(row).where(lines(import_id, row.lead.is_(True), row.person_id.is_(None))).values(label=new))
    theirs = select(lead.label).where(lead.import_id == import_id, lead.person_key == row.person_key, lead.lead.is_(True)).scalar_subquery()
    tx.db.execute(update(row).where(lines(import_id, row.lead.is_(False))).values(label=theirs))
    wrong = select(ImportProblem.line).where(ImportProblem.import_id == import_id)
    tx.db.execute(update(row).where(lines(import_id, row.line.in_(wrong))).values(label=Label.INVALID.value))


def _texts(tx: Tx, import_id: int) -> None:
    """Names and search texts of changed people, from what the file says and, where it says nothing, from what is held."""
    row = ImportRow
    wanted = [func.coalesce(getattr(row, column), getattr(Person, column)).label(column) for column in NAMED]
    changed = select(row.id, row.name, row.sort_name, row.search_text, *wanted).join(Person, Person.id == row.person_id)
    changed = changed.where(lines(import_id, row.person_changed.is_(True), row.line > 0))
    texts = []
    for found in tx.db.execute(changed):
        new = person_values({column: getattr(found, column) for column in NAMED}, ())  # reading has checked what the file says
        if (new["name"], new["sort_name"], new["search_text"]) != (found.name, found.sort_name, found.search_text):
            texts.append({"row_id": found.id, "new_name": new["name"], "new_sort": new["sort_name"], "new_text": new["search_text"]})
    if texts:
        statement = update(ImportRow).where(ImportRow.id == bindparam("row_id"))
        tx.db.execute(
            statement.values(name=bindparam("new_name"), sort_name=bindparam("new_sort"), search_text=bindparam("new_text")), texts
        )


def _count(tx: Tx, found: Any) -> dict[str, Any]:
    """The figures of the preview: people by label (by their leading line), lines read, problems, and what has to be confirmed."""
    row = ImportRow
    people = dict(
        tx.db.execute(
            select(row.label, func.count()).where(lines(found.id, row.lead.is_(True), row.label != Label.INVALID.value)).group_by(row.label)
        ).all()
    )  # fmt: skip
    omitted = tx.scalar(select(func.count()).where(lines(found.id, row.line == 0)))
    before = _by_organisation(tx, select(Person.organisation_id).where(employed(found.id, found.as_at)), Person.organisation_id)
    leavers = select(Person.organisation_id).join(row, row.person_id == Person.id)
    leave = _by_organisation(
        tx, leavers.where(lines(found.id, row.lead.is_(True), row.label == Label.LEAVER.value)), Person.organisation_id
    )
    return {
        **{label_.value: int(people.get(label_.value, 0)) for label_ in Label if label_ is not Label.INVALID},
        "rows": int(tx.scalar(select(func.count()).where(lines(found.id, row.line > 0))) or 0),
        "problems": int(tx.scalar(select(func.count()).select_from(ImportProblem).where(ImportProblem.import_id == found.id)) or 0),
        "invalid": int(tx.scalar(select(func.count(func.distinct(ImportProblem.line))).where(ImportProblem.import_id == found.id)) or 0),
        "left out": int(omitted or 0),
        "employed": sum(before.values()),
        "confirm": any(too_many(number, before.get(organisation, 0)) for organisation, number in leave.items()),
    }


def _by_organisation(tx: Tx, statement: Any, organisation: Any) -> dict[int, int]:
    """How many people a statement finds in each organisation."""
    counted: Any = statement.with_only_columns(organisation, func.count()).group_by(organisation)
    return {key: int(number) for key, number in tx.db.execute(counted)}
