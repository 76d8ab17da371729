"""`make bench-distributed`: a push in 1, 2 and 4 mapped tasks on Celery workers, without and with a quota."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distributed.cluster import Cluster, running_cluster

from benchmarks import machine, page
from benchmarks.contenders.job import TOKEN, changes
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import ROOT, Served, environment, stand_in

PAGE = ROOT / "docs" / "benchmarks.md"
MARKS = ("<!-- measured: make bench-distributed writes what follows -->", "<!-- end of spread -->")
DAGS = Path(__file__).parent / "dags"
TASKS = (1, 2, 4)
LATENCY = 0.05
EACH = 2000
"""Records of a task without a quota: half a minute of work, so that it matters little which starts first."""
LIMIT, SECONDS, WINDOWS = 60, 10, 6
"""With a quota, the last of the records is allowed after so many windows."""


@dataclass(frozen=True)
class Spread:
    """A push in so many tasks, and what it was seen to do.

    ``own``: records a second of each task, by its own report.
    """

    tasks: int
    own: list[float]
    seen: Mapping[str, Any]

    @property
    def sum(self) -> float:
        """Records a second of all tasks while they push."""
        return sum(self.own)


def main() -> None:
    """Measure, print, and put it into the docs."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # ends what was started, too
    begun, load = time.monotonic(), os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="bench-spread-"))
    try:
        outcomes = spread(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    about = (
        f"Measured on {datetime.now(UTC):%d %B %Y} in {(time.monotonic() - begun) / 60:.0f} minutes on: "
        f"{machine.describe()}; load when it began: {load:.1f}.\nVersions: "
        f"{machine.versions('apache-airflow', 'apache-airflow-providers-celery', 'celery', 'redis')}."
    )
    measured = page.render(outcomes, about)
    print(f"\n{measured}")
    page.write(PAGE, measured, MARKS)
    print(f"\nWritten to {PAGE.relative_to(ROOT)}")


def spread(folder: Path) -> list[Outcome]:
    """Push with each number of tasks, on one cluster of two workers with two slots each."""
    with ExitStack() as stack:
        free = {number: stack.enter_context(stand_in(folder, LATENCY)) for number in TASKS}
        limit = ["--limit", json.dumps([LIMIT, SECONDS])]
        limited = {number: stack.enter_context(stand_in(folder, LATENCY, *limit)) for number in TASKS}
        more = {
            "PYTHONPATH": environment(folder)["PYTHONPATH"],
            "BENCH_TASKS": "1",  # for the folder's other DAG
            **{_variable("free", number): _connection(free[number], "none") for number in TASKS},
            **{
                _variable("limited", number): _connection(limited[number], f"{LIMIT}/{SECONDS}s")
                for number in TASKS
            },
        }
        cluster = stack.enter_context(
            running_cluster(folder / "cluster", _address(free[1]), dags=DAGS, more=more)
        )
        cluster.switch_on("spread")
        unlimited = [_run(cluster, "free", number, EACH * number, free[number]) for number in TASKS]
        records = LIMIT * WINDOWS + 1
        kept = [_run(cluster, "limited", number, records, limited[number]) for number in TASKS]
    return [_linear(unlimited), _used(kept)]


def _address(served: Served) -> str:
    return served.url.partition("://")[2]


def _variable(kind: str, number: int) -> str:
    return f"AIRFLOW_CONN_{kind}_{number}".upper()


def _connection(served: Served, quota: str) -> str:
    extra = {"quota": quota, "quota_conn_id": "profile_quota", "concurrency": 4}
    return json.dumps({"conn_type": "ocamba", "host": served.url, "password": TOKEN, "extra": extra})


def _run(cluster: Cluster, kind: str, tasks: int, records: int, served: Served) -> Spread:
    print(f"measuring: {kind}, {tasks} tasks", file=sys.stderr, flush=True)
    file = cluster.profiles / f"changes-{records}.jsonl"
    file.write_text("".join(json.dumps(change) + "\n" for change in changes(records)))
    asked = {"tasks": tasks, "records": str(file), "conn_id": f"{kind}_{tasks}"}
    run = cluster.trigger("spread", asked)
    if run.end(600) != "success":
        raise RuntimeError(f"{kind} with {tasks} tasks failed; see {cluster.airflow.home}")
    reports = [run.returned("push", index) for index in range(tasks)]
    if sum(report["pushed"] for report in reports) != records:
        raise RuntimeError(f"{kind} with {tasks} tasks did not push {records} records: {reports}")
    return Spread(tasks, [report["pushed"] / report["seconds"] for report in reports], served.seen())


def _linear(measured: list[Spread]) -> Outcome:
    alone = measured[0].sum
    rows = [
        Row(
            f"{each.tasks} mapped task{'s' if each.tasks > 1 else ''}",
            each.sum,
            settings=f"{_rate(each):.0f} records/s from the first request to the last, as the vendor saw it",
        )
        for each in measured
    ]
    targets = [
        Target(
            f"records/s of {each.tasks} tasks : {each.tasks} × those of one",
            0.85,
            [each.sum / (each.tasks * alone)],
        )
        for each in measured[1:]
    ]
    notes = [
        f"{EACH:,} records a task, 4 in flight each, a ledger in PostgreSQL. records/s: the sum of what the "
        "tasks reached while they pushed, by their own reports; the time in which Airflow starts them is "
        "left out, and is in the figure that the vendor saw. At 50 ms, 4 in flight leave most of a core free."
    ]
    return Outcome("Mapped tasks on two Celery workers, vendor at 50 ms, no quota", rows, targets, notes)


def _rate(each: Spread) -> float:
    return float(each.seen["admitted"] / each.seen["seconds"])


def _used(measured: list[Spread]) -> Outcome:
    least = WINDOWS * SECONDS
    targets = [
        Target(
            f"{LIMIT} in {SECONDS} s shared through Redis, mapped tasks: {each.tasks}: share used",
            0.95,
            [least / each.seen["seconds"]],
            unit="",
            also=each.seen["refused"] == 0,
            also_said=f"{each.seen['admitted']} requests in {each.seen['seconds']:.1f} s, "
            f"{each.seen['refused']} answers 429",
        )
        for each in measured
    ]
    note = (
        f"Sliding window, vendor at 50 ms. Request {LIMIT * WINDOWS + 1} is allowed {least} s after the "
        f"first; the share used is {least} s : the time from the first request to that one, as the vendor "
        "saw it."
    )
    return Outcome("One quota for mapped tasks on two Celery workers", (), targets, [note])


if __name__ == "__main__":
    main()
