"""Kinds, the JSON types that vendors want for a field: read from what a table holds, and checked.

They are ``string``, ``boolean``, ``number``, ``string[]``, ``string or string[]``, ``object`` and ``any``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values.json_text import MOST_NESTED, json_type, read_json
from airflow_profile_provider.values.native import unwrapped
from airflow_profile_provider.values.numbers import is_number, is_whole, number_text

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), False),
}


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        return _BOOLEANS[value.strip().lower()]
    if isinstance(value, bytes):  # MySQL's bit(1)
        return {b"\0": False, b"\1": True}.get(value, value)
    return bool(value) if is_number(value) and value in (0, 1) else value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError
    number = Decimal(text)
    return int(number) if is_whole(number) else number


def _string(value: Any) -> Any:
    return number_text(value) if is_number(value) else value


def _strings(value: Any) -> Any:
    found = _string_or_strings(value)
    return [found] if isinstance(found, str) else found


def _string_or_strings(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if text[:1] == "{" and text[-1:] == "}":  # an array as PostgreSQL writes it
            raise ValueError
        value = read_json(text) if text[:1] == "[" else value
    if type(value) is list and all(type(item) is str for item in value):
        return value
    if isinstance(value, list | tuple):
        return [str(item) if isinstance(item, UUID) else _string(item) for item in value]
    return str(value) if isinstance(value, UUID) else _string(value)


def _object(value: Any) -> Any:
    if isinstance(value, str):
        return read_json(value)
    if isinstance(value, list) and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        members = dict(value)  # a map, as Parquet's are read
        if len(members) < len(value):
            raise ValueError
        return members
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "number": _number,
    "string": _string,
    "string[]": _strings,
    "string or string[]": _string_or_strings,
    "object": _object,
}
_WANTED = {
    "boolean": "true or false",
    "number": "a number",
    "string": "text",
    "string[]": "one value or a JSON array of strings",
    "string or string[]": "one value or a JSON array of strings",
    "object": "a JSON object",
}


def read_as(kind: str, value: Any) -> Any:
    """Read what a table holds as the field's kind, or raise InvalidRecord.

    CSV has no types; SQLite and MySQL have no booleans, arrays or objects, Parquet has maps: 0 is false, a
    JSON text is the array or object that it holds, and a number goes into a text field as text.
    """
    reader = _READERS.get(kind)
    if reader is None:
        return value
    try:
        return reader(unwrapped(value))
    except (ValueError, KeyError, TypeError, ArithmeticError):
        raise InvalidRecord(f"the cell does not hold {_WANTED[kind]}") from None
    except RecursionError:
        raise InvalidRecord(f"is nested more than {MOST_NESTED} deep; flatten it") from None


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "string[]": ("an array of strings", _is_strings),
    "string or string[]": (
        "a string or an array of strings",
        lambda value: isinstance(value, str) or _is_strings(value),
    ),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "any": ("a JSON value", lambda value: True),
}


def check_kind(kind: str, value: Any) -> None:
    """Raise InvalidRecord unless value (JSON types) is of this kind."""
    name, fits = _CHECKS[kind]
    if not fits(value):
        raise InvalidRecord(f"must be {name}, not {json_type(value)}")
