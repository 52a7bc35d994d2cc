"""A chain with everything in it, its bundle, and ways to tamper with both."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from app.core.canonical import canonical, digest
from app.core.config import ROOT
from app.programmes import chain
from app.programmes.bundle import Bundle
from app.programmes.chain import Attached, Framework, Item, Link, Redacted, Shown, Signer, What
from app.programmes.chain_check import Finding, check_chain
from app.programmes.days import Day

REFERENCE = "P7QK-2M4T"
FRAMEWORK = Framework("ASYE-CF", "2026-1", "a" * 64)
HEAD = chain.head(FRAMEWORK, REFERENCE, date(2026, 9, 1))
START = datetime(2026, 9, 28, 9, 0, tzinfo=UTC)
NELL, ASA = Signer("Nell Newly", "SW900301", ("Newly qualified social worker",)), Signer("Asa Sessor", "SW900302", ("Assessor",))
CHAIR, OFFICER = Signer("Cora Chair", "SW900303", ("Chair of the panel",)), Signer("Olu Officer", None, ("Academy coordinator",))
PDF, PICTURE = b"%PDF-1.7 a scanned agreement", b"\x89PNG a drawing by a child"
sha_pdf, sha_picture = hashlib.sha256(PDF).hexdigest(), hashlib.sha256(PICTURE).hexdigest()
AGREEMENT = Shown(
    kind="document",
    what=What("SAA", "Support and assessment agreement", 2),
    declaration="I have read this and agree to it.",
    items=[
        Item("main/support", "What support is agreed?", "Weekly, 90 minutes; café “Österbro”"),
        Item("main/minutes", "Minutes", 90),
        Item("main/own", "What I bring", ["patience", {"years": 3, "bilingual": True}]),
    ],
    files=[],
    standards=["PQS-P-01", "PQS-P-04"],
)
FINAL = Shown(
    kind="document",
    what=What("FINAL", "Final assessment report", 1),
    declaration="This is my recommendation.",
    items=[Item("main/summary", "Summary", "She listens."), Item("main/recommendation", "Recommendation", "pass")],
    files=[
        Attached("Scan", "agreement.pdf", sha_pdf, len(PDF), "application/pdf"),
        Attached("Drawing", "by-Sam.png", sha_picture, len(PICTURE), "image/png"),
    ],
)
DECISION = Shown("decision", What("PANEL", "Moderation panel", 1), "The panel has decided.", items=[Item("outcome", "Outcome", "pass")])


def signed(
    links: list[Link], shown: Shown, answer: str, signer: Signer, statement: str | None = None, after: timedelta | None = None
) -> None:
    """Add an entry to the list, a day after the one before unless told otherwise."""
    links.append(
        chain.build_entry(
            shown,
            framework=FRAMEWORK,
            enrolment=REFERENCE,
            sequence=len(links) + 1,
            previous=links[-1].hash if links else chain.text_hash(HEAD),
            answer=answer,
            statement=statement,
            signer=signer,
            signed_at=START + (after or timedelta(days=len(links), microseconds=1)),
        )
    )


def whole() -> list[Link]:
    """Seven entries: an agreement signed by two, a report with two files, a decision, an addendum, and two redactions."""
    links: list[Link] = []
    signed(links, AGREEMENT, "agree", NELL)
    signed(links, AGREEMENT, "disagree", ASA, "Not before we have spoken.")
    signed(links, FINAL, "recommend pass", ASA, "A pleasure.")
    signed(links, DECISION, "confirm pass", CHAIR, "Consistent and sufficient.")
    redact(links, [(1, "main/own")], "names a child or family")
    redact(links, [(3, "files/2")], "erasure asked for")
    addendum = Shown(
        "addendum", What("FINAL", "Final assessment report", 1), "A correction.", [Item("text", "Correction", "90, not 60")], refers_to=3
    )
    signed(links, addendum, "agree", ASA)
    return links


def redact(links: list[Link], paths: list[tuple[int, str]], reason: str) -> None:
    """A lawful redaction: an entry that says so, and the openings gone."""
    closed = {(n, path): value for n, link in enumerate(links, 1) for path, _, value in chain.salted(json.loads(link.text))}
    gone = [Redacted(n, path, closed[n, path]) for n, path in paths]
    signed(
        links, Shown("redaction", What("REDACT", "Redaction", 1), "As the law allows.", redacts=gone, reason=reason), "redacted", OFFICER
    )
    for n, path in paths:
        links[n - 1] = replace(links[n - 1], openings={name: one for name, one in links[n - 1].openings.items() if name != path})


def bundle(links: list[Link]) -> Bundle:
    """What the worker would write for them, with the heads of two days."""
    days = []
    for count in (2, len(links)):
        others = [(f"OTHER-{n}", n, digest(n)) for n in range(1, 6)]
        heads = sorted([*others, (REFERENCE, count, links[count - 1].hash)])
        days.append(Day(START + timedelta(days=count + 1), heads).proof(REFERENCE))
    return Bundle(
        reference=REFERENCE,
        made_at=START + timedelta(days=40),
        head=HEAD,
        links=links,
        files={sha_pdf: lambda: io.BytesIO(PDF)},
        reading=b"%PDF-1.7 to read",
        days=[one for one in days if one],
    )


def written(one: Bundle) -> bytes:
    target = io.BytesIO()
    one.write(target)
    return target.getvalue()


@cache
def exported() -> Mapping[str, bytes]:
    """The members of the bundle that all tests tamper with."""
    return unzipped(written(bundle(whole())))


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def altered(members: Mapping[str, bytes], name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    """The members with one of them changed as a value; it stays canonical."""
    value = json.loads(members[name])
    made = change(value)
    return {**members, name: canonical(value if made is None else made)}


def relisted(members: Mapping[str, bytes], *, whole_chain: bool = False) -> dict[str, bytes]:
    """The manifest of somebody careful: it lists what is there now. `whole_chain`: its list of entries was made anew, too."""
    manifest = json.loads(members["manifest.json"])
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    manifest["members"] = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in rest.items()}
    if whole_chain:
        texts = [entry["text"] for entry in json.loads(members["chain.json"])["entries"]]
        manifest["entries"] = [{"hash": chain.text_hash(text), "fields": chain.field_digests(json.loads(text))} for text in texts]
        manifest["newest"] = manifest["entries"][-1]["hash"]
    del manifest["digest"]
    manifest["digest"] = digest(manifest)
    return {**rest, "manifest.json": canonical(manifest)}


def rewrite(members: Mapping[str, bytes], place: int, entry: Any, *, rehash: bool) -> dict[str, bytes]:
    """One entry put in the place of another; `rehash`: with a hash beside it that fits."""

    def alter(value: Any) -> None:
        text = canonical(entry).decode()
        value["entries"][place - 1] = {"text": text, "hash": chain.text_hash(text) if rehash else value["entries"][place - 1]["hash"]}

    return altered(members, "chain.json", alter)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every plain value inside."""
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*at, key))
    else:
        yield at


def changed(value: Any, way: tuple[Any, ...]) -> Any:
    """A copy with the value at the end of the way changed to another of its kind."""
    made = copy.deepcopy(value)
    holder = made
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = other(holder[way[-1]], str(way[-1]))
    return made


def other(value: Any, name: str) -> Any:
    if isinstance(value, bool) or value is None:
        return {"refers_to": 1, "statement": "0" * 64}.get(name, "something") if value is None else not value
    if isinstance(value, int):
        return value + 1
    if len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return ("0" if value[0] != "0" else "1") + value[1:]
    if value.endswith("Z") and value[10:11] == "T":
        return value[:-2] + ("2Z" if value[-2] != "2" else "3Z")
    if len(value) == 10 and value[4] == "-":
        return "2026-08-31"
    return value + "x"


def checked(members: Mapping[str, bytes]) -> list[Finding]:
    """What our own checker says of an export."""
    made, kept = json.loads(members["chain.json"]), json.loads(members["openings.json"])["openings"]
    witness = {n: one["fields"] for n, one in enumerate(json.loads(members["manifest.json"])["entries"], 1)}
    links = [
        Link(one["text"], one["hash"], {path: chain.Opening(**value) for path, value in openings.items()})
        for one, openings in zip(made["entries"], kept, strict=True)
    ]
    there = {name[6:]: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in members.items() if name.startswith("files/")}
    return check_chain(made["head"], links, there, witness)


# docs/verify.py, loaded as what it is: a script of its own ---------------------------------------------------------

_spec = importlib.util.spec_from_file_location("verify_portfolio", ROOT / "docs" / "verify.py")
assert _spec and _spec.loader
verify: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(verify)


class InMemory:
    """Members without a ZIP around them: thousands of checks in the time of a few."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.members = members
        self.infos = {name: None for name in members if verify.KNOWN.fullmatch(name)}
        self.strange = [name for name in members if name not in self.infos]
        self.twice: list[str] = []
        self.outside = False

    def pieces(self, name: str) -> Iterator[bytes]:
        yield self.members[name]

    def text(self, name: str) -> bytes:
        return self.members[name]


def report(members: Mapping[str, bytes], *expected: str) -> Any:
    """What docs/verify.py says of an export."""
    return verify.Check(InMemory(members), list(expected))


def found(members: Mapping[str, bytes], *expected: str) -> list[tuple[str, int | None, str]]:
    return [(one["code"], one["sequence"], one["what"]) for one in report(members, *expected).findings]
