"""The whole flow of a push: rows in, changes planned, batches delivered, verdicts settled, a report out.

One thread reads, plans and settles; up to ``concurrency`` others deliver. Memory holds a bounded window of
changes, whatever the number of rows. Changes of one key are never under way twice at once.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from airflow_profile_provider.courier import Courier, Settled
from airflow_profile_provider.errors import InvalidRecord, PushStopped, SourceError, VendorError
from airflow_profile_provider.outputs import Delivered, Rejects
from airflow_profile_provider.plan import Planned, Planner, Window
from airflow_profile_provider.records import Change, Report, Row, Verdict
from airflow_profile_provider.transport import Transport
from airflow_profile_provider.vendor import Vendor

WINDOW = 1000
PROGRESS_SECONDS = 10.0
NAMED_PROBLEMS = 20


class Log(Protocol):
    """What a push tells its progress to: a logger of the standard library or of Airflow."""

    def info(self, event: str, *args: Any) -> Any:
        """Log at level INFO."""

    def warning(self, event: str, *args: Any) -> Any:
        """Log at level WARNING."""


class _Inline(Executor):
    """Runs what is submitted at once: one request in flight needs no thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Push:
    """One push: call `run` once with the rows.

    ``rejects`` and ``delivered`` are optional files. ``log`` gets progress and the first problems, named by
    position and never with a value.
    """

    def __init__(
        self,
        vendor: Vendor,
        transport: Transport,
        planner: Planner,
        *,
        concurrency: int,
        batch_size: int,
        rejects: Rejects | None = None,
        delivered: Delivered | None = None,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.courier = Courier(vendor, transport, batch_size)
        self._vendor = vendor
        self._transport = transport
        self._planner = planner
        self._concurrency = concurrency
        self._rejects = rejects
        self._delivered = delivered
        self._log: Log = log or logging.getLogger(__name__)
        self._clock = clock
        self._window = Window(max(WINDOW, 2 * concurrency * batch_size))
        self._finished: SimpleQueue[Future[list[Settled]]] = SimpleQueue()
        self._busy: set[tuple[str, str]] = set()
        self._in_flight = 0
        self._received = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._problems = 0
        self._begun = self._said = clock()

    def run(self, rows: Iterator[Row]) -> Report:
        """Push every row and return the report.

        Raises:
            SourceError: the source cannot be read from the start; nothing was sent.
            PushStopped: the push ended early; the report is on the error.
        """
        changes = self._changes(rows)
        broken: SourceError | None = None
        try:
            with self._workers() as workers:
                try:
                    self._deliver(changes, workers)
                except SourceError as error:
                    broken = error
                    self._deliver(iter(()), workers)
            if self.courier.stopped:
                self._leave_unsent(changes)
        finally:
            for output in (self._rejects, self._delivered):
                if output:
                    output.close()
        return self._conclude(broken)

    def _workers(self) -> Executor:
        return _Inline() if self._concurrency == 1 else ThreadPoolExecutor(self._concurrency, "push")

    def _changes(self, rows: Iterator[Row]) -> Iterator[Change]:
        """Plan rows; those that cannot be sent are settled here."""
        for row in rows:
            if self._received == 0:
                self._read_catalogue()
            self._received += 1
            try:
                change = self._planner.change(row)
            except InvalidRecord as error:
                self._settle_invalid(row, str(error))
            else:
                yield change

    def _read_catalogue(self) -> None:
        """Learn the vendor's fields, if it tells them; without them the vendor decides."""
        request = self._vendor.catalogue_request()
        if request is None:
            return
        try:
            self._planner.catalogue = self._transport.send_once(request)
        except (VendorError, PushStopped) as error:
            self._log.info("No field catalogue (%s); the vendor decides which fields there are", error)

    # -- sending ----------------------------------------------------------------------------------------

    def _deliver(self, changes: Iterator[Change], workers: Executor) -> None:
        """Keep up to ``concurrency`` batches in flight until changes and window are empty."""
        more = True
        while True:
            while more and not self._window.full and not self.courier.stopped:
                change = next(changes, None)
                if change is None:
                    more = False
                else:
                    self._window.add(change)
            self._submit(workers)
            if not self._in_flight:
                return
            self._settle_next()

    def _submit(self, workers: Executor) -> None:
        most = self._concurrency if self.courier.heard else 1
        while self._in_flight < most and not self.courier.stopped:
            batch = self._window.take(self.courier.batch_size, self._busy)
            if not batch:
                return
            self._busy.update(planned.identity for planned in batch)
            self._in_flight += 1
            workers.submit(self.courier.deliver, batch).add_done_callback(self._finished.put)

    def _leave_unsent(self, changes: Iterator[Change]) -> None:
        reason = str(self.courier.stopped)
        for planned in self._window.drain():
            self._settle(Settled(planned, Verdict.UNSENT, reason, reason))
        for change in changes:
            self._settle(Settled(Planned(change, [change]), Verdict.UNSENT, reason, reason))

    # -- settling ---------------------------------------------------------------------------------------

    def _settle_next(self) -> None:
        while True:
            try:
                future = self._finished.get(timeout=PROGRESS_SECONDS)
            except Empty:
                self._say_progress()
            else:
                break
        self._in_flight -= 1
        for settled in future.result():
            self._busy.discard(settled.planned.identity)
            self._settle(settled)
        if self._clock() - self._said >= PROGRESS_SECONDS:
            self._say_progress()

    def _settle(self, settled: Settled) -> None:
        """Count a verdict for each change that the planned one stands for, and write it down."""
        planned, verdict = settled.planned, settled.verdict
        shared = Verdict.SUPERSEDED if verdict.acknowledged else verdict
        self._verdicts[verdict] += 1
        self._verdicts[shared] += len(planned.parts) - 1
        if verdict.acknowledged:
            if self._delivered:
                self._delivered.add(planned.change.key)
            if settled.reason:
                self._name_problem(planned.change, "was pushed, but", settled.reason)
            return
        if self._rejects:
            for part in planned.parts:
                self._rejects.add(part, verdict, settled.full)
        if verdict is not Verdict.UNSENT:
            self._name_problem(planned.change, f"{verdict}:", settled.reason)

    def _settle_invalid(self, row: Row, reason: str) -> None:
        self._verdicts[Verdict.INVALID] += 1
        if self._rejects:
            self._rejects.add(row, Verdict.INVALID, reason)
        self._name_problem(row, "invalid:", reason)

    # -- telling ----------------------------------------------------------------------------------------

    def _name_problem(self, source: Change | Row, what: str, reason: str) -> None:
        """Log a problem by position, and by key only where the vendor made the key up."""
        self._problems += 1
        if self._problems > NAMED_PROBLEMS:
            return
        named = isinstance(source, Change) and self._vendor.made_up(source)
        who = f" ({source.key_type} {source.key})" if named and isinstance(source, Change) else ""
        self._log.warning("Record %s%s %s %s", source.position, who, what, reason)
        if self._problems == NAMED_PROBLEMS:
            self._log.warning("Further problems are counted, and listed in the rejects file if there is one")

    def _say_progress(self) -> None:
        self._said = self._clock()
        report = self._report()
        self._log.info(
            "%s; %.1f requests/s; %.0f s of %.0f s spent waiting for quota",
            report,
            report.requests / max(report.seconds, 0.001),
            report.throttled_seconds,
            report.seconds,
        )

    def _report(self, *, complete: bool = True) -> Report:
        cost = self._transport.cost
        return Report(
            received=self._received,
            **{verdict.value: number for verdict, number in self._verdicts.items()},
            requests=cost.requests,
            retries=cost.retries,
            throttled_seconds=round(cost.throttled, 3),
            seconds=round(self._clock() - self._begun, 3),
            complete=complete,
            rejects=self._rejects.path if self._rejects and self._rejects.written else None,
        )

    def _conclude(self, broken: SourceError | None) -> Report:
        stopped = self.courier.stopped
        if broken and not self._received:
            raise broken
        if broken and not stopped:
            stopped = PushStopped(f"the source ended early: {broken}")
        report = self._report(complete=stopped is None)
        self._log.info("%s; %d requests in %.1f s", report, report.requests, report.seconds)
        if stopped:
            stopped.report = report
            raise stopped
        return report
