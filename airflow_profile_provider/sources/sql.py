"""Rows of a query, as a stream: the database keeps the result and hands it out piece by piece.

It is read as fast as the database gives it, and kept for whoever is slower: a session that idles may be
ended. A value that the driver cannot make an object of costs its own row.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from operator import itemgetter
from typing import Any, Protocol

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.ahead import read_ahead
from airflow_profile_provider.sources.batches import RowBatch, TupleBatch, bytes_in
from airflow_profile_provider.sources.database_errors import error_name, told
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.reading import require_named
from airflow_profile_provider.sources.source import Source, Wanted
from airflow_profile_provider.sources.statements import Statement

_ROWS_AT_ONCE = 1000
"""How many rows are fetched in one go: with more, a row's share of a round trip is nothing already."""
_BYTES_AT_ONCE = 16_000_000
"""How large the rows of one go may be together, so that wide ones do not fill the memory."""


class Result(Protocol):
    """What a query returns, while it is read."""

    names: list[str]

    def fetch(self, number: int) -> Sequence[Sequence[Any]]:
        """Return so many of the next rows at the most; none at the end."""


class Session(Protocol):
    """A session with a database."""

    def run(self, statement: Statement) -> AbstractContextManager[Result]:
        """Send a query."""

    def relents(self, error: Exception) -> bool:
        """Whether values that raised this error are handed out as unreadable ones from now on."""


class Database(Protocol):
    """Where a query is asked."""

    def session(self, meet: Callable[[], None]) -> AbstractContextManager[Session]:
        """Open a session; ``meet`` hears that it hands out a value that cannot be read."""

    def count(self, statement: Statement) -> int | None:
        """Return how many rows a query has now, or None where that is not said in time."""

    def narrowed(self, statement: Statement, part: Part) -> Statement | None:
        """Return what asks for the rows that may be in a share, or None where the database cannot tell.

        Each has its number in the query's order as its last column, from 1; the first is there always.
        """

    def close(self) -> None:
        """Give back what was opened."""


class QuerySource(Source):
    """The rows of a query; ``open_database`` reaches the database, once they are read."""

    name = "the query"

    def __init__(self, open_database: Callable[[], Database], statement: Statement) -> None:
        self._open_database = open_database
        self._statement = statement

    @cached_property
    def _database(self) -> Database:
        return self._open_database()

    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        return rows_of_sql(self._database, self._statement, columns, part)

    def _batches(self, columns: list[str]) -> Iterator[RowBatch]:
        return blocks_of_sql(self._database, self._statement, columns)

    def count(self) -> int | None:
        """Return how many rows the query has now; None where the database does not say so in time."""
        return self._database.count(self._statement)

    def close(self) -> None:
        """Give the database's connections back."""
        if "_database" in self.__dict__:
            self._database.close()


def rows_of_sql(
    database: Database, statement: Statement, columns: list[str] | None, part: Part | None = None
) -> Generator[Row]:
    """Run a query and number its rows, from 1; those of ``part`` alone, where the database can tell.

    The query goes to the driver as it is written: without parameters, ``%`` and ``:name`` mean nothing.
    Nothing is committed. ``columns`` are those that the push needs, the others are left out; None takes all.

    Raises:
        SourceError: the query fails, also half-way, or lacks a column, or has a needed one twice.
    """
    for block in blocks_of_sql(database, statement, columns, part):
        yield from block.rows(range(len(block)))


def blocks_of_sql(
    database: Database, statement: Statement, columns: list[str] | None, part: Part | None = None
) -> Iterator[RowBatch]:
    """Run a query and read its rows by the thousand, as fast as the database hands them out."""
    return read_ahead(lambda: _Query(database, statement, columns, part).blocks())


class _Query:
    """A query that is being read."""

    def __init__(
        self, database: Database, statement: Statement, columns: list[str] | None, part: Part | None
    ) -> None:
        self._database = database
        self._asked = statement
        self._statement = statement
        self._columns = columns
        self._part = part
        self._position = 0
        self._met_unreadable = False

    def blocks(self) -> Iterator[RowBatch]:
        """Read the rows."""
        try:
            if self._part and (narrowed := self._database.narrowed(self._asked, self._part)):
                self._statement = narrowed
                try:
                    yield from self._in_session()
                except Exception:
                    if self._position:
                        raise
                if self._position:
                    return
                self._statement = self._asked  # it says best itself what is wrong, or that it has no rows
            yield from self._in_session()
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
            raise self._failed(error) from None

    def _in_session(self) -> Iterator[RowBatch]:
        with self._database.session(self._meet) as session:
            try:
                yield from self._read(session)
            except Exception as error:
                if not session.relents(error):
                    raise
                yield from self._read(session)

    def _meet(self) -> None:
        self._met_unreadable = True

    def _failed(self, error: Exception) -> SourceError:
        where = f"failed after {self._position:,} rows" if self._position else "failed"
        words = told(error, self._asked.text, self._asked.hidden())
        why = f": {words}" if words else "; run it by hand to see why"
        return SourceError(f"the query {where} ({error_name(error)}){why}")

    def _read(self, session: Session) -> Iterator[RowBatch]:
        """Read what was not read before."""
        if self._statement is not self._asked:
            yield from self._read_narrowed(session)
            return
        with session.run(self._statement) as result:
            places = _places(result.names, self._columns)
            names, taken = [name for name, _ in places], [place for _, place in places]
            pick = _picker(taken)
            key = names.index(self._part.key) if self._part and self._part.key in names else None
            to_pass, size = self._position, min(_ROWS_AT_ONCE, 100)
            while piece := result.fetch(min(size, to_pass or size)):
                if to_pass:
                    to_pass -= len(piece)
                    continue
                values = _plain(list(map(pick, piece)))
                size = _rows_at_once(values)
                first, self._position = self._position + 1, self._position + len(values)
                unread, numbers = self._met_unreadable, None
                if self._part and key is not None:
                    may_hold = self._part.may_hold
                    mine = [n for n, row in enumerate(values, first) if n == 1 or may_hold(row[key])]
                    values, numbers = [values[n - first] for n in mine], mine
                yield TupleBatch(first, names, values, perhaps_unreadable=unread, places=numbers)

    def _read_narrowed(self, session: Session) -> Iterator[RowBatch]:
        """Read what was not read before of rows that are numbered: some between them are left out."""
        with session.run(self._statement) as result:
            places = _places(result.names[:-1], self._columns)
            names, pick = [name for name, _ in places], _picker([place for _, place in places])
            size = min(_ROWS_AT_ONCE, 100)
            while piece := result.fetch(size):
                piece = [row for row in piece if row[-1] > self._position]
                if not piece:
                    continue
                values, numbers = _plain(list(map(pick, piece))), [int(row[-1]) for row in piece]
                size = _rows_at_once(values)
                unread = self._met_unreadable
                yield TupleBatch(numbers[0], names, values, perhaps_unreadable=unread, places=numbers)
                self._position = numbers[-1]


def _rows_at_once(values: Sequence[tuple[Any, ...]]) -> int:
    """Return how many rows to fetch next: fewer where they are large."""
    size = max(1, bytes_in(values, len(values)))
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * len(values) // size))


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
