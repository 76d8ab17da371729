"""Rows of a table by the thousand: hashed as they are kept, and made into rows only where need be."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.values import single

if TYPE_CHECKING:
    import pyarrow as pa


class Block(Protocol):
    """Rows that follow each other, the first of them at ``position``."""

    position: int

    def __len__(self) -> int:
        """Return how many rows there are."""

    @property
    def kind(self) -> str:
        """What the same bytes mean the same row among: what shapes them beside the values."""

    def texts(self) -> list[bytes]:
        """Write each row as bytes; only equal rows are written alike."""

    def keys(self) -> list[Any]:
        """Return each row's first column."""

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all."""


class TupleBlock:
    """Rows as a database's driver hands them out: tuples of values, in the order of ``columns``."""

    kind = ""

    def __init__(self, position: int, columns: Sequence[str], values: Sequence[tuple[Any, ...]]) -> None:
        self.position = position
        self._columns = columns
        self._values = values

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._values)

    def texts(self) -> list[bytes]:
        """Write each row as bytes; only equal rows are written alike."""
        try:
            return [repr(row).encode("utf-8", "surrogatepass") for row in self._values]
        except (ValueError, RecursionError):
            return [as_text(row) for row in self._values]

    def keys(self) -> list[Any]:
        """Return each row's first column."""
        return [row[0] for row in self._values]

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all."""
        for index in indices:
            content = dict(zip(self._columns, self._values[index], strict=True))
            yield Row(self.position + index, content, fingerprint=prints[index] if prints else None)


class ColumnBlock:
    """Rows as a columnar file keeps them. Python sees the key, and those of the rows that are asked for."""

    def __init__(self, position: int, columns: Sequence[str], batch: pa.RecordBatch) -> None:
        self.position = position
        self._columns = columns
        self._batch = batch

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self._batch.num_rows)

    @cached_property
    def kind(self) -> str:
        """The columns' types: an integer is written as a text of its digits is."""
        return ", ".join(str(self._batch.column(name).type) for name in self._columns)

    def texts(self) -> list[bytes]:
        """Write each row as bytes: of each column the length, and the value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = []
        for name in self._columns:
            column = _as_bytes(self._batch.column(name))
            parts += [pc.binary_length(column).cast(pa.string()).cast(pa.large_binary()), column]
        space = pa.scalar(b" ", pa.large_binary())
        written: list[bytes] = pc.binary_join_element_wise(
            *parts, space, null_handling="replace", null_replacement=b"-"
        ).to_pylist()
        return written

    def keys(self) -> list[Any]:
        """Return each row's first column."""
        return self._values(self._batch, self._columns[0])

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all.

        Raises:
            SourceError: a column of text is none.
        """
        import pyarrow as pa

        taken = self._batch
        if len(indices) < len(self):
            taken = taken.take(pa.array(indices, pa.int64()))
        values = [self._values(taken, name) for name in self._columns]
        for index, row in zip(indices, zip(*values, strict=True), strict=True):
            content = dict(zip(self._columns, row, strict=True))
            yield Row(self.position + index, content, fingerprint=prints[index] if prints else None)

    @staticmethod
    def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
        try:
            column = batch.column(name)
            values: list[Any] = column.to_pylist()
            if reader := reader_of(column.type):
                values = [reader(value) for value in values]
        except UnicodeDecodeError:
            pass
        else:
            return values
        raise SourceError(f"column {name} holds text that is not UTF-8; write the file anew")


def reader_of(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """Return what makes a value of a type what it is to people, where Arrow does not: None elsewhere.

    A number of single precision keeps its own digits, and a map is an object, also inside others. A map with
    a key twice stays a list of pairs, which no field takes.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_float32(kind):
        return single
    if types.is_map(kind):
        of_item = reader_of(kind.item_type) or _itself
        return lambda value: (
            None if value is None else _as_object([(name, of_item(one)) for name, one in value])
        )
    if types.is_struct(kind):
        inner = {part.name: reader for part in kind if (reader := reader_of(part.type))}
        return (lambda value: value and _struct(value, inner)) if inner else None
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        reader = reader_of(kind.value_type)
        return (lambda value: value and [reader(one) for one in value]) if reader else None
    return None


def _itself(value: Any) -> Any:
    return value


def _as_object(pairs: list[tuple[Any, Any]]) -> Any:
    members = dict(pairs)
    return members if len(members) == len(pairs) else pairs


def _struct(value: dict[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {name: readers.get(name, _itself)(part) for name, part in value.items()}


def _as_bytes(column: pa.Array) -> pa.Array:
    """Write the values of a column as bytes, each in a way that no other value of its type is."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind):
        return column.cast(pa.large_binary())
    if types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        kind = pa.int32() if kind.bit_width == 32 else pa.int64()
        column = column.cast(kind)
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_float64(kind) or types.is_decimal(kind):
        return column.cast(pa.string()).cast(pa.large_binary())
    return pa.array(
        [None if value is None else as_text(value) for value in column.to_pylist()], pa.large_binary()
    )


def as_text(seen: Any) -> bytes:
    """Write values as bytes: equal ones alike, and others not."""
    try:
        return repr(seen).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # more digits than Python writes, or nested too deeply
        return secrets.token_bytes(16)  # like no other, so that it is planned, and refused
