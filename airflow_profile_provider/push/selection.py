"""Which rows of its source a push takes: all of them, those of some keys, a share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count

from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.push.files import Files
from airflow_profile_provider.push.leavers import SourceKeys
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import RowBatch, batches_of
from airflow_profile_provider.sources.duplicates import Duplicates
from airflow_profile_provider.sources.keys import KeyFile, rows_only
from airflow_profile_provider.sources.partition import Part, is_in_share, rows_in_partition
from airflow_profile_provider.sources.reading import named
from airflow_profile_provider.sources.source import Source


class Selection:
    """The rows that the options ask for; ``stack`` closes what was opened for them.

    ``go_on`` is asked while the source is read ahead, and raises what ends the push. ``keys`` notes whose
    rows the whole source has, where somebody asks who left it.
    """

    def __init__(
        self,
        source: Source,
        mapper: Mapper,
        options: PushOptions,
        files: Files,
        log: Log,
        stack: ExitStack,
        go_on: Callable[[], object],
        keys: SourceKeys | None = None,
    ) -> None:
        self._source = source
        self._mapper = mapper
        self._options = options
        self._files = files
        self._log = log
        self._stack = stack
        self._go_on = go_on
        self._keys = keys

    def rows(self) -> Iterator[Row]:
        """Read the source: of it, the keys and the share that were asked for.

        Raises:
            SourceError: the file of keys cannot be read; or, once they are read, as the source says.
        """
        options, mapper, column = self._options, self._mapper, self._only_column
        part = None
        # Else something is told of the whole source: which keys are missing, come twice, or are gone.
        is_told_of = column is not None or options.if_duplicate != "last" or self._keys is not None
        if options.partition and not is_told_of:
            part = Part(options.partition, mapper.key_column)
        rows = self._source.rows(mapper, column, options.if_empty, part)
        if self._keys:
            rows = self._keys.noted(rows)
        if column is not None:
            keys = self._stack.enter_context(KeyFile(str(options.only), self._files.open, self._files.parts))
            if not len(keys):
                self._log.warning("%s has no key: no record is pushed", named(keys.path))
            rows = rows_only(rows, keys, column, mapper.key_column, may_miss=options.if_empty == "ok")
        if options.if_duplicate != "last":
            return self._without_duplicates(rows, self._is_in_share)
        if options.partition:
            rows = rows_in_partition(rows, options.partition, mapper.profile_in)
        return rows

    def _without_duplicates(self, rows: Iterator[Row], passes: Callable[[Row], bool]) -> Iterator[Row]:
        """Find the keys that come more than once over the whole source, also where a share of it is pushed.

        Raises:
            SourceError: there are such keys, and that is to fail.
        """
        found = Duplicates(
            lambda row: self._mapper.identity_in(row.content), passes, self._source.place_of, self._go_on
        )
        return found.none(rows) if self._options.if_duplicate == "fail" else found.refused(rows)

    def _is_in_share(self, row: Row) -> bool:
        share = self._options.partition
        return share is None or is_in_share(row, share, self._mapper.profile_in)

    def batches(self, rows: Iterator[Row]) -> Iterator[RowBatch] | None:
        """Read the same rows by the thousand; None where more than a ledger decides about each.

        A baseline has also those together that its source gives one by one: ``rows``.
        """
        options = self._options
        if self._only_column is not None or options.partition or options.version or options.ignore_ledger:
            return None
        if options.if_duplicate != "last":
            return None
        found = self._source.batches(self._mapper, options.if_empty)
        if found is None and options.action == "baseline" and self._mapper.columns:
            return batches_of(rows, self._mapper.columns)
        return self._keys.noted_batches(found) if found and self._keys else found

    def whole(self, session: Session | None) -> tuple[int, int] | None:
        """Return how many of the whole source would change, of how many, where a share of it is pushed."""
        options = self._options
        if not options.partition or options.max_changes is None:
            return None
        self._source.require_rereading("max_changes reads the whole source before a share of it")
        received = count()
        rows: Iterable[Row] = self._source.rows(self._mapper, self._only_column, options.if_empty)
        if options.if_duplicate != "last":
            rows = self._without_duplicates(iter(rows), lambda row: True)
        rows = (row for row in rows if next(received) >= 0 and not (row.verdict or row.refused))
        if session:
            rows = session.proposals(iter(rows), lambda source, verdict, reason="": None)  # type: ignore[assignment]
        changes = sum(1 for _ in rows)
        return changes, next(received)

    @property
    def _only_column(self) -> str | None:
        """Where a row has the key that must be among those of ``only``."""
        options = self._options
        return (options.only_key or options.key or "key") if options.only is not None else None
