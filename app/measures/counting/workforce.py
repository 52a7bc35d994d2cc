"""Who works here, who left and who stayed: the formulas of the children's social work workforce census, and local variants of them.

*Social workers* are those whom the register names on the day and whose career stage is one of social work (support workers and students are
not). *Staff* are permanent and fixed-term people; agency workers stand apart, and students count in nothing but the headcount. Somebody
with two posts is one person, by the main post, with the hours of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, String, and_, case, cast, func, literal, null, select, union_all

from app.core.calendar import add_months
from app.core.db import AnySelect, Key
from app.core.declared import aliased
from app.core.errors import Conflict
from app.core.facts import known, recorded
from app.core.tx import Tx
from app.measures import inputs, sets
from app.measures.counting import Rows, counts
from app.measures.dimensions import Moment, is_month_end, month_end
from app.measures.input_models import MeasureInput
from app.measures.inputs import Said
from app.people.models import CareerStage, Contract, Membership, Person, Post, RegisterStatus, Registration, Stage, UnitClosure

STAFF = (Contract.PERMANENT.value, Contract.FIXED_TERM.value)
ON_REGISTER = (RegisterStatus.REGISTERED.value, RegisterStatus.CONDITIONS.value, RegisterStatus.SUSPENDED.value)
OUTSIDE = ("support", "pre_qualifying")  # groups of stages whose work the census does not count
BREAK = 7  # days: a shorter one does not end continuous service
WORKING_DAYS = "working-days-a-year"  # the constant of the measure set
_OTHER = aliased(Post)


def thousandths(column: Any) -> Any:
    """Full-time equivalents as they are recorded, as a whole number of thousandths."""
    return cast(func.round(column * 1000), Integer)


def hundredths(column: Any) -> Any:
    """An amount with decimals as a whole number of hundredths, halves rounded up."""
    return (thousandths(column) + 5) // 10


# Who ---------------------------------------------------------------------------------------------------------------


def _holds(table: Any, moment: Moment, ended: Any) -> Any:
    """True on the day or, with `ended`, on the last day before it."""
    if ended is None:
        return known(table, moment.as_at, moment.known_at)
    return and_(table.valid_from < ended, ended <= table.valid_to, recorded(table, moment.known_at))


def _people(organisation_id: int, moment: Moment, last: Any = None) -> AnySelect:
    """`person_id`, `unit_id`, `stage`, `contract` and `fte` (hundredths, of all their posts) on the day; of those in `last` on their last.

    `last`: a subquery of `person_id` and `gone_on`, the first day without a post.
    """
    ended = None if last is None else last.c.gone_on
    worked = select(_OTHER.person_id, func.sum(thousandths(_OTHER.fte)).label("fte")).where(_holds(_OTHER, moment, ended))
    main = select(Post.person_id, Membership.unit_id, Stage.stage, Post.contract)
    if last is not None:
        worked = worked.join(last, last.c.person_id == _OTHER.person_id)
        main = main.join(last, last.c.person_id == Post.person_id)
    hours = worked.group_by(_OTHER.person_id).subquery("hours")
    return (
        main.add_columns(((hours.c.fte + 5) // 10).label("fte"))
        .join(hours, hours.c.person_id == Post.person_id)
        .join(Person, Person.id == Post.person_id)
        .outerjoin(Membership, and_(Membership.person_id == Post.person_id, _holds(Membership, moment, ended)))
        .outerjoin(Stage, and_(Stage.person_id == Post.person_id, _holds(Stage, moment, ended)))
        .where(Person.organisation_id == organisation_id, Post.is_primary, _holds(Post, moment, ended))
    )


def _social_workers(organisation_id: int, moment: Moment, last: Any = None) -> AnySelect:
    """The same of social workers: on the register, and at a stage of social work."""
    ended = None if last is None else last.c.gone_on
    return (
        _people(organisation_id, moment, last)
        .join(CareerStage, and_(CareerStage.code == Stage.stage, CareerStage.stage_group.not_in(OUTSIDE)))
        .join(Registration, and_(Registration.person_id == Post.person_id, _holds(Registration, moment, ended)))
        .where(Registration.status.in_(ON_REGISTER))
    )


def _gone(organisation_id: int, moment: Moment) -> Any:
    """Staff who left in the twelve months and are not back on the day: `person_id` and `gone_on`, the first day without a post of theirs.

    Another contract of staff the next day is no leaving; to go on as an agency worker is. A post still to come brings nobody back.
    """
    end = func.max(Post.valid_to)
    return (
        select(Post.person_id, end.label("gone_on"))
        .join(Person, Person.id == Post.person_id)
        .where(Person.organisation_id == organisation_id, Post.is_primary, Post.contract.in_(STAFF))
        .where(recorded(Post, moment.known_at), Post.valid_from <= moment.as_at)
        .group_by(Post.person_id)
        .having(end <= moment.as_at, end > moment.year_ago)
        .subquery("gone")
    )


def _row(of: Any, num: Any, den: Any) -> AnySelect:
    """A row of a count, standing where the person stands in `of`."""
    return select(of.c.person_id, of.c.unit_id, of.c.stage, of.c.contract, num.label("num"), den.label("den"))


def _together(*parts: Any) -> AnySelect:
    """Rows of several kinds as one select."""
    rows = union_all(*parts).subquery("rows")
    return select(*rows.c)


_NOTHING, _ONE = literal(0), literal(1)


# Headcount and full-time equivalents -------------------------------------------------------------------------------


@counts("headcount")
def headcount(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001 - every counting function is asked alike
    """One for everybody with a main post on the day."""
    return (
        select(Post.person_id, _ONE.label("num"), _ONE.label("den"))
        .join(Person, Person.id == Post.person_id)
        .where(Person.organisation_id == organisation_id, Post.is_primary, known(Post, moment.as_at, moment.known_at))
    )


@counts("social-work-headcount")
def social_work_headcount(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """One for every social worker among the staff."""
    of = _social_workers(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("staff")
    return _row(of, _ONE, _ONE)


@counts("fte-in-post")
def fte_in_post(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """The full-time equivalents of the social workers among the staff, in hundredths."""
    of = _social_workers(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("staff")
    return _row(of, of.c.fte, of.c.fte)


@counts("fte-everybody")
def fte_everybody(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """The full-time equivalents of all staff, in hundredths."""
    of = _people(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("staff")
    return _row(of, of.c.fte, of.c.fte)


# Leaving and staying -----------------------------------------------------------------------------------------------


@counts("turnover-census")
def turnover_census(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Full-time equivalents of the social workers who left in twelve months, by those in post on the day: not an average."""
    left = _social_workers(organisation_id, moment, _gone(organisation_id, moment)).where(Post.contract.in_(STAFF)).subquery("left_")
    here = _social_workers(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("here")
    return _together(_row(left, left.c.fte, _NOTHING), _row(here, _NOTHING, here.c.fte))


@counts("turnover-headcount")
def turnover_headcount(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Staff who left in twelve months, by the average headcount of staff at its twelve month ends; both in hundredths."""
    left = _people(organisation_id, moment, _gone(organisation_id, moment)).where(Post.contract.in_(STAFF)).subquery("left_")
    ends = union_all(*(select(literal(day, Date).label("day")) for day in _month_ends(moment.as_at))).subquery("ends")

    def on(table: Any) -> Any:
        return and_(table.valid_from <= ends.c.day, ends.c.day < table.valid_to, recorded(table, moment.known_at))

    months = (
        select(Post.person_id, Membership.unit_id, Stage.stage, Post.contract, func.count().label("months"))
        .join(Person, Person.id == Post.person_id)
        .join(ends, on(Post))
        .outerjoin(Membership, and_(Membership.person_id == Post.person_id, on(Membership)))
        .outerjoin(Stage, and_(Stage.person_id == Post.person_id, on(Stage)))
        .where(Person.organisation_id == organisation_id, Post.is_primary, Post.contract.in_(STAFF))
        .group_by(Post.person_id, Membership.unit_id, Stage.stage, Post.contract)
        .subquery("months")
    )
    average = (cast(months.c.months, Integer) * 100 + 6) // 12
    return _together(_row(left, literal(100), _NOTHING), _row(months, _NOTHING, average))


def _month_ends(day: date) -> list[date]:
    """The day and those one to eleven months before it; of a month end the month ends."""
    days = [add_months(day, -n) for n in range(12)]
    return [month_end(each) for each in days] if is_month_end(day) else days


@counts("stability-one-year")
def stability_one_year(tx: Tx, organisation_id: int, moment: Moment) -> Rows:
    """Staff with a year of unbroken service on the day, of all staff."""
    return _stability(tx, organisation_id, moment, moment.year_ago)


@counts("stability-two-years")
def stability_two_years(tx: Tx, organisation_id: int, moment: Moment) -> Rows:
    """The same of two years."""
    return _stability(tx, organisation_id, moment, Moment(moment.year_ago, moment.known_at).year_ago)


def _stability(tx: Tx, organisation_id: int, moment: Moment, since: date) -> Iterator[tuple[int, int, int]]:
    """Service is the run of main posts as staff up to the day, in which no break lasts a week: databases count days too differently."""
    runs: dict[int, tuple[date, date]] = {}
    statement = (
        select(Post.person_id, Post.valid_from, Post.valid_to)
        .join(Person, Person.id == Post.person_id)
        .where(Person.organisation_id == organisation_id, Post.is_primary, Post.contract.in_(STAFF))
        .where(recorded(Post, moment.known_at), Post.valid_from <= moment.as_at)
        .order_by(Post.person_id, Post.valid_from)
    )
    for row in tx.rows(statement):
        run = runs.get(row.person_id)
        unbroken = run is not None and (row.valid_from - run[1]).days < BREAK
        runs[row.person_id] = (run[0] if run is not None and unbroken else row.valid_from, row.valid_to)
    for person_id, (begins, ends) in runs.items():
        if ends > moment.as_at:
            yield person_id, int(begins <= since), 1


# Agency ------------------------------------------------------------------------------------------------------------


@counts("agency-rate")
def agency_rate(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Full-time equivalents of agency social workers, by those and the staff's together."""
    counted = Post.contract.in_((*STAFF, Contract.AGENCY.value))
    of = _social_workers(organisation_id, moment).where(counted).subquery("social_workers")
    return _row(of, case((of.c.contract == Contract.AGENCY.value, of.c.fte), else_=0), of.c.fte)


@counts("agency-share")
def agency_share(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Agency workers of any kind, of everybody but students."""
    counted = Post.contract.in_((*STAFF, Contract.AGENCY.value))
    of = _people(organisation_id, moment).where(counted).subquery("everybody")
    return _row(of, case((of.c.contract == Contract.AGENCY.value, 1), else_=0), _ONE)


# With figures from elsewhere ---------------------------------------------------------------------------------------


@counts("vacancy-rate")
def vacancy_rate(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Vacant full-time equivalents, by those and the staff's in post together. No rows where vacancies have not been given.

    Social workers stand in the part of the organisation whose vacancies were given, so that no smaller part seems to have none.
    """
    lines, factor = _given(tx, organisation_id, moment, "vacancies")
    if not lines:
        return []
    vacant = _lines(organisation_id, moment, "vacancies", lines)
    of = _social_workers(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("staff")
    parts = [each.unit_id for each in lines if each.unit_id is not None]
    covering = select(func.min(UnitClosure.ancestor_id)).where(
        UnitClosure.descendant_id == of.c.unit_id, UnitClosure.ancestor_id.in_(parts)
    )
    here = select(
        of.c.person_id, cast(covering.scalar_subquery(), Key).label("unit_id"), of.c.stage, of.c.contract, _NOTHING.label("num"), of.c.fte
    )
    amount = vacant.c.num * factor
    return _together(_part(vacant, amount, amount), here)


@counts("vacancies-agency-covered")
def vacancies_agency_covered(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Vacant full-time equivalents that agency workers cover, of all that are vacant. No rows unless both have been given."""
    vacancies, per_vacancy = _given(tx, organisation_id, moment, "vacancies")
    covering, per_cover = _given(tx, organisation_id, moment, "agency-covering")
    if not vacancies or not covering or vacancies[0].month != covering[0].month:
        return []
    if {each.unit_id for each in vacancies} != {each.unit_id for each in covering}:  # not of the same parts: only the whole can be said
        num, den = inputs.total(covering)[0] * per_cover, inputs.total(vacancies)[0] * per_vacancy
        return _nowhere(num, den)
    vacant = _lines(organisation_id, moment, "vacancies", vacancies, "vacant")
    covered = _lines(organisation_id, moment, "agency-covering", covering, "covered")
    return _together(_part(covered, covered.c.num * per_cover, _NOTHING), _part(vacant, _NOTHING, vacant.c.num * per_vacancy))


@counts("absence-rate")
def absence_rate(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Working days lost in twelve months, by those that the staff in post on the day work in a year; in hundredths of a day.

    No rows unless each of the twelve months has been given, and the measure set says how many working days a year has.
    """
    measures = _set(tx, organisation_id, moment)
    days = measures.constants.get(WORKING_DAYS) if measures else None
    return _days_lost(tx, organisation_id, moment, days) if days else []


@counts("days-lost-average")
def days_lost_average(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Working days lost in twelve months for each full-time equivalent in post on the day."""
    return _days_lost(tx, organisation_id, moment, 1)


def _days_lost(tx: Tx, organisation_id: int, moment: Moment, days: int) -> AnySelect | Rows:
    measures = _set(tx, organisation_id, moment)
    measure = measures.measure("days-lost") if measures else None
    lines = inputs.over(tx, organisation_id, "days-lost", moment, 12)
    months = {each.month for each in lines}
    if measure is None or len(months) < 12:
        return []
    lost = sum(inputs.total([each for each in lines if each.month == month])[0] for month in months) * 100 // measure.scale
    of = _social_workers(organisation_id, moment).where(Post.contract.in_(STAFF)).subquery("staff")
    return _together(_row(of, _NOTHING, of.c.fte * days), _nowhere(lost, 0))


def _set(tx: Tx, organisation_id: int, moment: Moment) -> Any:
    try:
        return sets.in_force(tx, organisation_id, moment.as_at)[1]
    except Conflict:
        return None


def _given(tx: Tx, organisation_id: int, moment: Moment, code: str) -> tuple[list[Said], int]:
    """What was given of an imported measure of full-time equivalents, and by what to multiply it for hundredths."""
    measures = _set(tx, organisation_id, moment)
    measure = measures.measure(code) if measures else None
    if measure is None:
        return [], 1
    return inputs.said(tx, organisation_id, code, moment, measure.every), 100 // measure.scale


def _lines(organisation_id: int, moment: Moment, code: str, lines: list[Said], name: str = "given") -> Any:
    """The parts of what was given and what the whole has beyond them, or the whole alone: `unit_id` and `num`."""
    parts = [each for each in lines if each.unit_id is not None]
    found: Any = (
        select(MeasureInput.unit_id, MeasureInput.num)
        .where(MeasureInput.organisation_id == organisation_id, MeasureInput.measure == code, MeasureInput.month_end == lines[0].month)
        .where(recorded(MeasureInput, moment.known_at))
    )
    if parts:
        found = found.where(MeasureInput.unit_id.is_not(None))
        rest = inputs.total(lines)[0] - sum(each.num for each in parts)
        if rest > 0:
            found = union_all(found, select(cast(null(), Key).label("unit_id"), literal(rest, Key).label("num")))
    return found.subquery(name)


def _part(given: Any, num: Any, den: Any) -> AnySelect:
    """A row of a count that is about no person."""
    nobody, no_word = cast(null(), Key), cast(null(), String)
    return select(
        nobody.label("person_id"),
        given.c.unit_id,
        no_word.label("stage"),
        no_word.label("contract"),
        num.label("num"),
        den.label("den"),
    )


def _nowhere(num: int, den: int) -> AnySelect:
    nobody, no_word = cast(null(), Key), cast(null(), String)
    found: AnySelect = select(
        nobody.label("person_id"),
        nobody.label("unit_id"),
        no_word.label("stage"),
        no_word.label("contract"),
        literal(num, Key).label("num"),
        literal(den, Key).label("den"),
    )
    return found
