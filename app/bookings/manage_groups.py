"""Groups on the coordinator's side: a list, and who belongs to one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func, select
from starlette.responses import Response

from app import policy
from app.bookings.operations import groups
from app.bookings.operations.timetable import addresses_in
from app.core import forms
from app.core.errors import Invalid
from app.core.facts import current
from app.core.text import plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people.models import Group, GroupMember, Person
from app.policy import Can

pages = Pages()
SHOWN = 300  # members on the page


def draw_list(tx: Tx, page: Page) -> Response:
    """Every group with how many belong to it today, and a form for a new one."""
    members = select(func.count()).where(GroupMember.group_id == Group.id, current(GroupMember, tx.today)).correlate(Group)
    rows = tx.rows(select(Group.id, Group.name, members.scalar_subquery().label("members")).order_by(func.lower(Group.name)))
    return page.render("bookings/manage/groups.html", groups=rows)


@pages.get("/manage/groups", can=Can.MANAGE_SESSIONS)
def group_list(tx: Tx, page: Page) -> Response:
    """All of them."""
    return draw_list(tx, page)


@pages.post("/manage/groups", can=Can.MANAGE_SESSIONS, again=draw_list)
def create(tx: Tx, page: Page) -> Response:
    """A new group; its own page comes next."""
    return page.go(f"/manage/groups/{groups.create(tx, forms.text(page.form, 'name'))}", done="created")


def draw(tx: Tx, page: Page, group_id: int) -> Response:
    """Who belongs to it today, of those in reach, and a form to add people."""
    group = tx.get(Group, group_id, what="group")
    inside: Any = and_(GroupMember.group_id == group_id, current(GroupMember, tx.today))
    seen = select(Person.id, Person.name, Person.email, GroupMember.valid_from).join(GroupMember, GroupMember.person_id == Person.id)
    seen = seen.where(inside, policy.within_reach(tx, Can.READ_PERSON, Person.id)).order_by(Person.sort_name, Person.id)
    members, total = tx.rows(seen.limit(SHOWN)), tx.scalar(select(func.count()).select_from(GroupMember).where(inside))
    added = page.number("added", 0)
    done = {"created": "The group is made.", "removed": "They belong to it no longer."}.get(page.query("done"), "")
    done = f"{plural(added, 'person', 'people')} added." if page.query("done") == "added" else done
    return page.render("bookings/manage/group.html", group=group, members=members, unseen=total - len(members), done=done)


@pages.get("/manage/groups/{group_id:int}", can=Can.MANAGE_SESSIONS)
def one(tx: Tx, page: Page, group_id: int) -> Response:
    """One group."""
    return draw(tx, page, group_id)


@pages.post("/manage/groups/{group_id:int}/add", can=Can.MANAGE_SESSIONS, again=draw)
def add(tx: Tx, page: Page, group_id: int) -> Response:
    """The people with these addresses belong to it from today."""
    return page.go(
        f"/manage/groups/{group_id}", done="added", added=groups.add(tx, group_id, addresses_in(forms.text(page.form, "addresses")))
    )


@pages.post("/manage/groups/{group_id:int}/remove", can=Can.MANAGE_SESSIONS, again=draw)
def remove(tx: Tx, page: Page, group_id: int) -> Response:
    """One of them belongs to it no longer."""
    person = forms.one_id(page.form, "person")
    if person is None:
        raise Invalid("Choose who leaves the group.")
    groups.remove(tx, group_id, person)
    return page.go(f"/manage/groups/{group_id}", done="removed")
