"""Who waits for me: the desk of those who assess."""

from __future__ import annotations

from starlette.responses import Response

from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes import asked, desk_queries
from app.programmes.board import STATUSES
from app.programmes.due import DAY
from app.programmes.operations import covering

pages = Pages()
SHOWN = 12  # documents before the rest is folded away


@pages.get("/assessing", can=Can.READ_ENROLMENT)
def assessing(tx: Tx, page: Page) -> Response:
    """Documents and changes that wait for the reader, everybody they assess, and the lists of absent colleagues they stand in for."""
    own, *covered = desk_queries.desk(tx)
    waiting = own.waiting
    return page.render(
        "programmes/desk.html",
        own=own,
        waiting=waiting[:SHOWN],
        more=waiting[SHOWN:],
        long=sum(one.long for one in waiting),
        changes=[tuple(row) for row in tx.rows(asked.MINE, me=tx.actor.person_id, today=tx.today)],
        covered=covered,
        statuses=STATUSES,
        today=tx.today,
        one_day=DAY,
    )


def _again(tx: Tx, page: Page, enrolment_id: int) -> Response:  # noqa: ARG001 - as the page that refuses has it
    return assessing(tx, page)


@pages.post("/assessing/covered/{enrolment_id:int}", can=Can.READ_ENROLMENT, again=_again)
def take_over(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Propose oneself as the assessor of somebody on a colleague's list; those who must agree are told."""
    return page.go(f"/changes/{covering.ask_to_take_over(tx, enrolment_id)}", said="proposed")
