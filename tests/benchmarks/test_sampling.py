"""A sampler names what a push is busy with."""

from __future__ import annotations

import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any

import pytest

from benchmarks import sampling

PACKAGE = f"/anywhere/{sampling.PACKAGE}"


def frame_of(*called: tuple[str, str]) -> FrameType:
    """Return the innermost frame of functions that call one another, outermost first: file and name."""
    found: list[FrameType] = []
    inner: Any = lambda: found.append(sys._getframe())  # noqa: E731 -- its code is renamed
    for file, name in reversed(called):
        inner = _renamed(inner, file, name)
    inner()
    return found[0].f_back or found[0]


def _renamed(inner: Any, file: str, name: str) -> Any:
    def calls() -> None:
        inner()

    code: CodeType = calls.__code__.replace(co_filename=file, co_name=name)
    calls.__code__ = code
    return calls


@pytest.mark.parametrize(
    ("called", "part"),
    [
        ([("/lib/other.py", "work")], sampling.AIRFLOWS),
        ([(f"{PACKAGE}/push/push.py", "run"), ("/lib/other.py", "work")], sampling.REST),
        ([(f"{PACKAGE}/push/push.py", "run"), (f"{PACKAGE}/ledger/session.py", "claim")], sampling.LEDGER),
        (
            [(f"{PACKAGE}/adapters/ledgers.py", "open"), ("/sdk/hook.py", "get_connection")],
            sampling.CONNECTIONS,
        ),
        (
            [(f"{PACKAGE}/ledger/session.py", "claim"), (f"{PACKAGE}/sources/sql.py", "rows")],
            sampling.READING,
        ),
        ([("<frozen importlib._bootstrap>", "_load"), (f"{PACKAGE}/ledger/lease.py", "x")], sampling.IMPORTS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_innermost_known_function_names_the_part(called: list[tuple[str, str]], part: str) -> None:
    assert sampling.part_of(frame_of(*called)) == part


def test_the_parts_add_up_to_the_time_that_it_looked() -> None:
    begun = time.perf_counter()
    sampler = sampling.Sampler.begun()
    threading.Event().wait(0.05)
    parts = sampler.ended()
    assert 0 < sum(parts.values()) <= time.perf_counter() - begun
