"""Values of every type, and whether what a vendor holds is what a value meant: a second opinion.

Nothing here knows how the package writes a value. It says what a person would call the same thing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

CANARY = "canary7c1e"
"""In every text that is a value."""
NUMBER = 739_104_625_881
"""A number that turns up nowhere else."""


class Sulky:
    """A value of which nothing can be asked."""

    def __repr__(self) -> str:
        return "Sulky()"

    def __str__(self) -> str:
        raise ValueError(CANARY)

    def __eq__(self, other: object) -> bool:
        raise TypeError(CANARY)

    __hash__ = None  # type: ignore[assignment]


class Circle(list):  # type: ignore[type-arg]
    """A list that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self.append(self)

    def __repr__(self) -> str:
        return "Circle()"


def deep(levels: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


PLUS2 = timezone(timedelta(hours=2))
TEXTS: list[Any] = [
    f"Ada {CANARY}",
    f"  {CANARY} ",
    f"{CANARY}\nsecond line",
    f"{CANARY}, \"quoted\"; 'too'",
    f"é你𝄞 {CANARY}",
    f"{CANARY}\u2028\x0b\x7f",
    f"{CANARY}<script>&amp;%0d%0a",
    f"{CANARY}{{{{ var }}}}",
    "",
    " ",
    "null",
    "nan",
    "0",
    "007",
    "1e5",
    "true",
    "2026-03-16",
    f"\ud83d{CANARY}",
    f"{CANARY}\0",
]
NUMBERS: list[Any] = [
    0,
    -1,
    NUMBER,
    2**53 + 1,
    10**30,
    10**5000,
    0.1,
    1.5,
    -0.0,
    3585550123.0,
    1e16,
    1.2345678901234567e19,
    5e-324,
    math.inf,
    math.nan,
]
DECIMALS: list[Any] = [
    Decimal("1.25"),
    Decimal("5.00"),
    Decimal("739104625.881"),
    Decimal("12345678901234567.89"),
    Decimal("1E+3"),
    Decimal("1E-20"),
    Decimal("7E9999999"),
    Decimal("-0"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
]
MOMENTS: list[Any] = [
    datetime(2021, 6, 9, 3, 2, 37, 123456),
    datetime(2021, 6, 9, 3, 2, 37, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=PLUS2),
    datetime(1, 1, 1),
    date(1871, 3, 5),
    time(23, 59),
]
OTHERS: list[Any] = [
    b"\xff\xfe",
    f"bytes {CANARY}".encode(),
    bytearray(b"x"),
    timedelta(days=1),
    1 + 2j,
    UUID("6f0c2a10-0000-4000-8000-000000000001"),
    Ellipsis,
    Sulky(),
    Circle(),
    range(3),
]
LISTS: list[Any] = [
    [],
    [f"a {CANARY}", "b"],
    (f"t {CANARY}",),
    ["1", "1"],
    [1000102, 7],
    [None],
    [math.nan, 1.5],
    [[f"{CANARY}"]],
    deep(60),
    deep(3000),
    {f"set {CANARY}"},
]
OBJECTS: list[Any] = [
    {},
    {"tier": f"gold {CANARY}"},
    {"tier": None},
    {"n": 12345678901234567, "d": Decimal("1.25"), "f": 0.1},
    {"d": Decimal("12345678901234567.89")},
    {"when": datetime(2021, 6, 9, tzinfo=UTC)},
    {"deep": {"er": [1, {"x": f"{CANARY}"}]}},
    {1: "a number for a name"},
    {"b": b"\xff"},
    {"s": f"\ud83d{CANARY}"},
    {"inf": math.inf},
]
FLAGS: list[Any] = [True, False]
BIG = f"{CANARY} " * 400
"""More than the small ``max_record_bytes`` of some cases."""

_POOLS: dict[str, list[Any]] = {
    "text": [*TEXTS, *TEXTS[:6], BIG],
    "flag": [*FLAGS, *FLAGS],
    "list": LISTS,
    "object": OBJECTS,
    "any": [*TEXTS, *NUMBERS, *FLAGS],
}
_EVERYTHING = [*TEXTS, *NUMBERS, *DECIMALS, *MOMENTS, *OTHERS, *LISTS, *OBJECTS, *FLAGS, None, None]

_drawn = st.one_of(
    st.text(max_size=6),
    st.integers(),
    st.floats(),
    st.decimals(places=2, allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.sampled_from([None, UTC, PLUS2])),
)


def of_python(kind: str) -> st.SearchStrategy[Any]:
    """Any Python value, mostly one that a field of this kind takes."""
    good = st.sampled_from(_POOLS[kind])
    return st.one_of(good, good, good, st.sampled_from(_EVERYTHING), _drawn)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return not isinstance(value, tuple | Circle) and value != {1: "a number for a name"}


def of_json(kind: str) -> st.SearchStrategy[Any]:
    """What a JSON line can hold: also NaN, as Python writes it, and half a surrogate pair."""
    good = st.sampled_from([value for value in _POOLS[kind] if _is_json(value)])
    return st.one_of(good, good, st.sampled_from([value for value in _EVERYTHING if _is_json(value)]))


_CELLS = {
    "text": [value for value in TEXTS if "\ud83d" not in value and "\0" not in value],
    "flag": ["true", "false", "TRUE", "0", "1", "yes", "maybe", ""],
    "list": ["", '["a", "b"]', f"one {CANARY}", "[1, 2]", "[", "[" * 3000, '["x"', "[]"],
    "object": ["", "{}", f'{{"a": "{CANARY}"}}', '{"a": 1.10}', "[1]", "{" * 3000, "nul"],
}
_CELLS["any"] = [*_CELLS["text"], *_CELLS["flag"], "7E9999999", "1_000", "１２", str(NUMBER)]


def of_cell(kind: str) -> st.SearchStrategy[str]:
    """The text of a CSV cell."""
    good = st.sampled_from(_CELLS[kind])
    return st.one_of(good, good, st.sampled_from(_CELLS["any"]))


def of_sqlite(kind: str) -> st.SearchStrategy[Any]:
    """What a column of SQLite can hold, whatever it was declared as."""
    good = st.sampled_from([0, 1, 1] if kind == "flag" else _CELLS[kind])
    odd = [0, 1, -1, NUMBER, 2**62, 0.1, 3585550123.0, 1e300, math.inf, b"\xff", CANARY.encode(), None, ""]
    return st.one_of(good, good, st.sampled_from(odd))


# -- the same? ------------------------------------------------------------------------------------------

NUMBER_TEXT = re.compile(r"-?\d+(\.\d+)?")
"""A number as people write it."""


def is_null(value: Any) -> bool:
    """Whether a value is nothing: None, or what tables put in its place."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_cleared(held: Any) -> bool:
    """Whether a vendor holds nothing."""
    return held in (None, "", [])


def means(meant: Any, held: Any, kind: str, *, text: bool = False) -> bool:
    """Whether held is what a value meant; ``text`` marks one that came as text, of no type."""
    if text and isinstance(meant, str) and kind != "text":
        return _means_text(meant, held, kind) or _same(meant, held, kind)
    return _same(meant, held, kind)


def _means_text(cell: str, held: Any, kind: str) -> bool:
    if isinstance(held, bool):
        return cell.strip().lower() in (
            {"true", "1", "yes", "t", "y"} if held else {"false", "0", "no", "f", "n"}
        )
    if isinstance(held, int | float):
        return _number(cell.strip()) == _number(held)
    if isinstance(held, list | dict):
        try:
            return held == [cell] or _same(json.loads(cell), held, kind)
        except (ValueError, RecursionError):
            return False
    return False


def _same(meant: Any, held: Any, kind: str) -> bool:
    for type_, same in _SAME.items():
        if isinstance(meant, type_):
            return same(meant, held, kind)
    return False


def _number(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    try:
        return Decimal(repr(value) if isinstance(value, float) else str(value))
    except (InvalidOperation, ValueError):
        return None


def _same_number(meant: Any, held: Any, kind: str) -> bool:
    if isinstance(held, bool):
        return kind == "flag" and meant in (0, 1) and bool(meant) is held
    if isinstance(held, str):
        if not NUMBER_TEXT.fullmatch(held) or (isinstance(meant, float) and held.endswith(".0")):
            return False
        return _number(held) == _number(meant)
    if isinstance(held, int | float):
        return _number(held) == _number(meant)
    return isinstance(held, list) and kind == "list" and len(held) == 1 and _same_number(meant, held[0], "")


def _same_text(meant: str, held: Any, kind: str) -> bool:
    if held == meant or (meant == "" and is_cleared(held)):
        return True
    if kind in {"list", "object"} and isinstance(held, list | dict):
        return _means_text(meant, held, kind)
    return kind == "flag" and isinstance(held, bool) and _means_text(meant, held, kind)


def _same_flag(meant: bool, held: Any, kind: str) -> bool:
    return held is meant or (isinstance(held, str) and held.lower() == str(meant).lower())


def _same_moment(meant: datetime, held: Any, kind: str) -> bool:
    try:
        found = datetime.fromisoformat(held)
    except (TypeError, ValueError):
        return False
    if (found.tzinfo is None) != (meant.tzinfo is None):
        return False
    return found == meant


def _same_day(meant: date, held: Any, kind: str) -> bool:
    return isinstance(held, str) and held == meant.isoformat()


def _same_list(meant: Any, held: Any, kind: str) -> bool:
    items = list(meant)
    if isinstance(held, str):
        return _same_json(items, held, kind)
    if not items and (is_cleared(held) or held == {}):
        return True
    if not isinstance(held, list) or len(held) != len(items):
        return False
    if isinstance(meant, set):
        return all(any(_item(one, other) for other in held) for one in items)
    return all(_item(one, other) for one, other in zip(items, held, strict=True))


def _item(meant: Any, held: Any) -> bool:
    return held is None if is_null(meant) else _same(meant, held, "any")


def _same_object(meant: Mapping[Any, Any], held: Any, kind: str) -> bool:
    if isinstance(held, str):
        return _same_json(meant, held, kind)
    if not isinstance(held, dict) or set(held) - set(meant):
        return False
    return all(_item(value, held[name]) if name in held else is_null(value) for name, value in meant.items())


def _same_json(meant: Any, held: str, kind: str) -> bool:
    try:
        found = json.loads(held)
    except (ValueError, RecursionError):
        return False
    return not isinstance(found, str) and _same(meant, found, kind)


_SAME: dict[type | tuple[type, ...], Callable[[Any, Any, str], bool]] = {
    bool: _same_flag,
    (int, float, Decimal): _same_number,
    str: _same_text,
    datetime: _same_moment,
    date: _same_day,
    time: _same_day,
    UUID: lambda meant, held, kind: held == str(meant),
    (list, tuple, set, frozenset): _same_list,
    Mapping: _same_object,
}
"""The first type that fits decides; what is none of these must not be sent at all."""
