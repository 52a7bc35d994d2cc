"""What a page says about itself: its headings, its addresses, its ids; and whether its HTML is valid."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from app.core.config import ROOT
from scripts.build_assets import node_folder

UNFINISHED = ("<td>None<", ">True<", ">False<", "Undefined", "{{", "datetime.")  # what a template says when it is wrong
JOINING = "https://meet.westmarch.example/"
_EMAIL = re.compile(r"[^\s/?&=@]+@[^\s/?&=@]+\.[a-z]+", re.IGNORECASE)


class Reading(HTMLParser):
    """A page as a program reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.lang, self.title = html, "", ""
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []  # styles and scripts inside the markup, which the content policy refuses
        self._in_title = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = given.get("lang", "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        self._in_title = tag == "title"
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[name] for name in ("href", "src", "action") if name in given]
        self.handlers += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.handlers.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def faults(self, *, joining_link: bool = False) -> list[str]:
        """What is wrong with the page, in words; empty when all is well."""
        found = []
        if not self.lang.startswith("en"):
            found.append("the page does not say its language")
        if len(self.title.split(" – ")[0].strip()) < 3:
            found.append(f"the title says nothing: {self.title!r}")
        if self.headings.count("h1") != 1:
            found.append(f"{self.headings.count('h1')} main headings")
        for address in self.addresses:
            if not address.startswith("mailto:") and _EMAIL.search(unquote(address)):
                found.append(f"an e-mail address in an address: {address}")
            if address.startswith("#") and len(address) > 1 and address[1:] not in self.ids:
                found.append(f"a link to nowhere: {address}")
        found += [f"{handler} in the markup" for handler in self.handlers]
        found += [f"the id {name} twice" for name in {name for name in self.ids if self.ids.count(name) > 1}]
        if JOINING in self.html and not joining_link:
            found.append("a joining link where none belongs")
        found += [
            f"{word!r} on the page" for word in ("<td>None<", ">True<", ">False<", "Undefined", "{{", "datetime.") if word in self.html
        ]
        return found


_TEXT = re.compile(r">([^<>&]+)<")
_GOES_TO = re.compile(r'((?:href|action|src|value)=")([^"<>&]*)"')


def skeleton(html: str) -> bytes:
    """What decides whether a page's HTML is valid: all of it but plain words, and where its links and fields lead.

    Where there are no words, or one with a sign in it that HTML reads, is another skeleton; so is another id, class or number of rows.
    """
    words = _TEXT.sub(lambda found: "><" if found[1].isspace() else ">words<", html)
    return hashlib.sha256(_GOES_TO.sub(_address, words).encode()).digest()


def _address(found: re.Match[str]) -> str:
    given = found[2]
    return f'{found[1]}{"#" if given.startswith("#") else ""}{"given" if given.strip("# ") else ""}{" " if " " in given else ""}"'


def validate(folder: Path) -> str:
    """What html-validate finds wrong with the pages in a folder; empty when they are all valid."""
    node = node_folder()
    program = ROOT / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
    command = [str(Path(node) / "node"), str(program), "--config", str(ROOT / ".htmlvalidate.json"), "--formatter", "text", str(folder)]
    environment = {**os.environ, "PATH": node + os.pathsep + os.environ.get("PATH", "")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).replace(str(folder) + "/", "")
