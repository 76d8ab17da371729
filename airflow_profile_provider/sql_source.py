"""Rows of a query, as a stream: the database keeps the result and hands it out piece by piece."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.blocks import Block, TupleBlock
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources import require_named

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

_PIECE = 1000


def rows_of_sql(engine: Engine, sql: str, columns: list[str] | None) -> Iterator[Row]:
    """Run a query and number its rows, from 1.

    The query goes to the driver as it is written: ``%`` and ``:name`` mean nothing here. Nothing is
    committed. ``columns`` are those that the push needs, the others are left out; None takes all.

    Raises:
        SourceError: the query fails, also half-way, or lacks a column, or has a needed one twice.
    """
    for block in blocks_of_sql(engine, sql, columns):
        yield from block.rows(range(len(block)))


def blocks_of_sql(engine: Engine, sql: str, columns: list[str] | None) -> Iterator[Block]:
    """Do the same by the thousand."""
    position = 0
    try:
        with engine.connect() as connection, _result(connection, sql) as result:
            places = _places(list(result.keys()), columns)
            names, taken = [name for name, _ in places], [place for _, place in places]
            for piece in result.partitions(_PIECE):  # an option of this name is lost on plain SQL
                values = [tuple([_value(row[place]) for place in taken]) for row in piece]
                yield TupleBlock(position + 1, names, values)
                position += len(values)
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
        where = f"failed after {position:,} rows" if position else "failed"
        raise SourceError(f"the query {where} ({error_name(error)}); run it by hand to see why") from None


def _result(connection: Connection, sql: str) -> CursorResult[Any]:
    result = connection.exec_driver_sql(
        _bare(sql),
        execution_options={"stream_results": True, "max_row_buffer": _PIECE, "no_parameters": True},
    )
    if not result.returns_rows:
        raise SourceError("the query returns no rows: a source is read by a select")
    return result


def _bare(sql: str) -> str:
    return sql.strip().rstrip("; \t\r\n")


def _places(found: list[str], columns: list[str] | None) -> list[tuple[str, int]]:
    """Return where each column is that is taken."""
    require_named("the query", columns, found)
    taken = found if columns is None else list(dict.fromkeys(columns))
    number = Counter(found)
    if twice := [name for name in dict.fromkeys(taken) if number[name] > 1]:
        names = ", ".join(repr(name) for name in twice)
        raise SourceError(f"the query has column {names} more than once; give each a name of its own")
    return [(name, found.index(name)) for name in taken]


def _value(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value  # which would pass for a list of numbers


def error_name(error: BaseException) -> str:
    """Name what a database raised by type and code; its words may hold values or the password."""
    cause = getattr(error, "orig", None) or error
    codes = (getattr(cause, name, None) for name in ("sqlstate", "pgcode", "sqlite_errorname"))
    code = next((found for found in codes if isinstance(found, str)), "")
    return f"{type(cause).__name__} {code}".rstrip()


def count_of_sql(engine: Engine, sql: str, seconds: float = 5.0) -> int | None:
    """Return how many rows a query has now, or None where the database does not say so in time.

    Only SQLite and PostgreSQL are asked: elsewhere a count may cost as much as the query.
    """
    counted = f"select count(*) from (\n{_bare(sql)}\n) as counted"
    try:
        with engine.connect() as connection:
            _limit(connection, seconds)
            try:
                found = connection.exec_driver_sql(counted, execution_options={"no_parameters": True})
                return int(found.scalar_one())
            finally:
                _unlimit(connection)
    except Exception:  # noqa: BLE001 -- whoever reads the rows says what is wrong with the query
        return None


def _limit(connection: Connection, seconds: float) -> None:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.exec_driver_sql(f"set local statement_timeout = {int(seconds * 1000)}")
    elif dialect == "sqlite":
        end = time.monotonic() + seconds
        connection.connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    else:
        raise NotImplementedError


def _unlimit(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":  # PostgreSQL forgets it with the transaction
        connection.connection.set_progress_handler(None, 0)
