"""Where webhooks may go: public https addresses. What is inside our own network must be named in a setting.

Otherwise whoever has a client could have the service knock at doors that only it can reach. Names are looked up once for each sending, and
the connection goes to the very address that was checked: a name that points elsewhere a moment later gains nothing.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

LONGEST_URL = 500
LOOK_UP = 5.0  # seconds that a name may take
_PLAIN = re.compile(r"[!-~]+")  # printable, no blanks: nothing that two readers could take for different addresses
_LABELS = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
# Beyond what Python calls private: IANA's special-purpose registries.
_NOT_PUBLIC_4 = tuple(IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"))
_PUBLIC_6 = IPv6Network("2000::/3")  # all that is in use of IPv6 beyond one's own network; mapped, translated and local ones lie outside
_NOT_PUBLIC_6 = tuple(IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))

Lookup = Callable[[str, int], list[str]]


class TargetRefused(Exception):
    """Nothing is sent to this address; `reason` says why, in words fit to show."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart. `allowed`: the setting names its host, which may then be private, without TLS and at any port."""

    scheme: str
    host: str
    port: int
    allowed: bool


def parse(url: str, private: Collection[str] = ()) -> Target:
    """The parts of an address, or TargetRefused. `private` are hosts, or host:port, that the setting allows."""
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url) or "\\" in url:
        raise TargetRefused(f"Enter a whole address of up to {LONGEST_URL} plain characters, like https://hr.example.gov.uk/academy.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise TargetRefused("This is not an address.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise TargetRefused("Enter a whole address that begins with https://.")
    if "@" in parts.netloc:
        raise TargetRefused("An address must not hold a name or password. Deliveries are signed instead.")
    if parts.fragment:
        raise TargetRefused("Take away the # and what follows it: it would never be sent.")
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    allowed = host in private or f"{host}:{port}" in private
    _known_host(host, allowed)
    if not allowed:
        if parts.scheme != "https":
            raise TargetRefused("Use https, so that nobody on the way reads or changes what is sent.")
        if port != 443 and port < 1024:
            raise TargetRefused("Use port 443, or one from 1024.")
    return Target(parts.scheme, host, port, allowed)


def _known_host(host: str, allowed: bool) -> None:
    """A name of the usual form, or an address in its one usual spelling."""
    try:
        address = ip_address(host)
    except ValueError:
        if not _LABELS.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise TargetRefused("The host must be a name, or an IP address as it is usually written.") from None
        if "." not in host and not allowed:
            raise TargetRefused("Enter the host's full name.") from None
        return
    if not allowed and not is_public(str(address)):
        raise TargetRefused("This is an address inside a network. Ask the Academy if deliveries should go there.")


def is_public(address: str) -> bool:
    """Does this IP address belong to the open internet? Anything doubtful does not."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if found.is_multicast or not found.is_global:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in net for net in _NOT_PUBLIC_4)
    return found in _PUBLIC_6 and found.scope_id is None and not any(found in net for net in _NOT_PUBLIC_6)


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which to try them; OSError if there are none, or none came in time."""
    found: list[str] = []
    wrong: list[OSError] = []

    def ask() -> None:
        try:
            found.extend(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as problem:
            wrong.append(problem)

    asking = threading.Thread(target=ask, daemon=True)  # the system's resolver takes no time limit
    asking.start()
    asking.join(LOOK_UP)
    if wrong:
        raise wrong[0]
    if not found:
        raise TimeoutError
    return list(found)


def addresses(target: Target, lookup: Lookup = look_up) -> list[str]:
    """The IP addresses to connect to, every one of which is public unless the setting allows this host; else TargetRefused."""
    try:
        found = [str(ip_address(target.host))]
    except ValueError:
        try:
            found = lookup(target.host, target.port)
        except (OSError, UnicodeError):
            raise TargetRefused("There is no such host, or its name could not be looked up.") from None
    if not found:
        raise TargetRefused("There is no such host, or its name could not be looked up.")
    if not target.allowed and not all(is_public(address) for address in found):
        raise TargetRefused("The host's name leads to an address inside a network. Ask the Academy if deliveries should go there.")
    return found
