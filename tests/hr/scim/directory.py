"""A directory for tests: a client with the scope scim, and the requests it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.identity import clients
from tests.client import Browser
from tests.factory import Make

BODIES = Path(__file__).with_name("bodies")
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ROOT = "/scim/v2"


def token(database: Database, organisation: int | None, *scopes: str) -> str:
    """A token of a new client with these scopes (scim), limited to the organisation."""
    with transaction(database, SYSTEM, writes=True) as tx:
        client_id, secret = clients.create_client(tx, "directory", list(scopes or ("scim",)), organisation)
        made, _ = clients.token(tx, client_id, secret, [], 60)
        return str(made)


def recorded(name: str, **names: Any) -> Any:
    """A recorded body, with ids put in where it has `{{user}}` or the like."""
    text = (BODIES / f"{name}.json").read_text(encoding="utf-8")
    for key, value in names.items():
        text = text.replace("{{" + key + "}}", str(value))
    return json.loads(text)


class Directory:
    """Speaks SCIM to the service, as a directory's provisioning does."""

    def __init__(self, app: Any, bearer: str) -> None:
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/scim+json"}
        self.http = Browser(app, follow_redirects=True, headers=headers)

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(ROOT + path, params=query)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.http.post(ROOT + path, content=json.dumps(body), headers=headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self.http.put(ROOT + path, content=json.dumps(body), headers=headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.http.delete(ROOT + path, headers=headers)

    def patch(self, path: str, *operations: Any, **headers: str) -> Any:
        """The operations, or one whole recorded body."""
        whole = len(operations) == 1 and "Operations" in operations[0]
        body = operations[0] if whole else {"schemas": [PATCH], "Operations": list(operations)}
        return self.http.patch(ROOT + path, content=json.dumps(body), headers=headers)

    def user(self, name: str = "ann", /, *, employment: dict[str, Any] | None = None, **values: Any) -> Any:
        """A user that was created; `values` go over the usual ones."""
        first = name.title()
        body: dict[str, Any] = {
            "schemas": [CORE, ENTERPRISE],
            "userName": f"{name}@westmarch.example",
            "name": {"givenName": first, "familyName": "Lee"},
            "active": True,
            **({ENTERPRISE: employment} if employment else {}),
            **values,
        }
        reply = self.post("/Users", body)
        assert reply.status_code == 201, reply.text
        return reply.json()

    def group(self, name: str, *members: str) -> Any:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": member} for member in members]}
        reply = self.post("/Groups", body)
        assert reply.status_code == 201, reply.text
        return reply.json()


def count(make: Make, table: Any) -> int:
    """How many rows the table has."""
    return int(make.rows(select(func.count()).select_from(table))[0][0])


def body(name: str = "ann", /, **values: Any) -> dict[str, Any]:
    """A user to create or replace; `values` go over the usual ones."""
    return {"schemas": [CORE], "userName": f"{name}@westmarch.example", "name": {"givenName": name.title(), "familyName": "Lee"}, **values}
