"""How large a change is, written as JSON: what is sent, whatever else a vendor puts around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.exchange import to_json

_MOST_ESCAPED = 6
"""Bytes that a character of ASCII takes in JSON at the most."""
_AROUND = 10
"""More than what stands around a field: quotes, a colon, a comma, and a value that is no text."""

_SHORT = 10**18
"""Integers that are quickly written."""


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


def all_fit(keys: Sequence[str], fields: Mapping[str, Sequence[Any]], most: int) -> bool:
    """Whether changes with these keys, and these values of each field, surely take no more bytes each.

    True is sure, as of `fits`; here texts need not be ASCII, but all are known to be text.
    """
    longest = [_longest(keys), *map(_longest, fields.values())]
    if None in longest or not all(map(str.isascii, fields)):
        return False
    characters = sum(number or 0 for number in longest) + sum(len(name) + _AROUND for name in fields)
    return _MOST_ESCAPED * (characters + _AROUND) <= most


def _longest(values: Sequence[Any]) -> int | None:
    """Return how many characters the longest text has; None where there is another value, or none is sure.

    Those that are not ASCII take four bytes at the most: fewer than one that is escaped.
    """
    texts: Sequence[Any] = values
    if set(map(type, values)) != {str}:
        texts = [
            str(value) if type(value) is int and -_SHORT < value < _SHORT else value
            for value in values
            if value is not None and type(value) is not bool
        ]
    try:
        text = "".join(texts)
        if not text.isascii():
            text.encode()
    except (TypeError, UnicodeEncodeError):  # a list, say, or half of a surrogate pair
        return None
    return max(map(len, texts), default=0)


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
