"""PDF documents, tagged so that they can be read aloud (PDF/UA-1), typeset from templates/pdf."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from app.core.config import ROOT

TEMPLATES = ROOT / "app" / "templates" / "pdf"
FONTS = ROOT / "app" / "static" / "build" / "fonts"


def typeset(template: str, data: Mapping[str, Any]) -> bytes:
    """The document that `template` ("certificate.typ") makes of `data`: JSON, read there as values and never as markup.

    The typesetter refuses to call a document PDF/UA when a letter in it is in none of our typefaces. It is then made without that
    claim, tagged all the same, because somebody's name is no reason to have no certificate.
    """
    import typst  # tens of megabytes of memory that most processes never need

    made: dict[str, Any] = dict(
        input=str(TEMPLATES / template),
        root=str(TEMPLATES),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )
    try:
        return bytes(typst.compile(**made, format="pdf", pdf_standards=["ua-1"]))
    except typst.TypstError:
        sys.stderr.write(json.dumps({"event": "pdf-without-claim", "template": template}) + "\n")  # its message would name the letter
        return bytes(typst.compile(**made, format="pdf"))
