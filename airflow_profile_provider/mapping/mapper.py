"""From rows to changes, without I/O: map and validate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, get_args

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, WrongMapping
from airflow_profile_provider.fields import Expression
from airflow_profile_provider.mapping.batch_mapper import BatchMapper
from airflow_profile_provider.mapping.checks import check_if_empty, check_made
from airflow_profile_provider.mapping.columns import Columns, check_members
from airflow_profile_provider.mapping.field_mapping import FieldMapping, by_column, columns_of, meaning_of
from airflow_profile_provider.mapping.labels import by_ids, late_labels, names_in
from airflow_profile_provider.mapping.sizes import fits, size_of
from airflow_profile_provider.mapping.sought import sought_of
from airflow_profile_provider.mapping.versions import version_of
from airflow_profile_provider.mapping.written import Writer
from airflow_profile_provider.options import Nulls, require_choice
from airflow_profile_provider.records import OWN_KEY, Change, Leaver, Row, is_reject
from airflow_profile_provider.values import exact_key, json_type
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue


class Mapper:
    """Makes validated changes of rows, for one vendor.

    ``learn`` asks the vendor which fields there are, once there is something to plan. ``compared`` says that
    rows are compared with what a ledger knows of them before that: labels must have been learnt by then.

    Raises:
        ConfigurationError: the mapping does not fit the vendor.
    """

    def __init__(
        self,
        vendor: Vendor,
        mapping: FieldMapping,
        *,
        learn: Callable[[], Catalogue] = Catalogue,
        compared: bool = False,
    ) -> None:
        self._compared = compared
        self._wrong: WrongMapping | None = None
        self._vendor = vendor
        self._mapping = mapping
        given = mapping.fields
        self._fields = by_column(given)
        self._learn = learn if vendor.is_catalogued(self._fields) else None
        self._nulls = require_choice("nulls", mapping.nulls or vendor.nulls, get_args(Nulls))
        self._columns = Columns(mapping, self._fields or {}, self._nulls)
        self._writer = Writer(vendor, self._nulls, self._columns.made, Catalogue())
        usable = vendor.usable_key_types
        self.vendor_key_type = require_choice("key_type", mapping.key_type or usable[0], usable)
        self._key_type = OWN_KEY if mapping.match else self.vendor_key_type
        # Two spellings are two keys where they are their owner's own: nobody else makes one.
        self._keys_are_exact = mapping.exact_keys or self._key_type == OWN_KEY
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
        check_made(self._columns.made, self._vendor, self._writer)
        self._if_empty = frozenset(mapping.set_if_empty)
        check_if_empty(self._if_empty, self._fields, self._vendor, self.vendor_key_type)

    @property
    def key_type(self) -> str:
        """Which identifier the key is, unless a change says otherwise; `OWN_KEY` where it is none."""
        return self._key_type

    @property
    def meaning(self) -> str:
        """What makes a change of a row, as a text: where it is the same, equal rows ask for equal changes."""
        return meaning_of(self._mapping, key_type=self._key_type, nulls=self._nulls)

    @property
    def made(self) -> Mapping[str, Expression]:
        """The fields that are made by an expression."""
        return self._columns.made

    @property
    def catalogue(self) -> Catalogue:
        """The vendor's own fields, as far as it was asked for them."""
        return self._writer.catalogue

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
            fields=self._writer.written(raw.get("fields"), row.text, loose),
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
        most = self._mapping.max_record_bytes
        if not fits(change, most) and (size := size_of(change)) > most:
            raise InvalidRecord(f"is {size:,} bytes, above max_record_bytes={most}; shorten it")
        return change

    @property
    def of_batches(self) -> BatchMapper | None:
        """What maps rows by the thousand; None where each is to be looked at, or the vendor still asked."""
        mapping = self._mapping
        each = mapping.version or mapping.match or mapping.relationships or not self._fields
        if each or self._learn or self._wrong:
            return None
        most = mapping.max_record_bytes
        return BatchMapper(self._vendor, self._key_type, self._fields or {}, self._writer, most)

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

    def names_labels(self, more: Iterable[str] = ()) -> bool:
        """Whether the mapping, or ``more``, may have labels that the vendor was not asked for so far."""
        return bool(self._learn) and not all(map(self._vendor.is_field_id, (*names_in(self._mapping), *more)))

    def know(self, catalogue: Catalogue) -> None:
        """Take what the vendor tells of its fields: from now on, the mapping has ids in place of labels.

        Raises:
            ConfigurationError: it names what the vendor has not, or has several times.
        """
        self._learn = None
        self._writer.catalogue = catalogue
        self._translate()
        self._check_mapping()
        check_made(self._columns.made, self._vendor, self._writer)
        check_if_empty(self._if_empty, self._fields, self._vendor, self.vendor_key_type)

    def _translate(self) -> None:
        """Have ids where the mapping has labels."""
        known = by_ids(self._mapping, self._vendor, self.catalogue)
        if known is self._mapping:
            return
        self._mapping = known
        self._fields = by_column(known.fields)
        self._if_empty = frozenset(known.set_if_empty)
        self._columns = Columns(known, self._fields or {}, self._nulls)
        self._writer = Writer(self._vendor, self._nulls, self._columns.made, self.catalogue)

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
        self._vendor.check_mapping(self._fields or (), self._mapping.relationships or (), self.catalogue)
        for field in self._mapping.match or ():
            self._vendor.require_matchable(field, self.vendor_key_type, self.catalogue)

    def check_constants(self, fields: Mapping[str, Any]) -> None:
        """Refuse constants for fields that the vendor is known not to take.

        Raises:
            ConfigurationError: naming the field.
        """
        self._vendor.check_mapping(fields, (), self.catalogue)
        try:
            self._writer.written(fields, text=False, loose=False)
        except InvalidRecord as error:
            raise ConfigurationError(f"on_absent: {error}") from None

    def _wrong_mapping(self, catalogue: Catalogue) -> WrongMapping | None:
        """Take what the vendor tells while rows are planned; say what is wrong with the mapping by that."""
        before = self._mapping
        try:
            self.know(catalogue)
            if self._compared and (late := late_labels(before, self._mapping)):
                raise ConfigurationError(late)
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

    def _linked(self, relationships: Any) -> Mapping[str, Mapping[str, Any]]:
        if relationships and not self._vendor.relationship_writes:
            raise InvalidRecord(f"{self._vendor.name} has no relationships to write; leave them out")
        if relationships is not None and not isinstance(relationships, Mapping):
            raise InvalidRecord(f"its relationships must be an object, not {json_type(relationships)}")
        return relationships or {}
