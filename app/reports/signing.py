"""Sign-off: everything is drawn before anybody else waits, then frozen in one short transaction, and only as its signer saw it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select

from app import policy
from app.core import canonical
from app.core.calendar import clock, long_date
from app.core.config import Settings
from app.core.errors import Changed
from app.core.facts import current
from app.core.tx import Tx
from app.people.models import Person, Post
from app.policy import Can, operation
from app.reports import content, delivery, drawing, operations
from app.reports.models import SIGNED, BoardFile, BoardReport


@dataclass(frozen=True, slots=True)
class Drawn:
    """A report ready to be frozen: what was seen of it, and all its forms."""

    seen: str  # digest of the content without a signature
    text: bytes  # the canonical content, signature included
    page: str
    pdf: bytes
    workbook: bytes
    signed_at: datetime


def digest_of(found: content.Content) -> str:
    """What stands for a report as it is now: the form of the sign-off page carries it."""
    return canonical.digest(found)


def house_of(settings: Settings) -> dict[str, str]:
    """What the files say of the council."""
    return dict(council=settings.council_name, service=settings.service_name, colour=settings.brand_colour)


def prepare(tx: Tx, settings: Settings, report_id: int, seen: str) -> Drawn:
    """Draw page, PDF and workbook of a draft, for its signer: slow, so in a read transaction. Changed unless it is as it was seen."""
    policy.require(tx, Can.SIGN_BOARD_REPORTS)
    row = operations.draft(tx, report_id, Can.SIGN_BOARD_REPORTS)
    found = content.compose(tx, row)
    _as_seen(found, seen)
    signed = content.as_kept({**found, "signed": _signature(tx)})
    text = canonical.canonical(signed)
    digest = hashlib.sha256(text).hexdigest()
    return Drawn(
        seen=seen,
        text=text,
        page=drawing.page(signed),
        pdf=drawing.pdf(signed, digest, house_of(settings)),
        workbook=drawing.workbook(signed, digest, tx.now),
        signed_at=tx.now,
    )


def _as_seen(found: content.Content, seen: str) -> None:
    if digest_of(found) != seen:
        raise Changed("The report has changed since you read it.", way_out="Read it again as it is now, then sign it off.")


def _signature(tx: Tx) -> dict[str, Any]:
    post = and_(Post.person_id == Person.id, Post.is_primary, current(Post, tx.today))
    who: Any = tx.one(select(Person.name, Post.job_title).outerjoin(Post, post).where(Person.id == tx.actor.person_id))
    words = f"Signed off by {who.name}{', ' + who.job_title if who.job_title else ''}, on {long_date(tx.now)} at {clock(tx.now)}."
    return dict(by=who.name, title=who.job_title or "", at=tx.now, words=words)


@operation(Can.SIGN_BOARD_REPORTS)
def sign(tx: Tx, report_id: int, drawn: Drawn) -> int:
    """Freeze the report as it was drawn and tell its readers; returns how many. Changed if a word was altered since it was drawn."""
    row = operations.draft(tx, report_id, Can.SIGN_BOARD_REPORTS)
    _as_seen(content.compose(tx, row), drawn.seen)
    digests = {kind: _keep(tx, report_id, kind, made) for kind, made in (("pdf", drawn.pdf), ("xlsx", drawn.workbook))}
    tx.update(
        BoardReport,
        report_id,
        pdf_sha256=digests["pdf"],
        workbook_sha256=digests["xlsx"],
        content=drawn.text.decode(),
        content_sha256=hashlib.sha256(drawn.text).hexdigest(),
        page=drawn.page,
        page_sha256=hashlib.sha256(drawn.page.encode()).hexdigest(),
        signed_at=drawn.signed_at,
        signed_by=tx.actor.person_id,
        state=SIGNED,
    )
    tx.record("board-report.signed", "board_reports", report_id, state=SIGNED, sha256=hashlib.sha256(drawn.text).hexdigest())
    return delivery.tell_signed(tx, row)


def _keep(tx: Tx, report_id: int, kind: str, made: bytes) -> str:
    digest = hashlib.sha256(made).hexdigest()
    tx.insert(BoardFile, report_id=report_id, kind=kind, sha256=digest, size=len(made), content=made)
    return digest


def kept(row: Row[Any]) -> content.Content:
    """The content of a signed report, as it was frozen."""
    found: content.Content = canonical.read(row.content)
    return found
