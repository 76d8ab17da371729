"""A push in a process of its own: what it reported, and what memory it took."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sandbox import Sandbox
from tests.guarantees.rig import Rig


@dataclass(frozen=True)
class Pushed:
    """A finished push; the peak of the process's memory, and how much of it the push added."""

    report: Report
    peak_mb: float
    grown_mb: float


def push(port: int, vendor: str, source: str, rejects: str, concurrency: int) -> Pushed:
    """Push a file of changes, and take a push that stopped as well."""
    rig = bench_of(port, vendor)
    rig.hook_class.retry_rule = RetryRule(first_wait=0.05, longest_wait=1.0)
    before = _memory_mb("VmRSS")
    try:
        report = rig.hook.push(source, rejects_path=rejects, concurrency=concurrency)
    except PushStopped as stopped:
        assert stopped.report is not None
        print(f"  stopped: {stopped}", flush=True)
        report = stopped.report
    peak = _memory_mb("VmHWM")
    return Pushed(report, peak, peak - before)


def learn(port: int, vendor: str) -> tuple[str, str]:
    """The field to write, and what a key looks like."""
    rig = bench_of(port, vendor)
    return rig.field, rig.all_keys()[0]


def bench_of(port: int, vendor: str) -> Rig:
    """A rig at a sandbox of another process."""
    return Rig(vendor, Sandbox("127.0.0.1", port), os.environ.__setitem__)


def _memory_mb(what: str) -> float:
    """This process's memory, now (VmRSS) or at its peak (VmHWM).

    Linux alone tells it: the peak that getrusage knows is inherited from the parent process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index] -- it is there
