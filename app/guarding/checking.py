"""The protocol between a form and the guard (docs/guard.md): look, show, ask, record. Words never leave the writer's own request.

An operation that keeps words calls `settle` with them and the decision its form brought; without findings, or with a decision that covers
them all, it goes on, and calls `note` once it knows which row the words belong to. Otherwise `Identifiable` is raised, the door draws the
form again, and `_ui/guard.html` shows what was found and asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select

from app.core import config, forms
from app.core.errors import Invalid
from app.core.tx import Tx
from app.guarding import finding, keys
from app.guarding.finding import Finding
from app.guarding.models import REASONS, GuardDecision, GuardName
from app.guarding.names import Kept, digest

LONGEST_SEEN = 8000  # characters of marks that a form brings back


@dataclass(frozen=True, slots=True)
class InField:
    """What was found in one field, with its name in the form and in words."""

    field: str
    label: str
    findings: tuple[Finding, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a form. Empty (false) if nothing was."""

    fields: tuple[InField, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def marks(self) -> tuple[str, ...]:
        """A digest for each thing found, under the council's key: says that it is the same, not what it is."""
        return tuple(dict.fromkeys(mark for one in self.fields for mark in one.marks))

    @property
    def kinds(self) -> dict[str, int]:
        """How many of each kind."""
        return dict(Counter(each.kind for one in self.fields for each in one.findings))

    def within(self, about: str) -> bool:
        """Is any of it in a field of this name, or that begins so?"""
        return any(one.field.startswith(about) for one in self.fields)

    @property
    def reasons(self) -> dict[str, str]:
        """Why words may be kept, to choose from."""
        return REASONS

    @property
    def redactable(self) -> bool:
        """Are there words here that the service itself can take out?"""
        return all(not one.field.startswith("file") for one in self.fields)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the writer chose. `seen`: the marks of what they were shown; it covers nothing else."""

    take_out: bool
    reason: str = ""
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """Words as they may be kept, and what was decided about them (None: nothing had to be)."""

    fields: Mapping[str, str] = field(repr=False)
    found: Found = Found()
    decision: Decision | None = None

    def __getitem__(self, name: str) -> str:
        return self.fields[name]


class Identifiable(Invalid):
    """Words may name a child or family, and nobody has decided about them yet. `found` says where; the message and errors say no words."""

    def __init__(self, found: Found, *, chosen: str = "") -> None:
        errors = [{"field": one.field, "message": _told(one)} for one in found.fields]
        if chosen:
            errors.insert(0, {"field": "guard", "message": chosen})
        super().__init__("Something here may identify a child or a family.", code="identifiable", errors=errors)
        self.found = found


def _told(one: InField) -> str:
    kinds = list(dict.fromkeys(each.words for each in one.findings))
    said = ", ".join(kinds[:-1]) + (" and " if kinds[:-1] else "") + kinds[-1]
    return f"{one.label}: this may identify a child or family ({said})" if one.label else f"This may identify a child or family: {said}"


def decided(form: Mapping[str, Any]) -> Decision | None:
    """The decision a form brought, as `_ui/guard.html` asks for it; None if it brought none."""
    given = dict(form)
    what, reason = forms.text(given, "guard"), forms.text(given, "guard-because")
    if what not in ("redact", "keep"):
        return None
    seen = frozenset(forms.text(given, "guard-seen")[:LONGEST_SEEN].split())
    return Decision(what == "redact", reason, seen)


def check(
    tx: Tx,
    person_id: int | None,
    fields: Mapping[str, str],
    *,
    labels: Mapping[str, str] | None = None,
    subject: str = "",
    subject_id: int = 0,
) -> Found:
    """What in these words may identify a child or family, by the rules and by this person's list of names.

    `fields`: words by the name of their field; `labels`: the fields' names in words. `subject`, `subject_id`: the row they are (to be) kept
    in; what was decided to be kept in it before is not found again.
    """
    names = names_of(tx, person_id) if person_id and any(fields.values()) else None
    made = []
    ours = (config.settings().contact_email.rpartition("@")[2].lower(),)
    for name, text in fields.items():
        found = finding.findings(text, names or (), today=tx.today, ours=ours) if text else ()
        if found:
            marks = tuple(mark(each.kind, each.said) for each in found)
            made.append(InField(name, (labels or {}).get(name, ""), found, marks))
    if made and subject_id:
        made = _undecided(made, kept_before(tx, subject, subject_id))
    return Found(tuple(made))


def mark(kind: str, said: str) -> str:
    """What stands for something found: the same for the same words, and nothing that could be read back without the council's key."""
    return digest(keys.secret(), f"mark {kind}", "".join(filter(str.isalnum, said.casefold())))[:16]


def _undecided(made: list[InField], kept: Collection[str]) -> list[InField]:
    left = []
    for one in made:
        pairs = [(each, mark) for each, mark in zip(one.findings, one.marks, strict=True) if mark not in kept]
        if pairs:
            left.append(InField(one.field, one.label, tuple(each for each, _ in pairs), tuple(mark for _, mark in pairs)))
    return left


def settle(
    tx: Tx,
    fields: Mapping[str, str],
    decision: Decision | None,
    *,
    labels: Mapping[str, str] | None = None,
    subject: str = "",
    subject_id: int = 0,
) -> Settled:
    """These words as they may be kept: as they are, or with what was found taken out. Identifiable while nobody has decided about it.

    A decision to keep needs a reason, one of REASONS. What has come into the words since the writer was shown them is asked about again.
    """
    found = check(tx, tx.actor.person_id, fields, labels=labels, subject=subject, subject_id=subject_id)
    if not found:
        return Settled(dict(fields))
    if decision is None or not decision.seen.issuperset(found.marks):
        raise Identifiable(found)
    if decision.take_out:
        within = {one.field: one.findings for one in found.fields}
        return Settled({name: finding.redact(text, within.get(name, ())) for name, text in fields.items()}, found, decision)
    if decision.reason not in REASONS:
        raise Identifiable(found, chosen="Say why it has to stay")
    return Settled(dict(fields), found, decision)


def note(tx: Tx, settled: Settled, subject: str, subject_id: int) -> None:
    """Record what was decided about words that are now kept in this row; nothing if nothing had to be. Never the words."""
    if settled.decision is None:
        return
    kept = not settled.decision.take_out
    tx.insert(
        GuardDecision,
        person_id=tx.actor.person_id,
        subject=subject,
        subject_id=subject_id,
        decision="kept" if kept else "redacted",
        reason=settled.decision.reason if kept else None,
        kinds=settled.found.kinds,
        marks=list(settled.found.marks) if kept else [],
        at=tx.now,
    )


_NAMES = select(GuardName.digest, GuardName.words, GuardName.ordinary).where(
    GuardName.person_id == bindparam("person"), GuardName.key == bindparam("key")
)
_KEPT = select(GuardDecision.marks).where(
    GuardDecision.subject == bindparam("subject"), GuardDecision.subject_id == bindparam("subject_id"), GuardDecision.decision == "kept"
)


def names_of(tx: Tx, person_id: int) -> Kept | None:
    """Somebody's list of names, to compare words with; None if it is empty."""
    secret = keys.secret()
    rows = tx.rows(_NAMES, person=person_id, key=keys.which(secret))
    if not rows:
        return None
    return Kept(secret, person_id, {row.digest: row.ordinary for row in rows}, frozenset(row.words for row in rows))


def kept_before(tx: Tx, subject: str, subject_id: int) -> frozenset[str]:
    """The marks of what was decided to be kept in this row."""
    rows = tx.rows(_KEPT, subject=subject, subject_id=subject_id)
    return frozenset(mark for row in rows for mark in row.marks)
