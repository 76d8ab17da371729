"""The field mapping: how rows become changes, as a push was given it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as members_of
from typing import Any

from airflow_profile_provider.fields import Expression

_MEANING = 1
"""To be raised where a release makes another change of the same row: ledgers then look at every row again."""

Of = str | Expression
"""What a field is made of: a column, as it stands, or an expression."""

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


def meaning_of(mapping: FieldMapping, *, key_type: str, nulls: str) -> str:
    """Return what makes a change of a row, as a text: where it is the same, equal rows ask for equal changes.

    An option that is not used leaves no trace, so that a release which brings one changes no text.
    """
    used = {
        one.name: value for one in members_of(mapping) if (value := getattr(mapping, one.name)) != one.default
    }
    used |= {"key_type": key_type, "nulls": nulls}
    return f"{_MEANING} {json.dumps(used, sort_keys=True, default=_plain)}"


def columns_of(of: Of) -> tuple[str, ...]:
    """Return the columns that a field is made of."""
    return (of,) if isinstance(of, str) else of.columns


def by_column(fields: Mapping[str, Of] | Sequence[str] | None) -> dict[str, Of] | None:
    """Return what each of the vendor's fields is made of, where names alone may be given."""
    if fields is None:
        return None
    return dict(fields) if isinstance(fields, Mapping) else {name: name for name in fields}


def _plain(value: Mapping[str, Any] | Sequence[Any] | Expression) -> Any:
    """Return as JSON's own type what is only like one; an expression with all that it was made with."""
    if isinstance(value, Expression):
        return {"expression": value.spelt}
    return dict(value) if isinstance(value, Mapping) else list(value)
