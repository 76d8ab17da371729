"""The fingerprints of a record's fields as the ledger keeps them: five bytes each, and names only once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from airflow_profile_provider.ledger.salt import FIELD_BYTES, HASH_BYTES
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import Tables, begun, patient

if TYPE_CHECKING:
    from sqlalchemy import Engine

EARLIER_BYTES = 6
"""How much is kept of the fingerprint of a row whose place another one took."""
_EARLIER = 0
"""The number that stands before those; groups of fields are counted from 1."""
_ONE_BYTE = 0x7F
"""The largest number that takes one byte."""
MOST_GROUPS = 100
"""Where so many combinations of fields have a number, each field of a further one stands alone."""
MOST_KNOWN = 1000
"""For how many combinations of fields is remembered how they are packed."""
_ALONE, _TOGETHER = "field", "fields"
"""What the numbers of groups are called in the table of what holds for all targets, by what they stand for.

`_ALONE` is one name, as older packages wrote it, with all of its hash. Another kind would have numbers of the
same series, under another word. A table of its own would have to be granted to every role that pushes.
"""


class _Group(NamedTuple):
    """What a number stands for: fields in order, and how their fingerprints lie behind it."""

    names: tuple[str, ...]
    parts: Struct


class Packing:
    """Packs the fingerprints of one record: the number of its combination of fields, and 5 bytes for each.

    What a number stands for is kept once for all records. Numbers are never used again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._meta = Tables.described().meta
        self._groups: dict[int, _Group] = {}
        self._numbers: dict[tuple[str, ...], int] = {}
        self._ways: dict[tuple[str, ...], list[tuple[bytes, tuple[str, ...]]]] = {}

    def packed(self, fields: Mapping[str, bytes], earlier: Sequence[bytes]) -> bytes:
        """Pack the fingerprints of fields, and of earlier rows."""
        names = tuple(fields)
        way = self._ways.get(names) or self._way_of(names)
        parts = [head + b"".join([fields[name] for name in group]) for head, group in way]
        if earlier:
            parts += [_varint(_EARLIER), *earlier]
        return b"".join(parts)

    def packed_alike(self, names: tuple[str, ...], prints: Sequence[bytes]) -> list[bytes]:
        """Pack those of many records with the same fields: each one behind the other, in their order."""
        way = self._ways.get(names) or self._way_of(names)
        if len(way) == 1 and way[0][1] == names:  # they are packed together, in the order of the names
            head = way[0][0]
            return [head + of_record for of_record in prints]
        places = [slice(at, at + FIELD_BYTES) for at in range(0, len(names) * FIELD_BYTES, FIELD_BYTES)]
        return [
            self.packed(dict(zip(names, [of_record[place] for place in places], strict=True)), ())
            for of_record in prints
        ]

    def _way_of(self, names: tuple[str, ...]) -> list[tuple[bytes, tuple[str, ...]]]:
        """Return into which groups fields are packed, each with its number as it is written before them."""
        groups = self._chosen(names)
        if not self._numbers.keys() >= set(groups):
            self._read()  # another push may have given them numbers
            groups = self._chosen(names)
            self._give_numbers(groups)
        if len(self._ways) >= MOST_KNOWN:
            self._ways.clear()
        way = self._ways[names] = [(_varint(self._numbers[group]), group) for group in groups]
        return way

    def _chosen(self, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return fields as one group, or each as its own where there are too many groups already."""
        together = tuple(sorted(names))
        if together in self._numbers or len(self._numbers) < MOST_GROUPS:
            return [together] if names else []
        return [(name,) for name in names]

    def unpacked(self, kept: bytes) -> tuple[dict[str, bytes], tuple[bytes, ...]]:
        """Return what was packed, up to a number that stands for nothing (any more)."""
        fields: dict[str, bytes] = {}
        at, end = 0, len(kept)
        while at < end:
            number = kept[at]
            if number > _ONE_BYTE:
                number, at = _number_at(kept, at)
            else:
                at += 1
            if number == _EARLIER:
                return fields, _rows_in(kept, at)
            group = self._groups.get(number) or self._group_of(number)
            if group is None:
                break
            names, parts = group
            fields.update(zip(names, parts.unpack_from(kept, at), strict=True))
            at += parts.size
        return fields, ()

    def _group_of(self, number: int) -> _Group | None:
        """Look up a number that another push may have given meanwhile."""
        self._read()
        return self._groups.get(number)

    @patient
    def _read(self) -> None:
        from sqlalchemy import select

        meta = self._meta.c
        query = select(meta.name, meta.value).where(meta.name.startswith(_ALONE))
        groups, numbers = {}, {}
        with begun(self._engine) as connection:
            for name, value in connection.execute(query):
                kind, _, number = name.partition(" ")
                named, own = json.loads(value), int(number)
                if kind == _ALONE:
                    groups[own] = _Group((named,), Struct(f"{FIELD_BYTES}s{HASH_BYTES - FIELD_BYTES}x"))
                else:
                    groups[own] = _Group(tuple(named), Struct(f"{FIELD_BYTES}s" * len(named)))
                    numbers[tuple(named)] = own
        self._groups, self._numbers = groups, numbers

    @patient
    def _give_numbers(self, groups: list[tuple[str, ...]]) -> None:
        """Give numbers to groups that have none; another push may take the same ones at the same time.

        Two that give one to the same group at once may give it two: either is understood.
        """
        while new := [group for group in groups if group not in self._numbers]:
            first = max(self._groups, default=0) + 1
            # As JSON, because a name may have characters that PostgreSQL takes in no text.
            rows = [
                {"name": f"{_TOGETHER} {number}", "value": json.dumps(group)}
                for number, group in enumerate(new, first)
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
