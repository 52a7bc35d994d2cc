"""The county as rows for the tables. Keys are positions plus one, so that rows can name each other before they are written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.core.db import FOREVER, Base
from app.core.text import search_words, slug
from app.frameworks.models import Standard, StandardsSet
from app.identity.models import Account
from app.learning.models import Course, CourseStandard, Curriculum, CurriculumCourse, Prerequisite, Provider, Series
from app.people.details import person_values
from app.people.models import (
    CareerStage,
    Duty,
    Group,
    GroupMember,
    Membership,
    Person,
    Post,
    RegisterStatus,
    Registration,
    Responsibility,
    RoleHeld,
    Stage,
    Unit,
    UnitClosure,
)
from app.policy import Role
from seed.content import Content
from seed.makers import Sketch
from seed.workforce import Workforce

Row = dict[str, Any]
Table = tuple[type[Base], Iterator[Row]]
LONG_AGO = datetime(2019, 4, 1, 8, tzinfo=UTC)  # when the offer was first written down


def morning(day: date) -> datetime:
    """When a fact of that day was recorded."""
    return datetime.combine(day, time(8), UTC)


def reference_rows(content: Content) -> Iterator[Table]:
    """Standards and career stages: what every installation needs, demonstration or not."""
    stages = content.stages.values()
    yield CareerStage, (dict(code=s.code, title=s.title, rank=s.order, stage_group=s.group) for s in stages)
    sets = list(enumerate(content.standards, start=1))
    columns = ("code", "version", "title", "in_force_from", "in_force_to", "verified")
    yield StandardsSet, ({"id": key, **{name: getattr(found, name) for name in columns}} for key, found in sets)
    yield (
        Standard,
        (
            dict(code=item.code, set_id=key, number=item.number, title=item.title, verified=item.verified)
            for key, found in sets
            for item in found.items
        ),
    )


def offer_rows(content: Content) -> Iterator[Table]:
    """Providers, series, courses with what they ask for and support, and curricula."""
    providers = {code: key for key, code in enumerate(content.providers, start=1)}
    series = {code: key for key, code in enumerate(content.series, start=1)}
    courses = course_keys(content)
    yield Provider, (dict(id=providers[code], name=name) for code, name in content.providers.items())
    yield Series, (dict(id=series[code], title=title, summary=summary) for code, (title, summary) in content.series.items())
    # A refresher may stand after the course it renews, so the courses that others point at go first.
    specs = sorted(content.courses.values(), key=lambda course: course.refresher is not None)
    yield (
        Course,
        (
            dict(
                id=courses[c.code],
                slug=slug(c.title),
                title=c.title,
                summary=c.summary,
                outcomes="\n".join(c.outcomes),
                kind=c.kind,
                provider_id=providers[c.provider],
                series_id=series[c.series] if c.series else None,
                bucket=c.bucket,
                cpd_minutes=c.minutes,
                audience=c.audience,
                audience_stages=",".join(c.stages),
                validity_months=c.valid_months,
                refresher_id=courses[c.refresher] if c.refresher else None,
                cost_pence=c.cost * 100,
                materials=c.materials,
                needs_approval=c.approval,
                status="published",
                search_text=search_words(c.title, c.summary, "\n".join(c.outcomes), content.providers[c.provider], c.kind),
                created_at=LONG_AGO,
                updated_at=LONG_AGO,
            )
            for c in specs
        ),
    )
    yield CourseStandard, (dict(course_id=courses[c.code], standard=code) for c in specs for code in c.standards)
    yield Prerequisite, (dict(course_id=courses[c.code], requires_id=courses[need]) for c in specs for need in c.needs)
    curricula = list(enumerate(content.curricula, start=1))
    yield Curriculum, (dict(id=key, title=c.title, summary=c.summary, rule=c.rule, needed=c.any_n) for key, c in curricula)
    yield (
        CurriculumCourse,
        (
            dict(curriculum_id=key, course_id=courses[code], position=position)
            for key, c in curricula
            for position, code in enumerate(c.courses, start=1)
        ),
    )


def course_keys(content: Content) -> dict[str, int]:
    """The key of each course, by its code."""
    return {code: key for key, code in enumerate(content.courses, start=1)}


def people_rows(force: Workforce, today: date, password_hash: str) -> Iterator[Table]:
    """Units, people, their dated facts, and accounts for everyone who works here today."""
    units, people = force.tree.units, list(enumerate(force.people, start=1))
    yield (
        Unit,
        (
            dict(
                id=key,
                parent_id=None if unit.parent is None else unit.parent + 1,
                organisation_id=unit.organisation + 1,
                kind=unit.kind,
                code=unit.code,
                name=unit.name,
                search_text=search_words(unit.name, unit.code),
                host=key == 1,
            )
            for key, unit in enumerate(units, start=1)
        ),
    )
    yield UnitClosure, _closure(force)
    yield Person, (_person(key, person, today) for key, person in people)
    yield Registration, (_registration(key, person, today) for key, person in people if person.swe_number)
    yield Post, (_post(key, person, turn, today) for key, person in people for turn in range(len(person.work)))
    yield Membership, (dict(person_id=key, unit_id=unit + 1, **span) for key, p in people for unit, span in _spans(p, p.units, today))
    yield Stage, (dict(person_id=key, stage=stage, **span) for key, p in people for stage, span in _spans(p, p.stages, today))
    managers = (
        dict(kind=Duty.MANAGER.value, holder_id=manager + 1, person_id=key, subject=None, **span)
        for key, p in people
        for manager, span in _spans(p, p.managers, today)
    )
    yield Responsibility, managers
    yield Responsibility, _duties(force, today)
    yield RoleHeld, _roles(force)
    now = morning(today)
    yield (
        Account,
        (
            dict(person_id=i + 1, password_hash=password_hash, created_at=now, password_set_at=now)
            for i in (*force.here(today), *(i for i, p in enumerate(force.people) if p.organisation))
        ),
    )


def _closure(force: Workforce) -> Iterator[Row]:
    units = force.tree.units
    for position in range(len(units)):
        above: int | None = position
        depth = 0
        while above is not None:
            yield dict(ancestor_id=above + 1, descendant_id=position + 1, depth=depth)
            above, depth = units[above].parent, depth + 1


def _person(key: int, person: Sketch, today: date) -> Row:
    joined = morning(min(person.started_on, today))
    return person_values(
        dict(
            id=key,
            organisation_id=person.organisation + 1,
            employee_number=person.employee_number,
            first_name=person.first_name,
            last_name=person.last_name,
            known_as=person.known_as,
            email=person.email,
            swe_number=person.swe_number,
            registration_status=RegisterStatus.REGISTERED.value if person.swe_number else None,
            registered_from=person.registered_from,
            registered_until=person.registered_until,
            entry_route=person.entry_route,
            qualified_in=person.qualified_in,
            started_on=person.started_on,
            leaving_on=person.leaving_on,
            caseload=person.caseload,
            access_needs=person.access_needs,
            created_at=joined,
            updated_at=joined,
        )
    )


def _registration(key: int, person: Sketch, today: date) -> Row:
    """What the register says of them, as known since they joined."""
    joined = min(person.started_on, today)
    until = person.registered_until
    return dict(
        person_id=key,
        status=RegisterStatus.REGISTERED.value,
        valid_from=person.registered_from or joined,
        valid_to=until + timedelta(days=1) if until else FOREVER,
        recorded_at=morning(joined),
        superseded_at=None,
    )


def _end(person: Sketch) -> date:
    return FOREVER if person.leaving_on is None else person.leaving_on + timedelta(days=1)


def _spans(person: Sketch, changes: list[tuple[date, Any]], today: date) -> Iterator[tuple[Any, Row]]:
    """Each value with its period, which lasts until the next or until they leave. What is still to come was recorded last week."""
    end = _end(person)
    for turn, (since, value) in enumerate(changes):
        until = min(end, changes[turn + 1][0] if turn + 1 < len(changes) else end)
        if since < until:
            yield (
                value,
                dict(valid_from=since, valid_to=until, recorded_at=morning(min(since, today - timedelta(days=7))), superseded_at=None),
            )


def _post(key: int, person: Sketch, turn: int, today: date) -> Row:
    work = person.work[turn]
    until = person.work[turn + 1].since if turn + 1 < len(person.work) else _end(person)
    return dict(
        person_id=key,
        job_title=work.title,
        contract=person.contract,
        fte=work.fte,
        working_days=work.days,
        is_primary=True,
        valid_from=work.since,
        valid_to=until,
        recorded_at=morning(min(work.since, today - timedelta(days=7))),
        superseded_at=None,
    )


def _duties(force: Workforce, today: date) -> Iterator[Row]:
    """Assessors of the newly qualified, and a deputy for the manager persona."""
    for assessor, learner, since in force.assessed:
        yield duty(Duty.ASSESSOR, assessor, since, person_id=learner + 1)
    manager = force.persona["manager"]
    for i, person in enumerate(force.people):
        if person.managers and person.managers[-1][1] == manager and person.title == "Assistant Team Manager":
            yield duty(Duty.DEPUTY, i, today - timedelta(days=200), person_id=manager + 1)
            return


def duty(kind: Duty, holder: int, since: date, until: date = FOREVER, *, person_id: int | None = None, subject: str | None = None) -> Row:
    """A responsibility of a person, given by position, over another person or a subject."""
    return dict(
        kind=kind.value,
        holder_id=holder + 1,
        person_id=person_id,
        subject=subject,
        valid_from=since,
        valid_to=until,
        recorded_at=morning(since),
        superseded_at=None,
    )


def _roles(force: Workforce) -> Iterator[Row]:
    """Roles that are given; line manager, assessor and trainer follow from the data."""
    given: list[tuple[int, Role, int | None]] = []
    for i, seat in enumerate(force.tree.seats):
        if seat.title == "Academy Coordinator":
            given.append((i, Role.COORDINATOR, None))
        elif seat.title == "HR Officer":
            given.append((i, Role.HR, 1))
        elif seat.stage in ("DIR", "AD"):
            given.append((i, Role.BOARD, 1))
        elif seat.title in ("Nursery Manager", "Pre-school Leader"):
            given.append((i, Role.SETTING_LEAD, force.tree.units[seat.unit].organisation + 1))
    given.append((force.persona["psw"], Role.PSW, 1))
    given.append((force.persona["board"], Role.BOARD, 1))
    given.append((force.persona["administrator"], Role.ADMINISTRATOR, None))
    given.append((force.persona["moderator"], Role.MODERATOR, 1))
    given.append((force.persona["panel"], Role.PANEL, 1))
    chairs = (i for i, seat in enumerate(force.tree.seats) if seat.title == "Child Protection Conference Chair")
    given += [(i, Role.PANEL, 1) for i in chairs if i not in force.persona.values()][:4]
    for i, role, unit in given:
        since = force.people[i].started_on
        yield dict(
            person_id=i + 1,
            role=role.value,
            unit_id=unit,
            valid_from=since,
            valid_to=_end(force.people[i]),
            recorded_at=morning(since),
            superseded_at=None,
        )


def group_rows(force: Workforce) -> Iterator[Table]:
    """The two cohorts of newly qualified social workers, and the apprentices."""
    groups: list[Row] = []
    members: list[Row] = []

    def group(code: str, name: str, who: list[int]) -> None:
        groups.append(dict(id=len(groups) + 1, code=code, name=name, kind="cohort"))
        for i in who:
            since = force.people[i].started_on
            members.append(
                dict(group_id=len(groups), person_id=i + 1, valid_from=since, valid_to=_end(force.people[i]), recorded_at=morning(since))
            )

    new = [i for i, seat in enumerate(force.tree.seats) if seat.stage == "NQSW"]
    for start in sorted({force.people[i].started_on for i in new}):
        group(f"ASYE-{start:%Y-%m}", f"ASYE cohort, {start:%B %Y}", [i for i in new if force.people[i].started_on == start])
    group("APPRENTICES", "Apprentices", [i for i, seat in enumerate(force.tree.seats) if "Apprentice" in seat.title])
    yield Group, iter(groups)
    yield GroupMember, iter(members)
