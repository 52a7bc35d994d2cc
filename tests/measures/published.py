"""A council with two teams, a measure set of every kind, and three published months whose cells are written by hand: what is shown of them
is held against these numbers, not against what counts or hides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import case, literal, select

from app.core.db import AnySelect
from app.core.tx import Tx
from app.measures import sets
from app.measures.closing import close_month
from app.measures.counting import FUNCTIONS, counts
from app.measures.definitions import MeasureSet, parsed
from app.measures.dimensions import Moment, employed, month_end
from app.measures.models import MeasureCell, MonthClose
from app.people.models import Person, Unit
from tests.factory import Make

ODD, BY_ROW = "of-odd-number", "of-odd-number-by-row"
HEAD = dict(code="strategy", version=1, title="Measures of the strategy", strategy="The workforce strategy", runs_until=None)
WORDS = dict(exclusions="Nobody is left out.", source="The service", owner="Workforce development", better="higher", small="outcomes")


def _odd(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:
    """Everybody employed; those whose employee number ends in 1 count."""
    mine = employed(organisation_id, moment).subquery()
    counted = case((Person.employee_number.like("%1"), 1), else_=0)
    return select(Person.id.label("person_id"), counted.label("num"), literal(1).label("den")).join(mine, mine.c.person_id == Person.id)


def _odd_by_row(tx: Tx, organisation_id: int, moment: Moment) -> list[tuple[int | None, int, int]]:
    return [(row.person_id, row.num, row.den) for row in tx.rows(_odd(tx, organisation_id, moment))]


for _name, _function in ((ODD, _odd), (BY_ROW, _odd_by_row)):
    if _name not in FUNCTIONS:
        counts(_name)(_function)


def measure(code: str, title: str, **more: Any) -> dict[str, Any]:
    """A measure as a file has it; a share of people unless it says otherwise."""
    words = dict(sentence="{numerator} of {denominator} people ({figure}) were seen", numerator="Who was seen", denominator="Everybody")
    if more.get("unit") in ("count", "score"):
        words |= dict(sentence="{figure} of them", denominator=None)  # type: ignore[dict-item]
    return {**WORDS, **words, "code": code, "title": title, "unit": "share", "themes": ["capability"], **more}


MEASURES = [
    measure(
        "seen",
        "People seen",
        counts=ODD,
        target={"value": 80, "words": "strategy"},
        breakdowns=["tree", "stage"],
        answers=["Seeing people"],
    ),
    measure("seen-by-row", "People seen, row by row", counts=BY_ROW, breakdowns=["tree"]),
    measure(
        "staff",
        "Staff",
        counts="headcount",
        unit="count",
        small="none",
        better="neither",
        themes=["capacity", "culture"],
        breakdowns=["tree"],
    ),
    measure("formal-cases", "Formal cases", counts=ODD, unit="count", small="sensitive", better="lower", themes=["capability"]),
    measure(
        "survey", "Staff survey", unit="score", themes=["culture"], owner="The survey’s owner", answers=["Annual survey"], unverified=True
    ),
    measure(
        "caseload",
        "Average caseload",
        counts=ODD,
        unit="average",
        scale=100,
        better="lower",
        themes=["capacity"],
        target={"value": 18},
        sentence="{figure} children on average",
        breakdowns=["tree"],
    ),
]
OTHERS = {
    **{f"GET /measures/{{code}}{tail}": {"code": "measure_code"} for tail in ("", "/table.{file_type}", "/live", "/people")},
    "GET /api/v1/measures/{code}": {"code": "measure_code"},
}
TODAY = datetime.now(UTC).date()


def ago(months: int) -> date:
    """The last day of the month so many before this one."""
    day = TODAY
    for _ in range(months):
        day = day.replace(day=1) - timedelta(days=1)
    return month_end(day)


THREE = (ago(3), ago(2), ago(1))


def measure_set(**more: Any) -> MeasureSet:
    """The set of `MEASURES`."""
    listed = {"capability": ["Seeing people"], "culture": ["Annual survey"]}
    return parsed({**HEAD, "runs_from": "2020-01-01", "success_measures": listed, "measures": MEASURES, **more})


def last_month(make: Make, *organisations: int) -> dict[str, Any]:
    """The last month of each organisation, counted and published as any other; what the matrices fill addresses with."""
    for organisation in organisations:
        with make.tx() as tx:
            sets.publish(tx, organisation, measure_set())
            close_month(tx, organisation, ago(1))
    return {"measure_code": "seen"}


@dataclass
class World:
    """Who reads, and what is published."""

    make: Make
    council: int = 0
    units: dict[str, int] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    closes: dict[date, int] = field(default_factory=dict)

    @classmethod
    def of(cls, make: Make, *, months: bool = True, north: str = "North team") -> World:
        """Joanne manages three in the north, two of them counted; of four in the south one is."""
        one = cls(make, make.organisation())
        service = one.units["service"] = make.unit("Assessment", "service")
        one.units |= {"north": make.unit(north, parent=service), "south": make.unit("South team", parent=service)}
        for name, role in (
            ("Helen", "principal social worker"),
            ("Daniel", "HR officer"),
            ("Ruth", "board viewer"),
            ("Sue", "setting lead"),
        ):
            one.people[name] = make.person(f"{name} Reader", roles=(role,), scope=one.council, employee_number=f"R{name}0")
        one.people["Joanne"] = make.person("Joanne Manager", team=one.units["north"], employee_number="M0")
        for number, (name, team) in enumerate(
            (("Ann", "north"), ("Bea", "north"), ("Cal", "north"), *((f"S{n}", "south") for n in range(4)))
        ):
            manager = one.people["Joanne"].id if team == "north" else None
            odd = "1" if name in ("Ann", "Bea", "S0") else "2"
            one.people[name] = make.person(f"{name} Worker", team=one.units[team], manager=manager, employee_number=f"W{number}{odd}")
        if months:
            one.publish()
        return one

    def publish(self) -> None:
        """The set, and the cells of three months."""
        with self.make.tx() as tx:
            set_id = sets.publish(tx, self.council, measure_set())
            for month in THREE:
                row = dict(organisation_id=self.council, set_id=set_id, month_end=month, known_at=tx.now, closed_at=tx.now, closed_by=None)
                self.closes[month] = tx.insert(MonthClose, **row, below=6)
                tx.insert_many(MeasureCell, [self._cell(tx, month, number, *each) for number, each in enumerate(self._cells(month))])

    def _cells(self, month: date) -> list[tuple[Any, ...]]:
        """(measure, breakdown, key, parent, level, title, num, den, hidden)."""
        service, north, south = (str(self.units[name]) for name in ("service", "north", "south"))
        with self.make.tx(writes=False) as tx:
            titled = {str(row.id): row.name for row in tx.rows(select(Unit.id, Unit.name))}
        seen = {THREE[0]: 70, THREE[1]: 82, THREE[2]: 85}[month]
        everybody = ("all", "", None, "organisation", "Everybody")
        found: list[tuple[Any, ...]] = [
            ("seen", *everybody, seen, 100, False),
            ("seen", "tree", service, None, "service", titled[service], seen, 100, False),
            ("seen", "tree", north, service, "team", titled[north], 3, 5, True),
            ("seen", "tree", south, service, "team", titled[south], seen - 3, 95, True),
            ("seen", "stage", "SW", None, "stage", "Social worker", seen, 100, False),
            ("seen-by-row", *everybody, 41, 48, False),
            ("staff", *everybody, 1286, 1286, False),
            ("staff", "tree", service, None, "service", titled[service], 1286, 1286, False),
            ("formal-cases", *everybody, None, None, True),
            ("caseload", *everybody, 0, 0, False),
        ]
        if month != THREE[2]:
            found.append(("survey", *everybody, 34, None, False))
        return found

    def _cell(self, tx: Tx, month: date, position: int, *given: Any) -> dict[str, Any]:
        names = ("measure", "breakdown", "group_key", "parent_key", "level", "title", "num", "den", "hidden")
        cell = dict(zip(names, given, strict=True))
        return {**cell, "close_id": self.closes[month], "position": position, "num_people": cell["num"], "den_people": cell["den"]}
