"""What a push costs: requests, repeats, and the time that it waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Cost:
    """What a push cost so far.

    That is HTTP requests, those that were repeats, those that were answered 429, and the seconds of waiting
    for the quota.
    """

    requests: int = 0
    retries: int = 0
    refused: int = 0
    throttled: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, refused: int = 0, throttled: float = 0.0) -> None:
        """Add to the counts, from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.refused += refused
            self.throttled += throttled
