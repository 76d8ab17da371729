"""Rows from where they are: a list or any iterable, JSON lines, CSV, Parquet, gzip included.

Files are opened by a function that is handed in, so that a path may be local or on an object store. They
are read as a stream. A line that cannot be read becomes a row with a problem, and the rest is read on; a
file that cannot be read any further raises SourceError. Several files may be the parts of one source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import IO, Any

from airflow_profile_provider.errors import ConfigurationError, ProfileError, SourceError
from airflow_profile_provider.records import Row, is_reject
from airflow_profile_provider.sources.batches import Block, ColumnBlock
from airflow_profile_provider.sources.csv_rows import rows_of_csv
from airflow_profile_provider.sources.json_rows import rows_of_json_lines
from airflow_profile_provider.sources.lines import unzipped
from airflow_profile_provider.sources.reading import (
    Open,
    Reading,
    named,
    of_columns,
    quoted,
    require_named,
    told,
)

BLOCK = 1000
BLOCK_BYTES = 64_000_000
_JSON = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_CSV = (".csv", ".csv.gz")
FORMATS = (*_JSON, *_CSV, ".parquet")


def rows_of(records: Iterable[Any]) -> Iterator[Row]:
    """Number the records of an iterable, from 1.

    Raises:
        SourceError: it raises something, whatever that is; what came before has been handed out.
    """
    position = 0
    try:
        for position, record in enumerate(records, 1):
            yield Row(position, record) if type(record) is dict else _row(position, record)
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
        raise SourceError(
            f"the records cannot be read on after {position:,} ({type(error).__name__}): see what makes them"
        ) from None


def _row(position: int, record: Any) -> Row:
    """Return the row of a record that may be anything, also an object that breaks when it is read."""
    if not isinstance(record, Mapping):
        kind = type(record).__name__
        return Row(position, None, problem=f"is {kind}, not an object with key and fields")
    try:
        return Row(position, dict(record))
    except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
        return Row(position, None, problem=f"cannot be read ({type(error).__name__}); give plain dicts")


def rows_of_file(path: str, open_file: Open, how: Reading | None = None) -> Iterator[Row]:
    """Read the rows of a file, by its name's ending.

    A table (CSV, Parquet) without one of the columns that are needed, or with one of them twice, is refused.

    Raises:
        ConfigurationError: the name ends in none of FORMATS.
        SourceError: the file cannot be opened or read, or lacks a column.
    """
    how = how or Reading()
    require_format(path)
    lower = path.lower()
    with told(path), closing(open_file(path, "rb")) as raw:
        if lower.endswith(".parquet"):
            for block in _parquet_blocks(path, raw, how.columns):
                yield from block.rows(range(len(block)))
        elif lower.endswith(_CSV):
            yield from rows_of_csv(path, unzipped(path, raw), how)
        else:
            yield from rows_of_json_lines(unzipped(path, raw), how)


def rows_of_parts(paths: Iterable[str], open_file: Open, how: Reading | None = None) -> Iterator[Row]:
    """Read the rows of several files as those of one; positions go on from one to the next."""
    return continued(rows_of_file(path, open_file, how) for path in paths)


def continued(sources: Iterable[Iterable[Row]], passed: int = 0) -> Iterator[Row]:
    """Read sources one after the other; positions go on from ``passed``, and from one to the next."""
    for rows in sources:
        before = passed
        for row in rows:
            passed = before + row.position
            yield replace(row, position=passed) if before else row


def require_format(path: str) -> None:
    """Refuse a file that cannot be read by its name.

    Raises:
        ConfigurationError: naming the endings that can.
    """
    if not path.lower().endswith(FORMATS):
        shown = named(path)
        shown = shown if " " not in shown else "records"
        raise ConfigurationError(f"{shown}: the name must end in one of {', '.join(FORMATS)}")


def _parquet_blocks(path: str, raw: IO[bytes], columns: Sequence[str] | None) -> Iterator[ColumnBlock]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigurationError(
            f"{path}: reading Parquet needs pyarrow: pip install 'airflow-profile-provider[parquet]'"
        ) from None
    try:
        # Threads and reading ahead are no faster by the thousand rows, and take a hundred megabytes. In
        # nanoseconds, as INT96 is read otherwise, no moment after 2262 has room.
        table = pq.ParquetFile(raw, pre_buffer=False, coerce_int96_timestamp_unit="us")
        require_named(named(path), columns, table.schema_arrow.names)
        position = 1
        for batch in table.iter_batches(batch_size=_rows_at_once(table), columns=columns, use_threads=False):
            yield ColumnBlock(position, columns or batch.schema.names, batch)
            position += batch.num_rows
    except pa.ArrowException as error:
        raise SourceError(f"{named(path)} cannot be read as Parquet ({type(error).__name__})") from None


def _rows_at_once(table: Any) -> int:
    """Return how many rows to read at once: fewer where they are large."""
    metadata = table.metadata
    sizes = (
        metadata.row_group(index).total_byte_size / max(1, metadata.row_group(index).num_rows)
        for index in range(metadata.num_row_groups)
    )
    return int(min(BLOCK, max(1, BLOCK_BYTES / max(1, *sizes, 1))))


def blocks_of_parts(paths: Sequence[str], open_file: Open, columns: list[str]) -> Iterator[Block] | None:
    """Read files' rows by the thousand, or return None where one of them does not keep them so."""
    if not all(path.lower().endswith(".parquet") for path in paths):
        return None
    return _opened_blocks(paths, open_file, columns)


def _opened_blocks(paths: Sequence[str], open_file: Open, columns: list[str]) -> Iterator[Block]:
    before = 0
    for path in paths:
        with told(path), closing(open_file(path, "rb")) as raw:
            passed = before
            for block in _parquet_blocks(path, raw, columns):
                block.position += before
                passed += len(block)
                yield block
        before = passed


def count_of_parts(paths: Iterable[str], open_file: Open) -> int | None:
    """Return about how many rows files have, or None where that cannot be told without reading them whole."""
    counts = [count_of_file(path, open_file) for path in paths]
    return sum(count or 0 for count in counts) if None not in counts else None


def count_of_file(path: str, open_file: Open) -> int | None:
    """Return about how many rows a file has, or None where that cannot be told without reading it whole.

    Parquet says so; the lines of a local, uncompressed file are counted.
    """
    lower = path.lower()
    try:
        if lower.endswith(".parquet"):
            import pyarrow.parquet as pq

            with closing(open_file(path, "rb")) as raw:
                return int(pq.ParquetFile(raw).metadata.num_rows)
        if "://" in path or lower.endswith(".gz"):
            return None
        with closing(open_file(path, "rb")) as raw:
            lines = sum(piece.count(b"\n") for piece in iter(lambda: raw.read(1 << 20), b""))
    except Exception:  # noqa: BLE001 -- whoever reads the file says what is wrong with it
        return None
    return max(0, lines - 1) if lower.endswith(".csv") else lines


def require_columns(rows: Iterator[Row], columns: Collection[str], source: str) -> Iterator[Row]:
    """Refuse a source whose first records all lack a column: a misspelt one would never be sent.

    Raises:
        SourceError: naming the columns that are missing, and how many there are.
    """
    first: list[Row] = []
    broken: SourceError | None = None
    try:
        first.extend(islice(rows, 100))
    except SourceError as error:  # what came before it is handed out
        broken = error
    good = [row.content for row in first if not (row.problem or row.replayed)]
    found = dict.fromkeys(name for content in good for name in content)
    missing = [column for column in columns if column not in found]
    if missing and good and not any(is_reject(content) for content in good):
        raise SourceError(
            f"the first {len(first)} records of {source} have no column {quoted(missing)}; "
            f"{of_columns(found, missing)}"
        )
    if broken and not first:
        raise broken
    return _again(first, broken, rows)


def _again(first: list[Row], broken: SourceError | None, rows: Iterator[Row]) -> Iterator[Row]:
    yield from first
    first.clear()
    if broken:
        raise broken
    yield from rows


def require_rows(rows: Iterator[Row], source: str) -> Iterator[Row]:
    """Refuse a source without a single row.

    Raises:
        SourceError: there is none.
    """
    first = next(rows, None)
    if first is None:
        raise SourceError(f'{source} is empty; if that may be, say if_empty="ok"')
    yield first
    yield from rows


def require_blocks(blocks: Iterator[Block], source: str) -> Iterator[Block]:
    """Refuse a source without a single row.

    Raises:
        SourceError: there is none.
    """
    empty = True
    for block in blocks:
        empty = empty and not len(block)
        yield block
    if empty:
        raise SourceError(f'{source} is empty; if that may be, say if_empty="ok"')
