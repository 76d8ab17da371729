"""Takes in the rows of a push, or its batches of rows, and accounts for each that was received."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.errors import ProfileError, PushStopped, SourceError, where_raised
from airflow_profile_provider.ledger.candidates import SettleBatch
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.leavers import NoLeavers
from airflow_profile_provider.push.settlement import Settlement
from airflow_profile_provider.push.telling import Telling
from airflow_profile_provider.push.watermark import Watermark
from airflow_profile_provider.records import Row, Verdict, is_leaver
from airflow_profile_provider.sources.batches import RowBatch

TOLD_EACH = 1000
"""After so many rows it is looked whether it is time to say how far the push is."""


Unheld = Callable[[Iterator[RowBatch], SettleBatch], Iterator[Row]]
"""Yields the rows of batches that are to be looked at, and tells the other function which the others are."""


class Intake:
    """The rows of one push; ``blocks`` are the same rows by the thousand, where a ledger can use them."""

    def __init__(
        self,
        rows: Iterator[Row],
        blocks: Iterator[RowBatch] | None,
        mapper: Mapper,
        unheld: Unheld,
        account: Account,
        settlement: Settlement,
        telling: Telling,
        watermark: Watermark,
        sender: Sender,
        leavers: NoLeavers,
        *,
        keeps_keys: bool,
    ) -> None:
        self.broken: SourceError | None = None
        """Why the source could not be read to its end."""
        self._mapper = mapper
        self._account = account
        self._settlement = settlement
        self._telling = telling
        self._watermark = watermark
        self._sender = sender
        self._keeps_keys = keeps_keys
        self._leavers = leavers
        self._open: deque[tuple[RowBatch, Sequence[int] | None]] = deque()
        """Batches that were read, and which of their rows are not settled; None: all of them."""
        self._has_taken = False
        self._at = 0
        self._blocks = None if blocks is None else self._noted(blocks)
        if self._blocks:
            rows = unheld(self._blocks, self._settle_held)
        self.rows = self.received(self._with_leavers(rows))

    @property
    def leavers_told(self) -> int:
        """To how many leavers something is sent, in all shares of the source; known once it was read."""
        return self._leavers.told

    def _with_leavers(self, rows: Iterator[Row]) -> Iterator[Row]:
        yield from rows
        if not self.broken:
            yield from self._leavers.rows()

    def rest(self) -> Iterator[Row]:
        """Read what has not been read, once nothing more is sent."""
        left = self._left_of_blocks() if self._blocks else iter(())
        return chain(self.rows, self.received(left))

    def received(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Count rows; those that an earlier try has settled are passed over.

        Each is open until it has a verdict or waits to be sent. A source that raises ends here, or, where
        its rows come by the thousand, in `_noted`: what came before is delivered.
        """
        try:
            for row in rows:
                if self._watermark.passed(row.position):
                    continue
                left = is_leaver(row.position)
                if left or not self._blocks:
                    self._watermark.received(row.position)
                self._account.received += 1
                if left:
                    self._account.absent += 1
                else:
                    self._at = row.position
                if row.verdict:
                    self._settlement.settle_as_read(row, row.verdict)
                    continue
                self._settlement.open[row.position] = row
                if self._account.received % TOLD_EACH == 0:
                    self._telling.now_and_then()
                yield row
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 -- a source, or a driver under it, may raise anything
            if self._blocks:
                self._sender.stop_for(error, "looking rows up in the ledger")
            else:
                self._end_source(error)

    def _end_source(self, error: BaseException) -> None:
        """Read no more of a source that raised; a ledger that was asked meanwhile stops the push."""
        if isinstance(error, PushStopped) or not isinstance(error, Exception):
            self._sender.stop_for(error, "the source")
        elif isinstance(error, ProfileError):
            self.broken = SourceError(str(error))
        else:
            self.broken = SourceError(f"it raised {where_raised(error)}")

    def _noted(self, blocks: Iterator[RowBatch]) -> Iterator[RowBatch]:
        try:
            for block in blocks:
                self._open.append((block, None))
                yield block
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 -- a source, or a driver under it, may raise anything
            self._end_source(error)

    def _left_of_blocks(self) -> Iterator[Row]:
        """Read the rows of blocks that were to be compared with a ledger, and were not."""
        for block, others in self._open:
            which = range(len(block)) if others is None else others
            yield from (row for row in block.rows(list(which)) if row.position > self._at)
        self._open.clear()
        for later in self._blocks or ():
            self._open.clear()
            yield from later.rows(list(range(len(later))))

    def _settle_held(self, block: RowBatch, others: Sequence[int], taken: Collection[int]) -> None:
        """Settle the rows of a block that the vendor holds, all but the others: some are ``taken`` for that.

        Raises:
            PushStopped: the push has stopped, and is to take no more.
        """
        while self._open[0][0] is not block:  # the rows of those before were all handed out
            self._open.popleft()
        self._open[0] = (block, others)
        left = frozenset(others)
        fresh = self._watermark.received_many(block.positions)
        known = [index for index in fresh if index not in left]
        unchanged = [index for index in known if index not in taken] if taken else known
        self._settle_many(block, unchanged, Verdict.UNCHANGED)
        if taken:
            self._has_taken = True
            self._settle_many(block, [index for index in known if index in taken], Verdict.PLANNED)
        if self._keeps_keys:
            for row in block.rows(unchanged):
                self._settlement.deliver_key(self._mapper.key_of(row))
        self._telling.now_and_then()
        if self._has_taken and self._sender.stopped and len(self._open) == 1:  # all of them are settled
            raise self._sender.stopped

    def _settle_many(self, block: RowBatch, indexes: Sequence[int], verdict: Verdict) -> None:
        self._account.received += len(indexes)
        self._account.verdicts[verdict] += len(indexes)
        positions = block.positions
        self._watermark.settled_many([positions[index] for index in indexes], verdict)
