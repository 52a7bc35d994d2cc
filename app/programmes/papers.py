"""Documents of a portfolio as their readers may see them. Everything that shows or changes a document begins with `paper`.

Who reads what (docs/portfolio.md): a draft, only those who write in it. What was sent: the learner, and who assesses today. An observer or
another professional: the one document they were asked for. The moderating side: what is complete and belongs to the portfolio. Others in
reach by their role (a coordinator): what was sent and belongs to the portfolio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Row, bindparam, exists, select

from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion, Standard
from app.people.models import Person
from app.policy import Can, require
from app.programmes import questions as asking
from app.programmes.access import Part, part
from app.programmes.models import Capacity, Enrolment, Involvement, Side, StageRecord
from app.programmes.portfolio_models import Attachment, Clash, Comment, Contribution, Document, Revision
from app.programmes.questions import ACCEPTS, ASKED, LEARNERS, Question, Section

NOT_FOUND = "There is no document with that reference, or it is not yours to see."
WRITABLE = ("registered", "in_progress", "paused")  # enrolments whose documents are still written
COMPLETE = ("final", "on paper")
T, S = DocumentTemplate, ProgrammeStage
_invited = exists(
    select(ONE).where(
        Contribution.document_id == Document.id,
        Contribution.person_id == bindparam("me"),
        Contribution.state.in_(("asked", "given")),
    )
)
TEMPLATE = (
    T.code,
    T.title.label("template_title"),
    T.kind,
    T.completed_by,
    T.signed_by,
    T.form,
    T.required,
    T.repeatable,
    T.in_portfolio,
    T.stage_id,
    T.number.label("template_number"),
    S.title.label("stage_title"),
    S.number.label("stage_number"),
    StageRecord.state.label("stage_state"),
    _invited.label("invited"),
)
LEARNER = aliased(Person)
_OF_ENROLMENT = (
    select(Document.__table__, *TEMPLATE, LEARNER.name.label("learner"))
    .join(Enrolment, Enrolment.id == Document.enrolment_id)
    .join(LEARNER, LEARNER.id == Enrolment.person_id)
    .join(T, T.id == Document.template_id)
    .join(S, S.id == T.stage_id)
    .outerjoin(StageRecord, (StageRecord.enrolment_id == Document.enrolment_id) & (StageRecord.stage_id == T.stage_id))
)
_PAPER = _OF_ENROLMENT.add_columns(
    Revision.content,
    Revision.standards,
    Revision.sitting,
    Revision.turn,
    Revision.begun_at,
    Revision.saved_at,
    Revision.sealed,
    Revision.author_id,
).outerjoin(Revision, (Revision.document_id == Document.id) & (Revision.number == Document.head))
ONE_PAPER = _PAPER.where(Document.id == bindparam("key"))
_ALL = _OF_ENROLMENT.where(Document.enrolment_id == bindparam("enrolment")).order_by(S.number, T.number, Document.number)
_LOCKED = select(Document.id).where(Document.id == bindparam("key")).with_for_update()


@dataclass(frozen=True)
class Paper:
    """One document, with what the actor is to it. `parts`: in which capacities they act in this very document."""

    row: Row[Any]
    part: Part
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]
    parts: frozenset[str]

    @cached_property
    def id(self) -> int:
        return int(self.row.id)

    @cached_property
    def title(self) -> str:
        return asking.title(self.row.template_title, self.row.number, repeatable=self.row.repeatable)

    @cached_property
    def content(self) -> dict[str, str]:
        return dict(self.row.content or {})

    @cached_property
    def standards(self) -> list[str]:
        return list(self.row.standards or ())

    @property
    def learner_id(self) -> int:
        return int(self.part.enrolment.person_id)

    @property
    def completes(self) -> bool:
        """Does the actor write in it, now or at another turn?"""
        return any(question.asks(self.parts) for question in self.questions) or bool(self.parts & set(self.row.completed_by))

    @property
    def turn(self) -> bool:
        """May the actor change it now? A draft is open to all who write in it; what was sent, to whose turn it is."""
        if self.part.enrolment.status not in WRITABLE:
            return False
        if self.row.state == "draft":
            return self.completes
        return self.row.state in ("sent", "returned") and self.row.waiting_for in self.parts

    @property
    def writes(self) -> frozenset[str]:
        """Codes of the questions that the actor may answer now."""
        if not self.turn:
            return frozenset()
        return frozenset(question.code for question in self.questions if question.asks(self.parts)) - self.later

    @cached_property
    def later(self) -> frozenset[str]:
        """Codes of the questions that nobody answers before others have given their part, which they have not yet."""
        return frozenset(question.code for question in self.questions if asking.too_early(question, self.questions, self.content))

    @property
    def takes_back(self) -> bool:
        """It waits for somebody outside, and the learner or whoever assesses need not wait with it."""
        inside = self.parts & (LEARNERS | set(ACCEPTS))
        return self.row.state == "sent" and self.row.waiting_for in ASKED and bool(inside) and self.row.waiting_for not in self.parts

    @property
    def returns(self) -> bool:
        """May the actor give it back? Whose turn it is to go on, to accept or to sign.

        Whoever assesses also what is complete and nobody had to sign, and an agreement: what is agreed changes, and is signed anew.
        """
        if self.part.enrolment.status not in WRITABLE:
            return False
        if self.row.state in ("sent", "signing"):
            return self.row.waiting_for in self.parts and (self.row.state == "signing" or self.part.side is Side.ASSESSING)
        unsigned = not self.row.signed_by and self.row.stage_state != "complete"
        reopens = self.row.state == "final" and (unsigned or self.row.kind == "agreement")
        return reopens and self.part.side is Side.ASSESSING and bool(self.parts & set(ACCEPTS))

    @property
    def talks(self) -> bool:
        """May the actor comment? The learner and whoever assesses."""
        return self.part.side in (Side.LEARNER, Side.ASSESSING) and bool(self.parts)

    @property
    def works(self) -> bool:
        """Does the actor see how it came about: comments, history, clashes? Not the moderating side, which reads what was handed in."""
        return self.part.side is not Side.MODERATING

    @property
    def shown(self) -> bool:
        """May the actor read its words, or only see that it is there?"""
        return shown(self.row, self.part, self.parts)


def shown(row: Row[Any], given: Part, parts: frozenset[str]) -> bool:
    """Is the text of this document for this reader? `row` has the columns of a document and its template."""
    if given.side is Side.MODERATING:
        return bool(given.capacities) and row.state in COMPLETE and row.in_portfolio
    if row.state == "draft":
        answered_by = {by for section in row.form.get("sections", ()) for one in section["items"] for by in one.get("by", ())}
        return bool(parts & (answered_by | set(row.completed_by)))
    if given.side is None:
        return bool(row.in_portfolio)
    return bool(parts)


def outsider(given: Part) -> bool:
    """Is the actor there for single documents only?"""
    return given.side is Side.ASSESSING and set(given.capacities) <= ASKED


def paper(tx: Tx, can: Can, document_id: int, *, lock: bool = False) -> Paper:
    """The document with what the actor is to it; NotFound for outsiders. `lock`: those who change one portfolio take turns."""
    require(tx, can)
    row = tx.one(ONE_PAPER, key=document_id, me=tx.actor.person_id)
    if row is None:
        raise NotFound(NOT_FOUND, code="document-not-found")
    given = part(tx, can, row.enrolment_id, lock=lock)
    if lock:  # what was read before its turn may have changed
        tx.scalar(_LOCKED, key=document_id)
        row = tx.one(ONE_PAPER, key=document_id, me=tx.actor.person_id)
        assert row is not None
    made = bound(row, given)
    if outsider(given) and not row.invited:
        raise NotFound(NOT_FOUND, code="document-not-found")
    return made


def bound(row: Row[Any], given: Part) -> Paper:
    """A document's row with its reader."""
    parts = asking.sections(row.form, row.completed_by)
    asked = asking.questions(parts)
    return Paper(row, given, parts, asked, asking.acting(given.capacities, asked, invited=row.invited))


def read(tx: Tx, document_id: int) -> Paper:
    """The same, for whoever may read its words: NotFound where they may only know that it is there."""
    found = paper(tx, Can.READ_PORTFOLIO, document_id)
    if not found.shown:
        raise NotFound("This document is not yours to read, or not yet: its writer has not sent it.", code="document-not-found")
    return found


def listed(tx: Tx, given: Part) -> list[Paper]:
    """Every document of a portfolio that the actor may know of, without its words, in the order of stages."""
    rows = tx.rows(_ALL, enrolment=given.enrolment.id, me=tx.actor.person_id)
    return [bound(row, given) for row in rows if row.invited or not outsider(given)]


# What stands around it ---------------------------------------------------------------------------------------------

_PEOPLE = (
    select(Capacity.capacity, Person.id, Person.name, Person.email, Capacity.valid_from)
    .join(Involvement, Involvement.id == Capacity.involvement_id)
    .join(Person, Person.id == Involvement.person_id)
    .where(
        Capacity.enrolment_id == bindparam("enrolment"),
        Capacity.valid_from <= bindparam("today"),
        Capacity.valid_to > bindparam("today"),
    )
    .order_by(Capacity.capacity, Person.name)
)
_STANDARDS = (
    select(Standard.code, Standard.number, Standard.title)
    .join(ProgrammeVersion, ProgrammeVersion.standards_set_id == Standard.set_id)
    .where(ProgrammeVersion.id == bindparam("version"))
    .order_by(Standard.number)
)
_COMMENTS = (
    select(Comment.__table__, Person.name)
    .join(Person, Person.id == Comment.person_id)
    .where(Comment.document_id == bindparam("key"))
    .order_by(Comment.id)
)
_author, _giver = aliased(Person), aliased(Contribution)
_HISTORY = (
    select(Revision.number, Revision.kind, Revision.saved_at, Revision.sealed, _author.name.label("author"), _giver.name.label("giver"))
    .outerjoin(_author, _author.id == Revision.author_id)
    .outerjoin(_giver, _giver.id == Revision.contribution_id)
    .where(Revision.document_id == bindparam("key"))
    .order_by(Revision.number.desc())
)
_TWO = select(Revision.number, Revision.content, Revision.standards).where(
    Revision.document_id == bindparam("key"), Revision.number.in_(bindparam("numbers", expanding=True))
)
_FILES = (
    select(Attachment.__table__, Person.name.label("adder"))
    .outerjoin(Person, Person.id == Attachment.added_by)
    .where(Attachment.document_id == bindparam("key"), Attachment.removed_at.is_(None))
    .order_by(Attachment.id)
)
_CLASHES = (
    select(Clash.__table__)
    .where(Clash.document_id == bindparam("key"), Clash.person_id == bindparam("me"), Clash.settled_at.is_(None))
    .order_by(Clash.id)
)
_ASKED = (
    select(Contribution.__table__, Person.name.label("asker"))
    .outerjoin(Person, Person.id == Contribution.asked_by)
    .where(Contribution.document_id == bindparam("key"))
    .order_by(Contribution.id)
)


def people(tx: Tx, enrolment_id: int) -> Sequence[Row[Any]]:
    """Who does what for an enrolment today: capacity, id, name, email, valid_from."""
    return tx.rows(_PEOPLE, enrolment=enrolment_id, today=tx.today)


def standards(tx: Tx, version_id: int) -> Sequence[Row[Any]]:
    """The standards that documents on this version can be tagged with."""
    return tx.rows(_STANDARDS, version=version_id)


def comments(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """What readers said, oldest first."""
    return tx.rows(_COMMENTS, key=document_id)


def history(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """Its revisions, newest first, without their words."""
    return tx.rows(_HISTORY, key=document_id)


def revisions(tx: Tx, document_id: int, numbers: Sequence[int]) -> Mapping[int, Row[Any]]:
    """These revisions, words and all, by their number."""
    return {row.number: row for row in tx.rows(_TWO, key=document_id, numbers=list(numbers))}


def attachments(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """The files that belong to it."""
    return tx.rows(_FILES, key=document_id)


def clashes(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """Words of the actor's that could not be saved over somebody else's and wait for their choice."""
    return tx.rows(_CLASHES, key=document_id, me=tx.actor.person_id)


def contributions(tx: Tx, document_id: int) -> Sequence[Row[Any]]:
    """Who was asked for their part of it, and what became of that."""
    return tx.rows(_ASKED, key=document_id)


def names(rows: Sequence[Row[Any]], capacity: str) -> list[str]:
    """Of the people of an enrolment, those with this capacity, by name."""
    return [row.name for row in rows if row.capacity == capacity]


def version_of(tx: Tx, enrolment_id: int) -> Row[Any] | None:
    """The version of the programme: its title, state and definition."""
    return tx.one(
        select(ProgrammeVersion.title, ProgrammeVersion.provisional, ProgrammeVersion.definition)
        .join(Enrolment, Enrolment.version_id == ProgrammeVersion.id)
        .where(Enrolment.id == enrolment_id)
    )
