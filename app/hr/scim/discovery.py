"""What the service can do and keeps (RFC 7644 §4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from scim2_models import Context, ResourceType, Schema, ServiceProviderConfig
from starlette.responses import Response

from app.core.web import BULK_KB
from app.hr.scim import placing
from app.hr.scim import schemas as kept
from app.hr.scim.answering import reply
from app.hr.scim.door import Call
from app.hr.scim.errors import ScimRefusal
from app.hr.scim.listing import LIST

MOST_NAMES = 500  # of departments, in the schema


def service(call: Call) -> Response:
    """GET /ServiceProviderConfig."""
    _no_filter(call)
    body = kept.config(max(call.config.max_body_kb, BULK_KB) * 1024).model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    return reply({**body, "meta": {"resourceType": "ServiceProviderConfig", "location": f"{call.base}/ServiceProviderConfig"}})


def resource_types(call: Call) -> Response:
    """GET /ResourceTypes."""
    _no_filter(call)
    return _list(list(_types(call).values()))


def resource_type(call: Call) -> Response:
    """GET /ResourceTypes/{name}."""
    return _one(_types(call), call.path["key"])


def schemas(call: Call) -> Response:
    """GET /Schemas."""
    _no_filter(call)
    return _list(list(_schemas(call).values()))


def schema(call: Call) -> Response:
    """GET /Schemas/{urn}."""
    return _one(_schemas(call), call.path["key"])


def _no_filter(call: Call) -> None:
    if any(name.lower() == "filter" for name in call.query):
        raise ScimRefusal("What the service can do is not filtered.", "", 403)  # RFC 7644 §4


def _one(found: dict[str, dict[str, Any]], key: str) -> Response:
    if key.lower() not in found:
        raise ScimRefusal("There is nothing of that name.", "", 404)
    return reply(found[key.lower()])


def _list(found: list[dict[str, Any]]) -> Response:
    return reply({"schemas": [LIST], "totalResults": len(found), "startIndex": 1, "itemsPerPage": len(found), "Resources": found})


@lru_cache(maxsize=1)
def _described() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    provider = kept.provider()
    own: list[Any] = [*provider.schemas, *(model.to_schema() for model in (ServiceProviderConfig, ResourceType, Schema))]
    context = Context.RESOURCE_QUERY_RESPONSE
    return [type_.model_dump(scim_ctx=context) for type_ in provider.resource_types], [made.model_dump(scim_ctx=context) for made in own]


def _types(call: Call) -> dict[str, dict[str, Any]]:
    return {body["name"].lower(): _located(call, "ResourceType", "ResourceTypes", body) for body in _described()[0]}


def _schemas(call: Call) -> dict[str, dict[str, Any]]:
    """With the names that a department, division and organisation may have here as suggested values."""
    units = placing.names(call.tx, call.organisation_id, MOST_NAMES)
    known = {"department": [row.name for row in units], "division": [row.name for row in units], "organization": [units[0].name]}
    found = {}
    for body in _described()[1]:
        named = [{**one, "canonicalValues": known[one["name"]]} if one["name"] in known else one for one in body["attributes"]]
        told = {**body, "attributes": named} if body["id"] == kept.ENTERPRISE else body
        found[body["id"].lower()] = _located(call, "Schema", "Schemas", told)
    return found


def _located(call: Call, kind: str, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "meta": {"resourceType": kind, "location": f"{call.base}/{endpoint}/{body['id']}"}}
