"""An Airflow for one machine: loopback, a home of its own. The demo, the UI and the tests run on it.

It keeps its state in SQLite, unless it is told to use another database, and another executor with it.

Its parts are started one by one, not by ``airflow standalone``: that takes twice as long to be ready and
leaves children behind when it is stopped.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

PARTS: Mapping[str, Sequence[str]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_open = build_opener(ProxyHandler({})).open


class Answered(Exception):
    """Airflow's API refused a request; ``status`` says how."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:2000]}")
        self.status = status


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """The environment without what steers another Airflow on this machine."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW"))
    }


class LocalAirflow:
    """One Airflow home and the processes that run on it.

    ``more`` is laid over the environment: connections (AIRFLOW_CONN_…), variables (AIRFLOW_VAR_…), settings,
    such as another database or executor (AIRFLOW__…).
    """

    def __init__(
        self, home: Path, dags: Path, *, port: int | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        self.home, self.dags = home.resolve(), dags.resolve()
        self.port = port or free_port()
        self.more = dict(more or {})
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._token = ""

    @property
    def url(self) -> str:
        """The address of the UI and of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """The metadata database, while it is SQLite."""
        return self.home / "airflow.db"

    # -- settings --------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, str]:
        """Airflow's settings as environment variables."""
        keys = self._keys()
        return {
            "AIRFLOW_HOME": str(self.home),
            # Who finds it locked waits for so many seconds.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}?timeout=30",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",  # more tasks at once lock each other out of SQLite
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(keys["ports"][0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(keys["ports"][1]),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def environment(self) -> dict[str, str]:
        """The environment of every process of this Airflow."""
        return {**clean_environment(), **self.settings(), **self.more}

    def _keys(self) -> dict[str, Any]:
        """Keys and ports of this home, made once."""
        file = self.home / "keys.json"
        if not file.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            keys = {"fernet": fernet, "jwt": secrets.token_hex(32), "ports": [free_port(), free_port()]}
            file.touch(mode=0o600)
            file.write_text(json.dumps(keys))
        return dict(json.loads(file.read_text()))

    # -- commands --------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        """The command line of ``airflow``, of the Python that runs this."""
        return [sys.executable, "-m", "airflow", *arguments]

    def run(self, *arguments: str, log: str = "commands.log", timeout: float = 600) -> None:
        """Run a command of ``airflow``; its output goes to a file of the home, which an error shows."""
        path = self.home / log
        with path.open("wb") as output:
            done = subprocess.run(
                self.command(*arguments),
                env=self.environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        if done.returncode:
            tail = "\n".join(path.read_text(errors="replace").splitlines()[-40:])
            raise RuntimeError(f"airflow {' '.join(arguments)} failed; {path} ends with:\n{tail}")

    def migrate(self) -> None:
        """Make the database, unless this version of Airflow has made it before."""
        from importlib.metadata import version

        mark = self.home / f"migrated-{version('apache-airflow-core')}"
        if not mark.exists():
            self._keys()
            self.run("db", "migrate", log="migrate.log")
            mark.touch()

    def returned(self, dag_id: str, run_id: str) -> dict[tuple[str, int], Any]:
        """What the tasks of a run left as return values, the red ones too, by task and map index."""
        query = (
            "select task_id, map_index, value from xcom "
            "where dag_id = ? and run_id = ? and key = 'return_value'"
        )
        with closing(sqlite3.connect(self.database)) as connection:
            found = connection.execute(query, [dag_id, run_id])
            return {(task_id, map_index): json.loads(value) for task_id, map_index, value in found}

    # -- processes -------------------------------------------------------------------------------------------

    def start(self, *parts: str) -> None:
        """Start these parts (all by default) and wait until the API answers."""
        for part in parts or PARTS:
            self.launch(part, *PARTS[part])
        deadline = time.monotonic() + 180
        while not self._answers():
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"Airflow did not start; see {self.home}/api-server.log")
            time.sleep(0.3)

    def launch(self, name: str, *arguments: str) -> None:
        """Start a process of ``airflow`` under a name; its output goes to that log of the home."""
        with (self.home / f"{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(
                self.command(*arguments),
                env=self.environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End a part and all that it has started as if its machine had failed: nothing can be settled."""
        import psutil

        running = self._running.pop(name)
        children = psutil.Process(running.pid).children(recursive=True)
        _signal(running, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        running.wait()

    def check(self) -> None:
        """Raise if a part has ended by itself."""
        for part, running in self._running.items():
            if running.poll() is not None:
                raise RuntimeError(
                    f"Airflow's {part} ended with {running.returncode}; see {self.home}/{part}.log"
                )

    def stop(self) -> None:
        """Stop every part and its children: asked first, killed after a while."""
        for running in self._running.values():
            _signal(running, signal.SIGTERM)
        deadline = time.monotonic() + 15
        for running in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                running.wait(max(0.1, deadline - time.monotonic()))
            _signal(running, signal.SIGKILL)  # children that outlived their parent, too
            running.wait()
        self._running.clear()

    def __enter__(self) -> LocalAirflow:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- the REST API ----------------------------------------------------------------------------------------

    def _answers(self) -> bool:
        try:
            with _open(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def request(self, method: str, path: str, document: Any = None) -> Any:
        """Ask the REST API (``path`` without /api/v2) and return its JSON; raises Answered for a refusal."""
        if not self._token:
            with _open(f"{self.url}/auth/token", timeout=30) as answer:
                self._token = json.loads(answer.read())["access_token"]
        request = Request(
            f"{self.url}/api/v2/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with _open(request, timeout=60) as answer:
                body = answer.read()
        except HTTPError as error:
            raise Answered(error.code, error.read().decode(errors="replace")) from None
        except URLError as error:
            self.check()
            raise RuntimeError(f"{self.url} does not answer: {error.reason}") from None
        return json.loads(body) if body else None

    def connect(self, connections: Mapping[str, Mapping[str, Any]]) -> None:
        """Store connections over the REST API, in place of older ones."""
        for name, connection in connections.items():
            extra = connection.get("extra")
            document = {"connection_id": name, **connection, "extra": json.dumps(extra) if extra else None}
            try:
                self.request("POST", "connections", document)
            except Answered as refused:
                if refused.status != 409:
                    raise
                self.request("PATCH", f"connections/{name}", document)


def _signal(running: subprocess.Popen[bytes], number: int) -> None:
    """Signal a part's whole process group."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, number)
