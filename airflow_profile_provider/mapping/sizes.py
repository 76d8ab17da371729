"""How large a change is, written as JSON: what is sent, whatever else a vendor puts around it."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.exchange import to_json

_MOST_ESCAPED = 6
"""Bytes that a character of ASCII takes in JSON at the most."""
_AROUND = 10
"""More than what stands around a field: quotes, a colon, a comma, and a value that is no text."""


def fits(change: Change, most: int) -> bool:
    """Whether a change surely takes no more than so many bytes as JSON, without writing it; True is sure."""
    if change.relationships or not change.key.isascii():
        return False
    characters = len(change.key)
    for name, value in change.fields.items():
        if type(value) is str:
            if not value.isascii():
                return False
            characters += len(value)
        elif value is not None and type(value) is not bool:
            return False
        if not name.isascii():
            return False
        characters += len(name) + _AROUND
    return _MOST_ESCAPED * (characters + _AROUND) <= most


def size_of(change: Change) -> int:
    """Return how many bytes a change takes as JSON.

    Raises:
        InvalidRecord: it cannot be written so, naming the field.
    """
    try:
        return len(to_json([change.key, change.fields, change.relationships]))
    except (ValueError, RecursionError):  # find out where
        return _size("", [change.key, change.relationships]) + sum(
            _size(f"field {name}: ", [name, value]) for name, value in change.fields.items()
        )


def _size(where: str, value: Any) -> int:
    """Return how many bytes value takes as JSON; what cannot be written so is invalid."""
    try:
        return len(to_json(value))
    except UnicodeEncodeError:
        raise InvalidRecord(f"{where}holds half of a surrogate pair, which is no text; fix it") from None
    except (ValueError, RecursionError):
        raise InvalidRecord(f"{where}cannot be written as JSON; simplify it") from None
