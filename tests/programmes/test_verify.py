"""docs/verify.py shares no code with the service, so it is the judge of what the service exports, and of whoever tampers with it."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.canonical import canonical, read
from app.core.config import ROOT
from app.programmes import chain
from app.programmes.bundle import Bundle
from app.programmes.days import Day
from tests.core.test_canonical import VALUES
from tests.programmes import chains
from tests.programmes.chains import (
    altered,
    bundle,
    changed,
    checked,
    exported,
    found,
    leaves,
    relisted,
    report,
    rewrite,
    verify,
    whole,
    written,
    zipped,
)

MEMBERS = exported()
CHAIN = json.loads(MEMBERS["chain.json"])
ENTRIES = [json.loads(one["text"]) for one in CHAIN["entries"]]
HASHES = [one["hash"] for one in CHAIN["entries"]]


def run(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(ROOT / "docs" / "verify.py"), str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"})


def saved(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "portfolio.zip"
    path.write_bytes(data)
    return path


def judged(tmp_path: Path, data: bytes) -> tuple[int, list[str]]:
    """Exit status and messages of the command's own `verify`, in this process."""
    try:
        check = verify.verify(str(saved(tmp_path, data)), [])
    except verify.Unreadable as why:
        return 2, [str(why)]
    return (1 if check.findings else 0), [one["message"] for one in check.findings]


# What holds --------------------------------------------------------------------------------------------------------


def test_the_command_says_in_plain_words_what_holds(tmp_path: Path) -> None:
    done = run(saved(tmp_path, written(bundle(whole()))))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Portfolio P7QK-2M4T: ASYE-CF version 2026-1, started 1 September 2026" in done.stdout
    assert "   3  30 September 2026, 09:00 UTC: Final assessment report (FINAL, version 1)" in done.stdout
    assert "      Asa Sessor (SW900302), Assessor: recommend pass" in done.stdout
    assert "  - Entry 1, “What I bring”: names a child or family (entry 5 says so)" in done.stdout
    assert "NOTHING WAS ALTERED, as far as the bundle itself can show." in done.stdout
    assert "Somebody who wrote the whole of it anew would not be noticed." in done.stdout
    assert "She listens" not in done.stdout


def test_the_report_for_programs(tmp_path: Path) -> None:
    data = zipped(rewrite(MEMBERS, 2, {**ENTRIES[1], "answer": "agree"}, rehash=False))
    done = run(saved(tmp_path, data), "--json")
    told = json.loads(done.stdout)
    assert done.returncode == told["status"] == 1 and told["entries"] == len(ENTRIES)
    assert {"code": "altered", "sequence": 2, "what": "answer"}.items() <= told["findings"][1].items()
    assert told["findings"][1]["message"] == (
        "Entry 2, “Support and assessment agreement” (SAA, version 2), signed by Asa Sessor on 29 September 2026: the answer was altered."
    )
    assert [(one["sequence"], one["path"]) for one in told["redacted"]] == [(1, "main/own"), (3, "files/2")]


def test_an_earlier_receipt_is_found_in_the_chain(tmp_path: Path) -> None:
    path = saved(tmp_path, zipped(MEMBERS))
    first, last, day = (
        run(path, "--expect", head) for head in (HASHES[2].upper()[:32] + " " + HASHES[2][32:], HASHES[-1], Day(chains.START, []).hash())
    )
    assert first.returncode == 0
    assert "The expected fingerprint is entry 3 of 7 of this chain; 4 later entries follow." in first.stdout
    assert "entry 7 of 7 of this chain; it is the newest." in last.stdout and "the chain is the one that was expected" in last.stdout
    assert day.returncode == 1 and "neither in this chain nor among its daily heads" in day.stdout
    assert run(path, "--expect", "abc").returncode == 2


def test_a_daily_head_is_accepted_and_a_forged_proof_is_not() -> None:
    days = json.loads(MEMBERS["days.json"])["days"]
    heads = [verify.sha(canonical(one["record"])) for one in days]
    check = report(MEMBERS, *heads)
    assert check.findings == [] and "stands over entry 7 of this chain." in check.holds[-1] and "over entry 2" in check.holds[-2]
    for number, way in ((n, way) for n in range(2) for way in leaves(days[n])):
        forged = relisted(altered(MEMBERS, "days.json", partial(put, ("days", number), changed(days[number], way))))
        codes = [code for code, _, _ in found(forged, *heads)]
        assert "day" in codes or "expect" in codes or "unreadable" in codes, way


def put(way: tuple[Any, ...], new: Any, value: Any) -> None:
    """Change what is at the end of the way."""
    for key in way[:-1]:
        value = value[key]
    value[way[-1]] = new


def test_the_same_portfolio_gives_the_same_bytes() -> None:
    links = whole()
    assert written(bundle(links)) == written(bundle(links))
    with zipfile.ZipFile(io.BytesIO(written(bundle(links)))) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_packed_anew_by_another_program_it_still_holds(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("files/", b"")
        for name in sorted(MEMBERS):
            archive.writestr(name, MEMBERS[name])
    assert judged(tmp_path, target.getvalue()) == (0, [])


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_both_write_and_read_the_same_canonical_text(value: Any) -> None:
    try:
        data = canonical(value)
    except ValueError:
        return
    assert verify.write(read(data.decode())) == data and verify.parse(data) == read(data.decode())


# What does not -----------------------------------------------------------------------------------------------------

FIELDS = [(place, way) for place, entry in enumerate(ENTRIES, 1) for way in leaves(entry)]


@pytest.mark.thorough
@pytest.mark.parametrize("care", ["sloppy", "careful", "complete"])
def test_any_field_of_any_entry_altered_in_an_export_is_found(care: str) -> None:
    """However much else was made to fit: the hash beside it, the manifest's lists, even its list of entries."""
    for place, way in FIELDS:
        entry = ENTRIES[place - 1]
        members = rewrite(MEMBERS, place, changed(entry, way), rehash=care != "sloppy")
        if care != "sloppy":
            members = relisted(members, whole_chain=care == "complete")
        check = report(members)
        if care == "complete" and place == len(ENTRIES) and not check.findings:
            assert found(members, HASHES[-1]) == [("expect", None, "expect")]  # the last signatory's receipt tells
            continue
        assert check.findings, way
        theirs = {(one["code"], one["sequence"], one["what"]) for one in check.findings if one["code"] in OURS}
        ours = {(one.code, one.sequence, one.what) for one in checked(members)}
        assert {one[0] for one in theirs} == {one[0] for one in ours}, way  # two checkers that share no code
        if care != "complete":
            where = "entry" if way == ("format",) else named(way, entry)
            assert any(sequence == place and what == where for _, sequence, what in theirs), way


OURS = {"unreadable", "altered", "order", "missing", "link", "head", "opening", "redaction", "file"}


def named(way: tuple[Any, ...], entry: Any) -> str:
    if way[0] in ("items", "files"):
        return str(way[0]) if way[2] == "path" else f"{way[0]}.{entry[way[0]][way[1]]['path']}"
    return f"{way[0]}.{way[1]}" if way[0] in ("what", "signer", "framework") else str(way[0])


@pytest.mark.thorough
@pytest.mark.parametrize("careful", [False, True], ids=["sloppy", "careful"])
def test_any_opening_altered_removed_or_added_is_found_and_named(careful: bool) -> None:
    kept = json.loads(MEMBERS["openings.json"])["openings"]
    for place, openings in enumerate(kept):
        for path in openings:
            one = openings[path]
            for made in (
                {**openings, path: {**one, "value": '"other"'}},
                {**openings, path: {**one, "salt": "0" * 64}},
                {**openings, path: {**one, "salt": one["salt"].upper() + "A"}},
                {**openings, path: {**one, "value": "{"}},
                {**openings, path + "x": one},
                {name: value for name, value in openings.items() if name != path},
            ):
                members = altered(MEMBERS, "openings.json", partial(put, ("openings", place), made))
                members = relisted(members) if careful else members
                assert any(sequence == place + 1 and what.startswith(path) for _, sequence, what in found(members))
                assert checked(members)


def test_entries_left_out_swapped_repeated_and_cut_off() -> None:
    def after(change: Callable[[list[Any]], Any]) -> list[str]:
        def chain_(value: Any) -> None:
            change(value["entries"])

        def openings(value: Any) -> None:
            change(value["openings"])

        members = altered(altered(MEMBERS, "chain.json", chain_), "openings.json", openings)
        return [one["message"] for one in report(relisted(members, whole_chain=True)).findings]

    def without(gone: int, rows: list[Any]) -> None:
        rows.pop(gone - 1)

    for gone in range(1, len(ENTRIES)):
        assert f"Entry {gone} is missing." in after(partial(without, gone))

    def swap(rows: list[Any]) -> None:
        rows.insert(1, rows.pop(2))

    def repeat(rows: list[Any]) -> None:
        rows.insert(4, rows[3])

    swapped = after(swap)
    assert "The entries are out of order: entry 3 stands in place 2." in swapped
    assert "There is more than one entry 4." in after(repeat)
    # The end cut off and everything else made to fit: what is left is a true chain, as it was before. Only a receipt tells.
    short = altered(
        altered(MEMBERS, "chain.json", lambda value: value["entries"].pop() and None),
        "openings.json",
        lambda value: value["openings"].pop() and None,
    )
    days = altered(short, "days.json", lambda value: value["days"].pop() and None)
    assert found(relisted(days, whole_chain=True)) == []
    assert found(relisted(days, whole_chain=True), HASHES[-1]) == [("expect", None, "expect")]
    assert [code for code, _, _ in found(relisted(short, whole_chain=True))] == ["day"]
    assert {code for code, _, _ in found(short)} == {"member", "manifest", "missing", "day"}


def test_files_and_the_document_to_read() -> None:
    name = f"files/{chains.sha_pdf}"
    other = {**MEMBERS, name: chains.PDF + b"!"}
    assert found(relisted(other)) == [("file", 3, "files/1")]
    assert {what for _, _, what in found(other)} == {name, "files/1"}
    less = {key: data for key, data in MEMBERS.items() if key != name}
    assert found(relisted(less)) == [("file", 3, "files/1")] and ("member", None, name) in found(less)
    more = {**MEMBERS, "files/" + "b" * 64: b"x"}
    assert found(relisted(more)) == [("file", None, "files/" + "b" * 64)]
    back = {**MEMBERS, f"files/{chains.sha_picture}": chains.PICTURE}
    assert ("redaction", 3, "files/2") in found(relisted(back))
    for name in ("portfolio.pdf", "README.txt", "days.json"):
        assert ("member", None, name) in found({**MEMBERS, name: MEMBERS[name] + b" "})
        assert ("member", None, name) in found({key: data for key, data in MEMBERS.items() if key != name})
    for name in ("manifest.json", "chain.json", "openings.json"):
        assert ("member", None, name) in found({key: data for key, data in MEMBERS.items() if key != name})


@pytest.mark.thorough
def test_every_field_of_the_manifest() -> None:
    manifest = json.loads(MEMBERS["manifest.json"])
    for way in leaves(manifest):
        made = changed(manifest, way)
        assert found({**MEMBERS, "manifest.json": canonical(made)}), way
        if way[0] in ("made_at", "digest"):
            continue  # these only the fingerprint of the manifest itself holds
        del made["digest"]
        assert found({**MEMBERS, "manifest.json": canonical({**made, "digest": verify.sha(canonical(made))})}), way


def test_the_head_of_the_chain() -> None:
    head = json.loads(CHAIN["head"])
    for way in leaves(head):
        made = relisted(altered(MEMBERS, "chain.json", partial(put, ("head",), canonical(changed(head, way)).decode())))
        assert ("head", None, "head") in found(made) and any(one.code == "head" for one in checked(made)), way


def test_a_redaction_without_its_entry_and_one_that_came_too_early() -> None:
    gone = altered(MEMBERS, "openings.json", lambda value: value["openings"][3].pop("outcome") and None)
    assert found(relisted(gone)) == [("opening", 4, "outcome")]
    (finding,) = report(relisted(gone)).findings
    assert "“Outcome” is missing, and no redaction accounts for it" in finding["message"]


def test_somebody_who_writes_the_whole_chain_anew_is_caught_by_a_receipt_or_a_daily_head() -> None:
    anew = chains.unzipped(written(bundle(whole())))
    assert found(anew) == []
    for receipt in (*HASHES, *(verify.sha(canonical(one["record"])) for one in json.loads(MEMBERS["days.json"])["days"])):
        assert found(MEMBERS, receipt) == [] and found(anew, receipt) == [("expect", None, "expect")]


# Bytes -------------------------------------------------------------------------------------------------------------


def flips(step: int) -> tuple[int, int]:
    """Flip one bit of every `step`th byte of every member; how many, and how many were found."""
    chance, tried, noticed = random.Random(4), 0, 0
    for name, data in MEMBERS.items():
        for place in range(0, len(data), step):
            made = bytearray(data)
            made[place] ^= 1 << chance.randrange(8)
            tried += 1
            noticed += bool(found({**MEMBERS, name: bytes(made)}))
    return tried, noticed


@pytest.mark.thorough
def test_no_flipped_byte_goes_unnoticed() -> None:
    tried, noticed = flips(61)
    assert noticed == tried > 300


@pytest.mark.thorough
def test_no_flipped_byte_anywhere_goes_unnoticed() -> None:
    tried, noticed = flips(5)
    assert noticed == tried > sum(map(len, MEMBERS.values())) // 5


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_bytes_put_anywhere_are_noticed(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(MEMBERS)))
    start = data.draw(st.integers(0, len(MEMBERS[name])))
    end = data.draw(st.integers(start, min(len(MEMBERS[name]), start + 40)))
    made = MEMBERS[name][:start] + data.draw(st.binary(max_size=40)) + MEMBERS[name][end:]
    assert bool(found({**MEMBERS, name: made})) == (made != MEMBERS[name])


@pytest.mark.thorough
def test_a_damaged_zip_is_altered_or_unreadable_and_never_a_crash(tmp_path: Path) -> None:
    """Bits of the packing itself: either nothing that counts was hit, or it is said."""
    whole_zip = written(bundle(whole()))
    chance, statuses = random.Random(7), set()
    inside = [
        (info.header_offset, info.header_offset + 30 + len(info.filename)) for info in zipfile.ZipFile(io.BytesIO(whole_zip)).infolist()
    ]
    places = [place for start, end in inside for place in range(start, end)] + list(range(len(whole_zip) - 900, len(whole_zip)))
    for place in chance.sample(places, 250):
        made = bytearray(whole_zip)
        made[place] ^= 1 << chance.randrange(8)
        statuses.add(judged(tmp_path, bytes(made))[0])
    for length in range(0, len(whole_zip), 997):
        assert judged(tmp_path, whole_zip[:length])[0] == 2
    assert statuses <= {0, 1, 2}


# Hostile files -----------------------------------------------------------------------------------------------------


def test_names_that_climb_or_come_twice_are_named_and_never_followed(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
        archive.writestr("../../outside.txt", "x")
        archive.writestr("/etc/passwd", "x")
        archive.writestr("C:\\windows\\x", "x")
        archive.writestr("files/\x1b[2J\u202egnp.exe", "x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("chain.json", MEMBERS["chain.json"])
    status, messages = judged(tmp_path, target.getvalue())
    assert status == 1 and sum("does not belong in a bundle" in one for one in messages) == 4
    assert "“chain.json” is there more than once." in messages
    assert not any("\x1b" in one or "\u202e" in one for one in messages)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["portfolio.zip"]


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("chain.json", b"[" * (30 << 20))
    assert judged(tmp_path, bomb.getvalue())[0] == 2
    crowd = io.BytesIO()
    with zipfile.ZipFile(crowd, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"{number}", b"")
    assert judged(tmp_path, crowd.getvalue()) == (2, ["it holds more than 20000 members"])
    # Many entries of the directory that all point at the same packed bytes.
    once = zipped({"chain.json": MEMBERS["chain.json"]})
    at = once.rindex(b"PK\x01\x02")
    line, end = once[at : once.rindex(b"PK\x05\x06")], once[once.rindex(b"PK\x05\x06") :]
    many = bytearray(end)
    struct.pack_into("<HHL", many, 8, 50, 50, len(line) * 50)
    assert judged(tmp_path, once[:at] + line * 50 + bytes(many))[0] == 2


def test_a_member_that_lies_about_its_size(tmp_path: Path) -> None:
    data = bytearray(zipped(MEMBERS))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 0xFFFFFF00)
    assert judged(tmp_path, bytes(data))[0] in (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"9" * 1_000_000,
        b"1e999999999",
        b"NaN",
        b"-0",
        b'"\\ud800"',
        b"\xff\xfe",
        b'{"a":1,"a":1}',
        b'["\\"[[[["]' * 10_000,
        b"null",
        b"[]",
        b"{}",
        b'{"format":"academy-signoff/1","head":"{}","entries":[{"hash":"","text":"[]"}]}',
        b'{"entries":[],"format":"academy-signoff/1","head":""}',
    ],
)
def test_texts_made_to_harm_are_said_to_be_altered(text: bytes) -> None:
    for name in ("chain.json", "openings.json", "manifest.json", "days.json"):
        assert found({**MEMBERS, name: text})


def test_hostile_words_do_not_reach_the_terminal(tmp_path: Path) -> None:
    name = "\x1b]0;pwned\x07\u202eNell" + "x" * 10_000
    members = rewrite(MEMBERS, 1, {**ENTRIES[0], "signer": {**ENTRIES[0]["signer"], "name": name}}, rehash=True)
    done = run(saved(tmp_path, zipped(relisted(members, whole_chain=True))))
    assert (
        done.returncode == 1
        and "\x1b" not in done.stdout
        and "\u202e" not in done.stdout
        and len(max(done.stdout.splitlines(), key=len)) < 700
    )


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"%PDF-1.7"])
def test_what_is_no_portfolio_at_all(tmp_path: Path, data: bytes) -> None:
    assert judged(tmp_path, data)[0] == 2
    assert judged(tmp_path, zipped({"holiday.txt": b"sun"})) == (2, ["nothing in it belongs to an exported portfolio"])


def test_no_file_no_trace(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere.zip")
    assert (done.returncode, done.stdout, done.stderr) == (2, "UNREADABLE: there is no such file.\n", "")
    assert run(tmp_path).returncode == 2  # a folder


def test_something_before_or_after_the_zip_is_said(tmp_path: Path) -> None:
    data = zipped(MEMBERS)
    assert judged(tmp_path, b"MZ a program" + data) == (1, ["Something was added to the ZIP outside its members."])


def test_the_script_needs_nothing_but_the_standard_library_and_is_not_ours() -> None:
    text = (ROOT / "docs" / "verify.py").read_text(encoding="utf-8")
    names = [line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
    assert "app." not in text.replace("append", "")


def test_an_enrolment_with_nothing_signed_yet(tmp_path: Path) -> None:
    empty = Bundle(reference=chains.REFERENCE, made_at=chains.START, head=chains.HEAD, links=[])
    assert judged(tmp_path, written(empty)) == (0, [])
    assert empty.newest == chain.text_hash(chains.HEAD) and empty.name == "portfolio-P7QK-2M4T.zip"
