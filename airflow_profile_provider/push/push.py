"""The whole flow of a push: rows in, changes planned, batches delivered, verdicts settled, a report out.

One thread reads, plans and settles; up to ``concurrency`` others deliver. Memory holds a bounded window of
changes, whatever the number of rows. Changes of one key are never under way twice at once.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from airflow_profile_provider.delivery.sender import Courier, Settled
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    AskedToEnd,
    InvalidRecord,
    Paused,
    ProfileError,
    PushStopped,
    SourceError,
    sorted_error,
    where_raised,
)
from airflow_profile_provider.ledger.session import Sieve
from airflow_profile_provider.mapping.mapper import Planner
from airflow_profile_provider.mapping.window import Planned, Window
from airflow_profile_provider.push.outputs import Delivered, Rejects
from airflow_profile_provider.push.progress import Progress
from airflow_profile_provider.push.review import Gate, Spool
from airflow_profile_provider.push.watermark import Resume, Trail
from airflow_profile_provider.records import Change, Checkpoint, Proposal, Reason, Report, Row, Verdict
from airflow_profile_provider.sources.batches import Block
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import to_json

WINDOW = 1000
REMEMBERED = 10_000
AHEAD = 5
NAMED_PROBLEMS = 20
MOST_REASONS = 1000
READ_ON_SECONDS = 5.0
"""How long a push that was asked to end reads on, to account for what it does not send."""

_UNIQUE = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f-]{8,}\b")
"""What is another one in each reason: the number of a request, say."""

Item = TypeVar("Item")


class Log(Protocol):
    """What a push tells its progress to: a logger of the standard library or of Airflow."""

    def info(self, event: str, *args: Any) -> Any:
        """Log at level INFO."""

    def warning(self, event: str, *args: Any) -> Any:
        """Log at level WARNING."""


class _Quiet:
    """A log whose own troubles (a full disk, a lost collector) are none of the push's."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, event: str, *args: Any) -> None:
        with suppress(Exception):
            self._log.info(event, *args)

    def warning(self, event: str, *args: Any) -> None:
        with suppress(Exception):
            self._log.warning(event, *args)


class Receipts(Protocol):
    """Where a source wants to hear what became of its records."""

    def settled(self, position: int, verdict: Verdict) -> None:
        """Learn the verdict of the record at a position; a later one replaces it."""

    def flush(self) -> None:
        """Write down what was learned; raises PushStopped where that is impossible."""


class _Inline(Executor):
    """Runs what is submitted at once: one request in flight needs no thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Push:
    """One push: call `run` once with the rows.

    ``rejects`` and ``delivered`` are optional files. ``log`` gets progress and the first problems, named by
    position and never with a value. ``expected`` is how many records there are, about, where that is known.
    With ``resume``, it goes on where an earlier try ended, and says every ``tell_seconds`` how far it has
    come. ``perhaps_sent`` says that an earlier try may have sent any of it. ``sieve`` keeps back what the
    vendor holds already. ``gate`` looks at all that would be sent before anything is. ``receipts`` hear what
    became of each record.
    """

    def __init__(
        self,
        vendor: Vendor,
        transport: Transport,
        planner: Planner,
        courier: Courier,
        *,
        concurrency: int,
        rejects: Rejects | None = None,
        delivered: Delivered | None = None,
        expected: int | None = None,
        resume: Resume | None = None,
        perhaps_sent: bool = False,
        sieve: Sieve | None = None,
        gate: Gate | None = None,
        receipts: Receipts | None = None,
        tell_seconds: float = 5.0,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.courier = courier
        batch_size = courier.batch_size
        self._vendor = vendor
        self._transport = transport
        self._planner = planner
        self._concurrency = concurrency
        # With a ledger, planning works by the thousand: as many batches wait meanwhile, ready to be sent.
        self._most = concurrency * (1 + AHEAD) if sieve and concurrency > 1 else concurrency
        self._rejects = rejects
        self._delivered = delivered
        self._resume = resume
        self._perhaps_sent = perhaps_sent
        self._sieve = sieve
        self._blocks: Iterator[Block] | None = None
        self._block: tuple[Block, Sequence[int] | None] | None = None
        self._rows: Iterator[Row] = iter(())
        self._open: dict[int, Row | Change] = {}
        self._at = 0
        self._broken: SourceError | None = None
        self._gate = gate
        self._receipts = receipts
        self._tell_seconds = tell_seconds
        self._trail = Trail(resume.start) if resume else None
        self._earlier = Report.of(resume.start.report) if resume and resume.start else Report()
        self._progress = Progress(
            transport.quota,
            expected,
            vendor.requests_per_batch / batch_size,
            before=self._earlier.received,
            at_most=sieve is not None,
        )
        self._log: Log = _Quiet(log or logging.getLogger(__name__))
        self._clock = clock
        self._window = Window(max(WINDOW, 2 * concurrency * batch_size))
        self._finished: SimpleQueue[Future[list[Settled]]] = SimpleQueue()
        self._busy: set[tuple[str, str]] = set()
        self._owed: dict[tuple[str, str], Settled] = {}
        self._refused: dict[tuple[str, str], tuple[Planned, Verdict]] = {}
        self._in_flight = 0
        self._received = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._problems = 0
        self._interrupt: BaseException | None = None
        self._ended: Report | None = None
        self._reasons: Counter[tuple[Verdict, str]] = Counter()
        self._begun = self._told = clock()

    def run(self, rows: Iterator[Row], blocks: Iterator[Block] | None = None) -> Report:
        """Push every row and return the report; with a ledger, a table's rows may come as ``blocks`` instead.

        Raises:
            SourceError: the source cannot be read from the start; nothing was sent.
            Paused: the quota is used up for long; the error's checkpoint lets a later push go on.
            PushStopped: the push ended early; the report is on the error.
        """
        if self._sieve:
            self._sieve.is_whole = lambda: not (self._broken or self.courier.stopped)
            self._sieve.waits = lambda position: self._open.pop(position, None)
        if blocks is not None and self._sieve:
            self._blocks = self._noted(blocks)
            rows = self._sieve.unheld(self._blocks, self._settle_held)
        self._rows = self._received_rows(rows)
        changes = self._changes(self._rows)
        if self._resume and self._resume.start:
            self._save("resumed")  # the files of the earlier try are this one's now
        with self._workers() as workers:
            self._deliver_all(changes, workers)
            self._settle_in_flight()
        if not isinstance(self.courier.stopped, Paused):
            self._settle_owed()
            self._leave_unsent(changes)
        elif self._sieve:
            self._sieve.let_go()
        self._write_down()
        self._close_outputs()
        return self._conclude()

    def _deliver_all(self, changes: Iterator[Change], workers: Executor) -> None:
        """Send what can be sent; whatever raises ends that, and what is in flight is settled."""
        try:
            self._deliver(changes, workers)
        except BaseException as error:  # noqa: BLE001 -- nothing may keep the rest from being accounted for
            self._stop_for(error, "planning")
            self._settle_in_flight()

    def _settle_in_flight(self) -> None:
        while self._in_flight:
            for settled in self._next_finished():
                self._settle(settled)

    def _stop_for(self, error: BaseException, doing: str) -> None:
        """Send nothing more because of an error, whoever raised it."""
        if not isinstance(error, Exception):
            self._interrupt = self._interrupt or error
        self.courier.stop(sorted_error(error, doing))

    def _close_outputs(self) -> None:
        for output in (self._rejects, self._delivered, self._gate):
            if output:
                try:
                    output.close()
                except PushStopped as stopped:
                    self.courier.stop(stopped)

    @property
    def report(self) -> Report:
        """What became of the push; while it has not ended, what is under way counts as not delivered."""
        if self._ended:
            return self._ended
        found = self._whole_report(complete=False)
        missing = max(0, self._received - self._verdicts.total())
        failed = min(missing, len(self._busy))
        return replace(found, failed=found.failed + failed, unsent=found.unsent + missing - failed)

    def own_report(self, counts: Counter[Verdict] | None = None) -> Report:
        """Return what this process did so far; with ``counts``, of what those count."""
        cost = self._transport.cost
        verdicts = self._verdicts if counts is None else counts
        return Report(
            received=self._received if counts is None else counts.total(),
            **_counts(verdicts),
            requests=cost.requests,
            retries=cost.retries,
            throttled_seconds=round(cost.throttled, 3),
            seconds=round(self._clock() - self._begun, 3),
            rejects=self._rejects.path if self._rejects and self._rejects.written else None,
        )

    def _workers(self) -> Executor:
        return _Inline() if self._concurrency == 1 else ThreadPoolExecutor(self._concurrency, "push")

    def _changes(self, rows: Iterator[Row]) -> Iterator[Change]:
        """Plan rows; those that are not to be sent are settled here."""
        if self._gate:
            planned = self._through_gate(self._gate, rows)
        elif self._sieve:
            planned = self._sieve.changes(rows, self._settle_early)
        else:
            planned = self._planned(rows)
        for change in planned:
            yield replace(change, perhaps_sent=True) if self._perhaps_sent else change

    def _through_gate(self, gate: Gate, rows: Iterator[Row]) -> Iterator[Change]:
        """Plan everything first; then send it, or settle it where nothing may be sent."""
        with closing(Spool()) as spool:
            problem: SourceError | PushStopped | None = None
            try:
                for proposal in self._proposals(rows):
                    self._open.pop(proposal.change.position, None)
                    spool.add(proposal)
                    gate.look_at(proposal)
                    if self.courier.stopped:
                        break
            except Exception as error:  # noqa: BLE001 -- what was spooled is accounted for, whatever it is
                problem = sorted_error(error, "planning")
            problem = problem or self.courier.stopped or self._broken
            if problem is None and (refused := gate.problem(self._received)):
                problem = PushStopped(refused)
            if problem or gate.only_plan:
                verdict = Verdict.UNSENT if problem else Verdict.PLANNED
                for proposal in self._spooled(spool):
                    self._settle_early(proposal.change, verdict, str(problem or ""))
                if isinstance(problem, PushStopped):
                    raise problem
            elif self._sieve:
                yield from self._sieve.again(self._spooled(spool), self._settle_early)
            else:
                for proposal in self._spooled(spool):
                    yield proposal.change

    def _spooled(self, spool: Spool) -> Iterator[Proposal]:
        """Read the spool; where that fails, the push stops, and what cannot be read is counted."""
        read = 0
        try:
            for proposal in spool:
                read += 1
                self._open[proposal.change.position] = proposal.change
                yield proposal
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 -- the disk, or what came back from it
            self._stop_for(error, "reading the temporary file of the plan")
            self._count_lost(len(spool) - read)

    def _count_lost(self, number: int) -> None:
        self._verdicts[Verdict.UNSENT] += number
        self._log.warning(
            "%d records are counted as unsent and are not in the rejects: they are lost", number
        )

    def _proposals(self, rows: Iterator[Row]) -> Iterator[Proposal]:
        if self._sieve:
            yield from self._sieve.proposals(rows, self._settle_early)
            return
        seen: set[int] = set()
        for change in self._planned(rows):
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

    def _received_rows(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Count rows; those that an earlier try has settled are passed over.

        Each is open until it has a verdict or waits to be sent. A source that raises ends here: what came
        before is delivered.
        """
        try:
            for row in rows:
                if self._trail and self._trail.passed(row.position):
                    continue
                if self._trail and not self._blocks:
                    self._trail.received(row.position)
                self._received += 1
                self._at = row.position
                self._open[row.position] = row
                if self._received % WINDOW == 0:
                    self._tell_now_and_then()
                yield row
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 -- a source, or a driver under it, may raise anything
            self._end_source(error)

    def _end_source(self, error: BaseException) -> None:
        """Read no more of a source that raised; a ledger that was asked meanwhile stops the push."""
        if isinstance(error, PushStopped) or not isinstance(error, Exception):
            self._stop_for(error, "the source")
        elif isinstance(error, ProfileError):
            self._broken = SourceError(str(error))
        else:
            self._broken = SourceError(f"it raised {where_raised(error)}")

    def _noted(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self._block = (block, None)
            yield block

    def _left_of_blocks(self) -> Iterator[Row]:
        """Read the rows of blocks that were to be compared with a ledger, and were not."""
        block, others = self._block or (None, ())
        if block is not None:
            which = range(len(block)) if others is None else others
            yield from (row for row in block.rows(list(which)) if row.position > self._at)
        for later in self._blocks or ():
            yield from later.rows(list(range(len(later))))

    def _settle_held(self, block: Block, others: Sequence[int]) -> None:
        """Settle the rows of a block that the vendor holds, all but the others."""
        self._block = (block, others)
        left = frozenset(others)
        held: Iterable[int] = range(len(block))
        if self._trail:
            held = [index for index in held if not self._trail.passed(block.position + index)]
            for index in held:
                self._trail.received(block.position + index)
        unchanged = [index for index in held if index not in left]
        self._received += len(unchanged)
        self._verdicts[Verdict.UNCHANGED] += len(unchanged)
        if self._trail:
            for index in unchanged:
                self._trail.settled(block.position + index, Verdict.UNCHANGED)
        if self._delivered:
            for row in block.rows(unchanged):
                self._deliver_key(self._planner.key_of(row))
        self._tell_now_and_then()

    def _planned(self, rows: Iterator[Row]) -> Iterator[Change]:
        for row in rows:
            try:
                yield self._planner.change(row)
            except InvalidRecord as error:
                self._settle_early(row, Verdict.INVALID, str(error))

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
                self._settle(settled)
            self._tell_now_and_then()

    def _refill(self, changes: Iterator[Change]) -> bool:
        """Plan changes until the window is full, or a delivery has ended and the next batch is whole.

        Returns:
            whether there are more.
        """
        while not (self._window.full or self.courier.stopped):
            change = next(changes, None)
            if change is None:
                return False
            self._open.pop(change.position, None)
            if owed := self._owed.pop(change.identity, None):
                self._window.put_back(owed.planned)
            self._window.add(change)
            if len(self._window) % 4 == 0:
                time.sleep(0)  # lets a thread go on whose answer has come; else it waits for 5 ms
            whole = len(self._window) >= self.courier.batch_size
            if self._in_flight and whole and not self._finished.empty():
                break
        return True

    def _submit(self, workers: Executor) -> None:
        most = self._most if self.courier.heard else 1
        while self._in_flight < most and not self.courier.stopped:
            batch = self._window.take(self.courier.batch_size, self._busy)
            if not batch:
                return
            self._busy.update(planned.identity for planned in batch)
            self._in_flight += 1
            try:
                future = workers.submit(self.courier.deliver, batch)
            except Exception as error:  # noqa: BLE001 -- no thread can be started
                future = Future()
                future.set_result(self.courier.give_up(batch, sorted_error(error, "sending")))
            future.add_done_callback(self._finished.put)

    def _leave_unsent(self, changes: Iterator[Change]) -> None:
        """Account for everything that was not sent, to the last record of the source."""
        if not self.courier.stopped:
            return
        reason = str(self.courier.stopped)
        for planned in self._window.drain():
            self._settle(Settled(planned, Verdict.UNSENT, reason, reason))
        until = math.inf
        if self._interrupt or isinstance(self.courier.stopped, AskedToEnd):
            until = self._clock() + READ_ON_SECONDS
        try:
            for change in self._in_time(changes, until):
                self._open.pop(change.position, None)
                self._settle(Settled(Planned(change, [change]), Verdict.UNSENT, reason, reason))
        except BaseException as error:  # noqa: BLE001 -- a ledger that fails, say: the rest needs none
            self._stop_for(error, "planning")
        if self._sieve:
            self._sieve.leave(self._settle_early, reason)
        for source in list(self._open.values()):
            self._leave(source, reason)
        left = self._left_of_blocks() if self._blocks else iter(())
        for row in self._in_time(chain(self._rows, self._received_rows(left)), until):
            self._leave(row, reason)

    def _in_time(self, items: Iterator[Item], until: float) -> Iterator[Item]:
        for item in items:
            yield item
            if self._clock() > until:
                self._log.warning(
                    "The source was not read to its end: the push was asked to end, and what was not read is "
                    "neither counted nor in the rejects"
                )
                return

    def _leave(self, source: Row | Change, reason: str) -> None:
        """Give what will not be sent its verdict: a row may be invalid anyway."""
        if isinstance(source, Row):
            try:
                source = self._planner.change(source)
            except InvalidRecord as error:
                self._settle_early(source, Verdict.INVALID, str(error))
                return
            except Exception:  # noqa: BLE001 -- whatever it is that cannot be planned: it is not delivered
                pass
        self._settle_early(source, Verdict.UNSENT, reason)

    # -- settling ---------------------------------------------------------------------------------------

    def _next_finished(self) -> list[Settled]:
        """Wait for a delivery to end, free its keys, and return what is to be settled."""
        while True:
            try:
                future = self._finished.get(timeout=self._tell_seconds)
            except Empty:
                self._tell()
            else:
                break
        self._in_flight -= 1
        finished = future.result()
        for one in finished:
            if one.unsure and self._sieve:
                self._sieve.unsure(one.planned)
        settled = [one for one in finished if not (one.verdict is Verdict.FAILED and self._owe(one))]
        self._busy.difference_update(one.planned.identity for one in finished)
        return settled

    def _owe(self, settled: Settled) -> bool:
        """Keep a change that failed to go with a later one of its key: replayed alone, it would undo that."""
        failed = settled.planned
        if failed.change.relationships or len(self._owed) >= WINDOW:
            return False
        if self._window.join(failed):
            return True
        if failed.identity in self._window:
            return False  # one that it cannot go with comes after it, and may take its place
        self._owed[failed.identity] = settled
        if self._trail:
            for part in failed.parts:
                self._trail.settled(part.position, Verdict.FAILED)
        return True

    def _settle_owed(self) -> None:
        for settled in self._owed.values():
            self._settle(settled)
        self._owed.clear()

    def _settle(self, settled: Settled) -> None:
        """Count a verdict for each change that the planned one stands for, and write it down."""
        planned, verdict = settled.planned, settled.verdict
        if verdict is Verdict.UNSENT and planned.tried:
            sent, unsent = planned.parts[: planned.tried], planned.parts[planned.tried :]
            self._settle(Settled(Planned(sent[-1], sent), Verdict.FAILED, settled.reason, settled.full))
            if not unsent:
                return
            planned = Planned(unsent[-1], unsent)
        shared = Verdict.SUPERSEDED if verdict.acknowledged else verdict
        self._verdicts[verdict] += 1
        self._verdicts[shared] += len(planned.parts) - 1
        self._count_reason(verdict, settled.reason)
        try:
            self._tell_keepers(settled, planned, verdict, shared)
        except Exception as error:  # noqa: BLE001 -- it is counted; that somebody could not be told ends the push
            self._stop_for(error, "writing down what became of a record")

    def _tell_keepers(self, settled: Settled, planned: Planned, verdict: Verdict, shared: Verdict) -> None:
        """Tell the files, the ledger, the source and the log what became of changes."""
        if self._rejects and not verdict.acknowledged:
            for part in planned.parts:
                self._reject(part, verdict, settled.full)
        for part in planned.parts:
            self._note(part.position, verdict if part is planned.parts[-1] else shared)
        if self._sieve:
            self._sieve.settled(planned, verdict)
        if verdict.acknowledged:
            self._overtake(planned)
            self._deliver_key(planned.change.key)
            if settled.reason:
                self._name_problem(planned.change, "was pushed, but", settled.reason)
            return
        if verdict is not Verdict.UNSENT and not planned.change.relationships:
            self._refused[planned.identity] = (planned, verdict)
            if len(self._refused) > REMEMBERED:
                del self._refused[next(iter(self._refused))]
        if verdict is not Verdict.UNSENT:
            self._name_problem(planned.change, f"{verdict}:", settled.reason)

    def _reject(self, source: Change | Row, verdict: Verdict, reason: str) -> None:
        """Write a line of the rejects; a file that fails stops the push."""
        if self._rejects:
            try:
                self._rejects.add(source, verdict, reason)
            except PushStopped as stopped:
                self.courier.stop(stopped)

    def _deliver_key(self, key: str) -> None:
        """Write a delivered key; a file that fails stops the push."""
        if self._delivered:
            try:
                self._delivered.add(key)
            except PushStopped as stopped:
                self.courier.stop(stopped)

    def _count_reason(self, verdict: Verdict, reason: str) -> None:
        """Count why a record was not delivered; reasons hold no values."""
        if not verdict.undelivered:
            return
        counted = (verdict, _UNIQUE.sub("…", reason))
        if counted in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons[counted] += 1

    @property
    def top_reason(self) -> str:
        """Why most of what was not delivered was not, in words; empty where all was."""
        if not self._reasons:
            return ""
        ((verdict, reason), number), *_ = self._reasons.most_common(1)
        return f"{number} {verdict}: {reason}" if reason else f"{number} {verdict}"

    def _overtake(self, later: Planned) -> None:
        """Let what was acknowledged take the place of an earlier change of its key that was not.

        Replayed, that one would undo this: of its line in the rejects, only other fields stay.
        """
        planned, verdict = self._refused.get(later.identity, (later, Verdict.PUSHED))
        other = planned.change.key != later.change.key  # whose refusal is no less true for this
        if planned is later or (other and verdict is Verdict.REJECTED):
            return
        del self._refused[later.identity]
        named = frozenset(later.change.fields)
        for part in planned.parts:
            if self._rejects:
                self._rejects.overtake(part.position, named)
            if named.issuperset(part.fields):
                self._verdicts[verdict] -= 1
                self._verdicts[Verdict.SUPERSEDED] += 1
                if self._receipts:
                    self._receipts.settled(part.position, Verdict.SUPERSEDED)

    def _note(self, position: int, verdict: Verdict) -> None:
        """Tell whoever keeps verdicts by position."""
        for keeper in (self._trail, self._receipts):
            if keeper:
                keeper.settled(position, verdict)

    def _settle_early(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None:
        """Settle a record that is not sent."""
        self._open.pop(source.position, None)
        self._verdicts[verdict] += 1
        self._note(source.position, verdict)
        if verdict is Verdict.UNCHANGED:
            if self._delivered:
                self._deliver_key(self._planner.key_of(source))
            return
        self._count_reason(verdict, reason)
        if verdict.kept:
            self._reject(source, verdict, reason)
        if verdict is Verdict.INVALID:
            self._name_problem(source, "invalid:", reason)

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

    def _tell_now_and_then(self) -> None:
        if self._clock() - self._told >= self._tell_seconds:
            self._tell()

    def _tell(self) -> None:
        """Say how far the push is, and save it."""
        self._told = self._clock()
        if isinstance(self.courier.stopped, AskedToEnd):
            return  # the end is near, and tells and saves it all
        own = self.own_report()
        done = self._earlier.received + self._verdicts.total()
        words = self._progress.words(self._earlier.plus(own), done, own)
        self._log.info("%s", words)
        self._write_down()
        self._save(words)

    def _write_down(self) -> None:
        """Tell the ledger and the source what was acknowledged."""
        for keeper in (self._sieve, self._receipts):
            if keeper:
                try:
                    keeper.flush()
                except Exception as error:  # noqa: BLE001 -- each driver has its own
                    self._stop_for(error, "writing down what was acknowledged")

    def _save(self, words: str, *, ended: bool = False) -> Checkpoint | None:
        """Save how far the push is; nothing where its files could not be secured so far."""
        if not (self._resume and self._trail):
            return None
        try:
            sizes = [output.secure() if output else 0 for output in (self._rejects, self._delivered)]
        except PushStopped as stopped:
            self.courier.stop(stopped)
            return None
        if None in sizes:
            return None
        rejects_bytes, delivered_bytes = (size or 0 for size in sizes)
        mark, counts, ahead = self._trail.advance()
        own = self.own_report(counts)
        checkpoint = Checkpoint(
            fingerprint=self._resume.fingerprint,
            mark=mark,
            ahead=ahead,
            report=self._earlier.plus(own).as_dict(),
            rejects=self._rejects.path if self._rejects and rejects_bytes else None,
            rejects_bytes=rejects_bytes,
            delivered=self._delivered.path if self._delivered and delivered_bytes else None,
            delivered_bytes=delivered_bytes,
            ages=tuple(self._transport.quota.ages()),
            at=time.time(),
            ended=ended,
        )
        try:
            self._resume.save(checkpoint, words)
        except Exception as error:  # noqa: BLE001 -- whoever keeps it has errors of its own
            self._log.warning(
                "The progress of the push could not be stored (%s); it continues, and a retry would start "
                "from an earlier point",
                where_raised(error),
            )
        return checkpoint

    def _conclude(self) -> Report:
        stopped = self.courier.stopped
        if self._broken and not self._received:
            self._ended = self._whole_report(complete=False)
            raise self._broken
        if self._broken and not stopped:
            stopped = PushStopped(f"the source ended early: {self._broken}")
        report = self._ended = self._whole_report(complete=stopped is None)
        self._log.info("%s; %d requests in %.1f s", report, report.requests, report.seconds)
        for output in (self._rejects, self._delivered):
            if output and output.lost:
                self._log.warning(
                    "%d lines are missing in %s: it could not be written", output.lost, output.path
                )
        unsettled = stopped or report.failed
        checkpoint = self._save(str(report), ended=True) if unsettled else None
        if interrupt := self._interrupt or self.courier.interrupt:
            interrupt.report = report  # type: ignore[attr-defined]
            raise interrupt
        if stopped:
            stopped.report = report
            if isinstance(stopped, Paused):
                stopped.checkpoint = checkpoint
            raise stopped
        return report

    def _whole_report(self, *, complete: bool) -> Report:
        return self._earlier.plus(self.own_report(), complete=complete)


def _counts(verdicts: Mapping[Verdict, int]) -> dict[str, Any]:
    return {verdict.value: number for verdict, number in verdicts.items()}
