"""The slow counts of learning and practice, from the rules as docs/measures-defined.md says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.measures.oracle import DAY, Line, Raw, counted_slowly, holds, in_post, live, months_before, primary_post, stands
from tests.measures.oracle_required import versions_for
from tests.measures.oracle_supervision import turns_due

LONDON = ZoneInfo("Europe/London")


def _london(instant: datetime) -> date:
    return instant.astimezone(LONDON).date()


def _in_year(day: date, as_at: date) -> bool:
    return months_before(as_at, 12) < day <= as_at


# Careers -------------------------------------------------------------------------------------------------------------


def _of_permanent(raw: Raw, organisation_id: int, as_at: date, known_at: datetime, *, only_rises: bool) -> Iterator[Line]:
    start = months_before(as_at, 12)
    for who in in_post(raw, organisation_id, start, known_at):
        where = stands(raw, who, start, known_at)
        if where[2] == "permanent":
            yield Line(who, int(_moved(raw, who, as_at, known_at, only_rises=only_rises)), 1, where)


def _moved(raw: Raw, who: int, as_at: date, known_at: datetime, *, only_rises: bool) -> bool:
    """Looks at every day of the twelve months, and the day before it."""
    for move in raw.of("progressions", "person_id", who):
        if live(move, known_at) and _in_year(move.on_date, as_at) and (not only_rises or move.kind == "promotion"):
            return True
    rank = {stage.code: stage.rank for stage in raw.career_stages}
    stages = raw.of("stages", "person_id", who)
    for fact in stages:
        if live(fact, known_at) and _in_year(fact.valid_from, as_at):
            before = [other.stage for other in stages if holds(other, fact.valid_from - DAY, known_at)]
            if any(rank[fact.stage] > rank[stage] if only_rises else fact.stage != stage for stage in before):
                return True
    if only_rises:
        return False
    for post in raw.of("posts", "person_id", who):
        if post.is_primary and live(post, known_at) and _in_year(post.valid_from, as_at):
            job = primary_post(raw, who, post.valid_from - DAY, known_at)
            if job is not None and job.job_title.lower() != post.job_title.lower():
                return True
    return False


@counted_slowly("promotion")
def promotion(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    return _of_permanent(raw, organisation_id, as_at, known_at, only_rises=True)


@counted_slowly("progression")
def progression(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    return _of_permanent(raw, organisation_id, as_at, known_at, only_rises=False)


# Training ------------------------------------------------------------------------------------------------------------


def _sessions(raw: Raw, as_at: date, known_at: datetime) -> list[Any]:
    """Those that took place and were over."""
    return [
        session
        for session in raw.sessions
        if session.status == "published" and _in_year(_london(session.ends_at), as_at) and session.ends_at <= known_at
    ]


def _state(raw: Raw, booking: Any, known_at: datetime) -> str | None:
    """By its history, and only that."""
    said = [row for row in _histories(raw).get(booking.id, ()) if row.state is not None and row.at <= known_at]
    return max(said, key=lambda row: row.id).state if said else None


def _histories(raw: Raw) -> dict[int, list[Any]]:
    if "booking histories" not in raw.tables:
        found: dict[int, list[Any]] = {}
        for row in raw.of("audit", "subject", "bookings"):
            found.setdefault(row.subject_id, []).append(row)
        raw.tables["booking histories"] = [found]
    histories: dict[int, list[Any]] = raw.tables["booking histories"][0]
    return histories


@counted_slowly("learning-take-up")
def learning_take_up(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    took = set()
    for session in _sessions(raw, as_at, known_at):
        for booking in raw.of("bookings", "session_id", session.id):
            if _state(raw, booking, known_at) in ("attended", "partly attended"):
                took.add(booking.person_id)
    for done in raw.completions:
        if done.source == "e-learning" and live(done, known_at) and _in_year(done.completed_on, as_at):
            took.add(done.person_id)
    for enrolment in raw.enrolments:
        begun = enrolment.created_at <= known_at and _in_year(enrolment.starts_on, as_at)
        if begun and not _gone(raw, enrolment, enrolment.starts_on, known_at):
            took.add(enrolment.person_id)
    for who in in_post(raw, organisation_id, as_at, known_at):
        yield Line(who, int(who in took), 1)


@counted_slowly("places-taken")
def places_taken(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    held = ("booked", "attended", "partly attended", "did not attend", "excused")
    for session in _sessions(raw, as_at, known_at):
        taken = sum(_state(raw, booking, known_at) in held for booking in raw.of("bookings", "session_id", session.id))
        yield Line(None, taken, len(raw.of("places", "session_id", session.id)))


@counted_slowly("sessions-completed")
def sessions_completed(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    due: Counter[int] = Counter()
    whole: Counter[int] = Counter()
    for session in _sessions(raw, as_at, known_at):
        for booking in raw.of("bookings", "session_id", session.id):
            state = _state(raw, booking, known_at)
            due[booking.person_id] += state in ("booked", "attended", "partly attended", "did not attend")
            whole[booking.person_id] += state == "attended"
    for who in in_post(raw, organisation_id, as_at, known_at):
        if due[who]:
            yield Line(who, whole[who], due[who])


# Programmes ----------------------------------------------------------------------------------------------------------


def _changes(raw: Raw, enrolment: Any, known_at: datetime) -> list[Any]:
    every = raw.of("enrolment_changes", "enrolment_id", enrolment.id)
    return [change for change in every if change.state == "agreed" and change.settled_at <= known_at]


def _gone(raw: Raw, enrolment: Any, day: date, known_at: datetime) -> bool:
    return any(change.kind in ("withdrawal", "transfer") and change.from_on <= day for change in _changes(raw, enrolment, known_at))


def _paused(raw: Raw, enrolment: Any, day: date, known_at: datetime) -> bool:
    return any(change.kind == "pause" and change.from_on <= day < change.to_on for change in _changes(raw, enrolment, known_at))


def _outcomes(raw: Raw, enrolment: Any, as_at: date, known_at: datetime) -> set[str]:
    return {
        decision.outcome
        for decision in raw.of("panel_decisions", "enrolment_id", enrolment.id)
        if decision.kind == "confirm" and _london(decision.decided_at) <= as_at and decision.decided_at <= known_at
    }


def _ends_on(raw: Raw, enrolment: Any, as_at: date, known_at: datetime) -> date | None:
    plans = sorted(raw.of("plans", "enrolment_id", enrolment.id), key=lambda plan: plan.number)
    made = [plan for plan in plans if _london(plan.made_at) <= as_at and plan.made_at <= known_at]
    return (made or plans[:1])[-1].ends_on if plans else None


@counted_slowly("programmes-completed")
def programmes_completed(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        due = passed = 0
        for enrolment in raw.of("enrolments", "person_id", who):
            ends_on = _ends_on(raw, enrolment, as_at, known_at)
            if enrolment.created_at > known_at or ends_on is None or not _in_year(ends_on, as_at):
                continue
            has_passed = "pass" in _outcomes(raw, enrolment, as_at, known_at)
            if has_passed or not (_gone(raw, enrolment, as_at, known_at) or _paused(raw, enrolment, as_at, known_at)):
                due, passed = due + 1, passed + has_passed
        if due:
            yield Line(who, passed, due)


@counted_slowly("required-training")
def required_training(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        said = versions_for(raw, who, as_at, known_at)
        if said:
            yield Line(who, int(all(status in ("met", "lapsing") for status in said)), 1)


# Practice ------------------------------------------------------------------------------------------------------------


def _meetings(raw: Raw, organisation_id: int, as_at: date, known_at: datetime, kinds: tuple[str, ...]) -> Iterator[Line]:
    """Whoever was due the last of these meetings that had to be held by the day."""
    deadlines = []
    for cycle in raw.of("pdr_cycles", "organisation_id", organisation_id):
        by = {"objectives": cycle.objectives_by, "mid-year": cycle.mid_year_by, "complete": cycle.complete_by}
        deadlines += [(by[kind], cycle.starts_on, kind, cycle) for kind in kinds if by[kind] <= as_at]
    if not deadlines:
        return
    last, _, meeting, year = max(deadlines, key=lambda each: each[:2])
    for who in in_post(raw, organisation_id, as_at, known_at):
        person = raw.of("people", "id", who)[0]
        away = [fact for fact in raw.of("absences", "person_id", who) if holds(fact, as_at, known_at)]
        if any((as_at - fact.valid_from).days >= year.away_days for fact in away):
            continue
        started = person.started_on or min(post.valid_from for post in raw.of("posts", "person_id", who) if live(post, known_at))
        held = any(
            event.kind == meeting and event.on_date <= as_at and live(event, known_at)
            for review in raw.of("pdrs", "person_id", who)
            if review.cycle_id == year.id
            for event in raw.of("pdr_events", "pdr_id", review.id)
        )
        if held or started + timedelta(days=year.new_days) <= last:
            yield Line(who, int(held), 1)


@counted_slowly("pdr-complete")
def pdr_complete(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    yield from _meetings(raw, organisation_id, as_at, known_at, ("complete",))


@counted_slowly("pdr-meeting")
def pdr_meeting(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    yield from _meetings(raw, organisation_id, as_at, known_at, ("objectives", "mid-year", "complete"))


@counted_slowly("supervision-held")
def supervision_held(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        due = [held for last_day, held in turns_due(raw, who, as_at, known_at) if months_before(as_at, 3) < last_day <= as_at]
        if due:
            yield Line(who, sum(due), len(due))


def _children(raw: Raw, who: int, as_at: date, known_at: datetime) -> int | None:
    counted = [
        row for row in raw.of("caseloads", "person_id", who) if live(row, known_at) and months_before(as_at, 3) < row.on_date <= as_at
    ]
    return max(counted, key=lambda row: row.on_date).children if counted else None


def _holders(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[tuple[int, int]]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        children = _children(raw, who, as_at, known_at)
        if children:
            yield who, children


@counted_slowly("caseload-18")
def caseload_18(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    return (Line(who, int(children < 19), 1) for who, children in _holders(raw, organisation_id, as_at, known_at))


@counted_slowly("caseload-22")
def caseload_22(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    return (Line(who, int(children < 23), 1) for who, children in _holders(raw, organisation_id, as_at, known_at))


@counted_slowly("caseload-average")
def caseload_average(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who, children in _holders(raw, organisation_id, as_at, known_at):
        thousandths = sum(round(float(post.fte) * 1000) for post in raw.of("posts", "person_id", who) if holds(post, as_at, known_at))
        yield Line(who, 100 * children, (thousandths + 5) // 10)


@counted_slowly("asye-under-18")
def asye_under_18(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    kinds = {version.id: version.definition.get("kind") for version in raw.programme_versions}
    for who in in_post(raw, organisation_id, as_at, known_at):
        children = _children(raw, who, as_at, known_at)
        on_it = any(
            kinds[enrolment.version_id] == "early_career"
            and enrolment.created_at <= known_at
            and enrolment.starts_on <= as_at
            and not _outcomes(raw, enrolment, as_at, known_at)
            and not _gone(raw, enrolment, as_at, known_at)
            for enrolment in raw.of("enrolments", "person_id", who)
        )
        if on_it and children is not None:
            yield Line(who, int(children < 18), 1)
