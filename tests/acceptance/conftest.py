"""Rigs, one for each vendor that the provider registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .rig import Rig, registered
from .samples import SAMPLES

OpenRig = Callable[[str], Rig]


@pytest.fixture
def open_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRig]:
    """Set up the rig of a vendor by its connection type."""
    with ExitStack() as stack:

        def setup(conn_type: str) -> Rig:
            if conn_type not in SAMPLES:
                pytest.fail(f"{conn_type} is registered, but has no sample in samples.py")
            stand_in = stack.enter_context(SAMPLES[conn_type].stand_in())
            return Rig(conn_type, stand_in, monkeypatch)

        yield setup


@pytest.fixture(params=registered())
def rig(request: pytest.FixtureRequest, open_rig: OpenRig) -> Rig:
    """The rig of every registered vendor in turn."""
    return open_rig(request.param)
