"""Nulls: what stands for one in a table, and those inside of arrays and objects."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.errors import InvalidRecord


def is_null(value: Any) -> bool:
    """Whether value is null: None, or what tables put in its place (NaN, NaT, NA)."""
    if type(value) is str:  # as most are: the types below are put together anew each time
        return False
    if value is None or isinstance(value, str | int | list | dict):
        return value is None
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # NA refuses to be a truth value; an array has many
        return type(value).__name__ == "NAType"
    except ArithmeticError:  # a signalling NaN refuses to be compared
        return True
    except Exception:  # noqa: BLE001 -- an object of any class may; it is no null, and no value either
        return False


def holds_null(value: dict[str, Any] | list[Any]) -> bool:
    """Whether there is a null inside an array or an object, however deep."""
    items = value.values() if isinstance(value, dict) else value
    return any(item is None or (isinstance(item, dict | list) and holds_null(item)) for item in items)


def without_nulls(value: Any) -> Any:
    """Return an array or object without its members that are null; None where nothing is left of it.

    Raises:
        InvalidRecord: an array holds null, which cannot be left out of it.
    """
    if isinstance(value, list):
        if None in value:
            raise InvalidRecord("holds an array with null in it, which cannot be left out; take it out")
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict) or not value:
        return value
    left = {name: without_nulls(item) for name, item in value.items() if item is not None}
    return {name: item for name, item in left.items() if item is not None} or None
