"""Rows and proposals, looked up in the ledger by the thousand: those that must be judged come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Protocol

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.ledger.baseline import Looked, Take
from airflow_profile_provider.ledger.claims import Claims
from airflow_profile_provider.ledger.diff import Candidate, LedgerOptions, is_held, place_of, profile_of
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.reader import LedgerReader
from airflow_profile_provider.ledger.tables import LONGEST_KEY
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Change, Row
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.values import exact_key

MOST_PASSED = 100_000
"""How many keys that differ are remembered; where more do, looking at fingerprints first saves nothing."""
TAKEN_AT_ONCE = 5
"""How many batches a baseline writes down together: with more, no database gets faster."""
LARGE = 8_000_000
"""Bytes of rows that are enough to be written down by themselves."""

Found = tuple[Candidate, Entry]
"""What must be judged, and what the ledger knows of its key."""


class SettleBatch(Protocol):
    """Settles the rows of a batch but those that are ``left``: ``taken`` now, or held already."""

    def __call__(self, batch: RowBatch, left: Sequence[int], taken: Collection[int], /) -> None: ...


class Candidates:
    """Plans rows that are not plainly those that were acknowledged last, and adds what the ledger knows.

    All of one key share one entry, that of a change which is on its way, too.
    """

    def __init__(
        self,
        mapper: Mapper,
        ledger: LedgerReader,
        prints: Fingerprints,
        policy: LedgerOptions,
        claims: Claims,
    ) -> None:
        self._mapper = mapper
        self._ledger = ledger
        self._prints = prints
        self._policy = policy
        self._claims = claims

    def unheld(
        self, blocks: Iterator[RowBatch], settle: SettleBatch, take: Take | None = None
    ) -> Iterator[Row]:
        """Yield the rows that are not plainly those that were acknowledged last; settle the others at once.

        A key that was let through once always is, for what the ledger says of it is about to be untrue. Where
        the ledger knew nothing at first, all are; but what ``take`` takes of them is settled at once, too.
        """
        passed: set[str] = set()
        knows_nothing = self._ledger.is_empty
        for some in _together(blocks, TAKEN_AT_ONCE if take else 1):
            looked, ahead = [], set(passed) if take else passed
            for block in some:
                if (knows_nothing and take is None) or len(passed) > MOST_PASSED:
                    every = range(len(block))
                    looked.append(Looked(block, (), (), self._prints.of_rows(block), every, ()))
                else:
                    looked.append(self._looked(block, ahead, knows_nothing=knows_nothing))
            for one, taken in zip(looked, take(looked) if take else repeat(()), strict=False):
                left = [at for at in one.left if at not in taken] if taken else one.left
                passed.update([one.profiles[at] for at in left] if one.profiles else ())
                settle(one.batch, left, taken)
                yield from one.batch.rows(left, one.prints)

    def _looked(self, block: RowBatch, ahead: set[str], *, knows_nothing: bool) -> Looked:
        """Look up the rows of a batch; add to ``ahead``, the keys that are let through, those of this one."""
        prints, keys = self._prints.of_rows(block), texts_of(block.keys())
        profiles = self._mapper.profiles_of(keys)
        left: Sequence[int] = range(len(block))
        if not knows_nothing:
            left = self._ledger.unlike(profiles, prints)
        alone = left
        if not ahead.isdisjoint(profiles) or len(set(profiles)) < len(profiles):
            let = ahead.union([profiles[at] for at in left])
            times = Counter(profiles)
            left = [at for at, profile in enumerate(profiles) if profile in let]
            alone = [at for at in left if times[profiles[at]] == 1 and profiles[at] not in ahead]
        ahead.update([profiles[at] for at in left])
        return Looked(block, keys, profiles, prints, left, alone)

    def of_rows(
        self,
        rows: Sequence[Row],
        pending: Container[str],
        settle: Callable[[Row, InvalidRecord | None], None],
    ) -> list[Found]:
        """Plan the rows that may differ; ``settle`` those that do not (None), and those that are invalid.

        ``pending`` are the keys of which a row is never taken for the one that was acknowledged.
        """
        keys = self._mapper.profiles_of([self._mapper.key_of(row) for row in rows])
        known = self._ledger.known(set(keys) - {""})
        planned: set[str] = set()
        found = []
        for row, key in zip(rows, keys, strict=True):
            print_of_row = self.print_of(row)
            may_be_held = not row.refused and key not in planned and key not in pending
            if may_be_held and self._is_held(known.get(key), print_of_row):
                settle(row, None)
                continue
            try:
                change = self._mapper.change(row)
                self.check(change)
            except InvalidRecord as error:
                settle(row, error)
                continue
            planned.add(profile_of(change))
            found.append(self._found(change, print_of_row, known))
        return self._with_fields(found)

    def of_changes(self, changes: Sequence[tuple[Change, bytes]]) -> list[Found]:
        """Look up changes that were planned before, each with the fingerprint of its row."""
        known = self._ledger.known({profile_of(change) for change, _ in changes})
        return self._with_fields([self._found(change, row, known) for change, row in changes])

    def candidate(self, change: Change, row: bytes) -> Candidate:
        """Return a change with its fingerprints, ``row`` being that of its row."""
        prints = self._prints.of_change(change)
        return Candidate(profile_of(change), place_of(change), change, row, prints.fields, prints.whole)

    def _is_change(self, row: Row) -> bool:
        """Whether a row to be mapped is a change already, as the rejects hold them: it has no columns."""
        return isinstance(row.content, Mapping) and self._mapper.holds_change(row.content)

    def _is_held(self, entry: Entry | None, row: bytes) -> bool:
        """Whether a row need not be planned; a version of its own may be newer than what is held."""
        return entry is not None and not self._mapper.version_column and is_held(row, entry, self._policy)

    def print_of(self, row: Row) -> bytes:
        """Return a row's fingerprint."""
        return row.fingerprint or self._prints.of_row(row, whole=self._is_change(row))

    def check(self, change: Change) -> None:
        """Refuse what a ledger cannot keep."""
        if change.key_type != self._mapper.key_type:
            raise InvalidRecord(f"its key_type is not the ledger's, {self._mapper.key_type}")
        if max(len(change.key), len(profile_of(change))) > LONGEST_KEY:
            raise InvalidRecord(f"the key has more than the {LONGEST_KEY} characters that the ledger keeps")
        if not -(2**63) <= (place_of(change) or 0) < 2**63:
            raise InvalidRecord("the version has more than the 64 bits that the ledger keeps")

    def _found(self, change: Change, row: bytes, known: dict[str, Entry]) -> Found:
        found = self.candidate(change, row)
        entry = self._claims.entry(found.key) or known.get(found.key)
        if entry is None:
            entry = known[found.key] = Entry(found.key)
        return found, entry

    def _with_fields(self, found: list[Found]) -> list[Found]:
        """Read the fields of entries, too, but of those that are on their way: theirs were read before."""
        entries = {entry.key: entry for _, entry in found}
        acknowledged = [
            entry for key, entry in entries.items() if entry.row is not None and key not in self._claims
        ]
        if acknowledged:
            self._ledger.add_fields(acknowledged)
        return found


def _together(blocks: Iterator[RowBatch], most: int) -> Iterator[list[RowBatch]]:
    """Yield several batches at once, or fewer where they are large."""
    some: list[RowBatch] = []
    size = 0
    for block in blocks:
        some.append(block)
        size += block.size
        if len(some) == most or size > LARGE:
            yield some
            some, size = [], 0
    if some:
        yield some


def texts_of(keys: list[Any]) -> list[str]:
    """Return keys as the ledger holds them, or what it holds for one that is none."""
    try:
        if "".join(keys).isprintable():  # they are all strings, and none of them odd
            return keys
    except TypeError:
        pass
    return [_text(key) for key in keys]


def _text(key: Any) -> str:
    """Return a key as the ledger holds it, or what it holds for none."""
    try:
        return exact_key(key)
    except InvalidRecord:
        return ""
