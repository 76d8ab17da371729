"""Warehouses for the tests of sources: a file of SQLite and of DuckDB, a MariaDB and a PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from mariadb import private_mariadb
from postgres import private_postgres
from warehouses import DuckDBHook, MySqlHook, register

from airflow_profile_provider.adapters.databases import database_of
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.cursors import CursorDatabase
from airflow_profile_provider.sources.engines import EngineDatabase

Store = dict[str, Any]
Opened = EngineDatabase | CursorDatabase
KINDS = ["duckdb", "mysql", "postgres", "sqlite"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warehouses")


@pytest.fixture(scope="package")
def mysql() -> Iterator[Store]:
    with private_mariadb() as store:
        yield store


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[Store]:
    with private_postgres(folder / "postgres") as store:
        yield store


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, folder: Path, request: pytest.FixtureRequest) -> Store:
    if kind == "sqlite":
        (folder / "people.sqlite").touch()
    if kind == "duckdb":
        pytest.importorskip("duckdb")
    if kind in {"sqlite", "duckdb"}:
        return {"conn_type": kind, "host": str(folder / f"people.{kind}")}
    found: Store = request.getfixturevalue(kind)
    return found


@pytest.fixture
def database(kind: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    register(DuckDBHook)
    register(MySqlHook)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(store))
    found = database_of(Connection.get("warehouse"), away=SourceError)
    yield found
    found.close()
