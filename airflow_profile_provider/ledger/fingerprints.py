"""Keyed hashes of values: what a ledger keeps in the values' place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from airflow_profile_provider.ledger.diff import profile_of
from airflow_profile_provider.ledger.names import kept_name
from airflow_profile_provider.ledger.salt import HASH_BYTES, Salt
from airflow_profile_provider.ledger.tables import ROW_BYTES
from airflow_profile_provider.records import Change, Row
from airflow_profile_provider.sources.batches import RowBatch, as_text

_encoded = json.JSONEncoder(sort_keys=True).encode
_quoted = json.encoder.encode_basestring_ascii
_HASHED = 16
"""How long the hash of a row is, of which its fingerprint is the beginning: older packages kept all of it."""
MOST_NAMES = 1000
"""For how many names of fields, and combinations of them, what is hashed first is remembered."""


class ChangePrints:
    """The fingerprints of a change: of each of its fields and relationships, and of all of it."""

    __slots__ = ("_key", "_plain", "_prints", "fields")

    def __init__(self, prints: Fingerprints, key: str, plain: Mapping[str, bytes]) -> None:
        self._prints = prints
        self._key = key
        self._plain = plain
        self.fields = prints.salt.fields(key, plain)

    @property
    def hashes(self) -> dict[str, bytes]:
        """The hashes of which ``fields`` are the beginnings."""
        return self._prints.salt.hashes(self._key, self._plain)

    @property
    def whole(self) -> str:
        """The fingerprint of the whole change."""
        return self._prints.salt.whole(self._key, self._prints.of_all(self._plain))


class Fingerprints:
    """Hashes of what is sent, and of rows as they come.

    Equal values of two records have different ones: those of fields are salted by the record's key, and a row
    holds its key.

    ``key`` is secret. ``shape`` names what shapes a request beside the record itself, and ``recipe`` what
    makes a change of a row: with another one, fingerprints differ. ``columns`` are those of a row that count;
    None for rows that are changes.
    """

    def __init__(self, key: bytes, shape: str, mapping: str, columns: Iterable[str] | None) -> None:
        self.salt = Salt(key)
        self._value = blake2b(shape.encode(), key=key[:64], digest_size=HASH_BYTES)
        self._row_key = blake2b(f"{shape} {mapping}".encode(), key=key[:64], digest_size=32).digest()
        self._columns = None if columns is None else list(columns)
        self._begun: dict[str, blake2b] = {}
        self._forms: dict[tuple[str, ...], tuple[list[str], str]] = {}

    def of_row(self, row: Row, *, whole: bool = False) -> bytes:
        """Hash a row as it came: equal rows ask for equal changes, so that they need not be planned.

        ``whole``: all of it counts, whatever the columns.
        """
        if row.fingerprint is not None:
            return row.fingerprint
        content = row.content
        all_of_it = whole or self._columns is None or not isinstance(content, Mapping)
        seen = content if all_of_it else tuple([content.get(name) for name in self._columns or ()])
        return blake2b(as_text(seen), key=self._row_key, digest_size=_HASHED).digest()[:ROW_BYTES]

    def of_rows(self, block: RowBatch) -> list[bytes]:
        """Hash the rows of a table whose columns are those that count, in their order."""
        key = self._row_key
        if block.kind:
            key = blake2b(block.kind.encode(), key=key, digest_size=32).digest()
        return [blake2b(text, key=key, digest_size=_HASHED).digest()[:ROW_BYTES] for text in block.texts()]

    def of_change(self, change: Change) -> ChangePrints:
        """Hash each field, and each relationship's operations, of a planned change."""
        begun, plain = self._begun, {}
        named: Mapping[str, Any] = change.fields
        if change.relationships:
            linked = {kept_name(name): operations for name, operations in change.relationships.items()}
            named = {**named, **linked}
        for name, value in named.items():
            plain[name] = _hashed(begun.get(name) or self._begin(name), value)
        return ChangePrints(self, profile_of(change), plain)

    def of_fields(self, keys: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> list[bytes]:
        """Hash the fields of many changes, none with relationships, as `of_change` does of each.

        ``keys`` are those under which the ledger keeps them, ``fields`` the values of each field. What is
        returned has the fingerprints of each change one behind the other, in the order of the fields.
        """
        return self.salt.of_many(keys, [self._plain(name, values) for name, values in fields.items()])

    def _plain(self, name: str, values: Sequence[Any]) -> list[bytes]:
        """Hash values of one field, without salt; a text that comes more than once, as many do, once."""
        begun = self._begun.get(name) or self._begin(name)
        if set(map(type, values)) == {str}:
            found = {}
            for value in set(values):
                digest = begun.copy()
                digest.update(f"{_quoted(value)}]".encode())
                found[value] = digest.digest()
            return [found[value] for value in values]
        return [_hashed(begun, value) for value in values]

    def of_all(self, plain: Mapping[str, bytes]) -> bytes:
        """Hash the plain hashes of a whole change: plain ones, as for what older ledgers hold."""
        names = tuple(plain)
        ordered, form = self._forms.get(names) or self._form_of(names)
        digest = self._value.copy()
        digest.update((form % tuple([plain[name].hex() for name in ordered])).encode())
        return digest.digest()

    def _begin(self, name: str) -> blake2b:
        """Return the hash of a field's name, before its value: of the JSON of both in an array."""
        if len(self._begun) >= MOST_NAMES:
            self._begun.clear()
        begun = self._begun[name] = self._value.copy()
        begun.update(f"[{_quoted(name)}, ".encode())
        return begun

    def _form_of(self, names: tuple[str, ...]) -> tuple[list[str], str]:
        """Return the names in order, and the JSON of ["", [[name, hash], …]], with a place for each hash.

        The encoder takes several times as long.
        """
        if len(self._forms) >= MOST_NAMES:
            self._forms.clear()
        ordered = sorted(names)
        listed = ", ".join(map(_place_of, ordered))
        form = self._forms[names] = (ordered, f'["", [{listed}]]')
        return form


def _hashed(begun: blake2b, value: Any) -> bytes:
    """Hash a value behind the name of its field.

    A text, as most values are, is written as JSON directly: the encoder takes five times as long.
    """
    digest = begun.copy()
    written = _quoted(value) if type(value) is str else _encoded(value)
    digest.update(f"{written}]".encode())
    return digest.digest()


def _place_of(name: str) -> str:
    quoted = _quoted(name).replace("%", "%%")
    return f'[{quoted}, "%s"]'
