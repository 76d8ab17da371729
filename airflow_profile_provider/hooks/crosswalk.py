"""From the keys of one system to those of another, by a table that holds both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, SourceError
from airflow_profile_provider.push.outputs import Delivered
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.files import rows_of_parts
from airflow_profile_provider.sources.keys import KeyFile
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.rows import require_columns
from airflow_profile_provider.sources.statements import Parameters, Statement
from airflow_profile_provider.values import exact_key, is_null

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of a file of keys: how many there are, and how many of them have no counterpart.

    ``unreadable`` counts the rows of the crosswalk that could not be read.
    """

    keys: int
    missing: int
    unreadable: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts as they go to XCom."""
        return {"keys": self.keys, "missing": self.missing}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crosswalk:
    """A file or a query whose rows hold a key of one system and the same profile's key of another."""

    from_column: str
    to_column: str
    path: str | None = None
    sql: str | None = None
    sql_conn_id: str | None = None
    parameters: Parameters | None = field(default=None, repr=False)

    def translate(
        self,
        keys_path: str,
        to_path: str,
        find: Callable[[str], Connection],
        *,
        may_miss: bool = False,
    ) -> Translated:
        """Write the counterparts of a file's keys to another; keys and rows stay on disk.

        Raises:
            ConfigurationError: there is no crosswalk, or more than one.
            SourceError: the keys or the crosswalk cannot be read, it has no such column, or in it what no key
                can be, or no row; or, but with ``may_miss``, none of the keys.
        """
        unreadable = 0
        with ExitStack() as stack:
            keys = stack.enter_context(KeyFile(keys_path, open_file, parts_of))
            written = stack.enter_context(closing(Delivered(to_path, open_file)))
            for row in self._rows(stack, find):
                unreadable += bool(row.problem)
                pair = self._pair(row)
                if pair and keys.meet(pair[0]):
                    written.add(pair[1])
            number, met = len(keys), keys.met
        if number and not met and not may_miss:
            raise SourceError(
                f"none of the {number:,} keys is in column {self.from_column!r} of the crosswalk, with a "
                f'key in {self.to_column!r}; if that is fine, set if_empty="ok"'
            )
        return Translated(number, number - met, unreadable)

    def _rows(self, stack: ExitStack, find: Callable[[str], Connection]) -> Iterator[Row]:
        columns = [self.from_column, self.to_column]
        if self.path is not None and self.sql is None:
            rows = rows_of_parts(parts_of(self.path), open_file, Reading(columns=columns))
        elif self.path is None and self.sql is not None and self.sql_conn_id is not None:
            from airflow_profile_provider.adapters.databases import database_of
            from airflow_profile_provider.sources.sql import rows_of_sql

            statement = Statement.of(self.sql, self.parameters)
            database = database_of(find(self.sql_conn_id), away=SourceError)
            stack.callback(database.close)
            rows = stack.enter_context(closing(rows_of_sql(database, statement, columns)))
        else:
            raise ConfigurationError("give a crosswalk as a file, or as sql with sql_conn_id, and not both")
        rows = require_columns(rows, columns, "the crosswalk")
        if (first := next(rows, None)) is None:
            raise SourceError("the crosswalk is empty, so no key could be translated; fill it")
        return chain([first], rows)

    def _pair(self, row: Row) -> tuple[str, str] | None:
        """Return both keys of a row; None where one is missing, or the row could not be read."""
        if row.problem:
            return None
        first, second = (self._key(row, column) for column in (self.from_column, self.to_column))
        return (first, second) if first is not None and second is not None else None

    def _key(self, row: Row, column: str) -> str | None:
        value = row.content.get(column)
        if is_null(value) or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return exact_key(value)
        except InvalidRecord as error:  # a column of floats: none of them could be met
            raise SourceError(f"record {row.position} of the crosswalk, column {column!r}: {error}") from None
