"""Completes the OpenAPI description with what FastAPI cannot see: scopes, problem documents, headers and examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute

from app.policy import SCOPES

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What was refused and why (RFC 9457). Programs go by `code`, people by `detail` and `way_out`.",
    "properties": {
        "type": {"type": "string", "description": "urn:academy:problem: and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; listed in the guide.", "examples": ["already-booked"]},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "Quote it when you ask for help."},
        "way_out": {"type": "string", "description": "What can be done about it."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}
SAID = {
    "people:read": "Read people and what is true of them today",
    "people:write": "Add and change people",
    "catalogue:read": "Read courses and sessions",
    "catalogue:write": "Add and change courses and sessions; see drafts and joining links",
    "bookings:read": "Read bookings",
    "bookings:write": "Book and cancel places",
    "completions:read": "Read who completed what",
    "completions:write": "Report results of e-learning",
    "supervision:read": "Read when people were supervised: dates, kinds and minutes",
    "programmes:read": "Read cohorts, enrolments, stages and outcomes",
    "learning-records:read": "Read learning records that their owners share with other systems, never their words",
    "pathways:read": "Read steps of careers, how far people are with them, and progressions",
    "measures:read": "Read published measures of the workforce, small numbers hidden",
    "talent:read": "Read talent pools, and the people on their lists who agree to be",
    "organisation:read": "Read organisations, services and teams",
    "people:import": "Send HR extracts, preview and apply them",
    "changes:read": "Read the feed of changes, of what the other scopes allow",
    "webhooks:write": "Have those changes sent to addresses of one's own",
    "training-records:read": "Read completions and outcomes as HR keeps them",
    "training-records:write": "Say which of them HR has taken over",
    "scim": "Keep people and teams as the directory has them, by SCIM",
}
REFUSALS = {  # by status: their name among the document's responses, and what they say
    "400": ("NotJson", "The body is not JSON"),
    "401": ("NoToken", "No token, or one that is unknown or has expired"),
    "403": ("NotAllowed", "The token lacks the scope"),
    "404": ("NotFound", "There is no such thing, or it is out of the client's reach"),
    "409": ("Conflict", "The state of things does not allow it; `code` says why"),
    "412": ("Changed", "It has changed since you read it"),
    "413": ("TooLarge", "The body is too large"),
    "422": ("Invalid", "A field is wrong, unknown or missing; see `errors`"),
    "428": ("NoVersion", "If-Match is missing"),
    "429": ("TooMany", "The client has used up this minute; RateLimit-Reset says how many seconds are left of it"),
    "503": ("Busy", "Very busy; nothing was changed"),
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Your own name for this request, kept for seven days: a repeat is answered as before and changes nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[\\x20-\\x7e]{1,100}$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag you read, so that nobody's change is lost. `*` overwrites whatever is there.",
    "schema": {"type": "string"},
    "example": "*",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag you have: unchanged is answered 304, without a body.",
    "schema": {"type": "string"},
}
ETAG = {"description": "Version of what was read.", "schema": {"type": "string"}}
EXAMPLES: dict[str, Any] = {
    "NewBooking": {"session_id": 7, "person_id": 12},
    "Cancellation": {"reason": "The trainer is ill"},
    "BookingCancellation": {"reason_code": "court", "reason": "A hearing was moved to that day"},
    "NewPerson": {
        "organisation_id": 1,
        "employee_number": "104417",
        "first_name": "Amina",
        "last_name": "Okafor",
        "email": "amina.okafor@westmarch.example",
        "swe_number": "SW900417",
        "started_on": "2026-09-01",
        "post": {"job_title": "Social worker", "contract": "permanent", "fte": 0.8, "working_days": "1111000"},
        "unit_id": 14,
        "manager_id": 3,
        "stage": "SW",
    },
    "PersonPatch": {"email": "amina.khan@westmarch.example", "unit_id": 15, "effective_from": "2027-01-04"},
    "NewCourse": {
        "title": "Court skills",
        "kind": "masterclass",
        "summary": "Giving evidence with confidence.",
        "outcomes": ["Write a clear statement", "Give oral evidence"],
        "cpd_minutes": 180,
    },
    "CoursePatch": {"validity_months": 36},
    "NewSession": {
        "course_id": 4,
        "capacity": 20,
        "parts": [{"starts_at": "2027-03-02T09:30:00Z", "ends_at": "2027-03-02T12:30:00Z", "room_id": 2, "trainer_ids": [31]}],
    },
    "SessionPatch": {"capacity": 24},
    "NewSubscription": {"name": "Payroll", "url": "https://payroll.westmarch.example/academy", "events": ["person.changed"]},
    "SubscriptionPatch": {"paused": True},
    "Redrive": {"since": "2027-03-02T09:30:00Z"},
    "NewCompletion": {"person_id": 12, "course_id": 4, "completed_on": "2026-11-03", "minutes": 40},
    "ManyCompletions": {"items": [{"person_id": 12, "course_id": 4, "completed_on": "2026-11-03"}]},
    "ManyPeople": {
        "items": [
            {"employee_number": "104417", "first_name": "Amina", "last_name": "Okafor", "unit": "NORTH-TEAM", "manager_number": "104002"},
            {"employee_number": "104418", "first_name": "Sam", "last_name": "Lee", "fte": 0.6, "manager_number": "104002"},
        ]
    },
    "NewAnswers": {"answers": [{"id": 24, "mark": "2026-05-01 2029-04-30", "state": "confirmed", "reference": "TR-88121"}]},
}
_HOOK = "/api/v1/subscriptions/{subscription_id}"
UNVERSIONED = (  # with all below: these carry no ETag
    *("/api/v1/completions", "/api/v1/people/bulk", "/api/v1/imports"),
    *(f"{_HOOK}/deliveries", f"{_HOOK}/test", f"{_HOOK}/redrive"),
)


def finish(document: dict[str, Any], routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The same description, true: each operation with its scope, its headers and every refusal it may answer with."""
    document["components"]["securitySchemes"] = {
        "oauth2": {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {name: SAID[name] for name in SCOPES}}},
        }
    }
    schemas = document["components"]["schemas"]
    for left_over in ("HTTPValidationError", "ValidationError"):
        schemas.pop(left_over, None)
    schemas["Problem"] = PROBLEM
    told = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    document["components"]["responses"] = {name: {"description": words, "content": told} for name, words in REFUSALS.values()}
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    for route in routes:
        door = getattr(getattr(route, "endpoint", None), "door", None)
        for method in getattr(route, "methods", None) or ():
            operation = document["paths"].get(getattr(route, "path", ""), {}).get(method.lower())
            if operation is not None:
                _complete(operation, method, getattr(route, "path", ""), door)
    return document


def _complete(operation: dict[str, Any], method: str, path: str, door: dict[str, Any] | None) -> None:
    if door is None:  # the token endpoint describes itself
        operation["responses"].pop("422", None)
        return
    operation["security"] = [{"oauth2": [door["scope"]]}]
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        _never_null(parameter)
    one = path.endswith("}") and not path.startswith(UNVERSIONED)
    has_body, changes = "requestBody" in operation, method in ("POST", "PATCH", "DELETE")
    codes = ["401", "403", "422", "429", "503"]
    codes += ["404"] if "{" in path or method == "POST" or "404" in operation["responses"] else []
    codes += ["400"] if has_body else []
    codes += ["409", "413"] if changes else []
    if method == "POST":
        parameters.append(IDEMPOTENCY)
    elif method in ("PATCH", "DELETE"):
        parameters.append(IF_MATCH)
        codes += ["412", "428"]
    elif one:
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "You have it already", "headers": {"ETag": ETAG}}
    if not parameters:
        del operation["parameters"]
    for status in codes:
        operation["responses"].pop(status, None)
    for status, response in operation["responses"].items():
        response["description"] = {"200": "Done", "201": "Made", "204": "Done"}.get(status, response["description"])
        if status in ("200", "201") and (one or changes) and not path.startswith(UNVERSIONED):
            response["headers"] = {"ETag": ETAG}
        if status == "201":
            response.setdefault("headers", {})["Location"] = {"description": "Where it can be read.", "schema": {"type": "string"}}
    operation["responses"] |= {status: {"$ref": f"#/components/responses/{REFUSALS[status][0]}"} for status in sorted(codes)}


def _never_null(parameter: dict[str, Any]) -> None:
    """A parameter is left out or has a value; there is no null in a query."""
    schema = parameter["schema"]
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        del schema["anyOf"]
        schema.update(options[0])
