"""Which rooms there are: their pages, their API, and the navigation that leads to them."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from app import policy
from app.core.tx import Actor
from app.policy import Can

PAGES = (
    "app.desks.pages",
    "app.desks.learning_of",
    "app.desks.required_pages",
    "app.desks.record_pages",
    "app.desks.systems",
    "app.identity.pages",
    "app.identity.details_pages",
    "app.identity.access_pages",
    "app.identity.client_pages",
    "app.identity.provider.pages",
    "app.identity.provider.manage_pages",
    "app.identity.provider.own_pages",
    "app.identity.trail",
    "app.frameworks.pages",
    "app.frameworks.manage_pages",
    "app.equality.pages",
    "app.people.edit_pages",
    "app.people.pages",
    "app.people.cover_pages",
    "app.people.register_pages",
    "app.guarding.pages",
    "app.learning.pages",
    "app.learning.curricula",
    "app.learning.completions_pages",
    "app.learning.prior_pages",
    "app.learning.moving_pages",
    "app.learning.certificate_pages",
    "app.learning.profile_pages",
    "app.learning.renewal_pages",
    "app.bookings.pages",
    "app.bookings.answer_pages",
    "app.bookings.register_pages",
    "app.bookings.check_in_pages",
    "app.bookings.hand_over",
    "app.bookings.group_pages",
    "app.bookings.manage_places",
    "app.bookings.manage_groups",
    "app.bookings.offer_pages",
    "app.bookings.order_pages",
    "app.bookings.desk_pages",
    "app.bookings.manage",
    "app.bookings.manage_form",
    "app.bookings.manage_rooms",
    "app.bookings.manage_import",
    "app.bookings.manage_policy",
    "app.bookings.manage_charges",
    "app.bookings.evaluation_pages",
    "app.bookings.interest_pages",
    "app.bookings.writing_pages",
    "app.supervision.pages",
    "app.supervision.team_pages",
    "app.supervision.compliance_pages",
    "app.supervision.import_pages",
    "app.supervision.workload_pages",
    "app.supervision.action_pages",
    "app.supervision.pdr_pages",
    "app.supervision.pdr_team_pages",
    "app.mentoring.pages",
    "app.mentoring.pair_pages",
    "app.mentoring.set_pages",
    "app.mentoring.overview_pages",
    "app.programmes.apprentice_pages",
    "app.programmes.hours_pages",
    "app.programmes.claim_pages",
    "app.programmes.desk_pages",
    "app.programmes.moving_in_pages",
    "app.programmes.cohort_pages",
    "app.programmes.enrolment_pages",
    "app.programmes.panel_pages",
    "app.programmes.application_pages",
    "app.programmes.equity_pages",
    "app.programmes.portfolio_pages",
    "app.programmes.document_pages",
    "app.programmes.history_pages",
    "app.programmes.contribution_pages",
    "app.programmes.sign_pages",
    "app.programmes.chain_pages",
    "app.pathways.manage_pages",
    "app.pathways.pages",
    "app.pathways.endorse_pages",
    "app.pathways.progression_pages",
    "app.measures.input_pages",
    "app.measures.set_pages",
    "app.measures.equity_pages",
    "app.measures.settings_pages",
    "app.measures.pages",
    "app.measures.people_pages",
    "app.census.pages",
    "app.census.file_pages",
    "app.reports.pages",
    "app.reports.writing_pages",
    "app.talent.pool_pages",
    "app.talent.list_pages",
    "app.talent.card_pages",
    "app.talent.own_pages",
    "app.hr.pages",
    "app.hr.webhooks.pages",
    "app.hr.departure_pages",
    "app.hr.training_pages",
    "app.notifications.own_pages",
    "app.notifications.pages",
)
APIS = (
    "app.identity.api",
    "app.people.api",
    "app.people.organisation_api",
    "app.learning.api",
    "app.bookings.api",
    "app.supervision.api",
    "app.programmes.api",
    "app.pathways.api",
    "app.talent.api",
    "app.measures.api",
    "app.hr.import_api",
    "app.hr.bulk_api",
    "app.hr.feed_api",
    "app.hr.training_api",
    "app.hr.webhooks.api",
)

# What stands in the navigation, in order, for those who may do it.
NAVIGATION: tuple[tuple[str, str, Can], ...] = (
    ("Home", "/", Can.READ_OWN_PAGE),
    ("Find learning", "/courses", Can.READ_CATALOGUE),
    ("My bookings", "/my-bookings", Can.READ_OWN_PAGE),
    ("My learning", "/my-learning", Can.READ_OWN_PAGE),
    ("My pathway", "/my-pathway", Can.READ_OWN_PAGE),
    ("Supervision", "/supervision", Can.READ_SUPERVISION),
)


def page_routes() -> list[Route]:
    """Every page of every room."""
    return [route for name in PAGES for route in import_module(name).pages.routes]


def api_routers() -> list[APIRouter]:
    """Every room's API."""
    return [import_module(name).router for name in APIS]


def api_routes() -> list[Route]:
    """Every API operation behind a door, as a plain route to it."""
    found = [route for router in api_routers() for route in router.routes if hasattr(getattr(route, "endpoint", None), "handle")]
    return [Route(route.path, route.endpoint.handle, methods=route.methods) for route in found]  # type: ignore[attr-defined]


def scim_routes() -> list[Route]:
    """What a directory asks for, behind a door of its own."""
    routes: list[Route] = import_module("app.hr.scim.door").routes
    return routes


def describe(app: FastAPI) -> None:
    """Complete the OpenAPI description with what FastAPI cannot see: security and problem documents."""
    original = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = original()
        from app.apidocs import finish

        app.openapi_schema = finish(document, [route for router in api_routers() for route in router.routes])
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


@lru_cache(maxsize=256)
def navigation(roles: tuple[tuple[str, int | None], ...]) -> tuple[tuple[str, str], ...]:
    """(words, address) of what a reader with these roles may open."""
    reader = Actor("person", 0, roles=roles)
    shown = [(words, path) for words, path, can in NAVIGATION if policy.may(reader, can)]
    for words, path, can in MORE:
        reaches = {reach for reach, _ in policy.terms(reader, can)} - {policy.Reach.SELF}
        if reaches and _has_some(reader, path, reaches):
            shown.append((words, path))
    return tuple(shown)


def _has_some(reader: Actor, path: str, reaches: set[policy.Reach]) -> bool:
    """Pages of one's own people or sessions are no use to somebody who runs the offer and reaches everybody's."""
    if path == "/assessing":
        return bool({policy.Reach.ASSIGNED, policy.Reach.REPORTS} & reaches)  # line managers sign, and stand in for whoever assesses
    if path == "/my-team":
        return policy.Reach.REPORTS in reaches or not policy.may(reader, Can.MANAGE_SESSIONS)
    if path in _WITH_MEASURES:
        return not policy.may(reader, Can.READ_MEASURES)
    if path == "/renewal":
        return bool({policy.Reach.SCOPE, policy.Reach.ALL} & reaches)  # line managers find it on the page of their team
    return path != "/delivering" or policy.Reach.DELIVERED in reaches


_WITH_MEASURES = ("/board-reports", "/settings-training", "/measure-inputs", "/measure-months", "/measure-sets")  # a tab beside them


def within(path: str) -> str:
    """The entry that a page belongs to where its address does not say so; empty: none."""
    return "/measures" if path.startswith(_WITH_MEASURES) else ""


# Shown to those whose reach goes beyond themselves.
MORE: tuple[tuple[str, str, Can], ...] = (
    ("My team", "/my-team", Can.BOOK),
    ("Courses and sessions", "/manage", Can.MANAGE_SESSIONS),
    ("Sessions I deliver", "/delivering", Can.READ_ROSTER),
    ("Who waits for me", "/assessing", Can.READ_ENROLMENT),
    ("Programmes", "/cohorts", Can.READ_ENROLMENT),
    ("People", "/people", Can.READ_PERSON),
    ("Panels", "/panels", Can.READ_PANELS),
    ("Moderation", "/samples", Can.MODERATE),
    ("Completions", "/completions", Can.EXPORT_COMPLETIONS),
    ("Measures", "/measures", Can.READ_MEASURES),
    ("Board reports", "/board-reports", Can.READ_BOARD_REPORTS),
    ("Figures from elsewhere", "/measure-inputs", Can.MANAGE_MEASURES),
    ("Required training", "/required-training", Can.READ_REQUIRED),
    ("Settings’ training", "/settings-training", Can.READ_SETTINGS_TRAINING),
    ("Talent", "/talent", Can.READ_TALENT),
    ("Renewal", "/renewal", Can.READ_RENEWAL),
    ("HR imports", "/hr/imports", Can.IMPORT_PEOPLE),
    ("Leavers", "/hr/leavers", Can.CONFIRM_LEAVERS),
    ("HR records", "/hr/training-records", Can.READ_TRAINING_RECORDS),
    ("Workforce census", "/census", Can.TAKE_CENSUS),
    ("Access", "/access", Can.MANAGE_ACCESS),
    ("Other systems", "/systems", Can.MANAGE_CLIENTS),
    ("Messages sent", "/deliveries", Can.READ_DELIVERIES),
)
