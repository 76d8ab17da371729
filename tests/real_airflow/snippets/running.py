"""Running a snippet: Python, a DAG, SQL, a shell's commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from include.local_airflow import LocalAirflow, free_port
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.reports import Report

from .reading import Snippet
from .world import World

SERVER = re.compile(r"^python -m airflow_profile_provider\.sandbox --port \d+")
TASK = re.compile(r"\b\w+Operator(?:\.partial)?\(|@task\b|@dag\b")


COMMANDS = "airflow profiles" if AIRFLOW_VERSION >= (3, 2) else "python -m airflow_profile_provider.cli"
"""Airflow 3.1 takes no commands from providers."""


def dag_bag(file: Path) -> Any:
    """Parse a file of DAGs."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

        return DagBag(file, bundle_path=file.parent)
    return DagBag(file, bundle_path=file.parent, bundle_name="snippets")


class Runner:
    """Runs the snippets of one page, one after the other."""

    def __init__(self, page: str, world: World, airflow: LocalAirflow) -> None:
        self.page, self.world, self.airflow = page, world, airflow
        self._port = free_port()
        self._servers: list[subprocess.Popen[bytes]] = []
        self._ways: Mapping[str, Callable[[Snippet], None]] = {
            "python": self._python,
            "sql": self._sql,
            "json": self._json,
            "console": self._shell,
            "shell": self._shell,
            "bash": self._shell,
        }

    def knows(self, snippet: Snippet) -> bool:
        """Whether a snippet's language is one that is run."""
        return snippet.language in self._ways

    def run(self, snippet: Snippet) -> None:
        """Run a snippet; what it says must work."""
        self._ways[snippet.language](snippet)

    def close(self) -> None:
        """End what the page has started."""
        for server in self._servers:
            server.terminate()
            server.wait()

    # -- Python ----------------------------------------------------------------------------------

    def _python(self, snippet: Snippet) -> None:
        code = self.world.placed(snippet.code)
        name = f"{self.page}_line_{snippet.line}"  # Airflow keeps DAGs of one name
        if not TASK.search(code):
            exec(compile(code, name, "exec"), {"__name__": name})
            return
        if not re.search(r"\bDAG\(|^@dag\b", code, re.MULTILINE):
            code = f'from airflow.sdk import DAG\n\nwith DAG("{name}"):\n{textwrap.indent(code, "    ")}'
        self._dags(code)

    def _dags(self, code: str) -> None:
        """Run the DAGs of some code, as ``airflow dags test`` does; each delivers something, if it pushes."""
        file = self.world.dags / "snippet.py"
        file.write_text(code)
        bag = dag_bag(file)
        assert not bag.import_errors
        assert bag.dags
        for dag in bag.dags.values():
            done = dag.test(logical_date=None)  # as a run has that an asset or the REST API started
            states = {task.task_id: str(task.state) for task in done.get_task_instances()}
            assert str(done.state) == "success", states
            returned = self.airflow.returned(dag.dag_id, done.run_id).values()
            reports = [report for report in returned if isinstance(report, dict) and "received" in report]
            if reports:
                assert sum(report["pushed"] + report["unchanged"] + report["planned"] for report in reports)

    # -- SQL and JSON ----------------------------------------------------------------------------

    def _sql(self, snippet: Snippet) -> None:
        with self.world.connect() as connection:
            connection.execute(snippet.code)
        self.world.fill_outbox()

    def _json(self, snippet: Snippet) -> None:
        """Read the documents: a report has a report's members, and a push takes a change or a reject."""
        from airflow_profile_provider.hooks.ocamba import OcambaHook

        decoder, text = json.JSONDecoder(), snippet.code.strip()
        while text:
            document, end = decoder.raw_decode(text)
            text = text[end:].strip()
            if "received" in document:
                assert set(document) <= set(Report().as_dict())
            else:
                options = {"key": "id", "fields": {"email": "mail"}} if "row" in document else {}
                report = OcambaHook().push([document], **options)
                assert report.received == 1

    # -- a shell ---------------------------------------------------------------------------------

    def _shell(self, snippet: Snippet) -> None:
        code = self.world.placed(snippet.code).replace("8765", str(self._port))
        code = code.replace("airflow profiles", COMMANDS)
        rest = []
        for line in code.splitlines():
            if SERVER.match(line):
                self._serve(line)
            else:
                rest.append(line)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join([*rest, "env -0 >environment"])],
            cwd=self.world.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        self._check_connections()

    def _environment(self) -> dict[str, str]:
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        mine = {"PATH": paths, "COLUMNS": "200", "AIRFLOW__CORE__DAGS_FOLDER": str(self.world.dags)}
        return {**self.airflow.environment(), **os.environ, **mine}

    def _serve(self, line: str) -> None:
        """Start a sandbox, which would stay in the foreground, and wait until it answers."""
        started = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=self.world.folder, env=self._environment()
        )
        self._servers.append(started)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert started.poll() is None, line
            try:
                urlopen(f"http://127.0.0.1:{self._port}/_sandbox/health", timeout=5).close()
                return
            except URLError:
                time.sleep(0.1)
        raise AssertionError(f"{line} does not answer")

    def _check_connections(self) -> None:
        """Each connection of a vendor that the commands have set is one that its hook takes."""
        from airflow.sdk import Connection

        for line in (self.world.folder / "environment").read_text().split("\0"):
            name, _, value = line.partition("=")
            if name.startswith("AIRFLOW_CONN_") and os.environ.get(name) != value:
                connection = Connection.from_json(value, conn_id=name.removeprefix("AIRFLOW_CONN_").lower())
                assert connection.conn_type
