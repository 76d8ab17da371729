"""Where a push's records come from: an iterable, a file, a query, or what events announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.adapters.files import address_of, fingerprint, is_path, open_file
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.mapping.mapper import Planner
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.announced import Announced, Outbox
from airflow_profile_provider.sources.batches import Block
from airflow_profile_provider.sources.files import blocks_of_parts, count_of_parts, rows_of_parts
from airflow_profile_provider.sources.outbox import OutboxRows
from airflow_profile_provider.sources.reading import Reading, named
from airflow_profile_provider.sources.rows import (
    continued,
    require_blocks,
    require_columns,
    require_rows,
    rows_of,
)

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine


class Source:
    """The records of one push; ``reading`` says how they are read.

    Raises:
        ConfigurationError: there is none, more than one, or one that cannot be read.
    """

    def __init__(
        self,
        records: Any,
        sql: str | None,
        sql_conn_id: str | None,
        find: Callable[[str], Connection],
        reading: Reading | None = None,
    ) -> None:
        if (records is None) == (sql is None):
            raise ConfigurationError("give either records or sql, and not both")
        if isinstance(records, Announced):
            if (records.outbox is None) != (sql_conn_id is None):
                raise ConfigurationError("an outbox is read through sql_conn_id: give both, or neither")
        elif (sql is None) != (sql_conn_id is None):
            raise ConfigurationError("sql and sql_conn_id go together: the query, and where it is asked")
        is_many = is_path(records) or isinstance(records, Iterable | Announced)
        if sql is None and (isinstance(records, Mapping) or not is_many):
            raise ConfigurationError(
                f"records must be a list or a path, not a single {type(records).__name__}"
            )
        self._records = records
        self._sql = sql
        self._sql_conn_id = sql_conn_id
        self._find = find
        self._reading = reading or Reading()
        if is_path(records) and _looks_like_records(address_of(records)):
            raise ConfigurationError(
                "records is the text of a list or an object, not a path: give the list itself (another "
                "task's output, or native rendering)"
            )

    @cached_property
    def _parts(self) -> list[str]:
        """The files that a path stands for."""
        return parts_of(address_of(self._records))

    @cached_property
    def _engine(self) -> Engine:
        from airflow_profile_provider.adapters.databases import engine_of

        found = self._find(str(self._sql_conn_id))
        return engine_of(found, create=False, write=self._outbox is not None, away=SourceError)

    @property
    def _outbox(self) -> Outbox | None:
        return self._records.outbox if isinstance(self._records, Announced) else None

    @cached_property
    def receipts(self) -> OutboxRows | None:
        """Where the source wants to hear what became of its records, if it does."""
        if self._outbox is None:
            return None
        return OutboxRows(self._engine, self._outbox, self._records.spans)

    def close(self) -> None:
        """Give the database's connections back."""
        if "_engine" in self.__dict__:
            self._engine.dispose()

    def require_rereading(self, why: str) -> None:
        """Refuse records that can be read only once.

        Raises:
            ConfigurationError: saying ``why`` they must be read twice.
        """
        if isinstance(self._records, Iterator):
            raise ConfigurationError(
                f"{why}, and these records can be read only once: give a list, a path or a query"
            )

    def rows(self, planner: Planner, only_key: str | None, if_empty: str | None) -> Iterator[Row]:
        """Read the rows, refusing a source that lacks a column or, where it must not be, is empty."""
        mapped = planner.columns  # None: rows are changes, all of whose members are read
        needed = [*(mapped or ()), *([only_key] if only_key is not None else ())]
        columns = needed if mapped is not None else None
        name, default = "the source", "fail"
        if self._sql is not None:
            from airflow_profile_provider.sources.sql import rows_of_sql

            name = "the query"
            rows: Iterator[Row] = rows_of_sql(self._engine, self._sql, columns)
        elif is_path(self._records):
            name = named(address_of(self._records))
            rows = rows_of_parts(self._parts, open_file, replace(self._reading, columns=columns))
        elif isinstance(self._records, Announced):
            if self._outbox is not None and mapped is not None:
                raise ConfigurationError(
                    "the rows of an outbox are changes already: leave key and fields out, and name the "
                    "vendor's fields by from_events(mapping=...)"
                )
            if self.receipts:
                self.receipts.skips_null = planner.skips_null
            rows, default = self._announced_rows(self._records, columns), "ok"
        else:
            rows, default = rows_of(self._records), "ok"
        rows = require_columns(rows, needed, name)
        if require_choice("if_empty", if_empty or default, ("fail", "ok")) == "fail":
            rows = require_rows(rows, name)
        return rows

    def _announced_rows(self, announced: Announced, columns: list[str] | None) -> Iterator[Row]:
        """Read everything that was announced; positions go on from one source to the next.

        A position is one record's alone: those up to the last that was read of the outbox are its rows'.
        """
        if self.receipts:
            yield from self.receipts.rows()
        how = replace(self._reading, columns=columns)
        passed = self.receipts.last if self.receipts else 0
        yield from continued(self._announced_sources(announced, how), passed)

    @staticmethod
    def _announced_sources(announced: Announced, how: Reading) -> Iterator[Iterable[Row]]:
        for path in announced.paths:
            yield rows_of_parts(parts_of(path), open_file, how)
        yield rows_of(announced.changes)
        yield (Row(n, None, problem=text) for n, text in enumerate(announced.problems, 1))

    def blocks(self, planner: Planner, if_empty: str | None) -> Iterator[Block] | None:
        """Read the rows by the thousand, or return None where that is not how they are kept."""
        columns = planner.columns
        if columns is None or if_empty == "ok":
            return None
        found: Iterator[Block] | None = None
        name = "the query"
        if self._sql is not None:
            from airflow_profile_provider.sources.sql import blocks_of_sql

            found = blocks_of_sql(self._engine, self._sql, columns)
        elif is_path(self._records):
            name = named(address_of(self._records))
            found = blocks_of_parts(self._parts, open_file, columns)
        return None if found is None else require_blocks(found, name)

    def count(self) -> int | None:
        """Return about how many records there are, where that is cheap to tell."""
        if self._sql is not None:
            from airflow_profile_provider.sources.sql import count_of_sql

            return count_of_sql(self._engine, self._sql)
        if isinstance(self._records, Announced):
            return self.receipts.count() if self.receipts and not self._records.paths else None
        if is_path(self._records):
            return count_of_parts(self._parts, open_file)
        return len(self._records) if isinstance(self._records, Sequence) else None

    def fingerprint(self, options: Mapping[str, Any]) -> str | None:
        """Return what tells this source and these options from others; None where that is impossible."""
        is_told_apart = self._sql is None and not isinstance(self._records, Announced)
        return fingerprint(self._records, options) if is_told_apart else None


def _looks_like_records(text: str) -> bool:
    """Whether a text is what a template makes of records, rather than a path."""
    text = text.strip()
    return text[:1] + text[-1:] in {"[]", "{}"}
