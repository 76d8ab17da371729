"""Quotas as the vendors publish them: so many requests in so many seconds, counted in fixed or sliding
windows.

A fixed window is aligned with the clock (second 0 to 59.999 of each minute). A sliding one looks back from
the moment of the request. A refused request is not counted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a window stands: what is left of it and when it is whole again (seconds from now)."""

    limit: Limit
    remaining: int
    resets_in: float


class Window:
    """One limit and the requests counted against it."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._taken: deque[float] = deque()

    def standing(self, now: float, *, sliding: bool) -> Standing:
        """Say what is left at this moment."""
        seconds = self.limit.seconds
        start = now - seconds if sliding else math.floor(now / seconds) * seconds
        while self._taken and (self._taken[0] <= start if sliding else self._taken[0] < start):
            self._taken.popleft()
        remaining = self.limit.requests - len(self._taken)
        oldest = self._taken[0] if self._taken else now
        resets_in = (oldest + seconds - now) if sliding else (start + seconds - now)
        return Standing(self.limit, remaining, resets_in)

    def take(self, now: float) -> None:
        """Count one request."""
        self._taken.append(now)


class Bucket:
    """The windows of one endpoint, category or account; a request must fit into all of them."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self.windows = [Window(limit) for limit in limits]

    def take(self, now: float, *, sliding: bool) -> tuple[bool, list[Standing]]:
        """Count a request if every window has room for it; say whether, and where the windows stand then."""
        before = [window.standing(now, sliding=sliding) for window in self.windows]
        if any(standing.remaining <= 0 for standing in before):
            return False, before
        for window in self.windows:
            window.take(now)
        return True, [window.standing(now, sliding=sliding) for window in self.windows]


def wait_for(standings: Iterable[Standing]) -> float:
    """Seconds until every exhausted window has room again."""
    return max((each.resets_in for each in standings if each.remaining <= 0), default=0.0)


def parse_limits(document: Any) -> tuple[Limit, ...]:
    """Read ``[[10, 1], [150, 60]]``: requests, seconds."""
    limits = tuple(Limit(int(requests), float(seconds)) for requests, seconds in document)
    if any(limit.requests < 1 or limit.seconds <= 0 for limit in limits):
        raise ValueError("a limit is [requests >= 1, seconds > 0]")
    return limits


class Peak:
    """The most requests ever seen within one sliding window."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.most = 0
        self._seen: deque[float] = deque()

    def see(self, at: float) -> None:
        """Count an arrival."""
        self._seen.append(at)
        while self._seen[0] <= at - self.seconds:
            self._seen.popleft()
        self.most = max(self.most, len(self._seen))
