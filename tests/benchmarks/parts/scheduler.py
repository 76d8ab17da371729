"""A real scheduler: a mapped HttpOperator task a record, and our operator in one task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from include.local_airflow import LocalAirflow

from benchmarks.contenders.job import TOKEN, changes
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Effort, environment, stand_in

DAGS = Path(__file__).resolve().parents[1] / "dags"
TASKS = 48


def scheduler(effort: Effort, folder: Path) -> Outcome:
    """Run both DAGs on SQLite with parallelism 4 and compare records a second."""
    number = effort.records(20_000)
    with stand_in(folder) as served:
        more = {
            "PYTHONPATH": environment(folder)["PYTHONPATH"],
            "BENCH_TASKS": str(TASKS),
            "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps({"conn_type": "http", "host": served.url}),
            "AIRFLOW_CONN_OCAMBA_DEFAULT": json.dumps(
                {"conn_type": "ocamba", "host": served.url, "password": TOKEN}
            ),
        }
        with LocalAirflow(folder / "airflow-home", DAGS, more=more) as airflow:
            airflow.migrate()
            airflow.start("api-server", "scheduler", "dag-processor")
            mapped = TASKS / seconds_of_run(airflow, "mapped_requests", TASKS)
            few, pushed = (
                records / seconds_of_run(airflow, "one_push", 1, records=_file(folder, records))
                for records in (TASKS, number)
            )
        admitted = served.seen()["admitted"]
    if admitted != 2 * TASKS + number:
        raise RuntimeError(f"the vendor saw {admitted} records, not {2 * TASKS + number}")
    settings = "SQLite, LocalExecutor, parallelism 4, connections in the environment"
    ours = "the same; 16 in flight, one task"
    return Outcome(
        "A real Airflow scheduler, vendor at 0 ms",
        [
            Row(f"{TASKS} mapped HttpOperator tasks", mapped, settings=settings),
            Row(f"our operator, {number:,} records", pushed, settings=ours),
            Row(f"our operator, {TASKS} records", few, settings=ours),
        ],
        [Target("records/s : mapped HttpOperator tasks", 100, [pushed / mapped])],
        [
            "From the start of the first task to the end of the last, as Airflow recorded them. With as few "
            f"records as there are mapped tasks, starting the one task is nearly all: {few / mapped:.0f} ×."
        ],
    )


def _file(folder: Path, records: int) -> str:
    path = folder / f"changes-{records}.jsonl"
    path.write_text("".join(json.dumps(change) + "\n" for change in changes(records)))
    return str(path)


def seconds_of_run(airflow: LocalAirflow, dag_id: str, tasks: int, **conf: str) -> float:
    """Run a DAG to its end and return the seconds from its first task's start to its last one's end."""
    _until(lambda: any(dag["dag_id"] == dag_id for dag in airflow.request("GET", "dags")["dags"]), dag_id)
    airflow.request("PATCH", f"dags/{dag_id}", {"is_paused": False})
    asked = {"logical_date": None, "conf": conf}
    address = f"dags/{dag_id}/dagRuns"
    address += f"/{airflow.request('POST', address, asked)['dag_run_id']}"
    _until(lambda: airflow.request("GET", address)["state"] in {"success", "failed"}, dag_id)
    found = airflow.request("GET", f"{address}/taskInstances?limit=100")["task_instances"]
    if len(found) != tasks or any(task["state"] != "success" for task in found):
        raise RuntimeError(f"{dag_id}: not every task succeeded; see {airflow.home}")
    starts, ends = (
        [datetime.fromisoformat(task[name]) for task in found] for name in ("start_date", "end_date")
    )
    return (max(ends) - min(starts)).total_seconds()


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 300
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.5)
