import smtplib
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from app.core.mail import FileMailer, Mailer, MailRefused, Message, build, is_address, mailer

SENDER = "Social Work Academy <academy@westmarch.example>"


def message(**changes: Any) -> Message:
    facts: dict[str, Any] = {"to": "ann@westmarch.example", "subject": "Booked", "message_id": "outbox-7@academy.westmarch.example"}
    return Message(**{"plain": "Hello Ann\n", "html": "<p>Hello Ann</p>\n", **facts, **changes})


def read(wire: bytes) -> EmailMessage:
    return message_from_bytes(wire, policy=SMTP)


class Inbox:
    """A mail server's other end: keeps what it takes, and answers RCPT and DATA as told."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.connections: set[Any] = set()
        self.answers: dict[str, str] = {}  # "RCPT" or "DATA" → what to answer once
        self.last: Any = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802
        self.connections.add(session.peer)
        self.last = server
        if answer := self.answers.pop("RCPT", ""):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if answer := self.answers.pop("DATA", ""):
            return answer
        self.taken.append(envelope.content)
        return "250 OK"


Serve = Callable[..., tuple[Inbox, str]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Controller] = []

    def start(**options: Any) -> tuple[Inbox, str]:
        inbox = Inbox()
        # Port 0 lets the system choose; the controller only learns it afterwards, so its own trial connection is told here.
        server = _AnyPort(inbox, hostname="127.0.0.1", port=0, **options)
        server.start()
        running.append(server)
        return inbox, f"127.0.0.1:{server.port}"

    yield start
    for server in running:
        server.stop()


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


# A certificate for "localhost" that vouches for itself until 2126, with its key: made for these tests, of use nowhere else.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUMRnB6p1by9Oya0ieFJp/STice3AwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE5NDIxMVoYDzIxMjYxMDI4
MTk0MjExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT3ft9i3uCF19/had/0IBn1Ne1Cfto+FRR9krr+kenUhcooWSYG95TI
BxeBAVF2+2ugB2buL9d2+x5WfZmKuHY/o2kwZzAdBgNVHQ4EFgQU76i9YQl1BWbb
mYNggd7DqLFJJb4wHwYDVR0jBBgwFoAU76i9YQl1BWbbmYNggd7DqLFJJb4wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAKNCWz9vfhbu68/MWez3V8HBBU6XD8AxGEdrEn4ZzP/gAiBcG/GkLZwW
b/0RgmcufRR53PVydT9eginioz3TBmVNpg==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2EZIJj4dGwxQaZ5x
M2MOKLJ6bt2sdPOXTjGmPynizkKhRANCAAT3ft9i3uCF19/had/0IBn1Ne1Cfto+
FRR9krr+kenUhcooWSYG95TIBxeBAVF2+2ugB2buL9d2+x5WfZmKuHY/
-----END PRIVATE KEY-----
"""


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(client that trusts it, server that shows it)"""
    pem = tmp_path / "localhost.pem"
    pem.write_text(CERTIFICATE)
    ours = ssl.create_default_context(cafile=str(pem))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    return ours, theirs


# Building


def test_the_shape_that_calendars_understand() -> None:
    email = read(build(message(ics="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", ics_method="REQUEST"), SENDER).as_bytes())
    assert email.get_content_type() == "multipart/mixed"
    alternative, attachment = email.iter_parts()
    assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[-1]
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_payload(decode=True) == attachment.get_payload(decode=True) == b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    assert (attachment.get_content_type(), attachment.get_filename()) == ("application/ics", "invitation.ics")


def test_without_a_calendar_it_is_plain_and_html() -> None:
    email = build(message(), SENDER, datetime(2026, 12, 8, 9, 30, tzinfo=UTC))
    assert [part.get_content_type() for part in email.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert email["Auto-Submitted"] == "auto-generated"
    assert email["Message-ID"] == "<outbox-7@academy.westmarch.example>"
    assert email["Date"] == "Tue, 08 Dec 2026 09:30:00 +0000"
    assert email["From"] == SENDER
    assert email["Reply-To"] is None


def test_the_wire_is_seven_bit_whatever_is_written() -> None:
    email = build(
        message(subject="Renée – 李 " * 20, plain="– é 李\n" + "x" * 3000, html="<p>é</p>", ics="SUMMARY:é\r\n", ics_method="CANCEL"),
        SENDER,
    )
    wire = email.as_bytes()
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    again = read(wire)
    assert again["Subject"] == ("Renée – 李 " * 20).strip()
    plain = again.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == "– é 李\n" + "x" * 3000 + "\n"


def test_the_message_id_survives_the_wire() -> None:
    long_id = "outbox-1234567890-" + "a" * 60 + "@academy.westmarch.example"
    assert f"\r\nMessage-ID: <{long_id}>\r\n".encode() in build(message(message_id=f"<{long_id}>"), SENDER).as_bytes()
    for wrong in ("no at sign", "a@b>\r\nBcc: x@y", "", "a b@c"):
        with pytest.raises(ValueError, match="Message-ID"):
            build(message(message_id=wrong), SENDER)


HOSTILE = [
    "Booked\r\nBcc: eve@evil.example",
    "Booked\nBcc: eve@evil.example",
    "Booked\u2028Bcc: eve@evil.example",
    "Booked\x85Bcc: eve@evil.example",
    "=?utf-8?q?Booked=0ABcc:_eve@evil.example?=",
    "=?utf-8?b?Qm9va2VkDQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_header(text: str) -> None:
    email = read(build(message(subject=text, headers={"X-About": text}), SENDER).as_bytes())
    assert email["Bcc"] is None
    assert len(email["Subject"].splitlines()) == 1


@given(st.text(max_size=200))
def test_any_subject_stays_one_header(text: str) -> None:
    email = read(build(message(subject=text), SENDER).as_bytes())
    assert set(email.keys()) == {
        "From", "To", "Subject", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
    }  # fmt: skip


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ann",
        "ann@",
        "@westmarch.example",
        "ann@westmarch.example\r\nBcc: eve@evil.example",
        "ann@westmarch.example\n",
        "ann example@westmarch.example",
        "a@b@c",
    ],
)
def test_what_is_not_an_address_is_refused_for_good(to: str) -> None:
    with pytest.raises(MailRefused) as refused:
        build(message(to=to), SENDER)
    assert refused.value.permanent
    assert not is_address(to)


def test_only_the_one_recipient() -> None:
    try:
        email = build(message(to="ann@westmarch.example, eve@evil.example"), SENDER)
    except MailRefused:
        return
    assert [a.addr_spec for a in email["To"].addresses] == ["ann@westmarch.example"]


def test_is_address() -> None:
    assert is_address("ann.o'neill@westmarch.example")
    assert not is_address("Ann <ann@westmarch.example>")


@pytest.mark.parametrize("name", ["Bcc", "subject", "Content-Type", "X-A:\r\nBcc", "", "X A"])
def test_extra_headers_cannot_replace_ours(name: str) -> None:
    with pytest.raises(ValueError, match="extra header"):
        build(message(headers={name: "x"}), SENDER)


def test_an_invitation_needs_a_method() -> None:
    with pytest.raises(ValueError, match="method"):
        build(message(ics="BEGIN:VCALENDAR"), SENDER)


# Sending


def test_many_messages_on_one_connection(serve: Serve) -> None:
    inbox, address = serve()
    post = Mailer(f"smtp://{address}")
    for n in range(3):
        post.send(build(message(message_id=f"outbox-{n}@academy.westmarch.example"), SENDER))
    post.close()
    assert [read(wire)["Message-ID"] for wire in inbox.taken] == [f"<outbox-{n}@academy.westmarch.example>" for n in range(3)]
    assert len(inbox.connections) == 1


def test_a_lost_connection_is_opened_again(serve: Serve) -> None:
    inbox, address = serve()
    post = Mailer(f"smtp://{address}")
    post.send(build(message(), SENDER))
    inbox.last.loop.call_soon_threadsafe(inbox.last.transport.close)  # as a server does with an idle client
    post.send(build(message(), SENDER))
    post.close()
    assert len(inbox.taken) == len(inbox.connections) == 2


@pytest.mark.parametrize(
    ("at", "answer", "permanent"),
    [
        ("RCPT", "550 5.1.1 <ann@westmarch.example> no such person", True),
        ("RCPT", "450 4.2.1 busy", False),
        ("RCPT", "530 sign in first", False),
        ("DATA", "554 not wanted", True),
        ("DATA", "452 disc full", False),
    ],
)
def test_refusals(serve: Serve, at: str, answer: str, permanent: bool) -> None:
    inbox, address = serve()
    post = Mailer(f"smtp://{address}")
    inbox.answers[at] = answer
    with pytest.raises(MailRefused) as refused:
        post.send(build(message(), SENDER))
    assert refused.value.permanent is permanent
    assert answer[:3] in refused.value.reason
    assert "ann@" not in refused.value.reason
    post.send(build(message(), SENDER))  # the connection is still good
    post.close()
    assert len(inbox.taken) == len(inbox.connections) == 1


def test_a_server_that_is_closing_is_asked_again(serve: Serve) -> None:
    inbox, address = serve()
    post = Mailer(f"smtp://{address}")
    inbox.answers["RCPT"] = "421 closing"
    with pytest.raises(MailRefused) as refused:
        post.send(build(message(), SENDER))
    assert not refused.value.permanent
    post.send(build(message(), SENDER))
    inbox.answers["RCPT"] = "421 closing"  # on a connection kept from before: tried again at once
    post.send(build(message(), SENDER))
    post.close()
    assert len(inbox.taken) == 2


def test_nobody_listening(serve: Serve) -> None:
    _, address = serve()
    post = Mailer("smtp://127.0.0.1:1", timeout=2)
    with pytest.raises(MailRefused) as refused:
        post.send(build(message(), SENDER))
    assert not refused.value.permanent
    post.close()
    assert address


def test_signing_in(serve: Serve, certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, who: LoginPassword) -> Any:
        right = (who.login, who.password) == (b"us@er", b"p:ss")
        return AuthResult(success=right, handled=right)  # not handled: the server answers 535 itself

    ours, theirs = certificate
    inbox, address = serve(authenticator=known, auth_required=True, tls_context=theirs)
    host = address.replace("127.0.0.1", "localhost")
    post = Mailer(f"smtp+starttls://us%40er:p%3Ass@{host}", tls=ours)
    post.send(build(message(), SENDER))
    post.close()
    assert len(inbox.taken) == 1
    with pytest.raises(MailRefused) as refused:
        Mailer(f"smtp+starttls://us%40er:wrong@{host}", tls=ours).send(build(message(), SENDER))
    assert "535" in refused.value.reason
    assert not refused.value.permanent  # the message is fine; the setting is not


def test_encryption_is_never_quietly_left_out(serve: Serve) -> None:
    inbox, address = serve()
    with pytest.raises(MailRefused) as refused:
        Mailer(f"smtp+starttls://{address}").send(build(message(), SENDER))
    assert not refused.value.permanent
    assert inbox.taken == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_encrypted(serve: Serve, certificate: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str) -> None:
    ours, theirs = certificate
    options: dict[str, Any] = {"ssl_context": theirs} if scheme == "smtps" else {"tls_context": theirs, "require_starttls": True}
    inbox, address = serve(**options)
    url = f"{scheme}://{address}".replace("127.0.0.1", "localhost")
    post = Mailer(url, tls=ours)
    post.send(build(message(), SENDER))
    post.close()
    assert len(inbox.taken) == 1
    with pytest.raises(MailRefused):  # a certificate nobody vouches for
        Mailer(url).send(build(message(), SENDER))


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(Mailer("smtp://user:secret@mail.westmarch.example"))


@pytest.mark.parametrize("url", ["", "http://mail", "smtp://", "smtp://host:99999", "mail.westmarch.example:25"])
def test_a_wrong_setting_is_said_so(url: str) -> None:
    with pytest.raises(ValueError, match="mail server"):
        Mailer(url)


def test_letters_the_server_cannot_carry_are_refused_for_good() -> None:
    class Old(smtplib.SMTP):
        def send_message(self, *_args: Any, **_more: Any) -> Any:
            raise smtplib.SMTPNotSupportedError("no SMTPUTF8")

    post = Mailer("smtp://mail.westmarch.example")
    post._smtp = Old()
    with pytest.raises(MailRefused) as refused:
        post.send(build(message(to="renée@westmarch.example"), SENDER))
    assert refused.value.permanent


# Files


def test_files_for_a_demonstration(tmp_path: Path) -> None:
    post = mailer("", tmp_path / "mail")
    assert isinstance(post, FileMailer)
    post.send(build(message(), SENDER))
    post.send(build(message(), SENDER))  # tried again: still one message
    post.send(build(message(message_id="../up@host"), SENDER))
    post.close()
    names = sorted(path.name for path in (tmp_path / "mail").iterdir())
    assert names == ["_up@host.eml", "outbox-7@academy.westmarch.example.eml"]
    assert read((tmp_path / "mail" / names[1]).read_bytes())["Subject"] == "Booked"


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file in the way")
    with pytest.raises(MailRefused) as refused:
        FileMailer(tmp_path / "mail").send(build(message(), SENDER))
    assert not refused.value.permanent


def test_a_server_when_one_is_set(tmp_path: Path) -> None:
    assert isinstance(mailer("smtps://mail.westmarch.example", tmp_path), Mailer)
