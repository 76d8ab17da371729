"""Shares of a source: together they are the whole of it, and no key is in two."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.partition import in_partition, parse_partition, rows_in_partition
from airflow_profile_provider.sources.rows import rows_of
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.ocamba import Ocamba

KEYS = st.text() | st.integers() | st.uuids() | st.none() | st.floats() | st.booleans() | st.binary()
CONTENTS = st.fixed_dictionaries({"id": KEYS}, optional={"name": st.text()}) | st.just({"name": "no key"})
BAD = st.tuples(st.text() | CONTENTS, st.text(min_size=1))


key_in = Mapper(Ocamba(Access("http://127.0.0.1")), FieldMapping(key="id", fields=["full_name"])).key_in


def shares(contents: list[Any], number: int) -> list[list[Row]]:
    rows = list(rows_of(contents))
    return [list(rows_in_partition(rows, (index, number), key_in)) for index in range(number)]


def shares_of(content: Any, number: int = 997) -> list[int]:
    return [index for index, rows in enumerate(shares([content], number)) if rows]


@given(st.lists(CONTENTS), st.lists(BAD), st.integers(1, 9))
def test_every_row_is_in_exactly_one_share(contents: list[Any], bad: list[Any], number: int) -> None:
    """Rows without a usable key, and those that could not be read, too."""
    rows = [Row(position, content) for position, content in enumerate(contents, 1)]
    rows += [
        Row(len(contents) + at, content, problem=problem) for at, (content, problem) in enumerate(bad, 1)
    ]
    found = Counter(
        row.position for index in range(number) for row in rows_in_partition(rows, (index, number), key_in)
    )
    assert found == Counter(row.position for row in rows)


@given(st.text() | st.integers(), st.integers(1, 9))
def test_a_key_is_in_exactly_one_share(key: str | int, number: int) -> None:
    assert sum(in_partition(str(key), (index, number)) for index in range(number)) == 1


@given(st.lists(CONTENTS, min_size=2), st.randoms(), st.integers(1, 9))
def test_a_row_stays_in_its_share_when_the_source_comes_in_another_order(
    contents: list[Any], random: Any, number: int
) -> None:
    """As the rows of a query may, that each task runs for itself."""
    shuffled = list(contents)
    random.shuffle(shuffled)
    for before, after in zip(shares(contents, number), shares(shuffled, number), strict=True):
        assert Counter(repr(row.content) for row in before) == Counter(repr(row.content) for row in after)


@pytest.mark.parametrize("same", [5, "5", Decimal(5), Decimal("5.0")])
def test_what_the_planner_takes_for_one_key_is_in_one_share(same: Any) -> None:
    assert shares_of({"id": same}) == shares_of({"id": 5})


def test_a_uuid_and_its_text_are_one_key() -> None:
    text = "6f1c3a52-0d3e-4a55-9f0e-3d2b1c0a9e8f"
    assert shares_of({"id": UUID(text)}) == shares_of({"id": text})


def test_spaces_belong_to_a_key_as_the_planner_has_it() -> None:
    assert shares_of({"id": " 5"}) != shares_of({"id": "5"})


def test_a_rejected_change_goes_by_its_own_key() -> None:
    """Its line names the key "key", whatever the column of the mapping."""
    line = {"key": "5", "fields": {}, "verdict": "failed", "reason": "x", "position": 7}
    assert shares_of(line) == shares_of({"id": "5"})


def test_a_row_without_a_key_is_in_one_share_wherever_its_values_lie_in_memory() -> None:
    """Two tasks read it, each for itself."""
    one, other = ({"id": None, "name": memoryview(bytearray(b"x"))} for _ in range(2))
    assert shares_of(one) == shares_of(other)


def test_the_hash_is_the_same_in_every_version() -> None:
    """Tasks of one push may run on machines with different versions of the package."""
    found = {key: next(index for index in range(10) if in_partition(key, (index, 10))) for key in "abcdé"}
    assert found == {"a": 0, "b": 6, "c": 3, "d": 3, "é": 8}


def test_shares_are_about_even() -> None:
    sizes = [len(share) for share in shares([{"id": number} for number in range(10_000)], 4)]
    assert all(2300 < size < 2700 for size in sizes)


def test_a_row_too_deep_to_be_written_down_is_still_in_one_share() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(shares_of({"id": None, "name": deep}, number=5)) == 1
    assert len(shares_of({"id": 10**5000}, number=5)) == 1
    while deep:  # or taking it apart would go as deep
        deep = deep[0]


def test_half_a_surrogate_pair_in_a_key_does_not_end_the_push() -> None:
    assert len(shares_of({"id": "\ud800"}, number=5)) == 1


@pytest.mark.parametrize("value", [(0, 1), (3, 4), [0, 2]])
def test_a_partition_is_a_share_of_a_number(value: Any) -> None:
    assert parse_partition(value) == tuple(value)


def test_no_partition_is_the_whole_source() -> None:
    assert parse_partition(None) is None


@pytest.mark.parametrize(
    "value",
    [(4, 4), (-1, 4), (0, 0), (0,), (0, 1, 2), (0.0, 2), (False, True), ("0", "2"), "02", 1, {0: 2}, ()],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="partition must be"):
        parse_partition(value)
