"""Writing in a document: saving while somebody types, settling a clash, bringing back an earlier revision.

Nothing that was saved is overwritten by somebody else's words (docs/portfolio.md): items are put together one by one, and what two wrote
differently stands beside the document as a clash until its writer has chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.text import tidy
from app.core.tx import Tx
from app.policy import Can, operation
from app.programmes import merging, papers
from app.programmes.models import Enrolment, StageRecord
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Clash, Document, Revision
from app.programmes.questions import too_long

ONE_REVISION = timedelta(minutes=10)  # what one tab saves within this is one revision
LOOKED_BACK = 50  # revisions, for who wrote the words that stand in an item


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving came to. `number`: the revision that stands now. `clashes`: ids by item. `content`: everything as it stands."""

    number: int
    clashes: dict[str, int]
    content: dict[str, str] = field(repr=False)
    standards: list[str]


def not_now(paper: Paper) -> Conflict:
    """Why nobody, or not this actor, writes in it now."""
    if paper.row.state in ("signing", *papers.COMPLETE):
        said, out = "It is complete or being signed, so that nobody can change it.", "If something is wrong, it can be given back first."
    elif paper.part.enrolment.status not in papers.WRITABLE:
        said, out = "This programme is over or with the panel, so that its documents are closed.", ""
    else:
        said, out = "It is somebody else’s turn to write in it.", "Ask them to give it back if you have more to say."
    return Conflict(said, code="document-not-yours-now", way_out=out)


@operation(Can.WRITE_PORTFOLIO)
def save(
    tx: Tx,
    document_id: int,
    base: int,
    content: Mapping[str, str],
    standards: Sequence[str] | None,
    sitting: str,
    *,
    had: Mapping[str, str] | None = None,
    turn: int = 0,
) -> Saved:
    """Keep what one page holds, put together with whatever others saved meanwhile.

    `base`: the revision that the page was drawn from. `content`: the answers on it, or those that were touched. `standards`: its tags,
    None if the page has none. `had`: the fingerprint of each item as the page was given it (`merging.fingerprints`, and "standards");
    without it the page is taken to have had revision `base` as it now is. `sitting`: the tab. `turn` counts what the tab has sent: what
    arrives late says nothing new. Conflict if it is not the actor's turn; Invalid for an answer that is too long.
    """
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.writes and not (paper.turn and standards is not None):
        raise not_now(paper)
    if turn and paper.row.sitting == sitting and turn <= (paper.row.turn or 0):
        return Saved(paper.row.head, {}, paper.content, paper.standards)
    mine = {code: tidy(words) for code, words in content.items() if code in paper.writes}
    _check(paper, mine)
    known = dict(had) if had is not None else _had(tx, paper, base)
    done = merging.merge(paper.content, mine, known)
    clashing = _not_own(tx, paper, done.clashes, sitting)
    if len(clashing) < len(done.clashes):  # the tab's own words, whose arrival it was never told of
        own = {code: words for code, words in mine.items() if code not in clashing}
        done = merging.merge(paper.content, own, known | merging.fingerprints(paper.content, own.keys() & done.clashes.keys()))
    tags = paper.standards if standards is None else _tags(tx, paper, standards, known.get("standards"))
    number = paper.row.head
    if done.changed or tags != paper.standards:
        number = keep(tx, paper, done.content, tags, kind="typing", sitting=sitting, turn=turn, base=base)
    kept = {code: _keep_clash(tx, paper, code, words, base, sitting) for code, words in clashing.items()}
    if kept:
        tx.record("document.clash", "documents", paper.id, person_id=paper.learner_id, items=len(kept), revision=number)
    return Saved(number, kept, done.content, tags)


def _check(paper: Paper, mine: Mapping[str, str]) -> None:
    wrong = [(question, too_long(question, mine[question.code])) for question in paper.questions if question.code in mine]
    errors = [{"field": f"a-{question.code}", "message": said} for question, said in wrong if said]
    if errors:
        raise Invalid("An answer is too long to be kept.", errors=errors)


def _had(tx: Tx, paper: Paper, base: int) -> dict[str, str]:
    """What a page drawn from this revision had, as far as is still known."""
    before = papers.revisions(tx, paper.id, [base]).get(base)
    content, tags = (before.content, before.standards) if before else ({}, [])
    codes = [question.code for question in paper.questions]
    return merging.fingerprints(content, codes) | {"standards": merging.tag_fingerprint(tags)}


def _not_own(tx: Tx, paper: Paper, clashes: Mapping[str, str], sitting: str) -> dict[str, str]:
    """Of what clashes, what does so with somebody else: words that this very tab brought in it may go on with."""
    if not clashes or not sitting:
        return dict(clashes)
    earlier = tx.rows(
        select(Revision.content, Revision.sitting)
        .where(Revision.document_id == paper.id)
        .order_by(Revision.number.desc())
        .limit(LOOKED_BACK)
    )
    return {code: words for code, words in clashes.items() if _brought_in(earlier, code, paper.content.get(code, "")) != sitting}


def _brought_in(earlier: Iterable[Any], code: str, words: str) -> str | None:
    """The tab that wrote what stands in an item: that of the oldest revision in the unbroken run that ends with today's words."""
    found = None
    for row in earlier:
        if row.content.get(code, "") != words:
            return found
        found = row.sitting
    return found


def _tags(tx: Tx, paper: Paper, wanted: Sequence[str], had: str | None) -> list[str]:
    known = {row.code for row in papers.standards(tx, paper.part.enrolment.version_id)} if wanted else set()
    return merging.merge_tags(paper.standards, [code for code in wanted if code in known], had)


def _keep_clash(tx: Tx, paper: Paper, code: str, words: str, base: int, sitting: str) -> int:
    """Remember what could not be saved; what the same tab adds to it later takes its place."""
    same = select(Clash.id).where(
        Clash.document_id == paper.id,
        Clash.person_id == tx.actor.person_id,
        Clash.item == code,
        Clash.sitting == sitting,
        Clash.settled_at.is_(None),
    )
    known = tx.scalar(same)
    values = dict(words=words, base=base, against=paper.row.head, at=tx.now)
    if known is not None:
        tx.update(Clash, known, **values)
        return int(known)
    return tx.insert(Clash, document_id=paper.id, person_id=tx.actor.person_id, item=code, sitting=sitting, **values)


def keep(
    tx: Tx,
    paper: Paper,
    content: Mapping[str, str],
    standards: Sequence[str],
    *,
    kind: str,
    sitting: str = "",
    turn: int = 0,
    base: int | None = None,
    contribution_id: int | None = None,
) -> int:
    """Make this the newest revision; returns its number. The actor's own of this sitting is overwritten for ten minutes, no other ever."""
    row = paper.row
    own = (
        kind == "typing" and row.head > 0 and not row.sealed and sitting and row.sitting == sitting and row.author_id == tx.actor.person_id
    )
    values: dict[str, Any] = dict(content=dict(content), standards=list(standards), saved_at=tx.now, turn=turn)
    if own and tx.now - row.begun_at < ONE_REVISION:
        tx.db.execute(update(Revision).where(Revision.document_id == paper.id, Revision.number == row.head).values(**values))
        tx.update(Document, paper.id, changed_at=tx.now)
        return int(row.head)
    number = int(row.head) + 1
    values |= dict(document_id=paper.id, number=number, base=row.head if base is None else min(base, row.head), kind=kind, sitting=sitting)
    author = None if contribution_id is not None else tx.actor.person_id
    tx.db.execute(insert(Revision), values | dict(author_id=author, contribution_id=contribution_id, sealed=False, begun_at=tx.now))
    tx.update(Document, paper.id, head=number, changed_at=tx.now)
    _begin(tx, paper)
    tx.record("document.saved", "documents", paper.id, person_id=paper.learner_id, revision=number, kind=kind)
    return number


def _begin(tx: Tx, paper: Paper) -> None:
    """The first words of a stage open it, and the programme with it."""
    enrolment = paper.part.enrolment
    if enrolment.status == "registered":
        tx.update(Enrolment, enrolment.id, status="in_progress", version=Enrolment.version + 1)
        tx.record("enrolment.begun", "enrolments", enrolment.id, person_id=enrolment.person_id, state="in_progress")
    if paper.row.stage_state == "not started":
        stage = (StageRecord.enrolment_id == enrolment.id) & (StageRecord.stage_id == paper.row.stage_id)
        tx.db.execute(update(StageRecord).where(stage).values(state="open"))
        tx.record("stage.opened", "enrolments", enrolment.id, person_id=enrolment.person_id, state="open", stage=paper.row.stage_id)


# Choosing ----------------------------------------------------------------------------------------------------------


def clash_of(tx: Tx, paper: Paper, clash_id: int) -> Any:
    """A clash of the actor's own in this document that is not settled yet, or NotFound."""
    row = next((row for row in papers.clashes(tx, paper.id) if row.id == clash_id), None)
    if row is None:
        raise NotFound("There is nothing to choose any more: this has been settled.", code="clash-not-found")
    return row


@operation(Can.WRITE_PORTFOLIO)
def settle_clash(tx: Tx, document_id: int, clash_id: int, words: str | None, seen: str) -> int:
    """The writer has chosen what the item is to say; None: what stands. `seen`: the fingerprint of what stood when they chose.

    Returns the newest revision. Changed if the item has moved on since; Conflict if it may not be written in any more (what stands can
    always be kept). Their words stay on record either way.
    """
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    row = clash_of(tx, paper, clash_id)
    number, now = int(paper.row.head), paper.content.get(row.item, "")
    if words is not None:
        if row.item not in paper.writes:
            raise not_now(paper)
        chosen = tidy(words)
        _check(paper, {row.item: chosen})
        if merging.fingerprint(now) != seen:
            raise Changed("This answer has changed once more since you opened this page. Look at it again, then choose.")
        if chosen != now:
            content = {**paper.content, row.item: chosen}
            number = keep(tx, paper, {code: text for code, text in content.items() if text}, paper.standards, kind="merge")
    tx.update(Clash, clash_id, settled_at=tx.now)
    tx.record("document.clash-settled", "documents", paper.id, person_id=paper.learner_id, revision=number)
    return number


@operation(Can.WRITE_PORTFOLIO)
def restore(tx: Tx, document_id: int, number: int) -> int:
    """Bring back the actor's own answers of an earlier revision, as a new one; others' stay as they are. Returns its number."""
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=True)
    if not paper.writes:
        raise not_now(paper)
    earlier = papers.revisions(tx, document_id, [number]).get(number)
    if earlier is None:
        raise NotFound("There is no such version of this document.", code="revision-not-found")
    content = {code: words for code, words in paper.content.items() if code not in paper.writes}
    content |= {code: words for code, words in earlier.content.items() if code in paper.writes}
    if content == paper.content:
        raise Conflict("Your answers say the same now as they did then.", code="nothing-to-restore")
    return keep(tx, paper, content, paper.standards, kind="restored")
