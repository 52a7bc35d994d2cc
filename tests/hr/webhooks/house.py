"""A client with a subscription to a receiver, and the steps by which a change gets there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.core.config import Settings, load
from app.core.db import Database
from app.core.tx import Actor, Tx, transaction
from app.hr.change_models import Delivery, DeliveryTry, Subscription
from app.hr.webhooks import deliver, fan_out, operations
from app.identity import clients as identity
from app.identity.models import ApiClient
from app.people import operations as people
from tests.factory import Make
from tests.hr.numbering import number_all

SCOPES = ("people:read", "organisation:read", "catalogue:read", "webhooks:write")
PRIVATE = frozenset({"127.0.0.1"})


def settings(**more: Any) -> Settings:
    """Receivers on this machine are allowed."""
    return load(base_url="http://testserver", webhook_private="127.0.0.1", log_level="error", **more)


@dataclass
class Hooks:
    """What the tests of deliveries do all the time."""

    make: Make
    settings: Settings
    client: int

    @property
    def database(self) -> Database:
        return self.make.database

    @contextmanager
    def acting(self) -> Iterator[Tx]:
        """As the client."""
        with transaction(self.database, Actor("client", self.client, "HR", scopes=frozenset(SCOPES)), writes=True) as tx:
            yield tx

    def subscribe(self, url: str, *wanted: str, since: int | None = None) -> tuple[int, str]:
        self.number()
        with self.acting() as tx:
            return operations.subscribe(tx, "HR", url, wanted, PRIVATE, since)

    def number(self) -> None:
        number_all(self.database)

    def look(self) -> int:
        """Number, make out, and send all that is due; returns how many were dealt with."""
        self.number()
        fan_out.make_out_due(self.database)
        done = 0
        while sent := deliver.deliver_due(self.database, self.settings):
            done += sent
        return done

    def rename(self, person_id: int, name: str) -> None:
        with self.make.tx() as tx:
            people.change_person(tx, person_id, first_name=name)

    def subscription(self, key: int) -> Any:
        return self.make.row(Subscription, key)

    def deliveries(self, *which: Any) -> list[Any]:
        return self.make.rows(select(Delivery.__table__).where(*which).order_by(Delivery.id))

    def tries(self) -> Sequence[Any]:
        return self.make.rows(select(DeliveryTry.__table__).order_by(DeliveryTry.id))

    def due_now(self) -> None:
        """As though the time of waiting were over."""
        with self.make.tx() as tx:
            tx.db.execute(update(Delivery).where(Delivery.state == "due").values(due_at=tx.now))
            tx.db.execute(update(Subscription).values(quiet_until=None))

    def set(self, key: int, **values: Any) -> None:
        with self.make.tx() as tx:
            tx.update(Subscription, key, **values)

    def fail_since(self, key: int, at: datetime) -> None:
        self.set(key, failing_since=at)


def hooks(make: Make) -> Hooks:
    """A client that may read people, teams and courses, in an organisation that is there already."""
    make.organisation()
    with make.tx() as tx:
        client_id, _ = identity.create_client(tx, "HR system", list(SCOPES))
        key = tx.scalar(select(ApiClient.id).where(ApiClient.client_id == client_id))
    return Hooks(make, settings(), key)
