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
    "organisation:read": "Read organisations, services and teams",
    "people:import": "Send HR extracts, preview and apply them",
    "changes:read": "Read the feed of changes, of what the other scopes allow",
    "webhooks:write": "Have those changes sent to addresses of one's own",
    "training-records:read": "Read completions and outcomes as HR keeps them",
    "training-records:write": "Say which of them HR has taken over",
    "scim": "Keep people and teams as the directory has them, by SCIM",
}
PROBLEMS = {
    "400": "The body is not JSON",
    "401": "No token, or one that is unknown or has expired",
    "403": "The token lacks the scope",
    "404": "There is no such thing, or it is out of the client's reach",
    "409": "The state of things does not allow it; `code` says why",
    "412": "It has changed since you read it",
    "413": "The body is too large",
    "422": "A field is wrong, unknown or missing; see `errors`",
    "428": "If-Match is missing",
    "429": "The client has used up this minute; RateLimit-Reset says how many seconds are left of it",
    "503": "Very busy; nothing was changed",
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
    "NewCompletion": {"person_id": 12, "course_id": 4, "completed_on": "2026-11-03", "minutes": 40},
    "ManyCompletions": {"items": [{"person_id": 12, "course_id": 4, "completed_on": "2026-11-03"}]},
    "ManyPeople": {
        "items": [
            {"employee_number": "104417", "first_name": "Amina", "last_name": "Okafor", "unit": "NORTH-TEAM", "manager_number": "104002"},
            {"employee_number": "104418", "first_name": "Sam", "last_name": "Lee", "fte": 0.6, "manager_number": "104002"},
        ]
    },
    "NewAnswers": {"answers": [{"id": 24, "mark": "3f0c1a", "state": "confirmed", "reference": "TR-88121"}]},
    "Applying": {"confirm_leavers": 12},
}
UNVERSIONED = ("/api/v1/completions", "/api/v1/people/bulk", "/api/v1/imports")  # with all below: these carry no ETag
