"""One vendor's soak: a sandbox, a source file, pushes in processes of their own, and the comparison."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sandbox import Sandbox
from tests.soak.people import People
from tests.soak.pushing import Pushed, learn, push
from tests.soak.server import running_sandbox

MOST_ROUNDS = 20
MIXED: list[dict[str, Any]] = [
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    {"kind": "status", "status": 504, "commit": True},
    {"kind": "lost"},
    {"kind": "reset"},
    {"kind": "truncate"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "status", "status": 422},
]
"""What goes wrong, each equally often; the last one ends in rejects, which a replay must deliver."""


def soak(vendor: str, *, records: int, profiles: int, concurrency: int, faults: float) -> bool:
    """Push, replay and compare; print what happened, and return whether vendor and source agree."""
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        people = People(*_alone(learn, sandbox.port, vendor), profiles)
        before = people.move_in(sandbox, vendor)
        source = people.write_source(folder, records)
        for seed, fault in enumerate(MIXED):
            sandbox.faults(vendor, **fault, probability=faults / len(MIXED), seed=seed)
        print(f"{vendor}: {records:,} changes of {profiles:,} profiles, {faults:.2%} faults", flush=True)
        first = _round(sandbox, vendor, source, folder / "rejects-0.jsonl", concurrency)
        _say("push", first)
        sandbox.clear_faults()
        ok = first.report.received == records and _adds_up(first.report)
        ok = _replay(sandbox, vendor, folder, first, concurrency) and ok
        return people.compare(_profiles(sandbox, vendor), before, records) and ok


def _replay(sandbox: Sandbox, vendor: str, folder: Path, last: Pushed, concurrency: int) -> bool:
    """Push the rejects until there are none."""
    for number in range(1, MOST_ROUNDS + 1):
        if not last.report.undelivered:
            return True
        rejects = folder / f"rejects-{number - 1}.jsonl"
        owed = last.report.undelivered
        last = _round(sandbox, vendor, rejects, folder / f"rejects-{number}.jsonl", concurrency)
        _say(f"replay {number}", last)
        if last.report.received != owed or not _adds_up(last.report):
            return False
    print(f"  rejects are left after {MOST_ROUNDS} replays")
    return False


def _adds_up(report: Report) -> bool:
    return report.received == sum(getattr(report, verdict) for verdict in Verdict)


def _round(sandbox: Sandbox, vendor: str, source: Path, rejects: Path, concurrency: int) -> Pushed:
    return _alone(push, sandbox.port, vendor, str(source), str(rejects), concurrency)


def _say(what: str, pushed: Pushed) -> None:
    report = pushed.report
    print(
        f"  {what}: {report}; {report.requests:,} requests, {report.retries:,} retries in"
        f" {report.seconds:.1f} s = {report.received / max(report.seconds, 0.001):,.0f} records/s;"
        f" peak memory {pushed.peak_mb:.0f} MB ({pushed.grown_mb:.0f} MB more than before the push)",
        flush=True,
    )


def _profiles(sandbox: Sandbox, vendor: str) -> dict[str, Any]:
    """All that the vendor holds; a million profiles take longer than the sandbox's own client waits."""
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/{vendor}/profiles", timeout=600) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _alone(task: Any, *arguments: Any) -> Any:
    """Run in a fresh process, whose memory is then its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *arguments).result()
