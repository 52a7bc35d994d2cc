"""What becomes of a document: sent to whose turn is next, given back, accepted, frozen to be signed; further copies; files.

The order of a form's questions is the order of turns (`questions.mine_first`): whoever answers the first question that is still open, has
the turn. When none is open, the document is frozen for its signatories, or accepted by whoever assesses, or complete at once where only
the learner writes in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from app.core import ledger
from app.core.errors import Conflict, Invalid, NotFound
from app.core.files import Received
from app.core.files import keep as keep_file
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.guarding import checking
from app.guarding.checking import Decision, Settled
from app.policy import Can, operation
from app.programmes import papers, terms
from app.programmes import questions as asking
from app.programmes.access import part
from app.programmes.models import CAPACITIES, Side
from app.programmes.operations.guarded import settle_answers
from app.programmes.operations.learnt import settle_document
from app.programmes.operations.stages import settle_stages
from app.programmes.operations.write import not_now
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Attachment, Comment, Contribution, Document, Revision
from app.programmes.questions import ACCEPTS, ASKED, LEARNERS, MOST_STANDARDS, Question

MOST_FILES, MOST_COPIES = 20, 30  # of one document; of one template in one portfolio
LONGEST_WORDS = 5000  # characters of a comment


def notify(tx: Tx, kind: str, subject: str, subject_id: int, person_ids: Iterable[int], **facts: Any) -> None:
    """Queue one message to each of these people but the actor; nobody is told of what they did themselves."""
    told = sorted(set(person_ids) - {tx.actor.person_id})
    rows = [{**ledger.message(kind, tx.now, subject, person_id, facts), "subject_id": subject_id} for person_id in told]
    tx.insert_many(Outbox, rows)


def holders(tx: Tx, paper: Paper, capacity: str) -> list[int]:
    """Ids of who has this capacity today; of those who are asked for single documents, whoever was asked for this one."""
    people = [row.id for row in papers.people(tx, paper.part.enrolment.id) if row.capacity == capacity]
    if capacity not in ASKED:
        return people
    asked = {row.person_id for row in papers.contributions(tx, paper.id) if row.state == "asked" and row.part == capacity}
    return [person_id for person_id in people if person_id in asked]


# Sending -----------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PORTFOLIO)
def send(tx: Tx, document_id: int, guard: Decision | None = None) -> str:
    """The actor's part is done: on to whose turn is next, to the signatories, or complete. Returns the document's state.

    Invalid, with the field of each question, for answers of theirs that are missing or wrong; Conflict if it is not their turn, if two of
    their answers wait for a choice, or if nobody was asked for the part that comes next. Identifiable while something in their answers may
    name a family and `guard` does not decide about it.
    """
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.turn:
        raise not_now(paper)
    if papers.clashes(tx, document_id):
        raise Conflict("You wrote an answer in two places. Choose which words stand, then send it.", code="clash-open")
    _check(tx, paper)
    paper = settle_answers(tx, paper, guard)
    if paper.row.invited:
        _given(tx, paper)
    return move_on(tx, paper, paper.parts)


def _check(tx: Tx, paper: Paper) -> None:
    """Is the actor's part complete and right?"""
    lacking = asking.missing(paper.questions, paper.content)
    errors = [_error(question, f"Answer this question: {question.label}") for question in asking.mine_first(lacking, paper.parts)]
    for question in paper.questions:
        said = asking.wrong(question, paper.content.get(question.code, "")) if question.code in paper.writes else None
        if said:
            errors.append(_error(question, said))
    if len(paper.standards) > MOST_STANDARDS and paper.completes:
        errors.append({"field": "standards", "message": f"Choose at most {MOST_STANDARDS} standards, those that it shows best"})
    if errors:
        raise Invalid("Not all of your part is there yet.", code="document-incomplete", errors=errors)
    empty = paper.row.head == 0 or not paper.questions
    if empty and not papers.attachments(tx, paper.id):
        way_out = "Attach the file first." if paper.row.kind == "upload" else "Write something first."
        raise Conflict("There is nothing in this document yet.", code="document-empty", way_out=way_out)


def _error(question: Question, message: str) -> dict[str, str]:
    return {"field": f"a-{question.code}", "message": message}


def move_on(tx: Tx, paper: Paper, done_by: Collection[str]) -> str:
    """Give the turn to whoever is next, or complete the document. `done_by`: the parts of whoever has just finished theirs."""
    lacking = asking.missing(paper.questions, paper.content)
    if lacking:
        return _hand_on(tx, paper, lacking[0])
    if paper.row.signed_by:
        return freeze(tx, paper)
    writers = {by for question in paper.questions for by in question.by} | set(paper.row.completed_by)
    accepts = _acceptor(tx, paper) if writers & (CAPACITIES.keys() - LEARNERS) and not set(done_by) & set(ACCEPTS) else None
    if accepts is not None:
        return _wait(tx, paper, accepts, "sent", "document.sent", "email.document_sent")
    _seal(tx, paper)
    tx.update(Document, paper.id, state="final", frozen=_head(tx, paper), waiting_for=None, waiting_since=None, changed_at=tx.now)
    tx.record("document.completed", "documents", paper.id, person_id=paper.learner_id, state="final", revision=_head(tx, paper))
    settle_document(tx, paper)
    settle_stages(tx, paper.part.enrolment.id)
    return "final"


def _hand_on(tx: Tx, paper: Paper, question: Question) -> str:
    named = [by for by in question.by if by in CAPACITIES]
    for capacity in named:
        asked = capacity in ASKED and any(row.state == "asked" and row.part == capacity for row in papers.contributions(tx, paper.id))
        if asked or holders(tx, paper, capacity):
            return _wait(tx, paper, capacity, "sent", "document.sent", "email.document_sent")
    version = papers.version_of(tx, paper.part.enrolment.id)
    who = terms.title(version.definition if version else {}, named[0] if named else question.by[0]).lower()
    raise Conflict(
        f"The next part is for the {who}, and nobody has been asked.",
        code="nobody-asked",
        way_out="Ask somebody for their part first." if named and named[0] in ASKED else "Ask the Academy to name somebody.",
    )


def _acceptor(tx: Tx, paper: Paper) -> str | None:
    held = {row.capacity for row in papers.people(tx, paper.part.enrolment.id)}
    return next((capacity for capacity in ACCEPTS if capacity in held), None)


def _wait(tx: Tx, paper: Paper, capacity: str, state: str, action: str, kind: str, **more: Any) -> str:
    """It waits for somebody from now on, and they are told."""
    tx.update(Document, paper.id, state=state, waiting_for=capacity, waiting_since=tx.now, changed_at=tx.now, **more)
    tx.record(action, "documents", paper.id, person_id=paper.learner_id, state=state, waiting_for=capacity)
    notify(tx, kind, "documents", paper.id, holders(tx, paper, capacity))
    return state


def _head(tx: Tx, paper: Paper) -> int:
    return int(tx.scalar(select(Document.head).where(Document.id == paper.id)) or 0)


def _seal(tx: Tx, paper: Paper) -> None:
    """The newest revision stays as it is for good. A document of files alone is given an empty one to be sealed."""
    if _head(tx, paper) == 0:
        empty: dict[str, Any] = dict(document_id=paper.id, number=1, base=0, content={}, standards=[], kind="typing", sitting="")
        tx.db.execute(insert(Revision), empty | dict(author_id=tx.actor.person_id, saved_at=tx.now, begun_at=tx.now, sealed=False))
        tx.update(Document, paper.id, head=1)
    newest = (Revision.document_id == paper.id) & (Revision.number == _head(tx, paper)) & Revision.sealed.is_(False)
    tx.db.execute(update(Revision).where(newest).values(sealed=True))


def freeze(tx: Tx, paper: Paper) -> str:
    """What it says now is what will be signed: the newest revision is sealed, and the first signatory has the turn."""
    _seal(tx, paper)
    first = paper.row.signed_by[0]
    return _wait(tx, paper, first, "signing", "document.frozen", "email.sign_asked", frozen=_head(tx, paper))


def _given(tx: Tx, paper: Paper) -> None:
    """Somebody with an account, who was asked for this document, has sent their part."""
    for row in papers.contributions(tx, paper.id):
        if row.person_id == tx.actor.person_id and row.state == "asked":
            tx.update(Contribution, row.id, state="given", given_at=tx.now)
            tx.record("contribution.given", "contributions", row.id, person_id=paper.learner_id, state="given")
            told = [each.id for each in papers.people(tx, paper.part.enrolment.id) if each.capacity in {*LEARNERS, "assessor"}]
            notify(tx, "email.contribution_given", "contributions", row.id, told)


# Giving back -------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PORTFOLIO)
def give_back(tx: Tx, document_id: int, words: str, to: str | None = None, guard: Decision | None = None) -> str:
    """Give it back to be changed, with words, which stay beside it as a comment; returns the capacity that has the turn.

    `to`: to whom, of those who write in it; if not said, the learner where they do, else whoever begins it. Signatures so far stay in
    the chain, but what is sent next has to be signed anew. Whoever waits for somebody outside takes it back, with or without words.
    """
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.returns and not paper.takes_back:
        raise Conflict("It does not wait for you, so you cannot give it back.", code="document-not-yours-now")
    said = words.strip()
    if not said and not paper.takes_back:
        raise Invalid("Say what is to be changed.", errors=[{"field": "words", "message": "Say what is to be changed"}])
    check_words(said)
    target = to or _back_to(paper)
    if target not in givers(paper) or (target in ASKED and not holders(tx, paper, target)):
        raise Invalid("Choose somebody who writes in this document.", errors=[{"field": "to", "message": "Choose to whom"}])
    if said:
        settled = checking.settle(tx, {"words": said}, guard, labels={"words": "What is to be changed"})
        _remark(tx, paper, settled["words"])
        checking.note(tx, settled, "documents", document_id)
    _wait(tx, paper, target, "returned", "document.returned", "email.document_returned", frozen=None)
    return target


def givers(paper: Paper) -> list[str]:
    """Who writes in it, in the order of the form: to whom it can be given back."""
    order = [by for question in paper.questions for by in question.by] + list(paper.row.completed_by)
    return [by for by in dict.fromkeys(order) if by in CAPACITIES]


def _back_to(paper: Paper) -> str:
    order = givers(paper)
    learner = next((by for by in order if by in LEARNERS and by not in paper.parts), None)
    begins = next((by for by in paper.row.completed_by if by in order), order[0] if order else "assessor")
    return learner if learner and learner in paper.row.completed_by else begins


def check_words(words: str, field: str = "words") -> None:
    """Invalid if somebody says more than a comment holds."""
    if len(words) > LONGEST_WORDS:
        message = f"This must be {LONGEST_WORDS:,} characters or fewer"
        raise Invalid(message, errors=[{"field": field, "message": message}])


def _remark(tx: Tx, paper: Paper, words: str) -> None:
    values = dict(document_id=paper.id, revision=paper.row.head, person_id=tx.actor.person_id, words=words, at=tx.now)
    tx.insert(Comment, **values)


# Further copies ----------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PORTFOLIO)
def add_document(tx: Tx, enrolment_id: int, template_id: int) -> int:
    """Begin a document that is not there from the start: an optional one, or one more of a kind that can be repeated. Returns its id."""
    given = part(tx, Can.WRITE_PORTFOLIO, enrolment_id, lock=True)
    if not (given.side is Side.LEARNER and given.capacities) and not given.has(*ACCEPTS):
        raise NotFound(papers.NOT_FOUND, code="document-not-found")
    if given.enrolment.status not in papers.WRITABLE:
        raise Conflict("This programme is over or with the panel, so that nothing can be added.", code="document-not-yours-now")
    template = tx.one(
        select(DocumentTemplate.__table__).where(
            DocumentTemplate.id == template_id, DocumentTemplate.version_id == given.enrolment.version_id
        )
    )
    if template is None:
        raise NotFound("This programme has no such document.", code="template-not-found")
    newest = int(
        tx.scalar(
            select(func.coalesce(func.max(Document.number), 0)).where(
                Document.enrolment_id == enrolment_id, Document.template_id == template_id
            )
        )
    )
    if newest and not template.repeatable:
        raise Conflict("There is one of these, and no more are asked for.", code="document-exists")
    if newest >= MOST_COPIES:
        raise Conflict(f"There are {newest} of these already.", code="document-exists")
    return tx.insert_recorded(
        Document,
        dict(enrolment_id=enrolment_id, template_id=template_id, number=newest + 1, state="draft", head=0, changed_at=tx.now),
        action="document.added",
        person_id=given.enrolment.person_id,
        state="draft",
    )


# Files -------------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PORTFOLIO)
def attach(tx: Tx, document_id: int, received: Sequence[Received], guard: Settled | None = None) -> list[int]:
    """Add files that were taken into the store; returns their ids. Conflict if it is not the actor's turn.

    `guard`: what was decided about what the files may say of a family, as `guarding.uploads` found it.
    """
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.turn:
        raise not_now(paper)
    if len(papers.attachments(tx, document_id)) + len(received) > MOST_FILES:
        raise Conflict(f"A document holds at most {MOST_FILES} files.", code="too-many-files", way_out="Take one away first.")
    made = []
    for each in received:
        digest = keep_file(tx, each)
        values = dict(document_id=document_id, digest=digest, name=each.name, added_by=tx.actor.person_id, added_at=tx.now)
        made.append(tx.insert(Attachment, **values))
        tx.record("document.file-added", "documents", document_id, person_id=paper.learner_id, digest=digest)
    if guard is not None:
        checking.note(tx, guard, "documents", document_id)
    tx.update(Document, document_id, changed_at=tx.now)
    return made


@operation(Can.WRITE_PORTFOLIO)
def detach(tx: Tx, document_id: int, attachment_id: int) -> None:
    """Take a file away that the actor added; that it was there stays on record."""
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    row = next((row for row in papers.attachments(tx, document_id) if row.id == attachment_id), None)
    if row is None:
        raise NotFound("There is no such file here any more.", code="file-not-found")
    if not paper.turn or row.added_by != tx.actor.person_id:
        raise Conflict("Only whoever added a file can take it away, and only while it is their turn.", code="file-not-yours")
    tx.update(Attachment, attachment_id, removed_at=tx.now)
    tx.update(Document, document_id, changed_at=tx.now)
    tx.record("document.file-removed", "documents", document_id, person_id=paper.learner_id, digest=row.digest)


def attachment(tx: Tx, document_id: int, attachment_id: int) -> Row[Any]:
    """A file of a document for whoever may read the document; NotFound for everybody else and for one that was taken away."""
    papers.read(tx, document_id)
    row = next((row for row in papers.attachments(tx, document_id) if row.id == attachment_id), None)
    if row is None:
        raise NotFound("There is no such file here any more.", code="file-not-found")
    return row
