"""A baseline by the thousand: rows of keys of which the ledger knows nothing are written down together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import Ledger, News
from airflow_profile_provider.ledger.tables import LONGEST_KEY
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.sources.batches import RowBatch


@dataclass(frozen=True, slots=True)
class Looked:
    """A batch whose rows were looked up: those that are ``left`` are not plainly held.

    ``keys`` are those of all rows as the source has them, ``profiles`` what the ledger keeps these under, and
    ``prints`` the rows' fingerprints. Of the rows that are left, each of those ``alone`` has a key that no
    other row has of which the ledger may not know yet.
    """

    batch: RowBatch
    keys: Sequence[str]
    profiles: Sequence[str]
    prints: Sequence[bytes]
    left: Sequence[int]
    alone: Sequence[int]


Take = Callable[[Sequence[Looked]], Sequence[set[int]]]
"""Writes down rows of batches as what the vendor holds, as far as that needs no look at each; says which."""


class Baseline:
    """Takes rows for what the vendor holds, without sending any. Others are left to a look at each.

    Raises:
        LedgerFailed: the database does not do what it is asked.
    """

    def __init__(self, mapper: Mapper, ledger: Ledger, prints: Fingerprints) -> None:
        self._mapper = mapper
        self._ledger = ledger
        self._prints = prints

    def take(self, batches: Sequence[Looked]) -> Sequence[set[int]]:
        """Write down those rows of each batch that are alone and new to the ledger; return their places."""
        taken: list[set[int]] = [set() for _ in batches]

        def news() -> Iterator[News]:
            for looked, own in zip(batches, taken, strict=True):
                own.clear()
                for one in self._news(looked):
                    own.update(one.places)
                    yield one

        if self._ledger.learn(news):  # while the database takes what it has, the next is made
            return taken
        return [self._taken_of(looked) for looked in batches]

    def _taken_of(self, looked: Looked) -> set[int]:
        """Write down the rows of a batch that are new, where others may not be."""
        known = self._ledger.known({looked.profiles[at] for at in looked.alone})
        new = [at for at in looked.alone if looked.profiles[at] not in known]
        found = list(self._news(looked, new))
        if not self._ledger.learn(lambda: found):  # others write to it meanwhile
            return set()
        return {at for one in found for at in one.places}

    def _news(self, looked: Looked, places: Sequence[int] | None = None) -> Iterator[News]:
        """Map and hash the rows of a batch that are alone, or some of them."""
        keys, profiles = looked.keys, looked.profiles
        places = looked.alone if places is None else places
        mapper = self._mapper.of_batches
        table = looked.batch.values() if mapper and places else None
        if mapper is None or table is None:
            return
        if max(map(len, chain(keys, profiles))) > LONGEST_KEY:
            places = [at for at in places if max(len(keys[at]), len(profiles[at])) <= LONGEST_KEY]
        for mapped in mapper.mapped(table, keys, places, text=looked.batch.text):
            fields = dict(sorted(mapped.fields.items()))  # in the order in which they are packed
            named = [profiles[at] for at in mapped.places]
            yield News(
                places=mapped.places,
                keys=named,
                spelled=_spelled([keys[at] for at in mapped.places], named),
                rows=[looked.prints[at] for at in mapped.places],
                fields=tuple(fields),
                prints=self._prints.of_fields(named, fields),
            )


def _spelled(keys: Sequence[str], profiles: Sequence[str]) -> Sequence[str | None]:
    """Return keys where they are other texts than what stands for them."""
    if keys == profiles:
        return [None] * len(keys)
    return [key if key != profile else None for key, profile in zip(keys, profiles, strict=True)]
