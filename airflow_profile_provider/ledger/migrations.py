"""How a ledger is brought to this package's version of its tables (see `schema`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.schema import MIGRATIONS, SCHEMA
from airflow_profile_provider.ledger.tables import Tables, begun, ledger_errors, supported_dialect

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = 7_306_643_310_914_628_451
"""The number of PostgreSQL's advisory lock that migrations take: any that nobody else uses."""
_LOCK_SECONDS = 3
"""How long PostgreSQL waits for who is at it or reads a table, before it is tried again later."""

_LONGEST_SECONDS = 6 * 3600
"""How long one statement of a migration may take: some write a large table anew."""


def found_schema(connection: Connection) -> int:
    """Return the version of a ledger; 0 where there is none."""
    from sqlalchemy import inspect, select

    meta, inspector = Tables.described().meta, inspect(connection)
    if not inspector.has_table(meta.name):
        return 0
    found = connection.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar()
    if found is not None:
        return int(found)
    # The tables were made by hand, and what no push has written is not in them.
    for version in range(SCHEMA, 0, -1):
        table, column = MIGRATIONS[version - 1].mark
        if inspector.has_table(table) and column in {each["name"] for each in inspector.get_columns(table)}:
            return version
    return 0


def require_schema(found: int) -> None:
    """Refuse a ledger that this package cannot use as it is.

    Raises:
        ConfigurationError: naming both versions, and what to do.
    """
    if found > SCHEMA:
        raise ConfigurationError(
            f"the ledger is of schema {found}, and this version of the package knows {SCHEMA} at most: "
            "update the package here, too"
        )
    if found < SCHEMA:
        raise ConfigurationError(
            f"the ledger is of schema {found}, and this version of the package needs {SCHEMA}: the next push "
            "migrates it, or do it now by `airflow profiles ledger migrate`"
        )


def migrate(engine: Engine, run: str = "", *, clock: Callable[[], float] = time.time) -> bool:
    """Bring a ledger to this package's version, or make one, in one transaction.

    Where the version is right already, nothing but that is asked: rights to the tables' rows are enough.
    Nobody can take the lease of a target meanwhile; one that belongs to ``run`` itself, from an earlier try,
    does not count.

    Returns:
        whether it is done; False where a push is under way, or another task is at it: try again later.

    Raises:
        ConfigurationError: the ledger is newer than the package, or this role may not alter its tables.
        LedgerFailed: the database does not do what it is asked.
    """
    supported_dialect(engine.dialect.name)
    with begun(engine) as connection:
        found = found_schema(connection)
    if found < SCHEMA:
        try:
            return _migrate(engine, run, clock)
        except _NotNow:
            return False
    require_schema(found)
    return True


def script(engine: Engine) -> str:
    """Return what `migrate` would do, as SQL for somebody who may; the empty text where it is done."""
    with begun(engine) as connection:
        found = found_schema(connection)
    if found >= SCHEMA:
        require_schema(found)
        return ""
    statements = ["begin", *_missing(found, engine.dialect.name), *_written_down(found), "commit"]
    return "".join(f"{statement};\n" for statement in statements)


def _missing(found: int, dialect: str) -> Iterator[str]:
    for migration in MIGRATIONS[found:]:
        yield from migration.statements(dialect)


def _written_down(found: int) -> Sequence[str]:
    """Write down the version: of tables that were made by hand there may be none."""
    written = f"insert into profile_ledger_meta (name, value) values ('schema', '{SCHEMA}')"
    return (["delete from profile_ledger_meta where name = 'schema'"] if found else []) + [written]


class _NotNow(Exception):
    """Somebody else is at it, or a push is under way; never leaves this module."""


def _migrate(engine: Engine, run: str, clock: Callable[[], float]) -> bool:
    with ledger_errors(), _alone(engine) as connection:
        found = found_schema(connection)  # another task may have done it meanwhile
        if found < SCHEMA:
            if found and _is_busy(connection, found, run, clock()):
                raise _NotNow
            for statement in [*_missing(found, engine.dialect.name), *_written_down(found)]:
                _executed(connection, statement, found)
    require_schema(max(found, SCHEMA))
    return True


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that no other migration runs beside, and no push takes a lease in."""
    from sqlalchemy.exc import OperationalError

    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            try:
                connection.exec_driver_sql("begin immediate")
            except OperationalError as error:
                if _code(error) in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
                    raise _NotNow from None
                raise
        else:
            connection.exec_driver_sql(f"set local lock_timeout = '{_LOCK_SECONDS}s'")
            _executed(connection, f"select pg_advisory_xact_lock({_LOCK})", 0)
        with _unhurried(connection):
            yield connection
            connection.commit()


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Let each statement take its time, where else an answer is waited for only so long."""
    raw: Any = connection.connection.dbapi_connection
    seconds = getattr(raw, "answer_seconds", None)
    if seconds is None:
        yield
        return
    raw.answer_seconds = _LONGEST_SECONDS
    try:
        yield
    finally:
        raw.answer_seconds = seconds


def _is_busy(connection: Connection, found: int, run: str, now: float) -> bool:
    """Whether a push holds a lease; none can be taken from now on."""
    until = "until" if found == 1 else "held_until"
    if connection.dialect.name == "postgresql":
        _executed(connection, "lock table profile_ledger_leases in share row exclusive mode", found)
    rows = connection.exec_driver_sql(f"select run, {until} from profile_ledger_leases").all()
    return any(moment > now and owner != run[:1000] for owner, moment in rows)


def _executed(connection: Connection, statement: str, found: int) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection.exec_driver_sql(statement)
    except SQLAlchemyError as error:
        code = _code(error)
        if code == "55P03":  # lock_not_available: somebody reads the table for long
            raise _NotNow from None
        if code not in {"42501", "SQLITE_READONLY"}:
            raise
    else:
        return
    there = f"is of schema {found}" if found else "has no tables so far"
    raise ConfigurationError(
        f"the ledger {there}, this version of the package needs {SCHEMA}, and this role may not do that: let "
        "the tables' owner run `airflow profiles ledger migrate`, or the SQL that its --sql prints"
    )


def _code(error: Any) -> str:
    """Return the database's own code of an error."""
    found = getattr(error, "orig", None)
    return str(getattr(found, "sqlite_errorname", None) or getattr(found, "sqlstate", None) or "")
