"""SQLAlchemy engines for Airflow connections: SQLite and PostgreSQL by ourselves, others by their hooks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_profile_provider.adapters.addresses import (
    POSTGRES,
    makes_sqlite_file,
    postgres_options,
    sqlite_options,
    sqlite_path,
)
from airflow_profile_provider.adapters.deadlines import answering_within
from airflow_profile_provider.errors import ConfigurationError, ProfileError
from airflow_profile_provider.outages import outage_of, ridden_out
from airflow_profile_provider.private_files import keep_database_private

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection
    from sqlalchemy import Engine

ANSWER_SECONDS = 30.0
"""How long a database that keeps a ledger may take for one statement, and SQLite for a lock."""
_POOL = {"pool_size": 2, "max_overflow": 3}


def engine_of(
    connection: Connection,
    *,
    create: bool = True,
    write: bool | None = None,
    away: type[ProfileError] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Engine:
    """Return an engine for an Airflow connection, once it has connected.

    With ``create=False``, an SQLite file must be there and stays as it is: nothing is written to it, unless
    ``write`` says so; and a query may take as long as it likes.

    ``away`` is what is raised where a database does not answer, and a later try may help; it is waited for
    until then, in ``sleep``, which may raise what ends the wait. None makes no difference between that and a
    connection that is wrong, and waits for nothing.

    Raises:
        ConfigurationError: the provider or the driver is missing, or the connection is wrong or refused.
    """
    who = f"connection {connection.conn_id!r}"
    try:
        engine = _engine(connection, who, create, create if write is None else write)
    except ImportError as error:
        raise ConfigurationError(f"{who}: {error.name} is missing{_remedy(connection)}") from None
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
        raise _unusable(who, error, None) from None
    try:
        connect = engine.connect if away is None else lambda: ridden_out(engine.connect, sleep=sleep)
        connect().close()
    except BaseException as error:
        engine.dispose()
        if isinstance(error, ProfileError) or not isinstance(error, Exception):
            raise
        raise _unusable(who, error, away) from None
    return engine


def _engine(connection: Connection, who: str, create: bool, write: bool) -> Engine:
    if connection.conn_type == "sqlite":
        return _sqlite(connection, create, write)
    if connection.conn_type in POSTGRES:
        return _postgres(connection, ANSWER_SECONDS if create else None)
    return _by_hook(connection, who)


def _remedy(connection: Connection) -> str:
    if connection.conn_type in POSTGRES:
        return ": pip install 'airflow-profile-provider[postgres]'"
    return f"; install it for Airflow's connections of type {connection.conn_type}"


def _unusable(who: str, error: Exception, away: type[ProfileError] | None) -> ProfileError:
    outage = outage_of(error)
    kind = away if away and outage.passing else ConfigurationError
    return kind(f"{who} cannot be used {outage.check('that connection')}")


def _sqlite(connection: Connection, create: bool, write: bool) -> Engine:
    from sqlalchemy import URL, create_engine, event
    from sqlalchemy.pool import QueuePool

    path, options = sqlite_path(connection), sqlite_options(connection)
    if create:
        keep_database_private(path, make=makes_sqlite_file(connection))
    # It is there by now: one that goes away meanwhile is missed, not made again, empty and open to all.
    if options.get("mode") in {None, "rwc"}:
        options["mode"] = "rw"
    engine = create_engine(
        URL.create("sqlite", database=f"file:{quote(path)}", query={**options, "uri": "true"}),
        connect_args={"timeout": ANSWER_SECONDS, "check_same_thread": False},
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


def _postgres(connection: Connection, answer_seconds: float | None) -> Engine:
    from sqlalchemy import URL, create_engine, event

    options = postgres_options(connection)
    engine = create_engine(
        # The credential stays out of the URL, which engines show.
        URL.create(
            "postgresql+psycopg",
            host=options.pop("host", None),
            port=int(options.pop("port", 0)) or None,
            database=options.pop("dbname", None),
        ),
        connect_args=options,
        pool_pre_ping=True,
        hide_parameters=True,
        **_POOL,
    )
    if answer_seconds is not None:
        kind = answering_within(answer_seconds)
        event.listen(
            engine, "do_connect", lambda dialect, record, given, named: kind.connect(*given, **named)
        )
    return engine


def _by_hook(connection: Connection, who: str) -> Engine:
    from airflow.providers.common.compat.sdk import AirflowException

    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException:
        raise ConfigurationError(
            f"{who}: no provider for connections of type {connection.conn_type} is installed; install the "
            "provider of that type"
        ) from None
    if not hasattr(hook, "get_sqlalchemy_engine"):
        raise ConfigurationError(f"{who}: a connection of type {connection.conn_type} is not an SQL database")
    engine: Engine = hook.get_sqlalchemy_engine()
    return engine
