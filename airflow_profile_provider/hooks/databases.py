"""SQLAlchemy engines for Airflow connections: SQLite and PostgreSQL by ourselves, others by their hooks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.sql_source import error_name

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 10
_POOL = {"pool_size": 2, "max_overflow": 3}
_SQLITE_EXTRAS = ("mode", "cache", "immutable", "nolock", "vfs")
_FIELDS = frozenset({"host", "port", "user", "password", "dbname"})
_CLOUD_LOGINS = ("iam", "redshift", "redshift-serverless", "azure_conn_id")


def engine_of(connection: Connection, *, create: bool = True, write: bool | None = None) -> Engine:
    """Return an engine for an Airflow connection, once it has connected.

    With ``create=False``, an SQLite file must be there and stays as it is: nothing is written to it, unless
    ``write`` says so.

    Raises:
        ConfigurationError: the provider or the driver is missing, or the database cannot be reached.
    """
    who = f"connection {connection.conn_id!r}"
    try:
        engine = _engine(connection, who, create, create if write is None else write)
    except ImportError as error:
        raise ConfigurationError(f"{who}: {error.name} is missing{_remedy(connection)}") from None
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
        raise _unusable(who, error) from None
    try:
        engine.connect().close()
    except Exception as error:  # noqa: BLE001 -- as above
        engine.dispose()
        raise _unusable(who, error) from None
    return engine


def _engine(connection: Connection, who: str, create: bool, write: bool) -> Engine:
    if connection.conn_type == "sqlite":
        return _sqlite(connection, who, create, write)
    if connection.conn_type in {"postgres", "postgresql"}:
        return _postgres(connection, who)
    return _by_hook(connection, who)


def _remedy(connection: Connection) -> str:
    if connection.conn_type in {"postgres", "postgresql"}:
        return ": pip install 'airflow-profile-provider[postgres]'"
    return f"; install it for Airflow's connections of type {connection.conn_type}"


def _unusable(who: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{who} cannot be used ({error_name(error)}); check that connection")


def _sqlite(connection: Connection, who: str, create: bool, write: bool) -> Engine:
    from sqlalchemy import URL, create_engine, event
    from sqlalchemy.pool import QueuePool

    path = (connection.host or "") + (f"/{connection.schema}" if connection.schema else "")
    if path in {"", ":memory:"}:
        raise ConfigurationError(f"{who}: host must name a file; what is in memory is gone with the task")
    if path.startswith("/"):
        path = f"/{path.lstrip('/')}"
    extra = connection.extra_dejson
    options = {name: quote(str(extra[name])) for name in _SQLITE_EXTRAS if extra.get(name) is not None}
    if not create:
        options.setdefault("mode", "rw")
    engine = create_engine(
        URL.create("sqlite", database=f"file:{quote(path)}", query={**options, "uri": "true"}),
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        poolclass=QueuePool,
        hide_parameters=True,
        **_POOL,
    )
    if create or not write:
        event.listen(engine, "connect", _write_ahead if create else _only_read)
    return engine


def _write_ahead(raw: Any, _: Any) -> None:
    """Let readers and a writer work at once, where the file allows it."""
    with suppress(sqlite3.OperationalError):  # read-only, or others are at work in it
        raw.execute("pragma journal_mode = wal")


def _only_read(raw: Any, _: Any) -> None:
    """Refuse what writes: SQLite would commit a drop on the spot."""
    raw.execute("pragma query_only = on")


def _postgres(connection: Connection, who: str) -> Engine:
    import psycopg
    from sqlalchemy import URL, create_engine

    extra = connection.extra_dejson
    if cloud := [name for name in _CLOUD_LOGINS if extra.get(name)]:
        raise ConfigurationError(
            f"{who}: extra {', '.join(cloud)} is not supported here; give login and password"
        )
    query = extra.get("sqlalchemy_query")
    given = {**(query if isinstance(query, Mapping) else {}), **extra}
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} - _FIELDS
    options = {name: value for name, value in given.items() if name in known and value is not None}
    if "prepare_threshold" in given:  # psycopg's own: null for a pooler that cannot keep statements
        options["prepare_threshold"] = given["prepare_threshold"]
    # The credential stays out of the URL, which engines show.
    credential = {"user": connection.login or None, "password": connection.password or None}
    return create_engine(
        URL.create(
            "postgresql+psycopg",
            host=connection.host or None,
            port=connection.port or None,
            database=connection.schema or None,
        ),
        connect_args={"connect_timeout": _CONNECT_SECONDS, **options, **credential},
        pool_pre_ping=True,
        hide_parameters=True,
        **_POOL,
    )


def _by_hook(connection: Connection, who: str) -> Engine:
    from airflow.sdk.exceptions import AirflowException

    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException:
        raise ConfigurationError(
            f"{who}: no provider for connections of type {connection.conn_type} is installed; install the "
            "one that has it"
        ) from None
    if not hasattr(hook, "get_sqlalchemy_engine"):
        raise ConfigurationError(f"{who}: a connection of type {connection.conn_type} is no SQL database")
    engine: Engine = hook.get_sqlalchemy_engine()
    return engine
