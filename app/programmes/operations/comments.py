"""Talk in the margin of a document: between the learner and whoever assesses. It is not signed and does not leave in exports."""

from __future__ import annotations

from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.policy import Can, operation
from app.programmes import papers
from app.programmes.models import Side
from app.programmes.operations.documents import check_words, notify
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Comment
from app.programmes.questions import ACCEPTS, LEARNERS


def _for_talk(tx: Tx, document_id: int) -> Paper:
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.shown:
        raise NotFound(papers.NOT_FOUND, code="document-not-found")
    if not paper.talks:
        raise Conflict("Only the learner and whoever assesses write comments.", code="not-yours-to-say")
    return paper


@operation(Can.WRITE_PORTFOLIO)
def comment(tx: Tx, document_id: int, item: str | None, words: str, guard: Decision | None = None) -> int:
    """Say something about a document, or about one answer in it; returns the comment's id. The other side is told in their summary."""
    paper = _for_talk(tx, document_id)
    said = words.strip()
    if not said:
        raise Invalid("Write a comment.", errors=[{"field": "said", "message": "Write a comment"}])
    check_words(said, "said")
    if item is not None and item not in {question.code for question in paper.questions}:
        raise Invalid("There is no such question in this document.", errors=[{"field": "item", "message": "Choose a question"}])
    settled = checking.settle(tx, {"said": said}, guard, labels={"said": "Your comment"})
    values = dict(
        document_id=document_id, item=item, revision=paper.row.head, person_id=tx.actor.person_id, words=settled["said"], at=tx.now
    )
    key = tx.insert_recorded(Comment, values, action="document.commented", person_id=paper.learner_id, document_id=document_id)
    checking.note(tx, settled, "document_comments", key)
    others = ACCEPTS if paper.part.side is Side.LEARNER else tuple(LEARNERS)
    told = [row.id for row in papers.people(tx, paper.part.enrolment.id) if row.capacity in others and row.capacity != "line_manager"]
    notify(tx, "email.document_commented", "documents", document_id, told)
    return key


@operation(Can.WRITE_PORTFOLIO)
def settle(tx: Tx, document_id: int, comment_id: int) -> None:
    """What was said has been seen to. Whoever may comment may say so."""
    paper = _for_talk(tx, document_id)
    row = next((row for row in papers.comments(tx, document_id) if row.id == comment_id), None)
    if row is None:
        raise NotFound("There is no such comment.", code="comment-not-found")
    if row.settled_at is not None:
        return
    tx.update(Comment, comment_id, settled_at=tx.now)
    tx.record("document.comment-settled", "documents", document_id, person_id=paper.learner_id)
