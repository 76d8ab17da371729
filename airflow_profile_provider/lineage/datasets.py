"""What a push reads from, by the names that OpenLineage gives to tables and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

Dataset = tuple[str, str]
"""A dataset's namespace, and its name there."""

_STAR = re.compile(r"(\bselect\s+(distinct\s+|all\s+)?|,\s*)([\w\"]+\.)?\*", re.IGNORECASE)
_SEARCH_PATH = re.compile(r"search_path\s*=\s*\"?(\w+)")
_PARAMETER = re.compile(r"%%|%(\(\w+\))?s")
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}


@dataclass(frozen=True)
class Origin:
    """The datasets of a source; ``columns`` maps its columns to the datasets' own, where they differ.

    ``alike`` says that a column that is not among them has its name from the only dataset there is, or from
    each of the files.
    """

    datasets: tuple[Dataset, ...] = ()
    columns: Mapping[str, tuple[tuple[Dataset, str], ...]] = field(default_factory=dict)
    alike: bool = True
    are_files: bool = False

    def sources(self, column: str) -> tuple[tuple[Dataset, str], ...]:
        """Return the datasets and columns that a column comes from, as far as that is known."""
        if column in self.columns:
            return self.columns[column]
        known = self.alike and (len(self.datasets) == 1 or self.are_files)
        return tuple((dataset, column) for dataset in self.datasets) if known else ()


def origin_of_file(path: str) -> Origin:
    """Name a file: ``file`` and its path, or bucket and key; without connection, credential and query."""
    if "://" not in path:
        return Origin((("file", str(Path(path).absolute())),))
    parts = urlsplit(path)
    if parts.scheme == "file":
        return Origin((("file", parts.path),))
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    return Origin(((f"{scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")),))


def origin_of_files(paths: Iterable[str]) -> Origin:
    """Name files and folders, each of which has all columns."""
    found = [dataset for path in paths for dataset in origin_of_file(path).datasets]
    return Origin(tuple(dict.fromkeys(found)), are_files=True)


def origin_of_sql(connection: Connection, sql: str) -> Origin:
    """Name the tables that a query reads, and where its columns come from.

    Nothing is asked of the database. The origin is empty where the parser does not understand the query, or
    where nobody says how such a database's tables are named.
    """
    from openlineage.common.sql import parse

    place = _Place.of(connection)
    found = place and parse([sql], dialect=place.dialect, default_schema=place.schema)
    if not place or not found or found.errors:
        return Origin()
    columns = {
        _bare(line.descendant.name): tuple(
            (place.dataset(source.origin), _bare(source.name)) for source in line.lineage if source.origin
        )
        for line in found.column_lineage
    }
    named = [place.dataset(table) for table in found.in_tables]
    # What is read inside of a "with" the parser tells by the columns alone.
    named += [dataset for sources in columns.values() for dataset, _ in sources]
    return Origin(tuple(dict.fromkeys(named)), columns, alike=_STAR.search(sql) is not None)


def without_places(sql: str) -> str:
    """Return a query without the places of its parameters, which the parser takes for mistakes."""
    return _PARAMETER.sub(lambda found: "%" if found[0] == "%%" else "null", sql)


@dataclass(frozen=True)
class _Place:
    """How the tables of one database are named."""

    namespace: str
    dialect: str
    database: str | None
    schema: str | None

    @classmethod
    def of(cls, connection: Connection) -> _Place | None:
        if connection.conn_type == "sqlite":
            path = (connection.host or "") + (f"/{connection.schema}" if connection.schema else "")
            return cls(f"sqlite://{Path(path).absolute()}", "sqlite", None, "main")
        if connection.conn_type in {"postgres", "postgresql"}:
            options = str(connection.extra_dejson.get("options") or "")
            first = _SEARCH_PATH.search(options)
            server = f"{connection.host or 'localhost'}:{connection.port or 5432}"
            schema = first[1] if first else "public"
            return cls(f"postgres://{server}", "postgres", connection.schema or None, schema)
        return cls._by_hook(connection)

    @classmethod
    def _by_hook(cls, connection: Connection) -> _Place | None:
        """Let the provider of another database name its tables, as its own operators do."""
        from airflow.providers.common.compat.sdk import AirflowException

        try:
            hook: Any = connection.get_hook()  # type: ignore[no-untyped-call]
            known = hook.get_openlineage_database_info(connection)
            dialect = hook.get_openlineage_database_dialect(connection)
            schema = hook.get_openlineage_default_schema()
        except (AirflowException, AttributeError, ImportError, ValueError):
            return None
        if not known:
            return None
        namespace = f"{known.scheme}://{known.authority}" if known.authority else known.scheme
        return cls(namespace, dialect, known.database, schema)

    def dataset(self, table: Any) -> Dataset:
        parts = (table.database or self.database, table.schema or self.schema, table.name)
        return self.namespace, ".".join(_bare(part) for part in parts if part)


def _bare(name: str) -> str:
    return name.strip('"`')
