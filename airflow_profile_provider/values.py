"""Values on their way from a source into a request: null or not, of which JSON type, read from text.

A *kind* names the JSON type that a vendor wants for a field: ``string``, ``boolean``, ``number``,
``string[]``, ``string or string[]``, ``object`` or ``any``. Messages name the type that was found, never the
value.

Numbers keep their digits. One that a float may have lost digits of is invalid, and so is one that would take
more than `MOST_DIGITS` to write, before anything is computed with it.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord

MOST_DIGITS = 100
"""Digits of a decimal, the zeros that its exponent stands for included; a profile holds no longer ones."""
MOST_NESTED = 100
"""Arrays and objects inside each other."""
LARGEST_EXACT = 2**53
"""From here on, a float stands for several whole numbers."""
LARGEST_SINGLE = 2**24
"""The same in single precision."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class LongNumber(Decimal):
    """A number of a JSON text that no float stands for alone."""


class Single(float):
    """A number that was kept in single precision."""

    __slots__ = ()


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
    except Exception:  # noqa: BLE001 -- an object of any class may; it is no null, and no value either
        return False


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
    if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:  # numpy's are integers to Python
        return False
    if isinstance(value, Decimal):
        return value.is_finite() and _is_whole(value)
    return hasattr(type(value), "__index__")


def _is_whole(value: Decimal) -> bool:
    """Whether a finite decimal is a whole number; one that is too long to write is invalid."""
    digits, exponent = value.as_tuple()[1:]
    places = int(exponent)
    if max(len(digits), value.adjusted() + 1, len(digits) - value.adjusted(), -places) > MOST_DIGITS:
        raise InvalidRecord(
            f"is a number that takes more than {MOST_DIGITS} digits to write; send it as text"
        )
    return places >= 0 or value == value.to_integral_value()


def integer(value: Any) -> int | None:
    """Return the whole number that value is, of whatever type and as text, or None where it is none.

    Raises:
        InvalidRecord: it is too long, or a float that may have lost digits.
    """
    value = unwrapped(value)
    if isinstance(value, str):
        text = value.strip()
        if not _INTEGER.fullmatch(text):
            return None
        if len(text) > MOST_DIGITS:
            raise InvalidRecord(f"has more than {MOST_DIGITS} digits")
        return int(text)
    if isinstance(value, float):
        if not (math.isfinite(value) and value.is_integer()):
            return None
        return int(_unworn(value))
    return int(value) if _is_integer(value) else None


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


# -- numbers ------------------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether value is a number of one of Python's own types."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number_text(value: float | Decimal) -> str:
    """Write a number as people do: whole ones without a point, the others with every digit, no exponent.

    A decimal keeps the places of its column unless it is whole: 1.50 stays 1.50, and 5.00 becomes 5.
    """
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # Python's own limit on digits
            raise InvalidRecord("has more digits than any profile keeps; send it as text") from None
    if isinstance(value, float):
        value = Decimal(float.__repr__(_unworn(_finite(value))))  # numpy writes its own otherwise
    elif not value.is_finite():
        raise InvalidRecord("infinity cannot be sent; send a number or null")
    return str(int(value)) if _is_whole(value) else format(value, "f")


def _unworn(value: float) -> float:
    """Return a float that stands for one number alone; a larger one may have lost digits."""
    if abs(value) >= (LARGEST_SINGLE if isinstance(value, Single) else LARGEST_EXACT):
        raise InvalidRecord(
            "is a float so large that it may have lost digits; read the column as a decimal or as text"
        )
    return value


def _finite(value: float) -> float:
    if math.isinf(value):
        raise InvalidRecord("JSON has no infinity; send a number or null")
    return value


def exact_number(value: Any) -> Any:
    """Return a decimal as the JSON number that equals it exactly; other values as they are."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    if _is_whole(value):
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise InvalidRecord("the decimal has more digits than a JSON number keeps; round it first")
    return number


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
        raise ValueError("a name stands twice in an object: which one is meant is not known")
    return members


_DECODER = json.JSONDecoder(parse_float=exact_float, object_pairs_hook=_once)


def read_json(text: str | bytes) -> Any:
    """Read JSON text; a number that no float keeps becomes a `LongNumber`.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply for Python.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    return _DECODER.decode(text)


# -- as JSON ------------------------------------------------------------------------------------------------


def plain(value: Any, depth: int = 0) -> Any:
    """Return value in JSON's own types, or raise InvalidRecord.

    Dates become ISO 8601. Decimals without places become integers, others exact text (whole ones, too: a
    column is treated alike). Arrays and objects are converted throughout.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else _unworn(_finite(value))
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
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(unwrapped(value), depth + 1)
    raise InvalidRecord(f"a value of type {type(value).__name__} cannot be written as JSON; convert it first")


def _plain_decimal(value: Decimal) -> Any:
    if not value.is_finite():
        raise InvalidRecord("JSON has no infinity; send a number or null")
    whole = _is_whole(value)
    if isinstance(value, LongNumber):  # it was a JSON number, and can only be one again if nothing is lost
        return exact_number(value)
    return int(value) if whole and int(value.as_tuple().exponent) >= 0 else number_text(value)


def unwrapped(value: Any) -> Any:
    """Return a numpy scalar or array in Python's own types, without importing numpy; others as they are.

    A single-precision number keeps its own digits (0.1, not 0.10000000149011612), and a moment is never an
    integer of nanoseconds.
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


_SINGLE = struct.Struct("f")


def _moment(value: Any) -> Any:
    found = value.tolist()
    if not isinstance(found, int):
        return found
    rounded = value.astype("datetime64[us]")
    found = rounded.tolist()
    if rounded != value or isinstance(found, int):
        raise InvalidRecord("is a time with more digits than microseconds; send it as text")
    return found


# -- read as the kind that a field has ----------------------------------------------------------------------

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
    return int(number) if _is_whole(number) else number


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


# -- nulls inside, and values side by side ------------------------------------------------------------------


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


_WRITTEN = re.compile(r"-?(0|[1-9]\d{0,40})(\.\d{1,40})?", re.ASCII)


def _canonical_number(text: str) -> str:
    try:
        number = Decimal(text)
        whole = number.is_finite() and _is_whole(number)
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
