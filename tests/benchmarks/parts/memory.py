"""Memory: a million records from a file against ten thousand."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders.job import Job
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Contender, Effort, stand_in


def memory(effort: Effort, folder: Path) -> Outcome:
    """Push a .jsonl file each, in a process each, and compare their peaks."""
    numbers = [effort.records(10_000, at_least=1000), effort.records(1_000_000, at_least=10_000)]
    rows = []
    with stand_in(folder) as served:
        job = Job(served.url, str(folder), in_flight=8, batch_size=100, from_file=True)
        for number in numbers:
            with Contender("ours:push", job) as contender:
                contender.ready()
                done = contender.run(number)
                speed, cpu = number / done["seconds"], done["cpu"] / number
                rows.append(
                    Row(f"our push of {number:,} records", speed, cpu, contender.peak, contender.loaded)
                )
    few, many = (row.peak or 0.0 for row in rows)
    return Outcome(
        "Memory, a .jsonl file at 100 records a request, 8 in flight, vendor at 0 ms",
        rows,
        [
            Target(
                f"peak, {numbers[1]:,} − {numbers[0]:,} records", 20, [many - few], at_least=False, unit=" MB"
            )
        ],
    )
