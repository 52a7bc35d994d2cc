"""Somebody at a browser without script: opens pages, fills in what stands there, presses what can be pressed. Nothing else is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.testclient import TestClient

Said = Mapping[str, str | list[str]]
_VOID = {"input", "br", "img", "meta", "link", "hr", "source", "wbr"}
_INLINE = {"a", "abbr", "b", "code", "del", "em", "i", "ins", "span", "strong", "sup"}


class Refused(AssertionError):
    """The service refused: with the status of its answer and what its page says."""

    def __init__(self, status: int, words: str) -> None:
        self.status, self.words = status, words
        super().__init__(f"{status}: {words}")


@dataclass
class Field:
    """Something to fill in. `offered`: the values of which it takes one (a radio, a choice) or some (boxes); empty: any words."""

    name: str
    kind: str
    value: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)


@dataclass
class Button:
    """Something to press."""

    words: str
    name: str
    value: str
    action: str | None


@dataclass
class Form:
    """A form as it stands on the page."""

    action: str
    method: str
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)


class Reader(HTMLParser):
    """Forms, links and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.links: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._button: tuple[Form, Button] | None = None
        self._link: tuple[str, list[str]] | None = None
        self._area: Field | None = None
        self._choice: Field | None = None
        self._in_errors = 0
        self._late: list[tuple[str, Button]] = []  # buttons of a form that the page has further down
        self.feed(page)
        for form, button in self._late:
            self.by_id[form].buttons.append(button)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _INLINE:
            self.words.append(" ")
        if self._in_errors and tag not in _VOID:
            self._in_errors += 1
        if "govuk-error-summary" in given.get("class", "").split():
            self._in_errors = 1
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
            if "id" in given:
                self.by_id[given["id"]] = self._form
        elif tag == "a" and "href" in given:
            self._link = (given["href"], [])
        elif tag == "button":
            self._pressable(given)
        elif self._form is not None:
            self._filled(tag, given)

    def _pressable(self, given: dict[str, str]) -> None:
        if given.get("type", "submit") != "submit":
            return
        button = Button("", given.get("name", ""), given.get("value", ""), given.get("formaction"))
        if "form" in given:
            self._late.append((given["form"], button))
        elif self._form is not None:
            self._form.buttons.append(button)
        self._button = (self._form or Form("", ""), button)

    def _filled(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = given.get("name", ""), given.get("type", "text") if tag == "input" else tag
        if tag == "option" and self._choice is not None:
            self._choice.offered.append(given.get("value", ""))
            if "selected" in given:
                self._choice.value = [given.get("value", "")]
        if not name or "disabled" in given or tag not in ("input", "textarea", "select"):
            return
        found = self._form.fields.setdefault(name, Field(name, kind))
        if kind in ("radio", "checkbox"):
            found.offered.append(given.get("value", "on"))
            if "checked" in given:
                found.value.append(given.get("value", "on"))
        elif tag == "input":
            found.value = [given.get("value", "")]
        elif tag == "textarea":
            found.value, self._area = [""], found
        else:
            self._choice = found

    def handle_endtag(self, tag: str) -> None:
        if self._in_errors:
            self._in_errors -= 1
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select" and self._choice is not None:
            self._choice.value = self._choice.value or self._choice.offered[:1]
            self._choice = None
        elif tag == "button" and self._button is not None:
            self._button[1].words, self._button = tidy(self._button[1].words), None
        elif tag == "a" and self._link is not None:
            self.links.append((self._link[0], tidy("".join(self._link[1]))))
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value[0] += data
            return
        self.words.append(data)
        if self._in_errors:
            self.errors.append(data)
        if self._button is not None:
            self._button[1].words += data
        if self._link is not None:
            self._link[1].append(data)


def tidy(words: str) -> str:
    """Words as they are read: any white space is one space."""
    return " ".join(words.split())


class Hand:
    """One person at one browser."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.address = ""
        self.page = Reader("")
        self.content = b""

    def open(self, address: str) -> Hand:
        """Go to a page; Refused if it cannot be shown."""
        return self._shown(self.client.get(address))

    def follow(self, words: str) -> Hand:
        """Follow the link that begins with these words."""
        found = {href for href, said in self.page.links if said.startswith(words)}
        assert len(found) == 1, f"“{words}” leads to {sorted(found)} on {self.address}: {[said for _, said in self.page.links]}"
        return self.open(found.pop())

    def reads(self, words: str) -> bool:
        """Do these words stand on the page?"""
        return words in self.words

    @property
    def words(self) -> str:
        """Everything that stands on the page."""
        return tidy("".join(self.page.words))

    def offers(self, words: str) -> bool:
        """Is there such a button?"""
        return any(button.words.startswith(words) for form in self.page.forms for button in form.buttons)

    def fields(self, words: str) -> dict[str, Field]:
        """What can be filled in before pressing that button."""
        return self._at(words, {})[0].fields

    def press(self, words: str, given: Said | None = None, files: Any = None, value: str | None = None) -> Hand:
        """Fill in what is named, leave everything else as it stands, and press the button that begins with these words.

        `value`: of buttons that say the same, the one that stands for this.
        """
        form, button = self._at(words, given or {}, value)
        for name, said in (given or {}).items():
            _fill(form.fields[name], [said] if isinstance(said, str) else said)
        sent = [(each.name, one) for each in form.fields.values() if each.kind != "file" for one in each.value]
        if button.name:
            sent.append((button.name, button.value))
        target = button.action or form.action or self.address
        if form.method == "get":
            return self.open(f"{urlsplit(target).path}?{urlencode(sent)}")
        data: dict[str, list[str]] = {}
        for name, one in sent:
            data.setdefault(name, []).append(one)
        return self._shown(self.client.post(target, data=data, files=files))

    def _at(self, words: str, given: Said, value: str | None = None) -> tuple[Form, Button]:
        """The form with that button and those fields. Several buttons of one sort have to be told apart by what is filled in."""
        found = [
            (form, button)
            for form in self.page.forms
            for button in form.buttons
            if button.words.startswith(words) and set(given) <= set(form.fields) and value in (None, button.value)
        ]
        exact = [each for each in found if each[1].words == words]
        found = exact or found
        every = [(button.words, sorted(form.fields)) for form in self.page.forms for button in form.buttons]
        assert len(found) == 1, f"“{words}” is {len(found)} times on {self.address} with {sorted(given)}: {every}"
        return found[0]

    def _shown(self, response: Any) -> Hand:
        for _ in range(5):
            if response.status_code not in (302, 303, 307):
                break
            response = self.client.get(response.headers["location"])
        self.address = _without_said(str(response.url))
        html = response.headers.get("content-type", "").startswith("text/html")
        self.page = Reader(response.text if html else "")
        if response.status_code >= 400:
            raise Refused(response.status_code, tidy("".join(self.page.errors)) or self.words[:600])
        self.content = response.content
        return self


def _fill(into: Field, values: list[str]) -> None:
    if into.kind == "hidden":
        raise AssertionError(f"{into.name} is hidden: nobody can change it")
    strange = set(values) - set(into.offered) if into.offered or into.kind in ("radio", "checkbox", "select") else set()
    assert not strange, f"{into.name} does not offer {sorted(strange)}, but {into.offered}"
    assert into.kind == "checkbox" or len(values) == 1, f"{into.name} takes one value"
    into.value = list(values)


def _without_said(address: str) -> str:
    parts = urlsplit(address)
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name not in ("said", "done")])
    return parts.path + (f"?{query}" if query else "")


def number(address: str) -> int:
    """The id at the end of an address: "/cohorts/12" → 12."""
    found = re.search(r"/(\d+)(?:/[a-z-]+)?(?:\?.*)?$", address)
    assert found, address
    return int(found[1])
