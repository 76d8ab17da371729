"""How fast to go where a vendor refuses what it published, or published nothing: slower, then faster."""

from __future__ import annotations

import math
from collections import deque

FLOOR_SHARE = 0.25
"""The rate never falls below this share of the slowest published limit."""
_LEAST = 0.1
"""Requests a second below which the rate does not fall where nothing is published."""
_SAME_BURST = 1.0
"""Refusals within so many seconds of a fall belong to the burst that caused it."""
_FEW = 0.12
"""Refusals that are no more of the latest answers than this may have nothing to do with the rate."""
_DOUBLES_IN = 0.2
"""Seconds in which the rate doubles on its way back to near the one that was refused."""
_NEAR = 0.9
_LATEST = 40


class AdaptiveRate:
    """An even spacing of requests, or none.

    A 429 halves the rate. It is back near the one that was refused within a second, rises slowly beyond, and
    at twice that rate the pace is lifted. Where many answers are refusals, each lowers the rate that is found
    back to; where few are, none does: a vendor that refuses now and then, whatever the rate, costs the waits
    that it asks for and little more. Times are in seconds, ``floor`` in requests a second.
    """

    def __init__(self, floor: float = 0.0) -> None:
        self._floor = max(floor, _LEAST)
        self._rate: float | None = None
        self._refused = 0.0
        self._fell_at = -math.inf
        self._rose_at = -math.inf
        self._steady_until = 0.0
        self._grants: deque[float] = deque(maxlen=32)
        self._answers: deque[bool] = deque(maxlen=_LATEST)
        """Whether each of the latest was a refusal."""

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

    def held(self) -> None:
        """Note that nothing goes out for a while: such a wait says nothing of the rate before or after it."""
        self._grants.clear()

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
        self._answers.append(True)
        if now - self._fell_at < _SAME_BURST:
            return
        rate = self._seen(now) if self._rate is None else self._rate
        few = sum(self._answers) <= _FEW * max(len(self._answers), _LATEST / 2)
        self._refused = max(rate, self._refused) if few else rate
        self._rate = max(self._refused / 2, self._floor)
        self._refused = max(self._refused, self._rate)
        self._fell_at = self._rose_at = now

    def rise(self, now: float) -> None:
        """A request was answered."""
        self._answers.append(False)
        if self._rate is None or not self._refused:
            return
        near = _NEAR * self._refused
        if self._rate < near:
            passed = max(0.0, now - max(self._rose_at, self._grants[0] if self._grants else now))
            self._rate = min(near, self._rate * 2 ** min(passed / _DOUBLES_IN, 10))
        else:
            self._rate *= 1.003
        self._rose_at = now
        if self._rate > 2 * self._refused:
            self._rate, self._refused = None, 0.0

    def _seen(self, now: float) -> float:
        """Return the rate of the last requests since nothing was held back."""
        recent = [at for at in self._grants if at > now - 60]
        span = max(now - recent[0], 0.01) if recent else 10.0
        return max(len(recent) / span, _LEAST)
