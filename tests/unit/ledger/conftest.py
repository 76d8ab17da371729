"""Databases for the ledger, and a vendor beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from sqlalchemy import Engine
from standins import Ocamba

from airflow_profile_provider.adapters.databases import engine_of

from .quick import connections

N = 30


@pytest.fixture(scope="session")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A PostgreSQL of our own."""
    from postgres import private_postgres

    with private_postgres(tmp_path_factory.mktemp("ledger")) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Members of the ledger's connection; tables of an earlier test are gone."""
    if request.param == "sqlite":
        return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    found: dict[str, Any] = request.getfixturevalue("postgres_store")
    import psycopg

    with psycopg.connect(
        host=found["host"],
        port=found["port"],
        user=found["login"],
        password=found["password"],
        dbname=found["schema"],
        autocommit=True,
    ) as connection:
        connection.execute("drop view if exists profile_history")
        found_tables = "select tablename from pg_tables where tablename ~ '^profile_(ledger|history)'"
        for (table,) in connection.execute(found_tables).fetchall():
            connection.execute(f'drop table "{table}"')
    return found


@pytest.fixture
def engine(store: dict[str, Any]) -> Iterator[Engine]:
    """The ledger's database."""
    found = engine_of(Connection(conn_id="ledger", **store))
    yield found
    found.dispose()


@pytest.fixture
def ocamba(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]) -> Iterator[Ocamba]:
    """A vendor that knows a few profiles."""
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as vendor:
        for name, value in connections(vendor, store).items():
            monkeypatch.setenv(name, value)
        yield vendor
