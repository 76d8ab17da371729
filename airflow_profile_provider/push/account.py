"""Counts what became of the records of a push, and why, and makes its report of that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from airflow_profile_provider.delivery.cost import Cost
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import share_used
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.records import Group, Verdict
from airflow_profile_provider.reports import MOST_REASONS, ReasonCount, Report

MOST_COUNTED = 1000
"""Different reasons that are counted, so that memory has a bound."""
LONGEST_REASON = 300
"""Characters of a reason: a list of all fields that there are says no more than its beginning."""
Reasons = Counter[tuple[str, str]]
"""How many records have which verdict for which reason."""

_UNIQUE = re.compile(r"\b(?=[0-9a-fA-F-]*\d)[0-9a-fA-F-]{8,}\b|(?<=\bin records )\d[^;]*")
"""What is another one in each reason: the number of a request, say, or places in the source."""

_EXPLAINED = frozenset(
    verdict for verdict in Verdict if Group.HELD not in verdict.groups and verdict is not Verdict.PLANNED
)


def counted_reason(reason: str) -> str:
    """Return a reason, which holds no value, as it is counted: the same for the same cause."""
    told = _UNIQUE.sub("…", reason)
    return told if len(told) <= LONGEST_REASON else told[: LONGEST_REASON - 1] + "…"


def is_explained(verdict: Verdict) -> bool:
    """Whether the report tells why records got a verdict: those that the vendor does not have as they are."""
    return verdict in _EXPLAINED


class Account:
    """The counts of one push; ``earlier`` is the report of the tries before it."""

    def __init__(
        self, cost: Cost, quota: Quota, outputs: Outputs, earlier: Report, clock: Callable[[], float]
    ) -> None:
        self.received = 0
        self.absent = 0
        self.verdicts: Counter[Verdict] = Counter()
        self._reasons: Reasons = Counter()
        self._cost = cost
        self._quota = quota
        self._outputs = outputs
        self._earlier = earlier
        self._clock = clock
        self._begun = clock()

    def count(self, verdict: Verdict, reason: str = "", number: int = 1) -> None:
        """Count records that got a verdict, and why; of what is superseded later, the number is negative."""
        self.verdicts[verdict] += number
        if not number or not is_explained(verdict):
            return
        counted = (verdict.value, counted_reason(reason))
        if counted in self._reasons or len(self._reasons) < MOST_COUNTED:
            self._reasons[counted] += number

    @property
    def done(self) -> int:
        """How many records have a verdict, those of earlier tries included."""
        return self._earlier.received + self.verdicts.total()

    def own(
        self, counts: Counter[Verdict] | None = None, reasons: Reasons | None = None, absent: int = 0
    ) -> Report:
        """Return what this process did so far; with ``counts``, of what those, and the others, count."""
        verdicts = self.verdicts if counts is None else counts
        rejects = self._outputs.rejects
        seconds = self._clock() - self._begun
        return Report(
            received=self.received if counts is None else counts.total(),
            **{verdict.value: number for verdict, number in verdicts.items()},  # type: ignore[arg-type]
            absent=self.absent if counts is None else absent,
            requests=self._cost.requests,
            retries=self._cost.retries,
            throttled=self._cost.refused,
            throttled_seconds=round(self._cost.throttled, 3),
            quota_share=share_used(self._quota.rates, self._cost.requests, seconds),
            seconds=round(seconds, 3),
            rejects=rejects.path if rejects and rejects.written else None,
            reasons=ReasonCount.most_frequent(self._reasons if reasons is None else reasons, MOST_REASONS),
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
