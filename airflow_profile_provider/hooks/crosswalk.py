"""From the keys of one system to those of another, by a table that holds both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, SourceError
from airflow_profile_provider.hooks.files import open_file
from airflow_profile_provider.outputs import Delivered
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources import keys_of_file, require_columns, rows_of_file
from airflow_profile_provider.values import exact_key

if TYPE_CHECKING:
    from airflow.sdk import Connection


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of a file of keys: how many there are, and how many of them have no counterpart."""

    keys: int
    missing: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts as they go to XCom."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crosswalk:
    """A file or a query whose rows hold a key of one system and the same profile's key of another."""

    from_column: str
    to_column: str
    path: str | None = None
    sql: str | None = None
    sql_conn_id: str | None = None

    def translate(self, keys_path: str, to_path: str, find: Callable[[str], Connection]) -> Translated:
        """Write the counterparts of a file's keys to another; keys and rows stay on disk.

        Raises:
            ConfigurationError: there is no crosswalk, or more than one.
            SourceError: the keys or the crosswalk cannot be read, or it has no such column, or no row.
        """
        with ExitStack() as stack:
            known = stack.enter_context(closing(sqlite3.connect("")))  # a temporary database of its own
            known.execute("create table keys (key text primary key, met integer default 0) without rowid")
            keys = ((key,) for key in keys_of_file(keys_path, open_file))
            known.executemany("insert or ignore into keys (key) values (?)", keys)
            written = stack.enter_context(closing(Delivered(to_path, open_file)))
            for row in self._rows(stack, find):
                pair = self._pair(row)
                if pair and known.execute("update keys set met = 1 where key = ?", pair[:1]).rowcount:
                    written.add(pair[1])
            number, met = known.execute("select count(*), coalesce(sum(met), 0) from keys").fetchone()
        return Translated(number, number - met)

    def _rows(self, stack: ExitStack, find: Callable[[str], Connection]) -> Iterator[Row]:
        columns = [self.from_column, self.to_column]
        if self.path is not None and self.sql is None:
            rows = rows_of_file(self.path, open_file, columns)
        elif self.path is None and self.sql is not None and self.sql_conn_id is not None:
            from airflow_profile_provider.hooks.databases import engine_of
            from airflow_profile_provider.sql_source import rows_of_sql

            engine = engine_of(find(self.sql_conn_id), create=False)
            stack.callback(engine.dispose)
            rows = rows_of_sql(engine, self.sql, columns)
        else:
            raise ConfigurationError("give a crosswalk as a file, or as sql with sql_conn_id, and not both")
        rows = require_columns(rows, columns, "the crosswalk")
        if (first := next(rows, None)) is None:
            raise SourceError("the crosswalk is empty, so nobody could go on to the next system; fill it")
        return chain([first], rows)

    def _pair(self, row: Row) -> tuple[str, str] | None:
        """Return both keys of a row; None where one is missing or cannot be one."""
        if row.problem:
            return None
        try:
            return exact_key(row.content.get(self.from_column)), exact_key(row.content.get(self.to_column))
        except InvalidRecord:
            return None
