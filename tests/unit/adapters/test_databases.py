"""Engines for Airflow connections: which databases, with which settings, and what is said when not."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Connection
from postgres import private_postgres
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import OperationalError
from warehouses import register

from airflow_profile_provider.adapters.databases import database_of, engine_of
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.sources.engines import EngineDatabase

SECRET = "S3cr3t-passw0rd"


@pytest.fixture(scope="module")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with private_postgres(tmp_path_factory.mktemp("postgres")) as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some data?#%20.db"


def connect(conn_type: str, extra: Any = None, **members: Any) -> Connection:
    return Connection(
        conn_id="warehouse", conn_type=conn_type, extra=json.dumps(extra) if extra else None, **members
    )


def ask(engine: Engine, sql: str) -> Any:
    """Return the first value of a query, and leave nothing open."""
    try:
        with engine.connect() as connection:
            return connection.execute(text(sql)).scalar()
    finally:
        engine.dispose()


def test_the_host_of_an_sqlite_connection_is_its_file(file: Path) -> None:
    assert ask(engine_of(connect("sqlite", host=str(file))), "select 1") == 1
    assert file.exists()


def test_an_sqlite_connection_may_be_relative(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    ask(engine_of(connect("sqlite", host=file.name)), "select 1")
    assert file.exists()


@pytest.mark.parametrize("slashes", ["sqlite:///", "sqlite:////"])
def test_an_sqlite_connection_may_be_a_uri(tmp_path: Path, slashes: str) -> None:
    """As Airflow's own hook reads it: what it takes for the schema is the rest of the path."""
    file = tmp_path / "uri.db"
    ask(engine_of(Connection.from_uri(slashes + str(file).lstrip("/"), conn_id="x")), "select 1")
    assert file.exists()


def test_a_writer_of_sqlite_waits_for_another_and_writes_ahead(file: Path) -> None:
    assert ask(engine_of(connect("sqlite", host=str(file))), "pragma busy_timeout") == 30_000
    assert ask(engine_of(connect("sqlite", host=str(file))), "pragma journal_mode") == "wal"


def test_a_file_that_cannot_write_ahead_is_used_as_it_is(file: Path) -> None:
    sqlite3.connect(file).execute("create table t (x)").connection.close()
    engine = engine_of(connect("sqlite", {"mode": "ro"}, host=str(file)))
    assert ask(engine, "pragma journal_mode") == "delete"


def test_an_sqlite_engine_may_be_used_by_several_threads(file: Path) -> None:
    engine = engine_of(connect("sqlite", host=str(file)))
    connection, found = engine.connect(), []
    thread = threading.Thread(target=lambda: found.append(connection.execute(text("select 1")).scalar()))
    thread.start()
    thread.join()
    connection.close()
    engine.dispose()
    assert found == [1]


def test_a_source_that_is_not_there_is_not_made(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="SQLITE_CANTOPEN"):
        engine_of(connect("sqlite", host=str(file)), create=False)
    assert not file.exists()


def test_a_source_is_left_as_it_is(file: Path) -> None:
    sqlite3.connect(file).execute("create table t (x)").connection.close()
    before = file.read_bytes()
    engine = engine_of(connect("sqlite", host=str(file)), create=False)
    assert ask(engine, "select count(*) from t") == 0
    with pytest.raises(Exception, match="readonly"):
        ask(engine, "drop table t")
    assert file.read_bytes() == before


@pytest.mark.parametrize("mode", [None, "rwc"])
def test_a_file_that_is_taken_away_is_missed_and_not_made_again(file: Path, mode: str | None) -> None:
    engine = engine_of(connect("sqlite", {"mode": mode} if mode else None, host=str(file)))
    ask(engine, "select 1")
    for each in file.parent.iterdir():
        each.unlink()
    with pytest.raises(OperationalError):
        ask(engine, "create table t (n integer)")
    assert not file.exists()


@pytest.mark.parametrize("host", [None, "", ":memory:"])
def test_a_database_in_memory_is_refused(host: str | None) -> None:
    with pytest.raises(ConfigurationError, match="host must name a file"):
        engine_of(connect("sqlite", host=host))


def test_a_postgres_connection_needs_no_provider_of_airflow(postgres_store: dict[str, Any]) -> None:
    engine = engine_of(Connection(conn_id="x", **postgres_store))
    assert engine.dialect.driver == "psycopg"
    assert ask(engine, "select current_database()") == postgres_store["schema"]


def test_extras_that_postgresql_knows_are_passed_on_and_others_are_not(
    postgres_store: dict[str, Any],
) -> None:
    extra = {
        "application_name": "profiles",
        "sslmode": "prefer",
        "sqlalchemy_query": {"options": "-c statement_timeout=1234"},
        "fingerprint_key": SECRET,
        "cursor": "dictcursor",
    }
    connection = Connection(conn_id="x", **postgres_store, extra=json.dumps(extra))
    assert ask(engine_of(connection), "select current_setting('application_name')") == "profiles"
    assert ask(engine_of(connection), "select current_setting('statement_timeout')") == "1234ms"


def test_sslmode_is_obeyed(postgres_store: dict[str, Any]) -> None:
    """The server has no certificate, so what demands one cannot connect."""
    required = {**postgres_store, "host": "127.0.0.1", "extra": json.dumps({"sslmode": "require"})}
    with pytest.raises(ConfigurationError, match=r"cannot be used \(OperationalError\)"):
        engine_of(Connection(conn_id="x", **required))


def test_the_password_is_not_in_the_engine() -> None:
    from airflow_profile_provider.adapters import databases

    connection = connect("postgres", host="h", login="ada", password=SECRET, schema="d")
    url = databases._postgres(connection, "x").url.render_as_string(hide_password=False)
    assert url == "postgresql+psycopg://h/d"


def test_a_login_of_a_cloud_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="extra iam is not supported"):
        engine_of(connect("postgres", {"iam": True}, host="h"))


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"psycopg .*'airflow-profile-provider\[postgres\]'"):
        engine_of(connect("postgres", host="h"))


@pytest.mark.parametrize(
    "members",
    [
        {"conn_type": "postgres", "host": "127.0.0.1", "port": 1},
        {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "extra": {"sslmode": SECRET}},
        {"conn_type": "sqlite", "host": "/nowhere/at/all.db"},
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_its_secrets(members: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"'warehouse' cannot be used \(\w+") as caught:
        engine_of(connect(**members, login=SECRET, password=SECRET))
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", ["often", "1.5", True, [5], {"a": 1}, 10**30])
def test_a_number_of_statements_that_is_none_is_named(value: Any) -> None:
    """Kind 15: by the extra's name, as everywhere."""
    with pytest.raises(ConfigurationError, match="'warehouse': extra prepare_threshold must be a whole"):
        engine_of(connect("postgres", {"prepare_threshold": value}, host="127.0.0.1"))


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    file.write_bytes(b"id,name\n" * 1000)
    with pytest.raises(ConfigurationError, match="SQLITE_NOTADB"):
        engine_of(connect("sqlite", host=str(file)))


class WarehouseHook(DbApiHook):
    """As the hook of any other provider; the driver that its address names is the connection's host."""

    conn_name_attr = "warehouse_conn_id"
    default_conn_name = "warehouse_default"
    conn_type = "warehouse"

    @property
    def sqlalchemy_url(self) -> URL:
        return URL.create(str(self.connection.host), database=self.connection.schema)


@pytest.fixture
def warehouse() -> None:
    """A provider whose connection type is "warehouse"."""
    register(WarehouseHook)


def by_hook(monkeypatch: pytest.MonkeyPatch, driver: str, file: Path) -> Engine:
    members = {"conn_type": "warehouse", "host": driver, "schema": str(file), "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(members))
    return engine_of(Connection.get("warehouse"))


@pytest.mark.usefixtures("warehouse")
def test_other_databases_are_reached_through_their_hook(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    assert ask(by_hook(monkeypatch, "sqlite", file), "select 1") == 1
    assert file.exists()


@pytest.mark.usefixtures("warehouse")
def test_a_query_is_asked_by_sqlalchemy_where_a_hook_has_no_driver_of_its_own(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    by_hook(monkeypatch, "sqlite", file).dispose()
    found = database_of(Connection.get("warehouse"), away=SourceError)
    assert isinstance(found, EngineDatabase)
    found.close()


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("driver", "remedy"),
    [("mysql+mysqldb", "MySQLdb is missing; install it"), ("nonsense", "NoSuchModuleError")],
)
def test_a_hook_whose_driver_is_missing_says_so(
    monkeypatch: pytest.MonkeyPatch, file: Path, driver: str, remedy: str
) -> None:
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        by_hook(monkeypatch, driver, file)
    assert SECRET not in str(caught.value)


def test_a_connection_type_without_a_provider_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no provider for connections of type nonsense"):
        engine_of(connect("nonsense", host="h", password=SECRET))


def test_a_connection_that_is_no_database_is_named() -> None:
    with pytest.raises(ConfigurationError, match="type http is not an SQL database"):
        engine_of(connect("http", host="h", password=SECRET))
