"""Databases that SQLAlchemy knows: each hands a result out piece by piece, if its driver can.

A value that the driver cannot make an object of is handed out as an unreadable one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.batches import Unreadable
from airflow_profile_provider.sources.partition import HASH_BYTES, Part
from airflow_profile_provider.sources.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

_DATES = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")
_JSON = ("json", "jsonb")
_ROWS_BUFFERED = 1000
_NUMBER = "number among the rows"
"""What the column is called that numbers rows; hardly a name of the user's."""


class EngineDatabase:
    """A database behind an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def session(self, meet: Callable[[], None]) -> Iterator[_EngineSession]:
        """Open a session in which a query is read; nothing is committed."""
        with self.engine.connect() as connection:
            _lenient_dates(connection, meet)
            if connection.dialect.name == "sqlite":
                connection.connection.driver_connection.text_factory = str  # type: ignore[union-attr]
                connection.exec_driver_sql("begin")  # what is read twice is read from one state
            yield _EngineSession(connection, meet)

    def count(self, statement: Statement, seconds: float = 5.0) -> int | None:
        """Return how many rows a query has now, or None where the database does not say so in time.

        Only SQLite and PostgreSQL are asked: elsewhere a count may cost as much as the query.
        """
        counted = Statement(f"select count(*) from (\n{statement.text}\n) as counted", statement.parameters)
        try:
            with self.engine.connect() as connection:
                _limit(connection, seconds)
                try:
                    return int(_executed(connection, counted, {}).scalar_one())
                finally:
                    _unlimit(connection)
        except Exception:  # noqa: BLE001 -- whoever reads the rows says what is wrong with the query
            return None

    def narrowed(self, statement: Statement, part: Part) -> Statement | None:
        """Return what asks for the rows that may be in a share, each with its number as the last column.

        SQLite is not asked: it is in this process, and has to call us for a hash.
        """
        dialect = self.engine.dialect
        if dialect.name != "postgresql":
            return None
        key = f"numbered.{dialect.identifier_preparer.quote_identifier(part.key)}"
        numbered = f'select asked.*, row_number() over () as "{_NUMBER}" from (\n{statement.text}\n) as asked'
        mine = f'"{_NUMBER}" = 1 or {_in_share_of_postgres(key, part)}'
        return Statement(f"select * from ({numbered}) as numbered where {mine}", statement.parameters)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


class _EngineSession:
    def __init__(self, connection: Connection, meet: Callable[[], None]) -> None:
        self._connection = connection
        self._meet = meet

    @contextmanager
    def run(self, statement: Statement) -> Iterator[_EngineResult]:
        """Send a query.

        Raises:
            SourceError: it returns no rows.
        """
        streamed = {"stream_results": True, "max_row_buffer": _ROWS_BUFFERED}
        result = _executed(self._connection, statement, streamed)
        with result:
            if not result.returns_rows:
                raise SourceError("the statement returns no rows: use a select")
            try:
                yield _EngineResult(result)
            except BaseException:
                self._let_go(result)
                raise

    def _let_go(self, result: CursorResult[Any]) -> None:
        """Leave a result that was not read to its end; MySQL's drivers would read all that is left of it."""
        if self._connection.dialect.name in {"mysql", "mariadb"}:
            with suppress(Exception):  # one driver has what another has not
                cursor: Any = result.cursor
                cursor.connection = None
                cursor._result.unbuffered_active = False
            self._connection.invalidate()

    def relents(self, error: Exception) -> bool:
        """Let SQLite hand out text that is no UTF-8 as unreadable values, if that was the error."""
        words = str(getattr(error, "orig", error))
        if self._connection.dialect.name != "sqlite" or "decode to UTF-8" not in words:
            return False
        driver: Any = self._connection.connection.driver_connection
        driver.text_factory = _text
        self._meet()
        return True


class _EngineResult:
    def __init__(self, result: CursorResult[Any]) -> None:
        self._result = result
        self.names = list(result.keys())

    def fetch(self, number: int) -> Sequence[Sequence[Any]]:
        return self._result.fetchmany(number)


def _in_share_of_postgres(key: str, part: Part) -> str:
    """Write `Part.may_hold` in SQL; no sign in it means something to the driver."""
    (index, shares), text = part.share, f'(({key})::text collate "C")'
    start = f"encode(substr(sha256(convert_to({text}, 'UTF8')), 1, {HASH_BYTES}), 'hex')"
    return (
        f"case when pg_typeof({key})::text not in ({_KEYS_OF_POSTGRES}) or {key} is null"
        f" or {text} !~ '^[!-~]+$' or {text} ~ '^0|[A-Z]|^[.][.]?$' then true"
        f" else mod(('x' || {start})::bit({8 * HASH_BYTES})::bigint, {shares}) = {index} end"
    )


_KEYS_OF_POSTGRES = "'text', 'character varying', 'smallint', 'integer', 'bigint', 'uuid'"
"""Types whose text is what Python makes of them."""


def _executed(connection: Connection, statement: Statement, options: dict[str, Any]) -> CursorResult[Any]:
    """Send a query as it is written: without parameters, ``%`` and ``:name`` mean nothing."""
    given: Any = statement.parameters
    if given is None:
        return connection.exec_driver_sql(statement.text, None, {**options, "no_parameters": True})
    return connection.exec_driver_sql(statement.text, given, options)


def _text(raw: bytes) -> Any:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Unreadable("holds text that is not UTF-8; write it so", raw.decode("utf-8", "replace"))


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
