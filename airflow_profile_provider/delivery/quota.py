"""What a vendor allows, kept exactly: requests wait here until one more is certain to be permitted."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from airflow_profile_provider.delivery.adaptive_rate import FLOOR_SHARE, AdaptiveRate
from airflow_profile_provider.delivery.permits import OwnPermits, Permits, Unlimited
from airflow_profile_provider.delivery.rates import meant_by
from airflow_profile_provider.errors import Blocked, Paused
from airflow_profile_provider.vendors.exchange import Allowance, Rate

_log = logging.getLogger(__name__)
LONGEST_WISH = 86_400.0
"""Seconds of the longest Retry-After that is taken for meant."""
_MOST_REMEMBERED = 1000


class Quota:
    """Permits for requests under several rates at once, shared by the threads of one push.

    ``permits`` share them with other processes; ``published`` are the vendor's own limits, which the pace is
    a share of even where others are kept, or none. Other limits come on top: a wait that the vendor asked
    for, what its answers say is left, and a pace that falls with each 429 and recovers.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        *,
        permits: Permits | None = None,
        published: Sequence[Rate] = (),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.rates = tuple(rates)
        self._permits = permits or (OwnPermits(rates) if rates else Unlimited())
        self._clock = clock
        self._changed = threading.Condition()
        self._wait = wait or self._changed.wait
        self._in_flight = 0
        self._asked = 0.0
        self._held_until = 0.0
        self._left: int | None = None
        self._left_until = 0.0
        slowest = min((rate.limit / rate.seconds for rate in published or rates), default=0.0)
        self.adaptive_rate = AdaptiveRate(FLOOR_SHARE * slowest)
        self.waiting_for = ""
        """What the last wait was for, in words; empty while nothing waits."""

    def start_evenly(self) -> None:
        """Spread the requests of the first window: another process may just have used much of the quota."""
        if self.rates:
            longest = max(rate.seconds for rate in self.rates)
            slowest = min(rate.limit / rate.seconds for rate in self.rates)
            self.adaptive_rate.start(slowest, self._clock() + longest)

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
            self.adaptive_rate.granted(self._clock())
            self.waiting_for = ""
            return self._asked - begun

    def release(self, latency: float = 0.0) -> None:
        """Give the permit back: the answer is there, or it is certain that there will be none."""
        with self._changed:
            self._in_flight -= 1
            self._permits.answered(self._clock(), latency)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Grant no permit for so long: the vendor asked for it."""
        with self._changed:
            self.adaptive_rate.held()
            self._held_until = max(self._held_until, self._clock() + seconds)

    def obey(self, seconds: float, cap: float) -> None:
        """Grant no permit for as long as a Retry-After says; what nobody can mean counts as the cap.

        A wait above the cap is not slept through: who asks for the next permit finds it too long.
        """
        if seconds > LONGEST_WISH:
            _log.warning(
                "The vendor asked for a wait of %g s, which makes no sense: %g s count", seconds, cap
            )
            seconds = cap
        self.hold(seconds)

    def heard(self, answer: Allowance | None, *, refused: bool, most: float = math.inf) -> None:
        """Learn from an answer: whether it was a 429, and what the vendor says is left.

        The vendor's figures matter where they are lower than ours: somebody else uses the same quota. If they
        leave nothing for more than ``most`` seconds, one request asks again after that.
        """
        if not (refused or answer or self.adaptive_rate.limited):
            self.adaptive_rate.rise(0.0)  # counted, for the share of refusals
            return
        with self._changed:
            now = self._clock()
            self.adaptive_rate.fall(now) if refused else self.adaptive_rate.rise(now)
            if answer:
                self._compare(answer, now, most)

    def _compare(self, answer: Allowance, now: float, most: float) -> None:
        rate = meant_by(self.rates, answer)
        if rate and answer.limit < rate.limit:
            self._permits.lower(answer.limit, rate.seconds)
            self.rates = tuple(Rate(answer.limit, r.seconds) if r is rate else r for r in self.rates)
        others = self._in_flight - 1
        used = answer.limit - answer.remaining
        ours = used <= self._in_flight or (
            rate is not None and self._permits.holds(used - self._in_flight, rate.seconds, now)
        )
        if ours:
            self._left = None
        else:
            self.adaptive_rate.end_steady()
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
        elif (seconds := self.adaptive_rate.missing(now)) > 0:
            self.waiting_for = "slower after a refusal" if self.adaptive_rate.fell else "starting evenly"
        elif (seconds := self._permits.take(now)) > 0:
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
            return self._permits.ages(self._clock())[-_MOST_REMEMBERED:]

    def remember(self, ages: Iterable[float]) -> None:
        """Count requests that a predecessor sent so many seconds ago."""
        with self._changed:
            now = self._clock()
            for age in sorted(ages, reverse=True):
                self._permits.answered(now - max(0.0, age), 0.0)

    def used(self) -> str:
        """Say how much of the longest window is used; nothing where there is no limit."""
        if not self.rates:
            return ""
        rate = max(self.rates, key=lambda rate: rate.seconds)
        used = sum(age < rate.seconds for age in self.ages()) + self._in_flight
        return f"{used} of the {rate.limit} requests that {rate.seconds:g} s allow"

    def close(self) -> None:
        """Give back what a shared store holds."""
        self._permits.close()
