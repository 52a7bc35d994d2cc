"""Whatever is refused is shown on the page it was asked on: what draws it takes what the address names."""

from __future__ import annotations

import inspect

import pytest
from starlette.routing import Route

from app.rooms import page_routes


def _refusable() -> list[Route]:
    return [route for route in page_routes() if route.door["again"] is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize("route", _refusable(), ids=lambda route: route.path)
def test_what_is_drawn_again_takes_what_the_address_names(route: Route) -> None:
    named = dict.fromkeys(route.param_convertors, "1")
    inspect.signature(route.door["again"]).bind(None, None, **named)  # type: ignore[attr-defined]
