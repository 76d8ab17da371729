"""Delivers batches: splits what is refused, and decides when going on is pointless."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock

from airflow_profile_provider.delivery.retries import Fate
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    BatchUnproven,
    ConfigurationError,
    MassFailure,
    Paused,
    PushStopped,
    RecordRefused,
    Retriable,
    VendorError,
    sorted_error,
)
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Verdict
from airflow_profile_provider.vendors.base import Vendor

FIRST_ANSWERS = 50
SILENT_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Settled:
    """The verdict on a planned change. ``reason`` may go to a log, ``full`` to the rejects file alone.

    ``unsure``: an attempt got no answer, and may reach the vendor later, whatever the verdict.
    """

    planned: PendingChange
    verdict: Verdict
    reason: str = ""
    full: str = ""
    unsure: bool = False


class Sender:
    """Delivers batches, from any thread; splits what is refused; decides when to stop.

    A batch is split only where a record was refused or not proven, never for the vendor's own troubles.
    """

    def __init__(self, vendor: Vendor, transport: Transport, batch_size: int) -> None:
        self.batch_size = batch_size
        self._vendor = vendor
        self._transport = transport
        self._lock = Lock()
        self._answers = 0
        self._acknowledged = False
        self.interrupt: BaseException | None = None
        """What struck while a batch was delivered and is to be raised once everything is settled."""

    @property
    def heard(self) -> bool:
        """Whether the vendor has answered at all; until then one request at a time is enough to ask."""
        return self._answers > 0

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
            return _all(batch, Verdict.UNSENT, self.stopped)
        try:
            done = self._transport.drive(self._vendor.steps([_to_send(planned) for planned in batch]), fate)
        except (RecordRefused, BatchUnproven) as error:
            return self._refused(batch, error)
        except Retriable as error:
            if self.stopped and not self._transport.left:  # stopped before its first request could leave
                return _all(batch, Verdict.UNSENT, self.stopped)
            self._heard_nothing(error)
            return _all(batch, Verdict.FAILED, error)
        except Paused as error:
            self.stop(error)
            return _all(batch, Verdict.UNSENT, error)
        except PushStopped as error:
            found_elsewhere = error is self.stopped  # by another thread, before this batch was sent
            self.stop(error)
            sent = self._transport.left and not found_elsewhere
            return _all(batch, Verdict.FAILED if sent else Verdict.UNSENT, error)
        except ConfigurationError as error:
            return self.give_up(batch, PushStopped(str(error)))
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the batch has a verdict and the push ends
            if not isinstance(error, Exception):
                self.interrupt = error
            fate.unsure = fate.unsure or self._transport.left
            return self.give_up(batch, sorted_error(error, "sending"))
        self._heard(acknowledged=True)
        verdict = Verdict.CREATED if done.created else Verdict.PUSHED
        return [Settled(planned, verdict, done.warning) for planned in batch]

    def give_up(self, batch: list[PendingChange], reason: PushStopped) -> list[Settled]:
        """End the push for a reason that is none of the vendor's."""
        self.stop(reason)
        return _all(batch, Verdict.FAILED if self._transport.left else Verdict.UNSENT, reason)

    def _refused(self, batch: list[PendingChange], error: VendorError) -> list[Settled]:
        self._heard(acknowledged=False)
        if len(batch) == 1:
            return _all(batch, Verdict.REJECTED, error)
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


def _to_send(planned: PendingChange) -> Change:
    """Return a change as the vendor is to take it; part of it may have been carried out before."""
    return replace(planned.change, perhaps_sent=True) if planned.tried else planned.change


def _all(batch: list[PendingChange], verdict: Verdict, error: Exception) -> list[Settled]:
    full = error.full if isinstance(error, VendorError) else str(error)
    return [Settled(planned, verdict, str(error), full) for planned in batch]
