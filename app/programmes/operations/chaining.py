"""Adding a link to an enrolment's chain: whatever is signed, agreed, decided or set right about a portfolio comes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select

from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.people.models import Person
from app.programmes import chain, terms
from app.programmes.chain import Attached, Framework, Item, Opening, Redacted, Shown, Signer, What
from app.programmes.portfolio_models import Entry
from app.programmes.portfolio_models import Opening as OpeningRow

RECEIPT = "email.signed_receipt"
SERVICE = Signer("The academy's service", None, ("Service",))  # what no person did, such as an import from the command line
_NEWEST = (
    select(Entry.sequence, Entry.hash, Entry.signed_at)
    .where(Entry.enrolment_id == bindparam("enrolment"))
    .order_by(Entry.sequence.desc())
    .limit(1)
)
_FRAMEWORK = select(ProgrammeVersion.programme_code, ProgrammeVersion.version, ProgrammeVersion.digest, ProgrammeVersion.definition).where(
    ProgrammeVersion.id == bindparam("version")
)
_PERSON = select(Person.name, Person.swe_number).where(Person.id == bindparam("person"))


def capacity_words(tx: Tx, version_id: int, capacities: Sequence[str]) -> tuple[str, ...]:
    """Capacities in the words of the programme's version, as they are shown and signed: ("assessor",) → ("Assessor",)."""
    row = tx.one(_FRAMEWORK, version=version_id)
    return tuple(terms.title(row.definition if row else {}, one) for one in capacities)


def framework_of(tx: Tx, version_id: int) -> Framework:
    """The programme version that an enrolment is pinned to, as its entries name it."""
    row = tx.one(_FRAMEWORK, version=version_id)
    assert row is not None
    return Framework(row.programme_code, row.version, row.digest)


def head_of(enrolment: Row[Any], framework: Framework) -> str:
    """The text before the first entry. All in it is fixed from enrolment on: the database refuses to change it once something is signed."""
    return chain.head(framework, enrolment.reference, enrolment.starts_on)


def add_entry(
    tx: Tx,
    enrolment: Row[Any],
    kind: str,
    *,
    what: What | tuple[str, str, int],
    answer: str,
    person_id: int | None,
    items: Sequence[Item | tuple[str, str, Any]] = (),
    files: Sequence[Attached] = (),
    standards: Sequence[str] = (),
    declaration: str = "",
    statement: str | None = None,
    capacities: Sequence[str] = (),
    document_id: int | None = None,
    revision: int | None = None,
    change_id: int | None = None,
    decision_id: int | None = None,
    involvement_id: int | None = None,
    refers_to: int | None = None,
    redacts: Sequence[Redacted] = (),
    reason: str | None = None,
    receipt: bool = True,
) -> int:
    """Add the next link to the chain of `enrolment`, whose row the caller has locked; returns the entry's id.

    `what`: (code, title as shown, revision). `items`: (path, label as shown, value), where a value is text, a whole number, a truth
    value, nothing, or lists and objects of these; `declaration`: the sentence that was agreed to. `capacities` are codes
    ("line_manager"). The words of items and statement are kept apart from the chain, under salted fingerprints. `person_id` None: the
    service itself. `receipt`: the person is sent the hash of this entry, which is the proof that stays outside the service.
    """
    shown = Shown(
        kind=kind,
        what=what if isinstance(what, What) else What(*what),
        declaration=declaration,
        items=[one if isinstance(one, Item) else Item(*one) for one in items],
        files=files,
        standards=standards,
        refers_to=refers_to,
        redacts=redacts,
        reason=reason,
    )
    framework = framework_of(tx, enrolment.version_id)
    newest = tx.one(_NEWEST, enrolment=enrolment.id)
    sequence, previous = (newest.sequence + 1, newest.hash) if newest else (1, chain.text_hash(head_of(enrolment, framework)))
    # Two processes' clocks may differ by a little; in a chain no signature is before the one it follows.
    signed_at = max(tx.now, newest.signed_at) if newest else tx.now
    link = chain.build_entry(
        shown,
        framework=framework,
        enrolment=enrolment.reference,
        sequence=sequence,
        previous=previous,
        answer=answer,
        statement=statement,
        signer=_signer(tx, person_id, capacity_words(tx, enrolment.version_id, capacities)),
        signed_at=signed_at,
    )
    entry_id = tx.insert(
        Entry,
        enrolment_id=enrolment.id,
        sequence=sequence,
        kind=kind,
        document_id=document_id,
        revision=revision,
        change_id=change_id,
        decision_id=decision_id,
        involvement_id=involvement_id,
        person_id=person_id,
        answer=answer,
        canonical=link.text,
        hash=link.hash,
        previous=previous,
        signed_at=signed_at,
    )
    _keep(tx, entry_id, link.openings)
    tx.record(
        "chain.added",
        "chain_entries",
        entry_id,
        person_id=enrolment.person_id,
        state=kind,
        tell=[RECEIPT] if receipt and person_id is not None else [],
        to=person_id,
        hash=link.hash,
        sequence=sequence,
        reference=enrolment.reference,
        title=shown.what.title,
    )
    return entry_id


def _signer(tx: Tx, person_id: int | None, capacities: tuple[str, ...]) -> Signer:
    row = tx.one(_PERSON, person=person_id) if person_id is not None else None
    return Signer(row.name, row.swe_number, capacities or (terms.TITLES["coordinator"],)) if row else SERVICE


def _keep(tx: Tx, entry_id: int, openings: Mapping[str, Opening]) -> None:
    rows = [dict(entry_id=entry_id, path=path, salt=one.salt, value=one.value, redacted_at=None) for path, one in openings.items()]
    tx.insert_many(OpeningRow, rows)
