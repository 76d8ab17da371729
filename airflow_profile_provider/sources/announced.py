"""What a push by events is to read: the names of an outbox, and what events announced of it and beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_profile_provider.errors import ConfigurationError

Span = tuple[int, int]
"""The first and the last number of a range of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """The names of an outbox: its table (schema.table) and columns.

    ``key_type`` names no column by default. ``delivered`` is the column of this consumer's mark. ``mapping``
    takes members of ``fields`` under the vendor's names: vendor field to member, or a list where they agree.

    Raises:
        ConfigurationError: a name is empty.
    """

    table: str = "profile_outbox"
    id: str = "id"
    key: str = "key"
    fields: str = "fields"
    key_type: str | None = None
    delivered: str = "delivered"
    mapping: Mapping[str, str] | Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in ("table", "id", "key", "fields", "delivered"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value.strip()):
                raise ConfigurationError(f"an outbox's {name} must be a name, not {value!r}")

    @property
    def members(self) -> dict[str, str] | None:
        """Vendor field to member; None: all of them, as they are named."""
        if self.mapping is None or isinstance(self.mapping, Mapping):
            return None if self.mapping is None else dict(self.mapping)
        return {name: name for name in self.mapping}


@dataclass(frozen=True, slots=True)
class Announced:
    """What a push is to read: rows of an outbox, then files, then changes.

    ``spans`` are ranges of the outbox; None stands for all that it owes. ``problems`` say what is wrong with
    events that cannot be followed; each of them counts as an invalid record.
    """

    outbox: Outbox | None = None
    spans: tuple[Span, ...] | None = None
    paths: tuple[str, ...] = ()
    changes: tuple[Any, ...] = ()
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how much it is; a change may be in it, so its values are not shown."""
        parts = [f"{len(self.paths)} files", f"{len(self.changes)} changes", f"{len(self.problems)} problems"]
        return f"<Announced {self.outbox and self.outbox.table} {self.spans}, {', '.join(parts)}>"


def merged(spans: Iterable[Span], most: int = 50) -> list[Span]:
    """Lay spans that touch together; more than ``most`` become one that holds them all."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found if len(found) <= most else [(found[0][0], found[-1][1])]
