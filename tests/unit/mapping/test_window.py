"""The queue of changes that wait: what is coalesced, and in which order they leave."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.mapping.window import Window
from airflow_profile_provider.records import Change


def test_a_later_change_takes_the_earlier_ones_place_and_keeps_its_other_fields() -> None:
    window = Window(10)
    window.add(Change("a", {"x": 1, "y": 1}, "id", 1))
    window.add(Change("a", {"y": 2}, "id", 2))
    (planned,) = window.take(5, ())
    assert planned.change.fields == {"x": 1, "y": 2}
    assert [part.position for part in planned.parts] == [1, 2]


@pytest.mark.parametrize(
    ("older", "newer"), [(1, 2), ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00")]
)
def test_an_older_version_never_takes_a_newer_ones_place(older: Any, newer: Any) -> None:
    window = Window(10)
    window.add(Change("a", {"x": "new"}, "id", 1, newer))
    window.add(Change("a", {"x": "old"}, "id", 2, older))
    (planned,) = window.take(5, ())
    assert (planned.change.fields, planned.change.version) == ({"x": "new"}, newer)


def test_changes_with_relationships_are_not_coalesced() -> None:
    window = Window(10)
    for target in ("con_1", "con_2"):
        window.add(Change("a", {}, "id", 1, relationships={"$contact": {"add": [target]}}))
    assert len(window.take(5, ())) == 1
    assert len(window.take(5, ())) == 1


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60),
    st.integers(1, 4),
    st.integers(1, 8),
    st.data(),
)
def test_the_window_loses_nothing_and_keeps_the_order_of_each_key(
    source: list[tuple[str, bool]], size: int, limit: int, data: st.DataObject
) -> None:
    window, taken = Window(limit), []
    waiting = [
        Change(key, {"n": n}, "id", n, relationships={"r": {"add": ["x"]}} if linked else {})
        for n, (key, linked) in enumerate(source)
    ]
    while True:
        while waiting and not window.full:
            window.add(waiting.pop(0))
        busy = data.draw(st.sets(st.sampled_from("abcdef"), max_size=3))
        batch = window.take(size, {("id", key) for key in busy}) or window.take(size, ())
        if not batch:
            break
        assert len({planned.identity for planned in batch}) == len(batch)
        taken += batch
    positions = [part.position for planned in taken for part in planned.parts]
    assert sorted(positions) == list(range(len(source)))
    for key in "abcdef":
        own = [part.position for planned in taken if planned.change.key == key for part in planned.parts]
        assert own == sorted(own)
