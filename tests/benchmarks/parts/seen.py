"""The page *Profiles*: how long its API takes over a long history, beside a bare select of one row."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from include.local_airflow import LocalAirflow

from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import ROOT, Effort, environment
from benchmarks.stores import postgres_server

DAGS = Path(__file__).resolve().parents[1] / "dags_of_page"
STORES = ("SQLite", "PostgreSQL")
PUSHES = 336
"""One an hour for two weeks."""
ASKED = 40
"""How often each path is asked; the second slowest answer counts: 95 of 100 are faster."""
MOST = 100
"""Milliseconds that an answer may take."""

Query = Mapping[str, Any]


def seen(effort: Effort, folder: Path) -> Outcome:
    """Ask for each path of the page's API, on either database."""
    lines, entries = effort.records(1_000_000, at_least=10_000), effort.records(1_000_000, at_least=10_000)
    rows, targets = [], []
    for name in STORES:
        own = folder / name
        own.mkdir()
        with _database(name, own) as database, _filled(own, database, lines, entries) as airflow:
            bare = _p95(_selecting(database))
            rows.append(_row(f"bare select of one row, {name}", bare, bare))
            asked = _Asked(airflow)
            for what, (path, query) in _paths(asked).items():
                asked(path, query)  # what is done once at a server's start is not measured
                took = _p95(lambda: asked(path, query))  # noqa: B023 -- called at once
                rows.append(_row(f"{what}, {name}", took, bare))
                targets.append(
                    Target(f"p95 of {what}, {name}", MOST, [took * 1000], at_least=False, unit=" ms")
                )
    about = (
        f"{lines:,} lines of history of {PUSHES} pushes, one of them with a tenth of them, and a ledger of "
        f"{entries:,} keys, of which one in 500 is quarantined and one in 1,000 in doubt. Airflow's API "
        f"server and one client, over HTTP with a token, each path {ASKED} times. Airflow's own tables and "
        "the ledger's are in the same kind of database."
    )
    return Outcome(f"The page Profiles over {lines:,} lines of history", rows, targets, [about])


def _row(name: str, took: float, bare: float) -> Row:
    return Row(name, settings=f"p95 {took * 1000:.2f} ms, {took / bare:,.0f} × the bare select")


def _p95(work: Callable[[], object]) -> float:
    """Return the seconds that 95 of 100 do not exceed."""
    taken = []
    for _ in range(ASKED):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]


def _paths(asked: _Asked) -> Mapping[str, tuple[str, Query]]:
    """Return each path of the API, as the page's screens ask for it."""
    newest = asked("pushes", {"limit": 1})["pushes"][0]
    oldest = {**newest, "run_id": "run-00000"}
    key = {"key": "k0000033"}
    return {
        "pushes": ("pushes", {}),
        "pushes, a second page": ("pushes", {"before": asked("pushes", {})["next"]}),
        "one push": (_push(newest), {}),
        "one push, its problems": (_push(oldest), {"verdict": ["rejected", "invalid"]}),
        "one push, a rare reason": (_push(oldest), {"reason": "invalid: field phone"}),
        "summary, 7 days": ("summary", {"days": 7}),
        "summary, 30 days": ("summary", {"days": 30}),
        "reasons": ("reasons", {"days": 7}),
        "ledgers": ("ledgers/ledger", {}),
        "quarantine": ("ledgers/ledger/quarantine", {}),
        "one profile": ("ledgers/ledger/profile", key),
        "profiles by how they begin": ("ledgers/ledger/profile", {"key": "k00", "prefix": True}),
        "profiles, none begins so": ("ledgers/ledger/profile", {"key": "z", "prefix": True}),
        "outboxes": ("outboxes/app", {}),
    }


def _push(push: Mapping[str, Any]) -> str:
    names = (push["dag_id"], push["run_id"], push["task_id"], push["map_index"])
    return "/".join(["pushes", *(quote(str(name), safe="") for name in names)])


class _Asked:
    """Asks the page's API, over one connection."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self._connection = HTTPConnection("127.0.0.1", airflow.port, timeout=120)
        self._connection.request("GET", "/auth/token")
        token = json.loads(self._connection.getresponse().read())["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, path: str, query: Query) -> Any:
        address = f"/profiles/api/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        self._connection.request("GET", address, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{address}: {answer.status} {body[:500]!r}")
        return json.loads(body)


@contextmanager
def _database(name: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Make a database for all that is kept, and say how Airflow connects to it."""
    if name == "SQLite":
        yield {"conn_type": "sqlite", "host": str(folder / "ledger.db")}
    else:
        with postgres_server() as (connection, _):
            yield connection


@contextmanager
def _filled(folder: Path, database: Mapping[str, Any], lines: int, entries: int) -> Iterator[LocalAirflow]:
    """Run the API server of an Airflow that has seen many pushes."""
    more = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), environment(folder)["PYTHONPATH"]]),
        "AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS": "False",
        "AIRFLOW_CONN_LEDGER": json.dumps(database),
        "AIRFLOW_CONN_APP": json.dumps(database),
    }
    if database["conn_type"] == "postgres":
        place = f"{database['login']}@/{database['schema']}?host={database['host']}"
        more["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"postgresql+psycopg2://{place}"
    with LocalAirflow(folder / "airflow-home", DAGS, more=more) as airflow:
        airflow.migrate()
        airflow.run("dags", "reserialize")
        command = [sys.executable, "-m", "benchmarks.contenders.seen"]
        command += ["--lines", str(lines), "--entries", str(entries), "--pushes", str(PUSHES)]
        done = subprocess.run(
            command, env=airflow.environment(), cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the history was not made: {done.stderr[-2000:]}")
        airflow.start("api-server")
        yield airflow


def _selecting(database: Mapping[str, Any]) -> Callable[[], object]:
    """Return what reads one row by its key, over a connection that is open."""
    import sqlite3

    import psycopg

    query = "select position from profile_history_records where push = 1 and number = 1"
    if database["conn_type"] == "sqlite":
        lite = sqlite3.connect(database["host"])
        return lambda: lite.execute(query).fetchone()
    server = psycopg.connect(
        f"host={database['host']} user={database['login']} dbname={database['schema']}", autocommit=True
    )
    return lambda: server.execute(query).fetchone()
