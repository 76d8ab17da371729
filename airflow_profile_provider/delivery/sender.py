"""Delivers batches: splits what is refused, and decides when going on is pointless."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

from airflow_profile_provider.delivery.filling import filled
from airflow_profile_provider.delivery.matching import Matching, to_be_found_anew
from airflow_profile_provider.delivery.retries import Fate
from airflow_profile_provider.delivery.settled import Settled, WasAnswered, all_of, never_answered
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    BatchUnproven,
    ConfigurationError,
    InvalidRecord,
    MassFailure,
    NoAnswer,
    Paused,
    PushStopped,
    RecordRefused,
    Retriable,
    Unmatched,
    VendorError,
    sorted_error,
)
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Acknowledgement, Change, Verdict
from airflow_profile_provider.vendors.base import Vendor

FIRST_ANSWERS = 50
SILENT_REQUESTS = 20


class Sender:
    """Delivers batches, from any thread; splits what is refused; decides when to stop.

    A batch is split only where a record was refused or not proven, never for the vendor's own troubles.
    ``matching`` finds the profiles of changes whose keys are none of the vendor's. ``was_answered`` says of a
    change's field that the vendor once acknowledged its value with another one: that may stay.
    """

    def __init__(
        self,
        vendor: Vendor,
        transport: Transport,
        batch_size: int,
        matching: Matching | None = None,
        was_answered: WasAnswered = never_answered,
    ) -> None:
        self.batch_size = batch_size
        self._vendor = vendor
        self._transport = transport
        self._matching = matching
        self._was_answered = was_answered
        self._lock = Lock()
        self._answers = 0
        self._found_some = False
        self._acknowledged = False
        self.interrupt: BaseException | None = None
        """What struck while a batch was delivered and is to be raised once everything is settled."""

    @property
    def heard(self) -> bool:
        """Whether the vendor has answered at all; until then one request at a time is enough to ask."""
        return self._answers > 0 or self._found_some

    @property
    def stopped(self) -> PushStopped | None:
        """Why nothing more is sent, if so."""
        return self._transport.stopped

    def stop(self, reason: PushStopped) -> None:
        """Send nothing more; what is in flight is finished."""
        self._transport.stop(reason)

    def stop_for(self, error: BaseException, doing: str) -> None:
        """Send nothing more because of an error, whoever raised it while ``doing`` what."""
        if not isinstance(error, Exception):
            self.interrupt = self.interrupt or error
        self.stop(sorted_error(error, doing))

    def deliver(self, batch: list[PendingChange]) -> list[Settled]:
        """Deliver a batch and return a verdict on each of its changes."""
        fate = Fate()
        settled = self._deliver(batch, fate)
        return [replace(one, unsure=True) for one in settled] if fate.unsure else settled

    def _deliver(self, batch: list[PendingChange], fate: Fate) -> list[Settled]:
        if self.stopped:
            return all_of(batch, Verdict.UNSENT, self.stopped)
        settled: list[Settled] = []
        if matching := self._matching:
            settled, batch = _apart(batch, lambda planned: self._unfound(planned, matching))
        done, left = _apart(batch, self._filled)
        found = [planned for planned in left if not _is_missing(planned)]
        made = [one for planned in left if _is_missing(planned) for one in self._tried([planned], fate)]
        return settled + done + made + (self._tried(found, fate) if found else [])

    def _tried(self, batch: list[PendingChange], fate: Fate) -> list[Settled]:
        """Send changes whose profiles are known; whatever comes of it, each has a verdict."""
        try:
            return self._done(batch, fate)
        except (RecordRefused, BatchUnproven) as error:
            return self._refused(batch, error, fate)
        except Retriable as error:
            if self.stopped and not self._transport.left:  # stopped before its first request could leave
                return all_of(batch, Verdict.UNSENT, self.stopped)
            self._heard_nothing(error)
            return all_of(batch, Verdict.FAILED, error)
        except Paused as error:
            self.stop(error)
            return all_of(batch, Verdict.UNSENT, error)
        except PushStopped as error:
            found_elsewhere = error is self.stopped  # by another thread, before this batch was sent
            self.stop(error)
            sent = self._transport.left and not found_elsewhere
            return all_of(batch, Verdict.FAILED if sent else Verdict.UNSENT, error)
        except ConfigurationError as error:
            return self.give_up(batch, PushStopped(str(error)))
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the batch has a verdict and the push ends
            if not isinstance(error, Exception):
                self.interrupt = error
            fate.unsure = fate.unsure or self._transport.left
            return self.give_up(batch, sorted_error(error, "sending"))

    def _done(self, batch: list[PendingChange], fate: Fate) -> list[Settled]:
        """Do what is to be done with a batch, and return what the vendor made of it."""
        try:
            done = self._transport.drive(
                self._vendor.steps([self._to_send(planned) for planned in batch]), fate
            )
        except RecordRefused as refused:
            if not (len(batch) == 1 and self._is_kept_so(batch[0].change, refused.ignored)):
                raise
            done = Acknowledgement()
        self._heard(acknowledged=len(done.failed) < len(batch))
        if done.made and self._matching:
            self._remember(batch[0], done.made, self._matching)
        return [
            settled
            for at, planned in enumerate(batch)
            for settled in self._again(planned, done.failed.get(at), fate)
            or [self._settled(planned, done, done.failed.get(at))]
        ]

    def _again(self, planned: PendingChange, error: Exception | None, fate: Fate) -> list[Settled] | None:
        """Send one change of a batch once more, if its profile is gone and another one is found now."""
        if self._matching is None or not isinstance(error, RecordRefused):
            return None
        error.status = error.status or 200  # it stood among others that were taken
        return self._found_again(planned, error, fate)

    def _is_kept_so(self, change: Change, ignored: Mapping[str, Any]) -> bool:
        """Whether what the vendor seems to have ignored is what it made of these very values before."""
        return bool(ignored) and all(self._was_answered(change, name, ignored[name]) for name in ignored)

    def _settled(self, planned: PendingChange, done: Acknowledgement, error: Exception | None) -> Settled:
        """Return the verdict on one change of a batch that was acknowledged, but for the ones that failed."""
        if error is None:
            held = Verdict.UNCHANGED if done.unchanged else Verdict.PUSHED
            verdict = Verdict.CREATED if done.created else held
            return Settled(planned, verdict, done.warning, answered=done.answered)
        refused = isinstance(error, RecordRefused)
        (settled,) = all_of([planned], Verdict.REJECTED if refused else Verdict.FAILED, error)
        return replace(settled, unsure=isinstance(error, NoAnswer))

    def _remember(self, planned: PendingChange, made: str, matching: Matching) -> None:
        """Remember a profile that was made; where that fails, the next push finds it by its field."""
        try:
            matching.made(planned.change, made)
        except RecordRefused:
            pass
        except BaseException as error:  # noqa: BLE001 -- it was made, and is counted
            self.stop_for(error, "remembering a profile")

    def _to_send(self, planned: PendingChange) -> Change:
        """Return a change as the vendor is to take it; part of it may have been carried out before."""
        change = planned.change.entire if self._vendor.makes_unseen else planned.change
        change = replace(change, perhaps_sent=True) if planned.tried else change
        if planned.filled:
            left = {name: value for name, value in change.fields.items() if name not in planned.filled}
            change = replace(change, fields=left)
        return self._matching.addressed(change) if self._matching else change

    def give_up(self, batch: list[PendingChange], reason: PushStopped) -> list[Settled]:
        """End the push for a reason that is none of the vendor's."""
        self.stop(reason)
        return all_of(batch, Verdict.FAILED if self._transport.left else Verdict.UNSENT, reason)

    def _unfound(self, planned: PendingChange, matching: Matching) -> list[Settled]:
        """Find the profile of a change; return its verdict where that cannot be done."""
        before = planned.change
        try:
            planned.change = matching.found(before)
            if planned.tried and self._vendor.lists_lag and _is_missing(planned):
                raise Retriable(
                    f"{self._vendor.name} gave no answer to the creation before, and its lists lag: the next "
                    "push looks for the profile again"
                )
        except Unmatched as error:
            self._found_some = True  # the vendor answers, and there is nothing wrong with that
            return self._unmatched(planned, error)
        except InvalidRecord as error:
            return all_of([planned], Verdict.INVALID, error)
        except BaseException as error:  # noqa: BLE001 -- whatever it is, nothing of the record was sent
            return self._not_found_out(planned, error)
        self._found_some = self._found_some or planned.change is not before
        return []

    def _unmatched(self, planned: PendingChange, error: Unmatched) -> list[Settled]:
        """Give a change its verdict whose profile is not there, or not for sure."""
        return all_of([planned], Verdict.REJECTED, error)

    def _filled(self, planned: PendingChange) -> list[Settled]:
        """Leave out what is only set where the vendor holds nothing; return the verdict if that is all."""
        planned.filled = frozenset()
        if not planned.change.if_empty or _is_missing(planned):
            return []
        try:
            planned.filled = filled(self._to_send(planned), self._vendor, self._transport)
        except BaseException as error:  # noqa: BLE001 -- whatever it is, nothing of the record was sent
            return self._not_found_out(planned, error)
        change = self._to_send(planned)
        if change.relationships or change.fields:
            return []
        self._heard(acknowledged=True)
        return [Settled(planned, Verdict.UNCHANGED)]

    def _not_found_out(self, planned: PendingChange, error: BaseException) -> list[Settled]:
        """Give a change its verdict where the vendor did not say whose profile that is, or what it holds."""
        if isinstance(error, RecordRefused):
            self._heard(acknowledged=False)
            return all_of([planned], Verdict.REJECTED, error)
        if isinstance(error, Retriable) and not self.stopped:
            self._heard_nothing(error)
            return all_of([planned], Verdict.FAILED, error)
        self.stop_for(error, "reading a profile")
        return all_of([planned], Verdict.UNSENT, self.stopped or sorted_error(error))

    def _found_again(self, planned: PendingChange, error: VendorError, fate: Fate) -> list[Settled] | None:
        """Send a change once more where its profile is gone and another one is found now; None: it is not."""
        change, matching = planned.change, self._matching
        known = change.sought
        if matching is None or known is None or known.moved or not isinstance(error, RecordRefused):
            return None
        try:
            if not matching.is_gone(change, error):
                return None
        except RecordRefused:
            return None
        except BaseException as struck:  # noqa: BLE001 -- whatever it is, nothing more of the record was sent
            return self._not_found_out(planned, struck)
        planned.change = to_be_found_anew(change)
        if problem := self._unfound(planned, matching) or self._filled(planned):
            return problem
        if planned.change.sought and planned.change.sought.found == known.found:
            return None
        return self._tried([planned], fate)

    def _refused(self, batch: list[PendingChange], error: VendorError, fate: Fate) -> list[Settled]:
        if len(batch) == 1 and (found := self._found_again(batch[0], error, fate)) is not None:
            return found
        self._heard(acknowledged=False)
        if len(batch) == 1:
            return all_of(batch, Verdict.REJECTED, error)
        if isinstance(error, BatchUnproven):
            self.batch_size = 1 if error.lasting else self.batch_size
            return [settled for planned in batch for settled in self.deliver([planned])]
        half = len(batch) // 2
        return self.deliver(batch[:half]) + self.deliver(batch[half:])

    def _heard(self, *, acknowledged: bool) -> None:
        with self._lock:
            self._answers += 1
            self._acknowledged = self._acknowledged or acknowledged
            hopeless = not self._acknowledged and self._answers >= FIRST_ANSWERS
        if hopeless:
            self.stop(
                MassFailure(
                    f"{self._vendor.name} refused each of the first {FIRST_ANSWERS} requests: check the "
                    "mapping, the key type and the credential's permissions"
                )
            )

    def _heard_nothing(self, error: Retriable) -> None:
        """Stop once a request has failed for good amid a row of failures: a short outage is ridden out."""
        if self._transport.silent >= SILENT_REQUESTS:
            stopped = MassFailure(
                f"{self._vendor.name} gave no usable answer to the last {self._transport.silent} requests"
            )
            stopped.after = error.after
            self.stop(stopped)


def _is_missing(planned: PendingChange) -> bool:
    """Whether the profile of a change is to be made."""
    return planned.change.sought is not None and planned.change.sought.missing


def _apart(
    batch: list[PendingChange], settle: Callable[[PendingChange], list[Settled]]
) -> tuple[list[Settled], list[PendingChange]]:
    """Return what has a verdict already, and the changes that have none."""
    settled, left = [], []
    for planned in batch:
        if found := settle(planned):
            settled += found
        else:
            left.append(planned)
    return settled, left
