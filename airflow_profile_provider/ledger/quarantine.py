"""For how long a change that the vendor refuses again and again is not sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Refused(Protocol):
    """What a ledger knows of refusals of one change: in how many runs, and when last (Unix time)."""

    @property
    def refusals(self) -> int: ...

    @property
    def refused_at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A change that was refused in ``runs`` runs is not sent for ``seconds`` after the last of them."""

    runs: int
    seconds: float

    def until(self, entry: Refused) -> float | None:
        """Return until when (Unix time) a change is not sent; None where it was not refused so often."""
        return entry.refused_at + self.seconds if entry.refusals >= self.runs else None

    def is_active(self, entry: Refused, now: float) -> bool:
        """Whether a change is not sent now."""
        until = self.until(entry)
        return until is not None and now < until


QUARANTINE = Quarantine(runs=5, seconds=7 * 86400.0)
"""A week, after as many runs as a working week has: long enough that somebody has looked at it."""
