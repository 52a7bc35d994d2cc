"""Where a text may name a child or a family. Pure: no database, no network, nothing kept. What it looks like stands in `patterns`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from app.guarding import patterns as look
from app.guarding.dates import read_date

KINDS = {
    "name": "a name on your list",
    "nhs": "NHS number",
    "birth": "date of birth",
    "reference": "case or record number",
    "phone": "phone number",
    "email": "e-mail address",
    "postcode": "postcode",
    "address": "address",
}
"""What is found in text, in words for the writer."""
IN_FILES = {"place": "where it was taken"}
"""What is found in files besides."""
AROUND = 48  # characters of the text shown before and after
GROWN = timedelta(days=730)  # an unlabelled date beside a name is a birthday only if it is longer ago: meetings are recent
MOST = 200  # findings that are told of in one text
BEFORE = 60  # characters looked back for what a number is said to be


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in a text: `text[start:end]` may identify somebody. The words are for the writer's own page, never for a log."""

    kind: str
    start: int
    end: int
    before: str = field(repr=False, compare=False, default="")
    said: str = field(repr=False, compare=False, default="")
    after: str = field(repr=False, compare=False, default="")

    @property
    def words(self) -> str:
        """What it is, in words."""
        return KINDS.get(self.kind) or IN_FILES[self.kind]


class Names(Protocol):
    """Names somebody must not write, without saying which they are: `spans` gives where they stand."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each place."""


def findings(text: str, names: Names | Sequence[str] = (), *, today: date | None = None, ours: Collection[str] = ()) -> tuple[Finding, ...]:
    """Every place where `text` may identify a child or a family, in order, none within another; at most MOST.

    `names`: the writer's own list, as words or as `names.Kept`. `today`: with it, a recent date beside a name is a meeting's. `ours`: hosts
    of the council's own e-mail addresses, which are nobody's family.
    """
    plain, places = _without_unseen(text.translate(look.PLAIN))
    found: list[tuple[int, int, str]] = []
    found += [(start, end, "email") for start, end in _emails(plain, ours)]
    found += [(start, end, "nhs") for start, end in _nhs(plain)]
    found += [(start, end, "reference") for start, end in _references(plain)]
    found += [(start, end, "phone") for start, end in _phones(plain)]
    found += [(start, end, "birth") for start, end in _births(plain, today)]
    found += [(start, end, "postcode") for start, end in _postcodes(plain)]
    found += [(start, end, "address") for start, end in _addresses(plain)]
    if names:
        from app.guarding.names import Plain

        kept = Plain(names) if isinstance(names, list | tuple) else names
        found += [(start, end, "name") for start, end in kept.spans(plain)]  # type: ignore[union-attr]
    apart = _apart(found)[:MOST]
    if places:
        apart = [(places[start], places[end - 1] + 1, kind) for start, end, kind in apart]
    return tuple(_shown(text, *one) for one in apart)


def _without_unseen(plain: str) -> tuple[str, list[int]]:
    """The text without characters that take no room, and where each of the others stood; no places where there are none of them."""
    if look.UNSEEN.search(plain) is None:
        return plain, []
    places = [at for at, character in enumerate(plain) if look.UNSEEN.match(character) is None]
    return "".join(plain[at] for at in places), places


def redact(text: str, found: Sequence[Finding]) -> str:
    """The text with each finding replaced by what it was: "[postcode removed]"."""
    parts, at = [], 0
    for one in sorted(found, key=lambda one: one.start):
        parts += [text[at : one.start], f"[{REMOVED[one.kind]} removed]"]
        at = one.end
    return "".join([*parts, text[at:]])


REMOVED = {**KINDS, "name": "name"}


def _apart(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """In order of the text; of two that overlap, the first named kind stays, whole."""
    order = list(KINDS)
    taken: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(found, key=lambda one: (one[0], order.index(one[2]), -one[1])):
        if taken and start < taken[-1][1]:
            continue
        taken.append((start, end, kind))
    return taken


def _shown(text: str, start: int, end: int, kind: str) -> Finding:
    before = text[max(start - AROUND, 0) : start].rpartition("\n")[2]
    after = text[end : end + AROUND].partition("\n")[0]
    if start > AROUND and " " in before:
        before = "…" + before.partition(" ")[2]
    if end + AROUND < len(text) and " " in after:
        after = after.rpartition(" ")[0] + "…"
    return Finding(kind, start, end, before, text[start:end], after)


# One kind after the other ------------------------------------------------------------------------------------------

Spans = Iterator[tuple[int, int]]


def _emails(plain: str, ours: Collection[str]) -> Spans:
    if "@" not in plain:
        return
    for found in look.EMAIL.finditer(plain):
        host = found["host"].lower().rstrip(".")
        own = any(host == one or host.endswith("." + one) for one in ours)
        if own or f".{host}".endswith(look.WORK_HOSTS) or host in look.WORK_HOSTS or found["local"].lower() in look.ROLE_BOXES:
            continue
        yield found.span()


def nhs_number(digits: str) -> bool:
    """Ten digits whose last is the check digit of the others (modulus 11; NHS Data Dictionary, NHS NUMBER)."""
    if len(digits) != 10 or not digits.isdigit() or len(set(digits)) == 1:
        return False
    check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return check == int(digits[9])


def _said_before(plain: str, at: int) -> str:
    return plain[max(at - BEFORE, 0) : at].rpartition("\n")[2]


def _nhs(plain: str) -> Spans:
    for found in look.NHS_SAID.finditer(plain):
        yield found.span("number")  # said to be one: a slip in typing does not make it anybody else's
    for found in look.NHS.finditer(plain):
        digits = found["number"].replace(" ", "").replace("-", "")
        issued = digits[0] in "34679"  # none begin with 0, 1, 2, 5 or 8 but Scotland's, which are dates
        if issued and nhs_number(digits) and not look.OTHER_NUMBER.search(_said_before(plain, found.start())):
            yield found.span("number")


def _references(plain: str) -> Spans:
    for pattern in (look.REFERENCE_SAID, look.REFERENCE):
        for found in pattern.finditer(plain):
            bare = pattern is look.REFERENCE_SAID and found["bare"]  # "in case 2019 was meant" says no number
            if sum(map(str.isdigit, found["number"])) >= (5 if bare else 4):
                yield found.span("number")


def _phones(plain: str) -> Spans:
    for found in look.PHONE.finditer(plain):
        digits = "".join(filter(str.isdigit, found["number"]))
        national = digits.removeprefix("00").removeprefix("44").lstrip("0")
        before = _said_before(plain, found.start())
        if len(national) != 10 or national[0] in look.NOT_A_CALLER or look.OTHER_NUMBER.search(before) or look.SERVICE.search(before):
            continue
        yield found.span("number")


def _births(plain: str, today: date | None) -> Spans:
    for pattern in (look.BORN, look.BORN_AFTER):
        for found in pattern.finditer(plain):
            if read_date(found["date"]) and not _of_a_thing(plain, found):
                yield found.span("date")
    for found in look.NAMED_DATE.finditer(plain):
        words = found["name"].replace("-", " ").split()
        on = read_date(found["date"])
        recent = today is not None and on is not None and on > today - GROWN
        if on is None or recent or any(word.lower().strip(".") in look.NOT_NAMES for word in words):
            continue
        yield found.span()


_THINGS = ("service", "programme", "academy", "team", "idea", "organisation", "charity", "project", "policy", "act", "nhs", "scheme")


def _of_a_thing(plain: str, found: object) -> bool:
    """ "The service was born on …" is nobody's birthday."""
    start: int = found.start()  # type: ignore[attr-defined]
    before = _said_before(plain, start).lower().removesuffix("was ").removesuffix("is ").split()
    return bool(before) and before[-1] in _THINGS


def _postcodes(plain: str) -> Spans:
    for found in look.POSTCODE.finditer(plain):
        area, inward = found["area"], found["inward"]
        one_case = found[0].upper() == found[0] or found[0].lower() == found[0]
        if area.upper() not in look.AREAS or (not found["gap"] and not one_case):
            continue
        if look.ORDINAL.fullmatch(inward) or look.CODE_BEFORE.search(_said_before(plain, found.start())):
            continue
        yield found.span()


_NUMBERED = ("flat", "number", "no", "apartment")


def _addresses(plain: str) -> Spans:
    for found in look.STREET.finditer(plain):
        if not look.NOT_A_STREET.match(found["street"]) and not look.NOT_A_HOUSE.search(_said_before(plain, found.start())):
            yield found.span()
    for found in look.STREET_SAID.finditer(plain):
        place = found["place"]
        street = place.lstrip("0123456789abcdef ,")
        named = place[0].isdigit() or place.lower().startswith(_NUMBERED) or street[:1].isupper() or place[0].isupper()
        if named and not look.NOT_A_STREET.match(place):
            yield found.span("place")
    for found in look.HOUSEHOLD.finditer(plain):
        if found["house"][0].isupper():
            yield found.span("place")
