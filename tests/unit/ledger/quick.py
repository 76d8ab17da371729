"""A hook that loses no time, and its connections."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from standins import Ocamba

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.hooks.ocamba import OcambaHook

FIELDS: dict[str, str] = {"comment": "comment", "full_name": "name"}


class QuickHook(OcambaHook):
    """Hardly waits between tries, and writes down many times a second."""

    retry_rule: ClassVar[RetryRule] = RetryRule(attempts=2, first_wait=0.001, longest_wait=0.002)  # type: ignore[misc]
    tell_seconds = 0.02


def connections(vendor: Ocamba, store: dict[str, Any], name: str = "ocamba_default") -> dict[str, str]:
    """The environment that names a vendor, and the ledger's database."""
    connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
    connection["extra"] = {"quota": "none", "concurrency": 1}
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection), "AIRFLOW_CONN_LEDGER": json.dumps(store)}


def push(records: Any, hook: OcambaHook | None = None, **options: Any) -> Any:
    """Push with the ledger."""
    given: dict[str, Any] = {"key": "id", "fields": FIELDS, "ledger_conn_id": "ledger", **options}
    return (hook or QuickHook()).push(records, **given)


def held(vendor: Ocamba) -> dict[str, tuple[Any, Any]]:
    """What the vendor holds, by key."""
    return {key: (own.get("comment"), own.get("full_name")) for key, own in vendor.profiles.items()}


def written(vendor: Ocamba, since: int = 0) -> list[str]:
    """The keys of the updates that arrived."""
    return [request.path.rsplit("/", 1)[1] for request in vendor.requests[since:]]
