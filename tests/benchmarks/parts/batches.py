"""A hundred records a request, as Sonoran's batch endpoint takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.contenders.job import Job
from benchmarks.outcome import Outcome, Target
from benchmarks.race import Effort, Entry, race, stand_in

OURS, DRT, DLT = "our push, 8 in flight", "drt-core", "dlt"
DLT_CUT = "dlt, its load cut into 8 files"


def batches(effort: Effort, folder: Path) -> Outcome:
    """50 ms, 8 requests in flight, beside tools that send one after the other."""
    with stand_in(folder, 0.05) as served:
        one = Job(served.url, str(folder), in_flight=1, batch_size=100)
        many = Job(served.url, str(folder), in_flight=8, batch_size=100)
        records = effort.records(40_000, at_least=2000)
        slow = effort.records(10_000, at_least=1000)
        entries = [
            Entry("bare loop", "bare:loop", one, slow),
            Entry("our push, 1 in flight", "ours:push", one, slow, "batch_size 100"),
            Entry("bare session, 8 threads", "bare:threads", many, records),
            Entry(OURS, "ours:push", many, records, "batch_size 100"),
            Entry("aiohttp, 8 in flight", "bare:aiohttp_loop", many, records),
        ]
        if effort.tools:
            entries += _installed(one, many, records, effort.tools)
        found = race(entries, effort.at_most(2), served=served)

    def ratio(other: str) -> dict[str, Any]:
        return {"figures": found.ratios(OURS, other)} if effort.tools else {"skipped": "needs `make bench`"}

    notes = [
        f"{records} records a round ({slow} for the bare loop and our push with 1 in flight); {found.note}."
    ]
    if effort.tools:
        notes.append(
            "dlt extracts, normalizes and loads, and sends each file of a load one batch after the other; "
            "cut by hand into as many files as we have requests in flight, it is "
            f"{max(found.ratios(DLT_CUT, DLT)):.1f} times as fast as by default, and we are "
            f"{max(found.ratios(OURS, DLT_CUT)):.1f} times as fast as that. This row has no ratio to reach."
        )
    return Outcome(
        "100 records a request (Sonoran v1), vendor at 50 ms",
        found.rows,
        [Target("records/s : drt-core", 7, **ratio(DRT)), Target("records/s : dlt", 7, **ratio(DLT))],
        notes,
    )


def _installed(one: Job, many: Job, records: int, python: str) -> list[Entry]:
    drt = (
        "body_mode batch, max_records_per_request 100, rate limit lifted, batch_size 1000, on_error skip; "
        "SQLite source"
    )
    dlt = "@dlt.destination(batch_size=100), one requests.Session; otherwise as installed (20 load workers)"
    cut = "the same with data_writer.file_max_items set to an eighth of the records"
    return [
        Entry(DRT, "installed:drt", one, records, drt, python=python),
        Entry(DLT, "installed:dlt", one, records, dlt, python=python),
        Entry(DLT_CUT, "installed:dlt_cut", many, records, cut, python=python),
    ]
