"""An application, its vendors, and an Airflow that brings what the one commits to the others."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from acceptance.events.people import People
from acceptance.events.table import Table
from include.demo.source import VENDORS
from include.local_airflow import LocalAirflow
from postgres import private_postgres
from sqlalchemy import Engine, create_engine, text

from airflow_profile_provider.sandbox import Sandbox, serve
from benchmarks.race import ROOT, environment

DAGS = Path(__file__).resolve().parent / "on_commit"
CHAIN = ROOT / "dags" / "on_change_to_all.py"
"""The example, as it is."""
STEPS = (
    "commit to event",
    "event to its row in Airflow's database",
    "row to run",
    "run to task",
    "task to its end",
)
IMPORTED = "".join(
    f"import {name}\n"
    for name in (
        *(f"airflow_profile_provider.hooks.{vendor}" for vendor in VENDORS),
        "sqlalchemy.dialects.postgresql.psycopg",
        "psycopg",
    )
)
"""What docs/events.md says to import in airflow_local_settings.py."""
_NOTIFYING = """
create function tell_of_{table}() returns trigger language plpgsql as $$
begin
    notify {table};
    return null;
end $$;
create trigger new_changes after insert on {table} for each statement execute function tell_of_{table}()"""


@dataclass(frozen=True)
class Sample:
    """Seconds of one change: all of it, and step by step."""

    total: float
    steps: Mapping[str, float]


class Scene:
    """Commits changes, and sees when they arrive."""

    def __init__(self, airflow: LocalAirflow, sandbox: Sandbox, engine: Engine) -> None:
        self.airflow = airflow
        self.sandbox = sandbox
        names = ("profile_outbox", "other_outbox", "five_outbox")
        self._tables = {name: Table(engine, name) for name in names}
        for table in self._tables.values():
            table.make()
        self._people = People(engine, {vendor: list(sandbox.keys(vendor)) for vendor in VENDORS})
        self._people.make()
        with engine.begin() as connection:
            for name in (*names, "people_outbox"):
                connection.execute(text(_NOTIFYING.format(table=name)))

    # -- one change -----------------------------------------------------------------------------------------

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

    def both(self, value: str, *, push_first: bool) -> tuple[Sample, Sample]:
        """Commit a change to push and one for nothing at once, so that both meet Airflow's loops alike."""
        key = next(iter(self.sandbox.keys("ocamba")))
        changes = [("profile_outbox", key), ("other_outbox", "nobody")]
        time.sleep(random.uniform(0, 1))  # so that these are met at any moment
        begun = {}
        for table, whose in changes if push_first else reversed(changes):
            begun[table] = time.time()
            self._tables[table].write(whose, {"full_name": value})
        self._until(lambda: self.sandbox.profile("ocamba", key)["full_name"] == value, pause=0.01)
        total = time.time() - begun["profile_outbox"]
        pushed = Sample(total, self._steps("push_on_commit", "profile_outbox", begun["profile_outbox"]))
        steps = self._steps("nothing_on_commit", "other_outbox", begun["other_outbox"])
        return pushed, Sample(sum(steps.values()), steps)

    def pushed_to_all(self, value: str) -> float:
        """Commit a person's change, and wait until the last of five vendors holds it: so many seconds."""
        time.sleep(random.uniform(0, 1))
        committed = time.time()
        self._people.commit(0, value)
        last = VENDORS[-1]
        self._until(
            lambda: self.sandbox.profile(last, self._people.keys[last][0])["$name"] == value, pause=0.01
        )
        total = time.time() - committed
        self._ended("on_change_to_all", committed)
        return total

    def five(self, value: str) -> float:
        """Commit a change, and wait until the last of five tasks that do nothing has ended."""
        committed = self._commit("five_outbox", "nobody", value)
        return max(_at(task["end_date"]) for task in self._tasks("five_on_commit", committed)) - committed

    def _commit(self, table: str, key: str, value: str) -> float:
        time.sleep(random.uniform(0, 1))  # so that the watcher is met at any moment
        begun = time.time()  # a notification may arrive before the commit returns
        self._tables[table].write(key, {"full_name": value})
        return begun

    def _steps(self, dag_id: str, asset: str, committed: float) -> dict[str, float]:
        (task,) = self._tasks(dag_id, committed)
        found = self.airflow.request("GET", "assets/events?order_by=-timestamp&limit=5")["asset_events"]
        event = next(event for event in found if event["name"] == asset)
        queued = self._ended(dag_id, committed)["queued_at"]
        yielded = event["extra"]["payload"]["yielded"]
        later = map(_at, (event["timestamp"], queued, task["start_date"], task["end_date"]))
        moments = [committed, yielded, *later]
        return {step: later - at for step, (at, later) in zip(STEPS, pairwise(moments), strict=True)}

    def _tasks(self, dag_id: str, committed: float) -> list[dict[str, Any]]:
        """Wait for the run that a commit started, and return its tasks."""
        run_id = self._ended(dag_id, committed)["dag_run_id"]
        found = self.airflow.request("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        tasks: list[dict[str, Any]] = found["task_instances"]
        if wrong := {task["state"] for task in tasks} - {"success"}:
            raise RuntimeError(f"{dag_id} has tasks that are {wrong}; see {self.airflow.home}")
        return tasks

    def _ended(self, dag_id: str, committed: float) -> dict[str, Any]:
        run: dict[str, Any] = {}

        def ended() -> bool:
            found = self.airflow.request("GET", f"dags/{dag_id}/dagRuns?order_by=-id&limit=1")["dag_runs"]
            run.update(found[0] if found else {})
            return _at(run.get("queued_at")) > committed and run["state"] in {"success", "failed"}

        self._until(ended)
        return run

    # -- before ---------------------------------------------------------------------------------------------

    def switch_on(self) -> None:
        """Un-pause the DAGs, and wait until all are watched for."""
        dags = ("push_on_commit", "nothing_on_commit", "five_on_commit", "on_change_to_all")
        listed = lambda: {dag["dag_id"] for dag in self.airflow.request("GET", "dags")["dags"]}  # noqa: E731
        self._until(lambda: listed().issuperset(dags))
        for dag_id in dags:
            self.airflow.request("PATCH", f"dags/{dag_id}", {"is_paused": False})
        for commit in (self.pushed, self.nothing, self.five, self.pushed_to_all):
            commit("warm up")

    def _until(self, is_so: Callable[[], bool], pause: float = 0.1, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            self.airflow.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited in vain; see {self.airflow.home}")
            time.sleep(pause)


def _at(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


@contextmanager
def set_up(folder: Path, *, imported: bool) -> Iterator[Scene]:
    """Start all of it, and stop it at the end; ``imported``: what a push needs, before tasks are forked."""
    dags = folder / "dags"
    folder.mkdir(parents=True)
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHAIN, dags)
    home = folder / "airflow-home"
    if imported:
        (home / "config").mkdir(parents=True)
        (home / "config" / "airflow_local_settings.py").write_text(IMPORTED)
    with private_postgres(folder / "postgres") as app, serve(profiles=5, quota=False) as sandbox:
        vendors = {name: json.dumps(found) for name, found in sandbox.connections().items()}
        more = {
            "PYTHONPATH": environment(folder)["PYTHONPATH"],
            "AIRFLOW_CONN_PROFILES_APP": json.dumps(app),
            "AIRFLOW_VAR_PROFILES_FOLDER": str(folder),
            **{f"AIRFLOW_CONN_{name.upper()}": connection for name, connection in vendors.items()},
        }
        address = f"postgresql+psycopg://{app['login']}@/{app['schema']}?host={app['host']}"
        with LocalAirflow(home, dags, more=more) as airflow:
            airflow.migrate()
            airflow.start("api-server", "scheduler", "dag-processor", "triggerer")
            scene = Scene(airflow, sandbox, create_engine(address))
            scene.switch_on()
            yield scene
