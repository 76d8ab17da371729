"""The one way out of a push: whatever happens in it, one of our errors leaves it, with the report on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from airflow_profile_provider.adapters.metrics import measure
from airflow_profile_provider.errors import (
    AskedToEnd,
    ProfileError,
    sorted_error,
    unchained,
    where_raised,
)
from airflow_profile_provider.push.beside import Beside
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.push import Push
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.frames import is_frame

_STRIKES = {
    "AirflowTaskTimeout": "the task ran out of time (execution_timeout)",
    "KeyboardInterrupt": "the push was interrupted",
    "SystemExit": "the process was asked to end",
}
"""What the exceptions mean that strike in the main thread."""


class Guard:
    """Runs the pushes of a hook, one at a time, and asks the one that is under way to end."""

    def __init__(self, conn_type: str, log: Log) -> None:
        self._conn_type = conn_type
        self._log = log
        self._running: Push | None = None
        self.asked_to_end: AskedToEnd | None = None
        """Why the push that is under way, or the next one, is to end."""
        self.top_reason = ""
        """Why most of what the last push did not deliver was not delivered, without values."""
        self.red_reason = ""
        """Why the last push did not do all that was asked for, though it ran to its end."""

    def run(self, records: Any, pushed: Callable[[Any, ExitStack], Report]) -> Report:
        """Run a push, beside the main thread if it was called there.

        What is no Exception (a time-out of Airflow, Ctrl-C) leaves it as it is, with the report on it, too.
        """
        self._running = None
        beside: Beside[Report] | None = None
        if threading.current_thread() is threading.main_thread():
            beside = Beside(self._strike)
            if isinstance(records, Iterator) and not is_frame(records):
                records = beside.handed(records)
        failure: ProfileError
        call = partial(self._closing, records, pushed)
        try:
            report = beside.run(call) if beside else call()
        except ProfileError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 -- sorted: no foreign error leaves a push
            failure = sorted_error(error)
        except BaseException as error:
            error.report = self._report()  # type: ignore[attr-defined]
            raise
        else:
            assert report is not None
            return report
        finally:
            self.asked_to_end = None
            self.top_reason = self._running.top_reason if self._running else ""
            self.red_reason = self._running.red_reason if self._running else ""
        failure.report = failure.report or self._report()
        unchained(failure)
        raise failure

    def begin(self, push: Push) -> None:
        """Learn which push is under way; one that was asked to end meanwhile does."""
        self._running = push
        if self.asked_to_end:  # what was read of the source by now is accounted for
            push.sender.stop(self.asked_to_end)

    def stop(self, reason: str) -> None:
        """End the push that is under way, or the next one: settle what is in flight, and report."""
        self.asked_to_end = self.asked_to_end or AskedToEnd(reason)
        if self._running:
            self._running.sender.stop(self.asked_to_end)

    def go_on(self, seconds: float = 0.0) -> None:
        """Wait so long while a push is prepared.

        Raises:
            AskedToEnd: it was asked to end.
        """
        until = time.monotonic() + seconds
        while self.asked_to_end is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        if self.asked_to_end:
            raise self.asked_to_end

    def _closing(self, records: Any, pushed: Callable[[Any, ExitStack], Report]) -> Report:
        """Run a push, and close what it opened: what fails then changes nothing of what became of it."""
        stack = ExitStack()
        try:
            return pushed(records, stack)
        finally:
            try:
                stack.close()
            except Exception as error:  # noqa: BLE001 -- each driver has its own
                words = str(error) if isinstance(error, ProfileError) else where_raised(error)
                self._log.warning("The push is over, but not everything could be closed: %s", words)
            self._measure()

    def _measure(self) -> None:
        if self._running is None:
            return
        try:
            measure(self._conn_type, self._running.own_report)
        except Exception as error:  # noqa: BLE001 -- a backend of metrics has errors of its own
            self._log.warning("The push's metrics could not be sent (%s)", where_raised(error))

    def _report(self) -> Report:
        """Return what became of the push that is under way, or ended; all zero where none had begun."""
        return self._running.report if self._running else Report(complete=False)

    def _strike(self, error: BaseException) -> None:
        """Ask the push to end, because of what struck in the main thread."""
        self.stop(_STRIKES.get(type(error).__name__, f"{type(error).__name__} was raised meanwhile"))
