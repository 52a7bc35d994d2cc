"""A pool's list: narrowed, sorted, kept under a name, taken away with its purpose; and who has looked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from app.core import forms
from app.core.calendar import clock, london, long_date
from app.core.errors import Invalid
from app.core.listing import BIGGEST_ID, PageNumbers, moment
from app.core.text import normal, slug
from app.core.tx import Tx, transaction
from app.core.web import url
from app.doors import Page, Pages
from app.pathways.pages import day_asked
from app.people import queries as people
from app.policy import Can
from app.talent import exporting, listed, operations, reads, views
from app.talent.exporting import FILE_TYPES, Taken
from app.talent.listed import READY, SORTS, Asked
from app.talent.models import KINDS, WORDS
from app.talent.pool_pages import SAID, keeps

pages = Pages()
FILES = {"xlsx": "Excel workbook", "csv": "CSV file, for other programs", "json": "JSON, for systems"}
_NAMED = ("ready", "horizon", "unit", "stage", "sort")


def _key(given: str) -> int | None:
    return int(given) if re.fullmatch(r"\d{1,16}", given) and int(given) <= BIGGEST_ID else None


def _narrowing(page: Page) -> dict[str, Any]:
    """What the address, or a form, asks for: by the names of `Asked`, whatever cannot be left out."""
    given = {name: page.query(name) or forms.text(page.form, name) for name in _NAMED}
    ready = given["ready"] if given["ready"] in READY else ""
    sort = given["sort"] if given["sort"] in SORTS else "name"
    return dict(ready=ready, horizon=_key(given["horizon"]), unit_id=_key(given["unit"]), stage=given["stage"][:40], sort=sort)


def _address(tx: Tx, asked: Asked) -> dict[str, Any]:
    """The same as an address says it."""
    day = {} if asked.as_at == tx.today else {"on": asked.as_at.day, "on-month": asked.as_at.month, "on-year": asked.as_at.year}
    return {**asked.filters, **day}


def _choices(tx: Tx, pool: Any) -> dict[str, list[tuple[Any, str]]]:
    labels = operations.labels(tx, pool.organisation_id, retired=True)["horizon"]
    return {
        "ready": [("", "Any"), *READY.items()],
        "horizon": [("", "Any"), *((row.id, row.title) for row in labels), (0, "Not judged yet")],
        "unit": [("", "Everyone I may see"), *people.parts_of_organisation(tx)],
        "stage": [("", "Any"), *people.stages(tx)],
        "sort": list(SORTS.items()),
    }


def _in_words(asked: Asked, choices: dict[str, list[tuple[Any, str]]]) -> str:
    """What narrows the list, as a sentence's part."""
    called = {"ready": "readiness", "horizon": "horizon", "unit": "part of the organisation", "stage": "career stage"}
    said = [(called[name], dict(choices[name]).get(value, "")) for name, value in asked.filters.items() if name in called]
    return "; ".join(f"{name}: {words}" for name, words in said if words)


# The list ----------------------------------------------------------------------------------------------------------


def draw(tx: Tx, page: Page, pool_id: int) -> Response:
    """The pool in figures, the filters, and 25 people."""
    pool = views.pool(tx, Can.READ_TALENT, pool_id)
    asked = Asked(day_asked(tx, page), **_narrowing(page))
    version, choices = listed.version_of(tx, pool, asked), _choices(tx, pool)
    numbers, lines = listed.one_page(tx, pool, asked, version, page.number("page"))
    if lines:
        seen = reads.Seen(pool_id, "view", asked.as_at, tx.now, {**asked.filters, "page": numbers.number})
        page.later.append(lambda writing: _note(writing, seen, [line.row.person_id for line in lines]))
    address = _address(tx, asked)
    return page.render(
        "talent/pool.html",
        pool=pool,
        keeps=keeps(tx, pool.organisation_id),
        health=listed.health(tx, [pool], asked)[pool_id],
        asked=asked,
        choices=choices,
        narrowed=_in_words(asked, choices),
        measured=version is not None,
        ready=READY,
        lines=lines,
        numbers=numbers,
        unanswered=views.unanswered(tx, pool_id) if pool.closed_at is None else [],
        kept=[(row, url(f"/talent/pools/{pool_id}", **row.filters)) for row in views.filters(tx, pool_id)],
        address=address,
        export=url(f"/talent/pools/{pool_id}/export", **address),
        link=lambda number: url(f"/talent/pools/{pool_id}", **address, page=number),
        again_after=tx.now,
        today=tx.today,
        said=SAID.get(page.query("said"), "") or OWN_SAID.get(page.query("said"), ""),
    )


OWN_SAID = {"kept": "The filters are kept under that name.", "removed": "The filters are kept no longer.", "asked": "They are asked again."}


def _note(tx: Tx, seen: reads.Seen, people_: list[int]) -> None:
    reads.keep(tx, seen, people_)


@pages.get("/talent/pools/{pool_id:int}", can=Can.READ_TALENT)
def show(tx: Tx, page: Page, pool_id: int) -> Response:
    """One pool. That it was looked at is written down, and of whom."""
    return draw(tx, page, pool_id)


@pages.post("/talent/pools/{pool_id:int}/filters", can=Can.READ_TALENT, again=draw)
def keep_filters(tx: Tx, page: Page, pool_id: int) -> Response:
    """They are kept under a name."""
    asked = Asked(tx.today, **_narrowing(page))
    operations.save_filter(tx, pool_id, forms.text(page.form, "title"), asked.filters)
    return page.go(f"/talent/pools/{pool_id}", **asked.filters, said="kept")


@pages.post("/talent/filters/{filter_id:int}/remove", can=Can.READ_TALENT)
def remove_filters(tx: Tx, page: Page, filter_id: int) -> Response:
    """No longer."""
    return page.go(f"/talent/pools/{operations.remove_filter(tx, filter_id)}", said="removed")


# Taking it away ----------------------------------------------------------------------------------------------------


def _pinned(tx: Tx, page: Page) -> datetime:
    """The instant up to which what was recorded counts: as the form has it, never one to come."""
    given = forms.text(page.form, "known_at") or page.query("known_at")
    try:
        found = datetime.fromisoformat(given) if given else tx.now
    except ValueError:
        return tx.now
    return min(moment(found if found.tzinfo else found.replace(tzinfo=UTC)) or tx.now, tx.now)


def _asked_for(tx: Tx, page: Page) -> Asked:
    return Asked(day_asked(tx, page), _pinned(tx, page), **_narrowing(page))


def draw_export(tx: Tx, page: Page, pool_id: int) -> Response:
    """What will leave, of how many, and the question what for."""
    pool, typed = views.pool(tx, Can.READ_TALENT, pool_id), dict(page.form)
    asked = _asked_for(tx, page)
    page.form = typed
    choices, assumed = _choices(tx, pool), asked.known_at or tx.now
    return page.render(
        "talent/export.html",
        pool=pool,
        asked=asked,
        many=listed.count(tx, pool, asked, listed.version_of(tx, pool, asked)),
        narrowed=_in_words(asked, choices),
        columns=exporting.HEADS,
        files=list(FILES.items()),
        address={**_address(tx, asked), "known_at": assumed.isoformat()},
        known=f"{long_date(london(assumed).date())} at {clock(london(assumed).time())}",
        most=WORDS,
        back=url(f"/talent/pools/{pool_id}", **_address(tx, asked)),
    )


@pages.get("/talent/pools/{pool_id:int}/export", can=Can.READ_TALENT)
def export(tx: Tx, page: Page, pool_id: int) -> Response:
    """Before a file leaves."""
    return draw_export(tx, page, pool_id)


def _written(tx: Tx, page: Page, pool_id: int) -> tuple[Taken, Asked, str, str, datetime]:
    """The file on the disk, made before the writer's turn: of 20,000 people it takes seconds."""
    pool, typed = views.pool(tx, Can.READ_TALENT, pool_id), dict(page.form)
    asked = _asked_for(tx, page)
    page.form = typed
    purpose, file_type = normal(forms.text(page.form, "purpose")), forms.text(page.form, "type")
    errors = []
    if not re.search(r"\w\W+\w", purpose):
        errors.append({"field": "purpose", "message": "Say what the file is for, in a few words"})
    elif len(purpose) > WORDS:
        errors.append({"field": "purpose", "message": f"Use at most {WORDS:,} characters"})
    if file_type not in FILE_TYPES:
        errors.append({"field": "type", "message": "Choose a kind of file"})
    if errors:
        raise Invalid(errors[0]["message"] + "." if len(errors) == 1 else "Check what you entered.", errors=errors)
    narrowed = _in_words(asked, _choices(tx, pool))
    database = page.request.app.state.database
    with transaction(database, page.actor, writes=False, snapshot=True, now=tx.now) as reading:  # rows come as they are written
        made = exporting.take(reading, pool, asked, file_type, purpose, narrowed)
    return made, asked, file_type, purpose, tx.now


@pages.post("/talent/pools/{pool_id:int}/export", can=Can.READ_TALENT, again=draw_export, first=_written)
def take(tx: Tx, page: Page, pool_id: int) -> Response:
    """It is written down who takes what and why; then the file leaves."""
    made, asked, file_type, purpose, at = page.found
    try:
        pool = operations.pool(tx, Can.READ_TALENT, pool_id)
        reads.unless_withdrawn(tx, pool_id, at)
        told = dict(purpose=purpose, file_type=file_type, digest=made.digest)
        seen = reads.Seen(pool_id, "export", asked.as_at, at, asked.filters, asked.known_at, **told)
        reads.keep(tx, seen, made.people)
    except BaseException:
        made.drop()
        raise
    name = f"{slug(pool.title) or 'pool'}-{asked.as_at.isoformat()}.{file_type}"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, no-store",
        "x-content-sha256": made.digest,
    }
    return StreamingResponse(made.chunks(), headers=headers, media_type=FILE_TYPES[file_type])


# Who has looked ----------------------------------------------------------------------------------------------------


@pages.get("/talent/reads", can=Can.READ_TALENT)
def looked(tx: Tx, page: Page) -> Response:
    """Every view, card, file and reply of the API, the newest first."""
    kind = page.query("kind") if page.query("kind") in KINDS else ""
    numbers = PageNumbers(reads.count(tx, kind), page.number("page"))
    return page.render(
        "talent/reads.html",
        rows=reads.listed(tx, numbers.offset, numbers.size, kind),
        numbers=numbers,
        kind=kind,
        kinds=KINDS,
        link=lambda number: url("/talent/reads", kind=kind or None, page=number),
    )
