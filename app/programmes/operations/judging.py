"""What a panel judges and decides. It confirms what the assessor recommended, returns the portfolio, or does not confirm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.core.calendar import london
from app.core.errors import Changed, Conflict, Forbidden, Invalid
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion
from app.policy import Can, operation
from app.programmes import access
from app.programmes.checklist import Checklist, checklist
from app.programmes.models import Capacity, Enrolment, Involvement, StageRecord
from app.programmes.operations.chaining import add_entry
from app.programmes.operations.panels import READERS, open_case
from app.programmes.panel_models import Decision, Judgement, PanelCase, Reader, Sitting
from app.programmes.portfolio_models import Document, Entry
from app.supervision.operations.rules import end_rule

CRITERIA = ("consistent", "accurate", "valid", "robust", "sufficient")  # for a version that names none
KINDS = ("confirm", "return", "not_confirmed")
DECLARATION = "The panel has read this portfolio, judged the assessor’s recommendation by its criteria, and decided as written here."
LONGEST = 10_000  # letters in one box


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the panel decides, and what it says to whom. `reopen`: documents of a returned portfolio to be written and signed anew."""

    kind: str  # confirm · return · not_confirmed
    reasons: str
    to_learner: str = ""
    to_assessor: str = ""
    reopen: tuple[int, ...] = ()


def criteria(tx: Tx, version_id: int) -> list[tuple[str, str]]:
    """By what a version's panel judges, as (code, title)."""
    definition = tx.scalar(select(ProgrammeVersion.definition).where(ProgrammeVersion.id == version_id)) or {}
    named = (definition.get("panel") or {}).get("criteria") or []
    return [(each["code"], each["title"]) for each in named] or [(code, code.capitalize()) for code in CRITERIA]


@operation(Can.SIT_ON_PANELS)
def judge(tx: Tx, case_id: int, judged: Mapping[str, tuple[bool, str]], words: str = "") -> None:
    """One reader's judgement by every criterion, each met or not with words; it may be changed until the panel has decided."""
    case = open_case(tx, case_id)
    mine = tx.scalar(
        select(Reader.involvement_id)
        .join(Involvement, Involvement.id == Reader.involvement_id)
        .where(Reader.case_id == case.id, Involvement.person_id == tx.actor.person_id)
    )
    if mine is None:
        raise Forbidden("Only its two readers judge a portfolio.", way_out="You can read it, and take part in the sitting.")
    enrolment = tx.get(Enrolment, case.enrolment_id, what="enrolment")
    _complete(judged, criteria(tx, enrolment.version_id), words)
    said = {code: {"met": met, "words": why} for code, (met, why) in judged.items()}
    known = tx.scalar(select(Judgement.case_id).where(Judgement.case_id == case.id, Judgement.involvement_id == mine))
    if known is None:
        tx.db.execute(insert(Judgement), dict(case_id=case.id, involvement_id=mine, criteria=said, words=words or None, at=tx.now))
    else:
        tx.db.execute(
            update(Judgement)
            .where(Judgement.case_id == case.id, Judgement.involvement_id == mine)
            .values(criteria=said, words=words or None, at=tx.now)
        )
    tx.record("panel.judged", "panel_cases", case.id, person_id=enrolment.person_id)


def _complete(judged: Mapping[str, tuple[bool, str]], asked: Sequence[tuple[str, str]], words: str) -> None:
    wrong = [{"field": code, "message": f"Say whether it is {title[:1].lower()}{title[1:]}"} for code, title in asked if code not in judged]
    wrong += [
        {"field": f"{code}_words", "message": f"Say why it is not {title[:1].lower()}{title[1:]}"}
        for code, title in asked
        if code in judged and not judged[code][0] and not judged[code][1]
    ]
    if max([len(words), *(len(why) for _, why in judged.values())]) > LONGEST:
        wrong.append({"field": "words", "message": f"Use at most {LONGEST:,} letters in each box"})
    if wrong:
        raise Invalid("The judgement is not complete.", errors=wrong)


@operation(Can.SIT_ON_PANELS)
def decide(tx: Tx, case_id: int, verdict: Verdict, head_read: str) -> int:
    """Decide one portfolio; returns the decision's id. Only the chair does, or the first reader where the chair stands on another side.

    `head_read`: the newest link of the portfolio's chain as it was read. If something was signed since, it is refused (412) and has to be
    read again. A confirmation brings the outcome that the assessor recommended; nothing else leaves one.
    """
    case = open_case(tx, case_id)
    enrolment = tx.get(Enrolment, case.enrolment_id, what="enrolment")
    mine = _who_decides(tx, case)
    _said(verdict)
    _prepared(tx, case)
    head = tx.scalar(select(Entry.hash).where(Entry.enrolment_id == enrolment.id).order_by(Entry.sequence.desc()).limit(1)) or ""
    if head != head_read:
        raise Changed("Something in this portfolio was signed after you opened it. Read it again, then decide.", code="changed-since-read")
    lines = checklist(tx, enrolment.id)
    if verdict.kind == "confirm" and not lines.ready:
        raise Conflict("Something in the checklist is missing, so the outcome cannot be confirmed. You can return it.", code="not-ready")
    decision = tx.insert(
        Decision,
        enrolment_id=enrolment.id,
        case_id=case.id,
        kind=verdict.kind,
        outcome=case.recommended if verdict.kind == "confirm" else None,
        reasons=verdict.reasons,
        to_learner=verdict.to_learner or None,
        to_assessor=verdict.to_assessor or None,
        checklist=lines.plain(),
        decided_by=tx.actor.person_id,
        decided_at=tx.now,
    )
    add_entry(
        tx,
        enrolment,
        "decision",
        what=("PANEL", "Decision of the moderation panel", 1),
        answer=_answer(verdict.kind, case.recommended),
        items=_items(case, verdict, lines.plain()),
        declaration=DECLARATION,
        person_id=tx.actor.person_id,
        capacities=(mine.capacity,),
        involvement_id=mine.id,
        decision_id=decision,
    )
    tx.update(PanelCase, case.id, state="decided")
    _after(tx, enrolment, case, verdict, decision)
    return decision


def _who_decides(tx: Tx, case: Row[Any]) -> Row[Any]:
    """The actor's involvement, if the decision is theirs to record."""
    sitting = tx.get(Sitting, case.sitting_id, what="sitting")
    if tx.today < london(sitting.starts_at).date():
        raise Conflict("The panel has not sat yet: it decides on the day of its sitting or after.", code="too-early")
    held = tx.rows(
        select(Involvement.id, Involvement.person_id, Capacity.capacity, Reader.lead)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .outerjoin(Reader, (Reader.involvement_id == Involvement.id) & (Reader.case_id == case.id))
        .where(
            Involvement.enrolment_id == case.enrolment_id,
            Capacity.capacity.in_(("chair", "panel_member")),
            Capacity.valid_from <= tx.today,
            Capacity.valid_to > tx.today,
        )
        .order_by(Capacity.capacity)
    )
    chaired = any(row.capacity == "chair" for row in held)
    for row in held:
        if row.person_id == tx.actor.person_id and (row.capacity == "chair" or (row.lead and not chaired)):
            return row
    who = "The chair" if chaired else "The first reader, since the chair has a part in this portfolio,"
    raise Forbidden(f"{who} records what the panel decides.")


def _said(verdict: Verdict) -> None:
    wrong = []
    if verdict.kind not in KINDS:
        wrong.append({"field": "kind", "message": "Choose what the panel decides"})
    if not verdict.reasons:
        wrong.append({"field": "reasons", "message": "Give the reasons"})
    if verdict.kind == "return" and not verdict.to_learner:
        wrong.append({"field": "to_learner", "message": "Say what has to be done before it comes back"})
    if verdict.kind == "return" and not verdict.reopen:
        wrong.append({"field": "reopen", "message": "Choose at least one document to be written and signed again"})
    if max(len(verdict.reasons), len(verdict.to_learner), len(verdict.to_assessor)) > LONGEST:
        wrong.append({"field": "reasons", "message": f"Use at most {LONGEST:,} letters in each box"})
    if wrong:
        raise Invalid("The decision is not complete.", errors=wrong)


def _prepared(tx: Tx, case: Row[Any]) -> None:
    if case.anonymised_at is None:
        raise Conflict(
            "Nobody has confirmed yet that no child or family can be recognised in this portfolio.",
            code="not-anonymised",
            way_out="A reader or the coordinator does that on the page of the portfolio.",
        )
    judged = len(tx.rows(select(Judgement.involvement_id).where(Judgement.case_id == case.id)))
    if judged < READERS:
        raise Conflict(f"{judged} of {READERS} readers have judged. The panel decides when both have.", code="not-judged")


def _answer(kind: str, recommended: str) -> str:
    """What the chain says: a confirmation names its outcome."""
    return f"confirm {recommended}" if kind == "confirm" else kind.replace("_", " ")


def _items(case: Row[Any], verdict: Verdict, lines: list[dict[str, str]]) -> list[tuple[str, str, Any]]:
    outcome = case.recommended if verdict.kind == "confirm" else "none"
    items: list[tuple[str, str, Any]] = [
        ("recommended", "What the assessor recommended", case.recommended),
        ("outcome", "Outcome", outcome),
        ("reasons", "Reasons", verdict.reasons),
        ("to_learner", "Feedback to the learner", verdict.to_learner),
        ("to_assessor", "Feedback to the assessor", verdict.to_assessor),
    ]
    return items + [(f"checklist/{line['code']}", line["title"], f"{line['state']}: {line['words']}") for line in lines]


def _after(tx: Tx, enrolment: Row[Any], case: Row[Any], verdict: Verdict, decision: int) -> None:
    """What follows for the enrolment, and who is told."""
    if verdict.kind == "confirm":
        finish(tx, enrolment, case.recommended, decision)
    elif verdict.kind == "return":
        tx.update(Enrolment, enrolment.id, status="in_progress", version=enrolment.version + 1)
        reopen(tx, enrolment.id, verdict.reopen)
    state = "confirmed" if verdict.kind == "confirm" else "returned" if verdict.kind == "return" else "not confirmed"
    for person_id in _told(tx, enrolment.id):
        tx.record(
            "panel.decided", "panel_cases", case.id, person_id=enrolment.person_id, state=state, tell=["email.panel_decided"], to=person_id
        )


def finish(tx: Tx, enrolment: Row[Any], outcome: str, decision: int) -> None:
    """An outcome is confirmed: the enrolment is over, and every stage with it."""
    tx.update(Enrolment, enrolment.id, status="completed", outcome=outcome, decision_id=decision, version=enrolment.version + 1)
    tx.db.execute(
        update(StageRecord)
        .where(
            StageRecord.enrolment_id == enrolment.id,
            StageRecord.state != "complete",
            StageRecord.stage_id.in_(
                select(ProgrammeStage.id).where(ProgrammeStage.version_id == enrolment.version_id, ProgrammeStage.kind == "panel")
            ),
        )
        .values(state="complete", completed_at=tx.now, held_on=tx.today)
    )
    end_rule(tx, enrolment.person_id, f"enrolment:{enrolment.id}", tx.today)  # from now on the rule for everybody applies
    tx.record(
        "enrolment.completed",
        "enrolments",
        enrolment.id,
        person_id=enrolment.person_id,
        state=outcome,
        tell=["email.outcome"],
        to=enrolment.person_id,
        outcome=outcome,
    )


def reopen(tx: Tx, enrolment_id: int, documents: Sequence[int]) -> None:
    """Documents are to be written again: what was signed stays as it was signed, and a new version needs every signature anew."""
    rows = tx.rows(
        select(Document.id, DocumentTemplate.completed_by)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .where(Document.enrolment_id == enrolment_id, Document.id.in_(documents), Document.state.in_(("final", "on paper")))
    )
    if len(rows) != len(set(documents)):
        message = "Choose documents of this portfolio that are complete"
        raise Invalid(message + ".", errors=[{"field": "reopen", "message": message}])
    for row in rows:
        tx.update(Document, row.id, state="returned", frozen=None, waiting_for=row.completed_by[0], waiting_since=tx.now, changed_at=tx.now)


def _told(tx: Tx, enrolment_id: int) -> list[int]:
    """The learner and today's assessor."""
    rows = tx.rows(
        select(Involvement.person_id)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .where(
            Involvement.enrolment_id == enrolment_id,
            Capacity.capacity.in_(("nqsw", "apprentice", "participant", "assessor")),
            Capacity.valid_from <= tx.today,
            Capacity.valid_to > tx.today,
        )
        .order_by(Involvement.id)
    )
    return list(dict.fromkeys(row.person_id for row in rows))


@operation(Can.MANAGE_ENROLMENTS)
def outcome_without_panel(tx: Tx, enrolment_id: int, outcome: str, reasons: str) -> int:
    """The outcome of a programme that has no panel, recorded by whoever runs it once its checklist is met; returns the decision's id."""
    found = access.part(tx, Can.MANAGE_ENROLMENTS, enrolment_id, lock=True).enrolment
    definition = tx.scalar(select(ProgrammeVersion.definition).where(ProgrammeVersion.id == found.version_id)) or {}
    if definition.get("panel"):
        raise Conflict("The panel of this programme decides the outcome.", code="panel-decides")
    if definition.get("apprenticeship"):
        raise Conflict("The assessment after the gateway decides the outcome of an apprenticeship.", code="assessment-decides")
    if found.status not in ("in_progress", "awaiting_panel"):
        raise Conflict(f"This enrolment is {found.status.replace('_', ' ')}.", code="not-ready")
    if outcome not in definition.get("outcomes", ("pass", "fail")):
        raise Invalid("Choose the outcome.", errors=[{"field": "outcome", "message": "Choose the outcome"}])
    if not reasons or len(reasons) > LONGEST:
        raise Invalid("Give the reasons.", errors=[{"field": "reasons", "message": f"Give the reasons, in at most {LONGEST:,} letters"}])
    lines = checklist(tx, found.id)
    if outcome == "pass" and not lines.ready:
        raise Conflict(
            "Not everything is there: " + "; ".join(f"{line.title} ({line.words})" for line in lines.missing) + ".", code="not-ready"
        )
    return settle(tx, found, outcome, reasons, lines)


def settle(tx: Tx, enrolment: Row[Any], outcome: str, reasons: str, lines: Checklist) -> int:
    """Record an outcome that no panel decides, in the chain too, and finish; returns the decision's id. The enrolment's row is locked."""
    decision = tx.insert(
        Decision,
        enrolment_id=enrolment.id,
        kind="confirm",
        outcome=outcome,
        reasons=reasons,
        checklist=lines.plain(),
        decided_by=tx.actor.person_id,
        decided_at=tx.now,
    )
    add_entry(
        tx,
        enrolment,
        "decision",
        what=("OUTCOME", "Outcome", 1),
        answer=f"confirm {outcome}",
        items=[("outcome", "Outcome", outcome), ("reasons", "Reasons", reasons)],
        declaration="The programme was completed as written here.",
        person_id=tx.actor.person_id,
        capacities=("coordinator",),
        decision_id=decision,
    )
    finish(tx, enrolment, outcome, decision)
    return decision
