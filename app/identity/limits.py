"""How many requests a client may make a minute: true across server processes and hosts, without a database write for each request.

Each process leases a share of the client's minute from the table `rate_windows` and counts it down in memory. A share is a part of what is
left, so that it becomes small near the limit: the limit is not exceeded, and what may go unused is what other processes hold of their
last shares (a sixteenth of the limit at most, nothing of limits below 16). SQLite has one writer: while an import has its turn, a process
goes on with as much on credit, and settles it with its next share, so that nobody who only reads waits for a writer.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update

from app.core import tx as clocks
from app.core.db import Database, is_postgresql
from app.core.errors import SignInNeeded, TooMany
from app.core.tx import NOBODY, SYSTEM, Tx, transaction
from app.identity import access
from app.identity.models import ApiClient, RateWindow

MINUTE = 60  # seconds
PART = 16  # of what is left of the minute, one goes into a share
LARGEST = 1000  # requests in one share
KNOWN = 10_000  # tokens and addresses remembered in one process
UNKNOWN_TOKENS = 300  # from one address in a minute, seen by one process, before tokens it has not met are not looked up any more


class Allowance(NamedTuple):
    """What a client has left of this minute, as far as this process knows."""

    limit: int  # requests a minute
    remaining: int
    reset: int  # seconds until the next minute, when all of it is there again
    refused: bool = False

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As told with every answer to a client (RateLimit-* as in draft-ietf-httpapi-ratelimit-headers-07, Retry-After of RFC 9110)."""
        said = [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset),
        ]
        return [*said, (b"retry-after", b"%d" % self.reset)] if self.refused else said


@dataclass(slots=True)
class _Share:
    """What this process holds of one client's minute."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    minute: int = -1
    limit: int = 0
    mine: int = 0  # leased and not yet used
    beyond: int = 0  # nobody's yet, when this process last looked
    owed: int = 0  # answered on credit


class Limits:
    """The rate limits of one process. `per_minute` is for clients that have no limit of their own."""

    def __init__(self, database: Database, per_minute: int) -> None:
        self.database, self.per_minute = database, per_minute
        self._shares: dict[int, _Share] = {}
        self._tokens: dict[str, int] = {}  # SHA-256 of a token → its client
        self._unknown: dict[str, int] = {}  # address → tokens nobody knows, in the minute below
        self._minute = 0

    def take(self, client_id: int) -> Allowance:
        """One request of a client's minute; `refused` when there is none left."""
        seconds = int(clocks.clock().timestamp())
        minute, reset = seconds // MINUTE, MINUTE - seconds % MINUTE
        share = self._shares.get(client_id) or self._shares.setdefault(client_id, _Share())
        with share.lock:
            if share.minute != minute:
                share.minute, share.mine, share.owed, share.beyond = minute, 0, 0, max(1, share.limit)
            if share.mine == 0 and share.beyond > 0:
                if share.owed < share.limit // PART and not self.database.turn_is_near():
                    share.owed += 1
                    return Allowance(share.limit, max(0, share.beyond - share.owed), reset)
                self._lease(share, client_id)
            if share.mine == 0:
                return Allowance(share.limit, 0, reset, refused=True)
            share.mine -= 1
            return Allowance(share.limit, share.mine + share.beyond, reset)

    def _lease(self, share: _Share, client_id: int) -> None:
        with transaction(self.database, SYSTEM, writes=True) as tx:
            share.limit, share.mine, used = lease(tx, client_id, share.minute, self.per_minute, share.owed)
        share.beyond, share.owed = max(0, share.limit - used), 0

    def client_of(self, authorization: str, address: str) -> int:
        """The client that a token was given to, looked up once; SignInNeeded where there is none, TooMany for who tries many."""
        token = access.bearer(authorization)
        hashed = access.digest(token)
        known = self._tokens.get(hashed)
        if known is not None:
            return known
        minute = int(clocks.clock().timestamp()) // MINUTE
        if minute != self._minute or len(self._unknown) >= KNOWN:
            self._minute, self._unknown = minute, {}
        if self._unknown.get(address, 0) >= UNKNOWN_TOKENS:
            raise TooMany("There have been too many unknown tokens from this address. Wait a minute.", code="tokens-throttled")
        try:
            with transaction(self.database, NOBODY, writes=False) as tx:
                found = access.client(tx, authorization).id
        except SignInNeeded:
            self._unknown[address] = self._unknown.get(address, 0) + 1
            raise
        assert found is not None
        if len(self._tokens) >= KNOWN:
            self._tokens.clear()  # those in use are looked up again
        self._tokens[hashed] = found
        return found


_LIMIT: Any = select(func.coalesce(ApiClient.per_minute, bindparam("setting"))).where(ApiClient.id == bindparam("client"))
_TAKEN = (
    update(RateWindow)
    .where(RateWindow.client_id == bindparam("client"), RateWindow.minute == bindparam("of"))
    .values(used=RateWindow.used + bindparam("more"))
)


def lease(tx: Tx, client_id: int, minute: int, setting: int, owed: int = 0) -> tuple[int, int, int]:
    """(the client's limit, the share of its minute that is now the caller's, what is used of the limit with it and with what it owed)."""
    limit = int(tx.scalar(_LIMIT, client=client_id, setting=setting) or 0)
    used = int(tx.scalar(_begun(tx), client=client_id, of=minute))  # locks the row: whoever else leases waits
    left = limit - used - owed
    share = max(1, min(left // PART, LARGEST)) if left > 0 else 0
    if owed + share:
        tx.db.execute(_TAKEN, dict(client=client_id, of=minute, more=owed + share))
    return limit, share, used + owed + share


def _begun(tx: Tx) -> Any:
    if is_postgresql(tx.db):
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]

    begun = insert(RateWindow).values(client_id=bindparam("client"), minute=bindparam("of"), used=0)
    same = begun.on_conflict_do_update(index_elements=["client_id", "minute"], set_={"used": RateWindow.used})
    return same.returning(RateWindow.used)


def admit(request: Any) -> None:
    """Before a client's request takes a transaction: who asks, and is there anything left of its minute? Once for each request.

    The token is looked up again inside the transaction, where it must still be good.
    """
    state = request.scope["state"]
    if "allowance" in state:
        return
    limits: Limits = request.app.state.limits
    settings = request.app.state.settings
    peer = request.client.host if request.client else ""
    address = access.client_address(peer, request.headers.get("x-forwarded-for", ""), settings.trusted_proxies)
    state["client"] = limits.client_of(request.headers.get("authorization", ""), address)
    state["allowance"] = allowance = limits.take(state["client"])
    if allowance.refused:
        raise TooMany(
            f"This client may make {allowance.limit:,} requests a minute. Wait {allowance.reset} seconds.",
            code="rate-limited",
            way_out="Ask for more at once: lists have pages of up to 500, and people and bookings are read and written in bulk.",
        )
