"""Labels in a mapping: what people read for fields and relationships, in place of their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from airflow_profile_provider.mapping.field_mapping import FieldMapping, by_column
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue

T = TypeVar("T")


def names_in(mapping: FieldMapping) -> list[str]:
    """Return the names in a mapping that may be labels: those of rows that are changes already are ids."""
    if mapping.fields is None:
        return []
    return [*mapping.fields, *(mapping.relationships or ()), *(mapping.match or ())]


def by_ids(mapping: FieldMapping, vendor: Vendor, catalogue: Catalogue) -> FieldMapping:
    """Return a mapping with ids in place of labels; the same one where it has none.

    Raises:
        ConfigurationError: there are several of a label, or two names mean one field.
    """
    if mapping.fields is None:
        return mapping
    fields = vendor.ids_of(mapping.fields, catalogue)
    links = vendor.link_ids_of(mapping.relationships or (), catalogue)
    match = vendor.ids_of(mapping.match or (), catalogue)
    if all(name == known for ids in (fields, links, match) for name, known in ids.items()):
        return mapping
    return replace(
        mapping,
        fields=_renamed(by_column(mapping.fields) or {}, fields),
        relationships=_renamed(mapping.relationships, links) if mapping.relationships else None,
        match=_renamed(mapping.match, match) if mapping.match else None,
        set_if_empty=tuple(fields.get(name, name) for name in mapping.set_if_empty),
    )


def _renamed(given: Mapping[str, T], ids: Mapping[str, str]) -> dict[str, T]:
    return {ids[name]: value for name, value in given.items()}


def late_labels(before: FieldMapping, after: FieldMapping) -> str:
    """Say which names were labels, though they look like ids; empty where none was."""
    pairs = dict.fromkeys(zip(names_in(before), names_in(after), strict=True))
    named = ", ".join(f"{name!r} is the label of {known!r}" for name, known in pairs if name != known)
    if not named:
        return ""
    return (
        f"fields and relationships must be named by their ids where a ledger is used: {named}; "
        "nothing was sent"
    )
