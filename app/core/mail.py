"""E-mail: a message as data, the shape mail programs expect, and two ways of sending it.

`build` makes the wire form, `Mailer` hands it to an SMTP server, `FileMailer` writes it to a directory where there is none.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from app.core.text import normal

IcsMethod = Literal["REQUEST", "CANCEL"]

_MESSAGE_ID = re.compile(r"<?([A-Za-z0-9.!#$%&*+/=?^_`{|}~-]+@[A-Za-z0-9.:\[\]-]+)>?")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_OURS = {"to", "from", "cc", "bcc", "sender", "subject", "date", "message-id", "reply-to", "auto-submitted", "mime-version"}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
# Refusals that are about how we connect or sign in, not about this message: trying later, after someone has put it right, is worth it.
_OUR_FAULT = {530, 534, 535, 538}


class MailRefused(Exception):
    """The message was not taken. `permanent`: trying again would be refused again; otherwise try later."""

    unreached = False  # True: the server could not be used at all, so the next message would fare no better

    def __init__(self, permanent: bool, reason: str):
        # Servers like to repeat the address in their answer; the reason goes into logs and lists, where it has no business.
        self.reason = re.sub(r"[^\s<>]+@[^\s<>]+", "(address)", normal(reason))[:300]
        self.permanent = permanent
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True)
class Message:
    """An e-mail to one person, not yet in wire form."""

    to: str  # a bare address
    subject: str
    plain: str
    html: str
    message_id: str  # stable: the same each time this message is tried, so that a second copy can be recognised
    ics: str | None = None  # a calendar invitation (iCalendar text) …
    ics_method: IcsMethod | None = None  # … and what it asks the calendar to do
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Sends(Protocol):
    """Whatever takes a built message and gets it on its way, or raises MailRefused."""

    def send(self, email: EmailMessage) -> None: ...

    def close(self) -> None: ...


class _Wire(EmailPolicy):
    """The standard library's policy, but for subjects beyond ASCII.

    Its own folding loses the space between two encoded words on some of the Python versions we run on; the older Header does not.
    """

    def fold(self, name: str, value: str) -> str:
        """One header as folded lines."""
        if name.lower() == "subject" and not value.isascii():
            return f"{name}: {Header(str(value), 'utf-8', header_name=name).encode(linesep=self.linesep)}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        """The same for the wire."""
        if name.lower() == "subject" and not value.isascii():
            return self.fold(name, value).encode()
        return super().fold_binary(name, value)


_WIRE = _Wire(linesep="\r\n")


def build(message: Message, sender: str, sent_at: datetime | None = None) -> EmailMessage:
    """The wire form. `sender` is an address or "Name <address>". Raises MailRefused (permanent) if an address cannot be one.

    The parts are nested as Outlook wants them: mixed[alternative[plain, HTML, calendar], the calendar again as a file].
    Everything is 7-bit on the wire, so any server takes it.
    """
    email = EmailMessage(policy=_WIRE)
    email["From"] = _address(sender)
    email["To"] = _address(message.to)
    email["Subject"] = _header(message.subject)
    email["Message-ID"] = _message_id(message.message_id)
    if sent_at is not None:
        email["Date"] = sent_at
    if message.reply_to:
        email["Reply-To"] = _address(message.reply_to)
    email["Auto-Submitted"] = "auto-generated"
    email["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # Exchange's own way of saying: no "I am on leave" back to us
    for name, value in message.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("content-"):
            raise ValueError(f"{name!r} cannot be set as an extra header.")
        email[name] = _header(value)
    email.set_content(_whole(message.plain), cte="quoted-printable")
    email.add_alternative(_whole(message.html), subtype="html", cte="quoted-printable")
    if message.ics is not None:
        if message.ics_method is None:
            raise ValueError("A calendar invitation needs its method.")
        calendar = _whole(message.ics)
        email.add_alternative(calendar, subtype="calendar", params={"method": message.ics_method}, cte="base64")
        email.add_attachment(calendar.encode(), maintype="application", subtype="ics", filename="invitation.ics")
    return email


def _header(text: str) -> str:
    """One line that says what it says. "=?" would be read as the start of an encoded word, which can smuggle in a line break."""
    return normal(text).replace("=?", "= ?")


def _whole(text: str) -> str:
    """Half characters cannot be sent; a question mark stands for each."""
    return text.encode("utf-8", "replace").decode()


def _address(text: str) -> Address:
    name, spec = parseaddr(text) if text.isprintable() else ("", "")
    try:
        address = Address(_header(name), addr_spec=spec)
    except (ValueError, IndexError, HeaderParseError) as wrong:
        raise MailRefused(True, "The address is not an e-mail address.") from wrong
    if not address.username or not address.domain or re.search(r"\s", spec):
        raise MailRefused(True, "The address is not an e-mail address.")
    return address


def is_address(text: str) -> bool:
    """Whether this is a bare e-mail address that mail can be sent to."""
    try:
        return _address(text).addr_spec == text
    except MailRefused:
        return False


def _message_id(text: str) -> str:
    found = _MESSAGE_ID.fullmatch(text)
    if not found:
        raise ValueError("A Message-ID has the form id@host.")
    return f"<{found[1]}>"


class _Unreached(MailRefused):
    """The server could not be reached, or hung up: nothing is known about the message itself."""

    unreached = True

    def __init__(self, reason: str):
        super().__init__(False, f"The mail server could not be used. {reason}")


def _refusal(answer: smtplib.SMTPException) -> MailRefused:
    """What a server's answer to one message means: 4xx later, 5xx never, unless it is about how we connect."""
    code: int
    text: bytes | str
    if isinstance(answer, smtplib.SMTPRecipientsRefused):  # one recipient each, so one answer
        code, text = next(iter(answer.recipients.values()))
    elif isinstance(answer, smtplib.SMTPResponseException):
        code, text = answer.smtp_code, answer.smtp_error
    else:  # the server cannot do what this address needs, such as letters beyond ASCII
        return MailRefused(isinstance(answer, smtplib.SMTPNotSupportedError), str(answer))
    said = f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
    if code == 421:
        return _Unreached(said)
    # Refusing the sender is about our settings, except for 552: this message is too large.
    ours = code in _OUR_FAULT or (isinstance(answer, smtplib.SMTPSenderRefused) and code != 552)
    return MailRefused(code >= 500 and not ours, said)


class Mailer:
    """Hands messages to an SMTP server over one connection, opened when first needed and again when it was lost.

    `url` is smtp:// (no encryption), smtp+starttls:// or smtps://, with optional user:password@ (percent-encoded), host and
    optional port. Certificates are checked. One thread at a time.
    """

    def __init__(self, url: str, *, timeout: float = 20, tls: ssl.SSLContext | None = None):
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("The mail server must be given as smtp://host:port, smtp+starttls://host:port or smtps://host:port.")
        try:
            self.port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise ValueError("The mail server's port must be a number from 1 to 65535.") from None
        self.scheme, self.host, self.timeout = parts.scheme, parts.hostname, timeout
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._tls = tls
        self._smtp: smtplib.SMTP | None = None

    def __repr__(self) -> str:
        return f"Mailer({self.scheme}://{self.host}:{self.port})"  # never the password

    def send(self, email: EmailMessage) -> None:
        """Deliver to the server, which has taken responsibility for it when this returns. Raises MailRefused."""
        kept = self._smtp is not None
        try:
            self._hand_over(email)
        except _Unreached:
            if not kept:
                raise
            # Servers close a connection that has been idle. That says nothing about this message: once more, on a new one.
            self._hand_over(email)

    def _hand_over(self, email: EmailMessage) -> None:
        if self._smtp is None:
            self._smtp = self._connect()
        try:
            self._send(self._smtp, email)
        except smtplib.SMTPServerDisconnected as lost:
            self.close()
            raise _Unreached(str(lost)) from lost
        except smtplib.SMTPException as answer:  # before OSError, of which it is a kind
            refusal = _refusal(answer)
            if isinstance(refusal, _Unreached):
                self.close()
            raise refusal from answer
        except OSError as lost:
            self.close()
            raise _Unreached(str(lost)) from lost

    def _send(self, smtp: smtplib.SMTP, email: EmailMessage) -> None:
        sender, to = email["From"].addresses[0].addr_spec, email["To"].addresses[0].addr_spec
        if sender.isascii() and to.isascii():  # what `build` makes is 7-bit, so the bytes go as they are
            smtp.sendmail(sender, [to], email.as_bytes())
        else:
            smtp.send_message(email)

    def _connect(self) -> smtplib.SMTP:
        """A connection ready for messages. Whatever goes wrong here is not the message's fault."""
        # Our own name is given because looking it up in the DNS can take many seconds where there is none.
        own_name = socket.gethostname() or "localhost"
        smtp: smtplib.SMTP | None = None
        try:
            if self.scheme == "smtps":
                smtp = smtplib.SMTP_SSL(self.host, self.port, own_name, timeout=self.timeout, context=self._context())
            else:
                smtp = smtplib.SMTP(self.host, self.port, own_name, timeout=self.timeout)
            if self.scheme == "smtp+starttls":
                smtp.starttls(context=self._context())
            if self._user:
                smtp.login(self._user, self._password)
        except (OSError, UnicodeError) as problem:  # every SMTPException is an OSError
            if smtp is not None:
                smtp.close()
            raise _Unreached(f"{type(problem).__name__}: {problem}") from problem
        return smtp

    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()

    def close(self) -> None:
        """Say goodbye if anyone is listening. The next message opens a new connection."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            smtp.quit()
        except (smtplib.SMTPException, OSError):
            smtp.close()


class FileMailer:
    """Writes each message as an .eml file: for demonstrations, where no mail may leave. The same message lands in the same file."""

    def __init__(self, directory: Path | str):
        self.directory = Path(directory)

    def send(self, email: EmailMessage) -> None:
        """Write it whole or not at all. Raises MailRefused (not permanent) when the disc refuses."""
        name = re.sub(r"[^A-Za-z0-9@._-]", "_", str(email["Message-ID"]).strip("<>")).lstrip(".")[:150] + ".eml"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            part = self.directory / (name + ".part")
            part.write_bytes(email.as_bytes())
            part.replace(self.directory / name)
        except OSError as problem:
            raise MailRefused(False, f"The message could not be written: {problem.strerror}") from problem

    def close(self) -> None:
        """Nothing is kept open."""


def mailer(url: str, directory: Path | str) -> Mailer | FileMailer:
    """The way to send: by SMTP where a server is set, otherwise into files."""
    return Mailer(url) if url else FileMailer(directory)
