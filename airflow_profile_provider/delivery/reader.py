"""Reads what a vendor holds of the profiles in a batch of changes, and compares, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_profile_provider.delivery.comparison import Comparison
from airflow_profile_provider.delivery.matching import Matching, to_be_found_anew
from airflow_profile_provider.delivery.retries import Fate
from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import Looked, Settled, WasAnswered, all_of, never_answered
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import RecordRefused, Unmatched, VendorError
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Held

NOTHING_SHOWN = "the vendor shows none of its fields"


class Reader(Sender):
    """A sender that reads by key and compares, from any thread, until it is told to send.

    ``sends`` is how many records a request carries from then on.
    """

    def __init__(
        self,
        vendor: Vendor,
        transport: Transport,
        comparison: Comparison,
        sends: int,
        matching: Matching | None = None,
        was_answered: WasAnswered = never_answered,
    ) -> None:
        super().__init__(vendor, transport, max(1, vendor.read_batch), matching, was_answered)
        self.reads = True
        """Whether batches are read and compared; else they are sent."""
        self._comparison = comparison
        self._sends = sends

    def send_from_now(self) -> None:
        """Send what comes from now on."""
        self.reads = False
        self.batch_size = self._sends

    def heard_page(self) -> None:
        """Note that the vendor has answered, with a page of its list."""
        self._heard(acknowledged=True)

    def _done(self, batch: list[PendingChange], fate: Fate) -> list[Settled]:
        """Read the profiles of a batch and compare, or send it."""
        if not self.reads:
            return super()._done(batch, fate)
        asked = [self._to_send(planned) for planned in batch]
        key_types = {change.key_type for change in asked}
        if len(key_types) > 1:
            return [one for planned in batch for one in self._done([planned], fate)]
        fields = dict.fromkeys(name for change in asked for name in change.fields)
        found: Mapping[str, Held | None] = self._transport.drive(
            self._vendor.read(
                [change.key for change in asked],
                key_types.pop(),
                self._comparison.readable(list(fields)),
            )
        )
        self._heard(acknowledged=True)
        return [
            settled
            for planned, change in zip(batch, asked, strict=True)
            for settled in self._judged(planned, found.get(change.key), fate)
        ]

    def _judged(self, planned: PendingChange, held: Held | None, fate: Fate) -> list[Settled]:
        """Give a change its verdict; a profile that was remembered and is gone is looked up once more."""
        matching, sought = self._matching, planned.change.sought
        if held is not None or matching is None or sought is None or sought.moved:
            return [self.judged(planned, held)]
        matching.forget(planned.change)
        planned.change = to_be_found_anew(planned.change)
        return self._unfound(planned, matching) or self._done([planned], fate)

    def _unmatched(self, planned: PendingChange, error: Unmatched) -> list[Settled]:
        """Take a profile that nothing matches for one that is missing."""
        if self.reads and error.nobody:
            return [Settled(planned, Verdict.MISSING, str(error), str(error), looked=Looked())]
        return super()._unmatched(planned, error)

    def _not_found_out(self, planned: PendingChange, error: BaseException) -> list[Settled]:
        """Take a refusal to search for a failure; a profile that was remembered and is gone is missing."""
        if not (self.reads and isinstance(error, RecordRefused)):
            return super()._not_found_out(planned, error)
        self._heard(acknowledged=False)
        if planned.change.sought and planned.change.sought.moved:
            return [self.judged(planned, None)]
        return all_of([planned], Verdict.FAILED, error)

    def _filled(self, planned: PendingChange) -> list[Settled]:
        """Leave nothing out of what is compared."""
        return [] if self.reads else super()._filled(planned)

    def judged(self, planned: PendingChange, held: Held | None) -> Settled:
        """Give a change its verdict, by what the vendor holds of its profile; None: nothing."""
        if held is None:
            return Settled(planned, Verdict.MISSING, "the vendor has no such profile", looked=Looked())
        looked = self._comparison.of(planned.change, held)
        if looked.differing:
            words = f"the vendor holds something else in {', '.join(looked.differing)}"
            return Settled(planned, Verdict.DRIFTED, words, words, looked=looked)
        if len(looked.unseen) == len(planned.change.fields) + len(planned.change.relationships):
            return Settled(planned, Verdict.FAILED, NOTHING_SHOWN, NOTHING_SHOWN, looked=looked)
        return Settled(planned, Verdict.VERIFIED, looked=looked)

    def _refused(self, batch: list[PendingChange], error: VendorError, fate: Fate) -> list[Settled]:
        """Take a refusal to show profiles for their failure: nothing of the records was refused."""
        if not self.reads:
            return super()._refused(batch, error, fate)
        self._heard(acknowledged=False)
        if len(batch) == 1:
            return all_of(batch, Verdict.FAILED, error)
        return [settled for planned in batch for settled in self.deliver([planned])]
