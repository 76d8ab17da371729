"""What a push says before it starts and while it runs: counts, rate, share of the quota, time left."""

from __future__ import annotations

import math

from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import fastest
from airflow_profile_provider.reports import Report
from airflow_profile_provider.vendors.base import Vendor


def estimate(
    records: int,
    batch_size: int,
    vendor: Vendor,
    quota: Quota,
    *,
    at_most: bool = False,
    look_ups: bool = False,
    reads: bool = False,
) -> str:
    """Say how many requests so many records take, and how long those take at the quota.

    With a ledger that is ``at_most``: what the vendor holds already takes none. ``look_ups``: the profile of
    each is to be found first, if it is not known. ``reads``: the profile of each is read first.
    """
    requests = math.ceil(records / batch_size) * vendor.requests_per_batch
    requests += records * vendor.requests_per_find if look_ups else 0
    requests += records * vendor.requests_per_read if reads else 0
    seconds = fastest(quota.rates, requests)
    rates = ", ".join(f"{rate.limit}/{rate.seconds:g}s" for rate in quota.rates)
    number = (
        f"at most {requests:,} requests, fewer if the ledger has some"
        if at_most
        else f"about {requests:,} requests"
    )
    number += ", look-ups of whom it does not know included" if look_ups else ""
    said = f"About {records:,} records: {number}"
    if not rates:
        return f"{said}, without a quota"
    if seconds < 1:
        return f"{said}; the quota is {rates}"
    least = f"; all {requests:,} take at least" if at_most else ", at least"
    return f"{said}{least} {duration(seconds)} at the quota of {rates}"


class Progress:
    """The progress of one push in words.

    ``expected`` is how many records there are, about, if known; ``before`` how many an earlier try settled.
    With a ledger, the time left is ``at_most`` so long: what the vendor holds already takes none.
    """

    def __init__(
        self,
        quota: Quota,
        expected: int | None,
        requests_per_record: float,
        *,
        before: int = 0,
        at_most: bool = False,
    ) -> None:
        self._before = before
        self._at_most = at_most
        self._quota = quota
        self._expected = expected
        self._requests_per_record = requests_per_record

    def words(self, report: Report, done: int, own: Report) -> str:
        """Say how far ``report`` is; ``own`` is this process's part of it, ``done`` the settled records."""
        parts = [f"{done:,} records done" if self._expected is None else self._share(done), str(report)]
        rate = own.requests / max(own.seconds, 0.001)
        parts.append(f"{rate:.1f} requests/s")
        parts.append(self._quota.used())
        if waiting := self._quota.waiting_for:
            parts.append(f"waiting: {waiting}")
        if own.throttled_seconds >= 1:
            parts.append(f"{own.throttled_seconds:.0f} s of waiting by all requests so far")
        parts.append(self._left(done, own))
        return "; ".join(part for part in parts if part)

    def _share(self, done: int) -> str:
        expected = max(self._expected or 0, done, 1)
        return f"{done:,} of about {expected:,} records ({done / expected:.0%})"

    def _left(self, done: int, own: Report) -> str:
        if self._expected is None or not own.received:
            return ""
        left = max(self._expected - done, 0)
        settled = done - self._before
        if settled <= 0:
            return ""
        # The slower of what was seen and what is allowed: a quota's first burst, or a slow vendor, misleads.
        by_rate = left * own.seconds / settled
        by_quota = fastest(self._quota.rates, math.ceil(left * self._requests_per_record))
        about = "at most" if self._at_most else "about"
        return f"{about} {duration(max(by_rate, by_quota))} left"


def duration(seconds: float) -> str:
    """Write seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
