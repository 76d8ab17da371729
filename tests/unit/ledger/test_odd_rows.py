"""A row that no vendor or ledger can take costs itself, and not the push."""

from __future__ import annotations

from typing import Any

import pytest
from standins import Ocamba

from .quick import push


def _deep() -> Any:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    return deep


ODD: dict[str, dict[str, Any]] = {
    "an integer of more digits than Python writes": {"comment": 10**5000},
    "a value nested too deeply": {"comment": _deep()},
    "half a surrogate pair for a key": {"id": "\ud800"},
    "a key with a null character": {"id": "a\0b"},
    "a key of 600 characters": {"id": "k" * 600},
    "a version of more than 64 bits": {"v": 17430755068336100383},
}


@pytest.mark.parametrize("odd", sorted(ODD))
def test_g1_one_odd_row_does_not_end_the_push(ocamba: Ocamba, odd: str) -> None:
    """It may be invalid, or sent and rejected."""
    rows = [{"id": str(n), "comment": "x", "name": "y", "v": n} for n in range(5)]
    report = push([*rows[:3], {**rows[3], **ODD[odd]}, rows[4]], version="v")
    assert report.received == 5
    assert [ocamba.profiles[key]["comment"] for key in "0124"] == ["x"] * 4
    assert report.pushed + report.invalid + report.rejected == 5
