"""How a document came about: its versions, the differences between any two, an earlier one brought back; and two versions of one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.errors import Invalid, NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes import merging, papers, portfolio_words
from app.programmes.merging import Piece
from app.programmes.operations import write
from app.programmes.papers import Paper

pages = Pages()


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one answer between two versions."""

    label: str
    pieces: list[Piece]


@pages.get("/documents/{document_id:int}/history", can=Can.READ_PORTFOLIO)
def history(tx: Tx, page: Page, document_id: int) -> Response:
    """All versions, and what changed between two of them: the newest two unless the reader chooses."""
    paper = papers.read(tx, document_id)
    if not paper.works:
        raise NotFound(papers.NOT_FOUND, code="document-not-found")
    page.saw("portfolio.viewed", paper.learner_id)
    rows = papers.history(tx, document_id)
    newest = rows[0].number if rows else 0
    after = min(page.number("to", newest), newest)
    before = min(page.number("from", max(after - 1, 0)), newest)
    found = papers.revisions(tx, document_id, [before, after]) if rows else {}
    return page.render(
        "programmes/history.html",
        paper=paper,
        rows=rows,
        before=before,
        after=after,
        changes=_changes(paper, found.get(before), found.get(after)),
        words=portfolio_words,
        inside="/my-programme",
    )


def _changes(paper: Paper, before: Any, after: Any) -> list[Change]:
    old, new = (dict(row.content) if row else {} for row in (before, after))
    found = []
    for question in paper.questions:
        first, second = old.get(question.code, ""), new.get(question.code, "")
        if first != second:
            found.append(Change(question.label, merging.differences(first, second)))
    tags = [", ".join(row.standards) if row else "" for row in (before, after)]
    if tags[0] != tags[1]:
        found.append(Change("Standards", merging.differences(*tags)))
    return found


@pages.post("/documents/{document_id:int}/history", can=Can.WRITE_PORTFOLIO, again=history)
def restore(tx: Tx, page: Page, document_id: int) -> Response:
    """Bring the reader's own answers of an earlier version back, as a new version."""
    number = forms.one_id(page.form, "number")
    if number is None:
        raise Invalid("Choose the version to bring back.")
    write.restore(tx, document_id, number)
    return page.go(f"/documents/{document_id}", said="restored")


@pages.get("/documents/{document_id:int}/clashes/{clash_id:int}", can=Can.WRITE_PORTFOLIO)
def clash(tx: Tx, page: Page, document_id: int, clash_id: int) -> Response:
    """Both versions of an answer side by side, with their differences, and the choice."""
    paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id)
    row = write.clash_of(tx, paper, clash_id)
    stands = paper.content.get(row.item, "")
    question = next((each for each in paper.questions if each.code == row.item), None)
    return page.render(
        "programmes/clash.html",
        paper=paper,
        row=row,
        label=question.label if question else row.item,
        stands=stands,
        seen=merging.fingerprint(stands),
        pieces=merging.differences(stands, row.words),
        together=merging.both(stands, row.words, "The other version"),
        writes=row.item in paper.writes,
        inside="/my-programme",
    )


@pages.post("/documents/{document_id:int}/clashes/{clash_id:int}", can=Can.WRITE_PORTFOLIO, again=clash)
def settle(tx: Tx, page: Page, document_id: int, clash_id: int) -> Response:
    """What the answer is to say from now on."""
    choice = forms.text(page.form, "choice")
    row = write.clash_of(tx, papers.paper(tx, Can.WRITE_PORTFOLIO, document_id), clash_id)
    chosen = {"stands": None, "mine": row.words, "both": forms.text(page.form, "words")}
    if choice not in chosen:
        raise Invalid("Choose which words stand.", errors=[{"field": "choice", "message": "Choose which words stand"}])
    write.settle_clash(tx, document_id, clash_id, chosen[choice], forms.text(page.form, "seen"))
    return page.go(f"/documents/{document_id}", said="chosen")
