"""What a push tells Airflow's metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from metrics import metrics_to
from standins import Fault, Ocamba

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.hooks.ocamba import OcambaHook


class Sink:
    """A backend of Airflow's metrics that keeps what it gets."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}
        self.timed: dict[str, Any] = {}
        self.tags: list[dict[str, str]] = []

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, str] | None = None, **_: Any) -> None:
        self.counted[stat] = self.counted.get(stat, 0) + count
        self.tags.append(tags or {})

    def timing(self, stat: str, dt: Any, *, tags: dict[str, str] | None = None) -> None:
        self.timed[stat] = dt


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    with metrics_to(found):
        yield found


def test_changes_are_counted_by_vendor_and_verdict(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ocamba({str(n): {} for n in range(5)}) as vendor:
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        monkeypatch.setenv(
            "AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps({**connection, "extra": {"quota": "none"}})
        )
        monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(first_wait=0.001))
        vendor.faults = [Fault(503)]
        changes: list[dict[str, Any]] = [{"key": str(n), "fields": {"comment": "S3cr3t"}} for n in range(6)]
        OcambaHook().push([*changes, {"key": "1", "fields": {}}])
    assert sink.counted == {
        "profile_push.ocamba.changes.pushed": 5,
        "profile_push.ocamba.changes.rejected": 1,
        "profile_push.ocamba.changes.invalid": 1,
        "profile_push.ocamba.requests": 7,
        "profile_push.ocamba.retries": 1,
    }
    assert {"vendor": "ocamba", "verdict": "pushed"} in sink.tags
    assert sink.timed["profile_push.ocamba.duration"] > timedelta(0)
    assert "profile_push.ocamba.throttled" in sink.timed
