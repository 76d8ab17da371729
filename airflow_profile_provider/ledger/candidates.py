"""Rows and proposals, looked up in the ledger by the thousand: those that must be judged come out."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
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

Found = tuple[Candidate, Entry]
"""What must be judged, and what the ledger knows of its key."""


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
        self, blocks: Iterator[RowBatch], settle: Callable[[RowBatch, Sequence[int]], None]
    ) -> Iterator[Row]:
        """Yield the rows that are not plainly those that were acknowledged last; settle the others at once.

        A key that was let through once always is, for what the ledger says of it is about to be untrue. Where
        the ledger knew nothing at first, all are.
        """
        passed: set[str] = set()
        knows_nothing = self._ledger.is_empty
        for block in blocks:
            prints = self._prints.of_rows(block)
            if knows_nothing or len(passed) > MOST_PASSED:
                settle(block, range(len(block)))
                yield from block.rows(range(len(block)), prints)
                continue
            keys = self._mapper.profiles_of(texts_of(block.keys()))
            new = self._ledger.unlike(keys, prints)
            if not passed.isdisjoint(keys) or len(set(keys)) < len(keys):
                let = passed.union([keys[i] for i in new])
                new = [i for i, key in enumerate(keys) if key in let]
            passed.update([keys[i] for i in new])
            settle(block, new)
            yield from block.rows(new, prints)

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
