"""Files that people attach: what they say besides what they show is taken out unless the writer wants it kept; their words are read.

For a page's `first`, because reading takes time: `received` takes the files of a form in, looks at each, and refuses with `Identifiable`
while something in one may name a family and nobody has decided. No browser sends a file twice: it is chosen again with the decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core import file_pages, forms
from app.core.config import Settings
from app.core.files import Received, Store, make, store_of
from app.core.tx import Tx
from app.guarding import checking, cleaning, properties
from app.guarding.checking import Found, Identifiable, InField, Settled
from app.guarding.finding import Finding
from app.guarding.models import REASONS
from app.guarding.properties import Hidden

CLEAN = "guard-clean"  # the box on the form (`_ui/guard.html`, clean): take out what files say besides what they show


@dataclass(frozen=True, slots=True)
class Files:
    """Files as they may be kept, and what was decided about them. `note` it with the row they belong to."""

    received: list[Received]
    settled: Settled
    cleaned: int  # of how many something was taken out
    named: int  # how many still carry somebody's name as their author


def received(tx: Tx, form: dict[str, Any], settings: Settings, field: str = "file", *, needed: bool = True) -> Files:
    """The files of one field, taken in and looked at. FileRefused as of `file_pages.received`; Identifiable until it is decided.

    With the box ticked what can be taken out is; the file as it was is not kept, and is gone from the disk within two days.
    """
    store = store_of(settings)
    given = file_pages.received(form, settings, field, needed=needed)
    wanted = forms.text(form, CLEAN) == "yes"
    done, found, named = [], [], 0
    for each in given:
        kept, left = _cleaned(store, each) if wanted else (each, _hidden(store, each))
        done.append(kept)
        named += bool(left.author)
        found += _found(tx, store, kept, left, field)
    return Files(done, _settled(form, found), sum(one is not other for one, other in zip(done, given, strict=True)), named)


def _hidden(store: Store, each: Received) -> Hidden:
    return properties.hidden(store.path(each.digest), each.kind)


def _cleaned(store: Store, each: Received) -> tuple[Received, Hidden]:
    """The file without its properties if it has any and is of a kind that can be cleaned; and what is left in it."""
    before = _hidden(store, each)
    if not before or each.media_type not in cleaning.CLEANS:
        return each, before
    try:
        made = make(store, each.kind, each.name, lambda to: cleaning.clean(store.path(each.digest), each.kind, to))
    except cleaning.NotCleaned:
        return each, before
    return replace(made, scanned=each.scanned), _hidden(store, made)  # nothing came in that the scanner has not seen


def _found(tx: Tx, store: Store, each: Received, left: Hidden, field: str) -> list[InField]:
    """What in a file may name a family: its name, its properties, its words; and where it was taken."""
    parts = (each.name.rpartition(".")[0].replace("_", " "), left.words, properties.text_of(store.path(each.digest), each.kind))
    seen = [checking.check(tx, tx.actor.person_id, {field: part}) for part in parts if part]
    findings = [one for part in seen for within in part.fields for one in within.findings]
    marks = [mark for part in seen for within in part.fields for mark in within.marks]
    if left.place:
        findings.append(Finding("place", 0, 0, "the file itself says it"))
        marks.append(checking.mark("place", each.digest))
    return [InField(field, f"“{each.name}”", tuple(findings), tuple(marks))] if findings else []


def _settled(form: dict[str, Any], found: Sequence[InField]) -> Settled:
    """A decision to keep covers what was shown before; the service changes no words inside files."""
    everything = Found(tuple(found))
    decision = checking.decided(form)
    if not everything:
        return Settled({})
    if decision is None or decision.take_out or not decision.seen.issuperset(everything.marks):
        raise Identifiable(everything)
    if decision.reason not in REASONS:
        raise Identifiable(everything, chosen="Say why it has to stay")
    return Settled({}, everything, decision)
