"""Rows of any iterable, and what a source must have: the columns that a push needs, and a row at least."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_profile_provider.errors import ProfileError, SourceError
from airflow_profile_provider.records import Row, is_reject
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.sources.reading import of_columns, quoted


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
    if isinstance(record, os.PathLike):
        return Row(position, None, problem="is a path, not a record; give the paths as a list")
    if not isinstance(record, Mapping):
        kind = type(record).__name__
        return Row(position, None, problem=f"is {kind}, not an object with key and fields")
    try:
        return Row(position, dict(record))
    except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
        return Row(position, None, problem=f"cannot be read ({type(error).__name__}); give plain dicts")


def continued(
    sources: Iterable[Iterable[Row]], passed: int = 0, begin: Callable[[int], object] = lambda before: None
) -> Iterator[Row]:
    """Read sources one after the other; positions go on from ``passed``, and from one to the next.

    ``begin`` hears, as each of them begins, how far they are.
    """
    for rows in sources:
        before = passed
        begin(before)
        for row in rows:
            passed = before + row.position
            yield row._replace(position=passed) if before else row


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
        raise SourceError(f'{source} is empty; if that is fine, set if_empty="ok"')
    yield first
    yield from rows


def require_blocks(blocks: Iterator[RowBatch], source: str) -> Iterator[RowBatch]:
    """Refuse a source without a single row.

    Raises:
        SourceError: there is none.
    """
    empty = True
    for block in blocks:
        empty = empty and not len(block)
        yield block
    if empty:
        raise SourceError(f'{source} is empty; if that is fine, set if_empty="ok"')
