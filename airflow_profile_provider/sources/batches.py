"""Rows of a table by the thousand: hashed as they are kept, and made into rows only where need be.

A value that Python cannot hold, or that is no text, costs its own row: that becomes one with a problem.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_profile_provider.records import ABSENT, Row
from airflow_profile_provider.sources.partition import Part

_MEASURED = 20
"""Of so many rows it is looked how large they are."""
READ_AT_ONCE = 200
"""Rows that were read one by one and are put together: no more are in memory than where they are not."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that cannot be read: what is wrong with it, and how the source writes it."""

    problem: str
    written: str

    def __str__(self) -> str:
        return self.written


class RowBatch(Protocol):
    """Rows that follow each other, the first of them at ``position``.

    ``text``: they come from a source without types, as `Row` has it.
    """

    position: int
    text: bool

    def __len__(self) -> int:
        """Return how many rows there are."""

    @property
    def size(self) -> int:
        """About how many bytes the rows take."""

    @property
    def positions(self) -> Sequence[int]:
        """Where each row is in the source."""

    @property
    def kind(self) -> str:
        """What the same bytes mean the same row among: what shapes them beside the values."""

    def texts(self) -> list[bytes]:
        """Write each row as bytes; only equal rows are written alike."""

    def keys(self) -> list[Any]:
        """Return each row's first column."""

    def values(self) -> dict[str, list[Any]] | None:
        """Return the values of all rows by column; None where one of them cannot be read.

        A row that has not the column has `ABSENT` there.
        """

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all."""


class TupleBatch:
    """Rows as a database's driver hands them out: tuples of values, in the order of ``columns``.

    ``places`` are the rows' positions, where some were left out between them.
    """

    kind = ""
    text = False

    def __init__(
        self,
        position: int,
        columns: Sequence[str],
        values: Sequence[tuple[Any, ...]],
        *,
        perhaps_unreadable: bool = False,
        places: Sequence[int] | None = None,
    ) -> None:
        self.position = position
        self._places = places
        self._columns = columns
        self._values = values
        self._perhaps_unreadable = perhaps_unreadable

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._values)

    @property
    def size(self) -> int:
        """About how many bytes the rows take."""
        return bytes_in(self._values, len(self))

    @property
    def positions(self) -> Sequence[int]:
        """Where each row is in the source."""
        return self._places or range(self.position, self.position + len(self))

    def texts(self) -> list[bytes]:
        """Write each row as bytes; only equal rows are written alike."""
        if self._perhaps_unreadable:
            return [secrets.token_bytes(16) if unreadable(row) else as_text(row) for row in self._values]
        try:
            return [repr(row).encode("utf-8", "surrogatepass") for row in self._values]
        except Exception:  # noqa: BLE001 -- see as_text
            return [as_text(row) for row in self._values]

    def keys(self) -> list[Any]:
        """Return each row's first column."""
        return [row[0] for row in self._values]

    def values(self) -> dict[str, list[Any]] | None:
        """Return the values of all rows by column; None where one of them cannot be read."""
        if self._perhaps_unreadable:
            return None
        return {name: [row[at] for row in self._values] for at, name in enumerate(self._columns)}

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all."""
        positions = self.positions
        for index in indices:
            content = dict(zip(self._columns, self._values[index], strict=True))
            own, position = prints[index] if prints else None, positions[index]
            if self._perhaps_unreadable and any(map(unreadable, self._values[index])):
                yield odd_row(position, content, own)
            else:
                yield Row(position, content, fingerprint=own)


class ReadBatch:
    """Rows that were read one by one; ``columns`` are those that count, the first of them the key's."""

    kind = ""

    def __init__(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        self.position = rows[0].position
        self.text = rows[0].text
        self._rows = rows
        self._columns = columns
        self._is_plain = list(map(_is_plain, rows))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    @property
    def size(self) -> int:
        """About how many bytes the rows take."""
        some = [row.content for row in self._rows[:_MEASURED]]
        return bytes_in([one.values() if type(one) is dict else (one,) for one in some], len(self))

    @property
    def positions(self) -> Sequence[int]:
        """Where each row is in the source."""
        return [row.position for row in self._rows]

    def texts(self) -> list[bytes]:
        """Write each row as bytes, as it is written by itself; an odd one as no other is."""
        columns = self._columns
        return [
            as_text(tuple([row.content.get(name) for name in columns])) if plain else secrets.token_bytes(16)
            for row, plain in zip(self._rows, self._is_plain, strict=True)
        ]

    def keys(self) -> list[Any]:
        """Return each row's key, and none of an odd one."""
        key = self._columns[0]
        return [
            row.content.get(key) if plain else None
            for row, plain in zip(self._rows, self._is_plain, strict=True)
        ]

    def values(self) -> dict[str, list[Any]] | None:
        """Return the values of all rows by column; an odd one has none."""
        contents = [
            row.content if plain else {} for row, plain in zip(self._rows, self._is_plain, strict=True)
        ]
        return {name: [content.get(name, ABSENT) for content in contents] for name in self._columns}

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints, but for odd ones: theirs say nothing."""
        for index in indices:
            row = self._rows[index]
            yield row._replace(fingerprint=prints[index]) if prints and self._is_plain[index] else row


def bytes_in(rows: Sequence[Collection[Any]], number: int) -> int:
    """Return about how many bytes so many rows take, by the texts in the first few."""
    some = rows[:_MEASURED]
    texts = sum(len(value) for row in some for value in row if isinstance(value, str | bytes))
    return texts * number // max(1, len(some))


def _is_plain(row: Row) -> bool:
    """Whether nothing is odd about a row that was read: it has columns, and was not written by a push."""
    content = row.content
    odd = row.problem or row.replayed or row.verdict or row.refused
    return not odd and type(content) is dict and "verdict" not in content


def batches_of(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[ReadBatch]:
    """Put rows together; those of a source without types apart from others.

    Where the source breaks, what it gave before comes first.
    """
    together: list[Row] = []
    try:
        for row in rows:
            if together and (len(together) >= READ_AT_ONCE or row.text != together[0].text):
                yield ReadBatch(together, columns)
                together = []
            together.append(row)
    except Exception:
        if together:
            yield ReadBatch(together, columns)
        raise
    if together:
        yield ReadBatch(together, columns)


def taken_of(block: RowBatch, part: Part | None) -> Sequence[int]:
    """Return which rows of a batch may be in a share; the first and the last are handed out always.

    So a source with rows never seems to have none, and positions go on from the last one.
    """
    if part is None:
        return range(len(block))
    last = len(block) - 1
    return [at for at, key in enumerate(block.keys()) if at in (0, last) or part.may_hold(key)]


def odd_row(position: int, content: dict[str, Any], fingerprint: bytes | None) -> Row:
    name, value = next((name, found) for name, value in content.items() if (found := unreadable(value)))
    return Row(position, content, problem=f"column {name}: {value.problem}", fingerprint=fingerprint)


def unreadable(value: Any) -> Unreadable | None:
    """Return the unreadable value that a value is, or holds, if so."""
    if isinstance(value, Unreadable):
        return value
    if isinstance(value, list | tuple):
        return next((found for item in value if (found := unreadable(item))), None)
    return None


def as_text(seen: Any) -> bytes:
    """Write values as bytes: equal ones alike, and others not."""
    try:
        return repr(seen).encode("utf-8", "surrogatepass")
    except Exception:  # noqa: BLE001 -- more digits than Python writes, nested too deeply, or what it likes
        return secrets.token_bytes(16)  # like no other, so that it is planned, and refused
