"""What a vendor allows, kept exactly: requests wait here until one more is certain to be permitted."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.vendor import Rate

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket

_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|m|min|h)?\s*")
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_quota(text: str) -> tuple[Rate, ...]:
    """Read a quota such as ``"10/1s, 150/60s"``; ``"none"`` lifts every limit.

    Raises:
        ConfigurationError: the text is not of this form.
    """
    if text.strip().lower() == "none":
        return ()
    rates = []
    for part in text.split(","):
        match = _RATE.fullmatch(part)
        if not match or int(match[1]) == 0:
            raise ConfigurationError(f'quota {text!r} is not of the form "10/1s, 150/60s" or "none"')
        rates.append(Rate(int(match[1]), float(match[2] or 1) * _UNITS[match[3]]))
    return tuple(rates)


class Quota:
    """Permits for requests under several rates at once, shared by the threads of one push.

    A request holds its permit from before it is sent until its answer is there, and counts against each
    window from then on. The vendor counted it somewhere in between, so that neither a sliding nor a fixed
    window of the same length can ever hold more than the limit, however long requests travel.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._wait = wait or self._changed.wait
        self._in_flight = 0
        self._held_until = 0.0
        self._answered = _bucket(rates) if rates else None

    def acquire(self, given_up: Callable[[], object] = lambda: None) -> float:
        """Wait for a permit, or until the caller has given up; return the seconds that it took."""
        begun = self._clock()
        with self._changed:
            while (seconds := self._missing()) > 0 and not given_up():
                self._wait(min(seconds, 1.0))  # in slices, to notice who gave up
            self._in_flight += 1
        return self._clock() - begun

    def release(self) -> None:
        """Give the permit back: the answer is there, or it is certain that there will be none."""
        with self._changed:
            self._in_flight -= 1
            if self._answered is not None:
                from pyrate_limiter import RateItem

                now = int(self._clock() * 1000)
                self._answered.put(RateItem("answer", now))
                self._answered.leak(now)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Grant no permit for so long: the vendor asked for it."""
        with self._changed:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _missing(self) -> float:
        """Return the seconds until a permit may be free; 0 where one is."""
        now = self._clock()
        missing = self._held_until - now
        if self._answered is None:
            return missing
        for rate in self._answered.rates:
            offset = rate.limit - self._in_flight - 1
            if offset < 0:
                return rate.interval / 1000  # an answer that comes earlier wakes us
            blocking = self._answered.peek(offset)
            if blocking is not None:
                missing = max(missing, (blocking.timestamp + rate.interval + 1) / 1000 - now)
        return missing


def _bucket(rates: Sequence[Rate]) -> InMemoryBucket:
    from pyrate_limiter import InMemoryBucket
    from pyrate_limiter import Rate as BucketRate

    return InMemoryBucket([BucketRate(rate.limit, round(rate.seconds * 1000)) for rate in _binding(rates)])


def _binding(rates: Sequence[Rate]) -> list[Rate]:
    """Leave out rates that others make meaningless; the bucket refuses such a list."""
    found: list[Rate] = []
    for rate in sorted(rates, key=lambda rate: (rate.seconds, rate.limit)):
        if found and rate.limit / rate.seconds >= found[-1].limit / found[-1].seconds:
            continue
        while found and rate.limit <= found[-1].limit:
            found.pop()
        found.append(rate)
    return found
