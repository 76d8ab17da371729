"""`python -m benchmarks.events`: how long from a commit in the outbox to the vendor's acknowledgement.

Beside it a task that does nothing, started in the same way: that much is Airflow's own.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from acceptance.events.table import Table
from include.local_airflow import LocalAirflow
from postgres import private_postgres
from sqlalchemy import create_engine

from airflow_profile_provider.sandbox import Sandbox, serve
from benchmarks import machine
from benchmarks.race import ROOT, environment

DAGS = Path(__file__).resolve().parent / "dags"
PAGE = ROOT / "docs" / "events.md"
BEGIN, END = "<!-- events:begin -->", "<!-- events:end -->"
STEPS = ("commit to event", "event to run", "run to task", "task to its end")


@dataclass(frozen=True)
class Sample:
    """Seconds of one change: all of it, and step by step."""

    total: float
    steps: Mapping[str, float]


class Scene:
    """An application's database, a vendor, and an Airflow that watches the one to serve the other."""

    def __init__(self, airflow: LocalAirflow, sandbox: Sandbox, app: Mapping[str, Any]) -> None:
        self.airflow = airflow
        self.sandbox = sandbox
        address = f"postgresql+psycopg://{app['login']}@/{app['schema']}?host={app['host']}"
        self.tables = {
            name: Table(create_engine(address), name) for name in ("profile_outbox", "other_outbox")
        }
        for table in self.tables.values():
            table.make()

    def pushed(self, value: str) -> Sample:
        """Commit a change, and wait until the vendor holds it."""
        key = next(iter(self.sandbox.keys("ocamba")))
        committed = self._commit("profile_outbox", key, value)
        self._until(lambda: self.sandbox.profile("ocamba", key)["full_name"] == value, pause=0.01)
        total = time.time() - committed
        return Sample(total, self._steps("push_on_commit", "profile_outbox", committed))

    def nothing(self, value: str) -> Sample:
        """Commit a change, and wait until the task that does nothing has ended."""
        committed = self._commit("other_outbox", "nobody", value)
        steps = self._steps("nothing_on_commit", "other_outbox", committed)
        return Sample(sum(steps.values()), steps)

    def _commit(self, table: str, key: str, value: str) -> float:
        time.sleep(random.uniform(0, 1))  # so that the watcher is met at any moment
        self.tables[table].write(key, {"full_name": value})
        return time.time()

    def _steps(self, dag_id: str, asset: str, committed: float) -> dict[str, float]:
        run: dict[str, Any] = {}

        def ended() -> bool:
            found = self.airflow.request("GET", f"dags/{dag_id}/dagRuns?order_by=-id&limit=1")["dag_runs"]
            run.update(found[0] if found else {})
            return _at(run.get("queued_at")) > committed and run["state"] in {"success", "failed"}

        self._until(ended)
        address = f"dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances"
        (task,) = self.airflow.request("GET", address)["task_instances"]
        if task["state"] != "success":
            raise RuntimeError(f"{dag_id} is {task['state']}; see {self.airflow.home}")
        events = self.airflow.request("GET", "assets/events?order_by=-timestamp&limit=5")["asset_events"]
        event = next(event for event in events if event["name"] == asset)
        moments = [committed, *map(_at, (event["timestamp"], run["queued_at"], task["start_date"]))]
        moments.append(_at(task["end_date"]))
        return {step: later - at for step, (at, later) in zip(STEPS, pairwise(moments), strict=True)}

    def switch_on(self) -> None:
        """Un-pause both DAGs, and wait until both are watched for."""
        dags = ("push_on_commit", "nothing_on_commit")
        listed = lambda: {dag["dag_id"] for dag in self.airflow.request("GET", "dags")["dags"]}  # noqa: E731
        self._until(lambda: listed().issuperset(dags), seconds=120)
        for dag_id in dags:
            self.airflow.request("PATCH", f"dags/{dag_id}", {"is_paused": False})
        self.pushed("warm up")
        self.nothing("warm up")

    def _until(self, is_so: Callable[[], bool], pause: float = 0.1, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            self.airflow.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited in vain; see {self.airflow.home}")
            time.sleep(pause)


def _at(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def measure(folder: Path, number: int) -> tuple[list[Sample], list[Sample]]:
    """Take so many samples of a push and of a task that does nothing, in turn."""
    with private_postgres(folder / "postgres") as app, serve(profiles=5, quota=False) as sandbox:
        vendor = sandbox.connections()["ocamba_default"]
        more = {
            "PYTHONPATH": environment(folder)["PYTHONPATH"],
            "BENCH_TASKS": "1",
            "AIRFLOW_CONN_APP": json.dumps(app),
            "AIRFLOW_CONN_OCAMBA_DEFAULT": json.dumps(vendor),
        }
        with LocalAirflow(folder / "airflow-home", DAGS, more=more) as airflow:
            airflow.migrate()
            airflow.start("api-server", "scheduler", "dag-processor", "triggerer")
            scene = Scene(airflow, sandbox, app)
            scene.switch_on()
            taken = [(scene.pushed(f"name {n}"), scene.nothing(f"name {n}")) for n in range(number)]
    return [pushed for pushed, _ in taken], [nothing for _, nothing in taken]


def render(pushed: Sequence[Sample], nothing: Sequence[Sample]) -> str:
    """Write the figures as Markdown."""
    today = f"{datetime.now(UTC):%d %B %Y}"
    lines = [
        f"Seconds, looking every 0.5 s; {len(pushed)} changes, one at a time; {machine.describe()}; "
        f"{machine.versions('apache-airflow')}, LocalExecutor, SQLite; outbox in PostgreSQL; {today}:",
        "",
        "| | median | 95 % |",
        "|---|---|---|",
    ]
    rows: list[tuple[str, list[float]]] = [
        ("**commit to the vendor's acknowledgement**", [sample.total for sample in pushed])
    ]
    rows += [(f"{step}, push", [sample.steps[step] for sample in pushed]) for step in STEPS]
    rows.append(("commit to the end of a task that does nothing", [sample.total for sample in nothing]))
    rows.append(("its start and end alone", [sample.steps[STEPS[-1]] for sample in nothing]))
    lines += [f"| {name} | {median(figures):.1f} | {_late(figures):.1f} |" for name, figures in rows]
    return "\n".join(lines)


def _late(figures: Sequence[float]) -> float:
    """The figure that 95 of 100 keep to."""
    return sorted(figures)[max(0, round(0.95 * len(figures)) - 1)]


def main() -> None:
    """Measure, print, and put it into the docs if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        measured = render(*measure(folder, given.samples))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(measured)
    if given.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{measured}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
