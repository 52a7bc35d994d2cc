"""Equity of anything that people take part in, get or reach: published once under a name, beside all that was published before.

Whoever calls says who is counted, by selects of people and steps; nobody's answer leaves this room. The figures of one publication are
parts of one base: everybody at the first step of its parts. `docs/equality.md` says what is hidden and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, insert, literal, select, true, union_all

from app.core.errors import Conflict
from app.core.overlaps import Earlier, Sets, hidden, kept
from app.core.tx import Tx
from app.equality.figures import NOT_KNOWN, SMALLEST, Line
from app.equality.models import Answer, Characteristic, Counted, Measured, Option

APART = 4  # times `below`: so many people have to be in one only of two sets of which both are shown


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be counted: `reached` selects `person_id` and `step`, the number of the last of `steps` that each got to (from 0).

    The first step of every part of a publication is the same people: its base. `secret`: readers are not to learn who got to a further
    step, and so not that all of a group did.
    """

    code: str
    title: str
    reached: Any
    steps: tuple[str, ...]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A part as it was published. A step with no totals is left out; a line is shown whole or hidden."""

    code: str
    title: str
    steps: tuple[str, ...]
    totals: tuple[int | None, ...]
    characteristics: tuple[tuple[str, tuple[Line, ...]], ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published under a name."""

    key: str
    title: str
    as_at: date
    taken_at: datetime
    below: int
    parts: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a publication would hold, as far as totals say: of each part the totals of its steps, None for those that would be left out.

    `refused`: nothing can be published, because nearly the same people were counted before. Which groups would be hidden is not said:
    asked from day to day, it would tell who has just answered.
    """

    totals: tuple[tuple[int | None, ...], ...]
    refused: bool


def take_measured(
    tx: Tx, key: str, title: str, reached: Any, steps: Sequence[str], below: int = SMALLEST, *, as_at: date | None = None
) -> int:
    """Publish the figures of one row of steps; see `take_together`. `reached`: a select of `person_id` and `step`."""
    return take_together(tx, key, title, (Part("", title, reached, tuple(steps)),), below, as_at=as_at)


def take_together(tx: Tx, key: str, title: str, parts: Sequence[Part], below: int = SMALLEST, *, as_at: date | None = None) -> int:
    """Count these parts at this instant and keep for good what may be shown; returns the id of the publication.

    `key` names it, `below`: smaller numbers are hidden, never less than SMALLEST. What is hidden is not stored. Conflict where the name is
    taken, where there is nobody to count, and where nearly the same people were counted in an earlier publication. Whether the actor may
    publish it is for who calls.
    """
    below = max(below, SMALLEST)
    if measured(tx, key) is not None:
        raise Conflict("These figures are published already.", code="figures-taken")
    found = _Found(tx, parts, below)
    if not found.sets.size(0):
        raise Conflict("There is nobody to count.", code="figures-of-nobody")
    if not found.keep:
        raise Conflict(
            "The figures cannot be published: nearly the same people were counted before, and both would tell on the few others.",
            code="figures-too-alike",
        )
    told = {"parts": [found.told(number) for number in range(len(parts))]}
    values = dict(key=key, title=title, as_at=as_at or tx.today, taken_at=tx.now, taken_by=tx.actor.person_id, below=below, told=told)
    measured_id = tx.insert(Measured, **values)
    for number in range(len(parts)):
        rows = found.counted(number, measured_id)
        if rows is not None:
            tx.db.execute(insert(Counted).from_select(["measured_id", "part", "person_id", "step"], rows))
    return int(measured_id)


def ahead(tx: Tx, parts: Sequence[Part], below: int = SMALLEST) -> Ahead:
    """What would be published of these parts, by totals alone."""
    found = _Found(tx, parts, max(below, SMALLEST), lines=False)
    return Ahead(tuple(found.totals(number) for number in range(len(parts))), not found.keep)


def measured(tx: Tx, key: str) -> Publication | None:
    """What was published under this name, if anything was. Whether the reader may see it is for who asks to check."""
    row = tx.one(select(Measured.__table__).where(Measured.key == key))
    return None if row is None else _publication(row)


def listed(tx: Tx, prefix: str) -> list[Publication]:
    """What was published under names that begin so, the newest day first."""
    rows = tx.rows(
        select(Measured.__table__)
        .where(Measured.key.startswith(prefix, autoescape=True))
        .order_by(Measured.as_at.desc(), Measured.id.desc())
    )
    return [_publication(row) for row in rows]


def _publication(row: Row[Any]) -> Publication:
    parts = tuple(
        Table(
            part["code"],
            part["title"],
            tuple(part["steps"]),
            tuple(part["totals"]),
            tuple(
                (each["title"], tuple(Line(line["title"], tuple(line["counts"])) for line in each["lines"]))
                for each in part["characteristics"]
            ),
        )
        for part in row.told["parts"]
    )
    return Publication(row.key, row.title, row.as_at, row.taken_at, row.below, parts)


# Counting ----------------------------------------------------------------------------------------------------------


class _Found:
    """Everything that is counted for one publication. Its sets are the base, and each further step of each part."""

    def __init__(self, tx: Tx, parts: Sequence[Part], below: int, *, lines: bool = True) -> None:
        self.parts, self.below = parts, below
        self.places = [(0, 0), *((number, step) for number, part in enumerate(parts) for step in range(1, len(part.steps)))]
        self.new = union_all(*(_part(number, part) for number, part in enumerate(parts))).subquery("new")
        self.sets = Sets(self._common(tx))
        self.earlier = self._earlier(tx)
        order = [set_ for number in range(len(parts)) for set_, (of, _) in reversed(list(enumerate(self.places))) if set_ and of == number]
        self.secret = frozenset(set_ for set_, (of, step) in enumerate(self.places) if step and parts[of].secret)
        self.keep = kept(self.sets, [each for each, _ in self.earlier], below * APART, order, self.secret)
        self.lines = self._lines(tx) if lines and self.keep else {}
        self.hide = self._hide()

    def set_of(self, part: int, step: int) -> int:
        """The number of the set that this step is."""
        return 0 if step == 0 else self.places.index((part, step))

    def totals(self, part: int) -> tuple[int | None, ...]:
        """Of a part's steps; None: left out. A base that is hardly anybody is not said either."""
        found = []
        for step in range(len(self.parts[part].steps)):
            here = self.set_of(part, step)
            size = self.sets.size(here)
            found.append(size if here in self.keep and not 0 < size < self.below else None)
        return tuple(found)

    def counted(self, part: int, measured_id: int) -> Any:
        """Who is to be kept as counted in a part, with the last step that they got to of those that are shown: no more than a later
        publication is compared with. None: nothing of it is shown beyond the base, which the first part keeps."""
        steps = [step for step, total in enumerate(self.totals(part)) if (step and total is not None) or not (step or part)]
        if not steps:
            return None
        who = self.parts[part].reached.subquery("who")
        last = case(*((who.c.step >= step, step) for step in reversed(steps)))
        return select(literal(measured_id), literal(part), who.c.person_id, last).where(who.c.step >= steps[0])

    def told(self, part: int) -> dict[str, Any]:
        """A part as it is kept."""
        steps = [self.set_of(part, step) for step in range(len(self.parts[part].steps))]
        said = []
        for title, lines in self.lines.items():
            hide = self.hide[title]
            counts = {
                name: [None if name in hide or step not in self.keep else each[step] for step in steps] for name, each in lines.items()
            }
            said.append({"title": title, "lines": [{"title": name, "counts": each} for name, each in counts.items()]})
        own = self.parts[part]
        return {"code": own.code, "title": own.title, "steps": list(own.steps), "totals": list(self.totals(part)), "characteristics": said}

    def _hide(self) -> dict[str, frozenset[str]]:
        """Characteristic → the groups that must not be shown, the same in every part: they share the base."""
        found = {}
        for title, lines in self.lines.items():
            earlier = [Earlier(each.size, each.common, shown.get(title, {})) for each, shown in self.earlier]
            found[title] = hidden(lines, self.sets, self.keep, earlier, self.below, self.below * APART, self.secret)
        return found

    def _reaching(self, cells: dict[tuple[int, int], int], part: int, step: int) -> int:
        """How many got to a step or beyond it, of counts by part and last step."""
        return sum(n for (of, last), n in cells.items() if of == part and last >= step)

    def _common(self, tx: Tx) -> list[list[int]]:
        """How many each two sets have in common: everybody read once, and counted by how far they got in which part."""
        steps: dict[int, list[int]] = {}
        for row in tx.rows(select(self.new.c.person_id, self.new.c.part, self.new.c.step)):
            steps.setdefault(row.person_id, [-1] * len(self.parts))[row.part] = row.step
        counted = Counter(map(tuple, steps.values()))
        return [[sum(n for got, n in counted.items() if got[a[0]] >= a[1] and got[b[0]] >= b[1]) for b in self.places] for a in self.places]

    def _earlier(self, tx: Tx) -> list[tuple[Earlier, dict[str, dict[str, int | None]]]]:
        """Every step that was shown of every earlier publication of anybody counted here; what it said of groups, by characteristic."""
        both = tx.rows(
            select(
                Counted.measured_id,
                Counted.part,
                Counted.step,
                self.new.c.part.label("own"),
                self.new.c.step.label("own_step"),
                func.count().label("n"),
            )
            .join_from(self.new, Counted, Counted.person_id == self.new.c.person_id)
            .group_by(Counted.measured_id, Counted.part, Counted.step, self.new.c.part, self.new.c.step)
        )
        ids = sorted({row.measured_id for row in both})
        if not ids:
            return []
        found = []
        for row in tx.rows(select(Measured.__table__).where(Measured.id.in_(ids)).order_by(Measured.id)):
            for number, part in enumerate(_publication(row).parts):
                for step, total in enumerate(part.totals):
                    if total is None or (number and not step):
                        continue
                    common = [
                        sum(
                            each.n
                            for each in both
                            if (each.measured_id, each.part, each.own) == (row.id, number, own) and each.step >= step
                            if each.own_step >= own_step
                        )
                        for own, own_step in self.places
                    ]
                    shown = {title: {line.title: line.counts[step] for line in lines} for title, lines in part.characteristics}
                    found.append((Earlier(total, common, {}), shown))
        return found

    def _lines(self, tx: Tx) -> dict[str, dict[str, tuple[int, ...]]]:
        """Characteristic → group → how many of it are in each set."""
        groups = tx.rows(
            select(Characteristic.title, Option.counted_as)
            .join(Option, Option.characteristic == Characteristic.code)
            .group_by(Characteristic.title, Characteristic.position, Option.counted_as)
            .order_by(Characteristic.position, func.min(Option.position))
        )
        cells: dict[str, dict[str, dict[tuple[int, int], int]]] = {}
        for row in groups:
            if row.counted_as != NOT_KNOWN:
                cells.setdefault(row.title, {})[row.counted_as] = {}
        for each in cells.values():
            each[NOT_KNOWN] = {}  # the last of the lines
        answered = and_(Answer.person_id == self.new.c.person_id, Answer.characteristic == Characteristic.code)
        chosen = and_(Option.characteristic == Answer.characteristic, Option.code == Answer.option)
        statement = (
            select(Characteristic.title, Option.counted_as, self.new.c.part, self.new.c.step, func.count().label("n"))
            .select_from(self.new)
            .join(Characteristic, true())
            .outerjoin(Answer, answered)
            .outerjoin(Option, chosen)
            .group_by(Characteristic.title, Option.counted_as, self.new.c.part, self.new.c.step)
        )
        for row in tx.rows(statement):
            cell, at = cells[row.title][row.counted_as or NOT_KNOWN], (row.part, row.step)
            cell[at] = cell.get(at, 0) + row.n
        return {
            title: {name: tuple(self._reaching(cell, *place) for place in self.places) for name, cell in lines.items()}
            for title, lines in cells.items()
        }


def _part(number: int, part: Part) -> Any:
    who = part.reached.subquery(f"part_{number}")
    return select(literal(number).label("part"), who.c.person_id, who.c.step)
