"""Files by their content: taken in, written down, handed out, swept; on both databases, with processes that die."""

from __future__ import annotations

import errno
import hashlib
import io
import multiprocessing
import os
import signal
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from app import cli, jobs
from app.core import files
from app.core.config import Settings, SettingsError, load
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.core.files import CLEAN, NOT_SCANNED, REFUSED, File, FileRefused, Received, Store, keep, receive, store_of
from app.core.tx import SYSTEM, clock, transaction
from tests.core import samples
from tests.core.hands import keep_again_and_again, receive_and_die

DAYS_LATER = timedelta(days=2)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "files", 20 * 1024 * 1024)


def take(store: Store, content: bytes, name: str = "evidence.pdf") -> Received:
    return receive(store, io.BytesIO(content), name)


def take_and_keep(database: Database, store: Store, content: bytes) -> str:
    received = take(store, content)
    with transaction(database, SYSTEM, writes=True) as tx:
        return keep(tx, received)


def rows(database: Database) -> list[Any]:
    with transaction(database, SYSTEM, writes=False) as tx:
        return list(tx.rows(select(File.__table__).order_by(File.digest)))


def on_disk(store: Store) -> set[str]:
    return {path.name for path in store.folder.glob("*/*")}


def scanner(folder: Path, body: str) -> tuple[str, ...]:
    """A real program that is given the file's path."""
    path = folder / "scanner.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return (str(path), "{path}")


# Taking in ---------------------------------------------------------------------------------------------------------


def test_content_is_kept_once_whatever_it_is_called(database: Database, store: Store) -> None:
    first, second = take(store, samples.pdf(), "Essay.doc"), take(store, samples.pdf(), "Aufsatz – für später.pdf")
    with transaction(database, SYSTEM, writes=True) as tx:
        assert keep(tx, first) == keep(tx, second) == hashlib.sha256(samples.pdf()).hexdigest()
    (row,) = rows(database)
    assert (row.size, row.media_type, row.scanned, row.scanned_at) == (len(samples.pdf()), "application/pdf", NOT_SCANNED, None)
    assert first.name == "Essay.doc" and first.kind.words == "PDF" and second.name == "Aufsatz – für später.pdf"
    path = store.path(row.digest)
    assert path.read_bytes() == samples.pdf() and path.parent.name == row.digest[:2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert on_disk(store) == {row.digest}


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_is_the_last_size_that_is_taken(store: Store, over: int) -> None:
    """20 MB and one byte: refused in words, and nothing of it stays."""
    content = b"Reflection on practice, page after page.\n" * 600_000
    content = content[: store.most + over]
    if not over:
        assert take(store, content).size == store.most
        return
    with pytest.raises(FileRefused) as refused:
        take(store, content, "diary.txt")
    assert refused.value.code == "file-too-large" and refused.value.status == 422
    assert refused.value.errors == [{"field": "file", "message": refused.value.message}]
    assert refused.value.message.startswith("“diary.txt” is larger than 20 MB. Make it smaller")
    assert on_disk(store) == set()


def test_a_large_file_is_not_held_in_memory(store: Store) -> None:
    class Stream(io.RawIOBase):
        """Fifteen megabytes that are made as they are read; notes the most that was asked for."""

        left, most = 15_000_000, 0

        def seek(self, *_: int) -> int:
            return 0

        def read(self, size: int = -1) -> bytes:
            self.most = max(self.most, size if size >= 0 else 10**9)
            size = min(size, self.left)
            self.left -= size
            return b"a" * size

    stream = Stream()
    assert receive(store, stream, "long.txt").size == 15_000_000  # type: ignore[arg-type]
    assert stream.most <= 262_144


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("../x.pdf", samples.pdf(), "file-name"), ("x.pdf", b"", "file-empty"), ("x.pdf", b"MZ\x00", "file-program")],
)
def test_what_is_refused_leaves_nothing_behind(store: Store, name: str, content: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        take(store, content, name)
    assert refused.value.code == code and f"“{name}”" in refused.value.message
    assert on_disk(store) == set()


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_said_in_words(store: Store, problem: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def full(*_: Any) -> Any:
        raise OSError(problem, "no")

    monkeypatch.setattr(files, "_settle", full)
    with pytest.raises(FileRefused, match="could not be stored just now") as refused:
        take(store, samples.pdf())
    assert refused.value.code == "file-not-stored" and on_disk(store) == set()
    assert errno.errorcode[problem] in capsys.readouterr().err


# Scanning ----------------------------------------------------------------------------------------------------------


def test_a_scanner_looks_at_the_file_before_it_is_kept(database: Database, store: Store, tmp_path: Path) -> None:
    watchful = replace(store, scanner=scanner(tmp_path, 'if grep -q EICAR "$1"; then exit 1; fi; exit 0'))
    assert take(watchful, b"Nothing to see here.").scanned == CLEAN
    with pytest.raises(FileRefused) as refused:
        take(watchful, b"This holds the EICAR words.", "invoice.txt")
    assert refused.value.code == "file-harmful" and "virus scanner" in refused.value.message
    assert len(on_disk(store)) == 1


@pytest.mark.parametrize("body", ["exit 2", "kill -9 $$", "exit 127"])
def test_what_a_broken_scanner_did_not_look_at_is_not_kept(store: Store, tmp_path: Path, body: str, capsys: Any) -> None:
    with pytest.raises(FileRefused) as refused:
        take(replace(store, scanner=scanner(tmp_path, body)), samples.pdf())
    assert refused.value.code == "file-not-checked" and "Try again" in refused.value.message
    assert on_disk(store) == set() and "scanner-fault" in capsys.readouterr().err


def test_a_scanner_that_is_gone_or_hangs_is_out_of_order(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SCAN_SECONDS", 0.2)
    for command in (("/no/such/scanner",), scanner(tmp_path, "exec sleep 30")):
        with pytest.raises(FileRefused, match="could not be checked"):
            take(replace(store, scanner=command), samples.pdf())


def test_the_path_is_added_to_a_command_that_does_not_place_it(store: Store, tmp_path: Path) -> None:
    program, _ = scanner(tmp_path, 'test "$1" = -q && test -s "$2"')
    assert take(replace(store, scanner=(program, "-q")), samples.pdf()).scanned == CLEAN


def test_files_from_before_the_scanner_are_scanned_when_there_is_one(database: Database, store: Store, tmp_path: Path, ledger: Any) -> None:
    good, bad = take_and_keep(database, store, b"Good words."), take_and_keep(database, store, b"Words with EICAR in them.")
    assert files.scan_waiting(database, store, clock()) == 0
    broken = replace(store, scanner=scanner(tmp_path, "exit 3"))
    files.scan_waiting(database, broken, clock())
    assert {row.scanned for row in rows(database)} == {NOT_SCANNED}
    watchful = replace(store, scanner=scanner(tmp_path, 'if grep -q EICAR "$1"; then exit 1; fi'))
    assert files.scan_waiting(database, watchful, clock()) == 2
    assert {row.digest: row.scanned for row in rows(database)} == {good: CLEAN, bad: REFUSED}
    assert ledger.entries("file.refused")[0].facts["digest"] == bad
    with transaction(database, SYSTEM, writes=False) as tx:
        assert files.find(tx, store, good).size == 11
        with pytest.raises(Conflict, match="harmful"):
            files.find(tx, store, bad)
    with pytest.raises(Conflict, match="harmful"):  # nor is it taken a second time by a service that has no scanner
        take_and_keep(database, store, b"Words with EICAR in them.")
    assert files.scan_waiting(database, watchful, clock()) == 0


def test_a_second_upload_that_was_scanned_makes_the_first_clean(database: Database, store: Store, tmp_path: Path) -> None:
    take_and_keep(database, store, samples.pdf())
    take_and_keep(database, replace(store, scanner=scanner(tmp_path, "exit 0")), samples.pdf())
    (row,) = rows(database)
    assert row.scanned == CLEAN and row.scanned_at is not None


# What the database refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"digest": "b" * 64}, {"size": 1}, {"media_type": "text/html"}, {"stored_at": clock()}])
def test_what_a_file_is_never_changes(database: Database, store: Store, change: dict[str, Any]) -> None:
    take_and_keep(database, store, samples.pdf())
    with pytest.raises((DatabaseError, Conflict)), transaction(database, SYSTEM, writes=True) as tx:
        tx.db.execute(update(File).values(**change))


@pytest.mark.parametrize(
    "wrong", [{"digest": "A" * 64}, {"digest": "a" * 63}, {"size": 0}, {"scanned": "maybe"}, {"scanned": CLEAN}, {"scanned_at": clock()}]
)
def test_rows_that_make_no_sense_are_refused(database: Database, wrong: dict[str, Any]) -> None:
    right = dict(digest="a" * 64, size=1, media_type="text/plain", scanned=NOT_SCANNED, scanned_at=None, stored_at=clock())
    with pytest.raises((DatabaseError, Conflict)), transaction(database, SYSTEM, writes=True) as tx:
        tx.insert_many(File, [{**right, **wrong}])


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_digest_that_is_none_finds_no_place(store: Store, digest: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        store.path(digest)


# Handing out -------------------------------------------------------------------------------------------------------


def test_only_whole_files_are_handed_out(database: Database, store: Store) -> None:
    digest = take_and_keep(database, store, samples.pdf())
    store.path(digest).write_bytes(samples.pdf()[:-1] + b"!")
    with transaction(database, SYSTEM, writes=False) as tx:
        with pytest.raises(Conflict, match="damaged"):
            files.find(tx, store, digest)
        assert list(files.damaged(database, store)) == [(digest, "altered")]
        store.path(digest).unlink()
        with pytest.raises(Conflict, match="missing"):
            files.find(tx, store, digest)
        with pytest.raises(NotFound):
            files.find(tx, store, "a" * 64)
    assert list(files.damaged(database, store)) == [(digest, "missing")]
    take_and_keep(database, store, samples.pdf())  # sending it again mends it
    assert list(files.damaged(database, store)) == []


def test_the_command_names_what_is_not_as_it_was(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load(database_url=database.url, files_dir=tmp_path / "files")
    monkeypatch.setattr(cli, "settings", lambda: settings)
    digest = take_and_keep(database, store_of(settings), samples.pdf())
    assert cli.main(["check-files"]) == 0 and capsys.readouterr().out == ""
    store_of(settings).path(digest).write_bytes(b"Another.")
    assert cli.main(["check-files"]) == 1 and capsys.readouterr().out == f"{digest} altered\n"


# Crashes, races, sweeping ------------------------------------------------------------------------------------------


def in_processes(target: Callable[..., None], *arguments: tuple[Any, ...]) -> list[int | None]:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


@pytest.mark.thorough
def test_a_crash_leaves_no_row_without_its_file(database: Database, store: Store) -> None:
    deaths = ("writing", "before the commit", "afterwards")
    assert in_processes(receive_and_die, *((database.url, store.folder, when) for when in deaths)) == [-signal.SIGKILL] * 3
    (kept,) = rows(database)
    assert list(files.damaged(database, store)) == [] and len(on_disk(store)) == 3  # what was left over waits for the sweep
    assert files.sweep(database, store, clock() + DAYS_LATER) == 2
    assert on_disk(store) == {kept.digest}


@pytest.mark.thorough
def test_two_processes_keep_the_same_content_at_once(database: Database, store: Store) -> None:
    assert in_processes(keep_again_and_again, *[(database.url, store.folder, 15)] * 2) == [0, 0]
    assert len(rows(database)) == 15 == len(on_disk(store)) and list(files.damaged(database, store)) == []


def test_two_transactions_that_overlap_both_keep_it(database: Database, store: Store) -> None:
    """The second waits for the first; when the first is rolled back, the second writes the row."""
    received, begun, done = take(store, samples.pdf()), threading.Event(), []

    def second() -> None:
        begun.wait(10)
        with transaction(database, SYSTEM, writes=True) as tx:
            done.append(keep(tx, received))

    thread = threading.Thread(target=second)
    thread.start()
    with suppress(InterruptedError), transaction(database, SYSTEM, writes=True) as tx:
        keep(tx, received)
        begun.set()
        thread.join(0.3)
        raise InterruptedError
    thread.join(20)
    assert done == [received.digest] == [row.digest for row in rows(database)]


def test_the_sweep_takes_only_what_is_old_and_nobodys(database: Database, store: Store) -> None:
    kept = take_and_keep(database, store, samples.pdf())
    given_up = take(store, b"Given up.").digest
    (store.folder / "README").write_text("An administrator's note.")
    (store.folder / "notes").mkdir()
    (store.folder / "notes" / "gone").symlink_to(store.folder / "nowhere")
    (store.folder / "notes" / "x.txt").write_text("Not ours.")
    assert files.sweep(database, store, clock()) == 0
    assert files.sweep(database, store, clock() + DAYS_LATER) == 1
    assert not store.path(given_up).exists() and store.path(kept).exists() and (store.folder / "notes" / "x.txt").exists()
    assert files.sweep(database, replace(store, folder=store.folder / "none"), clock()) == 0


def test_what_is_sent_again_while_the_sweep_looks_is_not_swept(database: Database, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = take(store, b"Given up, then sent again.").digest
    os.utime(store.path(digest), (1, 1))
    turn = files._turn
    sent: list[str] = []

    def just_before(given: Store, how: int) -> Any:
        if not sent:
            sent.append("")
            sent.append(take_and_keep(database, store, b"Given up, then sent again."))
        return turn(given, how)

    monkeypatch.setattr(files, "_turn", just_before)
    assert files.sweep(database, store, clock()) == 0
    assert list(files.damaged(database, store)) == [] and sent[1] == digest


def test_the_worker_looks_after_its_own_folder_only(database: Database, tmp_path: Path) -> None:
    settings = load(database_url=database.url, files_dir=tmp_path / "files")
    store = store_of(settings)
    given_up = take(store, b"Given up.").digest
    os.utime(store.path(given_up), (1, 1))
    assert jobs.look_after_files(database, load(database_url="sqlite:///elsewhere.sqlite3", files_dir=tmp_path / "files")) == 0
    assert store.path(given_up).exists()  # another database knows nothing of this folder
    assert jobs.look_after_files(database, settings) == 2 and not store.path(given_up).exists()
    assert jobs.look_after_files(database, settings) == 0  # its turns are taken


def test_a_fault_in_the_folder_stops_nobody(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setitem(jobs.FOLDER, "scan-files", (timedelta(hours=1), fail))
    assert jobs.look_after_files(database, load(database_url=database.url, files_dir=tmp_path / "files")) == 2
    assert '"job": "scan-files", "kind": "PermissionError"' in capsys.readouterr().err


# Settings ----------------------------------------------------------------------------------------------------------


def test_each_sqlite_file_has_a_folder_of_its_own() -> None:
    def folder(**given: Any) -> str:
        settings: Settings = load(**given)
        return str(settings.files_folder)

    assert folder(database_url="sqlite:///var/academy.sqlite3") == "var/academy.files"
    assert folder(database_url="sqlite:////srv/other.sqlite3") == "/srv/other.files"
    assert folder(database_url="postgresql://db/academy") == "var/files"
    assert folder(files_dir=Path("/srv/files")) == "/srv/files"


@pytest.mark.parametrize(
    ("setting", "value"), [("scan_command", "clamd 'scan"), ("scan_command", "no-such-scanner-anywhere {path}"), ("max_file_mb", 60)]
)
def test_settings_of_files_that_are_wrong_stop_the_service(setting: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"ACADEMY_{setting.upper()}"):
        load(**{setting: value})
