"""What a push asks of its ledger, and the answers where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from airflow_profile_provider.errors import InvalidRecord, PushStopped
from airflow_profile_provider.ledger.auditing import LedgerAudit, ToCompare
from airflow_profile_provider.ledger.candidates import SettleBatch
from airflow_profile_provider.ledger.session import LedgerSession
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Proposal, Reason, Row, Verdict
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.vendors.exchange import to_json


class Settle(Protocol):
    """Gives a record that is not sent its verdict."""

    def __call__(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None: ...


def _all_rows(blocks: Iterator[RowBatch]) -> Iterator[Row]:
    for block in blocks:
        yield from block.rows(list(range(len(block))))


class NoAudit:
    """There is no ledger: an audit asks nothing, and leaves nothing."""

    def rows(self, blocks: Iterator[RowBatch], settle: SettleBatch) -> Iterator[Row]:
        """Return all rows."""
        return _all_rows(blocks)

    def print_of(self, row: Row) -> bytes:
        """Return nothing: nobody compares rows."""
        return b""

    def check(self, change: Change) -> None:
        """Refuse nothing."""

    def with_ids(self, changes: list[Change]) -> list[Change]:
        """Return them as they are."""
        return changes

    def look_up(self, changes: Sequence[ToCompare]) -> dict[int, tuple[Verdict, str]]:
        """Know nothing: all must be compared."""
        return {}

    def was_answered(self, change: Change, field: str, held: Any) -> bool:
        """Return False: no answer is remembered."""
        return False

    def settled(self, planned: PendingChange, verdict: Verdict, unseen: frozenset[str]) -> None:
        """Forget it."""


class NoLedger:
    """There is no ledger: every change is sent, and nothing is written down."""

    knows_nothing = False

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper

    def auditing(self) -> NoAudit:
        """Return what an audit asks here: nothing."""
        return NoAudit()

    def forbidden(self) -> PushStopped | None:
        """Return nothing: no other push can take over."""
        return None

    def changes(
        self,
        rows: Iterator[Row],
        settle: Settle,
        *,
        is_whole: Callable[[], bool] = lambda: True,
        waits: Callable[[int], object] = lambda position: None,
        takes: Callable[[Change], bool] = lambda change: True,
    ) -> Iterator[Change]:
        """Yield the change of each row that asks for one, as long as it is taken."""
        for row in rows:
            try:
                change = self._mapper.change(row)
            except InvalidRecord as error:
                settle(row, Verdict.INVALID, str(error))
                continue
            if takes(change):
                yield change

    def proposals(
        self,
        rows: Iterator[Row],
        settle: Settle,
        *,
        is_whole: Callable[[], bool] = lambda: True,
        waits: Callable[[int], object] = lambda position: None,
    ) -> Iterator[Proposal]:
        """Yield what would be sent."""
        seen: set[int] = set()
        for change in self.changes(rows, settle):
            content = to_json([change.fields, change.relationships])
            again = hash(change.identity) in seen
            seen.add(hash(change.identity))
            yield Proposal(
                change,
                Reason.NO_LEDGER,
                tuple(change.fields),
                tuple(change.relationships),
                sha256(content).hexdigest(),
                again=again,
            )

    def again(self, proposals: Iterable[Proposal], settle: Settle) -> Iterator[Change]:
        """Yield what was proposed."""
        for proposal in proposals:
            yield proposal.change

    def unheld(self, blocks: Iterator[RowBatch], settle: SettleBatch) -> Iterator[Row]:
        """Return all rows."""
        return _all_rows(blocks)

    def leave(self, settle: Settle, why: str) -> None:
        """Settle nothing: nothing waits here."""

    def unsure(self, planned: PendingChange) -> None:
        """Forget it."""

    def settled(self, planned: PendingChange, verdict: Verdict, answered: Mapping[str, Any]) -> None:
        """Forget it."""

    def was_answered(self, change: Change, field: str, held: Any) -> bool:
        """Return False: no answer is remembered."""
        return False

    def let_go(self) -> None:
        """Forget nothing."""

    def flush(self) -> None:
        """Write nothing down."""

    def record(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None:
        """Forget it."""

    def tell(self, own: Report, *, ended: bool) -> None:
        """Write nothing down."""


Session = LedgerSession | NoLedger
"""What a push asks what is to be sent, and tells what became of it."""

Audit = LedgerAudit | NoAudit
"""What an audit asks of a ledger, and leaves there."""
