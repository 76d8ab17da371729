"""Where the permits of a quota are written down: nowhere, or in this process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from airflow_profile_provider.delivery.rates import binding, milliseconds
from airflow_profile_provider.vendors.exchange import Rate

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket


class Permits(Protocol):
    """Where permits are written down: in this process, or in a store that several processes share."""

    def take(self, now: float) -> float:
        """Take a permit and return 0, or return the seconds after which to ask again."""

    def answered(self, now: float, latency: float) -> None:
        """Write down that a request has its answer, ``latency`` seconds after its permit."""

    def lower(self, limit: int, seconds: float) -> None:
        """Allow no more than limit in any window of so many seconds."""

    def holds(self, number: int, seconds: float, now: float) -> bool:
        """Whether at least so many requests count in the window that ends now."""

    def ages(self, now: float) -> list[float]:
        """Return how many seconds ago each request that still counts was answered, oldest first."""

    def close(self) -> None:
        """Give back what the store holds."""


class Unlimited:
    """There is no limit."""

    def take(self, now: float) -> float:
        return 0.0

    def answered(self, now: float, latency: float) -> None: ...

    def lower(self, limit: int, seconds: float) -> None: ...

    def holds(self, number: int, seconds: float, now: float) -> bool:
        return False

    def ages(self, now: float) -> list[float]:
        return []

    def close(self) -> None: ...


class OwnPermits:
    """The permits of one process.

    A request holds its permit from before it is sent until its answer is there, and counts against each
    window from then on. The vendor counted it somewhere in between, so that neither a sliding nor a fixed
    window of the same length can ever hold more than the limit, however long requests travel.
    """

    def __init__(self, rates: Sequence[Rate]) -> None:
        self._under_way = 0
        self._buckets = _buckets(rates)

    @property
    def _longest(self) -> InMemoryBucket:
        """The bucket that remembers for the longest."""
        return self._buckets[-1]

    def take(self, now: float) -> float:
        missing = 0.0
        for bucket in self._buckets:
            for rate in bucket.rates:
                offset = rate.limit - self._under_way - 1
                if offset < 0:
                    return min(1.0, rate.interval / 1000)  # an answer that comes earlier wakes us
                blocking = bucket.peek(offset)
                if blocking is not None:
                    missing = max(missing, (blocking.timestamp + rate.interval + 1) / 1000 - now)
        if missing <= 0:
            self._under_way += 1
        return missing

    def answered(self, now: float, latency: float) -> None:
        from pyrate_limiter import RateItem

        self._under_way = max(0, self._under_way - 1)
        stamp = math.ceil(now * 1000)
        for bucket in self._buckets:
            bucket.put(RateItem("answer", stamp))
            bucket.leak(stamp)

    def lower(self, limit: int, seconds: float) -> None:
        kept = [Rate(r.limit, r.interval / 1000) for bucket in self._buckets for r in bucket.rates]
        items = self._longest.items
        self._buckets = _buckets([*kept, Rate(limit, seconds)])
        for bucket in self._buckets:
            bucket.items = list(items)

    def holds(self, number: int, seconds: float, now: float) -> bool:
        oldest = self._longest.peek(number - 1)
        return oldest is not None and oldest.timestamp / 1000 > now - seconds

    def ages(self, now: float) -> list[float]:
        return [now - item.timestamp / 1000 for item in self._longest.items]

    def close(self) -> None: ...


def _buckets(rates: Sequence[Rate]) -> list[InMemoryBucket]:
    """Make as few buckets as keep these rates; in one, longer windows must not have a higher rate."""
    from pyrate_limiter import InMemoryBucket
    from pyrate_limiter import Rate as BucketRate

    lists: list[list[BucketRate]] = []
    for rate in binding(rates):
        one = BucketRate(rate.limit, milliseconds(rate))
        last = lists[-1][-1] if lists else None
        if last and one.limit / one.interval <= last.limit / last.interval:
            lists[-1].append(one)
        else:
            lists.append([one])
    return [InMemoryBucket(each) for each in lists]
