"""Finds out where a push starts: at the beginning, or where an earlier try of it ended."""

from __future__ import annotations

import time
from typing import Protocol

from airflow_profile_provider.checkpoint import Checkpoint
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.errors import SourceError, where_raised
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.push.watermark import Checkpoints, Resume
from airflow_profile_provider.reports import Report


class Log(Protocol):
    """What hears where a push starts."""

    def info(self, event: str, *args: object) -> object:
        """Log at level INFO."""

    def warning(self, event: str, *args: object) -> object:
        """Log at level WARNING."""


def resumed(
    checkpoints: Checkpoints, mark: str | None, options: PushOptions, outputs: Outputs, quota: Quota, log: Log
) -> tuple[Resume | None, Outputs]:
    """Find out where to start; the outputs that are returned go on with what an earlier try wrote.

    ``mark`` tells source and options from others; None: nothing can, and the push is not resumed.
    """
    if checkpoints.retried:
        quota.start_evenly()  # what the earlier try sent last is not known
    if mark is None:
        log.info("A retry will start again: this source cannot be compared with that of another try")
        return None, outputs
    start = _loaded(checkpoints, log)
    if start and start.fingerprint != mark:
        log.info("Starting again: the source or the options are not those of the earlier try")
        start = None
    if start:
        try:
            outputs.go_on_from(start)
        except SourceError as error:
            log.warning("Starting again: a file of the earlier try is gone (%s)", error)
            start, outputs = None, Outputs.of(options, outputs.files)
    if start:
        log.info("Continuing at position %d; settled before: %s", start.mark, Report.of(start.report))
        passed = max(0.0, time.time() - start.at)
        quota.remember(age + passed for age in start.ages)
        if start.ended:
            quota.adaptive_rate.end_steady()
    return Resume(mark, checkpoints.save, start), outputs


def _loaded(checkpoints: Checkpoints, log: Log) -> Checkpoint | None:
    try:
        return checkpoints.load()
    except Exception as error:  # noqa: BLE001 -- whoever keeps them has errors of its own
        log.warning("Starting again: no checkpoint could be read (%s)", where_raised(error))
        return None
