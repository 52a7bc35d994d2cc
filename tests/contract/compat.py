"""Which differences between two descriptions of the REST interface would break a client of the first. Run: record the present one.

A client may rely on every address, every field it reads, and on everything it sends being accepted. New addresses, new fields to read,
new optional fields to send and new words in what it reads are no break.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMITTED = Path(__file__).parent / "openapi.json"
AGAIN = "If it is meant, write it down: .venv/bin/python -m tests.contract.compat --write"
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
METHODS = ("get", "post", "put", "patch", "delete")


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a client of the old description would trip over in the new one; empty: nothing."""
    return list(_paths(old, new))


def _paths(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for path, operations in old["paths"].items():
        if path not in new["paths"]:
            yield f"{path} is gone"
            continue
        for method in METHODS:
            if method not in operations:
                continue
            if method not in new["paths"][path]:
                yield f"{method.upper()} {path} is gone"
                continue
            where = f"{method.upper()} {path}"
            yield from _operation(where, operations[method], new["paths"][path][method], _Both(old, new))


class _Both:
    """The two documents, to look up what a $ref means in each."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.documents, self.seen = (old, new), set[tuple[str, str, bool]]()

    def schema(self, which: int, given: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in given:
            given = self.documents[which]["components"]["schemas"][given["$ref"].rpartition("/")[2]]
        return given

    def options(self, which: int, given: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """The choices that a schema leaves, by type; "any" where it does not say."""
        found: dict[str, list[dict[str, Any]]] = {}
        given = self.schema(which, given)
        for one in given.get("anyOf") or given.get("oneOf") or [given]:
            each = self.schema(which, one)
            if "anyOf" in each:
                for kind, some in self.options(which, each).items():
                    found.setdefault(kind, []).extend(some)
                continue
            kinds = each.get("type", "any")
            for kind in [kinds] if isinstance(kinds, str) else kinds:
                found.setdefault(kind, []).append(each)
        return found

    def known(self, old: dict[str, Any], new: dict[str, Any], sent: bool) -> bool:
        """Has this pair of named schemas been compared already? They may contain one another."""
        if "$ref" not in old or "$ref" not in new:
            return False
        key = (old["$ref"], new["$ref"], sent)
        known = key in self.seen
        self.seen.add(key)
        return known


def _operation(where: str, old: dict[str, Any], new: dict[str, Any], both: _Both) -> Iterator[str]:
    if old.get("operationId") != new.get("operationId"):
        yield f"{where}: generated clients call it {old.get('operationId')}, no longer"
    if old.get("security") != new.get("security"):
        yield f"{where}: another scope is needed"
    before, after = _parameters(old), _parameters(new)
    for key, parameter in before.items():
        if key not in after:
            yield f"{where}: parameter {key[1]} is gone"
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield f"{where}: parameter {key[1]} is needed now"
        yield from _schemas(f"{where} {key[1]}", parameter["schema"], after[key]["schema"], both, sent=True)
    for key in after.keys() - before.keys():
        if after[key].get("required"):
            yield f"{where}: a new parameter {key[1]} is needed"
    yield from _bodies(where, old.get("requestBody"), new.get("requestBody"), both)
    yield from _answers(where, old["responses"], new["responses"], both)


def _answers(where: str, old: dict[str, Any], new: dict[str, Any], both: _Both) -> Iterator[str]:
    for status, answer in old.items():
        if not status.startswith("2"):
            continue
        if status not in new:
            yield f"{where}: it no longer answers {status}"
            continue
        for kind, content in answer.get("content", {}).items():
            there = new[status].get("content", {}).get(kind)
            if there is None:
                yield f"{where}: {status} is no longer {kind}"
            else:
                yield from _schemas(f"{where} {status}", content["schema"], there["schema"], both, sent=False)


def _parameters(operation: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["in"], one["name"]): one for one in operation.get("parameters", ())}


def _bodies(where: str, old: dict[str, Any] | None, new: dict[str, Any] | None, both: _Both) -> Iterator[str]:
    if new is not None and new.get("required") and (old is None or not old.get("required")):
        yield f"{where}: a body is needed now"
    for kind, content in (old or {}).get("content", {}).items():
        there = (new or {}).get("content", {}).get(kind)
        if there is None:
            yield f"{where}: no body of {kind} is taken any more"
        else:
            yield from _schemas(f"{where} body", content["schema"], there["schema"], both, sent=True)


def _schemas(where: str, old: dict[str, Any], new: dict[str, Any], both: _Both, *, sent: bool) -> Iterator[str]:
    """`sent`: what clients send must still be taken. Otherwise: what they read must be what they could read before."""
    if both.known(old, new, sent):
        return
    before, after = both.options(0, old), both.options(1, new)
    if "any" not in (after if sent else before):
        lost = (before.keys() - after.keys()) if sent else (after.keys() - before.keys())
        lost -= {"integer"} if "number" in (after if sent else before) else set()
        for kind in sorted(lost):
            yield f"{where}: {kind} is {'no longer taken' if sent else 'given where it never was'}"
    for kind in sorted(before.keys() & after.keys()):
        if len(before[kind]) == 1 and len(after[kind]) == 1:
            yield from _one(where, before[kind][0], after[kind][0], both, sent=sent)
        else:
            yield from _words(where, before[kind], after[kind])


def _words(where: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[str]:
    """Several choices of one type: those that are words must still be there."""
    wanted = {repr(word) for one in before for word in _enum(one) or ()}
    there = {repr(word) for one in after for word in _enum(one) or ()}
    if all(_enum(one) is not None for one in after):
        for word in sorted(wanted - there):
            yield f"{where}: {word} is gone"


def _enum(schema: dict[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _one(where: str, old: dict[str, Any], new: dict[str, Any], both: _Both, *, sent: bool) -> Iterator[str]:
    before, after = _enum(old), _enum(new)
    if before is not None and after is not None:
        for word in before:
            if word not in after:
                yield f"{where}: {word!r} is gone"
    elif before is None and after is not None and sent:
        yield f"{where}: only certain words are taken now"
    elif before is not None and after is None and not sent:
        yield f"{where}: any word may be given now"
    if sent:
        yield from _limits(where, old, new)
    yield from _properties(where, old, new, both, sent=sent)
    if "items" in old and "items" in new:
        yield from _schemas(f"{where}[]", old["items"], new["items"], both, sent=sent)


def _limits(where: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in LOWER:
        if new.get(name, float("-inf")) > old.get(name, 0 if name.startswith("min") and name != "minimum" else float("-inf")):
            yield f"{where}: {name} is higher"
    for name in UPPER:
        if new.get(name, float("inf")) < old.get(name, float("inf")):
            yield f"{where}: {name} is lower"
    for name in ("pattern", "format"):
        if name in new and new[name] != old.get(name):
            yield f"{where}: another {name} is asked for"


def _properties(where: str, old: dict[str, Any], new: dict[str, Any], both: _Both, *, sent: bool) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, schema in before.items():
        if name not in after:
            yield f"{where}: {name} is gone"
            continue
        yield from _schemas(f"{where}.{name}", schema, after[name], both, sent=sent)
    needed, was = set(new.get("required", ())), set(old.get("required", ()))
    for name in sorted(needed - was if sent else (was - needed) & after.keys()):
        yield f"{where}: {name} is {'needed now' if sent else 'not always there any more'}"
    if sent and new.get("additionalProperties") is False and old.get("additionalProperties") is not False and "properties" in new:
        yield f"{where}: fields it does not know are refused now"


def described() -> dict[str, Any]:
    """The interface as it is now."""
    from app.main import create_app

    document: dict[str, Any] = json.loads(json.dumps(create_app().openapi()))
    return document


def main() -> int:
    """Write the present description down, unless it would break a client of the one that stands there."""
    new = described()
    broken = breaking(json.loads(COMMITTED.read_text()), new)
    if broken:
        print("\n".join(["Not written: this breaks clients of /api/v1.", *broken]))
        return 1
    if sys.argv[1:] == ["--write"]:
        COMMITTED.write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
