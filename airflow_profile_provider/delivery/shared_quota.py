"""One quota for several tasks and machines, written down in Redis, PostgreSQL or an SQLite file.

A request counts when it is sent, so each window is taken longer by half a percent and a margin, no less than
the slowest answers seen lately took: the vendor counts a request somewhere between its sending and its
answer. A slower one counts once more when its answer comes.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from airflow_profile_provider.errors import QuotaFailed
from airflow_profile_provider.outages import Outage, outage_of
from airflow_profile_provider.vendors.exchange import Rate

Window = tuple[int, int]
"""A limit, and the milliseconds in which it holds."""
_FIRST_MARGIN = 0.1
_LEAST_MARGIN = 0.02
_SHARE = 0.005
"""What of each window is given up for the odd request that is slower than any before it."""
_CONTENDED = 0.005
_ASK_AGAIN = 0.25
"""Seconds after which a store that is away is asked again."""
_GIVEN_UP = 1.0
"""For how many seconds nobody asks a store again that was given up: other threads want to end, too."""


class PermitStore(Protocol):
    """The permits of one target."""

    def take(self, windows: Sequence[Window]) -> int:
        """Write a permit down and return 0, or return the milliseconds after which to ask again."""

    def count(self) -> None:
        """Write a permit down, whatever the windows say."""

    def age_of(self, number: int) -> float | None:
        """Return the seconds since the number-th newest permit, from 1; None where there are fewer."""

    def forget(self, milliseconds: int) -> None:
        """Forget the permits that are older than that."""

    def close(self) -> None:
        """Close the connection; the next call opens another."""


class SharedPermits:
    """Permits that every process with the same store and target takes from the same windows.

    A store that is away, as it restarts or stands still, is waited for, a quarter of a minute at the most.
    """

    def __init__(self, store: PermitStore, rates: Sequence[Rate], name: str, patience: float) -> None:
        self._store = store
        self._rates = list(rates)
        self._name = name
        self._patience = patience
        self._away_since: float | None = None
        self._given_up: tuple[float, str] | None = None
        self._latencies: deque[float] = deque([_FIRST_MARGIN], maxlen=100)
        self._margin = _FIRST_MARGIN
        self._taken = 0
        self._owed = 0

    def take(self, now: float) -> float:
        """Take a permit and return 0, or return the seconds after which to ask again.

        Raises:
            QuotaFailed: the store is away for too long, or refuses to be used.
        """
        if self._given_up and time.monotonic() - self._given_up[0] < _GIVEN_UP:
            raise QuotaFailed(self._given_up[1])
        try:
            seconds = self._take()
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
            outage = outage_of(error)
        else:
            self._away_since = None
            return seconds
        return self._ridden_out(outage, now)

    def _ridden_out(self, outage: Outage, now: float) -> float:
        self._store.close()  # what comes next is asked over a new connection
        since = self._away_since = now if self._away_since is None else self._away_since
        if outage.passing and now - since < self._patience:
            return _ASK_AGAIN
        text = (
            "the store of the shared quota failed, and nothing is sent without it "
            f"{outage.check(f'connection {self._name!r}')}"
        )
        self._away_since, self._given_up = None, (time.monotonic(), text)
        raise QuotaFailed(text)

    def _take(self) -> float:
        if self._owed:  # late requests that could not be counted when their answers came
            self._store.count()
            self._owed -= 1
            return _CONTENDED
        windows = self._windows()
        if wait := self._store.take(windows):
            return wait / 1000 + random.uniform(0.2, 1) * _CONTENDED
        self._taken += 1
        if self._taken % 50 == 0:
            self._store.forget(max(length for _, length in windows))
        return 0.0

    def _windows(self) -> list[Window]:
        return [
            (rate.limit, round((rate.seconds * (1 + _SHARE) + self._margin) * 1000)) for rate in self._rates
        ]

    def answered(self, now: float, latency: float) -> None:
        """Learn how long answers take; count a late one again: others must not take its place."""
        if latency > self._margin:
            self._owed += 1
            self._pay()
        self._latencies.append(latency)
        margin = max(_LEAST_MARGIN, 1.1 * max(self._latencies))
        if abs(margin - self._margin) > 0.1 * self._margin:
            self._margin = margin

    def _pay(self) -> None:
        """Count what is owed, unless the store is away: who takes the next permit does it then."""
        if self._away_since is None:
            with suppress(Exception):  # an answer must not be lost
                self._store.count()
                self._owed -= 1

    def lower(self, limit: int, seconds: float) -> None:
        """Allow no more than limit in any window of so many seconds."""
        self._rates.append(Rate(limit, seconds))

    def holds(self, number: int, seconds: float, now: float) -> bool:
        """Whether at least so many requests count in the window that ends now."""
        age = None
        if self._away_since is None:
            with suppress(Exception):  # as above
                age = self._store.age_of(number)
        return age is not None and age < seconds

    def ages(self, now: float) -> list[float]:
        """Return nothing: the store remembers."""
        return []

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()
