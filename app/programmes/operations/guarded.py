"""What may name a family in a document: warned of while it is written, decided when it is sent or signed (docs/guard.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from app.core.tx import Tx
from app.guarding import checking, finding
from app.guarding.checking import Decision, Identifiable, InField, Settled
from app.guarding.finding import Finding
from app.policy import Can
from app.programmes import papers
from app.programmes.operations.write import keep
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Clash, Revision
from app.programmes.questions import Question

SUBJECT = "documents"
FREE = ("text", "short")  # types of questions that are answered in words of one's own


def words_of(questions: Iterable[Question], content: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The free answers by the name of their field, and the questions' labels by the same."""
    free = [question for question in questions if question.type in FREE and content.get(question.code)]
    return {f"a-{one.code}": content[one.code] for one in free}, {f"a-{one.code}": one.label for one in free}


def warnings(tx: Tx, document_id: int, questions: Iterable[Question], content: Mapping[str, str]) -> dict[str, tuple[Finding, ...]]:
    """What the writer of these answers is warned of, by code; nothing that was decided to be kept in this document before."""
    fields, labels = words_of(questions, content)
    found = checking.check(tx, tx.actor.person_id, fields, labels=labels, subject=SUBJECT, subject_id=document_id)
    return {one.field.removeprefix("a-"): one.findings for one in found.fields}


def settle_answers(tx: Tx, paper: Paper, guard: Decision | None) -> Paper:
    """The actor's own answers may be handed on: nothing in them names a family, or it was decided about. Identifiable if not.

    What is to be taken out goes from every revision that is not sealed, and from versions that wait for a choice. Returns the document
    as it stands then.
    """
    fields, labels = words_of((one for one in paper.questions if one.code in paper.writes), paper.content)
    settled = checking.settle(tx, fields, guard, labels=labels, subject=SUBJECT, subject_id=paper.id)
    checking.note(tx, settled, SUBJECT, paper.id)
    if settled.decision is None or not settled.decision.take_out:
        return paper
    _take_out(tx, paper, settled)
    return papers.paper(tx, Can.WRITE_PORTFOLIO, paper.id, lock=True)


def settle_signing(tx: Tx, paper: Paper, content: Mapping[str, str], statement: str, guard: Decision | None) -> None:
    """What is about to be signed names no family, or it was decided about: whoever signs can keep it, or give the document back."""
    fields, labels = words_of(paper.questions, content)
    fields["statement"], labels["statement"] = statement, "What you say beside it"
    try:
        if guard is not None and guard.take_out:  # what is frozen is signed as it stands, or given back
            found = checking.check(tx, tx.actor.person_id, fields, labels=labels, subject=SUBJECT, subject_id=paper.id)
            if found:
                raise Identifiable(found, chosen="This version cannot be changed while it is signed: keep them, or give the document back")
        settled = checking.settle(tx, fields, guard, labels=labels, subject=SUBJECT, subject_id=paper.id)
    except Identifiable as asked:  # the page has no field but the statement; what is said of the others leads to the question
        asked.errors = [one if one["field"] in ("statement", "guard") else {**one, "field": "guard"} for one in asked.errors]
        raise
    checking.note(tx, settled, SUBJECT, paper.id)


def _take_out(tx: Tx, paper: Paper, settled: Settled) -> None:
    rows = tx.rows(select(Revision.number, Revision.content).where(Revision.document_id == paper.id, Revision.sealed.is_(False)))
    found = {one.field.removeprefix("a-"): one for one in settled.found.fields}
    changed: list[dict[str, Any]] = []
    for row in rows:
        content = {code: _without(words, found.get(code)) for code, words in row.content.items()}
        if content != row.content:
            changed.append({"its_number": row.number, "content": content})
    if changed:
        revision = update(Revision).where(Revision.document_id == paper.id, Revision.number == bindparam("its_number"))
        tx.db.execute(revision.values(content=bindparam("content", type_=Revision.__table__.c.content.type)), changed)
    for clash in tx.rows(select(Clash.id, Clash.item, Clash.words).where(Clash.document_id == paper.id)):
        words = _without(clash.words, found.get(clash.item))
        if words != clash.words:
            tx.update(Clash, clash.id, words=words)
    if paper.row.sealed:  # what was signed stays; a new revision says it without
        keep(tx, paper, {code: _without(words, found.get(code)) for code, words in paper.content.items()}, paper.standards, kind="typing")
    tx.record("document.words-removed", SUBJECT, paper.id, person_id=paper.learner_id, kinds=settled.found.kinds)


def _without(words: str, found: InField | None) -> str:
    """The same words without what was found in this answer, wherever else in it that stands too."""
    for one in found.findings if found else ():
        said = rf"(?<!\w){re.escape(one.said)}(?!\w)"
        if one.kind == "name":  # earlier drafts may have written it otherwise
            said = rf"(?i:(?<!\w){re.escape(one.said.removesuffix('s'))}(?:['’]?s)?(?!\w))"
        words = re.sub(said, f"[{finding.REMOVED[one.kind]} removed]", words)
    return words
