"""Pages of the 70/20/10 profile: one's own, somebody's, the team's, the council's."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app import policy
from app.core.forms import one_id
from app.core.text import duration
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning import profile, record_queries
from app.policy import Can

pages = Pages()
WORDS = {
    "experience": ("Experience", "Learning by doing the work"),
    "social": ("With others", "Learning from and with colleagues"),
    "formal": ("Taught", "Courses, e-learning and reading"),
}


def _drawn(
    page: Page, template: str, found: profile.Profile, offered: list[profile.Period], period: profile.Period, **more: Any
) -> Response:
    return page.render(
        template,
        found=found,
        period=period,
        periods=[(each.key, each.words) for each in offered],
        guide=profile.GUIDE,
        ways=WORDS,
        duration=duration,
        **more,
    )


@pages.get("/my-learning/profile")
def mine(tx: Tx, page: Page) -> Response:
    """The reader's own: everything they recorded and what was recorded for them."""
    offered = profile.periods(tx)
    period = profile.chosen(page.query("period"), offered)
    return _drawn(page, "learning/profile.html", profile.own(tx, period), offered, period, person=None)


@pages.get("/people/{person_id:int}/learning-profile", can=Can.READ_LEARNING_RECORDS)
def somebodys(tx: Tx, page: Page, person_id: int) -> Response:
    """Somebody's, for their management line, whoever assesses them and coordinators: without what is private to them."""
    if person_id == tx.actor.person_id:
        return page.go("/my-learning/profile")
    person = policy.person(tx, Can.READ_LEARNING_RECORDS, person_id)
    offered = profile.periods(tx)
    period = profile.chosen(page.query("period"), offered)
    page.saw("learning.viewed", person_id)
    found = profile.of_person(tx, person_id, record_queries.audiences(tx, person_id), period)
    return _drawn(page, "learning/profile.html", found, offered, period, person=person)


@pages.get("/my-team/learning-profile", can=Can.READ_LEARNING_RECORDS)
def team(tx: Tx, page: Page) -> Response:
    """The reader's management line together, and each of them."""
    offered = profile.periods(tx)
    period = profile.chosen(page.query("period"), offered)
    found, members = profile.of_team(tx, period)
    return _drawn(page, "learning/profile_team.html", found, offered, period, members=members)


@pages.get("/learning-profile", can=Can.READ_PROFILES)
def council(tx: Tx, page: Page) -> Response:
    """An organisation and its parts, in figures that show nobody."""
    offered = profile.periods(tx, only_years=True)
    period = profile.chosen(page.query("period"), offered)
    organisations = profile.organisations(tx)
    given = one_id(dict(page.request.query_params), "organisation")
    chosen = given if given is not None else organisations[0].id if organisations else 0
    lines = profile.of_council(tx, chosen, period) if organisations else []
    return _drawn(
        page,
        "learning/profile_council.html",
        lines[0].profile if lines else profile.Profile(()),
        offered,
        period,
        lines=lines,
        organisations=[(row.id, row.name) for row in organisations],
        chosen=chosen,
        fewest=profile.FEWEST,
    )
