"""Pages about people: search, one person, the organisation."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from app import policy
from app.core.errors import Forbidden
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.people import cover, queries, search
from app.policy import Can, Reach

pages = Pages()


@pages.get("/people", can=Can.READ_PERSON)
def find(tx: Tx, page: Page) -> Response:
    """Find somebody among those in reach."""
    if all(reach is Reach.SELF for reach, _ in policy.terms(tx.actor, Can.READ_PERSON)):
        raise Forbidden("Your account can see your own details only.", way_out="You will find them under “My details”.")
    asked = search.Asked(page.query("q"), page.number("unit", 0) or None, page.query("stage"), page.query("left") == "1")
    number = page.number("page")
    found = search.search(tx, asked, number) if asked.anything else None if asked.q else search.everyone(tx, number)
    narrowed = asked.unit_id is not None or bool(asked.stage) or asked.left
    parts = queries.parts_of_organisation(tx)

    def link(to: int) -> str:
        left = "1" if asked.left else ""
        return url("/people", q=asked.q, unit=asked.unit_id, stage=asked.stage, left=left, page=to if to > 1 else None)

    return page.render(
        "people/search.html",
        asked=asked,
        found=found,
        narrowed=narrowed,
        unit=queries.unit_name(tx, asked.unit_id) if asked.unit_id else "",
        unit_is_part=asked.unit_id is not None and any(key == asked.unit_id for key, _ in parts),
        parts_options=_options(parts, asked.unit_id),
        stage_options=_options(queries.stages_to_filter_by(tx), asked.stage),
        cells=[_cells(row, tx.today) for row in found.rows] if found else [],
        most=search.MOST,
        link=link,
    )


def _cells(row: Any, today: date) -> tuple[Any, ...]:
    """One person found, as the line of the table takes them."""
    words, colour = queries.state(row, today)
    return row.id, row.name, row.job_title or "", row.unit or "", row.manager or "", colour, words


@lru_cache(maxsize=64)
def _options(choices: tuple[tuple[int | str, str], ...], chosen: int | str | None) -> Markup:
    """What to choose a part of the organisation from: hundreds of lines that change a few times a year, so each list is written once."""
    line = Markup('<option value="{}"{}>{}</option>')
    return Markup("").join(line.format(key, Markup(" selected") if key == chosen else "", words) for key, words in choices)


@pages.get("/people/{person_id:int}", can=Can.READ_PERSON)
def one_person(tx: Tx, page: Page, person_id: int) -> Response:
    """Somebody's work details, today's and dated; opening another person's is written to their trail."""
    record = queries.record(tx, person_id)
    page.saw("record.viewed", person_id)
    return page.render(
        "people/person.html",
        record=record,
        person=record.person,
        may_edit=policy.reaches(tx, Can.WRITE_PERSON, person_id),
        may_give_access=policy.reaches(tx, Can.MANAGE_ACCESS, person_id),
        may_nominate=person_id != tx.actor.person_id and policy.may(tx.actor, Can.NOMINATE) and policy.reaches(tx, Can.NOMINATE, person_id),
        may_see_learning=policy.reaches(tx, Can.READ_COMPLETIONS, person_id),
        may_see_review=policy.reaches(tx, Can.READ_PDR, person_id),
        may_see_pathway=policy.reaches(tx, Can.READ_PATHWAY, person_id),
        may_book=person_id != tx.actor.person_id and policy.reaches(tx, Can.BOOK, person_id),
        may_arrange=policy.reaches(tx, Can.ARRANGE_COVER, person_id),
        sees_absence=policy.reaches(tx, Can.READ_ABSENCE, person_id),
        absences=cover.absences(tx, person_id),
        deputies=cover.deputies(tx, person_id) if record.about.manages else (),
        last=timedelta(days=1),
        said=_SAID.get(page.query("said"), ""),
    )


_SAID = {
    "created": "The person is recorded.",
    "changed": "The details are changed.",
    "team": "The team is recorded.",
    "manager": "The line manager is recorded.",
    "stage": "The career stage is recorded.",
    "post": "The post is recorded.",
    "cost-centre": "The cost centre is recorded.",
}


@pages.get("/organisation")
def organisation(tx: Tx, page: Page) -> Response:
    """The organisations that the reader may see."""
    roots = queries.organisations(tx)
    return page.render("people/organisation.html", unit=None, above=(), children=roots, may_search=_may_search(tx), cost=None, said="")


@pages.get("/organisation/{unit_id:int}")
def one_unit(tx: Tx, page: Page, unit_id: int) -> Response:
    """One part of the organisation with its head count and what is below it."""
    unit, above, children = queries.unit(tx, unit_id)
    sets = policy.may(tx.actor, Can.SET_COST_CENTRES) and policy.covers(tx, Can.SET_COST_CENTRES, unit_id)
    return page.render(
        "people/organisation.html",
        unit=unit,
        above=above,
        children=children,
        may_search=_may_search(tx),
        cost=queries.cost_centre(tx, unit_id) if sets else None,
        said=_SAID.get(page.query("said"), ""),
    )


def _may_search(tx: Tx) -> bool:
    return any(reach is not Reach.SELF for reach, _ in policy.terms(tx.actor, Can.READ_PERSON))
