"""What an alert is about: conditions of a task's outcome, and of its outcomes before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple, Protocol

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.options import Share, count, seconds, share
from airflow_profile_provider.reports import Report

MOST_RUNS = 100
"""Runs whose numbers of received records are remembered."""
FEWEST_RUNS = 3
"""Runs without which nobody knows how many records are usual."""


class Outcome(NamedTuple):
    """How a task ended, and what is known of the runs before it.

    ``report`` is None where it left none. ``received`` are the numbers of records of complete runs before it,
    oldest first; ``acknowledged_at`` is when the vendor last acknowledged something, or since when that is
    watched, and ``now`` is the time (both in Unix time).
    """

    red: bool
    report: Report | None
    received: Sequence[int]
    acknowledged_at: float
    now: float


class Judged(NamedTuple):
    """Whether a condition holds, and its figures in words; ``holds`` is None where that cannot be said."""

    holds: bool | None
    words: str = ""


UNKNOWN = Judged(None)


class Condition(Protocol):
    """What an alert is about; equal conditions have equal words."""

    @property
    def words(self) -> str:
        """The condition in words, by which it is remembered, too."""

    def judge(self, outcome: Outcome) -> Judged:
        """Say whether it holds for an outcome."""


@dataclass(frozen=True, slots=True)
class _TaskRed:
    words = "the task is red"

    def judge(self, outcome: Outcome) -> Judged:
        return Judged(outcome.red)


def task_red() -> Condition:
    """Return the condition that a task failed, after all of its retries."""
    return _TaskRed()


@dataclass(frozen=True, slots=True)
class _Above:
    """More records than a count, or than a share of those that could be, have one of the verdicts."""

    most: Share
    verdicts: tuple[str, ...]
    what: str

    @property
    def words(self) -> str:
        return f"more than {self.most} records {self.what}"

    def judge(self, outcome: Outcome) -> Judged:
        report = outcome.report
        if report is None:
            return UNKNOWN
        number = sum(getattr(report, verdict, 0) for verdict in self.verdicts)
        whole = report.needed
        return Judged(number > self.most.of(whole), f"{number} of {whole}")


def rejected_above(most: int | str) -> Condition:
    """Return the condition that the vendor rejected more than a count, or "1%" of those that needed delivery.

    Raises:
        ConfigurationError: it is neither.
    """
    return _Above(_given("rejected_above", most), ("rejected",), "are rejected")


def drifted_above(most: int | str) -> Condition:
    """Return the condition that an audit found more records than that to differ at the vendor, or missing.

    Raises:
        ConfigurationError: it is neither a count nor a share.
    """
    return _Above(_given("drifted_above", most), ("drifted", "missing"), "drifted")


@dataclass(frozen=True, slots=True)
class _ReceivedChanged:
    by: Share
    runs: int

    @property
    def words(self) -> str:
        return f"the number of records changed by more than {self.by}"

    def judge(self, outcome: Outcome) -> Judged:
        earlier = outcome.received[-self.runs :]
        report = outcome.report
        if report is None or not report.complete or len(earlier) < min(FEWEST_RUNS, self.runs):
            return UNKNOWN
        usual = median(earlier)
        words = f"{report.received} received, {usual:g} are usual"
        return Judged(abs(report.received - usual) > self.by.of(int(usual)), words)


def received_changed_by(share: str, runs: int = 7) -> Condition:
    """Return the condition that a push received so much more or less than the median of the runs before.

    It needs three runs (or ``runs``, if that is less) before it can say so.

    Raises:
        ConfigurationError: the share is none such as "50%", or runs is not from 1 to 100.
    """
    by = _given("received_changed_by", share)
    found = count("runs", runs)
    if not by.percent or found is None or found > MOST_RUNS:
        raise ConfigurationError(
            f'received_changed_by takes a share such as "50%", and runs from 1 to {MOST_RUNS}'
        )
    return _ReceivedChanged(by, found)


@dataclass(frozen=True, slots=True)
class _NothingAcknowledged:
    hours: float

    @property
    def words(self) -> str:
        return f"nothing was acknowledged for more than {self.hours:g} hours"

    def judge(self, outcome: Outcome) -> Judged:
        if outcome.report is not None and outcome.report.acknowledged:
            return Judged(False)
        passed = (outcome.now - outcome.acknowledged_at) / 3600
        return Judged(passed > self.hours, f"{passed:.1f} hours")


def nothing_acknowledged_for(hours: float) -> Condition:
    """Return the condition that the vendor acknowledged nothing for so many hours; each run looks at it.

    Raises:
        ConfigurationError: it is no time.
    """
    found = seconds("nothing_acknowledged_for", hours)
    if not found:
        raise ConfigurationError("nothing_acknowledged_for takes hours, more than 0")
    return _NothingAcknowledged(found)


def _given(name: str, value: Any) -> Share:
    found = share(name, value)
    if found is None:
        raise ConfigurationError(f'{name} must be a count or a share such as "20%"')
    return found
