"""Airflow's metrics of a push: what became of its changes, and what it cost."""

from __future__ import annotations

from datetime import timedelta

from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report


def measure(vendor: str, report: Report) -> None:
    """Count changes by verdict, requests and retries, and time the push and its waits.

    Names are ``profile_push.<vendor>.<what>``; vendor and verdict are tags, too, for backends that have them.
    """
    from airflow.providers.common.compat.sdk import Stats

    name, tags = f"profile_push.{vendor}", {"vendor": vendor}
    for verdict in Verdict:
        if number := getattr(report, verdict):
            Stats.incr(f"{name}.changes.{verdict}", number, tags={**tags, "verdict": str(verdict)})
    for what in ("requests", "retries"):
        if number := getattr(report, what):
            Stats.incr(f"{name}.{what}", number, tags=tags)
    Stats.timing(f"{name}.duration", timedelta(seconds=report.seconds), tags=tags)
    Stats.timing(f"{name}.throttled", timedelta(seconds=report.throttled_seconds), tags=tags)
