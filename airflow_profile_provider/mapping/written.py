"""The values of a change's fields, as a vendor takes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow_profile_provider.errors import InvalidRecord, ProfileError
from airflow_profile_provider.mapping.columns import refuse_null
from airflow_profile_provider.records import ABSENT
from airflow_profile_provider.values import holds_null, is_null, json_type, without_nulls
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue
from airflow_profile_provider.vendors.writes import speaks_for

_NONE: frozenset[type] = frozenset()
_MOST_KEPT = 1000
"""Names of fields that are remembered: rows that are changes may each name others."""


class Writer:
    """Checks and writes values, for one vendor; those that are ``made`` are never empty cells of a table."""

    def __init__(self, vendor: Vendor, nulls: str, made: Collection[str], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._as_they_are: dict[str, frozenset[type]] = {}
        self._vendor = vendor
        self._is_said = speaks_for(type(vendor), "sent_as_they_are", "check_field", "write")
        self._nulls = nulls
        self._made = made

    @property
    def catalogue(self) -> Catalogue:
        """What the vendor tells of its fields, as far as it was asked."""
        return self._catalogue

    @catalogue.setter
    def catalogue(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._as_they_are.clear()

    def written(self, fields: Any, text: bool, loose: bool) -> dict[str, Any]:
        """Return the values of a change's fields as a request holds them.

        ``text`` says that they come from a source without types, ``loose`` that they come from a table.

        Raises:
            InvalidRecord: naming the field, and what is wrong with it.
        """
        if fields is None:
            return {}
        if not isinstance(fields, Mapping):
            raise InvalidRecord(f"its fields must be an object, not {json_type(fields)}")
        written: dict[str, Any] = {}
        known = self._as_they_are
        for name, value in fields.items():
            # Most values of most records are texts, and nothing is to be done with them.
            if (types := known.get(name)) is None:
                types = self._sent_as_they_are(name)
            if type(value) in types and (value != "" or not text):
                written[name] = value
                continue
            try:
                self.write(written, name, value, text, loose)
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

    def column(self, name: str, values: Sequence[Any], odd: set[int], *, text: bool = False) -> Sequence[Any]:
        """Return a field's values in the rows of a table as requests hold them; `ABSENT`: nothing is sent.

        ``text`` says that they come from a source without types, so that an empty one is null. Added to
        ``odd`` are the places of rows whose value must be looked at by `written`: it may be wrong.
        """
        types = self._as_they_are.get(name)
        if types is None:
            types = self._sent_as_they_are(name)
        has_empty = text and name not in self._made and any(value == "" for value in values)
        if not has_empty and types.issuperset(map(type, values)):
            return values
        found = list(values)
        of_null: list[Any] | None = None
        for place, value in enumerate(values):
            is_empty = has_empty and type(value) is str and value == ""
            if value is ABSENT or (type(value) in types and not is_empty):
                continue
            if value is None or is_empty:  # as in many rows of many tables
                written = of_null = self._alone(name, None, text) if of_null is None else of_null
            else:
                written = self._alone(name, value, text)
            if not written:
                odd.add(place)
            found[place] = written[0] if written else ABSENT
        return found

    def _alone(self, name: str, value: Any, text: bool) -> list[Any]:
        """Return what is written of one value of a table; an empty list where it is refused."""
        written: dict[str, Any] = {}
        try:
            self.write(written, name, value, text, True)
        except Exception:  # noqa: BLE001 -- whoever looks at the row by itself says what is wrong
            return []
        return [written.get(name, ABSENT)]

    def _sent_as_they_are(self, name: Any) -> frozenset[type]:
        """Return the types of values that a field takes without a look at each."""
        found = _NONE
        if self._is_said and name and type(name) is str:
            found = self._vendor.sent_as_they_are(name, self._catalogue)
        if len(self._as_they_are) < _MOST_KEPT:
            self._as_they_are[name] = found
        return found

    def write(self, written: dict[str, Any], name: str, value: Any, text: bool, loose: bool) -> None:
        """Put a field's value among those that are ``written``, unless nothing is to be sent of it."""
        if not isinstance(name, str) or not name:
            raise InvalidRecord("a field's name must be a string that is not empty")
        null = is_null(value) or (text and value == "" and name not in self._made)
        if not null:
            value = self._vendor.check_field(name, value, loose=loose, catalogue=self.catalogue)
            nested = type(value) is not str and isinstance(value, dict | list)
            if nested and self._nulls != "clear" and holds_null(value):
                refuse_null(self._nulls, "holds a member that ")
                value = without_nulls(value)
                if value is None:
                    return
            written[name] = value
        elif self._nulls != "skip":
            self._vendor.field(name, self.catalogue)
            refuse_null(self._nulls, "")
            written[name] = self._vendor.clear(name)
