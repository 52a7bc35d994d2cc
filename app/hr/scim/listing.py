"""Lists of users and groups: filtered, sorted, in pages, with the attributes that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scim2_models import Context, SearchRequest

from app.hr.scim import filters, groups, schemas, users
from app.hr.scim.door import Call
from app.hr.scim.errors import ScimRefusal
from app.hr.scim.library import understood

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
USUAL = 100  # resources in a page, unless the request says how many
FARTHEST = 10**9  # a place in a list that no database minds
PARAMETERS = {
    name.lower(): name for name in ("attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "schemas")
}


@dataclass(frozen=True, slots=True)
class Kind:
    """Users or groups: how they are read and shown."""

    model: Any
    page: Callable[..., tuple[int, Sequence[Any]]]
    narrowed: Callable[..., Sequence[Any]]
    narrow: type[filters.Narrow]
    show: Callable[[Call, Sequence[Any], bool], list[Any]]


def _show_users(call: Call, rows: Sequence[Any], _members: bool) -> list[Any]:
    return [users.resource(row, call.base) for row in rows]


def _show_groups(call: Call, rows: Sequence[Any], members: bool) -> list[Any]:
    belong = groups.members(call.tx, call.organisation_id, [row.unit_id for row in rows]) if members else {}
    return [groups.resource(row, call.base, belong.get(row.unit_id)) for row in rows]


USERS = Kind(schemas.Person, users.page, users.narrowed, filters.NarrowUsers, _show_users)
GROUPS = Kind(schemas.Group, groups.page, groups.narrowed, filters.NarrowGroups, _show_groups)


def read(sent: dict[str, Any], model: Any) -> Any:
    """What a list or a single resource is asked for with; 400 for what cannot be meant. What RFC 7644 does not name is passed over."""
    given: dict[str, Any] = {}
    for key, value in sent.items():
        name = PARAMETERS.get(key.lower())
        if name is not None and name != "schemas" and value not in ("", None):
            given[name] = value
    for name in ("startIndex", "count"):
        given |= {name: _whole(name, given[name])} if name in given else {}
    if "filter" in given:
        if not isinstance(given["filter"], str):
            raise ScimRefusal("filter must be a text.", "invalidFilter")
        given["filter"] = filters.tidy(given["filter"])
    if isinstance(order := given.get("sortOrder"), str):
        given["sortOrder"] = order.lower()
    for name in ("attributes", "excludedAttributes"):
        value = given.get(name)
        if (value is not None and not isinstance(value, str | list)) or len(str(value)) > filters.LONGEST:
            raise ScimRefusal(f"{name} must be names of attributes, with commas between them.")
        if isinstance(value, list):
            given[name] = ",".join(str(item) for item in value)
    with understood():
        asked = SearchRequest[model].model_validate({**given, "schemas": [str(SearchRequest.__schema__)]}, scim_ctx=Context.SEARCH_REQUEST)
        if asked.filter is not None:
            filters.check(asked.filter)
    return asked


def _whole(name: str, given: Any) -> int:
    """Any whole number; one beyond all lists stands for their end."""
    text = str(given).strip()
    if isinstance(given, bool | float) or len(text) > 400 or not text.lstrip("-").isascii() or not text.lstrip("-").isdigit():
        raise ScimRefusal(f"{name} must be a whole number.")
    small = text if len(text) < 12 else ("-1" if text.startswith("-") else str(FARTHEST))
    return min(int(small), FARTHEST)


def answer(call: Call, kinds: Sequence[Kind], asked: Any) -> dict[str, Any]:
    """A ListResponse (RFC 7644 §3.4.2)."""
    first = asked.start_index_0 or 0
    most = min(USUAL if asked.count is None else asked.count, schemas.MOST_RESULTS)
    members = _wants_members(asked)
    if asked.filter is None and asked.sort_by is None:
        total, shown = _plain(call, kinds, first, most, members)
    else:
        found = _judged(call, kinds, asked, members)
        total, shown = len(found), found[first : first + most]
    with understood():
        told = [resource.model_dump(scim_ctx=Context.SEARCH_RESPONSE, response_parameters=asked) for resource in shown]
    return {"schemas": [LIST], "totalResults": total, "startIndex": first + 1, "itemsPerPage": len(told), "Resources": told}


def _plain(call: Call, kinds: Sequence[Kind], first: int, most: int, members: bool) -> tuple[int, list[Any]]:
    """A page of all there is, in the order of ids, users before groups: read as a page."""
    total = 0
    shown: list[Any] = []
    for kind in kinds:
        many, rows = kind.page(call.tx, call.organisation_id, max(0, first - total), most - len(shown) if first < FARTHEST else 0)
        total += many
        shown += kind.show(call, rows, members)
    return total, shown


def _judged(call: Call, kinds: Sequence[Kind], asked: Any, members: bool) -> list[Any]:
    found: list[Any] = []
    most = filters.most_judged(asked.filter)
    needs_members = members or "members" in str(asked.filter).lower()
    for kind in kinds:
        condition = kind.narrow(call.tx.today).visit(asked.filter.ast) if asked.filter is not None else None
        rows = kind.narrowed(call.tx, call.organisation_id, condition, most + 1)
        if len(rows) > most:
            words = f"More than {most} would have to be looked at. Filter by userName, externalId, employeeNumber or e-mail too."
            raise ScimRefusal(words, "tooMany")
        found += kind.show(call, rows, needs_members)
    with understood():
        if asked.filter is not None:
            found = [resource for resource in found if asked.filter.match(resource)]
        return list(asked.sort(found))


def _wants_members(asked: Any) -> bool:
    """Are the members of groups shown? They are as many as all users together, so they are read only then."""
    if asked.attributes:
        return any("members" in str(path).lower() for path in asked.attributes)
    return not any(str(path).lower().rpartition(":")[2] == "members" for path in asked.excluded_attributes or ())
