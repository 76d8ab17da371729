"""The ledger: what a plan costs, what few changes send, and what it costs a push."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders.job import Job
from benchmarks.contenders.ledger import changed
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Contender, Effort, Entry, Served, environment, race, stand_in
from benchmarks.stores import postgres_server

LATENCY = 0.05
BATCH = 100
NAMES = ("SQLite", "PostgreSQL")
OURS, DRT, DLT = "our push, ledger in {}", "drt-core, mode full", "dlt, merge with scd2"
WITH_HISTORY, WITHOUT_HISTORY = "our push, history in {}", "our push, history=False, {}"
DRT_KNOWN = "drt-core, its idempotency ledger in PostgreSQL"


@dataclass(frozen=True)
class Store:
    """A database for a ledger: the environment that names it, and its server's process."""

    more: Mapping[str, str]
    servers: Sequence[int] = ()


@contextmanager
def store(name: str, folder: Path) -> Iterator[Store]:
    """Make a database that is empty yet."""
    if name == "SQLite":
        own = Path(tempfile.mkdtemp(prefix="ledger-", dir=folder))
        yield Store(_named({"conn_type": "sqlite", "host": str(own / "ledger.db")}))
    else:
        with postgres_server() as (connection, server):
            yield Store(_named(connection), [server])


def _named(connection: dict[str, Any]) -> dict[str, str]:
    return {"AIRFLOW_CONN_LEDGER": json.dumps(connection)}


def plan(effort: Effort, folder: Path) -> Outcome:
    """Find the 1 % of a Parquet file that changed, against a bare loop over the same file and database."""
    number = effort.records(1_000_000)
    job = Job("http://127.0.0.1:9", str(folder), file=str(folder / "people"))
    before, after = (replace(job, file=f"{job.file}-{when}.parquet") for when in ("before", "after"))
    once("ledger:sample", job, number)
    rows, targets, notes = [], [], []
    for name in NAMES:
        ours, bare = f"our plan, {name}", f"bare loop, {name}"
        with store(name, folder) as kept:
            filled = once("ledger:baseline", before, number, kept.more)
            once("ledger:learn", before, number, kept.more)
            given: dict[str, Any] = {"job": after, "records": number, "more": kept.more, "warm": number}
            entries = [
                Entry(
                    bare, "ledger:bare", settings="blake2b of each record, 1,000 looked up at once", **given
                ),
                Entry(ours, "ledger:plan", settings='action="plan", 4 fields', **given),
            ]
            found = race(entries, effort.at_most(3), servers=kept.servers)
        rows += [replace(filled, name=f'our action="baseline", {name}'), *found.timed()]
        own = next(row for row in found.rows if row.name == ours)
        slower = [1 / ratio for ratio in found.ratios(ours, bare)]
        targets += [
            Target(f"wall time of a plan, {name} : bare loop", 1.3, slower, at_least=False),
            Target(f"peak over idle, {name}", 200, [_over(own)], at_least=False, unit=" MB"),
        ]
        notes.append(f"{name}: {found.note}.")
    about = (
        f"{number:,} records of five columns, 1 % changed. Each contender ran once before; the most memory "
        "of all its runs counts. The baseline is one run. Nothing is sent."
    )
    return Outcome(f"The ledger: what changed among {number:,} records", rows, targets, [about, *notes])


def requests(effort: Effort, folder: Path) -> Outcome:
    """Count the requests of a run with no change, and of one with 1 % changed."""
    number = effort.records(100_000)
    job = Job("http://127.0.0.1:9", str(folder), in_flight=4, file=str(folder / "people"))
    once("ledger:sample", job, number)
    rows, targets = [], []
    for vendor, batch, more in (("Ocamba", 1, 0), ("Sonoran", BATCH, 1)):
        due = -(-changed(number) // batch)
        counted = {"no change": (0, []), "1 % changed": (due + more, [])}
        for name in NAMES:
            with store(name, folder) as kept, stand_in(folder) as served:
                own = replace(job, url=served.url, batch_size=batch)
                before, after = (
                    replace(own, file=f"{job.file}-{when}.parquet") for when in ("before", "after")
                )
                once("ledger:baseline", before, number, kept.more)
                for (what, (_, found)), which in zip(counted.items(), (before, after), strict=True):
                    already = served.seen()["admitted"]
                    row = once("ledger:push", which, number, kept.more)
                    found.append(int(served.seen()["admitted"] - already))
                    called = f"our push, {vendor}, {what}, {name}"
                    rows.append(replace(row, name=called, requests=found[-1]))
        targets += [_exactly(f"requests, {vendor}, {what}", *figures) for what, figures in counted.items()]
    notes = [
        f"{number:,} records from a Parquet file, {BATCH} a request at Sonoran, vendor at 0 ms, one run "
        f"each. Due for 1 %: {changed(number):,} requests at Ocamba, "
        f"{-(-changed(number) // BATCH):,} at Sonoran, whose catalogue of fields "
        "is read once more if anything is to be sent."
    ]
    return Outcome(f"The ledger: requests for {number:,} records", rows, targets, notes)


def _exactly(what: str, due: int, found: list[int]) -> Target:
    wrong = [each for each in found if each != due]
    said = "" if wrong else f"exactly {due:,} with either database"
    return Target(what, due, [*(wrong or found)][:1], at_least=False, unit="", also=not wrong, also_said=said)


def beside(effort: Effort, folder: Path) -> Outcome:
    """Let drt and dlt do the same work: all was sent once, 1 % is new, and no column tells which."""
    number = effort.records(20_000, at_least=1000)
    rows: list[Row] = []
    targets, notes = [], []
    with stand_in(folder, LATENCY) as served, store("PostgreSQL", folder) as kept:
        one = Job(served.url, str(folder), in_flight=1, batch_size=BATCH)
        many = replace(one, in_flight=8)
        with store("SQLite", folder) as own:
            ours = [
                _turns(OURS.format(name), "ledger:turns", many, number, "8 in flight", more=each.more)
                for name, each in (("SQLite", own), ("PostgreSQL", kept))
            ]
            tools = effort.tools
            others = _others(one, number, tools, kept) if tools else []
            found = race([*ours, *others], effort.at_most(2), served=served, servers=kept.servers)
        rows = found.timed()
        if tools:
            notes = [*_told(number, tools, folder)]
            if any(row.name == DRT_KNOWN for row in rows):
                notes.append(_returned(many, number, tools, folder, served))
            else:
                notes.append("drt's idempotency ledger was not measured: that Python has no psycopg2.")
    about = (
        f"{number:,} records (a million would take drt and dlt ten minutes a run at 50 ms) of a SQLite "
        f"table, {BATCH} a request, vendor at 50 ms. The first run, which sends all, is not shown; each "
        f"further one finds {changed(number):,} new; {found.note}."
    )
    return Outcome("The ledger: 1 % is new, beside drt and dlt", rows, targets, [about, *notes])


def overhead(effort: Effort, folder: Path) -> Outcome:
    """Push everything at 50 ms, 16 in flight, with the ledger and without."""
    number = effort.records(5000)
    without = "our push without a ledger"
    with (
        stand_in(folder, LATENCY) as served,
        store("PostgreSQL", folder) as kept,
        store("SQLite", folder) as own,
    ):
        job = Job(served.url, str(folder), in_flight=16)
        entries = [Entry(without, "ledger:everything", replace(job, ledger=False), number)]
        entries += [
            Entry(OURS.format(name), "ledger:everything", job, number, more=each.more, warm=number)
            for name, each in (("SQLite", own), ("PostgreSQL", kept))
        ]
        found = race(entries, effort.at_most(3), served=served, servers=kept.servers)
    targets = [
        Target(
            f"wall time with the ledger in {name} : without",
            1.05,
            [1 / ratio for ratio in found.ratios(OURS.format(name), without)],
            at_least=False,
        )
        for name in NAMES
    ]
    note = f"{number:,} records a round, every one of them changed; 16 in flight; {found.note}."
    return Outcome("The ledger: what it costs a push, vendor at 50 ms", found.timed(), targets, [note])


def history(effort: Effort, folder: Path) -> Outcome:
    """Push everything at 50 ms, 16 in flight, with the history beside the ledger and without."""
    number = effort.records(5000)
    with (
        stand_in(folder, LATENCY) as served,
        store("PostgreSQL", folder) as kept,
        store("SQLite", folder) as own,
    ):
        job = Job(served.url, str(folder), in_flight=16)
        entries = [
            Entry(
                called.format(name),
                "ledger:everything",
                replace(job, history=is_on),
                number,
                more=each.more,
                warm=number,
            )
            for name, each in (("SQLite", own), ("PostgreSQL", kept))
            for called, is_on in ((WITH_HISTORY, True), (WITHOUT_HISTORY, False))
        ]
        found = race(entries, effort.at_most(5), served=served, servers=kept.servers)
    targets = [
        Target(
            f"wall time with the history in {name} : without",
            1.02,
            [1 / ratio for ratio in found.ratios(WITH_HISTORY.format(name), WITHOUT_HISTORY.format(name))],
            at_least=False,
        )
        for name in NAMES
    ]
    note = f"{number:,} records a round, a line for each of them; 16 in flight; {found.note}."
    return Outcome("The history: what it costs a push, vendor at 50 ms", found.timed(), targets, [note])


def once(
    contender: str, job: Job, number: int, more: Mapping[str, str] | None = None, *, warm: bool = False
) -> Row:
    """Run a contender once, in a process of its own; ``warm``: once more before, which does not count."""
    with Contender(contender, job, more=more) as running:
        running.ready()
        if warm:
            running.run(number)
        done = running.run(number)
        seconds = done["seconds"]
        return Row(
            contender, number / seconds, done["cpu"] / number, running.peak, running.loaded, seconds=seconds
        )


def _over(row: Row) -> float:
    return (row.peak or 0.0) - (row.loaded or 0.0)


def _turns(name: str, contender: str, job: Job, number: int, settings: str, **more: Any) -> Entry:
    return Entry(name, contender, job, number, settings, warm=number, **more)


def _others(one: Job, number: int, python: str, kept: Store) -> list[Entry]:
    drt = "body_mode batch, max_records_per_request 100, rate limit lifted, batch_size 1000, on_error skip"
    dlt = "@dlt.destination(batch_size=100), one requests.Session; otherwise as installed"
    cursor = "the same with a column updated_at, which is right here"
    found = [
        _turns(DRT, "installed_turns:drt", one, number, drt, python=python),
        _turns(
            "drt-core, mode incremental", "installed_turns:drt_cursor", one, number, cursor, python=python
        ),
        _turns(DLT, "installed_turns:dlt", one, number, dlt, python=python),
        _turns("dlt, incremental", "installed_turns:dlt_cursor", one, number, cursor, python=python),
    ]
    if _has(python, "psycopg2"):
        known = "mode full, state in PostgreSQL, idempotency: true, idempotency_key of id and both values"
        found.insert(
            1,
            _turns(DRT_KNOWN, "installed_turns:drt_known", one, number, known, python=python, more=kept.more),
        )
    return found


def _told(number: int, python: str, folder: Path) -> list[str]:
    """Say what drt and dlt did, and what drt answers to the strategy that would be the one for this."""
    command = [python, "-m", "benchmarks.contenders.installed_turns"]
    told = subprocess.check_output(command, env=environment(folder), cwd=folder, text=True)
    answers = json.loads(told.splitlines()[-1])
    refused = "; ".join(f"with a {source} source: “{answer}”" for source, answer in answers.items())
    return [
        f"Without a column that tells what changed, drt and dlt send all {number:,} records again. drt has a "
        "comparison of snapshots (`incremental_strategy: diff`), which the source database does, for "
        "PostgreSQL, Snowflake, Databricks and BigQuery, but only to destinations with an `upsert_key`, "
        "of its own the SQL databases; to its REST API destination it was refused in this run, "
        f"{refused}. dlt compares row hashes (`scd2`) in the SQL database that it loads; a custom "
        "destination is handed every row, whatever the strategy.",
        "With a column that is right, both send what is newer (drt asks the source for no more, dlt reads "
        "all of a generator). What changes without touching the column they do not see, nor what is "
        "committed late with an older value, unless they are told to look back (`lag`), which sends that "
        "stretch again.",
    ]


def _returned(job: Job, number: int, python: str, folder: Path, served: Served) -> str:
    """Let values change and change back, and count what is sent the second time."""

    def sent(contender: str, job: Job, python: str, more: Mapping[str, str]) -> int:
        with Contender(contender, job, python=python, more=more) as running:
            running.ready()
            for _ in range(2):
                running.run(number)
            before = served.seen()["admitted"]
            running.run(number)
            return int(served.seen()["admitted"] - before)

    with store("PostgreSQL", folder) as own:
        one = replace(job, in_flight=1)
        theirs = sent("installed_turns:drt_returning", one, python, own.more)
        ours = sent("ledger:returning", job, sys.executable, own.more)
    return (
        "drt's idempotency ledger is there for retries and remembers what was ever delivered, not what the "
        "vendor holds. With all values in its key it passes over what it sent in the last seven days (it "
        "forgets what is older, so that all is sent again), and a value that returns counts as delivered: "
        f"after {changed(number):,} records had changed and changed back, drt sent {theirs} requests and "
        f"ours {ours}. It looks within batches of 1,000, so that each with a change is a request. Of drt's "
        "state databases only PostgreSQL has it."
    )


def _has(python: str, module: str) -> bool:
    return (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    )
