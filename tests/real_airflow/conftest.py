"""One migrated database, one sandbox and one deployment of Airflow for all tests of a session."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from include.demo.stage import databases
from include.local_airflow import LocalAirflow
from own_airflow import AIRFLOW, HOME, ROOT

from airflow_profile_provider.sandbox import Sandbox, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEST_DAGS = Path(__file__).parent / "dags"
FINISHED = {"success", "failed"}
BUNDLES = json.dumps(
    [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path)},
        }
        for name, path in (("examples", ROOT / "dags"), ("tests", TEST_DAGS))
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs a real Airflow."""
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.airflow)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example DAGs read from and write to."""
    return tmp_path_factory.mktemp("profiles")


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with serve(profiles=60, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox, as it was at the start."""
    running_sandbox.reset()
    return running_sandbox


def connections(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The sandbox's connections without quotas: the sandbox here has none either."""
    return {
        name: {**connection, "extra": {"quota": "none", "concurrency": 4}}
        for name, connection in sandbox.connections().items()
    }


@pytest.fixture(scope="session")
def migrated() -> LocalAirflow:
    """The Airflow of this process, with a database."""
    AIRFLOW.migrate()
    return AIRFLOW


def another(airflow: LocalAirflow, home: Path, more: Mapping[str, str] | None = None) -> LocalAirflow:
    """An Airflow with a copy of that one's database and with its key: what is stored can be read by both."""
    home.mkdir(parents=True, exist_ok=True)
    own = LocalAirflow(home, ROOT / "dags", more=more)
    own.settings()
    keys = own.home / "keys.json"
    theirs = json.loads((airflow.home / "keys.json").read_text())
    keys.write_text(json.dumps(json.loads(keys.read_text()) | {"fernet": theirs["fernet"]}))
    # Not as a file: closing it would take away the locks that this process holds on it, and ruin it.
    with closing(sqlite3.connect(airflow.database)) as source, closing(sqlite3.connect(own.database)) as copy:
        source.backup(copy)
    return own


# -- dag.test() -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    state: str
    tasks: Mapping[str, str]
    returned: Mapping[tuple[str, int], Any]
    run_id: str = ""

    def report(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """What a push left as its return value."""
        return dict(self.returned[task_id, map_index])


TestDag = Callable[..., Ended]


@pytest.fixture(scope="session")
def bundles(migrated: LocalAirflow) -> LocalAirflow:
    """The example DAGs and the tests' own, where this process looks for DAGs."""
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = BUNDLES
    return migrated


@pytest.fixture
def test_dag(
    bundles: LocalAirflow, sandbox: Sandbox, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TestDag:
    """Run a DAG with ``dag.test()``, its connections pointing at the sandbox and at files of the test."""
    monkeypatch.setenv("AIRFLOW_VAR_PROFILES_FOLDER", str(folder))
    files = databases(tmp_path / "people.db", tmp_path / "ledger.db")
    for name, connection in {**connections(sandbox), **files}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    return lambda file, **options: run_dag(bundles, file, **options)


def run_dag(airflow: LocalAirflow, file: Path, **options: Any) -> Ended:
    """Run the DAG of a file with ``dag.test()``."""
    bundle = {"bundle_name": "examples"}
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

        bundle = {}
    bag = DagBag(file, bundle_path=file.parent, **bundle)
    assert not bag.import_errors
    (dag,) = bag.dags.values()
    done = dag.test(**options)
    return Ended(
        str(done.state),
        {task.task_id: str(task.state) for task in done.get_task_instances()},
        airflow.returned(dag.dag_id, done.run_id),
        done.run_id,
    )


# -- a deployment ----------------------------------------------------------------------------------


class Deployment:
    """A running Airflow and what a test asks of it."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self.airflow = airflow

    def switch_on(self, *dag_ids: str) -> None:
        """Un-pause DAGs, once the processor has found them."""
        for dag_id in dag_ids:
            self.until(lambda dag_id=dag_id: self._found(dag_id), f"{dag_id} to be parsed")
            self.airflow.request("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def _found(self, dag_id: str) -> bool:
        listed = self.airflow.request("GET", "dags?limit=100")["dags"]
        return dag_id in {dag["dag_id"] for dag in listed}

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run over the REST API and return its id."""
        document = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.airflow.request("POST", f"dags/{dag_id}/dagRuns", document)["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs of a DAG, oldest first."""
        return list(self.airflow.request("GET", f"dags/{dag_id}/dagRuns?order_by=id")["dag_runs"])

    def end_of(self, dag_id: str, run_id: str) -> Ended:
        """Wait until a run has ended."""
        run: dict[str, Any] = {}

        def ended() -> bool:
            run.update(next(run for run in self.runs(dag_id) if run["dag_run_id"] == run_id))
            return run["state"] in FINISHED

        self.until(ended, f"{dag_id} to end")
        tasks = self.airflow.request("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        states = {task["task_id"]: task["state"] for task in tasks}
        return Ended(run["state"], states, self.airflow.returned(dag_id, run_id))

    def first_run(self, dag_id: str, count: int = 1) -> list[str]:
        """Wait for runs that nobody triggered by hand, and return their ids."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [run["dag_run_id"] for run in self.runs(dag_id) if run["run_type"] != "manual"]
            return len(found) >= count

        self.until(there, f"{dag_id} to start by itself")
        return found

    def states(self, dag_id: str, run_id: str) -> list[str]:
        """The states of a run's tasks."""
        tasks = self.airflow.request("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [task["state"] for task in tasks]

    def wait_for_question(self, dag_id: str, run_id: str, task_id: str = "approve") -> None:
        """Wait until somebody is asked, and the scheduler knows that the task's process has ended.

        Airflow 3.3 fails a task that is answered in between: it takes the process for the next attempt's.
        """
        waiting = {"awaiting_input", "deferred"}  # the latter before Airflow 3.3
        self.until(lambda: bool(waiting & set(self.states(dag_id, run_id))), f"{task_id} to ask")
        task = f"dag_id='{dag_id}', task_id='{task_id}', run_id='{run_id}'"
        ended = f"Received executor event with state success for task instance TaskInstanceKey({task}"
        log = self.airflow.home / "scheduler.log"
        self.until(lambda: ended in log.read_text(errors="replace"), f"{task_id}'s process to end")

    def until(self, is_so: Callable[[], bool], what: str, seconds: float = 150) -> None:
        """Wait for something, and fail if it takes too long."""
        deadline = time.monotonic() + seconds
        while not is_so():
            self.airflow.check()
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds:g} s for {what}; see {self.airflow.home}")
            time.sleep(0.5)


@pytest.fixture
def people_database(deployment: Deployment, tmp_path: Path) -> Path:
    """Where the deployment looks for people and companies; its ledger knows nothing of them yet."""
    source = tmp_path / "people.db"
    deployment.airflow.connect(databases(source, tmp_path / "ledger.db"))
    return source


@pytest.fixture(scope="session")
def deployment(migrated: LocalAirflow, running_sandbox: Sandbox, folder: Path) -> Iterator[Deployment]:
    """API server, scheduler, DAG processor and triggerer as processes of their own, connections stored."""
    home = HOME / "deployment"
    variables = {
        "AIRFLOW_VAR_PROFILES_FOLDER": str(folder),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
    }
    with another(migrated, home, variables) as airflow:
        airflow.start("api-server", "scheduler", "dag-processor", "triggerer")
        airflow.connect(connections(running_sandbox))
        yield Deployment(airflow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without its calls to the outside."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run"]
    quiet += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=quiet)
        yield launched
        launched.close()
