"""What compose.yaml describes, without Docker: its parts as processes of this machine, in its environment."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stores import redis
from include.local_airflow import Answered, LocalAirflow, free_port
from postgres import private_postgres

from distributed import compose

WORKERS = ("worker-1", "worker-2")
# A dead worker is noticed soon, so that a test need not wait for it.
SOON = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}


@dataclass(frozen=True)
class Cluster:
    """An Airflow on CeleryExecutor, and what is asked of it."""

    airflow: LocalAirflow
    profiles: Path

    def switch_on(self, dag_id: str) -> None:
        """Un-pause a DAG, once the processor has found it."""

        def found() -> bool:
            try:
                self.airflow.request("PATCH", f"dags/{dag_id}", {"is_paused": False})
            except Answered as refused:
                if refused.status != 404:
                    raise
                return False
            return True

        self.until(found, f"{dag_id} to be parsed")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> Run:
        """Start a run."""
        document = {"logical_date": None, "conf": dict(conf or {})}
        begun = self.airflow.request("POST", f"dags/{dag_id}/dagRuns", document)
        return Run(self, dag_id, begun["dag_run_id"])

    def until(self, is_so: Callable[[], bool], what: str, seconds: float = 240) -> None:
        """Wait for something.

        Raises:
            RuntimeError: it takes too long, or a part of Airflow has ended.
        """
        deadline = time.monotonic() + seconds
        while not is_so():
            self.airflow.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds:g} s for {what}; see {self.airflow.home}")
            time.sleep(0.3)


@dataclass(frozen=True)
class Run:
    """A run of a DAG."""

    cluster: Cluster
    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"dags/{self.dag_id}/dagRuns/{self.run_id}"

    @property
    def state(self) -> str:
        """How it stands."""
        return str(self.cluster.airflow.request("GET", self.path)["state"])

    def tasks(self, task_id: str) -> list[dict[str, Any]]:
        """The instances of a task, by their map indexes."""
        found = self.cluster.airflow.request("GET", f"{self.path}/taskInstances?limit=100")["task_instances"]
        of_it = [instance for instance in found if instance["task_id"] == task_id]
        return sorted(of_it, key=lambda instance: int(instance["map_index"]))

    def returned(self, task_id: str, map_index: int = -1, key: str = "return_value") -> dict[str, Any]:
        """What a task has left in XCom."""
        path = f"{self.path}/taskInstances/{task_id}/xcomEntries/{key}?map_index={map_index}&deserialize=true"
        return dict(self.cluster.airflow.request("GET", path)["value"])

    def log(self, instance: Mapping[str, Any]) -> str:
        """What the last try of a task instance has logged; all workers write to one folder."""
        folder = self.cluster.airflow.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"
        folder = folder / f"task_id={instance['task_id']}" / f"map_index={instance['map_index']}"
        return (folder / f"attempt={instance['try_number']}.log").read_text()

    def end(self, seconds: float = 240) -> str:
        """Wait until it has ended, and say how."""
        self.cluster.until(lambda: self.state in {"success", "failed"}, f"{self.dag_id} to end", seconds)
        return self.state


@contextmanager
def running_cluster(
    folder: Path, vendor: str, *, dags: Path = compose.ROOT / "dags", more: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Start Redis, PostgreSQL and every part of Airflow; ``vendor`` is the address of the sandbox.

    The environment is that of compose.yaml, with ``more`` laid over it. The triggerer is left out: nothing
    here is deferred.
    """
    profiles = folder / "profiles"
    profiles.mkdir(parents=True)
    with ExitStack() as stack:
        postgres_port, api_port = free_port(), free_port()
        # A path of its own, for it must be readable by the user that the server runs as.
        own = stack.enter_context(tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True))
        Path(own).chmod(0o755)
        database = stack.enter_context(private_postgres(Path(own) / "kept", port=postgres_port))
        _make_database(database)
        broker = stack.enter_context(redis(folder))
        places = {
            "postgres:5432": f"127.0.0.1:{postgres_port}",
            "redis:6379": f"{broker['host']}:{broker['port']}",
            "sandbox:8765": vendor,
            "api-server:8080": f"127.0.0.1:{api_port}",
            "/opt/airflow/dags": str(compose.ROOT / "dags"),
            "/var/lib/profiles": str(profiles),
        }
        settings = compose.environment(places) | SOON | dict(more or {})
        airflow = stack.enter_context(LocalAirflow(folder / "home", dags, port=api_port, more=settings))
        airflow.migrate()
        airflow.start("api-server", "scheduler", "dag-processor")
        for worker in WORKERS:
            start_worker(airflow, worker)
        yield Cluster(airflow, profiles)


def start_worker(airflow: LocalAirflow, name: str) -> None:
    """Start a Celery worker as compose.yaml does, made to live on one machine with others."""
    alone = ["--celery-hostname", f"{name}@%h", "--pid", str(airflow.home / f"{name}.pid")]
    airflow.launch(name, *compose.command(name), *alone, "--skip-serve-logs")


def _make_database(server: Mapping[str, Any]) -> None:
    """Make what the image of PostgreSQL makes by its environment: a user and a database of that name."""
    import psycopg

    given = compose.services()["postgres"]["environment"]
    user, name = given["POSTGRES_USER"], given["POSTGRES_DB"]
    with psycopg.connect(
        host=server["host"],
        port=server["port"],
        user=server["login"],
        dbname=server["schema"],
        autocommit=True,
    ) as connection:
        connection.execute(f'create role "{user}" superuser login')  # type: ignore[arg-type] -- names of ours
        connection.execute(f'create database "{name}" owner "{user}"')  # type: ignore[arg-type]
