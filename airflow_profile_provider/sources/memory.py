"""Records that are handed in: a list, or any other iterable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import GeneratorType
from typing import Any

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.rows import rows_of
from airflow_profile_provider.sources.source import Source, Wanted, id_of


class MemorySource(Source):
    """The records of an iterable; an iterator can be read once, unless ``again`` makes another one."""

    if_empty = "ok"

    def __init__(self, records: Iterable[Any], again: Callable[[], Iterable[Any]] | None = None) -> None:
        self._records = records
        self._again = again
        self._was_read = False

    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        if self._was_read and self._again:
            self.close()
            self._records = self._again()
        self._was_read = True
        require_unread(self._records)
        return rows_of(self._records)

    def require_rereading(self, why: str) -> None:
        """Refuse an iterator.

        Raises:
            ConfigurationError: saying ``why`` records must be read twice.
        """
        if isinstance(self._records, Iterator) and not self._again:
            raise ConfigurationError(
                f"{why}, and these records can be read only once: give a list, a path, a query, or the "
                "function that makes them"
            )

    def count(self) -> int | None:
        """Return how many records a list has; None: who makes them does not say."""
        return len(self._records) if isinstance(self._records, Sequence) else None

    def source_id(self, options: Mapping[str, Any]) -> str | None:
        """Return what changes with the content of a list, or with the options; None where it is no list."""
        if not isinstance(self._records, Sequence):
            return None
        try:
            return id_of(options, map(_written, self._records))
        except Exception:  # noqa: BLE001 -- a value of any class raises what it likes
            return None

    def close(self) -> None:
        """Let go of what was made for this push."""
        if self._again and isinstance(self._records, GeneratorType):
            self._records.close()


def require_unread(records: Any) -> None:
    """Refuse a generator that has nothing more to give, which would pass for an empty source.

    Raises:
        SourceError: saying so.
    """
    if isinstance(records, GeneratorType) and records.gi_frame is None:
        raise SourceError(
            "records is a generator that was read to its end before: give the function that makes it, or a "
            "new one"
        )


def _written(record: Any) -> bytes:
    return json.dumps(record, default=str).encode("utf-8", "surrogatepass")
