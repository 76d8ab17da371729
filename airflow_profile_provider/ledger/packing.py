"""The fingerprints of a record's fields as the ledger keeps them: nine bytes each, and names only once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING

from airflow_profile_provider.ledger.salt import FIELD_BYTES
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import Tables, begun, patient

if TYPE_CHECKING:
    from sqlalchemy import Engine

EARLIER_BYTES = 6
"""How much is kept of the fingerprint of a row whose place another one took."""
_EARLIER = 0
"""The number that stands before those; fields are counted from 1."""
_NO_FIELD = bytes([_EARLIER])
_ONE_BYTE = 0x7F
"""The largest number that takes one byte."""
MOST_LAYOUTS = 1000
"""How many combinations of fields are remembered."""
_NAMED = "field "
"""What the numbers of fields as they were sent are called in the table of what holds for all targets.

Another kind of fingerprint would have numbers of the same series, under another word. A table of its own
would have to be granted to every role that pushes.
"""


class Packing:
    """Packs the fingerprints of one record: a number for each field, as few bytes as it takes, and 8 more.

    Which name a number stands for is kept once for all records. Numbers are never used again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._meta = Tables.described().meta
        self._names: dict[int, str] = {}
        self._layouts: dict[bytes, tuple[tuple[str, ...], Struct]] = {}
        self._heads: dict[str, bytes] = {}

    def packed(self, fields: Mapping[str, bytes], earlier: Sequence[bytes]) -> bytes:
        """Pack the fingerprints of fields, and of earlier rows."""
        if not self._heads.keys() >= fields.keys():
            self._give_numbers(fields)
        heads = self._heads
        parts = [heads[name] + digest for name, digest in fields.items()]
        if earlier:
            parts += [_varint(_EARLIER), *earlier]
        return b"".join(parts)

    def unpacked(self, kept: bytes) -> tuple[dict[str, bytes], tuple[bytes, ...]]:
        """Return what was packed; without fields whose number stands for nothing (any more)."""
        # Where each number takes one byte, every ninth is one: which they are is looked up at once.
        numbers, of_rows, _ = kept[:: FIELD_BYTES + 1].partition(_NO_FIELD)
        layout = self._layouts.get(numbers) or self._layout_of(numbers)
        if layout is None:
            return self._unpacked_one_by_one(kept)
        names, parts = layout
        fields = dict(zip(names, parts.unpack_from(kept), strict=True))
        return fields, _rows_in(kept, parts.size + 1) if of_rows else ()

    def _layout_of(self, numbers: bytes) -> tuple[tuple[str, ...], Struct] | None:
        """Return the names of fields, and how their fingerprints lie; None where that is not so simple."""
        if numbers and max(numbers) > _ONE_BYTE:
            return None
        names = [self._names.get(number) or self._name_of(number) for number in numbers]
        known = tuple([name for name in names if name is not None])
        if len(known) < len(numbers):
            return None
        if len(self._layouts) >= MOST_LAYOUTS:
            self._layouts.clear()
        layout = self._layouts[numbers] = (known, Struct(f"x{FIELD_BYTES}s" * len(known)))
        return layout

    def _unpacked_one_by_one(self, kept: bytes) -> tuple[dict[str, bytes], tuple[bytes, ...]]:
        fields: dict[str, bytes] = {}
        at, end = 0, len(kept)
        while at < end:
            number, at = _number_at(kept, at)
            if number == _EARLIER:
                return fields, _rows_in(kept, at)
            name = self._names.get(number) or self._name_of(number)
            if name is not None:
                fields[name] = kept[at : at + FIELD_BYTES]
            at += FIELD_BYTES
        return fields, ()

    def _name_of(self, number: int) -> str | None:
        """Look up a number that another push may have given meanwhile."""
        if number not in self._names:
            self._read()
        return self._names.get(number)

    @patient
    def _read(self) -> None:
        from sqlalchemy import select

        meta = self._meta.c
        query = select(meta.name, meta.value).where(meta.name.startswith(_NAMED, autoescape=True))
        with begun(self._engine) as connection:
            found = {
                int(name.removeprefix(_NAMED)): json.loads(value) for name, value in connection.execute(query)
            }
        self._names = found
        self._heads = {name: _varint(number) for number, name in found.items()}

    @patient
    def _give_numbers(self, names: Collection[str]) -> None:
        """Give numbers to names that have none; another push may take the same ones at the same time.

        Two that give one to the same name at once may give it two: either is understood.
        """
        self._read()
        while new := [name for name in names if name not in self._heads]:
            numbers = range(first := max(self._names, default=0) + 1, first + len(new))
            # As JSON, because a name may have characters that PostgreSQL takes in no text.
            rows = [
                {"name": f"{_NAMED}{number}", "value": json.dumps(name)}
                for number, name in zip(numbers, new, strict=True)
            ]
            with begun(self._engine) as connection:
                connection.execute(
                    insert_into(self._meta, self._engine.dialect.name).on_conflict_do_nothing(), rows
                )
            self._read()


def _rows_in(kept: bytes, at: int) -> tuple[bytes, ...]:
    """Return the fingerprints of earlier rows that stand from there on."""
    return tuple([kept[start : start + EARLIER_BYTES] for start in range(at, len(kept), EARLIER_BYTES)])


def _varint(number: int) -> bytes:
    """Write a number in as few bytes as it takes, seven bits in each, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _number_at(kept: bytes, at: int) -> tuple[int, int]:
    """Read such a number, and return where it ends, too."""
    number = shift = 0
    while kept[at] > 0x7F:
        number |= (kept[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | kept[at] << shift, at + 1
