"""The grant: who can be claimed for now, and a batch that claims each person's part once.

What is paid, and until when, stands in the version's definition. The department takes claims as a spreadsheet by e-mail; this makes the
extract for it. In the last funded year the second part is paid for everybody still on the programme in the last funded month.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, exists, func, select

from app import policy
from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import Conflict, Invalid, NotFound
from app.core.facts import current
from app.core.tables_out import Cell
from app.core.tx import Tx, meaning
from app.frameworks.models import ProgrammeVersion
from app.people.models import Person, Post, Unit
from app.policy import Can, operation
from app.programmes.models import Claim, ClaimBatch, Cohort, Enrolment

PARTS = {"registration": "At registration", "completion": "At completion"}
AMOUNTS = {"registration": "at_registration_gbp", "completion": "at_completion_gbp"}
RUNS = ("registered", "in_progress", "paused", "awaiting_panel")
NOT_FOUND = "There is no extract with that reference, or nobody in it is one of your people."
meaning(
    "pk_claims",
    "claims.enrolment_id, claims.kind",
    message="Somebody else has just claimed for one of these people. Look again: each part is claimed once.",
    code="claimed-meanwhile",
)


@dataclass(frozen=True, slots=True)
class Claimable:
    """Somebody for whom a part can be claimed now. `why`: what it rests on."""

    row: Row[Any]
    pence: int
    why: str


def _columns() -> tuple[Any, ...]:
    return (
        Enrolment.id,
        Enrolment.reference,
        Enrolment.person_id,
        Enrolment.version_id,
        Enrolment.starts_on,
        Enrolment.ends_on,
        Enrolment.fte,
        Enrolment.status,
        Enrolment.outcome,
        Person.first_name,
        Person.last_name,
        Person.name,
        Person.swe_number,
        Person.employee_number,
        Person.qualified_in,
        Post.job_title,
        Unit.name.label("employer"),
        Cohort.title.label("cohort"),
        ProgrammeVersion.title.label("programme"),
    )


def _joined(statement: Any, tx: Tx) -> Any:
    return (
        statement.join(Person, Person.id == Enrolment.person_id)
        .join(Unit, Unit.id == Person.organisation_id)
        .join(Cohort, Cohort.id == Enrolment.cohort_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .outerjoin(Post, (Post.person_id == Person.id) & Post.is_primary & current(Post, tx.today))
    )


def claimable(tx: Tx, kind: str) -> list[Claimable]:
    """For whom a part can be claimed now, among the actor's people; by cohort and name."""
    claimed = aliased(Claim)
    statement = _joined(select(*_columns()), tx).where(
        Enrolment.grant_ok,
        Enrolment.starts_on <= tx.today,
        Enrolment.status.not_in(("withdrawn", "transferred")),
        ~exists(select(ONE).where(claimed.enrolment_id == Enrolment.id, claimed.kind == kind)),
        policy.within_reach(tx, Can.CLAIM_GRANTS, Enrolment.person_id),
    )
    if kind == "registration":
        statement = statement.where(Enrolment.status != "completed")
    rows = tx.rows(statement.order_by(Cohort.starts_on, Cohort.title, Person.sort_name, Enrolment.id))
    grants = _grants(tx, {row.version_id for row in rows})
    found = []
    for row in rows:
        grant = grants.get(row.version_id) or {}
        why = _why(row, grant, kind, tx.today)
        pence = 100 * int(grant.get(AMOUNTS[kind], 0))
        if why and pence:
            found.append(Claimable(row, pence, why))
    return found


def _grants(tx: Tx, versions: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
    found = tx.rows(select(ProgrammeVersion.id, ProgrammeVersion.definition).where(ProgrammeVersion.id.in_(versions)))
    return {row.id: row.definition.get("grant") or {} for row in found}


def _why(row: Row[Any], grant: Mapping[str, Any], kind: str, today: date) -> str:
    """What a claim rests on; empty: nothing can be claimed."""
    if kind == "registration":
        return "On the programme"
    if row.status == "completed":
        return f"Completed: {row.outcome}"
    until = date.fromisoformat(str(grant["funded_until"])) if grant.get("funded_until") else None
    if until is not None and until.replace(day=1) <= today <= until:
        return "Still on the programme in the last funded month"
    return ""


@operation(Can.CLAIM_GRANTS)
def make_batch(tx: Tx, kind: str, enrolment_ids: Sequence[int]) -> int:
    """Claim this part for these people; returns the batch. Conflict, and nothing claimed, if any of them cannot be claimed for any more."""
    if kind not in PARTS:
        raise Invalid("Choose which part of the grant.")
    wanted = set(enrolment_ids)
    if not wanted:
        raise Invalid("Choose at least one person.", errors=[{"field": "enrolments", "message": "Choose at least one person"}])
    rows = [each for each in claimable(tx, kind) if each.row.id in wanted]
    if len(rows) < len(wanted):
        raise Conflict(
            "For some of these people this part cannot be claimed any more.",
            code="claimed-meanwhile",
            way_out="Look at the list again: each part is claimed once.",
        )
    batch_id = tx.insert(ClaimBatch, kind=kind, made_at=tx.now, made_by=tx.actor.person_id)
    tx.insert_many(Claim, [dict(enrolment_id=each.row.id, kind=kind, batch_id=batch_id, pence=each.pence) for each in rows])
    tx.record("grant.claimed", "claim_batches", batch_id, state=kind, people=len(rows), pence=sum(each.pence for each in rows))
    return batch_id


def batches(tx: Tx) -> Sequence[Row[Any]]:
    """Extracts with the actor's people in them, the newest first, with how many and how much of theirs."""
    return tx.rows(
        select(ClaimBatch.id, ClaimBatch.kind, ClaimBatch.made_at, func.count().label("people"), func.sum(Claim.pence).label("pence"))
        .join(Claim, Claim.batch_id == ClaimBatch.id)
        .join(Enrolment, Enrolment.id == Claim.enrolment_id)
        .where(policy.within_reach(tx, Can.CLAIM_GRANTS, Enrolment.person_id))
        .group_by(ClaimBatch.id, ClaimBatch.kind, ClaimBatch.made_at)
        .order_by(ClaimBatch.made_at.desc(), ClaimBatch.id.desc())
        .limit(50)
    )


def batch(tx: Tx, batch_id: int) -> tuple[Row[Any], Sequence[Row[Any]]]:
    """One extract and its people, as far as they are the actor's."""
    row = tx.one(select(ClaimBatch.__table__).where(ClaimBatch.id == batch_id))
    rows = tx.rows(
        _joined(select(*_columns(), Claim.pence, Claim.kind.label("part")).join(Claim, Claim.enrolment_id == Enrolment.id), tx)
        .where(Claim.batch_id == batch_id, policy.within_reach(tx, Can.CLAIM_GRANTS, Enrolment.person_id))
        .order_by(Person.sort_name, Enrolment.id)
    )
    if row is None or not rows:
        raise NotFound(NOT_FOUND, code="claim-batch-not-found")
    return row, rows


HEADS = (
    *("Employer", "First name", "Last name", "Social Work England number", "Employee number", "Job title", "Qualified in"),
    *("Programme", "Start date", "End date", "Working pattern", "Status", "Outcome", "Part claimed", "Amount (£)", "Our reference"),
)


def as_cells(row: Row[Any]) -> list[Cell]:
    """Somebody's line of the extract, in the order of HEADS."""
    return [
        *(row.employer, row.first_name, row.last_name, row.swe_number or "", row.employee_number or "", row.job_title or ""),
        *(row.qualified_in or "", row.programme, row.starts_on, row.ends_on, Decimal(f"{float(row.fte):g}")),
        *(row.status.replace("_", " "), row.outcome or "", row.part, Decimal(row.pence).scaleb(-2), row.reference),
    ]
