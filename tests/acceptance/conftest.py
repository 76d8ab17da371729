"""Benches, one for each vendor that the provider registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .bench import Bench, registered
from .samples import SAMPLES

OpenBench = Callable[[str], Bench]


@pytest.fixture
def open_bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenBench]:
    """Set up the bench of a vendor by its connection type."""
    with ExitStack() as stack:

        def setup(conn_type: str) -> Bench:
            if conn_type not in SAMPLES:
                pytest.fail(f"{conn_type} is registered, but has no sample in samples.py")
            stand_in = stack.enter_context(SAMPLES[conn_type].stand_in())
            return Bench(conn_type, stand_in, monkeypatch)

        yield setup


@pytest.fixture(params=registered())
def bench(request: pytest.FixtureRequest, open_bench: OpenBench) -> Bench:
    """The bench of every registered vendor in turn."""
    return open_bench(request.param)
