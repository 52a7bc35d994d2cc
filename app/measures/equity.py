"""Equity of learning and progression: who of those in post took part, progressed and had their review, to be counted by group.

Published once for the end of a quarter. The selects here say who is counted; what anybody is stays in `app.equality`, and what it lets out
are figures in which nobody can be made out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Select, and_, case, or_, select, union

from app import policy
from app.bookings.terms import policy as council_figures
from app.core.calendar import long_date
from app.core.db import AnySelect
from app.core.errors import Conflict, Forbidden
from app.core.facts import recorded
from app.core.tx import Tx
from app.equality import measured
from app.equality.figures import NOT_KNOWN, SMALLEST, Line
from app.equality.measured import Part, Publication
from app.learning.models import LearningRecord
from app.measures import shown
from app.measures.counting import enrolled, function
from app.measures.dimensions import DAY, Moment, standing
from app.pathways.models import Requirement, RequirementCourse
from app.pathways.versions import in_force
from app.people.models import Contract, Post
from app.policy import Can, operation
from app.programmes.models import Enrolment
from app.talent import counted as pools_counted

STAFF = (Contract.PERMANENT.value, Contract.FIXED_TERM.value)
QUARTERS = (3, 6, 9, 12)
IN_POST = "In post"
POOLS = "pools"  # the part that is published only if the publisher chooses it


@dataclass(frozen=True, slots=True)
class About:
    """What a part says, in words: beside its tables and in its files."""

    code: str
    title: str
    steps: tuple[str, ...]
    words: str
    indicator: str = ""  # the SC-WRES indicator that it speaks to, in words that nobody has verified


PARTS = (
    About(
        "learning",
        "Access to learning",
        (IN_POST, "Took up learning", "Learning not mandatory"),
        "Of people in post at the end of the quarter: who came to a session, did e-learning or began a programme in the twelve months "
        "before, and who attended or did online something that no set of required training asks for.",
        "Likelihood of accessing funded non-mandatory CPD",
    ),
    About(
        "programmes",
        "Access to programmes",
        (IN_POST, "On a programme"),
        "Of people in post at the end of the quarter: who was on a programme of several months at some time in the twelve months before.",
        "Likelihood of accessing funded non-mandatory CPD",
    ),
    About(
        "progression",
        "Progression and promotion",
        (IN_POST, "Permanent a year ago", "Progressed", "Promoted"),
        "Of people in post at the end of the quarter: who was permanent staff twelve months before, who of them changed stage or role "
        "since, and whose stage rose. People who left are not counted.",
    ),
    About(
        "reviews",
        "Development reviews",
        (IN_POST, "Due a review", "Review complete"),
        "Of people in post at the end of the quarter: who was due a complete development review in its review year, and who had it.",
    ),
    # The last: a set is left out where it is too near one before it, so this one takes nothing from the others.
    About(
        POOLS,
        "Talent pools",
        (IN_POST, "On a pool’s list", "Judged ready now"),
        "Of people in post at the end of the quarter: who was on the list of a talent pool on that day, by their own agreement, and who of "
        "them was judged ready now, which a second person confirmed. Whoever has taken their agreement back is not counted.",
    ),
)


def about(code: str) -> About:
    """What a part with this code says; of none: the first."""
    return next((each for each in PARTS if each.code == code), PARTS[0])


# Who is counted ----------------------------------------------------------------------------------------------------


def parts(tx: Tx, organisation_id: int, moment: Moment, *, pools: bool = False) -> list[Part]:
    """What is counted of an organisation at a moment, with talent pools or without. A part of which nothing is known (no review year) is
    left out."""
    base = standing(organisation_id, moment).where(Post.contract.in_(STAFF)).with_only_columns(Post.person_id)
    found = []
    for each in PARTS:
        if each.code == POOLS and not pools:
            continue
        steps = _steps(tx, each.code, organisation_id, moment)
        if steps is not None:  # who is on a list is known to those who keep it, and to nobody else
            found.append(Part(each.code, each.title, _reached(base, steps), each.steps, secret=each.code == POOLS))
    return found


def _reached(base: AnySelect, steps: Sequence[Any]) -> AnySelect:
    """Everybody of the base with the last of these steps that they got to: selects of person ids, each within the one before."""
    who = base.subquery("who")
    got = [(and_(*(who.c.person_id.in_(each) for each in steps[:number])), number) for number in range(len(steps), 0, -1)]
    return select(who.c.person_id, case(*got, else_=0).label("step"))


def _steps(tx: Tx, code: str, organisation_id: int, moment: Moment) -> list[Any] | None:
    """The people of each further step of a part; None: there is nothing to count."""
    if code == "learning":
        beyond = _not_mandatory(tx, moment)
        return [union(_numerator(tx, "learning-take-up", organisation_id, moment), beyond), beyond]
    if code == "programmes":
        return [_on_programme(moment)]
    if code == "progression":
        rose, moved = (_counted(tx, name, organisation_id, moment) for name in ("promotion", "progression"))
        assert rose is not None and moved is not None
        return [_people(moved), union(_people(moved, done=True), _people(rose, done=True)), _people(rose, done=True)]
    if code == POOLS:
        on = (organisation_id, moment.as_at, moment.known_at)
        return [pools_counted.on_a_list(*on), pools_counted.judged_ready_now(*on)]
    reviews = _counted(tx, "pdr-complete", organisation_id, moment)
    return None if reviews is None else [_people(reviews), _people(reviews, done=True)]


def _counted(tx: Tx, name: str, organisation_id: int, moment: Moment) -> AnySelect | None:
    """The measure's own count of people; None where it has nothing to count."""
    found = function(name)(tx, organisation_id, moment)
    return found if isinstance(found, Select) else None


def _people(counted: AnySelect, *, done: bool = False) -> AnySelect:
    rows = counted.subquery()
    return select(rows.c.person_id).where(rows.c.num > 0) if done else select(rows.c.person_id)


def _numerator(tx: Tx, name: str, organisation_id: int, moment: Moment) -> AnySelect:
    counted = _counted(tx, name, organisation_id, moment)
    assert counted is not None
    return _people(counted, done=True)


def _not_mandatory(tx: Tx, moment: Moment) -> AnySelect:
    """Who attended, or did as e-learning, a course that no set of required training in force on the day asks for."""
    versions = [version.id for version in in_force(tx, moment.as_at, moment.known_at, kind="mandatory")]
    asked = select(Requirement.course_id).where(Requirement.version_id.in_(versions), Requirement.course_id.is_not(None))
    inside = select(RequirementCourse.course_id).where(RequirementCourse.version_id.in_(versions))
    return select(LearningRecord.person_id).where(
        LearningRecord.source.in_(("attendance", "e-learning")),
        LearningRecord.on_date > moment.year_ago,
        LearningRecord.on_date <= moment.as_at,
        recorded(LearningRecord, moment.known_at),
        or_(LearningRecord.course_id.is_(None), and_(LearningRecord.course_id.not_in(asked), LearningRecord.course_id.not_in(inside))),
    )


def _on_programme(moment: Moment) -> AnySelect:
    """Who was on a programme on some day of the twelve months: begun by its end, and not over by its beginning."""
    before = Moment(moment.year_ago, moment.known_at)
    return select(Enrolment.person_id).where(
        Enrolment.starts_on <= moment.as_at,
        enrolled.known(moment),
        ~enrolled.decided(before),
        ~enrolled.gone(before),
        ~enrolled.gone(moment, Enrolment.starts_on),
    )


# Publishing --------------------------------------------------------------------------------------------------------


def quarter_end(today: date) -> date:
    """The last day of the newest quarter that is over."""
    first = today.replace(day=1)
    while (first - DAY).month not in QUARTERS:
        first = (first - DAY).replace(day=1)
    return first - DAY


def key(organisation_id: int, day: date) -> str:
    """The name of the publication of a quarter."""
    return f"{_prefix(organisation_id)}{day.isoformat()}"


def _prefix(organisation_id: int) -> str:
    return f"staff {organisation_id} "


def publications(tx: Tx) -> list[Publication]:
    """Everything published of the organisation whose figures the reader sees, newest first. Forbidden without READ_MEASURES."""
    return measured.listed(tx, _prefix(shown.organisation(tx)))


def publisher_of(tx: Tx) -> int:
    """The organisation of which the actor may publish: one whose measures they see and all of which they reach. Else Forbidden."""
    organisation_id = shown.organisation(tx)
    if not policy.covers(tx, Can.READ_EQUITY, organisation_id):
        raise Forbidden(
            "Your account cannot publish equity in figures of the whole organisation.", way_out="Ask its principal social worker."
        )
    return organisation_id


def below(tx: Tx) -> int:
    """Smaller numbers are hidden."""
    return max(council_figures(tx).suppress_below, SMALLEST)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a publication would hold, by totals alone: each part with the totals of its steps, None for those that would be left out.

    Pools stand in it whether they are chosen or not: they are the last, and change nothing of what is left out of the others.
    """

    parts: tuple[tuple[Part, tuple[int | None, ...]], ...]
    refused: bool

    @property
    def pools(self) -> bool:
        """Would a table of pools say anything?"""
        return any(part.code == POOLS and any(totals[1:]) for part, totals in self.parts)


def ahead(tx: Tx, organisation_id: int, day: date) -> Preview:
    """What a publication of this quarter would hold."""
    found = parts(tx, organisation_id, Moment(day, tx.now), pools=True)
    said = measured.ahead(tx, found, below(tx))
    return Preview(tuple(zip(found, said.totals, strict=True)), said.refused)


@operation(Can.READ_EQUITY)
def publish(tx: Tx, day: date, *, pools: bool = False) -> int:
    """Count the quarter that ends on this day, hide what is small, and keep the rest for good; returns the publication's id. Talent pools
    are a part of it only if they are chosen: every table hides lines of all the others.

    Only the newest quarter that is over: answers are those of now. Conflict for any other, for one that is published already, and where
    nearly the same people were counted before. Forbidden for whoever does not reach the whole organisation.
    """
    organisation_id = publisher_of(tx)
    if day != quarter_end(tx.today):
        raise Conflict(
            f"Only the figures as at {long_date(quarter_end(tx.today))} can be published now.",
            code="not-that-quarter",
            way_out="Go back and look again.",
        )
    title = f"Equity of learning and progression as at {long_date(day)}"
    found = parts(tx, organisation_id, Moment(day, tx.now), pools=pools)
    made = measured.take_together(tx, key(organisation_id, day), title, found, below(tx), as_at=day)
    tx.record("equity.published", "equality_measured", made, organisation=organisation_id, as_at=day.isoformat(), pools=pools)
    return made


# Comparing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """A group beside the largest one that is shown: `ratio` times as likely. None: one of the two is hidden or has nobody to compare."""

    line: Line
    ratio: Decimal | None
    largest: bool


def compared(lines: Sequence[Line], of: int, step: int) -> list[Compared]:
    """Each group's likelihood of getting from step `of` to `step`, relative to that of the largest group whose line is shown.

    "Not known" is compared with none: it is not a group.
    """
    known = [line for line in lines if line.title != NOT_KNOWN and line.counts[of] and line.counts[step] is not None]
    largest = max(known, key=lambda line: line.counts[of] or 0, default=None)
    base = _rate(largest, of, step) if largest else None
    return [
        Compared(
            line,
            (_rate(line, of, step) / base).quantize(Decimal("0.01"), ROUND_HALF_UP)
            if base and line in known and line is not largest
            else None,
            line is largest,
        )
        for line in lines
    ]


def _rate(line: Line, of: int, step: int) -> Decimal:
    return Decimal(line.counts[step] or 0) / Decimal(line.counts[of] or 1)
