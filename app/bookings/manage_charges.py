"""What follows from cancelling late and from not coming: appeals to decide, all of it in a list, and the journal for finance."""

from __future__ import annotations

from starlette.responses import Response

from app.bookings import charges, words
from app.bookings.operations import appeals, journals
from app.core import forms
from app.core.errors import Invalid
from app.core.forms import text
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.policy import Can, may

pages = Pages()
STATES = {
    "stands": ("Stands", "blue"),
    "excused": ("Excused", "green"),
    "appealed": ("Appeal to decide", "yellow"),
    "upheld": ("Upheld", "blue"),
    "overturned": ("Overturned", "green"),
}
DONE = {"upheld": "The appeal is decided: it is upheld.", "overturned": "The appeal is decided: nothing follows."}


@pages.get("/manage/charges", can=Can.DECIDE_APPEALS)
def listed(tx: Tx, page: Page) -> Response:
    """Appeals that wait, oldest first, then everything that followed, 25 a page."""
    asked = max(page.number("page"), 1)
    rows, found = charges.listed(tx, (asked - 1) * 25, 25)
    if not rows and asked > 1:
        asked, (rows, found) = 1, charges.listed(tx, 0, 25)
    if rows:
        page.took("charges.viewed", "consequences", rows=len(rows), page=asked)
    return page.render(
        "bookings/manage/charges.html",
        appeals=charges.appeals(tx),
        rows=rows,
        numbers=PageNumbers(found, asked),
        link=lambda number: url("/manage/charges", page=number if number > 1 else None),
        states=STATES,
        kinds=charges.KINDS,
        takes=may(tx.actor, Can.TAKE_JOURNALS),
        done=DONE.get(page.query("done"), ""),
        words=words,
    )


@pages.get("/manage/charges/{consequence_id:int}", can=Can.DECIDE_APPEALS)
def one(tx: Tx, page: Page, consequence_id: int) -> Response:
    """One of them with the appeal in the person's words, and the decision to make."""
    row = charges.one(tx, consequence_id)
    page.saw("charge.viewed", row.person_id)
    return page.render(
        "bookings/manage/charge.html",
        row=row,
        own=row.person_id == tx.actor.person_id,
        states=STATES,
        kinds=charges.KINDS,
        words=words,
    )


@pages.post("/manage/charges/{consequence_id:int}", can=Can.DECIDE_APPEALS, again=one)
def decide(tx: Tx, page: Page, consequence_id: int) -> Response:
    """The appeal is decided; the person reads the reason."""
    charges.one(tx, consequence_id)
    decision = text(page.form, "decision")
    if decision not in ("upheld", "overturned"):
        raise Invalid("Say what you decide.", errors=[{"field": "decision", "message": "Choose what you decide"}])
    appeals.decide_appeal(tx, consequence_id, decision == "upheld", text(page.form, "reason"))
    return page.go("/manage/charges", done=decision)


# The journal -------------------------------------------------------------------------------------------------------


@pages.get("/manage/journals", can=Can.TAKE_JOURNALS)
def next_journal(tx: Tx, page: Page) -> Response:
    """What would go out now, in numbers and by cost centre; and the journals made so far."""
    due = charges.due(tx)
    return page.render(
        "bookings/manage/journals.html",
        due=due,
        made=charges.journals(tx),
        words=words,
    )


@pages.post("/manage/journals", can=Can.TAKE_JOURNALS, again=next_journal)
def make_journal(tx: Tx, page: Page) -> Response:
    """Take what was shown, once."""
    count, pence = forms.one_id(page.form, "count") or 0, forms.one_id(page.form, "pence") or 0
    return page.go(f"/manage/journals/{journals.make_journal(tx, count, pence)}", made="yes")


@pages.get("/manage/journals/{journal_id:int}", can=Can.TAKE_JOURNALS)
def one_journal(tx: Tx, page: Page, journal_id: int) -> Response:
    """What stands in a journal, and its file, as often as it is needed."""
    row, found = charges.journal(tx, journal_id)
    page.took("journal.viewed", "journals", journal=journal_id, rows=len(found))
    return page.render(
        "bookings/manage/journal.html",
        journal=row,
        rows=found,
        kinds=charges.KINDS,
        new=page.query("made") == "yes",
        words=words,
    )


@pages.get("/manage/journals/{journal_id:int}/journal.csv", can=Can.TAKE_JOURNALS)
def file(tx: Tx, page: Page, journal_id: int) -> Response:
    """The journal as a CSV file. Who took it is in the audit trail before it leaves."""
    row, found = charges.journal(tx, journal_id)
    page.took("journal.exported", "journals", journal=journal_id, rows=len(found))
    headers = {"content-disposition": f'attachment; filename="journal-{journal_id}.csv"'}
    return Response(charges.as_csv(row, found), media_type="text/csv; charset=utf-8", headers=headers)
