"""Requests as the RFC would have them: what Microsoft Entra sends otherwise is put right here, and nothing else is.

Sizes and depths are looked at first, so that nonsense is refused before anything is built of it.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

from app.hr.scim.errors import ScimRefusal
from app.hr.scim.schemas import CORE, ENTERPRISE, GROUP, MOST_OPERATIONS

DEEPEST = 12  # levels of objects and lists; a bulk request with a patch in it has 9
LONGEST_STRING = 4000
MOST_VALUES = 60_000  # strings, numbers and so on in one request

# Attributes of RFC 7643 that directories send and the Academy does not keep: taken without a word, told in docs/scim.md.
PASSED_OVER = {
    *("nickname", "profileurl", "usertype", "preferredlanguage", "locale", "timezone", "phonenumbers", "ims", "photos"),
    *("addresses", "entitlements", "roles", "x509certificates", "groups", "meta", "id", "costcenter"),
}
# Of the enterprise extension, without its URN in front: older mappings write "manager" for it.
_EMPLOYMENT = {"employeenumber", "organization", "division", "department", "manager", "costcenter"}
_READ_ONLY = {"id", "meta", "groups"}  # a PATCH of these is refused by the rules for read-only attributes
_SINGLE = {"username", "externalid", "displayname", "title", "active"} | (_EMPLOYMENT - {"manager"})
_NAME_PARTS = {"formatted", "middlename", "honorificprefix", "honorificsuffix"}  # likewise, of a name
_TRUTH = re.compile(r"\b(active|primary)(\s+(?:eq|ne)\s+)\"(true|false)\"", re.IGNORECASE)


def parsed(body: bytes) -> dict[str, Any]:
    """The request's JSON, an object. 400 invalidSyntax for anything else, too deep or too much."""
    try:
        sent = from_json(body, allow_inf_nan=False, cache_strings=False)
    except ValueError:
        raise ScimRefusal("The body is not valid JSON.", "invalidSyntax") from None
    if not isinstance(sent, dict):
        raise ScimRefusal("The body must be a JSON object.", "invalidSyntax")
    _measure(sent)
    return sent


def _measure(sent: Any) -> None:
    waiting, seen = [(sent, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST_VALUES:
            raise ScimRefusal("The body is nested too deeply, or holds too many values.", "invalidSyntax")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and (len(value) > LONGEST_STRING or "\x00" in value):
            raise ScimRefusal("A text is too long, or holds a character that cannot be kept.")


def truths(text: str) -> str:
    """`primary eq "True"`, as Entra writes it, in a filter or in the filter of a path: `primary eq true`."""
    return _TRUTH.sub(lambda found: f"{found[1]}{found[2]}{found[3].lower()}", text)


def user(sent: dict[str, Any], *, active: bool | None = None) -> dict[str, Any]:
    """A User to create, or to replace one who is `active` or not, which they stay unless it says otherwise."""
    new = active is None
    kept: dict[str, Any] = {}
    employment: dict[str, Any] = {}
    for key, value in sent.items():
        name, employed = _attribute(key)
        if key.lower() == ENTERPRISE.lower():
            employment |= _employment(value)
        elif name == "password" and not new:
            raise ScimRefusal("password: the Academy takes no passwords from a directory. Take it out of the mapping.")
        elif name == "schemas" or (name in PASSED_OVER) or name == "password":
            continue
        elif employed:
            employment[name] = _manager(value) if name == "manager" else value
        else:
            kept[key] = value
    if employment:
        kept[ENTERPRISE] = employment
    if not any(key.lower() == "active" for key in _without_nothing(kept)):
        kept["active"] = active is not False
    _name(kept)
    _one_email(kept)
    return {"schemas": [CORE, ENTERPRISE] if employment else [CORE], **_without_nothing(kept)}


def group(sent: dict[str, Any]) -> dict[str, Any]:
    """A Group to create or replace."""
    kept = {key: value for key, value in sent.items() if _attribute(key)[0] not in ("schemas", "id", "meta")}
    for key, value in kept.items():
        if key.lower() == "members":
            kept[key] = _members(value)
    return {"schemas": [GROUP], **_without_nothing(kept)}


def _without_nothing(sent: dict[str, Any]) -> dict[str, Any]:
    """An empty text is no value (Entra sends "" for what a person does not have)."""
    return {key: value for key, value in sent.items() if value is not None and value != ""}


def _attribute(path: str) -> tuple[str, bool]:
    """(the attribute a key or path begins with, in small letters; whether it is the enterprise extension's)."""
    small = path.lower()
    for urn in (ENTERPRISE.lower(), CORE.lower(), GROUP.lower()):
        if small.startswith(urn + ":"):
            return re.split(r"[.\[]", small[len(urn) + 1 :])[0], urn == ENTERPRISE.lower()
    if small.startswith("urn:"):
        return small, False
    name = re.split(r"[.\[]", small)[0]
    return name, name in _EMPLOYMENT


def _employment(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ScimRefusal("The enterprise extension must be an object.", "invalidSyntax")
    kept = {key: item for key, item in value.items() if key.lower() not in PASSED_OVER and item is not None and item != ""}
    return {key: _manager(item) if key.lower() == "manager" else item for key, item in kept.items()}


def _manager(value: Any) -> Any:
    """`"12"`, `{"value": "12"}`, `[{"$ref": "…", "value": "12"}]`: all are seen. Empty means nobody."""
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    if isinstance(value, str):
        value = {"value": value}
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item not in (None, "") and key.lower() != "displayname"}
        return kept or None
    return value


def _members(value: Any) -> Any:
    entries = value if isinstance(value, list) else [value]
    return [
        {key: item for key, item in entry.items() if item is not None and key.lower() != "display"} if isinstance(entry, dict) else entry
        for entry in ({"value": entry} if isinstance(entry, str) else entry for entry in entries)
        if entry is not None
    ]


def _name(sent: dict[str, Any]) -> None:
    """First and last name where only the display name tells them: "Lee, Ann" or "Ann Lee"."""
    by_name = {key.lower(): key for key in sent}
    name = sent.get(by_name.get("name", ""))
    given = {key.lower(): item for key, item in name.items() if item} if isinstance(name, dict) else {}
    if name is not None and not isinstance(name, dict):
        return
    shown = given.get("formatted") or sent.get(by_name.get("displayname", ""))
    if isinstance(shown, str) and shown.strip() and not ("givenname" in given and "familyname" in given):
        last, comma, first = shown.partition(",")
        if not comma:
            first, _, last = shown.strip().rpartition(" ")
        given = {"givenname": first.strip(), "familyname": last.strip()} | given
    if given:
        kept = {"givenName": given.get("givenname"), "familyName": given.get("familyname")}
        strange = set(given) - _NAME_PARTS - {"givenname", "familyname"}
        sent[by_name.get("name", "name")] = _without_nothing(kept) | {key: given[key] for key in strange}


def _one_email(sent: dict[str, Any]) -> None:
    """The work address of those that are sent, of several the primary. Others are not kept: nobody's private address is for the Academy."""
    key = next((key for key in sent if key.lower() == "emails"), None)
    if key is None or not isinstance(sent[key], list) or not all(isinstance(entry, dict) for entry in sent[key]):
        return
    sent[key] = _work(sent[key])


def _work(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The one address to keep; an entry without a type is taken for a work address where none says that it is one."""
    entries = [{name.lower(): item for name, item in entry.items()} for entry in given]
    entries = [entry for entry in entries if entry.get("value") not in (None, "")]
    work = [entry for entry in entries if str(entry.get("type")).lower() == "work"]
    work = work or [entry for entry in entries if entry.get("type") in (None, "")]
    primary = [entry for entry in work if str(entry.get("primary")).lower() == "true"]
    if len({str(entry["value"]).lower() for entry in primary}) > 1:
        raise ScimRefusal("emails: several work addresses are primary. The Academy keeps one: make one of them primary.")
    return [{"value": entry["value"], "type": "work", "primary": entry.get("primary", True)} for entry in (primary or work)[:1]]


def operations(sent: dict[str, Any], *, of_user: bool) -> dict[str, Any]:
    """A PATCH. Each operation has a path, or an object of plain attributes; what is passed over is out."""
    key = next((key for key in sent if key.lower() == "operations"), None)
    given = sent.get(key) if key is not None else None
    if not isinstance(given, list) or not given or len(given) > MOST_OPERATIONS:
        raise ScimRefusal(f"Operations must be a list of 1 to {MOST_OPERATIONS} operations.", "invalidSyntax")
    schemas = next((value for name, value in sent.items() if name.lower() == "schemas"), None)
    message = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    if schemas is not None and (not isinstance(schemas, list) or message.lower() not in [str(urn).lower() for urn in schemas]):
        raise ScimRefusal(f"schemas must name {message}.", "invalidSyntax")
    made: list[dict[str, Any]] = []
    for operation in given:
        if not isinstance(operation, dict):
            raise ScimRefusal("Each operation must be an object.", "invalidSyntax")
        made += _operation({name.lower(): value for name, value in operation.items()}, of_user)
    return {"schemas": [message], "Operations": made}


def _operation(given: dict[str, Any], of_user: bool) -> list[dict[str, Any]]:
    op, path, value = given.get("op"), given.get("path"), given.get("value")
    if unknown := given.keys() - {"op", "path", "value", "name"}:  # Entra's older samples name their operations
        raise ScimRefusal(f"An operation has op, path and value, not {min(unknown)[:40]}.", "invalidSyntax")
    if path is not None and not isinstance(path, str):
        raise ScimRefusal("path must be a text.", "invalidPath")
    base = {"op": op}
    if path in (None, "") and isinstance(value, dict):
        made: list[dict[str, Any]] = []
        for key, item in value.items():
            if key.lower() == ENTERPRISE.lower() and isinstance(item, dict):
                made += [part for name, inner in item.items() for part in _targeted(base, f"{ENTERPRISE}:{name}", inner, of_user, True)]
            elif key.lower() != "schemas":
                made += _targeted(base, key, item, of_user, True)
        return made
    if path in (None, ""):
        return [{**base, **({"value": value} if "value" in given else {})}]
    return _targeted(base, str(path), value, of_user, "value" in given)


def _targeted(base: dict[str, Any], path: str, value: Any, of_user: bool, has_value: bool) -> list[dict[str, Any]]:
    """One operation with its path, put right; none if it is about an attribute that is passed over."""
    path = truths(path)
    name, employed = _attribute(path)
    op = str(base["op"]).lower()
    if name == "schemas":
        raise ScimRefusal("schemas follows from the attributes that are there.", "mutability")
    if of_user:
        if name == "password":
            raise ScimRefusal("password: the Academy takes no passwords from a directory. Take it out of the mapping.")
        if name in PASSED_OVER - _READ_ONLY or (name == "name" and path.lower().rpartition(".")[2] in _NAME_PARTS):
            return []
        if employed and not path.lower().startswith("urn:"):
            path = f"{ENTERPRISE}:{path}"
        if op != "remove":
            op, path, value = _valued(op, path, name, value)
    elif name == "members":
        value = None if value is None else _members(value)
        if op == "remove" and isinstance(value, list):
            value = [{"value": entry.get("value")} if isinstance(entry, dict) else entry for entry in value]
    if op == "remove":
        return [{**base, "path": path, **({"value": value} if name == "members" and value is not None else {})}]
    if (has_value and op == "replace" and value in ("", None)) or (op == "add" and value == ""):
        return [{"op": "remove", "path": path}]  # Entra clears an attribute with an empty text
    return [{"op": op, "path": path, **({"value": value} if has_value else {})}]


def _valued(op: str, path: str, name: str, value: Any) -> tuple[str, str, Any]:
    """(op, path, value) of an add or a replace, with the value in the shape that the RFC gives it."""
    if name == "manager" and path.lower().endswith((":manager", ":manager.value")):
        told = _manager(value)
        return ("replace" if value in ("", [], {}) else op), re.sub(r"(?i)\.value$", "", path), told
    if path.lower() == ENTERPRISE.lower() and isinstance(value, dict):
        return op, path, _employment(value)
    if name == "name" and isinstance(value, dict):
        return op, path, {key: item for key, item in value.items() if key.lower() not in _NAME_PARTS}
    if path.lower().rpartition(":")[2] == "emails" and value:
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(entry, dict) for entry in entries):
            return op, path, value
        return "replace", path, _work(entries) or entries  # of others alone it is told that they are not kept
    if name in _SINGLE and isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "value" in value[0]:
        value = value[0]["value"]  # as Entra's first release wrapped single values
    return op, path, value
