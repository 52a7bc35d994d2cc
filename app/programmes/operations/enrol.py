"""Enrolling somebody on the version of their cohort: who may, what was checked, their plan, their stages and their documents."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import insert, literal, select, update

from app import policy
from app.core.calendar import long_date
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage
from app.policy import Can, operation
from app.programmes import terms
from app.programmes.access import part
from app.programmes.due import DAY
from app.programmes.models import CAPACITIES, Enrolment, Side, StageRecord
from app.programmes.operations import plans
from app.programmes.operations.cohorts import mine
from app.programmes.operations.involving import involve
from app.programmes.operations.outlook import look
from app.programmes.portfolio_models import Document

AHEAD = timedelta(days=366)  # nobody is enrolled longer before their first day
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no letters or digits that are taken for one another


@operation(Can.MANAGE_ENROLMENTS)
def enrol(
    tx: Tx,
    cohort_id: int,
    person_id: int,
    starts_on: date,
    people: Mapping[str, int] | None = None,
    fte: Decimal | None = None,
    *,
    confirmed: Collection[str] = (),
    funded_before: bool = False,
    transferred_from: str | None = None,
    done: Collection[int] = (),
    moved_in: bool = False,
    tell: bool = True,
    apprentice: bool = False,
) -> int:
    """Put somebody on the version of a cohort; returns the enrolment's id.

    `people`: who does what from the first day ({"assessor": 7, "line_manager": 7}; one person may do both). `fte`: the working pattern
    that the plan goes by, that of their post if left out. `confirmed`: codes of what the Academy confirms (eligibility.CONFIRMABLE).
    `funded_before`: the grant was claimed for them elsewhere. `transferred_from`: the employer where they began, and `done` the ids of the
    stages that were completed there. `moved_in`: begun on paper. `apprentice`: asked by operations.apprentices, which adds the
    apprenticeship. Conflict with every reason when they may not take part; the database refuses a second running enrolment on one version.
    """
    cohort = mine(tx, Can.MANAGE_ENROLMENTS, cohort_id)
    if person_id == tx.actor.person_id:
        raise Conflict("Nobody enrols themselves.", code="own-enrolment", way_out="Ask a colleague of the Academy to enrol you.")
    if cohort.closed_on is not None:
        raise Conflict("This cohort is closed.", code="cohort-closed", way_out="Choose a cohort that takes people.")
    if starts_on > tx.today + AHEAD or (starts_on < cohort.starts_on - AHEAD and not (moved_in or transferred_from)):
        message = f"The first day must be within a year of {long_date(cohort.starts_on)}"
        raise Invalid(message + ".", errors=[{"field": "starts_on", "message": message}])
    outlook = look(
        tx, cohort, person_id, starts_on, fte, confirmed=confirmed, funded_before=funded_before or bool(transferred_from), lock=True
    )
    if outlook.version.definition.get("apprenticeship") and not apprentice:
        raise Conflict("This is an apprenticeship.", code="apprenticeship", way_out="Enrol them under Apprenticeships.")
    if outlook.already:
        raise Conflict("They are already on this programme.", code="already-enrolled")
    against = [check for check in outlook.checks if not check.ok]
    if against:
        raise Conflict(
            " ".join(check.words for check in against),
            code="not-eligible",
            errors=[{"field": f"confirm_{check.code}" if check.ask else check.code, "message": check.words} for check in against],
        )
    enrolment_id = tx.insert(
        Enrolment,
        reference=reference(),
        person_id=person_id,
        cohort_id=cohort_id,
        version_id=outlook.version.id,
        starts_on=starts_on,
        ends_on=max(outlook.ends_on, starts_on + DAY),
        fte=outlook.fte,
        eligible=[check.kept() for check in outlook.checks],
        grant_ok=outlook.brings_grant,
        grant_reasons=[check.kept() for check in outlook.grant],
        moved_in=moved_in,
        transferred_from=(transferred_from or "").strip()[:200] or None,
        created_at=tx.now,
        created_by=tx.actor.person_id,
    )
    reason = "moved in" if moved_in else "transfer" if transferred_from else "start"
    plans.first_plan(tx, enrolment_id, outlook.lines, max(outlook.ends_on, starts_on + DAY), reason)
    plans.follow(tx, enrolment_id, person_id, outlook.version, starts_on, max(outlook.ends_on, starts_on + DAY))
    _begin(tx, enrolment_id, outlook.version.id)
    if done and transferred_from:
        elsewhere = (StageRecord.enrolment_id == enrolment_id) & StageRecord.stage_id.in_(done)
        tx.db.execute(update(StageRecord).where(elsewhere).values(state="complete", on_paper=True, completed_at=tx.now))
    since = min(starts_on, tx.today)  # those named see it at once
    involve(tx, enrolment_id, person_id, terms.learner(outlook.version.definition), since)
    for capacity, somebody in (people or {}).items():
        _name(tx, enrolment_id, person_id, somebody, capacity, since)
    tx.record(
        "enrolment.made",
        "enrolments",
        enrolment_id,
        person_id=person_id,
        state="registered",
        tell=["email.enrolled"] if tell else [],
        cohort=cohort_id,
        starts_on=starts_on.isoformat(),
        grant=outlook.brings_grant,
    )
    return enrolment_id


def _name(tx: Tx, enrolment_id: int, learner_id: int, person_id: int, capacity: str, since: date) -> None:
    if CAPACITIES.get(capacity) is not Side.ASSESSING:
        raise Invalid("Only the assessing side is named here.", errors=[{"field": capacity, "message": "Choose another part"}])
    if person_id == learner_id:
        message = "Nobody assesses themselves"
        raise Invalid(message + ".", errors=[{"field": capacity, "message": message}], code="own-assessor")
    policy.person(tx, Can.READ_PERSON, person_id)
    involve(tx, enrolment_id, person_id, capacity, since)


def reference() -> str:
    """A public reference that says nothing about anybody and cannot be guessed: 10 characters, over 49 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


def _begin(tx: Tx, enrolment_id: int, version_id: int) -> None:
    """A record for every stage, and a first copy of every document that is needed and not written several times over."""
    tx.db.execute(
        insert(StageRecord).from_select(
            ["enrolment_id", "stage_id", "state"],
            select(literal(enrolment_id), ProgrammeStage.id, literal("not started")).where(ProgrammeStage.version_id == version_id),
        )
    )
    needed = tx.rows(
        select(DocumentTemplate.id)
        .where(DocumentTemplate.version_id == version_id, DocumentTemplate.required, ~DocumentTemplate.repeatable)
        .order_by(DocumentTemplate.stage_id, DocumentTemplate.number)
    )
    tx.insert_many(
        Document,
        [dict(enrolment_id=enrolment_id, template_id=row.id, number=1, state="draft", head=0, changed_at=tx.now) for row in needed],
    )


@operation(Can.MANAGE_ENROLMENTS)
def name_person(tx: Tx, enrolment_id: int, person_id: int, capacity: str, from_on: date | None = None) -> None:
    """Name somebody for a part that nobody has yet, such as a first assessor. Who takes over from somebody is a change, and is agreed."""
    found = part(tx, Can.MANAGE_ENROLMENTS, enrolment_id, lock=True)
    if found.enrolment.status in ("completed", "withdrawn", "transferred"):
        raise Conflict("This programme is over for them.", code="enrolment-over")
    _name(tx, enrolment_id, found.enrolment.person_id, person_id, capacity, from_on or tx.today)
