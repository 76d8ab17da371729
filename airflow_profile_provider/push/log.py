"""What a push tells its progress to."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol


class Log(Protocol):
    """What a push tells its progress to: a logger of the standard library or of Airflow."""

    def info(self, event: str, *args: Any) -> Any:
        """Log at level INFO."""

    def warning(self, event: str, *args: Any) -> Any:
        """Log at level WARNING."""


class Quiet:
    """A log whose own troubles (a full disk, a lost collector) are none of the push's."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, event: str, *args: Any) -> None:
        with suppress(Exception):
            self._log.info(event, *args)

    def warning(self, event: str, *args: Any) -> None:
        with suppress(Exception):
            self._log.warning(event, *args)
