"""A system that keeps a copy: reads everything once, then follows the feed; and what the interface would show it if it read all again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json
from sqlalchemy import select

from app.bookings.models import Booking, Session
from app.core.db import Database
from app.core.ledger import Audit
from app.core.tx import Actor, transaction
from app.hr import feed, feed_api
from app.hr.feed_api import FeedQuery
from app.learning.models import Completion, Course
from app.people.models import Person, Unit
from app.policy import SCOPES
from app.programmes.models import Cohort, Enrolment
from app.supervision.models import Supervision
from tests.hr.numbering import number_all

TABLES: dict[str, Any] = {
    "people": Person, "units": Unit, "courses": Course, "sessions": Session, "bookings": Booking, "completions": Completion,
    "cohorts": Cohort, "enrolments": Enrolment, "supervisions": Supervision,
}  # fmt: skip
Copy = dict[tuple[str, int], Any]


def reader(organisation: int | None = None, scopes: frozenset[str] = frozenset(SCOPES)) -> Actor:
    return Actor("client", 1, "copy", scopes=scopes, organisation_id=organisation)


def whole(database: Database, who: Actor) -> Copy:
    """Everything that the client may read, as GET shows it."""
    found: Copy = {}
    with transaction(database, who, writes=False) as tx:
        for resource, table in TABLES.items():
            if feed.SOURCES[resource].scope not in who.scopes:
                continue
            keys = [row.id for row in tx.rows(select(table.id))]
            for item in feed.SOURCES[resource].these(tx, keys):
                found[resource, item["id"]] = plain(item)
    return found


def plain(item: Any) -> Any:
    return json.loads(to_json(item))


@dataclass
class Follower:
    """Keeps a copy from `last` on."""

    database: Database
    who: Actor
    limit: int = 100
    last: int = 0
    copy: Copy = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)  # by id: the same change is always the same one
    numbers: list[int] = field(default_factory=list)

    def begin(self) -> Follower:
        """Where the feed stands, then everything: what changes meanwhile is told again."""
        self.last = self._ask("now")["last"]
        self.copy = whole(self.database, self.who)
        return self

    def _ask(self, since: int | str) -> dict[str, Any]:
        with transaction(self.database, self.who, writes=False) as tx:
            return feed_api.follow(tx, FeedQuery.model_validate({"since": since, "limit": self.limit}))

    def follow(self, *, wait: bool = True) -> int:
        """Number what is committed, and read on to the end; returns how many changes were read."""
        number_all(self.database) if wait else feed.number_due(self.database)
        read = 0
        while True:
            answer = self._ask(self.last)
            for item in answer["items"]:
                self.apply(item)
            read += len(answer["items"])
            assert answer["last"] >= self.last
            self.last = answer["last"]
            if not answer["more"]:
                return read

    def apply(self, item: dict[str, Any]) -> None:
        assert item["id"] not in self.told, "told twice"
        self.told[item["id"]] = item["number"]
        self.numbers.append(item["number"])
        key = item["resource"], item["resource_id"]
        if item["deleted"]:
            self.copy.pop(key, None)
        elif item["resource"] in TABLES:
            self.copy[key] = plain(item["data"])

    def wrong(self, arranged: bool = False) -> dict[tuple[str, int], tuple[Any, Any]]:
        """Where the copy and the interface differ: (kept, shown). `arranged`: what a test wrote past the operations may be missing."""
        shown = whole(self.database, self.who)
        keys = [key for key in {*shown, *self.copy} if shown.get(key) != self.copy.get(key)]
        if arranged:
            with transaction(self.database, self.who, writes=False) as tx:
                spoken = {(row.subject, row.subject_id) for row in tx.rows(select(Audit.subject, Audit.subject_id).distinct())}
            keys = [key for key in keys if key in self.copy or key in spoken]
        return {key: (self.copy.get(key), shown.get(key)) for key in keys}
