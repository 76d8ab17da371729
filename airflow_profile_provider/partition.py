"""Which share of a source a task pushes: a stable hash of the key decides, so no two tasks share a key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources import is_reject
from airflow_profile_provider.values import exact_key


def parse_partition(value: Any) -> tuple[int, int] | None:
    """Return a partition as (i, n), the share i of n counted from 0; None where there is none.

    Raises:
        ConfigurationError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, list | tuple) and [type(part) for part in value] == [int, int]:
        index, shares = value
        if 0 <= index < shares:
            return index, shares
    raise ConfigurationError(
        "partition must be (i, n), two whole numbers, i from 0 and below n: (0, 4) is the first share of four"
    )


def in_partition(key: str, share: tuple[int, int]) -> bool:
    """Whether a key belongs to share i of n; the same on every machine, in every version."""
    index, shares = share
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shares == index


def rows_in_partition(rows: Iterable[Row], share: tuple[int, int], column: str) -> Iterator[Row]:
    """Pass the rows whose key, in this column, belongs to the share.

    A row without a usable key goes by its content, so that exactly one share counts it: positions would not
    do, because a query may return its rows to each task in another order.
    """
    for row in rows:
        if in_partition(_key(row, column), share):
            yield row


def _key(row: Row, column: str) -> str:
    content = row.content
    if not row.problem and isinstance(content, Mapping):
        if is_reject(content) and "fields" in content:
            column = "key"
        try:
            return exact_key(content.get(column))
        except InvalidRecord:
            pass
    try:
        return repr(content)
    except (RecursionError, ValueError):  # nested too deeply, or more digits than Python writes
        return str(row.position)
