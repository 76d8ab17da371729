"""Gives each record its verdict, once, and tells everybody who keeps verdicts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.errors import InvalidRecord, Paused, PushStopped
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.mapping.window import PendingChange, Window
from airflow_profile_provider.push.account import Account, counted_reason, is_explained
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.problems import Problems
from airflow_profile_provider.push.undelivered import Line, Undelivered
from airflow_profile_provider.push.watermark import Watermark
from airflow_profile_provider.records import Change, Row, Verdict, is_leaver

MOST_OWED = 1000
"""Changes that failed and wait for a later one of their key, so that memory has a bound."""


class Receipts(Protocol):
    """Where a source wants to hear what became of its records."""

    def settled(self, position: int, verdict: Verdict) -> None:
        """Learn the verdict of the record at a position; a later one replaces it."""

    def flush(self) -> None:
        """Write down what was learned; raises PushStopped where that is impossible."""


class NoReceipts:
    """The source does not want to hear what became of its records."""

    def settled(self, position: int, verdict: Verdict) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Write nothing down."""


class Settlement:
    """What became of the records of one push.

    Each is ``open`` from when it is received until it has a verdict or waits to be sent.
    """

    def __init__(
        self,
        mapper: Mapper,
        sender: Sender,
        session: Session,
        account: Account,
        outputs: Outputs,
        problems: Problems,
        watermark: Watermark,
        receipts: Receipts,
        place_of: Callable[[int], str],
    ) -> None:
        self.open: dict[int, Row | Change] = {}
        self._mapper = mapper
        self._sender = sender
        self._session = session
        self._account = account
        self._outputs = outputs
        self._problems = problems
        self._watermark = watermark
        self._receipts = receipts
        self._place_of = place_of
        self._owed: dict[tuple[str, str], Settled] = {}
        self._undelivered = Undelivered()

    # -- what was sent ----------------------------------------------------------------------------------

    def due(self, finished: list[Settled], window: Window) -> list[Settled]:
        """Return what is to be settled of what was delivered: a change that failed may go once more."""
        for one in finished:
            if one.unsure:
                self._session.unsure(one.planned)
        return [one for one in finished if not (one.verdict is Verdict.FAILED and self._owe(one, window))]

    def _owe(self, settled: Settled, window: Window) -> bool:
        """Keep a change that failed to go with a later one of its key: replayed alone, it would undo that."""
        failed = settled.planned
        if failed.change.relationships or len(self._owed) >= MOST_OWED:
            return False
        if window.join(failed):
            return True
        if failed.identity in window:
            return False  # one that it cannot go with comes after it, and may take its place
        self._owed[failed.identity] = settled
        for part in failed.parts:
            self._watermark.settled(part.position, Verdict.FAILED)
        return True

    def owed_before(self, change: Change) -> PendingChange | None:
        """Return a change that failed and is to be sent again before this one of its key, if there is one."""
        owed = self._owed.pop(change.identity, None)
        return owed.planned if owed else None

    def settle_owed(self) -> None:
        for settled in self._owed.values():
            self.settle(settled)
        self._owed.clear()

    def settle(self, settled: Settled) -> None:
        """Count a verdict for each change that the planned one stands for, and write it down."""
        planned, verdict = settled.planned, settled.verdict
        if verdict is Verdict.UNSENT and planned.tried:
            sent, unsent = planned.parts[: planned.tried], planned.parts[planned.tried :]
            self.settle(Settled(PendingChange(sent[-1], sent), Verdict.FAILED, settled.reason, settled.full))
            if not unsent:
                return
            planned = PendingChange(unsent[-1], unsent)
        if verdict is Verdict.UNSENT and isinstance(self._sender.stopped, Paused):
            return  # it waits like those in the queue, and does not hold up what was acknowledged behind it
        shared = verdict if verdict.kept else Verdict.SUPERSEDED
        self._account.count(verdict, settled.reason)
        self._account.count(shared, settled.reason, len(planned.parts) - 1)
        try:
            self._tell_keepers(settled, planned, verdict, shared)
        except Exception as error:  # noqa: BLE001 -- it is counted; that somebody could not be told ends the push
            self._sender.stop_for(error, "writing down what became of a record")

    def _tell_keepers(
        self, settled: Settled, planned: PendingChange, verdict: Verdict, shared: Verdict
    ) -> None:
        """Tell the files, the ledger, the source and the log what became of changes."""
        if verdict.kept:
            for part in planned.parts:
                self._reject(part, verdict, settled.full)
        for part in planned.parts:
            self._note(part.position, verdict if part is planned.parts[-1] else shared, settled.reason)
        self._session.settled(planned, verdict, settled.answered)
        for part in planned.parts:
            became = verdict if part is planned.parts[-1] else shared
            if became is not Verdict.UNCHANGED:
                self._record(part, became, settled.reason)
        if verdict.acknowledged or verdict is Verdict.UNCHANGED:
            self._overtake(planned)
            if not is_leaver(planned.change.position):
                self.deliver_key(planned.change.key)
            if settled.reason:
                self._problems.name(planned.change, "was pushed, but", settled.reason)
            return
        if verdict is Verdict.VERIFIED:
            self.deliver_key(planned.change.key)
            return
        if verdict.kept and verdict is not Verdict.UNSENT and not planned.change.relationships:
            for part in planned.parts:
                self._undelivered.add(Line(part, verdict, reason=settled.reason))
        if verdict is not Verdict.UNSENT:
            self._problems.name(planned.change, f"{verdict}:", settled.reason)

    def _overtake(self, later: PendingChange) -> None:
        """Let what the vendor holds take the place of earlier changes of its key that were not delivered.

        Replayed, those would undo it: of their lines in the rejects, only other fields stay.
        """
        for line in self._undelivered.overtaken(later):
            position, verdict = line.change.position, line.verdict
            if self._outputs.rejects:
                named = self._mapper.columns_of(line.brought) if line.by_column else line.brought
                self._outputs.rejects.overtake(position, frozenset(named))
            if line.is_over and verdict is not Verdict.INVALID:  # what is wrong in the source stays wrong
                self._account.count(verdict, line.reason, -1)
                self._account.count(Verdict.SUPERSEDED)
                self._receipts.settled(position, Verdict.SUPERSEDED)

    def _overtake_by_held(self, source: Change | Row) -> None:
        """Let a record that the vendor holds already take the place of earlier ones, too."""
        if isinstance(source, Row):
            outline = self._mapper.outline(source)
            if outline is None or outline.identity not in self._undelivered:
                return
            with suppress(InvalidRecord):
                source = self._mapper.change(source)  # of the outline's fields it may leave some alone
        if isinstance(source, Change):
            self._overtake(PendingChange(source, [source]))

    def _note(self, position: int, verdict: Verdict, reason: str = "") -> None:
        """Tell whoever keeps verdicts by position."""
        self._watermark.settled(position, verdict, reason)
        self._receipts.settled(position, verdict)

    def _record(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None:
        """Leave a line in the history; of what was acknowledged, no reason."""
        self._session.record(source, verdict, counted_reason(reason) if is_explained(verdict) else "")

    # -- what is not sent -------------------------------------------------------------------------------

    def settle_early(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None:
        """Settle a record that is not sent."""
        self.open.pop(source.position, None)
        self._account.count(verdict, reason)
        self._note(source.position, verdict, reason)
        if verdict is Verdict.UNCHANGED:
            if self._undelivered:
                self._overtake_by_held(source)
            if self._outputs.delivered and not is_leaver(source.position):
                self.deliver_key(self._mapper.key_of(source))
            return
        self._record(source, verdict, reason)
        if verdict.kept:
            self._reject(source, verdict, reason)
        if verdict is Verdict.INVALID:
            self._problems.name(source, "invalid:", reason)
            self._remember_invalid(source, reason)

    def settle_as_read(self, row: Row, verdict: Verdict) -> None:
        """Settle a record of which the source knows that nothing is to be sent; its key is not delivered."""
        self._account.verdicts[verdict] += 1
        self._note(row.position, verdict)
        self._record(row, verdict)

    def _remember_invalid(self, source: Change | Row, reason: str) -> None:
        by_column = False
        if isinstance(source, Row):
            outline = self._mapper.outline(source)
            if outline is None:
                return
            by_column = not self._mapper.holds_change(source.content)
            source = outline
        self._undelivered.add(Line(source, Verdict.INVALID, by_column, reason))

    def leave_for_later(self, change: Change) -> None:
        """Settle a change that this push does not send any more; it stays as it is, and is still owed."""
        self.open.pop(change.position, None)
        self._account.count(Verdict.PLANNED)
        self._watermark.left(change.position)

    def leave(self, source: Row | Change, reason: str) -> None:
        """Give what will not be sent its verdict: a row may be invalid anyway."""
        if isinstance(source, Row):
            try:
                source = self._mapper.change(source)
            except InvalidRecord as error:
                self.settle_early(source, Verdict.INVALID, str(error))
                return
            except Exception:  # noqa: BLE001 -- whatever it is that cannot be planned: it is not delivered
                pass
        self.settle_early(source, Verdict.UNSENT, reason)

    def waits(self, position: int) -> None:
        """Learn that the ledger keeps a record until its verdict, which it will bring."""
        self.open.pop(position, None)

    # -- keepers ----------------------------------------------------------------------------------------

    def _reject(self, source: Change | Row, verdict: Verdict, reason: str) -> None:
        """Write a line of the rejects; a file that fails stops the push."""
        if self._outputs.rejects:
            try:
                self._outputs.rejects.add(source, verdict, reason, self._place_of(source.position))
            except PushStopped as stopped:
                self._sender.stop(stopped)

    def deliver_key(self, key: str) -> None:
        """Write a delivered key; a file that fails stops the push."""
        if self._outputs.delivered:
            try:
                self._outputs.delivered.add(key)
            except PushStopped as stopped:
                self._sender.stop(stopped)

    def write_down(self, *, ended: bool = False) -> None:
        """Tell the ledger and the source what was acknowledged; in the end, ``ended``, for good."""

        def tell() -> None:
            own = replace(self._account.own(), complete=not self._sender.stopped)
            self._session.tell(own, ended=ended)

        for flush in (self._session.flush, self._receipts.flush, tell):
            try:
                flush()
            except Exception as error:  # noqa: BLE001 -- each driver has its own
                self._sender.stop_for(error, "writing down what was acknowledged")
