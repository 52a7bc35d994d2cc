"""Nothing is sent inside our own network, however it is spelt, wherever a name leads, and whoever redirects."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.hr.webhooks import sending, targets
from app.hr.webhooks.targets import TargetRefused
from tests.hr.webhooks.receiver import answering, receiving

LOOPBACK = frozenset({"127.0.0.1"})

INSIDE = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "①②⑦.0.0.1"),
    *(
        "0.0.0.0",  # noqa: S104
        "0",
        "10.0.0.1",
        "10.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.254",
    ),
    *("192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *(
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
    ),
    *(
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
    ),
    *("[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[100::1]", "[5f00::1]", "[::ffff:8.8.8.8]"),
    *("localhost", "LOCALHOST", "localhost.", "intranet", "a..b.example", "-a.example", "a b.example", "a%2eexample.com", "a_b.example"),
]
ODD = [
    "http://hooks.example.com/x",
    "ftp://hooks.example.com/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https:///path",
    "hooks.example.com/x",
    "//hooks.example.com/x",
    "https://user:secret@hooks.example.com/x",
    "https://user@hooks.example.com/x",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com/x#part",
    "https://hooks.example.com:22/x",
    "https://hooks.example.com:0/x",
    "https://hooks.example.com:99999/x",
    "https://hooks.example.com:port/x",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/a\r\nHost: inside",
    "https://hooks.example.com/\x00",
    "https://hooks.example.com/é",
    "https://[::1",
    "https://hooks.example.com/" + "a" * 500,
    "",
]


def leads_to(*addresses: str) -> Any:
    return lambda _host, _port: list(addresses)


def nowhere(_host: str, _port: int) -> list[str]:
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize("host", INSIDE)
def test_no_spelling_of_an_inner_address_is_taken(host: str) -> None:
    for url in (f"https://{host}/hook", f"https://{host}:8443/hook"):
        with pytest.raises(TargetRefused):
            targets.parse(url)


@pytest.mark.parametrize("url", ODD)
def test_nor_is_an_odd_address(url: str) -> None:
    with pytest.raises(TargetRefused):
        targets.parse(url)


@pytest.mark.parametrize("host", [one for one in INSIDE if one.count(".") == 3 and one[0].isdigit() and one[-1].isdigit()][:12])
def test_a_name_that_leads_inside_is_not_taken(host: str) -> None:
    target = targets.parse("https://hooks.example.com/x")
    with pytest.raises(TargetRefused):
        targets.addresses(target, leads_to(host))
    with pytest.raises(TargetRefused):  # nor if it leads to somewhere else as well
        targets.addresses(target, leads_to("93.184.215.14", host))


@pytest.mark.parametrize("address", ["::1", "::ffff:10.0.0.1", "fe80::1%eth0", "fd00::1", "64:ff9b::a00:1", "", "localhost"])
def test_nor_to_such_an_address_of_the_newer_kind(address: str) -> None:
    with pytest.raises(TargetRefused):
        targets.addresses(targets.parse("https://hooks.example.com/x"), leads_to(address))


def test_public_addresses_are_taken() -> None:
    for url in ("https://hooks.example.com/x?y=1", "https://HOOKS.example.com:8443/", "https://93.184.215.14/", "https://[2606:2800::1]/"):
        targets.parse(url)
    found = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    assert targets.addresses(targets.parse("https://hooks.example.com/x"), leads_to(*found)) == found


def test_a_name_that_nobody_knows() -> None:
    for lookup in (nowhere, leads_to()):
        with pytest.raises(TargetRefused, match="no such host"):
            targets.addresses(targets.parse("https://hooks.example.com/x"), lookup)


def test_what_the_setting_names_is_allowed_and_nothing_beside_it() -> None:
    private = frozenset({"hr.intranet", "10.0.4.7:8080"})
    assert targets.parse("http://hr.intranet:81/x", private).allowed
    assert targets.parse("http://10.0.4.7:8080/x", private).allowed
    assert targets.addresses(targets.parse("https://hr.intranet/x", private), leads_to("10.0.0.9")) == ["10.0.0.9"]
    for url in ("http://10.0.4.7/x", "https://10.0.4.7/x", "http://hr.intranet.example.com/x"):
        with pytest.raises(TargetRefused):
            targets.parse(url, private)
    other = targets.parse("https://hr2.intranet/x", private)
    with pytest.raises(TargetRefused):
        targets.addresses(other, leads_to("10.0.0.9"))


def test_looking_up_takes_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "LOOK_UP", 0.1)

    def slow(*_: Any, **__: Any) -> list[Any]:
        time.sleep(1.0)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(OSError):  # noqa: PT011 - TimeoutError is one
        targets.look_up("slow.example.com", 443)


# With TLS ----------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a host, signed by itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
    made = (
        made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + plain)
    return path


@pytest.mark.parametrize(("named", "taken"), [("hooks.intranet", True), ("elsewhere.intranet", False)])
def test_the_certificate_must_be_the_urls_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, taken: bool) -> None:
    path = certificate(tmp_path, named)
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    sending._trust.cache_clear()
    with receiving(tls=context) as receiver:
        url = f"https://hooks.intranet:{receiver.port}/"
        said = sending.post(url, {}, b"{}", frozenset({"hooks.intranet"}), lookup=leads_to("127.0.0.1"))
    sending._trust.cache_clear()
    assert said.taken is taken and asked == ["hooks.intranet"] and len(receiver.got) == int(taken)
    assert taken or "certificate is not right" in (said.error or "")


def test_nobody_who_is_not_trusted_gets_anything(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "hooks.intranet"))
    with receiving(tls=context) as receiver:
        url = f"https://hooks.intranet:{receiver.port}/"
        said = sending.post(url, {}, b"{}", frozenset({"hooks.intranet"}), lookup=leads_to("127.0.0.1"))
    assert said.status is None and "certificate is not right" in (said.error or "") and receiver.got == []


# At each sending ---------------------------------------------------------------------------------------------------


def test_it_connects_to_the_very_address_that_was_checked() -> None:
    """The name is looked up once; what it would lead to a moment later does not matter. Host and path stay the URL's."""
    asked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    with receiving() as receiver:
        url = f"http://hooks.intranet:{receiver.port}/a?b=c"
        said = sending.post(url, {"webhook-id": "msg_1"}, b"{}", frozenset({"hooks.intranet"}), lookup=lookup)
    assert said.taken and asked == ["hooks.intranet"]
    (got,) = receiver.got
    assert (got.path, got.headers["host"]) == ("/a?b=c", f"hooks.intranet:{receiver.port}")


def test_a_name_that_leads_inside_by_now_gets_nothing() -> None:
    with receiving() as receiver:
        said = sending.post(f"https://hooks.example.com:{receiver.port}/x", {}, b"{}", lookup=leads_to("127.0.0.1"))
    assert said.status is None and "inside a network" in (said.error or "") and receiver.got == []


def test_a_redirect_inside_is_not_followed() -> None:
    with receiving() as inside, receiving(answering(302, location=inside.url)) as receiver:
        said = sending.post(receiver.url, {}, b"{}", LOOPBACK)
    assert (said.status, said.taken, inside.got) == (302, False, []) and "redirect" in (said.error or "")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert sending.post(receiver.url, {}, b"{}", LOOPBACK).taken
    assert (len(receiver.got), proxy.got) == (1, [])


def test_an_answer_is_kept_short_and_plain() -> None:
    with receiving(answering(500, b"\x00\x1b[31mno\r\n\xff" + b"a" * 9000)) as receiver:
        said = sending.post(receiver.url, {}, b"{}", LOOPBACK)
    assert said.status == 500 and said.text.startswith("[31mno") and len(said.text) <= 300 and said.text.isprintable()


def raw(answer: bytes, every: float = 0.0) -> tuple[socket.socket, int]:
    """A server that sends these bytes, one after the other if `every` says so, and never ends."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            for place in range(0, len(answer), 1 if every else max(len(answer), 1)):
                connection.sendall(answer[place : place + 1] if every else answer)
                time.sleep(every)
            while connection.recv(65536):  # until the other side has had enough
                continue

    threading.Thread(target=serve, daemon=True).start()
    return listening, int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "every", "words"),
    [
        (b"", 0.0, "No answer within"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 0.05, "No answer within"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 0.0, "not HTTP"),
    ],
)
def test_nothing_holds_it_longer_than_its_time(answer: bytes, every: float, words: str) -> None:
    listening, port = raw(answer, every)
    begun = time.monotonic()
    said = sending.post(f"http://127.0.0.1:{port}/", {}, b"{}", LOOPBACK, whole=0.5)
    assert said.status is None and words in (said.error or "") and time.monotonic() - begun < 2
    listening.close()


def test_an_answer_without_an_end_is_an_answer() -> None:
    listening, port = raw(b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nso far")
    said = sending.post(f"http://127.0.0.1:{port}/", {}, b"{}", LOOPBACK, whole=0.5)
    assert said.taken and said.text == "so far"
    listening.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    said = sending.post(f"http://127.0.0.1:{port}/", {}, b"{}", LOOPBACK)
    assert (said.status, said.error) == (None, "The connection was refused.")
