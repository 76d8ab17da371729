"""What a vendor allows, kept exactly: requests wait here until one more is certain to be permitted."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_profile_provider.delivery.adaptive_rate import FLOOR_SHARE, Pace
from airflow_profile_provider.errors import Blocked, ConfigurationError, Paused
from airflow_profile_provider.vendors.exchange import Allowance, Rate

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket
    from pyrate_limiter import Rate as BucketRate

_log = logging.getLogger(__name__)
_RATE = re.compile(r"\s*(\d{1,12})\s*/\s*(\d{1,12}(?:\.\d{1,12})?)?\s*(s|m|min|h)?\s*", re.ASCII)
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_MOST_REMEMBERED = 1000
_MOST_REQUESTS = 1_000_000_000
_LONGEST_WINDOW = 31 * 86_400.0


def parse_quota(text: Any) -> tuple[Rate, ...]:
    """Read a quota such as ``"10/1s, 150/60s"``; ``"none"`` lifts every limit.

    What a template makes of nothing (``"None"``, ``""``, ``"null"``) lifts none: it is refused.

    Raises:
        ConfigurationError: the text is not of this form.
    """
    shown = text if isinstance(text, str) else repr(text)
    if shown.strip() == "none":
        return ()
    rates = []
    for part in shown[:1000].split(","):
        match = _RATE.fullmatch(part) if isinstance(text, str) else None
        limit = int(match[1]) if match else 0
        seconds = float(match[2] or 1) * _UNITS[match[3]] if match else 0.0
        if not (1 <= limit <= _MOST_REQUESTS and 0.001 <= seconds <= _LONGEST_WINDOW):
            raise ConfigurationError(
                f'quota {shown[:100]!r} is not of the form "10/1s, 150/60s" or "none" (which lifts all)'
            )
        rates.append(Rate(limit, seconds))
    return tuple(rates)


def fastest(rates: Sequence[Rate], requests: int) -> float:
    """Return the seconds that so many requests take at the least, the first of them sent at once."""
    seconds, rest = 0.0, requests
    for rate in sorted(binding(rates), key=lambda rate: -rate.seconds):
        full = max(rest - 1, 0) // rate.limit
        seconds += full * rate.seconds
        rest -= full * rate.limit
    return seconds


class Book(Protocol):
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


class Quota:
    """Permits for requests under several rates at once, shared by the threads of one push.

    ``book`` shares them with other processes; ``published`` are the vendor's own limits, which the pace is a
    share of even where others are kept, or none. Other limits come on top: a wait that the vendor asked for,
    what its answers say is left, and a pace that falls with each 429 and recovers.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        *,
        book: Book | None = None,
        published: Sequence[Rate] = (),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.rates = tuple(rates)
        self._book = book or (OwnBook(rates) if rates else _NoBook())
        self._clock = clock
        self._changed = threading.Condition()
        self._wait = wait or self._changed.wait
        self._in_flight = 0
        self._asked = 0.0
        self._held_until = 0.0
        self._left: int | None = None
        self._left_until = 0.0
        slowest = min((rate.limit / rate.seconds for rate in published or rates), default=0.0)
        self.pace = Pace(FLOOR_SHARE * slowest)
        self.waiting_for = ""
        """What the last wait was for, in words; empty while nothing waits."""

    def start_evenly(self) -> None:
        """Spread the requests of the first window: another process may just have used much of the quota."""
        if self.rates:
            longest = max(rate.seconds for rate in self.rates)
            slowest = min(rate.limit / rate.seconds for rate in self.rates)
            self.pace.start(slowest, self._clock() + longest)

    def acquire(
        self,
        given_up: Callable[[], object] = lambda: None,
        *,
        patience: float = math.inf,
        most: float = math.inf,
    ) -> float:
        """Wait for a permit, or until the caller has given up; return the seconds that it took.

        The permit counts from then on, however long it takes to send the request.

        Raises:
            Paused: the wait would be of more than ``patience`` seconds.
            Blocked: the vendor asked for a wait of more than ``most`` seconds.
        """
        begun = self._clock()
        with self._changed:
            while (seconds := self._missing()) > 0 and not given_up():
                if seconds > patience:
                    raise Paused(f"{self.waiting_for}: the next request may go in {seconds:.0f} s", seconds)
                if (held := self._held_until - self._asked) > most:
                    raise Blocked(f"the vendor asked to be left alone for {held:.0f} s more", held)
                self._wait(min(seconds, 1.0))  # in slices, to notice who gave up
            self._in_flight += 1
            if self._left is not None:
                self._left -= 1
            self.pace.granted(self._clock())
            self.waiting_for = ""
            return self._asked - begun

    def release(self, latency: float = 0.0) -> None:
        """Give the permit back: the answer is there, or it is certain that there will be none."""
        with self._changed:
            self._in_flight -= 1
            self._book.answered(self._clock(), latency)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Grant no permit for so long: the vendor asked for it."""
        with self._changed:
            self.pace.held()
            self._held_until = max(self._held_until, self._clock() + seconds)

    def heard(self, answer: Allowance | None, *, refused: bool, most: float = math.inf) -> None:
        """Learn from an answer: whether it was a 429, and what the vendor says is left.

        The vendor's figures matter where they are lower than ours: somebody else uses the same quota. If they
        leave nothing for more than ``most`` seconds, one request asks again after that.
        """
        if not (refused or answer or self.pace.limited):
            self.pace.rise(0.0)  # counted, for the share of refusals
            return
        with self._changed:
            now = self._clock()
            self.pace.fall(now) if refused else self.pace.rise(now)
            if answer:
                self._compare(answer, now, most)

    def _compare(self, answer: Allowance, now: float, most: float) -> None:
        rate = _meant(self.rates, answer)
        if rate and answer.limit < rate.limit:
            self._book.lower(answer.limit, rate.seconds)
            self.rates = tuple(Rate(answer.limit, r.seconds) if r is rate else r for r in self.rates)
        others = self._in_flight - 1
        used = answer.limit - answer.remaining
        ours = used <= self._in_flight or (
            rate is not None and self._book.holds(used - self._in_flight, rate.seconds, now)
        )
        if ours:
            self._left = None
        else:
            self.pace.end_steady()
            self._left = max(0, answer.remaining - others)
            self._left_until = now + min(answer.reset, most)
            if answer.reset > most and not self._left:
                _log.warning(
                    "The vendor says that its quota is used up for %.0f s: it is asked again after %.0f s",
                    answer.reset,
                    most,
                )

    def _missing(self) -> float:
        """Return the seconds until a permit may be free; 0 where one is taken."""
        now = self._asked = self._clock()
        if (seconds := self._held_until - now) > 0:
            self.waiting_for = "the vendor asked to wait"
        elif (seconds := self._left_missing(now)) > 0:
            self.waiting_for = "the vendor says that its quota is used up"
        elif (seconds := self.pace.missing(now)) > 0:
            self.waiting_for = "slower after a refusal" if self.pace.fell else "starting evenly"
        elif (seconds := self._book.take(now)) > 0:
            self.waiting_for = "the vendor's quota"
        return seconds

    def _left_missing(self, now: float) -> float:
        if self._left is None or self._left > 0:
            return 0.0
        if now < self._left_until:
            return self._left_until - now
        return 1.0 if self._in_flight else 0.0  # the window is over: one asks what there is now

    # -- what a successor should know -------------------------------------------------------------------

    def ages(self) -> list[float]:
        """Return how many seconds ago each request that still counts was answered, oldest first."""
        with self._changed:
            return self._book.ages(self._clock())[-_MOST_REMEMBERED:]

    def remember(self, ages: Iterable[float]) -> None:
        """Count requests that a predecessor sent so many seconds ago."""
        with self._changed:
            now = self._clock()
            for age in sorted(ages, reverse=True):
                self._book.answered(now - max(0.0, age), 0.0)

    def used(self) -> str:
        """Say how much of the longest window is used; nothing where there is no limit."""
        if not self.rates:
            return ""
        rate = max(self.rates, key=lambda rate: rate.seconds)
        used = sum(age < rate.seconds for age in self.ages()) + self._in_flight
        return f"{used} of the {rate.limit} requests that {rate.seconds:g} s allow"

    def close(self) -> None:
        """Give back what a shared store holds."""
        self._book.close()


class _NoBook:
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


class OwnBook:
    """The permits of one process.

    A request holds its permit from before it is sent until its answer is there, and counts against each
    window from then on. The vendor counted it somewhere in between, so that neither a sliding nor a fixed
    window of the same length can ever hold more than the limit, however long requests travel.
    """

    def __init__(self, rates: Sequence[Rate]) -> None:
        self._under_way = 0
        self._answered = _bucket(rates)

    def take(self, now: float) -> float:
        missing = 0.0
        for rate in self._answered.rates:
            offset = rate.limit - self._under_way - 1
            if offset < 0:
                return min(1.0, rate.interval / 1000)  # an answer that comes earlier wakes us
            blocking = self._answered.peek(offset)
            if blocking is not None:
                missing = max(missing, (blocking.timestamp + rate.interval + 1) / 1000 - now)
        if missing <= 0:
            self._under_way += 1
        return missing

    def answered(self, now: float, latency: float) -> None:
        from pyrate_limiter import RateItem

        self._under_way = max(0, self._under_way - 1)
        stamp = math.ceil(now * 1000)
        self._answered.put(RateItem("answer", stamp))
        self._answered.leak(stamp)

    def lower(self, limit: int, seconds: float) -> None:
        kept = [Rate(r.limit, r.interval / 1000) for r in self._answered.rates]
        self._answered.rates = bucket_rates([*kept, Rate(limit, seconds)])

    def holds(self, number: int, seconds: float, now: float) -> bool:
        oldest = self._answered.peek(number - 1)
        return oldest is not None and oldest.timestamp / 1000 > now - seconds

    def ages(self, now: float) -> list[float]:
        return [now - item.timestamp / 1000 for item in self._answered.items]

    def close(self) -> None: ...


def _bucket(rates: Sequence[Rate]) -> InMemoryBucket:
    from pyrate_limiter import InMemoryBucket

    return InMemoryBucket(bucket_rates(rates))


def bucket_rates(rates: Sequence[Rate], margin: float = 0.0, share: float = 0.0) -> list[BucketRate]:
    """Return rates as pyrate-limiter takes them, each window longer by margin seconds and a share of it."""
    from pyrate_limiter import Rate as BucketRate

    return [
        BucketRate(rate.limit, round((rate.seconds * (1 + share) + margin) * 1000)) for rate in binding(rates)
    ]


def binding(rates: Sequence[Rate]) -> list[Rate]:
    """Leave out rates that others make meaningless; the bucket refuses such a list."""
    found: list[Rate] = []
    for rate in sorted(rates, key=lambda rate: (rate.seconds, rate.limit)):
        if found and rate.limit / rate.seconds >= found[-1].limit / found[-1].seconds:
            continue
        while found and rate.limit <= found[-1].limit:
            found.pop()
        found.append(rate)
    return found


def _meant(rates: Sequence[Rate], answer: Allowance) -> Rate | None:
    """Return the rate that an answer speaks of: of the same limit, else of the shortest window that fits."""
    by_window = sorted(rates, key=lambda rate: rate.seconds)
    same = [rate for rate in by_window if rate.limit == answer.limit]
    fitting = [rate for rate in by_window if rate.seconds >= answer.reset]
    found = same or fitting
    return found[0] if found else None
