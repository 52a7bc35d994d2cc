"""Certificates as PDF for their owners, and the page where anybody can check one."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app.core.calendar import long_date
from app.core.errors import NotFound
from app.core.pdf import typeset
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning import certificates
from app.policy import Can

pages = Pages()


@pages.get("/certificates/{certificate_id:int}.pdf", can=Can.READ_COMPLETIONS)
def certificate(tx: Tx, page: Page, certificate_id: int) -> Response:
    """The certificate, to keep or print."""
    row = certificates.one(tx, certificate_id)
    page.saw("certificate.viewed", row.person_id)
    facts: dict[str, Any] = row.facts
    said = {
        "title": f"Certificate of completion: {facts['course']}",
        "council": page.settings.council_name,
        "service": page.settings.service_name,
        "colour": page.settings.brand_colour,
        "heading": "Certificate of completion" if row.withdrawn_at is None else "Withdrawn certificate",
        "name": facts["name"],
        "did": certificates.DID[facts["how"]],
        "course": facts["course"],
        "lines": certificates.lines(facts),
        "code": row.code,
        "issued": long_date(row.issued_at),
        "address": f"{page.settings.base_url}/verify/{row.code}",
    }
    headers = {"content-disposition": f'inline; filename="certificate-{row.code}.pdf"', "cache-control": "private, no-store"}
    return Response(typeset("certificate.typ", said), media_type="application/pdf", headers=headers)


@pages.get("/verify", public=True, can=None)
def ask(tx: Tx, page: Page) -> Response:  # noqa: ARG001 - every page is handed its transaction
    """Where somebody who was shown a certificate types its number."""
    typed = page.query("code")
    if typed and (code := certificates.typed_code(typed)):
        return page.go(f"/verify/{code}")
    wrong = "Enter the certificate’s number: 12 letters and digits, such as K7QF-2M9X-WT4D" if typed else None
    return page.render("learning/verify.html", typed=typed, wrong=wrong, status=422 if wrong else 200)


@pages.get("/verify/{code}", public=True, can=None)
def verify(tx: Tx, page: Page, code: str) -> Response:
    """Whether a certificate is genuine: what it says, and nothing more about anybody."""
    known = certificates.typed_code(code)
    row = certificates.by_code(tx, known) if known else None
    if row is None:
        raise NotFound(
            "There is no certificate with this number.",
            code="certificate-not-found",
            way_out="Look at the number again: it has 12 letters and digits, without 0, 1, I and O.",
        )
    ends = date.fromisoformat(row.facts["expires_on"]) if row.facts["expires_on"] else None
    response = page.render(
        "learning/verified.html",
        certificate=row,
        did=certificates.DID[row.facts["how"]],
        lines=certificates.lines(row.facts),
        over=ends is not None and ends < tx.today,
    )
    response.headers["cache-control"] = "no-store"
    response.headers["x-robots-tag"] = "noindex"
    return response
