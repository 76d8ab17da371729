"""What events announced, as a source: rows of an outbox, then files, then changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.files import Storage, rows_of_parts
from airflow_profile_provider.sources.outbox import OutboxRows
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.rows import continued, rows_of
from airflow_profile_provider.sources.source import Source, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Engine


class EventSource(Source):
    """Everything that was announced; ``open_engine`` reaches the outbox, if there is one.

    A position is one record's alone: those up to the last that was read of the outbox are its rows', and
    the others go on from there, from one source to the next.
    """

    if_empty = "ok"

    def __init__(
        self, announced: Announced, open_engine: Callable[[], Engine], storage: Storage, reading: Reading
    ) -> None:
        self._announced = announced
        self._open_engine = open_engine
        self._storage = storage
        self._reading = reading

    @cached_property
    def _engine(self) -> Engine:
        return self._open_engine()

    @cached_property
    def receipts(self) -> OutboxRows | None:
        """The outbox, whose rows are marked with their verdicts; None: nothing of one is read."""
        if self._announced.outbox is None:
            return None
        return OutboxRows(self._engine, self._announced.outbox, self._announced.spans)

    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        if self._announced.outbox is not None and columns is not None:
            raise ConfigurationError(
                "the rows of an outbox are changes already: leave key and fields out, and name the "
                "vendor's fields by from_events(mapping=...)"
            )
        return self._read(wanted.skips_null, replace(self._reading, columns=columns))

    def _read(self, skips_null: bool, how: Reading) -> Iterator[Row]:
        passed = 0
        if self.receipts:
            yield from self.receipts.rows(skips_null=skips_null)
            passed = self.receipts.last
        yield from continued(self._beside_the_outbox(how), passed)

    def _beside_the_outbox(self, how: Reading) -> Iterator[Iterable[Row]]:
        for path in self._announced.paths:
            yield rows_of_parts(self._storage.parts_of(path), self._storage.open, how)
        yield rows_of(self._announced.changes)
        yield (Row(n, None, problem=text) for n, text in enumerate(self._announced.problems, 1))

    def count(self) -> int | None:
        """Return how many rows of the outbox are owed; None where there are files, too, or no outbox."""
        return self.receipts.count() if self.receipts and not self._announced.paths else None

    def close(self) -> None:
        """Give the database's connections back."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
