"""Portfolios in flight come in: stages that are done, documents signed on paper. A dry run says line by line what would be; all or nothing.

Nobody here signed what was signed on paper. It stands in the chain as an entry of the kind "paper", recorded by whoever imported it, with
who signed according to the paper and the digest of the document as it was uploaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, time
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from app.core.calendar import from_london, long_date
from app.core.errors import Conflict, NotFound
from app.core.files import Received, keep
from app.core.tx import Tx
from app.policy import Can, operation
from app.programmes import questions
from app.programmes.chain import Attached
from app.programmes.models import Enrolment, StageRecord
from app.programmes.moving_in_file import Sent
from app.programmes.moving_in_plan import Paper, Person, Plan, Signature, plan
from app.programmes.operations.chaining import add_entry
from app.programmes.operations.enrol import enrol
from app.programmes.portfolio_models import Attachment, Document, PortfolioImport

DECLARATION = "I record that this document was completed and signed on paper, as stated, before it was brought in. It was not signed here."


@operation(Can.MANAGE_ENROLMENTS)
def stage(tx: Tx, sent: Sent) -> int:
    """Keep what was sent, changing nothing else; returns the id of the import."""
    files = {name: asdict(received) for name, received in sent.files.items()}
    for received in sent.files.values():
        keep(tx, received)
    rows = {"lines": sent.lines, "files": files, "refused": sent.refused, "unnamed": sent.unnamed}
    values: dict[str, Any] = dict(name=sent.name[:200], rows=rows, problems=[], made_by=tx.actor.person_id, made_at=tx.now)
    return tx.insert_recorded(PortfolioImport, values, action="portfolios.staged", lines=len(sent.lines), files=len(files))


def staged(tx: Tx, import_id: int, *, lock: bool = False) -> Row[Any]:
    """An import of the actor's own; NotFound for anybody else's."""
    row = tx.get(PortfolioImport, import_id, lock=lock, what="import")
    if row.made_by != tx.actor.person_id:
        raise NotFound("There is no import with that reference.", code="import-not-found")
    return row


def planned(tx: Tx, row: Row[Any]) -> Plan:
    """What this import would do today."""
    return plan(tx, row.rows["lines"], row.rows["files"], row.rows["refused"], row.rows["unnamed"])


@operation(Can.MANAGE_ENROLMENTS)
def apply_import(tx: Tx, import_id: int) -> Plan:
    """Do all of it, or nothing: Conflict while there is a problem, or when it has been applied. Returns what was done."""
    row = staged(tx, import_id, lock=True)
    if row.state != "staged":
        raise Conflict("This file has already been applied.", code="import-applied")
    made = planned(tx, row)
    if made.problems:
        raise Conflict("The file has problems. Correct them and send it again.", code="import-problems")
    for person in made.people:
        _bring_in(tx, person, row.rows["files"])
    tx.update(PortfolioImport, import_id, state="applied", applied_at=tx.now)
    tx.record("portfolios.moved-in", "portfolio_imports", import_id, people=made.fresh_people, documents=made.fresh_papers)
    return made


def _bring_in(tx: Tx, person: Person, files: Mapping[str, Any]) -> None:
    """One person: the enrolment if there is none, then what is not there yet."""
    if not person.fresh:
        return
    key = person.enrolment_id
    if key is None:
        others = {name: who for name, who in (("assessor", person.assessor_id), ("line_manager", person.manager_id)) if who}
        assert person.starts_on is not None
        key = enrol(tx, person.cohort_id, person.person_id, person.starts_on, others, moved_in=True, tell=False)
    enrolment = tx.get(Enrolment, key, lock=True)
    for each in person.stages:
        if not each.known:
            held = datetime.combine(each.held_on, time(17))
            its = (StageRecord.enrolment_id == key) & (StageRecord.stage_id == each.stage_id)
            done = dict(state="complete", held_on=each.held_on, completed_at=from_london(held.date(), held.time()), on_paper=True)
            tx.db.execute(update(StageRecord).where(its).values(**done))
            tx.record("stage.moved-in", "enrolments", key, person_id=person.person_id, state="complete", stage=each.stage_id)
    for paper in person.papers:
        if not paper.known:
            _paper(tx, enrolment, paper, files)
    if enrolment.status == "registered":
        tx.update(Enrolment, key, status="in_progress", version=enrolment.version + 1)
        tx.record("enrolment.begun", "enrolments", key, person_id=person.person_id, state="in_progress")


def _paper(tx: Tx, enrolment: Row[Any], paper: Paper, files: Mapping[str, Any]) -> None:
    """A document as it came: complete on paper, with its file, and in the chain as what it is."""
    document_id, number = _document(tx, enrolment.id, paper)
    attached = []
    if paper.file:
        received = Received(**files[paper.file])
        keep(tx, received)
        added = dict(digest=received.digest, name=received.name, added_by=tx.actor.person_id, added_at=tx.now)
        tx.insert(Attachment, document_id=document_id, **added)
        attached.append(Attached("On paper", received.name, received.digest, received.size, received.media_type))
    title = questions.title(paper.title, number, repeatable=paper.repeatable)
    add_entry(
        tx,
        enrolment,
        "paper",
        what=(paper.code if number == 1 else f"{paper.code}.{number}", title, 1),
        declaration=DECLARATION,
        items=[_signature(n, one) for n, one in enumerate(paper.signatures, 1)] or [("signatures", "Signed on paper", "Nobody is named")],
        files=attached,
        answer="recorded",
        document_id=document_id,
        person_id=tx.actor.person_id,
        capacities=("coordinator",),
        receipt=False,
    )
    tx.record("document.moved-in", "documents", document_id, person_id=enrolment.person_id, state="on paper")


def _signature(number: int, one: Signature) -> tuple[str, str, str]:
    return f"signatures/{number}", f"Signed on paper as {one.capacity}", f"{one.name}, {long_date(one.on)}"


def _document(tx: Tx, enrolment_id: int, paper: Paper) -> tuple[int, int]:
    """The copy that becomes the paper one: the first while it is untouched, else one more. Returns its id and number."""
    its = (Document.enrolment_id == enrolment_id) & (Document.template_id == paper.template_id)
    untouched = tx.one(
        select(Document.id, Document.number).where(its, Document.state == "draft", Document.head == 0).order_by(Document.number)
    )
    if untouched is not None:
        tx.update(Document, untouched.id, state="on paper", changed_at=tx.now)
        return int(untouched.id), int(untouched.number)
    number = int(tx.scalar(select(func.coalesce(func.max(Document.number), 0)).where(its))) + 1
    values = dict(enrolment_id=enrolment_id, template_id=paper.template_id, number=number, state="on paper", changed_at=tx.now)
    key = tx.db.execute(insert(Document).values(head=0, **values).returning(Document.id)).scalar_one()
    return int(key), number
