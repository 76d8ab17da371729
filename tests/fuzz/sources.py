"""A case's records as the push gets them: a list, a generator, a file, a query."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from airflow_profile_provider.announcements import Announced
from airflow_profile_provider.outbox import Outbox

from .cases import ABSENT, Case, Record
from .values import is_null

SOURCE_CONN = "fuzz_source"


def key_text(key: Any) -> str | None:
    """Return what a key names, or None where it can name nobody."""
    if isinstance(key, bool | float):
        return None
    if isinstance(key, Decimal):
        return str(int(key)) if key.is_finite() and key == key.to_integral_value() else None
    if isinstance(key, int | UUID):
        return str(key) if isinstance(key, UUID) or key.bit_length() < 10_000 else None
    if not isinstance(key, str) or not key.strip() or key in {".", ".."}:
        return None
    return None if "\0" in key or any("\ud800" <= letter <= "\udfff" for letter in key) else key


@dataclass
class Given:
    """A source that is ready: the arguments that name it, and the position of each record.

    ``yielded`` counts what an iterator was asked for; a file and a list have been read whole.
    """

    arguments: dict[str, Any]
    positions: list[int]
    yielded: int | None = None
    blanks: set[int] = field(default_factory=set)
    """Numbers of records of which nothing is there: they may count, or not."""


def content_of(case: Case, record: Record) -> dict[str, Any]:
    """The record as a dict."""
    cells = {
        case.column(name): cell
        for name, cell in zip(case.fields, record.cells, strict=True)
        if cell is not ABSENT
    }
    if case.shape == "changes":
        content = {"key": record.key, "fields": cells}
        return content | ({"version": record.version} if case.versioned else {})
    return {"id": record.key, **cells} | ({"v": record.version} if case.versioned else {})


def mapping_of(case: Case) -> dict[str, Any]:
    """The options that say how records become changes."""
    options: dict[str, Any] = {"key_type": case.key_type} if case.key_type else {}
    if case.shape == "changes":
        return options
    fields = {name: case.column(name) for name in case.fields} if case.shape == "mapping" else [*case.fields]
    return options | {"key": "id", "fields": fields} | ({"version": "v"} if case.versioned else {})


def give(case: Case, folder: Path, stop: Callable[[], None]) -> Given:
    """Make the source. ``stop`` is called where the case says that the push is to end while it reads."""
    if case.source in {"list", "generator"}:
        return _objects(case, stop)
    if case.source == "sql":
        return _sql(case, folder)
    if case.source == "outbox":
        return _outbox(case, folder)
    path = folder / f"records.{case.source}"
    content, positions, blanks = _FILES[case.source.removesuffix(".gz")](case)
    path.write_bytes(gzip.compress(content, 1) if case.source.endswith(".gz") else content)
    return Given({"records": str(path)}, positions, blanks=blanks)


def _objects(case: Case, stop: Callable[[], None]) -> Given:
    found = [record.raw[1] if record.raw else content_of(case, record) for record in case.records]
    positions = list(range(1, len(found) + 1))
    if case.source == "list":
        return Given({"records": found}, positions)
    given = Given({}, positions, 0)

    def generator() -> Iterator[Any]:
        breaks, error = case.breaks or (None, None)
        for number, record in enumerate(found):
            if number == breaks:
                raise error  # type: ignore[misc]
            given.yielded = number + 1
            if case.stop == ("row", number + 1):
                stop()
            yield record
        if breaks is not None and breaks >= len(found):
            raise error  # type: ignore[misc]

    given.arguments["records"] = generator()
    return given


def _json_lines(case: Case) -> tuple[bytes, list[int], set[int]]:
    lines = [record.raw[1] if record.raw else json.dumps(content_of(case, record)) for record in case.records]
    text = "".join(f"{line}\n" for line in lines)
    return text.encode("utf-8", "surrogateescape"), list(range(1, len(lines) + 1)), set()


def _csv(case: Case) -> tuple[bytes, list[int], set[int]]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    version = ["v"] if case.versioned else []
    writer.writerow(["id", *map(case.column, case.fields), *version])
    positions, blanks = [], set()
    for number, record in enumerate(case.records):
        cells = [record.key, *record.cells, *([record.version] if version else [])]
        writer.writerow(cells)
        positions.append(text.getvalue().count("\n"))
        if not any(str(cell).strip() for cell in cells if cell is not None):
            blanks.add(number)
    return text.getvalue().encode(), positions, blanks


@cache
def _parquet_types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "decimal": pa.decimal128(20, 2),
        "timestamp": pa.timestamp("us"),
        "zoned": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "binary": pa.binary(),
        "strings": pa.list_(pa.string()),
        "struct": pa.struct([("a", pa.string()), ("n", pa.int64())]),
    }


def _parquet(case: Case) -> tuple[bytes, list[int], set[int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array([record.key for record in case.records], pa.string())}
    for number, name in enumerate(case.fields):
        type_ = _parquet_types()[case.types[number]]
        columns[case.column(name)] = pa.array([record.cells[number] for record in case.records], type_)
    if case.versioned:
        columns["v"] = pa.array([record.version for record in case.records], pa.int64())
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue(), list(range(1, len(case.records) + 1)), set()


_FILES: dict[str, Callable[[Case], tuple[bytes, list[int], set[int]]]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
}


def _sql(case: Case, folder: Path) -> Given:
    path = folder / "source.db"
    path.unlink(missing_ok=True)
    names = ["id", *map(case.column, case.fields), *(["v"] if case.versioned else [])]
    quoted = ", ".join(f'"{name}"' for name in names)
    with sqlite3.connect(path) as database:
        database.execute(f"create table people (n integer primary key, {quoted})")
        marks = ", ".join("?" * (len(names) + 1))
        for number, record in enumerate(case.records):
            version = [record.version] if case.versioned else []
            database.execute(
                f"insert into people values ({marks})", [number, record.key, *record.cells, *version]
            )
    database.close()
    arguments = {"sql": f"select {quoted} from people order by n", "sql_conn_id": SOURCE_CONN}
    return Given(arguments, list(range(1, len(case.records) + 1)))


def _outbox(case: Case, folder: Path) -> Given:
    """Let an application have written the changes into its outbox, one row each.

    A row of skipped nulls alone has nothing for this vendor: it is marked so, and never handed to the push.
    """
    path = folder / "source.db"
    fields_of = [content_of(case, record)["fields"] for record in case.records]
    skips = case.options.get("nulls") == "skip"
    blanks = {
        number
        for number, fields in enumerate(fields_of)
        if skips and isinstance(fields, dict) and fields and all(is_null(value) for value in fields.values())
    }
    if not path.exists():
        with sqlite3.connect(path) as database:
            database.execute("create table profile_outbox (id integer primary key, key, fields, delivered)")
            for number, record in enumerate(case.records, 1):
                fields = json.dumps(fields_of[number - 1])
                database.execute(
                    "insert into profile_outbox values (?, ?, ?, null)", (number, record.key, fields)
                )
        database.close()
    arguments = {"records": Announced(Outbox()), "sql_conn_id": SOURCE_CONN}
    return Given(arguments, list(range(1, len(case.records) + 1)), blanks=blanks)


def marks_of(folder: Path) -> dict[int, str | None]:
    """The mark of each row of the outbox, by its number."""
    with sqlite3.connect(folder / "source.db") as database:
        found = dict(database.execute("select id, delivered from profile_outbox"))
    database.close()
    return found
