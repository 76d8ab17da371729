"""How large a change is, written as JSON: what is sent, whatever else a vendor puts around it."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.exchange import to_json


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
