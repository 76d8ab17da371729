"""Airflow's metrics, sent to a logger of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import Stats
from own_airflow import AIRFLOW_VERSION


@contextmanager
def metrics_to(logger: Any) -> Iterator[None]:
    """Send what is measured meanwhile to a logger."""
    stats: Any = Stats
    if AIRFLOW_VERSION >= (3, 2):
        options = {"export_legacy_names": False} if AIRFLOW_VERSION >= (3, 3) else {}
        stats.initialize(factory=lambda: logger, **options)
        yield
        stats.initialize(factory=None, **options)
        return
    usual = type(stats).factory
    type(stats).factory, stats.instance = staticmethod(lambda: logger), None
    yield
    type(stats).factory, stats.instance = usual, None
