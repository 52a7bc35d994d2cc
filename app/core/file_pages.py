"""Files over the web: out of a form into the store, and out of the store to whoever may have them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from app.core.config import Settings
from app.core.file_kinds import CHUNK, PDF, TEXT, name_for
from app.core.files import FileRefused, Received, find, receive, store_of
from app.core.tx import Tx


def received(form: dict[str, Any], settings: Settings, field: str = "file", *, needed: bool = True) -> list[Received]:
    """The files of one field of a form, taken into the store. For a page's `first`: it scans, and no writer may wait for that.

    FileRefused for the first that cannot be taken, or if nothing was chosen and something is `needed`.
    """
    given = form.get(field)
    uploads = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, UploadFile) and each.filename]
    if not uploads and needed:
        raise FileRefused("Choose a file.", code="file-missing", errors=[{"field": field, "message": "Choose a file"}])
    store = store_of(settings)
    return [receive(store, upload.file, upload.filename or "", field=field) for upload in uploads]


def send(tx: Tx, settings: Settings, digest: str, name: str, *, inline: bool = False) -> Response:
    """The reply that hands out a file under a name. Whether the reader may have it is the caller's question, asked before this.

    `inline` shows it in the browser where that is safe (PDF, pictures, plain text); everything else is always a download. A sandbox and a
    policy of nothing keep even a file that is two things at once from running in our name; PDF has none, because browsers refuse to
    show one in a sandbox, and their viewers are one already. Every reply says nosniff (`core.web`).
    """
    kept = find(tx, store_of(settings), digest)
    kind = kept.kind
    shown = inline and kind.inline
    headers = {
        "content-length": str(kept.size),
        "content-disposition": disposition(name_for(name, kind), inline=shown),
        "cache-control": "private, no-store",
        "content-security-policy": "default-src 'none'" if kind is PDF and shown else "default-src 'none'; sandbox",
    }
    media_type = f"{kind.media_type}; charset=utf-8" if kind.media_type.startswith(TEXT.media_type[:5]) else kind.media_type
    return StreamingResponse(_chunks(kept.path), headers=headers, media_type=media_type)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def disposition(name: str, *, inline: bool = False) -> str:
    """Content-Disposition with the name in full (RFC 6266, RFC 8187) and, for old programs, in plain letters."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@!~-]", "_", folded).strip()
    if not plain.partition(".")[0]:
        plain = "file" + plain
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
