"""A real browser, and a real server over a copy of the demonstration county."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx2
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response

from app.core.config import ROOT, Settings, load
from app.core.db import Database
from tests.county import sign_in

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE, NARROWEST = 1280, 360, 320  # widths in CSS pixels
STARTS_WITHIN = 30  # seconds for the server to answer
STARTS_WITHIN = 30  # seconds for the server to answer
AXE = "options => axe.run(options).then(found => found.violations)"


def launch(playwright: Playwright) -> Browser:
    """The machine's own Chromium where there is one, else Playwright's."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=program, args=FLAGS)


@dataclass
class Server:
    """The service in a process of its own, at `address`."""

    address: str
    database: Database
    settings: Settings

    def cookie(self, key: str) -> dict[str, str]:
        """A sign-in of this persona, as a browser keeps it."""
        return {"name": "academy", "value": sign_in(self.database, key, self.settings), "url": self.address}


@contextmanager
def serving(database: Database, folder: Path, **settings: str) -> Iterator[Server]:
    """`python -m app serve` over this database, on a free port, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    given = (
        dict(demo="1", database_url=database.url, base_url=address, mail_dir=str(folder / "mail"), log_level="error", threads="2")
        | settings
    )
    environment = {**os.environ, **{f"ACADEMY_{name.upper()}": value for name, value in given.items()}}
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--no-worker"]
    log = folder / "server.log"
    with log.open("w") as said, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said) as process:
        try:
            _wait(address, process, log)
            yield Server(address, database, load(demo=True, base_url=address))
        finally:
            process.terminate()
            process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


@dataclass
class Window:
    """One tab, whoever is signed in, and what went wrong in it since one last asked."""

    server: Server
    context: BrowserContext
    page: Page
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    who: str | None = None
    complaints: list[str] = field(default_factory=list)
    client: httpx2.Client | None = None  # of `ask`; whoever made it closes it
    styles: set[str] = field(default_factory=set)  # in which text has been looked at

    def __post_init__(self) -> None:
        self.page.add_init_script(AXE_SCRIPT)  # once, and the browser has it for each page: to send it each time costs more than to run it
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda wrong: self.complaints.append(f"script: {wrong}"))
        self.page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")  # forms answer 422 on purpose; the rest is seen by `_answered`
        if message.type in ("error", "warning") and not refused:  # a violated content policy is one of them
            self.complaints.append(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.complaints.append(f"{response.status}: {response.url}")

    def sign_in(self, key: str | None) -> None:
        """From now on this persona; None: nobody."""
        if key == self.who:
            return
        self.context.clear_cookies()
        if key is not None:
            if key not in self.cookies:
                self.cookies[key] = self.server.cookie(key)
            self.context.add_cookies([self.cookies[key]])  # type: ignore[list-item]  # Playwright's own TypedDict, all optional
        self.who = key

    def open(self, address: str, *, width: int = DESKTOP) -> int:
        """Go there; the status of the reply."""
        self.page.set_viewport_size({"width": width, "height": 900})
        reply = self.page.goto(self.server.address + address, wait_until="load")
        assert reply is not None
        return reply.status

    def ask(self, address: str) -> tuple[int, str]:
        """Status and HTML of what this persona would be shown there, redirections followed; nothing is drawn."""
        cookie = {} if self.who is None else {"cookie": f"academy={self.cookies[self.who]['value']}"}
        assert self.client is not None, "a tab of window() can ask"
        reply = self.client.get(self.server.address + address, headers=cookie)
        return reply.status_code, reply.text

    def barriers(self) -> list[str]:
        """What axe finds wrong, in words: the rule, and where. Contrast, two thirds of axe's time, is looked at once in this tab for each
        style that text stands in: its element and those around it, with their classes and attributes."""
        styles: list[str] = self.page.evaluate(_STYLES)
        fresh = [number for number, style in enumerate(styles) if style not in self.styles]
        self.styles |= set(styles)
        found: list[dict[str, Any]] = self.page.evaluate(_AXE, [RULES, fresh])
        return [f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes'][:4]]}" for one in found]

    def overflow(self, width: int = NARROWEST) -> list[str]:
        """Elements that make the page scroll sideways at this width; empty when it does not."""
        self.page.set_viewport_size({"width": width, "height": 900})
        return list(self.page.evaluate(_OVERFLOW, width))

    def take_complaints(self) -> list[str]:
        taken, self.complaints[:] = list(self.complaints), []
        return taken


# The first element with words of its own in each style; told by what style sheets can choose it by.
_STYLES = """() => {
    const known = new Map(), found = new Map();
    const style = element => {
        if (!element) return '';
        if (!known.has(element)) {
            const said = [...element.attributes].map(({name, value}) =>
                /^(class|role|type|style|aria-(current|hidden|disabled|expanded|selected|sort))$/.test(name) ? name + '=' + value : name);
            known.set(element, style(element.parentElement) + '>' + element.localName + ' ' + said.sort().join(' '));
        }
        return known.get(element);
    };
    for (const element of document.body.querySelectorAll('*')) {
        const speaks = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if ((speaks || element.matches('input, select, textarea')) && !found.has(style(element))) found.set(style(element), element);
    }
    window.looked = [...found.values()];
    return [...found.keys()];
}"""
_AXE = """async ([tags, fresh]) => {
    const runOnly = {type: 'tag', values: tags}, resultTypes = ['violations'];
    const all = await axe.run({runOnly, resultTypes, rules: {'color-contrast': {enabled: false}}});
    const include = fresh.map(number => window.looked[number]);
    const seen = include.length ? await axe.run({include}, {runOnly: ['color-contrast'], resultTypes}) : {violations: []};
    return [...all.violations, ...seen.violations];
}"""
_OVERFLOW = """width => {
    const page = document.scrollingElement;
    if (page.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 0.5);
    return [`${page.scrollWidth}px`, ...wide.slice(0, 5).map(e => e.outerHTML.slice(0, 120))];
}"""


@contextmanager
def window(browser: Browser, server: Server, **options: Any) -> Iterator[Window]:
    """A fresh tab with no cookies; options are Playwright's for a new context."""
    context = browser.new_context(locale="en-GB", timezone_id="Europe/London", reduced_motion="reduce", **options)
    context.set_default_timeout(10_000)
    try:
        with httpx2.Client(follow_redirects=True, timeout=30) as client:
            yield Window(server, context, context.new_page(), client=client)
    finally:
        context.close()
