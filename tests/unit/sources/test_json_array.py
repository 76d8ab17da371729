"""Arrays in JSON: read as a stream, each record for itself, and what is no array is said to be none."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.json_array import rows_of_json
from airflow_profile_provider.sources.json_rows import JsonReader
from airflow_profile_provider.sources.reading import Reading


def read(content: bytes | str, size: int = 1 << 18, **how: Any) -> list[Row]:
    """Read an array that arrives in pieces of some bytes."""
    raw = content if isinstance(content, bytes) else content.encode()
    pieces = (raw[start : start + size] for start in range(0, len(raw), size))
    return list(rows_of_json("people.json", pieces, Reading(**how)))


def broken(content: str) -> tuple[int, str]:
    """Read as far as that goes: how many records came, and why no more did."""
    rows = rows_of_json("people.json", iter([content.encode()]), Reading())
    number = 0
    with pytest.raises(SourceError) as raised:
        for _ in rows:
            number += 1
    return number, str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.text(min_size=1), JSON, max_size=3), max_size=6),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
    st.integers(1, 40),
)
def test_every_record_arrives_whatever_the_layout_and_the_pieces(
    records: list[dict[str, Any]], indent: Any, ascii_only: bool, size: int
) -> None:
    text = json.dumps(records, indent=indent, ensure_ascii=ascii_only)
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return
    rows = read(raw, size)
    assert [row.position for row in rows] == list(range(1, len(records) + 1))
    exact = JsonReader().read(json.dumps(records))
    assert [(row.content, row.problem) for row in rows] == [(record, "") for record in exact]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"a": 1,, "b": []}', "is not valid JSON"),
        ('{"a": "x"} {"a": 2}', "no comma"),
        ('{"a": "\n"}', "Invalid control character"),
        ("nul", "is not valid JSON"),
        ("", "is empty"),
        ('"text, with ] and }"', "is not a JSON object"),
        ("[1, 2]", "is not a JSON object"),
        ('{"a": "\\q"}', "is not valid JSON"),
        ('{"a": 1, "a": 2}', "more than once"),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "number"),
    ],
)
@pytest.mark.parametrize("size", [3, 1 << 18])
def test_a_record_that_cannot_be_read_costs_itself_alone(bad: str, problem: str, size: int) -> None:
    rows = read(f'[{{"a": 1}}, {bad}, {{"a": "]"}}]', size)
    assert [bool(row.problem) for row in rows] == [False, True, False]
    assert problem in rows[1].problem
    assert rows[2].content == {"a": "]"}


def test_bytes_that_are_no_utf_8_cost_their_record_alone() -> None:
    rows = read(b'[{"a": "M\xfcller"}, {"a": "M\xc3\xbcller"}]')
    assert [row.problem[:12] for row in rows] == ["is not UTF-8", ""]


@pytest.mark.parametrize("size", [1000, 1 << 18])
def test_a_record_that_is_too_large_is_passed_over(size: int) -> None:
    large = json.dumps({"a": "[" * 300_000})
    rows = read(f'[{{"a": 1}}, {large}, {{"a": 2}}]', size, max_record_bytes=10)
    assert [row.problem[:27] for row in rows] == ["", "has more than 65,536 bytes;", ""]
    assert len(rows[1].content) < 300


@pytest.mark.parametrize(
    ("content", "number", "why"),
    [
        ('[{"a": 1}, {"a": 2', 1, "was cut off"),
        ('[{"a": 1}', 1, "was cut off"),
        ('[{"a": "1}, {"a": 2}]', 0, "a quote or bracket is open"),
        ('[{"a": 1}]\n[{"a": 2}]', 1, "goes on behind its array, after record 1"),
    ],
)
def test_what_comes_before_the_end_of_a_broken_array_is_handed_out(
    content: str, number: int, why: str
) -> None:
    found, said = broken(content)
    assert found == number
    assert why in said


@pytest.mark.parametrize("content", ["[]", " [ ] \n", "", " \n"])
def test_an_array_may_be_empty(content: str) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    "content",
    [
        '{\n  "data": [{"id": 1}]\n}\n',
        '{"data": [\n  {"id": 1}\n]}\n',
        '{"data": [{"id": 1}], "next": null}',
    ],
)
def test_one_object_around_the_records_is_refused(content: str) -> None:
    with pytest.raises(SourceError, match=r"people\.json is one JSON object, not an array of records"):
        read(content, columns=["id"])


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ('{"id": 1}\n{"id": 2}\n', [False, False]),
        ('{"id": 1\n{"id": 2}\n', [True, False]),
        ('{"id": 1}', [False]),
        ('\n{"id": 1, "tags": [{"a": 1}]}\n', [False]),
    ],
)
def test_json_lines_may_have_that_ending_too(content: str, problems: list[bool]) -> None:
    assert [bool(row.problem) for row in read(content, columns=["id"])] == problems


def test_a_line_of_the_rejects_in_an_array_is_the_row_it_was() -> None:
    line = {"row": {"id": "1"}, "text": True, "verdict": "invalid", "reason": "x", "position": 4}
    (row,) = read(json.dumps([line | {"place": "a.csv:4"}]))
    assert (row.content, row.text, row.replayed) == ({"id": "1"}, True, True)


@pytest.mark.long
def test_memory_does_not_grow_with_the_array() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"["
        for number in range(300):
            yield b'{"id": 1, "text": "%s"},' % (b"x" * 50) * 1000 + b"\n"
            if number == 150:
                yield b'"' + b"y" * 3_000_000 + b'",'
        yield b"{}]"

    tracemalloc.start()
    number = sum(1 for _ in rows_of_json("people.json", pieces(), Reading(max_record_bytes=1000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 300_002
    assert peak < 12_000_000
