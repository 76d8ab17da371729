"""The scene of every test here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standins import Ocamba

from .scene import Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with Ocamba() as vendor:
        made = Scene(vendor, tmp_path, monkeypatch.setenv)
        made.connect()
        yield made
