"""The Academy's view of learning together: what is asked for and offered, who meets, and bringing two people together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select
from starlette.responses import Response

from app import policy
from app.core.forms import Problems, text
from app.core.listing import csv_bytes
from app.core.tx import Tx
from app.doors import Page, Pages
from app.mentoring import queries, words
from app.mentoring.models import KINDS, NEEDS, Notice
from app.mentoring.operations import pairing
from app.people.models import Person
from app.policy import Can

pages = Pages()
HOME = "/learning-together/overview"


@pages.get(HOME, can=Can.READ_TOGETHER)
def overview(tx: Tx, page: Page) -> Response:
    """What is asked for and not found, what is offered, who meets and how often, and sets."""
    page.took("together.viewed", "pairings")
    return page.render(
        "mentoring/overview.html",
        demand=queries.demand(tx),
        asks=queries.asked_for(tx),
        waiting=queries.pairs_in_reach(tx, "asked"),
        active=queries.pairs_in_reach(tx, "active"),
        sets=queries.sets_in_reach(tx),
        kinds=KINDS,
        needs=NEEDS,
        words=words,
        said=words.SAID.get(page.query("said"), ""),
    )


@pages.get("/learning-together/overview/demand.csv", can=Can.READ_TOGETHER)
def demand_file(tx: Tx, page: Page) -> Response:
    """What is asked for and offered, as the table on the page."""
    rows = [(KINDS[row.kind], NEEDS[row.need], str(row.asks), str(row.offers), str(row.room)) for row in queries.demand(tx)]
    headers = {"content-disposition": 'attachment; filename="learning-together.csv"'}
    content = csv_bytes(["Kind", "What for", "Ask for it", "Offer it", "Room left"], rows)
    return page.finish(Response(content, 200, headers, "text/csv; charset=utf-8"))


def draw_pair(tx: Tx, page: Page) -> Response:
    """The form to bring two people together; `?notice=` fills in who asks for what."""
    notice_id = page.query("notice")
    if not page.form and notice_id.isdigit() and len(notice_id) < 16:
        row = _notice(tx, int(notice_id))
        page.form = {"notice": notice_id, "kind": row.kind, "need": row.need, "receiver": row.email or ""} if row else {}
    return page.render("mentoring/bring.html", kinds=KINDS, needs=[("", "Choose"), *NEEDS.items()])


def _notice(tx: Tx, notice_id: int) -> Any:
    """What somebody in reach asks for and has not found; None otherwise."""
    reach = policy.within_reach(tx, Can.PAIR_PEOPLE, Notice.person_id)
    columns = (Notice.id, Notice.kind, Notice.need, Notice.person_id, Person.email)
    statement = select(*columns).join(Person, Person.id == Notice.person_id)
    return tx.one(statement.where(Notice.id == notice_id, Notice.side == "ask", Notice.closed_at.is_(None), reach))


@pages.get("/learning-together/bring-together", can=Can.PAIR_PEOPLE)
def pair_form(tx: Tx, page: Page) -> Response:
    """Two people, and what for."""
    return draw_pair(tx, page)


@pages.post("/learning-together/bring-together", can=Can.PAIR_PEOPLE, again=draw_pair)
def bring_together(tx: Tx, page: Page) -> Response:
    """Both are asked."""
    problems, found = Problems(), {}
    for role in ("giver", "receiver"):
        found[role] = _somebody(tx, text(page.form, role)[:254])
        if found[role] is None:
            problems.add(role, "Enter the work e-mail address or employee number of one of your people")
    problems.raise_any()
    given = text(page.form, "notice")
    notice = _notice(tx, int(given)) if given.isdigit() and len(given) < 16 else None
    kept = notice.id if notice is not None and notice.person_id == found["receiver"] else None
    who: dict[str, Any] = dict(giver=found["giver"] or 0, receiver=found["receiver"] or 0, notice_id=kept)
    pairing.bring_together(tx, kind=text(page.form, "kind"), need=text(page.form, "need"), **who)
    return page.go(HOME, said="paired")


def _somebody(tx: Tx, said: str) -> int | None:
    """Somebody in reach with this work e-mail address or employee number; None if there is none, or more than one."""
    if not said:
        return None
    named = or_(Person.email == said.lower(), func.lower(Person.employee_number) == said.lower())
    rows = tx.rows(select(Person.id).where(named, policy.within_reach(tx, Can.PAIR_PEOPLE, Person.id)).limit(2))
    return int(rows[0].id) if len(rows) == 1 else None
