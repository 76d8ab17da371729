"""From rows to the changes that are to be sent, reviewed as a whole first where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.errors import PushStopped, SourceError, sorted_error
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.intake import Intake
from airflow_profile_provider.push.limit import Limit
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.review import PlanReview, Spool
from airflow_profile_provider.push.settlement import Settlement
from airflow_profile_provider.records import Change, Proposal, Row, Verdict


class Stages(Protocol):
    """Says what is to be delivered: one stage after the other, each once nothing of the last is under way."""

    def stages(self) -> Iterator[Iterator[Change]]:
        """Yield the changes of each stage."""

    def leave(self) -> None:
        """Settle what is kept back, because the push has stopped."""


class Planning:
    """Makes the changes of one push.

    ``review`` looks at all that would be sent before anything is, and ``limit`` says how much of it is.
    ``perhaps_sent`` says that an earlier try may have sent any of it.
    """

    def __init__(
        self,
        intake: Intake,
        session: Session,
        settlement: Settlement,
        account: Account,
        sender: Sender,
        review: PlanReview | None,
        log: Log,
        limit: Limit,
        *,
        perhaps_sent: bool,
    ) -> None:
        self._intake = intake
        self._session = session
        self._settlement = settlement
        self._account = account
        self._sender = sender
        self._review = review
        self._log = log
        self._limit = limit
        self._perhaps_sent = perhaps_sent

    def stages(self) -> Iterator[Iterator[Change]]:
        """Yield what is to be sent: all in one go."""
        yield self.changes()

    def leave(self) -> None:
        """Settle nothing: nothing is kept back here."""

    def changes(self) -> Iterator[Change]:
        """Plan rows; those that are not to be sent are settled here."""
        rows = self._intake.rows
        if self._review:
            planned = self._reviewed(self._review, rows)
        else:
            planned = self._session.changes(
                rows,
                self._settlement.settle_early,
                is_whole=self._is_whole,
                waits=self._settlement.waits,
                takes=self._takes,
            )
        for change in planned:
            yield replace(change, perhaps_sent=True) if self._perhaps_sent else change

    def _takes(self, change: Change) -> bool:
        """Whether a change that would be sent is, by the limit; else it is left for a later push."""
        if self._limit.takes():
            return True
        self._settlement.leave_for_later(change)
        return False

    def _reviewed(self, review: PlanReview, rows: Iterator[Row]) -> Iterator[Change]:
        """Plan everything first; then send it, or settle it where nothing may be sent."""
        with closing(Spool()) as spool:
            problem: SourceError | PushStopped | None = None
            try:
                for proposal in self._session.proposals(
                    rows, self._settlement.settle_early, is_whole=self._is_whole, waits=self._settlement.waits
                ):
                    self._settlement.open.pop(proposal.change.position, None)
                    if self._takes(proposal.change):
                        spool.add(proposal)
                        review.look_at(proposal)
                    else:
                        review.left += 1
                    if self._sender.stopped:
                        break
            except Exception as error:  # noqa: BLE001 -- what was spooled is accounted for, whatever it is
                problem = sorted_error(error, "planning")
            problem = problem or self._sender.stopped or self._intake.broken
            if problem is None and (refused := self._refused(review)):
                problem = PushStopped(refused)
            if problem or review.only_plan:
                verdict = Verdict.UNSENT if problem else Verdict.PLANNED
                for proposal in self._spooled(spool):
                    self._settlement.settle_early(proposal.change, verdict, str(problem or ""))
                if isinstance(problem, PushStopped):
                    raise problem
            else:
                yield from self._session.again(self._spooled(spool), self._settlement.settle_early)

    def _refused(self, review: PlanReview) -> str:
        """Return why nothing may be sent, once all was planned; nothing where it may."""
        return review.problem(self._account.received, self._intake.leavers_told)

    def _spooled(self, spool: Spool) -> Iterator[Proposal]:
        return spooled(spool, self._settlement, self._sender, self._account, self._log)

    def _is_whole(self) -> bool:
        """Whether the source is read to its end, or still may be."""
        return not (self._intake.broken or self._sender.stopped)


def spooled(
    spool: Spool, settlement: Settlement, sender: Sender, account: Account, log: Log
) -> Iterator[Proposal]:
    """Read a spool; where that fails, the push stops, and what cannot be read is counted."""
    read = 0
    try:
        for proposal in spool:
            read += 1
            settlement.open[proposal.change.position] = proposal.change
            yield proposal
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 -- the disk, or what came back from it
        sender.stop_for(error, "reading the temporary file of the plan")
        count_lost(len(spool) - read, account, log)


def count_lost(number: int, account: Account, log: Log) -> None:
    """Account for records that were kept in a temporary file which can no longer be read."""
    account.verdicts[Verdict.UNSENT] += number
    log.warning("%d records are counted as unsent and are not in the rejects: they are lost", number)
