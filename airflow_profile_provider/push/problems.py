"""Names the first problems of a push in the log; never with a value."""

from __future__ import annotations

from collections.abc import Callable

from airflow_profile_provider.push.log import Log
from airflow_profile_provider.records import Change, Row, is_leaver
from airflow_profile_provider.vendors.base import Vendor

NAMED_PROBLEMS = 20
"""Problems that are named one by one: more would bury the rest of a task's log."""


class Problems:
    """What was not delivered, and why."""

    def __init__(self, vendor: Vendor, log: Log, place_of: Callable[[int], str]) -> None:
        self._vendor = vendor
        self._place_of = place_of
        self._log = log
        self._named = 0

    def name(self, source: Change | Row, what: str, reason: str) -> None:
        """Log a problem by position, and by key only where the vendor made the key up."""
        self._named += 1
        if self._named > NAMED_PROBLEMS:
            return
        named = isinstance(source, Change) and self._vendor.is_vendor_key(source)
        who = f"{source.key_type} {source.key}" if named and isinstance(source, Change) else ""
        beside = ", ".join(filter(None, [self._place_of(source.position), who]))
        record = "A leaver" if is_leaver(source.position) else f"Record {source.position}"
        self._log.warning("%s%s %s %s", record, f" ({beside})" if beside else "", what, reason)
        if self._named == NAMED_PROBLEMS:
            self._log.warning("Further problems are counted, and listed in the rejects file if there is one")
