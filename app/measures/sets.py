"""Measure sets: read from a file, checked, published as a version, and found again for a day. What is published never changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Row, or_, select, union

from app import policy
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.frameworks.reading import FileRefused, Problem, Source, read, shaped
from app.measures.counting import function
from app.measures.definitions import Measure, MeasureSet, parsed
from app.measures.input_models import MeasureImport, MeasureInput
from app.measures.models import MeasureCell, MeasureSetRow, MonthClose
from app.people.models import Unit
from app.policy import Can, Reach, operation

CLASSES = ("none", "outcomes", "sensitive")  # how small numbers are treated: the later, the more is hidden
_COLUMNS = tuple(column for column in MeasureSetRow.__table__.c if column.name != "content")


# Reading -------------------------------------------------------------------------------------------------------------


def from_file(name: str, content: bytes) -> MeasureSet:
    """The set that a file (YAML, or JSON, which is YAML too) holds; FileRefused with every problem, its line and what to do."""
    source = read(name, content, decimals=True)
    found = shaped(source, MeasureSet)
    problems = [*_uncounted(source, found), *_unsaid(source, found)]
    if problems:
        raise FileRefused(problems)
    return found


def from_folder(folder: Path) -> dict[str, Any]:
    """The content of a set kept as several files: strategy.yaml and, in the order of its `files`, those with the measures."""
    content = dict(read("strategy.yaml", (folder / "strategy.yaml").read_bytes(), decimals=True).data)
    measures: list[Any] = []
    for name in content.pop("files"):
        path = folder / f"{name}.yaml"
        measures += read(path.name, path.read_bytes(), decimals=True).data["measures"]
    return {**content, "measures": measures}


def is_counted(measure: Measure) -> bool:
    """Is there a function for it? True of what is imported."""
    if measure.counts is None:
        return True
    try:
        function(measure.counts)
    except KeyError:
        return False
    return True


def _uncounted(source: Source, found: MeasureSet) -> list[Problem]:
    return [
        source.problem(
            ("measures", n, "counts"),
            f"Nothing here counts “{measure.counts}”.",
            "Name a count that docs/measures-defined.md lists, or take the line out: then the figure is imported.",
        )
        for n, measure in enumerate(found.measures)
        if not is_counted(measure)
    ]


def _unsaid(source: Source, found: MeasureSet) -> list[Problem]:
    """What a sentence may hold: the three figures, and nothing else in braces."""
    problems = []
    for n, measure in enumerate(found.measures):
        known = {"figure": "", "numerator": "", "denominator": ""}
        try:
            measure.sentence.format_map(known)
            fits = "{figure}" in measure.sentence or "{numerator}" in measure.sentence
        except (KeyError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            wrong = "The sentence does not say where its figure stands."
            problems.append(source.problem(("measures", n, "sentence"), wrong, "Write {figure}, {numerator} and {denominator} in it."))
    return problems


# Publishing ----------------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_MEASURES)
def publish(tx: Tx, organisation_id: int, content: Any) -> int:
    """Publish a version of a set for an organisation within reach; returns its id. The content is checked: ValidationError, Invalid.

    Conflict for a version that is there, or older than one that is. Months that are closed keep the set they were counted with.
    """
    require_reach(tx, organisation_id)
    found = content if isinstance(content, MeasureSet) else parsed(content)
    missing = [measure.code for measure in found.measures if not is_counted(measure)]
    if missing:
        raise Invalid(f"Nothing counts {', '.join(missing)}.", code="measure-not-counted")
    tx.get(Unit, organisation_id, lock=True)  # a file of figures waits, and so does another version
    check_version(tx, organisation_id, found)
    key = tx.insert(
        MeasureSetRow,
        organisation_id=organisation_id,
        code=found.code,
        version=found.version,
        title=found.title,
        runs_from=found.runs_from,
        runs_until=found.runs_until,
        content=found.model_dump(mode="json", exclude_defaults=True),
        published_at=tx.now,
        published_by=tx.actor.person_id,
    )
    tx.record("measure-set.published", "measure_sets", key, code=found.code, version=found.version, organisation_id=organisation_id)
    return key


def check_version(tx: Tx, organisation_id: int, found: MeasureSet) -> None:
    """Conflict where this version, or a later one, of the set is published already, or where it would unhide figures that are there."""
    newest = tx.scalar(
        select(MeasureSetRow.version)
        .where(MeasureSetRow.organisation_id == organisation_id, MeasureSetRow.code == found.code)
        .order_by(MeasureSetRow.version.desc())
        .limit(1)
    )
    if newest is not None and found.version <= newest:
        raise Conflict(
            f"Version {newest} of “{found.code}” is published. This file says version {found.version}.",
            code="version-taken",
            way_out=f"Give it version {newest + 1}.",
        )
    shown = [each for each in loosened(tx, organisation_id, found) if each.given]
    if shown:
        titles = ", ".join(f"“{each.measure.title}” ({each.measure.code}: {each.was})" for each in shown)
        raise Conflict(
            f"It would show figures to more people than they were given for: {titles}.",
            code="measure-loosened",
            way_out="Keep “small” of these measures as it was. What is to be shown to more people from now on needs a measure with a code "
            "of its own.",
        )


@dataclass(frozen=True, slots=True)
class Loosened:
    """A measure whose small numbers a set would hide from fewer people than a published set did. `given`: it has figures."""

    measure: Measure
    was: str
    given: bool


def loosened(tx: Tx, organisation_id: int, found: MeasureSet) -> list[Loosened]:
    """The measures that a set treats less strictly than any version of any set of the organisation did, whichever came between.

    How a figure is hidden stands in the set alone, which one person publishes: so it is the set that is refused where there are figures.
    """
    before: dict[str, str] = {}
    for row in tx.rows(select(MeasureSetRow.content).where(MeasureSetRow.organisation_id == organisation_id)):
        for each in row.content["measures"]:
            before[each["code"]] = max(each["small"], before.get(each["code"], CLASSES[0]), key=CLASSES.index)
    looser = [each for each in found.measures if CLASSES.index(each.small) < CLASSES.index(before.get(each.code, CLASSES[0]))]
    if not looser:
        return []
    codes = [each.code for each in looser]
    given = select(MeasureInput.measure).where(MeasureInput.organisation_id == organisation_id, MeasureInput.measure.in_(codes))
    cells = select(MeasureCell.measure).join(MonthClose, MonthClose.id == MeasureCell.close_id)
    cells = cells.where(MonthClose.organisation_id == organisation_id, MeasureCell.measure.in_(codes))
    there = {row.measure for row in tx.rows(union(given, cells))} | _waiting(tx, organisation_id, codes)
    return [Loosened(each, before[each.code], each.code in there) for each in looser]


def _waiting(tx: Tx, organisation_id: int, codes: Sequence[str]) -> set[str]:
    """Measures with figures in files that were sent and are not applied. A file may name a measure by its title: then it may be any."""
    files = select(MeasureImport.rows).where(MeasureImport.organisation_id == organisation_id, MeasureImport.applied_at.is_(None))
    said = {str(line["cells"].get("measure", "")).strip().lower() for row in tx.rows(files) for line in row.rows}
    other = any(not re.fullmatch(r"[a-z][a-z0-9-]{1,59}", each) for each in said)
    return {code for code in codes if code in said or other}


def require_reach(tx: Tx, organisation_id: int) -> None:
    """NotFound unless the actor manages the measures of the whole organisation."""
    terms = policy.require(tx, Can.MANAGE_MEASURES)
    if (Reach.ALL, None) not in terms and (Reach.SCOPE, organisation_id) not in terms:
        raise NotFound("There is no such organisation within your reach.")


# Finding -------------------------------------------------------------------------------------------------------------


def in_force(tx: Tx, organisation_id: int, day: date) -> tuple[int, MeasureSet]:
    """(id, set) that counts on a day: of the sets that run then, the one that began last, in its newest version. Conflict: none."""
    key = f"measure set {organisation_id} {day}"
    if key not in tx.memo or tx.writes:
        row = tx.one(_running(organisation_id, day))
        if row is None:
            raise Conflict("No measure set runs on that day.", code="no-measure-set", way_out="Publish a measure set first.")
        tx.memo[key] = row.id, parsed(row.content)
    found: tuple[int, MeasureSet] = tx.memo[key]
    return found


def _running(organisation_id: int, day: date) -> Any:
    return (
        select(MeasureSetRow.id, MeasureSetRow.content)
        .where(MeasureSetRow.organisation_id == organisation_id, MeasureSetRow.runs_from <= day)
        .where(or_(MeasureSetRow.runs_until.is_(None), MeasureSetRow.runs_until >= day))
        .order_by(MeasureSetRow.runs_from.desc(), MeasureSetRow.version.desc(), MeasureSetRow.id.desc())
        .limit(1)
    )


def versions(tx: Tx, organisation_id: int) -> Sequence[Row[Any]]:
    """Every published version without its content, newest first."""
    return tx.rows(select(*_COLUMNS).where(MeasureSetRow.organisation_id == organisation_id).order_by(MeasureSetRow.id.desc()))


def version(tx: Tx, set_id: int) -> tuple[Row[Any], MeasureSet]:
    """A version within the reader's reach, or NotFound."""
    row = tx.get(MeasureSetRow, set_id, what="measure set")
    require_reach(tx, row.organisation_id)
    return row, parsed(row.content)


def managed(tx: Tx) -> list[Row[Any]]:
    """The organisations whose measures the actor manages, the host first: rows of `id` and `name`."""
    terms = policy.require(tx, Can.MANAGE_MEASURES)
    statement = select(Unit.id, Unit.name).where(Unit.kind == "organisation").order_by(Unit.host.desc(), Unit.name)
    if (Reach.ALL, None) not in terms:
        statement = statement.where(Unit.id.in_([unit for reach, unit in terms if reach is Reach.SCOPE]))
    return list(tx.rows(statement))
