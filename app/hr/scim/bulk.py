"""Bulk requests (RFC 7644 §3.7): each operation is answered as it would be alone, in a transaction of its own.

An operation may name a resource that another one creates ("bulkId:…"), in whatever order they stand: it waits for it. Operations that wait
for each other in a circle are refused, as is whatever waits for one that failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from app.core.errors import Refusal
from app.hr.scim import answering, reading, schemas
from app.hr.scim.door import Call
from app.hr.scim.errors import ScimRefusal, document

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
Enter = Callable[[bool], AbstractContextManager[Call]]
_BULK_ID = re.compile(r"bulkId:([^\"/\s]{1,200})")
_ANSWERS: dict[tuple[str, str, bool], Callable[[Call], Response]] = {
    ("POST", "users", False): answering.create_user,
    ("PUT", "users", True): answering.replace_user,
    ("PATCH", "users", True): answering.patch_user,
    ("DELETE", "users", True): answering.delete_user,
    ("POST", "groups", False): answering.create_group,
    ("PUT", "groups", True): answering.replace_group,
    ("PATCH", "groups", True): answering.patch_group,
    ("DELETE", "groups", True): answering.delete_group,
}


def bulk(enter: Enter, body: bytes) -> Response:
    """POST /Bulk."""
    with enter(False) as call:  # whoever may not come in is told so, whatever they have sent
        base = call.base
    sent = {key.lower(): value for key, value in reading.parsed(body).items()}
    urns = sent.get("schemas")
    if not isinstance(urns, list) or REQUEST.lower() not in [str(urn).lower() for urn in urns]:
        raise ScimRefusal(f"schemas must name {REQUEST}.", "invalidSyntax")
    given = sent.get("operations")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise ScimRefusal("Operations must be a list of operations.", "invalidSyntax")
    if len(given) > schemas.MOST_OPERATIONS:
        raise ScimRefusal(f"A bulk request holds {schemas.MOST_OPERATIONS} operations at most.", "tooMany", 413)
    most = sent.get("failonerrors")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise ScimRefusal("failOnErrors must be a whole number, 1 or more.")
    return answering.reply({"schemas": [RESPONSE], "Operations": _Run(enter, base, given).done(most)})


class _Run:
    """One bulk request: what is done, and which ids it gave."""

    def __init__(self, enter: Enter, base: str, given: list[dict[str, Any]]) -> None:
        self.enter, self.base = enter, base
        self.waiting = [{key.lower(): value for key, value in one.items()} for one in given]
        for one in self.waiting:
            one["names"] = set(_BULK_ID.findall(json.dumps([one.get("data"), one.get("path")]))) - {str(one.get("bulkid"))}
        self.ids: dict[str, str] = {}  # bulkId → id
        self.coming = {str(one["bulkid"]) for one in self.waiting if one.get("bulkid") is not None}
        self.results: list[dict[str, Any]] = []

    def done(self, most: int | None) -> list[dict[str, Any]]:
        """The results, in the order in which the operations were done; no more once `most` have failed."""
        failed = 0
        while self.waiting and (most is None or failed < most):
            one = next((one for one in self.waiting if not self._needs(one)), None)
            stuck = one is None
            one = self.waiting[0] if one is None else one
            self.waiting.remove(one)
            result = self._result(one, stuck)
            failed += int(result["status"]) >= 400
            self.results.append(result)
        return self.results

    def _needs(self, one: dict[str, Any]) -> set[str]:
        """The bulkIds it names whose resources are still to come."""
        return {bulk_id for bulk_id in one["names"] if bulk_id not in self.ids and bulk_id in self.coming}

    def _result(self, one: dict[str, Any], stuck: bool) -> dict[str, Any]:
        said: dict[str, Any] = {"method": one.get("method")}
        bulk_id = one.get("bulkid")
        if bulk_id is not None:
            said["bulkId"] = bulk_id
            self.coming.discard(str(bulk_id))
        try:
            if stuck:
                raise ScimRefusal("This waits for itself: the operations name each other's bulkId in a circle.", "invalidValue", 409)
            response, location = self._done(one)
        except Refusal as problem:
            status, body = document(problem)
            return {**said, **self._where(one), "status": str(status), "response": body}
        tag = response.headers.get("etag")
        return {**said, "location": location, **({"version": tag} if tag else {}), "status": str(response.status_code)}

    def _done(self, one: dict[str, Any]) -> tuple[Response, str]:
        method, path, data = one.get("method"), one.get("path"), one.get("data")
        if not isinstance(method, str) or not isinstance(path, str) or len(path) > 300:
            raise ScimRefusal("An operation has a method and a path.", "invalidSyntax")
        endpoint, _, key = path.strip("/").partition("/")
        answer = _ANSWERS.get((method.upper(), endpoint.lower(), bool(key)))
        if answer is None:
            raise ScimRefusal("No operation of a bulk request has this method and path.", "invalidPath")
        if method.upper() == "POST" and not isinstance(one.get("bulkid"), str):
            raise ScimRefusal("A POST needs a bulkId.", "invalidSyntax")
        if method.upper() != "DELETE" and not isinstance(data, dict):
            raise ScimRefusal("data must be an object.", "invalidSyntax")
        headers = {"if-match": one["version"]} if isinstance(one.get("version"), str) else {}
        with self.enter(True) as call:
            alone = call.instead(body=to_json(self._resolved(data)), path={"key": self._resolved(key)}, headers=headers, query={})
            response = answer(alone)
            location = response.headers.get("location") or f"{self.base}/{endpoint}/{self._resolved(key)}"
        if method.upper() == "POST":
            self.ids[str(one["bulkid"])] = location.rpartition("/")[2]
        return response, location

    def _resolved(self, value: Any) -> Any:
        """With the ids that the bulkIds stand for; one that failed or never was is refused."""
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, str):
            return value

        def found(match: re.Match[str]) -> str:
            if match[1] not in self.ids:
                raise ScimRefusal(f"Nothing was created with the bulkId {match[1][:60]}.", "invalidValue", 409)
            return self.ids[match[1]]

        return _BULK_ID.sub(found, value) if value.startswith("bulkId:") or "/bulkId:" in value else value

    def _where(self, one: dict[str, Any]) -> dict[str, Any]:
        """RFC 7644 §3.7: every result but a POST's that failed says which resource it is about."""
        path = one.get("path")
        return (
            {} if str(one.get("method")).upper() == "POST" or not isinstance(path, str) else {"location": f"{self.base}/{path.strip('/')}"}
        )
