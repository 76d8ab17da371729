"""The whole flow of a push: rows in, changes planned, batches delivered, verdicts settled, a report out.

One thread reads, plans and settles; up to ``concurrency`` others deliver. Memory holds a bounded window of
changes, whatever the number of rows. Changes of one key are never under way twice at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.errors import AskedToEnd, Paused, PushStopped, sorted_error
from airflow_profile_provider.mapping.window import PendingChange, Window
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.push.intake import Intake
from airflow_profile_provider.push.leavers import NoLeavers
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.planning import Stages
from airflow_profile_provider.push.problems import Problems
from airflow_profile_provider.push.review import PlanReview
from airflow_profile_provider.push.saving import NoSaving
from airflow_profile_provider.push.settlement import Settlement
from airflow_profile_provider.push.telling import Telling
from airflow_profile_provider.records import Change, Verdict
from airflow_profile_provider.reports import Report

WINDOW = 1000
"""Changes that wait to be sent, at the least: so many of one key may be laid together."""
READ_ON_SECONDS = 5.0
"""How long a push that was asked to end reads on, to account for what it does not send."""

Item = TypeVar("Item")


class _Inline(Executor):
    """Runs what is submitted at once: one request in flight needs no thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(frozen=True)
class Parts:
    """What a push is made of; see each."""

    sender: Sender
    planning: Stages
    intake: Intake
    session: Session
    settlement: Settlement
    problems: Problems
    account: Account
    outputs: Outputs
    saving: NoSaving
    telling: Telling
    review: PlanReview | None
    leavers: NoLeavers
    log: Log


class Push:
    """One push: call `run` once.

    Up to ``concurrency`` requests are in flight; as many batches as ``ahead`` says wait for each meanwhile.
    """

    def __init__(
        self, parts: Parts, concurrency: int, ahead: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sender = parts.sender
        self._parts = parts
        self._concurrency = concurrency
        self._most = concurrency * (1 + ahead) if concurrency > 1 else concurrency
        self._clock = clock
        self._window = Window(max(WINDOW, 2 * concurrency * parts.sender.batch_size))
        self._finished: SimpleQueue[Future[list[Settled]]] = SimpleQueue()
        self._busy: set[tuple[str, str]] = set()
        self._in_flight = 0
        self._ended: Report | None = None

    def run(self) -> Report:
        """Push every row and return the report.

        Raises:
            SourceError: the source cannot be read from the start; nothing was sent.
            Paused: the quota is used up for long; the error's checkpoint lets a later push go on.
            PushStopped: the push ended early; the report is on the error.
        """
        changes: Iterator[Change] = iter(())
        if self._parts.saving.resumed:
            self._parts.saving.save("resumed")  # the files of the earlier try are this one's now
        with self._workers() as workers:
            for changes in self._parts.planning.stages():
                self._deliver_all(changes, workers)
                self._settle_in_flight()
                if self.sender.stopped:
                    break
        if not isinstance(self.sender.stopped, Paused):
            self._parts.settlement.settle_owed()
            self._leave_unsent(changes)
        else:
            self._parts.session.let_go()
        self._parts.settlement.write_down(ended=not isinstance(self.sender.stopped, Paused))
        self._close_outputs()
        return self._conclude()

    @property
    def report(self) -> Report:
        """What became of the push; while it has not ended, what is under way counts as not delivered."""
        return self._ended or self._parts.account.so_far(len(self._busy))

    @property
    def own_report(self) -> Report:
        """What this process did of it."""
        return self._parts.account.own()

    @property
    def red_reason(self) -> str:
        """Why the push did not do all that was asked for, though it ran to its end; empty where it did."""
        return self._parts.leavers.problem

    @property
    def top_reason(self) -> str:
        """Why most of what was not delivered was not, in words; empty where all was."""
        return self.report.top_reason

    def _deliver_all(self, changes: Iterator[Change], workers: Executor) -> None:
        """Send what can be sent; whatever raises ends that, and what is in flight is settled."""
        try:
            self._deliver(changes, workers)
        except BaseException as error:  # noqa: BLE001 -- nothing may keep the rest from being accounted for
            self.sender.stop_for(error, "planning")
            self._settle_in_flight()

    def _settle_in_flight(self) -> None:
        while self._in_flight:
            for settled in self._next_finished():
                self._parts.settlement.settle(settled)

    def _workers(self) -> Executor:
        return _Inline() if self._concurrency == 1 else ThreadPoolExecutor(self._concurrency, "push")

    # -- sending ----------------------------------------------------------------------------------------

    def _deliver(self, changes: Iterator[Change], workers: Executor) -> None:
        """Keep ``concurrency`` batches in flight until changes and window are empty.

        What can be sent is sent before anything else is done: planning and settling go on meanwhile.
        """
        more = True
        while True:
            more = more and self._refill(changes)
            self._submit(workers)
            if not self._in_flight:
                return
            finished = self._next_finished()
            self._submit(workers)
            for settled in finished:
                self._parts.settlement.settle(settled)
            self._parts.telling.now_and_then()

    def _refill(self, changes: Iterator[Change]) -> bool:
        """Plan changes until the window is full, or a delivery has ended and the next batch is whole.

        Returns:
            whether there are more.
        """
        while not (self._window.full or self.sender.stopped):
            change = next(changes, None)
            if change is None:
                return False
            self._parts.settlement.open.pop(change.position, None)
            if owed := self._parts.settlement.owed_before(change):
                self._window.put_back(owed)
            self._window.add(change)
            if len(self._window) % 4 == 0:
                time.sleep(0)  # lets a thread go on whose answer has come; else it waits for 5 ms
            whole = len(self._window) >= self.sender.batch_size
            if self._in_flight and whole and not self._finished.empty():
                break
        return True

    def _submit(self, workers: Executor) -> None:
        most = self._most if self.sender.heard else 1
        while self._in_flight < most and not self.sender.stopped:
            batch = self._window.take(self.sender.batch_size, self._busy)
            if not batch:
                return
            self._busy.update(planned.identity for planned in batch)
            self._in_flight += 1
            try:
                future = workers.submit(self.sender.deliver, batch)
            except Exception as error:  # noqa: BLE001 -- no thread can be started
                future = Future()
                future.set_result(self.sender.give_up(batch, sorted_error(error, "sending")))
            future.add_done_callback(self._finished.put)

    def _next_finished(self) -> list[Settled]:
        """Wait for a delivery to end, free its keys, and return what is to be settled."""
        while True:
            try:
                future = self._finished.get(timeout=self._parts.telling.seconds)
            except Empty:
                self._parts.telling.now()
            else:
                break
        self._in_flight -= 1
        finished = future.result()
        settled = self._parts.settlement.due(finished, self._window)
        self._busy.difference_update(one.planned.identity for one in finished)
        return settled

    # -- the end ----------------------------------------------------------------------------------------

    def _leave_unsent(self, changes: Iterator[Change]) -> None:
        """Account for everything that was not sent, to the last record of the source."""
        if not self.sender.stopped:
            return
        reason = str(self.sender.stopped)
        for planned in self._window.drain():
            self._parts.settlement.settle(Settled(planned, Verdict.UNSENT, reason, reason))
        until = math.inf
        if self.sender.interrupt or isinstance(self.sender.stopped, AskedToEnd):
            until = self._clock() + READ_ON_SECONDS
        try:
            for change in self._in_time(changes, until):
                self._parts.settlement.open.pop(change.position, None)
                self._parts.settlement.settle(
                    Settled(PendingChange(change, [change]), Verdict.UNSENT, reason, reason)
                )
        except BaseException as error:  # noqa: BLE001 -- a ledger that fails, say: the rest needs none
            self.sender.stop_for(error, "planning")
        self._parts.session.leave(self._parts.settlement.settle_early, reason)
        self._parts.planning.leave()
        for source in list(self._parts.settlement.open.values()):
            self._parts.settlement.leave(source, reason)
        for row in self._in_time(self._parts.intake.rest(), until):
            self._parts.settlement.leave(row, reason)

    def _in_time(self, items: Iterator[Item], until: float) -> Iterator[Item]:
        for item in items:
            yield item
            if self._clock() > until:
                self._parts.log.warning(
                    "The source was not read to its end: the push was asked to end, and what was not read is "
                    "neither counted nor in the rejects"
                )
                return

    def _close_outputs(self) -> None:
        outputs = self._parts.outputs
        for output in (*outputs.kept, outputs.absent, self._parts.review):
            if output:
                try:
                    output.close()
                except PushStopped as stopped:
                    self.sender.stop(stopped)

    def _conclude(self) -> Report:
        stopped = self.sender.stopped
        if self._parts.intake.broken and not self._parts.account.received:
            self._ended = self._parts.account.whole(complete=False)
            raise self._parts.intake.broken
        if self._parts.intake.broken and not stopped:
            stopped = PushStopped(f"the source ended early: {self._parts.intake.broken}")
        report = self._ended = self._parts.account.whole(complete=stopped is None)
        self._parts.log.info("%s; %d requests in %.1f s", report, report.requests, report.seconds)
        for output in (*self._parts.outputs.kept, self._parts.outputs.absent):
            if output and output.lost:
                self._parts.log.warning(
                    "%d lines are missing in %s: it could not be written", output.lost, output.path
                )
        unsettled = stopped or report.failed
        checkpoint = self._parts.saving.save(str(report), ended=True) if unsettled else None
        if interrupt := self.sender.interrupt:
            interrupt.report = report  # type: ignore[attr-defined]
            raise interrupt
        if stopped:
            stopped.report = report
            if isinstance(stopped, Paused):
                stopped.checkpoint = checkpoint
            raise stopped
        return report
