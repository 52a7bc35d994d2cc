"""The timetable and who came: nothing and nobody in two places at once, and no session over its capacity."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

from app.core.calendar import add_months, london, working_day
from seed.content import content
from seed.county import last_moment
from seed.history import Attendance, History
from seed.makers import Maker
from seed.timetable import AHEAD, AM, PM, Meeting, Planner, hours
from seed.workforce import Workforce, build_workforce

TODAY = date(2026, 11, 21)


@cache
def planned() -> tuple[Workforce, Planner, list[Meeting], History]:
    maker = Maker(7, TODAY)
    force = build_workforce(maker, content(), 1286)
    planner = Planner(maker.chance, TODAY, content(), force, 1.0)
    meetings = planner.plan()
    return force, planner, meetings, Attendance(maker.chance, TODAY, content(), force, meetings, last_moment(TODAY)).fill()


def test_three_years_back_and_four_months_on() -> None:
    _, _, meetings, _ = planned()
    days = [london(meeting.starts_at).date() for meeting in meetings]
    assert days == sorted(days)
    assert add_months(TODAY, -36) <= days[0] < add_months(TODAY, -35)
    assert TODAY + timedelta(days=AHEAD - 20) < days[-1] <= TODAY + timedelta(days=AHEAD + 20)
    assert 800 < len(meetings) < 1200
    assert sum(day > TODAY for day in days) > 80


def test_rooms_and_trainers_are_in_one_place_at_a_time() -> None:
    _, planner, meetings, _ = planned()
    taken: dict[tuple[str, int], list[tuple[datetime, datetime]]] = {}
    for meeting in meetings:
        for part in meeting.parts:
            keys = [("trainer", i) for i in meeting.trainers] + ([("room", part.room)] if part.room is not None else [])
            for key in keys:
                taken.setdefault(key, []).append((part.starts_at, part.ends_at))
            assert part.room is not None or part.link
            assert part.room is None or meeting.capacity <= planner.rooms[part.room].capacity
    for times in taken.values():
        times.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(times))


def test_sessions_fall_on_working_days_in_london_hours() -> None:
    _, _, meetings, _ = planned()
    for meeting in meetings:
        assert len(meeting.parts) == meeting.course.parts
        for part in meeting.parts:
            start, end = london(part.starts_at), london(part.ends_at)
            assert working_day(start.date())
            assert start.date() == end.date()
            assert (start.hour, start.minute) >= (9, 30)
            assert end.hour < 17


def test_half_days_do_not_touch() -> None:
    for minutes in (120, 150, 180, 210):
        assert hours(minutes, AM)[1] <= hours(minutes, PM)[0]


def test_the_offer_has_the_variety_that_pages_need() -> None:
    _, _, meetings, history = planned()
    coming = [(m, turns) for m, turns in zip(meetings, history.turns, strict=True) if m.days[0] > TODAY]
    assert any(m.online for m, _ in coming)
    assert any(len(m.parts) > 1 for m, _ in coming)
    assert {m.status for m, _ in coming} == {"published", "draft", "cancelled"}
    states = Counter(turn.status for _, turns in coming for turn in turns)
    assert states["waiting"] > 10
    assert states["requested"] >= 1
    assert any(m.status == "published" and not turns for m, turns in coming)
    full = [m for m, turns in coming if sum(turn.place is not None for turn in turns) == m.capacity]
    assert len(full) >= 5
    assert any(m.opens_at and m.opens_at.date() > TODAY for m, _ in coming)


def test_no_session_is_over_its_capacity_and_only_full_ones_have_a_waiting_list() -> None:
    _, _, meetings, history = planned()
    for meeting, turns in zip(meetings, history.turns, strict=True):
        seats = [turn.place for turn in turns if turn.place is not None]
        assert len(set(seats)) == len(seats) <= meeting.capacity
        waiting = [turn for turn in turns if turn.status == "waiting"]
        assert not waiting or len(seats) == meeting.capacity
        assert meeting.waiting_limit is None or len(waiting) <= meeting.waiting_limit
        assert [turn.at for turn in turns] == sorted(turn.at for turn in turns)
        people = [turn.person for turn in turns if turn.status != "cancelled"]
        assert len(set(people)) == len(people)


def test_nobody_holds_seats_on_two_sessions_of_one_day() -> None:
    _, _, meetings, history = planned()
    held = Counter(
        (turn.person, day)
        for meeting, turns in zip(meetings, history.turns, strict=True)
        for turn in turns
        if turn.place is not None
        for day in meeting.days
    )
    assert max(held.values()) == 1


def test_people_book_only_while_they_work_here() -> None:
    force, _, meetings, history = planned()
    for meeting, turns in zip(meetings, history.turns, strict=True):
        for turn in turns:
            person = force.people[turn.person]
            assert person.started_on <= meeting.days[0]
            assert person.leaving_on is None or person.leaving_on >= meeting.days[-1] or turn.status == "cancelled"


def test_completions_come_from_attendance_and_expire_when_the_course_says() -> None:
    _, _, meetings, history = planned()
    attended = {(turn.person, i) for i, turns in enumerate(history.turns) for turn in turns if turn.status == "attended"}
    assert {(done.person, done.meeting) for done in history.done if done.meeting is not None} == attended
    for done in history.done:
        months = content().courses[done.course].valid_months
        assert done.expires == (add_months(done.on, months) if months else None)
        assert done.on <= TODAY
        if done.meeting is not None:
            assert done.on == meetings[done.meeting].days[-1]


def test_the_practitioner_has_something_that_is_about_to_lapse() -> None:
    force, _, _, history = planned()
    mine = [done for done in history.done if done.person == force.persona["practitioner"]]
    newest = {done.course: done.expires for done in mine}
    assert len(newest) >= 10
    assert any(expires and TODAY < expires <= TODAY + timedelta(days=90) for expires in newest.values())


def test_the_trainer_has_sessions_to_deliver_next_week_and_later() -> None:
    force, _, meetings, _ = planned()
    mine = [m.days[0] for m in meetings if force.persona["trainer"] in m.trainers and m.days[0] > TODAY]
    assert len(mine) >= 8
    assert mine[0] <= TODAY + timedelta(days=9)
