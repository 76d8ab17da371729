"""Whether what a vendor answers is what was sent, in the same form or in another."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values.numbers import is_number, is_whole

_WRITTEN = re.compile(r"-?(0|[1-9]\d{0,40})(\.\d{1,40})?", re.ASCII)


def canonical(value: Any) -> Any:
    """Return a JSON value in a form that is equal, and hashable, for equal values: 5, 5.0 and "5" are one."""
    if isinstance(value, dict):
        return frozenset((name, canonical(item)) for name, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return tuple(canonical(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _canonical_number(value) if _WRITTEN.fullmatch(value) else value
    if is_number(value):
        return _canonical_number(str(value))
    return value


def _canonical_number(text: str) -> str:
    try:
        number = Decimal(text)
        whole = number.is_finite() and is_whole(number)
        return str(int(number)) if whole else format(number, "f").rstrip("0")
    except (InvalidOperation, InvalidRecord):
        return text


def same(sent: Any, held: Any) -> bool:
    """Whether an answer holds what was sent; what is empty is as good as missing."""
    try:
        return canonical(sent) == canonical(held) or (_is_empty(sent) and _is_empty(held))
    except RecursionError:  # an answer may be nested as deeply as it likes
        return False


def alike(sent: Any, held: Any) -> bool:
    """Whether what an answer holds is what was sent in another form: case, blanks, order, an array of one."""
    try:
        return bool(_loosely(sent) == _loosely(held))
    except RecursionError:
        return False


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _loosely(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((name, _loosely(item)) for name, item in value.items() if not _is_empty(item))
    if isinstance(value, list | tuple):
        parts = frozenset(_loosely(item) for item in value)
        return next(iter(parts)) if len(parts) == 1 else parts
    if isinstance(value, str):
        return canonical(" ".join(value.split()).casefold())
    return canonical(value)
