"""What a push tells when it is over: a count per verdict, why, what it cost, and which task it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from airflow_profile_provider.records import Group, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """Which task pushes, as Airflow names it; outside of Airflow, ``run`` alone says anything."""

    dag: str = ""
    run: str = ""
    task: str = ""
    map_index: int = -1
    try_number: int = 1


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records got a verdict for one reason: it names statuses, codes and fields, never a value."""

    verdict: str
    reason: str
    count: int

    @classmethod
    def most_frequent(cls, counted: Mapping[tuple[str, str], int], most: int) -> tuple[Self, ...]:
        """Return those of (verdict, reason) that were counted most often, the most frequent first."""
        found = sorted((-count, verdict, reason) for (verdict, reason), count in counted.items() if count > 0)
        return tuple(cls(str(verdict), reason, -count) for count, verdict, reason in found[:most])


MOST_TOLD = 10
"""Reasons that a report tells."""
MOST_REASONS = 100
"""Reasons that are remembered between the tries of a push, so that those that are told add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one push: a count per verdict, why, and what it cost.

    ``requests`` counts every HTTP request, tokens, reads and retries included; times are in seconds.
    ``absent`` counts keys that the source no longer has; those of them to which something was sent are among
    the received changes, too. ``throttled`` counts answers 429; ``quota_share`` is the share
    of what the quota allowed in that time, from 0 to 1, or None where there is no quota. ``complete`` is
    False when the push stopped early. ``rejects`` is the path of the undelivered changes.
    """

    received: int = 0
    pushed: int = 0
    created: int = 0
    unchanged: int = 0
    superseded: int = 0
    invalid: int = 0
    rejected: int = 0
    failed: int = 0
    quarantined: int = 0
    unsent: int = 0
    planned: int = 0
    verified: int = 0
    drifted: int = 0
    missing: int = 0
    absent: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    throttled_seconds: float = 0.0
    quota_share: float | None = None
    seconds: float = 0.0
    complete: bool = True
    rejects: str | None = None
    reasons: tuple[ReasonCount, ...] = ()

    @property
    def acknowledged(self) -> int:
        """How many changes the vendor confirmed in this push."""
        return sum(getattr(self, verdict) for verdict in Verdict.of(Group.ACKNOWLEDGED))

    @property
    def looked_at(self) -> int:
        """How many records an audit compared with what the vendor holds."""
        return self.verified + self.differing

    @property
    def differing(self) -> int:
        """Of how many records an audit found something else at the vendor, or no profile."""
        return self.drifted + self.missing

    @property
    def undelivered(self) -> int:
        """How many changes are still owed to the vendor."""
        return sum(getattr(self, verdict) for verdict in Verdict.of(Group.OWED))

    @property
    def needed(self) -> int:
        """How many changes needed delivery: all but those that the vendor holds, or that wait for later."""
        needless: int = sum(getattr(self, verdict) for verdict in Verdict.of(Group.NEEDLESS))
        tried = self.acknowledged + self.rejected + self.failed + self.unsent
        left = self.planned if tried else 0  # a push sends no more than its limit; a plan sends nothing
        return self.received - needless - left

    def plus(self, later: Report, *, complete: bool = True) -> Report:
        """Return the report of this part of a push and a later one together."""
        added: dict[str, Any] = {
            item.name: getattr(self, item.name) + getattr(later, item.name)
            for item in fields(self)
            if item.name not in {"complete", "rejects", "reasons", "quota_share"}
        }
        for name in ("throttled_seconds", "seconds"):
            added[name] = round(added[name], 3)
        return Report(
            **added,
            quota_share=self._mean_share(later),
            complete=complete,
            rejects=later.rejects,
            reasons=self._all_reasons(later),
        )

    def _mean_share(self, later: Report) -> float | None:
        """Return the mean of both shares of the quota, by the time that each push ran."""
        parts = [(part.quota_share, part.seconds) for part in (self, later) if part.quota_share is not None]
        if not parts:
            return None
        seconds = sum(each for _, each in parts)
        if not seconds:
            return max(share for share, _ in parts)
        return round(sum(share * each for share, each in parts) / seconds, 3)

    def _all_reasons(self, later: Report) -> tuple[ReasonCount, ...]:
        counted: Counter[tuple[str, str]] = Counter()
        for each in (*self.reasons, *later.reasons):
            counted[each.verdict, each.reason] += each.count
        return ReasonCount.most_frequent(counted, MOST_REASONS)

    @classmethod
    def total(cls, reports: Iterable[Report]) -> Report:
        """Return the report of pushes that shared the work; seconds are summed, too.

        It is complete if each of them is; ``rejects`` is None where there are several such files.
        """
        whole, files = Report(), []
        for report in reports:
            whole = whole.plus(report, complete=whole.complete and report.complete)
            files += [report.rejects] if report.rejects else []
        return replace(whole, rejects=files[0] if len(files) == 1 else None)

    @property
    def top_reason(self) -> str:
        """Why most of what was not delivered was not, in words; empty where all was."""
        owed = {verdict.value for verdict in Verdict.of(Group.OWED)}
        for each in self.reasons:
            if each.verdict in owed:
                what = f"{each.count} {each.verdict}"
                return f"{what}: {each.reason}" if each.reason else what
        return ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read a report that `as_dict` wrote, of this version of the package or another."""
        known = {item.name: stored[item.name] for item in fields(cls) if item.name in stored}
        reasons = (
            ReasonCount(each["verdict"], each["reason"], each["count"]) for each in known.pop("reasons", ())
        )
        return cls(**known, reasons=tuple(reasons))

    def as_dict(self, most_reasons: int = MOST_TOLD) -> dict[str, Any]:
        """Return the report as it goes to XCom."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        return told | {"reasons": [asdict(each) for each in self.reasons[:most_reasons]]}

    def __str__(self) -> str:
        counts = ", ".join(
            f"{getattr(self, verdict)} {verdict}" for verdict in Verdict if getattr(self, verdict)
        )
        absent = f"; {self.absent} absent from the source" if self.absent else ""
        return f"{self.received} received: {counts or 'nothing to send'}{absent}"
