"""The page of somebody without an account who was asked for a part of a portfolio. Its link is all they need, and all it opens.

Opening it changes nothing, because mail scanners follow links. What they write is kept while they type, for them alone, until they give it.
"""

from __future__ import annotations

import json
import secrets

from starlette.responses import JSONResponse, Response

from app.core import forms
from app.core.errors import Conflict, Invalid
from app.core.text import tidy
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking
from app.programmes import merging, portfolio_words
from app.programmes.document_pages import places, posted, refused, told, wants_json
from app.programmes.operations import contribute, guarded

pages = Pages()


@pages.get("/contributions/{token}", can=None, public=True)
def contribution(tx: Tx, page: Page, token: str) -> Response:
    """What is asked, what they should know before, and their answers; afterwards what became of it."""
    if page.problem is not None and wants_json(page):
        return page.finish(refused(page.problem))
    asked = contribute.asked_by_link(tx, token)
    page.actor = tx.actor
    given = page.form.get("had")
    if given:
        hidden = {name: forms.text(page.form, name) for name in ("had", "sitting", "turn")}
    else:
        had = merging.fingerprints(asked.draft, [question.code for question in asked.questions])
        hidden = {"had": json.dumps(had), "sitting": secrets.token_hex(8), "turn": "0"}
    typed = {question.code: forms.text(page.form, f"a-{question.code}") for question in asked.questions} if given else {}
    answers = {**asked.draft, **typed}
    return page.render(
        "programmes/contribution.html",
        asked=asked,
        open=asked.open(tx.now),
        answers=answers,
        warned={} if page.problem else guarded.warnings(tx, asked.paper.id, asked.questions, answers),
        hidden=hidden,
        token=token,
        words=portfolio_words,
        said={"saved": "What you wrote is saved. Only you can see it until you give it."}.get(page.query("said"), ""),
    )


def _writes(tx: Tx, page: Page, token: str) -> None:  # noqa: ARG001 - as every page takes it
    """More than of other forms is read only while the link is open to write."""
    if not contribute.asked_by_link(tx, token).open(tx.now):
        raise Conflict("This link is not open any more.", code="link-over")


@pages.post("/contributions/{token}/save", can=None, public=True, again=contribution, long=True, admit=_writes)
def save(tx: Tx, page: Page, token: str) -> Response:
    """Keep the draft."""
    content, had, sitting, turn = posted(page.form)
    done = contribute.save_draft(tx, token, content, sitting, had=had, turn=turn)
    if wants_json(page):
        sent = {code: tidy(words) for code, words in content.items()}
        asked = contribute.asked_by_link(tx, token)
        found = guarded.warnings(tx, asked.paper.id, (q for q in asked.questions if q.code in sent), done.content)
        saved = portfolio_words.saved(tx.now, tx.today)
        return page.finish(JSONResponse(told(done.number, done.content, sent, saved, clashes={}, guard=places(found))))
    return page.go(f"/contributions/{token}", said="saved")


@pages.post("/contributions/{token}", can=None, public=True, again=contribution, long=True, admit=_writes)
def answer(tx: Tx, page: Page, token: str) -> Response:
    """Give it, or say that one cannot."""
    what = forms.text(page.form, "what")
    if what == "decline":
        contribute.decline(tx, token, forms.text(page.form, "reply"), checking.decided(page.form))
    elif what == "give":
        content, had, _, _ = posted(page.form)
        contribute.give(tx, token, content, forms.text(page.form, "registration_number"), had=had, guard=checking.decided(page.form))
    else:
        raise Invalid("Choose whether to give it or to decline.")
    return page.go(f"/contributions/{token}")
