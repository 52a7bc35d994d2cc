"""Do the tables still say what the chains say? What somebody altered in the database itself, in words.

The chain is checked in itself, against the columns beside each entry, against the documents and decisions that were signed, and against the
daily heads that were made of it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select

from app.core.canonical import canonical, instant
from app.core.files import File
from app.core.tx import Tx
from app.people.models import Person
from app.programmes.chain import Link
from app.programmes.chain_check import check_chain, shown_files
from app.programmes.days import Day
from app.programmes.models import Enrolment, Involvement
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import DailyHead, Entry, Revision
from app.programmes.reading import Chain, chain_of

Found = tuple[str, str]  # the enrolment's reference, what is wrong

_CHAINED = select(Enrolment.__table__).where(Enrolment.id.in_(select(Entry.enrolment_id))).order_by(Enrolment.id)


def chains(tx: Tx) -> Iterator[tuple[Row[Any], Chain]]:
    """Every enrolment in which something is signed, with its chain: one after the other, because a chain with all its words is large."""
    for enrolment in tx.rows(_CHAINED):
        yield enrolment, chain_of(tx, enrolment)


def altered(tx: Tx) -> Iterator[Found]:
    """Entries, openings and files that are not as they were signed, and columns beside an entry that say something else."""
    for enrolment, made in chains(tx):
        wanted = shown_files(made.links)
        kept = {row.digest: (row.digest, row.size) for row in tx.rows(select(File.digest, File.size).where(File.digest.in_(wanted)))}
        for finding in check_chain(made.head, made.links, kept):
            yield enrolment.reference, finding.message
        for row, link in zip(made.rows, made.links, strict=True):
            for column in _beside(row, link):
                yield enrolment.reference, f"Entry {row.sequence}: {column} beside it says something else than the entry."


def _beside(row: Row[Any], link: Link) -> Iterator[str]:
    try:
        entry = json.loads(link.text)
        said = {name: entry[name] for name in ("sequence", "kind", "answer", "previous", "signed_at")}
        revision = entry["what"]["revision"]
    except (ValueError, LookupError, TypeError):
        return  # the chain itself has said that it cannot be read
    columns = {"sequence": row.sequence, "kind": row.kind, "answer": row.answer, "previous": row.previous}
    columns["signed_at"] = instant(row.signed_at)
    yield from (name for name, value in columns.items() if said[name] != value)
    if row.revision is not None and row.revision != revision:
        yield "revision"


def signed_otherwise(tx: Tx) -> Iterator[Found]:
    """Documents and decisions that no longer say what was signed, and signatures that are counted as somebody else's."""
    for enrolment, made in chains(tx):
        contents = _contents(tx, made.rows)
        decided = {row.id: row for row in tx.rows(select(Decision.__table__).where(Decision.enrolment_id == enrolment.id))}
        people = _people(tx, enrolment.id)
        for row, link in zip(made.rows, made.links, strict=True):
            words = [*_document(row, link, contents), *_decision(row, link, decided), *_signatory(row, link, people)]
            yield from ((enrolment.reference, f"Entry {row.sequence}: {one}") for one in words)
        entries = {row.decision_id for row in made.rows}
        yield from ((enrolment.reference, f"Decision {key} is not in the chain.") for key in sorted(decided.keys() - entries))


def _contents(tx: Tx, rows: Sequence[Row[Any]]) -> dict[tuple[int, int], Row[Any]]:
    documents = {row.document_id for row in rows if row.kind == "document"}
    found = tx.rows(
        select(Revision.document_id, Revision.number, Revision.content, Revision.standards).where(Revision.document_id.in_(documents))
    )
    return {(row.document_id, row.number): row for row in found}


def _document(row: Row[Any], link: Link, contents: dict[tuple[int, int], Row[Any]]) -> Iterator[str]:
    if row.kind != "document":
        return
    now, entry = contents.get((row.document_id, row.revision)), _entry(link)
    if now is None or not entry:
        return
    for item in entry["items"]:
        opening = link.openings.get(item["path"])
        if opening is not None and not item["path"].startswith("_about/"):
            said = now.content.get(item["path"].rpartition("/")[2], "")
            if canonical(said).decode() != opening.value:
                yield f"“{item['label']}” of document {row.document_id} no longer says what was signed."
    if list(now.standards) != entry["standards"]:
        yield f"the standards of document {row.document_id} are not those that were signed."


def _decision(row: Row[Any], link: Link, decided: dict[int, Row[Any]]) -> Iterator[str]:
    decision = decided.get(row.decision_id)
    if decision is None:
        return
    columns = {"outcome": decision.outcome or "none", "reasons": decision.reasons}
    columns |= {"to_learner": decision.to_learner or "", "to_assessor": decision.to_assessor or ""}
    for path, value in columns.items():
        opening = link.openings.get(path)
        if opening is not None and canonical(value).decode() != opening.value:
            yield f"the {path.replace('_', ' ')} of decision {decision.id} is not what was recorded."


def _signatory(row: Row[Any], link: Link, people: dict[int, Row[Any]]) -> Iterator[str]:
    entry = _entry(link)
    mine = people.get(row.involvement_id) if row.involvement_id else None
    if not entry or mine is None or row.kind == "declined":
        return
    number = entry["signer"]["registration"]
    if row.person_id != mine.person_id or (number and mine.swe_number and number != mine.swe_number):
        yield f"it was signed by {entry['signer']['name']}, and is counted as {mine.name}'s."


def _people(tx: Tx, enrolment_id: int) -> dict[int, Row[Any]]:
    found = select(Involvement.id, Involvement.person_id, Person.name, Person.swe_number).join(Person, Person.id == Involvement.person_id)
    return {row.id: row for row in tx.rows(found.where(Involvement.enrolment_id == enrolment_id))}


def _entry(link: Link) -> dict[str, Any]:
    try:
        entry = json.loads(link.text)
        return entry if {"items", "standards", "signer"} <= entry.keys() else {}
    except (ValueError, AttributeError):
        return {}


def heads_broken(tx: Tx) -> Iterator[Found]:
    """Daily heads that do not fit what they were made of, and chains that are not what they were under an earlier head."""
    entries: dict[str, dict[int, str]] = defaultdict(dict)
    for row in tx.rows(select(Enrolment.reference, Entry.sequence, Entry.hash).join(Enrolment, Enrolment.id == Entry.enrolment_id)):
        entries[row.reference][row.sequence] = row.hash
    for row in tx.rows(select(DailyHead.__table__).order_by(DailyHead.id)):
        day = f"The daily head of {instant(row.made_at)[:10]}"
        heads = [(one[0], one[1], one[2]) for one in row.heads]
        if Day(row.made_at, heads).hash() != row.hash or row.chains != len(heads):
            yield "", f"{day} is not the fingerprint of what it was made of."
        for reference, sequence, newest in heads:
            if entries[reference].get(sequence) != newest:
                yield reference, f"{day} stood over another entry {sequence} than there is now: the chain was written anew or cut short."
