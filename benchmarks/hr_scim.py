"""A directory's first synchronisation of 1,286 people over http, as Entra does it: look each up, create them, then say who manages whom.

python -m benchmarks.hr_scim [--database sqlite|postgresql]
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import and_, select

from app.core.db import Database
from app.core.facts import current
from app.core.tx import SYSTEM, transaction
from app.identity import clients
from app.people import operations as people
from app.people.models import Duty, Membership, Person, Responsibility, Unit
from benchmarks import house

PEOPLE = 1286
LIMIT = 60.0  # seconds
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Client:
    """One connection that stays open, as a directory's does."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/scim+json"}
        self.requests = 0

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        self.requests += 1
        self.connection.request(method, "/scim/v2" + path, None if body is None else json.dumps(body), self.headers)
        reply = self.connection.getresponse()
        content = reply.read()
        if reply.status != status:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {reply.status} {content[:300]!r}")
        return json.loads(content) if content else None


def staff(database: Database) -> tuple[int, list[dict[str, Any]]]:
    """(the host organisation, what its directory would know of each: as HR has it)."""
    with transaction(database, SYSTEM, writes=False) as tx:
        host = int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))
        boss = and_(Responsibility.person_id == Person.id, Responsibility.kind == Duty.MANAGER.value, current(Responsibility, tx.today))
        rows = tx.rows(
            select(
                Person.id, Person.first_name, Person.last_name, Person.email, Person.employee_number, Unit.code, Responsibility.holder_id
            )
            .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, tx.today)))
            .outerjoin(Unit, Unit.id == Membership.unit_id)
            .outerjoin(Responsibility, boss)
            .where(Person.organisation_id == host)
            .order_by(Person.id)
        )
        return host, [dict(row._mapping) for row in rows[:PEOPLE]]


def made_up(database: Database) -> tuple[int, list[dict[str, Any]]]:
    """A new organisation of nobody yet, and its directory."""
    with transaction(database, SYSTEM, writes=True) as tx:
        host = people.create_unit(tx, "organisation", "Eastmere Council", "eastmere-council")
        for n in range(100):
            people.create_unit(tx, "team", f"Team {n}", f"team-{n}", host)
    known = []
    for n in range(PEOPLE):
        person = dict(id=n, first_name="Ann", last_name=f"Lee {n}", email=f"ann.{n}@eastmere.example", employee_number=f"E{n}")
        known.append(person | {"code": f"team-{n % 100}", "holder_id": n // 12 if n else None})
    return host, known


def synchronise(client: Client, known: list[dict[str, Any]]) -> None:
    ids: dict[int, str] = {}
    for person in known:
        name = person["email"] or f"user{person['id']}@westmarch.example"
        found = client.ask("GET", "/Users?" + urlencode({"filter": f'userName eq "{name}"'}))
        assert found["totalResults"] == 0
        employment = {key: value for key, value in (("employeeNumber", person["employee_number"]), ("department", person["code"])) if value}
        body = {
            "schemas": [CORE, ENTERPRISE],
            "userName": name,
            "externalId": f"object-{person['id']}",
            "active": True,
            "name": {"givenName": person["first_name"], "familyName": person["last_name"]},
            "emails": [{"primary": True, "type": "work", "value": person["email"]}] if person["email"] else [],
            "title": "Social worker",
            ENTERPRISE: employment,
        }
        ids[person["id"]] = client.ask("POST", "/Users", body, 201)["id"]
    for person in known:
        if person["holder_id"] in ids:
            path = f"{ENTERPRISE}:manager"
            operation = {"op": "Add", "path": path, "value": ids[person["holder_id"]]}
            client.ask("PATCH", f"/Users/{ids[person['id']]}", {"schemas": [PATCH], "Operations": [operation]})


def measured(port: int, database: Database, organisation: int, known: list[dict[str, Any]]) -> tuple[float, int, int]:
    """(seconds, requests, users at the end)."""
    with transaction(database, SYSTEM, writes=True) as tx:
        client_id, secret = clients.create_client(tx, "directory", ["scim"], organisation)
        token, _ = clients.token(tx, client_id, secret, [], 60)
    client = Client(port, token)
    began = time.perf_counter()
    synchronise(client, known)
    seconds = time.perf_counter() - began
    return seconds, client.requests, client.ask("GET", "/Users?count=0")["totalResults"]


def run(kind: str) -> list[str]:
    """Rows of a table: what, how long, and whether that is within the limit."""
    rows = []
    with house.county(kind, PEOPLE) as (url, database), house.served(url, processes=house.WEB_PROCESSES[kind]) as (port, _):
        for words, (organisation, known) in _cases(database):
            seconds, requests, users = measured(port, database, organisation, known)
            assert users == len(known), f"{users} users of {len(known)} people"
            verdict = "ok" if seconds < LIMIT else "TOO SLOW"
            cells = (
                f"SCIM, {words}: {len(known):,} people",
                kind,
                f"{requests:,} requests in {seconds:.1f} s",
                f"< {LIMIT:.0f} s",
                verdict,
            )
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _cases(database: Database) -> Iterator[tuple[str, tuple[int, list[dict[str, Any]]]]]:
    yield "first sync, all known from HR", staff(database)
    yield "first sync, nobody known", made_up(database)


def main() -> int:
    options = house.arguments(__doc__ or "").parse_args()
    rows = [row for kind in house.both(options) for row in run(kind)]
    print("\n".join(rows))
    return int(any("TOO SLOW" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
