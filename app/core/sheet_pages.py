"""Spreadsheets and files of definitions through a form: what was chosen, an empty one to fill in, and each applied once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.core.errors import Conflict
from app.core.listing import csv_bytes
from app.core.sheets import MOST_BYTES, SheetRefused


def chosen(form: Mapping[str, Any], words: str, most: int = MOST_BYTES) -> tuple[str, bytes]:
    """(name, content) of the file that was chosen, of a longer one `most` bytes and one more. SheetRefused, with these words, without."""
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise SheetRefused(words)
    return upload.filename, upload.file.read(most + 1)


def empty(headings: Iterable[str], name: str) -> Response:
    """A file with the headings and nothing else."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_bytes([*headings], []), 200, headers, "text/csv; charset=utf-8")


def once(kept: Any, code: str = "import-applied") -> None:
    """Conflict if the file is applied."""
    if kept.applied_at is not None:
        raise Conflict("This file has already been applied.", code=code)
