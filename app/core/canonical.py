"""Canonical JSON (RFC 8785): one value has exactly one text, so a hash over the text is a hash of the value.

What the sign-off format leaves out makes it simple: no floating point at all, whole numbers up to 2^53 - 1, text in Unicode's composed form
(NFC). Whoever reads it back learns whether the text is still the canonical one.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NoReturn

LARGEST = 2**53 - 1  # every reader of JSON, JavaScript's included, keeps whole numbers up to here exact
DEEPEST = 32  # lists and objects inside one another; what people fill in never comes near
_LONGEST_NUMBER = 17  # characters of -9007199254740991


class NotCanonical(ValueError):
    """The value cannot be written, or the text is not the one way of writing its value."""


def canonical(value: Any) -> bytes:
    """The one UTF-8 text of a value. Text becomes NFC, instants 'YYYY-MM-DDTHH:MM:SS.ffffffZ', dates 'YYYY-MM-DD'.

    Raises NotCanonical for floats, numbers beyond 2^53 - 1, half surrogates, keys that are not text or fall together in NFC, and
    anything else that JSON does not know.
    """
    text = json.dumps(_plain(value, 0), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def instant(moment: datetime) -> str:
    """An instant in UTC with six decimals: '2026-12-08T10:04:00.000000Z'. One without a zone is refused."""
    if moment.tzinfo is None:
        raise NotCanonical("an instant without a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def read(text: str) -> Any:
    """The value of a canonical text. Raises NotCanonical when it is anything but the one way of writing that value."""
    if _too_deep(text):
        raise NotCanonical("too deeply nested")
    try:
        value = json.loads(text, object_pairs_hook=_members, parse_int=_whole, parse_float=_refused, parse_constant=_refused)
    except NotCanonical:
        raise
    except ValueError as wrong:
        raise NotCanonical("not JSON") from wrong
    if canonical(value) != text.encode("utf-8", "surrogatepass"):
        raise NotCanonical("not written in the canonical way")
    return value


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise NotCanonical("too deeply nested")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise NotCanonical("a number beyond 2^53 - 1")
        return int(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_plain(one, depth + 1) for one in value]
    raise NotCanonical(f"{type(value).__name__} has no place in a signed text")


def _object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, member in value.items():
        if not isinstance(key, str):
            raise NotCanonical("a key that is not text")
        name = _text(key)
        if name in members:
            raise NotCanonical("the same key twice")
        members[name] = _plain(member, depth + 1)
    # RFC 8785 sorts by UTF-16 code units, which differs from code points beyond U+FFFF.
    return {name: members[name] for name in sorted(members, key=lambda key: key.encode("utf-16-be"))}


def _text(value: str) -> str:
    normal = unicodedata.normalize("NFC", value)
    try:
        normal.encode("utf-8")
    except UnicodeEncodeError as wrong:
        raise NotCanonical("half of a surrogate pair") from wrong
    return str(normal)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("the same key twice")
    return members


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise NotCanonical("a number beyond 2^53 - 1")
    return int(digits)


def _refused(_: str) -> NoReturn:
    raise NotCanonical("a number that is not whole")


def _too_deep(text: str) -> bool:
    """Whether brackets outside strings nest too deeply, found without recursion."""
    depth, inside, skip = 0, False, False
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    for character in text:
        if skip:
            skip = False
        elif inside:
            skip, inside = character == "\\", character != '"'
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            if depth > DEEPEST + 1:
                return True
        elif character in "]}":
            depth -= 1
    return False
