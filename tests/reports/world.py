"""A council with a few teams, a measure set of its own, and months that are closed; and reports of them, for those who write and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.core.tx import Actor, Tx, transaction
from app.measures import sets
from app.measures.closing import close_month
from app.measures.definitions import MeasureSet, parsed
from app.policy import Role
from app.reports import content, operations
from app.reports.models import BoardReport
from tests.factory import Make

DAY = timedelta(days=1)
PSW, HR, BOARD = Role.PSW.value, Role.HR.value, Role.BOARD.value
WORDS = dict(
    numerator="People who work here.",
    denominator=None,
    exclusions="Nobody.",
    source="HR’s extract",
    owner="HR",
    themes=["capacity"],
    better="higher",
    small="none",
)


def measure(code: str, counts: str | None, title: str, **more: Any) -> dict[str, Any]:
    """A measure as a file has it."""
    unit = more.pop("unit", "count")
    ratio = "{numerator} of {denominator} ({figure})." if unit not in ("count", "score") else "{figure} people."
    words = {**WORDS, **({"denominator": "Everybody."} if unit not in ("count", "score") else {})}
    return {**words, "code": code, "title": title, "sentence": ratio, "unit": unit, "counts": counts, "breakdowns": ["tree"], **more}


MEASURES = [
    measure("headcount", "headcount", "Headcount", target={"value": 5, "words": "strategy"}, themes=["capacity", "culture"]),
    measure("fte", "fte-everybody", "Full-time equivalents", scale=100, source="HR’s <b>extract</b>"),
    measure("promoted", "promotion", "Promotions", unit="share", themes=["capability"], small="outcomes", better="higher"),
    measure("survey", None, "Health check", unit="score", themes=["culture"], unverified=True, answers=["Health check surveys"]),
]


def measure_set(**more: Any) -> MeasureSet:
    """The set of `MEASURES`, of a strategy that runs for ever."""
    head = dict(
        code="strategy", version=1, title="Measures of the strategy", strategy="The strategy", runs_from="2020-01-01", runs_until=None
    )
    return parsed({**head, "success_measures": {"culture": ["Health check surveys"]}, "measures": MEASURES, **more})


def month_end(months: int, today: date | None = None) -> date:
    """The last day of the month so many before this one."""
    day = (today or datetime.now(UTC).date()).replace(day=1)
    for _ in range(months - 1):
        day = (day - DAY).replace(day=1)
    return day - DAY


@dataclass
class World:
    """A county: nine people in two teams, two closed months, who writes and who reads."""

    make: Make
    organisation: int = 0
    months: list[date] = field(default_factory=list)  # closed, oldest first
    psw: Any = None
    hr: Any = None
    board: Any = None

    @classmethod
    def of(cls, make: Make, *, closed: int = 2, people: int = 9, chosen: MeasureSet | None = None) -> World:
        """Everything, ready for a draft of the last month."""
        one = cls(make, make.organisation())
        service = make.unit("Safeguarding", "service")
        teams = [make.unit(f"Team {n}", parent=service) for n in (1, 2)]
        for n in range(people):
            make.person(f"Person {n}", team=teams[n % 2], account=False)
        scope = one.organisation
        one.psw = make.person("Helen Ashworth", roles=(PSW,), scope=scope)
        one.hr = make.person("Daniel Mensah", roles=(HR,), scope=scope)
        one.board = make.person("Ruth Calloway", roles=(BOARD,), scope=scope)
        one.close(closed, chosen)
        return one

    def close(self, months: int, chosen: MeasureSet | None = None) -> None:
        """Publish the set, and the figures of the last so many months, one after another."""
        with self.make.tx() as tx:
            sets.publish(tx, self.organisation, chosen or measure_set())
        for n in range(months, 0, -1):
            day = month_end(n)
            with self.make.tx() as tx:
                close_month(tx, self.organisation, day)
            self.months.append(day)

    def actor(self, person: Any, role: str) -> Actor:
        """Somebody acting in their role."""
        return Actor("person", person.id, person.name, ((role, self.organisation),), organisation_id=self.organisation)

    def as_(self, person: Any, role: str, *, writes: bool = True, now: datetime | None = None) -> Any:
        """A transaction of somebody's."""
        return transaction(self.make.database, self.actor(person, role), writes=writes, now=now)

    def begin(self, month: date | None = None, kind: str = "board") -> int:
        """A draft of the last month."""
        with self.as_(self.psw, PSW) as tx:
            return operations.begin(tx, self.organisation, kind, month or self.months[-1])

    def content(self, report_id: int) -> content.Content:
        """What a report says now."""
        with self.make.tx(writes=False) as tx:
            return content.compose(tx, row(tx, report_id))


def row(tx: Tx, report_id: int) -> Any:
    """The row of a report."""

    return tx.get(BoardReport, report_id)
