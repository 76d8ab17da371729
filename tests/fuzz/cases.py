"""What is drawn: one push, all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from . import values
from .places import PLACES, PROFILES, Place
from .wire import Trouble

SOURCES = ("list", "generator", "jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "sql", "outbox")
TABLES = frozenset({"csv", "csv.gz", "parquet", "sql"})
"""Sources whose records all have the same columns."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""Stands for a column that a record does not have."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its key, its values in the order of the case's fields, its version.

    ``raw`` is given as it is instead: something that is no record in a list, a line in a file.
    """

    key: Any
    cells: tuple[Any, ...] = ()
    version: Any = None
    raw: Any = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One push, and what happens to it. Its repr is all that is needed to run it again.

    ``shape`` says how fields map to columns: "changes", "list" or "mapping". ``breaks`` is the number of
    records after which the source raises, and what. ``stop`` asks the push to end, after so many records read
    ("row") or requests heard ("request"). ``ledger`` is None, "shared" or "own"; ``ledger_trouble`` strikes
    it at a request. ``disk`` is the size in bytes at which every file is full. With ``resumes``, a push that
    stops is gone on with.
    """

    vendor: str
    source: str = "list"
    fields: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    shape: str = "changes"
    types: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    key_type: str | None = None
    versioned: bool = False
    only: tuple[str, ...] | None = None
    script: tuple[Trouble | None, ...] = ()
    tail: Trouble | None = None
    timeout: float = 10.0
    breaks: tuple[int, Any] | None = None
    stop: tuple[str, int] | None = None
    ledger: str | None = None
    ledger_trouble: tuple[str, int] | None = None
    rejects: str = "rejects.jsonl"
    delivered: str | None = "delivered.jsonl"
    disk: int | None = None
    way: str = "hook"
    resumes: bool = False

    @property
    def place(self) -> Place:
        """The vendor."""
        return PLACES[self.vendor]

    @property
    def usual(self) -> bool:
        """Whether nothing but records and options is drawn: no trouble from outside."""
        troubles = (self.tail, self.breaks, self.stop, self.ledger_trouble, self.disk)
        return not any(self.script) and troubles == (None,) * 5

    def column(self, name: str) -> str:
        """The source's column of a field."""
        return f"col {self.fields.index(name)}" if self.shape == "mapping" else name


# -- keys -----------------------------------------------------------------------------------------------


def keys_of(place: Place, key_type: str, source: str) -> st.SearchStrategy[Any]:
    """Keys, most of them somebody's, in every type in which a source can hold them."""
    good = [place.keys[key_type](n) for n in range(PROFILES)]
    odd: list[Any] = [
        place.nobody,
        None,
        "",
        " ",
        "..",
        "a/b?c#d",
        "\x00",
        "x" * 600,
        f"{values.CANARY}@x.org",
    ]
    if source in {"list", "generator"}:
        odd += [
            1.5,
            1001.0,
            math.nan,
            True,
            10**5000,
            Decimal("NaN"),
            b"1001",
            [1],
            {},
            "\ud800",
            values.Sulky(),
        ]
        odd += [UUID(int=7)]
        if good[0].isdigit():
            good += [int(good[0]), Decimal(good[1])]
    elif source.startswith("jsonl"):
        odd += [1.5, 1001.0, True, [1], {}, "\ud800"]
        good += [int(good[0])] if good[0].isdigit() else []
    elif source == "sql":
        odd += [1.5, b"1001", 2**62]
        good += [int(good[0])] if good[0].isdigit() else []
    elif source in {"parquet", "outbox"}:
        odd = [place.nobody, None, "", " ", "..", "x" * 600]
    else:
        odd = [key for key in odd if key not in {None, "\x00"}]
    favourite = st.sampled_from(good[:2])
    return st.one_of(favourite, st.sampled_from(good), st.sampled_from(good), st.sampled_from(odd))


# -- records --------------------------------------------------------------------------------------------

_PARQUET = {
    "string": ["text", "flag", "list", "object", "any"],
    "int64": ["any", "text"],
    "float64": ["any", "text"],
    "bool": ["flag", "any"],
    "decimal": ["any", "text"],
    "timestamp": ["any", "text"],
    "zoned": ["any", "text"],
    "date": ["any", "text"],
    "binary": ["text"],
    "strings": ["list", "any"],
    "struct": ["object", "any"],
}
"""Types of a Parquet column, and the kinds of fields for which they are drawn."""
_TYPED: dict[str, list[Any]] = {
    "string": [*values._CELLS["text"], '["a", "b"]', '{"a": 1}', "true", None],
    "int64": [0, 1, -1, values.NUMBER, 2**53 + 1, 2**62, None],
    "float64": [0.1, 3585550123.0, 1e16, math.inf, math.nan, -0.0, None],
    "bool": [True, False, None],
    "decimal": [Decimal("1.25"), Decimal("5.00"), Decimal("739104.88"), None],
    "timestamp": [values.MOMENTS[0], values.MOMENTS[3], None],
    "zoned": [values.MOMENTS[1], None],
    "date": [values.MOMENTS[4], None],
    "binary": [b"\xff", values.CANARY.encode(), None],
    "strings": [[], [values.CANARY, "b"], [None], None],
    "struct": [{"a": values.CANARY, "n": 1}, {"a": None, "n": None}, None],
}
_CELL = {"list": values.of_python, "generator": values.of_python, "sql": values.of_sqlite}
_INTS = st.sampled_from([1, 2, 3, 2**40, -1])
_INSTANTS = st.sampled_from(
    ["2026-03-16T10:00:00+00:00", "2026-03-16T11:00:00+02:00", "2025-01-01T00:00:00Z"]
)
_NO_RECORDS = st.sampled_from([None, f"no record {values.CANARY}", 7, [1], ("key", 1)])
_BAD_LINES = st.sampled_from(
    [f'{{"key": "{values.CANARY}', "[1, 2]", "nul", f'"{values.CANARY}"', "{" * 3000, "\udcfa\udcfb"]
)


def _kinds(place: Place) -> st.SearchStrategy[tuple[str, ...]]:
    names = st.sampled_from(sorted(place.fields))
    return st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def _records(
    draw: st.DrawFn,
    place: Place,
    key_type: str,
    source: str,
    fields: tuple[str, ...],
    types: tuple[str, ...],
    versions: st.SearchStrategy[Any],
    most: int,
) -> tuple[Record, ...]:
    if source == "parquet":
        cells = [st.sampled_from(_TYPED[type_]) for type_ in types]
    else:
        of = _CELL.get(source, values.of_json if source.startswith(("jsonl", "outbox")) else values.of_cell)
        cells = [of(place.fields[name]) for name in fields]
    if source not in TABLES:
        cells = [st.one_of(cell, cell, cell, cell, st.just(ABSENT)) for cell in cells]
    one = st.builds(Record, keys_of(place, key_type, source), st.tuples(*cells), versions)
    if source in {"list", "generator"}:
        odd = st.builds(lambda raw: Record(None, raw=("record", raw)), _NO_RECORDS)
        one = st.one_of(one, one, one, one, one, one, one, odd)
    elif source.startswith("jsonl"):
        odd = st.builds(lambda raw: Record(None, raw=("line", raw)), _BAD_LINES)
        one = st.one_of(one, one, one, one, one, one, one, odd)
    return tuple(draw(st.lists(one, max_size=most)))


# -- troubles -------------------------------------------------------------------------------------------

_WAITS = ("0", "0.001", "-1", "soon", "", "1e3", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 400)
_HTML = f"<html><body>{values.CANARY} login</body></html>"
_ODD_BODIES: tuple[Any, ...] = (
    _HTML, "", "null", "[]", "{}", "0", '"OK"', '{"id": 7}', "[" * 20_000, "9" * 6000, '{"a": NaN}',
    "\ufeff{}", {"IsError": "no"}, {"success": "yes", "data": 1}, [{"id": []}], [{"value": 1}], {"Id": ["x"]},
    {"IsError": False, "ResponseData": {"a": [values.CANARY]}}, {"error": [values.CANARY]},
)  # fmt: skip
_OK = b"HTTP/1.1 200 OK\r\n"
_RAW = (
    b"", b"\r\n", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 99999 X\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, _OK + b"Content-Length: -5\r\n\r\n{}",
    _OK + b"Content-Length: many\r\n\r\n{}", _OK + b"Content-Length: 99\r\n\r\n{}",
    _OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    _OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    _OK + b"Content-Encoding: deflate, gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
    _OK + b"X-A: b\r\n" * 300 + b"\r\n{}", _OK + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n{}",
    _OK + b"Content-Type: application/json; charset=nonsense\r\nContent-Length: 2\r\n\r\n[]",
)  # fmt: skip


def _twice(kind: str = "answer", **what: Any) -> list[Trouble]:
    """A trouble whose request was not carried out, and one whose was."""
    return [Trouble(kind, applied=applied, **what) for applied in (False, True)]


_UNANSWERED = (
    *(one for status in (500, 502, 503, 504, 408) for one in _twice(status=status)),
    *(one for kind in ("drop", "reset", "cut") for one in _twice(kind)),
    *(one for content in _RAW for one in _twice("raw", body=content)),
    *(one for content in _ODD_BODIES for one in _twice(body=content)),
    Trouble(status=204, headers={"X-Odd": "\u00e9"}),
    *(Trouble(status=status, body="x") for status in (201, 202, 206, 226)),
)
_THROTTLED = tuple(
    Trouble(status=status, headers={} if wait is None else {"Retry-After": wait})
    for status in (429, 503)
    for wait in (None, *_WAITS)
)
_LIMITS = tuple(
    Trouble(
        "answer", status=503,
        headers={"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset},
    )
    for limit, left, reset in (("10", "0", "0"), ("nan", "-1", "x"), ("1e400", "inf", "1e9"), ("", "", ""))
)  # fmt: skip
_STOPPING = (
    Trouble(status=401, body={"message": values.CANARY}),
    Trouble(status=302, headers={"Location": f"/login?user={values.CANARY}"}),
    Trouble(status=307, headers={"Location": "//"}),
    Trouble(status=200, body="Backend Service Reached"),
    Trouble(status=400, body="INVALID API KEY"),
)
_WORDS: tuple[Any, ...] = (
    "",
    _HTML,
    {"message": values.CANARY, "detail": [values.CANARY]},
    {"error": {"code": [], "param": values.CANARY}},
)
_REFUSING = tuple(
    Trouble(status=status, body=words) for status in (400, 403, 404, 409, 410, 422) for words in _WORDS
)
_SLOW = (Trouble("slow", seconds=0.02), Trouble("slow", seconds=0.25))
_COSTLY = (Trouble("drip"), Trouble("drip", applied=True), Trouble("bomb", seconds=40.0))

_trouble = st.one_of(
    st.sampled_from(_UNANSWERED),
    st.sampled_from(_UNANSWERED),
    st.sampled_from(_THROTTLED),
    st.sampled_from(_LIMITS),
    st.sampled_from(_REFUSING),
    st.sampled_from(_SLOW),
)


@st.composite
def _script(draw: st.DrawFn) -> tuple[tuple[Trouble | None, ...], Trouble | None]:
    """The troubles of a vendor: mostly a few, sometimes one that stays."""
    how = draw(st.integers(0, 9))
    if how < 4:
        return (), None
    lead = (None,) * draw(st.integers(0, 6))
    few = draw(st.lists(st.one_of(st.none(), _trouble), min_size=1, max_size=8))
    if how == 8:
        few.append(draw(st.sampled_from(_STOPPING)))
    if how == 9:
        last = draw(st.sampled_from([*_UNANSWERED, *_STOPPING, *_REFUSING, *_THROTTLED[:3]]))
        return (*lead, *few), last
    if how == 7 and draw(st.integers(0, 4)) == 0:
        few.append(draw(st.sampled_from(_COSTLY)))
    return (*lead, *few), None


_RAISED = st.sampled_from(
    [
        OSError(5, f"cannot read {values.CANARY}"),
        ValueError(values.CANARY),
        RuntimeError(values.CANARY),
        KeyError(values.CANARY),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, values.CANARY),
        RecursionError(values.CANARY),
        MemoryError(),
        StopIteration(values.CANARY),
    ]
)
_LEDGER_TROUBLES = ("locked", "removed", "garbage", "read-only", "folder")


# -- the whole ------------------------------------------------------------------------------------------


@st.composite
def _options(draw: st.DrawFn, place: Place, source: str, ledger: str | None) -> dict[str, Any]:
    """Options of the push, few at a time."""
    options: dict[str, Any] = {}
    often = st.integers(0, 3)
    if draw(often) == 0:
        options["nulls"] = draw(st.sampled_from(["clear", "skip", "invalid"]))
    if draw(often) == 0:
        options["concurrency"] = draw(st.sampled_from([1, 2, 5]))
    if place.batch_limit > 1 and draw(often) < 3:
        options["batch_size"] = draw(st.sampled_from([2, 3, 10]))
    for name, choices in place.options.items():
        if draw(often) == 0:
            options[name] = draw(st.sampled_from(choices))
    rare = draw(st.integers(0, 19))
    if rare == 0:
        options["max_record_bytes"] = draw(st.sampled_from([1, 60, 2000]))
    elif rare == 1:
        options["max_changes"] = draw(st.sampled_from([0, 1, 5, "20%", "100%"]))
    elif rare == 2:
        options["partition"] = draw(st.sampled_from([(0, 1), (0, 2), (2, 3)]))
    elif rare == 3:
        options["action"] = "plan"
    elif rare == 4:
        options["if_empty"] = "ok"
    elif rare == 5:
        options["quota"] = draw(st.sampled_from(["1000/1s", "200/0.1s, 5000/1s"]))
    if ledger:
        how = draw(st.integers(0, 9))
        if how == 0 and options.get("write") != "put":
            options["changed_fields_only"] = True
        elif how == 1:
            options["ignore_ledger"] = True
        elif how == 2 and "action" not in options:
            options["action"] = "baseline"
    return options


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One push."""
    place = PLACES[draw(st.sampled_from(sorted(PLACES)))]
    source = draw(st.sampled_from(SOURCES))
    key_type = draw(st.sampled_from([None, None, *place.keys]))
    usual = key_type or next(iter(place.keys))
    fields = draw(_kinds(place))
    shapes = ["list", "mapping"] if source in TABLES else ["changes", "list", "mapping"]
    shape = draw(st.sampled_from(["changes"] if source == "outbox" else shapes))
    types = ()
    if source == "parquet":
        fitting = [
            [type_ for type_, kinds in _PARQUET.items() if place.fields[name] in kinds] for name in fields
        ]
        types = tuple(draw(st.sampled_from(["string", *names, *_PARQUET])) for names in fitting)
    ledger = draw(st.sampled_from([None, None, None, "shared", "shared", "own"]))
    versioned = draw(st.integers(0, 6)) == 0 and source != "outbox"
    versions: st.SearchStrategy[Any] = st.none()
    if versioned:
        kind = _INTS if draw(st.booleans()) else _INSTANTS
        versions = (
            kind if source in TABLES else st.one_of(kind, kind, kind, st.sampled_from([None, "abc", True]))
        )
        if source.startswith("csv"):
            versions = versions.map(str)
        elif source in {"parquet"}:
            versions = _INTS
    records = draw(
        _records(place, usual, source, fields, types, versions, draw(st.sampled_from([3, 8, 8, 30])))
    )
    script, tail = draw(_script())
    slow = any(one and one.kind in {"slow", "drip"} for one in script)
    trouble = draw(st.integers(0, 24))
    only = None
    if draw(st.integers(0, 9)) == 0 and source != "outbox":
        only = tuple(
            draw(st.lists(st.sampled_from([place.keys[usual](n) for n in range(PROFILES)]), max_size=4))
        )
    return Case(
        vendor=place.conn_type,
        source=source,
        fields=fields,
        records=records,
        shape=shape,
        types=types,
        options=draw(_options(place, source, ledger)),
        key_type=key_type,
        versioned=versioned,
        only=only,
        script=script,
        tail=tail,
        timeout=0.15 if slow else 10.0,
        breaks=(draw(st.integers(0, 8)), draw(_RAISED)) if source == "generator" and trouble < 6 else None,
        stop=(draw(st.sampled_from(["row", "request"])), draw(st.integers(1, 8)))
        if 6 <= trouble < 9
        else None,
        ledger=ledger,
        ledger_trouble=(draw(st.sampled_from(_LEDGER_TROUBLES)), draw(st.integers(0, 6)))
        if ledger == "own" and trouble in {9, 10, 11, 12, 13}
        else None,
        rejects=draw(
            st.sampled_from(["rejects.jsonl"] * 8 + ["rejects.jsonl.gz", "sub/folder/rejects.jsonl"])
        )
        if trouble != 14
        else draw(st.sampled_from(["", "blocked/rejects.jsonl", "taken", "x" * 300 + ".jsonl"])),
        delivered=draw(st.sampled_from(["delivered.jsonl", "delivered.txt", None]))
        if trouble != 15
        else draw(st.sampled_from(["blocked/keys.txt", "taken"])),
        disk=draw(st.sampled_from([0, 300, 3000])) if trouble == 16 else None,
        way=draw(st.sampled_from(["hook"] * 5 + ["task"])) if source != "outbox" else "hook",
        resumes=draw(st.booleans()) if not ledger and source not in {"generator", "sql", "outbox"} else False,
    )
