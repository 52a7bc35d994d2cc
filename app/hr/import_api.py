"""REST: HR extracts, from the file to a preview that is looked at and then applied or discarded (docs/hr-extract.md)."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from sqlalchemy import Select, select
from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import compile_path

from app.apidoor import ClientTx, Reply, answered, api, remember, reply_of
from app.core.errors import Invalid, Refusal
from app.core.listing import Closed, Day, DayOut, InstantOut, Key, ListQuery, keyset
from app.core.tx import Tx
from app.core.web import UPLOADS
from app.hr import operations, queries
from app.hr.imports import compare as compare_again
from app.hr.imports import stage
from app.hr.mapping import Mapping, load_mapping
from app.hr.models import Import, ImportProblem
from app.hr.problems import ExtractRefused, MappingRefused

router = APIRouter(prefix="/api/v1", tags=["HR imports"])
SCOPE = "people:import"
SEND = "/api/v1/imports"
UPLOADS[SEND] = compile_path(SEND)[0]  # a whole extract is larger than other requests may be; it is kept on the disk while it arrives
MOST_MAPPING = 300_000  # bytes


class ImportsQuery(ListQuery):
    """Which imports."""

    state: Literal["reading", "staged", "applied", "discarded"] | None = None


class CountsOut(BaseModel):
    """People by what the extract means for them, and the lines of the file. Null until it has been compared."""

    joiner: int
    mover: int
    leaver: int = Field(description="Once it is applied: without those who wait.")
    waiting: int = Field(description="Leavers who wait for a person to confirm them, once it is applied by a program.")
    rejoiner: int
    changed: int
    same: int
    passed_over: int = Field(description="Not known here, and left before the extract.")
    rows: int = Field(description="Lines of the file.")
    problems: int = Field(description="With any of these the import cannot be applied.")
    left_out: int = Field(description="Leavers because a full extract does not name them.")
    confirm: bool = Field(
        description="More than three, and more than 2%, would leave: applied by a program, they wait for a person to confirm them."
    )


class ImportOut(BaseModel):
    """An extract that was sent: its preview, or what became of it."""

    id: int
    file_name: str
    state: Literal["reading", "staged", "applied", "discarded"]
    as_at: DayOut = Field(description="The day that the extract describes.")
    full_extract: bool = Field(description="It names everybody employed, so that whoever it leaves out has left.")
    organisation_id: int | None = Field(description="Whose people; null: several organisations'.")
    ignored: list[str] = Field(description="Headings that mean nothing here.")
    counts: CountsOut | None
    created_at: InstantOut
    applied_at: InstantOut | None


class ImportsOut(BaseModel):
    """One reply of the list."""

    items: list[ImportOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class ImportProblemOut(BaseModel):
    """One thing wrong with one line, in words for whoever makes the extract."""

    id: int
    line: int = Field(description="Line of the file, or row of the sheet.")
    column: str = Field(description="The heading as it stands in the file.")
    value: str
    wrong: str
    remedy: str


class ImportProblemsOut(BaseModel):
    """One reply of the list."""

    items: list[ImportProblemOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def _counts(kept: dict[str, Any]) -> dict[str, Any] | None:
    if "rows" not in kept:
        return None
    return {name: kept.get(name.replace("_", " "), 0) for name in CountsOut.model_fields}


def _shown(row: Any) -> dict[str, Any]:
    names = [name for name in ImportOut.model_fields if name != "counts"]
    return {name: getattr(row, name) for name in names} | {"counts": _counts(row.counts)}


def _one(tx: Tx, import_id: int) -> dict[str, Any]:
    return _shown(queries.find(tx, import_id))


# Sending -----------------------------------------------------------------------------------------------------------


def _kind(value: Any) -> Any:
    if value not in ("full", "partial"):
        raise ValueError("say full, if it names everybody employed, or partial")
    return value


class Sent(Closed):
    """What comes with the file."""

    extract: Annotated[Literal["full", "partial"], BeforeValidator(_kind)]
    as_at: Day | None = None


FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "title": "NewImport",
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file", "extract"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The extract: CSV or XLSX."},
                        "extract": {
                            "type": "string",
                            "enum": ["full", "partial"],
                            "description": "full: it names everybody employed, and whoever it leaves out has left.",
                        },
                        "as_at": {"type": "string", "format": "date", "description": "The day it describes; today if left out."},
                        "mapping": {"type": "string", "format": "binary", "description": "A mapping file, as the guide to imports says."},
                    },
                }
            }
        },
    }
}


async def _receive(request: Request) -> Response:
    """Read the form while holding no thread: a slow sender keeps nobody waiting. Nothing is read from who may not send."""
    run, pool = get_running_loop().run_in_executor, request.app.state.executor
    await run(pool, _admit, request)
    form = await request.form(max_files=2, max_fields=4)
    try:
        found: Response = await run(pool, _stage, request, form)
        return found
    finally:
        await request.close()  # and with it the files


def _admit(request: Request) -> None:
    with ClientTx(request.app.state.database, request, SCOPE, False):
        return


def _stage(request: Request, form: Any) -> Response:
    """Stage and compare in short transactions; what was sent under a key before is answered as before."""

    def turn(*, writes: bool = True) -> AbstractContextManager[Tx]:
        return ClientTx(request.app.state.database, request, SCOPE, writes)

    sent, upload, mapping, body = _read(form)
    key = request.headers.get("idempotency-key")
    with turn(writes=False) as tx:
        if key is not None and (before := answered(tx, request, body, key)):
            return before
        as_at = sent.as_at or tx.today
        if as_at > tx.today:
            raise Invalid("The extract describes a day to come.", errors=[{"field": "as_at", "message": "Not a day to come"}])
    import_id = _staged(turn, upload, mapping, as_at)
    try:
        with turn() as tx:
            response = reply_of(Reply(_one(tx, import_id), 201, location=f"{SEND}/{import_id}"), 201)
            if key is not None:
                remember(tx, request, body, key, response)
    except Refusal:  # the same request, sent twice at once: the other one won
        with turn() as tx:
            operations.discard(tx, import_id)
        with turn(writes=False) as tx:
            if key is not None and (before := answered(tx, request, body, key)):
                return before
        raise
    return response


def _staged(turn: Callable[[], AbstractContextManager[Tx]], upload: UploadFile, mapping: Mapping, as_at: date) -> int:
    with tempfile.TemporaryDirectory(prefix="academy-import-") as folder:
        path = Path(folder) / "extract"
        with path.open("wb") as target:
            shutil.copyfileobj(upload.file, target)
        return stage(turn, path, mapping, file_name=Path(upload.filename or "extract").name, as_at=as_at)[0]


def _read(form: Any) -> tuple[Sent, UploadFile, Mapping, bytes]:
    """What the form says, and a digest of all of it, by which a repeated request is known; Invalid with every field that is wrong."""
    upload, mapping = form.get("file"), form.get("mapping")
    errors = [
        {"field": name, "message": "Send it once"} for name in sorted({*form}) if len(form.getlist(name)) > 1
    ]  # which of them is meant, nobody can know
    if not isinstance(upload, UploadFile):
        errors.append({"field": "file", "message": "Send the extract as a file"})
    if mapping is not None and not isinstance(mapping, UploadFile):
        errors.append({"field": "mapping", "message": "Send the mapping as a file"})
    fields = {name: value for name, value in form.items() if name not in ("file", "mapping")}
    sent = None
    try:
        sent = Sent.model_validate(fields)
    except ValidationError as wrong:
        errors += [{"field": str(error["loc"][0])[:100], "message": error["msg"]} for error in wrong.errors(include_url=False)]
    if errors or sent is None or not isinstance(upload, UploadFile):
        raise Invalid("The form is not complete.", errors=errors)
    rules, text = _rules(mapping)
    total = hashlib.sha256()
    while piece := upload.file.read(1 << 20):
        total.update(piece)
    upload.file.seek(0)
    said = sent.model_dump_json().encode() + hashlib.sha256(text).digest() + total.digest()
    return sent, upload, replace(rules, full=sent.extract == "full"), said


def _rules(mapping: Any) -> tuple[Mapping, bytes]:
    if not isinstance(mapping, UploadFile):
        return Mapping(), b""
    text = mapping.file.read(MOST_MAPPING)
    try:
        return load_mapping(text.decode("utf-8-sig")), text
    except UnicodeDecodeError as problem:
        raise MappingRefused("The mapping file is not text in UTF-8. Save it again as plain text.") from problem


def _described() -> Response:
    raise ExtractRefused("Only described by FastAPI, never called.")


_send: Any = _described
_send.handle, _send.door = _receive, {"scope": SCOPE, "writes": True}
_send.__doc__ = """Send an extract as `multipart/form-data`. The answer is the preview: how many people it would change and in which way,
and how many problems it has. Nothing is changed until it is applied."""
router.add_api_route(
    "/imports",
    _send,
    methods=["POST"],
    status_code=201,
    response_model=ImportOut,
    summary="Send an HR extract",
    operation_id="create_import",
    openapi_extra=FORM,
)


# Looking, applying, discarding -------------------------------------------------------------------------------------


@router.get("/imports", response_model=ImportsOut, summary="List imports", operation_id="list_imports")
@api(SCOPE)
def imports(tx: Tx, query: Annotated[ImportsQuery, Query()]) -> dict[str, Any]:
    """Extracts that were sent, in the order in which they came."""
    found: Select[*tuple[Any, ...]] = select(*(getattr(Import, name) for name in ImportOut.model_fields)).where(queries.visible(tx))
    if query.state is not None:
        found = found.where(Import.state == query.state)
    items, following = keyset(tx, "imports", query, found, Import.id)
    return {"items": [item | {"counts": _counts(item["counts"])} for item in items], "next": following}


@router.get("/imports/{import_id}", response_model=ImportOut, summary="Read an import", operation_id="get_import")
@api(SCOPE)
def one(tx: Tx, import_id: Key) -> dict[str, Any]:
    """The preview of an extract, or what became of it."""
    return _one(tx, import_id)


@router.get(
    "/imports/{import_id}/problems",
    response_model=ImportProblemsOut,
    summary="List an import's problems",
    operation_id="list_import_problems",
)
@api(SCOPE)
def problems(tx: Tx, import_id: Key, query: Annotated[ListQuery, Query()]) -> dict[str, Any]:
    """What is wrong with which line, and what to do about it."""
    queries.find(tx, import_id)
    found: Select[*tuple[Any, ...]] = select(
        ImportProblem.id,
        ImportProblem.line,
        ImportProblem.column_name.label("column"),
        ImportProblem.value,
        ImportProblem.wrong,
        ImportProblem.remedy,
    ).where(ImportProblem.import_id == import_id)
    items, following = keyset(tx, f"problems of {import_id}", query, found, ImportProblem.id)
    return {"items": items, "next": following}


@router.post("/imports/{import_id}/apply", response_model=ImportOut, summary="Apply an import", operation_id="apply_import")
@api(SCOPE, writes=True)
def apply(tx: Tx, import_id: Key) -> dict[str, Any]:
    """Make the preview true, all of it or nothing. Where more than three and more than 2% would leave (`confirm` of the
    counts), their last days wait for a person to confirm them, `waiting` says how many; all else is applied."""
    operations.apply(tx, import_id)
    return _one(tx, import_id)


@router.post("/imports/{import_id}/compare", response_model=ImportOut, summary="Compare an import again", operation_id="compare_import")
@api(SCOPE, writes=True)
def compare(tx: Tx, import_id: Key) -> dict[str, Any]:
    """Compare again with the people as they are now, when somebody has changed them since."""
    compare_again(tx, import_id)
    return _one(tx, import_id)


@router.post("/imports/{import_id}/discard", response_model=ImportOut, summary="Discard an import", operation_id="discard_import")
@api(SCOPE, writes=True)
def discard(tx: Tx, import_id: Key) -> dict[str, Any]:
    """Forget the preview. That it was made stays on record."""
    operations.discard(tx, import_id)
    return _one(tx, import_id)
