"""A ledger that is filled: how long the first run takes, and how large it is then."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.contenders.job import Job
from benchmarks.contenders.ledger import connected
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.parts.ledger import NAMES, Store, once, store
from benchmarks.race import Effort

LARGEST = 120


def fill(effort: Effort, folder: Path) -> Outcome:
    """Fill an empty ledger by a baseline, and a bare table of key and hash, in the same empty database."""
    number, rounds = effort.records(1_000_000), effort.at_most(3).rounds
    job = Job("http://127.0.0.1:9", str(folder), file=str(folder / "people"))
    before = replace(job, file=f"{job.file}-before.parquet")
    once("ledger:sample", job, number)
    rows, targets = [], []
    for name in NAMES:
        bare: list[Row] = []
        ours: list[Row] = []
        for _ in range(rounds):
            with store(name, folder) as kept:
                bare.append(once("ledger:learn", before, number, kept.more))
                ours.append(once("ledger:baseline", before, number, kept.more))
        slower = [(own.seconds or 0) / (loop.seconds or 1) for own, loop in zip(ours, bare, strict=True)]
        rows += [_middle(f"bare loop, {name}", bare), _middle(f'our action="baseline", {name}', ours)]
        targets.append(Target(f"first fill, {name} : bare loop", 3, slower, at_least=False))
    about = (
        f"{number:,} records of five columns from a Parquet file, four of them fields. The bare loop reads "
        "the same file, hashes each record, and writes key and hash. "
        f"{rounds} rounds, each in an empty database; the server's time is in the seconds, not in the CPU."
    )
    return Outcome(f"The ledger: the first fill with {number:,} records", rows, targets, [about])


def size(effort: Effort, folder: Path) -> Outcome:
    """Fill a ledger by a baseline, VACUUM it, and see how large it is."""
    number = effort.records(100_000)
    job = Job("http://127.0.0.1:9", str(folder), file=str(folder / "people"))
    once("ledger:short_keys", job, number)
    targets = []
    for name in NAMES:
        with store(name, folder) as kept:
            once("ledger:baseline", replace(job, file=f"{job.file}-before.parquet"), number, kept.more)
            figure = _bytes(kept) / number
        targets.append(Target(f"bytes a record, {name}", LARGEST, [figure], at_least=False, unit=" bytes"))
    about = (
        f"{number:,} records with keys of 12 characters in their order and four fields, after a baseline and "
        "VACUUM: the table with its index in PostgreSQL, the whole file in SQLite."
    )
    return Outcome("The ledger: its size", [], targets, [about])


def _middle(name: str, rows: list[Row]) -> Row:
    seconds = median([row.seconds or 0.0 for row in rows])
    found = min(rows, key=lambda row: abs((row.seconds or 0.0) - seconds))
    return replace(found, name=name)


def _bytes(kept: Store) -> int:
    """Return how large the ledger of a database is once it has been tidied."""
    told = json.loads(kept.more["AIRFLOW_CONN_LEDGER"])
    with closing(connected(told)) as connection:
        if told["conn_type"] == "sqlite":
            connection.isolation_level = None
            connection.execute("vacuum")
            (pages,) = connection.execute("pragma page_count").fetchone()
            (page,) = connection.execute("pragma page_size").fetchone()
            return int(pages * page)
        connection.autocommit = True
        connection.execute("vacuum profile_ledger")
        (found,) = connection.execute("select pg_total_relation_size('profile_ledger')").fetchone()
        return int(found)
