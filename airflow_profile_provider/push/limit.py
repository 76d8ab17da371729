"""How many records a push sends at the most; the others are left as they are, for a later one."""

from __future__ import annotations

from collections import Counter

from airflow_profile_provider.records import Verdict

_USED = (Verdict.PUSHED, Verdict.CREATED, Verdict.REJECTED, Verdict.SUPERSEDED)
"""What became of records that were sent for good; a superseded one may not have been: fewer are sent then."""


class Limit:
    """Counts the records that would be sent, and says which of them are: the first ``most``; None: all.

    ``taken`` is how many of them the earlier tries of the push have sent for good.
    """

    def __init__(self, most: int | None = None, taken: int = 0) -> None:
        self._most = most
        self._earlier = taken
        self._left = None if most is None else max(0, most - taken)

    def takes(self) -> bool:
        """Whether the next record that would be sent is."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0

    def taken(self, counts: Counter[Verdict]) -> int:
        """Return how many records were sent for good, by this try's counts too; 0 where there is no limit."""
        if self._most is None:
            return 0
        return self._earlier + sum(counts[verdict] for verdict in _USED)
