"""The coordinator's pages about rooms: a list and a form."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from starlette.responses import Response

from app.bookings.models import Part, Room
from app.bookings.operations.rooms import save_room
from app.core import forms
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
TEXTS = ("name", "place", "address", "access_notes")


@pages.get("/manage/rooms", can=Can.MANAGE_SESSIONS)
def room_list(tx: Tx, page: Page) -> Response:
    """Every room, by place, with how often it is used from now on."""
    coming = select(func.count()).where(Part.room_id == Room.id, Part.live, Part.ends_at > tx.now).scalar_subquery()
    rows = tx.rows(select(*Room.__table__.c, coming.label("coming")).order_by(Room.closed, func.lower(Room.place), func.lower(Room.name)))
    return page.render("bookings/manage/rooms.html", rooms=rows, saved=page.query("done") == "saved")


def draw(tx: Tx, page: Page, room_id: int | None = None) -> Response:
    """The form of a room, as stored or as typed."""
    room = tx.get(Room, room_id, what="room") if room_id else None
    if room is not None and not page.form:
        page.form = {name: getattr(room, name) for name in TEXTS} | {"capacity": room.capacity, "closed": "yes" if room.closed else ""}
    return page.render("bookings/manage/room.html", room=room)


def _typed(form: dict[str, Any]) -> dict[str, Any]:
    problems = forms.Problems()
    capacity = forms.number(form, "capacity", "How many people it holds", problems)
    problems.raise_any()
    return {name: forms.text(form, name) for name in TEXTS} | {"capacity": capacity or 0, "closed": forms.text(form, "closed") == "yes"}


@pages.get("/manage/rooms/new", can=Can.MANAGE_SESSIONS)
def new_room(tx: Tx, page: Page) -> Response:
    """An empty form."""
    return draw(tx, page)


@pages.post("/manage/rooms/new", can=Can.MANAGE_SESSIONS, again=draw)
def create_room(tx: Tx, page: Page) -> Response:
    """Save a new room."""
    save_room(tx, None, **_typed(page.form))
    return page.go("/manage/rooms", done="saved")


@pages.get("/manage/rooms/{room_id:int}", can=Can.MANAGE_SESSIONS)
def edit_room(tx: Tx, page: Page, room_id: int) -> Response:
    """One room's form."""
    return draw(tx, page, room_id)


@pages.post("/manage/rooms/{room_id:int}", can=Can.MANAGE_SESSIONS, again=draw)
def change_room(tx: Tx, page: Page, room_id: int) -> Response:
    """Save what was typed."""
    save_room(tx, room_id, **_typed(page.form))
    return page.go("/manage/rooms", done="saved")
