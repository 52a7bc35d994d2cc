"""Learning together on pages: what the reader is in, the list of colleagues, and what they offer or ask for themselves."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.guarding import checking
from app.mentoring import queries, words
from app.mentoring.models import KINDS, NEEDS, SHOWN_TO, STATES
from app.mentoring.operations import notices, pairing
from app.people import cover
from app.policy import Can

pages = Pages()
HOME = "/learning-together"


@pages.get(HOME, can=Can.LEARN_TOGETHER)
def mine(tx: Tx, page: Page) -> Response:
    """What waits for the reader, whom they meet, their sets, and what they have on the list."""
    found = words.sorted_pairs(queries.my_pairs(tx), tx.actor.person_id or 0)
    return page.render(
        "mentoring/mine.html",
        pairs=found,
        sets=queries.my_sets(tx),
        notices=queries.my_notices(tx),
        said=words.SAID.get(page.query("said"), ""),
        states=STATES,
        words=words,
    )


@pages.get("/learning-together/people", can=Can.LEARN_TOGETHER)
def board(tx: Tx, page: Page) -> Response:
    """What colleagues offer and ask for, narrowed by what and where."""
    filters = {name: page.query(name) for name in ("side", "kind", "need", "area")}
    area = int(filters["area"]) if filters["area"].isdigit() and len(filters["area"]) < 15 else None
    chosen: dict[str, Any] = dict(
        side=filters["side"] if filters["side"] in ("offer", "ask") else "",
        kind=filters["kind"] if filters["kind"] in KINDS else "",
        need=filters["need"] if filters["need"] in NEEDS else "",
    )
    asked = max(page.number("page"), 1)
    rows = queries.board(tx, **chosen, area=area, skip=(asked - 1) * queries.PAGE)
    if not rows and asked > 1:  # a page past the end
        rows, asked = queries.board(tx, **chosen, area=area), 1
    numbers = PageNumbers(rows[0].found if rows else 0, asked, queries.PAGE)
    return page.render(
        "mentoring/board.html",
        rows=rows,
        numbers=numbers,
        filters=chosen | {"area": area},
        narrowed=area is not None or any(chosen.values()),
        areas=[("", "Anywhere"), *queries.areas(tx)],
        kinds=[("", "Any kind"), *KINDS.items()],
        needs=[("", "Anything"), *NEEDS.items()],
        link=lambda n: url("/learning-together/people", **filters, page=n),
        words=words,
    )


# One's own notices -------------------------------------------------------------------------------------------------


def draw_new(tx: Tx, page: Page) -> Response:
    """The form of an offer, or with `?side=ask` of what is asked for."""
    del tx
    if not page.form:
        page.form = {"side": "ask" if page.query("side") == "ask" else "offer", "most": "1", "shown_to": "colleagues"}
    return _form(page, text(page.form, "side"), None)


def _form(page: Page, side: str, row: Any) -> Response:
    side = side if side in ("offer", "ask") else "offer"
    return page.render(
        "mentoring/notice_form.html",
        side=side,
        row=row,
        kinds=words.KIND_CHOICES[side],
        needs=[("", "Choose"), *NEEDS.items()],
        shown_to=SHOWN_TO,
    )


@pages.get("/learning-together/notices/new", can=Can.LEARN_TOGETHER)
def new(tx: Tx, page: Page) -> Response:
    """Offer something, or ask for it."""
    return draw_new(tx, page)


@pages.post("/learning-together/notices/new", can=Can.LEARN_TOGETHER, again=draw_new)
def put_up(tx: Tx, page: Page) -> Response:
    """It is on the list."""
    side = "ask" if text(page.form, "side") == "ask" else "offer"  # as the form is drawn
    notices.put_up(tx, side=side, kind=text(page.form, "kind"), **_typed(page))
    return page.go(HOME, said="put-up")


def _typed(page: Page) -> dict[str, Any]:
    problems = Problems()
    values: dict[str, Any] = {name: text(page.form, name) for name in ("need", "words")}
    values["shown_to"] = text(page.form, "shown_to") or "colleagues"
    values["most"] = forms.number(page.form, "most", "How many people", problems)
    problems.raise_any()
    return values | {"guard": checking.decided(page.form)}


def draw_edit(tx: Tx, page: Page, notice_id: int) -> Response:
    """The form with what stands there."""
    row = notices.own(tx, notice_id)
    if not page.form:
        page.form = {"need": row.need, "words": row.words, "most": str(row.most or 1), "shown_to": row.shown_to}
    return _form(page, row.side, row)


@pages.get("/learning-together/notices/{notice_id:int}/edit", can=Can.LEARN_TOGETHER)
def edit_form(tx: Tx, page: Page, notice_id: int) -> Response:
    """Say it differently, or take it off."""
    return draw_edit(tx, page, notice_id)


@pages.post("/learning-together/notices/{notice_id:int}/edit", can=Can.LEARN_TOGETHER, again=draw_edit)
def edit(tx: Tx, page: Page, notice_id: int) -> Response:
    """It says so now."""
    notices.own(tx, notice_id)
    notices.change(tx, notice_id, forms.one_id(page.form, "version") or 0, **_typed(page))
    return page.go(HOME, said="changed")


@pages.post("/learning-together/notices/{notice_id:int}/close", can=Can.LEARN_TOGETHER, again=draw_edit)
def take_off(tx: Tx, page: Page, notice_id: int) -> Response:
    """Nobody new finds it."""
    notices.take_off(tx, notice_id)
    return page.go(HOME, said="taken-off")


# Asking somebody ---------------------------------------------------------------------------------------------------


def draw_notice(tx: Tx, page: Page, notice_id: int) -> Response:
    """What a colleague offers or asks for, and the form to answer it."""
    pairing.visible(tx, notice_id)
    row = queries.notice(tx, notice_id)
    if row is None:
        raise NotFound("They have left.", code="notice-not-found")
    own = row.person_id == tx.actor.person_id
    return page.render("mentoring/notice.html", row=row, own=own, full=row.side == "offer" and row.taken >= row.most, words=words)


@pages.get("/learning-together/notices/{notice_id:int}", can=Can.LEARN_TOGETHER)
def notice(tx: Tx, page: Page, notice_id: int) -> Response:
    """One of the list."""
    return draw_notice(tx, page, notice_id)


@pages.post("/learning-together/notices/{notice_id:int}", can=Can.LEARN_TOGETHER, again=draw_notice)
def answer_notice(tx: Tx, page: Page, notice_id: int) -> Response:
    """They are asked."""
    pairing.visible(tx, notice_id)
    aim, since = _wish(page)
    pairing.answer_notice(tx, notice_id, aim=aim, since=since, guard=checking.decided(page.form))
    return page.go(HOME, said="asked")


def _wish(page: Page) -> tuple[str, Any]:
    problems = Problems()
    since = forms.day(page.form, "since", "The day", problems)
    problems.raise_any()
    return text(page.form, "aim"), since


def draw_ask(tx: Tx, page: Page) -> Response:
    """The form to ask a colleague whom the reader knows."""
    del tx
    if not page.form:
        page.form = {"kind": "shadowing" if page.query("kind") == "shadowing" else "", "role": "receiver"}
    return page.render("mentoring/ask.html", kinds=KINDS, needs=[("", "Choose"), *NEEDS.items()], roles=words.ROLES)


@pages.get("/learning-together/ask", can=Can.LEARN_TOGETHER)
def ask_form(tx: Tx, page: Page) -> Response:
    """Ask somebody by name."""
    return draw_ask(tx, page)


@pages.post("/learning-together/ask", can=Can.LEARN_TOGETHER, again=draw_ask)
def ask(tx: Tx, page: Page) -> Response:
    """They are asked."""
    said = text(page.form, "other")[:254]
    if not said:
        problems = Problems()
        problems.add("other", "Enter their work e-mail address or employee number")
        problems.raise_any()
    aim, since = _wish(page)
    who = dict(kind=text(page.form, "kind"), need=text(page.form, "need"), role=text(page.form, "role"))
    other = cover.colleague(tx, tx.actor.person_id or 0, said)
    pairing.ask(tx, **who, other=other, aim=aim, since=since, guard=checking.decided(page.form))
    return page.go(HOME, said="asked")
