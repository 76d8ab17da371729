"""An outbox in SQLite and in PostgreSQL, each in a database of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guarantees.fixtures import _repeatable, sandbox  # noqa: F401 -- fixtures
from guarantees.rig import Rig
from postgres import private_postgres
from sqlalchemy import create_engine, text

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.sandbox import Sandbox

from .table import Table


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with private_postgres(tmp_path_factory.mktemp("postgres")) as postgres:
        yield postgres


@pytest.fixture(params=["sqlite", "postgres"])
def outbox(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Table]:
    """An empty outbox; the connection "app" leads to it."""
    if request.param == "sqlite":
        connection = {"conn_type": "sqlite", "host": str(tmp_path / "app.db")}
        engine = create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    else:
        connection = request.getfixturevalue("server")
        parts = connection["host"], connection["login"], connection["password"] or "", connection["schema"]
        host, login, password, schema = parts
        engine = create_engine(f"postgresql+psycopg://{login}:{password}@/{schema}?host={host}")
    monkeypatch.setenv("AIRFLOW_CONN_APP", json.dumps(connection))
    table = Table(engine)
    table.make()
    yield table
    with engine.begin() as open_connection:
        open_connection.execute(text("drop table profile_outbox"))
    engine.dispose()


@pytest.fixture
def rig(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:  # noqa: F811 -- a fixture
    """Ocamba in the sandbox, with one attempt a request: what fails, fails at once."""
    from airflow_profile_provider.hooks.ocamba import OcambaHook

    sandbox.reset()
    monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(attempts=1, first_wait=0.001, longest_wait=0.001))
    yield Rig("ocamba", sandbox, monkeypatch.setenv)
    sandbox.clear_faults()
