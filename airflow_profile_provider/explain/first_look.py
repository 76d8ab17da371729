"""The first rows of a source, beside the fields of a vendor: what a mapping can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.push.assembly import Assembly
from airflow_profile_provider.push.learning import Learned, learned
from airflow_profile_provider.records import Row
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue

ROWS = 100
"""How many rows are looked at."""


@dataclass(frozen=True)
class FirstLook:
    """What there is to match: columns of a source, fields of a vendor. Its repr holds no value.

    ``unanswered`` says why the vendor did not tell its fields, though it has a list of them.
    """

    vendor: Vendor
    columns: tuple[str, ...]
    catalogue: Catalogue
    rows: tuple[Row, ...] = field(repr=False)
    unanswered: str = ""

    @property
    def holds_changes(self) -> bool:
        """Whether the rows are changes already, and need no mapping."""
        return {"key", "fields"} <= set(self.columns) and all(
            isinstance(row.content.get("fields"), Mapping) for row in self.rows
        )


def first_look(assembly: Assembly) -> FirstLook:
    """Read the first rows of a push's source, and ask the vendor for its fields; nothing is sent.

    Raises:
        ConfigurationError: the source is a file of rejects, which needs no mapping.
        SourceError: the source cannot be read, has no row, or none of the first ones can be read.
    """
    try:
        read = tuple(islice(assembly.source.rows(assembly.mapper, None, "fail"), ROWS))
    finally:
        assembly.source.close()
    if any(row.replayed for row in read):
        raise ConfigurationError(
            "these are changes that a push did not deliver: `airflow profiles replay` pushes them again"
        )
    rows = tuple(row for row in read if not row.problem and isinstance(row.content, Mapping))
    if not rows:
        raise ConfigurationError(f"none of the first {len(read)} rows can be read: {read[0].problem}")
    told = learned(assembly.vendor, assembly.transport) if assembly.vendor.is_catalogued(None) else Learned()
    columns = dict.fromkeys(str(name) for row in rows for name in row.content)
    return FirstLook(assembly.vendor, tuple(columns), told.catalogue, rows, told.unanswered)
