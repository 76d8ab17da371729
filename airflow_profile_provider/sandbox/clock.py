"""The sandbox's clock: the wall clock, which a test can stop and move forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970, plus what it was advanced by; frozen, it moves only when advanced."""

    def __init__(self, *, frozen_at: float | None = None) -> None:
        self._offset = 0.0
        self._frozen = frozen_at

    def now(self) -> float:
        """The time in seconds since 1970."""
        return (time.time() if self._frozen is None else self._frozen) + self._offset

    def advance(self, seconds: float) -> None:
        """Move forward; what expires meanwhile has expired."""
        self._offset += seconds

    def freeze(self, frozen: bool = True) -> None:
        """Stop the clock, or let it run on from where it stands."""
        now = self.now()
        self._frozen = now if frozen else None
        self._offset = 0.0 if frozen else now - time.time()

    def restart(self) -> None:
        """Back to the wall clock."""
        self._frozen, self._offset = None, 0.0

    def iso(self, at: float | None = None) -> str:
        """An instant in ISO 8601 with milliseconds, in UTC."""
        instant = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
