"""Finding learning: courses with their next date that fits, and one course with all its dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from markupsafe import Markup
from sqlalchemy import (
    Date,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from app import policy
from app.bookings import words
from app.bookings.kept import FOR_READER, counted, left_for
from app.bookings.models import Room, Session
from app.bookings.queries import NOW, ONE, held, waiting
from app.core.calendar import london, london_day, month_and_year
from app.core.db import UtcDateTime, matches
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.ready import Ready
from app.core.text import query_words
from app.core.tx import Tx
from app.core.web import fragment, url
from app.doors import Page
from app.frameworks.models import Standard
from app.learning.models import Completion, Course, CourseKind, CourseStandard, Curriculum, CurriculumCourse, Prerequisite, Provider, Series
from app.policy import Can

PAGE = 25
MONTHS_AHEAD = 12
KINDS = tuple(kind.value for kind in CourseKind)


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody looks for. Blank: no matter. Unknown values are dropped, not refused: addresses get cut and shared."""

    words: str = ""
    kind: str = ""
    provider: str = ""
    month: str = ""  # "2026-12"
    place: str = ""
    online: bool = False
    free: bool = False  # has places
    standard: str = ""
    whom: str = ""  # the person somebody is looking on behalf of; passed on to the course

    @classmethod
    def read(cls, page: Page) -> Filters:
        kind, provider, month, standard = page.query("kind"), page.query("provider"), page.query("month"), page.query("standard")
        return cls(
            words=page.query("q"),
            kind=kind if kind in KINDS else "",
            provider=provider if re.fullmatch(r"[0-9]{1,9}", provider) else "",
            month=month if re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month) else "",
            place=page.query("place"),
            online=bool(page.query("online")),
            free=bool(page.query("free")),
            standard=standard,
            whom=page.query("for"),
        )

    @property
    def shape(self) -> tuple[str, ...]:
        """Which filters are set, apart from the words: one statement is kept for each combination."""
        return tuple(name for name in ("kind", "provider", "month", "place", "online", "free", "standard") if getattr(self, name))

    @property
    def narrows(self) -> bool:
        return bool(self.words or self.shape)

    def link(self, number: int) -> str:
        """The address of page `number` of these results."""
        given = dict(q=self.words, kind=self.kind, provider=self.provider, month=self.month, place=self.place, standard=self.standard)
        given |= {"for": self.whom}
        given |= dict(online="yes" if self.online else "", free="yes" if self.free else "")
        return url("/courses", **given, page=number if number > 1 else "")

    def parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = {name: getattr(self, name) for name in self.shape if name in ("kind", "place", "standard")}
        if self.provider:
            given["provider"] = int(self.provider)
        if self.month:
            first = date(int(self.month[:4]), int(self.month[5:]), 1)
            given["begins"] = london_day(first)[0]
            given["ends"] = london_day((first + timedelta(days=31)).replace(day=1))[0]
        return given


@lru_cache(maxsize=256)
def _search(shape: tuple[str, ...]) -> Any:
    """Published courses, each with its next date that fits, soonest first; those without a date last."""
    fits = aliased(Session, name="fits")
    dates: list[Any] = [fits.course_id == Course.id, literal_column("fits.status = 'published'"), fits.starts_at > NOW]
    if "month" in shape:
        dates += [fits.starts_at >= bindparam("begins", type_=UtcDateTime()), fits.starts_at < bindparam("ends", type_=UtcDateTime())]
    if "place" in shape:
        dates.append(fits.place == bindparam("place"))
    if "online" in shape:
        dates.append(fits.online)
    if "free" in shape:
        # Where no places are kept for others, the plain counts say the same and cost less.
        for_me, plainly = left_for(fits) > 0, and_(fits.capacity > held(fits), waiting(fits) == 0)
        dates += [case((fits.has_quotas, for_me), else_=plainly), or_(fits.closes_at.is_(None), fits.closes_at > NOW)]
    soonest = select(fits.id).where(*dates).order_by(fits.starts_at, fits.id).limit(1).correlate(Course).scalar_subquery()
    # Set apart, because PostgreSQL otherwise reads all sessions to join a handful of them
    found_dates = select(Course.id, soonest.label("session_id")).where(literal_column("courses.status = 'published'"))
    offered = found_dates.cte("offered").prefix_with("MATERIALIZED")
    found: Any = (
        select(
            Course.slug,
            Course.title,
            Course.summary,
            Course.kind,
            Course.cpd_minutes,
            Provider.name.label("provider"),
            Session.id.label("session_id"),
            Session.starts_at,
            Session.ends_at,
            Session.place,
            Session.capacity,
            Session.waiting_limit,
            held().label("held"),
            waiting().label("waiting"),
            FOR_READER,
            func.count().over().label("found"),
        )
        .select_from(offered)
        .join(Course, Course.id == offered.c.id)
        .outerjoin(Provider, Provider.id == Course.provider_id)
        .order_by(Session.starts_at.is_(None), Session.starts_at, Course.title, Course.id)
        .limit(PAGE)
        .offset(bindparam("skip"))
    )
    dated = {"month", "place", "online", "free"} & set(shape)
    found = (
        found.join(Session, Session.id == offered.c.session_id) if dated else found.outerjoin(Session, Session.id == offered.c.session_id)
    )
    if "kind" in shape:
        found = found.where(Course.kind == bindparam("kind"))
    if "provider" in shape:
        found = found.where(Course.provider_id == bindparam("provider"))
    if "standard" in shape:
        tagged = select(ONE).where(CourseStandard.course_id == Course.id, CourseStandard.standard == bindparam("standard"))
        found = found.where(exists(tagged))
    return found


@lru_cache(maxsize=256)
def _listing(shape: tuple[str, ...]) -> Ready:
    return Ready(_search(shape))


def search(tx: Tx, filters: Filters, number: int) -> tuple[Sequence[Row[Any]], int]:
    """One page of courses and how many there are. A page beyond the last is answered with the first."""
    statement: Any = _listing(filters.shape)
    wanted = query_words(filters.words)
    if filters.words and not wanted:
        return [], 0  # nothing but punctuation
    if wanted:
        statement = _search(filters.shape).where(matches(tx.db, "courses", Course.__table__.c.id, wanted, "english"))
    whom = int(filters.whom) if re.fullmatch(r"[0-9]{1,15}", filters.whom) else tx.actor.person_id  # for whom places are counted
    given = filters.parameters() | (dict(person=whom, today=tx.today) if filters.free else {})
    rows = tx.rows(statement, now=tx.now, skip=(number - 1) * PAGE, **given)
    if not rows and number > 1:
        rows = tx.rows(statement, now=tx.now, skip=0, **given)
    return counted(tx, rows, whom, "session_id"), rows[0].found if rows else 0


_offered = select(ONE).where(Course.provider_id == Provider.id, literal_column("courses.status = 'published'"))
_OPTIONS = Ready(
    union_all(
        select(literal_column("'provider'").label("kind"), cast(Provider.id, String).label("value"), Provider.name.label("words")).where(
            exists(_offered)
        ),
        select(literal_column("'place'"), Room.place, Room.place).where(~Room.closed).distinct(),
        select(literal_column("'standard'"), Standard.code, Standard.title + " (" + Standard.code + ")").where(
            exists(select(ONE).where(CourseStandard.standard == Standard.code))
        ),
    )
)


Options: TypeAlias = dict[str, tuple[tuple[str, str], ...]]
KEPT = timedelta(seconds=60)
kept: WeakKeyDictionary[Any, tuple[datetime, Options]] = WeakKeyDictionary()


def options(tx: Tx) -> Options:
    """(value, words) pairs for each filter, in the order in which people look for them. A new provider or place may be a minute late."""
    asked, found = kept.get(tx.db.engine, (tx.now, None))
    if found is None or abs(tx.now - asked) > KEPT:
        asked, found = kept[tx.db.engine] = tx.now, _options(tx)
    return found


def _options(tx: Tx) -> Options:
    found: dict[str, list[tuple[str, str]]] = {"provider": [], "place": [], "standard": []}
    for row in tx.rows(_OPTIONS):
        found[row.kind].append((row.value, row.words))
    listed = {name: tuple(sorted(pairs, key=lambda pair: pair[1])) for name, pairs in found.items()}
    return listed | {"month": _months(london(tx.now).date().replace(day=1)), "kind": tuple((kind, kind.capitalize()) for kind in KINDS)}


@lru_cache(maxsize=4)
def _months(first: date) -> tuple[tuple[str, str], ...]:
    months = [first]
    while len(months) < MONTHS_AHEAD:
        months.append((months[-1] + timedelta(days=31)).replace(day=1))
    return tuple((month.strftime("%Y-%m"), month_and_year(month)) for month in months)


@lru_cache(maxsize=256)
def choices(any_words: str, pairs: tuple[tuple[str, str], ...], chosen: str) -> Markup:
    """The options of one filter as HTML: the same for nearly everyone, so drawn once for each choice made."""
    rest = (
        Markup('<option value="{}"{}>{}</option>').format(value, Markup(" selected") if value == chosen else "", words)
        for value, words in pairs
    )
    return Markup('<option value="">{}</option>').format(any_words) + Markup("").join(rest)


@lru_cache(maxsize=256)
def result(course: Row[Any], suffix: str) -> Markup:
    """One course of a search: the same row looks the same to everybody, so it is drawn once while nothing in it changes."""
    return fragment("desks/_result.html", "result", course, suffix, words)


def results(courses: Sequence[Row[Any]], suffix: str) -> Markup:
    """The courses of one page of a search."""
    return Markup("").join(result(course, suffix) for course in courses)


# One course --------------------------------------------------------------------------------------------------------

_refresher = aliased(Course, name="refresher")
_COURSE = Ready(
    select(
        *(column for column in Course.__table__.c if column.name != "search_text"),
        Provider.name.label("provider"),
        Series.title.label("series"),
        _refresher.title.label("refresher"),
        _refresher.slug.label("refresher_slug"),
    )
    .outerjoin(Provider, Provider.id == Course.provider_id)
    .outerjoin(Series, Series.id == Course.series_id)
    .outerjoin(_refresher, _refresher.id == Course.refresher_id)
    .where(Course.slug == bindparam("slug"))
)


def course(tx: Tx, slug: str) -> Row[Any]:
    """A course by its address, or NotFound; drafts only for those who write the catalogue."""
    row = tx.one(_COURSE, slug=slug)
    if row is None or (row.status == "draft" and not policy.may(tx.actor, Can.WRITE_CATALOGUE)):
        raise NotFound("There is no course at this address.", code="course-not-found")
    return row


def _done(course_id: Any) -> Select[Any]:
    """The person's latest completion of a course: until when it counts (FOREVER where it does not expire)."""
    return (
        select(func.max(func.coalesce(Completion.expires_on, literal_column("'9999-12-31'", Date))))
        .where(Completion.person_id == bindparam("person"), Completion.course_id == course_id, Completion.superseded_at.is_(None))
        .correlate(Prerequisite, Course)
    )


_required, _renewing = aliased(Course, name="required"), aliased(Course, name="renewing")
_AROUND = Ready(
    union_all(
        select(
            literal_column("'prerequisite'").label("kind"),
            _required.title.label("words"),
            _required.slug.label("link"),
            _done(Prerequisite.requires_id).scalar_subquery().label("until"),
            cast(null(), Integer).label("number"),
            _renewing.slug.label("refresher"),
        )
        .select_from(Prerequisite)
        .join(_required, _required.id == Prerequisite.requires_id)
        .outerjoin(_renewing, and_(_renewing.id == _required.refresher_id, _renewing.status == "published"))
        .where(Prerequisite.course_id == bindparam("course")),
        select(literal_column("'standard'"), Standard.title, Standard.code, cast(null(), Date), cast(null(), Integer), null())
        .select_from(CourseStandard)
        .join(Standard, Standard.code == CourseStandard.standard)
        .where(CourseStandard.course_id == bindparam("course")),
        select(literal_column("'curriculum'"), Curriculum.title, Curriculum.rule, cast(null(), Date), Curriculum.needed, null())
        .select_from(CurriculumCourse)
        .join(Curriculum, Curriculum.id == CurriculumCourse.curriculum_id)
        .where(CurriculumCourse.course_id == bindparam("course")),
        select(
            literal_column("'done'"),
            literal_column("''"),
            literal_column("''"),
            func.max(Completion.completed_on),
            func.count(Completion.id),
            null(),
        ).where(
            Completion.course_id == bindparam("course"), Completion.person_id == bindparam("person"), Completion.superseded_at.is_(None)
        ),
    )
)


def around(tx: Tx, course_id: int, person_id: int | None) -> dict[str, list[Row[Any]]]:
    """What a course asks for, supports and belongs to, and when the person did it, by kind."""
    found: dict[str, list[Row[Any]]] = {"prerequisite": [], "standard": [], "curriculum": [], "done": []}
    for row in tx.rows(_AROUND, course=course_id, person=person_id):
        found[row.kind].append(row)
    found["done"] = [row for row in found["done"] if row.number]
    return found
