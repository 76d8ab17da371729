"""How far a push has come, as it is stored for a later try, and sets of positions as packed bits."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Self
from zlib import compress, decompress


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a push has come: all that a later try needs to go on, and no value of any record.

    ``mark`` is the low-water mark: every record at an earlier position is settled for good, and those at the
    few positions ``ahead`` are, too. ``report`` holds their counts, and the cost so far. ``rejects`` and
    ``delivered`` are the files to go on with, and how many bytes of each belong to this checkpoint. ``ages``
    tells how many seconds before ``at`` (Unix time) each request was answered that still counts against the
    quota. ``taken`` counts the records that were sent for good, where a push has a limit. ``ended`` says that
    nothing was sent after it.

    An audit settles records in the order in which the vendor lists them: ``settled`` has a bit for each
    position that is, packed as text; ``cursor`` tells where in the list it goes on; ``audit`` is its file;
    ``found`` sums up what it found.
    """

    fingerprint: str
    mark: int
    ahead: tuple[int, ...] = ()
    report: Mapping[str, Any]
    rejects: str | None = None
    rejects_bytes: int = 0
    delivered: str | None = None
    delivered_bytes: int = 0
    ages: tuple[float, ...] = ()
    at: float = 0.0
    taken: int = 0
    ended: bool = False
    audit: str | None = None
    audit_bytes: int = 0
    settled: str = ""
    cursor: str | None = None
    found: str = ""

    def covers(self, position: int) -> bool:
        """Whether the record at position is settled for good."""
        if position < self.mark or position in self.ahead:
            return True
        return bool(self.settled) and has_bit(unpacked_bits(self.settled), position)

    def as_dict(self) -> dict[str, Any]:
        """Return the checkpoint as it is stored."""
        found = asdict(self) | {"ages": [round(age, 3) for age in self.ages], "ahead": list(self.ahead)}
        return {name: value for name, value in found.items() if value or name not in _OF_AUDITS}

    @classmethod
    def of(cls, stored: Any) -> Self | None:
        """Read a checkpoint that was stored; None where it is none, or one of another version."""
        names = {item.name for item in fields(cls)}
        if not isinstance(stored, Mapping) or not names - _OF_AUDITS <= set(stored) <= names:
            return None
        return cls(**{**stored, "ages": tuple(stored["ages"]), "ahead": tuple(stored["ahead"])})


_OF_AUDITS = frozenset({"audit", "audit_bytes", "settled", "cursor", "found"})
"""Members of a checkpoint that pushes have no use for."""


@lru_cache(1)
def unpacked_bits(text: str) -> bytes:
    """Return bits that `packed_bits` wrote."""
    return decompress(b64decode(text)) if text else b""


def packed_bits(bits: bytes | bytearray) -> str:
    """Write bits as text."""
    return b64encode(compress(bits)).decode() if bits else ""


def has_bit(bits: bytes | bytearray, position: int) -> bool:
    """Whether the bit at a position is set."""
    byte = position >> 3
    return byte < len(bits) and bool(bits[byte] & 1 << (position & 7))
