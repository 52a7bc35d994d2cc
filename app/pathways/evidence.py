"""What shows that people meet requirements: for each kind one select over everybody at once (product §6, docs/pathways.md).

Each gives (requirement_id, person_id, met_on, lasts). `met_on` is the day of the newest evidence that counts. `lasts` is the last day on
which the requirement would still be met if nothing more were recorded: FOREVER where it does not lapse, before the date asked about where
it has lapsed, NEVER where it is still to come. Where several pieces of evidence are needed the best ones count, and together they last
as long as the least lasting of them. No row: there is not enough evidence.

`pairs` are the people and versions asked about; every kind begins there, so one person is as quick to answer as an index allows, and
everybody is one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Date,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from app.core.calendar import london_day
from app.core.db import FOREVER, UtcDateTime, few
from app.core.expressions import days_after, days_between, holds, london_date, months_after
from app.core.facts import recorded
from app.frameworks.models import ProgrammeVersion
from app.learning.models import Completion, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways.models import Endorsement, Requirement, RequirementCourse, StepVersion
from app.people.models import IN_GOOD_STANDING, Registration, Stage
from app.programmes.models import Enrolment
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Document, Entry, Revision
from app.supervision.pdr_models import Pdr, PdrEvent

NEVER = date(1, 1, 1)  # the last day of what is not met yet
_FOREVER: ColumnElement[date] = literal(FOREVER, Date())
_NEVER: ColumnElement[date] = literal(NEVER, Date())


@dataclass(frozen=True, slots=True)
class When:
    """The date asked about, and the instant up to which what was recorded counts; None: everything that is recorded."""

    as_at: date
    known_at: datetime | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The values of its parameters, for a statement that was built with another."""
        return {"as_at": self.as_at, "as_at_end": london_day(self.as_at)[1], "known_at": self.known_at}

    @property
    def day(self) -> ColumnElement[date]:
        """The date asked about, as a parameter."""
        return bindparam("as_at", self.as_at, type_=Date())

    def live(self, table: Any) -> ColumnElement[bool]:
        """Rows of a dated table as they were known."""
        if self.known_at is None:
            return table.superseded_at.is_(None)  # type: ignore[no-any-return]
        return recorded(table, bindparam("known_at", self.known_at, type_=UtcDateTime()))

    def by(self, instant: Any) -> ColumnElement[bool]:
        """What happened at an instant and is never corrected: by the end of the day asked about, and known."""
        ended = instant < bindparam("as_at_end", london_day(self.as_at)[1], type_=UtcDateTime())
        return ended if self.known_at is None else and_(ended, instant <= bindparam("known_at", self.known_at, type_=UtcDateTime()))


def asked(pairs: CTE, kind: str, *columns: Any) -> Select[Any]:
    """The people who are asked for requirements of a kind, one row for each; joins follow."""
    is_kind = Requirement.kind == literal_column(f"'{kind}'", String())
    joined = select(Requirement.id.label("requirement_id"), pairs.c.person_id, *columns).select_from(pairs)
    its = and_(Requirement.version_id == pairs.c.version_id, is_kind)
    return joined.join(Requirement, its).where(few(pairs.c.person_id))  # or SQLite would read everybody's evidence for one person


def _each(found: Select[Any], pairs: CTE) -> Select[Any]:
    return found.group_by(Requirement.id, pairs.c.person_id)


def _within(day: Any) -> ColumnElement[date]:
    """The last day on which something of `day` counts, by the months that the requirement gives."""
    return func.coalesce(months_after(day, Requirement.months), _FOREVER, type_=Date())


def course(pairs: CTE, when: When) -> Select[Any]:
    """The course is complete and in date: of several completions the one that lasts longest counts."""
    # Worked out first, or PostgreSQL reads everything that somebody completed once for each course that is asked for.
    wanted = worked_out("course_asked", asked(pairs, "course", Requirement.course_id))
    done = (func.max(Completion.completed_on).label("met_on"), func.max(func.coalesce(Completion.expires_on, _FOREVER)).label("lasts"))
    its = and_(Completion.person_id == wanted.c.person_id, Completion.course_id == wanted.c.course_id)
    found = select(wanted.c.requirement_id, wanted.c.person_id, *done).join(Completion, its)
    found = found.where(when.live(Completion), Completion.completed_on <= when.day, few(wanted.c.person_id))
    return found.group_by(wanted.c.requirement_id, wanted.c.person_id)


def worked_out(name: str, rows: Select[Any]) -> CTE:
    """Rows that PostgreSQL works out once, by themselves, before anything is joined to them or asked of them."""
    return rows.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def curriculum(pairs: CTE, when: When) -> Select[Any]:
    """All of its courses, or as many as it needs, are complete and in date; of more than it needs, those that last longest count."""
    # Worked out first: PostgreSQL would rather pair every completion with every curriculum that its course is in, and then look for people.
    courses = asked(pairs, "curriculum", RequirementCourse.course_id)
    wanted = worked_out("curriculum_asked", courses.join(RequirementCourse, RequirementCourse.requirement_id == Requirement.id))
    its = and_(Completion.person_id == wanted.c.person_id, Completion.course_id == wanted.c.course_id)
    each = (
        select(
            wanted,
            func.max(Completion.completed_on).label("met_on"),
            func.max(func.coalesce(Completion.expires_on, _FOREVER)).label("lasts"),
        )
        .join(Completion, its)
        .where(when.live(Completion), Completion.completed_on <= when.day, few(wanted.c.person_id))
        .group_by(*wanted.c)
        .subquery()
    )
    inside = select(func.count()).where(RequirementCourse.requirement_id == Requirement.id).scalar_subquery()
    sizes = select(Requirement.id, func.coalesce(Requirement.needed, inside).label("needed")).where(
        Requirement.kind == literal_column("'curriculum'", String())
    )
    return best(each, (each.c.requirement_id, each.c.person_id), sizes.subquery(), (each.c.course_id,))


def best(rows: Any, keys: tuple[Any, Any], sizes: Any, ties: tuple[Any, ...]) -> Select[Any]:
    """Of the rows (…, met_on, lasts) of each pair of keys the longest lasting `needed`; nothing where there are fewer.

    `sizes`: (id, needed) by the first key; `ties`: what decides between rows that last alike and are from one day.
    """
    place = func.row_number().over(partition_by=keys, order_by=(rows.c.lasts.desc(), rows.c.met_on, *ties)).label("place")
    placed = select(*keys, rows.c.met_on, rows.c.lasts, place).subquery()
    first, second = (placed.c[key.name] for key in keys)
    return (
        select(first, second, func.max(placed.c.met_on).label("met_on"), func.min(placed.c.lasts).label("lasts"))
        .join(sizes, sizes.c.id == first)
        .where(placed.c.place <= sizes.c.needed)
        .group_by(first, second, sizes.c.needed)
        .having(func.count() == sizes.c.needed)
    )


def programme(pairs: CTE, when: When) -> Select[Any]:
    """An outcome of the programme, whichever version, was confirmed as a pass. It does not lapse."""
    passed = (func.max(london_date(Decision.decided_at)).label("met_on"), _FOREVER.label("lasts"))
    found = (
        asked(pairs, "programme", *passed)
        .join(Enrolment, Enrolment.person_id == pairs.c.person_id)
        .join(
            ProgrammeVersion,
            and_(ProgrammeVersion.id == Enrolment.version_id, ProgrammeVersion.programme_code == Requirement.programme_code),
        )
        .join(Decision, Decision.enrolment_id == Enrolment.id)
        .where(Decision.kind == "confirm", Decision.outcome == "pass", when.by(Decision.decided_at))
    )
    return _each(found, pairs)


def standard(pairs: CTE, when: When) -> Select[Any]:
    """Evidenced so often: by learning records tagged with it and by signed documents of a portfolio; at the level "signed" by these only.

    Everything counts that has not passed the months of the requirement since, or without months everything.
    """
    tagged = (
        asked(pairs, "standard", LearningRecord.on_date, RecordStandard.id.label("key"))
        .join(LearningRecord, LearningRecord.person_id == pairs.c.person_id)
        .join(
            RecordStandard,
            and_(
                RecordStandard.first_id == func.coalesce(LearningRecord.first_id, LearningRecord.id),
                RecordStandard.standard == Requirement.standard,
            ),
        )
        .where(when.live(LearningRecord), when.live(RecordStandard), LearningRecord.on_date <= when.day)
        .where(or_(Requirement.level.is_(None), Requirement.level != "signed"))
    )
    signed_at = (
        select(func.max(Entry.signed_at))
        .where(Entry.document_id == Document.id, Entry.revision == Document.frozen, Entry.kind == "document")
        .scalar_subquery()
    )
    papers = (
        asked(pairs, "standard", signed_at.label("signed_at"), Document.id)
        .join(Enrolment, Enrolment.person_id == pairs.c.person_id)
        .join(Document, Document.enrolment_id == Enrolment.id)
        .join(Revision, and_(Revision.document_id == Document.id, Revision.number == Document.frozen))
        .where(Document.state == "final", holds(Revision.standards, Requirement.standard))
        .subquery()
    )
    signed = select(
        papers.c.requirement_id, papers.c.person_id, london_date(papers.c.signed_at).label("on_date"), (-papers.c.id).label("key")
    ).where(when.by(papers.c.signed_at))
    shown = union_all(tagged, signed).subquery()
    return _enough(shown, (), lambda run: Requirement.times <= run.c.place)


def records(pairs: CTE, when: When) -> Select[Any]:
    """So many minutes, or so many records, or both, of an activity or a bucket or any learning, within so many months or ever."""
    sort = and_(
        or_(Requirement.bucket.is_(None), LearningRecord.bucket == Requirement.bucket),
        or_(Requirement.activity.is_(None), LearningRecord.activity == Requirement.activity),
    )
    shown = (
        asked(
            pairs, "records", LearningRecord.on_date, LearningRecord.id.label("key"), cast(LearningRecord.minutes, Integer).label("minutes")
        )
        .join(LearningRecord, LearningRecord.person_id == pairs.c.person_id)
        .where(when.live(LearningRecord), LearningRecord.on_date <= when.day, sort)
        .subquery()
    )

    def enough(run: Any) -> ColumnElement[bool]:
        return and_(
            or_(Requirement.times.is_(None), Requirement.times <= run.c.place),
            or_(Requirement.minutes.is_(None), Requirement.minutes <= run.c.minutes),
        )

    return _enough(shown, (shown.c.minutes,), enough)


def _enough(shown: Any, amounts: tuple[Any, ...], enough: Callable[[Any], ColumnElement[bool]]) -> Select[Any]:
    """Rows (requirement_id, person_id, on_date, key, …) counted from the newest back, until there is `enough`.

    That is asked of a row with `place`, how many there are so far, and the sums of the amounts so far. What suffices lasts as long as
    the oldest row that it needs.
    """
    mine, order = (shown.c.requirement_id, shown.c.person_id), (shown.c.on_date.desc(), shown.c.key.desc())
    so_far = [func.sum(amount).over(partition_by=mine, order_by=order, rows=(None, 0)).label(amount.name) for amount in amounts]
    place = func.row_number().over(partition_by=mine, order_by=order).label("place")
    run = select(*mine, shown.c.on_date, place, *so_far).subquery()
    counted = (
        select(
            run.c.requirement_id,
            run.c.person_id,
            func.max(run.c.on_date).label("met_on"),
            func.max(case((enough(run), _within(run.c.on_date)))).label("lasts"),
        )
        .join(Requirement, Requirement.id == run.c.requirement_id)
        .group_by(run.c.requirement_id, run.c.person_id)
        .subquery()
    )
    return select(counted).where(counted.c.lasts.is_not(None))


def months_in_stage(pairs: CTE, when: When) -> Select[Any]:
    """So many months at the stage; the clock stands still while somebody is at another. It does not lapse.

    For whoever is still there and short of it, `met_on` is the day on which they will have been there long enough, and it lasts until
    NEVER: not yet.
    """
    mine = (Requirement.id, pairs.c.person_id)
    before = func.sum(days_between(Stage.valid_from, Stage.valid_to)).over(partition_by=mine, order_by=Stage.valid_from, rows=(None, -1))
    spells = (
        asked(
            pairs,
            "months_in_stage",
            Requirement.months,
            Stage.valid_from,
            Stage.valid_to,
            func.min(Stage.valid_from).over(partition_by=mine).label("first"),
            func.coalesce(before, 0).label("before"),
        )
        .join(Stage, and_(Stage.person_id == pairs.c.person_id, Stage.stage == Requirement.stage))
        .where(when.live(Stage), Stage.valid_from <= when.day)
        .subquery()
    )
    elsewhere = days_between(spells.c.first, spells.c.valid_from) - spells.c.before
    reached = days_after(months_after(spells.c.first, spells.c.months), elsewhere)
    found = select(spells.c.requirement_id, spells.c.person_id, func.min(reached).label("met_on")).where(reached <= spells.c.valid_to)
    served = found.group_by(spells.c.requirement_id, spells.c.person_id).subquery()
    lasts = case((served.c.met_on <= when.day, _FOREVER), else_=_NEVER)
    return select(served.c.requirement_id, served.c.person_id, served.c.met_on, lasts.label("lasts"))


def _last_day(ends: Any) -> ColumnElement[date]:
    """The last day of a period whose exclusive end this is."""
    return case((ends == _FOREVER, _FOREVER), else_=days_after(ends, -1))


def registration(pairs: CTE, when: When) -> Select[Any]:
    """The register says that they may practise, with conditions or without."""
    since, ends = func.max(Registration.valid_from).label("met_on"), func.max(Registration.valid_to)
    found = asked(pairs, "registration", since, _last_day(ends).label("lasts")).join(
        Registration, Registration.person_id == pairs.c.person_id
    )
    good = (Registration.status.in_(IN_GOOD_STANDING), when.live(Registration), Registration.valid_from <= when.day)
    return _each(found.where(*good), pairs)


def pdr(pairs: CTE, when: When) -> Select[Any]:
    """A review was completed; it counts for the months of the requirement."""
    newest = func.max(PdrEvent.on_date)
    held = (
        asked(pairs, "pdr", newest.label("met_on"), Requirement.months)
        .join(Pdr, Pdr.person_id == pairs.c.person_id)
        .join(PdrEvent, and_(PdrEvent.pdr_id == Pdr.id, PdrEvent.kind == "complete"))
        .where(when.live(PdrEvent), PdrEvent.on_date <= when.day)
        .group_by(Requirement.id, Requirement.months, pairs.c.person_id)
        .subquery()
    )
    return select(held.c.requirement_id, held.c.person_id, held.c.met_on, months_after(held.c.met_on, held.c.months).label("lasts"))


def endorsement(pairs: CTE, when: When) -> Select[Any]:
    """Somebody in the role endorsed them for this step; of several endorsements the one that lasts longest counts."""
    given = (func.max(Endorsement.on_date).label("met_on"), _last_day(func.max(Endorsement.valid_to)).label("lasts"))
    its = and_(Endorsement.person_id == pairs.c.person_id, Endorsement.step_id == StepVersion.step_id, Endorsement.role == Requirement.role)
    found = asked(pairs, "endorsement", *given).join(StepVersion, StepVersion.id == Requirement.version_id).join(Endorsement, its)
    return _each(found.where(when.live(Endorsement), Endorsement.on_date <= when.day), pairs)


EVIDENCE: dict[str, Callable[[CTE, When], Select[Any]]] = {
    "course": course,
    "curriculum": curriculum,
    "programme": programme,
    "standard": standard,
    "records": records,
    "months_in_stage": months_in_stage,
    "registration": registration,
    "pdr": pdr,
    "endorsement": endorsement,
}
