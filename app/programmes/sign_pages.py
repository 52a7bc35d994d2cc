"""Reading and signing a document, who has signed it, who did not, and corrections afterwards."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.errors import Conflict, NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking
from app.policy import Can, may
from app.programmes import papers, portfolio_words, terms
from app.programmes import questions as asking
from app.programmes.models import Side
from app.programmes.operations import sign
from app.programmes.papers import Paper
from app.programmes.reading import WORDS

pages = Pages()


def _base(paper: Paper) -> dict[str, Any]:
    return {"paper": paper, "words": portfolio_words, "answers_in_words": WORDS, "inside": "/my-programme"}


def titles(tx: Tx, paper: Paper) -> dict[str, str]:
    """The capacities of those who sign a document, in the words of its programme."""
    version = papers.version_of(tx, paper.part.enrolment.id)
    return {one: terms.title(version.definition if version else {}, one) for one in paper.row.signed_by}


@pages.get("/documents/{document_id:int}/sign", can=Can.SIGN)
def sign_form(tx: Tx, page: Page, document_id: int) -> Response:
    """Exactly what would be signed, once more, and the answer."""
    found = sign.to_sign(tx, document_id)
    paper = found.paper
    if not found.turn:
        raise Conflict("This document does not wait for your signature.", code="not-your-turn", way_out="Open it to see whose turn it is.")
    page.saw("portfolio.viewed", paper.learner_id)
    said = {item.path: item.value for item in found.shown.items}
    return page.render(
        "programmes/sign.html",
        **_base(paper),
        found=found,
        said=said,
        files=papers.attachments(tx, document_id),
        titles=[titles(tx, paper)[one] for one in found.capacities],
        answers=list(sign.ANSWERS.items()),
        recommends="assessor" in found.capacities and any(question.code == "recommendation" for question in paper.questions),
    )


@pages.post("/documents/{document_id:int}/sign", can=Can.SIGN, again=sign_form)
def sign_it(tx: Tx, page: Page, document_id: int) -> Response:
    """Sign what was read."""
    form = page.form
    sign.sign(tx, document_id, forms.text(form, "read"), forms.text(form, "answer"), forms.text(form, "statement"), checking.decided(form))
    return page.go(f"/documents/{document_id}/signatures", said="signed")


_SAID = {
    "signed": "You have signed. The receipt in your inbox holds the fingerprint of your signature: keep it.",
    "not-signed": "Recorded. The next signatory has been told.",
    "corrected": "Your correction is part of the portfolio.",
}


@pages.get("/documents/{document_id:int}/signatures", can=Can.READ_PORTFOLIO)
def signatures(tx: Tx, page: Page, document_id: int) -> Response:
    """Who has signed which version of a document, and whose turn it is."""
    paper = papers.read(tx, document_id)
    if not paper.row.signed_by:
        raise NotFound("Nobody signs this document.", code="document-not-found")
    page.saw("portfolio.viewed", paper.learner_id)
    rows = sign.signatures(tx, document_id)
    waits = paper.row.state == "signing"
    opens = sign.patience_ends(paper.row.waiting_since) if waits else None
    manages = may(tx.actor, Can.MANAGE_ENROLMENTS) and paper.part.side is None
    signs = paper.part.side in (Side.LEARNER, Side.ASSESSING) and bool(set(paper.row.signed_by) & paper.parts)
    return page.render(
        "programmes/signatures.html",
        **_base(paper),
        rows=rows,
        now=[row for row in rows if row.revision == paper.row.frozen and paper.row.frozen],
        titles=titles(tx, paper),
        people=papers.people(tx, paper.part.enrolment.id),
        mine=waits and paper.row.waiting_for in paper.parts,
        opens=opens,
        records=manages and waits and opens is not None and tx.today >= opens,
        later=manages and waits and opens is not None and tx.today < opens,
        absent=list(sign.ABSENT.items()),
        corrects=signs and paper.row.state == "final",
        said=_SAID.get(page.query("said"), ""),
        title=asking.title(paper.row.template_title, paper.row.number, repeatable=paper.row.repeatable),
    )


@pages.post("/documents/{document_id:int}/not-signed", can=Can.MANAGE_ENROLMENTS, again=signatures)
def not_signed(tx: Tx, page: Page, document_id: int) -> Response:
    """Record that whose turn it is did not sign."""
    form = page.form
    sign.decline(tx, document_id, forms.text(form, "capacity"), forms.text(form, "how"), forms.text(form, "reason"))
    return page.go(f"/documents/{document_id}/signatures", said="not-signed")


@pages.post("/documents/{document_id:int}/addendum", can=Can.SIGN, again=signatures)
def correct(tx: Tx, page: Page, document_id: int) -> Response:
    """A minor correction beside what is signed."""
    sign.addendum(tx, document_id, forms.text(page.form, "words"), checking.decided(page.form))
    return page.go(f"/documents/{document_id}/signatures", said="corrected")
