"""The members of a change: out of a row's columns, or as a row that is a change already has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.fields import Expression
from airflow_profile_provider.mapping.field_mapping import ColumnsOf, FieldMapping, Of, columns_of
from airflow_profile_provider.mapping.versions import version_from_text
from airflow_profile_provider.records import Row, has_verdict
from airflow_profile_provider.values import is_null, read_as, unwrapped

_CHANGE_MEMBERS = frozenset({"key", "key_type", "fields", "relationships", "version", "match"})
_VENDORS = "the vendor's identifier of the profile"
_REJECT_MEMBERS = frozenset({"verdict", "reason", "position", "place", "text", "unread"})


class Columns:
    """Takes the members of a change out of a row; ``fields`` is vendor field to column or expression."""

    def __init__(self, mapping: FieldMapping, fields: Mapping[str, Of], nulls: str) -> None:
        self._mapping = mapping
        self._fields = fields
        self._nulls = nulls
        self.made = {name: of for name, of in fields.items() if isinstance(of, Expression)}
        """The fields that are made by an expression."""
        self._plain = {name: of for name, of in fields.items() if isinstance(of, str)}

    @property
    def needed(self) -> list[str]:
        """The columns that every row should have."""
        return self.beside(self._fields)

    def beside(self, fields: Mapping[str, Of]) -> list[str]:
        """Return the columns of the key, the version, the relationships and these fields."""
        linked = [
            column
            for operations in (self._mapping.relationships or {}).values()
            for column in operations.values()
        ]
        version = [self._mapping.version] if self._mapping.version else []
        read = [column for of in fields.values() for column in columns_of(of)]
        matched = (self._mapping.match or {}).values()
        return list(dict.fromkeys([str(self._mapping.key), *read, *linked, *version, *matched]))

    def members(self, row: Row) -> dict[str, Any]:
        """Return the members of the change that a row asks for, not yet checked.

        Raises:
            InvalidRecord: it has no key, or a column that cannot be read.
        """
        content: Mapping[str, Any] = row.content
        key = str(self._mapping.key)
        if is_null(content.get(key)) or (row.text and not content[key]):
            whose = "your own identifier of the person" if self._mapping.match else _VENDORS
            raise InvalidRecord(f"has no key in column {key}; give {whose}")
        # Most mappings have columns alone, and most of a push's work on a row is this.
        fields = {name: content[column] for name, column in self._plain.items() if column in content}
        mapping = self._mapping
        members = {"key": content[key], "fields": self._with_made(fields, row) if self.made else fields}
        if mapping.relationships:
            members["relationships"] = self._links(row, mapping.relationships)
        if mapping.version:
            members["version"] = self.version(row)
        if mapping.match:
            members["match"] = {by: content.get(column) for by, column in mapping.match.items()}
        return members

    def said_of(self, row: Row) -> list[str]:
        """Return the fields of which a row says anything, also where no value can be made of that."""
        return [
            name for name, of in self._fields.items() if any(map(row.content.__contains__, columns_of(of)))
        ]

    def _with_made(self, plain: Mapping[str, Any], row: Row) -> dict[str, Any]:
        """Return a row's fields with those that expressions make, in the order of the mapping."""
        fields: dict[str, Any] = {}
        for name, of in self._fields.items():
            if isinstance(of, Expression):
                of.add_to(fields, name, row.content, text=row.text, replayed=row.replayed)
            elif name in plain:
                fields[name] = plain[name]
        return fields

    def version(self, row: Row) -> Any:
        """Return the version of a row, not yet checked."""
        column = self._mapping.version
        value = row.content.get(column) if column else None
        if row.text and isinstance(value, str):
            return version_from_text(value)
        return value

    def _links(self, row: Row, relationships: ColumnsOf) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for relationship, operations in relationships.items():
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
