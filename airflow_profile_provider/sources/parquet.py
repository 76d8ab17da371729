"""Rows of a Parquet file, as Arrow hands them out: column by column, a thousand rows at once.

A value that Python cannot hold, or that is no text, costs its own row: that becomes one with a problem.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import Unreadable, as_text, odd_row, unreadable
from airflow_profile_provider.sources.reading import named, require_named
from airflow_profile_provider.values import single

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 1000
"""How many rows are read at once: enough that what each call to Arrow costs hardly shows."""

BYTES_AT_ONCE = 64_000_000
"""How large those rows may be together, as far as the file says so; larger ones are read by fewer."""


class ColumnBatch:
    """Rows as a columnar file keeps them. Python sees the key, and those of the rows that are asked for."""

    text = False

    def __init__(self, position: int, columns: Sequence[str], batch: pa.RecordBatch) -> None:
        self.position = position
        self._columns = columns
        self._batch = batch

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self._batch.num_rows)

    @property
    def size(self) -> int:
        """About how many bytes the rows take."""
        return int(self._batch.nbytes)

    @property
    def positions(self) -> Sequence[int]:
        """Where each row is in the source."""
        return range(self.position, self.position + len(self))

    @property
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
        return values_of(self._batch.column(self._columns[0]))[0]

    def values(self) -> dict[str, list[Any]] | None:
        """Return the values of all rows by column; None where one of them cannot be read."""
        columns = {name: values_of(self._batch.column(name)) for name in self._columns}
        if any(is_odd for _, is_odd in columns.values()):
            return None
        return {name: values for name, (values, _) in columns.items()}

    def rows(self, indices: Sequence[int], prints: Sequence[bytes] = ()) -> Iterator[Row]:
        """Return some of the rows, with their fingerprints out of those of all."""
        import pyarrow as pa

        taken = self._batch
        if len(indices) < len(self):
            taken = taken.take(pa.array(indices, pa.int64()))
        columns = [values_of(taken.column(name)) for name in self._columns]
        is_odd = any(odd for _, odd in columns)
        rows = zip(*[values for values, _ in columns], strict=True)
        for index, row in zip(indices, rows, strict=True):
            content = dict(zip(self._columns, row, strict=True))
            own = prints[index] if prints else None
            if is_odd and any(map(unreadable, row)):
                yield odd_row(self.position + index, content, own)
            else:
                yield Row(self.position + index, content, fingerprint=own)


def batches_of_parquet(path: str, raw: IO[bytes], columns: Sequence[str] | None) -> Iterator[ColumnBatch]:
    """Read the rows of a file that is open; ``columns`` are those that the push needs, None: all.

    Raises:
        ConfigurationError: pyarrow is not installed.
        SourceError: it is no Parquet, cannot be read any further, or lacks a column.
    """
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
            yield ColumnBatch(position, columns or batch.schema.names, batch)
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
    return int(min(ROWS_AT_ONCE, max(1, BYTES_AT_ONCE / max(1, *sizes, 1))))


def values_of(column: pa.Array) -> tuple[list[Any], bool]:
    """Return a column's values, moments to the microsecond, and whether any of them cannot be read."""
    import pyarrow as pa

    if kind := _read_as(column.type):
        column = column.cast(kind, safe=False)
    is_odd = False
    try:
        values = column.to_pylist()
    except (ValueError, OverflowError, LookupError, pa.ArrowException):
        values, is_odd = [_value_of(value) for value in column], True
    if reader := reader_of(column.type):
        values = [value if isinstance(value, Unreadable) else reader(value) for value in values]
    return values, is_odd


def _value_of(value: pa.Scalar) -> Any:
    import pyarrow as pa

    try:
        return value.as_py()
    except UnicodeDecodeError:
        written = value.cast(pa.binary()).as_py() if pa.types.is_string(value.type) else b""
        return Unreadable("holds text that is not UTF-8; write it so", written.decode("utf-8", "replace"))
    except OverflowError:
        return Unreadable("holds a date outside of the years 1 to 9999; correct it", _written(value))
    except (ValueError, LookupError, pa.ArrowException):
        return Unreadable(f"holds a {value.type} that cannot be read; write it as text", _written(value))


def _written(value: pa.Scalar) -> str:
    """Write a moment that Python does not have: how many units there are since 1970."""
    return f"{getattr(value, 'value', '')} {value.type}".strip()


@cache
def _read_as(kind: pa.DataType) -> pa.DataType | None:
    """Return the type that values of one are read as, for Python has no nanoseconds; None: as they are."""
    import pyarrow as pa

    def to_microseconds(leaf: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(leaf) and leaf.unit == "ns":
            return pa.timestamp("us", leaf.tz)
        if pa.types.is_time64(leaf) and leaf.unit == "ns":
            return pa.time64("us")
        if pa.types.is_duration(leaf) and leaf.unit == "ns":
            return pa.duration("us")
        return leaf

    read = mapped_type(kind, to_microseconds)
    return None if read == kind else read


def mapped_type(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with each type within it replaced by what ``leaf`` makes of it."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return mapped_type(kind.value_type, leaf)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        item = kind.value_field.with_type(mapped_type(kind.value_type, leaf))
        if types.is_fixed_size_list(kind):
            return pa.list_(item, kind.list_size)
        return pa.large_list(item) if types.is_large_list(kind) else pa.list_(item)
    if types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return pa.struct([field.with_type(mapped_type(field.type, leaf)) for field in fields])
    if types.is_map(kind):
        return pa.map_(mapped_type(kind.key_type, leaf), mapped_type(kind.item_type, leaf))
    return leaf(kind)


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
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return column.cast(pa.large_binary())
    if types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        kind = pa.int32() if kind.bit_width == 32 else pa.int64()
        column = column.cast(kind)
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_float64(kind) or types.is_decimal(kind):
        return column.cast(pa.string()).cast(pa.large_binary())
    return pa.array(
        [
            None if value is None else secrets.token_bytes(16) if unreadable(value) else as_text(value)
            for value in values_of(column)[0]
        ],
        pa.large_binary(),
    )
