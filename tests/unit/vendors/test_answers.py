"""An answer is JSON of a bounded depth, or nothing; however its brackets lie, and whatever its texts hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_profile_provider.vendor import Answer
from airflow_profile_provider.vendors.exchange import DEEPEST


def parsed(content: bytes) -> Any:
    return Answer(200, {}, content).parsed


def nested(levels: int, kinds: str, inner: str = "") -> bytes:
    """Arrays and objects inside each other."""
    opened = "".join('{"a":' if kinds[n % len(kinds)] == "{" else "[" for n in range(levels))
    closed = "".join("}" if kinds[n % len(kinds)] == "{" else "]" for n in reversed(range(levels)))
    return f"{opened}{inner or '0'}{closed}".encode()


@pytest.mark.parametrize("kinds", ["[", "{", "[{", "{[", "[[{"])
@pytest.mark.parametrize("inner", ["", '"]"', '"[[[{{"', '"\\"["'])
def test_an_answer_goes_so_deep_and_no_deeper(kinds: str, inner: str) -> None:
    assert parsed(nested(DEEPEST, kinds, inner)) is not None
    assert parsed(nested(DEEPEST + 1, kinds, inner)) is None
    assert parsed(nested(DEEPEST * 2, kinds, inner)) is None
    assert parsed(nested(100_000, kinds, inner)) is None


DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\:,a') | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="[]{}ab"), inner, max_size=3)
    ),
    max_leaves=30,
)


@settings(deadline=None)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=40))
def test_brackets_in_texts_change_nothing(documents: list[Any]) -> None:
    assert parsed(json.dumps(documents).encode()) == documents


def test_a_member_that_is_there_twice_with_two_values_says_nothing() -> None:
    assert parsed(b'[{"a": 1, "a": 1}]') == [{"a": 1}]
    assert parsed(b'[{"a": 1, "a": 2}]') is None
