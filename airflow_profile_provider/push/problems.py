"""Names the first problems of a push in the log, and counts the reasons of all; never with a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from airflow_profile_provider.push.log import Log
from airflow_profile_provider.records import Change, Row, Verdict
from airflow_profile_provider.vendors.base import Vendor

NAMED_PROBLEMS = 20
"""Problems that are named one by one: more would bury the rest of a task's log."""
MOST_REASONS = 1000
"""Different reasons that are counted, so that memory has a bound."""

_UNIQUE = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f-]{8,}\b")
"""What is another one in each reason: the number of a request, say."""


class Problems:
    """What was not delivered, and why."""

    def __init__(self, vendor: Vendor, log: Log, place_of: Callable[[int], str]) -> None:
        self._vendor = vendor
        self._place_of = place_of
        self._log = log
        self._named = 0
        self._reasons: Counter[tuple[Verdict, str]] = Counter()

    def count(self, verdict: Verdict, reason: str) -> None:
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

    def name(self, source: Change | Row, what: str, reason: str) -> None:
        """Log a problem by position, and by key only where the vendor made the key up."""
        self._named += 1
        if self._named > NAMED_PROBLEMS:
            return
        named = isinstance(source, Change) and self._vendor.is_vendor_key(source)
        who = f"{source.key_type} {source.key}" if named and isinstance(source, Change) else ""
        beside = ", ".join(filter(None, [self._place_of(source.position), who]))
        self._log.warning(
            "Record %s%s %s %s", source.position, f" ({beside})" if beside else "", what, reason
        )
        if self._named == NAMED_PROBLEMS:
            self._log.warning("Further problems are counted, and listed in the rejects file if there is one")
