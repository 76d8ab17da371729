"""What an audit asks the ledger of the changes that it compares, and what it leaves there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from airflow_profile_provider.ledger.candidates import Candidates, SettleBatch
from airflow_profile_provider.ledger.diff import Candidate, LedgerOptions, differing, judge
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.names import kept_name
from airflow_profile_provider.ledger.outcomes import Outcomes, is_answer_of
from airflow_profile_provider.ledger.versions import VersionKind
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Row, Verdict, link_name
from airflow_profile_provider.sources.batches import RowBatch


class ToCompare(NamedTuple):
    """A change that is to be compared, and the fingerprints of the rows that it stands for, oldest first."""

    change: Change
    rows: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of a change that is being compared."""

    found: Candidate
    entry: Entry
    rows: Sequence[bytes]


class LedgerAudit:
    """The ledger of an audit: what the vendor holds goes in, what differs is put in doubt.

    What the vendor once answered in the place of a value, when it acknowledged it, is as good as that value.
    """

    def __init__(
        self,
        candidates: Candidates,
        prints: Fingerprints,
        outcomes: Outcomes,
        kind: VersionKind,
        how: LedgerOptions,
        clock: Callable[[], float],
        with_ids: Callable[[list[Change]], list[Change]],
    ) -> None:
        self.with_ids = with_ids
        """Returns changes with the vendor's keys of their profiles, as far as the ledger knows these."""
        self._candidates = candidates
        self._prints = prints
        self._outcomes = outcomes
        self._kind = kind
        self._how = how
        self._clock = clock
        self._known: dict[int, _Known] = {}

    def rows(self, blocks: Iterator[RowBatch], settle: SettleBatch) -> Iterator[Row]:
        """Yield all rows of batches with their fingerprints, as a push has them."""
        for block in blocks:
            every = range(len(block))
            settle(block, every, ())
            yield from block.rows(every, self._prints.of_rows(block))

    def print_of(self, row: Row) -> bytes:
        """Return a row's fingerprint."""
        return self._candidates.print_of(row)

    def check(self, change: Change) -> None:
        """Refuse what a ledger cannot keep.

        Raises:
            InvalidRecord: saying what.
        """
        self._candidates.check(change)

    def look_up(self, changes: Sequence[ToCompare]) -> dict[int, tuple[Verdict, str]]:
        """Look changes up, each of another key; return those that need no comparing, by position, and why."""
        found = self._candidates.of_changes([(one.change, one.rows[-1]) for one in changes])
        done: dict[int, tuple[Verdict, str]] = {}
        for one, (candidate, entry) in zip(changes, found, strict=True):
            kind = self._kind.of(one.change, keep=True)
            judged = judge(candidate, entry, self._how, self._clock(), kind=kind)
            if judged.verdict in {Verdict.INVALID, Verdict.SUPERSEDED}:
                done[one.change.position] = judged.verdict, judged.reason
            else:
                self._known[one.change.position] = _Known(candidate, entry, one.rows)
        return done

    def was_answered(self, change: Change, field: str, held: Any) -> bool:
        """Whether the vendor once acknowledged a change's value with this one; from any thread."""
        known = self._known.get(change.position)
        return known is not None and is_answer_of(change, field, held, known.entry, self._prints.of_change)

    def settled(self, planned: PendingChange, verdict: Verdict, unseen: frozenset[str]) -> None:
        """Learn what came of comparing a change; ``unseen`` are its fields that were not compared."""
        known = self._known.pop(planned.change.position, None)
        if known is None:
            return
        sought = planned.change.sought
        if sought and sought.moved:  # of the profile that is there now, nothing is known
            known.entry.row, known.entry.fields, known.entry.earlier = None, {}, ()
        if verdict in {Verdict.DRIFTED, Verdict.MISSING}:
            self._outcomes.doubt(known.entry)
        elif verdict is Verdict.VERIFIED:
            self._keep(known, unseen)

    def _keep(self, known: _Known, unseen: frozenset[str]) -> None:
        """Keep what the vendor holds; of what it does not show, nothing is known but what was."""
        found, entry = known.found, known.entry
        links = {link_name(name): kept_name(name) for name in found.change.relationships}
        not_compared = {links.get(name, name) for name in unseen}
        compared: Mapping[str, bytes] = {
            name: digest for name, digest in found.fields.items() if name not in not_compared
        }
        open_still = differing(found, entry) - compared.keys()
        if not open_still:
            self._outcomes.keep(entry, found.fields, known.rows, found.order, self._outcomes.now())
        elif entry.row is not None and not entry.doubt:
            self._outcomes.keep_fields(entry, compared)
