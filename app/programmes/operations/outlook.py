"""What enrolling somebody would mean, before anything is changed: asked for one person on a page, or for everybody in a file at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, exists, select

from app import policy
from app.core.calendar import WEEK
from app.core.db import ONE
from app.core.errors import Invalid, NotFound
from app.core.tx import Tx
from app.frameworks.models import ProgrammeStage, ProgrammeVersion
from app.people.models import Post
from app.policy import Can
from app.programmes.eligibility import Candidate, Check, for_grant, to_take_part
from app.programmes.models import Claim, Enrolment
from app.programmes.operations import plans
from app.programmes.operations.cohorts import takes

OVER = ("completed", "withdrawn", "transferred")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What enrolling somebody would mean: whether they may, whether the grant can be claimed, and when what would be due."""

    person: Row[Any]
    version: Row[Any]
    fte: Decimal
    checks: list[Check]
    grant: list[Check]
    stages: list[tuple[int, str, date]]  # id, title and due day, in order
    lines: dict[int, date]
    ends_on: date
    already: bool  # on this version now

    @property
    def may(self) -> bool:
        """Does everything hold that it takes?"""
        return not self.already and all(check.ok for check in self.checks)

    @property
    def brings_grant(self) -> bool:
        """Can the grant be claimed for them?"""
        return bool(self.grant) and all(check.ok for check in self.grant)


class Known:
    """What is known of these people and of these versions of programmes: four statements, however many they are."""

    def __init__(self, tx: Tx, people: Collection[int], versions: Collection[int]) -> None:
        self.today = tx.today
        found = tx.rows(select(ProgrammeVersion.__table__).where(ProgrammeVersion.id.in_(versions)))
        self.versions = {row.id: row for row in found}
        self.stages: dict[int, list[Row[Any]]] = defaultdict(list)
        s = ProgrammeStage
        for row in tx.rows(select(s.__table__).where(s.version_id.in_(versions)).order_by(s.version_id, s.number)):
            self.stages[row.version_id].append(row)
        self.posts: dict[int, list[Row[Any]]] = defaultdict(list)
        posts = select(Post.__table__).where(Post.person_id.in_(people), Post.is_primary.is_(True), Post.superseded_at.is_(None))
        for row in tx.rows(posts.where(Post.valid_to > tx.today).order_by(Post.valid_from)):
            self.posts[row.person_id].append(row)
        claimed = exists(select(ONE).where(Claim.enrolment_id == Enrolment.id))
        enrolments = (
            select(Enrolment.__table__, ProgrammeVersion.programme_code, claimed.label("claimed"))
            .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
            .where(Enrolment.person_id.in_(people))
        )
        theirs = tx.rows(enrolments)
        self.claimed = {(row.person_id, row.programme_code) for row in theirs if row.claimed}
        self.running = {(row.person_id, row.version_id): row for row in theirs if row.status not in OVER}

    def version(self, version_id: int, starts_on: date) -> Row[Any]:
        """The version, or a refusal where nobody can be enrolled on it from that day."""
        row = self.versions.get(version_id)
        if row is None:
            raise NotFound("There is no programme version with that reference.")
        takes(row, starts_on)
        return row

    def outlook(
        self,
        person: Row[Any],
        version_id: int,
        starts_on: date,
        fte: Decimal | None = None,
        *,
        confirmed: Collection[str] = (),
        funded_before: bool = False,
    ) -> Outlook:
        """What would come of enrolling one of these people on one of these versions."""
        version, day = self.version(version_id, starts_on), max(starts_on, self.today)
        post = next((one for one in self.posts[person.id] if one.valid_from <= day < one.valid_to), None)
        pattern = fte if fte is not None else Decimal(post.fte) if post else Decimal(1)
        if not 0 < pattern <= Decimal("1.5"):
            message = "The working pattern must be more than 0 and at most 1.5 of full time"
            raise Invalid(message + ".", errors=[{"field": "fte", "message": message}])
        before = funded_before or (person.id, version.programme_code) in self.claimed
        candidate = Candidate(person, post.job_title if post else None, post.contract if post else None, starts_on, before)
        stages, clock = self.stages[version_id], plans.clock_of(version, starts_on, pattern)
        lines, ends_on = plans.dates(version, stages, post.working_days if post else WEEK, clock)
        return Outlook(
            person,
            version,
            pattern,
            to_take_part(candidate, version.definition, confirmed),
            for_grant(candidate, version.definition),
            [(row.id, row.title, lines[row.id]) for row in stages],
            lines,
            ends_on,
            (person.id, version_id) in self.running,
        )


def look(
    tx: Tx,
    cohort: Row[Any],
    person_id: int,
    starts_on: date,
    fte: Decimal | None = None,
    *,
    confirmed: Collection[str] = (),
    funded_before: bool = False,
    lock: bool = False,
) -> Outlook:
    """What would come of enrolling a person of the actor's on the version of this cohort. Nothing is changed."""
    person = policy.person(tx, Can.MANAGE_ENROLMENTS, person_id, lock=lock)
    known = Known(tx, {person_id}, {cohort.version_id})
    return known.outlook(person, cohort.version_id, starts_on, fte, confirmed=confirmed, funded_before=funded_before)
