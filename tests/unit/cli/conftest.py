"""A sandbox for the commands, and connections that point at it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_profile_provider.sandbox import Sandbox, serve


@pytest.fixture(scope="package")
def running_sandbox() -> Iterator[Sandbox]:
    with serve(profiles=4, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as it was at the start, behind the default connections."""
    running_sandbox.reset()
    for name, connection in running_sandbox.connections().items():
        quiet = {**connection, "extra": {"quota": "none"}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(quiet))
    refused = running_sandbox.connections()["ocamba_default"] | {"password": "refused"}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_REFUSED", json.dumps(refused))
    return running_sandbox
