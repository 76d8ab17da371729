"""Rows of pandas' data frames: columns with a type as Arrow has them, columns of objects as they are.

A column of objects holds what Python holds: texts in some versions, but also objects, lists or numbers of any
size. Arrow would make one type of them, and so give each object the members of all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.sources.batches import RowBatch, TupleBatch
from airflow_profile_provider.sources.parquet import ROWS_AT_ONCE, ColumnBatch
from airflow_profile_provider.sources.reading import require_named
from airflow_profile_provider.values.native import single, unwrapped

if TYPE_CHECKING:
    import pyarrow as pa


def is_pandas(frame: Any) -> bool:
    """Whether a frame is one of pandas, or of a class made from it."""
    return any(
        (one.__module__.partition(".")[0], one.__name__) == ("pandas", "DataFrame")
        for one in type(frame).__mro__
    )


def batches_of_pandas(name: str, frame: Any, columns: Sequence[str] | None) -> Iterator[RowBatch]:
    """Read the rows of a frame; an index that has a name is a column, too, where the push may need it.

    Raises:
        SourceError: it lacks a column, or has it twice.
    """
    if levels := [
        level
        for level in frame.index.names
        if (level in columns if columns is not None else level is not None) and level not in frame.columns
    ]:
        frame = frame.reset_index(level=levels)
    require_named(name, columns, list(frame.columns))
    names = list(frame.columns) if columns is None else list(columns)
    frame = frame[names]
    typed = _arrow() is not None and all(map(_has_a_type, frame.dtypes))
    for start in range(0, len(frame), ROWS_AT_ONCE):
        piece = frame.iloc[start : start + ROWS_AT_ONCE]
        if typed:
            yield _columns(start + 1, names, piece)
        else:
            rows = zip(*[_cells(piece[name]) for name in names], strict=True)
            yield TupleBatch(start + 1, names, list(rows))


def _cells(column: Any) -> list[Any]:
    """Return a column's values; pandas hands single precision out as double, with digits of nobody."""
    kind = str(getattr(column.dtype, "categories", column).dtype).lower()
    if kind in {"float32", "float[pyarrow]"}:
        return [single(value) if isinstance(value, float) else value for value in column]
    return list(map(_whole, column))


def _whole(value: Any) -> Any:
    """Return a value with lists for arrays: how an array is written in short is that of others, too."""
    if value is None or isinstance(value, str | int | float):
        return value
    try:
        return _with_lists(value)
    except (InvalidRecord, RecursionError):  # whoever makes a change of it says what is wrong
        return value


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_lists(part) for name, part in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(map(_with_lists, value))
    if hasattr(value, "tolist") and getattr(value, "shape", ()) != ():
        return [_with_lists(unwrapped(part)) for part in value]
    return value


def _arrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:  # then its values are read one by one
        return None
    return pa


def _columns(position: int, names: Sequence[str], piece: Any) -> ColumnBatch:
    import pyarrow as pa

    arrays = [_array(pa.array(piece[name], from_pandas=True)) for name in names]
    return ColumnBatch(position, names, pa.record_batch(arrays, names=list(names)))


def _array(column: Any) -> pa.Array:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def _has_a_type(dtype: Any) -> bool:
    """Whether a column's values are of one type that Arrow has, and means by it what pandas does."""
    name = str(dtype)
    if name == "category":
        return _has_a_type(dtype.categories.dtype)
    if name.startswith(("Sparse", "float16", "period", "interval")):
        return False
    return dtype.kind in "biufmM" or name == "str" or name.startswith("string") or name.endswith("[pyarrow]")
