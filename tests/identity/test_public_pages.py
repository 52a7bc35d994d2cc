"""The pages that everyone may read, signed in or not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factory import Make


@pytest.mark.parametrize(
    ("path", "heading", "says"),
    [
        ("/privacy", "Privacy notice", "We never sell your information"),
        ("/accessibility", "Accessibility statement for the", "not been audited by a third party"),
        ("/help", "Help", "academy@westmarch.example"),
    ],
)
def test_each_is_open_and_linked_from_every_page(
    visitor: Any, make: Make, sign_in: Any, count_queries: Any, path: str, heading: str, says: str
) -> None:
    page = visitor.get(path)
    assert page.status_code == 200 and heading in page.text and says in page.text
    assert f'href="{path}"' in visitor.get("/sign-in").text
    browser = sign_in(make.person("Ann"))
    browser.get(path)
    with count_queries() as queries:
        assert browser.get(path).status_code == 200
    assert len(queries) <= 4
