"""The chain of a portfolio: what was signed in which order and whether it still holds; taking it away; redacting it; verifying it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.core import file_pages, forms
from app.core.config import ROOT
from app.core.declared import aliased
from app.core.errors import Conflict, NotFound
from app.core.files import File
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people.models import Person
from app.policy import Can, may
from app.programmes import papers
from app.programmes.access import Part, part
from app.programmes.bundle import bundle_name
from app.programmes.chain_check import check_chain, shown_files
from app.programmes.models import Enrolment, Side
from app.programmes.operations import exports, redact
from app.programmes.portfolio_models import DailyHead, Entry
from app.programmes.reading import WORDS, Chain, chain_of

pages = Pages()
SHOWN = 200  # characters of what may be redacted, so that it is recognised
SCRIPT = next((path for path in (ROOT / "docs" / "verify.py", ROOT / "app" / "verify.py") if path.exists()), None)
KINDS = {
    "document": "Signature",
    "stage": "Stage",
    "agreement": "Agreement",
    "decision": "Decision",
    "addendum": "Correction",
    "declined": "Not signed",
    "redaction": "Redaction",
    "paper": "Signed on paper",
}


def _part(tx: Tx, enrolment_id: int, can: Can = Can.READ_PORTFOLIO) -> tuple[Part, str]:
    """The actor's part and the learner's name; NotFound for those who are there for single documents only."""
    given = part(tx, can, enrolment_id)
    if papers.outsider(given) or (given.side is Side.MODERATING and not given.capacities):
        raise NotFound("There is no portfolio with that reference, or you do not take part in it.", code="enrolment-not-found")
    return given, str(tx.scalar(select(Person.name).where(Person.id == given.enrolment.person_id)))


def _findings(tx: Tx, made: Chain) -> list[str]:
    wanted = shown_files(made.links)
    kept = {row.digest: (row.digest, row.size) for row in tx.rows(select(File.digest, File.size).where(File.digest.in_(wanted)))}
    return [finding.message for finding in check_chain(made.head, made.links, kept)]


def _entries(made: Chain) -> Iterator[dict[str, Any]]:
    """Each entry as the page shows it, newest first; one that cannot be read says so."""
    for row in reversed(made.rows):
        try:
            said = json.loads(row.canonical)
            what, signer = said["what"]["title"], said["signer"]
            who, capacities, reason = signer["name"], ", ".join(signer["capacities"]), said["reason"]
        except (ValueError, LookupError, TypeError):
            what, who, capacities, reason = "This entry cannot be read", "", "", None
        answer = WORDS.get(row.answer, row.answer)
        yield {"row": row, "what": what, "who": who, "as": capacities, "answer": answer, "kind": KINDS[row.kind], "reason": reason}


@pages.get("/portfolios/{enrolment_id:int}/signatures", can=Can.READ_PORTFOLIO)
def chain(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Everything that was signed, in order, and whether it still holds."""
    given, learner = _part(tx, enrolment_id)
    page.saw("portfolio.viewed", given.enrolment.person_id)
    made = chain_of(tx, given.enrolment)
    return page.render(
        "programmes/chain.html",
        enrolment=given.enrolment,
        learner=learner,
        own=given.side is Side.LEARNER,
        entries=list(_entries(made)),
        findings=_findings(tx, made),
        takes=exports.takes(tx, given),
        redacts=given.side is None and may(tx.actor, Can.REDACT) and bool(made.rows),
        exports=exports.mine(tx, enrolment_id),
        inside="/my-programme",
        said={
            "asked": "It is being made. You will be told when it is ready, usually within a minute.",
            "redacted": "Redacted. The chain says so, and everything else in it still holds.",
        }.get(page.query("said"), ""),
    )


# Taking it away ----------------------------------------------------------------------------------------------------


@pages.post("/portfolios/{enrolment_id:int}/export", can=Can.READ_PORTFOLIO, again=chain)
def export(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Ask for the portfolio as a bundle."""
    exports.ask_export(tx, enrolment_id)
    return page.go(f"/portfolios/{enrolment_id}/signatures", said="asked")


@pages.get("/portfolio-exports/{export_id:int}", can=Can.READ_PORTFOLIO)
def fetch(tx: Tx, page: Page, export_id: int) -> Response:
    """The bundle, to whoever asked for it and may still have it."""
    row, enrolment = exports.ready(tx, export_id)
    page.took("portfolio.taken", "portfolio_exports", export=row.id, reference=enrolment.reference)
    return page.finish(file_pages.send(tx, page.settings, row.digest, bundle_name(enrolment.reference)))


# Redacting ---------------------------------------------------------------------------------------------------------


@pages.get("/portfolios/{enrolment_id:int}/redact", can=Can.REDACT)
def redact_form(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """What can be taken out, and why."""
    given, learner = _part(tx, enrolment_id, Can.REDACT)
    if given.side is not None:
        raise Conflict("You take part in this portfolio yourself, so somebody else has to redact it.", code="takes-part")
    page.saw("portfolio.viewed", given.enrolment.person_id)
    made = chain_of(tx, given.enrolment)
    return page.render(
        "programmes/redact.html",
        enrolment=given.enrolment,
        learner=learner,
        groups=list(_groups(made)),
        reasons=list(redact.REASONS.items()),
        chosen=set(forms.many(page.form, "what")),
        inside="/my-programme",
    )


def _groups(made: Chain) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """By entry, what stands there: (value of the box, label and beginning). The same content beside several signatures is shown once."""
    seen: set[tuple[tuple[int | None, ...], str, str]] = set()
    for row, link in zip(made.rows, made.links, strict=True):
        if row.kind not in redact.KINDS:
            continue
        entry = json.loads(link.text)
        labels = {one["path"]: one["label"] for one in (*entry["items"], *entry["files"])} | {"statement": "What they said beside it"}
        found = []
        for path, opening in sorted(link.openings.items()):
            about = (row.document_id, row.change_id, row.decision_id)
            key = (about, path if path != "statement" else f"{row.sequence}", opening.value)
            words = str(json.loads(opening.value) or "")
            if words and key not in seen and not path.startswith("_about/") and redact.words_at(row.kind, path):
                seen.add(key)
                found.append((f"{row.sequence}:{path}", f"{labels.get(path, path)}: {words[:SHOWN]}{'…' if len(words) > SHOWN else ''}"))
        if found:
            yield f"{entry['what']['title']}, version {entry['what']['revision']}, signed by {entry['signer']['name']}", found


@pages.post("/portfolios/{enrolment_id:int}/redact", can=Can.REDACT, again=redact_form)
def redact_it(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Take it out."""
    picked = [(int(found[1]), found[2]) for one in forms.many(page.form, "what") if (found := re.fullmatch(r"(\d{1,6}):(.+)", one))]
    redact.redact(tx, enrolment_id, picked, forms.text(page.form, "reason"))
    return page.go(f"/portfolios/{enrolment_id}/signatures", said="redacted")


# Verifying ---------------------------------------------------------------------------------------------------------


@pages.get("/verify-portfolio", public=True, can=None)
def verify(tx: Tx, page: Page) -> Response:
    """How anybody checks a portfolio that they were given, and whether a fingerprint is known here."""
    typed = re.sub(r"[\s:-]", "", page.query("fingerprint")).lower()
    well_formed = re.fullmatch(r"[0-9a-f]{64}", typed) is not None
    entry = _known(tx, typed) if well_formed else None
    day = tx.one(select(DailyHead.made_at, DailyHead.chains).where(DailyHead.hash == typed)) if well_formed else None
    response = page.render("programmes/verify.html", typed=typed, well_formed=well_formed, entry=entry, day=day, script=SCRIPT is not None)
    response.headers["x-robots-tag"] = "noindex"
    return response


def _known(tx: Tx, fingerprint: str) -> Row[Any] | None:
    """The entry with this fingerprint: which portfolio by its reference, which place in its chain. No name, no content."""
    other = aliased(Entry)
    newest = select(func.max(other.sequence)).where(other.enrolment_id == Entry.enrolment_id).scalar_subquery()
    found = select(Enrolment.reference, Entry.sequence, Entry.signed_at, newest.label("entries")).join(
        Enrolment, Enrolment.id == Entry.enrolment_id
    )
    return tx.one(found.where(Entry.hash == fingerprint))


@pages.get("/verify-portfolio/verify.py", public=True, can=None)
def script(tx: Tx, page: Page) -> Response:  # noqa: ARG001 - every page is handed its transaction
    """The script that checks a portfolio offline."""
    if SCRIPT is None:
        raise NotFound("The script is not installed here. Ask the academy for it.")
    headers = {"content-disposition": 'attachment; filename="verify.py"'}
    return page.finish(Response(SCRIPT.read_bytes(), media_type="text/x-python; charset=utf-8", headers=headers))
