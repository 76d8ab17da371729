"""What a push by events is to read: the names of an outbox, and what events announced of it and beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_profile_provider.fields import Expression

Span = tuple[int, int]
"""The first and the last number of a range of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """The names of an outbox: its table (schema.table) and columns.

    ``key_type`` names no column by default. ``delivered`` is the column of this consumer's mark. ``mapping``
    takes members of ``fields`` under the vendor's names: vendor field to member, or to an expression of
    members; or a list where they agree.

    Raises:
        ConfigurationError: a name is empty, or an expression holds a template, which nobody renders here.
    """

    table: str = "profile_outbox"
    id: str = "id"
    key: str = "key"
    fields: str = "fields"
    key_type: str | None = None
    delivered: str = "delivered"
    mapping: Mapping[str, str | Expression] | Sequence[str] | None = None
    after: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("table", "id", "key", "fields", "delivered"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value.strip()):
                raise ConfigurationError(f"an outbox's {name} must be a name, not {value!r}")
        for of in (self.members or {}).values():
            if not isinstance(of, str) and of.is_for_later:
                raise ConfigurationError(
                    f"an outbox's mapping is no template: write {of.name} without {{{{ }}}}"
                )
        if not all(isinstance(name, str) and name.strip() for name in self.before):
            raise ConfigurationError("an outbox's after must be a name of a column, or a list of such names")
        if self.delivered in self.before:
            raise ConfigurationError("an outbox's after must be other columns than its own delivered")

    @property
    def before(self) -> tuple[str, ...]:
        """The columns of the marks of earlier systems."""
        return (self.after,) if isinstance(self.after, str) else tuple(self.after)

    @property
    def members(self) -> dict[str, str | Expression] | None:
        """Vendor field to member or expression; None: all of them, as they are named."""
        if self.mapping is None:
            return None
        from airflow_profile_provider.fields.written import columns  # imported where there is a mapping

        found = columns("mapping", self.mapping)
        return found if found is None or isinstance(found, dict) else {name: name for name in found}


def taken_of(fields: Mapping[str, Any], members: Mapping[str, str | Expression] | None) -> dict[str, Any]:
    """Return what a row of an outbox brings, under the vendor's names; None takes all of it.

    What reads no member is sent along with others, and not alone: the row says nothing of it.

    Raises:
        InvalidRecord: an expression can make no value of them.
    """
    if members is None:
        return dict(fields)
    taken: dict[str, Any] = {}
    for name, of in members.items():
        if not isinstance(of, str):
            of.add_to(taken, name, fields)
        elif of in fields:
            taken[name] = fields[of]
    says_any = any(isinstance(of, str) or of.columns for name, of in members.items() if name in taken)
    return taken if says_any else {}


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

    @property
    def is_announced_again(self) -> bool:
        """Whether all of it is: rows of an outbox, while they are owed, as files and changes are not."""
        return self.outbox is not None and self.spans is not None and not (self.paths or self.changes)

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
