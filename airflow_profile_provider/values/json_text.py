"""JSON: text that is read without losing a digit, and values in the types that it has."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values.native import Single, in_microseconds, unwrapped
from airflow_profile_provider.values.nulls import is_null
from airflow_profile_provider.values.numbers import (
    LARGEST_EXACT,
    LongNumber,
    exact_number,
    finite,
    is_whole,
    number_text,
    unworn,
)

MOST_NESTED = 100
"""Arrays and objects inside each other."""


def json_type(value: Any) -> str:
    """Name the JSON type of value, or its Python type where JSON has none."""
    if value is None:
        return "null"
    names: dict[type, str] = {
        bool: "boolean",
        str: "string",
        int: "number",
        float: "number",
        Single: "number",
        LongNumber: "number",
        Decimal: "number",
        list: "array",
        dict: "object",
    }
    return names.get(type(value), type(value).__name__)


def exact_float(text: str) -> float | LongNumber:
    """Read a number of JSON text that has a point or an exponent."""
    number = float(text)
    if len(text) <= 16 and "e" not in text and "E" not in text:  # 15 digits at the most
        return number
    try:
        exact = LongNumber(text)
    except InvalidOperation:  # an exponent beyond all bounds
        raise ValueError("the exponent is too large") from None
    return number if abs(number) < LARGEST_EXACT and Decimal(repr(number)) == exact else exact


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice in an object: it is not clear which one is meant")
    return members


_DECODER = json.JSONDecoder(parse_float=exact_float, object_pairs_hook=_once)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_STRICT = json.JSONDecoder(parse_float=exact_float, object_pairs_hook=_once, parse_constant=_no_number)


def read_json(text: str | bytes) -> Any:
    """Read JSON text; a number that no float keeps becomes a `LongNumber`.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply for Python.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    return _DECODER.decode(text)


def read_strict_json(text: str | bytes) -> Any:
    """Read JSON text as `read_json` does, and none that only Python takes for JSON (NaN, Infinity).

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply for Python.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    return _STRICT.decode(text)


def plain(value: Any, depth: int = 0) -> Any:
    """Return value in JSON's own types, or raise InvalidRecord.

    Dates become ISO 8601. Decimals without places become integers, others exact text (whole ones, too: a
    column is treated alike). Arrays and objects are converted throughout.
    """
    if type(value) is str or value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else unworn(finite(value))
    if depth > MOST_NESTED:
        raise InvalidRecord(f"is nested more than {MOST_NESTED} deep; flatten it")
    if isinstance(value, Mapping):
        return {_member(name): plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):  # in an order that is the same in every run
        return sorted([plain(item, depth + 1) for item in value], key=lambda item: json.dumps(item))
    return _plain_scalar(value, depth)


def _member(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidRecord(f"an object's member names must be strings, not {json_type(name)}")
    return name


def _plain_scalar(value: Any, depth: int) -> Any:
    if is_null(value):  # NaT is a datetime to Python
        return None
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, datetime | date | time):
        return in_microseconds(value).isoformat()
    if isinstance(value, UUID):
        return str(value)
    found = unwrapped(value)
    if type(found) is not type(value):
        return plain(found, depth + 1)
    raise InvalidRecord(f"a value of type {type(value).__name__} cannot be written as JSON; convert it first")


def _plain_decimal(value: Decimal) -> Any:
    if not value.is_finite():
        raise InvalidRecord("JSON has no infinity; send a number or null")
    whole = is_whole(value)
    if isinstance(value, LongNumber):  # it was a JSON number, and can only be one again if nothing is lost
        return exact_number(value)
    return int(value) if whole and int(value.as_tuple().exponent) >= 0 else number_text(value)
