"""A session's places on the coordinator's side: kept for groups, and whether it goes ahead with few people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app.bookings import kept, manage
from app.bookings.models import Session
from app.bookings.operations import quotas, running
from app.bookings.operations.quotas import Keep
from app.core import forms
from app.core.errors import Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import Course
from app.people.models import Group, Unit
from app.policy import Can

pages = Pages()
SPARE = 2  # empty lines on the form


# Places kept -------------------------------------------------------------------------------------------------------


def draw_quotas(tx: Tx, page: Page, session_id: int) -> Response:
    """For whom places are kept, each on a line of its own, as stored or as typed."""
    session = tx.get(Session, session_id, what="session")
    standing = kept.of(tx, [session_id])[session_id]
    if not page.form:
        for n, row in enumerate(standing, 1):
            page.form |= {
                f"quotas.{n}.holder": f"g{row.group_id}" if row.group_id else f"u{row.unit_id}",
                f"quotas.{n}.places": str(row.places),
            }
            page.form |= forms.day_fields(f"quotas.{n}.release_on", row.release_on)
    groups = tx.rows(select(Group.id, Group.name).order_by(Group.name))
    units = tx.rows(select(Unit.id, Unit.name, Unit.kind).where(Unit.closed_on.is_(None)).order_by(Unit.kind == "team", Unit.name))
    return page.render(
        "bookings/manage/quotas.html",
        session=session,
        course=tx.get(Course, session.course_id),
        standing=standing,
        lines=min(len(standing) + SPARE, quotas.MOST),
        holders=[
            ("", "Choose"),
            *((f"g{row.id}", row.name) for row in groups),
            *((f"u{row.id}", f"{row.name} ({row.kind})") for row in units),
        ],
    )


@pages.get("/manage/sessions/{session_id:int}/quotas", can=Can.MANAGE_SESSIONS)
def quotas_form(tx: Tx, page: Page, session_id: int) -> Response:
    """A page of its own."""
    return draw_quotas(tx, page, session_id)


@pages.post("/manage/sessions/{session_id:int}/quotas", can=Can.MANAGE_SESSIONS, again=draw_quotas)
def save_quotas(tx: Tx, page: Page, session_id: int) -> Response:
    """Keep places as typed; a line without a group is left out, and what stood on it is released."""
    problems = forms.Problems()
    wanted, lines = [], []
    for n in range(1, quotas.MOST + 1):
        keep = _line(page.form, n, problems)
        if keep is not None:
            wanted.append(keep)
            lines.append(n)
    problems.raise_any()
    try:
        quotas.set_quotas(tx, session_id, wanted, forms.one_id(page.form, "version"))
    except Invalid as refusal:  # it counts the lines that were filled in
        for error in refusal.errors:
            _, line, field = error["field"].split(".")
            error["field"] = f"quotas.{lines[int(line) - 1]}.{field}"
        raise
    return page.go(f"/manage/sessions/{session_id}", done="kept")


def _line(form: dict[str, Any], n: int, problems: forms.Problems) -> Keep | None:
    """One line of the form; None when it is empty."""
    holder, prefix = forms.text(form, f"quotas.{n}.holder"), f"quotas.{n}."
    typed = forms.text(form, prefix + "places")
    if not holder and not typed:
        return None
    if not holder:
        problems.add(prefix + "holder", "Choose for whom")
    places = forms.number(form, prefix + "places", "Places", problems)
    if places is None and not typed:
        problems.add(prefix + "places", "Enter how many places")
    day = forms.day(form, prefix + "release_on", "The day they are released", problems, needed=True)
    if not holder[1:].isdecimal() or len(holder) > 15 or places is None or day is None:
        return None
    key = int(holder[1:])
    return Keep(places, day, group_id=key if holder[0] == "g" else None, unit_id=key if holder[0] == "u" else None)


def _not_released(tx: Tx, page: Page, session_id: int, quota_id: int) -> Response:  # noqa: ARG001 - the address names both
    """The form as it stands, with why nothing was released."""
    page.form = {}
    return draw_quotas(tx, page, session_id)


@pages.post("/manage/sessions/{session_id:int}/quotas/{quota_id:int}/release", can=Can.MANAGE_SESSIONS, again=_not_released)
def release(tx: Tx, page: Page, session_id: int, quota_id: int) -> Response:
    """They are everybody's from now on."""
    quotas.release(tx, session_id, quota_id)
    return page.go(f"/manage/sessions/{session_id}", done="released")


# Does it go ahead? -------------------------------------------------------------------------------------------------


@pages.post("/manage/sessions/{session_id:int}/goes-ahead", can=Can.MANAGE_SESSIONS, again=manage.draw_session)
def goes_ahead(tx: Tx, page: Page, session_id: int) -> Response:
    """It takes place with fewer people than it needs; everybody with a place is told."""
    running.decide_run(tx, session_id, True, version=forms.one_id(page.form, "version"))
    return page.go(f"/manage/sessions/{session_id}", done="runs")
