"""The way to the assessment: what shows each knowledge, skill and behaviour, the gateway, and the result that ends an apprenticeship."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, case, func, insert, select, update

from app.core.calendar import london, long_date
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.frameworks.models import Ksb, ProgrammeStage
from app.policy import Can, operation
from app.programmes.apprentice_models import Apprenticeship, GatewayItem, KsbEvidence, OtjHours
from app.programmes.checklist import Checklist, checklist
from app.programmes.models import Enrolment, StageRecord
from app.programmes.operations import hours, judging
from app.programmes.operations.apprentices import TUTORS, looked_after
from app.programmes.portfolio_models import Document

RESULTS = {"pass": "Pass", "merit": "Merit", "distinction": "Distinction", "fail": "Fail"}
KINDS = {"knowledge": "Knowledge", "skill": "Skills", "behaviour": "Behaviours"}
MOST_CLAIMS = 10  # of one piece of evidence: few, because ticking everything shows nothing
LONGEST = 200


# Knowledge, skills and behaviours ------------------------------------------------------------------------------------


@operation(Can.WRITE_PORTFOLIO)
def claim(tx: Tx, enrolment_id: int, ksb_ids: Collection[int], *, document_id: int | None = None, hours_id: int | None = None) -> int:
    """The apprentice says which knowledge, skills and behaviours a document or logged training shows; returns how many are new."""
    mine, row = looked_after(tx, enrolment_id, "apprentice", runs=False)
    known = {each.id for each in tx.rows(select(Ksb.id).where(Ksb.standard_id == row.standard_id, Ksb.id.in_(ksb_ids)))}
    if not known or known != set(ksb_ids) or len(known) > MOST_CLAIMS:
        message = f"Choose what it shows best, at most {MOST_CLAIMS}"
        raise Invalid(message + ".", errors=[{"field": "ksb", "message": message}])
    _source(tx, enrolment_id, document_id, hours_id)
    same = KsbEvidence.document_id == document_id if document_id is not None else KsbEvidence.hours_id == hours_id
    there = {each.ksb_id for each in tx.rows(select(KsbEvidence.ksb_id).where(KsbEvidence.enrolment_id == enrolment_id, same))}
    new = sorted(known - there)
    values = dict(enrolment_id=enrolment_id, document_id=document_id, hours_id=hours_id, claimed_at=tx.now)
    tx.insert_many(KsbEvidence, [values | dict(ksb_id=key) for key in new])
    tx.record("ksb.claimed", "enrolments", enrolment_id, person_id=mine.enrolment.person_id, claimed=len(new))
    return len(new)


def _source(tx: Tx, enrolment_id: int, document_id: int | None, hours_id: int | None) -> None:
    """Exactly one piece of evidence, of this very apprenticeship."""
    found = None
    if document_id is not None and hours_id is None:
        found = tx.scalar(select(Document.id).where(Document.id == document_id, Document.enrolment_id == enrolment_id))
    elif hours_id is not None and document_id is None:
        stands = (OtjHours.enrolment_id == enrolment_id, hours.counts())
        found = tx.scalar(select(OtjHours.id).where(OtjHours.id == hours_id, *stands))
    if found is None:
        message = "Choose the document or the training that shows it"
        raise Invalid(message + ".", errors=[{"field": "source", "message": message}])


@operation(Can.WRITE_PORTFOLIO)
def confirm(tx: Tx, enrolment_id: int, claim_ids: Collection[int]) -> int:
    """Employer, provider or mentor agree that the evidence shows what is claimed; returns how many they confirmed."""
    mine, _ = looked_after(tx, enrolment_id, *TUTORS, runs=False)
    open_ones = (KsbEvidence.id.in_(claim_ids), KsbEvidence.enrolment_id == enrolment_id, KsbEvidence.confirmed_at.is_(None))
    done = tx.db.execute(update(KsbEvidence).where(*open_ones).values(confirmed_by=tx.actor.person_id, confirmed_at=tx.now)).rowcount
    if not done:
        message = "Choose what you have looked at"
        raise Invalid(message + ".", errors=[{"field": "claim", "message": message}])
    tx.record("ksb.confirmed", "enrolments", enrolment_id, person_id=mine.enrolment.person_id, confirmed=done)
    return int(done)


def coverage(tx: Tx, enrolment_id: int, standard_id: int) -> Sequence[Row[Any]]:
    """Each knowledge, skill and behaviour of the standard with how often it is claimed and how often confirmed."""
    mine = and_(KsbEvidence.ksb_id == Ksb.id, KsbEvidence.enrolment_id == enrolment_id)
    return tx.rows(
        select(
            Ksb.id,
            Ksb.code,
            Ksb.kind,
            Ksb.title,
            func.count(KsbEvidence.id).label("claimed"),
            func.sum(case((KsbEvidence.confirmed_at.is_not(None), 1), else_=0)).label("confirmed"),
        )
        .outerjoin(KsbEvidence, mine)
        .where(Ksb.standard_id == standard_id)
        .group_by(Ksb.id)
        .order_by(Ksb.number)
    )


def claims(tx: Tx, enrolment_id: int) -> Sequence[Row[Any]]:
    """Every claim with what it rests on: a document's id, or training by its day and words."""
    return tx.rows(
        select(KsbEvidence.__table__, Ksb.code, Ksb.title, OtjHours.on_date, OtjHours.words)
        .join(Ksb, Ksb.id == KsbEvidence.ksb_id)
        .outerjoin(OtjHours, OtjHours.id == KsbEvidence.hours_id)
        .where(KsbEvidence.enrolment_id == enrolment_id)
        .order_by(Ksb.number, KsbEvidence.id)
    )


# The gateway ---------------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_ENROLMENTS)
def confirm_line(tx: Tx, enrolment_id: int, code: str, words: str) -> None:
    """A line of the checklist holds by the provider's own record, which the Academy has seen; `words`: where it stands there."""
    mine, row = looked_after(tx, enrolment_id)
    if not row.provider_keeps:
        raise Conflict("This is signed here, in the portfolio.", code="signed-here")
    line = next((line for line in checklist(tx, enrolment_id).lines if line.code == code), None)
    if line is None:
        raise NotFound("There is no such line in this checklist.", code="line-not-found")
    if not words.strip() or len(words) > LONGEST:
        message = "Say where the provider’s record shows it"
        raise Invalid(message + ".", errors=[{"field": "words", "message": message}])
    known = select(GatewayItem.code).where(GatewayItem.enrolment_id == enrolment_id, GatewayItem.code == code)
    if tx.scalar(known) is None:
        tx.db.execute(
            insert(GatewayItem), dict(enrolment_id=enrolment_id, code=code, words=words.strip(), by_id=tx.actor.person_id, at=tx.now)
        )
    tx.record("gateway.confirmed", "enrolments", enrolment_id, person_id=mine.enrolment.person_id, line=code)


@operation(Can.MANAGE_ENROLMENTS)
def pass_gateway(tx: Tx, enrolment_id: int) -> None:
    """The apprentice may go to the assessment. Conflict, naming each line, while something in the checklist is missing."""
    mine, row = looked_after(tx, enrolment_id)
    if row.gateway_at is not None:
        raise Conflict("The gateway is passed already.", code="gateway-passed")
    _refuse_unready(checklist(tx, enrolment_id))
    tx.db.execute(update(Apprenticeship).where(Apprenticeship.enrolment_id == enrolment_id).values(gateway_at=tx.now))
    _complete(tx, mine.enrolment, ("stage", "gateway"))
    if mine.enrolment.status == "registered":
        tx.update(Enrolment, enrolment_id, status="in_progress", version=mine.enrolment.version + 1)
    tx.record("apprenticeship.gateway", "enrolments", enrolment_id, person_id=mine.enrolment.person_id, state="passed")


def _refuse_unready(lines: Checklist) -> None:
    if lines.ready:
        return
    said = "; ".join(f"{line.title} ({line.words})" for line in lines.missing)
    raise Conflict(f"Not everything is there: {said}.", code="not-ready")


def _complete(tx: Tx, enrolment: Row[Any], kinds: Sequence[str]) -> None:
    """The stages up to the gateway are over; what comes after it is the assessment."""
    gateway = select(ProgrammeStage.number).where(ProgrammeStage.version_id == enrolment.version_id, ProgrammeStage.kind == "gateway")
    before = select(ProgrammeStage.id).where(
        ProgrammeStage.version_id == enrolment.version_id,
        ProgrammeStage.kind.in_(kinds),
        ProgrammeStage.number <= gateway.scalar_subquery(),
    )
    tx.db.execute(
        update(StageRecord)
        .where(StageRecord.enrolment_id == enrolment.id, StageRecord.state != "complete", StageRecord.stage_id.in_(before))
        .values(state="complete", completed_at=tx.now, held_on=tx.today)
    )


@operation(Can.MANAGE_ENROLMENTS)
def assessed(tx: Tx, enrolment_id: int, result: str, on: date, organisation: str) -> int:
    """The final result of the assessment, as the assessment organisation gave it; returns the decision's id.

    It ends the enrolment: pass, merit and distinction are its outcome "pass". A first attempt that is taken again is not recorded here.
    """
    mine, row = looked_after(tx, enrolment_id)
    enrolment = mine.enrolment
    if row.gateway_at is None:
        raise Conflict(f"The {row.rule['terms']['gateway']} comes first.", code="gateway-first")
    if enrolment.status == "paused":
        raise Conflict("They are on a break in learning. Say first when they came back.", code="paused")
    wrong = []
    if result not in RESULTS:
        wrong.append({"field": "result", "message": "Choose the result"})
    first = london(row.gateway_at).date()
    if not first <= on <= tx.today:
        wrong.append({"field": "on", "message": f"The day must be from {long_date(first)}, the day of the gateway, to today"})
    if not organisation.strip() or len(organisation) > LONGEST:
        wrong.append({"field": "organisation", "message": "Enter the name of the organisation that assessed"})
    if wrong:
        raise Invalid("The result is not complete.", errors=wrong)
    tx.db.execute(
        update(Apprenticeship)
        .where(Apprenticeship.enrolment_id == enrolment_id)
        .values(assessment=result, assessed_on=on, assessed_by=organisation.strip())
    )
    outcome = "fail" if result == "fail" else "pass"
    reasons = f"{RESULTS[result]}, given by {organisation.strip()} on {long_date(on)}."
    tx.db.execute(
        update(StageRecord)
        .where(StageRecord.enrolment_id == enrolment_id, StageRecord.state != "complete")
        .values(state="complete", completed_at=tx.now, held_on=on)
    )
    return judging.settle(tx, enrolment, outcome, reasons, checklist(tx, enrolment_id))
