"""Databases of Airflow connections: SQLite and PostgreSQL by ourselves, all others by their own hooks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
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
from airflow_profile_provider.sources.cursors import CursorDatabase
from airflow_profile_provider.sources.engines import EngineDatabase

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
    with _told(connection, None):
        engine = _engine(connection, create, create if write is None else write)
    try:
        with _told(connection, away):
            connect = engine.connect if away is None else lambda: ridden_out(engine.connect, sleep=sleep)
            connect().close()
    except BaseException:
        engine.dispose()
        raise
    return engine


def database_of(
    connection: Connection,
    *,
    away: type[ProfileError],
    sleep: Callable[[float], object] = time.sleep,
) -> EngineDatabase | CursorDatabase:
    """Return where a query is asked, once it has connected; nothing is written there.

    SQLAlchemy streams what it can: SQLite, PostgreSQL, and others whose dialect has cursors of the server.
    Any other database is read by a cursor of the connection that its own hook makes. ``away`` and ``sleep``
    are those of `engine_of`.

    Raises:
        ConfigurationError: the provider or the driver is missing, or the connection is wrong or refused.
    """
    if connection.conn_type != "sqlite" and connection.conn_type not in POSTGRES:
        with _told(connection, None):
            hook = _hook_of(connection)
        if _has_cursors(hook) and not _streams(hook):
            connect = partial(ridden_out, hook.get_conn, sleep=sleep)
            with _told(connection, away):
                first = connect()
            plain = getattr(hook, "_make_common_data_structure", None)
            return CursorDatabase(connect, first, *([plain] if plain else []))
    return EngineDatabase(engine_of(connection, create=False, away=away, sleep=sleep))


@contextmanager
def _told(connection: Connection, away: type[ProfileError] | None) -> Iterator[None]:
    """Tell whatever a driver raises as an error of the connection; its text may hold secrets."""
    try:
        yield
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 -- each driver has its own
        missing = error if isinstance(error, ImportError) else error.__context__  # a hook may reword it
        if isinstance(missing, ImportError):
            what = f"{missing.name} is missing{_remedy(connection)}"
            raise ConfigurationError(f"connection {connection.conn_id!r}: {what}") from None
        outage = outage_of(error)
        kind = away if away and outage.passing else ConfigurationError
        check = outage.check("that connection")
        if type(error).__name__ == "NoSuchModuleError":
            check = (
                f"here ({outage.name}): SQLAlchemy knows no database of type {connection.conn_type}, and an "
                "outbox or a ledger needs it to; install its dialect"
            )
        raise kind(f"connection {connection.conn_id!r} cannot be used {check}") from None


def _engine(connection: Connection, create: bool, write: bool) -> Engine:
    if connection.conn_type == "sqlite":
        return _sqlite(connection, create, write)
    if connection.conn_type in POSTGRES:
        return _postgres(connection, ANSWER_SECONDS if create else None)
    return _by_hook(connection)


def _remedy(connection: Connection) -> str:
    if connection.conn_type in POSTGRES:
        return ": pip install 'airflow-profile-provider[postgres]'"
    return f"; install it for Airflow's connections of type {connection.conn_type}"


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


def _hook_of(connection: Connection) -> Any:
    """Return the hook of a connection, of whatever provider."""
    from airflow.providers.common.compat.sdk import AirflowException

    who = f"connection {connection.conn_id!r}"
    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException:
        raise ConfigurationError(
            f"{who}: no provider for connections of type {connection.conn_type} is installed; install the "
            "provider of that type"
        ) from None
    if not hasattr(hook, "get_sqlalchemy_engine"):
        raise ConfigurationError(f"{who}: a connection of type {connection.conn_type} is not an SQL database")
    return hook


def _has_cursors(hook: Any) -> bool:
    """Whether a hook connects by a driver of its own, and not by SQLAlchemy alone."""
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    return type(hook).get_conn is not DbApiHook.get_conn or hook.connector is not None


def _streams(hook: Any) -> bool:
    """Whether SQLAlchemy knows the hook's database, and reads it by a cursor of the server."""
    try:
        engine = hook.get_sqlalchemy_engine()
    except Exception:  # noqa: BLE001 -- no dialect, no driver, no address: each provider has its own error
        return False
    streams = bool(engine.dialect.supports_server_side_cursors)
    engine.dispose()
    return streams


def _by_hook(connection: Connection) -> Engine:
    from sqlalchemy import event

    hook = _hook_of(connection)
    engine: Engine = hook.get_sqlalchemy_engine()
    engine.hide_parameters = True
    if engine.dialect.name in {"mysql", "mariadb"} and _has_cursors(hook):
        # An address holds neither certificates nor sockets: the hook connects with all that it was given.
        event.listen(engine, "do_connect", lambda dialect, *_: _connected(hook, dialect))
    return engine


def _connected(hook: Any, dialect: Any) -> Any:
    """Return a connection of a hook of MySQL; None where its driver is not the one that SQLAlchemy takes."""
    try:
        raw = hook.get_conn()
    except ValueError:  # Airflow's hook knows PyMySQL by the address alone
        return None
    driver = dialect.loaded_dbapi.__name__
    if type(raw).__module__.partition(".")[0] != driver.partition(".")[0]:
        raw.close()
        return None
    if hasattr(raw, "cursorclass"):  # an extra may ask for one of dicts, which SQLAlchemy cannot read
        raw.cursorclass = import_module(f"{driver}.cursors").Cursor
    return raw
