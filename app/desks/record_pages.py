"""Learning records as pages: written in under a minute, reflected on, shared, with their history and with what each counted towards."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

from app import policy
from app.core import file_pages, forms
from app.core.calendar import clock
from app.core.errors import NotFound
from app.core.forms import Problems
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.desks.counted import counted
from app.doors import Page, Pages
from app.guarding import checking, uploads
from app.learning import drafts, record_queries, records
from app.learning.record_models import MOST_STANDARDS
from app.learning.record_queries import Seen
from app.learning.records import Added, Entry, Words
from app.policy import Can

pages = Pages()
PAGE = 25
CLEANED = "What the file said besides what it shows, such as where a photo was taken, is taken out."
SAID = {
    "added": "It is in your learning record.",
    "added-cleaned": f"It is in your learning record. {CLEANED}",
    "changed-cleaned": f"What you changed is saved. {CLEANED}",
    "changed": "What you changed is saved. Earlier versions are kept.",
    "shared": "Who may see it is saved.",
    "file-removed": "The file is taken away.",
    "draft": "Your draft is kept. Only you can see it.",
    "discarded": "The draft is gone.",
    "taken-away": "It counts no more. You can still find it under what counts no more.",
}
_DAYS = ("on_date", "peer_on")


# The form ----------------------------------------------------------------------------------------------------------


def _answers_json(page: Page) -> bool:
    return "application/json" in page.request.headers.get("accept", "")


def _draft(tx: Tx, page: Page) -> dict[str, Any]:
    """What the draft that the address names holds, as a form holds it."""
    key = page.query("draft")
    row = drafts.one(tx, key) if key else None
    if key and row is None:
        raise NotFound("There is no such draft any more.", code="draft-not-found", way_out="It may be saved already: look in your record.")
    return {**row.words, "entry_key": key} if row is not None else {}


def _form(tx: Tx, page: Page, seen: Seen | None, base: str = "") -> Response:
    tags = page.form.get("standards")
    chosen = tags if isinstance(tags, list) else [tags] if tags else []
    return page.render(
        "desks/record_form.html",
        seen=seen,
        own=seen is None or seen.row.source == records.OWN,
        base=base,
        activities=record_queries.activities(tx),
        buckets=record_queries.BUCKETS,
        standards=record_queries.standards(tx),
        chosen=[*chosen, *[""] * MOST_STANDARDS][:MOST_STANDARDS],
        audiences=record_queries.AUDIENCES,
        shared=set(forms.many(page.form, "audiences")),
        drafts=[] if seen or page.form.get("entry_key") else [row for row in drafts.mine(tx) if not row.words.get("record")],
        entry_key=page.value("entry_key") or secrets.token_hex(16),
        more=bool(seen is not None or any(page.form.get(name) for name in (*records.LABELS, "standards", "audiences") if name != "title")),
        inside="/my-learning",
        words=record_queries,
    )


@pages.get("/my-learning/records/new", can=Can.WRITE_LEARNING_RECORDS)
def new_form(tx: Tx, page: Page) -> Response:
    """Three questions, and more for whoever wants to say more; `?draft=` goes on with a draft."""
    if not page.form:
        page.form = _draft(tx, page) or forms.day_fields("on_date", tx.today)
    return _form(tx, page, None)


def _received(tx: Tx, page: Page, first_id: int = 0) -> uploads.Files:
    """The files, looked at. What may name a family in them is asked about together with what may in the words: one answer is enough."""
    if first_id:
        records.mine(tx, first_id)  # into nobody else's record is a file taken
    try:
        return uploads.received(tx, page.form, page.settings, needed=False)
    except checking.Identifiable as asked:
        words = {name: forms.text(page.form, name) for name in records.LABELS}
        found = checking.check(tx, tx.actor.person_id, words, labels=records.LABELS, subject=records.SUBJECT, subject_id=first_id)
        raise checking.Identifiable(checking.Found((*found.fields, *asked.found.fields))) from asked


def _added(page: Page, problems: Problems) -> Added:
    said = {name: forms.text(page.form, name) for name in ("did", "learnt", "impact", "peer_with")}
    words = Words(**said, peer_on=forms.day(page.form, "peer_on", "The day on which you talked it over", problems))
    files: uploads.Files = page.found
    standards = tuple(forms.many(page.form, "standards"))
    return Added(words, standards, tuple(files.received), checking.decided(page.form), files.settled)


def _entry(page: Page, problems: Problems) -> Entry | None:
    """What was typed; None, and a problem, where a day or a time is missing or none."""
    day = forms.day(page.form, "on_date", "The day", problems, needed=True)
    before = len(problems.errors)
    hours = forms.number(page.form, "hours", "Hours", problems)
    minutes = forms.number(page.form, "minutes", "Minutes", problems)
    if hours is None and minutes is None and len(problems.errors) == before:
        problems.add("hours", "Enter how long it took")
    elif (hours or 0) < 0 or (minutes or 0) < 0:
        problems.add("hours", "The time must not be less than nothing")
    if day is None or problems.errors:
        return None
    return Entry(day, (hours or 0) * 60 + (minutes or 0), forms.text(page.form, "activity"), forms.text(page.form, "title"))


@pages.post("/my-learning/records/new", can=Can.WRITE_LEARNING_RECORDS, again=new_form, first=_received, uploads=True)
def add(tx: Tx, page: Page) -> Response:
    """It is in the record; sent twice, it is there once."""
    problems = Problems()
    if not forms.text(page.form, "activity"):
        problems.add("activity", "Choose what sort of learning it was")
    entry, added = _entry(page, problems), _added(page, problems)
    problems.raise_any()
    assert entry is not None
    first_id = records.add(tx, forms.text(page.form, "entry_key"), entry, added, forms.many(page.form, "audiences"))
    return page.go(f"/learning-records/{first_id}", said="added-cleaned" if page.found.cleaned else "added")


@pages.get("/learning-records/{first_id:int}/edit", can=Can.WRITE_LEARNING_RECORDS)
def edit_form(tx: Tx, page: Page, first_id: int) -> Response:
    """One's own record with what it holds; of one that was brought, only the reflection and what hangs on it."""
    live = records.mine(tx, first_id)
    seen = record_queries.one(tx, first_id)
    if not page.form:
        page.form = _draft(tx, page) or _stored(tx, seen)
    return _form(tx, page, seen, str(page.value("base") or records.mark(tx, live)))


def _stored(tx: Tx, seen: Seen) -> dict[str, Any]:
    row, had = seen.row, records.reflection(tx, seen.first_id)
    hours, minutes = divmod(row.minutes, 60)
    form: dict[str, Any] = {"activity": row.activity, "title": row.title, "hours": str(hours or ""), "minutes": str(minutes or "")}
    form |= forms.day_fields("on_date", row.on_date) | {"standards": records.tags(tx, seen.first_id)}
    if had is not None:
        form |= {name: getattr(had, name) for name in ("did", "learnt", "impact", "peer_with")} | forms.day_fields("peer_on", had.peer_on)
    return form


@pages.post("/learning-records/{first_id:int}/edit", can=Can.WRITE_LEARNING_RECORDS, again=edit_form, first=_received, uploads=True)
def edit(tx: Tx, page: Page, first_id: int) -> Response:
    """Save what changed; what stood there before stays in the history."""
    problems = Problems()
    own = records.mine(tx, first_id).source == records.OWN
    entry, added = _entry(page, problems) if own else None, _added(page, problems)
    problems.raise_any()
    records.change(tx, first_id, forms.text(page.form, "base"), entry, added, forms.text(page.form, "entry_key"))
    return page.go(f"/learning-records/{first_id}", said="changed-cleaned" if page.found.cleaned else "changed")


# Drafts ------------------------------------------------------------------------------------------------------------


def _refused(tx: Tx, page: Page) -> Response:  # noqa: ARG001 - as every page takes it
    """A draft that cannot be kept: said to the script, and to a browser without it as a page."""
    assert page.problem is not None
    if not _answers_json(page):
        raise page.problem
    return page.finish(JSONResponse({"message": page.problem.message, "code": page.problem.code}, page.problem.status))


@pages.post("/my-learning/drafts", can=Can.WRITE_LEARNING_RECORDS, again=_refused, long=True)
def keep_draft(tx: Tx, page: Page) -> Response:
    """Keep what the form holds; the page's script is told when, a browser without it comes back to the list."""
    drafts.keep(tx, forms.text(page.form, "entry_key"), page.form)
    if _answers_json(page):
        return page.finish(JSONResponse({"saved": f"Draft saved at {clock(tx.now)}"}))
    return page.go("/my-learning", said="draft")


@pages.post("/my-learning/drafts/discard", can=Can.WRITE_LEARNING_RECORDS)
def discard_draft(tx: Tx, page: Page) -> Response:
    """It is not wanted any more."""
    drafts.discard(tx, forms.text(page.form, "entry_key"))
    return page.go("/my-learning", said="discarded")


# One record --------------------------------------------------------------------------------------------------------


@pages.get("/learning-records/{first_id:int}", can=Can.READ_LEARNING_RECORDS)
def record(tx: Tx, page: Page, first_id: int) -> Response:
    """What it was and what its owner made of it; for the owner also what it counted towards, which may say what they aim at."""
    seen = record_queries.one(tx, first_id)
    page.saw("learning-record.viewed", seen.row.person_id)
    return page.render(
        "desks/record.html",
        seen=seen,
        row=seen.row,
        reflection=records.reflection(tx, first_id),
        tags=record_queries.tags(tx, first_id),
        files=record_queries.files(tx, first_id),
        counted=[] if seen.gone or not seen.mine else counted(tx, [seen.row.id]).get(seen.row.id, []),
        words=record_queries,
        shared=set(forms.many(page.form, "audiences")) if page.problem else set(seen.audiences),
        said=SAID.get(page.query("said"), ""),
        inside="/my-learning" if seen.mine else "/people",
    )


@pages.post("/learning-records/{first_id:int}/share", can=Can.WRITE_LEARNING_RECORDS, again=record)
def share(tx: Tx, page: Page, first_id: int) -> Response:
    """Exactly those who are ticked may see it."""
    records.share(tx, first_id, forms.many(page.form, "audiences"))
    return page.go(f"/learning-records/{first_id}", said="shared")


@pages.get("/learning-records/{first_id:int}/history", can=Can.WRITE_LEARNING_RECORDS)
def history(tx: Tx, page: Page, first_id: int) -> Response:
    """Every version, for its owner alone."""
    seen = record_queries.one(tx, first_id)
    if not seen.mine:
        raise NotFound("There is no learning record with that reference, or it is not yours.", code="record-not-found")
    return page.render("desks/record_history.html", seen=seen, rows=record_queries.history(tx, first_id), inside="/my-learning")


@pages.get("/my-learning/gone")
def gone(tx: Tx, page: Page) -> Response:
    """One's own records that count no more."""
    asked = max(page.number("page", 1), 1)
    rows = record_queries.gone(tx, (asked - 1) * PAGE, PAGE)
    numbers = PageNumbers(rows[0].found if rows else 0, asked, PAGE)
    link = lambda n: url("/my-learning/gone", page=n)  # noqa: E731 - as a template takes it
    return page.render("desks/records_gone.html", rows=rows, numbers=numbers, link=link, words=record_queries, inside="/my-learning")


@pages.get("/learning-records/{first_id:int}/take-away", can=Can.WRITE_LEARNING_RECORDS)
def take_away_form(tx: Tx, page: Page, first_id: int) -> Response:
    """What taking it away means, and with which views it goes."""
    live = records.mine(tx, first_id)
    if live.source != records.OWN:
        raise NotFound("Only what you wrote yourself can be taken away.", code="record-not-own")
    return page.render("desks/record_take_away.html", row=live, first_id=first_id, counted=counted(tx, [live.id]).get(live.id, []))


@pages.post("/learning-records/{first_id:int}/take-away", can=Can.WRITE_LEARNING_RECORDS, again=take_away_form)
def take_away(tx: Tx, page: Page, first_id: int) -> Response:
    """It counts no more."""
    records.take_away(tx, first_id)
    return page.go("/my-learning", said="taken-away")


@pages.get("/learning-records/{first_id:int}/files/{file_id:int}", can=Can.READ_LEARNING_RECORDS)
def download(tx: Tx, page: Page, first_id: int, file_id: int) -> Response:
    """A file of a record, to whoever may see the record."""
    row = record_queries.file(tx, first_id, file_id)
    page.saw("learning-record.file-taken", record_queries.one(tx, first_id).row.person_id)
    return page.finish(file_pages.send(tx, page.settings, row.digest, row.name, inline=page.query("view") == "yes"))


@pages.post("/learning-records/{first_id:int}/files/{file_id:int}/remove", can=Can.WRITE_LEARNING_RECORDS)
def remove_file(tx: Tx, page: Page, first_id: int, file_id: int) -> Response:
    """A file belongs to the record no more."""
    records.remove_file(tx, first_id, file_id)
    return page.go(f"/learning-records/{first_id}", said="file-removed")


# Other people's ----------------------------------------------------------------------------------------------------


@pages.get("/people/{person_id:int}/learning-records", can=Can.READ_LEARNING_RECORDS)
def shared_by(tx: Tx, page: Page, person_id: int) -> Response:
    """What somebody shares with the reader; never how much there is besides."""
    person = policy.person(tx, Can.READ_LEARNING_RECORDS, person_id)
    if person_id == tx.actor.person_id:
        return page.go("/my-learning")
    asked = max(page.number("page", 1), 1)
    rows = record_queries.shared_by(tx, person_id, (asked - 1) * PAGE, PAGE)
    page.saw("learning-record.viewed", person_id)
    return page.render(
        "desks/records_shared.html",
        person=person,
        rows=rows,
        numbers=PageNumbers(rows[0].found if rows else 0, asked, PAGE),
        link=lambda n: url(f"/people/{person_id}/learning-records", page=n),
        words=record_queries,
    )
