"""What a push asks of the source of its records, whatever kind it is of."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.sources.partition import Part
from airflow_profile_provider.sources.rows import require_blocks, require_columns, require_rows

if TYPE_CHECKING:
    from airflow_profile_provider.sources.outbox import OutboxRows


class Wanted(Protocol):
    """What a mapping makes use of in a row."""

    @property
    def columns(self) -> list[str] | None:
        """The columns that every row should have, or None where rows are changes already."""

    @property
    def skips_null(self) -> bool:
        """Whether a field that is null is left out of what is sent."""


class Source(ABC):
    """The records of one push. A kind of source is a class that says how its rows are read."""

    name = "the source"
    """What errors call it."""

    if_empty = "fail"
    """What an empty source means where the user does not say: "fail" or "ok"."""

    @property
    def receipts(self) -> OutboxRows | None:
        """Where the source wants to hear what became of its records; None: it does not."""
        return None

    def rows(
        self, wanted: Wanted, only_key: str | None, if_empty: str | None, part: Part | None = None
    ) -> Iterator[Row]:
        """Read the rows; ``only_key`` is a column that is needed beside those of the mapping.

        Rows that are surely not in ``part`` may be left out; those that are read keep their positions.

        Raises:
            SourceError: the first rows all lack a column, or there is no row and ``if_empty`` is "fail".
        """
        needed = [*(wanted.columns or ()), *([only_key] if only_key is not None else ())]
        columns = None if wanted.columns is None else needed  # of a change every member is read
        if columns is None or "fields" in columns:  # a row may be a reject, which goes by its own key
            part = None
        rows = require_columns(self._rows(wanted, columns, part), needed, self.name)
        must_have_one = require_choice("if_empty", if_empty or self.if_empty, ("fail", "ok")) == "fail"
        return require_rows(rows, self.name) if must_have_one else rows

    def batches(self, wanted: Wanted, if_empty: str | None) -> Iterator[RowBatch] | None:
        """Read the rows by the thousand; None where that is not how they are kept, or wanted."""
        if wanted.columns is None or if_empty == "ok":
            return None
        found = self._batches(wanted.columns)
        return None if found is None else require_blocks(found, self.name)

    @abstractmethod
    def _rows(self, wanted: Wanted, columns: list[str] | None, part: Part | None = None) -> Iterator[Row]:
        """Read the rows as they come, of ``columns`` only; None: all of them.

        Only what can be left out for less than it costs to read is left out because of ``part``.
        """

    def _batches(self, columns: list[str]) -> Iterator[RowBatch] | None:
        """Read the rows as they come, by the thousand."""
        return None

    def require_rereading(self, why: str) -> None:  # noqa: B027 -- most can be read as often as one likes
        """Refuse records that can be read only once.

        Raises:
            ConfigurationError: saying ``why`` they must be read twice.
        """

    def place_of(self, position: int) -> str:
        """Return where people find a record that was read; empty where its position says so."""
        return ""

    def count(self) -> int | None:
        """Return about how many records there are, or None where finding out costs as much as reading."""
        return None

    def source_id(self, options: Mapping[str, Any]) -> str | None:
        """Return what changes when the source or the options do; None where it cannot be told from another.

        Of a file, and of each part of a folder, size and time of change (or etag) count; of a list, its
        content.
        """
        return None

    def close(self) -> None:  # noqa: B027 -- only databases are kept open
        """Give back what was opened."""


def id_of(options: Mapping[str, Any], states: Iterable[bytes]) -> str:
    """Return one short text for options and all that tells the state of a source."""
    digest = hashlib.sha256(repr(sorted(options.items())).encode())
    for state in states:
        digest.update(state + b"\n")
    return digest.hexdigest()
