"""One record a request: what it costs without latency, and how fast it is with some."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders.job import Job
from benchmarks.outcome import Outcome, Target
from benchmarks.race import Effort, Entry, race, stand_in

DRT = "drt-core"
_DRT_SETTINGS = "rate limit lifted, batch_size 1000, on_error skip; SQLite source; one request at a time"


def cost(effort: Effort, folder: Path) -> Outcome:
    """0 ms: CPU time a record, one request at a time and sixteen in flight."""
    with stand_in(folder) as served:
        one = Job(served.url, str(folder), in_flight=1)
        many = Job(served.url, str(folder), in_flight=16)
        records = effort.records(2000)
        entries = [
            Entry("bare loop", "bare:loop", one, records, "requests.Session, time-out, raise_for_status"),
            Entry("our push, 1 in flight", "ours:push", one, records, 'quota "none", verdicts, rejects'),
            Entry(
                "HttpHook.run loop", "bare:http_hook", one, records, "one hook, connection in the environment"
            ),
            Entry(
                "bare session, 16 threads",
                "bare:threads",
                many,
                records,
                "ThreadPoolExecutor, pooled adapter",
            ),
            Entry("our push, 16 in flight", "ours:push", many, records, 'quota "none", verdicts, rejects'),
            Entry("aiohttp, 16 in flight", "bare:aiohttp_loop", many, records, "the ceiling"),
        ]
        found = race(entries, effort, served=served)
    return Outcome(
        "1 record a request, vendor at 0 ms",
        found.rows,
        [
            Target(
                "CPU a record, 1 in flight : bare loop",
                1.25,
                found.ratios("our push, 1 in flight", "bare loop", cpu=True),
                at_least=False,
            ),
            Target(
                "CPU a record, 16 in flight : bare session with 16 threads",
                1.25,
                found.ratios("our push, 16 in flight", "bare session, 16 threads", cpu=True),
                at_least=False,
            ),
        ],
        [f"Each contender sends {records} records a round; {found.note}."],
    )


def latency(effort: Effort, folder: Path) -> Outcome:
    """50 ms: records a second with sixteen requests in flight."""
    with stand_in(folder, 0.05) as served:
        one = Job(served.url, str(folder), in_flight=1)
        many = Job(served.url, str(folder), in_flight=16)
        fast, slow = effort.records(1600), effort.records(120)
        entries = [
            Entry("bare loop", "bare:loop", one, slow),
            Entry("bare session, 16 threads", "bare:threads", many, fast),
            Entry("our push, 16 in flight", "ours:push", many, fast),
            Entry("aiohttp, 16 in flight", "bare:aiohttp_loop", many, fast),
        ]
        if effort.tools:
            entries.append(Entry(DRT, "installed:drt", one, slow, _DRT_SETTINGS, python=effort.tools))
        found = race(entries, effort.at_most(3), served=served)
    ours = "our push, 16 in flight"
    drt = {"figures": found.ratios(ours, DRT)} if effort.tools else {"skipped": "needs `make bench`"}
    return Outcome(
        "1 record a request, vendor at 50 ms",
        found.rows,
        [
            Target(
                "records/s : bare session with 16 threads",
                0.9,
                found.ratios(ours, "bare session, 16 threads"),
            ),
            Target("records/s : drt-core", 13, **drt),
        ],
        [f"{fast} records a round, {slow} where one request at a time is sent; {found.note}."],
    )
