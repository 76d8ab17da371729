"""A sandbox with a hundred profiles at each vendor, a ledger, and a source of a hundred rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.rig import registered
from airflow_profile_provider.sandbox import Sandbox, serve

from .scene import NUMBER, Scene


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with serve(profiles=NUMBER, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture(params=registered())
def scene(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    """A scene at every registered vendor in turn."""
    return Scene(request.param, sandbox, tmp_path, monkeypatch.setenv)


@pytest.fixture
def agilenow(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene("agilenow", sandbox, tmp_path, monkeypatch.setenv)


@pytest.fixture
def ocamba(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene("ocamba", sandbox, tmp_path, monkeypatch.setenv)
