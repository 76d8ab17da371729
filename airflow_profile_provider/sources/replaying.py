"""What a row held, written as JSON so that reading it brings the same row back.

JSON has no decimals, dates, bytes or integers of any length. They are written as text, and the *types* beside
the row say, by JSON pointer, what that text was. A value that no file can hold is written as null, and stays
refused until somebody puts another value in its place.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values import LARGEST_EXACT, Single, in_microseconds, is_null, unwrapped

DEEPEST = 50
LONGEST_INTEGER = 10_000
"""Bits of an integer that is written as a JSON number."""

SHORTEST_FLOAT = 15

_READERS: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
    "bytes": base64.b64decode,
    "integer": lambda text: int(text, 16),
    "float": float,
    "single": Single,
    "pairs": lambda pairs: {name: value for name, value in pairs},  # noqa: C416 -- pairs are lists here
}


def kept(content: Any) -> tuple[Any, dict[str, str]]:
    """Return content in JSON's own types, and what those hide: pointer to type."""
    types: dict[str, str] = {}
    return _kept(content, "", types), types


def restored(content: Any, types: Any) -> tuple[Any, str]:
    """Return what was `kept`, and what is wrong with it (no value); nothing where all is well.

    Whatever was changed in the file by hand, so that its type no longer fits, is taken as it stands.
    """
    problem = ""
    if not isinstance(types, Mapping):
        return content, problem
    whole = {"": content}
    for pointer in sorted(types, key=lambda each: -str(each).count("/")):
        name = types[pointer]
        holder, last = _holder(whole, str(pointer))
        if holder is None:
            continue
        reader = _READERS.get(str(name))
        if reader is None:
            where = f"{pointer.lstrip('/')}: " if holder[last] is None and pointer else ""
            problem = problem or (f"{where}held {name}; put another value there" if where else "")
            continue
        try:
            holder[last] = reader(holder[last])
        except (ValueError, TypeError, ArithmeticError):
            continue
    return whole[""], problem


def _holder(whole: dict[Any, Any], pointer: str) -> tuple[Any, Any]:
    """Find what holds the value at a pointer, and under which name; (None, …) where there is none."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
    found: Any = whole
    for step in steps[:-1]:
        found = _at(found, step)
    last: Any = steps[-1]
    if isinstance(found, list):
        last = int(last) if last.isdecimal() and int(last) < len(found) else None
        return (found, last) if last is not None else (None, last)
    return (found, last) if isinstance(found, dict) and last in found else (None, last)


def _at(found: Any, step: str) -> Any:
    if isinstance(found, dict):
        return found.get(step)
    if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
        return found[int(step)]
    return None


def _kept(value: Any, pointer: str, types: dict[str, str]) -> Any:
    if isinstance(value, str | bool) or value is None:
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        if value.bit_length() < LONGEST_INTEGER:
            return int(value)
        return _as_text(hex(value), "integer", pointer, types)
    if isinstance(value, Mapping):
        return _kept_object(value, pointer, types)
    if isinstance(value, list | tuple | set | frozenset):
        if pointer.count("/") > DEEPEST:
            return _unkept("something nested too deeply", pointer, types)
        return [_kept(item, f"{pointer}/{number}", types) for number, item in enumerate(value)]
    if is_null(value):
        return None
    return _kept_scalar(value, pointer, types)


def _kept_object(value: Mapping[Any, Any], pointer: str, types: dict[str, str]) -> Any:
    if pointer.count("/") > DEEPEST:
        return _unkept("something nested too deeply", pointer, types)
    if all(isinstance(name, str) for name in value):
        return {
            str(name): _kept(item, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", types)
            for name, item in value.items()
        }
    types[pointer] = "pairs"
    return [
        [_kept(name, f"{pointer}/{number}/0", types), _kept(item, f"{pointer}/{number}/1", types)]
        for number, (name, item) in enumerate(value.items())
    ]


def _kept_scalar(value: Any, pointer: str, types: dict[str, str]) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return _as_text(str(float(value)), "float", pointer, types)
        if isinstance(value, Single):
            types[pointer] = "single"
        elif len(repr(float(value))) > SHORTEST_FLOAT or abs(value) >= LARGEST_EXACT:
            types[pointer] = "float"  # as a number alone, its digits are read as they stand
        return float(value)
    if isinstance(value, Decimal):
        return _as_text(str(value), "decimal", pointer, types)
    if isinstance(value, datetime | date | time):
        kind = "datetime" if isinstance(value, datetime) else "date" if isinstance(value, date) else "time"
        value = in_microseconds(value)
        text = value.isoformat()
        if _READERS[kind](text) == value:
            return _as_text(text, kind, pointer, types)
    elif isinstance(value, UUID):
        return _as_text(str(value), "uuid", pointer, types)
    elif isinstance(value, bytes | bytearray | memoryview):
        return _as_text(base64.b64encode(bytes(value)).decode(), "bytes", pointer, types)
    elif type(found := _unwrapped(value)) is not type(value):
        return _kept(found, pointer, types)
    return _unkept(f"a value of type {type(value).__name__}", pointer, types)


def _unwrapped(value: Any) -> Any:
    """Return numpy's scalars and arrays in Python's own types, but for those that are refused."""
    try:
        return unwrapped(value)
    except InvalidRecord:
        return value


def _as_text(text: str, kind: str, pointer: str, types: dict[str, str]) -> str:
    types[pointer] = kind
    return text


def _unkept(what: str, pointer: str, types: dict[str, str]) -> None:
    types[pointer] = what
