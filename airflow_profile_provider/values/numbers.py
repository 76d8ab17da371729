"""Numbers keep their digits.

One that a float may have lost digits of is invalid, and so is one that would take more than `MOST_DIGITS` to
write, before anything is computed with it.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values.native import Single, unwrapped

MOST_DIGITS = 100
"""Digits of a decimal, the zeros that its exponent stands for included; a profile holds no longer ones."""
LARGEST_EXACT = 2**53
"""From here on, a float stands for several whole numbers."""
LARGEST_SINGLE = 2**24
"""The same in single precision."""
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class LongNumber(Decimal):
    """A number of a JSON text that no float stands for alone."""


def is_number(value: Any) -> bool:
    """Whether value is a number of one of Python's own types."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether value is a whole number, of whatever type, that has lost no digit."""
    if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:  # numpy's are integers to Python
        return False
    if isinstance(value, Decimal):
        return value.is_finite() and is_whole(value)
    return hasattr(type(value), "__index__")


def is_whole(value: Decimal) -> bool:
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
        return int(unworn(value))
    return int(value) if is_integer(value) else None


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
        value = Decimal(float.__repr__(unworn(finite(value))))  # numpy writes its own otherwise
    elif not value.is_finite():
        raise InvalidRecord("infinity cannot be sent; send a number or null")
    return str(int(value)) if is_whole(value) else format(value, "f")


def exact_number(value: Any) -> Any:
    """Return a decimal as the JSON number that equals it exactly; other values as they are."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    if is_whole(value):
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise InvalidRecord("the decimal has more digits than a JSON number keeps; round it first")
    return number


def unworn(value: float) -> float:
    """Return a float that stands for one number alone; a larger one may have lost digits."""
    if abs(value) >= (LARGEST_SINGLE if isinstance(value, Single) else LARGEST_EXACT):
        raise InvalidRecord(
            "is a float so large that it may have lost digits; read the column as a decimal or as text"
        )
    return value


def finite(value: float) -> float:
    """Return a float that is not infinite."""
    if math.isinf(value):
        raise InvalidRecord("JSON has no infinity; send a number or null")
    return value
