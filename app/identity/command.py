"""`python -m app client …`: what is printed is JSON, so that scripts can use it. Secrets and tokens are printed once and kept nowhere."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.core.db import Database
from app.core.errors import NotFound, Refusal
from app.core.tx import Tx
from app.core.work import job
from app.identity import clients
from app.identity.models import ApiClient
from app.people.models import Unit


def run(database: Database, options: argparse.Namespace) -> int:
    """Do it and print what came of it; 2 where it was refused, with the reason on standard error."""
    try:
        with job(database, writes=options.action != "list") as tx:
            said = ACTIONS[options.action](tx, options)
    except Refusal as problem:
        sys.stderr.write(problem.message + "\n")
        return 2
    sys.stdout.write(json.dumps(said, default=_written) + "\n")
    return 0


def _written(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _key(tx: Tx, client_id: str) -> int:
    key = tx.scalar(select(ApiClient.id).where(ApiClient.client_id == client_id))
    if key is None:
        raise NotFound(f"There is no client with the id {client_id}.")
    return int(key)


def _create(tx: Tx, options: argparse.Namespace) -> dict[str, Any]:
    scopes = [scope for given in options.scope for scope in given.split()]
    organisation = None
    if options.organisation is not None:  # an empty one is a mistake, and not everybody
        organisation = tx.scalar(select(Unit.id).where(Unit.code == options.organisation, Unit.kind == "organisation"))
        if organisation is None:
            raise NotFound(f"There is no organisation with the code {options.organisation}.")
    client_id, secret = clients.create_client(
        tx, options.name, scopes, organisation, per_minute=options.per_minute, contact=options.contact
    )
    return {"client_id": client_id, "client_secret": secret, "scopes": sorted(set(scopes))}


def _list(tx: Tx, _options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = tx.rows(
        select(
            *(ApiClient.client_id, ApiClient.name, ApiClient.scopes, Unit.code.label("organisation"), ApiClient.per_minute),
            *(ApiClient.contact, ApiClient.created_at, ApiClient.last_used_at, ApiClient.old_secret_until, ApiClient.disabled_at),
        )
        .outerjoin(Unit, Unit.id == ApiClient.organisation_id)
        .order_by(ApiClient.id)
    )
    return [dict(row._mapping) | {"scopes": row.scopes.split()} for row in rows]


def _rotate(tx: Tx, options: argparse.Namespace) -> dict[str, Any]:
    secret, until = clients.rotate_secret(tx, _key(tx, options.client), options.hours)
    return {"client_id": options.client, "client_secret": secret, "old_secret_until": until}


def _token(tx: Tx, options: argparse.Namespace) -> dict[str, Any]:
    token, until = clients.long_token(tx, _key(tx, options.client), options.days)
    return {"client_id": options.client, "access_token": token, "token_type": "Bearer", "expires_at": until}


def _disable(tx: Tx, options: argparse.Namespace) -> dict[str, Any]:
    clients.disable_client(tx, _key(tx, options.client))
    return {"client_id": options.client, "disabled": True}


def _enable(tx: Tx, options: argparse.Namespace) -> dict[str, Any]:
    clients.enable_client(tx, _key(tx, options.client))
    return {"client_id": options.client, "disabled": False}


ACTIONS = {"create": _create, "list": _list, "rotate": _rotate, "token": _token, "disable": _disable, "enable": _enable}
