"""Counts what became of the records of a push, and makes its report of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from airflow_profile_provider.delivery.cost import Cost
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.records import Report, Verdict


class Account:
    """The counts of one push; ``earlier`` is the report of the tries before it."""

    def __init__(self, cost: Cost, outputs: Outputs, earlier: Report, clock: Callable[[], float]) -> None:
        self.received = 0
        self.verdicts: Counter[Verdict] = Counter()
        self._cost = cost
        self._outputs = outputs
        self._earlier = earlier
        self._clock = clock
        self._begun = clock()

    @property
    def done(self) -> int:
        """How many records have a verdict, those of earlier tries included."""
        return self._earlier.received + self.verdicts.total()

    def own(self, counts: Counter[Verdict] | None = None) -> Report:
        """Return what this process did so far; with ``counts``, of what those count."""
        verdicts = self.verdicts if counts is None else counts
        rejects = self._outputs.rejects
        return Report(
            received=self.received if counts is None else counts.total(),
            **{verdict.value: number for verdict, number in verdicts.items()},  # type: ignore[arg-type]
            requests=self._cost.requests,
            retries=self._cost.retries,
            throttled_seconds=round(self._cost.throttled, 3),
            seconds=round(self._clock() - self._begun, 3),
            rejects=rejects.path if rejects and rejects.written else None,
        )

    def whole(self, own: Report | None = None, *, complete: bool = True) -> Report:
        """Return what all tries did so far."""
        return self._earlier.plus(own or self.own(), complete=complete)

    def so_far(self, under_way: int) -> Report:
        """Return the report of a push that has not ended: what is under way counts as not delivered."""
        found = self.whole(complete=False)
        missing = max(0, self.received - self.verdicts.total())
        failed = min(missing, under_way)
        return replace(found, failed=found.failed + failed, unsent=found.unsent + missing - failed)
