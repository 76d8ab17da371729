"""Which source a push's records come from: what is in memory, files, a query, or what events announced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.adapters.files import address_of, is_path, open_file, state_of
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.adapters.paths import paths_in
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.options import require_one_source
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.events import EventSource
from airflow_profile_provider.sources.files import FileSource, Storage
from airflow_profile_provider.sources.frames import FrameSource, is_frame
from airflow_profile_provider.sources.makers import is_maker, made_by
from airflow_profile_provider.sources.memory import MemorySource
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.sources.sql import Database, QuerySource
from airflow_profile_provider.sources.statements import Parameters, Statement

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection
    from sqlalchemy import Engine


def source_of(
    records: Any,
    sql: str | None,
    sql_conn_id: str | None,
    find: Callable[[str], Connection],
    reading: Reading | None = None,
    parameters: Parameters | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Source:
    """Return the source of a push's records, which opens nothing before it is read.

    ``find`` looks a connection up; ``reading`` says how rows are read; ``parameters`` are bound to the query;
    a database that is away is waited for in ``sleep``, which may raise what ends the wait.

    Raises:
        ConfigurationError: there is no source, more than one, or one that cannot be read.
    """
    _require_one(records, sql, sql_conn_id)
    if parameters and sql is None:
        raise ConfigurationError("parameters are bound to a query: give sql, too, or leave them out")
    reading = reading or Reading()
    if is_maker(records):
        return _made(records, find, reading)
    storage = Storage(open_file, parts_of, state_of)

    def engine() -> Engine:
        from airflow_profile_provider.adapters.databases import engine_of

        found = find(str(sql_conn_id))
        return engine_of(found, create=False, write=True, away=SourceError, sleep=sleep)

    def database() -> Database:
        from airflow_profile_provider.adapters.databases import database_of

        return database_of(find(str(sql_conn_id)), away=SourceError, sleep=sleep)

    if sql is not None:
        return QuerySource(database, Statement.of(sql, parameters))
    if isinstance(records, Announced):
        return EventSource(records, engine, storage, reading)
    if is_frame(records):
        return FrameSource(records)
    if is_path(records):
        return FileSource([_address(records)], storage, reading)
    if paths := paths_in(records):
        return FileSource(list(map(_address, paths)), storage, reading)
    return MemorySource(records)


def _made(maker: Callable[[], Any], find: Callable[[str], Connection], reading: Reading) -> Source:
    """Return the source of what a function makes; what can be read once is made again for each reading."""
    records = made_by(maker)
    if isinstance(records, Iterator) and not is_frame(records):
        return MemorySource(records, again=lambda: made_by(maker))
    return source_of(records, None, None, find, reading)


def _require_one(records: Any, sql: str | None, sql_conn_id: str | None) -> None:
    is_outbox = isinstance(records, Announced)
    require_one_source(records is not None, sql, sql_conn_id, by_sql_conn_id=is_outbox)
    if isinstance(records, Announced) and (records.outbox is None) != (sql_conn_id is None):
        raise ConfigurationError("an outbox is read through sql_conn_id: give both, or neither")
    known = is_path(records) or is_frame(records) or is_maker(records)
    is_many = known or isinstance(records, Iterable | Announced)
    if sql is None and (isinstance(records, Mapping) or not is_many):
        raise ConfigurationError(f"records must be a list or a path, not a single {type(records).__name__}")


def _address(records: Any) -> str:
    """Return a path as text, unless it is what a template makes of records."""
    address = address_of(records)
    text = address.strip()
    if text[:1] + text[-1:] in {"[]", "{}"}:
        raise ConfigurationError(
            "records is the text of a list or an object, not a path: give the list itself (another "
            "task's output, or native rendering)"
        )
    return address
