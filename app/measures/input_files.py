"""Figures from elsewhere, brought in from files: planned with every bad cell named, applied all together or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row as Kept
from sqlalchemy import select, update

from app import policy
from app.core.calendar import month_and_year
from app.core.errors import Conflict
from app.core.sheet_pages import once
from app.core.sheets import Problem
from app.core.tx import Tx
from app.measures import closing, input_rows, sets
from app.measures.definitions import Measure, MeasureSet
from app.measures.input_models import MeasureImport, MeasureInput
from app.measures.input_rows import HEADS, Row
from app.measures.inputs import imported
from app.people.models import Unit, UnitClosure
from app.policy import Can, operation

NEW, CHANGED, REMOVED, KNOWN = "new", "changed", "withdrawn", "known"
Amounts = tuple[int, int | None]
Figure = tuple[str, date]  # a measure of a month
_TOGETHER = "Give all lines of this figure in one file, or withdraw the others in it"


@dataclass(frozen=True, slots=True)
class Planned:
    """A line that can be applied, what it does, and what was said before. `key`: the row that says it now."""

    row: Row
    state: str
    was: Amounts | None = None
    key: int | None = None


@dataclass(slots=True)
class Plan:
    """What a file would do."""

    rows: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    published: list[date] = field(default_factory=list)  # months whose figures are published already, and stay as they are

    def count(self, state: str) -> int:
        """How many lines are "new", "changed", "withdrawn" or "known"."""
        return sum(planned.state == state for planned in self.rows)

    @property
    def to_do(self) -> int:
        """How many figures would change."""
        return len(self.rows) - self.count(KNOWN)


# Planning ----------------------------------------------------------------------------------------------------------


def plan(tx: Tx, organisation_id: int, lines: Sequence[Mapping[str, Any]]) -> Plan:
    """What the lines would change, what is there already, and everything that is wrong. Writes nothing: a dry run.

    Of what is sensitive nothing is held against what stands: a line takes its place whatever either says, or whoever tries one number
    after the other would learn which one it is.
    """
    sets.require_reach(tx, organisation_id)
    read = input_rows.read(tx, organisation_id, lines)
    found = Plan(problems=read.problems)
    live = _live(tx, organisation_id, {row.key[:2] for row in read.rows})
    for row in read.rows:
        known = live.get(row.key)
        was = (known.num, known.den) if known else None
        if row.num is None:
            state = REMOVED if known else KNOWN
        else:
            same = was == (row.num, row.den) and not row.measure.sensitive
            state = NEW if known is None else KNOWN if same else CHANGED
        found.rows.append(Planned(row, state, was, known.id if known else None))
    _fit(tx, organisation_id, found, live)
    found.problems.sort(key=lambda problem: problem.line)
    last = closing.last_closed(tx, organisation_id)
    found.published = sorted({each.row.month for each in found.rows if each.state != KNOWN and last is not None and each.row.month <= last})
    return found


def _live(tx: Tx, organisation_id: int, figures: Collection[Figure]) -> dict[tuple[str, date, int | None], Kept[Any]]:
    """What stands now of these figures."""
    if not figures:
        return {}
    rows = tx.rows(
        select(MeasureInput.__table__)
        .where(MeasureInput.organisation_id == organisation_id, MeasureInput.superseded_at.is_(None))
        .where(MeasureInput.measure.in_(sorted({code for code, _ in figures})))
        .where(MeasureInput.month_end.in_(sorted({month for _, month in figures})))
    )
    return {(row.measure, row.month_end, row.unit_id): row for row in rows}


def _fit(tx: Tx, organisation_id: int, found: Plan, live: Mapping[tuple[str, date, int | None], Kept[Any]]) -> None:
    """Would the parts and the whole of each figure agree, once the file is applied?"""
    after: dict[Figure, dict[int | None, Amounts]] = defaultdict(dict)
    for (code, month, unit_id), stands in live.items():
        after[code, month][unit_id] = (stands.num, stands.den)
    first: dict[Figure, Row] = {}
    said = {each.row.key for each in found.rows}
    for each in found.rows:
        figure = each.row.key[:2]
        first.setdefault(figure, each.row)
        if each.row.num is None:
            after[figure].pop(each.row.unit_id, None)
        else:
            after[figure][each.row.unit_id] = (each.row.num, each.row.den)
    if not any(unit_id is not None for said in after.values() for unit_id in said):
        return
    tree = _Tree.of(tx, organisation_id)
    for figure, row in first.items():
        unseen = [unit_id for unit_id in after[figure] if row.measure.sensitive and (*figure, unit_id) not in said]
        if unseen:
            name = "the whole organisation" if None in unseen else f"“{min(tree.names[each] for each in unseen if each)}”"
            unlike = f"{name} has a figure too, which nobody is shown, so the two cannot be compared"
            found.problems.append(Problem(row.line, "Part", row.part, unlike, _TOGETHER))
        elif wrong := _disagree(after[figure], tree, row.measure):
            found.problems.append(Problem(row.line, "Part", row.part, *wrong))


@dataclass(frozen=True, slots=True)
class _Tree:
    """The parts of the organisation, and what each is part of, itself included."""

    names: dict[int, str]
    above: dict[int, set[int]]
    leaves: set[int]  # open, with no open part

    @classmethod
    def of(cls, tx: Tx, organisation_id: int) -> _Tree:
        units = tx.rows(
            select(Unit.id, Unit.name, Unit.parent_id, Unit.closed_on).where(Unit.organisation_id == organisation_id).order_by(Unit.name)
        )
        above: dict[int, set[int]] = defaultdict(set)
        inside = select(UnitClosure.descendant_id, UnitClosure.ancestor_id).join(Unit, Unit.id == UnitClosure.descendant_id)
        for row in tx.rows(inside.where(Unit.organisation_id == organisation_id)):
            above[row.descendant_id].add(row.ancestor_id)
        here = [row for row in units if row.closed_on is None]
        parents = {row.parent_id for row in here}
        return cls(
            {row.id: row.name for row in units}, above, {row.id for row in here if row.id not in parents and row.parent_id is not None}
        )


def _disagree(said: Mapping[int | None, Amounts], tree: _Tree, measure: Measure) -> tuple[str, str] | None:
    """What is wrong with a figure of several parts, and what to do; None: nothing."""
    parts = {unit_id: amounts for unit_id, amounts in said.items() if unit_id is not None}
    for unit_id in parts:
        around = tree.above[unit_id] & parts.keys() - {unit_id}
        if around:
            name, other = tree.names[unit_id], tree.names[min(around)]
            return f"“{name}” is part of “{other}”, which has a figure too, so it would count twice", "Give one of the two, or withdraw it"
    whole = said.get(None)
    if whole is not None:
        num, den = sum(each[0] for each in parts.values()), sum(each[1] or 0 for each in parts.values())
        if num > whole[0] or den > (whole[1] or 0) or (measure.unit == "share" and whole[0] - num > (whole[1] or 0) - den):
            return "the parts together do not fit into the whole", "Correct the line of the whole, or those of its parts"
    elif parts:
        left = sorted(tree.names[leaf] for leaf in tree.leaves if not tree.above[leaf] & parts.keys())
        if left:
            some = ", ".join(f"“{name}”" for name in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            return f"there is nothing of {some}", "Give them too (0 if there is nothing to count), or one line for the whole organisation"
    return None


# Keeping and applying ----------------------------------------------------------------------------------------------


@operation(Can.MANAGE_MEASURES)
def stage(tx: Tx, organisation_id: int, file_name: str, lines: list[dict[str, Any]]) -> int:
    """Keep a file's rows, to be looked through; returns the import's id. No figure changes."""
    sets.require_reach(tx, organisation_id)
    values = dict(organisation_id=organisation_id, file_name=file_name[:200], rows=lines, staged_by=tx.actor.person_id, staged_at=tx.now)
    import_id = tx.insert(MeasureImport, **values)
    tx.record("measure-import.staged", "measure_imports", import_id, rows=len(lines))
    return import_id


def staged(tx: Tx, import_id: int, *, lock: bool = False) -> Kept[Any]:
    """An import of an organisation within reach, or NotFound."""
    policy.require(tx, Can.MANAGE_MEASURES)
    row = tx.get(MeasureImport, import_id, lock=lock, what="file")
    sets.require_reach(tx, row.organisation_id)
    return row


@operation(Can.MANAGE_MEASURES)
def apply(tx: Tx, import_id: int) -> int:
    """All figures of a file, or none; returns how many changed. Conflict: applied already, problems, or nothing to do."""
    kept = staged(tx, import_id, lock=True)
    once(kept)
    tx.get(Unit, kept.organisation_id, lock=True)  # another file, and the closing of a month, wait
    planned = plan(tx, kept.organisation_id, kept.rows)
    if planned.problems:
        first = planned.problems[0]
        raise Conflict(
            f"Line {first.line}, {first.column}: {first.wrong}.",
            code="import-has-problems",
            way_out="Look at all the problems, correct the file and send it again. Nothing was brought in.",
        )
    if not planned.to_do:
        raise Conflict("Everything in the file is there already.", code="nothing-to-import")
    todo = [each for each in planned.rows if each.state != KNOWN]
    over = [each.key for each in todo if each.key is not None]
    for n in range(0, len(over), 500):
        tx.db.execute(update(MeasureInput).where(MeasureInput.id.in_(over[n : n + 500])).values(superseded_at=tx.now))
    tx.insert_many(MeasureInput, [_values(tx, kept, each.row) for each in todo if each.row.num is not None])
    made: dict[str, Any] = {state: planned.count(state) for state in (NEW, CHANGED, REMOVED, KNOWN)}
    tx.update(MeasureImport, import_id, applied_at=tx.now, applied_by=tx.actor.person_id, made=made)
    tx.record("measure-import.applied", "measure_imports", import_id, organisation_id=kept.organisation_id, **made)
    return len(todo)


def _values(tx: Tx, kept: Kept[Any], row: Row) -> dict[str, Any]:
    return dict(
        organisation_id=kept.organisation_id,
        measure=row.measure.code,
        month_end=row.month,
        unit_id=row.unit_id,
        num=row.num,
        den=row.den,
        source=row.source,
        import_id=kept.id,
        recorded_at=tx.now,
    )


# The empty file ----------------------------------------------------------------------------------------------------


def empty_rows(tx: Tx, organisation_id: int, measures: MeasureSet, month: date) -> list[list[str | date]]:
    """A line for each figure that is brought in, with its month and part filled in; `HEADS` stand above. Lines left empty mean nothing."""
    statement = select(Unit.id, Unit.parent_id, Unit.code, Unit.name).where(Unit.organisation_id == organisation_id)
    units = tx.rows(statement.where(Unit.closed_on.is_(None)).order_by(Unit.name, Unit.id))
    parents = {row.parent_id for row in units}
    leaves = [row for row in units if row.id not in parents and row.parent_id is not None]
    lines: list[list[str | date]] = []
    for measure in imported(measures):
        parts = leaves if "tree" in measure.breakdowns and measure.unit != "score" else []
        lines.append([measure.code, measure.title, month, "", "The whole organisation", "", "", ""])
        lines += [[measure.code, measure.title, month, row.code, row.name, "", "", ""] for row in parts]
    assert all(len(line) == len(HEADS) for line in lines)
    return lines


def month_words(months: Sequence[date]) -> str:
    """ "September 2026 and October 2026"."""
    names = [month_and_year(month) for month in months]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
