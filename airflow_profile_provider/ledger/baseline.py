"""A baseline by the thousand: rows of keys of which the ledger knows nothing are written down together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import Ledger, News
from airflow_profile_provider.ledger.tables import LONGEST_KEY
from airflow_profile_provider.mapping.batch_mapper import BatchMapper
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.sources.batches import RowBatch

_ATTEMPTS = 3
"""Who finds that something is known asks for it, and another push may write some more meanwhile."""


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
        self._knows_nothing = ledger.is_empty

    def take(self, batches: Sequence[Looked]) -> Sequence[set[int]]:
        """Write down those rows of each batch that are alone and new to the ledger; return their places."""
        taken: list[set[int]] = [set() for _ in batches]
        if (mapper := self._mapper.of_batches) is None:
            return taken

        def news() -> Iterator[News]:  # asked for once more where the database was away
            for looked, own in zip(batches, taken, strict=True):
                own.clear()
                for one in self._news(mapper, looked, known):
                    own.update(one.places)
                    yield one

        for _ in range(_ATTEMPTS):
            known: Collection[str] = ()
            if not self._knows_nothing:
                known = self._ledger.known({each.profiles[at] for each in batches for at in each.alone})
            if self._ledger.learn(news):
                return taken
            self._knows_nothing = False
        return [set() for _ in batches]

    def _news(self, mapper: BatchMapper, looked: Looked, known: Collection[str]) -> Iterator[News]:
        """Map and hash the rows of a batch that are alone, but those of keys that are known."""
        keys, profiles = looked.keys, looked.profiles
        places = [at for at in looked.alone if profiles[at] not in known] if known else looked.alone
        table = looked.batch.values() if places else None
        if table is None:
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
