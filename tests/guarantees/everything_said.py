"""Everything that a push says to anybody but the vendor: the sinks in which nothing secret may turn up."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from airflow_profile_provider.errors import ProfileError


class Metrics:
    """A backend of Airflow's metrics that keeps what it is told, by whatever method."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        """Take a call of any method."""
        return lambda *arguments, **named: self.heard.append((method, arguments, named))


@dataclass
class Ear:
    """What was heard of one push, in its raw form. ``said`` collects what a test hands over by itself."""

    caplog: pytest.LogCaptureFixture
    capfd: pytest.CaptureFixture[str]
    metrics: Metrics = field(default_factory=Metrics)
    structured: list[Any] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all loggers from DEBUG on, and the error that ends the push."""
        with self.caplog.at_level(logging.DEBUG), capture_logs() as self.structured:
            try:
                yield
            except ProfileError as error:
                self.errors.append(error)


SINKS: dict[str, Callable[[Ear], str]] = {
    "log lines": lambda ear: "\n".join(_line(record) for record in ear.caplog.records),
    "structured log": lambda ear: repr(ear.structured),
    "standard output and error": lambda ear: "".join(ear.capfd.readouterr()),
    "metrics": lambda ear: repr(ear.metrics.heard),
    "exceptions": lambda ear: "\n".join("".join(traceback.format_exception(each)) for each in ear.errors),
    "their parts": lambda ear: repr([(each.args, each.__cause__, each.__context__) for each in ear.errors]),
}
"""Name to what was said there. A new sink is one line here."""


def leaks(ear: Ear, secrets: Mapping[str, str]) -> list[str]:
    """Which secret turned up where: "token in exceptions"."""
    heard = {name: read(ear) for name, read in SINKS.items()} | ear.said
    return [
        f"{what} in {where}"
        for where, text in heard.items()
        for what, secret in secrets.items()
        if secret in text
    ]


def _line(record: logging.LogRecord) -> str:
    trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
    return f"{record.name} {record.getMessage()} {record.args!r} {trace}"
