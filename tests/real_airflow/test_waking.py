"""Under a real scheduler: DAGs that a push wakes, partitions, backfills, and links in the REST API."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from include.local_airflow import Answered

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment
from .test_dag_test import held

pytestmark = pytest.mark.long


def write(path: Path, wanted: dict[str, dict[str, Any]]) -> None:
    changes = [{"key": key, "fields": fields} for key, fields in wanted.items()]
    path.write_text("".join(json.dumps(change) + "\n" for change in changes))


def pushed(deployment: Deployment, file: str) -> str:
    """Push a file to Ocamba and return the run's id."""
    run_id = deployment.trigger("push_named_file", {"file": file})
    deployment.end_of("push_named_file", run_id)
    return run_id


def links(deployment: Deployment, run_id: str, task_id: str) -> dict[str, Any]:
    path = f"dags/push_named_file/dagRuns/{run_id}/taskInstances/{task_id}/links"
    return dict(deployment.airflow.request("GET", path)["extra_links"])


def test_a_dag_is_woken_when_something_changed_and_then_alone(
    deployment: Deployment, sandbox: Sandbox, folder: Path, people_database: Path
) -> None:
    deployment.switch_on("push_named_file", "after_push")
    keys = list(sandbox.keys("ocamba"))
    write(folder / "woken-0.jsonl", {keys[0]: {"full_name": "First"}})
    write(folder / "woken-1.jsonl", {key: {"full_name": "Woken"} for key in keys[:3]})
    write(folder / "woken-2.jsonl", {key: {"full_name": "Again"} for key in keys[:2]})
    write(
        folder / "woken-3.jsonl", {keys[4]: {"full_name": "Red"}, "17430755068736109999": {"full_name": "No"}}
    )
    first = pushed(deployment, "woken-0.jsonl")
    woken = deployment.first_run("after_push")
    deployment.end_of("after_push", woken[0])  # a DAG's first run gets the events of other tests' pushes, too

    pushed(deployment, "woken-1.jsonl")
    woken = deployment.first_run("after_push", 2)
    ended = deployment.end_of("after_push", woken[1])
    assert ended.returned["changed", -1] == {"pushed": 3, "created": 0, "unchanged": 0}

    pushed(deployment, "woken-1.jsonl")  # nothing changed
    red = pushed(deployment, "woken-3.jsonl")
    pushed(deployment, "woken-2.jsonl")
    woken = deployment.first_run("after_push", 3)
    ended = deployment.end_of("after_push", woken[2])
    assert ended.returned["changed", -1] == {"pushed": 2, "created": 0, "unchanged": 0}
    assert len(deployment.runs("after_push")) == 3

    # The intranet serves its own API; for Ocamba no page is documented. No browser opens a worker's file, but
    # the task's own tab shows what was refused.
    site = sandbox.connections()["communifire_default"]
    assert links(deployment, first, "push_communifire") == {
        "Vendor": f"{site['host']}:{site['port']}" if site.get("port") else site["host"],
    }
    (name, address), *others = links(deployment, red, "push_ocamba").items()
    assert (name, others) == ("Rejects", [])
    assert address.endswith("/tasks/push_ocamba/plugin/profile-push")
    tokens = [connection["password"] for connection in sandbox.connections().values()]
    said = json.dumps(links(deployment, first, "push_communifire"))
    assert not [token for token in tokens if token in said]


def test_an_event_carries_the_partition_of_its_run(
    deployment: Deployment, sandbox: Sandbox, folder: Path
) -> None:
    wanted = {next(iter(sandbox.keys("ocamba"))): {"full_name": "Of a partition"}}
    write(folder / "partition-2026-11-20.jsonl", wanted)
    deployment.switch_on("push_partition", "after_partition")
    document = {"logical_date": None, "partition_key": "2026-11-20"}
    run = deployment.airflow.request("POST", "dags/push_partition/dagRuns", document)
    assert deployment.end_of("push_partition", run["dag_run_id"]).state == "success"
    assert held(sandbox, "ocamba", wanted) == wanted
    (run_id,) = deployment.first_run("after_partition")
    assert deployment.end_of("after_partition", run_id).returned["which", -1] == "2026-11-20"
    # Asked for earlier, while the run that an event has made is queued, Airflow 3.3.2 answers 500.
    found = deployment.airflow.request("GET", "assets/events?source_dag_id=push_partition")["asset_events"]
    assert [(event["partition_key"], event["extra"]["pushed"]) for event in found] == [("2026-11-20", 1)]


def fill(deployment: Deployment, document: dict[str, Any]) -> None:
    """Start a backfill, and again where Airflow's SQLite was locked: it answers 503 then, Airflow 3.2 500."""
    airflow = deployment.airflow
    for _ in range(5):
        try:
            airflow.request("POST", "backfills", document | {"reprocess_behavior": "completed"})
        except Answered as answer:
            if answer.status < 500:
                raise
        else:
            return
        for begun in airflow.request("GET", f"backfills?dag_id={document['dag_id']}")["backfills"]:
            if begun["completed_at"] is None:
                airflow.request("PUT", f"backfills/{begun['id']}/cancel")
        time.sleep(1)
    pytest.fail("no backfill could be started")


def test_a_backfill_pushes_what_its_intervals_say(
    deployment: Deployment, sandbox: Sandbox, people_database: Path
) -> None:
    keys = list(sandbox.keys("ocamba"))
    moments = ["2026-11-03T06:00:00+00:00", "2026-11-04T04:59:00+00:00", "2026-11-04T05:00:00+00:00"]
    moments += ["2026-11-05T23:00:00+00:00", "2026-11-08T12:00:00+00:00"]
    with closing(sqlite3.connect(people_database)) as connection, connection:
        connection.execute("create table people_history (ocamba_id, email, full_name, updated_at)")
        for n, moment in enumerate(moments):
            row = [keys[n], f"person{n}@example.com", f"Person {n}", moment]
            connection.execute("insert into people_history values (?, ?, ?, ?)", row)
    before = sandbox.profiles("ocamba")
    deployment.switch_on("push_interval")
    document = {
        "dag_id": "push_interval",
        "from_date": "2026-11-03T05:00:00Z",
        "to_date": "2026-11-05T05:00:00Z",
    }
    fill(deployment, document)

    def filled() -> list[str]:
        runs = deployment.runs("push_interval")
        return sorted(run["dag_run_id"] for run in runs if run["run_type"] == "backfill")

    deployment.until(lambda: len(filled()) == 3, "the backfill's runs")
    reports = [deployment.end_of("push_interval", run_id).report("push_ocamba") for run_id in filled()]
    assert [report["pushed"] for report in reports] == [2, 1, 1]
    after = sandbox.profiles("ocamba")
    assert [after[key]["full_name"] for key in keys[:4]] == [f"Person {n}" for n in range(4)]
    assert after[keys[4]] == before[keys[4]]
