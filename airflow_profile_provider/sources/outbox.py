"""A transactional outbox: a table that an application fills in the transaction that changes a profile.

Its rows are read by number, oldest first, and each is marked with its verdict once it has one. A row without
a mark is owed, whatever its number: rows become visible as they are committed, not as they are numbered.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import InvalidRecord, OutboxFailed, SourceError
from airflow_profile_provider.outages import ridden_out
from airflow_profile_provider.records import Group, Row, Verdict
from airflow_profile_provider.sources.announced import Outbox, Span, merged, taken_of
from airflow_profile_provider.sources.database_errors import error_name
from airflow_profile_provider.sources.json_rows import JsonReader, is_ambiguous
from airflow_profile_provider.values import is_null

if TYPE_CHECKING:
    from sqlalchemy import ColumnClause, ColumnElement, Engine, TableClause

NUMBERS_AT_ONCE = 500
"""How many rows are read, or marked, by one statement: small, for the numbers stand in its text."""


class OutboxRows:
    """The rows of an outbox that one consumer is owed, and the marks that they get.

    ``spans`` are the ranges to read; None reads all that is owed. No statement stays open while a page of
    rows is pushed, so that neither an application that writes nor a vacuum waits for a slow vendor.
    """

    def __init__(self, engine: Engine, outbox: Outbox, spans: Iterable[Span] | None = None) -> None:
        self._engine = engine
        self._outbox = outbox
        self._members = outbox.members
        self._spans = None if spans is None else merged(spans)
        self._marks: dict[int, Verdict] = {}
        self._lock = threading.Lock()
        self.last = 0
        """The largest number that was read: positions up to it are those of the outbox's rows."""
        self._skips_null = False

    # -- reading ----------------------------------------------------------------------------------------

    def rows(self, *, skips_null: bool = False) -> Iterator[Row]:
        """Read what is owed; a row's position is its number. With ``skips_null`` no null is ever sent.

        A change is read without the fields that a later row of its key has brought already: sent now, they
        would undo that one; where nothing is left, the row has its verdict. Its version is the newest number
        of its key, since all that is older is owed before it or was taken out.

        Raises:
            SourceError: the table cannot be read.
        """
        self._skips_null = skips_null
        after = -1
        while page := self._read(self._page, after):
            after = page[-1].number
            self.last = max(self.last, after)
            later = self._read(self._later, page)
            for entry in page:
                yield self._row(entry, later.get(entry.identity, ()))

    def count(self) -> int:
        """Return how many rows are owed.

        Raises:
            SourceError: the table cannot be read.
        """
        from sqlalchemy import func, select

        query = select(func.count()).select_from(self._table).where(self._owed())
        with self._engine.connect() as connection:
            return int(self._read(connection.scalar, query))

    def _read(self, query: Callable[[Any], Any], given: Any) -> Any:
        try:
            return query(given)
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
            raise unreadable(self._outbox.table, error) from None

    def _page(self, after: int) -> list[_Entry]:
        from sqlalchemy import select

        number = self._column(self._outbox.id)
        query = (
            select(*self._columns())
            .where(self._owed(), number > after)
            .order_by(number)
            .limit(NUMBERS_AT_ONCE)
        )
        with self._engine.connect() as connection:
            return [_Entry.of(found) for found in connection.execute(query)]

    def _later(self, page: list[_Entry]) -> dict[tuple[str, str], list[_Entry]]:
        """Return the rows of the page's keys from its first on, with the fields of those that are held."""
        from sqlalchemy import case, null, select

        number, key = self._column(self._outbox.id), self._column(self._outbox.key)
        mark = self._column(self._outbox.delivered)
        are_held = mark.in_([verdict.value for verdict in Verdict.of(Group.HELD)])
        held = case((are_held, self._column(self._outbox.fields)))
        columns = [number, key, held, self._key_type() if self._outbox.key_type else null()]
        keys = {entry.key for entry in page if entry.key is not None}
        query = select(*columns).where(key.in_(keys), number >= page[0].number)
        found = defaultdict(list)
        with self._engine.connect() as connection:
            for entry in map(_Entry.of, connection.execute(query)):
                found[entry.identity].append(entry)
        return found

    def _row(self, entry: _Entry, later: Iterable[_Entry]) -> Row:
        content: dict[str, Any] = {"key": entry.key, "fields": entry.fields, "version": entry.number}
        if self._outbox.key_type and entry.key_type is not None:
            content["key_type"] = entry.key_type
        if not isinstance(entry.fields, Mapping):
            return Row(entry.number, content, problem=_not_fields(self._outbox.fields, entry.fields))
        try:
            taken = self._sent_of(entry.fields)
        except InvalidRecord as error:
            return Row(entry.number, content, problem=str(error))
        brought = {
            name
            for other in later
            if other.number > entry.number and isinstance(other.fields, Mapping)
            for name in self._brought_by(other.fields)
        }
        content["version"] = max([entry.number, *(other.number for other in later)])
        content["fields"] = {name: value for name, value in taken.items() if name not in brought}
        if content["fields"] or not entry.fields:
            return Row(entry.number, content)
        return Row(entry.number, content, verdict=Verdict.SUPERSEDED if taken else Verdict.UNCHANGED)

    def _brought_by(self, fields: Mapping[str, Any]) -> Collection[str]:
        """Return the fields that a later row brings; one of which no values can be made brings none."""
        try:
            return self._sent_of(fields)
        except InvalidRecord:
            return ()

    def _sent_of(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is sent of a row's fields: what is not sent takes nobody's place.

        Raises:
            InvalidRecord: an expression can make no value of them.
        """
        taken = taken_of(fields, self._members)
        if not self._skips_null:
            return taken
        return {name: value for name, value in taken.items() if not is_null(value)}

    # -- marking ----------------------------------------------------------------------------------------

    def settled(self, position: int, verdict: Verdict) -> None:
        """Learn what became of the change at a position; those beyond the outbox's are passed over.

        What is not settled for good (failed, unsent) is not marked: such a row is still owed.
        """
        if verdict.final and position <= self.last:
            with self._lock:
                self._marks[position] = verdict

    def flush(self) -> None:
        """Mark what has been settled.

        Raises:
            OutboxFailed: the table cannot be written; those rows stay owed.
        """
        from sqlalchemy import update

        with self._lock:
            marks, self._marks = self._marks, {}
        by_verdict: dict[Verdict, list[int]] = defaultdict(list)
        for position, verdict in marks.items():
            by_verdict[verdict].append(position)
        if not marks:
            return
        table, number = self._table, self._column(self._outbox.id)

        def mark() -> None:
            with self._engine.begin() as connection:
                for verdict, numbers in by_verdict.items():
                    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
                        which = number.in_(numbers[start : start + NUMBERS_AT_ONCE])
                        connection.execute(
                            update(table).where(which).values({self._outbox.delivered: verdict.value})
                        )

        try:
            ridden_out(mark)
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
            with self._lock:
                self._marks = {**marks, **self._marks}
            raise OutboxFailed(
                f"{self._outbox.table} cannot be marked ({error_name(error)}): let the connection update its "
                f"column {self._outbox.delivered!r}; what was acknowledged is sent again"
            ) from None

    # -- its names --------------------------------------------------------------------------------------

    @cached_property
    def _table(self) -> TableClause:
        names = self._outbox
        columns = [names.id, names.key, names.fields, names.delivered, *names.before]
        return table_of(names.table, [*columns, *([names.key_type] if names.key_type else [])])

    def _column(self, name: str) -> ColumnClause[Any]:
        found: ColumnClause[Any] = self._table.c[name]
        return found

    def _key_type(self) -> ColumnClause[Any]:
        return self._column(str(self._outbox.key_type))

    def _columns(self) -> list[ColumnElement[Any]]:
        from sqlalchemy import null

        names = self._outbox
        kind = self._key_type() if names.key_type else null()
        return [self._column(names.id), self._column(names.key), self._column(names.fields), kind]

    def _owed(self) -> ColumnElement[bool]:
        from sqlalchemy import and_, false, or_

        earlier = [self._column(name) for name in self._outbox.before]
        owed = owed_to(self._column(self._outbox.delivered), earlier)
        if self._spans is None:
            return owed
        number = self._column(self._outbox.id)
        return and_(owed, or_(false(), *(number.between(first, last) for first, last in self._spans)))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row as it stands in the table; ``fields`` is a dict, or what could not be read as one."""

    number: int
    key: Any
    fields: Any
    key_type: Any

    @classmethod
    def of(cls, found: Sequence[Any]) -> _Entry:
        number, key, fields, key_type = found
        return cls(number_of(number), key, _json(fields), key_type)

    @property
    def identity(self) -> tuple[str, str]:
        return str(self.key_type), str(self.key)


def table_of(name: str, columns: Collection[str]) -> TableClause:
    """Return what statements name a table (schema.table) and its columns by."""
    from sqlalchemy import column, table

    schema, _, own = name.rpartition(".")
    return table(own, *(column(each) for each in dict.fromkeys(columns)), schema=schema or None)


def owed_to(mark: ColumnClause[Any], earlier: Iterable[ColumnClause[Any]] = ()) -> ColumnElement[bool]:
    """Return the condition of a row that a consumer is owed, and that no earlier one has refused."""
    from sqlalchemy import and_, or_

    refused = [verdict.value for verdict in Verdict.of(Group.FINAL) if verdict.kept]
    return and_(mark.is_(None), *(or_(one.is_(None), one.not_in(refused)) for one in earlier))


def number_of(value: Any) -> int:
    """Return a row's number.

    Raises:
        SourceError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SourceError(
            f"an outbox's rows are numbered by integers that it counts itself, not by {type(value).__name__}"
        )
    return value


def _json(value: Any) -> Any:
    """Read the column of fields: drivers that know JSON have done so already."""
    if not isinstance(value, str | bytes | bytearray):
        return value
    try:
        found = JsonReader().read(value if isinstance(value, str) else bytes(value).decode())
    except (ValueError, RecursionError):
        return value
    return value if is_ambiguous(found) else found


def _not_fields(column: str, value: Any) -> str:
    kind = (
        "text that is not JSON, or has a name twice,"
        if isinstance(value, str | bytes)
        else type(value).__name__
    )
    return f'has {kind} in column {column!r}; write a JSON object there, such as {{"email": "…"}}'


def unreadable(table: str, error: Exception) -> SourceError:
    """Return the error of a table that cannot be read, without the words of its driver."""
    return SourceError(
        f"outbox {table} cannot be read ({error_name(error)}): check its name, its columns and the "
        "connection's right to read it"
    )
