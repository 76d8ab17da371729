"""How fast to go where a vendor refuses what it published, or published nothing: slower, then faster."""

from __future__ import annotations

import math
from collections import deque

_SAME_BURST = 1.0
"""Refusals within so many seconds of a fall belong to the burst that caused it."""


class Pace:
    """An even spacing of requests, or none.

    A 429 halves the rate that was seen before it. Each good answer raises it again: quickly up to near the
    rate that was refused, slowly beyond, and at twice that rate the pace is lifted. Times are in seconds.
    """

    def __init__(self) -> None:
        self._rate: float | None = None
        self._refused = 0.0
        self._fell_at = -math.inf
        self._steady_until = 0.0
        self._grants: deque[float] = deque(maxlen=32)

    @property
    def limited(self) -> bool:
        """Whether there is a pace to keep."""
        return self._rate is not None

    @property
    def fell(self) -> bool:
        """Whether the pace comes from a refusal."""
        return self._refused > 0

    def start(self, rate: float, until: float) -> None:
        """Keep to so many requests a second until then."""
        self._rate, self._steady_until = rate, until

    def end_steady(self) -> None:
        """Forget the pace that a start was given: what there is to know is known."""
        if not self._refused:
            self._rate = None

    def granted(self, now: float) -> None:
        """Note that a request goes out."""
        self._grants.append(now)

    def missing(self, now: float) -> float:
        """Return the seconds until the pace allows the next request."""
        if self._rate is None:
            return 0.0
        if not self._refused and now >= self._steady_until:
            self._rate = None
            return 0.0
        return self._grants[-1] + 1 / self._rate - now if self._grants else 0.0

    def fall(self, now: float) -> None:
        """A request was refused for its rate."""
        if now - self._fell_at < _SAME_BURST:
            return
        self._refused = self._seen(now)
        self._rate = self._refused / 2
        self._fell_at = now

    def rise(self, now: float) -> None:
        """A request was answered."""
        if self._rate is None or not self._refused:
            return
        self._rate *= 1.03 if self._rate < 0.85 * self._refused else 1.003
        if self._rate > 2 * self._refused:
            self._rate, self._refused = None, 0.0

    def _seen(self, now: float) -> float:
        """Return the rate of the last requests, but never less than one in ten seconds."""
        recent = [at for at in self._grants if at > now - 60]
        span = max(now - recent[0], 0.01) if recent else 10.0
        return max(len(recent) / span, 0.1)
