"""Databases that are reached by a connection of Python's database API, as Airflow's hooks return it.

Its cursor is asked for a thousand rows at a time; whether the driver has fetched more is its own affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.batches import Unreadable
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.statements import Statement
from airflow_profile_provider.values.native import single

_MOMENTS = ("DATE", "TIME")
_FLOAT = re.compile(r"\bFLOAT\b")


class CursorDatabase:
    """A database that ``connect`` reaches; ``first`` is a connection that is there already.

    ``plain`` makes tuples of what the driver calls rows.
    """

    def __init__(
        self, connect: Callable[[], Any], first: Any = None, plain: Callable[[Any], Any] = lambda rows: rows
    ) -> None:
        self._connect = connect
        self._spare = first
        self._plain = plain

    @contextmanager
    def session(self, meet: Callable[[], None]) -> Iterator[_CursorSession]:
        """Open a session in which a query is read; nothing is committed."""
        connection, self._spare = self._spare, None
        connection = self._connect() if connection is None else connection
        try:
            yield _CursorSession(connection, self._plain, meet)
        finally:
            _close(connection)

    def count(self, statement: Statement) -> int | None:
        """Return None: a count may cost as much as the query."""
        return None

    def narrowed(self, statement: Statement, part: Part) -> None:
        """Return None: each database hashes in its own way, if it does."""

    def close(self) -> None:
        """Give the connection back."""
        if self._spare is not None:
            _close(self._spare)
            self._spare = None


def _close(opened: Any) -> None:
    with suppress(Exception):  # it is broken already; why has been said
        opened.close()


class _CursorSession:
    def __init__(self, connection: Any, plain: Callable[[Any], Any], meet: Callable[[], None]) -> None:
        self._connection = connection
        self._plain = plain
        self._meet = meet

    @contextmanager
    def run(self, statement: Statement) -> Iterator[_CursorResult]:
        """Send a query.

        Raises:
            SourceError: it returns no rows.
        """
        cursor = self._connection.cursor()
        try:
            if statement.parameters is None:
                cursor.execute(statement.text)
            else:
                cursor.execute(statement.text, statement.parameters)
            if cursor.description is None:
                raise SourceError("the statement returns no rows: use a select")
            yield _CursorResult(cursor, self._plain, self._meet)
        finally:
            _close(cursor)

    def relents(self, error: Exception) -> bool:
        """Return False: what a driver cannot read, it cannot."""
        return False


class _CursorResult:
    def __init__(self, cursor: Any, plain: Callable[[Any], Any], meet: Callable[[], None]) -> None:
        self._cursor = cursor
        self._plain = plain
        self._readers = _duckdb_readers(cursor, meet)
        self.names = [str(column[0]) for column in cursor.description]

    def fetch(self, number: int) -> Sequence[Sequence[Any]]:
        rows = self._cursor.fetchmany(number)
        if rows and isinstance(rows[0], Mapping):  # the connection's extra asks for a cursor of dicts
            rows = [tuple(row.values()) for row in rows]
        rows = self._plain(rows)
        if rows and self._readers:
            columns = list(zip(*rows, strict=True))
            for place, reader in self._readers.items():
                columns[place] = tuple(map(reader, columns[place]))
            rows = list(zip(*columns, strict=True))
        return rows or ()


def _singles(value: Any) -> Any:
    """Return what holds numbers of single precision, however deep, with the digits that those have."""
    if isinstance(value, float):
        return single(value)
    if isinstance(value, dict):
        return {name: _singles(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_singles(part) for part in value]
    return value


def _duckdb_readers(cursor: Any, meet: Callable[[], None]) -> dict[int, Callable[[Any], Any]]:
    """Return what makes of DuckDB's values what they are: it writes a date that Python has not as text."""
    if type(cursor).__module__.partition(".")[0].lstrip("_") != "duckdb":
        return {}

    def moment(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        meet()
        return Unreadable(
            "holds no date or time of the years 1 to 9999; correct it, or change it in the query", value
        )

    kinds = [str(column[1]) for column in cursor.description]
    found: dict[int, Callable[[Any], Any]] = {}
    for place, kind in enumerate(kinds):
        if kind == "FLOAT":
            found[place] = single
        elif _FLOAT.search(kind) and "DOUBLE" not in kind:
            found[place] = _singles
        elif kind.startswith(_MOMENTS) and not kind.endswith("[]"):
            found[place] = moment
    return found
