"""What each learning record counted towards: one fact, many views, and here the way back from the fact to the views.

Set-based: a few statements, however many records are asked about.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, String, and_, bindparam, cast, func, literal, literal_column, null, select, union_all

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


def _kind(words: str) -> Any:
    return literal_column(f"'{words}'", String()).label("kind")


_NOWHERE = cast(null(), String()).label("slug")
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
    select(LearningRecord.id, _kind("programme"), Programme.title, _NOWHERE, Enrolment.id.label("key"), literal(True).label("sure"))
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
)
_COMPLETED = (
    select(LearningRecord.id, _kind("course"), Course.title, Course.slug, Certificate.id.label("key"), literal(True).label("sure"))
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
    select(
        LearningRecord.id,
        _kind("hours"),
        Programme.title,
        _NOWHERE,
        Enrolment.id.label("key"),
        OtjHours.verified_at.is_not(None).label("sure"),
    )
    .join(OtjHours, OtjHours.booking_id == LearningRecord.booking_id)
    .join(Enrolment, and_(Enrolment.id == OtjHours.enrolment_id, Enrolment.person_id == LearningRecord.person_id))
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .join(Programme, Programme.code == ProgrammeVersion.programme_code)
    .where(_IN, LearningRecord.superseded_at.is_(None), counts())
)
_TOWARDS = union_all(_COMPLETED, _HOURS, _PROGRAMMES).order_by(literal_column("kind"), literal_column("key"))


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
    for row in tx.rows(_TOWARDS, keys=keys):
        found[row.id] += _towards(row)
    _renewal(tx, live, found)
    for key, requirements in counting(tx, keys).items():
        found[key] += [Counted(f"{title}, of {step}", f"/pathways/{code}") for title, step, code in requirements]
    return found


def _towards(row: Row[Any]) -> list[Counted]:
    if row.kind == "programme":
        return [Counted(f"learning since the start of {row.title}", f"/portfolios/{row.key}#learning")]
    if row.kind == "hours":
        title = f"off-the-job hours of {row.title}{'' if row.sure else ', not verified yet'}"
        return [Counted(title, f"/apprenticeships/{row.key}/hours")]
    done = [Counted(f"completing {row.title}", f"/courses/{row.slug}")]
    return done if row.key is None else [*done, Counted("a certificate", f"/certificates/{row.key}.pdf")]


def _renewal(tx: Tx, live: Sequence[Row[Any]], found: dict[int, list[Counted]]) -> None:
    """CPD: what was sent to the regulator, by its owner's own ticks, and what can be chosen for the registration year that runs."""
    year = year_of(tx, tx.today) if live else None
    for row in live:
        if row.sent is not None:
            found[row.id].append(Counted(f"your CPD for renewing in {row.sent.year + 1}, as you ticked", "/my-learning/renewal"))
        elif year is not None and row.registered and year.starts <= row.on_date <= year.ends:
            found[row.id].append(Counted(f"CPD to choose from for renewing in {year.ends.year}", "/my-learning/renewal", usual=True))
