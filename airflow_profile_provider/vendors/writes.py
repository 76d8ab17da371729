"""What a record may set at a vendor: its fields, by id or label, and their values as a request holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.values import check_kind, number_text, plain, read_as
from airflow_profile_provider.vendors.fields import Catalogue, Field, ids_meant, listed, meant, some_of

_ANY_FIELD = Field()
"""One of which nothing is known: what most fields of most records are."""
_LOOKED_AT: frozenset[type] = frozenset()
_AS_THEY_ARE: Mapping[str, frozenset[type]] = {
    "any": frozenset((str, bool, int)),
    "string": frozenset((str,)),
    "boolean": frozenset((bool,)),
    "number": frozenset((int,)),
}


def speaks_for(vendor: type, method: str, *others: str) -> bool:
    """Whether what a vendor's method says of other methods is of no older class than these are."""
    at = {
        name: next(at for at, one in enumerate(vendor.__mro__) if name in vars(one))
        for name in (method, *others)
    }
    return all(at[method] <= at[other] for other in others)


class Writes:
    """What a vendor's module says of the fields that are written; left out as it is, any may be."""

    name: ClassVar[str]

    fields: ClassVar[Mapping[str, Field]] = {}
    """Fields that are documented for everybody."""
    fields_closed: ClassVar[bool] = False
    """Whether there are no other fields than these."""

    def check_field(self, name: str, value: Any, *, loose: bool, catalogue: Mapping[str, Field]) -> Any:
        """Return a value that is not null as the request holds it, or raise InvalidRecord.

        ``loose`` says that it comes from a table, whose types need not be JSON's.
        """
        known = self.field(name, catalogue)
        kind = known.kind
        if loose and kind != "any" and not (kind == "string" and type(value) is str):
            value = read_as(kind, value)
        elif kind == "string" and isinstance(value, Decimal):
            value = number_text(value)  # the type of a column, which JSON has not
        value = self.write(known, value)
        if kind != "any":
            check_kind(kind, value)
        if known.choices and any(one not in known.choices for one in _each(value)):
            offered = listed([one for one, _ in known.options] or sorted(known.choices))
            raise InvalidRecord(
                f"is not one of the {len(known.choices)} values that {self.name} documents; use {offered}"
            )
        return value

    def sent_as_they_are(self, name: str, catalogue: Mapping[str, Field]) -> frozenset[type]:
        """Return the types whose values `check_field` returns as they are, whatever they are.

        A vendor's module that has a `check_field` or a `write` of its own is not asked unless it has this
        method, too: see `speaks_for`.
        """
        try:
            known = self.field(name, catalogue)
        except InvalidRecord:
            return _LOOKED_AT
        return _LOOKED_AT if known.choices else _AS_THEY_ARE.get(known.kind, _LOOKED_AT)

    def field(self, name: str, catalogue: Mapping[str, Field]) -> Field:
        """Look a field up, or raise InvalidRecord where it is known not to exist or not to be writable."""
        told = catalogue.get(name)
        known = self.fields.get(name) or told
        if known is None:
            if self.fields_closed or catalogue:
                near = self._nearest(name, catalogue)
                raise InvalidRecord(
                    f"{self.name} has no such field{near}; it has {some_of(self.fields, catalogue)}"
                )
            return _ANY_FIELD
        if known.read_only or (told and told.read_only):
            raise InvalidRecord(f"is read-only at {self.name}; take it out of the change")
        return known

    def ids_of(self, names: Iterable[str], catalogue: Mapping[str, Field]) -> dict[str, str]:
        """Return the id of the field that each name of a mapping means: it is one, or a field's label.

        A name that is neither stays as it is; `check_mapping` says so where that is known.

        Raises:
            ConfigurationError: several fields have this label, or two of the names mean one field.
        """
        labels = {name: known.label for name, known in {**self.fields, **catalogue}.items()}
        return ids_meant(names, labels, "field", self.name)

    def link_ids_of(self, names: Iterable[str], catalogue: Mapping[str, Field]) -> dict[str, str]:
        """Return the id of the relationship that each name of a mapping means, as `ids_of` does of fields.

        Raises:
            ConfigurationError: as there.
        """
        told = catalogue.relationship_labels if isinstance(catalogue, Catalogue) else {}
        return ids_meant(names, told, "relationship", self.name)

    def check_mapping(
        self, fields: Iterable[str], relationships: Iterable[str], catalogue: Mapping[str, Field]
    ) -> None:
        """Refuse a mapping to fields or relationships that are known not to exist.

        Raises:
            ConfigurationError: naming each of them, and the one that may be meant.
        """
        unknown: list[str] = []
        if self.fields_closed or catalogue:
            known = {**self.fields, **catalogue}
            unknown += [
                f"no field {name!r}{self._nearest(name, catalogue)}" for name in fields if name not in known
            ]
        links = catalogue.relationships if isinstance(catalogue, Catalogue) else frozenset()
        if isinstance(catalogue, Catalogue) and links:
            labels = catalogue.relationship_labels
            unknown += [
                f"no relationship {name!r}{meant(name, dict.fromkeys(links, '') | labels)}"
                for name in relationships
                if name not in links
            ]
        if unknown:
            raise ConfigurationError(
                f"{self.name} has {'; '.join(unknown)}: correct the mapping; nothing was sent"
            )

    def _nearest(self, name: str, catalogue: Mapping[str, Field]) -> str:
        return meant(name, {known: each.label for known, each in {**self.fields, **catalogue}.items()})

    def write(self, known: Field, value: Any) -> Any:
        """Return value in the JSON types that this vendor documents for the field."""
        return plain(value)

    def clear(self, name: str) -> Any:
        """Return what is sent to clear a field."""
        return None


def _each(value: Any) -> list[Any]:
    """Return the values of an array, or the one that it is."""
    return value if isinstance(value, list) else [value]
