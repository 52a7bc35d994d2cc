"""A portfolio as one document to read: PDF/UA-1, from stage to stage, with signatures, what was promised, the decision and the chain.

`portfolio_pdf` is pure: plain values in, bytes out, the same for the same. It is a reading copy; what counts as evidence is the chain,
which docs/verify.py checks in the exported bundle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.core.calendar import clock, long_date
from app.core.pdf import typeset

LONGEST_HEAD = 60  # characters
_BULLET = re.compile(r"^\s*[-*•–]\s+(.*)$")
_NUMBERED = re.compile(r"^\s*(\d{1,3})[.)]\s+(.*)$")
_EDGES = re.compile(r"[\u2066-\u2069\u202a-\u202e\ufe0e\ufe0f\u200d]")  # marks of direction and of emoji: they show nothing themselves
_URDU, _PERSIAN = re.compile("[ٹڈڑںےہھ]"), re.compile("[پچژگ]")


def portfolio_pdf(data: Mapping[str, Any]) -> bytes:
    """The document that `data` describes; everything in it is text to show as it is, never markup.

    Dates are "2026-12-08", instants "2026-12-08T14:05:00Z" (shown in London time); texts may be long, with blank lines between paragraphs
    and lines that begin with "-" or "1." as lists. Keys marked ? may be left out.

        title, council, service, colour ("#rrggbb")
        person: {name, number?}                         whose portfolio, and their registration number
        programme, version, cohort, status              as people know them
        exported_at, exported_by?
        notes?: [text]                                  what every reader must know first ("Provisional: …")
        stages: [{title, status?, due?, documents: [{
            title, revision?, status?, author?, saved_at?, standards?: [text],
            sections: [{title?, guidance?, items: [{question, guidance?, answer?, standards?: [text], redacted?: bool}]}],
            attachments?: [{name, kind, size (bytes), digest}],
            signatures?: [{sequence?, name, number?, capacity, answer, statement?, at, hash, previous}]}]}]
        promised?: [{title, intro?, columns: [text], rows: [[text]], note?}]    supervision, protected time, hours
        decision?: {outcome, at, reasons?, members?: [{name, capacity}], hash?}
        chain?: [{sequence, what, at, hash}]            the whole of it, oldest first
        head?                                           the hash that a verifier is told to expect

    ValueError for a date or an instant that is none and for a row that does not fit its columns; KeyError for a value that is missing.
    """
    return typeset("portfolio.typ", _document(data))


def _document(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything in words and blocks, ready for the template."""
    person = data["person"]
    facts = [
        ("Name", person["name"]),
        ("Registration number", person.get("number")),
        ("Programme", data["programme"]),
        ("Version", data["version"]),
        ("Cohort", data["cohort"]),
        ("Status", data["status"]),
        ("Exported", _instant(data["exported_at"])),
        ("Exported by", data.get("exported_by")),
    ]
    return {
        "title": _plain(data["title"]),
        "name": _short(person["name"]),
        "council": _plain(data["council"]),
        "service": _plain(data["service"]),
        "colour": data["colour"],
        "heading": _heading(data["title"]),
        "person": _plain(person["name"]),
        "facts": [[label, _plain(value)] for label, value in facts if value],
        "notes": [_blocks(note) for note in data.get("notes") or ()],
        "stages": [_stage(stage) for stage in data["stages"]],
        "promised": [_table(table) for table in data.get("promised") or ()],
        "decision": _decision(data["decision"]) if data.get("decision") else None,
        "chain": [_entry(entry) for entry in data.get("chain") or ()],
        "head": _plain(data.get("head") or ""),
    }


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    facts = [("Status", stage.get("status")), ("Due", stage.get("due") and long_date(date.fromisoformat(stage["due"])))]
    return {
        "title": _heading(stage["title"]),
        "facts": [[label, _plain(value)] for label, value in facts if value],
        "documents": [_paper(document) for document in stage["documents"]],
    }


def _paper(document: Mapping[str, Any]) -> dict[str, Any]:
    facts = [
        ("Status", document.get("status")),
        ("Written by", document.get("author")),
        ("Version", document.get("revision")),
        ("Last saved", document.get("saved_at") and _instant(document["saved_at"])),
        ("Standards", _several(document.get("standards"))),
    ]
    return {
        "title": _heading(document["title"]),
        "facts": [[label, _plain(str(value))] for label, value in facts if value],
        "sections": [_section(section) for section in document["sections"]],
        "attachments": [_attachment(file) for file in document.get("attachments") or ()],
        "signatures": [_signature(signature) for signature in document.get("signatures") or ()],
    }


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": _plain(section.get("title") or "").strip(),
        "guidance": _blocks(section.get("guidance") or ""),
        "items": [
            {
                "question": _heading(item["question"]),
                "guidance": _blocks(item.get("guidance") or ""),
                "answer": [] if item.get("redacted") else _blocks(item.get("answer") or ""),
                "standards": _plain(_several(item.get("standards"))),
                "redacted": bool(item.get("redacted")),
            }
            for item in section["items"]
        ],
    }


def _attachment(file: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": _plain(file["name"]),
        "kind": _plain(file["kind"]),
        "size": size_in_words(file["size"]),
        "digest": _plain(file["digest"]),
    }


def _signature(signature: Mapping[str, Any]) -> dict[str, Any]:
    number = f" ({signature['number']})" if signature.get("number") else ""
    return {
        "who": _heading(f"{signature['name']}{number}"),
        "facts": [
            ["Signed as", _plain(signature["capacity"])],
            ["Answer", _plain(signature["answer"])],
            ["When", _instant(signature["at"])],
            *([["Entry in the chain", str(signature["sequence"])]] if signature.get("sequence") is not None else []),
        ],
        "statement": _blocks(signature.get("statement") or ""),
        "hash": _plain(signature["hash"]),
        "previous": _plain(signature["previous"]),
    }


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    if any(len(row) != len(table["columns"]) for row in table["rows"]):
        raise ValueError(f"a row of “{table['title']}” has not as many cells as there are columns")
    return {
        "title": _heading(table["title"]),
        "intro": _blocks(table.get("intro") or ""),
        "columns": [_plain(column) for column in table["columns"]],
        "rows": [[_plain(str(cell)) for cell in row] for row in table["rows"]],
        "note": _blocks(table.get("note") or ""),
    }


def _decision(decision: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "facts": [
            ["Outcome", _plain(decision["outcome"])],
            ["When", _instant(decision["at"])],
            *[[_plain(member["capacity"]), _plain(member["name"])] for member in decision.get("members") or ()],
        ],
        "reasons": _blocks(decision.get("reasons") or ""),
        "hash": _plain(decision.get("hash") or ""),
    }


def _entry(entry: Mapping[str, Any]) -> list[str]:
    return [str(entry["sequence"]), _plain(entry["what"]), _instant(entry["at"]), _plain(entry["hash"])]


def _instant(given: str) -> str:
    """ "Tuesday 8 December 2026, 2:05pm", in London."""
    at = datetime.fromisoformat(given)
    if at.tzinfo is None:
        raise ValueError("an instant must carry its time zone")
    return f"{long_date(at)}, {clock(at)}"


def _several(given: Any) -> str:
    return ", ".join(given or ())


def size_in_words(size: int) -> str:
    """Bytes as people read them: "512 bytes", "38 KB", "4.2 MB"."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    if size < 1024 * 1024:
        return f"{round(size / 1024)} KB"
    return f"{size / (1024 * 1024):.1f} MB"


# Text --------------------------------------------------------------------------------------------------------------


def _blocks(text: str) -> list[dict[str, Any]]:
    """Long text as paragraphs and lists, in order, each with the language of its script where that is written from right to left."""
    blocks: list[dict[str, Any]] = []
    fresh = True  # the next line begins a block of its own
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line.strip():
            fresh = True
            continue
        bullet, numbered = _BULLET.match(line), _NUMBERED.match(line)
        kind = "bullets" if bullet else "numbers" if numbered else "paragraph"
        said = bullet[1] if bullet else numbered[2] if numbered else line.strip()
        if fresh or blocks[-1]["kind"] != kind:
            blocks.append({"kind": kind, "lines": [], "numbers": [], "language": _language(said)})
        blocks[-1]["lines"].append(_plain(said))
        blocks[-1]["numbers"].append(int(numbered[1]) if numbered else 0)  # as the writer counted
        fresh = False
    return blocks


def _language(text: str) -> str:
    """The language to read a right-to-left text in, by the first letter that has a direction; "" for everything else."""
    for letter in text:
        way = unicodedata.bidirectional(letter)
        if way == "L":
            return ""
        if way == "R":
            return "he"
        if way == "AL":
            return "ur" if _URDU.search(text) else "fa" if _PERSIAN.search(text) else "ar"
    return ""


def _short(name: str) -> str:
    """A name for the title and the head of each page, which have one line."""
    return _plain(name if len(name) <= LONGEST_HEAD else name[: LONGEST_HEAD - 1] + "…")


def _heading(text: str) -> str:
    """A heading, which PDF/UA wants to say something."""
    return _plain(text).strip() or "Without a title"


def _plain(text: str) -> str:
    """Text in letters that a typeface can have: what cannot be printed is named in square brackets, in its place."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(letter) for letter in _EDGES.sub("", unicodedata.normalize("NFC", text)))


def _shown(letter: str) -> str:
    kind = unicodedata.category(letter)
    if letter in "\n\t" or kind in ("Zl", "Zp"):
        return " "
    if kind in ("Cc", "Co", "Cn", "Cs"):
        return f"[U+{ord(letter):04X}]"
    if letter >= "\U0001f000" and kind[0] == "S":  # emoji, which also read out well so
        return "" if "\U0001f3fb" <= letter <= "\U0001f3ff" else f"[{unicodedata.name(letter, f'U+{ord(letter):04X}').lower()}]"
    return letter
