"""What is known of one key without asking the vendor: its rows in the source, and the ledger, read only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_profile_provider.adapters.ledgers import secret_of
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.reader import ReadLedger
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.push.assembly import Assembly
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.source import Source

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


@dataclass(frozen=True)
class Found:
    """The rows of one key."""

    key: str = field(repr=False)
    rows: list[Row] = field(repr=False)
    read: int
    unreadable: int

    @classmethod
    def of(cls, source: Source, mapper: Mapper, key: str) -> Found:
        """Read a whole source, and keep the rows of the key."""
        rows, read, unreadable, profile = [], 0, 0, mapper.profile_of(key)
        for row in source.rows(mapper, None, None):
            read += 1
            if row.problem and not isinstance(row.content, Mapping):
                unreadable += 1
            elif not row.verdict and mapper.profile_in(row.content) == profile:
                rows.append(row)
        return cls(key, rows, read, unreadable)


@contextmanager
def read_ledger(assembly: Assembly, store: Connection | None) -> Iterator[ReadLedger | None]:
    """Open the ledger behind a connection to read it; None where there is none, not even an empty one."""
    from airflow_profile_provider.adapters.databases import engine_of

    if store is None:
        yield None
        return
    try:
        engine = engine_of(store, create=False)
    except ConfigurationError as error:
        if "SQLITE_CANTOPEN" not in str(error):
            raise
        engine = None  # the first push makes the file
    if engine is None:
        yield None
        return
    try:
        yield ReadLedger(
            engine,
            assembly.surroundings.target,
            assembly.mapper.key_type,
            place=assembly.vendor.place,
            mixed_key_types=assembly.options.mixed_key_types,
            secret=secret_of(store),
        )
    finally:
        engine.dispose()
