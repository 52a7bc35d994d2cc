"""Groups that the Academy makes: who belongs to them, and what follows for places kept for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings.models import Booking
from app.bookings.operations import groups, queue
from app.bookings.operations.quotas import Keep
from app.core.errors import Forbidden, Invalid, NotFound
from app.people.models import GroupMember
from tests.bookings.test_hand_over_pages import words
from tests.bookings.test_operations import acting
from tests.bookings.test_quotas import keep, until
from tests.bookings.test_reservations import book
from tests.factory import Make


def test_made_joined_and_left(make: Make, ledger: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    ledger.start()
    with make.tx() as tx:
        group = groups.create(tx, "ASYE cohort")
    keep(make, session, Keep(1, until(make), group_id=group))
    turn = book(make, bob, session)
    with make.tx() as tx:
        assert groups.add(tx, group, [ann.email, bob.email.upper(), ann.email]) == 2
        assert groups.add(tx, group, [ann.email]) == 0
    assert queue.pass_on_due(make.database) == 1 and make.row(Booking, turn.id).status == "offered"
    with make.tx() as tx:
        tx.db.execute(GroupMember.__table__.update().values(valid_from=tx.today - timedelta(days=3)))
    with make.tx() as tx:
        groups.remove(tx, group, ann.id)
    with pytest.raises(NotFound), make.tx() as tx:
        groups.remove(tx, group, ann.id)
    rows = make.rows(
        select(GroupMember.valid_to, GroupMember.superseded_at).where(GroupMember.person_id == ann.id).order_by(GroupMember.id)
    )
    with make.tx(writes=False) as tx:
        assert rows[0].superseded_at is not None and (rows[1].valid_to, rows[1].superseded_at) == (tx.today, None)
    assert [action for action in ledger.actions() if action.startswith("group.")] == ["group.created", "group.joined", "group.left"]


def test_what_is_refused(make: Make) -> None:
    with make.tx() as tx:
        group = groups.create(tx, "ASYE cohort")
    for name in ("", "asye COHORT", "x" * 101):
        with pytest.raises(Invalid), make.tx() as tx:
            groups.create(tx, name)
    ann = make.person("Ann")
    with pytest.raises(Invalid, match="e-mail address nobody"), make.tx() as tx:
        groups.add(tx, group, [ann.email, "nobody@westmarch.example"])
    with pytest.raises(Invalid, match="between 1 and 200"), make.tx() as tx:
        groups.add(tx, group, [])
    assert make.rows(select(GroupMember.id)) == []
    with pytest.raises(Forbidden), acting(make, ann) as tx:
        groups.create(tx, "Mine")


def test_on_pages(make: Make, sign_in: Any) -> None:
    browser, ann = sign_in(make.person("Cai", roles=("coordinator",))), make.person("Ann")
    assert "There are no groups yet" in words(browser.get("/manage/groups"))
    assert browser.post("/manage/groups", data={"name": ""}).status_code == 422
    where = browser.post("/manage/groups", data={"name": "ASYE cohort"}).headers["location"].partition("?")[0]
    assert "Nobody belongs to it yet" in words(browser.get(where + "?done=created"))
    assert browser.post(f"{where}/add", data={"addresses": "nobody"}).status_code == 422
    done = browser.post(f"{where}/add", data={"addresses": f"{ann.email}, "})
    page = words(browser.get(done.headers["location"]))
    assert "1 person added." in page and ann.name in page
    assert browser.post(f"{where}/remove").status_code == 422
    assert browser.post(f"{where}/remove", data={"person": ann.id}).headers["location"].endswith("done=removed")
    assert "ASYE cohort" in words(browser.get("/manage/groups"))
