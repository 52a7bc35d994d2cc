"""What the directory's door answers about users and groups. No rules: those are in `operations`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json
from scim2_models import Context, PatchOp
from starlette.responses import Response

from app.core.errors import Changed
from app.hr.scim import groups, listing, reading, schemas, users
from app.hr.scim.door import Call
from app.hr.scim.errors import MEDIA_TYPE, ScimRefusal
from app.hr.scim.library import understood
from app.hr.scim.listing import GROUPS, USERS, Kind
from app.hr.scim.operations import groups as group_operations
from app.hr.scim.operations import users as user_operations
from app.hr.scim.operations.groups import GroupState


def reply(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """A body of SCIM's media type."""
    return Response(to_json(body), status, headers, MEDIA_TYPE)


def _shown(call: Call, made: Any, status: int = 200) -> Response:
    """One resource, with its entity tag and, when it is new, its address."""
    parts = {name: value for name, value in call.query.items() if "attributes" in name.lower()}
    asked = listing.read(parts, type(made)) if parts else None
    with understood():
        body = made.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked)
    headers = {"etag": made.meta.version, "content-location": made.meta.location}
    if status == 201:
        headers["location"] = made.meta.location
    return reply(body, status, **headers)


def _tags(given: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in given.split(",")}


def _unless_known(call: Call, version: str) -> Response | None:
    given = call.headers.get("if-none-match")
    if given is None or not {"*", version.removeprefix("W/")} & _tags(given):
        return None
    return Response(status_code=304, headers={"etag": version})


def if_match(call: Call, version: str) -> None:
    """412 where the request was made from another version. Without the header nothing is asked (RFC 7644 §3.14)."""
    given = call.headers.get("if-match")
    if given is not None and not {"*", version.removeprefix("W/")} & _tags(given):
        raise Changed("This has changed since you read it. Read it again and repeat the change.")


# Lists ---------------------------------------------------------------------------------------------------------------


def list_users(call: Call) -> Response:
    """GET /Users."""
    return _listed(call, [USERS], call.query)


def list_groups(call: Call) -> Response:
    """GET /Groups."""
    return _listed(call, [GROUPS], call.query)


def search_users(call: Call) -> Response:
    """POST /Users/.search."""
    return _listed(call, [USERS], reading.parsed(call.body))


def search_groups(call: Call) -> Response:
    """POST /Groups/.search."""
    return _listed(call, [GROUPS], reading.parsed(call.body))


def search_all(call: Call) -> Response:
    """POST /.search, over both."""
    return _listed(call, [USERS, GROUPS], reading.parsed(call.body))


def _listed(call: Call, kinds: Sequence[Kind], sent: dict[str, Any]) -> Response:
    model: Any = kinds[0].model if len(kinds) == 1 else schemas.Person | schemas.Group
    return reply(listing.answer(call, kinds, listing.read(sent, model)))


# Users ---------------------------------------------------------------------------------------------------------------


def show_user(call: Call) -> Response:
    """GET /Users/{id}."""
    row = users.found(call.tx, call.organisation_id, users.key_of(call.path["key"]))
    return _unless_known(call, users.version(row)) or _shown(call, users.resource(row, call.base))


def create_user(call: Call) -> Response:
    """POST /Users."""
    sent = reading.user(reading.parsed(call.body))
    with understood():
        made = schemas.Person.model_validate(sent, scim_ctx=Context.RESOURCE_CREATION_REQUEST)
    person_id = user_operations.create(call.tx, call.config, call.organisation_id, users.wanted(made))
    return _user(call, person_id, 201)


def replace_user(call: Call) -> Response:
    """PUT /Users/{id}: what is not sent is taken away, as far as it can be. Whether they are active stays unless it is sent."""
    row = _user_row(call)
    sent = reading.user(reading.parsed(call.body), active=row.active)
    with understood():
        made = schemas.Person.model_validate(sent, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
    before = users.state(row)
    user_operations.change(call.tx, call.config, call.organisation_id, row.person_id, before, users.wanted(made))
    return _user(call, row.person_id)


def patch_user(call: Call) -> Response:
    """PATCH /Users/{id}."""
    row = _user_row(call)
    sent = reading.operations(reading.parsed(call.body), of_user=True)
    before = users.state(row)
    if sent["Operations"]:
        made = users.resource(row, call.base)
        with understood():
            patch = PatchOp[schemas.Person].model_validate(sent, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
            patch.patch(made)
        user_operations.change(call.tx, call.config, call.organisation_id, row.person_id, before, users.wanted(made))
    return _user(call, row.person_id)


def delete_user(call: Call) -> Response:
    """DELETE /Users/{id}."""
    row = _user_row(call)
    user_operations.remove(call.tx, call.organisation_id, row.person_id)
    return Response(status_code=204)


def _user_row(call: Call) -> Any:
    row = users.found(call.tx, call.organisation_id, users.key_of(call.path["key"]))
    if_match(call, users.version(row))
    return row


def _user(call: Call, person_id: int, status: int = 200) -> Response:
    row = users.found(call.tx, call.organisation_id, person_id)
    return _shown(call, users.resource(row, call.base), status)


# Groups --------------------------------------------------------------------------------------------------------------


def show_group(call: Call) -> Response:
    """GET /Groups/{id}."""
    row = groups.found(call.tx, call.organisation_id, users.key_of(call.path["key"]))
    return _unless_known(call, groups.version(row)) or _group(call, row.unit_id)


def create_group(call: Call) -> Response:
    """POST /Groups."""
    sent = reading.group(reading.parsed(call.body))
    with understood():
        made = schemas.Group.model_validate(sent, scim_ctx=Context.RESOURCE_CREATION_REQUEST)
    unit_id = group_operations.create(call.tx, call.organisation_id, _wanted(made))
    return _group(call, unit_id, 201)


def replace_group(call: Call) -> Response:
    """PUT /Groups/{id}."""
    row, before = _group_row(call)
    sent = reading.group(reading.parsed(call.body))
    with understood():
        made = schemas.Group.model_validate(sent, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
    group_operations.change(call.tx, call.organisation_id, row.unit_id, _wanted(before), _wanted(made))
    return _group(call, row.unit_id)


def patch_group(call: Call) -> Response:
    """PATCH /Groups/{id}."""
    row, before = _group_row(call)
    sent = reading.operations(reading.parsed(call.body), of_user=False)
    state = _wanted(before)
    with understood():
        patch = PatchOp[schemas.Group].model_validate(sent, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        patch.patch(before)
    group_operations.change(call.tx, call.organisation_id, row.unit_id, state, _wanted(before))
    return _group(call, row.unit_id)


def delete_group(call: Call) -> Response:
    """DELETE /Groups/{id}."""
    row, _ = _group_row(call, members=False)
    group_operations.remove(call.tx, call.organisation_id, row.unit_id)
    return Response(status_code=204)


def _group_row(call: Call, *, members: bool = True) -> tuple[Any, Any]:
    row = groups.found(call.tx, call.organisation_id, users.key_of(call.path["key"]))
    if_match(call, groups.version(row))
    belong = groups.members(call.tx, call.organisation_id, [row.unit_id])[row.unit_id] if members else None
    return row, groups.resource(row, call.base, belong)


def _group(call: Call, unit_id: int, status: int = 200) -> Response:
    row = groups.found(call.tx, call.organisation_id, unit_id)
    belong = groups.members(call.tx, call.organisation_id, [unit_id])[unit_id]
    return _shown(call, groups.resource(row, call.base, belong), status)


def _wanted(made: Any) -> GroupState:
    members = {users.reference(member, "members", "/Users/") for member in made.members or ()}
    if None in members:
        raise ScimRefusal("members: each has a value, the id of a User.")
    return GroupState(made.display_name or "", made.external_id or None, frozenset(key for key in members if key is not None))
