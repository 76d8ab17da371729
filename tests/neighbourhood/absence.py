"""A server that is away until the push has waited for it: no clock decides whether it returns in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_profile_provider.delivery.retries import RetryRule


@dataclass(frozen=True)
class TellingRule(RetryRule):
    """A retry rule that calls ``waited`` before each of its waits."""

    waited: Callable[[], object] = lambda: None

    @property
    def backoff(self) -> Any:
        """The waits of the rule, told."""
        spaced = super().backoff

        def told(state: Any) -> float:
            self.waited()
            return float(spaced(state))

        return told


class Absence:
    """Lets a server go away, and brings it back when a push has begun so many waits of its retries.

    No request can then fail more often than that for one absence: with fewer waits than the rule has
    attempts, all get through, however slow the machine is.
    """

    def __init__(
        self, go_away: Callable[[], object], come_back: Callable[[], object], *, waits: int = 2
    ) -> None:
        self._go_away = go_away
        self._come_back = come_back
        self._waits = waits
        self._left = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Let the server go away now."""
        with self._lock:
            self._go_away()
            self._left = self._waits

    def end(self) -> None:
        """Bring the server back, if it is away."""
        with self._lock:
            if self._left:
                self._left = 0
                self._come_back()

    def rule(self, rule: RetryRule) -> RetryRule:
        """A rule like that, whose waits bring the server back."""
        return TellingRule(**vars(rule), waited=self._waited)

    def _waited(self) -> None:
        with self._lock:
            if self._left:
                self._left -= 1
                if not self._left:
                    self._come_back()
