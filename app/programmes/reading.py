"""A whole portfolio gathered for its export: what there is to read, the history of its documents, the chain. The caller asks who may."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from app.core.canonical import instant
from app.core.files import File
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion
from app.people.models import Person
from app.programmes import questions as asking
from app.programmes.chain import Link, Opening
from app.programmes.checklist import checklist
from app.programmes.models import Cohort, Enrolment, Plan, PlanLine, StageRecord
from app.programmes.operations.chaining import framework_of, head_of
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Attachment, Document, Entry, Revision
from app.programmes.portfolio_models import Opening as OpeningRow

WORDS = {
    "agree": "Agrees",
    "disagree": "Disagrees",
    "recommend pass": "Recommends a pass",
    "recommend fail": "Recommends a fail",
    "confirm": "Confirmed",
    "confirm pass": "Pass confirmed",
    "confirm fail": "Fail confirmed",
    "return": "Returned",
    "not confirmed": "Not confirmed",
    "declined": "Declined to sign (recorded by the academy)",
    "unable": "Unable to sign (recorded by the academy)",
    "redacted": "Redacted",
    "recorded": "Recorded",
}
STATES = {
    "sent": "Being written",
    "returned": "Given back",
    "signing": "Waiting for signatures",
    "final": "Complete",
    "on paper": "Complete, on paper",
}

_ENTRIES = select(Entry.__table__).where(Entry.enrolment_id == bindparam("enrolment")).order_by(Entry.sequence)
_OPENINGS = (
    select(Entry.sequence, OpeningRow.path, OpeningRow.salt, OpeningRow.value, OpeningRow.redacted_at)
    .join(Entry, Entry.id == OpeningRow.entry_id)
    .where(Entry.enrolment_id == bindparam("enrolment"))
    .order_by(Entry.sequence, OpeningRow.path)
)
_ABOUT = (
    select(Enrolment.__table__, Person.name, Person.swe_number, Cohort.title.label("cohort"), ProgrammeVersion.title.label("programme"))
    .add_columns(ProgrammeVersion.version.label("programme_version"), ProgrammeVersion.provisional)
    .join(Person, Person.id == Enrolment.person_id)
    .join(Cohort, Cohort.id == Enrolment.cohort_id)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .where(Enrolment.id == bindparam("enrolment"))
)
_STAGES = (
    select(ProgrammeStage.id, ProgrammeStage.title, StageRecord.state, PlanLine.due_on)
    .join(Enrolment, Enrolment.version_id == ProgrammeStage.version_id)
    .outerjoin(StageRecord, (StageRecord.enrolment_id == Enrolment.id) & (StageRecord.stage_id == ProgrammeStage.id))
    .outerjoin(Plan, (Plan.enrolment_id == Enrolment.id) & (Plan.number == Enrolment.plan_number))
    .outerjoin(PlanLine, (PlanLine.plan_id == Plan.id) & (PlanLine.stage_id == ProgrammeStage.id))
    .where(Enrolment.id == bindparam("enrolment"))
    .order_by(ProgrammeStage.number)
)
_PAPERS = (
    select(Document.id, Document.number, Document.state, Document.frozen, Revision.number.label("revision"), Revision.content)
    .add_columns(Revision.standards, Revision.saved_at, Person.name.label("author"), DocumentTemplate.stage_id, DocumentTemplate.code)
    .add_columns(DocumentTemplate.title, DocumentTemplate.repeatable, DocumentTemplate.form, DocumentTemplate.completed_by)
    .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
    .outerjoin(Revision, (Revision.document_id == Document.id) & (Revision.number == func.coalesce(Document.frozen, Document.head)))
    .outerjoin(Person, Person.id == Revision.author_id)
    .where(Document.enrolment_id == bindparam("enrolment"), Document.state != "draft", DocumentTemplate.in_portfolio.is_(True))
    .order_by(DocumentTemplate.number, Document.number)
)
_FILES = (
    select(Attachment.document_id, Attachment.name, Attachment.digest, File.size, File.media_type, Attachment.added_at)
    .join(File, File.digest == Attachment.digest)
    .join(Document, Document.id == Attachment.document_id)
    .where(Document.enrolment_id == bindparam("enrolment"), Attachment.removed_at.is_(None))
    .order_by(Attachment.id)
)
_HISTORY = (
    select(Revision.document_id, Revision.number, Revision.kind, Revision.content, Revision.standards, Revision.saved_at)
    .add_columns(Person.name.label("author"))
    .join(Document, Document.id == Revision.document_id)
    .outerjoin(Person, Person.id == Revision.author_id)
    .where(Document.enrolment_id == bindparam("enrolment"), Revision.sealed.is_(True))
    .order_by(Revision.document_id, Revision.number)
)
_DECISION = select(Decision.__table__).where(Decision.enrolment_id == bindparam("enrolment")).order_by(Decision.id.desc()).limit(1)


@dataclass(frozen=True)
class Chain:
    """An enrolment's chain as it stands in the tables."""

    head: str
    links: list[Link]
    rows: Sequence[Row[Any]]
    redacted: frozenset[tuple[int, str]]  # (sequence, path)


def chain_of(tx: Tx, enrolment: Row[Any]) -> Chain:
    """The entries of an enrolment with their openings, in order."""
    rows = tx.rows(_ENTRIES, enrolment=enrolment.id)
    opened: dict[int, dict[str, Opening]] = defaultdict(dict)
    redacted = set()
    for one in tx.rows(_OPENINGS, enrolment=enrolment.id):
        if one.redacted_at is None:
            opened[one.sequence][one.path] = Opening(one.salt or "", one.value or "")
        else:
            redacted.add((one.sequence, one.path))
    head = head_of(enrolment, framework_of(tx, enrolment.version_id))
    return Chain(head, [Link(row.canonical, row.hash, opened[row.sequence]) for row in rows], rows, frozenset(redacted))


def files_of(tx: Tx, enrolment_id: int) -> dict[int, list[Row[Any]]]:
    """The files of each document, by document."""
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.rows(_FILES, enrolment=enrolment_id):
        found[row.document_id].append(row)
    return found


def history(tx: Tx, enrolment_id: int) -> dict[str, Any]:
    """Every document that has been sent, with all its sealed versions and its files: what is there beside what was signed."""
    versions: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.rows(_HISTORY, enrolment=enrolment_id):
        versions[row.document_id].append(row)
    files = files_of(tx, enrolment_id)
    return {
        "documents": [
            {
                "code": row.code,
                "number": row.number,
                "title": asking.title(row.title, row.number, repeatable=row.repeatable),
                "state": row.state,
                "versions": [
                    {
                        "number": one.number,
                        "kind": one.kind,
                        "saved_at": instant(one.saved_at),
                        "author": one.author,
                        "standards": list(one.standards),
                        "content": dict(one.content),
                    }
                    for one in versions[row.id]
                ],
                "files": [
                    {
                        "name": one.name,
                        "sha256": one.digest,
                        "size": one.size,
                        "media_type": one.media_type,
                        "added_at": instant(one.added_at),
                    }
                    for one in files[row.id]
                ],
            }
            for row in tx.rows(_PAPERS, enrolment=enrolment_id)
        ]
    }


def reading(tx: Tx, enrolment_id: int, made: Chain, by: str, **house: str) -> dict[str, Any]:
    """What `portfolio_pdf` takes. `house`: council, service and colour."""
    about = tx.one(_ABOUT, enrolment=enrolment_id)
    assert about is not None
    papers: dict[int, list[dict[str, Any]]] = defaultdict(list)
    files = files_of(tx, enrolment_id)
    signed = _signatures(made)
    for row in tx.rows(_PAPERS, enrolment=enrolment_id):
        papers[row.stage_id].append(_paper(row, files[row.id], signed, made))
    notes = ["This is a copy to read. What counts as evidence is the chain in the bundle that comes with it."]
    if about.provisional:
        notes.insert(0, "Provisional: this version of the programme was published before its national text was settled.")
    return {
        **house,
        "title": f"Portfolio: {about.programme}",
        "person": {"name": about.name, "number": about.swe_number},
        "programme": about.programme,
        "version": about.programme_version,
        "cohort": about.cohort,
        "status": about.status.replace("_", " ").capitalize(),
        "exported_at": instant(tx.now),
        "exported_by": by,
        "notes": notes,
        "stages": [
            {
                "title": stage.title,
                "status": (stage.state or "not started").capitalize(),
                "due": stage.due_on.isoformat() if stage.due_on else None,
                "documents": papers[stage.id],
            }
            for stage in tx.rows(_STAGES, enrolment=enrolment_id)
        ],
        "promised": [_checklist(tx, enrolment_id)],
        "decision": _decision(tx, enrolment_id, made),
        "chain": [{"sequence": row.sequence, "what": _said(row), "at": instant(row.signed_at), "hash": row.hash} for row in made.rows],
        "head": made.rows[-1].hash if made.rows else None,
    }


def _paper(row: Row[Any], files: Sequence[Row[Any]], signed: Mapping[int, list[dict[str, Any]]], made: Chain) -> dict[str, Any]:
    gone = {path for entry in made.rows if (entry.document_id, entry.revision) == (row.id, row.revision) for path in _gone(made, entry)}
    content = row.content or {}
    return {
        "title": asking.title(row.title, row.number, repeatable=row.repeatable),
        "revision": str(row.revision) if row.revision else None,
        "status": STATES.get(row.state, row.state),
        "author": row.author,
        "saved_at": instant(row.saved_at) if row.saved_at else None,
        "standards": list(row.standards or ()),
        "sections": [
            {
                "title": section.title,
                "guidance": section.guidance,
                "items": [
                    {
                        "question": question.label,
                        "answer": content.get(question.code, ""),
                        "redacted": f"{section.code}/{question.code}" in gone,
                    }
                    for question in section.questions
                ],
            }
            for section in asking.sections(row.form, row.completed_by)
        ],
        "attachments": [{"name": one.name, "kind": one.media_type, "size": one.size, "digest": one.digest} for one in files],
        "signatures": signed.get(row.id, []),
    }


def _gone(made: Chain, entry: Row[Any]) -> list[str]:
    return [path for sequence, path in made.redacted if sequence == entry.sequence]


def _signatures(made: Chain) -> dict[int, list[dict[str, Any]]]:
    """What was signed on each document, by document."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row, link in zip(made.rows, made.links, strict=True):
        if row.document_id is None or row.kind not in ("document", "declined", "addendum", "paper"):
            continue
        signer = json.loads(link.text)["signer"]
        spoken = link.openings.get("correction") or link.openings.get("statement")
        found[row.document_id].append(
            {
                "sequence": row.sequence,
                "name": signer["name"],
                "number": signer["registration"],
                "capacity": ", ".join(signer["capacities"]),
                "answer": "Addendum" if row.kind == "addendum" else WORDS.get(row.answer, row.answer),
                "statement": str(json.loads(spoken.value)) if spoken else "",
                "at": instant(row.signed_at),
                "hash": row.hash,
                "previous": row.previous,
            }
        )
    return found


def _said(row: Row[Any]) -> str:
    entry = json.loads(row.canonical)
    return f"{entry['what']['title']}: {entry['signer']['name']}, {WORDS.get(row.answer, row.answer).lower()}"


def _decision(tx: Tx, enrolment_id: int, made: Chain) -> dict[str, Any] | None:
    row = tx.one(_DECISION, enrolment=enrolment_id)
    if row is None:
        return None
    entry = next((one for one in made.rows if one.decision_id == row.id), None)
    outcome = f"{row.outcome.capitalize()} confirmed" if row.outcome else WORDS[row.kind.replace("_", " ")]
    return {"outcome": outcome, "at": instant(row.decided_at), "reasons": row.reasons, "hash": entry.hash if entry else None}


def _checklist(tx: Tx, enrolment_id: int) -> dict[str, Any]:
    lines = checklist(tx, enrolment_id).lines
    rows = [[line.title, line.state.capitalize(), line.words or "Nothing is recorded"] for line in lines]
    return {"title": "What was asked for, and what is there", "columns": ["Line", "State", "What is there"], "rows": rows}
