"""Which share of a source a task pushes: a stable hash of the key decides, so no two tasks share a key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.records import Row

HASH_BYTES = 4
_WORD = 2**63
"""Databases' integers are below it."""
_ONE_SPELLING = re.compile(r"(?!\.{1,2}\Z)[!-/1-@\[-~][!-@\[-~]*").fullmatch


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
    """Whether a key belongs to share i of n; the same on every machine, in every version.

    The first four bytes of a SHA-256 decide, because PostgreSQL can tell them, too.
    """
    index, shares = share
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:HASH_BYTES], "big") % shares == index


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a mapped source, for sources that can leave out what is surely not in it.

    They leave out rows by the column ``key`` alone, and never the first row of all: whoever reads on decides
    about each row that is left, and must not take a share without rows for a source without any.
    """

    share: tuple[int, int]
    key: str

    def may_hold(self, value: Any) -> bool:
        """Whether a row with this key may be in the share; False only where it is surely in another one.

        That is sure of keys that have no other spelling: no capitals, blanks, leading zeros, or letters of
        other alphabets.
        """
        if type(value) is str:
            return not _ONE_SPELLING(value) or in_partition(value, self.share)
        return type(value) is not int or abs(value) >= _WORD or in_partition(str(value), self.share)


def rows_in_partition(
    rows: Iterable[Row], share: tuple[int, int], key_in: Callable[[Any], str | None]
) -> Iterator[Row]:
    """Pass the rows whose key, as ``key_in`` finds it in a row's content, belongs to the share.

    A row without a usable key goes by its content, so that exactly one share counts it: positions would not
    do, because a query may return its rows to each task in another order.
    """
    return (row for row in rows if is_in_share(row, share, key_in))


def is_in_share(row: Row, share: tuple[int, int], key_in: Callable[[Any], str | None]) -> bool:
    """Whether a row belongs to the share; see `rows_in_partition`."""
    key = None if row.problem else key_in(row.content)
    return in_partition(_text(row) if key is None else key, share)


def _text(row: Row) -> str:
    try:
        return re.sub(" at 0x[0-9a-fA-F]+", "", repr(row.content))  # each machine puts it somewhere else
    except Exception:  # noqa: BLE001 -- nested too deeply, more digits than Python writes, or what it likes
        return str(row.position)
