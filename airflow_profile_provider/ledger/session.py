"""Keeps back what a vendor holds already: rows in, those changes out that the ledger does not know of."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from airflow_profile_provider.errors import InvalidRecord, LedgerFailed, PushStopped, SourceError
from airflow_profile_provider.ledger.auditing import LedgerAudit
from airflow_profile_provider.ledger.baseline import Baseline
from airflow_profile_provider.ledger.candidates import Candidates, Found, SettleBatch
from airflow_profile_provider.ledger.claims import Claims, Either, Proposed
from airflow_profile_provider.ledger.diff import (
    Candidate,
    LedgerOptions,
    differing,
    is_old,
    is_trusted,
    judge,
    names_of,
    part_of,
    profile_of,
)
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.history import History
from airflow_profile_provider.ledger.ids import ReadIds
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.members import Members
from airflow_profile_provider.ledger.outcomes import Outcomes, is_answer_of, short
from airflow_profile_provider.ledger.postponed import Postponed, Waiting
from airflow_profile_provider.ledger.reader import LedgerReader
from airflow_profile_provider.ledger.versions import VersionKind
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Proposal, Row, Verdict, is_leaver
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.batches import RowBatch

_NOTHING: Mapping[str, Any] = {}
LOOKED_UP_AT_ONCE = 1000
"""How many keys one question to the ledger has: with more, none gets faster, and all wait for all."""


class Settle(Protocol):
    """Gives a record that is not sent its verdict."""

    def __call__(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class _Pass:
    """Changes on their way through the ledger: to be sent, or (where nothing is kept) only to be proposed.

    ``ahead`` are the keys of which another change is sent before.
    """

    settle: Settle
    ahead: Container[str]
    resource: bool
    is_whole: Callable[[], bool] = lambda: True
    waits: Callable[[int], object] = lambda position: None
    takes: Callable[[Change], bool] = lambda change: True


_Item = TypeVar("_Item", Row, Proposal, Waiting)


class LedgerSession:
    """Compares changes with a ledger before they are sent, and writes down what became of them after.

    A key that is on its way is never taken for unchanged: what the ledger says of it is about to be untrue.
    ``writer`` is the ledger to write to, the same one; None: changes are only proposed, never sent. ``ids``
    says which of the vendor's profiles a key means that is none of the vendor's.
    """

    def __init__(
        self,
        mapper: Mapper,
        ledger: LedgerReader,
        prints: Fingerprints,
        how: LedgerOptions,
        *,
        writer: Ledger | None = None,
        ids: ReadIds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mapper = mapper
        self._ledger = ledger
        self._writer = writer
        self._prints = prints
        self._how = how
        self._clock = clock
        self._ids = ids
        self._claims = Claims()
        self._candidates = Candidates(mapper, ledger, prints, how, self._claims)
        self._kind = VersionKind(ledger, writer)
        self._postponed = Postponed()
        self._outcomes = Outcomes(writer, how, self._claims, clock)

    def auditing(self) -> LedgerAudit:
        """Return what an audit asks, and leaves in the same ledger."""
        return LedgerAudit(
            self._candidates, self._prints, self._outcomes, self._kind, self._how, self._clock, self._with_ids
        )

    @property
    def ids(self) -> ReadIds | None:
        """Which of the vendor's profiles a key means; None where the keys are the vendor's."""
        return self._ids

    @property
    def knows_nothing(self) -> bool:
        """Whether the vendor has acknowledged nothing so far, as far as the ledger knows."""
        return self._ledger.is_empty

    @property
    def members(self) -> Members | None:
        """The keys that this push and others delivered; None where the ledger is only read."""
        return Members(self._writer) if self._writer else None

    def forbidden(self) -> PushStopped | None:
        """Say why nothing more may be sent, if so: another push has taken over."""
        return self._writer.lease.check() if self._writer and self._writer.lease else None

    # -- before sending ---------------------------------------------------------------------------------

    def unheld(self, blocks: Iterator[RowBatch], settle: SettleBatch) -> Iterator[Row]:
        """Yield the rows of batches that may differ, with their fingerprints; settle the others at once."""
        return self._candidates.unheld(blocks, settle)

    def untaken(self, blocks: Iterator[RowBatch], settle: SettleBatch) -> Iterator[Row]:
        """The same for a baseline, which takes at once what it can for what the vendor holds."""
        if self._writer is None:
            return self.unheld(blocks, settle)
        return self._candidates.unheld(
            blocks, settle, Baseline(self._mapper, self._writer, self._prints).take
        )

    def changes(
        self,
        rows: Iterator[Row],
        settle: Settle,
        *,
        is_whole: Callable[[], bool] = lambda: True,
        waits: Callable[[int], object] = lambda position: None,
        takes: Callable[[Change], bool] = lambda change: True,
    ) -> Iterator[Change]:
        """Yield what must be sent, marked as in doubt; everything else gets its verdict by ``settle``.

        ``is_whole`` says whether the source was read to its end: where it broke, what a later row would be is
        not known. ``waits`` hears of the position of a record that is kept here until its verdict. ``takes``
        is asked for each that must be sent whether this push does so; else it is settled there.
        """
        way = _Pass(settle, self._claims, resource=True, is_whole=is_whole, waits=waits, takes=takes)
        yield from self._claimed(self._with_postponed(rows, way), way)

    def again(self, proposals: Iterable[Proposal], settle: Settle) -> Iterator[Change]:
        """Yield what must be sent of proposals, which were judged before anything was sent."""
        way = _Pass(settle, self._claims, resource=True)
        found = self._chunks(iter(proposals), self._of_proposals, settle)
        yield from self._claimed(((chunk, True) for chunk in found), way)

    def proposals(
        self,
        rows: Iterator[Row],
        settle: Settle,
        *,
        is_whole: Callable[[], bool] = lambda: True,
        waits: Callable[[int], object] = lambda position: None,
    ) -> Iterator[Proposal]:
        """Yield what would be sent, and write nothing down; see `changes`."""
        proposed = Proposed()
        way = _Pass(settle, proposed, resource=False, is_whole=is_whole, waits=waits)
        for found, final in self._with_postponed(rows, way):
            chunk = []
            for one, entry in found:
                for _, proposal in self._decided(one, entry, way, final=final):
                    proposed.add(profile_of(proposal.change))
                    chunk.append(proposal)
            changes = self._with_ids([proposal.change for proposal in chunk])
            for proposal, change in zip(chunk, changes, strict=True):
                yield proposal._replace(change=change)

    def leave(self, settle: Settle, why: str) -> None:
        """Settle what still waits for a later row that will not come."""
        for waiting in self._postponed.drain():
            settle(waiting.change, Verdict.UNSENT, why)

    def part(self, proposal: Proposal) -> Change:
        """Return what is sent of a change: all of it, or what differs."""
        return part_of(proposal, self._how)

    def _with_postponed(self, rows: Iterator[Row], way: _Pass) -> Iterator[tuple[list[Found], bool]]:
        """Look up rows, and in the end what was postponed meanwhile; say whether that is final."""
        why = "the source was not read to its end, where a later row of the key may be"

        def of_rows(chunk: list[Row], settle: Settle) -> list[Found]:
            def settled(row: Row, error: InvalidRecord | None) -> None:
                settle(row, Verdict.INVALID if error else Verdict.UNCHANGED, str(error or ""))

            return self._candidates.of_rows(chunk, Either(way.ahead, self._postponed), settled)

        try:
            for found in self._chunks(rows, of_rows, way.settle):
                yield found, False
            while way.is_whole() and (taken := self._postponed.take(LOOKED_UP_AT_ONCE)):
                yield from (
                    (found, True) for found in self._chunks(iter(taken), self._of_waiting, way.settle)
                )
        except (PushStopped, SourceError) as error:
            self.leave(way.settle, str(error) if isinstance(error, PushStopped) else why)
            raise
        self.leave(way.settle, why)

    def _of_waiting(self, chunk: list[Waiting], settle: Settle) -> list[Found]:
        return self._candidates.of_changes([(waiting.change, waiting.row) for waiting in chunk])

    def _of_proposals(self, chunk: list[Proposal], settle: Settle) -> list[Found]:
        return self._candidates.of_changes([(proposal.change, proposal.row) for proposal in chunk])

    def _chunks(
        self, items: Iterator[_Item], look_up: Callable[[list[_Item], Settle], list[Found]], settle: Settle
    ) -> Iterator[list[Found]]:
        """Look items up, a chunk at a time; a ledger that fails loses none of them."""
        while chunk := list(islice(items, LOOKED_UP_AT_ONCE)):
            done: set[int] = set()

            def settled(source: Change | Row, verdict: Verdict, reason: str = "") -> None:
                done.add(source.position)  # noqa: B023 -- called while this chunk is looked at
                settle(source, verdict, reason)

            try:
                self.flush()
                found = look_up(chunk, settled)
            except PushStopped as stopped:
                for item in chunk:
                    source = item if isinstance(item, Row) else item.change
                    if source.position not in done:
                        settle(source, Verdict.UNSENT, str(stopped))
                raise
            yield found

    def _claimed(self, chunks: Iterable[tuple[list[Found], bool]], way: _Pass) -> Iterator[Change]:
        """Mark what is to be sent as in doubt, a chunk at a time, and let it go."""
        for found, final in chunks:
            to_send = [
                self._send(one, entry, proposal)
                for first, entry in found
                for one, proposal in self._decided(first, entry, way, final=final)
                if way.takes(one.change)
            ]
            try:
                self._outcomes.put_in_doubt([entry for _, entry in to_send])
                changes = self._with_ids([change for change, _ in to_send])
            except PushStopped as stopped:
                for change, _ in to_send:
                    way.settle(change, Verdict.UNSENT, str(stopped))
                self.leave(way.settle, str(stopped))
                raise
            yield from changes

    def _with_ids(self, changes: list[Change]) -> list[Change]:
        """Return changes with the vendor's keys of their profiles, as far as these are known."""
        return self._ids.with_known(changes) if self._ids else changes

    def _decided(
        self, found: Candidate, entry: Entry, way: _Pass, *, final: bool
    ) -> Iterator[tuple[Candidate, Proposal]]:
        """Say what is to be sent now: of a change, or first of those that wait for a later row of its key.

        A row whose place the acknowledged one took before waits for that one to come again, or another:
        where nothing has changed, it does, and nothing is sent. ``final``: nothing waits any longer.
        """
        waiting = [] if final else self._postponed.of(found.key)
        was_earlier = short(found.row) in entry.earlier
        if not final and (waiting or was_earlier) and self._may_wait(found, entry, way):
            different = differing(found, entry)
            held = bool(waiting) and not different
            if held and _cover(found, waiting):
                self._settle_waiting(waiting, way.settle)
                waiting = []
            elif held or (different and was_earlier):
                self._postponed.add(found.key, Waiting(found.change, found.row, different))
                way.waits(found.change.position)
                return
        if waiting and not is_old(found, entry):
            self._postponed.remove(found.key)
            for one in waiting:
                before = self._candidates.candidate(one.change, one.row)
                if proposal := self._judged(before, entry, way):
                    yield before, proposal
        if proposal := self._judged(found, entry, way):
            yield found, proposal

    def _may_wait(self, found: Candidate, entry: Entry, way: _Pass) -> bool:
        """Whether a later row may decide what the vendor should hold: what it has is known and not newer."""
        second = found.key in way.ahead
        return is_trusted(found, entry, self._how, self._clock(), second=second) and not is_old(found, entry)

    def _settle_waiting(self, waiting: Sequence[Waiting], settle: Settle) -> None:
        """Settle what waited for a row that has come: the vendor holds all that it says."""
        self._postponed.remove(profile_of(waiting[0].change))
        for one in waiting:
            if one.different:
                settle(one.change, Verdict.SUPERSEDED, "the vendor has the values of a later row of its key")
            else:
                settle(one.change, Verdict.UNCHANGED)

    def _judged(self, found: Candidate, entry: Entry, way: _Pass) -> Proposal | None:
        """Return what is to be sent of a change, if anything; else it is settled."""
        kind = self._kind.of(found.change, keep=way.resource)
        second = found.key in way.ahead
        judgement = judge(found, entry, self._how, self._clock(), kind=kind, second=second)
        entry.spelled = found.change.key if found.change.key != found.key else None
        if judgement.verdict is Verdict.UNCHANGED:
            is_gone = way.resource and is_leaver(found.change.position)
            if not (is_gone and self._outcomes.keep_left(entry, held=True)):
                self._outcomes.keep_row(found, entry, write=way.resource)
        if judgement.proposal and not (self._how.baseline and way.resource):
            return judgement.proposal
        if judgement.proposal:
            self._outcomes.keep(entry, found.fields, [found.row], found.order, self._outcomes.now())
        way.settle(found.change, judgement.verdict, judgement.reason)
        return None

    def _send(self, found: Candidate, entry: Entry, proposal: Proposal) -> tuple[Change, Entry]:
        change = self.part(proposal)
        self._outcomes.claim(change, found, entry, proposal)
        return change, entry

    # -- after sending ----------------------------------------------------------------------------------

    def unsure(self, planned: PendingChange) -> None:
        """Learn that an attempt to send a change got no answer: it may yet arrive, after later ones."""
        self._outcomes.unsure(planned)

    def settled(
        self, planned: PendingChange, verdict: Verdict, answered: Mapping[str, Any] = _NOTHING
    ) -> None:
        """Learn what became of a change that was sent, and of those whose place it took.

        ``answered`` has those of its fields that the vendor keeps in another form, as it keeps them.
        """
        self._outcomes.settled(planned, verdict, self._prints.of_change, answered)

    def was_answered(self, change: Change, field: str, held: Any) -> bool:
        """Whether the vendor once acknowledged a value of a change that is on its way with another one."""
        sent = self._claims.of(change.position)
        return sent is not None and is_answer_of(change, field, held, sent.entry, self._prints.of_change)

    def let_go(self) -> None:
        """Learn that nothing is under way any more: what has no verdict was never sent."""
        self._outcomes.let_go()

    def flush(self) -> None:
        """Write down what was acknowledged; a key that is still on its way stays in doubt."""
        self._outcomes.flush()

    # -- the history ------------------------------------------------------------------------------------

    @property
    def _history(self) -> History | None:
        return self._writer.history if self._writer else None

    def record(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None:
        """Learn what became of a record, whether it was sent or not."""
        history = self._history
        if history is None or not history.takes:
            return
        history.add(self._key_of(source), source.position, verdict, reason)
        if history.is_due:
            try:
                self.flush()
            except LedgerFailed as error:
                history.give_up(error)
                raise

    def _key_of(self, source: Change | Row) -> str:
        """Return the key as the ledger has it; of a row that cannot be read, what there is of it."""
        if isinstance(source, Row):
            outline = self._mapper.outline(source)
            if outline is None:
                return self._mapper.key_of(source)
            source = outline
        return profile_of(source)

    def tell(self, own: Report, *, ended: bool) -> None:
        """Write down what this process did so far; what is ``ended`` is looked at once more, and tidied."""
        if history := self._history:
            history.tell(own, ended=ended)
            if ended and own.complete:
                history.prune()
        if ended and self._writer:
            self._writer.keep_count()


def _cover(found: Candidate, waiting: Sequence[Waiting]) -> bool:
    """Whether each part in which one that waits differs stands in a later one, or in the last, too."""
    names = set(found.fields)
    for one in reversed(waiting):
        if not names >= one.different:
            return False
        names.update(names_of(one.change))
    return True
