"""Who of an organisation is counted in figures about its pools: people, each once, in however many pools they are.

For whoever counts groups and names nobody. It is the list of `app.talent.listed` without a reader's reach: who takes their agreement back
is in no count from then on, those of earlier dates included.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import and_, or_, select

from app.core.db import AnySelect
from app.people.models import Person
from app.talent.listed import Asked, agreed, in_pool, judged, still_agrees
from app.talent.models import TalentAgreement, TalentEntry, TalentJudgement, TalentLabel, TalentPool


def on_a_list(organisation_id: int, as_at: date, known_at: datetime) -> AnySelect:
    """Ids (`person_id`) of those who were on the list of one of its pools on the date, as far as was recorded at the instant."""
    asked = Asked(as_at, known_at)
    return (
        select(TalentEntry.person_id)
        .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
        .join(Person, Person.id == TalentEntry.person_id)
        .join(TalentAgreement, agreed(asked))
        .where(TalentPool.organisation_id == organisation_id, in_pool(asked), still_agrees())
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= as_at))
    )


def judged_ready_now(organisation_id: int, as_at: date, known_at: datetime) -> AnySelect:
    """Those of them of whom a confirmed judgement in such a pool said on the date that they are ready now; evidence is not asked for."""
    judgement = judged(Asked(as_at, known_at))
    return (
        on_a_list(organisation_id, as_at, known_at)
        .join(TalentJudgement, judgement)
        .join(TalentLabel, and_(TalentLabel.id == TalentJudgement.horizon_id, TalentLabel.ready_now))
    )
