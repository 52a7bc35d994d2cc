"""What each learning record counted towards: one fact, many views, and here the way back from the fact to the views.

Set-based: a few statements, however many records are asked about.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select

from app.core.tx import Tx
from app.frameworks.models import Programme, ProgrammeVersion
from app.learning.models import Certificate, Completion, Course, LearningRecord
from app.programmes.apprentice_models import OtjHours
from app.programmes.models import Enrolment

BUCKETS = {
    "experience": "experience in your 70/20/10 profile",
    "social": "learning with others in your 70/20/10 profile",
    "formal": "taught learning in your 70/20/10 profile",
}

_IN = LearningRecord.id.in_(bindparam("keys", expanding=True))
_LIVE = select(LearningRecord.id, LearningRecord.bucket, LearningRecord.minutes).where(_IN, LearningRecord.superseded_at.is_(None))
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
    .where(_IN, LearningRecord.superseded_at.is_(None), OtjHours.superseded_at.is_(None), OtjHours.refused.is_(None))
)


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing a record counted towards, in words, and where that is to be seen (None: nowhere for its owner)."""

    title: str
    address: str | None = None


def counted(tx: Tx, record_ids: Collection[int]) -> dict[int, list[Counted]]:
    """What each of these live records counts towards now; one that is superseded counts nowhere and is left out.

    The caller has asked whether they may be read.
    """
    keys = sorted(set(record_ids))
    if not keys:
        return {}
    live = tx.rows(_LIVE, keys=keys)
    found = {row.id: [Counted(BUCKETS[row.bucket], "/my-learning/profile")] for row in live}
    for row in tx.rows(_COMPLETED, keys=keys):
        found.setdefault(row.id, []).append(Counted(f"completing {row.title}", f"/courses/{row.slug}"))
        if row.certificate_id is not None:
            found[row.id].append(Counted("a certificate", f"/certificates/{row.certificate_id}.pdf"))
    for row in tx.rows(_HOURS, keys=keys):
        title = f"off-the-job hours of {row.title}{'' if row.verified else ', not verified yet'}"
        found.setdefault(row.id, []).append(Counted(title, f"/apprenticeships/{row.enrolment_id}/hours"))
    return found
