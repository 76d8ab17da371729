"""When a request is sent again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_profile_provider.errors import NoAnswer, Retriable, Unanswered
from airflow_profile_provider.vendors.exchange import Request


@dataclass(frozen=True)
class RetryRule:
    """When to give up on a request, and how long to wait in between; times in seconds.

    ``attempts`` counts all sends; ``longest`` bounds one request with its waits. Waits grow from
    ``first_wait`` to ``longest_wait``, with jitter. A Retry-After is waited out up to ``retry_after_cap``; a
    longer one ends the push, whose `after` says when to come back.
    """

    attempts: int = 5
    longest: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    retry_after_cap: float = 60.0

    @property
    def backoff(self) -> Any:
        """How tenacity spaces the attempts of which the vendor says nothing."""
        from tenacity import wait_exponential, wait_random

        return wait_exponential(self.first_wait, self.longest_wait) + wait_random(0, self.first_wait)


@dataclass(slots=True)
class Fate:
    """What is not known of a delivery: ``unsure`` where an attempt of it may still reach the vendor."""

    unsure: bool = False

    def learn(self, error: Retriable) -> None:
        """Learn how an attempt failed."""
        self.unsure = self.unsure or isinstance(error, NoAnswer)


def may_repeat(request: Request, error: BaseException) -> bool:
    """Whether sending again cannot do anything twice that must happen once."""
    return isinstance(error, Retriable) and (request.repeatable or not isinstance(error, Unanswered))
