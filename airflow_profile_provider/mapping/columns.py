"""The members of a change: out of a row's columns, or as a row that is a change already has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.mapping.versions import version_from_text
from airflow_profile_provider.records import Row, has_verdict
from airflow_profile_provider.values import is_null, read_as, unwrapped

if TYPE_CHECKING:
    from airflow_profile_provider.mapping.mapper import FieldMapping

_CHANGE_MEMBERS = frozenset({"key", "key_type", "fields", "relationships", "version"})
_REJECT_MEMBERS = frozenset({"verdict", "reason", "position", "place", "text", "unread"})


class Columns:
    """Takes the members of a change out of a row; ``fields`` is vendor field to column."""

    def __init__(self, mapping: FieldMapping, fields: Mapping[str, str], nulls: str) -> None:
        self._mapping = mapping
        self._fields = fields
        self._nulls = nulls

    @property
    def needed(self) -> list[str]:
        """The columns that every row should have."""
        return self.beside(self._fields)

    def beside(self, fields: Mapping[str, str]) -> list[str]:
        """Return the columns of the key, the version, the relationships and these fields."""
        linked = [
            column
            for operations in (self._mapping.relationships or {}).values()
            for column in operations.values()
        ]
        version = [self._mapping.version] if self._mapping.version else []
        return list(dict.fromkeys([str(self._mapping.key), *fields.values(), *linked, *version]))

    def members(self, row: Row) -> dict[str, Any]:
        """Return the members of the change that a row asks for, not yet checked.

        Raises:
            InvalidRecord: it has no key, or a column that cannot be read.
        """
        content: Mapping[str, Any] = row.content
        key = str(self._mapping.key)
        if is_null(content.get(key)) or (row.text and not content[key]):
            raise InvalidRecord(f"has no key in column {key}; give the vendor's identifier of the profile")
        return {
            "key": content[key],
            "fields": {name: content[column] for name, column in self._fields.items() if column in content},
            "relationships": self._links(row),
            "version": self._version(row),
        }

    def _version(self, row: Row) -> Any:
        column = self._mapping.version
        value = row.content.get(column) if column else None
        if row.text and isinstance(value, str):
            return version_from_text(value)
        return value

    def _links(self, row: Row) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for relationship, operations in (self._mapping.relationships or {}).items():
            for operation, column in operations.items():
                value = row.content.get(column)
                if row.text:
                    value = _link_from_text(column, value) if value else None
                elif isinstance(value, str):  # the database may have no arrays
                    value = _link_from_text(column, value)
                else:
                    value = list(value) if isinstance(value, tuple) else unwrapped(value)
                if not is_null(value):
                    found.setdefault(relationship, {})[operation] = value
                elif operation == "replace" and column in row.content and self._nulls != "skip":
                    refuse_null(self._nulls, f"relationship {relationship}: ")
                    found.setdefault(relationship, {})[operation] = None
        return found


def check_members(raw: Mapping[str, Any], *, replayed: bool = False) -> None:
    """Refuse content that is meant to be a change and has what no change has, or no key.

    ``replayed`` is a row of the rejects, as the source had it: it may need the mapping of its push.

    Raises:
        InvalidRecord: naming its members, where they cannot be anybody's values.
    """
    allowed = _CHANGE_MEMBERS | _REJECT_MEMBERS if has_verdict(raw) else _CHANGE_MEMBERS
    unknown = [str(name) for name in raw if name not in allowed]
    if unknown:
        # The names of what is no change at all may be the cells of a table without names.
        is_one = not _CHANGE_MEMBERS.isdisjoint(raw)
        if replayed and not is_one:
            raise InvalidRecord("is a row as the source had it: give key and fields as the push did")
        names = f" ({', '.join(sorted(unknown)[:5])})" if is_one else f": {len(unknown)}"
        raise InvalidRecord(
            f"has members that a change has not{names}; a change has key and fields; else map columns with "
            "key= and fields="
        )
    if "key" not in raw:
        raise InvalidRecord("has no key; give the vendor's identifier of the profile")


def refuse_null(nulls: str, where: str) -> None:
    """Refuse a value that is null, if nulls are "invalid"; ``where`` begins the message.

    Raises:
        InvalidRecord: saying what else may be done with it.
    """
    if nulls == "invalid":
        raise InvalidRecord(f'{where}is null; nulls="skip" leaves it alone, nulls="clear" clears it')


def _link_from_text(column: str, cell: str) -> Any:
    try:
        found = read_as("string[]", cell)
    except InvalidRecord as error:
        raise InvalidRecord(f"column {column}: {error}") from None
    return found[0] if isinstance(found, list) and len(found) == 1 else found
