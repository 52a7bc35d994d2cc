"""A return as it leaves: XML in the collection's elements, and the same values as CSV. The same return gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from xml.sax.saxutils import escape

from app.census.checking import Values
from app.census.guide import Guide
from app.core.listing import csv_bytes, safe

XML, CSV = "xml", "csv"
TYPES = {XML: "application/xml", CSV: "text/csv; charset=utf-8"}
SOFTWARE = "Academy"


def xml_bytes(guide: Guide, year: int, reference: date, lea: str, made_at: datetime, authority: Values, people: Iterable[Values]) -> bytes:
    """The message of the collection: header, the authority's items, and each worker's in the guide's order; what is missing is left out."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<Message>", "  <Header>", "    <CollectionDetails>"]
    lines += [_element(6, "Collection", guide.collection), _element(6, "Year", str(year))]
    lines += [_element(6, "ReferenceDate", reference.isoformat()), "    </CollectionDetails>", "    <Source>"]
    lines += [_element(6, "SourceLevel", "L"), _element(6, "LEA", lea), _element(6, "SoftwareCode", SOFTWARE)]
    lines += [_element(6, "DateTime", f"{made_at:%Y-%m-%dT%H:%M:%S}Z"), "    </Source>", "  </Header>"]
    lines += _group("LALevelVacancies", [item.code for item in guide.authority_items], authority)
    codes = [item.code for item in guide.items]
    for values in people:
        lines += _group("CSWWWorker", codes, values)
    return ("\n".join([*lines, "</Message>"]) + "\n").encode()


def _group(name: str, codes: Sequence[str], values: Values) -> list[str]:
    return [f"  <{name}>", *(_element(4, code, values[code]) for code in codes if values.get(code)), f"  </{name}>"]


def _element(indent: int, name: str, value: str) -> str:
    """XML knows no control characters; what a file brought in had them taken out."""
    return f"{' ' * indent}<{name}>{escape(value)}</{name}>"


def table_bytes(guide: Guide, people: Iterable[Values]) -> bytes:
    """One line for each worker, with the elements' names as headings."""
    codes = [item.code for item in guide.items]
    return csv_bytes(codes, ([safe(values.get(code, "")) for code in codes] for values in people))
