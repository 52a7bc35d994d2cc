"""Plays a portfolio through the same operations as everybody's: writes, sends, signs, in the order that its documents ask for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.db import Database
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.frameworks.models import DocumentTemplate
from app.policy import Can, Role
from app.programmes import papers
from app.programmes.models import Capacity, Involvement
from app.programmes.operations import documents, sign, write
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Document
from app.programmes.questions import Question

MOST_TURNS = 12  # more than any document has


class Life:
    """Whoever's turn it is does their part, a few minutes after the one before."""

    def __init__(self, database: Database, begins: datetime) -> None:
        self.database, self.now = database, begins

    def as_(self, person_id: int) -> AbstractContextManager[Tx]:
        """A transaction of this person's."""
        self.now += timedelta(minutes=4)
        actor = Actor("person", person_id, "", ((Role.PRACTITIONER.value, None),), organisation_id=1)
        return transaction(self.database, actor, writes=True, now=self.now)

    def holders(self, enrolment_id: int) -> dict[str, int]:
        """Who has which capacity on that day."""
        with transaction(self.database, SYSTEM, writes=False, now=self.now) as tx:
            rows = tx.rows(
                select(Capacity.capacity, Involvement.person_id)
                .join(Involvement, Involvement.id == Capacity.involvement_id)
                .where(Capacity.enrolment_id == enrolment_id, Capacity.valid_from <= tx.today, Capacity.valid_to > tx.today)
            )
            return {row.capacity: row.person_id for row in rows}

    def begin(self, enrolment_id: int, code: str) -> int:
        """The document with this code: the one that is there, or a first copy."""
        with transaction(self.database, SYSTEM, writes=False, now=self.now) as tx:
            template = tx.one(
                select(DocumentTemplate.id, Document.id.label("document"))
                .outerjoin(Document, (Document.template_id == DocumentTemplate.id) & (Document.enrolment_id == enrolment_id))
                .where(DocumentTemplate.code == code)
                .order_by(Document.id.desc().nulls_last())
            )
        assert template is not None
        if template.document:
            return int(template.document)
        learner = next(iter(self.holders(enrolment_id).items()))
        people = self.holders(enrolment_id)
        with self.as_(people.get("nqsw", people.get("apprentice", people.get("participant", learner[1])))) as tx:
            return documents.add_document(tx, enrolment_id, template.id)

    def finish(self, enrolment_id: int, document_id: int, said: Mapping[str, str] | None = None, *, until: str = "final") -> str:
        """Everybody does their part until the document is in the state `until`, or nobody is left; returns the state."""
        people, state = self.holders(enrolment_id), "draft"
        for _ in range(MOST_TURNS):
            with transaction(self.database, SYSTEM, writes=False, now=self.now) as tx:
                row = tx.get(Document, document_id)
                wanted = tx.scalar(select(DocumentTemplate.completed_by).where(DocumentTemplate.id == row.template_id))
            state = str(row.state)
            if state in (until, "final", "on paper"):
                break
            who = people.get(row.waiting_for or wanted[0])
            if who is None:
                break
            with self.as_(who) as tx:
                if row.state == "signing":
                    sign.sign(tx, document_id, sign.to_sign(tx, document_id).digest, "agree")
                else:
                    self.write(tx, document_id, said or {})
                    documents.send(tx, document_id)
        return state

    def write(self, tx: Tx, document_id: int, said: Mapping[str, str]) -> None:
        """Answer every question that is this person's."""
        paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id)
        answers = {question.code: said.get(question.code) or answer(question, paper, tx) for question in paper.questions}
        mine = {code: words for code, words in answers.items() if code in paper.writes}
        standards = [row.code for row in papers.standards(tx, paper.part.enrolment.version_id)][:2] if paper.completes else None
        write.save(tx, document_id, paper.row.head, mine, standards, "seed")


def answer(question: Question, paper: Paper, tx: Tx) -> str:
    """Something fitting the kind of question; no child or family stands in it."""
    if question.type == "date":
        return (tx.today - timedelta(days=3)).isoformat()
    if question.type == "number":
        return "3"
    if question.choices:
        return "pass" if "pass" in question.choices else question.choices[0]
    if question.type == "short":
        return "Discussed in supervision"
    return f"{LINES[len(question.label) % len(LINES)]} {LINES[(len(question.code) + len(paper.title)) % len(LINES)]}"


LINES = (
    "I prepared the visit with the questions of the assessment framework, and left room for what the family wanted to talk about first.",
    "What went well was that I named what worried me plainly and early. Another time I would check sooner that we meant the same.",
    "In supervision we looked at the pattern between us, and at what my own history made me notice.",
    "I used the genogram to see who was missing from the conversation, and asked about them.",
    "The child’s wishes are recorded in their own words, and they changed what we planned.",
    "I read the research summary on neglect before the meeting, and it helped me to weigh what I had seen over time.",
    "The next step is to lead a core group myself, with my supervisor there to watch.",
)
