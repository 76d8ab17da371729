"""Records that are handed in: a list, or any other iterable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.rows import rows_of
from airflow_profile_provider.sources.source import Source, Wanted, id_of


class MemorySource(Source):
    """The records of an iterable; an iterator can be read once."""

    if_empty = "ok"

    def __init__(self, records: Iterable[Any]) -> None:
        self._records = records

    def _rows(self, wanted: Wanted, columns: list[str] | None) -> Iterator[Row]:
        return rows_of(self._records)

    def require_rereading(self, why: str) -> None:
        """Refuse an iterator.

        Raises:
            ConfigurationError: saying ``why`` records must be read twice.
        """
        if isinstance(self._records, Iterator):
            raise ConfigurationError(
                f"{why}, and these records can be read only once: give a list, a path or a query"
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


def _written(record: Any) -> bytes:
    return json.dumps(record, default=str).encode("utf-8", "surrogatepass")
