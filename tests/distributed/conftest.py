"""One cluster and one sandbox for the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_profile_provider.sandbox import Sandbox, serve
from distributed import compose
from distributed.cluster import Cluster, running_cluster

QUOTA, SECONDS, LATENCY = 200, 10, 0.1
"""Ocamba's quota here: higher than the published one, so that a test is done soon.

At this latency, the shares take half of a window to use it up, so that a kill finds them at work.
"""


@pytest.fixture(scope="session")
def vendor() -> Iterator[Sandbox]:
    """A sandbox that keeps the quota."""
    with serve(profiles=0) as sandbox:
        sandbox.settings("ocamba", quota={"C": [[QUOTA, SECONDS]]}, latency=LATENCY)
        yield sandbox


@pytest.fixture(scope="session")
def cluster(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Airflow with two Celery workers, whose connection says the same quota."""
    address = f"{vendor.host}:{vendor.port}"
    connection = compose.connection("AIRFLOW_CONN_OCAMBA_DEFAULT", {"sandbox:8765": address})
    connection["extra"]["quota"] = f"{QUOTA}/{SECONDS}s"
    more = {"AIRFLOW_CONN_OCAMBA_DEFAULT": json.dumps(connection)}
    folder = Path(tmp_path_factory.mktemp("cluster"))
    with running_cluster(folder, address, more=more) as running:
        yield running
