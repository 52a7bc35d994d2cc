"""The demonstration county's published months, attacked with the exact solver: from outside, and by the managers of parts."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.measures import shown
from app.measures.hiding import ALL, Line, Name
from app.measures.lines import published
from app.measures.models import MeasureCell, MonthClose
from tests.measures.attack import Knowledge, above, below, told_of_few

BELOW = 6
MOST = 25  # hidden numbers of a measure that are looked at for each reader


def newest(tx: Tx) -> Any:
    return tx.one(select(MonthClose.__table__).order_by(MonthClose.month_end.desc()).limit(1))


def of_people(tx: Tx) -> dict[str, tuple[dict[Name, Line], frozenset[Name]]]:
    """The newest month's measures that are shares of people's outcomes, with true numbers and what is hidden of them."""
    close = newest(tx)
    classes = {measure.code: measure for measure in shown.set_of(tx, close.set_id).measures}
    rows = tx.rows(
        select(MeasureCell.__table__)
        .where(MeasureCell.close_id == close.id)
        .order_by(MeasureCell.measure, MeasureCell.breakdown, MeasureCell.position)
    )
    found = {}
    for code, cells in groupby(rows, attrgetter("measure")):
        month = published(list(cells))
        people = all((line.num, line.den) == (line.num_people, line.den_people) for line in month.lines)
        if people and classes[code].small == "outcomes" and classes[code].unit == "share":
            found[code] = {line.name: line for line in month.lines}, frozenset(month.hidden)
    return found


def knowledge(lines: dict[Name, Line], hidden: frozenset[Name], own: set[Name]) -> Knowledge:
    knows = Knowledge()
    for name, line in lines.items():
        if name in own or name not in hidden:
            knows.known(name, line.num)
        else:
            knows.number(name, 0, line.den)
    for name in lines:
        for breakdown in ("tree", "stage", "contract"):
            parts = [line.name for line in lines.values() if line.parent == name and line.name[0] == breakdown]
            if parts:
                knows.sums.append((name, parts))
    return knows


def narrow(lines: dict[Name, Line], hidden: frozenset[Name], insider: Name | None, chance: Random) -> list[tuple[Any, ...]]:
    """Hidden numbers that this reader can tell more closely than a small number may be told."""
    parent = {name: line.parent for name, line in lines.items()}
    own = below(parent, insider) if insider else set()
    knows = knowledge(lines, hidden, own)
    found = []
    wanted = [name for name in sorted(hidden - own) if lines[name].den and (insider is None or name[0] in ("tree", "all"))]
    for name in chance.sample(wanted, min(MOST, len(wanted))):
        if any(each not in hidden and lines[each].num in (0, lines[each].den) for each in above(parent, name)):
            continue  # of a group that is shown as none or all, everything is public
        free = lines[name].den - (lines[insider].den if insider and insider in below(parent, name) else 0)
        low, high = knows.range(name)
        if high - low + 1 < min(BELOW - 1, free + 1) and not (insider and all_alike(lines, hidden, own, parent, name)):
            found.append((insider, lines[name], low, high))
    return found


def all_alike(lines: dict[Name, Line], hidden: frozenset[Name], own: set[Name], parent: dict[Name, Name | None], name: Name) -> bool:
    """Is it true of none, or of all, of at least so many others in the family? That much a shown group may say too."""
    if ALL in hidden:
        return False
    name = [name, *(each for each in above(parent, name) if each in hidden)][-1]
    beside = [lines[each] for each in hidden if parent[each] == parent[name] and each[0] == name[0] and each not in own]
    true, of = sum(line.num for line in beside), sum(line.den for line in beside)
    return true in (0, of) and of >= BELOW


@pytest.mark.thorough
def test_nothing_hidden_of_the_county_can_be_worked_out(demo_county: Any) -> None:
    chance = Random(26)
    with transaction(demo_county.database, SYSTEM, writes=False) as tx:
        measures = of_people(tx)
    assert len(measures) > 5 and any(hidden for _, hidden in measures.values())
    for code, (lines, hidden) in measures.items():
        managers = [name for name in sorted(hidden) if name[0] == "tree" and lines[name].den > BELOW]
        for insider in (None, *chance.sample(managers, min(2, len(managers)))):
            assert narrow(lines, hidden, insider, chance) == [], code


@pytest.mark.thorough
def test_it_could_be_where_only_small_numbers_are_hidden(demo_county: Any) -> None:
    with transaction(demo_county.database, SYSTEM, writes=False) as tx:
        measures = of_people(tx)
    found = []
    for lines, _ in measures.values():
        small = frozenset(
            line.name for line in lines.values() if any(0 < each < BELOW for each in (line.num, line.den, line.den - line.num))
        )
        found += narrow(lines, small, None, Random(26))
    assert len(found) > 5


def of_few(cells: list[Any], hidden: set[Name]) -> list[tuple[Any, ...]]:
    """What managers of parts learn of fewer than so many others, without their own people, from what is shown of the parts."""
    lines = [line for line in published(cells).lines if line.name[0] in ("all", "tree")]
    parent = {line.name: line.parent for line in lines}
    people = all((line.num, line.den) == (line.num_people, line.den_people) for line in lines)
    alike = {line.name for line in lines if line.name not in hidden and (line.num == 0 or (people and line.num == line.den))}
    leaves = [line for line in lines if line.den_people and line.name not in set(parent.values())]
    found = []
    for insider in (None, *(line.name for line in lines if line.den_people and line.name != ALL)):
        own = below(parent, insider) if insider else set()
        others = {frozenset((leaf.name, *above(parent, leaf.name))): leaf.den_people for leaf in leaves if leaf.name not in own}
        shown_names = [name for name in parent if name not in hidden]
        for beside, many in told_of_few(others, parent, shown_names, BELOW - 1):
            if not alike.intersection(
                {beside[0], *above(parent, beside[0])}
            ):  # of a group that is shown as none or all, everything is public
                found.append((insider, beside, many))
    return found


@pytest.mark.thorough
def test_no_manager_learns_of_few_others_from_amounts(demo_county: Any) -> None:
    """Nor of numbers of people; and of amounts they would, were only hidden what few people are behind."""
    with transaction(demo_county.database, SYSTEM, writes=False) as tx:
        close = newest(tx)
        outcomes = {measure.code for measure in shown.set_of(tx, close.set_id).measures if measure.small == "outcomes"}
        rows = tx.rows(
            select(MeasureCell.__table__)
            .where(MeasureCell.close_id == close.id, MeasureCell.measure.in_(sorted(outcomes)), MeasureCell.den_people.is_not(None))
            .order_by(MeasureCell.measure, MeasureCell.breakdown, MeasureCell.position)
        )
    by_measure = {code: list(cells) for code, cells in groupby(rows, attrgetter("measure"))}
    assert {"sessions-completed", "supervision-held", "caseload-average"} <= by_measure.keys()
    for code, cells in by_measure.items():
        assert of_few(cells, {(cell.breakdown, cell.group_key) for cell in cells if cell.hidden}) == [], code
    cells = by_measure["sessions-completed"]
    few = {(cell.breakdown, cell.group_key) for cell in cells if 0 < cell.den_people < BELOW or 0 < cell.num_people < BELOW}
    assert of_few(cells, few)


def test_no_small_number_is_shown_in_any_month(demo_county: Any) -> None:
    """Of what counts people's outcomes, and nothing at all of the sensitive is kept where it is hidden."""
    with transaction(demo_county.database, SYSTEM, writes=False) as tx:
        classes = {measure.code: measure.small for measure in shown.set_of(tx, newest(tx).set_id).measures}
        small = tx.rows(
            select(MeasureCell.__table__)
            .where(~MeasureCell.hidden, MeasureCell.measure.in_(sorted(of_people(tx))))
            .where(MeasureCell.num.between(1, BELOW - 1) | (MeasureCell.den - MeasureCell.num).between(1, BELOW - 1))
        )
        assert small == []
        sensitive = [code for code, small in classes.items() if small == "sensitive"]
        kept = select(func.count()).where(MeasureCell.hidden, MeasureCell.measure.in_(sensitive), MeasureCell.num.is_not(None))
        assert tx.scalar(kept) == 0


def test_each_role_sees_what_it_may(demo_county: Any) -> None:
    """Whoever reaches everybody sees people's outcomes; the board and line managers do not; what is sensitive nobody sees."""
    with transaction(demo_county.database, SYSTEM, writes=False) as tx:
        close = newest(tx)
        classes = {measure.code: measure.small for measure in shown.set_of(tx, close.set_id).measures}
        rows = tx.rows(select(MeasureCell.__table__).where(MeasureCell.close_id == close.id))
        hidden = {(row.measure, row.breakdown, row.group_key) for row in rows if row.hidden}
        here = close.organisation_id
    assert {classes[code] for code, _, _ in hidden} == {"outcomes", "sensitive"}
    for role, sees in (
        ("board viewer", set()),
        ("line manager", set()),
        ("principal social worker", {"outcomes"}),
        ("HR officer", {"outcomes"}),
    ):
        reader = Actor("person", 1, roles=((role, here),))
        with transaction(demo_county.database, reader, writes=False) as tx:
            cells = shown.cells(tx, close.id, here)
            told = {(cell.measure, cell.breakdown, cell.key) for cell in cells if cell.num is not None or cell.den is not None}
            assert {classes[code] for code, _, _ in told & hidden} == sees, role
            to_all = shown.cells(tx, close.id, here, to_all=True)
            assert not {(cell.measure, cell.breakdown, cell.key) for cell in to_all if cell.num is not None} & hidden
