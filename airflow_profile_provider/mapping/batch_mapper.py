"""Rows of a batch, mapped a column at a time: much of what a look at each row costs is paid once for all.

Nothing is decided here that a look at each row would decide otherwise: what is odd is left to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.fields import Expression
from airflow_profile_provider.mapping.field_mapping import Of
from airflow_profile_provider.mapping.sizes import all_fit, size_of
from airflow_profile_provider.mapping.written import Writer
from airflow_profile_provider.records import ABSENT, Change
from airflow_profile_provider.values import are_plain, exact_key
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.writes import speaks_for

Column = Sequence[Any]
"""The values of one field or column, one for each row."""


@dataclass(frozen=True, slots=True)
class MappedRows:
    """Rows of one batch that set the same fields, by their places in it.

    ``fields`` has the values of each field as the vendor takes them, one for each place.
    """

    places: Sequence[int]
    fields: Mapping[str, Column]

    def only(self, which: Sequence[bool]) -> MappedRows:
        """Return some of the rows: one answer for each."""
        if all(which):
            return self
        return MappedRows(
            _picked(self.places, which),
            {name: _picked(values, which) for name, values in self.fields.items()},
        )


class BatchMapper:
    """Makes of many rows at once what `Mapper.change` makes of each.

    ``fields`` is vendor field to column or expression; ``most`` bounds a change, in bytes of JSON.
    """

    def __init__(
        self, vendor: Vendor, key_type: str, fields: Mapping[str, Of], writer: Writer, most: int
    ) -> None:
        self._vendor = vendor
        self._key_type = key_type
        self._fields = fields
        self._writer = writer
        self._most = most

    def mapped(
        self, table: Mapping[str, Column], keys: Sequence[str], places: Sequence[int], *, text: bool = False
    ) -> list[MappedRows]:
        """Return what becomes of those rows at ``places`` of which that is sure; ``keys`` are those of all.

        ``table`` has the values of each column; ``text``: they have no types. A row that is left out may be
        as good as the others, or invalid.
        """
        if "verdict" in table:  # a row may be a reject: a change already
            return []
        if len(places) < len(keys):
            table = {name: [values[place] for place in places] for name, values in table.items()}
        own = [keys[place] for place in places]
        odd = set() if are_plain(own) else {at for at, key in enumerate(own) if not _is_good(key)}
        written = {name: self._written(name, of, table, odd, text=text) for name, of in self._fields.items()}
        found = []
        for names, rows in _by_names(written, len(places), odd).items():
            mapped = MappedRows(
                [places[at] for at in rows], {name: [written[name][at] for at in rows] for name in names}
            )
            found.append(self._checked(mapped, keys))
        return [mapped for mapped in found if mapped.places]

    def _written(
        self, name: str, of: Of, table: Mapping[str, Column], odd: set[int], *, text: bool
    ) -> Column:
        """Return a field's values as requests hold them; add to ``odd`` the rows whose value is not sure."""
        if isinstance(of, Expression):
            return self._writer.column(name, _made(name, of, table, odd, text=text), odd, text=text)
        return self._writer.column(name, table[of], odd, text=text)

    def _checked(self, mapped: MappedRows, keys: Sequence[str]) -> MappedRows:
        """Return those of some rows that may be sent: none of them, where each must be looked at."""
        names, fields = tuple(mapped.fields), mapped.fields
        is_said = speaks_for(type(self._vendor), "checks_names_alone", "check_change")
        if not (mapped.places and is_said and self._vendor.checks_names_alone(names, self._key_type)):
            return MappedRows((), {})

        def change(at: int) -> Change:
            values = {name: values[at] for name, values in fields.items()}
            return Change(keys[mapped.places[at]], values, self._key_type)

        try:
            self._vendor.check_change(change(0))
        except Exception:  # noqa: BLE001 -- whoever looks at each row says what is wrong
            return MappedRows((), {})
        if all_fit([keys[place] for place in mapped.places], fields, self._most):
            return mapped
        return mapped.only([self._fits(change(at)) for at in range(len(mapped.places))])

    def _fits(self, change: Change) -> bool:
        try:
            return size_of(change) <= self._most
        except InvalidRecord:
            return False


def _made(name: str, of: Expression, table: Mapping[str, Column], odd: set[int], *, text: bool) -> list[Any]:
    """Return what an expression makes of each row; add to ``odd`` those of which it can make nothing."""
    values = []
    for at, row in enumerate(zip(*table.values(), strict=True)):
        made: dict[str, Any] = {}
        try:
            of.add_to(
                made,
                name,
                {column: value for column, value in zip(table, row, strict=True) if value is not ABSENT},
                text=text,
            )
        except InvalidRecord:
            odd.add(at)
        values.append(made.get(name, ABSENT))
    return values


def _by_names(written: Mapping[str, Column], number: int, odd: set[int]) -> dict[tuple[str, ...], list[int]]:
    """Return the rows that are not odd by the fields that they set."""
    rows = [at for at in range(number) if at not in odd]
    if not any(value is ABSENT for values in written.values() for value in values):
        return {tuple(written): rows}
    found: dict[tuple[str, ...], list[int]] = {}
    for at in rows:
        names = tuple([name for name, values in written.items() if values[at] is not ABSENT])
        found.setdefault(names, []).append(at)
    return found


def _is_good(key: str) -> bool:
    try:
        return bool(exact_key(key))
    except InvalidRecord:
        return False


def _picked(items: Sequence[Any], which: Sequence[bool]) -> list[Any]:
    return [item for item, is_wanted in zip(items, which, strict=True) if is_wanted]
