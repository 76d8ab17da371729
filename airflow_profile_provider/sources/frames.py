"""Rows of data frames and tables, whoever made them: pandas, Polars, DuckDB, Arrow and others.

Columns are taken as Arrow hands them over, a thousand rows at once, and their values are read as those of a
Parquet file are. A table that is in memory may be read as often as one likes; a stream is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError, ProfileError, SourceError
from airflow_profile_provider.options import TABLES
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import RowBatch, taken_of
from airflow_profile_provider.sources.pandas_frames import batches_of_pandas, is_pandas
from airflow_profile_provider.sources.parquet import BYTES_AT_ONCE, ROWS_AT_ONCE, ColumnBatch, mapped_type
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.reading import require_named
from airflow_profile_provider.sources.source import Source, Wanted, id_of

if TYPE_CHECKING:
    import pyarrow as pa


def is_frame(records: Any) -> bool:
    """Whether records is a table that hands its columns over."""
    return any(hasattr(type(records), name) for name in TABLES)


class FrameSource(Source):
    """The rows of a data frame or table."""

    if_empty = "ok"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.name = f"the {type(frame).__name__}"
        self._was_read = False

    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        for batch in self._read(columns):
            yield from batch.rows(taken_of(batch, part))

    def _batches(self, columns: list[str]) -> Iterator[RowBatch] | None:
        return self._read(columns) if self._is_held else None  # rows are being read of a stream already

    def _read(self, columns: Sequence[str] | None) -> Iterator[RowBatch]:
        """Read the rows by the thousand.

        Raises:
            ConfigurationError: pyarrow is not installed, or it is one column and no table.
            SourceError: it lacks a column, or cannot be read.
        """
        if self._was_read and not self._is_held:
            raise SourceError(f"{self.name} was read before, and is a stream: give a table")
        self._was_read = True
        columns = None if columns is None else list(dict.fromkeys(columns))
        try:
            if is_pandas(self._frame):
                yield from batches_of_pandas(self.name, self._frame, columns)
            else:
                yield from batches_of_stream(self.name, self._frame, columns)
        except ImportError:
            raise ConfigurationError(
                f"{self.name}: reading a table needs pyarrow: pip install 'airflow-profile-provider[parquet]'"
            ) from None
        except ProfileError:
            raise
        except Exception as error:  # noqa: BLE001 -- each library has its own; their words may hold values
            raise SourceError(
                f"{self.name} cannot be read ({type(error).__name__}): cast its columns, or give dicts"
            ) from None

    @property
    def _is_held(self) -> bool:
        return self.count() is not None

    def require_rereading(self, why: str) -> None:
        """Refuse a stream.

        Raises:
            ConfigurationError: saying ``why`` records must be read twice.
        """
        if not self._is_held:
            raise ConfigurationError(f"{why}, and {self.name} is a stream: give a table, a path or a query")

    def count(self) -> int | None:
        """Return how many rows a table in memory has; None: it is a stream, or a query."""
        if is_pandas(self._frame):
            return len(self._frame)
        for name in _HEIGHTS:
            found = getattr(self._frame, name, None) if hasattr(type(self._frame), name) else None
            if isinstance(found, int):
                return found
        return None

    def source_id(self, options: Mapping[str, Any]) -> str | None:
        """Return what changes with the content of a table, or with the options; None where it is a stream."""
        if not self._is_held:
            return None
        try:
            batches = self._read(None)
            return id_of(
                options, (part for batch in batches for part in (batch.kind.encode(), *batch.texts()))
            )
        except ProfileError:
            return None


_COLUMNS = frozenset({"Series", "ChunkedArray"})
"""Single columns: of dicts, Arrow would give each of them the members of all others."""
_HEIGHTS = ("num_rows", "height")
"""How Arrow and Polars call the number of rows that they hold; a stream or a query has neither."""


def batches_of_stream(name: str, frame: Any, columns: Sequence[str] | None) -> Iterator[ColumnBatch]:
    """Read the rows of what hands Arrow's columns over."""
    import pyarrow as pa

    reader = _reader_of(name, frame, columns)
    require_named(name, columns, reader.schema.names)
    if _is_of("polars", frame):
        _refuse_pointers(name, reader.schema)
    position = 1
    try:
        for whole in reader:
            found = whole if columns is None else whole.select(columns)
            for batch in _pieces(_without_views(found)):
                yield ColumnBatch(position, batch.schema.names, batch)
                position += batch.num_rows
    except pa.ArrowException as error:
        raise SourceError(
            f"{name} cannot be read after {position - 1:,} rows ({type(error).__name__})"
        ) from None


def _reader_of(name: str, frame: Any, columns: Sequence[str] | None) -> Any:
    import pyarrow as pa

    one_column = ConfigurationError(
        f"records is one column ({type(frame).__name__}), not a table: give the data frame, or a list of "
        "dicts"
    )
    if type(frame).__name__ in _COLUMNS:
        raise one_column
    try:
        if not hasattr(type(frame), "__arrow_c_stream__"):
            return _interchanged(frame, columns).to_reader()
        if _is_of("polars", frame) and columns is not None and hasattr(type(frame), "columns"):
            require_named(name, columns, frame.columns)
            frame = frame.select(columns)  # the others may be of a type that only Polars has
        return pa.RecordBatchReader.from_stream(frame)
    except pa.ArrowInvalid as error:
        if "non-struct" in str(error):
            raise one_column from None
        raise SourceError(
            f"{name} has a column of a type that Arrow does not read: cast it, to text say"
        ) from None


def _is_of(library: str, frame: Any) -> bool:
    return type(frame).__module__.partition(".")[0] == library


def _interchanged(frame: Any, columns: Sequence[str] | None) -> pa.Table:
    """Take a table over by the older protocol."""
    from pyarrow.interchange import from_dataframe

    exchanged = frame.__dataframe__()
    if columns is not None and set(columns) <= set(names := list(exchanged.column_names())):
        require_named("the table", columns, names)
        exchanged = exchanged.select_columns_by_name(list(columns))
    return from_dataframe(exchanged)


def _refuse_pointers(name: str, schema: pa.Schema) -> None:
    """Refuse Polars' columns of objects, which are handed over as where those are in memory."""
    import pyarrow as pa

    if pointers := [field.name for field in schema if field.type == pa.binary(8)]:
        raise SourceError(f"{name}: column {pointers[0]!r} holds Python's objects: cast it, to text say")


def _without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without the newest types of text and bytes, of which Arrow cannot take every value."""
    import pyarrow as pa

    arrays = list(map(_without_view, batch.columns))
    is_same = [array.type for array in arrays] == batch.schema.types
    return batch if is_same else pa.record_batch(arrays, names=batch.schema.names)


def _without_view(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    def older(leaf: pa.DataType) -> pa.DataType:
        newer = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
        return newer.get(leaf, leaf)

    kind = column.type
    if pa.types.is_dictionary(kind):
        if (values := older(kind.value_type)) == kind.value_type:
            return column
        return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(values))
    wanted = mapped_type(kind, older)
    return column if wanted == kind else column.cast(wanted)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of a thousand rows, or of fewer where they are large."""
    rows = batch.num_rows
    if not rows:
        return
    size = int(min(ROWS_AT_ONCE, max(1, BYTES_AT_ONCE * rows / max(1, batch.nbytes))))
    for start in range(0, rows, size):
        yield batch.slice(start, size)
