"""Pages about renewing a registration: one's own with what to copy out, and how far those in reach are."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.calendar import long_date
from app.core.forms import Problems, day_fields
from app.core.listing import PageNumbers
from app.core.tables_out import CSV, TYPES, table_bytes
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.learning import renewal, renewal_operations
from app.learning.renewal_rules import year_of
from app.policy import Can, Reach

pages = Pages()
SAID = {"ticked": "Ticked.", "back": "Taken back."}


def draw_mine(tx: Tx, page: Page) -> Response:
    """What is ticked, what is left, and what is ready to copy."""
    year = year_of(tx, tx.today)
    own = renewal.mine(tx, year)
    if not page.form:
        page.form = day_fields("done_on", tx.today)
    ticked = renewal.ticked(tx, year) if own else []
    return page.render(
        "learning/renewal.html",
        year=year,
        own=own,
        ticked=ticked,
        by_step={row.step: row for row in ticked if row.step != "cpd"},
        pieces=renewal.pieces(tx, year) if own else [],
        person=policy.person(tx, Can.READ_OWN_PAGE, tx.actor.person_id or 0),
        states=renewal.STATES,
        said=SAID.get(page.query("said"), ""),
        others=bool({reach for reach, _ in policy.terms(tx.actor, Can.READ_RENEWAL)} - {Reach.SELF}),
        today=tx.today,
        steps=(
            ("form", "The renewal form", "Filled in and sent in your account with Social Work England."),
            ("fee", "The fee", "Paid to Social Work England."),
        ),
    )


@pages.get("/my-learning/renewal", can=Can.RENEW)
def mine(tx: Tx, page: Page) -> Response:
    """One's own renewal this year."""
    return draw_mine(tx, page)


@pages.post("/my-learning/renewal", can=Can.RENEW, again=draw_mine)
def tick(tx: Tx, page: Page) -> Response:
    """Something is done with the regulator."""
    problems = Problems()
    day = forms.day(page.form, "done_on", "The day it was done", problems) or tx.today
    problems.raise_any()
    renewal_operations.tick(
        tx,
        forms.text(page.form, "step"),
        day,
        first_id=forms.one_id(page.form, "first_id"),
        words=forms.text(page.form, "words"),
        with_peer=forms.text(page.form, "with_peer") == "yes",
    )
    return page.go("/my-learning/renewal", said="ticked")


def draw_again(tx: Tx, page: Page, tick_id: int) -> Response:
    """The page once more, after a tick that could not be taken back."""
    del tick_id
    return draw_mine(tx, page)


@pages.post("/my-learning/renewal/{tick_id:int}/take-back", can=Can.RENEW, again=draw_again)
def untick(tx: Tx, page: Page, tick_id: int) -> Response:
    """It was not done after all."""
    renewal_operations.untick(tx, tick_id)
    return page.go("/my-learning/renewal", said="back")


@pages.get("/my-learning/renewal/copy/{first_id:int}", can=Can.RENEW)
def copy(tx: Tx, page: Page, first_id: int) -> Response:
    """One piece in the regulator's fields, to copy over there."""
    row = renewal.piece(tx, first_id)
    peer = row.peer_with or ""
    if peer and row.peer_on:
        peer = f"{peer}, {long_date(row.peer_on)}"
    fields = (
        ("type", "Type of CPD", row.activity_title or "", 1),
        ("about", "Description and relevance", "\n\n".join(part for part in (row.title, row.did or "") if part), 6),
        ("date", "Date", long_date(row.on_date), 1),
        ("learning", "What I learnt", row.learnt or "", 6),
        ("impact", "Impact on my practice and on people", row.impact or "", 6),
        ("peer", "Peer discussion", peer, 2),
    )
    return page.render("learning/renewal_copy.html", row=row, first_id=first_id, fields=fields, ready=bool(row.learnt and row.impact))


HEADS = ("Name", "Registration number", "Team", "State", "Form", "Fee", "Pieces of CPD", "With peer reflection", "Registered until")


@pages.get("/renewal", can=Can.READ_RENEWAL)
def others(tx: Tx, page: Page) -> Response:
    """How far those in the reader's reach are, by what each of them ticked."""
    year = year_of(tx, tx.today)
    state = page.query("state")
    found = renewal.listed(tx, year, state)
    if page.query("file") == CSV:
        return _file(tx, page, found)
    counts = renewal.counts(tx, year)
    number = PageNumbers(counts.get(state, 0) if state in renewal.STATES else sum(counts.values()), page.number("page"))
    return page.render(
        "learning/renewals.html",
        year=year,
        rows=tx.rows(found.offset(number.offset).limit(number.size)),
        counts=counts,
        total=sum(counts.values()),
        state=state if state in renewal.STATES else "",
        states=renewal.STATES,
        numbers=number,
        link=lambda n: url("/renewal", state=state, page=n),
        checks=policy.may(tx.actor, Can.CHECK_REGISTER),
        today=tx.today,
    )


def _file(tx: Tx, page: Page, found: Any) -> Response:
    """The whole list as a file."""
    rows = tx.rows(found)
    page.took("renewals.exported", "people", rows=len(rows))
    lines = (
        [
            row.name,
            row.swe_number,
            row.unit or "",
            renewal.STATES[row.state][0],
            row.form_on.isoformat() if row.form_on else "",
            row.fee_on.isoformat() if row.fee_on else "",
            str(row.pieces),
            str(row.with_peer),
            row.registered_until.isoformat() if row.registered_until else "",
        ]
        for row in rows
    )
    headers = {"content-disposition": 'attachment; filename="renewal.csv"'}
    return page.finish(Response(table_bytes(CSV, "Renewal", HEADS, lines), 200, headers, TYPES[CSV]))
