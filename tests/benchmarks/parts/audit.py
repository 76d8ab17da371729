"""Audits: our audit of a vendor's whole list against a bare loop that reads the same pages and compares."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders.job import Job
from benchmarks.outcome import Outcome, Target
from benchmarks.race import Effort, Entry, race, stand_in

OURS, BARE = "our audit", "bare loop that compares"
LATENCY = 0.1
"""Seconds that a page takes at the vendor, as many as its polite quota of ten a second leaves for each."""


def audit(effort: Effort, folder: Path) -> Outcome:
    """Audit all accounts, each way in a process of its own."""
    number = effort.records(100_000, at_least=2000)
    with stand_in(folder, LATENCY, "--accounts", str(number)) as served:
        job = Job(served.url, str(folder), in_flight=4)
        raced = race(
            [
                Entry(BARE, "audit:bare", job, number, warm=number),
                Entry(OURS, "audit:ours", job, number, warm=number),
            ],
            effort.at_most(5),
            served=served,
        )
    slower = [1 / ratio for ratio in raced.ratios(OURS, BARE)]
    return Outcome(
        f"Audit of {number:,} accounts at Agile.Now, a page of 1,000 in {LATENCY * 1000:.0f} ms, no quota",
        raced.timed(),
        [Target(f"seconds, {OURS} : {BARE}", 1.3, slower, at_least=False)],
        [raced.note],
    )
