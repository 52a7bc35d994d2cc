"""Is a portfolio ready for the panel? One live list for each enrolment, every line with what is there, what is needed and where to look.

The lines are the version's own (`checklist` of its definition, see app.frameworks.schema). A list for one person or for a whole cohort
takes the same number of questions to the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeVersion
from app.programmes import apprentice_measures
from app.programmes.apprentice_models import Apprenticeship, GatewayItem
from app.programmes.models import Enrolment
from app.programmes.portfolio_models import Document
from app.supervision.held import PromisedActual
from app.supervision.queries import promised_actual_for

DONE = ("final", "on paper")
MET, SHORT, MISSING = "met", "short", "missing"
DEFAULT = (  # for a version that brings no list: every required document
    {"code": "documents", "title": "Every required document is complete", "complete": "required"},
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document behind a line."""

    document_id: int
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `short`: less than was promised, which the panel has to weigh; only what is `missing` keeps a portfolio from it."""

    code: str
    title: str
    state: str
    words: str  # what is there: "2 of 3", "23 of 26, the longest gap 19 days"
    evidence: tuple[Evidence, ...] = ()
    link: str = ""

    @property
    def met(self) -> bool:
        """Nothing is missing and nothing falls short."""
        return self.state == MET


@dataclass(frozen=True, slots=True)
class Checklist:
    """All lines of one enrolment."""

    enrolment_id: int
    lines: tuple[Line, ...]
    had: PromisedActual | None = None  # what supervision, protected time and workload were counted from

    @property
    def ready(self) -> bool:
        """May it go to a panel?"""
        return all(line.state != MISSING for line in self.lines)

    @property
    def met(self) -> int:
        """How many lines are met."""
        return sum(line.met for line in self.lines)

    @property
    def missing(self) -> tuple[Line, ...]:
        """What keeps it from a panel."""
        return tuple(line for line in self.lines if line.state == MISSING)

    def plain(self) -> list[dict[str, str]]:
        """As kept with a decision."""
        return [{"code": line.code, "title": line.title, "state": line.state, "words": line.words} for line in self.lines]


_ENROLMENTS = (
    select(Enrolment.id, Enrolment.person_id, ProgrammeVersion.definition, Apprenticeship.standard_id, Apprenticeship.provider_keeps)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .outerjoin(Apprenticeship, Apprenticeship.enrolment_id == Enrolment.id)
)
_DOCUMENTS = (
    select(
        Document.id,
        Document.enrolment_id,
        Document.number,
        Document.state,
        DocumentTemplate.code,
        DocumentTemplate.title,
        DocumentTemplate.kind,
        DocumentTemplate.required,
        DocumentTemplate.repeatable,
        DocumentTemplate.signed_by,
    )
    .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
    .order_by(Document.enrolment_id, DocumentTemplate.number, Document.number)
)
_CONFIRMED = select(GatewayItem.enrolment_id, GatewayItem.code)

Measured = Callable[[PromisedActual, Mapping[str, Any]], tuple[str, str]]


def checklists(tx: Tx, enrolment_ids: Collection[int], as_at: date | None = None) -> dict[int, Checklist]:
    """The lists of these enrolments by id, in a fixed number of statements. Whoever calls has narrowed the ids to what may be seen."""
    if not enrolment_ids:
        return {}
    documents: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.rows(_DOCUMENTS.where(Document.enrolment_id.in_(enrolment_ids))):
        documents[row.enrolment_id].append(row)
    confirmed: dict[int, set[str]] = defaultdict(set)
    for each in tx.rows(_CONFIRMED.where(GatewayItem.enrolment_id.in_(enrolment_ids))):
        confirmed[each.enrolment_id].add(each.code)
    enrolments = tx.rows(_ENROLMENTS.where(Enrolment.id.in_(enrolment_ids)))
    supervised = [f"enrolment:{row.id}" for row in enrolments if not row.definition.get("apprenticeship")]
    had = promised_actual_for(tx, supervised, as_at) if supervised else {}
    counted = apprentice_measures.measured(tx, [row.id for row in enrolments if row.standard_id is not None], as_at)
    found = {}
    for row in enrolments:
        lines = row.definition.get("checklist") or DEFAULT
        seen = _Seen(row, documents[row.id], confirmed[row.id], had.get(f"enrolment:{row.id}"), counted.get(row.id, {}))
        found[row.id] = Checklist(row.id, tuple(seen.line(line) for line in lines), seen.had)
    return found


def checklist(tx: Tx, enrolment_id: int, as_at: date | None = None) -> Checklist:
    """The list of one enrolment."""
    return checklists(tx, [enrolment_id], as_at)[enrolment_id]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of one enrolment."""

    enrolment: Row[Any]
    documents: list[Row[Any]]
    confirmed: set[str]
    had: PromisedActual | None
    counted: Mapping[str, tuple[bool, str]]  # of an apprenticeship, by measure

    def line(self, asked: Mapping[str, Any]) -> Line:
        """Everything that the line names must hold; the worst of it decides."""
        parts = [part for part in (self._named(asked), self._counted(asked), self._measured(asked), self._said(asked)) if part is not None]
        state = next((each for each in (MISSING, SHORT) if any(part[0] == each for part in parts)), MET)
        words = "; ".join(part[1] for part in parts if part[1])
        evidence = tuple(item for part in parts for item in part[2])
        link = f"/people/{self.enrolment.person_id}/supervision" if asked.get("measure") == "supervision" else ""
        return Line(asked["code"], asked["title"], state, words, evidence, link)

    def _named(self, asked: Mapping[str, Any]) -> tuple[str, str, list[Evidence]] | None:
        """Documents by their codes, complete or signed by everybody; both are the state in which nothing more is to be done."""
        if asked.get("complete") == "required":
            wanted = [row for row in self.documents if row.required]
            return _share(len([row for row in wanted if row.state in DONE]), len(wanted), wanted)
        codes = [*(asked.get("complete") or ()), *(asked.get("signed") or ())]
        if not codes:
            return None
        if self.enrolment.provider_keeps and asked["code"] in self.confirmed:  # signed in the provider's system, never again here
            return MET, "Confirmed from the training provider’s record", []
        there = [row for row in self.documents if row.code in codes]
        complete = {row.code for row in there if row.state in DONE}
        complete -= {row.code for row in there if row.state not in DONE and not row.repeatable}
        return _share(len(complete), len(set(codes)), there)

    def _counted(self, asked: Mapping[str, Any]) -> tuple[str, str, list[Evidence]] | None:
        if not asked.get("at_least"):
            return None
        there = [row for row in self.documents if row.kind == asked.get("kind")]
        return _share(len([row for row in there if row.state in DONE]), int(asked["at_least"]), there)

    def _measured(self, asked: Mapping[str, Any]) -> tuple[str, str, list[Evidence]] | None:
        measure = asked.get("measure")
        if measure is None:
            return None
        if measure in self.counted:
            met, words = self.counted[measure]
            return (MET if met else MISSING), words, []
        judge = MEASURES.get(measure)
        if judge is None or self.had is None:
            return MISSING, "Nothing is recorded yet", []
        state, words = judge(self.had, self.enrolment.definition)
        return state, words, []

    def _said(self, asked: Mapping[str, Any]) -> tuple[str, str, list[Evidence]] | None:
        if not asked.get("confirmed_by"):
            return None
        return (MET, "Confirmed", []) if asked["code"] in self.confirmed else (MISSING, "Not confirmed yet", [])


def _share(have: int, need: int, rows: Iterable[Row[Any]]) -> tuple[str, str, list[Evidence]]:
    evidence = [Evidence(row.id, row.title if row.number == 1 else f"{row.title} ({row.number})", row.state) for row in rows]
    return (MET if have >= need else MISSING), f"{have} of {need}", evidence


def _supervision(had: PromisedActual, _: Mapping[str, Any]) -> tuple[str, str]:
    held = had.held
    if not held.due:
        return MISSING, "None has been due yet"
    words = f"{held.met} of {held.due} in time, the longest gap {held.longest_gap} days"
    return (MET if held.met == held.due else SHORT if held.held else MISSING), words


def _workload(had: PromisedActual, definition: Mapping[str, Any]) -> tuple[str, str]:
    average, promised = had.workload.average, had.workload.promised or definition.get("workload_percent")
    if average is None:
        return MISSING, "No workload is recorded"
    words = f"{average}% of an experienced worker’s on average, {promised}% promised" if promised else f"{average}% on average"
    return (MET if promised is None or average <= promised else SHORT), words


def _protected(had: PromisedActual, _: Mapping[str, Any]) -> tuple[str, str]:
    logged, promised = had.protected.logged, had.protected.promised
    if not logged:
        return MISSING, "No protected time is recorded"
    if promised is None:
        return MET, f"{logged / 60:.0f} hours used"
    return (MET if logged >= promised else SHORT), f"{logged / 60:.0f} of {promised / 60:.0f} hours used"


MEASURES: dict[str, Measured] = {"supervision": _supervision, "workload": _workload, "protected_time": _protected}
