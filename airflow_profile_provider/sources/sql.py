"""Rows of a query, as a stream: the database keeps the result and hands it out piece by piece.

It is read as fast as the database gives it, and kept for whoever is slower: a session that idles may be
ended. A value that the driver cannot make an object of costs its own row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.ahead import read_ahead
from airflow_profile_provider.sources.batches import RowBatch, TupleBatch, Unreadable
from airflow_profile_provider.sources.reading import require_named
from airflow_profile_provider.sources.source import Source, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

_ROWS_AT_ONCE = 1000
"""How many rows are fetched in one go: with more, a row's share of a round trip is nothing already."""
_BYTES_AT_ONCE = 16_000_000
"""How large the rows of one go may be together, so that wide ones do not fill the memory."""
_LOOKED_AT = 20
_DATES = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")
_JSON = ("json", "jsonb")


class QuerySource(Source):
    """The rows of a query; ``open_engine`` reaches the database, once they are read."""

    name = "the query"

    def __init__(self, open_engine: Callable[[], Engine], sql: str) -> None:
        self._open_engine = open_engine
        self._sql = sql

    @cached_property
    def _engine(self) -> Engine:
        return self._open_engine()

    def _rows(self, wanted: Wanted, columns: list[str] | None) -> Iterator[Row]:
        return rows_of_sql(self._engine, self._sql, columns)

    def _batches(self, columns: list[str]) -> Iterator[RowBatch]:
        return blocks_of_sql(self._engine, self._sql, columns)

    def count(self) -> int | None:
        """Return how many rows the query has now; None where the database does not say so in time."""
        return count_of_sql(self._engine, self._sql)

    def close(self) -> None:
        """Give the database's connections back."""
        if "_engine" in self.__dict__:
            self._engine.dispose()


def rows_of_sql(engine: Engine, sql: str, columns: list[str] | None) -> Generator[Row]:
    """Run a query and number its rows, from 1.

    The query goes to the driver as it is written: ``%`` and ``:name`` mean nothing here. Nothing is
    committed. ``columns`` are those that the push needs, the others are left out; None takes all.

    Raises:
        SourceError: the query fails, also half-way, or lacks a column, or has a needed one twice.
    """
    for block in blocks_of_sql(engine, sql, columns):
        yield from block.rows(range(len(block)))


def blocks_of_sql(engine: Engine, sql: str, columns: list[str] | None) -> Iterator[RowBatch]:
    """Run a query and read its rows by the thousand, as fast as the database hands them out."""
    return read_ahead(lambda: _Query(engine, sql, columns).blocks())


class _Query:
    """A query that is being read."""

    def __init__(self, engine: Engine, sql: str, columns: list[str] | None) -> None:
        self._engine = engine
        self._sql = sql
        self._columns = columns
        self._position = 0
        self._met_unreadable = False

    def blocks(self) -> Iterator[RowBatch]:
        """Read the rows."""
        try:
            with self._engine.connect() as connection:
                _lenient_dates(connection, self._meet)
                if connection.dialect.name == "sqlite":
                    connection.connection.driver_connection.text_factory = str  # type: ignore[union-attr]
                    connection.exec_driver_sql("begin")  # what is read twice is read from one state
                try:
                    yield from self._read(connection)
                except Exception as error:
                    if not _lenient_text(connection, error, self._meet):
                        raise
                    yield from self._read(connection)
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
            where = f"failed after {self._position:,} rows" if self._position else "failed"
            raise SourceError(f"the query {where} ({error_name(error)}); run it by hand to see why") from None

    def _meet(self) -> None:
        self._met_unreadable = True

    def _read(self, connection: Connection) -> Iterator[RowBatch]:
        """Read what was not read before."""
        with _result(connection, self._sql) as result:
            places = _places(list(result.keys()), self._columns)
            names, taken = [name for name, _ in places], [place for _, place in places]
            pick = _picker(taken)
            to_pass, size = self._position, min(_ROWS_AT_ONCE, 100)
            while piece := result.fetchmany(min(size, to_pass or size)):
                if to_pass:
                    to_pass -= len(piece)
                    continue
                values = _plain(list(map(pick, piece)))
                size = _rows_at_once(values)
                yield TupleBatch(self._position + 1, names, values, perhaps_unreadable=self._met_unreadable)
                self._position += len(values)


def _rows_at_once(values: Sequence[tuple[Any, ...]]) -> int:
    """Return how many rows to fetch next: fewer where they are large."""
    some = values[:_LOOKED_AT]
    size = sum(len(value) for row in some for value in row if isinstance(value, str | bytes))
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * len(some) // max(1, size)))


def _lenient_dates(connection: Connection, meet: Callable[[], None]) -> None:
    """Let psycopg hand out what it makes no object of (infinity, years above 9999) as unreadable values."""
    if connection.dialect.driver != "psycopg":
        return
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    raw: Any = connection.connection.driver_connection
    for name in (*_DATES, *_JSON):
        oid = raw.adapters.types[name].oid
        known = raw.adapters.get_loader(oid, Format.TEXT)
        known = getattr(known, "original", known)  # an earlier query's, on a connection that is used again
        problem = (
            "holds no date or time of the years 1 to 9999; correct it, or change it in the query"
            if name in _DATES
            else "holds JSON that cannot be read; correct it"
        )
        if known is not None:
            raw.adapters.register_loader(oid, _lenient(Loader, known, problem, meet))


def _lenient(base: type[Any], known: type[Any], problem: str, meet: Callable[[], None]) -> type[Any]:
    class Lenient(base):  # type: ignore[misc]
        original = known

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._known = known(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._known.load(data)
            except Exception:  # noqa: BLE001 -- whatever it is, it is this value's
                meet()
                return Unreadable(problem, bytes(data).decode("utf-8", "replace"))

    return Lenient


def _lenient_text(connection: Connection, error: Exception, meet: Callable[[], None]) -> bool:
    """Let SQLite hand out text that is no UTF-8 as unreadable values, if that was the error."""
    if connection.dialect.name != "sqlite" or "decode to UTF-8" not in str(getattr(error, "orig", error)):
        return False

    def text(raw: bytes) -> Any:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return Unreadable("holds text that is not UTF-8; write it so", raw.decode("utf-8", "replace"))

    driver: Any = connection.connection.driver_connection
    driver.text_factory = text
    meet()
    return True


def _result(connection: Connection, sql: str) -> CursorResult[Any]:
    result = connection.exec_driver_sql(
        _bare(sql),
        execution_options={"stream_results": True, "max_row_buffer": _ROWS_AT_ONCE, "no_parameters": True},
    )
    if not result.returns_rows:
        raise SourceError("the statement returns no rows: use a select")
    return result


def _bare(sql: str) -> str:
    return sql.strip().rstrip("; \t\r\n")


def _places(found: list[str], columns: list[str] | None) -> list[tuple[str, int]]:
    """Return where each column is that is taken."""
    require_named("the query", columns, found)
    taken = found if columns is None else list(dict.fromkeys(columns))
    return [(name, found.index(name)) for name in taken]


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return what makes a tuple of the values at some places of a row."""
    if len(places) > 1:  # of one it returns the value itself
        return itemgetter(*places)
    return lambda row: tuple([row[place] for place in places])


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Make bytes of views of memory, which would pass for lists of numbers; few drivers hand them out."""
    if not any(memoryview in map(type, column) for column in zip(*rows, strict=True)):
        return rows
    return [
        tuple([bytes(value) if isinstance(value, memoryview) else value for value in row]) for row in rows
    ]


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
