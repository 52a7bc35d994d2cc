"""A document: questions with guidance, what may be written now as fields and all else as text, comments beside it, files, who was asked.

Saving works as a plain form, which brings the fingerprints of what the page was given in a hidden field; with script the same address is
called while somebody types, and answers in JSON (static/src/document.js).
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

from app.core import file_pages, forms
from app.core.errors import Conflict, Refusal
from app.core.text import tidy
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking, uploads
from app.policy import Can
from app.programmes import merging, papers, portfolio_words
from app.programmes import questions as asking
from app.programmes.operations import comments, contribute, documents, guarded, write
from app.programmes.papers import Paper

pages = Pages()
_SAID = {
    "saved": "What you wrote is saved.",
    "sent": "Sent. Whoever is next has been told.",
    "final": "This document is complete. Whoever assesses can read it.",
    "signing": "Sent to be signed. It cannot be changed while it is.",
    "returned": "Given back. They have been told.",
    "anew": "A new version is begun. What was signed stays on record.",
    "comment": "Your comment is there for the other side to read.",
    "settled": "Marked as seen to.",
    "file": "The file is attached.",
    "file-cleaned": "The file is attached. Hidden details were taken out of it first.",
    "file-author": "The file is attached. Hidden in it is the name of whoever wrote it: if that leads to a family, take it away again.",
    "file-removed": "The file is taken away.",
    "asked": "They have been asked by e-mail.",
    "withdrawn": "They are not asked any more.",
    "chosen": "Your choice is saved.",
    "restored": "The earlier version is brought back, as a new one.",
    "added": "Here is the new document.",
}
_SITTING = re.compile(r"[0-9a-f]{16}")


def said(page: Page) -> str:
    """What has just been done, in words."""
    return _SAID.get(page.query("said"), "")


def wants_json(page: Page) -> bool:
    """Does the page's script ask?"""
    return "application/json" in page.request.headers.get("accept", "")


def refused(problem: Refusal) -> Response:
    """A refusal for the page's script, which shows it and keeps the words."""
    body = {"message": problem.message, "way_out": problem.way_out, "code": problem.code, "errors": problem.errors}
    return JSONResponse(body, problem.status)


# Reading -----------------------------------------------------------------------------------------------------------


@pages.get("/documents/{document_id:int}", can=Can.READ_PORTFOLIO)
def document(tx: Tx, page: Page, document_id: int) -> Response:
    """The document as this reader may see and write it."""
    if page.problem is not None and wants_json(page):
        return page.finish(refused(page.problem))
    paper = papers.paper(tx, Can.READ_PORTFOLIO, document_id)
    page.saw("portfolio.viewed", paper.learner_id)
    people = papers.people(tx, paper.part.enrolment.id)
    mine = paper.row.waiting_for in paper.parts
    given: dict[str, Any] = dict(
        paper=paper,
        people=people,
        me=tx.actor.person_id,
        words=portfolio_words,
        state=portfolio_words.state(paper.row, mine=mine),
        holder=portfolio_words.holder(paper.row, people, tx.actor.person_id),
        since=portfolio_words.since(paper.row.waiting_since, tx.today),
        saved=portfolio_words.saved(paper.row.changed_at if paper.row.head else None, tx.today),
        said=said(page),
        inside="/my-programme",
    )
    asks = contribute.asks(tx, paper)
    given["asks"] = asks
    given["asked"] = (
        papers.contributions(tx, document_id) if ((paper.shown and paper.works) or asks) and contribute.parts_to_ask(paper) else []
    )
    if not paper.shown:
        return page.render("programmes/document_closed.html", **given)
    talk = papers.comments(tx, document_id) if paper.works and paper.part.side else []
    codes = {question.code for question in paper.questions}
    beside: dict[str | None, list[Any]] = {}
    for row in talk:
        beside.setdefault(row.item if row.item in codes else None, []).append(row)
    tags = papers.standards(tx, paper.part.enrolment.version_id)
    answers = _answers(page, paper)
    return page.render(
        "programmes/document.html",
        **given,
        answers=answers,
        warned={} if page.problem else guarded.warnings(tx, document_id, (q for q in paper.questions if q.code in paper.writes), answers),
        hidden=_hidden(page, paper),
        beside=beside,
        tags=tags,
        chosen=set(forms.many(page.form, "standards")) if page.form.get("tags") else set(paper.standards),
        files=papers.attachments(tx, document_id),
        clashes=papers.clashes(tx, document_id) if paper.writes else [],
        step=portfolio_words.next_step(paper, any(row.capacity in asking.ACCEPTS for row in people)) if paper.turn else "",
        givers=[(code, portfolio_words.capacity(code)) for code in documents.givers(paper)] if paper.returns else [],
        most_standards=asking.MOST_STANDARDS,
    )


def _answers(page: Page, paper: Paper) -> dict[str, str]:
    """What stands in each field: what was typed, when the form is shown again, else what is kept."""
    typed = {code: str(page.form[f"a-{code}"]) for code in paper.writes if f"a-{code}" in page.form}
    return {**paper.content, **typed}


def _hidden(page: Page, paper: Paper) -> dict[str, str]:
    """What the form brings back: the revision and the fingerprints it was drawn from, and the tab. Kept when the form is shown again."""
    if page.form.get("had"):
        return {name: str(page.form.get(name, "")) for name in ("base", "had", "sitting", "turn")}
    had = merging.fingerprints(paper.content, sorted(paper.writes)) | {"standards": merging.tag_fingerprint(paper.standards)}
    return {"base": str(paper.row.head), "had": json.dumps(had), "sitting": secrets.token_hex(8), "turn": "0"}


# Writing -----------------------------------------------------------------------------------------------------------


def posted(form: dict[str, Any]) -> tuple[dict[str, str], dict[str, str], str, int]:
    """(answers by code, fingerprints, tab, turn) of a form as it was sent; anything that cannot be read counts as not sent."""
    content = {name[2:]: words for name, words in form.items() if name.startswith("a-") and isinstance(words, str)}
    try:
        given = json.loads(forms.text(form, "had") or "{}")
    except (ValueError, RecursionError):  # the latter: more brackets within brackets than anybody's page sends
        given = {}
    had = {str(code): str(mark) for code, mark in given.items()} if isinstance(given, dict) else {}
    sitting = forms.text(form, "sitting")
    return content, had, sitting if _SITTING.fullmatch(sitting) else "", forms.one_id(form, "turn") or 0


def _writes(tx: Tx, page: Page, document_id: int) -> None:  # noqa: ARG001 - as every page takes it
    """Only from whoever writes in this document more is read than of other forms."""
    if not papers.paper(tx, Can.WRITE_PORTFOLIO, document_id).turn:
        raise Conflict("It is not your turn to write in this document.", code="not-your-turn")


def _save(tx: Tx, page: Page, document_id: int) -> write.Saved:
    content, had, sitting, turn = posted(page.form)
    tags = forms.many(page.form, "standards") if page.form.get("tags") else None
    base = forms.one_id(page.form, "base") or 0
    return write.save(tx, document_id, base, content, tags, sitting, had=had, turn=turn)


@pages.post("/documents/{document_id:int}/save", can=Can.WRITE_PORTFOLIO, again=document, long=True, admit=_writes)
def save(tx: Tx, page: Page, document_id: int) -> Response:
    """Keep what is in the form; the page's script is told what stands now, a browser without it is shown the page."""
    done = _save(tx, page, document_id)
    if wants_json(page):
        sent = {code: tidy(words) for code, words in posted(page.form)[0].items()}
        paper = papers.paper(tx, Can.WRITE_PORTFOLIO, document_id)
        found = guarded.warnings(tx, document_id, (q for q in paper.questions if q.code in sent), done.content)
        saved = portfolio_words.saved(tx.now, tx.today)
        return page.finish(JSONResponse(told(done.number, done.content, sent, saved, clashes=done.clashes, guard=places(found))))
    return page.go(f"/documents/{document_id}", said="saved")


def told(number: int, content: dict[str, str], sent: dict[str, str], saved: str, **more: Any) -> dict[str, Any]:
    """What the script needs to go on: the fingerprint of what stands in each answer it sent, and its words where they are others."""
    had = {code: merging.fingerprint(content.get(code, "")) for code in sent}
    other = {code: content.get(code, "") for code, words in sent.items() if content.get(code, "") != words}
    return {"number": number, "had": had, "other": other, "saved": saved, **more}


def places(found: dict[str, Any]) -> dict[str, list[list[str]]]:
    """What may name a family, for the script to show beside each answer: what it is, the words before, the words, the words after."""
    return {code: [[one.words, one.before, one.said, one.after] for one in each] for code, each in found.items()}


@pages.post("/documents/{document_id:int}/send", can=Can.WRITE_PORTFOLIO, again=document, long=True, admit=_writes)
def send(tx: Tx, page: Page, document_id: int) -> Response:
    """Save what is in the form, then pass the document on."""
    if posted(page.form)[0] or page.form.get("tags"):  # whoever only accepts it has nothing to save
        done = _save(tx, page, document_id)
        if done.clashes:  # saved is saved: the choice comes first
            return page.go(f"/documents/{document_id}", said="saved")
    state = documents.send(tx, document_id, checking.decided(page.form))
    return page.go(f"/documents/{document_id}", said=state)


@pages.post("/documents/{document_id:int}/return", can=Can.WRITE_PORTFOLIO, again=document)
def give_back(tx: Tx, page: Page, document_id: int) -> Response:
    """Give it back with words, or take it back from somebody outside."""
    to, words = forms.text(page.form, "to") or None, forms.text(page.form, "words")
    documents.give_back(tx, document_id, words, to, checking.decided(page.form))
    return page.go(f"/documents/{document_id}", said="anew" if page.form.get("anew") else "returned")


@pages.post("/documents/{document_id:int}/comments", can=Can.WRITE_PORTFOLIO, again=document)
def comment(tx: Tx, page: Page, document_id: int) -> Response:
    """Say something about an answer or the whole, or mark what was said as seen to."""
    settles = forms.one_id(page.form, "settle")
    if settles is not None:
        comments.settle(tx, document_id, settles)
        return page.go(f"/documents/{document_id}", said="settled")
    item, said = forms.text(page.form, "item") or None, forms.text(page.form, "said")
    comments.comment(tx, document_id, item, said, checking.decided(page.form))
    return page.go(f"/documents/{document_id}", said="comment")


# Files -------------------------------------------------------------------------------------------------------------


def _received(tx: Tx, page: Page, document_id: int) -> Any:
    """Only from whoever may attach them here are files taken in."""
    if not papers.paper(tx, Can.WRITE_PORTFOLIO, document_id).turn:
        return None
    return uploads.received(tx, page.form, page.settings)


@pages.post("/documents/{document_id:int}/files", can=Can.WRITE_PORTFOLIO, again=document, first=_received, uploads=True)
def attach(tx: Tx, page: Page, document_id: int) -> Response:
    """Attach what was chosen."""
    files = page.found
    documents.attach(tx, document_id, files.received if files else [], files.settled if files else None)
    return page.go(f"/documents/{document_id}", said="file-cleaned" if files.cleaned else "file-author" if files.named else "file")


@pages.post("/documents/{document_id:int}/files/{attachment_id:int}/remove", can=Can.WRITE_PORTFOLIO)
def detach(tx: Tx, page: Page, document_id: int, attachment_id: int) -> Response:
    """Take a file away that one added oneself."""
    documents.detach(tx, document_id, attachment_id)
    return page.go(f"/documents/{document_id}", said="file-removed")


@pages.get("/documents/{document_id:int}/files/{attachment_id:int}", can=Can.READ_PORTFOLIO)
def download(tx: Tx, page: Page, document_id: int, attachment_id: int) -> Response:
    """A file of a document, to whoever may read the document."""
    row = documents.attachment(tx, document_id, attachment_id)
    paper = papers.read(tx, document_id)
    page.saw("portfolio.file-taken", paper.learner_id)
    return page.finish(file_pages.send(tx, page.settings, row.digest, row.name, inline=page.query("view") == "yes"))


# Asking others -----------------------------------------------------------------------------------------------------


@pages.get("/documents/{document_id:int}/ask", can=Can.WRITE_PORTFOLIO)
def ask_form(tx: Tx, page: Page, document_id: int) -> Response:
    """Who is to be asked, for which part, and what they will see."""
    paper = contribute.to_ask(tx, document_id)
    if not contribute.asks(tx, paper):
        raise write.not_now(paper)
    parts = [(part, portfolio_words.PARTS[part]) for part in contribute.parts_to_ask(paper)]
    if not page.form:
        page.form = {"part": parts[0][0]}
    return page.render("programmes/ask.html", paper=paper, parts=parts, days=contribute.OPEN_DAYS, inside="/my-programme")


@pages.post("/documents/{document_id:int}/ask", can=Can.WRITE_PORTFOLIO, again=ask_form)
def ask(tx: Tx, page: Page, document_id: int) -> Response:
    """Ask them by e-mail."""
    part, name, email, words = (forms.text(page.form, name) for name in ("part", "name", "email", "words"))
    contribute.ask_contributor(tx, document_id, part, name, email, words, checking.decided(page.form))
    return page.go(f"/documents/{document_id}", said="asked")


@pages.post("/documents/{document_id:int}/asked/{contribution_id:int}/again", can=Can.WRITE_PORTFOLIO)
def ask_again(tx: Tx, page: Page, document_id: int, contribution_id: int) -> Response:
    """A new link and new time."""
    contribute.ask_again(tx, document_id, contribution_id)
    return page.go(f"/documents/{document_id}", said="asked")


@pages.post("/documents/{document_id:int}/asked/{contribution_id:int}/withdraw", can=Can.WRITE_PORTFOLIO)
def withdraw_ask(tx: Tx, page: Page, document_id: int, contribution_id: int) -> Response:
    """They need not answer any more."""
    contribute.withdraw_ask(tx, document_id, contribution_id)
    return page.go(f"/documents/{document_id}", said="withdrawn")
