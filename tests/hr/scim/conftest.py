"""What SCIM's tests share: an organisation with a few teams, and a directory that provisions it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.facts import current
from app.identity.models import Account
from app.people.models import Membership, Person, Post, Responsibility, Unit
from tests.factory import Make
from tests.hr.scim.directory import Directory, token

AT_ONCE = "test_two_clients_at_once"  # only PostgreSQL lets two write at the same moment, so this is quick on both


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The statements are the same on both databases: the quick profile asks SQLite, the thorough one both."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "postgresql" in item.name and not item.name.startswith(AT_ONCE):
            item.add_marker(pytest.mark.thorough)


@dataclass
class Place:
    """The organisation, its teams by name, and what is true of somebody today."""

    make: Make
    organisation: int
    teams: dict[str, int]

    def facts(self, person_id: Any) -> dict[str, Any]:
        """Team, title, manager, whether an account is suspended and by whom."""
        key = int(person_id)
        with self.make.tx(writes=False) as tx:
            today: date = tx.today
            mine = (Responsibility.person_id == key, Responsibility.kind == "manager", current(Responsibility, today))
            here = select(Unit.name).join(Membership, Membership.unit_id == Unit.id)
            person = tx.get(Person, key)
            return {
                "name": person.name,
                "email": person.email,
                "number": person.employee_number,
                "team": tx.scalar(here.where(Membership.person_id == key, current(Membership, today))),
                "title": tx.scalar(select(Post.job_title).where(Post.person_id == key, Post.is_primary.is_(True), current(Post, today))),
                "manager": tx.scalar(select(Responsibility.holder_id).where(*mine)),
                "suspended": tx.scalar(select(Account.suspended_by).where(Account.person_id == key)),
                "leaving": person.leaving_on,
            }


@pytest.fixture
def place(make: Make) -> Place:
    return Place(make, make.organisation(), {name: make.unit(name) for name in ("North Team", "South Team")})


@pytest.fixture
def entra(app: Any, database: Database, place: Place) -> Directory:
    return Directory(app, token(database, place.organisation))


@pytest.fixture
def with_settings(app: Any) -> Iterator[Callable[..., None]]:
    """`with_settings(scim_organisation="…")`: until the test is over."""
    before = app.state.settings

    def change(**values: Any) -> None:
        app.state.settings = before.model_copy(update=values)

    yield change
    app.state.settings = before
