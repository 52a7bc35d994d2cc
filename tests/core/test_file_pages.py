"""Files over the web: sent in a form, refused beside the field, handed out so that nothing in them can act."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import HTMLResponse, Response
from starlette.testclient import TestClient

from app.core.config import Settings
from app.core.errors import NotFound
from app.core.file_kinds import IN_WORDS
from app.core.file_pages import disposition, received, send
from app.core.files import keep
from app.core.tx import Tx
from app.core.web import environment, takes_files
from app.doors import Page, Pages
from app.main import PageTable
from app.policy import Can
from tests.core import samples
from tests.factory import Make

pages = Pages()
FORM = "{% import '_ui/upload.html' as upload %}{{ upload.file(page, 'file', 'Evidence', 'What you wrote.', multiple=true) }}"


@pages.get("/evidence-of-a-test/{case:int}/add", can=Can.READ_OWN_PAGE)
def form(_tx: Tx, page: Page, case: int) -> Response:
    return HTMLResponse(environment().from_string(FORM).render(page=page), page.problem.status if page.problem else 200)


def _by_link(_tx: Tx, _page: Page, token: str) -> None:
    if token != "right":
        raise NotFound("This link does not work any more.")


def _sent_by_link(_tx: Tx, page: Page, token: str) -> Any:
    return received(page.form, page.settings)


@pages.post(
    "/evidence-by-link/{token}",
    can=None,
    public=True,
    admit=_by_link,
    first=_sent_by_link,
    uploads=True,
)
def by_link(tx: Tx, page: Page, token: str) -> Response:
    return page.go("/", kept=[keep(tx, each) for each in page.found])


def _take_in(_tx: Tx, page: Page, case: int) -> Any:
    return received(page.form, page.settings)


@pages.post("/evidence-of-a-test/{case:int}/add", can=Can.READ_OWN_PAGE, first=_take_in, again=form, uploads=True)
def add(tx: Tx, page: Page, case: int) -> Response:
    return page.go("/", case=case, kept=[keep(tx, each) for each in page.found], name=[each.name for each in page.found])


@pages.get("/evidence-of-a-test/{digest}", can=Can.READ_OWN_PAGE)
def show(tx: Tx, page: Page, digest: str) -> Response:
    return send(tx, page.settings, digest, page.query("name"), inline=bool(page.query("inline")))


@pytest.fixture
def browser(
    app: Any, make: Make, sign_in: Callable[[Any], TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_settings: Settings
) -> TestClient:
    """Somebody who is signed in, at a service with pages for evidence and a folder of its own."""
    settings = test_settings.model_copy(update={"files_dir": tmp_path / "files", "max_file_mb": 1, "max_upload_mb": 2})
    monkeypatch.setitem(app.state._state, "settings", settings)
    monkeypatch.setattr(app.edge, "settings", settings)
    routes = [route for table in (app.pages.fixed, app.pages.patterned) for each in table.values() for route in each]
    monkeypatch.setattr(app, "pages", PageTable(routes + pages.routes))
    return sign_in(make.person("Ann"))


def add_files(browser: TestClient, *files: tuple[str, bytes], field: str = "file") -> Any:
    sent = [(field, (name, content, "text/html")) for name, content in files]  # what the browser says it is counts for nothing
    return browser.post("/evidence-of-a-test/7/add", files=sent)


def kept(browser: TestClient, name: str, content: bytes) -> str:
    reply = add_files(browser, (name, content))
    assert reply.status_code == 303, reply.text
    return str(reply.next_request.url.params["kept"])


def test_files_go_in_by_a_form_and_come_out_whole(browser: TestClient) -> None:
    sent = samples.office("docx")  # made anew it would carry another time
    digest = kept(browser, "Beobachtung – Kind im Mittelpunkt.docx", sent)
    reply = browser.get(f"/evidence-of-a-test/{digest}", params={"name": "Beobachtung – Kind im Mittelpunkt.docx", "inline": "1"})
    assert reply.content == sent and reply.headers["content-length"] == str(len(reply.content))
    assert reply.headers["content-type"].endswith("wordprocessingml.document")
    assert reply.headers["content-disposition"] == (
        'attachment; filename="Beobachtung  Kind im Mittelpunkt.docx"; '
        "filename*=UTF-8''Beobachtung%20%E2%80%93%20Kind%20im%20Mittelpunkt.docx"
    )
    assert reply.headers["cache-control"] == "private, no-store" and reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'; sandbox" in reply.headers["content-security-policy"]
    assert browser.get("/evidence-of-a-test/" + "0" * 64).status_code == 404
    long = b"A line of a long diary.\n" * 40_000
    assert browser.get(f"/evidence-of-a-test/{kept(browser, 'diary.txt', long)}").content == long


@pytest.mark.parametrize(
    ("content", "media_type", "inline", "sandbox", "ending"),
    [
        (samples.pdf(), "application/pdf", True, False, ".html.pdf"),
        (samples.png(), "image/png", True, True, ".html.png"),
        (b"<3 is no markup, <script>alert(1)</script> neither here", "text/plain; charset=utf-8", True, True, ".html.txt"),
        (b"a,b\n=1+1,2\n", "text/csv; charset=utf-8", False, True, ".html.csv"),
        (samples.HEIC, "image/heic", False, True, ".html.heic"),
    ],
    ids=["pdf", "png", "text", "csv", "heic"],
)
def test_what_a_file_is_called_or_said_to_be_counts_for_nothing(
    browser: TestClient, content: bytes, media_type: str, inline: bool, sandbox: bool, ending: str
) -> None:
    digest = kept(browser, "innocent.html", content)
    for asked in ("", "1"):
        reply = browser.get(f"/evidence-of-a-test/{digest}", params={"name": "innocent.html", "inline": asked})
        assert reply.headers["content-type"] == media_type and reply.headers["x-content-type-options"] == "nosniff"
        shown = inline and asked == "1"
        assert reply.headers["content-disposition"].startswith("inline;" if shown else "attachment;")
        assert reply.headers["content-disposition"].endswith(ending)
        assert ("sandbox" in reply.headers["content-security-policy"]) is (sandbox or not shown)


def test_several_files_at_once_and_names_that_nobody_should_send(browser: TestClient) -> None:
    reply = add_files(browser, ("one.pdf", samples.pdf()), ("two.png", samples.png()))
    assert len(reply.next_request.url.params.get_list("kept")) == 2
    for name in ("../../x.pdf", "cases/x.pdf"):
        refused = add_files(browser, (name, samples.pdf()))
        assert refused.status_code == 422 and "has a folder in its name" in refused.text


def test_what_is_refused_is_said_beside_the_field(browser: TestClient) -> None:
    shown = browser.get("/evidence-of-a-test/7/add").text
    assert IN_WORDS in shown and "up to 1 MB each and 2 MB together" in shown and "Error:" not in shown
    for files, words in (
        ([("essay.docx", b"MZ\x00 program")], "“essay.docx” is a program or a script."),
        ([("notes.txt", b"x" * 1_048_577)], "“notes.txt” is larger than 1 MB."),
        ([("<b>.txt", b"")], "“&lt;b&gt;.txt” is empty."),
        ([("", b"")], "Choose a file"),
    ):
        refused = add_files(browser, *files)
        assert refused.status_code == 422 and words in refused.text
        assert 'id="file-error"' in refused.text and 'aria-describedby="file-hint file-error"' in refused.text


def test_too_much_at_once_is_refused_before_it_is_read_in_words_with_a_way_out(browser: TestClient, visitor: TestClient) -> None:
    large = [("a.txt", b"x" * 1_000_000), ("b.txt", b"y" * 1_000_000), ("c.txt", b"z" * 1_000_000)]
    refused = add_files(browser, *large)
    assert refused.status_code == 413 and "larger than 2 MB" in refused.text and "fewer or smaller files" in refused.text
    assert "<h1" in refused.text
    assert add_files(visitor, *large).status_code == 303  # who is not signed in is asked to sign in, and sends nothing

    def unsaid() -> Any:
        """A body that says nothing about its size."""
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 65_536

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert browser.post("/evidence-of-a-test/7/add", content=unsaid(), headers=headers).status_code == 413


def test_only_pages_that_take_files_have_the_larger_limit(browser: TestClient) -> None:
    assert takes_files("/evidence-of-a-test/7/add") and takes_files("/hr/imports/new")
    assert not takes_files("/evidence-of-a-test/seven/add") and not takes_files("/evidence-of-a-test/7") and not takes_files("/sign-in")
    file = {"file": ("x.txt", b"x" * 300_000)}
    assert browser.post("/details", files=file).status_code == 413
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/evidence-of-a-test/7/add", content=b"a=" + b"x" * 300_000, headers=headers).status_code == 413


def test_who_has_no_account_sends_files_by_a_link_that_works(browser: TestClient, visitor: TestClient) -> None:
    large, small = {"file": ("a.txt", b"x" * 3_000_000)}, {"file": ("a.txt", b"A few words.")}
    assert visitor.post("/evidence-by-link/wrong", files=large).status_code == 404  # before anything of it is read
    assert visitor.post("/evidence-by-link/right", files=large).status_code == 413
    assert visitor.post("/evidence-by-link/right", files=small).status_code == 303
    with pytest.raises(ValueError, match="admit"):
        Pages().post("/anybody", public=True, uploads=True)


def test_eleven_files_are_too_many(browser: TestClient) -> None:
    assert add_files(browser, *[(f"{n}.txt", b"x") for n in range(11)]).status_code == 400


@pytest.mark.parametrize(
    ("name", "plain", "full"),
    [
        ("plan.pdf", "plan.pdf", "plan.pdf"),
        ('a"b\\c\r\nset-cookie: x.pdf', "a_b_c__set-cookie_ x.pdf", "a%22b%5Cc%0D%0Aset-cookie%3A%20x.pdf"),
        ("été 100%.pdf", "ete 100_.pdf", "%C3%A9t%C3%A9%20100%25.pdf"),
        ("تقرير.pdf", "file.pdf", "%D8%AA%D9%82%D8%B1%D9%8A%D8%B1.pdf"),
    ],
)
def test_names_travel_whole_and_break_no_header(name: str, plain: str, full: str) -> None:
    assert disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"
