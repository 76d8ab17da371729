"""Rows from where they are: a list or any iterable, JSON lines, CSV, Parquet, gzip included.

Files are opened by a function that is handed in, so that a path may be local or on an object store. They
are read as a stream. A line that cannot be read becomes a row with a problem, and the rest is read on; a
file that cannot be read any further raises SourceError.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from typing import IO, Any, Self, cast

from airflow_profile_provider.blocks import Block, ColumnBlock
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.replaying import restored
from airflow_profile_provider.values import read_json

Open = Callable[[str, str], IO[bytes]]
"""Opens a path in a mode ("rb" or "wb")."""

BLOCK = 1000
FORMATS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")


def rows_of(records: Iterable[Any]) -> Iterator[Row]:
    """Number the records of an iterable, from 1."""
    for position, record in enumerate(records, 1):
        if isinstance(record, Mapping):
            yield Row(position, record)
        else:
            yield Row(
                position, None, problem=f"is {type(record).__name__}, not an object with key and fields"
            )


def rows_of_file(path: str, open_file: Open, columns: Iterable[str] | None = None) -> Iterator[Row]:
    """Read the rows of a file, by its name's ending.

    ``columns`` are those that the push needs; a table (CSV, Parquet) without one of them is refused.

    Raises:
        ConfigurationError: the name ends in none of FORMATS.
        SourceError: the file cannot be opened or read, or lacks a column.
    """
    lower = path.lower()
    if not lower.endswith(FORMATS):
        raise ConfigurationError(f"{path}: the name must end in one of {', '.join(FORMATS)}")
    wanted = None if columns is None else list(columns)
    try:
        with closing(open_file(path, "rb")) as raw:
            if lower.endswith(".parquet"):
                yield from _parquet(path, raw, wanted)
                return
            plain = _unzipped(lower, raw)
            if ".csv" in lower[-7:]:
                yield from _csv(path, plain, wanted)
            else:
                yield from _json_lines(plain)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {_words(error)}") from None


def _unzipped(path: str, raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if path.endswith(".gz") else raw


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _json_lines(lines: Iterable[bytes]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = read_json(line)
        except UnicodeDecodeError:
            yield Row(number, line.decode("utf-8", "replace"), problem="is not UTF-8; save the file so")
        except ValueError as error:
            where = f" (column {error.colno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
            yield Row(
                number, line.decode("utf-8", "replace"), problem=f"is not valid JSON{where}; mend the line"
            )
        except RecursionError:
            yield Row(number, line.decode("utf-8", "replace"), problem="is nested too deeply; flatten it")
        else:
            yield from _json_row(number, content)


def _json_row(number: int, content: Any) -> Iterator[Row]:
    if not isinstance(content, dict):
        yield Row(number, content, problem="is not a JSON object; a line holds one object")
    elif is_reject(content):
        types = content.pop("types", None)
        original, problem = restored(content.get("row", content), types)
        if not isinstance(original, dict):
            problem = "is still the line that could not be read; correct it"
        yield Row(number, original, text=content.get("text") is True, problem=problem)
    else:
        yield Row(number, content)


def is_reject(content: Mapping[str, Any]) -> bool:
    """Whether content is a line that a push wrote for an undelivered change."""
    return "verdict" in content and "position" in content and ("row" in content or "fields" in content)


def _csv(path: str, raw: IO[bytes], columns: list[str] | None) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)  # a cell may be large; whether a record is too large is judged later
    # Bytes that are no UTF-8 are kept as they are, so that one bad line spoils only itself.
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        require_named(path, columns, header)
        for cells in reader:
            if cells:
                yield _csv_row(reader.line_num, header, cells)
    except csv.Error as error:
        raise SourceError(
            f"{path}: line {reader.line_num} ends the table: {error}; mend the quoting"
        ) from None
    finally:
        text.detach()  # the file is closed by whoever opened it


def _csv_row(line: int, header: list[str], cells: list[str]) -> Row:
    content = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        return Row(
            line, content, True, f"has {len(cells)} cells where the header has {len(header)}; mend the line"
        )
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        shown = {name: cell.encode("utf-8", "replace").decode() for name, cell in content.items()}
        return Row(line, shown, True, "is not UTF-8; save the file so")
    return Row(line, content, text=True)


def _parquet(path: str, raw: IO[bytes], columns: list[str] | None) -> Iterator[Row]:
    for block in _parquet_blocks(path, raw, columns):
        yield from block.rows(range(len(block)))


def _parquet_blocks(path: str, raw: IO[bytes], columns: list[str] | None) -> Iterator[Block]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigurationError(
            f"{path}: reading Parquet needs pyarrow: pip install 'airflow-profile-provider[parquet]'"
        ) from None
    try:
        # Threads and reading ahead are no faster by the thousand rows, and take a hundred megabytes.
        table = pq.ParquetFile(raw, pre_buffer=False)
        require_named(path, columns, table.schema_arrow.names)
        position = 1
        for batch in table.iter_batches(batch_size=BLOCK, columns=columns, use_threads=False):
            yield ColumnBlock(position, columns or batch.schema.names, batch)
            position += batch.num_rows
    except pa.ArrowException as error:
        raise SourceError(f"{path} cannot be read as Parquet ({type(error).__name__})") from None


def blocks_of_file(path: str, open_file: Open, columns: list[str]) -> Iterator[Block] | None:
    """Read a file's rows by the thousand, or return None where it does not keep them so."""
    if not path.lower().endswith(".parquet"):
        return None
    return _opened_blocks(path, open_file, columns)


def _opened_blocks(path: str, open_file: Open, columns: list[str]) -> Iterator[Block]:
    try:
        with closing(open_file(path, "rb")) as raw:
            yield from _parquet_blocks(path, raw, columns)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {_words(error)}") from None


def require_named(path: str, columns: list[str] | None, found: Iterable[str]) -> None:
    """Refuse a table without one of the columns.

    Raises:
        SourceError: naming those that are missing and those that are there.
    """
    missing = [column for column in columns or () if column not in found]
    if missing:
        raise SourceError(f"{path} has no column {_quoted(missing)}; it has {_quoted(found)}")


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
    except (ImportError, OSError, ValueError):  # whoever reads the file says what is wrong with it
        return None
    return max(0, lines - 1) if lower.endswith(".csv") else lines


def require_columns(rows: Iterator[Row], columns: Collection[str], source: str) -> Iterator[Row]:
    """Refuse a source whose first records all lack a column: a misspelt one would never be sent.

    Raises:
        SourceError: naming the columns that are missing and those that are there.
    """
    first = list(islice(rows, 100))
    good = [row.content for row in first if not row.problem]
    found = dict.fromkeys(name for content in good for name in content)
    missing = [column for column in columns if column not in found]
    if missing and good and not any(is_reject(content) for content in good):
        raise SourceError(
            f"the first {len(first)} records of {source} have no column {_quoted(missing)}; they have "
            f"{_quoted(found)}"
        )
    return chain(first, rows)


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


class KeyFile:
    """The keys of a file, kept on disk so that memory does not grow with them."""

    def __init__(self, path: str, open_file: Open) -> None:
        self._keys = sqlite3.connect("")  # a temporary database of its own
        self._keys.execute("create table keys (key text primary key) without rowid")
        keys = ((key,) for key in keys_of_file(path, open_file))
        try:
            self._keys.executemany("insert or ignore into keys values (?)", keys)
        except SourceError:
            self.close()
            raise

    def __contains__(self, key: str) -> bool:
        return self._keys.execute("select 1 from keys where key = ?", (key,)).fetchone() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the keys."""
        self._keys.close()


def rows_only(rows: Iterable[Row], keys: KeyFile, column: str) -> Iterator[Row]:
    """Pass the rows whose column holds one of keys; those that could not be read pass, to be counted."""
    for row in rows:
        key = row.content.get(column) if isinstance(row.content, Mapping) and not row.problem else None
        if row.problem or (key is not None and str(key) in keys):
            yield row


def _quoted(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names)


def keys_of_file(path: str, open_file: Open) -> Iterator[str]:
    """Read a file of keys: a line each, bare, as a JSON string, or as an object with "key"."""
    try:
        with closing(open_file(path, "rb")) as raw:
            for number, line in enumerate(_unzipped(path.lower(), raw), 1):
                if text := line.decode().strip():
                    yield _key(path, number, text)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {_words(error)}") from None


def _key(path: str, number: int, text: str) -> str:
    if text[0] not in '{"':
        return text
    try:
        found = json.loads(text)
        return str(found["key"] if isinstance(found, dict) else found)
    except (ValueError, KeyError):
        raise SourceError(f"{path}: line {number} holds no key") from None
