"""Values on their way from a source into a request: null or not, of which JSON type, read from text.

A *kind* names the JSON type that a vendor wants for a field: ``string``, ``boolean``, ``number``,
``string[]``, ``object`` or ``any``. Messages name the type that was found, never the value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord


def is_null(value: Any) -> bool:
    """Whether value is null: None, or what tables put in its place (NaN, NaT, NA)."""
    if value is None or isinstance(value, str | int | list | dict):
        return value is None
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # NA refuses to be a truth value; an array has many
        return type(value).__name__ == "NAType"
    except ArithmeticError:  # a signalling NaN refuses to be compared
        return True


def exact_key(value: Any) -> str:
    """Return a record's key as text; only strings, UUIDs and exact integers can name a profile."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, UUID):
        text = str(value)
    elif _is_integer(value):
        text = _digits(int(value))
    else:
        raise InvalidRecord(
            f"the key must be a string or an exact integer, not {json_type(value)}; a float may already have "
            "lost digits: read the column as text"
        )
    if not text.strip():
        raise InvalidRecord("the key is empty; give the vendor's identifier of the profile")
    if text in {".", ".."}:
        raise InvalidRecord("the key would change the path of the request; give the vendor's identifier")
    if not text.isprintable() and _has_no_text(text):
        raise InvalidRecord(
            "the key holds a null character or half a surrogate pair; give the vendor's identifier"
        )
    return text


def _has_no_text(text: str) -> bool:
    try:
        return b"\0" in text.encode()
    except UnicodeEncodeError:
        return True


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python's own limit on digits
        raise InvalidRecord("the key has more digits than any identifier; give the vendor's own") from None


def _is_integer(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return hasattr(type(value), "__index__")


def json_type(value: Any) -> str:
    """Name the JSON type of value, or its Python type where JSON has none."""
    if value is None:
        return "null"
    names: dict[type, str] = {
        bool: "boolean",
        str: "string",
        int: "number",
        float: "number",
        list: "array",
        dict: "object",
    }
    return names.get(type(value), type(value).__name__)


def plain(value: Any) -> Any:
    """Return value in JSON's own types, or raise InvalidRecord.

    Dates become ISO 8601, whole decimals integers, other decimals exact text. Arrays and objects are
    converted throughout.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        return {_member(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _finite(value: float) -> float | None:
    if math.isinf(value):
        raise InvalidRecord("infinity has no place in JSON; send a number or null")
    return None if math.isnan(value) else value


def _member(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidRecord(f"an object's member names must be strings, not {json_type(name)}")
    return name


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None if value.is_nan() else _finite(math.inf)
        return int(value) if value == value.to_integral_value() else format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return plain(value.tolist())
    raise InvalidRecord(f"a value of type {type(value).__name__} cannot be written as JSON; convert it first")


def exact_number(value: Any) -> Any:
    """Return a decimal as the JSON number that equals it exactly; other values as they are."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise InvalidRecord("the decimal has more digits than a JSON number keeps; round it first")
    return number


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
        text.strip().lower()
    ]


def _number(text: str) -> int | float:
    number = Decimal(text.strip())
    if not number.is_finite():
        raise ValueError
    return int(number) if number == number.to_integral_value() else float(number)


def _strings(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("[") else [text]


_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "number": _number,
    "string[]": _strings,
    "object": json.loads,
}
_WANTED = {
    "boolean": "true or false",
    "number": "a number",
    "string[]": "one value or a JSON array of strings",
    "object": "a JSON object",
}


def from_text(kind: str, text: str) -> Any:
    """Read a CSV cell as the field's kind, or raise InvalidRecord. Kinds without a reader stay text."""
    reader = _READERS.get(kind)
    if reader is None:
        return text
    try:
        return reader(text)
    except (ValueError, KeyError, ArithmeticError):
        raise InvalidRecord(f"the cell does not hold {_WANTED[kind]}") from None


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "string[]": ("an array of strings", _is_strings),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "any": ("a JSON value", lambda value: True),
}


def check_kind(kind: str, value: Any) -> None:
    """Raise InvalidRecord unless value (JSON types) is of this kind."""
    name, fits = _CHECKS[kind]
    if not fits(value):
        raise InvalidRecord(f"must be {name}, not {json_type(value)}")
