"""Rows of files: JSON lines, arrays in JSON, CSV, Parquet, compressed or not.

Files are opened by a function that is handed in, so that a path may be local or on an object store. They
are read as a stream. A line that cannot be read becomes a row with a problem, and the rest is read on; a
file that cannot be read any further raises SourceError. Several files may be the parts of one source.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import RowBatch, taken_of
from airflow_profile_provider.sources.csv_rows import rows_of_csv
from airflow_profile_provider.sources.json_array import rows_of_json
from airflow_profile_provider.sources.json_rows import rows_of_json_lines
from airflow_profile_provider.sources.lines import utf8_of
from airflow_profile_provider.sources.packing import PACKINGS, bare, packing_of, unpacked
from airflow_profile_provider.sources.parquet import batches_of_parquet
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.reading import Open, PartsOf, Reading, named, source_errors
from airflow_profile_provider.sources.rows import continued
from airflow_profile_provider.sources.source import Source, Wanted, id_of

_TEXT = (".jsonl", ".ndjson", ".json", ".csv")
FORMATS = (*_TEXT, *(text + packing for text in _TEXT for packing in PACKINGS), ".parquet")
"""Endings of the files that can be read."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How files are reached: what opens one, lists those that a path stands for, and tells its state.

    The state of a file is a text that changes when the file does; None where the storage has none.
    """

    open: Open
    parts_of: PartsOf
    state_of: Callable[[str], str | None]


class FileSource(Source):
    """The rows of files, one after the other; each path is a file's, a folder's or a pattern."""

    def __init__(self, paths: Sequence[str], storage: Storage, reading: Reading) -> None:
        self.name = named(paths[0]) if len(paths) == 1 else f"the {len(paths)} paths"
        self._paths = paths
        self._storage = storage
        self._reading = reading
        self._begins: list[int] = []

    @cached_property
    def _found(self) -> dict[str, list[str]]:
        """The files of each path; one that stands there twice is read once, where it comes first."""
        return {path: list(self._storage.parts_of(path)) for path in self._paths}

    @cached_property
    def _parts(self) -> list[str]:
        return list(dict.fromkeys(part for parts in self._found.values() for part in parts))

    def rows(
        self, wanted: Wanted, only_key: str | None, if_empty: str | None, part: Part | None = None
    ) -> Iterator[Row]:
        """Read the rows; ``only_key`` is a column that is needed beside those of the mapping.

        Raises:
            SourceError: as `Source.rows`, or a path stands for no file and ``if_empty`` is "fail".
        """
        for path, parts in self._found.items() if if_empty != "ok" else ():
            if not parts:
                raise SourceError(
                    f'{named(path)} holds or matches no file to read; if that is fine, set if_empty="ok"'
                )
        return super().rows(wanted, only_key, if_empty, part)

    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        how = replace(self._reading, columns=columns)
        return rows_of_parts(self._parts, self._storage.open, how, self._note(), part)

    def _batches(self, columns: list[str]) -> Iterator[RowBatch] | None:
        return blocks_of_parts(self._parts, self._storage.open, columns, self._note())

    def _note(self) -> Callable[[int], object]:
        """Return what hears, of each part as it begins, how far the positions are."""
        index = count()

        def begin(before: int) -> None:
            if next(index) == len(self._begins):  # not known by another reading
                self._begins.append(before)

        return begin

    def place_of(self, position: int) -> str:
        """Return a position as file and line, where there are several files."""
        if len(self._parts) < 2 or not self._begins:
            return ""
        part = max(0, bisect_left(self._begins, position) - 1)
        return f"{named(self._parts[part])}:{position - self._begins[part]}"

    def count(self) -> int | None:
        """Return about how many rows the files have; None where they must be read whole to tell."""
        return count_of_parts(self._parts, self._storage.open, self._reading)

    def source_id(self, options: Mapping[str, Any]) -> str | None:
        """Return what changes with any of the files, or with the options; None where one has no state."""
        try:
            states = [self._storage.state_of(part) for part in self._parts]
        except SourceError:
            return None
        if None in states:
            return None
        return id_of(options, (str(state).encode("utf-8", "surrogateescape") for state in states))


def rows_of_file(
    path: str, open_file: Open, how: Reading | None = None, part: Part | None = None
) -> Iterator[Row]:
    """Read the rows of a file, by its name's ending; of Parquet only those that may be in ``part``.

    A table (CSV, Parquet) without one of the columns that are needed, or with one of them twice, is refused.

    Raises:
        ConfigurationError: the name ends in none of FORMATS.
        SourceError: the file cannot be opened or read, or lacks a column.
    """
    how = how or Reading()
    require_format(path)
    name = bare(path)
    with source_errors(path), closing(open_file(path, "rb")) as raw:
        if name.endswith(".parquet"):
            for block in batches_of_parquet(path, raw, how.columns):
                yield from block.rows(taken_of(block, part))
        elif name.endswith(".csv"):
            yield from rows_of_csv(path, unpacked(path, raw), how)
        elif name.endswith(".json"):
            yield from rows_of_json(named(path), utf8_of(unpacked(path, raw)), how)
        else:
            yield from rows_of_json_lines(utf8_of(unpacked(path, raw)), how)


def rows_of_parts(
    paths: Iterable[str],
    open_file: Open,
    how: Reading | None = None,
    begin: Callable[[int], object] = lambda before: None,
    part: Part | None = None,
) -> Iterator[Row]:
    """Read the rows of several files as those of one; positions go on from one to the next.

    ``begin`` hears, as each of them begins, how far they are.
    """
    return continued((rows_of_file(path, open_file, how, part) for path in paths), begin=begin)


def require_format(path: str) -> None:
    """Refuse a file that cannot be read by its name.

    Raises:
        ConfigurationError: naming the endings that can.
    """
    if not path.lower().endswith(FORMATS):
        shown = named(path)
        shown = shown if " " not in shown else "records"
        raise ConfigurationError(
            f"{shown}: the name must end in one of {', '.join(_TEXT)} (or in one of these and "
            f"{', '.join(PACKINGS)}) and .parquet, or be that of a folder"
        )


def blocks_of_parts(
    paths: Sequence[str],
    open_file: Open,
    columns: list[str],
    begin: Callable[[int], object] = lambda before: None,
) -> Iterator[RowBatch] | None:
    """Read files' rows by the thousand, or return None where one of them does not keep them so."""
    if not all(path.lower().endswith(".parquet") for path in paths):
        return None
    return _opened_blocks(paths, open_file, columns, begin)


def _opened_blocks(
    paths: Sequence[str], open_file: Open, columns: list[str], begin: Callable[[int], object]
) -> Iterator[RowBatch]:
    before = 0
    for path in paths:
        begin(before)
        with source_errors(path), closing(open_file(path, "rb")) as raw:
            passed = before
            for block in batches_of_parquet(path, raw, columns):
                block.position += before
                passed += len(block)
                yield block
        before = passed


def count_of_parts(paths: Iterable[str], open_file: Open, how: Reading) -> int | None:
    """Return about how many rows files have, or None where that cannot be told without reading them whole."""
    counts = [count_of_file(path, open_file, how) for path in paths]
    return sum(count or 0 for count in counts) if None not in counts else None


def count_of_file(path: str, open_file: Open, how: Reading) -> int | None:
    """Return about how many rows a file has, or None where that cannot be told without reading it whole.

    Parquet says so; the lines of a local, uncompressed file are counted.
    """
    lower = path.lower()
    try:
        if lower.endswith(".parquet"):
            import pyarrow.parquet as pq

            with closing(open_file(path, "rb")) as raw:
                return int(pq.ParquetFile(raw).metadata.num_rows)
        if "://" in path or packing_of(path):
            return None
        with closing(open_file(path, "rb")) as raw:
            first = raw.read(1 << 20)
            if lower.endswith(".json") and first.lstrip().startswith(b"["):
                return None
            lines = first.count(b"\n")
            lines += sum(piece.count(b"\n") for piece in iter(lambda: raw.read(1 << 20), b""))
    except Exception:  # noqa: BLE001 -- whoever reads the file says what is wrong with it
        return None
    return max(0, lines - 1) if lower.endswith(".csv") and not how.csv.header else lines
