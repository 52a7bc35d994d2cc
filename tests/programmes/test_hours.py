"""Off-the-job training: logged, corrected, verified by somebody else, counted from attendance, taken from the provider's system."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.sheets import SheetRefused
from app.learning.models import LearningRecord
from app.programmes.apprentice_models import Apprenticeship, OtjHours, ProgressReview
from app.programmes.models import Enrolment
from app.programmes.operations import hours, provider_file, reviews
from app.programmes.operations.apprentices import apprenticeship
from tests.factory import Make
from tests.programmes.apprentices import Apprentice, apprentice

START = date(2025, 9, 8)
NOW = datetime(2025, 12, 1, 9, tzinfo=UTC)
DAY = date(2025, 11, 24)


@pytest.fixture
def made(make: Make) -> Apprentice:
    return apprentice(make, START, now=NOW)


def standing(made: Apprentice) -> list[Any]:
    return made.make.rows(select(OtjHours.__table__).where(OtjHours.superseded_at.is_(None)).order_by(OtjHours.id))


def logged(made: Apprentice, minutes: int = 90) -> int:
    with made.as_(made.apprentice, now=NOW) as tx:
        return hours.log(tx, made.id, DAY, minutes, "study", "Read about attachment")


def test_logged_corrected_and_verified(made: Apprentice) -> None:
    first = logged(made)
    with made.as_(made.apprentice, now=NOW) as tx:
        second = hours.correct(tx, made.id, first, DAY, 120, "study", "Read about attachment and loss")
        with pytest.raises(NotFound):
            hours.correct(tx, made.id, first, DAY, 60, "study", "Again")
        with pytest.raises(Forbidden):
            hours.verify(tx, made.id, [second])
    with made.as_(made.employer, now=NOW) as tx:
        assert hours.verify(tx, made.id, [first, second]) == 1  # what was corrected counts no more
        with pytest.raises(Forbidden):
            hours.log(tx, made.id, DAY, 60, "study", "On their behalf")
    with made.coordinating(NOW) as tx:
        found = hours.forecasts(tx, [apprenticeship(tx, made.id)])[made.id]
    assert (found.logged, found.verified, found.planned) == (120, 120, 480 * 60)
    assert found.state == "behind" and "short" in found.words
    assert len(made.make.rows(select(OtjHours.id))) == 2


def test_refused_entries_do_not_count(made: Apprentice) -> None:
    key = logged(made)
    with made.as_(made.provider, now=NOW) as tx:
        with pytest.raises(Invalid):
            hours.refuse(tx, made.id, key, " ")
        hours.refuse(tx, made.id, key, "This was part of the usual work.")
        with pytest.raises(Invalid):
            hours.verify(tx, made.id, [key])
        with pytest.raises(Conflict):
            hours.refuse(tx, made.id, key, "Twice")
    with made.as_(made.apprentice, now=NOW) as tx:
        assert hours.forecasts(tx, [apprenticeship(tx, made.id)])[made.id].logged == 0
        hours.correct(tx, made.id, key, DAY, 30, "shadowing", "The half hour of shadowing")
    assert [(row.minutes, row.refused) for row in standing(made)] == [(30, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_date": date(2025, 9, 7)},
        {"on_date": date(2025, 12, 2)},
        {"minutes": 0},
        {"minutes": 961},
        {"activity": "sleep"},
        {"words": "  "},
        {"words": "x" * 501},
    ],
)
def test_what_cannot_be_logged(made: Apprentice, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid), made.as_(made.apprentice, now=NOW) as tx:
        hours.log(tx, made.id, **{"on_date": DAY, "minutes": 60, "activity": "study", "words": "Reading", **wrong})


def test_a_day_has_an_end(made: Apprentice) -> None:
    logged(made, 900)
    with pytest.raises(Conflict, match="16 hours"):
        logged(made, 61)


def test_outsiders_see_nothing(made: Apprentice) -> None:
    key = logged(made)
    other = made.make.person("Odd Other")
    for verb in (
        lambda tx: hours.verify(tx, made.id, [key]),
        lambda tx: hours.log(tx, made.id, DAY, 60, "study", "Reading"),
        lambda tx: hours.refuse(tx, made.id, key, "No"),
    ):
        with pytest.raises(NotFound), made.as_(other, now=NOW) as tx:
            verb(tx)


def attended(made: Apprentice) -> int:
    """A session of two hours that the register says they attended."""
    session = made.make.session(places=5)
    from app.bookings.models import Booking

    with made.make.tx() as tx:
        values = dict(person_id=made.apprentice.id, session_id=session.id, status="attended", place=1, turn=1, created_at=tx.now)
        booking = tx.insert(Booking, **values, updated_at=tx.now)
        tx.insert(LearningRecord, **attended_row(made, booking, 120, tx.now))
    return booking


def attended_row(made: Apprentice, booking: int, minutes: int, at: datetime) -> dict[str, Any]:
    """What the register brings to the learning record."""
    learnt = dict(person_id=made.apprentice.id, on_date=DAY, minutes=minutes, bucket="formal", title="Signs of harm")
    return learnt | dict(source="attendance", booking_id=booking, recorded_at=at)


def test_what_was_attended_is_counted_once(made: Apprentice) -> None:
    booking = attended(made)
    with made.as_(made.apprentice, now=NOW) as tx:
        key = hours.count_session(tx, made.id, booking)
        with pytest.raises(Conflict, match="counted already"):
            hours.count_session(tx, made.id, booking)
    assert [(row.minutes, row.source, row.verified_at) for row in standing(made)] == [(120, "attendance", None)]
    with made.as_(made.employer, now=NOW) as tx:
        assert hours.verify(tx, made.id, [key]) == 1
        with pytest.raises(Conflict):
            hours.count_session(tx, made.id, 999)


def test_what_the_register_takes_back_counts_no_more_and_what_it_changes_is_counted_anew(made: Apprentice) -> None:
    booking = attended(made)

    def says(minutes: int | None) -> None:
        with made.make.tx() as tx:
            tx.db.execute(update(LearningRecord).where(LearningRecord.booking_id == booking).values(superseded_at=tx.now))
            if minutes is not None:
                tx.insert(LearningRecord, **attended_row(made, booking, minutes, tx.now))

    def total() -> int:
        with made.as_(made.provider, now=NOW) as tx:
            return sum(row.minutes for row in hours.entries(tx, made.id) if row.follows)

    with made.as_(made.provider, now=NOW) as tx:
        key = hours.count_session(tx, made.id, booking)
    assert total() == 120
    says(60)  # they left early
    assert total() == 0
    with pytest.raises(Invalid), made.as_(made.employer, now=NOW) as tx:
        hours.verify(tx, made.id, [key])
    with made.as_(made.provider, now=NOW) as tx:
        assert [row.minutes for row in hours.proposals(tx, tx.get(Enrolment, made.id))] == [60]
        hours.count_session(tx, made.id, booking)
    assert total() == 60
    says(None)  # they were not there at all
    assert total() == 0
    with made.as_(made.provider, now=NOW) as tx:
        assert hours.proposals(tx, tx.get(Enrolment, made.id)) == []
    assert len(made.make.rows(select(OtjHours.id).where(OtjHours.booking_id == booking))) == 2  # both stay to be seen


def test_a_tutor_counts_and_verifies_at_once(made: Apprentice) -> None:
    booking = attended(made)
    with made.as_(made.provider, now=NOW) as tx:
        hours.count_session(tx, made.id, booking)
    assert standing(made)[0].verified_by == made.provider.id


# The provider's system is the record ---------------------------------------------------------------------------------

FILE = """person,what,date,minutes,activity,words
{email},hours,10/11/2025,360,taught,Module 1
{email},hours,17/11/2025,360,taught,Module 1
{email},review,28/11/2025,,,
"""


def test_hours_and_reviews_from_the_providers_system(make: Make) -> None:
    made = apprentice(make, START, now=NOW, provider_keeps=True)
    with pytest.raises(Conflict, match="keeps the hours"):
        logged(made)
    with pytest.raises(Conflict, match="keeps the reviews"), made.coordinating(NOW) as tx:
        reviews.hold(tx, made.id, DAY)
    rows = provider_file.parse(FILE.format(email=made.apprentice.email).encode())
    with made.coordinating(NOW) as tx:
        planned = provider_file.plan(tx, rows)
        assert (planned.count("hours"), planned.count("review"), planned.problems) == (2, 1, [])
        provider_file.take_in(tx, rows)
    assert all(row.verified_at is not None and row.verified_by is None for row in standing(made))
    held = make.rows(select(ProgressReview.held_on, ProgressReview.imported, ProgressReview.document_id).order_by(ProgressReview.number))
    assert held[0] == (date(2025, 11, 28), True, None)
    with made.coordinating(NOW) as tx:
        again = provider_file.take_in(tx, rows)
    assert (again.rows, again.known, len(standing(made))) == ([], 3, 2)


def test_a_file_is_taken_as_a_whole(make: Make) -> None:
    made = apprentice(make, START, now=NOW, provider_keeps=True)
    lines = FILE.format(email=made.apprentice.email) + "nobody@westmarch.example,hours,10/11/2025,60,taught,x\n"
    lines += f"{made.apprentice.email},exam,10/11/2025,,,\n{made.apprentice.email},hours,yesterday,,,\n"
    lines += f"{made.apprentice.email},hours,10/11/2025,60,juggling,x\n{made.apprentice.email},review,10/11/2024,,,\n"
    rows = provider_file.parse(lines.encode())
    with made.coordinating(NOW) as tx:
        assert [problem.line for problem in provider_file.plan(tx, rows).problems] == [5, 6, 7, 8, 9]
        with pytest.raises(Conflict, match="Nothing was taken in"):
            provider_file.take_in(tx, rows)
    assert standing(made) == []
    with pytest.raises(Forbidden), made.as_(made.employer, now=NOW) as tx:
        provider_file.take_in(tx, rows)
    for content in (b"", b"a,b\n1,2\n", b"person,what,date\n"):
        with pytest.raises(SheetRefused):
            provider_file.parse(content)


def test_a_file_does_not_write_where_hours_are_kept_here(made: Apprentice) -> None:
    rows = provider_file.parse(FILE.format(email=made.apprentice.email).encode())
    with made.coordinating(NOW) as tx:
        assert "are kept here" in provider_file.plan(tx, rows).problems[0].wrong


# Results of the assessment -------------------------------------------------------------------------------------------

RESULT = "person,what,date,standard,result,organisation\n{person},result,{day},{standard},{result},Westmarch Awards\n"


def results(made: Apprentice, **cells: str) -> list[tuple[int, dict[str, str]]]:
    usual = dict(person=made.apprentice.employee_number, day="20/11/2025", standard="ST0868", result="distinction")
    return provider_file.parse(RESULT.format(**usual | cells).encode())


def at_the_gateway(made: Apprentice) -> None:
    """It was passed on 18 November 2025."""
    with made.make.tx() as tx:
        tx.db.execute(update(Apprenticeship).values(gateway_at=datetime(2025, 11, 18, 9, tzinfo=UTC)))
        tx.update(Enrolment, made.id, status="in_progress")


LATER = NOW


def test_a_result_from_a_file_ends_the_apprenticeship_once(made: Apprentice) -> None:
    at_the_gateway(made)
    rows = results(made)
    with made.coordinating(LATER) as tx:
        planned = provider_file.plan(tx, rows)
        assert (planned.count("result"), planned.problems) == (1, [])
    assert made.make.row(Enrolment, made.id).status == "in_progress", "a dry run changes nothing"
    with made.coordinating(LATER) as tx:
        provider_file.take_in(tx, rows)
    after = made.make.row(Enrolment, made.id)
    assert (after.status, after.outcome) == ("completed", "pass")
    (kept,) = made.make.rows(select(Apprenticeship.assessment, Apprenticeship.assessed_on, Apprenticeship.assessed_by))
    assert tuple(kept) == ("distinction", date(2025, 11, 20), "Westmarch Awards")
    with made.coordinating(LATER) as tx:
        again = provider_file.take_in(tx, rows)
        assert (again.rows, again.known) == ([], 1)
        other = provider_file.plan(tx, results(made, result="pass"))
    assert "is recorded for them already" in other.problems[0].wrong
    assert made.make.row(Enrolment, made.id).decision_id == after.decision_id


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        ({"standard": "ST0088"}, "on the standard ST0868"),
        ({"standard": ""}, "on the standard ST0868"),
        ({"result": "brilliant"}, "must be one of"),
        ({"day": "17/11/2025"}, "the day of the gateway"),
        ({"day": "2/12/2025"}, "the day of the gateway"),
        ({"day": "soon"}, "not a date"),
        ({"person": "E99999"}, "Nobody you look after"),
    ],
)
def test_a_result_that_cannot_be_is_named(made: Apprentice, cells: dict[str, str], wrong: str) -> None:
    at_the_gateway(made)
    with made.coordinating(LATER) as tx:
        (problem,) = provider_file.plan(tx, results(made, **cells)).problems
    assert wrong in problem.wrong and problem.line == 2


def test_no_result_before_the_gateway_in_a_break_twice_or_by_anybody(made: Apprentice) -> None:
    with made.coordinating(LATER) as tx:
        assert "gateway is not passed" in provider_file.plan(tx, results(made)).problems[0].wrong
    at_the_gateway(made)
    with made.coordinating(LATER) as tx:
        assert "twice" in provider_file.plan(tx, [*results(made), (3, results(made)[0][1])]).problems[0].wrong
        tx.update(Enrolment, made.id, status="paused")
        assert "break in learning" in provider_file.plan(tx, results(made)).problems[0].wrong
    with pytest.raises(Forbidden), made.as_(made.provider, now=LATER) as tx:
        provider_file.take_in(tx, results(made))
