"""Fingerprints that differ from record to record, so that equal values cannot be told by them.

A salted fingerprint is made of the plain one alone: what a ledger holds from before it had salt is taken over
without the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

HASH_BYTES = 8
"""How long the hash of a field is, with salt and without."""
FIELD_BYTES = 5
"""How much of it is kept, with salt: of a trillion changes of a field, one is taken for no change.

An older package kept all of it: the beginnings are compared.
"""
WHOLE_BYTES = 10
"""How long a whole change's is with salt; by its length it is told from one without, of 8 bytes."""


class Salt:
    """Hashes plain fingerprints once more, with a secret and the key of their record."""

    def __init__(self, secret: bytes) -> None:
        self._field = blake2b(key=secret[:64], digest_size=HASH_BYTES, person=b"field")
        self._whole = blake2b(key=secret[:64], digest_size=WHOLE_BYTES, person=b"whole")

    def fields(self, key: str, plain: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the fingerprints of a record's fields, as they are kept."""
        return {name: digest[:FIELD_BYTES] for name, digest in self.hashes(key, plain).items()}

    def hashes(self, key: str, plain: Mapping[str, bytes]) -> dict[str, bytes]:
        """Salt the hashes of a record's fields."""
        of_record = self._field.copy()
        of_record.update(key.encode("utf-8", "surrogatepass"))
        copy, salted = of_record.copy, {}
        for name, digest in plain.items():
            own = copy()
            own.update(digest)  # of one length always: where the key ends is no question
            salted[name] = own.digest()
        return salted

    def of_many(self, keys: Sequence[str], plain: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Return `fields` of many records, those of each one behind the other, in the order of ``plain``.

        ``plain`` has the hashes of each field, one for each key. All of a field are salted in a row: so
        nothing is made for each record that Python's garbage collector would look at.
        """
        records, begin = [], self._field.copy
        for key in keys:
            of_record = begin()
            of_record.update(key.encode("utf-8", "surrogatepass"))
            records.append(of_record)
        salted = []
        for digests in plain:
            prints = []
            for of_record, digest in zip(records, digests, strict=True):
                own = of_record.copy()
                own.update(digest)
                prints.append(own.digest()[:FIELD_BYTES])
            salted.append(prints)
        return list(map(b"".join, zip(*salted, strict=True))) if salted else [b""] * len(keys)

    def whole(self, key: str, plain: bytes) -> str:
        """Salt the fingerprint of a whole change."""
        own = self._whole.copy()
        own.update(key.encode("utf-8", "surrogatepass") + plain)
        return own.hexdigest()


def is_plain(kept: str) -> bool:
    """Whether the fingerprint of a whole change, as a ledger keeps it, is without salt."""
    return len(kept) == 2 * HASH_BYTES
