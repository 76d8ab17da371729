"""From rows to changes, without I/O: map and validate."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as members_of
from typing import Any, get_args

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, ProfileError, WrongMapping
from airflow_profile_provider.fields import Expression
from airflow_profile_provider.mapping.columns import Columns, Of, check_members, columns_of, refuse_null
from airflow_profile_provider.mapping.sizes import size_of
from airflow_profile_provider.mapping.sought import sought_of
from airflow_profile_provider.mapping.versions import version_of
from airflow_profile_provider.options import Nulls, require_choice
from airflow_profile_provider.records import OWN_KEY, Change, Leaver, Row, is_reject
from airflow_profile_provider.values import (
    exact_key,
    holds_null,
    is_null,
    json_type,
    without_nulls,
)
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue

_MEANING = 1
"""To be raised where a release makes another change of the same row: ledgers then look at every row again."""

ColumnsOf = Mapping[str, Mapping[str, str]]
"""Relationship to operation to column."""


@dataclass(frozen=True, kw_only=True)
class FieldMapping:
    """How a row becomes a change.

    ``key`` is the column of the key and ``fields`` maps the vendor's field to the column, or to an expression
    (a list where the names agree); with ``fields=None`` rows are changes already. ``version`` is the column
    that orders the changes of a key. ``nulls`` is "clear", "skip" or "invalid". With ``exact_keys`` each
    spelling of a key is a profile of its own; else those that the vendor may take for one are judged as one.
    ``match`` is the vendor's field, and the column, by which the vendor's profile is found of a key that is
    none of its own.
    """

    key: str | None = None
    fields: Mapping[str, Of] | Sequence[str] | None = None
    key_type: str | None = None
    version: str | None = None
    nulls: str | None = None
    relationships: ColumnsOf | None = None
    max_record_bytes: int = 1_000_000
    exact_keys: bool = False
    set_if_empty: tuple[str, ...] = ()
    match: Mapping[str, str] | None = None


class Mapper:
    """Makes validated changes of rows, for one vendor.

    ``learn`` asks the vendor which fields there are, once there is something to plan. ``compared`` says that
    rows are compared with what a ledger knows of them before that: labels must have been learnt by then.

    Raises:
        ConfigurationError: the recipe does not fit the vendor.
    """

    def __init__(
        self,
        vendor: Vendor,
        mapping: FieldMapping,
        *,
        learn: Callable[[], Catalogue] = Catalogue,
        compared: bool = False,
    ) -> None:
        self._catalogue = Catalogue()
        self._compared = compared
        self._wrong: WrongMapping | None = None
        self._vendor = vendor
        self._mapping = mapping
        given = mapping.fields
        self._fields = _by_column(given)
        self._learn = learn if vendor.is_catalogued(self._fields) else None
        self._nulls = require_choice("nulls", mapping.nulls or vendor.nulls, get_args(Nulls))
        self._columns = Columns(mapping, self._fields or {}, self._nulls)
        usable = vendor.usable_key_types
        self.vendor_key_type = require_choice("key_type", mapping.key_type or usable[0], usable)
        self._key_type = OWN_KEY if mapping.match else self.vendor_key_type
        if given is not None:
            vendor.check_key_type(self.vendor_key_type)
        if given is not None and not (mapping.key and (self._fields or mapping.relationships)):
            raise ConfigurationError(
                "fields maps columns to send, so name the column of the key as well (key=)"
            )
        if mapping.relationships and not vendor.relationship_writes:
            raise ConfigurationError(f"{vendor.name} has no relationships to write")
        if mapping.relationships and given is None:
            raise ConfigurationError("relationships names columns, so it needs key and fields as well")
        self._check_mapping()
        self._check_made()
        self._if_empty = frozenset(mapping.set_if_empty)
        self._check_if_empty()

    @property
    def key_type(self) -> str:
        """Which identifier the key is, unless a change says otherwise; `OWN_KEY` where it is none."""
        return self._key_type

    @property
    def meaning(self) -> str:
        """What makes a change of a row, as a text: where it is the same, equal rows ask for equal changes.

        An option that is not used leaves no trace, so that a release which brings one changes no text.
        """
        used = {
            one.name: value
            for one in members_of(self._mapping)
            if (value := getattr(self._mapping, one.name)) != one.default
        }
        used |= {"key_type": self._key_type, "nulls": self._nulls}
        return f"{_MEANING} {json.dumps(used, sort_keys=True, default=_plain)}"

    @property
    def made(self) -> Mapping[str, Expression]:
        """The fields that are made by an expression."""
        return self._columns.made

    @property
    def catalogue(self) -> Catalogue:
        """The vendor's own fields, as far as it was asked for them."""
        return self._catalogue

    @property
    def skips_null(self) -> bool:
        """Whether a field that is null is left out of what is sent."""
        return self._nulls == "skip"

    @property
    def key_column(self) -> str:
        """Where a row holds its key."""
        return "key" if self._fields is None else str(self._mapping.key)

    @property
    def version_column(self) -> str | None:
        """Where a mapped row holds its version."""
        return None if self._fields is None else self._mapping.version

    @property
    def columns(self) -> list[str] | None:
        """The columns that every row should have, or None where rows are changes already."""
        return None if self._fields is None else self._columns.needed

    def change(self, row: Row) -> Change:
        """Return the change that a row asks for, its values as the vendor takes them.

        Raises:
            InvalidRecord: it cannot be sent as it is.
            WrongMapping: none can, for the mapping names what the vendor has not.
        """
        if row.problem or row.refused:
            raise InvalidRecord(row.problem or row.refused)
        if self._learn and self._is_told_of(row.content):
            learn, self._learn = self._learn, None
            self._wrong = self._wrong_mapping(learn())
        if self._wrong:
            raise self._wrong
        raw = self._members(row)
        loose = row.text or raw is not row.content
        key, key_type = exact_key(raw["key"]), self._usable(raw.get("key_type"))
        change = Change(
            key=key,
            fields=self._written(raw.get("fields"), row.text, loose),
            key_type=key_type,
            position=row.position,
            profile=self.profile_of(key, key_type),
            version=version_of(raw.get("version")),
            relationships=self._linked(raw.get("relationships")),
            sought=sought_of(self._mapping.match, raw, mapped=self._fields is not None),
            # What leavers are set to is meant to replace something.
            if_empty=frozenset() if type(row.content) is Leaver else self._if_empty,
        )
        self._vendor.check_change(change if change.sought is None else self._as_vendors(change))
        size = size_of(change)
        if size > self._mapping.max_record_bytes:
            raise InvalidRecord(
                f"is {size:,} bytes, above max_record_bytes={self._mapping.max_record_bytes}; shorten it"
            )
        return change

    def _as_vendors(self, change: Change) -> Change:
        """Return a change as it will be once its profile is found."""
        return replace(change, key_type=self.vendor_key_type)

    def _members(self, row: Row) -> Mapping[str, Any]:
        """Return the members of the change that a row asks for, or is already."""
        if not self.holds_change(row.content):
            return self._columns.members(row)
        raw: Mapping[str, Any] = row.content
        check_members(raw, replayed=row.replayed)
        return raw

    def _outlined(self, row: Row) -> Mapping[str, Any]:
        """Return a row's members, also where an expression can make no value of it."""
        if not self._columns.made or self.holds_change(row.content):
            return self._members(row)
        try:
            return self._members(row)
        except InvalidRecord:
            return {
                "fields": dict.fromkeys(self._columns.said_of(row)),
                "version": self._columns.version(row),
            }

    def holds_change(self, content: Mapping[str, Any]) -> bool:
        """Whether a row's content is a change already, as in a line of the rejects."""
        return self._fields is None or type(content) is Leaver or (is_reject(content) and "fields" in content)

    @property
    def names_labels(self) -> bool:
        """Whether the mapping may name fields by labels that the vendor was not asked for so far."""
        names = self._fields or ()
        return bool(self._learn) and not all(map(self._vendor.is_field_id, names))

    def know(self, catalogue: Catalogue) -> None:
        """Take what the vendor tells of its fields: from now on, the mapping has ids in place of labels.

        Raises:
            ConfigurationError: it names what the vendor has not, or has several times.
        """
        self._learn, self._catalogue = None, catalogue
        self._translate()
        self._check_mapping()
        self._check_made()
        self._check_if_empty()

    def _translate(self) -> None:
        """Name fields by their ids where the mapping names them by their labels."""
        given = self._fields or {}
        ids = self._vendor.ids_of(given, self._catalogue)
        if all(name == field_id for name, field_id in ids.items()):
            return
        self._fields = {ids[name]: column for name, column in given.items()}
        self._if_empty = frozenset(ids.get(name, name) for name in self._if_empty)
        self._mapping = replace(self._mapping, fields=self._fields)
        self._columns = Columns(self._mapping, self._fields, self._nulls)

    def _is_told_of(self, content: Any) -> bool:
        """Whether the vendor's catalogue may say something of what is mapped, or of a change's fields."""
        if self._fields is not None:
            return True
        fields = content.get("fields") if isinstance(content, Mapping) else None
        return self._vendor.is_catalogued(fields if isinstance(fields, Mapping) else ())

    def _check_mapping(self) -> None:
        """Refuse a mapping to what the vendor is known not to have.

        Raises:
            ConfigurationError: naming it.
        """
        self._vendor.check_mapping(self._fields or (), self._mapping.relationships or (), self._catalogue)
        for field in self._mapping.match or ():
            self._vendor.require_matchable(field, self.vendor_key_type, self._catalogue)

    def _check_made(self) -> None:
        """Refuse an expression whose value cannot be sent, whatever the rows hold.

        Raises:
            ConfigurationError: naming the field.
        """
        for name, of in self._columns.made.items():
            of.check()
            for value in of.constants if self._vendor.is_field_id(name) else ():
                try:
                    self._write({}, name, value, False, True)
                except InvalidRecord as error:
                    problem = f"field {name}: a value of {of.name} {error}"
                else:
                    continue
                raise ConfigurationError(problem)

    def check_constants(self, fields: Mapping[str, Any]) -> None:
        """Refuse constants for fields that the vendor is known not to take.

        Raises:
            ConfigurationError: naming the field.
        """
        self._vendor.check_mapping(fields, (), self._catalogue)
        try:
            self._written(fields, text=False, loose=False)
        except InvalidRecord as error:
            raise ConfigurationError(f"on_absent: {error}") from None

    def _check_if_empty(self) -> None:
        """Refuse to set fields only where the vendor holds nothing, if nobody can look.

        Raises:
            ConfigurationError: naming the fields, or why nothing can be read.
        """
        names, vendor = self._if_empty, self._vendor
        if not names:
            return
        if unknown := sorted(names - (names if self._fields is None else self._fields.keys())):
            raise ConfigurationError(f"set_if_empty names {', '.join(unknown)}, and fields does not")
        why = f"set_if_empty needs to read what {vendor.name} holds, and"
        if self.vendor_key_type not in vendor.readable_key_types:
            known = ", ".join(vendor.readable_key_types) or "no identifier"
            raise ConfigurationError(f"{why} profiles are read by {known}, not by {self.vendor_key_type}")
        if unreadable := sorted(vendor.unreadable(names)):
            raise ConfigurationError(f"{why} it never shows {', '.join(unreadable)}: take them out of it")

    def _wrong_mapping(self, catalogue: Catalogue) -> WrongMapping | None:
        """Take what the vendor tells while rows are planned; say what is wrong with the mapping by that."""
        before = dict(self._fields or {})
        try:
            self.know(catalogue)
            if self._compared and before != (self._fields or {}):
                raise ConfigurationError(_late_labels(before, self._fields or {}))
        except ConfigurationError as error:
            return WrongMapping(str(error))
        return None

    def key_of(self, source: Change | Row) -> str:
        """Return the key of a change, or of a row that has a good one."""
        if isinstance(source, Change):
            return source.key
        return "" if source.problem else self.key_in(source.content) or ""

    def outline(self, row: Row) -> Change | None:
        """Return what an invalid row is about: its profile, version and place, and fields without values.

        None where its key, its version or the names of its fields cannot be read.
        """
        try:
            key = self.key_of(row)
            raw = self._outlined(row) if key else {}
            key_type, version = self._usable(raw.get("key_type")), version_of(raw.get("version"))
            names = raw.get("fields")
        except Exception:  # noqa: BLE001 -- a value's own methods raise what they like
            return None
        if not (key and names and isinstance(names, Mapping)):
            return None
        profile = self.profile_of(key, key_type)
        return Change(key, dict.fromkeys(names), key_type, row.position, version, profile=profile)

    def columns_of(self, fields: Collection[str]) -> set[str]:
        """Return the columns of a mapped row that nothing but these fields is made of."""
        given = self._fields or {}
        others = {name: column for name, column in given.items() if name not in fields}
        own = {column for name in fields if name in given for column in columns_of(given[name])}
        return own - set(self._columns.beside(others))

    def key_in(self, content: Any) -> str | None:
        """Return the key that a row's content means, or None where planning will say what is wrong."""
        if not isinstance(content, Mapping):
            return None
        column = "key" if self.holds_change(content) else self.key_column
        try:
            return exact_key(content[column]) if column in content else None
        except InvalidRecord:
            return None

    def profile_in(self, content: Any) -> str | None:
        """Return what stands for the key that a row's content means, or None where there is no good one."""
        key = self.key_in(content)
        return None if key is None else self.profile_of(key)

    def identity_in(self, content: Any) -> str | None:
        """Return what names the profile of a row's content, key type included; None: it has no good key."""
        if (key := self.key_in(content)) is None:
            return None
        given = content.get("key_type") if self.holds_change(content) else None
        key_type = given if given in self._vendor.usable_key_types else self._key_type
        return f"{key_type}\0{self.profile_of(key, key_type)}"

    def profile_of(self, key: str, key_type: str | None = None) -> str:
        """Return what stands for all spellings of a key that the vendor may take for one profile."""
        if self._keys_are_exact:
            return key
        return self._vendor.profile_of(key_type or self._key_type, key)

    @property
    def _keys_are_exact(self) -> bool:
        """Whether two spellings are two keys: of their owner's own, nobody else makes one."""
        return self._mapping.exact_keys or self._key_type == OWN_KEY

    def profiles_of(self, keys: list[str]) -> list[str]:
        """Return what stands for each of many keys; nearly always they do so themselves."""
        text = "\0".join(["", *keys])
        plain = text.isascii() and text == text.lower() and " " not in text and "\x000" not in text
        if self._keys_are_exact or (plain and text.replace("\0", "").isprintable()):
            return keys
        return [self.profile_of(key) for key in keys]

    def _usable(self, key_type: Any) -> str:
        if key_type is None:
            return self._key_type
        usable = (OWN_KEY,) if self._key_type == OWN_KEY else self._vendor.usable_key_types
        if key_type not in usable:
            raise InvalidRecord(f"its key_type is not one of {', '.join(usable)}")
        return str(key_type)

    def _written(self, fields: Any, text: bool, loose: bool) -> dict[str, Any]:
        if fields is None:
            return {}
        if not isinstance(fields, Mapping):
            raise InvalidRecord(f"its fields must be an object, not {json_type(fields)}")
        written: dict[str, Any] = {}
        for name, value in fields.items():
            try:
                self._write(written, name, value, text, loose)
            except InvalidRecord as error:
                reason = f"field {name}: {error}"
            except (RecursionError, ValueError):  # too deep, or more digits than Python writes
                reason = f"field {name}: is nested too deeply, or has a number that is too long; simplify it"
            except ProfileError:
                raise
            except Exception as error:  # noqa: BLE001 -- a value's own methods raise what they like
                reason = f"field {name}: is a value that cannot be read ({type(error).__name__}); convert it"
            else:
                continue
            raise InvalidRecord(reason)
        return written

    def _write(self, written: dict[str, Any], name: str, value: Any, text: bool, loose: bool) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidRecord("a field's name must be a string that is not empty")
        null = is_null(value) or (text and value == "" and name not in self._columns.made)
        if not null:
            value = self._vendor.check_field(name, value, loose=loose, catalogue=self._catalogue)
            nested = type(value) is not str and isinstance(value, dict | list)
            if nested and self._nulls != "clear" and holds_null(value):
                self._refuse_null("holds a member that ")
                value = without_nulls(value)
                if value is None:
                    return
            written[name] = value
        elif self._nulls != "skip":
            self._vendor.field(name, self._catalogue)
            self._refuse_null("")
            written[name] = self._vendor.clear(name)

    def _refuse_null(self, where: str) -> None:
        refuse_null(self._nulls, where)

    def _linked(self, relationships: Any) -> Mapping[str, Mapping[str, Any]]:
        if relationships and not self._vendor.relationship_writes:
            raise InvalidRecord(f"{self._vendor.name} has no relationships to write; leave them out")
        if relationships is not None and not isinstance(relationships, Mapping):
            raise InvalidRecord(f"its relationships must be an object, not {json_type(relationships)}")
        return relationships or {}


def _late_labels(before: Collection[str], after: Collection[str]) -> str:
    """Say which names were labels, though they look like ids."""
    pairs = zip(before, after, strict=True)
    named = ", ".join(f"{name!r} is the label of {known!r}" for name, known in pairs if name != known)
    return f"fields must name fields by their ids where a ledger is used: {named}; nothing was sent"


def _by_column(fields: Mapping[str, Of] | Sequence[str] | None) -> dict[str, Of] | None:
    if fields is None:
        return None
    return dict(fields) if isinstance(fields, Mapping) else {name: name for name in fields}


def _plain(value: Mapping[str, Any] | Sequence[Any] | Expression) -> Any:
    """Return as JSON's own type what is only like one; an expression with all that it was made with."""
    if isinstance(value, Expression):
        return {"expression": value.spelt}
    return dict(value) if isinstance(value, Mapping) else list(value)
