"""The version of a change: an integer or an instant, as a source writes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values import in_microseconds, integer, is_null, unwrapped


def version_from_text(cell: str) -> int | str | None:
    """Read a cell of a source without types; an empty one is none, and what is no integer stays a text."""
    whole = _whole(cell)
    return cell or None if whole is None else whole


def version_of(value: Any) -> int | str | None:
    """Return a version that orders the changes of a key; None where there is none.

    Raises:
        InvalidRecord: it is neither an integer nor an ISO-8601 instant.
    """
    if is_null(value):
        return None
    value = unwrapped(value)
    if isinstance(value, datetime | date):
        return in_microseconds(value).isoformat()
    if isinstance(value, str) and _is_instant(value):  # 20260316, too
        return str(value)
    whole = _whole(value)
    if whole is None:
        raise InvalidRecord("its version is neither an integer nor an ISO-8601 instant")
    return whole


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _whole(value: Any) -> int | None:
    try:
        return integer(value)
    except InvalidRecord as error:
        raise InvalidRecord(f"its version {error}") from None
