"""What each learning record counted towards: one fact, many views, and here the way back from the fact to the views.

Set-based: a few statements, however many records are asked about.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select

from app.core.tx import Tx
from app.frameworks.models import Programme, ProgrammeVersion
from app.learning.models import Certificate, Completion, Course, LearningRecord
from app.learning.record_queries import FIRST
from app.learning.renewal_models import RenewalTick
from app.learning.renewal_rules import year_of
from app.pathways.queries import counting
from app.people.models import Person
from app.programmes.apprentice_models import OtjHours
from app.programmes.learning_since import RECORDED
from app.programmes.models import Enrolment
from app.programmes.operations.hours import counts

BUCKETS = {
    "experience": "experience in your 70/20/10 profile",
    "social": "learning with others in your 70/20/10 profile",
    "formal": "taught learning in your 70/20/10 profile",
}

_IN = LearningRecord.id.in_(bindparam("keys", expanding=True))
_SENT = select(func.max(RenewalTick.year)).where(RenewalTick.first_id == FIRST, RenewalTick.superseded_at.is_(None)).scalar_subquery()
_LIVE = (
    select(
        LearningRecord.id,
        LearningRecord.bucket,
        LearningRecord.on_date,
        Person.swe_number.is_not(None).label("registered"),
        _SENT.label("sent"),  # the registration year for which its owner ticked it
    )
    .join(Person, Person.id == LearningRecord.person_id)
    .where(_IN, LearningRecord.superseded_at.is_(None))
)
_PROGRAMMES = (
    select(LearningRecord.id, Enrolment.id.label("enrolment_id"), Programme.title)
    .join(Enrolment, Enrolment.person_id == LearningRecord.person_id)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .join(Programme, Programme.code == ProgrammeVersion.programme_code)
    .where(
        _IN,
        LearningRecord.superseded_at.is_(None),
        LearningRecord.source.in_(RECORDED),
        LearningRecord.on_date.between(Enrolment.starts_on, Enrolment.ends_on),
        Enrolment.status.not_in(("withdrawn", "transferred")),
    )
    .order_by(Enrolment.id)
)
_COMPLETED = (
    select(LearningRecord.id, Course.title, Course.slug, Certificate.id.label("certificate_id"))
    .join(Course, Course.id == LearningRecord.course_id)
    .join(
        Completion,
        and_(
            Completion.person_id == LearningRecord.person_id,
            Completion.course_id == LearningRecord.course_id,
            Completion.completed_on == LearningRecord.on_date,
            Completion.source == LearningRecord.source,
            Completion.by_course_id.is_(None),
            Completion.superseded_at.is_(None),
        ),
    )
    .outerjoin(Certificate, and_(Certificate.completion_id == Completion.id, Certificate.withdrawn_at.is_(None)))
    .where(_IN, LearningRecord.superseded_at.is_(None))
)
_HOURS = (
    select(LearningRecord.id, OtjHours.enrolment_id, Programme.title, OtjHours.verified_at.is_not(None).label("verified"))
    .join(OtjHours, OtjHours.booking_id == LearningRecord.booking_id)
    .join(Enrolment, and_(Enrolment.id == OtjHours.enrolment_id, Enrolment.person_id == LearningRecord.person_id))
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .join(Programme, Programme.code == ProgrammeVersion.programme_code)
    .where(_IN, LearningRecord.superseded_at.is_(None), counts())
)


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing a record counted towards, in words, and where that is to be seen (None: nowhere for its owner)."""

    title: str
    address: str | None = None
    usual: bool = False  # what every record counts towards; lists leave it out


def counted(tx: Tx, record_ids: Collection[int]) -> dict[int, list[Counted]]:
    """What each of these live records counts towards now; one that is superseded counts nowhere and is left out.

    The caller has asked whether they may be read.
    """
    keys = sorted(set(record_ids))
    if not keys:
        return {}
    live = tx.rows(_LIVE, keys=keys)
    found = {row.id: [Counted(BUCKETS[row.bucket], "/my-learning/profile", usual=True)] for row in live}
    for row in tx.rows(_COMPLETED, keys=keys):
        found.setdefault(row.id, []).append(Counted(f"completing {row.title}", f"/courses/{row.slug}"))
        if row.certificate_id is not None:
            found[row.id].append(Counted("a certificate", f"/certificates/{row.certificate_id}.pdf"))
    for row in tx.rows(_HOURS, keys=keys):
        title = f"off-the-job hours of {row.title}{'' if row.verified else ', not verified yet'}"
        found.setdefault(row.id, []).append(Counted(title, f"/apprenticeships/{row.enrolment_id}/hours"))
    for row in tx.rows(_PROGRAMMES, keys=keys):
        found[row.id].append(Counted(f"learning since the start of {row.title}", f"/portfolios/{row.enrolment_id}#learning"))
    _renewal(tx, live, found)
    for key, requirements in counting(tx, keys).items():
        found[key] += [Counted(f"{title}, of {step}", f"/pathways/{code}") for title, step, code in requirements]
    return found


def _renewal(tx: Tx, live: Sequence[Row[Any]], found: dict[int, list[Counted]]) -> None:
    """CPD: what was sent to the regulator, by its owner's own ticks, and what can be chosen for the registration year that runs."""
    year = year_of(tx, tx.today) if live else None
    for row in live:
        if row.sent is not None:
            found[row.id].append(Counted(f"your CPD for renewing in {row.sent.year + 1}, as you ticked", "/my-learning/renewal"))
        elif year is not None and row.registered and year.starts <= row.on_date <= year.ends:
            found[row.id].append(Counted(f"CPD to choose from for renewing in {year.ends.year}", "/my-learning/renewal", usual=True))
