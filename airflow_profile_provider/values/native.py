"""Values of other libraries in Python's own types: numpy's scalars and arrays, single precision."""

from __future__ import annotations

import math
import struct
from datetime import date, datetime, time
from typing import Any

from airflow_profile_provider.errors import InvalidRecord

_SINGLE = struct.Struct("f")
_FINER = ("ns]", "ps]", "fs]", "as]")
"""Units of moments that are shorter than Python's."""


class Single(float):
    """A number that was kept in single precision."""

    __slots__ = ()


def unwrapped(value: Any) -> Any:
    """Return a numpy scalar or array in Python's own types, without importing numpy; others as they are.

    A single-precision number keeps its own digits (0.1, not 0.10000000149011612), and a moment is never an
    integer of nanoseconds: those are cut to microseconds, as Parquet's are.
    """
    if isinstance(value, str | int | float) or not hasattr(value, "tolist"):
        return value
    if getattr(value, "shape", ()) != ():
        return [unwrapped(item) for item in value]
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "f" and value.dtype.itemsize == 4:
        return single(float(value))
    if kind == "M":
        return _moment(value)
    if kind == "m":
        raise InvalidRecord("a duration cannot be written as JSON; convert it first")
    return value.tolist()


def single(value: float | None) -> Single | None:
    """Return a number of single precision with the digits that it was written with: 0.1, not 0.100000001…"""
    if value is None:
        return None
    number = float(value)
    if math.isfinite(number):
        for digits in range(6, 10):
            found = float(f"{number:.{digits}g}")
            if _as_single(found) == number:
                return Single(found)
    return Single(number)


def _as_single(value: float) -> float | None:
    try:
        found: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return None
    return found


def _moment(value: Any) -> Any:
    found = value.tolist()
    if isinstance(found, int) and value.dtype.name.endswith(_FINER):
        found = value.astype("datetime64[us]").tolist()
    if isinstance(found, int):
        raise InvalidRecord("is no date of the years 1 to 9999; correct it")
    return found


def in_microseconds(value: datetime | date | time) -> datetime | date | time:
    """Return a moment as Python has them: pandas' own have nanoseconds, which are cut."""
    if not getattr(value, "nanosecond", 0):
        return value
    cut: datetime = value.to_pydatetime(warn=False)  # type: ignore[union-attr]
    return cut
