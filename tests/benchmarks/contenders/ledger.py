"""The ledger's contenders: our plan and push, and a bare loop that hashes and looks up in the same database.

The database is the Airflow connection ``ledger``, in the environment.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.contenders.job import COMMUNITY, TOKEN, Job, Prepare, Run, people

COLUMNS = ["id", "email", "full_name", "mobile_phone_number", "comment"]
EVERY = 100
"""One record in so many has changed."""
PARTS = 10
"""Part files, where a source has several."""
ROW_GROUP = 50_000
"""Rows that a Parquet file has in one piece; who reads it holds much of a piece in memory."""
_LOOKED_UP = 1000
_LookUp = Callable[[list[str]], dict[str, bytes]]


def changed(number: int) -> int:
    """Return how many of so many records have changed."""
    return -(-number // EVERY)


def sample(job: Job) -> Prepare:
    """Write a Parquet file each for before and after; in the latter 1 % has changed."""
    return _writing(job, lambda at: str(17430755068736000000 + at))


def short_keys(job: Job) -> Prepare:
    """The same with keys of twelve characters."""
    return _writing(job, lambda at: f"p{at:011}")


def _writing(job: Job, key: Callable[[int], str]) -> Prepare:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])

    def write(number: int, marker: str) -> None:
        with pq.ParquetWriter(f"{job.file}-{marker}.parquet", schema) as writer:
            for start in range(0, number, ROW_GROUP):
                rows = [_record(at, marker, key(at)) for at in range(start, min(number, start + ROW_GROUP))]
                writer.write_table(pa.Table.from_pylist(rows, schema))

    def prepare(number: int) -> Run:
        write(number, "before")
        write(number, "after")
        return lambda: number

    return prepare


def _record(at: int, marker: str, key: str) -> dict[str, str]:
    return {
        "id": key,
        "email": f"person-{at}@example.com",
        "full_name": f"Person Number {at}{marker if at % EVERY == 0 and marker == 'after' else ''}",
        "mobile_phone_number": f"+35850{at:07}",
        "comment": "as it was",
    }


def sample_parts(job: Job) -> Prepare:
    """Write the same as part files, in a folder each, a column at a time: that is quick for millions."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def text(*parts: Any) -> Any:
        return pc.binary_join_element_wise(*parts, "")

    def write(numbers: range, marker: str, part: int) -> None:
        at = pa.array(numbers, pa.int64())
        digits = pc.utf8_lpad(at.cast(pa.string()), 10, "0")
        has_changed = pc.equal(pc.multiply(pc.divide(at, EVERY), EVERY), at)
        mark = pc.if_else(has_changed, marker if marker == "after" else "", "")
        columns = [
            text("1743075506", digits),
            text("person-", digits, "@example.com"),
            text("Person Number ", digits, mark),
            text("+35850", digits),
            pa.repeat("as it was", len(at)),
        ]
        path = f"{job.file}-{marker}/part-{part:03}.parquet"
        pq.write_table(pa.table(columns, COLUMNS), path, row_group_size=ROW_GROUP)

    def prepare(number: int) -> Run:
        for marker in ("before", "after"):
            Path(f"{job.file}-{marker}").mkdir()
            for part in range(PARTS):
                write(range(part * number // PARTS, (part + 1) * number // PARTS), marker, part)
        return lambda: number

    return prepare


def baseline(job: Job) -> Prepare:
    """Fill our ledger from the job's file."""
    return _reading(job, COLUMNS[1:] if job.batch_size == 1 else COLUMNS[1:3], action="baseline")


def plan(job: Job) -> Prepare:
    """Our push with ``action="plan"``, which has to find 1 % changed."""
    return _reading(job, COLUMNS[1:], action="plan")


def push(job: Job) -> Prepare:
    """Our push of the job's file: whatever changed."""
    return _reading(job, COLUMNS[1:] if job.batch_size == 1 else COLUMNS[1:3])


def _reading(job: Job, fields: list[str], action: str = "push") -> Prepare:
    hook = _hook(job)

    def prepare(number: int) -> Run:
        def run() -> int:
            report = hook.push(
                job.file,
                key="id",
                fields=fields,
                concurrency=job.in_flight,
                batch_size=job.batch_size,
                quota=job.quota,
                ledger_conn_id="ledger",
                action=action,
            )
            if action == "plan" and report.planned != changed(number):
                raise SystemExit(f"{report.planned} changes planned of {changed(number)}")
            if report.undelivered:
                raise SystemExit(f"{report.undelivered} were not delivered")
            return report.received

        return run

    return prepare


def turns(job: Job) -> Prepare:
    """Our push of a query over SQLite, time and again; each time 1 % is new."""
    return _turning(job, count())


def returning(job: Job) -> Prepare:
    """The same, and in the third run the old values are back."""
    return _turning(job, iter((0, 1, 0)))


def _turning(job: Job, turn: Iterator[int]) -> Prepare:
    database = Path(job.folder) / "people.db"
    os.environ["AIRFLOW_CONN_SOURCE"] = json.dumps({"conn_type": "sqlite", "host": str(database)})
    hook = _hook(job)
    known: list[int] = []

    def prepare(number: int) -> Run:
        fill(database, number, next(turn))
        due = changed(number) if known else number
        known.append(number)

        def run() -> int:
            report = hook.push(
                sql="select id, email, full_name from people",
                sql_conn_id="source",
                key="id",
                fields=["email", "full_name"],
                concurrency=job.in_flight,
                batch_size=job.batch_size,
                quota=job.quota,
                ledger_conn_id="ledger",
            )
            if report.pushed != due:
                raise SystemExit(f"{report.pushed} of {due} changes were acknowledged")
            return report.received

        return run

    return prepare


def everything(job: Job) -> Prepare:
    """Our push of a list in which all is new each time, with the ledger or without."""
    hook, turn = _hook(job), count(0 if job.history else 1_000_000)  # two may share a database
    more = {"ledger_conn_id": "ledger", "history": job.history} if job.ledger else {}

    def prepare(number: int) -> Run:
        now = next(turn)
        rows = [{"id": one[0], "email": one[1], "full_name": one[2]} for one in people(number, now, 1)]

        def run() -> int:
            report = hook.push(
                rows,
                key="id",
                fields=["email", "full_name"],
                concurrency=job.in_flight,
                quota=job.quota,
                **more,
            )
            return report.pushed

        return run

    return prepare


def _hook(job: Job) -> Any:
    connection = {"host": job.url, "login": COMMUNITY, "password": TOKEN}
    for vendor in ("ocamba", "sonoran"):
        os.environ[f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT"] = json.dumps({"conn_type": vendor, **connection})
    from airflow_profile_provider.hooks.ocamba import OcambaHook
    from airflow_profile_provider.hooks.sonoran import SonoranHook

    return OcambaHook() if job.batch_size == 1 else SonoranHook()


def fill(database: Path, number: int, turn: int) -> None:
    """Write the table that a push, drt or dlt reads: what it holds in this turn."""
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table people (id text, email text, full_name text, updated_at integer)")
        connection.executemany("insert into people values (?, ?, ?, ?)", people(number, turn))


def learn(job: Job) -> Prepare:
    """Fill the bare loop's own table, in the database of the ledger."""
    store = json.loads(os.environ["AIRFLOW_CONN_LEDGER"])

    def rows() -> Iterator[tuple[str, bytes]]:
        for hashes in _hashed(job.file):
            yield from hashes.items()

    def sqlite() -> None:
        with closing(sqlite3.connect(store["host"])) as connection, connection:
            connection.execute("create table bare (key text primary key, hash blob) without rowid")
            connection.executemany("insert into bare values (?, ?)", rows())

    def postgres() -> None:
        with closing(_postgres(store)) as connection:
            connection.execute("create table bare (key text primary key, hash bytea)")
            with connection.cursor().copy("copy bare from stdin") as copy:
                for row in rows():
                    copy.write_row(row)
            connection.commit()
            connection.autocommit = True
            connection.execute("vacuum analyze")

    def prepare(number: int) -> Run:
        def run() -> int:
            sqlite() if store["conn_type"] == "sqlite" else postgres()
            return number

        return run

    return prepare


def bare(job: Job) -> Prepare:
    """What one would write by hand: read, hash each record, look the hashes up by the thousand."""
    store = json.loads(os.environ["AIRFLOW_CONN_LEDGER"])

    def prepare(number: int) -> Run:
        def run() -> int:
            with closing(connected(store)) as connection:
                look_up = _look_up(store, connection)
                records = found = 0
                for hashes in _hashed(job.file):
                    known = look_up(list(hashes))
                    found += sum(known.get(key) != value for key, value in hashes.items())
                    records += len(hashes)
            if found != changed(number):
                raise SystemExit(f"{found} changes found of {changed(number)}")
            return records

        return run

    return prepare


def _hashed(file: str) -> Iterator[dict[str, bytes]]:
    import pyarrow.parquet as pq

    for part in sorted(Path(file).glob("*.parquet")) or [file]:
        with pq.ParquetFile(part) as opened:
            for batch in opened.iter_batches(batch_size=_LOOKED_UP, columns=COLUMNS):
                yield {
                    record["id"]: blake2b(repr(record).encode(), digest_size=16).digest()
                    for record in batch.to_pylist()
                }


def connected(store: dict[str, Any]) -> Any:
    """Connect to the database of an Airflow connection, by its driver alone."""
    return sqlite3.connect(store["host"]) if store["conn_type"] == "sqlite" else _postgres(store)


def _look_up(store: dict[str, Any], connection: Any) -> _LookUp:
    def in_sqlite(keys: list[str]) -> dict[str, bytes]:
        marks = ",".join("?" * len(keys))
        return dict(connection.execute(f"select key, hash from bare where key in ({marks})", keys))

    def in_postgres(keys: list[str]) -> dict[str, bytes]:
        found: Iterable[Any] = connection.execute("select key, hash from bare where key = any(%s)", [keys])
        return dict(found)

    return in_sqlite if store["conn_type"] == "sqlite" else in_postgres


def _postgres(store: dict[str, Any]) -> Any:
    import psycopg

    return psycopg.connect(
        host=store["host"],
        port=store["port"],
        user=store["login"],
        password=store["password"],
        dbname=store["schema"],
    )
