"""Signing: a document is frozen, its signatories sign in order, and each signature is a link of the enrolment's chain.

Whoever signs says what they read by its fingerprint; what has changed since is not signed. Somebody with several capacities signs once
for all of them. After ten working days the coordinator may record that a signatory declined or was unable, so that nobody's absence blocks
a stage. A correction afterwards is an addendum, signed like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select

from app.core.calendar import london, long_date, working_day
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.files import File
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.people.models import Person
from app.policy import Can, operation
from app.programmes import papers, terms
from app.programmes.chain import Attached, Item, Shown, What
from app.programmes.models import Capacity, Involvement, Side
from app.programmes.operations.chaining import add_entry
from app.programmes.operations.documents import holders, notify
from app.programmes.operations.guarded import settle_signing
from app.programmes.operations.learnt import settle_document
from app.programmes.operations.stages import settle_stages
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Attachment, Document, Entry, Revision

PATIENCE = 10  # working days that a signatory has before the coordinator may record their absence
LONGEST = 5000  # characters of a statement, a reason or a correction
DECLARATION = (
    "I have read this document and the files that belong to it as they are shown here. I sign this version of it, "
    "and what I answer and say beside it is my own view."
)
ANSWERS = {"agree": "I agree", "disagree": "I disagree"}
ABSENT = {"declined": "Declined to sign", "unable": "Unable to sign"}

_FROZEN = select(Revision.content, Revision.standards).where(
    Revision.document_id == bindparam("document"), Revision.number == bindparam("revision")
)
_FILES = (
    select(Attachment.name, Attachment.digest, File.size, File.media_type)
    .join(File, File.digest == Attachment.digest)
    .where(Attachment.document_id == bindparam("document"), Attachment.removed_at.is_(None))
    .order_by(Attachment.id)
)
_SIGNATURES = (
    select(
        Entry.id, Entry.sequence, Entry.kind, Entry.revision, Entry.answer, Entry.involvement_id, Entry.signed_at, Entry.hash, Person.name
    )
    .outerjoin(Person, Person.id == Entry.person_id)
    .where(Entry.document_id == bindparam("document"), Entry.kind.in_(("document", "declined", "addendum", "paper")))
    .order_by(Entry.sequence)
)
_HOLDERS = (
    select(Capacity.capacity, Capacity.involvement_id, Person.name)
    .join(Involvement, Involvement.id == Capacity.involvement_id)
    .join(Person, Person.id == Involvement.person_id)
    .where(
        Capacity.enrolment_id == bindparam("enrolment"), Capacity.valid_from <= bindparam("today"), Capacity.valid_to > bindparam("today")
    )
    .order_by(Capacity.id)
)
_LEARNER = select(Person.name).where(Person.id == bindparam("person"))


@dataclass(frozen=True)
class ToSign:
    """A frozen document as a signatory sees it. `digest` is what they send back to say that this is what they read."""

    paper: Paper
    shown: Shown
    digest: str
    capacities: tuple[str, ...]  # in which the actor would sign, in the order of signing; empty: it is not theirs
    turn: bool  # is it the actor's turn?
    signatures: Sequence[Row[Any]]  # so far, on this version


def signatures(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """Everything signed on a document, whatever version, oldest first: kind, revision, answer, name, when, hash."""
    return tx.rows(_SIGNATURES, document=document_id)


def to_sign(tx: Tx, document_id: int, *, lock: bool = False) -> ToSign:
    """What would be signed. Conflict if the document is not being signed; NotFound for those who may not read it."""
    paper = papers.paper(tx, Can.SIGN if lock else Can.READ_PORTFOLIO, document_id, lock=lock)
    if not paper.shown:
        raise NotFound(papers.NOT_FOUND, code="document-not-found")
    if paper.row.state != "signing":
        raise Conflict("This document is not waiting to be signed.", code="not-signing", way_out="Open the document to see how it stands.")
    shown = what_is_shown(tx, paper)
    signs = tuple(one for one in paper.row.signed_by if one in paper.parts)
    so_far = [row for row in signatures(tx, document_id) if row.revision == paper.row.frozen]
    return ToSign(paper, shown, shown.digest(), signs, paper.row.waiting_for in signs, so_far)


def what_is_shown(tx: Tx, paper: Paper) -> Shown:
    """A document's frozen version in the form that is signed: every question with its answer, every file, the standards."""
    frozen = tx.one(_FROZEN, document=paper.id, revision=paper.row.frozen)
    assert frozen is not None
    about = [
        Item("_about/learner", "Whose portfolio", tx.scalar(_LEARNER, person=paper.learner_id)),
        Item("_about/stage", "Stage", paper.row.stage_title),
    ]
    answers = [
        Item(f"{question.section}/{question.code}", question.label, frozen.content.get(question.code, "")) for question in paper.questions
    ]
    files = [
        Attached(f"File {n}", row.name, row.digest, row.size, row.media_type) for n, row in enumerate(tx.rows(_FILES, document=paper.id), 1)
    ]
    what = What(_code(paper), paper.title, int(paper.row.frozen))
    return Shown("document", what, DECLARATION, [*about, *answers], files, list(frozen.standards))


def _code(paper: Paper) -> str:
    """The template's code, with the number of the copy where there may be several: 'SAA', 'DO1.2'."""
    return str(paper.row.code) if paper.row.number == 1 else f"{paper.row.code}.{paper.row.number}"


# Signing -----------------------------------------------------------------------------------------------------------


@operation(Can.SIGN)
def sign(tx: Tx, document_id: int, digest_read: str, answer: str, statement: str = "", guard: Decision | None = None) -> int:
    """Sign what was read, agreeing or disagreeing; returns the entry's id.

    Changed if the document is not what was read any more; Conflict if it is not the actor's turn or they have signed; Invalid if
    somebody disagrees without saying why; Identifiable while something in it may name a family and nobody has decided about it.
    """
    found = to_sign(tx, document_id, lock=True)
    paper = found.paper
    if paper.part.side not in (Side.LEARNER, Side.ASSESSING) or not found.capacities:
        raise Forbidden("You are not one of those who sign this document.")
    if any(row.involvement_id == paper.part.involvement_id for row in found.signatures):
        raise Conflict("You have already signed this.", code="already-signed")
    if not found.turn:
        raise Conflict("It is not your turn to sign: somebody before you has not signed yet.", code="not-your-turn")
    if digest_read != found.digest:
        raise Changed("This document has changed since you read it. Read it again before you sign.", code="changed-since-read")
    said = _said(statement, needed=answer == "disagree", field="statement", message="Say why you disagree")
    if answer not in ANSWERS:
        raise Invalid("Choose whether you agree.", errors=[{"field": "answer", "message": "Choose whether you agree"}])
    answers = {item.path.rpartition("/")[2]: str(item.value or "") for item in found.shown.items}
    settle_signing(tx, paper, answers, said, guard)
    entry = add_entry(
        tx,
        paper.part.enrolment,
        "document",
        what=found.shown.what,
        declaration=found.shown.declaration,
        items=found.shown.items,
        files=found.shown.files,
        standards=found.shown.standards,
        answer=_answer(found.capacities, found.shown, answer),
        statement=said or None,
        document_id=document_id,
        revision=paper.row.frozen,
        involvement_id=paper.part.involvement_id,
        person_id=tx.actor.person_id,
        capacities=found.capacities,
    )
    tx.record("document.signed", "documents", document_id, person_id=paper.learner_id, state=answer, revision=paper.row.frozen)
    _next(tx, paper)
    return entry


def _said(words: str, *, needed: bool, field: str, message: str) -> str:
    said = words.strip()
    if needed and not said:
        raise Invalid(message + ".", errors=[{"field": field, "message": message}])
    if len(said) > LONGEST:
        message = f"This must be {LONGEST:,} characters or fewer"
        raise Invalid(message + ".", errors=[{"field": field, "message": message}])
    return said


def _answer(capacities: Sequence[str], shown: Shown, answer: str) -> str:
    """An assessor who agrees to a report with a recommendation recommends by it."""
    if "assessor" not in capacities or answer != "agree":
        return answer
    said = next((str(item.value).lower() for item in shown.items if item.path.endswith("/recommendation")), "")
    return f"recommend {said}" if said in ("pass", "fail") else answer


def _next(tx: Tx, paper: Paper) -> None:
    """The next signatory's turn; or, when all have signed, the document is final."""
    order = list(paper.row.signed_by)
    done = {row.involvement_id for row in signatures(tx, paper.id) if row.revision == paper.row.frozen and row.involvement_id}
    held = tx.rows(_HOLDERS, enrolment=paper.part.enrolment.id, today=tx.today)
    signed = {row.capacity for row in held if row.involvement_id in done}
    left = [one for one in order[order.index(paper.row.waiting_for) + 1 :] if one not in signed]
    if left:
        tx.update(Document, paper.id, waiting_for=left[0], waiting_since=tx.now, changed_at=tx.now)
        notify(tx, "email.sign_asked", "documents", paper.id, holders(tx, paper, left[0]))
        return
    tx.update(Document, paper.id, state="final", waiting_for=None, waiting_since=None, changed_at=tx.now)
    tx.record("document.completed", "documents", paper.id, person_id=paper.learner_id, state="final", revision=paper.row.frozen)
    settle_document(tx, paper)
    settle_stages(tx, paper.part.enrolment.id)


# Those who do not sign ---------------------------------------------------------------------------------------------


def patience_ends(since: datetime) -> date:
    """The London day from which the coordinator may record that whose turn it has been since then did not sign."""
    day, left = london(since).date(), PATIENCE
    while left:
        day += timedelta(days=1)
        left -= working_day(day)
    return day


@operation(Can.MANAGE_ENROLMENTS)
def decline(tx: Tx, document_id: int, capacity: str, how: str, reason: str) -> int:
    """Record that the signatory whose turn it is declined or was unable to sign, so that the others can; returns the entry's id.

    `how`: "declined" or "unable". Conflict before ten working days are over, or when it is another's turn. Whoever signs themselves
    cannot record it for others.
    """
    paper = papers.paper(tx, Can.MANAGE_ENROLMENTS, document_id, lock=True)
    if paper.part.side is not None:
        raise Forbidden("You take part in this portfolio yourself, so another coordinator has to record this.")
    if paper.row.state != "signing" or paper.row.waiting_for != capacity:
        raise Conflict("This document does not wait for that signature.", code="not-signing")
    opens = patience_ends(paper.row.waiting_since)
    if tx.today < opens:
        raise Conflict(f"They still have time to sign. This can be recorded from {long_date(opens)}.", code="too-early")
    if how not in ABSENT:
        raise Invalid("Choose what happened.", errors=[{"field": "how", "message": "Choose what happened"}])
    said = _said(reason, needed=True, field="reason", message="Give the reason")
    held = [row for row in tx.rows(_HOLDERS, enrolment=paper.part.enrolment.id, today=tx.today) if row.capacity == capacity]
    version = papers.version_of(tx, paper.part.enrolment.id)
    title = terms.title(version.definition if version else {}, capacity)
    shown = what_is_shown(tx, paper)
    entry = add_entry(
        tx,
        paper.part.enrolment,
        "declined",
        what=shown.what,
        declaration="I record that this signature was not given, and why.",
        items=[("missing/capacity", "Who did not sign", title), ("missing/name", "Name", held[0].name if held else "Nobody at the time")],
        answer=how,
        statement=said,
        document_id=document_id,
        revision=paper.row.frozen,
        involvement_id=held[0].involvement_id if held else None,
        person_id=tx.actor.person_id,
        capacities=("coordinator",),
    )
    tx.record("document.not-signed", "documents", document_id, person_id=paper.learner_id, state=how, capacity=capacity)
    _next(tx, paper)
    return entry


# Afterwards --------------------------------------------------------------------------------------------------------


@operation(Can.SIGN)
def addendum(tx: Tx, document_id: int, words: str, guard: Decision | None = None) -> int:
    """A minor correction to what is signed, in words beside it; returns the entry's id. The signed version stays as it is.

    Those who sign the document may write one; whatever changes the sense of it is given back and signed anew instead.
    """
    paper = papers.paper(tx, Can.SIGN, document_id, lock=True)
    signs = tuple(one for one in paper.row.signed_by if one in paper.parts)
    if not paper.shown or not signs or paper.part.side not in (Side.LEARNER, Side.ASSESSING):
        raise NotFound(papers.NOT_FOUND, code="document-not-found")
    signed = [row for row in signatures(tx, document_id) if row.kind in ("document", "declined") and row.revision == paper.row.frozen]
    if paper.row.state != "final" or not signed:
        raise Conflict("Only a document that everybody has signed can be corrected by an addendum.", code="not-final")
    said = _said(words, needed=True, field="words", message="Write what is to be corrected")
    settled = checking.settle(tx, {"words": said}, guard, labels={"words": "What is to be corrected"})
    checking.note(tx, settled, "documents", document_id)
    entry = add_entry(
        tx,
        paper.part.enrolment,
        "addendum",
        what=(_code(paper), paper.title, int(paper.row.frozen)),
        declaration="I correct what was signed as written here. The signed document stays as it is.",
        items=[("correction", "Correction", settled["words"])],
        answer="agree",
        document_id=document_id,
        refers_to=signed[-1].sequence,
        person_id=tx.actor.person_id,
        capacities=signs,
    )
    tx.record("document.corrected", "documents", document_id, person_id=paper.learner_id, state="final", revision=paper.row.frozen)
    others = [person for capacity in paper.row.signed_by for person in holders(tx, paper, capacity)]
    notify(tx, "email.document_commented", "documents", document_id, others)
    return entry
