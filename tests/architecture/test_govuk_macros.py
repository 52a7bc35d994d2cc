"""The macros that forms use draw exactly what this GOV.UK Frontend's own examples show, so style sheet, script and markup agree."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, PackageLoader, PrefixLoader

COMPONENTS = Path(__file__).resolve().parents[2] / "node_modules" / "govuk-frontend" / "dist" / "govuk" / "components"
NAMES = sorted(path.parent.name for path in COMPONENTS.glob("*/fixtures.json"))


class Tokens(HTMLParser):
    """HTML as a list of tags, attributes in any order, and texts without their layout."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pairs = sorted((name, " ".join((value or "").split())) for name, value in attrs)
        self.found.append((tag, pairs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if text := re.sub(r"\s+", " ", data).strip():
            self.found.append(text)


@pytest.fixture(scope="module")
def environment() -> Environment:
    loader = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def test_every_component_is_here() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("component", NAMES)
def test_macro_matches_upstream(environment: Environment, component: str) -> None:
    macro = "govuk" + component.title().replace("-", "")
    template = environment.from_string(
        f'{{% from "govuk_frontend_jinja/components/{component}/macro.html" import {macro} %}}{{{{ {macro}(options) }}}}'
    )
    fixtures = json.loads((COMPONENTS / component / "fixtures.json").read_text(encoding="utf-8"))["fixtures"]
    assert fixtures
    different = [f["name"] for f in fixtures if Tokens(template.render(options=f["options"])).found != Tokens(f["html"]).found]
    assert different == []
