"""What the matrices send to each route: how its path is filled in, and a form or body that would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.rooms import api_routers, page_routes
from tests.census import world as census_world
from tests.learning import moving_world as moving_in
from tests.measures import inputs_world, published, sets_world, settings_world
from tests.mentoring import world as together
from tests.pathways import world as pathways_world
from tests.policy.world import TEAM, World
from tests.programmes import apprentice_world, moving_world, portfolio_world, sign_world
from tests.reports import places as report_places
from tests.talent import world as talent_world

NAME = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Way:
    """A route of the service, and what its door asks for."""

    method: str
    path: str
    door: str

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


def pages() -> list[Way]:
    """Every page, in the order of the navigation's rooms; those that change something last."""
    ways = []
    for route in page_routes():
        can = route.door["can"]  # type: ignore[attr-defined]
        ways += [
            Way(method, route.path, "public" if can is None else str(can)) for method in sorted(route.methods or ()) if method != "HEAD"
        ]
    return sorted(ways, key=lambda way: way.method != "GET")


def apis() -> list[Way]:
    """Every API route that asks for a token."""
    ways = []
    for router in api_routers():
        for route in router.routes:
            door = getattr(getattr(route, "endpoint", None), "door", None)
            if door is not None:
                ways += [Way(method, route.path, door["scope"]) for method in sorted(route.methods)]  # type: ignore[attr-defined]
    return sorted(ways, key=lambda way: way.method != "GET")


class Asked(Mapping[str, Any]):
    """The world's ids, remembering which were asked for."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known, self.used = known, set[str]()

    def __getitem__(self, name: str) -> Any:
        assert name in self.known, f"tests/policy/world.py does not say what {name} is"
        self.used.add(name)
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


_VERSIONS = "/frameworks/versions/{version_id:int}"
FRAMEWORKS: dict[str, dict[str, str]] = {
    **{f"GET {_VERSIONS}{tail}": {"version_id": "framework"} for tail in ("", ".yaml")},
    f"GET {_VERSIONS}/documents/{{code}}": {"version_id": "framework", "code": "document_code"},
    **{f"{method} {_VERSIONS}/{verb}": {"version_id": "draft"} for method in ("GET", "POST") for verb in ("publish", "discard")},
    **{f"{method} {_VERSIONS}/withdraw": {"version_id": "framework"} for method in ("GET", "POST")},
    "GET /frameworks/rules/{rule_id:int}": {"rule_id": "supervision_rule"},
    **{f"{method} /frameworks/rules/{{rule_id:int}}/publish": {"rule_id": "draft_rule"} for method in ("GET", "POST")},
}

_IMPORT = "/supervision/import/{import_id:int}"
_NUMBERED = {
    "/people/{person_id:int}/supervision/actions": "action_number",
    "/people/{person_id:int}/pdr/{cycle_id:int}/objectives": "objective_number",
    "/people/{person_id:int}/pdr/{cycle_id:int}/plan": "line_number",
}
SUPERVISION: dict[str, dict[str, str]] = {
    **{f"{way} {_IMPORT}{tail}": {"import_id": "supervision_import"} for way in ("GET", "POST") for tail in ("", "/apply")},
    "POST /protected-time/{entry_id:int}/withdraw": {"entry_id": "protected_entry"},
    "POST /caseloads/{entry_id:int}/withdraw": {"entry_id": "caseload_entry"},
    **{f"GET {path}/{{number:int}}": {"number": name} for path, name in _NUMBERED.items()},
    **{
        f"POST {path}/{{number:int}}{deed}": {"number": name}
        for path, name in _NUMBERED.items()
        for deed in ("", "/done", "/not-done", "/dropped", "/reopen", "/take-back")
    },
}

# Where a route needs another example than the usual one: path parameter → name in the world, by "METHOD path".
OTHERS: dict[str, dict[str, str]] = {
    "GET /sessions/{session_id:int}/book": {"session_id": "free_session"},
    "POST /sessions/{session_id:int}/book": {"session_id": "free_session"},
    "POST /sessions/{session_id:int}/give": {"session_id": "late_session"},
    **{f"{method} /bookings/{{booking_id:int}}/order": {"booking_id": "waiting_booking"} for method in ("GET", "POST")},
    "POST /bookings/{booking_id:int}/give": {"booking_id": "waiting_booking"},
    **{f"POST /bookings/{{booking_id:int}}/{what}": {"booking_id": "offered_booking"} for what in ("accept", "decline")},
    **{f"POST /api/v1/bookings/{{booking_id}}/{what}": {"booking_id": "offered_booking"} for what in ("accept", "decline")},
    **{
        f"{method} /sessions/{{session_id:int}}/{what}": {"session_id": "free_session"}
        for method in ("GET", "POST")
        for what in ("group", "reserve")
    },
    **{f"{method} /bookings/{{booking_id:int}}/name": {"booking_id": "reserved_booking"} for method in ("GET", "POST")},
    "POST /bookings/{booking_id:int}/give-back": {"booking_id": "reserved_booking"},
    "POST /manage/sessions/{session_id:int}/quotas/{quota_id:int}/release": {"session_id": "kept_session"},
    "GET /bookings/{booking_id:int}/decide": {"booking_id": "pending_booking"},
    "POST /bookings/{booking_id:int}/decide": {"booking_id": "pending_booking"},
    **{f"{method} /prior-learning/{{key:int}}": {"key": "prior"} for method in ("GET", "POST")},
    **{f"{method} /manage/providers/{{key:int}}": {"key": "provider"} for method in ("GET", "POST")},
    **{f"{method} /manage/series/{{key:int}}": {"key": "series"} for method in ("GET", "POST")},
    **{f"{method} /manage/policy/reasons/{{code}}": {"code": "cancel_reason"} for method in ("GET", "POST")},
    **{f"{method} /bookings/{{booking_id:int}}/answer": {"booking_id": "charged_booking"} for method in ("GET", "POST")},
    **FRAMEWORKS,
    **SUPERVISION,
    **together.OTHERS,
    **census_world.OTHERS,
    **moving_in.OTHERS,
    **pathways_world.OTHERS,
    **talent_world.OTHERS,
    **report_places.OTHERS,
    **inputs_world.OTHERS,
    **published.OTHERS,
    **sets_world.OTHERS,
    **portfolio_world.OTHERS,
    **sign_world.OTHERS,
    **moving_world.OTHERS,
    "GET /inbox/{message_id:int}": {"message_id": "own_message"},
    "GET /calendar/{token}.ics": {"token": "feed"},
    "POST /manage/sessions/{session_id:int}/publish": {"session_id": "draft_session"},
    "POST /api/v1/courses/{course_id}/publish": {"course_id": "draft_course"},
    "GET /api/v1/units/{unit_id}": {"unit_id": "organisation_id"},
    **{f"GET /api/v1/imports/{{import_id}}{tail}": {"import_id": "key"} for tail in ("", "/problems")},
    **{f"POST /api/v1/imports/{{import_id}}/{verb}": {"import_id": "key"} for verb in ("apply", "compare", "discard")},
    "POST /api/v1/sessions/{session_id}/publish": {"session_id": "draft_session"},
}


def fill(way: Way, ids: Asked) -> str:
    """The address to ask for."""
    others = OTHERS.get(f"{way.method} {way.path}", {})
    filled = NAME.sub(lambda found: str(ids[others.get(found[1], found[1])]), way.path)
    query = _of(QUERIES, way, ids)
    return f"{filled}?{query}" if query else filled


def _of(table: dict[str, Any], way: Way, ids: Asked) -> Any:
    found = table.get(f"{way.method} {way.path}")
    return found(ids) if callable(found) else found


QUERIES: dict[str, Any] = {
    **talent_world.QUERIES,
    "GET /sessions/{session_id:int}/book": lambda ids: f"person={ids['person_id']}",
    "GET /sessions/{session_id:int}/roster": "needs=show",
}


def form(way: Way, ids: Asked) -> dict[str, Any]:
    """Fields to send; nothing where a refusal of empty fields (422) says as well that one may."""
    return _of(FORMS, way, ids) or {}


FORMS: dict[str, Any] = {
    **portfolio_world.FORMS,
    **sign_world.FORMS,
    **apprentice_world.FORMS,
    "POST /sessions/{session_id:int}/book": lambda ids: {"person": ids["person_id"]},
    "POST /bookings/{booking_id:int}/cancel": {"reason_code": "court"},
    "POST /sessions/{session_id:int}/group": lambda ids: {"people": ids["person_id"], "confirmed": "yes"},
    "POST /sessions/{session_id:int}/reserve": {"number": "1"},
    "POST /manage/groups": {"name": "Apprentices"},
    "POST /bookings/{booking_id:int}/name": lambda ids: {"person": ids["person_id"]},
    "POST /bookings/{booking_id:int}/decide": {"decision": "approve"},
    "POST /prior-learning/{key:int}": {"version": "1", "decision": "accept"},
    "POST /bookings/{booking_id:int}/order": {"priority": "1", "reason": "The court ordered it"},
    "POST /bookings/{booking_id:int}/give": {"why": "The court ordered it"},
    "POST /offers/{offer}": {"decision": "accept"},
    "POST /manage/charges/{consequence_id:int}": {"decision": "upheld", "reason": "There was a bus"},
    "POST /people/{person_id:int}/absences": lambda ids: day("away_from", ids["day"]),
    "POST /organisation/{unit_id:int}/cost-centre": {"cost_centre": "CC-7"},
    "POST /manage/policy/reasons/{code}": {"title": "Leave or holiday"},
    "POST /manage/sessions/{session_id:int}/cancel": {"reason": "The trainer is ill"},
    "POST /manage/sessions/new": lambda ids: {"course": ids["course_id"], "parts": "1"},
    "POST /access/people/{person_id:int}/roles": lambda ids: {
        "role": "board viewer",
        "unit": "Aldermoor team one",
        **day("from", ids["day"]),
    },
    "POST /access/single-sign-on": {"claim": "Academy.Board", "role": "board viewer", "everywhere": "yes"},
    "POST /access/people/{person_id:int}/identity": {"subject": "3f2b8c1e-5a70-4f0d-9c52-1f6a2d7e4b90"},
    "POST /access/clients/new": {"name": "A new system", "scope": "catalogue:read", "organisation": "everybody"},
    "POST /access/clients/{client_id:int}/edit": {"name": "The same system", "scope": "catalogue:read", "organisation": "everybody"},
    "POST /access/clients/{client_id:int}/secret": {"hours": "24"},
    "POST /people/{person_id:int}/edit": {"first_name": "Ann", "last_name": "Holt-Reed", "version": "1"},
    "POST /people/{person_id:int}/change/{what}": lambda ids: {"unit": TEAM, **day("from", ids["day"])},
    "POST /my-details/change": {"known_as": "Annie", "access_needs": ""},
    "POST /manage/providers/new": {"name": "A university"},
    "POST /manage/providers/{key:int}": {"name": "Another university"},
    "POST /manage/series/new": {"title": "A series", "summary": "What runs through it."},
    "POST /manage/series/{key:int}": {"title": "The same series", "summary": "In other words."},
    "POST /manage/rooms/new": {"name": "A new room", "place": "Aldermoor", "capacity": "12"},
    "POST /manage/rooms/{room_id:int}": {"name": "The same room", "place": "Aldermoor", "capacity": "14"},
    "POST /password/forgotten": {"email": "nobody@westmarch.example"},
    "POST /frameworks/versions/{version_id:int}/withdraw": {"reason": "Another version takes its place"},
    **together.FORMS,
    **census_world.FORMS,
    **pathways_world.FORMS,
    **settings_world.FORMS,
    **sets_world.FORMS,
    **talent_world.FORMS,
    **report_places.FORMS,
    "POST /supervision/{supervision_id:int}/withdraw": {"why": "not_held"},
    "POST /people/{person_id:int}/caseloads": lambda ids: {"children": "9", **day("counted_on", ids["day"] - timedelta(days=300))},
    "POST /sign-in": {"email": "nobody@westmarch.example", "password": "not the password"},
}

BODIES: dict[str, Any] = {
    "POST /api/v1/people": lambda ids: {"first_name": "New", "last_name": "Starter", "organisation_id": ids["organisation_id"]},
    "PATCH /api/v1/people/{person_id}": {"known_as": "Annie"},
    "POST /api/v1/subscriptions": {"name": "Payroll", "url": "https://hooks.westmarch.example/x"},
    "POST /api/v1/bookings": lambda ids: {"session_id": ids["free_session"], "person_id": ids["person_id"]},
    "POST /api/v1/bookings/{booking_id}/cancel": {"reason": "Called to court"},
    "POST /api/v1/completions": lambda ids: {"person_id": ids["person_id"], "course_id": ids["course_id"], "completed_on": "2026-03-03"},
    "POST /api/v1/completions/bulk": lambda ids: {
        "items": [{"person_id": ids["person_id"], "course_id": ids["course_id"], "completed_on": "2026-03-03"}]
    },
    "POST /api/v1/people/bulk": lambda ids: {
        "organisation_id": ids["organisation_id"],
        "items": [{"employee_number": "N1", "first_name": "New", "last_name": "Starter", "started_on": "2026-01-05"}],
    },
    "POST /api/v1/courses": {"title": "A new course", "kind": "masterclass"},
    "POST /api/v1/training-records/answers": lambda ids: {"answers": [{"id": ids["number"], "mark": "2026-05-01 -", "state": "confirmed"}]},
    "PATCH /api/v1/courses/{course_id}": {"summary": "In other words."},
    "POST /api/v1/sessions": lambda ids: {"course_id": ids["course_id"], "capacity": 5, "parts": [part(ids["day"])]},
    "PATCH /api/v1/sessions/{session_id}": {"capacity": 6},
    "POST /api/v1/sessions/{session_id}/cancel": {"reason": "The trainer is ill"},
}


def part(day: Any) -> dict[str, Any]:
    """A part of a session online, on a day when nothing else happens."""
    day += timedelta(days=70)
    return {"starts_at": f"{day}T09:30:00Z", "ends_at": f"{day}T12:30:00Z", "link": "https://meet.westmarch.example/new"}


def day(name: str, value: Any) -> dict[str, str]:
    """A date as forms have it."""
    return {name: str(value.day), f"{name}-month": str(value.month), f"{name}-year": str(value.year)}


def body(way: Way, ids: Asked) -> dict[str, Any] | None:
    """The JSON to send; None for a read."""
    if way.method == "GET":
        return None
    return _of(BODIES, way, ids) or {}


def about_somebody(way: Way, world: World) -> bool:
    """Does what is sent name somebody, or something of theirs?"""
    ids = Asked(world.here)
    fill(way, ids), form(way, ids), body(way, ids)
    return any(world.here[name] != world.elsewhere[name] for name in ids.used)
