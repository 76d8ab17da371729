"""How much may fail before a task is red."""

from __future__ import annotations

import re

from airflow.sdk.exceptions import AirflowFailException

from airflow_profile_provider.records import Report


class Allowed:
    """How many changes may fail: a count, or a share of those that needed delivery."""

    def __init__(self, number: float, *, percent: bool) -> None:
        self._number = number
        self._percent = percent

    @classmethod
    def of(cls, max_failed: int | str) -> Allowed:
        """Read the argument ``max_failed``.

        Raises:
            AirflowFailException: it is neither a count nor a share.
        """
        match = re.fullmatch(r"\s*(?:(\d+)|(\d+(?:\.\d+)?)\s*%)\s*", str(max_failed))
        number = float(match[1] or match[2]) if match else -1.0
        percent = bool(match and match[2])
        if number < 0 or (percent and number > 100):
            raise AirflowFailException(
                f'max_failed must be a count or a share such as "1%", not {max_failed!r}'
            )
        return cls(number, percent=percent)

    def exceeded_by(self, report: Report) -> str:
        """Say why report makes the task red; nothing where it does not."""
        failed = report.undelivered
        needed = report.received - report.unchanged - report.superseded - report.quarantined
        allowed = needed * self._number / 100 if self._percent else self._number
        if failed > allowed:
            limit = f"{self._number:g}{'%' if self._percent else ''}"
            if self._percent and 0 < allowed < 1:
                limit += ", which is none of so few: give a count"
            return f"{failed} of {needed} changes were not delivered; max_failed allows {limit}"
        sent_in_vain = report.rejected + report.failed > 0 and report.acknowledged == 0
        if sent_in_vain and self._percent:
            return "changes were sent, and none of them was acknowledged"
        return ""
