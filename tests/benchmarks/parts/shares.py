"""What the four shares of a fan-out read together, beside one reading of the whole source."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from airflow.sdk import Connection
from postgres import private_postgres

from airflow_profile_provider.adapters.databases import database_of, engine_of
from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Row as SourceRow
from airflow_profile_provider.sources.files import rows_of_parts
from airflow_profile_provider.sources.partition import Part, rows_in_partition
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.ocamba import Ocamba
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Effort

SHARES = 4
COLUMNS = ["id", "email", "full_name", "comment"]
Read = Callable[[Part | None], Iterator[SourceRow]]


def shares(effort: Effort, folder: Path) -> Outcome:
    """Read a table of people whole, and by shares, from two databases and from eight part files."""
    number = effort.records(1_000_000, at_least=10_000)
    rows, targets = [], []
    for name, source in (("PostgreSQL", _postgres), ("SQLite", _sqlite), ("Parquet, 8 files", _parquet)):
        with source(folder, number) as read:
            whole = _seconds(read, [None], passed=1)
            all_of_it = _seconds(read, [None] * SHARES, passed=SHARES)
            own = _seconds(read, [Part((at, SHARES), "id") for at in range(SHARES)], passed=SHARES)
        rows.append(Row(f"{name}: one reading", number / whole[1], seconds=whole[1]))
        rows.append(Row(f"{name}: four shares that read all", number / all_of_it[1], seconds=all_of_it[1]))
        rows.append(Row(f"{name}: four shares", number / own[1], seconds=own[1]))
        handed_out = [own[0] / number]
        targets.append(Target(f"rows read by four shares : rows, {name}", 1.3, handed_out, at_least=False))
        less = [all_of_it[1] / own[1]]
        targets.append(Target(f"four shares that read all : four shares, {name}", 1, less))
    return Outcome(f"Reading {number:,} rows by four shares", rows, targets)


def _seconds(read: Read, parts: list[Part | None], *, passed: int) -> tuple[int, float]:
    """Read some parts one after the other, keep each share's rows, and return how many came in which time."""
    begun, found = time.monotonic(), 0
    for at, part in enumerate(parts):

        def counted(rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
            nonlocal found
            for row in rows:
                found += 1
                yield row

        rows = counted(read(part))
        deque(rows if passed == 1 else rows_in_partition(rows, (at, SHARES), _MAPPER.profile_in), maxlen=0)
    return found, time.monotonic() - begun


_MAPPER = Mapper(
    Ocamba(Access("http://127.0.0.1")), FieldMapping(key="id", fields={"full_name": "full_name"})
)
_PEOPLE = (
    "select '17430755068' || (1000000000 + {i}) as id, 'person' || {i} || '@example.com' as email, "
    "'Person ' || {i} as full_name, 'comment ' || {i} as comment"
)


@contextmanager
def _postgres(folder: Path, number: int) -> Iterator[Read]:
    with (
        private_postgres(folder / "postgres") as store,
        _database(Connection(conn_id="app", **store)) as (run, read),
    ):
        run(f"create table people as {_PEOPLE.format(i='i')} from generate_series(1, {number}) as i")
        yield read


@contextmanager
def _sqlite(folder: Path, number: int) -> Iterator[Read]:
    folder.mkdir(parents=True, exist_ok=True)
    with _database(Connection(conn_id="app", conn_type="sqlite", host=str(folder / "app.db"))) as (run, read):
        numbers = f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {number})"
        run(f"create table people as {numbers} {_PEOPLE.format(i='i')} from n")
        yield read


@contextmanager
def _database(connection: Connection) -> Iterator[tuple[Callable[[str], None], Read]]:
    engine = engine_of(connection)

    def run(sql: str) -> None:
        with engine.begin() as begun:
            begun.exec_driver_sql(sql)

    def read(part: Part | None) -> Iterator[SourceRow]:
        database = database_of(connection, away=SourceError)
        try:
            yield from rows_of_sql(
                database, Statement(f"select {', '.join(COLUMNS)} from people"), COLUMNS, part
            )
        finally:
            database.close()

    yield run, read
    engine.dispose()


@contextmanager
def _parquet(folder: Path, number: int) -> Iterator[Read]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in range(8):
        numbers = range(file * number // 8, (file + 1) * number // 8)
        paths.append(str(folder / f"people-{file}.parquet"))
        table = {
            "id": [f"17430755068{1_000_000_000 + i}" for i in numbers],
            "email": [f"person{i}@example.com" for i in numbers],
            "full_name": [f"Person {i}" for i in numbers],
            "comment": [f"comment {i}" for i in numbers],
        }
        pq.write_table(pa.table(table), paths[-1])
    yield lambda part: rows_of_parts(paths, open_file, Reading(columns=COLUMNS), part=part)
