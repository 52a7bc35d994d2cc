"""The daily head: one fingerprint over the newest link of every chain, and the proof that one chain was under it.

A named officer keeps the fingerprint outside the service. The proof that goes with an exported portfolio holds other chains only as hashes,
so nobody learns whose they are. The tree is that of RFC 6962: leaves and branches are hashed with different first bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.canonical import canonical, digest, instant

FORMAT = "academy-day/1"
ChainHead = tuple[str, int, str]  # reference, number of its newest entry, hash of that entry


@dataclass(frozen=True, slots=True)
class Day:
    """What a daily head is made of: when, over how many chains and entries, and the chains' heads in order of reference."""

    made_at: datetime
    heads: Sequence[ChainHead]

    @property
    def entries(self) -> int:
        return sum(sequence for _, sequence, _ in self.heads)

    def record(self) -> dict[str, Any]:
        """The text that is hashed, as a value."""
        root = _root([_leaf(*one) for one in self.heads]).hex()
        return {"format": FORMAT, "made_at": instant(self.made_at), "chains": len(self.heads), "entries": self.entries, "root": root}

    def hash(self) -> str:
        """The daily head: SHA-256 of the record."""
        return digest(self.record())

    def proof(self, reference: str) -> dict[str, Any] | None:
        """That the chain `reference` was under this head: its newest entry then, and the hashes beside the way up. None if it was not."""
        place = next((n for n, one in enumerate(self.heads) if one[0] == reference), None)
        if place is None:
            return None
        _, sequence, newest = self.heads[place]
        way = [{"side": side, "hash": beside.hex()} for side, beside in _way([_leaf(*one) for one in self.heads], place)]
        return {"record": self.record(), "sequence": sequence, "hash": newest, "way": way}


def _leaf(reference: str, sequence: int, newest: str) -> bytes:
    return hashlib.sha256(b"\x00" + canonical([reference, sequence, newest])).digest()


def _branch(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = _split(len(leaves))
    return _branch(_root(leaves[:half]), _root(leaves[half:]))


def _way(leaves: Sequence[bytes], place: int) -> list[tuple[str, bytes]]:
    """The hashes beside the way from a leaf to the root, lowest first, and on which side each stands."""
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if place < half:
        return [*_way(leaves[:half], place), ("right", _root(leaves[half:]))]
    return [*_way(leaves[half:], place - half), ("left", _root(leaves[:half]))]
